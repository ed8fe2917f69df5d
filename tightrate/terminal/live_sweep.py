"""A sweep as a person watches it: cells done, time left, and what the last cell found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tightrate.terminal.output import console, nothing_else_answers, number

if TYPE_CHECKING:
    from tightrate.verify.sweep.cell import Result
    from tightrate.verify.sweep.specification import Sweep

SECONDS_REMEMBERED = 3600.0  # cells are slow and unequal: their pace is judged over an hour


class LiveSweep:
    """What a sweep reports to: `progress` and `watch` of `run_sweep`."""

    def __init__(self, sweep: Sweep, bars: Progress) -> None:
        self._sweep, self._bars = sweep, bars
        self._task: Any = None

    def progress(self, what: str, done: int, total: int) -> None:
        """Cells that were done before the start do not count for the pace."""
        if self._task is None:
            self._task = self._bars.add_task(what, completed=done, total=total, found="")
        self._bars.update(self._task, completed=done)

    def watch(self, at: Mapping[str, Any], result: Result) -> None:
        """Show the estimate of a finished cell."""
        from tightrate.verify.sweep.specification import text_of

        name = self._sweep.measures[0]
        mean, error = result.samples.mean(name), result.samples.stderr(name)
        estimate = "diverged" if result.samples.diverged.any() else number(mean)
        spread = f" ± {number(error)}" if 0 < error < float("inf") else ""
        self._bars.update(self._task, found=f"{text_of(at, self._sweep.axes)}: {name} {estimate}{spread}")


@contextmanager
def live(sweep: Sweep) -> Iterator[LiveSweep]:
    """A line on standard error that follows a sweep; nothing when nobody watches a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[found]}"),
    )
    shown = console(stderr=True)
    bars = Progress(*columns, console=shown, disable=not shown.is_terminal, speed_estimate_period=SECONDS_REMEMBERED)
    with nothing_else_answers(), bars:
        yield LiveSweep(sweep, bars)


def summary(dataset: Any, *, kept: int = 0, damaged: int = 0) -> str:
    """One line about a finished sweep: how many cells, how many are not new, and what to mistrust."""
    import json

    import numpy as np

    cells = int(dataset["replicas"].size)
    parts = [f"{cells} cells"]
    if kept:
        parts.append(f"{kept} of them finished before")
    if len(kernels := list(dataset.attrs["kernel"])) > 1:
        parts.append(f"made on {len(kernels)} kernels whose last digits may differ ({', '.join(kernels)})")
    if damaged:
        parts.append(f"{damaged} damaged ones run again")
    parts.append(f"{int((dataset['diverged'] > 0).sum())} with diverged replicas")
    if "interior" in dataset and (outside := int((dataset["interior"] == 0).sum())):
        parts.append(f"{outside} with the tuned optimum at an end of its grid")
    specification = json.loads(dataset.attrs["sweep"])
    if (target := specification["relative_error"]) is not None:
        short = np.zeros(dataset["replicas"].shape, dtype=bool)
        for name in specification["measures"]:
            mean, error = dataset[f"{name}_mean"].values, dataset[f"{name}_stderr"].values
            short |= np.isfinite(mean) & ~(error <= target * np.abs(mean))
        if short.any():
            parts.append(f"{int(short.sum())} above the relative error of {target:g}")
    return ", ".join(parts)
