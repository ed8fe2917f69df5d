"""What `worst-case` prints, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Group, RenderableType
from rich.text import Text

from tightrate.simulator.worst_case.settings import CLASSES, MEASURES
from tightrate.simulator.worst_case.worst_case import WorstCase
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
        sign = "≤" if compared.theorem.bound.kind == "upper" else "≥"
        parts += [
            Text(),
            Text.assemble(
                (compared.theorem.id, "bold cyan"),
                f"  says {sign} {number(compared.bound)}; worst case / bound = {compared.ratio:.6g}: ",
                (compared.conclusion, style),
                f" ({compared.reason})" if compared.reason else "",
            ),
        ]
    return Group(*parts, Text(), _told(told))


def _told(parameters: Mapping[str, float | str]) -> Text:
    return Text(
        ", ".join(f"{name}={value if isinstance(value, str) else f'{value:g}'}" for name, value in parameters.items())
    )


def worst_cases_as_json(data: xr.Dataset) -> dict[str, Any]:
    """The contract of `worst-case --json` with lists: `axes`, and over them, in this order, what one worst case has."""
    document: dict[str, Any] = {"axes": {str(name): data[name].values.tolist() for name in data.dims}}
    document |= {str(name): column.values.tolist() for name, column in data.items()}
    about = dict(data.attrs)
    theorem = {"theorem": about.pop("theorem")} if "theorem" in about else {}
    return {**document, **theorem, "params": about}


def worst_cases_page(data: xr.Dataset) -> RenderableType:
    """One line for each worst case: what it is of, its ends, and the theorem beside it."""
    axes = [str(name) for name in data.dims]
    shown = [name for name in ("lower", "upper", "bound", "ratio") if name in data]
    told = [name for name in ("status", "conclusion") if name in data]
    rows = []
    for place in np.ndindex(*data.sizes.values()):
        at = data.isel(dict(zip(axes, place, strict=True)))
        rows.append(
            [f"{float(at[name]):g}" for name in axes]
            + [f"{float(at[name]):.7g}" for name in shown]
            + [str(at[name].item()) for name in told]
        )
    reasons = sorted({str(reason) for reason in data.reason.values.ravel()} - {""}) if "reason" in data else []
    about = dict(data.attrs)
    theorem = [Text(), Text(str(about.pop("theorem")), "bold cyan")] if "theorem" in about else []
    return Group(
        Text(f"exact worst cases of {about['algorithm']}", "bold"),
        *theorem,
        Text(),
        table([*axes, *shown, *told], rows),
        *([Text(), *(Text(reason) for reason in reasons)] if reasons else []),
        Text(),
        _told(about),
    )


def class_of(told: Mapping[str, float | str]) -> str:
    """The name of the class of a worst case."""
    return "one-worker" if told["M"] == 1 else "heterogeneous" if float(told["zeta_star"]) > 0 else "common-optimum"
