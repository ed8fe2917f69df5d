"""Figures of cheng2024: clean at both widths and in both families, and true to their data and to the theorems."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from figure_checks import LOOKS, check_files, check_labels, first_now
from kept_results import kept_session
from matplotlib.axes import Axes
from matplotlib.patches import Polygon
from sympy import simplify

from tightrate.figures.figure import FIGURES
from tightrate.figures.gallery.cheng2024_consensus import random_walk
from tightrate.figures.gallery.who_wins import inside
from tightrate.figures.style import Columns, Family
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import L, weak
from tightrate.rates.symbols.evaluation import at
from tightrate.verify.papers.cheng2024.clipping import clipping_bias_over_threshold
from tightrate.verify.papers.cheng2024.consensus import consensus, squared_range
from tightrate.verify.papers.cheng2024.figure_rates import (
    METHODS,
    MIDDLE,
    RANGE,
    exponent_of,
    figure_rates,
    gain_exponents,
    least_steps,
    lines_along,
)
from tightrate.verify.papers.cheng2024.orders import CRITICAL_STEPS


@cache
def rates() -> xr.Dataset:
    return kept_session().data(figure_rates)


@cache
def apart() -> xr.Dataset:
    return kept_session().data(consensus)


@cache
def biases() -> xr.Dataset:
    return kept_session().data(clipping_bias_over_threshold)


DATA: dict[str, Callable[[], xr.Dataset]] = {
    "cheng2024-rates-sgdm": rates,
    "cheng2024-rates-adam": rates,
    "cheng2024-winners": rates,
    "cheng2024-consensus": apart,
    "cheng2024-clipping-bias": biases,
}
LOCAL = {"SGDM": ("cheng2024-rates-sgdm", "thm2", "eq4.5"), "Adam": ("cheng2024-rates-adam", "thm3", "eq4.11")}


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


def triangle_of(ax: Axes, which: int = 0) -> float:
    """The slope of a triangle, from its ends."""
    x, y = lines_of(ax, "slope-triangle")[which]
    return float(np.log(y[1] / y[0]) / np.log(x[1] / x[0]))


@pytest.mark.parametrize("method", LOCAL)
def test_rate_lines_are_the_terms_and_their_sums(method: str) -> None:
    figure, local, pooled = LOCAL[method]
    axes = FIGURES[figure].picture(rates()).axes
    fixed = {**METHODS[method].values, **MIDDLE, "alpha": 4.0}
    for ax, axis in zip(axes, "KRM", strict=True):
        terms = {term.name: lines_of(ax, f"term: {term.name}") for term in theorem(f"cheng2024/{local}").bound.terms}
        for index in (0, 40, -1):
            at = {**fixed, axis: lines_of(ax, "total")[0][0][index]}
            exact = theorem(f"cheng2024/{local}").bound.terms_at(at)
            for name, ((_, values),) in terms.items():
                assert values[index] == pytest.approx(exact[name], rel=1e-12), name
            assert lines_of(ax, "total")[0][1][index] == pytest.approx(sum(exact.values()), rel=1e-12)
            other = theorem(f"cheng2024/{pooled}").bound.at(at)
            assert lines_of(ax, "minibatch")[0][1][index] == pytest.approx(other, rel=1e-12)


def test_a_line_of_another_theorem_is_told_apart() -> None:
    ax = FIGURES["cheng2024-rates-sgdm"].picture(rates()).axes[0]
    (x, drift), *_ = lines_of(ax, "term: noise drift")
    term = theorem("cheng2024/thm1").bound.term("noise drift").expression
    other = at(term, {**METHODS["SGDM"].values, **MIDDLE, "mu": 1.0, "alpha": 4.0})
    assert drift[int(np.abs(x - MIDDLE["K"]).argmin())] != pytest.approx(other, rel=0.5)


def test_the_exponents_in_the_labels_are_those_of_the_lines() -> None:
    axes = FIGURES["cheng2024-rates-sgdm"].picture(rates()).axes
    expected = [{"K^{-1/3}", "K^{-6/11}", "K^{-1/2}", "K^{-1}"}, {"R^{-2/3}", "R^{-6/11}", "R^{-1/2}", "R^{-1}"}]
    for ax, powers in zip(axes, expected, strict=False):
        written = " ".join(text.get_text() for text in ax.texts)
        for power in powers:
            assert power in written
    (x, y), *_ = lines_of(axes[0], "term: clipping")
    np.testing.assert_allclose(np.diff(np.log(y)) / np.diff(np.log(x)), -6 / 11, rtol=1e-10)


def test_points_are_the_tuned_runs() -> None:
    data = rates()
    for ax, axis in zip(FIGURES["cheng2024-rates-sgdm"].picture(data).axes, "KRM", strict=True):
        fixed = {name: value for name, value in MIDDLE.items() if name != axis and name != "R"}
        found = data.tuned_over_rounds if axis == "R" else data.tuned.sel(fixed)
        for who in ("local", "minibatch"):
            ((x, y),) = lines_of(ax, f"tuned: {who}")
            np.testing.assert_array_equal(x, data[axis])
            np.testing.assert_array_equal(y, found.sel(who=who))
    one = data.tuned.sel(K=MIDDLE["K"], M=MIDDLE["M"])
    np.testing.assert_allclose(one, data.tuned_over_rounds.sel(R=MIDDLE["R"]), rtol=1e-12)


def test_grey_is_where_the_logarithm_exceeds_the_local_steps() -> None:
    data = rates()
    for method in METHODS.values():
        lines = lines_along(method, "K")
        logarithm = np.log(MIDDLE["M"] * lines.place * MIDDLE["R"] / data.attrs["delta"])
        np.testing.assert_array_equal(lines.claimed, logarithm <= lines.place)
        assert 0 < lines.claimed.mean() < 1
    M = data.M.values
    least = least_steps(METHODS["SGDM"], M)
    np.testing.assert_allclose(np.log(M * least * MIDDLE["R"] / data.attrs["delta"]), least, rtol=1e-12)


@pytest.mark.parametrize(("method", "full"), [("SGDM", "thmB5"), ("Adam", "thmC3")])
def test_accuracies_are_small_enough_for_the_full_versions(method: str, full: str) -> None:
    noise = METHODS[method].values["sigma"]
    given = {**METHODS[method].values, **MIDDLE, "alpha": 4.0, "sigma_inf": noise, "sigma_2alpha": noise, "G_inf": 3.0}
    decided = [c for c in theorem(f"cheng2024/{full}").conditions if "accuracy" in c.text]
    assert decided
    totals = np.concatenate([lines_along(METHODS[method], axis).total for axis in RANGE])
    for accuracy in (totals.max(), totals.min()):
        assert [c.status({**given, "eps": accuracy}) for c in decided] == ["holds"] * len(decided)
        assert decided[0].status({**given, "eps": 1e9}) == "fails"


@pytest.mark.parametrize("method", METHODS)
def test_the_critical_line_is_where_drift_meets_the_minibatch_term(method: str) -> None:
    data, one = rates(), METHODS[method]
    assert one.critical_steps() == CRITICAL_STEPS["convex" if method == "SGDM" else method]
    at = {**one.values, **MIDDLE, "alpha": 4.0}
    at["K"] = float(one.critical_steps().subs({s: at[s.name] for s in one.critical_steps().free_symbols}))
    label, pooled = LOCAL[method][1:]

    def ratio(K: float) -> float:
        drift = theorem(f"cheng2024/{label}").bound.terms_at({**at, "K": K})["noise drift"]
        return drift / theorem(f"cheng2024/{pooled}").bound.terms_at({**at, "K": K})["optimization"]

    assert ratio(at["K"]) == pytest.approx(1, rel=1e-12)
    assert ratio(8 * at["K"]) == pytest.approx(0.5, rel=1e-12)
    if method == "SGDM":
        assert data.attrs["critical"] == at["K"]
    else:
        steps = one.saturated_steps()
        assert steps is not None
        assert simplify(steps / (one.critical_steps() * (L / weak) ** 3)) == 1
        at["K"] = float(steps.subs({s: at[s.name] for s in steps.free_symbols}))
        terms = theorem("cheng2024/thm3").bound.terms_at(at)
        assert terms["noise drift"] == pytest.approx(terms["weak convexity"], rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_regions_and_gains_are_those_of_the_bounds(method: str) -> None:
    """Bounds in numbers at a huge n decide every point that is not next to a border."""
    one, n = METHODS[method], 1e40
    generator = np.random.default_rng(3)
    x, y = 6 * generator.uniform(size=120) ** 1.5, 3 * generator.uniform(size=120) ** 2  # more where regions are small
    moved = {name: n ** float(one.growth.get(name, 0)) for name in one.values}
    values = {}
    for who, label in zip(("local", "minibatch"), LOCAL[method][1:], strict=True):
        bound = theorem(f"cheng2024/{label}").bound
        values[who] = np.log(bound.at(moved, alpha=4.0, K=n**x, M=n**y, R=n)) / np.log(n)
    gain = np.minimum(values["minibatch"], 0) - np.minimum(values["local"], 0)
    np.testing.assert_allclose(gain_exponents(one, x, y), gain, atol=0.03)
    ax = FIGURES["cheng2024-winners"].picture(rates()).axes[list(METHODS).index(method)]
    regions = [patch for patch in ax.patches if isinstance(patch, Polygon) and patch.get_gid() is not None]
    seen = set()
    for point, local, pooled in zip(np.stack([x, y], axis=-1), values["local"], values["minibatch"], strict=True):
        candidates = {"local": local, "minibatch": pooled, "start": 0.0}
        least = min(candidates.values())
        if abs(point[0] - 3) < 0.2 or any(0.001 < value - least < 0.05 for value in candidates.values()):
            continue  # next to a border
        won = " = ".join(name for name, value in candidates.items() if value - least < 0.05)
        found = {p.get_gid() for p in regions if inside(point, np.asarray(p.get_xy())[:-1])}
        assert found == {won}, point
        seen.add(won)
    assert {"local", "minibatch", "local = minibatch"} <= seen


@pytest.mark.parametrize("index", [0, 1])
def test_the_drawn_critical_exponents_are_those_of_the_letters(index: int) -> None:
    method = list(METHODS.values())[index]
    ax = FIGURES["cheng2024-winners"].picture(rates()).axes[index]
    ((x, _),) = lines_of(ax, "$K_0$")
    assert x[0] == float(exponent_of(method.critical_steps(), method)) == 3
    ((steps, workers),) = lines_of(ax, "linear")
    np.testing.assert_allclose(3 * workers + steps, x[0])


def test_the_measured_winner_changes_before_the_critical_number() -> None:
    data = rates()
    gain = data.tuned.sel(who="minibatch") / data.tuned.sel(who="local")
    many = gain.sel(M=data.M[-1])
    assert many[0] < 0.5
    assert many[-1] > 1.5
    crossing = float(np.interp(0, np.log(many), np.log(data["K"])))
    assert np.exp(crossing) < data.attrs["critical"]


def test_the_linear_objective_is_a_random_walk() -> None:
    """The measured means on it are the drawn line's; a walk with another power of K is not."""
    data = apart().sel(L=0.0)
    eta, sigma, K = np.meshgrid(data.eta, data.sigma, data["K"], indexing="ij")
    walk = random_walk(data.attrs["M"], {"eta": eta, "sigma": sigma, "K": K})
    away = (data["mean"].values - walk) / data.stderr.values
    assert np.abs(away).max() < 5
    wrong = random_walk(data.attrs["M"], {"eta": eta, "sigma": sigma, "K": K**1.2 / K.min() ** 0.2})
    assert np.abs((data["mean"].values - wrong) / data.stderr.values).max() > 5


