"""Claims of khaled2025: every one has its expected verdict, and twins that are wrong on purpose are rejected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sympy import Rational

from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithm import Array
from tightrate.simulator.algorithms.local_sgd import LocalSGD, LocalState, local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.verify.claim import judge
from tightrate.verify.falsification.search import SEARCHES
from tightrate.verify.judging.limit import Line, also, judge_limiting_exponents
from tightrate.verify.judging.order import Question, decided
from tightrate.verify.papers.khaled2025.average_gap_runs import average_local_gap
from tightrate.verify.papers.khaled2025.rounds_runs import round_errors
from tightrate.verify.papers.khaled2025.spread_runs import settled_offset
from tightrate.verify.papers.khaled2025.stability_runs import remainders
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


@pytest.mark.parametrize("name", CLAIMS.match("khaled2025/*"))
def test_every_claim_has_its_expected_verdict(name: str, session: Session) -> None:
    finding = judge(CLAIMS[name], session)
    assert finding.as_expected, finding.verdict.sentence
    assert finding.verdict.evidence
    assert (finding.verdict.witness is not None) == (finding.verdict.status == "violated")
    assert len(CLAIMS[name].procedure) > 30


def dataset_of(claim: str, session: Session) -> xr.Dataset:
    return session.data(CLAIMS[f"khaled2025/{claim}"].data[0]).copy(deep=True)


def verdict_on(claim: str, data: xr.Dataset) -> Verdict:
    return CLAIMS[f"khaled2025/{claim}"].judge(data)


# --- Rules that are wrong on purpose ---------------------------------------------------------------------------------


class ForgetsAWorker(LocalSGD):
    """Divides the sum of the workers' changes by M + 1/100."""

    def synchronize(self, state: LocalState) -> LocalState:
        workers = state.x.shape[-2]
        right = super().synchronize(state)
        x = state.round_start + (right.x - state.round_start) * workers / (workers + 0.01)
        return LocalState(x, x)


def forgets_a_worker(*, eta: Array, gamma: Array | float = 1.0) -> LocalSGD:
    rule = local_sgd(eta=eta, gamma=gamma)
    return ForgetsAWorker(rule.eta, rule.gamma)


WRONG_RULES: dict[str, dict[str, Callable[..., Any]]] = {
    "plain-averaging": {"local": forgets_a_worker},
    "one-local-step": {"local": lambda eta, gamma: local_sgd(eta=eta, gamma=gamma**1.001)},
    "no-momentum": {"momentum": lambda momentum, **steps: local_sgd_outer_momentum(momentum=momentum + 1e-6, **steps)},
    "accelerated-one-local-step": {
        "accelerated": lambda eta, gamma: local_sgd_outer_acceleration(eta=eta, gamma=gamma * (1 - 1e-6))
    },
    "no-noise-no-workers": {"local": forgets_a_worker},
    "lemma6": {"local": lambda eta, gamma: local_sgd(eta=1.001 * eta, gamma=gamma / 1.001)},
    "eq13": {"local": lambda eta, gamma: local_sgd(eta=eta, gamma=gamma * (1 + 1e-6))},
}


@pytest.mark.parametrize("claim", WRONG_RULES)
def test_a_wrong_rule_breaks_its_identity(claim: str) -> None:
    assert verdict_on(claim, round_errors(1, 40)).status == "confirmed"
    assert verdict_on(claim, round_errors(1, 40, **WRONG_RULES[claim])).status == "violated"


# --- Numbers that are wrong on purpose -------------------------------------------------------------------------------

