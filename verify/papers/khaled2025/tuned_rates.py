"""Tuned rates: the step at the balance of the terms, in the order algebra and on the worst of many curvatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sympy import Add, Expr

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.orders.parameter_tuning import minimize_over
from tightrate.rates.orders.regimes import terms_of
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import L, gamma
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.assertion import Every, Fact, Facts
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.limit import Limits, Line
from tightrate.verify.assertions.order import Comparison, Order, at_most, not_at_most
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]

# --- Orders ----------------------------------------------------------------------------------------------------------


def tuned(terms: dict[str, Expr]) -> Expr:
    """The rate of a bound's terms at gamma = 1 and the best inner step of at most order 1/L, up to constants."""
    return minimize_over({name: term.subs(gamma, 1) for name, term in terms.items()}, "eta", cap=1 / L).rate


def tuned_rate(label: str) -> Expr:
    """The same for a statement of this paper."""
    return tuned(terms_of(statement(f"khaled2025/{label}").bound))


def is_tuned(label: str, rate: Theorem) -> list[Comparison]:
    """A bound, tuned, is of the order of a stated rate, both ways."""
    ours = tuned_rate(label)
    return [
        at_most(ours, rate, name=f"{label} tuned <~ {rate.label}"),
        at_most(rate, ours, name=f"{rate.label} <~ {label} tuned"),
    ]


@claim(
    "khaled2025/eq2-from-thm1",
    "Theorem 1 at $gamma = 1$ and the best inner step is, up to constants, eq. (2) and nothing smaller.",
    theorem="khaled2025/eq2",
    kind="regime",
    expected="confirmed",
)
def eq2_from_thm1(theorem: Theorem) -> Order:
    """The bound minimized over the inner step by the algebra of tuning, compared with eq. (2) both ways by certificates
    of the order algebra."""
    return Order(is_tuned("prop1", theorem), "tuned Theorem 1 ~ eq. (2)")


@claim(
    "khaled2025/cor1-from-thm3",
    "Theorem 3 at $gamma = 1$ and the best inner step is, up to constants, Corollary 1, in both versions.",
    theorem="khaled2025/cor1",
    kind="regime",
    expected="confirmed",
)
def cor1_from_thm3(theorem: Theorem) -> Order:
    """The same for the probable printed shape, both ways, and from the complete bound to the complete corollary."""
    complete = at_most(tuned_rate("thm3-safe"), "khaled2025/cor1-safe", name="thm3-safe tuned <~ cor1-safe")
    return Order([*is_tuned("thm3", theorem), complete], "tuned Theorem 3 ~ Corollary 1")


@claim(
    "khaled2025/first-drift-term-never-dominates",
    "In the probable printed shape of Theorem 3 and Corollary 1, with $M$ under the first drift term, that term is"
    " never the largest; without $M$, as the complete bound has it, it can be.",
    theorem="khaled2025/cor1",
    kind="regime",
    expected="confirmed",
)
def first_drift_term_never_dominates() -> Order:
    """The term against the sum of the others in the order algebra: certificates for the shape with $M$, a path along
    which the term outgrows the others without it."""

    def against_the_others(label: str, name: str) -> tuple[Expr, Expr]:
        bound = statement(f"khaled2025/{label}").bound
        return bound.term(name).expression, Add(*(term.expression for term in bound.terms if term.name != name))

    drift, spread = "averaged noise drift", "spread"
    return Order(
        [
            at_most(*against_the_others("thm3", drift), name=f"thm3: {drift} <~ the other terms"),
            at_most(*against_the_others("cor1", spread), name=f"cor1: {spread} <~ the other terms"),
            not_at_most(*against_the_others("cor1-safe", spread), name=f"cor1-safe: {spread} <~ the other terms"),
        ],
        "first drift term <~ the others",
    )


# --- Exponents on the worst curvature --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Regime:
    """Noise and a grid on which one term of a tuned rate exceeds the others."""

    theorem: str
    term: str
    rule: Callable[..., Algorithm[Any]]
    averaged: bool
    sigma: float
    axes: dict[str, tuple[float, ...]]


REGIMES = {
    "eq2, optimization": Regime(
        "khaled2025/eq2-explicit", "optimization", local_sgd, True, 0.0,
        {"K": (4.0, 16.0, 64.0), "R": (16.0, 64.0, 256.0), "M": (1.0, 2.0, 4.0)},
    ),
    "eq2, statistical": Regime(
        "khaled2025/eq2-explicit", "statistical", local_sgd, True, 8.0,
        {"K": (4.0, 8.0, 16.0), "R": (1024.0, 4096.0, 16384.0), "M": (1.0, 2.0, 4.0)},
    ),
    "cor1, optimization": Regime(
        "khaled2025/cor1-safe", "optimization", local_sgd_outer_acceleration, False, 0.0,
        {"K": (4.0, 16.0, 64.0), "R": (16.0, 64.0, 256.0), "M": (1.0, 2.0, 4.0)},
    ),
    "cor1, statistical": Regime(
        "khaled2025/cor1-safe", "statistical", local_sgd_outer_acceleration, False, 8.0,
        {"K": (4.0, 8.0, 16.0), "R": (64.0, 256.0, 1024.0), "M": (1.0, 2.0, 4.0)},
    ),
}  # fmt: skip


