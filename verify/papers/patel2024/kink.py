"""patel2024, the drift terms of Theorem 9 at a kink in the curvature: workers pulled apart, and Gaussian noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.structured_noise import OnCoordinates
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.rates.papers.patel2024.explicit_functions import slow_curvature
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols import alphabet
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.claim import claim
from tightrate.verify.experiment import all_instances, experiment, labelled
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, B = 1.0, 1.0
NEAR = 0.1  # within which a drift is taken to be its leading order
FACTOR = 2.0  # within which "of the order of" is taken to hold

# --- Pulled apart ----------------------------------------------------------------------------------------------------


@experiment("patel2024-piecewise-drift")
def one_round(session: Session) -> xr.Dataset:
    """Random kinks pulled apart: the `drift` (instance) of one round from the optimum, downwards."""
    each = session.choose(quick=60, full=1000)
    generator = stream(session.seed, experiment="patel2024-piecewise")

    def batches() -> Iterator[xr.Dataset]:
        for K in (1.0, 2.0, 7.0, 60.0):
            L, zeta_star = 10 ** generator.uniform(-1, 1, each), 10 ** generator.uniform(-2, 1, each)
            eta, gamma = 10 ** generator.uniform(-2, 0, each) / L, generator.uniform(0.2, 2.0, each)
            pair = zeta_piecewise_pair(zeta=zeta_star, L=L, mu=L / 4, B=1.0)
            last = sample(local_sgd(eta=eta, gamma=gamma), pair, K=K, R=1, start=pair.optimum[:, None, :]).last
            yield labelled("instance", drift=-last[:, 1], L=L, zeta_star=zeta_star, K=K, eta=eta, gamma=gamma)

    return all_instances(batches())


@claim(
    "patel2024/piecewise-drift",
    "One round moves the kink pulled apart from its optimum by exactly the closed form, for $eta <= 1/L$.",
    kind="identity",
    data=one_round,
    expected="confirmed",
)
def piecewise_drift(theorem: Theorem, data: xr.Dataset) -> Equal:
    """One round step by step against the theorem's expression, random curvatures, tilts, steps and $K$."""
    drift = Measurement.of(data, "drift", what="drift of one round")
    return Equal(drift, theorem, scale=data.zeta_star / data.L, relative=1e-9, absolute=1e-14, matters=1e-6)


@experiment("patel2024-piecewise")
def best_steps(session: Session) -> xr.Dataset:
    """The kink pulled apart beside the slow coordinate that balances both parts: `best_gap` $(zeta_star, K, R)$, the
    least over inner steps `eta` <= $1/L$ with plain averaging."""
    zetas, steps, rounds = np.array([0.3, 1.0]), np.array([4.0, 16, 64]), np.array([8.0, 16, 32, 64, 128, 256])
    eta = np.geomspace(1e-4, 1.0, session.choose(quick=40, full=200)) / L
    best = np.empty((2, len(zetas), len(steps), len(rounds)))
    pulls, inner = (values.ravel() for values in np.meshgrid(zetas, eta, indexing="ij"))  # the replicas of every run
    for j, K in enumerate(steps):
        for k, R in enumerate(rounds):
            slow = at(slow_curvature(), zeta_star=pulls, tau=L, L=L, B=B, R=R)
            pair = zeta_piecewise_pair(zeta=pulls, L=L, mu=slow, B=B)
            run = sample(local_sgd(eta=inner), pair, K=K, R=int(R), measured_rounds=(int(R),))
            gaps = run.gaps[:, -1].reshape(len(zetas), -1)
            best[:, :, j, k] = gaps.min(axis=-1), eta[gaps.argmin(axis=-1)]
        session.progress("patel2024-piecewise", j + 1, len(steps))
    axes, setting = {"zeta_star": zetas, "K": steps, "R": rounds}, {"L": L, "B": B, "M": 2, "sigma": 0.0, "gamma": 1.0}
    return labelled(*axes, best_gap=best[0], eta=best[1], **axes, **setting)


@claim(
    "patel2024/piecewise-floor",
    "With plain averaging and the best inner step the kink pulled apart, beside a slow coordinate, stays of the"
    " order of the heterogeneity term $(L zeta_star^2 B^4)^(1/3) / R^(2/3)$.",
    theorem="patel2024/thm9-vanilla",
    kind="scaling",
    data=best_steps,
)
def piecewise_floor(theorem: Theorem, data: xr.Dataset) -> Scaling:
    """Runs step by step, minimized over a grid of inner steps: the ratio to the term does not fall along $R$."""
    gap = Measurement.of(data, "best_gap", what="gap at the best inner step")
    return Scaling(theorem, gap, along=["R"], term="heterogeneity drift")


# --- Gaussian noise --------------------------------------------------------------------------------------------------


