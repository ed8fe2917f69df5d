"""One page of documentation for each paper: its statements as the catalogue holds them.

`python -m tightrate.rates.pages.paper_pages docs/papers` writes all of them.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from sympy import Expr, Le, Max, Min, Mod, Piecewise, true
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas import display
from tightrate.rates.orders.regimes import dominant_region, solved
from tightrate.rates.pages.markdown import GENERATED, anchor, bullets, page, plain, table
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import paper, paper_ids, theorem_ids, theorems
from tightrate.rates.statements.theorem import Condition, Paper, Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.hypothesis import Hypothesis
from tightrate.rates.symbols.monomial import monomial

Verdicts = Mapping[str, Sequence[Mapping[str, str]]]
"""For each statement's id the claims about it: `claim`, `verdict`, `statement`, `predicted` and `measured`."""

VERDICTS = "verdicts.json"
COMMAND = "python -m tightrate.rates.pages.paper_pages docs/papers"
SIGNS: Mapping[tuple[str, str], str] = {
    ("upper", "explicit"): r"\le",
    ("lower", "explicit"): r"\ge",
    ("exact", "explicit"): "=",
    ("exact", "hidden"): r"\asymp",
}
LONGEST_FACTORS = 80  # characters of LaTeX
HIDDEN: Mapping[str, str] = {"upper": r"\lesssim", "lower": r"\gtrsim"}


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
        table(("statement", "kind", "bounds"), [(_link(e), _kind(e.bound), e.bound.measure.meaning) for e in entries]),
        *_sections(entries, verdicts or {}),
        "## Reference",
        f"```bibtex\n{found.reference.bibtex}\n```",
    )


def index_page() -> str:
    """The list of all pages."""
    rows = [
        (
            f"[{name}]({name}.md)",
            f"{found.reference.authors} ({found.reference.year})",
            found.reference.title,
            str(len(theorem_ids(name))),
        )
        for name in paper_ids()
        for found in (paper(name),)
    ]
    return page(
        GENERATED.format(command=COMMAND),
        "# The catalogue, paper by paper",
        table(("page", "authors", "title", "statements"), rows),
        "```{toctree}\n:hidden:\n:glob:\n\n*\n```",
    )


def _letters(found: Paper) -> str:
    if not found.notation:
        return "Letters are those of the alphabet."
    rows = [(f"${latex}$", f"`{name}`", LETTERS[name].meaning) for name, latex in found.notation.items()]
    return page("Formulas are in the paper's letters:", table(("here", "ours", "meaning"), rows))


def _link(entry: Theorem) -> str:
    return f"[{entry.label}](#{anchor(entry.label)}): {plain(entry.title)}"


def _kind(bound: Bound) -> str:
    constants = {"explicit": "explicit constants", "hidden": "up to constants", "hidden with logs": "up to logarithms"}
    return f"{bound.kind}, {constants[bound.constants]}"


def _sections(entries: Sequence[Theorem], verdicts: Verdicts) -> Iterator[str]:
    """One section for each statement; an erratum that several share is told once."""
    told: dict[tuple[str, str], str] = {}
    for entry in entries:
        bound = entry.bound
        errata = []
        for erratum in entry.errata:
            first = told.setdefault((erratum.label, erratum.text), entry.label)
            words = f"{plain(erratum.text)} Evidence: {plain(erratum.evidence)}"
            words = words if first == entry.label else f"See [{first}](#{anchor(first)})."
            errata.append(f"*Erratum {erratum.label}.* {words}")
        yield page(
            f"## {entry.label}",
            f"**{plain(entry.title)}.** {plain(entry.statement)}",
            f"$${bound.measure.latex}\\;{_sign(bound)}\\;{display.sum_latex(bound.expressions, entry.letters)}$$",
            _own_letters(entry),
            _terms(entry),
            _regimes(entry),
            bullets(_facts(entry)),
            *errata,
            _verdicts(verdicts.get(entry.id, ())),
        )


def _sign(bound: Bound) -> str:
    return SIGNS.get((bound.kind, bound.constants)) or HIDDEN[bound.kind]


