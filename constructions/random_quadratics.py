"""Random strongly convex quadratic workers: one instance with prescribed constants, and batches of any."""

from __future__ import annotations

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.fixed_order import (
    apply,
    extreme_eigenvectors,
    inner,
    length,
    orthonormal,
    product,
    solve,
)
from tightrate.constructions.parameters import at_most, check_memory, count, generator_of
from tightrate.constructions.problem import PROBLEMS, Array
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.rates.symbols.alphabet import check_value


@PROBLEMS.add("random-quadratics")
def random_quadratics(
    *,
    M: int = 4,
    d: int = 4,
    mu: float = 0.1,
    L: float = 1.0,
    tau: float = 0.5,
    zeta_star: float = 1.0,
    zeta_opt: float | None = None,
    B: float = 1.0,
    seed: int = 0,
) -> QuadraticWorkers:
    """M random quadratic workers with exactly these constants (to rounding).

    Every Hessian has the spectrum {mu, L, ...}; the plane of its two extreme eigenvectors is turned by an angle
    theta_m, and |A_m - A_n| = (L - mu) |sin(theta_m - theta_n)|, so that tau needs a fan of angle
    arcsin(tau / (L - mu)).  The displacements u_m = x_m - x* satisfy sum A_m u_m = 0; their root mean square is
    zeta_opt / L and that of A_m u_m is zeta_star.  These are two different constants: mu zeta_opt / L <= zeta_star
    <= zeta_opt.  Without `zeta_opt` the displacements are drawn freely and scaled to zeta_star.

    >>> constants = random_quadratics(M=3, d=2, tau=0.3, zeta_star=0.5, zeta_opt=0.8).constants
    >>> [round(float(constants[name]), 12) for name in ("mu", "L", "tau", "zeta_star", "zeta_opt", "B")]
    [0.1, 1.0, 0.3, 0.5, 0.8, 1.0]
    """
    M, d = count("M", M), count("d", d)
    of_displacements = 6 * (M * d) ** 2 if zeta_star and zeta_opt is not None else 0
    check_memory(M * d**2 + of_displacements, f"random-quadratics with M = {M} and d = {d}")
    for name, value in {"mu": mu, "L": L, "tau": tau, "zeta_star": zeta_star, "B": B}.items():
        check_value(name, value)
    if zeta_opt is not None:
        check_value("zeta_opt", zeta_opt)
    if mu > L:
        raise TightrateError(f"mu must not exceed L, but mu = {mu:g} and L = {L:g}")
    if d == 1 and mu != L:
        raise TightrateError(f"in one dimension with one curvature mu must equal L; give d >= 2 or mu = L = {L:g}")
    tau = float(at_most("tau", tau, L - mu, "L - mu"))
    if M == 1 and (tau > 0 or zeta_star > 0):
        raise TightrateError("one worker has no heterogeneity: with M = 1 give tau=0 and zeta_star=0")
    generator = generator_of(seed)
    direction = generator.standard_normal(d)
    optimum = B * direction / length(direction)
    hessians = _fan_of_hessians(generator, M, d, mu, L, tau)
    displacements = _displacements(generator, hessians, zeta_star, None if zeta_opt is None else zeta_opt / L)
    return QuadraticWorkers(hessians, optimum + displacements, known_optimum=optimum)


def random_workers(generator: np.random.Generator, n: int, M: int, d: int) -> QuadraticWorkers:
    """A batch of n random instances of M workers with minimizers of their own, far from each other.

    Spectra lie in [mu, 1] with mu log-uniform; the Hessians of one instance differ a lot or little.

    >>> random_workers(np.random.default_rng(0), n=5, M=3, d=2).hessians.shape
    (5, 3, 2, 2)
    """
    mu = 10 ** generator.uniform(-2, -0.05, (n, 1, 1))
    spread = 10 ** generator.uniform(-3, 0, (n, 1, 1))
    center = generator.uniform(0, 1, (n, 1, d))
    position = np.clip(center + spread * generator.uniform(-1, 1, (n, M, d)), 0, 1)
    spectrum = mu + (1 - mu) * position
    basis = orthonormal(np.eye(d) + spread[..., None] * generator.standard_normal((n, M, d, d)))
    hessians = product(basis * spectrum[..., None, :], np.swapaxes(basis, -1, -2))
    hessians = (hessians + np.swapaxes(hessians, -1, -2)) / 2
    return QuadraticWorkers(hessians, generator.standard_normal((n, M, d)))


