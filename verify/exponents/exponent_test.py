"""Exponent tests: a term of a theorem, the instance that shows it, and the paths on which it is walked.

A test says what to run: the algorithm, the problem and how its parameters follow from the theorem's letters, and the
steps (the theorem's own, or tuned over a grid at every point).  Where to run it the order algebra decides
(`tightrate.verify.exponents.design`).  Expectations are exact wherever updates are linear and machines quadratic, so
that K and R reach 10^9 without noise; everything else is sampled, with replicas sized from a pilot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr, sympify
from sympy.logic.boolalg import Boolean

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.rates.statements.catalogue import statement, theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import build_problem
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.measures import Output
from tightrate.simulator.parameters import parameters
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.exponents.design import UNITS, Along, Design, isolate
from tightrate.verify.judging.paths import Side
from tightrate.verify.judging.power_law import replicas_needed
from tightrate.verify.session import Profile, Session

Array = NDArray[np.float64]

WORKERS: Mapping[str, tuple[float, float]] = {"M": (1, 64)}  # that are run
HALF_WIDTH = 0.015  # of a sampled exponent's 99 % interval, which sizes the replicas
PILOT = 16
ROUNDING = 4e-14  # of a displacement relative to the start distance, in exact moments
NUMBERS_AT_ONCE = 2_000_000
EXACT_MEASURES = ("gap", "squared-distance", "distance")


@dataclass(frozen=True)
class Tuning:
    """A step that is tuned at every point: the least mean over a geometric grid between two expressions, refined."""

    letter: str
    low: Expr | float
    high: Expr | float
    points: int = 41


@dataclass(frozen=True)
class Path:
    """A direction with its length; `fixed` letters are fixed on this path only."""

    along: Along
    span: float = 1e6
    points: int = 13
    fixed: Mapping[str, float] = field(default_factory=dict)
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExponentTest:
    """What is run to see one term of a theorem.

    The problem's parameters are the letters of their own names unless `instance` says otherwise; the algorithm's are
    the theorem's letters unless tuned.  `side` is the bound's own unless `matched_by` names the statement that bounds
    the same from the other side: then the exponents must agree on both.  `noise` is the letter of the noise level.
    `most_replicas` limits sampling (quick profile, full profile).
    """

    id: str
    theorem: str
    term: str
    algorithm: str
    problem: str
    paths: tuple[Path, ...]
    output: Output = "last"
    instance: Mapping[str, Expr | float | str] = field(default_factory=dict)
    tuned: tuple[Tuning, ...] = ()
    matched_by: str = ""
    noise: str = "sigma"
    fixed: Mapping[str, float] = field(default_factory=dict)
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    derived: Mapping[str, Expr] = field(default_factory=dict)
    given: tuple[Boolean, ...] = ()
    below: Expr | float | None = None
    guides: Mapping[str, Expr] = field(default_factory=dict)
    margin: float = 100.0
    most_replicas: tuple[int, int] = (64, 1024)
    cost: Profile = "quick"

    @property
    def side(self) -> Side:
        """From which side the exponents are bounded."""
        if self.matched_by:
            return "both"
        kind = statement(self.theorem).kind
        return "both" if kind == "exact" else kind

    def designs(self) -> tuple[Design, ...]:
        """The constants and points of every path, from the order algebra."""
        return tuple(
            isolate(
                self.theorem,
                self.term,
                path.along,
                span=path.span,
                points=path.points,
                margin=self.margin,
                fixed={**UNITS, **self.fixed, **path.fixed},
                within={**WORKERS, **self.within, **path.within},
                derived=self.derived,
                given=self.given,
                below=self.below,
                guides=self.guides,
            )
            for path in self.paths
        )


@dataclass(frozen=True)
class Measurement:
    """The theorem's measure along a path: means with standard errors, the steps used, and how many replicas."""

    mean: Array
    stderr: Array
    steps: Mapping[str, Array]
    replicas: int
    needed: int


