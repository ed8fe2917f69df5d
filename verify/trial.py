"""A trial: a theorem tried on a problem over a grid, and judged by value or by exponents; a claim like any other.

Every cell runs as that of a sweep, with the theorem's conditions; the assertions are those that built-in claims are
judged by.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.common.paper_files import guarded
from tightrate.constructions.noise import NOISES
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.builder import Statement
from tightrate.rates.statements.measures import OWN as MARK
from tightrate.rates.statements.measures import Measure
from tightrate.rates.statements.theorem import Theorem, check_name
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import ROWS, Builder, build_noise, problem_constructor, problem_name
from tightrate.simulator.engine_choice import Method
from tightrate.simulator.exact.linear_form import LinearForm, follows_rounds
from tightrate.simulator.measures import MEASURES, Output
from tightrate.simulator.parameters import parameters as parameters_of
from tightrate.simulator.theorem_values import check_class
from tightrate.simulator.validation import DEFAULT_NOISE, check_choice
from tightrate.verify.assertions.assertion import Assertion, Doubted, Undecided
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal, EqualInTheMean
from tightrate.verify.assertions.up_to_constants import Continue, Line, UpToConstants, joined, line_of
from tightrate.verify.claim import Claim, ClaimKind
from tightrate.verify.experiment import Experiment
from tightrate.verify.falsification.of_trial import TRIED, Tried
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Profile, Progress, Session, silent
from tightrate.verify.sweep.cell import Cell
from tightrate.verify.sweep.cell_key import cell_key
from tightrate.verify.sweep.cell_store import CellStore
from tightrate.verify.sweep.packs import work
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.run import measurement, run_plan
from tightrate.verify.sweep.specification import Step, Sweep, Value
from tightrate.verify.verdict import Status

MOST_REPLICAS = 100_000  # with a target for the relative error
ROUNDING = 1e-12  # of a measured value, relative to the bound
FURTHER = 4  # the factor by which a count grows from one further cell to the next
MOST_FURTHER = 10  # cells beyond the end of a line
MOST_CONTINUED = 24  # lines
WORTH_PROCESSES = 1e7  # gradients; other processes need seconds to start
TRIAL = "trial"  # the attribute of a dataset that is one

Arithmetic = Literal["powers", "rounds", "steps"]
"""How a cell is computed: by powers of a round's map, round by round, or step by step."""

LONGEST: Mapping[Arithmetic, float] = {"powers": 1e12, "rounds": 1e5, "steps": 3e4}
"""The most of them that a further cell may take."""


def trial(
    name: str,
    statement: str,
    *,
    theorem: str | Statement | Theorem,
    problem: Builder,
    axes: Mapping[str, Iterable[Value]],
    parameters: Mapping[str, Value] | None = None,
    algorithm: str | Callable[..., Any] = "",
    measure: str | Callable[..., Any] = "",
    noise: str | type = DEFAULT_NOISE,
    output: Output = "last",
    method: Method = "auto",
    replicas: int = 256,
    relative_error: float | None = None,
    steps: Mapping[str, Step] | None = None,
    expected: Status = "consistent",
    cost: Profile = "quick",
) -> Claim:
    """The claim that a theorem holds on these instances: a problem over axes, judged against the theorem.

    `name` is the claim's, alone or behind the paper's id; `statement` is one sentence that can be true or false.  The
    problem is a name, or a function that takes the symbols it needs by name and returns a `Problem`; algorithm and
    measure are the theorem's unless given; all of them may be the functions themselves.  An axis is anything that
    yields its values: a tuple, a range, an array.

    Symbols that neither axes nor parameters give are derived: the instance's own constants, M, d, T = K R, Delta, the
    noise's levels; constants that are given must hold for the instance.  `noise` is a law by name, or "rows" for
    sampled rows of a finite sum; its level `sigma`, its own parameters and `clients` are parameters or axes like any
    other.  `output` is the iterate, `method` the engine, and `steps` says how step sizes are chosen, as in a `Sweep`.
    A sampled cell has `replicas` replicas; with `relative_error` as many as it takes.

    With explicit constants the bound is compared by value in every cell; with hidden ones the exponents along the axes
    are judged.  Raises TightrateError, when the file is read, for every name that does not exist and for what is
    missing or out of its range.

    Args:
        name: the claim's
        statement: one sentence that can be true or false
        theorem: the statement that is tried
        problem: a name, or a function that makes a `Problem`
        axes: names with their values
        parameters: names with one value each
        algorithm: the theorem's unless given
        measure: the theorem's unless given
        noise: a law, or "rows"
        output: "last" or "average"
        method: the engine
        replicas: of a sampled cell
        relative_error: in place of a number of replicas
        steps: how step sizes are chosen
        expected: the verdict that is expected
        cost: "quick" or "full"

    Returns:
        The claim.

    Raises:
        TightrateError: as said above.

    >>> from tightrate.verify.registry import CLAIMS
    >>> CLAIMS["dekel2012/exponent-optimization"].kind
    'scaling'
    """
    source = theorem if isinstance(theorem, Theorem) else _statement(theorem).theorem
    sweep = _sweep(
        name, source, problem, axes, parameters or {}, algorithm, measure, noise, output, method, replicas,
        relative_error, steps or {},
    )  # fmt: skip
    full = name if "/" in name else f"{source.paper.id}/{name}"
    check_name("a trial's name", full.partition("/")[2])

    def run(session: Session) -> xr.Dataset:
        return tried(replace(sweep, seed=session.seed), source, session)

    def asserts(theorem: Theorem, results: xr.Dataset) -> Assertion:
        return asserted(theorem, results, continued(replace(sweep, seed=int(results.attrs["seed"])), theorem))

    setattr(run, TRIED, Tried(sweep, lambda one: _run(guarded(lambda: Plan(one)), source, 1, None)))
    run.__module__ = asserts.__module__ = str(sys._getframe(1).f_globals.get("__name__", __name__))
    run.__doc__ = asserts.__doc__ = procedure(sweep, source)
    kind: ClaimKind = "bound with constants" if source.bound.constants == "explicit" else "scaling"
    catalogued = isinstance(theorem, Theorem) and theorem.id not in catalogue.theorem_ids()
    return Claim(
        full, statement, source.id, kind, asserts, (Experiment(full, run, gathers=True),), expected, cost,
        own_theorem=source if catalogued else None,
    )  # fmt: skip


