"""Judging a paper of your own: everything that the built-in papers get.

Units, exponents and neighbours of the formula; every cell run as that of a sweep, with the theorem's conditions; the
assertions that built-in claims are judged by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.common.paper_files import guarded
from tightrate.common.threads import one_blas_thread
from tightrate.constructions.problem import Problem
from tightrate.rates.relations.bound_check import CheckedBound, check_bound
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.by_name import ROWS, Problems, build_noise
from tightrate.simulator.exact.linear_form import LinearForm, follows_rounds
from tightrate.simulator.theorem_values import check_class
from tightrate.verify.assertions.assertion import Assertion, Doubted, Undecided
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.up_to_constants import Continue, Line, UpToConstants, joined, line_of
from tightrate.verify.claim import Claim, ClaimKind, Finding
from tightrate.verify.experiment import Experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session, silent
from tightrate.verify.sweep.cell import Cell, Result, run_cell
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.run import labelled, measurement
from tightrate.verify.user_paper.load import load_paper
from tightrate.verify.user_paper.model import OwnClaim

ROUNDING = 1e-12  # of a measured value, relative to the bound
FURTHER = 4  # the factor by which a count grows from one further cell to the next
MOST_FURTHER = 10  # cells beyond the end of a line
MOST_CONTINUED = 24  # lines

Arithmetic = Literal["powers", "rounds", "steps"]
"""How a cell is computed: by powers of a round's map, round by round, or step by step."""

LONGEST: Mapping[Arithmetic, float] = {"powers": 1e12, "rounds": 1e5, "steps": 3e4}
"""The most of them that a further cell may take."""


@dataclass(frozen=True)
class OwnFinding:
    """One claim of a paper of your own: the finding, the theorem, what its formula alone says, and the results.

    `checked` is None where the order algebra cannot decide the formula, and `unchecked` says why.
    """

    finding: Finding
    theorem: Theorem
    checked: CheckedBound | None
    unchecked: str
    results: xr.Dataset


def judge_paper(path: Path, session: Session) -> tuple[OwnFinding, ...]:
    """The findings of all claims of a file."""
    name, claims = load_paper(path)
    with one_blas_thread():
        return tuple(_finding(path, name, key, claim, session) for key, claim in claims.items())


def _finding(path: Path, name: str, key: str, claim: OwnClaim, session: Session) -> OwnFinding:
    began = perf_counter()
    source = replace(claim.theorem.built(name, str(path)), iterate=f"{claim.output} iterate")
    formula, unchecked = _formula(source)
    results = run_claim(path, claim, source, session)
    further = continued(path, claim, source, session)
    kind: ClaimKind = "bound with constants" if source.bound.constants == "explicit" else "scaling"
    run = Experiment(f"{name}/{key}", lambda _: results)

    def asserts(theorem: Theorem, results: xr.Dataset) -> Assertion:
        return asserted(theorem, results, further)

    entry = Claim(
        f"{name}/{key}", claim.statement, source.id, kind, asserts, (run,), claim.expected, own_theorem=source
    )
    finding = Finding(entry, entry.judge(results), perf_counter() - began)
    return OwnFinding(finding, source, formula, unchecked, results)


def _formula(source: Theorem) -> tuple[CheckedBound | None, str]:
    """What the order algebra says of the formula, or why it cannot."""
    measure = source.bound.measure.name
    known = measure in MEASURES  # else no bound of the catalogue is about it
    try:
        found = check_bound(list(source.bound.expressions), measure=measure if known else None)
    except TightrateError as reason:
        return None, str(reason)
    return (found if known else replace(found, measures=(), neighbours=())), ""


def run_claim(path: Path, claim: OwnClaim, source: Theorem, session: Session) -> xr.Dataset:
    """Every cell of the axes, as `tightrate.verify.sweep.run.run_sweep` labels them."""
    plan = guarded(lambda: Plan(claim.sweep(source, path.stem, session.seed)))
    results, certain = [], []
    starts, lost = [], []
    for index, cell in enumerate(plan.cells):
        session.progress(path.stem, index, len(plan.cells))
        result, sure = guarded(partial(_run, cell, plan.problems, path))
        results.append(result)
        certain.append(sure)
        problem = plan.problems.get(cell.problem, cell.of_the_instance)
        starts.append(measured_at_the_start(problem, claim.theorem.measure))
        lost.append(rounding(arithmetic(cell, problem), cell))
    session.progress(path.stem, len(plan.cells), len(plan.cells))
    data = labelled(plan, results)
    error = f"{claim.theorem.measure}_stderr"
    for column, values, meaning in (
        ("start", starts, "the measure before the first step, infinite where it is not known"),
        ("lost", lost, "what rounding may leave of a displacement, relative to the start distance"),
    ):
        found = data[error].copy(data=np.reshape(values, plan.sweep.shape))
        data[column] = found.assign_attrs(long_name=meaning, units="1" if column == "lost" else found.attrs["units"])
    data[error] = data[error].where(~np.reshape(certain, plan.sweep.shape), 0.0).assign_attrs(data[error].attrs)
    data.attrs |= {
        "theorem": source.id,
        "provenance": f"{source.provenance.meaning}; {source.provenance.where}",
        "measure": claim.theorem.measure,
        "seed": session.seed,
        "algorithm": claim.theorem.algorithm,
        "noise": claim.noise,
        "noisy": claim.noise == ROWS or "sigma" in claim.axes or claim.parameters.get("sigma", 0.0) != 0,
        "output": claim.output,
    }
    return data


