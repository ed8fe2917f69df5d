"""The grammar of formulas: recursive descent over the tokens of LaTeX and plain text.

A formula is a sum of products of operands; an operand is a number, letter, bracket, fraction, root or function with
its power.  Values are built as they are read, within limits that keep hostile text harmless, and without any
simplification that takes noticeable time or changes what was printed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import chain, islice
from typing import Literal

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, Rational

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.letter_notation import (
    ACCENTS,
    NORM_OPENINGS,
    UPRIGHT,
    Spelling,
    flat,
    is_start_distance,
    meanings,
    read_gap,
    read_letter,
    read_phrase,
    read_subscript,
    spell,
    starts_letter,
    unknown_letter,
    vector_kind,
)
from tightrate.rates.formulas.tokens import GREEK, Cursor, Readable, Token, commands
from tightrate.rates.symbols.alphabet import decay, declared, known_letter, symbol
from tightrate.rates.symbols.kinds import Constants

# Limits that no bound of a paper comes near and that keep every formula within a second.
DEPTH = 24  # brackets, roots, fractions and functions inside each other
OPERANDS = 600  # letters and numbers
DIGITS = 30  # of one number
EXPONENT_DIGITS = 6  # of the numerator and of the denominator of a constant exponent
TOWER = 2  # exponents of exponents: exp(K^2) is read, exp(K^(2^R)) is not
ALTERNATIVES = 20  # of one minimum or maximum
LONGEST_PRODUCT = 8  # letters of an unknown word that may be a product with its signs forgotten
SIMPLIFIED = 60  # nodes of an argument that a function simplifies; longer ones stay as they are

# A sum of products; each product is a tuple of factors, kept apart so that `2(a-1)/a` is one product of three.
Value = tuple[tuple[Expr, ...], ...]

_OPENINGS: Mapping[str, str] = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lbrace": r"\rbrace"}
_BARS: Mapping[str, str] = {"|": "|", r"\lvert": r"\rvert", r"\vert": r"\vert"}
_ROUNDINGS: Mapping[str, tuple[str, str]] = {r"\lceil": (r"\rceil", "ceiling"), r"\lfloor": (r"\rfloor", "floor")}
_FRACTIONS = {r"\frac", r"\tfrac", r"\dfrac", r"\cfrac", r"\nicefrac", r"\sfrac"}
_LABELLED = {r"\underbrace", r"\overbrace", r"\boxed"}
_INFINITE = {r"\infty", "inf"}
_TIMES = {"*", r"\cdot", r"\times", r"\ast"}

_FUNCTIONS: Mapping[str, Callable[..., Expr]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "ln": sympy.log,
    "sqrt": sympy.sqrt,
    "abs": sympy.Abs,
    "ceiling": sympy.ceiling,
    "ceil": sympy.ceiling,
    "floor": sympy.floor,
    "atan": sympy.atan,
    "min": sympy.Min,
    "max": sympy.Max,
    "cases": sympy.Piecewise,
}
_ALTERNATIVES = {"min", "max", "cases"}
_FUNCTION_COMMANDS = {"\\" + name: name for name in ("exp", "log", "ln", "min", "max")} | {r"\arctan": "atan"}

# An order hides constants; its tilde hides logarithms too.
_ORDERS = {"O", "o", "Theta", "Omega"}
_HINTS: Mapping[str, str] = {
    r"\vee": r"write \max(a, b)",
    r"\wedge": r"write \min(a, b)",
    r"\sum": "a sum over an index is not read; write its value",
    r"\mathbb": "an expectation can only stand on the left of a relation sign, or before a norm or a bracket",
    r"\lor": r"write \max(a, b)",
    r"\land": r"write \min(a, b)",
    ".": "a full stop ends a formula; terms that are left out ('...') are not read, write them",
    r"\dots": "terms that are left out ('...') are not read; write them",
    r"\cdots": "terms that are left out ('...') are not read; write them",
    r"\ldots": "terms that are left out ('...') are not read; write them",
    r"\in": r"an interval states no bound; write an inequality such as \eta \le 1/L",
    r"\inf": "an infimum is not read; write its value",
    r"\sup": "a supremum is not read; write its value",
    r"\langle": "an inner product is not read on the right side; write a letter for it",
    r"\prod": "a product over an index is not read; write its value",
    r"\int": "an integral is not read; write its value",
    ",": "the formula ends here; leave out what follows",
    ";": "the formula ends here; leave out what follows",
    r"\\": "a new line must go on with an operator; give one bound at a time",
}
_EXPECTATIONS = {"mathbb:E", "mathbf:E", "mathsf:E", "E"}
_COMMANDS = sorted({*_FRACTIONS, *_FUNCTION_COMMANDS, *_LABELLED, r"\sqrt", r"\cdot", r"\times", *ACCENTS, *UPRIGHT})


_READ_COMMANDS = {*_COMMANDS, *_HINTS, *NORM_OPENINGS, *_BARS, *_INFINITE, *_ROUNDINGS} | {
    *(f"\\{name}" for name in GREEK),
    *commands("nabla star ast ell over mid rVert rvert rangle rceil rfloor dagger ddagger dag lbrace rbrace"),
}


@dataclass(frozen=True)
class Reading:
    """How a symbol was read: as written, its name, and whether it was told (`given`) or is `usual` or `unknown`."""

    written: str
    name: str
    how: Literal["given", "usual", "unknown"]


class Grammar:
    """Recursive descent over one formula; every method leaves the cursor behind what it has read."""

    def __init__(
        self,
        text: str | Readable,
        letters: Mapping[str, str] | None,
        pieces: Sequence[Token] | None = None,
        infer: bool = False,
    ) -> None:
        self.cursor = Cursor(text, pieces)
        self.values: dict[str, Expr] = {}
        self.letters: dict[str, str] = {}
        for source, name in (letters or {}).items():
            key = spell(source).key
            if known_letter(name) is None:  # a formula, such as L/mu for kappa
                self.values[key] = Add(*Grammar(name, None).whole())
            self.letters[key] = name if key in self.values else symbol(name).name
        self.known = {**meanings(), **self.letters}
        self.infer = infer
        self.readings: dict[str, Reading] = {}
        self.unknown: dict[str, str] = {}
        self.sums: dict[str, Expr] = {}
        self.orders: list[str] = []
        self.constants: Constants = "explicit"
        self.depth = self.tower = self.operands = 0
        self.open_bars: list[str] = []

    # The formula as a whole

    def relations(self) -> list[Token]:
        """The relation signs outside all brackets."""
        depth = 0
        found = []
        for token in self.cursor.tokens:
            depth += token.text in _OPENINGS or token.text == r"\begin{cases}"
            depth -= token.text in _OPENINGS.values() or token.text == r"\end{cases}"
            if token.kind == "relation" and depth <= 0:
                found.append(token)
        return found

    def go_past(self, relation: Token) -> None:
        """Go on behind a relation sign."""
        self.cursor.index = self.cursor.tokens.index(relation) + 1

    def whole(self, before: Token | None = None) -> tuple[Expr, ...]:
        """The summands from here to the end of the formula, or to a relation sign."""
        if self.cursor.peek.kind in ("end", "relation"):
            raise self.cursor.error("expected a formula")
        terms = tuple(Mul(*factors) for factors in self.sum())
        if before is None and all(rest.text in (".", ",", ";", "") for rest in self.cursor.tokens[self.cursor.index :]):
            self.cursor.index = len(self.cursor.tokens) - 1
        if self.cursor.peek != (before or self.cursor.tokens[-1]):
            raise self.unexpected()
        for number, term in enumerate(terms, 1):
            if terms != (sympy.oo,) and not _is_real(term):  # an infinite bound stands alone
                raise TightrateError(f"term {number} of the formula is not a finite real number")
        numbers = Add(*terms).atoms(Rational).union(*(term.atoms(Rational) for term in terms))
        if any(abs(number.p).bit_length() + number.q.bit_length() > 8 * DIGITS for number in numbers):
            raise TightrateError(f"numbers of the formula combine to one of more than {DIGITS} digits")
        return terms

    def unexpected(self, what: str = "an operator or the end") -> TightrateError:
        """The error for a token that nothing can begin with here."""
        peek = self.cursor.peek
        reason = _HINTS.get(peek.text)
        if peek.text in _OPENINGS.values():
            reason = "expected a number, a letter or a bracket before" if self.depth else "no bracket is open here"
        elif reason is None and peek.kind == "end":
            reason = "the formula ends where a number, a letter or a bracket is expected"
        elif reason is None and peek.text in (*_TIMES, "/"):
            reason = f"expected {what} before this sign"
        elif reason is None and peek.kind == "command":
            near = get_close_matches(peek.text, _COMMANDS, n=1, cutoff=0.7)
            reason = (
                f"this command is not read; {f'did you mean {near[0]}? ' if near else ''}leave it out, or define it"
            )
            reason += r" with \newcommand before the formula or in a --macros file"
        elif reason is None and peek.kind == "relation":
            reason = "a relation sign cannot stand inside a formula"
        return self.cursor.error(reason or f"expected {what}")

    @contextmanager
    def raised(self, opening: Token) -> Iterator[None]:
        """Inside an exponent, up to the limit."""
        self.tower += 1
        if self.tower > TOWER:
            raise self.cursor.error(f"a tower of more than {TOWER} exponents; no bound has one", opening)
        yield
        self.tower -= 1

    # Sums and products

    def sum(self) -> Value:
        r"""[sign] product {sign product} [\over sum]; a bracket that is a summand of its own opens."""
        terms: list[tuple[Expr, ...]] = []
        sign = self.cursor.accept("+", "-")
        while True:
            product = self.product()
            if sign is not None and sign.text == "-":
                product = ((Integer(-1), *_factors(product)),)
            terms += product
            sign = self.cursor.accept("+", "-")
            if sign is None:
                break
        if over := self.cursor.accept(r"\over"):
            return ((*_factors(tuple(terms)), *_inverse(self.sum(), self.cursor, over)),)
        return tuple(terms)

    def product(self) -> Value:
        """operand {[* or /] operand}; after `a/b` nothing may follow without a sign, as `a/b c` has two readings."""
        first = self.operand()
        factors: list[Expr] | None = None
        divided_by: Token | None = None
        while True:
            at = self.cursor.peek
            if at.text in _TIMES:
                self.cursor.take()
                divided_by = None
                more = _factors(self.operand())
            elif at.text == "/":
                self.cursor.take()
                divisor = self.cursor.peek
                more = _inverse(self.operand(), self.cursor, divisor)
                divided_by = None if divisor.text in _OPENINGS else divisor
            elif self.starts_operand():
                if at.kind == "number":
                    raise self.cursor.error("a number cannot follow here; put numbers first, and ^ before a power")
                if divided_by is not None:
                    reason = r"'a/b c' has two readings; write a/(b c), (a/b) c or \frac"
                    raise self.cursor.error(reason)
                more = _factors(self.operand())
            else:
                return first if factors is None else (tuple(factors),)
            factors = [*_factors(first), *more] if factors is None else [*factors, *more]

    def starts_operand(self) -> bool:
        peek = self.cursor.peek
        if peek.text in _BARS or peek.text in NORM_OPENINGS:
            return peek.text not in self.open_bars and not self.closes_bars()
        return (
            peek.kind == "number"
            or peek.text in _OPENINGS
            or peek.text in _FRACTIONS
            or peek.text in _LABELLED
            or peek.text in _ROUNDINGS
            or peek.text in _FUNCTION_COMMANDS
            or peek.text in _INFINITE
            or peek.text in (r"\sqrt", r"\begin{cases}")
            or (self.infer and peek.text == r"\sum")
            or starts_letter(peek)
        )

    # Operands

    def operand(self) -> Value:
        """A number, letter, bracket, fraction, root or function, with its power."""
        self.operands += 1
        if self.operands > OPERANDS:
            raise self.cursor.error(f"more than {OPERANDS} letters and numbers in one formula")
        value = self.atom()
        mark = self.cursor.accept("^")
        return value if mark is None else ((self.power(value, self.exponent(mark), mark),),)

    def exponent(self, mark: Token) -> Expr:
        """What stands after `^`: a bracket, or one piece."""
        with self.raised(mark):
            negative = self.cursor.accept("-") is not None
            peek = self.cursor.peek
            if peek.kind == "number" and self.cursor.latex and len(peek.text) > 1:
                raise self.cursor.error(f"LaTeX raises only the first character; write ^{{{peek.text}}}")
            if not self.starts_operand():
                raise self.cursor.error("expected an exponent")
            value = _sum(self.argument(mark))
            digit = peek.kind == "number" and value == 1
            if digit and self.cursor.peek.text == "/" and self.cursor.ahead(1).kind == "number":
                raise self.cursor.error("an exponent ends before '/'; write a fraction in brackets, ^(1/3) or ^{1/3}")
            if self.cursor.peek.text == "^":
                raise self.cursor.error("a second exponent; write which one is meant with brackets")
            return -value if negative else value

    def power(self, base: Value, exponent: Expr, at: Token) -> Expr:
        """base^exponent within the limits."""
        value = _sum(base)
        if exponent.is_number:
            if not exponent.is_Rational:
                raise self.cursor.error("an exponent without letters must be a whole number or a fraction", at)
            if max(abs(exponent.p), exponent.q) >= 10**EXPONENT_DIGITS:
                raise self.cursor.error(f"an exponent of more than {EXPONENT_DIGITS} digits", at)
            number = value if value.is_number else value.as_coeff_Mul()[0]
            size = abs(number.p).bit_length() + number.q.bit_length() if number.is_Rational else 8
            if number not in (1, -1) and size * abs(exponent) > 4 * DIGITS:
                raise self.cursor.error(f"a power with more than {DIGITS} digits", at)
        if value == 0 and not (exponent.is_number and exponent.is_positive):
            raise self.cursor.error("zero to this power is not defined", at)
        return self.real(_raise(value, exponent), at)

    def apply(self, name: str, arguments: list[Expr], at: Token) -> Expr:
        """A function at its arguments, simplified only where that is fast."""
        function = _FUNCTIONS[name]
        if name in ("min", "max") and not all(argument.is_number for argument in arguments):
            # Comparing the alternatives, as sympy would, is slow and not wanted: they are what was printed.
            different = set(arguments)
            return function(*arguments, evaluate=False) if len(different) > 1 else arguments[0]
        if name == "cases" or not _is_large(*arguments):
            return self.real(function(*arguments), at)
        return function(*arguments, evaluate=False)

    def real(self, value: Expr, at: Token) -> Expr:
        """A value that is a finite real number, as far as its form can tell."""
        if not _is_real(value):
            raise self.cursor.error("this is not a finite real number: a division by zero or a negative root", at)
        return value

    def argument(self, of: Token) -> Value:
        """What a command applies to: a bracket, or one piece (in LaTeX, one digit or one letter)."""
        peek = self.cursor.peek
        taken_apart = peek.kind == "number" or (peek.kind == "word" and not self.is_known(peek.text))
        if self.cursor.latex and taken_apart and len(peek.text) > 1:
            self.cursor.split()
        if not self.starts_operand():
            raise self.cursor.error(f"expected what {of.shown} applies to")
        return self.atom(alone=True)

    def atom(self, alone: bool = False) -> Value:
        """An operand without its power, one level deeper than what it stands in; `alone`, as LaTeX takes arguments."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.cursor.error(f"more than {DEPTH} brackets, roots and fractions inside each other")
        value = self.atom_at_depth(alone)
        self.depth -= 1
        return value

    def atom_at_depth(self, alone: bool) -> Value:
        peek = self.cursor.peek
        if peek.kind == "number":
            return ((self.number(),),)
        if peek.text in _OPENINGS:
            return self.phrase() or self.bracket()
        if self.closes_bars():
            raise self.unexpected("a number, a letter or a bracket")
        if starts_letter(peek) and (gap := self.start_gap()) is not None:
            return gap
        if peek.text in _INFINITE and peek.text not in self.letters:
            self.cursor.take()
            return ((sympy.oo,),)
        if peek.text in _BARS and peek.text not in self.open_bars:
            return self.bars()
        if peek.text in _ROUNDINGS:
            return self.rounding()
        if peek.text in _FRACTIONS:
            return self.fraction()
        if peek.text == r"\sqrt":
            return self.root()
        if peek.text in _LABELLED:
            return self.labelled()
        if peek.text == r"\begin{cases}":
            return self.cases_environment()
        if peek.text in _FUNCTION_COMMANDS:
            self.cursor.take()
            return self.function(_FUNCTION_COMMANDS[peek.text], peek)
        if starts_letter(peek):
            return self.letter_or_function(alone)
        if self.infer and peek.text == r"\sum":
            return self.indexed_sum()
        raise self.unexpected("a number, a letter or a bracket")

    def number(self) -> Expr:
        token = self.cursor.take()
        digits, _, ten = token.text.lower().partition("e")
        if len(digits) > DIGITS or (ten and abs(int(ten)) > DIGITS):
            raise self.cursor.error(f"a number of more than {DIGITS} digits", token)
        return Rational(digits) * Integer(10) ** int(ten or 0)

    def bracket(self) -> Value:
        opening = self.cursor.take()
        outer_bars, self.open_bars = self.open_bars, []
        value = self.sum()
        self.open_bars = outer_bars
        self.close(opening)
        if self.cursor.peek.text == "_" and self.cursor.ahead(1).text == "+":  # (x)_+ is the positive part
            self.cursor.index += 2
            return ((self.apply("max", [Integer(0), _sum(value)], opening),),)
        return value

    def phrase(self) -> Value | None:
        """A bracket that as a whole is a letter, such as (f(x_0)-f_*); None, and nothing read, if it is not."""
        start = self.cursor.index
        spelling = read_phrase(self.cursor)
        if spelling is not None and spelling.key in self.known:
            return ((self.named(spelling.key, start),),)
        self.cursor.index = start
        return None

    def named(self, key: str, start: int, stop: int | None = None) -> Expr:
        """The symbol, or the formula, that a key stands for, noted as read from the token `start` to here."""
        name = self.known[key]
        self.note(start, name, "given" if key in self.letters else "usual", stop)
        return self.values[key] if key in self.values else symbol(name)

    def note(self, start: int, name: str, how: Literal["given", "usual", "unknown"], stop: int | None = None) -> None:
        """Remember how a symbol was read."""
        written = self.written(start, stop)
        self.readings.setdefault(written, Reading(written, name, how))

    def written(self, start: int, stop: int | None = None) -> str:
        """The text from the token `start` to the token `stop`, or to the cursor, as written."""
        first, last = self.cursor.tokens[start], self.cursor.tokens[(stop or self.cursor.index) - 1]
        return " ".join(self.cursor.source[first.start : last.start + len(last.shown)].split())

    def start_gap(self) -> Value | None:
        """f(x_0)-f^* as the gap at the start; None, and nothing read, if there is none."""
        start = self.cursor.index
        if not read_gap(self.cursor):
            return None
        self.note(start, "Delta", "usual")
        return ((symbol("Delta"),),)

    def close(self, opening: Token) -> None:
        closing = _OPENINGS[opening.text]
        if self.cursor.peek.text == closing:
            self.cursor.take()
        elif self.cursor.peek.kind == "end" or self.cursor.peek.text in _OPENINGS.values():
            place = f"the '{opening.shown}' of column {opening.start + 1}"
            raise self.cursor.error(f"expected '{closing}' to close {place}")
        else:
            raise self.unexpected()

    def indexed_sum(self) -> Value:
        r"""A sum over an index, as one quantity with the unit of its summands; \sum_{m=1}^M x without m is M x."""
        start = self.cursor.index
        self.cursor.take()
        limits = {"_": "", "^": ""}
        while (mark := self.cursor.accept("_", "^")) is not None:
            limits[mark.text] = read_subscript(self.cursor, Spelling(""), after_mark=True).subscript
        if not self.starts_operand():
            raise self.cursor.error("expected what is summed")
        first = self.cursor.index
        summand = self.product()
        index, _, lowest = limits["_"].partition("=")
        inside = {mark for token in self.cursor.tokens[first : self.cursor.index] for mark in token.text.split("_")}
        if index not in inside and lowest == "1" and limits["^"] in self.known:
            return ((self.named(limits["^"], start), *_factors(summand)),)
        name = declared(self.written(start), "unknown")
        self.sums[name] = _sum(summand)
        self.note(start, name, "unknown")
        return ((symbol(name),),)

    def bars(self) -> Value:
        start = self.cursor.index
        opening = self.cursor.take()
        closing = _BARS[opening.text]
        for count in range(24):  # single bars around vectors are a norm
            if self.cursor.ahead(count).text == closing:
                passed = self.cursor.tokens[self.cursor.index : self.cursor.index + count]
                if is_start_distance(flat(passed)):
                    self.cursor.index += count + 1
                    self.note(start, "B", "usual")
                    return ((symbol("B"),),)
                break
        self.open_bars.append(closing)
        value = _sum(self.sum())
        self.open_bars.pop()
        if closing == "|" and self.cursor.peek.shown == "||":  # |S||A| is a product
            double = self.cursor.peek
            halves = [Token("symbol", "|", "|", double.start + place) for place in (0, 1)]
            self.cursor.tokens[self.cursor.index : self.cursor.index + 1] = halves
        self.cursor.expect(closing, f"expected '{closing}' to end the absolute value")
        return ((self.apply("abs", [value], opening),),)

    def closes_bars(self) -> bool:
        """Whether a double bar here closes an absolute value and opens the next."""
        return self.cursor.peek.shown == "||" and self.open_bars[-1:] == ["|"]

    def rounding(self) -> Value:
        opening = self.cursor.take()
        closing, name = _ROUNDINGS[opening.text]
        value = _sum(self.sum())
        self.cursor.expect(closing, f"expected {closing} to close {opening.text}")
        return ((self.apply(name, [value], opening),),)

    def fraction(self) -> Value:
        command = self.cursor.take()
        numerator = self.argument(command)
        at = self.cursor.peek
        denominator = self.argument(command)
        return ((*_factors(numerator), *_inverse(denominator, self.cursor, at)),)

    def root(self) -> Value:
        command = self.cursor.take()
        index = Integer(2)
        if self.cursor.latex and (opening := self.cursor.accept("[")):
            at = self.cursor.peek
            index = _sum(self.sum())
            self.close(opening)
            if not (index.is_Integer and 2 <= index < 100):
                raise self.cursor.error("the index of a root must be a whole number from 2 to 99", at)
        value = self.argument(command)
        return ((self.power(value, 1 / index, command),),)

    def labelled(self) -> Value:
        command = self.cursor.take()
        value = self.argument(command)
        if command.text != r"\boxed" and self.cursor.peek.text in ("_", "^"):
            read_subscript(self.cursor, Spelling(""), after_mark=self.cursor.accept("^") is not None)
        return value

    # Functions

    def function(self, name: str, at: Token) -> Value:
        """name[^power](arguments); a logarithm or exponential may do without brackets before one operand."""
        base = None
        if name == "log" and self.cursor.accept("_"):
            base = _sum(self.argument(at))
            if not (base.is_Integer and base >= 2):
                raise self.cursor.error("the base of a logarithm must be a whole number of at least 2", at)
        mark = self.cursor.accept("^")
        power = self.exponent(mark) if mark else None
        arguments = self.arguments(name, at)
        if name not in _ALTERNATIVES and len(arguments) != 1:
            raise self.cursor.error(f"{name} takes one argument", at)
        if len(arguments) > ALTERNATIVES:
            raise self.cursor.error(f"{name} of more than {ALTERNATIVES} alternatives", at)
        value = self.apply(name, arguments, at)
        if base is not None:
            value /= sympy.log(base)
        return ((value if power is None or mark is None else self.power(((value,),), power, mark),),)

    def arguments(self, name: str, at: Token) -> list[Expr]:
        opening = self.cursor.peek
        inside = self.raised(at) if name == "exp" else nullcontext()
        if opening.text in _OPENINGS:
            self.cursor.take()
            with inside:
                found = [self.alternative(name)]
                while self.cursor.accept(",", ";"):
                    found.append(self.alternative(name))
            self.close(opening)
            return found
        if opening.text == "_" and name in ("min", "max"):
            raise self.cursor.error(f"a {name}imum over an index is not read; write its value")
        if name not in ("exp", "log", "ln") or not self.starts_operand():
            raise self.cursor.error(f"expected the arguments of {name} in brackets")
        with inside:
            value = _sum(self.operand())
        goes_on = self.starts_operand() and self.cursor.peek.text not in _FUNCTION_COMMANDS
        follows = self.cursor.peek.text == "/" or goes_on
        if follows and opening.text not in _FRACTIONS:
            raise self.cursor.error(f"how far {name} reaches has two readings; put its argument in brackets")
        return [value]

    def alternative(self, name: str) -> Expr:
        """One argument; of `cases`, a value with its condition."""
        value = _sum(self.sum())
        if name != "cases":
            return value
        return sympy.Tuple(value, self.condition() if self.cursor.accept("if") else sympy.true)

    def condition(self) -> Expr:
        """An inequality between two expressions, as it stands."""
        left = _sum(self.sum())
        relation = self.cursor.take()
        relations = {"<=": sympy.Le, ">=": sympy.Ge, "<": sympy.Lt, ">": sympy.Gt}
        if relation.text not in relations:
            raise self.cursor.error("expected a condition, EXPRESSION <= EXPRESSION", relation)
        right = _sum(self.sum())
        if _is_large(left, right):
            raise self.cursor.error("a condition as long as this is not read", relation)
        return relations[relation.text](left, right)

    def cases_environment(self) -> Value:
        r"""\begin{cases} value & condition \\ ... \end{cases}."""
        opening = self.cursor.take()
        branches = []
        while not self.cursor.accept(r"\end{cases}"):
            value = _sum(self.sum())
            self.cursor.accept(",")
            self.cursor.expect("&", "expected '&' between a case and its condition")
            words = self.skip_words()
            condition = sympy.true if words in ("otherwise", "else") else self.condition()
            branches.append(sympy.Tuple(value, condition))
            self.cursor.accept(",", ".")
            if self.cursor.peek.text != r"\end{cases}":
                self.cursor.expect(r"\\", r"expected \\ or \end{cases} after a condition")
        if not 1 <= len(branches) <= ALTERNATIVES:
            raise self.cursor.error(f"from 1 to {ALTERNATIVES} cases are read", opening)
        return ((self.apply("cases", branches, opening),),)

    def skip_words(self) -> str:
        r"""Words such as \text{if } before a condition."""
        words = ""
        if self.cursor.peek.text in UPRIGHT:
            words = read_letter(self.cursor).base.rstrip(".,")
            if words not in ("if", "for", "when", "otherwise", "else"):
                raise self.cursor.error("expected \\text{if}, \\text{otherwise} or a condition")
        return words

    # Letters

    def letter_or_function(self, alone: bool) -> Value:
        """A letter with its subscript, a function by its name, an order such as O(...), or a number with a name."""
        at = self.cursor.peek
        if at.kind == "word" and len(at.text) > 1 and not self.is_known(at.text):
            self.take_apart(at)
        spelling = read_letter(self.cursor, marked=not (alone and self.cursor.latex))
        bracket_follows = self.cursor.peek.text in _OPENINGS
        if spelling.key not in self.letters:
            if spelling.key in _FUNCTIONS:
                return self.function(spelling.key, at)
            if spelling.base.rpartition("\\")[2].rpartition("tilde")[2].strip() in _ORDERS and not spelling.fence:
                return self.order(spelling, at)
            if spelling.key == "polylog":
                raise self.cursor.error("a polylogarithm has no definite power; leave it out, or write log(...)^p", at)
            fonts = replace(spelling, subscript="").key
            if fonts in _EXPECTATIONS and at.kind == "command" and self.starts_operand():
                inside = self.cursor.peek
                if bracket_follows or inside.text in NORM_OPENINGS or inside.text in _BARS or starts_letter(inside):
                    return self.atom()
        exponent, mark, stop = None, self.cursor.peek, self.cursor.index
        if mark.text == "^" and not alone and not spelling.subscript:  # \zeta^2_\star: the subscript may come second
            exponent = self.exponent(self.cursor.take())
            if self.cursor.peek.text == "_":
                spelling = read_subscript(self.cursor, spelling)
        late = f"_{{{spelling.subscript}}}" if exponent is not None and spelling.subscript else ""
        value: Value = ((self.meaning(spelling, at, stop, late),),)
        return value if exponent is None else ((self.power(value, exponent, mark),),)

    def order(self, spelling: Spelling, at: Token) -> Value:
        """O(...), Omega(...) or Theta(...) in any font; a tilde, a star or a subscript log hides logarithms."""
        if self.cursor.peek.text not in _OPENINGS:
            last = self.cursor.tokens[self.cursor.index - 1]
            order = self.cursor.source[at.start : last.start + len(last.shown)]
            raise self.cursor.error(f"the order {order} needs brackets; write {order}(...)", at)
        if spelling.base == "o":
            raise self.cursor.error("o(...), a term of lower order, is not read; leave it out", at)
        with_logs = "tilde" in (*spelling.accents, *re.findall("tilde", spelling.base))
        with_logs |= spelling.subscript in ("*", "log", r"\log")
        if self.tower:  # in an exponent: a constant that the source hides there
            if with_logs:
                raise self.cursor.error("logarithms that are hidden in an exponent are not read; write them", at)
            return ((decay, *_factors(self.bracket())),)
        self.orders.append(spelling.base.rpartition("\\")[2].rpartition("tilde")[2].strip())
        with_logs |= self.constants == "hidden with logs"
        self.constants = "hidden with logs" if with_logs else "hidden"
        return self.bracket()

    def is_order(self, first: Token) -> bool:
        """Whether an order such as O(...) begins with this token, and ends where its bracket does."""
        place = self.cursor.tokens.index(first)
        depth = 0
        for token, after in zip(self.cursor.tokens[place:], self.cursor.tokens[place + 1 :], strict=False):
            depth += (token.text in _OPENINGS) - (token.text in _OPENINGS.values())
            if depth == 0 and token.text in (")", "]", r"\}"):
                return after.kind in ("end", "relation") or after.text in (".", ",", ";")
            if depth == 0 and (token.text in ("+", "-", "*", "/") or token.kind == "number"):
                return False
        return False

    def is_known(self, word: str) -> bool:
        return word in _FUNCTIONS or spell(word).key in self.known or word in ("pi", "if", "Theta", "Omega")

    def take_apart(self, word: Token) -> None:
        """A word that is no letter: in LaTeX letters next to each other, in plain text an error that says so."""
        product = [letter for letter in word.text if letter in self.known]
        is_product = len(product) == len(word.text) <= LONGEST_PRODUCT
        if self.cursor.latex or (is_product and not self.cursor.source.isascii()):  # as documents print it
            self.cursor.split()
            return
        if is_product:
            raise self.cursor.error(f"unknown letter; did you mean {self.as_divisor('*'.join(product))}?")
        if lost := re.fullmatch(r"([A-Za-z]+)(\d)", word.text):  # copied from a page: LB2 for L B^2
            power, index = (self.as_divisor("*".join(lost[1]) + mark + lost[2]) for mark in "^_")
            raise self.cursor.error(f"a digit behind a letter; write {power}, or {index}", word)
        raise self.cursor.error(unknown_letter(word.text, spell(word.text), self.known), word)

    def as_divisor(self, product: str) -> str:
        """A product as it must be written here: behind a division sign, in brackets."""
        before = self.cursor.tokens[self.cursor.index - 1].text if self.cursor.index else ""
        return f"({product})" if before == "/" else product

    def meaning(self, spelling: Spelling, at: Token, stop: int, late_subscript: str) -> Expr:
        """What a letter means that stands from the token `at` to the token `stop`."""
        start = next(i for i, token in enumerate(self.cursor.tokens) if token is at or token.start == at.start)
        if spelling.key in self.known:
            return self.named(spelling.key, start, stop)
        if spelling.fence == "|" and is_start_distance(spelling.base):
            self.note(start, "B", "usual", stop)
            return symbol("B")
        if spelling.key in ("e", "pi"):
            return sympy.E if spelling.key == "e" else sympy.pi
        shown = self.written(start, stop) + late_subscript  # without its power
        if at.text in _HINTS or (at.text in UPRIGHT and len(spelling.base) > 1):
            raise self.cursor.error(
                _HINTS.get(at.text, "words have no place in a formula; leave them out"), replace(at, shown=shown)
            )
        if self.infer and (self.cursor.latex or len(at.text.partition("_")[0]) == 1):
            if self.calls_function(stop):
                self.refuse_unread_command()
                raise self.cursor.error("a function of unknown meaning; write a letter for its value", at)
            kind = vector_kind(spelling.base) if spelling.fence == "|" else "unknown"
            name = self.unknown.setdefault(spelling.key, declared(shown, kind))
            self.note(start, name, "unknown", stop)
            return symbol(name)
        raise self.cursor.error(unknown_letter(shown, spelling, self.known), replace(at, shown=shown))

    def refuse_unread_command(self) -> None:
        """Name a command behind this place that nothing reads, as it may be a relation sign of the author's."""
        for index in range(self.cursor.index, len(self.cursor.tokens)):
            token = self.cursor.tokens[index]
            if token.kind == "command" and token.text[1:].isalpha() and token.text not in _READ_COMMANDS:
                self.cursor.index = index
                raise self.unexpected()

    def calls_function(self, stop: int) -> bool:
        """Whether a bracket around no sum follows, as in f(x): then a letter before it is a function."""
        opening, depth = self.cursor.tokens[stop], 0
        if opening.text not in ("(", "["):
            return False
        inside = self.cursor.tokens[stop + 1 :]
        is_one_number = len(inside) > 1 and inside[1].text in _OPENINGS.values()  # f(0)
        for token in self.cursor.tokens[stop:]:
            depth += (token.text in _OPENINGS) - (token.text in _OPENINGS.values())
            if depth == 0:
                return True
            if token.kind == "number" and not is_one_number:
                return False
            if depth == 1 and token.text in ("+", "-"):
                return False
        return True


