"""What the assumptions of patel2024 imply: dissimilarity on balls, movement at the optimum, noise beyond variance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.random_quadratics import random_machines, random_quadratics
from tightrate.constructions.structured_noise import RareJumpNoise
from tightrate.rates.papers.patel2024.assumptions import covariate_shift
from tightrate.rates.relations.misprints import misprint
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
FAR = 1e9  # a distance at which the dissimilarity of unequal Hessians dominates everything


def in_letters(bound: Bound, letters: Mapping[str, Array]) -> Array:
    """The values of a bound, from more letters than it may need."""
    return bound.function()(**{name: letters[name] for name in bound.letters})


def machines_at(problems: Sequence[QuadraticMachines], ratio: Array) -> dict[str, Any]:
    """The matrices and minimizers, as lists, of the instance with the largest ratio, all batches one after another."""
    instance = int(np.argmax(ratio))
    place = instance
    for problem in problems:
        if place < len(problem.minimizers):
            matrices = {"hessians": problem.hessians[place].tolist(), "minimizers": problem.minimizers[place].tolist()}
            return {"instance": instance, **matrices}
        place -= len(problem.minimizers)
    raise TightrateError("more ratios than instances")


def one_against_all(machines: int, gradient: float) -> QuadraticMachines:
    """Equal Hessians in one dimension; one machine has `gradient` at the optimum, the others share its opposite."""
    slopes = np.full(machines, -gradient / (machines - 1))
    slopes[0] = gradient
    return QuadraticMachines(np.ones((machines, 1, 1)), 1.0 - slopes[:, None])


@experiment("patel2024-dissimilarity")
def dissimilarity(session: Session) -> xr.Dataset:
    """Random quadratic machines, and one against all others: how far gradients are apart on a ball about the start.

    `worst` and `mean` (instance) are the largest |grad F_m - grad F| and the largest root mean square over m, over
    random points at distance D; `printed`, `mean_bound`, `worst_bound` the three versions of Prop. 13.
    `slope`: the growth of |grad F_m - grad F| per length far out along the worst direction, `tau_mean` what it must be.
    """
    each = session.choose(quick=100, full=2000)
    generator = stream(session.seed, experiment="patel2024-dissimilarity")
    problems = [random_machines(generator, each, M, d) for M, d in ((2, 2), (4, 3), (8, 2))]
    extreme = [one_against_all(M, 0.7) for M in (2, 3, 5, 17)]
    problems += [QuadraticMachines(p.hessians[None], p.minimizers[None]) for p in extreme]
    columns: dict[str, list[Array]] = {}
    for problem in problems:
        n, M, d = problem.minimizers.shape
        constants = problem.constants
        D: Array = np.power(10, generator.uniform(-1.5, 1.5, n))
        directions = generator.standard_normal((128, n, 1, d))
        x = D[:, None, None] * directions / np.linalg.norm(directions, axis=-1, keepdims=True)
        gradients = problem.gradient(np.broadcast_to(x, (128, n, M, d)))
        norms = np.linalg.norm(gradients - gradients.mean(axis=-2, keepdims=True), axis=-1)
        deviations = problem.hessians - problem.mean_hessian[:, None]
        widths, axes = np.linalg.eigh(deviations)
        farthest = np.abs(widths).reshape(n, -1).argmax(axis=-1)
        ray = axes.swapaxes(-1, -2).reshape(n, -1, d)[np.arange(n), farthest]
        ends = (problem.gradient(np.broadcast_to(reach * ray[:, None], (n, M, d))) for reach in (FAR, 0.0))
        far = np.subtract(*ends)  # what the distance adds to every machine's gradient
        slope = np.linalg.norm(far - far.mean(axis=-2, keepdims=True), axis=-1).max(axis=-1) / FAR
        letters: dict[str, Array] = {name: constants[name] for name in ("zeta_star", "tau", "B")}
        letters |= {"D": D, "M": np.full(n, float(M))}
        found = {
            **letters,
            "d": np.full(n, float(d)),
            "worst": norms.max(axis=(0, -1)),
            "mean": np.sqrt((norms**2).mean(axis=-1)).max(axis=0),
            "slope": slope,
            "tau_mean": constants["tau_mean"],
            "printed": in_letters(theorem("patel2024/prop13").bound, letters),
            "mean_bound": in_letters(theorem("patel2024/prop13-mean").bound, letters),
            "worst_bound": in_letters(theorem("patel2024/prop13-worst").bound, letters),
        }
        for name, values in found.items():
            columns.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return xr.Dataset(
        {name: (("instance",), values) for name, values in joined.items()},
        attrs={"far": FAR, "worst as printed": machines_at(problems, joined["worst"] / joined["printed"])},
    )


@experiment("patel2024-movement")
def movement(session: Session) -> xr.Dataset:
    """Random quadratic machines in three units of curvature: how far K exact local steps move the optimum, A6.

    `movement` (instance) against the bounds of Prop. 25, its sharper form, the quadratic one, and that as printed.
    """
    each = session.choose(quick=300, full=5000)
    generator = stream(session.seed, experiment="patel2024-movement")
    columns: dict[str, list[Array]] = {}
    problems = []
    for unit in (0.01, 1.0, 100.0):
        for M, d in ((2, 1), (3, 2), (5, 3)):
            base = random_machines(generator, each, M, d)
            problem = QuadraticMachines(unit * base.hessians, base.minimizers)
            problems.append(problem)
            constants = problem.constants
            K = generator.integers(1, 31, each).astype(np.float64)
            eta = 10 ** generator.uniform(-2, 0, each) / constants["L"]
            moved = round_map(problem, K=K, eta=eta, start=problem.optimum).after(1) - problem.optimum
            names = ("L", "zeta_star", "zeta_mean", "zeta_opt")
            letters = {**{name: constants[name] for name in names}, "K": K, "eta": eta}
            found = {
                **letters,
                **{name: np.full(each, float(value)) for name, value in (("M", M), ("d", d), ("unit", unit))},
                "mu": constants["mu"],
                "movement": np.linalg.norm(moved, axis=-1) / (K * eta),
                "scale": constants["L"] * np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1),
                "printed": in_letters(misprint("prop25-quadratics").printed_bound, letters),
                **{
                    label: in_letters(theorem(f"patel2024/{label}").bound, letters)
                    for label in ("prop25", "prop25-convex", "prop25-quadratics")
                },
            }
            for name, values in found.items():
                columns.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return xr.Dataset(
        {name: (("instance",), values) for name, values in joined.items()},
        attrs={"worst as printed": machines_at(problems, joined["movement"] / joined["printed"])},
    )


@experiment("patel2024-fourth-moment")
def fourth_moment(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Equal machines after the first of K = 2 local steps: the exact E Xi and E Xi^2 of rare jumps of variance sigma^2.

    Xi is the consensus error, eta^2 times the (biased) variance of M independent noises.  `mean_bound` is Lemma 36,
    `square_bound` what the proof of Theorem 27 puts for E Xi^2, which its last two terms carry times 2 Q^2/mu.
    The law is 0 but for +-sigma p^(-1/2) with probability p; `p` = 1 is a fair coin.
    """
    sigma, eta, K = 1.0, 0.5, 2.0
    p, M = np.array([1.0, 0.3, 0.1, 0.01, 1e-3, 1e-4, 1e-5]), np.array([2.0, 4.0, 16.0])
    fourth = np.array([RareJumpNoise(sigma, probability=chance).moment(4.0) ** 4 for chance in p])[:, None]
    # E s^4 of the biased variance s^2 of M independent draws with variance sigma^2 and fourth moment m_4.
    spread = ((M - 1) / M) ** 2 * ((fourth - (M - 3) / (M - 1) * sigma**4) / M + sigma**4)
    terms = {term.name: term.expression for term in theorem("patel2024/thm27-step").bound.terms}
    lemma36 = theorem("patel2024/lemma36").bound
    letters = {"sigma": sigma, "eta": eta, "K": K, "zeta": 0.0, "tau": 0.0}
    square = sum(vectorized(terms[name])(Q=1.0, mu=2.0, **letters) for name in terms if name.startswith("third-order"))
    return xr.Dataset(
        {
            "mean": (("p", "M"), np.broadcast_to(eta**2 * sigma**2 * (1 - 1 / M), spread.shape)),
            "square": (("p", "M"), eta**4 * spread),
            "mean_bound": ((), lemma36.function(sigma=sigma, eta=eta, K=K, zeta=0.0)()),
            "square_bound": ((), np.asarray(square)),
        },
        coords={"p": p, "M": M},
        attrs={"sigma": sigma, "eta": eta, "K": K, "theorem": "patel2024/thm27-step"},
    )


