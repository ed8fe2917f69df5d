"""What a run may be given: the names of what there is, the kinds and ranges of parameters, what must not be missing.

One rule for everything that runs: `simulate`, sweeps and users' papers refuse the same mistakes with the same line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, cast

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.numbers import MOST, SEEDS, number, sized, whole
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.problem_file import is_problem_file
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS, check_value
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.by_name import (
    ROWS,
    Builder,
    noise_constructor,
    noise_names,
    problem_constructor,
    problem_name,
)
from tightrate.simulator.engine_choice import METHODS, Method
from tightrate.simulator.measures import MEASURES, OUTPUTS, Output
from tightrate.simulator.parameters import VECTORS, parameters, takes_any_name
from tightrate.simulator.theorem_values import symbols_of, with_run_parameters

Value = float | int | bool | str | tuple[Any, ...] | None

RUN_PARAMETERS: Mapping[str, str] = {
    "K": "local steps per round",
    "R": "communication rounds",
    "sigma": "noise level of one stochastic gradient (0: none)",
    "clients": "workers drawn in every round (all unless given)",
    "replicas": "independent repetitions",
    "start": "where runs start: a number, or one for each coordinate (0 unless given)",
    "seed": "of the random instance and of the noise",
}
LEAST: Mapping[str, int] = {"replicas": 1, "clients": 1, "batch": 1, "seed": 0}  # of whole numbers that are no symbols
DEFAULT_NOISE = "gaussian"

CHOICES: Mapping[str, Callable[[], Collection[str]]] = {
    "algorithm": ALGORITHMS.names,
    "problem": PROBLEMS.names,
    "noise": noise_names,
    "output": lambda: OUTPUTS,
    "method": lambda: METHODS,
    "measure": lambda: MEASURES,
}


def check_choice(kind: str, *names: object) -> None:
    """Refuse the name of an algorithm, problem, noise, output, method or measure that does not exist.

    >>> check_choice("output", "average")
    >>> check_choice("method", "guess")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.UnknownNameError: unknown method 'guess' (known: auto, exact, rounds, sample)
    """
    known = CHOICES[kind]()
    for name in names:
        if name not in known and not (kind == "problem" and is_problem_file(name)):
            raise unknown_name(kind, str(name), known)


def method_named(name: str) -> Method:
    """The method of that name."""
    check_choice("method", name)
    return cast(Method, name)


def output_named(name: str) -> Output:
    """The output of that name."""
    check_choice("output", name)
    return cast(Output, name)


def check_fraction(what: str, value: float) -> None:
    """Refuse what does not lie strictly between 0 and 1."""
    if not 0 < number(what, value) < 1:
        raise TightrateError(f"{what} must lie in (0,1), not {value:g}")


def is_count(name: str) -> bool:
    """Whether a parameter of that name is a whole number."""
    return name in LEAST or (name in LETTERS and LETTERS[name].counts)


def checked(name: str, value: Any, default: Any = None) -> Value:
    """A parameter's value in the one form that runs, keys, random streams and results use; others are refused.

    The kind is that of the default (a number where there is none), the range that of the alphabet; a value that equals
    its default, such as rho = inf, says that something is absent.

    >>> checked("K", 4.0), checked("scaling", "adam", "sgd"), checked("sigma", 1)
    (4, 'adam', 1.0)
    >>> checked("eta", -1.0)
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: eta must be positive and finite, not -1
    """
    for kind, what in ((bool, "true or false"), (str, f"a name such as {default}"), (tuple, "a list")):
        if isinstance(default, kind):
            given = tuple(value) if kind is tuple and isinstance(value, list) else value
            if not isinstance(given, kind):
                raise TightrateError(f"{name} must be {what}, not {value!r}")
            return given
    if value is None and default is None and name not in LETTERS:
        return None
    if name in VECTORS and isinstance(value, list | tuple):
        return tuple(float(number(name, entry)) for entry in value)
    if name in LEAST:
        return whole(name, value, LEAST[name], SEEDS if name == "seed" else None)
    found = number(name, value)
    if found != found:
        raise TightrateError(f"{name} must be a number, not {found!r}")
    if name in LETTERS and found != default:
        check_value(name, found)
    if (is_count(name) or type(default) is int) and abs(found) != float("inf"):
        if found != int(found) or abs(found) > MOST:
            raise TightrateError(f"{name} must be a whole number of at most {MOST}, not {sized(found)}")
        return int(found)
    return float(found)


def known_parameters(
    algorithm: str,
    problem: Builder,
    *,
    noise: str = DEFAULT_NOISE,
    output: Output = "last",
    theorem: Theorem | None = None,
) -> dict[str, Any]:
    """Every name that a run accepts, with the default that shows its kind; None where there is none.

    A problem of one's own may have any constant of the alphabet.

    >>> known_parameters("savic", "rank-one-pair")["scaling"]
    'adam'
    """
    known: dict[str, Any] = dict.fromkeys(RUN_PARAMETERS)
    known |= dict.fromkeys(name for name, own in LETTERS.items() if own.run)
    if theorem is not None:
        known |= dict.fromkeys(symbols_of(theorem))
    if output == "weighted":
        known["mu"] = None
    if not isinstance(problem, str):
        known |= dict.fromkeys(LETTERS)
    return {**known, **defaults_of(algorithm, problem, noise)}


def defaults_of(algorithm: str, problem: Builder, noise: str) -> dict[str, Any]:
    """The parameters of algorithm, problem and noise with their defaults, None where one has none."""
    constructors = (noise_constructor(noise), problem_constructor(problem), ALGORITHMS[algorithm])
    return {name: own.default for constructor in constructors for name, own in parameters(constructor).items()}


def check_known(what: str, names: Iterable[str], known: Mapping[str, Any], problems: Iterable[Builder]) -> None:
    """Refuse names of parameters that mean nothing here; a problem of one's own may take any name."""
    if any(takes_any_name(problem_constructor(problem)) for problem in problems):
        return
    for name in names:
        if name not in known:
            raise unknown_name(f"parameter of {what}", name, known)


