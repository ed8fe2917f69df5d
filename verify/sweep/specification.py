"""What a sweep is: one algorithm on one problem over a grid of parameters, and how each step size is chosen."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from itertools import product
from typing import Any, Literal

import numpy as np

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.noise import NOISES
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS, check_value
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.engine_choice import METHODS, Method
from tightrate.simulator.measures import OUTPUTS, Output
from tightrate.simulator.parameters import parameters, spelled
from tightrate.simulator.simulate import ROWS
from tightrate.verify.notebook_tables import html_table, latex_table
from tightrate.verify.sweep.measures import SWEEP_MEASURES

Value = float | int | bool | str
Scale = Literal["linear", "log"]

DEFAULT_MEASURES: Mapping[Method, tuple[str, ...]] = {
    "sample": ("gap", "distance"),
    "rounds": ("gap", "distance"),
    "exact": ("gap", "squared-distance"),
    "auto": ("gap", "squared-distance"),
}
MOST_WIDENINGS = 100
DEFAULT_NOISE = "gaussian"
NAMED = ("algorithm", "problem", "noise")  # what is chosen by name, for the sweep or by an axis of names


@dataclass(frozen=True)
class Tuned:
    """A step that is tuned in every cell: the least mean of the sweep's first measure over a grid that widens itself.

    The grid starts with `points` values, evenly spaced in logarithm from `low` to `high`.  While the best one lies at
    an end of the grid, half as many points again are added there in the same ratio, at most `widenings` times.  All
    values see common random numbers, of `replicas` replicas that are used for nothing else: the chosen step is then
    measured afresh, so that its mean is not flattered by the choice.
    """

    low: float
    high: float
    points: int = 9
    replicas: int = 32
    widenings: int = 12

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < float("inf"):
            raise TightrateError(f"a tuned step needs 0 < from < to, not from {self.low:g} to {self.high:g}")
        for name, value, least in (("points", self.points, 3), ("replicas", self.replicas, 1)):
            if value < least:
                raise TightrateError(f"{name} of a tuned step must be a whole number, at least {least}, not {value}")
        if not 0 <= self.widenings <= MOST_WIDENINGS:
            raise TightrateError(f"widenings must lie between 0 and {MOST_WIDENINGS}, not {self.widenings}")

    def value(self, index: int) -> float:
        """The point of that number of the lattice: 0 is `low`, points - 1 is `high`."""
        return float(self.low * (self.high / self.low) ** (index / (self.points - 1)))


Step = float | Literal["prescribed"] | Tuned


@dataclass(frozen=True)
class Sweep:
    """What to run.

    `axes` maps names of parameters to the values that are swept; `parameters` gives every other parameter of the
    problem, the algorithm, the noise (its level `sigma` among them) and the theorem.  `noise` is a law by name, or
    "rows" for a finite sum.  "algorithm", "problem" and "noise" can be axes of names: the field of that name is then
    left out, and every cell takes those of the parameters that are its own.  `steps` says how a parameter of the
    algorithm is chosen: a number, "prescribed" by the theorem in every cell from its symbolic expression, or `Tuned`
    in every cell; what is not said there, nor given as an axis or a parameter, is prescribed where the theorem
    prescribes it.

    `method` "exact" takes expectations in closed form, "rounds" draws one Gaussian vector for each round, "sample"
    takes every step, "auto" is the first of these that can answer.  A sampled cell has `replicas` replicas; with
    `relative_error` so many that the standard error of every measure's mean is at most that fraction of it: as a
    pilot of `replicas` others says, but no more than `most_replicas`.

    Noise is keyed by the seed and by the cell's coordinates, so that a cell draws the same numbers alone or in the
    sweep; along the axes in `common` all cells share their random numbers.
    """

    name: str
    algorithm: str = ""
    problem: str = ""
    axes: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    parameters: Mapping[str, Value] = field(default_factory=dict)
    theorem: str | None = None
    output: Output = "last"
    replicas: int = 64
    seed: int = 0
    noise: str = DEFAULT_NOISE
    steps: Mapping[str, Step] = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    method: Method = "sample"
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
            "theorem": self.theorem or "",
            **axes,
            "parameters": ", ".join(f"{name} = {value}" for name, value in self.parameters.items()),
            "steps": ", ".join(f"{name}: {step}" for name, step in self.steps.items()),
            "replicas": str(self.replicas) if self.method != "exact" else "",
        }

    def __post_init__(self) -> None:
        for name in ("axes", "parameters", "steps"):
            object.__setattr__(self, name, spelled(getattr(self, name)))
        self._check_names()
        defaults = {**self.defaults(), **dict.fromkeys(NAMED, "")}
        if not self.axes:
            raise TightrateError("a sweep needs at least one axis, for example K = [1, 4, 16]")
        known = {*defaults, *self._letters_of_the_theorem(), "mu"}
        for name in (*self.axes, *self.parameters):
            if name == "replicas":
                raise TightrateError("replicas is no parameter of a cell; give it as a key of the sweep")
            if name in self.axes and name in self.parameters:
                raise TightrateError(f"{name} is both an axis and a parameter; give it once")
            if name not in known:
                raise unknown_name(f"parameter of {self._what()}", name, known)
        axes = {
            name: tuple(checked(name, value, defaults.get(name)) for value in values)
            for name, values in self.axes.items()
        }
        for name, values in axes.items():
            if not values or len(set(values)) != len(values):
                raise TightrateError(f"axis {name} needs distinct values, not {list(values)}")
        parameters = {name: checked(name, value, defaults.get(name)) for name, value in self.parameters.items()}
        missing = [name for name in ("K", "R") if name not in axes and name not in parameters]
        if missing:
            raise TightrateError(f"missing {', '.join(missing)}; give each as an axis or a parameter")
        for law in self.choices("noise"):
            require_level(law, {*axes, *parameters})
        for name in self.common:
            if name not in axes:
                raise unknown_name("axis in common", name, axes)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "parameters", parameters)
        object.__setattr__(self, "measures", tuple(self.measures) or DEFAULT_MEASURES[self.method])
        self._check_measures()
        self._check_sizes()
        for name, step in self.steps.items():
            self._check_step(name, step)

    def _check_names(self) -> None:
        entries = {"algorithm": ALGORITHMS.names(), "problem": PROBLEMS.names(), "noise": (*NOISES.names(), ROWS)}
        for name, known in entries.items():
            if name in self.parameters:
                raise TightrateError(f"{name} is no parameter; give it as a key of the sweep or as an axis of names")
            if name in self.axes and getattr(self, name) not in ("", DEFAULT_NOISE):
                raise TightrateError(f"{name} is both a key of the sweep and an axis; give it once")
            for value in self.choices(name):
                if value not in known:
                    raise unknown_name(name, str(value), known)
        if self.output not in OUTPUTS:
            raise unknown_name("output", self.output, OUTPUTS)
        if self.method not in METHODS:
            raise unknown_name("method", self.method, METHODS)
        if self.theorem is not None:
            theorem(self.theorem)

    def _check_measures(self) -> None:
        for name in self.measures:
            if name not in SWEEP_MEASURES:
                raise unknown_name("measure", name, SWEEP_MEASURES)
        if len(set(self.measures)) != len(self.measures):
            raise TightrateError(f"every measure is listed once, not {', '.join(self.measures)}")

    def _check_sizes(self) -> None:
        least = 2 if self.relative_error is not None else 1
        if not (self.replicas >= least and self.replicas == int(self.replicas)):
            atleast = ", at least 2 for a pilot" if least == 2 else ""
            raise TightrateError(f"replicas must be a positive integer{atleast}, not {self.replicas}")
        if self.seed < 0:
            raise TightrateError(f"seed must be a nonnegative integer, not {self.seed}")
        if self.relative_error is None:
            return
        if not 0 < self.relative_error < 1:
            raise TightrateError(f"relative_error must lie in (0,1), not {self.relative_error:g}")
        if self.most_replicas < self.replicas:
            raise TightrateError(
                f"most_replicas must be at least the {self.replicas} replicas of a pilot, not {self.most_replicas}"
            )

    def _check_step(self, name: str, step: Step) -> None:
        algorithms = {rule: constructor_parameters(ALGORITHMS[rule]) for rule in self.choices("algorithm")}
        for algorithm, accepted in algorithms.items():
            if name not in accepted and (isinstance(step, Tuned) or len(algorithms) == 1):
                raise unknown_name(f"step of {algorithm}", name, accepted)
        accepted = {own: default for parameters in algorithms.values() for own, default in parameters.items()}
        if name not in accepted:
            raise unknown_name(f"step of {' and of '.join(algorithms)}", name, accepted)
        _check_once(name, {*self.axes, *self.parameters})
        if isinstance(step, Tuned):
            _check_tunable(name, accepted[name])
        elif step == "prescribed":
            if self.theorem is None:
                raise TightrateError(f"no theorem is named that could prescribe {name}; give theorem = 'paper/label'")
            theorem(self.theorem).step(name)
        elif isinstance(step, str):
            raise TightrateError(f"step {name} must be a number, prescribed or tuned, not {step!r}")
        else:
            checked(name, step, accepted[name])

    def _letters_of_the_theorem(self) -> set[str]:
        return letters_of(theorem(self.theorem)) if self.theorem is not None else set()

    def choices(self, name: str) -> tuple[Any, ...]:
        """The names that "algorithm", "problem" or "noise" has in this sweep."""
        return tuple(self.axes[name]) if name in self.axes else (getattr(self, name),)

    def chosen(self, name: str, at: Mapping[str, Any]) -> str:
        """The one that a cell with these coordinates has."""
        return str(at[name] if name in self.axes else getattr(self, name))

    def _what(self) -> str:
        return " on ".join(", ".join(map(str, self.choices(name))) for name in ("algorithm", "problem"))

    def defaults(self, at: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Every parameter with its default, None where it has none: of the cell `at`, or of all cells of the sweep."""
        found: dict[str, Any] = {"K": None, "R": None, "sigma": 0.0, "seed": None, "clients": None}
        names = {name: self.choices(name) if at is None else (self.chosen(name, at),) for name in NAMED}
        for law in names["noise"]:
            found |= {name: default for name, default in noise_parameters(law).items() if name not in found}
        for registry, kind in ((ALGORITHMS, "algorithm"), (PROBLEMS, "problem")):
            for entry in names[kind]:
                found |= constructor_parameters(registry[entry])
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each axis."""
        return tuple(len(values) for values in self.axes.values())

    def cells(self) -> list[dict[str, Value]]:
        """Every combination of the axes' values with the fixed parameters, in the order of the axes."""
        return [
            {**self.parameters, **dict(zip(self.axes, values, strict=True))} for values in product(*self.axes.values())
        ]

    def as_json(self) -> dict[str, Any]:
        """The sweep as what JSON can hold."""
        steps = {name: asdict(step) if isinstance(step, Tuned) else step for name, step in self.steps.items()}
        axes = {name: list(values) for name, values in self.axes.items()}
        return {**vars(self), "axes": axes, "steps": steps, "measures": list(self.measures)}


