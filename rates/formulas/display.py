r"""Formulas as people see them: LaTeX, unicode for terminals, MathML for pages, and plain text that reads back.

>>> import sympy
>>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
>>> statistical = sigma * B / sympy.sqrt(M * K * R)
>>> print(latex(L * B**2 / R, {"L": "H"}), latex(statistical))
\frac{HB^2}{R} \frac{\sigma B}{\sqrt{MKR}}
>>> print(text(statistical), unicode(statistical), sep="   ")
sigma*B/sqrt(M*K*R)   σ B/√(M K R)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TypeVar

from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.letter_notation import Spelling, spell
from tightrate.rates.formulas.tokens import SUPERSCRIPTS
from tightrate.rates.formulas.typeset import Level, Part, Style, Typesetter
from tightrate.rates.symbols.alphabet import LETTERS

T = TypeVar("T")
Letters = Mapping[str, str]  # our ASCII names to LaTeX, such as Theorem.letters


def latex(expression: Expr, letters: Letters | None = None) -> str:
    r"""An expression in LaTeX, in the alphabet's letters or in those given (our name to LaTeX).

    >>> from tightrate.rates.symbols.alphabet import K, R, alpha, mu, L, sigma
    >>> print(latex(sigma**2 / mu * (L / (mu * K * R)) ** ((alpha - 1) / alpha)))
    \frac{\sigma^2}{\mu}\left(\frac{L}{\mu KR}\right)^{(\alpha - 1)/\alpha}
    """
    return Typesetter(LaTeX(letters or {})).part(expression).body


def text(expression: Expr) -> str:
    """An expression in plain text, which `tightrate.rates.formulas.parse.parse` reads back to an equal one.

    >>> import sympy
    >>> from tightrate.rates.symbols.alphabet import B, K, L, R, sigma
    >>> text((L * sigma**2 * B**4 / (K * R**2)) ** sympy.Rational(1, 3))
    '(L*sigma^2*B^4)^(1/3)/(K^(1/3)*R^(2/3))'
    """
    return Typesetter(PlainText()).part(expression).body


def unicode(expression: Expr, letters: Letters | None = None) -> str:
    """An expression on one line of a terminal.

    >>> from tightrate.rates.symbols.alphabet import L, zeta_star
    >>> unicode(zeta_star**2 / L)
    'ζ⋆²/L'
    """
    return Typesetter(Unicode(letters or {})).part(expression).body


def stacked(expression: Expr, letters: Letters | None = None) -> str:
    """An expression on several lines of a terminal, fractions stacked.

    >>> from tightrate.rates.symbols.alphabet import L, zeta_star
    >>> print(stacked(zeta_star**2 / L))
    ζ⋆²
    ───
     L
    """
    return str(Typesetter(Stacked(letters or {})).part(expression).body)


def mathml(expression: Expr, letters: Letters | None = None, block: bool = False) -> str:
    """An expression as a `math` element of presentation MathML, which browsers show without help.

    >>> from tightrate.rates.symbols.alphabet import L, R
    >>> mathml(L / R)
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mi>L</mi><mi>R</mi></mfrac></math>'
    """
    return _math_element(Typesetter(MathML(letters or {})).part(expression).body, block)


def sum_latex(terms: Sequence[Expr], letters: Letters | None = None) -> str:
    """A sum of terms in their order, in LaTeX."""
    return _joined(LaTeX(letters or {}), terms)


def sum_text(terms: Sequence[Expr]) -> str:
    """A sum of terms in their order, in plain text."""
    return _joined(PlainText(), terms)


def sum_unicode(terms: Sequence[Expr], letters: Letters | None = None) -> str:
    """A sum of terms in their order, on one line of a terminal."""
    return _joined(Unicode(letters or {}), terms)


def sum_stacked(terms: Sequence[Expr], letters: Letters | None = None) -> str:
    """A sum of terms in their order, on several lines of a terminal, fractions stacked."""
    return str(_joined(Stacked(letters or {}), terms))


def sum_mathml(terms: Sequence[Expr], letters: Letters | None = None, block: bool = True) -> str:
    """A sum of terms in their order, as a `math` element."""
    return _math_element(_joined(MathML(letters or {}), terms), block)


def _joined(style: Style[T], terms: Sequence[Expr]) -> T:
    typesetter = Typesetter(style)
    return style.sum([typesetter.signed(term) for term in terms])


@dataclass(frozen=True)
class _WithLetters:
    """A style that shows letters by their LaTeX: the theorem's own, or the alphabet's."""

    letters: Letters = field(default_factory=dict)

    def latex_of(self, name: str) -> str:
        return self.letters.get(name) or (LETTERS[name].latex if name in LETTERS else name)

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


def _signs(terms: Sequence[tuple[bool, str]], plus: str, minus: str, first: str) -> str:
    """Terms joined by signs; a first one that is subtracted has its sign in front."""
    (negative, body), *rest = terms
    return (first if negative else "") + body + "".join((minus if less else plus) + term for less, term in rest)


class LaTeX(_WithLetters, Style[str]):
    """LaTeX source."""

    def letter(self, name: str) -> Part[str]:
        return Part(self.latex_of(name), self.level(name))

    def integer(self, value: int) -> str:
        return str(value)

    def constant(self, name: str) -> str:
        return {"pi": r"\pi", "inf": r"\infty"}.get(name, name)

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        return _signs(terms, " + ", " - ", "-")

    def product(self, factors: Sequence[str], after_quotient: bool) -> str:
        body = factors[0] + (r" \cdot " if after_quotient else "")
        for factor in factors[1:]:
            if factor[0].isdigit():
                body += r" \cdot "
            elif re.search(r"\\[A-Za-z]+$", body) and factor[0].isalpha():
                body += " "
            body += factor
        return body

    def fraction(self, numerator: str, denominator: str) -> str:
        return rf"\frac{{{numerator}}}{{{denominator}}}"

    def slash(self, numerator: str, denominator: str) -> str:
        return f"{numerator}/{denominator}"

    def power(self, base: str, exponent: str) -> str:
        raised = f"^{exponent}" if len(exponent) == 1 else f"^{{{exponent}}}"
        function = re.match(r"\\log", base)
        return base[: function.end()] + raised + base[function.end() :] if function else base + raised

    def root(self, radicand: str) -> str:
        return rf"\sqrt{{{radicand}}}"

    def exponential(self, exponent: str) -> str:
        return f"e^{{{exponent}}}"

    def function(self, name: str, arguments: Sequence[str]) -> str:
        body = ", ".join(arguments)
        if name in ("min", "max"):
            return rf"\{name}" + self._fenced(r"\{", body, r"\}")
        if name in ("ceiling", "floor", "abs"):
            left, right = {"ceiling": (r"\lceil", r"\rceil"), "floor": (r"\lfloor", r"\rfloor"), "abs": "||"}[name]
            return self._fenced(left, body, right)
        return rf"\{'arctan' if name == 'atan' else name}" + self.bracket(body)

    def bracket(self, body: str) -> str:
        return self._fenced("(", body, ")")

    def _fenced(self, left: str, body: str, right: str) -> str:
        tall = any(command in body for command in (r"\frac", r"\sqrt", r"\begin"))
        space = " " if left[-1].isalpha() and body[0].isalpha() else ""
        return rf"\left{left}{space}{body}\right{right}" if tall else left + space + body + right

    def cases(self, branches: Sequence[tuple[str, str | None]]) -> str:
        rows = [f"{value} & {condition or self._otherwise}" for value, condition in branches]
        return r"\begin{cases}" + r" \\ ".join(rows) + r"\end{cases}"

    _otherwise = r"\text{otherwise}"

    def relation(self, left: str, sign: str, right: str) -> str:
        command = {"<=": r"\le", ">=": r"\ge", "!=": r"\ne"}.get(sign, sign)
        return f"{left} {command} {right}"


class PlainText(Style[str]):
    """The notation of the command line."""

    stacks_fractions = False
    keeps_sums = True

    def letter(self, name: str) -> Part[str]:
        return Part(name, Level.ATOM)

    def integer(self, value: int) -> str:
        return str(value)

    def constant(self, name: str) -> str:
        return name

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        return _signs(terms, " + ", " - ", "-")

    def product(self, factors: Sequence[str], after_quotient: bool) -> str:  # noqa: ARG002
        return "*".join(factors)

    def fraction(self, numerator: str, denominator: str) -> str:
        return self.slash(numerator, denominator)

    def slash(self, numerator: str, denominator: str) -> str:
        return f"{numerator}/{denominator}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{exponent}" if re.fullmatch(r"\w+", exponent) else f"{base}^({exponent})"

    def root(self, radicand: str) -> str:
        return f"sqrt({radicand})"

    def exponential(self, exponent: str) -> str:
        return f"exp({exponent})"

    def function(self, name: str, arguments: Sequence[str]) -> str:
        return f"{name}({', '.join(arguments)})"

    def bracket(self, body: str) -> str:
        return f"({body})"

    def cases(self, branches: Sequence[tuple[str, str | None]]) -> str:
        return self.function("cases", [f"{value} if {test}" if test else value for value, test in branches])

    def relation(self, left: str, sign: str, right: str) -> str:
        return f"{left} {sign} {right}"


class Unicode(_WithLetters, PlainText):
    """One line of a terminal."""

    keeps_sums = False

    def letter(self, name: str) -> Part[str]:
        spelling = self.spelling(name)
        return Part(spelling.unicode if spelling else self.latex_of(name), self.level(name))

    def constant(self, name: str) -> str:
        return _UNICODE_CONSTANTS.get(name, name)

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        return _signs(terms, " + ", " − ", "−")

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
        if name in _BRACKETS:
            left, right = _BRACKETS[name]
            return left + arguments[0] + right
        return super().function(name, arguments)

    def relation(self, left: str, sign: str, right: str) -> str:
        return f"{left} {_UNICODE_SIGNS.get(sign, sign)} {right}"


_BRACKETS = {"abs": ("|", "|"), "ceiling": ("⌈", "⌉"), "floor": ("⌊", "⌋")}
_UNICODE_CONSTANTS = {"pi": "π", "inf": "∞"}
_RAISED = {plain: raised for raised, plain in SUPERSCRIPTS.items()}
_UNICODE_SIGNS = {"<=": "≤", ">=": "≥", "!=": "≠"}


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


class Stacked(_WithLetters, Style[Box]):
    """Several lines of a terminal."""

    def letter(self, name: str) -> Part[Box]:
        part = Unicode(self.letters).letter(name)
        return Part(Box((part.body,)), part.level)

    def integer(self, value: int) -> Box:
        return Box((str(value),))

    def constant(self, name: str) -> Box:
        return Box((_UNICODE_CONSTANTS.get(name, name),))

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
        return Box.row(name, inside.fenced(*fences))

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
        return Box.row(left, f" {_UNICODE_SIGNS.get(sign, sign)} ", right)


@dataclass(frozen=True)
class Markup:
    """MathML with its height in lines, which tells how tall the brackets around it must be."""

    body: str
    height: float = 1.0


def _math_element(markup: Markup, block: bool) -> str:
    shown = ' display="block"' if block else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{shown}>{markup.body}</math>'


class MathML(_WithLetters, Style[Markup]):
    """Presentation MathML, of which browsers implement MathML Core.

    Brackets stretch by a transform: browsers stretch operators only with a mathematical font, which few machines have.
    """

    def letter(self, name: str) -> Part[Markup]:
        spelling = self.spelling(name)
        body = spelling.mathml if spelling else f"<mtext>{escape(self.latex_of(name))}</mtext>"
        return Part(Markup(body), self.level(name))

    def integer(self, value: int) -> Markup:
        return Markup(f"<mn>{value}</mn>")

    def constant(self, name: str) -> Markup:
        return Markup(f"<mi>{_UNICODE_CONSTANTS.get(name, name)}</mi>")

    def sum(self, terms: Sequence[tuple[bool, Markup]]) -> Markup:
        bodies = [(negative, term.body) for negative, term in terms]
        body = _signs(bodies, "<mo>+</mo>", "<mo>−</mo>", '<mo form="prefix">−</mo>')
        return Markup(f"<mrow>{body}</mrow>", max(term.height for _, term in terms))

    def product(self, factors: Sequence[Markup], after_quotient: bool) -> Markup:
        body = factors[0].body
        for factor in factors[1:]:
            invisible = '<mspace width="0.17em"/>' if factor.body.startswith("<mrow><mi>") else "<mo>&#x2062;</mo>"
            body += ("<mo>·</mo>" if after_quotient or factor.body.startswith("<mn>") else invisible) + factor.body
        return Markup(f"<mrow>{body}</mrow>", max(factor.height for factor in factors))

    def fraction(self, numerator: Markup, denominator: Markup) -> Markup:
        # Browsers set a fraction inside a fraction in small type.
        height = sum(1 + (part.height - 1) * 0.6 for part in (numerator, denominator)) + 0.2
        return Markup(f"<mfrac>{numerator.body}{denominator.body}</mfrac>", height)

    def slash(self, numerator: Markup, denominator: Markup) -> Markup:
        body = f'<mrow>{numerator.body}<mo lspace="0" rspace="0">/</mo>{denominator.body}</mrow>'
        return Markup(body, max(numerator.height, denominator.height))

    def power(self, base: Markup, exponent: Markup) -> Markup:
        if base.body.startswith("<msub>"):
            inside = base.body.removeprefix("<msub>").removesuffix("</msub>")
            return Markup(f"<msubsup>{inside}{exponent.body}</msubsup>", base.height)
        return Markup(f"<msup>{base.body}{exponent.body}</msup>", base.height)

    def root(self, radicand: Markup) -> Markup:
        return Markup(f"<msqrt>{radicand.body}</msqrt>", radicand.height)

    def exponential(self, exponent: Markup) -> Markup:
        return Markup(f"<msup><mi>e</mi>{exponent.body}</msup>")

    def function(self, name: str, arguments: Sequence[Markup]) -> Markup:
        body = "<mo>,</mo>".join(argument.body for argument in arguments)
        inside = Markup(body, max(argument.height for argument in arguments))
        if name in _BRACKETS:
            return self._fenced(*_BRACKETS[name], inside)
        fenced = self._fenced("{", "}", inside) if name in ("min", "max") else self.bracket(inside)
        shown = "arctan" if name == "atan" else name
        return Markup(f"<mrow><mi>{shown}</mi><mo>&#x2061;</mo>{fenced.body}</mrow>", fenced.height)

    def bracket(self, body: Markup) -> Markup:
        return self._fenced("(", ")", body)

    def _fenced(self, left: str, right: str, inside: Markup) -> Markup:
        body = f"<mrow>{self._fence(left, 'prefix', inside)}{inside.body}{self._fence(right, 'postfix', inside)}</mrow>"
        return Markup(body, inside.height)

    def _fence(self, fence: str, form: str, inside: Markup) -> str:
        scale = f' style="transform:scaleY({inside.height:.3g})"' if inside.height > 1.2 else ""
        return f'<mo form="{form}" fence="true" stretchy="false"{scale}>{fence}</mo>'

    def cases(self, branches: Sequence[tuple[Markup, Markup | None]]) -> Markup:
        cell = '<mtd style="text-align:left">'
        rows = "".join(
            f"<mtr>{cell}{value.body}</mtd>{cell}{test.body if test else '<mtext>otherwise</mtext>'}</mtd></mtr>"
            for value, test in branches
        )
        table = f'<mtable displaystyle="true">{rows}</mtable>'
        inside = Markup(table, sum(value.height + 0.4 for value, _ in branches))
        return Markup(f"<mrow>{self._fence('{', 'prefix', inside)}{inside.body}</mrow>", inside.height)

    def relation(self, left: Markup, sign: str, right: Markup) -> Markup:
        body = f"<mrow>{left.body}<mo>{escape(_UNICODE_SIGNS.get(sign, sign))}</mo>{right.body}</mrow>"
        return Markup(body, max(left.height, right.height))
