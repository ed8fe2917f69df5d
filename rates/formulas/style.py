"""What every printed style has in common: how tightly parts hold together, and how a letter is shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.letter_notation import Spelling, spell
from tightrate.rates.symbols.alphabet import kind_of, known_letter, taken

T = TypeVar("T")
Letters = Mapping[str, str]  # our ASCII names to LaTeX, such as Theorem.letters


class Level(IntEnum):
    """How tightly a part holds together: what needs brackets where."""

    SUM = 0
    QUOTIENT = 1  # a/b on one line: needs brackets inside a product, except at its start
    PRODUCT = 2
    FRACTION = 3  # a over b: needs brackets under a power only
    POWER = 4
    ATOM = 5


@dataclass(frozen=True)
class Part(Generic[T]):
    """A printed part of a formula and how tightly it holds together."""

    body: T
    level: Level


class Style(ABC, Generic[T]):
    """What the parts of a formula look like."""

    stacks_fractions = True
    keeps_sums = False  # print sums exactly as they are stored, without taking out a common factor

    @abstractmethod
    def letter(self, name: str) -> Part[T]:
        """A letter of the alphabet, by its ASCII name."""

    @abstractmethod
    def integer(self, value: int) -> T:
        """A nonnegative whole number."""

    @abstractmethod
    def constant(self, name: str) -> T:
        """Another constant: pi, e, inf."""

    @abstractmethod
    def sum(self, terms: Sequence[tuple[bool, T]]) -> T:
        """Terms, each with whether it is subtracted."""

    @abstractmethod
    def product(self, factors: Sequence[T], after_quotient: bool) -> T:
        """Factors side by side; `after_quotient` if the first one is a/b on one line."""

    @abstractmethod
    def fraction(self, numerator: T, denominator: T) -> T:
        """Numerator over denominator, or with a slash where the style does not stack."""

    @abstractmethod
    def slash(self, numerator: T, denominator: T) -> T:
        """Numerator and denominator on one line."""

    @abstractmethod
    def power(self, base: T, exponent: T) -> T:
        """base^exponent."""

    @abstractmethod
    def root(self, radicand: T) -> T:
        """The square root."""

    @abstractmethod
    def exponential(self, exponent: T) -> T:
        """e^exponent."""

    @abstractmethod
    def function(self, name: str, arguments: Sequence[T]) -> T:
        """A function at its arguments."""

    @abstractmethod
    def bracket(self, body: T) -> T:
        """A part in round brackets."""

    @abstractmethod
    def cases(self, branches: Sequence[tuple[T, T | None]]) -> T:
        """Values with their conditions; without one, otherwise."""

    @abstractmethod
    def relation(self, left: T, sign: str, right: T) -> T:
        """Two sides of an inequality or equation."""


@dataclass(frozen=True)
class WithLetters:
    """A style that shows letters by their LaTeX: the theorem's own, or the alphabet's."""

    letters: Letters = field(default_factory=dict)

    def latex_of(self, name: str) -> str:
        known = known_letter(name)
        own = self.letters.get(name) or (known.latex if known is not None else name)
        return rf"{own}_{{\mathrm{{{kind_of(name)}}}}}" if taken(name) else own

    def spelling(self, name: str) -> Spelling | None:
        """The parts of a letter; None where a paper writes a formula for it."""
        try:
            return spell(self.latex_of(name))
        except TightrateError:
            return None

    def level(self, name: str) -> Level:
        spelling = self.spelling(name)
        raised = "^" in self.latex_of(name) and not (spelling and spelling.fence)
        return Level.SUM if spelling is None or raised else Level.ATOM


def signs(terms: Sequence[tuple[bool, str]], plus: str, minus: str, first: str) -> str:
    """Terms joined by signs; a first one that is subtracted has its sign in front."""
    (negative, body), *rest = terms
    return (first if negative else "") + body + "".join((minus if less else plus) + term for less, term in rest)
