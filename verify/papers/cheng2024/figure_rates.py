"""The bounds of cheng2024 term by term along K, R and M, who wins in the plane of K and M, and tuned runs beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import xarray as xr
from sympy import Expr

from tightrate.constructions.problem import Array
from tightrate.rates.orders.parameter_tuning import specialize_expression
from tightrate.rates.orders.phase_diagram import RegimeMap, winner_map
from tightrate.rates.orders.regimes import crossover
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K as LOCAL_STEPS
from tightrate.rates.symbols.alphabet import M as WORKERS
from tightrate.rates.symbols.alphabet import R as ROUNDS
from tightrate.rates.symbols.evaluation import vectorized
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
GRID = 121  # points along each axis of the plane of exponents
LEAST, MOST = 0, 6  # the window of the exponents of K; that of M goes half as far


@dataclass(frozen=True)
class Method:
    """Local steps against mini-batches: their statements, the letters besides K, R, M, and how those grow with n = R.

    In the plane of exponents every letter that is not named is a constant.
    """

    local: str
    minibatch: str
    letters: Mapping[str, float]
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
TERMS = ("optimization", "weak convexity", "statistical", "noise drift", "clipping")


@dataclass(frozen=True)
class MethodPlane(Plane):
    """The plane of K and M for one pair of methods, bounded by the start."""

    method: Method = METHODS["SGDM"]

    def cut(self) -> RegimeMap:
        """The window cut into cells with the same winners."""
        bounds = {name: self.method.terms(name) for name in self.bounds} | {"start": {"start": self.method.start()}}
        return winner_map(bounds, self.letters, {"R": 1, **self.method.growth}, self.window)


def letters_along(method: Method, axis: str, places: Array) -> dict[str, Array]:
    """All letters of a method's bounds where one of K, R, M moves and the others stay in the middle."""
    given = {**method.letters, **MIDDLE, "delta": DELTA, "alpha": float(ALPHA)}
    return {name: places if name == axis else np.full(len(places), value) for name, value in given.items()}


def values_of(expression: Expr, letters: Mapping[str, Array]) -> Array:
    """An expression at the letters it has, as long as they are."""
    own = {s.name: letters[s.name] for s in expression.free_symbols}
    return np.broadcast_to(vectorized(expression)(**own), np.broadcast_shapes(*(v.shape for v in letters.values())))


def claimed(method: Method, letters: Mapping[str, Array]) -> Array:
    """Whether no condition of the local method's statement that these numbers decide fails."""
    conditions = theorem(method.local).conditions
    rows = [dict(zip(letters, row, strict=True)) for row in zip(*letters.values(), strict=True)]
    return np.array([all(c.status(row) != "fails" for c in conditions) for row in rows])


