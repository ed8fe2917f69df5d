"""What sending the server's preconditioner buys: FedAda², direct joint adaptivity and one-sided methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.logistic_regression import LogisticRegression, logistic_workers
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.direct_joint_adaptivity import direct_joint_adaptivity
from tightrate.simulator.algorithms.fedada2 import fedada2
from tightrate.simulator.algorithms.fedada2_plus_plus import fedada2_plus_plus, rows_and_columns
from tightrate.simulator.algorithms.fedadagrad import fedadagrad
from tightrate.simulator.algorithms.fedavg import fedavg
from tightrate.simulator.batch.randomness import RowSampling, stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]

CLIENTS, ROWS, SHAPE = 8, 100, (4, 5)  # the parameters form a matrix, whose rows and columns SM3 covers
DIMENSION = SHAPE[0] * SHAPE[1]
RAREST = 0.02  # how often the rarest feature is not zero; the most frequent one always is
FLIPPED = 0.05  # share of the labels
LOCAL_STEPS, BATCH = 5, 4
CLIENT_DAMPING = (1.0, 1e-2)  # large and small beside the gradients' coordinates at the start
SERVER_DAMPING = 1e-3
TUNING_RUNS, ROUNDS = 2, 200


@dataclass(frozen=True)
class Contender:
    """A method of two steps, and how many numbers a client and the server exchange in a round, in units of d."""

    build: Callable[[Array, Array], Algorithm[Any]]
    numbers: int
    inner: Array
    outer: Array


METHODS = ("FedAvg", "AdaGrad server", "FedAda2", "FedAda2++", "direct")


def contenders(lam: float) -> tuple[Contender, ...]:
    """The METHODS at one damping of the clients, each with a grid of client and server steps of its own."""
    plain, averaging = np.geomspace(0.03, 3.0, 5), np.array([0.5, 1.0, 2.0])
    adaptive, server = np.geomspace(0.03, 3.0, 5), np.geomspace(1e-2, 1.0, 5)
    damped: dict[str, Any] = {"lam": lam, "server_damping": SERVER_DAMPING}
    cover = rows_and_columns(*SHAPE)
    return (
        Contender(lambda i, o: fedavg(eta=i, gamma=o), 2, plain, averaging),
        Contender(lambda i, o: fedadagrad(eta=i, gamma=o, server_damping=SERVER_DAMPING), 2, plain, server),
        Contender(lambda i, o: fedada2(eta=i, gamma=o, **damped), 2, adaptive, server),
        Contender(lambda i, o: fedada2_plus_plus(eta=i, gamma=o, cover=cover, **damped), 2, adaptive, server),
        Contender(lambda i, o: direct_joint_adaptivity(eta=i, gamma=o, **damped), 3, adaptive, server),
    )


def skewed_problem(generator: np.random.Generator) -> LogisticRegression:
    """Logistic regression whose features differ in how often they occur, and whose clients differ a little."""
    frequency = np.geomspace(1.0, RAREST, DIMENSION)
    plane = generator.standard_normal(DIMENSION) / np.sqrt(frequency)
    rows, labels = [], []
    for _ in range(CLIENTS):
        present = generator.random((ROWS, DIMENSION)) < frequency
        features = present * generator.standard_normal((ROWS, DIMENSION))
        own = plane * (1 + 0.5 * generator.standard_normal(DIMENSION))
        signs = np.where(features @ own > 0, 1.0, -1.0)
        signs[generator.random(ROWS) < FLIPPED] *= -1
        rows.append(features)
        labels.append(signs)
    return logistic_workers(rows, labels, L=1.0, mu=1e-3)


@experiment("lee2024-transmission")
def transmission(session: Session) -> xr.Dataset:
    """Quantiles of the suboptimality over runs, in units of the start gap: `gap` (damping, method, quantile, $R$).

    Every method has, for each damping of the clients, the pair of steps of its grid with the smallest median
    suboptimality after the last round of other runs: `eta`, `gamma`; `on_edge` says that one of them is an end of its
    grid. `numbers` (method) is what a client and the server exchange in a round, in units of $d$."""
    problem = skewed_problem(stream(session.seed, experiment="lee2024-transmission", use="instance"))
    start = float(problem.gap(np.zeros(DIMENSION)))
    replicas = session.choose(quick=24, full=200)
    R = np.unique(np.geomspace(1, ROUNDS, 45).round()).astype(int)
    quantiles = np.array([0.1, 0.5, 0.9])
    gap = np.empty((len(CLIENT_DAMPING), len(METHODS), len(quantiles), len(R)))
    chosen = np.empty((3, len(CLIENT_DAMPING), len(METHODS)))
    for i, lam in enumerate(CLIENT_DAMPING):
        for j, method in enumerate(contenders(lam)):
            if i > 0 and j < METHODS.index("FedAda2"):  # clients without damping
                gap[i, j], chosen[:, i, j] = gap[0, j], chosen[:, 0, j]
                continue
            inner, outer = _tuned(method, problem, session.seed)
            run = sample(
                method.build(np.full(replicas, inner), np.full(replicas, outer)),
                problem,
                K=LOCAL_STEPS,
                R=ROUNDS,
                noise=RowSampling(BATCH),
                seed=session.seed,
                stream_axes={"experiment": "lee2024-transmission", "use": "final"},
                measured_rounds=R.tolist(),
            )
            gap[i, j] = np.quantile(run.gaps, quantiles, axis=0) / start
            on_edge = inner in method.inner[[0, -1]] or outer in method.outer[[0, -1]]
            chosen[:, i, j] = inner, outer, float(on_edge)
            session.progress("lee2024-transmission", i * len(METHODS) + j + 1, len(CLIENT_DAMPING) * len(METHODS))
    return xr.Dataset(
        {
            "gap": (("damping", "method", "quantile", "R"), gap),
            "numbers": (("method",), np.array([method.numbers for method in contenders(1.0)])),
            **{name: (("damping", "method"), chosen[k]) for k, name in enumerate(("eta", "gamma", "on_edge"))},
        },
        coords={"damping": np.array(CLIENT_DAMPING), "quantile": quantiles, "R": R, "method": np.arange(len(METHODS))},
        attrs={
            "methods": list(METHODS),
            "M": CLIENTS,
            "d": DIMENSION,
            "K": LOCAL_STEPS,
            "batch": BATCH,
            "runs": replicas,
            "rounds": ROUNDS,
            "theorem": "lee2024/thm6",
        },
    )


def _tuned(method: Contender, problem: LogisticRegression, seed: int) -> tuple[float, float]:
    """The pair of steps with the smallest median suboptimality; all pairs see the same rows."""
    inner, outer = (grid.ravel() for grid in np.meshgrid(method.inner, method.outer, indexing="ij"))
    run = sample(
        method.build(np.repeat(inner, TUNING_RUNS), np.repeat(outer, TUNING_RUNS)),
        problem,
        K=LOCAL_STEPS,
        R=ROUNDS,
        noise=RowSampling(BATCH),
        seed=seed,
        stream_axes={"experiment": "lee2024-transmission", "use": "tuning"},
        streams=np.tile(np.arange(TUNING_RUNS), len(inner)),
        measured_rounds=(ROUNDS,),
    )
    best = int(np.argmin(np.median(run.gaps[:, -1].reshape(len(inner), TUNING_RUNS), axis=1)))
    return float(inner[best]), float(outer[best])
