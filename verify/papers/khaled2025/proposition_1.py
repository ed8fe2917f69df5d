"""Proposition 1: the best pair of inner and outer step of Theorem 1's rate, its candidates against a grid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray

from tightrate.rates.papers.khaled2025.best_steps import (
    Candidate,
    active_outer_step,
    cubic_at_active_condition,
    cubic_at_unit_outer_step,
    limiting_product,
    limiting_rate,
    step_candidates,
)
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import eta, gamma
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.assertion import Fact, Facts
from tightrate.verify.assertions.bounded import AtLeast, AtMost
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
CANDIDATES: tuple[Candidate, ...] = ("plain averaging", "active condition", "vanishing inner step")
REFINEMENTS, SHRINK = 28, 0.6  # slowly, so that the grid can follow the narrow valley along the active condition
SMALLEST = 1e-12  # of the grid of inner steps, in units of 1/L: as good as none

# --- The candidates against a grid -----------------------------------------------------------------------------------


def least_on_grid(rate: Theorem, symbols: Mapping[str, float], points: int) -> tuple[float, float, float]:
    """The least value of the rate on a grid of admissible steps, refined around its minimum, and where it is."""
    low, high = np.log([SMALLEST, 1e-9]), np.log([0.25, 1.0])  # of eta and of the product eta gamma
    best = (np.inf, np.nan, np.nan)
    for turn in range(REFINEMENTS):
        inner, product = (
            np.exp(np.linspace(a, b, points if turn else 12 * points)) for a, b in zip(low, high, strict=True)
        )
        steps = {"eta": inner[:, None], "gamma": product / inner[:, None]}
        values = np.where(rate.holds_at(symbols, **steps), rate.bound.at(symbols, **steps), np.inf)
        place = np.unravel_index(int(values.argmin()), values.shape)
        found = (float(values[place]), float(inner[place[0]]), float(steps["gamma"][place]))
        best = min(best, found)
        middle = np.log([best[1], best[1] * best[2]])
        reach = (SHRINK if turn else 0.1) / 2 * (high - low)
        low, high = np.maximum(middle - reach, np.log(SMALLEST)), middle + reach
    return best


@experiment("khaled2025-best-steps")
def best_steps(session: Session) -> xr.Dataset:
    """Proposition 1's rate (constants 1) on random instances: its candidates beside the minimum over a grid of steps.

    Over (candidate, instance): `value`, inf where a candidate does not exist; over instance: `grid`, the least value on
    the grid, at the steps `eta` and `gamma`, and `clipped` (the step of plain averaging is $1/(4L)$)."""
    n, points = session.choose(quick=60, full=1500), session.choose(quick=31, full=61)
    generator = stream(session.seed, experiment="khaled2025-best-steps")
    K, M = (np.round(10 ** generator.uniform(low, 3, n)) for low in (0.31, 0.0))
    R = np.round(10 ** generator.uniform(0.5, 5, n))
    # Noise from where plain averaging is best to where the inner step vanishes.
    sigma = np.sqrt(K / R * 10 ** generator.uniform(-5, 3, n) * np.where(generator.random(n) < 0.5, 1.0, 16 * M))
    rate = statement("khaled2025/prop1")
    value, plain, grid = np.full((len(CANDIDATES), n), np.inf), np.empty(n), np.empty((3, n))
    for i in range(n):
        symbols = {"L": 1.0, "B": 1.0, "K": K[i], "R": R[i], "M": M[i], "sigma": sigma[i]}
        for pair in step_candidates(symbols):
            value[CANDIDATES.index(pair.candidate), i] = pair.value
            plain[i] = pair.eta if pair.candidate == "plain averaging" else plain[i]
        grid[:, i] = least_on_grid(rate, symbols, points)
    columns = {"K": K, "R": R, "M": M, "sigma": sigma, **dict(zip(("grid", "eta", "gamma"), grid, strict=True))}
    return xr.Dataset(
        {
            "value": (("candidate", "instance"), value),
            "clipped": ("instance", plain >= 0.25),
            **{name: ("instance", column) for name, column in columns.items()},
        },
        coords={"candidate": list(CANDIDATES)},
        attrs={"seed": session.seed, "L": 1.0, "B": 1.0},
    )


FOUND = 1e-8  # relative: the grid admits steps that break the condition by rounding


@claim(
    "khaled2025/prop1-three-candidates",
    "The least value of Proposition 1's rate over all admissible steps is that of plain averaging (A), of the"
    " active condition $(B)$, or of a vanishing inner step at a fixed product $(C)$.",
    theorem="khaled2025/prop1",
    kind="regime",
    data=best_steps,
)
def prop1_three_candidates(data: xr.Dataset) -> Facts:
    """A refined grid over both steps on random instances: it must find nothing better than the best of the three, and
    come close to it."""
    best = data.value.min("candidate")
    grid = Measurement.of(data, "grid", what="least rate on a grid of steps", rounding=FOUND * best)
    near = Fact(float((data.grid / best).median()), at_most=1.01)
    wins = np.bincount(data.value.argmin("candidate"), minlength=len(CANDIDATES))
    counts = {f"best: {name}": int(n) for name, n in zip(CANDIDATES, wins, strict=True)}
    return Facts({"median of grid / best candidate": near}, main=AtLeast(grid, best), also=counts)


@claim(
    "khaled2025/prop1-two-candidates-if-re-derived",
    "If the rate that Proposition 1 minimizes has the re-derived shape, the smaller value of candidates A and B is its"
    " least.",
    theorem="khaled2025/prop1",
    kind="conditional",
    accuses="third candidate",
    data=best_steps,
    expected="violated",
)
def prop1_two_candidates(data: xr.Dataset) -> AtLeast:
    """The same grid against the smaller of A and, where its cubic has a positive root, $B$; where the noise is large it
    has none, and vanishing inner steps are better."""
    best = data.value.sel(candidate=list(CANDIDATES[:2])).min("candidate")
    return AtLeast(Measurement.of(data, "grid", what="least rate on a grid of steps", rounding=FOUND * best), best)


@claim(
    "khaled2025/plain-averaging-only-when-clipped",
    "Plain averaging minimizes Proposition 1's rate only where its own inner step is clipped at $1/(4L)$.",
    theorem="khaled2025/prop1",
    kind="regime",
    data=best_steps,
)
def plain_averaging_only_when_clipped(data: xr.Dataset) -> AtMost:
    """On random instances: wherever the step of plain averaging is not clipped, the grid must find a smaller rate, with
    an outer step above 1."""
    free = data.isel(instance=np.flatnonzero(~data.clipped))
    plain = free.value.sel(candidate="plain averaging", drop=True)
    what = "least rate on a grid where plain averaging is not clipped"
    return AtMost(Measurement.of(free, "grid", what=what), plain * (1 - FOUND))


@claim(
    "khaled2025/bound-never-wants-less-than-1",
    "No outer step below 1 minimizes Proposition 1's rate: at the same inner step $gamma = 1$ is better.",
    theorem="khaled2025/prop1",
    kind="regime",
    expected="confirmed",
)
def bound_never_wants_less_than_1(theorem: Theorem) -> Symbolic:
    """The rate at $gamma = 1/(1 + t)$ less that at $gamma = 1$, simplified for a positive symbol $t$: a positive
    expression is the proof, as the pair ($eta$, 1) meets the same condition."""
    t, rate = sympy.Symbol("t", positive=True), theorem.bound.expression
    difference = sympy.simplify(rate.subs(gamma, 1 / (1 + t)) - rate.subs(gamma, 1))
    return Symbolic(positive={"h(eta, 1/(1 + t)) - h(eta, 1)": difference})


# --- Which candidate is best, on a plane -----------------------------------------------------------------------------


def positive_roots(polynomial: sympy.Expr, symbols: Mapping[str, Array]) -> Array:
    """The positive root in eta of a polynomial that increases for eta > 0, by bisection; 0 where it has none."""
    low, high = np.full(symbols["L"].shape, np.log(SMALLEST)), np.full(symbols["L"].shape, np.log(1e6))
    for _ in range(70):
        middle = (low + high) / 2
        above = at(polynomial, symbols, eta=np.exp(middle)) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.where(at(polynomial, symbols, eta=0 * low) < 0, np.exp(low), 0.0)


def best_candidates(symbols: Mapping[str, Array]) -> dict[str, Array]:
    """Proposition 1 on arrays: the best `candidate`, its `gamma`, and the `gain` over plain averaging."""
    cap = 1 / (4 * symbols["L"])
    rate = statement("khaled2025/prop1").bound
    plain = np.minimum(cap, positive_roots(cubic_at_unit_outer_step(), symbols))
    root = positive_roots(cubic_at_active_condition(), symbols)
    exists = (root > 0) & (root < cap)
    inner = np.where(exists, root, cap)
    outer = at(active_outer_step(), symbols, eta=inner)
    rates = np.stack(
        [
            rate.at(symbols, eta=plain, gamma=np.ones_like(plain)),
            np.where(exists, rate.at(symbols, eta=inner, gamma=outer), np.inf),
            np.where(root > 0, np.inf, at(limiting_rate(), symbols, product=at(limiting_product(), symbols))),
        ]
    )
    best = rates.argmin(axis=0)
    gammas = np.stack([np.ones_like(outer), outer, np.full_like(outer, np.inf)])
    gamma = np.take_along_axis(gammas, best[None], axis=0)[0]
    return {"candidate": best.astype(np.float64), "gamma": gamma, "gain": rates[0] / rates.min(axis=0)}


@experiment("khaled2025-candidates")
def regime_map(session: Session) -> xr.Dataset:
    """Which candidate of Proposition 1 is best, over the noise $sigma^2 R / (L B)^2$ and $K$, for a few $M$.

    Over ($M, K$, noise): `candidate` (0, 1, 2 in the order of `CANDIDATES`), `gamma` (inf for the third) and `gain`,
    the rate of plain averaging over the best one. Over $(M, K)$: `plain_until` and `vanishing_from`, where the noise
    makes candidate $B's$ cubic have its root at $1/(4L)$, and lose its positive root; both from the symbolic cubic."""
    M = np.array([1.0, 64.0])
    K = np.geomspace(2, 1024, session.choose(quick=37, full=73))
    noise = np.geomspace(1e-2, 1e7, session.choose(quick=61, full=121))
    R = 100.0  # the rate times R depends on sigma^2 R alone
    axes = dict(zip(("M", "K", "noise"), np.meshgrid(M, K, noise, indexing="ij"), strict=True))
    symbols = {name: axes[name] for name in ("M", "K")} | {"sigma": np.sqrt(axes["noise"] / R)}
    symbols |= {name: np.full(axes["K"].shape, value) for name, value in (("L", 1.0), ("B", 1.0), ("R", R))}
    found = best_candidates(symbols)
    cubic = cubic_at_active_condition()
    letter = {symbol.name: symbol for symbol in cubic.free_symbols}
    edges = {}
    square = sympy.Symbol("square", positive=True)
    for name, inner in (("plain_until", 1 / (4 * letter["L"])), ("vanishing_from", sympy.Integer(0))):
        (variance,) = sympy.solve(cubic.subs(eta, inner).subs(letter["sigma"], sympy.sqrt(square)), square)
        level = at(sympy.simplify(variance * letter["R"]), L=1.0, B=1.0, M=M[:, None], K=K)
        edges[name] = np.broadcast_to(level, (len(M), len(K)))
    return xr.Dataset(
        {
            **{name: (("M", "K", "noise"), values) for name, values in found.items()},
            **{name: (("M", "K"), values) for name, values in edges.items()},
        },
        coords={"M": M, "K": K, "noise": noise},
        attrs={"candidates": list(CANDIDATES)},
    )
