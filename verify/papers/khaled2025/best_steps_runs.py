"""The best inner and outer step of a bound: Proposition 1's candidates against a grid, Proposition 2's three cases."""

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
    rate_of_steps,
    step_candidates,
)
from tightrate.rates.papers.khaled2025.data_dependent import prop2_minimizer
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import eta, gamma
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.search import holds, values_of
from tightrate.verify.session import Session

Array = NDArray[np.float64]
CANDIDATES: tuple[Candidate, ...] = ("plain averaging", "active condition", "vanishing inner step")
REFINEMENTS, SHRINK = 28, 0.6  # slowly, so that the grid can follow the narrow valley along the active condition
SMALLEST = 1e-12  # of the grid of inner steps, in units of 1/L: as good as none


def least_on_grid(letters: dict[str, float], points: int) -> tuple[float, float, float]:
    """The least value of h on a grid of admissible steps, refined around its minimum, and where it is."""
    rate = theorem("khaled2025/prop1")
    function = rate.bound.function(**letters)
    conditions = [c for c in rate.conditions if c.relation is not None]
    low, high = np.log([SMALLEST, 1e-9]), np.log([0.25, 1.0])  # of eta and of the product eta gamma
    best = (np.inf, np.nan, np.nan)
    for turn in range(REFINEMENTS):
        inner, product = (
            np.exp(np.linspace(a, b, points if turn else 12 * points)) for a, b in zip(low, high, strict=True)
        )
        steps = {"eta": inner[:, None], "gamma": product / inner[:, None]}
        allowed = np.all([holds(c, {**_arrays(letters), **steps}) for c in conditions], axis=0)
        values = np.where(allowed, function(**steps), np.inf)
        place = np.unravel_index(int(values.argmin()), values.shape)
        found = (float(values[place]), float(inner[place[0]]), float(steps["gamma"][place]))
        best = min(best, found)
        middle = np.log([best[1], best[1] * best[2]])
        reach = (SHRINK if turn else 0.1) / 2 * (high - low)
        low, high = np.maximum(middle - reach, np.log(SMALLEST)), middle + reach
    return best


def _arrays(letters: dict[str, float]) -> dict[str, Array]:
    return {name: np.array(value) for name, value in letters.items()}


@experiment("khaled2025-best-steps")
def proposition_1(session: Session) -> xr.Dataset:
    """Proposition 1's rate (constants 1) on random instances: its candidates beside the minimum over a grid of steps.

    Over (candidate, instance): `value`, `eta`, `gamma` (inf, nan where a candidate does not exist); over instance:
    `grid`, `grid_eta`, `grid_gamma`, `clipped` (the step of plain averaging is 1/(4L)) and the letters.  The attribute
    `below 1` is h at (eta, gamma) less h at (eta, 1) for gamma = 1/(1 + t), `signs` of its factors.
    """
    n, points = session.choose(quick=60, full=1500), session.choose(quick=31, full=61)
    generator = stream(session.seed, experiment="khaled2025-best-steps")
    K, M = (np.round(10 ** generator.uniform(low, 3, n)) for low in (0.31, 0.0))
    R = np.round(10 ** generator.uniform(0.5, 5, n))
    # Noise from where plain averaging is best to where the inner step vanishes.
    sigma = np.sqrt(K / R * 10 ** generator.uniform(-5, 3, n) * np.where(generator.random(n) < 0.5, 1.0, 16 * M))
    columns = {
        name: np.full((len(CANDIDATES), n), fill)
        for name, fill in (("value", np.inf), ("eta", np.nan), ("gamma", np.nan))
    }
    grid = np.empty((3, n))
    for i in range(n):
        letters = {"L": 1.0, "B": 1.0, "K": K[i], "R": R[i], "M": M[i], "sigma": sigma[i]}
        for pair in step_candidates(letters):
            at = CANDIDATES.index(pair.candidate), i
            columns["value"][at], columns["eta"][at], columns["gamma"][at] = pair.value, pair.eta, pair.gamma
        grid[:, i] = least_on_grid(letters, points)
    t = sympy.Symbol("t", positive=True)
    whole = sympy.Add(*rate_of_steps().values())
    difference = sympy.factor(sympy.simplify(whole.subs(gamma, 1 / (1 + t)) - whole.subs(gamma, 1)))
    return xr.Dataset(
        {
            **{name: (("candidate", "instance"), values) for name, values in columns.items()},
            **{name: (("instance",), row) for name, row in zip(("grid", "grid_eta", "grid_gamma"), grid, strict=True)},
            "clipped": (("instance",), columns["eta"][0] >= 0.25),
            **{name: (("instance",), values) for name, values in (("K", K), ("R", R), ("M", M), ("sigma", sigma))},
        },
        coords={"candidate": list(CANDIDATES)},
        attrs={
            "seed": session.seed,
            "L": 1.0,
            "B": 1.0,
            "below 1": str(difference),
            "below 1 is positive": bool(difference.is_positive),
        },
    )


