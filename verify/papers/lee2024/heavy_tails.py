"""One heavy-tailed client: the expected gap of FedAvg is infinite, that of adaptive clients without delay is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from tightrate.constructions.heavy_tail_clients import heavy_tail_clients, one_heavy_tailed_client
from tightrate.constructions.heavy_tailed_noise import StudentNoise
from tightrate.constructions.noise import GaussianNoise, Noise
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.fedada2 import client_parameters
from tightrate.simulator.algorithms.fedadagrad import fedadagrad
from tightrate.simulator.algorithms.fedavg import fedavg
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.power_law import PowerLaw, replicas_needed
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.lee2024.client_steps import ROUNDING, adaptive_client
from tightrate.verify.session import Session

Array = NDArray[np.float64]

CLIENTS, LOCAL_STEPS, DELAY = 4, 2, 2
DEGREES = 1.5  # of Student's law: moments of this order and above are infinite
LEVEL, OTHERS_LEVEL = 10.0, 1.0  # mean modulus of the heavy noise in a coordinate, standard deviation of the others'
CURVATURE, DISTANCE = 1.0, 1.0  # of every coordinate
COPIES = 4096  # coordinates of one run, each an independent copy: no method here couples coordinates
STEP, DAMPING = 0.5, 10.0  # adaptive clients take STEP * DAMPING, which is STEP for small gradients
BANDS: Array = np.array([16.0, 64.0, 256.0, 1024.0, 4096.0])  # from u to 4 u, in units of curvature * distance^2
PILOT_RUNS = 40
HALF_WIDTH = 0.05  # of the interval of an exponent, which sizes the sample
RESOLUTION = 0.15  # half-width beyond which an exponent says nothing
METHODS = ("FedAvg", "AdaGrad clients", "delayed AdaGrad clients")
REGRET_ROUNDS, REGRET_STEP, REGRET_LEVEL = 300, 0.1, 1.0
QUANTILES = (0.05, 0.5, 0.95, 0.99)


def plain_averaging(client_rule: str, eta: float, lam: float, delay: int = 1) -> FederatedOptimization:
    """AdaGrad or SM3 clients whose moves the server averages."""
    client = adaptive_client(client_rule, **client_parameters(eta, lam, 0.0, delay, 0.0))
    return FederatedOptimization(client, SGD(per_replica("gamma", 1.0)))


def methods(eta: float, lam: float) -> Mapping[str, Algorithm[Any]]:
    """FedAvg and adaptive clients with and without delay, of equal steps where gradients are small."""
    return {
        "FedAvg": fedavg(eta=eta),
        "AdaGrad clients": plain_averaging("AdaGrad", eta * lam, lam),
        "delayed AdaGrad clients": plain_averaging("AdaGrad", eta * lam, lam, DELAY),
    }


def copies_of_gap(algorithm: Algorithm[Any], noise: Noise, *, runs: int, seed: int, band: int) -> Array:
    """The gap of every independent coordinate after one round, in units of curvature * distance^2."""
    problem = heavy_tail_clients(
        M=CLIENTS, d=COPIES, mu=CURVATURE, L=CURVATURE, B=DISTANCE * np.sqrt(COPIES)
    )  # each coordinate starts at distance DISTANCE
    run = sample(
        algorithm,
        problem,
        K=LOCAL_STEPS,
        R=1,
        replicas=runs,
        noise=noise,
        seed=seed,
        stream_axes={"experiment": "lee2024-heavy-tails", "band": band},
        measured_rounds=(1,),
    )
    return np.asarray(((run.last - problem.optimum) ** 2).ravel() / (2 * DISTANCE**2))


def contributions(gap: Array, low: float, high: float) -> tuple[float, float]:
    """Mean of min(gap, high) - min(gap, low), the part of the expected gap between two levels, and its error."""
    part = np.clip(gap, low, high) - low
    return float(part.mean()), float(part.std(ddof=1) / np.sqrt(part.size))


def measured_bands(algorithm: Algorithm[Any], noise: Noise, *, runs: int, seed: int) -> tuple[Array, Array, float]:
    """Mean and standard error of every band, each from runs of its own, and the largest gap of all.

    So the bands are independent.
    """
    found, largest = [], 0.0
    for i, low in enumerate(BANDS):
        gap = copies_of_gap(algorithm, noise, runs=runs, seed=seed, band=i)
        found.append(contributions(gap, float(low), 4 * float(low)))
        largest = max(largest, float(gap.max()))
    mean, error = np.array(found).T
    return mean, error, largest


def heavy_noise() -> Noise:
    """One heavy-tailed client; levels are those of a coordinate."""
    others = GaussianNoise(OTHERS_LEVEL * np.sqrt(COPIES))
    return one_heavy_tailed_client(M=CLIENTS, sigma=LEVEL * np.sqrt(COPIES), degrees=DEGREES, others=others)


@experiment("lee2024-heavy-tails")
def heavy_tails(session: Session) -> xr.Dataset:
    """Parts of the expected gap after one round, and the regret over many.

    The expected gap is the sum over bands of E[min(gap, $4u$) - min(gap, $u$)], the integral of P(gap > $s$) over $u <
    s < 4u$. Noise with $P(|xi| > s)$ of order $s^-nu$ makes the bands of FedAvg grow like $u^(1 - nu/2)$, so that no
    finite sum is reached for $nu < 2$; a finite expectation needs bands that vanish. `part`, `part_stderr` over
    (method, $u$); `degrees` is $nu$. `regret` over (method, quantile, $R$) are quantiles of the summed gaps over runs
    of the two-dimensional problem, in units of the start gap, `regret_low` and `regret_high` the 95 % interval of the
    last of them; `sure` $(R)$ the most that the theorem allows AdaGrad
    clients."""
    noise = heavy_noise()
    pilot = methods(STEP, DAMPING)["delayed AdaGrad clients"]  # whose parts scatter most
    pilot_mean, pilot_error, _ = measured_bands(pilot, noise, runs=PILOT_RUNS, seed=session.seed + 1)
    deviation = pilot_error * np.sqrt(PILOT_RUNS) / pilot_mean  # of one run of COPIES coordinates
    needed = replicas_needed({"u": BANDS}, deviation, half_width=HALF_WIDTH)
    runs = max(needed, session.choose(quick=100, full=2500))
    bands = [measured_bands(method, noise, runs=runs, seed=session.seed) for method in methods(STEP, DAMPING).values()]
    rounds = np.unique(np.geomspace(1, REGRET_ROUNDS, 40).round()).astype(int)
    regret, ends, sure = regrets(session, rounds)
    return xr.Dataset(
        {
            "part": (("method", "u"), np.array([mean for mean, _, _ in bands])),
            "part_stderr": (("method", "u"), np.array([error for _, error, _ in bands])),
            "regret": (("method", "quantile", "R"), regret),
            "regret_low": (("method", "R"), ends[:, 0]),
            "regret_high": (("method", "R"), ends[:, 1]),
            "sure": ("R", sure),
        },
        coords={"method": list(METHODS), "u": BANDS, "quantile": np.array(QUANTILES), "R": rounds},
        attrs={
            "exponent": tail_exponent(DEGREES),
            "degrees": DEGREES,
            "copies": runs * COPIES,
            "largest_adaptive_gap": bands[METHODS.index("AdaGrad clients")][2],
            "runs_needed": needed,
            "K": LOCAL_STEPS,
            "M": CLIENTS,
            "delay": DELAY,
            "eta": STEP,
            "regret_eta": REGRET_STEP,
            "regret_runs": session.choose(quick=4000, full=40_000),
            "theorem": "lee2024/h1",
        },
    )


def regrets(session: Session, rounds: NDArray[np.int_]) -> tuple[Array, Array, Array]:
    """Quantiles over runs of sum_{t <= R} gap_t over the start gap, the ends of an interval of the last of them, and
    the sum of the sure bounds of h2."""
    problem = heavy_tail_clients(M=CLIENTS, d=2, mu=CURVATURE, L=CURVATURE, B=DISTANCE)
    noise = one_heavy_tailed_client(M=CLIENTS, sigma=REGRET_LEVEL * np.sqrt(2), degrees=DEGREES)
    start = float(problem.gap(np.zeros(2)))
    found, intervals = [], []
    for method in methods(REGRET_STEP, 1.0).values():
        run = sample(
            method,
            problem,
            K=LOCAL_STEPS,
            R=REGRET_ROUNDS,
            replicas=session.choose(quick=4000, full=40_000),
            noise=noise,
            seed=session.seed,
            stream_axes={"experiment": "lee2024-regret"},
        )
        total = np.cumsum(run.gaps[:, 1:], axis=1)[:, rounds - 1] / start
        found.append(np.quantile(total, QUANTILES, axis=0))
        low, high = order_statistics(len(total), QUANTILES[-1])
        intervals.append(np.sort(total, axis=0)[[low, high]])
    every = np.arange(1, REGRET_ROUNDS + 1)
    values = {"L": CURVATURE, "B": DISTANCE, "K": LOCAL_STEPS, "eta": REGRET_STEP, "d": 2}
    limits = statement("lee2024/h2").bound.at(values, R=every)
    return np.array(found), np.array(intervals), np.cumsum(limits)[rounds - 1] / start


def order_statistics(n: int, quantile: float, confidence: float = 0.95) -> tuple[int, int]:
    """The places in a sorted sample of n between which a quantile lies with this confidence, whatever the law.

    The number of values below the quantile is binomial.

    >>> order_statistics(4000, 0.99)
    (3946, 3972)
    """
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    low, high = (int(stats.binom.ppf(tail, n, quantile)) for tail in tails)
    return low - 1, min(high, n - 1)


def tail_exponent(degrees: float) -> float:
    """That of u in the parts of the expected gap above u: P(|xi| > s) is of order s^-nu, and the gap a square."""
    return 1 - degrees / 2


def parts(data: xr.Dataset, method: str) -> PowerLaw:
    """The parts of a method's expected gap grow at least like the tail of the noise says."""
    own = data.sel({"method": method})
    part = Measurement.of(own, "part", what="part of the expected gap", stderr="part_stderr", instance=["copies"])
    return PowerLaw(part, {"u": tail_exponent(data.attrs["degrees"])}, RESOLUTION, side="at least")


