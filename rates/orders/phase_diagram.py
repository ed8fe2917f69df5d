"""The regime map: which bound is smallest, and which of its terms dominates, everywhere in a plane of exponents.

Two letters are n^x and n^y, all others fixed powers of n.  The exponent of n in a bound is then piecewise affine in
(x, y), and the map is an exact subdivision of a window into convex polygons, found by cutting along the lines where two
terms or two bounds are equal.  All coordinates are fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import TypeAlias

import sympy
from sympy import QQ, Add, Expr, Max, Min, Mul, Piecewise, Pow, Symbol, log
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.normal_form import field_of
from tightrate.rates.orders.regimes import Terms, terms_of
from tightrate.rates.orders.special_factors import exponent_terms, has_floor, is_exponential

Point: TypeAlias = tuple[Fraction, Fraction]
Polygon: TypeAlias = tuple[Point, ...]


@dataclass(frozen=True)
class Affine:
    """x * first coordinate + y * second coordinate + constant."""

    x: Fraction = Fraction(0)
    y: Fraction = Fraction(0)
    constant: Fraction = Fraction(0)

    def __add__(self, other: Affine) -> Affine:
        return Affine(self.x + other.x, self.y + other.y, self.constant + other.constant)

    def __mul__(self, factor: Fraction) -> Affine:
        return Affine(self.x * factor, self.y * factor, self.constant * factor)

    def __sub__(self, other: Affine) -> Affine:
        return self + other * Fraction(-1)

    def __call__(self, point: Point) -> Fraction:
        return self.x * point[0] + self.y * point[1] + self.constant


@dataclass(frozen=True)
class RegimeCell:
    """A convex polygon on which the order of all bounds and of their terms stays the same.

    `winners` are the smallest bounds (several where they agree up to constants), `dominant` the largest term of each
    bound, `exponents` the exponent of n of each bound as an affine function (None: smaller than every power).
    """

    vertices: Polygon
    winners: tuple[str, ...]
    dominant: Mapping[str, str]
    exponents: Mapping[str, Affine | None]

    @property
    def area(self) -> Fraction:
        """The exact area."""
        return polygon_area(self.vertices)


@dataclass(frozen=True)
class RegimeMap:
    """A window of the plane of exponents, cut into cells; `plane` names its two letters, `path` moves the others."""

    plane: tuple[str, str]
    path: Mapping[str, Fraction]
    window: Polygon
    cells: tuple[RegimeCell, ...]

    def at(self, x: Fraction | int, y: Fraction | int) -> tuple[RegimeCell, ...]:
        """The cells that contain a point: one, or several on a boundary."""
        point = (Fraction(x), Fraction(y))
        return tuple(cell for cell in self.cells if all(side(point) >= 0 for side in _sides(cell.vertices)))


def winner_map(
    bounds: Mapping[str, Terms],
    plane: tuple[str, str],
    path: Mapping[str, Fraction | int] | None = None,
    window: tuple[tuple[Fraction | int, Fraction | int], tuple[Fraction | int, Fraction | int]] = ((0, 1), (0, 1)),
) -> RegimeMap:
    """Who wins where: the letters of the plane are n^x and n^y, other letters n^path[letter] (constants where absent).

    Every bound is the largest of its terms.  The window is cut exactly into convex polygons on which the same bounds
    win and the same terms dominate; the polygons cover the window and overlap in boundaries only.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
    >>> minibatch = {"optimization": L * B**2 / R, "statistical": sigma * B / sympy.sqrt(M * K * R)}
    >>> found = winner_map({"minibatch": minibatch}, ("K", "M"), {"R": 1})
    >>> [(cell.dominant["minibatch"], str(cell.area)) for cell in found.cells]
    [('statistical', '1/2'), ('optimization', '1/2')]
    """
    moves = {name: Fraction(power) for name, power in (path or {}).items()}
    if set(plane) & set(moves) or plane[0] == plane[1]:
        raise TightrateError("the plane needs two different letters that the path does not move")
    (x0, x1), (y0, y1) = window
    corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
    outline: Polygon = tuple((Fraction(x), Fraction(y)) for x, y in corners)
    if x0 >= x1 or y0 >= y1:
        raise TightrateError("the window must be ((x0, x1), (y0, y1)) with x0 < x1 and y0 < y1")
    letters = {name: Affine(constant=power) for name, power in moves.items()}
    letters |= {plane[0]: Affine(x=Fraction(1)), plane[1]: Affine(y=Fraction(1))}
    cells = [RegimeCell(outline, (), {}, {})]
    for name, bound in bounds.items():
        terms = terms_of(bound)
        if field_of(terms.values()) != QQ:
            raise TightrateError("give alpha a value: a map has numbers for exponents")
        cells = [
            RegimeCell(part, winners, {**cell.dominant, name: term}, {**cell.exponents, name: value})
            for cell in cells
            for polygon, value, term in _largest_term(terms, cell.vertices, letters)
            for part, winners in _smaller(cell, polygon, name, value)
        ]
    return RegimeMap(plane, moves, outline, tuple(_merged(cells)))


def _merged(cells: list[RegimeCell]) -> list[RegimeCell]:
    """Cells that differ in nothing but their vertices, joined where the union is convex."""
    for first, second in combinations(cells, 2):
        if replace(first, vertices=()) == replace(second, vertices=()):
            hull = _convex_hull(first.vertices + second.vertices)
            if polygon_area(hull) == first.area + second.area:
                rest = [cell for cell in cells if cell is not first and cell is not second]
                return _merged([*rest, replace(first, vertices=hull)])
    return cells


def _smaller(
    cell: RegimeCell, polygon: Polygon, name: str, value: Affine | None
) -> Iterator[tuple[Polygon, tuple[str, ...]]]:
    """The polygon, cut where the new bound begins to win or to lose against the winners so far."""
    if not cell.winners:
        yield polygon, (name,)
        return
    best = cell.exponents[cell.winners[0]]
    for part, sign in _cut(polygon, value, best):
        yield part, (*cell.winners, name) if sign == 0 else (name,) if sign < 0 else cell.winners


def _largest_term(
    terms: Mapping[str, Expr], polygon: Polygon, letters: Mapping[str, Affine]
) -> list[tuple[Polygon, Affine | None, str]]:
    found: list[tuple[Polygon, Affine | None, str]] = []
    for name, term in terms.items():
        if not found:
            found = [(part, value, name) for part, value in _pieces(term, polygon, letters)]
            continue
        found = [
            (half, value, name) if sign > 0 else (half, known, leader)
            for whole, known, leader in found
            for part, value in _pieces(term, whole, letters)
            for half, sign in _cut(part, value, known)
        ]
    return found


def _pieces(expression: Expr, polygon: Polygon, letters: Mapping[str, Affine]) -> list[tuple[Polygon, Affine | None]]:
    """The exponent of n in an expression: affine on each of the polygons; None where smaller than every power."""
    if expression.is_number:
        return [(polygon, None if expression.is_zero else Affine())]
    if isinstance(expression, Symbol):
        return [(polygon, letters.get(expression.name, Affine()))]
    if is_exponential(expression):
        return _exponential_pieces(expression, polygon, letters)
    if isinstance(expression, log) and has_floor(expression):
        return [(polygon, Affine())]
    if isinstance(expression, Pow) and expression.exp.is_Rational:
        power = Fraction(int(expression.exp.p), int(expression.exp.q))
        return [(p, value and value * power) for p, value in _pieces(expression.base, polygon, letters)]
    if isinstance(expression, Piecewise):
        return _branch_pieces(expression, polygon, letters)
    if not isinstance(expression, (Add, Max, Min, Mul)) or any(t.could_extract_minus_sign() for t in expression.args):
        raise TightrateError(f"the order of {expression} in the plane is not known")
    first, *rest = expression.args
    found = _pieces(first, polygon, letters)
    for part in rest:
        pairs = [(p, known, value) for whole, known in found for p, value in _pieces(part, whole, letters)]
        if isinstance(expression, Mul):
            found = [(p, None if known is None or value is None else known + value) for p, known, value in pairs]
        else:
            wanted = -1 if isinstance(expression, Min) else 1
            found = [
                (half, value if sign == wanted else known)
                for p, known, value in pairs
                for half, sign in _cut(p, value, known)
            ]
    return found


def _exponential_pieces(
    expression: Expr, polygon: Polygon, letters: Mapping[str, Affine]
) -> list[tuple[Polygon, Affine | None]]:
    """exp(-X) is of order 1 where X <= 1 and smaller than every power where X >= 1."""
    found: list[tuple[Polygon, Affine | None]] = [(polygon, Affine())]
    for coefficient, argument in exponent_terms(expression):
        if coefficient > 0:
            raise TightrateError(f"{expression} exceeds every power somewhere in the plane")
        found = [
            (half, value if sign <= 0 else None)
            for whole, value in found
            for part, size in _pieces(argument, whole, letters)
            for half, sign in _cut(part, size, Affine())
        ]
    return found


def _branch_pieces(
    expression: Piecewise, polygon: Polygon, letters: Mapping[str, Affine]
) -> list[tuple[Polygon, Affine | None]]:
    found: list[tuple[Polygon, Affine | None]] = []
    undecided = [polygon]
    for value, condition in expression.args:
        remaining: list[Polygon] = []
        for part in undecided:
            for whole, truth in _truth(condition, part, letters):
                if truth:
                    found += _pieces(value, whole, letters)
                else:
                    remaining.append(whole)
        undecided = remaining
    if undecided:
        raise TightrateError(f"{expression} is not defined everywhere in the plane")
    return found


def _truth(condition: Boolean, polygon: Polygon, letters: Mapping[str, Affine]) -> list[tuple[Polygon, bool]]:
    """The polygon cut into parts where the condition holds or fails."""
    if condition in (sympy.true, sympy.false):
        return [(polygon, bool(condition))]
    if isinstance(condition, And):
        found = [(polygon, True)]
        for part in condition.args:
            found = [cut for p, truth in found for cut in (_truth(part, p, letters) if truth else [(p, False)])]
        return found
    if not isinstance(condition, Relational) or not hasattr(condition, "lts"):
        raise TightrateError(f"the condition {condition} is not a comparison")
    return [
        (half, sign <= 0)
        for p, low in _pieces(condition.lts, polygon, letters)
        for q, high in _pieces(condition.gts, p, letters)
        for half, sign in _cut(q, low, high)
    ]


def _cut(polygon: Polygon, first: Affine | None, second: Affine | None) -> list[tuple[Polygon, int]]:
    """The polygon cut along first = second, each part with the sign of first - second (None is below everything)."""
    if first is None or second is None:
        return [(polygon, (first is not None) - (second is not None))]
    difference = first - second
    if difference == Affine():
        return [(polygon, 0)]
    halves = ((_half(polygon, difference * Fraction(sign)), sign) for sign in (1, -1))
    return [(half, sign) for half, sign in halves if polygon_area(half) > 0]


def _half(polygon: Polygon, side: Affine) -> Polygon:
    """The part of a convex polygon where an affine function is nonnegative."""
    kept: list[Point] = []
    for (a, b), before, after in ((pair, side(pair[0]), side(pair[1])) for pair in _edges(polygon)):
        if before >= 0:
            kept.append(a)
        if before * after < 0:
            share = before / (before - after)
            kept.append((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])))
    return tuple(kept)


def _convex_hull(points: Polygon) -> Polygon:
    """The corners of the convex hull, counterclockwise (Andrew's monotone chain)."""

    def chain(ordered: list[Point]) -> list[Point]:
        kept: list[Point] = []
        for point in ordered:
            while len(kept) > 1 and polygon_area((kept[-2], kept[-1], point)) <= 0:
                kept.pop()
            kept.append(point)
        return kept[:-1]

    ordered = sorted(set(points))
    return tuple(chain(ordered) + chain(ordered[::-1]))


def _edges(polygon: Polygon) -> Iterator[tuple[Point, Point]]:
    return zip(polygon, polygon[1:] + polygon[:1], strict=True)


def _sides(polygon: Polygon) -> Iterator[Affine]:
    """Affine functions that are nonnegative inside a convex polygon with its vertices in counterclockwise order."""
    for (x0, y0), (x1, y1) in _edges(polygon):
        yield Affine(y0 - y1, x1 - x0, (y1 - y0) * x0 - (x1 - x0) * y0)


def polygon_area(polygon: Polygon) -> Fraction:
    """The area of a polygon with its vertices in counterclockwise order."""
    return sum((a[0] * b[1] - b[0] * a[1] for a, b in _edges(polygon)), Fraction(0)) / 2
