"""Claims of khaled2025: rules, exponents and readings that are wrong on purpose, and the parts that runs stand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sympy import Expr, Piecewise, Rational

from tightrate.rates.orders.regimes import terms_of
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K, M
from tightrate.simulator.algorithm import Array
from tightrate.simulator.algorithms.local_sgd import LocalSGD, LocalState, local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.verify.assertions.bounded import AtMost
from tightrate.verify.assertions.order import Order, at_most
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.falsification.search import SEARCHES, Search
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025 import proposition_2
from tightrate.verify.papers.khaled2025.bounds_on_random_instances import searched
from tightrate.verify.papers.khaled2025.closed_forms_on_quadratics import average_local_gap
from tightrate.verify.papers.khaled2025.drift_of_the_workers import settled_offset
from tightrate.verify.papers.khaled2025.figure_1 import eigenmodes
from tightrate.verify.papers.khaled2025.inner_step_too_small import remainders
from tightrate.verify.papers.khaled2025.round_identities import round_errors
from tightrate.verify.papers.khaled2025.tuned_rates import tuned
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict


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


@pytest.mark.parametrize("rule", ["local", "momentum", "accelerated"])
@pytest.mark.parametrize("way", ["kicks", "engine", "recursion"])
def test_every_way_to_a_second_moment_is_compared(rule: str, way: str, session: Session) -> None:
    claim = "second-moments" if rule == "local" else f"{rule}-second-moments"
    data = dataset_of(claim, session)
    data.second_moment.loc[{"rule": rule, "way": way}] *= 1 + 1e-8
    assert verdict_on(claim, data).status == "violated"


@pytest.mark.parametrize("form", ["average_gap", "average_gap_stable"])
def test_both_forms_of_the_mean_gap_are_compared(form: str, session: Session) -> None:
    data = dataset_of("average-gap", session)
    data[form] *= 1 + 1e-8
    assert verdict_on("average-gap", data).status == "violated"


# --- Exponents that are wrong by a sixth -----------------------------------------------------------------------------


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
        ("momentum-condition-square", "gap", "R", 1 / 6),
        *((f"{rate}-exponents", "gap", axis, -1 / 6) for rate in ("eq2", "cor1") for axis in "KRM"),
    ],
)
def test_a_wrong_exponent_is_rejected(claim: str, variable: str, axis: str, power: float, session: Session) -> None:
    data = dataset_of(claim, session)
    values = 1 - data[axis] if axis == "momentum" else data[axis]
    data[variable] = data[variable] * values**power
    assert verdict_on(claim, data).status == "violated"


@pytest.mark.parametrize(("name", "factor"), [("noise drift", K), ("statistical", M)])
def test_tuning_a_wrong_term_is_not_eq_2(name: str, factor: Expr) -> None:
    """With K^2 in the drift, or with M dropped, the tuned rate is another."""
    terms = dict(terms_of(theorem("khaled2025/prop1").bound))
    wrong = tuned({**terms, name: terms[name] * factor})
    stated = theorem("khaled2025/eq2")
    assert Order([at_most(tuned(terms), stated)]).check().status == "confirmed"
    assert Order([at_most(wrong, stated)]).check().status == "violated"


# --- What parts of a claim see ---------------------------------------------------------------------------------------


def test_candidates_that_miss_one_are_seen_through_and_the_witness_is_where_noise_is_large(
    session: Session,
) -> None:
    witness = verdict_on(
        "prop1-two-candidates-if-re-derived", dataset_of("prop1-two-candidates-if-re-derived", session)
    ).witness
    assert witness is not None
    (large_noise,) = theorem("khaled2025/prop1-limit").conditions
    assert large_noise.holds_at({name: witness[name] for name in large_noise.symbols})


def test_a_best_step_that_rises_with_the_noise_is_rejected(session: Session) -> None:
    data = dataset_of("figure1-trend", session)
    data["loss"] = data.loss.copy(data=data.loss.values[..., ::-1])
    verdict = verdict_on("figure1-trend", data)
    assert verdict.status == "violated"
    assert verdict.witness is not None
    assert "seed" in verdict.witness


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


@pytest.mark.parametrize("share", [-0.02, 1.02])
def test_second_moments_grow_beyond_either_end_of_the_stable_range(share: float, session: Session) -> None:
    data = dataset_of("stable-range", session)
    beyond = Measurement.of(data.isel(instance=np.flatnonzero(data.share == share)), "growth")
    assert AtMost(beyond, xr.DataArray(1.0)).check().status == "violated"
    inside = (data.share > 0) & (data.share < 1)
    assert (inside & (data.eta * data.curvature > 2)).sum() > 10  # rounds that contract although local steps do not


def test_larger_steps_do_not_suffice() -> None:
    """With eta gamma L H <= 1/4 instead the remainder can be negative; so it can with 4 eta L <= 1."""
    (condition, *_) = theorem("khaled2025/thm1").conditions
    assert all(value.is_nonnegative for value in remainders(condition).values())
    for wrong in ({"product": Rational(1, 4)}, {"below": Rational(1, 4)}):
        assert not all(value.is_nonnegative for value in remainders(condition, **wrong).values())


def test_a_floor_that_does_not_rise_is_rejected(session: Session) -> None:
    data = dataset_of("less-than-1-can-be-best", session)
    data["floor"] = xr.ones_like(data.floor)
    assert verdict_on("less-than-1-can-be-best", data).status == "violated"


@pytest.mark.parametrize("wrong", range(3))
def test_derivatives_that_do_not_vanish_are_no_proof(wrong: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of Proposition 2's three cases with another minimizer."""
    right = proposition_2.prop2_minimizer

    def minimizer(*constants: Expr) -> Piecewise:
        cases = [(2 * point if i == wrong else point, where) for i, (point, where) in enumerate(right(*constants).args)]
        return Piecewise(*cases)

    assert Symbolic(equal=proposition_2.subgradients()).check().status == "confirmed"
    monkeypatch.setattr(proposition_2, "prop2_minimizer", minimizer)
    assert Symbolic(equal=proposition_2.subgradients()).check().status == "violated"


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
    """The witness of a gap beyond the bound names the search and the values of its axes."""
    data = dataset_of("thm3-safe-value", session)
    data["measured"] = data.measured * 1.5
    witness = dict(verdict_on("thm3-safe-value", data).witness or {})
    search = SEARCHES[witness.pop("search")]
    again = search.tried({axis.name: np.array([witness[axis.name]]) for axis in search.axes})
    assert again.measured[0] * 1.5 == pytest.approx(witness["measured"], rel=1e-9)
    assert again.bound[0] == pytest.approx(witness["bound"], rel=1e-12)


