r"""Spelling: how a letter is written, in LaTeX, unicode, MathML and plain text, and which quantity it means.

A letter is a base with accents and a subscript: `\bar\tau`, `\zeta_\star`, `d_{\min}`.  What papers write for a letter
in bars or brackets, `\|x_0-x_*\|` or `(f(x_0)-f_*)`, counts as one.  Ways to write one letter have the same key.

    >>> spell(r"\zeta_{\star}").key == spell("zeta_star").key == spell("ζ⋆").key
    True
    >>> meanings()[spell(r"\sigma_\infty").key]
    'sigma_inf'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache, lru_cache
from html import escape
from typing import Literal

from tightrate.rates.formulas.tokens import GREEK, SUBSCRIPTS, Cursor, Token, commands
from tightrate.rates.symbols.alphabet import ALPHABET, LETTERS

UPRIGHT = commands(
    "mathrm rm text textrm textup textnormal textbf textsf mathit textit mathnormal operatorname operatorname* mbox"
)
WORDS = commands("text textrm textit textnormal textup mbox textbf textsf")
ACCENTS: Mapping[str, str] = {
    command: command[1:]
    for command in commands("bar hat tilde vec dot mathbf boldsymbol mathcal mathbb mathsf mathfrak")
} | {r"\overline": "bar", r"\widehat": "hat", r"\widetilde": "tilde", r"\bm": "boldsymbol", r"\mathscr": "mathcal"}
FONTS = UPRIGHT | commands("boldsymbol bm mathbf")
NORM_OPENINGS = {r"\|", r"\lVert", r"\Vert"}
NORM_CLOSINGS = {r"\|", r"\rVert", r"\Vert"}

MOST_ACCENTS = 3
LONGEST_PHRASE = 24  # tokens
RESERVED = {"if"}

_STARS = {"*", r"\star", r"\ast"}
_SUBSCRIPT_WORDS = ("star", "min", "max", "inf", "opt", "mean", "dif")
_UNICODE_ACCENTS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "vec": "\u20d7", "dot": "\u0307", "prime": "′"}


@dataclass(frozen=True)
class Spelling:
    r"""A letter: its base without backslash, its accents from the outside in, its subscript.

    In subscripts `*` stands for every star and `inf` for infinity; `fence` is "|" for a norm and "(" for a formula in
    brackets, whose base is what stands inside.
    """

    base: str
    subscript: str = ""
    accents: tuple[str, ...] = ()
    fence: Literal["", "|", "("] = ""

    @property
    def key(self) -> str:
        r"""The same for all ways to write one letter.

        >>> spell(r"\bar{\tau}").key, spell(r"\|x_0-x^\star\|").key
        ('bar:tau', '|x_0-x_*|')
        """
        base = {"": "{}", "|": "|{}|", "(": "({})"}[self.fence].format(self.base)
        return ":".join((*self.accents, base)) + (f"_{self.subscript}" if self.subscript else "")

    @property
    def unicode(self) -> str:
        r"""The letter in unicode.

        >>> spell(r"\zeta_\star").unicode, spell(r"\bar\tau").unicode, spell("D_0").unicode, spell(r"d_{\min}").unicode
        ('ζ⋆', 'τ̄', 'D₀', 'd_min')
        """
        left, right = _FENCES[self.fence]
        base = "".join(inner.unicode if isinstance(inner, Spelling) else inner for inner in self._inside)
        accents = "".join(_UNICODE_ACCENTS.get(accent, "") for accent in reversed(self.accents))
        subscript = "".join(_unicode_name(name) for name in _names(self.subscript))
        if self.subscript.isdigit():
            subscript = "".join(chr(_LOWERED[ord(digit)]) for digit in subscript)
        elif subscript and subscript not in ("⋆", "∞"):
            subscript = f"_{subscript}" if subscript.isalnum() and subscript.isascii() else f"_{{{subscript}}}"
        return left + base + accents + right + subscript

    @property
    def mathml(self) -> str:
        r"""The letter in presentation MathML.

        >>> spell(r"\sigma_\infty").mathml
        '<msub><mi>σ</mi><mi>∞</mi></msub>'
        """
        accents = "".join(_UNICODE_ACCENTS.get(accent, "") for accent in reversed(self.accents))
        if self.fence:
            inside = "".join(
                inner.mathml if isinstance(inner, Spelling) else f"<mo>{escape(inner.replace('-', '−'))}</mo>"
                for inner in self._inside
            )
            left, right = (f'<mo stretchy="false">{fence}</mo>' for fence in _FENCES[self.fence])
            body = f"<mrow>{left}{inside}{right}</mrow>"
        else:
            style = ' style="font-style:italic"' if accents else ""  # only one character alone is italic by itself
            body = f"<mi{style}>{escape(_unicode_name(self.base))}{accents}</mi>"
        if not self.subscript:
            return body
        shown = "".join(_unicode_name(name) for name in _names(self.subscript))
        tag, style = ("mn", "") if shown.isdigit() else ("mi", ' style="font-size:140%"' if shown == "⋆" else "")
        return f"<msub>{body}<{tag}{style}>{escape(shown)}</{tag}></msub>"

    @property
    def _inside(self) -> Iterator[Spelling | str]:
        """What a fence holds: letters, and signs as they are; of a plain letter, its base."""
        if not self.fence:
            yield _unicode_name(self.base)
            return
        for base, subscript, sign in re.findall(r"(\\?[A-Za-z]+)(?:_(\*|[A-Za-z0-9]+))?|(.)", self.base):
            yield sign or Spelling(base.removeprefix("\\"), subscript)


_FENCES: Mapping[str, tuple[str, str]] = {"": ("", ""), "|": ("‖", "‖"), "(": ("(", ")")}
_LOWERED = {plain: lowered for lowered, plain in SUBSCRIPTS.items()}


def _names(subscript: str) -> list[str]:
    r"""The names in a subscript: `2\alpha` is 2 and alpha."""
    return re.findall(r"\\[A-Za-z]+|[A-Za-z]+|.", subscript)


def _unicode_name(name: str) -> str:
    if name.startswith("\\") or name in GREEK:
        name = name.removeprefix("\\")
        return GREEK.get(name, {"ell": "ℓ"}.get(name, ""))
    return {"*": "⋆", "inf": "∞", "ell": "ℓ"}.get(name, name)


def starts_letter(token: Token) -> bool:
    """Whether a letter can begin with this token."""
    if token.kind == "word":
        return token.text not in RESERVED
    is_named = token.kind == "command" and (token.text[1:] in GREEK or token.text == r"\ell")
    return is_named or token.text in UPRIGHT or token.text in ACCENTS or token.text in NORM_OPENINGS


def read_letter(cursor: Cursor, accents: int = 0, marked: bool = True) -> Spelling:
    """The letter at the cursor, with its subscript if `marked`; a power is left where it is, a raised star is not."""
    letter = _read_unmarked(cursor, accents)
    return _with_marks(cursor, letter) if marked else letter


def _read_unmarked(cursor: Cursor, accents: int) -> Spelling:
    token = cursor.take()
    if token.text in NORM_OPENINGS:
        inside = _read_raw(cursor, NORM_CLOSINGS, r"the norm that opens here has no closing \|", token)
        return Spelling(inside, fence="|")
    if token.text in UPRIGHT:
        return Spelling(_read_argument(cursor))
    if token.text in ACCENTS:
        if accents == MOST_ACCENTS:
            raise cursor.error(f"a letter with more than {MOST_ACCENTS} accents", token)
        if cursor.accept("{"):
            if cursor.peek.text == "1":
                raise cursor.error("an indicator is not read; give its cases as bounds of their own")
            inner = read_letter(cursor, accents + 1)
            cursor.expect("}", f"expected '}}' to end {token.shown}{{")
        else:
            if cursor.latex and cursor.peek.kind == "word" and len(cursor.peek.text) > 1:
                cursor.split()
            if not starts_letter(cursor.peek):
                raise cursor.error(f"expected a letter under {token.shown}")
            inner = _read_unmarked(cursor, accents + 1)
        return replace(inner, accents=(ACCENTS[token.text], *inner.accents))
    if token.kind == "word":
        base, _, subscript = token.text.partition("_")
        return Spelling(base, "*" if subscript == "star" else subscript)
    if token.text[1:] in GREEK or token.text == r"\ell":
        return Spelling(token.text[1:])
    raise cursor.error("expected a letter", token)


def _with_marks(cursor: Cursor, spelling: Spelling) -> Spelling:
    while True:
        peek = cursor.peek
        if peek.text == "_" or peek.shown in ("⋆", "★", "∞"):
            spelling = read_subscript(cursor, spelling)
        elif peek.text == "^" and _star_follows(cursor):
            cursor.take()
            spelling = read_subscript(cursor, spelling, after_mark=True)
        elif peek.text == "^" and cursor.ahead(1).text == "{" and cursor.ahead(2).text in _STARS:
            if spelling.subscript:  # \sigma^{\star 2} is the square of \sigma_\star
                raise cursor.error("a second subscript or star on one letter", cursor.ahead(2))
            del cursor.tokens[cursor.index + 2]
            return replace(spelling, subscript="*")
        elif peek.text == "^" and not spelling.fence and (label := _raised_label(cursor)):
            if spelling.subscript:
                return spelling
            cursor.take()
            _read_argument(cursor)
            spelling = replace(spelling, subscript=label)
        elif peek.text == "'":
            cursor.take()
            spelling = replace(spelling, accents=("prime", *spelling.accents))
        else:
            return spelling


def _raised_label(cursor: Cursor) -> str:
    r"""The label that is raised here, as in \Delta^0 and x^{(r)}: no power is zero or in round brackets; or nothing."""
    first, second, third = (cursor.ahead(count) for count in (1, 2, 3))
    if not cursor.latex:
        return ""
    if first.text == "0" or (first.text, second.text, third.text) == ("{", "0", "}"):
        return "0"
    if (first.text, second.text) == ("{", "(") and third.kind in ("number", "word"):
        return third.text if (cursor.ahead(4).text, cursor.ahead(5).text) == (")", "}") else ""
    return ""


def _star_follows(cursor: Cursor) -> bool:
    first, second, third = (cursor.ahead(count).text for count in (1, 2, 3))
    return first in _STARS or (first == "{" and second in _STARS and third == "}")


def read_subscript(cursor: Cursor, spelling: Spelling, after_mark: bool = False) -> Spelling:
    """The letter with the subscript at the cursor, which must be its only one."""
    mark = cursor.peek
    if mark.text == "_":
        cursor.take()
        after_mark = True
    if spelling.subscript:
        raise cursor.error("a second subscript or star on one letter", mark)
    found = _read_argument(cursor) if after_mark else _name(cursor.take())
    return replace(spelling, subscript="" if spelling.fence and found == "2" else found)


def _read_argument(cursor: Cursor) -> str:
    """What stands in braces, or the one piece that stands without them, as a name."""
    while cursor.peek.text in UPRIGHT:
        cursor.take()
    if opening := cursor.accept("{"):
        return _read_raw(cursor, {"}"}, "the brace that opens here is never closed", opening)
    peek = cursor.peek
    if peek.kind == "end" or peek.text in ("}", "^", "_"):
        raise cursor.error("expected a subscript or a name")
    whole = peek.text in _SUBSCRIPT_WORDS or not cursor.latex or peek.kind not in ("word", "number")
    if not whole and len(peek.text) > 1:
        cursor.split()
    return _name(cursor.take())


def _read_raw(cursor: Cursor, closings: set[str], unclosed: str, opening: Token) -> str:
    """What stands before the closing piece, as written but without spaces, fonts and braces."""
    names: list[str] = []
    depth = 0
    while depth or cursor.peek.text not in closings:
        token = cursor.take()
        if token.kind == "end":
            raise cursor.error(unclosed, opening)
        depth += (token.text == "{") - (token.text == "}")
        if token.text not in FONTS and token.text not in ("{", "}"):
            names.append(_name(token))
    cursor.take()
    return "".join(names).replace("^*", "_*")


def _name(token: Token) -> str:
    if token.text in _STARS or token.text == "star":
        return "*"
    if token.text[1:] in GREEK or token.text in ACCENTS or token.text == r"\ell":
        return token.text
    return "inf" if token.text in (r"\infty", "infty") else token.text.removeprefix("\\")


def read_phrase(cursor: Cursor) -> Spelling | None:
    """What stands in the brackets at the cursor, as one letter; None, and nothing read, if it is too long for that."""
    closings = {"(": ")", "[": "]"}
    opening = cursor.peek
    names: list[str] = []
    depth = 0
    for count in range(LONGEST_PHRASE):
        token = cursor.ahead(count)
        depth += (token.text in closings) - (token.text in closings.values())
        if depth == 0 and count:
            if opening.text not in closings or token.text != closings[opening.text]:
                return None
            inside = "".join(names[1:]).replace("^", "_") if count else ""
            cursor.index += count + 1
            return Spelling(inside, fence="(")
        if token.text not in UPRIGHT and token.text not in ("{", "}"):
            names.append(_name(token))
    return None


# The usual ways to write the start and the optimum, in the raw text of a phrase: fonts, accents and braces are away.
_VECTOR = r"(?:[xwzyuvWXZ]|\\theta|\\vartheta|\\omega|\\phi|\\Theta)"
_START = r"(?:[_^]\(?(?:0,0|[01]|init|in)\)?|0)"
_OPTIMUM = r"(?:[_^]\(?(?:\*|opt)\)?|\*)"
_FUNCTION = r"(?:f|F|h|J|\\ell|\\Phi|\\phi|\\varphi|\\Psi|\\psi)"
_GAP = re.compile(
    rf"(?:E\[?)?(?P<f>{_FUNCTION}|L(?=\())(?:{_START}|\((?:0|{_VECTOR}{_START})\))\]?-"
    rf"(?:(?P=f)(?:[_^]\(?(?:\*|inf|min|opt|low)\)?|\*|\({_VECTOR}{_OPTIMUM}\))"
    rf"|(?:inf|min)(?:_?{_VECTOR})?(?P=f)(?:\({_VECTOR}\))?)"
)
_DISTANCE = re.compile(rf"(?P<x>{_VECTOR}){_START}-(?P=x){_OPTIMUM}|(?P<y>{_VECTOR}){_OPTIMUM}-(?P=y){_START}")
LONGEST_GAP = 40  # tokens


def is_start_distance(raw: str) -> bool:
    r"""Whether the inside of a norm is the way from the start to the optimum.

    >>> [is_start_distance(raw) for raw in ("w^0-w_*", r"\bar x_0-x_*", r"\theta_(0)-\theta_*", "x_0-y_*", "x_R-x_*")]
    [True, True, True, False, False]
    """
    return (
        _DISTANCE.fullmatch(re.sub(r"\\(?:bar|hat|tilde|vec|mathbf|boldsymbol|bm|overline)", "", raw).replace(" ", ""))
        is not None
    )


def vector_kind(raw: str) -> str:
    r"""What the norm of a phrase is: a gradient, a curvature, a length, or unknown.

    >>> [vector_kind(raw) for raw in (r"\nabla f(x_0)", "x-y", r"\nabla_2f(x)", r"\zeta")]
    ['gradient', 'length', 'curvature', 'unknown']
    """
    if "nabla" in raw:
        return "curvature" if re.search(r"nabla(?:_2|\^2)", raw) else "gradient"
    return "length" if re.match(rf"(?:\\(?:bar|hat|tilde))*{_VECTOR}(?![A-Za-z])", raw) else "unknown"


def flat(tokens: Sequence[Token]) -> str:
    """The raw text of a phrase without fonts, accents and braces."""
    skipped = FONTS | set(ACCENTS) | {"{", "}"}
    return "".join(_name(token) for token in tokens if token.text not in skipped)


def read_gap(cursor: Cursor) -> bool:
    r"""Pass a function value at the start minus its least value, `f(x_0)-f^*`, at the cursor; whether there is one.

    It must stand alone: after a bracket, a sign + or nothing, and before a bracket, a sign + or nothing.
    """
    before = cursor.tokens[cursor.index - 1] if cursor.index else None
    if before is not None and not (before.text in ("(", "[", "{", r"\{", "+", ",", "|") or before.kind == "relation"):
        return False
    depth = minus = 0
    for count in range(LONGEST_GAP):
        token = cursor.ahead(count)
        closes = token.text in (")", "]", "}", r"\}")
        ends = depth == 0 and (token.kind in ("end", "relation") or closes or token.text in ("+", ",", ";"))
        if ends or (depth == 0 and token.text == "-" and minus):
            passed = cursor.tokens[cursor.index : cursor.index + count]
            if _GAP.fullmatch(flat(passed)) is None:
                return False
            cursor.index += count
            return True
        minus += token.text == "-" and depth == 0
        depth += (token.text in ("(", "[", "{")) - (closes and depth > 0)
    return False


@lru_cache(maxsize=4096)
def spell(text: str) -> Spelling:
    """The letter that a text writes; a text that is not one letter is refused.

    >>> spell("L*B")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: column 2, at '*' after 'L': 'L*B' is not one letter
    """
    cursor = Cursor(text)
    cursor.latex |= "^" in text  # G^0 is a letter with a raised label, whoever writes it
    whole = read_phrase(cursor) if cursor.peek.text == "(" else None
    if whole is None:
        if not starts_letter(cursor.peek):
            raise cursor.error("expected a letter")
        whole = read_letter(cursor)
    if cursor.peek.kind != "end":
        raise cursor.error(f"'{text}' is not one letter")
    return whole


def meanings() -> Mapping[str, str]:
    """The key of every spelling of the alphabet, and of letters of one's own, to the ASCII name of its letter."""
    own = LETTERS.own()
    if not own:
        return _meanings_in_the_alphabet()
    spelled = {spell(text).key: name for name, known in own.items() for text in (known.latex, name)}
    names = {spell(name).key: name for name in ALPHABET}  # which keep their meaning
    return {**_meanings_in_the_alphabet(), **spelled, **names}


