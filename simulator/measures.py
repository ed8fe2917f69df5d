"""What a run is looked at: which iterate is its output, and which number each replica is measured by."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import numpy as np

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.live_mapping import LiveMapping
from tightrate.constructions.problem import Problem
from tightrate.rates.statements.measures import BUILT_IN as BUILT_IN_OF_BOUNDS
from tightrate.rates.statements.measures import OWN as OF_BOUNDS
from tightrate.rates.statements.measures import Measure
from tightrate.rates.statements.own_symbols import unit_named
from tightrate.rates.symbols.units import LENGTH, Unit
from tightrate.simulator.algorithm import Array
from tightrate.simulator.moreau_envelope import mean_gradient
from tightrate.simulator.sampled.recording import OWN as RECORDER
from tightrate.simulator.sampled.recording import RECORDERS, AtTheEnd
from tightrate.simulator.sampled.run import Run

Output = Literal["last", "average", "weighted", "random", "auxiliary"]
OUTPUTS: Mapping[Output, str] = {
    "last": "the iterate after the last synchronization",
    "average": "the uniform average over all local steps",
    "weighted": "the average over all local steps with weights (1 - mu eta / 2)^-(t+1)",
    "random": "the workers' mean before a uniformly random local step",
    "auxiliary": "the sequence that averages run over (z of methods with momentum) after the last synchronization",
}
RECORDED: Mapping[Output, str] = {"random": "random-iterate", "auxiliary": "auxiliary-iterate"}

Function = TypeVar("Function", bound=Callable[..., Any])
Take = Callable[[Run, Problem, Array], Array]


@dataclass(frozen=True)
class RunMeasure:
    """`take` reads one number for each replica off a run, its problem and its output; `record` must be recorded.

    `degree` is the power of the iterate that the measure grows with at most where objectives are quadratic: its mean
    is finite if the noise has a moment of that order.
    """

    meaning: str
    unit: Unit
    take: Take
    record: str | None = None
    degree: int = 2


def records_of(output: Output, measures: Collection[str]) -> list[str]:
    """Everything that a sampled run must record for this output and these measures."""
    wanted = {MEASURES[name].record for name in measures} | {RECORDED.get(output)}
    return sorted(name for name in wanted if name is not None)


def readings(run: Run, problem: Problem, output: Output, measures: Iterable[str]) -> dict[str, Array]:
    """Each measure of a run's output, one number for each replica; infinite where that diverged."""
    whole = run.last if run.average is None else run.average
    iterate = run.records[RECORDED[output]] if output in RECORDED else whole
    with np.errstate(over="ignore", invalid="ignore"):
        return {name: np.where(run.diverged, np.inf, MEASURES[name].take(run, problem, iterate)) for name in measures}


def averaging_decay(output: Output, problem: Problem, eta: Any, mu: float | None = None) -> Any:
    """q in the weights (1 - q)^-(t+1) of an average over all local steps; None where no average is asked for.

    The weighted average takes mu from the problem, or as given where the problem has none; where eta is an array, so is
    q.
    """
    if output == "average":
        return 0.0
    if output != "weighted":
        return None
    known = problem.constants.get("mu", mu)
    if known is None:
        raise TightrateError(
            f"output weighted needs a problem with mu, which {type(problem).__name__} has not; give mu or use average"
        )
    return float(np.max(known)) * eta / 2


def _distance(_run: Run, problem: Problem, output: Array) -> Array:
    return np.asarray(np.linalg.norm(output - problem.optimum, axis=-1))


def _squared_gradient(_run: Run, problem: Problem, output: Array) -> Array:
    return np.asarray((mean_gradient(problem, output) ** 2).sum(axis=-1))


def _last(record: str) -> Take:
    return lambda run, _problem, _output: run.records[record][:, -1]


def _whole(record: str) -> Take:
    return lambda run, _problem, _output: run.records[record]


def _of_bounds(name: str, take: Take, record: str | None = None, degree: int = 2) -> RunMeasure:
    """A measure that bounds are about, too."""
    return RunMeasure(BUILT_IN_OF_BOUNDS[name].meaning, BUILT_IN_OF_BOUNDS[name].unit, take, record, degree)


def _recorded_as(name: str, degree: int = 2) -> RunMeasure:
    """A measure that is recorded under its own name."""
    return _of_bounds(name, _whole(name), name, degree)


