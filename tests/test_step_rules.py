"""Steps in sweeps: formulas whose units are checked, functions, arrays, and grids that widen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import tightrate as tr
from tightrate.common.errors import TightrateError
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.rates.symbols.alphabet import K, L, R
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.verify.assertions.paths import Exponents
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.run import Sweep, Tuned, read_sweep, run_sweep
from tightrate.verify.sweep.tuning import tune, tune_finely

GIVEN = {"mu": 0.1, "L": 2.0, "d": 3, "tau": 0.0, "zeta_star": 0.0, "sigma": 0.5, "B": 3.0, "M": 2}


def swept(steps: dict[str, Any], **changed: Any) -> Sweep:
    asked: dict[str, Any] = {
        "name": "steps",
        "algorithm": "local-sgd",
        "problem": "random-quadratics",
        "axes": {"K": (1, 4), "R": (2, 8, 32)},
        "parameters": GIVEN,
        "steps": steps,
        "method": "exact",
        **changed,
    }
    return Sweep(**asked)


def etas(sweep: Sweep) -> np.ndarray[Any, Any]:
    return np.array([cell.steps["eta"] for cell in Plan(sweep).cells]).reshape(sweep.shape)


KR = np.array([[k * r for r in (2, 8, 32)] for k in (1, 4)])


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("1/(L*K)", [[0.5] * 3, [0.125] * 3]),
        ("B/(sigma*sqrt(K*R))", 3 / (0.5 * np.sqrt(KR))),
        (r"\frac{B}{\sigma\sqrt{KR}}", 3 / (0.5 * np.sqrt(KR))),
        ("min(1/L, B/(sigma*sqrt(K*R)))", np.minimum(0.5, 3 / (0.5 * np.sqrt(KR)))),
        (1 / (L * K * R), 1 / (2 * KR)),
        (lambda K, L: 1 / (L * K), [[0.5] * 3, [0.125] * 3]),
        (xr.DataArray([0.3, 0.2, 0.1], dims="R", coords={"R": [2, 8, 32]}), [[0.3, 0.2, 0.1]] * 2),
    ],
)
def test_a_rule_gives_each_cell_its_step(step: Any, expected: Any) -> None:
    np.testing.assert_allclose(etas(swept({"eta": step})), expected, rtol=1e-12)


def test_a_rule_gives_the_results_of_its_numbers() -> None:
    ruled = run_sweep(swept({"eta": "1/(L*K)"}))
    for k in (1, 4):
        alone = run_sweep(swept({"eta": 1 / (2 * k)}, axes={"K": (k,), "R": (2, 8, 32)}))
        np.testing.assert_array_equal(ruled.gap_mean.sel(K=[k]), alone.gap_mean)
    assert ruled["eta"].values.tolist() == [[0.5] * 3, [0.125] * 3]
    kept = json.loads(ruled.attrs["sweep"])["steps"]["eta"]
    np.testing.assert_allclose(etas(swept({"eta": kept})), ruled["eta"])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("1/(mu*L)", "has the unit"),
        ("0.1", "has the unit"),
        ("1/(W*K)", "W"),
        ("B/zeta", "needs zeta"),
        ("prescribd", "step eta"),
        ("__import__('os').getcwd()", "step eta"),
        ("0/L", "no step"),
        (lambda K, nothing: K / nothing, "needs nothing"),
        (lambda K: -K, "no step"),
        (xr.DataArray([0.1], dims="M", coords={"M": [2]}), "no axis"),
        (xr.DataArray([0.1], dims="R", coords={"R": [2]}), "no value at R = 8"),
        ([0.1], "step eta"),
    ],
)
def test_a_rule_that_cannot_be_one_is_refused_in_a_line(step: Any, message: str) -> None:
    with pytest.raises(TightrateError, match=message) as refused:
        Plan(swept({"eta": step}))
    assert len(str(refused.value).splitlines()) == 1


def test_toml_takes_formulas(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text(
        'algorithm = "local-sgd"\nproblem = "rank-one-pair"\n[axes]\nK = [1, 4]\nR = [2]\n[parameters]\ncosine = 0.5\n'
        'L = 2.0\n[steps]\neta = "1/(L*K)"\ngamma = {policy = "tuned", from = 0.5, to = 2.0, closed = "low"}\n'
    )
    assert etas(read_sweep(path)).ravel().tolist() == [0.5, 0.125]
    path.write_text(path.read_text().replace('"1/(L*K)"', '{policy = "tuned", from = "1/(L*K*R)", to = "1/L"}'))
    cells = Plan(read_sweep(path)).cells
    assert [(cell.tuned["eta"].low, cell.tuned["eta"].high) for cell in cells] == [(0.25, 0.5), (0.0625, 0.5)]


# --- grids that widen -------------------------------------------------------------------------------------------------


def bowl(best: float) -> Any:
    return lambda steps, _replicas: np.log(steps["eta"] / best) ** 2


@pytest.mark.parametrize("best", [1e-4, 0.3, 50.0])
def test_a_grid_widens_until_the_optimum_is_inside(best: float) -> None:
    found = tune({"eta": Tuned(0.1, 1.0)}, bowl(best))
    assert found.interior
    finer = tune_finely({"eta": Tuned(0.1, 1.0)}, bowl(best))
    assert finer.interior
    assert abs(np.log(finer.steps["eta"] / best)) <= abs(np.log(found.steps["eta"] / best))
    assert finer.steps["eta"] == pytest.approx(best, rel=0.1)


def test_a_closed_end_is_a_limit_and_an_open_one_a_guess() -> None:
    limited = tune({"eta": Tuned(0.1, 1.0, closed="high")}, bowl(50.0))
    assert (limited.steps["eta"], limited.interior) == (1.0, True)
    assert tune_finely({"eta": Tuned(0.1, 1.0, closed="high")}, bowl(50.0)).steps["eta"] == 1.0
    stopped = tune({"eta": Tuned(0.1, 1.0, widenings=0)}, bowl(50.0))
    assert not stopped.interior
    below = tune({"eta": Tuned(0.1, 1.0, closed="high")}, bowl(1e-3))
    assert below.interior
    assert below.steps["eta"] == pytest.approx(1e-3, rel=0.5)


def test_a_step_at_the_end_of_its_grid_does_not_contradict_a_true_theorem() -> None:
    """The best step lies far below the guess: the grid of an exponent test widens as that of a sweep does."""
    common: dict[str, Any] = {
        "id": "mine/a",
        "theorem": "koloskova2020/convex",
        "term": "statistical",
        "algorithm": "local-sgd",
        "problem": "random-quadratics",
        "paths": (tr.Path("K", span=100, points=5),),
        "instance": {"d": 2, "mu": 0.001, "tau": 0.0, "zeta_star": 0.0},
        "fixed": {"L": 1, "B": 1, "zeta_star": 0, "M": 8},
        "margin": 10,
    }
    guesses = [
        tr.ExponentTest(**common, tuned={"eta": Tuned(low, 1.0, points=41, widenings=widenings)})
        for low, widenings in ((1e-4, 12), (1e-9, 12), (1e-4, 0))
    ]
    narrow, wide, stuck = (tr.run_exponent_test(guess) for guess in guesses)
    np.testing.assert_allclose(narrow.measured, wide.measured, rtol=1e-3)
    assert bool((narrow.interior > 0).all())
    assert not bool((stuck.interior > 0).any())
    verdicts = [
        tr.judge_exponents(guess, data).status for guess, data in zip(guesses, (narrow, wide, stuck), strict=True)
    ]
    assert verdicts[0] == verdicts[1]
    assert "violated" not in verdicts


def test_what_a_step_at_the_end_of_its_grid_shows_is_open() -> None:
    """The same points that contradict a wrong exponent contradict nothing where the step may not be the best one."""
    claim = CLAIMS["dekel2012/exponent-optimization"]
    right = claim.assertion(Session().data(claim.data[0]))
    assert isinstance(right, Exponents)
    wrong = next(iter(right.mutants().values()))
    assert isinstance(wrong, Exponents)
    assert wrong.check().status == "violated"
    doubtful = {name: replace(path, interior=False) for name, path in wrong.paths.items()}
    verdict = replace(wrong, paths=doubtful).check()
    assert verdict.status == "inconclusive"
    assert "end of its grid" in verdict.sentence


# --- objects where names are taken ------------------------------------------------------------------------------------


def test_objects_are_taken_where_names_are() -> None:
    named = run_sweep(swept({"eta": 0.1}))
    made = run_sweep(swept({"eta": 0.1}, algorithm=ALGORITHMS["local-sgd"], problem=tr.PROBLEMS["random-quadratics"]))
    xr.testing.assert_identical(named.gap_mean, made.gap_mean)
    workers = QuadraticWorkers(np.eye(2)[None, None] * np.ones((1, 2, 1, 1)), np.ones((1, 2, 2)))
    parameters = {"M": 2, "d": 2, "sigma": 0.0}
    own = run_sweep(swept({"eta": 0.1}, problem=workers, parameters=parameters))
    expected = 0.9 ** (2 * KR)
    np.testing.assert_allclose(own.gap_mean, expected * float(workers.gap(np.zeros(2)).max()), rtol=1e-9)


def test_a_sweep_without_noise_is_not_sampled_unless_asked() -> None:
    quiet = swept({"eta": 0.1}, parameters={**GIVEN, "sigma": 0.0}, method="")
    assert quiet.method == "auto"
    found = run_sweep(quiet)
    assert float(found.replicas.max()) == 0
    assert swept({"eta": 0.1}, method="").method == "sample"
    assert swept({"eta": 0.1}, parameters={**GIVEN, "sigma": 0.0}, method="sample").method == "sample"
