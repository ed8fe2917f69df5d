"""Figures: drawn from their data alone, true to the symbolic bounds, the same bytes every time."""

from __future__ import annotations

import re
from importlib import import_module
from itertools import combinations, pairwise
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import synthetic_results
import xarray as xr
from figure_checks import BLINDNESS, LOOKS, check_files, check_labels, cielab, contrast, first_now, told_apart
from kept_results import kept_session
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sympy import Rational, simplify, sympify

from tightrate.common.errors import TightrateError
from tightrate.figures.drawing import Label, ordered_inks, place_labels, slope_triangle
from tightrate.figures.figure import FIGURES, Look, save, staleness
from tightrate.figures.gallery.krm_sweep import predicted_law
from tightrate.figures.style import BLACK, FORBIDDEN, GREY, ORDERED_INKS, Columns, Family
from tightrate.rates.formulas.inline import formulas_of
from tightrate.rates.papers.patel2024.local_steps_do_not_help import hard_cosine
from tightrate.rates.papers.patel2024.theorem_27 import thm27_logarithm
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import symbol
from tightrate.rates.symbols.evaluation import at
from tightrate.verify.cache.netcdf import load_dataset, save_dataset
from tightrate.verify.measurement import symbols_of
from tightrate.verify.papers.patel2024.krm_sweep import mean_gap
from tightrate.verify.papers.patel2024.local_steps_do_not_help import rank_one_at_the_hard_angle

DATA = {
    "k-does-not-help": synthetic_results.k_does_not_help,
    "fixed-point-floor": synthetic_results.fixed_point_floor,
    "krm-sweep": synthetic_results.krm_sweep,
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(("columns", "family"), LOOKS)
def test_labels_are_inside_the_figure_and_apart(name: str, columns: Columns, family: Family) -> None:
    check_labels(FIGURES[name], DATA[name](), columns, family)


@pytest.mark.parametrize("name", first_now(DATA))
def test_files_are_reproducible_with_embedded_fonts(name: str, tmp_path: Path) -> None:
    check_files(FIGURES[name], DATA[name](), tmp_path)


def has_tests(name: str) -> bool:
    """Whether a module of tests of its own has data for the figure, or looks it up by name."""
    files = Path(__file__).parent.glob("test_figures_*.py")
    return any(
        name in getattr(import_module(file.stem), "DATA", ()) or f'FIGURES["{name}"]' in file.read_text()
        for file in files
    )


OTHERS = [name for name in FIGURES.names() if name not in DATA and not has_tests(name)]


@pytest.mark.parametrize("name", OTHERS or [pytest.param("", marks=pytest.mark.skip("every figure has its tests"))])
def test_a_figure_without_tests_of_its_own_is_drawn_from_a_quick_run(name: str, tmp_path: Path) -> None:
    spec = FIGURES[name]
    data = kept_session().data(spec.experiment)
    check_labels(spec, data, 1, "sans")
    check_files(spec, data, tmp_path)
    assert spec.caption_for(data).endswith(".")


# Inks


def test_inks_are_told_apart_in_grey_print_and_by_the_colour_blind() -> None:
    for first, second in combinations(ORDERED_INKS, 2):
        assert told_apart(first, second), f"{first}, {second}"


def test_inks_that_would_be_confused_are_noticed() -> None:
    assert not told_apart("#cc0000", "#4f7a00")  # red and green of one lightness
    assert not told_apart("#1b1044", "#1e1248")
    assert cielab("#ffffff") == pytest.approx([100, 0, 0], abs=0.02)
    for eye in BLINDNESS.values():  # greys are seen as they are
        assert cielab("#808080", eye) == pytest.approx(cielab("#808080"), abs=0.1)


def test_lines_and_words_stand_out_from_the_page_and_from_what_is_forbidden() -> None:
    for ink in (BLACK, GREY, *(one.text for one in ordered_inks(len(ORDERED_INKS)))):
        assert contrast(ink, "#ffffff") >= 4.5, ink
    assert contrast(GREY, FORBIDDEN) >= 4.5
    assert all(contrast(ink, "#ffffff") >= 2.9 for ink in ORDERED_INKS)


# A figure that is stale says so


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    spec = FIGURES["krm-sweep"]
    data = DATA["krm-sweep"]().assign_attrs(spec.experiment.origin("quick", 1))
    save(spec, data, tmp_path, ["svg"], Look(columns=1, family="sans", notation="paper"))
    return tmp_path


def test_a_fresh_figure_is_not_stale(drawn: Path) -> None:
    assert staleness(FIGURES["krm-sweep"], drawn) is None


def test_a_picture_that_its_data_do_not_give_is_stale(drawn: Path) -> None:
    with (drawn / "krm-sweep.svg").open("a") as picture:
        picture.write("<!-- touched -->")
    assert "krm-sweep.svg is not what the data" in (staleness(FIGURES["krm-sweep"], drawn) or "")


def test_data_that_other_code_made_are_stale(drawn: Path) -> None:
    path = drawn / "krm-sweep.nc"
    save_dataset(load_dataset(path).assign_attrs(code="0" * 16), path)
    assert "has changed since" in (staleness(FIGURES["krm-sweep"], drawn) or "")


def test_changed_data_make_a_picture_stale(drawn: Path) -> None:
    path = drawn / "krm-sweep.nc"
    data = load_dataset(path)
    save_dataset(data.assign(gap_mean=1.1 * data.gap_mean), path)
    assert "is not what the data" in (staleness(FIGURES["krm-sweep"], drawn) or "")


def test_a_changed_or_missing_caption_is_stale(drawn: Path) -> None:
    caption = drawn / "krm-sweep.tex"
    whole = caption.read_text()
    caption.write_text(whole.replace("H", "L"))
    assert "krm-sweep.tex is not what the data" in (staleness(FIGURES["krm-sweep"], drawn) or "")
    caption.write_text(whole)
    (drawn / "krm-sweep.txt").unlink()
    assert "krm-sweep.txt is not what the data" in (staleness(FIGURES["krm-sweep"], drawn) or "")


def test_nothing_drawn_is_stale(tmp_path: Path) -> None:
    assert "there is no" in (staleness(FIGURES["krm-sweep"], tmp_path) or "")


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    before = dict(matplotlib.rcParams)
    FIGURES["k-does-not-help"].picture(DATA["k-does-not-help"]())
    assert dict(matplotlib.rcParams) == before


def test_the_users_own_style_does_not_reach_the_figure(tmp_path: Path) -> None:
    plain = save(FIGURES["krm-sweep"], DATA["krm-sweep"](), tmp_path / "plain", ["svg"])[0].read_bytes()
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        styled_by_user = save(FIGURES["krm-sweep"], DATA["krm-sweep"](), tmp_path / "own", ["svg"])[0].read_bytes()
    assert plain == styled_by_user


# The lines are the data and the theorems


def lines_of(ax: Axes, gid: str) -> list[tuple[np.ndarray, np.ndarray]]:
    found = [line for line in ax.lines if line.get_gid() == gid]
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in found]


