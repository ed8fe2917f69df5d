"""The algorithm interface: pure functions on arrays shaped (replica, worker, dimension)."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tightrate.common.registry import Registry
from tightrate.rates.statements import catalogue
from tightrate.simulator.parameters import Parameter, parameters

Array = NDArray[np.float64]
Function = TypeVar("Function")
State = TypeVar("State", bound=tuple[Any, ...])


class Rule(ABC, Generic[State]):
    """What optimizers and algorithms have in common: a start, the point of the next gradient, what is returned.

    A rule is a frozen dataclass whose parameters are numbers, or arrays shaped (replica, 1, 1), so that a whole sweep
    is one batch.  Its state is a named tuple (possibly nested) of arrays shaped (replica, worker, dimension) and,
    where the rule needs them, of counters: whole numbers that advance by one at every local step or at every
    communication.
    """

    @property
    def linear(self) -> bool:
        """Whether the rule is linear in the state and the gradient, so that moments exist in closed form."""
        return False

    @abstractmethod
    def init(self, start: Array) -> State:
        """The state of every worker at the start, from x_0 shaped (replica, worker, dimension)."""

    @abstractmethod
    def point(self, state: State) -> Array:
        """Where each worker evaluates its next gradient, (replica, worker, dimension)."""

    def output(self, state: State) -> Array:
        """The iterate that the rule returns; the point of the next gradient unless said otherwise."""
        return self.point(state)

    def averaged(self, state: State) -> Array:
        """The sequence that an average over all local steps runs over; each worker's point unless said otherwise."""
        return self.point(state)

    def stationarity_weights(self, state: State) -> Array | float:  # noqa: ARG002
        """w >= 0 in the squared gradient norm sum_i w_i g_i^2 that the rule's theorem bounds; 1 unless said."""
        return 1.0


class Algorithm(Rule[State]):
    """A local-update method: what starts a run, what a worker does with a gradient, what a communication does.

    Rules are plain expressions; the engine runs them on blocks of replicas that stay in cache, where a temporary
    array costs no more than a reserved one.

    `client_state` names the fields of the state that belong to clients: from one round to the next they stay with
    their client, also with one that is not drawn.  All other fields are the same on all workers when a round starts.

    >>> from tightrate.simulator.algorithm import ALGORITHMS
    >>> isinstance(ALGORITHMS["local-sgd"](eta=0.1), Algorithm)
    True
    """

    client_state: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def local_step(self, state: State, gradient: Array) -> State:
        """One local step of every worker."""

    @abstractmethod
    def synchronize(self, state: State) -> State:
        """The communication that ends a round."""

    def stages(self) -> Sequence[tuple[Algorithm[Any], float]]:
        """Algorithms that follow each other, each started from the output of the one before, and their rounds."""
        return ((self, float("inf")),)

    @property
    def pools_gradients(self) -> bool:
        """Whether all K gradients of a round are taken at one point and only their mean counts."""
        return False

    @property
    def uses_curvature(self) -> bool:
        """Whether communications need H = v (Hessian v) from every worker, v a vector of random signs."""
        return False

    @property
    def looks_at_gradient(self) -> bool:
        """Whether a round starts with a look at a fresh stochastic gradient of every worker at its point."""
        return False

    @property
    def remembers_workers(self) -> bool:
        """Whether workers differ by their place in the arrays, so that all must take part in all rounds."""
        return self.uses_curvature

    @property
    def solves_locally(self) -> bool:
        """Whether K = inf has a meaning in a sampled run: every worker solves its local problem."""
        return False

    def observe_curvature(self, state: State, H: Array) -> State:  # noqa: ARG002
        """The state after a look at H; called at the start and after every communication if `uses_curvature`."""
        return state

    def observe_gradient(self, state: State, gradient: Array) -> State:  # noqa: ARG002
        """The state after a look at the gradient; called at the start of every round if `looks_at_gradient`."""
        return state


Constructor = Callable[..., Algorithm[Any]]


@dataclass(frozen=True)
class Description:
    """What is said about a registered algorithm, for a page of its own.

    `summary` is the first line of the constructor's docstring, `box` its indented block and `remarks` the rest;
    `source` says where the algorithm comes from, and `theorems` are the ids of the catalogue's statements about it.
    """

    name: str
    summary: str
    box: str
    remarks: str
    source: str
    theorems: tuple[str, ...]
    parameters: Mapping[str, Parameter]


class Algorithms(Registry[Constructor]):
    """The registry of algorithms: each a constructor with keyword-only parameters, its source and its theorems.

    Entries of `theorems` are ids of statements, or names under which the catalogue speaks of the algorithm and which
    stand for all statements about it.  Both are added to the constructor's docstring.
    """

    def add(self, name: str, *, source: str = "", theorems: Sequence[str] = ()) -> Callable[[Function], Function]:
        mark = super().add(name)

        def describe(constructor: Function) -> Function:
            about = [one if "/" in one else f"all about {one}" for one in theorems] or ["none in the catalogue"]
            text = inspect.cleandoc(constructor.__doc__ or "")
            constructor.__doc__ = f"{text}\n\nSource: {source or 'not given'}.\nTheorems: {', '.join(about)}."
            setattr(constructor, "__description__", (text, source, tuple(theorems)))  # noqa: B010
            return mark(constructor)

        return describe

    def describe(self, name: str) -> Description:
        """The description of one algorithm; its theorems are looked up in the catalogue."""
        constructor = self[name]
        text, source, about = getattr(constructor, "__description__", (inspect.getdoc(constructor) or "", "", ()))
        lines = text.splitlines()
        box = [line for line in lines if line.startswith("    ")]
        rest = "\n".join(line for line in lines[1:] if not line.startswith("    ")).replace(BOX, "").strip()
        found = [one.id for one in catalogue.statements() if one.id in about or one.algorithm in about]
        return Description(
            name, lines[0], inspect.cleandoc("\n".join(["", *box])), rest, source, tuple(found), parameters(constructor)
        )


BOX = "Algorithm::"  # the line of a docstring before its indented box

ALGORITHMS = Algorithms("tightrate.simulator.algorithms", "algorithm")


def worker_mean(x: Array) -> Array:
    """The mean over workers, given to every worker (as a product with equal weights, the fastest way to sum).

    Args:
        x: (replica, worker, dimension)

    Returns:
        The same shape.

    >>> worker_mean(np.array([[[0.0], [2.0]]])).ravel().tolist()
    [1.0, 1.0]
    """
    workers = x.shape[-2]
    return np.broadcast_to(np.full((1, workers), 1 / workers) @ x, x.shape)


def leaves(state: Any) -> Iterator[Any]:
    """The arrays and counters of a nested state, in order."""
    if isinstance(state, tuple):
        for part in state:
            yield from leaves(part)
    else:
        yield state


def leaf_names(state: Any, before: str = "") -> Iterator[str]:
    """The names of the arrays and counters of a nested state, in the order of `leaves`: fields, joined by dots."""
    if not isinstance(state, tuple):
        yield before or "state"
        return
    fields = getattr(state, "_fields", range(len(state)))
    for name, part in zip(fields, state, strict=True):
        yield from leaf_names(part, f"{before}.{name}" if before else str(name))


def with_leaves(state: Any, values: Sequence[Any]) -> Any:
    """The state with its arrays and counters replaced, in the order of `leaves`."""
    remaining = iter(values)

    def fill(part: Any) -> Any:
        if not isinstance(part, tuple):
            return next(remaining)
        parts = [fill(inner) for inner in part]
        return type(part)(*parts) if hasattr(part, "_fields") else tuple(parts)

    return fill(state)
