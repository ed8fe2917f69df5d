"""Upper bounds against lower bounds: every pair of the catalogue, and mutants that the same check must reject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sympy
from sympy import Expr, Max, Rational, exp, sqrt

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.certificate import check_witness
from tightrate.rates.orders.certificate_check import check_certificate
from tightrate.rates.orders.one_sided_estimates import (
    above_one,
    below_excess,
    is_excess,
    with_exponentials,
    without_excess,
)
from tightrate.rates.relations import memberships as module
from tightrate.rates.relations.memberships import families, memberships
from tightrate.rates.relations.upper_against_lower import PairCheck, all_checks, checks, needed_conditions
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.statements.family import Family, SpecialCase
from tightrate.rates.statements.setting import SAMPLE_SMOOTHNESS, Inclusion, Setting, inclusion
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import (
    LETTERS,
    B,
    D,
    K,
    L,
    M,
    Q,
    R,
    eta,
    gamma,
    momentum,
    mu,
    sigma,
    tau,
    zeta,
    zeta_star,
)
from tightrate.rates.symbols.evaluation import at

LOCAL_STEPS = Condition("at least two local steps", sympy.Ge(K, 2))


@cache
def pairs() -> tuple[PairCheck, ...]:
    return tuple(all_checks())


def with_terms(entry: Theorem, terms: dict[str, Expr]) -> Theorem:
    """The same statement with other terms."""
    bound = replace(entry.bound, terms=tuple(Term(name, term) for name, term in terms.items()))
    return replace(entry, bound=bound)


def terms_of(bound: Bound) -> dict[str, Expr]:
    return {term.name: term.expression for term in bound.terms}


def verdicts(lower: Theorem, upper: Theorem) -> set[str]:
    """What all comparisons of a pair say."""
    found = {check.verdict for check in checks(lower, upper)}
    assert found, "the pair must speak of the same thing"
    return found


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_only_the_statement_known_to_be_wrong_is_contradicted() -> None:
    assert {check.lower.id for check in pairs() if check.verdict == "contradiction"} == {"patel2024/thm9"}


def test_what_is_not_decided_is_known() -> None:
    assert {check.lower.id for check in pairs() if check.verdict == "undecided"} == {
        "patel2024/lemma8",  # its partners at a fixed step are geometric sums
        "patel2024/thm11-exact",  # a closed form; thm11-constant is its order
    }


def test_every_proof_and_every_path_passes_its_own_checker() -> None:
    assert len(pairs()) > 300
    for check in pairs():
        if check.verdict == "consistent":
            assert check.result.certificate is not None
            assert check_certificate(check.result.certificate, check.low, check.high, check.given), check.as_dict()
        elif check.verdict == "contradiction":
            assert check_witness(check.result.witness, check.low, check.high, check.given), check.as_dict()


def test_the_printed_lower_bound_contradicts_minibatch_sgd_in_two_of_its_terms() -> None:
    (check,) = checks(theorem("patel2024/thm9"), theorem("dekel2012/convex"))
    assert check.verdict == "contradiction"
    assert set(check.offending) == {"noise drift", "heterogeneity drift"}
    for name, result in check.offending.items():
        term = check.lower.bound.term(name).expression
        assert check_witness(result.witness, term, check.high, check.given)
    assert "M" in check.offending["noise drift"].witness.exponents
    assert "last iterate" in " ".join(check.remarks)


def test_the_contradiction_does_not_need_large_noise_or_heterogeneity() -> None:
    """In the domain where no term exceeds the gap at the start a free outer step contradicts mini-batch SGD as well."""
    vanilla = theorem("patel2024/thm9-vanilla")
    assert vanilla.setting is not None
    free = replace(vanilla, setting=replace(vanilla.setting, algorithm="local-sgd-any-outer-step"))
    (check,) = checks(free, theorem("dekel2012/convex"))
    assert check.verdict == "contradiction"
    assert set(check.offending) == {"noise drift", "heterogeneity drift"}
    assert any(h == theorem("patel2024/thm9-vanilla").conditions[-1].relation for h in check.given)


@pytest.mark.parametrize("corrected", ["patel2024/thm9-vanilla", "patel2024/thm9-any-steps", "patel2024/thm11"])
def test_corrected_statements_stand_against_every_upper_bound(corrected: str) -> None:
    found = [check for check in pairs() if check.lower.id == corrected]
    assert {check.verdict for check in found} == {"consistent"}
    assert {"koloskova2020/convex", "patel2024/start"} <= {check.upper.id for check in found}


def test_every_added_condition_is_needed() -> None:
    """Without it some upper bound is contradicted; of the others nothing is claimed."""
    uppers = [entry for entry in theorems() if entry.setting is not None and entry.bound.kind == "upper"]
    for name, texts in {
        "patel2024/thm9-vanilla": {
            "two local steps",
            "two workers",
            "statistical",
            "noise drift",
            "heterogeneity drift",
        },
        "patel2024/prop7": {"two workers"},
        "glasgow2022/lower-homogeneous": {"two local steps", "statistical", "noise drift"},
        "woodworth2020a/lower": {"two local steps"},
        "woodworth2020/lower": {"two workers", "statistical"},
        "patel2024/two-quadratics-floor": {"even number", "two local steps", "slow coordinate"},
    }.items():
        found = [condition.text for condition, _ in needed_conditions(theorem(name), uppers)]
        assert len(found) == len(texts)
        assert all(any(text in line for line in found) for text in texts), (name, found)


def test_pairs_without_common_values_are_no_contradiction() -> None:
    """An infinite gap needs a delayed preconditioner, the finite bound one without delay."""
    (check,) = checks(theorem("lee2024/h3"), theorem("lee2024/h2"))
    assert check.verdict == "nothing in common"
    undelayed = replace(theorem("lee2024/h3"), conditions=())
    assert verdicts(undelayed, theorem("lee2024/h2")) == {"contradiction"}


def test_json_has_the_evidence() -> None:
    (check,) = checks(theorem("patel2024/thm9"), theorem("dekel2012/convex"))
    document = check.as_dict()
    assert (document["lower"], document["upper"], document["verdict"]) == (
        "patel2024/thm9",
        "dekel2012/convex",
        "contradiction",
    )
    assert set(document["offending"]) == {"noise drift", "heterogeneity drift"}


# --- settings of the catalogue ----------------------------------------------------------------------------------------


def test_every_bound_on_the_gap_has_a_setting_or_a_reason() -> None:
    without = {
        entry.id
        for entry in theorems()
        if entry.bound.measure.name == "gap" and entry.bound.kind != "exact" and entry.setting is None
    }
    clipped_at_a_fixed_step = {"structural-convex", "structural-sc", "fixed-step-convex", "fixed-step-sc"}
    bounded_gradients = {"thm4", "thm4-safe", "eq9"}
    assert without == {
        *(f"cheng2024/{label}" for label in clipped_at_a_fixed_step),
        *(f"khaled2025/{label}" for label in bounded_gradients),
    }


@pytest.mark.parametrize(
    "entry", [e for e in theorems() if e.setting and e.bound.measure.name == "gap"], ids=lambda e: e.id
)
def test_a_setting_names_every_constant_of_its_bound(entry: Theorem) -> None:
    """A letter of an upper bound is a number, a method's choice, or a constant that the class bounds."""
    assert entry.setting is not None
    common = {"K", "R", "M", "T", "d", "L", "B", "alpha", "delta", "decay", "decay_lower"}
    common |= {name for name, letter in LETTERS.items() if letter.chosen}
    named = set(entry.setting.constants)
    for value in entry.setting.constants.values():
        named |= {letter.name for letter in sympy.sympify(value).free_symbols}
    if entry.bound.kind == "upper":
        assert set(entry.bound.letters) - common <= named
        fixed = {
            letter.name for value in entry.setting.constants.values() for letter in sympy.sympify(value).free_symbols
        }
        assert all(sympy.sympify(value).is_Symbol or value == 0 for value in entry.setting.constants.values())
        assert fixed <= named
    else:
        may_vanish = {"sigma", "zeta_star", "tau", "Q"}
        assert set(entry.bound.letters) & may_vanish <= named


