"""The one exception that bad input raises.

Every message is a single line that says what was wrong and what would be right; the command line prints it
and exits with status 2.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 100  # characters of a name that are shown


class TightrateError(ValueError):
    """Bad input: the message is one line, complete in itself."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> TightrateError:
    """An error for a name that does not exist, with the nearest one that does.

    >>> str(unknown_name("problem", "rank-one", ["rank-one-pair", "coordinate-pair"]))
    "unknown problem 'rank-one'; did you mean 'rank-one-pair'? (known: coordinate-pair, rank-one-pair)"
    """
    names = sorted(known)
    nearest = get_close_matches(str(name)[:LONGEST], names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ";"
    listing = ", ".join(names) if len(names) <= 16 else f"{len(names)} names; see `tightrate list`"
    shown = repr(name) if len(repr(name)) <= LONGEST else f"{repr(name)[:LONGEST]}..."
    return TightrateError(f"unknown {kind} {shown}{hint} (known: {listing})")
