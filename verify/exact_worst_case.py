"""A theorem against the exact worst case of its method: certified at these sizes, refuted, or open."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.setting import HETEROGENEITY, SAMPLE_SMOOTHNESS
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.parameters import parameters
from tightrate.simulator.worst_case.worst_case import Interval

Conclusion = Literal["certified at these sizes", "refuted", "open"]
TRANSFORMED: Mapping[str, str] = {"distance": "squared-distance"}  # a bound on a root of what is measured
# What a class may assume without being smaller than that of the programme: constants that it has too, and no noise.
EXPRESSIBLE = frozenset({"sigma", "zeta_star", "mu", "sigma_star", "sigma_2alpha", SAMPLE_SMOOTHNESS})

CONVEX = re.compile(r"(?<!non-)(?<!weakly )\bconvex\b")

# Methods under which the catalogue speaks of what the registry has under another name (without noise), and those that a
# lower bound for many methods is tried on.
SAME = {"gradient-descent": "minibatch-sgd"}
ONE_OF_MANY = {"any": "minibatch-sgd", "distributed zero-respecting": "accelerated-minibatch-sgd"}
WEIGHTS = "weights $(1 - mu eta / 2)^-(t+1)$"


def method_of(theorem: Theorem) -> str | None:
    """The method of the registry that a programme is written for to hold it against the theorem, if there is one."""
    name = SAME.get(theorem.algorithm, theorem.algorithm)
    if name not in ALGORITHMS and theorem.bound.kind == "lower":
        name = ONE_OF_MANY.get(theorem.algorithm, name)
    return name if name in ALGORITHMS else None


def output_of(theorem: Theorem) -> str | None:
    """Which of the programme's outputs the theorem speaks of."""
    words = theorem.iterate
    if words == "any output" and theorem.bound.kind == "lower":
        return "last"
    if words.startswith("average") and words.endswith(WEIGHTS):
        return "weighted"
    if "weight" in words:
        return None
    return "average" if words.startswith("average") else "last" if words.startswith("last") else None


@dataclass(frozen=True)
class AgainstTheorem:
    """The theorem's bound beside the worst case; `reason` says why nothing more can be concluded."""

    theorem: Theorem
    worst: Interval
    bound: float
    conclusion: Conclusion
    reason: str

    @property
    def ratio(self) -> float:
        """The worst case over the bound: at most 1 for an upper bound that holds."""
        return self.worst.upper / self.bound if self.bound > 0 else float("inf")


def symbols_of(worst: Interval, given: Mapping[str, float] | None = None) -> dict[str, float]:
    """The symbols of a theorem at a worst case: those of the programme, what the method has where nothing
    was given, no noise, and what else is given.

    Without noise the gradients at the optimum are what the workers differ by (sigma_star = zeta_star).  Nothing is
    known of the second and third derivatives of the functions: tau is L, Q infinite.
    """
    method = str(worst.parameters["algorithm"])
    own = parameters(ALGORITHMS[method]) if method in ALGORITHMS.names() else {}
    known = {**{name: one.default for name, one in own.items()}, **worst.parameters}
    told = {name: float(value) for name, value in known.items() if type(value) in (int, float)}
    quiet = {**dict.fromkeys(("sigma", "sigma_2alpha", "sigma_inf"), 0.0), "sigma_star": told["zeta_star"]}
    smooth = {"tau": told["L"], "tau_mean": told["L"], "Q": float("inf"), "gamma": 1.0, "T": told["K"] * told["R"]}
    if told["zeta_star"] == 0:
        smooth |= {"zeta_mean": 0.0, "zeta_opt": 0.0}
    return {**smooth, **quiet, **{name: value for name, value in told.items() if name in LETTERS}, **(given or {})}


