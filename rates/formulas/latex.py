"""Formulas in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tightrate.rates.formulas.style import Part, Style, WithLetters, signs


class LaTeX(WithLetters, Style[str]):
    """LaTeX source."""

    def letter(self, name: str) -> Part[str]:
        return Part(self.latex_of(name), self.level(name))

    def integer(self, value: int) -> str:
        return str(value)

    def constant(self, name: str) -> str:
        return {"pi": r"\pi", "inf": r"\infty"}.get(name, name)

    def sum(self, terms: Sequence[tuple[bool, str]]) -> str:
        return signs(terms, " + ", " - ", "-")

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
