r"""LaTeX between the dollar signs of a sentence, rewritten in the notation that sentences have.

>>> print(in_sentence_notation(r"\mathbb{E}\|x_r-x^\star\|^2 \le \frac{B^2}{5\,\eta\mu K R}"))
E||x_r-x^*||^2 <= B^2/(5 eta mu K R)
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tightrate.common.errors import TightrateError, unknown_name

__all__ = ["GREEK", "in_sentence_notation"]

ACCENTS = ("bar", "hat", "tilde")
GREEK = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi"),
        *("pi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"),
    )
)
_WORDS: Mapping[str, str] = {
    **{name: name for name in (*GREEK, "sum", "prod", "ell", "log", "exp", "min", "max", "sup", "inf", "dots")},
    "varepsilon": "epsilon",
    "varphi": "phi",
    "vartheta": "theta",
    "ln": "log",
    "ldots": "dots",
    "cdots": "dots",
    "infty": "inf",
    "nabla": "grad",
    "star": "*",
    "ast": "*",
    "in": "in",
    "lVert": "||",
    "rVert": "||",
    "Vert": "||",
    "lvert": "|",
    "rvert": "|",
    "vert": "|",
    "langle": "(",
    "rangle": ")",
    "lbrace": "{",
    "rbrace": "}",
}
_SIGNS: Mapping[str, str] = {
    "le": "<=",
    "leq": "<=",
    "leqslant": "<=",
    "ge": ">=",
    "geq": ">=",
    "geqslant": ">=",
    "ne": "!=",
    "neq": "!=",
    "lesssim": "<~",
    "gtrsim": ">~",
    "asymp": "~",
    "sim": "~",
    "approx": "~",
    "ll": "<<",
    "to": "->",
    "pm": "+-",
    "rightarrow": "->",
    "cdot": " * ",
    "times": " * ",
    "colon": ":",
    "coloneqq": ":=",
}
_SPACES = ("quad", "qquad", "left", "right", "bigl", "bigr", "big", "Bigl", "Bigr", "Big", "displaystyle", "limits")
_UPRIGHT = ("mathbb", "mathbf", "mathcal", "mathrm", "mathit", "operatorname", "text", "textbf", "bm", "boldsymbol")
_FRACTIONS = ("frac", "tfrac", "dfrac")
_ENDS = ("+", "-", "=", "<", ">", ")", "]", "}", ",", ";", ".", "|")
_ATOM = re.compile(r"\d+(?:\.\d+)?|(?:[A-Za-z]|[a-z]{2,}\b)(?:_\w+|_\{\w+\})?(?:\^\w|\^\{[\w ]+\})?|sqrt\([^()]*\)")
_PRODUCT = re.compile(r"[\w^{} ]+|\w*\([^()]*\)")
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[A-Za-z]+|\d+(?:\.\d+)?|\s+|.", re.DOTALL)


def in_sentence_notation(formula: str) -> str:
    r"""A formula in LaTeX as sentences write it; raises TightrateError for a command that they have nothing for."""
    reader = _Reader(formula)
    return _joined(reader.until(""))


def _joined(written: str) -> str:
    """Without the spaces that commands leave, and with names of symbols as the alphabet has them."""
    scripted = re.sub(r"\s*([_^])\s*", r"\1", re.sub(r"\s+", " ", written))
    named = re.sub(r"(?<=[a-z]{2})_\{?\*\}?", "_star", scripted)
    return named.replace("( ", "(").replace(" )", ")").strip()


class _Reader:
    def __init__(self, formula: str) -> None:
        self.formula, self.index = formula, 0
        self.tokens: list[str] = _TOKEN.findall(formula)

    def until(self, end: str) -> str:
        found = ""
        while self.index < len(self.tokens):
            token = self.tokens[self.index]
            if token == end:
                self.index += 1
                return found
            found += self.one()
        if end:
            raise TightrateError(f"the formula ${self.formula}$ has no {end!r} for its bracket")
        return found

    def one(self) -> str:
        token = self.tokens[self.index]
        self.index += 1
        if token == "{":
            return f"{{{self.until('}')}}}"
        if not token.startswith("\\"):
            return token
        return self.command(token[1:])

    def command(self, name: str) -> str:
        if name in _FRACTIONS:
            above, below = self.argument(), self.argument()
            return self.fraction(_joined(above), _joined(below))
        if name == "sqrt":
            return f" sqrt({self.argument()}) "
        if name in ACCENTS:
            return f" {name}({self.argument()}) "
        if name in _UPRIGHT:
            return f" {self.argument()}" if name != "mathbb" else self.argument()
        if name in _SPACES or name in (",", ";", "!", ":", " "):
            self.drop_point(name)
            return " " if name not in ("left", "right") else ""
        if name in ("|", "{", "}", "%", "_", "&"):
            return {"|": "||"}.get(name, name)
        if name in _SIGNS:
            return f" {_SIGNS[name]} "
        if name in _WORDS:
            word = _WORDS[name]
            return f" {word} " if word.isalpha() else word
        known = [*_FRACTIONS, "sqrt", *ACCENTS, *_UPRIGHT, *_SIGNS, *_WORDS]
        raise TightrateError(str(unknown_name(f"command of the formula ${self.formula}$", rf"\{name}", known)))

    def fraction(self, above: str, below: str) -> str:
        """above/below, in brackets where more factors stand beside it."""
        divided = above if _PRODUCT.fullmatch(above) else f"({above})"
        whole = f"{divided}/{below if _ATOM.fullmatch(below) else f'({below})'}"
        ahead = next((token for token in self.tokens[self.index :] if not token.isspace()), "")
        alone = not ahead or ahead in _ENDS or ahead[1:] in (*_SIGNS, "right", "rVert")
        return f" {whole} " if alone else f" ({whole}) "

    def drop_point(self, name: str) -> None:
        """`left.` is no bracket."""
        if name in ("left", "right") and self.index < len(self.tokens) and self.tokens[self.index] == ".":
            self.index += 1

    def argument(self) -> str:
        while self.index < len(self.tokens) and self.tokens[self.index].isspace():
            self.index += 1
        if self.index >= len(self.tokens):
            raise TightrateError(f"the formula ${self.formula}$ ends too early")
        token = self.tokens[self.index]
        if token == "{":
            self.index += 1
            return self.until("}").strip()
        if len(token) > 1 and not token.startswith("\\"):  # of 12, or xy, the first
            self.tokens[self.index : self.index + 1] = [token[0], token[1:]]
        return self.one().strip()