def bounds_along(method: Method) -> dict[str, Array]:
    """Terms of both bounds, (axis, term, point), and where the local one is claimed, (axis, point)."""
    found = {name: np.full((len(RANGE), len(TERMS), POINTS), np.nan) for name in ("local", "minibatch")}
    holds = np.empty((len(RANGE), POINTS))
    for i, (axis, span) in enumerate(RANGE.items()):
        letters = letters_along(method, axis, np.geomspace(*span, POINTS))
        holds[i] = claimed(method, letters)
        for name, rows in found.items():
            for term, expression in method.terms(name).items():
                rows[i, TERMS.index(term)] = values_of(expression, letters)
    return {**found, "claimed": holds}


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
    """Bounds along K, R, M; winners in the plane of exponents; tuned runs over K and M and over R.

    `local`, `minibatch` (algorithm, axis, term, point) are the terms, nan where a bound has no such term, at `place`
    (axis, point), the value of the letter that moves; `claimed` tells where no decidable condition of the local
    method's statement fails.  `x`, `y`, `wins` are the cells of the planes and `gain_exponent` (algorithm, up, across)
    the exponent of n in the gain.  `tuned` (who, K, M) and `tuned_over_rounds` (who, R) are measured gaps,
    `least_steps` the theorem's least K for each M, `linear` the largest M of linear speed-up for each K.
    """
    across, up = np.meshgrid(np.linspace(LEAST, MOST, GRID), np.linspace(LEAST, MOST / 2, GRID))
    planes = tuple(
        MethodPlane(
            name,
            {"local": method.local, "minibatch": method.minibatch},
            ("K", "M"),
            {},
            ((LEAST, MOST), (LEAST, MOST // 2)),
            method,
        )
        for name, method in METHODS.items()
    )
    cells = mapped(planes)
    lines = [bounds_along(method) for method in METHODS.values()]

    def of_all(name: str) -> Array:
        return np.stack([one[name] for one in lines])

    K, M = doubling(2, session.choose(quick=10, full=13)), doubling(0, 6) ** 2
    R = doubling(2, 5) ** 2
    replicas, maps = session.choose(quick=16, full=256), steps_and_maps(K)
    over_plane = tuned_pair(maps, K, int(MIDDLE["R"]), M, replicas=replicas, seed=session.seed)
    middle = np.array([MIDDLE["K"]]), np.array([MIDDLE["M"]])
    over_rounds = [
        tuned_pair(maps, middle[0], int(r), middle[1], replicas=replicas, seed=session.seed)[:, 0, 0] for r in R
    ]
    sgdm = METHODS["SGDM"]
    letters = {name: np.full(1, value) for name, value in {**sgdm.letters, **MIDDLE}.items()}
    critical = float(values_of(sgdm.critical_steps(), letters)[0])
    return xr.Dataset(
        {
            **{name: (("algorithm", "axis", "term", "point"), of_all(name)) for name in ("local", "minibatch")},
            "claimed": (("algorithm", "axis", "point"), of_all("claimed")),
            "place": (("axis", "point"), np.stack([np.geomspace(*span, POINTS) for span in RANGE.values()])),
            **{name: cells[name].rename(plane="algorithm") for name in ("x", "y", "wins")},
            "gain_exponent": (
                ("algorithm", "up", "across"),
                np.stack([gain_exponents(method, across, up) for method in METHODS.values()]),
            ),
            "tuned": (("who", "K", "M"), over_plane),
            "tuned_over_rounds": (("who", "R"), np.stack(over_rounds, axis=-1)),
            "least_steps": (("M",), least_steps(sgdm, M)),
            "linear": (("K",), values_of(sgdm.linear_workers(), {n: K if n == "K" else v for n, v in letters.items()})),
        },
        coords={
            "algorithm": list(METHODS),
            "axis": list(RANGE),
            "term": list(TERMS),
            "bound": cells.bound.values,
            "across": across[0],
            "up": up[:, 0],
            "who": ["local", "minibatch"],
            "K": K,
            "M": M,
            "R": R,
        },
        attrs={
            "critical": critical,
            "critical_exponents": [float(exponent_of(m.critical_steps(), m)) for m in METHODS.values()],
            "saturated_exponents": [
                float("inf") if (steps := m.saturated_steps()) is None else float(exponent_of(steps, m))
                for m in METHODS.values()
            ],
            "linear_exponents": [float(exponent_of(m.linear_workers(), m)) for m in METHODS.values()],
            "linear_power": str(monomial(sgdm.linear_workers()).exponents["K"]),
            "letters": {name: dict(method.letters) for name, method in METHODS.items()},
            "theorems": {name: method.local for name, method in METHODS.items()},
            "sigma": SIGMA,
            "sigma_adam": METHODS["Adam"].letters["sigma"],
            "weak": METHODS["Adam"].letters["weak"],
            "alpha": ALPHA,
            "delta": DELTA,
            "middle": dict(MIDDLE),
            "K_fixed": MIDDLE["K"],
            "R_fixed": MIDDLE["R"],
            "M_fixed": MIDDLE["M"],
            "seed": session.seed,
        },
    )


def exponent_of(expression: Expr, method: Method) -> Fraction:
    """The exponent of n in a monomial of the letters that are not in the plane."""
    growth = {"R": Fraction(1), **method.growth}
    powers = monomial(expression).exponents
    return sum((Fraction(str(p)) * growth[name] for name, p in powers.items() if name in growth), Fraction(0))


def least_steps(method: Method, M: Array) -> Array:
    """The least K that the local method's statement allows for each M: K = log(M K R / delta), iterated to the end."""
    (relation,) = [
        c.relation
        for c in theorem(method.local).conditions
        if c.relation is not None and WORKERS in c.relation.free_symbols
    ]
    logarithm = vectorized(relation.rhs, R=MIDDLE["R"], delta=DELTA)
    found = np.full(len(M), MIDDLE["K"])
    for _ in range(100):
        found = logarithm(K=found, M=M)
    return found