def _own_letters(entry: Theorem) -> str:
    """Letters that this statement alone writes differently."""
    own = {name: latex for name, latex in entry.notation.items() if entry.paper.notation.get(name) != latex}
    return "Here " + ", ".join(f"${latex}$ is our `{name}`" for name, latex in own.items()) + "." if own else ""


def _terms(entry: Theorem) -> str:
    """Every term, or every branch of it, with the exponents of its letters."""
    rows = [(name, branch, monomial(branch)) for term in entry.bound.terms for name, branch in _branches(term, entry)]
    letters = [name for name in LETTERS if any(name in shape.exponents for _, _, shape in rows)]
    header = ["term", "formula", *(f"${entry.letters.get(name, LETTERS[name].latex)}$" for name in letters)]
    cells = [
        [name, _math(branch, entry), *(_exponent(shape.exponents.get(letter), entry) for letter in letters)]
        for name, branch, shape in rows
    ]
    if not all(shape.is_pure for _, _, shape in rows):
        header.append("times")
        for line, (_, _, shape) in zip(cells, rows, strict=True):
            line.append(_factors(shape.factors, entry))
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


def _verdicts(judged: Sequence[Mapping[str, str]]) -> str:
    """The claims about a statement, and what became of them."""
    rows = [
        (f"`{one['claim']}`", f"**{one['verdict']}**", plain(one["statement"]), plain(one["measured"]))
        for one in judged
    ]
    return table(("claim", "verdict", "what is claimed", "measured"), rows) if rows else ""


def _factors(factors: Sequence[Expr], entry: Theorem) -> str:
    """What is no power of letters, where it is short."""
    spelled = [_math(factor, entry) for factor in factors]
    return ", ".join(spelled) if sum(map(len, spelled)) <= LONGEST_FACTORS else "other factors"


def _branches(term: Term, entry: Theorem) -> list[tuple[str, Expr]]:
    """The alternatives of a term, each with what it is called."""
    expression = term.expression
    if isinstance(expression, Piecewise):
        return [
            (f"{term.name} ({'otherwise' if condition == true else 'if ' + _math(condition, entry)})", value)
            for value, condition in expression.args
        ]
    if isinstance(expression, (Min, Max)):
        which = "smallest" if isinstance(expression, Min) else "largest"
        return [(f"{term.name}, {which} of: {i}", branch) for i, branch in enumerate(term.branches, start=1)]
    return [(term.name, expression)]


def _math(expression: Expr, entry: Theorem) -> str:
    return f"${display.latex(expression, entry.letters)}$"


def _exponent(power: Expr | None, entry: Theorem) -> str:
    return "" if power is None else _math(power, entry)


def _facts(entry: Theorem) -> list[str]:
    bound = entry.bound
    units = {
        "yes": f"every term has the unit of the measure, {bound.measure.unit}",
        "not-checkable": "not checkable, because the order hides constants that have units",
        "no": "INCONSISTENT",
    }
    word = entry.provenance
    proof = f", proof in [{word.proof}](../{word.proof.replace('#', '.md#')})" if word.proof else ""
    return [
        f"Bounds: {bound.measure.meaning}; {_kind(bound)}; taken at: {entry.iterate}; holds {entry.holds}.",
        f"About: `{entry.algorithm}`; {plain(entry.problem_class)}.",
        *(f"If: {_condition(condition, entry)}" for condition in entry.conditions),
        *(f"Step `{name}`: {_math(step, entry)}" for name, step in entry.steps.items()),
        f"Units: {units[bound.units_consistent()]}.",
        f"On the word of: {word.meaning} ({plain(word.where)}){proof}.",
    ]


def _condition(condition: Condition, entry: Theorem) -> str:
    relation = condition.relation
    if relation is None:
        return f"{plain(condition.text)} (not checkable from numbers)"
    return plain(condition.text) + ("" if _is_wordy(relation) else f": ${display.latex(relation, entry.letters)}$")


def _is_wordy(relation: Boolean) -> bool:
    """Whether it has no printed form: divisibility is said in words."""
    return bool(relation.has(Mod))


def read_verdicts(path: Path) -> Verdicts:
    """The judged claims by statement, from the verdicts.json of a report; none where there is no such file."""
    found: dict[str, list[Mapping[str, str]]] = {}
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
