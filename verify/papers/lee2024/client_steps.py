"""Clients of FedAda² fed with arbitrary gradients: how far they move, and what their preconditioners are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.fedada2 import DelayedAdam, DelayedPreconditioner, client_parameters
from tightrate.simulator.algorithms.fedada2_plus_plus import SM3I, SM3II, Cover, rows_and_columns
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.optimizer import Optimizer
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
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
ROUNDING = 1e-12  # relative, of sums of a few steps


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
    """AdaGrad and SM3 clients with random steps and damping; over (rule, delay, $K$, sequence).

    `displacement`, the largest coordinate of the move in the round; `largest_step` of a coordinate in units of $eta$;
    `accumulator_low`, the least ratio of the preconditioner to the sum of squared gradients at its updates, and
    `accumulator_high`, the largest ratio to the number of updates times the largest squared gradient."""
    n = session.choose(quick=250, full=4000)
    shape = (len(RULES), len(DELAYS), len(LOCAL_STEPS), n)
    names = ("displacement", "largest_step", "accumulator_low", "accumulator_high")
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
        coords={"rule": list(RULES), "delay": np.array(DELAYS), "K": np.array(LOCAL_STEPS)},
        attrs={"d": DIMENSION, "seed": session.seed},
    )


@claim(
    "lee2024/client-displacement",
    "No coordinate of an AdaGrad or SM3 client with $delay z$ moves further than $Phi$ in a round.",
    kind="bound with constants",
    data=adaptive_clients,
)
def client_displacement(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Arbitrary gradient sequences: heavy tails, geometric growth and decay, rare gradients, one sign."""
    return Bounded(theorem, displacement(data))


def displacement(data: xr.Dataset) -> Measurement:
    """How far a client moves in a round."""
    what = "largest coordinate of a client's move"
    return Measurement.of(data, "displacement", what=what, rounding=ROUNDING * data.displacement)


def longest_step(data: xr.Dataset) -> Measurement:
    """How far a client moves in one step."""
    what = "largest coordinate of a step in units of eta"
    return Measurement.of(data, "largest_step", what=what, rounding=ROUNDING)


@claim(
    "lee2024/step-at-most-eta",
    "Without delay no coordinate of an AdaGrad or SM3 client moves by more than $eta$ in a step, in any noise.",
    theorem="lee2024/h2",
    kind="bound with constants",
    data=adaptive_clients,
)
def step_at_most_eta(data: xr.Dataset) -> AtMost:
    """The largest single step over the same sequences with delay 1, in units of $eta$."""
    return AtMost(longest_step(data.sel(delay=1)), xr.DataArray(1.0))


@claim(
    "lee2024/delayed-step-exceeds-eta",
    "With a delay a step of an AdaGrad or SM3 client can be more than a thousand times $eta$.",
    theorem="lee2024/h3",
    kind="counterexample",
    data=adaptive_clients,
    outside="steps of single clients are measured, at any step that does not renew the preconditioner",
)
def delayed_step(data: xr.Dataset) -> Every:
    """The largest step over the same sequences with delays 2 and 3, for every rule: a step that does not renew the
    preconditioner is not bounded by $eta$, though with delay 1 every step is."""
    delayed = data.sel(delay=data.delay > 1)
    largest = delayed[["largest_step"]].max(("K", "sequence"))
    return Every(
        {
            "delayed": AtLeast(longest_step(largest), xr.DataArray(1000.0)),
            "without delay": AtMost(longest_step(data.sel(delay=1)), xr.DataArray(1.0)),
        }
    )


@claim(
    "lee2024/sm3-dominates",
    "The preconditioner of SM3 is at least AdaGrad's sum of squared gradients, and at most the number of updates"
    " times the largest squared gradient.",
    theorem="lee2024/client-displacement",
    kind="bound with constants",
    data=adaptive_clients,
)
def sm3_dominates(data: xr.Dataset) -> Every:
    """Both ratios for SM3-I and SM3-II with three covers and all delays, on the same sequences."""
    low, high = "preconditioner / sum of squared gradients", "preconditioner / (updates times the largest square)"
    one = xr.DataArray(1.0)
    return Every(
        {
            "below": AtLeast(Measurement.of(data, "accumulator_low", what=low, rounding=ROUNDING), one),
            "above": AtMost(Measurement.of(data, "accumulator_high", what=high, rounding=ROUNDING), one),
        }
    )


@experiment("lee2024-adam-clients")
def adam_clients(session: Session) -> xr.Dataset:
    """Adam clients without bias correction over ($K$, sequence): `displacement` in a round and `largest_step`.

    A quarter of the sequences are the extremal ones, proportional to $(beta1/beta2)^(k - s)$, with tiny damping."""
    n = session.choose(quick=2000, full=40_000)
    names = ("displacement", "largest_step", "eta", "beta1", "beta2")
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
        found["displacement"][k] = np.abs(x[-1]).max(axis=-1)
        found["largest_step"][k] = np.abs(np.diff(x, axis=0)).max(axis=(0, 2))
        for name, values in {"eta": eta, "beta1": beta1, "beta2": beta2}.items():
            found[name][k] = values
    return xr.Dataset(
        {name: (("K", "sequence"), values) for name, values in found.items()},
        coords={"K": np.array(every)},
        attrs={"d": DIMENSION, "delay": 1, "seed": session.seed},
    )


@claim(
    "lee2024/adam-displacement",
    "In any noise no coordinate of an Adam client with $beta1^2 < beta2$ moves further than the bound.",
    theorem="lee2024/client-displacement-adam",
    kind="bound with constants",
    data=adam_clients,
)
def adam_displacement(theorem: Theorem, data: xr.Dataset) -> Every:
    """Single steps and whole rounds, on random sequences and on the extremal one of the proof."""
    what = "largest coordinate of a client's step"
    step = Measurement.of(data, "largest_step", what=what, symbols={"K": 1.0}, rounding=ROUNDING * data.largest_step)
    return Every({"in a round": Bounded(theorem, displacement(data)), "in a step": Bounded(theorem, step)})
