"""cheng2024, Lemmas C.8, C.9 and (C.40): how a worker's preconditioner moves within a round, and from others'."""

from __future__ import annotations

import numpy as np
import xarray as xr
from sympy import Max, Symbol, log

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import beta2
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

DELTA, ALPHA = 0.05, 4.0
VANISHES = -0.5  # the exponent of 1/sigma at which something vanishes without doubt
STAYS = 0.1  # the exponent of sigma at which something does not
LARGE_DRIFT = {
    "drift small against the noise": "with constants of 2^20 inside A no step that moves anything fulfils it"
}


@experiment("cheng2024-preconditioner")
def preconditioner(session: Session) -> xr.Dataset:
    """Local Adam's preconditioners within a round, over (complement = $1 - beta2$, $K$, $sigma$).

    `growth` is $max |H_t^m/H_r - 1|$ (mean over replicas), `least` and `most` the extreme ratios $H_t^m/H_r$ of all,
    `difference` max over pairs of $H_r |1/H_t^m - 1/H_t^n|$. The norm of the gradient is compared at every step with
    its norm by the inverse preconditioner: `norm_ratio` is the largest and `norm_least` the least $lambda$
    $|g|^2_{1/H_r} / |g|^2$. `G_inf` is the largest gradient that was met."""
    replicas, M, R, eta, lam = session.choose(quick=32, full=256), 4, 3, 0.01, 1.0
    complement, K = np.array([1e-3, 2e-3, 4e-3, 8e-3]), np.array([4, 8, 16, 31])
    sigma = np.array([0.01, 0.03, 0.1, 0.3])
    shape = (len(complement), len(K), len(sigma))
    names = ("growth", "growth_stderr", "difference", "difference_stderr", "least", "most")
    found = {name: np.empty(shape) for name in (*names, "norm_ratio", "norm_least", "G_inf")}
    problem = asymmetric_softplus(mu=0.2, M=M)
    for i, j, s in np.ndindex(shape):
        k, level = int(K[j]), float(sigma[s])
        noise = drawn_noise(
            GaussianNoise(level),
            steps=k * R,
            shape=(replicas, M, 1),
            seed=session.seed,
            experiment=f"cheng2024-preconditioner-{i}-{j}-{s}",
        )
        algorithm = local_adam(eta=eta, beta1=0.5, beta2=1 - complement[i], lam=lam, rho=6.0)
        growth, apart = np.zeros(replicas), np.zeros(replicas)
        least, most, norms, steepest = np.inf, 0.0, [np.inf, 0.0], 0.0
        H_r = np.full((replicas, M, 1), lam)
        for step in step_by_step(algorithm, problem, noise=noise, K=k, start=2.0):
            if step.starts_round:
                H_r = np.sqrt(step.before.v + lam**2)
            H = np.sqrt(step.updated.v + lam**2)
            ratio, inverse = H / H_r, H_r / H
            growth = np.maximum(growth, np.abs(ratio - 1).max(axis=(-2, -1)))
            apart = np.maximum(apart, np.ptp(inverse[..., 0], axis=-1))
            least, most = min(least, float(ratio.min())), max(most, float(ratio.max()))
            steepest = max(steepest, float(np.abs(step.exact).max()))
            weights = algorithm.stationarity_weights(step.before) if step.starts_round else lam / H_r
            norms = [min(norms[0], float(np.min(weights))), max(norms[1], float(np.max(weights)))]
        for name, values in (("growth", growth), ("difference", apart)):
            found[name][i, j, s] = values.mean()
            found[f"{name}_stderr"][i, j, s] = values.std(ddof=1) / np.sqrt(replicas)
        found["least"][i, j, s], found["most"][i, j, s] = least, most
        found["norm_least"][i, j, s], found["norm_ratio"][i, j, s] = norms
        found["G_inf"][i, j, s] = steepest
    settings = {"M": M, "R": R, "d": 1, "L": 1.0, "eta": eta, "lambda": lam, "rho": 6.0}
    return xr.Dataset(
        {
            **{name: (("complement", "K", "sigma"), values) for name, values in found.items()},
            "beta2": ("complement", 1 - complement),
            "sigma_inf": ("sigma", GaussianNoise(1.0).moment(ALPHA) * sigma),
        },
        coords={"complement": complement, "K": K, "sigma": sigma},
        attrs={"replicas": replicas, **settings, "alpha": ALPHA, "delta": DELTA, "seed": session.seed},
    )


