"""Exponents of sweeps: what is fitted, what is predicted, and a judge that rejects wrong exponents and no true one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
import xarray as xr

from tightrate.command_line import main
from tightrate.common.errors import TightrateError
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import symbol
from tightrate.verify.cache.netcdf import save_dataset
from tightrate.verify.exponents.of_sweep import exponents
from tightrate.verify.exponents.pooled_lines import Pooled
from tightrate.verify.sweep.run import Sweep, Tuned, run_sweep

WITH_LOGS = "dekel2012/convex"  # L B^2/R + sigma B/sqrt(M K R), constants and logarithms hidden
CONVEX = replace(theorem(WITH_LOGS), bound=replace(theorem(WITH_LOGS).bound, constants="hidden"))
GRID = {"K": (8.0, 32.0, 128.0, 512.0), "R": (16.0, 64.0, 256.0, 1024.0), "M": (1.0, 4.0, 16.0)}
LETTERS = {"L": 1.0, "B": 1.0, "sigma": 10.0}
ROOT = Path(__file__).resolve().parent.parent


def measured(
    law: str,
    *,
    noise: float = 0.0,
    seed: int = 0,
    grid: Mapping[str, tuple[float, ...]] = GRID,
    letters: Mapping[str, float] = LETTERS,
) -> xr.Dataset:
    """A sweep that follows a law in its symbols, with relative noise that its standard errors know."""
    axes = {name: xr.DataArray(list(values), dims=name) for name, values in grid.items()}
    exact = xr.broadcast(
        xr.DataArray(eval(law, {"np": np, **axes, **letters})),
        *axes.values(),
    )[0]
    exact = exact.transpose(*axes)
    noisy = exact * (1 + noise * np.random.default_rng(seed).standard_normal(exact.shape))
    data = xr.Dataset({"gap_mean": noisy, "gap_stderr": noise * exact}, coords={n: list(v) for n, v in grid.items()})
    return data.assign_attrs({**letters, "title": "made up"})


def changed(claimed: Theorem, factor: Any, constants: str | None = None, only: str = "") -> Theorem:
    terms = tuple(
        Term(one.name, one.expression * (factor if only in ("", one.name) else 1)) for one in claimed.bound.terms
    )
    bound = replace(claimed.bound, terms=terms, constants=constants or claimed.bound.constants)
    return replace(claimed, bound=bound)


# --- one exponent of several lines ------------------------------------------------------------------------------------


def test_intervals_hold_the_true_exponent_as_often_as_they_say() -> None:
    x, line = np.tile([1.0, 2.0, 4.0, 8.0], 5), np.repeat(np.arange(5), 4)
    generator, covered, empty, trials = np.random.default_rng(3), 0, 0, 400
    truth = 3.0 ** np.arange(5)[line] * x**-0.5
    for _ in range(trials):
        noisy = truth * (1 + 0.05 * generator.standard_normal(20))
        fit = Pooled(x, line, noisy, 0.05 * truth, np.ones(20), {"M": 1.0 * line}).fit()
        covered += fit.low <= -0.5 <= fit.high
        empty += fit.low <= 0 <= fit.high
    assert covered / trials > 0.98
    assert empty / trials < 0.03, (
        "an interval that holds every power says nothing; a chance drift makes one in a hundred"
    )


def test_lack_of_fit_and_drift_widen_the_interval() -> None:
    x, line = np.tile(np.geomspace(1, 64, 7), 3), np.repeat(np.arange(3), 7)
    others, ones, none = {"M": 1.0 * line}, np.ones(21), np.zeros(21)
    straight = Pooled(x, line, x**-1.0, none, ones, others).fit()
    assert straight.high - straight.low < 1e-9
    bent = Pooled(x, line, 1 / x + 1 / x**0.5, none, ones, others).fit()
    assert bent.low < bent.estimate < bent.high
    assert bent.low <= -0.5 <= bent.high, "the exponent that the slope drifts to is inside"
    mixed = Pooled(x, line, x ** -np.array([0.5, 1.0, 1.5])[line], none, ones, others).fit()
    assert mixed.low <= -1.5 + 1e-9
    assert mixed.high >= -0.5 - 1e-9
    noisy = np.exp(0.3 * np.random.default_rng(0).standard_normal(21)) / x
    honest = Pooled(x, line, noisy, 0.3 * noisy, ones, others).fit()
    overconfident = Pooled(x, line, noisy, 0.003 * noisy, ones, others).fit()
    assert overconfident.noise > 0.5 * honest.noise, "errors that the scatter belies are not believed"


# --- predicted exponents and dominance --------------------------------------------------------------------------------


def test_the_predicted_exponents_are_those_of_the_leading_term() -> None:
    found = exponents(measured("L*B**2/R + sigma*B/np.sqrt(M*K*R)"), CONVEX)
    exact = {(one.path, one.term): one.exactly for one in found.exponents}
    half = Fraction(-1, 2)
    assert {exact[axis, "statistical"] for axis in "KRM"} == {half}
    assert all(abs(one.estimate - float(one.exactly or 0)) < 0.2 for one in found.exponents)
    assert found.verdict is not None
    assert found.verdict.status == "consistent"


def test_which_term_leads_where_is_what_the_terms_say() -> None:
    data = measured("L*B**2/R", letters={"L": 1.0, "B": 1.0, "sigma": 0.5})
    found = exponents(data, CONVEX)
    first, second = found.data["term: optimization"], found.data["term: statistical"]
    count = {one.term: one.cells for one in found.dominance}
    assert count.get("optimization", 0) == int((first >= 3 * second).sum())
    assert count.get("statistical", 0) == int((second >= 3 * first).sum())
    assert sum(count.values()) == data.gap_mean.size


def test_along_a_path_several_axes_move_together() -> None:
    grid = {"K": (4.0, 8.0, 16.0, 32.0), "R": (4.0, 8.0, 16.0, 32.0)}
    data = measured("1/(K*R**2)", grid=grid, letters={})
    found = exponents(data, along="K, K R, K R^-1, K R^1/2")
    assert [round(one.estimate, 9) for one in found.exponents] == [-1, -3, 1, -2]
    assert found["K R"].cells == 14, "the diagonals with two cells or more"
    for wrong in ("K Q", "K^x", "K^0"):
        with pytest.raises(TightrateError):
            exponents(data, along=wrong)


def test_the_logarithm_of_a_prescribed_step_is_divided_out() -> None:
    """The statistical term at the prescribed step is 1/(mu M K R) times a logarithm: the power is -1 exactly."""
    claimed = theorem("patel2024/thm27-equal-quadratics")
    grid = {"K": (8.0, 32.0, 128.0), "R": (16.0, 64.0, 256.0), "M": (2.0, 4.0, 8.0)}
    letters = {"L": 1.0, "mu": 0.5, "B": 4.0, "sigma": 4.0, "zeta_star": 1.0, "d": 4.0}
    data = measured("0*K*R*M + 1", grid=grid, letters=letters)
    symbols = claimed.with_steps({**letters, **{name: data[name] for name in grid}})
    data = data.assign(eta=symbols["eta"], gap_mean=0.1 * claimed.bound.at(symbols)).assign_attrs(gamma=1.0)
    found = exponents(data, claimed)
    for axis in "KRM":
        one = found[axis]
        assert one.exactly == -1
        assert one.factor == "a logarithm"
        assert one.estimate == pytest.approx(-1, abs=1e-3)
    assert found["K"].raw > -0.97, "with the logarithm the decay looks slower"


# --- the judge --------------------------------------------------------------------------------------------------------

TRUE = {
    "attained": "0.3*(L*B**2/R + sigma*B/np.sqrt(M*K*R))",
    "with a larger constant": "5*(L*B**2/R + sigma*B/np.sqrt(M*K*R))",
    "one term alone": "0.5*sigma*B/np.sqrt(M*K*R)",
    "faster": "sigma*B/(M*K*R)**0.75",
    "a slow start": "2*sigma*B/np.sqrt(M*K*R)/(1 + 20/K)",
    "a floor of another term": "0.01*L*B**2/R + 0.01*sigma*B/np.sqrt(M*K*R)",
}


@pytest.mark.parametrize("law", TRUE)
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_no_true_bound_is_called_violated(law: str, noise: float) -> None:
    for seed in range(6 if noise else 1):
        for sigma in (0.3, 3.0, 30.0):
            data = measured(TRUE[law], noise=noise, seed=seed, letters={"L": 1.0, "B": 1.0, "sigma": sigma})
            verdict = exponents(data, CONVEX).verdict
            assert verdict is not None
            assert verdict.status != "violated", (law, sigma, verdict.sentence)


@pytest.mark.parametrize("axis", ["K", "R", "M"])
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_wrong_exponents_are_rejected(axis: str, noise: float) -> None:
    """The statistical term falls faster than what is measured by half a power, and no other one can be what is seen."""
    wrong = changed(CONVEX, symbol(axis) ** sympy.Rational(-1, 2), only="statistical")
    grid = {"K": (8.0, 32.0, 128.0), "R": (1e6, 1e7, 1e8), "M": (1.0, 4.0, 16.0)}
    for seed in range(3 if noise else 1):
        data = measured("sigma*B/np.sqrt(M*K*R)", noise=noise, seed=seed, grid=grid)
        assert exponents(data, CONVEX).verdict.status == "consistent"  # type: ignore[union-attr]
        found = exponents(data, wrong)
        assert found.verdict is not None
        assert found.verdict.status == "violated", found.verdict.sentence
        assert found[axis].status == "violated"
        assert found.verdict.witness is not None


def test_what_another_term_explains_with_a_constant_is_not_rejected() -> None:
    """Here the optimization term times 20 is above all that is measured: the statistical one is not what is tested."""
    wrong = changed(CONVEX, symbol("K") ** sympy.Rational(-1, 2), only="statistical")
    found = exponents(measured("sigma*B/np.sqrt(M*K*R)"), wrong)
    assert found.verdict is not None
    assert found.verdict.status == "inconclusive"


def test_what_grows_below_the_bound_is_open_and_says_how_far_to_go() -> None:
    wrong = changed(CONVEX, 50 * symbol("K") ** sympy.Rational(-1, 2))
    grid = {"K": (8.0, 32.0, 128.0), "R": (1e8, 1e9, 1e10)}
    found = exponents(measured("0.01*sigma*B/np.sqrt(K*R)", grid=grid, letters={**LETTERS, "M": 1.0}), wrong)
    assert found.verdict is not None
    assert found.verdict.status == "inconclusive"
    one = found["K"]
    assert one.ratio is not None
    further = float(one.needed.split("to about ")[1].split(",")[0])
    assert further == pytest.approx(128 * one.ratio[1] ** -2, rel=0.1), (
        "a ratio that grows like K^(1/2) reaches 1 there"
    )


def test_cells_where_the_bound_says_nothing_do_not_count() -> None:
    """Large noise: the bound exceeds L B^2 everywhere, and measured values that saturate contradict nothing."""
    data = measured("0.3 + 0*K*R*M", letters={"L": 1.0, "B": 1.0, "sigma": 1e4})
    found = exponents(data, CONVEX)
    assert found.counted == 0
    assert found.verdict is not None
    assert found.verdict.status == "inconclusive"
    assert any("do not count" in note for note in found.notes)


def test_hidden_logarithms_explain_a_logarithm_and_no_power() -> None:
    logs = theorem(WITH_LOGS)
    grid = {"K": tuple(4.0**i for i in range(2, 9)), "R": (64.0, 256.0, 1024.0, 4096.0), "M": (1.0, 4.0, 16.0)}
    logarithm = "2*np.log(K*R*M)**2*sigma*B/np.sqrt(M*K*R)"
    assert exponents(measured(logarithm, grid=grid), logs).verdict.status != "violated"  # type: ignore[union-attr]
    long = {"K": tuple(10.0**i for i in range(1, 9)), "R": (1e20, 1e21, 1e22)}
    one = {"L": 1.0, "B": 1.0, "M": 1.0, "sigma": 1e6}
    power = measured("2*K**0.5*sigma*B/np.sqrt(K*R)", grid=long, letters=one)
    assert exponents(power, logs).verdict.status == "violated"  # type: ignore[union-attr]
    logarithm = measured("2*np.log(K*R)**2*sigma*B/np.sqrt(K*R)", grid=long, letters=one)
    assert exponents(logarithm, logs).verdict.status != "violated"  # type: ignore[union-attr]


def test_two_values_of_an_axis_show_no_drift() -> None:
    data = measured("sigma*B/np.sqrt(M*K*R)", grid={"K": (64.0, 128.0), "R": (256.0, 1024.0), "M": (4.0, 16.0)})
    found = exponents(data, CONVEX)
    assert {one.status for one in found.exponents} == {"inconclusive"}


def test_explicit_constants_are_judged_by_value_too() -> None:
    explicit = changed(CONVEX, sympy.Rational(1, 2), "explicit")
    data = measured(
        "sigma*B/np.sqrt(M*K*R)", grid={"K": (64.0, 128.0, 256.0), "R": (256.0, 512.0, 1024.0), "M": (4.0, 8.0)}
    )
    verdict = exponents(data, explicit).verdict
    assert verdict is not None
    assert verdict.status == "violated"
    assert exponents(data, changed(explicit, 4)).verdict.status != "violated"  # type: ignore[union-attr]


def test_a_lower_bound_is_not_contradicted_by_an_easier_instance() -> None:
    lower = replace(CONVEX, bound=replace(CONVEX.bound, kind="lower"))
    found = exponents(measured("sigma*B/(M*K*R)"), lower)
    assert found.verdict is not None
    assert found.verdict.status == "inconclusive"
    assert exponents(measured("sigma*B/(M*K*R)**0.4"), lower).verdict.status == "consistent"  # type: ignore[union-attr]


# --- sweeps that were run ---------------------------------------------------------------------------------------------


def rounds(steps: dict[str, Any], claimed: str | Theorem | None = None, **parameters: float) -> xr.Dataset:
    """Gradient descent over rounds on a quadratic with eigenvalues over twenty decades: the gap falls like 1/R."""
    given = {"mu": 1e-9, "d": 40, "B": 1.0, "K": 1, "M": 1, "sigma": 0.0, **parameters}
    axes = {"R": (16, 64, 256, 1024, 4096)}
    return run_sweep(
        Sweep("rounds", "minibatch-sgd", "log-spaced-quadratic", axes, given, claimed, steps=steps, method="exact")
    )


def test_a_run_is_judged_only_where_the_theorem_speaks_of_it() -> None:
    """With a step far below the best one the gap stays, and no theorem about a best step is to blame."""
    wrong = changed(CONVEX, symbol("R") ** -1)
    blamed = exponents(rounds({"eta": Tuned(0.01, 1.0)}), wrong)
    assert blamed.verdict is not None
    assert blamed.verdict.status == "violated"
    fixed = exponents(rounds({"eta": 1.0}), wrong)
    assert fixed.verdict is not None
    assert fixed.verdict.status == "inconclusive"
    assert "neither tuned nor prescribed" in fixed.verdict.sentence
    ended = exponents(rounds({"eta": Tuned(1e-6, 1e-5, widenings=0)}), CONVEX)
    assert any("end of its grid" in note for note in ended.notes)
    assert ended.verdict is not None
    assert ended.verdict.status != "violated"


def test_an_instance_outside_of_the_class_contradicts_nothing() -> None:
    wrong = changed(CONVEX, symbol("R") ** -1)
    data = rounds({"eta": Tuned(0.01, 1.0)})
    claims_less = data.assign_attrs(L=0.1)  # the problem has L = 1
    found = exponents(claims_less.assign({"symbol: L": 0.1}), wrong)
    assert found.verdict is not None
    assert found.verdict.status == "inconclusive"
    assert "outside of the class" in found.verdict.sentence


def test_a_theorem_that_the_sweep_did_not_name_finds_its_symbols() -> None:
    found = exponents(rounds({"eta": Tuned(0.01, 1.0)}), "dekel2012/convex")
    assert found.theorem == "dekel2012/convex"
    assert found["R"].exactly == -1
    assert found["R"].status == "consistent"
    with pytest.raises(TightrateError, match="needs"):
        exponents(measured("1/K", letters={}), CONVEX)
    with pytest.raises(TightrateError, match="bounds the"):
        exponents(measured("1/K"), "patel2024/discrepancy")


# --- the command line -------------------------------------------------------------------------------------------------

SPECIFICATION = """
algorithm = "minibatch-sgd"
problem = "log-spaced-quadratic"
method = "exact"
[axes]
R = [16, 64, 256, 1024]
K = [1, 2, 4]
[parameters]
mu = 1e-9
d = 40
M = 1
sigma = 0.0
eta = 1.0
"""


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["tightrate", *map(str, arguments)])
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_sweep_ends_with_its_exponents_and_its_file_gives_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "specifications"
    folder.mkdir()
    (folder / "s.toml").write_text(SPECIFICATION)
    monkeypatch.chdir(tmp_path)
    status, out, _ = run(monkeypatch, capsys, "sweep", "specifications/s.toml")
    assert status == 0
    assert (tmp_path / "s.nc").is_file(), "results lie in the current folder, not beside the specification"
    assert [path.name for path in folder.iterdir()] == ["s.toml"]
    assert "Exponents of the gap" in out
    status, text, _ = run(monkeypatch, capsys, "exponents", "s.nc", "--theorem", "dekel2012/convex", "--json")
    found = json.loads(text)
    assert status == 0
    assert {one["exactly"] for one in found["exponents"] if one["along"] == {"R": "1"}} == {"-1"}
    assert found["verdict"] in ("consistent", "inconclusive")
    status, _, _ = run(monkeypatch, capsys, "exponents", "s.nc", "--figure", "picture.png")
    assert status == 0
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
    for arguments in (
        ("--figure", "x.gif"),
        ("--along", "Q"),
        ("--theorem", "dekel2012/convx"),
        ("--measure", "distance"),
    ):
        status, _, error = run(monkeypatch, capsys, "exponents", "s.nc", *arguments)
        assert (status, len(error.splitlines())) == (2, 1), arguments
    status, out, _ = run(monkeypatch, capsys, "figure", "krm-sweep", "--from", "s.nc", "--format", "png")
    assert status == 0
    assert "over R, K, is drawn" in out
    assert "along every axis" in (tmp_path / "figures-out" / "krm-sweep.txt").read_text()


def test_a_contradicted_theorem_ends_with_status_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grid = {"K": tuple(10.0**i for i in range(1, 9)), "R": (1e20, 1e21, 1e22)}
    data = measured("2*K**0.5*sigma*B/np.sqrt(K*R)", grid=grid, letters={"L": 1.0, "B": 1.0, "M": 1.0, "sigma": 1e6})
    save_dataset(data, tmp_path / "wrong.nc")
    status, out, _ = run(monkeypatch, capsys, "exponents", tmp_path / "wrong.nc", "--theorem", WITH_LOGS)
    assert status == 1
    assert "violated" in out


def test_results_show_as_text_and_as_html() -> None:
    found = exponents(measured("sigma*B/np.sqrt(M*K*R)"), CONVEX)
    assert "-1/2" in str(found)
    assert "statistical" in str(found)
    assert found._repr_html_().count("<table>") >= 2


def test_the_tutorials_python_runs_and_confirms_the_theorem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "docs" / "tutorials" / "check_a_rate.md").read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, names)
    assert float(names["ratio"].max()) < 1
    found = exponents(names["found"])
    assert found.verdict is not None
    assert found.verdict.status == "consistent"
    assert {found[axis].exactly for axis in "KRM"} == {-1}
    assert all(found[axis].low < -1 < found[axis].high for axis in "KRM")


def test_cells_at_zero_and_infinity_lie_on_no_line_and_are_told() -> None:
    """K = inf has no logarithm: lines along K are those of the other cells, lines along R go through it."""
    K, R = np.array([2.0, 4.0, 8.0, np.inf]), np.array([0.0, 2.0, 4.0, 8.0])
    decay = np.where(np.isinf(K), 0.01, 1 / np.where(np.isinf(K), 1, K))[:, None] / np.maximum(R, 0.5) ** 2
    data = xr.Dataset({"gap_mean": (("K", "R"), decay)}, coords={"K": K, "R": R})
    found = exponents(data)
    assert found["K"].estimate == pytest.approx(-1)
    assert found["R"].estimate == pytest.approx(-2)
    assert (found["K"].cells, found["R"].cells) == (12, 12)
    assert found.notes == (
        "cells with K = inf have no place on a line along K: the other cells are fitted along it",
        "cells with R = 0 have no place on a line along R: the other cells are fitted along it",
    )
    single = exponents(data.isel(K=[0, 3]))
    assert [one.path for one in single.exponents] == ["R"]
    assert "K = inf have no place on a line along K: nothing is fitted along it" in single.notes[0]
