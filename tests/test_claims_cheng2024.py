"""Claims of cheng2024: expected verdicts, and wrong twins of every family that must be rejected."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from sympy import Ge

from constructions.asymmetric_softplus import asymmetric_softplus
from constructions.noise import GaussianNoise
from rates.alphabet import K, L, R, alpha, mu
from rates.errors import TightrateError
from simulator.algorithms.local_sgdm import local_sgdm
from verify.claim import CLAIMS, judge
from verify.experiments.cheng2024_identities import Errors, note_lag
from verify.experiments.cheng2024_orders import MOMENTS, term
from verify.experiments.cheng2024_pathwise import pathwise_run
from verify.infinite_workers import TwoValues, round_maps
from verify.judging_exponents import exponents_of, joined, judge_scaling
from verify.judging_statements import Question, decided, judge_orders
from verify.laboratory import Laboratory
from verify.trajectories import drawn_noise, step_by_step, worker_average
from verify.verdict import Verdict

NAMES = CLAIMS.match("cheng2024/*")


@pytest.fixture(scope="module")
def laboratory() -> Laboratory:
    return Laboratory(jobs=1)


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_has_its_expected_verdict(name: str, laboratory: Laboratory) -> None:
    finding = judge(CLAIMS[name], laboratory)
    assert finding.as_expected, finding.verdict.sentence
    assert finding.verdict.evidence
    assert (finding.verdict.witness is not None) == (finding.verdict.status == "violated")
    assert CLAIMS[name].procedure


def data_of(claim: str, laboratory: Laboratory) -> xr.Dataset:
    return laboratory.result(CLAIMS[claim].experiment)[0].copy()


# ------------------------------------------------------------------------------------------------- twins of identities


DECIDED = tuple(name for name in NAMES if CLAIMS[name].experiment == "cheng2024-orders")
IDENTITIES = tuple(name for name in NAMES if CLAIMS[name].expected == "confirmed" and name not in DECIDED)


@pytest.mark.parametrize("name", IDENTITIES)
def test_an_identity_that_is_off_by_a_billionth_is_rejected(name: str, laboratory: Laboratory) -> None:
    data = data_of(name, laboratory)
    off = {str(v): data[v] * (1 + 1e-8) + 1e-8 for v in data.data_vars if is_measured(str(v))}
    assert CLAIMS[name].judge(data.assign(off)).status == "violated"


REFERENCES = ("exact", "fraction", "forgotten", "sharp", "minibatch", "floor", "delta", "symmetric", "rho", "right")
DRAWN = ("eta", "beta1", "beta2", "lambda", "sigma", "alpha", "G_inf", "H", "gamma", "weak", "z")


def is_measured(variable: str) -> bool:
    """Whether a variable of a dataset is a measurement, not theory or a parameter."""
    return variable not in DRAWN and not any(variable.startswith(r) or variable.endswith(r) for r in REFERENCES)


def test_the_lag_of_another_momentum_is_not_that_of_the_run() -> None:
    beta1 = np.full((4, 1, 1), 0.9)
    problem = asymmetric_softplus(mu=0.2, width=0.1, M=3, d=2)
    noise = drawn_noise(GaussianNoise(1.0), steps=20, shape=(4, 3, 2), seed=1, experiment="test")
    algorithm = local_sgdm(eta=0.1, beta1=beta1)
    largest = {}
    for name, used in (("right", beta1), ("wrong", 0.99 * beta1)):
        errors, previous = Errors(4), None
        for step in step_by_step(algorithm, problem, noise=noise, K=5):
            errors.seen(step.after.x)
            note_lag(errors, step, previous, used, algorithm, "SGDM")
            previous = worker_average(step.before.x)
        largest[name] = {key: value.min() for key, value in errors.relative().items()}
    assert all(value < 1e-14 for value in largest["right"].values())
    assert all(value > 1e-5 for value in largest["wrong"].values())


@pytest.mark.parametrize(
    "name",
    [
        "cheng2024/adam-increment-at-first-step-as-printed",
        "cheng2024/one-local-step-with-clipping",
        "cheng2024/one-local-step-of-adam",
        "cheng2024/clipping-shows-local-steps",
        "cheng2024/curvature-shows-local-steps",
    ],
)
def test_a_counterexample_that_is_none_is_not_reported(name: str, laboratory: Laboratory) -> None:
    data = data_of(name, laboratory)
    assert CLAIMS[name].judge(xr.zeros_like(data)).status == "confirmed"


# ----------------------------------------------------------------------------------------------------- twins of orders


@pytest.mark.parametrize(
    ("power", "status"), [(alpha - 2, "confirmed"), (alpha - 1, "violated"), (2 * alpha, "violated")]
)
def test_another_power_in_the_clipping_threshold_is_refuted(power: object, status: str) -> None:
    given = Ge(K**power * L, mu * R**2)
    question = Question(term("thm1", "clipping"), term("thm1", "noise drift"), (given, MOMENTS))
    assert judge_orders(decided({"it": question}), holds=["it"], what="it").status == status


@pytest.mark.parametrize("name", DECIDED)
def test_opposite_answers_are_not_confirmed(name: str, laboratory: Laboratory) -> None:
    data = data_of(name, laboratory)
    data["answer"] = 1 - data.answer
    # what is refuted would be confirmed, but for the claim some of whose statements hold
    refuted = CLAIMS[name].expected == "violated" and name != "cheng2024/minibatch-by-substitution"
    assert CLAIMS[name].judge(data).status == ("confirmed" if refuted else "violated")


def test_an_unchecked_answer_is_inconclusive(laboratory: Laboratory) -> None:
    data = data_of("cheng2024/rates-invert", laboratory)
    data["checked"] = xr.zeros_like(data.checked)
    assert CLAIMS["cheng2024/rates-invert"].judge(data).status == "inconclusive"


# ----------------------------------------------------------------------------------------------------- twins of bounds


@pytest.mark.parametrize(
    ("name", "changed", "factor"),
    [
        ("cheng2024/clipping-bias", "bound: lemA2-bias", 0.05),
        ("cheng2024/sharp-clipping-bias", "bound: lemA2-sharp", 0.9),
        ("cheng2024/clipped-moment", "bound: lemA2-moment", 0.9),
        ("cheng2024/clipped-centered-moment", "bound: lemA2-centered-moment", 0.1),
        ("cheng2024/squared-clipping-bias", "bound: eqB.63", 1e-3),
        ("cheng2024/clipping-bias-is-attained", "sharp", 1.01),
        ("cheng2024/fourth-moment-of-the-mean", "printed", 0.5),
        ("cheng2024/sharp-fourth-moment", "sharp", 0.9),
        ("cheng2024/confidence-lower-bound", "bound", 3.0),
        ("cheng2024/clipping-buys-confidence", "clipped_failure", np.inf),
        ("cheng2024/consensus-bound", "quantile", 1e5),
        ("cheng2024/adam-consensus-bound", "quantile", 1e9),
        ("cheng2024/preconditioner-decay", "least", 0.95),
        ("cheng2024/preconditioner-growth", "upper", 0.1),
        ("cheng2024/preconditioner-difference", "apart", 1e-4),
        ("cheng2024/measure-below-plain-norm", "norm_ratio", 1.001),
        ("cheng2024/measure-above-plain-norm", "norm_least", 0.3),
        ("cheng2024/adam-is-nearly-sgdm", "preconditioner", 2.0),
        ("cheng2024/pathwise-contraction", "contraction: left", 1e3),
        ("cheng2024/pathwise-descent", "descent: left", 1.1),
        ("cheng2024/pathwise-descent-as-printed", "printed descent: left", 1.1),
        ("cheng2024/pathwise-lag-potential", "lag potential: right", 0.2),
        ("cheng2024/pathwise-lag", "lag: right", 0.1),
        ("cheng2024/gradient-below-envelope", "ratio: right", 0.5),
        ("cheng2024/gradient-step-near-proximal-step", "step: right", 0.9),
        ("cheng2024/envelope-gradient-below-gap", "envelope: right", 0.5),
        ("cheng2024/weakly-convex-monotonicity", "monotone: right", 0.5),
        ("cheng2024/envelope-gap", "whole: left", 1.1),
        ("cheng2024/drift-floor-value", "drift_bound", 1e-3),
        ("cheng2024/statistical-floor-value", "statistical_bound", 0.01),
        ("cheng2024/more-workers-leave-the-drift", "gap", 0.5),
        ("cheng2024/convex-drift-value", "explicit", 0.1),
        ("cheng2024/exponential-phase-rounds", "rounds", 1.1),
        ("cheng2024/linear-speed-up", "local", 4.0),
        ("cheng2024/minibatch-statistical-exponents", "minibatch", 1.2),
    ],
)
def test_a_wrong_constant_is_rejected(name: str, changed: str, factor: float, laboratory: Laboratory) -> None:
    data = data_of(name, laboratory)
    data[changed] = data[changed] * factor
    assert CLAIMS[name].judge(data).status == "violated"


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


# -------------------------------------------------------------------------------------------------- twins of exponents

SLOWER = [
    ("cheng2024/consensus-exponents", ("mean", "stderr"), "K", 0.5),
    ("cheng2024/consensus-exponents", ("mean", "stderr"), "eta", 0.3),
    ("cheng2024/consensus-exponents", ("mean", "stderr"), "sigma", 0.3),
    ("cheng2024/adam-consensus-exponents", ("mean", "stderr"), "lambda", -0.5),
    ("cheng2024/adam-consensus-exponents", ("mean", "stderr"), "K", 0.5),
    ("cheng2024/preconditioner-growth-exponents", ("growth", "growth_stderr"), "K", 0.5),
    ("cheng2024/preconditioner-difference-vanishes", ("difference", "difference_stderr"), "sigma", -1.0),
    ("cheng2024/preconditioner-difference-vanishes", ("growth", "growth_stderr"), "sigma", -1.0),
    ("cheng2024/clipping-bias-exponent", ("worst",), "rho", 0.2),
    ("cheng2024/confidence-exponents", ("plain",), "delta", 0.1),
    ("cheng2024/drift-floor", ("drift",), "K", 0.2),
    ("cheng2024/drift-floor", ("drift",), "eta", 0.2),
    ("cheng2024/statistical-floor", ("statistical",), "M", 0.2),
    ("cheng2024/momentum-leaves-floors", ("statistical",), "slowness", 0.5),
    ("cheng2024/momentum-leaves-floors", ("drift", "drift_stderr"), "slowness", 1.0),
    ("cheng2024/adam-statistical-floor", ("statistical", "statistical_stderr"), "M", 0.3),
    ("cheng2024/adam-statistical-floor", ("statistical", "statistical_stderr"), "eta", 0.3),
    ("cheng2024/adam-drift-floor", ("drift", "drift_stderr"), "K", 1.0),
    ("cheng2024/clipping-term-strongly-convex", ("error",), "R", 0.3),
    ("cheng2024/clipping-term-convex", ("error",), "R", 0.1),
    ("cheng2024/clipping-term-adam", ("error",), "R", 0.6),
    ("cheng2024/convex-drift-exponents", ("gap",), "R", 1 / 6),
    ("cheng2024/convex-drift-exponents", ("gap",), "K", 1 / 3),
    ("cheng2024/convex-statistical-exponents", ("local",), "M", 0.1),
    ("cheng2024/minibatch-statistical-exponents", ("minibatch",), "K", 0.2),
    ("cheng2024/strongly-convex-drift-exponents", ("drift",), "R", 0.5),
    ("cheng2024/strongly-convex-statistical-exponents", ("statistical",), "M", 0.2),
    ("cheng2024/critical-steps-exponents", ("crossing",), "sigma", 0.5),
    ("cheng2024/drift-on-a-budget", ("gap",), "K", 0.2),
]


def test_a_power_of_the_workers_is_not_taken_for_a_logarithm(laboratory: Laboratory) -> None:
    claim = CLAIMS["cheng2024/consensus-over-workers"]
    data = data_of(claim.id, laboratory)
    relative = data["stderr"] / data["mean"]
    for growth, status in ((data.M**0.5, "inconclusive"), (np.exp(np.log(data.M) ** 2), "violated")):
        twin = data.assign(mean=growth.astype(float), stderr=relative * growth)
        assert claim.judge(twin).status == status


def test_a_gain_that_grows_slower_is_rejected(laboratory: Laboratory) -> None:
    data = data_of("cheng2024/gain-exponents", laboratory)
    data["gain"] = data.gain * (data.K / data.critical) ** -0.15
    assert CLAIMS["cheng2024/gain-exponents"].judge(data).status == "violated"


@pytest.mark.parametrize(("name", "variables", "axis", "excess"), SLOWER)
def test_an_exponent_worse_than_the_bound_is_rejected(
    name: str, variables: tuple[str, ...], axis: str, excess: float, laboratory: Laboratory
) -> None:
    data = data_of(name, laboratory)
    for variable in variables:
        data[variable] = data[variable] * data[axis] ** excess
    assert CLAIMS[name].judge(data).status == "violated"


def test_the_misprint_in_the_confidence_bound_is_told_from_the_correction(laboratory: Laboratory) -> None:
    data = data_of("cheng2024/confidence-as-printed", laboratory)
    data["order"] = data.order / data.L  # now 1/sqrt(L eps), which the judge multiplies back
    assert CLAIMS["cheng2024/confidence-as-printed"].judge(data).status == "consistent"


def test_an_excess_that_is_not_resolved_is_inconclusive(laboratory: Laboratory) -> None:
    data = data_of("cheng2024/floor-above-drift-falls-with-workers", laboratory)
    data["stderr"] = data["stderr"] * 100
    assert CLAIMS["cheng2024/floor-above-drift-falls-with-workers"].judge(data).status == "inconclusive"


# ----------------------------------------------------------------------------------------------------- the tools' own


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
    clipping = term("thm2", "clipping")
    assert exponents_of(clipping, ["K", "M"], alpha=4.0) == pytest.approx({"K": -6 / 11, "M": 0.0})


def test_axes_that_are_not_predicted_are_refused() -> None:
    data = xr.DataArray(np.ones((2, 3)), dims=("K", "R"), coords={"K": [1, 2], "R": [1, 2, 3]})
    with pytest.raises(TightrateError, match="not those predicted"):
        judge_scaling(data, 0.1, {"K": 0.0}, resolution=1.0)


def test_the_most_serious_part_speaks() -> None:
    good = Verdict("consistent", "Good.", "p", "m")
    bad = Verdict("violated", "Bad.", "p", "m", witness={"x": 1})
    unsure = Verdict("inconclusive", "Unsure.", "p", "m")
    assert joined({"a": good, "b": unsure}).status == "inconclusive"
    assert joined({"a": good, "b": bad, "c": unsure}).witness == {"part": "b", "x": 1}
