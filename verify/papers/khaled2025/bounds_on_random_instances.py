"""The bounds with constants on random instances: quadratics by exact moments, kinked and other functions too."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.asymmetric_quadratic import asymmetric_quadratic
from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.huber import huber
from tightrate.constructions.logistic_regression import logistic_workers
from tightrate.constructions.noise import GaussianNoise, TwoPointNoise
from tightrate.constructions.problem import Problem
from tightrate.constructions.separable import SeparableWorkers
from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.falsification.instances.identical_quadratics import COORDINATES, instance, thm1_safe
from tightrate.verify.falsification.search import SEARCHES, Search
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025.closed_forms_on_quadratics import average_local_gap
from tightrate.verify.papers.khaled2025.transcript import transcript
from tightrate.verify.session import Session

Array = NDArray[np.float64]

# --- The mean gap of all local iterates on quadratics ----------------------------------------------------------------

QUADRATIC = tuple(f"{name}{i}" for name in ("curvature", "start", "noise") for i in range(COORDINATES))


@experiment("khaled2025-local-gaps")
def local_gaps(session: Session) -> xr.Dataset:
    """The mean gap over all local iterates on random quadratics, exactly.

    Three coordinates with curvatures from $10^-6 L$ to $L$ and noise of their own, $K$ up to 64, $R$ up to 300, $M$ up
    to 100, outer steps from 0.05 to 100, and an inner step that uses between 1 % and all of what the condition leaves.
    """
    n = session.choose(quick=20_000, full=400_000)
    generator = stream(session.seed, experiment="khaled2025-local-gaps")
    point = thm1_safe.point(generator.random((n, len(thm1_safe.axes))))
    curvature, start, noise, symbols = instance(point)
    symbols["gamma"] = point["gamma"]
    symbols["eta"] = point["used"] * largest_step(statement("khaled2025/thm1-safe").conditions, symbols)
    steps = {name: symbols[name] for name in ("K", "R", "M", "eta", "gamma")}
    columns = {"local_gap": average_local_gap(curvature, start, noise, **steps)}
    columns |= {name: symbols[name] for name in ("L", "B", "sigma", *steps)}
    values = np.concatenate([curvature, start, noise], axis=1).T
    columns |= dict(zip(QUADRATIC, values, strict=True))
    return xr.Dataset({name: ("instance", column) for name, column in columns.items()}, attrs={"seed": session.seed})


@claim(
    "khaled2025/thm1-on-quadratics",
    "On quadratics the mean gap of all local iterates is below Theorem 1's bound with constants 2, 2, 2.",
    theorem="khaled2025/thm1",
    kind="bound with constants",
    data=local_gaps,
)
def thm1_on_quadratics(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact values on thousands of random quadratics with noise of its own in each coordinate, over wide ranges of $K$,
    $R$, $M$, curvatures, noise and outer steps, the inner step inside the condition; compared by value."""
    what = "mean gap of all local iterates"
    return Bounded(theorem, Measurement.of(data, "local_gap", what=what, instance=QUADRATIC))


