"""One page of documentation for each paper: its statements as the catalogue holds them.

`python -m tightrate.rates.pages.paper_pages docs/papers` writes all of them.
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sympy import Expr, Le

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_markdown
from tightrate.rates.orders.regimes import dominant_region, solved
from tightrate.rates.pages.markdown import GENERATED, anchor, bullets, page, table
from tightrate.rates.pages.theorem_facts import branch_facts, facts, in_markdown, kind_in_words, sign
from tightrate.rates.relations.implications import implications
from tightrate.rates.statements.catalogue import paper, paper_ids, statements, theorems
from tightrate.rates.statements.theorem import Paper, Theorem
from tightrate.rates.symbols.alphabet import KINDS, LETTERS
from tightrate.rates.symbols.hypothesis import Hypothesis

Verdicts = Mapping[str, Sequence[Mapping[str, Any]]]
"""For each statement's id the claims about it as verdicts.json has them: `claim`, `verdict`, `statement`, ..."""

VERDICTS = "verdicts.json"
COMMAND = "python -m tightrate.rates.pages.paper_pages docs/papers"
LONGEST_FACTORS = 80  # characters of LaTeX
PRINTED = re.compile(
    r"(Theorem|Lemma|Proposition|Corollary|Remark|Definition|Table|Equation|eq\.|Eq\.) ?[\w.()-]*[\w)]"
)


def paper_page(paper_id: str, verdicts: Verdicts | None = None) -> str:
    """The page of a paper, in Markdown with LaTeX; `verdicts` are the judged claims about each statement.

    >>> print(paper_page("ghadimi2012").splitlines()[2])
    # ghadimi2012
    """
    found = paper(paper_id)
    entries = tuple(theorems(f"{paper_id}/*"))
    return page(
        GENERATED.format(command=COMMAND),
        f"# {paper_id}",
        f"{found.reference.authors}. *{found.reference.title}*. {found.reference.venue}, {found.reference.year}.",
        found.caution,
        _letters(found),
        _statements([entry for entry in entries if entry.provenance.checked]),
        *_not_checked([entry for entry in entries if not entry.provenance.checked]),
        *_sections(entries, verdicts or {}),
        "## Reference",
        f"```bibtex\n{found.reference.bibtex}\n```",
    )


def _statements(entries: Sequence[Theorem]) -> str:
    rows = [(_link(e), kind_in_words(e.bound), e.bound.measure.meaning, e.provenance.label) for e in entries]
    return table(("statement", "kind", "bounds", "source"), rows) if rows else ""


def _not_checked(entries: Sequence[Theorem]) -> list[str]:
    """The statements that were not compared with the text of their source, apart from the others."""
    return ["Not checked against the source:", _statements(entries)] if entries else []


def index_page() -> str:
    """The list of all pages."""
    rows = [
        (
            f"[{name}]({name}.md)",
            f"{found.reference.authors} ({found.reference.year})",
            found.reference.title,
            str(sum(one.provenance.checked for one in statements(f"{name}/*"))),
            str(sum(not one.provenance.checked for one in statements(f"{name}/*"))),
        )
        for name in paper_ids()
        for found in (paper(name),)
    ]
    return page(
        GENERATED.format(command=COMMAND),
        "# The catalogue, paper by paper",
        table(("page", "authors", "title", "statements", "not checked against their source"), rows),
        "```{toctree}\n:hidden:\n:glob:\n\n*\n```",
    )


def _letters(found: Paper) -> str:
    if not found.notation:
        return "Letters are those of the alphabet."
    rows = [(f"${latex}$", f"`{name}`", LETTERS[name].meaning) for name, latex in found.notation.items()]
    return page("Formulas are in the paper's letters:", table(("here", "ours", "meaning"), rows))


def _link(entry: Theorem) -> str:
    return f"[{entry.label}](#{anchor(entry.label)}): {as_markdown(entry.title)}"


