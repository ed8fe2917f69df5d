"""Mutants of exact statements, judged by runs of the shipped rules step by step.

Whether a mutant is wrong is decided by plain comparison with the runs, where rounding is ten thousand times smaller
than the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tightrate.constructions.coordinate_pair import coordinate_pair
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.problem import Problem
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.constructions.zeta_quadratic_pair import zeta_quadratic_pair
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.falsification.search import over_points
from tightrate.verify.measurement import Measurement
from tightrate.verify.mutation.mutants import Judge, JudgedMutant, Truth, check, mutants
from tightrate.verify.mutation.values import values_at

Array = NDArray[np.float64]
INSTANCES, ROUNDS = 60, 6
RELATIVE = 1e-9  # error that the judge allows
AGREES, DIFFERS = 1e-10, 1e-6  # relative errors of a right closed form at most, of a wrong one at least
RESOLVED = 1e-5  # of the largest value; below, rounding shows


def drawn(name: str) -> dict[str, Array]:
    """Random symbols: scales over two decades, steps inside the conditions of all statements."""
    generator, n = stream(5, experiment=f"closed-form-{name}"), INSTANCES
    L, B = (10 ** generator.uniform(-1, 1, n) for _ in range(2))
    return {
        "L": L,
        "B": B,
        "K": generator.integers(1, 9, n).astype(np.float64),
        "eta": generator.uniform(0.05, 0.95, n) / L,
        "gamma": generator.uniform(0.3, 1.9, n),
        "cosine": generator.uniform(0.1, 0.9, n),
        "tau": L * generator.uniform(0.1, 0.9, n),
        "zeta_star": generator.uniform(0.1, 2, n),
        "mu": L * generator.uniform(0.05, 0.5, n),
    }


def of_runs(problem: Problem, symbols: Mapping[str, Array], measured: Literal["gap", "distance"]) -> Measurement:
    """Local gradient descent from 0 after each of some rounds."""
    run = sample(local_sgd(eta=symbols["eta"], gamma=symbols["gamma"]), problem, K=symbols["K"], R=ROUNDS)
    values = (run.gaps if measured == "gap" else run.distances)[:, 1:]
    R = np.broadcast_to(np.arange(1.0, ROUNDS + 1), values.shape)
    spread = {name: np.repeat(value, ROUNDS) for name, value in symbols.items()}
    return over_points(values.ravel(), {**spread, "R": R.ravel()})


def coordinates() -> Measurement:
    """The coordinate pair."""
    symbols = drawn("coordinates")
    return of_runs(coordinate_pair(L=symbols["L"], B=symbols["B"]), symbols, "distance")


def rank_one() -> Measurement:
    """The rank-one pair."""
    symbols = drawn("rank-one")
    return of_runs(rank_one_pair(cosine=symbols["cosine"], L=symbols["L"], B=symbols["B"]), symbols, "gap")


def beside_slow(measured: Literal["gap", "distance"]) -> Measurement:
    """Two quadratics with a bias; beside a slow coordinate for the gap."""
    symbols = drawn("two-quadratics")
    if measured == "distance":
        symbols = {**symbols, "mu": 0 * symbols["mu"], "B": 0 * symbols["B"]}
    problem = zeta_quadratic_pair(
        zeta=symbols["zeta_star"], tau=symbols["tau"], L=symbols["L"], mu=symbols["mu"], B=symbols["B"]
    )
    return of_runs(problem, symbols, measured)


def one_parabola() -> Measurement:
    """One parabola of every curvature."""
    symbols = drawn("parabola")
    symbols["curvature"] = symbols["L"]
    problem = DiagonalQuadratics(symbols["L"][:, None, None], symbols["B"][:, None, None])
    return of_runs(problem, symbols, "distance")


def moved() -> Measurement:
    """The share of its distance that one worker moves in a round."""
    symbols = {**drawn("moved"), "gamma": np.ones(INSTANCES)}
    symbols["curvature"] = symbols["L"]
    problem = DiagonalQuadratics(symbols["L"][:, None, None], symbols["B"][:, None, None])
    run = sample(local_sgd(eta=symbols["eta"]), problem, K=symbols["K"], R=1)
    return over_points(1 - run.distances[:, 1] / symbols["B"], {**symbols, "R": 1.0})


def piecewise() -> Measurement:
    """One round from the optimum of the piecewise pair."""
    symbols = drawn("piecewise")
    symbols |= {"eta": symbols["eta"] * symbols["L"], "L": np.ones(INSTANCES), "zeta_star": np.full(INSTANCES, 0.7)}
    problem = zeta_piecewise_pair(zeta=0.7, L=1.0)
    method = local_sgd(eta=symbols["eta"], gamma=symbols["gamma"])
    run = sample(method, problem, K=symbols["K"], R=1, start=problem.optimum)
    return over_points(run.distances[:, 1], {**symbols, "R": 1.0})


def flat_variance(auxiliary: bool) -> Measurement:
    """Variance after K steps of momentum on a constant gradient: the sum of squares of what each kick leaves."""
    symbols = drawn("flat")
    symbols |= {"sigma": symbols["B"], "beta1": symbols["cosine"]}
    algorithm = local_sgdm(eta=symbols["eta"], beta1=symbols["beta1"])
    most = int(symbols["K"].max())
    variance = np.zeros(INSTANCES)
    for kick in range(most):
        state = algorithm.init(np.zeros((INSTANCES, 1, 1)))
        for k in range(most):
            gradient = np.full((INSTANCES, 1, 1), 1.0 if k == kick else 0.0)
            state = algorithm.local_step(state, gradient)
            left = (algorithm.averaged(state) if auxiliary else algorithm.point(state))[:, 0, 0]
            variance += np.where(k + 1 == symbols["K"], left**2, 0.0)
    return over_points(symbols["sigma"] ** 2 * variance, {**symbols, "R": 1.0})


FORMS: Mapping[str, Callable[[], Measurement]] = {
    "patel2024/eq8": coordinates,
    "patel2024/prop7-exact": rank_one,
    "patel2024/prop19": moved,
    "patel2024/two-quadratics": lambda: beside_slow("distance"),
    "patel2024/two-quadratics-gap": lambda: beside_slow("gap"),
    "patel2024/piecewise-drift": piecewise,
    "khaled2025/quadratic-mean": one_parabola,
    "cheng2024/flat-variance-z": lambda: flat_variance(auxiliary=True),
    "cheng2024/flat-variance-x": lambda: flat_variance(auxiliary=False),
}


def by_closed_form(judge: Judge = check) -> Iterator[JudgedMutant]:
    """Mutants of closed forms, judged on runs of the shipped rules; values lost to rounding are left out."""
    for theorem_id, runs_of in FORMS.items():
        source, found = theorem(theorem_id), runs_of()
        largest = found.measured.max()
        found = found.isel(point=np.flatnonzero(found.measured > RESOLVED * largest))
        as_stated = Equal(found, source, scale=largest, relative=RELATIVE)
        alarm = judge(as_stated).status == "violated"
        yield JudgedMutant("true statement", theorem_id, "as catalogued", "true", alarm, "runs")
        for mutant in mutants(source.bound):
            where = (mutant.family, theorem_id, mutant.change)
            if any(name not in found.symbols for name in mutant.bound.letters):
                yield JudgedMutant(*where, "undecidable", False, "runs")  # a symbol that the runs have no value for
                continue
            rejected = judge(replace(as_stated, exact=mutant.of(source))).status == "violated"
            truth = _truth(found.measured.values, values_at(mutant.bound, found).values)
            yield JudgedMutant(*where, truth, rejected, "runs")


def _truth(measured: Array, claimed: Array) -> Truth:
    defined = np.isfinite(claimed)
    error = np.abs(claimed[defined] / measured[defined] - 1)
    if np.any(error > DIFFERS):
        return "contradicted"
    return "equivalent" if defined.all() and np.all(error < AGREES) else "undecidable"
