"""The workers' drift: Lemma 7 by value, its equality case, and why the drift term of Theorem 1 is needed."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.fedavg import fedavg
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal, Vanishes
from tightrate.verify.assertions.limit import Limits, Line
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.instances.kinked_functions import bent_parabola, run
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025.bounds_on_random_instances import other_objectives
from tightrate.verify.session import Session

Array = NDArray[np.float64]

# --- Lemma 7 ---------------------------------------------------------------------------------------------------------


@claim(
    "khaled2025/lemma7",
    "Lemma 7: after $h$ local steps the squared distance, over all pairs, is at most $2 eta^2 sigma^2 h$.",
    kind="bound with constants",
    data=other_objectives,
)
def lemma7(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Measured after every local step on functions that are not quadratic, averaged over runs and rounds, with five
    standard errors, against the bound by value."""
    what = "squared distance of two workers"
    return Bounded(theorem, Measurement.of(data, "drift", what=what, stderr="drift_stderr", symbols={"K": "h"}))


@experiment("khaled2025-drift")
def drift(session: Session) -> xr.Dataset:
    """The workers' drift from their mean within a round on one curvature of at most $L = 1$, exactly.

    A worker alone and $M$ workers have the same variance of a worker (`variance`), and the mean of $M$ has another:
    their difference is the drift. The first half of the instances has curvature 0: a constant gradient."""
    n = session.choose(quick=400, full=4000)
    generator = stream(session.seed, experiment="khaled2025-drift")
    curvature = np.where(np.arange(n) < n // 2, 0.0, 10 ** generator.uniform(-3, 0, n))
    eta, sigma = 10 ** generator.uniform(-3, 0, n), 10 ** generator.uniform(-2, 2, n)
    K, M = np.round(10 ** generator.uniform(0, 4, n)), 2.0 ** np.floor(generator.uniform(0, 8, n))
    variances = np.empty((2, n))
    for i, workers in enumerate((np.ones(n), M)):
        for count in np.unique(workers):
            rows = workers == count
            shape = (int(rows.sum()), int(count), 1)
            problem = DiagonalQuadratics(
                np.broadcast_to(curvature[rows, None, None], shape), np.zeros(shape), known_optimum=np.zeros(shape[::2])
            )
            found = exact_moments(local_sgd(eta=eta[rows]), problem, K=K[rows], R=1, noise=GaussianNoise(1.0))
            variances[i, rows] = found.last.spread[:, 0]
    columns = {"drift": (variances[0] - variances[1]) * sigma**2, "variance": variances[0] * sigma**2}
    columns |= {"curvature": curvature, "eta": eta, "sigma": sigma, "K": K, "M": M}
    attrs = {"seed": session.seed, "L": 1.0}
    return xr.Dataset({name: ("instance", values) for name, values in columns.items()}, attrs=attrs)


@claim(
    "khaled2025/lemma7-equality",
    "Where the gradient is constant the drift from the mean equals $(1 - 1/M) eta^2 sigma^2 h$.",
    theorem="khaled2025/lemma7-mean",
    kind="exact value",
    data=drift,
    expected="confirmed",
)
def lemma7_equality(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The variance of one worker less that of the mean of $M$, both by the engine of exact moments, at curvature 0."""
    flat = data.isel(instance=np.flatnonzero(data.curvature == 0))
    found = Measurement.of(flat, "drift", what="drift at constant gradient")
    return Equal(found, theorem, scale=flat.variance, relative=1e-11)


@claim(
    "khaled2025/lemma7-on-quadratics",
    "On quadratics the drift from the mean is at most $(1 - 1/M) eta^2 sigma^2 h$, so half of Lemma 7's bound.",
    theorem="khaled2025/lemma7-mean",
    kind="bound with constants",
    data=drift,
)
def lemma7_on_quadratics(theorem: Theorem, data: xr.Dataset) -> Every:
    """The same difference of variances on random curvatures, up to thousands of local steps; by value."""
    rounding = 1e-12 * data.variance
    mean = Measurement.of(data, "drift", what="drift from the mean", rounding=rounding)
    pairs = Measurement.of(data, 2 * data.drift, what="drift over all pairs", rounding=rounding)
    return Every({"mean": Bounded(theorem, mean), "pairs": Bounded(statement("khaled2025/lemma7"), pairs)})


# --- Infinitely many workers on a function with a kink ---------------------------------------------------------------
#
# The mean of the workers after a round depends on the round's start alone.  It is found backwards: the expected end of
# the round from every point before the last step, before the last but one, and so on.

TILT = 0.35  # the slope at the kink, in units of L eta sigma sqrt K: where the drift is largest
REACH = 9.0  # of the grid, in units of the spread of a round
ALL_PATHS = 5  # local steps up to which all paths are followed one by one as well


def settled_offset(K: int, step: float, *, left: float = 0.0, points: int) -> tuple[float, float]:
    """Where rounds come to rest and where their local iterates are on average, as distances from the optimum.

    The unit of length is eta sigma; `step` is eta L.  f = (L x_+^2 + left L x_-^2)/2 - s x with s = TILT L eta sigma
    sqrt K (on `left` = 1 an ordinary parabola), noise +-sigma with equal chances.  Between the points of a grid the
    expected move of the rest of the round is taken as linear.
    """
    spread = np.sqrt(K)
    x = np.linspace(-REACH * spread, REACH * spread, points)
    moved = x - step * (np.where(x > 0, 1.0, left) * x - TILT * spread)
    rest, total = np.zeros_like(x), np.zeros_like(x)
    for _ in range(K):  # `rest` is the expected move in the remaining steps, `total` sums it over their number
        total += rest
        rest = moved - x + (np.interp(moved + 1, x, rest) + np.interp(moved - 1, x, rest)) / 2
    inside = slice(points // 4, -(points // 4))
    start = float(np.interp(0.0, -rest[inside], x[inside]))
    mean = start + float(np.interp(start, x, total)) / K
    return start - TILT * spread, mean - TILT * spread


@experiment("khaled2025-spread")
def spread(session: Session) -> xr.Dataset:
    """The gap at which local SGD with plain averaging settles with infinitely many workers, over $K$ and $eta L$.

    Over $(K, eta)$: `gap` of the average of all local iterates, at $L = sigma = 1$; `by_paths`, the gap after one round
    from the resting point by following every path of the noise with the shipped algorithm (nan for larger $K$);
    `on_a_parabola`, the same without a kink."""
    K = np.array([5, 20, 80, 320])
    eta = np.geomspace(1e-5, 1e-2, 7)
    points = session.choose(quick=4001, full=16001)
    offsets = np.array([[settled_offset(int(k), float(step), points=points) for step in eta] for k in K])
    on_a_parabola = np.array(
        [[settled_offset(int(k), float(step), left=1.0, points=points)[1] for step in eta] for k in K]
    )
    by_paths = np.full(offsets.shape[:2], np.nan)
    for i, k in enumerate(K[K <= ALL_PATHS]):
        by_paths[i] = _by_paths(float(k), eta, offsets[i, :, 0])
    columns = {
        "gap": eta**2 * offsets[..., 1] ** 2 / 2,
        "by_paths": by_paths,
        "on_a_parabola": eta**2 * on_a_parabola**2 / 2,
    }
    return xr.Dataset(
        {name: (("K", "eta"), values) for name, values in columns.items()},
        coords={"K": K.astype(np.float64), "eta": eta},
        attrs={"L": 1.0, "B": 1.0, "sigma": 1.0, "gamma": 1.0, "M": np.inf, "R": np.inf, "tilt": TILT},
    )


def _by_paths(K: float, eta: Array, offset: Array) -> Array:
    """The gap of the average of one round's local iterates, started at the resting point."""
    n, one = len(eta), np.ones(len(eta))
    found = run(
        bent_parabola(0 * one + 1e-12, TILT * eta * np.sqrt(K), one),
        fedavg(eta=eta, gamma=1.0),
        eta=eta,
        K=np.full(n, K),
        R=one,
        start=1.0 + eta * offset,
        jumps=(one, -one),
        probability=one / 2,
    )
    return found.gap


@claim(
    "khaled2025/drift-term-is-needed",
    "However many workers there are, plain averaging settles at a gap of the order $L eta^2 sigma^2 K$ on a function"
    " with a kink: Theorem 1's drift term cannot fall faster in $eta$ or in $K$, and on a parabola it is not seen.",
    theorem="khaled2025/thm1",
    kind="scaling",
    data=spread,
)
def drift_term_is_needed(theorem: Theorem, data: xr.Dataset) -> Every:
    """The resting point of a round with infinitely many workers, found backwards on a grid and checked by following
    every path of the noise: the gap over $L eta^2 sigma^2 K$ must become constant as $eta$ falls and as $K$ grows,
    stay below Theorem 1's bound, and vanish on a parabola."""
    drifted = data.eta**2 * data.K
    falling = (data.gap / drifted).sortby("eta", ascending=False)
    lines = [Line(f"1/eta at K = {K:g}", 1 / falling.eta.values, falling.sel(K=K).values, 0.0) for K in data.K.values]
    lines.append(Line("K at the smallest eta", data.K.values, falling.isel(eta=-1).values, 0.0))
    gap, parabola = (Measurement.of(data, name) for name in ("gap", "on_a_parabola"))
    followed = data.isel(K=np.flatnonzero(data.K <= ALL_PATHS))
    paths = Measurement.of(followed, "by_paths", what="gap with every path followed")
    return Every(
        {
            "scaling": Limits(lines, "gap over $L eta^2 sigma^2 K$", "exponent 0 in eta and in K", 0.1),
            "bound": Bounded(theorem, gap),
            "all paths": Equal(paths, followed.gap, relative=1e-3),
            "parabola": Vanishes(parabola, 1e-12 * drifted),
        }
    )
