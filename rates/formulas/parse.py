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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, zip_longest
from typing import Literal

from sympy import Add, Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.assumptions import assumption, is_assumption
from tightrate.rates.formulas.display_parts import Display, DisplayPart, take_apart
from tightrate.rates.formulas.grammar import Grammar, Reading
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.formulas.plain_text import plain_name
from tightrate.rates.formulas.tokens import Readable, Token, pieces_of, readable
from tightrate.rates.symbols.alphabet import symbol
from tightrate.rates.symbols.kinds import Constants
from tightrate.rates.symbols.unit_inference import UnitFact

Sign = Literal["<=", ">=", "<~", ">~"]


@dataclass(frozen=True)
class ParsedBound:
    """A bound that was read: its summands in the printed order, and what was said about constants and measure.

    `measure_text` is what stands before the first relation sign, as written, or empty.  Of the rest of the display,
    `conditions` are what the bound holds under, `case` the one of several cases that it is, `left_out` what was not
    read; `readings` says how each symbol was read, `left_formula` is the left side where that is a formula in letters,
    `facts` are the units of sums over an index and those that assumptions among the conditions give; `links` that
    every link of a chain between the left side and the bound has the unit of the bound.
    """

    terms: tuple[Expr, ...]
    constants: Constants
    measure_text: str = ""
    relation: str = field(default="", compare=False)
    conditions: tuple[ReadCondition, ...] = ()
    case: str = ""
    left_out: tuple[str, ...] = field(default=(), compare=False)
    readings: tuple[Reading, ...] = field(default=(), compare=False)
    left_pieces: tuple[Token, ...] = field(default=(), compare=False)
    left_formula: Expr | None = field(default=None, compare=False)
    facts: tuple[UnitFact, ...] = field(default=(), compare=False)
    links: tuple[UnitFact, ...] = field(default=(), compare=False)
    text: str = field(default="", compare=False)

    @property
    def expression(self) -> Expr:
        """The sum of the terms."""
        return Add(*self.terms)


@dataclass(frozen=True)
class ReadCondition:
    """A condition as written, with the inequalities that it is, or why it was not read as any."""

    text: str
    inequalities: tuple[ParsedInequality, ...] = ()
    unread: str = ""


@dataclass(frozen=True)
class ParsedInequality:
    """An inequality between two expressions, exact (`<=`, `>=`) or up to constants (`<~`, `>~`).

    `strict` ones were written with <, `much` ones with much less; `text` is the whole hypothesis as written.
    """

    left: Expr
    sign: Sign
    right: Expr
    strict: bool = field(default=False, compare=False)
    much: bool = field(default=False, compare=False)
    text: str = field(default="", compare=False)

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


def parse(
    text: str, letters: Mapping[str, str] | None = None, macros: Mapping[str, Macro] | None = None, infer: bool = False
) -> ParsedBound:
    r"""A bound from LaTeX or plain text; `letters` maps the source's letters to the alphabet (see `parse_letters`).

    A relation sign may precede the bound, and conditions, words and an equation number may follow it.  Constants are
    hidden where the sign is only up to constants or a term stands in an order such as O(...), hidden with logarithms
    where an order has a tilde.  With `infer` a letter without meaning is read as an unknown.
    Raises TightrateError with the place for what is malformed, ambiguous, unknown or too large, and for two bounds.

    Args:
        text: the formula
        letters: the source's letters, each with the alphabet's name for it
        macros: LaTeX macros that the text uses
        infer: whether unknown letters are read as unknowns

    Returns:
        The terms as expressions, what stood around them, and how every letter was read.

    Raises:
        TightrateError: with the column of what is wrong.

    >>> parse("L*B^/R")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: column 5, at '/' after 'L*B^': expected an exponent
    """
    display = take_apart(text, macros)
    found = _bounds(display, letters, infer)
    if len(found) > 1:
        raise TightrateError(
            f"{len(found)} bounds in one display ({'; '.join(part.bound[:30] for part in display.parts[:3])}); give one"
        )
    return found[0]


def parse_display(
    text: str, letters: Mapping[str, str] | None = None, macros: Mapping[str, Macro] | None = None, infer: bool = False
) -> tuple[ParsedBound, ...]:
    r"""Every bound of a display: of the rows of an `align`, of cases, or one.

    >>> printed = r"\begin{align} F(x)-F^* &\le \frac{LB^2}{R},\\ \|x-x^*\|^2 &\le \frac{B^2}{R} \end{align}"
    >>> [(bound.measure_text, bound.terms) for bound in parse_display(printed)]
    [('F(x)-F^*', (B**2*L/R,)), ('\\|x-x^*\\|^2', (B**2/R,))]
    """
    return _bounds(take_apart(text, macros, each_case=True), letters, infer)


def _bounds(display: Display, letters: Mapping[str, str] | None, infer: bool) -> tuple[ParsedBound, ...]:
    return tuple(_bound(display, part, letters, infer) for part in display.parts)


