"""Few steps of two workers with noise of two values: every path of the noise, so that quantiles are exact.

A statement that holds with probability at least 1 - delta is measured by its quantile at 1 - delta.  Statements about
one round of equal workers in expectation need the paths of one worker only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tightrate.constructions.pieces import Clipped
from tightrate.constructions.separable import SeparableWorkers, placed
from tightrate.rates.statements.admissible_steps import fastest_averaging, largest_step, mentions
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_adam import local_adam
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgdm import local_sgdm
from tightrate.verify.falsification.instances.kinked_functions import bent_parabola, level
from tightrate.verify.falsification.search import Array, Axis, Point, Search, Trial, over_points, pooled
from tightrate.verify.measurement import Measurement

WORKERS, MOST_STEPS, MOST_ROUNDS, LONGEST_ROUND = 2, 4, 2, 8
POINTS_AT_ONCE = 512
METHOD = "exact: all paths of the noise, by the shipped algorithm"
LAW = (Axis("probability", 0.02, 0.98, "linear"), Axis("sigma", 0.01, 10.0))
DELTA = Axis("delta", 1e-3, 0.9)
BENT = (Axis("flat", 1e-3, 1.0), Axis("slope", -1.0, 1.0, "linear"), Axis("B", 1e-2, 10.0))
TIMES = (Axis("K", 1, MOST_STEPS, "whole"), Axis("most_rounds", 1, MOST_ROUNDS, "whole"))
USED = Axis("used", 1e-2, 1.0)
HUBER = (
    Axis("steepest", 1e-2, 10.0),
    Axis("B", 1e-2, 1e3),
    Axis("threshold", 1.0, 10.0),
    Axis("alpha", 4.0, 8.0, "linear"),
    Axis("beta1", 0.0, 0.95, "linear"),
)
ADAM = (Axis("lambda", 1e-2, 1e2), Axis("averaged", 1e-2, 1.0))

Measured = Literal["z", "x", "scaled-z", "growth", "difference", "size"]


@dataclass(frozen=True)
class Paths:
    """Noise of two values for every step and worker: values (step, path, worker) in {0, 1}, 0 the first value."""

    second: Array

    @classmethod
    def of(cls, steps: int, workers: int) -> Paths:
        """All 2^(steps workers) of them."""
        bits = (np.arange(2 ** (steps * workers))[:, None] >> np.arange(steps * workers)) & 1
        return cls(np.moveaxis(bits.reshape(-1, steps, workers), 0, 1).astype(np.float64))

    def chances(self, probability: Array, steps: int) -> Array:
        """The probability (n, path) of each path, given that of the first value."""
        ones = self.second[:steps].sum(axis=(0, 2))
        count = self.second[:steps].shape[0] * self.second.shape[2]
        chance = probability[:, None]
        spare = 2.0 ** -((self.second.shape[0] - steps) * self.second.shape[2])  # steps that are not taken
        return np.asarray(spare * chance ** (count - ones) * (1 - chance) ** ones)


def jumps(point: Point) -> tuple[Array, Array]:
    """The two values of a noise with mean 0 and variance sigma^2."""
    probability = point["probability"]
    size = point["sigma"] / np.sqrt(probability * (1 - probability))
    return (1 - probability) * size, -probability * size


def quantile(values: Array, chances: Array, delta: Array) -> Array:
    """The least value that is not exceeded with probability 1 - delta, (n,), of values (n, path)."""
    order = np.argsort(values, axis=1)
    reached = np.cumsum(np.take_along_axis(chances, order, axis=1), axis=1) >= (1 - delta[:, None]) * (1 - 1e-12)
    place = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    return np.asarray(np.take_along_axis(values, place, axis=1)[:, 0])


@dataclass(frozen=True)
class Moment:
    """A local step of all runs (n path, worker, 1): the states around it, and which runs take it."""

    before: Any
    gradient: Array
    updated: Any
    after: Any
    starts_round: bool
    taken: NDArray[np.bool_]


def walk(
    algorithm: Algorithm[Any],
    problem: SeparableWorkers,
    point: Point,
    paths: Paths,
    *,
    start: Array,
    K: Array,
    R: Array,
) -> Iterator[Moment]:
    """The local steps of every run along every path, for K and R of (n,); runs that have ended stay where they are."""
    count = paths.second.shape[1]
    up, down = (np.repeat(value, count)[:, None, None] for value in jumps(point))
    begin = np.repeat(start, count)[:, None, None]
    state = algorithm.init(np.broadcast_to(begin, (len(begin), paths.second.shape[2], 1)).copy())
    local, rounds = np.repeat(K, count), np.repeat(R, count)
    path = np.tile(np.arange(count), len(K))
    step = np.zeros(len(begin), dtype=int)
    for r in range(int(R.max())):
        for k in range(int(K.max())):
            taken = (r < rounds) & (k < local)
            bits = paths.second[np.minimum(step, len(paths.second) - 1), path]
            gradient = problem.gradient(algorithm.point(state)) + np.where(bits[..., None] > 0, down, up)
            updated = _where(taken, algorithm.local_step(state, gradient), state)
            ends = taken & (k + 1 == local)
            after = _where(ends, algorithm.synchronize(updated), updated)
            yield Moment(state, gradient, updated, after, k == 0, taken)
            state, step = after, step + taken


def _where(mask: NDArray[np.bool_], new: Any, old: Any) -> Any:
    parts = (
        np.where(mask[:, None, None], a, b) if isinstance(a, np.ndarray) else a for a, b in zip(new, old, strict=True)
    )
    return type(new)(*parts)


def _repeated(values: Array, paths: Paths) -> Array:
    return np.repeat(values, paths.second.shape[1])


def _bent(point: Point, paths: Paths) -> SeparableWorkers:
    return bent_parabola(*(_repeated(point[name], paths) for name in ("flat", "slope", "B")))


def spread_trial(theorem: Theorem, point: Point, *, pairs: bool) -> Measurement:
    """Equal workers in one round: the largest expected spread at any step, from the law of one worker's iterate."""
    paths = Paths.of(LONGEST_ROUND, 1)
    one = np.ones_like(point["K"])
    symbols = {"L": one, "K": point["K"], "M": point["M"], "sigma": point["sigma"]}
    symbols["eta"] = point["used"] * largest_step(theorem.conditions, symbols)
    algorithm = local_sgd(eta=_repeated(symbols["eta"], paths))
    chances = paths.chances(point["probability"], LONGEST_ROUND)
    value = np.zeros_like(one)
    for moment in walk(algorithm, _bent(point, paths), point, paths, start=0 * one, K=point["K"], R=one):
        x = algorithm.point(moment.updated).reshape(len(one), -1)
        mean = np.sum(chances * x, axis=1, keepdims=True)
        seen = moment.taken.reshape(x.shape)[:, 0]
        value = np.maximum(value, np.where(seen, np.sum(chances * (x - mean) ** 2, axis=1), 0.0))
    value = value * (1 - 1 / point["M"]) * (2 if pairs else 1)
    return over_points(value, symbols, rounding=1e-14 * point["B"] ** 2)


