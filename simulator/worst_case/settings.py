"""What an exact worst case is asked of: a method, sizes, a class of functions, a measure; refused where it is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any, Literal, cast, get_args

import numpy as np

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.numbers import whole
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm
from tightrate.simulator.measures import OUTPUTS as MEANINGS
from tightrate.simulator.parameters import construct, parameters, spelled
from tightrate.simulator.validation import Value, check_complete, check_known, checked
from tightrate.simulator.worst_case.programme import Measure

Method = str | Callable[..., Algorithm[Any]] | Algorithm[Any]
"""A method by name, what makes it of its parameters, or the method itself."""
Iterate = Literal["last", "average", "weighted"]

CLASSES: Mapping[str, str] = {
    "common-optimum": "M convex functions with a common minimizer (zeta_star = 0)",
    "heterogeneous": "M convex functions whose gradients at the minimizer of the mean have root mean square zeta_star",
    "one-worker": "one convex function",
}
MEASURES: Mapping[str, str] = {
    "gap": "F(x_out) - F*",
    "squared-distance": "|x_out - x*|^2",
    "squared-gradient": "|grad F(x_out)|^2",
}
OUTPUTS: Mapping[Iterate, str] = {name: MEANINGS[name] for name in get_args(Iterate)}
OF_CLASS: Mapping[str, float | None] = {
    "K": None, "R": None, "M": float("inf"), "L": 1.0, "mu": 0.0, "B": 1.0, "zeta_star": 0.0
}  # fmt: skip
MOST_POINTS = 100  # of one worker: the solver's matrices then take about half a GiB


@dataclass(frozen=True)
class Settings:
    """A programme that can be written down: `numbers` has K, R, M, L, mu, B and zeta_star, `steps` the method's own."""

    name: str
    rule: Algorithm[Any]
    steps: Mapping[str, Value]
    numbers: Mapping[str, float]
    measure: Measure
    output: Iterate
    symmetric: bool

    @property
    def local_steps(self) -> int:
        """The local steps of a round that the programme has: of a method that pools its gradients one, because K equal
        gradients are one."""
        return 1 if self.rule.pools_gradients else int(self.numbers["K"])

    @property
    def decay(self) -> float | None:
        """q in the weights (1 - q)^-(t + 1) of the average over these steps that is the output; None where it is none.

        A step that stands for K equal ones has the weight of all of them.
        """
        if self.output == "weighted":
            q = self.numbers["mu"] * float(cast(float, self.steps["eta"])) / 2
            return float(1 - (1 - q) ** (self.numbers["K"] / self.local_steps))
        return 0.0 if self.output == "average" else None

    @property
    def parameters(self) -> dict[str, float | str]:
        """All that the programme depends on, by name."""
        told = {name: _told(value) for name, value in {**self.numbers, **self.steps}.items() if value is not None}
        return {"algorithm": self.name, "measure": self.measure, "output": self.output, **told}


def settings_of(algorithm: Method, values: Mapping[str, Any]) -> Settings:
    """The method and the class with these values, each in the one form that runs; what is no programme is refused."""
    given = spelled(values)
    measure, output = given.pop("measure", "gap"), given.pop("output", "last")
    symmetric = bool(given.pop("symmetric", True))
    if measure not in MEASURES:
        raise unknown_name("measure", str(measure), MEASURES)
    if output not in OUTPUTS:
        raise unknown_name("output", str(output), OUTPUTS)
    if given.pop("sigma", 0.0) != 0:
        raise TightrateError("exact worst cases are those of methods without noise; leave sigma out")
    of_class = {name: value for name, value in given.items() if name in OF_CLASS}
    steps = {name: value for name, value in given.items() if name not in OF_CLASS}
    check_complete((), given, "give {0}=VALUE")
    numbers = {**OF_CLASS, **{name: _number(name, value) for name, value in of_class.items()}}
    known = cast(dict[str, float], numbers)
    _check_class(known, symmetric)
    name, rule, own = _method(algorithm, steps, known)
    _check_size(rule, known, symmetric)
    if output == "weighted" and not ("eta" in own and known["mu"] > 0):
        raise TightrateError("the weights (1 - mu eta/2)^-(t+1) need mu and the method's eta; give mu=VALUE eta=VALUE")
    return Settings(name, rule, own, known, cast(Measure, measure), cast(Iterate, output), symmetric)


def defaults_of(algorithm: Method) -> dict[str, Any]:
    """Every number that a worst case of the method may be given, with the default that shows its kind."""
    own = {} if isinstance(algorithm, Algorithm) else parameters(_constructor(algorithm))
    return {"sigma": 0.0, **{name: one.default for name, one in own.items()}, **OF_CLASS}


