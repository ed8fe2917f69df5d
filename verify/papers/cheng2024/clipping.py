"""cheng2024, Lemma A.2 and (B.63): what clipping does to one coordinate of a stochastic gradient, exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from tightrate.constructions.heavy_tailed_noise import ParetoNoise
from tightrate.constructions.noise import worst_clipping_noise
from tightrate.constructions.problem import Array
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, Bounded
from tightrate.verify.assertions.equal import Vanishes
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

# --- Random laws with three values -----------------------------------------------------------------------------------


def clipped_mean(probability: Array, value: Array, rho: Array) -> Array:
    """E clip(X, rho) of a law with the values along the last axis."""
    return np.asarray(np.sum(probability * np.clip(value, -rho[..., None], rho[..., None]), axis=-1))


@experiment("cheng2024-clipping-laws")
def clipping_laws(session: Session) -> xr.Dataset:
    """Random laws with three values and $mean |x|$ = `G_inf`: bias and moments of the clipped variable.

    Half of the laws are symmetric with mean zero, `symmetric`. `vector_bias` is the squared bias of a gradient whose
    three coordinates follow three of the laws at one threshold, with fourth moments ($alpha = 4$); its symbols are the
    `vector_` ones."""
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

    third = n // 3
    part = slice(0, 3 * third)
    common = rho[part].reshape(third, 3).max(axis=-1)
    shift = clipped_mean(probability[part], value[part], np.repeat(common, 3)) - mean[part]
    fourth = np.sum(probability[part] * deviation[part] ** 4, axis=-1).reshape(third, 3)
    noise = np.max(fourth, axis=-1) ** 0.25
    within = common >= 3 * noise  # the threshold was drawn for other moments
    vectors = {
        "vector_bias": np.sum(shift.reshape(third, 3) ** 2, axis=-1),
        "vector_rho": common,
        "vector_sigma_inf": noise,
        "vector_sigma_2alpha": np.sum(fourth**2, axis=-1) ** (1 / 8),  # (sum_i sigma_i^8)^(1/8)
        "vector_G_inf": np.abs(mean[part]).reshape(third, 3).max(axis=-1),
    }
    return xr.Dataset(
        {
            "bias": ("law", np.abs(average - mean)),
            "moment": ("law", moment(mean)),
            "centered_moment": ("law", moment(average)),
            "symmetric": ("law", symmetric),
            "sigma": ("law", sigma),
            "alpha": ("law", alpha),
            "rho": ("law", rho),
            "G_inf": ("law", np.abs(mean)),
            **{name: ("gradient", column[within]) for name, column in vectors.items()},
        },
        attrs={"seed": session.seed},
    )


def on_laws(theorem: Theorem, data: xr.Dataset, measured: str) -> Bounded:
    """A moment or the bias against the theorem's bound, both known to rounding."""
    found = Measurement.of(data, measured, what=theorem.bound.measure.meaning)
    rounding = 1e-13 * found.at(theorem.bound.expression) + 1e-15 * data.rho
    return Bounded(theorem, replace(found, rounding=rounding))


