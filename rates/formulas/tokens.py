r"""Tokens: a formula as written, in LaTeX or in plain text, cut into pieces that know their place.

Both notations give the same kinds of piece, so that one grammar reads both: Greek letters and the usual
mathematical characters of unicode are read as their LaTeX commands, spacing, sizes and alignment are dropped.

    >>> [token.text for token in tokens(r"$\sigma^2\,\left(MK\right)$")]
    ['\\sigma', '^', '2', '(', 'MK', ')', '']
    >>> [token.text for token in tokens("σ²/(M·K)")]
    ['\\sigma', '^', '{', '2', '}', '/', '(', 'M', '*', 'K', ')', '']
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.macros import EXPANDED_LENGTH, Macro, expanded, group, plainer

LENGTH = 10_000  # characters in one formula; a page of a paper has 4,000

_GREEK_NAMES = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi
    chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"""
GREEK: Mapping[str, str] = {
    **dict(zip(_GREEK_NAMES.split(), "αβγδϵζηθικλμνξπρστυϕχψωΓΔΘΛΞΠΣΥΦΨΩ", strict=True)),
    "varepsilon": "ε",
    "vartheta": "ϑ",
    "varrho": "ϱ",
    "varphi": "φ",
    "varsigma": "ς",
}


def commands(names: str) -> frozenset[str]:
    """The LaTeX commands of these names."""
    return frozenset(f"\\{name}" for name in names.split())


SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᐟ", "0123456789+-()/")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
COMBINING: Mapping[str, str] = {"\u0302": r"\hat", "\u0303": r"\tilde", "\u0304": r"\bar"}

_CHARACTERS: Mapping[str, str] = {
    **{character: f"\\{name}" for name, character in GREEK.items()},
    "µ": r"\mu",  # the micro sign, which keyboards offer
    "∆": r"\Delta",
    **dict.fromkeys("·×∙⋅∗", "*"),
    **dict.fromkeys("−–‐", "-"),
    **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("⋆★", r"\star"),
    **dict.fromkeys("‖∥", r"\|"),
    "√": r"\sqrt",
    "∇": r"\nabla",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "∈": r"\in",
    "∀": r"\forall",
    "∞": r"\infty",
    "ℓ": r"\ell",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "∨": r"\vee",
    "∧": r"\wedge",
}

# Order up to constants is written with a tilde; strict order keeps its own sign.
RELATIONS: Mapping[str, str] = {
    **dict.fromkeys(("<=", "=<", "≤", "⩽", "≦", r"\le", r"\leq", r"\leqslant", r"\leqq"), "<="),
    **dict.fromkeys((">=", "≥", "⩾", "≧", r"\ge", r"\geq", r"\geqslant", r"\geqq"), ">="),
    **dict.fromkeys(("<~", "≲", "≼", "⪯", r"\lesssim", r"\preceq", r"\preccurlyeq", r"\lessapprox", r"\apprle"), "<~"),
    **dict.fromkeys((">~", "≳", "≽", "⪰", r"\gtrsim", r"\succeq", r"\succcurlyeq", r"\gtrapprox", r"\apprge"), ">~"),
    **dict.fromkeys(("=", ":=", r"\coloneqq", "≡", r"\equiv", "≔"), "="),
    **dict.fromkeys(("≍", "≃", "≅", "∼", "≈", "∝", r"\asymp", r"\sim", r"\simeq", r"\cong", r"\approx"), "~"),
    r"\propto": "~",
    **dict.fromkeys(("=:", "≕", r"\eqqcolon"), "=:"),
    **dict.fromkeys(("<<", "≪", r"\ll", r"\lll"), "<<"),
    **dict.fromkeys((">>", "≫", r"\gg", r"\ggg"), ">>"),
    **dict.fromkeys(("<", r"\lt"), "<"),
    **dict.fromkeys((">", r"\gt"), ">"),
}

