r"""What a manuscript says its symbols are, in words (`$N$ workers`) and by its assumptions.

`\|\nabla f(x)-\nabla f(y)\| \le H\|x-y\|` makes H a smoothness constant, `\mathbb E\|g-\nabla f(x)\|^2 \le \nu^2`
makes nu a noise level: the unit follows from the inequality, the role from its left side.

    >>> from tightrate.rates.formulas.display_parts import take_apart
    >>> (found,) = assumed(take_apart(r"\|\nabla f(x)-\nabla f(y)\| \le H\|x-y\|").parts[0])
    >>> found.written, found.name, str(found.unit)
    ('H', 'L', 'value length^-2')
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from sympy import Rational

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display_parts import DisplayPart, take_apart
from tightrate.rates.formulas.left_side import left_side
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.manuscripts.manuscript import FORMULA_MARKS, Manuscript, Place
from tightrate.rates.symbols.alphabet import CURVATURE, GRADIENT, KINDS, STEP, declared, known_letter
from tightrate.rates.symbols.units import LENGTH, VALUE, Unit

_NOWHERE = Place("", 0, 0)


@dataclass(frozen=True)
class Definition:
    """A symbol, what it is by name (of the alphabet or declared), and where that is said.

    `how` tells an assumption from an explicit definition (`$K$ denotes ...`) and from a mention (`$N$ workers`).
    """

    key: str
    written: str
    name: str
    unit: Unit
    how: Literal["assumption", "definition", "mention"]
    place: Place = _NOWHERE
    at: int = 0
    words: str = ""

    @property
    def usual_unit(self) -> Unit:
        """The unit that a symbol of this name has."""
        known = known_letter(self.name)
        return known.unit if known is not None else self.unit


# --- words -----------------------------------------------------------------------------------------------------------

# Phrases and what they name; kinds where the alphabet has no letter.
_PHRASES: tuple[tuple[str, str], ...] = (
    (r"(?:number\s+of\s+)?local\s+(?:update\s+|gradient\s+|SGD\s+)?(?:steps|iterations|updates)", "K"),
    (r"(?:number\s+of\s+)?communication\s+rounds|number\s+of\s+rounds|rounds\s+of\s+communication", "R"),
    (r"(?:number\s+of\s+)?(?:workers|clients|workers|devices|agents|nodes)", "M"),
    (r"(?:number\s+of\s+)?(?:(?:training\s+)?samples|data\s+points|training\s+examples)", "samples"),
    (r"total\s+number\s+of\s+(?:local\s+)?(?:steps|iterations)", "T"),
    (r"(?:outer|server|global)\s+(?:step[\s-]*size|learning\s+rate)", "gamma"),
    (r"(?:(?:inner|local|client)\s+)?(?:step[\s-]*size|learning\s+rate)", "eta"),
    (r"smoothness(?:\s+(?:constant|parameter))?", "L"),
    (r"strong(?:ly)?[\s-]+convex(?:ity)?(?:\s+(?:constant|parameter|modulus))?", "mu"),
    (r"condition\s+number", "kappa"),
    (r"momentum(?:\s+(?:parameter|coefficient))?", "momentum"),
    (r"(?:mini-?)?batch[\s-]*size", "batch"),
    (r"noise\s+level|standard\s+deviation\s+of\s+the\s+(?:stochastic\s+)?(?:gradient|noise)s?", "sigma"),
    (r"spectral\s+gap", "spectral_gap"),
    (r"dimension", "d"),
    (r"failure\s+probability", "delta"),
    (r"delay", "count"),
)
_MEANING = "|".join(f"(?P<m{index}>{phrase})" for index, (phrase, _) in enumerate(_PHRASES))
_MARK = f"{FORMULA_MARKS[0]}(?P<number>\\d+){FORMULA_MARKS[1]}"
_SAID_AFTER = re.compile(
    rf"{_MARK}\s+(?P<verb>(?:is|are|be|denotes|denote|stands\s+for|for)\s+(?:the\s+|a\s+)?)?(?:{_MEANING})\b",
    re.IGNORECASE,
)
_SAID_BEFORE = re.compile(rf"\b(?:{_MEANING})\s+(?P<verb>(?:is|are|denoted\s+by|by)\s+)?{_MARK}", re.IGNORECASE)
_QUALIFIED = re.compile(
    r"(?:order|outer|server|global|generali[sz]ed|relaxed|average|mean|hessian|non)[\s-]*$", re.IGNORECASE
)
_HYPHENATED = re.compile(rf"{_MARK}-(?:(?P<smooth>smooth)|(?P<strong>strongly[\s-]convex)|(?P<lipschitz>Lipschitz))")
_LETTER = r"(?:\\(?:bar|hat|tilde)\s*\{?\s*)?(?:\\[A-Za-z]+|[A-Za-z])\}?(?:_(?:\{[^{}]{1,20}\}|\\?[A-Za-z]+|\d|\*))?"
_ONE_LETTER = re.compile(rf"\s*{_LETTER}\s*")
_ACCURACIES = {r"\epsilon", r"\varepsilon", "eps"}


def in_words(manuscript: Manuscript) -> Iterator[Definition]:
    """What the prose says of symbols, in the order of the patterns."""
    for pattern in (_SAID_AFTER, _SAID_BEFORE):
        for match in pattern.finditer(manuscript.prose):
            if pattern is _SAID_BEFORE and _QUALIFIED.search(
                manuscript.prose[max(0, match.start() - 30) : match.start()]
            ):
                continue
            name = next(name for index, (_, name) in enumerate(_PHRASES) if match[f"m{index}"] is not None)
            verb = (match["verb"] or "").split()
            how: Literal["definition", "mention"] = (
                "definition" if verb and verb[0].lower() in ("is", "be", "denotes", "stands", "denoted") else "mention"
            )
            words = next(" ".join(match[f"m{i}"].split()) for i in range(len(_PHRASES)) if match[f"m{i}"] is not None)
            for found in _of_letter(manuscript, int(match["number"]), name, how, match.start()):
                yield replace(found, words=words)
    for match in _HYPHENATED.finditer(manuscript.prose):
        if match["lipschitz"] is None:
            name = "L" if match["smooth"] else "mu"
            yield from _of_letter(manuscript, int(match["number"]), name, "definition", match.start())


def _of_letter(
    manuscript: Manuscript, number: int, name: str, how: Literal["definition", "mention"], at: int
) -> Iterator[Definition]:
    formula = manuscript.formulas[number]
    if not _ONE_LETTER.fullmatch(formula.latex):
        return
    written = formula.latex.strip()
    found = _definition(written, name, how)
    if found is not None:
        yield replace(found, place=formula.place, at=at)


def _definition(written: str, name: str, how: Literal["assumption", "definition", "mention"]) -> Definition | None:
    try:
        key = spell(written).key
    except TightrateError:
        return None
    if name in KINDS and known_letter(name) is None:
        name = declared(written, name)
    known = known_letter(name)
    return None if known is None else Definition(key, written, name, known.unit, how)


# --- assumptions -----------------------------------------------------------------------------------------------------

# Without another meaning these letters count something, and have no unit.
COUNTS: Mapping[str, str] = {letter: declared(letter, "count") for letter in ("n", "m", "N")}

_STEP = re.compile(
    r"\s*(?P<step>\\(?:gamma|alpha)(?:_\w)?)\s*(?:\\leq?|<|=|\\leqslant|≤)\s*\\[td]?frac\{?[\d.]*\}?\{(?P<below>[^{}]*)\}\s*[.,]?\s*"
)


def step_sizes(manuscript: Manuscript, known: Sequence[Definition]) -> Iterator[Definition]:
    r"""Letters that a condition such as `\gamma \le \frac{1}{4L}` makes step sizes: one over a curvature."""
    written = sorted({"L", *(one.written for one in known if one.unit == CURVATURE)})
    curvature = re.compile("|".join(rf"(?<![A-Za-z]){re.escape(one)}(?![a-z])" for one in written))
    for formula in manuscript.formulas:
        found = _STEP.fullmatch(formula.latex) if len(formula.latex) < 80 else None
        if found is not None and curvature.search(found["below"]):
            definition = _definition(found["step"], "eta", "mention")
            if definition is not None:
                yield replace(definition, place=formula.place, at=formula.at)


_DROPPED = re.compile(
    r"\\(?:left|right|middle|[bB]igg?[lrm]?|,|;|!|:|quad|qquad|displaystyle|limits|nolimits|ensuremath)(?![A-Za-z])|~|&"
)
_NUMBERS = r"(?:\d+(?:\.\d+)?|\\[td]?frac\{?\d\}?\{?\d\}?|\\cdot|\*|\s)*"
_POWER = r"(?:\^\{?(?P<power>\d+(?:/\d+)?)\}?)?"
_BARE = re.compile(rf"{_NUMBERS}(?P<letter>{_LETTER})\s*{_POWER}\s*(?P<rest>\\\|.*)?\s*[.,;]?\s*")
_QUADRATIC = re.compile(
    rf"(?:\\[td]?frac\s*\{{?\s*(?P<above>{_LETTER})\s*\}}?\s*\{{?2\}}?|(?P<over>{_LETTER})\s*/\s*2"
    rf"|\\[td]?frac\{{?1\}}?\{{?2\}}?\s*(?P<beside>{_LETTER}))\s*\\\|[^|]+\\\|_?2?\s*\^\s*\{{?2\}}?\s*[.,;]?\s*$"
)
_DOMINANCE = re.compile(rf"2?\s*(?P<letter>{_LETTER})\s*[(\[\\]")
_STARRED = re.compile(r"[\^_]\s*\{?\s*(?:\*|\\star|\\ast|\\mathrm\{opt\})")
_START = re.compile(r"[xwz\\theta]\s*[\^_]\s*\{?\(?0|[fF]_0")
_INDEXED = re.compile(r"\\nabla\s*[fF]_\{?[a-z]")
_STOCHASTIC = re.compile(
    r"\\xi|\\zeta\s*\)|;|\bg[_(^]|[gG]\s*\(|(?<![a-z\\])g(?![a-z])|\\tilde\{?\\nabla|\\hat\{?\\nabla"
)


def by_assumptions(manuscript: Manuscript, macros: Mapping[str, Macro]) -> Iterator[Definition]:
    """What the assumptions of a manuscript say of symbols, in reading order."""
    for formula in manuscript.formulas:
        if len(formula.latex) > 600 or not _may_be_assumption(formula.latex):
            continue
        try:
            parts = take_apart(formula.latex, macros).parts
        except TightrateError:
            continue
        for part in parts:
            for found in assumed(part):
                yield replace(found, place=formula.place, at=formula.at)


def _may_be_assumption(latex: str) -> bool:
    return any(sign in latex for sign in (r"\le", r"\ge", "<", ">", "≤", "≥")) and any(
        sign in latex for sign in ("f", "F", r"\nabla", "x", "w")
    )


def assumed(part: DisplayPart) -> Iterator[Definition]:
    """The symbol that one inequality is an assumption on, if it is one."""
    if part.relation not in ("<=", ">=") or part.between:
        return
    left, right = _plain(part.left), _plain(part.bound)
    if not left or any(accuracy in right for accuracy in _ACCURACIES):
        return
    if r"\langle" in right:
        found = _QUADRATIC.search(right)
        if found is not None:
            letter = found["above"] or found["over"] or found["beside"]
            yield from _named(letter, "L" if part.relation == "<=" else "mu", CURVATURE)
        return
    unit = left_side(part.left_pieces, {}).unit
    if part.relation == ">=":
        dominance = _DOMINANCE.match(right)
        if unit == GRADIENT**2 and dominance is not None and re.search(r"[fF]\s*\(", right) and _STARRED.search(right):
            yield from _named(dominance["letter"], "mu", CURVATURE)
        return
    bare = _BARE.fullmatch(right)
    if bare is None or unit is None or unit.is_pure:
        return
    power = Rational(Fraction(bare["power"] or 1))
    rest = bare["rest"] or ""
    of_rest = _unit_of_norms(rest)
    if of_rest is None or _is_vector(bare["letter"]):
        return
    yield from _named(bare["letter"], _role(left, rest, unit), (unit / of_rest) ** (1 / power))


def _plain(text: str) -> str:
    text = re.sub(r"\\[lr]?Vert(?![A-Za-z])|\|\||‖", r"\\|", text)
    return " ".join(_DROPPED.sub(" ", text).split())


def _is_vector(letter: str) -> bool:
    return letter.strip("{} ")[:1] in ("x", "y", "z", "w", "f", "F")


def _unit_of_norms(text: str) -> Unit | None:
    r"""The unit of `\|x-y\|^2` or `\|\nabla f\|`; of nothing, a pure number."""
    total = Unit()
    position = 0
    norm = re.compile(r"\s*\\\|(?P<inside>[^|]+?)\\\|(?:_2)?\s*(?:\^\s*\{?(?P<power>\d)\}?)?\s*")
    while position < len(text):
        found = norm.match(text, position)
        if found is None:
            return None
        base = GRADIENT if r"\nabla" in found["inside"] else LENGTH
        total *= base ** int(found["power"] or 1)
        position = found.end()
    return total


def _role(left: str, rest: str, unit: Unit) -> str:
    """The name of the alphabet for what an assumption bounds; empty where its unit is all that is known."""
    gradients = left.count(r"\nabla")
    differs = "-" in left
    if r"\nabla^2" in left or r"\nabla ^2" in left:
        return "tau" if differs and not rest else "L" if not differs else "Q"
    if gradients and rest:
        return "L" if differs and gradients == 2 and r"\nabla" not in rest else ""
    if (gradients or _STOCHASTIC.search(left)) and unit in (GRADIENT, GRADIENT**2):
        if _STARRED.search(left):
            return "zeta_star" if _INDEXED.search(left) and not _STOCHASTIC.search(left) else ""
        if not differs:
            return "G"
        if _STOCHASTIC.search(left):
            return "sigma"
        return "zeta" if _INDEXED.search(left) else ""
    if unit == VALUE:
        return "Delta" if _START.search(left) and _STARRED.search(left) else ""
    if unit in (LENGTH, LENGTH**2):
        return "B" if _START.search(left) and _STARRED.search(left) else "D" if not _START.search(left) else ""
    return ""


_KIND_OF_UNIT: tuple[tuple[Unit, str], ...] = (
    (GRADIENT, "gradient"),
    (LENGTH, "length"),
    (VALUE, "value"),
    (CURVATURE, "curvature"),
    (STEP, "step"),
)


def _named(letter: str, role: str, unit: Unit) -> Iterator[Definition]:
    """The definition of a letter by its role; by its unit alone where the role is not known."""
    written = letter.strip()
    if written in ("d", "e", "i"):
        return
    name = role or next((kind for one, kind in _KIND_OF_UNIT if one == unit), "")
    if not name:
        return
    found = _definition(written, name, "assumption")
    if found is not None:
        yield replace(found, unit=unit)
