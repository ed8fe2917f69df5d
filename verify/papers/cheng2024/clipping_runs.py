"""One clipped coordinate, exactly: bias and moments of laws with a few values and of Pareto laws; confidence of SGD."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.stats import binom

from tightrate.constructions.confidence_instance import confidence_instance, confidence_noise, failure_probability
from tightrate.constructions.heavy_tailed_noise import ParetoNoise
from tightrate.constructions.noise import worst_clipping_noise
from tightrate.constructions.problem import Array
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.trajectories import step_by_step
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session


def clipped_mean(probability: Array, value: Array, rho: Array) -> Array:
    """E clip(X, rho) of a law with the values along the last axis."""
    return np.asarray(np.sum(probability * np.clip(value, -rho[..., None], rho[..., None]), axis=-1))


def pareto_bias(noise: ParetoNoise, mean: Array, rho: Array) -> Array:
    """|E clip(x + X, rho) - x| for Pareto noise X and a threshold that only its tail exceeds.

    With X = s (Y - m), Y Pareto's law of index a: E (x + X - rho)_+ = s y^(1-a)/(a-1) at y = m + (rho - x)/s >= 1.
    """
    a = noise.tail
    mu = a / (a - 1)
    scale = noise.sigma / noise.standard_moment(noise.order) ** (1 / noise.order)
    return np.asarray(scale * (mu + (rho - mean) / scale) ** (1 - a) / (a - 1))


@experiment("cheng2024-clipping-laws")
def clipping_laws(session: Session) -> xr.Dataset:
    """Random laws with three values: bias and moments of the clipped variable with the bounds of Lemma A.2.

    Half of the laws are symmetric with mean zero, `symmetric`.  `vector_bias` is the squared bias of a gradient whose
    three coordinates follow three of the laws at one threshold, against (B.63).
    """
    n = session.choose(quick=3000, full=60000)
    generator = stream(session.seed, experiment="cheng2024-clipping-laws")
    alpha = generator.uniform(2, 8, n)
    weights = 10 ** generator.uniform(-6, 0, (n, 3))
    values = generator.standard_normal((n, 3)) * 10 ** generator.uniform(0, 2, (n, 3))
    symmetric = np.arange(n) % 2 == 1
    weights[symmetric, 2] = weights[symmetric, 0]
    values[symmetric, 2], values[symmetric, 1] = -values[symmetric, 0], 0.0
    probability = weights / weights.sum(axis=-1, keepdims=True)
    deviation = values - np.sum(probability * values, axis=-1, keepdims=True)
    sigma = np.sum(probability * np.abs(deviation) ** alpha[:, None], axis=-1) ** (1 / alpha)
    rho = 3 * sigma * 10 ** generator.uniform(0, 1, n)
    mean = np.where(symmetric, 0.0, rho * generator.uniform(-0.5, 0.5, n))
    value = mean[:, None] + deviation
    average = clipped_mean(probability, value, rho)
    clipped = np.clip(value, -rho[:, None], rho[:, None])

    def moment(about: Array) -> Array:
        return np.asarray(np.sum(probability * np.abs(clipped - about[:, None]) ** alpha[:, None], axis=-1))

    letters = {"sigma": sigma, "alpha": alpha, "rho": rho, "G_inf": np.abs(mean)}
    bounds = {}
    for label in ("lemA2-bias", "lemA2-sharp", "lemA2-moment", "lemA2-centered-moment"):
        bound = theorem(f"cheng2024/{label}").bound
        bounds[f"bound: {label}"] = bound.function()(**{name: letters[name] for name in bound.letters})
    third = n // 3
    common = rho[: 3 * third].reshape(third, 3).max(axis=-1)
    largest = np.repeat(common, 3)
    part = slice(0, 3 * third)
    one = clipped_mean(probability[part], value[part], largest) - mean[part]
    order = np.full(third, 4.0)
    fourth = np.sum(probability[part] * deviation[part] ** 4, axis=-1).reshape(third, 3)
    spread = np.sum(fourth**2, axis=-1) ** (1 / 8)  # (sum_i sigma_i^8)^(1/8) with fourth moments sigma_i^4
    within = common >= 3 * np.max(fourth, axis=-1) ** 0.25
    vector = theorem("cheng2024/eqB.63").bound.function()(sigma_2alpha=spread, alpha=order, rho=common)
    return xr.Dataset(
        {
            "bias": (("law",), np.abs(average - mean)),
            "moment": (("law",), moment(mean)),
            "centered_moment": (("law",), moment(average)),
            "symmetric": (("law",), symmetric),
            **{name: (("law",), bound) for name, bound in {**letters, **bounds}.items()},
            "vector_bias": (("gradient",), np.where(within, np.sum(one.reshape(third, 3) ** 2, axis=-1), 0.0)),
            "bound: eqB.63": (("gradient",), vector),
            "common_rho": (("gradient",), common),
        },
        attrs={"seed": session.seed},
    )


@experiment("cheng2024-clipping-bias")
def clipping_bias_over_threshold(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Bias against the threshold, over (alpha, mean, rho) with sigma = 1 and the mean in units of the threshold.

    `worst` is that of the two-point law made for the threshold, whose jump has probability `probability`; `pareto`
    that of Pareto's law with index alpha + 1/2 at the same moment; `bound` is Lemma A.2, `sharp` its best version.
    """
    alpha, share, rho = np.array([4.0, 6.0, 8.0]), np.array([0.0, 0.25, 0.5]), np.geomspace(3, 300, 21)
    shape = (len(alpha), len(share), len(rho))
    worst, probability, pareto = np.empty(shape), np.empty(shape), np.empty(shape)
    for i, a in enumerate(alpha):
        tail = ParetoNoise(1.0, order=a, tail=a + 0.5)
        pareto[i] = pareto_bias(tail, share[:, None] * rho, np.broadcast_to(rho, shape[1:]))
        for j, part in enumerate(share):
            for k, threshold in enumerate(rho):
                mean = part * threshold
                law = worst_clipping_noise(rho=threshold, sigma=1.0, alpha=a, gradient=mean)
                up, down = law.jumps()
                p = law.probability
                clipped = p * min(mean + up, threshold) + (1 - p) * max(mean + down, -threshold)
                # the lower value keeps its place, so the bias is what is cut off the jump, without cancellation
                worst[i, j, k] = p * (up - (threshold - mean)) if mean + down > -threshold else abs(clipped - mean)
                probability[i, j, k] = p
    letters = {"sigma": 1.0, "alpha": alpha[:, None, None], "rho": rho, "G_inf": share[:, None] * rho}
    bounds = {}
    for name, label in (("bound", "lemA2-bias"), ("sharp", "lemA2-sharp")):
        bound = theorem(f"cheng2024/{label}").bound
        bounds[name] = np.broadcast_to(bound.function()(**{key: letters[key] for key in bound.letters}), shape)
    axes = ("alpha", "mean", "rho")
    measured = {"worst": worst, "probability": probability, "pareto": pareto, **bounds}
    return xr.Dataset(
        {name: (axes, values) for name, values in measured.items()},
        coords={"alpha": alpha, "mean": share, "rho": rho},
        attrs={"sigma": 1.0},
    )


