"""Measuring the constants of a problem through its gradient oracle alone.

Suprema over all points are maxima of difference quotients over given probe points, which must include the extremal
ones; the optimum is refined by Newton steps whose Hessians are difference quotients; the initial gap is the integral
of the gradient along the segment from the optimum to the start.  Nothing here looks inside a problem.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tightrate.constructions.problem import Array, Measured, Problem
from tightrate.rates.symbols.alphabet import LETTERS

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def check_by_measuring(
    problem: Problem,
    points: Array,
    halves: Array,
    *,
    unattained: frozenset[str] = frozenset(),
    extra: Mapping[str, Array] | None = None,
    panels: int = 2048,
) -> tuple[Measured, ...]:
    """Every constant of `problem` beside its measured value.

    `points` (n, ..., d) are the probes and `halves` (n, ..., d) the half-widths, in each coordinate, of boxes
    around them in which the gradient is smooth, or kinked exactly at the probe.  `extra` holds measurements that the
    problem makes itself, `unattained` the constants that no point attains.  `panels` splits the path of the gap.
    """
    measured = {**measure(problem, points, halves, panels=panels), **(extra or {})}
    smoothness = problem.constants["L"]
    length = np.maximum(np.abs(problem.optimum).max(axis=-1), halves.max(axis=(0, -1)))
    checks = []
    for name, claimed in problem.constants.items():
        unit = LETTERS[name].unit
        scale = smoothness ** float(unit.value) * length ** float(2 * unit.value + unit.length)
        checks.append(Measured(name, claimed, measured[name], scale, attained=name not in unattained))
    return tuple(checks)


def measure(problem: Problem, points: Array, halves: Array, *, panels: int) -> dict[str, Array]:
    """Measured constants by name: those of the problem that this module knows how to measure."""
    names = set(problem.constants)
    measured: dict[str, Array] = {}
    if names & {"L", "mu", "weak", "tau", "tau_mean"}:
        measured |= curvature_constants(hessians(problem, points, halves))
    if "Q" in names:
        measured["Q"] = third_derivative(problem, points, halves)
    if names & {"zeta", "zeta_inf", "G", "G_inf"}:
        measured |= gradient_constants(everywhere(problem, points))
    if names & {"zeta_star", "zeta_mean", "B", "Delta"}:
        optimum = refined_optimum(problem, halves.min(axis=0))
        norms = np.linalg.norm(everywhere(problem, optimum), axis=-1)
        measured["zeta_star"] = np.sqrt(np.mean(norms**2, axis=-1))
        measured["zeta_mean"] = norms.mean(axis=-1)
        measured["B"] = np.linalg.norm(optimum, axis=-1)
        if "Delta" in names:
            measured["Delta"] = rise_to_start(problem, optimum, panels)
    return measured


def everywhere(problem: Problem, points: Array) -> Array:
    """All workers' gradients at common points: (..., d) to (..., M, d)."""
    shape = (*points.shape[:-1], problem.workers, points.shape[-1])
    return problem.gradient(np.broadcast_to(points[..., None, :], shape))


def hessians(problem: Problem, points: Array, halves: Array) -> Array:
    """Every worker's Hessian at common points, (..., M, d, d), from four gradients a column.

    The Richardson mean of the difference quotients over the half-width and over half of it; divided by the distance
    between the points as rounded, so that only the gradients' own rounding enters.
    """
    columns = []
    for j in range(points.shape[-1]):
        wide, narrow = (_quotient(problem, points, halves, j, part) for part in (1.0, 0.5))
        columns.append((4 * narrow - wide) / 3)
    matrices = np.stack(columns, axis=-1)
    return (matrices + np.swapaxes(matrices, -1, -2)) / 2


def _moved(points: Array, halves: Array, j: int, part: float) -> Array:
    moved = np.array(points)
    moved[..., j] += part * halves[..., j]
    return moved


def _quotient(problem: Problem, points: Array, halves: Array, j: int, part: float) -> Array:
    ahead, behind = _moved(points, halves, j, part), _moved(points, halves, j, -part)
    distance = (ahead - behind)[..., j]
    return (everywhere(problem, ahead) - everywhere(problem, behind)) / distance[..., None, None]


