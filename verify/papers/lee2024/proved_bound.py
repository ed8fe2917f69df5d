"""The proved bound of FedAda² on random clients, and the rate that it gives to identical ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.pieces import LogCosh
from tightrate.constructions.separable import SeparableWorkers, placed
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.fedada2 import fedada2
from tightrate.simulator.algorithms.fedada2_plus_plus import Cover, fedada2_plus_plus
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.power_law import PowerLaw
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.lee2024.orders import published_rate
from tightrate.verify.session import Session

Array = NDArray[np.float64]

LETTERS = ("eta", "gamma", "lambda", "server_damping", "L", "G_inf", "zeta_inf", "Delta")
SIZES = ("K", "R", "M", "d", "delay")
GAIN = 0.9  # of the amplitude that the tilts may use, so that a minimizer exists
CONCAVE = 0.3  # chance that a client is concave in a coordinate, less than the first one is convex there
GROWING = (100, 200, 400, 800, 1600, 3200, 6400)
RESOLUTION = 0.1  # half-width beyond which an exponent says nothing
EXACT_RUN = 1e-9  # relative error at which a run without noise enters a fit
IDENTICAL = {"K": 3, "delay": 2, "lambda": 1.0, "server_damping": 1.0, "gamma": 1.0, "d": 2, "M": 4}


def random_clients(generator: np.random.Generator, n: int, M: int, d: int) -> SeparableWorkers:
    """n instances of clients a_m log cosh(x - s) + t_m x, alike or very different, some concave; f has a minimizer."""
    amplitude = 10 ** generator.uniform(-1.0, 0.5, (n, M, d))
    concave = (generator.random((n, M, d)) < CONCAVE) & (np.arange(M)[:, None] > 0)
    amplitude = np.where(concave, -GAIN * amplitude[:, :1] * generator.random((n, M, d)) / M, amplitude)
    spread = 10 ** generator.uniform(-3, 0, (n, 1, 1))
    tilts = generator.standard_normal((n, M, d)) * spread
    average = tilts.mean(axis=1, keepdims=True)
    limit = GAIN * amplitude.mean(axis=1, keepdims=True)
    tilts = tilts - average + np.clip(average, -limit, limit)
    return placed(LogCosh(amplitude), tilts, 10 ** generator.uniform(-0.5, 0.7, n))


def random_cover(generator: np.random.Generator, d: int) -> Cover:
    """Two to four random sets that contain every coordinate."""
    sets = [{int(j) for j in generator.permutation(d)[: generator.integers(1, d + 1)]} for _ in range(3)]
    missing = set(range(d)) - set().union(*sets)
    return tuple(tuple(sorted(own)) for own in (*sets, missing) if own)


@experiment("lee2024-random-clients")
def random_instances(session: Session) -> xr.Dataset:
    """Mean and least squared gradient over the rounds, `mean` and `least`; over (instance).

    Groups of instances share $K$, $R$, $M$, $d$, the delay and the rule: AdaGrad (`cover` 0) or SM3-II with a random
    cover."""
    per_group = session.choose(quick=15, full=100)
    groups = session.choose(quick=24, full=60)
    rows: dict[str, list[Array]] = {name: [] for name in ("mean", "least", "cover", *LETTERS, *SIZES)}
    for group in range(groups):
        generator = stream(session.seed, experiment="lee2024-random-clients", group=group)
        size = {"K": int(generator.integers(1, 5)), "R": int(10 ** generator.uniform(0, 2.5))}
        size |= {"M": int(generator.integers(1, 6)), "d": int(generator.integers(1, 5))}
        size |= {"delay": int(generator.integers(1, 4))}
        problem = random_clients(generator, per_group, size["M"], size["d"])
        steps: dict[str, Any] = {
            "eta": 10 ** generator.uniform(-2.5, 0, per_group),
            "gamma": 10 ** generator.uniform(-2, 0.5, per_group),
            "lam": 10 ** generator.uniform(-2, 0.5, per_group),
            "server_damping": 10 ** generator.uniform(-2, 0.5, per_group),
            "delay": size["delay"],
        }
        plain = group % 2 == 0
        algorithm: Algorithm[Any] = (
            fedada2(**steps) if plain else fedada2_plus_plus(**steps, cover=random_cover(generator, size["d"]))
        )
        run = sample(algorithm, problem, K=size["K"], R=size["R"], record=("squared-gradient-norm",))
        squared = run.records["squared-gradient-norm"][:, :-1]
        values: dict[str, Any] = {**steps, **size, "lambda": steps["lam"]}
        values |= {name: problem.constants[name] for name in ("L", "G_inf", "zeta_inf", "Delta")}
        found = {"mean": squared.mean(axis=1), "least": squared.min(axis=1), "cover": float(not plain)}
        for name, row in rows.items():
            row.append(np.broadcast_to(np.asarray(found.get(name, values.get(name)), dtype=float), (per_group,)))
        session.progress("lee2024-random-clients", group + 1, groups)
    return xr.Dataset(
        {name: ("instance", np.concatenate(row)) for name, row in rows.items()}, attrs={"seed": session.seed}
    )


@claim(
    "lee2024/proved-bound",
    "The mean squared gradient over the rounds of FedAda² and FedAda²++ is below the bound with constants.",
    theorem="lee2024/proved",
    kind="bound with constants",
    data=random_instances,
)
def proved_bound(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random clients, some of them concave, random steps, delays and SM3 covers; every instance by value."""
    return Bounded(theorem, Measurement.of(data, "mean", what="mean squared gradient", instance=["cover"]))


