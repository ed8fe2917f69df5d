"""The explicit hard functions behind the drift terms: two quadratics, a kink pulled apart, a kink with noise."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.constructions.noise import GaussianNoise, Noise
from tightrate.constructions.structured_noise import OnCoordinates
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.constructions.zeta_quadratic_pair import zeta_quadratic_pair
from tightrate.rates.papers.patel2024.explicit_functions import slow_curvature
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K as STEPS
from tightrate.rates.symbols.alphabet import L as SMOOTHNESS
from tightrate.rates.symbols.alphabet import curvature as CURVATURE
from tightrate.rates.symbols.alphabet import eta as STEP
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.patel2024.assumptions_runs import in_letters
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, B = 1.0, 1.0


@experiment("patel2024-two-quadratics")
def two_quadratics(session: Session) -> xr.Dataset:
    """Two quadratics beside a slow coordinate, step by step: `position` of the biased coordinate and `gap` along R.

    `exact_position`, `exact_gap` are the closed forms; `fixed_point` (instance) the position after 10^8 rounds with
    plain averaging and `discrepancy` its lower bound.
    """
    n, rounds = session.choose(quick=200, full=2000), 20
    generator = stream(session.seed, experiment="patel2024-two-quadratics")
    smooth = 10 ** generator.uniform(-1, 1, n)
    letters = {
        "L": smooth,
        "tau": smooth * generator.uniform(0.01, 0.99, n),
        "mu": smooth * 10 ** generator.uniform(-2, 0, n),
        "zeta_star": 10 ** generator.uniform(-1, 1, n),
        "B": 10 ** generator.uniform(-1, 1, n),
        "K": generator.integers(1, 40, n).astype(np.float64),
        "eta": 10 ** generator.uniform(-2, 0, n) / smooth,
        "gamma": generator.uniform(0.2, 1.5, n),
    }
    zeta_star, tau, slow = (letters[name] for name in ("zeta_star", "tau", "mu"))
    problem = zeta_quadratic_pair(zeta=zeta_star, tau=tau, L=smooth, mu=slow, B=letters["B"])
    K, eta, gamma = (letters[name] for name in ("K", "eta", "gamma"))
    R = np.arange(1, rounds + 1)
    along: dict[str, Array] = {name: values[:, None] for name, values in letters.items()}
    along["R"] = R.astype(np.float64)
    run = sample(local_sgd(eta=eta, gamma=gamma), problem, K=K, R=rounds)
    position = np.empty((n, rounds))
    x = np.zeros((n, 2))
    for r in range(rounds):
        x = sample(local_sgd(eta=eta, gamma=gamma), problem, K=K, R=1, start=x[:, None, :]).last
        position[:, r] = x[:, 1]
    settled = exact_moments(local_sgd(eta=eta), problem, K=K, R=1e8).last
    return xr.Dataset(
        {
            "position": (("instance", "R"), position),
            "exact_position": (("instance", "R"), in_letters(theorem("patel2024/two-quadratics").bound, along)),
            "gap": (("instance", "R"), run.gaps[:, 1:]),
            "exact_gap": (("instance", "R"), in_letters(theorem("patel2024/two-quadratics-gap").bound, along)),
            "fixed_point": (("instance",), settled.mean[:, 1]),
            "discrepancy": (
                ("instance",),
                in_letters(theorem("patel2024/two-quadratics-discrepancy").bound, letters),
            ),
            **{name: (("instance",), values) for name, values in letters.items()},
        },
        coords={"R": R},
        attrs={"theorem": "patel2024/two-quadratics-gap"},
    )


@experiment("patel2024-drift-floor")
def drift_floor(session: Session) -> xr.Dataset:
    """The least exact gap over inner steps eta <= 1/L, at the slow curvature of each cell (zeta_star, tau, K, R).

    `best_gap` with plain averaging; `free_gap` as eta -> 0 with gamma eta K = 1/L, which is gradient descent; `bound`
    the floor of plain averaging.  Cells whose slow coordinate would be steeper than L are left out.
    """
    points = session.choose(quick=120, full=1000)
    mesh = np.meshgrid(
        [1e-3, 0.03, 1.0, 30.0], [0.01, 0.3, 0.95], [2.0, 8.0, 1000.0], [1.0, 3.0, 30.0, 1000.0, 1e6], indexing="ij"
    )
    zeta_star, tau, K, R = (values.ravel() for values in mesh)
    slow = vectorized(slow_curvature())(zeta_star=zeta_star, tau=tau, L=L, B=B, R=R)
    inside = slow <= L
    zeta_star, tau, K, R, slow = (values[inside] for values in (zeta_star, tau, K, R, slow))
    eta = np.geomspace(1e-7, 1.0, points) / L

    def gaps(steps: Array, gamma: Array) -> Array:
        """The exact gap of every cell at every inner step."""
        shape = (len(R), len(steps))
        cells = [np.broadcast_to(values[:, None], shape).ravel() for values in (zeta_star, tau, slow, K, R)]
        problem = zeta_quadratic_pair(zeta=cells[0], tau=cells[1], mu=cells[2], L=L, B=B)
        inner, outer = (np.broadcast_to(values, shape).ravel() for values in (steps, gamma))
        run = exact_moments(local_sgd(eta=inner, gamma=outer), problem, K=cells[3], R=cells[4])
        return np.asarray(run.last.gap.reshape(shape))

    plain = gaps(eta, np.ones(len(eta)))
    tiny = np.array([1e-9 / L])
    free = gaps(tiny, 1 / (tiny * L * K[:, None]))[:, 0]
    letters = {"zeta_star": zeta_star, "tau": tau, "L": np.full(len(R), L), "B": np.full(len(R), B), "R": R}
    return xr.Dataset(
        {
            "best_gap": (("cell",), plain.min(axis=-1)),
            "best_eta": (("cell",), eta[plain.argmin(axis=-1)]),
            "free_gap": (("cell",), free),
            "free_eta": (("cell",), np.full(len(R), tiny[0])),
            "free_gamma": (("cell",), 1 / (tiny[0] * L * K)),
            "bound": (("cell",), in_letters(theorem("patel2024/two-quadratics-floor").bound, letters)),
            **{name: (("cell",), values) for name, values in {**letters, "K": K, "slow": slow}.items()},
        },
        attrs={"L": L, "B": B, "theorem": "patel2024/two-quadratics-floor"},
    )


@experiment("patel2024-piecewise")
def piecewise(session: Session) -> xr.Dataset:
    """The kink pulled apart: `drift` (instance) of one round from the optimum and its closed form.

    `best_gap` (zeta_star, K, R): the least gap over inner steps eta <= 1/L at the slow curvature that balances both
    parts; `floor` the heterogeneity term of the lower bound for plain averaging.
    """
    each = session.choose(quick=60, full=1000)
    generator = stream(session.seed, experiment="patel2024-piecewise")
    parts: list[dict[str, Array]] = []
    for K in (1.0, 2.0, 7.0, 60.0):
        smooth, pull = 10 ** generator.uniform(-1, 1, each), 10 ** generator.uniform(-2, 1, each)
        eta, gamma = 10 ** generator.uniform(-2, 0, each) / smooth, generator.uniform(0.2, 2.0, each)
        problem = zeta_piecewise_pair(zeta=pull, L=smooth, mu=smooth / 4, B=1.0)
        last = sample(local_sgd(eta=eta, gamma=gamma), problem, K=K, R=1, start=problem.optimum[:, None, :]).last
        letters = {"L": smooth, "zeta_star": pull, "K": np.full(each, K), "eta": eta, "gamma": gamma}
        exact = in_letters(theorem("patel2024/piecewise-drift").bound, letters)
        parts.append({**letters, "drift": -last[:, 1], "exact_drift": exact})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    zetas, steps, rounds = np.array([0.3, 1.0]), np.array([4.0, 16, 64]), np.array([8.0, 16, 32, 64, 128, 256])
    grid = np.geomspace(1e-4, 1.0, session.choose(quick=40, full=200)) / L
    best = np.empty((len(zetas), len(steps), len(rounds)))
    term = theorem("glasgow2022/lower").bound.term("heterogeneity drift").expression
    # One run for each (K, R): all zeta and eta are its replicas.
    for j, local in enumerate(steps):
        for k, R in enumerate(rounds):
            pulls, inner = (values.ravel() for values in np.meshgrid(zetas, grid, indexing="ij"))
            slow = vectorized(slow_curvature())(zeta_star=pulls, tau=L, L=L, B=B, R=R)
            pair = zeta_piecewise_pair(zeta=pulls, L=L, mu=slow, B=B)
            run = sample(local_sgd(eta=inner), pair, K=local, R=int(R), measured_rounds=(int(R),))
            best[:, j, k] = run.gaps[:, -1].reshape(len(zetas), -1).min(axis=-1)
        session.progress("patel2024-piecewise", j + 1, len(steps))
    floor = vectorized(term)(zeta_star=zetas[:, None, None], R=rounds, L=L, B=B) + np.zeros(best.shape)
    return xr.Dataset(
        {
            **{f"instance {name}": (("instance",), values) for name, values in joined.items()},
            "best_gap": (("zeta_star", "K", "R"), best),
            "floor": (("zeta_star", "K", "R"), floor),
        },
        coords={"zeta_star": zetas, "K": steps, "R": rounds},
        attrs={"L": L, "B": B, "theorem": "patel2024/piecewise-drift"},
    )


def leading_drift() -> Expr:
    """The drift of a round that noise causes, to leading order in eta L K: of the bound, what eta^2 is times, at K + 1.

    The bound has (K - 1)^(3/2) for (3/2) times the sum of the square roots of 1, ..., K - 1, which is at most K^(3/2).
    """
    expression = theorem("patel2024/noise-drift").bound.expression
    leading = (expression / STEP**2).expand().subs(STEP, 0) * STEP**2
    return leading.subs(STEPS, STEPS + 1)


def _less_control(eta: float, K: float, M: int, R: int, noise: Noise, replicas: int, seed: int) -> Array:
    """How far the kinked coordinate of each replica ends below that of a quadratic with the same noise.

    Both start at the optimum; the quadratic has the average curvature, and its mean stays where it is.
    """
    ends = []
    for left, right in ((L / 2, L), (3 * L / 4, 3 * L / 4)):
        problem = zeta_piecewise_pair(zeta=0.0, L=right, curvature=left, mu=right / 4, B=B, M=M)
        run = sample(
            local_sgd(eta=eta),
            problem,
            K=K,
            R=R,
            replicas=replicas,
            noise=noise,
            start=problem.optimum[None, :],
            seed=seed,
            stream_axes={"experiment": "patel2024-noise-at-a-kink"},
            measured_rounds=(R,),
        )
        ends.append(run.last[:, 1])
    return np.asarray(ends[1] - ends[0])


@experiment("patel2024-noise-drift")
def noise_drift(session: Session) -> xr.Dataset:
    """Gaussian noise at a kink: `drift` (K, reach) of one round from the optimum, its standard error, and the bound.

    `reach` is eta L K.  The mean over replicas of the difference to a quadratic with the average curvature and the
    same noise, whose mean does not drift.  `leading` is the leading order for eta L K -> 0, with K^(3/2) where the
    bound has (K - 1)^(3/2).
    """
    replicas = session.choose(quick=12000, full=60000)
    sigma = 1.0
    steps, reach = np.array([16.0, 64.0]), np.array([0.02, 0.05, 0.16])
    noise = OnCoordinates(GaussianNoise(sigma), (1,))
    drift, error = np.empty((2, 3)), np.empty((2, 3))
    for i, K in enumerate(steps):
        for j, far in enumerate(reach):
            moved = _less_control(far / (L * K), K, 1, 1, noise, replicas, session.seed)
            drift[i, j], error[i, j] = moved.mean(), moved.std(ddof=1) / np.sqrt(replicas)
        session.progress("patel2024-noise-drift", i + 1, len(steps))
    expression, first_order = theorem("patel2024/noise-drift").bound.expression, leading_drift()
    letters = {"K": steps[:, None], "eta": reach / (L * steps[:, None]), "sigma": sigma, "L": L, "gamma": 1.0}
    return xr.Dataset(
        {
            "drift": (("K", "reach"), drift),
            "error": (("K", "reach"), error),
            "bound": (("K", "reach"), vectorized(expression)(**letters)),
            "leading": (("K", "reach"), vectorized(first_order)(**letters)),
        },
        coords={"K": steps, "reach": reach},
        attrs={"sigma": sigma, "L": L, "replicas": replicas, "theorem": "patel2024/noise-drift"},
    )


@experiment("patel2024-noise-floor")
def noise_floor(session: Session) -> xr.Dataset:
    """Where noise at a kink takes the average of 64 machines in the end: `mean` (K, reach), standard error, `shape`.

    `shape` is the leading drift of a round over the fraction of a displacement that a round removes: of the order
    eta sqrt(K) sigma.
    """
    replicas, M, sigma = session.choose(quick=48, full=512), 64, 1.0
    steps, reach = np.array([4.0, 64.0]), np.array([0.125, 0.5])
    noise = OnCoordinates(GaussianNoise(sigma), (1,))
    mean, error = np.empty((2, 2)), np.empty((2, 2))
    for i, K in enumerate(steps):
        for j, far in enumerate(reach):
            moved = _less_control(far / (L * K), K, M, int(np.ceil(8 / far)), noise, replicas, session.seed)
            mean[i, j], error[i, j] = moved.mean(), moved.std(ddof=1) / np.sqrt(replicas)
        session.progress("patel2024-noise-floor", i + 1, len(steps))
    first_order = leading_drift()
    removed = theorem("patel2024/prop19").bound.expression.subs(CURVATURE, 3 * SMOOTHNESS / 4)
    letters = {"K": steps[:, None], "eta": reach / (L * steps[:, None]), "sigma": sigma, "L": L, "gamma": 1.0}
    return xr.Dataset(
        {
            "mean": (("K", "reach"), mean),
            "error": (("K", "reach"), error),
            "shape": (("K", "reach"), vectorized(first_order / removed)(**letters)),
        },
        coords={"K": steps, "reach": reach},
        attrs={"sigma": sigma, "L": L, "M": M, "replicas": replicas, "theorem": "patel2024/noise-drift"},
    )


@experiment("patel2024-thm15")
def thm15(session: Session) -> xr.Dataset:
    """Two quadratics beside the hard slow coordinate: the gap of the uniform average of all local iterates at the best
    inner step up to 1/(2L), `gap` (tau, K, R), and Theorem 15 with the dissimilarity of the ball of radius 2 B."""
    points = session.choose(quick=60, full=400)
    taus, steps, rounds = np.array([0.05, 0.5, 0.95]), np.array([2.0, 8, 64, 512, 4096]), 16.0 * 4.0 ** np.arange(8)
    zeta_star, D, M = 0.3, 2 * B, 2.0
    tau, K, R = (values.ravel() for values in np.meshgrid(taus, steps, rounds, indexing="ij"))
    slow = vectorized(slow_curvature())(zeta_star=zeta_star, tau=tau, L=L, B=B, R=R)
    eta = np.geomspace(1e-7, 0.5, points) / L
    shape = (len(R), points)
    cells = [np.broadcast_to(values[:, None], shape).ravel() for values in (tau, slow, K, R)]
    problem = zeta_quadratic_pair(zeta=zeta_star, tau=cells[0], mu=cells[1], L=L, B=B)
    rule = local_sgd(eta=np.broadcast_to(eta, shape).ravel())
    average = exact_moments(rule, problem, K=cells[2], R=cells[3], forgetting=0.0).average
    assert average is not None
    size = (len(taus), len(steps), len(rounds))
    zeta = theorem("patel2024/prop13-worst").bound.function(zeta_star=zeta_star, D=D, B=B, M=M)(tau=tau)
    bound = theorem("patel2024/thm15").bound.function(L=L, B=B, M=M, sigma=0.0, Q=0.0)(tau=tau, zeta=zeta, K=K, R=R)
    return xr.Dataset(
        {
            "gap": (("tau", "K", "R"), average.gap.reshape(shape).min(axis=-1).reshape(size)),
            "bound": (("tau", "K", "R"), bound.reshape(size)),
        },
        coords={"tau": taus, "K": steps, "R": rounds},
        attrs={"L": L, "B": B, "zeta_star": zeta_star, "D": D, "theorem": "patel2024/thm15"},
    )
