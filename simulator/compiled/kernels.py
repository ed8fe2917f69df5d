"""Sampled runs compiled with numba, where the optional extra is installed: the same numbers, bit for bit, sooner.

A recorded local step becomes one loop that keeps an entry in registers through the gradient, the noise and the whole
update; noise is drawn by compiled code too (`compiled_loops`), which is where most of the time goes.  Source text is
put together from the recorded operations and names of this file only, and compiled once in a process.

Compiling takes seconds, so it is put off until the numpy loops have done as much work as pays for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.logistic_regression import LogisticRegression
from tightrate.constructions.noise import GaussianNoise, Noise
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm, Array, leaves, with_leaves
from tightrate.simulator.batch.oracles import check_rows, diagonal_of
from tightrate.simulator.batch.randomness import NoiseSteps, RowSampling, Streams
from tightrate.simulator.compiled.tape import CannotRecordError, Operation, Recording, Symbol, Tape, clip

Backend = Literal["auto", "numpy", "compiled"]
BACKENDS: tuple[Backend, ...] = ("auto", "numpy", "compiled")

ENTRIES_THAT_PAY = 2e8  # what numpy needs for as many costs about as much as compiling
ENTRIES_THAT_COUNT = 1e5  # shorter runs have other things to wait for
NUMBERS_TO_CHECK = 1 << 16  # some thirty of them in the normal distribution's tail
VECTORS_TO_CHECK, MOST_COORDINATES = 32, 8192  # numpy may cut longer products into pieces

LEAST, LARGEST = "({0} if ({0} < {1}) | ({0} != {0}) else {1})", "({0} if ({0} > {1}) | ({0} != {0}) else {1})"
EXPRESSIONS: Mapping[Operation, str] = {
    np.add: "{0} + {1}",
    np.subtract: "{0} - {1}",
    np.multiply: "{0} * {1}",
    np.divide: "{0} / {1}",
    np.negative: "-{0}",
    np.positive: "{0}",
    np.absolute: "abs({0})",
    np.square: "{0} * {0}",
    np.sqrt: "sqrt({0})",
    np.minimum: LEAST,
    np.maximum: LARGEST,
}

GIVEN = """
def advance(gradients, {arguments}):
    for r in range(len(gradients)):
        gradient = gradients[r]
        {views}
        for j in range(gradient.size):
            {load}
            g = gradient[j]
            {step}
"""
QUADRATIC = """
def advance(steps, words, first, members, level, curvatures, minimizers, {arguments}):
    noise = empty(curvatures.shape[1])
    for stream in range(first.size - 1):
        for _ in range(steps):
            normals(words[stream], level, noise)
            for i in range(first[stream], first[stream + 1]):
                r = members[i]
                curvature, minimizer = curvatures[r], minimizers[r]
                {views}
                for j in range(noise.size):
                    {load}
                    {point}
                    g = ({x} - minimizer[j]) * curvature[j] + noise[j]
                    {step}
"""
LOGISTIC = """
def advance(steps, words, first, members, offsets, counts, data, ridge, {arguments}):
    M, d = counts.size, {d}
    chosen, pulls, x = empty(M, int64), empty(M), empty(M * d)
    for stream in range(first.size - 1):
        for _ in range(steps):
            rows(words[stream], offsets, counts, chosen)
            for i in range(first[stream], first[stream + 1]):
                r = members[i]
                {views}
                for j in range(M * d):
                    {load}
                    {point}
                    x[j] = {x}
                for m in range(M):
                    pulls[m] = dot(data[chosen[m]], x[m * d : m * d + d], d)
                for m in range(M):
                    pulls[m] = logistic(pulls[m])
                for m in range(M):
                    row, pull = data[chosen[m]], pulls[m]
                    for k in range(d):
                        j = m * d + k
                        {load}
                        g = x[j] * ridge + row[k] * pull
                        {step}
