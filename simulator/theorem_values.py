"""The symbols of a theorem at a run: as given, or derived from the problem, the noise and the other symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import IsotropicNoise, Noise
from tightrate.constructions.problem import Problem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import known_letter
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.by_name import Builder, problem_constructor
from tightrate.simulator.parameters import parameters

Value = TypeVar("Value")

LEVELS = ("sigma", "sigma_2alpha", "sigma_inf")
FROM_BELOW = ("mu", "d_min")  # constants of a class that bound an instance's own from below; the others from above
ROUNDING = 1e-9  # relative, of an instance's constant


def symbols_of(theorem: Theorem) -> frozenset[str]:
    """The names of all symbols that a theorem speaks of: in its bound, its conditions and its step sizes."""
    expressions = [*theorem.bound.expressions, *theorem.steps.values()]
    found = {symbol.name for expression in expressions for symbol in expression.free_symbols}
    return frozenset(found).union(*(condition.symbols for condition in theorem.conditions))


def with_run_parameters(values: Mapping[str, Value]) -> dict[str, Value]:
    """The values, and the parameters of runs that symbols among them stand for (S for `clients`)."""
    found = dict(values)
    for name, value in values.items():
        known = known_letter(name)
        if known is None or not known.run:
            continue
        if found.setdefault(known.run, value) != value:
            raise TightrateError(
                f"{name} is {known.run}, so {name} = {value} and {known.run} = {found[known.run]} clash"
            )
    return found


def moment_order(theorem: Theorem, values: Mapping[str, Any]) -> float:
    """The order of the noise moments that a theorem speaks of: alpha where that is one of its symbols, else 2."""
    given = values.get("alpha") if "alpha" in theorem.bound.letters else None
    return 2.0 if given is None else float(given)


@dataclass(frozen=True, eq=False)
class RunSymbols:
    """The symbols at one run, each found when it is asked for.

    M and d are those of the problem.  sigma, sigma_2alpha and sigma_inf are the 2-, 2 alpha- and inf-norm of the
    coordinates' noise levels in the moment of `order`, 0 without noise, whatever moment the law's own level is of;
    the latter two may be given instead, and sampled rows have only what is given.  What is not `given` is the problem's
    exact constant (its largest entry), one of the `defaults`, Delta = F(x_0) - F* at x_0 = 0, T = K R, gamma = 1, the
    parameter of the run that the letter stands for, or what it is short for.
    """

    make_problem: Callable[[], Problem]
    noise: Noise | RowSampling | None
    given: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    order: float = 2.0

    @staticmethod
    def of(
        theorem: Theorem | None,
        algorithm: str,
        problem: Builder,
        noise: Noise | RowSampling | None,
        values: Mapping[str, Any],
        make_problem: Callable[[], Problem],
    ) -> RunSymbols:
        """The symbols of a theorem, or of none, at the run with these parameters.

        A default of the problem counts as given, one of the algorithm where the problem has no such constant.
        """
        of_the_problem, of_the_algorithm = (
            {name: own.default for name, own in parameters(constructor).items() if own.default is not None}
            for constructor in (problem_constructor(problem), ALGORITHMS[algorithm])
        )
        given = {**of_the_problem, **values}
        if values.get("start") is not None:  # then B and Delta are those of this start
            given = {name: value for name, value in given.items() if name not in ("B", "Delta")}
        order = 2.0 if theorem is None else moment_order(theorem, given)
        return RunSymbols(make_problem, noise, given, of_the_algorithm, order)

    @cached_property
    def _problem(self) -> Problem:
        return self.make_problem()

    def get(self, name: str) -> float | None:
        """The value of a symbol, None where nothing says what it is."""
        known = name != "sigma" and self.given.get(name) is not None  # sigma is the law's, in a moment of its own
        if name in LEVELS and not known and not isinstance(self.noise, RowSampling):
            return self._level(name, self.noise)
        if name in ("M", "d"):
            return float(self._problem.workers if name == "M" else self._problem.dimension)
        value = self.given.get(name)
        if value is None and name in self._problem.constants:
            value = np.max(self._problem.constants[name])
        if value is None:
            value = self.defaults.get(name)
        if value is None:
            value = self._derived(name)
        return float(value) if isinstance(value, (int, float, np.number)) else None

    def known(self, names: Iterable[str]) -> dict[str, float]:
        """Those of the symbols that have a value here."""
        found = {name: self.get(name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def _level(self, name: str, noise: Noise | None) -> float:
        if noise is None:
            return 0.0
        if name == "sigma" and isinstance(noise, IsotropicNoise) and noise.order == self.order:
            return noise.sigma
        norms = dict(zip(LEVELS, (2.0, 2 * self.order, np.inf), strict=True))
        return float(np.linalg.norm(noise.levels(self.order, self._problem.dimension), norms[name]))

    def _derived(self, name: str) -> float | None:
        if name == "Delta":
            return float(np.max(self._problem.gap(np.zeros(self._problem.dimension))))
        if name == "T" and self.given.get("K") is not None and self.given.get("R") is not None:
            return float(self.given["K"]) * float(self.given["R"])
        if name == "gamma":
            return 1.0
        known = known_letter(name)
        if known is not None and known.run:
            return float(self.given.get(known.run) or self._problem.workers)
        if known is None or known.defined is None:
            return None
        parts = self.known(symbol.name for symbol in known.defined.free_symbols)
        return float(at(known.defined, parts)) if len(parts) == len(known.defined.free_symbols) else None


def check_class(problem: Problem, claimed: Mapping[str, Any], name: str) -> None:
    """Refuse an instance that lies outside of the class whose constants are `claimed`.

    An exact constant may be smaller than the one that bounds it (larger, for mu and d_min), never beyond.
    """
    for symbol, values in problem.constants.items():
        if symbol not in claimed:
            continue
        own, bound = float(np.max(values)), float(claimed[symbol])
        outside = own < bound * (1 - ROUNDING) if symbol in FROM_BELOW else own > bound * (1 + ROUNDING)
        if outside:
            raise TightrateError(
                f"{name} has {symbol} = {own:g}, which is outside of the class with {symbol} = {bound:g}"
            )