def _bound(display: Display, part: DisplayPart, letters: Mapping[str, str] | None, infer: bool) -> ParsedBound:
    grammar = Grammar(display.source, letters, part.bound_pieces, infer)
    terms = grammar.whole()
    hidden = grammar.constants
    if hidden == "explicit" and part.relation in ("<~", ">~", "~"):
        hidden = "hidden"
    measure = _DELIMITERS.sub("", part.left).strip(" \t\n&")
    conditions = tuple(
        _condition(display, text, pieces, letters)
        for text, pieces in zip_longest(part.conditions, part.condition_pieces, fillvalue=())
    )
    facts = [
        UnitFact(f"the summands of {plain_name(name)}", symbol(name), summand) for name, summand in grammar.sums.items()
    ]
    if infer:
        facts += [
            fact for c in conditions if c.unread and is_assumption(c.text) for fact in assumption(c.text, letters or {})
        ]
    between = tuple(f"between the left side and the bound: {link}" for link in part.between)
    return ParsedBound(
        terms,
        hidden,
        measure,
        part.relation,
        conditions,
        part.case,
        (*display.left_out, *between),
        tuple(grammar.readings.values()),
        part.left_pieces,
        _formula(display, part.left_pieces, letters),
        tuple(facts),
        tuple(_links(display, part, letters, terms)),
        part.bound,
    )


def _links(
    display: Display, part: DisplayPart, letters: Mapping[str, str] | None, terms: Sequence[Expr]
) -> Iterator[UnitFact]:
    """That the links of a chain have the unit of the bound, as far as they are formulas in letters."""
    for pieces in part.between_pieces:
        link = _formula(display, pieces, letters, infer=True)
        if link is not None and terms and terms[0].is_finite is not False:
            text = " ".join(display.source.text[pieces[0].start : pieces[-1].start + len(pieces[-1].shown)].split())
            yield UnitFact(f"the link {text} has the unit of term 1", link, terms[0])


def _formula(
    display: Display, pieces: tuple[Token, ...], letters: Mapping[str, str] | None, infer: bool = False
) -> Expr | None:
    try:
        return Add(*Grammar(display.source, letters, pieces, infer).whole()) if pieces else None
    except TightrateError:
        return None


def _condition(
    display: Display, text: str | tuple[()], pieces: tuple[Token, ...] | tuple[()], letters: Mapping[str, str] | None
) -> ReadCondition:
    shown = str(text or "")
    try:
        return ReadCondition(shown, tuple(_members(display.source, pieces, letters)))
    except TightrateError as reason:
        return ReadCondition(shown, unread=str(reason))


def _chain(grammar: Grammar) -> Iterator[ParsedInequality]:
    """The inequalities of a chain such as  a <= b < c, of an equation, or of an order such as  T = Omega(K)."""
    relations = grammar.relations()
    if not relations:
        raise grammar.cursor.error("a hypothesis is one inequality, EXPRESSION >= EXPRESSION (or <=, >~, <~)")
    sides: list[Expr] = []
    orders: list[str] = []
    for relation in (*relations, None):
        first, known = grammar.cursor.peek, len(grammar.orders)
        sides.append(Add(*grammar.whole(before=relation)))
        names = grammar.orders[known:]
        if names and (len(names) > 1 or not sides[:-1] or grammar.constants != "hidden" or not grammar.is_order(first)):
            raise TightrateError(
                "an order in a hypothesis stands alone behind its sign, as in K = O(R), and hides no logarithms;"
                " write >~ or <~ for up to constants"
            )
        orders.append(names[0] if names else "")
        if relation is not None:
            grammar.go_past(relation)
    for (left, right), relation, order in zip(pairwise(sides), relations, orders[1:], strict=True):
        for sign in _ORDER_SIGNS[order] if order else _SIGNS[relation.text]:
            if order and relation.text != "=" and _SIGNS[relation.text][0][0] != sign[0]:
                raise grammar.cursor.error("this order and this relation sign say opposite things", relation)
            strict, much = relation.text in ("<", ">"), relation.text in ("<<", ">>")
            yield ParsedInequality(left, sign, right, strict, much, grammar.cursor.source.strip())