"""


@dataclass
class _Tally:
    """The work that a loop has had in this process."""

    entries: float = 0.0


@cache
def _tally(_loop: str) -> _Tally:
    """The one tally of a loop: a cache is all that this process remembers."""
    return _Tally()


def check_backend(backend: str) -> None:
    """Refuse a backend that does not exist, or whose library is not installed."""
    if backend not in BACKENDS:
        raise unknown_name("backend", backend, BACKENDS)
    if backend == "compiled" and not _agrees():
        raise TightrateError("backend compiled needs numba (pip install -e '.[fast]') that knows numpy's normals")


def pays(backend: Backend, loop: str, entries: float) -> bool:
    """Whether to compile a loop (or to use it, once compiled) for so many entries more."""
    if not _considered(backend, entries) or backend == "compiled":
        return backend == "compiled"
    tally = _tally(loop)
    tally.entries += entries
    return tally.entries >= ENTRIES_THAT_PAY and _agrees()


def _considered(backend: Backend, entries: float) -> bool:
    """Whether compiling may come into question for so many entries."""
    return backend == "compiled" or (backend == "auto" and entries >= ENTRIES_THAT_COUNT and _installed())


@cache
def _installed() -> bool:
    return find_spec("numba") is not None


def loops() -> Any:
    """The compiled loops, which import numba."""
    return import_module("tightrate.simulator.compiled.loops")


@cache
def _agrees() -> bool:
    """Whether there is numba, and its random numbers are this numpy's."""
    if not _installed():
        return False
    generator = np.random.Generator(np.random.SFC64(0))
    found = np.empty(NUMBERS_TO_CHECK)
    loops().normals(words_of([generator])[0], 1.0, found)
    return bool(np.array_equal(found, generator.standard_normal(NUMBERS_TO_CHECK)))


@cache
def products_agree(d: int) -> bool:
    """Whether the compiled products of d coordinates are added in the order of this numpy's."""
    if d > MOST_COORDINATES:
        return False
    a, b = np.random.Generator(np.random.SFC64(0)).standard_normal((2, VECTORS_TO_CHECK, d))
    found = [loops().dot(p, q, d) for p, q in zip(a, b, strict=True)]
    return bool(np.array_equal(found, np.einsum("...i,...i->...", a, b)))


def words_of(generators: Sequence[np.random.Generator]) -> NDArray[np.uint64]:
    """The four words of every SFC64 generator: (stream, 4)."""
    return np.array([generator.bit_generator.state["state"]["state"] for generator in generators])


