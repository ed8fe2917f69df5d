"""Exact moments with every worker's state stacked: for methods whose workers keep something, toss coins or are drawn.

The state of all workers is one vector s, and a round (or a step, where a round is K of them) is an affine map

    s <- A_b s + a_b + G_b xi

for each outcome b of its random choices, coins and drawn clients, with the noise xi of all its gradients.  The maps are
read off the method itself, run on the problem from unit vectors; further runs from random states must agree with them,
so a method that is not affine is refused.  Mean and covariance then move together:

    e <- sum_b p_b (A_b e + a_b),   E s s' <- sum_b p_b (A_b E[s s'] A_b' + A_b e a_b' + a_b e' A_b' + a_b a_b' + Q_b).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.common.workload import refuse_endless
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Algorithm, Array, leaf_names, leaves, with_leaves
from tightrate.simulator.batch.replica_axis import replicas_of, restrict
from tightrate.simulator.exact.affine_gaussian import AffineGaussian
from tightrate.simulator.round_algorithm import Mask, RoundAlgorithm, Workers, combined, one_round

MOST_COORDINATES = 512  # of the stacked state: its covariance is their square
MOST_NUMBERS = 1 << 25  # of the states of all probes together
MOST_WORK = 3e8  # of all steps of all probes
MOST_STEPS = 1 << 14
MOST_OUTCOMES = 256
TOO_MANY_COINS = f"exact moments follow every outcome of a round's coins, at most {MOST_OUTCOMES}: give a smaller K"
TRIED = 4  # random states for each size that must go where the maps say
SIZES = (1.0, 1e-4, 1e4, 1e8)
CLOSE = 1e-9
ROUNDING = 1e-14  # of a fixed point, relative to the distance that a run goes
STILL = 1e-14  # relative: directions in which all maps move less are conserved
SETTLED = 8  # rounds after which a state at a common optimum must be still
AT_REST = 1e-12  # relative: a state that moves less is taken for a fixed point


@dataclass(frozen=True)
class Outcome:
    """One outcome of a unit's random choices: its probability, its map, and how often workers communicated."""

    probability: float
    change: Array  # A - 1
    shift: Array  # a
    covariance: Array  # G Cov(xi) G'
    communications: float


@dataclass(frozen=True)
class StackedMoments:
    """First and second moments of x - x* (d,) and (d, d), and of the average where asked for; communications."""

    mean: Array
    square: Array
    average_mean: Array | None
    average_square: Array | None
    communications: float
    state: Array  # the mean of the stacked state and its covariance, in the coordinates of the form
    covariance: Array


class _ChoicesEndError(Exception):
    """More random choices than were prepared for."""


class _ProbedWorkers(Workers):
    """Workers whose noise is given, for a batch of probes, along one sequence of outcomes."""

    def __init__(
        self, problem: Problem, K: Any, probes: int, drawn: tuple[int, ...] | None, outcomes: Sequence[bool], q: float
    ) -> None:
        self.K, self.M = K, problem.workers
        self._problem, self._drawn, self._outcomes, self._q = problem, drawn, outcomes, q
        self.taking_part = problem.workers if drawn is None else len(drawn)
        self.noise: Any = None  # of the j-th gradient, a function of j
        self.calls, self.visits, self.tossed, self.probability, self.communications = 0, 0, 0, 1.0, 0.0
        self.sums = np.zeros((probes, problem.dimension))

    def _gradients(self, points: tuple[Array, ...], *, averaged: bool) -> tuple[Array, ...]:
        if averaged:
            self.sums = (1 - self._q) * self.sums + points[0].mean(axis=1)
            self.visits += 1
        exact = tuple(self.exact_gradient(x) for x in points)
        self.calls += 1
        if self.noise is None:
            return exact
        xi = self.noise(self.calls - 1)
        return tuple(gradient + xi for gradient in exact)

    def exact_gradient(self, x: Array) -> Array:
        return self._of_clients(self._problem.gradient, x)

    def prox(self, x: Array, step: Array | float) -> Array:
        return self._of_clients(lambda y: self._problem.prox(y, step), x)

    def _of_clients(self, function: Any, x: Array) -> Array:
        if self._drawn is None:
            return np.asarray(function(x))
        everywhere = np.zeros((len(x), self.M, x.shape[-1]))
        everywhere[:, list(self._drawn)] = x
        return np.asarray(function(everywhere)[:, list(self._drawn)])

    def _combined(self, parts: tuple[Array, ...], where: Mask | bool, weights: Array | None) -> tuple[Array, ...]:
        together = np.asarray(where)
        self.communications += float(together.flat[0])
        return tuple(np.where(together, combined(part, weights), part) for part in parts)

    def coin(self, name: str, p: Array | float) -> Mask:  # noqa: ARG002
        chance = float(np.ravel(p)[0])
        if chance in (0.0, 1.0):
            return np.full((1, 1, 1), chance == 1.0)
        if self.tossed == len(self._outcomes):
            raise _ChoicesEndError
        heads = self._outcomes[self.tossed]
        self.tossed += 1
        self.probability *= chance if heads else 1 - chance
        return np.full((1, 1, 1), heads)

    def uniform(self, name: str, *, of_each_worker: bool = False, of_each_coordinate: bool = False) -> Array:  # noqa: ARG002
        raise TightrateError(
            f"exact moments need random choices of few outcomes (coins), not the uniform numbers {name!r}"
        )


