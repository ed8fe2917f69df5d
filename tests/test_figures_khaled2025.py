"""Figures of khaled2025: whole and legible in every size, and drawn from the data and the theorems alone."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from figure_checks import LOOKS, check_files, check_labels, first_now
from kept_results import kept_session
from matplotlib.axes import Axes

from tightrate.figures.figure import FIGURES as FIGURES_BY_NAME
from tightrate.figures.figure import FigureSpec
from tightrate.figures.gallery.khaled2025_acceleration import acceleration as accelerated_loop
from tightrate.figures.gallery.khaled2025_acceleration import exponent
from tightrate.figures.gallery.khaled2025_best_outer_step import best_outer_step
from tightrate.figures.gallery.khaled2025_candidates import candidates
from tightrate.figures.gallery.khaled2025_ill_tuned import ill_tuned as repaired
from tightrate.figures.gallery.khaled2025_momentum import adjusted_outer_step
from tightrate.figures.style import Columns, Family
from tightrate.rates.papers.khaled2025.best_steps import best_steps
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.papers.khaled2025 import figure_1
from tightrate.verify.papers.khaled2025.proposition_1 import CANDIDATES

FIGURES = tuple(FIGURES_BY_NAME[name] for name in FIGURES_BY_NAME.match("khaled2025-*"))


@cache
def data_of(spec: FigureSpec) -> xr.Dataset:
    return kept_session().data(spec.experiment)


DATA = {spec.name: partial(data_of, spec) for spec in FIGURES}


@pytest.mark.parametrize("spec", FIGURES, ids=lambda spec: spec.name)
@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(spec: FigureSpec, columns: Columns, family: Family) -> None:
    check_labels(spec, data_of(spec), columns, family)


@pytest.mark.parametrize("spec", first_now([best_outer_step, candidates]), ids=lambda spec: spec.name)
def test_files_are_reproducible_with_embedded_fonts(spec: FigureSpec, tmp_path: Path) -> None:
    check_files(spec, data_of(spec), tmp_path)


@pytest.mark.parametrize("spec", FIGURES, ids=lambda spec: spec.name)
def test_captions_have_the_datasets_numbers(spec: FigureSpec) -> None:
    caption = spec.caption_for(data_of(spec))
    assert "{" not in caption
    assert caption.endswith(".")


def drawn(ax: Axes, gid: str) -> list[np.ndarray]:
    return [np.asarray(line.get_ydata(), dtype=np.float64) for line in ax.lines if line.get_gid() == gid]


def test_the_caption_says_that_the_printed_objective_diverges() -> None:
    data = data_of(best_outer_step)
    caption = best_outer_step.caption_for(data)
    assert "every outer step diverges" in caption
    assert not np.isfinite(data.literal_loss).any()
    assert f"at least {data.attrs['literal_steepness']:.0f}" in caption


def test_the_best_steps_are_the_datas() -> None:
    """Line and band of the best of all outer steps; markers on the paper's grid, and no finer step does worse."""
    data = data_of(best_outer_step)
    best = data.gamma[data.loss.argmin("gamma")]
    left, _ = best_outer_step.picture(data).axes
    np.testing.assert_array_equal(drawn(left, "best of all")[0], data.best_of_all.median("seed"))
    markers = drawn(left, "best")[0]
    assert set(markers) <= set(data.gamma.values)
    assert ((best <= markers).mean("seed") >= 0.5).all()
    assert ((best >= markers).mean("seed") >= 0.5).all()
    (band,) = [part for part in left.collections if part.get_gid() == "band"]
    (outline,) = band.get_paths()
    vertices = np.asarray(outline.vertices)
    assert vertices[:, 1].min() == data.best_of_all.min()
    assert vertices[:, 1].max() == data.best_of_all.max()


def test_the_best_of_all_outer_steps_is_at_least_as_good_as_the_best_of_ten() -> None:
    data = data_of(best_outer_step)
    modes = figure_1.eigenmodes(0, power=1)
    rounds = np.arange(991.0, 1001.0)
    fine = figure_1.expected_loss(modes, rounds, data.best_of_all.isel(seed=0).values)
    assert (np.diagonal(fine) <= 1.01 * data.loss.isel(seed=0).min("gamma").values).all()


def test_bounds_are_the_theorems_and_limits_the_datas() -> None:
    data = data_of(repaired)
    left, _ = repaired.picture(data).axes
    bound = theorem("khaled2025/thm1").bound.at(L=1.0, B=1.0, sigma=0.0, K=8, R=64, M=1, eta=data.eta, gamma=data.gamma)
    for name in ("plain", "largest"):
        np.testing.assert_array_equal(drawn(left, name)[0], data.local_gap.sel(outer=name))
        np.testing.assert_array_equal(drawn(left, f"bound: {name}")[0], bound.sel(outer=name))
    assert set(drawn(left, "limit")[0]) == {data.attrs["limit"]}


def test_every_momentum_is_drawn_and_the_bound_is_the_theorems() -> None:
    data = data_of(adjusted_outer_step)
    left, right = adjusted_outer_step.picture(data).axes
    at = data.sel(R=1000.0)
    for ax in (left, right):
        np.testing.assert_array_equal(np.stack(drawn(ax, "gap")), at.gap)
    symbols = {"L": 1.0, "B": 1.0, "sigma": 0.0, "K": 8, "M": 1, "R": 1000.0, "eta": data.attrs["eta"], "momentum": 0.0}
    bound = theorem("khaled2025/thm2").bound.at(symbols, gamma=data.adjusted.values)
    np.testing.assert_allclose(drawn(right, "bound")[0], bound, rtol=1e-13)


def test_triangles_have_the_exponents_of_the_tuned_rates() -> None:
    assert (exponent("accelerated", "R"), exponent("accelerated", "K")) == (-2, -1)
    assert (exponent("plain", "R"), exponent("plain", "K")) == (-1, -1)
    for ax, name in zip(accelerated_loop.picture(data_of(accelerated_loop)).axes, ("R", "K"), strict=True):
        ((x, y),) = [
            (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
            for line in ax.lines
            if line.get_gid() == "slope-triangle"
        ]
        slope = np.log(y[1] / y[0]) / np.log(x[1] / x[0])
        assert slope == pytest.approx(float(exponent("accelerated", name)), rel=1e-12)


def test_edges_of_the_map_are_where_the_best_candidate_changes() -> None:
    """A step across each edge, by the candidates that the command line computes."""
    data = data_of(candidates)
    for M in data.M.values:
        for K in data.K.values[::9]:
            at = data.sel(M=M, K=K)
            for edge, names in ((at.plain_until, CANDIDATES[:2]), (at.vanishing_from, CANDIDATES[1:])):
                for factor, name in zip((0.98, 1.02), names, strict=True):
                    sigma = np.sqrt(factor * float(edge) / 100)
                    letters = {"L": 1.0, "B": 1.0, "M": float(M), "K": float(K), "R": 100.0, "sigma": float(sigma)}
                    assert best_steps(letters).candidate == name


def test_the_map_agrees_with_the_candidates_one_by_one() -> None:
    data = data_of(candidates)
    for i, j, k in ((0, 3, 10), (0, 20, 30), (1, 10, 40), (1, 30, 55)):
        at = data.isel(M=i, K=j, noise=k)
        letters = {"L": 1.0, "B": 1.0, "M": float(at.M), "K": float(at.K), "R": 100.0}
        best = best_steps({**letters, "sigma": float(np.sqrt(at.noise / 100))})
        assert CANDIDATES[int(at.candidate)] == best.candidate
        assert float(at.gamma) == pytest.approx(best.gamma, rel=1e-9)