def drift_trial(theorem: Theorem, point: Point) -> Measurement:
    """The quantile of the largest spread of two workers at any step of a round."""
    paths = Paths.of(MOST_STEPS, WORKERS)
    one = np.ones_like(point["K"])
    symbols = {"L": one, "K": point["K"], "delta": point["delta"]}
    symbols["sigma"] = np.maximum(*np.abs(jumps(point)))
    symbols["eta"] = point["used"] * largest_step(theorem.conditions, symbols)
    algorithm = local_sgd(eta=_repeated(symbols["eta"], paths))
    value = np.zeros((len(one), paths.second.shape[1]))
    for moment in walk(algorithm, _bent(point, paths), point, paths, start=0 * one, K=point["K"], R=one):
        apart = np.var(algorithm.point(moment.updated)[..., 0], axis=-1)
        value = np.maximum(value, apart.reshape(value.shape))
    exact = quantile(value, paths.chances(point["probability"], MOST_STEPS), point["delta"])
    return over_points(exact, symbols, rounding=1e-13 * point["B"] ** 2)


def guarantee_trial(theorem: Theorem, point: Point) -> Measurement:
    """The quantile of the gap of the average over all local iterates, with any outer step."""
    paths = Paths.of(MOST_STEPS, WORKERS)
    one = np.ones_like(point["K"])
    R = np.minimum(point["most_rounds"], np.floor(MOST_STEPS / point["K"]))
    symbols = {"L": one, "K": point["K"], "R": R, "M": WORKERS * one, "delta": point["delta"], "gamma": point["gamma"]}
    symbols |= {"B": point["B"], "sigma": np.maximum(*np.abs(jumps(point)))}
    symbols["eta"] = point["used"] * largest_step(theorem.conditions, symbols)
    problem = _bent(point, paths)
    algorithm = local_sgd(eta=_repeated(symbols["eta"], paths), gamma=_repeated(point["gamma"], paths))
    total, steepest = np.zeros(len(problem.tilts)), np.zeros(len(problem.tilts))
    for moment in walk(algorithm, problem, point, paths, start=0 * one, K=point["K"], R=R):
        total = total + np.where(moment.taken, algorithm.point(moment.before)[..., 0].mean(axis=-1), 0.0)
        met = np.where(moment.taken, np.abs(moment.gradient[..., 0]).max(axis=-1), 0.0)
        steepest = np.maximum(steepest, met)
    gap = problem.gap((total / _repeated(point["K"] * R, paths))[:, None]).reshape(len(one), -1)
    symbols["G"] = steepest.reshape(len(one), -1).max(axis=1)
    exact = quantile(gap, paths.chances(point["probability"], MOST_STEPS), point["delta"])
    return over_points(exact, symbols, rounding=1e-13 * point["B"] ** 2)


