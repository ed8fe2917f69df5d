"""Tuned and prescribed steps of local SGD over K, R, M and noise, against minibatch SGD, on worst-case instances.

The convex instance has two coordinates.  The slow one is a parabola of the curvature that is worst for the run, from
the distance B; it shows the optimization and statistical terms, and its expectations are exact.  The fast one has the
curvatures L and L/5 on the two sides of its optimum and starts where it would settle; it shows the drift.  The noise
of both is +-sigma/sqrt 2.  Coordinates are independent, so gaps add.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike
from sympy import solve

from tightrate.constructions.asymmetric_quadratic import asymmetric_quadratic
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise, RademacherNoise
from tightrate.constructions.problem import Array
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K as LOCAL_STEPS
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgdm import local_sgdm, minibatch_sgdm
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

L, B = 1.0, 1.0
FLAT = 0.2  # the left curvature of the fast coordinate, in units of L
LARGEST_STEP = 0.5  # times 1/L
CURVATURES = L * np.geomspace(1e-5, 1.0, 33)  # of the slow coordinate
MANY_WORKERS = 1e15  # stands for infinitely many in formulas that have no limit in floating point


def two_curvatures(x: Array) -> Array:
    """The gradient of the fast coordinate, its optimum at 0."""
    return np.asarray(np.where(x > 0, L, FLAT * L) * x)


def fast_gap(x: ArrayLike) -> Array:
    """The gap of the fast coordinate."""
    at = np.asarray(x, dtype=np.float64)
    return np.asarray(np.where(at > 0, L, FLAT * L) * at**2 / 2)


def settled_drift(eta: Array, K: Array) -> Array:
    """Gap of the fast coordinate where its run settles with infinitely many workers, for noise +-1: (eta, K).

    The server's iterate is then a fixed point of the round, and the output is the mean over the round's steps.  Two
    curvatures have no length of their own, so that the gap is proportional to the noise's variance.
    """
    found = np.empty((len(eta), len(K)))
    for i, step in enumerate(eta):
        maps = round_maps(two_curvatures, eta=step, noise=TwoValues.signs(1.0), K=[int(k) for k in K])
        found[i] = [fast_gap(maps[int(k)].settled()) for k in K]
    return found


def slow_gaps(eta: Array, K: ArrayLike, R: ArrayLike, *, sigma: float, M: float, pooled: bool = False) -> Array:
    """Expected gap of the averaged slow coordinate at its worst curvature, for every eta and cell: (eta, cell).

    All workers' mean moves as that of one worker with the noise sigma/sqrt M; `pooled` is the minibatch method.
    """
    K, R = (np.asarray(values, dtype=np.float64).ravel() for values in np.broadcast_arrays(K, R))
    shape = (len(eta), len(CURVATURES), len(K))
    steps, curvature = (np.broadcast_to(v, shape).ravel() for v in (eta[:, None, None], CURVATURES[:, None]))
    local_steps, rounds = (np.broadcast_to(v, shape).ravel() for v in (K, R))
    problem = DiagonalQuadratics(curvature[:, None, None], np.full((len(curvature), 1, 1), B))
    method = (minibatch_sgdm if pooled else local_sgdm)(eta=steps, beta1=0.0)
    noise = GaussianNoise(sigma / np.sqrt(M)) if np.isfinite(M) else None
    run = exact_moments(method, problem, K=local_steps, R=rounds, noise=noise, forgetting=0.0)
    assert run.average is not None
    return np.asarray(run.average.gap.reshape(shape).max(axis=1))


def tuned(gaps: Array, eta: Array) -> tuple[Array, Array]:
    """The least gap over the steps (first axis), refined by a parabola in logarithms, and where it is."""
    log_gap, log_eta = np.log(gaps), np.log(eta)
    best = np.clip(np.argmin(log_gap, axis=0), 1, len(eta) - 2)
    left, middle, right = (np.take_along_axis(log_gap, (best + i)[None], axis=0)[0] for i in (-1, 0, 1))
    width = log_eta[1] - log_eta[0]
    bend = np.maximum(left - 2 * middle + right, 1e-12)
    shift = np.clip((left - right) / (2 * bend), -1.0, 1.0)
    least = middle + (right - left) / 2 * shift + (left - 2 * middle + right) / 2 * shift**2
    return np.exp(np.minimum(least, log_gap.min(axis=0))), np.exp(log_eta[best] + shift * width)


def steps_between(low: float, high: float, each: int = 8) -> Array:
    """Steps on a geometric grid, `each` to a factor of two and a half."""
    return np.geomspace(low, high, max(int(np.ceil(np.log(high / low) / np.log(2.5) * each)), 3))


def doubling(first: int, last: int) -> Array:
    """2^first, ..., 2^last."""
    return np.asarray(2.0 ** np.arange(first, last + 1), dtype=np.float64)


@experiment("cheng2024-convex-drift")
def convex_drift(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers, large noise: the tuned gap over (K, R) where the drift dominates, and bounds.

    `gap` is tuned, at `eta`; `gap_at` holds it for every step of the grid.  `bound: <term>` are the terms of Theorem 2
    without clipping for infinitely many workers; `explicit` is the in-expectation bound with constants at its own best
    step, and `logarithm` the logarithm of what its K - 1 has over K.
    """
    K, R = np.array([16.0, 32, 64, 128]), np.array([1e5, 2e5, 4e5, 8e5])
    sigma, eta = 64.0, steps_between(5e-5, 5e-3, each=6)
    mesh = np.meshgrid(K, R, indexing="ij")
    drift = sigma**2 / 2 * settled_drift(eta, K)[:, :, None]
    gaps = drift + slow_gaps(eta, *mesh, sigma=0.0, M=np.inf).reshape(len(eta), *mesh[0].shape)
    best, where = tuned(gaps, eta)
    letters = {"K": mesh[0], "R": mesh[1], "M": np.full(mesh[0].shape, MANY_WORKERS)}
    letters |= {name: np.full(mesh[0].shape, value) for name, value in (("L", L), ("B", B), ("sigma", sigma))}
    terms = {
        f"bound: {t.name}": (("K", "R"), vectorized(t.expression)(**letters))
        for t in theorem("cheng2024/thm2").bound.terms
        if t.name != "clipping"
    }
    explicit = theorem("cheng2024/fixed-step-convex").bound.function(rho=np.inf, G_inf=1.0, D=1.0, alpha=4.0)
    wide = steps_between(1e-7, 1e-2, each=6)
    over_steps = explicit(eta=wide[:, None, None], sigma_2alpha=sigma, **letters)
    return xr.Dataset(
        {
            "gap": (("K", "R"), best),
            "eta": (("K", "R"), where),
            "gap_at": (("step", "K", "R"), gaps),
            "explicit": (("K", "R"), tuned(over_steps, wide)[0]),
            "logarithm": (("K",), np.log1p(-1 / K) / 3),
            **terms,
        },
        coords={"K": K, "R": R, "step": eta},
        attrs={"L": L, "B": B, "sigma": sigma, "curvature": FLAT * L},
    )