def _sections(entries: Sequence[Theorem], verdicts: Verdicts) -> Iterator[str]:
    """One section for each statement; an erratum that several share is told once."""
    told: dict[tuple[str, str], str] = {}
    for entry in entries:
        bound = entry.bound
        related = as_markdown(f"${sign(bound)}$").strip("$")
        errata = []
        for erratum in entry.errata:
            first = told.setdefault((erratum.label, erratum.text), entry.label)
            told_parts = (f"{name.capitalize()}: {text.rstrip('.')}." for name, text in erratum.parts.items())
            words = as_markdown(" ".join(told_parts), entry.letters)
            words = words if first == entry.label else f"See [{first}](#{anchor(first)})."
            errata.append(f"*Erratum {erratum.label}.* {words}")
        yield page(
            f"## {entry.label}",
            _declaration(entry),
            _place(entry)
            + f"**{as_markdown(entry.title, entry.letters)}.** "
            + as_markdown(entry.statement, entry.letters),
            "<!-- tightrate: ignore TR201 -->" if bound.constants != "explicit" else "",  # they are the authors' terms
            f"$${bound.measure.latex}\\;{related}\\;{display.sum_latex(bound.expressions, entry.letters)}$$",
            _own_letters(entry),
            _terms(entry),
            _regimes(entry),
            bullets(_facts(entry)),
            *errata,
            _verdicts(verdicts.get(entry.id, ())),
            bullets(_neighbours(entry)),
        )


def _place(entry: Theorem) -> str:
    """The number under which readers look for a statement: *Theorem 9, Patel et al. (2024).*"""
    where = PRINTED.match(entry.provenance.where)
    if where is None or entry.provenance.label == "own":
        return ""
    reference = entry.paper.reference
    first, *others = reference.authors.split(",")
    author = first.split()[-1].rstrip(".")
    return f"*{where[0]}, {author}{' et al.' if others else ''} ({reference.year}).* "


def _neighbours(entry: Theorem) -> Iterator[str]:
    """What a statement implies and what it follows from, as `implications.md` decides it."""
    for implication in implications():
        fails = f"; fails: {as_markdown(implication.fails_because).rstrip('.')}" if implication.fails_because else ""
        if implication.source == entry.id and implication.target != "0":
            verb = "Does not imply" if fails else "Implies"
            yield f"{verb} {_to(implication.target, entry)} ({as_markdown(implication.operation)}{fails})."
        elif implication.target == entry.id and not fails:
            yield f"Follows from {_to(implication.source, entry)} ({as_markdown(implication.operation)})."


def _to(statement: str, entry: Theorem) -> str:
    paper_id, _, label = statement.partition("/")
    page = "" if paper_id == entry.paper.id else f"{paper_id}.md"
    return f"[{statement}]({page}#{anchor(label)})"


def _declaration(entry: Theorem) -> str:
    """What `tightrate lint` must know to read the formulas of a statement: whose letters, and units of its own."""
    kinds = {KINDS[kind].unit: kind for kind in ("number", "length", "value", "gradient", "curvature", "step")}
    own = [
        f"{entry.letters.get(name, LETTERS[name].latex)}={kinds[unit]}"
        for name, unit in entry.bound.units.items()
        if unit in kinds and name != "eps"  # the unit of an accuracy follows from its bound
    ]
    return f"<!-- tightrate: {', '.join([entry.id, *own])} -->"


def _own_letters(entry: Theorem) -> str:
    """Letters that this statement alone writes differently."""
    own = {name: latex for name, latex in entry.notation.items() if entry.paper.notation.get(name) != latex}
    return "Here " + ", ".join(f"${latex}$ is our `{name}`" for name, latex in own.items()) + "." if own else ""


def _terms(entry: Theorem) -> str:
    """Every term, or every branch of it, with the exponents of its symbols."""
    rows = [branch for term in entry.bound.terms for branch in branch_facts(term)]
    names = [name for name in LETTERS if any(name in row.exponents for row in rows)]
    header = ["term", "formula", *(f"${entry.letters.get(name, LETTERS[name].latex)}$" for name in names)]
    cells = [
        [
            as_markdown(row.name, entry.letters),
            _math(row.expression, entry),
            *(_math(row.exponents[name], entry) if name in row.exponents else "" for name in names),
        ]
        for row in rows
    ]
    if any(row.factors for row in rows):
        header.append("times")
        for line, row in zip(cells, rows, strict=True):
            line.append(_factors(row.factors, entry))
    return table(header, cells)


