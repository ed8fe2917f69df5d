"""cheng2024, Theorem D.1: SGD without clipping pays for confidence with a power of 1/delta, clipped SGD does not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from scipy import optimize

from tightrate.constructions.confidence_instance import confidence_instance, confidence_noise, failure_probability
from tightrate.rates.relations.misprints import misprint
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.sampled.trajectories import step_by_step
from tightrate.verify.assertions.assertion import Every, Fact, Facts
from tightrate.verify.assertions.bounded import AtMost, Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement, Named
from tightrate.verify.session import Session


@experiment("cheng2024-confidence")
def confidence(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Steps that SGD needs for the accuracy $eps$ with probability $1 - delta$ on the instance of Theorem D.1.

    Over $(delta, L, eps)$: `plain` without clipping, at `eta`, the largest step that the confidence allows, both found
    on the exact chance that a run fails; `clipped`
    with a threshold `clipped_rho` of twice the largest gradient (or three noise levels), at `clipped_eta`, a step that
    makes the worst jump harmless. The last step's noise has three values, so the runs are three: `failure` is the exact
    probability that the gap exceeds $eps$ after `plain` steps, `early` after one step less, `bold` at a step size one
    per cent larger (nan where that exceeds $1/L$), and `clipped_failure` with clipping."""
    delta, L, eps = np.array([1e-1, 1e-2, 1e-3, 1e-4, 1e-5]), np.array([0.25, 1.0, 4.0]), np.array([1e-5, 1e-4, 1e-3])
    sigma, alpha, B = 5.0, 4.0, 2.0
    shape = (len(delta), len(L), len(eps))
    names = ("eta", "plain", "failure", "early", "bold", "clipped", "clipped_eta", "clipped_rho", "clipped_failure")
    found = {name: np.empty(shape) for name in names}
    for index in np.ndindex(shape):
        d, smooth, accuracy = float(delta[index[0]]), float(L[index[1]]), float(eps[index[2]])
        radius = np.sqrt(2 * accuracy / smooth)
        symbols: dict[str, float] = {"sigma": sigma, "alpha": alpha, "eps": accuracy, "L": smooth, "B": B}
        eta = largest_step(d, symbols)
        steps = fewest_steps(d, eta, symbols)
        rho = max(3 * sigma, 2 * smooth * B)
        harmless = min(1 / smooth, radius / (2 * rho))
        enough = least_steps(harmless * smooth, 2 * B / radius) + 1
        here = {
            "eta": eta,
            "plain": steps,
            "failure": failing(eta=eta, steps=steps, rho=np.inf, **symbols),
            "early": failing(eta=eta, steps=steps - 1, rho=np.inf, **symbols),
            "bold": failing(eta=1.01 * eta, steps=steps, rho=np.inf, **symbols),
            "clipped": enough,
            "clipped_eta": harmless,
            "clipped_rho": rho,
            "clipped_failure": failing(eta=harmless, steps=enough, rho=rho, **symbols),
        }
        for name, value in here.items():
            found[name][index] = value
    return xr.Dataset(
        {name: (("delta", "L", "eps"), values) for name, values in found.items()},
        coords={"delta": delta, "L": L, "eps": eps},
        attrs={"sigma": sigma, "alpha": alpha, "B": B},
    )


def largest_step(delta: float, symbols: Mapping[str, float]) -> float:
    """The largest step size at which a run that has settled fails with probability at most delta."""

    def settled(eta: float) -> float:
        steps = least_steps(eta * symbols["L"], 1e3 * symbols["B"] / np.sqrt(symbols["eps"] / symbols["L"]))
        return failing(eta=eta, steps=steps, rho=np.inf, **symbols)

    high = 1 / symbols["L"]
    if settled(high) <= delta:
        return high
    low = high
    while settled(low) > delta:
        low /= 2
    found = optimize.brentq(lambda eta: np.log(settled(eta) / delta), low, 2 * low, xtol=1e-300, rtol=1e-13)
    return float(found)


def fewest_steps(delta: float, eta: float, symbols: Mapping[str, float]) -> int:
    """The least number of steps after which a run at this step size fails with probability at most delta."""

    def enough(steps: int) -> bool:
        return failing(eta=eta, steps=steps, rho=np.inf, **symbols) <= delta * (1 + 1e-9)

    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def least_steps(contraction: float, ratio: float) -> int:
    """The least T with (1 - contraction)^T ratio <= 1, for runs that are long enough."""
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


