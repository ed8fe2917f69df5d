"""Designs isolate what they say, the judge tells powers from logarithms and transients, wrong twins are rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.certificate import check_certificate
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.symbols.alphabet import B, K, L, R, eta, mu
from tightrate.verify.claim import judge
from tightrate.verify.exponents.design import Design, IsolationError, isolate
from tightrate.verify.exponents.exponent_test import ExponentTest, Path, Tuning, run_exponent_test
from tightrate.verify.judging.paths import NOT_SHOWN, PathFit, fit_path, judge_exponents, judge_path
from tightrate.verify.papers.exponents_runs import EXPONENT_TESTS, experiment_name
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session

QUICK = [name for name, test in EXPONENT_TESTS.items() if test.cost == "quick"]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(jobs=1)


# --- designs ----------------------------------------------------------------------------------------------------------


def letters_at(design: Design, point: int) -> dict[str, float]:
    return {name: float(value[point]) for name, value in design.values.items()}


def check(design: Design, margin: float) -> None:
    """Everything that a design says, computed again from the catalogue with many digits."""
    statement = theorem(design.theorem)
    for point in (0, len(design.n) // 2, -1):
        values = letters_at(design, point)
        terms = statement.bound.evaluate_terms(values)
        own = terms.pop(design.term)
        assert own >= margin * sum(terms.values()) * (1 - 1e-9)
        assert own == pytest.approx(float(design.terms[design.term][point]), rel=1e-9)
        for condition in statement.conditions:
            if design.conditions[condition.text] == "holds" and not isinstance(condition.relation, sympy.Eq):
                assert condition.status(values) == "holds", condition.text
        for name in ("K", "R", "M"):
            assert values[name] == int(values[name]) >= 1
    assert design.margin >= margin * (1 - 1e-9)


CASES = [
    ("khaled2025/eq2", "optimization", "R"),
    ("khaled2025/eq2", "statistical", "K"),
    ("khaled2025/eq2", "noise drift", "R"),
    ("khaled2025/thm1", "statistical", {"eta": -1}),
    ("khaled2025/cor1", "noise drift", "R"),
    ("patel2024/thm15", "third-order heterogeneity", "R"),
    ("patel2024/thm27", "noise drift", "K"),
    ("patel2024/thm27-explicit", "heterogeneity drift", "R"),
    ("koloskova2020/convex", "heterogeneity drift", {"K": 2, "R": 1}),
    ("khaled2020/local-gd-slides", "heterogeneity drift", "K"),
    ("chezhegov2024/id-c-tuned", "noise drift", "R"),
]


@pytest.mark.parametrize(("name", "term", "along"), CASES)
@pytest.mark.parametrize("margin", [3.0, 30.0])
def test_a_design_isolates_its_term(name: str, term: str, along: Any, margin: float) -> None:
    zero = {"Q": 0.0} if name == "patel2024/thm27-explicit" else {}
    design = isolate(name, term, along, span=100, points=5, margin=margin, fixed={"L": 1, "B": 1, **zero})
    check(design, margin)
    for letter, power in design.along.items():
        moved = np.log(design.values[letter][-1] / design.values[letter][0]) / np.log(100)
        assert moved == pytest.approx(float(power), abs=0.2 if letter in ("K", "R") else 1e-9)  # counts are rounded


@pytest.mark.parametrize(
    ("name", "term"), [(t.id, term.name) for t in theorems("*2020*/convex") for term in t.bound.terms]
)
def test_every_term_of_the_convex_baselines_has_a_design_without_a_direction(name: str, term: str) -> None:
    check(isolate(name, term, span=10, points=4, margin=2), 2)


def test_a_term_that_never_dominates_is_refused_with_a_valid_certificate() -> None:
    with pytest.raises(IsolationError, match="never dominates") as refusal:
        isolate("lee2024/cor8", "client drift")
    bound = theorem("lee2024/cor8").bound
    others = sum(term.expression for term in bound.terms if term.name != "client drift")
    certificate = refusal.value.certificate
    assert certificate is not None
    assert check_certificate(certificate, bound.term("client drift").expression, others)


def test_the_slope_of_a_design_is_the_exponent_of_the_term() -> None:
    wide = {"K": (100.0, 1e9), "R": (100.0, 1e9), "M": (1.0, 1e6)}
    design = isolate("khaled2025/eq2", "noise drift", {"K": 1, "R": 2}, span=1e4, margin=3, within=wide)
    assert design.along == {"K": Fraction(1, 2), "R": Fraction(1)}
    assert design.slopes == pytest.approx(np.full(12, -1 / 6 - 2 / 3), abs=0.02)
    assert design.name == "K^1/2 R"


@pytest.mark.parametrize(("alpha", "power"), [(4, Fraction(-3, 2)), (4.5, Fraction(-14, 9)), (8, Fraction(-7, 4))])
def test_a_fixed_letter_in_an_exponent_is_put_in(alpha: float, power: Fraction) -> None:
    """cheng2024's clipping term is sigma^2 (sqrt(L) / (K R sqrt(mu)))^(2 (alpha - 1) / alpha) / mu."""
    fixed = {"L": 1.0, "B": 1.0, "alpha": alpha}
    design = isolate("cheng2024/thm1", "clipping", "R", span=10, points=4, margin=3, fixed=fixed)
    check(design, 3)
    assert design.slopes == pytest.approx(np.full(3, float(power)), abs=1e-9)
    assert (design.values["alpha"] == alpha).all()
    with pytest.raises(IsolationError, match="not an exact exponent"):
        isolate("cheng2024/thm1", "clipping", "R", span=10, points=4, margin=3)