SCALED = {
    "second-moments": {"exact: local": 1 + 1e-8},
    "momentum-second-moments": {"exact: momentum": 1 + 1e-8},
    "accelerated-second-moments": {"engine: accelerated": 1 + 1e-8},
    "quadratic-mean": {"mean: exact": 1 + 1e-8},
    "stationary": {"stationary: exact": 1 + 1e-8},
    "average-gap": {"average: stable": 1 + 1e-8},
    "stable-range": {"growth": 1.001},
    "momentum-transient": {"exact": 1.01},
    "thm1-on-quadratics": {"bound: thm1": 1 / 8},
    "thm1-safe-on-quadratics": {"bound: thm1-safe": 1 / 15},
    "thm1-safe-off-quadratics": {"bound: thm1-safe": 1 / 15},
    "thm1-with-a-kink": {"bound": 0.15},
    "thm2-value": {"bound": 0.05},
    "thm2-safe-value": {"bound": 0.02},
    "thm3-safe-value": {"bound": 0.7},
    "eq2-value": {"bound": 0.1},
    "cor1-safe-value": {"bound": 0.2},
    "ill-tuned-value": {"bound": 0.05},
    "lemma7": {"bound: lemma7": 0.5},
    "lemma7-equality": {"bound: lemma7-mean": 1 + 1e-9},
    "lemma7-on-quadratics": {"bound: lemma7-mean": 0.99},
    "ill-tuned-below-thm1": {"bound": 0.03},
    "momentum-below-thm2": {"bound": 0.008},
    "accelerated-value": {"bound": 1 / 40},
    "prop1-three-candidates": {"value": 1.001},
    "plain-averaging-only-when-clipped": {"grid": 1.01},
    "prop2": {"value": 1 + 1e-6},
}


@pytest.mark.parametrize("claim", SCALED)
def test_a_wrong_constant_is_rejected(claim: str, session: Session) -> None:
    data = dataset_of(claim, session)
    for name, factor in SCALED[claim].items():
        data[name] = data[name] * factor
    verdict = verdict_on(claim, data)
    assert verdict.status == "violated"
    assert verdict.witness


@pytest.mark.parametrize(
    ("claim", "variable", "axis", "power"),
    [
        ("drift-term-is-needed", "gap", "eta", 1 / 6),
        ("drift-term-is-needed", "gap", "K", -1 / 3),
        ("outer-step-repairs-a-small-inner-step", "distance_from_limit", "eta", -1 / 6),
        ("accelerated-exponents", "gap", "R", 1 / 6),
        ("accelerated-exponents", "gap", "K", 1 / 6),
        ("accelerated-noise-grows", "gap", "R", 1 / 2),
        ("accelerated-noise-over-workers", "gap", "M", 1e-9),
        ("momentum-adjusted-outer-step", "gap", "momentum", 1e-2),
        ("momentum-condition-square", "gap", "complement", -1.0),
    ],
)
def test_a_wrong_exponent_is_rejected(claim: str, variable: str, axis: str, power: float, session: Session) -> None:
    data = dataset_of(claim, session)
    values = 1 - data[axis] if axis == "momentum" else data[axis]
    data[variable] = data[variable] * values**power
    assert verdict_on(claim, data).status in (
        ("violated", "inconclusive") if claim == "momentum-condition-square" else ("violated",)
    )


@pytest.mark.parametrize("claim", ["eq2-exponents", "cor1-exponents"])
@pytest.mark.parametrize("axis", ["K", "R", "M"])
def test_a_wrong_exponent_of_a_tuned_rate_is_rejected(claim: str, axis: str, session: Session) -> None:
    data = dataset_of(claim, session)
    data["term"] = data["term"] * data[axis] ** (1 / 6)
    assert verdict_on(claim, data).status == "violated"


def test_tuning_a_wrong_drift_term_is_not_eq_2() -> None:
    """With K^2 in the drift, or with M dropped, the tuned rate is another."""
    stated = theorem("khaled2025/eq2").bound
    for name, factor in (("noise drift", "K"), ("statistical", "M")):
        terms = {term.name: term.expression for term in stated.terms}
        letter = next(s for s in stated.expression.free_symbols if s.name == factor)
        whole = sum(terms.values()) + terms[name] * letter
        questions = {"prop1 tuned <~ eq2": Question(whole, stated), "eq2 <~ prop1 tuned": Question(stated, whole)}
        assert verdict_on("eq2-from-thm1", decided(questions)).status == "violated"


