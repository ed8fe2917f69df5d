"""Sweeps: labels, theory on the same grid, cells that do not depend on others, steps, sizes, bad files."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import NOISES
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.by_name import build_problem
from tightrate.simulator.measures import MEASURES
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample
from tightrate.terminal.live_sweep import live
from tightrate.terminal.output import number
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.cache.netcdf import load_dataset, save_dataset
from tightrate.verify.sweep.cell_store import CellStore
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.run import Sweep, Tuned, measurement, read_sweep, run_sweep, spaced

SPECIFICATION = """
algorithm = "local-sgd"
problem = "random-quadratics"
theorem = "patel2024/thm27-equal-quadratics"
output = "weighted"
replicas = 8
seed = 3

[axes]
K = [2, 8]
R = [4, 16]
M = [2, 4]

[parameters]
mu = 0.5
L = 1.0
d = 2
tau = 0
zeta_star = 1.0
sigma = 2.0
B = 3.0
"""


@pytest.fixture
def specification(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SPECIFICATION)
    return path


def test_a_sweep_is_labelled_and_carries_its_theory(specification: Path) -> None:
    dataset = run_sweep(read_sweep(specification))
    assert dict(dataset["gap"].sizes) == {"K": 2, "R": 2, "M": 2, "replica": 8}
    at = dataset.sel(K=8, R=16, M=2)
    found = theorem("patel2024/thm27-equal-quadratics")
    values = {"K": 8, "R": 16, "M": 2, "mu": 0.5, "L": 1.0, "sigma": 2.0, "B": 3.0, "eta": float(at["eta"])}
    assert float(at["bound"]) == pytest.approx(found.bound.at(values), rel=1e-12)
    terms = sum(float(at[f"term: {term.name}"]) for term in found.bound.terms)
    assert terms == pytest.approx(float(at["bound"]), rel=1e-14)
    assert dataset.attrs["title"] == "small"


def test_a_cell_draws_the_same_noise_alone_in_the_sweep_and_on_two_cores(specification: Path) -> None:
    sweep = read_sweep(specification)
    whole, parallel = run_sweep(sweep), run_sweep(sweep, jobs=2)
    np.testing.assert_array_equal(whole["gap"], parallel["gap"])
    alone = run_sweep(Sweep(**{**vars(sweep), "axes": {"K": (8,), "R": (16,), "M": (4,)}}))
    np.testing.assert_array_equal(alone["gap"].squeeze(), whole["gap"].sel(K=8, R=16, M=4))


def test_the_order_of_axes_and_values_and_the_size_of_blocks_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    for problem, algorithm, tolerance in (
        ("random-quadratics", "local-sgd", 0.0),
        ("log-uniform-quadratics", "local-adam", 0.0),
        ("random-quadratics", "local-adam", 1e-12),  # dense products alone may round otherwise
    ):
        sweep = _gaussian(problem=problem, algorithm=algorithm, axes={"K": (1, 7), "R": (2, 9), "M": (1, 3)})
        sweep = replace(sweep, parameters={"sigma": 1.0, "tau": 0.0, "zeta_star": 0.0}, replicas=5)
        whole = run_sweep(sweep)
        backwards = {name: values[::-1] for name, values in reversed(sweep.axes.items())}
        other = (
            run_sweep(replace(sweep, axes=backwards))
            .transpose(*sweep.axes, "replica")
            .sel({name: list(values) for name, values in sweep.axes.items()})
        )
        np.testing.assert_array_equal(other["gap"], whole["gap"])
        for blocks in ("sampled.sampling.NUMBERS_PER_BLOCK", "compiled.gradient_rounds.NUMBERS_AT_ONCE"):
            with monkeypatch.context() as context:
                context.setattr(f"tightrate.simulator.{blocks}", 30)
                np.testing.assert_allclose(run_sweep(sweep)["gap"], whole["gap"], rtol=tolerance, atol=0)


def test_whoever_watches_a_terminal_sees_cells_time_left_and_the_current_estimate() -> None:
    seen = StringIO()
    sweep = _gaussian(replicas=8)
    terminal = Console(file=seen, force_terminal=True, width=200)
    with pytest.MonkeyPatch.context() as context:
        context.setattr("tightrate.terminal.live_sweep.console", lambda **_: terminal)
        with live(sweep) as shown:
            dataset = run_sweep(sweep, progress=shown.progress, watch=shown.watch)
    last = dataset.isel(K=0, R=0)  # the cells that take the most work are started first
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen.getvalue())
    assert re.search(r"4/4 .*left \d+:\d\d:\d\d", text)
    assert f"K = 1, R = 4: gap {number(float(last['gap_mean']))} ± {number(float(last['gap_stderr']))}" in text


def test_a_diverging_cell_is_recorded() -> None:
    dataset = run_sweep(
        Sweep(
            "x",
            "local-sgd",
            "random-quadratics",
            {"K": (4,), "R": (300,)},
            {"eta": 50.0, "M": 2},
            replicas=3,
            method="sample",
        )
    )
    assert dataset["diverged"].item() == 3
    assert np.isinf(dataset["gap"]).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('problem = "random-quadratics"', 'problem = "random-quadratic"', "did you mean 'random-quadratics'"),
        ('algorithm = "local-sgd"', 'algorithm = "locl-sgd"', "did you mean 'local-sgd'"),
        ("K = [2, 8]", "K = [2, 2.5]", "K must be a positive integer"),
        ("K = [2, 8]", "K = []", "distinct values"),
        ("K = [2, 8]", 'K = "many"', "list of numbers"),
        ("K = [2, 8]", "", "missing K"),
        ("K = [2, 8]", "K = [2, 8]\nmu = [0.1, 0.2]", "both an axis and a parameter"),
        ("replicas = 8", "replicas = 0", "replicas must be a positive integer"),
        ("replicas = 8", "replica = 8", "did you mean 'replicas'"),
        ('output = "weighted"', 'output = "heavy"', "unknown output"),
        ("sigma = 2.0", "sigma = -2.0", "sigma must be nonnegative"),
        ("sigma = 2.0", "sigma = 2.0\nnoise = 1", "noise is no parameter"),
        ("[axes]", "[axes", "not a valid TOML file"),
        ("thm27-equal-quadratics", "thm28", "unknown theorem"),
    ],
)
def test_a_mistake_in_the_file_is_one_clear_line(specification: Path, old: str, new: str, message: str) -> None:
    assert old in SPECIFICATION
    specification.write_text(SPECIFICATION.replace(old, new))
    with pytest.raises(TightrateError, match=message) as caught:
        run_sweep(read_sweep(specification))
    assert "\n" not in str(caught.value)


ADDED = [  # lines added to the specification above, and what is wrong with them
    ('axes = "K"', "must be a table"),
    ('noise = "gausian"', "did you mean 'gaussian'"),
    ('method = "guess"', "unknown method"),
    ('measures = ["gap", "gpa"]', "did you mean 'gap'"),
    ('measures = "gap"', "must be a list of texts"),
    ('measures = ["gap", "gap"]', "listed once"),
    ('common = ["eta"]', "unknown axis in common"),
    ("relative_error = 2.0", "relative_error must lie in"),
    ("relative_error = 0.1\nmost_replicas = 3", "most_replicas must be at least"),
    ("most_replicas = 1.5", "most_replicas must be a positive integer"),
    ('relative_error = "small"', "relative_error must be a number"),
    ("steps = 3", "steps must be a table"),
    ('steps.etta = "prescribed"', "did you mean 'eta'"),
    ('steps.eta = "perscribed"', "prescribed"),
    ("steps.eta = true", "must be a number"),
    ("steps.eta = -1.0", "eta must be positive"),
    ('steps.eta = {policy = "tunde"}', "did you mean 'tuned'"),
    ('steps.eta = {policy = "tuned", from = 0.1}', "has no to"),
    ('steps.eta = {policy = "tuned", from = 0.1, to = 0.01}', "0 < from < to"),
    ('steps.eta = {policy = "tuned", from = 0.01, to = 0.1, points = 2}', "at least 3"),
    ('steps.eta = {policy = "tuned", from = 0.01, to = 0.1, point = 9}', "did you mean 'points'"),
    ('steps.eta = {policy = "tuned", from = "low", to = 0.1}', "must be a number"),
    ('steps.eta = {policy = "tuned", from = 0.01, to = 0.1, widenings = 1000}', "widenings must lie"),
    ('steps.eta = {policy = "fixed"}', "has no value"),
    ('steps.eta = {policy = "prescribed", value = 1}', "unknown key"),
]


@pytest.mark.parametrize(("added", "message"), ADDED)
def test_a_mistake_in_the_newer_keys_is_one_clear_line(specification: Path, added: str, message: str) -> None:
    text = SPECIFICATION if not added.startswith("axes") else SPECIFICATION.split("[axes]")[0]
    specification.write_text(f"{added}\n{text}")
    with pytest.raises(TightrateError, match=message) as caught:
        run_sweep(read_sweep(specification))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("axis", "message"),
    [
        ("{from = 1, to = 8}", "has no points"),
        ("{from = 1, to = 8, points = 4, step = 2}", "unknown key"),
        ('{from = 1, to = 8, points = 4, scale = "cubic"}', "unknown scale"),
        ('{from = 0, to = 8, points = 4, scale = "log"}', "positive from and to"),
        ("{from = 1, to = 8, points = 1}", "at least 2 points"),
        ("{from = 1, to = 8, points = 2.5}", "must be a positive integer"),
        ('{from = "one", to = 8, points = 2}', "must be a number"),
        ("[true, false]", "must be a number"),
        ("[1, nan]", "must be a number"),
    ],
)
def test_a_mistake_in_an_axis_is_one_clear_line(specification: Path, axis: str, message: str) -> None:
    specification.write_text(SPECIFICATION.replace("K = [2, 8]", f"K = {axis}"))
    with pytest.raises(TightrateError, match=message) as caught:
        read_sweep(specification)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(TightrateError, match="cannot read"):
        read_sweep(tmp_path / "nothing.toml")


# Axes


def test_axes_are_lists_or_ranges_and_counts_are_whole(specification: Path) -> None:
    log = 'K = {from = 1, to = 1024, points = 11, scale = "log"}'
    specification.write_text(SPECIFICATION.replace("K = [2, 8]", log))
    assert read_sweep(specification).axes["K"] == tuple(2**k for k in range(11))
    specification.write_text(SPECIFICATION.replace("K = [2, 8]", "K = {from = 1, to = 4, points = 9}"))
    assert read_sweep(specification).axes["K"] == (1, 2, 3, 4)


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_a_range_hits_both_ends_and_is_even_on_its_scale(scale: Any) -> None:
    values = np.array(spaced("sigma", 0.3, 7.0, 13, scale))
    assert (values[0], values[-1], len(values)) == (0.3, 7.0, 13)
    gaps = np.diff(np.log(values) if scale == "log" else values)
    np.testing.assert_allclose(gaps, gaps[0], rtol=1e-9)


def test_a_value_is_the_same_cell_however_it_is_written() -> None:
    plain = _gaussian(axes={"K": (4,), "R": (2,), "sigma": (1.0, 2.0)}, parameters={"M": 3})
    written = _gaussian(axes={"K": (4.0,), "R": (np.int64(2),), "sigma": (1, np.float64(2.0))}, parameters={"M": 3.0})
    assert plain == written
    np.testing.assert_array_equal(run_sweep(plain)["gap"], run_sweep(written)["gap"])


def test_any_parameter_can_be_an_axis_the_instance_the_noise_and_a_variant_of_the_algorithm_too(tmp_path: Path) -> None:
    base = _gaussian(noise="student", steps={"eta": 0.1})
    instances = run_sweep(replace(base, axes={"K": (2,), "R": (2,), "seed": (1, 2)}))
    assert len(np.unique(instances["gap_mean"])) == 2
    tails = run_sweep(replace(base, axes={"K": (2,), "R": (2,), "degrees": (3, 30)}))
    assert len(np.unique(tails["gap_mean"])) == 2
    fields = {"axes": {"scaling": ("adam", "rmsprop"), "square_of_mean": (False, True)}, "parameters": {"K": 2, "R": 3}}
    variants = run_sweep(replace(base, algorithm="savic", noise="gaussian", **fields))
    assert list(variants["scaling"].values) == ["adam", "rmsprop"]
    save_dataset(variants, tmp_path / "variants.nc")
    assert load_dataset(tmp_path / "variants.nc").equals(variants)
    with pytest.raises(TightrateError, match="square_of_mean must be true or false"):
        replace(base, algorithm="savic", noise="gaussian", axes={"square_of_mean": (0, 1)})
    eta = run_sweep(replace(base, axes={"K": (2,), "R": (2,), "eta": (0.1, 0.2)}, steps={}))
    assert eta["gap_mean"].sizes["eta"] == 2


def test_an_axis_in_common_shares_its_random_numbers() -> None:
    def difference(common: tuple[str, ...]) -> float:
        dataset = run_sweep(_gaussian(axes={"K": (4,), "R": (4,), "eta": (0.1, 0.1 + 1e-9)}, steps={}, common=common))
        return float(abs(dataset["gap_mean"].diff("eta")).max() / dataset["gap_mean"].mean())

    assert difference(("eta",)) < 1e-6
    assert difference(()) > 1e-3


# Steps


def test_a_tuned_step_is_found_from_far_away_and_is_the_best_of_a_fine_grid() -> None:
    tuned = run_sweep(_gaussian(method="exact", steps={"eta": Tuned(1e-7, 1e-6, points=9, widenings=20)}))
    assert (tuned["interior"] == 1).all()
    fine = tuple(np.geomspace(1e-4, 2, 80))
    axes = {"K": (1, 16), "R": (4, 64), "eta": fine}
    best = run_sweep(_gaussian(method="exact", axes=axes, steps={}))["gap_mean"]
    ratio = 10 ** (1 / 8)
    found, sought = tuned["eta"], best["eta"][best.argmin("eta")]
    assert (abs(np.log(found / sought)) <= np.log(ratio)).all()
    apart = np.log(ratio) / 2 + np.log(fine[1] / fine[0])  # the lattice has a point as near to the best of all steps
    near = best.where(abs(np.log(best["eta"] / sought)) <= apart).max("eta")
    assert (tuned["gap_mean"] <= near).all()
    assert (tuned["gap_mean"] >= 0.98 * best.min("eta")).all()


def test_a_grid_that_is_too_high_widens_downwards_past_divergence() -> None:
    tuned = run_sweep(_gaussian(steps={"eta": Tuned(1e3, 1e5, points=5)}, replicas=8))
    assert (tuned["interior"] == 1).all()
    assert (tuned["eta"] < 2).all()
    assert (tuned["diverged"] == 0).all()
    assert np.isinf(tuned["tuning: gap"]).any()


def test_the_whole_grid_is_on_record_and_its_best_point_was_chosen() -> None:
    steps = {"eta": Tuned(0.01, 0.1, points=3), "gamma": Tuned(0.5, 2.0, points=3)}
    tuned = run_sweep(_gaussian(steps=steps, replicas=8))
    best = tuned["tuning: gap"].argmin("tried")
    for name in steps:
        np.testing.assert_array_equal(tuned[f"tuning: {name}"].isel(tried=best), tuned[name])
    pairs = np.stack([tuned["tuning: eta"], tuned["tuning: gamma"]], axis=-1)[0, 0]
    pairs = pairs[np.isfinite(pairs).all(axis=-1)]
    assert len(np.unique(pairs, axis=0)) == len(pairs) >= 9  # nothing was tried twice


def test_an_optimum_at_the_end_of_a_grid_that_may_not_widen_is_reported() -> None:
    tuned = run_sweep(_gaussian(method="exact", steps={"eta": Tuned(1e-6, 1e-5, widenings=0)}))
    assert (tuned["interior"] == 0).all()
    assert (tuned["eta"] == Tuned(1e-6, 1e-5).value(8)).all()


def test_step_sizes_share_their_random_numbers_and_a_point_does_not_depend_on_its_grid() -> None:
    def tried(low: float, high: float) -> dict[float, float]:
        tuned = run_sweep(_gaussian(steps={"eta": Tuned(low, high, points=3, widenings=0)}, algorithm="fedadam"))
        return dict(zip(tuned["tuning: eta"].values[0, 0], tuned["tuning: gap"].values[0, 0], strict=True))

    left, right = tried(0.01, 0.1), tried(0.1, 1.0)
    assert left[0.1] == pytest.approx(right[0.1], rel=1e-13)
    close = tried(0.1, 0.1 * (1 + 1e-8))
    assert max(close.values()) / min(close.values()) - 1 < 1e-5


def test_the_chosen_step_is_measured_with_random_numbers_of_its_own() -> None:
    fixed = run_sweep(_gaussian(steps={"eta": 0.1}))
    tuned = run_sweep(_gaussian(steps={"eta": Tuned(0.01, 1.0, points=3, replicas=64, widenings=0)}))
    agree = tuned["eta"] == 0.1
    assert agree.any()
    np.testing.assert_array_equal(tuned["gap"].where(agree), fixed["gap"].where(agree))
    means = tuned["tuning: gap"].where(tuned["tuning: eta"] == 0.1).max("tried")
    assert (means.where(agree, -1) != fixed["gap_mean"].where(agree, -2)).all()


def test_prescribed_and_fixed_steps_say_the_same_as_the_defaults(specification: Path) -> None:
    plain = run_sweep(read_sweep(specification))
    said = run_sweep(replace(read_sweep(specification), steps={"eta": "prescribed", "gamma": 1.0}))
    np.testing.assert_array_equal(plain["gap"], said["gap"])
    with pytest.raises(TightrateError, match="no theorem is named"):
        _gaussian(steps={"eta": "prescribed"})
    with pytest.raises(TightrateError, match="prescribes no beta1"):
        replace(read_sweep(specification), algorithm="local-sgdm", steps={"beta1": "prescribed"})
    with pytest.raises(TightrateError, match="cannot be tuned"):
        _gaussian(algorithm="local-sgdm", steps={"eta": 0.1, "beta1": Tuned(0.1, 0.9)})
    with pytest.raises(TightrateError, match="both a step and an axis or a parameter"):
        _gaussian(parameters={"eta": 0.1, "sigma": 1.0}, steps={"eta": 0.1})
    with pytest.raises(TightrateError, match="missing eta"):
        run_sweep(_gaussian(steps={}))


# Moments and sizes


def test_exact_moments_agree_with_sampling() -> None:
    exact = run_sweep(_gaussian(method="exact"))
    sampled = run_sweep(_gaussian(replicas=400, measures=("gap", "squared-distance")))
    assert (exact["replicas"] == 0).all()
    assert "gap" not in exact
    assert (exact["gap_stderr"] == 0).all()
    for name in ("gap", "squared-distance"):
        error = abs(sampled[f"{name}_mean"] - exact[f"{name}_mean"])
        assert (error < 4.5 * sampled[f"{name}_stderr"]).all()
        assert (error > 0).all()


def test_auto_is_exact_where_that_applies_and_sampled_elsewhere() -> None:
    base = _gaussian(method="auto", replicas=3)
    assert (run_sweep(base)["replicas"] == 0).all()
    for other in ({"measures": ("consensus-error",)}, {"algorithm": "fedadam"}, {"problem": "logistic-regression"}):
        assert (run_sweep(replace(base, **other))["replicas"] == 3).all()
        with pytest.raises(TightrateError, match="method exact"):
            run_sweep(replace(base, method="exact", **other))
    infinite = replace(base, axes={"K": (1, float("inf")), "R": (2,)})
    assert np.isfinite(run_sweep(infinite)["gap_mean"]).all()
    with pytest.raises(TightrateError, match=r"finite K.*at K = inf"):
        run_sweep(replace(infinite, method="sample"))


def test_replicas_are_sized_for_a_relative_error() -> None:
    base = _gaussian(axes={"K": (1, 4, 16), "R": (1, 4, 16), "M": (2, 8)}, relative_error=0.05, replicas=32)
    dataset = run_sweep(base)
    reached = dataset["gap_stderr"] / dataset["gap_mean"]
    assert (reached <= 0.05).mean() >= 0.9
    assert len(np.unique(dataset["replicas"])) > 3  # each cell as many as it takes
    assert (dataset["replicas"] >= 32).all()
    assert (dataset["replicas"] > 32).any()
    assert run_sweep(base).identical(dataset)
    capped = run_sweep(replace(base, most_replicas=40))
    assert capped["replicas"].max() == 40


def test_rows_of_a_finite_sum_are_a_noise_too() -> None:
    base = _gaussian(
        problem="logistic-regression", noise="rows", parameters={"R": 64}, axes={"K": (4,), "batch": (1, 16)}
    )
    dataset = run_sweep(replace(base, steps={"eta": 2.0}))
    assert dataset["gap_mean"].sel(batch=16).item() < dataset["gap_mean"].sel(batch=1).item()


# Labels


def test_every_variable_says_what_it_is_and_in_which_unit(specification: Path) -> None:
    dataset = run_sweep(read_sweep(specification))
    assert dataset["gap_mean"].attrs["units"] == dataset["bound"].attrs["units"] == "value"
    assert dataset["K"].attrs["long_name"] == LETTERS["K"].meaning
    assert dataset["eta"].attrs["units"] == str(LETTERS["eta"].unit)
    found = theorem("patel2024/thm27-equal-quadratics")
    assert dataset["bound"].attrs["theorem"] == found.id
    assert dataset["bound"].attrs["provenance"] == found.provenance.meaning
    assert {"python", "numpy", "tightrate"} <= set(dataset.attrs)


def test_a_letter_that_nobody_gives_is_the_problems_exact_constant() -> None:
    dataset = run_sweep(
        _gaussian(problem="wishart-quadratic", parameters={"sigma": 1.0}, theorem="khaled2025/eq2", steps={})
    )
    assert np.isfinite(dataset["bound"]).all()
    assert (dataset["eta"] > 0).all()


def test_a_bound_that_cannot_be_evaluated_is_refused_before_anything_runs() -> None:
    with pytest.raises(TightrateError, match="needs alpha; give it as an axis or a parameter"):
        Plan(_gaussian(theorem="cheng2024/thm1", steps={}))


def test_letters_that_nobody_gives_are_derived_from_the_others_the_problem_and_the_noise() -> None:
    given = {"alpha": 4, "delta": 0.1, "eps": 0.01, "sigma": 2.0, "degrees": 9, "M": 3, "d": 2, "G_inf": 1}
    axes = {"K": (2, 4), "R": (3,)}
    dataset = run_sweep(
        _gaussian(theorem="cheng2024/thmB4-steps", algorithm="local-sgdm", noise="student", axes=axes, parameters=given)
    )
    noise = NOISES["student"](sigma=2.0, degrees=9)
    levels = noise.levels(4.0, 2)
    constants = {name: float(value) for name, value in PROBLEMS["random-quadratics"](M=3, d=2).constants.items()}
    own = {"sigma": np.linalg.norm(levels), "sigma_2alpha": np.linalg.norm(levels, 8), "alpha": 4.0}
    for K in axes["K"]:
        at = {**constants, **given, **own, "K": K, "R": 3, "T": 3 * K}
        bound = theorem("cheng2024/thmB4-steps").bound
        values = {name: float(at[name]) for name in bound.letters}
        assert float(dataset["bound"].sel(K=K, R=3)) == pytest.approx(bound.at(values), rel=1e-12)
    assert own["sigma"] > 2.1  # the level is that of the fourth moment, not what was given for the second


def test_the_level_of_sampled_rows_is_not_taken_for_zero() -> None:
    rows = _gaussian(problem="logistic-regression", noise="rows", parameters={}, theorem="khaled2025/eq2")
    with pytest.raises(TightrateError, match="needs sigma"):
        Plan(rows)
    assert Plan(replace(rows, parameters={"sigma": 1.0})).cells


def test_a_noise_without_a_level_is_refused() -> None:
    with pytest.raises(TightrateError, match="missing sigma, the level of the noise student"):
        _gaussian(noise="student", parameters={})


# What a sweep hands on


def test_a_sweep_gives_a_measurement_at_the_symbols_of_its_theorem(specification: Path) -> None:
    dataset = run_sweep(read_sweep(specification))
    found, source = measurement(dataset), theorem("patel2024/thm27-equal-quadratics")
    assert found.what == MEASURES["gap"].meaning
    assert not found.exact
    bound = found.at(source.bound.expression).transpose(*dataset["bound"].dims)
    np.testing.assert_allclose(bound, dataset["bound"], rtol=1e-13)
    assert bool(xr.DataArray(source.holds_at(found.symbols)).all()) == bool((dataset["conditions_failing"] == 0).all())
    verdict = Bounded(source, replace(found, measured=dataset["bound"] * 0.9, stderr=xr.DataArray(0.0))).check()
    assert verdict.status == "consistent"
    violated = Bounded(source, replace(found, measured=dataset["bound"] * 1.1, stderr=xr.DataArray(0.0))).check()
    assert violated.status == "violated"
    assert violated.witness is not None
    assert violated.witness["K"] in (2, 8)


def test_a_level_that_a_theorem_means_otherwise_is_its_own_symbol() -> None:
    """sigma on the axis is the law's second moment, in the theorem its fourth."""
    axes = {"sigma": (1.0, 2.0)}
    given = {"alpha": 4, "delta": 0.1, "eps": 0.01, "degrees": 9, "M": 3, "d": 2, "G_inf": 1, "K": 2, "R": 3}
    fields = {"theorem": "cheng2024/thmB4-steps", "algorithm": "local-sgdm", "noise": "student", "replicas": 2}
    dataset = run_sweep(_gaussian(**fields, axes=axes, parameters=given))
    found = measurement(dataset)
    assert (found.symbols["sigma"] > dataset["sigma"] * 1.05).all()
    np.testing.assert_allclose(
        found.at(theorem("cheng2024/thmB4-steps").bound.expression), dataset["bound"], rtol=1e-12
    )