def run_exponent_test(test: ExponentTest, session: Session | None = None) -> xr.Dataset:
    """Design every path, measure along it, and lay measurement, term and whole bound side by side.

    Dimensions (path, point); `n`, `measured`, `stderr`, `term`, `bound`, `margin`, `logarithm` (of the product of the
    counts, which a hidden logarithm would hold), `replicas`, and every letter as `letter: NAME`.
    """
    session = session or Session()
    parts = []
    designs = test.designs()
    for number, design in enumerate(designs):
        session.progress(test.id, number, len(designs))
        measured = measure(test, design, session)
        others = np.sum(list(design.terms.values()), axis=0)
        letters = {**design.values, **measured.steps}
        counts = np.prod([design.values[name] for name in ("K", "R", "M") if name in design.values], axis=0)
        columns: dict[str, Any] = {
            "n": design.n,
            "measured": measured.mean,
            "stderr": measured.stderr,
            "term": design.terms[test.term],
            "bound": others,
            "margin": design.margins,
            "logarithm": np.log(2 + counts),
            **{f"letter: {name}": value for name, value in letters.items()},
        }
        part = xr.Dataset(
            {name: ("point", np.asarray(value)) for name, value in columns.items()},
            coords={"point": np.arange(len(design.n))},
        )
        part["replicas"], part["needed"] = measured.replicas, measured.needed
        parts.append(part)
    names = _distinct([design.name for design in designs])
    data = xr.concat(parts, dim=xr.DataArray(names, dims="path", name="path"), join="outer")
    data.attrs = {
        "test": test.id,
        "theorem": test.theorem,
        "term": test.term,
        "side": test.side,
        "matched_by": test.matched_by,
        "hidden_logarithms": int(_hides_logarithms(test)),
        "measure": statement(test.theorem).measure,
        "designs": json.dumps({name: design.as_dict() for name, design in zip(names, designs, strict=True)}),
    }
    return data


def _hides_logarithms(test: ExponentTest) -> bool:
    statements = [test.theorem, *([test.matched_by] if test.matched_by else [])]
    return any(statement(name).constants == "hidden with logs" for name in statements)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of paths, numbered where one occurs again."""
    return [name if names.index(name) == i else f"{name} @{i + 1}" for i, name in enumerate(names)]


# --- measuring --------------------------------------------------------------------------------------------------------


def measure(test: ExponentTest, design: Design, session: Session) -> Measurement:
    """The measure of the test's theorem along a design: exact where that is possible, else sampled."""
    name = statement(test.theorem).measure
    if name not in EXACT_MEASURES:
        raise TightrateError(f"exponent tests measure {', '.join(EXACT_MEASURES)}, not {name}")
    points = [{letter: float(value[i]) for letter, value in design.values.items()} for i in range(len(design.n))]
    problems = [_problem(test, at) for at in points]
    _check_class(test, points, problems)
    linear = _algorithm(test, points[0], {t.letter: np.ones(1) for t in test.tuned}).linear
    if linear and all(isinstance(problem, QuadraticMachines | DiagonalQuadratics) for problem in problems):
        return _exact(test, points, problems, name)
    return _sampled(test, design.n, points, problems, name, session)


def _problem(test: ExponentTest, at: Mapping[str, float]) -> Problem:
    known = parameters(PROBLEMS[test.problem])
    own = {name: _evaluated(value, at) for name, value in test.instance.items() if name in known}
    return build_problem(test.problem, {**{n: v for n, v in at.items() if n in known}, **own})


def _evaluated(value: Expr | float | str, at: Mapping[str, float]) -> float:
    return float(_value(value, at))


def _value(value: Expr | float | str, at: Mapping[str, Any]) -> Any:
    """An expression at a point, or along a path; a text is the name of a variant."""
    if isinstance(value, str):
        return value
    expression = sympify(value, strict=True)
    names = [symbol.name for symbol in expression.free_symbols]
    return _compiled(expression)(**{name: at[name] for name in names}) if names else float(expression)


@cache
def _compiled(expression: Expr) -> Any:
    return vectorized(expression)


def _algorithm(test: ExponentTest, at: Mapping[str, Any], tuned: Mapping[str, Array]) -> Any:
    known = parameters(ALGORITHMS[test.algorithm])
    own = {name: _value(value, at) for name, value in test.instance.items() if name in known}
    values = {**at, **own, **tuned}
    return ALGORITHMS[test.algorithm](**{name: values[name] for name in known if name in values})


