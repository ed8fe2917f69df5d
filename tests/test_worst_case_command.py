"""`tightrate worst-case`: its contract, its three conclusions, and what it refuses in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from tightrate.command_line import application, main
from tightrate.common.errors import TightrateError
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.worst_case import programme as programmes
from tightrate.simulator.worst_case import worst_case as module
from tightrate.simulator.worst_case.worst_case import worst_case
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session

pytest.importorskip("clarabel")
GD = ("local-sgd", "K=1", "R=2", "M=1", "eta=1")


def run(*arguments: str) -> tuple[int, Any]:
    """The exit status, and what is printed as JSON."""
    done = CliRunner().invoke(
        application(), ["worst-case", *arguments, "--json"], standalone_mode=False, catch_exceptions=False
    )
    return int(done.return_value), json.loads(done.stdout)


def test_json_has_the_interval_and_what_it_is_of() -> None:
    status, found = run(*GD)
    assert status == 0
    assert set(found) == {"lower", "upper", "status", "residuals", "params"}
    assert found["status"] == "solved"
    assert found["lower"] <= 0.1 <= found["upper"]
    assert found["upper"] == pytest.approx(0.1, rel=1e-6)
    assert found["params"]["eta"] == 1
    assert all(size < 1e-6 for size in found["residuals"].values())


@pytest.mark.parametrize(
    ("factor", "conclusion", "status"),
    [(1.1, "certified at these sizes", 0), (1.0, "open", 0), (0.5, "refuted", 1)],
)
def test_the_three_conclusions(factor: float, conclusion: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """dekel2012/fixed-step at 1/L is attained: larger it is certified, by itself open, off by 2 refuted."""
    honest = theorem("dekel2012/fixed-step")
    terms = tuple(Term(term.name, factor * term.expression) for term in honest.bound.terms)
    changed = replace(honest, bound=replace(honest.bound, terms=terms))
    monkeypatch.setattr("tightrate.rates.statements.catalogue.theorem", lambda _: changed)
    given = ("K=3", "R=4", "eta=1", "--output", "average", "--against", "dekel2012/fixed-step")
    exit_status, found = run("minibatch-sgd", *given)
    assert exit_status == status
    assert found["conclusion"] == conclusion
    assert found["ratio"] == pytest.approx(1 / factor, rel=1e-5)
    assert {"bound", "ratio", "conclusion"} <= set(found)


def test_the_file_holds_a_proof_and_functions_that_attain_it(tmp_path: Path) -> None:
    """The proof is checked without the solver, the functions are run by the simulator."""
    out = tmp_path / "found.json"
    _, found = run("local-sgd", "K=2", "R=2", "M=2", "eta=1", "--out", str(out))
    command = [sys.executable, "-m", "tightrate.simulator.worst_case.certificate", str(out)]
    checked = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(checked.stdout.split()[-1]) == found["upper"]
    functions = PROBLEMS["interpolated-functions"](file=str(out))
    last = sample(local_sgd(eta=1.0), functions, K=2, R=2).last
    assert float(functions.gap(last)[0]) == pytest.approx(found["upper"], rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("local-sgd", "R=2", "eta=1"), "missing K"),
        (("local-sgd", "K=2", "R=2"), "missing eta"),
        (("local-sdg", "K=2", "R=2", "eta=1"), "local-sgd"),
        (("local-adam", "K=2", "R=2", "eta=1"), "not linear"),
        ((*GD, "--measure", "distances"), "unknown measure"),
        ((*GD, "--output", "best"), "unknown output"),
        ((*GD, "--class", "smooth"), "unknown class"),
        ((*GD, "sigma=1"), "without noise"),
        ((*GD, "zeta=1"), "zeta"),
        ((*GD, "--class", "common-optimum"), "does not go with M=1"),
        (("local-sgd", "K=2", "R=2", "eta=1", "--class", "heterogeneous"), "missing zeta_star"),
        (("local-sgd", "K=2", "R=2", "eta=1", "M=2", "--class", "one-worker"), "does not go with M=2"),
        (("local-sgd", "K=2", "R=2", "eta=1", "zeta_star=1", "--class", "common-optimum"), "zeta_star=0"),
        (("local-sgd", "K=64", "R=64", "eta=1"), "GiB"),
        (("local-sgd", "K=inf", "R=2", "eta=1"), "positive integer"),
        (("local-sgd", "K=2", "R=-1", "eta=1"), "positive integer"),
        (("local-sgd", "K=2", "R=2", "M=1.5", "eta=1"), "positive integer"),
        (("local-sgd", "K=2", "R=2", "eta=1", "L=0"), "L must be positive"),
        (("local-sgd", "K=2", "R=2", "eta=1", "B=-1"), "B must be positive"),
        (("local-sgd", "K=2", "R=2", "eta=1", "mu=nan"), "mu"),
        (("local-sgd", "K=2", "R=2", "eta=one"), "eta"),
        ((*GD, "--against", "patel2024/nothing"), "unknown theorem"),
        ((*GD, "--against", "patel2024/thm9"), "hides its constants"),
        ((*GD, "--against", "dekel2012/fixed-step", "--output", "average"), "about minibatch-sgd, not"),
        ((*GD, "--against", "khaled2025/thm1-safe"), "give --output average"),
        ((*GD, "--against", "chezhegov2024/local-id-sc"), "squared-distance"),
        (("local-sgd", "K=2", "R=2", "eta=-1", "--tune", "eta"), "positive"),
        (("local-sgd", "K=2", "R=2", "eta=1", "M=1e9", "--out", "f.json"), "functions of M = 1000000000 workers"),
        (("local-sgd", "K=2", "R=2", "eta=1", "--tune", "K"), "K is no step of the method"),
        (("local-sgd", "K=2", "R=2", "eta=1,2", "--tune", "gamma"), "--tune is for one worst case: give eta one value"),
        (("local-sgd", "K=2,3", "R=2", "eta=1", "--out", "f.json"), "--out is for one worst case: give K one value"),
        (("local-sgd", "K=2", "R=2", "eta=1,-2"), "eta must be positive and finite, not -2"),
        (("local-sgd", "K=2", "R=2", "eta=1,"), "eta must be a number"),
        (("local-sgd", "K=2", "R=2", "eta=1", "M=1,2", "--class", "one-worker"), "does not go with M=2"),
        (("local-sgd", "K=2", "R=2", "eta=1", "zeta_star=0,1", "--class", "heterogeneous"), "missing zeta_star"),
        (("local-sgd", "K=2,64", "R=64", "eta=1"), "GiB"),
        (("local-sgd", "K=2", "R=2", "eta=1", "sigma=0,1"), "without noise"),
        (("local-sgd-schedule-free", "K=2", "R=2", "eta=1", "counts_the_start=2"), "true or false"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(
    arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tightrate", "worst-case", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


# --- Lists -----------------------------------------------------------------------------------------------------------


def test_lists_are_a_table_with_the_theorem_beside_every_worst_case() -> None:
    """Gradient descent's 1/(4 eta R + 2) at every step and number of rounds, last name fastest."""
    status, found = run("local-sgd", "K=1", "R=1,3", "M=1", "eta=0.5,1")
    assert (status, found["axes"]) == (0, {"R": [1, 3], "eta": [0.5, 1]})
    np.testing.assert_allclose(found["upper"], [[1 / 4, 1 / 6], [1 / 8, 1 / 14]], rtol=1e-6)
    assert found["params"] == {
        "algorithm": "local-sgd", "measure": "gap", "output": "last", "K": 1, "M": 1, "L": 1, "mu": 0, "B": 1,
        "zeta_star": 0,
    }  # fmt: skip
    compared = ("--against", "patel2024/prop7-constant")
    status, found = run("local-sgd", "K=2", "R=2", "eta=0.5,1", *compared)
    assert (status, found["theorem"]) == (0, "patel2024/prop7-constant")
    assert found["conclusion"] == ["certified at these sizes"] * 2
    np.testing.assert_allclose(found["ratio"], [108 * 2 / 10, 108 * 2 / 18], rtol=1e-6)  # 1/(4 eta K R + 2)
    arguments = ["worst-case", "local-sgd", "K=2", "R=2", "eta=0.5,1", *compared]
    page = CliRunner().invoke(application(), arguments, catch_exceptions=False)
    assert page.stdout.count("certified") == 2