def against(theorem: str | Theorem, worst: Interval, given: Mapping[str, float] | None = None) -> AgainstTheorem:
    """What the worst case says of a theorem with explicit constants, by its id or itself.

    An upper bound is certified at these sizes where no function of the programme's class does worse, if its own class
    is no larger; it is refuted where some function does, if its own class is no smaller.  A lower bound says that some
    function does at least as badly: certified and refuted change places.
    """
    theorem = catalogued(theorem) if isinstance(theorem, str) else theorem
    bound = theorem.bound
    if bound.constants != "explicit":
        raise TightrateError(f"{theorem.id} hides its constants: no value can be compared with it")
    if bound.kind == "exact":
        raise TightrateError(f"{theorem.id} is about one instance, not about a class")
    measured = TRANSFORMED.get(bound.measure.name, bound.measure.name)
    if measured != worst.parameters["measure"]:
        raise TightrateError(
            f"{theorem.id} bounds the {bound.measure.name}; give --measure {measured} or another theorem"
        )
    method, output = worst.parameters["algorithm"], worst.parameters["output"]
    if method not in ALGORITHMS:
        raise TightrateError(
            f"{method} is not in the registry: give the method by its name, or by what makes it of its parameters, to"
            f" hold {theorem.id} against it"
        )
    of_many = bound.kind == "lower" and theorem.algorithm in ONE_OF_MANY
    if SAME.get(theorem.algorithm, theorem.algorithm) != method and not of_many:
        raise TightrateError(f"{theorem.id} is about {theorem.algorithm}, not about {method}")
    if theorem.iterate != "any output" and output_of(theorem) != output:
        speaks = f"give --output {output_of(theorem)}" if output_of(theorem) else "which no programme has"
        raise TightrateError(f"{theorem.id} is about the {theorem.iterate}, not the {output} iterate: {speaks}")
    symbols = symbols_of(worst, given)
    missing = sorted(symbol.name for symbol in bound.expression.free_symbols if symbol.name not in symbols)
    if missing:
        raise TightrateError(f"{theorem.id} needs {', '.join(missing)}, which the class of the programme does not know")
    value = float(bound.at(symbols))
    value = value**2 if bound.measure.name in TRANSFORMED else value
    failing = [one.text for one in theorem.conditions if one.status(symbols) == "fails"]
    conclusion, reason = _conclude(theorem, worst, value, failing)
    return AgainstTheorem(theorem, worst, value, conclusion, reason)


def _conclude(theorem: Theorem, worst: Interval, bound: float, failing: list[str]) -> tuple[Conclusion, str]:
    if failing:
        return "open", f"outside the theorem's conditions: {failing[0]}"
    if worst.status == "not solved":
        return "open", "the programme was not solved"
    inside, outside = classes(theorem, worst)
    upper = theorem.bound.kind == "upper"
    holds = worst.upper <= bound if upper else worst.lower >= bound
    fails = worst.lower > bound if upper else worst.upper < bound
    slack = "" if worst.status == "solved" else " (the worst case is unbounded)"
    if holds and (inside if upper else outside):
        return "certified at these sizes", "" if upper else _narrower(theorem)
    if fails and (outside if upper else inside):
        return "refuted", ""
    if holds or fails:
        what = "larger" if holds == upper else "smaller"
        return "open", f"the theorem's class may be {what} than that of the programme{slack}"
    return "open", f"the bound lies within the interval of the solver's accuracy{slack}"


def _narrower(theorem: Theorem) -> str:
    """What a lower bound says of its instance that the worst function of the programme need not have."""
    constants = theorem.setting.constants if theorem.setting else {}
    vanish = sorted(name for name in set(constants) - EXPRESSIBLE - set(HETEROGENEITY) if constants[name] == 0)
    own = " and ".join(f"{name} = 0" for name in vanish)
    return f"by smooth convex functions; the theorem's own also have {own}" if own else ""


def classes(theorem: Theorem, worst: Interval) -> tuple[bool, bool]:
    """Whether the theorem's class, at these symbols, is inside that of the programme, and whether it contains it.

    Inside: the programme knows of no strong convexity that the theorem does not assume, and bounds heterogeneity at the
    optimum only as the theorem does, unless the method pools its gradients and sees the mean alone.  It contains the
    programme's where everything that it assumes is true of every function there: bounds on heterogeneity everywhere,
    on second or third derivatives, and conditions in words are not (but those on the noise are: there is none).  A
    lower bound speaks of some function: what else is known of it is left out.
    """
    told, setting, upper = worst.parameters, theorem.setting, theorem.bound.kind == "upper"
    one, zeta_star, mu = told["M"] == 1, float(told["zeta_star"]), float(told["mu"])
    spoken = {symbol.name for symbol in theorem.bound.expression.free_symbols} | set(
        setting.constants if setting else ()
    )
    spoken |= {name for condition in theorem.conditions for name in condition.symbols}
    convex = mu == 0 or "mu" in spoken
    if setting is None:  # its class is known in words alone
        return one and convex and CONVEX.search(theorem.problem_class) is not None, False
    assumed, bounded = set(setting.constants), setting.bounded()
    identical, common = (bounded.get(name) == 0 for name in ("zeta", "zeta_star"))
    at_optimum = "zeta_star" in bounded or "sigma_star" in assumed  # a symbol, or 0
    pooled = theorem.algorithm.endswith("minibatch-sgd")
    inside = convex and (one or identical or common or at_optimum or pooled)
    unknown = assumed - EXPRESSIBLE - set(HETEROGENEITY if one else {"zeta"} if identical else ())
    in_words = any(line.relation is None and "sigma" not in line.text for line in theorem.conditions)
    contains = (one or not identical) and not (zeta_star > 0 and common) and not (upper and (unknown or in_words))
    return inside, contains
