"""Logistic regression, plain or l2-regularized, over the rows that each worker holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from tightrate.common.errors import TightrateError
from tightrate.constructions.finite_sum import FiniteSum, Rows
from tightrate.constructions.fixed_order import apply, eigenvalue_range, inner, length, product, solve
from tightrate.constructions.measuring import check_by_measuring
from tightrate.constructions.parameters import batch, count, fraction, generator_of
from tightrate.constructions.problem import PROBLEMS, Array, Measured
from tightrate.constructions.remainders import logistic_remainder

FAR_MARGIN = 45.0  # here the logistic function's curvature is below rounding


@dataclass(frozen=True, eq=False)
class LogisticRegression(FiniteSum):
    """F_m(x) = mean of log(1 + exp(-<a, x>)) over worker m's rows a = label times features, plus (ridge/2)|x|^2.

    `signed` (rows, d) holds all workers' rows one after the other, `counts` how many belong to each.

    L          largest eigenvalue of a worker's mean of a a'/4, plus the ridge: attained at x = 0
    mu         the ridge: the logistic part flattens out in every direction, so it is approached far away only
    zeta_star, zeta_mean, sigma_star, B, Delta   at the optimum and at the start 0
    """

    signed: Array
    counts: tuple[int, ...]
    ridge: float

    @property
    def workers(self) -> int:
        return len(self.counts)

    @property
    def dimension(self) -> int:
        return int(self.signed.shape[-1])

    @cached_property
    def offsets(self) -> Rows:
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.intp)

    @cached_property
    def _padded(self) -> tuple[Array, Array]:
        """Rows by worker, (M, longest, d), padded with zeros, and their weights 1/n_m or zero, (M, longest)."""
        longest = max(self.counts)
        rows, weights = np.zeros((self.workers, longest, self.dimension)), np.zeros((self.workers, longest))
        for m, n in enumerate(self.counts):
            rows[m, :n] = self.signed[self.offsets[m] : self.offsets[m + 1]]
            weights[m, :n] = 1 / n
        return rows, weights

    @cached_property
    def _row_weights(self) -> Array:
        """What each row counts in the average F, shape (rows,): 1/(M n_m)."""
        counts = np.array(self.counts)
        return np.repeat(1 / (self.workers * counts), counts)

    @cached_property
    def optimum(self) -> Array:
        return minimize_logistic(self.signed, self._row_weights, self.ridge)

    @cached_property
    def residual(self) -> Array:
        """|grad F| at the optimum as stored."""
        at_optimum = np.broadcast_to(self.optimum, (self.workers, self.dimension))
        return np.asarray(np.linalg.norm(self.gradient(at_optimum).mean(axis=0)))

    @cached_property
    def constants(self) -> Mapping[str, Array]:
        rows, weights = self._padded
        pulls = weights * expit(-apply(rows, self.optimum))
        norms = length(self.ridge * self.optimum - apply(np.swapaxes(rows, -1, -2), pulls))
        single = self.ridge * self.optimum - expit(-apply(self.signed, self.optimum))[:, None] * self.signed
        curvature = max(_mean_curvature(rows[m, :n]) for m, n in enumerate(self.counts))
        return {
            "L": np.asarray(curvature + self.ridge),
            "mu": np.asarray(self.ridge),
            "zeta_star": np.asarray(np.sqrt(np.mean(norms**2))),
            "zeta_mean": np.asarray(norms.mean()),
            "sigma_star": np.sqrt(inner(self._row_weights, np.sum(single**2, axis=-1))),
            "B": length(self.optimum),
            "Delta": self._gap_at_zero,
        }

    def _margins(self, x: Array) -> Array:
        """<a, x_m> for worker m's rows at its own point: (..., M, d) to (..., M, longest)."""
        return np.asarray((self._padded[0] @ x[..., None])[..., 0])

    def gradient(self, x: Array) -> Array:
        rows, weights = self._padded
        pulls = weights * expit(-self._margins(x))
        return np.asarray(self.ridge * x - (pulls[..., None, :] @ rows)[..., 0, :])

    @cached_property
    def row_data(self) -> Array:
        """The rows -a, so that f(x; row) = log(1 + exp(<-a, x>))."""
        return -self.signed

    def data_gradient(self, x: Array, data: Array, out: Array) -> None:
        if data.shape[-2] == 1:  # in place: sampled runs spend their time here
            drawn = data[..., 0, :]
            pulls = np.einsum("...i,...i->...", drawn, x)  # adds in the same order on every CPU, unlike vecdot
            np.multiply(drawn, expit(pulls, out=pulls)[..., None], drawn)
        else:
            pulls = expit(np.vecdot(data, x[..., None, :])) / data.shape[-2]
            drawn = np.asarray(np.vecdot(pulls[..., None, :], np.swapaxes(data, -1, -2)))
        np.multiply(x, self.ridge, out)
        np.add(out, drawn, out)

    def value(self, x: Array) -> Array:
        weights = self._padded[1]
        losses = (weights * np.logaddexp(0.0, -self._margins(x))).sum(axis=-1)
        return np.asarray(losses + self.ridge / 2 * np.sum(x**2, axis=-1))

    def hessian_vector_product(self, x: Array, v: Array) -> Array:
        """mean of s(1 - s) a <a, v> + ridge v with s the logistic function of the margin."""
        rows, weights = self._padded
        margins = self._margins(x)
        along = weights * expit(margins) * expit(-margins) * self._margins(np.broadcast_to(v, np.shape(x)))
        return np.asarray(self.ridge * v + (along[..., None, :] @ rows)[..., 0, :])

    def gap(self, x: Array) -> Array:
        """The weighted second-order remainders of all rows at x*, plus (ridge/2)|x - x*|^2."""
        displacement = x - self.optimum
        remainders = logistic_remainder(-self.signed @ self.optimum, -displacement @ self.signed.T)
        return np.asarray(remainders @ self._row_weights + self.ridge / 2 * np.sum(displacement**2, axis=-1))

    @property
    def _gap_at_zero(self) -> Array:
        """The gap at the start, in the fixed order of additions that constants keep."""
        margins = apply(self.signed, self.optimum)
        remainders = logistic_remainder(-margins, margins)
        return np.asarray(inner(remainders, self._row_weights) + self.ridge / 2 * inner(self.optimum, self.optimum))

    def self_check(self) -> tuple[Measured, ...]:
        """Measure through `gradient`: L at 0, mu where every margin is large, sigma_star over all single rows."""
        direction = 1.0 + 0.5 * np.cos(np.arange(self.dimension))
        margins = np.abs(self.signed @ direction)
        far = direction * FAR_MARGIN / margins[margins > 1e-7 * margins.max()].min()
        points = np.stack([np.zeros(self.dimension), self.optimum, far, -far])
        halves = np.full(points.shape, 0.02 / np.linalg.norm(self.signed, axis=-1).max())
        extra = {"sigma_star": self.row_root_mean_square(self.optimum)}
        return check_by_measuring(self, points, halves, unattained=frozenset({"mu"}), extra=extra, panels=32)