def test_a_problem_and_a_theorem_of_ones_own_can_be_swept(tmp_path: Path) -> None:
    def parabola(L: float, M: int) -> Any:
        return PROBLEMS["coordinate-pair"](L=L, B=1.0) if M == 2 else None

    source = replace(theorem("khaled2025/eq2"), label="mine")
    given = {"K": 2, "R": 3, "sigma": 1.0}
    sweep = _gaussian(problem=parabola, axes={"L": (0.5, 1.0)}, theorem=source, parameters={**given, "M": 2})
    own = run_sweep(sweep)
    shipped = _gaussian(problem="coordinate-pair", axes={"L": (0.5, 1.0)}, parameters={**given, "B": 1.0})
    np.testing.assert_array_equal(own["gap"], run_sweep(shipped)["gap"])
    assert own["bound"].attrs["theorem"] == "khaled2025/mine"
    with pytest.raises(TightrateError, match="cells on parabola cannot be kept"):
        run_sweep(sweep, store=CellStore(tmp_path))
    with pytest.raises(TightrateError, match="parabola must return a Problem, not NoneType"):
        run_sweep(replace(sweep, parameters={"K": 2, "R": 3, "M": 3}))
    with pytest.raises(TightrateError, match="missing M; give each"):
        replace(sweep, parameters={"K": 2, "R": 3})


