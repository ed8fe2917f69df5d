"""What a method says of itself is tried: the rule itself against its coefficients, with workers that differ.

Coefficients are read off by applying a rule to unit vectors, with one worker.  Here the rule runs with three workers,
with gradients of their own at every step, for several rounds, in coordinates of very different size.  A method whose
workers keep something of their own, that treats them unlike, whose steps depend on more than they say, or that is not
affine, goes elsewhere than its coefficients say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.simulator.algorithm import Algorithm, Array
from tightrate.simulator.batch.replica_axis import replicas_of, restrict

if TYPE_CHECKING:
    from tightrate.simulator.exact.linear_form import LinearForm

WORKERS, STEPS, ROUNDS = 3, 2, 3
MOST_REPLICAS = 4  # that are tried
SIZES = np.array([1.0, 1e-4, 1e4, 1.0, 1e8, 30.0])  # of the coordinates: what is not affine shows at one of them
CLOSE = 1e-9


def check_coefficients(algorithm: Algorithm[Any], form: LinearForm, replicas: int) -> None:
    """Refuse a method that goes elsewhere than its coefficients say."""
    if replicas > MOST_REPLICAS:
        rows = np.linspace(0, replicas - 1, MOST_REPLICAS).astype(np.intp)
        some = restrict(algorithm, rows, replicas, (MOST_REPLICAS, 1, 1))
        check_coefficients(some, type(form)(some), *replicas_of(some))
        return
    generator = np.random.default_rng(20)
    steps = np.full(replicas, float(STEPS))
    own = form.with_steps(steps, np.zeros(replicas))
    start = generator.standard_normal((replicas, 1, len(SIZES))) * SIZES
    forces = generator.standard_normal((ROUNDS, STEPS, replicas, WORKERS, len(SIZES))) * SIZES
    try:
        state = algorithm.init(np.repeat(start, WORKERS, axis=1))
        c = own.start[:, :, None] * start
        total = np.zeros_like(start)
        for r in range(ROUNDS):
            W = (own.spread @ c)[:, None] + np.zeros((1, WORKERS, 1, 1))
            for force in forces[r]:
                at = np.einsum("rw,rmwd->rmd", own.point, W)
                _compare(algorithm.point(state), at)
                total = total + algorithm.averaged(state).mean(axis=1, keepdims=True)
                state = algorithm.local_step(state, force.copy())
                W = W + own.step[:, None] @ W + own.push[:, None, :, None] * force[:, :, None]
            state = algorithm.synchronize(state)
            sync = own.synchronization(np.array([r]))
            change = (W - (own.spread @ c)[:, None]).mean(axis=1)
            c = c + sync.drift[0] @ c + sync.collect[0] @ change
            _compare(algorithm.output(state), (own.output[:, None] @ c))
        _compare(c[:, -1:], total)
    except (ValueError, IndexError) as wrong:
        raise NoCommonFormError(NOT_ALIKE) from wrong
    _check_origin(algorithm, replicas)


class NoCommonFormError(TightrateError):
    """A linear method whose coefficients are not those of one worker: every worker's state has to be followed."""


NOT_ALIKE = "several workers go elsewhere than the coefficients of one worker say"


def _compare(found: Array, expected: Array) -> None:
    size = np.abs(
        np.concatenate(
            [np.broadcast_to(found, np.broadcast_shapes(found.shape, expected.shape)), expected + 0 * found], axis=1
        )
    )
    scale = np.maximum(size.max(axis=(0, 1)), SIZES)
    if not (np.abs(found - expected) <= CLOSE * scale).all():
        raise NoCommonFormError(NOT_ALIKE)


def _check_origin(algorithm: Algorithm[Any], replicas: int) -> None:
    """Without gradients nothing moves, wherever the start is: the exact engine puts the origin at the optimum."""
    start = np.broadcast_to(SIZES, (replicas, WORKERS, len(SIZES))).copy()
    state = algorithm.init(start)
    for _ in range(2):
        for _ in range(2):
            state = algorithm.local_step(state, np.zeros_like(start))
        state = algorithm.synchronize(state)
    if not (np.abs(algorithm.output(state) - start) <= CLOSE * SIZES).all():
        raise NoCommonFormError("the method moves without gradients, so its origin matters")
