"""What `tightrate list` and the shell's completion show, kept on disk: a name is completed without computer algebra."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from platformdirs import user_cache_path

from tightrate.common.errors import unknown_name

if TYPE_CHECKING:
    from tightrate.rates.statements.theorem import Provenance

KINDS = ("papers", "theorems", "claims", "figures", "algorithms", "problems")

Listing = tuple[tuple[str, ...], list[tuple[str, ...]]]


def listing(kind: str, folder: Path | None = None) -> Listing:
    """The columns and the rows of a kind, from the cache while no file of the package has changed since.

    >>> listing("papers")[0]
    ('id', 'authors', 'year', 'title')
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    folder = folder or user_cache_path("tightrate", appauthor=False) / "listings"
    kept, state = folder / f"{kind}.json", _state_of_the_package()
    found = _read(kept, state)
    if found is None:
        found = collected(kind)
        _write(kept, state, found)
    return found


def collected(kind: str) -> Listing:
    """The columns and the rows of a kind, from the registries; formulas in sentences as text."""
    from tightrate.rates.formulas.inline import as_text

    rows: list[tuple[str, ...]]
    if kind == "papers":
        from tightrate.rates.statements.catalogue import paper, paper_ids

        cited = ((name, paper(name).reference) for name in paper_ids())
        rows = [(name, r.authors, str(r.year), r.title) for name, r in cited]
        return ("id", "authors", "year", "title"), rows
    if kind == "theorems":
        from tightrate.rates.statements.catalogue import statements

        found = sorted(statements(), key=lambda one: not one.provenance.checked)  # the others are listed apart
        return ("id", "kind", "source", "title"), [
            (one.id, one.kind, _source(one.provenance), as_text(one.title)) for one in found
        ]
    if kind == "claims":
        from tightrate.verify.registry import CLAIMS

        claims = CLAIMS.entries().values()
        return ("id", "kind", "expected", "statement"), [
            (claim.id, claim.kind, claim.expected, as_text(claim.statement)) for claim in claims
        ]
    if kind == "figures":
        from tightrate.figures.figure import FIGURES

        return ("id", "title"), [(figure.name, as_text(figure.title)) for figure in FIGURES.entries().values()]
    from tightrate.constructions.problem import PROBLEMS
    from tightrate.simulator.algorithm import ALGORITHMS
    from tightrate.simulator.parameters import parameters

    rows = []
    for name, construct in (PROBLEMS if kind == "problems" else ALGORITHMS).entries().items():
        taken = " ".join(p if own.required else f"[{p}]" for p, own in parameters(construct).items())
        rows.append((name, taken, (construct.__doc__ or "").strip().splitlines()[0]))
    return ("id", "parameters", "what"), rows


def _source(provenance: Provenance) -> str:
    """Where a statement is from, in a word or two; what was not compared with its source says so."""
    return provenance.label if provenance.checked else f"not checked ({provenance.label})"


def _state_of_the_package() -> str:
    """A digest of the path, size and time of every file that could be listed; no file is opened."""
    package = Path(__file__).parents[1]
    lines = sorted(f"{path} {size} {changed}" for path, size, changed in _files(str(package)))
    return sha256("\n".join(lines).encode()).hexdigest()


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir():  # the rooms may be links to folders
            if entry.name != "__pycache__":
                yield from _files(entry.path)
        elif entry.name.endswith((".py", ".bib")):
            told = entry.stat()
            yield entry.path, told.st_size, told.st_mtime_ns


def _read(kept: Path, state: str) -> Listing | None:
    try:
        found = json.loads(kept.read_text(encoding="utf-8"))
        if found["state"] != state:
            return None
        return tuple(found["columns"]), [tuple(row) for row in found["rows"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(kept: Path, state: str, found: Listing) -> None:
    """Whole or not at all; a folder that cannot be written costs time and nothing else."""
    columns, rows = found
    beside = kept.with_suffix(f".{os.getpid()}")
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps({"state": state, "columns": columns, "rows": rows}), encoding="utf-8")
        beside.replace(kept)
    except OSError:
        return
