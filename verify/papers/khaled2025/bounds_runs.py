"""The bounds with constants on random instances: quadratics by exact moments, kinked and other functions too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.asymmetric_quadratic import asymmetric_quadratic
from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.huber import huber
from tightrate.constructions.logistic_regression import logistic_machines
from tightrate.constructions.noise import GaussianNoise, TwoPointNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.separable import SeparableMachines
from tightrate.rates.statements.catalogue import theorem
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.instances.identical_quadratics import INSTANCE, OUTER, USED, instance
from tightrate.verify.falsification.search import SEARCHES, Axis, Search, largest_step, values_of
from tightrate.verify.papers.khaled2025.average_gap_runs import average_local_gap
from tightrate.verify.papers.khaled2025.rounds_runs import transcript
from tightrate.verify.session import Session

Array = NDArray[np.float64]
WIDE = (*INSTANCE, USED, OUTER)


def drawn(axes: tuple[Axis, ...], n: int, generator: np.random.Generator) -> dict[str, Array]:
    """n random points, every axis covered evenly in its own scale."""
    positions = generator.random((n, len(axes)))
    return {axis.name: axis.value(positions[:, index]) for index, axis in enumerate(axes)}


@experiment("khaled2025-local-gaps")
def local_gaps(session: Session) -> xr.Dataset:
    """The mean gap over all local iterates on random quadratics, exactly, beside Theorem 1 and its safe version.

    Three coordinates with curvatures from 10^-6 L to L and noise of their own, K up to 64, R up to 300, M up to 100,
    outer steps from 0.05 to 100, and an inner step that uses between 1 % and all of what the condition leaves.
    """
    n = session.choose(quick=20_000, full=400_000)
    point = drawn(WIDE, n, stream(session.seed, experiment="khaled2025-local-gaps"))
    curvature, start, noise, letters = instance(point)
    letters = {**letters, "gamma": point["gamma"]}
    source = theorem("khaled2025/thm1-safe")
    letters["eta"] = point["used"] * largest_step(source.conditions, letters)
    steps = {name: letters[name] for name in ("K", "R", "M", "eta", "gamma")}
    columns = {
        "local_gap": average_local_gap(curvature, start, noise, **steps),
        **{
            f"bound: {label}": values_of(theorem(f"khaled2025/{label}").bound.expression, letters)
            for label in ("thm1", "thm1-safe")
        },
        **{name: letters[name] for name in ("L", "B", "sigma", *steps)},
        **{f"{name}{i}": point[f"{name}{i}"] for name in ("start", "noise") for i in range(3)},
        **{f"curvature{i}": curvature[:, i] for i in range(3)},
    }
    return xr.Dataset({name: (("instance",), values) for name, values in columns.items()}, attrs={"seed": session.seed})


def searched() -> tuple[Search, ...]:
    """The searches of this paper's bounds with constants, on quadratics and on parabolas with two curvatures."""
    return tuple(
        search
        for name, search in SEARCHES.entries().items()
        if name.startswith("khaled2025/") and search.sequence is None
    )


@experiment("khaled2025-instances")
def instances(session: Session) -> xr.Dataset:
    """Measured gaps beside their bounds on random points of every search of this paper; all conditions checked.

    Over (search, instance): `measured`, `bound`, `rounding`, `admissible`, and every axis of the searches (nan where a
    search has no such axis), which is what running a witness again needs.
    """
    n = session.choose(quick=800, full=20_000)
    parts = []
    for search in searched():
        generator = stream(session.seed, experiment="khaled2025-instances", search=search.name)
        point = search.point(generator.random((n, len(search.axes))))
        found = search.tried(point)
        columns = {
            "measured": found.measured,
            "bound": found.bound,
            "admissible": found.admissible,
            "rounding": found.rounding,
        }
        columns |= {axis.name: point[axis.name] for axis in search.axes}
        variables = {name: (("instance",), np.broadcast_to(values, n)) for name, values in columns.items()}
        parts.append(xr.Dataset(variables).expand_dims(search=[search.name]))
    return xr.concat(parts, dim="search", fill_value=np.nan).assign_attrs(seed=session.seed)


@dataclass(frozen=True)
class Objective:
    """A convex smooth objective on M equal workers, for a batch of cells."""

    name: str
    problem: Problem
    L: Array
    B: Array


def objectives(generator: np.random.Generator, cells: int, M: int) -> tuple[Objective, ...]:
    """Huber's function, kinked and soft parabolas in one and four dimensions, and logistic regression."""
    found = []
    L, B = 10 ** generator.uniform(-1, 1, cells), 10 ** generator.uniform(-1, 1, cells)
    for d in (1, 4):
        width = B * 10 ** generator.uniform(-1.5, 0.5, cells)
        low = L * 10 ** generator.uniform(-2, -0.1, cells)
        common: dict[str, Any] = {"L": L, "B": B, "M": M, "d": d}
        found += [
            Objective(f"huber, d = {d}", huber(width=width, **common), L, B),
            Objective(f"kinked parabola, d = {d}", asymmetric_quadratic(mu=low, **common), L, B),
            Objective(f"soft kink, d = {d}", asymmetric_softplus(mu=low, width=width, **common), L, B),
        ]
    rows, one = generator.standard_normal((24, 3)) * [1.0, 0.3, 0.1], np.ones(cells)
    labels = np.where(rows @ [1.0, -1.0, 2.0] + generator.standard_normal(24) > 0, 1.0, -1.0)
    rows, labels = np.concatenate([rows, rows[:6]]), np.concatenate([labels, -labels[:6]])  # no plane separates them
    logistic = logistic_machines([rows] * M, [labels] * M, L=1.0, mu=0.0)
    found.append(Objective("logistic regression, d = 3", logistic, one, one * float(logistic.constants["B"])))
    return tuple(found)


