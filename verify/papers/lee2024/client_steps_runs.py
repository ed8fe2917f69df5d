"""Clients of FedAda^2 fed with arbitrary gradients: how far they move, and what their preconditioners are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.fedada2 import DelayedAdam, DelayedPreconditioner, client_parameters
from tightrate.simulator.algorithms.fedada2_plus_plus import SM3I, SM3II, Cover, rows_and_columns
from tightrate.simulator.algorithms.local_sgdm import sgdm
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.optimizer import Optimizer
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]

DIMENSION = 4
LOCAL_STEPS = (1, 2, 5, 12)
DELAYS = (1, 2, 3)
COVERS: Mapping[str, Cover | None] = {
    "one set": None,
    "rows and columns": rows_and_columns(2, 2),
    "overlapping": ((0, 1, 2), (2, 3), (0, 3)),
}
RULES = ("AdaGrad", *(f"{rule}, {cover}" for rule in ("SM3-I", "SM3-II") for cover in COVERS))
STRATEGIES = ("sgd", "sgdm", "adagrad", "adam")


def gradient_sequences(generator: np.random.Generator, n: int, steps: int) -> Array:
    """n sequences (step, n, 1, d) of five kinds: heavy tails, growth, decay, rare gradients, one sign."""
    shape = (steps, n, 1, DIMENSION)
    gradients = generator.standard_t(1.2, shape)
    time = np.arange(steps)[:, None, None, None]
    rate = 10 ** generator.uniform(-1.5, 1.5, (n, 1, 1))
    kind = np.arange(n)[:, None, None] % 5
    signs = np.sign(generator.standard_normal((n, 1, DIMENSION)))
    gradients = np.where(kind == 1, signs * np.maximum(rate, 1 / rate) ** time, gradients)
    gradients = np.where(kind == 2, signs * np.minimum(rate, 1 / rate) ** time, gradients)
    gradients = np.where((kind == 3) & (generator.random(shape) < 0.6), 0.0, gradients)
    gradients = np.where(kind == 4, signs * (1 + generator.random(shape)), gradients)
    return np.asarray(gradients * 10 ** generator.uniform(-3, 3, (n, 1, 1)))


def walk(optimizer: Optimizer[Any], gradients: Array) -> list[Any]:
    """The states of a client from zero, fed with these gradients."""
    states = [optimizer.init(np.zeros(gradients.shape[1:]))]
    for gradient in gradients:
        states.append(optimizer.step(states[-1], gradient))
    return states


def positions(optimizer: Optimizer[Any], states: list[Any]) -> Array:
    """The points (step, n, d)."""
    return np.stack([optimizer.point(state)[:, 0] for state in states])


def adaptive_client(rule: str, **parameters: Any) -> DelayedPreconditioner:
    """AdaGrad, SM3-I or SM3-II."""
    kind, _, cover = rule.partition(", ")
    if not cover:
        return DelayedPreconditioner(**parameters)
    return {"SM3-I": SM3I, "SM3-II": SM3II}[kind](**parameters, cover=COVERS[cover])


@experiment("lee2024-adaptive-clients")
def adaptive_clients(session: Session) -> xr.Dataset:
    """AdaGrad and SM3 clients with random steps and damping; over (rule, delay, K, sequence).

    `displacement`, the largest coordinate of the move in the round, and its `bound`; `largest_step` of a coordinate in
    units of eta; `accumulator_low`, the least ratio of the preconditioner to the sum of squared gradients at its
    updates, and `accumulator_high`, the largest ratio to the number of updates times the largest squared gradient.
    """
    n = session.choose(quick=250, full=4000)
    bound = theorem("lee2024/client-displacement").bound.function()
    shape = (len(RULES), len(DELAYS), len(LOCAL_STEPS), n)
    names = ("displacement", "bound", "largest_step", "accumulator_low", "accumulator_high")
    found = {name: np.empty(shape) for name in names}
    letters = {name: np.empty((len(LOCAL_STEPS), n)) for name in ("eta", "lambda", "G_inf")}
    for k, steps in enumerate(LOCAL_STEPS):
        generator = stream(session.seed, experiment="lee2024-adaptive-clients", K=steps)
        gradients = gradient_sequences(generator, n, steps)
        eta, lam = 10 ** generator.uniform(-3, 1, n), 10 ** generator.uniform(-4, 2, n)
        largest = np.abs(gradients).max(axis=(0, 2, 3))
        for name, values in (("eta", eta), ("lambda", lam), ("G_inf", largest)):
            letters[name][k] = values
        for z, delay in enumerate(DELAYS):
            limit = bound(**{"eta": eta, "lambda": lam, "G_inf": largest, "K": steps, "delay": delay})
            updates = np.arange(steps) % delay == 0
            squares = np.cumsum(np.where(updates[:, None, None], gradients[:, :, 0] ** 2, 0.0), axis=0)
            most = np.cumsum(updates)[:, None, None] * largest[:, None] ** 2
            for r, rule in enumerate(RULES):
                client = adaptive_client(rule, **client_parameters(eta, lam, 0.0, delay, 0.0))
                states = walk(client, gradients)
                x = positions(client, states)
                v = np.stack([np.broadcast_to(client.denominator(s.v), gradients.shape[1:])[:, 0] for s in states[1:]])
                at = (r, z, k)
                found["displacement"][at] = np.abs(x[-1]).max(axis=-1)
                found["bound"][at] = limit
                found["largest_step"][at] = np.abs(np.diff(x, axis=0)).max(axis=(0, 2)) / eta
                low = np.divide(v, squares, out=np.full(v.shape, np.inf), where=squares > 0)
                high = np.divide(v, most, out=np.where(v > 0, np.inf, 0.0), where=np.broadcast_to(most > 0, v.shape))
                found["accumulator_low"][at] = low.min(axis=(0, 2))
                found["accumulator_high"][at] = high.max(axis=(0, 2))
    return xr.Dataset(
        {
            **{name: (("rule", "delay", "K", "sequence"), values) for name, values in found.items()},
            **{name: (("K", "sequence"), values) for name, values in letters.items()},
        },
        coords={"rule": np.arange(len(RULES)), "delay": np.array(DELAYS), "K": np.array(LOCAL_STEPS)},
        attrs={"rules": list(RULES), "d": DIMENSION, "seed": session.seed},
    )


@experiment("lee2024-adam-clients")
def adam_clients(session: Session) -> xr.Dataset:
    """Adam clients without bias correction over (K, sequence): `displacement` and its `bound`.

    A quarter of the sequences are the extremal ones, proportional to (beta1/beta2)^(k - s), with tiny damping.
    """
    n = session.choose(quick=2000, full=40_000)
    bound = theorem("lee2024/client-displacement-adam").bound.function()
    names = ("displacement", "bound", "largest_step", "step_bound", "eta", "beta1", "beta2")
    found = {name: np.empty((len(LOCAL_STEPS) + 1, n)) for name in names}
    every = (*LOCAL_STEPS, 40)
    for k, steps in enumerate(every):
        generator = stream(session.seed, experiment="lee2024-adam-clients", K=steps)
        beta2 = 1 - 10 ** generator.uniform(-3, -0.1, n)
        beta1 = np.sqrt(beta2) * generator.uniform(0.0, 0.995, n)
        eta, lam = 10 ** generator.uniform(-3, 1, n), 10 ** generator.uniform(-8, 0, n)
        gradients = gradient_sequences(generator, n, steps)
        extremal = (beta1 / beta2)[:, None, None] ** (steps - 1 - np.arange(steps)[:, None, None, None])
        chosen = (np.arange(n) % 4 == 0)[:, None, None]
        gradients = np.where(chosen, 1e6 * extremal * np.ones(DIMENSION), gradients)
        client = DelayedAdam(**client_parameters(eta, lam, beta1, 1, 0.0), beta2=per_replica("beta2", beta2))
        x = positions(client, walk(client, gradients))
        letters = {"eta": eta, "beta1": beta1, "beta2": beta2}
        found["displacement"][k] = np.abs(x[-1]).max(axis=-1)
        found["bound"][k] = bound(K=steps, **letters)
        found["largest_step"][k] = np.abs(np.diff(x, axis=0)).max(axis=(0, 2))
        found["step_bound"][k] = bound(K=1, **letters)
        for name, values in letters.items():
            found[name][k] = values
    return xr.Dataset(
        {name: (("K", "sequence"), values) for name, values in found.items()},
        coords={"K": np.array(every)},
        attrs={"d": DIMENSION, "seed": session.seed},
    )


def strategies(eta: Array, lam: Array, beta1: Array, beta2: Array) -> dict[str, Optimizer[Any]]:
    """The client optimizers that the mixture may use."""
    return {
        "sgd": SGD(per_replica("eta", eta)),
        "sgdm": sgdm(eta, beta1, np.inf),
        "adagrad": DelayedPreconditioner(**client_parameters(eta, lam, 0.0, 1, 0.0)),
        "adam": DelayedAdam(**client_parameters(eta, lam, beta1, 1, 0.0), beta2=per_replica("beta2", beta2)),
    }


def coefficients(
    strategy: str, p: int, gradients: Array, lam: Array, beta1: Array, beta2: Array
) -> tuple[Array, Array]:
    """a (l, n, 1) and theta (n, d) of step p: its move is -eta sum_{l <= p} a_l g_l / theta.

    They are written down from the definitions of the methods, with sums in place of recursions.
    """
    age = (p - 1 - np.arange(p))[:, None, None]
    newest = np.where(age == 0, 1.0, 0.0) * np.ones_like(beta1)[:, None]
    moving = (1 - beta1)[:, None] * beta1[:, None] ** age
    squares = gradients[:p, :, 0] ** 2
    one = np.ones(gradients.shape[1:])[:, 0]
    exponential = (1 - beta2)[:, None] * beta2[:, None] ** age
    rules: dict[str, Callable[[], tuple[Array, Array]]] = {
        "sgd": lambda: (newest, one),
        "sgdm": lambda: (moving, one),
        "adagrad": lambda: (newest, np.sqrt(squares.sum(axis=0)) + lam[:, None]),
        "adam": lambda: (moving, np.sqrt((exponential * squares).sum(axis=0)) + lam[:, None]),
    }
    return rules[strategy]()


@experiment("lee2024-strategies")
def blended_strategies(session: Session) -> xr.Dataset:
    """SGD, momentum SGD, AdaGrad and Adam as weighted sums of gradients; over (strategy, sequence) unless said.

    Over (strategy, step, sequence): `step_error`, the largest difference of a shipped step from the sum
    eta sum a_l g_l / theta, relative to eta sum |a_l g_l| / theta + |x|, at whose size differences of points are
    rounded.  `theta_low` and `theta_high` are the least and the largest theta over their limits lambda and
    sqrt(K) G + lambda (1 and 1 without damping); `largest_a`; `displacement` and its `bound`; `second_step` is the
    length of the second step after the gradients 1, 0 in units of the first.
    """
    n, steps = session.choose(quick=500, full=10_000), 8
    generator = stream(session.seed, experiment="lee2024-strategies")
    gradients = gradient_sequences(generator, n, steps)
    eta, lam = 10 ** generator.uniform(-3, 1, n), 10 ** generator.uniform(-4, 2, n)
    beta2 = 1 - 10 ** generator.uniform(-3, -0.1, n)
    beta1 = generator.uniform(0.0, 0.99, n)
    clients = strategies(eta, lam, beta1, beta2)
    largest = np.abs(gradients).max(axis=(0, 2, 3))
    bound = theorem("lee2024/client-displacement-blended").bound.function()
    names = ("theta_low", "theta_high", "largest_a", "displacement", "bound", "second_step")
    found = {name: np.empty((len(STRATEGIES), n)) for name in names}
    error = np.empty((len(STRATEGIES), steps, n))
    one_zero = np.zeros((2, n, 1, DIMENSION))
    one_zero[0] = 1.0
    for s, strategy in enumerate(STRATEGIES):
        x = positions(clients[strategy], walk(clients[strategy], gradients))
        damped = strategy in ("adagrad", "adam")
        lows, highs, weights = [], [], []
        for p in range(1, steps + 1):
            a, theta = coefficients(strategy, p, gradients, lam, beta1, beta2)
            terms = a * gradients[:p, :, 0] / theta * eta[:, None]
            size = np.abs(terms).sum(axis=0) + np.abs(x[p]) + np.finfo(float).tiny
            error[s, p - 1] = (np.abs(x[p] - x[p - 1] + terms.sum(axis=0)) / size).max(axis=-1)
            lows.append((theta / (lam[:, None] if damped else 1.0)).min(axis=-1))
            highs.append((theta / ((np.sqrt(steps) * largest + lam)[:, None] if damped else 1.0)).max(axis=-1))
            weights.append(a.max(axis=(0, 2)))
        found["theta_low"][s], found["theta_high"][s] = np.min(lows, axis=0), np.max(highs, axis=0)
        found["largest_a"][s] = np.max(weights, axis=0)
        found["displacement"][s] = np.abs(x[-1]).max(axis=-1)
        damping = lam if damped else np.ones(n)
        found["bound"][s] = bound(**{"eta": eta, "lambda": damping, "G_inf": largest, "K": steps})
        first, second = np.abs(np.diff(positions(clients[strategy], walk(clients[strategy], one_zero)), axis=0))
        found["second_step"][s] = second.max(axis=-1) / first.max(axis=-1)
    return xr.Dataset(
        {
            "step_error": (("strategy", "step", "sequence"), error),
            **{name: (("strategy", "sequence"), values) for name, values in found.items()},
            "eta": (("sequence",), eta),
            "lambda": (("sequence",), lam),
            "beta1": (("sequence",), beta1),
            "beta2": (("sequence",), beta2),
        },
        coords={"strategy": np.arange(len(STRATEGIES)), "step": np.arange(1, steps + 1)},
        attrs={"strategies": list(STRATEGIES), "K": steps, "d": DIMENSION, "seed": session.seed},
    )
