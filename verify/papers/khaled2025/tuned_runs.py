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
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import L, gamma
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.search import values_of
from tightrate.verify.judging.order import Question, decided
from tightrate.verify.session import Session

Array = NDArray[np.float64]


def tuned(label: str) -> Expr:
    """The rate of a bound of this paper at gamma = 1 and the best inner step of at most order 1/L, up to constants."""
    terms = terms_of(theorem(f"khaled2025/{label}").bound)
    return minimize_over({name: term.subs(gamma, 1) for name, term in terms.items()}, "eta", cap=1 / L).rate


def tuning_questions() -> dict[str, Question]:
    """Tuned bounds against the stated rates, and the first drift term of the accelerated loop against the others."""
    stated = {label: theorem(f"khaled2025/{label}").bound for label in ("eq2", "thm3", "cor1", "cor1-safe")}
    rates = {label: tuned(label) for label in ("prop1", "thm3", "thm3-safe")}
    questions = {}
    for label, rate in (("prop1", "eq2"), ("thm3", "cor1")):
        questions[f"{label} tuned <~ {rate}"] = Question(rates[label], stated[rate])
        questions[f"{rate} <~ {label} tuned"] = Question(stated[rate], rates[label])
    questions["thm3-safe tuned <~ cor1-safe"] = Question(rates["thm3-safe"], stated["cor1-safe"])
    for label, name in (("thm3", "averaged noise drift"), ("cor1", "spread"), ("cor1-safe", "spread")):
        others = Add(*(term.expression for term in stated[label].terms if term.name != name))
        questions[f"{label}: {name} <~ the other terms"] = Question(stated[label].term(name).expression, others)
    return questions


@experiment("khaled2025-tuning")
def tuning(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Which tuned bound is of which order, with certificates and paths."""
    return decided(tuning_questions())


@dataclass(frozen=True)
class Regime:
    """Noise and a grid on which one term of a tuned rate exceeds the others."""

    label: str
    term: str
    rule: Callable[..., Algorithm[Any]]
    averaged: bool
    sigma: float
    axes: dict[str, tuple[float, ...]]


REGIMES = {
    "eq2, optimization": Regime(
        "eq2-explicit", "optimization", local_sgd, True, 0.0,
        {"K": (4.0, 16.0, 64.0), "R": (16.0, 64.0, 256.0), "M": (1.0, 2.0, 4.0)},
    ),
    "eq2, statistical": Regime(
        "eq2-explicit", "statistical", local_sgd, True, 8.0,
        {"K": (4.0, 8.0, 16.0), "R": (1024.0, 4096.0, 16384.0), "M": (1.0, 2.0, 4.0)},
    ),
    "cor1, optimization": Regime(
        "cor1-safe", "optimization", local_sgd_outer_acceleration, False, 0.0,
        {"K": (4.0, 16.0, 64.0), "R": (16.0, 64.0, 256.0), "M": (1.0, 2.0, 4.0)},
    ),
    "cor1, statistical": Regime(
        "cor1-safe", "statistical", local_sgd_outer_acceleration, False, 8.0,
        {"K": (4.0, 8.0, 16.0), "R": (64.0, 256.0, 1024.0), "M": (1.0, 2.0, 4.0)},
    ),
}  # fmt: skip


@experiment("khaled2025-worst-curvature")
def worst_curvature(session: Session) -> xr.Dataset:
    """The gap at the tuned step on the worst of many parabolas, exactly, where one term of the tuned rate is largest.

    For each regime over its own (K, R, M), flattened to `cell`: `gap`, the largest over the curvatures; `bound` and
    `term`, the rate with its constants and the term; `share`, the term's share of the rate.
    """
    points = session.choose(quick=33, full=129)
    parts = []
    for name, regime in REGIMES.items():
        mesh = np.meshgrid(*regime.axes.values(), indexing="ij")
        cell = {axis: values.ravel() for axis, values in zip(regime.axes, mesh, strict=True)}
        source = theorem(f"khaled2025/{regime.label}")
        letters = {
            **cell,
            **{k: np.full_like(cell["K"], v) for k, v in (("L", 1.0), ("B", 1.0), ("sigma", regime.sigma))},
        }
        eta = values_of(source.step("eta"), letters)
        gap = worst_gap(regime, letters, eta, points)
        bound, term = (
            values_of(part, letters) for part in (source.bound.expression, source.bound.term(regime.term).expression)
        )
        columns = {**cell, "eta": eta, "gap": gap, "bound": bound, "term": term, "share": term / bound}
        variables = {key: (("cell",), values) for key, values in columns.items()}
        parts.append(xr.Dataset(variables).expand_dims(regime=[name]))
    return xr.concat(parts, dim="regime", fill_value=np.nan)


def worst_gap(regime: Regime, letters: dict[str, Array], eta: Array, points: int) -> Array:
    """The largest expected gap over curvatures around 1/(eta K R) (its square in R when accelerated), at most L."""
    speed = letters["K"] * letters["R"] ** (1 if regime.averaged else 2) * eta
    curvature = np.minimum(np.geomspace(1e-2, 1e3, points) / speed[:, None], letters["L"][:, None])
    worst = np.zeros(len(eta))
    for count in np.unique(letters["M"]):
        rows = np.flatnonzero(letters["M"] == count)
        flat = curvature[rows].ravel()
        shape = (len(flat), int(count), 1)
        problem = DiagonalQuadratics(np.broadcast_to(flat[:, None, None], shape), np.ones(shape))
        found = exact_moments(
            regime.rule(eta=np.repeat(eta[rows], points)),
            problem,
            K=np.repeat(letters["K"][rows], points),
            R=np.repeat(letters["R"][rows], points),
            noise=GaussianNoise(regime.sigma) if regime.sigma else None,
            forgetting=0.0 if regime.averaged else None,
        )
        moments = found.average if regime.averaged else found.last
        assert moments is not None
        worst[rows] = moments.gap.reshape(len(rows), points).max(axis=1)
    return worst
