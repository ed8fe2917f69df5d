"""The figure of any sweep: drawn along whatever axes there are, true to its data and theorem, or refused in a line."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import synthetic_results
import xarray as xr
from figure_checks import LOOKS, check_files, check_labels
from kept_results import kept_session

from tightrate.common.errors import TightrateError
from tightrate.figures.figure import FIGURES, save
from tightrate.figures.style import Columns, Family
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.cache.netcdf import load_dataset, save_dataset
from tightrate.verify.exponents.of_sweep import exponents
from tightrate.verify.sweep.example import sweep_example
from tightrate.verify.sweep.run import Sweep, run_sweep

FIGURE = FIGURES["sweep"]


@cache
def example() -> xr.Dataset:
    return kept_session().data(sweep_example)


DATA = {FIGURE.name: example}


def own(**changed: Any) -> xr.Dataset:
    """A small exact sweep without a theorem."""
    asked: dict[str, Any] = {
        "name": "mine",
        "algorithm": "local-sgd",
        "problem": "rank-one-pair",
        "axes": {"R": (1, 2, 4, 8), "cosine": (0.2, 0.5, 0.9)},
        "parameters": {"K": 2, "eta": 0.5},
        "method": "exact",
        **changed,
    }
    return run_sweep(Sweep(**asked))


@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(columns: Columns, family: Family) -> None:
    check_labels(FIGURE, example(), columns, family)


def test_files_are_reproducible(tmp_path: Path) -> None:
    check_files(FIGURE, own(), tmp_path)


def test_there_is_a_panel_for_each_axis_of_numbers() -> None:
    names = [ax.get_xlabel().split("$")[1] for ax in FIGURE.picture(example()).axes]
    assert names == ["K", "R", r"\eta"]
    assert len(FIGURE.picture(own(axes={"R": (1, 2, 4)}, parameters={"K": 2, "eta": 0.5, "cosine": 0.5})).axes) == 1


def test_points_are_the_means_and_lines_the_theorems_bound() -> None:
    data = example()
    ax = FIGURE.picture(data).axes[0]
    means = {tuple(np.asarray(bars.lines[0].get_ydata())) for bars in ax.containers}
    middle = data.isel(R=1)
    assert means <= {tuple(middle.gap_mean.isel(eta=i).values) for i in range(data.sizes["eta"])}
    bounds = [np.asarray(line.get_ydata()) for line in ax.lines if line.get_gid() == "bound"]
    symbols = {"L": 1.0, "B": 4.0, "M": 4.0, "sigma": 1.0, "gamma": 1.0, "R": 16.0, "K": data["K"].values}
    stated = theorem("khaled2025/thm1").bound
    for line, eta in zip(bounds, data.eta.values[[0, 1, 2, 4, 5]], strict=True):
        np.testing.assert_allclose(line, stated.at({**symbols, "eta": float(eta)}), rtol=1e-12)


def test_titles_and_triangles_say_the_fitted_and_the_predicted_exponents() -> None:
    found = exponents(example())
    picture = FIGURE.picture(example())
    for ax, axis in zip(picture.axes, ("K", "R", "eta"), strict=True):
        one = found[axis]
        assert f"{one.estimate:.2f}".replace("-", "−") in ax.get_title(loc="left") + ax.get_title()
        assert [line for line in ax.lines if line.get_gid() == "slope-triangle"]
        law = next(line for line in ax.lines if line.get_gid() == "predicted law")
        x, y = np.asarray(law.get_xdata(), dtype=float), np.asarray(law.get_ydata(), dtype=float)
        assert one.exactly is not None
        np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), float(one.exactly), atol=1e-9)


def test_names_and_infinity_are_axes_too() -> None:
    steps = {"eta": 0.5}
    both = own(
        algorithm="", axes={"algorithm": ("local-sgd", "minibatch-sgd"), "R": (1, 2, 4)},
        parameters={"K": 2, "cosine": 0.5, **steps},
    )  # fmt: skip
    (ax,) = FIGURE.picture(both).axes
    assert {"local-sgd", "minibatch-sgd"} <= {text.get_text() for text in ax.texts}
    endless = own(axes={"K": (1, 4, np.inf), "R": (1, 2, 4)}, parameters={"cosine": 0.5, **steps})
    for ax in FIGURE.picture(endless).axes:
        assert np.isfinite([*ax.get_xlim(), *ax.get_ylim()]).all()


def test_a_sweep_of_ones_own_is_drawn_from_its_file(tmp_path: Path) -> None:
    save_dataset(own(), tmp_path / "mine.nc")
    files = save(FIGURE, load_dataset(tmp_path / "mine.nc"), tmp_path / "drawn", ["png"])
    assert files[0].stat().st_size > 10_000
    assert "“mine”" in (tmp_path / "drawn" / "sweep.txt").read_text()
    krm = synthetic_results.krm_sweep().assign_attrs(experiment="krm-sweep", title="krm")
    krm.gap_mean.attrs["long_name"] = "mean: suboptimality"
    krm.bound.attrs["theorem"] = "patel2024/thm27-equal-quadratics"
    assert len(FIGURE.picture(krm).axes) == 3


def test_the_krm_figure_draws_its_own_kind_and_hands_on_the_rest() -> None:
    krm = FIGURES["krm-sweep"]
    readers = synthetic_results.krm_sweep().drop_attrs()
    readers = readers.assign(replicas=xr.full_like(readers.gap_mean, 64.0))
    readers.attrs["sweep"] = synthetic_results.krm_sweep().attrs["sweep"]
    assert "over 64 runs" in krm.caption_for(readers)
    assert len(krm.picture(readers).axes) == 3
    assert krm.drawing(readers) is krm
    other = readers.assign_attrs(sweep=readers.attrs["sweep"].replace("thm27-equal-quadratics", "thm27"))
    for data in (own(), other):
        assert krm.drawing(data).draw is FIGURE.draw
        assert krm.drawing(data).name == "krm-sweep"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(TightrateError, match="no axis with two numbers"):
        FIGURE.picture(own(axes={"R": (4,)}, parameters={"K": 2, "eta": 0.5, "cosine": 0.5}))
    lost = own()
    with pytest.raises(TightrateError, match="diverged"):
        FIGURE.picture(lost.assign(gap_mean=lost.gap_mean * np.inf))
    with pytest.raises(TightrateError, match="needs sweep"):
        FIGURE.picture(synthetic_results.k_does_not_help())
