r"""What a manuscript says of two of its bounds: one improves on, recovers, matches or is worse than the other.

Only plain sentences count: a reference, a verb, a reference.  What is negated or hedged is left alone, and so is a
condition that is no formula; conditions that are, such as `when $K \ge M$` or `for $\sigma = 0$`, are used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from tightrate.common.errors import TightrateError
from tightrate.rates.manuscripts.comparison import comparable, read_conditions, relation
from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.manuscript import FORMULA, REFERENCE, REFERENCE_MARKS, Place
from tightrate.rates.manuscripts.statements import Statement
from tightrate.rates.relations.bound_check import Relation

# What each phrase says of the first bound against the second: relations that make it true.
_AT_MOST: frozenset[Relation] = frozenset(["A<=B", "A~B"])
_AT_LEAST: frozenset[Relation] = frozenset(["A>=B", "A~B"])
_SAME: frozenset[Relation] = frozenset(["A~B"])
_ORDERED: frozenset[Relation] = frozenset(["A<=B", "A>=B", "A~B"])
_PASSIVE = (
    r"(?:(?:is|are|was|were|(?:has|have)\s+been|gets?)\s+)(?:strictly\s+|always\s+|later\s+|since\s+|further\s+)?"
)
_VERBS: tuple[tuple[str, frozenset[Relation]], ...] = (
    (r"(?:strictly\s+|always\s+)?improves?(?:\s+(?:on|upon|over))?(?!d)", _AT_MOST),
    (r"(?:strictly\s+)?(?:sharpens?|tightens?|strengthens?)(?!ed)", _AT_MOST),
    (r"(?:is|are)\s+(?:strictly\s+|always\s+)?(?:better|tighter|sharper|smaller|stronger)\s+than", _AT_MOST),
    (r"(?:is|are)\s+(?:never|no)\s+(?:worse|larger|weaker)\s+than", _AT_MOST),
    (r"(?:is|are)\s+at\s+least\s+as\s+good\s+as", _AT_MOST),
    (r"(?:is|are)\s+(?:strictly\s+|always\s+)?(?:worse|weaker|larger|looser)\s+than", _AT_LEAST),
    (rf"{_PASSIVE}(?:dominated|improved(?:\s+(?:on|upon))?|sharpened|tightened|strengthened)\s+(?:by|in)", _AT_LEAST),
    (rf"{_PASSIVE}recovered\s+(?:by|from|as\s+a\s+special\s+case\s+of)", _AT_LEAST),
    (rf"{_PASSIVE}(?:exactly\s+)?matched\s+by", _SAME),
    (r"recovers?(?!ed)", _AT_MOST),
    (r"(?:exactly\s+)?(?:matches|match|equals|coincides?\s+with|agrees?\s+with)", _SAME),
    (r"(?:is|are)\s+(?:the\s+same\s+as|of\s+the\s+same\s+order\s+as|equivalent\s+to)", _SAME),
    (r"reduces?\s+to", _SAME),
    (r"dominates?(?!d)", _ORDERED),
)
_VERB = "|".join(f"(?P<v{index}>{phrase})" for index, (phrase, _) in enumerate(_VERBS))
_OPEN, _SHUT = REFERENCE_MARKS
_CLAIM = re.compile(
    rf"{_OPEN}(?P<first>[^{_SHUT}]*){_SHUT}(?P<before>[^{_OPEN}.;]{{0,60}}?)\b(?:{_VERB})\b"
    rf"(?P<between>[^{_OPEN}.;]{{0,60}}?){_OPEN}(?P<second>[^{_SHUT}]*){_SHUT}",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|never|cannot|nor|neither|fails?\s+to|no\s+longer|hardly)\b|n't\b", re.IGNORECASE)
_HEDGED = re.compile(
    r"\b(?:may|might|could|would|should|often|sometimes|typically|partially|nearly|almost|roughly|some|certain|expect|"
    r"conjecture|hope|whether|term|terms|factor\s+of|except|dependence|dependency|only|both|and|or|than\s+that\s+of\s+\[)\b",
    re.IGNORECASE,
)
_IF = re.compile(
    r"\b(?:if|when|whenever|where|for|provided|once|as\s+long\s+as|as\s+soon\s+as|with|under|in\s+the\s+\w+|assuming|at)\b",
    re.IGNORECASE,
)
_UP_TO = re.compile(r"up\s+to\s+(?:(?:absolute|numerical|universal)\s+)?(?:constants?|logarithm\w*|logs?|polylog\w*)"
                    r"(?:\s+(?:factors?|terms?))?", re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A claim between two labelled bounds, and whether the order algebra confirms it.

    `relation` is that of the first bound to the second; `doubt` says why a claim was not judged.
    """

    place: Place
    at: int
    labels: tuple[str, str]
    verb: str
    first: Statement | None
    second: Statement | None
    verdict: Literal["confirmed", "refuted", "not judged"]
    relation: Relation = "undecided"
    doubt: str = ""


