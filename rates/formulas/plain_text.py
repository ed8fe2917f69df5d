"""Formulas in the notation of the command line, which reads back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tightrate.rates.formulas.style import Level, Part, Style, signs
from tightrate.rates.symbols.alphabet import KIND_MARK, kind_of, taken


def plain_name(name: str) -> str:
    r"""How the command line writes a symbol: its name, without the kind that it was declared as.

    >>> plain_name("zeta_star"), plain_name(r"\mathfrak{p}:moment"), plain_name(r"C_1:constant"), plain_name("B:batch")
    ('zeta_star', 'p', 'C_1', 'B_batch')
    """
    if not kind_of(name):
        return name
    plain = re.sub(r"\\(?:math[a-z]+|text[a-z]*|operatorname)|[{}\\]", "", name.rpartition(KIND_MARK)[0])
    if re.fullmatch(r"\w+\^\w+", plain):  # a raised label, as in G^0, is no power
        plain = plain.replace("^", "_")
    return f"{plain}_{kind_of(name)}" if taken(name) else plain


class PlainText(Style[str]):
    """The notation of the command line."""

    stacks_fractions = False
    keeps_sums = True

    def letter(self, name: str) -> Part[str]:
        return Part(plain_name(name), Level.ATOM)

    def integer(self, value: int) -> str:
        return str(value)

    def constant(self, name: str) -> str:
        return name

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        return signs(terms, " + ", " - ", "-")

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
