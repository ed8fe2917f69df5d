r"""A display taken apart: what is bounded, the relation, the bound or bounds, the conditions, and what is left out.

Authors put more than one formula into a display: conditions behind a comma or a wide gap, equation numbers, words, one
bound in each row of an `align` or each case of an array.  Nothing of it may be multiplied into the bound, taken for the
bound, or dropped without a word.

    >>> found = take_apart(r"\|x_R-x_*\|^2 \le \frac{\eta\sigma^2}{\mu M}, \qquad \eta \le 1/L. \quad (21)")
    >>> [(part.left, part.relation, part.bound) for part in found.parts]
    [('\\|x_R-x_*\\|^2', '<=', '\\frac{\\eta\\sigma^2}{\\mu M}')]
    >>> found.parts[0].conditions, found.left_out
    (('\\eta \\le 1/L',), ('equation number (21)',))
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.left_side import left_side
from tightrate.rates.formulas.letter_notation import UPRIGHT, WORDS
from tightrate.rates.formulas.macros import Macro
from tightrate.rates.formulas.tokens import RELATIONS, Readable, Token, commands, failure, pieces_of, readable

Pieces = tuple[Token, ...]

_OPENING = {"(", "[", "{", r"\{", r"\lbrace", r"\begin{cases}", r"\langle", r"\lceil", r"\lfloor"}
_CLOSING = {")", "]", "}", r"\}", r"\rbrace", r"\end{cases}", r"\rangle", r"\rceil", r"\rfloor"}
_NORMS = {r"\|"}
_JOINTS = {"+", "-", "*", "/", r"\cdot", r"\times", r"\pm"}
_CUTS = {",", ";", ".", ":", r"\mid", r"\colon"}
_CONDITION_WORDS = re.compile(
    r"\b(?:for|if|when|whenever|where|with|provided|given|assuming|such that|s\.t\.|as long as|once|under|since)\b"
)
_JOINING_WORDS = re.compile(r"^(?:and|or|\s)*$")
_BRANCH_WORDS = re.compile(r"^\W*(?:and|or|but|while|whereas|resp(?:ectively)?)?\W*$", re.IGNORECASE)
_BRANCHING = re.compile(r"(?:if|for|when|whenever|otherwise|else|in the case)\b")
_OTHERWISE = re.compile(r"^\s*(?:otherwise|else)\W*$")
_NO_WORDS = {
    "const",
    "constant",
    "polylog",
    "poly",
    "opt",
    "dif",
    "star",
    "exp",
    "log",
    "ln",
    "max",
    "min",
    "sup",
    "inf",
}
_NUMBER = re.compile(
    r"[(\[]\s*(?:[A-Z]?\s*\.?\s*\d[\d.\s]*[a-z']?|\\(?:text|mathrm)\s*\{[^{}]*\}[\d. ]*|[a-z]"
    r"|(?:\*|\\star|\\ast|\\dag|\\dagger|\\ddagger|\\diamond|\\clubsuit|\\spadesuit|\\triangle)+)\s*[)\]]"
)
_ONLY_NUMBER = re.compile(r"\(\s*\d[\d.\s]*\)")
_LISTED = re.compile(r"\d+|\\(?:[lc]?dots|dotsc)|\.\.\.|…|[A-Za-z](?:\s*[-+]\s*1)?")
LINKS = 40  # relation signs of one chain
_PLAIN_WORDS = {"for", "forall", "where", "whenever", "when", "provided", "with", "if"}
_ONE_ACCURACY = re.compile(r"(?:[\d\s{}/^.]|\\[td]?frac)*(?:\\(?:var)?epsilon|eps)(?:[\d\s{}/^.])*")
_MIRRORED = {">=": "<=", ">~": "<~", ">": "<"}
_REFERENCES = commands(
    "cite citep citet citealp ref eqref cref Cref autoref footnote footnotemark thanks tnote tablefootnote"
)
_MARKS = commands("dagger ddagger dag ddag S P textdagger textsection")
_UPWARDS, _DOWNWARDS = {">=", ">~", ">", ">>"}, {"<=", "<~", "<", "<<"}
_ORDER_NAMES = {"O", "Theta", "Omega", r"\Theta", r"\Omega"}


@dataclass(frozen=True)
class DisplayPart:
    """One bound of a display: its left side (empty if it has none), the relation, the bound and its conditions.

    `between` are the links of a chain between the two; the pieces are what the grammar reads.  `between_pieces` also
    hold a lower bound in front of what is bounded.
    """

    left: str
    relation: str
    bound: str
    left_pieces: Pieces
    bound_pieces: Pieces
    conditions: tuple[str, ...] = ()
    condition_pieces: tuple[Pieces, ...] = ()
    between: tuple[str, ...] = ()
    between_pieces: tuple[Pieces, ...] = ()
    case: str = ""


@dataclass(frozen=True)
class Display:
    """The bounds of a display in order, and what else stood in it."""

    source: Readable
    parts: tuple[DisplayPart, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Segment:
    """What stands between two commas, gaps or words; `words` are those before it, `gap` whether a gap is."""

    pieces: Pieces
    words: str = ""
    gap: bool = False
    cut: Token | None = None


def take_apart(text: str, macros: Mapping[str, Macro] | None = None, each_case: bool = False) -> Display:
    """The parts of a display; TightrateError with the place where two readings are possible.

    Cases that are the whole bound become a part each where `each_case`, or where they are no function of the letters.
    """
    source, words = _without_surroundings(readable(text, macros))
    return _Reader(source, words, each_case).display()


def _without_surroundings(source: Readable) -> tuple[Readable, tuple[str, ...]]:
    """The one formula of a text with dollar signs, and the words around it; Markdown's marks are dropped."""
    if marks := re.fullmatch(r"\s*(\*\*|`+)(.+?)\1\s*", source.text, re.DOTALL):
        blanks = (" " * marks.start(2), " " * (len(source.text) - marks.end(2)))
        source = Readable(marks[2].join(blanks), source.written, source.places)
    found = list(re.finditer(r"\$\$(.*?)\$\$|\$(.*?)\$|\\\[(.*?)\\\]|\\\((.*?)\\\)", source.text, re.DOTALL))
    if not found:
        return _without_plain_words(source)
    if len(found) > 1:
        place = source.place(found[1].start())
        raise failure(source.written, place, "$", "a second formula begins here; give one display at a time")
    outside = [source.text[: found[0].start()], source.text[found[0].end() :]]
    if any(re.search(r"[\\^_{}=<>+*/$]", part) for part in outside):
        return source, ()
    words = tuple(part.strip() for part in outside if part.strip(" \t\n.,;:"))
    kept = re.sub(r"[^\n]", " ", outside[0]) + found[0].group() + re.sub(r"[^\n]", " ", outside[1])
    return Readable(kept, source.written, source.places), words


