"""The bounds of cheng2024 term by term along K, R and M, who wins in the plane of K and M, and tuned runs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.constructions.problem import Array
from tightrate.rates.orders.parameter_tuning import specialize_expression
from tightrate.rates.orders.phase_diagram import RegimeMap, winner_map
from tightrate.rates.orders.regimes import crossover
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K as LOCAL_STEPS
from tightrate.rates.symbols.alphabet import R as ROUNDS
from tightrate.rates.symbols.evaluation import at
from tightrate.rates.symbols.monomial import monomial
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.infinite_workers import RoundMap, TwoValues, round_maps
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.cheng2024.convex_instance import (
    LARGEST_STEP,
    B,
    L,
    doubling,
    fast_gap,
    pooled_fast,
    slow_gaps,
    steps_between,
    tuned,
    two_curvatures,
)
from tightrate.verify.papers.who_wins import Plane, mapped
from tightrate.verify.session import Session

ALPHA, DELTA, SIGMA = 4, 0.05, 4.0
COORDINATE_NOISE = SIGMA / np.sqrt(2)  # of each of the two coordinates
MIDDLE: Mapping[str, float] = {"K": 64.0, "R": 256.0, "M": 64.0}  # where the axes meet
RANGE: Mapping[str, tuple[float, float]] = {"K": (1.0, 2.0**14), "R": (16.0, 2.0**14), "M": (1.0, 2.0**12)}
POINTS = 81
LEAST, MOST = 0, 6  # the window of the exponents of K; that of M goes half as far


@dataclass(frozen=True)
class Method:
    """Local steps against mini-batches: their statements, the symbols besides K, R, M, and how those grow with n = R.

    In the plane of exponents every symbol that is not named is a constant.
    """

    local: str
    minibatch: str
    values: Mapping[str, float]
    growth: Mapping[str, Fraction]

    def terms(self, of: str) -> dict[str, Expr]:
        """The terms of "local" or "minibatch" with alpha in numbers, by name."""
        entry = theorem(self.local if of == "local" else self.minibatch)
        return {t.name: specialize_expression(t.expression, alpha=ALPHA) for t in entry.bound.terms}

    def start(self) -> Expr:
        """What one step in one round leaves of the optimization term: L B^2 or L Delta, the order of the start."""
        return theorem(self.local).bound.term("optimization").expression.subs({LOCAL_STEPS: 1, ROUNDS: 1})

    def critical_steps(self) -> Expr:
        """K_0, the local steps from which on the drift is below the mini-batch method's optimization term."""
        return crossover(self.terms("local")["noise drift"], self.terms("minibatch")["optimization"], "K").value

    def saturated_steps(self) -> Expr | None:
        """The local steps from which on the drift is below weak Delta / R, K_0 (L/weak)^3: the gain is then L/weak."""
        terms = self.terms("local")
        floor = terms.get("weak convexity")
        return None if floor is None else crossover(terms["noise drift"], floor, "K").value

    def linear_workers(self) -> Expr:
        """The workers up to which the drift is below the statistical term, (K_0/K)^(1/3)."""
        terms = self.terms("local")
        return crossover(terms["noise drift"], terms["statistical"], "M").value


METHODS: Mapping[str, Method] = {
    "SGDM": Method("cheng2024/thm2", "cheng2024/eq4.5", {"L": L, "B": B, "sigma": SIGMA}, {"sigma": Fraction(1)}),
    "Adam": Method(
        "cheng2024/thm3",
        "cheng2024/eq4.11",
        {"L": 1.0, "Delta": 1.0, "sigma": 2.0, "weak": 0.125},
        {"sigma": Fraction(1), "weak": Fraction(-1, 2)},
    ),
}


@dataclass(frozen=True)
class MethodPlane(Plane):
    """The plane of K and M for one pair of methods, bounded by the start."""

    method: Method = METHODS["SGDM"]

    def cut(self) -> RegimeMap:
        """The window cut into cells with the same winners."""
        bounds = {name: self.method.terms(name) for name in self.bounds} | {"start": {"start": self.method.start()}}
        return winner_map(bounds, self.letters, {"R": 1, **self.method.growth}, self.window)


@dataclass(frozen=True)
class Lines:
    """The terms of a local method's bound by name where one of K, R, M moves, at `place`; the mini-batch method's whole
    bound; and where no condition of the local statement that these numbers decide fails, `claimed`."""

    place: Array
    terms: Mapping[str, Array]
    minibatch: Array
    claimed: NDArray[np.bool_]

    @property
    def total(self) -> Array:
        """The local method's whole bound."""
        return np.asarray(np.sum(list(self.terms.values()), axis=0))


def lines_along(method: Method, axis: str) -> Lines:
    """Both bounds where one of K, R, M moves and the others stay in the middle, hidden constants set to one."""
    place = np.geomspace(*RANGE[axis], POINTS)
    values = {**method.values, **MIDDLE, "delta": DELTA, "alpha": float(ALPHA), axis: place}

    def whole(found: Any) -> Any:
        return np.broadcast_to(found, place.shape)

    local, pooled = theorem(method.local), theorem(method.minibatch)
    ordered = sorted(local.bound.terms, key=lambda term: term.name != "optimization")  # the same ink in all figures
    terms = {term.name: whole(at(term.expression, values)) for term in ordered}
    return Lines(place, terms, whole(pooled.bound.at(values)), whole(local.holds_at(values)))