def by_stream(own: NDArray[np.intp], streams: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The replicas in the order of the streams that they read, and where those of each stream begin: (first, members).

    >>> [part.tolist() for part in by_stream(np.array([1, 0, 1]), 2)]
    [[0, 1, 3], [1, 0, 2]]
    """
    members = np.argsort(own, kind="stable")
    return np.searchsorted(own[members], np.arange(streams + 1)).astype(np.int64), members.astype(np.int64)


class CompiledNoise(NoiseSteps):
    """Gaussian noise drawn by compiled code, `words` being the streams' state.

    A reader may draw it from the words itself instead, times `scale`.
    """

    def __init__(self, noise: Noise, generators: Sequence[np.random.Generator], *others: Any, **options: Any) -> None:
        super().__init__(noise, generators, *others, **options)
        self.words = words_of(generators)
        self.scale = 1.0 if self._unscaled else noise.moment(2.0, self._block.shape[-1])

    def fill_all(self, blocks: Array) -> None:
        normals = loops().normals
        for words, block in zip(self.words, blocks, strict=True):
            normals(words, self.scale, block.reshape(-1, copy=False))


def noise_steps(backend: Backend, noise: Noise, streams: Streams, *sizes: int, **options: Any) -> NoiseSteps:
    """The noise of the steps, drawn by compiled code where that pays; `sizes` are steps, workers, dimension."""
    entries = len(streams[0]) * float(np.prod(sizes))
    drawn = CompiledNoise if isinstance(noise, GaussianNoise) and pays(backend, "normals", entries) else NoiseSteps
    return drawn(noise, *streams, *sizes, **options)


class _Program:
    """Text of a loop over the entries of a recording's arrays, and the arrays and numbers that it works on."""

    def __init__(self, recording: Recording, template: str, point: Tape | None = None) -> None:
        state = list(leaves(recording.state))
        self._state, self._arrays, self._numbers = [_flat(leaf) for leaf in state], list[Array](), list[float]()
        self._shape = state[0].shape
        places, x = self._lines(point, "p") if point is not None else ([], ["x"])
        step, results = self._lines(recording.tape, "t")
        step += [f"x{leaf}[j] = {result}" for leaf, result in enumerate(results)]
        names = {"x": len(self._state), "a": len(self._arrays), "c": len(self._numbers)}
        arguments = [f"{'all_' * (kind != 'c')}{kind}{i}" for kind, count in names.items() for i in range(count)]
        views = [f"{name.removeprefix('all_')} = {name}[r]" for name in arguments if name.startswith("all_")]
        load = [f"v{leaf} = x{leaf}[j]" for leaf in range(len(self._state))]
        parts = {"views": views, "load": load, "point": places, "step": step}
        lines = []
        for line in template.split("\n"):
            key = line.strip(" {}")
            lines += [line.replace(f"{{{key}}}", one) for one in parts[key]] if key in parts else [line]
        self.source = "\n".join(lines).format(arguments=", ".join(arguments), x=x[0], d=self._shape[-1])
        self.arguments = (*self._state, *self._arrays, *self._numbers)

    def _lines(self, tape: Tape, prefix: str) -> tuple[list[str], list[str]]:
        """The operations as assignments, and the names of the results."""
        names, lines = [f"v{leaf}" for leaf in range(len(self._state))] + ["g"], list[str]()
        names = names[: tape.inputs]
        for number, step in enumerate(tape.steps):
            if step is None:
                continue
            name = f"{prefix}{number}"
            operands = [names[o.number] if isinstance(o, Symbol) else self._constant(o) for o in step.operands]
            if step.operation is clip:
                lines.append(f"{name} = {LARGEST.format(*operands)}")
                lines.append(f"{name} = {LEAST.format(name, operands[2])}")
            elif step.operation in EXPRESSIONS:
                lines.append(f"{name} = {EXPRESSIONS[step.operation].format(*operands)}")
            else:
                raise CannotRecordError(f"{step.operation} is not compiled")
            names.append(name)
        return lines, [names[number] for number in tape.results]

    def _constant(self, value: Any) -> str:
        """The name of a number, or of an array's entry."""
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise CannotRecordError(f"an operand {value!r}")
        if array.size == 1:
            self._numbers.append(float(array.item()))
            return f"c{len(self._numbers) - 1}"
        self._arrays.append(_flat(np.broadcast_to(array.astype(float), self._shape).copy()))
        return f"a{len(self._arrays) - 1}[j]"


def _flat(x: Array) -> Array:
    """A view (replica, worker and coordinate)."""
    return x.reshape(len(x), -1, copy=False)


@cache
def _compiled(source: str) -> Callable[..., None]:
    library = loops()
    names = {name: getattr(library, name) for name in ("normals", "rows", "dot", "logistic")}
    space: dict[str, Any] = {**names, "sqrt": sqrt, "empty": np.empty, "int64": np.int64}
    exec(source, space)  # text of this module and of the names that it gives
    function: Callable[..., None] = library.jit(space["advance"])
    return function


Advance = Callable[[int], None]


def compiled_rounds(
    backend: Backend,
    algorithm: Algorithm[Any],
    recording: Recording | None,
    problem: Problem,
    noise: Noise | RowSampling | None,
    streams: Callable[[], Streams],
    entries: float,
) -> Advance | None:
    """So many local steps of the recording's state in one loop, random numbers included, where that can be and pays."""
    if recording is None or not _considered(backend, entries):
        return None
    state, shape = recording.state, recording.gradient.shape
    diagonal = diagonal_of(problem)
    if isinstance(noise, GaussianNoise) and diagonal is not None:
        template = QUADRATIC
        own: tuple[Any, ...] = (
            noise.moment(2.0, shape[-1]),
            *(_flat(np.broadcast_to(values, shape).copy()) for values in diagonal),
        )
    elif noise == RowSampling() and isinstance(problem, LogisticRegression):
        rows = check_rows(problem)
        template = LOGISTIC
        own = (rows.offsets.astype(np.int64), rows.row_counts.astype(np.int64), rows.row_data, problem.ridge)
    else:
        return None
    try:
        inputs = recording.tape.inputs - 1
        point = Tape.of(lambda symbols: algorithm.point(with_leaves(state, symbols)), inputs, shape)
        program = _Program(recording, template, point)
    except CannotRecordError:
        return None
    if not pays(backend, program.source, entries) or (template == LOGISTIC and not products_agree(shape[-1])):
        return None
    generators, readers = streams()
    words, advance = words_of(generators), _compiled(program.source)
    arguments = (words, *by_stream(readers, len(generators)), *own, *program.arguments)
    return lambda steps: advance(steps, *arguments)


def compiled_step(backend: Backend, recording: Recording, entries: float) -> Callable[[], None]:
    """What `recording.replay` does, in one loop where that can be and pays."""
    if not _considered(backend, entries):
        return recording.replay
    try:
        program = _Program(recording, GIVEN)
    except CannotRecordError:
        return recording.replay
    if not pays(backend, program.source, entries):
        return recording.replay
    advance, arguments = _compiled(program.source), (_flat(recording.gradient), *program.arguments)
    return lambda: advance(*arguments)
