"""The scaling matrix of SAVIC: how far an update moves it, Adam's weights, Hutchinson samples, gradients in it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from sympy import Symbol

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.rates.papers.chezhegov2024 import adam_weight
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.savic import SAVIC, SavicState, Scaling, savic
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
RULES: dict[str, Scaling] = {"rule2": "adahessian", "rule3": "oasis"}  # one shipped method for each rule
UPDATES = 4


@experiment("scaling-matrix-updates")
def scaling_matrix_updates(session: Session) -> xr.Dataset:
    """Entries of the shipped scaling matrix over a few updates with increments of size at most d_max, by rule.

    `change` and `growth` are those of one update; half of the instances have the extreme increments d_max or -d_max, a
    quarter start at d_min or d_max.  Bounds: `bound: lemma1` and so on, on the same grid.
    """
    n = session.choose(quick=10_000, full=200_000)
    generator = stream(session.seed, experiment="scaling-matrix-updates")
    d_min = 10 ** generator.uniform(-2, 2, n)
    d_max = d_min * 10 ** generator.uniform(0, 3, n)
    beta2 = 1 - 10 ** generator.uniform(-6, 0, n)
    start = generator.uniform(-1, 1, n) * d_max
    at_end = generator.random(n) < 0.25
    start = np.where(at_end, np.where(generator.random(n) < 0.5, d_min, d_max), start)
    increments = generator.uniform(-1, 1, (UPDATES, n)) * d_max
    extreme = generator.random(n) < 0.5
    increments = np.where(extreme, np.copysign(d_max, increments), increments)
    entries = np.stack(
        [_entries(savic(eta=1.0, d_min=d_min, beta2=beta2, scaling=s), start, increments) for s in RULES.values()]
    )
    before, after = entries[:, :-1], entries[:, 1:]
    letters = {"d_min": d_min, "d_max": d_max, "beta2": beta2}
    dims = ("rule", "update", "instance")
    variables: dict[str, tuple[tuple[str, ...], Array]] = {
        "entry": (dims, after),
        "change": (dims, np.abs(after - before)),
        "growth": (dims, after / before - 1),
        **{name: (("instance",), values) for name, values in letters.items()},
    }
    variables["bound: lemma1"] = (("instance",), theorem("chezhegov2024/lemma1").bound.function()(d_max=d_max))
    for label in ("change", "growth", "sharp-growth"):
        bounds = [theorem(f"chezhegov2024/lemma1-{label}-{rule}").bound.function()(**letters) for rule in RULES]
        variables[f"bound: {label}"] = (("rule", "instance"), np.stack(bounds))
    return xr.Dataset(variables, coords={"rule": list(RULES)}, attrs={"seed": session.seed})


def _entries(algorithm: SAVIC, start: Array, increments: Array) -> Array:
    """The matrix in use at the start and after every update, (update, instance), fed to the shipped method."""
    state = algorithm.init(np.zeros((len(start), 1, 1)))
    found = []
    for H in (start, *increments):
        state = algorithm.observe_curvature(state, H[:, None, None])
        found.append(state.D_hat[:, 0, 0])
    return np.stack(found)


@experiment("adam-bias-correction")
def adam_bias_correction(session: Session) -> xr.Dataset:
    """`squared_entry` of the shipped Adam scaling, and `corrected`, the bias-corrected second moment, update by update.

    `corrected` is (1 - beta)/(1 - beta^{t+1}) sum_s beta^{t-s} g_s^2, summed as it stands; `weight` the averaging
    weight of rule (2) that reproduces it.
    """
    n, updates = session.choose(quick=200, full=2000), 40
    generator = stream(session.seed, experiment="adam-bias-correction")
    beta2 = 1 - 10 ** generator.uniform(-4, -0.1, n)
    gradients = generator.standard_normal((updates, n)) * 10 ** generator.uniform(-3, 3, (updates, n))
    algorithm = savic(eta=1e-3, d_min=1e-12, beta2=beta2, scaling="adam")
    state = algorithm.init(np.zeros((n, 1, 1)))
    entries: list[Array] = []
    for gradient in gradients:
        state = algorithm.local_step(state, gradient[:, None, None])
        state = state if not entries else algorithm.synchronize(state)
        entries.append(state.D[:, 0, 0] ** 2)
    t = np.arange(updates)
    powers = np.tril(np.ones((updates, updates)))[..., None] * beta2 ** np.maximum(t[:, None] - t, 0)[..., None]
    weights = (1 - beta2) / (1 - beta2 ** (t[:, None] + 1))
    beta, step = Symbol("beta", positive=True), Symbol("t", nonnegative=True)
    weight = vectorized(adam_weight(beta, step))(beta=beta2, t=t[:, None])
    return xr.Dataset(
        {
            "squared_entry": (("update", "instance"), np.stack(entries)),
            "corrected": (("update", "instance"), weights * np.einsum("tsn,sn->tn", powers, gradients**2)),
            "weight": (("update", "instance"), weight),
            "beta2": (("instance",), beta2),
        },
        coords={"update": t},
        attrs={"seed": session.seed},
    )


@experiment("hutchinson-samples")
def hutchinson_samples(session: Session) -> xr.Dataset:
    """`entry`, the largest of |v * (A v)|, for random symmetric A and Hadamard's, signs v, beside sqrt(d) |A|."""
    each = session.choose(quick=400, full=4000)
    generator = stream(session.seed, experiment="hutchinson-samples")
    parts = []
    for d in (1, 2, 3, 5, 8, 16):
        hessians = generator.standard_normal((each, 1, d, d))
        signs = np.copysign(1.0, generator.standard_normal((each, 1, d)))
        parts.append(_products(hessians + np.swapaxes(hessians, -1, -2), signs))
    hadamard = np.ones((1, 1))
    for _ in range(4):
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
        parts.append(_products(hadamard[None, None], np.ones((1, 1, len(hadamard)))))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    columns["bound"] = theorem("chezhegov2024/hutchinson").bound.function()(L=columns["L"], d=columns["d"])
    return xr.Dataset({name: (("instance",), v) for name, v in columns.items()}, attrs={"seed": session.seed})