def _regimes(entry: Theorem) -> str:
    """Where each of several terms is the largest, up to constants, as far as inequalities of monomials can say it."""
    if entry.bound.kind == "exact" or len(entry.bound.terms) < 2:
        return ""
    rows = []
    for term in entry.bound.terms:
        try:
            region = dominant_region(entry.bound, term.name)
        except TightrateError:
            rows.append((term.name, "no region of monomial inequalities"))
            continue
        inequalities = [f"${_inequality(inequality, entry)}$" for inequality in region.inequalities]
        rows.append((term.name, "never by more than a constant" if region.is_empty else ", ".join(inequalities)))
    return table(("largest term", "where, up to constants"), rows)


def _inequality(inequality: Hypothesis, entry: Theorem) -> str:
    """Solved for the first of the usual letters that it has."""
    names = {symbol.name for symbol in inequality.smaller.free_symbols | inequality.larger.free_symbols}
    for letter in ("K", "M", "R", *sorted(names)):
        if letter in names:
            try:
                relation = solved(inequality, letter)
            except TightrateError:
                continue
            sign = r"\lesssim" if isinstance(relation, Le) else r"\gtrsim"
            left, right = (display.latex(side, entry.letters) for side in (relation.lhs, relation.rhs))
            return f"{left} {sign} {right}"
    left, right = (display.latex(side, entry.letters) for side in (inequality.smaller, inequality.larger))
    return rf"{left} \lesssim {right}"


def _verdicts(judged: Sequence[Mapping[str, Any]]) -> str:
    """The claims about a statement, and what became of them."""
    rows = [
        (f"`{one['claim']}`", f"**{one['verdict']}**", as_markdown(one["statement"]), as_markdown(one["measured"]))
        for one in judged
    ]
    return table(("claim", "verdict", "what is claimed", "measured"), rows) if rows else ""


def _factors(factors: Sequence[Expr], entry: Theorem) -> str:
    """What is no power of letters, where it is short."""
    spelled = [_math(factor, entry) for factor in factors]
    return ", ".join(spelled) if sum(map(len, spelled)) <= LONGEST_FACTORS else "other factors"


def _math(expression: Expr, entry: Theorem) -> str:
    return f"${display.latex(expression, entry.letters)}$"


def _facts(entry: Theorem) -> list[str]:
    """Every fact but those that the page says otherwise."""
    found = []
    for fact in facts(entry, entry.letters):
        if fact.name == "paper" or fact.name.startswith(("erratum", "letters")):
            continue
        content = in_markdown(fact.content, entry.letters)
        if fact.name == "proof":
            page, _, section = content.removeprefix("docs/").partition("#")
            content = f"[{page}](../{page}.md#{section})"
        found.append(f"{as_markdown(fact.name, entry.letters).capitalize()}: {content}.")
    return found


def read_verdicts(path: Path) -> Verdicts:
    """The judged claims by statement, from the verdicts.json of a report; none where there is no such file."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for finding in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []:
        found.setdefault(finding["theorem"], []).append(finding)
    return found


def write(folder: Path) -> None:
    """All pages into a folder, with the verdicts that lie beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    verdicts = read_verdicts(folder.parent / VERDICTS)
    for name in paper_ids():
        (folder / f"{name}.md").write_text(paper_page(name, verdicts), encoding="utf-8")
    (folder / "README.md").write_text(index_page(), encoding="utf-8")


if __name__ == "__main__":
    parser = ArgumentParser(prog=COMMAND.rpartition(" ")[0], description="One page of documentation for each paper.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/papers"), help="%(default)s unless given")
    write(parser.parse_args().folder)
