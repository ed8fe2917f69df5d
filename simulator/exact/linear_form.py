"""The coefficients of a linear algorithm, read off its own rules by applying them to unit vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Algorithm, Array, leaf_names, leaves, with_leaves
from tightrate.simulator.batch.replica_axis import replicas_of
from tightrate.simulator.exact.counters import Watched, looks_at_counters
from tightrate.simulator.exact.linear_check import NoCommonFormError, check_coefficients
from tightrate.simulator.round_algorithm import RoundAlgorithm

PROBED_ROUNDS = 6  # buffers that are equal after this many communications are taken to stay equal
Rounds = NDArray[np.int64]


@dataclass(frozen=True)
class Synchronization:
    """A communication, from the server's coordinates c at the start of a round and the local buffers w at its end.

    `drift` D and `collect` Z act as c <- c + D c + Z mean_m (w_m - U c): what a round without gradients does, plus
    what the local steps changed in the buffers that were broadcast as U c.
    """

    drift: Array
    collect: Array


@dataclass(frozen=True)
class RoundForm:
    """A linear algorithm with K local steps as small matrices, one for each replica; every coordinate alike.

    A worker's buffers w (those that local steps touch or look at) move as w <- w + step w + push g with the gradient
    g at the point `point` w.  Between rounds the algorithm is described by the server's coordinates c: buffers that a
    communication makes equal are one coordinate, buffers that it clears are none; `spread` U gives w = U c.
    `start` is c for a start at 1, `output` the output as a combination of c.  With an averaging decay q there is one
    more buffer and coordinate, the last, that adds up the averaged sequence: S <- (1 - q) S + averaged(w).
    """

    step: Array  # (replica, w, w)
    push: Array  # (replica, w)
    point: Array  # (replica, w)
    spread: Array  # (w, p)
    start: Array  # (replica, p)
    output: Array  # (replica, p)
    form: LinearForm
    K: Array
    involved: NDArray[np.intp]
    sums: bool

    @property
    def changes_with_the_round(self) -> bool:
        """Whether communications have coefficients that depend on the round."""
        return self.form.changes_with_the_round

    def synchronization(self, r: Rounds | None = None) -> Synchronization:
        """The communication after round r (an array adds a leading axis); without r, that of every round."""
        drift, collect = self.form.communication(self.K, np.zeros(1, dtype=np.int64) if r is None else r)
        collect = collect[..., self.involved]
        if self.sums:  # a communication averages the sums
            drift, collect = _bordered(drift, 0.0), _bordered(collect, 1.0)
        return Synchronization(drift[0], collect[0]) if r is None else Synchronization(drift, collect)


class LinearForm:
    """What the rules of a linear algorithm do to each of its buffers; `of` reads it off and remembers it."""

    @staticmethod
    def of(algorithm: Algorithm[Any]) -> LinearForm:
        """The form of an algorithm whose parameters never change."""
        return _remembered(algorithm)

    @staticmethod
    def exists(algorithm: Algorithm[Any]) -> bool:
        """Whether the workers of a linear method are alike between rounds, so that one worker's coefficients say all.

        Else every worker's state must be followed: of methods written as whole rounds, or that keep something of
        their workers.
        """
        if isinstance(algorithm, RoundAlgorithm):
            return False
        try:
            for stage, _ in algorithm.stages():
                LinearForm.of(stage)
        except NoCommonFormError:
            return False
        return True

    def __init__(self, algorithm: Algorithm[Any]) -> None:
        if not algorithm.linear:
            raise TightrateError(
                "exact moments exist for linear updates only (no clipping, no adaptive scaling): use method sample"
            )
        if len(algorithm.stages()) > 1:
            raise TightrateError("a method of several stages has no single law of a round: use method exact or sample")
        self._algorithm, (self._replicas,) = algorithm, replicas_of(algorithm)
        self._start = algorithm.init(np.broadcast_to([0.0, 1.0], (self._replicas, 1, 2)))
        self._is_buffer = [isinstance(leaf, np.ndarray) for leaf in leaves(self._start)]
        self._n = n = sum(self._is_buffer)
        self._first = self._counters(self._start)

        state = self._state(np.concatenate([np.eye(n), np.zeros((n, 1))], axis=1), self._first)
        gradient = np.broadcast_to(np.eye(n + 1)[-1], (self._replicas, 1, n + 1))
        after = algorithm.local_step(state, gradient)
        moved = self._rows(after)
        self._step, self._push = moved[..., :n] - np.eye(n), moved[..., n]
        self._point, self._averaged = algorithm.point(state)[:, 0, :n], algorithm.averaged(state)[:, 0, :n]
        self._by_step = self._difference(self._first, self._counters(after))
        self._by_round = [0] * len(self._first)
        self.changes_with_the_round = False
        if self._first:
            zero = self._state(np.zeros((n, 1)), self._at(0, K=2))
            self._by_round = self._difference(self._first, self._counters(algorithm.synchronize(zero)))
            self._refuse_changing_local_steps()
            self.changes_with_the_round = self._changes_with_the_round()
        every = self._communicated(np.eye(n), 2, np.arange(PROBED_ROUNDS if self.changes_with_the_round else 1))
        groups = _equal_rows(every)
        self._representatives = [group[0] for group in groups]
        self._membership = np.zeros((n, len(groups)))
        for coordinate, group in enumerate(groups):
            self._membership[group, coordinate] = 1.0
        self._output = algorithm.output(self._state(self._membership, self._at(1)))[:, 0]

    @property
    def buffers(self) -> dict[str, Array]:
        """Every buffer of the state after a communication as a combination (p,) of the server's coordinates."""
        names = [name for name, b in zip(leaf_names(self._start), self._is_buffer, strict=True) if b]
        return dict(zip(names, self._membership, strict=True))

    @property
    def replicas(self) -> int:
        """The number of replicas of the algorithm's parameters."""
        return self._replicas

    def with_steps(self, K: Array, averaging_decay: Array | None = None) -> RoundForm:
        """The form of a round with K local steps, and with sums whose past decays at that rate."""
        step, push, point = self._step, self._push, self._point
        touched = step.any(axis=(0, 2)) | push.any(axis=0)
        seen = step[:, touched].any(axis=(0, 1)) | point.any(axis=0)
        if averaging_decay is not None:
            seen |= self._averaged.any(axis=0)
        own = np.flatnonzero(touched | seen)
        step, push, point = step[:, own][:, :, own], push[:, own], point[:, own]
        spread, start = self._membership[own], self._rows(self._start)[:, self._representatives, 1]
        output = self._output
        if averaging_decay is not None:
            step = np.repeat(_bordered(step, 0.0), len(averaging_decay) if len(step) == 1 else 1, axis=0)
            step[:, -1, :-1], step[:, -1, -1] = self._averaged[:, own], -averaging_decay
            push, point, start, output = (_with_zero(rows) for rows in (push, point, start, output))
            spread = _bordered(spread, 1.0)
        return RoundForm(step, push, point, spread, start, output, self, K, own, averaging_decay is not None)

    def communication(self, K: Array, rounds: Rounds) -> tuple[Array, Array]:
        """Drift and collection by all buffers, with a leading axis for the rounds."""
        if self._first or len(rounds) > 1:
            return self._probed_communication(K, rounds)
        return self._only_communication

    @cached_property
    def _only_communication(self) -> tuple[Array, Array]:
        """The communication of a method without counters."""
        return self._probed_communication(np.ones(1), np.zeros(1, dtype=np.int64))

    def _probed_communication(self, K: Array, rounds: Rounds) -> tuple[Array, Array]:
        collect = self._communicated(np.eye(self._n), K.reshape(-1, 1, 1), rounds)[..., self._representatives, :]
        kept = self._communicated(self._membership, K.reshape(-1, 1, 1), rounds)[..., self._representatives, :]
        return kept - np.eye(kept.shape[-1]), collect

    # Probing: buffers are given as the rows of a matrix, and come back as rows (..., replica, buffer, probe).

    def _state(self, rows: Array, counters: Sequence[Any]) -> Any:
        buffers, counts = iter(rows), iter(counters)
        shape = (self._replicas, 1, rows.shape[1])
        return with_leaves(self._start, [np.full(shape, next(buffers)) if b else next(counts) for b in self._is_buffer])

    def _counters(self, state: Any) -> list[Any]:
        return [leaf for leaf, b in zip(leaves(state), self._is_buffer, strict=True) if not b]

    def _at(self, r: Any, K: Any = 0) -> list[Any]:
        """The counters of round r after K local steps."""
        return [
            first + r * by_round + (K * by_step if by_step else 0)
            for first, by_round, by_step in zip(self._first, self._by_round, self._by_step, strict=True)
        ]

    def _rows(self, state: Any) -> Array:
        rows = [leaf for leaf, b in zip(leaves(state), self._is_buffer, strict=True) if b]
        return np.concatenate(np.broadcast_arrays(*rows) if self._first else rows, axis=-2)

    def _communicated(self, rows: Array, K: Any, rounds: Rounds) -> Array:
        """All buffers after the communications of these rounds, (rounds, replica, buffer, probe)."""
        try:
            after = self._rows(self._algorithm.synchronize(self._state(rows, self._at(rounds.reshape(-1, 1, 1, 1), K))))
        except ValueError:  # a decision that depends on the round, or on K
            steps = np.unique(K)
            if len(steps) > 1:
                raise TightrateError("a communication that decides by the number of local steps takes one K") from None
            one_by_one = [self._at(int(r), int(steps[0])) for r in rounds]
            after = np.stack([self._rows(self._algorithm.synchronize(self._state(rows, at))) for at in one_by_one])
        return after if after.ndim == 4 else np.repeat(after[None], len(rounds), axis=0)

    def _refuse_changing_local_steps(self) -> None:
        """Neither a local step nor its point may look at the step or the round."""
        state = self._state(np.eye(self._n), [Watched() for _ in self._first])
        gradient = np.ones((self._replicas, 1, self._n))
        rules = (
            lambda: self._algorithm.local_step(state, gradient),
            lambda: self._algorithm.point(state),
            lambda: self._algorithm.averaged(state),
        )
        if any(looks_at_counters(rule) for rule in rules):
            raise TightrateError("exact moments need local steps whose coefficients do not change: use method sample")

    def _changes_with_the_round(self) -> bool:
        """Whether a communication or the output looks at a counter that differs from round to round."""
        counters = [
            now if by_round == 0 else Watched() for now, by_round in zip(self._at(0, K=2), self._by_round, strict=True)
        ]
        state = self._state(np.eye(self._n), counters)
        return any(
            looks_at_counters(rule)
            for rule in (lambda: self._algorithm.synchronize(state), lambda: self._algorithm.output(state))
        )

    @staticmethod
    def _difference(before: Sequence[Any], after: Sequence[Any]) -> list[Any]:
        return [b - a for a, b in zip(before, after, strict=True)]