def check_complete(required: Iterable[str], given: Collection[str], advice: str) -> None:
    """Refuse a run that lacks a parameter; K and R are always needed."""
    missing = [name for name in (*required, "K", "R") if name not in given]
    if missing:
        raise TightrateError(f"missing {', '.join(missing)}; {advice.format(missing[0])}")


def check_level(noise: str, given: Collection[str], advice: str) -> None:
    """Refuse a noise that is named without its level: it would be none."""
    if noise not in (DEFAULT_NOISE, ROWS) and "sigma" not in given:
        raise TightrateError(f"missing sigma, the level of the noise {noise}; {advice.format('sigma')}")


def check_replicas(replicas: Any, relative_error: float | None, most: Any) -> None:
    """Refuse impossible numbers of replicas, a pilot of one, and a limit below the pilot."""
    whole("replicas", replicas)
    whole("most_replicas", most)
    if relative_error is None:
        return
    if replicas < 2:
        raise TightrateError(f"replicas must be at least 2 for a pilot, not {replicas}")
    check_fraction("relative_error", relative_error)
    if most < replicas:
        raise TightrateError(f"most_replicas must be at least the {replicas} replicas of a pilot, not {most}")


def checked_run(
    algorithm: str,
    problem: Builder,
    values: Mapping[str, Any],
    *,
    noise: str = DEFAULT_NOISE,
    output: Output = "last",
    theorem: Theorem | None = None,
) -> dict[str, Any]:
    """The parameters of one run, each in its one form; unknown, impossible and missing ones are refused."""
    known = known_parameters(algorithm, problem, noise=noise, output=output, theorem=theorem)
    check_known(f"{algorithm} on {problem_name(problem)}", values, known, [problem])
    found = {name: checked(name, value, known.get(name)) for name, value in values.items()}
    check_level(noise, values, "give {}=VALUE")
    built = {**parameters(problem_constructor(problem)), **parameters(ALGORITHMS[algorithm])}
    check_complete((name for name, own in built.items() if own.required), values, "give {}=VALUE")
    return with_run_parameters(found)
