"""What the catalogue finds out about itself, as two pages of documentation.

`findings.md` has the contradictions, the special cases that fail, the errata, the misprints and what could not be
decided, each with its evidence; `implications.md` has every implication and every pair that was checked.
`python -m tightrate.rates.pages.catalogue_audit docs` writes both.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import sympy

from tightrate.common.paper_files import OnceForPapers
from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_markdown
from tightrate.rates.orders.certificate import Witness
from tightrate.rates.orders.domination import OrderResult
from tightrate.rates.pages.implication_graph import edges, graph
from tightrate.rates.pages.markdown import GENERATED, bullets, page, table
from tightrate.rates.pages.paper_pages import VERDICTS, Verdicts, read_verdicts, statement_link
from tightrate.rates.relations.implications import Outcome, decide, implications
from tightrate.rates.relations.misprints import invisible_to_units, misprints
from tightrate.rates.relations.upper_against_lower import PairCheck, Verdict, all_checks, needed_conditions
from tightrate.rates.statements.catalogue import theorems
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization, TunedBound, Values
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import CERTAINTY_MEANING, Erratum, Theorem
from tightrate.rates.symbols.hypothesis import Hypothesis

COMMAND = "python -m tightrate.rates.pages.catalogue_audit docs"
RERUN = """```python
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.relations.upper_against_lower import checks

for check in checks(theorem("patel2024/thm9"), theorem("dekel2012/convex")):
    print(check.verdict, check.where, check.offending)
```"""
OUTCOMES: Mapping[Verdict, str] = {
    "consistent": "consistent",
    "contradiction": "contradictory",
    "undecided": "undecided",
    "nothing in common": "without common values",
}
MISPRINT_COLUMNS = ("misprint", "where", "as printed", "unit found", "should be", "explanation", "how sure")
RELATIONS: Mapping[str, str] = {"=": "$=$", "~": r"$\asymp$", "<~": r"$\lesssim$"}


@OnceForPapers
def _pairs() -> tuple[PairCheck, ...]:
    return tuple(all_checks())


@OnceForPapers
def _decided() -> tuple[tuple[Implication, Outcome], ...]:
    return tuple((implication, decide(implication)) for implication in implications())


GRAPH = "_static/implications.svg"  # beside implications.md


def findings_page(verdicts: Verdicts) -> str:
    """Everything that is wrong, fails or is open, with its evidence; `verdicts` are the judged claims by statement."""
    return page(
        GENERATED.format(command=COMMAND),
        "# Findings",
        "What the catalogue finds when its statements are held against each other: every contradiction, every special"
        " case that does not come out as one would expect, every erratum and every misprint, with what is printed and"
        " where, what is true, the witness, and how sure it is that this is what is printed. A path"
        " `M = n^2, B = n^-1` means: along it the left side outgrows the right side without bound. The page is made"
        f" by `{COMMAND}`; nothing on it is typed in by hand except the words of the entries themselves.",
        "## Statements that contradict each other",
        "A lower bound that is not at most a constant times an upper bound for the same class, algorithm and measure."
        " Rerun one pair with",
        RERUN,
        *_contradictions(),
        "## Conditions that lower bounds cannot do without",
        "Each line leaves out one condition of a lower bound and names an upper bound that then contradicts it.",
        *_apart(("lower bound", "without", "contradicts", "where", "path"), _needed()),
        "## Special cases that fail",
        "What one would expect to follow by setting letters to special values, and does not: the left side is not at"
        " most a constant times the right side. `implications()` of"
        " `tightrate.rates.relations.implications` lists them; `decide(implication)` reruns one.",
        *_apart(("bound", "at", "against", "path", "ratio grows like", "why"), _failing()),
        "## Errata",
        *_errata(),
        "## Misprints that the units reveal",
        "Formulas as they stand in papers or in summaries of them, with the unit that the checker finds."
        ' Rerun with `misprint("eqD.1").printed_bound.check_units()` from `tightrate.rates.relations.misprints`.',
        table(MISPRINT_COLUMNS, _misprints(misprints())),
        "Units cannot reveal these, in which only pure numbers are misplaced:",
        table(MISPRINT_COLUMNS, _misprints(invisible_to_units())),
        "## Constants that can be improved",
        "Without noise the worst case over all functions of a class is the value of a semidefinite programme. Here it"
        " is less than half of an upper bound, or more than twice a lower one of this very method and these steps, at"
        " every size that was tried: there a better constant is true. `tightrate verify CLAIM` computes it again.",
        *_apart(("bound", "claim", "worst case"), _improvable(verdicts)),
        "## Not decided",
        "Pairs of a lower and an upper bound of the same setting that the order algebra can neither prove nor refute."
        " Nothing is concluded from them.",
        *_apart(("lower bound", "upper bounds", "why"), _undecided()),
        "## Statements without a claim",
        "Statements that no claim of the [reproduction](reproduction.md) judges, why, and what else looks at them.",
        *_apart(("statement", "kind", "why", "tested otherwise"), _without_a_claim(verdicts)),
    )


def implications_page() -> str:
    """Every implication and every pair that was checked, with its outcome."""
    cases, tunings, solutions = (
        [_row(implication, outcome) for implication, outcome in _decided() if isinstance(implication, kind)]
        for kind in (Specialization, TunedBound, SolvedBound)
    )
    verdicts = Counter(check.verdict for check in _pairs())
    return page(
        GENERATED.format(command=COMMAND),
        "# How the bounds hang together",
        "Which bound is a special case of which, which follows from which by tuning, and which lower bound was held"
        " against which upper bounds. Every line is decided by an identity or by the order algebra with a certificate"
        " or a path; what fails is explained in [the findings](findings.md).",
        '<div style="overflow-x: auto">'
        f'<object type="image/svg+xml" data="{GRAPH}" aria-label="Which statements imply which"></object></div>',
        f"Every box of [the graph]({GRAPH}) is a link to its statement; dashed lines are implications that one would"
        " expect and that fail.",
        "## Special cases",
        table(("bound", "at", "", "bound", "outcome"), cases),
        "## Tuned rates",
        table(("bound", "operation", "", "rate", "outcome"), tunings),
        "## Accuracies, steps and tolerances",
        table(("bound", "operation", "", "result", "outcome"), solutions),
        "## Upper against lower bounds",
        f"{verdicts.total()} comparisons: {', '.join(f'{verdicts[key]} {words}' for key, words in OUTCOMES.items())}.",
        table(("lower bound", "consistent with", "contradicts", "nothing in common with"), _pair_rows()),
    )


Row = tuple[str, ...]
NOT_CHECKED = "The same of statements that were not checked against their source:"


def _apart(columns: Row, rows: Iterable[tuple[bool, Row]]) -> list[str]:
    """A table of the rows whose statements were checked against their source, and apart from it one of the others."""
    checked, others = (dict.fromkeys(row for known, row in rows if known is which) for which in (True, False))
    tables = [table(columns, list(checked)) if checked else "None."]
    return [*tables, NOT_CHECKED, table(columns, list(others))] if others else tables


def _checked(*names: str) -> bool:
    """Whether all of these statements of the catalogue were compared with their source."""
    known = {entry.id: entry.provenance.checked for entry in theorems()}
    return all(known.get(name, True) for name in names)


def _improvable(verdicts: Verdicts) -> list[tuple[bool, Row]]:
    """Bounds whose exact worst case leaves a factor of two, as the claims about them found."""
    return [
        (_checked(name), (f"`{name}`", f"`{one['claim']}`", one["measured"]))
        for name, judged in sorted(verdicts.items())
        for one in judged
        if one["evidence"].get("constant improvable at these sizes")
    ]


# --- contradictions --------------------------------------------------------------------------------------------------


def _contradictions() -> list[str]:
    parts = []
    for lower, found in _by_lower("contradiction").items():
        rows = [
            (
                _checked(lower, check.upper.id),
                (
                    f"`{check.upper.id}`",
                    check.where,
                    "; ".join(check.because),
                    ", ".join(check.offending),
                    _path(check.result),
                    _growth(check.result),
                ),
            )
            for check in found
        ]
        labels = ", ".join(erratum.label for erratum in found[0].lower.errata)
        remarks = sorted({remark for check in found for remark in check.remarks})
        parts += [
            f"### {lower}",
            f"{as_markdown(found[0].lower.title)}: $${_formula(found[0].lower)}$$",
            f"Explained by the errata {labels} below.",
            *_apart(("upper bound", "where", "because", "terms", "path", "ratio grows like"), rows),
            "The comparison passes over these differences:\n\n" + bullets(remarks) if remarks else "",
        ]
    return parts or ["None."]


def _by_lower(verdict: str) -> dict[str, list[PairCheck]]:
    found: dict[str, list[PairCheck]] = {}
    for check in _pairs():
        if check.verdict == verdict:
            found.setdefault(check.lower.id, []).append(check)
    return found


def _needed() -> list[tuple[bool, Row]]:
    entries = [entry for entry in theorems() if entry.setting is not None]
    uppers = [entry for entry in entries if entry.bound.kind == "upper"]
    contradicted = _by_lower("contradiction")
    return [
        (
            _checked(lower.id, check.upper.id),
            (f"`{lower.id}`", as_markdown(condition.text), f"`{check.upper.id}`", check.where, _path(check.result)),
        )
        for lower in entries
        if lower.bound.kind == "lower" and lower.id not in contradicted
        for condition, check in needed_conditions(lower, uppers)
    ]


def _path(result: OrderResult | None) -> str:
    if result is None or result.witness is None:
        return result.reason if result is not None else ""
    return _spelled_path(result.witness)


def _spelled_path(witness: Witness) -> str:
    path = [
        f"{name} = n^{exponent}" if exponent != 1 else f"{name} = n" for name, exponent in witness.exponents.items()
    ]
    return "`" + ", ".join(path) + "`" if path else "any values"


def _growth(result: OrderResult | None) -> str:
    return "" if result is None or result.witness is None else _spelled_growth(result.witness)


def _spelled_growth(witness: Witness) -> str:
    if witness.ratio is None:
        return "faster than any power"
    base, exponent = ("n", witness.ratio) if witness.ratio else ("log n", witness.logarithms)
    return base if exponent == 1 else f"{base}^({exponent})"


def _formula(entry: Theorem) -> str:
    return display.sum_latex(entry.bound.expressions, entry.letters)


# --- implications ----------------------------------------------------------------------------------------------------


def _failing() -> list[tuple[bool, Row]]:
    return [
        (
            _checked(implication.source, implication.target),
            (
                f"`{implication.source}`",
                _operation(implication),
                f"`{implication.target}`" + _values(implication.target_at, " at "),
                _spelled_path(outcome.witness) if outcome.witness else outcome.reason,
                _spelled_growth(outcome.witness) if outcome.witness else "",
                as_markdown(implication.fails_because),
            ),
        )
        for implication, outcome in _decided()
        if outcome.verdict != "proved"
    ]


def _row(implication: Implication, outcome: Outcome) -> tuple[str, ...]:
    factor = implication.factor if isinstance(implication, Specialization) else 1
    target = "zero" if implication.target == "0" else f"`{implication.target}`"
    outcomes = {"proved": "identity" if implication.relation == "=" else "certificate", "fails": "**fails**"}
    return (
        f"`{implication.source}`",
        _operation(implication) + "".join(f"; {note}" for note in _notes(implication)),
        RELATIONS[implication.relation],
        (target if factor == 1 else f"{factor} times {target}") + _values(implication.target_at, " at "),
        outcomes.get(outcome.verdict, outcome.verdict),
    )


def _notes(implication: Implication) -> list[str]:
    given = [
        h.reason if isinstance(h, Hypothesis) else f"{display.text(h.lhs)} {h.rel_op} {display.text(h.rhs)}"
        for h in implication.given
    ]
    return [
        *([f"given `{'`, `'.join(dict.fromkeys(given))}`"] if given else []),
        *([f"terms {', '.join(implication.terms)}"] if implication.terms else []),
        *(["logarithms set to one"] if implication.without_logarithms else []),
    ]


def _operation(implication: Implication) -> str:
    if isinstance(implication, Specialization):
        return _values(implication.at) or implication.operation
    return as_markdown(implication.operation)


def _values(values: Values, lead: str = "") -> str:
    if not values:
        return ""
    shown = [f"{name} = {display.text(sympy.sympify(value, strict=True))}" for name, value in values.items()]
    return lead + ", ".join(f"`{text}`" for text in shown)


# --- errata and misprints --------------------------------------------------------------------------------------------


def _errata() -> list[str]:
    """By paper; an erratum that several statements share is told once."""
    shared: dict[str, dict[Erratum, list[Theorem]]] = {}
    for entry in theorems():
        for erratum in entry.errata:
            shared.setdefault(entry.paper.id, {}).setdefault(erratum, []).append(entry)
    parts = []
    for paper_id, errata in shared.items():
        accusing: list[str] = []
        other: list[str] = []
        for erratum, entries in sorted(errata.items(), key=lambda one: not any(e.provenance.checked for e in one[1])):
            where = ", ".join(statement_link(e.id, text=e.label) for e in entries)
            where += "" if any(e.provenance.checked for e in entries) else "; not checked against its source"
            told = " ".join(
                f"*{name.capitalize()}:* {as_markdown(words.rstrip('.'))}." for name, words in erratum.parts.items()
            )
            (accusing if erratum.accuses else other).append(f"**{erratum.label}** ({where}): {told}")
        if accusing:
            parts += [f"### Errata of {paper_id}", bullets(accusing)]
        if other:
            parts += [f"### Remarks on {paper_id}, no faults of it", bullets(other)]
    return parts


def _misprints(found: Iterable[Misprint]) -> list[tuple[str, ...]]:
    return [
        (
            f"`{entry.id}`",
            f"{entry.paper}, {entry.where}",
            f"${display.latex(entry.printed)}$",
            f"{entry.found} in place of {entry.measure.unit}"
            if entry.found != str(entry.measure.unit)
            else entry.found,
            f"${display.latex(entry.corrected)}$" if entry.corrected is not None else "not known",
            as_markdown(entry.explanation),
            CERTAINTY_MEANING[entry.certainty],
        )
        for entry in found
    ]


# --- the rest --------------------------------------------------------------------------------------------------------


def _undecided() -> list[tuple[bool, Row]]:
    grouped: dict[tuple[bool, str, str], list[str]] = {}
    for check in _pairs():
        if check.verdict == "undecided":
            reason = check.result.reason if check.result and check.result.reason else "a condition cannot be used"
            known = _checked(check.lower.id, check.upper.id)
            grouped.setdefault((known, check.lower.id, reason), []).append(check.upper.id)
    return [
        (
            known,
            (
                f"`{lower}`",
                _codes(uppers),
                f"`{reason}`" if len(reason) < 200 else "neither a proof nor a path was found",
            ),
        )
        for (known, lower, reason), uppers in grouped.items()
    ]


def _without_a_claim(verdicts: Verdicts) -> list[tuple[bool, Row]]:
    related = Counter(name for one, _ in _decided() for name in {one.source, one.target})
    compared = Counter(name for one in _pairs() for name in (one.lower.id, one.upper.id))
    rows: list[tuple[bool, Row]] = []
    for entry in theorems():
        if verdicts.get(entry.id):
            continue
        searched = entry.bound.kind == "upper" and entry.bound.constants == "explicit"
        tests = {
            f"`tightrate falsify {entry.id}`": searched,
            f"[implications](implications.md): {related[entry.id]}": related[entry.id] > 0,
            f"[bounds of the other side](implications.md): {compared[entry.id]}": compared[entry.id] > 0,
        }
        otherwise = "; ".join(text for text, has in tests.items() if has) or "its transcription alone"
        rows.append(
            (
                entry.provenance.checked,
                (f"`{entry.id}`", entry.bound.kind, _why_no_claim(entry, related[entry.id]), otherwise),
            )
        )
    return rows


def _why_no_claim(entry: Theorem, related: int) -> str:
    if entry.bound.kind == "lower":
        return "there is an instance, it says: no run of another one contradicts it"
    if entry.bound.constants == "explicit":
        return "a search tries more instances than a claim would"
    tested = "; exponents are tested on what it follows from" if related else ", and nothing that is tested gives it"
    return f"constants are hidden{tested}"


def _pair_rows() -> list[tuple[str, ...]]:
    lowers = dict.fromkeys(check.lower.id for check in _pairs())
    columns = [_by_lower(verdict) for verdict in ("consistent", "contradiction", "nothing in common")]
    return [
        (f"`{lower}`", *(_codes(check.upper.id for check in column.get(lower, ())) for column in columns))
        for lower in lowers
    ]


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def write(folder: Path) -> None:
    """Both pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "findings.md").write_text(findings_page(read_verdicts(folder / VERDICTS)))
    (folder / "implications.md").write_text(implications_page())
    (folder / GRAPH).parent.mkdir(exist_ok=True)
    (folder / GRAPH).write_text(graph(edges()), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Write the pages into the folder that is given."""
    write(Path(arguments[0] if arguments else "docs"))


if __name__ == "__main__":
    main(sys.argv[1:])
