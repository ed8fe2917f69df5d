"""Claims of lee2024: what is particular about their orders, clients, counterexample and heavy tails."""

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
from tightrate.verify.claim import Claim
from tightrate.verify.papers.lee2024 import (
    client_steps,
    client_strategies,
    counterexample,
    heavy_tails,
    orders,
    proved_bound,
)
from tightrate.verify.papers.lee2024.regimes import regimes
from tightrate.verify.session import Session


def data_of(claim: Claim, session: Session) -> xr.Dataset:
    return session.data(claim.data[0]).copy()


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
            [orders.best_exponent, orders.small_client_steps, orders.best_line, orders.larger_client_steps],
        ),
        (
            {"server step": lambda e: e * R ** Rational(1, 10)},
            [orders.best_exponent, orders.best_line, orders.small_client_steps],
        ),
        (
            {"initial gap": lambda e: e / R ** Rational(1, 10)},
            [orders.best_exponent, orders.best_line, orders.small_client_steps],
        ),
        ({"client drift": lambda e: e * R}, [orders.best_exponent, orders.small_client_steps]),
        ({"server drift": lambda e: e * gamma**2}, [orders.larger_client_steps]),
    ],
)
def test_other_orders_are_rejected(
    changes: dict[str, Change], rejected: list[Claim], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "published", lambda: published(changes))
    assert [claim.judge().status for claim in rejected] == ["violated"] * len(rejected)


def test_another_best_exponent_is_rejected() -> None:
    cor8 = theorem("lee2024/cor8")
    first, *others = cor8.bound.terms
    slower = replace(cor8.bound, terms=(replace(first, expression=R ** Rational(-2, 5)), *others))
    assert orders.best_exponent.asserted(replace(cor8, bound=slower)).check().status == "violated"


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


# Rates, clients and their rules


def test_a_decay_slower_than_said_is_rejected(session: Session) -> None:
    claim = proved_bound.identical_rate
    data = data_of(claim, session)
    for power in (1 / 6, 1 / 4, 1 / 2):
        assert claim.judge(data.assign(mean=data["mean"] * data.R**power)).status == "violated"
    assert claim.judge(data.assign(mean=data["mean"] / data.R)).status == "consistent"


def test_the_summarised_rate_would_pass_for_clients_that_decay(session: Session) -> None:
    claim = counterexample.rate_as_summarised
    data = data_of(claim, session)
    decaying = xr.ones_like(data.least) * data.R**-0.6
    decaying[-1] = data.least.isel(method=-1)
    assert claim.judge(data.assign(least=decaying)).status == "consistent"
    found = claim.judge(data.assign(least=xr.ones_like(data.least)))
    assert found.status == "inconclusive"
    assert found.sentence.startswith("The control fails, too")


def test_the_witness_of_the_summarised_rate_is_a_run(session: Session) -> None:
    claim = counterexample.rate_as_summarised
    witness = claim.judge(claim.data[0](session)).witness
    assert witness is not None
    assert {"method", "R", "eta", "gamma", "measured"} <= set(witness)
    assert witness["measured"] == pytest.approx(1 / 81)


def rule_that_halves(**parameters: object) -> DelayedPreconditioner:
    """A preconditioner that counts only half of every squared gradient."""

    class Halving(DelayedPreconditioner):
        def renewed(self, v: np.ndarray, gradient: np.ndarray) -> np.ndarray:
            return v + 0.5 * gradient**2

    return Halving(**parameters)  # type: ignore[arg-type]


def test_a_client_with_another_preconditioner_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_steps, "adaptive_client", lambda _rule, **parameters: rule_that_halves(**parameters))
    data = client_steps.adaptive_clients(Session())
    for claim in (client_steps.step_at_most_eta, client_steps.sm3_dominates):
        assert claim.judge(data).status == "violated"


def test_strategies_that_are_something_else_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = client_strategies.strategies

    def with_bias(eta: np.ndarray, lam: np.ndarray, beta1: np.ndarray, beta2: np.ndarray) -> Mapping[str, object]:
        wrong = DelayedAdam(**client_parameters(eta, lam, beta1, 1, 0.0), beta2=per_replica("beta2", beta2**2))
        return {**shipped(eta, lam, beta1, beta2), "adam": wrong}

    monkeypatch.setattr(client_strategies, "strategies", with_bias)
    data = client_strategies.blended_strategies(Session())
    assert client_strategies.strategies_fit.judge(data).status == "violated"


