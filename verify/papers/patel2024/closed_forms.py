"""patel2024, the pairs of Prop. 7 and Example (7)-(8): local gradient descent follows their closed forms."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.coordinate_pair import coordinate_pair
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.claim import claim
from tightrate.verify.experiment import all_instances, experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session


@experiment("rank-one-closed-form")
def rank_one_runs(session: Session) -> xr.Dataset:
    """The `gap` on random rank-one pairs after every round, step by step and by jumping whole rounds.

    The last tenth of the instances has $K = inf$: there the run takes so many local steps that what they leave is below
    rounding, which is the limit."""
    n, rounds, M = session.choose(quick=400, full=4000), 40, 4
    generator = stream(session.seed, experiment="rank-one-closed-form")
    cosine = generator.uniform(0.01, 0.99, n)
    L, B = 10 ** generator.uniform(-2, 2, n), 10 ** generator.uniform(-2, 2, n)
    K = generator.integers(1, 65, n).astype(np.float64)
    eta = generator.uniform(0.01, 1.99, n) / L
    gamma = generator.uniform(0.05, 2.0, n)
    limit = np.arange(n) >= n - n // 10
    eta = np.where(limit, generator.uniform(0.5, 1.5, n) / L, eta)  # |1 - eta L|^64 < 1e-19
    pair = rank_one_pair(cosine=cosine, L=L, B=B, M=M)
    walked = sample(local_sgd(eta=eta, gamma=gamma), pair, K=np.where(limit, 64, K), R=rounds)
    K = np.where(limit, np.inf, K)
    R = np.arange(1, rounds + 1)
    jump = round_map(pair, K=K, eta=eta, gamma=gamma)
    jumped = np.stack([pair.gap(jump.after(r)) for r in R], axis=-1)
    symbols = labelled("instance", cosine=cosine, L=L, B=B, M=M, K=K, eta=eta, gamma=gamma)
    gap, method = np.stack([walked.gaps[:, 1:], jumped]), ["step by step", "whole rounds"]
    return symbols.merge(labelled("method", "instance", "R", gap=gap, method=method, R=R))


@claim(
    "patel2024/rank-one-closed-form",
    "The suboptimality on the rank-one pair is the closed form of Prop. 7, for every $K$ up to infinity.",
    theorem="patel2024/prop7-exact",
    kind="identity",
    data=rank_one_runs,
    expected="confirmed",
)
def rank_one_closed_form(theorem: Theorem, data: xr.Dataset) -> Equal:
    """Step by step, and by jumping whole rounds, against the theorem's expression."""
    gap = Measurement.of(data, "gap", what="suboptimality on the rank-one pair")
    return Equal(gap, theorem, scale=data.L * data.B**2)


@experiment("coordinate-pair")
def coordinate_runs(session: Session) -> xr.Dataset:
    """The `distance` from the optimum in the coordinate example after every round of a run step by step; and, in as
    many instances more, with $gamma = 2$, $K = inf$ and $eta = 1/L$, where one round solves it."""
    n, rounds = session.choose(quick=200, full=2000), 30
    generator = stream(session.seed, experiment="coordinate-pair")
    L, B = 10 ** generator.uniform(-2, 2, n), 10 ** generator.uniform(-2, 2, n)
    K, eta = generator.integers(1, 33, n), generator.uniform(0.01, 1.99, n) / L
    gamma = generator.uniform(0.05, 2.5, n)
    pair = coordinate_pair(L=L, B=B)
    R = np.arange(1, rounds + 1)
    walked = sample(local_sgd(eta=eta, gamma=gamma), pair, K=K, R=rounds).distances[:, 1:]
    jump = round_map(pair, K=np.inf, eta=1 / L, gamma=2.0)
    solved = np.stack([np.linalg.norm(jump.after(r) - pair.optimum, axis=-1) for r in R], axis=-1)
    over = ("instance", "R")
    return all_instances(
        [
            labelled(*over, distance=walked, L=L, B=B, K=K.astype(np.float64), eta=eta, gamma=gamma, R=R),
            labelled(*over, distance=solved, L=L, B=B, K=np.inf, eta=1 / L, gamma=2.0, R=R),
        ]
    )


@claim(
    "patel2024/coordinate-pair",
    "The coordinate example (7)-(8) follows its closed form, and $gamma = 2$ with $K = inf$ solves it at once.",
    theorem="patel2024/eq8",
    kind="identity",
    data=coordinate_runs,
    expected="confirmed",
)
def coordinate_example(theorem: Theorem, data: xr.Dataset) -> Equal:
    """Distances round by round; where one round solves it, in every round against zero."""
    distance = Measurement.of(data, "distance", what="distance in the coordinate example")
    return Equal(distance, theorem, scale=data.B, matters=1e-4, absolute=1e-14)
