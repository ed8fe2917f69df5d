"""The rules of the linter: each is a function in a module of its own in `rules`, marked with its code.

The module's docstring is the page of the code: a title, what is wrong, and two examples, `Wrong` and `Right`, which
tests run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TypeAlias

from tightrate.common.registry import Registry
from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding

Rule: TypeAlias = Callable[[Document], Iterator[Finding]]
RULES: Registry[Rule] = Registry("tightrate.rates.manuscripts.rules", "rule")

_EXAMPLE = re.compile(r"^(?P<which>Wrong|Right):\n\n(?P<body>(?:    [^\n]*\n|\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Description:
    """The page of a code: its title, what it says, and its examples."""

    code: str
    title: str
    text: str
    wrong: str
    right: str


def description(code: str) -> Description:
    """The page of a code, from its module's docstring."""
    module = import_module(RULES[code].__module__)
    text = (module.__doc__ or "").strip() + "\n"
    title, _, rest = text.partition("\n\n")
    examples = {match["which"]: _dedented(match["body"]) for match in _EXAMPLE.finditer(rest)}
    said = _EXAMPLE.sub("", rest).strip()
    return Description(code, title.strip().rstrip("."), said, examples["Wrong"], examples["Right"])


def _dedented(body: str) -> str:
    return "\n".join(line[4:] for line in body.rstrip("\n").split("\n"))
