"""Random streams keyed by named axes, never by the order of loops.

A stream belongs to (experiment, replica, ...): the same cell draws the same noise alone, in a sweep, on one core or on
many.  Leaving an axis out of the key is what makes its values share common random numbers.

A replica's gradient noise is one stream, read in the order (step, worker, coordinate); noise that differs from worker
to worker is read worker by worker within each draw, and then drawn ahead for a number of steps that depends on the
number of workers and on the dimension alone: the numbers do not depend on how many local steps make a round, on how
many replicas run together or on the memory at hand.  What else a run draws (sampled clients, random signs, a random
output) comes from streams of its own, keyed by `use`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import prod

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.finite_sum import FiniteSum
from tightrate.constructions.noise import GaussianNoise, Noise

Array = NDArray[np.float64]
Streams = tuple[Sequence[np.random.Generator], NDArray[np.intp]]  # the distinct ones, and which each replica reads

NUMBERS_PER_DRAW = 8192  # enough to hide the cost of a call, few enough for many replicas' draws to fit the cache
MOST_STEPS_PER_DRAW = 256
NUMBERS_PER_GATHERING = 65536  # of rows of data, which then stay in cache until they are used


def stream(seed: int, **axes: int | str) -> np.random.Generator:
    """The generator of one stream, from the experiment's seed and the named coordinates of the stream.

    >>> stream(1, replica=0, worker=3).random() == stream(1, worker=3, replica=0).random()
    True
    >>> stream(1, replica=0, worker=3).random() == stream(1, replica=3, worker=0).random()
    False
    """
    name = "|".join(f"{axis}={axes[axis]}" for axis in sorted(axes))
    words = np.frombuffer(sha256(name.encode()).digest(), dtype=np.uint32)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *words.tolist()])))


def steps_per_draw(workers: int, width: int) -> int:
    """How many steps of a replica are drawn at once, for `width` numbers of each worker and step.

    >>> steps_per_draw(16, 32), steps_per_draw(2, 2), steps_per_draw(1000, 1000)
    (16, 256, 1)
    """
    return min(MOST_STEPS_PER_DRAW, max(1, NUMBERS_PER_DRAW // (workers * width)))


@dataclass(frozen=True)
class RowSampling:
    """Every stochastic gradient is the mean of `batch` rows of the worker's data, drawn with replacement.

    >>> RowSampling(8).batch
    8
    """

    batch: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.batch < float("inf") and self.batch == int(self.batch)):
            raise TightrateError(f"batch must be a positive whole number, not {self.batch:g}")
        object.__setattr__(self, "batch", int(self.batch))


class Steps(ABC):
    """Random numbers of several replicas, one step after the other, drawn ahead for a few steps at a time.

    `generators` are the distinct streams; `readers` says which of them each replica reads: replicas that read the
    same one share common random numbers (None where each has its own).  `ahead` steps are drawn at a time.
    """

    def __init__(
        self,
        generators: Sequence[np.random.Generator],
        readers: NDArray[np.intp],
        steps: int,
        workers: int,
        width: int,
        ahead: int | None = None,
    ) -> None:
        self._generators, self._steps, self._drawn = generators, steps, 0
        self.readers = None if np.array_equal(readers, np.arange(len(generators))) else readers
        self.ahead = min(steps_per_draw(workers, width) if ahead is None else ahead, max(steps, 1))
        self._block = np.empty((len(generators), self.ahead, workers, width))
        self.streams = len(generators)
        self._by_step = [self._block[:, step] for step in range(self.ahead)]
        self._next = self.ahead

    @abstractmethod
    def fill(self, generator: np.random.Generator, block: Array) -> None:
        """Fill `block`, shaped (step, worker, width), the first step being number `self._drawn`."""

    def fill_all(self, blocks: Array) -> None:
        """Fill the block of every stream, (stream, step, worker, width)."""
        for generator, block in zip(self._generators, blocks, strict=True):
            self.fill(generator, block)

    def next_block(self, steps: int) -> Array:
        """The next steps, `ahead` of them at most, (stream, step, worker, width); valid until the next call."""
        block = self._block[:, : min(steps, self._steps - self._drawn)]
        self.fill_all(block)
        self._drawn += block.shape[1]
        return block

    def next_step(self) -> int:
        """The place of the next step in the block, which is drawn anew when it is used up."""
        if self._next == self.ahead:
            self.next_block(self.ahead)
            self._next = 0
        self._next += 1
        return self._next - 1

    def draw(self) -> Array:
        """The numbers of the next step, (replica, worker, width); valid until the next call."""
        step = self._by_step[self.next_step()]
        return step if self.readers is None else np.take(step, self.readers, axis=0)


def alike(noise: Noise, workers: int) -> bool:
    """Whether the noise is the same for all workers and all steps."""
    if type(noise).on is Noise.on:
        return True
    return all(noise.on(m, step) is noise for m in range(workers) for step in (0, 1))


class NoiseSteps(Steps):
    """Additive gradient noise; `unscaled` leaves it to the reader to multiply all numbers by `level`.

    `ahead` may be chosen where the noise is `alike` for all workers and steps: the numbers do not depend on it then.
    """

    def __init__(
        self,
        noise: Noise,
        generators: Sequence[np.random.Generator],
        readers: NDArray[np.intp],
        steps: int,
        workers: int,
        dimension: int,
        *,
        ahead: int | None = None,
        unscaled: bool = False,
    ) -> None:
        super().__init__(generators, readers, steps, workers, dimension, ahead)
        self._noise, self.alike = noise, alike(noise, workers)
        self._unscaled = unscaled and isinstance(noise, GaussianNoise)
        self.level = noise.moment(2.0, dimension) if self._unscaled else 1.0

    def fill_all(self, blocks: Array) -> None:
        if not isinstance(self._noise, GaussianNoise):
            super().fill_all(blocks)
            return
        level = None if self._unscaled else self._noise.moment(2.0, blocks.shape[-1])
        for generator, block in zip(self._generators, blocks, strict=True):  # what `fill` does, with fewer calls
            generator.standard_normal(out=block)
            if level is not None:
                np.multiply(block, level, block)

    def fill(self, generator: np.random.Generator, block: Array) -> None:
        if self.alike:
            self._noise.draw(generator, block.reshape(-1, block.shape[-1]))
            return
        for m in range(block.shape[1]):
            own = np.empty((len(block), block.shape[-1]))
            self._noise.on(m, self._drawn).draw(generator, own)
            block[:, m] = own


class RowSteps(Steps):
    """Rows of every worker's data, uniform with replacement."""

    def __init__(
        self, sampling: RowSampling, problem: FiniteSum, streams: Streams, steps: int, workers: int, replicas: int
    ) -> None:
        super().__init__(*streams, steps, workers, sampling.batch)
        self._problem = problem
        one_step = (replicas, workers, sampling.batch, problem.row_data.shape[-1])
        self._data = np.empty((min(self.ahead, max(1, NUMBERS_PER_GATHERING // prod(one_step))), *one_step))
        self._place = len(self._data)

    def fill(self, generator: np.random.Generator, block: Array) -> None:
        generator.random(out=block)

    def rows(self, clients: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
        """The row numbers of the next step, (replica, worker, batch), for all workers or for the sampled ones."""
        return self._problem.rows_at(self.draw(), clients)

    def data(self) -> Array:
        """The data of all workers' rows of the next step, (replica, worker, batch, width), valid until the next call.

        They are gathered for several steps at once, and may be overwritten.
        """
        if self._place == len(self._data):
            self._gather()
        self._place += 1
        return np.asarray(self._data[self._place - 1])

    def _gather(self) -> None:
        if self._next == self.ahead:
            self.next_block(self.ahead)
            self._next = 0
        portion = slice(self._next, min(self._next + len(self._data), self.ahead))
        rows = self._problem.rows_at(self._block[:, portion])
        rows = rows if self.readers is None else rows[self.readers]
        self._place = len(self._data) - rows.shape[1]  # a last portion may be smaller
        np.take(self._problem.row_data, np.swapaxes(rows, 0, 1), axis=0, out=self._data[self._place :], mode="clip")
        self._next = portion.stop