class StackedForm:
    """The maps of one method with one set of parameters on one problem."""

    def __init__(
        self,
        algorithm: Algorithm[Any],
        problem: QuadraticWorkers | DiagonalQuadratics,
        *,
        K: float,
        noise: Noise | None,
        q: float | None,
        clients: int | None,
    ) -> None:
        self._algorithm, self._problem, self._noise, self._q = algorithm, problem, noise, q
        if np.isinf(K) and not algorithm.solves_locally:
            raise TightrateError("K = inf needs workers that keep nothing of their own: give a finite K")
        self._made_of_steps = isinstance(algorithm, RoundAlgorithm) and algorithm.is_made_of_steps
        self._K = K if np.isinf(K) else int(K)
        self.units_in_a_round = int(K) if self._made_of_steps else 1
        M, d = problem.workers, problem.dimension
        if clients is not None and comb(M, clients) > MOST_OUTCOMES:
            raise TightrateError(
                f"exact moments follow every draw of clients, at most {MOST_OUTCOMES}, not {comb(M, clients)}"
            )
        sampled = clients is not None and clients < M
        self._draws: list[tuple[int, ...] | None] = (
            list(combinations(range(M), int(clients or 0))) if sampled else [None]
        )
        self._whole = algorithm.init(np.zeros((1, M, d)))
        arrays = [isinstance(leaf, np.ndarray) for leaf in leaves(self._whole)]
        self._is_constant = self._constants()
        self._is_buffer = [array and not fixed for array, fixed in zip(arrays, self._is_constant, strict=True)]
        self._counters = [leaf for leaf, b in zip(leaves(self._whole), self._is_buffer, strict=True) if not b]
        shapes = [leaf.shape for leaf, b in zip(leaves(self._whole), self._is_buffer, strict=True) if b]
        if any(shape[1:] != (M, d) for shape in shapes):
            raise TightrateError("exact moments need states of one array (replica, worker, dimension) for each field")
        own = self._of_clients(algorithm.client_state) if sampled else [True] * len(shapes)
        self._widths = [M if kept else 1 for kept in own]  # what all workers share is one vector
        self.n = d * sum(self._widths) + (0 if q is None else d)
        if self.n > MOST_COORDINATES:
            raise TightrateError(
                f"exact moments with every worker's state need at most {MOST_COORDINATES} coordinates, not {self.n}"
            )
        steps = 0.0 if np.isinf(K) or self._made_of_steps else K
        probes = self.n + 1 + (0 if noise is None else steps * M * d)
        if steps > MOST_STEPS or probes * steps * M * d > MOST_WORK:
            raise TightrateError(f"exact moments with every worker's state take every step, and K = {K:g} is too many")
        if problem.optimum.ndim > 1:
            raise TightrateError("exact moments with every worker's state take one instance of a problem at a time")
        self._here = self._centred()
        self.offset = problem.optimum - self._here.optimum
        self.changes_with_the_round = len(arrays) - sum(arrays) > 0

    def _constants(self) -> list[bool]:
        """For each part of the state, whether it is an array that stays, such as every worker's own number of steps."""
        M, d = self._problem.workers, self._problem.dimension
        start = np.random.default_rng(9).standard_normal((1, 1, d))
        state = self._algorithm.init(np.repeat(start, M, axis=1))
        found = [isinstance(leaf, np.ndarray) and bool(leaf.any()) for leaf in leaves(state)]
        rounds = [list(leaves(self._whole)), list(leaves(state))]
        for _ in range(SETTLED if any(found) else 0):
            workers = _AnyCoins(self._problem, self._K if np.isinf(self._K) else min(self._K, 3), 1, None, (), 0.0)
            state = one_round(self._algorithm, state, workers)
            rounds.append(list(leaves(state)))
        first, *others = rounds
        return [
            seems and all(np.array_equal(before, parts[index]) for parts in others)
            for index, (seems, before) in enumerate(zip(found, first, strict=True))
        ]

    def _of_clients(self, names: Sequence[str]) -> list[bool]:
        """For each array of the state that moves, whether it belongs to clients."""
        found: list[bool] = []
        fields = getattr(self._whole, "_fields", ())
        for name, part in zip(fields, self._whole, strict=False):
            found += [name in names for _ in leaves(part)]
        if len(found) != len(self._is_buffer):
            return [False] * sum(self._is_buffer)
        return [own for own, moves in zip(found, self._is_buffer, strict=True) if moves]

    def _centred(self) -> QuadraticWorkers | DiagonalQuadratics:
        """The problem with its optimum at the origin, if the method does not mind: gaps then keep their digits."""
        problem, algorithm = self._problem, self._algorithm
        x = np.full((1, problem.workers, problem.dimension), 3.0)
        still = type(problem)(
            problem.curvatures if isinstance(problem, DiagonalQuadratics) else problem.hessians,
            np.full(problem.minimizers.shape, 3.0),
            known_optimum=np.full(problem.dimension, 3.0),
        )
        state, counts = algorithm.init(x), 3
        for _ in range(counts):
            workers = _AnyCoins(still, self._K if np.isinf(self._K) else min(self._K, 3), 1, None, (), 0.0)
            state = one_round(algorithm, state, workers)
        if not np.allclose(algorithm.output(state), x, rtol=1e-12, atol=0):
            return problem
        return type(problem)(
            problem.curvatures if isinstance(problem, DiagonalQuadratics) else problem.hessians,
            problem.minimizers - problem.optimum,
            known_optimum=np.zeros(problem.dimension),
        )

    # One unit as maps.

    def outcomes(self, counters: Sequence[Any]) -> tuple[list[Outcome], int, list[Any]]:
        """All outcomes of a unit that starts with these counters, its averaged points, and the counters after it."""
        found, visits, after = [], None, list(counters)
        for drawn in self._draws:
            for toss in self._tosses(drawn, counters):
                outcome, seen, after = self._outcome(drawn, toss, counters)
                found.append(outcome)
                if len(found) > MOST_OUTCOMES:
                    raise TightrateError(TOO_MANY_COINS)
                if visits not in (None, seen):
                    raise TightrateError("the number of averaged gradients of a round must not depend on coins")
                visits = seen
        return found, visits or 0, after

    def _tosses(self, drawn: tuple[int, ...] | None, counters: Sequence[Any]) -> Iterator[tuple[bool, ...]]:
        """Every sequence of coins that a unit can see."""
        open_ends: list[tuple[bool, ...]] = [()]
        while open_ends:
            toss = open_ends.pop()
            try:
                self._run(np.zeros((1, self.n)), drawn, toss, counters, None)
            except _ChoicesEndError:
                if len(toss) >= MOST_OUTCOMES.bit_length():
                    raise TightrateError(TOO_MANY_COINS) from None
                open_ends += [(*toss, False), (*toss, True)]
                continue
            yield toss

    def _outcome(
        self, drawn: tuple[int, ...] | None, toss: tuple[bool, ...], counters: Sequence[Any]
    ) -> tuple[Outcome, int, list[Any]]:
        M, d, n = self._problem.workers, self._problem.dimension, self.n
        taking_part = tuple(range(M)) if drawn is None else drawn
        calls = self._run(np.zeros((1, n)), drawn, toss, counters, None)[1].calls
        width = 0 if self._noise is None else calls * len(taking_part) * d
        generator = np.random.default_rng(8)
        tried = TRIED * len(SIZES)
        probes = 1 + n + width + tried
        if probes * M * d * (len(self._is_buffer) + 1) > MOST_NUMBERS or tried * width > MOST_NUMBERS:
            raise TightrateError(
                "exact moments with every worker's state would take too many numbers: give a smaller K"
            )
        sizes = np.repeat(SIZES, TRIED)
        states = np.zeros((probes, n))
        states[1 : n + 1] = np.eye(n)
        states[n + 1 + width :] = generator.standard_normal((tried, n)) * sizes[:, None]
        xi = generator.standard_normal((tried, width)) * sizes[:, None]

        def noise(j: int) -> Array:
            block = len(taking_part) * d
            found = np.zeros((probes, block))
            found[n + 1 + j * block : n + 1 + (j + 1) * block] = np.eye(block)
            found[n + 1 + width :] = xi[:, j * block : (j + 1) * block]
            return found.reshape(probes, len(taking_part), d)

        after, workers, later = self._run(states, drawn, toss, counters, noise if width else None)
        shift = after[0]
        change = (after[1 : n + 1] - shift - np.eye(n)).T
        gain = (after[n + 1 : n + 1 + width] - shift).T
        expected = states[n + 1 + width :] @ (change.T + np.eye(n)) + shift + xi @ gain.T
        scale = np.abs(expected).max(axis=1) + sizes
        if not (np.abs(after[n + 1 + width :] - expected).max(axis=1) <= CLOSE * scale).all():
            raise NotLinearError(
                f"{type(self._algorithm).__name__} calls itself linear, but its rounds are not affine in the state and"
                " the gradients: it must say linear = False"
            )
        variances = np.concatenate([self._variances()[list(taking_part)].ravel()] * calls) if width else np.zeros(0)
        probability = workers.probability / len(self._draws)
        return (
            Outcome(probability, change, shift, (gain * variances) @ gain.T, workers.communications),
            workers.visits,
            later,
        )

    def _variances(self) -> Array:
        """Variances of a gradient's noise by worker and coordinate."""
        noise, M, d = self._noise, self._problem.workers, self._problem.dimension
        assert noise is not None
        if any(noise.on(m, 1) != noise.on(m, 0) for m in range(M)):
            raise TightrateError("exact moments need noise that is the same at every step: use method sample")
        return np.array([noise.on(m).levels(2.0, d) ** 2 for m in range(M)])

    def _run(
        self,
        states: Array,
        drawn: tuple[int, ...] | None,
        toss: tuple[bool, ...],
        counters: Sequence[Any],
        noise: Any,
    ) -> tuple[Array, _ProbedWorkers, list[Any]]:
        """One unit from these stacked states (probe, n), which noise in its gradients."""
        q = 0.0 if self._q is None else self._q
        workers = _ProbedWorkers(self._here, self._K, len(states), drawn, toss, q)
        workers.noise = noise
        d = self._problem.dimension
        if self._q is not None:
            workers.sums = states[:, -d:].copy()
        state = self._unpacked(states, counters, drawn)
        if self._made_of_steps:
            assert isinstance(self._algorithm, RoundAlgorithm)
            state = self._algorithm.step(state, workers)
        else:
            state = one_round(self._algorithm, state, workers)
        after = [leaf for leaf, b in zip(leaves(state), self._is_buffer, strict=True) if b]
        later = self._later(list(leaves(state)), counters, drawn)
        parts = []
        for width, before, part in zip(self._widths, self._parts(states), after, strict=True):
            if drawn is None:
                parts.append(np.broadcast_to(part, before.shape))
            elif width == 1:
                apart = np.abs(part - part[:, :1]).max(axis=(1, 2))
                if not (apart <= CLOSE * (np.abs(part).max(axis=(1, 2)) + 1e-300)).all():
                    raise TightrateError(
                        "a field of the state differs from client to client after a round: name it in client_state"
                    )
                parts.append(part[:, :1])
            else:
                kept = before.copy()
                kept[:, list(drawn)] = part
                parts.append(kept)
        flat = [part.reshape(len(states), -1) for part in parts]
        return np.concatenate(flat if self._q is None else [*flat, workers.sums], axis=1), workers, later

    def _later(self, after: Sequence[Any], counters: Sequence[Any], drawn: tuple[int, ...] | None) -> list[Any]:
        """The counters after a unit, and what stays, which did stay."""
        kinds = zip(after, self._is_buffer, self._is_constant, strict=True)
        found = [(leaf, constant) for leaf, moves, constant in kinds if not moves]
        for (leaf, constant), before in zip(found, counters, strict=True):
            if constant and not (leaf == self._of_drawn(before, drawn)).all():
                raise TightrateError("exact moments need arrays of the state that move in every round, or never")
        return [before if constant else leaf for (leaf, constant), before in zip(found, counters, strict=True)]

    def _of_drawn(self, part: Any, drawn: tuple[int, ...] | None) -> Any:
        """What stays, of the clients that take part."""
        whole = isinstance(part, np.ndarray) and part.ndim == 3 and part.shape[1] == self._problem.workers
        return part[:, list(drawn)] if whole and drawn is not None else part

    def _parts(self, states: Array) -> list[Array]:
        """The arrays of the state, (probe, M or 1, d)."""
        d, first, found = self._problem.dimension, 0, []
        for width in self._widths:
            found.append(states[:, first : first + width * d].reshape(len(states), width, d))
            first += width * d
        return found

    def _unpacked(self, states: Array, counters: Sequence[Any], drawn: tuple[int, ...] | None) -> Any:
        parts, counts = iter(self._parts(states)), iter([self._of_drawn(one, drawn) for one in counters])
        M = self._problem.workers
        taking_part = list(range(M)) if drawn is None else list(drawn)

        def own(part: Array) -> Array:
            if part.shape[1] == 1:
                return np.repeat(part, len(taking_part), axis=1)
            return part[:, taking_part]

        return with_leaves(self._whole, [own(next(parts)) if b else next(counts) for b in self._is_buffer])

    def check(self) -> None:
        """Refuse what a unit that starts at the start cannot answer."""
        self.outcomes(self._counters)

    # Moments.

    def start(self, x0: Array) -> Array:
        """The stacked state at the start, from x_0 (d,)."""
        M, d = self._problem.workers, self._problem.dimension
        state = self._algorithm.init(np.broadcast_to(x0 - self.offset, (1, M, d)).copy())
        arrays = [leaf for leaf, b in zip(leaves(state), self._is_buffer, strict=True) if b]
        flat = [
            np.broadcast_to(leaf, (1, M, d))[:, :width].reshape(-1)
            for leaf, width in zip(arrays, self._widths, strict=True)
        ]
        return np.concatenate(flat if self._q is None else [*flat, np.zeros(d)])

    def output(self, counters: Sequence[Any]) -> tuple[Array, Array]:
        """The output as an affine function of the stacked state: (d, n) and (d,)."""
        states = np.concatenate([np.zeros((1, self.n)), np.eye(self.n)])
        M = self._problem.workers
        drawn = self._draws[0] if self._draws[0] is not None else tuple(range(M))
        found = self._algorithm.output(self._unpacked(states, counters, drawn))[:, 0]
        return (found[1:] - found[0]).T, found[0]

    def follow(self, x0: Array, rounds: Sequence[int]) -> list[StackedMoments]:
        """The moments after each of these numbers of rounds, ascending."""
        e, C = self.start(x0), np.zeros((self.n, self.n))
        counters, done, communications, steps, found = list(self._counters), 0, 0.0, 0, []
        outcomes, visits, after = self.outcomes(counters)
        constant = not self.changes_with_the_round
        rest, kept = np.zeros(self.n), np.eye(self.n)
        if constant:
            rest, outcomes, kept = _from_fixed_point(outcomes, e)
            e = kept @ (e - rest)
        powers = constant and len(outcomes) == 1
        last = int(max(rounds, default=0)) * self.units_in_a_round
        if not powers:
            cost = len(outcomes) * self.n**3 * last * (1 if constant else 1 + self.n)
            refuse_endless(f"exact moments of {last} rounds with every worker's state", cost)
        for R in rounds:
            units = int(R) * self.units_in_a_round - done
            if powers and units > 0:
                one = outcomes[0]
                many = AffineGaussian(one.change, one.shift, one.covariance).power(units)
                e, C = many.moments(e, C)
                communications += one.communications * units
            for _ in range(0 if powers else units):
                if not constant:
                    outcomes, visits, after = self.outcomes(counters)
                e, C = _mixed(outcomes, e, C)
                e, C = kept @ e, kept @ C @ kept
                communications += sum(one.probability * one.communications for one in outcomes)
                counters = after
            done += units
            steps = done * visits
            found.append(
                self._read(e, rest, C, counters, steps, communications, float(np.linalg.norm(x0 - self.offset)))
            )
        return found

    def _read(
        self,
        e: Array,
        rest: Array,
        C: Array,
        counters: Sequence[Any],
        steps: int,
        communications: float,
        size: float,
    ) -> StackedMoments:
        """What a mean displacement e from `rest` and a covariance say; `size` is that of the start."""
        row, constant = self.output(counters)
        away = self._here.optimum
        at_rest = row @ rest + constant - away
        if rest.any() and np.abs(at_rest).max() <= ROUNDING * size:
            at_rest = np.zeros_like(at_rest)  # the fixed point is the optimum
        mean, e = row @ e + at_rest, e + rest
        square = row @ C @ row.T + np.outer(mean, mean)
        if self._q is None:
            return StackedMoments(mean, square, None, None, communications, e, C)
        d, q = self._problem.dimension, self._q
        weight = float(steps) if q == 0 else -np.expm1(steps * np.log1p(-q)) / q
        average = e[-d:] / weight - away
        return StackedMoments(
            mean, square, average, C[-d:, -d:] / weight**2 + np.outer(average, average), communications, e, C
        )

    def fields(self, moments: StackedMoments) -> dict[str, tuple[Array, Array]]:
        """Mean (worker, d) and covariance (worker, d, d) of every array of the state, in the form's coordinates.

        What all workers share, where clients are drawn, has an axis of one worker.
        """
        d, first, found = self._problem.dimension, 0, {}
        names = [name for name, b in zip(leaf_names(self._whole), self._is_buffer, strict=True) if b]
        for name, width in zip(names, self._widths, strict=True):
            places = [slice(first + m * d, first + (m + 1) * d) for m in range(width)]
            found[name] = (
                np.array([moments.state[place] for place in places]),
                np.array([moments.covariance[place, place] for place in places]),
            )
            first += width * d
        return found

    def resting_state(self, rounds: int) -> dict[str, Array]:
        """Every array of the state (worker, d) after so many rounds on workers whose optimum is the offset."""
        return resting_state(self._algorithm, self._problem, self.offset, self._K, rounds)


