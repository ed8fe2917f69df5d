"""A proof that no function of the class does worse: multipliers of interpolation inequalities, checked by numpy alone.

    python -m tightrate.simulator.worst_case.certificate FILE

This module shares no code with the programme that finds the multipliers.  For every pair of points (i, j) the functions
of the class satisfy an inequality  h_ij <= 0.  If the multipliers are nonnegative, if the values f cancel in

    objective - sum multiplier_ij h_ij - radius |p|^2 - heterogeneity * spread,

and if minus its matrix is positive semidefinite in every block, then the objective is at most
radius B^2 + heterogeneity zeta_star^2 for every function of the class.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
UNIT = 2.0**-53  # what rounding changes a double by, relatively
OPERATIONS = 16  # for one entry of one inequality's matrix, at most


@dataclass(frozen=True)
class Checked:
    """The bound that a certificate proves in units L = B = 1, infinite where it proves none, and why."""

    bound: float
    reason: str = ""

    @property
    def valid(self) -> bool:
        """Whether something is proved."""
        return bool(np.isfinite(self.bound))


def check(certificate: dict[str, Any]) -> Checked:
    """The bound that a certificate proves.

    `points` and `gradients` are, for every family and block, the vectors of its points and of their gradients, the
    optimum last; `values` the places of their function values; `pairs` rows (family, i, j); the other keys are named in
    the module's text.  What is not balanced is moved to the optimum's inequalities, which can only make it worse.
    """
    multipliers = np.asarray(certificate["multipliers"], dtype=np.float64)
    pairs = [tuple(int(part) for part in pair) for pair in certificate["pairs"]]
    radius, heterogeneity = float(certificate["radius"]), float(certificate["heterogeneity"])
    mu, zeta = float(certificate["mu"]), float(certificate["zeta_star"])
    weights = np.asarray(certificate["weights"], dtype=np.float64)
    values = [np.asarray(places, dtype=int) for places in certificate["values"]]
    numbers = np.concatenate([multipliers, [radius, heterogeneity, mu, zeta]])
    if not np.isfinite(numbers).all() or len(pairs) != len(multipliers):
        return Checked(float("inf"), "a number is missing")
    if (multipliers < 0).any() or radius < 0 or heterogeneity < 0 or not 0 <= mu < 1 or zeta < 0:
        return Checked(float("inf"), "a multiplier is negative")
    every = _with_balance(pairs, multipliers, weights, values)
    slacks = []
    for block, objective in enumerate(certificate["objective"]):
        slack = -np.asarray(objective, dtype=np.float64)
        size = np.abs(slack)
        for (family, i, j), multiplier in every.items():
            x = np.asarray(certificate["points"][family][block], dtype=np.float64)
            g = np.asarray(certificate["gradients"][family][block], dtype=np.float64)
            term, parts = _inequality(x[i], x[j], g[i], g[j], mu)
            slack += multiplier * term
            size += multiplier * parts
        if block == 0:
            slack[0, 0] += radius
            size[0, 0] += radius
        if certificate["spread"] is not None:
            vectors = np.atleast_2d(np.asarray(certificate["spread"][block], dtype=np.float64))
            slack += heterogeneity * vectors.T @ vectors
            size += heterogeneity * np.abs(vectors.T @ vectors)
        slacks.append((slack, (OPERATIONS + len(every) + 2 * len(slack)) * UNIT * float(size.sum(axis=1).max())))
    for slack, rounding in slacks:  # which moves no eigenvalue by more, that of the eigenvalues themselves included
        if not np.isfinite(slack).all() or np.linalg.eigvalsh(slack)[0] < 2 * rounding:
            return Checked(float("inf"), "a matrix is not positive definite")
    return Checked(radius + heterogeneity * zeta**2)


def _with_balance(
    pairs: list[tuple[int, ...]], multipliers: Array, weights: Array, values: list[NDArray[np.int64]]
) -> dict[tuple[int, int, int], float]:
    """The multipliers, with those of the optimum raised until every value f cancels exactly (to rounding)."""
    every: dict[tuple[int, int, int], float] = {}
    for (family, i, j), multiplier in zip(pairs, multipliers.tolist(), strict=True):
        every[family, i, j] = every.get((family, i, j), 0.0) + multiplier
    left = np.array(weights)
    for (family, i, j), multiplier in every.items():
        star = len(values[family])
        if j < star:
            left[values[family][j]] -= multiplier
        if i < star:
            left[values[family][i]] += multiplier
    for family, places in enumerate(values):
        star = len(places)
        for i, place in enumerate(places):
            pair = (family, star, i) if left[place] > 0 else (family, i, star)
            every[pair] = every.get(pair, 0.0) + abs(float(left[place]))
    return every


def _inequality(xi: Array, xj: Array, gi: Array, gj: Array, mu: float) -> tuple[Array, Array]:
    """The matrix of <g_j, dx> + (|dg|^2 + mu |dx|^2 - 2 mu <dg, dx>)/(2 (1 - mu)), with dx = x_i - x_j and
    dg = g_i - g_j, and the sum of the absolute values of its parts."""
    dx, dg, scale = xi - xj, gi - gj, 1 / (2 * (1 - mu))
    mixed = [np.outer(gj, dx) / 2, -mu * scale * np.outer(dg, dx)]
    parts = [*mixed, *(one.T for one in mixed), scale * np.outer(dg, dg), mu * scale * np.outer(dx, dx)]
    return np.asarray(sum(parts)), np.asarray(sum(np.abs(part) for part in parts))


def main(arguments: list[str]) -> int:
    """Check the certificate in a file that `tightrate worst-case --out` wrote; exit status 0 where it is valid."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m tightrate.simulator.worst_case.certificate FILE\n")
        return 2
    try:
        document = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        found = check(document["certificate"])
        scale = float(document["certificate"]["unit"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        sys.stderr.write(f"{arguments[0]} holds no certificate: {type(error).__name__} {error}\n")
        return 2
    if not found.valid:
        sys.stdout.write(f"not valid: {found.reason}\n")
        return 1
    sys.stdout.write(f"valid: at most {found.bound * scale!r}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
