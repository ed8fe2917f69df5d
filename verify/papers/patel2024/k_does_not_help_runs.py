"""Local gradient descent on the rank-one pair at the hard angle: every K, inner step and outer step."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.constructions.rank_one_pair import rank_one_pair
from tightrate.rates.papers.patel2024.k_does_not_help import hard_cosine
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

LOCAL_STEPS = (1.0, 2.0, 10.0, 100.0, 1000.0, 1e6, np.inf)
SMALL_STEP = 0.01  # eta L of the slow run, where K does help, but only down to the same floor
L, B, M = 1.0, 1.0, 2


@experiment("k-does-not-help")
def k_does_not_help(session: Session) -> xr.Dataset:
    """Suboptimality over K, R, eta and gamma, and its lower bound L B^2 / (108 R).

    Each R has its own instance, at the angle 1 - 1/(6R).  Variables over (K, R): `best_gap`, the minimum over the
    grid of inner and outer steps, at `best_eta`, `best_gamma`; `slow_gap`, with a small inner step and plain
    averaging; over R: `bound`.  The inner grid reaches beyond 2/L, where finite K may still converge and K = inf
    has no limit; `steps_tried` counts the pairs that gave a finite value.
    """
    points = session.choose(quick=48, full=160)
    R = np.unique(np.round(np.geomspace(1, 1000, 37)))
    K = np.array(LOCAL_STEPS)
    eta = np.concatenate([np.geomspace(1e-6, 1.9, points), np.linspace(1.95, 2.5, 6)]) / L
    gamma = np.geomspace(1e-2, 1e4, points * 2)
    cosine = vectorized(hard_cosine())(R=R)
    problem = rank_one_pair(cosine=cosine[:, None, None], L=L, B=B, M=M)
    best = np.empty((3, len(K), len(R)))
    slow = np.empty((len(K), len(R)))
    tried = np.empty((len(K), len(R)))
    for i, steps in enumerate(K):
        grid = round_map(problem, K=steps, eta=eta[:, None], gamma=gamma)
        gaps = problem.gap(grid.after(R[:, None, None]))
        finite = np.isfinite(gaps)
        gaps = np.where(finite, gaps, np.inf).reshape(len(R), -1)
        winner = gaps.argmin(axis=-1)
        best[:, i] = gaps.min(axis=-1), eta[winner // len(gamma)], gamma[winner % len(gamma)]
        tried[i] = finite.reshape(len(R), -1).sum(axis=-1)
        one = rank_one_pair(cosine=cosine, L=L, B=B, M=M)
        slow[i] = one.gap(round_map(one, K=steps, eta=SMALL_STEP / L, gamma=1.0).after(R))
        session.progress("k-does-not-help", i + 1, len(K))
    bound = theorem("patel2024/prop7-constant").bound
    return xr.Dataset(
        {
            "best_gap": (("K", "R"), best[0]),
            "best_eta": (("K", "R"), best[1]),
            "best_gamma": (("K", "R"), best[2]),
            "steps_tried": (("K", "R"), tried),
            "slow_gap": (("K", "R"), slow),
            "bound": (("R",), bound.function(L=L, B=B)(R=R)),
        },
        coords={"K": K, "R": R},
        attrs={"L": L, "B": B, "M": M, "small_step": SMALL_STEP, "theorem": "patel2024/prop7-constant"},
    )
