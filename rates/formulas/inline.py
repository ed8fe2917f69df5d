r"""Formulas inside sentences: `$...$` in the notation of the command line, typeset for a page, a document, a terminal.

They are typeset, never computed with, so that a sentence may speak of norms, gradients and expectations, which bounds
do not have.  Symbols of the alphabet look as everywhere, in its letters or in a paper's.  LaTeX is read, too.

>>> print(as_text("The gap is at most $L B^2/(2 eta R)$ for $x_{t+1} = x_t - eta grad F(x_t)$ with `eta` below $2/L$."))
The gap is at most L B²/(2 η R) for x_{t+1} = x_t − η ∇F(x_t) with eta below 2/L.
>>> print(as_markdown("a distance of $zeta_star/mu$", {"zeta_star": r"\zeta_\ast"}))
a distance of $\zeta_\ast/\mu$
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import Protocol

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.latex_sentence import GREEK, in_sentence_notation
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.symbols.alphabet import LETTERS

Letters = Mapping[str, str]
"""Our ASCII names to LaTeX, such as `Theorem.letters`; those of the alphabet where a name is missing."""

ACCENTS: Mapping[str, tuple[str, str]] = {"bar": ("\u0304", "¯"), "hat": ("\u0302", "^"), "tilde": ("\u0303", "~")}
"""Accents of what stands in brackets behind them: combined with it, and above it."""

NAMED: Mapping[str, tuple[str, str]] = {  # word: LaTeX, unicode
    "inf": (r"\infty", "∞"),
    "grad": (r"\nabla", "∇"),
    "E": (r"\mathbb{E}", "𝔼"),
    "sum": (r"\sum", "∑"),
    "prod": (r"\prod", "∏"),
    "ell": (r"\ell", "ℓ"),
    "dots": (r"\dots", "…"),
}
SIGNS: Mapping[str, tuple[str, str]] = {
    "<=": (r"\le", "≤"),
    ">=": (r"\ge", "≥"),
    "<~": (r"\lesssim", "≲"),
    "<<": (r"\ll", "≪"),
    ">~": (r"\gtrsim", "≳"),
    "!=": (r"\ne", "≠"),
    "->": (r"\to", "→"),
    "+-": (r"\pm", "±"),
    "||": (r"\|", "‖"),
    "~": (r"\asymp", "≍"),
    "...": (r"\dots", "…"),
    "in": (r"\in", "∈"),
    "*": (r"\cdot", "·"),
    "-": ("-", "−"),
}
RELATIONS = frozenset(("<=", ">=", "<~", ">~", "<<", "!=", "->", "~", "=", "<", ">", "+", "+-", ":", "in"))


def _token() -> re.Pattern[str]:
    """What a formula's parts look like; names of letters with an index stand whole."""
    return _token_with(tuple(sorted((name for name in LETTERS if not name.isalpha()), key=len, reverse=True)))


