"""Formulas of a statement as they may be given: expressions, numbers, or text in the letters of its paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce
from typing import TYPE_CHECKING

import sympy
from sympy import Expr
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError

if TYPE_CHECKING:
    from tightrate.rates.formulas.parse import ParsedInequality

Formula = Expr | str | int | float
Letters = Mapping[str, str]
RELATION_SIGN = re.compile(r"[<>=≤≥]|\\(?:le|ge|leq|geq|lesssim|gtrsim|ll|gg|in|ne|sim)\b")


def expression_of(formula: object, what: str, letters: Letters | None = None) -> Expr:
    """The expression that a formula is; text is read by the grammar of bounds and never evaluated.

    >>> expression_of("H*B^2/R", "term 'optimization'", {"H": "L"})
    B**2*L/R
    >>> expression_of("L*B^", "term 'optimization'")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: term 'optimization': column 5, at the end after 'L*B^': expected an exponent
    """
    if isinstance(formula, Expr):
        return formula
    if isinstance(formula, str):
        from tightrate.rates.formulas.parse import parse  # expressions need no reader, and start without it

        try:
            return sympy.Add(*parse(formula, letters or None).terms)
        except TightrateError as reason:
            raise TightrateError(f"{what}: {_without_flag(reason)}") from None
    if isinstance(formula, int | float) and not isinstance(formula, bool):
        return sympy.sympify(formula)
    raise TightrateError(f"{what} must be a formula, as text such as 'L*B^2/R' or as an expression, not {formula!r}")


def relation_of(text: str, letters: Letters | None = None) -> Boolean | None:
    r"""The relation that a condition is; None where it is in words, or holds up to constants only.

    Words have their formulas, if any, between dollar signs.

    >>> relation_of("eta*L <= 1"), relation_of("K == 1"), relation_of("the workers have a common optimum")
    (L*eta <= 1, Eq(K, 1), None)
    >>> relation_of("eta L")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: condition 'eta L' is a formula without a relation; write 'A <= B' (or >=, =)
    """
    if not isinstance(text, str) or not text.strip():
        raise TightrateError(f"a condition is text, such as 'eta*L <= 1', not {text!r}")
    if "$" in text:
        return None
    if not RELATION_SIGN.search(text):
        if _is_formula(text, letters):
            raise TightrateError(f"condition {text!r} is a formula without a relation; write 'A <= B' (or >=, =)")
        return None
    from tightrate.rates.formulas.parse import parse_hypotheses

    try:
        found = parse_hypotheses(text.replace("==", "="), letters or None)
    except TightrateError as reason:
        words = "; a condition in words has its formulas between dollar signs"
        raise TightrateError(f"condition {text!r}: {_without_flag(reason)}{words}") from None
    if any(one.up_to_constants for one in found):
        return None
    return reduce(sympy.And, _relations(found))


def _relations(found: tuple[ParsedInequality, ...]) -> list[Boolean]:
    relations: list[Boolean] = []
    waiting = list(found)
    while waiting:
        one = waiting.pop(0)
        other = waiting[0] if waiting else None
        if other is not None and (other.left, other.right) == (one.left, one.right) and other.sign != one.sign:
            waiting.pop(0)
            relations.append(sympy.Eq(one.left, one.right, evaluate=False))
        else:
            kind = sympy.Lt if one.strict else sympy.Le
            relations.append(kind(one.smaller, one.larger, evaluate=False))
    return relations


def _is_formula(text: str, letters: Letters | None) -> bool:
    from tightrate.rates.formulas.parse import parse

    try:
        parse(text, letters or None)
    except TightrateError:
        return False
    return True


def _without_flag(reason: TightrateError) -> str:
    """What was wrong, in the words of somebody who writes a paper and no command."""
    return re.sub(
        r"say what it is with --letters '([^']*)=NAME', NAME such as L, B or zeta_star.*",
        r"""say what it is, as in notation={"L": "\1"} of the paper, or declare it with symbol("\1", ...)""",
        str(reason),
    )