def curvature_constants(matrices: Array) -> dict[str, Array]:
    """L, mu, weak, tau and tau_mean from Hessians (n, ..., M, d, d)."""
    spectrum = np.linalg.eigvalsh(matrices)
    lowest, highest = spectrum.min(axis=(0, -2, -1)), spectrum.max(axis=(0, -2, -1))
    workers = matrices.shape[-3]
    pairs = [matrices[..., m, :, :] - matrices[..., n, :, :] for m in range(workers) for n in range(m)]
    distances = [np.linalg.norm(pair, 2, axis=(-2, -1)).max(axis=0) for pair in pairs]
    deviations = matrices - matrices.mean(axis=-3, keepdims=True)
    return {
        "L": np.maximum(highest, -lowest),
        "mu": np.maximum(lowest, 0.0),
        "weak": np.maximum(-lowest, 0.0),
        "tau": np.max(distances, axis=0) if distances else np.zeros(lowest.shape),
        "tau_mean": np.linalg.norm(deviations, 2, axis=(-2, -1)).max(axis=(0, -1)),
    }


def third_derivative(problem: Problem, points: Array, halves: Array) -> Array:
    """sup |d^3 F / dx_i^3| of the average F, which is Q where F is a sum over coordinates; inf at a kink.

    At a kink the second divided differences of the gradient grow without bound as their width shrinks.
    """
    largest = []
    for part in (1.0, 0.125):
        quotients = []
        for j in range(points.shape[-1]):
            wide, narrow = (_second_difference(problem, points, halves, j, part * s) for s in (1.0, 0.5))
            quotients.append(np.abs((4 * narrow - wide) / 3))
        largest.append(np.max(quotients, axis=(0, 1)))
    wide, narrow = largest
    width = halves.min(axis=(0, -1)) / 8
    kinked = (narrow > 4 * wide) & (narrow * width > 1e-4 * problem.constants["L"])
    return np.where(kinked, np.inf, wide)


def _second_difference(problem: Problem, points: Array, halves: Array, j: int, part: float) -> Array:
    places = [_moved(points, halves, j, sign * part) for sign in (-1, 0, 1)]
    low, mid, high = (place[..., j] for place in places)
    g_low, g_mid, g_high = (everywhere(problem, place).mean(axis=-2)[..., j] for place in places)
    return np.asarray(2 * ((g_high - g_mid) / (high - mid) - (g_mid - g_low) / (mid - low)) / (high - low))


def gradient_constants(gradients: Array) -> dict[str, Array]:
    """G, G_inf, zeta and zeta_inf from gradients (n, ..., M, d)."""
    deviations = gradients - gradients.mean(axis=-2, keepdims=True)
    return {
        "G": np.linalg.norm(gradients, axis=-1).max(axis=(0, -1)),
        "G_inf": np.abs(gradients).max(axis=(0, -2, -1)),
        "zeta": np.linalg.norm(deviations, axis=-1).max(axis=(0, -1)),
        "zeta_inf": np.abs(deviations).max(axis=(0, -2, -1)),
    }


def refined_optimum(problem: Problem, halves: Array) -> Array:
    """The claimed optimum after three Newton steps on the measured mean gradient."""
    x = np.array(problem.optimum)
    for _ in range(3):
        gradient = everywhere(problem, x).mean(axis=-2)
        hessian = hessians(problem, x, np.broadcast_to(halves, x.shape)).mean(axis=-3)
        x = x - np.linalg.solve(hessian, gradient[..., None])[..., 0]
    return x


def rise_to_start(problem: Problem, optimum: Array, panels: int) -> Array:
    """F(0) - F(x*), the integral of -<grad F(x* (1 - t)), x*> over t in (0, 1).

    Gauss panels, uniform and graded towards the optimum, where a narrow kink would hide.
    """
    edges = np.unique(np.concatenate([[0.0], np.geomspace(1e-9, 1.0, 73), np.linspace(0.0, 1.0, panels + 1)[1:]]))
    total = np.zeros(optimum.shape[:-1])
    for low, high in zip(np.array_split(edges[:-1], 32), np.array_split(edges[1:], 32), strict=True):
        times = ((high - low)[:, None] * (_NODES + 1) / 2 + low[:, None]).ravel()
        weights = ((high - low)[:, None] * _WEIGHTS / 2).ravel()
        points = (1 - times).reshape(-1, *[1] * optimum.ndim) * optimum
        slopes = -np.einsum("...i,...i->...", everywhere(problem, points).mean(axis=-2), optimum)
        total = total + np.tensordot(weights, slopes, axes=(0, 0))
    return total
