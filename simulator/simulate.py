"""One call for one simulation: an algorithm and a problem by name, parameters by name, numbers with errors back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from math import prod
from typing import Any, Literal

import numpy as np

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.noise import NOISES, Noise
from tightrate.constructions.parameters import check_memory
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.rates.statements.catalogue import theorem as theorem_of
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS, check_value
from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.engine_choice import EXACT_MEASURES, METHODS, Engine, Method, Question
from tightrate.simulator.exact.linear_form import LinearForm
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.measures import MEASURES, OUTPUTS, Output, forgetting, iterate, records_of
from tightrate.simulator.parameters import construct, parameters, spelled
from tightrate.simulator.sampled.round_law import sample_rounds
from tightrate.simulator.sampled.run import Run
from tightrate.simulator.sampled.sampling import sample
from tightrate.simulator.theorem_values import RunLetters, moment_order

__all__ = ["METHODS", "OUTPUTS", "Measured", "Method", "Output", "Simulation", "build_problem", "simulate"]

RUN_PARAMETERS: Mapping[str, str] = {
    "K": "local steps per round",
    "R": "communication rounds",
    "sigma": "noise level of one stochastic gradient (0: none)",
    "clients": "workers drawn in every round (all unless given)",
    "replicas": "independent repetitions",
    "seed": "of the random instance and of the noise",
}
ROWS = "rows"  # the noise of a finite sum: every stochastic gradient is the mean over `batch` sampled rows
SAMPLED_MEASURES = ("gap", "distance", "squared-distance")
MOST_NUMBERS = 1e12  # of all steps of a run: hours of work
NUMBERS_PER_STEP = 1000  # a step of fewer numbers takes as long
ARRAYS_OF_A_RUN = 32  # of a number for each worker and coordinate: the problem's, x_0, gradients, noise, the state's


@dataclass(frozen=True)
class Measured:
    """Mean over replicas and its standard error, both None when the run diverged; quantiles where asked for."""

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
    else.  With a theorem named, `bound` is its value here (None where a letter is unknown) and `conditions` says
    which of its hypotheses hold; a run outside them is allowed.
    """

    measures: Mapping[str, Measured]
    method: Engine
    status: Literal["ok", "diverged"]
    parameters: Mapping[str, float | str]
    notes: tuple[str, ...] = ()
    conditions: tuple[Checked, ...] = ()
    bound: float | None = None


def simulate(
    algorithm: str,
    problem: str,
    values: Mapping[str, Any],
    *,
    method: Method = "auto",
    output: Output = "last",
    noise: str = "gaussian",
    measures: Sequence[str] = (),
    quantiles: Sequence[float] = (),
    theorem: str | None = None,
) -> Simulation:
    """Run `algorithm` on `problem`; see RUN_PARAMETERS for the parameters of a run, the rest are their own.

    `exact` finds expectations in closed form, for linear updates on quadratic problems (K and R of any size, K = inf
    where it exists); `rounds` draws one Gaussian vector for each round, which has the same law; `sample` takes every
    step; `auto` is the first of these that can answer.  `noise` is a law by name, or "rows" for a finite sum.
    `measures` are those of `tightrate.simulator.measures`; by default gap and squared distance, and the distance where
    it is certain or sampled.  `quantiles` over replicas are in (0, 1).  A `theorem` is compared, never imposed.

    >>> found = simulate("local-sgd", "rank-one-pair", {"cosine": 0.5, "eta": 1.0, "K": float("inf"), "R": 1})
    >>> found.method, round(found.measures["gap"].mean, 12)
    ('exact', 0.046875)
    """
    _check_names(method, output, noise, measures, quantiles)
    values = spelled(values)
    claimed = theorem_of(theorem) if theorem is not None else None
    check_parameters(algorithm, problem, values, noise=noise, output=output, theorem=claimed)
    instance = build_problem(problem, values)
    law, rule = build_noise(noise, values), construct(ALGORITHMS[algorithm], values)
    clients = int(values["clients"]) if "clients" in values else None
    question = Question(rule, instance, law, measures, output, clients, distribution=bool(quantiles), K=values["K"])
    used = question.engine(method, (algorithm, problem))
    q = forgetting(output, instance, values.get("eta", 0.0), values.get("mu"))
    if used == "exact":
        names = measures or (*EXACT_MEASURES, "distance") if question.certain else measures or EXACT_MEASURES
        found = _expectations(question, values, q, names, quantiles)
    else:
        names = measures or SAMPLED_MEASURES
        samples = _samples(question, used, values, q, names)
        found = {name: _summary(samples[name], quantiles) for name in names}
    notes = [*_moment_notes(question, noise, used, names), *_about(claimed, algorithm)]
    if used != "exact":
        found = {name: _known(name, one, question) for name, one in found.items()}
    status: Literal["ok", "diverged"] = "diverged" if any(one.mean is None for one in found.values()) else "ok"
    defaults = _defaults(algorithm, problem, None if law is None else noise, values)
    told = {name: _told(value) for name, value in {**defaults, **values}.items()}
    used_values = {**told, "seed": int(values.get("seed", 0)), "output": output}
    if noise != "gaussian":
        used_values["noise"] = noise
    if claimed is None:
        return Simulation(found, used, status, used_values, tuple(notes))
    letters = _letters(claimed, algorithm, instance, law, values)
    checked = tuple(Checked(one.text, one.status(letters)) for one in claimed.conditions)
    notes += [f"outside the conditions of {claimed.id}: {one.condition}" for one in checked if one.status == "fails"]
    notes += _noise_notes(claimed, law, letters, instance)
    return Simulation(found, used, status, used_values, tuple(notes), checked, _bound(claimed, letters))


