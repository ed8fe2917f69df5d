"""Staleness: whoever edits a search, a claim, an algorithm or a mutant makes old what was computed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tightrate.common.registry import modules_in
from tightrate.figures.figure import FIGURES, save, staleness
from tightrate.verify.cache import code_digest as digests
from tightrate.verify.claim import experiments_of
from tightrate.verify.experiment import Experiment
from tightrate.verify.falsification.search import SEARCHES
from tightrate.verify.mutation.experiment import counted, power
from tightrate.verify.mutation.mutants import JudgedMutant
from tightrate.verify.mutation.suite import PowerReport
from tightrate.verify.registry import claims_of

INSTANCES = "tightrate.verify.falsification.instances"
UNRELATED = "tightrate.figures.style"
REACHED_BY_POWER = (
    INSTANCES,
    "tightrate.verify.papers",
    "tightrate.verify.mutation",
    "tightrate.verify.assertions",
    "tightrate.simulator.algorithms",
    "tightrate.rates.papers",
)
Edit = Callable[[str], None]


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Pretend that a module has one more comment."""
    source_of = digests.source_of

    def pretend(module: str) -> None:
        monkeypatch.setattr(digests, "source_of", lambda name: source_of(name) + b"# edited\n" * (name == module))

    return pretend


def code_of(experiment: Experiment) -> str:
    return str(experiment.origin("quick", 0)["code"])


def uses_searches(experiment: Experiment) -> Iterator[str]:
    """The modules of searches that an experiment's own module names, all of them where it goes through the registry."""
    for value in vars(import_module(experiment.module)).values():
        if value is SEARCHES:
            yield from modules_in(INSTANCES)
        elif (home := str(getattr(value, "__module__", ""))).startswith(f"{INSTANCES}."):
            yield home


EXPERIMENTS = {one.name: one for one in experiments_of(claims_of("full", "*"))}
USERS = {name: sorted(set(uses_searches(one))) for name, one in EXPERIMENTS.items() if any(uses_searches(one))}


@pytest.mark.parametrize("package", REACHED_BY_POWER)
def test_the_power_experiment_depends_on_every_module_that_it_judges_with(package: str, edit: Edit) -> None:
    assert set(modules_in(package)) <= digests.reached([power.module])
    before = code_of(power)
    edit(next(modules_in(package)))
    assert code_of(power) != before


def test_an_edited_search_makes_every_experiment_stale_that_uses_it(edit: Edit) -> None:
    assert USERS, "no experiment takes its instances from a search"
    for name, modules in USERS.items():
        for module in modules:
            assert module in digests.reached([EXPERIMENTS[name].module]), (name, module)
        before = code_of(EXPERIMENTS[name])
        edit(modules[0])
        assert code_of(EXPERIMENTS[name]) != before, name


def test_an_unrelated_module_makes_nothing_stale(edit: Edit) -> None:
    before = {name: code_of(one) for name, one in {**EXPERIMENTS, power.name: power}.items()}
    edit(UNRELATED)
    assert {name: code_of(one) for name, one in {**EXPERIMENTS, power.name: power}.items()} == before


def test_a_search_is_no_concern_of_experiments_without_one(edit: Edit) -> None:
    search = next(modules_in(INSTANCES))
    free = [one for name, one in EXPERIMENTS.items() if search not in digests.reached([one.module])]
    assert len(free) > len(USERS)
    assert not {one.name for one in free} & {name for name, modules in USERS.items() if search in modules}
    before = [code_of(one) for one in free]
    edit(search)
    assert [code_of(one) for one in free] == before


def test_the_power_figure_says_that_it_is_stale(tmp_path: Path, edit: Edit) -> None:
    spec = next(one for one in FIGURES.entries().values() if one.experiment is power)
    judged = [JudgedMutant("exponent off", "it", "changed", "contradicted", True, "values")] * 3
    data = counted(PowerReport(tuple(judged), 1.0)).assign_attrs(power.origin("full", 0))
    save(spec, data, tmp_path, ("svg",))
    assert staleness(spec, tmp_path) is None
    edit(UNRELATED)
    assert staleness(spec, tmp_path) is None
    edit(f"{INSTANCES}.kinked_functions")
    assert "has changed since" in (staleness(spec, tmp_path) or "")
