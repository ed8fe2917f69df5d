r"""Macros: an author's own commands, and the usual ones, written out before a formula is read.

Definitions are LaTeX's: `\newcommand`, `\def`, `\DeclareMathOperator`, `\DeclarePairedDelimiter`, `\let`.  They stand
before the formula, or in a file (`--macros FILE`).  Nothing is run: a macro is text with holes, and the number and
length of the expansions are limited.

    >>> print(expanded(r"\newcommand{\sm}{\beta} \frac{\sm\norm{x_0-x_*}^2}{R}").text.strip())
    \frac{\beta\|x_0-x_*\|^2}{R}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tightrate.common.errors import TightrateError

EXPANSIONS = 2_000  # in one formula
EXPANDED_LENGTH = 40_000  # characters


@dataclass(frozen=True)
class Macro:
    """A command with `arguments` holes #1, #2, ...; the first one is optional where it has a default.

    `kinds` are those of xparse instead: m for an argument in braces, s for a star, o and O{default} for optional ones.
    """

    body: str
    arguments: int = 0
    default: str | None = None
    starred: bool = False  # \norm*{x} is \norm{x}
    or_bracket: bool = False  # without a braced argument, as in \cO(x), the body alone stands
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expanded:
    """A text with its macros written out, and from which place of the original each character comes."""

    text: str
    places: Sequence[int]


def _usual() -> dict[str, Macro]:
    order, tilde = r"\mathcal{O}", r"\tilde{\mathcal{O}}"
    found = {
        name: Macro(f"{body}(#1)", 1, or_bracket=True)
        for body, names in (
            (order, "cO bigO BigO bigo Bigo bigOh BigOh bigoh Bigoh bO Oh oh calO mO Ocal order orderof"),
            (tilde, "tO tcO cOt tildeO otilde Otilde wtO tbigO bigOt bigOtilde softO Ot cOtilde tOcal"),
            (r"\Omega", "bigOmega BigOmega"),
            (r"\tilde{\Omega}", "tOmega Omegat tildeOmega"),
            (r"\Theta", "bigTheta BigTheta"),
            (r"\tilde{\Theta}", "tTheta tildeTheta"),
        )
        for name in names.split()
    }
    found |= {
        name: Macro(r"\mathbb{E}\left[#1\right]", 1, starred=True, or_bracket=True)
        for name in ["E", "EE", "Exp", "Ex", "Expect", "expect"]
    }
    found |= {name: Macro(r"\|#1\|", 1, starred=True) for name in ["norm", "nrm", "Norm", "norms", "enorm", "lrnorm"]}
    found |= {
        name: Macro(r"\|#1\|^2", 1, starred=True)
        for name in ["sqn", "sqnorm", "normsq", "sqNorm", "sqnrm", "normSq", "norm2", "squarednorm", "sqrnorm", "nsq"]
    }
    found |= {name: Macro(r"|#1|", 1, starred=True) for name in ["abs", "Abs", "lrabs"]}
    found |= {
        name: Macro(r"\langle #1, #2\rangle", 2, starred=True)
        for name in ["inner", "ip", "inp", "innerp", "dotprod", "inprod"]
    }
    found |= {name: Macro(r"\left(#1\right)", 1, starred=True) for name in ["paren", "parens", "rbr"]}
    found |= {name: Macro(r"\left[#1\right]", 1, starred=True) for name in ["brac", "bracket", "sbr"]}
    found |= {name: Macro(r"\left\{#1\right\}", 1, starred=True) for name in ["cbr", "curly"]}
    found |= {name: Macro(r"\lceil #1\rceil", 1, starred=True) for name in ["ceil", "Ceil"]}
    found |= {name: Macro(r"\lfloor #1\rfloor", 1, starred=True) for name in ["floor", "Floor"]}
    found |= {name: Macro(":=") for name in ["eqdef", "defeq", "coloneq", "triangleq"]}
    found |= {"R": Macro(r"\mathbb{R}"), "argmin": Macro(r"\mathrm{argmin}"), "argmax": Macro(r"\mathrm{argmax}")}
    found |= {name: Macro(r"\epsilon") for name in ["eps", "veps", "vareps"]}
    found |= {
        "grad": Macro(r"\nabla"),
        "qty": Macro("", starred=True),
        "lbrack": Macro("["),
        "rbrack": Macro("]"),
        "numberthis": Macro(""),
    }
    found |= {"lparen": Macro("("), "rparen": Macro(")"), "braket": Macro(r"\langle #1, #2\rangle", 2, starred=True)}
    found |= {"half": Macro(r"\frac12"), "nf": Macro(r"\frac{#1}{#2}", 2), "flatfrac": Macro(r"\frac{#1}{#2}", 2)}
    return found


USUAL: Mapping[str, Macro] = _usual()

_DEFINITION = re.compile(
    r"\\(?P<how>(?:re|provide)?newcommand\*?|(?:re|provide)command\*?|(?:New|Renew|Provide|Declare)DocumentCommand"
    r"|[gex]?def|DeclareMathOperator\*?|DeclarePairedDelimiter|let)(?![A-Za-z])\s*"
)
_NAME = re.compile(r"\s*(?:\{\s*\\([A-Za-z]+)\s*\}|\\([A-Za-z]+))")
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_KIND = re.compile(r"[+!]?([mosO])\s*(?:\{([^{}]*)\})?")
_IF = re.compile(r"\\If(?P<no>No)?(?:Value|Boolean)(?P<branches>TF|T|F)\s*\{\s*#(?P<argument>\d)\s*\}")


def definitions(text: str) -> tuple[dict[str, Macro], list[tuple[int, int]]]:
    r"""The macros that a text defines, and the stretches of the text that do so.

    >>> definitions(r"\def\R{\mathbb{R}} \newcommand{\n}[2][p]{\|#2\|_{#1}}")[0]["n"]
    Macro(body='\\|#2\\|_{#1}', arguments=2, default='p', starred=False, or_bracket=False, kinds=())
    """
    found: dict[str, Macro] = {}
    stretches: list[tuple[int, int]] = []
    position = 0
    while match := _DEFINITION.search(text, position):
        position = match.end()
        read = _definition(text, match["how"], position)
        if read is not None:
            name, macro, position = read
            found[name] = macro
            stretches.append((match.start(), position))
    return found, stretches


def _definition(text: str, how: str, position: int) -> tuple[str, Macro, int] | None:
    named = _NAME.match(text, position)
    if named is None:
        return None
    name, position = named[1] or named[2], named.end()
    if how == "let":
        target = re.compile(r"\s*=?\s*(\\[A-Za-z]+|\S)").match(text, position)
        return None if target is None else (name, Macro(target[1]), target.end())
    count, default = 0, None
    if how.endswith("def"):
        holes = re.compile(r"((?:\s*#\d)*)\s*(?=\{)").match(text, position)
        if holes is None:
            return None
        count, position = holes[1].count("#"), holes.end()
    elif "DocumentCommand" in how:
        signature, position = group(text, position)
        body, position = group(text, position)
        if signature is None or body is None:
            return None
        kinds = tuple(f"{kind}{default}" for kind, default in _KIND.findall(signature))
        return name, Macro(body, len(kinds), kinds=kinds), position
    elif "Delimiter" not in how and (number := re.compile(r"\s*\[\s*(\d)\s*\]").match(text, position)):
        count, position = int(number[1]), number.end()
        if optional := re.compile(r"\s*\[([^\[\]]*)\]").match(text, position):
            default, position = optional[1], optional.end()
    body, position = group(text, position)
    if body is None:
        return None
    if "Delimiter" in how:
        right, position = group(text, position)
        return None if right is None else (name, Macro(f"{body} #1{right}", 1, starred=True), position)
    if "Operator" in how:
        body = rf"\operatorname{{{body}}}"
    return name, Macro(body, count, default), position


def group(text: str, position: int) -> tuple[str | None, int]:
    r"""What stands in the braces that begin here, and the place behind them; None where none begin or end.

    >>> group(r" {a{b}\}}c", 0)
    ('a{b}\\}', 9)
    """
    start = position
    while start < len(text) and text[start].isspace():
        start += 1
    if start >= len(text) or text[start] != "{":
        return None, position
    depth, index = 0, start
    while index < len(text):
        if text[index] == "\\":
            index += 2
            continue
        depth += (text[index] == "{") - (text[index] == "}")
        index += 1
        if depth == 0:
            return text[start + 1 : index - 1], index
    return None, position


def expanded(text: str, own: Mapping[str, Macro] | None = None, usual: Mapping[str, Macro] = USUAL) -> Expanded:
    """The text with its definitions taken out and all macros, the author's before the usual ones, written out.

    Raises TightrateError where macros expand without end.
    """
    if "\\" not in text:
        return Expanded(text, range(len(text)))
    found, stretches = definitions(text)
    macros = {**usual, **(own or {}), **found}
    kept = list(text)
    for start, stop in stretches:
        kept[start:stop] = " " * (stop - start)
    characters, places = "".join(kept), list(range(len(text)))
    position = count = 0
    while match := _COMMAND.search(characters, position):
        position = match.end()
        macro = macros.get(match[1])
        if macro is None or (match.start() and characters[match.start() - 1] == "\\" and _escaped(characters, match)):
            continue
        filled = _filled(macro, characters, position)
        if filled is None:
            continue
        written, stop = filled
        count += 1
        if count > EXPANSIONS or len(characters) + len(written) > EXPANDED_LENGTH:
            raise TightrateError(f"the macro \\{match[1]} expands without end, or to more than is read")
        if match[1] in _COMMAND.findall(macro.body) and match[1] not in found and match[1] not in (own or {}):
            continue
        origin = places[match.start() : match.start() + 1]
        inner = _places_of(written, characters, places, position, stop) or origin * len(written)
        characters = characters[: match.start()] + written + characters[stop:]
        places[match.start() : stop] = inner
        position = match.start()
    return Expanded(characters, places)


def _escaped(text: str, match: re.Match[str]) -> bool:
    r"""Whether the backslash of this command is the second of a line break `\\`."""
    before = match.start()
    while before and text[before - 1] == "\\":
        before -= 1
    return bool((match.start() - before) % 2)


def _places_of(written: str, text: str, places: Sequence[int], start: int, stop: int) -> list[int] | None:
    """Places for a macro's text: those of its one argument where that stands in it, its own place elsewhere."""
    argument = text[start:stop].strip()[1:-1]
    at = written.find(argument) if argument else -1
    offset = text.find(argument, start)
    if at < 0 or offset < 0:
        return None
    before = [places[start - 1]] * at
    after = [places[stop - 1]] * (len(written) - at - len(argument))
    return [*before, *places[offset : offset + len(argument)], *after]