def _factors(value: Value) -> tuple[Expr, ...]:
    """The factors of a value; a sum is one factor."""
    return value[0] if len(value) == 1 else (_sum(value),)


def _sum(value: Value) -> Expr:
    return Add(*(Mul(*factors) for factors in value))


def _inverse(value: Value, cursor: Cursor, at: Token) -> tuple[Expr, ...]:
    """The factors of 1/value."""
    factors = _factors(value)
    if 0 in factors:
        raise cursor.error("a division by zero", at)
    return tuple(_raise(factor, Integer(-1)) for factor in factors)


def _raise(base: Expr, exponent: Expr) -> Expr:
    """base^exponent; sympy never simplifies powers of sums with letters, but takes exponential time to find out."""
    if isinstance(base, Add) and base.free_symbols and exponent not in (0, 1):
        return Pow(base, exponent, evaluate=False)
    return Pow(base, exponent)


def _is_large(*expressions: Expr) -> bool:
    """Whether simplifying these takes sympy noticeable time."""
    parts = chain.from_iterable(sympy.preorder_traversal(expression) for expression in expressions)
    return next(islice(parts, SIMPLIFIED, None), None) is not None


def _is_real(value: Expr) -> bool:
    """Whether no infinity, imaginary unit or root of a negative number is in sight."""
    return not value.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo, sympy.I) and not any(
        power.base.is_Rational and power.base.is_negative for power in value.atoms(Pow)
    )
