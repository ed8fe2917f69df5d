"""What `falsify` and `verify --power` print for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.text import Text

from tightrate.rates.formulas.inline import as_text, dollared
from tightrate.terminal.output import STATUS_STYLE, indented, table

if TYPE_CHECKING:
    from tightrate.verify.falsification.falsify import Falsification
    from tightrate.verify.mutation.suite import Family, PowerReport


def print_falsifications(found: Sequence[Falsification], shown: Console) -> None:
    """One paragraph for each search: what was searched, the verdict, what it cost, and the witness on one line."""
    for index, one in enumerate(found):
        if index:
            shown.print()
        shown.print(Group(*_paragraph(one)))
        if one.command:
            shown.print(f"    {one.command}", soft_wrap=True)


def _paragraph(found: Falsification) -> list[RenderableType]:
    verdict, search = found.verdict, found.search
    title = search.name if search else found.theorem_id
    lines: list[RenderableType] = [Text.assemble((title, "bold"), "  ", (verdict.status, STATUS_STYLE[verdict.status]))]
    if search is not None:
        lines.append(indented(as_text(search.statement)))
    lines.append(indented(as_text(dollared(verdict.sentence))))
    if verdict.measured:
        lines.append(indented(as_text(dollared(verdict.measured))))
    if search is not None:
        lines.append(indented(f"{found.evaluations} points in {found.seconds:.1f} s; {search.method}", "dim"))
    if not found.as_expected and search is not None:
        lines.append(indented(f"expected: {search.expected}", "bold"))
    if found.command:
        lines.append(indented("run the witness again:"))
    return lines


def power_page(report: PowerReport) -> RenderableType:
    """The mutation score by family, what is reported separately, and the mutants that were judged wrongly."""
    columns = ("family", "contradicted", "rejected", "rate", "weaker", "equivalent", "undecidable")
    rows = [_row(family) for family in (*report.families, report.total)]
    alarms, survivors = report.false_alarms, report.survivors
    lines: list[RenderableType] = [table(columns, rows, right=1), Text()]
    judged = [_row(means) for means in report.judged_by]
    lines += [table(("judged on", *columns[1:]), judged, right=1), Text()]
    lines.append(
        Text(
            f"Rejected: {report.total.kill_rate:.0%} of the mutants that something contradicts,"
            f" {report.total.least_kill_rate:.0%} if all undecidable ones are counted as wrong and missed."
        )
    )
    lines.append(Text(f"{report.true_statements} true statements judged, {len(alarms)} false alarms."))
    lines += [indented(f"false alarm: {one.source}, {one.change} ({one.by})", "red") for one in alarms]
    lines += [indented(f"not rejected: {one.source}, {one.change} ({one.by})", "red") for one in survivors]
    failed = "The mutation score is below the threshold, or something true was rejected."
    outcome = "The mutation score meets the threshold, and nothing true was rejected." if report.passed else failed
    lines.append(Text(f"{outcome} {report.seconds:.0f} s.", "bold"))
    return Group(*lines)


def _row(family: Family) -> tuple[str, ...]:
    rate = f"{family.kill_rate:.0%}" if family.contradicted else "-"
    counts = (family.weaker, family.equivalent, family.undecidable)
    return (family.name, str(family.contradicted), str(family.rejected), rate, *(str(count) for count in counts))