@experiment("patel2024-ball")
def ball(session: Session) -> xr.Dataset:  # noqa: ARG001
    """One local step with Gaussian noise from the start: the exact `probability` (D) of being farther than D from it.

    L = B = sigma = 1, eta = 1/(2L).
    """
    problem = random_quadratics(M=1, d=1, mu=1.0, L=1.0, tau=0.0, zeta_star=0.0, B=1.0)
    after = exact_moments(local_sgd(eta=0.5), problem, K=1, R=1, noise=GaussianNoise(1.0)).last
    mean, deviation = float(after.mean[0, 0]), float(np.sqrt(after.covariance[0, 0, 0]))
    D = np.array([1.0, 2.0, 5.0, 10.0])
    law = stats.norm(mean, deviation)
    return xr.Dataset(
        {"probability": (("D",), law.sf(D) + law.cdf(-D)), "allowed": (("D",), np.zeros(len(D)))},
        coords={"D": D},
        attrs={"L": 1.0, "B": 1.0, "sigma": 1.0, "eta": 0.5, "K": 1.0},
    )


@experiment("patel2024-regression")
def regression(session: Session) -> xr.Dataset:
    """Linear regressions with random means and covariances: |A_m - A_n| and its bound by the covariate shift.

    The Hessian of the population loss is the covariates' second moment, mean mean' + covariance.
    """
    n = session.choose(quick=2000, full=50000)
    generator = stream(session.seed, experiment="patel2024-regression")
    size = 10 ** generator.uniform(-2, 2, (n, 1, 1))
    near = 10 ** generator.uniform(-3, 0, (n, 1))
    first = generator.standard_normal((n, 3))
    means = np.stack([first, first + near * generator.standard_normal((n, 3))], axis=1) * size
    factors = generator.standard_normal((n, 2, 3, 3))
    covariances = factors @ factors.swapaxes(-1, -2) * 10 ** generator.uniform(-3, 1, (n, 1, 1, 1))
    hessians = means[..., :, None] * means[..., None, :] + covariances
    found = {
        "mean_1": np.linalg.norm(means[:, 0], axis=-1),
        "mean_2": np.linalg.norm(means[:, 1], axis=-1),
        "mean_shift": np.linalg.norm(means[:, 0] - means[:, 1], axis=-1),
        "covariance_shift": np.linalg.norm(covariances[:, 0] - covariances[:, 1], 2, axis=(-1, -2)),
    }
    bound = vectorized(covariate_shift())(**found)
    distance = np.linalg.norm(hessians[:, 0] - hessians[:, 1], 2, axis=(-1, -2))
    return xr.Dataset(
        {
            "tau": (("instance",), distance),
            "bound": (("instance",), bound),
            "scale": (("instance",), np.linalg.norm(hessians, 2, axis=(-1, -2)).max(axis=-1)),
            **{name: (("instance",), values) for name, values in found.items()},
        }
    )