@experiment("cheng2024-fourth-moment")
def fourth_moment(session: Session) -> xr.Dataset:
    """E |mean of M independent copies|^4 for random signs and for random laws with three values, over M."""
    n = session.choose(quick=200, full=5000)
    M = np.array([1, 2, 3, 5, 10, 100, 1000])
    signs = [np.sum(binom.pmf(np.arange(m + 1), m, 0.5) * ((2 * np.arange(m + 1) - m) / m) ** 4) for m in M]
    generator = stream(session.seed, experiment="cheng2024-fourth-moment")
    weights = 10 ** generator.uniform(-4, 0, (n, 3))
    probability = weights / weights.sum(axis=-1, keepdims=True)
    values = generator.standard_normal((n, 3))
    values -= np.sum(probability * values, axis=-1, keepdims=True)
    second, fourth = (np.sum(probability * values**power, axis=-1)[:, None] for power in (2, 4))
    sharp = theorem("cheng2024/lemA3-sharp").bound.function()(sigma=1.0, M=M)
    printed = theorem("cheng2024/lemA3").bound.function()(sigma=1.0, M=M)
    return xr.Dataset(
        {
            "signs": (("M",), np.array(signs)),
            "laws": (("law", "M"), (fourth + 3 * (M - 1) * second**2) / M**3 / fourth),
            "sharp": (("M",), sharp),
            "printed": (("M",), printed),
        },
        coords={"M": M},
        attrs={"sigma": 1.0, "seed": session.seed},
    )


