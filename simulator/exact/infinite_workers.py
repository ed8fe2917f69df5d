"""Clipped local SGD with infinitely many identical workers, in one dimension: the mean iterate is deterministic.

Started together at x, the workers' mean after k local steps is V_k(x) = E x_k, and V_{k+1}(x) = E V_k(x - eta g(x)):
a backward recursion over a grid of starting points.  With noise of two values it is a sparse matrix with four entries a
row, the linear interpolation at the two next points.  A round then maps the server's iterate by V_K, and M does not
occur: what is left of the error is drift and clipping bias alone.

Interpolation adds less than a quarter of the squared spacing to the variance of each step; the spacing is a tenth
of the step's noise, so variances are 1/400 too large at most.  Outside the grid V is continued by straight lines,
which is exact where curvature no longer changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from tightrate.constructions.problem import Array

POINTS_PER_STEP = 10  # grid points in one step's noise
REACH = 7.0  # half-width of the grid in standard deviations of a round's noise
MOST_POINTS = 20000


@dataclass(frozen=True)
class TwoValues:
    """Noise that is `up` with the given probability and `down` otherwise, mean zero."""

    up: float
    down: float
    probability: float = 0.5

    @staticmethod
    def signs(sigma: float) -> TwoValues:
        """+-sigma with equal chances."""
        return TwoValues(sigma, -sigma)

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return float(np.sqrt(self.probability * self.up**2 + (1 - self.probability) * self.down**2))


@dataclass(frozen=True)
class RoundMap:
    """What a round of K local steps does to a server's iterate x on the grid.

    `end` is the workers' mean after the round, `variance` that of one worker's iterate there, `inside` the (weighted)
    sum of the workers' means before each of its steps.
    """

    grid: Array
    end: Array
    variance: Array
    inside: Array
    K: int
    q: float

    def path(self, start: float, rounds: int) -> tuple[Array, Array]:
        """The server's iterate after 0, ..., R rounds, and the average over all steps of the first 1, ..., R rounds.

        Weights of the average are proportional to (1 - q)^-t, so that later steps count more.
        """
        origin, spacing = float(self.grid[0]), float(self.grid[1] - self.grid[0])
        last = len(self.grid) - 2
        end, inside = self.end, self.inside
        kept = (1 - self.q) ** self.K
        within = self.K if self.q == 0 else (1 - kept) / self.q
        x, total, weight = start, 0.0, 0.0
        iterates, averages = np.empty(rounds + 1), np.empty(rounds)
        iterates[0] = x
        for r in range(rounds):
            place = (x - origin) / spacing
            i = min(max(int(place), 0), last)
            share = place - i
            total = kept * total + float(inside[i] + share * (inside[i + 1] - inside[i]))
            weight = kept * weight + within
            x = float(end[i] + share * (end[i + 1] - end[i]))
            iterates[r + 1], averages[r] = x, total / weight
        return iterates, averages

    def noisy_average(self, start: float, rounds: int, M: Array, normals: Array) -> Array:
        """The uniform average over all steps with M workers, by the central limit theorem in every round.

        The mean of M workers after a round is taken for normal, with their variance over M; `normals` (rounds,
        replica) are its standard normal numbers, the same for every M.  The result is (M, replica).  The noise within a
        round reaches the average through the rounds after it only, which leaves out a part of order eta L K.
        """
        x = np.full((len(M), normals.shape[1]), start)
        total, deviation = np.zeros_like(x), np.sqrt(self.variance)
        for row in normals[:rounds]:
            spread = np.interp(x, self.grid, deviation) * row / np.sqrt(M)[:, None]
            total += self._continued(self.inside, x)
            x = self._continued(self.end, x) + spread
        return np.asarray(total / (rounds * self.K))

    def _continued(self, values: Array, x: Array) -> Array:
        """Between grid points by straight lines, and beyond the grid by the last one."""
        place = (x - self.grid[0]) / (self.grid[1] - self.grid[0])
        left = np.clip(np.floor(place).astype(int), 0, len(self.grid) - 2)
        return np.asarray(values[left] + (place - left) * (values[left + 1] - values[left]))

    def settled(self) -> float:
        """The average over a round that starts at the fixed point of the server's iterate.

        `end` less x changes sign once where a round pulls towards the optimum.
        """
        drift = self.end - self.grid
        i = int(np.flatnonzero(drift > 0)[-1]) if np.any(drift > 0) else 0
        i = min(i, len(self.grid) - 2)
        rise = drift[i] - drift[i + 1]
        share = float(drift[i] / rise) if rise > 0 else 0.0
        within = self.K if self.q == 0 else (1 - (1 - self.q) ** self.K) / self.q
        return float(self.inside[i] + share * (self.inside[i + 1] - self.inside[i])) / within


def round_maps(
    slope: Callable[[Array], Array],
    *,
    eta: float,
    noise: TwoValues,
    K: Sequence[int],
    around: float = 0.0,
    extent: float = 0.0,
    rho: float = np.inf,
    q: float = 0.0,
) -> dict[int, RoundMap]:
    """The round maps for all these K, for the gradient `slope` of one variable.

    The grid covers `around` +- `extent` and what a round's noise adds.
    """
    longest = max(K)
    step = eta * noise.deviation
    half = extent + REACH * step * np.sqrt(longest)
    points = int(min(2 * half / step * POINTS_PER_STEP, MOST_POINTS)) + 2
    grid = np.linspace(around - half, around + half, points)
    transition = _transition(slope, grid, eta, noise, rho)
    value, second, total = grid.copy(), np.zeros(points), np.zeros(points)
    found = {}
    for k in range(1, longest + 1):
        total = (1 - q) * total + value
        after = transition @ value
        # law of total variance: what later steps add, and the spread of V over the next point
        second = transition @ second + np.maximum(transition @ value**2 - after**2, 0.0)
        value = after
        if k in K:
            found[k] = RoundMap(grid, value.copy(), second.copy(), total.copy(), k, q)
    return found


def _transition(
    slope: Callable[[Array], Array], grid: Array, eta: float, noise: TwoValues, rho: float
) -> sparse.csr_matrix:
    """The matrix that takes V on the grid to E V(x - eta clip(slope(x) + noise)) on the grid."""
    n, spacing = len(grid), grid[1] - grid[0]
    here, rows, columns, entries = slope(grid), [], [], []
    for value, chance in ((noise.up, noise.probability), (noise.down, 1 - noise.probability)):
        place = (grid - eta * np.clip(here + value, -rho, rho) - grid[0]) / spacing
        left = np.clip(np.floor(place).astype(int), 0, n - 2)
        share = place - left
        for column, weight in ((left, 1 - share), (left + 1, share)):
            rows.append(np.arange(n))
            columns.append(column)
            entries.append(chance * weight)
    shape = (n, n)
    return sparse.csr_matrix((np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))), shape)
