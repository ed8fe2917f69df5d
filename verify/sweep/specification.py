"""What a sweep is: one algorithm on one problem over a grid of parameters, and how each step size is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from math import prod
from typing import Any, Literal, TypeAlias, cast

import numpy as np
import xarray as xr
from sympy import Expr

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.numbers import SEEDS, number, whole
from tightrate.common.workload import NUMBERS_TO_BEGIN, numbers_of_a_run
from tightrate.constructions.parameters import check_memory
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.units import Unit
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import Builder, as_builder, problem_constructor, problem_name
from tightrate.simulator.engine_choice import Method
from tightrate.simulator.measures import Output
from tightrate.simulator.parameters import VECTORS, Parameter, parameters, spelled
from tightrate.simulator.theorem_values import with_run_parameters
from tightrate.simulator.validation import (
    DEFAULT_NOISE,
    check_choice,
    check_complete,
    check_known,
    check_level,
    check_replicas,
    checked,
    is_count,
    known_parameters,
)
from tightrate.simulator.validation import Value as Value
from tightrate.verify.notebook_tables import html_table, latex_table
from tightrate.verify.sweep.step_rule import StepRule, formula, step_rule
from tightrate.verify.sweep.tuning import Tuned

Step: TypeAlias = float | str | Expr | Callable[..., float] | xr.DataArray | StepRule | Tuned
"""A number, "prescribed" by the theorem, a formula in the letters, a function, values over axes, or tuned."""

DEFAULT_MEASURES: Mapping[Method, tuple[str, ...]] = {
    "sample": ("gap", "distance"),
    "rounds": ("gap", "distance"),
    "exact": ("gap", "squared-distance"),
    "auto": ("gap", "squared-distance"),
}
NUMBERS_PER_CELL = 400  # what a cell takes in the memory, as numbers of eight bytes
MOST_POINTS = 10**6  # of an axis
NAMED = ("algorithm", "problem", "noise")  # what is chosen by name, for the sweep or by an axis of names
ADVICE = "give it as an axis or a parameter"


@dataclass(frozen=True)
class Sweep:
    """What to run.

    `axes` maps names of parameters to the values that are swept; `parameters` gives every other parameter of the
    problem, the algorithm, the noise (its level `sigma` among them) and the theorem.  `noise` is a law by name, or
    "rows" for a finite sum.  "algorithm", "problem" and "noise" can be axes of names: the field of that name is then
    left out, and every cell takes those of the parameters that are its own.  `algorithm` and `problem` are names, or
    what the registries have under them; `problem` may also be a `Problem`, or a function of your own that makes one and
    takes what it needs by name; `theorem` is an id of the catalogue, or a theorem of your own.

    `steps` says how a parameter of the algorithm is chosen in every cell: a number, "prescribed" by the theorem from
    its symbolic expression, a formula in the letters such as "1/(L*K)" (text, or sympy), a function that takes symbols
    by name (`lambda K, L: 1 / (L * K)`), an array of values over some of the axes, or `Tuned`.  What is not said there,
    nor given as an axis or a parameter, is prescribed where the theorem prescribes it.

    `method` "exact" takes expectations in closed form, "rounds" draws one Gaussian vector for each round, "sample"
    takes every step, "auto" is the first of these that can answer; unless said it is "auto" without noise and "sample"
    with noise.  A sampled cell has `replicas` replicas; with
    `relative_error` so many that the standard error of every measure's mean is at most that fraction of it: as a
    pilot of `replicas` others says, but no more than `most_replicas`.

    Noise is keyed by the seed and by the cell's coordinates, so that a cell draws the same numbers alone or in the
    sweep; along the axes in `common` all cells share their random numbers.

    Attributes:
        name: that of the results
        output: "last" or "average"
        seed: of all noise
        measures: what is measured of the output

    >>> Sweep("s", "local-sgd", "rank-one-pair", {"R": (1, 2)}, {"K": 2, "eta": 0.5, "cosine": 0.5}).axes["R"]
    (1, 2)
    """

    name: str
    algorithm: str = ""
    problem: Builder = ""
    axes: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Value] = field(default_factory=dict)
    theorem: str | Theorem | None = None
    output: Output = "last"
    replicas: int = 64
    seed: int = 0
    noise: str = DEFAULT_NOISE
    steps: Mapping[str, Step] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    method: Method | Literal[""] = ""
    relative_error: float | None = None
    most_replicas: int = 100_000
    common: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return html_table(f"sweep {self.name}", self._rows())

    def _repr_latex_(self) -> str:
        return latex_table(f"sweep {self.name}", self._rows())

    def _rows(self) -> dict[str, str]:
        axes = {f"axis {name}": ", ".join(map(str, values)) for name, values in self.axes.items()}
        return {
            "runs": self._what(),
            "theorem": "" if self.statement is None else self.statement.id,
            **axes,
            "parameters": ", ".join(f"{name} = {value}" for name, value in self.parameters.items()),
            "steps": ", ".join(f"{name}: {_step_as_json(step)}" for name, step in self.steps.items()),
            "replicas": str(self.replicas) if self.method != "exact" else "",
        }

    def __post_init__(self) -> None:
        for name in ("measures", "common"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        for name in ("axes", "parameters", "steps"):
            object.__setattr__(self, name, spelled(getattr(self, name)))
        self._take_names()
        self._check_names()
        known = {**self._known(), **dict.fromkeys(NAMED, "")}
        self._check_places(known)
        axes = {name: self._axis(name, values, known.get(name)) for name, values in self.axes.items()}
        given = {name: checked(name, value, known.get(name)) for name, value in self.parameters.items()}
        required = [
            name
            for problem in self.choices("problem")
            for name, own in parameters(problem_constructor(problem)).items()
            if own.required and name != "seed"
        ]
        check_complete(required, {*axes, *given}, "give each as an axis or a parameter")
        for law in self.choices("noise"):
            check_level(law, {*axes, *given}, ADVICE)
        for name in self.common:
            if name not in axes:
                raise unknown_name("axis in common", name, axes)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "parameters", given)
        method: Method = self.method or ("sample" if self._noisy(axes, given) else "auto")
        object.__setattr__(self, "measures", self.measures or DEFAULT_MEASURES[self.method or "sample"])
        object.__setattr__(self, "method", method)
        check_replicas(self.replicas, self.relative_error, self.most_replicas)
        whole("seed", self.seed, 0, SEEDS)
        object.__setattr__(self, "steps", {name: self._step(name, step) for name, step in self.steps.items()})
        self._check_size()

    def _take_names(self) -> None:
        """Objects that the registries have under a name become that name."""
        if callable(self.algorithm):
            object.__setattr__(self, "algorithm", ALGORITHMS.name_of(self.algorithm))
        if not isinstance(self.problem, str):
            object.__setattr__(self, "problem", as_builder(self.problem))

    def _noisy(self, axes: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
        """Whether any cell has noise."""
        levels = axes.get("sigma", (given.get("sigma", 0.0),))
        return self.choices("noise") != (DEFAULT_NOISE,) or any(level != 0 for level in levels)

    def _check_size(self) -> None:
        """Refuse what would fill the memory before a cell has run."""
        samples = self.replicas * len(self.measures) if self.method != "exact" else 0
        check_memory(prod(self.shape) * (NUMBERS_PER_CELL + samples), f"a sweep of {prod(self.shape)} cells")
        tried = self._tried
        check_memory(tried * (NUMBERS_PER_CELL + self.replicas), f"a grid of {tried} tuned steps")

    @property
    def _tried(self) -> int:
        """The points of the grid of tuned steps, before it widens."""
        return prod(step.points for step in self.steps.values() if isinstance(step, Tuned))

    @property
    def numbers(self) -> float:
        """About how many numbers are drawn, added and multiplied in all cells where each local step is sampled.

        With method "exact", and with "auto", whose cells decide themselves, only what every cell takes.
        """
        cells = float(prod(self.shape))
        if self.method in ("exact", "auto"):
            return cells * NUMBERS_TO_BEGIN
        defaults: dict[str, Any] = {}
        for problem in self.choices("problem"):
            defaults |= {name: own.default for name, own in parameters(problem_constructor(problem)).items()}

        def average(name: str) -> float:
            values = self.axes.get(name, (self.parameters.get(name, defaults.get(name)),))
            finite = [float(v) for v in values if isinstance(v, int | float) and np.isfinite(v)]
            return max(sum(finite) / len(values), 1.0)

        tuned = [step.replicas for step in self.steps.values() if isinstance(step, Tuned)]
        replicas = self.replicas + (self._tried * max(tuned) if tuned else 0)
        steps = average("K") if self.method == "sample" else 1.0
        return cells * numbers_of_a_run(average("M") * average("d") * replicas, steps, average("R"))

    def _check_names(self) -> None:
        for name in NAMED:
            if name in self.parameters:
                raise TightrateError(f"{name} is no parameter; give it as a key of the sweep or as an axis of names")
            if name in self.axes and getattr(self, name) not in ("", DEFAULT_NOISE):
                raise TightrateError(f"{name} is both a key of the sweep and an axis; give it once")
            check_choice(name, *(choice for choice in self.choices(name) if not callable(choice)))
        if not isinstance(self.name, str) or not isinstance(self.theorem, str | Theorem | None):
            raise TightrateError(f"name and theorem must be texts, not {self.name!r} and {self.theorem!r}")
        check_choice("output", self.output)
        check_choice("method", self.method or "sample")
        check_choice("measure", *self.measures)
        if len(set(self.measures)) != len(self.measures):
            raise TightrateError(f"every measure is listed once, not {', '.join(self.measures)}")

    def _known(self) -> dict[str, Any]:
        """Every parameter of some cell, with the default that shows its kind."""
        known: dict[str, Any] = {}
        for algorithm, problem, noise in product(*map(self.choices, NAMED)):
            known |= known_parameters(algorithm, problem, noise=noise, output=self.output, theorem=self.statement)
        return known

    def _check_places(self, known: Mapping[str, Any]) -> None:
        """Every parameter that is given means something, and is given once."""
        if not self.axes:
            raise TightrateError("a sweep needs at least one axis, for example K = [1, 4, 16]")
        for name in (*self.axes, *self.parameters):
            if name == "replicas":
                raise TightrateError("replicas is no parameter of a cell; give it as a key of the sweep")
            if name in self.axes and name in self.parameters:
                raise TightrateError(f"{name} is both an axis and a parameter; give it once")
        check_known(self._what(), (*self.axes, *self.parameters), known, self.choices("problem"))

    def _axis(self, name: str, values: Any, default: Any) -> tuple[Value, ...]:
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise TightrateError(f"axis {name} needs a list of values, such as (8, 16, 32), not {values!r}")
        if isinstance(default, tuple):
            raise TightrateError(f"{name} is a list itself; give it as a parameter")
        found = tuple(checked(name, value, default) for value in values)
        if any(isinstance(value, tuple) for value in found):
            raise TightrateError(f"{name} with a number for each coordinate is a list itself; give it as a parameter")
        if not found or len(set(found)) != len(found):
            raise TightrateError(f"axis {name} needs distinct values, not {list(found)}")
        return found

    def _step(self, name: str, step: Step) -> Step:
        """The step in its one form: a number, "prescribed", a rule, or tuned."""
        algorithms: dict[str, Mapping[str, Parameter]] = {
            rule: parameters(ALGORITHMS[rule]) for rule in self.choices("algorithm")
        }
        for algorithm, accepted in algorithms.items():
            if name not in accepted and (isinstance(step, Tuned) or len(algorithms) == 1):
                raise unknown_name(f"step of {algorithm}", name, accepted)
        of_any = {own: part.default for accepted in algorithms.values() for own, part in accepted.items()}
        if name not in of_any:
            raise unknown_name(f"step of {' and of '.join(algorithms)}", name, of_any)
        if name in {*self.axes, *self.parameters}:
            raise TightrateError(f"{name} is both a step and an axis or a parameter; give it once")
        if isinstance(step, StepRule):
            return step
        if isinstance(step, Tuned):
            _check_tunable(name, of_any[name])
            for end in (step.low, step.high):
                if isinstance(end, Expr):
                    formula(f"step {name}", end, self._units(name))
            return step
        if isinstance(step, str) and step == "prescribed":
            if self.statement is None:
                raise TightrateError(f"no theorem is named that could prescribe {name}; give theorem = 'paper/label'")
            self.statement.step(name)
            return step
        found = step_rule(name, step, self.axes, self._units(name))
        return found if isinstance(found, StepRule) else cast(float, checked(name, step, of_any[name]))

    def _units(self, name: str) -> list[Unit]:
        """The units that a step may have: the alphabet's, and those that theorems about the algorithm give it."""
        if name not in LETTERS:
            return []
        about = {one for rule in self.choices("algorithm") for one in ALGORITHMS.describe(rule).theorems}
        own = [catalogue.statement(one).units for one in sorted(about)]
        if self.statement is not None:
            own.append(self.statement.bound.units)
        return list(dict.fromkeys([LETTERS[name].unit, *(units[name] for units in own if name in units)]))

    @property
    def statement(self) -> Theorem | None:
        """The theorem that the sweep is compared with."""
        return catalogue.theorem(self.theorem) if isinstance(self.theorem, str) else self.theorem

    def choices(self, name: str) -> tuple[Any, ...]:
        """The names that "algorithm", "problem" or "noise" has in this sweep."""
        return tuple(self.axes[name]) if name in self.axes else (getattr(self, name),)

    def chosen(self, name: str, at: Mapping[str, Any]) -> Any:
        """The one that a cell with these coordinates has."""
        return at[name] if name in self.axes else getattr(self, name)

    def _what(self) -> str:
        return " on ".join(
            (", ".join(map(str, self.choices("algorithm"))), ", ".join(map(problem_name, self.choices("problem"))))
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each axis."""
        return tuple(len(values) for values in self.axes.values())

    def cells(self) -> list[dict[str, Value]]:
        """Every combination of the axes' values with the fixed parameters, in the order of the axes."""
        return [
            with_run_parameters({**self.parameters, **dict(zip(self.axes, values, strict=True))})
            for values in product(*self.axes.values())
        ]

    def as_json(self) -> dict[str, Any]:
        """The sweep as what JSON can hold."""
        return {
            **vars(self),
            "problem": problem_name(self.problem),
            "axes": {name: list(values) for name, values in self.axes.items()},
            "theorem": None if self.statement is None else self.statement.id,
            "steps": {name: _step_as_json(step) for name, step in self.steps.items()},
            "measures": list(self.measures),
        }


def _step_as_json(step: Step) -> Any:
    return step.as_json() if isinstance(step, Tuned) else step.text if isinstance(step, StepRule) else step


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not (isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value)):
        raise TightrateError(f"{name} must be a list of texts, not {value!r}")
    return tuple(value)


