"""The outer-optimizer theorems: algebra of their proofs, and bounds against exact second moments on quadratics."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from math import exp, inf, log, sqrt
from pathlib import Path

import numpy as np
import pytest
import sympy
from numpy.typing import NDArray
from scipy.special import ndtr

from tightrate.common.errors import TightrateError
from tightrate.rates.papers.khaled2025 import (
    best_steps,
    data_dependent,
    generalized_local_sgd,
    outer_acceleration,
    outer_momentum,
)
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.symbols.alphabet import B, K, L, M, R, eta, gamma, momentum, sigma
from tightrate.rates.symbols.evaluation import at

PROOFS = Path(__file__).parents[1] / "docs" / "proofs" / "khaled2025.md"
Array = NDArray[np.float64]


def statements() -> list[str]:
    return [name.partition("/")[2] for name in catalogue.theorem_ids("khaled2025")]


def bound(label: str) -> Bound:
    return catalogue.theorem(f"khaled2025/{label}").bound


def without(whole: Bound, *names: str) -> Bound:
    return replace(whole, terms=tuple(term for term in whole.terms if term.name not in names))


# --- The catalogue ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", statements())
def test_every_term_has_the_unit_of_its_measure(label: str) -> None:
    bound(label).check_units()


@pytest.mark.parametrize("label", statements())
def test_what_is_ours_or_re_derived_has_its_proof_written_out(label: str) -> None:
    provenance = catalogue.theorem(f"khaled2025/{label}").provenance
    headings = re.findall(r"^## ([\w.-]+)$", PROOFS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if provenance.label in ("re-derived", "own"):
        assert provenance.proof.removeprefix("proofs/khaled2025#") in headings


def exponents(label: str) -> dict[str, tuple[Fraction, ...]]:
    """Exponents of K, R, M of each term."""
    return {
        term.name: tuple(Fraction(str(term.monomial.exponents.get(name, 0))) for name in ("K", "R", "M"))
        for term in bound(label).terms
    }


def f(numerator: int, denominator: int = 1) -> Fraction:
    return Fraction(numerator, denominator)


@pytest.mark.parametrize("label", ["eq2", "eq2-explicit"])
def test_exponents_of_local_sgd(label: str) -> None:
    assert exponents(label) == {
        "optimization": (f(-1), f(-1), f(0)),
        "statistical": (f(-1, 2), f(-1, 2), f(-1, 2)),
        "noise drift": (f(-1, 3), f(-2, 3), f(0)),
    }


@pytest.mark.parametrize(("label", "power_of_m"), [("cor1", f(-1, 3)), ("cor1-safe", f(0))])
def test_exponents_of_the_accelerated_outer_loop(label: str, power_of_m: Fraction) -> None:
    assert exponents(label) == {
        "optimization": (f(-1), f(-2), f(0)),
        "statistical": (f(-1, 2), f(-1, 2), f(-1, 2)),
        "spread": (f(-1, 3), f(-1), power_of_m),
        "noise drift": (f(-1, 4), f(-5, 4), f(0)),
    }


# --- The algebra of the proofs ---------------------------------------------------------------------------------------


def test_regret_identities_hold_along_every_trajectory() -> None:
    """Lemma 6 and the one-round identity (13), for arbitrary vectors g."""
    random = np.random.default_rng(0)
    for inner, outer in ((0.3, 1.0), (2.0, 0.4), (0.01, 7.0)):
        g, start, optimum = random.normal(size=(6, 3)), random.normal(size=3), random.normal(size=3)
        y = start - inner * np.vstack([np.zeros(3), np.cumsum(g, axis=0)])
        regret = np.sum((y[:-1] - start) * g)
        assert regret == pytest.approx(inner / 2 * np.sum(g**2) - np.sum((y[-1] - start) ** 2) / (2 * inner))
        total = g.sum(axis=0)
        after = start - outer * inner * total
        assert np.sum((after - optimum) ** 2) == pytest.approx(
            np.sum((start - optimum) ** 2)
            - 2 * outer * inner * np.sum((y[:-1] - optimum) * g)
            + outer * inner**2 * np.sum(g**2)
            + outer * (outer - 1) * inner**2 * np.sum(total**2)
        )


def round_terms(outer: sympy.Expr, above: sympy.Expr) -> sympy.Expr:
    """B^2 and R times what one round adds, in eta gamma' units, with the noise factor `above` of (gamma' - 1)_+."""
    drift = outer * eta * L * eta**2 * sigma**2 * K * (K - 1)
    noise = outer * eta**2 * K * sigma**2 / M * above
    return B**2 + R * (drift + noise)


@pytest.mark.parametrize(
    ("label", "cross", "kept"), [("thm1", 1, sympy.Rational(1, 2)), ("thm1-safe", 3, sympy.Rational(1, 4))]
)
def test_constants_of_theorem_1_follow(label: str, cross: int, kept: sympy.Rational) -> None:
    """One round keeps the fraction `kept` of 1 - 2 eta L (...) and adds `cross` times the noise of (gamma - 1)_+."""
    total = round_terms(gamma, 1 + cross * (gamma - 1)) / (kept * gamma * eta * R * K)
    above = bound(label).expression.subs({sympy.Max(0, gamma - 1): gamma - 1, sympy.Max(1, gamma): gamma})
    assert sympy.simplify(total - above) == 0
    p, q = sympy.symbols("p q", nonnegative=True)  # eta L and eta L (gamma - 1) K, with p + q <= 1/4
    loss = 2 * p + (2 if cross == 1 else 3) * q
    worst = max(loss.subs(corner) for corner in ({p: 0, q: 0}, {p: sympy.Rational(1, 4), q: 0}, {p: 0, q: "1/4"}))
    assert 1 - worst == kept


@pytest.mark.parametrize(
    ("label", "cross", "kept", "curvature"),
    [("thm2", 1, sympy.Rational(1, 4), 2), ("thm2-safe", 3, sympy.Rational(1, 8), 3)],
)
def test_constants_of_theorem_2_follow(label: str, cross: int, kept: sympy.Rational, curvature: int) -> None:
    """The momentum cross terms add 2 gamma^2 eta^2 momentum/(1-momentum)^3 times E|G|^2, half of the rest pays."""
    adjusted = gamma / (1 - momentum)
    weight = 2 * gamma**2 * eta**2 * momentum / (1 - momentum) ** 3
    total = round_terms(adjusted, 1 + cross * (adjusted - 1)) + R * weight * cross * K * sigma**2 / M
    total /= kept * adjusted * eta * R * K
    above = bound(label).expression.subs({sympy.Max(0, adjusted - 1): adjusted - 1, sympy.Max(1, adjusted): adjusted})
    assert sympy.simplify(total - above) == 0
    condition = catalogue.theorem(f"khaled2025/{label}").conditions[1].relation
    assert condition is not None
    paid = weight * curvature * L * K  # coefficient of the gap in weight * E|G|^2
    assert sympy.simplify(paid / (kept * adjusted * eta) - condition.lhs / condition.rhs) == 0


def test_constants_of_theorem_3_follow() -> None:
    """Sum of gamma eta K (r+1)(r+2)/2 times the noise of a round, over the potential's weight at R."""
    r = sympy.Symbol("r", integer=True, nonnegative=True)
    rounds = sympy.Symbol("R", positive=True)
    noise = (
        eta * sigma**2 / (2 * M)
        + L * eta**2 * sigma**2 * (K + 1) / (4 * M)
        + L * eta**2 * sigma**2 * (K - 1) / 2
        + L**2 * eta**3 * sigma**2 * (K**2 - 1) / 3
    )
    grown = sympy.summation((r + 1) * (r + 2), (r, 0, rounds - 1)) * gamma * eta * K / 2 * noise
    total = (B**2 + grown) / (gamma * eta * K / 2 * rounds * (rounds + 1))
    assert sympy.simplify(total - bound("thm3-safe").expression) == 0
    gradients = sympy.simplify(gamma * (r + 1) - (r + 2) - ((r + 1) * (gamma - 1) - 1))
    assert gradients == 0