def test_slope_triangles_have_the_symbolic_exponents() -> None:
    exponents = theorem("patel2024/thm27").bound.term("statistical").monomial.exponents
    picture = FIGURES["krm-sweep"].picture(DATA["krm-sweep"]())
    for ax, name in zip(picture.axes, ("K", "R", "M"), strict=True):
        ((x, y),) = lines_of(ax, "slope-triangle")
        assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(float(exponents[name]), rel=1e-12)


def test_a_triangle_of_another_exponent_looks_different() -> None:
    ax = Figure().add_subplot()
    ax.loglog([1, 10], [1, 1])
    slope_triangle(ax, (1.0, 1.0), 8.0, Rational(-2, 3), "R")
    ((_, y),) = lines_of(ax, "slope-triangle")
    assert y[1] / y[0] == pytest.approx(1 / 4)
    assert {"$1$", "$2/3$", "$R^{-2/3}$"} == {text.get_text() for text in ax.texts}


def test_the_predicted_law_is_the_symbolic_power_law_with_its_logarithm() -> None:
    data = DATA["krm-sweep"]()
    law = predicted_law(data) / at(thm27_logarithm(), mean_gap(data).symbols)
    for name in ("K", "R", "M"):
        slopes = np.log(law).diff(name) / np.log(data[name]).diff(name)
        np.testing.assert_allclose(slopes, -1.0, rtol=1e-12)


def test_the_drawn_law_goes_through_data_that_obey_it_and_misses_data_that_do_not() -> None:
    def misses(data: xr.Dataset) -> float:
        picture = FIGURES["krm-sweep"].picture(data)
        worst = 0.0
        for ax in picture.axes:
            laws = lines_of(ax, "predicted law")
            measured = [bars.lines[0] for bars in ax.containers]
            for (_, law), line in zip(laws, measured, strict=True):
                worst = max(worst, float(np.abs(np.log(np.asarray(line.get_ydata()) / law)).max()))
        return worst

    assert misses(DATA["krm-sweep"]()) < 0.05
    assert misses(synthetic_results.krm_sweep(M=-0.5)) > 0.4