# Instances


def test_random_clients_are_what_they_claim() -> None:
    problem = proved_bound.random_clients(np.random.default_rng(3), 20, 3, 2)
    names = ("L", "G_inf", "zeta_inf")
    measured = {check.name: check for check in problem.self_check() if check.name in names}
    assert set(measured) == set(names)
    assert max(check.relative_error for check in measured.values()) < 1e-6
    assert float(problem.residual.max()) < 1e-12
    assert bool((problem.piece.averaged().parameters()[0] > 0).all())
    assert bool((problem.piece.parameters()[0] < 0).any())


def test_the_family_cancels_within_its_bound_on_the_gradient() -> None:
    ratio = np.geomspace(1e-6, 1e2, 50)
    problem = counterexample.family(ratio, np.ones_like(ratio))
    np.testing.assert_allclose(problem.constants["G_inf"], 1.0, rtol=1e-15)
    np.testing.assert_allclose(problem.residual, 0.0, atol=1e-15)
    slopes = problem.gradient(np.zeros((len(ratio), 3, 1)))[..., 0]
    steps = slopes / (np.abs(slopes) + ratio[:, None])
    np.testing.assert_allclose(steps.sum(axis=1), 0.0, atol=1e-15)


# Heavy tails


def judged(part: np.ndarray, error: np.ndarray) -> str:
    """The verdict on FedAvg if its parts of the expected gap were these."""
    dims = ("method", "u")
    data = xr.Dataset(
        {"part": (dims, part[None]), "part_stderr": (dims, error[None])},
        coords={"method": ["FedAvg"], "u": heavy_tails.BANDS},
        attrs={"copies": 1, "degrees": heavy_tails.DEGREES},
    )
    return heavy_tails.infinite_expected_gap.judge(data).status


def test_parts_of_a_finite_expectation_are_rejected() -> None:
    u = heavy_tails.BANDS
    for exponent in (-0.5, 0.0, 0.1):
        part = u**exponent
        assert judged(part, 0.01 * part) == "violated"
    assert judged(u**0.25, 0.02 * u**0.25) == "consistent"
    assert judged(u**0.4, 0.02 * u**0.4) == "consistent"
    assert judged(u**0.25, 0.5 * u**0.25) == "inconclusive"
    assert judged(np.where(u > 100, 0.0, 1.0), 0.1 + 0 * u) == "violated"


def test_adaptive_clients_without_delay_and_light_tails_have_no_parts(session: Session) -> None:
    data = session.data(heavy_tails.heavy_tails).sel({"method": "AdaGrad clients"})
    assert judged(data.part.values, data.part_stderr.values) == "violated"
    method = heavy_tails.methods(heavy_tails.STEP, heavy_tails.DAMPING)["FedAvg"]
    noise = GaussianNoise(heavy_tails.LEVEL * np.sqrt(heavy_tails.COPIES))
    part, error, _ = heavy_tails.measured_bands(method, noise, runs=4, seed=1)
    assert judged(part, error) == "violated"


def test_another_tail_index_is_rejected(session: Session) -> None:
    data = session.data(heavy_tails.heavy_tails).assign_attrs(degrees=1.2)
    for claim in (heavy_tails.infinite_expected_gap, heavy_tails.delay_loses_protection):
        assert claim.judge(data).status == "violated"


def test_the_sure_bound_holds_in_every_run_and_fails_with_a_delay(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heavy_tails, "QUANTILES", (1.0,))  # the largest of all runs, which a sure bound bounds, too
    rounds = np.unique(np.geomspace(1, heavy_tails.REGRET_ROUNDS, 40).astype(int))
    largest, _, sure = heavy_tails.regrets(session, rounds)
    runs = dict(zip(heavy_tails.METHODS, largest[:, 0], strict=True))
    assert (runs["AdaGrad clients"] <= sure).all()
    assert (runs["delayed AdaGrad clients"] > sure).any()
