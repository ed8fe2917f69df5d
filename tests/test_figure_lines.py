"""Every line, error bar and power in every figure comes from the data behind it or from a theorem.

While a figure is drawn every value of a formula is noted.  A line must then be a row of the data or of such a value,
in a unit of the problem; what is computed from them on the way is computed here again, by another formula.  Error bars
are two standard errors of the data.  Powers that are written into a panel are those of a theorem, and the slope of the
panel's triangle.  Faults planted in what is drawn must be noticed.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from importlib import import_module
from itertools import count, product
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
import pytest
import xarray as xr
from figure_checks import first_now
from kept_results import kept_session
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from sympy import Expr

from tightrate import figures
from tightrate.figures.figure import FIGURES
from tightrate.rates.formulas.display import latex
from tightrate.rates.papers.patel2024.theorem_27 import thm27_logarithm
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols import evaluation
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.cheng2024.consensus import squared_range
from tightrate.verify.papers.cheng2024.figure_rates import METHODS, MIDDLE, RANGE
from tightrate.verify.papers.patel2024.krm_sweep import mean_gap

TESTS = Path(__file__).parent
Array = NDArray[np.float64]
EXACT = 1e-9  # relative: the same numbers, but for the order of a sum


@cache
def data_of(name: str) -> xr.Dataset:
    """What the figure's own tests draw, or else the data of a quick run."""
    for path in sorted(TESTS.glob("test_figures*.py")):
        made = getattr(import_module(path.stem), "DATA", {})
        if name in made:
            dataset: xr.Dataset = made[name]()
            return dataset
    return kept_session().data(FIGURES[name].experiment)


# --- what may be drawn -----------------------------------------------------------------------------------------------


def rows(values: Any) -> Iterator[Array]:
    """All rows of an array, along each of its axes; of a number that one."""
    array = np.asarray(values)
    if array.dtype.kind in "iufb":
        array = np.atleast_1d(array.astype(float))
        for axis in range(array.ndim):
            yield from np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])


def from_the_data(data: xr.Dataset) -> Iterator[Array]:
    """Rows of the variables and coordinates; their medians, percentiles, least and largest values, and quotients."""
    for values in data.variables.values():
        if values.dtype.kind not in "iufb":
            continue
        yield from rows(values)
        for axis in range(values.ndim) if values.ndim > 1 else ():
            with warnings.catch_warnings(action="ignore"):
                yield from rows(np.nanpercentile(values.values.astype(float), (0, 10, 50, 90, 100), axis=axis))
    for one, other in product(data.data_vars.values(), repeat=2):
        if one.dims == other.dims and one.dtype.kind == other.dtype.kind == "f" and one.name != other.name:
            with np.errstate(all="ignore"):
                yield from rows(one / other)
    for value in data.attrs.values():
        if isinstance(value, int | float):
            yield np.array([float(value)])


def total_rates(_data: xr.Dataset) -> Iterator[Any]:
    """The whole bounds of the local methods along each axis; their units, L B^2 and L Delta, are one."""
    for of in METHODS.values():
        for axis, (least, most) in RANGE.items():
            yield theorem(of.local).bound.at(of.values, **{**MIDDLE, "alpha": 4.0, axis: np.geomspace(least, most, 81)})