def test_the_fitted_exponent_in_the_corner_tells_a_wrong_slope() -> None:
    picture = FIGURES["krm-sweep"].picture(synthetic_results.krm_sweep(M=-0.5))
    corners = [text.get_text() for ax in picture.axes for text in ax.texts if "fitted" in text.get_text()]
    fitted = [float(corner.split()[2].replace("−", "-")) for corner in corners]
    assert fitted == pytest.approx([-1, -1, -0.5], abs=0.02)


def test_the_caption_tells_the_angle_of_the_pair() -> None:
    (cosine,) = [formula for formula in formulas_of(FIGURES["k-does-not-help"].caption) if formula.startswith("1 -")]
    assert simplify(sympify(cosine.replace("6 R", "6*R"), {"R": symbol("R")}) - hard_cosine()) == 0


def test_the_lower_bound_line_is_the_theorems() -> None:
    data = DATA["k-does-not-help"]()
    bound = theorem("patel2024/prop7-constant").bound.at(L=1.0, B=1.0, R=data.R.values)
    for ax in FIGURES["k-does-not-help"].picture(data).axes:
        drawn = [np.asarray(line.get_ydata()) for line in ax.lines]
        assert any(np.array_equal(values, bound) for values in drawn)
        assert not any(np.array_equal(values, 3 * bound) for values in drawn)


def test_the_bounds_of_the_floor_are_the_theorems() -> None:
    data = DATA["fixed-point-floor"]()
    for label in ("discrepancy", "discrepancy-small-step"):
        along_eta = theorem(f"patel2024/{label}").bound.at(symbols_of(data.sel(K=100.0))).values
        drawn = [np.asarray(line.get_ydata()) for line in FIGURES["fixed-point-floor"].picture(data).axes[1].lines]
        assert any(len(values) == len(along_eta) and np.allclose(values, along_eta, rtol=1e-14) for values in drawn)


def test_all_local_steps_are_drawn_with_their_own_values() -> None:
    data = DATA["k-does-not-help"]()
    left, right = FIGURES["k-does-not-help"].picture(data).axes
    for ax, variable in ((left, "slow_gap"), (right, "best_gap")):
        drawn = [np.asarray(line.get_ydata()) for line in ax.lines]
        for steps in data.K.values:
            assert any(np.array_equal(values, data[variable].sel(K=steps)) for values in drawn), (variable, steps)


def test_units_divide_the_axes_out() -> None:
    data = DATA["k-does-not-help"]()
    scaled = data.assign({name: data[name] * 12.0 for name in ("slow_gap", "best_gap")})
    scaled.attrs |= {"L": 3.0, "B": 2.0}
    for one, other in zip(*(FIGURES["k-does-not-help"].picture(d).axes for d in (data, scaled)), strict=True):
        for line, twin in zip(one.lines, other.lines, strict=True):
            np.testing.assert_allclose(line.get_ydata(), twin.get_ydata(), rtol=1e-14)


@pytest.mark.parametrize(("name", "variable"), [("k-does-not-help", "slow_gap"), ("krm-sweep", "gap_mean")])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_diverged_is_a_gap_in_the_line(name: str, variable: str, value: float, tmp_path: Path) -> None:
    data = DATA[name]()
    data[variable].values[(0, 0, *[0] * (data[variable].ndim - 2))] = value
    picture = FIGURES[name].picture(data)
    for ax in picture.axes:
        assert all(np.isfinite(limit) for limit in (*ax.get_xlim(), *ax.get_ylim()))
        assert not any(np.isinf(np.asarray(line.get_ydata(), dtype=float)).any() for line in ax.lines)
        assert not any(re.search(r"\b(nan|inf)\b", text.get_text()) for text in ax.texts)
    assert save(FIGURES[name], data, tmp_path, ["png"])[0].stat().st_size > 10_000


def test_labels_keep_their_distance_and_their_order() -> None:
    ax = Figure(figsize=(3, 3), dpi=72).add_axes((0, 0, 1, 1))
    ax.set_ylim(0, 216)
    labels = [Label(0.5, y, f"{y}", "black") for y in (100.0, 101.0, 102.0, 150.0)]
    place_labels(ax, labels, "right")
    heights = [text.xy[1] + text.xyann[1] for text in ax.texts]  # type: ignore[attr-defined]
    assert all(later - earlier >= 8.4 for earlier, later in pairwise(heights))
    assert heights[-1] == pytest.approx(150)
    assert np.mean(heights[:3]) == pytest.approx(101)