@claim(
    "cheng2024/clipping-bias",
    "Clipping a coordinate at $rho$ moves its mean by at most $(2 sigma)^alpha / rho^(alpha-1)$.",
    theorem="cheng2024/lemA2-bias",
    kind="bound with constants",
    data=clipping_laws,
)
def clipping_bias(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact expectations of random laws with three values, within the lemma's conditions on $rho$."""
    return on_laws(theorem, data, "bias")


@claim(
    "cheng2024/sharp-clipping-bias",
    "It moves the mean by at most $(alpha-1)^(alpha-1)/alpha^alpha sigma^alpha / (rho - |mean|)^(alpha-1)$.",
    theorem="cheng2024/lemA2-sharp",
    kind="bound with constants",
    data=clipping_laws,
)
def sharp_clipping_bias(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same laws."""
    return on_laws(theorem, data, "bias")


@claim(
    "cheng2024/clipped-moment",
    "Clipping does not raise the moment of order $alpha$ about the true mean.",
    theorem="cheng2024/lemA2-moment",
    kind="bound with constants",
    data=clipping_laws,
)
def clipped_moment(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same laws."""
    return on_laws(theorem, data, "moment")


@claim(
    "cheng2024/clipped-centered-moment",
    "About its own mean a clipped coordinate has at most $2^alpha$ times the moment of order $alpha$.",
    theorem="cheng2024/lemA2-centered-moment",
    kind="bound with constants",
    data=clipping_laws,
)
def clipped_centered_moment(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same laws."""
    return on_laws(theorem, data, "centered_moment")


@claim(
    "cheng2024/symmetric-noise-has-no-bias",
    "Where the gradient vanishes, clipping symmetric noise causes no bias.",
    theorem="cheng2024/lemA2-bias",
    kind="identity",
    data=clipping_laws,
    expected="confirmed",
)
def symmetric_noise(data: xr.Dataset) -> Vanishes:
    """The symmetric ones of the laws: the bias relative to the threshold."""
    laws = data.isel(law=np.flatnonzero(data.symmetric.values))
    return Vanishes(Measurement.of(laws, laws.bias / laws.rho, what="the bias of symmetric noise"), 1e-14)


@claim(
    "cheng2024/squared-clipping-bias",
    "(B.63): a clipped gradient has a squared bias of at most $||2 sigma||^(2 alpha) / rho^(2(alpha-1))$.",
    theorem="cheng2024/eqB.63",
    kind="bound with constants",
    data=clipping_laws,
)
def squared_clipping_bias(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Gradients in three dimensions, each coordinate with a random law, $alpha = 4$."""
    symbols = {name: f"vector_{name}" for name in ("rho", "sigma_inf", "sigma_2alpha", "G_inf")}
    what = "squared bias of a clipped gradient"
    of_gradients = Measurement.of(data, "vector_bias", what=what, symbols={**symbols, "alpha": 4.0, "sigma": None})
    return Bounded(theorem, of_gradients)


# --- The worst laws for a threshold ----------------------------------------------------------------------------------


def pareto_bias(noise: ParetoNoise, mean: Array, rho: Array) -> Array:
    """|E clip(x + X, rho) - x| for Pareto noise X and a threshold that only its tail exceeds.

    With X = s (Y - m), Y Pareto's law of index a: E (x + X - rho)_+ = s y^(1-a)/(a-1) at y = m + (rho - x)/s >= 1.
    """
    a = noise.tail
    mu = a / (a - 1)
    scale = noise.sigma / noise.standard_moment(noise.order) ** (1 / noise.order)
    return np.asarray(scale * (mu + (rho - mean) / scale) ** (1 - a) / (a - 1))


@experiment("cheng2024-clipping-bias")
def clipping_bias_over_threshold(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Bias against the threshold, over $(alpha, mean, rho)$ with $sigma = 1$ and the mean in units of the threshold.

    `worst` is that of the two-point law made for the threshold, whose jump has probability `probability`; `pareto` that
    of Pareto's law with index $alpha + 1/2$ at the same moment; `G_inf` $(mean, rho)$ is the mean itself."""
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
    measured = {"worst": worst, "probability": probability, "pareto": pareto}
    return xr.Dataset(
        {
            **{name: (("alpha", "mean", "rho"), values) for name, values in measured.items()},
            "G_inf": (("mean", "rho"), share[:, None] * rho),
        },
        coords={"alpha": alpha, "mean": share, "rho": rho},
        attrs={"sigma": 1.0},
    )


@claim(
    "cheng2024/clipping-bias-is-attained",
    "Two-point laws attain the sharp bound up to a factor 1 - (chance of their jump), which tends to 1 with $rho$:"
    " neither the exponent $alpha - 1$ nor the sharp constant can be improved.",
    theorem="cheng2024/lemA2-sharp",
    kind="bound with constants",
    data=clipping_bias_over_threshold,
)
def clipping_bias_is_attained(theorem: Theorem, data: xr.Dataset) -> AtLeast:
    """Exact biases of the law made for each threshold, for three moments and three means."""
    found = Measurement.of(data, "worst", what="bias of the worst two-point law", instance=["probability"])
    sharp = found.at(theorem.bound.expression)
    return AtLeast(replace(found, rounding=1e-12 * sharp), sharp * (1 - data.probability))


@claim(
    "cheng2024/clipping-bias-exponent",
    "The bias falls at least as fast as $rho^-(alpha-1)$ in the threshold, and for the worst laws exactly so.",
    theorem="cheng2024/lemA2-bias",
    kind="scaling",
    data=clipping_bias_over_threshold,
)
def clipping_bias_exponent(theorem: Theorem, data: xr.Dataset) -> Every:
    """Slopes in $rho$ fitted for $alpha = 4$, 6, 8 at mean zero: for the worst two-point laws neither slower nor faster
    than predicted, for Pareto's not slower."""
    parts = {}
    for alpha in data.alpha.values:
        predicted = exponents_of(theorem.bound.term("clipping"), ["rho"], alpha=float(alpha))
        laws = data.sel(alpha=alpha, mean=0.0, rho=data.rho[data.rho >= 10])
        worst, pareto = (Measurement.of(laws, name, stderr=1e-3 * laws[name]) for name in ("worst", "pareto"))
        parts[f"alpha = {alpha:g}, worst"] = PowerLaw(worst, predicted, resolution=0.1, side="equal")
        parts[f"alpha = {alpha:g}, pareto"] = PowerLaw(pareto, predicted, resolution=0.1)
    return Every(parts)
