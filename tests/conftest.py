"""Shared settings: hypothesis is deterministic and has no deadline, so that a slow machine fails no test."""

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings
from kept_results import kept_session

from tightrate.common import paper_files
from tightrate.verify.cache.result_cache import FOLDER
from tightrate.verify.session import Session

collect_ignore = ["own_methods"]  # papers, which a test loads as its user does

settings.register_profile("tightrate", deadline=None, derandomize=True, max_examples=35)
settings.load_profile("tightrate")


@pytest.fixture(scope="session", autouse=True)
def own_results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the results that a user keeps; all processes of one run of the tests share theirs."""
    own = tmp_path_factory.getbasetemp()
    shared = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "results"
    shared.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(shared))
        if sys.dont_write_bytecode:  # every process that a test starts would compile every module anew
            patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
            patch.setenv("PYTHONPYCACHEPREFIX", str(shared.with_name("compiled")))
        yield


@pytest.fixture(autouse=True)
def no_papers() -> Iterator[None]:
    """No test knows the papers of another."""
    yield
    for module in (one for one in paper_files.loaded() if one.__name__.startswith(paper_files.PACKAGE)):
        paper_files.forget(module)


@pytest.fixture(scope="module")
def session() -> Session:
    """What an experiment gives is computed once in a run of the tests, by whichever test asks first."""
    return kept_session()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests run when they are asked for: -m soak."""
    if "soak" in config.getoption("markexpr"):
        return
    for item in items:
        if "soak" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="long: make soak"))