def follows_rounds(algorithm: Algorithm[Any]) -> bool:
    """Whether exact moments take one round after the other: where coefficients change with the round."""
    if not LinearForm.exists(algorithm):
        return False  # these count for themselves what they take
    return any(LinearForm.of(stage).changes_with_the_round for stage, _ in algorithm.stages())


@lru_cache(maxsize=64)
def _remembered(algorithm: Algorithm[Any]) -> LinearForm:
    form = LinearForm(algorithm)
    check_coefficients(algorithm, form, form.replicas)
    return form


def _with_zero(rows: Array) -> Array:
    """A vector over buffers, with 0 for the running sum."""
    return np.concatenate([rows, np.zeros((*rows.shape[:-1], 1))], axis=-1)


def _bordered(matrix: Array, corner: float) -> Array:
    """The matrix with one more row and column of zeros, `corner` where they meet."""
    bordered = np.zeros((*matrix.shape[:-2], matrix.shape[-2] + 1, matrix.shape[-1] + 1))
    bordered[..., :-1, :-1], bordered[..., -1, -1] = matrix, corner
    return bordered


def _equal_rows(matrices: Array) -> list[list[int]]:
    """Rows that are equal in all matrices, grouped; rows that are zero in all are left out."""
    groups: list[list[int]] = []
    for index in range(matrices.shape[-2]):
        row = matrices[..., index, :]
        if row.any():
            equal = [group for group in groups if np.array_equal(matrices[..., group[0], :], row)]
            if equal:
                equal[0].append(index)
            else:
                groups.append([index])
    return groups
