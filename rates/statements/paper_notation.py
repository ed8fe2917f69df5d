"""Whose letters a formula is written in: those given with `--letters`, of a paper, or of one theorem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from difflib import get_close_matches

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.formulas.letter_notation import meanings, spell
from tightrate.rates.formulas.parse import parse
from tightrate.rates.statements import catalogue
from tightrate.rates.symbols.alphabet import KINDS, LETTERS, declared, known_letter, letter

_FORMULA = re.compile(r"[-+*/^(\\]|^[0-9.]+$")  # what marks the right side of a pair as a formula


def parse_letters(text: str) -> dict[str, str]:
    r"""`--letters`: pairs PAPER=ALPHABET, the id of a paper or of a theorem, or several of these, separated by commas.

    Instead of a name of the alphabet there may stand a kind of quantity (`C=constant`, `p=probability`; see `KINDS`) or
    a formula (`\kappa=L/mu`, `C=4`).  Returns the source's letters with the alphabet's names, declared names or
    formulas.  Where a paper writes two quantities with one letter, the one whose usual letter it is keeps it, if the
    paper (or the one theorem) speaks of it at all; a pair that follows the id says otherwise.

    >>> parse_letters(r"H=L, N=M, \beta=gamma")
    {'H': 'L', 'N': 'M', '\\beta': 'gamma'}
    >>> letters = parse_letters(r"patel2024, \zeta_\star=zeta_opt")
    >>> letters["H"], letters[r"\zeta_\star"]
    ('L', 'zeta_opt')
    """
    letters: dict[str, str] = {}
    for part, source, equals, name in _pairs(text):
        if not equals:
            if source.partition("/")[0] not in catalogue.paper_ids():
                near = get_close_matches(source, catalogue.paper_ids(), n=1)
                meant = f"did you mean {near[0]!r}?" if near else "write a pair such as H=L, or the id of a paper"
                raise TightrateError(f"--letters {part!r}: neither a pair LETTER=NAME nor a paper; {meant}")
            letters |= _notation(source)
            continue
        if not name:
            raise TightrateError(f"--letters {part!r}: what is {source}? write {source}=NAME, such as {source}=L")
        try:
            spell(source)
        except TightrateError as wrong:
            reason = f"--letters {part!r}: the left side must be one letter of the paper ({wrong})"
            raise TightrateError(reason) from None
        if source in LETTERS and not (name in LETTERS or name in KINDS or _FORMULA.search(name) or _meant(name)):
            raise TightrateError(f"--letters {part!r}: pairs are PAPER=ALPHABET; did you mean '{name}={source}'?")
        letters[source] = _named(part, source, name)
    return letters


def _pairs(text: str) -> Iterator[tuple[str, str, str, str]]:
    """The parts of `--letters`, each whole, and its left side, sign and right side."""
    for part in filter(None, (part.strip() for part in re.split(r"[,;](?![^{]*\})", text))):
        source, equals, name = (piece.strip() for piece in part.partition("="))
        yield part, source, equals, name


def papers_of_letters(text: str) -> dict[str, str]:
    """Whose conventions say what a letter is: the id that `--letters` names, by the key of the letter.

    >>> found = papers_of_letters("koloskova2020, n=M")
    >>> found.get("tau"), found.get("n")
    ('koloskova2020', None)
    """
    papers: dict[str, str] = {}
    for _, source, equals, _name in _pairs(text):
        if equals:
            papers.pop(spell(source).key, None)
            continue
        for latex in _notation(source):
            with suppress(TightrateError):  # a formula that a paper writes for a letter is none
                papers[spell(latex).key] = source
    return papers


def _named(pair: str, source: str, name: str) -> str:
    """The name of the alphabet, the declared name, or the formula, that a pair gives a letter."""
    if name in KINDS and name not in LETTERS:
        return declared(source, name)
    if name not in LETTERS and _FORMULA.search(name):
        try:
            parse(name)
        except TightrateError as wrong:
            raise TightrateError(f"--letters {pair!r}: the right side is no formula ({wrong})") from None
        return name
    if known_letter(name) is None:
        if meant := _meant(name):
            said = " or ".join(f"{source}={one} ({LETTERS[one].meaning})" for one in meant)
            raise TightrateError(f"--letters {pair!r}: {name!r} is no letter; did you mean {said}?")
        raise unknown_name("letter", name, [*LETTERS, *KINDS])
    return letter(name).name


def _meant(name: str) -> list[str]:
    """The letters, at most two, whose meaning has this word, those before which it begins.

    >>> _meant("dimension"), _meant("worker"), _meant("H")
    (['d'], ['M'], [])
    """
    word = re.compile(rf"\b{re.escape(name)}", re.IGNORECASE)
    found = [(at.start(), one.name) for one in LETTERS.values() if len(name) > 2 and (at := word.search(one.meaning))]
    first = min(found, default=(0, ""))[0]
    return [one for start, one in found if start == first][:2]


def _notation(paper_or_theorem: str) -> dict[str, str]:
    """A paper's or a theorem's letters in LaTeX with the alphabet's names."""
    if "/" in paper_or_theorem:
        theorems = [catalogue.theorem(paper_or_theorem)]
        own = theorems[0].letters
    else:
        own = catalogue.paper(paper_or_theorem).notation
        theorems = []
    letters = {latex: name for name, latex in own.items()}
    usual = {latex: meanings().get(spell(latex).key) for latex in letters}
    contested = {latex: name for latex, name in usual.items() if name is not None and name not in own}
    if contested:
        theorems = theorems or [catalogue.theorem(name) for name in catalogue.theorem_ids(paper_or_theorem)]
        used = {name for theorem in theorems for name in theorem.bound.letters}
        letters |= {latex: name for latex, name in contested.items() if name in used}
    return letters
