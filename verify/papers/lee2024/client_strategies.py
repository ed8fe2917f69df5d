"""A mixture of client optimizers: SGD, momentum SGD, AdaGrad and Adam as weighted sums of damped gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.fedada2 import DelayedAdam, DelayedPreconditioner, client_parameters
from tightrate.simulator.algorithms.local_sgdm import sgdm
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.optimizer import Optimizer
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.assertions.equal import Vanishes
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.lee2024.client_steps import (
    DIMENSION,
    ROUNDING,
    Array,
    displacement,
    gradient_sequences,
    positions,
    walk,
)
from tightrate.verify.session import Session

STRATEGIES = ("sgd", "sgdm", "adagrad", "adam")
DAMPED = ("adagrad", "adam")


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

    Over (strategy, step, sequence): `step_error`, the largest difference of a shipped step from the $sum eta sum a_l
    g_l / theta$, relative to $eta sum |a_l g_l| / theta + |x|$, at whose size differences of points are rounded.
    `theta_low` and `theta_high` are the least and the largest $theta$ over their limits $lambda$ and $sqrt(K) G +
    lambda$ (1 and 1 without damping); `largest_a`; `displacement`. `damping` is $lambda$ for AdaGrad and Adam and 1 for
    the others."""
    n, steps = session.choose(quick=500, full=10_000), 8
    generator = stream(session.seed, experiment="lee2024-strategies")
    gradients = gradient_sequences(generator, n, steps)
    eta, lam = 10 ** generator.uniform(-3, 1, n), 10 ** generator.uniform(-4, 2, n)
    beta2 = 1 - 10 ** generator.uniform(-3, -0.1, n)
    beta1 = generator.uniform(0.0, 0.99, n)
    clients = strategies(eta, lam, beta1, beta2)
    largest = np.abs(gradients).max(axis=(0, 2, 3))
    letters = {"eta": eta, "lambda": lam, "beta1": beta1, "beta2": beta2, "G_inf": largest}
    names = ("theta_low", "theta_high", "largest_a", "displacement", "damping")
    found = {name: np.empty((len(STRATEGIES), n)) for name in names}
    error = np.empty((len(STRATEGIES), steps, n))
    for s, strategy in enumerate(STRATEGIES):
        x = positions(clients[strategy], walk(clients[strategy], gradients))
        damped = strategy in DAMPED
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
        found["damping"][s] = lam if damped else 1.0
    return xr.Dataset(
        {
            "step_error": (("strategy", "step", "sequence"), error),
            **{name: (("strategy", "sequence"), values) for name, values in found.items()},
            **{name: ("sequence", values) for name, values in letters.items()},
        },
        coords={"strategy": list(STRATEGIES), "step": np.arange(1, steps + 1)},
        attrs={"K": steps, "d": DIMENSION, "seed": session.seed},
    )


@claim(
    "lee2024/strategies-fit",
    "SGD, momentum SGD, AdaGrad and Adam are strategies of the mixture: step $p$ is $eta$ times a sum of $a_l g_l /"
    " theta_l$ with $a_l$ at most 1 that may depend on $p$ and vanish.",
    theorem="lee2024/blended",
    kind="identity",
    data=blended_strategies,
    expected="confirmed",
)
def strategies_fit(data: xr.Dataset) -> Vanishes:
    """Every step of the shipped optimizers against the sum, written from the definitions without recursions."""
    what = "a step less the sum of damped gradients, relative to their size"
    return Vanishes(Measurement.of(data, "step_error", what=what), 1e-12)


@claim(
    "lee2024/strategies-damping",
    "For AdaGrad and Adam $theta$ lies between $lambda$ and $sqrt(K) G + lambda$, for SGD and momentum it is 1.",
    theorem="lee2024/blended",
    kind="bound with constants",
    data=blended_strategies,
)
def strategies_damping(data: xr.Dataset) -> Every:
    """The ratios of $theta$ to both ends, and of a to 1, on random gradient sequences."""

    def ratio(name: str, what: str) -> Measurement:
        return Measurement.of(data, name, what=what, rounding=ROUNDING)

    one = xr.DataArray(1.0)
    return Every(
        {
            "low": AtLeast(ratio("theta_low", "smallest theta / lambda"), one),
            "high": AtMost(ratio("theta_high", "largest theta / (sqrt(K) G + lambda)"), one),
            "weights": AtMost(ratio("largest_a", "largest a"), one),
        }
    )


@claim(
    "lee2024/strategies-displacement",
    "No coordinate of a client with one of the four strategies moves further than $eta G K (K+1) / (2 m)$.",
    theorem="lee2024/client-displacement-blended",
    kind="bound with constants",
    data=blended_strategies,
)
def strategies_displacement(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random gradient sequences, by value; $m$ is $lambda$ for AdaGrad and Adam and 1 for the others."""
    return Bounded(theorem, displacement(data.assign({"lambda": data.damping})))
