"""The one exception that bad input raises.

Every message is a single line that says what was wrong and what would be right; the command line prints it
and exits with status 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

LONGEST = 100  # characters of a name that are shown
MOST_NAMES = {True: 16, False: 64}  # that are listed, where there is another list and where there is none


class TightrateError(ValueError):
    """Bad input: the message is one line, complete in itself.

    >>> raise TightrateError("K must be at least 1")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: K must be at least 1
    """


class UnknownNameError(TightrateError):
    """A name that does not exist: `kind` of what, and the `name` that was given."""

    def __init__(self, kind: str, name: object, message: str) -> None:
        super().__init__(message)
        self.kind, self.name = kind, str(name)

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, str]]:
        return UnknownNameError, (self.kind, self.name, str(self))


LISTS: Mapping[str, str] = {
    **{kind: f"{kind}s" for kind in ("paper", "theorem", "claim", "figure", "algorithm", "problem")},
    **{kind: f"{kind}s" for kind in ("measure", "noise", "parameter")},
    "letter": "symbols",
    "name": "",
}
"""What `tightrate list` calls the list of a kind."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """An error for a name that does not exist, with the nearest one that does.

    >>> str(unknown_name("problem", "rank-one", ["rank-one-pair", "coordinate-pair"]))
    "unknown problem 'rank-one'; did you mean 'rank-one-pair'? (known: coordinate-pair, rank-one-pair)"
    >>> str(unknown_name("letter of a step", "W", map(str, range(99))))
    "unknown letter of a step 'W' (known: 99 names, see `tightrate list symbols`)"
    """
    names = sorted(known)
    nearest = get_close_matches(str(name)[:LONGEST], names, n=1, cutoff=0.5)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    where = LISTS.get(kind.split(" of ")[0])
    short = len(names) <= MOST_NAMES[where is not None]
    see = "" if where is None else f", see `{f'tightrate list {where}'.strip()}`"
    listing = ", ".join(names) if short else f"{len(names)} names{see}"
    shown = repr(name) if len(repr(name)) <= LONGEST else f"{repr(name)[:LONGEST]}..."
    return UnknownNameError(kind, name, f"unknown {kind} {shown}{hint} (known: {listing})")


def check_one_of(kind: str, name: object, known: Iterable[str]) -> None:
    """Refuse what is none of these.

    >>> try:
    ...     check_one_of("kind", "Upper", ["upper", "lower"])
    ... except TightrateError as error:
    ...     print(error)
    unknown kind 'Upper'; did you mean 'upper'? (known: lower, upper)
    """
    names = tuple(known)
    if name not in names:
        raise unknown_name(kind, name, names)
