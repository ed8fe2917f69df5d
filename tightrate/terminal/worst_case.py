"""What `worst-case` prints, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tightrate.simulator.worst_case.worst_case import CLASSES, MEASURES, WorstCase
from tightrate.terminal.output import number, table
from tightrate.verify.exact_worst_case import AgainstTheorem


def worst_case_as_json(worst: WorstCase, compared: AgainstTheorem | None) -> dict[str, Any]:
    """The contract of `worst-case --json`."""
    document: dict[str, Any] = {
        "lower": worst.lower,
        "upper": worst.upper,
        "status": worst.status,
        "residuals": worst.residuals,
        "params": worst.parameters,
    }
    if compared is not None:
        document |= {
            "theorem": compared.theorem.id,
            "bound": compared.bound,
            "ratio": compared.ratio,
            "conclusion": compared.conclusion,
            "reason": compared.reason or None,
        }
    return document


def worst_case_page(worst: WorstCase, compared: AgainstTheorem | None, steps: Mapping[str, float]) -> RenderableType:
    """The interval, what it is a worst case of, and the theorem beside it."""
    told = worst.parameters
    rows = [
        ("worst case", f"{worst.upper:.7g}" if worst.status != "not solved" else "not known"),
        ("proved", f"at most {worst.upper:.10g}" if worst.status == "solved" else worst.status),
        ("attained to", f"{worst.lower:.10g}"),
        ("measure", f"{told['measure']}: {MEASURES[str(told['measure'])]}, {told['output']} iterate"),
        ("over", CLASSES[class_of(told)]),
    ]
    rows += [(f"best {name}", f"{value:.6g}") for name, value in steps.items()]
    parts: list[RenderableType] = [
        Text(f"exact worst case of {told['algorithm']}", "bold"),
        Text(),
        table(("", ""), rows),
    ]
    if compared is not None:
        style = {"refuted": "magenta", "open": "yellow"}.get(compared.conclusion, "green")
        sign = "<=" if compared.theorem.bound.kind == "upper" else ">="
        parts += [
            Text(),
            Text.assemble(
                (compared.theorem.id, "bold cyan"),
                f"  says {sign} {number(compared.bound)}; worst case / bound = {compared.ratio:.6g}: ",
                (compared.conclusion, style),
                f" ({compared.reason})" if compared.reason else "",
            ),
        ]
    used = ", ".join(f"{name}={value if isinstance(value, str) else f'{value:g}'}" for name, value in told.items())
    return Group(*parts, Text(), Text(used))


def class_of(told: Mapping[str, float | str]) -> str:
    """The name of the class of a worst case."""
    return "one-machine" if told["M"] == 1 else "heterogeneous" if float(told["zeta_star"]) > 0 else "common-optimum"