def of_class(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values, of a class that is named too (not where the name is empty); refused where they do not go together.

    >>> of_class("one-worker", {"K": 2})
    {'M': 1.0, 'K': 2}
    """
    if not name:
        return dict(values)
    if name not in CLASSES:
        raise unknown_name("class", name, CLASSES)
    found = {"M": 1.0, **values} if name == "one-worker" else dict(values)
    workers, zeta_star = (np.atleast_1d({**OF_CLASS, **found}[one]) for one in ("M", "zeta_star"))
    if wrong := [M for M in workers if (M == 1) != (name == "one-worker")]:
        raise TightrateError(f"the class {name} does not go with M={wrong[0]:g}")
    if name == "heterogeneous" and (zeta_star == 0).any():
        raise TightrateError("missing zeta_star, the heterogeneity of the class; give zeta_star=VALUE")
    if name == "common-optimum" and (zeta_star != 0).any():
        raise TightrateError("the class common-optimum has zeta_star=0; use --class heterogeneous")
    return found


def _number(name: str, value: Any) -> Any:
    if name in ("K", "R"):  # inf is no number of steps of a programme
        return whole(name, value)
    return checked(name, value, OF_CLASS[name])


def _constructor(algorithm: str | Callable[..., Algorithm[Any]]) -> Callable[..., Algorithm[Any]]:
    return ALGORITHMS[algorithm] if isinstance(algorithm, str) else algorithm


def _method(
    algorithm: Method, steps: Mapping[str, Any], numbers: Mapping[str, float]
) -> tuple[str, Algorithm[Any], dict[str, Value]]:
    """Its name, the method, and its own parameters; it is told of the class what it has parameters for."""
    if isinstance(algorithm, Algorithm):
        if steps:
            raise TightrateError(
                f"{type(algorithm).__name__} has its parameters already: leave {', '.join(steps)} out, or give the"
                " method by its name"
            )
        found = _registered(algorithm)
        return (type(algorithm).__name__, algorithm, {}) if found is None else (found[0], algorithm, found[1])
    constructor = _constructor(algorithm)
    name = algorithm if isinstance(algorithm, str) else ALGORITHMS.name_of(algorithm)
    known = parameters(constructor)
    check_known(name, steps, {one: own.default for one, own in known.items()}, ())
    of_class = {one: value for one, value in numbers.items() if one in known and value not in (0.0, float("inf"))}
    required = [one for one, own in known.items() if own.required]
    check_complete(required, {*steps, *of_class, "K", "R"}, "give {0}=VALUE")
    own = {one: checked(one, value, known[one].default) for one, value in steps.items()}
    rule = construct(constructor, {**of_class, **own})
    if not isinstance(rule, Algorithm):
        raise TightrateError(f"{name} must make an Algorithm, not {type(rule).__name__}")
    return name, rule, own


def _registered(rule: Algorithm[Any]) -> tuple[str, dict[str, Value]] | None:
    """The name under which the registry makes this very method, and from which parameters, if they can be read off."""
    for name, constructor in ALGORITHMS.entries().items():
        known = parameters(constructor)
        fields = {one: getattr(rule, own.keyword, None) for one, own in known.items()}
        if not known or any(value is None or np.size(value) != 1 for value in fields.values()):
            continue
        values: dict[str, Value] = {one: np.asarray(value).item() for one, value in fields.items()}
        made = construct(constructor, values)
        if (
            type(made) is type(rule)
            and vars(made).keys() == vars(rule).keys()
            and all(np.array_equal(value, vars(rule)[part]) for part, value in vars(made).items())
        ):
            return name, values
    return None


def _check_class(numbers: Mapping[str, float], symmetric: bool) -> None:
    """Refuse sizes and classes of which there is no programme."""
    if not numbers["mu"] < numbers["L"]:
        raise TightrateError(
            f"a class needs L > mu, not L={numbers['L']:g} mu={numbers['mu']:g}: with L = mu there is one function"
        )
    if not symmetric and isinf(numbers["M"]):
        raise TightrateError("the programme without symmetry needs a finite number of workers")


def gradients_of(rule: Algorithm[Any], K: float, R: float) -> int:
    """How many gradients of one worker the programme of K local steps and R rounds is about."""
    return int((1 if rule.pools_gradients else K) * R) + 1


def _check_size(rule: Algorithm[Any], numbers: Mapping[str, float], symmetric: bool) -> None:
    """Refuse what is not linear in gradients, and a programme that would not fit."""
    if not rule.linear:
        raise TightrateError("the method is not linear in the gradients: its worst case is no semidefinite programme")
    K, R = int(numbers["K"]), int(numbers["R"])
    points = gradients_of(rule, K, R) * (1 if symmetric else int(numbers["M"]))
    if points > MOST_POINTS:
        entries = (points * (points + 1) / 2) ** 2
        raise TightrateError(
            f"K = {K} and R = {R} make Gram matrices of {points} gradients, for which the solver needs about"
            f" {16 * entries / 2**30:.2g} GiB; at most {MOST_POINTS} gradients are allowed: give smaller K or R"
        )


def _told(value: Value) -> float | str:
    return value if isinstance(value, str) else float(value) if isinstance(value, (int, float)) else str(value)