def _products(hessians: Array, v: Array) -> dict[str, Array]:
    """The largest entry of |v * (A v)| for A (n, 1, d, d) and signs v (n, 1, d), beside |A| and d."""
    problem = QuadraticMachines(hessians, np.zeros_like(v), known_optimum=np.zeros_like(v[:, 0]))
    return {
        "entry": np.abs(v * problem.hessian_vector_product(np.zeros_like(v), v)).max(axis=(-1, -2)),
        "L": np.linalg.norm(hessians[:, 0], 2, axis=(-1, -2)),
        "d": np.full(len(v), float(v.shape[-1])),
    }


@experiment("gradients-as-entries")
def gradients_as_entries(session: Session) -> xr.Dataset:
    """`entry`, the largest of the scaling matrix along a noiseless run with RMSProp or Adam scaling, by start distance.

    One coordinate, curvature L: the largest gradient is the first, L B.
    """
    B, L = np.array([1.0, 10.0, 100.0, 1e3, 1e4]), 1.0
    scalings: tuple[Scaling, ...] = ("rmsprop", "adam")
    rounds, K = 30, 4
    entries = np.zeros((len(scalings), len(B)))
    problem = DiagonalQuadratics(np.full((len(B), 2, 1), L), np.repeat(B[:, None, None], 2, axis=1))
    for i, scaling in enumerate(scalings):
        algorithm = savic(eta=0.1 / L, d_min=1.0, beta2=0.9, scaling=scaling)
        state: SavicState = algorithm.init(np.zeros((len(B), 2, 1)))
        for _ in range(rounds):
            for _ in range(K):
                state = algorithm.local_step(state, problem.gradient(algorithm.point(state)))
                entries[i] = np.maximum(entries[i], state.D_hat.max(axis=(-1, -2)))
            state = algorithm.synchronize(state)
    return xr.Dataset(
        {"entry": (("scaling", "B"), entries)},
        coords={"scaling": list(scalings), "B": B},
        attrs={"L": L, "K": K, "R": rounds, "seed": session.seed},
    )
