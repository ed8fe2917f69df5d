"""Figures of lee2024: clean at both widths and in both families, and true to their data and to the theorems."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from figure_checks import LOOKS, check_files, check_labels, first_now
from kept_results import kept_session
from matplotlib.axes import Axes

from tightrate.figures.figure import FIGURES
from tightrate.figures.gallery.lee2024_regimes import _case_b, exponent_at
from tightrate.figures.style import Columns, Family
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.papers.lee2024 import heavy_tails as heavy
from tightrate.verify.papers.lee2024 import transmission as sending
from tightrate.verify.papers.lee2024.counterexample import counterexample
from tightrate.verify.papers.lee2024.regimes import regime_plane


@cache
def heavy_tails() -> xr.Dataset:
    """Parts that follow the tail's exponent and regrets that grow as powers of the rounds."""
    R, u = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0]), heavy.BANDS
    part = np.array([1.0, 0.0, 0.4])[:, None] * (u / u[0]) ** 0.25
    powers = np.array([[0.3, 0.5, 0.9, 1.7], [0.35, 0.37, 0.39, 0.42], [0.33, 0.45, 0.8, 1.8]])
    return xr.Dataset(
        {
            "part": (("method", "u"), part),
            "part_stderr": (("method", "u"), 0.03 * part),
            "regret": (("method", "quantile", "R"), R ** powers[..., None]),
            "regret_low": (("method", "R"), 0.8 * R ** powers[:, -1:]),
            "regret_high": (("method", "R"), 1.3 * R ** powers[:, -1:]),
            "sure": (("R",), 1.7 * R**2.4),
        },
        coords={"method": list(heavy.METHODS), "u": u, "quantile": np.array(heavy.QUANTILES), "R": R},
        attrs={
            "exponent": 0.25,
            "degrees": 1.5,
            "copies": 1000,
            "largest_adaptive_gap": 5.25,
            "K": 2,
            "M": 4,
            "delay": 2,
            "regret_runs": 100,
            "theorem": "lee2024/h1",
        },
    )


@cache
def transmission() -> xr.Dataset:
    """Gaps that fall as powers of the rounds, FedAda²'s slowly at the smaller damping."""
    R = np.array([1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 200.0])
    powers = np.array([[0.8, 0.9, 0.85, 0.87, 0.95], [0.8, 0.9, 0.4, 0.42, 0.9]])
    middle = 0.8 * R ** -powers[..., None]
    gap = np.stack([0.7 * middle, middle, 1.4 * middle], axis=2)
    return xr.Dataset(
        {"gap": (("damping", "method", "quantile", "R"), gap), "numbers": (("method",), np.array([2, 2, 2, 2, 3]))},
        coords={"damping": np.array(sending.CLIENT_DAMPING), "quantile": np.array([0.1, 0.5, 0.9]), "R": R},
        attrs={
            "methods": list(sending.METHODS),
            "M": 8,
            "d": 20,
            "K": 5,
            "batch": 4,
            "runs": 24,
            "rounds": 200,
            "theorem": "lee2024/thm6",
        },
    )


@cache
def plane() -> xr.Dataset:
    return kept_session().data(regime_plane)


@cache
def staying() -> xr.Dataset:
    return kept_session().data(counterexample)


DATA: dict[str, Callable[[], xr.Dataset]] = {
    "lee2024-heavy-tails": heavy_tails,
    "lee2024-transmission": transmission,
    "lee2024-regimes": plane,
    "lee2024-counterexample": staying,
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(name: str, columns: Columns, family: Family) -> None:
    check_labels(FIGURES[name], DATA[name](), columns, family)


@pytest.mark.parametrize("name", first_now(DATA))
def test_files_are_reproducible_with_embedded_fonts(name: str, tmp_path: Path) -> None:
    check_files(FIGURES[name], DATA[name](), tmp_path)


@pytest.mark.parametrize("name", DATA)
def test_captions_are_complete(name: str) -> None:
    caption = FIGURES[name].caption_for(DATA[name]())
    assert "{" not in caption
    assert caption.endswith(".")


def lines_of(ax: Axes, gid: str) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in ax.lines if line.get_gid() == gid]


def test_the_best_line_has_the_exponent_of_the_corollary() -> None:
    ((x, y),) = lines_of(FIGURES["lee2024-regimes"].picture(plane()).axes[1], "best")
    R = 1e12
    value = theorem("lee2024/cor7a").bound.at(R=R, gamma=R**x, eta=R**y)
    np.testing.assert_allclose(np.log(value) / np.log(R), -0.5, atol=0.06)  # up to the factor of a few terms
    np.testing.assert_allclose(x + y, -0.5, atol=1e-15)


def test_the_drawn_exponents_are_those_of_the_bound() -> None:
    generator = np.random.default_rng(4)
    x, y = generator.uniform(-1, 1, 300), generator.uniform(-1.5, 0.5, 300)
    drawn = exponent_at(plane(), x, y)
    value = theorem("lee2024/thm6").bound.at
    low, high = (value(R=R, gamma=R**x, eta=R**y) for R in (1e60, 1e100))
    measured = np.log(high / low) / np.log(1e40)
    np.testing.assert_allclose(drawn, measured, atol=0.01)


def test_the_squares_are_where_the_exponent_vanishes() -> None:
    client, ends = _case_b()
    found = exponent_at(plane(), np.array(ends), np.full(2, client))
    np.testing.assert_allclose(found, 0.0, atol=1e-12)


def test_triangles_have_the_exact_exponents() -> None:
    ((x, y),) = lines_of(FIGURES["lee2024-heavy-tails"].picture(heavy_tails()).axes[1], "slope-triangle")
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(0.25, rel=1e-12)
    steeper = heavy_tails().assign_attrs(exponent=0.4)
    ((x, y),) = lines_of(FIGURES["lee2024-heavy-tails"].picture(steeper).axes[1], "slope-triangle")
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(0.4, rel=1e-12)
    ((x, y),) = lines_of(FIGURES["lee2024-counterexample"].picture(staying()).axes[1], "slope-triangle")
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(-0.5, rel=1e-12)


def test_an_interval_of_order_statistics_covers_its_quantile() -> None:
    generator = np.random.default_rng(8)
    low, high = heavy.order_statistics(400, 0.99)
    samples = np.sort(generator.uniform(size=(4000, 400)), axis=1)
    covered = ((samples[:, low] <= 0.99) & (samples[:, high] >= 0.99)).mean()
    assert covered > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 4000)
    narrower = ((samples[:, low + 2] <= 0.99) & (samples[:, high - 1] >= 0.99)).mean()
    assert narrower < 0.95


def test_parts_that_are_missing_are_left_out() -> None:
    ax = FIGURES["lee2024-heavy-tails"].picture(heavy_tails()).axes[1]
    assert len(ax.containers) == 2
    assert any("largest gap 5.25" in text.get_text() for text in ax.texts)