def claims(document: Document) -> Iterator[Claim]:
    """All claims of a manuscript that name two of its labels."""
    for match in _CLAIM.finditer(document.manuscript.prose):
        index = next(i for i in range(len(_VERBS)) if match[f"v{i}"] is not None)
        place = document.manuscript.place(match.start())
        labels = (match["first"], match["second"])
        first, second = map(document.labelled, labels)
        verb = " ".join(match[f"v{index}"].split())
        if any(label not in document.labels for label in labels):
            continue
        claim = Claim(place, match.start(), labels, verb, first, second, "not judged")
        yield _judged(document, match, claim, _VERBS[index][1])


def _plain(words: str) -> str:
    """Words without formulas, and without the "and" that joins conditions."""
    return re.sub(r"\band\b", " ", FORMULA.sub(" ", words))


def _judged(document: Document, match: re.Match[str], claim: Claim, true: frozenset[Relation]) -> Claim:
    def doubt(why: str) -> Claim:
        return replace(claim, doubt=why)

    if claim.first is None or claim.second is None:
        label = claim.labels[0] if claim.first is None else claim.labels[1]
        return doubt(f"{label} names no bound that was understood, or several")
    if not comparable(claim.first, claim.second):
        return doubt("the two bounds are not of one unit, or not understood")
    start, stop = document.manuscript.sentence(match.start())
    displays = [one.at for one in document.manuscript.formulas if one.display and start <= one.at < match.start()]
    start = max([start, *displays])
    stop = max(stop, match.end())
    sentence = document.manuscript.prose[start:stop]
    said = match["before"] + " " + match["between"]
    if _NOT.search(match["before"]) or _NOT.search(match["between"]) or _HEDGED.search(REFERENCE.sub(" ", said)):
        return doubt("the claim is negated or hedged")
    rest = REFERENCE.sub(" ", _UP_TO.sub(" ", document.manuscript.prose[match.end() : stop]))
    front = REFERENCE.sub(" ", document.manuscript.prose[start : match.start()])
    if _NOT.search(rest) or _HEDGED.search(_plain(rest)) or _HEDGED.search(_plain(front)):
        return doubt("the claim is negated or hedged")
    numbers = [int(found[1]) for found in FORMULA.finditer(document.manuscript.prose, start, stop)]
    formulas = [one.latex for one in map(document.manuscript.formulas.__getitem__, numbers) if not one.display]
    conditional = _IF.search(FORMULA.sub(" ", rest)) or _IF.search(FORMULA.sub(" ", front)) or _IF.search(said)
    if conditional and not formulas:
        return doubt("its condition is no formula")
    try:
        conditions = read_conditions(formulas, claim.first.letters, document.manuscript.macros)
    except TightrateError as reason:
        return doubt(f"its condition was not read: {reason}")
    up_to = _UP_TO.search(sentence)
    found = relation(claim.first, claim.second, conditions, up_to is not None and "log" in up_to[0])
    if found == "undecided":
        return doubt("the order algebra does not decide it")
    verdict: Literal["confirmed", "refuted"] = "confirmed" if found in true else "refuted"
    return replace(claim, verdict=verdict, relation=found)
