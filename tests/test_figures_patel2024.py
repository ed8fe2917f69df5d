"""The figures of patel2024 and those across papers: readable at every width, true to what they draw."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from figure_checks import LOOKS, check_files, check_labels, first_now
from kept_results import kept_session

from tightrate.figures.figure import FIGURES
from tightrate.figures.gallery.patel2024_moving_fixed_point import moving_fixed_point
from tightrate.figures.gallery.patel2024_tables import tables
from tightrate.figures.gallery.power_report import certain, power_report
from tightrate.figures.gallery.who_wins import roomiest, who_wins
from tightrate.figures.style import Columns, Family
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.mutation import experiment as power
from tightrate.verify.mutation.mutants import JudgedMutant
from tightrate.verify.mutation.suite import PowerReport
from tightrate.verify.papers import who_wins as maps
from tightrate.verify.papers.patel2024 import fixed_point_in_the_plane as moving
from tightrate.verify.papers.patel2024 import tables as patel2024_table


def mutants(family: str, contradicted: int, rejected: int) -> list[JudgedMutant]:
    """Contradicted mutants of one family, the first of them rejected."""
    return [JudgedMutant(family, "it", "changed", "contradicted", i < rejected, "values") for i in range(contradicted)]


@cache
def suite() -> xr.Dataset:
    """The counts of an invented suite: three families, one of them without any contradicted mutant."""
    others = [
        JudgedMutant("exponent off", "it", "changed", "weaker", False, "order"),
        JudgedMutant("only weaker", "it", "changed", "weaker", False, "order"),
        JudgedMutant("true statement", "it", "as catalogued", "true", False, "order"),
    ]
    found = [*mutants("exponent off", 169, 160), *mutants("lambda outside the root", 1, 1), *others]
    return power.counted(PowerReport(tuple(found), 1.0))


DATA: dict[str, Callable[[], xr.Dataset]] = {
    moving_fixed_point.name: cache(lambda: kept_session().data(moving.moving_fixed_point)),
    tables.name: cache(lambda: kept_session().data(patel2024_table.tables)),
    who_wins.name: cache(lambda: kept_session().data(maps.who_wins)),
    power_report.name: suite,
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(name: str, columns: Columns, family: Family) -> None:
    check_labels(FIGURES[name], DATA[name](), columns, family)


@pytest.mark.parametrize("name", first_now([moving_fixed_point.name, who_wins.name]))
def test_files_are_reproducible(name: str, tmp_path: Path) -> None:
    check_files(FIGURES[name], DATA[name]().copy(), tmp_path)


@pytest.mark.parametrize("name", DATA)
def test_captions_are_sentences_with_the_datasets_numbers(name: str) -> None:
    caption = FIGURES[name].caption_for(DATA[name]())
    assert caption.endswith(".")
    assert "{" not in caption


# The fixed point


def test_the_path_leads_from_the_optimum_to_the_mean_of_the_optima() -> None:
    data = DATA[moving_fixed_point.name]()
    assert float(abs(data.path.isel(K=0) - data.optimum).max()) < 1e-12
    assert float(abs(data.path.isel(K=-1) - data.mean_optimum).max()) < 1e-3


def test_runs_end_on_the_path() -> None:
    data = DATA[moving_fixed_point.name]()
    seen = data.simulated.notnull()
    assert int(seen.any("axis").sum()) == len(moving.STEPS) * len(moving.SIMULATED)
    assert float(abs(data.simulated - data.path).where(seen).max()) < 1e-5


def test_the_drawn_path_is_the_datasets() -> None:
    data = DATA[moving_fixed_point.name]()
    moved = data.assign(path=data.path + 0.1)
    plane = moving_fixed_point.picture(moved).axes[0]
    drawn = [np.stack([np.asarray(line.get_xdata()), np.asarray(line.get_ydata())], axis=-1) for line in plane.lines]
    assert any(np.array_equal(line, moved.path.isel(eta=0).values) for line in drawn)


# The tables


def test_the_lines_are_the_symbolic_bounds() -> None:
    data = DATA[tables.name]()
    for table, rows in (("first", "table_1"), ("second", "table_2")):
        for i, row in enumerate(data.attrs[rows]):
            bound = theorem(row).bound
            values = {name: float(data.attrs[name]) for name in bound.letters if name != "R"}
            at = float(data.R[10])
            assert float(data[table][i, 10]) == pytest.approx(bound.at({**values, "R": at}), rel=1e-12)


def test_lower_bounds_are_dashed() -> None:
    data = DATA[tables.name]()
    for ax, table in zip(tables.picture(data).axes, ("first", "second"), strict=True):
        for curve, upper in zip(data[table].values, data[f"{table}_upper"].values, strict=True):
            styles = [str(line.get_linestyle()) for line in ax.lines if np.array_equal(line.get_ydata(), curve)]
            assert (styles[0] == "-") == bool(upper)


def test_a_class_of_methods_has_one_ink() -> None:
    data = DATA[tables.name]()
    inks = [
        {str(line.get_color()) for line in ax.lines if np.array_equal(line.get_ydata(), data[table][i])} - {"white"}
        for ax, table, rows in zip(tables.picture(data).axes, ("first", "second"), ("table_1", "table_2"), strict=True)
        for i, row in enumerate(data.attrs[rows])
        if row == "dekel2012/convex"
    ]
    assert len(inks) == 2
    assert inks[0] == inks[1]


# Who wins


def values_at(plane: Any, x: float, y: float) -> dict[str, float]:
    """Every bound at a large n, as an exponent of n: a comparison that knows nothing of polygons."""
    n = 1e6
    letters = {**{name: n ** float(power) for name, power in plane.path.items()}, "L": 1.0, "B": 1.0}
    letters |= {plane.letters[0]: n**x, plane.letters[1]: n**y}
    letters |= {name: 1.0 for name in ("zeta", "tau", "Q", "sigma") if name not in letters}
    entries = {**plane.bounds, "start": maps.START}
    return {name: np.log(theorem(entry).bound.at(letters)) / np.log(n) for name, entry in entries.items()}


@pytest.mark.parametrize("number", range(len(maps.PLANES)))
def test_the_map_agrees_with_the_values_of_the_bounds(number: int) -> None:
    plane = maps.PLANES[number]
    found = plane.cut()
    (x0, x1), (y0, y1) = plane.window
    generator = np.random.default_rng(number)
    for _ in range(25):
        x, y = generator.uniform(x0, x1), generator.uniform(y0, y1)
        values = values_at(plane, x, y)
        least = min(values.values())
        (cell, *_) = found.at(Fraction(x), Fraction(y))
        clearly = {name for name, value in values.items() if value < least + 1e-9}
        assert clearly <= {*cell.winners, *(name for name in values if values[name] < least + 0.12)}
        assert all(values[name] < least + 0.12 for name in cell.winners)


def test_a_changed_bound_changes_the_map() -> None:
    plane = maps.PLANES[0]
    kept = dict(list(plane.bounds.items())[:3])  # without acceleration
    fewer = maps.mapped((maps.Plane(plane.name, kept, plane.letters, plane.path, plane.window),))
    assert "accelerated mini-batch" not in fewer.bound.values
    patches = {patch.get_gid() for patch in who_wins.picture(fewer).axes[0].patches}
    assert "mini-batch SGD" in patches


def test_every_cell_is_drawn_and_the_grey_one_makes_no_claim() -> None:
    data = DATA[who_wins.name]()
    picture = who_wins.picture(data)
    for i, ax in enumerate(picture.axes):
        own = [patch for patch in ax.patches if patch.get_gid()]
        assert len(own) == int(data.x.isel(plane=i).notnull().any("vertex").sum())
    grey = [patch for ax in picture.axes for patch in ax.patches if patch.get_gid() == "start"]
    assert grey
    assert any("claim" in text.get_text() for ax in picture.axes for text in ax.texts)


def test_the_label_goes_where_the_room_is() -> None:
    within = np.zeros((41, 41), dtype=bool)
    within[5:15, 5:35] = True
    place, room = roomiest(within)
    row, column = np.unravel_index(place, within.shape)
    assert (abs(int(row) - 9.5) < 3, abs(int(column) - 19.5) < 6) == (True, True)
    assert 0.05 < room < 0.15


# Power


def test_dots_are_the_kill_rates_of_families_that_have_contradicted_mutants() -> None:
    (ax,) = power_report.picture(suite()).axes
    dots = [float(np.asarray(line.get_xdata())[0]) for line in ax.lines if line.get_gid() == "kill-rate"]
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names == ["all families", "exponent off", "lambda outside the root"]
    assert dots == pytest.approx([161 / 170, 160 / 169, 1.0])
    assert {"161 of 170", "160 of 169", "1 of 1"} <= {text.get_text() for text in ax.texts}


def test_few_mutants_show_little() -> None:
    shown = certain(np.array([0, 1, 59, 299]), np.array([3, 1, 59, 299]))
    assert shown == pytest.approx([0.0, 0.05, 0.95, 0.99], abs=1e-3)


def test_the_experiment_counts_what_the_suite_found() -> None:
    data = suite()
    assert data.attrs["survivors"] == 9
    assert (data.attrs["total_contradicted"], data.attrs["total_rejected"]) == (170, 161)
    assert data.attrs["true_statements"] == 1
    assert "only weaker" in data.family.values
