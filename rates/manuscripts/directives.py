"""What comments say to the linter: `tightrate: H=L, N=M` declares letters, `tightrate: ignore TR201` ignores a code."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tightrate.rates.manuscripts.manuscript import EVERYTHING

_SAID = re.compile(r"\s*tightrate\s*:\s*(?P<said>.*?)\s*$", re.DOTALL | re.IGNORECASE)
_IGNORE = re.compile(r"ignore\b[\s:]*(?P<codes>(?:TR\d+[\s,]*)*)$", re.IGNORECASE)


@dataclass(frozen=True)
class Directive:
    """Letters that are declared, or codes that are ignored (all codes as EVERYTHING)."""

    letters: str = ""
    ignored: frozenset[str] = frozenset()


def directive(comment: str) -> Directive | None:
    """What a comment says to the linter; None if it does not speak to it.

    >>> directive(" tightrate: H=L, N=M").letters, sorted(directive("tightrate: ignore TR101, TR201").ignored)
    ('H=L, N=M', ['TR101', 'TR201'])
    >>> directive("tightrate: ignore").ignored == EVERYTHING, directive(" a remark")
    (True, None)
    """
    said = _SAID.match(comment)
    if said is None or not said["said"]:
        return None
    ignore = _IGNORE.match(said["said"])
    if ignore is None:
        return Directive(letters=said["said"])
    codes = frozenset(code.upper() for code in re.findall(r"TR\d+", ignore["codes"], re.IGNORECASE))
    return Directive(ignored=codes or EVERYTHING)
