"""Functions through given values and gradients: the smooth convex functions that attain an exact worst case."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from tightrate.common.checksum import sealed, unsealed
from tightrate.common.errors import TightrateError
from tightrate.common.files import read_bytes
from tightrate.constructions.fixed_order import apply, inner, length, product
from tightrate.constructions.problem import PROBLEMS, Array, Measured, Problem

DIFFERENCE = 1e-4  # relative step of the differences that measure curvature


@dataclass(frozen=True, eq=False)
class InterpolatedFunctions(Problem):
    """For every worker the L-smooth, mu-strongly convex function through its points.

    `points` and `slopes` are (M, n, d), `values` (M, n), the last point of each the optimum of the mean.  With
    h = L - mu, y_i = x_i - g_i/h and c_i = f_i - |g_i|^2/(2h) of what is left after mu |x|^2/2 is taken away, the
    function is  mu |x|^2/2 + min over weights w of  h |x - sum_i w_i y_i|^2/2 + sum_i w_i c_i  (Taylor, Hendrickx and
    Glineur 2017): a small quadratic programme for each gradient.
    """

    points: Array
    slopes: Array
    values: Array
    L: float
    mu: float

    @property
    def workers(self) -> int:
        return int(self.points.shape[0])

    @property
    def dimension(self) -> int:
        return int(self.points.shape[2])

    @property
    def optimum(self) -> Array:
        return np.asarray(self.points[0, -1])

    @cached_property
    def constants(self) -> Mapping[str, Array]:
        gradients = self._at_common(self.optimum)
        return {
            "L": np.asarray(self.L),
            "mu": np.asarray(self.mu),
            "B": length(self.optimum),
            "zeta_star": np.sqrt((gradients**2).sum(axis=-1).mean(axis=-1)),
            "Delta": np.asarray(self.gap(np.zeros(self.dimension))),
        }

    def gradient(self, x: Array) -> Array:
        return self._each(x)[1]

    def value(self, x: Array) -> Array:
        return self._each(x)[0]

    def gap(self, x: Array) -> Array:
        common = np.broadcast_to(x[..., None, :], (*x.shape[:-1], self.workers, self.dimension))
        return np.asarray((self.value(common) - self._least).mean(axis=-1))

    @cached_property
    def _least(self) -> Array:
        return self.value(np.broadcast_to(self.optimum, (self.workers, self.dimension)))

    def _at_common(self, x: Array) -> Array:
        return self.gradient(np.broadcast_to(x, (self.workers, self.dimension)))

    def _each(self, x: Array) -> tuple[Array, Array]:
        """Every worker's value and gradient at its own point."""
        flat = x.reshape(-1, self.workers, self.dimension)
        values, gradients = np.empty(flat.shape[:-1]), np.empty(flat.shape)
        for row, at in enumerate(flat):
            for m, point in enumerate(at):
                values[row, m], gradients[row, m] = self._value_and_gradient(m, point)
        return values.reshape(x.shape[:-1]), gradients.reshape(x.shape)

    @cached_property
    def _anchors(self) -> tuple[Array, Array]:
        h = self.L - self.mu
        slopes = self.slopes - self.mu * self.points
        values = self.values - self.mu / 2 * (self.points**2).sum(axis=-1)
        return self.points - slopes / h, values - (slopes**2).sum(axis=-1) / (2 * h)

    def _value_and_gradient(self, m: int, x: Array) -> tuple[float, Array]:
        h = self.L - self.mu
        y, c = self._anchors[0][m], self._anchors[1][m]
        weights = _least_on_the_simplex(h * product(y - x, (y - x).T), c)
        apart = x - apply(y.T, weights)
        value = self.mu / 2 * inner(x, x) + h / 2 * inner(apart, apart) + inner(weights, c)
        return float(value), self.mu * x + h * apart

    def self_check(self) -> tuple[Measured, ...]:
        """Gradients at random points: their growth against L and mu, and what the optimum shows."""
        generator = np.random.default_rng(0)
        scale = float(self.constants["B"])
        x = generator.standard_normal((64, 1, self.dimension)) * scale
        away = generator.standard_normal(x.shape) * scale * DIFFERENCE
        shape = (64, self.workers, self.dimension)
        near, far = (self.gradient(np.broadcast_to(at, shape)) for at in (x, x + away))
        grown = np.linalg.norm(far - near, axis=-1) / np.linalg.norm(away, axis=-1)
        inner = ((far - near) * away).sum(axis=-1) / (away**2).sum(axis=-1)
        mean = self._at_common(self.optimum).mean(axis=0)
        measured = {
            "L": np.asarray(min(self.L, grown.max())),
            "mu": np.asarray(max(self.mu, inner.min())),
            "B": np.linalg.norm(self.optimum - mean / self.L),
            "zeta_star": self.constants["zeta_star"],
            "Delta": self.constants["Delta"],
        }
        unit = {"L": self.L, "mu": self.L, "B": scale, "zeta_star": self.L * scale, "Delta": self.L * scale**2}
        return tuple(
            Measured(name, claimed, np.asarray(measured[name]), np.array(float(unit[name])), name not in ("L", "mu"))
            for name, claimed in self.constants.items()
        )

    def as_json(self) -> dict[str, Any]:
        """What `interpolated-functions` reads back, with a digest by which a change is seen."""
        arrays = {name: getattr(self, name).tolist() for name in ("points", "slopes", "values")}
        return sealed({**arrays, "L": self.L, "mu": self.mu})


def _least_on_the_simplex(quadratic: Array, linear: Array) -> Array:
    """The weights w >= 0 of sum 1 with the least  w'Qw/2 + c'w."""
    try:
        import clarabel
    except ImportError:
        raise TightrateError(
            "functions through given gradients need the solver Clarabel: pip install -e '.[exact]' in the checkout"
        ) from None
    n = len(linear)
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-12
    rows = sparse.vstack([sparse.csc_matrix(np.ones((1, n))), -sparse.eye(n)]).tocsc()
    right = np.concatenate([[1.0], np.zeros(n)])
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(n)]
    upper = sparse.csc_matrix(np.triu(quadratic))
    found = np.maximum(np.array(clarabel.DefaultSolver(upper, linear, rows, right, cones, settings).solve().x), 0.0)
    return np.asarray(found / found.sum())


@PROBLEMS.add("interpolated-functions")
def interpolated_functions(*, file: str) -> InterpolatedFunctions:
    """The functions in a file that `tightrate worst-case --out` wrote, on which the worst case is attained."""
    try:
        stored = unsealed(json.loads(read_bytes(Path(file)))["functions"])
        arrays = {name: np.array(stored[name], dtype=np.float64) for name in ("points", "slopes", "values")}
        found = InterpolatedFunctions(**arrays, L=float(stored["L"]), mu=float(stored["mu"]))
    except TightrateError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError):
        raise TightrateError(
            f"{file} holds no functions, or changed ones; give a file that tightrate worst-case --out wrote"
        ) from None
    shape = found.points.shape
    if len(shape) != 3 or found.slopes.shape != shape or found.values.shape != shape[:2] or not found.L > found.mu >= 0:
        raise TightrateError(f"{file} holds no functions; give a file that tightrate worst-case --out wrote")
    return found
