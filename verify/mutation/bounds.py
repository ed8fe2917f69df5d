"""Power against wrong bounds: mutants judged by catalogued matching bounds, by exact values, by fitted exponents.

Whether a mutant is wrong is decided here by plain comparison of numbers, far from the judges: along many random rays
in the space of the letters for orders, value by value for exact values.  A judge that misses such a mutant has no
power; one that rejects what no number contradicts raises a false alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.rates.relations.upper_against_lower import PairCheck, checks
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.exact.diagonal_moments import response
from tightrate.verify.falsification.search import SEARCHES, Search, Trial, extreme_ratio, holds, values_of
from tightrate.verify.judging.by_value import judge_bound, judge_upper_exponents
from tightrate.verify.mutation.mutants import LETTERS as COUNTS
from tightrate.verify.mutation.mutants import OFF, mutants
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

Array = NDArray[np.float64]
ValueJudge = Callable[[Array, Array, Array], Verdict]

RAYS = 3000
RAY, PATH = (20.0, 40.0), (50.0, 100.0)  # logarithmic distances between which a ratio is compared
GROWN, GROWN_ON_PATH = 1.0, 0.1  # by how much the logarithm of a ratio must grow from the one to the other
CONSTANT = 100.0  # by which a hypothesis may fail along a path, where it counts up to constants
POINTS = 768
ROUNDING = 1e-11  # relative, of a bound's own evaluation


@dataclass(frozen=True)
class Trialled:
    """One wrong (or, with family "true statement", right) twin and what the judge made of it.

    `truth` is "contradicted", "weaker" (nothing contradicts it and it is nowhere below the original), "equivalent",
    or "undecidable" (no number at hand tells); `rejected` is the judge's answer.
    """

    family: str
    source: str
    change: str
    truth: str
    rejected: bool
    by: str


# --- Orders: matching upper and lower bounds of the catalogue --------------------------------------------------------

MATCHED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dekel2012/convex", ("patel2024/remark18",)),
    ("khaled2025/eq2", ("glasgow2022/lower-homogeneous",)),
    ("woodworth2020a/convex", ("glasgow2022/lower-homogeneous",)),
    ("koloskova2020/convex", ("glasgow2022/lower", "patel2024/thm9-vanilla", "woodworth2020/lower")),
    ("khaled2020/local-gd", ("glasgow2022/lower",)),
    ("ghadimi2012/convex", ("patel2024/thm11",)),
    ("dekel2012/explicit", ("patel2024/remark18",)),
    ("khaled2025/eq2-explicit", ("glasgow2022/lower-homogeneous",)),
    ("khaled2025/minibatch", ("patel2024/remark18",)),
    ("woodworth2020a/quadratic", ("patel2024/remark18",)),
)


def by_order(pairs: Iterable[tuple[str, tuple[str, ...]]] = MATCHED) -> Iterator[Trialled]:
    """Mutants of both sides of each matched pair, judged by the order algebra."""
    generator = np.random.default_rng(7)
    for upper_id, lower_ids in pairs:
        upper = theorem(upper_id)
        for lower_id in lower_ids:
            lower = theorem(lower_id)
            sound = _same_values(lower, upper, None)
            if sound is None:
                continue
            alarm = sound.verdict == "contradiction"
            yield Trialled("true statement", f"{lower_id} <~ {upper_id}", "as catalogued", "true", alarm, "order")
            if sound.verdict != "consistent":
                continue  # nothing to compare mutants with
            for side, original in (("upper", upper), ("lower", lower)):
                for mutant in mutants(replace(original.bound, constants="hidden")):
                    twin = replace(original, bound=replace(mutant.bound, constants=original.bound.constants))
                    pair = (lower, twin) if side == "upper" else (twin, upper)
                    check = _same_values(*pair, sound)
                    if check is None:
                        continue
                    truth = _truth_of_order(check, original.bound, mutant.bound, side, generator)
                    rejected = check.verdict == "contradiction"
                    yield Trialled(mutant.family, original.id, mutant.change, truth, rejected, f"order, {lower_id}")


def _same_values(lower: Theorem, upper: Theorem, like: PairCheck | None) -> PairCheck | None:
    """The check of a pair at the same values of the letters; the first one where `like` is None."""
    found = [check for check in checks(lower, upper) if check.result is not None]
    if like is None:
        return found[0] if found else None
    return next((check for check in found if dict(check.values) == dict(like.values)), None)


def _truth_of_order(
    check: PairCheck, original: Bound, mutated: Bound, side: str, generator: np.random.Generator
) -> str:
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
    letters = sorted({s.name for e in (low, high, *given) for s in _symbols(e)})
    directions = generator.standard_normal((RAYS, len(letters)))
    directions[generator.random(directions.shape) < 0.25] = 0.0
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-300)
    for index, name in enumerate(letters):
        if name in LETTERS and LETTERS[name].counts:
            directions[:, index] = np.abs(directions[:, index])
    if np.any(_growth(low, high, given, letters, directions, RAY, 1 + 1e-9) > GROWN):
        return True
    if not path:
        return False
    along = np.array([[float(path.get(name, 0)) for name in letters]])
    along /= np.abs(along).max()
    return bool(np.any(_growth(low, high, given, letters, along, PATH, CONSTANT) > GROWN_ON_PATH))


def _growth(
    low: Expr,
    high: Expr,
    given: Sequence[Any],
    letters: list[str],
    directions: Array,
    distances: tuple[float, float],
    slack: float,
) -> Array:
    """By how much log(low/high) grows between two distances along each direction; -inf where a hypothesis fails."""
    logs, admitted = [], np.ones(len(directions), dtype=bool)
    for distance in distances:
        values = {name: np.exp(distance * directions[:, index]) for index, name in enumerate(letters)}
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


# --- Exact values: every search's instances --------------------------------------------------------------------------


def exact_values(search: Search, points: int = POINTS, seed: int = 3) -> Trial:
    """Exact values at the points that a seeded search tries inside the theorem's conditions: its shipped instances."""
    kept: list[Trial] = []

    def recorded(point: Mapping[str, Array]) -> Trial:
        trial = search.trial(point)
        kept.append(trial)
        return trial

    extreme_ratio(replace(search, trial=recorded), evaluations=points, seed=seed)
    tried = _pooled(kept)
    measured, bound, letters, rounding = tried.measured, tried.bound, tried.letters, np.asarray(tried.rounding)
    admissible = np.isfinite(bound) & (bound >= 0) & ~np.isnan(measured)
    for condition in search.checked():
        admissible &= holds(condition, letters)
    return Trial(
        measured[admissible],
        bound[admissible],
        {name: values[admissible] for name, values in letters.items()},
        rounding[admissible] + ROUNDING * np.abs(bound[admissible]),
    )


