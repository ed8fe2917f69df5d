"""Figures on local SGD with scaling: legible in every size, true to the theorems and to their data."""

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

from tightrate.common.errors import TightrateError
from tightrate.figures.figure import FIGURES
from tightrate.figures.style import Columns, Family
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.papers.chezhegov2024.variants import METHODS


@cache
def quick(name: str) -> xr.Dataset:
    """The results of the figure's own experiment: it takes a second."""
    return kept_session().data(FIGURES[name].experiment)


@cache
def variants() -> xr.Dataset:
    """Shaped like the experiment's results: the common matrices end low, one of the clients' own does not."""
    rounds = np.array([0, 1, 3, 10, 30, 100, 300])
    speed = np.array([0.01, 0.02, 0.02, 0.05, 0.05])
    gap = 2.0 * np.exp(-speed[:, None] * rounds) + 1e-4 * np.array([3.0, 2.0, 2.0, 1.0, 1.0])[:, None]
    biased = gap + 0.1 * (np.arange(5) == 2)[:, None] * (rounds > 0)
    gap = np.stack([gap, biased])
    dims = ("problem", "variant", "round")
    about = {f"{key} {name}": f"{key} {name}" for key in ("about", "title of") for name in ("ill-conditioned", "data")}
    return xr.Dataset(
        {"gap": (dims, gap), "stderr": (dims, 0.05 * gap), "best_step": (dims[:2], np.ones(gap.shape[:2]))},
        coords={"problem": ["ill-conditioned", "data"], "variant": list(METHODS), "round": rounds},
        attrs={"K": 10, "steps_tried": 10, "replicas": 8, **about},
    )


DATA: dict[str, Callable[[], xr.Dataset]] = {
    "scaling-factor": lambda: quick("scaling-factor"),
    "scaled-heterogeneity": lambda: quick("scaled-heterogeneity"),
    "scaled-variants": variants,
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(name: str, columns: Columns, family: Family) -> None:
    check_labels(FIGURES[name], DATA[name](), columns, family)


@pytest.mark.parametrize("name", first_now(DATA))
def test_files_are_reproducible_with_embedded_fonts(name: str, tmp_path: Path) -> None:
    check_files(FIGURES[name], DATA[name](), tmp_path)


@pytest.mark.parametrize("name", DATA)
def test_captions_find_their_numbers(name: str) -> None:
    caption = FIGURES[name].caption_for(DATA[name]())
    assert "{" not in caption
    assert caption.endswith(".")


def heights(ax: Axes) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata(), dtype=float) for line in ax.lines]


def slope(ax: Axes) -> float:
    """Of the triangle, between its sharp corners."""
    (line,) = (line for line in ax.lines if line.get_gid() == "slope-triangle")
    x, y = (np.asarray(values, dtype=float) for values in (line.get_xdata(), line.get_ydata()))
    return float(np.log(y[1] / y[0]) / np.log(x[1] / x[0]))


def test_slope_triangles_have_the_symbolic_exponents() -> None:
    floors = FIGURES["scaling-factor"].picture(quick("scaling-factor")).axes[1]
    statistical = theorem("chezhegov2024/id-sc").bound.term("statistical").monomial
    assert slope(floors) == pytest.approx(float(statistical.exponents["d_max"]), rel=1e-12)
    gaps = FIGURES["scaled-heterogeneity"].picture(quick("scaled-heterogeneity")).axes[0]
    drift = theorem("chezhegov2024/local-het-c-own").bound.term("heterogeneity drift").monomial
    assert slope(gaps) == pytest.approx(float(drift.exponents["zeta_star"]), rel=1e-12)


def test_bounds_are_drawn_as_the_theorems_state_them() -> None:
    """(1 - rate)^n = reduction, and the noise term in units of eta sigma^2/(mu M), by hand."""
    data = quick("scaling-factor")
    rate, log = data.attrs["eta"] * data.attrs["mu"] / data.ratio, np.log(data.attrs["reduction"])
    wanted = {
        "steps": [log / np.log1p(-rate), log / np.log1p(-rate) / 2],
        "floor": [data.ratio, 4 / 7 + 0 * data.ratio],
    }
    for ax, expected in zip(FIGURES["scaling-factor"].picture(data).axes, wanted.values(), strict=True):
        for line in expected:
            assert any(len(drawn) == line.size and np.allclose(drawn, line, rtol=1e-9) for drawn in heights(ax))


def test_units_divide_out() -> None:
    data = quick("scaled-heterogeneity")
    powers = {"floor": (0, 1), "worst": (0, 1), "true": (0, 1)}
    L, B = 3.0, 2.0
    scaled = data.assign(
        {
            name: data[name] * L ** powers.get(str(name), (1, 2))[0] * B ** powers.get(str(name), (1, 2))[1]
            for name in data
        }
    )
    scaled = scaled.assign_coords(zeta_star=data.zeta_star * L * B)
    scaled.attrs |= {"L": L * data.attrs["L"], "B": B * data.attrs["B"]}
    spec = FIGURES["scaled-heterogeneity"]
    for one, other in zip(spec.picture(data).axes, spec.picture(scaled).axes, strict=True):
        for line, twin in zip(heights(one), heights(other), strict=True):
            np.testing.assert_allclose(line, twin, rtol=1e-12)


def test_rows_of_the_fixed_point_are_the_data_over_the_heterogeneity() -> None:
    data = quick("scaled-heterogeneity")
    ax = FIGURES["scaled-heterogeneity"].picture(data).axes[1]
    for part in ("floor", "true", "worst"):
        marks = [float(np.asarray(line.get_xdata())[0]) for line in ax.lines if line.get_gid() == part]
        assert marks == pytest.approx((data[part] / data.zeta_star).isel(zeta_star=-1) * data.attrs["L"], rel=1e-9)
    bent = data.assign(floor=data.floor * data.zeta_star**0.1)
    with pytest.raises(TightrateError, match="not proportional"):
        FIGURES["scaled-heterogeneity"].picture(bent)


def test_two_matrices_that_end_together_share_a_label() -> None:
    left, right = FIGURES["scaled-variants"].picture(variants()).axes
    texts = [{text.get_text() for text in ax.texts} for ax in (left, right)]
    assert {"local SGD", "OASIS"} <= texts[0]
    assert "OASIS, each" not in texts[0]
    assert {"Adam", "Adam, each"} <= texts[1]


def test_what_diverged_is_a_gap_in_the_line() -> None:
    data = variants().copy(deep=True)
    data.gap[0, 1, 3] = np.inf
    for ax in FIGURES["scaled-variants"].picture(data).axes:
        assert all(np.isfinite(limit) for limit in (*ax.get_xlim(), *ax.get_ylim()))
        assert not any(np.isinf(line).any() for line in heights(ax))


def test_foreign_data_are_refused() -> None:
    with pytest.raises(TightrateError, match="scaling-factor needs"):
        FIGURES["scaling-factor"].picture(variants())
