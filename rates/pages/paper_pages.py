"""Pages of documentation: one for each paper, with its statements, and one for each statement.

A statement's page has the problem, the theory (formula, exponents, regimes), a snippet to run, its figures, what became
of its claims, its neighbours and its errata.  `python -m tightrate.rates.pages.paper_pages docs/papers` writes all.
"""

from __future__ import annotations

import json
import re
import shutil
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from keyword import iskeyword
from math import isfinite
from pathlib import Path
from typing import Any

from sympy import Expr, Le

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_markdown, as_text, dollared
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

Pictures = Mapping[str, Sequence[Sequence[str]]]
"""For each statement's id the figures drawn from its claims' runs: name and title."""

VERDICTS = "verdicts.json"
PICTURES = "figures/statements.json"  # as `tightrate.figures.site_page` writes it
BADGES: Mapping[str, str] = {"confirmed": "✓", "consistent": "≈", "violated": "✕"}
COMMAND = "python -m tightrate.rates.pages.paper_pages docs/papers"
LONGEST_FACTORS = 80  # characters of LaTeX
PRINTED = re.compile(
    r"(Theorem|Lemma|Proposition|Corollary|Remark|Definition|Table|Equation|eq\.|Eq\.) ?[\w.()-]*[\w)]"
)


def paper_page(paper_id: str, verdicts: Verdicts | None = None) -> str:
    """The page of a paper: its letters and its statements, in Markdown; `verdicts` are the judged claims on each.

    >>> print(paper_page("ghadimi2012").splitlines()[2])
    # Ghadimi and Lan (2012)
    """
    found = paper(paper_id)
    entries = tuple(theorems(f"{paper_id}/*"))
    source = found.reference
    venue = f"[{source.venue}]({source.url})" if source.url else source.venue
    checked, others = ([one for one in entries if one.provenance.checked is wanted] for wanted in (True, False))
    return page(
        GENERATED.format(command=COMMAND),
        f"# {source.short}",
        f"{source.authors}. *{source.title}*. {venue}, {source.year}. Its name on the command line is `{paper_id}`.",
        found.caution,
        _letters(found),
        BADGE_KEY if verdicts else "",
        "## Statements" if checked else "",
        _statements(checked, verdicts or {}),
        "## Not checked against the source" if others else "",
        _statements(others, verdicts or {}),
        "## Reference",
        f"```bibtex\n{source.bibtex}\n```",
        f"```{{toctree}}\n:hidden:\n:glob:\n\n{paper_id}/*\n```",
    )


BADGE_KEY = (
    "Claims about each statement: ✓ confirmed (an identity or a proof), ≈ consistent (nothing contradicts it),"
    " ✕ violated (a misprint or a belief that is known to be false)."
)


def statement_page(entry: Theorem, verdicts: Verdicts | None = None, pictures: Pictures | None = None) -> str:
    """The page of a statement, under the number that readers look for.

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> print(statement_page(theorem("patel2024/thm9")).splitlines()[2])
    # Theorem 9, Patel et al. (2024): Lower bound of local SGD under first-order assumptions, as printed
    """
    bound, judged = entry.bound, (verdicts or {}).get(entry.id, ())
    related = as_markdown(f"${sign(bound)}$").strip("$")
    errata = []
    for erratum in entry.errata:
        told = (f"{name.capitalize()}: {text.rstrip('.')}." for name, text in erratum.parts.items())
        errata.append(f"*Erratum {erratum.label}.* " + as_markdown(" ".join(told), entry.letters))
    return page(
        GENERATED.format(command=COMMAND),
        f"# {_heading(entry)}",
        _declaration(entry),
        as_markdown(entry.statement, entry.letters),
        "<!-- tightrate: ignore TR201 -->" if bound.constants != "explicit" else "",  # they are the authors' terms
        f"$${bound.measure.latex}\\;{related}\\;{display.sum_latex(bound.expressions, entry.letters)}$$",
        "## Problem",
        bullets(_facts(entry)),
        _meanings(entry),
        "## Theory",
        _terms(entry),
        _regimes(entry),
        "## Try it",
        _snippet(entry, judged),
        "## Figures" if (shown := (pictures or {}).get(entry.id, ())) else "",
        *(
            f"[![{title}](../../figures/{name}.png)](../../figures.md#{anchor(title)})\n\n*{title}.*"
            for name, title in shown
        ),
        "## Verdicts" if judged else "",
        _verdicts(judged, entry.letters),
        "## Neighbours" if (near := bullets(_neighbours(entry))) else "",
        near,
        "## Errata" if errata else "",
        *errata,
        "## Reference",
        f"[{entry.paper.reference.short}](../{entry.paper.id}.md), {entry.provenance.where}; `{entry.id}`.",
    )


def statement_link(theorem_id: str, home: str = "", text: str = "") -> str:
    """A link to the page of a statement; `home` leads from the linking page to the documentation's folder.

    >>> statement_link("patel2024/thm9", "../")
    '[patel2024/thm9](../papers/patel2024/thm9.md)'
    """
    return f"[{text or theorem_id}]({home}papers/{theorem_id}.md)"