def balanced_sum(rate: dict[str, sympy.Expr], inverse_step: sympy.Expr) -> sympy.Expr:
    """Each term at the branch of eta = 1/max{...} that bounds it: the decreasing one at the sum of the branches."""
    branches = list(inverse_step.args)
    first, *others = rate.values()
    total = first.subs(eta, 1 / sum(branches))
    own = {sympy.simplify(sympy.log(term).diff(eta) * eta): term for term in others}
    for power, term in own.items():
        total += term.subs(eta, 1 / next(b for b in branches if power_matches(b, power)))
    return total


def power_matches(branch: sympy.Expr, power: sympy.Expr) -> bool:
    """Whether 1/eta = branch balances 1/eta against eta^power: sigma enters the branch as sigma^(2/(1 + power))."""
    return sympy.simplify(sympy.log(branch).diff(sigma) * sigma - sympy.Integer(2) / (1 + power)) == 0


def test_tuned_local_sgd_follows_from_theorem_1() -> None:
    terms = {t.name: t.expression.subs(gamma, 1) for t in bound("thm1").terms}
    terms["noise drift"] = terms["noise drift"].subs(K - 1, K)
    total = balanced_sum(terms, 1 / generalized_local_sgd.local_step())
    assert sympy.simplify(sympy.powdenest(total - bound("eq2-explicit").expression, force=True)) == 0


