"""Drift under a frozen scaling matrix where it shows: a kinked coordinate beside a slow one, sampled step by step.

On quadratics the gradient of the mean is the mean gradient, so that local steps on equal workers cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.separable import SeparableWorkers
from tightrate.constructions.structured_noise import OnCoordinates
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, K, M, R, eta, mu
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step, worker_average
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, CURVATURE = 1.0, 0.25  # right and left of the kink; the slow coordinate has the left one too
D_MIN, D_MAX = 1.0, 2.0  # of the kinked coordinate, of the slow one
LABELS = ("id-sc", "id-c", "het-c")
LOCAL_STEPS, WORKERS, ROUNDS, SIGMA, STEP = 64, 1024, 16, 1.0, 1 / 64  # of the noisy runs
TILT, COPIES, TILTED_ROUNDS = 1.0, 4096, 150  # of the workers that differ; two of them are run for all copies
TILTED_STEP = D_MIN / (8 * L * (LOCAL_STEPS - 1))  # the largest one


def in_new_variables(zeta: float, workers: int) -> SeparableWorkers:
    """f(D^{-1/2} y) for the kinked pair with D = (D_MAX, D_MIN): again a kinked pair, with other constants."""
    scaled = {"L": L / D_MIN, "curvature": CURVATURE / D_MIN, "mu": CURVATURE / D_MAX, "zeta": zeta / np.sqrt(D_MIN)}
    return zeta_piecewise_pair(**scaled, B=1.0, M=workers)


@experiment("frozen-scaling-drift")
def frozen_scaling_drift(session: Session) -> xr.Dataset:
    """Local SGD from the optimum in the variables $D^{1/2} x$, where it is the method with the frozen matrix $D$.

    `mean`, `stderr` (theorem): what each theorem bounds, its mean over replicas and the error of that: equal workers
    with noise for (id-sc) and (id-c), tilted ones without for (het-c). Of the noisy runs: `squared` (replica, $t$) is
    the exact mean of $|x_{t+1} - x*|^2$ given the state at $t$, whose squared distance, gap and spread $V_t$ are
    `squared_before`, `gap` and `spread_before`; `spread`, `spread_stderr` $(t)$ are the mean of $V_t$, with the spread
    that the same noise has without gradients as control variate, whose mean is known. `scaled_L` and so on are the
    constants in the new variables."""
    replicas, T = session.choose(quick=8, full=40), LOCAL_STEPS * ROUNDS
    problem, sigma = in_new_variables(0.0, WORKERS), SIGMA / np.sqrt(D_MIN)
    shape = (replicas, WORKERS, 2)
    noise = OnCoordinates(GaussianNoise(sigma), (1,))
    xi = drawn_noise(noise, steps=T, shape=shape, seed=session.seed, experiment="frozen-scaling-drift")
    found = {name: np.empty((replicas, T)) for name in ("squared", "squared_before", "gap", "spread_before")}
    without_gradients = np.empty((replicas, T))
    total, last, walk = np.zeros((replicas, 2)), np.zeros((replicas, 2)), np.zeros(shape)
    for seen in step_by_step(local_sgd(eta=np.array(STEP)), problem, noise=xi, K=LOCAL_STEPS, start=problem.optimum):
        mean = worker_average(seen.before.x)
        walk = np.zeros(shape) if seen.starts_round else walk
        moved = mean - STEP * worker_average(seen.exact) - problem.optimum
        found["squared"][:, seen.t] = (moved**2).sum(axis=-1) + (STEP * sigma) ** 2 / WORKERS
        found["squared_before"][:, seen.t] = ((mean - problem.optimum) ** 2).sum(axis=-1)
        found["gap"][:, seen.t] = problem.gap(mean)
        found["spread_before"][:, seen.t] = spread_of(seen.before.x)
        without_gradients[:, seen.t] = spread_of(walk)
        walk = walk - STEP * xi[seen.t]
        total += mean
        last = worker_average(seen.after.x)
    since_averaging = np.arange(T) % LOCAL_STEPS
    controlled = found["spread_before"] - without_gradients
    controlled += (STEP * sigma) ** 2 * since_averaging * (1 - 1 / WORKERS)
    ends = {"id-sc": ((last - problem.optimum) ** 2).sum(axis=-1), "id-c": problem.gap(total / T)}
    means = [*(float(values.mean()) for values in ends.values()), tilted_gap()]
    errors = [*(float(values.std(ddof=1)) / np.sqrt(replicas) for values in ends.values()), 0.0]
    noisy = {"K": LOCAL_STEPS, "R": ROUNDS, "M": WORKERS, "eta": STEP, "sigma": SIGMA, "sigma_star": SIGMA}
    tilted = {"R": TILTED_ROUNDS, "M": COPIES, "eta": TILTED_STEP, "sigma": 0.0, "sigma_star": TILT}
    symbols = [noisy, noisy, {**noisy, **tilted}]
    shared = {"L": L, "mu": CURVATURE, "d_min": D_MIN, "d_max": D_MAX, "B": 0.0, "B_scaled": 0.0, "gamma": 1.0}
    in_new = {"L": L / D_MIN, "mu": CURVATURE / D_MAX, "sigma": sigma}
    return xr.Dataset(
        {
            "mean": ("theorem", means),
            "stderr": ("theorem", errors),
            **{name: ("theorem", [float(at[name]) for at in symbols]) for name in noisy},
            **{name: (("replica", "t"), values) for name, values in found.items()},
            "spread": ("t", controlled.mean(axis=0)),
            "spread_stderr": ("t", controlled.std(axis=0, ddof=1) / np.sqrt(replicas)),
            "since_averaging": ("t", since_averaging.astype(np.float64)),
        },
        coords={"theorem": list(LABELS), "t": np.arange(T)},
        attrs={
            "seed": session.seed,
            **shared,
            **{f"scaled_{name}": value for name, value in in_new.items()},
        },
    )


def spread_of(x: Array) -> Array:
    """The mean squared distance of the workers from their mean."""
    return np.asarray(((x - x.mean(axis=1, keepdims=True)) ** 2).sum(axis=-1).mean(axis=-1))


def tilted_gap() -> float:
    """The gap of the average of all iterates on workers tilted up and down: two of them, or as many copies of both."""
    problem, T = in_new_variables(TILT, 2), LOCAL_STEPS * TILTED_ROUNDS
    quiet, total = np.zeros((T, 1, 2, 2)), np.zeros(2)
    method = local_sgd(eta=np.array(TILTED_STEP))
    for seen in step_by_step(method, problem, noise=quiet, K=LOCAL_STEPS, start=problem.optimum):
        total += worker_average(seen.before.x)[0]
    return float(problem.gap(total / T))


# --- The bounds, with and without their drift term -------------------------------------------------------------------


def at_the_end(theorem: Theorem, data: xr.Dataset) -> Measurement:
    """What the theorem bounds, in the runs made for it."""
    own = data.sel(theorem=theorem.label)
    return Measurement.of(own, "mean", what=theorem.bound.measure.meaning, stderr="stderr")


@claim(
    "chezhegov2024/bounds-with-a-kink",
    "Frozen matrix: the bounds (id-sc), (id-c) and (het-c) hold on functions with a kink, where drift shows.",
    theorem="chezhegov2024/id-sc",
    kind="bound with constants",
    data=frozen_scaling_drift,
)
def bounds_with_a_kink(data: xr.Dataset) -> Every:
    """Runs from the optimum: the mean over replicas against each bound, by value."""
    theorems = (statement(f"chezhegov2024/{label}") for label in LABELS)
    return Every({one.label: Bounded(one, at_the_end(one, data)) for one in theorems})


def without(theorem: Theorem, term: str) -> Expr:
    """The theorem's bound less one term."""
    return sympy.Add(*(one.expression for one in theorem.bound.terms if one.name != theorem.bound.term(term).name))


