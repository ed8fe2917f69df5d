"""Finite sums: every worker averages over its own rows of data, and a stochastic gradient samples some of them.

The noise of a minibatch belongs to the problem, not to a `Noise`: a run draws a place in [0, 1) for every sampled row,
finds the rows at these places with `rows_at`, and asks for the gradient of their data with `data_gradient`.
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tightrate.constructions.problem import Array, Problem

Rows = NDArray[np.intp]


class FiniteSum(Problem):
    """F_m(x) = mean of f(x; row) over the rows of worker m; rows are numbered through all workers.

    Worker m owns the rows offsets[m] <= row < offsets[m + 1].
    """

    @property
    @abstractmethod
    def offsets(self) -> Rows:
        """Where each worker's rows start, shape (M + 1,); the last entry is the number of rows."""

    @property
    @abstractmethod
    def row_data(self) -> Array:
        """What the gradients of the rows depend on, (rows, width)."""

    @abstractmethod
    def data_gradient(self, x: Array, data: Array, out: Array) -> None:
        """Fill `out` with the mean gradients of rows with these data; `data` may be overwritten.

        x and out are (..., M, d), data (..., M, batch, width).
        """

    def sampled_gradient(self, x: Array, rows: Rows) -> Array:
        """The mean gradient of the drawn rows: x (..., M, d) and rows (..., M, batch) to (..., M, d)."""
        out = np.empty(np.shape(x))
        self.data_gradient(x, self.row_data.take(rows, axis=0), out)
        return out

    @cached_property
    def row_counts(self) -> Rows:
        """The number of rows of each worker, shape (M,)."""
        return np.diff(self.offsets)

    def rows_at(self, places: Array, workers: Rows | None = None) -> Rows:
        """The rows at places in [0, 1) of each worker's data, (..., M, batch); uniform where the places are.

        `workers` (..., S) says whose data, for places (..., S, batch); all workers' by default.
        """
        chosen = slice(None) if workers is None else workers
        first, count = self.offsets[:-1][chosen], self.row_counts[chosen]
        return first[..., None] + (places * count[..., None]).astype(np.intp)

    def row_gradients(self, x: Array, worker: int) -> Array:
        """The gradients of every single row of one worker at one point: (d,) to (rows, d)."""
        rows = np.arange(self.offsets[worker], self.offsets[worker + 1])
        points = np.broadcast_to(x, (len(rows), self.workers, self.dimension))
        # All workers are asked for this worker's rows; a row's gradient does not depend on who asks.
        return self.sampled_gradient(points, np.repeat(rows[:, None, None], self.workers, axis=1))[:, worker]

    def row_variance(self, x: Array) -> Array:
        """E|f'(x; row) - grad F_m(x)|^2 of one sampled row, for each worker: (d,) to (M,).

        A batch of b rows has 1/b of it.
        """
        gradients = [self.row_gradients(x, m) for m in range(self.workers)]
        return np.array([np.mean(np.sum((g - g.mean(axis=0)) ** 2, axis=-1)) for g in gradients])

    def row_root_mean_square(self, x: Array) -> Array:
        """Root mean square, over workers and their rows, of the single rows' gradients: (d,) to a number."""
        squares = [np.mean(np.sum(self.row_gradients(x, m) ** 2, axis=-1)) for m in range(self.workers)]
        return np.asarray(np.sqrt(np.mean(squares)))
