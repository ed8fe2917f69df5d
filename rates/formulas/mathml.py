"""Formulas in presentation MathML, for pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tightrate.rates.formulas.style import Part, Style, WithLetters, signs
from tightrate.rates.formulas.terminal import BRACKETS, CONSTANTS, SIGNS


@dataclass(frozen=True)
class Markup:
    """MathML with its height in lines, which tells how tall the brackets around it must be."""

    body: str
    height: float = 1.0


def math_element(markup: Markup, block: bool) -> str:
    """The `math` element around a formula, in a line of text or as a block of its own."""
    shown = ' display="block"' if block else ""
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML"{shown}>{markup.body}</math>'


class MathML(WithLetters, Style[Markup]):
    """Presentation MathML, of which browsers implement MathML Core.

    Brackets stretch by a transform: browsers stretch operators only with a mathematical font, which few workers have.
    """

    def letter(self, name: str) -> Part[Markup]:
        spelling = self.spelling(name)
        body = spelling.mathml if spelling else f"<mtext>{escape(self.latex_of(name))}</mtext>"
        return Part(Markup(body), self.level(name))

    def integer(self, value: int) -> Markup:
        return Markup(f"<mn>{value}</mn>")

    def constant(self, name: str) -> Markup:
        return Markup(f"<mi>{CONSTANTS.get(name, name)}</mi>")

    def sum(self, terms: Sequence[tuple[bool, Markup]]) -> Markup:
        bodies = [(negative, term.body) for negative, term in terms]
        body = signs(bodies, "<mo>+</mo>", "<mo>−</mo>", '<mo form="prefix">−</mo>')
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
        if name in BRACKETS:
            return self._fenced(*BRACKETS[name], inside)
        fenced = self._fenced("{", "}", inside) if name in ("min", "max") else self.bracket(inside)
        shown = {"atan": "arctan", "Theta": "Θ"}.get(name, name)
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
        body = f"<mrow>{left.body}<mo>{escape(SIGNS.get(sign, sign))}</mo>{right.body}</mrow>"
        return Markup(body, max(left.height, right.height))
