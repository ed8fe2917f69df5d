"""Exact moments on quadratics: the closed forms of local SGD against impulse responses of the shipped rules.

A linear rule's output is its value without noise plus what every single kick of noise leaves in it.  Kicks are given
one by one to the step-by-step rules, so that nothing here relies on the engine of exact moments, which is checked too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.papers.khaled2025.quadratics import round_factor, round_variance
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import moved_fraction
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.khaled2025.rounds_runs import Transcript, transcript
from tightrate.verify.session import Session

Array = NDArray[np.float64]
LETTERS = ("curvature", "B", "sigma", "eta", "gamma", "momentum")


def average_local_gap(
    curvature: Array, start: Array, noise: Array, *, K: Array, R: Array, M: Array, eta: Array, gamma: Array
) -> Array:
    """The mean of E f(y) - f* over all local iterates of all workers of local SGD, on diagonal quadratics.

    `curvature`, `start` (distance from the optimum) and `noise` (standard deviation of one gradient) are (..., d), the
    others (...).  The theorem khaled2025/average-gap, summed over the coordinates; no differences of close numbers, so
    that it is accurate for the smallest steps too.
    """
    K, R, M, eta, gamma = (np.asarray(value, dtype=np.float64)[..., None] for value in (K, R, M, eta, gamma))
    q = eta * curvature
    shrunk, kept = q * (2 - q), gamma * moved_fraction(q, K)  # 1 - a^2 and 1 - b
    moved = kept * (2 - kept)  # 1 - b^2
    in_round, over_rounds = (
        np.where(rate > 0, moved_fraction(rate, count) / np.where(rate > 0, count * rate, 1.0), 1.0)
        for rate, count in ((shrunk, K), (moved, R))
    )  # means of a^(2h) and b^(2r)
    variance = gamma**2 * eta**2 * noise**2 * K * in_round / M
    settled = np.where(moved > 0, (1 - over_rounds) * variance / np.where(moved > 0, moved, 1.0), 0.0)
    spread = np.where(shrunk > 0, (1 - in_round) / np.where(shrunk > 0, shrunk, 1.0), 0.0) * eta**2 * noise**2
    return np.asarray(np.sum(curvature / 2 * (in_round * (over_rounds * start**2 + settled) + spread), axis=-1))


def kicked(algorithm: Algorithm[Any], curvature: Array, start: Array, *, K: int, R: int, M: int) -> Transcript:
    """Runs in one dimension, (1 + R K M) of them for each of the n instances: without noise, then one unit kick each.

    The replica axis of the transcript is (n, 1 + R K M), flattened; `algorithm` has the parameters of the instances.
    """
    kicks = R * K * M
    sources = np.zeros((R, K, 1 + kicks, M, 1))
    sources.transpose(0, 1, 3, 2, 4).reshape(kicks, 1 + kicks)[np.arange(kicks), 1 + np.arange(kicks)] = 0.0
    for source, (r, h, m) in enumerate(np.ndindex(R, K, M), start=1):
        sources[r, h, source, m] = 1.0
    n = len(curvature)
    noise = np.tile(sources, (1, 1, n, 1, 1))
    spread = np.repeat(curvature, 1 + kicks)[:, None, None]
    problem = DiagonalQuadratics(np.broadcast_to(spread, (len(spread), M, 1)), np.zeros((len(spread), M, 1)))
    return transcript(algorithm, problem, np.repeat(start, 1 + kicks)[:, None], noise)


def second_moment(values: Array, n: int, noise: Array) -> Array:
    """E x^2 (..., n) from the flattened runs of `kicked` (..., n (1 + kicks)) and the noise's standard deviations."""
    runs = values.reshape(*values.shape[:-1], n, -1)
    kicks = runs[..., 1:] - runs[..., :1]
    return np.asarray(runs[..., 0] ** 2 + noise**2 * np.sum(kicks**2, axis=-1))


def momentum_moments(b: Array, v: Array, momentum: Array, start: Array, rounds: int) -> Array:
    """E x_r^2 (R+1, n) of x_{r+1} = (b + momentum) x_r - momentum x_{r-1} + noise of variance v, x_{-1} = x_0."""
    turn = np.zeros((*b.shape, 2, 2))
    turn[..., 0, 0], turn[..., 0, 1], turn[..., 1, 0] = b + momentum, -momentum, 1.0
    return _second_moments(lambda _: turn, v, lambda _: np.array([1.0, 0.0]), start, rounds)


