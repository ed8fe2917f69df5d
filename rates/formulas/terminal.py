"""Formulas in a terminal, in unicode: on one line, or with stacked fractions on several."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from tightrate.rates.formulas.plain_text import PlainText
from tightrate.rates.formulas.style import Part, Style, WithLetters, signs
from tightrate.rates.formulas.tokens import SUPERSCRIPTS

BRACKETS = {"abs": ("|", "|"), "ceiling": ("⌈", "⌉"), "floor": ("⌊", "⌋")}
CONSTANTS = {"pi": "π", "inf": "∞"}
FUNCTIONS = {"Theta": "Θ"}
_RAISED = {plain: raised for raised, plain in SUPERSCRIPTS.items()}
SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠"}


class Unicode(WithLetters, PlainText):
    """One line of a terminal."""

    keeps_sums = False

    def letter(self, name: str) -> Part[str]:
        spelling = self.spelling(name)
        return Part(spelling.unicode if spelling else self.latex_of(name), self.level(name))

    def constant(self, name: str) -> str:
        return CONSTANTS.get(name, name)

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        return signs(terms, " + ", " − ", "−")

    def product(self, factors: Sequence[str], after_quotient: bool) -> str:
        first, *rest = factors
        body = first + " · " if after_quotient else first
        for factor in rest:
            body += ("·" if factor[0].isdigit() else "" if body.endswith(" ") else " ") + factor
        return body

    def power(self, base: str, exponent: str) -> str:
        return base + exponent.translate(_RAISED) if exponent.isdigit() else super().power(base, exponent)

    def root(self, radicand: str) -> str:
        return f"√{radicand}" if len(radicand) == 1 else f"√({radicand})"

    def exponential(self, exponent: str) -> str:
        return self.power("e", exponent)

    def function(self, name: str, arguments: Sequence[str]) -> str:
        if name in BRACKETS:
            left, right = BRACKETS[name]
            return left + arguments[0] + right
        return super().function(FUNCTIONS.get(name, name), arguments)

    def relation(self, left: str, sign: str, right: str) -> str:
        return f"{left} {SIGNS.get(sign, sign)} {right}"


@dataclass(frozen=True)
class Box:
    """Lines of equal width; formulas stand side by side at the line `base`."""

    lines: tuple[str, ...]
    base: int = 0

    def __str__(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)

    @property
    def width(self) -> int:
        """The number of columns; combining accents take none."""
        return sum(not unicodedata.combining(character) for character in self.lines[0])

    @staticmethod
    def row(*boxes: Box | str) -> Box:
        """Boxes side by side."""
        parts = [Box((box,)) if isinstance(box, str) else box for box in boxes]
        above = max(part.base for part in parts)
        below = max(len(part.lines) - part.base for part in parts)
        padded = [
            [" " * part.width] * (above - part.base)
            + list(part.lines)
            + [" " * part.width] * (below - len(part.lines) + part.base)
            for part in parts
        ]
        return Box(tuple("".join(line) for line in zip(*padded, strict=True)), above)

    def centred(self, width: int) -> list[str]:
        """The lines in the middle of a given width."""
        left = (width - self.width) // 2
        return [" " * left + line + " " * (width - self.width - left) for line in self.lines]

    def fenced(self, left: str, right: str) -> Box:
        """Between fences as tall as the box; each fence is its flat form, then top, middle and bottom."""
        if len(self.lines) == 1:
            return Box.row(left[0], self, right[0])
        inner = len(self.lines) - 2
        fences = [Box((fence[1], *fence[2] * inner, fence[3]), self.base) for fence in (left, right)]
        return Box.row(fences[0], self, fences[1])


class Stacked(WithLetters, Style[Box]):
    """Several lines of a terminal."""

    def letter(self, name: str) -> Part[Box]:
        part = Unicode(self.letters).letter(name)
        return Part(Box((part.body,)), part.level)

    def integer(self, value: int) -> Box:
        return Box((str(value),))

    def constant(self, name: str) -> Box:
        return Box((CONSTANTS.get(name, name),))

    def sum(self, terms: Sequence[tuple[bool, Box]]) -> Box:
        (negative, body), *rest = terms
        parts = [part for less, term in rest for part in (" − " if less else " + ", term)]
        return Box.row("−" if negative else "", body, *parts)

    def product(self, factors: Sequence[Box], after_quotient: bool) -> Box:
        first, *rest = factors
        parts = [first]
        for factor in rest:
            begins_with_digit = factor.lines[factor.base].lstrip()[:1].isdigit()
            parts += [Box((" · " if after_quotient or begins_with_digit else " ",)), factor]
        return Box.row(*parts)

    def fraction(self, numerator: Box, denominator: Box) -> Box:
        width = max(numerator.width, denominator.width)
        lines = (*numerator.centred(width), "─" * width, *denominator.centred(width))
        return Box(lines, len(numerator.lines))

    def slash(self, numerator: Box, denominator: Box) -> Box:
        return Box.row(numerator, "/", denominator)

    def power(self, base: Box, exponent: Box) -> Box:
        if len(base.lines) == 1 and len(exponent.lines) == 1 and exponent.lines[0].isdigit():
            return Box((base.lines[0] + exponent.lines[0].translate(_RAISED),))
        lifted = Box((*exponent.lines, *[" " * exponent.width] * len(base.lines)), len(exponent.lines) + base.base)
        return Box.row(base, lifted)

    def root(self, radicand: Box) -> Box:
        return Box.row("√", radicand if radicand.width == 1 else self.bracket(radicand))

    def exponential(self, exponent: Box) -> Box:
        return self.power(Box(("e",)), exponent)

    def function(self, name: str, arguments: Sequence[Box]) -> Box:
        inside = Box.row(*[part for argument in arguments for part in (", ", argument)][1:])
        tall = {"ceiling": ("⌈⎡⎢⎢", "⌉⎤⎥⎥"), "floor": ("⌊⎢⎢⎣", "⌋⎥⎥⎦"), "abs": ("||||", "||||")}
        if name in tall:
            return inside.fenced(*tall[name])
        fences = ("{⎧⎨⎩", "}⎫⎬⎭") if name in ("min", "max") and len(inside.lines) == 3 else ("(⎛⎜⎝", ")⎞⎟⎠")
        return Box.row(FUNCTIONS.get(name, name), inside.fenced(*fences))

    def bracket(self, body: Box) -> Box:
        return body.fenced("(⎛⎜⎝", ")⎞⎟⎠")

    def cases(self, branches: Sequence[tuple[Box, Box | None]]) -> Box:
        rows = [Box.row(value, "  if ", test) if test else Box.row(value, "  otherwise") for value, test in branches]
        width = max(row.width for row in rows)
        lines = [line + " " * (width - row.width) for row in rows for line in row.lines]
        middle = len(lines) // 2
        brace = ("⎧", *["⎨" if line == middle else "⎪" for line in range(1, len(lines) - 1)], "⎩")[: len(lines)]
        return Box.row(Box(brace, middle), " ", Box(tuple(lines), middle))

    def relation(self, left: Box, sign: str, right: Box) -> Box:
        return Box.row(left, f" {SIGNS.get(sign, sign)} ", right)