def resting_state(
    algorithm: Algorithm[Any], problem: QuadraticWorkers | DiagonalQuadratics, at: Array, K: float, rounds: int
) -> dict[str, Array]:
    """Every array of the state (worker, d) of a run that starts at the common optimum `at` of all workers.

    This is what displacements of the state are displacements from.  Refused where it keeps changing.
    """
    own = problem.curvatures if isinstance(problem, DiagonalQuadratics) else problem.hessians
    M, d = problem.workers, problem.dimension
    still = type(problem)(own, np.broadcast_to(at, (M, d)).copy(), known_optimum=at)
    state = algorithm.init(np.broadcast_to(at, (1, M, d)).copy())
    names = list(leaf_names(state))
    arrays: list[dict[str, Array]] = []
    for r in range(min(rounds, SETTLED) + 1):
        parts = zip(names, leaves(state), strict=True)
        arrays.append({name: np.broadcast_to(x, (1, M, d))[0] for name, x in parts if isinstance(x, np.ndarray)})
        if r < min(rounds, SETTLED):
            workers = _AnyCoins(still, K if np.isinf(K) else int(min(K, 3)), 1, None, (), 0.0)
            state = one_round(algorithm, state, workers)
    settled = rounds < SETTLED or all(
        np.allclose(arrays[-1][name], arrays[-2][name], rtol=CLOSE, atol=CLOSE * np.abs(at).max(initial=0.0))
        for name in arrays[-1]
    )
    if not settled:
        raise TightrateError("the state of this method keeps moving at the optimum: its moments are not known here")
    return arrays[-1]


