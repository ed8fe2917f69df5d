"""Local steps in place: a rule is recorded once as a list of numpy operations and replayed into reserved arrays.

Rules are written as plain expressions, which make a new array for every intermediate result.  A `Recording` runs a
rule on symbols, notes the operations, finds for each an array that is no longer needed to write into, and replays
them: the same operations in the same order, so the same bits, with less memory to move.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from tightrate.simulator.algorithm import Algorithm, Array, leaves, with_leaves

Operation = Callable[..., object]
Placed = tuple[Operation, tuple[Any, ...], Array]  # an operation, its operands, where the result goes


class CannotRecordError(Exception):
    """The rule does something that is not an operation entry by entry."""


@dataclass(frozen=True)
class Step:
    """One operation: what it does, and its operands: the symbols by number, anything else as it is."""

    operation: Operation
    operands: tuple[Any, ...]


class Symbol(NDArrayOperatorsMixin):
    """An array of the state's shape, of which only the number in the recording is known."""

    def __init__(self, tape: list[Step | None], number: int, shape: tuple[int, ...]) -> None:
        self._tape, self.number, self.shape = tape, number, shape

    def _note(self, operation: Operation, *operands: Any) -> Symbol:
        for operand in operands:
            if isinstance(operand, np.ndarray) and np.broadcast_shapes(operand.shape, self.shape) != self.shape:
                raise CannotRecordError(f"an operand of shape {operand.shape}")
        self._tape.append(Step(operation, operands))
        return Symbol(self._tape, len(self._tape) - 1, self.shape)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Symbol:
        if method != "__call__" or options or ufunc.nout != 1:
            raise CannotRecordError(f"{ufunc.__name__}.{method} with {options}")
        return self._note(ufunc, *inputs)

    def __pow__(self, exponent: Any) -> Symbol:
        # numpy takes these shortcuts for arrays; the power itself is much slower.
        if isinstance(exponent, int | float) and exponent in (2, 0.5):
            return self._note(np.square if exponent == 2 else np.sqrt, self)
        return self._note(np.power, self, exponent)

    def clip(self, low: Any, high: Any, **options: Any) -> Symbol:
        if any(value is not None for value in options.values()):
            raise CannotRecordError(f"clip with {options}")
        return self._note(clip, self, low, high)

    def __array_function__(self, function: Any, _types: Any, arguments: Any, options: Any) -> Any:
        if function is np.clip and not options and len(arguments) == 3:
            return arguments[0].clip(*arguments[1:])
        raise CannotRecordError(function.__name__)

    def __bool__(self) -> bool:
        raise CannotRecordError("a decision that depends on the numbers")

    def __getattr__(self, name: str) -> Any:
        raise CannotRecordError(name)


def clip(x: Array, low: Any, high: Any, out: Array) -> Array:
    return x.clip(low, high, out=out)


@dataclass(frozen=True)
class Tape:
    """A function of arrays as operations: `inputs` symbols that are given, one for each step, those of the results."""

    steps: Sequence[Step | None]
    inputs: int
    results: tuple[int, ...]

    @classmethod
    def of(cls, function: Callable[[Sequence[Any]], Any], inputs: int, shape: tuple[int, ...]) -> Tape:
        """The recording of a function of `inputs` arrays that gives arrays (nested)."""
        steps: list[Step | None] = [None] * inputs
        results = list(leaves(function([Symbol(steps, number, shape) for number in range(inputs)])))
        if not all(isinstance(result, Symbol) for result in results):
            raise CannotRecordError("a result of constants")
        return cls(steps, inputs, tuple(result.number for result in results))