@claim(
    "lee2024/infinite-expected-gap",
    "With one heavy-tailed client the parts E[min(gap, $4u$) - min(gap, $u$)] of FedAvg's expected gap after a round"
    " grow at least like $u^(1 - nu/2)$, so that their sum, the expected gap, is infinite.",
    theorem="lee2024/h1",
    kind="scaling",
    data=heavy_tails,
)
def infinite_expected_gap(data: xr.Dataset) -> PowerLaw:
    """Five bands of the gap, each from runs of its own; the exponent's interval must reach the tail's and exclude one
    that is smaller by a sixth, and with it that the parts do not grow.

    No finite sample shows that an expectation is infinite.  What is tested is the hypothesis that the parts grow more
    slowly than the tail of the noise says: it is rejected or not at 99 %.
    """
    return parts(data, "FedAvg")


@claim(
    "lee2024/delay-loses-protection",
    "With delay 2 and two local steps the parts of the expected gap of AdaGrad clients grow at least like $u^(1 -"
    " nu/2)$, too: it is infinite as for FedAvg.",
    theorem="lee2024/h3",
    kind="scaling",
    data=heavy_tails,
)
def delay_loses_protection(data: xr.Dataset) -> PowerLaw:
    """The same bands for AdaGrad clients whose last step does not renew the preconditioner, with plain averaging."""
    return parts(data, "delayed AdaGrad clients")


