"""Random workers with prescribed constants: every feasible prescription is met, every infeasible one refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tightrate.common.errors import TightrateError
from tightrate.constructions.log_uniform_quadratics import log_uniform_quadratics
from tightrate.constructions.random_quadratics import random_quadratics

seeds = st.integers(0, 10**6)
workers = st.integers(2, 6)
dimensions = st.integers(2, 7)
positive = st.floats(0.05, 20.0)
shares = st.just(0.0) | st.floats(1e-90, 1.0)  # a number is 0 or not beyond all sizes


@given(M=workers, d=dimensions, mu=positive, excess=positive, share=shares, zeta_star=positive, B=positive, seed=seeds)
def test_prescribed_constants_are_met(
    M: int, d: int, mu: float, excess: float, share: float, zeta_star: float, B: float, seed: int
) -> None:
    L, tau = mu + excess, share * excess
    for make in (random_quadratics, log_uniform_quadratics):
        problem = make(M=M, d=d, mu=mu, L=L, tau=tau, zeta_star=zeta_star, B=B, seed=seed)
        wanted = {"mu": mu, "L": L, "tau": tau, "zeta_star": zeta_star, "B": B}
        for name, value in wanted.items():
            # A tiny tau is a difference of Hessians of size L, which rounding leaves accurate to 1e-15 L.
            assert float(problem.constants[name]) == pytest.approx(value, rel=1e-9, abs=1e-12 * L), (make, name)
        assert all(check.relative_error < 1e-5 for check in problem.self_check())


@given(M=workers, d=dimensions, share=shares, position=st.floats(0.02, 0.98), spread=positive, seed=seeds)
def test_both_heterogeneities_are_met_within_their_range(
    M: int, d: int, share: float, position: float, spread: float, seed: int
) -> None:
    """zeta_opt and zeta_star together: any zeta_star between the ends that the refusal names."""
    mu, L = 0.1, 2.0
    tau = share * (L - mu)
    with pytest.raises(TightrateError) as refusal:
        random_quadratics(M=M, d=d, mu=mu, L=L, tau=tau, zeta_star=100 * spread, zeta_opt=spread, seed=seed)
    message = str(refusal.value)
    found = re.search(r"zeta_star must lie in \[([\d.e+-]+), ([\d.e+-]+)\]", message)
    assert found is not None, message
    low, high = float(found[1]), float(found[2])
    assert mu * spread / L * (1 - 1e-5) <= low <= high <= spread * (1 + 1e-5)
    assume(high > low * (1 + 1e-6))
    zeta_star = low + position * (high - low)
    problem = random_quadratics(M=M, d=d, mu=mu, L=L, tau=tau, zeta_star=zeta_star, zeta_opt=spread, seed=seed)
    assert float(problem.constants["zeta_star"]) == pytest.approx(zeta_star, rel=1e-9)
    assert float(problem.constants["zeta_opt"]) == pytest.approx(spread, rel=1e-9)
    assert float(problem.constants["tau"]) == pytest.approx(tau, rel=1e-9, abs=1e-12)
    for outside in (0.99 * low, 1.01 * high):
        with pytest.raises(TightrateError, match="zeta_star must lie in"):
            random_quadratics(M=M, d=d, mu=mu, L=L, tau=tau, zeta_star=outside, zeta_opt=spread, seed=seed)


@given(mu=positive, excess=positive, beyond=st.floats(1.001, 10.0))
def test_a_tau_beyond_the_spectrum_is_refused_with_the_largest_possible(
    mu: float, excess: float, beyond: float
) -> None:
    L = mu + excess
    for make in (random_quadratics, log_uniform_quadratics):
        with pytest.raises(TightrateError, match=rf"tau must be at most L - mu = {re.escape(f'{L - mu:g}')}"):
            make(mu=mu, L=L, tau=beyond * (L - mu))


@given(d=dimensions, seed=seeds)
def test_homogeneous_workers_are_all_equal(d: int, seed: int) -> None:
    for make in (random_quadratics, log_uniform_quadratics):
        problem = make(M=3, d=d, tau=0.0, zeta_star=0.0, seed=seed)
        x = np.broadcast_to(np.linspace(-1, 1, d), (3, d))
        gradients = problem.gradient(x)
        np.testing.assert_allclose(gradients, gradients[:1].repeat(3, axis=0), atol=1e-14)
        assert float(problem.constants["zeta_star"]) == 0.0


@pytest.mark.parametrize("make", [random_quadratics, log_uniform_quadratics])
def test_the_seed_alone_decides_the_instance(make: type) -> None:
    one, same, other = (make(tau=0.3, zeta_star=0.5, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.minimizers, same.minimizers)
    assert not np.allclose(one.minimizers, other.minimizers)


def test_one_worker_is_allowed_without_heterogeneity_only() -> None:
    assert random_quadratics(M=1, tau=0.0, zeta_star=0.0).workers == 1
    for make in (random_quadratics, log_uniform_quadratics):
        with pytest.raises(TightrateError, match="one worker has no heterogeneity"):
            make(M=1, tau=0.1)
    with pytest.raises(TightrateError, match="zeta_opt must be 0 too"):
        random_quadratics(zeta_star=0.0, zeta_opt=1.0)
    with pytest.raises(TightrateError, match="in one dimension"):
        random_quadratics(d=1)
    single = log_uniform_quadratics(d=1, tau=0.99)
    assert (float(single.constants["mu"]), float(single.constants["L"])) == pytest.approx((0.01, 1.0))