def _run(cell: Cell, problems: Problems, path: Path) -> tuple[Result, bool]:
    """What a cell found, and whether nothing in it is random: one replica then says it all."""
    problem = problems.get(cell.problem, cell.of_the_instance)
    check_class(problem, cell.values, f"{path}: the problem")
    lowest = {name: tuned.low for name, tuned in cell.tuned.items()}
    noise = build_noise(cell.noise, cell.values)
    certain = cell.question(problem, noise, {**cell.steps, **lowest}).certain
    return run_cell(replace(cell, replicas=1, relative_error=None) if certain else cell, problems), certain


def measured_at_the_start(problem: Problem, measure: str) -> float:
    """The measure of $x_0 = 0$, what the start alone guarantees; infinite for measures that it does not bound."""
    start = np.zeros(problem.dimension)
    if measure in ("gap", "mean-gap"):
        return float(np.max(problem.gap(start)))
    distance = float(np.max(problem.constants.get("B", np.inf)))
    return {"distance": distance, "squared-distance": distance**2}.get(measure, np.inf)


def arithmetic(cell: Cell, problem: Problem) -> Arithmetic:
    """How the cell is computed."""
    lowest = {name: tuned.low for name, tuned in cell.tuned.items()}
    noise = build_noise(cell.noise, cell.values)
    if cell.engine(problem, noise) != "exact":
        return "steps"
    algorithm = cell.question(problem, noise, {**cell.steps, **lowest}).algorithm
    return "rounds" if not LinearForm.exists(algorithm) or follows_rounds(algorithm) else "powers"


def rounding(how: Arithmetic, cell: Cell) -> float:
    """What rounding may leave of a displacement, relative to the start distance."""
    rounds, steps = float(cell.values["R"]), float(cell.values["R"]) * min(float(cell.values["K"]), 1e300)
    return {"powers": 1e-13, "rounds": 1e-13 + 2.0**-50 * rounds**2, "steps": 2.0**-49 * steps}[how]


def too_long(claim: OwnClaim, source: Theorem, name: str) -> bool:
    """Whether some cell of a claim takes more than a moment."""
    plan = Plan(claim.sweep(source, name))
    for cell in plan.cells:
        how = arithmetic(cell, plan.problems.get(cell.problem, cell.of_the_instance))
        count = float(cell.values["R"]) * (1 if how == "rounds" else float(cell.values["K"]))
        if count > LONGEST[how]:
            return True
    return False


def continued(path: Path, claim: OwnClaim, source: Theorem, session: Session) -> Continue:
    """Further cells for a line along K or R whose values are exact: as far as the conditions hold and time allows."""
    quiet = replace(session, progress=silent)
    lines = 0

    def further(line: Line) -> Line:
        nonlocal lines
        lines += 1
        if line.axis not in ("K", "R") or line.stderr.any() or lines > MOST_CONTINUED:
            return line
        given = {name: tuple(one for one in claim.axes[name] if one == value) for name, value in line.at.items()}
        end, parts = int(line.values[-1]), [line]
        for step in range(1, MOST_FURTHER + 1):
            there = {**given, line.axis: (end * FURTHER**step,)}
            try:
                longer = replace(claim, axes=there)
                if too_long(longer, source, path.stem):
                    break
                data = run_claim(path, longer, source, quiet)
            except TightrateError:  # outside of the class, or no number any more
                break
            found = measured_by(source, data)
            if bool((data.conditions_failing > 0).any()) or not bool(np.isfinite(found.measured).all() & found.exact):
                break
            parts.append(line_of(source, found, line.axis, dict.fromkeys(given, 0), data.start, data.lost))
        return joined(parts)

    return further


def asserted(source: Theorem, results: xr.Dataset, further: Continue | None = None) -> Assertion:
    """By value where constants are explicit, by exponents where they are hidden; only where all conditions hold.

    `further` adds cells where exponents are left open.
    """
    failing = int((results.conditions_failing > 0).sum())
    if failing:
        cells = results.conditions_failing.size
        return Undecided(
            "not-applicable",
            f"A condition of the theorem fails in {failing} of {cells} cells; change steps, axes or parameters.",
        )
    found = _by_kind(source, results, further)
    doubt = "The noise has no moments that bound the mean and the standard error of what was measured."
    return Doubted(found, doubt) if "notes" in results.attrs else found


def measured_by(source: Theorem, results: xr.Dataset) -> Measurement:
    """What the cells measured of the theorem."""
    return replace(measurement(results), rounding=ROUNDING * abs(results.bound), what=source.bound.measure.meaning)


def _by_kind(source: Theorem, results: xr.Dataset, further: Continue | None) -> Assertion:
    found = measured_by(source, results)
    explicit = source.bound.constants == "explicit"
    if explicit and source.bound.kind != "exact":
        return Bounded(source, found)
    if explicit and found.exact:
        return Equal(found, source)
    if source.bound.kind != "upper":
        return Undecided(
            "not-applicable", "Only an upper bound, or one with explicit constants, can be contradicted by an instance."
        )
    return UpToConstants(source, found, results.start, results.lost, further)
