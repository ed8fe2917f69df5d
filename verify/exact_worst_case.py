"""A theorem against the exact worst case of its method: certified at these sizes, refuted, or open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.worst_case.worst_case import WorstCase

Conclusion = Literal["certified at these sizes", "refuted", "open"]
TRANSFORMED: Mapping[str, str] = {"distance": "squared-distance"}  # a bound on a root of what is measured
# What a class may assume without being smaller than that of the programme: constants that it has too, and no noise.
EXPRESSIBLE = frozenset({"sigma", "zeta_star", "mu", "sigma_star", "sigma_2alpha"})


@dataclass(frozen=True)
class AgainstTheorem:
    """The theorem's bound beside the worst case; `reason` says why nothing more can be concluded."""

    theorem: Theorem
    worst: WorstCase
    bound: float
    conclusion: Conclusion
    reason: str

    @property
    def ratio(self) -> float:
        """The worst case over the bound: at most 1 for an upper bound that holds."""
        return self.worst.upper / self.bound if self.bound > 0 else float("inf")


def symbols_of(worst: WorstCase, given: Mapping[str, float] | None = None) -> dict[str, float]:
    """The symbols of a theorem at a worst case: those of the programme, no noise, and what else is given.

    Nothing is known of the second and third derivatives of the functions: tau is L, Q infinite.
    """
    told = {name: float(value) for name, value in worst.parameters.items() if isinstance(value, (int, float))}
    quiet = dict.fromkeys(("sigma", "sigma_star", "sigma_2alpha", "sigma_inf"), 0.0)
    smooth = {"tau": told["L"], "tau_mean": told["L"], "Q": float("inf"), "gamma": 1.0, "T": told["K"] * told["R"]}
    if told["zeta_star"] == 0:
        smooth |= {"zeta_mean": 0.0, "zeta_opt": 0.0}
    return {**smooth, **quiet, **{name: value for name, value in told.items() if name in LETTERS}, **(given or {})}


def against(theorem: Theorem, worst: WorstCase, given: Mapping[str, float] | None = None) -> AgainstTheorem:
    """What the worst case says of a theorem with explicit constants.

    An upper bound is certified at these sizes where no function of the programme's class does worse, if its own class
    is no larger; it is refuted where some function does, if its own class is no smaller.  A lower bound says that some
    function does at least as badly: certified and refuted change places.
    """
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
    symbols = symbols_of(worst, given)
    value = float(bound.at(symbols))
    value = value**2 if bound.measure.name in TRANSFORMED else value
    failing = [one.text for one in theorem.conditions if one.status(symbols) == "fails"]
    conclusion, reason = _conclude(theorem, worst, value, failing)
    return AgainstTheorem(theorem, worst, value, conclusion, reason)


def _conclude(theorem: Theorem, worst: WorstCase, bound: float, failing: list[str]) -> tuple[Conclusion, str]:
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
        return "certified at these sizes", ""
    if fails and (outside if upper else inside):
        return "refuted", ""
    if holds or fails:
        what = "larger" if holds == upper else "smaller"
        return "open", f"the theorem's class may be {what} than that of the programme{slack}"
    return "open", f"the bound lies within the interval of the solver's accuracy{slack}"


def classes(theorem: Theorem, worst: WorstCase) -> tuple[bool, bool]:
    """Whether the theorem's class, at these symbols, is inside that of the programme, and whether it contains it.

    A lower bound speaks of some function, which is convex and smooth whatever else is known of it.
    """
    setting, one = theorem.setting, worst.parameters["M"] == 1
    if setting is None:
        return one, False
    if theorem.bound.kind == "lower":
        return True, True
    assumed, zeta_star = set(setting.constants), float(worst.parameters["zeta_star"])
    bounded = setting.bounded()
    identical, common = (bounded.get(name) == 0 for name in ("zeta", "zeta_star"))
    told = "zeta_star" in bounded or "sigma_star" in assumed  # heterogeneity at the optimum is a symbol, or 0
    inside = one or identical or common or zeta_star > 0 or told
    contains = assumed - {"zeta"} <= EXPRESSIBLE and (one or not identical) and not (zeta_star > 0 and common)
    return inside, contains
