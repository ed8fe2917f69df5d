"""Figures of the whole: how sharp bounds are, and what implies what."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from figure_checks import LOOKS, check_files, check_labels, first_now
from kept_results import kept_session

from tightrate.figures.figure import FIGURES
from tightrate.figures.style import Columns, Family
from tightrate.rates.relations.implications import decide, implications
from tightrate.verify.claim import Finding
from tightrate.verify.implication_map import implication_map, layers
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.sharpness import RATIOS, gathered
from tightrate.verify.sharpness import sharpness as gathering
from tightrate.verify.verdict import Status, Verdict


def finding(name: str, ratio: float, status: Status = "consistent", side: str = "upper") -> Finding:
    return Finding(CLAIMS[name], Verdict(status, "", "", "", evidence={RATIOS[side]: ratio}), 0.0)


@cache
def ratios() -> xr.Dataset:
    """Every claim by value, at ratios from far away to attained."""
    named = [name for name, claim in CLAIMS.entries().items() if claim.kind == "bound with constants"]
    found = [
        finding(name, 10.0 ** (-(7 * i % 11)), side="upper")
        if CLAIMS[name].theorem.bound.kind != "lower"
        else finding(name, 1.0 + i % 3, side="lower")
        for i, name in enumerate(named)
    ]
    return gathered(found)


@cache
def edges() -> xr.Dataset:
    return kept_session().data(implication_map)


DATA: dict[str, Callable[[], xr.Dataset]] = {"sharpness": ratios, "implications": edges}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(name: str, columns: Columns, family: Family) -> None:
    check_labels(FIGURES[name], DATA[name](), columns, family)


@pytest.mark.parametrize("name", first_now(DATA))
def test_files_are_reproducible(name: str, tmp_path: Path) -> None:
    check_files(FIGURES[name], DATA[name](), tmp_path)


def test_every_claim_that_held_is_one_mark() -> None:
    (ax,) = FIGURES["sharpness"].picture(ratios()).axes
    marks = {side: np.concatenate([line.get_xdata() for line in ax.lines if line.get_gid() == side]) for side in RATIOS}
    upper = ratios().upper.values == 1
    assert sorted(marks["upper"]) == pytest.approx(sorted(np.maximum(ratios().ratio.values[upper], 1e-9)))
    assert sorted(marks["lower"]) == pytest.approx(sorted(ratios().ratio.values[~upper]))
    assert (marks["upper"] <= 1).all()
    assert (marks["lower"] >= 1).all()


def test_what_was_violated_or_vanishes_is_no_mark() -> None:
    name, other = "patel2024/krm-value", "patel2024/thm22-transient"
    data = gathered([finding(name, 0.3), finding(other, 2.0, "violated"), finding(other, 0.0)])
    assert data.claim.values.tolist() == [name]
    assert (data.attrs["claims"], data.attrs["exact_zeros"]) == (1, 1)


def test_a_gathering_experiment_runs_where_the_session_is() -> None:
    session = Session(jobs=2)
    session.prepare([gathering, gathering])
    assert gathering.name not in session.cached


def test_the_map_holds_every_implication_and_what_was_found_of_it() -> None:
    data = edges()
    stated = [one for one in implications() if one.target != "0"]
    assert list(zip(data.source.values, data.target.values, strict=True)) == [
        (one.source, one.target) for one in stated
    ]
    for place in range(0, len(stated), 29):
        assert bool(data.holds[place]) == (decide(stated[place]).verdict == "proved")
    assert not data.holds.values.all(), "those that a reader would expect and that fail are shown as such"


def test_every_implication_is_counted_in_the_cell_of_its_papers() -> None:
    data = edges()
    (ax,) = FIGURES["implications"].picture(data).axes
    marks = [str(line.get_gid()).split(":") for line in ax.lines if ":" in str(line.get_gid())]
    drawn, failed = (sum(int(number) for kind, number in marks if kind == asked) for asked in ("held", "failed"))
    assert (drawn, failed) == (int(data.holds.sum()), int((~data.holds.astype(bool)).sum()))


def test_layers_put_what_is_implied_lower() -> None:
    assert layers({"a": {"b"}, "b": {"c"}, "d": {"c"}}) == {"a": 2, "b": 1, "c": 0, "d": 1}
    assert set(layers({"a": {"b"}, "b": {"a"}})) == {"a", "b"}, "a circle ends, too"
