"""Proximal points and Moreau envelopes: optimality, closed forms, the paper's inequalities, and what runs record."""

from __future__ import annotations

import numpy as np
import pytest

from tightrate.common.errors import TightrateError
from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.huber import huber
from tightrate.constructions.logistic_regression import logistic_regression
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.weakly_convex import weakly_convex
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.moreau_envelope import _newton, envelope_gap, envelope_gradient, mean_gradient, proximal_point
from tightrate.simulator.sampled.sampling import sample

DENSE = random_quadratics(M=3, d=3, tau=0.5, zeta_star=0.6, seed=2)
DIAGONAL = DiagonalQuadratics(stream(1).uniform(0, 1, (3, 4)), stream(2).standard_normal((3, 4)))
PROBLEMS: dict[str, Problem] = {
    "dense": DENSE,
    "diagonal": DIAGONAL,
    "ripples": weakly_convex(weak=0.3, d=3),
    "kinks": zeta_piecewise_pair(),
    "huber": huber(d=2),
    "softplus": asymmetric_softplus(width=1e-3),
    "logistic": logistic_regression(M=3, d=3, seed=4),
}


def cases(problem: Problem, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Points around the optimum and weights between L and 5 L."""
    generator = stream(7)
    z = problem.optimum + 4 * generator.standard_normal((count, problem.dimension))
    return z, problem.constants["L"] * generator.uniform(1, 5, (count, problem.dimension))


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_gradient_at_the_proximal_point_is_the_envelopes(name: str) -> None:
    problem = PROBLEMS[name]
    z, w = cases(problem)
    y = proximal_point(problem, z, w)
    np.testing.assert_allclose(mean_gradient(problem, y), w * (z - y), rtol=1e-9, atol=1e-12 * float(np.max(w)))
    np.testing.assert_allclose(envelope_gradient(problem, z, w), w * (z - y), rtol=1e-13)
    value = problem.gap(y) + (w * (z - y) ** 2).sum(axis=-1) / 2
    for seed in range(5):  # no other point does better
        other = y + 0.3 * stream(seed).standard_normal(y.shape)
        assert (problem.gap(other) + (w * (z - other) ** 2).sum(axis=-1) / 2 >= value * (1 - 1e-13)).all()
    np.testing.assert_allclose(envelope_gap(problem, z, w), value, rtol=1e-13)


@pytest.mark.parametrize("problem", [DENSE, DIAGONAL], ids=["dense", "diagonal"])
def test_newton_agrees_with_the_closed_form(problem: QuadraticWorkers | DiagonalQuadratics) -> None:
    z, w = cases(problem)
    np.testing.assert_allclose(_newton(problem, z, w), proximal_point(problem, z, w), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["ripples", "huber", "softplus"])
def test_the_envelope_obeys_the_lemmas(name: str) -> None:
    """cheng2024 Lemmas C.4 and C.6 at gamma = lambda/L, pathwise."""
    problem = PROBLEMS[name]
    smooth, (z, w) = float(problem.constants["L"]), cases(problem)
    ratio = theorem("cheng2024/lemC4-ratio").bound.at({"moreau": 1 / smooth, "L": smooth, "lambda": 1.0})
    norms = [np.sqrt((g**2 / w).sum(axis=-1)) for g in (mean_gradient(problem, z), envelope_gradient(problem, z, w))]
    assert (norms[0] <= ratio * norms[1] * (1 + 1e-10)).all()
    gap, below = problem.gap(z), envelope_gap(problem, z, smooth)
    assert (gap / 2 <= below * (1 + 1e-12)).all()
    assert (below <= gap * (1 + 1e-12)).all()


def test_a_wrong_weight_is_seen() -> None:
    """The envelope in the norm of H itself instead of H / gamma, and the gradient at the point instead of its prox."""
    problem = PROBLEMS["ripples"]
    z, w = cases(problem)
    right = envelope_gradient(problem, z, w)
    for wrong in (envelope_gradient(problem, z, w * 2), mean_gradient(problem, z)):
        assert np.abs(wrong - right).max() > 0.1


def test_a_weight_below_the_weak_convexity_is_refused() -> None:
    with pytest.raises(TightrateError, match=r"weights above the weak convexity 0\.3, not for 0\.2"):
        proximal_point(PROBLEMS["ripples"], np.zeros((1, 3)), 0.2)


def test_runs_record_the_envelope_as_plain_loops_find_it() -> None:
    problem, lam, K, R = weakly_convex(weak=0.2, M=2, d=2), 0.5, 3, 4
    rule = ALGORITHMS["local-adam"](eta=0.05, lam=lam, beta2=0.9)
    names = ["envelope-stationarity", "envelope-gap", "mean-gap", "largest-consensus", "auxiliary-iterate"]
    found = sample(rule, problem, K=K, R=R, noise=GaussianNoise(0.5), replicas=3, record=names).records
    state, noise = (
        rule.init(np.zeros((1, 2, 2))),
        stream(0, replica=1).standard_normal((K * R, 2, 2)) * 0.5 / np.sqrt(2),
    )
    norms, gaps, ends, spread, smooth = [], [], [], [], float(problem.constants["L"])
    for r in range(R):
        ends.append(envelope_gap(problem, state.x[:, 0], smooth)[0])
        H = np.sqrt(state.v[:, 0] + lam**2)
        for k in range(K):
            z = rule.averaged(state).mean(axis=1)
            g = envelope_gradient(problem, z, smooth * H / lam)
            norms.append(float((lam * g**2 / H).sum()))
            gaps.append(np.mean([problem.gap(x) for x in state.x[0]]))
            state = rule.local_step(state, problem.gradient(state.x) + noise[r * K + k])
        apart = rule.averaged(state)
        spread.append(float(((apart[:, 0] - apart[:, 1]) ** 2).sum()))
        state = rule.synchronize(state)
    ends.append(envelope_gap(problem, state.x[:, 0], smooth)[0])
    np.testing.assert_allclose(found["envelope-stationarity"][1], np.mean(norms), rtol=1e-10)
    np.testing.assert_allclose(found["envelope-gap"][1], ends, rtol=1e-10)
    np.testing.assert_allclose(found["mean-gap"][1], np.mean(gaps), rtol=1e-10)
    np.testing.assert_allclose(found["largest-consensus"][1], spread, rtol=1e-10)
    np.testing.assert_allclose(found["auxiliary-iterate"][1], rule.averaged(state)[0, 0], rtol=1e-12)


def test_a_batch_of_instances_is_recorded_with_each_ones_smoothness() -> None:
    rule = ALGORITHMS["local-sgd"](eta=0.1)
    whole = asymmetric_softplus(L=np.array([1.0, 3.0]))
    found = sample(rule, whole, K=2, R=3, record=["envelope-gap"]).records["envelope-gap"]
    for row, L in enumerate((1.0, 3.0)):
        alone = sample(rule, asymmetric_softplus(L=L), K=2, R=3, record=["envelope-gap"]).records["envelope-gap"]
        np.testing.assert_allclose(found[row], alone[0], rtol=1e-11)
