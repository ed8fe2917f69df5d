"""An inner step that is far too small, with plain averaging and with the largest outer step that is allowed."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.log_spaced_quadratic import log_spaced_quadratic
from tightrate.constructions.problem import Problem
from tightrate.rates.papers.khaled2025.best_steps import active_outer_step
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import LocalSGD, local_sgd
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.khaled2025.average_gap_runs import average_local_gap
from tightrate.verify.session import Session

Array = NDArray[np.float64]
K, R = 8, 64
FLATTEST = 1e-9  # the smallest curvature, in units of L: modes of every speed


@experiment("khaled2025-ill-tuned")
def ill_tuned(session: Session) -> xr.Dataset:
    """The mean gap of all local iterates over eta L, exactly, on a quadratic with curvatures from 10^-9 L to L.

    Over (outer, eta) with outer "plain" (gamma = 1) and "largest" (the condition of Theorem 1 active): `local_gap`,
    `gamma`, `gap_of_average` of the averaged iterate by the shipped algorithm, `bound` and `term: NAME` of Theorem 1.
    Over eta: `distance_from_limit`, |local_gap - limit| with the largest outer step.  The attribute `limit` is the
    mean gap of R steps of gradient descent of size 1/(4L): where eta -> 0 leads with the largest outer step.
    """
    modes = session.choose(quick=400, full=2000)
    problem = log_spaced_quadratic(d=modes, mu=FLATTEST)
    curvature, start = problem.curvatures[0], problem.optimum
    eta = np.geomspace(1e-6, 0.25, 28)
    gamma = np.stack([np.ones_like(eta), vectorized(active_outer_step(), L=1.0, K=K)(eta=eta)])
    quiet = np.zeros(modes)

    def local_gap(eta: Array, gamma: Array, steps: float) -> Array:
        counts = {name: np.full(eta.shape, float(value)) for name, value in (("K", steps), ("R", R), ("M", 1))}
        return average_local_gap(curvature, start, quiet, eta=eta, gamma=gamma, **counts)

    gaps = np.stack([local_gap(eta, outer, K) for outer in gamma])
    averages = np.stack([_gap_of_average(local_sgd(eta=eta, gamma=outer), problem, K, R) for outer in gamma])
    one = np.ones(1)
    limit = float(local_gap(one / 4, one, 1)[0])
    bound = theorem("khaled2025/thm1").bound
    values = {"L": 1.0, "B": 1.0, "sigma": 0.0, "K": K, "R": R, "M": 1, "eta": eta, "gamma": gamma}
    terms = {
        f"term: {term.name}": vectorized(term.expression)(
            **{symbol.name: values[symbol.name] for symbol in term.expression.free_symbols}
        )
        for term in bound.terms
    }
    dims = ("outer", "eta")
    return xr.Dataset(
        {
            "local_gap": (dims, gaps),
            "gap_of_average": (dims, averages),
            "gamma": (dims, gamma),
            "bound": (dims, bound.function()(**values)),
            "distance_from_limit": (("eta",), np.abs(gaps[1] - limit)),
            **{name: (dims, np.broadcast_to(term, gamma.shape)) for name, term in terms.items()},
        },
        coords={"outer": ["plain", "largest"], "eta": eta},
        attrs={
            "theorem": "khaled2025/thm1", "limit": limit, "start": float(problem.gap(np.zeros(modes))),
            "K": K, "R": R, "L": 1.0, "B": 1.0, "d": modes, "flattest": FLATTEST,
        },
    )  # fmt: skip


def _gap_of_average(algorithm: LocalSGD, problem: Problem, K: int, R: int) -> Array:
    found = exact_moments(algorithm, problem, K=K, R=R, forgetting=0.0)
    assert found.average is not None
    return found.average.gap