def test_candidates_that_miss_one_are_seen_through_and_the_witness_is_where_noise_is_large(
    session: Session,
) -> None:
    data = dataset_of("prop1-two-candidates", session)
    witness = verdict_on("prop1-two-candidates", data).witness
    assert witness is not None
    square = theorem("khaled2025/prop1-limit").conditions[0]
    assert square.status({"L": 1.0, "B": 1.0, **{k: witness[k] for k in ("K", "R", "M", "sigma")}}) == "holds"


def test_a_best_step_that_rises_with_the_noise_is_rejected(session: Session) -> None:
    data = dataset_of("figure1-trend", session)
    data["loss"] = data.loss.copy(data=data.loss.values[..., ::-1])
    verdict = verdict_on("figure1-trend", data)
    assert verdict.status == "violated"
    assert verdict.witness is not None


def test_a_run_that_stays_finite_speaks_for_the_legible_objective(session: Session) -> None:
    data = dataset_of("figure1-as-legible", session)
    data["literal_loss"][0, 0, 0] = 1.0
    assert verdict_on("figure1-as-legible", data).status == "consistent"


def test_what_the_available_text_shows_is_no_erratum() -> None:
    """The conversion of the text lost signs, so that a slip there need not be the paper's."""
    assert not [name for name in CLAIMS.match("khaled2025/*") if "printed" in name]
    for name in ("quadratic-mean-as-legible", "figure1-as-legible"):
        claim = CLAIMS[f"khaled2025/{name}"]
        assert claim.kind == "counterexample"
        assert "as legible in the available text" in claim.statement


def test_a_range_that_is_too_wide_is_rejected(session: Session) -> None:
    data = dataset_of("stable-range", session)
    for share in (-0.02, 1.02):  # as if it were inside
        wider = data.assign(inside=data.inside.where(data.share != share, 1.0))
        verdict = verdict_on("stable-range", wider)
        assert verdict.status == "violated"
        assert verdict.witness is not None
        assert verdict.witness["share"] == share
    inside = data.isel(instance=np.flatnonzero((data.inside == 1).values & (data["eta curvature"] > 2).values))
    assert inside.sizes["instance"] > 10  # rounds that contract although local steps do not


def test_larger_steps_do_not_suffice() -> None:
    """With eta gamma L H <= 1/4 instead the remainder can be negative; so it can with 4 eta L <= 1."""
    assert all(value.is_nonnegative for value in remainders().values())
    for wrong in ({"product": Rational(1, 4)}, {"below": Rational(1, 4)}):
        assert not all(value.is_nonnegative for value in remainders(**wrong).values())


def test_a_remainder_of_unknown_sign_proves_nothing(session: Session) -> None:
    data = dataset_of("small-steps-suffice", session)
    assert verdict_on("small-steps-suffice", data.assign(holds=~data.holds)).status == "inconclusive"


def test_a_floor_that_does_not_rise_is_rejected(session: Session) -> None:
    data = dataset_of("less-than-1-can-be-best", session)
    data["floor"] = xr.ones_like(data.floor)
    assert verdict_on("less-than-1-can-be-best", data).status == "violated"


def test_a_difference_of_unknown_sign_proves_nothing(session: Session) -> None:
    data = dataset_of("bound-never-wants-less-than-1", session)
    data.attrs = {**data.attrs, "below 1 is positive": False}
    assert verdict_on("bound-never-wants-less-than-1", data).status == "inconclusive"


def test_derivatives_that_do_not_vanish_are_no_proof(session: Session) -> None:
    data = dataset_of("prop2", session)
    data.attrs = {**data.attrs, "certificate": {**data.attrs["certificate"], "above 1": ["c", "c"]}}
    assert verdict_on("prop2", data).status == "inconclusive"


