"""The factor d_max/d_min: what a frozen matrix of a given spread costs, by how it lies against the curvatures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.structured_noise import OnCoordinates
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.chezhegov2024.frozen_scaling import in_new_variables
from tightrate.verify.session import Session

Array = NDArray[np.float64]
DIMENSION, WORKERS, LOCAL_STEPS = 5, 4, 8
MU, L = 0.1, 1.0
REDUCTION = 1e-4  # of the squared distance
CHECKED = 100  # steps after which a contraction is measured
LIES = ("against", "random", "along")
FOREVER = 10**9


@dataclass(frozen=True)
class Family:
    """Quadratics (n) and diagonals D (n, d) with smallest entry 1, for one way in which D lies against curvature."""

    problem: QuadraticWorkers
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
    workers = np.repeat(hessians[:, None], WORKERS, axis=1)
    zero = np.zeros((len(hessians), WORKERS, DIMENSION))
    return Family(QuadraticWorkers(workers, zero, known_optimum=zero[:, 0]), ratio**place)


def squared_distances(image: QuadraticWorkers, eta: Array, start: Array, steps: Array) -> Array:
    """|x - x*|_D^2 after so many steps (n,), without noise; communication does not matter on one quadratic."""
    run = exact_moments(local_sgd(eta=eta), image, K=1, R=steps, start=start)
    return run.last.squared_distance


def steps_needed(image: QuadraticWorkers, eta: Array, start: Array) -> Array:
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
    """Frozen matrices with entries from 1 to `ratio`, at the largest step $d_min/(4L)$, on one quadratic.

    `steps` to reduce $|x - x*|_D^2$ by `reduction`, from a start in the slowest direction, and, for $D$ along the
    curvatures, `true_steps` at the step $1/(4 L)$ with $L$ the largest eigenvalue of $D^{-1/2}$ A $D^{-1/2}$, whose
    condition number is `condition`; `contraction` of that distance over $R$ steps, $K = 1$, from $|x_0 - x*|_D = 1$;
    `floor`, the limit of $E|x - x*|_D^2$ under noise, in units of $eta sigma^2/(mu M)$: noise in the flattest
    coordinate, or, for random matrices, of covariance proportional to $D$. Random ones are drawn `draws` times."""
    ratios = np.geomspace(1, 1e4, session.choose(quick=9, full=17))
    draws = session.choose(quick=30, full=300)
    generator = stream(session.seed, experiment="scaling-factor")
    eta = 1 / (4 * L)
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
            contraction[i, j, :n] = squared_distances(image, np.full(n, eta), slowest, np.full(n, CHECKED))
            floor[i, j, :n] = noise_floor(found, image, eta, flattest=lies != "random")
    dims = ("lies", "ratio", "draw")
    symbols = {"M": WORKERS, "d": DIMENSION, "K": 1, "R": CHECKED, "L": L, "mu": MU, "eta": eta, "sigma": 1.0}
    symbols |= {"d_min": 1.0, "B_scaled": 1.0}
    return xr.Dataset(
        {
            "steps": (dims, steps),
            "true_steps": ("ratio", true_steps),
            "contraction": (dims, contraction),
            "condition": (dims, condition),
            "floor": (dims, floor),
            "d_max": ("ratio", ratios),
        },
        coords={"lies": list(LIES), "ratio": ratios},
        attrs={
            "seed": session.seed,
            "reduction": REDUCTION,
            "draws": draws,
            "kappa": L / MU,
            **symbols,
            "theorem": "chezhegov2024/id-quadratic",
        },
    )


def noise_floor(found: Family, image: QuadraticWorkers, eta: float, *, flattest: bool) -> Array:
    """The limit of E|x - x*|_D^2 under gradient noise of variance 1, in units of eta/(mu M)."""
    n = len(found.D)
    # In the new variables the noise is D^{-1/2} times the gradient's: on one coordinate, or the same on all.
    noise = OnCoordinates(GaussianNoise(1.0), (0,)) if flattest else GaussianNoise(1.0)
    level = 1 / found.D[:, 0] if flattest else 1 / found.D.mean(axis=-1)
    run = exact_moments(local_sgd(eta=np.full(n, eta)), image, K=LOCAL_STEPS, R=FOREVER, noise=noise)
    return np.asarray(level * run.last.squared_distance * MU * WORKERS / eta)


def contraction_of(data: xr.Dataset, measured: xr.DataArray) -> Measurement:
    """A contraction of the squared D-norm distance over the R steps, at the symbols of the dataset."""
    what = "contraction of the squared D-norm distance"
    return Measurement.of(data, measured, what=what, rounding=1e-10 * measured)


def floor_of(data: xr.Dataset, measured: xr.DataArray) -> Measurement:
    """A limit of E|x - x*|_D^2 under noise, in its own unit."""
    unit = data.attrs["eta"] * data.attrs["sigma"] ** 2 / (data.attrs["mu"] * data.attrs["M"])
    return Measurement.of(data, measured * unit, what="noise floor of the squared D-norm distance")


def all_matrices(values: xr.DataArray) -> xr.DataArray:
    """One axis for all matrices: those that follow the curvatures are one each, random ones many."""
    return values.stack(matrix=("lies", "draw")).dropna("matrix", how="all").reset_index("matrix")


@claim(
    "chezhegov2024/factor-attained",
    "A matrix that is largest along the flattest direction contracts exactly as slowly as $(1 - eta"
    " mu/d_max)^{2KR}$: the factor $d_max/d_min$ in the rate is real.",
    theorem="chezhegov2024/id-quadratic",
    kind="exact value",
    data=scaling_factor,
    expected="confirmed",
)
def factor_attained(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The squared distance in the $D$-norm after a hundred steps at $eta = d_min/(4L)$, for $d_max/d_min$ from 1 to
    $10^4$."""
    found = contraction_of(data, data.contraction.sel(lies="against", drop=True).isel(draw=0))
    return Equal(found, found.at(theorem.bound.term("optimization").expression), relative=1e-9)