def _fan_of_hessians(generator: np.random.Generator, M: int, d: int, mu: float, L: float, tau: float) -> Array:
    """M Hessians with spectrum in [mu, L], both ends attained, and largest pairwise distance tau."""
    basis = orthonormal(generator.standard_normal((d, d)))
    spectrum = np.concatenate([[mu, L][:d], generator.uniform(mu, L, max(d - 2, 0))])
    if d == 1:
        return np.full((M, 1, 1), L)
    width = np.arcsin(tau / (L - mu)) if tau > 0 else 0.0
    angles = np.concatenate([[0.0, width], generator.uniform(0.0, width, max(M - 2, 0))])[:M]
    hessians = np.empty((M, d, d))
    for m, angle in enumerate(angles):
        turned = basis.copy()
        turned[:, 0] = np.cos(angle) * basis[:, 0] + np.sin(angle) * basis[:, 1]
        turned[:, 1] = np.cos(angle) * basis[:, 1] - np.sin(angle) * basis[:, 0]
        hessians[m] = product(turned * spectrum, turned.T)
    return (hessians + np.swapaxes(hessians, -1, -2)) / 2


def _displacements(generator: np.random.Generator, hessians: Array, zeta_star: float, spread: float | None) -> Array:
    """u_m with sum A_m u_m = 0, root mean square |A_m u_m| = zeta_star and, if given, root mean square |u_m| = spread.

    Normal draws are projected onto the constraint.  Where `spread` is given too, they are moved along a segment to a
    vector on which the quotient of both lengths is extreme, until it is right.
    """
    M, d = hessians.shape[0], hessians.shape[-1]
    if zeta_star == 0:
        if spread:
            raise TightrateError("zeta_star = 0 puts every worker's optimum at x*: zeta_opt must be 0 too")
        return np.zeros((M, d))
    squares = product(hessians, hessians).sum(axis=0)

    def projected(u: Array) -> Array:
        """The nearest of those with sum A_m u_m = 0: u - A'(A A')^-1 A u for A = (A_1, ..., A_M)."""
        for _ in range(2):  # once more for what rounding left
            u = u - apply(hessians, solve(squares, apply(hessians, u).sum(axis=0)))
        return u

    def quotient(u: Array) -> float:
        """sum |A_m u_m|^2 / sum |u_m|^2."""
        return float(np.sum(apply(hessians, u) ** 2) / np.sum(u**2))

    start = projected(generator.standard_normal((M, d)))
    if spread is None:
        return np.asarray(np.sqrt(M) * zeta_star * start / np.sqrt(np.sum(apply(hessians, start) ** 2)))
    ends = [projected(end.reshape(M, d)) for end in extreme_eigenvectors(_squares_on_the_constraint(hessians, squares))]
    lowest, highest = (float(np.sqrt(quotient(end))) * spread for end in ends)
    if not lowest * (1 - 1e-12) <= zeta_star <= highest * (1 + 1e-12):
        raise TightrateError(
            f"for these workers zeta_star must lie in [{lowest:.6g}, {highest:.6g}] when zeta_opt/L is {spread:g},"
            f" not {zeta_star:g}"
        )
    target = (zeta_star / spread) ** 2
    rising = quotient(start) < target
    end = ends[1] if rising else ends[0]
    end = end * np.copysign(length(start.ravel()) / length(end.ravel()), inner(start.ravel(), end.ravel()))
    low, high = 0.0, 1.0
    for _ in range(200):  # bisection to the last bit
        middle = (low + high) / 2
        if (quotient((1 - middle) * start + middle * end) < target) == rising:
            low = middle
        else:
            high = middle
    found = projected((1 - high) * start + high * end)
    return np.asarray(np.sqrt(M) * spread * found / length(found.ravel()))


def _squares_on_the_constraint(hessians: Array, squares: Array) -> Array:
    """The form sum |A_m u_m|^2 - on the complement of sum A_m u_m = 0 its mean curvature, which is never extreme.

    Shape (M d, M d): P D P + c (1 - P), with D of blocks A_m^2 and P the projector onto the constraint.
    """
    M, d = hessians.shape[0], hessians.shape[-1]
    stacked = hessians.reshape(M * d, d)  # A'
    complement = product(stacked, solve(squares[None], stacked).T)  # 1 - P
    projector = np.eye(M * d) - complement
    form = np.zeros((M, d, M, d))
    form[np.arange(M), :, np.arange(M), :] = product(hessians, hessians)
    inside = product(projector, product(form.reshape(M * d, M * d), projector))
    found = inside + np.trace(inside) / ((M - 1) * d) * complement
    return np.asarray((found + found.T) / 2)