class Recording:
    """The local step of an algorithm on states of one shape, replayed in place.

    `state` holds the arrays that are updated, `gradient` the one that the gradient goes into before `replay`.  `tape`
    is the local step as a function of both.
    """

    def __init__(self, algorithm: Algorithm[Any], state: Any) -> None:
        arrays = list(leaves(state))
        if not all(isinstance(leaf, np.ndarray) and leaf.shape == arrays[0].shape for leaf in arrays):
            raise CannotRecordError("counters, or arrays of another shape")
        shape = arrays[0].shape
        self.tape = Tape.of(
            lambda symbols: algorithm.local_step(with_leaves(state, symbols[:-1]), symbols[-1]), len(arrays) + 1, shape
        )
        if len(self.tape.results) != len(arrays):
            raise CannotRecordError("a state of another form")
        self._buffers = [np.empty(shape) for _ in range(self.tape.inputs)]
        self.gradient = self._buffers[-1]
        self.state = with_leaves(state, self._buffers[:-1])
        self._program = self._assign(self.tape.steps, self.tape.results, shape)
        self.load(state)

    def load(self, state: Any) -> None:
        """Take over the values of a state."""
        own, values = self._buffers[: len(self.tape.results)], list(leaves(state))
        for i, value in enumerate(values):
            if any(np.may_share_memory(value, buffer) for buffer in own if buffer is not own[i]):
                values[i] = value.copy()  # another buffer's values, which may be overwritten first
        for buffer, value in zip(own, values, strict=True):
            if buffer is not value:
                np.copyto(buffer, value)

    def replay(self) -> None:
        """One local step: `state` changes in place."""
        for operation, operands, out in self._program:
            operation(*operands, out=out)

    def _assign(self, tape: Sequence[Step | None], results: Sequence[int], shape: tuple[int, ...]) -> list[Placed]:
        """A place for every intermediate result, then the operations with their arrays.

        The array of a symbol is free after its last use.  A result goes where it must end, if that array is free by
        then, otherwise over one of the operands used for the last time, otherwise into a free or a new array.
        """
        last_use = {number: index for index, step in enumerate(tape) if step for number in _symbols(step)}
        for number in results:
            last_use[number] = len(tape)
        home = {number: leaf for leaf, number in enumerate(results)}
        place = dict(enumerate(range(len(self._buffers))))  # symbol -> index of its array
        program: list[Placed] = []
        for index, step in enumerate(tape):
            if step is None or index not in last_use:
                continue
            busy = {place[n] for n in place if last_use.get(n, -1) > index}
            wanted = [home[index]] if index in home else []
            dying = [place[n] for n in _symbols(step)]
            choice = next((b for b in [*wanted, *dying, *range(len(self._buffers))] if b not in busy), None)
            if choice is None:
                choice = len(self._buffers)
                self._buffers.append(np.empty(shape))
            operands = tuple(self._buffers[place[o.number]] if isinstance(o, Symbol) else o for o in step.operands)
            place[index] = choice
            program.append((step.operation, operands, self._buffers[choice]))
        return program + self._homecoming(results, place)

    def _homecoming(self, results: Sequence[int], place: dict[int, int]) -> list[Placed]:
        """Copies of those results that are not where they must end."""
        moves = {leaf: place[number] for leaf, number in enumerate(results) if place[number] != leaf}
        program: list[Placed] = []
        while moves:
            safe = next((leaf for leaf in moves if leaf not in moves.values()), None)
            if safe is None:  # a cycle: break it through a spare array
                source = next(iter(moves.values()))
                spare = np.empty_like(self._buffers[0])
                self._buffers.append(spare)
                program.append((np.positive, (self._buffers[source],), spare))
                moves = {k: len(self._buffers) - 1 if v == source else v for k, v in moves.items()}
                continue
            program.append((np.positive, (self._buffers[moves.pop(safe)],), self._buffers[safe]))
        return program


def _symbols(step: Step) -> list[int]:
    return [operand.number for operand in step.operands if isinstance(operand, Symbol)]


def recorded(algorithm: Algorithm[Any], state: Any) -> Recording | None:
    """The recording of the algorithm's local step, None where the rule has to be run as it is written."""
    try:
        return Recording(algorithm, state)
    except CannotRecordError:
        return None
