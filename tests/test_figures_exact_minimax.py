"""The figure of the exact minimax: whole and legible in every size, drawn from the data and the theorem alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from figure_checks import LOOKS, check_files, check_labels

from tightrate.figures.gallery.patel2024_exact_minimax import exact_minimax
from tightrate.figures.style import Columns, Family
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.papers.exact_minimax import PROPOSITION, best_gradient_descent


def data(K: list[int], R: list[int]) -> xr.Dataset:
    """Shapes as those of the experiment: a gap that halves with K and goes no further."""
    k, r = np.array(K, dtype=float)[:, None], np.array(R, dtype=float)[None, :]
    minibatch = np.array([best_gradient_descent(rounds) for rounds in R])
    both = {
        "upper": minibatch * (0.5 + 0.5 / k**2),
        "best_eta": 2.5 / k + 0 * r,
        "best_gamma": 1.2 + 0.1 * np.log(k) + 0.1 * np.log(r),
        "gradient_descent": 1 / (4 * k * r + 2),
    }
    return xr.Dataset(
        {name: (("K", "R"), values) for name, values in both.items()} | {"best_minibatch": ("R", minibatch)},
        coords={"K": K, "R": R},
        attrs={"L": 1.0, "B": 1.0, "sigma": 0.0, "zeta_star": 0.0, "M": 2, "Q": np.inf, "first": K[1]},
    )


SHAPES = [data([1, 2, 4], [1, 2]), data([1, 2, 3, 4, 6, 8, 12, 16], [1, 2, 3, 4])]
DATA = {exact_minimax.name: lambda: SHAPES[0]}


@pytest.mark.parametrize("shape", SHAPES, ids=["quick", "full"])
@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(shape: xr.Dataset, columns: Columns, family: Family) -> None:
    check_labels(exact_minimax, shape, columns, family)


def test_files_are_reproducible_with_embedded_fonts(tmp_path: Path) -> None:
    check_files(exact_minimax, SHAPES[0], tmp_path)


def test_the_lower_bound_is_the_theorems() -> None:
    ax = exact_minimax.picture(SHAPES[0], 2, "serif").axes[0]
    bound = theorem(PROPOSITION).bound.at({"L": 1, "B": 1, "R": 2, "K": 4, "M": 2, "eta": 1, "gamma": 1}) * 2
    heights = [float(np.asarray(line.get_ydata(), dtype=float)[0]) for line in ax.lines]
    assert min(heights) == pytest.approx(float(bound))
