"""The exact worst case of a method over a class of functions: an interval, a certificate, functions that attain it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isinf
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from tightrate.common.errors import TightrateError
from tightrate.common.numbers import number
from tightrate.constructions.interpolated_functions import InterpolatedFunctions
from tightrate.constructions.parameters import check_memory
from tightrate.simulator.worst_case.certificate import check
from tightrate.simulator.worst_case.programme import (
    Programme,
    Solution,
    Status,
    exchangeable_programme,
    general_programme,
    solve,
)
from tightrate.simulator.worst_case.settings import OF_CLASS, Method, defaults_of, settings_of
from tightrate.simulator.worst_case.trajectory import ExchangeableTrajectory, exchangeable, trajectory

Array = NDArray[np.float64]
ATTAINED = 1e-5  # relative: how near the run of the witness must come to the programme's value


@dataclass(frozen=True)
class Interval:
    """The worst case lies between `lower` and `upper`, in the units of the measure.

    With the status "unbounded" it is larger than the solver's numbers reach, as where steps beyond 2/L diverge.
    `parameters` are all that the programme depends on.
    """

    lower: float
    upper: float
    status: Status
    residuals: Mapping[str, float]
    parameters: Mapping[str, float | str]

    @property
    def decided(self) -> bool:
        """Whether the interval is as narrow as the solver's tolerance promises."""
        width = ATTAINED * max(self.lower, 1e-6)
        return self.status == "solved" and self.upper - self.lower <= width


@dataclass(frozen=True)
class WorstCase(Interval):
    """`upper` is proved by `certificate` (see `tightrate.simulator.worst_case.certificate`), infinite where nothing is;
    `lower` is the value of the functions that the solver found, less what it breaks their inequalities by.

    Attributes:
        status: "solved", or why nothing is proved
        residuals: by how much the solver's answer breaks its programme
        parameters: all that the programme depends on

    >>> from tightrate.simulator.worst_case.worst_case import worst_case
    >>> round(worst_case("local-sgd", K=1, R=1, M=1, eta=1.0).upper, 6)
    0.166667
    """

    certificate: Mapping[str, Any] = field(repr=False)
    _solution: Solution = field(repr=False)
    _trajectory: ExchangeableTrajectory | None = field(repr=False)

    @property
    def interval(self) -> Interval:
        """The numbers alone, without what they are proved by."""
        return Interval(self.lower, self.upper, self.status, self.residuals, self.parameters)

    @cached_property
    def witness(self) -> InterpolatedFunctions:
        """Functions of the class on which the method does as badly: a problem that the simulator runs.

        For infinitely many workers, and for any number, those of two workers.
        """
        if self._trajectory is None or self.status != "solved":
            raise TightrateError("functions are built for exchangeable workers where the programme is solved")
        workers = self.parameters["M"]
        M = 1 if workers == 1 else 2 if isinf(float(workers)) else int(float(workers))
        entries = M * (self._trajectory.points + 1) ** 2 * M
        check_memory(entries, f"functions of M = {M} workers (those of M = inf are of two)")
        return _functions(self._solution, self._trajectory, M, self.parameters)