def _joined(parts: Sequence[Array | float], trials: Sequence[Trial]) -> Array:
    whole = [np.broadcast_to(part, trial.measured.shape) for part, trial in zip(parts, trials, strict=True)]
    return np.concatenate(whole)


def value_judge(side: Literal["upper", "lower"]) -> ValueJudge:
    """The judge of bounds with constants, as a function of measured values, the bound and the rounding."""

    def judge(measured: Array, bound: Array, rounding: Array) -> Verdict:
        arrays = [xr.DataArray(values, dims="instance") for values in (measured, bound, rounding)]
        return judge_bound(*arrays[:2], side=side, what="measured value", rounding=arrays[2], witness={})

    return judge


def by_value(
    patterns: Sequence[str],
    judge: Callable[[Literal["upper", "lower"]], ValueJudge] = value_judge,
    *,
    points: int = POINTS,
    hunt: int = 0,
) -> Iterator[Trialled]:
    """Mutants of explicit bounds, judged on the points of all searches of the theorem, the most adverse ones included.

    Those are adverse to the true statement.  With `hunt`, a mutant that they leave undecided gets so many points that
    are adverse to itself from every search.
    """
    for theorem_id, searches in _searches_by_theorem(patterns).items():
        source, side = searches[0].source, searches[0].side
        values = _pooled([exact_values(search, points) for search in searches])
        decide = judge(side)
        true = decide(values.measured, values.bound, np.asarray(values.rounding)).status == "violated"
        yield Trialled("true statement", theorem_id, "as catalogued", "true", true, "exact values")
        for mutant in mutants(source.bound):
            where = (mutant.family, theorem_id, mutant.change)
            if any(letter not in values.letters for letter in mutant.bound.letters):
                yield Trialled(*where, "undecidable", False, "exact values")  # a letter that no search gives a value
                continue
            trial = _with_bound(values, mutant.bound)
            if not len(trial.measured):
                continue
            truth = _truth_of_values(trial, values.bound[_defined(values, mutant.bound)], side)
            if truth == "undecidable" and hunt:
                trial = _pooled([trial, *(_hunted(search, mutant.bound, hunt) for search in searches)])
                truth = "contradicted" if _contradicted(trial, side) else truth
            rejected = decide(trial.measured, trial.bound, np.asarray(trial.rounding)).status == "violated"
            yield Trialled(*where, truth, rejected, "exact values")