def clipped_trial(theorem: Theorem, point: Point, *, measured: Measured) -> Measurement:
    """Local SGDM or Local Adam with clipping on Huber's function, of smoothness 1 and bounded slopes."""
    paths = Paths.of(MOST_STEPS, WORKERS)
    n = len(point["K"])
    R = np.minimum(point["most_rounds"], np.floor(MOST_STEPS / point["K"]))
    symbols = symbols_of(theorem, point, R)
    steps: dict[str, Any] = {name: _repeated(symbols[name], paths) for name in ("eta", "beta1", "rho")}
    with_adam = "lambda" in point
    if with_adam:
        adam = local_adam(**steps, beta2=_repeated(symbols["beta2"], paths), lam=_repeated(symbols["lambda"], paths))
    algorithm = adam if with_adam else local_sgdm(**steps)
    damping = _repeated(symbols["lambda"], paths)[:, None] if with_adam else np.zeros((1, 1))
    problem = _huber(_repeated(point["steepest"], paths), _repeated(point["B"], paths))
    value = np.zeros(n * paths.second.shape[1])
    H_r = damping + np.zeros((len(value), 1))

    def root(state: Any) -> Array:
        return np.asarray(np.sqrt(state.v[..., 0] + damping**2))

    for moment in walk(algorithm, problem, point, paths, start=np.zeros(n), K=point["K"], R=R):
        if with_adam and moment.starts_round:
            H_r = root(moment.before)
        found = _seen(algorithm, moment, measured, H_r, root)
        value = np.maximum(value, np.where(moment.taken, found, 0.0))
    exact = quantile(
        value.reshape(n, -1), paths.chances(point["probability"], MOST_STEPS), point["delta"]
    )  # fmt: skip
    length = {"x": point["B"], "z": point["B"] ** 2, "scaled-z": point["B"] ** 2}.get(measured, np.ones(n))
    return over_points(exact, symbols, rounding=1e-13 * length)


def _seen(algorithm: Any, moment: Moment, measured: Measured, H_r: Array, root: Any) -> Array:
    """What a statement speaks of, after one local step (before it, for the preconditioner of the round's start)."""
    state = moment.updated
    if measured in ("x", "z", "scaled-z"):
        at = algorithm.point(state) if measured == "x" else algorithm.averaged(state)
        apart = np.ptp(at[..., 0], axis=-1)
        return np.asarray(apart if measured == "x" else apart**2 * (H_r[:, 0] if measured == "scaled-z" else 1.0))
    if measured == "size":
        return np.asarray(root(moment.before).max(axis=-1) if moment.starts_round else 0.0)
    if measured == "growth":
        return np.asarray((root(state) / H_r).max(axis=-1))
    return np.asarray(np.ptp(H_r / root(state), axis=-1))