@claim(
    "chezhegov2024/id-sc-without-drift",
    "The bound (id-sc) for a frozen matrix holds without its drift term.",
    theorem="chezhegov2024/id-sc",
    kind="counterexample",
    data=frozen_scaling_drift,
    expected="violated",
)
def id_sc_without_drift(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Gaussian noise at a kink, 1024 equal workers from the optimum: the mean squared $D$-norm distance against the
    other terms."""
    return Bounded(theorem, at_the_end(theorem, data), expression=without(theorem, "noise drift"))


@claim(
    "chezhegov2024/id-c-without-drift",
    "The bound (id-c) for a frozen matrix holds without its drift term.",
    theorem="chezhegov2024/id-c",
    kind="counterexample",
    data=frozen_scaling_drift,
    expected="violated",
)
def id_c_without_drift(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same runs: the gap of the average of all iterates."""
    return Bounded(theorem, at_the_end(theorem, data), expression=without(theorem, "noise drift"))


@claim(
    "chezhegov2024/het-c-without-drift",
    "The bound (het-c) for a frozen matrix holds without its drift term.",
    theorem="chezhegov2024/het-c",
    kind="counterexample",
    data=frozen_scaling_drift,
    expected="violated",
)
def het_c_without_drift(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Workers tilted up and down at a kink, without noise, from the optimum, at the largest step: the gap of the
    average of all iterates."""
    return Bounded(theorem, at_the_end(theorem, data), expression=without(theorem, "drift"))


# --- One step of the proof, and the spread that it needs -------------------------------------------------------------


def on_the_way(data: xr.Dataset, **symbols: str) -> tuple[xr.Dataset, dict[str, str]]:
    """The noisy runs, and the names of their symbols in the new variables."""
    scaled = {name: f"scaled_{name}" for name in ("L", "mu", "sigma")}
    return data.sel(theorem="id-sc", drop=True), {**scaled, **symbols}


def one_step_coefficients() -> Mapping[str, Expr]:
    """What one step of (id-sc)'s proof bounds E|x_{t+1} - x*|^2 by, given the state, as coefficients of the squared
    distance, minus the gap, 1 and the spread V_t:

    (1 - eta mu) |x_t - x*|^2 - (eta/2) gap + eta^2 sigma^2/M + 2 eta L V_t.

    They are those that the sums over all steps, `local-id-sc` and `local-id-c`, are made of.
    """
    summed, convex = (statement(f"chezhegov2024/local-{label}").bound for label in ("id-sc", "id-c"))
    largest = statement("khaled2025/lemma7-mean").bound.expression.subs(K, K - 1).subs(1 / M, 0)
    rate = eta * mu
    return {
        "squared distance": 1 - rate,
        "gap": sympy.cancel(B**2 / (K * R) / convex.term("optimization").expression),
        "noise": rate * summed.term("statistical").expression,
        "spread": sympy.cancel(rate * summed.term("noise drift").expression / largest),
    }


@claim(
    "chezhegov2024/one-step",
    "Identical workers, in the variables $D^{1/2} x$: a step takes $E|x - x*|^2$ to at most $(1 - eta mu)|x - x*|^2"
    " - (eta/2)$ gap + $eta^2 sigma^2/M + 2 eta L V$.",
    theorem="chezhegov2024/local-id-sc",
    kind="bound with constants",
    data=frozen_scaling_drift,
)
def one_step(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """At every state of the noisy runs: the exact mean of the next squared distance against the coefficients that the
    summed bounds are made of."""
    runs, symbols = on_the_way(data)
    what = "mean squared distance after a step"
    found = Measurement.of(runs, "squared", what=what, symbols=symbols, rounding=1e-15)
    of = {name: found.at(coefficient) for name, coefficient in one_step_coefficients().items()}
    right = (
        of["squared distance"] * data.squared_before
        - of["gap"] * data.gap
        + of["noise"]
        + of["spread"] * data.spread_before
    )
    return Bounded(theorem, found, right=right)


@claim(
    "chezhegov2024/spread-of-the-workers",
    "Identical workers, in the variables $D^{1/2} x$: the spread $E V$ after $h$ local steps is at most $eta^2"
    " sigma^2 h$.",
    theorem="khaled2025/lemma7-mean",
    kind="bound with constants",
    data=frozen_scaling_drift,
)
def spread_of_the_workers(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """After every local step, by value, with $K - 1$ the most local steps that there are: after the first step the
    bound is attained in the mean, so that what is sampled is only by how much gradients make the spread smaller than
    that of the noise alone."""
    runs, symbols = on_the_way(data, K="since_averaging")
    what, rounding = "mean spread of the workers", 1e-12 * runs.spread.max()
    spread = Measurement.of(
        runs,
        "spread",
        what=what,
        symbols=symbols,
        stderr="spread_stderr",
        rounding=rounding,
        replicas=float(data.sizes["replica"]),
    )
    return Bounded(theorem, spread)