def test_what_is_wrong_with_sampled_means_is_noted(tmp_path: Path) -> None:
    heavy = _gaussian(noise="student", parameters={"sigma": 1.0}, axes={"degrees": (2.5, 9.0), "K": (1,), "R": (2,)})
    (note,) = run_sweep(heavy, store=CellStore(tmp_path)).attrs["notes"]
    assert note.startswith("the student noise has no moment that would bound the standard error of gap: it may not")
    assert run_sweep(heavy, store=CellStore(tmp_path)).attrs["notes"]  # cells that are kept tell it too
    packed = run_sweep(replace(heavy, common=("R",), axes={**heavy.axes, "R": (1, 2)}))
    assert packed.attrs["notes"] == run_sweep(heavy).attrs["notes"]
    assert "notes" not in run_sweep(replace(heavy, axes={"degrees": (9.0,), "K": (1,), "R": (2,)})).attrs


def test_problems_of_the_theory_are_those_of_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def counted(problem: Any, values: Any) -> Any:
        built.append(problem)
        return build_problem(problem, values)

    monkeypatch.setattr("tightrate.simulator.by_name.build_problem", counted)
    run_sweep(_gaussian(theorem="khaled2025/eq2", axes={"K": (1, 2), "R": (3, 4), "M": (2, 4)}))
    assert len(built) == 2  # one for each M