def test_each_of_a_family_has_its_marker() -> None:
    for n in range(1, 6):
        assert len({ink.marker for ink in ordered_inks(n)}) == n


# Wrong input


def test_foreign_data_are_refused_in_one_line() -> None:
    krm, pair = FIGURES["krm-sweep"], FIGURES["k-does-not-help"]
    with pytest.raises(TightrateError, match="k-does-not-help needs slow_gap, best_gap"):
        pair.picture(DATA["krm-sweep"]())
    with pytest.raises(TightrateError, match="draws results of krm-sweep, not of k-does-not-help"):
        krm.picture(DATA["krm-sweep"]().assign_attrs(experiment=rank_one_at_the_hard_angle.name))
    with pytest.raises(TightrateError, match="needs gap_stderr"):
        krm.picture(DATA["krm-sweep"]().drop_vars("gap_stderr"))


def test_unknown_format_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(TightrateError, match="unknown figure format 'pgn'; did you mean 'png'"):
        save(FIGURES["krm-sweep"], DATA["krm-sweep"](), tmp_path, ["pdf", "pgn"])
    assert not list(tmp_path.iterdir())


def test_captions_carry_the_datasets_numbers() -> None:
    data = DATA["krm-sweep"]().assign_attrs(replicas=77)
    assert "over 77 runs" in FIGURES["krm-sweep"].caption_for(data)


# Results on disk


def odd_dataset() -> xr.Dataset:
    return xr.Dataset(
        {
            "term: statistical": (("K", "R"), np.array([[1.0, np.inf], [np.nan, -0.0], [2.0, 1e-300]])),
            "diverged": (("K",), np.array([True, False, True]), {"theorem": "patel2024/thm27", "explicit": True}),
        },
        coords={"K": [1.0, 2.0, np.inf], "R": [1.0, 2.0]},
        attrs={"seed": 2**40, "steps": [1, 2], "note": "", "table": {"a": 1}, "eta": 0.1, "M": np.int64(4), "x": None},
    )


def test_a_dataset_comes_back_equal(tmp_path: Path) -> None:
    save_dataset(odd_dataset(), tmp_path / "odd.nc")
    back = load_dataset(tmp_path / "odd.nc")
    xr.testing.assert_identical(back, odd_dataset())
    assert back.attrs == {**odd_dataset().attrs, "M": 4}
    assert isinstance(back.attrs["seed"], int)
    assert back.diverged.attrs == {"theorem": "patel2024/thm27", "explicit": True}


def test_saving_does_not_change_what_is_saved(tmp_path: Path) -> None:
    data = odd_dataset()
    save_dataset(data, tmp_path / "odd.nc")
    xr.testing.assert_identical(data, odd_dataset())


@pytest.mark.parametrize("content", [b"", b"CDF\x01 cut short", b"no netCDF at all", b"\x89HDF\r\n\x1a\n" + b"0" * 99])
def test_damaged_and_foreign_files_are_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "results.nc"
    path.write_bytes(content)
    with pytest.raises(TightrateError, match=r"results\.nc") as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)


def test_another_programs_netcdf_is_refused(tmp_path: Path) -> None:
    xr.Dataset({"a": ("x", [1.0])}).to_netcdf(tmp_path / "a.nc", engine="scipy")
    with pytest.raises(TightrateError, match="was not saved by"):
        load_dataset(tmp_path / "a.nc")
    with pytest.raises(TightrateError, match="no such file"):
        load_dataset(tmp_path / "b.nc")
    with pytest.raises(TightrateError, match="it is a folder"):
        load_dataset(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "odd.nc"
    save_dataset(odd_dataset(), path)
    before = path.read_bytes()
    with pytest.raises(TightrateError, match="must be a number, a text or JSON"):
        save_dataset(odd_dataset().assign_attrs(bad=object()), path)
    bad = odd_dataset().assign(words=("K", np.array([object()] * 3)))
    with pytest.raises((TypeError, ValueError), match=r"invalid|dtype|object"):
        save_dataset(bad, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["odd.nc"]


def test_an_unwritable_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(TightrateError, match="cannot write"):
        save_dataset(odd_dataset(), tmp_path / "file" / "odd.nc")
    assert (tmp_path / "file").read_text() == "mine"