class NotLinearError(TightrateError):
    """A method that calls itself linear and is not."""


class _AnyCoins(_ProbedWorkers):
    """Workers for a run at a common minimizer, where coins may fall as they like."""

    def coin(self, name: str, p: Array | float) -> Mask:  # noqa: ARG002
        self.tossed += 1
        return np.full((1, 1, 1), self.tossed % 2 == 0)


def _from_fixed_point(outcomes: Sequence[Outcome], start: Array) -> tuple[Array, list[Outcome], Array]:
    """The state at which every outcome leaves a run from `start`, and the maps seen from it; 0 where there is none.

    Displacements from a fixed point keep their digits however small they become, those of a state do not.  Neither do
    they move in directions that no outcome changes (a sum over the workers that is conserved): the projection onto the
    others takes rounding away.
    """
    parts = [part for one in outcomes for part in (one.change, one.covariance)]
    maps = np.concatenate([part / (np.abs(part).max() or 1.0) for part in parts], axis=1)
    directions, sizes, _ = np.linalg.svd(maps, full_matrices=False)
    still = directions[:, sizes <= STILL * sizes.max(initial=0.0)]
    change = sum((one.probability * one.change for one in outcomes), np.zeros_like(outcomes[0].change))
    shift = sum((one.probability * one.shift for one in outcomes), np.zeros_like(start))
    moved = change @ np.linalg.lstsq(change @ change, -(change @ start + shift), rcond=1e-12)[0]
    rest = start + moved
    size = 1 + np.abs(rest).max() + max(np.abs(one.shift).max() for one in outcomes)
    if not all((np.abs(one.change @ rest + one.shift) <= AT_REST * size).all() for one in outcomes):
        return np.zeros_like(start), list(outcomes), np.eye(len(start))
    seen_from_it = [replace(one, shift=np.zeros_like(one.shift)) for one in outcomes]
    return rest, seen_from_it, np.eye(len(start)) - still @ still.T


