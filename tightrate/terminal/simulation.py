"""A simulation as the command line shows it."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tightrate.simulator.simulate import Measured, Simulation
from tightrate.terminal.output import number, table


def simulation_as_json(simulation: Simulation) -> dict[str, Any]:
    """The contract of `simulate --json`."""
    return {
        "measures": {
            name: {"mean": one.mean, "stderr": one.stderr, **({"quantiles": one.quantiles} if one.quantiles else {})}
            for name, one in simulation.measures.items()
        },
        "method": simulation.method,
        "status": simulation.status,
        "params": simulation.parameters,
        "notes": simulation.notes,
        "conditions": simulation.conditions,
        "bound": simulation.bound,
    }


def _error(measured: Measured) -> str:
    """The standard error; unknown from a single random replica, none where the run diverged."""
    if measured.mean is None:
        return ""
    return "unknown" if measured.stderr is None else number(measured.stderr)


def simulation_page(simulation: Simulation) -> RenderableType:
    """Measures with their standard errors."""
    levels = list(next(iter(simulation.measures.values())).quantiles)
    rows = [
        (
            name,
            number(measured.mean),
            _error(measured),
            *(number(measured.quantiles.get(level)) for level in levels),
        )
        for name, measured in simulation.measures.items()
    ]
    used = ", ".join(
        f"{name}={value if isinstance(value, str) else f'{value:g}'}" for name, value in simulation.parameters.items()
    )
    title = f"method {simulation.method}, status {simulation.status}"
    measures = table(("measure", "mean", "standard error", *(f"quantile {level}" for level in levels)), rows, right=1)
    said: list[RenderableType] = [Text(f"note: {note}") for note in simulation.notes]
    if simulation.conditions:
        conditions = [(one.condition, one.status) for one in simulation.conditions]
        said += [*([Text()] if said else []), table(("condition of the theorem", "here"), conditions)]
    if simulation.bound is not None:
        said += [
            *([Text()] if said else []),
            Text(f"the theorem's bound, hidden constants taken as 1: {number(simulation.bound)}"),
        ]
    return Group(Text(title), Text(), measures, *([Text(), *said] if said else []), Text(), Text(used))