_OPTIONAL = re.compile(r"\s*\[([^\[\]]*)\]")
_SIZE = re.compile(r"\s*\[\\[bB]igg?\]")


def _filled(macro: Macro, text: str, position: int) -> tuple[str, int] | None:
    """A macro with its arguments in the holes, and the place behind them; None where they are missing."""
    if macro.starred and text[position : position + 1] == "*":
        position += 1
    if macro.starred and macro.arguments and (size := _SIZE.match(text, position)):  # \norm[\big]{x}
        position = size.end()
    arguments: list[str | None] = []
    if macro.default is not None:
        optional = _OPTIONAL.match(text, position)
        arguments.append(optional[1] if optional else macro.default)
        position = optional.end() if optional else position
    while len(arguments) < macro.arguments:
        kind = macro.kinds[len(arguments)] if macro.kinds else "m"
        if kind == "s":
            arguments.append("*" if text.startswith("*", position) else None)
            position += text.startswith("*", position)
            continue
        if kind[0] in "oO":
            optional = _OPTIONAL.match(text, position)
            arguments.append(optional[1] if optional else kind[1:] if kind[0] == "O" else None)
            position = optional.end() if optional else position
            continue
        inside, stop = group(text, position)
        if inside is None and macro.or_bracket:
            return macro.body.partition(r"\left[" if r"\left[" in macro.body else "(#1)")[0], position
        if inside is None:
            single = re.compile(r"\s*(\\[A-Za-z]+|[^\s{}\\])").match(text, position)
            if single is None:
                return None
            inside, stop = single[1], single.end()
        arguments.append(inside)
        position = stop
    body = _with_arguments(_chosen(macro.body, arguments) if macro.kinds else macro.body, arguments)
    return body + " " * (body[-1:].isalpha() and "\\" in body and text[position : position + 1].isalpha()), position


