r"""Which measure of the catalogue the norm of a difference is: of an iterate and the optimum, or of two iterates.

>>> from tightrate.rates.formulas.tokens import tokens
>>> from tightrate.rates.symbols.units import LENGTH
>>> def name(text): return measure_of_difference(tokens(text)[:-1], LENGTH**2)
>>> name(r"\frac1M\sum_m\|x_t^m-\bar x_t\|^2"), name(r"\|x^m_t-x^n_t\|^2"), name(r"\|x_{t+1}-x_t\|^2")
('consensus-error', 'squared-consensus', '')
>>> name(r"\|\bar x_R-x^\star\|^2") is None
True
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tightrate.rates.formulas.letter_notation import FONTS
from tightrate.rates.formulas.tokens import Token
from tightrate.rates.symbols.alphabet import GRADIENT
from tightrate.rates.symbols.units import LENGTH, Unit

_NORMS = {r"\|": r"\|", r"\lVert": r"\rVert", r"\Vert": r"\Vert"}
_OPTIMUM = re.compile(r"\*|\\star|\\ast|opt|\\minimum")
_WORKERS = re.compile(r"[mnijk]|i'|j'|m'")
_ITERATE = re.compile(r"(?P<bar>\\(?:bar|overline))?(?:\\vec)?(?P<letter>[xwzyuvXWZ]|\\theta)")


def measure_of_difference(pieces: Sequence[Token], unit: Unit) -> str | None:
    """The measure of a norm of a difference in which no optimum stands; empty where the catalogue has none.

    None where there is no such difference, so that the unit says what is measured.
    """
    one, other = _sides_of_difference(pieces)
    if not one or not other:
        return None
    if r"\nabla" in one or r"\nabla" in other:
        alike = r"\nabla" in one and r"\nabla" in other and _OPTIMUM.search(one) is None
        return "dissimilarity" if alike and unit == GRADIENT and _argument(one) == _argument(other) else ""
    at_optimum = _OPTIMUM.search(one) or _OPTIMUM.search(other)
    if r"\infty" in one or r"\infty" in other:
        return ("discrepancy" if at_optimum else "distance-to-fixed-point") if unit == LENGTH else ""
    ours, theirs = _ITERATE.match(one), _ITERATE.match(other)
    if at_optimum or ours is None or theirs is None or ours["letter"] != theirs["letter"]:
        return None
    if bool(ours["bar"]) != bool(theirs["bar"]):
        return "consensus-error" if unit == LENGTH**2 else ""
    if _workers(one) and _workers(other) and _workers(one) != _workers(other):
        return {LENGTH: "consensus", LENGTH**2: "squared-consensus"}.get(unit, "")
    return ""


def _sides_of_difference(pieces: Sequence[Token]) -> tuple[str, str]:
    """What stands before and behind the one minus sign of the first norm; empty where there is none."""
    start = next((index for index, piece in enumerate(pieces) if piece.text in _NORMS), None)
    if start is None:
        return "", ""
    closing = _NORMS[pieces[start].text]
    stop = next((i for i in range(start + 1, len(pieces)) if pieces[i].text == closing), len(pieces))
    depth, cuts = 0, list[int]()
    for index in range(start + 1, stop):
        depth += (pieces[index].text in ("(", "[", "{")) - (pieces[index].text in (")", "]", "}"))
        if pieces[index].text in ("+", "-") and not depth:
            cuts.append(index)
    if len(cuts) != 1 or pieces[cuts[0]].text != "-":
        return "", ""
    return _plain(pieces[start + 1 : cuts[0]]), _plain(pieces[cuts[0] + 1 : stop])


def _plain(pieces: Sequence[Token]) -> str:
    """The text without fonts and braces."""
    return "".join(piece.text for piece in pieces if piece.text not in FONTS and piece.text not in ("{", "}"))


def _argument(gradient: str) -> str:
    """The point at which a gradient is taken; empty where none is written."""
    return gradient.partition("(")[2]


def _workers(iterate: str) -> set[str]:
    """The indices of an iterate that stand for workers."""
    marks = re.findall(r"[_^]\(?([^_^]*)", iterate)
    return {part for mark in marks for part in re.split(r"[,;()]", mark) if _WORKERS.fullmatch(part)}