def gain_exponents(method: Method, x: Array, y: Array) -> Array:
    """The exponent of n in the mini-batch bound over the local one at K = n^x, M = n^y; both at most the start."""
    exponents = {}
    for name in ("local", "minibatch"):
        rows = []
        for expression in method.terms(name).values():
            powers = monomial(expression).exponents
            moved = {
                "K": x,
                "M": y,
                "R": np.ones_like(x),
                **{k: float(v) * np.ones_like(x) for k, v in method.growth.items()},
            }
            rows.append(sum((float(p) * moved[k] for k, p in powers.items() if k in moved), np.zeros_like(x)))
        exponents[name] = np.minimum(np.max(rows, axis=0), 0.0)
    return np.asarray(exponents["minibatch"] - exponents["local"])


def steps_and_maps(K: Array) -> dict[float, dict[int, RoundMap]]:
    """Round maps of the fast coordinate for the steps that are tried; their grids have room for the longest rounds."""
    steps = steps_between(2e-4, LARGEST_STEP / L, each=2)
    signs = TwoValues.signs(COORDINATE_NOISE)
    return {float(e): round_maps(two_curvatures, eta=e, noise=signs, K=[int(k) for k in K]) for e in steps}


def tuned_pair(
    maps: Mapping[float, Mapping[int, RoundMap]], K: Array, R: int, M: Array, *, replicas: int, seed: int
) -> Array:
    """Tuned gaps of local and of mini-batch SGD on the convex instance with finitely many workers, (who, K, M).

    The slow coordinate is exact; the fast one starts at its optimum, and the mean of its workers after a round is taken
    for normal.
    """
    normals = stream(seed, experiment="cheng2024-figure-rates", R=R).standard_normal((R, replicas))
    local, pooled = [], []
    for step, found in maps.items():
        averages = [found[int(k)].noisy_average(0.0, R, M, normals) for k in K]
        local.append(fast_gap(np.stack(averages)).mean(axis=-1))
        pooled.append(pooled_fast(step, K, M, COORDINATE_NOISE, normals))
    steps, gaps = np.array(list(maps)), []
    for fast, together in ((local, False), (pooled, True)):
        slow = [slow_gaps(steps, K, float(R), sigma=COORDINATE_NOISE, M=float(m), pooled=together) for m in M]
        gaps.append(tuned(np.stack(slow, axis=-1) + np.stack(fast), steps)[0])
    return np.stack(gaps)


@experiment("cheng2024-figure-rates")
def figure_rates(session: Session) -> xr.Dataset:
    """Winners in the plane of exponents of $K$ and $M$, and tuned runs over $K$ and $M$ and over $R$.

    `x`, `y`, `wins` are the cells of the planes, one for each algorithm. `tuned` (who, $K$, $M$) and
    `tuned_over_rounds` (who, $R$) are measured gaps of SGD without momentum and clipping."""
    window = ((LEAST, MOST), (LEAST, MOST // 2))
    planes = [
        MethodPlane(name, {"local": method.local, "minibatch": method.minibatch}, ("K", "M"), {}, window, method)
        for name, method in METHODS.items()
    ]
    cells = mapped(tuple(planes))
    K, M = doubling(2, session.choose(quick=10, full=13)), doubling(0, 6) ** 2
    R = doubling(2, 5) ** 2
    replicas, maps = session.choose(quick=16, full=256), steps_and_maps(K)
    over_plane = tuned_pair(maps, K, int(MIDDLE["R"]), M, replicas=replicas, seed=session.seed)
    middle = np.array([MIDDLE["K"]]), np.array([MIDDLE["M"]])
    over_rounds = [
        tuned_pair(maps, middle[0], int(r), middle[1], replicas=replicas, seed=session.seed)[:, 0, 0] for r in R
    ]
    sgdm, adam = METHODS["SGDM"], METHODS["Adam"]
    return xr.Dataset(
        {
            **{name: cells[name].rename(plane="algorithm") for name in ("x", "y", "wins")},
            "tuned": (("who", "K", "M"), over_plane),
            "tuned_over_rounds": (("who", "R"), np.stack(over_rounds, axis=-1)),
        },
        coords={
            "algorithm": list(METHODS),
            "bound": cells.bound.values,
            "who": ["local", "minibatch"],
            "K": K,
            "M": M,
            "R": R,
        },
        attrs={
            "critical": at(sgdm.critical_steps(), {**sgdm.values, **MIDDLE}),
            "sigma": SIGMA,
            "sigma_adam": adam.values["sigma"],
            "weak": adam.values["weak"],
            "alpha": ALPHA,
            "delta": DELTA,
            **{f"{name}_fixed": value for name, value in MIDDLE.items()},
            "seed": session.seed,
        },
    )


def exponent_of(expression: Expr, method: Method) -> Fraction:
    """The exponent of n in a monomial of the symbols that are not in the plane."""
    growth = {"R": Fraction(1), **method.growth}
    powers = monomial(expression).exponents
    return sum((Fraction(str(p)) * growth[name] for name, p in powers.items() if name in growth), Fraction(0))


def least_steps(method: Method, M: Array) -> Array:
    """The least K that the local method's statement allows for each M: K = log(M K R / delta), iterated to the end."""
    (relation,) = (c.relation for c in theorem(method.local).conditions if c.relation is not None and "M" in c.symbols)
    found = np.full(len(M), MIDDLE["K"])
    for _ in range(100):
        found = at(relation.rhs, K=found, M=M, R=MIDDLE["R"], delta=DELTA)
    return found