def _chosen(body: str, arguments: Sequence[str | None]) -> str:
    r"""The body with the branch of each \IfValueTF{#1}{..}{..} and \IfBooleanTF that its arguments choose.

    >>> _chosen(r"\IfBooleanTF{#1}{\left(#2\right)}{(#2)}", ["*", "x"])
    '\\left(#2\\right)'
    """
    while match := _IF.search(body):
        number = int(match["argument"]) - 1
        given = number < len(arguments) and arguments[number] is not None
        holds = given != bool(match["no"])
        stop, kept = match.end(), ""
        for branch in match["branches"]:
            inside, stop = group(body, stop)
            kept = inside or "" if holds == (branch == "T") else kept
        body = f"{body[: match.start()]}{kept}{body[stop:]}"
    return body


def _with_arguments(body: str, arguments: Sequence[str | None]) -> str:
    r"""The body with its holes filled; what follows a command is no part of its name.

    >>> _with_arguments(r"\lVert#1\rVert", ["x"])
    '\\lVert x\\rVert'
    """

    def filled(hole: re.Match[str]) -> str:
        number = int(hole["number"]) - 1
        argument = arguments[number] or "" if number < len(arguments) else ""
        return f"{hole['command'] or ''}{' ' if hole['command'] and argument[:1].isalpha() else ''}{argument}"

    return re.sub(r"(?P<command>\\[A-Za-z]+)?#(?P<number>\d)", filled, body)


