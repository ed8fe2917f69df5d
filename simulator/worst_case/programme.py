r"""The semidefinite programme whose value is the worst case, in units L = 1 and B = 1.

Unknown are Gram matrices of the start p = x_0 - x* and of the gradients, and the values f_i at the points (f* = 0).
For exchangeable workers, with g_i^m = gbar_i + d_i^m, invariance under permutations leaves two blocks,

    P = Gram(p, gbar_1, ..., gbar_n)   and   D = (1 - 1/M) Gram of (d_1, ..., d_n, d_*) of one worker against itself,

both positive semidefinite and otherwise free, so that the number of workers plays no part once there are two.  The
functions of a class exist exactly where every ordered pair of points satisfies its interpolation inequality (Taylor,
Hendrickx and Glineur 2017)

    f_i >= f_j + <g_j, x_i - x_j> + 1/(2 (1 - mu)) (|g_i - g_j|^2 + mu |x_i - x_j|^2 - 2 mu <g_i - g_j, x_i - x_j>).

The dual has a multiplier for every pair; pairs are added as they are found violated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tightrate.common.errors import TightrateError
from tightrate.common.threads import one_blas_thread
from tightrate.simulator.worst_case.interior_point import Interior, LowRankProgramme, minimize
from tightrate.simulator.worst_case.trajectory import ExchangeableTrajectory, Trajectory

Array = NDArray[np.float64]
Pair = tuple[int, int, int]
"""A family (of one worker), and an ordered pair of its points; the optimum is the last point of a family."""

Measure = Literal["gap", "squared-distance", "squared-gradient"]
Status = Literal["solved", "unbounded", "not solved"]

MARGIN = 1e-8  # by which the dual matrices are kept positive definite, so that a checker sees it through rounding
VIOLATED = 1e-8  # in units of L B^2: an inequality that is broken by less counts as satisfied
MOST_PASSES = 40
ACCURATE = 5e-8  # our own method's error where rounding lets it go no further: the interval says what is known
LOOSE = 1e-4  # the tolerance of the first pass
FALLING = 1e-9  # of the value, between passes that drop pairs
IDLE = 1e-3  # relative: a multiplier that counts as none
ADDED = 2  # for every point: so many pairs are added in a pass at most
FEW = 400  # so many pairs are taken at once


@dataclass(frozen=True)
class Family:
    """The points of one worker (or of any one) as vectors in each block: `gradient` and `point` are, for every block,
    (n + 1, size); the last row is the optimum, whose place is 0.  `values` are the places of f_i among all values."""

    gradient: tuple[Array, ...]
    point: tuple[Array, ...]
    values: NDArray[np.int64]

    @property
    def optimum(self) -> int:
        """The place of the optimum."""
        return len(self.values)


@dataclass(frozen=True)
class Programme:
    """Maximize <objective, blocks> + weights f over Gram matrices and values.

    `blocks` are the sizes of the Gram matrices; `families` whose pairs must interpolate; `start` is the vector of p;
    `spread` the vectors whose mean square is zeta_star^2 at most, None where the optimum is common.
    """

    blocks: tuple[int, ...]
    families: tuple[Family, ...]
    values: int
    objective: tuple[Array, ...]
    weights: Array
    mu: float
    zeta_star: float
    spread: tuple[Array, ...] | None
    steps: int = 1  # of a round

    def inequality(self, pair: Pair) -> tuple[tuple[Array, ...], Array]:
        """The matrices and the weights of f of  f_j - f_i + <g_j, x_i - x_j> + ... <= 0."""
        family, i, j = self.families[pair[0]], pair[1], pair[2]
        matrices = []
        scale = 1 / (2 * (1 - self.mu))
        for gradient, point in zip(family.gradient, family.point, strict=True):
            dx, dg = point[i] - point[j], gradient[i] - gradient[j]
            inner = _symmetric(gradient[j], dx)
            quadratic = np.outer(dg, dg) + self.mu * np.outer(dx, dx) - 2 * self.mu * _symmetric(dg, dx)
            matrices.append(inner + scale * quadratic)
        weights = np.zeros(self.values + 1)
        places = np.append(family.values, self.values)
        weights[places[j]] += 1
        weights[places[i]] -= 1
        return tuple(matrices), weights[:-1]

    def violations(self, grams: Sequence[Array], values: Array) -> dict[Pair, float]:
        """By how much each ordered pair breaks its inequality, where it does."""
        found: dict[Pair, float] = {}
        scale = 1 / (2 * (1 - self.mu))
        for index, family in enumerate(self.families):
            f = np.append(values[family.values], 0.0)
            gg, gx, xx = (np.zeros((len(f), len(f))) for _ in range(3))
            for gram, gradient, point in zip(grams, family.gradient, family.point, strict=True):
                gg += gradient @ gram @ gradient.T
                gx += gradient @ gram @ point.T
                xx += point @ gram @ point.T
            # rows i, columns j
            inner = gx.T - np.diag(gx)[None, :]  # <g_j, x_i - x_j>
            dgg = np.diag(gg)[:, None] + np.diag(gg)[None, :] - 2 * gg
            dxx = np.diag(xx)[:, None] + np.diag(xx)[None, :] - 2 * xx
            dgx = np.diag(gx)[:, None] + np.diag(gx)[None, :] - gx - gx.T
            broken = f[None, :] - f[:, None] + inner + scale * (dgg + self.mu * dxx - 2 * self.mu * dgx)
            np.fill_diagonal(broken, 0.0)
            for i, j in zip(*np.nonzero(broken > VIOLATED), strict=True):
                found[index, int(i), int(j)] = float(broken[i, j])
        return found

    def largest_violation(self, pairs: Sequence[Pair], grams: Sequence[Array], values: Array) -> float:
        """The most by which one of these pairs breaks its inequality."""
        broken = self.violations(grams, values)
        sizes = [size for pair in pairs if (size := broken.get(pair)) is not None]
        return max([0.0, *sizes])

    def value(self, grams: Sequence[Array], values: Array) -> float:
        """The objective."""
        matrices = sum(float((one * gram).sum()) for one, gram in zip(self.objective, grams, strict=True))
        return matrices + float(self.weights @ values)

    def low_rank(self, pairs: Sequence[Pair]) -> LowRankProgramme:
        """The dual with these pairs, the matrix of each as a sum of three squares (four with mu):

        <g_j, dx> = |g_j + dx|^2/4 - |g_j - dx|^2/4,  and the rest is  |dg - mu dx|^2/(2 (1 - mu)) + mu |dx|^2/2.

        After the pairs come |p|^2 and the spread at the optimum.
        """
        mu, m = self.mu, len(pairs)
        rows = np.array(pairs, dtype=np.int64).reshape(m, 3)
        spread = [] if self.spread is None else [np.atleast_2d(block) for block in self.spread]
        further = 1 + bool(spread)
        positive = max(3 if mu else 2, len(spread[0]) if spread else 0)
        squares = [np.zeros((positive + 1, m + further, size)) for size in self.blocks]
        for index, family in enumerate(self.families):
            (own,) = np.nonzero(rows[:, 0] == index)
            i, j = rows[own, 1], rows[own, 2]
            for square, point, gradient in zip(squares, family.point, family.gradient, strict=True):
                dx, dg, at = point[i] - point[j], gradient[i] - gradient[j], gradient[j]
                square[0, own] = (at + dx) / 2
                square[1, own] = (dg - mu * dx) * np.sqrt(0.5 / (1 - mu))
                if mu:
                    square[2, own] = dx * np.sqrt(mu / 2)
                square[-1, own] = (at - dx) / 2
        squares[0][0, m, 0] = 1.0
        for square, vectors in zip(squares, spread, strict=bool(spread)):
            square[: len(vectors), m + 1] = vectors
        balance = np.zeros((self.values + 1, m + further))
        places = np.full((len(self.families), max(family.optimum for family in self.families) + 1), self.values)
        for index, family in enumerate(self.families):
            places[index, : family.optimum] = family.values
        balance[places[rows[:, 0], rows[:, 2]], np.arange(m)] += 1
        balance[places[rows[:, 0], rows[:, 1]], np.arange(m)] -= 1
        return LowRankProgramme(
            cost=np.array([*[0.0] * m, 1.0, *([self.zeta_star**2] if spread else [])]),
            squares=tuple(squares),
            signs=np.array([*[1.0] * positive, -1.0]),
            constant=tuple(one + MARGIN * np.eye(len(one)) for one in self.objective),
            balance=balance[:-1],
            right=self.weights,
        )

    def first_pairs(self) -> set[Pair]:
        """The pairs to begin with: neighbours in rounds and steps, and every point with the optimum and the output."""
        pairs: set[Pair] = set()
        for index, family in enumerate(self.families):
            star = family.optimum
            last = star - 1
            for i in range(star):
                pairs |= {(index, i, star), (index, star, i)}
                pairs |= {(index, a, b) for a, b in ((i, last), (last, i)) if a != b}
                for j in range(star):
                    (r, k), (q, h) = divmod(i, self.steps), divmod(j, self.steps)
                    if i != j and abs(r - q) <= 1 and abs(k - h) <= 1:
                        pairs.add((index, i, j))
        return pairs


def exchangeable_programme(
    run: ExchangeableTrajectory, measure: Measure, *, mu: float, zeta_star: float, one_worker: bool, steps: int
) -> Programme:
    """The programme of exchangeable workers, at least two, or of one worker."""
    n = run.points
    total = run.mean + run.own
    points = [np.vstack([np.column_stack([run.start, total]), np.zeros(n + 1)])]
    gradients = [np.vstack([np.column_stack([np.zeros(n), np.eye(n)]), np.zeros(n + 1)])]
    blocks = [n + 1]
    spread: list[Array] | None = None
    if not one_worker:
        size = n + (zeta_star > 0)
        points.append(np.vstack([run.own, np.zeros(n)]))
        gradients.append(np.vstack([np.eye(n), np.zeros(n)]))
        if zeta_star > 0:  # the optimum has a gradient of its own
            points[1] = np.column_stack([points[1], np.zeros(n + 1)])
            gradients[1] = np.eye(n + 1)
            spread = [np.zeros(n + 1), np.eye(n + 1)[n]]
        blocks.append(size)
    family = Family(tuple(gradients), tuple(points), np.arange(n))
    objective = [np.zeros((size, size)) for size in blocks]
    weights = np.zeros(n)
    if measure == "gap":
        weights[run.output] = 1.0
    else:
        vector = points[0][run.output] if measure == "squared-distance" else gradients[0][run.output]
        objective[0] = np.outer(vector, vector)
    found = None if spread is None else tuple(spread)
    return Programme(tuple(blocks), (family,), n, tuple(objective), weights, mu, zeta_star, found, steps)


def general_programme(run: Trajectory, measure: Measure, *, mu: float, zeta_star: float, steps: int) -> Programme:
    """The programme of M workers without any symmetry: one Gram matrix of p and of all gradients."""
    M, n = run.workers, run.points
    own_optima = zeta_star > 0 and M > 1
    size = 1 + M * n + (M - 1 if own_optima else 0)
    families = []
    for m in range(M):
        point, gradient = np.zeros((n + 1, size)), np.zeros((n + 1, size))
        point[:n, 0] = run.start[m]
        point[:n, 1 : 1 + M * n] = run.gradients[m].reshape(n, M * n)
        gradient[:n, 1 + m * n : 1 + (m + 1) * n] = np.eye(n)
        if own_optima:  # the gradients at the optimum sum to zero
            gradient[n, 1 + M * n :] = np.eye(M - 1)[m] if m < M - 1 else -1.0
        families.append(Family((gradient,), (point,), m * n + np.arange(n)))
    weights = np.zeros(M * n)
    objective = np.zeros((size, size))
    if measure == "gap":
        weights[run.output :: n] = 1 / M
    else:
        places = [family.point[0] if measure == "squared-distance" else family.gradient[0] for family in families]
        vector = np.mean([place[run.output] for place in places], axis=0)
        objective = np.outer(vector, vector)
    optima = np.array([family.gradient[0][n] for family in families]) / np.sqrt(M)
    return Programme(
        (size,),
        tuple(families),
        M * n,
        (objective,),
        weights,
        mu,
        zeta_star,
        (optima,) if own_optima else None,
        steps,
    )


@dataclass(frozen=True)
class Solution:
    """What the solver found: the status, the dual value, the multipliers, and the primal Gram matrices and values.

    `multipliers` are those of the pairs, `radius` that of |p|^2 <= 1, `heterogeneity` that of the spread at the
    optimum.  `passes` counts the programmes that were solved, `iterations` the solver's.
    """

    status: Status
    dual: float
    primal: float
    pairs: tuple[Pair, ...]
    multipliers: Array
    radius: float
    heterogeneity: float
    grams: tuple[Array, ...]
    values: Array
    violation: float
    passes: int
    iterations: int
    told: str
    inside: Interior | None = None

    def near(self, programme: Programme, pairs: Sequence[Pair]) -> Interior | None:
        """Where a similar programme, with these pairs, may start."""
        inside = self.inside
        if inside is None or tuple(map(len, inside.X)) != programme.blocks or len(inside.f) != programme.values:
            return None
        new = np.sqrt(inside.mu)
        place = {pair: at for at, pair in enumerate(self.pairs)}
        y, z = (
            np.array([*(old[place[pair]] if pair in place else new for pair in pairs), *old[len(self.pairs) :]])
            for old in (inside.y, inside.z)
        )
        further = len(pairs) + 1 + (programme.spread is not None)
        return replace(inside, y=y, z=z) if len(y) == further else None


def solve(
    programme: Programme, *, near: Solution | None = None, tolerance: float = 1e-9, clarabel: bool = False
) -> Solution:
    """Solve the programme, beginning with some pairs and adding those that the solution breaks.

    The first passes are loose, and drop pairs that play no part; the last ones are solved to `tolerance`.  `near` is
    the solution of a similar programme, with whose pairs and near which this one begins.  What our own method does not
    solve, or everything with `clarabel`, is given to Clarabel.
    """
    every = _all_pairs(programme)
    used = every if len(every) <= FEW else programme.first_pairs() | (every & set(near.pairs if near else ()))
    goal = tolerance if len(used) == len(every) or near else LOOSE
    iterations, passes, least = 0, 0, float("inf")
    found = near
    with one_blas_thread():
        while passes < MOST_PASSES:
            passes += 1
            pairs = sorted(used)
            found = _by_clarabel(programme, pairs, goal) if clarabel else _solve_with(programme, pairs, goal, found)
            iterations += found.iterations
            if found.status != "solved":
                if found.status == "unbounded" and (rest := every - used):
                    used |= rest  # unbounded for want of inequalities
                    continue
                break
            broken = {
                pair: size for pair, size in programme.violations(found.grams, found.values).items() if pair not in used
            }
            worst = max(broken.values(), default=0.0)
            if worst <= VIOLATED and goal <= tolerance:
                break
            if found.dual < least:  # no pair that this drops can come back for ever
                least = found.dual - FALLING
                most = float(found.multipliers.max(initial=0.0))
                idle = found.multipliers < (IDLE if goal > tolerance else IDLE / 100) * most
                used -= {pair for pair, none in zip(found.pairs, idle, strict=True) if none}
            largest = sorted(broken, key=broken.__getitem__, reverse=True)[: ADDED * programme.values]
            used |= {pair for pair in largest if broken[pair] >= worst / 100}
            goal = goal if worst > LOOSE else tolerance
    assert found is not None  # of one pass at least
    return replace(found, passes=passes, iterations=iterations)


def _all_pairs(programme: Programme) -> set[Pair]:
    return {
        (index, i, j)
        for index, family in enumerate(programme.families)
        for i in range(family.optimum + 1)
        for j in range(family.optimum + 1)
        if i != j
    }


def _solve_with(programme: Programme, pairs: Sequence[Pair], tolerance: float, near: Solution | None) -> Solution:
    """Our own method, which knows of the low rank; and Clarabel for what that does not solve."""
    problem = programme.low_rank(pairs)
    start = near.near(programme, pairs) if near else None
    found = minimize(problem, tolerance=tolerance, start=start)
    enough = max(10 * tolerance, ACCURATE)
    if found.error > enough and start is not None:
        found = minimize(problem, tolerance=tolerance)
    if found.error > enough:
        return _by_clarabel(programme, pairs, tolerance)
    m = len(pairs)
    return Solution(
        status="solved",
        dual=found.dual,
        primal=programme.value(found.X, found.f),
        pairs=tuple(pairs),
        multipliers=found.y[:m],
        radius=float(found.y[m]),
        heterogeneity=float(found.y[m + 1]) if programme.spread is not None else 0.0,
        grams=found.X,
        values=found.f,
        violation=programme.largest_violation(pairs, found.X, found.f),
        passes=1,
        iterations=found.iterations,
        told="Solved",
        inside=found.inside,
    )


def _by_clarabel(programme: Programme, pairs: Sequence[Pair], tolerance: float) -> Solution:
    """The dual with these pairs:  minimize radius + zeta^2 heterogeneity  over nonnegative multipliers, such that every

        slack = sum multiplier * inequality + radius p p' + heterogeneity * spread - objective

    is positive semidefinite by MARGIN, and the values f cancel.  The primal solution is what the solver returns for the
    constraints.
    """
    clarabel = _clarabel()
    spread = programme.spread is not None
    m, extra = len(pairs), 1 + spread
    columns = [programme.inequality(pair) for pair in pairs]
    balance = np.array([weights for _, weights in columns]).T.reshape(programme.values, m)
    rows = [sparse.hstack([sparse.csc_matrix(balance), sparse.csc_matrix((programme.values, extra))])]
    right = [programme.weights]
    rows.append(-sparse.eye(m + extra))
    right.append(np.zeros(m + extra))
    cones = [clarabel.ZeroConeT(programme.values), clarabel.NonnegativeConeT(m + extra)]
    for block, size in enumerate(programme.blocks):
        matrices = [part[block] for part, _ in columns]
        corner = np.zeros((size, size))
        if block == 0:
            corner[0, 0] = 1.0
        others = [corner]
        if programme.spread is not None:
            vectors = np.atleast_2d(programme.spread[block])
            others.append(vectors.T @ vectors)
        packed = np.array([_packed(matrix) for matrix in (*matrices, *others)]).T
        rows.append(-sparse.csc_matrix(packed))
        right.append(-_packed(programme.objective[block]) - MARGIN * _packed(np.eye(size)))
        cones.append(clarabel.PSDTriangleConeT(size))
    cost = np.zeros(m + extra)
    cost[m] = 1.0
    if spread:
        cost[m + 1] = programme.zeta_star**2
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads, settings.chordal_decomposition_enable = False, 1, False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    quadratic = sparse.csc_matrix((m + extra, m + extra))
    solver = clarabel.DefaultSolver(
        quadratic, cost, sparse.vstack(rows).tocsc(), np.concatenate(right), cones, settings
    )
    told = solver.solve()
    z, x = np.array(told.z), np.array(told.x)
    grams, place = [], programme.values + m + extra
    for size in programme.blocks:
        length = size * (size + 1) // 2
        grams.append(_unpacked(z[place : place + length], size))
        place += length
    values = -z[: programme.values]
    status = str(told.status)
    known: Status = (
        "solved"
        if status in ("Solved", "AlmostSolved")
        else "unbounded"
        if "PrimalInfeasible" in status
        else "not solved"
    )
    return Solution(
        status=known,
        dual=float(told.obj_val) if known == "solved" else float("inf") if known == "unbounded" else float("nan"),
        primal=programme.value(grams, values),
        pairs=tuple(pairs),
        multipliers=np.maximum(x[:m], 0.0),
        radius=float(x[m]),
        heterogeneity=float(x[m + 1]) if spread else 0.0,
        grams=tuple(grams),
        values=values,
        violation=programme.largest_violation(pairs, grams, values) if known == "solved" else 0.0,
        passes=1,
        iterations=int(told.iterations),
        told=status,
    )


def _clarabel() -> Any:
    try:
        import clarabel
    except ImportError:
        raise TightrateError(
            "this exact worst case needs the solver Clarabel: pip install -e '.[exact]' in the checkout"
        ) from None
    return clarabel


def _symmetric(a: Array, b: Array) -> Array:
    outer = np.outer(a, b)
    return (outer + outer.T) / 2


def _packed(matrix: Array) -> Array:
    """The upper triangle column by column, off the diagonal times the root of 2: inner products are kept."""
    i, j = _triangle(len(matrix))
    return matrix[i, j] * np.where(i == j, 1.0, np.sqrt(2.0))


def _unpacked(vector: Array, size: int) -> Array:
    i, j = _triangle(size)
    matrix = np.zeros((size, size))
    matrix[i, j] = vector / np.where(i == j, 1.0, np.sqrt(2.0))
    return matrix + np.triu(matrix, 1).T


def _triangle(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    j, i = np.tril_indices(size)
    return i, j
