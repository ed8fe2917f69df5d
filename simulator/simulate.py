"""One call for one simulation: an algorithm and a problem by name, parameters by name, numbers with errors back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any, Literal

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.common.workload import HOURS
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.rates.statements.catalogue import theorem as theorem_of
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.by_name import (
    Builder,
    as_builder,
    build_noise,
    build_problem,
    noise_constructor,
    problem_constructor,
    problem_name,
)
from tightrate.simulator.engine_choice import EXACT_MEASURES, Engine, Method, Question
from tightrate.simulator.measure import Samples, is_infinite, measure
from tightrate.simulator.measures import Output
from tightrate.simulator.parameters import parameters, spelled
from tightrate.simulator.theorem_values import RunSymbols, symbols_of
from tightrate.simulator.validation import DEFAULT_NOISE, check_choice, check_fraction, checked_run

SAMPLED_MEASURES = ("gap", "distance", "squared-distance")
REPLICAS = 64  # of a run in which something is random


@dataclass(frozen=True)
class Measured:
    """Mean over replicas and its standard error, both None when the run diverged; quantiles where asked for.

    The error is None, too, where it is unknown: of a single replica in which something is random.
    """

    mean: float | None
    stderr: float | None
    quantiles: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """A condition of the theorem and its status at the values of the run."""

    condition: str
    status: Literal["holds", "fails", "unknown"]


@dataclass(frozen=True)
class Simulation:
    """What a simulation found: `measures` by name, how it was computed, and every parameter that was used.

    `notes` say what a reader of the numbers must know: an infinite expectation, a theorem that speaks of something
    else.  With a theorem named, `bound` is its value here (None where a symbol is unknown) and `conditions` says
    which of its hypotheses hold; a run outside them is allowed.

    Attributes:
        method: "exact", "rounds" or "sample"
        status: "ok", or what went wrong, such as "diverged"
        parameters: every one, also those taken by default

    >>> simulate("local-sgd", "rank-one-pair", cosine=0.5, eta=1, K=4, R=2).status
    'ok'
    """

    measures: Mapping[str, Measured]
    method: Engine
    status: Literal["ok", "diverged"]
    parameters: Mapping[str, float | str]
    notes: tuple[str, ...] = ()
    conditions: tuple[Checked, ...] = ()
    bound: float | None = None

    def rows(self) -> dict[str, str]:
        """What a small table says."""
        told = {
            name: "diverged" if one.mean is None else f"{one.mean:.6g}{f' ± {one.stderr:.2g}' if one.stderr else ''}"
            for name, one in self.measures.items()
        }
        bound = {} if self.bound is None else {"bound": f"{self.bound:.6g}"}
        return {**told, **bound, "method": self.method, **{f"note {i}": note for i, note in enumerate(self.notes, 1)}}

    def __str__(self) -> str:
        return "\n".join([self.status, *(f"  {name}  {text}" for name, text in self.rows().items())])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in self.rows().items()
        )
        return f"<div><b>{self.status}</b><table>{cells}</table></div>"


def simulate(
    algorithm: str | Callable[..., Algorithm[Any]],
    problem: Builder | Problem,
    values: Mapping[str, Any] | None = None,
    *,
    method: Method = "auto",
    output: Output = "last",
    noise: str = DEFAULT_NOISE,
    measures: Sequence[str] = (),
    quantiles: Sequence[float] = (),
    theorem: str | Theorem | None = None,
    hours: float = HOURS,
    **more: Any,
) -> Simulation:
    """Run `algorithm` on `problem`, by their names or as what the registries have under them; a problem may also be a
    `Problem`, or a function of your own that makes one.

    Parameters are given in a mapping or as keywords: those of the run (`K`, `R`, `sigma`, `clients`, `replicas`,
    `seed`), and those of the algorithm, the problem and the noise, in the units of the alphabet.  Raises
    TightrateError, in one line, for what is unknown, missing or impossible.

    `exact` finds expectations in closed form, for linear updates on quadratic problems (K and R of any size, K
    = inf where it exists); `rounds` draws one Gaussian vector for each round, which has the same law; `sample`
    takes every step; `auto` is the first of these that can answer.  `noise` is a law by name, or "rows" for a
    finite sum.  `measures` are those of `tightrate.simulator.measures`; by default gap and squared distance, and
    the distance where it is certain or sampled.  `quantiles` over replicas are in (0, 1).  A `theorem` is
    compared, never imposed.  A run that would take more than so many `hours` on one core is refused.

    Args:
        algorithm: a name, or what makes the method
        problem: a name, a `Problem`, or a function that makes one
        values: parameters by name
        method: "exact", "rounds", "sample" or "auto"
        output: "last" or "average"
        noise: a law by name, or "rows"
        measures: what is measured of the output
        quantiles: levels in (0, 1)
        theorem: a statement whose bound and conditions are told beside the run
        hours: the longest estimate that is run
        more: further parameters

    Returns:
        Each measure's mean with its standard error, the method that answered, and every parameter.

    Raises:
        TightrateError: in one line.

    >>> found = simulate("local-sgd", "rank-one-pair", {"cosine": 0.5, "eta": 1.0, "K": float("inf"), "R": 1})
    >>> found.method, round(found.measures["gap"].mean, 12)
    ('exact', 0.046875)
    >>> from tightrate.constructions.problem import PROBLEMS
    >>> simulate(ALGORITHMS["local-sgd"], PROBLEMS["rank-one-pair"], cosine=0.5, eta=1, K=4, R=2).status
    'ok'
    """
    rule = algorithm if isinstance(algorithm, str) else ALGORITHMS.name_of(algorithm)
    if not isinstance(algorithm, str) and ALGORITHMS.get(rule) is not algorithm:
        raise TightrateError(
            f"{rule} is not in the registry: mark what makes it with ALGORITHMS.add, in a paper of your own"
        )
    builder = as_builder(problem)
    given = {**(values or {}), **more}
    check_choice("method", method)
    check_choice("output", output)
    check_choice("noise", noise)
    check_choice("measure", *measures)
    for level in quantiles:
        check_fraction("a quantile", level)
    claimed = theorem_of(theorem) if isinstance(theorem, str) else theorem
    values = checked_run(rule, builder, spelled(given), noise=noise, output=output, theorem=claimed)
    question = Question.about(
        rule,
        values,
        build_problem(builder, values),
        build_noise(noise, values),
        K=values["K"],
        R=values["R"],
        mu=values.get("mu"),
        measures=measures,
        output=output,
        clients=values.get("clients"),
        distribution=bool(quantiles),
    )
    engine = question.engine(method, (rule, problem_name(builder)))
    question = replace(question, measures=measures or _default_measures(question, engine))
    replicas, seed = values.get("replicas", 1 if question.certain else REPLICAS), values.get("seed", 0)
    samples = measure(question, engine, replicas=replicas, seed=seed, hours=hours)
    found = {name: _measured(name, samples, question, quantiles) for name in question.measures}
    defaults = _defaults(rule, builder, None if question.noise is None else noise, values)
    told = {name: _told(value) for name, value in {**defaults, **values}.items()}
    law = {} if noise == DEFAULT_NOISE else {"noise": noise}
    simulation = Simulation(
        found,
        engine,
        "diverged" if any(one.mean is None for one in found.values()) else "ok",
        {**told, "seed": seed, "output": output, **law},
        samples.notes,
    )
    return simulation if claimed is None else _compared(simulation, claimed, rule, builder, question, values)


def _default_measures(question: Question, engine: Engine) -> Sequence[str]:
    if engine != "exact":
        return SAMPLED_MEASURES
    return (*EXACT_MEASURES, "distance") if question.certain else EXACT_MEASURES


# What comes out.


def _measured(name: str, samples: Samples, question: Question, levels: Sequence[float]) -> Measured:
    """Mean, standard error and quantiles; a diverged replica counts as infinite.

    A mean that is known to be infinite is told as known rather than as sampled.  The error of a single replica is
    unknown, unless nothing was random.
    """
    values = np.where(np.isnan(samples.values[name]), np.inf, samples.values[name])
    quantiles = {f"{level:g}": float(np.quantile(values, level, method="inverted_cdf")) for level in levels}
    if not np.isfinite(values).all():
        return Measured(None, None, quantiles)
    if not samples.exact and is_infinite(name, question):
        return Measured(float("inf"), float("inf"), quantiles)
    error = 0.0 if question.certain else samples.stderr(name)
    return Measured(samples.mean(name), None if np.isnan(error) else error, quantiles)


def _defaults(algorithm: str, problem: Builder, noise: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of what was not given; a name with different ones stands once for each, as in "mu of PROBLEM"."""
    constructors: dict[str, Callable[..., object]] = {
        problem_name(problem): problem_constructor(problem),
        algorithm: ALGORITHMS[algorithm],
    }
    if noise is not None:
        constructors[noise] = noise_constructor(noise)
    owners = {
        owner: {name: part.default for name, part in parameters(constructor).items() if not part.required}
        for owner, constructor in constructors.items()
    }
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for own in owners.values() for name in own if name not in values):
        defaults = {owner: own[name] for owner, own in owners.items() if name in own}
        if len(set(defaults.values())) == 1:
            found[name] = next(iter(defaults.values()))
        else:
            found |= {f"{name} of {owner}": default for owner, default in defaults.items()}
    return found