def _mean_curvature(rows: Array) -> float:
    """The largest eigenvalue of the mean of a a'/4 over rows a, the curvature of the logistic part at 0."""
    return float(eigenvalue_range(product(rows.T, rows) / (4 * len(rows)))[1])


def minimize_logistic(signed: Array, weights: Array, ridge: float) -> Array:
    """The minimizer of sum weights log(1 + exp(-<a, x>)) + (ridge/2)|x|^2, by damped Newton steps to rounding."""
    d = signed.shape[-1]

    def gradient(x: Array) -> Array:
        return np.asarray(ridge * x - apply(signed.T, weights * expit(-apply(signed, x))))

    def value(x: Array) -> float:
        return float(inner(weights, np.logaddexp(0.0, -apply(signed, x))) + ridge / 2 * inner(x, x))

    x, best = np.zeros(d), np.zeros(d)
    for _ in range(100):
        slope = gradient(x)
        if length(slope) < length(gradient(best)):
            best = x
        margins = apply(signed, x)
        curvature = weights * expit(margins) * expit(-margins)
        hessian = product(signed.T * curvature, signed) + ridge * np.eye(d)
        if ridge == 0 and eigenvalue_range(hessian)[0] <= 1e-13 * inner(weights, inner(signed, signed)):
            break
        step = solve(hessian, slope)
        share = 1.0
        while value(x - share * step) > value(x) + 1e-15 * abs(value(x)) and share > 1e-6:
            share /= 2
        if length(step) <= 4e-16 * length(x):
            break
        x = x - share * step
    if ridge == 0 and (np.min(apply(signed, best)) >= 0 or length(gradient(best)) > 1e-10 * np.abs(signed).max()):
        raise TightrateError("a plane separates the labels: plain logistic regression has no minimizer, give mu > 0")
    return best


def logistic_workers(rows: Sequence[Array], labels: Sequence[Array], *, L: float, mu: float) -> LogisticRegression:
    """The problem of these rows and labels +-1, by worker, with the rows rescaled to smoothness exactly L."""
    batch(L=L, mu=mu, may_vanish=("mu",))
    if mu >= L:
        raise TightrateError(f"mu must be below L, but mu = {mu:g} and L = {L:g}")
    curvature = max(_mean_curvature(a) for a in rows)
    scale = np.sqrt((L - mu) / curvature)
    signed = np.concatenate([scale * y[:, None] * a for a, y in zip(rows, labels, strict=True)])
    problem = LogisticRegression(signed, tuple(len(a) for a in rows), mu)
    if mu == 0:
        problem.optimum  # noqa: B018 (refused now, not in the middle of a run, where there is none)
    return problem


@PROBLEMS.add("logistic-regression")
def logistic_regression(
    *,
    M: int = 4,
    d: int = 5,
    rows: int = 50,
    L: float = 1.0,
    mu: float = 0.01,
    heterogeneity: float = 0.0,
    flip: float = 0.1,
    seed: int = 0,
) -> LogisticRegression:
    """Synthetic logistic regression: `rows` rows of d standard normal features on each of M workers.

    Labels follow a random plane and are flipped with probability `flip`, which keeps plain regression (mu = 0)
    solvable.  `heterogeneity` moves each worker's features and its plane by that many standard deviations; 0 means
    independent draws from one law.  Features are rescaled so that the smoothness, ridge included, is exactly L.

    >>> problem = logistic_regression(seed=3)
    >>> bool(problem.residual < 1e-15), problem.row_counts.tolist()
    (True, [50, 50, 50, 50])
    """
    workers, dimension, size = count("M", M), count("d", d), count("rows", rows)
    fraction("flip", flip)
    batch(heterogeneity=heterogeneity, may_vanish=("heterogeneity",))
    generator = generator_of(seed)
    plane = generator.standard_normal(dimension)
    features, labels = [], []
    for _ in range(workers):
        moved = generator.standard_normal((2, dimension)) * heterogeneity
        a = generator.standard_normal((size, dimension)) + moved[0]
        label = np.where(apply(a, plane + moved[1]) > 0, 1.0, -1.0)
        label[generator.random(size) < flip] *= -1
        features.append(a)
        labels.append(label)
    return logistic_workers(features, labels, L=L, mu=mu)
