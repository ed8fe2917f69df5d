r"""The left side of a bound: what is measured, and in which unit.

`\mathbb E\|\nabla f(x_T)\|^2` is a squared gradient whatever averages, minima and expectations stand before it.
What is not understood has no unit here, and then nothing is compared with it.

    >>> from tightrate.rates.formulas.display_parts import take_apart
    >>> def unit(text): return str(left_side(take_apart(text + r" \le 1").parts[0].left_pieces, {}).unit)
    >>> unit(r"\frac1T\sum_{t=1}^T \mathbb E\|\nabla F(\bar x_t)\|^2"), unit(r"\mathbb E[f(\hat x)] - f^\star")
    ('value^2 length^-2', 'value')
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import Rational

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.letter_notation import ACCENTS, UPRIGHT, flat, meanings, spell
from tightrate.rates.formulas.measured_difference import measure_of_difference
from tightrate.rates.formulas.tokens import GREEK, Token, commands
from tightrate.rates.symbols.alphabet import CURVATURE, GRADIENT, SQUARED_GRADIENT, kind_of, known_letter
from tightrate.rates.symbols.units import LENGTH, PURE, VALUE, Unit

_OPENING = {"(": ")", "[": "]", "{": "}", r"\{": r"\}", r"\lbrace": r"\rbrace"}
_NORMS = {r"\|": r"\|", r"\lVert": r"\rVert", "|": "|", r"\lvert": r"\rvert"}
_OPERATORS = {r"\min", r"\max", r"\sup", r"\inf", r"\sum", r"\limsup", r"\liminf", r"\lim", r"\Pr"}
_FUNCTIONS = {"f", "F", "h", "J", r"\ell", r"\Phi", r"\phi", r"\varphi", r"\psi", r"\Psi", "L", "p", "g", "G", "H"}
_VECTORS = {"x", "w", "z", "y", "u", "v", "W", "X", "Z", r"\theta", r"\vartheta", r"\Theta", r"\minimum"}
_GRADIENTS = {"g"}
_IN_VECTORS = (
    _VECTORS
    | {rf"\{name}" for name in GREEK}
    | set(ACCENTS)
    | UPRIGHT
    | commands("star ast ell infty cdot times mid dagger prime circ sum frac tfrac dfrac eta mathbb sqrt xi ldots dots")
)
_DISTANCES, _GAPS, _PROBABILITIES = {"dist", "Dist"}, {"gap", "Gap", "subopt"}, {"P", "Pr", "Prob", "prob"}
_EXPECTATIONS, _VARIANCES = {"E", "min", "max", "sup", "inf"}, {"Var", "Variance", "var", "V"}
# These with a subscript are not what they are without: delta_T is a gap more often than a probability.
_CHANGED_BY_A_SUBSCRIPT = {r"\delta", "e", "c", "a", "d", "D", "B", "H", "S", "z", r"\nu", r"\rho", "Q", "G"}
_NAMES = _DISTANCES | _GAPS | _PROBABILITIES | _VARIANCES
_PLAIN_NORMS = {"", "2", "1", r"\infty", "inf", "F", r"\ell2"}

_NAMES_OF_FORMULAS = "ABCDGQ"  # alone before an equality sign, often a name for what stands on the right

# One letter that alone is bounded may be one of these; the right side says which.
_ALONE: Mapping[str, tuple[str, ...]] = {
    "H": ("K", "L"),
    r"\gamma": ("eta", "gamma"),
    r"\alpha": ("eta",),
    "T": ("T",),
    "K": ("K",),
    "R": ("R",),
    "N": ("M",),
    "n": ("M",),
    "S": ("M",),
    "t": ("T",),
    "k": ("T",),
    "E": ("K",),
    r"\tau": ("K", "tau"),
    r"\lambda": ("lambda", "mu", "eta"),
    "h": ("eta",),
    "m": ("M",),
    **{name: (name,) for name in _NAMES_OF_FORMULAS},
}


_INDEXED = re.compile(r"(\\gamma|\\alpha|\\lambda)[_^]\(?[tkrsnT0-9](?:[+-]1)?\)?")


class _UnreadError(Exception):
    """Something whose unit is not known."""


@dataclass(frozen=True)
class LeftSide:
    """What the left side is: its unit (None if it is not understood), and the measure of the catalogue if it is one.

    `choices` are the units of the meanings that one letter alone may have; `is_accuracy` marks eps, which has the unit
    of what it bounds, `is_name` a letter that may just name the right side, `is_other` a quantity with the unit of its
    measure of which the catalogue bounds nothing, such as how far two iterates are apart.
    """

    text: str
    unit: Unit | None = None
    measure: str | None = None
    choices: tuple[tuple[str, Unit], ...] = ()
    is_accuracy: bool = False
    is_name: bool = False
    is_other: bool = False

    @property
    def is_known(self) -> bool:
        """Whether a unit can be compared with that of the right side."""
        return self.unit is not None or bool(self.choices) or self.is_name


def left_side(pieces: Sequence[Token], letters: Mapping[str, str], text: str = "") -> LeftSide:
    """The left side that stands in these pieces; `letters` are the author's, by key."""
    kept = [piece for piece in pieces if piece.kind != "gap" and piece.text not in (r"\\", "&")]
    kept = _unconditional(kept)
    base = flat([piece for piece in kept if piece.text not in ("^", "_", "*", r"\star")])
    count = re.sub(r"(?<=.)(?:\\(?:var)?epsilon|\(\\(?:var)?epsilon\))$", "", base)
    if count != base and count in _ALONE and count not in letters:  # T_eps and T(eps) are counts
        return LeftSide(text, PURE)
    if base in (r"\epsilon", r"\varepsilon", "eps"):
        return LeftSide(text, is_accuracy=True)
    if (indexed := _INDEXED.fullmatch(flat(kept))) and base not in letters:  # \gamma_t is a step as \gamma is
        base = indexed[1] if indexed[1] != r"\alpha" else r"\gamma"  # \alpha_k is as often a fraction
    if base in _ALONE and (base not in letters or kind_of(letters[base]) == "constant"):
        known = [(name, letter.unit) for name in _ALONE[base] if (letter := known_letter(name)) is not None]
        return LeftSide(text, choices=tuple(known), is_name=base in _NAMES_OF_FORMULAS)
    reader = _LeftReader(kept, letters)
    try:
        unit = reader.sum()
        if reader.index < len(kept):
            return LeftSide(text)
    except (_UnreadError, RecursionError):
        return LeftSide(text)
    measures = {VALUE: "gap", SQUARED_GRADIENT: "squared-gradient", LENGTH**2: "squared-distance", LENGTH: "distance"}
    if not reader.measures:
        return LeftSide(text, unit)
    difference = measure_of_difference(kept, unit)
    return LeftSide(text, unit, difference or measures.get(unit), is_other=difference == "")