def test_tuned_acceleration_follows_from_theorem_3() -> None:
    rate = {
        "optimization": 2 * B**2 / (eta * K * R**2),
        "noise": R * eta * sigma**2 / (2 * M),
        "spread": R * L * eta**2 * sigma**2 * K,
        "drift": R * L**2 * eta**3 * sigma**2 * K**2 / 3,
    }
    total = balanced_sum(rate, 1 / outer_acceleration.accelerated_step(sympy.Integer(1)))
    assert sympy.simplify(sympy.powdenest(total - bound("cor1-safe").expression, force=True)) == 0


def random_values(count: int, seed: int) -> list[dict[str, float]]:
    random = np.random.default_rng(seed)
    return [
        {
            "L": float(10 ** random.uniform(-2, 2)),
            "B": float(10 ** random.uniform(-2, 2)),
            "sigma": float(10 ** random.uniform(-3, 3)),
            "K": int(10 ** random.uniform(0, 3)),
            "R": int(10 ** random.uniform(0, 4)),
            "M": int(10 ** random.uniform(0, 3)),
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("tuned", "source"), [("eq2-explicit", "thm1"), ("ill-tuned", "thm1-safe"), ("cor1-safe", "thm3-safe")]
)
def test_prescribed_steps_satisfy_the_conditions_and_give_the_rate(tuned: str, source: str) -> None:
    statement, origin = catalogue.theorem(f"khaled2025/{tuned}"), catalogue.theorem(f"khaled2025/{source}")
    for values in random_values(25, 1):
        steps = {name: statement.step_at(name, values) for name in ("eta", "gamma")}
        for condition in origin.conditions:
            assert condition.relation is None or at(condition.relation.lhs, values, **steps) <= float(
                condition.relation.rhs
            ) * (1 + 1e-12)
        rate = float(statement.bound.at(**values, **steps))
        assert float(origin.bound.at(**values, **steps)) <= rate * (1 + 1e-12)


# --- Exact second moments on quadratics ------------------------------------------------------------------------------


def outer_gap(
    curvature: Array,
    start: Array,
    noise: Array,
    inner: Array,
    outer: Array,
    rounds: int,
    local: int,
    workers: int,
    heavy_ball: float = 0.0,
) -> Array:
    """The mean of E f - f_* over all local iterates, for instances x coordinates; momentum through E x x_prev."""
    a = 1 - inner[:, None] * curvature
    b = 1 - outer[:, None] * (1 - a**local)
    step_noise = inner[:, None] ** 2 * noise
    round_noise = outer[:, None] ** 2 * step_noise / workers * sum(a ** (2 * k) for k in range(local))
    now, cross, before = start**2, start**2, start**2
    total = np.zeros(len(inner))
    for _ in range(rounds):
        local_second = now
        for _ in range(local):
            total += np.sum(curvature * local_second, axis=1) / 2
            local_second = a**2 * local_second + step_noise
        c = b + heavy_ball
        now, cross, before = (
            c**2 * now - 2 * c * heavy_ball * cross + heavy_ball**2 * before + round_noise,
            c * now - heavy_ball * cross,
            now,
        )
    return total / (rounds * local)


def random_quadratics(seed: int, count: int = 400, dimension: int = 3) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    curvature = np.concatenate([np.ones((count, 1)), 10 ** random.uniform(-6, 0, (count, dimension - 1))], axis=1)
    start = random.normal(size=(count, dimension)) * 10 ** random.uniform(-2, 1, (count, dimension))
    noise = random.exponential(size=(count, dimension)) * 10 ** random.uniform(-3, 1, (count, 1))
    return {"curvature": curvature, "start": start, "noise": noise, "used": random.uniform(0.05, 1, count)}


SIZES = [(1, 1, 1), (1, 40, 3), (4, 10, 1), (5, 60, 20), (20, 5, 2), (30, 30, 7)]  # K, R, M


def worst_ratio_of_theorem_1(candidate: Bound, seed: int) -> float:
    worst = 0.0
    for index, (local, rounds, workers) in enumerate(SIZES):
        q = random_quadratics(seed + index)
        outer = 10 ** np.random.default_rng(index).uniform(-1, 2, 400)
        inner = q["used"] / (4 * (1 + np.maximum(outer - 1, 0) * local))
        gap = outer_gap(q["curvature"], q["start"], q["noise"], inner, outer, rounds, local, workers)
        value = candidate.at(
            L=1.0, B=np.sqrt(np.sum(q["start"] ** 2, axis=1)), sigma=np.sqrt(np.sum(q["noise"], axis=1)),
            eta=inner, gamma=outer, K=local, R=rounds, M=workers,
        )  # fmt: skip
        worst = max(worst, float(np.max(gap / value)))
    return worst


@pytest.mark.parametrize("label", ["thm1", "thm1-safe"])
def test_theorem_1_holds_on_random_quadratics(label: str) -> None:
    assert worst_ratio_of_theorem_1(bound(label), 0) <= 1


@pytest.mark.parametrize("dropped", ["optimization", "statistical"])
def test_theorem_1_without_one_of_its_terms_is_violated(dropped: str) -> None:
    assert worst_ratio_of_theorem_1(without(bound("thm1"), dropped), 0) > 1


def test_theorem_1_with_constants_too_small_is_violated() -> None:
    whole = bound("thm1")
    small = replace(whole, terms=tuple(Term(t.name, t.expression / 16) for t in whole.terms))
    assert worst_ratio_of_theorem_1(small, 0) > 1


def test_the_drift_term_is_needed_off_quadratics() -> None:
    """f = max(x,0)^2/2 - s x, many workers, started at the optimum: the gap is all drift."""
    random = np.random.default_rng(5)
    inner, local, rounds, workers = 0.01, 20, 60, 4000
    s = 0.35 * inner * sqrt(local)
    x, total = s, 0.0
    for _ in range(rounds):
        y = np.full(workers, x)
        for _ in range(local):
            total += float(np.mean(y))
            y -= inner * (np.maximum(y, 0) - s + random.choice((-1.0, 1.0), workers))
        x = float(np.mean(y))
    output = total / (rounds * local)
    gap = max(output, 0) ** 2 / 2 - s * output + s**2 / 2
    values = {"L": 1, "B": 0, "sigma": 1, "eta": inner, "gamma": 1, "K": local, "R": rounds, "M": workers}
    assert gap <= float(bound("thm1").at(**values))
    assert gap > 2 * float(without(bound("thm1"), "noise drift").at(**values))


@pytest.mark.parametrize("label", ["thm2", "thm2-safe"])
def test_theorem_2_holds_on_random_quadratics(label: str) -> None:
    theorem = catalogue.theorem(f"khaled2025/{label}")
    limit = 1 / 16 if label == "thm2" else 1 / 48
    worst, dropped = 0.0, 0.0
    for index, (heavy_ball, (local, rounds, workers)) in enumerate(
        (nu, size) for nu in (0.0, 0.5, 0.9, 0.99) for size in SIZES
    ):
        q = random_quadratics(100 + index, count=60)
        outer = 10 ** np.random.default_rng(index).uniform(-2, 1, 60)
        room = [1 / (4 * (1 + np.maximum(outer / (1 - heavy_ball) - 1, 0) * local))]
        if heavy_ball:
            room.append(limit * (1 - heavy_ball) ** 2 / (outer * heavy_ball * local))
        inner = q["used"] * np.minimum.reduce(room)
        gap = outer_gap(q["curvature"], q["start"], q["noise"], inner, outer, rounds, local, workers, heavy_ball)
        values = {
            "L": 1.0, "B": np.sqrt(np.sum(q["start"] ** 2, axis=1)), "sigma": np.sqrt(np.sum(q["noise"], axis=1)),
            "eta": inner, "gamma": outer, "momentum": heavy_ball, "K": local, "R": rounds, "M": workers,
        }  # fmt: skip
        worst = max(worst, float(np.max(gap / theorem.bound.at(**values))))
        dropped = max(dropped, float(np.max(gap / without(theorem.bound, "optimization").at(**values))))
    assert worst <= 1
    assert dropped > 1


def asymmetric_momentum_gap(complement: float, inner: float) -> float:
    """f(average) on f = x^2/8 for x > 0, x^2/2 otherwise; K = M = 1, gamma = 1 - momentum = `complement`."""
    x = previous = 1.0
    total, rounds = 0.0, round(1 / complement)
    for _ in range(rounds):
        total += x
        slope = x / 4 if x > 0 else x
        x, previous = x - complement * inner * slope + (1 - complement) * (x - previous), x
    output = total / rounds
    return output**2 / 8 if output > 0 else output**2 / 2


def test_the_first_power_of_one_minus_momentum_is_not_enough() -> None:
    """The legible condition admits steps at which no multiple of the optimization term holds; the square does not."""
    theorem = catalogue.theorem("khaled2025/thm2")
    ratios = {}
    for complement in (1e-3, 1e-4, 1e-5):
        values = {
            "L": 1.0, "B": 1.0, "sigma": 0.0, "K": 1, "M": 1, "R": round(1 / complement),
            "eta": 1 / 16, "gamma": complement, "momentum": 1 - complement,
        }  # fmt: skip
        first, second, _ = theorem.conditions
        assert first.status(values) == "holds"
        assert outer_momentum.momentum_condition(power=1).status(values) == "holds"
        assert second.status(values) == "fails"
        term = theorem.bound.terms_at(values)["optimization"]
        ratios[complement] = asymmetric_momentum_gap(complement, 1 / 16) / term
        allowed = {**values, "eta": complement / 16}
        assert second.status({**allowed, "momentum": 1 - 1.001 * complement}) == "holds"
        assert asymmetric_momentum_gap(complement, complement / 16) <= 0.02 * theorem.bound.at(allowed)
    assert ratios[1e-3] < 1 < ratios[1e-4]
    assert ratios[1e-5] / ratios[1e-4] == pytest.approx(10, rel=0.3)


def accelerated_gap(
    curvature: Array, start: Array, noise: Array, inner: float, outer: float, rounds: int, local: int, workers: int
) -> Array:
    """E f(u_R) - f_* of the accelerated outer loop per coordinate set, from the second moments of (u, z)."""
    a = (1 - inner * curvature) ** local
    spread = inner**2 * noise / workers * sum((1 - inner * curvature) ** (2 * k) for k in range(local))
    uu, uz, zz = start**2, start**2, start**2
    for r in range(rounds):
        p, q, step = r / (r + 2), 2 / (r + 2), outer * (r + 1) / 2
        xx = p**2 * uu + 2 * p * q * uz + q**2 * zz
        xz = p * uz + q * zz
        pull = step * (1 - a)
        uu, uz, zz = (
            a**2 * xx + spread,
            a * (xz - pull * xx) + step * spread,
            zz - 2 * pull * xz + pull**2 * xx + step**2 * spread,
        )
    return np.sum(curvature * uu, axis=1) / 2


def test_the_accelerated_loop_starts_as_by_hand() -> None:
    gaps = [
        float(accelerated_gap(np.ones((1, 1)), np.ones((1, 1)), np.zeros((1, 1)), 0.5, 1.0, n, 1, 1)[0])
        for n in (1, 2, 3)
    ]
    assert gaps == pytest.approx([(1 / 2) ** 2 / 2, (1 / 3) ** 2 / 2, (3 / 16) ** 2 / 2])


def worst_ratio_of_theorem_3(candidate: Bound) -> float:
    worst = 0.0
    for index, (local, rounds, workers) in enumerate([*SIZES, (1, 300, 4), (8, 100, 2)]):
        for inner, outer in ((0.5, 1.0), (0.5, 0.3), (0.05, 1.0), (0.005, 1.0)):
            q = random_quadratics(200 + index, count=100)
            gap = accelerated_gap(q["curvature"], q["start"], q["noise"], inner, outer, rounds, local, workers)
            value = candidate.at(
                L=1.0, B=np.sqrt(np.sum(q["start"] ** 2, axis=1)), sigma=np.sqrt(np.sum(q["noise"], axis=1)),
                eta=inner, gamma=outer, K=local, R=rounds, M=workers,
            )  # fmt: skip
            worst = max(worst, float(np.max(gap / value)))
    return worst


def test_theorem_3_holds_on_random_quadratics_and_its_terms_are_needed() -> None:
    whole = bound("thm3-safe")
    assert worst_ratio_of_theorem_3(whole) <= 1
    assert worst_ratio_of_theorem_3(without(whole, "optimization")) > 1
    noiseless = without(whole, "statistical", "averaged noise drift", "spread", "noise drift")
    assert worst_ratio_of_theorem_3(noiseless) > 1


def test_without_the_spread_term_the_accelerated_bound_fails() -> None:
    """M -> infinity, one-sided parabola, local spread a free Gaussian walk: the excess grows like (eta L K)^(-1/2)."""
    whole, local = bound("thm3-safe"), 10
    excess = []
    for product in (1e-2, 1e-3, 1e-4):
        inner = product / local
        s, rounds = 0.35 * inner * sqrt(local), round(4 / sqrt(product))
        u = z = s
        for r in range(rounds):
            x = (r * u + 2 * z) / (r + 2)
            y = x
            for h in range(local):
                width = inner * sqrt(h)
                density = width * exp(-((y / width) ** 2) / 2) / sqrt(2 * np.pi) if h else 0.0
                mean_slope = y * ndtr(y / width) + density if h else max(y, 0.0)
                y -= inner * (mean_slope - s)
            u, z = y, z + (r + 1) / 2 * (y - x)
        gap = max(u, 0) ** 2 / 2 - s * u + s**2 / 2
        values = {"L": 1, "B": 0, "sigma": 1, "eta": inner, "gamma": 1, "K": local, "R": rounds, "M": inf}
        assert gap <= float(whole.at(**values))
        excess.append(gap / float(without(whole, "spread").at(**values)))
    assert excess[-1] > 1
    assert np.diff(np.log10(excess)) == pytest.approx([0.5, 0.5], abs=0.06)


def test_quadratic_closed_forms() -> None:
    values = {"B": 2.0, "curvature": 0.7, "eta": 0.4, "K": 6, "R": 5, "gamma": 1.3, "sigma": 0.9, "M": 4}
    a = 1 - values["eta"] * values["curvature"]
    b = 1 - values["gamma"] + values["gamma"] * a**6
    assert bound("quadratic-mean").at(values) == pytest.approx(abs(2.0 * b**5))
    second = 0.0
    for _ in range(400):
        second = b**2 * second + (1.3 * 0.4 * 0.9) ** 2 / 4 * sum(a ** (2 * k) for k in range(6))
    assert bound("stationary").at(values) == pytest.approx(second, rel=1e-12)
    larger = bound("stationary").at({**values, "gamma": 1.4})
    assert larger > bound("stationary").at(values)


def test_drift_of_the_workers() -> None:
    """Exact on quadratics, and sharp as the curvature vanishes."""
    sharp = bound("lemma7-mean").at({"eta": 0.3, "sigma": 1.5, "K": 12, "M": 5})
    for curvature in (1e-9, 0.3, 2.0):
        a = 1 - 0.3 * curvature
        drift = (1 - 1 / 5) * (0.3 * 1.5) ** 2 * sum(a ** (2 * k) for k in range(12))
        assert drift <= sharp * (1 + 1e-12)
        assert (drift > 0.999 * sharp) == (curvature == 1e-9)
    assert 2 * sharp < bound("lemma7").at({"eta": 0.3, "sigma": 1.5, "K": 12})


def test_drift_with_high_probability() -> None:
    """Random signs and no gradient: the largest drift of a round exceeds the bound less often than delta."""
    random = np.random.default_rng(3)
    walk = np.cumsum(random.choice((-1.0, 1.0), (4000, 2, 30)), axis=2)
    largest = np.max(np.var(walk, axis=1), axis=1)
    for chance in (0.3, 0.05):
        limit = bound("lemma10").at({"eta": 1.0, "sigma": 1.0, "K": 30, "delta": chance})
        assert np.mean(largest > limit) < chance
        assert np.mean(largest > limit / (10 * log(1 / chance) * 2)) > chance


def test_data_dependent_bound_on_bounded_noise() -> None:
    """Signs as noise on a Huber function: never violated at delta = 0.1, for outer steps on either side of 1."""
    random = np.random.default_rng(8)
    replicas, workers, local, rounds, inner = 300, 3, 4, 25, 0.2
    for outer in (0.3, 1.0, 2.5):
        x, total, largest = np.full(replicas, 3.0), np.zeros(replicas), np.zeros(replicas)
        for _ in range(rounds):
            y = np.repeat(x[:, None], workers, axis=1)
            for _ in range(local):
                total += y.mean(axis=1)
                g = np.clip(y, -1, 1) + 0.5 * random.choice((-1.0, 1.0), y.shape)
                largest = np.maximum(largest, np.abs(g).max(axis=1))
                y = y - inner * g
            x = x + outer * (y.mean(axis=1) - x)
        output = np.abs(total / (rounds * local))
        gap = np.where(output <= 1, output**2 / 2, output - 0.5)
        value = bound("thm4-safe").at(
            B=3.0, G=largest, sigma=0.5, eta=inner, gamma=outer, K=local, R=rounds, M=workers, delta=0.1
        )
        assert np.mean(gap > value) == 0


# --- Propositions 1 and 2 --------------------------------------------------------------------------------------------


def test_data_dependent_bound_needs_its_optimization_term() -> None:
    """Without noise on a Huber function, over a time that just suffices to reach the optimum."""
    x, output, inner = 3.0, 0.0, 0.1
    for _ in range(30):
        output += x / 30
        x -= inner * min(max(x, -1), 1)
    values = {"B": 3, "G": 1, "sigma": 0, "eta": inner, "gamma": 1, "K": 3, "R": 10, "M": 2, "delta": 0.1}
    whole = bound("thm4-safe")
    assert float(without(whole, "optimization").at(**values)) < output - 0.5
    assert output - 0.5 <= float(whole.at(**values)) < 3 * (output - 0.5)


def test_the_cubics_are_the_known_ones() -> None:
    c0, c1, c2 = sympy.symbols("c0 c1 c2", positive=True)
    constants = {"c0": c0, "c1": c1, "c2": c2}
    plain = 2 * c2 * L * sigma**2 * K * eta**3 + c1 * sigma**2 / M * eta**2 - c0 * B**2 / (R * K)
    active = (
        32 * c2 * K * L**3 * sigma**2 * (K - 1) ** 2 * eta**3
        + 16 * L**2 * sigma**2 * (K - 1) / (K * M) * (c2 * K**2 * M + c1 * (K - 1) ** 2) * eta**2
        + 2 * L * sigma**2 / (K * M) * (c2 * K**2 * M + 4 * c1 * (K - 1) ** 2) * eta
        - (K - 1) / (K * M * R) * (16 * c0 * B**2 * K * L**2 * M - c1 * R * sigma**2)
    )
    factored = (2 * c2 * L * K * sigma**2 * eta + c1 * sigma**2 * (K - 1) / (M * K)) * (
        1 + 4 * L * (K - 1) * eta
    ) ** 2 - 16 * c0 * L**2 * (K - 1) * B**2 / R
    assert sympy.simplify(best_steps.cubic_at_unit_outer_step(**constants) / plain) == K * M * R
    assert sympy.simplify(best_steps.cubic_at_active_condition(**constants) / active) == K * M * R
    assert sympy.expand(factored - active) == 0


def test_the_active_outer_step_makes_the_condition_active() -> None:
    outer = best_steps.active_outer_step()
    assert sympy.simplify(eta * L * (1 + (outer - 1) * K) - sympy.Rational(1, 4)) == 0
    assert sympy.simplify(eta * outer - (1 + 4 * eta * L * (K - 1)) / (4 * L * K)) == 0


def test_the_third_candidate_is_the_minimum_of_the_limit() -> None:
    noise = sympy.Symbol("noise", positive=True)
    rate = best_steps.limiting_rate().subs(sigma, noise)
    (free,) = sympy.solve(sympy.diff(rate, best_steps.PRODUCT), best_steps.PRODUCT)
    value = bound("prop1-limit").expression.subs(sigma, noise)
    assert sympy.simplify(rate.subs(best_steps.PRODUCT, free) - value) == 0
    loud = {"L": 0.1, "B": 1.3, "K": 7, "R": 40, "M": 3, "sigma": 5.0}
    product = at(free, loud, noise=5.0)
    assert at(best_steps.limiting_product(), loud) == pytest.approx(product)


ANCHORS = {  # xi: (eta_A, h_A, eta_B, gamma_B, h_B); L = B = 1, K = 10, R = 100, M = 8, sigma^2 = xi K / R
    0.01: (0.25, 0.00465625, None, None, None),
    0.1: (0.168939, 0.00898451, 0.157033, 1.0592, 0.00868600),
    1: (0.0773404, 0.0198781, 0.0625162, 1.2999, 0.0172296),
    10: (0.0348704, 0.0451959, 0.0193687, 2.19075, 0.0326227),
    100: (0.0152499, 0.107893, 0.00105687, 24.5547, 0.0710846),
    1000: (0.00630955, 0.277170, None, None, None),
}


@pytest.mark.parametrize("xi", list(ANCHORS))
def test_candidates_of_proposition_1(xi: float) -> None:
    eta_a, rate_a, eta_b, gamma_b, rate_b = ANCHORS[xi]
    values = {"L": 1.0, "B": 1.0, "K": 10, "R": 100, "M": 8, "sigma": sqrt(xi / 10)}
    found = {pair.candidate: pair for pair in best_steps.step_candidates(values)}
    assert found["plain averaging"].eta == pytest.approx(eta_a, rel=1e-5)
    assert found["plain averaging"].value == pytest.approx(rate_a, rel=1e-5)
    assert ("active condition" in found) == (eta_b is not None)
    if eta_b is not None:
        active = found["active condition"]
        assert (active.eta, active.gamma, active.value) == pytest.approx((eta_b, gamma_b, rate_b), rel=2e-5)
    assert ("vanishing inner step" in found) == (xi == 1000)
    if xi == 1000:
        assert best_steps.best_steps(values).value == pytest.approx(0.223607, rel=1e-5)


def grid_minimum(values: dict[str, float]) -> float:
    """The least rate over a grid of feasible steps, refined twice around its best point."""
    rate = bound("prop1").at
    span_inner, span_product, found = (-9.0, 0.0), (-9.0, 0.0), inf
    for _ in range(3):
        inner = 10 ** np.linspace(*span_inner, 160)[:, None] / (4 * values["L"])
        product = 10 ** np.linspace(*span_product, 160)[None, :] / (4 * values["L"])
        outer = product / inner
        feasible = inner * values["L"] * (1 + np.maximum(outer - 1, 0) * values["K"]) <= 0.25 * (1 + 1e-12)
        rates = np.where(feasible, rate(eta=inner, gamma=outer, **values), inf)
        i, j = np.unravel_index(np.argmin(rates), rates.shape)
        found = min(found, float(rates[i, j]))
        grid = [np.linspace(*span, 160) for span in (span_inner, span_product)]
        width = [3 * (one[1] - one[0]) for one in grid]
        span_inner = (float(grid[0][i] - width[0]), min(0.0, float(grid[0][i] + width[0])))
        span_product = (float(grid[1][j] - width[1]), min(0.0, float(grid[1][j] + width[1])))
    return found


def test_the_best_candidate_is_the_minimum_over_a_grid() -> None:
    random = np.random.default_rng(11)
    best, missed = set(), set()
    for _ in range(60):
        values = {
            "L": float(10 ** random.uniform(-1, 1)), "B": float(10 ** random.uniform(-1, 1)),
            "sigma": float(10 ** random.uniform(-1.5, 2.5)), "K": int(random.integers(2, 60)),
            "R": int(random.integers(2, 300)), "M": int(random.integers(1, 50)),
        }  # fmt: skip
        minimum, chosen = grid_minimum(values), best_steps.best_steps(values)
        assert minimum >= chosen.value * (1 - 1e-9)
        assert minimum <= chosen.value * (1 + 2e-3)
        best.add(chosen.candidate)
        first_two = [p.value for p in best_steps.step_candidates(values) if p.candidate != "vanishing inner step"]
        if minimum < min(first_two) * (1 - 5e-3):
            missed.add(chosen.candidate)
    assert best == {"plain averaging", "active condition", "vanishing inner step"}
    assert missed == {"vanishing inner step"}  # the two candidates alone fail exactly there


def test_best_steps_with_one_local_step_are_minibatch_sgd() -> None:
    values = {"L": 1.0, "B": 1.0, "K": 1, "R": 50, "M": 4, "sigma": 0.1}
    assert best_steps.best_steps(values).candidate == "vanishing inner step"
    assert best_steps.best_steps(values).product == pytest.approx(0.25)
    assert grid_minimum(values) == pytest.approx(best_steps.best_steps(values).value, rel=2e-3)


def test_best_steps_refuse_a_missing_noise_level() -> None:
    with pytest.raises(TightrateError, match="sigma > 0"):
        best_steps.step_candidates({"L": 1.0, "B": 1.0, "K": 10, "R": 100, "M": 8, "sigma": 0.0})


def test_proposition_2_against_a_grid() -> None:
    random = np.random.default_rng(2)
    x = np.exp(np.linspace(-6, 6, 240_001))
    cases = set()
    for _ in range(40):
        a, b, c = (float(v) for v in 10 ** random.uniform(-1, 1, 3))
        minimizer = float(data_dependent.prop2_minimizer(*(sympy.Float(v) for v in (a, b, c))))
        assert minimizer == pytest.approx(float(x[np.argmin(a / x + b * x + c * np.abs(1 - x))]), rel=2e-4)
        cases.add(0 if minimizer == 1 else 1 if minimizer > 1 else -1)
    assert cases == {-1, 0, 1}


def test_the_best_outer_step_of_the_data_dependent_bound() -> None:
    """The prescribed outer step minimizes the bound, and falls below 1 when noise outweighs everything."""
    best = catalogue.theorem("khaled2025/eq9")
    grid = np.exp(np.linspace(-5, 5, 4001))
    for noise, regime in ((0.01, 1), (1.5, 0), (30.0, -1)):
        values = {"B": 1.0, "eta": 0.1, "R": 20, "K": 2, "sigma": noise, "G": 0.4}
        chosen = best.step_at("gamma", values)
        assert chosen == pytest.approx(float(grid[np.argmin(best.bound.at(values, gamma=grid))]), rel=3e-3)
        assert np.sign(round(chosen - 1, 9)) == regime


def test_the_conditions_of_theorem_2_are_the_legible_ones_but_for_a_square() -> None:
    """Legible are 1/4 and 1/16, and the first power of 1 - momentum in the second; the square is a correction."""
    first, second = (condition.relation for condition in catalogue.theorem("khaled2025/thm2").conditions[:2])
    excess = sympy.Max(gamma / (1 - momentum) - 1, 0)
    assert first == sympy.Le(eta * L * (1 + excess * K), sympy.Rational(1, 4))
    assert second == sympy.Le(eta * gamma * momentum * L * K / (1 - momentum) ** 2, sympy.Rational(1, 16))