def _check_once(name: str, given: Collection[str]) -> None:
    if name in given:
        raise TightrateError(f"{name} is both a step and an axis or a parameter; give it once")


def _check_tunable(name: str, default: Any) -> None:
    plain = default is None or type(default) is float
    if not plain or (name in LETTERS and (LETTERS[name].counts or LETTERS[name].below_one)):
        raise TightrateError(f"{name} cannot be tuned over a logarithmic grid; give it a value or an axis")


def check_tuned(name: str, step: Tuned, algorithm: str, given: Collection[str]) -> None:
    """Refuse a tuned step that the algorithm has not, that cannot be tuned, or that is given otherwise."""
    accepted = constructor_parameters(ALGORITHMS[algorithm])
    if name not in accepted:
        raise unknown_name(f"step of {algorithm}", name, accepted)
    if not isinstance(step, Tuned):
        raise TightrateError(f"{name} is tuned by a Tuned(low, high), not by {step!r}")
    _check_once(name, given)
    _check_tunable(name, accepted[name])


def noise_parameters(law: str) -> dict[str, Any]:
    """The parameters of a noise law, or of row sampling, with their defaults; None where one has none."""
    noise: Any = RowSampling if law == ROWS else NOISES[law]
    return {part.name: None if part.default is MISSING else part.default for part in fields(noise)}