# What goes in.


def _check_names(method: str, output: str, noise: str, measures: Sequence[str], quantiles: Sequence[float]) -> None:
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if output not in OUTPUTS:
        raise unknown_name("output", output, OUTPUTS)
    _law(noise)
    for name in measures:
        if name not in MEASURES:
            raise unknown_name("measure", name, MEASURES)
    for level in quantiles:
        if not 0 < level < 1:
            raise TightrateError(f"a quantile must lie in (0,1), not {level:g}")


def known_parameters(
    algorithm: str,
    problem: str,
    *,
    noise: str = "gaussian",
    output: Output = "last",
    theorem: Theorem | None = None,
) -> dict[str, Any]:
    """Every name that a run accepts, with the default that shows its kind; None where there is none.

    >>> known_parameters("savic", "rank-one-pair")["scaling"]
    'adam'
    """
    known: dict[str, Any] = dict.fromkeys(RUN_PARAMETERS)
    if theorem is not None:
        known |= dict.fromkeys(theorem.bound.letters)
        conditions = [one.relation for one in theorem.conditions if one.relation is not None]
        known |= {symbol.name: None for relation in conditions for symbol in relation.free_symbols}
    if output == "weighted":
        known["mu"] = None
    own = {**parameters(PROBLEMS[problem]), **parameters(ALGORITHMS[algorithm])}
    return {**known, **noise_parameters(noise), **{name: part.default for name, part in own.items()}}


def check_parameters(
    algorithm: str,
    problem: str,
    values: Mapping[str, Any],
    *,
    noise: str = "gaussian",
    output: Output = "last",
    theorem: Theorem | None = None,
) -> None:
    """Refuse unknown names (with the nearest match), impossible values and missing required parameters."""
    built = {**parameters(PROBLEMS[problem]), **parameters(ALGORITHMS[algorithm])}
    required = {name for name, own in built.items() if own.required} | {"K", "R"}
    known = known_parameters(algorithm, problem, noise=noise, output=output, theorem=theorem)
    for name, value in values.items():
        if name not in known:
            raise unknown_name(f"parameter of {algorithm} on {problem}", name, known)
        _check_kind(name, value, known[name])
        if name in LETTERS and not (name in built and value == built[name].default):  # such as rho = inf: absent
            check_value(name, value)
    for name, least, allowed in (
        ("replicas", 1, "positive"),
        ("clients", 1, "positive"),
        ("batch", 1, "positive"),
        ("seed", 0, "nonnegative"),
    ):
        if not (least <= (count := values.get(name, 1)) < float("inf") and count == int(count)):
            raise TightrateError(f"{name} must be a {allowed} integer, not {count:g}")
    if noise not in ("gaussian", ROWS) and "sigma" not in values:
        raise TightrateError(f"missing sigma, the level of the noise {noise}; give sigma=VALUE")
    missing = [name for name in (*built, "K", "R") if name in required and name not in values]
    if missing:
        raise TightrateError(f"missing {', '.join(missing)}; give {missing[0]}=VALUE")


def _check_kind(name: str, value: Any, default: Any) -> None:
    """Refuse a number where the default is a text or a list, and anything but a number where it is neither."""
    if isinstance(default, str):
        kind, fits = f"a name such as {default}", isinstance(value, str)
    elif isinstance(default, tuple):
        kind, fits = "a list", isinstance(value, (tuple, list))
    else:
        kind, fits = "a number", isinstance(value, (int, float, np.integer, np.floating)) or value is default
    if not fits:
        raise TightrateError(f"{name} must be {kind}, not {value!r}")


def build_problem(name: str, values: Mapping[str, Any]) -> Problem:
    """The problem of that name, from those of `values` that are its parameters, if a run on it fits the memory."""
    own = parameters(PROBLEMS[name])
    sizes = {size: values.get(size, own[size].default) or 1 for size in ("M", "d", "rows") if size in own}
    given = " and ".join(f"{size} = {value:g}" for size, value in sizes.items())
    check_memory(ARRAYS_OF_A_RUN * prod(sizes.values()), f"a run on {name} with {given}")
    return construct(PROBLEMS[name], values)


