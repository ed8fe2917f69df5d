"""Grids of worst cases, theorems beside them, and the search that asks them first."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from tightrate.command_line import application
from tightrate.common.errors import TightrateError
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.worst_case.worst_case import tuned_worst_case
from tightrate.simulator.worst_case.worst_case import worst_case as one_worst_case
from tightrate.terminal.documents import json_text
from tightrate.verify.exact_worst_case import against
from tightrate.verify.falsification.falsify import falsification_as_json, falsify
from tightrate.verify.falsification.search import SEARCHES
from tightrate.verify.papers.exact_minimax import best_gradient_descent
from tightrate.verify.worst_case_sweep import worst_case

pytest.importorskip("clarabel")


def scaled(found: Theorem, factor: float) -> Theorem:
    terms = tuple(Term(term.name, factor * term.expression) for term in found.bound.terms)
    return replace(found, bound=replace(found.bound, terms=terms))


# --- Grids -----------------------------------------------------------------------------------------------------------


def grid(**more: Any) -> xr.Dataset:
    found = worst_case("local-sgd", K=2, R=2, gamma=[1.0, 1.2], eta=np.linspace(0.4, 1.0, 4), **more)
    assert isinstance(found, xr.Dataset)
    return found


def test_a_grid_of_steps_has_the_worst_case_of_each_wherever_it_runs() -> None:
    found = grid()
    assert found.upper.dims == ("gamma", "eta")
    assert (found.status == "solved").all()
    for gamma in found.gamma.values:
        for eta in found.eta.values:
            alone = one_worst_case("local-sgd", K=2, R=2, eta=float(eta), gamma=float(gamma))
            assert float(found.upper.sel(gamma=gamma, eta=eta)) == pytest.approx(alone.upper, rel=1e-6)
    xr.testing.assert_identical(found, grid(jobs=2))


def test_gradient_descent_on_a_grid() -> None:
    """L B^2/(4 eta L R + 2) up to the step 1/L (Drori and Teboulle 2014)."""
    eta = np.array([0.25, 0.5, 1.0])
    found = worst_case("local-sgd", K=1, R=[1, 3], M=1, eta=eta)
    expected = 1 / (4 * eta * np.array([[1.0], [3.0]]) + 2)
    np.testing.assert_allclose(found.upper, expected, rtol=1e-6)


def test_a_grid_has_steps_that_diverge() -> None:
    """|1 - 3| > 1: over quadratics alone the gap grows without a bound in R; here it is as large as it can be."""
    found = worst_case("local-sgd", K=1, R=2, M=1, eta=[1.0, 3.0], measure="squared-distance")
    assert float(found.upper.sel(eta=3.0)) == pytest.approx((1 - 3.0) ** 4, rel=1e-6)


@pytest.mark.parametrize(
    ("bad", "message"), [({"eta": [[1.0]]}, "list of numbers"), ({"eta": ["a"]}, "list of numbers")]
)
def test_what_is_no_grid_is_refused(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(TightrateError, match=message):
        worst_case("local-sgd", K=1, R=1, **bad)


def test_a_method_that_is_a_batch_is_refused() -> None:
    """Its worst case would be that of the first."""
    with pytest.raises(TightrateError, match="several values of a parameter"):
        one_worst_case(local_sgd(eta=[0.5, 1.0]), K=1, R=1)
    with pytest.raises(TightrateError, match="eta must be a number"):
        one_worst_case("local-sgd", eta=[0.5, 1.0], K=1, R=1)


def test_what_fails_on_a_grid_is_one_line() -> None:
    with pytest.raises(TightrateError, match="positive integer"):
        worst_case("local-sgd", K=[1, 2.5], R=1, eta=1.0)


def test_the_tuned_steps_are_those_of_a_grid() -> None:
    """Two searches that share no code; and for one local step the closed form of gradient descent's best step."""
    best = tuned_worst_case("local-sgd", {"eta": 1.0, "gamma": 1.2}, tolerance=1e-3, K=2, R=1)
    found = worst_case("local-sgd", K=2, R=1, gamma=np.linspace(1.15, 1.3, 4), eta=np.linspace(1.1, 1.25, 4))
    assert best.worst.upper <= float(found.upper.min()) <= 1.01 * best.worst.lower
    one = tuned_worst_case("local-sgd", {"eta": 1.2}, K=1, R=2)
    assert one.worst.upper == pytest.approx(best_gradient_descent(2), rel=1e-4)


