"""What is said about every algorithm: its box, its source, its theorems, its parameters."""

from __future__ import annotations

import pytest

from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS, BOX
from tightrate.simulator.parameters import parameters, shares


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_every_algorithm_is_described(name: str) -> None:
    said = ALGORITHMS.describe(name)
    assert said.summary.endswith((".", ":"))
    assert len(said.box.splitlines()) >= 2
    assert not said.box.startswith(" ")
    assert said.source
    assert BOX not in said.remarks
    text = ALGORITHMS[name].__doc__ or ""
    assert text.startswith(said.summary)
    assert all(line.strip() in text for line in said.box.splitlines())
    assert f"\nSource: {said.source}.\nTheorems: " in text
    for parameter in said.parameters:
        assert parameter in LETTERS or parameter.islower()


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_theorems_named_by_an_algorithm_are_in_the_catalogue(name: str) -> None:
    _, _, about = ALGORITHMS[name].__description__
    families = {one.algorithm for one in theorems()}
    for entry in about:
        if "/" in entry:
            assert theorem(entry).id == entry
        else:
            assert entry in families
    found = ALGORITHMS.describe(name).theorems
    assert len(set(found)) == len(found)
    assert {one.id for one in theorems() if one.algorithm == name} <= set(found)


def test_a_box_names_what_its_algorithm_takes() -> None:
    for name in ("local-sgd", "local-adam", "savic", "fedada2", "local-sgd-outer-momentum", "two-stage"):
        said = ALGORITHMS.describe(name)
        for parameter, own in said.parameters.items():
            if parameter in LETTERS and (own.required or isinstance(own.default, float)):
                assert parameter.removesuffix("2") in said.box + said.remarks, (name, parameter)


def test_shared_parameters_belong_to_every_constructor_that_shares_them() -> None:
    def template(*, eta: float, gamma: float = 1.0) -> float:
        return eta * gamma

    @shares(template)
    def variant(*, gamma: float = 2.0, extra: float, **shared: float) -> float:
        return template(gamma=gamma, **shared) + extra

    found = parameters(variant)
    assert {name: own.required for name, own in found.items()} == {"eta": True, "gamma": False, "extra": True}
    assert found["gamma"].default == 2.0
    assert variant(eta=3.0, extra=1.0) == 7.0