def worst_case(algorithm: Method, *, near: WorstCase | None = None, **settings: Any) -> WorstCase:
    """The worst case of R rounds of K local steps over all L-smooth, mu-strongly convex functions of any dimension.

    `algorithm` is a name of the registry, or what makes a method, with the method's own parameters as keywords, or a
    method that is made already.  The other `settings`: `K` and `R`; `M` workers (one, a number, or, unless given,
    infinitely many), whose mean has a minimizer at the distance `B` (1) at most, where the root mean square of their
    gradients is `zeta_star` (0) at most; `L` (1) and `mu` (0); `measure` "gap", "squared-distance" or
    "squared-gradient", of the `output` "last", "average" or "weighted".  `symmetric` False solves the programme with
    every worker's own points: for a few workers, to check the one that uses that they are exchangeable.  `near` is the
    worst case at similar steps, from which the solver then starts.

    >>> found = worst_case("local-sgd", K=1, R=2, M=1, eta=1.0)
    >>> round(found.lower, 6), round(found.upper, 6)  # L B^2/(4 R + 2)
    (0.1, 0.1)
    """
    asked = settings_of(algorithm, settings)
    K, R, M = asked.local_steps, int(asked.numbers["R"]), asked.numbers["M"]
    L, B = asked.numbers["L"], asked.numbers["B"]
    rule, measure, unit = asked.rule, asked.measure, L * B
    relative = {"mu": asked.numbers["mu"] / L, "zeta_star": asked.numbers["zeta_star"] / unit}
    one = M == 1
    run: ExchangeableTrajectory | None = None
    if asked.symmetric:
        run = _in_units(exchangeable(rule, K=K, R=R, decay=asked.decay), L)
        heterogeneous = {**relative, "zeta_star": 0.0 if one else relative["zeta_star"]}
        programme = exchangeable_programme(run, measure, **heterogeneous, one_worker=one, steps=K)
    else:
        several = trajectory(rule, K=K, R=R, M=int(M), decay=asked.decay)
        scaled = type(several)(several.start, several.gradients * L, several.output)
        programme = general_programme(scaled, measure, **relative, steps=K)
    solution = solve(programme, near=near._solution if near else None)
    scale = {"gap": L * B**2, "squared-distance": B**2, "squared-gradient": unit**2}[measure]
    certificate = _certificate(programme, solution, scale)
    proved = check(certificate) if solution.status == "solved" else None
    residuals = {
        "violated interpolation inequality": solution.violation,
        "primal - dual": abs(solution.primal - solution.dual),
    }
    upper = proved.bound * scale if proved is not None else solution.dual * scale
    status = "not solved" if proved is not None and not proved.valid else solution.status
    return WorstCase(
        lower=max(0.0, solution.primal - solution.violation) * scale if solution.status == "solved" else 0.0,
        upper=float(upper) if status != "not solved" else float("inf"),
        status=status,
        residuals=residuals,
        parameters=asked.parameters,
        certificate=certificate,
        _solution=solution,
        _trajectory=run,
    )


@dataclass(frozen=True)
class TunedWorstCase:
    """The steps with the least worst case, and that worst case."""

    steps: Mapping[str, float]
    worst: WorstCase
    evaluations: int


def tuned_worst_case(
    algorithm: Method, tune: Mapping[str, float], *, tolerance: float = 1e-4, spread: float = 0.25, **fixed: Any
) -> TunedWorstCase:
    """The exact minimax: the steps in `tune`, from these positive values on, that make the worst case least.

    Nelder and Mead's method in the logarithms of the steps, from a triangle (a simplex) whose sides are `spread`;
    every programme begins where the one before did.

    Args:
        algorithm: a name, or what makes a method
        tune: steps with the positive values to begin with
        tolerance: relative, of the worst case
        spread: of the first steps, in their logarithms
        fixed: what `worst_case` takes, K, R, M and the other steps among it

    Returns:
        The steps, with the worst case at them.

    Raises:
        TightrateError: for a method or class without an exact programme, or where clarabel is not installed.

    >>> found = tuned_worst_case("local-sgd", {"eta": 1.0}, K=1, R=1, M=1)
    >>> 1.4 < found.steps["eta"] < 1.6
    True
    """
    if not tune or any(not 0 < number(name, value) < float("inf") for name, value in tune.items()):
        raise TightrateError("steps to tune need positive values to begin with, for example eta=1 gamma=1")
    own = sorted(set(defaults_of(algorithm)) - {*OF_CLASS, "sigma"})
    for name in tune:
        if name in OF_CLASS:
            raise TightrateError(
                f"{name} is no step of the method, and is not chosen by it; give {name}=VALUE, and tune"
                f" {' or '.join(own)}"
            )
        if name in fixed:
            raise TightrateError(f"{name} is given and to be tuned; its value in `tune` is where the search begins")
    names, count = list(tune), 0
    near: list[WorstCase | None] = [None]

    def worst(logs: Array) -> WorstCase:
        steps = dict(zip(names, np.exp(logs).tolist(), strict=True))
        found = worst_case(algorithm, **fixed, **steps, near=near[0])
        near[0] = found if found.status == "solved" else near[0]
        return found

    def value(logs: Array) -> float:
        nonlocal count
        count += 1
        found = worst(logs)
        return found.upper if np.isfinite(found.upper) else 1e300

    start = np.log(list(tune.values()))
    simplex = np.vstack([start, start + spread * np.eye(len(start))])
    options = {"initial_simplex": simplex, "xatol": tolerance, "fatol": tolerance * 1e-2, "maxfev": 400}
    best = minimize(value, start, method="Nelder-Mead", options=options)
    found = worst(best.x)
    return TunedWorstCase(dict(zip(names, np.exp(best.x).tolist(), strict=True)), found, count + 1)