def _law(name: str) -> Any:
    if name == ROWS:
        return RowSampling
    if name not in NOISES.entries():
        raise unknown_name("noise", name, (*NOISES.names(), ROWS))
    return NOISES[name]


def noise_parameters(name: str) -> dict[str, Any]:
    """The parameters of a noise law, or of row sampling, with their defaults; None where one has none."""
    return {part.name: None if part.default is MISSING else part.default for part in fields(_law(name))}


def build_noise(name: str, values: Mapping[str, Any]) -> Noise | RowSampling | None:
    """The noise of that name, from those of `values` that are its parameters; none where its level is zero."""
    given = {key: values[key] for key in noise_parameters(name) if key in values}
    if name != ROWS and given.get("sigma", 0.0) == 0:
        return None
    found: Noise | RowSampling = _law(name)(**given)
    return found


def _defaults(algorithm: str, problem: str, noise: str | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of what was not given; a name with different ones stands once for each, as in "mu of PROBLEM"."""
    owners = {
        owner: {name: part.default for name, part in parameters(constructor).items() if not part.required}
        for owner, constructor in ((problem, PROBLEMS[problem]), (algorithm, ALGORITHMS[algorithm]))
    }
    if noise is not None:
        owners[noise] = {name: default for name, default in noise_parameters(noise).items() if default is not None}
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


def refuse_too_large(replicas: int, problem: Problem, K: float, R: float = 1) -> None:
    """One line instead of a run that never ends, or whose results fill the memory."""
    step = max(replicas * problem.workers * problem.dimension, NUMBERS_PER_STEP)
    one_round = step * (K if np.isfinite(K) else 1)
    if one_round * R > MOST_NUMBERS:
        raise TightrateError(
            f"a round of {replicas} replicas, {problem.workers} workers and K = {K:g} takes {one_round:.3g} numbers; at"
            f" most {MOST_NUMBERS:.0e} are allowed in all R = {R:g} rounds: use fewer replicas or rounds"
        )
    check_memory(4 * replicas * problem.dimension, f"{replicas} replicas of a run in dimension {problem.dimension}")


# What comes out.


def _expectations(
    question: Question, values: Mapping[str, float], q: float | None, names: Sequence[str], levels: Sequence[float]
) -> dict[str, Measured]:
    """The exact measures; the distance itself has a closed form only where nothing is random."""
    assert not isinstance(question.noise, RowSampling)
    if any(LinearForm.of(stage).changes_with_the_round for stage, _ in question.algorithm.stages()):
        refuse_too_large(1, question.problem, 1, values["R"])
    d, dense = question.problem.dimension, isinstance(question.problem, QuadraticMachines)
    check_memory(d**2 * (ARRAYS_OF_A_RUN if dense else 1), f"method exact in dimension {d}")
    exact = exact_moments(
        question.algorithm,
        question.problem,
        K=values["K"],
        R=int(values["R"]),
        noise=question.noise,
        forgetting=q,
        clients=question.clients,
    )
    moments = exact.last if exact.average is None else exact.average
    found = {"gap": moments.gap, "squared-distance": moments.squared_distance}
    found["distance"] = np.sqrt(moments.squared_distance)
    measured = {}
    for name in names:
        value = float(found[name][0])
        certain = {f"{level:g}": value for level in levels}
        measured[name] = Measured(value, 0.0, certain) if np.isfinite(value) else Measured(None, None)
    return measured


def _samples(
    question: Question, engine: Engine, values: Mapping[str, float], q: float | None, names: Sequence[str]
) -> dict[str, Array]:
    """One number for each replica and measure, infinite where the replica diverged."""
    problem, noise = question.problem, question.noise
    R, K = int(values["R"]), values["K"]
    replicas = int(values.get("replicas", 1 if question.certain else 64))
    common: dict[str, Any] = {
        "K": K,
        "R": R,
        "replicas": replicas,
        "seed": int(values.get("seed", 0)),
        "forgetting": q,
        "measured_rounds": (R,),
    }
    refuse_too_large(replicas, problem, 1 if engine == "rounds" else K, R)
    run: Run
    if engine == "rounds":
        check_memory(ARRAYS_OF_A_RUN * replicas * problem.dimension, f"method rounds with {replicas} replicas")
        assert not isinstance(noise, RowSampling)
        run = sample_rounds(question.algorithm, problem, noise=noise, **common)
    else:
        wanted = records_of(question.output, names)
        run = sample(question.algorithm, problem, noise=noise, clients=question.clients, record=wanted, **common)
    x = iterate(run, question.output)
    with np.errstate(over="ignore", invalid="ignore"):
        return {name: np.where(run.diverged, np.inf, MEASURES[name].take(run, problem, x)) for name in names}


def _summary(numbers: Array, levels: Sequence[float]) -> Measured:
    """Mean, standard error and quantiles; a diverged replica counts as infinite."""
    flat = np.where(np.isnan(numbers), np.inf, np.ravel(numbers))
    quantiles = {f"{level:g}": float(np.quantile(flat, level, method="inverted_cdf")) for level in levels}
    if not np.isfinite(flat).all():
        return Measured(None, None, quantiles)
    error = float(flat.std(ddof=1) / np.sqrt(flat.size)) if flat.size > 1 else 0.0
    return Measured(float(flat.mean()), error, quantiles)


# What must be said about the numbers.


def _lacks_moment(noise: Noise | RowSampling | None, order: float) -> bool:
    return isinstance(noise, Noise) and not np.isfinite(noise.moment(order))


def _infinite(name: str, question: Question) -> bool:
    """Whether the measure's expectation is known to be infinite.

    A linear method adds a multiple of the last gradient's noise, independent of all that came before, to its output;
    where F is strongly convex the gap is at least mu/2 times the squared distance (lee2024 Theorem H1).
    """
    mu = np.min(question.problem.constants.get("mu", 0.0))
    of_output = name in ("gap", "squared-distance", "squared-gradient") and question.output == "last"
    return of_output and bool(question.algorithm.linear and mu > 0) and _lacks_moment(question.noise, 2.0)


def _known(name: str, measured: Measured, question: Question) -> Measured:
    """The mean as known rather than as sampled, where it is known to be infinite."""
    infinite = measured.mean is not None and _infinite(name, question)
    return Measured(float("inf"), float("inf"), measured.quantiles) if infinite else measured


def _moment_notes(question: Question, noise: str, used: Engine, names: Sequence[str]) -> list[str]:
    """Expectations that do not exist, and means and standard errors that need not settle as replicas grow."""
    if used == "exact":
        return []
    infinite = [name for name in names if _infinite(name, question)]
    rest = [name for name in names if name not in infinite]
    means = [name for name in rest if _lacks_moment(question.noise, MEASURES[name].degree)]
    errors = [name for name in rest if _lacks_moment(question.noise, 2.0 * MEASURES[name].degree) and name not in means]
    notes = []
    if infinite:
        verb = "is" if len(infinite) == 1 else "are"
        notes.append(f"expected {' and '.join(infinite)} {verb} infinite: the {noise} noise has no second moment")
    for what, which in (("mean", means), ("standard error", errors)):
        if which and question.algorithm.linear:
            notes.append(
                f"the {noise} noise has no moment that would bound the {what} of {' and '.join(which)}: it may not"
                " settle as replicas grow; ask for quantiles"
            )
        elif which:
            notes.append(
                f"whether the {what} of {' and '.join(which)} is finite is not known here: bounded steps would bound"
                f" it, a moment of the {noise} noise does not; ask for quantiles"
            )
    return notes


def _about(claimed: Theorem | None, algorithm: str) -> list[str]:
    if claimed is None or claimed.id in ALGORITHMS.describe(algorithm).theorems:
        return []
    return [f"{claimed.id} speaks of {claimed.algorithm}, not of {algorithm}"]


def _noise_notes(
    claimed: Theorem, noise: Noise | RowSampling | None, letters: Mapping[str, float], problem: Problem
) -> list[str]:
    """Moments that the theorem asks for and the noise has not."""
    asked = claimed.bound.letters
    order = letters.get("alpha") if "alpha" in asked else 2.0 if "sigma" in asked else None
    if order is None or not isinstance(noise, Noise) or np.isfinite(noise.moment(order, problem.dimension)):
        return []
    return [f"{claimed.id} asks for a noise moment of order {order:g}, which is infinite here"]


def _letters(
    claimed: Theorem, algorithm: str, problem: Problem, noise: Noise | RowSampling | None, values: Mapping[str, float]
) -> dict[str, float]:
    """The letters of a theorem at a run; a default of the algorithm counts where the problem has no such constant."""
    defaults = {name: own for name, own in _defaults_of(algorithm).items() if name not in problem.constants}
    given = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    run = RunLetters(lambda: problem, noise, {**defaults, **given}, moment_order(claimed, values))
    return run.known({*LETTERS, *claimed.bound.letters})


def _defaults_of(algorithm: str) -> dict[str, float]:
    built = parameters(ALGORITHMS[algorithm])
    return {name: float(own.default) for name, own in built.items() if isinstance(own.default, (int, float))}


def _bound(claimed: Theorem, letters: Mapping[str, float]) -> float | None:
    """The bound's value, constants that it hides taken as 1; None where a letter is missing."""
    try:
        return float(claimed.bound.evaluate(letters))
    except TightrateError:
        return None