def positive_roots(polynomial: sympy.Expr, letters: Mapping[str, Array]) -> Array:
    """The positive root in eta of a polynomial that increases for eta > 0, by bisection; 0 where it has none."""
    low, high = np.full(letters["L"].shape, np.log(SMALLEST)), np.full(letters["L"].shape, np.log(1e6))
    for _ in range(70):
        middle = (low + high) / 2
        above = values_of(polynomial, {**letters, "eta": np.exp(middle)}) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.where(values_of(polynomial, {**letters, "eta": 0 * low}) < 0, np.exp(low), 0.0)


def vectorized_candidates(letters: Mapping[str, Array]) -> dict[str, Array]:
    """Proposition 1 for arrays of letters: the best `candidate`, its `gamma`, and the `gain` over plain averaging."""
    cap = 1 / (4 * letters["L"])
    rate = theorem("khaled2025/prop1").bound.expression
    plain = np.minimum(cap, positive_roots(cubic_at_unit_outer_step(), letters))
    root = positive_roots(cubic_at_active_condition(), letters)
    inner = np.where((root > 0) & (root < cap), root, cap)
    outer = values_of(active_outer_step(), {**letters, "eta": inner})
    product = values_of(limiting_product(), letters)
    rates = np.stack(
        [
            values_of(rate, {**letters, "eta": plain, "gamma": np.ones_like(plain)}),
            np.where((root > 0) & (root < cap), values_of(rate, {**letters, "eta": inner, "gamma": outer}), np.inf),
            np.where(root > 0, np.inf, values_of(limiting_rate(), {**letters, "product": product})),
        ]
    )
    best = rates.argmin(axis=0)
    gammas = np.stack([np.ones_like(outer), outer, np.full_like(outer, np.inf)])
    gamma = np.take_along_axis(gammas, best[None], axis=0)[0]
    return {"candidate": best.astype(np.float64), "gamma": gamma, "gain": rates[0] / rates.min(axis=0)}