_SPACING = """left right middle big Big bigg Bigg bigl bigr bigm Bigl Bigr Bigm biggl biggr biggm Biggl Biggr Biggm
    enspace thinspace , ; : ! > displaystyle textstyle scriptstyle scriptscriptstyle limits nolimits
    tiny scriptsize footnotesize small normalsize large relax allowbreak nobreak break protect noindent
    nonumber notag IEEEnonumber IEEEyesnumber IEEEeqnarraynumspace strut mathstrut
    qed qedhere square blacksquare Box ( ) [ ]"""
_DROPPED = commands(_SPACING) | {"\\ ", "$"}
_NARROW = commands(", ; : >") | {"\\ ", "~"}  # three of them in a row are a wide gap
GAPS = commands("quad qquad hfill hfil eqno leqno hspace")
_DROPPED_WITH_ARGUMENT = commands("label tag hspace vspace mspace phantom hphantom vphantom")
_COUNTERS = commands("addtocounter setcounter stepcounter refstepcounter")
_DIMENSION = re.compile(r"\\(?:kern|mkern|hskip|mskip)\s*-?[\d.]+\s*(?:mu|pt|em|ex|cm|mm|in)")
_DISPLAYS = commands(
    "equation align aligned alignat alignedat flalign xalignat split gather gathered multline multlined eqnarray math"
    " displaymath subequations dmath IEEEeqnarray"
)
_WITH_COLUMNS = {"alignat", "alignedat", "xalignat", "array", "IEEEeqnarray"}