def _heading(entry: Theorem) -> str:
    """*Theorem 9, Patel et al. (2024): ...*; the title alone where the paper has no such statement."""
    title, where = as_text(entry.title, entry.letters), PRINTED.match(entry.provenance.where)
    if "^" in title or "_" in title:  # a search shows titles as text
        title = as_markdown(entry.title, entry.letters)
    if where is None or entry.provenance.label == "own":
        return f"{entry.paper.reference.short}: {title}"
    return f"{where[0]}, {entry.paper.reference.short}: {title}"


def _statements(entries: Sequence[Theorem], verdicts: Verdicts) -> str:
    rows = [
        (
            f"[{_place(e)}]({e.paper.id}/{e.label}.md): {as_markdown(e.title, e.letters)}",
            kind_in_words(e.bound),
            e.bound.measure.meaning,
            e.provenance.label,
            _badges(verdicts.get(e.id, ())),
        )
        for e in entries
    ]
    return table(("statement", "kind", "bounds", "source", "claims"), rows) if rows else ""


def _badges(judged: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(one["verdict"] for one in judged)
    return " ".join(f"{BADGES.get(verdict, verdict)}{count}" for verdict, count in sorted(counts.items()))


def index_page(verdicts: Verdicts | None = None) -> str:
    """The list of all pages."""
    rows = [
        (
            f"[{found.reference.short}]({name}.md)",
            f"[{found.reference.title}]({found.reference.url})" if found.reference.url else found.reference.title,
            str(sum(one.provenance.checked for one in statements(f"{name}/*"))),
            str(sum(not one.provenance.checked for one in statements(f"{name}/*"))),
            _badges([one for judged in statements(f"{name}/*") for one in (verdicts or {}).get(judged.id, ())]),
        )
        for name in paper_ids()
        for found in (paper(name),)
    ]
    return page(
        GENERATED.format(command=COMMAND),
        "# The catalogue, paper by paper",
        BADGE_KEY if verdicts else "",
        table(("paper", "title", "statements", "not checked against their source", "claims"), rows),
        "```{toctree}\n:hidden:\n:glob:\n\n*\n```",
    )


def _letters(found: Paper) -> str:
    if not found.notation:
        return "Letters are those of the alphabet."
    rows = [(f"${latex}$", f"`{name}`", LETTERS[name].meaning) for name, latex in found.notation.items()]
    return page("Formulas are in the paper's letters:", table(("here", "ours", "meaning"), rows))


def _place(entry: Theorem) -> str:
    """The number under which readers look for a statement, its label where it has none of its own."""
    where = PRINTED.match(entry.provenance.where)
    return entry.label if where is None or entry.provenance.label == "own" else where[0]


def _meanings(entry: Theorem) -> str:
    """The letters of the bound, as they are written here, with what they mean and how they are typed."""
    rows = [
        (f"${entry.letters.get(name, LETTERS[name].latex)}$", f"`{name}`", as_markdown(LETTERS[name].meaning))
        for name in entry.bound.letters
        if name in LETTERS
    ]
    return table(("letter", "typed", "meaning"), rows) if rows else ""


def _snippet(entry: Theorem, judged: Sequence[Mapping[str, Any]]) -> str:
    """Lines of Python that run as they stand: the bound at values, and the claims on it judged again."""
    lines = ["import tightrate as tr", "", f'statement = tr.theorem("{entry.id}")']
    values = example_values(entry)
    if values is not None:
        odd = {name: value for name, value in values.items() if not name.isidentifier() or iskeyword(name)}
        given = [repr(odd)] if odd else []
        given += [f"{name}={value:g}" for name, value in values.items() if name not in odd]
        lines.append(f"statement.bound.at({', '.join(given)})  # {entry.bound.at(values):.4g}")
    tested = [one for one in judged if one["verdict"] in ("confirmed", "consistent")] or judged
    if tested:
        quickest = min(tested, key=lambda one: (one["verdict"] != "consistent", one["seconds"], one["claim"]))
        lines.append(f'tr.judge("{quickest["claim"]}").verdict.status  # {quickest["verdict"]}')
    return "```python\n" + "\n".join(lines) + "\n```"


def example_values(entry: Theorem) -> dict[str, float] | None:
    """Values at which the bound is a number, with the steps that the statement prescribes; None if none are found."""
    needed = {str(one) for step in entry.steps.values() for one in step.free_symbols}
    letters = {*entry.bound.letters, *(needed if entry.steps.keys() & set(entry.bound.letters) else ())}
    given = {name: EXAMPLES.get(name, _example(name)) for name in sorted(letters) if name not in entry.steps}
    try:
        known = entry.with_steps(given)
        values = {name: float(f"{known[name]:.4g}") for name in entry.bound.letters}
        found = float(entry.bound.at(values))
    except (TightrateError, KeyError, TypeError, ValueError):
        return None
    return values if isfinite(found) else None


EXAMPLES: Mapping[str, float] = {
    **dict.fromkeys(("R", "T"), 100.0), "K": 10.0, "M": 8.0, "d": 10.0, "mu": 0.1, "eta": 0.1, "alpha": 4.0,
    "delta": 0.05, "eps": 0.01, "rho": 10.0, "d_max": 2.0, "d_min": 1.0,
}  # fmt: skip


def _example(name: str) -> float:
    letter = LETTERS.get(name)
    if letter is None:
        return 1.0
    return 2.0 if letter.is_at_least_one else 0.5 if letter.is_at_most_one else 0.1 if letter.may_vanish else 1.0


def _neighbours(entry: Theorem) -> Iterator[str]:
    """What a statement implies and what it follows from, as `implications.md` decides it."""
    for implication in implications():
        fails = f"; fails: {as_markdown(implication.fails_because).rstrip('.')}" if implication.fails_because else ""
        if implication.source == entry.id and implication.target != "0":
            verb = "Does not imply" if fails else "Implies"
            other = statement_link(implication.target, "../../")
            yield f"{verb} {other} ({as_markdown(implication.operation)}{fails})."
        elif implication.target == entry.id and not fails:
            other = statement_link(implication.source, "../../")
            yield f"Follows from {other} ({as_markdown(implication.operation)})."


def _declaration(entry: Theorem) -> str:
    """What `tightrate lint` must know to read the formulas of a statement: whose letters, and units of its own."""
    kinds = {KINDS[kind].unit: kind for kind in ("number", "length", "value", "gradient", "curvature", "step")}
    own = [
        f"{entry.letters.get(name, LETTERS[name].latex)}={kinds[unit]}"
        for name, unit in entry.bound.units.items()
        if unit in kinds and name != "eps"  # the unit of an accuracy follows from its bound
    ]
    return f"<!-- tightrate: {', '.join([entry.id, *own])} -->"


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


def _verdicts(judged: Sequence[Mapping[str, Any]], letters: Mapping[str, str]) -> str:
    """The claims about a statement, and what became of them."""
    rows = [
        (
            f"`{one['claim']}`",
            f"**{one['verdict']}**",
            as_markdown(f"Not true: {one['statement']}" if _is_belief(one) else one["statement"], letters),
            as_markdown(dollared(one["measured"])),
        )
        for one in judged
    ]
    return table(("claim", "verdict", "what is claimed", "measured"), rows) if rows else ""


def _is_belief(one: Mapping[str, Any]) -> bool:
    """Whether a claim is what somebody might think and a counterexample refutes, rather than a printed statement."""
    return one["verdict"] == "violated" and one["kind"] not in ("erratum", "side condition", "conditional")


def _factors(factors: Sequence[Expr], entry: Theorem) -> str:
    """What is no power of letters, where it is short."""
    spelled = [_math(factor, entry) for factor in factors]
    return ", ".join(spelled) if sum(map(len, spelled)) <= LONGEST_FACTORS else "other factors"


def _math(expression: Expr, entry: Theorem) -> str:
    return f"${display.latex(expression, entry.letters)}$"


def _facts(entry: Theorem) -> list[str]:
    """Every fact but those that the page says otherwise."""
    found = []
    errata = tuple(f"{erratum.label} " for erratum in entry.errata)
    for fact in facts(entry, entry.letters):
        if fact.name in ("paper", "units") or fact.name.startswith(("erratum", "letters", *errata)):
            continue
        content = in_markdown(fact.content, entry.letters)
        if fact.name == "proof":
            page, _, section = content.removeprefix("docs/").partition("#")
            content = f"[{page}](../../{page}.md#{section})"
        found.append(f"{as_markdown(fact.name, entry.letters).capitalize()}: {content}.")
    return found


def read_verdicts(path: Path) -> Verdicts:
    """The judged claims by statement, from the verdicts.json of a report; none where there is no such file."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for finding in json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []:
        found.setdefault(finding["theorem"], []).append(finding)
    return found


def read_pictures(docs: Path) -> Pictures:
    """The figures of statements that the page of figures shows; none where it was never printed."""
    path = docs / PICTURES
    found: Pictures = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def write(folder: Path) -> None:
    """All pages into a folder, with the verdicts and the figures that lie beside it."""
    verdicts, pictures = read_verdicts(folder.parent / VERDICTS), read_pictures(folder.parent)
    shutil.rmtree(folder, ignore_errors=True)
    for name in paper_ids():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.md").write_text(paper_page(name, verdicts), encoding="utf-8")
        for entry in theorems(f"{name}/*"):
            content = statement_page(entry, verdicts, pictures)
            (folder / name / f"{entry.label}.md").write_text(content, encoding="utf-8")
    (folder / "README.md").write_text(index_page(verdicts), encoding="utf-8")


if __name__ == "__main__":
    parser = ArgumentParser(prog=COMMAND.rpartition(" ")[0], description="One page of documentation for each paper.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/papers"), help="%(default)s unless given")
    write(parser.parse_args().folder)