# Numbers of fixed seeds

NUMBERS: dict[
    str, tuple[dict[str, Any], list[float]]
] = {  # of the gap's mean, as they have been since instances are built in one order of additions
    "sample": ({}, [0.3121704944396485, 0.14561977189845787]),
    "rounds": ({"method": "rounds"}, [0.29110427796043387, 0.15311027115218032]),
    "exact": ({"method": "exact"}, [0.2959829498235194, 0.14122431272667843]),
    "a random iterate": (
        {"output": "random", "algorithm": "local-sgdm"},
        [0.38466958208511337, 0.20566724825956414],
    ),
    "a weighted average": (
        {"output": "weighted", "measures": ("gap", "consensus-error")},
        [0.4012279791008501, 0.2712317497528244],
    ),
    "some clients": ({"parameters": {"sigma": 1.0, "clients": 2}}, [0.31465315563978546, 0.12750340379210318]),
    "rows": (
        {"problem": "logistic-regression", "noise": "rows", "parameters": {"rows": 20}},
        [0.2619060304656234, 0.22015031130697912],
    ),
    "probes of the curvature": (
        {"algorithm": "savic-oasis", "parameters": {"sigma": 0.0}},
        [0.15659448658916925, 0.06577607494400967],
    ),
    "other noise": (
        {"algorithm": "local-adam", "noise": "student", "problem": "log-uniform-quadratics"},
        [0.1833052005799904, 0.14755668155920032],
    ),
    "tuned": (
        {"steps": {"eta": Tuned(0.01, 1.0, points=3, replicas=3)}},
        [0.13258325541898322, 0.14561977189845787],
    ),
    "sized": ({"relative_error": 0.05, "most_replicas": 50}, [0.29572960375563334, 0.14006124938479228]),
    "prescribed": ({"theorem": "khaled2025/cor1", "steps": {}}, [0.09591386091230124, 0.05095754188561473]),
    "shared": (
        {"axes": {"K": (2,), "R": (1, 3), "eta": (0.1, 0.2)}, "steps": {}, "common": ("R", "eta")},
        [0.2895723354606263, 0.1905870882158957, 0.12274086689317046, 0.04169879662965685],
    ),
    "an axis of seeds": (
        {"axes": {"K": (2,), "R": (3,), "seed": (0, 1)}},
        [0.12143629908930112, 0.13782876023398585],
    ),
}


