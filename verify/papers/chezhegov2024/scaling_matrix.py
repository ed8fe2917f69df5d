"""The scaling matrix of SAVIC: how far an update moves it, Adam's weights, Hutchinson samples, gradients in it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.rates.papers.chezhegov2024.scaling_matrix import Rule
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.savic import SAVIC, SavicState, Scaling, savic
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.bounded import AtLeast, Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

Array = NDArray[np.float64]
RULES: dict[str, Scaling] = {"rule2": "adahessian", "rule3": "oasis"}  # one shipped method for each rule
UPDATES = 4

# --- How far an update moves it --------------------------------------------------------------------------------------


@experiment("scaling-matrix-updates")
def scaling_matrix_updates(session: Session) -> xr.Dataset:
    """Entries of the shipped scaling matrix over a few updates with increments of size at most $d_max$, by rule.

    `change` and `growth` are those of one update; half of the instances have the extreme increments $d_max$ or
    $-d_max$, a quarter start at $d_min$ or $d_max$."""
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
    dims, columns = ("rule", "update", "instance"), {"d_min": d_min, "d_max": d_max, "beta2": beta2}
    return xr.Dataset(
        {
            "entry": (dims, after),
            "change": (dims, np.abs(after - before)),
            "growth": (dims, after / before - 1),
            **{name: ("instance", values) for name, values in columns.items()},
        },
        coords={"rule": list(RULES)},
        attrs={"seed": session.seed},
    )


def _entries(algorithm: SAVIC, start: Array, increments: Array) -> Array:
    """The matrix in use at the start and after every update, (update, instance), fed to the shipped method."""
    state = algorithm.init(np.zeros((len(start), 1, 1)))
    found = []
    for H in (start, *increments):
        state = algorithm.observe_curvature(state, H[:, None, None])
        found.append(state.D_hat[:, 0, 0])
    return np.stack(found)


@claim(
    "chezhegov2024/lemma1-entries",
    "Every entry of the matrix in use stays between $d_min$ and $d_max$.",
    theorem="chezhegov2024/lemma1",
    kind="bound with constants",
    data=scaling_matrix_updates,
)
def lemma1_entries(theorem: Theorem, data: xr.Dataset) -> Every:
    """The shipped AdaHessian (rule 2) and OASIS (rule 3), fed with random and extreme increments of size $d_max$."""
    entry = Measurement.of(data, "entry", rounding=1e-13 * data.d_max)
    return Every({"at most d_max": Bounded(theorem, entry), "at least d_min": AtLeast(entry, data.d_min)})


def change(data: xr.Dataset, rule: Rule) -> Measurement:
    """The change of an entry at one update under one rule."""
    own = data.sel(rule=rule)
    return Measurement.of(own, "change", what="change of an entry at one update", rounding=1e-14 * own.d_max)


def relative_growth(data: xr.Dataset, rule: Rule) -> Measurement:
    """The growth of an entry at one update under one rule, relative to the entry."""
    own = data.sel(rule=rule)
    what = "relative growth of an entry at one update"
    return Measurement.of(own, "growth", what=what, rounding=1e-14 * own.d_max / own.d_min)


@claim(
    "chezhegov2024/lemma1-change-rule2",
    "One update of $D^2$ changes an entry of the matrix in use by at most $(1 - beta) d_max^2/(2 d_min)$.",
    kind="bound with constants",
    data=scaling_matrix_updates,
)
def lemma1_change_rule2(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The shipped AdaHessian, fed with random and extreme increments of size at most $d_max$."""
    return Bounded(theorem, change(data, "rule2"))