@claim(
    "chezhegov2024/contraction",
    "No frozen matrix contracts the squared $D$-norm distance more slowly than $(1 - eta mu/d_max)^{2KR}$.",
    theorem="chezhegov2024/id-quadratic",
    kind="bound with constants",
    data=scaling_factor,
)
def contraction(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Matrices against the curvatures, along them and random, from a start in the slowest direction."""
    return Bounded(theorem, contraction_of(data, all_matrices(data.contraction)), term="optimization")


@claim(
    "chezhegov2024/floor-without-factor",
    "On one quadratic the noise floor of $E|x - x*|_D^2$ stays below 4/7 of $eta sigma^2/(mu M)$ for every"
    " $d_max/d_min$.",
    theorem="chezhegov2024/id-quadratic",
    kind="bound with constants",
    data=scaling_factor,
)
def floor_without_factor(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The exact limit under noise in the flattest direction, or proportional to $D$, for $d_max/d_min$ from 1 to
    $10^4$."""
    return Bounded(theorem, floor_of(data, all_matrices(data.floor)), term="statistical")


@claim(
    "chezhegov2024/along-the-curvatures",
    "$D^{-1/2}$ A $D^{-1/2}$ has the condition number $kappa d_max/d_min$ for $D$ against the curvatures, and"
    " $max(kappa d_min/d_max, d_max/(kappa d_min))$ along them: 1 at $d_max/d_min = kappa$.",
    theorem="chezhegov2024/id-sc",
    kind="exact value",
    data=scaling_factor,
    expected="confirmed",
)
def along_the_curvatures(data: xr.Dataset) -> Equal:
    """Condition numbers in the scaled geometry for $d_max/d_min$ from 1 to $10^4$."""
    kappa = data.attrs["L"] / data.attrs["mu"]
    exact = {"against": kappa * data.ratio, "along": np.maximum(kappa / data.ratio, data.ratio / kappa)}
    found = data.condition.isel(draw=0).sel(lies=list(exact))
    closed = xr.concat(exact.values(), dim=found.lies)
    return Equal(Measurement.of(data, found, what="condition number in the scaled geometry"), closed, relative=1e-9)