def test_a_bound_above_what_holds_anyway_is_avoided() -> None:
    design = isolate("khaled2025/eq2", "statistical", "K", span=100, margin=10)
    assert (design.terms["statistical"] <= 1 + 1e-9).all()  # L B^2 = 1
    vacuous = isolate("khaled2025/eq2", "statistical", "K", span=1e6, margin=100, below=sympy.oo)
    assert (vacuous.terms["statistical"] > 1).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("khaled2025/eq2", "bias"), "no term 'bias'"),
        (("khaled2025/eq2", "statistical", "tau"), "unknown letter"),
        (("khaled2025/eq2", "statistical", "L"), "cannot move"),
        (("khaled2025/eq2", "statistical", "eta"), "follows from other letters"),
        (("khaled2025/eq2", "statistical", {}), "needs a letter that moves"),
        (("khaled2025/eq2-explicit", "statistical", "M"), "ask for less"),
        (("patel2024/thm27", "optimization", "K"), "decays exponentially"),
    ],
)
def test_what_cannot_be_designed_is_refused_in_one_line(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as refusal:
        isolate(*arguments, span=1e9)
    assert "\n" not in str(refusal.value)


def test_bad_sizes_are_refused() -> None:
    for wrong in ({"margin": 0.5}, {"span": 1.0}, {"points": 2}):
        with pytest.raises(TightrateError, match="margin >= 1"):
            isolate("khaled2025/eq2", "statistical", "K", **wrong)
    with pytest.raises(TightrateError, match="defined by each other"):
        isolate("khaled2025/thm1", "statistical", "M", derived={"eta": 1 / mu, "mu": 1 / eta})


def test_further_inequalities_are_obeyed() -> None:
    design = isolate("khaled2025/eq2", "statistical", "R", span=100, margin=3, given=[K >= 50, R >= K**2])
    assert (design.values["K"] >= 50).all()
    assert (design.values["R"] >= design.values["K"] ** 2).all()


# --- the fit ----------------------------------------------------------------------------------------------------------

N = np.geomspace(1.0, 1e6, 13)
EXACT = np.zeros(13)


def excess_of(ratio: np.ndarray, **options: Any) -> PathFit:
    return fit_path(N, ratio * N**-0.5, EXACT, N**-0.5, **options)


def verdict_of(ratio: np.ndarray, side: Any = "upper", hidden: bool = False) -> str:
    logarithm = np.log(2 + 100 * N) if hidden else None
    fit = excess_of(ratio, side=side, logarithm=logarithm)
    return judge_path(fit, side, hidden=hidden, shown=True, span=1e6).status


@given(st.floats(-2, 2), st.floats(1e-9, 1e9))
def test_a_power_law_is_recovered_exactly(power: float, constant: float) -> None:
    fit = excess_of(constant * N**power)
    assert fit.estimate == pytest.approx(power, abs=1e-8)
    assert fit.low == pytest.approx(power, abs=1e-6)
    assert fit.high == pytest.approx(power, abs=1e-6)


@pytest.mark.parametrize("wrong", [1 / 6, 1 / 3, 1 / 2])
@pytest.mark.parametrize("hidden", [False, True])
def test_wrong_powers_are_told_from_right_ones(wrong: float, hidden: bool) -> None:
    assert verdict_of(N**wrong, "upper", hidden) == "violated"
    assert verdict_of(N**-wrong, "lower", hidden) == "violated"
    assert verdict_of(N**wrong, "both", hidden) == verdict_of(N**-wrong, "both", hidden) == "violated"
    assert verdict_of(N**-wrong, "upper", hidden) == verdict_of(N**wrong, "lower", hidden) == "consistent"
    for side in ("upper", "lower", "both"):
        assert verdict_of(np.ones(13), side, hidden) == "consistent"


@settings(max_examples=50)
@given(st.floats(0.3, 2), st.floats(0, 20), st.sampled_from(["upper", "lower", "both"]))
def test_a_transient_is_no_exponent(decay: float, size: float, side: str) -> None:
    """A ratio that settles to a constant is never a contradiction, from whichever side it comes."""
    assert verdict_of(1 + size * N**-decay, side) != "violated"
    assert verdict_of(1 / (1 + size * N**-decay), side) != "violated"


@pytest.mark.parametrize("power", [1, 2, 4])
def test_a_hidden_logarithm_explains_what_a_shown_one_may_not(power: int) -> None:
    logarithm = np.log(2 + 100 * N) ** power
    assert verdict_of(logarithm, "upper", hidden=True) == "consistent"
    assert verdict_of(1 / logarithm, "lower", hidden=True) == "consistent"
    assert verdict_of(logarithm**3, "upper") != "consistent"
    fit = excess_of(logarithm, logarithm=np.log(2 + 100 * N))
    assert fit.logarithms == pytest.approx(power, abs=1e-3)
    # beyond what is allowed a logarithm explains nothing, nor does it a power
    assert verdict_of(np.log(2 + 100 * N) ** 12, "upper", hidden=True) != "consistent"
    assert verdict_of(logarithm * N ** (1 / 3), "upper", hidden=True) == "violated"


def test_intervals_cover_as_often_as_they_say() -> None:
    generator, trials, hits, alarms = np.random.default_rng(7), 300, 0, 0
    for _ in range(trials):
        noisy = N**-0.5 * np.exp(0.3 * generator.standard_normal(13))
        fit = fit_path(N, noisy, 0.3 * noisy, N**-0.5, confidence=0.9)
        hits += fit.low <= 0 <= fit.high
        alarms += judge_path(fit, "upper", hidden=False, shown=True, span=1e6).status == "violated"
    assert hits / trials > 0.9
    assert alarms == 0


def test_without_power_the_verdict_is_inconclusive_and_names_a_budget_that_settles_it() -> None:
    generator, deviation, replicas = np.random.default_rng(3), 4.0, 16

    def judged(count: int) -> tuple[str, str]:
        short = np.geomspace(1.0, 100.0, 7)
        errors = deviation / np.sqrt(count) * np.ones(7)
        noisy = np.exp(errors * generator.standard_normal(7))
        fit = fit_path(short, noisy / short, errors * noisy / short, 1 / short)
        found = judge_path(fit, "upper", hidden=False, shown=True, span=100, replicas=count)
        return found.status, found.budget

    status, budget = judged(replicas)
    assert status == "inconclusive"
    needed = int(budget.removeprefix("about ").split()[0])
    assert needed > 100 * replicas
    assert judged(8 * needed)[0] == "consistent"
    bent = judge_path(excess_of(1 + 30 * N**-0.3), "both", hidden=False, shown=True, span=1e6)
    assert bent.status == "inconclusive"
    assert "decades" in bent.budget


def test_what_other_terms_explain_is_no_contradiction() -> None:
    fit = excess_of(N ** (1 / 3))
    assert judge_path(fit, "upper", hidden=False, shown=False, span=1e6).status == "inconclusive"
    assert judge_path(fit, "upper", hidden=False, shown=True, span=1e6).status == "violated"


@pytest.mark.parametrize("hidden", [False, True])
def test_a_consistent_verdict_without_power_says_so(hidden: bool) -> None:
    """Only where a slower decay would count: a lower bound alone is not helped by other terms."""
    logarithm = np.log(2 + 100 * N) if hidden else None
    said: dict[tuple[Any, bool], str] = {}
    for side in ("upper", "both", "lower"):
        fit = excess_of(np.ones(13), side=side, logarithm=logarithm)
        for shown in (True, False):
            found = judge_path(fit, side, hidden=hidden, shown=shown, span=1e6)
            assert found.status == "consistent"
            said[side, shown] = found.reason
    silent = {key: NOT_SHOWN in reason for key, reason in said.items()}
    assert silent == {key: key in (("upper", False), ("both", False)) for key in said}


def test_diverged_runs_and_short_paths_are_refused() -> None:
    with pytest.raises(TightrateError, match="diverged"):
        excess_of(np.where(N > 10, np.inf, 1.0))
    with pytest.raises(TightrateError, match="four points"):
        fit_path(N[:3], N[:3], EXACT[:3], N[:3])


# --- the shipped tests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUICK)
def test_every_exponent_claim_has_its_expected_verdict(name: str, session: Session) -> None:
    finding = judge(CLAIMS[name], session)
    assert finding.as_expected, finding.verdict.sentence
    assert json.loads(json.dumps(dict(finding.verdict.evidence)))
    assert finding.verdict.evidence["dominates by"] >= EXPONENT_TESTS[name].margin * 0.99


@pytest.mark.parametrize(
    ("name", "paths"),
    [("khaled2025/thm2-statistical", 2), ("khaled2025/eq2-drift", 1), ("koloskova2020/heterogeneity", 1)],
)
def test_tests_whose_term_does_not_show_itself_say_so(name: str, paths: int, session: Session) -> None:
    sentence = judge(CLAIMS[name.replace("/", "/exponent-")], session).verdict.sentence
    assert sentence.count(NOT_SHOWN) == paths


def twins(name: str, session: Session) -> Iterator[tuple[xr.Dataset, float]]:
    """The data of each path with a bound whose exponent is off by 1/6, 1/3 or 1/2, stronger than the true one."""
    data, side = session.result(experiment_name(name))[0], EXPONENT_TESTS[name].side
    for path in data.path.values:
        one = data.sel(path=[path])
        for wrong in (1 / 6, 1 / 3, 1 / 2):
            for sign in {"upper": (-1,), "lower": (1,), "both": (-1, 1)}[side]:
                factor = one.n ** (sign * wrong)
                yield one.assign(term=one.term * factor, bound=one.bound * factor), wrong


@pytest.mark.parametrize("name", [name for name, test in EXPONENT_TESTS.items() if test.matched_by])
def test_two_sided_tests_have_a_bound_of_the_same_order_on_the_other_side(name: str) -> None:
    """Evaluated along the same paths: bounds from both sides with the same exponents.

    A lower bound on the distance of the fixed point is one on the gap's root, on the pair whose curvature is fixed.
    """
    test = EXPONENT_TESTS[name]
    bound, other = theorem(test.theorem).bound, theorem(test.matched_by).bound
    assert {bound.kind, other.kind} == {"upper", "lower"}
    root = other.measure.name == "discrepancy" and bound.measure.name == "gap"
    for design in test.designs():
        known: dict[str, Any] = {**dict.fromkeys(other.letters, np.zeros(len(design.n))), **design.values}
        if "tau" in test.instance:
            known["tau"] = known["L"] / 2
        pull = next((known[letter] for letter in ("zeta", "zeta_opt") if letter in design.values), None)
        known["zeta_star"] = design.values.get("zeta_star", known.get("zeta_star") if pull is None else pull)
        values = [{letter: known[letter][i] for letter in other.letters} for i in (0, -1)]
        first, last = (other.evaluate(at) for at in values)
        slope = (2 if root else 1) * np.log(last / first) / np.log(design.n[-1])
        own = np.log(design.terms[test.term][-1] / design.terms[test.term][0]) / np.log(design.n[-1])
        assert slope == pytest.approx(own, abs=0.05), design.name


# Where the measured decay is itself faster than the bound's, or the term hides behind the others on that path.
WEAK = {"patel2024/exponent-thm15-heterogeneity", "khaled2025/exponent-thm2-statistical"}


def test_stronger_twins_of_the_shipped_tests_are_rejected(session: Session) -> None:
    rejected, total, accepted = 0, 0, []
    for name in QUICK:
        for twin, wrong in twins(name, session):
            status = judge_exponents(twin).status
            total += 1
            rejected += status == "violated"
            if status == "consistent" and wrong > 1 / 6:
                accepted.append((name, str(twin.path.values), wrong))
            if name not in WEAK and wrong == 1 / 2:
                assert status == "violated", (name, twin.path.values)
    assert not accepted
    assert rejected >= 0.95 * total


@pytest.mark.parametrize(
    ("name", "changed", "status"),
    [
        ("khaled2025/exponent-thm3-optimization", {"algorithm": "local-sgd"}, "violated"),  # not accelerated
        ("ghadimi2012/exponent-optimization", {"algorithm": "minibatch-sgd"}, "violated"),
        ("patel2024/exponent-two-quadratics-floor", {"algorithm": "minibatch-sgd"}, "violated"),  # no drift: faster
        ("khaled2025/exponent-eq2-optimization", {"algorithm": "minibatch-sgd"}, "violated"),  # K steps count as one
        ("khaled2020/exponent-local-gd-heterogeneity", {"instance": {"zeta": 0.0, "mu": L / 10}}, "violated"),
    ],
)
def test_a_wrong_algorithm_or_instance_is_noticed(name: str, changed: dict[str, Any], status: str) -> None:
    assert judge_exponents(run_exponent_test(replace(EXPONENT_TESTS[name], **changed))).status == status


def test_a_test_measures_exactly_what_a_plain_run_finds() -> None:
    """Small K and R, so that every local step can be taken one by one."""
    test = ExponentTest(
        id="plain",
        theorem="khaled2025/eq2-explicit",
        term="optimization",
        algorithm="local-sgd",
        problem="log-spaced-quadratic",
        instance={"mu": 1e-3, "d": 4},
        output="average",
        fixed={"sigma": 0},
        paths=(Path("R", 8, points=4, fixed={"K": 3}),),
    )
    data = run_exponent_test(test)
    spectrum, optimum = np.geomspace(1e-3, 1, 4), np.full(4, 0.5)
    for point in range(4):
        one = data.isel(path=0, point=point)
        x, total, steps = np.zeros(4), np.zeros(4), int(one["letter: K"] * one["letter: R"])
        for _ in range(steps):
            total += x
            x = x - float(one["letter: eta"]) * spectrum * (x - optimum)
        gap = 0.5 * float((spectrum * (total / steps - optimum) ** 2).sum())
        assert float(one.measured) == pytest.approx(gap, rel=1e-12)
        assert float(one.term) == pytest.approx(8 / steps)


def test_a_tuned_step_is_the_best_of_a_finer_grid() -> None:
    test = replace(
        EXPONENT_TESTS["koloskova2020/exponent-heterogeneity"], paths=(Path("R", 10, points=4, fixed={"K": 8}),)
    )
    coarse = run_exponent_test(test)
    fine = run_exponent_test(replace(test, tuned=(Tuning("eta", 1 / (K * R * L), 1 / L, points=2001),)))
    assert (fine.measured <= coarse.measured * (1 + 1e-12)).all()
    assert (coarse.measured <= 1.01 * fine.measured).all()


def test_an_instance_outside_of_the_class_is_refused() -> None:
    test = EXPONENT_TESTS["koloskova2020/exponent-heterogeneity"]
    with pytest.raises(TightrateError, match="outside of the class"):
        run_exponent_test(replace(test, instance={**test.instance, "zeta": 2 * theorem_letter("zeta_star")}))
    with pytest.raises(TightrateError, match="outside of the class"):
        run_exponent_test(replace(test, instance={**test.instance, "B": 2 * B}))


def theorem_letter(name: str) -> sympy.Symbol:
    return next(
        s for t in theorem("koloskova2020/convex").bound.terms for s in t.expression.free_symbols if s.name == name
    )


def test_text_is_never_evaluated() -> None:
    for options in ({"below": "__import__('os').getcwd()"}, {"derived": {"sigma": "__import__('os').getcwd()"}}):
        with pytest.raises(TightrateError, match="must be a number or an expression"):
            isolate("khaled2025/eq2", "statistical", "K", span=100, points=3, **options)  # type: ignore[arg-type]