@pytest.mark.parametrize("search", searched(), ids=lambda search: search.name)
def test_an_axis_that_bears_the_name_of_a_symbol_is_that_symbol(search: Search) -> None:
    """So that the symbols of an instance and the other axes together are the point of the search."""
    point = search.point(np.random.default_rng(0).random((5, len(search.axes))))
    symbols = search.tried(point).measurement.symbols
    for name in set(symbols) & set(point):
        np.testing.assert_array_equal(symbols[name], point[name], err_msg=name)


# --- The parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("claim", "status"), [("first-power", "inconclusive"), ("square", "violated")])
def test_a_loop_that_is_not_the_shipped_algorithm_settles_nothing(claim: str, status: str, session: Session) -> None:
    data = dataset_of(f"momentum-condition-{claim}", session)
    data["sampled"] = data.sampled * (1 + 1e-4)
    assert verdict_on(f"momentum-condition-{claim}", data).status == status


def test_the_mean_gap_is_accurate_for_the_smallest_steps() -> None:
    """Against 50 digits, where the formula as it stands loses every digit in floating point."""
    symbols = {"curvature": 1e-7, "B": 2.0, "sigma": 3.0, "K": 8, "R": 64, "M": 4, "eta": 1e-6, "gamma": 5.0}
    arrays = {name: np.array([float(symbols[name])]) for name in ("K", "R", "M", "eta", "gamma")}
    stable = average_local_gap(np.array([[1e-7]]), np.array([[2.0]]), np.array([[3.0]]), **arrays)[0]
    assert stable == pytest.approx(theorem("khaled2025/average-gap").bound.at(symbols), rel=1e-13)


def test_the_resting_point_does_not_depend_on_the_grid() -> None:
    coarse, fine = (settled_offset(20, 1e-3, points=points)[1] for points in (2001, 8001))
    assert coarse == pytest.approx(fine, rel=3e-3)
    assert settled_offset(20, 1e-3, left=1.0, points=2001)[1] == pytest.approx(0.0, abs=1e-11)


def test_every_matrix_of_figure_1_has_an_optimum() -> None:
    """Squared matrices too, whose smallest eigenvalue may be lost to rounding."""
    for seed in range(100):
        assert np.isfinite(eigenmodes(seed, power=2).optimum).all()