_PIECE = re.compile(
    r"""(?P<space>\s+)
      | (?P<environment>\\(?P<edge>begin|end)\s*\{(?P<name>[A-Za-z]*\*?)\})
      | (?P<command>\\operatorname\*?|\\[A-Za-z]+|\\.)
      | (?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<word>[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*)
      | (?P<relation><=|>=|=<|<~|>~|:=|=:|<<|>>|[<>=])
      | (?P<symbol>\*\*|\|\||[!-~])""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ARGUMENT = re.compile(r"\*?\s*\{[^{}]*\}")
_ARGUMENTS = re.compile(r"(?:\s*\{[^{}]*\}){1,2}")
_PLACEMENT = re.compile(r"\s*\[[^\[\]]*\]")
_ALIGNED = re.compile(
    r"&\s*(?:[=<>]|\\(?:le|leq|leqslant|ge|geq|geqslant|lesssim|gtrsim|eqdef|coloneqq|asymp)(?![a-z]))\s*&?"
)
_SPACED = re.compile(r"\\[A-Za-z]+ \{|[\^_] \{")  # as programs write that read print
_SPACED_NUMBER = re.compile(r"\d(?: \d)+(?: \. \d(?: \d)*)?|\d+ \. \d+")
_THOUSANDS = re.compile(r"\d{1,3}(?:\{,\}\d{3})+")
_SUBSCRIPT = re.compile(r"\s*_(?:\{[^{}]*\}|\\[A-Za-z]+|\S)")
_LABELLED_RELATIONS = commands("overset underset stackrel")
_NO_BOUNDS = {
    **dict.fromkeys((r"\not", r"\neq", r"\ne", "≠", r"\nleq", r"\ngeq"), "a negated relation states no bound"),
    **dict.fromkeys(
        (r"\to", r"\rightarrow", r"\longrightarrow", r"\xrightarrow", "→"),
        r"a limit states no bound; write how fast, with \le or O(...)",
    ),
    **dict.fromkeys(
        (
            r"\implies",
            r"\iff",
            r"\Rightarrow",
            r"\Longrightarrow",
            r"\Leftrightarrow",
            r"\Longleftrightarrow",
            "⇒",
            "⇔",
        ),
        "an implication states no bound of its own; give one side at a time",
    ),
}
_MEMBER_OF_ORDER = re.compile(
    r"\\in(?=\s*(?:\\(?:wide)?tilde\s*\{?\s*)?(?:\{?\\(?:mathcal|mathrm|mathscr|cal)\s*\{?\s*)?(?:O|\\Omega|\\Theta)(?![A-Za-z]))"
)
_LINE_SKIP = re.compile(r"\*?(?:\[[^\]]*\])?")


@dataclass(frozen=True)
class Token:
    """A piece of a formula: what it means (`text`), how it was written (`shown`), and where (`start`).

    The text of a foreign piece, which no formula contains, says why it is refused where it is met.
    """

    kind: Literal["number", "word", "command", "relation", "symbol", "foreign", "gap", "row", "end"]
    text: str
    shown: str
    start: int


_KINDS: Mapping[str, Literal["number", "word", "command"]] = {"number": "number", "word": "word", "command": "command"}


def is_latex(source: str) -> bool:
    """Whether a formula is LaTeX, where letters next to each other multiply, rather than plain text."""
    return any(mark in source for mark in "\\{$")


def failure(source: str, start: int, shown: str, reason: str) -> TightrateError:
    r"""The error for a place in a formula, on one line.

    >>> print(failure("L*B^/R", 4, "/", "expected an exponent"))
    column 5, at '/' after 'L*B^': expected an exponent
    """
    line, column = source.count("\n", 0, start) + 1, start - source.rfind("\n", 0, start)
    place = f"line {line}, column {column}" if "\n" in source.rstrip() else f"column {column}"
    before = " ".join(source[max(0, start - 16) : start].split())
    after = f" after '{printable(before)}'" if before else ""
    here = f"'{printable(shown[:24])}{'…' * (len(shown) > 24)}'" if shown else "the end"
    return TightrateError(f"{place}, at {here}{after}: {reason}")


def printable(text: str) -> str:
    """Text that cannot break a line or change the direction of writing."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def tokens(source: str) -> list[Token]:
    """The pieces of a formula, ended by one of kind `end`."""
    found = [piece for piece in pieces_of(source) if piece.kind != "gap"]
    return [*_without_line_breaks(found), Token("end", "", "", len(source.rstrip()))]


def pieces_of(source: str) -> list[Token]:
    """The pieces of a display: also wide gaps and line breaks, where one thing ends and another begins."""
    if len(source) > EXPANDED_LENGTH:
        raise TightrateError(f"a formula of {len(source)} characters; at most {LENGTH} are read")
    return _without_empty_groups(_pieces(source))


def _without_empty_groups(pieces: Iterator[Token]) -> list[Token]:
    """The pieces without `{}`, which prints nothing, and the marks that raise or lower it."""
    kept: list[Token] = []
    for piece in pieces:
        if piece.text == "}" and kept and kept[-1].text == "{":
            kept.pop()
            if kept and kept[-1].text in ("^", "_"):
                kept.pop()
        elif piece.text == "}" and len(kept) > 1 and kept[-2].text == "{" and _is_operator(kept[-1]):
            before = kept[-3] if len(kept) > 2 else kept[-2]
            if before.text in ("^", "_") or before.kind == "command":
                kept.append(piece)
            else:
                del kept[-2]  # {+}, {\le}: an operator with other spacing
        else:
            kept.append(piece)
    return kept


def _is_operator(piece: Token) -> bool:
    return piece.kind == "relation" or piece.text in ("+", "-", "*", r"\cdot", r"\times")


def _pieces(source: str) -> Iterator[Token]:
    latex = is_latex(source)
    spaced = latex and _SPACED.search(source) is not None
    position = narrow = in_cases = 0
    aligned: list[bool] = []  # of the arrays that are open: whether they align one formula
    while position < len(source):
        start = position
        number = (_SPACED_NUMBER.match(source, position) if spaced else None) or _THOUSANDS.match(source, position)
        if latex and number:
            position = number.end()
            yield Token("number", re.sub(r"[\s{},]", "", number.group()), number.group(), start)
            continue
        match = _PIECE.match(source, position)
        if match is None:
            found, position = _beyond_ascii(source, position)
            yield from found
            continue
        position = match.end()
        text = match.group()
        kind = match.lastgroup
        narrow = narrow + (text in _NARROW and latex) if text in _NARROW or kind == "space" else 0
        if narrow == 3:
            yield Token("gap", text, text, start)
        if kind == "space" or text in _DROPPED or (latex and text == "~"):
            continue
        if kind == "environment":
            environment = match["name"].rstrip("*")
            if match["edge"] == "begin":
                position = _behind_columns(source, position, environment in _WITH_COLUMNS)
            if environment == "array":
                if match["edge"] == "begin":
                    inside = source[position : max(source.find(r"\end{array}", position), position)]
                    aligned.append(_ALIGNED.search(inside) is not None and not in_cases)
                if aligned.pop() if match["edge"] == "end" and aligned else aligned and aligned[-1]:
                    continue
            if environment in ("cases", "dcases", "rcases", "array"):
                in_cases += 1 if match["edge"] == "begin" else -1
                yield Token("command", f"\\{match['edge']}{{cases}}", text, start)
            elif "\\" + environment not in _DISPLAYS:
                yield Token("foreign", "this environment is not read; give the formula alone", text, start)
        elif latex and text == "%":
            position = end if (end := source.find("\n", position)) >= 0 else len(source)
        elif dimension := _DIMENSION.match(source, start):
            position = dimension.end()
        elif text in _COUNTERS and (argument := _ARGUMENTS.match(source, position)):
            position = argument.end()
        elif text in _DROPPED_WITH_ARGUMENT | GAPS:
            if text in GAPS:
                yield Token("gap", text, text, start)
            if text in _DROPPED_WITH_ARGUMENT and (argument := _ARGUMENT.match(source, position)):
                position = argument.end()
        elif text == "&" and not in_cases:
            yield Token("gap", text, text, start)
        elif text in (r"\\", r"\newline"):
            skip = _LINE_SKIP.match(source, position)
            position = skip.end() if skip else position
            yield Token("symbol", r"\\", text, start)
        elif text in _LABELLED_RELATIONS:
            _, relation_start = group(source, position)
            under, stop = group(source, relation_start)
            relation = RELATIONS.get((under or "").strip())
            if relation is None:
                yield Token("foreign", "only a relation sign is read under a label", text, start)
            else:
                position = stop
                yield Token("relation", relation, source[start:stop], start)
        elif text in _NO_BOUNDS:
            yield Token("foreign", _NO_BOUNDS[text], text, start)
        elif _MEMBER_OF_ORDER.match(source, start):
            yield Token("relation", "=", text, start)
        elif text in RELATIONS or (text == "~" and not latex):
            if text.startswith("\\") and (mark := _SUBSCRIPT.match(source, position)):  # \lesssim_{\delta}
                position = mark.end()
            yield Token("relation", RELATIONS.get(text, "~"), source[start:position], start)
        elif text in ("**", "||"):
            yield Token("symbol", {"**": "^", "||": r"\|"}[text], text, start)
        elif text == r"\|" and source.startswith(r"\|", position):  # \|\|x\|\| is the norm of x
            position += 2
            yield Token("command", text, r"\|\|", start)
        else:
            yield Token(_KINDS.get(kind or "", "symbol"), text, text, start)


def _behind_columns(source: str, position: int, has_columns: bool) -> int:
    """The place behind the placement of an environment, and behind its columns if it has any."""
    if has_columns or source.startswith("[", position):
        placed = _PLACEMENT.match(source, position)
        if placed and (has_columns or placed[0][1:-1] in ("t", "b", "c")):
            position = placed.end()
    return group(source, position)[1] if has_columns else position


def _beyond_ascii(source: str, position: int) -> tuple[list[Token], int]:
    """The pieces that a character outside ASCII stands for, and the position after it."""
    character = source[position]
    for table, mark in ((SUPERSCRIPTS, "^"), (SUBSCRIPTS, "_")):
        end = position
        while end < len(source) and ord(source[end]) in table:
            end += 1
        if end > position:
            raised = source[position:end].translate(table)
            inner = [
                Token("number" if piece.isdigit() else "symbol", piece, piece, position)
                for piece in re.findall(r"[0-9]+|[^0-9]", raised)
            ]
            marks = [Token("symbol", text, source[position:end], position) for text in (mark, "{", "}")]
            return [*marks[:2], *inner, marks[2]], end
    if unicodedata.category(character) == "Zs":
        return [], position + 1
    if character in _NO_BOUNDS:
        return [Token("foreign", _NO_BOUNDS[character], character, position)], position + 1
    if character in RELATIONS:
        return [Token("relation", RELATIONS[character], character, position)], position + 1
    accent: list[Token] = []
    plain = character
    if character not in _CHARACTERS:
        # An accented or italic letter is a letter and its accent; raised, lowered and wide ones mean something else.
        style = unicodedata.decomposition(character).partition(" ")[0]
        decomposed = unicodedata.normalize("NFKD", character) if style in ("", "<font>") or style[0] != "<" else "?"
        plain = decomposed[0] if decomposed[0].isalpha() and decomposed[1:] in ("", *COMBINING) else ""
        if decomposed[1:] in COMBINING:
            accent = [Token("command", COMBINING[decomposed[1:]], character, position)]
    end = position + 1
    if end < len(source) and source[end] in COMBINING:
        accent.append(Token("command", COMBINING[source[end]], source[position : end + 1], position))
        end += 1
    text = _CHARACTERS.get(plain, plain if plain.isascii() else "")
    if not text:
        name = unicodedata.name(character, "a control character")
        reason = f"this character ({name}, U+{ord(character):04X}) is not part of a formula"
        return [Token("foreign", reason, character, position)], position + 1
    kind: Literal["word", "command", "symbol"] = (
        "word" if text.isalpha() else "command" if text.startswith("\\") else "symbol"
    )
    return [*accent, Token(kind, text, source[position:end], position)], end


def _without_line_breaks(pieces: list[Token]) -> Iterator[Token]:
    r"""Drop `\\` where the formula visibly goes on; elsewhere it stays, so that two formulas are never multiplied."""
    joints = {"+", "-", "*", "/", "(", "[", "{", r"\{", ",", r"\cdot", r"\times", ")", "]", "}", r"\}", r"\\"}
    in_cases = 0
    for index, piece in enumerate(pieces):
        in_cases += (piece.text == r"\begin{cases}") - (piece.text == r"\end{cases}")
        if piece.text == r"\\" and not in_cases:
            before = pieces[index - 1] if index else None
            after = pieces[index + 1] if index + 1 < len(pieces) else None
            if before is None or after is None:
                continue
            opens = before.kind == "relation" or before.text in joints - {")", "]", "}", r"\}"}
            if opens or after.kind == "relation" or after.text in joints - {"(", "[", "{", r"\{"}:
                continue
        yield piece


@dataclass(frozen=True)
class Readable:
    """A formula as it is read: macros written out, boxes and colours away; `written` is what the author wrote."""

    text: str
    written: str
    places: Sequence[int]

    def place(self, start: int) -> int:
        """Where in the author's text a character of this text comes from."""
        return self.places[start] if start < len(self.places) else len(self.written)


_MODULE = re.compile(r"\b(?:np|numpy|math|jnp|torch|sympy|sp)\.(?=(?:sqrt|log|exp|minimum|maximum|min|max)\()")
_RAISED = re.compile(r"<(?P<tag>su[pb])>(?P<inside>[^<>]*)</(?P=tag)>")
_BACKSLASHES = re.compile(r"(\\+)([A-Za-z]+)")
_COMMON = commands("frac mathbb mathcal le leq sqrt sigma lesssim ge geq hat left mu eta nabla")
_ENTITY = re.compile(r"&(?:#\d+|#x[0-9A-Fa-f]+|[A-Za-z]+);")


def _from_page(text: str) -> str:
    """Text copied from a page: raised and lowered text, entities, and the tilde of O~(, each in its old length.

    >>> _from_page("O~(n<sup>2</sup>&le;1)")
    'Õ (n^{2}        ≤   1)'
    """

    def raised(match: re.Match[str]) -> str:
        mark = "^" if match["tag"] == "sup" else "_"
        return f"{mark}{{{match['inside']}}}".ljust(len(match[0]))

    runs = _BACKSLASHES.findall(text)
    if runs and all(len(run) == 2 for run, _ in runs) and any(f"\\{name}" in _COMMON for _, name in runs):
        text = re.sub(r"\\\\", r" \\", text)  # as strings of programs hold them
    text = _RAISED.sub(raised, text)
    text = _ENTITY.sub(lambda match: html.unescape(match[0]).ljust(len(match[0])), text)
    if not is_latex(text):
        text = _MODULE.sub(lambda module: " " * len(module[0]), text)
    return text if is_latex(text) and "\\" in text else re.sub(r"(?<![A-Za-z])O~(?=\()", "Õ ", text)


def readable(source: str, macros: Mapping[str, Macro] | None = None) -> Readable:
    """The formula without what only changes its look, its macros written out."""
    written = unicodedata.normalize("NFC", _from_page(source[: LENGTH + 1]))
    if len(written) > LENGTH:
        raise TightrateError(f"a formula of {len(source)} characters; at most {LENGTH} are read")
    found = expanded(written, macros)
    plain = plainer(found.text) if "\\" in found.text else found.text
    if len(plain) != len(found.text):  # places are lost only where an order in braces is shorter than its command
        return Readable(plain, plain, range(len(plain)))
    return Readable(plain, written, found.places)


class Cursor:
    """A place in the tokens of one formula."""

    def __init__(self, source: str | Readable, pieces: Sequence[Token] | None = None) -> None:
        self.readable = source if isinstance(source, Readable) else readable(source)
        self.source = self.readable.text
        self.latex = is_latex(self.source)
        end = Token("end", "", "", len(self.source.rstrip()))
        self.tokens = tokens(self.source) if pieces is None else [*_without_line_breaks(list(pieces)), end]
        if pieces:
            self.tokens[-1] = Token("end", "", "", pieces[-1].start + len(pieces[-1].shown))
        self.index = 0

    @property
    def peek(self) -> Token:
        """The token at this place."""
        return self.tokens[self.index]

    def ahead(self, count: int) -> Token:
        """The token `count` places on, or the end."""
        return self.tokens[min(self.index + count, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The token at this place, which is then passed; the end stays."""
        token = self.peek
        if token.kind != "end":
            self.index += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        """The token at this place if it is one of these, and then it is passed."""
        return self.take() if self.peek.text in texts and self.peek.kind != "end" else None

    def expect(self, text: str, reason: str) -> Token:
        """The token at this place, which must be `text`."""
        if self.peek.text != text:
            raise self.error(reason)
        return self.take()

    def split(self, length: int = 1) -> None:
        """Cut the token at this place after `length` characters: LaTeX takes `12` and `KR` apart."""
        token = self.peek
        parts = []
        cuts = [0, length, len(token.text)]
        if token.text[length] == "_" and len(token.text) > length + 1:  # D_0 is a letter and its subscript
            cuts[2:2] = [length + 1]
        for start, stop in pairwise(cuts):
            text = token.text[start:stop]
            kind: Literal["number", "word", "symbol"] = (
                "number" if text[0].isdigit() else "word" if text[0].isalpha() else "symbol"
            )
            parts.append(Token(kind, text, text, token.start + start))
        self.tokens[self.index : self.index + 1] = parts

    def error(self, reason: str, at: Token | None = None) -> TightrateError:
        """The error for a token, this one unless another is named."""
        token = at or self.peek
        reason = token.text if token.kind == "foreign" else reason
        return failure(self.readable.written, self.readable.place(token.start), token.shown, reason)
