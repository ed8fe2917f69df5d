r"""One symbol has two meanings in the document.

Two sentences or assumptions say what a symbol is (`$\tau$ is the number of local steps`, `$\tau$ denotes the delay`),
and they say different things. Mentions such as `$N$ workers` are not counted, and neither are two words for one
quantity.

Wrong:

    Here $\tau$ is the number of local steps. Later, $\tau$ denotes the delay.

Right:

    Here $K$ is the number of local steps. Later, $\tau$ denotes the delay.
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.manuscripts.definitions import Definition
from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.symbols.alphabet import kind_of, meaning_of

# Names that one symbol may have at once: what bounds the one bounds the other, or words are used loosely.
_TOGETHER = (
    {"B", "D"},
    {"zeta", "zeta_star"},
    {"eta", "gamma"},
    {"K", "T"},
    {"R", "T"},
    {"G", "zeta_star"},
    {"G", "sigma"},
)


@RULES.add("TR302")
def symbols_of_two_meanings(document: Document) -> Iterator[Finding]:
    """Symbols that two places define differently, with one unit."""
    seen: dict[str, Definition] = {}
    for one in document.definitions:
        if one.how == "mention":
            continue
        before = seen.setdefault(one.key, one)
        if before.name == one.name or before.unit != one.unit or {before.name, one.name} in _TOGETHER:
            continue
        if kind_of(before.name) in ("gradient", "length", "value", "curvature", "step") or kind_of(one.name) in (
            "gradient", "length", "value", "curvature", "step",
        ):  # fmt: skip
            continue  # of these only the unit is known
        message = f"{one.written} is here: {_said(one)}; at {before.place}: {_said(before)}"
        yield Finding(one.place, "TR302", "warning", message, one.at)


def _said(one: Definition) -> str:
    return one.words or meaning_of(kind_of(one.name) or one.name)