def _members(
    source: Readable, pieces: Sequence[Token], letters: Mapping[str, str] | None
) -> Iterator[ParsedInequality]:
    r"""The inequalities of a hypothesis in pieces: of a chain, or of a membership such as  \eta \in (0, 1/L]."""
    pieces = [piece for piece in pieces if piece.text != r"\forall"]
    texts = [piece.text for piece in pieces]
    if r"\in" not in texts:
        yield from _chain(Grammar(source, letters, pieces))
        return
    place = texts.index(r"\in")
    interval = list(pieces[place + 1 :])
    cuts = [index for index, piece in enumerate(interval) if piece.text == "," and _depth(interval[:index]) == 1]
    dots = {r"\dots", r"\ldots", r"\cdots", "."}
    ends = [interval[1 : cuts[0]], interval[cuts[-1] + 1 : -1]] if cuts and _depth(interval) == 0 else []
    between = [piece for piece in interval[cuts[0] + 1 : cuts[-1]] if piece.text != ","] if len(cuts) > 1 else []
    if not ends or not all(ends) or not all(piece.text in dots for piece in between):
        raise Grammar(source, letters, pieces[place:]).cursor.error(
            r"the set of a membership is read where it is an interval, as in \eta \in (0, 1/L]"
        )
    low, middle, high = (Add(*Grammar(source, letters, part).whole()) for part in (ends[0], pieces[:place], ends[1]))
    text = " ".join(source.text[pieces[0].start : pieces[-1].start + len(pieces[-1].shown)].split())
    yield ParsedInequality(low, "<=", middle, interval[0].text == "(", False, text)
    yield ParsedInequality(middle, "<=", high, interval[-1].text == ")", False, text)


def _depth(pieces: Sequence[Token]) -> int:
    return sum((piece.text in _OPENING) - (piece.text in _CLOSING) for piece in pieces)


def _separate(pieces: Sequence[Token]) -> list[list[Token]]:
    """The hypotheses of a text: commas, semicolons, gaps and `and` set them apart, words before them are passed."""
    found: list[list[Token]] = [[]]
    index = depth = 0
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING)
        if piece.text in (r"\text", r"\mathrm", r"\textrm", r"\mbox") and depth == 0 and index < len(pieces):
            stop = next((k for k in range(index, len(pieces)) if pieces[k].text == "}"), None)
            words = {inner.text.lower() for inner in pieces[index + 1 : stop]}
            if stop is not None and words and words <= _JOINING | _FRONT:
                found.append([])
                index = stop + 1
                continue
        joins = piece.text in (",", ";") or piece.kind == "gap" or piece.text.lower() in _JOINING
        if depth == 0 and joins:
            found.append([])
        elif not (depth == 0 and piece.kind == "word" and piece.text.lower() in _FRONT and not found[-1]):
            found[-1].append(piece)
    kept = [one for one in found if one and any(piece.text != "." for piece in one)]
    shared: list[list[Token]] = []  # K, R >= 1 says the same of both
    for number, one in enumerate(kept):
        signs = [k for k, piece in enumerate(one) if piece.kind == "relation" or piece.text == r"\in"]
        later = next((more for more in kept[number + 1 :] if any(p.kind == "relation" for p in more)), None)
        if not signs and later is not None:
            start = next(k for k, piece in enumerate(later) if piece.kind == "relation")
            one = [*one, *later[start:]]
        shared.append(one)
    return shared


def parse_hypotheses(
    text: str, letters: Mapping[str, str] | None = None, macros: Mapping[str, Macro] | None = None
) -> tuple[ParsedInequality, ...]:
    r"""The inequalities of a hypothesis: one, a chain, or an equation as two.

    >>> [(str(one.smaller), str(one.larger)) for one in parse_hypotheses(r"\mu \le \tau \ll L")]
    [('mu', 'tau'), ('tau', 'L')]
    >>> [(str(one.smaller), str(one.larger)) for one in parse_hypotheses(r"T = \Omega(M^3) and K \in [1, R]")]
    [('M**3', 'T'), ('1', 'K'), ('K', 'R')]
    """
    source = readable(text, macros)
    separate = _separate(pieces_of(source.text))
    if len(separate) == 1 and len(separate[0]) == len(pieces_of(source.text)):
        return tuple(_members(source, separate[0], letters))
    return tuple(replace(one, text=text.strip()) for part in separate for one in _members(source, part, letters))


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
    (found,) = _chain(grammar)
    return found


_SIGNS: Mapping[str, tuple[Sign, ...]] = {
    "<": ("<=",), ">": (">=",), "<=": ("<=",), ">=": (">=",), "<~": ("<~",), ">~": (">~",), "<<": ("<~",),
    ">>": (">~",), "=": ("<=", ">="), "=:": ("<=", ">="), "~": ("<~", ">~"),
}  # fmt: skip
_ORDER_SIGNS: Mapping[str, tuple[Sign, ...]] = {"O": ("<~",), "Omega": (">~",), "Theta": ("<~", ">~")}
_OPENING, _CLOSING = {"(", "[", "{", r"\{"}, {")", "]", "}", r"\}"}
_JOINING = {"and"}
_FRONT = {
    "if",
    "when",
    "whenever",
    "for",
    "with",
    "where",
    "assume",
    "assuming",
    "suppose",
    "let",
    "that",
    "all",
    "both",
}
_DELIMITERS = re.compile(r"^\s*(\$\$?|\\\[|\\\(|\\begin\{[a-z]+\*?\})")  # what opens a display
