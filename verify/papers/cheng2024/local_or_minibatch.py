"""cheng2024, local steps against mini-batches: where each is better on tuned runs, and by how much."""

from __future__ import annotations

import numpy as np
import xarray as xr
from sympy import Expr

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.problem import Array
from tightrate.rates.orders.regimes import crossover
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.local_sgdm import local_sgdm, minibatch_sgdm
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.infinite_workers import TwoValues, round_maps
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.assertion import Controlled, Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of, exponents_of_balance
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement, Source
from tightrate.verify.papers.cheng2024.convex_instance import (
    EXPECTATIONS,
    LARGEST_STEP,
    UNCLIPPED,
    B,
    L,
    doubling,
    fast_gap,
    missing_step,
    pooled_fast,
    settled_drift,
    slow_gaps,
    steps_between,
    tuned,
    two_curvatures,
)
from tightrate.verify.session import Session

INTERPOLATED = 0.02  # relative error of crossings and gains, from the grids of steps and of K


def critical_steps() -> Expr:
    """K_0: the local steps from which on the drift is below the minibatch method's optimization term.

    >>> critical_steps()
    R*sigma**2/(B**2*L**2)
    """
    drift = statement("cheng2024/thm2").bound.term("noise drift").expression
    return crossover(drift, statement("cheng2024/eq4.5").bound.term("optimization").expression, "K").value


# --- Infinitely many workers -----------------------------------------------------------------------------------------


