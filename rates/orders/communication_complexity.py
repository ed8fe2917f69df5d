"""Communication complexity: rounds until a bound reaches an accuracy, and the best K at a fixed budget K R."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display import mathml, unicode
from tightrate.rates.orders.parameter_tuning import LocalSteps, best_local_steps, least_rounds, rounds_to_reach
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import eps

LARGEST_K = 10**6  # of the numerical search for the best K


@dataclass(frozen=True)
class RoundsAnswer:
    """Rounds as an order in the letters and, where all letters have values, as a number.

    `order` and `best` are None where the engine cannot solve the bound, with the reason; `least` is None where a
    letter has no value.  With a value for the budget T, `best_K` is the K <= T at which the bound with R = T / K
    rounds is least, and `best_value` that bound.
    """

    order: Expr | None
    reason: str
    least: float | None
    best: LocalSteps | None
    best_reason: str
    best_K: int | None = None
    best_value: float | None = None

    def __str__(self) -> str:
        return "\n".join(f"{name}: {told}" for name, told in self._rows(unicode))

    def _repr_html_(self) -> str:
        cells = (f"<tr><th>{escape(name)}</th><td>{told}</td></tr>" for name, told in self._rows(mathml))
        return f"<div><b>rounds</b><table>{''.join(cells)}</table></div>"

    def _rows(self, shown: Callable[[Expr], str]) -> list[tuple[str, str]]:
        """The order, the number, and the best K; reasons where there is none."""

        def words(text: str) -> str:
            return text if shown is unicode else escape(text)

        rows = [("rounds, up to constants", words(self.reason) if self.order is None else shown(self.order))]
        if self.least is not None:
            rows.append(("rounds at these values", f"{self.least:g}"))
        if self.best is None:
            rows.append(("best K at budget T = K R", words(self.best_reason)))
        else:
            rows.append(("rate at the best K, T = K R", shown(self.best.rate)))
            rows.append(("smallest K that has it", shown(self.best.smallest)))
            rows.append(("largest K that keeps it", shown(self.best.largest)))
        if self.best_K is not None:
            rows.append(("best K at this budget", f"{self.best_K}, where the bound is {self.best_value:.4g}"))
        return [(name, told) for name, told in rows if told]


def rounds_to_accuracy(claimed: Theorem | Bound, values: Mapping[str, float]) -> RoundsAnswer:
    """Answer for an upper bound, a theorem's or one's own, at `eps` and whatever else has a value.

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> values = {"eps": 0.1, "L": 1, "B": 1, "sigma": 1, "M": 4, "K": 5}
    >>> found = rounds_to_accuracy(theorem("dekel2012/convex"), values)
    >>> found.order, found.least
    (B**2*L/eps + B**2*sigma**2/(K*M*eps**2), 20)
    """
    bound, name = (claimed, "this bound") if isinstance(claimed, Bound) else (claimed.bound, claimed.id)
    if bound.kind == "lower":
        raise TightrateError(f"{name} is a lower bound: it does not say when an accuracy is reached")
    if "R" not in bound.letters:
        raise TightrateError(f"{name} does not depend on R: no number of rounds changes it")
    if "eps" not in values:
        raise TightrateError("missing value for eps, the accuracy to reach; give eps=VALUE")
    order, reason = None, ""
    try:
        order = rounds_to_reach(bound, eps)
    except TightrateError as error:
        reason = str(error)
    needed = set(bound.letters) - {"R"}
    least = least_rounds(bound, values, values["eps"]) if needed <= set(values) else None
    best, best_reason = None, ""
    try:
        best = best_local_steps(bound)
    except TightrateError as error:
        best_reason = str(error)
    best_K = best_value = None
    if "T" in values and needed - {"K"} <= set(values):
        best_K, best_value = _best_K(bound, values)
    return RoundsAnswer(order, reason, least, best, best_reason, best_K, best_value)


def _best_K(bound: Bound, values: Mapping[str, float]) -> tuple[int, float]:
    """Every K up to min(T, LARGEST_K), with R = T / K."""
    import numpy as np  # for these many values only

    budget = values["T"]
    K = np.arange(1, min(int(budget), LARGEST_K) + 1, dtype=np.float64)
    found = np.broadcast_to(bound.at({**values, "K": K, "R": budget / K}), K.shape)
    if np.isnan(found).all():
        return 1, math.nan
    index = int(np.nanargmin(found))
    return int(K[index]), float(found[index])