_PLAIN_TAIL = re.compile(
    r"(?<=[\s)])(?:(?:communication|total|stochastic|gradient|local|oracle|per|worker|workers|client|rounds?|iterations"
    r"|steps|samples|evaluations|queries|calls|bits|epochs|communications|gradients|time|rate)[\s.,]*)+$"
)


def _without_plain_words(source: Readable) -> tuple[Readable, tuple[str, ...]]:
    """Plain text without words behind the formula, as in `O(1/eps^2) iterations`."""
    tail = _PLAIN_TAIL.search(source.text) if "\\" not in source.text else None
    if tail is None or not source.text[: tail.start()].strip():
        return source, ()
    kept = source.text[: tail.start()] + " " * (len(source.text) - tail.start())
    return Readable(kept, source.written, source.places), (tail[0].strip(" .,"),)


class _Reader:
    """Takes one display apart."""

    def __init__(self, source: Readable, words: tuple[str, ...], each_case: bool) -> None:
        self.source, self.each_case = source, each_case
        self.pieces = tuple(pieces_of(source.text))
        self.left_out: list[str] = [f"words '{word}'" for word in words]

    def display(self) -> Display:
        parts: list[DisplayPart] = []
        for segments in self.statements(self.segments()):
            parts += list(self.read(segments, parts))
        if not parts:
            raise self.error(None, "expected a formula")
        return Display(self.source, tuple(parts), tuple(self.left_out))

    def shown(self, pieces: Sequence[Token]) -> str:
        """The text of pieces that stand next to each other."""
        if not pieces:
            return ""
        stop = pieces[-1].start + len(pieces[-1].shown)
        return " ".join(self.source.text[pieces[0].start : stop].replace("&", " ").split())

    def error(self, at: Token | None, reason: str) -> TightrateError:
        start = at.start if at is not None else len(self.source.text.rstrip())
        shown = at.shown if at is not None else ""
        return failure(self.source.written, self.source.place(start), shown, reason)

    # Segments: what commas, wide gaps, words and line breaks set apart

    def segments(self) -> Iterator[_Segment]:
        depth, current, words, gap = 0, list[Token](), "", False
        cut: Token | None = None
        norm = False
        index = 0
        while index < len(self.pieces):
            piece = self.pieces[index]
            if piece.text in _OPENING:
                depth += 1
            elif piece.text in _CLOSING:
                depth = max(0, depth - 1)
            elif piece.text in _NORMS:
                norm = not norm
            elif piece.text == "&" and (not current or self.aligns(current[-1], index)):
                index += 1
                continue
            if piece.text == "^" and not depth and not norm and (stop := self.mark_at(index)):
                self.left_out.append(f"the mark {self.shown(self.pieces[index:stop])}")
                index = stop
                continue
            raised = bool(current) and current[-1].text in ("_", "^")
            written = None if depth or norm or raised else self.words_at(index)
            if written is not None and current and (sign := _in_words(written[0])):
                current.append(Token("relation", sign, written[0], piece.start))
                index = written[1]
                continue
            if written is not None and piece.text in _REFERENCES and self.goes_on_behind(current, written[1]):
                self.left_out.append(f"words '{written[0]}'")
                index = written[1]
                continue
            if written is not None:
                if current and current[-1].text in _JOINTS:
                    raise self.error(piece, f"words have no place in a formula; leave '{written[0]}' out")
                if current or cut is not None:
                    yield _Segment(tuple(current), words, gap, cut)
                    current, words, gap, cut = [], "", False, None
                phrase, index = written
                if not phrase:
                    continue
                words = f"{words} {phrase}".strip()
                cut = piece
                continue
            if depth == 0 and not norm and (piece.kind in ("gap", "row") or piece.text in (*_CUTS, r"\\")):
                row = piece.text == r"\\"
                if piece.text == "." and index + 1 < len(self.pieces) and self.pieces[index + 1].text == ".":
                    current.append(piece)
                elif current or row:
                    yield _Segment(tuple(current), words, gap, cut)
                    current, words, gap, cut = [], "", piece.kind == "gap" or row, piece
                else:
                    gap, cut = gap or piece.kind == "gap", cut or piece
            elif piece.kind not in ("gap", "row"):
                current.append(piece)
            index += 1
        if current or words:
            yield _Segment(tuple(current), words, gap, cut)

    def mark_at(self, index: int) -> int:
        r"""The place behind a mark of a footnote here, such as ^\dagger; 0 where none stands here."""
        braced = self.pieces[index + 1].text == "{" if index + 1 < len(self.pieces) else False
        marks = [piece.text for piece in self.pieces[index + 1 + braced : index + 2 + 2 * braced]]
        return index + 2 + 2 * braced if marks[:1] and marks[0] in _MARKS and marks[1:] in ([], ["}"]) else 0

    def goes_on_behind(self, current: Sequence[Token], index: int) -> bool:
        """Whether the formula before a reference or footnote visibly goes on at this piece."""
        after = next((piece for piece in self.pieces[index:] if piece.kind not in ("gap", "row")), None)
        return bool(current) and after is not None and (after.kind == "relation" or after.text in _JOINTS)

    def aligns(self, before: Token, index: int) -> bool:
        """Whether the & here aligns one formula at a sign, rather than standing between two cells of a table."""
        after = next((piece for piece in self.pieces[index + 1 :] if piece.kind != "gap"), before)
        return any(piece.kind == "relation" or piece.text in _JOINTS for piece in (before, after))

    def words_at(self, index: int) -> tuple[str, int] | None:
        r"""Words such as \text{for all } or \forall at this piece, and the place behind them."""
        piece = self.pieces[index]
        if piece.text == r"\forall":
            return "for all", index + 1
        if piece.text in _REFERENCES:
            stop = index + 1
            if stop < len(self.pieces) and self.pieces[stop].text == "{":
                while stop < len(self.pieces) and self.pieces[stop].text != "}":
                    stop += 1
            return self.shown(self.pieces[index : stop + 1]), stop + 1
        if piece.kind == "word" and piece.text in _PLAIN_WORDS and index:
            stop = index + 1
            while stop < len(self.pieces) and self.pieces[stop].text in ("all", "every", "any", "some"):
                stop += 1
            return " ".join(token.text for token in self.pieces[index:stop]), stop
        if (
            piece.text not in WORDS | {r"\mathrm"}
            or index + 1 >= len(self.pieces)
            or self.pieces[index + 1].text != "{"
        ):
            return None
        depth, stop = 0, index + 1
        while stop < len(self.pieces):
            depth += (self.pieces[stop].text == "{") - (self.pieces[stop].text == "}")
            stop += 1
            if depth == 0:
                break
        inside = self.source.text[self.pieces[index + 1].start + 1 : self.pieces[stop - 1].start]
        word = inside.strip(" .,;:~\\")
        if not word or not word.strip("()[]!?"):
            return "", stop
        if word.lower() in _NO_WORDS or len(word) == 1 or re.search(r"[_^$]", inside):
            return None
        if piece.text == r"\mathrm" and " " not in inside.strip() and not _CONDITION_WORDS.search(word):
            return None
        follows = self.pieces[stop].text if stop < len(self.pieces) else ""
        if (
            " " not in word
            and not _BRANCH_WORDS.match(word)
            and not _CONDITION_WORDS.search(word.lower())
            and follows in ("(", "[", "_", "^", *RELATIONS)
        ):
            return None
        return " ".join(inside.split()), stop

    # Statements: each a left side with its bound, and the segments that belong to it

    def statements(self, segments: Iterable[_Segment]) -> Iterator[list[_Segment]]:
        current: list[_Segment] = []
        segments = list(segments)
        for number, segment in enumerate(segments):
            if number == 0 and not segment.words and _ONLY_NUMBER.fullmatch(self.shown(segment.pieces)):
                yield from self.behind_number(segment, segments[1:])
                return
            if not segment.pieces and not segment.words:
                continue
            if segment.words.startswith("(") and _unmatched(segment.pieces):
                segment = replace(segment, pieces=segment.pieces[:-1], words=segment.words[1:])
            if current and _is_bracketed_condition(segment.pieces):
                segment = replace(segment, pieces=segment.pieces[1:-1], words=segment.words or "with")
            if self.is_number(segment) and current:
                self.left_out.append(f"equation number {self.shown(segment.pieces)}")
                continue
            if not segment.pieces and not _OTHERWISE.match(segment.words):
                self.left_out.append(f"words '{segment.words}'")
                continue
            following = segments[number + 1] if number + 1 < len(segments) else _Segment(())
            if not current:
                current = [segment]
            elif branch := self.other_branch(current, segment, following):
                yield current
                current = [branch]
            elif self.goes_on(current, segment):
                head = current[0] if len(current) == 1 else None
                if head is None:
                    last = current[-1]
                    current[-1] = replace(last, pieces=(*last.pieces, *segment.pieces))
                else:
                    current[0] = replace(head, pieces=(*head.pieces, *segment.pieces))
            elif self.stands_in_front(current) and _relations(segment.pieces):
                current = [segment, *current]
            elif self.is_needed(current, segment):
                yield current
                current = [replace(segment, words="")]
            elif self.is_condition(current, segment):
                current.append(segment)
            elif _relations(segment.pieces):
                yield current
                current = [segment]
            elif len(current) > 1 and not segment.words and _LISTED.fullmatch(self.shown(segment.pieces)):
                current[-1] = replace(current[-1], pieces=(*current[-1].pieces, *segment.pieces))  # r = 1, 2, ..., R
            else:
                foreign = next((p for p in segment.pieces[:1] if p.kind == "foreign"), None)
                if foreign is not None:
                    raise self.error(foreign, foreign.text)
                new_line = segment.cut is not None and segment.cut.text == r"\\"
                reason = "a new line must go on with an operator; give one bound at a time"
                raise self.error(
                    segment.cut or segment.pieces[0],
                    reason
                    if new_line
                    else "the formula ends here; leave out what follows, or write a condition as an inequality",
                )
        if current:
            yield current

    def other_branch(self, current: Sequence[_Segment], segment: _Segment, following: _Segment) -> _Segment | None:
        """The segment as a bound of its own on what is bounded so far, as in `<= X if K = 1, and <= Y otherwise`."""
        head = current[0].pieces
        relations = _relations(head)
        if not _BRANCH_WORDS.match(segment.words) or not segment.pieces:
            return None
        left = head[: head.index(relations[0])] if relations else ()
        own = _relations(segment.pieces)
        conditional = len(current) > 1 and bool(_BRANCHING.match(current[1].words.strip(" (,.").lower()))
        told = bool(_BRANCHING.match(following.words.strip(" (,.").lower()))
        joined = replace(segment, words="")
        if own and segment.pieces[0] == own[0]:
            again = segment.words or conditional or told
            return replace(joined, pieces=(*left, *segment.pieces)) if left and again else None
        if own:
            same = self.shown(segment.pieces[: segment.pieces.index(own[0])]) == self.shown(left)
            return joined if left and same else None
        if not (conditional and told and len(segment.pieces) > 1):
            return None
        front = head[: head.index(relations[-1]) + 1] if relations else ()
        return replace(joined, pieces=(*front, *segment.pieces))

    def behind_number(self, first: _Segment, rest: Sequence[_Segment]) -> Iterator[list[_Segment]]:
        """The statements behind an equation number in front; the number itself where nothing follows."""
        if rest:
            self.left_out.append(f"equation number {self.shown(first.pieces)}")
            yield from self.statements(rest)
        else:
            yield [first]

    def is_number(self, segment: _Segment) -> bool:
        return bool(_NUMBER.fullmatch(self.shown(segment.pieces))) and (segment.gap or segment.cut is not None)

    def goes_on(self, current: Sequence[_Segment], segment: _Segment) -> bool:
        """Whether a segment continues the formula before it: an operator or a relation stands between them."""
        if segment.words:
            return False
        cut = segment.cut.text if segment.cut is not None else ""
        before, after = current[-1].pieces[-1:], segment.pieces[:1]
        if not before or not after:
            return False
        if after[0].text in _JOINTS or before[0].text in _JOINTS:
            return True
        if cut in _CUTS:
            return False
        if after[0].kind == "relation" or before[0].kind == "relation":
            return True
        row = cut == r"\\"
        if row and (after[0].text in _CLOSING or before[0].text in _OPENING):
            return True
        first = current[0]
        return (
            len(current) == 1
            and not row
            and not _relations(first.pieces)
            and bool(_relations(segment.pieces))
            and (is_measure(self.shown(first.pieces)) and not is_measure(self.shown(segment.pieces).split("=")[0]))
        )

    def stands_in_front(self, current: Sequence[_Segment]) -> bool:
        """Whether all that was read so far is a condition, such as `for all R`."""
        return len(current) == 1 and _CONDITION_WORDS.search(current[0].words.lower()) is not None

    def is_needed(self, current: Sequence[_Segment], segment: _Segment) -> bool:
        """Whether a segment says how much is needed for an accuracy, as in `X <= eps after R = O(1/eps)`."""
        head, own = _relations(current[0].pieces), _relations(segment.pieces)
        if len(head) != 1 or len(own) != 1 or len(current) > 1:
            return False
        reached = self.shown(current[0].pieces[current[0].pieces.index(head[0]) + 1 :])
        place = segment.pieces.index(own[0])
        above = "epsilon" in self.shown(segment.pieces[place + 1 :]) and own[0].text in (">=", ">~", "=", ">", "~")
        return above and _ONE_ACCURACY.fullmatch(reached) is not None and len(self.shown(segment.pieces[:place])) <= 3

    def is_condition(self, current: Sequence[_Segment], segment: _Segment) -> bool:
        words = segment.words.lower()
        if words and not _JOINING_WORDS.match(words):
            return True
        relations = _relations(segment.pieces)
        goes_on = any(before.words for before in current[1:])  # `where B is ... and L is ...`
        if not relations:
            is_member = any(piece.text in (r"\in", r"\ni") for piece in segment.pieces)
            return is_member or goes_on or _OTHERWISE.match(words) is not None
        if goes_on and words:
            return True
        if _relations(current[0].pieces) == [] and current[0].words and len(current) == 1:
            return False
        left = self.shown(segment.pieces[: segment.pieces.index(relations[0])])
        if is_measure(left):
            return False
        head = _relations(current[0].pieces)
        head_left = self.shown(current[0].pieces[: current[0].pieces.index(head[0])]) if head else ""
        alike = bool(head) and bool(head_left) and not is_measure(head_left) and head[0].text == relations[0].text
        return not alike or len(current) > 1

    # One statement

    def read(self, segments: Sequence[_Segment], before: Sequence[DisplayPart]) -> Iterator[DisplayPart]:
        head, *rest = segments
        head = self.without_citation(head)
        if head.words and not _JOINING_WORDS.match(head.words.lower()):
            if not _relations(head.pieces) and before:
                raise self.error(head.pieces[0], "what stands here is no bound; leave it out")
            self.left_out.append(f"words '{head.words}'")
        conditions = [segment for segment in rest if segment.pieces or _OTHERWISE.match(segment.words)]
        for piece in head.pieces:
            if piece.kind == "foreign" and "states no bound" in piece.text:
                raise self.error(piece, piece.text)
        relations = _relations(head.pieces)
        if relations and relations[-1].text == "=:":  # `bound =: name`
            place = head.pieces.index(relations[-1])
            self.left_out.append(f"the name {self.shown(head.pieces[place + 1 :])}")
            head, relations = replace(head, pieces=head.pieces[:place]), relations[:-1]
        if len(relations) == 1 and relations[0].text in (">=", ">", ">~", "=") and (inner := _event(head.pieces)):
            self.left_out.append(f"with probability {self.shown(head.pieces[head.pieces.index(relations[0]) :])}")
            yield from self.read([replace(head, pieces=inner, words=""), *rest], before)
            return
        if len(relations) > LINKS:
            raise self.error(relations[LINKS], f"a chain of more than {LINKS} relation signs")
        if turned := self.turned(head.pieces, relations):
            head, relations = replace(head, pieces=turned), _relations(turned)
        kinds = {relation.text for relation in relations}
        if kinds & _UPWARDS and kinds & _DOWNWARDS:
            raise self.error(relations[-1], "relation signs in both directions; give one bound")
        links: list[Pieces] = []
        start = 0
        for relation in relations:
            stop = head.pieces.index(relation)
            links.append(head.pieces[start:stop])
            start = stop + 1
        links.append(head.pieces[start:])
        sign = relations[-1].text if relations else ""
        shown = [condition.pieces for condition in conditions]
        condition_texts = [self.condition_text(condition) for condition in conditions]
        if len(links) > 2 and _ONE_ACCURACY.fullmatch(self.shown(links[-1])):
            *links, last = links  # `X <= bound <= eps` asks when the bound is small enough
            shown.insert(0, (*links[-1], relations[-1], *last))
            condition_texts.insert(0, self.shown(shown[0]))
            sign = relations[-2].text
        if sign in ("<<", ">>"):
            raise self.error(relations[-1], r"a hypothesis and no bound; write it with --given, or \lesssim, \gtrsim")
        empty = next((sign for sign, link in zip(relations, links[1:-1], strict=False) if not link), None)
        if empty is not None:
            raise self.error(empty, "expected a formula between this relation sign and the next")
        if not links[-1]:
            raise self.error(relations[-1] if relations else None, "expected a formula behind the relation sign")
        left = links[0] if relations else ()
        signs = {relation.text for relation in relations}
        enclosed = len(links) == 3 and signs <= _DOWNWARDS and self.is_enclosed(links)
        if enclosed:  # `lower <= measure <= upper`
            self.left_out.append(f"the lower bound {self.shown(left)}")
            left, links = links[1], [links[1], links[0], links[2]]
        if len(links) == 2 and sign in _MIRRORED and left_side(links[1], {}).measure:
            own = left_side(left, {})
            if not (own.measure or own.choices or (own.unit is not None and own.unit.is_pure)):
                left, links, sign = links[1], [links[1], left], _MIRRORED[sign]  # `bound >= measure`
        defines = len(links) > 2 and relations[0].text == "=" and is_measure(self.shown(links[1]))
        if defines and not is_measure(self.shown(left)):  # `delta_T := f(x_T) - f^* <= ...`
            self.left_out.append(f"the name {self.shown(left)}")
            links = links[1:]
            left = links[0]
        if links[-1][-1].text == ")" and self.ends_in_number(links[-1]):
            raise self.error(
                links[-1][-3],
                r"an equation number or a factor? write \quad before a number of the equation, or leave it out",
            )
        part = DisplayPart(
            self.shown(left),
            sign,
            self.shown(links[-1]),
            left,
            links[-1],
            tuple(condition_texts),
            tuple(shown),
            () if enclosed else tuple(self.shown(link) for link in links[1:-1]),
            tuple(links[1:-1]),
        )
        yield from self.cases(part)

    def turned(self, pieces: Pieces, relations: Sequence[Token]) -> Pieces:
        """A chain such as `bound >= measure >= 0` from its other end; empty where it begins with what is bounded."""
        if len(relations) < 2 or not {relation.text for relation in relations} <= {*_MIRRORED, "="}:
            return ()
        cuts = [pieces.index(relation) for relation in relations]
        links = [
            pieces[start:stop] for start, stop in zip([0, *(c + 1 for c in cuts)], [*cuts, len(pieces)], strict=True)
        ]
        if left_side(links[0], {}).measure or not any(left_side(link, {}).measure for link in links[1:]):
            return ()
        signs = [replace(one, text=_MIRRORED.get(one.text, one.text)) for one in reversed(relations)]
        while links[-1] and links[-1][-1].text in (".", ","):
            links[-1] = links[-1][:-1]
        return (
            *links[-1],
            *(piece for sign, link in zip(signs, links[-2::-1], strict=True) for piece in (sign, *link)),
        )

    def is_enclosed(self, links: Sequence[Pieces]) -> bool:
        """Whether the middle one of three links is a measure, and the first one is not."""
        return left_side(links[1], {}).measure is not None and left_side(links[0], {}).measure is None

    def without_citation(self, segment: _Segment) -> _Segment:
        """The segment without numbers in square brackets behind it, as in [12] and [3, 7]."""
        pieces = segment.pieces
        start = max((index for index, piece in enumerate(pieces) if piece.text == "["), default=0)
        inside = pieces[start + 1 : -1]
        if not start or pieces[-1].text != "]" or not inside:
            return segment
        before = pieces[start - 1]
        apart = before.kind in ("number", "word") or before.text in (")", "]", "}")
        if not apart or before.text in ("O", "Omega") or not all(p.kind == "number" or p.text == "," for p in inside):
            return segment
        self.left_out.append(f"reference {self.shown(pieces[start:])}")
        return replace(segment, pieces=pieces[:start])

    def ends_in_number(self, pieces: Sequence[Token]) -> bool:
        """Whether a number in brackets stands apart at the end, which is no argument of anything."""
        if len(pieces) < 4 or pieces[-2].kind != "number" or pieces[-3].text != "(":
            return False
        if pieces[-4].text in (")", "]"):
            return self.source.text[: pieces[-3].start].endswith(" ")
        if pieces[-4].text != "}":
            return False
        depth, index = 1, len(pieces) - 5
        while index >= 0 and depth:
            depth += (pieces[index].text == "}") - (pieces[index].text == "{")
            index -= 1
        apart = self.source.text[: pieces[-3].start].endswith(" ")
        return apart and index >= 0 and pieces[index].text in ("}", r"\sqrt", r"\frac", "^")

    def condition_text(self, condition: _Segment) -> str:
        text = self.shown(condition.pieces)
        return text if _relations(condition.pieces) else f"{condition.words} {text}".strip()

    def cases(self, part: DisplayPart) -> Iterator[DisplayPart]:
        """Each row of `cases` or an array that is the whole bound, with its condition."""
        pieces = part.bound_pieces
        while pieces and pieces[0].text in (r"\{", "{") and pieces[-1].text in (r"\}", "}", "."):
            pieces = pieces[1:-1]
        if pieces and pieces[-1].text in (".", ","):
            pieces = pieces[:-1]
        whole = len(pieces) > 2 and pieces[0].text == r"\begin{cases}" and pieces[-1].text == r"\end{cases}"
        if (
            not whole
            or sum(piece.text == r"\begin{cases}" for piece in pieces) > 1
            or not (self.each_case or _has_orders(pieces))
        ):
            yield part
            return
        for row in _split(pieces[1:-1], r"\\"):
            cells = [cell for cell in _split(row, "&") if cell] or [[]]
            value = tuple(cells[0])
            while value and value[-1].text in _CUTS:
                value = value[:-1]
            words = " ".join(self.shown(cell) for cell in cells[1:])
            plain = re.sub(r"\\(?:text|mathrm|mbox)\s*\{([^{}]*)\}", r" \1 ", words).strip(" .,")
            condition = tuple(piece for cell in cells[1:] for piece in _without_words(cell))
            if not value:
                continue
            read = (condition,) if _relations(condition) else ()
            case = re.sub(r"^\s*(?:if|for|when)\s+", "", " ".join(plain.split()))
            yield replace(
                part,
                bound=self.shown(value),
                bound_pieces=value,
                conditions=(*part.conditions, *([case] if case else [])),
                condition_pieces=(*part.condition_pieces, *read),
                case=case,
            )