@experiment("cheng2024-drift-over-workers")
def drift_over_workers(session: Session) -> xr.Dataset:
    """The fast coordinate at a fixed step with finitely many workers, sampled: gap over M, and its limit.

    `limit` is that of infinitely many workers.  Replicas times workers are the same for all M; so many that the gap
    with 32 workers is told from the limit.
    """
    M, K, R, sigma = np.array([2, 4, 8, 16, 32]), 16, 24, 1.0
    eta = 0.05
    budget = session.choose(quick=48_000, full=640_000)
    means, errors = [], []
    for m in M:
        problem = asymmetric_quadratic(L=L, mu=FLAT * L, B=0.0, M=int(m))
        run = sample(
            local_sgdm(eta=eta, beta1=0.0),
            problem,
            K=K,
            R=R,
            replicas=budget // int(m),
            noise=RademacherNoise(sigma / np.sqrt(2)),
            forgetting=0.0,
            seed=session.seed,
            stream_axes={"experiment": "cheng2024-drift-over-workers", "M": int(m)},
            measured_rounds=(R,),
        )
        assert run.average is not None
        gaps = problem.gap(run.average)
        means.append(gaps.mean())
        errors.append(gaps.std(ddof=1) / np.sqrt(gaps.size))
    maps = round_maps(two_curvatures, eta=eta, noise=TwoValues.signs(sigma / np.sqrt(2)), K=[K])
    limit = float(fast_gap(maps[K].path(0.0, R)[1][-1]))
    return xr.Dataset(
        {"gap": (("M",), np.array(means)), "stderr": (("M",), np.array(errors))},
        coords={"M": M},
        attrs={"L": L, "K": K, "R": R, "eta": eta, "sigma": sigma, "limit": limit, "seed": session.seed},
    )