def accelerated_moments(a_K: Array, v: Array, gamma: Array, start: Array, rounds: int) -> Array:
    """E u_r^2 (R+1, n) of u_{r+1} = a^K x_r + n, z_{r+1} = z_r - gamma_r ((1 - a^K) x_r - n), Var n = v."""

    def turn(r: int) -> Array:
        tau, gamma_r = 2 / (r + 2), gamma * (r + 1) / 2
        found = np.empty((*a_K.shape, 2, 2))
        found[..., 0, 0], found[..., 0, 1] = a_K * (1 - tau), a_K * tau
        found[..., 1, 0], found[..., 1, 1] = -gamma_r * (1 - a_K) * (1 - tau), 1 - gamma_r * (1 - a_K) * tau
        return found

    return _second_moments(turn, v, lambda r: np.stack([0 * gamma + 1, gamma * (r + 1) / 2], axis=-1), start, rounds)


def _second_moments(
    turn: Callable[[int], Array], variance: Array, direction: Callable[[int], Array], start: Array, rounds: int
) -> Array:
    """E s_r[0]^2 of s_{r+1} = turn(r) s_r + direction(r) n_r, Var n_r = variance, s_0 = (start, start)."""
    n = len(start)
    moment = np.ones((n, 2, 2)) * start[:, None, None] ** 2
    found = [moment[:, 0, 0]]
    for r in range(rounds):
        kick = np.broadcast_to(direction(r), (n, 2))
        step = turn(r)
        moment = step @ moment @ np.swapaxes(step, -1, -2)
        moment = moment + variance[:, None, None] * kick[:, :, None] * kick[:, None, :]
        found.append(moment[:, 0, 0])
    return np.stack(found)


@experiment("khaled2025-closed-forms")
def closed_forms(session: Session) -> xr.Dataset:
    """Second moments of local SGD, with momentum and with acceleration, along the rounds: by kicks and in closed form.

    `kicked: NAME` and `exact: NAME` over (R, instance); `engine: NAME` from the engine of exact moments;
    `average`, `average: exact`, `average: stable`: the mean gap over all local iterates by kicks, by the theorem's
    expression and by `average_local_gap`; `stationary`, `stationary: exact`: the engine after 10^9 rounds.
    """
    n = session.choose(quick=60, full=1000)
    generator = stream(session.seed, experiment="khaled2025-closed-forms")
    parts = [_closed_forms(generator, n, K, R, M) for K, R, M in ((1, 6, 3), (3, 5, 2), (5, 4, 2), (4, 6, 1))]
    return xr.concat(parts, dim="instance", join="outer", fill_value=np.nan).assign_attrs(seed=session.seed)