BUILT_IN: Mapping[str, RunMeasure] = {
    "gap": _of_bounds("gap", lambda _run, problem, output: problem.gap(output)),
    "distance": _of_bounds("distance", _distance, degree=1),
    "squared-distance": _of_bounds("squared-distance", lambda *found: _distance(*found) ** 2),
    "squared-gradient": _of_bounds("squared-gradient", _squared_gradient),
    "mean-gap": _recorded_as("mean-gap"),
    "consensus-error": _of_bounds("consensus-error", _last("consensus"), "consensus"),
    "squared-consensus": RunMeasure(
        "largest squared distance of two workers just before a communication, over all rounds",
        LENGTH**2,
        lambda run, _problem, _output: run.records["largest-consensus"].max(axis=-1),
        "largest-consensus",
    ),
    "least-gradient-norm": _recorded_as("least-gradient-norm"),
    "stationarity": _recorded_as("stationarity"),
    "envelope-stationarity": _of_bounds(
        "envelope-stationarity", _whole("envelope-stationarity"), "envelope-stationarity"
    ),
    "envelope-gap": _of_bounds("envelope-gap", _last("envelope-gap"), "envelope-gap"),
    "communications": _recorded_as("communications", degree=0),
}

OWN = "__run_measure__"  # what a function of one's own is marked with


def measure(
    name: str,
    *,
    unit: Unit | str,
    of: Literal["output", "state"] = "output",
    latex: str = "",
    meaning: str = "",
    record: str | None = None,
    degree: int = 2,
) -> Callable[[Function], Function]:
    r"""Mark a function of a run as a measure of one's own, such as a Lyapunov function, for runs and for bounds.

    It gives one number for each replica, of what a run ends with: of "output" it takes the run, its problem and the
    output, (replica, dimension), and `record`, if any, of `RECORDERS` is recorded; of "state" it takes the method's
    state after the last communication, its arrays (replica, worker, dimension), the algorithm, whose parameters are
    numbers or (replica, 1, 1), and the problem.  `unit`
    is a `Unit`, or a formula that has it ("B^2"); `meaning` is the first line of the docstring unless given; `degree`
    as in `RunMeasure`.  Raises TightrateError for a name that is taken.

    Args:
        name: the measure's
        unit: a `Unit`, or a formula that has it
        of: what the function takes: the "output" of a run, or the method's "state"
        latex: how it is printed
        meaning: in words
        record: what else must be recorded in a run
        degree: how it scales with the distance from the optimum

    Returns:
        A decorator, which gives the function back, marked.

    Raises:
        TightrateError: for a name that is taken, or a unit that cannot be read.

    >>> @measure("halved-distance", unit="B")
    ... def halved(run, problem, output):
    ...     "half the distance from the optimum"
    ...     return np.linalg.norm(output - problem.optimum, axis=-1) / 2
    >>> halved.__run_measure__.unit, halved.__run_measure__.meaning
    (Unit(length=1, value=0, scaling=0), 'half the distance from the optimum')
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9-]{0,60}", name):
        raise TightrateError(f"a measure's name is small letters, digits and -, such as lyapunov, not {name!r}")
    if name in BUILT_IN or name in BUILT_IN_OF_BOUNDS:
        raise TightrateError(f"there is a measure {name} already; give yours another name")
    if record is not None and record not in RECORDERS:
        raise unknown_name(f"record of measure {name}", record, RECORDERS)
    if of not in ("output", "state"):
        raise unknown_name(f"argument of measure {name}", of, ("output", "state"))
    own_unit = unit_named(unit, f"measure {name}")

    def mark(function: Function) -> Function:
        told = meaning or _as_a_phrase((inspect.getdoc(function) or name).splitlines()[0])
        take: Take = cast(Take, function)
        if of == "state":
            recorder = type(name, (AtTheEnd,), {"take": staticmethod(function), "__module__": function.__module__})
            setattr(function, RECORDER, recorder)
            take = _recorded(function, name)
        setattr(function, OF_BOUNDS, Measure(name, latex or rf"\mathrm{{{name}}}", own_unit, told))
        setattr(function, OWN, RunMeasure(told, own_unit, take, name if of == "state" else record, degree))
        return function

    return mark


def _as_a_phrase(sentence: str) -> str:
    """A docstring's first line as the built-in measures are told: it begins small and ends without a stop."""
    return (sentence[0].lower() + sentence[1:] if sentence[1:2].islower() else sentence).rstrip(".")


def _recorded(function: Callable[..., Any], name: str) -> Take:
    """What was recorded under that name, as a function of the module that the measure is written in."""
    take = _whole(name)
    take.__module__ = function.__module__
    return take


def _declared() -> Iterator[tuple[str, RunMeasure]]:
    for module in paper_files.loaded():
        for value in list(vars(module).values()):
            found, about = getattr(value, OWN, None), getattr(value, OF_BOUNDS, None)
            if isinstance(found, RunMeasure) and isinstance(about, Measure):
                yield about.name, found


MEASURES: LiveMapping[RunMeasure] = LiveMapping("measure", BUILT_IN, _declared)
"""What runs are measured by, and the measures of papers of one's own."""