def test_consensus_lines_are_the_symbolic_ones() -> None:
    data = apart()
    axes = FIGURES["cheng2024-consensus"].picture(data).axes
    middle = {"eta": 0.02, "sigma": 1.0, "K": 16.0}
    for ax, name, power in zip(axes, middle, (2, 2, 1), strict=True):
        ((x, walk),) = lines_of(ax, "random walk")
        variance = [theorem("cheng2024/flat-variance-z").bound.at({**middle, name: value}) for value in x]
        np.testing.assert_allclose(walk, squared_range([8])[0] * np.array(variance), rtol=1e-12)
        assert triangle_of(ax) == pytest.approx(power, rel=1e-12)
        shared = {"M": 8.0, "R": 3.0, "d": 1.0, "alpha": 4.0, "delta": 0.05}
        exact = []
        for value in x:
            at = {**middle, name: float(value), **shared}
            at |= {"rho": 10 * at["sigma"], "sigma_2alpha": 3**0.25 * at["sigma"]}
            exact.append(theorem("cheng2024/lemB1").bound.at(at))
        quantiles = [lines_of(ax, f"quantile, {kind}")[0][1] for kind in ("flat", "curved")]
        above = np.array(exact) / np.max(quantiles, axis=0)
        (said,) = [text.get_text() for text in ax.texts if text.get_gid() == "bound"]
        least, most = (float(number) for number in re.findall(r"\b\d{3,}\b", said))
        assert [least, most] == pytest.approx([above.min(), above.max()], rel=0.05), "two digits"
        assert (above > 1).all()