# --- what changes the look of a formula and not its meaning -----------------------------------------------------------

_LOOKS = re.compile(
    r"\\(?P<name>boxed|Aboxed|fbox|ensuremath|mathrel|mathbin|mathord|mathop|mathclose|mathopen|mathinner|smash|hl|bm|mathbf"
    r"|boldsymbol|textcolor|colorbox|color|fcolorbox|cellcolor|rowcolor|scalebox|resizebox|pmb|mathversion|underline|uline"
    r"|bbox|rlap|llap|clap|mathrlap|mathllap|mathclap)(?![A-Za-z])\s*(?:\[[^\[\]]*\])?\s*"
)
_COLOURS = dict.fromkeys(("textcolor", "colorbox", "color", "cellcolor", "rowcolor", "scalebox"), 1)
_COLOURS |= dict.fromkeys(("resizebox", "fcolorbox"), 2)
_ORDER_AS_OPERATOR = re.compile(
    r"\\(?:operatorname\*?|mathrm|text)\s*\{\s*\$?\s*(\\(?:mathcal|mathscr|cal)\s*(?:O|\{\s*O\s*\}))\s*\$?\s*\}"
)
_ORDER_IN_BRACES = re.compile(
    r"\{\s*\\(?P<font>cal|mathcal|mathscr|mathrm|rm|bf)(?![A-Za-z])\s*(?:(?P<letter>[A-Za-z])|\{\s*(?P<braced>[A-Za-z])\s*\})\s*\}"
)