def _unconditional(pieces: Sequence[Token]) -> list[Token]:
    r"""The pieces without what expectations are conditioned on, `\mid \mathcal{F}_t`."""
    kept: list[Token] = []
    depth, since = 0, -1
    for index, piece in enumerate(pieces):
        closes = piece.text in _OPENING.values()
        if since >= 0 and closes and depth == since:
            since = -1
        depth += (piece.text in _OPENING) - closes
        bars = piece.text in ("|", r"\vert") and any(
            after.text == r"\mathcal" for after in pieces[index + 1 : index + 2]
        )
        if since < 0 and depth and (piece.text == r"\mid" or bars):
            since = depth
        if since < 0:
            kept.append(piece)
    return kept


class _LeftReader:
    """Recursive descent for units only."""

    def __init__(self, pieces: Sequence[Token], letters: Mapping[str, str]) -> None:
        self.pieces, self.letters = list(pieces), letters
        self.index = 0
        self.measures = False

    @property
    def text(self) -> str:
        return self.pieces[self.index].text if self.index < len(self.pieces) else ""

    def sum(self) -> Unit:
        if self.text in ("+", "-"):
            self.index += 1
        units = [self.product()]
        while self.text in ("+", "-"):
            self.index += 1
            units.append(self.product())
        known = set(units)
        if len(known) != 1:
            raise _UnreadError
        if self.text == r"\over":
            self.index += 1
            return units[0] / self.sum()
        return units[0]

    def product(self) -> Unit:
        total = self.factor()
        while self.text and self.text not in ("+", "-", *_OPENING.values(), ",", r"\rangle", r"\over"):
            if self.text in ("*", r"\cdot", r"\times"):
                self.index += 1
                total *= self.factor()
            elif self.text == "/":
                self.index += 1
                total /= self.factor()
            else:
                total *= self.factor()
        return total

    def factor(self) -> Unit:
        base = self.base()
        if self.text == "^":
            self.index += 1
            power: Unit = base ** self.number()
            if self.text == "_":  # of a norm, as in \|x\|^2_2
                self.index += 1
                if flat(self.piece()) not in _PLAIN_NORMS:
                    raise _UnreadError
            return power
        return base

    def number(self) -> Rational:
        raw = flat(self.piece())
        try:
            return Rational(raw)
        except (TypeError, ValueError):
            raise _UnreadError from None

    def piece(self) -> list[Token]:
        """What stands in braces here, or the one token."""
        if self.text == "{":
            return self.inside()
        self.index += 1
        return list(self.pieces[self.index - 1 : self.index])

    def inside(self) -> list[Token]:
        """The tokens inside the bracket that opens here, which is then passed."""
        closing = {**_OPENING, r"\langle": r"\rangle"}[self.text]
        opening, depth, start = self.text, 0, self.index + 1
        while self.index < len(self.pieces):
            depth += (self.text == opening) - (self.text == closing)
            self.index += 1
            if depth == 0:
                return list(self.pieces[start : self.index - 1])
        raise _UnreadError

    def marks(self) -> str:
        """Subscripts and superscripts, passed; their raw text."""
        found = ""
        while self.text in ("_", "^", "'"):
            mark = self.text
            self.index += 1
            found += mark + (flat(self.piece()) if mark != "'" else "")
        after = self.pieces[self.index + 1].text if self.index + 1 < len(self.pieces) else ""
        if self.text == "*" and after in ("", "-", "+", *_OPENING.values()):  # f(x) - f*, in plain text
            self.index += 1
            found += "_*"
        return found

    def of(self, pieces: Sequence[Token]) -> Unit:
        """The unit of what stands inside something."""
        inner = _LeftReader(pieces, self.letters)
        unit = inner.sum()
        if inner.index < len(pieces):
            raise _UnreadError
        self.measures |= inner.measures
        return unit

    def base(self) -> Unit:
        if self.index >= len(self.pieces):
            raise _UnreadError
        token, text = self.pieces[self.index], self.text
        if token.kind == "number":
            self.index += 1
            return PURE
        if text in _NORMS:
            return self.norm()
        if text == r"\langle":
            inside = self.inside()
            comma = next((i for i, piece in enumerate(inside) if piece.text == ","), None)
            if comma is None:
                raise _UnreadError
            return _vector(inside[:comma]) * _vector(inside[comma + 1 :])
        if text in _OPENING:
            return self.of(self.inside())
        if text in (r"\frac", r"\tfrac", r"\dfrac", r"\nicefrac"):
            self.index += 1
            above, below = self.piece(), self.piece()
            return self.of(above) / self.of(below)
        if text == r"\sqrt":
            self.index += 1
            root: Unit = self.of(self.piece()) ** Rational(1, 2)
            return root
        if text in _OPERATORS:
            self.index += 1
            self.skip_range()
            return self.factor()
        if text == r"\nabla":
            return self.gradient()
        return self.letter(token)

    def skip_range(self) -> None:
        """The range of a sum, minimum or expectation."""
        while self.text in ("_", "^"):
            self.index += 1
            self.piece()

    def norm(self) -> Unit:
        closing = _NORMS[self.text]
        self.index += 1
        start = self.index
        while self.index < len(self.pieces) and self.text != closing:
            self.index += 1
        inside = self.pieces[start : self.index]
        if self.index >= len(self.pieces):
            raise _UnreadError
        self.index += 1
        if self.text == "_":
            self.index += 1
            if flat(self.piece()) not in _PLAIN_NORMS:
                raise _UnreadError
        self.measures = True
        if closing in ("|", r"\rvert"):
            try:
                return self.of(inside)
            except _UnreadError:  # single bars stand for a norm of gradients or points with a place, not of numbers
                if not any(piece.text in (r"\nabla", "_", "^") or "_" in piece.text for piece in inside):
                    raise
                return _vector(inside)
        return _vector(inside)

    def gradient(self) -> Unit:
        self.index += 1
        second = self.marks()
        unit = CURVATURE if "^2" in second else GRADIENT
        self.letter(self.pieces[self.index] if self.index < len(self.pieces) else None)
        return unit

    def letter(self, token: Token | None) -> Unit:
        if token is None:
            raise _UnreadError
        first, accented = self.index, ""
        while self.text in ACCENTS or self.text in UPRIGHT:
            accented += ACCENTS.get(self.text, "")
            self.index += 1
            if self.text == "{":
                inside = self.inside()
                return self.named(flat(inside), self.pieces[first : self.index], accented)
        if self.index >= len(self.pieces):
            raise _UnreadError
        if not accented and self.pieces[self.index].kind == "word":
            self.split()
        self.index += 1
        return self.named(self.pieces[self.index - 1].text, self.pieces[first : self.index], accented)

    def split(self) -> None:
        """Cut a word such as KR or LD_0 after its first letter, unless it is a name of the alphabet or a function."""
        token = self.pieces[self.index]
        base = token.text.partition("_")[0]
        if len(base) > 1 and base not in meanings() and base not in _NAMES:
            parts = (
                replace(token, text=token.text[0], shown=token.text[0]),
                replace(token, text=token.text[1:], shown=token.text[1:], start=token.start + 1),
            )
            self.pieces[self.index : self.index + 1] = parts

    def named(self, name: str, pieces: Sequence[Token], accent: str = "") -> Unit:
        base, _, subscript = name.partition("_")
        upright = accent in ("", "mathbb", "mathbf", "mathsf")
        if base in _EXPECTATIONS and upright and self.text and self.text not in ("/", "+", "-", "^"):
            self.skip_range()
            return self.factor()
        if (
            base in _NAMES
            and upright
            and (accent or len(base) > 1)
            and (self.text in ("(", "[", "^", r"\{") or base in _GAPS)
        ):
            return self.of_name(base)
        key = _key(pieces)
        if key in self.letters and self.text not in ("(", "["):
            self.marks_of_letter()
            return _unit(self.letters[key])
        start = self.index
        marks = self.marks()
        if base in _FUNCTIONS and self.text == "(":
            arguments = flat(self.inside())
            if any(arguments.replace("\\bar", "").lstrip("\\").startswith(v.lstrip("\\")) for v in _VECTORS):
                self.measures = True
                return GRADIENT if "'" in marks or "prime" in marks else VALUE
            raise _UnreadError
        if base in ("f", "F", r"\ell") and (marks or subscript or self.text in ("]", ")", "")):
            self.measures = True
            return VALUE
        if base in _FUNCTIONS and self.measures and re.fullmatch(r"[_^](?:\*|inf|min|opt)", marks or f"_{subscript}"):
            return VALUE  # the least value, behind a function value
        whole = _key(self.pieces[start - len(pieces) : self.index])
        if marks and whole in meanings():
            return _unit(meanings()[whole])
        self.index = start
        written = meanings().get(key)
        if written is None or base in _VECTORS:
            raise _UnreadError
        self.marks_of_letter()
        if self.index > start and (base in _CHANGED_BY_A_SUBSCRIPT or accent):
            raise _UnreadError
        return _unit(written)

    def of_name(self, name: str) -> Unit:
        """The unit of a named function, and of its power: a distance, a gap, a variance or a probability."""
        exponent = Rational(1)
        if self.text == "^":
            self.index += 1
            exponent = self.number()
        inside = self.inside() if self.text in _OPENING else []
        if name in _PROBABILITIES:
            return PURE
        self.measures = True
        unit = LENGTH if name in _DISTANCES else VALUE if name in _GAPS else _vector(inside) ** 2
        raised: Unit = unit**exponent
        return raised

    def marks_of_letter(self) -> None:
        """Subscripts and raised stars of a letter; a power is left."""
        while self.text == "_" or (
            self.text == "^"
            and self.index + 1 < len(self.pieces)
            and self.pieces[self.index + 1].text in ("*", r"\star", r"\ast")
        ):
            self.index += 1
            self.piece()


