"""The fixed point of patel2024 with any outer step: transient, sharp range of the outer step, two stages."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.random_quadratics import random_machines, random_quadratics
from tightrate.rates.relations.misprints import misprint
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.patel2024.assumptions_runs import in_letters
from tightrate.verify.session import Session

Array = NDArray[np.float64]
CONSTANTS = ("L", "mu", "tau", "tau_mean", "zeta_star", "zeta_mean", "zeta_opt", "B")


@experiment("patel2024-outer-steps")
def outer_steps(session: Session) -> xr.Dataset:
    """Random machines with outer steps up to 1/(1 - (1 - eta L)^K), and with gamma = 1; all along R.

    `to_fixed_point` and `transient` (instance, R) with that outer step; `to_optimum` and `total` with plain averaging,
    from Theorem 22 with constants; `contraction` and `contraction_bound` (instance) of a round.
    """
    each = session.choose(quick=150, full=3000)
    generator = stream(session.seed, experiment="patel2024-outer-steps")
    R = np.array([1.0, 2, 3, 5, 10, 30, 100])
    columns: dict[str, list[Array]] = {}
    for M, d in ((2, 1), (3, 2), (4, 3)):
        problem = random_machines(generator, each, M, d)
        constants = problem.constants
        K = np.round(10 ** generator.uniform(0, 2.5, each))
        eta = 10 ** generator.uniform(-3, 0, each) / constants["L"]
        largest = 1 / (1 - (1 - eta * constants["L"]) ** K)
        gamma = largest / 10 ** np.maximum(generator.uniform(-0.2, 1, each), 0)
        letters = {**{name: constants[name] for name in CONSTANTS}, "K": K, "eta": eta, "gamma": gamma}
        along = {**{name: values[:, None] for name, values in letters.items()}, "R": R}
        outer, plain = round_map(problem, K=K, eta=eta, gamma=gamma), round_map(problem, K=K, eta=eta)

        def distances(grid: object, target: Array) -> Array:
            after = [np.linalg.norm(grid.after(rounds) - target, axis=-1) for rounds in R]  # type: ignore[attr-defined]
            return np.stack(after, axis=-1)

        found = {
            **letters,
            "size": np.linalg.norm(problem.minimizers, axis=-1).max(axis=-1),
            "to_fixed_point": distances(outer, outer.fixed_point),
            "transient": in_letters(theorem("patel2024/thm22-outer-step").bound, along),
            "to_optimum": distances(plain, problem.optimum),
            "total": in_letters(theorem("patel2024/thm22-constant").bound, along),
            "contraction": np.abs(1 - gamma[:, None] * outer.eigenvalues).max(axis=-1),
            "contraction_bound": in_letters(theorem("patel2024/prop19-contraction").bound, letters),
        }
        for name, values in found.items():
            columns.setdefault(name, []).append(np.asarray(values, dtype=np.float64))
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    return xr.Dataset(
        {name: (("instance", "R")[: values.ndim], values) for name, values in joined.items()}, coords={"R": R}
    )


@experiment("patel2024-sharp-outer-step")
def sharp_outer_step(session: Session) -> xr.Dataset:
    """Runs step by step with gamma = 2 share / lambda_max(C): `growth` (share, instance) of the distance in a round.

    The distance is from the fixed point, over the last ten of 600 rounds; C is the mean of I - (I - eta A_m)^K.
    `above` says by how much gamma exceeds the paper's range gamma < 1/(1 - (1 - eta L)^K).
    """
    n = session.choose(quick=60, full=600)
    generator = stream(session.seed, experiment="patel2024-sharp-outer-step")
    problem = random_machines(generator, n, 3, 2)
    constants = problem.constants
    K, eta = generator.integers(1, 9, n).astype(np.float64), generator.uniform(0.1, 1.0, n) / constants["L"]
    still = round_map(problem, K=K, eta=eta)
    largest = still.eigenvalues.max(axis=-1)
    share = np.array([0.98, 1.02])
    growth, above = np.empty((len(share), n)), np.empty((len(share), n))
    for i, part in enumerate(share):
        gamma = 2 * part / largest
        rule = local_sgd(eta=eta, gamma=gamma)
        early = sample(rule, problem, K=K, R=590, measured_rounds=(590,)).last
        late = sample(rule, problem, K=K, R=10, start=early[:, None, :], measured_rounds=(10,)).last
        near, far = (np.linalg.norm(x - still.fixed_point, axis=-1) for x in (early, late))
        growth[i] = (far / near) ** (1 / 10)
        above[i] = gamma * (1 - (1 - eta * constants["L"]) ** K)
    return xr.Dataset(
        {"growth": (("share", "instance"), growth), "above": (("share", "instance"), above)}, coords={"share": share}
    )


@experiment("patel2024-start-factor")
def start_factor(session: Session) -> xr.Dataset:  # noqa: ARG001
    """The factor before B in Theorem 22 at eta = 1/(2L): `factor` (kappa, K) at the least K that the theorem asks for
    and above, and at half of it."""
    kappa = np.geomspace(1.0, 1e5, 40)
    multiple = np.array([0.1, 1.0, 1.5, 3.0, 10.0])
    transient = theorem("patel2024/thm22-explicit").bound
    enough = next(c.relation for c in theorem("patel2024/two-stage").conditions if "enough" in c.text)
    assert enough is not None
    least = vectorized(enough.rhs)(L=kappa, mu=1.0)
    K = np.maximum(np.ceil(least[:, None] * multiple), 1.0)
    factor = transient.function(mu=1.0, R=0.0, B=1.0, zeta_opt=0.0)(L=kappa[:, None], eta=1 / (2 * kappa[:, None]), K=K)
    return xr.Dataset(
        {"factor": (("kappa", "multiple"), factor), "K": (("kappa", "multiple"), K)},
        coords={"kappa": kappa, "multiple": multiple},
    )


def first_round_below(problem: QuadraticMachines, eps: Array, start: Array, K: float, eta: float, most: int) -> Array:
    """The first round at which the distance from the optimum is at most eps, for starts (n, d); inf if after `most`."""
    rounds = np.arange(most + 1.0)
    x = round_map(problem, K=np.full((len(start), 1), K), eta=eta, start=start[:, None, :]).after(rounds)
    below = np.linalg.norm(x - problem.optimum, axis=-1) <= eps
    return np.where(below.any(axis=-1), below.argmax(axis=-1), np.inf)


def fewest_rounds(problem: QuadraticMachines, eps: float, K: float) -> float:
    """The rounds of local gradient descent (eta = 1/(2L)) then gradient descent (1/L), at the best time to switch."""
    L, kappa = float(problem.constants["L"]), float(problem.constants["L"] / problem.constants["mu"])
    switch = np.arange(40.0)
    start = np.zeros((len(switch), problem.dimension))
    x = round_map(problem, K=np.full(len(switch), K), eta=1 / (2 * L), start=start).after(switch)
    most = int(np.ceil(2 * kappa * np.log(1 / eps))) + 10
    return float((switch + first_round_below(problem, np.asarray(eps), x, 1.0, 1 / L, most)).min())


@experiment("patel2024-two-stage")
def two_stage(session: Session) -> xr.Dataset:  # noqa: ARG001
    """`rounds` (kappa, K_over_kappa, accuracy) to the accuracy eps = floor / accuracy, and the bound of App. E.6.

    The floor is zeta_opt tau / (L mu).  `unit_*` (unit): the same instance with all lengths in another unit: rounds,
    the first stage's rounds as printed and as corrected.
    """
    kappa, multiple = np.array([8.0, 16, 32, 64, 128]), np.array([2.0, 32.0])
    accuracy = np.array([1e1, 1e2, 1e4, 1e6])
    bound = theorem("patel2024/two-stage").bound
    rounds, predicted = (np.empty((len(kappa), len(multiple), len(accuracy))) for _ in range(2))
    floor = theorem("patel2024/prop21-optima").bound
    for i, condition in enumerate(kappa):
        problem = random_quadratics(
            M=3, d=3, mu=1 / condition, L=1.0, tau=0.02 / condition, zeta_star=1e-3, B=1.0, seed=7
        )
        constants = {name: problem.constants[name] for name in CONSTANTS}
        height = float(in_letters(floor, constants))
        for j, times in enumerate(multiple):
            for k, finer in enumerate(accuracy):
                K, eps = times * condition, height / finer
                rounds[i, j, k] = fewest_rounds(problem, eps, K)
                predicted[i, j, k] = in_letters(bound, {**constants, "K": np.asarray(K), "eps": np.asarray(eps)})
    unit = np.array([1.0, 0.01, 30.0])
    columns = np.empty((3, len(unit)))
    for i, scale in enumerate(unit):
        problem = random_quadratics(
            M=3, d=3, mu=0.1, L=1.0, tau=0.002, zeta_star=1e-3 * scale, B=1.0 * scale, seed=7
        )  # fmt: skip
        letters = {**{name: problem.constants[name] for name in CONSTANTS}, "K": np.asarray(20.0)}
        columns[0, i] = fewest_rounds(problem, float(in_letters(floor, letters)) / 100, 20.0)
        columns[1, i] = in_letters(misprint("two-stage-logarithm").printed_bound, letters)
        local = bound.term("local stage").expression
        columns[2, i] = vectorized(local)(**{s.name: letters[s.name] for s in local.free_symbols})
    return xr.Dataset(
        {
            "rounds": (("kappa", "K_over_kappa", "accuracy"), rounds),
            "bound": (("kappa", "K_over_kappa", "accuracy"), predicted),
            "unit_rounds": (("unit",), columns[0]),
            "unit_printed": (("unit",), columns[1]),
            "unit_corrected": (("unit",), columns[2]),
        },
        coords={"kappa": kappa, "K_over_kappa": multiple, "accuracy": accuracy, "unit": unit},
    )