def test_classes_inside_classes() -> None:
    both = Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star})
    assert inclusion(both, both) == Inclusion({sigma: sigma, zeta_star: zeta_star}, frozenset())
    uniform = Setting("local-sgd", {"sigma": sigma, "zeta": zeta})
    assert inclusion(uniform, both) == Inclusion({sigma: sigma, zeta_star: zeta}, frozenset())
    assert inclusion(both, uniform) is None, "bounded at the optimum is not bounded everywhere"
    alone = inclusion(both, uniform, one_worker=True)
    assert alone is not None
    assert alone.values == {sigma: sigma, zeta: 0}
    identical = Setting("local-sgd", {"sigma": sigma, "zeta": 0})
    assert inclusion(both, identical) is None, "a shared optimum does not make workers identical"
    quadratic = Setting("local-sgd", {"sigma": sigma, "zeta": 0, "Q": 0})
    assert inclusion(Setting("local-sgd", {"sigma": sigma, "zeta": 0, "Q": Q}), quadratic) == Inclusion(
        {sigma: sigma}, frozenset({Q})
    )
    assert inclusion(identical, quadratic) is None, "nothing bounds the third derivative"
    strongly_convex = Setting("local-sgd", {"sigma": sigma, "zeta": 0, "mu": mu})
    assert inclusion(identical, strongly_convex) is None
    assert inclusion(strongly_convex, identical) is not None
    smooth_samples = Setting("local-sgd", {SAMPLE_SMOOTHNESS: L, "zeta_star": zeta_star})
    noiseless = inclusion(both, smooth_samples)
    assert noiseless is not None
    assert noiseless.vanishing == {sigma}, "only without noise are all samples known to be smooth"
    assert inclusion(both, Setting("local-sgd", {"tau": tau, "zeta_star": zeta_star})).values[tau] == L