def drift_of_noise(eta: float, K: float, M: int, R: int, replicas: int, seed: int) -> tuple[float, float]:
    """How far R rounds of noise of deviation 1 move the kinked coordinate down from the optimum, with standard error.

    The mean over replicas of the difference to a quadratic with the average curvature and the same noise, whose mean
    stays where it is.
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
            noise=OnCoordinates(GaussianNoise(1.0), (1,)),
            start=problem.optimum[None, :],
            seed=seed,
            stream_axes={"experiment": "patel2024-noise-at-a-kink"},
            measured_rounds=(R,),
        )
        ends.append(run.last[:, 1])
    kink, quadratic = ends
    return float((quadratic - kink).mean()), float((quadratic - kink).std(ddof=1) / np.sqrt(replicas))


def over_reaches(K: Array, reach: Array, R: Array, M: int, replicas: int, session: Session) -> xr.Dataset:
    """`drift`, `error` and `eta` (K, reach) at every reach = eta L K, after as many rounds `R` (reach)."""
    eta = reach / (L * K[:, None])
    drift, error = np.empty(eta.shape), np.empty(eta.shape)
    for i, j in np.ndindex(eta.shape):
        drift[i, j], error[i, j] = drift_of_noise(float(eta[i, j]), float(K[i]), M, int(R[j]), replicas, session.seed)
    setting = {"L": L, "sigma": 1.0, "gamma": 1.0, "M": M, "replicas": replicas}
    return labelled("K", "reach", drift=drift, error=error, eta=eta, K=K, reach=reach, **setting)


@experiment("patel2024-noise-drift")
def noisy_round(session: Session) -> xr.Dataset:
    """Gaussian noise at a kink: the mean `drift` ($K$, reach) of one round from the optimum, and its standard error."""
    K, reach = np.array([16.0, 64.0]), np.array([0.02, 0.05, 0.16])
    return over_reaches(K, reach, np.ones(3), 1, session.choose(quick=12000, full=60000), session)


def leading_drift() -> Expr:
    """The drift of a round that noise causes, to leading order in eta L K: of the bound, what eta^2 is times, at K + 1.

    The bound has (K - 1)^(3/2) for (3/2) times the sum of the square roots of 1, ..., K - 1, which is at most K^(3/2).
    """
    K, eta = alphabet.K, alphabet.eta
    drift = catalogue.theorem("patel2024/noise-drift").bound.expression
    return ((drift / eta**2).expand().subs(eta, 0) * eta**2).subs(K, K + 1)


def mean_drift(data: xr.Dataset, where: str = "") -> Measurement:
    """The mean over replicas, with its standard error."""
    return Measurement.of(data, "drift", what=f"mean drift of a round{where}", stderr="error")


@claim(
    "patel2024/noise-drift",
    "At a kink Gaussian noise moves the mean of a round from the optimum by at least the bound, downwards.",
    kind="bound with constants",
    data=noisy_round,
)
def noise_drift(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The mean over replicas, less a quadratic with the same noise: its whole interval, five standard errors to either
    side, must be above the bound."""
    return Bounded(theorem, mean_drift(data))


@claim(
    "patel2024/noise-drift-leading-order",
    "That drift is at most 10 per cent above its leading order $(2/3) (a_+ - a_-) eta^2 K^(3/2) sigma / sqrt(2 pi)$,"
    " and within 10 per cent of it for the smallest $eta L K$ and the largest $K$.",
    theorem="patel2024/noise-drift",
    kind="exact value",
    data=noisy_round,
)
def noise_drift_leading_order(data: xr.Dataset) -> Every:
    """Whole intervals, five standard errors to either side, against 1.1 times the leading order, and at the smallest
    $eta L K$ and the largest $K$ also against 0.9 times."""
    everywhere, close = mean_drift(data), mean_drift(data.isel(K=[-1], reach=[0]), " at small steps")
    leading = leading_drift()
    return Every(
        {
            "at most": AtMost(everywhere, (1 + NEAR) * everywhere.at(leading)),
            "approached": AtLeast(close, (1 - NEAR) * close.at(leading)),
        }
    )


@experiment("patel2024-noise-floor")
def noisy_rounds(session: Session) -> xr.Dataset:
    """Where noise at a kink takes the average of 64 workers in the end: `drift` ($K$, reach) after 8/reach rounds."""
    K, reach = np.array([4.0, 64.0]), np.array([0.125, 0.5])
    return over_reaches(K, reach, np.ceil(8 / reach), 64, session.choose(quick=48, full=512), session)


@claim(
    "patel2024/noise-floor-order",
    "At a kink noise keeps the average of the workers, in the end, of the order of $eta sqrt(K) sigma$ off.",
    theorem="patel2024/noise-drift",
    kind="scaling",
    data=noisy_rounds,
)
def noise_floor_order(data: xr.Dataset) -> Every:
    """The mean of 64 workers' average after $8/(eta L K)$ rounds, less a quadratic with the same noise, over the
    leading drift of a round divided by what a round removes: the ratio varies by less than a factor 2 while the
    shape varies by far more."""
    off = Measurement.of(data, "drift", what="mean of the average", stderr="error")
    removed = catalogue.theorem("patel2024/prop19").bound.expression.subs(alphabet.curvature, 3 * alphabet.L / 4)
    shape = off.at(leading_drift() / removed)
    ratio = off.measured / shape
    middle = np.sqrt(ratio.min() * ratio.max())
    return Every(
        {
            "at most": AtMost(off, np.sqrt(FACTOR) * middle * shape),
            "at least": AtLeast(off, middle / np.sqrt(FACTOR) * shape),
        }
    )