@experiment("khaled2025-worst-curvature")
def worst_curvature(session: Session) -> xr.Dataset:
    """The gap at the tuned step on the worst of many parabolas, exactly, where one term of the tuned rate is largest.

    For each regime over its own $(K, R, M)$, flattened to `cell`: `gap`, the largest over the curvatures; the
    coordinates `theorem` and `term` say which term of which rate that is."""
    points = session.choose(quick=33, full=129)
    parts = []
    for name, regime in REGIMES.items():
        mesh = np.meshgrid(*regime.axes.values(), indexing="ij")
        symbols = {axis: values.ravel() for axis, values in zip(regime.axes, mesh, strict=True)}
        symbols |= {name: np.full(mesh[0].size, value) for name, value in (("L", 1.0), ("B", 1.0))}
        symbols["sigma"] = np.full(mesh[0].size, regime.sigma)
        symbols["eta"] = statement(regime.theorem).step_at("eta", symbols)
        columns = {**symbols, "gap": worst_gap(regime, symbols, points)}
        part = xr.Dataset({key: ("cell", values) for key, values in columns.items()})
        parts.append(part.expand_dims(regime=[name]))
    named = {key: ("regime", [getattr(regime, key) for regime in REGIMES.values()]) for key in ("theorem", "term")}
    return xr.concat(parts, dim="regime").assign_coords(named).assign_attrs(gamma=1.0)


def worst_gap(regime: Regime, symbols: dict[str, Array], points: int) -> Array:
    """The largest expected gap over curvatures around 1/(eta K R) (its square in R when accelerated), at most L."""
    eta = symbols["eta"]
    speed = symbols["K"] * symbols["R"] ** (1 if regime.averaged else 2) * eta
    curvature = np.minimum(np.geomspace(1e-2, 1e3, points) / speed[:, None], symbols["L"][:, None])
    worst = np.zeros(len(eta))
    for count in np.unique(symbols["M"]):
        rows = np.flatnonzero(symbols["M"] == count)
        flat = curvature[rows].ravel()
        shape = (len(flat), int(count), 1)
        problem = DiagonalQuadratics(np.broadcast_to(flat[:, None, None], shape), np.ones(shape))
        found = exact_moments(
            regime.rule(eta=np.repeat(eta[rows], points)),
            problem,
            K=np.repeat(symbols["K"][rows], points),
            R=np.repeat(symbols["R"][rows], points),
            noise=GaussianNoise(regime.sigma) if regime.sigma else None,
            averaging_decay=0.0 if regime.averaged else None,
        )
        moments = found.average if regime.averaged else found.last
        assert moments is not None
        worst[rows] = moments.gap.reshape(len(rows), points).max(axis=1)
    return worst


def attained(theorem: Theorem, data: xr.Dataset, what: str) -> Facts:
    """The gap over the term that is largest must become constant along every axis, and stay below the whole bound."""
    chosen = data.isel(regime=np.flatnonzero(data["theorem"] == theorem.id))
    lines, shares = [], []
    for name, term in zip(chosen.regime.values, chosen.term.values, strict=True):
        cells = chosen.sel(regime=name)
        gap = Measurement.of(cells, "gap")
        largest = gap.at(theorem.bound.term(term).expression)
        shares.append(float((largest / gap.at(theorem.bound.expression)).min()))
        grid = cells.assign(ratio=cells.gap / largest).set_index(cell=("K", "R", "M")).unstack("cell").ratio
        for axis in ("K", "R", "M"):
            line = grid.isel({other: -1 for other in ("K", "R", "M") if other != axis})
            lines.append(Line(f"{axis}, {name}", line[axis].values, line.values, 0.0))
    slopes = Limits(lines, what, "gap / term has exponent 0 in K, R and M", 0.05)
    below = Bounded(theorem, Measurement.of(chosen, "gap", what=what))
    share = Fact(min(shares), at_least=0.5)
    return Facts({"smallest share of the term in the bound": share}, main=Every({"exponents": slopes, "bound": below}))


@claim(
    "khaled2025/eq2-exponents",
    "At the prescribed step and on the worst curvature the gap of plain averaging falls in $K$, $R$ and $M$ with the"
    " exact exponents of eq. $(2)'s$ optimization and statistical terms.",
    theorem="khaled2025/eq2-explicit",
    kind="scaling",
    data=worst_curvature,
)
def eq2_exponents(theorem: Theorem, data: xr.Dataset) -> Facts:
    """Exact gaps, maximized over curvatures, on grids of $K$, $R$ and $M$ where one term is largest: gap over term must
    become constant along every axis, and stay below the bound with its constants."""
    return attained(theorem, data, "gap of plain averaging")


@claim(
    "khaled2025/cor1-exponents",
    "At the prescribed step and on the worst curvature the gap of the accelerated loop falls in $K$, $R$ and $M$"
    " with the exact exponents of Corollary 1's optimization and statistical terms.",
    theorem="khaled2025/cor1-safe",
    kind="scaling",
    data=worst_curvature,
)
def cor1_exponents(theorem: Theorem, data: xr.Dataset) -> Facts:
    """The same for the last iterate of the accelerated loop."""
    return attained(theorem, data, "gap of the accelerated loop")
