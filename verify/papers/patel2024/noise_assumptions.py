"""patel2024, what bounded variance does not give: a fourth moment (Theorem 27), iterates in a ball (Theorem 15)."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.random_quadratics import random_quadratics
from tightrate.constructions.structured_noise import RareJumpNoise
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import Q, mu
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

# --- The square of the consensus error -------------------------------------------------------------------------------


@experiment("patel2024-fourth-moment")
def rare_jumps(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Equal workers after the first of $K = 2$ local steps: the exact $E Xi$ and $E Xi^2$ of rare jumps of variance
    $sigma^2$.

    $Xi$ is the consensus error, $eta^2$ times the (biased) variance of $M$ independent noises. The law is 0 but for
    $+-sigma p^(-1/2)$ with probability $p$; `p` = 1 is a fair coin."""
    sigma, L, eta = 1.0, 1.0, 0.5
    p, M = np.array([1.0, 0.3, 0.1, 0.01, 1e-3, 1e-4, 1e-5]), np.array([2.0, 4.0, 16.0])
    fourth = np.array([RareJumpNoise(sigma, probability=chance).moment(4.0) ** 4 for chance in p])[:, None]
    # E s^4 of the biased variance s^2 of M independent draws with variance sigma^2 and fourth moment m_4.
    spread = ((M - 1) / M) ** 2 * ((fourth - (M - 3) / (M - 1) * sigma**4) / M + sigma**4)
    mean = np.broadcast_to(eta**2 * sigma**2 * (1 - 1 / M), spread.shape)
    setting = {"L": L, "sigma": sigma, "zeta": 0.0, "K": 2, "eta": eta, "gamma": 1.0}
    return labelled("p", "M", mean=mean, square=eta**4 * spread, p=p, M=M, **setting)


@claim(
    "patel2024/consensus-square-without-fourth-moment",
    "The step of the proof of Theorem 27 that squares Lemma 36: for every noise of variance $sigma^2$ the second"
    " moment of the consensus error is at most the square of that bound, which holds in expectation.",
    theorem="patel2024/thm27",
    kind="erratum",
    accuses="E3",
    data=rare_jumps,
    expected="violated",
)
def consensus_square_as_printed(data: xr.Dataset) -> AtMost:
    """Erratum E3: exact moments of a noise that is mostly 0 and rarely large, of the same variance, after one local
    step of equal workers."""
    square = Measurement.of(data, "square", what="second moment of the consensus error")
    # What the proof puts for E Xi^2: the third-order terms of its fixed-step bound carry it times 2 Q^2 / mu.
    third_order = (one for one in catalogue.theorem("patel2024/thm27-step").bound.terms if "third-order" in one.name)
    return AtMost(square, square.at(sum(term.expression * mu / (2 * Q**2) for term in third_order)))


@claim(
    "patel2024/consensus-mean-of-jumps",
    "For the same noises the mean of the consensus error obeys Lemma 36: only its square needs a fourth moment.",
    theorem="patel2024/lemma36",
    kind="bound with constants",
    data=rare_jumps,
)
def consensus_mean_of_jumps(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact first moments of the same laws against Lemma 36."""
    return Bounded(theorem, Measurement.of(data, "mean", what="mean consensus error"))


# --- Iterates in a ball ----------------------------------------------------------------------------------------------


@experiment("patel2024-ball")
def gaussian_step(session: Session) -> xr.Dataset:  # noqa: ARG001
    """One local step with Gaussian noise from the start: the exact `probability` $(D)$ of being farther than $D$ from
    it.

    $L = B = sigma = 1$, $eta = 1/(2L)$."""
    from scipy import stats  # takes long to import, and claims are listed more often than run

    problem = random_quadratics(M=1, d=1, mu=1.0, L=1.0, tau=0.0, zeta_star=0.0, B=1.0)
    after = exact_moments(local_sgd(eta=0.5), problem, K=1, R=1, noise=GaussianNoise(1.0)).last
    law = stats.norm(float(after.mean[0, 0]), float(np.sqrt(after.covariance[0, 0, 0])))
    D = np.array([1.0, 2.0, 5.0, 10.0])
    setting = {"L": 1.0, "B": 1.0, "M": 1, "sigma": 1.0, "K": 1, "R": 1, "eta": 0.5, "gamma": 1.0}
    moments = {"mean_after": float(law.mean()), "deviation": float(law.std())}
    return labelled("D", probability=law.sf(D) + law.cdf(-D), D=D, **moments, **setting)


@claim(
    "patel2024/gaussian-noise-leaves-every-ball",
    "What Theorem 15 assumes of the local iterates, that in every realization they stay in a ball, excludes Gaussian"
    " noise: one local step leaves the ball of radius $D$ with at least the probability of a Gaussian tail.",
    theorem="patel2024/thm15",
    kind="regime",
    data=gaussian_step,
)
def gaussian_noise_leaves_every_ball(data: xr.Dataset) -> AtLeast:
    """The exact probability for several $D$ against the lower bound $t/(1 + t^2)$ times the density on the tail beyond
    $t = (D + |mean|)$ in standard deviations. The paper assumes containment and names this as its main limitation."""
    t = (data.D + abs(data.mean_after)) / data.deviation
    tail = t / (1 + t**2) * np.exp(-(t**2) / 2) / np.sqrt(2 * np.pi)
    return AtLeast(Measurement.of(data, "probability", what="probability of leaving the ball"), tail)
