"""Power against wrong closed forms: mutants of exact statements, judged by runs of the shipped rules step by step.

Whether a mutant is wrong is decided by plain comparison with the runs, where rounding is ten thousand times smaller
than the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

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
from tightrate.verify.falsification.search import values_of
from tightrate.verify.judging.by_value import judge_identity
from tightrate.verify.mutation.bounds import Array, Trialled
from tightrate.verify.mutation.mutants import mutants
from tightrate.verify.verdict import Verdict

INSTANCES, ROUNDS = 60, 6
AGREES, DIFFERS = 1e-10, 1e-6  # relative errors of a right closed form at most, of a wrong one at least
FormJudge = Callable[[Array, Array], Verdict]


@dataclass(frozen=True)
class Runs:
    """What runs gave, and the letters of every value; both (n,)."""

    letters: Mapping[str, Array]
    measured: Array


def drawn(name: str) -> dict[str, Array]:
    """Random letters: scales over two decades, steps inside the conditions of all statements."""
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


def of_runs(problem: Problem, letters: Mapping[str, Array], measured: Literal["gap", "distance"]) -> Runs:
    """Local gradient descent from 0 after each of some rounds."""
    run = sample(local_sgd(eta=letters["eta"], gamma=letters["gamma"]), problem, K=letters["K"], R=ROUNDS)
    values = (run.gaps if measured == "gap" else run.distances)[:, 1:]
    R = np.broadcast_to(np.arange(1.0, ROUNDS + 1), values.shape)
    spread = {name: np.repeat(letter, ROUNDS) for name, letter in letters.items()}
    return Runs({**spread, "R": R.ravel()}, values.ravel())


def coordinates() -> Runs:
    """The coordinate pair."""
    letters = drawn("coordinates")
    return of_runs(coordinate_pair(L=letters["L"], B=letters["B"]), letters, "distance")


def rank_one() -> Runs:
    """The rank-one pair."""
    letters = drawn("rank-one")
    return of_runs(rank_one_pair(cosine=letters["cosine"], L=letters["L"], B=letters["B"]), letters, "gap")


def beside_slow(measured: Literal["gap", "distance"]) -> Runs:
    """Two quadratics with a bias; beside a slow coordinate for the gap."""
    letters = drawn("two-quadratics")
    if measured == "distance":
        letters = {**letters, "mu": 0 * letters["mu"], "B": 0 * letters["B"]}
    problem = zeta_quadratic_pair(
        zeta=letters["zeta_star"], tau=letters["tau"], L=letters["L"], mu=letters["mu"], B=letters["B"]
    )
    return of_runs(problem, letters, measured)


def one_parabola() -> Runs:
    """One parabola of every curvature."""
    letters = drawn("parabola")
    letters["curvature"] = letters["L"]
    problem = DiagonalQuadratics(letters["L"][:, None, None], letters["B"][:, None, None])
    return of_runs(problem, letters, "distance")


def moved() -> Runs:
    """The share of its distance that one machine moves in a round."""
    letters = {**drawn("moved"), "gamma": np.ones(INSTANCES)}
    letters["curvature"] = letters["L"]
    problem = DiagonalQuadratics(letters["L"][:, None, None], letters["B"][:, None, None])
    run = sample(local_sgd(eta=letters["eta"]), problem, K=letters["K"], R=1)
    return Runs({**letters, "R": np.ones(INSTANCES)}, 1 - run.distances[:, 1] / letters["B"])


def piecewise() -> Runs:
    """One round from the optimum of the piecewise pair."""
    letters = drawn("piecewise")
    letters |= {"eta": letters["eta"] * letters["L"], "L": np.ones(INSTANCES), "zeta_star": np.full(INSTANCES, 0.7)}
    problem = zeta_piecewise_pair(zeta=0.7, L=1.0)
    method = local_sgd(eta=letters["eta"], gamma=letters["gamma"])
    run = sample(method, problem, K=letters["K"], R=1, start=problem.optimum)
    return Runs({**letters, "R": np.ones(INSTANCES)}, run.distances[:, 1])


def flat_variance(auxiliary: bool) -> Runs:
    """Variance after K steps of momentum on a constant gradient: the sum of squares of what each kick leaves."""
    letters = drawn("flat")
    letters |= {"sigma": letters["B"], "beta1": letters["cosine"]}
    algorithm = local_sgdm(eta=letters["eta"], beta1=letters["beta1"])
    most = int(letters["K"].max())
    variance = np.zeros(INSTANCES)
    for kick in range(most):
        state = algorithm.init(np.zeros((INSTANCES, 1, 1)))
        for k in range(most):
            gradient = np.full((INSTANCES, 1, 1), 1.0 if k == kick else 0.0)
            state = algorithm.local_step(state, gradient)
            left = (algorithm.averaged(state) if auxiliary else algorithm.point(state))[:, 0, 0]
            variance += np.where(k + 1 == letters["K"], left**2, 0.0)
    return Runs({**letters, "R": np.ones(INSTANCES)}, letters["sigma"] ** 2 * variance)


FORMS: Mapping[str, Callable[[], Runs]] = {
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


def form_judge(measured: Array, exact: Array) -> Verdict:
    """The judge of identities to rounding."""
    found, expected = (xr.DataArray(values, dims="instance") for values in (measured, exact))
    return judge_identity(
        found, expected, abs(found).max() + xr.zeros_like(found), what="value", relative=1e-9, witness={}
    )


def by_closed_form(judge: FormJudge = form_judge) -> Iterator[Trialled]:
    """Mutants of closed forms, judged on runs of the shipped rules; values lost to rounding are left out."""
    for theorem_id, runs_of in FORMS.items():
        runs, source = runs_of(), theorem(theorem_id)
        kept = runs.measured > 1e-5 * runs.measured.max()
        measured = runs.measured[kept]
        letters = {name: values[kept] for name, values in runs.letters.items()}
        exact = values_of(source.bound.expression, letters)
        alarm = judge(measured, exact).status == "violated"
        yield Trialled("true statement", theorem_id, "as catalogued", "true", alarm, "runs")
        for mutant in mutants(source.bound):
            where = (mutant.family, theorem_id, mutant.change)
            if any(letter not in letters for letter in mutant.bound.letters):
                yield Trialled(*where, "undecidable", False, "runs")  # a letter that the runs have no value for
                continue
            with np.errstate(all="ignore"):
                claimed = np.broadcast_to(values_of(mutant.bound.expression, letters), measured.shape)
            yield Trialled(*where, _truth(measured, claimed), judge(measured, claimed).status == "violated", "runs")


def _truth(measured: Array, claimed: Array) -> str:
    defined = np.isfinite(claimed)
    error = np.abs(claimed[defined] / measured[defined] - 1)
    if np.any(error > DIFFERS):
        return "contradicted"
    return "equivalent" if defined.all() and np.all(error < AGREES) else "undecidable"