def _statement(theorem: str | Statement) -> Statement:
    if isinstance(theorem, Statement):
        return theorem
    if not isinstance(theorem, str):
        raise TightrateError(f"a trial's theorem is a statement or its id, such as 'doe2026/thm1', not {theorem!r}")
    return catalogue.statement(theorem)


def _sweep(
    name: str,
    source: Theorem,
    problem: Builder,
    axes: Mapping[str, Iterable[Value]],
    given: Mapping[str, Value],
    algorithm: str | Callable[..., Any],
    measure: str | Callable[..., Any],
    noise: str | type,
    output: Output,
    method: Method,
    replicas: int,
    relative_error: float | None,
    steps: Mapping[str, Step],
) -> Sweep:
    """The sweep that tries the theorem; a random instance is that of its own seed, whatever noise is drawn."""
    if not axes:
        raise TightrateError('a trial needs axes, for example {"R": (8, 16, 32)}')
    about = getattr(measure, MARK, measure) or source.bound.measure
    measured = about.name if isinstance(about, Measure) else str(about)
    check_choice("measure", measured)
    method_of = algorithm if isinstance(algorithm, str) else ALGORITHMS.name_of(algorithm)
    builder = problem if isinstance(problem, str) else _named(problem)
    return Sweep(
        name=name,
        algorithm=method_of or source.algorithm,
        problem=builder,
        axes={axis: _values(values) for axis, values in axes.items()},
        parameters={**_seed_of_the_instance(builder, axes), **given},
        theorem=source,
        output=output,
        replicas=replicas,
        noise=noise if isinstance(noise, str) else NOISES.name_of(noise),
        steps=steps,
        measures=(measured,),
        method=method,
        relative_error=relative_error,
        most_replicas=max(MOST_REPLICAS, replicas),
    )


def _named(problem: Callable[..., Problem]) -> Builder:
    """The name of a problem that is marked with one, the function itself of any other."""
    name = PROBLEMS.name_of(problem)
    return name if PROBLEMS.entries().get(name) is problem else problem


