"""Lists and completion: what is kept on disk is what the registries say, and is not believed for longer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tightrate.common import kept as module
from tightrate.common.checksum import sealed, unsealed
from tightrate.rates.statements.catalogue import symbols_of_bounds, theorem
from tightrate.terminal.listing import KINDS, collected, listing


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_is_what_the_registries_say(kind: str, tmp_path: Path) -> None:
    said = collected(kind)
    assert listing(kind, tmp_path) == said
    assert listing(kind, tmp_path) == said
    assert all(len(row) == len(said[0]) for row in said[1])
    assert not any("$" in cell for row in said[1] for cell in row)


def test_a_kept_list_needs_no_algebra_and_no_numpy(tmp_path: Path) -> None:
    listing("theorems", tmp_path)
    code = (
        "import sys; from pathlib import Path; from tightrate.terminal.listing import listing;"
        f" print(len(listing('theorems', Path({str(tmp_path)!r}))[1]), *{{'sympy', 'numpy'}} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert said == [str(len(collected("theorems")[1]))]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"state": 1}', '{"state": "old", "value": [[], []]}'])
def test_a_damaged_or_old_list_is_made_again(damage: str, tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_text(damage)
    assert listing("papers", tmp_path) == collected("papers")
    assert json.loads((tmp_path / "papers.json").read_text())["value"]


def test_a_change_of_the_package_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing("papers", tmp_path)
    kept = unsealed(json.loads((tmp_path / "papers.json").read_text()))
    (tmp_path / "papers.json").write_text(json.dumps(sealed({**kept, "value": [[], []]})))
    assert listing("papers", tmp_path)[1] == []
    monkeypatch.setattr(module, "state_of_the_package", lambda: "another")
    assert listing("papers", tmp_path) == collected("papers")


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert listing("papers", tmp_path / "file") == collected("papers")


@pytest.mark.parametrize("command", [("evaluate", "patel2024/thm27-explicit"), ("show", "patel2024/thm27")])
def test_a_formula_needs_no_numpy(command: tuple[str, ...]) -> None:
    """Importing numpy takes as long as half of the algebra."""
    name, theorem_id = command
    letters = sorted(theorem(theorem_id).bound.letters) if name == "evaluate" else []
    arguments = ["tightrate", *command, *(f"{letter}=1" for letter in letters)]
    code = (
        f"import sys; sys.argv = {arguments!r}\nfrom tightrate.command_line import main\ntry:\n    main()\n"
        "except SystemExit as done:\n    print(done.code, *{'numpy', 'xarray', 'scipy'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "0"


def test_symbols_of_bounds_are_those_of_the_formulas() -> None:
    kept = symbols_of_bounds("squared-distance")
    assert kept
    assert all(set(theorem(name).bound.letters) == symbols for name, symbols in kept.items())
