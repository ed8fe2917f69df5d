"""Claims of cheng2024: what their tests must be able to tell apart, and the tools that they are made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from sympy import Expr, Ge

from tightrate.common.errors import TightrateError
from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K, L, R, alpha, beta1, mu, weak
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step, worker_average
from tightrate.verify.assertions.assertion import Controlled
from tightrate.verify.assertions.equal import Vanishes
from tightrate.verify.assertions.order import Order, at_most
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of, exponents_of_balance
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.auxiliary_sequence import Errors, note_lag
from tightrate.verify.papers.cheng2024.confidence import logarithm, uncertain_steps
from tightrate.verify.papers.cheng2024.consensus import squared_range
from tightrate.verify.papers.cheng2024.expressions import free_of_momentum, limit_in_steps, limits
from tightrate.verify.papers.cheng2024.local_or_minibatch import critical_steps
from tightrate.verify.papers.cheng2024.orders import CRITICAL_STEPS, MOMENTS, term
from tightrate.verify.papers.cheng2024.pathwise import pathwise_run
from tightrate.verify.papers.cheng2024.preconditioner import movement_exponents
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session

REFUTED = tuple(n for n in CLAIMS.match("cheng2024/*") if CLAIMS[n].expected == "violated" and CLAIMS[n].data)


def data_of(claim: str, session: Session) -> xr.Dataset:
    return session.data(CLAIMS[claim].data[0]).copy()


# --- Identities ------------------------------------------------------------------------------------------------------


def test_the_lag_of_another_momentum_is_not_that_of_the_run() -> None:
    momentum = np.full((4, 1, 1), 0.9)
    problem = asymmetric_softplus(mu=0.2, width=0.1, M=3, d=2)
    noise = drawn_noise(GaussianNoise(1.0), steps=20, shape=(4, 3, 2), seed=1, experiment="test")
    algorithm = local_sgdm(eta=0.1, beta1=momentum)
    largest = {}
    for name, used in (("right", momentum), ("wrong", 0.99 * momentum)):
        errors, previous = Errors(4), None
        for step in step_by_step(algorithm, problem, noise=noise, K=5):
            errors.seen(step.after.x)
            note_lag(errors, step, previous, used, algorithm, "SGDM")
            previous = worker_average(step.before.x)
        largest[name] = {key: value.min() for key, value in errors.relative().items()}
    assert all(value < 1e-14 for value in largest["right"].values())
    assert all(value > 1e-5 for value in largest["wrong"].values())


def test_counterexamples_that_are_none_are_not_reported(session: Session) -> None:
    refuted = {name: CLAIMS[name].assertion(data_of(name, session)) for name in REFUTED}
    alone = [one.asserted if isinstance(one, Controlled) else one for one in refuted.values()]
    identities = [asserted for asserted in alone if isinstance(asserted, Vanishes)]
    assert len(identities) >= 5
    for asserted in identities:
        nothing = replace(asserted.measurement, measured=0 * asserted.measurement.measured)
        assert replace(asserted, measurement=nothing).check().status == "confirmed"


def test_comparisons_at_one_local_step_are_counted_once(session: Session) -> None:
    claim = CLAIMS["cheng2024/one-local-step-with-clipping"]
    data = data_of(claim.id, session)
    verdict = claim.judge(data)
    assert f"in {data.sizes['instance']} of {data.sizes['instance']} comparisons" in verdict.sentence
    assert verdict.witness is not None
    assert verdict.witness["K"] == 1
    assert verdict.witness["residual"] == float(data["one step, clipped"].max())


# --- Orders and expressions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("power", "status"), [(alpha - 2, "confirmed"), (alpha - 1, "violated"), (2 * alpha, "violated")]
)
def test_another_power_in_the_clipping_threshold_is_refuted(power: Expr, status: str) -> None:
    given = Ge(K**power * L, mu * R**2)
    comparison = at_most(term("thm1", "clipping"), term("thm1", "noise drift"), given, MOMENTS)
    assert Order([comparison]).check().status == status


def test_a_false_limit_and_a_hidden_momentum_are_refuted() -> None:
    drift, floor = term("thm2", "noise drift"), term("thm3", "weak convexity")
    assert limits({"it": (drift, 0 * drift)}).check().status == "confirmed"
    assert limits({"it": (drift, weak)}).check().status == "violated"
    assert limits({"it": (floor, 0 * floor)}).check().status == "violated"
    first = term("thmB3", "optimization")
    for power, status in ((0, "violated"), (1, "violated"), (2, "confirmed")):
        assert free_of_momentum({"it": first * (1 - beta1) ** power}).check().status == status
    with pytest.raises(TightrateError, match="sign of the exponent"):
        limit_in_steps(K ** (alpha - 5))


def test_the_critical_number_of_local_steps_is_where_two_terms_are_equal() -> None:
    drift, other = theorem("cheng2024/thm2").bound.term("noise drift"), theorem("cheng2024/eq4.5").bound
    balance = exponents_of_balance(drift, other.term("optimization"), "K", ["sigma", "R", "M"])
    assert balance == pytest.approx({"sigma": 2, "R": 1, "M": 0})
    assert critical_steps() == CRITICAL_STEPS["convex"]
    values = {"sigma": 3.0, "R": 7.0, "L": 1.5, "B": 2.0}
    values["K"] = at(critical_steps(), values)
    left, right = (at(side, values) for side in (drift.expression, other.term("optimization").expression))
    assert left == pytest.approx(right)


# --- Inequalities ----------------------------------------------------------------------------------------------------


def test_the_descent_fails_for_steps_that_are_too_large() -> None:
    problem = asymmetric_softplus(L=1.0, mu=0.2, width=0.01, M=3, d=2)
    noise = drawn_noise(GaussianNoise(0.01), steps=12, shape=(64, 3, 2), seed=1, experiment="test")
    holds = {}
    for eta in (1 / 12, 6.0):
        sides = pathwise_run(problem, eta=eta, beta1=0.0, rho=3.0, noise=noise, L=1.0, mu=0.2)["descent"]
        assert sides.left is not None
        assert sides.right is not None
        holds[eta] = bool(np.all(sides.left <= sides.right + 1e-12))
    assert holds == {1 / 12: True, 6.0: False}


def test_a_clipped_run_that_fails_twice_as_often_as_allowed_is_rejected(session: Session) -> None:
    claim = CLAIMS["cheng2024/clipping-buys-confidence"]
    data = data_of(claim.id, session)
    assert claim.judge(data.assign(clipped_failure=data.clipped_failure + 2 * data.delta)).status == "violated"


def test_noise_does_not_make_a_false_floor_true(session: Session) -> None:
    claim = CLAIMS["cheng2024/more-workers-leave-the-drift"]
    data = data_of(claim.id, session)
    below = data.assign(gap=0.5 * data.attrs["limit"] + 0 * data.gap)
    assert claim.judge(below).status == "violated"
    noisy = claim.judge(below.assign(stderr=data.attrs["limit"] + 0 * data["stderr"]))
    assert noisy.status == "inconclusive"
    assert "100 times the replicas" in noisy.sentence


def test_only_cells_with_linear_speed_up_are_compared(session: Session) -> None:
    claim = CLAIMS["cheng2024/linear-speed-up"]
    data = data_of(claim.id, session)
    inside = np.cbrt(Measurement.of(data, "local").at(critical_steps()) / data["K"]) >= data.M
    verdict = claim.judge(data)
    assert verdict.evidence["comparisons"] == int(inside.sum()) >= 25
    assert float(data.M.min()) > 1
    assert claim.judge(data.assign(local=data.local.where(inside, 100.0))).status == "consistent"
    assert claim.judge(data.assign(local=data.local.where(data.M != 16, 100.0))).status == "violated"
    assert claim.judge(data.assign_attrs(sigma=0.0)).status == "error"  # no cell is left


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_another_variance_of_the_workers_is_rejected(factor: float, session: Session) -> None:
    claim = CLAIMS["cheng2024/consensus-is-a-gaussian-range"]
    data = data_of(claim.id, session)
    assert claim.judge(data.assign(range=factor * data["range"])).status == "violated"
    assert claim.judge(data.assign(stderr=20 * data["stderr"])).status == "inconclusive"


def test_the_squared_range_is_that_of_drawn_variables() -> None:
    drawn = np.ptp(np.random.default_rng(1).standard_normal((20000, 32)), axis=1) ** 2
    assert squared_range([32])[0] == pytest.approx(drawn.mean(), abs=5 * drawn.std() / np.sqrt(20000))


# --- Exponents -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [1 / 6, 1 / 4, 1 / 2, 1])
@pytest.mark.parametrize("name", ["cheng2024/consensus-over-workers", "cheng2024/consensus-is-a-gaussian-range"])
def test_a_power_of_the_workers_is_not_taken_for_a_logarithm(name: str, power: float, session: Session) -> None:
    data = data_of(name, session)
    faster = data.assign(mean=data["mean"] * data.M**power, stderr=data["stderr"] * data.M**power)
    assert CLAIMS[name].judge(faster).status == "violated"


@pytest.mark.parametrize("excess", [-1 / 6, -1 / 3, -1 / 2, 1 / 6])
def test_the_worst_laws_have_exactly_their_exponent(excess: float, session: Session) -> None:
    data = data_of("cheng2024/clipping-bias-exponent", session)
    data["worst"] = data.worst * data.rho**excess
    assert CLAIMS["cheng2024/clipping-bias-exponent"].judge(data).status == "violated"


@pytest.mark.parametrize("lasting", ["difference", "growth"])
def test_a_difference_that_stays_and_a_change_that_vanishes_are_rejected(lasting: str, session: Session) -> None:
    claim = CLAIMS["cheng2024/preconditioner-difference-vanishes"]
    data = data_of(claim.id, session)
    power = -1.0 if lasting == "difference" else 1.0
    for variable in (lasting, f"{lasting}_stderr"):
        data[variable] = data[variable] * data.sigma**power
    assert claim.judge(data).status == "violated"


@pytest.mark.parametrize(("axis", "excess"), [("K", 1 / 3), ("fine", 1 / 6)])
def test_a_drift_of_adam_that_grows_faster_is_not_accepted(axis: str, excess: float, session: Session) -> None:
    data = data_of("cheng2024/adam-drift-floor", session)
    for variable in ("drift", "drift_stderr"):
        data[variable] = data[variable] * data[axis] ** excess
    assert CLAIMS["cheng2024/adam-drift-floor"].judge(data).status != "consistent"


def test_a_gain_that_grows_slower_is_rejected(session: Session) -> None:
    claim = CLAIMS["cheng2024/gain-exponents"]
    data = data_of(claim.id, session)
    ratio = data["K"] / Measurement.of(data, "gain").at(critical_steps())
    assert claim.judge(data.assign(gain=data.gain * ratio**-0.15)).status == "violated"


def test_the_misprint_in_the_confidence_bound_is_told_from_the_correction(session: Session) -> None:
    claim = CLAIMS["cheng2024/confidence-as-printed"]
    data = data_of(claim.id, session)
    printed = claim.assertion(data)
    assert isinstance(printed, PowerLaw)
    corrected = printed.measurement.at(theorem("cheng2024/thmD1").bound.expression) * logarithm(data) / data.plain
    measurement = replace(
        printed.measurement, measured=corrected, stderr=corrected * uncertain_steps(data) / data.plain
    )
    assert replace(printed, measurement=measurement).check().status == "consistent"


def test_an_excess_that_is_not_resolved_is_inconclusive(session: Session) -> None:
    claim = CLAIMS["cheng2024/floor-above-drift-falls-with-workers"]
    data = data_of(claim.id, session)
    verdict = claim.judge(data.assign(stderr=100 * data["stderr"]))
    assert verdict.status == "inconclusive"
    assert "times the replicas" in verdict.sentence


# --- The tools' own --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("K", [1, 5, 40])
def test_a_linear_gradient_has_a_round_map_in_closed_form(K: int) -> None:
    eta, a, sigma, q = 0.1, 0.7, 2.0, 0.03
    made = round_maps(lambda x: a * x, eta=eta, noise=TwoValues.signs(sigma), K=[K], q=q)[K]
    steps = np.arange(K)
    assert made.end == pytest.approx((1 - eta * a) ** K * made.grid, abs=1e-10)
    weights = (1 - q) ** (K - 1 - steps)
    assert made.inside == pytest.approx(np.sum(weights * (1 - eta * a) ** steps) * made.grid, abs=1e-9)
    variance = (eta * sigma) ** 2 * np.sum((1 - eta * a) ** (2 * steps))
    middle = len(made.grid) // 2
    assert variance <= made.variance[middle] * (1 + 1e-9) <= variance * (1 + 1 / 400 + 2e-9)
    assert made.settled() == pytest.approx(0.0, abs=1e-9)
    iterates, averages = made.path(1.0, 3)
    assert iterates == pytest.approx((1 - eta * a) ** (K * np.arange(4)), abs=1e-10)
    everything = np.arange(3 * K)
    weights = (1 - q) ** (3 * K - 1 - everything)
    assert averages[-1] == pytest.approx(np.sum(weights * (1 - eta * a) ** everything) / weights.sum(), rel=1e-9)


def test_two_values_have_mean_zero_and_the_deviation_they_say() -> None:
    noise = TwoValues(3.0, -1.0, 0.25)
    assert noise.deviation == pytest.approx(np.sqrt(0.25 * 9 + 0.75))


def test_exponents_take_alpha_from_the_values() -> None:
    assert exponents_of(term("thm2", "clipping"), ["K", "M"], alpha=4.0) == pytest.approx({"K": -6 / 11, "M": 0.0})


@pytest.mark.parametrize("label", ["lemC8-upper", "lemC9"])
def test_preconditioners_move_like_the_entry_without_a_logarithm(label: str) -> None:
    assert movement_exponents(theorem(f"cheng2024/{label}")) == {"1-beta2": 1.0, "K": 1.0}