def _searches_by_theorem(patterns: Sequence[str]) -> dict[str, list[Search]]:
    """The searches by value of what is catalogued as true, on bounds with constants, by theorem."""
    found: dict[str, list[Search]] = {}
    for name in SEARCHES.match(*patterns):
        search = SEARCHES[name]
        by_its_value = search.ladder is None and search.source.bound.constants == "explicit"
        if by_its_value and search.expected == "consistent" and not search.variant:
            found.setdefault(search.theorem, []).append(search)
    return found


def _pooled(parts: Sequence[Trial]) -> Trial:
    """All instances together, with the letters that all parts have."""
    shared = set.intersection(*(set(part.letters) for part in parts))
    letters = {name: _joined([part.letters[name] for part in parts], parts) for name in sorted(shared)}
    measured, bound, rounding = (
        _joined([getattr(part, name) for part in parts], parts) for name in ("measured", "bound", "rounding")
    )
    return Trial(measured, bound, letters, rounding)


def _values_of(bound: Bound, trial: Trial) -> Array:
    needed = {letter: trial.letters[letter] for letter in bound.letters}
    with np.errstate(all="ignore"):
        return np.broadcast_to(values_of(bound.expression, needed), trial.measured.shape)


def _defined(trial: Trial, bound: Bound) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(_values_of(bound, trial)))


def _with_bound(trial: Trial, bound: Bound) -> Trial:
    """The instances where another bound is defined, beside that bound."""
    values = _values_of(bound, trial)
    kept = np.isfinite(values)
    letters = {name: letter[kept] for name, letter in trial.letters.items()}
    return Trial(trial.measured[kept], values[kept], letters, np.asarray(trial.rounding)[kept])


def _hunted(search: Search, bound: Bound, points: int) -> Trial:
    """Instances inside the theorem's conditions that a search against another bound tries."""

    def trial(point: Mapping[str, Array]) -> Trial:
        found = search.trial(point)
        return replace(found, bound=_values_of(bound, found))

    return exact_values(replace(search, trial=trial), points)


def _contradicted(trial: Trial, side: str) -> bool:
    sign = 1.0 if side == "upper" else -1.0
    return bool(np.any(sign * (trial.measured - trial.bound) > trial.rounding))


def _truth_of_values(trial: Trial, original: Array, side: str) -> str:
    if _contradicted(trial, side):
        return "contradicted"
    if np.allclose(trial.bound, original, rtol=1e-12, atol=0):
        return "equivalent"
    sign = 1.0 if side == "upper" else -1.0
    return "weaker" if np.all(sign * trial.bound >= sign * original * (1 - 1e-12)) else "undecidable"


# --- Shipped claims: their own datasets with another bound -----------------------------------------------------------

REJUDGED = (
    "patel2024/sharp-discrepancy",
    "patel2024/first-order-discrepancy",
    "patel2024/prop21",
    "patel2024/prop21-optima",
)


