"""Mutants of bounds judged by the order algebra: against matching upper and lower bounds of the catalogue.

Whether a mutant is wrong is decided here by plain comparison of numbers along many random rays in the space of the
symbols, far from the order algebra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Expr

from tightrate.rates.relations.upper_against_lower import PairCheck, checks
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import declared, theorem
from tightrate.rates.statements.matching import Matching
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.verify.mutation.mutants import JudgedMutant, Truth, mutants

Array = NDArray[np.float64]

RAYS = 3000
RAY, PATH = (20.0, 40.0), (50.0, 100.0)  # logarithmic distances between which a ratio is compared
GROWN, GROWN_ON_PATH = 1.0, 0.1  # by how much the logarithm of a ratio must grow from the one to the other
CONSTANT = 100.0  # by which a hypothesis may fail along a path, where it counts up to constants


def matched_bounds() -> tuple[Matching, ...]:
    """The pairs that the papers declare."""
    return declared("matching", Matching)


def one_of_each_paper(pairs: Iterable[Matching]) -> list[Matching]:
    """The first pair of every paper with lower bounds."""
    first: dict[str, Matching] = {}
    for pair in pairs:
        first.setdefault(pair.paper, pair)
    return list(first.values())


def by_order(pairs: Iterable[Matching]) -> Iterator[JudgedMutant]:
    """Mutants of both sides of each pair, judged by the order algebra."""
    generator = np.random.default_rng(7)
    for pair in pairs:
        upper, lower = theorem(pair.upper), theorem(pair.lower)
        sound = _same_values(lower, upper, None)
        if sound is None:
            continue
        alarm = sound.verdict == "contradiction"
        yield JudgedMutant("true statement", f"{lower.id} <~ {upper.id}", "as catalogued", "true", alarm, "order")
        if sound.verdict != "consistent":
            continue  # nothing to compare mutants with
        for side, original in (("upper", upper), ("lower", lower)):
            for mutant in mutants(replace(original.bound, constants="hidden")):
                wrong = replace(original, bound=replace(mutant.bound, constants=original.bound.constants))
                check = _same_values(*((lower, wrong) if side == "upper" else (wrong, upper)), sound)
                if check is None:
                    continue
                truth = _truth_of_order(check, original.bound, mutant.bound, side, generator)
                rejected = check.verdict == "contradiction"
                yield JudgedMutant(mutant.family, original.id, mutant.change, truth, rejected, f"order, {lower.id}")


def _same_values(lower: Theorem, upper: Theorem, like: PairCheck | None) -> PairCheck | None:
    """The check of a pair at the same values of the symbols; the first one where `like` is None."""
    found = [check for check in checks(lower, upper) if check.result is not None]
    if like is None:
        return found[0] if found else None
    return next((check for check in found if dict(check.values) == dict(like.values)), None)


def _truth_of_order(
    check: PairCheck, original: Bound, mutated: Bound, side: str, generator: np.random.Generator
) -> Truth:
    path = check.result.witness.exponents if check.result and check.result.witness else {}
    if outgrows(check.low, check.high, check.given, generator, path):
        return "contradicted"
    smaller, larger = (original, mutated) if side == "upper" else (mutated, original)
    beyond = outgrows(smaller.expression, larger.expression, (), generator)
    within = outgrows(larger.expression, smaller.expression, (), generator)
    return "undecidable" if beyond else "weaker" if within else "equivalent"


def outgrows(
    low: Expr,
    high: Expr,
    given: Sequence[Any],
    generator: np.random.Generator,
    path: Mapping[str, Any] | None = None,
) -> bool:
    """Whether low / high grows along some random ray, or along `path`, on which all hypotheses hold: numbers only.

    >>> from tightrate.rates.symbols.alphabet import K, R
    >>> generator = np.random.default_rng(0)
    >>> outgrows(1 / R, 1 / (K * R), (), generator), outgrows(1 / (K * R), 1 / R, (), generator)
    (True, False)
    """
    names = sorted({s.name for e in (low, high, *given) for s in _symbols(e)})
    directions = generator.standard_normal((RAYS, len(names)))
    directions[generator.random(directions.shape) < 0.25] = 0.0
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-300)
    for index, name in enumerate(names):
        if name in LETTERS and LETTERS[name].counts:
            directions[:, index] = np.abs(directions[:, index])
    if np.any(_growth(low, high, given, names, directions, RAY, 1 + 1e-9) > GROWN):
        return True
    if not path:
        return False
    along = np.array([[float(path.get(name, 0)) for name in names]])
    along /= np.abs(along).max()
    return bool(np.any(_growth(low, high, given, names, along, PATH, CONSTANT) > GROWN_ON_PATH))


def _growth(
    low: Expr,
    high: Expr,
    given: Sequence[Any],
    names: list[str],
    directions: Array,
    distances: tuple[float, float],
    slack: float,
) -> Array:
    """By how much log(low/high) grows between two distances along each direction; -inf where a hypothesis fails."""
    logs, admitted = [], np.ones(len(directions), dtype=bool)
    for distance in distances:
        values = {name: np.exp(distance * directions[:, index]) for index, name in enumerate(names)}
        with np.errstate(divide="ignore", invalid="ignore"):
            logs.append(np.log(_numbers(low, values)) - np.log(_numbers(high, values)))
        for hypothesis in given:
            admitted &= _satisfied(hypothesis, values, slack)
    with np.errstate(invalid="ignore"):
        return np.where(admitted & ~np.isnan(logs[1] - logs[0]), logs[1] - logs[0], -np.inf)


def _symbols(expression: Any) -> set[sympy.Symbol]:
    if hasattr(expression, "smaller"):
        return _symbols(expression.smaller) | _symbols(expression.larger)
    return set(sympy.sympify(expression, strict=True).free_symbols)


def _numbers(expression: Any, values: dict[str, Array]) -> Array:
    names, function = _compiled(sympy.sympify(expression, strict=True))
    count = len(next(iter(values.values())))
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(function(*(values[name] for name in names)), dtype=np.float64), (count,))


@cache
def _compiled(expression: Expr) -> tuple[list[str], Callable[..., Any]]:
    """A formula that is evaluated a few times only: compiled without looking for common parts."""
    symbols = sorted(expression.free_symbols, key=lambda symbol: symbol.name)
    return [symbol.name for symbol in symbols], sympy.lambdify(symbols, expression, modules="numpy")


def _satisfied(hypothesis: Any, values: dict[str, Array], slack: float) -> NDArray[np.bool_]:
    if isinstance(hypothesis, sympy.And | sympy.Or):
        parts = [_satisfied(part, values, slack) for part in hypothesis.args]
        both = isinstance(hypothesis, sympy.And)
        return np.asarray(np.logical_and.reduce(parts) if both else np.logical_or.reduce(parts))
    by_name = hasattr(hypothesis, "smaller")
    small, large = (hypothesis.smaller, hypothesis.larger) if by_name else (hypothesis.lts, hypothesis.gts)
    return np.asarray(_numbers(small, values) <= slack * _numbers(large, values))