@cache
def _meanings_in_the_alphabet() -> Mapping[str, str]:
    usual = {spell(known.latex).key: name for name, known in ALPHABET.items()}
    ascii_names = {spell(name).key: name for name in ALPHABET}
    others = {spell(text).key: name for text, name in _OTHER_SPELLINGS.items()}
    return {**others, **ascii_names, **usual}


_OUTER, _INNER = ("g", "s", "global", "server", "out", "outer"), ("l", "c", "loc", "local", "client", "in", "inner")
_OTHER_SPELLINGS: Mapping[str, str] = {
    r"\varepsilon": "eps",
    r"\rho": "rho",
    r"\kappa": r"\kappa:kappa",
    "kappa": r"\kappa:kappa",
    **dict.fromkeys((r"\Delta_0", r"\Delta_f", r"\Delta_F"), "Delta"),
    **dict.fromkeys(("L_f", "L_F"), "L"),
    **{f"{step}_{{{where}}}": "gamma" for step in (r"\eta", r"\gamma") for where in _OUTER},
    **{f"{step}_{{{where}}}": "eta" for step in (r"\eta", r"\gamma") for where in _INNER},
    **dict.fromkeys((r"\|x_0-x_*\|", r"\|x_*-x_0\|"), "B"),
    **{f"({f}(x_0)-{f}{end})": "Delta" for f in "fF" for end in ("_*", "(x_*)")},
}


def unknown_letter(shown: str, spelling: Spelling, known: Mapping[str, str]) -> str:
    """What to say about a letter that has no meaning, with the nearest one that has."""
    names = {**known, **{name: name for name in LETTERS}}
    near = get_close_matches(shown.strip("\\"), names, n=1, cutoff=0.6) or get_close_matches(spelling.key, names, n=1)
    hint = f"did you mean {names[near[0]]}? " if near and ":" not in names[near[0]] else ""
    kind = ", a kind such as constant or count, or a formula such as L/mu"
    return (
        f"unknown letter; {hint}say what it is with --letters '{shown[:40]}=NAME', NAME such as L, B or zeta_star{kind}"
    )