@claim(
    "cheng2024/preconditioner-decay",
    "On every run a worker's preconditioner keeps at least $beta2^(K/2)$ of the round's first.",
    theorem="cheng2024/lemC8-lower",
    kind="bound with constants",
    data=preconditioner,
)
def preconditioner_decay(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The least ratio over all steps, workers and replicas."""
    return Bounded(theorem, Measurement.of(data, "least", what=theorem.bound.measure.meaning))


@claim(
    "cheng2024/preconditioner-growth",
    "A worker's preconditioner grows within a round at most by the factor of Lemma C.8.",
    theorem="cheng2024/lemC8-upper",
    kind="bound with constants",
    data=preconditioner,
)
def preconditioner_growth(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The largest ratio over all steps, workers and replicas."""
    return Bounded(theorem, Measurement.of(data, "most", what=theorem.bound.measure.meaning))


COMPLEMENT = "1-beta2"  # the axis, as verdicts show it


def movement_exponents(theorem: Theorem) -> dict[str, float]:
    """The exponents of 1 - beta2 and K in the first entry, without a logarithm, of a bound on preconditioners."""
    complement = Symbol(COMPLEMENT, positive=True)
    bound = theorem.bound.expression.subs(beta2, 1 - complement)
    (factor,) = bound.atoms(Max)
    (entry,) = (part for part in factor.args if not part.has(log))
    return exponents_of(bound.coeff(factor) * entry, [COMPLEMENT, "K"])


@claim(
    "cheng2024/preconditioner-growth-exponents",
    "The relative change of the preconditioner within a round grows no faster than $(1-beta2) K$.",
    theorem="cheng2024/lemC8-upper",
    kind="scaling",
    data=preconditioner,
)
def preconditioner_growth_exponents(theorem: Theorem, data: xr.Dataset) -> Every:
    """Exponents of the mean largest change, at every noise level: $1 - beta2$ times a factor of order $K$."""
    predicted, data = movement_exponents(theorem), data.rename(complement=COMPLEMENT)
    levels = {f"sigma = {sigma:g}": data.sel(sigma=sigma) for sigma in data.sigma.values}
    found = {name: Measurement.of(level, "growth", stderr="growth_stderr") for name, level in levels.items()}
    return Every({name: PowerLaw(one, predicted, resolution=0.1) for name, one in found.items()})


@claim(
    "cheng2024/preconditioner-difference",
    "Two workers' preconditioners differ relatively by at most what Lemma C.9 says.",
    theorem="cheng2024/lemC9",
    kind="bound with constants",
    data=preconditioner,
    outside=LARGE_DRIFT,
)
def preconditioner_difference(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The mean largest difference of the replicas, its whole interval of five standard errors to either side."""
    what = theorem.bound.measure.meaning
    return Bounded(theorem, Measurement.of(data, "difference", what=what, stderr="difference_stderr"))


@claim(
    "cheng2024/preconditioner-difference-vanishes",
    "As the noise vanishes, so does the difference of two preconditioners; their change in a round stays.",
    theorem="cheng2024/lemC9",
    kind="regime",
    data=preconditioner,
    outside=LARGE_DRIFT,
)
def preconditioner_difference_vanishes(theorem: Theorem, data: xr.Dataset) -> Every:
    """The exponent of $1/sigma$: for the difference at most -1/2; and that of $sigma$ in the change: at most 0.1."""
    data = data.rename(complement=COMPLEMENT)
    quiet = data.assign_coords(sigma=1 / data.sigma).rename(sigma="1/sigma")
    symbols = {"sigma": 1 / quiet["1/sigma"]}
    difference = Measurement.of(quiet, "difference", stderr="difference_stderr", symbols=symbols)
    change = Measurement.of(data.sel(sigma=data.sigma[data.sigma <= 0.1]), "growth", stderr="growth_stderr")
    moved = movement_exponents(theorem)
    return Every(
        {
            "difference": PowerLaw(difference, {**moved, "1/sigma": VANISHES}, resolution=0.2),
            "change": PowerLaw(change, {**moved, "sigma": STAYS}, resolution=0.2),
        }
    )


@claim(
    "cheng2024/measure-below-plain-norm",
    "$lambda$ times the squared gradient by the inverse preconditioner never exceeds the squared gradient.",
    theorem="cheng2024/eqC.40",
    kind="bound with constants",
    data=preconditioner,
    outside="the preconditioner is at least lambda on every run",
)
def measure_below_plain_norm(data: xr.Dataset) -> AtMost:
    """The largest weight of a coordinate in the preconditioned norm over all runs."""
    return AtMost(Measurement.of(data, "norm_ratio", what="weight in the preconditioned norm"), xr.DataArray(1.0))


@claim(
    "cheng2024/measure-above-plain-norm",
    "It is at least $lambda/(lambda + 2 G_inf + 2 sigma_inf)$ times the squared gradient.",
    theorem="cheng2024/eqC.40",
    kind="bound with constants",
    data=preconditioner,
)
def measure_above_plain_norm(theorem: Theorem, data: xr.Dataset) -> AtLeast:
    """The least weight of a coordinate over all runs whose $1 - beta2$ is small enough; $G_inf$ is the largest gradient
    that the runs met."""
    slow = theorem.holds_at(Measurement.of(data, "norm_least").symbols).all(["K", "sigma"])
    found = Measurement.of(data.sel(complement=slow), "norm_least", what="weight in the preconditioned norm")
    return AtLeast(found, data.attrs["lambda"] / found.at(theorem.bound.expression))