def plainer(text: str) -> str:
    r"""The text without boxes, colours and fonts around formulas, every other character at its place.

    >>> plainer(r"\boxed{\frac{\color{red}L}{R}}")
    '       \\frac{           L}{R} '
    >>> plainer(r"{\cal O}(K)")
    '\\mathcal O(K)'
    """
    text = re.sub(r"\\(Tilde|Hat|Bar|Vec|Dot)(?![A-Za-z])", lambda accent: accent[0].lower(), text)
    text = re.sub(r"\\pmb(?=[\s{\\])", "    ", text)
    text = re.sub(r"(?<!\\)\\([_^*])", r" \1", text)  # as Markdown stores them
    text = re.sub(r"\\\\(?=[{}|])", r" \\", text) if _markdown(text) else text
    text = _ORDER_AS_OPERATOR.sub(lambda order: order[1].ljust(len(order[0])), text)
    for found in list(_ORDER_IN_BRACES.finditer(text)):
        letter = found["letter"] or found["braced"]
        if letter in "OEo":
            order = rf"\mathcal {letter}"
            text = (
                text[: found.start()] + order.ljust(len(found[0])) + text[found.end() :]
                if len(found[0]) >= len(order)
                else text.replace(found[0], order, 1)
            )
    text = _without_empty_delimiters(text)
    kept, position = list(text), 0
    while match := _LOOKS.search("".join(kept), position):
        position = match.end()
        current = "".join(kept)
        colours = _COLOURS.get(match["name"], 0)
        stop = match.end()
        for _ in range(colours):
            _, stop = group(current, stop)
        inside, end = group(current, stop)
        if match["name"] in ("bm", "mathbf", "boldsymbol") and (
            inside is None or not re.search(r"\\(?:frac|sqrt|left)|[+=/^]", inside)
        ):
            continue
        kept[match.start() : stop] = " " * (stop - match.start())
        if inside is not None and match["name"] not in ("color", "cellcolor", "rowcolor"):
            opening = end - len(inside) - 2
            kept[opening], kept[end - 1] = " ", " "
            if match["name"] in ("colorbox", "fcolorbox", "fbox", "hl", "scalebox", "resizebox"):
                kept[opening + 1 : end - 1] = ["".join(kept[opening + 1 : end - 1]).replace("$", " ")][0]
        position = match.start()
    return "".join(kept)


_PARTNERS = {"(": ")", "[": "]", r"\{": r"\}", r"\lbrace": r"\rbrace"}
_ROWS = re.compile(r"\\(begin|end)\s*\{(?:aligned|gathered|align|split)\}")


def _without_empty_delimiters(text: str) -> str:
    r"""Blank `\left. ... \right|` and the like: a delimiter whose partner is empty brackets nothing.

    >>> _without_empty_delimiters(r"\left\{ K \right.")
    '        K        '
    """
    kept, open_lefts = list(text), []
    opened: list[re.Match[str]] = []  # by \left( ... \right. and not yet closed by \left. ... \right)
    blank: list[tuple[re.Match[str], re.Match[str]]] = []
    for match in re.finditer(r"\\(left|right)\s*(\\[A-Za-z]+|\\.|[^\s\\])", text):
        if match[1] == "left":
            open_lefts.append(match)
        elif open_lefts:
            partner = open_lefts.pop()
            if match[2] == "." and partner[2] in _PARTNERS:
                opened.append(partner)
            elif partner[2] == "." and opened and _PARTNERS[opened[-1][2]] == match[2]:
                opened.pop()  # one bracket over several lines
                for edge in (partner, match):
                    kept[edge.start() : edge.end()] = " " * (edge.end() - edge.start())
                kept[match.end() - len(match[2]) : match.end()] = match[2]
                continue
            if "." in (match[2], partner[2]):
                blank.append((partner, match))
    for partner, match in blank:
        shown = {"(", "[", "/"} & {partner[2], match[2]} or (
            partner[2] in (r"\{", r"\lbrace") and partner not in opened
        )
        for edge in (partner, match):
            keeps = edge[2] if shown and edge[2] != "." else ""
            kept[edge.start() : edge.end()] = keeps.rjust(edge.end() - edge.start())
        if partner[2] in (r"\{", r"\lbrace") and partner in opened:  # rows behind a brace are cases
            inside = "".join(kept[partner.end() : match.start()])
            kept[partner.end() : match.start()] = _ROWS.sub(
                lambda edge: rf"\{edge[1]}{{cases}}".ljust(len(edge[0])), inside
            )
    return "".join(kept)


def _markdown(text: str) -> bool:
    r"""Whether backslashes are doubled before braces and bars, as Markdown stores `\{` and `\|`."""
    single = re.findall(r"(?<!\\)\\[{}|]", text)
    return bool(re.search(r"\\\\[{}|]", text)) and not single


def commands_in(text: str) -> Iterator[str]:
    """The names of the commands in a text."""
    return (match[1] for match in _COMMAND.finditer(text))