def test_the_exponent_in_the_quadratic_mean_is_seen(session: Session) -> None:
    """After a single round the printed formula is right."""
    data = dataset_of("quadratic-mean-as-legible", session)
    assert verdict_on("quadratic-mean-as-legible", data.sel(R=[0, 1])).status == "confirmed"


def test_a_noisy_mean_is_inconclusive(session: Session) -> None:
    data = dataset_of("lemma7", session)
    data["drift_stderr"] = 100 * data["drift_stderr"]
    verdict = verdict_on("lemma7", data)
    assert verdict.status == "inconclusive"
    assert verdict.witness is None


def test_a_witness_can_be_run_again(session: Session) -> None:
    """The witness against a bound that is too small names the search and its axes."""
    data = dataset_of("thm3-safe-value", session)
    data["bound"] = data["bound"] * 0.7
    witness = dict(verdict_on("thm3-safe-value", data).witness or {})
    search = SEARCHES[witness.pop("search")]
    point = {axis.name: np.array([witness[axis.name]]) for axis in search.axes}
    found = search.tried(point)
    assert float(found.measured[0]) == pytest.approx(witness["measured"], rel=1e-9)
    assert float(found.bound[0]) * 0.7 == pytest.approx(witness["bound"], rel=1e-12)


# --- The parts -------------------------------------------------------------------------------------------------------


def test_limits_are_judged_by_where_slopes_go() -> None:
    x = 2.0 ** np.arange(12)

    def status(y: Any, exponent: float, side: Any = "equal") -> str:
        line = Line("x", np.asarray(x, dtype=np.float64), y, exponent, side)
        return judge_limiting_exponents([line], what="y", predicted="", resolution=0.05).status

    slowly = x**-1.0 * np.exp(2 * x**-0.3)
    assert status(x**-2.0, -2.0) == "consistent"
    assert status(x**-2.0 * (1 + 4 / x), -2.0) == "consistent"
    assert status(x**-2.0 * x ** (1 / 6), -2.0) == "violated"
    assert status(slowly, -1.0) == "inconclusive"
    assert status(x**-3.0, -2.0, "at most") == "consistent"
    assert status(x**-1.9, -2.0, "at most") == "violated"
    assert status(np.where(x > 100, np.nan, x), 1.0) == "violated"


def test_a_good_verdict_with_a_false_fact_is_violated() -> None:
    good = Verdict("consistent", "", "", "", evidence={"a": 1})
    assert also(good, [True], {"size": 1.0}) == Verdict("consistent", "", "", "", evidence={"a": 1, "size": 1.0})
    spoiled = also(good, [False], {"size": 1.0})
    assert spoiled.status == "violated"
    assert spoiled.witness == {"size": 1.0}


def test_the_mean_gap_is_accurate_for_the_smallest_steps() -> None:
    """Against 50 digits, where the formula as it stands loses every digit in floating point."""
    letters = {"curvature": 1e-7, "B": 2.0, "sigma": 3.0, "K": 8, "R": 64, "M": 4, "eta": 1e-6, "gamma": 5.0}
    arrays = {name: np.array([float(letters[name])]) for name in ("K", "R", "M", "eta", "gamma")}
    stable = average_local_gap(np.array([[1e-7]]), np.array([[2.0]]), np.array([[3.0]]), **arrays)[0]
    assert stable == pytest.approx(theorem("khaled2025/average-gap").bound.evaluate(letters), rel=1e-13)


def test_the_resting_point_does_not_depend_on_the_grid() -> None:
    coarse, fine = (settled_offset(20, 1e-3, points=points)[1] for points in (2001, 8001))
    assert coarse == pytest.approx(fine, rel=3e-3)
    assert settled_offset(20, 1e-3, left=1.0, points=2001)[1] == pytest.approx(0.0, abs=1e-11)