def _unit(name: str) -> Unit:
    found = known_letter(name)
    if found is None or name == "eps" or name.endswith(":unknown"):
        raise _UnreadError
    return found.unit


def _key(pieces: Sequence[Token]) -> str:
    try:
        return spell("".join(piece.shown for piece in pieces)).key
    except TightrateError:
        return ""


def _vector(pieces: Sequence[Token]) -> Unit:
    """The unit of a vector: a gradient where one occurs, a length where there are only points."""
    raw = [piece.text for piece in pieces]
    if r"\nabla" in raw:
        place = raw.index(r"\nabla")
        second = flat(pieces[place + 1 : place + 5]).startswith("^2")
        return CURVATURE if second else GRADIENT
    words = [
        text.partition("_")[0] for piece, text in zip(pieces, raw, strict=True) if piece.kind in ("word", "command")
    ]
    if any(word[:1] == "\\" and word[1:].isalpha() and word not in _IN_VECTORS for word in words):
        raise _UnreadError  # a command of unknown meaning, such as an author's sign for the gradient
    bases = [word for word in words if word in _VECTORS or word in _GRADIENTS]
    if not bases:
        raise _UnreadError
    if words[0] in _GRADIENTS or any(word in _GRADIENTS for word in words):
        return GRADIENT
    if "/" in raw or r"\eta" in raw or r"\frac" in raw:
        raise _UnreadError
    return LENGTH
