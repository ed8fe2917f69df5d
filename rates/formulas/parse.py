r"""Bounds as text: LaTeX as printed in a paper, or plain text in the alphabet, read into exact expressions.

One grammar reads both (`tightrate.rates.formulas.grammar`); nothing is ever evaluated as code.  In LaTeX,
letters next to each other multiply; in plain text a name may have several characters and `*` or a space multiplies.

    >>> parse("L*B^2/R + min(zeta_star^2/L, sigma*B/sqrt(M*K*R))").terms[0]
    B**2*L/R
    >>> printed = r"F(\hat x)-F^\star \preceq \frac{HB^2}{R} + \tilde O\Big(\frac{\sigma B}{\sqrt{MKR}}\Big)"
    >>> bound = parse(printed, {"H": "L"})
    >>> bound.terms
    (B**2*L/R, B*sigma/(sqrt(K)*sqrt(M)*sqrt(R)))
    >>> bound.constants, bound.measure_text
    ('hidden with logs', 'F(\\hat x)-F^\\star')

What a reader could take in two ways is refused, with the place: `a/b c`, `\log M K`, `K^10` in LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sympy import Add, Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.grammar import Grammar
from tightrate.rates.symbols.kinds import Constants

Sign = Literal["<=", ">=", "<~", ">~"]


@dataclass(frozen=True)
class ParsedBound:
    """A bound that was read: its summands in the printed order, and what was said about constants and measure.

    `measure_text` is what stands before the first relation sign, as written, or empty.
    """

    terms: tuple[Expr, ...]
    constants: Constants
    measure_text: str = ""

    @property
    def expression(self) -> Expr:
        """The sum of the terms."""
        return Add(*self.terms)


@dataclass(frozen=True)
class ParsedInequality:
    """An inequality between two expressions, exact (`<=`, `>=`) or up to constants (`<~`, `>~`)."""

    left: Expr
    sign: Sign
    right: Expr

    @property
    def larger(self) -> Expr:
        """The side that is at least the other."""
        return self.left if self.sign in (">=", ">~") else self.right

    @property
    def smaller(self) -> Expr:
        """The side that is at most the other."""
        return self.right if self.sign in (">=", ">~") else self.left

    @property
    def up_to_constants(self) -> bool:
        """Whether it only holds up to an absolute constant."""
        return self.sign in ("<~", ">~")


def parse(text: str, letters: Mapping[str, str] | None = None) -> ParsedBound:
    r"""A bound from LaTeX or plain text; `letters` maps the source's letters to the alphabet (see `parse_letters`).

    A relation sign may precede the bound.  Constants are hidden where the sign is only up to constants or a term
    stands in an order such as O(...), hidden with logarithms where an order has a tilde.
    Raises TightrateError with the place for what is malformed, ambiguous, unknown or too large.

    >>> parse("L*B^/R")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: column 5, at '/' after 'L*B^': expected an exponent
    """
    grammar = Grammar(text, letters)
    relations = grammar.relations()
    measure = ""
    if relations:
        if {relation.text[0] for relation in relations} >= {"<", ">"}:
            raise grammar.cursor.error("relation signs in both directions; give one bound", relations[-1])
        measure = _DELIMITERS.sub("", grammar.cursor.source[: relations[0].start]).strip(" \t\n&")
        grammar.go_past(relations[-1])
    terms = grammar.whole()
    hidden = grammar.constants
    if hidden == "explicit" and any(relation.text in ("<~", ">~", "~") for relation in relations):
        hidden = "hidden"
    return ParsedBound(terms, hidden, measure)


def parse_hypothesis(text: str, letters: Mapping[str, str] | None = None) -> ParsedInequality:
    """An inequality between two expressions; a strict one is read as the weaker one with equality.

    >>> hypothesis = parse_hypothesis("K^(alpha-2) >= mu*R^2/L")
    >>> print(hypothesis.larger, "|", hypothesis.smaller)
    K**(alpha - 2) | R**2*mu/L
    """
    grammar = Grammar(text, letters)
    relations = grammar.relations()
    if len(relations) != 1 or relations[0].text in ("=", "~"):
        wrong = relations[-1] if relations else grammar.cursor.tokens[-1]
        raise grammar.cursor.error("a hypothesis is one inequality, EXPRESSION >= EXPRESSION (or <=, >~, <~)", wrong)
    left = Add(*grammar.whole(before=relations[0]))
    grammar.go_past(relations[0])
    right = Add(*grammar.whole())
    if grammar.constants != "explicit":
        raise TightrateError("a hypothesis holds no orders such as O(...); write >~ or <~ for up to constants")
    signs: Mapping[str, Sign] = {"<": "<=", ">": ">=", "<=": "<=", ">=": ">=", "<~": "<~", ">~": ">~"}
    return ParsedInequality(left, signs[relations[0].text], right)


_DELIMITERS = re.compile(r"^\s*(\$\$?|\\\[|\\\(|\\begin\{[a-z]+\*?\})")  # what opens a display