def require_level(law: str, given: Collection[str]) -> None:
    """Refuse a noise that is named without its level: it would be none."""
    if law not in (DEFAULT_NOISE, ROWS) and "sigma" not in given:
        raise TightrateError(f"missing sigma, the level of the noise {law}; give it as an axis or a parameter")


def letters_of(found: Theorem) -> set[str]:
    """The letters of a theorem's bound and of the steps that it prescribes, those steps themselves excepted."""
    expressions = [term.expression for term in found.bound.terms] + list(found.steps.values())
    return {symbol.name for expression in expressions for symbol in expression.free_symbols} - set(found.steps)


def constructor_parameters(function: Callable[..., object]) -> dict[str, Any]:
    """The keyword-only parameters of a constructor with their defaults; None where one has none.

    >>> constructor_parameters(ALGORITHMS["local-sgd"])
    {'eta': None, 'gamma': 1.0}
    """
    return {name: own.default for name, own in parameters(function).items()}


def spaced(name: str, start: float, stop: float, points: int, scale: Scale = "linear") -> tuple[Value, ...]:
    """Values of an axis, evenly spaced or evenly spaced in logarithm; whole and distinct for a count.

    >>> spaced("K", 1, 1024, 11, "log")
    (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
    >>> spaced("sigma", 0, 1, 3)
    (0.0, 0.5, 1.0)
    """
    if scale not in ("linear", "log"):
        raise unknown_name("scale", scale, ("linear", "log"))
    if points < 2 or not np.isfinite([start, stop]).all():
        raise TightrateError(f"axis {name} needs finite from and to, and at least 2 points")
    if scale == "log" and min(start, stop) <= 0:
        raise TightrateError(f"axis {name} on a log scale needs positive from and to, not {start:g} and {stop:g}")
    if scale == "log":
        grid = float(start) * (stop / start) ** (np.arange(points) / (points - 1))
    else:
        grid = np.linspace(start, stop, points)
    grid[-1] = stop
    if _is_count(name):
        return tuple(dict.fromkeys(int(value) for value in np.rint(grid)))
    return tuple(dict.fromkeys(float(value) for value in grid))


