"""The factor d_max/d_min: what a frozen matrix of a given spread costs, by how it lies against the curvatures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.structured_noise import OnCoordinates
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.search import values_of
from tightrate.verify.papers.chezhegov2024.frozen_runs import in_new_variables
from tightrate.verify.session import Session

Array = NDArray[np.float64]
DIMENSION, MACHINES, LOCAL_STEPS = 5, 4, 8
MU, L = 0.1, 1.0
REDUCTION = 1e-4  # of the squared distance
LIES = ("against", "random", "along")
FOREVER = 10**9


@dataclass(frozen=True)
class Family:
    """Quadratics (n) and diagonals D (n, d) with smallest entry 1, for one way in which D lies against curvature."""

    problem: QuadraticMachines
    D: Array


def family(lies: str, ratio: float, draws: int, generator: np.random.Generator) -> Family:
    """`against` gives the flattest direction the largest entry and `along` the smallest; `random` draws both.

    Entries between 1 and the ratio follow a power of the curvature; random ones are even in the logarithm, with both
    ends taken, on Hessians in a random basis.
    """
    curvature = np.geomspace(MU, L, DIMENSION)
    place = np.linspace(0, 1, DIMENSION)
    if lies == "random":
        basis = np.linalg.qr(generator.standard_normal((draws, DIMENSION, DIMENSION)))[0]
        place = generator.random((draws, DIMENSION))
        place[:, 0], place[:, -1] = 0, 1
    else:
        basis = np.eye(DIMENSION)[None]
        place = (1 - place if lies == "against" else place)[None]
    hessians = (basis * curvature) @ np.swapaxes(basis, -1, -2)
    hessians = (hessians + np.swapaxes(hessians, -1, -2)) / 2
    machines = np.repeat(hessians[:, None], MACHINES, axis=1)
    zero = np.zeros((len(hessians), MACHINES, DIMENSION))
    return Family(QuadraticMachines(machines, zero, known_optimum=zero[:, 0]), ratio**place)


def squared_distances(image: QuadraticMachines, eta: Array, start: Array, steps: Array) -> Array:
    """|x - x*|_D^2 after so many steps (n,), without noise; communication does not matter on one quadratic."""
    run = exact_moments(local_sgd(eta=eta), image, K=1, R=steps, start=start)
    return run.last.squared_distance


def steps_needed(image: QuadraticMachines, eta: Array, start: Array) -> Array:
    """The least number of steps that reduce the squared distance by REDUCTION, by bisection."""
    target = REDUCTION * np.sum(start**2, axis=-1)
    low, high = np.zeros(len(start)), np.full(len(start), 1e9)
    while (high - low).max() > 1:
        middle = np.ceil((low + high) / 2)
        reached = squared_distances(image, eta, start, middle) <= target
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return high


@experiment("scaling-factor")
def scaling_factor(session: Session) -> xr.Dataset:
    """Frozen matrices with entries from 1 to `ratio`, at the largest step d_min/(4L), on one quadratic.

    `steps` to reduce |x - x*|_D^2 by `reduction`, from a start in the slowest direction, and, for D along the
    curvatures, `true_steps` at the step 1/(4 L) with L the largest eigenvalue of D^{-1/2} A D^{-1/2}, whose condition
    number is `condition`; `contraction` of that distance over `checked` steps; `floor`, the limit of E|x - x*|_D^2
    under noise, in units of eta sigma^2/(mu M): noise in the flattest coordinate, or, for random matrices, of
    covariance proportional to D.  Random ones are drawn `draws` times.
    """
    ratios = np.geomspace(1, 1e4, session.choose(quick=9, full=17))
    draws = session.choose(quick=30, full=300)
    generator = stream(session.seed, experiment="scaling-factor")
    eta, checked = 1 / (4 * L), 100
    shape = (len(LIES), len(ratios), draws)
    steps, contraction, condition, floor = (np.full(shape, np.nan) for _ in range(4))
    true_steps = np.empty(len(ratios))
    for i, lies in enumerate(LIES):
        for j, ratio in enumerate(ratios):
            found = family(lies, ratio, draws, generator)
            image = in_new_variables(found.problem, found.D)
            spectrum, basis = np.linalg.eigh(image.hessians[:, 0])
            slowest, n = basis[..., 0], len(basis)
            condition[i, j, :n] = spectrum[:, -1] / spectrum[:, 0]
            steps[i, j, :n] = steps_needed(image, np.full(n, eta), slowest)
            if lies == "along":
                (true_steps[j],) = steps_needed(image, 1 / (4 * spectrum[:, -1]), slowest)
            contraction[i, j, :n] = squared_distances(image, np.full(n, eta), slowest, np.full(n, checked))
            floor[i, j, :n] = noise_floor(found, image, eta, flattest=lies != "random")
    plain = {"mu": MU, "L": L, "eta": eta, "d_min": 1.0, "B_scaled": 1.0, "K": 1.0, "R": checked, "M": MACHINES}
    letters = {name: np.full_like(ratios, value) for name, value in plain.items()}
    letters |= {"sigma": np.ones_like(ratios), "d_max": ratios}
    unit = eta / (MU * MACHINES)
    variables: dict[str, tuple[tuple[str, ...], Array]] = {
        "steps": (("lies", "ratio", "draw"), steps),
        "true_steps": (("ratio",), true_steps),
        "contraction": (("lies", "ratio", "draw"), contraction),
        "condition": (("lies", "ratio", "draw"), condition),
        "floor": (("lies", "ratio", "draw"), floor),
    }
    for label in ("id-sc", "id-quadratic"):
        bound = theorem(f"chezhegov2024/{label}").bound
        of_start, of_noise = (
            values_of(bound.term(name).expression, letters) for name in ("optimization", "statistical")
        )
        variables[f"contraction: {label}"] = (("ratio",), of_start)
        variables[f"steps: {label}"] = (("ratio",), checked * np.log(REDUCTION) / np.log(of_start))
        variables[f"floor: {label}"] = (("ratio",), of_noise / unit)
    return xr.Dataset(
        variables,
        coords={"lies": list(LIES), "ratio": ratios},
        attrs={
            "seed": session.seed,
            "reduction": REDUCTION,
            "draws": draws,
            "checked": checked,
            "kappa": L / MU,
            "M": MACHINES,
            "d": DIMENSION,
            "theorem": "chezhegov2024/id-quadratic",
        },
    )


def noise_floor(found: Family, image: QuadraticMachines, eta: float, *, flattest: bool) -> Array:
    """The limit of E|x - x*|_D^2 under gradient noise of variance 1, in units of eta/(mu M)."""
    n = len(found.D)
    # In the new variables the noise is D^{-1/2} times the gradient's: on one coordinate, or the same on all.
    noise = OnCoordinates(GaussianNoise(1.0), (0,)) if flattest else GaussianNoise(1.0)
    level = 1 / found.D[:, 0] if flattest else 1 / found.D.mean(axis=-1)
    run = exact_moments(local_sgd(eta=np.full(n, eta)), image, K=LOCAL_STEPS, R=FOREVER, noise=noise)
    return np.asarray(level * run.last.squared_distance * MU * MACHINES / eta)
