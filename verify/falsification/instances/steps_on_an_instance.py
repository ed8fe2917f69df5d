"""Lower bounds for every step size on one instance, without noise: the smallest ratio over the steps, K and R."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.rates.papers.patel2024.explicit_functions import slow_curvature
from tightrate.rates.papers.patel2024.local_steps_do_not_help import hard_cosine
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.exact.local_gradient_descent import RoundMap, round_map
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement

METHOD = "closed form of local gradient descent on quadratics"
STEPS = (Axis("K", 2, 1e6, "whole"), Axis("R", 1, 1e4, "whole"))
HETEROGENEITY = (Axis("tau", 1e-3, 0.999), Axis("zeta_star", 1e-4, 1e3))

Instance = Callable[[dict[str, Array]], QuadraticWorkers]


def hard_pair(symbols: dict[str, Array]) -> QuadraticWorkers:
    """The rank-one pair at the angle that makes R rounds hard; sets the letter `cosine`."""
    symbols["cosine"] = at(hard_cosine(), symbols)
    return rank_one_pair(cosine=symbols["cosine"], L=1.0, B=1.0, M=2)


def two_quadratics(symbols: dict[str, Array]) -> QuadraticWorkers:
    """Curvatures 1 and 1 - tau with slopes +-zeta_star at the common optimum 0, where the run starts."""
    curvatures = np.stack([symbols["L"], symbols["L"] - symbols["tau"]], axis=-1)
    slopes = symbols["zeta_star"][:, None] * np.array([1.0, -1.0])
    optimum = np.zeros((len(curvatures), 1))
    return QuadraticWorkers(curvatures[..., None, None], (-slopes / curvatures)[..., None], known_optimum=optimum)


def beside_a_slow_coordinate(symbols: dict[str, Array]) -> QuadraticWorkers:
    """The two quadratics beside a shared coordinate of curvature `mu` whose optimum is at distance B."""
    symbols["mu"] = at(slow_curvature(), symbols)
    steep = two_quadratics(symbols)
    n = len(symbols["L"])
    hessians = np.zeros((n, 2, 2, 2))
    hessians[..., 0, 0], hessians[..., 1, 1] = steep.hessians[..., 0, 0], symbols["mu"][:, None]
    minimizers = np.stack([steep.minimizers[..., 0], np.broadcast_to(symbols["B"][:, None], (n, 2))], axis=-1)
    return QuadraticWorkers(hessians, minimizers, known_optimum=np.stack([0 * symbols["B"], symbols["B"]], axis=-1))


def gap(problem: QuadraticWorkers, rounds: RoundMap, R: Array) -> Array:
    """Suboptimality after R rounds."""
    return problem.gap(rounds.after(R))


def discrepancy(problem: QuadraticWorkers, rounds: RoundMap, R: Array) -> Array:  # noqa: ARG001
    """Distance of the fixed point from the optimum."""
    return np.asarray(np.linalg.norm(rounds.fixed_point - problem.optimum, axis=-1))


def trial(
    _: Theorem,
    point: Point,
    *,
    instance: Instance,
    measured: Callable[[QuadraticWorkers, RoundMap, Array], Array],
) -> Measurement:
    """L = B = 1, which a change of units allows."""
    one = np.ones_like(point["R"])
    symbols = {"L": one, "B": one, "M": 2 * one, "gamma": one, **point}
    problem = instance(symbols)
    rounds = round_map(problem, K=symbols["K"], eta=symbols["eta"], gamma=symbols["gamma"])
    return over_points(measured(problem, rounds, symbols["R"]), symbols, rounding=1e-14)


def _search(theorem_id: str, where: str, instance: Instance, *axes: Axis, of_fixed_point: bool = False) -> Search:
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where=where,
        axes=(*STEPS, *axes),
        trial=partial(trial, instance=instance, measured=discrepancy if of_fixed_point else gap),
        method=METHOD,
    )


TWO = "two quadratics with different curvatures"

prop7_constant = _search(
    "patel2024/prop7-constant",
    "the rank-one pair at the hard angle, every inner and outer step",
    hard_pair,
    Axis("eta", 1e-8, 1.999),
    Axis("gamma", 1e-4, 1e8),
)
two_quadratics_discrepancy = _search(
    "patel2024/two-quadratics-discrepancy", TWO, two_quadratics, Axis("eta", 1e-6, 1.0), *HETEROGENEITY,
    of_fixed_point=True,
)  # fmt: skip
two_quadratics_floor = _search(
    "patel2024/two-quadratics-floor", f"{TWO} beside a slow coordinate", beside_a_slow_coordinate,
    Axis("eta", 1e-8, 1.0), *HETEROGENEITY,
)  # fmt: skip