# --- Classes ---------------------------------------------------------------------------------------------------------


def test_a_smaller_class_certifies_nothing() -> None:
    """Strong convexity that the theorem does not assume."""
    found = theorem("khaled2025/thm1-safe")
    convex = one_worst_case("local-sgd", K=2, R=3, M=1, eta=0.25, output="average")
    strongly = one_worst_case("local-sgd", K=2, R=3, M=1, eta=0.25, output="average", mu=0.5)
    assert against(found, convex).conclusion == "certified at these sizes"
    assert against(found, strongly).conclusion == "open"


def test_a_larger_class_refutes_nothing() -> None:
    """Identical workers, against workers that only share their optimum; a bound for quadratics, against all."""
    apart = one_worst_case("local-sgd", K=4, R=2, eta=0.25, output="average")
    mutant = scaled(theorem("khaled2025/thm1-safe"), 1e-3)
    assert against(mutant, replace(apart, parameters={**apart.parameters, "M": 2})).conclusion == "open"
    alone = one_worst_case("local-sgd", K=2, R=3, M=1, eta=0.25, output="average")
    assert against(mutant, alone).conclusion == "refuted"
    quadratics = scaled(theorem("woodworth2020a/quadratic"), 1e-3)
    large = one_worst_case("local-sgd", K=1, R=2, M=1, eta=1.0, output="average")
    assert against(quadratics, large).conclusion == "open"


def test_without_noise_the_gradients_at_the_optimum_are_what_workers_differ_by() -> None:
    """In khaled2020/thm5 heterogeneity is a part of sigma_star, which is not 0 where the noise is."""
    worst = one_worst_case("local-sgd", K=2, R=2, M=2, eta=1 / 8, zeta_star=2.0, output="average")
    said = against(theorem("khaled2020/thm5"), worst)
    assert said.conclusion == "certified at these sizes"
    common = one_worst_case("local-sgd", K=2, R=2, M=2, eta=1 / 8, output="average")
    assert said.bound > against(theorem("khaled2020/thm5"), common).bound


def test_a_lower_bound_is_not_certified_by_functions_outside_its_class() -> None:
    """Proposition 7 is about a common optimum."""
    apart = one_worst_case("local-sgd", K=4, R=2, M=2, eta=1.0, zeta_star=0.5)
    assert against(theorem("patel2024/prop7-constant"), apart).conclusion == "open"
    common = against(theorem("patel2024/prop7-constant"), one_worst_case("local-sgd", K=4, R=2, M=2, eta=1.0))
    assert common.conclusion == "certified at these sizes"
    assert "Q = 0" in common.reason


# --- falsify ---------------------------------------------------------------------------------------------------------


def test_a_wrong_bound_is_refuted_by_the_functions_that_attain_the_worst_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """dekel2012/fixed-step is attained, so that half of it is wrong; it is not even searched."""
    name = next(name for name, search in SEARCHES.entries().items() if search.theorem_id == "dekel2012/fixed-step")
    wrong = replace(SEARCHES[name], altered=lambda found: scaled(found, 0.5))
    monkeypatch.setattr("tightrate.verify.falsification.falsify.searches_for", lambda _: (wrong,))
    monkeypatch.setattr("tightrate.verify.falsification.falsify.run_search", None)
    (found,) = falsify("dekel2012/fixed-step", evaluations=64)
    assert found.verdict.status == "violated"
    assert found.verdict.evidence["extreme ratio"] == pytest.approx(2, rel=1e-5)
    assert found.command.startswith("tightrate worst-case minibatch-sgd K=")
    document = json.loads(json_text(falsification_as_json(found)))
    assert (document["verdict"], document["ratio"]) == ("violated", pytest.approx(2, rel=1e-5))
    done = CliRunner().invoke(application(), ["falsify", "dekel2012/fixed-step"], catch_exceptions=False)
    assert "tightrate worst-case minibatch-sgd" in done.output


def test_a_right_bound_is_searched_as_before() -> None:
    (found,) = falsify("dekel2012/fixed-step", evaluations=64)
    assert found.verdict.status == "consistent"
    assert found.command == ""