# --- Status, not a crash ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eta", [10.0, 1e6])
def test_steps_far_beyond_2_over_l_are_a_status(eta: float) -> None:
    found = worst_case("local-sgd", K=2, R=2, eta=eta)
    assert found.status in ("unbounded", "not solved")
    assert found.upper == np.inf
    assert not found.decided


def test_a_missing_solver_is_one_line_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own method needs none; what it does not solve does, and so do the functions that attain the value."""
    monkeypatch.setitem(sys.modules, "clarabel", None)
    found = worst_case("local-sgd", K=2, R=2, M=2, eta=1.0)
    assert found.decided
    with pytest.raises(TightrateError, match=r"\.\[exact\]"):
        found.witness.gap(np.zeros(found.witness.dimension))
    with pytest.raises(TightrateError, match=r"\.\[exact\]"):
        worst_case("local-sgd", K=2, R=2, eta=1e6)


def test_a_claim_without_the_solver_is_not_applicable(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = CLAIMS["dekel2012/fixed-step-exact-worst-case"]
    monkeypatch.setitem(sys.modules, "clarabel", None)
    monkeypatch.setattr(module, "solve", partial(programmes.solve, clarabel=True))
    verdict = claim.assertion(claim.data[0](Session())).check()
    assert verdict.status == "not-applicable"
    assert ".[exact]" in verdict.sentence


# --- Known values ----------------------------------------------------------------------------------------------------


def test_the_number_of_workers_plays_no_part_with_a_common_optimum_and_one_local_step() -> None:
    one, two, many = (worst_case("local-sgd", K=1, R=3, M=M, eta=0.9).upper for M in (1, 2, float("inf")))
    assert one == pytest.approx(two, rel=1e-6)
    assert two == many


@pytest.mark.parametrize(("K", "R"), [(2, 2), (3, 1)])
def test_on_one_worker_local_steps_are_steps_of_gradient_descent(K: int, R: int) -> None:
    """(1 - eta mu)^(2 K R) in the squared distance, at any eta up to 2/(L + mu)."""
    found = worst_case("local-sgd", K=K, R=R, M=1, eta=1.2, mu=0.2, measure="squared-distance")
    assert found.upper == pytest.approx((1 - 1.2 * 0.2) ** (2 * K * R), rel=1e-6)


def test_the_squared_gradient_of_gradient_descent() -> None:
    """L^2 B^2/(R + 1)^2 at 1/L (Taylor, Hendrickx and Glineur 2017)."""
    found = worst_case("local-sgd", K=1, R=3, M=1, eta=1.0, measure="squared-gradient")
    assert found.upper == pytest.approx(1 / 16, rel=1e-6)


def test_a_stronger_assumption_is_no_worse() -> None:
    values = [worst_case("local-sgd", K=2, R=2, eta=0.8, mu=mu).upper for mu in (0.0, 0.05, 0.2, 0.5)]
    assert values == sorted(values, reverse=True)
