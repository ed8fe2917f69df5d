"""The README and the tutorials show what their commands print."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REFRESH = runpy.run_path(str(ROOT / "docs" / "refresh.py"))
PAGES = [str(page.relative_to(ROOT)) for page in REFRESH["pages"]()]


@pytest.mark.parametrize("name", PAGES)
def test_every_block_is_what_its_command_prints(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for block in REFRESH["BLOCK"].finditer(text):
        assert block["output"] == REFRESH["output_of"](block["command"]), block["command"]


def test_the_pages_quote_commands() -> None:
    quoted = {name: len(list(REFRESH["BLOCK"].finditer((ROOT / name).read_text(encoding="utf-8")))) for name in PAGES}
    assert quoted["README.md"] >= 1
    assert quoted["docs/tour.md"] >= 6
    assert sum(quoted.values()) >= 10


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < 150


def test_a_block_that_ends_in_an_error_stops_the_refresh() -> None:
    with pytest.raises(SystemExit, match="status 2"):
        REFRESH["output_of"]("show patel2024/nothing")


def test_the_tally_is_that_of_the_kept_verdicts() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"<!-- tally -->\n{REFRESH['tally']()}<!-- /tally -->" in text