def _check_tunable(name: str, default: Any) -> None:
    plain = default is None or type(default) is float
    if not plain or is_count(name) or name in VECTORS or (name in LETTERS and LETTERS[name].below_one):
        raise TightrateError(f"{name} cannot be tuned over a logarithmic grid; give it a value or an axis")


Scale = Literal["linear", "log"]


def spaced(name: str, start: float, stop: float, points: int, scale: Scale = "linear") -> tuple[Value, ...]:
    """Values of an axis, evenly spaced or evenly spaced in logarithm; whole and distinct for a count.

    Args:
        name: the axis, whose kind tells whether values are whole
        start: the first value
        stop: the last value
        points: how many
        scale: "linear" or "log"

    Returns:
        The values.

    Raises:
        TightrateError: for ends or a number of points that make no axis.

    >>> spaced("K", 1, 1024, 11, "log")
    (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    >>> spaced("sigma", 0, 1, 3)
    (0.0, 0.5, 1.0)
    """
    if scale not in ("linear", "log"):
        raise unknown_name("scale", scale, ("linear", "log"))
    for end, value in (("from", start), ("to", stop)):
        number(f"{end} of axis {name}", value)
    if whole(f"points of axis {name}", points, most=MOST_POINTS) < 2 or not np.isfinite([start, stop]).all():
        raise TightrateError(f"axis {name} needs finite from and to, and at least 2 points")
    if scale == "log" and min(start, stop) <= 0:
        raise TightrateError(f"axis {name} on a log scale needs positive from and to, not {start:g} and {stop:g}")
    if scale == "log":
        grid = float(start) * (stop / start) ** (np.arange(points) / (points - 1))
    else:
        grid = np.linspace(start, stop, points)
    grid[-1] = stop
    if is_count(name):
        return tuple(dict.fromkeys(int(value) for value in np.rint(grid)))
    return tuple(dict.fromkeys(float(value) for value in grid))


def text_of(at: Mapping[str, Value], axes: Iterable[str]) -> str:
    """The coordinates of a cell for a person.

    >>> text_of({"K": 4, "R": 2, "sigma": 0.5}, ["K", "sigma"])
    'K = 4, sigma = 0.5'
    """
    values = {name: at[name] for name in axes}
    return ", ".join(
        f"{name} = {format(value, 'g') if isinstance(value, int | float) else value}" for name, value in values.items()
    )
