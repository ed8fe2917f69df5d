"""What `tightrate list` and the shell's completion show, kept on disk: a name is completed without computer algebra."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from tightrate.common.errors import LISTS, TightrateError, UnknownNameError, unknown_name
from tightrate.common.kept import kept
from tightrate.common.paper_files import digest, loaded

if TYPE_CHECKING:
    from tightrate.rates.statements.theorem import Provenance

KINDS: Mapping[str, str] = {
    "papers": "papers of the catalogue",
    "theorems": "statements, each with its bound",
    "claims": "sentences that `tightrate verify` judges",
    "figures": "pictures that `tightrate figure` draws",
    "algorithms": "methods that are run",
    "problems": "what they are run on",
    "noises": "laws of the gradient noise",
    "symbols": "the letters of bounds",
    "measures": "what bounds are about and runs are measured by",
    "parameters": "what a run takes as NAME=VALUE",
}
SHOWN: Mapping[str, tuple[str, ...]] = {
    "theorems": ("id", "kind", "source", "title"),
    "claims": ("id", "expected", "theorem", "statement"),
    "figures": ("id", "title"),
    "algorithms": ("id", "parameters", "what"),
}
"""The columns that a person sees, where --json has more."""

GAP = "  "
SHORTEST_LINE = 7  # of a column that is broken, however narrow the terminal
WILD = "*?["
MOST_NEAR = 8  # claims about a theorem that a message names

Row = tuple[str, ...]
Listing = tuple[tuple[str, ...], Sequence[Row]]


def listing(kind: str, folder: Path | None = None) -> Listing:
    """The columns and the rows of a kind, from the cache while no file of the package has changed since.

    Papers of one's own are looked through every time.

    >>> listing("papers")[0]
    ('id', 'authors', 'year', 'title')
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    if loaded():
        return _with_papers(kind, digest())
    columns, rows = kept(kind, lambda: collected(kind), folder)
    return tuple(columns), [tuple(row) for row in rows]


@lru_cache(maxsize=len(KINDS))
def _with_papers(kind: str, _papers: str) -> Listing:
    """The rows of a kind while papers of one's own are as they are."""
    return collected(kind)


def collected(kind: str) -> Listing:
    """The columns and the rows of a kind, from the registries; formulas in sentences as text."""
    return COLLECTED[kind]()