def _closed_forms(generator: np.random.Generator, n: int, K: int, R: int, M: int) -> xr.Dataset:
    curvature, start = 10 ** generator.uniform(-2, 1, n), 10 ** generator.uniform(-1, 1, n)
    noise = curvature * start * 10 ** generator.uniform(-2, 1, n)
    eta = generator.uniform(0.02, 1.2, n) / curvature
    gamma, heavy = generator.uniform(0.1, 1.6, n), generator.uniform(0.0, 0.95, n)
    below_1 = np.minimum(gamma, 1.0)
    letters = {"curvature": curvature, "B": start, "sigma": noise, "eta": eta, "gamma": gamma, "K": K, "R": R, "M": M}
    factor, variance = (vectorized(expression)(**_used(expression, letters)) for expression in _round())
    unit = {**letters, "gamma": np.ones(n)}
    inner, inner_variance = (vectorized(expression)(**_used(expression, unit)) for expression in _round())
    rules: dict[str, tuple[Callable[..., Algorithm[Any]], dict[str, Array], Array]] = {
        "local": (
            local_sgd,
            {"eta": eta, "gamma": gamma},
            momentum_moments(factor, variance, np.zeros(n), start, R),
        ),
        "momentum": (
            local_sgd_outer_momentum,
            {"eta": eta, "gamma": gamma, "momentum": heavy},
            momentum_moments(factor, variance, heavy, start, R),
        ),
        "accelerated": (
            local_sgd_outer_acceleration,
            {"eta": eta, "gamma": below_1},
            accelerated_moments(inner, inner_variance, below_1, start, R),
        ),
    }
    columns: dict[str, tuple[tuple[str, ...], Array]] = {}
    along = np.arange(R + 1.0)
    counts = {name: np.full(n, float(value)) for name, value in (("K", K), ("R", R), ("M", M))}
    problem = DiagonalQuadratics(np.broadcast_to(curvature[:, None, None], (n, M, 1)), np.zeros((n, M, 1)))
    for name, (rule, steps, exact) in rules.items():
        repeated = {key: np.repeat(value, 1 + R * K * M) for key, value in steps.items()}
        run = kicked(rule(**repeated), curvature, start, K=K, R=R, M=M)
        columns[f"kicked: {name}"] = ("R", "instance"), second_moment(run.outputs[..., 0], n, noise)
        columns[f"exact: {name}"] = ("R", "instance"), exact
        columns[f"engine: {name}"] = (
            ("R", "instance"),
            _engine(rule(**steps), problem, start, noise, K, along),
        )
        if name == "local":
            gaps = second_moment(run.points[:, :K, :, :, 0].swapaxes(-1, -2), n, noise).mean(axis=(0, 1, 2))
            columns["average"] = ("instance",), curvature / 2 * gaps
    catalogue = {
        label: theorem(f"khaled2025/{label}").bound for label in ("average-gap", "quadratic-mean", "stationary")
    }
    columns["average: exact"] = ("instance",), catalogue["average-gap"].function()(**letters)
    columns["average: stable"] = (
        ("instance",),
        average_local_gap(curvature[:, None], start[:, None], noise[:, None], **counts, eta=eta, gamma=gamma),
    )
    mean = catalogue["quadratic-mean"].function()
    columns["mean"] = (
        ("R", "instance"),
        np.abs(_mean(local_sgd(eta=eta, gamma=gamma), problem, start, K, along)),
    )
    columns["mean: exact"] = (
        ("R", "instance"),
        mean(**{name: letters[name] for name in ("curvature", "B", "eta", "gamma", "K")}, R=along[:, None]),
    )
    converges = np.abs(factor) < 1
    settled = _engine(local_sgd(eta=eta, gamma=gamma), problem, start, noise, K, np.array([1e9]))[0]
    stationary = catalogue["stationary"].function()(**{k: v for k, v in letters.items() if k not in ("B", "R")})
    columns["stationary"] = ("instance",), np.where(converges, settled, 0.0)
    columns["stationary: exact"] = ("instance",), np.where(converges, stationary, 0.0)
    columns["scale"] = ("instance",), start**2 + eta**2 * noise**2
    columns |= {name: (("instance",), values) for name, values in counts.items() if name != "R"}
    drawn = {"curvature": curvature, "B": start, "sigma": noise, "eta": eta, "gamma": gamma}
    columns |= {name: (("instance",), values) for name, values in drawn.items()}
    columns["momentum"] = ("instance",), heavy
    return xr.Dataset(columns, coords={"R": along})


def _round() -> tuple[Any, Any]:
    return round_factor(), round_variance()


def _used(expression: Any, letters: dict[str, Any]) -> dict[str, Any]:
    return {symbol.name: letters[symbol.name] for symbol in expression.free_symbols}


def _engine(
    algorithm: Algorithm[Any], problem: DiagonalQuadratics, start: Array, noise: Array, K: int, rounds: Array
) -> Array:
    """E x_r^2 (rounds, n) by the engine of exact moments, which is given noise of variance 1."""
    n = len(start)
    found = exact_moments(
        algorithm,
        problem,
        K=K,
        R=np.broadcast_to(rounds, (n, len(rounds))),
        noise=GaussianNoise(1.0),
        start=start[:, None],
    )
    return np.asarray(found.last.mean[..., 0] ** 2 + noise[:, None] ** 2 * found.last.spread[..., 0]).T


def _mean(algorithm: Algorithm[Any], problem: DiagonalQuadratics, start: Array, K: int, rounds: Array) -> Array:
    n = len(start)
    found = exact_moments(algorithm, problem, K=K, R=np.broadcast_to(rounds, (n, len(rounds))), start=start[:, None])
    return np.asarray(found.last.mean[..., 0]).T
