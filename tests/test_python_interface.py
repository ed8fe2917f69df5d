"""The package as Python sees it: objects and names alike, answers that print, types that an editor knows."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
import sympy
import xarray as xr

import tightrate as tr
from tightrate.common.errors import TightrateError
from tightrate.constructions.quadratics import QuadraticWorkers

SOURCE = Path(tr.__file__)
ROOT = SOURCE.resolve().parents[1]


def seen_by_type_checkers() -> dict[str, str]:
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    found = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {name.asname or name.name: str(node.module) for node in found for name in node.names}


def test_editors_see_what_is_loaded_on_use() -> None:
    assert seen_by_type_checkers() == dict(tr._PUBLIC)
    assert {name: getattr(tr, name) is not None for name in tr.__all__} == dict.fromkeys(tr.__all__, True)
    assert set(dir(tr)) == set(tr.__all__)


def test_every_public_name_is_documented_and_on_the_page_of_the_interface() -> None:
    page = (ROOT / "docs" / "api" / "index.rst").read_text(encoding="utf-8")
    for name in tr.__all__:
        assert f"   tightrate.{name}\n" in page, f"{name} is missing in docs/api/index.rst"
        thing = getattr(tr, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert len((inspect.getdoc(thing) or "").split()) > 3, name


def test_a_bound_is_called_with_numbers_and_arrays() -> None:
    bound = tr.theorem("patel2024/prop7-constant").bound
    np.testing.assert_allclose(bound(L=1, B=1, R=np.array([1, 10])), [1 / 108, 1 / 1080])
    rounds = xr.DataArray([1, 10], dims="R")
    lengths = xr.DataArray([1.0, 2.0], dims="B")
    assert bound(L=1, B=lengths, R=rounds).dims == ("B", "R")
    with pytest.raises(TightrateError, match="missing"):
        bound(L=1)


@pytest.mark.parametrize("turn", range(6))
def test_bounds_are_compared_whatever_they_are_given_as(turn: int) -> None:
    theorem = tr.theorem("dekel2012/convex")
    ways = [theorem.id, theorem, theorem.bound, theorem.bound.expression, tuple(theorem.bound.expressions)]
    ways.append(tr.parse("L*B^2/R + sigma*B/sqrt(M*K*R)"))
    assert tr.compare(ways[turn], ways[(turn + 1) % 6]).relation == "A~B"
    assert tr.compare(ways[turn], "L*B^2/(K*R)").relation == "A>=B"


def test_hypotheses_are_texts_or_objects() -> None:
    first, second = "L*B^2/R", "sigma*B/sqrt(M*K*R)"
    assert tr.compare(first, second).relation == "incomparable"
    K, R, M, L, B, sigma = (tr.LETTERS[name].symbol for name in ("K", "R", "M", "L", "B", "sigma"))
    assumed = sympy.Ge(sigma**2 * R, K * M * (L * B) ** 2)
    for given in ("sigma^2*R >= K*M*(L*B)^2", ["sigma^2*R >= K*M*(L*B)^2"], [assumed]):
        assert tr.compare(first, second, given).relation == "A<=B"
    with pytest.raises(TightrateError, match="inequality"):
        tr.compare(first, second, [sympy.Eq(K, R)])
    with pytest.raises(TightrateError, match="a bound is"):
        tr.compare(3, second)  # type: ignore[arg-type]


def test_rounds_regimes_and_checks_take_text() -> None:
    text = "L*B^2/R + sigma*B/sqrt(M*K*R)"
    by_text = tr.rounds(text, eps=0.1, L=1, B=1, sigma=1, M=4, K=5)
    assert (
        by_text.least == tr.rounds("dekel2012/convex", {"eps": 0.1, "L": 1, "B": 1, "sigma": 1, "M": 4, "K": 5}).least
    )
    assert set(tr.regimes(text)) == {"term 1", "term 2"}
    assert tr.check_bound(text, neighbours=False).units_consistent
    assert not tr.check_bound("L*B/R + sigma*B/sqrt(M*K*R)", neighbours=False).units_consistent


def test_registries_are_mappings_that_search() -> None:
    for registry in (tr.ALGORITHMS, tr.PROBLEMS, tr.NOISES, tr.FIGURES, tr.CLAIMS):
        names = list(registry)
        assert len(names) == len(registry) > 0
        assert names == sorted(names)
        assert names[0] in registry
        assert "nothing" not in registry
        assert registry.get("nothing") is None
        assert names[0] in str(registry)
        assert registry._repr_html_().count("<tr>") == len(names)
    assert "local-adam" in tr.ALGORITHMS.search("adam")
    assert tr.ALGORITHMS.search("no such words") == ()


def test_objects_and_keywords_run_like_names_and_mappings() -> None:
    named = tr.simulate("local-sgd", "rank-one-pair", {"cosine": 0.5, "eta": 1.0, "K": 4, "R": 2})
    made = tr.simulate(tr.ALGORITHMS["local-sgd"], tr.PROBLEMS["rank-one-pair"], cosine=0.5, eta=1.0, K=4, R=2)
    assert named == made
    workers = QuadraticWorkers(np.eye(2)[None, None] * np.ones((1, 2, 1, 1)), np.ones((1, 2, 2)))
    found = tr.simulate("local-sgd", workers, eta=0.5, K=1, R=3)
    start = float(np.max(workers.gap(np.zeros(2))))
    assert found.measures["gap"].mean == pytest.approx(0.5**6 * start)
    against = tr.simulate(
        "local-sgd", "rank-one-pair", cosine=0.5, eta=1, K=4, R=2, theorem=tr.theorem("patel2024/prop7")
    )
    assert against.bound is not None
    with pytest.raises(TightrateError, match="not in the registry"):
        tr.simulate(dict, "rank-one-pair", eta=1)  # type: ignore[arg-type]


def test_a_claim_is_judged_by_its_id() -> None:
    assert tr.judge("patel2024/coordinate-pair").as_expected
    with pytest.raises(TightrateError, match="unknown claim"):
        tr.judge("patel2024/nothing")


def test_an_exponent_test_takes_a_theorem() -> None:
    common = {
        "id": "mine/rounds",
        "term": "optimization",
        "algorithm": "minibatch-sgd",
        "problem": "log-spaced-quadratic",
        "instance": {"mu": 1e-20, "d": 50},
        "output": "average",
        "fixed": {"sigma": 0, "M": 1, "K": 4},
        "paths": (tr.Path("R", 1e3, points=5),),
    }
    by_id = tr.ExponentTest(theorem="dekel2012/explicit", **common)
    by_object = tr.ExponentTest(theorem=tr.theorem("dekel2012/explicit"), **common)
    assert by_id.side == by_object.side
    data = tr.run_exponent_test(by_object)
    assert data.attrs["theorem"] == "dekel2012/explicit"
    assert tr.judge_exponents(by_object, data).status == tr.judge_exponents(by_id, data).status == "consistent"


def test_what_comes_back_prints_and_shows() -> None:
    theorem = tr.theorem("dekel2012/convex")
    assert str(theorem.bound) == "gap ≲ L B²/R + σ B/√(M K R)"
    assert str(theorem).startswith("dekel2012/convex")
    run = tr.simulate("local-sgd", "rank-one-pair", cosine=0.5, eta=1, K=4, R=2)
    finding = tr.judge("patel2024/coordinate-pair")
    comparison = tr.compare("L*B^2/R", "L*B^2/(K*R)")
    for answer in (theorem.bound, theorem, run, finding, finding.verdict, comparison):
        assert "object at 0x" not in str(answer)
        assert len(str(answer)) < 3000
        assert answer._repr_html_().startswith("<")
    assert "A>=B" in str(comparison)
    assert "gap" in str(run)


def test_a_checked_bound_and_a_number_of_rounds_print_and_show() -> None:
    checked = tr.check_bound("L*B^2/R + sigma*B/sqrt(M*K*R)", measure="gap")
    said = str(checked).splitlines()
    assert said[0] == "term 1: L B²/R (unit value)"
    assert "units: agree" in said
    assert "term 1 is largest where: K >~ sigma^2*R/(L^2*B^2*M)" in said
    assert any(one.startswith("it agrees with the upper bounds: ") and "dekel2012/convex" in one for one in said)
    assert "<math" in checked._repr_html_()
    wrong = tr.check_bound("L*B^2/R + sigma/R", neighbours=False)
    assert "units: do not agree" in str(wrong)
    answer = tr.rounds("L*B^2/R", eps=0.1, L=1, B=1)
    assert str(answer).splitlines()[:2] == ["rounds, up to constants: L B²/ϵ", "rounds at these values: 10"]
    assert "<math" in answer._repr_html_()


def test_the_example_of_the_package_runs() -> None:
    assert doctest.testmod(tr).failed == 0


def described(thing: object) -> tuple[set[str], str]:
    """The parameters or fields of a function or class, and its docstring."""
    try:
        names = {name for name in inspect.signature(thing).parameters if not name.startswith("_")}  # type: ignore[arg-type]
    except ValueError:
        names = set()
    return names - {"args", "kwargs"}, inspect.getdoc(thing) or ""


def says(documentation: str, name: str) -> bool:
    """Whether a parameter stands in backquotes, or with its meaning in a list of arguments or attributes."""
    return f"`{name}`" in documentation or re.search(rf"^    {name}: \S", documentation, re.MULTILINE) is not None


@pytest.mark.parametrize("name", [name for name in tr.__all__ if callable(getattr(tr, name))])
def test_every_public_name_tells_parameters_result_and_an_example(name: str) -> None:
    thing = getattr(tr, name)
    names, documentation = described(thing)
    assert ">>> " in documentation
    assert [one for one in names if not says(documentation, one)] == []
    if inspect.isfunction(thing):
        assert "\nReturns:\n" in documentation
        assert not names or "\nArgs:\n" in documentation
        assert "\nRaises:\n" in documentation or name in ("paper_ids", "round_map", "worker_mean")


def test_a_parameter_that_is_not_told_is_noticed() -> None:
    assert says("Args:\n    first: the one", "first")
    assert not says("Args:\n    first: the one", "second")
    assert not says("Args:\n    first: the other is second", "second")