def _relations(pieces: Sequence[Token]) -> list[Token]:
    """The relation signs outside all brackets."""
    depth, found = 0, []
    for piece in pieces:
        depth += (piece.text in _OPENING) - (piece.text in _CLOSING)
        if piece.kind == "relation" and depth <= 0:
            found.append(piece)
    return found


_SIGNS_IN_WORDS = (
    ("~", r"(?:is|are|scales?|grows?|decays?)\s+(?:(?:of|on|in|at)\s+)?(?:the\s+)?(?:order(?:\s+of)?|as|like)"),
    ("<=", r"(?:is|are)\s+(?:at\s+most|bounded(?:\s+from\s+above)?\s+by|no\s+(?:more|larger)\s+than)"),
    (">=", r"(?:is|are)\s+(?:at\s+least|bounded\s+from\s+below\s+by|no\s+(?:less|smaller)\s+than)"),
)


def _in_words(words: str) -> str:
    """The relation sign that words say, such as `is at most`; empty for other words.

    >>> _in_words("is of order"), _in_words("is at most"), _in_words("for all")
    ('~', '<=', '')
    """
    return next((sign for sign, phrase in _SIGNS_IN_WORDS if re.fullmatch(phrase, words.strip().lower())), "")


_PROBABILITIES = {"P", "Pr", "Prob", r"\Pr", r"\prob", r"\Prob"}


