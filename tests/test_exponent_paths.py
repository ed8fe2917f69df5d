"""Exponents along paths: powers are told from logarithms and transients, mutants and wrong instances are rejected."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Rational

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, K, L, R, symbol, zeta_star
from tightrate.verify.assertions.flips import smallest
from tightrate.verify.assertions.paths import NOT_SHOWN, Exponents, PathFit, fit_path, judge_path
from tightrate.verify.assertions.thresholds import MOST_LOGARITHMS
from tightrate.verify.claim import judge
from tightrate.verify.exponents.exponent_test import ExponentTest, Path
from tightrate.verify.exponents.run import exponents, judge_exponents, run_exponent_test
from tightrate.verify.mutation.exponents import exponent_experiments
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.sweep.tuning import Tuned

EXPERIMENTS = exponent_experiments("full")
TESTS = {name: experiment.test for name, experiment in EXPERIMENTS.items()}
QUICK = list(exponent_experiments("quick"))


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
    # beyond an excess of 1/6 one that was fitted leaves it open: the logarithm must be the theorem's own
    found = "consistent" if power == 1 else "inconclusive"
    assert verdict_of(logarithm, "upper", hidden=True) == found
    assert verdict_of(1 / logarithm, "lower", hidden=True) == found
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


@pytest.mark.parametrize("side", ["upper", "lower", "both"])
def test_the_smallest_wrong_exponent_is_where_the_judge_itself_turns(side: Any) -> None:
    ratio, path = 1 + 0.3 * N**-0.3, 1e6
    fit = excess_of(ratio, side=side)
    for sign in (1, -1):

        def status(size: float, sign: int = sign) -> str:
            return judge_path(fit.tilted(sign * size), side, hidden=False, shown=True, span=path).status

        size = smallest(lambda size: status(size) == "violated")
        if side != "both" and sign != {"upper": 1, "lower": -1}[side]:
            assert size == np.inf
            continue
        for factor, found in ((0.99, "not violated"), (1.01, "violated")):
            again = excess_of(ratio * N ** (sign * factor * size), side=side)
            turned = judge_path(again, side, hidden=False, shown=True, span=path).status
            assert (turned == "violated") == (found == "violated")


def test_an_interval_on_the_slow_side_is_not_called_tight() -> None:
    drifting = excess_of(N**0.05)
    found = judge_path(drifting, "upper", hidden=False, shown=True, span=1e6)
    assert found.status == "consistent"
    assert not found.tight


# --- every constant of the judge decides a case ----------------------------------------------------------------------


def test_the_confidence_decides_a_case() -> None:
    """An excess of 1/6 that lies in the interval at 99 per cent, and would not at 50."""
    errors = 0.12 * np.ones(7)
    short = np.geomspace(1.0, 100.0, 7)
    fit = fit_path(short, short**-0.5, errors * short**-0.5, short**-0.5)
    assert judge_path(fit, "upper", hidden=False, shown=True, span=100).status == "inconclusive"
    careless = fit_path(short, short**-0.5, errors * short**-0.5, short**-0.5, confidence=0.5)
    assert judge_path(careless, "upper", hidden=False, shown=True, span=100).status == "consistent"


def test_a_contradiction_takes_more_certainty_than_an_interval() -> None:
    errors, short = 0.12 * np.ones(7), np.geomspace(1.0, 100.0, 7)
    for power, status in ((0.35, "inconclusive"), (0.8, "violated")):
        fit = fit_path(short, short**power, errors * short**power, np.ones(7))
        assert fit.low > 0
        assert judge_path(fit, "upper", hidden=False, shown=True, span=100).status == status


def test_the_replicas_of_a_path_decide_a_case() -> None:
    errors, short = 0.12 * np.ones(7), np.geomspace(1.0, 100.0, 7)
    for replicas, status in ((4, "inconclusive"), (1000, "violated")):
        fit = fit_path(short, short**0.8, errors * short**0.8, np.ones(7), replicas=replicas)
        assert judge_path(fit, "upper", hidden=False, shown=True, span=100).status == status


def test_the_largest_power_of_a_logarithm_decides_a_case() -> None:
    """The eighth power is no logarithm that a bound hides, though eight of them would explain it."""
    logarithm = np.log(1e12 * N)
    fit = excess_of(logarithm**8, logarithm=logarithm)
    assert fit.logarithms == MOST_LOGARITHMS == 4
    assert judge_path(fit, "upper", hidden=True, shown=True, span=1e6).status == "violated"


def test_the_slack_of_other_terms_decides_a_case() -> None:
    short = np.geomspace(1.0, 8.0, 5)
    for margin, status in ((2.0, "inconclusive"), (np.inf, "violated")):
        fit = fit_path(short, short**0.15, np.zeros(5), np.ones(5), margin=margin)
        assert judge_path(fit, "upper", hidden=False, shown=True, span=8).status == status


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_a_logarithm_decides_a_case(sign: int) -> None:
    """A logarithm may make an upper bound larger and a lower one smaller, and never the other way round."""
    side, other = ("upper", "lower") if sign > 0 else ("lower", "upper")
    logarithm = np.log(2 + 10 * N)
    excused = logarithm ** (3 * sign)
    assert verdict_of(excused, side, hidden=True) != "violated"
    assert verdict_of(1 / excused, other, hidden=True) != "violated"
    beyond = N ** (0.3 * sign) * logarithm ** (-1.0 * sign)  # a power that a logarithm of the wrong sign would hide
    fit = excess_of(beyond, side=side, logarithm=logarithm)
    assert fit.logarithms == 0
    assert judge_path(fit, side, hidden=True, shown=True, span=1e6).status == "violated"


# --- the shipped tests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUICK)
def test_every_exponent_claim_has_its_expected_verdict(name: str, session: Session) -> None:
    finding = judge(CLAIMS[name], session)
    assert finding.as_expected, finding.verdict.sentence
    assert json.loads(json.dumps(dict(finding.verdict.evidence)))
    assert finding.verdict.evidence["dominates by"] >= TESTS[name].margin * 0.99


@pytest.mark.parametrize(
    ("name", "paths"),
    [("khaled2025/thm2-statistical", 2), ("khaled2025/eq2-drift", 1), ("koloskova2020/heterogeneity", 1)],
)
def test_tests_whose_term_does_not_show_itself_say_so(name: str, paths: int, session: Session) -> None:
    sentence = judge(CLAIMS[name.replace("/", "/exponent-")], session).verdict.sentence
    assert sentence.count(NOT_SHOWN) == paths


def stronger(asserted: Exponents) -> Iterator[tuple[Exponents, float, bool]]:
    """Each path alone against bounds whose exponent is off by 1/6, 1/3 or 1/2, stronger than the true one; with the
    error, and whether the path must tell it: its term shows itself, and the exponent measured is its own."""
    for name, path in asserted.paths.items():
        alone = replace(asserted, paths={name: path})
        own = asserted.shows(path) and abs(asserted.fit(path).estimate) < 1 / 4
        for wrong in (Rational(1, 6), Rational(1, 3), Rational(1, 2)):
            for sign in {"upper": (-1,), "lower": (1,), "both": (-1, 1)}[asserted.side]:
                bound = asserted.theorem.bound
                factor = symbol(path.moving) ** (sign * wrong / Rational(path.along[path.moving]))
                terms = tuple(replace(term, expression=term.expression * factor) for term in bound.terms)
                changed = replace(asserted.theorem, bound=replace(bound, terms=terms))
                yield replace(alone, theorem=changed), float(wrong), own


@pytest.mark.parametrize("name", [name for name, test in TESTS.items() if test.matched_by])
def test_two_sided_tests_have_a_bound_of_the_same_order_on_the_other_side(name: str) -> None:
    """Evaluated along the same paths: bounds from both sides with the same exponents.

    A lower bound on the distance of the fixed point is one on the gap's root, on the pair whose curvature is fixed.
    """
    test = TESTS[name]
    bound, other = theorem(test.theorem).bound, theorem(test.matched_by).bound
    assert {bound.kind, other.kind} == {"upper", "lower"}
    root = other.measure.name == "discrepancy" and bound.measure.name == "gap"
    for design in test.designs():
        known: dict[str, Any] = {**dict.fromkeys(other.letters, np.zeros(len(design.n))), **design.values}
        if "tau" in test.instance:
            known["tau"] = known["L"] / 2
        pull = next((known[letter] for letter in ("zeta", "zeta_opt") if letter in design.values), None)
        known["zeta_star"] = design.values.get("zeta_star", known.get("zeta_star") if pull is None else pull)
        first, last = (other.at({letter: known[letter][i] for letter in other.letters}) for i in (0, -1))
        slope = (2 if root else 1) * np.log(last / first) / np.log(design.n[-1])
        own = np.log(design.terms[test.term][-1] / design.terms[test.term][0]) / np.log(design.n[-1])
        assert slope == pytest.approx(own, abs=0.05), design.name


# Along K a hidden log^2(mu K R/L) leaves a third of an exponent open: weak evidence, and said so in the verdict.
WEAK = {("woodworth2020/exponent-strongly-convex-heterogeneity", "K")}


def test_stronger_mutants_of_the_shipped_tests_are_rejected(session: Session) -> None:
    rejected, total, weak, accepted = 0, 0, 0, []
    for name in QUICK:
        asserted = exponents(TESTS[name], session.data(EXPERIMENTS[name]))
        for mutant, wrong, own in stronger(asserted):
            status = mutant.check().status
            total += 1
            weak += not own
            rejected += status == "violated"
            if status == "consistent" and wrong > 1 / 6 and not {(name, path) for path in mutant.paths} <= WEAK:
                accepted.append((name, *mutant.paths, wrong))
            if own and wrong == 1 / 2:
                assert status == "violated", (name, *mutant.paths)
    assert not accepted
    assert rejected >= 0.95 * total
    assert weak <= 0.1 * total


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
    test = replace(TESTS[name], **changed)
    assert judge_exponents(test, run_exponent_test(test)).status == status


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
    asserted = exponents(test, data)
    (path,) = asserted.paths.values()
    term = path.at(asserted.term_expression)
    spectrum, optimum = np.geomspace(1e-3, 1, 4), np.full(4, 0.5)
    for point in range(4):
        one = data.isel(path=0, point=point)
        x, total, steps = np.zeros(4), np.zeros(4), int(one.K * one.R)
        for _ in range(steps):
            total += x
            x = x - float(one.eta) * spectrum * (x - optimum)
        gap = 0.5 * float((spectrum * (total / steps - optimum) ** 2).sum())
        assert float(one.measured) == pytest.approx(gap, rel=1e-12)
        assert term[point] == pytest.approx(8 / steps)


def test_a_tuned_step_is_the_best_of_a_finer_grid() -> None:
    test = replace(TESTS["koloskova2020/exponent-heterogeneity"], paths=(Path("R", 10, points=4, fixed={"K": 8}),))
    coarse = run_exponent_test(test)
    fine = run_exponent_test(replace(test, tuned={"eta": Tuned(1 / (K * R * L), 1 / L, points=2001, closed="high")}))
    assert (fine.measured <= coarse.measured * (1 + 1e-12)).all()
    assert (coarse.measured <= 1.01 * fine.measured).all()


def test_an_instance_outside_of_the_class_is_refused() -> None:
    test = TESTS["koloskova2020/exponent-heterogeneity"]
    with pytest.raises(TightrateError, match="outside of the class"):
        run_exponent_test(replace(test, instance={**test.instance, "zeta": 2 * zeta_star}))
    with pytest.raises(TightrateError, match="outside of the class"):
        run_exponent_test(replace(test, instance={**test.instance, "B": 2 * B}))
