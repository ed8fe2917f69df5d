"""Outer momentum: what the adjusted outer step explains, what momentum costs, and how large it may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.asymmetric_quadratic import asymmetric_quadratic
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.log_spaced_quadratic import log_spaced_quadratic
from tightrate.constructions.problem import Problem
from tightrate.rates.papers.khaled2025.outer_momentum import LEGIBLE_LIMIT, STEPS_WITH_MOMENTUM, momentum_condition
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import moved_fraction
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.search import holds, largest_step, values_of
from tightrate.verify.session import Session

Array = NDArray[np.float64]
MOMENTA = np.array([0.0, 0.5, 0.9, 0.99])
ETA, K = 1e-4, 8  # so small that Theorem 2 admits momentum 0.99 at an adjusted outer step of 4


def round_starts(algorithm: Algorithm[Any], problem: Problem, K: int, R: int, start: Array) -> Array:
    """x_0, ..., x_{R-1} without noise, (R, replica, d), by the shipped rules round by round."""
    state = algorithm.init(np.ascontiguousarray(start))
    starts = []
    for _ in range(R):
        starts.append(algorithm.output(state)[:, 0])
        for _ in range(K):
            state = algorithm.local_step(state, problem.gradient(algorithm.point(state)))
        state = algorithm.synchronize(state)
    return np.stack(starts)


@experiment("khaled2025-momentum")
def adjusted_steps(session: Session) -> xr.Dataset:
    """The gap of the averaged iterate over (momentum, adjusted outer step, R), exactly, on the spectrum of all speeds.

    `gap` over (momentum, adjusted, R) with gamma = adjusted (1 - momentum), `bound` of Theorem 2 and `admissible`
    where its conditions hold; no noise.
    """
    modes = session.choose(quick=100, full=400)
    problem = log_spaced_quadratic(d=modes)
    adjusted = np.geomspace(2.0**-2, 2.0**10, 13)
    R = np.array([50.0, 200.0, 1000.0, 5000.0, 20000.0])
    momentum, outer = (part.ravel() for part in np.meshgrid(MOMENTA, adjusted, indexing="ij"))
    gamma = outer * (1 - momentum)
    found = exact_moments(
        local_sgd_outer_momentum(eta=ETA, gamma=gamma, momentum=momentum),
        problem, K=K, R=np.broadcast_to(R, (len(gamma), len(R))), forgetting=0.0,
    )  # fmt: skip
    assert found.average is not None
    shape = (len(MOMENTA), len(adjusted), len(R))
    letters: dict[str, Array] = {
        "gamma": gamma[:, None], "momentum": momentum[:, None], "R": R, "eta": np.array(ETA), "K": np.array(float(K)),
        **{name: np.ones(1) for name in ("L", "B", "M")}, "sigma": np.zeros(1),
    }  # fmt: skip
    source = theorem("khaled2025/thm2")
    allowed = [holds(c, letters) for c in source.conditions if c.relation is not None]
    admissible = np.all(np.broadcast_arrays(*allowed), axis=0)
    dims = ("momentum", "adjusted", "R")
    return xr.Dataset(
        {
            "gap": (dims, found.average.gap.reshape(shape)),
            "bound": (dims, values_of(source.bound.expression, letters).reshape(shape)),
            "admissible": (dims, np.broadcast_to(admissible, (len(gamma), len(R))).reshape(shape)),
            "gamma": (dims[:2], gamma.reshape(shape[:2])),
        },
        coords={"momentum": MOMENTA, "adjusted": adjusted, "R": R},
        attrs={"theorem": "khaled2025/thm2", "eta": ETA, "K": K, "L": 1.0, "B": 1.0, "d": modes, "flattest": 1e-9},
    )  # fmt: skip


@experiment("khaled2025-momentum-transient")
def transient(session: Session) -> xr.Dataset:
    """The sum of the gaps of all rounds with momentum less that with the adjusted outer step alone, and in closed form.

    One curvature for each of the random instances, K steps in every round, rounds until nothing is left.
    """
    n = session.choose(quick=200, full=2000)
    generator = stream(session.seed, experiment="khaled2025-momentum-transient")
    curvature, B = 10 ** generator.uniform(-2, 2, n), 10 ** generator.uniform(-2, 2, n)
    K = 4
    eta = 10 ** generator.uniform(-1.5, -0.3, n) / curvature
    momentum = generator.uniform(0.0, 0.9, n)
    adjusted = generator.uniform(0.1, 1.7, n) / moved_fraction(eta * curvature, np.full(n, float(K)))
    problem = DiagonalQuadratics(curvature[:, None, None], np.zeros((n, 1, 1)))
    sums = [
        curvature / 2 * np.sum(round_starts(rule, problem, K, 1500, B[:, None, None])[..., 0] ** 2, axis=0)
        for rule in (
            local_sgd_outer_momentum(eta=eta, gamma=adjusted * (1 - momentum), momentum=momentum),
            local_sgd_outer_momentum(eta=eta, gamma=adjusted, momentum=0.0),
        )
    ]
    letters = {"curvature": curvature, "B": B, "eta": eta, "gamma": adjusted * (1 - momentum), "momentum": momentum}
    exact = theorem("khaled2025/momentum-transient").bound.function()(**letters, K=K)
    columns = {"transient": sums[0] - sums[1], "exact": exact, "scale": sums[0], **letters}
    return xr.Dataset(
        {name: (("instance",), values) for name, values in columns.items()}, attrs={"seed": session.seed, "K": K}
    )


SAMPLED = 1e-3  # the 1 - momentum down to which the shipped algorithm takes every step as well


@experiment("khaled2025-momentum-condition")
def condition(session: Session) -> xr.Dataset:
    """The gap of the average beside Theorem 2's bound as momentum tends to 1, on a parabola with two curvatures.

    f = x^2/8 for x < 0 and x^2/2 otherwise, one worker, one local step, no noise, start -1, gamma = 1 - momentum,
    R = 1/(1 - momentum).  Over (power, complement): `gap`, `bound`, `eta` the largest step that the second condition
    allows with (1 - momentum)^power, `sampled` the gap by the shipped algorithm (nan where that would take long).
    """
    complement = 10.0 ** -np.arange(2, session.choose(quick=5, full=7) + 0.5, 0.5)
    powers = np.array([1, 2])
    R = np.round(1 / complement)
    gap, sampled, steps = (np.full((2, len(complement)), np.nan) for _ in range(3))
    for i, power in enumerate(powers):
        conditions = (STEPS_WITH_MOMENTUM, momentum_condition(LEGIBLE_LIMIT, power=int(power)))
        letters = {"L": np.ones_like(R), "K": np.ones_like(R), "gamma": complement, "momentum": 1 - complement}
        steps[i] = largest_step(conditions, letters)
        for j, (left, eta) in enumerate(zip(complement, steps[i], strict=True)):
            average = heavy_ball_average(float(eta * left), float(1 - left), int(R[j]))
            gap[i, j] = average**2 / (8 if average < 0 else 2)
            if left >= SAMPLED * (1 - 1e-9):
                problem = asymmetric_quadratic(L=1.0, mu=0.25, B=1.0, M=1)
                rule = local_sgd_outer_momentum(eta=eta, gamma=left, momentum=1 - left)
                run = sample(rule, problem, K=1, R=int(R[j]), forgetting=0.0, measured_rounds=(0,))
                assert run.average is not None
                sampled[i, j] = problem.gap(run.average)[0]
    values = {"L": np.ones(1), "B": np.ones(1), "sigma": np.zeros(1), "K": np.ones(1), "M": np.ones(1), "R": R}
    letters = {**values, "eta": steps, "gamma": complement, "momentum": 1 - complement}
    bound = values_of(theorem("khaled2025/thm2").bound.expression, letters)
    dims = ("power", "complement")
    return xr.Dataset(
        {"gap": (dims, gap), "sampled": (dims, sampled), "bound": (dims, bound), "eta": (dims, steps)},
        coords={"power": powers, "complement": complement},
        attrs={"theorem": "khaled2025/thm2"},
    )


def heavy_ball_average(step: float, momentum: float, R: int) -> float:
    """The mean of x_0, ..., x_{R-1} of the heavy ball from x_{-1} = x_0 = -1 with f' = x/4 left of 0 and x right of it.

    In plain numbers: up to a million steps, one after the other.
    """
    x, move, total = -1.0, 0.0, 0.0
    for _ in range(R):
        total += x
        move = momentum * move - step * (x / 4 if x < 0 else x)
        x += move
    return total / R
