"""Papers of one's own: a file is loaded, and everything in it is looked at before anything runs."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from tightrate.common import paper_files
from tightrate.constructions.noise import NOISES
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Paper
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.verify.claim import Claim
from tightrate.verify.registry import CLAIMS


def load_paper(path: Path | str) -> ModuleType:
    """Load a paper's file, so that everything knows what is in it, and check it: names, formulas, units.

    A file that has changed since is loaded again.  Raises TightrateError, one line with the place in the file, for a
    mistake in it and for a name that is taken.
    """
    module = paper_files.load(path)
    try:
        paper_files.guarded(lambda: check_paper(module))
    except BaseException:
        paper_files.forget(module)
        raise
    return module


def check_paper(module: ModuleType) -> None:
    """Refuse names that are taken, and statements whose formulas cannot be read or whose units disagree."""
    for registry in (ALGORITHMS, PROBLEMS, NOISES, CLAIMS):
        registry.names()
    for paper in papers_of(module):
        for theorem_id in catalogue.theorem_ids(paper.id):
            catalogue.theorem(theorem_id).bound.check_units()


def papers_of(module: ModuleType) -> tuple[Paper, ...]:
    """The papers that a module has."""
    own = [name for name in catalogue.paper_ids() if name not in catalogue.built_in_ids()]
    return tuple(catalogue.paper(name) for name in own if module in catalogue.modules_of(name))


def claims_in(*modules: ModuleType) -> tuple[str, ...]:
    """The names of the claims that modules have, in the order in which they stand there."""
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Claim)]
    return tuple(dict.fromkeys(claim.id for claim in found))