def in_own_letters(kind: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Rows of theorems or claims whose sentence, the last column, is in the letters of their paper."""
    from tightrate.rates.formulas.inline import as_text
    from tightrate.rates.statements.catalogue import theorem
    from tightrate.verify.registry import CLAIMS

    if kind not in ("theorems", "claims"):
        raise TightrateError(f"--letters paper is for theorems and claims: {kind} speak of no single paper")
    told = []
    for row in rows:
        claim = CLAIMS[row[0]] if kind == "claims" else None
        about = claim.theorem if claim else theorem(row[0])
        told.append((*row[:-1], as_text(claim.told if claim else about.title, about.letters)))
    return told


def _papers() -> Listing:
    from tightrate.rates.statements.catalogue import paper, paper_ids

    cited = ((name, paper(name).reference) for name in paper_ids())
    return ("id", "authors", "year", "title"), [(name, r.authors, str(r.year), r.title) for name, r in cited]


def _theorems() -> Listing:
    from tightrate.rates.formulas.inline import as_text
    from tightrate.rates.statements.catalogue import statements

    found = sorted(statements(), key=lambda one: not one.provenance.checked)  # the others are listed apart
    return ("id", "kind", "constants", "measure", "algorithm", "source", "title"), [
        (one.id, one.kind, one.constants, one.measure, one.algorithm, _source(one.provenance), as_text(one.title))
        for one in found
    ]


def _claims() -> Listing:
    from tightrate.rates.formulas.inline import as_text
    from tightrate.rates.statements.builder import Statement
    from tightrate.rates.statements.catalogue import statement
    from tightrate.verify.registry import CLAIMS

    rows = []
    for claim in CLAIMS.entries().values():
        about = claim.own_theorem or statement(claim.theorem_id)
        measure = about.measure if isinstance(about, Statement) else about.bound.measure.name
        rows.append((claim.id, claim.kind, claim.expected, about.id, measure, about.algorithm, as_text(claim.told)))
    return ("id", "kind", "expected", "theorem", "measure", "algorithm", "statement"), rows


def _figures() -> Listing:
    from tightrate.figures.figure import FIGURES
    from tightrate.rates.formulas.inline import as_text

    found = FIGURES.entries().values()
    return ("id", "theorem", "title"), [(figure.name, figure.letters_of, as_text(figure.title)) for figure in found]


def _algorithms() -> Listing:
    from tightrate.rates.formulas.inline import as_text
    from tightrate.simulator.algorithm import ALGORITHMS

    rows = []
    for name, construct in ALGORITHMS.entries().items():
        found = ALGORITHMS.describe(name)
        rows.append((name, _taken(construct), " ".join(found.theorems), as_text(found.summary)))
    return ("id", "parameters", "theorems", "what"), rows


def _problems() -> Listing:
    from tightrate.constructions.problem import PROBLEMS

    return _constructors(PROBLEMS.entries())


def _noises() -> Listing:
    from tightrate.simulator.by_name import noise_constructor, noise_names

    return _constructors({name: noise_constructor(name) for name in noise_names()})


def _constructors(found: Mapping[str, Callable[..., object]]) -> Listing:
    from tightrate.rates.formulas.inline import as_text

    return ("id", "parameters", "what"), [
        (name, _taken(construct), as_text((construct.__doc__ or "").strip().splitlines()[0]))
        for name, construct in found.items()
    ]


def _taken(construct: Callable[..., object]) -> str:
    """The parameters of a constructor, those with a default in brackets."""
    from tightrate.simulator.parameters import parameters

    return " ".join(name if own.required else f"[{name}]" for name, own in parameters(construct).items())


def _symbols() -> Listing:
    from tightrate.rates.formulas.inline import as_text
    from tightrate.rates.symbols.alphabet import LETTERS

    return ("id", "sign", "unit", "meaning"), [
        (name, as_text(f"${name}$"), str(one.unit), as_text(one.meaning)) for name, one in LETTERS.items()
    ]


def _measures() -> Listing:
    from tightrate.rates.formulas.inline import as_text
    from tightrate.rates.statements.measures import MEASURES as OF_BOUNDS
    from tightrate.simulator.measures import MEASURES as OF_RUNS

    rows = []
    for name in dict.fromkeys((*OF_RUNS, *OF_BOUNDS)):
        one = OF_RUNS[name] if name in OF_RUNS else OF_BOUNDS[name]
        of = " and ".join(what for what, known in (("runs", OF_RUNS), ("bounds", OF_BOUNDS)) if name in known)
        rows.append((name, of, str(one.unit), as_text(one.meaning)))
    return ("id", "of", "unit", "meaning"), rows


def _parameters() -> Listing:
    from tightrate.rates.formulas.inline import as_text
    from tightrate.simulator.parameter_meanings import meaning_of_parameter, owners_of_parameters

    return ("id", "of", "meaning"), [
        (name, " ".join(owners), as_text(meaning_of_parameter(name)))
        for name, owners in sorted(owners_of_parameters().items())
    ]


COLLECTED: Mapping[str, Callable[[], Listing]] = {
    "papers": _papers,
    "theorems": _theorems,
    "claims": _claims,
    "figures": _figures,
    "algorithms": _algorithms,
    "problems": _problems,
    "noises": _noises,
    "symbols": _symbols,
    "measures": _measures,
    "parameters": _parameters,
}


def _source(provenance: Provenance) -> str:
    """Where a statement is from, in a word or two; what was not compared with its source says so."""
    return provenance.label if provenance.checked else f"not checked ({provenance.label})"


# --- finding ----------------------------------------------------------------------------------------------------------


def overview() -> Listing:
    """The kinds themselves, and how many there are of each."""
    return ("kind", "entries", "what"), [(kind, str(len(listing(kind)[1])), what) for kind, what in KINDS.items()]


def matching(kind: str, pattern: str = "", filters: Mapping[str, str] | None = None) -> Listing:
    """The rows whose id matches a shell-style pattern, or which a plain text occurs in, and which pass all filters.

    A filter is a column with a value or a pattern; "of" is a paper, to which a row belongs by its id or by one of the
    theorems in it.

    >>> [row[0] for row in matching("theorems", "ghadimi2012/*", {"kind": "upper"})[1]]
    ['ghadimi2012/convex']
    >>> [row[0] for row in matching("measures", "consensus", {"of": "runs*"})[1]]
    ['consensus-error', 'squared-consensus']
    """
    columns, rows = listing(kind)
    found = [row for row in rows if _matches(row, pattern)]
    if not found:
        raise unknown_name(_singular(kind), pattern, (row[0] for row in rows))
    for column, wanted in (filters or {}).items():
        cells = {row: _cells(column, columns, row) for row in rows}
        known = {cell for row in rows for cell in cells[row]} - {""}
        if not known:
            raise TightrateError(f"{kind} are not told apart by {column}; they have {', '.join(columns)}")
        if not any(fnmatchcase(cell, wanted) for cell in known):
            raise unknown_name(f"{column} of {kind}", wanted, known)
        found = [row for row in found if any(fnmatchcase(cell, wanted) for cell in cells[row])]
    return columns, found


def _matches(row: Row, pattern: str) -> bool:
    if any(sign in pattern for sign in WILD):
        return fnmatchcase(row[0], pattern)
    return any(pattern.lower() in cell.lower() for cell in row)


def _cells(column: str, columns: Sequence[str], row: Row) -> set[str]:
    """What a row has in a column; for "of" where no column has that name, the papers that it belongs to."""
    if column in columns:
        return {row[columns.index(column)]}
    if column != "of":
        return set()
    if columns[1] == "authors":
        return {row[0]}
    named = [cell for name, cell in zip(columns, row, strict=True) if name in ("id", "theorem", "theorems")]
    return {one.partition("/")[0] for cell in named for one in cell.split() if "/" in one}


def everywhere(pattern: str) -> Listing:
    """The entries of all kinds that match a pattern, the last column of each as what it is."""
    found = [(kind, row[0], row[-1]) for kind in KINDS for row in listing(kind)[1] if _matches(row, pattern)]
    if not found:
        raise unknown_name("name", pattern, (*KINDS, *(row[0] for kind in KINDS for row in listing(kind)[1])))
    return ("kind", "id", "what"), found


def kinds_of(name: str) -> list[str]:
    """The kinds that have an entry of this name.

    >>> kinds_of("gap"), kinds_of("patel2024/prop7"), kinds_of("nothing")
    (['measures'], ['theorems'], [])
    """
    return [kind for kind in KINDS if any(row[0] == name for row in listing(kind)[1])]


def names() -> Iterable[str]:
    """The names of all entries of all kinds."""
    return (row[0] for kind in KINDS for row in listing(kind)[1])


def elsewhere(error: UnknownNameError) -> str:
    """The message of an unknown name, which says so where it is the name of something else.

    >>> elsewhere(unknown_name("algorithm", "rank-one-pair", ["local-sgd"]))
    "'rank-one-pair' is no algorithm but a problem; `tightrate show rank-one-pair` tells more"
    """
    own = LISTS.get(error.kind)
    others = [kind for kind in kinds_of(error.name) if kind not in (own, "parameters")]
    if own is None or not others:
        return str(error)
    is_one = f"{error.name!r} is no {error.kind} but {_with_article(_singular(others[0]))}"
    if (own, others[0]) == ("claims", "theorems"):
        columns, rows = listing("claims")
        about = [row[0] for row in rows if row[columns.index("theorem")] == error.name]
        more = ", ..." if len(about) > MOST_NEAR else ""
        return f"{is_one}; claims about it: {', '.join(about[:MOST_NEAR]) or 'none'}{more}"
    if (own, others[0]) == ("theorems", "claims"):
        columns, rows = listing("claims")
        (about_it,) = [row[columns.index("theorem")] for row in rows if row[0] == error.name]
        return f"{is_one}; it is about the theorem {about_it}"
    return f"{is_one}; `tightrate show {error.name}` tells more"


def _singular(kind: str) -> str:
    return next(one for one, many in LISTS.items() if many == kind)


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


# --- tables -----------------------------------------------------------------------------------------------------------


def as_shown(kind: str, columns: Sequence[str], rows: Sequence[Row]) -> Listing:
    """The columns that a person sees."""
    shown = SHOWN.get(kind, tuple(columns))
    places = [columns.index(name) for name in shown]
    return shown, [tuple(row[place] for place in places) for row in rows]


def as_table(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> str:
    """The rows below one another in `width` characters: names stand whole, all else is broken between its words.

    Without a width every row is one line.

    >>> print(as_table(("id", "title"), [("a/b", "one two three"), ("c", "four")], 13), end="")
    id   title
    a/b  one two
         three
    c    four
    >>> print(as_table(("id", "title"), [("a/b", "one two three"), ("c", "four")], None), end="")
    id   title
    a/b  one two three
    c    four
    """
    longest = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    sizes = list(longest)
    if width is not None:
        first, *middle = longest[:-1]
        words = [
            max(len(word) for row in (columns, *rows) for word in (row[i].split() or [""])) for i in range(len(columns))
        ]
        sizes = [first, *(min(size, max(width // 3, word)) for size, word in zip(middle, words[1:-1], strict=True))]
        sizes.append(max(min(width - sum(sizes) - len(GAP) * len(sizes), longest[-1]), SHORTEST_LINE))
    lines = []
    for row in (columns, *rows):
        cells = [_broken(cell, size) for cell, size in zip(row, sizes, strict=True)]
        for parts in zip_longest(*cells, fillvalue=""):
            line = GAP.join(part.ljust(size) for part, size in zip(parts, sizes, strict=True))
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def _broken(cell: str, size: int) -> list[str]:
    return textwrap.wrap(cell, max(size, 1), break_long_words=False, break_on_hyphens=False) or [""]