def _told(value: Any) -> float | str:
    """A parameter as a number or a text: lists as on the command line, "none" for a choice that was not made."""
    if value is None or value == ():
        return "none"
    if not isinstance(value, (tuple, list)):
        number_or_text: float | str = value
        return number_or_text
    between = ";" if any(isinstance(part, (tuple, list)) for part in value) else ","
    parts = [_told(part) for part in value]
    return between.join(part if isinstance(part, str) else f"{part:g}" for part in parts)


# What a theorem says of it.


def _compared(
    found: Simulation,
    claimed: Theorem,
    algorithm: str,
    problem: Builder,
    question: Question,
    values: Mapping[str, Any],
) -> Simulation:
    """The simulation with the theorem's bound here (constants that it hides taken as 1), and which conditions hold."""
    run = RunSymbols.of(claimed, algorithm, problem, question.noise, values, lambda: question.problem)
    symbols = run.known({*LETTERS, *symbols_of(claimed)})
    conditions = tuple(Checked(one.text, one.status(symbols)) for one in claimed.conditions)
    notes = [
        *_about(claimed, algorithm),
        *(f"outside the conditions of {claimed.id}: {one.condition}" for one in conditions if one.status == "fails"),
        *_missing_moments(claimed, question.noise, symbols, question.problem),
    ]
    known = set(claimed.bound.letters) <= set(symbols)
    bound = claimed.bound.at(symbols) if known else None
    return replace(found, notes=(*found.notes, *notes), conditions=conditions, bound=bound)


def _about(claimed: Theorem, algorithm: str) -> list[str]:
    if claimed.algorithm == algorithm or claimed.id in ALGORITHMS.describe(algorithm).theorems:
        return []
    return [f"{claimed.id} speaks of {claimed.algorithm}, not of {algorithm}"]


def _missing_moments(
    claimed: Theorem, noise: Noise | RowSampling | None, symbols: Mapping[str, float], problem: Problem
) -> list[str]:
    """Moments that the theorem asks for and the noise has not."""
    asked = claimed.bound.letters
    order = symbols.get("alpha") if "alpha" in asked else 2.0 if "sigma" in asked else None
    if order is None or not isinstance(noise, Noise) or np.isfinite(noise.moment(order, problem.dimension)):
        return []
    return [f"{claimed.id} asks for a noise moment of order {order:g}, which is infinite here"]