@claim(
    "cheng2024/confidence-failure-probability",
    "On the instance of Theorem D.1, SGD with the largest step that the confidence allows fails with probability"
    " exactly $delta$; one step less, or a step size one per cent larger, and it fails more often.",
    theorem="cheng2024/thmD1",
    kind="exact value",
    data=confidence,
    expected="confirmed",
)
def confidence_failure_probability(data: xr.Dataset) -> Facts:
    """One run for each of the noise's three values, weighed by their chances."""
    failure = Measurement.of(data, "failure", what="the failure probability")
    return Facts(
        {
            "least failure probability one step earlier": Fact(float(data.early.min()), at_least=1.0),
            "least failure probability at a larger step size over delta": Fact(
                float((data.bold / data.delta).min()), at_least=1.0001
            ),
        },
        main=Equal(failure, data.delta, relative=1e-9),
    )


@claim(
    "cheng2024/confidence-lower-bound",
    "SGD without clipping needs at least the number of steps of Theorem D.1, with constant and logarithm.",
    theorem="cheng2024/thmD1-explicit",
    kind="bound with constants",
    data=confidence,
)
def confidence_lower_bound(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The least number of steps at the best step size, on the theorem's instance."""
    return Bounded(theorem, Measurement.of(data, "plain", what=theorem.bound.measure.meaning))


def logarithm(data: xr.Dataset) -> Named:
    """log(L B^2 / (2 eps)), what the order of Theorem D.1 leaves out."""
    return Named(np.log(data.L * data.attrs["B"] ** 2 / (2 * data.eps)))


def uncertain_steps(data: xr.Dataset) -> Named:
    """By how much the least number of steps may be off its power law: rounding up, and log(1 - eta L) for -eta L."""
    return Named(0.5 + data.eta * data.L * data.plain)


@claim(
    "cheng2024/confidence-exponents",
    "The steps needed without clipping grow as $delta^(-1/alpha)$ and $(L eps)^(-1/2)$, up to a logarithm.",
    theorem="cheng2024/thmD1",
    kind="scaling",
    data=confidence,
)
def confidence_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents of $delta$, $L$ and $eps$ from both sides; the logarithm is a known factor.

    Whole steps count as an error of 1/2, and $-log(1 - eta L)$ in place of $eta L$ as one of $eta L$, relatively."""
    steps = Measurement.of(data, "plain", stderr=uncertain_steps(data))
    predicted = exponents_of(theorem.bound.term("confidence"), ["delta", "L", "eps"], alpha=data.attrs["alpha"])
    return PowerLaw(steps, predicted, resolution=0.05, offset=Named(np.log(logarithm(data))), side="equal")


@claim(
    "cheng2024/confidence-as-printed",
    "As (D.1) prints it, the number of steps needed grows as $sqrt(L/eps)$.",
    theorem="cheng2024/thmD1",
    kind="erratum",
    accuses="(D.1)",
    data=confidence,
    expected="violated",
)
def confidence_as_printed(data: xr.Dataset) -> PowerLaw:
    """The printed lower bound over the measured steps must stay bounded; it grows with $L$."""
    printed = Measurement.of(data, "plain").at(misprint("eqD.1").printed)
    ratio = printed * logarithm(data) / data.plain
    found = Measurement.of(data, ratio, stderr=ratio * uncertain_steps(data) / data.plain)
    return PowerLaw(found, {"L": 0.0, "delta": 0.0, "eps": 0.0}, resolution=0.05)


@claim(
    "cheng2024/clipping-buys-confidence",
    "With clipping the number of steps does not grow with $1/delta$ on that instance, and no run fails.",
    theorem="cheng2024/thmB3-sc",
    kind="regime",
    data=confidence,
    outside={
        "threshold above the one where clipping bias meets the accuracy": "on this instance a lower one is enough",
        "the prescribed step": "the step is the instance's own, small enough to make the worst jump harmless",
    },
)
def clipping_buys_confidence(data: xr.Dataset) -> Every:
    """The clipped runs for all values of the noise, and the growth of their number of steps as $delta$ falls."""
    symbols = {
        "eta": "clipped_eta",
        "rho": "clipped_rho",
        "T": "clipped",
        "mu": "L",
        "sigma_inf": "sigma",
        "sigma_2alpha": "sigma",
        "G_inf": data.L * data.attrs["B"],
    }
    growth = data.clipped / data.clipped.isel(delta=0)
    return Every(
        {
            "failure": AtMost(
                Measurement.of(data, "clipped_failure", what="failure with clipping", symbols=symbols), data.delta
            ),
            "steps": AtMost(
                Measurement.of(data, growth, what="growth of the steps as delta falls", symbols=symbols),
                xr.ones_like(growth),
            ),
        }
    )