def symbols_of(theorem: Theorem, point: Point, R: Array) -> dict[str, Array]:
    """The symbols of cheng2024 in one dimension; steps and averaging as large as allowed, times a share."""
    one = np.ones_like(point["K"])
    noise = level(jumps(point), point["probability"], point["alpha"])
    symbols = {"L": one, "d": one, "weak": 0 * one, "M": WORKERS * one, "R": R, "sigma": noise}
    symbols |= {"sigma_inf": noise, "sigma_2alpha": noise, "G": point["steepest"], "G_inf": point["steepest"]}
    symbols |= {name: point[name] for name in ("K", "B", "alpha", "beta1", "delta")}
    symbols["rho"] = point["threshold"] * np.maximum(3 * noise, 2 * point["steepest"])
    if "lambda" in point:
        symbols["lambda"] = symbols["moreau"] = point["lambda"]
        symbols["Delta"] = _huber(point["steepest"], point["B"]).gap(np.zeros((len(one), 1)))
        slow = mentions(theorem.conditions, "beta2")
        symbols["beta2"] = 1 - point["averaged"] * (fastest_averaging(theorem.conditions, symbols) if slow else one)
    bounded = mentions(theorem.conditions, "eta")
    symbols["eta"] = point["used"] * (largest_step(theorem.conditions, symbols) if bounded else one)
    return symbols


def _huber(steepest: Array, B: Array) -> SeparableWorkers:
    """A parabola of curvature 1 that goes on in lines of slope +-steepest, its optimum at B."""
    n = len(B)
    piece = Clipped(np.ones((n, 1, 1)), steepest[:, None, None])
    return placed(piece, np.zeros((n, 1, 1)), B, root=np.zeros((n, 1)))


def in_blocks(theorem: Theorem, point: Point, *, trial: Trial) -> Measurement:
    """The trials of many points, some at a time, because every point has all its paths in memory."""
    count = len(next(iter(point.values())))
    starts = range(0, count, POINTS_AT_ONCE)
    parts = [{name: value[i : i + POINTS_AT_ONCE] for name, value in point.items()} for i in starts]
    return pooled([trial(theorem, part) for part in parts])


def _search(theorem_id: str, where: str, axes: tuple[Axis, ...], trial: Trial) -> Search:
    return Search(
        name=theorem_id,
        theorem_id=theorem_id,
        where=where,
        axes=axes,
        trial=partial(in_blocks, trial=trial),
        method=METHOD,
    )


def _of_clipping(label: str, measured: Measured, *axes: Axis) -> Search:
    return _search(
        f"cheng2024/{label}",
        "Huber's function, two workers, at most four steps",
        (*HUBER, *LAW, DELTA, *TIMES, USED, *axes),
        partial(clipped_trial, measured=measured),
    )


ROUND = (Axis("K", 1, LONGEST_ROUND, "whole"), Axis("M", 2, 1e4, "whole"))
KINK = "a parabola with two curvatures"

lemma7 = _search("khaled2025/lemma7", KINK, (*BENT, *LAW, *ROUND, USED), partial(spread_trial, pairs=True))
lemma7_mean = _search("khaled2025/lemma7-mean", KINK, (*BENT, *LAW, *ROUND, USED), partial(spread_trial, pairs=False))
lemma10 = _search("khaled2025/lemma10", f"{KINK}, two workers", (*BENT, *LAW, DELTA, TIMES[0], USED), drift_trial)
thm4 = _search(
    "khaled2025/thm4-safe", f"{KINK}, two workers, at most four steps",
    (*BENT, *LAW, DELTA, *TIMES, USED, Axis("gamma", 0.1, 10.0)), guarantee_trial,
)  # fmt: skip
lemB1 = _of_clipping("lemB1", "z")
lemB6 = _of_clipping("lemB6", "x")
lemC7 = _of_clipping("lemC7", "x", *ADAM)
lemC8 = _of_clipping("lemC8-upper", "growth", *ADAM)
lemC9 = _of_clipping("lemC9", "difference", *ADAM)
lemC10 = _of_clipping("lemC10", "scaled-z", *ADAM)
eqC40 = _of_clipping("eqC.40", "size", *ADAM)
