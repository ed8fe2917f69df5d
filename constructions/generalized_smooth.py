"""An (L0, L1)-smooth function, whose ordinary smoothness exists on a level set only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from tightrate.constructions.measuring import check_by_measuring, everywhere, hessians
from tightrate.constructions.parameters import batch, count
from tightrate.constructions.pieces import Cosh
from tightrate.constructions.problem import PROBLEMS, Array, Measured
from tightrate.constructions.separable import SeparableWorkers, alternating_tilts


@dataclass(frozen=True, eq=False)
class GeneralizedSmooth(SeparableWorkers):
    """Separable cosh workers; L and Q are those on the level set {F - F* <= Delta}, L0 and L1 hold everywhere."""

    @cached_property
    def constants(self) -> Mapping[str, Array]:
        assert isinstance(self.piece, Cosh)
        constants = dict(super().constants)
        return constants | {"L0": self.piece.base[..., 0, 0], "L1": self.piece.growth[..., 0, 0]}

    def probes(self) -> tuple[Array, Array]:
        """Points of the level set: one coordinate moves through it, the others rest at the optimum."""
        offsets, halves = self.piece.averaged().probes()
        first = np.zeros(self.dimension)
        first[0] = 1.0
        points = self.optimum + offsets[..., 0, :] * first
        return points, np.broadcast_to(halves[..., 0, :], points.shape)

    def self_check(self) -> tuple[Measured, ...]:
        """Measure through `gradient`; L0 and L1 from |Hess F| <= L0 + L1 |grad F|, L1 in the limit far out."""
        assert isinstance(self.piece, Cosh)
        points, halves = self.probes()
        unit = np.eye(self.dimension)[0] / self.piece.growth[..., 0, :]
        at_optimum = np.linalg.norm(hessians(self, self.optimum[None], halves[:1]), 2, axis=(-2, -1)).max(axis=(0, -1))
        far = self.optimum + np.array([-40.0, 40.0]).reshape(-1, *[1] * self.optimum.ndim) * unit
        curvature = np.linalg.norm(hessians(self, far, halves[:2]), 2, axis=(-2, -1))
        growth = (curvature - at_optimum[..., None]) / np.linalg.norm(everywhere(self, far), axis=-1)
        extra = {"L0": at_optimum, "L1": growth.max(axis=(0, -1))}
        return check_by_measuring(self, points, halves, unattained=frozenset({"L1"}), extra=extra)


@PROBLEMS.add("generalized-smooth")
def generalized_smooth(
    *,
    L0: ArrayLike = 1.0,
    L1: ArrayLike = 1.0,
    zeta: ArrayLike = 0.0,
    B: ArrayLike = 2.0,
    M: int = 2,
    d: int = 1,
) -> GeneralizedSmooth:
    """F_m(x) = sum_i (L0/L1^2)(cosh(L1 u) - 1) +- (zeta/sqrt d) u with u = x_i - x*_i.

    |Hess F| <= L0 + L1 |grad F| everywhere, L0 attained at the optimum and L1 approached far out.  On the level set
    {F - F* <= Delta}, Delta the gap at the start 0, the smoothness is exactly L = L0 + L1^2 Delta, attained where one
    coordinate holds the whole gap; also |grad F|^2 <= 2 L (F - F*) there.  x* = (B/sqrt d)(1, ..., 1).

    >>> constants = generalized_smooth(L0=2.0, L1=0.5, B=3.0).constants
    >>> bool(abs(constants["L"] - 2.0 - 0.25 * constants["Delta"]) < 1e-14)
    True
    """
    workers, dimension = count("M", M), count("d", d)
    base, growth, tilt, distance = batch(L0=L0, L1=L1, zeta=zeta, B=B)
    excess = 2 * dimension * np.sinh(growth * distance / np.sqrt(dimension) / 2) ** 2  # L1^2 Delta / L0
    reach = np.arccosh(1 + excess) / growth
    piece = Cosh(base[..., None, None], growth[..., None, None], reach[..., None, None])
    optimum = np.broadcast_to(distance[..., None] / np.sqrt(dimension), (*base.shape, dimension))
    return GeneralizedSmooth(piece, optimum, alternating_tilts(tilt, workers, dimension), np.zeros(optimum.shape))