def test_bias_lines_are_the_lemma_and_triangles_have_its_exponents() -> None:
    data = biases()
    left, right = FIGURES["cheng2024-clipping-bias"].picture(data).axes
    for alpha, (rho, bound), (_, worst) in zip(
        (4.0, 6.0, 8.0), lines_of(left, "bound"), lines_of(left, "worst"), strict=True
    ):
        at = [{"alpha": alpha, "rho": float(r), "sigma": 1.0} for r in rho]
        exact = np.array([theorem("cheng2024/lemA2-bias").bound.at(one) for one in at])
        sharp = np.array([theorem("cheng2024/lemA2-sharp").bound.at({**one, "G_inf": 0.0}) for one in at])
        np.testing.assert_allclose(bound, exact, rtol=1e-12)
        np.testing.assert_allclose(exact, 2**alpha * rho ** (1 - alpha), rtol=1e-12)
        assert (worst <= sharp * (1 + 1e-12)).all()
        assert worst[-1] == pytest.approx(sharp[-1], rel=1e-12)  # attained in the limit of large thresholds
    assert [triangle_of(left, i) for i in (0, 1)] == pytest.approx([-3, -7], rel=1e-12)
    named = " ".join(text.get_text() for text in left.texts)
    assert all(rf"bound, $\varrho^{{{power}}}$" in named for power in (-3, -5, -7))
    assert max(y.max() for _, y in lines_of(right, "worst")) < 0.06


def test_results_of_another_experiment_are_refused() -> None:
    with pytest.raises(Exception, match="draws results of cheng2024-figure-rates"):
        FIGURES["cheng2024-winners"].picture(apart().assign_attrs(experiment=consensus.name))