@experiment("cheng2024-convex-statistical")
def convex_statistical(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Tuned gaps of local and minibatch SGD on the slow coordinate where noise dominates, exactly: (M, K, R)."""
    K, R, M = np.array([4.0, 8, 16, 32]), np.array([64.0, 128, 256, 512]), np.array([1.0, 2, 4, 8])
    sigma, eta = 16.0, steps_between(1e-5, 0.5, each=3)
    mesh = np.meshgrid(K, R, indexing="ij")
    local: list[Array] = []
    pooled: list[Array] = []
    for m in M:
        for found, minibatch, steps in ((local, False, eta), (pooled, True, eta * K.max())):
            allowed = steps[steps <= LARGEST_STEP / L]
            gaps = slow_gaps(allowed, *mesh, sigma=sigma, M=float(m), pooled=minibatch)
            found.append(tuned(gaps, allowed)[0].reshape(mesh[0].shape))
    axes = ("M", "K", "R")
    return xr.Dataset(
        {"local": (axes, np.stack(local)), "minibatch": (axes, np.stack(pooled))},
        coords={"M": M, "K": K, "R": R},
        attrs={"L": L, "B": B, "sigma": sigma},
    )


@experiment("cheng2024-local-or-minibatch")
def local_or_minibatch(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers, both methods tuned: gaps and the gain of local steps over (sigma, K, R).

    `critical` is K_0 = sigma^2 R/(L B)^2 on the same grid, `predicted` the gain of the bounds (4.5) over (4.4) without
    clipping, `crossing` (sigma, R) the number of local steps at which the measured gain is one.
    """
    sigma, K, R = np.array([1.0, 1.75, 3]), doubling(1, 10), np.array([512.0, 1024, 2048])
    mesh = np.meshgrid(K, R, indexing="ij")
    eta = steps_between(5e-4, LARGEST_STEP / L, each=4)
    slow = slow_gaps(eta, *mesh, sigma=0.0, M=np.inf).reshape(len(eta), *mesh[0].shape)
    drift = settled_drift(eta, K)[:, :, None]
    local = [tuned(slow + level**2 / 2 * drift, eta)[0] for level in sigma]
    pooled = tuned(slow_gaps(eta, np.ones(len(R)), R, sigma=0.0, M=np.inf, pooled=True), eta)[0]
    gain = pooled / np.stack(local)
    crossing = np.array([[crossed(K, gain[i, :, j]) for j in range(len(R))] for i in range(len(sigma))])
    letters = {"K": K[:, None], "R": R, "sigma": sigma[:, None, None], "L": L, "B": B, "M": MANY_WORKERS}
    predicted = []
    for label in ("eq4.5", "thm2"):
        expressions = [t.expression for t in theorem(f"cheng2024/{label}").bound.terms if t.name != "clipping"]
        total = sum(expressions[1:], start=expressions[0])
        predicted.append(vectorized(total)(**letters))
    axes = ("sigma", "K", "R")
    return xr.Dataset(
        {
            "local": (axes, np.stack(local)),
            "minibatch": (("R",), pooled),
            "gain": (axes, gain),
            "predicted": (axes, np.broadcast_to(predicted[0] / predicted[1], gain.shape)),
            "critical": (axes, np.broadcast_to(critical_steps(sigma=sigma[:, None, None], R=R), gain.shape)),
            "crossing": (("sigma", "R"), crossing),
        },
        coords={"sigma": sigma, "K": K, "R": R},
        attrs={"L": L, "B": B},
    )


def crossed(K: Array, gain: Array) -> float:
    """Where the gain passes one for the last time, by interpolation in logarithms; nan if it does not."""
    below = np.flatnonzero(gain < 1)
    if below.size == 0 or below[-1] == len(K) - 1:
        return float("nan")
    i = int(below[-1])
    x, y = np.log(K[i : i + 2]), np.log(gain[i : i + 2])
    return float(np.exp(x[0] - y[0] * (x[1] - x[0]) / (y[1] - y[0])))


@experiment("cheng2024-fixed-budget")
def fixed_budget(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers and T = K R fixed: the tuned gap over K, on the convex instance."""
    T, sigma = 2.0**22, 8.0
    K = doubling(3, 9)
    eta = steps_between(1e-4, 2e-2, each=6)
    slow = slow_gaps(eta, K, T / K, sigma=0.0, M=np.inf)
    best, where = tuned(slow + sigma**2 / 2 * settled_drift(eta, K), eta)
    return xr.Dataset(
        {"gap": (("K",), best), "eta": (("K",), where), "logarithm": (("K",), np.log1p(-1 / K) / 3)},
        coords={"K": K},
        attrs={"L": L, "B": B, "sigma": sigma, "T": T},
    )


def prescribed_step(label: str, **letters: ArrayLike) -> Array:
    """The step that a statement prescribes, for infinitely many workers unless M is given."""
    expression = theorem(f"cheng2024/{label}").step("eta")
    given = {"L": L, "B": B, "M": MANY_WORKERS, **letters}
    return vectorized(expression)(**{s.name: given[s.name] for s in expression.free_symbols})


@experiment("cheng2024-strongly-convex-rates")
def strongly_convex_rates(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Local SGD at the step of Theorem 1 (all moments of the noise bounded), weighted output.

    `drift` (K, R): infinitely many workers on the fast coordinate alone, from the distance B, with the logarithm
    `drift_logarithm` of log^2 and of (K-1)/K; `statistical` (K, R, M): exactly, on a parabola of curvature mu, with
    `statistical_logarithm`.
    """
    mu, sigma, bounded = FLAT * L, 2.0, 1e3
    K, R = np.array([8.0, 16, 32, 64]), np.array([8000.0, 16000, 32000, 64000])
    drift, logs = np.empty((len(K), len(R))), np.empty((len(K), len(R)))
    for i, j in np.ndindex(drift.shape):
        step = float(prescribed_step("thm1", mu=mu, sigma=sigma, alpha=bounded, K=K[i], R=R[j]))
        q = step * mu / 2
        signs = TwoValues.signs(sigma)
        maps = round_maps(two_curvatures, eta=step, noise=signs, K=[int(K[i])], around=-B / 2, extent=B / 2, q=q)
        drift[i, j] = fast_gap(maps[int(K[i])].path(-B, int(R[j]))[1][-1])
        logs[i, j] = 2 * np.log(q * K[i] * R[j]) + np.log1p(-1 / K[i])
    M = np.array([1.0, 2, 4, 8])
    mesh = np.meshgrid(K, R, indexing="ij")
    local_steps, rounds = (values.ravel() for values in mesh)
    problem = DiagonalQuadratics(np.full((local_steps.size, 1, 1), mu), np.full((local_steps.size, 1, 1), B))
    statistical, logarithm = np.empty((*mesh[0].shape, len(M))), np.empty((*mesh[0].shape, len(M)))
    for k, m in enumerate(M):
        eta = prescribed_step("thm1", mu=mu, sigma=sigma, alpha=bounded, K=local_steps, R=rounds, M=m)
        run = exact_moments(
            local_sgdm(eta=eta, beta1=0.0),
            problem,
            K=local_steps,
            R=rounds,
            noise=GaussianNoise(sigma / np.sqrt(m)),
            forgetting=eta * mu / 2,
        )
        assert run.average is not None
        statistical[..., k] = run.average.gap.reshape(mesh[0].shape)
        logarithm[..., k] = np.log(eta * mu / 2 * local_steps * rounds).reshape(mesh[0].shape)
    return xr.Dataset(
        {
            "drift": (("K", "R"), drift),
            "drift_logarithm": (("K", "R"), logs),
            "statistical": (("K", "R", "M"), statistical),
            "statistical_logarithm": (("K", "R", "M"), logarithm),
        },
        coords={"K": K, "R": R, "M": M},
        attrs={"L": L, "mu": mu, "B": B, "sigma": sigma},
    )


@experiment("cheng2024-exponential-phase")
def exponential_phase(session: Session) -> xr.Dataset:  # noqa: ARG001
    """A strongly convex parabola, both methods at the same step: gaps over (K, R) without noise, rounds with little.

    `local` and `minibatch` are gaps without noise, the latter after K R rounds; `rounds` (K) are the rounds in which
    local SGD brings the expected gap below `accuracy` in tiny noise, `minibatch_rounds` those of minibatch SGD.
    """
    K, mu, eta, accuracy, rounds = np.array([1.0, 2, 4, 8, 16]), 0.05, 0.5, 1e-6, 800
    problem = DiagonalQuadratics(np.full((len(K), 1, 1), mu), np.full((len(K), 1, 1), B))
    R = np.arange(0.0, rounds + 1)
    local, pooled = local_sgdm(eta=eta, beta1=0.0), minibatch_sgdm(eta=eta, beta1=0.0)

    def gaps(method: object, local_steps: Array, at: Array, sigma: float) -> Array:
        noise = GaussianNoise(sigma) if sigma > 0 else None
        return np.asarray(exact_moments(method, problem, K=local_steps, R=at, noise=noise).last.gap)  # type: ignore[arg-type]

    few = np.arange(1.0, 21)
    long = K[:, None] * few
    first = {}
    for name, method in (("rounds", local), ("minibatch_rounds", pooled)):
        reached = gaps(method, K, np.broadcast_to(R, (len(K), len(R))), 1e-5) <= accuracy
        first[name] = np.where(reached.any(axis=1), reached.argmax(axis=1), np.nan)
    return xr.Dataset(
        {
            "local": (("K", "R"), gaps(local, K, np.broadcast_to(few, long.shape), 0.0)),
            "minibatch": (("K", "R"), gaps(pooled, K, long, 0.0)),
            **{name: (("K",), values) for name, values in first.items()},
        },
        coords={"K": K, "R": few},
        attrs={"mu": mu, "B": B, "eta": eta, "sigma": 1e-5, "accuracy": accuracy},
    )


@experiment("cheng2024-linear-speed-up")
def linear_speed_up(session: Session) -> xr.Dataset:
    """Tuned local SGD against tuned minibatch SGD over (K, M), on the convex instance with finitely many workers.

    The slow coordinate is exact; the fast one starts at its optimum, and the mean of its workers after a round is taken
    for normal.  `linear` (K) is the largest M of linear speed-up, (K_0/K)^(1/3), at which drift and statistical term
    are equal.
    """
    sigma, R, replicas = 4.0, 512, session.choose(quick=16, full=256)
    K, M = doubling(1, 6), np.array([2.0, 3, 4, 6, 8, 11, 16])
    normals = stream(session.seed, experiment="cheng2024-linear-speed-up").standard_normal((R, replicas))
    eta = steps_between(2e-4, LARGEST_STEP / L, each=2)
    noise = sigma / np.sqrt(2)
    fast = {name: np.empty((len(eta), len(K), len(M))) for name in ("local", "minibatch")}
    for i, step in enumerate(eta):
        maps = round_maps(two_curvatures, eta=step, noise=TwoValues.signs(noise), K=[int(k) for k in K])
        for j, k in enumerate(K):
            averages = maps[int(k)].noisy_average(0.0, R, M, normals)
            fast["local"][i, j] = fast_gap(averages).mean(axis=-1)
        fast["minibatch"][i] = pooled_fast(step, K, M, noise, normals)
    tuned_gaps = {}
    for name, together in (("local", False), ("minibatch", True)):
        slow = np.stack([slow_gaps(eta, K, R, sigma=noise, M=float(m), pooled=together) for m in M], axis=-1)
        tuned_gaps[name] = tuned(slow + fast[name], eta)[0]
    critical = float(critical_steps(sigma=sigma, R=float(R)))
    return xr.Dataset(
        {
            **{name: (("K", "M"), values) for name, values in tuned_gaps.items()},
            "linear": (("K",), np.cbrt(critical / K)),
        },
        coords={"K": K, "M": M},
        attrs={"L": L, "B": B, "sigma": sigma, "R": R, "critical": critical, "seed": session.seed},
    )


def critical_steps(**letters: ArrayLike) -> Array:
    """K_0: the local steps from which on the drift is below the minibatch method's optimization term.

    >>> float(critical_steps(sigma=2.0, R=3.0))
    12.0
    """
    drift = theorem("cheng2024/thm2").bound.term("noise drift").expression
    (found,) = solve(drift - theorem("cheng2024/eq4.5").bound.term("optimization").expression, LOCAL_STEPS)
    return vectorized(found)(L=L, B=B, **letters)


def pooled_fast(eta: float, K: Array, M: Array, noise: float, normals: Array) -> Array:
    """Expected gap of the fast coordinate's average under minibatch SGD, (K, M)."""
    x = np.zeros((len(K), len(M), normals.shape[1]))
    total, level = np.zeros_like(x), (noise / np.sqrt(K[:, None] * M))[..., None]
    for row in normals:
        total += x
        x = x - eta * (two_curvatures(x) + level * row)
    return np.asarray(fast_gap(total / len(normals)).mean(axis=-1))