@experiment("cheng2024-local-or-minibatch")
def local_or_minibatch(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Infinitely many workers, both methods tuned: gaps and the gain of local steps over $(sigma, K, R)$.

    `crossing` $(sigma, R)$ is the number of local steps at which the measured gain is one."""
    sigma, K, R = np.array([1.0, 1.75, 3]), doubling(1, 10), np.array([512.0, 1024, 2048])
    mesh = np.meshgrid(K, R, indexing="ij")
    eta = steps_between(5e-4, LARGEST_STEP / L, each=4)
    slow = slow_gaps(eta, *mesh, sigma=0.0, M=np.inf).reshape(len(eta), *mesh[0].shape)
    drift = settled_drift(eta, K)[:, :, None]
    local = np.stack([tuned(slow + level**2 / 2 * drift, eta)[0] for level in sigma])
    pooled = tuned(slow_gaps(eta, np.ones(len(R)), R, sigma=0.0, M=np.inf, pooled=True), eta)[0]
    gain = pooled / local
    crossing = np.array([[crossed(K, gain[i, :, j]) for j in range(len(R))] for i in range(len(sigma))])
    return xr.Dataset(
        {
            "local": (("sigma", "K", "R"), local),
            "minibatch": ("R", pooled),
            "gain": (("sigma", "K", "R"), gain),
            "crossing": (("sigma", "R"), crossing),
        },
        coords={"sigma": sigma, "K": K, "R": R},
        attrs={"L": L, "B": B, "M": np.inf, **UNCLIPPED},
    )


def crossed(K: Array, gain: Array) -> float:
    """Where the gain passes one for the last time, by interpolation in logarithms; nan if it does not."""
    below = np.flatnonzero(gain < 1)
    if below.size == 0 or below[-1] == len(K) - 1:
        return float("nan")
    i = int(below[-1])
    x, y = np.log(K[i : i + 2]), np.log(gain[i : i + 2])
    return float(np.exp(x[0] - y[0] * (x[1] - x[0]) / (y[1] - y[0])))


@claim(
    "cheng2024/local-never-loses",
    "With infinitely many workers tuned local SGD is never worse than tuned minibatch SGD.",
    theorem="cheng2024/eq4.5",
    kind="counterexample",
    data=local_or_minibatch,
    expected="violated",
)
def local_never_loses(data: xr.Dataset) -> Controlled:
    """Measured gaps on the same instance: below the critical number of local steps minibatch SGD wins.

    The control is that with the most local steps it does not."""
    found, most = (
        Measurement.of(part, "local", what="tuned gap of local SGD", rounding=0.005 * data.minibatch)
        for part in (data, data.isel(K=-1))
    )
    return Controlled(AtMost(found, data.minibatch), AtMost(most, data.minibatch))


@claim(
    "cheng2024/critical-steps-exponents",
    "Local SGD overtakes minibatch SGD at no more than order $K_0 = sigma^2 R/(L B)^2$ local steps.",
    theorem="cheng2024/eq4.5",
    kind="scaling",
    data=local_or_minibatch,
)
def critical_steps_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """Exponents of $sigma$ and $R$ in the measured crossing; interpolation on the grids leaves two per cent."""
    drift = statement("cheng2024/thm2").bound.term("noise drift")
    predicted = exponents_of_balance(drift, theorem.bound.term("optimization"), "K", ["sigma", "R"])
    crossing = Measurement.of(data, "crossing", stderr=INTERPOLATED * data.crossing, symbols={"K": "crossing"})
    return PowerLaw(crossing, predicted, resolution=0.1)


@claim(
    "cheng2024/gain-exponents",
    "Beyond the crossing the gain over minibatch SGD grows at least as $(K/K_0)^(1/3)$.",
    theorem="cheng2024/eq4.5",
    kind="scaling",
    data=local_or_minibatch,
)
def gain_exponents(theorem: Theorem, data: xr.Dataset) -> PowerLaw:
    """The exponent of $K/K_0$ in local SGD's gap over minibatch SGD's, over all noises, $K >= 16$ and $R$ together."""
    drift = statement("cheng2024/thm2").bound.term("noise drift").expression
    power = exponents_of(drift / theorem.bound.term("optimization").expression, ["K"])["K"]
    cells = data.sel(K=data.K[data.K >= 16]).stack(cell=("sigma", "K", "R")).reset_index("cell")
    cells = cells.isel(cell=np.flatnonzero(cells.gain > 1))
    ratio = cells.K / Measurement.of(cells, "gain").at(critical_steps())
    cells = cells.assign_coords(cell=ratio.values).rename(cell="K/K_0")
    loss = Measurement.of(cells, 1 / cells.gain, stderr=INTERPOLATED / cells.gain)
    return PowerLaw(loss, {"K/K_0": power}, resolution=0.05, offset=missing_step(cells.K) / 3)


# --- Finitely many workers -------------------------------------------------------------------------------------------


@experiment("cheng2024-linear-speed-up")
def linear_speed_up(session: Session) -> xr.Dataset:
    """Tuned local SGD against tuned minibatch SGD over $(K, M)$, on the convex instance with finitely many workers.

    The slow coordinate is exact; the fast one starts at its optimum, and the mean of its workers after a round is taken
    for normal."""
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
    return xr.Dataset(
        {name: (("K", "M"), values) for name, values in tuned_gaps.items()},
        coords={"K": K, "M": M},
        attrs={"L": L, "B": B, "sigma": sigma, "R": R, "seed": session.seed, **UNCLIPPED},
    )


@claim(
    "cheng2024/linear-speed-up",
    "Up to $M = (K_0/K)^(1/3)$ workers, tuned local SGD is at most twice as bad as tuned minibatch SGD.",
    theorem="cheng2024/thm2",
    kind="regime",
    data=linear_speed_up,
    outside=EXPECTATIONS,
)
def few_workers(data: xr.Dataset) -> AtMost:
    """Gaps of both where the bounds keep linear speed-up, with at least two workers; no other cell is compared."""
    cells = data.stack(cell=("K", "M")).reset_index("cell")
    most = np.cbrt(Measurement.of(cells, "local").at(critical_steps()) / cells.K)
    cells = cells.isel(cell=np.flatnonzero(most >= cells.M))
    ratio = cells.local / cells.minibatch
    what = "local over minibatch gap"
    return AtMost(Measurement.of(cells, ratio, what=what, instance=["local", "minibatch"]), xr.full_like(ratio, 2.0))


# --- The exponential phase -------------------------------------------------------------------------------------------


@experiment("cheng2024-exponential-phase")
def exponential_phase(session: Session) -> xr.Dataset:  # noqa: ARG001
    """A strongly convex parabola, both methods at the same step: gaps over $(K, R)$ without noise, rounds with little.

    `local` and `minibatch` are gaps without noise, the latter after $K R$ rounds; `rounds` $(K)$ are the rounds in
    which local SGD brings the expected gap below `accuracy` in tiny noise, `minibatch_rounds` those of minibatch SGD.
    """
    K, mu, eta, sigma, accuracy = np.array([1.0, 2, 4, 8, 16]), 0.05, 0.5, 1e-5, 1e-6
    problem = DiagonalQuadratics(np.full((len(K), 1, 1), mu), np.full((len(K), 1, 1), B))
    local, pooled = local_sgdm(eta=eta, beta1=0.0), minibatch_sgdm(eta=eta, beta1=0.0)
    few, all_rounds = np.arange(1.0, 21), np.broadcast_to(np.arange(801.0), (len(K), 801))

    def first(gaps: Array) -> Array:
        """The first round at which the gap is small enough."""
        reached = gaps <= accuracy
        return np.where(reached.any(axis=1), reached.argmax(axis=1), np.nan)

    tiny = GaussianNoise(sigma)
    return xr.Dataset(
        {
            "local": (("K", "R"), exact_moments(local, problem, K=K, R=np.tile(few, (len(K), 1))).last.gap),
            "minibatch": (("K", "R"), exact_moments(pooled, problem, K=K, R=K[:, None] * few).last.gap),
            "rounds": ("K", first(exact_moments(local, problem, K=K, R=all_rounds, noise=tiny).last.gap)),
            "minibatch_rounds": ("K", first(exact_moments(pooled, problem, K=K, R=all_rounds, noise=tiny).last.gap)),
        },
        coords={"K": K, "R": few},
        attrs={"mu": mu, "B": B, "eta": eta, "M": 1, "accuracy": accuracy, "tiny": sigma, **UNCLIPPED},
    )


@claim(
    "cheng2024/exponential-phase",
    "Without noise, $R$ rounds of $K$ local steps do what $KR$ rounds of minibatch SGD do at the same step.",
    theorem="cheng2024/thm1",
    kind="identity",
    data=exponential_phase,
    expected="confirmed",
    outside=EXPECTATIONS,
)
def without_noise(data: xr.Dataset) -> Equal:
    """Gaps of both methods on a strongly convex parabola."""
    gap = Measurement.of(data, "local", what="the gap without noise", symbols={"sigma": 0.0})
    return Equal(gap, data.minibatch)


@claim(
    "cheng2024/exponential-phase-rounds",
    "In tiny noise local SGD needs exactly $K$ times fewer rounds than minibatch SGD, rounded up.",
    theorem="cheng2024/thm1",
    kind="regime",
    data=exponential_phase,
    outside=EXPECTATIONS,
)
def exponential_phase_rounds(data: xr.Dataset) -> Every:
    """Rounds until the exact expected gap is below 1e-6, for $K$ up to 16: neither more nor fewer."""
    symbols: dict[str, Source] = {"R": "rounds", "sigma": data.attrs["tiny"]}
    instance = ["minibatch_rounds"]
    rounds = Measurement.of(data, "rounds", what="rounds of local SGD", symbols=symbols, instance=instance)
    fewer = np.ceil(data.minibatch_rounds / data.K)
    return Every({"no more": AtMost(rounds, fewer), "no fewer": AtLeast(rounds, fewer)})