def _check_class(test: ExponentTest, points: Sequence[Mapping[str, float]], problems: Sequence[Problem]) -> None:
    """The instance must belong to the theorem's class: no constant beyond the letter that bounds it."""
    letters = theorem(test.theorem).bound.letters
    for at, problem in zip(points, problems, strict=True):
        for name in ("L", "tau", "tau_mean", "zeta_star", "zeta_mean", "zeta_opt", "zeta", "B", "Q", "Delta", "mu"):
            if name not in letters or name not in problem.constants or name not in at:
                continue
            constant = float(np.max(problem.constants[name]))
            wrong = constant < at[name] * (1 - 1e-9) if name == "mu" else constant > at[name] * (1 + 1e-9)
            if wrong:
                raise TightrateError(
                    f"{test.problem} has {name} = {constant:g}, outside of the class with {name} = {at[name]:g}"
                )


def _forgetting(test: ExponentTest, problem: Problem, eta: Any) -> Any:
    if test.output == "last":
        return None
    return 0.0 if test.output == "average" else float(np.max(problem.constants["mu"])) * eta / 2


def _exact(
    test: ExponentTest, points: Sequence[Mapping[str, float]], problems: Sequence[Problem], name: str
) -> Measurement:
    """Expectations in closed form: all points at once where they differ in K, R and steps alone."""
    if test.tuned:
        found = [_tuned(test, at, problem, name) for at, problem in zip(points, problems, strict=True)]
        means = np.array([mean for mean, _ in found])
        steps = {t.letter: np.array([chosen[t.letter] for _, chosen in found]) for t in test.tuned}
    else:
        groups: dict[tuple[float, ...], list[int]] = {}
        for index, at in enumerate(points):
            key = (at["M"], at.get(test.noise, 0.0), *_own_parameters(test, at))
            groups.setdefault(key, []).append(index)
        means, steps = np.empty(len(points)), {}
        for members in groups.values():
            batch = {letter: np.array([points[i][letter] for i in members]) for letter in points[0]}
            first = members[0]
            means[members] = _expectation(test, batch, {}, problems[first], name, points[first].get(test.noise, 0.0))
    scale = [float(np.max(problem.constants["B"])) for problem in problems]
    smoothness = [float(np.max(problem.constants["L"])) for problem in problems]
    unit = np.sqrt(np.array(smoothness) / 2) if name == "gap" else np.ones(len(points))
    root = means if name == "distance" else np.sqrt(np.maximum(means, 1e-300))
    rounding = ROUNDING * np.array(scale) * unit / root + 1e-12
    return Measurement(means, means * rounding, steps, 0, 0)


def _own_parameters(test: ExponentTest, at: Mapping[str, float]) -> tuple[float, ...]:
    """Everything but K, R and steps that a problem or an algorithm takes."""
    known = parameters(PROBLEMS[test.problem])
    instance = [_evaluated(value, at) for name, value in test.instance.items() if name in known]
    return (*instance, *(at[name] for name in sorted({*known} & {*at})))


def _expectation(
    test: ExponentTest,
    at: Mapping[str, Any],
    tuned: Mapping[str, Array],
    problem: Problem,
    name: str,
    sigma: float,
) -> Array:
    """The measure's expectation at every point of a batch, or at every tuned step of one point."""
    algorithm = _algorithm(test, at, tuned)
    run = exact_moments(
        algorithm,
        problem,
        K=at["K"],
        R=at["R"],
        noise=GaussianNoise(sigma) if sigma > 0 else None,
        forgetting=_forgetting(test, problem, tuned.get("eta", at.get("eta"))),
    )
    moments = run.last if run.average is None else run.average
    if name == "distance" and sigma > 0:
        raise TightrateError("the expected distance has no closed form with noise")
    return np.asarray({"gap": moments.gap}.get(name, moments.squared_distance)) ** (0.5 if name == "distance" else 1.0)


def _tuned(
    test: ExponentTest, at: Mapping[str, float], problem: Problem, name: str
) -> tuple[float, Mapping[str, float]]:
    """The least expectation over the grids of all tuned steps, refined once around the best point."""

    def values(steps: Mapping[str, Array]) -> Array:
        return _expectation(test, at, steps, problem, name, at.get(test.noise, 0.0))

    return _least(test, at, values)


