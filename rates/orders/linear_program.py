"""Linear programs over the rationals, solved exactly.

The programs of order algebra are tiny (tens of rows and columns) and their answers are proofs, so they are solved by
the two-phase simplex method in integer arithmetic: the tableau is kept as integers over one common denominator (the
last pivot), and every division by the previous pivot is exact (Edmonds 1967).  Bland's rule takes over where the value
stalls, so that it cannot cycle.  No tolerance appears anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

STALL_LIMIT = 12  # pivots without progress before Bland's rule takes over


@dataclass(frozen=True)
class Vertex:
    """An optimal vertex: its value, its coordinates, and the columns that are basic there (some may be zero)."""

    value: Fraction
    point: tuple[Fraction, ...]
    basis: tuple[int, ...]


class UnboundedError(ArithmeticError):
    """The cost decreases without bound on the feasible set."""


def minimize(
    cost: Sequence[Fraction | int], matrix: Sequence[Sequence[Fraction | int]], right: Sequence[Fraction | int]
) -> Vertex | None:
    """The minimum of cost . x over x >= 0 with matrix x = right; None where no such x exists.

    >>> minimize([1, 1], [[1, 2]], [1])
    Vertex(value=Fraction(1, 2), point=(Fraction(0, 1), Fraction(1, 2)), basis=(1,))
    >>> minimize([0, 0], [[1, 1]], [-1]) is None
    True
    """
    width, height = len(cost), len(matrix)
    rows = [_integers([*row, bound], positive_last=True) for row, bound in zip(matrix, right, strict=True)]
    # Columns: the unknowns, one artificial unknown for each row, the right-hand side.
    tableau = [row[:-1] + [int(i == j) for j in range(height)] + row[-1:] for i, row in enumerate(rows)]
    feasibility = [-sum(row[j] for row in rows) for j in range(width)] + [0] * height + [-sum(row[-1] for row in rows)]
    scaled_cost = _integers([*cost, 1])
    simplex = _Simplex(tableau, list(range(width, width + height)), width)
    simplex.tableau += [scaled_cost[:-1] + [0] * (height + 1), feasibility]
    simplex.descend()
    if simplex.tableau.pop()[-1] != 0:
        return None
    simplex.drop_artificial_unknowns()
    simplex.descend()
    point = [Fraction(0)] * width
    for row, column in zip(simplex.tableau, simplex.basis, strict=False):
        if column < width:
            point[column] = Fraction(row[-1], simplex.denominator)
    value = sum((Fraction(c) * x for c, x in zip(cost, point, strict=True)), Fraction(0))
    return Vertex(value, tuple(point), tuple(sorted(column for column in simplex.basis if column < width)))


def _integers(row: Sequence[Fraction | int], positive_last: bool = False) -> list[int]:
    """The row times the least positive integer that clears its denominators, negated if its last entry must be >= 0."""
    scale = lcm(*(entry.denominator for entry in row))
    sign = -1 if positive_last and row[-1] < 0 else 1
    return [sign * entry.numerator * (scale // entry.denominator) for entry in row]


@dataclass
class _Simplex:
    """A tableau of integers over one denominator; its last row holds the reduced costs."""

    tableau: list[list[int]]
    basis: list[int]
    width: int
    denominator: int = 1

    def pivot(self, row: int, column: int) -> None:
        """Make `column` basic in `row`."""
        chosen = self.tableau[row]
        pivot, old = chosen[column], self.denominator
        for i, other in enumerate(self.tableau):
            if i != row:
                factor = other[column]
                if factor:
                    self.tableau[i] = [(x * pivot - factor * y) // old for x, y in zip(other, chosen, strict=True)]
                elif pivot != old:
                    self.tableau[i] = [x * pivot // old for x in other]
        self.basis[row] = column
        self.denominator = pivot
        if pivot < 0:
            self.tableau = [[-x for x in other] for other in self.tableau]
            self.denominator = -pivot

    def descend(self) -> None:
        """Enter the steepest column, or the first one (Bland's rule) while the value stalls; the first block leaves."""
        stalled = 0
        while True:
            costs = self.tableau[-1]
            falling = [j for j in range(self.width) if costs[j] < 0]
            if not falling:
                return
            column = falling[0] if stalled > STALL_LIMIT else min(falling, key=costs.__getitem__)
            blocking = [
                (Fraction(row[-1], row[column]), self.basis[i], i)
                for i, row in enumerate(self.tableau[: len(self.basis)])
                if row[column] > 0
            ]
            if not blocking:
                raise UnboundedError("the linear program is unbounded")
            step, _, leaving = min(blocking)
            stalled = 0 if step else stalled + 1
            self.pivot(leaving, column)

    def drop_artificial_unknowns(self) -> None:
        """Exchange artificial unknowns that are basic at zero; a row where that is impossible is redundant."""
        for i, basic in enumerate(self.basis):
            if basic >= self.width:
                column = next((j for j in range(self.width) if self.tableau[i][j]), None)
                if column is not None:
                    self.pivot(i, column)


def shortest_direction(
    strict: Sequence[Mapping[str, Fraction]], weak: Sequence[Mapping[str, Fraction]]
) -> dict[str, Fraction] | None:
    """A vector u with f.u >= 1 for every strict form f and f.u >= 0 for every weak one, of least sum |u_i|.

    >>> shortest_direction([{"K": Fraction(1), "R": Fraction(-1)}], [{"R": Fraction(1)}])
    {'K': Fraction(1, 1)}
    >>> shortest_direction([{"K": Fraction(1)}], [{"K": Fraction(-1)}]) is None
    True
    """
    # Solved as its dual, max sum of y over the strict forms with |sum_f y_f f| <= 1 and y >= 0, which starts feasible
    # and has two rows for each name; u is the pair of its shadow prices.
    names = sorted({name for form in (*strict, *weak) for name in form})
    columns = [_integers([*(form.get(name, 0) for name in names), 1]) for form in strict]
    columns += [[*_integers([*(form.get(name, 0) for name in names), 1])[:-1], 0] for form in weak]
    count, height = len(columns), 2 * len(names)
    tableau = [
        [sign * column[i] for column in columns] + [int(j == 2 * i + k) for j in range(height)] + [1]
        for i in range(len(names))
        for k, sign in enumerate((1, -1))
    ]
    tableau.append([-column[-1] for column in columns] + [0] * (height + 1))
    simplex = _Simplex(tableau, list(range(count, count + height)), count + height)
    try:
        simplex.descend()
    except UnboundedError:
        return None
    prices = [Fraction(price, simplex.denominator) for price in simplex.tableau[-1][count:-1]]
    differences = (prices[2 * i] - prices[2 * i + 1] for i in range(len(names)))
    return {name: u for name, u in zip(names, differences, strict=True) if u}
