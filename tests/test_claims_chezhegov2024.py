"""Claims on local SGD with scaling: what is particular about their formulas, instances and runs."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import xarray as xr
from sympy import Expr

from tightrate.constructions.random_quadratics import random_workers
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.rates.orders.domination import dominated
from tightrate.rates.papers.chezhegov2024.scaling_matrix import Rule
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import d_max, d_min
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.assertions.thresholds import CERTAIN
from tightrate.verify.claim import Claim, judge
from tightrate.verify.papers.chezhegov2024 import (
    algebra,
    changing_scaling,
    drift,
    fixed_point,
    frozen_scaling,
    orders,
    variants,
)
from tightrate.verify.papers.khaled2020 import slides
from tightrate.verify.session import Session


def data_of(claim: Claim, session: Session) -> xr.Dataset:
    return session.data(claim.data[0]).copy(deep=True)


# --- The change of variables -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.0, 0.25, 1.0])
def test_other_powers_of_the_matrix_are_no_change_of_variables(power: float, session: Session) -> None:
    claim = frozen_scaling.frozen_is_local_sgd
    error, _ = frozen_scaling.quadratic_error(stream(1, test="mutant"), 20, power)
    mutant = data_of(claim, session).isel(instance=slice(20)).assign(error=("instance", error))
    assert claim.judge(mutant).status == "violated"
    assert frozen_scaling.logistic_error(stream(2, test="mutant"), 0, power)[0] > 1e-3
    assert frozen_scaling.logistic_error(stream(2, test="mutant"), 0)[0] < 1e-13


def test_the_matrices_of_the_trajectories_are_not_multiples_of_the_identity(session: Session) -> None:
    data = session.data(frozen_scaling.frozen_scaling_trajectories)
    assert float(data.spread.median()) > 1.5
    assert set(data.kind.values) == {"quadratic", "logistic"}


def test_a_fixed_point_without_the_matrix_is_another_one(session: Session) -> None:
    claim = fixed_point.fixed_point_formula
    data = data_of(claim, session)
    assert claim.judge(data.assign(reached=data.reached + 1e-6 * data.discrepancy)).status == "violated"
    assert float(data.left.max()) < 1e-12  # the runs were long enough


def test_a_method_that_ends_at_the_optimum_would_be_noticed(session: Session) -> None:
    claim = fixed_point.drift_remains
    data = data_of(claim, session)
    assert claim.judge(data.assign(remaining=1e-3 * data.remaining)).status == "violated"
    assert claim.judge(data.assign(remaining=0 * data.remaining, discrepancy=0 * data.discrepancy)).status == "violated"


def test_random_workers_in_new_variables_keep_gap_and_optimum() -> None:
    generator = stream(5, test="variables")
    problem = random_workers(generator, 4, 3, 2)
    D, x = 10 ** generator.uniform(-1, 1, (4, 2)), generator.standard_normal((4, 2))
    image = frozen_scaling.in_new_variables(problem, D)
    np.testing.assert_allclose(image.gap(x * np.sqrt(D)), problem.gap(x), rtol=1e-12)
    pull = image.gradient(np.broadcast_to(image.optimum[:, None], (4, 3, 2))).mean(axis=1)
    np.testing.assert_allclose(pull, 0, atol=1e-13)


# --- Algebra and orders ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "smaller"), [("rule2", 249), ("rule3", 62)])
def test_smaller_condition_numbers_are_not_evident(rule: Rule, smaller: int) -> None:
    assert Symbolic(positive={rule: algebra.beyond(rule, algebra.BEYOND[rule])}).check().status == "confirmed"
    assert Symbolic(positive={rule: algebra.beyond(rule, sympy.Integer(smaller))}).check().status == "violated"


@pytest.mark.parametrize(
    "claim", [algebra.cor1_rule2, algebra.cor1_rule3, algebra.averaging_must_be_slow, algebra.adam_starts_too_fast]
)
def test_another_limit_on_the_averaging_is_rejected(claim: Claim, monkeypatch: pytest.MonkeyPatch) -> None:
    right = algebra.largest_complement

    def five_times(rule: Rule) -> Expr:
        return 5 * right(rule)

    monkeypatch.setattr(algebra, "largest_complement", five_times)
    assert claim.judge().status == "violated"


def test_the_witness_of_the_printed_balance_is_the_path(session: Session) -> None:
    witness = judge(slides.slides_balance_as_printed, session).verdict.witness
    assert witness is not None
    assert witness["statement"] == "noise <~ drift"
    assert {"left", "right", "exponents", "ratio", "profile", "seed"} <= set(witness)


def test_a_theorem_in_which_scaling_helped_would_be_noticed() -> None:
    one = next(one for one in orders.never_helps("identical") if "optimization" in one.name)
    assert isinstance(one.right, Expr)
    assert dominated(one.left, one.right, one.given).relation == "holds"
    helped = one.right * (d_min / d_max) ** 2
    assert dominated(one.left, helped, one.given).relation == "fails"


def test_every_theorem_with_a_matrix_loses_some_order() -> None:
    losing = [one for label in orders.TUNED for one in orders.never_helps(label) if not one.holds]
    assert len(losing) == len(orders.TUNED)
    assert all(dominated(one.left, one.right, one.given).relation == "fails" for one in losing)


# --- Sampled runs ----------------------------------------------------------------------------------------------------


def test_wide_intervals_are_inconclusive_and_unknown_ones_an_error(session: Session) -> None:
    claim = changing_scaling.changing_rule3
    data = data_of(claim, session)
    assert claim.judge(data.assign(stderr=data["mean"])).status == "inconclusive"
    assert claim.judge(data.assign(stderr=data["mean"] * np.nan)).status == "error"


def test_the_averaging_is_as_fast_as_the_theorem_admits(session: Session) -> None:
    data = session.data(changing_scaling.changing_scaling)
    case = data.sel(case="changing-rule3 oasis")
    limit = case.eta * case.mu * case.d_min / (4 * case.d_max**2)
    np.testing.assert_allclose(1 - case.beta2, limit, rtol=1e-6)
    assert bool((4 * case.eta * case.L <= case.d_min).all())


def test_an_averaging_that_is_faster_makes_the_claim_an_error(session: Session) -> None:
    claim = changing_scaling.changing_rule3
    data = data_of(claim, session)
    found = claim.judge(data.assign(beta2=1 - 1.01 * (1 - data.beta2)))
    assert found.status == "error"
    assert "slow enough" in found.sentence


def test_replicas_are_sized_by_the_room_below_the_bound() -> None:
    pilot = np.array([[[1.0], [3.0], [1.0], [3.0]]])
    needed = changing_scaling.replicas_for(pilot, np.array([[2.5]]))
    assert needed == int(np.ceil((CERTAIN * pilot.std(ddof=1) / 0.5) ** 2))
    assert changing_scaling.replicas_for(pilot, np.array([[1.0]])) == 0  # above its bound: no number helps


# --- Experiments of the figures --------------------------------------------------------------------------------------


def test_without_scikit_learn_the_data_are_synthetic_and_the_results_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "find_spec", lambda _: None)
    contest = variants.real_data(1)
    assert "synthetic" in contest.description
    assert contest.problem.workers == 8
    assert float(contest.problem.constants["L"]) < 10


def test_badly_scaled_workers_have_the_heterogeneity_asked_for() -> None:
    problem = variants.badly_scaled(stream(3, test="scales"), 4, np.geomspace(1e-3, 1, 6), 0.7, np.ones(6))
    assert float(problem.constants["zeta_star"]) == pytest.approx(0.7, rel=1e-9)
    slope = problem.gradient(np.ones((4, 6))).mean(axis=0)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


# --- Drift on functions with a kink ----------------------------------------------------------------------------------


def test_a_step_needs_its_spread(session: Session) -> None:
    data = data_of(drift.one_step, session)
    assert drift.one_step.judge(data.assign(spread_before=0 * data.spread_before)).status == "violated"


@pytest.mark.parametrize("claim", [drift.id_sc_without_drift, drift.id_c_without_drift])
def test_what_noise_may_explain_does_not_refute_a_bound(claim: Claim, session: Session) -> None:
    data = data_of(claim, session)
    assert claim.judge(data.assign(stderr=data["mean"])).status == "inconclusive"


def test_the_control_variate_keeps_the_mean_spread_and_makes_it_exact_after_the_first_step(session: Session) -> None:
    data = session.data(drift.frozen_scaling_drift)
    values = {"K": data.since_averaging, "M": drift.WORKERS, "eta": drift.STEP, "sigma": data.attrs["scaled_sigma"]}
    bound = theorem("khaled2025/lemma7-mean").bound.at(values)
    first, later = data.since_averaging == 1, data.since_averaging > 1
    np.testing.assert_allclose(data.spread[first], bound[first], rtol=1e-12)
    plain = data.spread_before.mean("replica")
    assert abs(float(((plain - data.spread) / bound)[later].mean())) < 0.01
    plain_error = data.spread_before.std("replica", ddof=1) / np.sqrt(data.sizes["replica"])
    assert float((data.spread_stderr / plain_error)[later].median()) < 0.5


def test_the_coefficients_of_one_step_are_those_of_the_proof() -> None:
    values = {"L": 3.0, "mu": 0.5, "sigma": 2.0, "M": 4.0, "eta": 0.01, "K": 7.0, "R": 5.0, "B": 1.5}
    found = {name: at(coefficient, values) for name, coefficient in drift.one_step_coefficients().items()}
    expected = {
        "squared distance": 1 - 0.01 * 0.5,
        "gap": 0.01 / 2,
        "noise": 0.01**2 * 2.0**2 / 4,
        "spread": 2 * 0.01 * 3.0,
    }
    assert found == pytest.approx(expected, rel=1e-14)


def test_the_kinked_pair_in_new_variables_is_the_pair_in_the_old_ones() -> None:
    """Gradients transform with D^{-1/2}, D being (d_max, d_min) on the slow and on the kinked coordinate."""
    root = np.sqrt([drift.D_MAX, drift.D_MIN])
    old = zeta_piecewise_pair(zeta=0.3, L=drift.L, curvature=drift.CURVATURE, mu=drift.CURVATURE, B=1 / root[0], M=2)
    new = drift.in_new_variables(0.3, 2)
    x = stream(8, test="kink").standard_normal((50, 2, 2))
    np.testing.assert_allclose(new.gradient(x * root), old.gradient(x) / root, rtol=1e-13)
