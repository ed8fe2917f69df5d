"""What `tightrate show` says of anything that is no theorem: a claim, an algorithm, a problem, a measure, a symbol."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.inline import Letters, as_text
from tightrate.terminal.output import table


@dataclass(frozen=True)
class Entry:
    """A name with what it is: a title, a block that stands as it is, facts by name, and rows of a table.

    `letters` are those of the paper that it is about, if it is about one.
    """

    id: str
    kind: str
    title: str
    block: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    letters: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The contract of `show --json` for what is no theorem."""
        tabled = (
            {"parameters": [dict(zip(self.columns, row, strict=True)) for row in self.rows]} if self.columns else {}
        )
        block = {"box": self.block} if self.block else {}
        return {"id": self.id, "kind": self.kind, "title": as_text(self.title), **block, **self.facts, **tabled}

    def page(self, own_letters: bool = False) -> RenderableType:
        """For a person, in the letters of the alphabet or of the paper."""
        if own_letters and not self.letters:
            raise TightrateError(f"{self.id} speaks of no single paper with letters of its own: leave out --letters")
        letters = self.letters if own_letters else None
        parts: list[RenderableType] = [
            Text.assemble((self.id, "bold cyan"), f"  {self.kind}"),
            Text(as_text(self.title, letters)),
        ]
        if self.block:
            parts += [Text(), Text(self.block)]
        told = [(name, _told(value, letters)) for name, value in self.facts.items() if value not in ("", None, [], {})]
        if told:
            parts += [Text(), table(("", ""), told)]
        if self.rows:
            parts += [Text(), table(self.columns, self.rows)]
        return Group(*parts)


def _told(value: Any, letters: Letters | None) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else as_text(str(value), letters)


def entry(kind: str, name: str) -> Entry:
    """The entry of that name in `tightrate list KIND`."""
    return ENTRIES[kind](name)


def _paper(name: str) -> Entry:
    from tightrate.rates.statements.catalogue import paper, theorem_ids

    found = paper(name)
    source = found.reference
    facts = {
        "authors": source.authors,
        "year": source.year,
        "venue": source.venue,
        "url": source.url,
        "caution": found.caution,
        "theorems": list(theorem_ids(name)),
        "bibtex": source.bibtex,
    }
    return Entry(name, "paper", source.title, facts=facts)


def _claim(name: str) -> Entry:
    from tightrate.verify.registry import CLAIMS

    found = CLAIMS[name]
    facts = {
        "theorem": found.theorem_id,
        "claim kind": found.kind,
        "expected": found.expected,
        "how it is judged": found.procedure,
        "experiments": [one.name for one in found.data],
        "profile": found.cost,
        "erratum": found.accuses,
        "judge it": f"tightrate verify {name}{' --profile full' if found.cost == 'full' else ''}",
    }
    return Entry(name, "claim", found.told, facts=facts, letters=found.theorem.letters)


def _figure(name: str) -> Entry:
    from tightrate.figures.figure import FIGURES
    from tightrate.rates.statements.catalogue import theorem

    found = FIGURES[name]
    facts = {
        "caption": re.sub(r"\{\w+[^{}]*\}", "...", found.caption),  # what the data fill in
        "experiment": found.experiment.name,
        "theorem": found.letters_of,
        "profile": found.cost,
        "draws other results": "any sweep" if found.draws_any else "",
        "draw it": f"tightrate figure {name}",
    }
    letters = theorem(found.letters_of).letters if found.letters_of else {}
    return Entry(name, "figure", found.title, facts=facts, letters=letters)


def _algorithm(name: str) -> Entry:
    from tightrate.simulator.algorithm import ALGORITHMS

    found = ALGORITHMS.describe(name)
    required = " ".join(f"{one}=..." for one, own in found.parameters.items() if own.required)
    facts = {
        "remarks": found.remarks,
        "source": found.source,
        "theorems": list(found.theorems),
        "run it": f"tightrate simulate {name} PROBLEM {required} K=10 R=20",
    }
    return Entry(name, "algorithm", found.summary, found.box, facts, *_parameters(ALGORITHMS[name]))


def _problem(name: str) -> Entry:
    from tightrate.constructions.problem import PROBLEMS

    return _made_by("problem", name, PROBLEMS[name])


def _noise(name: str) -> Entry:
    from tightrate.simulator.by_name import noise_constructor

    return _made_by("noise", name, noise_constructor(name))


def _made_by(kind: str, name: str, construct: Callable[..., object]) -> Entry:
    title, _, rest = (inspect.getdoc(construct) or "").partition("\n")
    words = rest.partition(">>>")[0].strip()
    return Entry(name, kind, title, words, {}, *_parameters(construct))


def _parameters(construct: Callable[..., object]) -> tuple[tuple[str, ...], list[tuple[str, str, str]]]:
    from tightrate.simulator.parameter_meanings import meaning_of_parameter
    from tightrate.simulator.parameters import parameters

    return ("parameter", "default", "meaning"), [
        (name, "required" if own.required else str(own.default), as_text(meaning_of_parameter(name)))
        for name, own in parameters(construct).items()
    ]


def _symbol(name: str) -> Entry:
    from tightrate.rates.symbols.alphabet import LETTERS, letter

    one = letter(name)
    marks = {
        "a whole number": one.counts,
        "at least 1": one.is_at_least_one and not one.counts,
        "at most 1": one.is_at_most_one,
        "may be 0": one.may_vanish,
        "chosen by the method": one.chosen,
    }
    facts = {
        "latex": one.latex,
        "unit": str(one.unit),
        "range": [mark for mark, holds in marks.items() if holds] or ["positive"],
        "at most": list(one.at_most),
        "at least": [other.name for other in LETTERS.values() if name in other.at_most],
    }
    return Entry(name, "symbol", one.meaning, facts=facts)


def _measure(name: str) -> Entry:
    from tightrate.rates.statements.catalogue import statements
    from tightrate.rates.statements.measures import MEASURES as OF_BOUNDS
    from tightrate.simulator.measures import MEASURES as OF_RUNS

    one = OF_RUNS[name] if name in OF_RUNS else OF_BOUNDS[name]
    facts = {
        "latex": OF_BOUNDS[name].latex if name in OF_BOUNDS else "",
        "unit": str(one.unit),
        "of runs": name in OF_RUNS,
        "theorems": [found.id for found in statements() if found.measure == name],
    }
    return Entry(name, "measure", one.meaning, facts=facts)


def _parameter(name: str) -> Entry:
    from tightrate.simulator.parameter_meanings import meaning_of_parameter, owners_of_parameters

    return Entry(name, "parameter", meaning_of_parameter(name), facts={"taken by": owners_of_parameters()[name]})


ENTRIES: Mapping[str, Callable[[str], Entry]] = {
    "papers": _paper,
    "claims": _claim,
    "figures": _figure,
    "algorithms": _algorithm,
    "problems": _problem,
    "noises": _noise,
    "symbols": _symbol,
    "measures": _measure,
    "parameters": _parameter,
}