def _mixed(outcomes: Sequence[Outcome], e: Array, C: Array) -> tuple[Array, Array]:
    """Mean and covariance after a unit whose outcome is drawn."""
    ends = [e + one.change @ e + one.shift for one in outcomes]
    mean = sum((one.probability * end for one, end in zip(outcomes, ends, strict=True)), np.zeros_like(e))
    covariance = np.zeros_like(C)
    for one, end in zip(outcomes, ends, strict=True):
        factor = one.change + np.eye(len(e))
        covariance += one.probability * (factor @ C @ factor.T + one.covariance + np.outer(end - mean, end - mean))
    return mean, covariance


def instance_of(problem: Problem, index: int) -> QuadraticWorkers | DiagonalQuadratics:
    """One instance of quadratic workers; other problems are refused."""
    if not isinstance(problem, QuadraticWorkers | DiagonalQuadratics):
        raise TightrateError(
            f"exact moments exist for quadratic workers only, not for {type(problem).__name__}: use method sample"
        )
    if problem.optimum.ndim == 1:
        return problem
    at = index if len(problem.optimum) > 1 else 0
    if isinstance(problem, DiagonalQuadratics):
        return DiagonalQuadratics(problem.curvatures[at], problem.minimizers[at], known_optimum=problem.optimum[at])
    return QuadraticWorkers(problem.hessians[at], problem.minimizers[at], known_optimum=problem.optimum[at])