def _is_count(name: str) -> bool:
    return name in ("seed", "batch", "clients") or (name in LETTERS and LETTERS[name].counts)


def checked(name: str, value: Any, default: Any) -> Value:
    """A parameter's value in the one form that keys, random streams and results use; impossible ones are refused."""
    for kind, what in ((bool, "true or false"), (str, "a text")):
        if isinstance(default, kind):
            if not isinstance(value, kind):
                raise TightrateError(f"{name} must be {what}, not {value!r}")
            return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise TightrateError(f"{name} must be a number, not {value!r}")
    if name in LETTERS and value != default:  # a default such as rho = inf says that something is absent
        check_value(name, value)
    whole = _is_count(name) or type(default) is int
    if whole and abs(value) != float("inf"):
        if value != int(value):
            raise TightrateError(f"{name} must be a whole number, not {value:g}")
        return int(value)
    return float(value)


def text_of(at: Mapping[str, Value], axes: Iterable[str]) -> str:
    """The coordinates of a cell for a person.

    >>> text_of({"K": 4, "R": 2, "sigma": 0.5}, ["K", "sigma"])
    'K = 4, sigma = 0.5'
    """
    values = {name: at[name] for name in axes}
    return ", ".join(
        f"{name} = {value if isinstance(value, str) else format(value, 'g')}" for name, value in values.items()
    )