@claim(
    "chezhegov2024/lemma1-change-rule3",
    "One update of $D$ changes an entry of the matrix in use by at most $2 (1 - beta) d_max$.",
    kind="bound with constants",
    data=scaling_matrix_updates,
)
def lemma1_change_rule3(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The shipped OASIS, fed with random and extreme increments of size at most $d_max$."""
    return Bounded(theorem, change(data, "rule3"))


@claim(
    "chezhegov2024/lemma1-growth-rule2",
    "One update of $D^2$ grows an entry of the matrix in use by at most $(1 - beta) d_max^2/(2 d_min^2)$.",
    kind="bound with constants",
    data=scaling_matrix_updates,
)
def lemma1_growth_rule2(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The shipped AdaHessian, fed with random and extreme increments of size at most $d_max$."""
    return Bounded(theorem, relative_growth(data, "rule2"))


@claim(
    "chezhegov2024/lemma1-growth-rule3",
    "One update of $D$ grows an entry of the matrix in use by at most $2 (1 - beta) d_max/d_min$.",
    kind="bound with constants",
    data=scaling_matrix_updates,
)
def lemma1_growth_rule3(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The shipped OASIS, fed with random and extreme increments of size at most $d_max$."""
    return Bounded(theorem, relative_growth(data, "rule3"))


@claim(
    "chezhegov2024/sharp-growth-rule2",
    "Under rule (2) an entry grows by at most $sqrt(1 + (1 - beta)(d_max^2/d_min^2 - 1)) - 1$.",
    theorem="chezhegov2024/lemma1-sharp-growth-rule2",
    kind="bound with constants",
    data=scaling_matrix_updates,
)
def sharp_growth_rule2(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The shipped AdaHessian; entries that start at $d_min$ and meet $d_max$ attain it."""
    return Bounded(theorem, relative_growth(data, "rule2"))


@claim(
    "chezhegov2024/sharp-growth-rule3",
    "Under rule (3) an entry grows by at most $(1 - beta)(d_max/d_min - 1)$, less than half of what Lemma 1 says, so"
    " that Corollary 1 holds for twice its $1 - beta$.",
    theorem="chezhegov2024/lemma1-sharp-growth-rule3",
    kind="bound with constants",
    data=scaling_matrix_updates,
)
def sharp_growth_rule3(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The shipped OASIS; entries that start at $d_min$ and meet $d_max$ attain it."""
    return Bounded(theorem, relative_growth(data, "rule3"))


# --- What it is made of ----------------------------------------------------------------------------------------------


@experiment("adam-bias-correction")
def adam_bias_correction(session: Session) -> xr.Dataset:
    """`squared_entry` of the shipped Adam scaling, and `corrected`, the bias-corrected second moment, update by update.

    `corrected` is $(1 - beta)/(1 - beta^{t+1}) sum_s beta^{t-s} g_s^2$, summed as it stands."""
    n, updates = session.choose(quick=200, full=2000), 40
    generator = stream(session.seed, experiment="adam-bias-correction")
    beta2 = 1 - 10 ** generator.uniform(-4, -0.1, n)
    gradients = generator.standard_normal((updates, n)) * 10 ** generator.uniform(-3, 3, (updates, n))
    algorithm = savic(eta=1e-3, d_min=1e-12, beta2=beta2, scaling="adam")
    state = algorithm.init(np.zeros((n, 1, 1)))
    entries: list[Array] = []
    for gradient in gradients:
        state = algorithm.observe_gradient(state, gradient[:, None, None])
        entries.append(state.D[:, 0, 0] ** 2)
    t = np.arange(updates)
    powers = np.tril(np.ones((updates, updates)))[..., None] * beta2 ** np.maximum(t[:, None] - t, 0)[..., None]
    weights = (1 - beta2) / (1 - beta2 ** (t[:, None] + 1))
    return xr.Dataset(
        {
            "squared_entry": (("update", "instance"), np.stack(entries)),
            "corrected": (("update", "instance"), weights * np.einsum("tsn,sn->tn", powers, gradients**2)),
            "beta2": ("instance", beta2),
        },
        coords={"update": t},
        attrs={"seed": session.seed},
    )


@claim(
    "chezhegov2024/adam-is-bias-corrected",
    "The squared entries of the shipped Adam scaling are the bias-corrected second moments of its gradients.",
    theorem="chezhegov2024/lemma1",
    kind="identity",
    data=adam_bias_correction,
    expected="confirmed",
)
def adam_is_bias_corrected(data: xr.Dataset) -> Equal:
    """Forty updates with gradients over six orders of magnitude, against the sum that defines the moment."""
    return Equal(Measurement.of(data, "squared_entry", what="second moment"), data.corrected)


@experiment("hutchinson-samples")
def hutchinson_samples(session: Session) -> xr.Dataset:
    """`entry`, the largest of $|v$ * (A v)|, for random symmetric A and Hadamard's and signs $v$."""
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
    return xr.Dataset({name: ("instance", v) for name, v in columns.items()}, attrs={"seed": session.seed})


def _products(hessians: Array, v: Array) -> dict[str, Array]:
    """The largest entry of |v * (A v)| for A (n, 1, d, d) and signs v (n, 1, d), beside |A| and d."""
    problem = QuadraticWorkers(hessians, np.zeros_like(v), known_optimum=np.zeros_like(v[:, 0]))
    return {
        "entry": np.abs(v * problem.hessian_vector_product(np.zeros_like(v), v)).max(axis=(-1, -2)),
        "L": np.linalg.norm(hessians[:, 0], 2, axis=(-1, -2)),
        "d": np.full(len(v), float(v.shape[-1])),
    }


@claim(
    "chezhegov2024/hutchinson",
    "For signs $v$ every entry of $v (A v)$ is at most $sqrt(d) |A|$: so $d_max = sqrt(d) L$ will do.",
    kind="bound with constants",
    data=hutchinson_samples,
)
def hutchinson(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Random symmetric matrices up to $d = 16$, and Hadamard matrices, which attain it."""
    return Bounded(theorem, Measurement.of(data, "entry", what="largest entry", rounding=1e-13 * data.L * data.d))


@experiment("gradients-as-entries")
def gradients_as_entries(session: Session) -> xr.Dataset:
    """`entry`, the largest of the scaling matrix along a noiseless run with RMSProp or Adam scaling, by start distance.

    One coordinate, curvature $L$: the largest gradient is the first, $L B$."""
    B, L = np.array([1.0, 10.0, 100.0, 1e3, 1e4]), 1.0
    scalings: tuple[Scaling, ...] = ("rmsprop", "adam")
    rounds, K = 30, 4
    entries = np.zeros((len(scalings), len(B)))
    problem = DiagonalQuadratics(np.full((len(B), 2, 1), L), np.repeat(B[:, None, None], 2, axis=1))
    for i, scaling in enumerate(scalings):
        algorithm = savic(eta=0.1 / L, d_min=1.0, beta2=0.9, scaling=scaling)
        state: SavicState = algorithm.init(np.zeros((len(B), 2, 1)))
        for _ in range(rounds):
            state = algorithm.observe_gradient(state, problem.gradient(algorithm.point(state)))
            for _ in range(K):
                state = algorithm.local_step(state, problem.gradient(algorithm.point(state)))
                entries[i] = np.maximum(entries[i], state.D_hat.max(axis=(-1, -2)))
            state = algorithm.synchronize(state)
    return xr.Dataset(
        {"entry": (("scaling", "B"), entries)},
        coords={"scaling": list(scalings), "B": B},
        attrs={"L": L, "K": K, "R": rounds, "seed": session.seed},
    )


@claim(
    "chezhegov2024/gradients-as-entries",
    "With RMSProp or Adam scaling the largest entry of the matrix is the largest gradient of the run, $L B$ on a"
    " quadratic: no $d_max$ depends on $L$, $mu$ and $sigma$ alone.",
    theorem="chezhegov2024/lemma1",
    kind="counterexample",
    data=gradients_as_entries,
    expected="confirmed",
)
def entries_are_gradients(data: xr.Dataset) -> Equal:
    """Noiseless runs on one quadratic from start distances over four decades: the largest entry against $L B$."""
    return Equal(Measurement.of(data, "entry", what="largest entry"), data.attrs["L"] * data.B)