def test_algorithms_inside_families() -> None:
    free = frozenset({"K", "gamma", "eta", "momentum"})
    assert next(memberships("minibatch-sgd", "local-sgd-any-outer-step", free)).at == {}
    assert next(memberships("local-sgd", "zero-respecting", free)).at == {}
    assert not list(memberships("fedac", "local-sgd", free))
    assert not list(memberships("sgd", "zero-respecting", free)), "without rounds it is no distributed algorithm"
    assert [dict(way.at) for way in memberships("minibatch-sgd", "local-sgd", free)] == [{K: 1}]
    assert {gamma: 1, momentum: 0} in [way.at for way in memberships("local-sgd-outer-momentum", "local-sgd", free)]
    tuned_over_both = list(memberships("local-sgd-any-outer-step", "local-sgd", frozenset({"eta"})))
    assert all(way.at == {K: 1} for way in tuned_over_both), "the best of both steps says nothing about plain averaging"
    assert not list(memberships("zero-respecting", "local-sgd", free)), "a family is not its member"
    with pytest.raises(TightrateError, match="did you mean 'local-sgd'"):
        list(memberships("minibatch-sgd", "local-sgds", free))


def test_every_family_of_a_setting_is_declared_beside_a_paper() -> None:
    assert {entry.setting.algorithm for entry in theorems() if entry.setting} <= set(families())
    for known in families().values():
        assert {case.family for case in (*known.contains, *known.reduces_to)} <= set(families()) - {known.name}