@cache
def _token_with(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(
        r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
        rf"|(?P<word>(?:{'|'.join(names)})(?![A-Za-z0-9])|[A-Za-z]+)"
        r"|(?P<sign><=|>=|<~|>~|<<|!=|->|\+-|\|\||\.\.\.|.))"
    )


_PIECES = re.compile(r"(\$[^$]*\$|`[^`]*`)")


def dollared(text: str) -> str:
    """A short text, as verdicts have them, with dollar signs around what is mathematics, and backquotes around ids.

    That are letters with their powers, powers of ten, negative numbers and relations.

    >>> dollared("`a^2` <= 1e-5, zeta_star grows like n^1/2 where K = -1 (patel2024/thm9)")
    '`a^2` $<=$ $1e-5$, $zeta_star$ grows like $n^(1/2)$ where $K$ = $-1$ (`patel2024/thm9`)'
    >>> dollared("L*B^2/(K*R) <~ 2**3*R, near |x_inf - x*|")
    '$L B^2/(K R)$ $<~$ $2^3 R$, near $|x_inf - x*|$'
    >>> dollared("(B.85), at most 1.8e-01, (1/sigma)^-0.5 <= inf")
    '(B.85), at most 0.18, $(1/sigma)^-0.5$ $<=$ $inf$'
    """
    parts = _PIECES.split(text)
    parts[::2] = [_plain_formula().sub(_as_formula, part) for part in parts[::2]]
    parts = _PIECES.split("".join(parts))
    parts[::2] = [_short_text().sub(_dollared, part) for part in parts[::2]]
    return "".join(parts)


@cache
def _plain_formula() -> re.Pattern[str]:
    """A norm, and a formula in the notation of bounds: letters, numbers and functions with products among them."""
    names = "|".join(sorted({*LETTERS, *GREEK, "sqrt", "min", "max", "exp", "log"}, key=len, reverse=True))
    token = rf"(?:(?<![\w.])(?:{names}|\d+(?:\.\d+)?)(?![\w.])|\*\*|[-+*/^(),]|(?<=[-+,]) | (?=[-+]))"
    return re.compile(
        rf"\|{{1,2}}[A-Za-z][\w*]*(?: - [A-Za-z][\w*]*)?\|{{1,2}}(?:_[A-Za-z]+)?|{token}*?(?<=[\w)])\*+{token}+"
    )


def _as_formula(found: re.Match[str]) -> str:
    core = found[0].strip(" ,+")
    before, _, after = found[0].partition(core)
    formula = core.replace("**", "^").replace("*", " ") if core[:1] != "|" else core
    try:
        as_text(f"${formula}$")
    except TightrateError:
        return found[0]
    return f"{before}${formula}${after}"


@cache
def _short_text() -> re.Pattern[str]:
    """In short texts: statements' ids, powers, powers of ten, negative numbers, relations, and letters."""
    letters = {name for name in LETTERS if (name.isupper() and len(name) == 1) or re.split(r"[_\d]", name)[0] in GREEK}
    names = "|".join(sorted({*letters, *GREEK, "G_inf", "K_0", "d_min", "d_max"}, key=len, reverse=True))
    exponent = r"\^(?:\(-?[\d./]+\)|-?[\d./]*\d)"
    return re.compile(
        r"(?P<id>(?<![\w./])[a-z]+\d{4}[a-z]?/[\w.@-]*\w)"
        rf"|(?<![\w.'`-])(?P<power>(?:[A-Za-z]\w*(?:\([^()]*\))?|\((?:[^() ]|\([^() ]*\))+\)){exponent}"
        rf"|(?:{names})(?![\w'(-]|\.\d))"
        r"|(?<![\w.])(?P<other>-?\d+(?:\.\d+)?e[+-]?\d+|-\d+(?:\.\d+)?|<=|>=|<~|>~|<<|->|inf(?![\w(-]))"
        r"|(?<= )(?P<like>~)(?= )"
    )


def _dollared(found: re.Match[str]) -> str:
    if found["id"]:
        return f"`{found[0]}`"
    if found["other"] and "e" in found[0] and (float(found[0]) == 0 or 1e-3 <= abs(float(found[0])) < 1e4):
        return re.sub("^-.*", r"$\\g<0>$", f"{float(found[0]):.10g}")
    return "$" + re.sub(r"\^(-?\d+/\d+)", r"^(\1)", re.sub(r"\^1$", "", found[0])) + "$"


def as_html(text: str, letters: Letters | None = None) -> str:
    """A sentence as HTML: formulas in MathML, what stands in backquotes as code, all else escaped.

    >>> as_html("an exponent ($x$), and more").count("nowrap")  # no line begins with what closes a bracket
    1
    """
    found = _rendered(text, escape, lambda code: f"<code>{escape(code)}</code>", _HTML(letters or {}), _math)
    return _CLINGING.sub(r'<span style="white-space:nowrap">\g<0></span>', found)


_CLINGING = re.compile(r"[(\[]<math.*?</math>[)\].,;:]*|<math[^>]*>(?:(?!</math>).)*</math>[)\].,;:]+")
"""A formula with the brackets and stops that stand next to it: browsers break a line between them."""


def as_markdown(text: str, letters: Letters | None = None) -> str:
    """A sentence as Markdown: formulas in LaTeX."""
    return _rendered(text, _escaped, lambda code: f"`{code}`", _LaTeX(letters or {}), lambda body: f"${body}$")


def _escaped(words: str) -> str:
    """Words whose asterisks mean themselves in Markdown."""
    return words.replace("*", r"\*")


def as_text(text: str, letters: Letters | None = None) -> str:
    """A sentence for a terminal: formulas in unicode."""
    return _rendered(text, str, str, _Unicode(letters or {}), str)


def as_latex(text: str, letters: Letters | None = None) -> str:
    r"""A sentence for a LaTeX document, such as a caption.

    >>> print(as_latex("Within 99 % of $L B^2/R$, by `fit_power` (“no claim”)."))
    Within 99 \% of $LB^2/R$, by \texttt{fit\_power} (``no claim'').
    """
    return _rendered(
        text, _in_latex, lambda code: rf"\texttt{{{_in_latex(code)}}}", _LaTeX(letters or {}), lambda body: f"${body}$"
    )


def _in_latex(words: str) -> str:
    """Words with the characters that LaTeX reads as commands."""
    return words.translate(_LATEX_WORDS)


def as_mathtext(text: str, letters: Letters | None = None) -> str:
    r"""A text for a picture: formulas in what matplotlib sets of LaTeX, words as they are.

    >>> print(as_mathtext("gap in units of $L B^2$, 99 %"))
    gap in units of $LB^2$, 99 %
    """
    return _rendered(text, str, str, _LaTeX(letters or {}), lambda body: f"${body}$")


def formulas_of(text: str) -> tuple[str, ...]:
    """The formulas of a sentence as they were written, without their dollar signs."""
    return tuple(piece[1:-1] for piece in _PIECES.findall(text) if piece.startswith("$"))


def _rendered(
    text: str,
    words: Callable[[str], str],
    code: Callable[[str], str],
    style: _Style,
    wrapped: Callable[[str], str],
) -> str:
    def piece(part: str) -> str:
        if part.startswith("$") and len(part) > 1:
            formula = part[1:-1]
            return wrapped(_Reader(in_sentence_notation(formula) if "\\" in formula else formula, style).whole())
        return code(part[1:-1]) if part.startswith("`") and len(part) > 1 else words(part)

    return "".join(map(piece, _PIECES.split(text)))


class _Style(Protocol):
    """How the parts of a formula look; all of them are text of the style."""

    def number(self, digits: str) -> str: ...

    def letter(self, name: str) -> str: ...

    def word(self, word: str) -> str: ...

    def named(self, word: str) -> str: ...

    def sign(self, sign: str) -> str: ...

    def scripts(self, base: str, below: str, above: str) -> str: ...

    def root(self, inside: str) -> str: ...

    def accent(self, mark: str, inside: str) -> str: ...

    def group(self, left: str, inside: str, right: str) -> str: ...

    def row(self, parts: list[str]) -> str: ...


@dataclass
class _Reader:
    """Reads one formula from left to right into the text of a style."""

    text: str
    style: _Style

    def __post_init__(self) -> None:
        self.tokens = [(str(m.lastgroup), str(m[m.lastgroup or 0]), m.start()) for m in _token().finditer(self.text)]
        self.index = 0

    def peek(self, ahead: int = 0) -> str:
        place = self.index + ahead
        return self.tokens[place][1] if place < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        if self.index >= len(self.tokens):
            raise TightrateError(f"the formula ${self.text}$ ends too early")
        kind, token, _ = self.tokens[self.index]
        self.index += 1
        return kind, token

    def whole(self) -> str:
        """The whole formula."""
        parts = []
        while self.peek():
            parts.append(self.item())
        return self.style.row(parts)

    def until(self, *ends: str) -> tuple[str, str]:
        """Everything before a closing bracket, and that bracket."""
        parts = []
        while self.peek() not in ends:
            if not self.peek():
                raise TightrateError(f"the formula ${self.text}$ has no {ends[0]!r} for its bracket")
            parts.append(self.item())
        return self.style.row(parts), self.take()[1]

    def item(self) -> str:
        """An atom with its index and its power."""
        kind, token = self.take()
        if token in "([{":  # an interval may be open at one end: [0, 1)
            inside, closing = self.until(*("}" if token == "{" else ")]"))
            return self.with_scripts(self.style.group(token, inside, closing))
        if token == "sqrt" and self.peek() == "(":
            self.take()
            return self.with_scripts(self.style.root(self.until(")")[0]))
        if token in ACCENTS and self.peek() == "(":
            self.take()
            return self.with_scripts(self.style.accent(token, self.until(")")[0]))
        if kind == "number":
            return self.with_scripts(self.style.number(token))
        if kind == "word":
            return self.with_scripts(self.atom(token))
        if token in (")", "]", "}"):
            raise TightrateError(f"the formula ${self.text}$ has a {token!r} too many")
        norm = token == "||"
        return self.with_scripts(self.style.sign(token)) if norm or token == "|" else self.style.sign(token)

    def atom(self, word: str) -> str:
        if word == "in":
            return self.style.sign(word)
        if word in LETTERS or len(word) == 1 or word in GREEK:
            return self.style.named(word) if word in NAMED and word not in LETTERS else self.style.letter(word)
        if word.isupper() and all(letter in LETTERS for letter in word):  # a product: K R without its space
            return self.style.row(list(map(self.style.letter, word)))
        return self.style.named(word) if word in NAMED else self.style.word(word)

    def with_scripts(self, base: str) -> str:
        below = above = ""
        while True:
            if self.peek() == "_" and not below:
                self.take()
                below = self.argument(signed=False)
            elif self.peek() == "^" and not above:
                self.take()
                above = self.argument()
            elif self.peek() == "*" and not above and not self._operand_follows():
                self.take()
                above = self.style.letter("star")
            else:
                return self.style.scripts(base, below, above) if below or above else base

    def _operand_follows(self) -> bool:
        """Whether a star is a product's: something stands behind it without a sign or a space between."""
        place = self.index + 1
        if place >= len(self.tokens):
            return False
        kind, token, start = self.tokens[place]
        spaced = self.text[start : start + 1].isspace()
        return not spaced and (kind != "sign" or token == "(")

    def argument(self, signed: bool = True) -> str:
        """What stands in braces or brackets behind an index or a power, or the one piece that stands without them.

        A sign belongs to a power (R^-1); as an index it stands alone, as in the positive part (x)_+.
        """
        kind, token = self.take()
        if token in "{(":
            return self.until("}" if token == "{" else ")")[0]
        if token in ("-", "+") and signed:
            return self.style.row([self.style.sign(token), self.argument()])
        if token == "*":
            return self.style.letter("star")
        if kind == "number":
            return self.style.number(token)
        return self.atom(token) if kind == "word" else self.style.sign(token)


@dataclass(frozen=True)
class _Lettered:
    letters: Letters

    def latex(self, name: str) -> str:
        if name in self.letters:
            return self.letters[name]
        if name in LETTERS:
            return LETTERS[name].latex
        return rf"\{name}" if name in GREEK or name == "star" else name


class _LaTeX(_Lettered):
    """LaTeX between dollar signs."""

    def number(self, digits: str) -> str:
        mantissa, _, power = digits.partition("e")
        if not power:
            return digits
        return rf"10^{{{int(power)}}}" if mantissa == "1" else rf"{mantissa}\cdot 10^{{{int(power)}}}"

    def letter(self, name: str) -> str:
        return self.latex(name)

    def word(self, word: str) -> str:
        return rf"\{word}" if word in ("exp", "log", "min", "max", "sup", "arg", "det") else rf"\mathrm{{{word}}}"

    def named(self, word: str) -> str:
        return NAMED[word][0]

    def sign(self, sign: str) -> str:
        return SIGNS[sign][0] if sign in SIGNS else sign

    def scripts(self, base: str, below: str, above: str) -> str:
        indexed = re.fullmatch(r"([^_{}]*)_(?:\{([^{}]*)\}|([^_{}]+))", base) if below else None
        if indexed:  # a letter that has an index of its own
            base, below = indexed[1], f"{indexed[2] or indexed[3]},{below}"
        low = f"_{below}" if len(below) == 1 else f"_{{{below}}}"
        high = f"^{above}" if len(above) == 1 else f"^{{{above}}}"
        return base + (low if below else "") + (high if above else "")

    def accent(self, mark: str, inside: str) -> str:
        return rf"\{mark}{{{inside}}}"

    def root(self, inside: str) -> str:
        return rf"\sqrt{{{inside}}}"

    def group(self, left: str, inside: str, right: str) -> str:
        return rf"\{left}{inside}\{right}" if left == "{" else f"{left}{inside}{right}"

    def row(self, parts: list[str]) -> str:
        body = ""
        for part in parts:
            command = re.search(r"\\[A-Za-z]+$", body)
            body += (" " if command and part[:1].isalpha() else "") + part
        return body


class _HTML(_Lettered):
    """Presentation MathML."""

    def number(self, digits: str) -> str:
        mantissa, _, power = digits.partition("e")
        if not power:
            return f"<mn>{digits}</mn>"
        exponent = f"<mrow>{self.sign('-') if int(power) < 0 else ''}<mn>{abs(int(power))}</mn></mrow>"
        ten = f"<msup><mn>10</mn>{exponent}</msup>"
        return ten if mantissa == "1" else f"<mrow><mn>{mantissa}</mn><mo>·</mo>{ten}</mrow>"

    def letter(self, name: str) -> str:
        if name == "star":
            return "<mi>⋆</mi>"
        try:
            return spell(self.latex(name)).mathml
        except TightrateError:  # a formula that a paper writes for one of our symbols
            return f"<mtext>{escape(self.latex(name))}</mtext>"

    def word(self, word: str) -> str:
        return f"{_UPRIGHT}{escape(word)}</mi>"

    def named(self, word: str) -> str:
        return f"<mo>{NAMED[word][1]}</mo>" if word in ("sum", "prod") else f"<mi>{NAMED[word][1]}</mi>"

    def sign(self, sign: str) -> str:
        shown = escape(SIGNS[sign][1] if sign in SIGNS else sign)
        if sign == "/":
            return '<mo lspace="0" rspace="0">/</mo>'
        return f'<mo stretchy="false">{shown}</mo>' if sign in ("|", "||") else f"<mo>{shown}</mo>"

    def scripts(self, base: str, below: str, above: str) -> str:
        nested = re.fullmatch(r"<msub>(.*)</msub>", base)
        if nested and above and not below:  # a symbol that has an index of its own
            return f"<msubsup>{nested[1]}{above}</msubsup>"
        if below and above:
            return f"<msubsup>{base}{below}{above}</msubsup>"
        return f"<msub>{base}{below}</msub>" if below else f"<msup>{base}{above}</msup>"

    def accent(self, mark: str, inside: str) -> str:
        return f'<mover accent="true">{inside}<mo>{ACCENTS[mark][1]}</mo></mover>'

    def root(self, inside: str) -> str:
        return f"<msqrt>{inside}</msqrt>"

    def group(self, left: str, inside: str, right: str) -> str:
        return f'<mrow><mo stretchy="false">{left}</mo>{inside}<mo stretchy="false">{right}</mo></mrow>'

    def row(self, parts: list[str]) -> str:
        if len(parts) == 1:
            return parts[0]
        spaced = [
            part + _THIN * (part.startswith(_UPRIGHT) and after.startswith(_OPERAND))
            for part, after in zip(parts, [*parts[1:], ""], strict=True)
        ]
        return f"<mrow>{''.join(spaced)}</mrow>"


class _Unicode(_Lettered):
    """One line of a terminal."""

    def number(self, digits: str) -> str:
        mantissa, _, power = digits.partition("e")
        if not power:
            return digits
        ten = "10" + ("⁻" if int(power) < 0 else "") + str(abs(int(power))).translate(RAISED)
        return ten if mantissa == "1" else f"{mantissa}·{ten}"

    def letter(self, name: str) -> str:
        if name == "star":
            return "⋆"
        try:
            return spell(self.latex(name)).unicode
        except TightrateError:
            return self.latex(name)

    def word(self, word: str) -> str:
        return word

    def named(self, word: str) -> str:
        return NAMED[word][1]

    def sign(self, sign: str) -> str:
        shown = SIGNS[sign][1] if sign in SIGNS else sign
        return f" {shown} " if sign in RELATIONS else f"{shown} " if sign in (",", ";") else shown

    def scripts(self, base: str, below: str, above: str) -> str:
        below, above = (re.sub(r" ([+−]) ", r"\1", part).strip() for part in (below, above))
        plain = below.isalnum() or len(below) <= 1
        low = below.translate(_LOWERED) if below.isdigit() else f"_{below}" if plain else f"_{{{below}}}"
        bare = re.fullmatch(r"−?[\w.]+", above)
        high = above.translate(RAISED) if above.isdigit() else f"^{above}" if bare else f"^({above})"
        return base + (low if below else "") + (above if above == "⋆" else high if above else "")

    def accent(self, mark: str, inside: str) -> str:
        return f"{inside}{ACCENTS[mark][0]}" if len(inside) == 1 else f"{mark}({inside})"

    def root(self, inside: str) -> str:
        return f"√{inside}" if len(inside) == 1 else f"√({inside})"

    def group(self, left: str, inside: str, right: str) -> str:
        return left + inside + right

    def row(self, parts: list[str]) -> str:
        body = ""
        for part in parts:
            ended = bool(body) and (body[-1].isalnum() or body[-1] in _ENDS or body.endswith("_+"))
            between = ended and (part[0].isalnum() or part[0] in "√∇∑")
            minus = part == "−" and body and not body.endswith((" ", "(", "[", "{", "^"))
            body += " − " if minus else (" " if between else "") + part
        return re.sub(r"  +", " ", body).strip()


_LATEX_WORDS = str.maketrans(
    {
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "“": "``",
        "”": "''",
        "–": "--",
        "²": r"\textsuperscript{2}",
        "×": r"$\times$",
    }
)
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_UPRIGHT, _THIN = '<mi mathvariant="normal">', '<mspace width="0.17em"/>'  # a function or a word, before its operand
_OPERAND = ("<mi", "<mn", "<ms", "<mf")
_ENDS = frozenset("⋆∞)]}⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉")  # of an operand, beside letters and digits


def _math(body: str) -> str:
    return f'<math xmlns="http://www.w3.org/1998/Math/MathML">{body}</math>'
