"""Workers that share a function of one variable in each coordinate and differ by linear tilts or by parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.measuring import check_by_measuring
from tightrate.constructions.pieces import Piece
from tightrate.constructions.problem import Array, Measured, Problem


@dataclass(frozen=True, eq=False)
class SeparableWorkers(Problem):
    """F_m(x) = sum_i phi_m(x_i - s_i) + t_mi (x_i - s_i): pieces phi, centres s (..., d), tilts t (..., M, d).

    `root` (..., d) is x* - s, where the average slope vanishes; `residual` says how well it does in floating point.

    L, mu, weak      extreme curvatures: largest modulus, least (if not negative), and how far below zero
    tau, tau_mean    largest difference of two curvatures, and from their mean
    Q                largest third derivative of the average; infinite at a kink
    zeta, zeta_inf   sup of |grad F_m - grad F|, in the Euclidean norm and by coordinates; left out if infinite
    G, G_inf         the same of grad F_m; left out if infinite
    zeta_star, zeta_mean, B, Delta   at the optimum and at the start 0
    """

    piece: Piece
    centres: Array
    tilts: Array
    root: Array

    @property
    def workers(self) -> int:
        return int(self.tilts.shape[-2])

    @property
    def dimension(self) -> int:
        return int(self.tilts.shape[-1])

    @cached_property
    def optimum(self) -> Array:
        return np.asarray(self.centres + self.root)

    @cached_property
    def residual(self) -> Array:
        """|grad F| at the optimum as stored, shape (...)."""
        at_optimum = np.broadcast_to(self.optimum[..., None, :], self.tilts.shape)
        return np.asarray(np.linalg.norm(self.gradient(at_optimum).mean(axis=-2), axis=-1))

    def gradient(self, x: Array) -> Array:
        return self.piece.slope(x - self.centres[..., None, :]) + self.tilts

    def value(self, x: Array) -> Array:
        offsets = x - self.centres[..., None, :]
        return np.asarray((self.piece.value(offsets) + self.tilts * offsets).sum(axis=-1))

    def hessian_vector_product(self, x: Array, v: Array) -> Array:
        """phi_m''(x - s) v; at a kink, one of the two one-sided curvatures."""
        return self.piece.curvature(x - self.centres[..., None, :]) * v

    def prox(self, x: Array, step: Array | float) -> Array:
        """The zero of y + step g(y) - x in every coordinate, by bisection to the last bit."""
        weak = np.asarray(self.constants.get("weak", 0.0)).max()
        rise = 1 - np.asarray(step, dtype=np.float64) * weak  # the least slope of y + step g(y)
        if np.any(rise <= 0):
            raise TightrateError(f"a proximal step must be below 1/weak = {1 / weak:g} here")
        away = step * self.gradient(x)
        with np.errstate(invalid="ignore"):
            far = np.abs(away) / rise * (1 + 1e-12)
        low, high = x - np.where(away > 0, far, 0.0), x + np.where(away < 0, far, 0.0)
        for _ in range(1100):
            middle = low + (high - low) / 2
            beyond = (middle - x) + step * self.gradient(middle) > 0
            if np.all((middle == low) | (middle == high)):
                return np.asarray(middle)
            low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
        return np.asarray(middle)

    def gap(self, x: Array) -> Array:
        """The second-order remainder at x*, where the average slope vanishes, averaged over workers."""
        offsets = (x - self.centres)[..., None, :]
        return np.asarray(self.piece.remainder(self.root[..., None, :], offsets).sum(axis=-1).mean(axis=-1))

    @cached_property
    def constants(self) -> Mapping[str, Array]:
        return {**self._curvature_constants(), **self._gradient_constants(), **self._optimum_constants()}

    def _curvature_constants(self) -> dict[str, Array]:
        curvatures = np.stack([np.broadcast_to(c, self.tilts.shape) for c in self.piece.extreme_curvatures()])
        lowest, highest = curvatures.min(axis=(0, -2, -1)), curvatures.max(axis=(0, -2, -1))
        constants = {"L": np.maximum(highest, -lowest)}
        if np.any(lowest < 0):
            constants["weak"] = np.maximum(-lowest, 0.0)
        else:
            constants["mu"] = lowest
        spread = curvatures.max(axis=-2) - curvatures.min(axis=-2)
        constants["tau"] = spread.max(axis=(0, -1))
        constants["tau_mean"] = np.abs(curvatures - curvatures.mean(axis=-2, keepdims=True)).max(axis=(0, -2, -1))
        bend = self.piece.averaged().bend()
        if bend is not None:
            constants["Q"] = np.broadcast_to(bend, (*self.tilts.shape[:-2], 1, self.dimension)).max(axis=(-2, -1))
        return constants

    def _gradient_constants(self) -> dict[str, Array]:
        constants = {}
        slopes = self.piece.extreme_slopes()
        if slopes or self.piece.is_common:
            ends = slopes if slopes and not self.piece.is_common else (np.zeros(()),)
            gradients = np.stack([np.broadcast_to(end + self.tilts, self.tilts.shape) for end in ends])
            deviations = np.abs(gradients - gradients.mean(axis=-2, keepdims=True)).max(axis=0)
            constants["zeta"] = np.linalg.norm(deviations, axis=-1).max(axis=-1)
            constants["zeta_inf"] = deviations.max(axis=(-2, -1))
        if slopes:
            largest = np.stack([np.abs(end + self.tilts) for end in slopes]).max(axis=0)
            constants["G"] = np.linalg.norm(largest, axis=-1).max(axis=-1)
            constants["G_inf"] = largest.max(axis=(-2, -1))
        return constants

    def _optimum_constants(self) -> dict[str, Array]:
        gradients = self.gradient(np.broadcast_to(self.optimum[..., None, :], self.tilts.shape))
        norms = np.linalg.norm(gradients, axis=-1)
        return {
            "zeta_star": np.sqrt(np.mean(norms**2, axis=-1)),
            "zeta_mean": norms.mean(axis=-1),
            "B": np.linalg.norm(self.optimum, axis=-1),
            "Delta": self.gap(np.zeros(self.optimum.shape)),
        }

    def probes(self) -> tuple[Array, Array]:
        """Probe points (n, ..., d) that include the extremal ones, with half-widths of smooth boxes around them."""
        offsets, halves = self.piece.averaged().probes()
        if self.piece.scale_free:
            length = np.where(self.constants["B"] > 0, self.constants["B"], 1.0)[..., None, None]
            offsets, halves = offsets * length, halves * length
        shape = (len(offsets), *self.optimum.shape)
        offsets, halves = (np.broadcast_to(a, (len(a), *self.tilts.shape))[..., 0, :] for a in (offsets, halves))
        return np.broadcast_to(self.centres + offsets, shape), np.broadcast_to(halves, shape)

    def self_check(self) -> tuple[Measured, ...]:
        """Measure every constant through `gradient`: difference quotients at probes that include the extremal ones."""
        common = frozenset({"zeta", "zeta_inf", "tau", "tau_mean"} if self.piece.is_common else ())
        return check_by_measuring(self, *self.probes(), unattained=self.piece.unattained - common)


def alternating_tilts(zeta: Array, M: int, d: int) -> Array:
    """+zeta/sqrt(d) in every coordinate on even workers, -zeta/sqrt(d) on odd: (..., M, d); M even if zeta > 0."""
    if M % 2 and np.any(zeta > 0):
        raise TightrateError(f"opposite tilts zeta > 0 need an even number of workers, not M = {M}")
    signs = np.where(np.arange(M) % 2 == 0, 1.0, -1.0)
    return np.asarray(zeta[..., None, None] / np.sqrt(d) * signs[:, None] * np.ones(d))


def placed(piece: Piece, tilts: Array, distance: Array, root: Array | None = None) -> SeparableWorkers:
    """The workers whose optimum is (distance/sqrt d)(1, ..., 1); `root` in closed form, or found by bisection."""
    d = tilts.shape[-1]
    shape = (*tilts.shape[:-2], d)
    offset = average_root(piece, tilts) if root is None else np.broadcast_to(root, shape)
    optimum = np.broadcast_to(distance[..., None] / np.sqrt(d), shape)
    return SeparableWorkers(piece, optimum - offset, tilts, np.asarray(offset, dtype=np.float64))


def average_root(piece: Piece, tilts: Array) -> Array:
    """Where the average slope of convex pieces vanishes, in every coordinate, by bisection to the last bit."""
    average = piece.averaged()
    tilt = tilts.mean(axis=-2, keepdims=True)

    def slope(x: Array) -> Array:
        return np.asarray(average.slope(x) + tilt)

    low, high = np.full(tilt.shape, -1.0), np.full(tilt.shape, 1.0)
    for _ in range(200):
        low = np.where(slope(low) > 0, 2 * low, low)
        high = np.where(slope(high) < 0, 2 * high, high)
    if np.any(slope(low) > 0) or np.any(slope(high) < 0):
        raise TightrateError("the average objective has no minimizer: its slope does not change sign")
    for _ in range(1100):  # until neighbouring floats, wherever the root is
        middle = low + (high - low) / 2
        rising = slope(middle) > 0
        settled = np.all((middle == low) | (middle == high))
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
        if settled:
            break
    best = np.where(np.abs(slope(low)) < np.abs(slope(high)), low, high)
    return np.asarray(best[..., 0, :])
