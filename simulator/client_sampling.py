"""Whether a method may be run with some of its clients in every round: a place in the arrays must not matter.

In every round other clients stand in the places.  What the state carries from one round to the next is then either the
same on all workers or declared to belong to clients (`client_state`); and workers must be treated alike.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm, Array, leaves, with_leaves
from tightrate.simulator.batch.replica_axis import replicas_of, restrict
from tightrate.simulator.round_algorithm import AnsweringWorkers, one_round

__all__ = ["check_clients"]

PLACES, STEPS, ROUNDS = 3, 2, 3
CLOSE = 1e-9


def check_clients(algorithm: Algorithm[Any], problem: Problem, clients: int | None) -> None:
    """Refuse numbers of clients that cannot be drawn, and methods that need all workers in every round."""
    if clients is None:
        return
    if not 1 <= clients <= problem.workers:
        raise TightrateError(f"clients must lie between 1 and the number of workers {problem.workers}, not {clients}")
    if algorithm.remembers_workers:
        raise TightrateError("this method keeps something of every worker from round to round: let all take part")
    _check_places(algorithm, problem.dimension)


@lru_cache(maxsize=64)
def _check_places(algorithm: Algorithm[Any], dimension: int) -> None:
    """Refuse a method whose state is tied to places; tried on gradients drawn at random, all bounded away from 0."""
    (count,) = replicas_of(algorithm)
    one = restrict(algorithm, np.zeros(1, dtype=np.intp), count, (1, PLACES, dimension))
    generator = np.random.default_rng(6)
    start = generator.standard_normal(dimension)
    order = np.roll(np.arange(PLACES), 1)

    def forces(seed: int, places: Any) -> AnsweringWorkers:
        drawn = np.random.default_rng(seed)

        def answer(_x: Array) -> Array:
            g = drawn.standard_normal((1, PLACES, dimension))
            return np.asarray((g + np.copysign(0.1, g))[:, places])

        return AnsweringWorkers(STEPS, PLACES, answer)

    with np.errstate(all="ignore"):
        whole = one.init(np.broadcast_to(start, (1, PLACES, dimension)).copy())
        states = [whole, _in_other_places(whole, one.client_state, order)]
        for r in range(ROUNDS):
            states = [
                one_round(one, state, forces(r, at)) for state, at in zip(states, (slice(None), order), strict=True)
            ]
        outputs = [one.output(state) for state in states]
        size = np.abs(outputs[0]).max() + np.abs(start).max()
        if not np.abs(outputs[0] - outputs[1]).max() <= CLOSE * size:
            raise TightrateError("this method treats workers by their place: let all take part")
        _check_carried(one, states[0], forces)


def _in_other_places(state: Any, owned: Collection[str], order: Any) -> Any:
    """The state with what belongs to clients in other places, such as numbers of steps of their own."""
    own = {name: getattr(state, name) for name in _fields(state) if name in owned}
    return (
        state._replace(
            **{name: with_leaves(part, [_moved(leaf, order) for leaf in leaves(part)]) for name, part in own.items()}
        )
        if own
        else state
    )


def _moved(leaf: Any, order: Any) -> Any:
    return leaf[:, order] if isinstance(leaf, np.ndarray) and leaf.ndim == 3 and leaf.shape[1] == PLACES else leaf


def _check_carried(one: Algorithm[Any], state: Any, forces: Any) -> None:
    """What differs from place to place after a communication must not be used again, unless it is the clients'."""
    for name in _fields(state):
        if name in one.client_state:
            continue
        part = getattr(state, name) if hasattr(state, name) else state
        spoiled = [_spoiled(leaf) for leaf in leaves(part)]
        if not any(one_spoiled is not None for one_spoiled in spoiled):
            continue
        values = [leaf if bad is None else bad for leaf, bad in zip(leaves(part), spoiled, strict=True)]
        other = with_leaves(part, values)
        now = state._replace(**{name: other}) if hasattr(state, name) else other
        for r in range(2):
            now = one_round(one, now, forces(10 + r, slice(None)))
        if not np.isfinite(one.output(now)).all():
            raise TightrateError(
                f"the field {name} of the state differs from worker to worker when a round starts: with clients drawn"
                " in every round it must belong to them (client_state)"
            )


def _fields(state: Any) -> tuple[str, ...]:
    return tuple(getattr(state, "_fields", ("state",)))


def _spoiled(leaf: Any) -> Array | None:
    """Not a number where a leaf differs from place to place; None where it does not."""
    if not isinstance(leaf, np.ndarray) or leaf.ndim != 3 or leaf.shape[1] != PLACES:
        return None
    return np.full(leaf.shape, np.nan) if (leaf != leaf[:, :1]).any() else None
