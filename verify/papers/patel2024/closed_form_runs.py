"""Step-by-step local gradient descent against the closed forms of the rank-one pair and the coordinate pair."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.coordinate_pair import coordinate_pair
from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session


@experiment("rank-one-closed-form")
def rank_one_closed_form(session: Session) -> xr.Dataset:
    """`gap` of a step-by-step run and `exact` from the theorem on random instances, along all rounds up to R.

    The last tenth of the instances has K = inf: there the run takes so many local steps that what they leave is
    below rounding, which is the limit.
    """
    n = session.choose(quick=400, full=4000)
    rounds = 40
    generator = stream(session.seed, experiment="rank-one-closed-form")
    cosine = generator.uniform(0.01, 0.99, n)
    L, B = 10 ** generator.uniform(-2, 2, n), 10 ** generator.uniform(-2, 2, n)
    K = generator.integers(1, 65, n).astype(np.float64)
    eta = generator.uniform(0.01, 1.99, n) / L
    gamma = generator.uniform(0.05, 2.0, n)
    limit = np.arange(n) >= n - n // 10
    eta = np.where(limit, generator.uniform(0.5, 1.5, n) / L, eta)  # |1 - eta L|^64 < 1e-19
    problem = rank_one_pair(cosine=cosine, L=L, B=B, M=4)
    run = sample(local_sgd(eta=eta, gamma=gamma), problem, K=np.where(limit, 64, K), R=rounds)
    K = np.where(limit, np.inf, K)
    R = np.arange(1, rounds + 1)
    exact = theorem("patel2024/prop7-exact").bound.function()
    parameters = {"cosine": cosine, "L": L, "B": B, "K": K, "eta": eta, "gamma": gamma}
    theory = exact(R=R, **{name: values[:, None] for name, values in parameters.items()})
    jumped = round_map(problem, K=K, eta=eta, gamma=gamma)
    return xr.Dataset(
        {
            "gap": (("instance", "R"), run.gaps[:, 1:]),
            "jumped_gap": (("instance", "R"), np.stack([problem.gap(jumped.after(r)) for r in R], axis=-1)),
            "exact": (("instance", "R"), theory),
            **{name: (("instance",), values) for name, values in parameters.items()},
        },
        coords={"R": R},
        attrs={"theorem": "patel2024/prop7-exact", "M": 4, "seed": session.seed},
    )


@experiment("coordinate-pair")
def coordinate_closed_form(session: Session) -> xr.Dataset:
    """`distance` of a step-by-step run of the coordinate example, and `exact`.

    `one_round_distance` is that after a single round with gamma = 2 and K = inf.
    """
    rounds = 30
    generator = stream(session.seed, experiment="coordinate-pair")
    n = session.choose(quick=200, full=2000)
    L, B = 10 ** generator.uniform(-2, 2, n), 10 ** generator.uniform(-2, 2, n)
    K, eta = generator.integers(1, 33, n), generator.uniform(0.01, 1.99, n) / L
    gamma = generator.uniform(0.05, 2.5, n)
    problem = coordinate_pair(L=L, B=B)
    run = sample(local_sgd(eta=eta, gamma=gamma), problem, K=K, R=rounds)
    R = np.arange(1, rounds + 1)
    parameters = {"L": L, "B": B, "K": K.astype(np.float64), "eta": eta, "gamma": gamma}
    exact = theorem("patel2024/eq8").bound.function()
    theory = exact(R=R, **{k: v[:, None] for k, v in parameters.items() if k != "L"}, L=L[:, None])
    once = round_map(problem, K=np.inf, eta=1 / L, gamma=2.0).after(1)
    return xr.Dataset(
        {
            "distance": (("instance", "R"), run.distances[:, 1:]),
            "exact": (("instance", "R"), theory),
            "one_round_distance": (("instance",), np.linalg.norm(once - problem.optimum, axis=-1)),
            **{name: (("instance",), values) for name, values in parameters.items()},
        },
        coords={"R": R},
        attrs={"theorem": "patel2024/eq8", "seed": session.seed},
    )
