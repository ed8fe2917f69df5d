"""The letters of a theorem at a run: as given, or derived from the problem, the noise and the other letters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tightrate.constructions.noise import IsotropicNoise, Noise
from tightrate.constructions.problem import Problem
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.batch.randomness import RowSampling

LEVELS = ("sigma", "sigma_2alpha", "sigma_inf")


def moment_order(claimed: Theorem, values: Mapping[str, Any]) -> float:
    """The order of the noise moments that a theorem speaks of: alpha where that is one of its letters, else 2."""
    given = values.get("alpha") if "alpha" in claimed.bound.letters else None
    return 2.0 if given is None else float(given)


@dataclass(frozen=True, eq=False)
class RunLetters:
    """The letters at one run, each found when it is asked for.

    M and d are those of the problem.  sigma, sigma_2alpha and sigma_inf are the 2-, 2 alpha- and inf-norm of the
    coordinates' noise levels in the moment of `order`, 0 without noise, whatever moment the law's own level is of;
    the latter two may be given instead, and sampled rows have only what is given.  What `values` does not give is the
    problem's exact constant (its largest entry), Delta = F(x_0) - F* at x_0 = 0, T = K R, or gamma = 1.
    """

    make_problem: Callable[[], Problem]
    noise: Noise | RowSampling | None
    values: Mapping[str, Any]
    order: float = 2.0

    @cached_property
    def _problem(self) -> Problem:
        return self.make_problem()

    def get(self, name: str) -> float | None:
        """The value of a letter, None where nothing says what it is."""
        given = name != "sigma" and self.values.get(name) is not None  # sigma is the law's, in a moment of its own
        if name in LEVELS and not given and not isinstance(self.noise, RowSampling):
            return self._level(name, self.noise)
        if name in ("M", "d"):
            return float(self._problem.workers if name == "M" else self._problem.dimension)
        value = self.values.get(name)
        if value is None and name in self._problem.constants:
            value = np.max(self._problem.constants[name])
        if value is None:
            value = self._derived(name)
        return None if value is None or isinstance(value, str) else float(value)

    def known(self, names: Iterable[str]) -> dict[str, float]:
        """Those of the letters that have a value here."""
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
        if name == "T" and self.values.get("K") is not None and self.values.get("R") is not None:
            return float(self.values["K"]) * float(self.values["R"])
        return 1.0 if name == "gamma" else None