@experiment("khaled2025-other-objectives")
def other_objectives(session: Session) -> xr.Dataset:
    """Local SGD step by step on objectives that are not quadratic: the gap of all local iterates and the drift.

    Over (objective, cell): `local_gap` with its standard error over the replicas, `bound: thm1-safe`; over (objective,
    cell, h): `drift`, the mean squared distance of two workers after h local steps averaged over all pairs and rounds,
    with its standard error, and `bound: lemma7`.  Half of the cells have skewed noise.
    """
    cells, replicas = session.choose(quick=8, full=30), session.choose(quick=64, full=200)
    K, R, M = 6, 10, 4
    parts = []
    for name in [objective.name for objective in objectives(stream(0), 1, M)]:
        generator = stream(session.seed, experiment="khaled2025-other-objectives", objective=name)
        (objective,) = (one for one in objectives(generator, cells, M) if one.name == name)
        parts.append(_on(objective, generator, replicas, K, R, M).expand_dims(objective=[name]))
    attrs = {"seed": session.seed, "replicas": replicas, "K": K, "R": R, "M": M}
    return xr.concat(parts, dim="objective").assign_attrs(attrs)


def _on(objective: Objective, generator: np.random.Generator, replicas: int, K: int, R: int, M: int) -> xr.Dataset:
    cells, d = len(objective.L), objective.problem.dimension
    letters: dict[str, Array] = {
        "L": objective.L,
        "B": objective.B,
        "gamma": 10 ** generator.uniform(-0.7, 1.5, cells),
        "sigma": objective.L * objective.B * 10 ** generator.uniform(-1.5, 1, cells),
        **{name: np.full(cells, float(value)) for name, value in (("K", K), ("R", R), ("M", M))},
    }
    safe = theorem("khaled2025/thm1-safe")
    letters["eta"] = 10 ** generator.uniform(-1, 0, cells) * largest_step(safe.conditions, letters)
    noise = np.empty((R, K, replicas, cells, M, d))
    for cell, sigma in enumerate(letters["sigma"]):
        law = GaussianNoise(sigma) if cell % 2 else TwoPointNoise(sigma, probability=0.25)
        drawn_here = np.empty((R, K, replicas, M, d))
        law.draw(generator, drawn_here)
        noise[:, :, :, cell] = drawn_here
    steps = {name: np.tile(letters[name], replicas) for name in ("eta", "gamma")}
    n = replicas * cells
    run = transcript(
        local_sgd(**steps), _repeated(objective.problem, replicas), np.zeros((n, d)), noise.reshape(R, K, n, M, d)
    )
    workers = np.moveaxis(run.points[:, :K], -2, 0)  # (M, R, K, n, d)
    gaps = _repeated(objective.problem, replicas).gap(workers).mean(axis=(0, 1, 2)).reshape(replicas, cells)
    away = run.points - run.points.mean(axis=-2, keepdims=True)
    pairs = 2 * np.sum(away**2, axis=-1).mean(axis=(0, -1)).reshape(K + 1, replicas, cells)
    lemma = theorem("khaled2025/lemma7").bound.expression
    h = np.arange(1.0, K + 1)
    single = {"eta": letters["eta"], "sigma": letters["sigma"], "K": h[:, None]}
    columns: Mapping[str, Array] = {
        "local_gap": gaps.mean(axis=0),
        "local_gap_stderr": gaps.std(axis=0, ddof=1) / np.sqrt(replicas),
        "bound: thm1-safe": values_of(safe.bound.expression, letters),
        **letters,
    }
    drift = {
        "drift": pairs.mean(axis=1)[1:],
        "drift_stderr": pairs.std(axis=1, ddof=1)[1:] / np.sqrt(replicas),
        "bound: lemma7": values_of(lemma, single),
    }
    return xr.Dataset(
        {
            **{name: (("cell",), values) for name, values in columns.items()},
            **{name: (("h", "cell"), values) for name, values in drift.items()},
        },
        coords={"h": h},
    )


def _repeated(problem: Problem, replicas: int) -> Problem:
    """The same cells once for every replica, replica by replica; a single instance serves all."""
    if not isinstance(problem, SeparableMachines):
        return problem

    def tiled(values: Array) -> Array:
        return np.tile(values, (replicas, *[1] * (np.ndim(values) - 1))) if len(values) > 1 else values

    piece = replace(problem.piece, **{f.name: tiled(getattr(problem.piece, f.name)) for f in fields(problem.piece)})
    root = np.broadcast_to(problem.root, problem.centres.shape)
    return SeparableMachines(piece, tiled(problem.centres), tiled(problem.tilts), tiled(root))


@experiment("khaled2025-drift")
def drift(session: Session) -> xr.Dataset:
    """The workers' drift from their mean within a round on one curvature, exactly, beside Lemma 7's two forms.

    A worker alone and M workers have the same variance of a worker, and the mean of M has another: their difference is
    the drift.  The first half of the instances has curvature 0: a constant gradient.
    """
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
    letters: dict[str, Array] = {"eta": eta, "sigma": sigma, "K": K, "M": M}
    columns = {
        "drift": (variances[0] - variances[1]) * sigma**2,
        "bound: lemma7": values_of(theorem("khaled2025/lemma7").bound.expression, letters),
        "bound: lemma7-mean": values_of(theorem("khaled2025/lemma7-mean").bound.expression, letters),
        "scale": variances[0] * sigma**2,
        "curvature": curvature,
        **letters,
    }
    return xr.Dataset({name: (("instance",), values) for name, values in columns.items()}, attrs={"seed": session.seed})