def random_walk(data: xr.Dataset) -> Iterator[Any]:
    """The exact mean of the largest squared distance of independent walks: their variance times the squared range."""
    axes = ("eta", "sigma", "K")
    middle = {name: float(data[name].values[data.sizes[name] // 2]) for name in axes}
    for name in axes:
        variance = theorem("cheng2024/flat-variance-z").bound.at(middle, **{name: data[name].values.astype(float)})
        yield squared_range([int(data.attrs["M"])])[0] * variance


def in_units_of_rounds(data: xr.Dataset) -> Iterator[Any]:
    """Worst cases and the lower bound, times R."""
    yield from (data[name] * data.R for name in ("gradient_descent", "best_minibatch", "upper"))
    yield theorem("patel2024/prop7-constant").bound.at(L=1.0, B=1.0, R=data.R.values) * data.R.values


def medians_over_seeds(data: xr.Dataset) -> Iterator[Any]:
    """Of the best outer step, and the lower median of the best one tried."""
    yield np.median(data.best_of_all.transpose("sigma", "seed"), axis=1)
    tried = data.gamma.values[np.nanargmin(data.loss.transpose("sigma", "seed", "gamma"), axis=-1)]
    yield np.sort(tried, axis=1)[:, (tried.shape[1] - 1) // 2]


def one_constant(data: xr.Dataset) -> Iterator[Any]:
    """The statistical term of Theorem 27 with its logarithm, times the constant that fits all cells best."""
    term = mean_gap(data).at(theorem("patel2024/thm27").bound.term("statistical").expression)
    logarithm = mean_gap(data).at(thm27_logarithm())
    law = (term * logarithm).transpose("K", "R", "M")
    measured = data.gap_mean.transpose("K", "R", "M")
    symbols = mean_gap(data).symbols
    unit = float(symbols["sigma"]) ** 2 / float(symbols["mu"])
    yield law * np.exp(np.log(measured / law).mean().item()) / unit
    yield measured / unit
    yield data.bound.transpose("K", "R", "M") / unit
    yield data.gap_stderr.transpose("K", "R", "M") / unit


def moved_terms(data: xr.Dataset) -> Iterator[Any]:
    """Every term, times the constant that fits the last three means of its row best."""
    measured = data.gap_mean
    for name in data:
        for axis in measured.dims if str(name).startswith("term: ") else ():
            with warnings.catch_warnings(action="ignore"):
                apart = np.log(measured / data[name]).transpose(..., axis)
                finite = np.isfinite(apart)
                last = finite & (finite[..., ::-1].cumsum(axis)[..., ::-1] <= 3)
                yield (data[name] * np.exp(apart.where(last).mean(axis))).transpose(..., axis)


def shares_of_the_bound(data: xr.Dataset) -> Iterator[Any]:
    """The worst and the sharp bias of a clipped gradient over the bound of Lemma A.2."""
    at = Measurement.of(data, "worst").at
    bound, sharp = (at(theorem(f"cheng2024/{label}").bound.expression) for label in ("lemA2-bias", "lemA2-sharp"))
    yield (data.worst / bound).transpose("alpha", "mean", "rho")
    yield (sharp / bound).transpose(..., "rho")


def linear_speed_up(_data: xr.Dataset) -> Iterator[Any]:
    """At K = 1, M = K_0^(1/3), where K_0 = n^3, is the border of linear speed-up; at K = K_0 it is M = 1."""
    yield [1.0, 0.0]


def case_b(_data: xr.Dataset) -> Iterator[Any]:
    """The exponents of the client's step in Corollary 7 (B), twice."""
    yield [-0.49, -0.49]


def in_the_plane(data: xr.Dataset) -> Iterator[Any]:
    """Coordinates and distances of the fixed points, in units of the distance of the two ends."""
    optimum, mean = data.optimum.values, data.mean_optimum.values
    whole = np.hypot(*(optimum - mean))
    for points in (data.path.values, data.simulated.values):
        flat = points.reshape(-1, *points.shape[-2:])
        for path in flat if data.path.dims[0] == "eta" else np.moveaxis(flat, 1, 0):
            yield from (path[:, 0], path[:, 1])
            yield from (np.hypot(*(path - end).T) / whole for end in (optimum, mean))


def from_the_start(data: xr.Dataset) -> Iterator[Any]:
    """Gaps and their errors after the first record, in units of it."""
    later = data.isel(round=slice(1, None))
    for name in ("gap", "stderr"):
        yield (later[name] / data.gap.isel(round=0)).transpose("problem", "variant", "round")


def steps_and_floors(data: xr.Dataset) -> Iterator[Any]:
    """Both theorems solved for the steps to a reduction, and their statistical terms in units of eta sigma^2/(mu M)."""
    for label in ("id-sc", "id-quadratic"):
        bound, at = theorem(f"chezhegov2024/{label}").bound, Measurement.of(data, "steps").at
        per_step = at(bound.term("optimization").expression) ** (1 / (data.attrs["K"] * data.attrs["R"]))
        yield np.log(data.attrs["reduction"]) / np.log(per_step)
        unit = data.attrs["eta"] if "eta" in data.attrs else data["eta"]
        noise = at(bound.term("statistical").expression) * data.attrs["mu"] * data.attrs["M"]
        yield (noise / (unit * data.attrs["sigma"] ** 2)).broadcast_like(data.ratio)


DERIVED: Mapping[str, Callable[[xr.Dataset], Iterator[Any]]] = {
    "cheng2024-rates-sgdm": total_rates,
    "cheng2024-rates-adam": total_rates,
    "cheng2024-clipping-bias": shares_of_the_bound,
    "cheng2024-consensus": random_walk,
    "cheng2024-winners": linear_speed_up,
    "exact-minimax": in_units_of_rounds,
    "khaled2025-best-outer-step": medians_over_seeds,
    "krm-sweep": one_constant,
    "sweep": moved_terms,
    "lee2024-regimes": case_b,
    "patel2024-moving-fixed-point": in_the_plane,
    "scaled-variants": from_the_start,
    "scaling-factor": steps_and_floors,
}
TABLES = {"implications", "sharpness", "power-report", "who-wins"}
"""Figures whose marks are counts and names in rows that the figure makes up; their own tests look at each of them."""
TRIANGLE = "slope-triangle"
SAID = {
    "khaled2025-acceleration": {("R", Fraction(-1))},  # of the method that is compared, which no line has exactly
    "lee2024-regimes": {("R", Fraction(-1, 2))},  # the best exponent on a map of exponents
}


@dataclass(frozen=True)
class Ledger:
    """What may be drawn: rows of numbers, and the units by which they may be divided."""

    rows: list[Array]
    errors: list[Array]
    units: list[float]

    @cached_property
    def numbers(self) -> tuple[Array, NDArray[np.intp]]:
        """All numbers of all rows in order, and to which row each belongs."""
        belongs = [np.full(len(row), place) for place, row in enumerate(self.rows)]
        order = np.argsort(flat := np.concatenate(self.rows), kind="stable")
        return flat[order], np.concatenate(belongs)[order]

    def has(self, drawn: Array) -> bool:
        """Whether a line is a row, or part of one in its order, in some unit; or a level of reference, 0 or 1."""
        if set(drawn) in ({0.0}, {1.0}):
            return True
        finite, (numbers, belongs) = drawn[np.isfinite(drawn)], self.numbers
        for unit in self.units:
            wanted = finite * unit
            slack = EXACT * abs(wanted[-1])
            first = np.searchsorted(numbers, wanted[-1] - slack)
            last = np.searchsorted(numbers, wanted[-1] + slack, side="right")
            if any(_within(wanted, self.rows[place]) for place in set(belongs[first:last].tolist())):
                return True
        return False


def _within(drawn: Array, row: Array) -> bool:
    """Whether the drawn numbers stand in a row, in this order; a level line needs one of them."""
    if len(row) == len(drawn) and np.allclose(row, drawn, rtol=EXACT, atol=0):
        return True
    place, wanted = 0, drawn if len(set(drawn)) > 1 else drawn[:1]
    for number in wanted:
        hits = np.flatnonzero(np.abs(row[place:] - number) <= EXACT * abs(number))
        if not len(hits):
            return False
        place += int(hits[0]) + 1
    return True


@contextmanager
def noted(values: list[tuple[Expr, Array]]) -> Iterator[None]:
    """Note every value of a formula that is computed meanwhile."""
    plain = evaluation.at

    def noting(*given: Any, **named: Any) -> Any:
        value = plain(*given, **named)
        values.append((given[0], np.asarray(value, dtype=float)))
        return value

    users = [
        one for name, one in sys.modules.items() if name.startswith("tightrate.") and getattr(one, "at", 0) is plain
    ]
    try:
        for one in users:
            one.at = noting  # type: ignore[attr-defined]
        yield
    finally:
        for one in users:
            one.at = plain  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Drawn:
    """A picture and what may stand in it."""

    name: str
    picture: Figure
    powers: set[tuple[str, Fraction]]
    ledger: Ledger


def draw(name: str) -> Drawn:
    """A figure, with what may stand in it: its data, and the values of formulas that were computed for it."""
    data, values = data_of(name), list[tuple[Expr, Array]]()
    with noted(values):
        picture = FIGURES[name].picture(data)
    derived = [row for value in DERIVED[name](data) for row in rows(value)] if name in DERIVED else []
    known = [*derived, *from_the_data(data), *(row for _, value in values for row in rows(value))]
    errors = [row for key, one in data.data_vars.items() if "stderr" in str(key) for row in rows(one)]
    sizes = [float(data.attrs.get(letter, 1.0)) for letter in ("L", "B")]
    powers = {sizes[0] ** a * sizes[1] ** b for a, b in product((-1, 0, 1), (0, 1, 2))}
    formulas = {power for one in {one for one, _ in values} for power in written(f"${latex(one)}$")}
    return Drawn(name, picture, formulas, Ledger(known, [*errors, *derived], sorted(powers)))


def unaccounted(drawn: Drawn) -> list[str]:
    """Lines and error bars that come from nowhere."""
    found = []
    for place, ax in enumerate(drawn.picture.axes):
        bars = [one for one in ax.containers if isinstance(one, ErrorbarContainer)]
        caps = {id(line) for one in bars for line in one.lines[1]}
        for line in ax.lines:
            x, y = (np.asarray(values, dtype=float) for values in line.get_data())
            level = ax.transData not in (line.get_transform(),) and len(set(x)) == 1
            if id(line) in caps or line.get_gid() == TRIANGLE or level or np.isfinite(y).sum() < 2:
                continue
            if line.get_gid() == "level":
                found += [] if _level(np.stack([x, y], axis=-1), drawn.name) else [f"panel {place}: no level set"]
            elif not drawn.ledger.has(y):
                found.append(f"panel {place}: line {line.get_gid() or line.get_label()} with {y[:3]}")
        for one in bars:
            (segments,) = (np.array(part.get_segments()) for part in one.lines[2])
            half = (segments[:, 1, 1] - segments[:, 0, 1]) / 2
            if not any(_close(half / 2 * unit, row) for unit in drawn.ledger.units for row in drawn.ledger.errors):
                found.append(f"panel {place}: error bars of {half[:3]}")
    return found


def _level(points: Array, name: str) -> bool:
    """Whether the average objective is the same at all points."""
    data = data_of(name)
    away = points - data.optimum.values
    values = np.einsum("pi,ij,pj->p", away, data.hessian.values, away)
    return bool(np.allclose(values, values[0], rtol=EXACT))


def _close(drawn: Array, row: Array) -> bool:
    """The same numbers; ends of bars have the digits of their middle."""
    return len(row) == len(drawn) and np.allclose(row, drawn, rtol=1e-6, atol=0)


# --- powers that are written -----------------------------------------------------------------------------------------

SIDES: tuple[Literal["left", "center", "right"], ...] = ("left", "center", "right")
POWER = re.compile(r"(\\[A-Za-z]+(?:_[A-Za-z\\]+)?|[A-Za-z](?:_[A-Za-z\\]+)?)\^(?:\{(-?\d+(?:/\d+)?)\}|(\d))")


def written(text: str) -> Iterator[tuple[str, Fraction]]:
    """The letters with a number as their power in the formulas of a text."""
    for formula in text.replace("−", "-").split("$")[1::2]:
        for letter, braced, bare in POWER.findall(formula):
            yield letter.replace(" ", ""), Fraction(braced or bare)


def slopes_of(ax: Axes) -> list[float]:
    """The exponents of the lines of a panel that are powers of what is on its horizontal axis, triangles included."""
    found = []
    for line in ax.lines:
        x, y = (
            np.asarray(values, dtype=float)[: None if line.get_gid() != TRIANGLE else 2] for values in line.get_data()
        )
        with np.errstate(all="ignore"):
            slopes = np.diff(np.log(y)) / np.diff(np.log(x))
        if len(slopes) and np.isfinite(slopes).all() and np.ptp(slopes) < 1e-7:
            found.append(float(slopes.mean()))
    return found


def strange_powers(drawn: Drawn) -> list[str]:
    """Powers that no line of their panel and no formula has, and triangles with a slope that is written nowhere."""
    found = []
    for place, ax in enumerate(drawn.picture.axes):
        texts = [*(text.get_text() for text in ax.texts), *(ax.get_title(side) for side in SIDES)]
        said = {Fraction(one) for text in texts for one in re.findall(r"\^\{(-?\d+(?:/\d+)?)\}", text)} | {Fraction(1)}
        slopes = slopes_of(ax)
        triangles = [slope_of(line) for line in ax.lines if line.get_gid() == TRIANGLE]
        strange = [one for one in triangles if not any(abs(one - float(number)) < EXACT for number in said)]
        found += [f"panel {place}: a triangle with {one}" for one in strange]
        across = "".join(ax.get_xlabel().replace(" ", "").split("$")[1::2])
        for letter, power in (one for text in texts for one in written(text)):
            known = (letter, power) in ({*SAID.get(drawn.name, ())} | (set() if letter in across else drawn.powers))
            if not known and not (letter in across and any(abs(slope - float(power)) < 1e-6 for slope in slopes)):
                found.append(f"panel {place}: {letter}^{power}, which is neither a slope nor in a formula")
    return found


def slope_of(triangle: Line2D) -> float:
    """The exponent of a triangle, from its ends."""
    (x, far_x, *_), (y, far_y, *_) = triangle.get_data()
    return float(np.log(far_y / y) / np.log(far_x / x))


def literal_powers(source: str) -> list[str]:
    """Texts in a module with a power that is a number written by hand; captions and documentation are not drawn."""
    tree = ast.parse(source)
    told = {
        id(part)
        for node in ast.walk(tree)
        if (isinstance(node, ast.keyword) and node.arg in ("title", "caption")) or isinstance(node, ast.Expr)
        for part in ast.walk(node)
        if not (isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant))
    }
    texts = [
        n.value
        for n in ast.walk(tree)
        if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in told
    ]
    return [text for text in texts if re.search(r"\^\{?-?\d|\$[^$]*\d/\d", text) and text not in UNITS]


UNITS = {
    "^{1}",
    "$K_0 (L/weak)^3$",
    "$F(x_R) - F(x*)$  in units of $L B^2$",
    "$||grad f(x)||^2$",
    "$||grad f(0)||^2/G_inf^2$",
    "steps until $||x - x*||_D^2$ is $",
    "max over $m, n$ of $|z^m - z^n|^2$",
}
"""Measures, a power of one that is taken away, and a number of steps that the figure's own tests compute."""

# --- the tests -------------------------------------------------------------------------------------------------------

NAMES = sorted(set(FIGURES.names()) - TABLES)


@pytest.mark.parametrize("name", NAMES)
def test_every_line_bar_and_power_is_of_the_data_or_of_a_theorem(name: str) -> None:
    drawn = draw(name)
    assert not unaccounted(drawn)
    assert not strange_powers(drawn)


def test_no_power_is_written_by_hand() -> None:
    for path in (Path(figures.__file__).parent / "gallery").glob("*.py"):
        assert not literal_powers(path.read_text()), path.name
    assert literal_powers('ax.set_title(words("(b) $K^-1$ with it"))')


# --- planted faults --------------------------------------------------------------------------------------------------


def larger(values: Any) -> Any:
    """A tenth more."""
    return 1.1 * np.asarray(values, dtype=float)


def tilted(values: Any) -> Any:
    """As it was at the first point, and more and more from there on."""
    y = np.asarray(values, dtype=float)
    return y * 1.1 ** np.linspace(0, 2, y.size).reshape(y.shape)


def misprinted(text: Any) -> Any:
    """The first number in a power another one."""
    return re.sub(r"(\^\{?-?)(\d)", lambda found: found[1] + str((int(found[2]) + 4) % 10), str(text), count=1)


Given = tuple[tuple[Any, ...], dict[str, Any]]


def _changed(which: int, change: Callable[[Any], Any]) -> Callable[..., Given]:
    def planted(*given: Any, **named: Any) -> Given:
        return tuple(change(one) if place == which else one for place, one in enumerate(given)), named

    return planted


FAULTS: Mapping[tuple[str, str], Callable[..., Given]] = {
    ("plot", "larger"): _changed(1, larger),
    ("plot", "tilted"): _changed(1, tilted),
    ("axhline", "larger"): _changed(0, larger),
    ("errorbar", "larger"): _changed(1, larger),
    ("errorbar", "halved"): _changed(2, lambda error: np.asarray(error) / 2),
    ("annotate", "misprinted"): _changed(0, misprinted),
    ("set_title", "misprinted"): _changed(0, misprinted),
}


@contextmanager
def planted(method: str, which: int, fault: str) -> Iterator[list[bool]]:
    """A fault in the call of a method of the axes with this number; the list says whether it changed anything."""
    plain, calls, hit = getattr(Axes, method), count(), list[bool]()

    def faulty(self: Axes, *given: Any, **named: Any) -> Any:
        if next(calls) == which:
            changed = FAULTS[method, fault](*given, **named)
            if fault == "larger" and named.get("gid") == TRIANGLE:
                changed = given, named  # it may stand anywhere
            hit.append(any(np.any(np.asarray(a) != np.asarray(b)) for a, b in zip(given, changed[0], strict=True)))
            given, named = changed
        return plain(self, *given, **named)

    with patch.object(Axes, method, faulty):
        yield hit


def calls_of(name: str, method: str) -> int:
    """How often a figure calls a method of the axes."""
    with patch.object(Axes, method, autospec=True, side_effect=getattr(Axes, method)) as called:
        FIGURES[name].picture(data_of(name))
    return called.call_count


def missed(name: str) -> list[str]:
    """The planted faults of a figure that nobody would notice."""
    found = []
    for method, fault in FAULTS:
        for which in range(calls_of(name, method)):
            with planted(method, which, fault) as hit:
                drawn = draw(name)
            seen = any(hit) and (unaccounted(drawn) or strange_powers(drawn))
            if any(hit) and not seen:
                found.append(f"{fault} {method}, call {which}")
    return found


@pytest.mark.parametrize("name", first_now(dict.fromkeys(["khaled2025-ill-tuned", *NAMES])))
def test_planted_faults_are_noticed(name: str) -> None:
    assert not missed(name)