def _event(pieces: Pieces) -> Pieces:
    r"""The inequality in `\mathbb{P}( ... ) \ge 1 - \delta`; empty where none stands so."""
    start = next((index for index, piece in enumerate(pieces) if piece.text in ("(", "[", r"\{")), None)
    if start is None or not _PROBABILITIES & {piece.text for piece in pieces[:start]} or start > 5:
        return ()
    depth = 0
    for stop in range(start, len(pieces)):
        depth += (pieces[stop].text in _OPENING) - (pieces[stop].text in _CLOSING)
        if depth == 0:
            inside = pieces[start + 1 : stop]
            follows = stop + 1 < len(pieces) and pieces[stop + 1].kind == "relation"
            return inside if follows and _relations(inside) else ()
    return ()


def _unmatched(pieces: Sequence[Token]) -> bool:
    """Whether a bracket that opened in words closes at the end."""
    depth = sum((piece.text == "(") - (piece.text == ")") for piece in pieces)
    return depth < 0 and pieces[-1].text == ")"


def _is_bracketed_condition(pieces: Sequence[Token]) -> bool:
    """Whether brackets enclose all of a segment, and an inequality stands in them."""
    if len(pieces) < 3 or pieces[0].text not in ("(", "[") or pieces[-1].text not in (")", "]"):
        return False
    return not _relations(pieces) and bool(_relations(pieces[1:-1]))


_MEASURE = re.compile(r"\\nabla|\\mathbb\s*\{?\s*E|\\\||\|\||‖|\\lVert|∇|\\langle|[fFℓ]\s*\(|[fF]\s*[\^_]")


def is_measure(text: str) -> bool:
    """Whether a left side speaks of iterates, function values or gradients, rather than of letters alone."""
    return _MEASURE.search(text) is not None


def _has_orders(pieces: Sequence[Token]) -> bool:
    """Whether an order such as O(...) stands here, which a value in cases does not hold."""
    return any(piece.text in _ORDER_NAMES for piece in pieces)


def _split(pieces: Sequence[Token], text: str) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for piece in pieces:
        if piece.text == text:
            parts.append([])
        else:
            parts[-1].append(piece)
    return parts


def _without_words(pieces: Sequence[Token]) -> Iterator[Token]:
    r"""The pieces outside \text{...} and full stops."""
    index = 0
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if piece.text in UPRIGHT and index < len(pieces) and pieces[index].text == "{":
            depth = 1
            while depth and (index := index + 1) < len(pieces):
                depth += (pieces[index].text == "{") - (pieces[index].text == "}")
            index += 1
        elif piece.text not in _CUTS:
            yield piece