@experiment("khaled2025-candidates")
def regime_map(session: Session) -> xr.Dataset:
    """Which candidate of Proposition 1 is best, over the noise sigma^2 R / (L B)^2 and K, for a few M.

    Over (M, K, noise): `candidate` (0, 1, 2 in the order of `CANDIDATES`), `gamma` (inf for the third) and `gain`, the
    rate of plain averaging over the best one.  Over (M, K): `plain_until` and `vanishing_from`, where the noise makes
    candidate B's cubic have its root at 1/(4L), and lose its positive root; both from the symbolic cubic.
    """
    M = np.array([1.0, 64.0])
    K = np.geomspace(2, 1024, session.choose(quick=37, full=73))
    noise = np.geomspace(1e-2, 1e7, session.choose(quick=61, full=121))
    R = 100.0  # the rate times R depends on sigma^2 R alone
    axes = dict(zip(("M", "K", "noise"), np.meshgrid(M, K, noise, indexing="ij"), strict=True))
    letters = {name: axes[name] for name in ("M", "K")} | {"sigma": np.sqrt(axes["noise"] / R)}
    letters |= {name: np.full(axes["K"].shape, value) for name, value in (("L", 1.0), ("B", 1.0), ("R", R))}
    found = vectorized_candidates(letters)
    cubic = cubic_at_active_condition()
    letter = {symbol.name: symbol for symbol in cubic.free_symbols}
    edges = {}
    square = sympy.Symbol("square", positive=True)
    for name, at in (("plain_until", 1 / (4 * letter["L"])), ("vanishing_from", sympy.Integer(0))):
        (variance,) = sympy.solve(cubic.subs(eta, at).subs(letter["sigma"], sympy.sqrt(square)), square)
        level = sympy.simplify(variance * letter["R"])
        values = {"L": 1.0, "B": 1.0, "M": M[:, None], "K": K}
        edges[name] = vectorized(level)(**{symbol.name: values[symbol.name] for symbol in level.free_symbols})
    return xr.Dataset(
        {
            **{name: (("M", "K", "noise"), values) for name, values in found.items()},
            **{name: (("M", "K"), np.broadcast_to(values, (len(M), len(K)))) for name, values in edges.items()},
        },
        coords={"M": M, "K": K, "noise": noise},
        attrs={"theorem": "khaled2025/prop1", "candidates": list(CANDIDATES)},
    )


@experiment("khaled2025-proposition-2")
def proposition_2(session: Session) -> xr.Dataset:
    """The minimizer of a/x + b x + c |1 - x| by Proposition 2 against a grid, and its optimality by subgradients.

    The attribute `certificate` has, for each case, the one-sided derivatives at the stated minimizer: the function is
    convex, so that it is enough for 0 to lie between them.
    """
    n = session.choose(quick=300, full=3000)
    generator = stream(session.seed, experiment="khaled2025-proposition-2")
    a, b, c = 10 ** generator.uniform(-2, 2, (3, n))
    letters = sympy.symbols("a b c x", positive=True)
    minimizer = sympy.lambdify(letters[:3], prop2_minimizer(*letters[:3]), modules="numpy")
    with np.errstate(invalid="ignore", divide="ignore"):
        stated = np.asarray(minimizer(a, b, c), dtype=np.float64)
    x = np.exp(np.linspace(-6, 6, 20_001))

    def value(x: Array) -> Array:
        return np.asarray(a[:, None] / x + b[:, None] * x + c[:, None] * np.abs(1 - x))

    grid = value(x)
    return xr.Dataset(
        {
            "value": (("instance",), value(stated[:, None])[:, 0]),
            "grid": (("instance",), grid.min(axis=1)),
            "minimizer": (("instance",), stated),
            "grid_minimizer": (("instance",), x[grid.argmin(axis=1)]),
            "a": (("instance",), a),
            "b": (("instance",), b),
            "c": (("instance",), c),
        },
        attrs={"seed": session.seed, "certificate": subgradients()},
    )


def subgradients() -> dict[str, list[str]]:
    """[left derivative, right derivative, what must be nonnegative for 0 to lie between them] in each case.

    Above 1 both derivatives are those of a/x + (b + c) x - c, below 1 those of a/x + (b - c) x + c; at 1 they differ.
    """
    a, b, c, x = sympy.symbols("a b c x", positive=True)
    right, left = sympy.diff(a / x + (b + c) * x - c, x), sympy.diff(a / x + (b - c) * x + c, x)
    cases = prop2_minimizer(a, b, c).args
    at = {
        "above 1": (right, right, cases[0][0]),
        "below 1": (left, left, cases[1][0]),
        "at 1": (left, right, cases[2][0]),
    }
    return {
        name: [str(sympy.simplify(derivative.subs(x, point))) for derivative in (low, high)]
        for name, (low, high, point) in at.items()
    }