@experiment("lee2024-identical-clients")
def identical_clients(session: Session) -> xr.Dataset:
    """Identical clients at the prescribed client step of `proved-tuned`: `mean` and `least` squared gradient over
    $R$.
    """
    R = np.array(GROWING[: session.choose(quick=5, full=len(GROWING))])
    M, d = int(IDENTICAL["M"]), int(IDENTICAL["d"])
    problem = placed(LogCosh(np.ones((1, d))), np.zeros((M, d)), np.asarray(3.0))
    constants = {name: float(problem.constants[name]) for name in ("L", "G_inf", "zeta_inf", "Delta")}
    values = {**IDENTICAL, **constants}
    etas = statement("lee2024/proved-tuned").step_at("eta", values, R=R)
    run = sample(
        fedada2(eta=etas, gamma=values["gamma"], lam=1.0, server_damping=1.0, delay=int(values["delay"])),
        problem,
        K=int(values["K"]),
        R=int(R.max()),
        record=("squared-gradient-norm",),
    )
    squared = run.records["squared-gradient-norm"]
    mean, least = np.array([(own[:r].mean(), own[:r].min()) for own, r in zip(squared, R, strict=True)]).T
    return xr.Dataset(
        {"mean": ("R", mean), "least": ("R", least), "eta": ("R", etas)},
        coords={"R": R},
        attrs={**values, "seed": session.seed},
    )


@claim(
    "lee2024/identical-clients",
    "With identical clients, at the prescribed steps, the mean squared gradient decays at least as $R^(-1/2)$.",
    theorem="lee2024/proved-tuned",
    kind="scaling",
    data=identical_clients,
)
def identical_rate(data: xr.Dataset) -> PowerLaw:
    """The exponent of $R$ in runs without noise; the interval is as wide as the choice of the window makes it."""
    mean = Measurement.of(data, "mean", what="mean squared gradient", stderr=EXACT_RUN * data["mean"])
    return PowerLaw(mean, published_rate(), RESOLUTION)


@claim(
    "lee2024/identical-clients-value",
    "With identical clients the mean squared gradient stays below the proved bound at its own steps.",
    theorem="lee2024/proved-tuned",
    kind="bound with constants",
    data=identical_clients,
)
def identical_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same runs, by value."""
    return Bounded(theorem, Measurement.of(data, "mean", what="mean squared gradient", instance=["least"]))