def _values(values: Any) -> Any:
    """The values of an axis as plain numbers; what is no list of values is told by the sweep."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return values
    return tuple(value.item() if isinstance(value, np.generic) else value for value in values)


def _seed_of_the_instance(problem: Builder, axes: Mapping[str, Any]) -> dict[str, Value]:
    if "seed" in axes or (isinstance(problem, str) and problem not in PROBLEMS.names()):
        return {}
    own = parameters_of(problem_constructor(problem)).get("seed")
    return {} if own is None or own.default is None else {"seed": own.default}


def procedure(sweep: Sweep, source: Theorem) -> str:
    """What is run and how it is judged, in words."""
    grid = ", ".join(f"{len(values)} values of {name}" for name, values in sweep.axes.items())
    (measured,) = sweep.measures
    judged = (
        "The bound is compared by value in every cell; five standard errors on the wrong side are a violation."
        if source.bound.constants == "explicit"
        else "Constants are hidden: the exponents along the axes are compared with those of the dominating term."
    )
    noise = f" with {sweep.noise} noise" if is_noisy(sweep) else ""
    return (
        f"{sweep.algorithm}{noise} on {problem_name(sweep.problem)} in {int(np.prod(sweep.shape))} cells ({grid});"
        f" measured is the {MEASURES[measured].meaning}, {sweep.output} iterate. The theorem's conditions are checked"
        f" in every cell at the instance's own constants. {judged}"
    )


def is_noisy(sweep: Sweep) -> bool:
    """Whether gradients are random somewhere."""
    return sweep.noise == ROWS or "sigma" in sweep.axes or sweep.parameters.get("sigma", 0.0) != 0


# --- running ---------------------------------------------------------------------------------------------------------


def tried(sweep: Sweep, source: Theorem, session: Session) -> xr.Dataset:
    """Every cell of the axes, on the processes of the session, as `run_sweep` labels them.

    Finished cells are kept where the session keeps results, and are taken from there by the same sweep.  Beside them
    stand `start`, the measure before the first step, and `lost`, what rounding may leave of a displacement.
    """
    plan = guarded(lambda: Plan(sweep))
    store = None if session.store is None else CellStore(session.store.folder / "cells")
    jobs = session.jobs if sum(map(work, plan.cells)) > WORTH_PROCESSES else 1
    return _run(plan, source, jobs, store if _keepable(plan) else None, session.progress)


def _keepable(plan: Plan) -> bool:
    try:
        return bool(cell_key(plan.cells[0]))
    except TightrateError:  # a function that is found under no name
        return False


def _run(plan: Plan, source: Theorem, jobs: int, store: CellStore | None, progress: Progress = silent) -> xr.Dataset:
    sweep, (measured,) = plan.sweep, plan.sweep.measures
    problems = guarded(lambda: [plan.problems.get(cell.problem, cell.of_the_instance) for cell in plan.cells])
    for cell, problem in zip(plan.cells, problems, strict=True):
        check_class(problem, cell.values, "the problem")
    certain = [_is_certain(cell, problem) for cell, problem in zip(plan.cells, problems, strict=True)]
    plan.cells = [
        replace(cell, replicas=1, relative_error=None) if sure else cell
        for cell, sure in zip(plan.cells, certain, strict=True)
    ]
    data = guarded(lambda: run_plan(plan, jobs=jobs, store=store, progress=progress))
    error = f"{measured}_stderr"
    starts = [measured_at_the_start(problem, measured) for problem in problems]
    lost = [rounding(arithmetic(cell, problem), cell) for cell, problem in zip(plan.cells, problems, strict=True)]
    sizes = [size_by_unit(problem, measured) for problem in problems]
    left = left_of(measured, np.ravel(data[f"{measured}_mean"]), np.array(sizes), np.array(lost))
    for column, values, meaning in (
        ("start", starts, "the measure before the first step, infinite where it is not known"),
        ("lost", lost, "what rounding may leave of a displacement, relative to the start distance"),
        ("rounding", left, "what rounding may leave of the measure"),
    ):
        found = data[error].copy(data=np.reshape(values, sweep.shape))
        data[column] = found.assign_attrs(long_name=meaning, units="1" if column == "lost" else found.attrs["units"])
    data[error] = data[error].where(~np.reshape(certain, sweep.shape), 0.0).assign_attrs(data[error].attrs)
    data.attrs |= {
        TRIAL: procedure(sweep, source),
        "theorem": source.id,
        "provenance": f"{source.provenance.meaning}; {source.provenance.where}",
        "measure": measured,
        "seed": sweep.seed,
    }
    return data


def _lowest(cell: Cell) -> dict[str, Any]:
    return {**cell.steps, **{name: tuned.value(0) for name, tuned in cell.tuned.items()}}


def _is_certain(cell: Cell, problem: Problem) -> bool:
    """Whether nothing in the cell is random: one replica then says it all."""
    return cell.question(problem, build_noise(cell.noise, cell.values), _lowest(cell)).certain


def measured_at_the_start(problem: Problem, measure: str) -> float:
    """The measure of $x_0 = 0$, what the start alone guarantees; infinite for measures that it does not bound."""
    start = np.zeros(problem.dimension)
    if measure in ("gap", "mean-gap"):
        return float(np.max(problem.gap(start)))
    distance = float(np.max(problem.constants.get("B", np.inf)))
    return {"distance": distance, "squared-distance": distance**2}.get(measure, np.inf)


def size_by_unit(problem: Problem, measure: str) -> float:
    """What a measure with this unit is at the start distance, in powers of L and B; 0 where the problem lacks them."""
    unit, known = MEASURES[measure].unit, problem.constants
    if not {"L", "B"} <= set(known):
        return 0.0
    value, length = float(unit.value), float(unit.length)
    return float(np.max(known["L"]) ** value * np.max(known["B"]) ** (length + 2 * value))


def left_of(
    measure: str, measured: NDArray[np.float64], size: NDArray[np.float64], lost: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What a displacement lost by rounding changes of a measure, which grows with a power of the displacement."""
    degree = MEASURES[measure].degree
    with np.errstate(all="ignore"):
        away = np.where(size > 0, np.abs(measured) / size, 0.0) ** (1 / max(degree, 1))
        left = size * ((away + lost) ** degree - away**degree)
    return np.where(np.isfinite(left), left, 0.0)


