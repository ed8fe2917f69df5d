"""Shared settings: hypothesis is deterministic and has no deadline, so that a slow machine fails no test."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tightrate.common import paper_files
from tightrate.verify.cache.result_cache import FOLDER

settings.register_profile("tightrate", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("tightrate")


@pytest.fixture(scope="session", autouse=True)
def own_results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the results that a user keeps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FOLDER, str(tmp_path_factory.mktemp("results")))
        yield


@pytest.fixture(autouse=True)
def no_papers() -> Iterator[None]:
    """No test knows the papers of another."""
    yield
    for module in paper_files.files():
        paper_files.forget(module)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests run when they are asked for: -m soak."""
    if "soak" in config.getoption("markexpr"):
        return
    for item in items:
        if "soak" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="long: make soak"))
