"""Claims of lee2024: they hold, and wrong twins of theorems, rules and exponents are rejected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import xarray as xr
from sympy import Expr, Rational

from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.statements.bound import Bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import R, eta, gamma
from tightrate.simulator.algorithms.fedada2 import DelayedAdam, DelayedPreconditioner, client_parameters
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.verify.claim import judge
from tightrate.verify.judging.order import decided
from tightrate.verify.papers.lee2024 import client_steps_runs as client_steps
from tightrate.verify.papers.lee2024 import heavy_tails_runs as heavy
from tightrate.verify.papers.lee2024.clients import judge_divergence
from tightrate.verify.papers.lee2024.counterexample_runs import family
from tightrate.verify.papers.lee2024.orders_runs import questions, regimes
from tightrate.verify.papers.lee2024.proved_bound_runs import random_clients
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session

ORDERS = (
    "lee2024/small-client-steps",
    "lee2024/larger-client-steps",
    "lee2024/growing-server-step",
    "lee2024/best-exponent",
    "lee2024/best-line",
)


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(jobs=1)


@pytest.mark.parametrize("name", CLAIMS.match("lee2024/*"))
def test_every_claim_has_its_expected_verdict(name: str, session: Session) -> None:
    finding = judge(CLAIMS[name], session)
    assert finding.as_expected, finding.verdict.sentence
    assert finding.verdict.evidence
    assert (finding.verdict.witness is not None) == (finding.verdict.status == "violated")


def data_of(claim: str, session: Session) -> xr.Dataset:
    return session.data(CLAIMS[claim].data[0]).copy()


def status(claim: str, data: xr.Dataset) -> str:
    return CLAIMS[claim].judge(data).status


# Orders


Change = Callable[[Expr], Expr]


def published(changes: Mapping[str, Change]) -> Bound:
    """The bound of the main theorem with some of its terms changed."""
    bound = theorem("lee2024/thm6").bound
    changed = {name: change(bound.term(name).expression) for name, change in changes.items()}
    terms = tuple(replace(term, expression=changed.get(term.name, term.expression)) for term in bound.terms)
    return replace(bound, terms=terms)


@pytest.mark.parametrize(
    ("changes", "rejected"),
    [
        (
            {"server step": lambda e: e * eta},
            {"best-exponent", "small-client-steps", "best-line", "larger-client-steps"},
        ),
        ({"server step": lambda e: e * R ** Rational(1, 10)}, {"best-exponent", "best-line", "small-client-steps"}),
        ({"initial gap": lambda e: e / R ** Rational(1, 10)}, {"best-exponent", "best-line", "small-client-steps"}),
        ({"client drift": lambda e: e * R}, {"best-exponent", "small-client-steps"}),
        ({"server drift": lambda e: e * gamma**2}, {"larger-client-steps"}),
    ],
)
def test_other_orders_are_rejected(changes: dict[str, Change], rejected: set[str]) -> None:
    data = decided(questions(published(changes), theorem("lee2024/cor8").bound))
    found = {name.partition("/")[2] for name in ORDERS if status(name, data) == "violated"}
    assert rejected <= found
    assert not any(status(name, data) == "confirmed" for name in ORDERS if name.partition("/")[2] in rejected)


def test_another_best_exponent_is_rejected() -> None:
    cor8 = theorem("lee2024/cor8").bound
    slower = replace(cor8, terms=(replace(cor8.terms[0], expression=R ** Rational(-2, 5)), *cor8.terms[1:]))
    data = decided(questions(theorem("lee2024/thm6").bound, slower))
    assert status("lee2024/best-exponent", data) == "violated"


def test_the_plane_of_steps_agrees_with_the_orders_at_exact_points() -> None:
    terms = {term.name: term.expression for term in theorem("lee2024/thm6").bound.terms}
    found = regimes(terms)
    area = sum((cell.area for cell in found.cells), Fraction(0))
    assert area == 4
    for x, y in ((0, Fraction(-1, 2)), (Fraction(1, 3), Fraction(-49, 100)), (Fraction(-1, 3), Fraction(-5, 4))):
        cell = found.at(x, y)[0]
        exponent = cell.exponents["bound"]
        assert exponent is not None
        small = y <= Fraction(-1, 2)
        progress = x + y + 1 if small else x + Fraction(1, 2)
        psi = [Fraction(0), 2 * x + 2 * y + 1, x + 2 * y + 1, x + y + min(1 + 2 * y, Fraction(0)), 3 * x + 3 * y + 1]
        assert exponent((Fraction(x), Fraction(y))) == max(psi) - progress


# Bounds by value, identities, closed forms


@pytest.mark.parametrize(
    ("claim", "changed", "factor"),
    [
        ("client-displacement", "bound", 0.999),
        ("step-at-most-eta", "largest_step", 1.001),
        ("delayed-step-exceeds-eta", "largest_step", 1e-6),
        ("sm3-dominates", "accumulator_low", 0.999),
        ("sm3-dominates", "accumulator_high", 1.001),
        ("adam-displacement", "step_bound", 0.999),
        ("strategies-damping", "theta_low", 0.999),
        ("strategies-damping", "theta_high", 1.001),
        ("strategies-displacement", "bound", 0.2),
        ("proved-bound", "bound", 0.1),
        ("identical-clients-value", "bound", 0.1),
        ("heterogeneity-floor", "floor", 1e-3),
        ("floor-is-needed", "staying", 0.7),
        ("counterexample", "exact", 1 + 1e-9),
        ("small-damping", "staying_exact", 1 + 1e-9),
        ("sure-bound", "bound", 0.3),
        ("sure-bound-server", "bound", 0.4),
    ],
)
def test_a_wrong_constant_is_rejected(claim: str, changed: str, factor: float, session: Session) -> None:
    data = data_of(f"lee2024/{claim}", session)
    assert status(f"lee2024/{claim}", data.assign({changed: data[changed] * factor})) == "violated"


def test_another_limit_of_small_damping_is_rejected(session: Session) -> None:
    data = data_of("lee2024/small-damping", session)
    assert status("lee2024/small-damping", data.assign_attrs(limit=1 / 4)) == "violated"


def test_a_decay_slower_than_said_is_rejected(session: Session) -> None:
    claim = "lee2024/identical-clients"
    data = data_of(claim, session)
    for power in (1 / 6, 1 / 4, 1 / 2):
        assert status(claim, data.assign(mean=data["mean"] * data.R**power)) == "violated"
    assert status(claim, data.assign(mean=data["mean"] / data.R)) == "consistent"
    assert status(claim, data.assign_attrs(exponent=-0.75)) == "violated"


def test_the_summarised_rate_would_pass_for_clients_that_decay(session: Session) -> None:
    claim = "lee2024/rate-as-summarised"
    data = data_of(claim, session)
    control = data.least.isel(method=-1)
    decaying = xr.ones_like(data.least) * data.R**-0.6
    decaying[-1] = control
    assert status(claim, data.assign(least=decaying)) == "consistent"
    assert status(claim, data.assign(least=xr.ones_like(data.least))) == "inconclusive"


def rule_that_halves(**parameters: object) -> DelayedPreconditioner:
    """A preconditioner that counts only half of every squared gradient."""

    class Halving(DelayedPreconditioner):
        def renewed(self, v: np.ndarray, gradient: np.ndarray) -> np.ndarray:
            return v + 0.5 * gradient**2

    return Halving(**parameters)  # type: ignore[arg-type]


def test_a_client_with_another_preconditioner_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_steps, "adaptive_client", lambda _rule, **parameters: rule_that_halves(**parameters))
    data = client_steps.adaptive_clients(Session())
    for claim in ("step-at-most-eta", "sm3-dominates"):
        assert status(f"lee2024/{claim}", data) == "violated"


def test_strategies_that_are_something_else_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = client_steps.strategies

    def with_bias(eta: np.ndarray, lam: np.ndarray, beta1: np.ndarray, beta2: np.ndarray) -> Mapping[str, object]:
        wrong = DelayedAdam(**client_parameters(eta, lam, beta1, 1, 0.0), beta2=per_replica("beta2", beta2**2))
        return {**shipped(eta, lam, beta1, beta2), "adam": wrong}

    monkeypatch.setattr(client_steps, "strategies", with_bias)
    assert status("lee2024/strategies-fit", client_steps.blended_strategies(Session())) == "violated"


def test_strategies_whose_second_step_does_not_vanish_would_fit_the_display(session: Session) -> None:
    data = data_of("lee2024/strategies-as-displayed", session)
    momentum = data.isel(strategy=[i for i, name in enumerate(data.attrs["strategies"]) if name in ("sgdm", "adam")])
    assert status("lee2024/strategies-as-displayed", momentum) == "consistent"


# Instances


def test_random_clients_are_what_they_claim() -> None:
    problem = random_clients(np.random.default_rng(3), 20, 3, 2)
    names = ("L", "G_inf", "zeta_inf")
    measured = {check.name: check for check in problem.self_check() if check.name in names}
    assert set(measured) == set(names)
    assert max(check.relative_error for check in measured.values()) < 1e-6
    assert float(problem.residual.max()) < 1e-12
    assert bool((problem.piece.averaged().parameters()[0] > 0).all())
    assert bool((problem.piece.parameters()[0] < 0).any())


def test_the_family_cancels_within_its_bound_on_the_gradient() -> None:
    ratio = np.geomspace(1e-6, 1e2, 50)
    problem = family(ratio, np.ones_like(ratio))
    np.testing.assert_allclose(problem.constants["G_inf"], 1.0, rtol=1e-15)
    np.testing.assert_allclose(problem.residual, 0.0, atol=1e-15)
    slopes = problem.gradient(np.zeros((len(ratio), 3, 1)))[..., 0]
    steps = slopes / (np.abs(slopes) + ratio[:, None])
    np.testing.assert_allclose(steps.sum(axis=1), 0.0, atol=1e-15)


# Heavy tails


def bands(part: np.ndarray, error: np.ndarray) -> xr.Dataset:
    return xr.Dataset(
        {"part": (("u",), part), "part_stderr": (("u",), error)},
        coords={"u": heavy.BANDS},
        attrs={"copies": 1, "degrees": heavy.DEGREES},
    )


def test_parts_of_a_finite_expectation_are_rejected() -> None:
    u = heavy.BANDS
    for exponent in (-0.5, 0.0, 0.1):
        part = u**exponent
        assert judge_divergence(bands(part, 0.01 * part), 0.25).status == "violated"
    assert judge_divergence(bands(u**0.25, 0.02 * u**0.25), 0.25).status == "consistent"
    assert judge_divergence(bands(u**0.4, 0.02 * u**0.4), 0.25).status == "consistent"
    assert judge_divergence(bands(u**0.25, 0.5 * u**0.25), 0.25).status == "inconclusive"
    assert judge_divergence(bands(np.where(u > 100, 0.0, 1.0), 0.1 + 0 * u), 0.25).status == "violated"


def test_adaptive_clients_without_delay_and_light_tails_have_no_parts(session: Session) -> None:
    data = data_of("lee2024/infinite-expected-gap", session)
    adaptive = data.isel(method=data.attrs["methods"].index("AdaGrad clients"))
    assert judge_divergence(adaptive, data.attrs["exponent"]).status == "violated"
    method = heavy.methods(heavy.STEP, heavy.DAMPING)["FedAvg"]
    noise = GaussianNoise(heavy.LEVEL * np.sqrt(heavy.COPIES))
    part, error, _ = heavy.measured_bands(method, noise, runs=4, seed=1)
    assert judge_divergence(bands(part, error), data.attrs["exponent"]).status == "violated"


def test_another_tail_index_is_rejected(session: Session) -> None:
    data = data_of("lee2024/infinite-expected-gap", session)
    fedavg = data.isel(method=0)
    assert judge_divergence(fedavg, 0.4).status == "violated"  # noise of index 1.2 would give this
    assert judge_divergence(data.isel(method=2), 0.4).status == "violated"


def test_the_sure_bound_fails_with_a_delay(session: Session) -> None:
    data = data_of("lee2024/infinite-expected-gap", session)
    quantiles = data.regret.sel(quantile=heavy.QUANTILES[-1])
    names = data.attrs["methods"]
    assert bool((quantiles.isel(method=names.index("AdaGrad clients")) <= data.sure).all())
    assert bool((quantiles.isel(method=names.index("delayed AdaGrad clients")) > data.sure).any())