@experiment("cheng2024-confidence")
def confidence(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Steps that SGD needs for the accuracy eps with probability 1 - delta on the instance of Theorem D.1.

    Over (delta, L, eps): `plain` without clipping, at the largest step that the confidence allows; `clipped` with a
    threshold of twice the largest gradient (or three noise levels), at a step that makes the worst jump harmless.
    The last step's noise has three values, so the runs are three: `failure` is the exact probability that the gap
    exceeds eps after `plain` steps (whose contraction eta L is `contraction`), `early` after one step less, `bold` at
    a step one per cent larger, and `clipped_failure` with clipping.  `bound` is Theorem D.1 with its constant.
    """
    delta, L, eps = np.array([1e-1, 1e-2, 1e-3, 1e-4, 1e-5]), np.array([0.25, 1.0, 4.0]), np.array([1e-5, 1e-4, 1e-3])
    sigma, alpha, B = 5.0, 4.0, 2.0
    shape = (len(delta), len(L), len(eps))
    names = ("plain", "clipped", "failure", "early", "bold", "clipped_failure", "contraction")
    found = {name: np.empty(shape) for name in names}
    for index in np.ndindex(shape):
        d, smooth, accuracy = float(delta[index[0]]), float(L[index[1]]), float(eps[index[2]])
        radius = np.sqrt(2 * accuracy / smooth)
        eta = min(1 / smooth, 2 * d ** (1 / alpha) * radius / sigma)
        steps = least_steps(eta * smooth, B / radius)
        letters: dict[str, float] = {"sigma": sigma, "alpha": alpha, "eps": accuracy, "L": smooth, "B": B}
        rho = max(3 * sigma, 2 * smooth * B)
        harmless = min(1 / smooth, radius / (2 * rho))
        enough = least_steps(harmless * smooth, 2 * B / radius) + 1
        found["plain"][index], found["clipped"][index], found["contraction"][index] = steps, enough, eta * smooth
        found["failure"][index] = failing(eta=eta, steps=steps, rho=np.inf, **letters)
        found["early"][index] = failing(eta=eta, steps=steps - 1, rho=np.inf, **letters)
        found["bold"][index] = failing(eta=1.01 * eta, steps=steps, rho=np.inf, **letters)
        found["clipped_failure"][index] = failing(eta=harmless, steps=enough, rho=rho, **letters)
    bound = theorem("cheng2024/thmD1-explicit").bound.function(sigma=sigma, alpha=alpha, B=B)
    order = theorem("cheng2024/thmD1").bound.function(sigma=sigma, alpha=alpha)
    grid = {"delta": delta[:, None, None], "L": L[:, None], "eps": eps}
    axes = ("delta", "L", "eps")
    logarithm = np.log(L[:, None] * B**2 / (2 * eps))
    return xr.Dataset(
        {
            **{name: (axes, values) for name, values in found.items() if name != "contraction"},
            "bound": (axes, bound(**grid)),
            "order": (axes, order(**grid)),
            "logarithm": (axes, np.broadcast_to(logarithm, shape)),
            "contraction": (axes, found["contraction"]),
        },
        coords={"delta": delta, "L": L, "eps": eps},
        attrs={"sigma": sigma, "alpha": alpha, "B": B},
    )


def least_steps(contraction: float, ratio: float) -> int:
    """The least T with (1 - contraction)^T ratio <= 1."""
    return 1 if contraction >= 1 else int(np.ceil(np.log(ratio) / -np.log1p(-contraction)))


def failing(*, eta: float, steps: int, rho: float, sigma: float, alpha: float, eps: float, L: float, B: float) -> float:
    """The exact probability that SGD, clipped at rho, ends with a gap above eps: runs for each value of the noise."""
    if eta * L > 1:
        return float("nan")
    problem = confidence_instance(L=L, B=B)
    # the first steps are exact: (1 - eta L)^(T-1) B is what is left of the distance when nothing is clipped
    before = B * (1 - (1 - eta * L) ** (steps - 1)) if steps > 1 else 0.0
    noise = confidence_noise(eta=eta, T=steps, sigma=sigma, alpha=alpha, eps=eps, L=L, B=B)
    jump = noise.bound
    chance = failure_probability(eta=eta, sigma=sigma, alpha=alpha, eps=eps, L=L) if jump > 0 else 0.0
    outcomes = np.array([0.0, jump, -jump]).reshape(1, 3, 1, 1)
    algorithm = local_sgdm(eta=eta, beta1=0.0, rho=rho)
    (step,) = step_by_step(algorithm, problem, noise=outcomes, K=1, start=before)
    gaps = problem.gap(step.after.x[:, 0])
    return float(np.sum(np.array([1 - chance, chance / 2, chance / 2])[gaps > eps * (1 + 1e-9)]))