# --- Sure bounds -----------------------------------------------------------------------------------------------------

CLIENT_RULES = ("AdaGrad", "SM3-I, one set", "SM3-II, rows and columns")
BY_SERVER = "SGD clients, AdaGrad server"


@experiment("lee2024-sure-bounds")
def sure_bounds(session: Session) -> xr.Dataset:
    """The largest gap over runs with heavy tails on every client; over (method, level, $R$).

    Methods are AdaGrad and SM3 clients with plain averaging (h2) and SGD clients with an AdaGrad server (h2-server)."""
    K, rounds, gamma, damping = 3, 60, 0.2, 1e-3
    problem = heavy_tail_clients(M=CLIENTS, d=4, mu=0.1, L=1.0, B=DISTANCE)
    levels = np.array([1e-2, 1.0, 1e2, 1e6])
    names = (*CLIENT_RULES, BY_SERVER)
    gaps = np.empty((len(names), len(levels), rounds))
    eta = 0.05
    for i, name in enumerate(names):
        method = fedadagrad(eta=eta, gamma=gamma, server_damping=damping)
        rule: Algorithm[Any] = method if name == BY_SERVER else plain_averaging(name, eta, 1e-3)
        for j, level in enumerate(levels):
            noise = StudentNoise(level, order=1.0, degrees=1.1) if j < len(levels) - 1 else GaussianNoise(level)
            run = sample(
                rule,
                problem,
                K=K,
                R=rounds,
                replicas=session.choose(quick=300, full=5000),
                noise=noise,
                seed=session.seed,
                stream_axes={"experiment": "lee2024-sure-bounds", "level": j},
            )
            gaps[i, j] = run.gaps[:, 1:].max(axis=0)
    symbols = {"L": 1.0, "B": DISTANCE, "d": 4, "M": CLIENTS, "K": K, "eta": eta, "delay": 1}
    return xr.Dataset(
        {
            "largest_gap": (("method", "level", "R"), gaps),
            "gamma": ("method", [gamma if name == BY_SERVER else 1.0 for name in names]),
        },
        coords={"method": list(names), "level": levels, "R": np.arange(1, rounds + 1)},
        attrs={**symbols, "seed": session.seed},
    )


def largest_gap(data: xr.Dataset, *methods: str) -> Measurement:
    """The largest gap over the runs of these methods."""
    own = data.sel({"method": list(methods)})
    return Measurement.of(own, "largest_gap", what="largest gap over the runs", rounding=ROUNDING)


@claim(
    "lee2024/sure-bound",
    "With AdaGrad or SM3 clients without delay and plain averaging the gap stays below the sure bound in every run"
    " and round, whatever the noise.",
    theorem="lee2024/h2",
    kind="bound with constants",
    data=sure_bounds,
)
def sure_bound(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The largest gap over runs in which every client has noise of infinite variance, at levels up to $10^6$."""
    return Bounded(theorem, largest_gap(data, *CLIENT_RULES))


@claim(
    "lee2024/sure-bound-server",
    "With SGD clients and an AdaGrad server the gap stays below the sure bound in every run and round, whatever the"
    " noise: adaptivity on one side is enough.",
    theorem="lee2024/h2-server",
    kind="bound with constants",
    data=sure_bounds,
)
def sure_bound_server(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same noise with SGD clients and an AdaGrad server."""
    return Bounded(theorem, largest_gap(data, BY_SERVER))