@claim(
    "khaled2025/thm1-safe-on-quadratics",
    "On quadratics the mean gap of all local iterates is below the safe version of Theorem 1's bound.",
    theorem="khaled2025/thm1-safe",
    kind="bound with constants",
    data=local_gaps,
)
def thm1_safe_on_quadratics(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same instances and the larger constants."""
    what = "mean gap of all local iterates"
    return Bounded(theorem, Measurement.of(data, "local_gap", what=what, instance=QUADRATIC))


# --- The gap of the output at random points of the searches ----------------------------------------------------------


def searched() -> tuple[Search, ...]:
    """The searches of this paper's bounds on the expected gap: on quadratics and on parabolas with two curvatures."""
    ours = (search for name, search in SEARCHES.entries().items() if name.startswith("khaled2025/"))
    by_value = (one for one in ours if one.sequence is None and one.theorem.holds == "in expectation")
    return tuple(one for one in by_value if one.theorem.bound.measure.name == "gap")


@experiment("khaled2025-instances")
def instances(session: Session) -> xr.Dataset:
    """Gaps at random points of every search of this paper's bounds, exactly.

    Over point, of the `search` and for the `theorem` that two coordinates name: `measured`, its `rounding`, all
    symbols, and the axes of the search that are no symbols (nan where a search has none of that name).
    """
    n = session.choose(quick=800, full=20_000)
    parts = []
    for search in searched():
        generator = stream(session.seed, experiment="khaled2025-instances", search=search.name)
        parts.append(tried_at(search, generator.random((n, len(search.axes)))))
    return xr.concat(parts, dim="point", fill_value=np.nan).assign_attrs(seed=session.seed)


def tried_at(search: Search, positions: Array) -> xr.Dataset:
    """What a search measures at positions (n, axes) of its cube."""
    point = search.point(positions)
    found = search.tried(point).measurement
    named = {"search": search.name, "theorem": search.theorem_id}
    return xr.Dataset(
        {
            **{axis: ("point", values) for axis, values in point.items()},
            **found.symbols,
            "measured": found.measured,
            "rounding": found.rounding,
        },
        coords={name: ("point", [text] * len(positions)) for name, text in named.items()},
    )


def at_random_points(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The theorem's bound at the random points of its searches."""
    points = data.isel(point=np.flatnonzero(data["theorem"] == theorem.id))
    axes = [str(name) for name in points.data_vars if name not in ("measured", "rounding", *LETTERS)]
    return Bounded(theorem, Measurement.of(points, "measured", what="gap", rounding="rounding", instance=axes))


@claim(
    "khaled2025/thm1-with-a-kink",
    "On parabolas with two curvatures and with infinitely many workers, too, the gap of the averaged iterate is"
    " below Theorem 1's bound with constants 2, 2, 2.",
    theorem="khaled2025/thm1",
    kind="bound with constants",
    data=instances,
)
def thm1_with_a_kink(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact values on random quadratics and on random kinked parabolas, all paths of the noise summed; by value."""
    return at_random_points(theorem, data)


@claim(
    "khaled2025/thm2-value",
    "The gap of the averaged iterate with outer momentum is below Theorem 2's bound, as re-derived.",
    theorem="khaled2025/thm2",
    kind="bound with constants",
    data=instances,
)
def thm2_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact values on random quadratics and kinked parabolas, momentum up to 0.997, with $(1 - momentum)^2$ in the
    second condition; by value.
    """
    return at_random_points(theorem, data)


@claim(
    "khaled2025/thm2-safe-value",
    "The gap of the averaged iterate with outer momentum is below the safe version of Theorem 2's bound.",
    theorem="khaled2025/thm2-safe",
    kind="bound with constants",
    data=instances,
)
def thm2_safe_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same kinds of instances, inside the safe version's conditions."""
    return at_random_points(theorem, data)


@claim(
    "khaled2025/thm3-safe-value",
    "The gap of the accelerated loop's last iterate is below the complete version of Theorem 3's bound.",
    theorem="khaled2025/thm3-safe",
    kind="bound with constants",
    data=instances,
)
def thm3_safe_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact values on random quadratics and kinked parabolas; by value."""
    return at_random_points(theorem, data)


@claim(
    "khaled2025/eq2-value",
    "At the prescribed inner step plain averaging attains eq. (2) with the constants 8, 4, 4.",
    theorem="khaled2025/eq2-explicit",
    kind="bound with constants",
    data=instances,
)
def eq2_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact values on random quadratics at the step of the theorem; by value."""
    return at_random_points(theorem, data)


@claim(
    "khaled2025/cor1-safe-value",
    "At the prescribed inner step the accelerated loop attains the complete version of Corollary 1.",
    theorem="khaled2025/cor1-safe",
    kind="bound with constants",
    data=instances,
)
def cor1_safe_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact values on random quadratics at the step of the theorem; by value."""
    return at_random_points(theorem, data)


@claim(
    "khaled2025/ill-tuned-value",
    "With an inner step of order $1/(R L)$ and the balancing product of the steps, the gap is at most minibatch"
    " SGD's rate and a remainder that falls like $1/R^2$.",
    theorem="khaled2025/ill-tuned",
    kind="bound with constants",
    data=instances,
)
def ill_tuned_value(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact values on random quadratics at the prescribed steps; by value."""
    return at_random_points(theorem, data)


# --- Functions that are not quadratic --------------------------------------------------------------------------------


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
    logistic = logistic_workers([rows] * M, [labels] * M, L=1.0, mu=0.0)
    found.append(Objective("logistic regression, d = 3", logistic, one, one * float(logistic.constants["B"])))
    return tuple(found)


@experiment("khaled2025-other-objectives")
def other_objectives(session: Session) -> xr.Dataset:
    """Local SGD step by step on objectives that are not quadratic: the gap of all local iterates and the drift.

    Over (objective, cell): `local_gap` with its standard error over the replicas; over (objective, $h$, cell): `drift`,
    the mean squared distance of two workers after $h$ local steps averaged over all pairs and rounds, with its standard
    error. Half of the cells have skewed noise."""
    cells, replicas = session.choose(quick=8, full=30), session.choose(quick=64, full=200)
    K, R, M = 6, 10, 4
    parts = []
    for name in [objective.name for objective in objectives(stream(0), 1, M)]:
        generator = stream(session.seed, experiment="khaled2025-other-objectives", objective=name)
        (objective,) = (one for one in objectives(generator, cells, M) if one.name == name)
        parts.append(_sampled_on(objective, generator, replicas, K, R, M).expand_dims(objective=[name]))
    attrs = {"seed": session.seed, "replicas": replicas, "K": K, "R": R, "M": M}
    return xr.concat(parts, dim="objective").assign_attrs(attrs)


def _sampled_on(
    objective: Objective, generator: np.random.Generator, replicas: int, K: int, R: int, M: int
) -> xr.Dataset:
    cells, d = len(objective.L), objective.problem.dimension
    symbols: dict[str, Array] = {
        "L": objective.L,
        "B": objective.B,
        "gamma": 10 ** generator.uniform(-0.7, 1.5, cells),
        "sigma": objective.L * objective.B * 10 ** generator.uniform(-1.5, 1, cells),
    }
    allowed = largest_step(statement("khaled2025/thm1-safe").conditions, {**symbols, "K": np.full(cells, float(K))})
    symbols["eta"] = 10 ** generator.uniform(-1, 0, cells) * allowed
    noise = np.empty((R, K, replicas, cells, M, d))
    for cell, sigma in enumerate(symbols["sigma"]):
        law = GaussianNoise(sigma) if cell % 2 else TwoPointNoise(sigma, probability=0.25)
        drawn = np.empty((R, K, replicas, M, d))
        law.draw(generator, drawn)
        noise[:, :, :, cell] = drawn
    n = replicas * cells
    rule = local_sgd(**{name: np.tile(symbols[name], replicas) for name in ("eta", "gamma")})
    problem = _repeated(objective.problem, replicas)
    run = transcript(rule, problem, np.zeros((n, d)), noise.reshape(R, K, n, M, d))
    gaps = np.empty((R, K, n, M))
    for r, points in enumerate(run.points[:, :K]):  # one round at a time: a gap takes the memory of M gradients
        gaps[r] = np.moveaxis(problem.gap(np.moveaxis(points, -2, 0)), 0, -1)
    mean_gaps = gaps.mean(axis=(0, 1, 3)).reshape(replicas, cells)
    away = run.points - run.points.mean(axis=-2, keepdims=True)
    pairs = 2 * np.sum(away**2, axis=-1).mean(axis=(0, -1)).reshape(K + 1, replicas, cells)[1:]
    columns = {
        "local_gap": mean_gaps.mean(axis=0),
        "local_gap_stderr": mean_gaps.std(axis=0, ddof=1) / np.sqrt(replicas),
        **symbols,
    }
    return xr.Dataset(
        {
            **{name: ("cell", values) for name, values in columns.items()},
            "drift": (("h", "cell"), pairs.mean(axis=1)),
            "drift_stderr": (("h", "cell"), pairs.std(axis=1, ddof=1) / np.sqrt(replicas)),
        },
        coords={"h": np.arange(1.0, K + 1)},
    )


def _repeated(problem: Problem, replicas: int) -> Problem:
    """The same cells once for every replica, replica by replica; a single instance serves all."""
    if not isinstance(problem, SeparableWorkers):
        return problem

    def tiled(values: Array) -> Array:
        return np.tile(values, (replicas, *[1] * (np.ndim(values) - 1))) if len(values) > 1 else values

    piece = replace(problem.piece, **{f.name: tiled(getattr(problem.piece, f.name)) for f in fields(problem.piece)})
    root = np.broadcast_to(problem.root, problem.centres.shape)
    return SeparableWorkers(piece, tiled(problem.centres), tiled(problem.tilts), tiled(root))


@claim(
    "khaled2025/thm1-safe-off-quadratics",
    "On convex functions that are not quadratic the mean gap of all local iterates is below the safe version of"
    " Theorem 1's bound.",
    theorem="khaled2025/thm1-safe",
    kind="bound with constants",
    data=other_objectives,
)
def thm1_safe_off_quadratics(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Huber's function, kinked and soft parabolas in one and four dimensions and logistic regression, step by step with
    Gaussian and with skewed noise: the mean over the runs, with five standard errors, against the bound by value."""
    what = "mean gap of all local iterates"
    return Bounded(theorem, Measurement.of(data, "local_gap", what=what, stderr="local_gap_stderr"))