def by_claim(session: Session, names: Sequence[str] = REJUDGED) -> Iterator[Trialled]:
    """Shipped claims on bounds with constants, judged again by their own judges with mutated bounds in their datasets.

    These datasets hold a variable `bound: LABEL` beside the letters and the quantity that the bound measures.
    """
    for name in names:
        claim = CLAIMS[name]
        source = claim.theorem
        data = session.data(claim.data[0])
        column = f"bound: {source.label}"
        measured, rounding = data[source.bound.measure.name].values, 1e-12 * data["size"].values
        true = claim.judge(data).status == "violated"
        yield Trialled("true statement", name, "as shipped", "true", true, "a shipped dataset")
        for mutant in mutants(source.bound):
            if any(letter not in data for letter in mutant.bound.letters):
                continue  # a letter that the dataset has no value for
            letters = {letter: data[letter].values for letter in mutant.bound.letters}
            bound = vectorized(mutant.bound.expression)(**letters)
            truth = _truth_of_values(Trial(measured, bound, letters, rounding), data[column].values, "upper")
            rejected = claim.judge(data.assign({column: (data[column].dims, bound)})).status == "violated"
            yield Trialled(mutant.family, name, mutant.change, truth, rejected, "a shipped dataset")


# --- Exponents: fits to exact values ---------------------------------------------------------------------------------

GRID = {"K": (8.0, 16.0, 32.0, 64.0), "R": (32.0, 64.0, 128.0, 256.0), "M": (2.0, 4.0, 8.0, 16.0)}
SLOPES_AGREE = 0.05


def scaling_data() -> tuple[dict[str, Array], Array]:
    """Exact gaps of local SGD in the noise-dominated regime on a grid of K, R, M, at a fixed product eta K R."""
    mesh = np.meshgrid(*GRID.values(), indexing="ij")
    grid = {name: values.ravel() for name, values in zip(GRID, mesh, strict=True)}
    n = len(grid["K"])
    curvature = np.broadcast_to(np.array([1.0, 0.5]), (n, 1, 2)).copy()
    found = response(
        local_sgd, {"eta": 20 / (grid["K"] * grid["R"])}, curvature, np.zeros_like(curvature),
        start=np.full((n, 2), 1e-6), K=grid["K"], R=grid["R"],
    )  # fmt: skip
    return grid, found.expected(curvature[:, 0] / 2, np.ones((n, 2)) / grid["M"][:, None])


ExponentJudge = Callable[[dict[str, Array], Array, dict[str, float]], Verdict]


def exponent_judge(grid: dict[str, Array], gap: Array, predicted: dict[str, float]) -> Verdict:
    """The judge of exponents, on values without noise."""
    return judge_upper_exponents(grid, gap, 1e-6 * gap, predicted, offset=np.zeros_like(gap), resolution=0.1)


def by_exponent(judge: ExponentJudge = exponent_judge) -> Iterator[Trialled]:
    """Mutants of the statistical term's exponents, judged by a fit; the truth is a plain slope between two cells."""
    statement = theorem("patel2024/thm27").bound.term("statistical")
    true = {name: float(statement.monomial.exponents[name]) for name in COUNTS}
    grid, gap = scaling_data()
    allowed = {name: power + SLOPES_AGREE for name, power in true.items()}  # the regime is reached to this accuracy
    rejected = judge(grid, gap, allowed).status == "violated"
    yield Trialled("true statement", "patel2024/thm27", "statistical", "true", rejected, "exponents")
    slopes = {name: _slope(grid, gap, name) for name in COUNTS}
    for name in COUNTS:
        for off in OFF:
            for sign, word in ((1, "more"), (-1, "less")):
                claimed = {**allowed, name: true[name] + sign * float(off)}
                truth = "contradicted" if slopes[name] > claimed[name] + SLOPES_AGREE else "weaker"
                answer = judge(grid, gap, claimed).status == "violated"
                change = f"statistical: {name}^({off}) {word}"
                yield Trialled("exponent off", "patel2024/thm27", change, truth, answer, "exponents")


def _slope(grid: dict[str, Array], gap: Array, name: str) -> float:
    low, high = (np.mean(np.log(gap[grid[name] == end])) for end in (grid[name].min(), grid[name].max()))
    return float((high - low) / np.log(grid[name].max() / grid[name].min()))