def test_a_paper_adds_a_family_without_touching_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarted SGD holds local SGD at one restart, and is mini-batch SGD at K = 1: both are found from its side."""
    restarted = Family(
        "restarted",
        "local SGD that starts again",
        contains=(SpecialCase("local-sgd", "one restart"),),
        reduces_to=(SpecialCase("minibatch-sgd", "one local step", {K: 1}),),
    )
    known = {**families(), "restarted": restarted}
    monkeypatch.setattr(module, "families", lambda: known)
    free = frozenset({"K", "eta"})
    assert next(memberships("local-sgd", "restarted", free)).reasons == ("one restart",)
    assert ("one local step", "one restart") in [way.reasons for way in memberships("minibatch-sgd", "restarted", free)]
    assert {K: 1} in [way.at for way in memberships("restarted", "minibatch-sgd", free)]


# --- mutants are rejected, other true forms are not ---------------------------------------------------------------

SIXTH = Rational(1, 6)
TIGHT = ("patel2024/thm9-vanilla", "koloskova2020/convex")


@pytest.mark.parametrize("dropped", ["optimization", "noise drift", "statistical", "heterogeneity drift"])
def test_an_upper_bound_that_misses_a_term_is_rejected(dropped: str) -> None:
    lower, upper = map(theorem, TIGHT)
    terms = terms_of(upper.bound)
    del terms[dropped]
    assert "contradiction" in verdicts(lower, with_terms(upper, terms))


def _off_by_a_sixth() -> Iterator[tuple[str, Expr]]:
    for name in ("optimization", "noise drift", "statistical", "heterogeneity drift"):
        for letter in (K, R, M):
            yield name, letter


@pytest.mark.parametrize(("name", "letter"), list(_off_by_a_sixth()))
def test_an_exponent_off_by_a_sixth_is_rejected_on_either_side(name: str, letter: Expr) -> None:
    lower, upper = map(theorem, TIGHT)
    smaller = {**terms_of(upper.bound), name: upper.bound.term(name).expression * letter**-SIXTH}
    larger = {**terms_of(lower.bound), name: lower.bound.term(name).expression * letter**SIXTH}
    assert "contradiction" in verdicts(lower, with_terms(upper, smaller))
    assert "contradiction" in verdicts(with_terms(lower, larger), upper)


@pytest.mark.parametrize("letter", [sigma, zeta_star, L, B])
def test_lower_bounds_too_large_in_other_letters_are_rejected(letter: Expr) -> None:
    """With units repaired by B and L: sigma/(L B) and zeta_star/(L B) are pure, and L and B enter by them."""
    lower, upper = map(theorem, TIGHT)
    pure = {sigma: sigma / (L * B), zeta_star: zeta_star / (L * B), L: L * B / sigma, B: L * B / zeta_star}[letter]
    for name in ("noise drift", "heterogeneity drift"):
        larger = {**terms_of(lower.bound), name: lower.bound.term(name).expression * pure**SIXTH}
        assert "contradiction" in verdicts(with_terms(lower, larger), upper)


@pytest.mark.parametrize(
    ("lower", "upper", "name", "factor"),
    [
        ("patel2024/thm11", "ghadimi2012/convex", "optimization", R**SIXTH),
        ("patel2024/thm11-constant", "patel2024/thm15", "optimization", R**2),
        ("patel2024/remark18", "dekel2012/convex", "statistical", sqrt(M)),
        ("woodworth2021/lower", "yuan2020/fedac1", "optimization", K * R),
        ("woodworth2021/lower", "khaled2025/cor1", "communication", R**SIXTH),
        ("glasgow2022/lower-homogeneous", "khaled2025/thm1", "noise drift", R**SIXTH),
        ("woodworth2020a/lower", "glasgow2022/lower-homogeneous", "statistical", sqrt(M)),
    ],
)
def test_other_pairs_have_the_same_power(lower: str, upper: str, name: str, factor: Expr) -> None:
    below, above = theorem(lower), theorem(upper)
    if above.bound.kind == "lower":  # a lower bound that is tight serves as an upper one
        above = replace(above, bound=replace(above.bound, kind="upper"))
    assert "contradiction" not in verdicts(below, above)
    larger = {**terms_of(below.bound), name: below.bound.term(name).expression * factor}
    assert "contradiction" in verdicts(with_terms(below, larger), above)


def test_an_upper_bound_at_a_fixed_step_is_held_to_its_condition_on_the_step() -> None:
    """Theorem 1 without its statistical term, and without the cap on its steps."""
    lower, upper = theorem("woodworth2021/lower"), theorem("khaled2025/thm1")
    assert verdicts(lower, upper) == {"consistent"}
    terms = terms_of(upper.bound)
    del terms["statistical"]
    assert "contradiction" in verdicts(lower, with_terms(upper, terms))
    uncapped = replace(upper, conditions=())
    assert "contradiction" in verdicts(lower, uncapped)


def test_true_forms_are_not_rejected() -> None:
    lower, upper = map(theorem, TIGHT)
    above, below = terms_of(upper.bound), terms_of(lower.bound)
    geometric = (below["optimization"] * below["statistical"] ** 2) ** Rational(1, 3)
    for low, high in (
        ({name: 7 * term for name, term in below.items()}, above),
        (below, {name: term / 1000 for name, term in above.items()}),
        ({**below, "between": geometric}, above),
        (below, {**above, "more": L * B**2 / sqrt(R)}),
        (below, {"largest": Max(*above.values())}),
        ({name: term / K for name, term in below.items()}, above),
    ):
        assert verdicts(with_terms(lower, low), with_terms(upper, high)) == {"consistent"}


def test_a_statement_is_looked_at_on_one_worker_and_at_one_local_step() -> None:
    prop7, glasgow = theorem("patel2024/prop7"), theorem("glasgow2022/lower-homogeneous")
    on_any_number = replace(prop7, conditions=())
    found = {check.where for check in checks(on_any_number, theorem("woodworth2020a/convex"))}
    assert found == {"M = 1"}
    assert verdicts(on_any_number, theorem("woodworth2020a/convex")) == {"contradiction"}
    assert not list(checks(prop7, theorem("woodworth2020a/convex"))), "two workers are not one"
    any_steps = replace(glasgow, conditions=tuple(c for c in glasgow.conditions if c.text != LOCAL_STEPS.text))
    found = {check.where: check.verdict for check in checks(any_steps, theorem("dekel2012/convex"))}
    assert found == {"K = 1": "contradiction"}


def test_letters_of_the_larger_class_take_the_values_of_the_smaller_one() -> None:
    """The hard instance of Proposition 7 has tau <= L and stays in a ball: thm15 has no lower value for it."""
    lower, upper = theorem("patel2024/prop7-constant"), theorem("patel2024/thm15-zeta-star")
    (check,) = checks(lower, upper)
    assert check.verdict == "consistent"
    assert not check.high.free_symbols & {tau, Q, sigma, zeta_star, D}
    terms = {name: term for name, term in terms_of(upper.bound).items() if "curvature" not in name}
    assert verdicts(lower, with_terms(upper, terms)) == {"contradiction"}, "without the curvature terms K would help"


# --- simpler forms are on the side that they claim --------------------------------------------------------------------


def test_estimates_are_on_the_side_that_they_claim() -> None:
    x = np.linspace(0.01, 6, 200)
    excess = Max(gamma - 1, 0)
    assert is_excess(excess)
    true = np.maximum(x - 1, 0)
    assert (at(below_excess(excess), gamma=x) <= true + 1e-12).all()
    assert (at(above_one(excess), gamma=x) >= true - 1e-12).all()
    decay = (1 - eta * mu) ** (K * R)
    values = {"eta": np.linspace(0, 1, 50), "mu": 1.0, "K": 3.0, "R": 2.0}
    assert (at(with_exponentials(decay), values) >= at(decay, values)).all()
    assert with_exponentials(decay) == exp(-K * R * eta * mu)


def test_conditions_without_excess_are_weaker_or_stronger() -> None:
    """eta L (1 + (gamma - 1)_+ K) <= 1/4 on a grid: the stronger form implies it, and it implies the weaker one."""
    condition = theorem("khaled2025/thm1").conditions[0].relation
    weaker, stronger = (without_excess(condition, stronger=flag) for flag in (False, True))
    holds = {True: 0, False: 0}
    for step in np.geomspace(1e-3, 1, 8):
        for outer in np.geomspace(0.3, 100, 12):
            for steps in (1, 30):
                at = {eta: step, gamma: outer, L: 1, K: steps}
                meant, weak, strong = (bool(form.subs(at)) for form in (condition, weaker, stronger))
                assert weak or not meant
                assert meant or not strong
                holds[meant] += 1
    assert min(holds.values()) > 20