@pytest.mark.parametrize(("changes", "numbers"), NUMBERS.values(), ids=NUMBERS)
def test_a_seed_gives_the_numbers_that_it_always_gave(changes: dict[str, Any], numbers: list[float]) -> None:
    """To rounding: other processors and libraries may give other bits."""
    fields = {"axes": {"K": (2,), "R": (1, 3)}, "replicas": 4, "seed": 5, **changes}
    found = run_sweep(_gaussian(**fields))["gap_mean"]
    np.testing.assert_allclose(found.values.ravel(), numbers, rtol=1e-10)


# Names as axes


def test_algorithm_problem_and_noise_can_be_axes_of_names(tmp_path: Path) -> None:
    names = {
        "algorithm": ("local-sgd", "local-sgdm"),
        "problem": ("random-quadratics", "wishart-quadratic"),
        "noise": ("gaussian", "student"),
    }
    sweep = _gaussian(algorithm="", problem="", axes={**names, "K": (2,), "R": (3,)}, theorem="khaled2025/eq2")
    dataset = run_sweep(replace(sweep, steps={"eta": 0.1, "beta1": 0.5}, common=tuple(names)))
    save_dataset(dataset, tmp_path / "names.nc")
    assert load_dataset(tmp_path / "names.nc").equals(dataset)
    assert len(np.unique(dataset["gap_mean"])) == 8
    assert (dataset["beta1"].sel(algorithm="local-sgdm") == 0.5).all()
    assert dataset["beta1"].sel(algorithm="local-sgd").isnull().all()
    assert dataset["bound"].notnull().all()
    alone = _gaussian(algorithm="local-sgd", problem="wishart-quadratic", axes={"K": (2,), "R": (3,)})
    at = {"algorithm": "local-sgd", "problem": "wishart-quadratic", "noise": "gaussian"}
    np.testing.assert_array_equal(run_sweep(alone)["gap"], dataset["gap"].sel(at))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"axes": {"algorithm": ("local-sgd",), "K": (1,), "R": (1,)}}, "both a key of the sweep and an axis"),
        ({"algorithm": "", "axes": {"algorithm": ("locl-sgd",), "K": (1,), "R": (1,)}}, "did you mean 'local-sgd'"),
        ({"algorithm": "", "axes": {"algorithm": (1,), "K": (1,), "R": (1,)}}, "unknown algorithm '1'"),
        ({"algorithm": ""}, "unknown algorithm ''"),
        ({"parameters": {"problem": "three-clients"}}, "problem is no parameter"),
        (
            {
                "algorithm": "",
                "axes": {"algorithm": ("local-sgd", "local-sgdm"), "K": (1,), "R": (1,)},
                "steps": {"eta": 0.1, "rho": Tuned(0.1, 1.0)},
            },
            "unknown step of local-sgd 'rho'",
        ),
    ],
)
def test_wrong_names_are_one_clear_line(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        _gaussian(**fields)
    assert "\n" not in str(caught.value)


def test_a_file_may_give_names_as_axes(specification: Path) -> None:
    axes = '[axes]\nalgorithm = ["local-sgd", "fedavg"]'
    text = SPECIFICATION.replace('algorithm = "local-sgd"', "").replace("[axes]", axes)
    specification.write_text(text)
    assert read_sweep(specification).choices("algorithm") == ("local-sgd", "fedavg")
    specification.write_text(text.replace(axes, "[axes]"))
    with pytest.raises(TightrateError, match="has no algorithm"):
        read_sweep(specification)


# Packed cells

STEPS_AND_ROUNDS: dict[str, Any] = {"R": (1, 3, 40), "eta": (0.01, 0.1, 0.3), "K": (2, 5)}
PACKED: dict[str, tuple[int, dict[str, Any]]] = {  # the number of runs, and the sweep
    "products of one size": (2, {}),
    "coordinates": (2, {"problem": "log-uniform-quadratics"}),
    "clipped Adam": (
        4,
        {"problem": "log-uniform-quadratics", "algorithm": "local-adam", "axes": {"rho": (0.5, np.inf)}},
    ),
    "dense products": (6, {"algorithm": "local-adam", "noise": "student"}),
    "rows": (6, {"problem": "logistic-regression", "noise": "rows", "parameters": {"M": 3, "rows": 20}}),
    "clients": (2, {"problem": "log-uniform-quadratics", "parameters": {"clients": 2, "M": 4, "sigma": 1.0}}),
    "divergence": (2, {"axes": {"eta": (0.1, 2.5, 50.0), "R": (5, 300)}}),
    "some cells exact": (0, {"method": "auto"}),
    "a step for every round": (6, {"theorem": "khaled2025/cor1", "axes": {"R": (1, 3, 40), "eta": None}}),
}


@pytest.mark.parametrize(("runs", "changes"), PACKED.values(), ids=PACKED)
def test_packed_cells_are_the_cells_alone_bit_for_bit(
    runs: int, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = {**STEPS_AND_ROUNDS, **changes.get("axes", {})}
    axes = {name: values for name, values in axes.items() if values is not None}
    common = tuple(name for name in ("R", "eta", "rho") if name in axes)
    measures = ("gap", "squared-distance", "squared-gradient")[: 2 if changes.get("method") == "auto" else 3]
    sweep = _gaussian(**{"steps": {}, "replicas": 3, "common": common, "measures": measures, **changes, "axes": axes})
    counted = []

    def sampled(*given: Any, **named: Any) -> Run:
        counted.append(given)
        return sample(*given, **named)

    monkeypatch.setattr("tightrate.simulator.sampled.shared_runs.sample", sampled)
    packed = run_sweep(sweep)
    assert len(counted) == runs
    monkeypatch.setattr("tightrate.verify.sweep.packs.MOST_WORK", 500)  # other packs
    assert run_sweep(sweep).identical(packed)
    monkeypatch.setattr("tightrate.verify.sweep.packs.MOST_NUMBERS", 0)  # nothing is kept together
    assert run_sweep(sweep).identical(packed)
    monkeypatch.setattr(
        "tightrate.verify.sweep.execution.packs", lambda cells: [[index] for index in range(len(cells))]
    )
    assert run_sweep(sweep).identical(packed)
    if changes.get("method") != "auto":
        assert not run_sweep(replace(sweep, seed=1)).equals(packed)


def test_packs_run_on_processes_and_go_on_where_they_were(tmp_path: Path) -> None:
    sweep = _gaussian(axes=STEPS_AND_ROUNDS, steps={}, common=("R", "eta"))
    whole = run_sweep(sweep, store=CellStore(tmp_path))
    for path in sorted(tmp_path.glob("*.cell"))[::2]:
        path.unlink()
    store = CellStore(tmp_path)
    assert run_sweep(sweep, jobs=2, store=store).identical(whole)
    assert store.found == 9


def test_a_cell_that_fails_in_a_pack_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = _gaussian(axes={**STEPS_AND_ROUNDS, "K": (2, float("inf"))}, steps={}, common=("R", "eta"))
    with pytest.raises(TightrateError, match=r"finite K.*at R = 1, eta = 0.01, K = inf"):
        run_sweep(sweep)
    whole = run_sweep(replace(sweep, axes=STEPS_AND_ROUNDS))

    def short_of_memory(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("tightrate.verify.sweep.execution.run_pack", short_of_memory)
    assert run_sweep(replace(sweep, axes=STEPS_AND_ROUNDS)).identical(whole)


EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_sweep(path: Path) -> None:
    sweep = read_sweep(path)
    assert len(Plan(sweep).cells) == np.prod(sweep.shape) > 1


def test_the_examples_show_every_policy() -> None:
    shown = {
        step["policy"] if isinstance(step, dict) else "fixed"
        for path in EXAMPLES
        for step in tomllib.loads(path.read_text()).get("steps", {}).values()
    }
    shown |= {"prescribed" for path in EXAMPLES if read_sweep(path).theorem and not read_sweep(path).steps}
    assert shown == {"fixed", "tuned", "prescribed"}


def _gaussian(**changes: Any) -> Sweep:
    """Local SGD at a fixed step on different quadratics with Gaussian noise, with these fields changed."""
    fields: dict[str, Any] = {
        "name": "gaussian",
        "algorithm": "local-sgd",
        "problem": "random-quadratics",
        "axes": {"K": (1, 16), "R": (4, 64)},
        "parameters": {"sigma": 1.0},
        "steps": {"eta": 0.1},
    }
    return Sweep(**{**fields, **changes})