def arithmetic(cell: Cell, problem: Problem) -> Arithmetic:
    """How the cell is computed."""
    noise = build_noise(cell.noise, cell.values)
    if cell.engine(problem, noise) != "exact":
        return "steps"
    algorithm = cell.question(problem, noise, _lowest(cell)).algorithm
    return "rounds" if not LinearForm.exists(algorithm) or follows_rounds(algorithm) else "powers"


def rounding(how: Arithmetic, cell: Cell) -> float:
    """What rounding may leave of a displacement, relative to the start distance."""
    rounds, steps = float(cell.values["R"]), float(cell.values["R"]) * min(float(cell.values["K"]), 1e300)
    return {"powers": 1e-13, "rounds": 1e-13 + 2.0**-50 * rounds**2, "steps": 2.0**-49 * steps}[how]


def too_long(plan: Plan) -> bool:
    """Whether some cell takes more than a moment."""
    for cell in plan.cells:
        how = arithmetic(cell, plan.problems.get(cell.problem, cell.of_the_instance))
        count = float(cell.values["R"]) * (1 if how == "rounds" else float(cell.values["K"]))
        if count > LONGEST[how]:
            return True
    return False


def continued(sweep: Sweep, source: Theorem) -> Continue:
    """Further cells for a line along K or R whose values are exact: as far as the conditions hold and time allows."""
    lines = 0

    def further(line: Line) -> Line:
        nonlocal lines
        lines += 1
        if line.axis not in ("K", "R") or line.stderr.any() or lines > MOST_CONTINUED:
            return line
        given = {name: tuple(one for one in sweep.axes[name] if one == value) for name, value in line.at.items()}
        end, parts = int(line.values[-1]), [line]
        for step in range(1, MOST_FURTHER + 1):
            try:
                plan = Plan(replace(sweep, axes={**given, line.axis: (end * FURTHER**step,)}))
                if too_long(plan):
                    break
                data = _run(plan, source, 1, None)
            except TightrateError:  # outside of the class, or no number any more
                break
            found = measured_by(source, data)
            if bool((data.conditions_failing > 0).any()) or not bool(np.isfinite(found.measured).all() & found.exact):
                break
            parts.append(line_of(source, found, line.axis, dict.fromkeys(given, 0), data.start, data.lost))
        return joined(parts)

    return further


# --- judging ---------------------------------------------------------------------------------------------------------


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
    left = ROUNDING * abs(results.bound) + results.rounding
    return replace(measurement(results), rounding=left, what=source.bound.measure.meaning)


def _by_kind(source: Theorem, results: xr.Dataset, further: Continue | None) -> Assertion:
    found = measured_by(source, results)
    explicit = source.bound.constants == "explicit"
    if explicit and source.bound.kind != "exact":
        return Bounded(source, found)
    if explicit:
        return Equal(found, source) if found.exact else EqualInTheMean(found, source)
    if source.bound.kind != "upper":
        return Undecided(
            "not-applicable", "Only an upper bound, or one with explicit constants, can be contradicted by an instance."
        )
    return UpToConstants(source, found, results.start, results.lost, further)
