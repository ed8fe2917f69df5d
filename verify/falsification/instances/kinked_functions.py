"""A parabola with two curvatures and infinitely many identical workers: every expectation is a finite sum.

Noise jumps up or down, so a worker's iterate after h local steps takes 2^h values; with infinitely many workers the
average is its expectation, and the run is deterministic given the start.  A bound that holds for every M with the same
constants holds in this limit; M = inf in its formula.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np

from tightrate.constructions.pieces import Kinked
from tightrate.constructions.separable import SeparableWorkers, placed
from tightrate.rates.papers.khaled2025.outer_momentum import LEGIBLE_LIMIT, STEPS_WITH_MOMENTUM, momentum_condition
from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithms.fedavg import fedavg
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.simulator.communication import FederatedOptimization
from tightrate.verify.falsification.search import Array, Axis, Point, ScalingSequence, Search, over_points
from tightrate.verify.measurement import Measurement

MOST_LOCAL_STEPS = 5
METHOD = "exact: the limit of infinitely many workers, noise with two values, all paths of a round summed"
FUNCTION = (
    Axis("flat", 1e-3, 1.0),  # the curvature left of the kink; the one right of it is 1
    Axis("slope", -1.4, 1.4, "linear"),  # its cube is that of the kink, in units of a round's noise (of B without it)
    Axis("side", -1.0, 1.0, "linear"),  # the start is left or right of the optimum
)
NOISE = (Axis("probability", 0.02, 0.98, "linear"), Axis("sigma", 0.01, 10.0), Axis("K", 1, MOST_LOCAL_STEPS, "whole"))
RUN = (Axis("R", 1, 60, "whole"), Axis("B", 1e-3, 10.0), Axis("used", 0.02, 1.0))
Output = Literal["last", "average", "weighted"]


@dataclass(frozen=True)
class Limit:
    """The run in the limit of infinitely many workers: gap of the output, and how far iterates and slopes go."""

    gap: Array
    farthest: Array
    steepest: Array


def bent_parabola(flat: Array, slope: Array, B: Array) -> SeparableWorkers:
    """(x_+^2 + flat x_-^2)/2 - slope x about a kink that is placed so that the optimum is at B; all (n,)."""
    piece = Kinked(flat[:, None, None], np.ones((len(flat), 1, 1)))
    root = slope / np.where(slope > 0, 1.0, flat)
    return placed(piece, -slope[:, None, None], B, root=root[:, None])


def run(
    problem: SeparableWorkers,
    algorithm: FederatedOptimization,
    *,
    eta: Array,
    K: Array,
    R: Array,
    start: Array,
    jumps: tuple[Array, Array],
    probability: Array,
    rho: Array | None = None,
    output: Output = "average",
    averaging_decay: Array | float = 0.0,
) -> Limit:
    """K SGD steps of every worker from the server's point, then the server's own step with their mean change.

    Every argument is (n,); `jumps` are the two values of the noise, the first one with `probability`; stochastic
    gradients are clipped at `rho`.
    """
    n = len(eta)
    server = algorithm.server
    state = server.init(start[:, None, None])
    noisy = bool(np.any(jumps[0] != 0))
    up, down, chance, step = (part[:, None] for part in (*jumps, probability, eta))
    total, weight, farthest, steepest = (np.zeros(n) for _ in range(4))
    optimum = problem.optimum[:, 0]
    for r in range(int(R.max())):
        running = r < R
        origin = server.point(state)[:, 0, 0]
        x, mass = origin[:, None], np.ones((n, 1))
        for h in range(int(K.max())):
            moving = running & (h < K)
            mean = np.sum(mass * x, axis=1)
            if output != "last":
                total = np.where(moving, (1 - averaging_decay) * total + mean, total)
                weight = np.where(moving, (1 - averaging_decay) * weight + 1, weight)
            gradient = problem.gradient(x[..., None])[..., 0]
            farthest = np.maximum(farthest, np.abs(mean - optimum))
            steepest = np.maximum(steepest, np.abs(gradient).max(axis=1))
            if noisy:
                gradient = np.concatenate([gradient + up, gradient + down], axis=1)
                x, mass = np.tile(x, 2), np.concatenate([chance * mass, (1 - chance) * mass], axis=1)
            if rho is not None:
                gradient = np.clip(gradient, -rho[:, None], rho[:, None])
            x = np.where(moving[:, None], x - step * gradient, x)
        change = np.sum(mass * x, axis=1) - origin
        state = _where(running, server.step(state, -change[:, None, None]), state)
    last = server.output(state)[:, 0, 0]
    where = last if output == "last" else total / weight
    return Limit(problem.gap(where[:, None]), farthest, steepest)


def _where(running: Any, new: Any, old: Any) -> Any:
    """The new state where the run has not ended; counters follow the new one."""
    mask = running[:, None, None]
    parts = (np.where(mask, a, b) if isinstance(a, np.ndarray) else a for a, b in zip(new, old, strict=True))
    return type(new)(*parts)


def trial(
    theorem: Theorem, point: Point, *, algorithm: Callable[..., FederatedOptimization], output: Output
) -> Measurement:
    """L = 1; axes that stand for a letter are that letter, the others are explained where the axes are listed."""
    one = np.ones_like(point["flat"])
    symbols = {"L": one, "M": np.inf * one, "gamma": one, "mu": point["flat"], "B": one, "K": one, "sigma": 0 * one}
    symbols |= {"beta1": 0 * one, "alpha": point.get("moment", 2 * one)}
    symbols |= {name: value for name, value in point.items() if name in LETTERS}
    if "inverse_complement" in point:  # momentum close to 1: the outer step and the rounds scale with 1 - momentum
        complement = 1 / point["inverse_complement"]
        symbols |= {"momentum": 1 - complement, "gamma": point["adjusted"] * complement}
        symbols["R"] = np.maximum(np.round(point["rounds"] / complement), 1)
    if "inverse_step" in point:  # eta L K small: the rounds scale with 1/sqrt(eta L K)
        symbols["eta"] = 1 / (point["inverse_step"] * symbols["K"])
        symbols["R"] = np.maximum(np.round(point["rounds"] * np.sqrt(point["inverse_step"])), 1)
    else:
        symbols["eta"] = point["used"] * largest_step(
            theorem.conditions, {**symbols, "rho": np.inf * one, "G_inf": one}
        )
    probability = point.get("probability", one / 2)
    size = symbols["sigma"] / np.sqrt(probability * (1 - probability))
    gathered = symbols["eta"] * symbols["sigma"] * np.sqrt(symbols["K"])
    if "inverse_step" in point:
        symbols["B"] = 0 * one  # started at the optimum: nothing but drift
    length = np.where(gathered > 0, gathered, symbols["B"])
    problem = bent_parabola(point["flat"], point["slope"] ** 3 * length, symbols["B"])
    jumps = ((1 - probability) * size, -probability * size)
    rho = point["threshold"] * np.maximum(*np.abs(jumps)) if "threshold" in point else None
    names = set(algorithm.__kwdefaults__ or {}) & {"gamma", "momentum"}
    found = run(
        problem,
        algorithm(eta=symbols["eta"], **{name: symbols[name] for name in names}),
        eta=symbols["eta"],
        K=symbols["K"],
        R=symbols["R"],
        start=np.where(point["side"] < 0, 0.0, 2 * symbols["B"]),
        jumps=jumps,
        probability=probability,
        rho=rho,
        output=output,
        averaging_decay=symbols["mu"] * symbols["eta"] / 2 if output == "weighted" else 0.0,
    )
    moment = level(jumps, probability, symbols["alpha"])
    symbols |= {"D": found.farthest, "G_inf": found.steepest, "sigma_2alpha": moment}
    symbols["rho"] = np.inf * one if rho is None else rho
    if rho is not None:
        symbols["sigma"] = moment
    return over_points(found.gap, symbols, rounding=1e-13 * symbols["B"] ** 2)


def level(jumps: tuple[Array, Array], probability: Array, alpha: Array) -> Array:
    """(E |xi|^alpha)^(1/alpha) of the noise."""
    up, down = np.abs(jumps)
    largest = np.maximum(np.maximum(up, down), 1e-300)
    moment = probability * (up / largest) ** alpha + (1 - probability) * (down / largest) ** alpha
    return np.asarray(largest * moment ** (1 / alpha))


FEDAVG, MOMENTUM, ACCELERATED = fedavg, local_sgd_outer_momentum, local_sgd_outer_acceleration
OUTER, BELOW_1 = Axis("gamma", 0.05, 30.0), Axis("gamma", 0.2, 1.0)


def _search(
    theorem_id: str,
    algorithm: Callable[..., FederatedOptimization],
    output: Output,
    *axes: Axis,
    name: str = "kink",
    **details: Any,
) -> Search:
    return Search(
        name=f"{theorem_id}@{name}",
        theorem_id=theorem_id,
        where="a parabola with two curvatures, infinitely many workers",
        axes=(*FUNCTION, *axes),
        trial=partial(trial, algorithm=algorithm, output=output),
        method=METHOD,
        **details,
    )


def first_power(thm2: Theorem) -> Theorem:
    """Theorem 2 under its conditions as far as they are legible, with 1 - momentum to the first power."""
    return replace(thm2, conditions=(STEPS_WITH_MOMENTUM, momentum_condition(LEGIBLE_LIMIT, power=1)))


thm1 = _search("khaled2025/thm1", FEDAVG, "average", *NOISE, *RUN, OUTER)
thm1_safe = _search("khaled2025/thm1-safe", FEDAVG, "average", *NOISE, *RUN, OUTER)
thm2 = _search("khaled2025/thm2", MOMENTUM, "average", *NOISE, *RUN, OUTER, Axis("momentum", 0.0, 0.99, "linear"))
thm2_safe = _search(
    "khaled2025/thm2-safe", MOMENTUM, "average", *NOISE, *RUN, OUTER, Axis("momentum", 0.0, 0.99, "linear")
)
thm2_first_power = _search(
    "khaled2025/thm2", MOMENTUM, "average",
    Axis("used", 0.05, 1.0), Axis("adjusted", 0.05, 2.0), Axis("rounds", 0.2, 2.0),
    Axis("inverse_complement", 1e2, 10**3.5),
    name="first-power",
    variant="its second condition with 1 - momentum to the first power",
    altered=first_power,
    sequence=ScalingSequence("inverse_complement", (1e2, 10**2.5, 1e3, 10**3.5)),
    expected="violated",
)  # fmt: skip
thm3_safe = _search("khaled2025/thm3-safe", ACCELERATED, "last", *NOISE, *RUN, BELOW_1)
GROWING = (  # from the optimum, where only noise moves the iterates
    Axis("probability", 0.1, 0.9, "linear"),
    Axis("K", 2, 3, "whole"),
    Axis("sigma", 0.5, 2.0),
    Axis("rounds", 0.5, 8.0),
    Axis("inverse_step", 1e2, 1e4),
    BELOW_1,
)
SMALLER_STEPS = ScalingSequence("inverse_step", (1e2, 1e3, 1e4))
thm3 = _search(
    "khaled2025/thm3", ACCELERATED, "last", *GROWING,
    variant="as it probably is printed, without a drift term free of M", sequence=SMALLER_STEPS, expected="violated",
)  # fmt: skip
thm3_safe_growth = _search("khaled2025/thm3-safe", ACCELERATED, "last", *GROWING, name="growth", sequence=SMALLER_STEPS)
fixed_step_convex = _search("cheng2024/fixed-step-convex", FEDAVG, "average", *NOISE, *RUN)
fixed_step_sc = _search("cheng2024/fixed-step-sc", FEDAVG, "weighted", *NOISE, *RUN)
CLIPPING = (Axis("threshold", 0.05, 1.0), Axis("moment", 2.0, 8.0, "linear"))
clipped_convex = _search("cheng2024/fixed-step-convex", FEDAVG, "average", *NOISE, *RUN, *CLIPPING, name="clipped")
clipped_sc = _search("cheng2024/fixed-step-sc", FEDAVG, "weighted", *NOISE, *RUN, *CLIPPING, name="clipped")
