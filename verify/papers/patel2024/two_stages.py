"""patel2024, App. E.6: local gradient descent down to its floor, then gradient descent; the rounds of both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.rates.relations.misprints import misprint
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.patel2024.workers import constants_of
from tightrate.verify.session import Session

Array = NDArray[np.float64]


def floor(problem: QuadraticWorkers) -> float:
    """The accuracy at which local gradient descent stops, zeta_opt tau / (L mu)."""
    return float(catalogue.theorem("patel2024/prop21-optima").bound.at(constants_of(problem)))


def first_round_below(problem: QuadraticWorkers, eps: float, start: Array, K: float, eta: float, most: int) -> Array:
    """The first round at which the distance from the optimum is at most eps, for starts (n, d); inf if after `most`."""
    rounds = np.arange(most + 1.0)
    x = round_map(problem, K=np.full((len(start), 1), K), eta=eta, start=start[:, None, :]).after(rounds)
    below = np.linalg.norm(x - problem.optimum, axis=-1) <= eps
    return np.where(below.any(axis=-1), below.argmax(axis=-1), np.inf)


def fewest_rounds(problem: QuadraticWorkers, eps: float, K: float) -> float:
    """The rounds of local gradient descent (eta = 1/(2L)) then gradient descent (1/L), at the best time to switch."""
    L, kappa = float(problem.constants["L"]), float(problem.constants["L"] / problem.constants["mu"])
    switch = np.arange(40.0)
    start = np.zeros((len(switch), problem.dimension))
    x = round_map(problem, K=np.full(len(switch), K), eta=1 / (2 * L), start=start).after(switch)
    most = int(np.ceil(2 * kappa * np.log(1 / eps))) + 10
    return float((switch + first_round_below(problem, eps, x, 1.0, 1 / L, most)).min())


# --- Their order -----------------------------------------------------------------------------------------------------


@experiment("patel2024-two-stage")
def runs(session: Session) -> xr.Dataset:  # noqa: ARG001
    """`rounds` ($kappa, K_over_kappa$, accuracy) to the distance $eps$ = floor / accuracy from the optimum."""
    multiple, accuracy = np.array([2.0, 32.0]), np.array([1e1, 1e2, 1e4, 1e6])

    def with_condition_number(kappa: float) -> xr.Dataset:
        problem = random_quadratics(M=3, d=3, mu=1 / kappa, L=1.0, tau=0.02 / kappa, zeta_star=1e-3, B=1.0, seed=7)
        K, eps = multiple * kappa, floor(problem) / accuracy
        rounds = [[fewest_rounds(problem, finer, steps) for finer in eps] for steps in K]
        symbols = {"K": ("K_over_kappa", K), "eps": ("accuracy", eps), **constants_of(problem)}
        return xr.Dataset({"rounds": (("K_over_kappa", "accuracy"), rounds), **symbols})

    kappa = np.array([8.0, 16, 32, 64, 128])
    every = xr.concat([with_condition_number(value) for value in kappa], "kappa", data_vars="all")
    return every.assign_coords(kappa=kappa, K_over_kappa=multiple, accuracy=accuracy)


@claim(
    "patel2024/two-stage-rounds",
    "Local gradient descent followed by gradient descent reaches $eps$ within a constant times the rounds of App."
    " E.6, however large the condition number and however fine the accuracy.",
    theorem="patel2024/two-stage",
    kind="scaling",
    data=runs,
)
def two_stage_rounds(theorem: Theorem, data: xr.Dataset) -> Scaling:
    """Exact rounds at the best time to switch, over the predicted number, for few and for many local steps: no growth
    along the condition number and the accuracy."""
    return Scaling(theorem, Measurement.of(data, "rounds"), along=["kappa", "accuracy"])


# --- In other units of length ----------------------------------------------------------------------------------------


@experiment("patel2024-two-stage-units")
def other_units(session: Session) -> xr.Dataset:  # noqa: ARG001
    """`rounds` (unit) to a hundredth of the floor on one instance, all of its lengths in another unit."""
    units, K = np.array([1.0, 0.01, 30.0]), 20.0

    def instances() -> Iterator[xr.Dataset]:
        for unit in units:
            problem = random_quadratics(M=3, d=3, mu=0.1, L=1.0, tau=0.002, zeta_star=1e-3 * unit, B=unit, seed=7)
            eps = floor(problem) / 100
            yield labelled(rounds=fewest_rounds(problem, eps, K), K=K, eps=eps, **constants_of(problem))

    return xr.concat(list(instances()), "unit", data_vars="all").assign_coords(unit=units)


def same_in_every_unit(data: xr.Dataset, first_stage: Expr) -> Equal:
    """The predicted rounds of the first stage, and the rounds that the method takes, are those in the first unit."""
    taken = Measurement.of(data, "rounds")
    both = xr.concat([taken.at(first_stage), taken.measured], "quantity")
    values = Measurement.of(data, both, what="rounds in another unit of length", instance=["rounds"])
    return Equal(values, both.isel(unit=0, drop=True), relative=1e-9)


@claim(
    "patel2024/two-stage-as-printed",
    "App. E.6 as printed: the rounds of the first stage do not depend on the unit of length.",
    theorem="patel2024/two-stage",
    kind="erratum",
    accuses="units",
    data=other_units,
    expected="violated",
)
def two_stage_as_printed(data: xr.Dataset) -> Equal:
    """$B$ stands in the denominator of the printed logarithm: the same instance with all lengths in other units gives
    other numbers of rounds, although the method takes equally many."""
    return same_in_every_unit(data, misprint("two-stage-logarithm").printed)


@claim(
    "patel2024/two-stage-corrected",
    "With $B$ in the numerator the rounds of the first stage do not depend on the unit of length.",
    theorem="patel2024/two-stage",
    kind="identity",
    data=other_units,
    expected="confirmed",
)
def two_stage_corrected(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The corrected logarithm, and the rounds that the method takes, on the same instance in three units."""
    return same_in_every_unit(data, theorem.bound.term("local stage").expression)