def _least(
    test: ExponentTest, at: Mapping[str, float], values: Callable[[Mapping[str, Array]], Array]
) -> tuple[float, Mapping[str, float]]:
    """The least of `values` over the grids of all tuned steps together, then once more around the best point."""
    ends = {t.letter: (_evaluated(t.low, at), _evaluated(t.high, at)) for t in test.tuned}
    best = np.inf
    chosen: dict[str, float] = {}
    for _ in range(2):
        grids = [np.geomspace(*ends[t.letter], t.points) for t in test.tuned]
        mesh = np.array(list(product(*grids))).T
        steps = {t.letter: row for t, row in zip(test.tuned, mesh, strict=True)}
        found = np.asarray(values(steps))
        found = np.where(np.isfinite(found), found, np.inf)
        place = int(np.argmin(found))
        if found[place] < best:
            best, chosen = float(found[place]), {name: float(row[place]) for name, row in steps.items()}
        for t, grid in zip(test.tuned, grids, strict=True):
            ratio = grid[1] / grid[0]
            low, high = ends[t.letter]
            ends[t.letter] = (max(low, chosen[t.letter] / ratio), min(high, chosen[t.letter] * ratio))
    return best, chosen


def _sampled(
    test: ExponentTest,
    n: Array,
    points: Sequence[Mapping[str, float]],
    problems: Sequence[Problem],
    name: str,
    session: Session,
) -> Measurement:
    """Every step of every replica, with replicas from a pilot's variance; without noise one run says it all."""
    if test.tuned:
        if any(at.get(test.noise, 0.0) > 0 for at in points):
            raise TightrateError("steps are tuned on exact expectations or without noise")
        found = [
            _least(test, at, partial(_samples_of_steps, test, at, problem, name))
            for at, problem in zip(points, problems, strict=True)
        ]
        steps = {t.letter: np.array([chosen[t.letter] for _, chosen in found]) for t in test.tuned}
        return Measurement(np.array([mean for mean, _ in found]), np.zeros(len(points)), steps, 1, 1)
    if all(at.get(test.noise, 0.0) == 0 for at in points):
        certain = [_samples(test, at, {}, p, name, 1, {})[0] for at, p in zip(points, problems, strict=True)]
        return Measurement(np.array(certain), np.zeros(len(points)), {}, 1, 1)
    axes = [{"test": test.id, "point": i, "seed": session.seed} for i in range(len(points))]
    pilot = [
        _samples(test, at, {}, problem, name, PILOT, {**axis, "use": "pilot"})
        for at, problem, axis in zip(points, problems, axes, strict=True)
    ]
    deviation = np.array([values.std(ddof=1) / values.mean() for values in pilot])
    needed = replicas_needed({"n": n}, deviation, half_width=HALF_WIDTH)
    most = session.choose(quick=test.most_replicas[0], full=test.most_replicas[1])
    replicas = int(np.clip(needed, PILOT, most))
    samples = [
        _samples(test, at, {}, problem, name, replicas, axis)
        for at, problem, axis in zip(points, problems, axes, strict=True)
    ]
    means = np.array([values.mean() for values in samples])
    errors = np.array([values.std(ddof=1) / np.sqrt(replicas) for values in samples])
    return Measurement(means, errors, {}, replicas, needed)


def _samples_of_steps(
    test: ExponentTest, at: Mapping[str, float], problem: Problem, name: str, steps: Mapping[str, Array]
) -> Array:
    """The measure at every tuned step, without noise."""
    return _samples(test, at, steps, problem, name, 1, {})


def _samples(
    test: ExponentTest,
    at: Mapping[str, float],
    tuned: Mapping[str, Array],
    problem: Problem,
    name: str,
    replicas: int,
    axes: Mapping[str, Any],
) -> Array:
    """The measure of every replica, or of every tuned step."""
    key = dict(axes)
    sigma = at.get(test.noise, 0.0)
    algorithm = _algorithm(test, at, tuned)
    R = int(at["R"])
    run = sample(
        algorithm,
        problem,
        K=int(at["K"]),
        R=R,
        replicas=len(next(iter(tuned.values()))) if tuned else replicas,
        noise=GaussianNoise(sigma) if sigma > 0 else None,
        seed=int(key.pop("seed", 0)),
        stream_axes=key,
        forgetting=_forgetting(test, problem, tuned.get("eta", at.get("eta"))),
        measured_rounds=(R,),
    )
    x = run.last if run.average is None else run.average
    if name == "gap":
        values = problem.gap(x)
    else:
        values = np.linalg.norm(x - problem.optimum, axis=-1) ** (2 if name == "squared-distance" else 1)
    return np.where(run.diverged, np.inf, values)