def _in_units(run: ExchangeableTrajectory, L: float) -> ExchangeableTrajectory:
    """The trajectory with gradients in units of L."""
    return ExchangeableTrajectory(run.start, run.mean * L, run.own * L, run.output)


def _certificate(programme: Programme, solution: Solution, scale: float) -> dict[str, Any]:
    used = solution.multipliers > 0
    return {
        "unit": scale,
        "mu": programme.mu,
        "zeta_star": programme.zeta_star,
        "points": [[block.tolist() for block in family.point] for family in programme.families],
        "gradients": [[block.tolist() for block in family.gradient] for family in programme.families],
        "values": [family.values.tolist() for family in programme.families],
        "objective": [block.tolist() for block in programme.objective],
        "weights": programme.weights.tolist(),
        "spread": None if programme.spread is None else [block.tolist() for block in programme.spread],
        "pairs": [list(pair) for pair, keep in zip(solution.pairs, used, strict=True) if keep],
        "multipliers": solution.multipliers[used].tolist(),
        "radius": max(solution.radius, 0.0),
        "heterogeneity": max(solution.heterogeneity, 0.0),
    }


# The functions that attain it.


def _functions(
    solution: Solution, run: ExchangeableTrajectory, M: int, given: Mapping[str, float | str]
) -> InterpolatedFunctions:
    """Vectors from the Gram matrices, and the functions through them, with the start at 0."""
    L, B, mu = (float(given[name]) for name in ("L", "B", "mu"))
    n = run.points
    shared = _factor(solution.grams[0])  # rows p, gbar_1, ..., gbar_n
    p, mean = shared[0], shared[1:]
    if M > 1:
        apart = _factor(solution.grams[1])
        corners = _simplex(M)
        own = np.einsum("iq,ms->miqs", apart, corners).reshape(M, len(apart), -1)
    else:
        own = np.zeros((1, n, 0))
    if own.shape[1] == n:  # the optimum is common
        own = np.concatenate([own, np.zeros((M, 1, own.shape[2]))], axis=1)
    place = np.outer(run.start, p) + (run.mean + run.own) @ mean
    points = np.zeros((M, n + 1, len(p) + own.shape[2]))
    slopes = np.zeros_like(points)
    points[:, :n, : len(p)] = place
    points[:, :n, len(p) :] = run.own @ own[:, :n]
    slopes[:, :n, : len(p)] = mean
    slopes[:, :, len(p) :] = own
    values = np.broadcast_to(np.append(solution.values, 0.0), (M, n + 1))
    start = np.concatenate([p, np.zeros(own.shape[2])])
    return InterpolatedFunctions(B * (points - start), L * B * slopes, L * B**2 * values, L, mu)


def _factor(gram: Array) -> Array:
    """Vectors with these inner products, in as few dimensions as they need."""
    sizes, directions = np.linalg.eigh(gram)
    kept = sizes > 1e-10 * max(sizes[-1], 1e-300)
    return np.asarray(directions[:, kept] * np.sqrt(sizes[kept]))


def _simplex(M: int) -> Array:
    """M unit vectors in M - 1 dimensions that sum to zero, with equal inner products."""
    centred = np.eye(M) - 1 / M
    return np.asarray(_factor(centred) * np.sqrt(M / (M - 1)))