def stacked_forms(
    algorithm: Algorithm[Any],
    problem: Problem,
    *,
    K: ArrayLike,
    noise: Noise | None,
    averaging_decay: ArrayLike | None,
    clients: int | None,
    count: int,
) -> Iterator[StackedForm]:
    """The form of every replica in turn."""
    steps = np.asarray(K, dtype=np.float64) + np.zeros(count)
    q = None if averaging_decay is None else np.asarray(averaging_decay, dtype=np.float64) + np.zeros(count)
    for index in range(count):
        yield StackedForm(
            restrict(algorithm, np.array([index]), count, (1, problem.workers, problem.dimension)),
            instance_of(problem, index),
            K=float(steps[index]),
            noise=noise,
            q=None if q is None else float(q[index]),
            clients=clients,
        )


def refuse_unfit(
    algorithm: Algorithm[Any],
    problem: Problem,
    *,
    K: ArrayLike,
    noise: Noise | None,
    averaging_decay: ArrayLike | None,
    clients: int | None,
) -> None:
    """Refuse in one line what has no exact moments of this kind, judged by the least and the largest K."""
    (count,) = replicas_of(algorithm)
    for steps in sorted({float(np.min(K)), float(np.max(K))}):
        form = StackedForm(
            restrict(algorithm, np.zeros(1, dtype=np.intp), count, (1, problem.workers, problem.dimension)),
            instance_of(problem, 0),
            K=steps,
            noise=noise,
            q=None if averaging_decay is None else float(np.ravel(averaging_decay)[0]),
            clients=clients,
        )
        form.check()
