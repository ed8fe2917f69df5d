"""The sampled run: every local step of every worker of every replica, in blocks of replicas that stay in cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm, State
from tightrate.simulator.batch.oracles import instances
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.batch.replica_axis import common_batch, replicas_of, restrict
from tightrate.simulator.client_sampling import check_clients
from tightrate.simulator.compiled.gradient_rounds import replicas_at_once, step_sizes
from tightrate.simulator.compiled.kernels import Backend, check_backend
from tightrate.simulator.replica_check import check_replicas
from tightrate.simulator.sampled.block import Block, Randomness
from tightrate.simulator.sampled.recording import RECORDERS
from tightrate.simulator.sampled.run import Run, joined

__all__ = ["Run", "sample"]

BUILT_IN = "tightrate."  # methods that the tests try
MOST_BYTES = 4 * 2**30
NUMBERS_PER_BLOCK = 32768  # of one state array: enough to hide the cost of a numpy call, few enough for the cache


def sample(
    algorithm: Algorithm[State],
    problem: Problem,
    *,
    K: ArrayLike,
    R: int,
    replicas: int | None = None,
    noise: Noise | RowSampling | None = None,
    seed: int = 0,
    stream_axes: dict[str, int | str] | None = None,
    streams: ArrayLike | None = None,
    averaging_decay: ArrayLike | None = None,
    start: ArrayLike = 0.0,
    clients: int | None = None,
    measured_rounds: Sequence[int] | None = None,
    record: Collection[str] = (),
    keep_outputs: bool = False,
    backend: Backend = "auto",
) -> Run:
    """Run `algorithm` on `problem` for R rounds of K local steps, all replicas at once.

    K may differ from replica to replica (an array); `replicas` defaults to what the arrays imply.  `noise` is added
    to every gradient, or `RowSampling` draws rows of a finite sum.  `averaging_decay` is q in the weights
    w_t = (1 - q)^-(t+1) of the average over all steps t = 0, ..., K R - 1 (0 is the uniform average).  `clients`
    workers are drawn in every round, uniformly without replacement; default: all take part.

    Random numbers of replica i come from the streams of (seed, stream_axes, replica = streams[i]), i itself by
    default: replicas with equal numbers share common random numbers.  Results do not depend on how replicas are
    blocked.  `measured_rounds` are the rounds at which `gaps` and `distances` are taken, `record` what else to
    record (RECORDERS): what is looked at within rounds may change the rounding of the rest.

    `backend` "compiled" needs numba and compiles what can be (seconds at its first use), "auto" does so where it pays,
    "numpy" never does; no number depends on it.

    Args:
        algorithm: a method with its steps, such as `ALGORITHMS["local-sgd"](eta=0.1)`
        problem: what it runs on
        K: local steps, a number or (replica,)
        R: rounds
        replicas: how many runs
        noise: of the gradients
        seed: of all random numbers
        stream_axes: names further streams of the seed
        streams: which stream each replica has, (replica,)
        averaging_decay: the decay of the weights of the average, a number or (replica,)
        start: where the runs start, broadcast to (replica, dimension)
        clients: how many workers take part in a round
        measured_rounds: rounds at which gaps are taken
        record: what else is recorded
        keep_outputs: whether outputs are kept, not just their gaps
        backend: "auto", "numpy" or "compiled"

    Returns:
        Last and average output (replica, dimension), gaps and distances (replica, round), which replicas diverged,
        and what was recorded.

    Raises:
        TightrateError: for arguments that do not fit one another.

    >>> from tightrate.constructions.problem import PROBLEMS
    >>> from tightrate.simulator.algorithm import ALGORITHMS
    >>> pair = PROBLEMS["rank-one-pair"](cosine=0.5)
    >>> sample(ALGORITHMS["local-sgd"](eta=1.0), pair, K=4, R=2, replicas=3).last.shape
    (3, 2)
    """
    check_backend(backend)
    check_clients(algorithm, problem, clients)
    workers, d = problem.workers if clients is None else clients, problem.dimension
    if not type(algorithm).__module__.startswith(BUILT_IN):
        check_replicas(algorithm, workers, d)
    for name in record:
        if name not in RECORDERS:
            raise unknown_name("record", name, RECORDERS)
    whole, x0 = _local_steps(K, endless=algorithm.solves_locally), np.asarray(start, dtype=np.float64)
    readers = np.asarray(0 if streams is None else streams)
    implied = (whole.shape, problem.optimum.shape[:-1], replicas_of(algorithm), x0.shape[:-2], readers.shape)
    count = common_batch(*implied, () if replicas is None else (replicas,))
    if replicas is not None and count != replicas:
        raise TightrateError(f"parameters for {count} replicas do not fit replicas = {replicas}")
    steps = np.broadcast_to(whole, (count,))
    readers = np.arange(count) if streams is None else np.broadcast_to(readers, (count,))
    x0 = np.broadcast_to(x0, (count, workers, d))
    q = None if averaging_decay is None else np.broadcast_to(np.asarray(averaging_decay, dtype=np.float64), (count,))
    rounds = range(R + 1) if measured_rounds is None else sorted(set(measured_rounds))
    _check_size(count, len(rounds), d, keep_outputs=keep_outputs)
    eta = None
    if clients is None and q is None and not record and not isinstance(noise, RowSampling):
        eta = step_sizes(algorithm, problem, noise)
    batched = problem.optimum.ndim > 1

    def together(K: float) -> int:
        if batched and instances(problem, [0]) is None:
            return count
        return max(1, NUMBERS_PER_BLOCK // (workers * d)) if eta is None else replicas_at_once(int(K), workers, d)

    parts = []
    for rows in _blocks(steps, together):
        block = Block(
            algorithm=restrict(algorithm, rows, count, (len(rows), workers, d)),
            problem=(instances(problem, rows) or problem) if batched else problem,
            noise=noise,
            K=steps[rows[0]] if np.isinf(steps[rows[0]]) else int(steps[rows[0]]),
            R=R,
            x0=np.ascontiguousarray(x0[rows]),
            randomness=Randomness(seed, stream_axes or {}, readers[rows]),
            q=None if q is None else q[rows, None],
            eta=eta if eta is None or len(eta) == 1 else eta[rows],
            clients=clients,
            backend=backend,
        )
        parts.append((rows, block.run(rounds, record, keep_outputs=keep_outputs)))
    return joined(parts, count)


def _local_steps(K: ArrayLike, *, endless: bool) -> NDArray[np.float64]:
    """K, if every entry is a number of steps that can be taken, or infinite where local problems can be solved."""
    whole = np.asarray(K, dtype=np.float64)
    if not np.all((whole >= 1) & (whole == np.floor(whole)) & (np.isfinite(whole) | endless)):
        raise TightrateError("a sampled run needs finite K >= 1; K = inf exists in closed form only (method exact)")
    return whole


def _check_size(replicas: int, rounds: int, d: int, *, keep_outputs: bool) -> None:
    """Refuse results that would fill the memory."""
    size = 8.0 * replicas * (2 * rounds + 2 * d + keep_outputs * rounds * d)
    if size > MOST_BYTES:
        raise TightrateError(
            f"the results of {replicas} replicas at {rounds} rounds need {size / 2**30:.1f} GiB; at most"
            f" {MOST_BYTES // 2**30} GiB are allowed: give measured_rounds"
        )


def _blocks(steps: NDArray[np.float64], together: Callable[[float], int]) -> Iterator[NDArray[np.intp]]:
    """Replicas that run together: equal K, and few enough for their arrays to stay in cache."""
    for K in np.unique(steps).tolist():
        members, size = np.flatnonzero(steps == K), together(K)
        for first in range(0, len(members), size):
            yield members[first : first + size]
