"""Identities of a round, along every trajectory: what the rules are in special cases, and the regret of a round.

Objectives are convex and smooth, with curvature that changes along the way; what is checked is algebra, so that neither
convexity nor the law of the noise nor the size of the steps matters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.asymmetric_softplus import asymmetric_softplus
from tightrate.constructions.problem import Problem
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.fedavg import fedavg
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.equal import Vanishes
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement, Source
from tightrate.verify.papers.khaled2025.transcript import Transcript, transcript
from tightrate.verify.session import Session

Array = NDArray[np.float64]
WORKERS, DIMENSION = 4, 3
ROUNDING = 1e-12  # of the sum of the moduli of an identity's parts
ANY_STEPS = "an identity of the rule holds for steps of any size"


def regret_errors(run: Transcript, optimum: Array, eta: Array, gamma: Array) -> dict[str, Array]:
    """Lemma 6 and Eq. (13) in every round, (R, n): left minus right, over the sum of the moduli of all parts."""
    y, g = run.points.mean(axis=-2), run.gradients.mean(axis=-2)
    start, total = y[:, :1], g.sum(axis=1)
    regret = np.sum((y[:, :-1] - start) * g, axis=(1, -1))
    squares = np.sum(g**2, axis=(1, -1))
    moved = np.sum((y[:, -1] - y[:, 0]) ** 2, axis=-1)
    lemma = (regret, -eta / 2 * squares, moved / (2 * eta))
    after, before = (np.sum((x - optimum) ** 2, axis=-1) for x in (run.outputs[1:], run.outputs[:-1]))
    descent = 2 * gamma * eta * np.sum((y[:, :-1] - optimum) * g, axis=(1, -1))
    outer = gamma * (gamma - 1) * eta**2 * np.sum(total**2, axis=-1)
    one_round = (after, -before, descent, -gamma * eta**2 * squares, -outer)
    return {"lemma6": _relative(lemma), "eq13": _relative(one_round)}


def _relative(parts: tuple[Array, ...]) -> Array:
    return np.asarray(np.abs(sum(parts)) / sum(np.abs(part) for part in parts))


def _apart(first: Array, second: Array, optimum: Array) -> Array:
    """The largest distance of two sequences (R+1, n, d), relative to the farthest that one is from the optimum."""
    size = np.maximum(*(np.linalg.norm(x - optimum, axis=-1).max(axis=0) for x in (first, second)))
    return np.asarray(np.linalg.norm(first - second, axis=-1).max(axis=0) / size)


Rule = Callable[..., Any]


def round_errors(
    seed: int,
    n: int,
    *,
    local: Rule = local_sgd,
    momentum: Rule = local_sgd_outer_momentum,
    accelerated: Rule = local_sgd_outer_acceleration,
) -> xr.Dataset:
    """The relative error of every identity on n random instances; the rules may be exchanged for others.

    `lemma6`, `eq13`: largest over the rounds.  `averaging`: gamma = 1 against the mean of the workers.  `product`:
    two runs of one local step whose eta and gamma differ but not eta gamma, against minibatch steps.  `no_momentum`:
    momentum 0 against the rule without.  `acceleration`: one local step against the two sequences of the accelerated
    method written out.  `no_noise`: one worker against four.
    """
    generator = stream(seed, experiment="khaled2025-rounds")
    L, B = 10 ** generator.uniform(-2, 2, n), 10 ** generator.uniform(-2, 2, n)
    width = B * 10 ** generator.uniform(-1.5, 0, n)
    shape: dict[str, Any] = {"L": L, "mu": 0.2 * L, "width": width, "B": B, "d": DIMENSION}
    problem, alone = asymmetric_softplus(**shape, M=WORKERS), asymmetric_softplus(**shape, M=1)
    optimum, start = problem.optimum, np.zeros((n, DIMENSION))
    eta = generator.uniform(0.01, 0.9, n) / L
    gamma = generator.uniform(0.1, 1.8, n)
    rounds, steps = 6, 5
    size = L * B * 10 ** generator.uniform(-2, 1, n)
    noise = size[:, None, None] * generator.standard_normal((rounds, steps, n, WORKERS, DIMENSION))
    once = noise[:, :1]

    def run(algorithm: Algorithm[Any], noise: Array = noise, of: Problem = problem) -> Transcript:
        return transcript(algorithm, of, start, noise)

    whole = run(local(eta=eta, gamma=gamma))
    errors = {name: error.max(axis=0) for name, error in regret_errors(whole, optimum, eta, gamma).items()}
    plain = run(local(eta=eta, gamma=1.0))
    averaged = np.concatenate([plain.outputs[:1], plain.points[:, -1].mean(axis=-2)])
    errors["averaging"] = _apart(plain.outputs, averaged, optimum)

    factor = generator.uniform(0.2, 5.0, n)
    step = eta * gamma
    batch = [start]
    for r in range(rounds):
        at = np.broadcast_to(batch[-1][:, None], (n, WORKERS, DIMENSION))
        batch.append(batch[-1] - step[:, None] * (problem.gradient(at) + once[r, 0]).mean(axis=-2))
    pairs = [run(local(eta=eta * f, gamma=gamma / f), once).outputs for f in (1.0, factor)]
    errors["product"] = np.maximum(*(_apart(pair, np.stack(batch), optimum) for pair in pairs))
    errors["no_momentum"] = _apart(run(momentum(eta=eta, gamma=gamma, momentum=0.0)).outputs, whole.outputs, optimum)
    below_1 = np.minimum(gamma, 1.0)
    fast = run(accelerated(eta=eta, gamma=below_1), once).outputs
    errors["acceleration"] = _apart(fast, accelerated_minibatch(problem, start, once, eta, below_1), optimum)
    quiet = [
        transcript(rule(eta=eta, gamma=below_1), of, start, np.zeros((rounds, steps, n, of.workers, DIMENSION)))
        for rule in (local, accelerated)
        for of in (problem, alone)
    ]
    errors["no_noise"] = np.maximum(*(_apart(quiet[i].outputs, quiet[i + 1].outputs, optimum) for i in (0, 2)))
    columns = {**errors, "L": L, "B": B, "eta": eta, "gamma": gamma, "gamma_at_most_1": below_1}
    return xr.Dataset(
        {name: ("instance", values) for name, values in columns.items()},
        attrs={"seed": seed, "M": WORKERS, "K": steps, "R": rounds, "d": DIMENSION},
    )


def accelerated_minibatch(problem: Problem, start: Array, noise: Array, eta: Array, gamma: Array) -> Array:
    """The outputs u_0, ..., u_R with one local step a round: tau_r = 2/(r + 2), gamma_r = gamma (r + 1)/2."""
    u, z = [start], start
    for r in range(len(noise)):
        x = u[-1] + 2 / (r + 2) * (z - u[-1])
        everywhere = np.broadcast_to(x[:, None], (*x.shape[:1], problem.workers, x.shape[-1]))
        move = eta[:, None] * (problem.gradient(everywhere) + noise[r, 0]).mean(axis=-2)
        u, z = [*u, x - move], z - gamma[:, None] * (r + 1) / 2 * move
    return np.stack(u)


@experiment("khaled2025-rounds")
def rounds(session: Session) -> xr.Dataset:
    """`round_errors` with the shipped rules; both implementations of local SGD take turns as the plain rule."""
    n = session.choose(quick=300, full=5000)
    both = [round_errors(session.seed + i, n, local=rule) for i, rule in enumerate((local_sgd, fedavg))]
    return xr.concat(both, dim="instance", combine_attrs="drop_conflicts")


# --- What the rules are in special cases -----------------------------------------------------------------------------


@claim(
    "khaled2025/plain-averaging",
    "With $gamma = 1$ generalized local SGD averages the workers' iterates after every round.",
    theorem="khaled2025/eq2",
    kind="identity",
    data=rounds,
    expected="confirmed",
)
def plain_averaging(data: xr.Dataset) -> Vanishes:
    """Random smooth functions with a soft kink and random noise, step by step: every synchronized iterate against the
    mean of the workers' last local iterates."""
    what = "distance of the synchronized iterate at gamma = 1 from the workers' mean"
    return Vanishes(Measurement.of(data, "averaging", what=what, symbols={"gamma": 1.0}), ROUNDING)


@claim(
    "khaled2025/one-local-step",
    "With one local step the run depends on $gamma$ and $eta$ through their product only: it is minibatch SGD.",
    theorem="khaled2025/minibatch",
    kind="identity",
    data=rounds,
    expected="confirmed",
)
def one_local_step(data: xr.Dataset) -> Vanishes:
    """Two pairs of steps with the same product on the same noise, each against minibatch SGD with step $gamma eta$."""
    what = "distance of the run with one local step from minibatch SGD"
    return Vanishes(Measurement.of(data, "product", what=what, symbols={"K": 1.0}), ROUNDING)


@claim(
    "khaled2025/no-momentum",
    "With momentum 0 the rule with outer momentum is generalized local SGD.",
    theorem="khaled2025/thm2",
    kind="identity",
    data=rounds,
    expected="confirmed",
    outside=ANY_STEPS,
)
def no_momentum(data: xr.Dataset) -> Vanishes:
    """Both rules on the same functions with the same noise."""
    what = "distance of the run with momentum 0 from the rule without"
    return Vanishes(Measurement.of(data, "no_momentum", what=what, symbols={"momentum": 0.0}), ROUNDING)


@claim(
    "khaled2025/accelerated-one-local-step",
    "With one local step the accelerated outer loop is accelerated minibatch SGD.",
    theorem="khaled2025/thm3",
    kind="identity",
    data=rounds,
    expected="confirmed",
    outside=ANY_STEPS,
)
def accelerated_one_local_step(data: xr.Dataset) -> Vanishes:
    """The shipped rule against the two sequences $u$ and $z$ written out with the minibatch gradient."""
    what = "distance of the accelerated run with one local step from accelerated minibatch SGD"
    symbols: dict[str, Source | None] = {"K": 1.0, "gamma": "gamma_at_most_1"}
    return Vanishes(Measurement.of(data, "acceleration", what=what, symbols=symbols), ROUNDING)


@claim(
    "khaled2025/no-noise-no-workers",
    "Without noise the number of workers changes nothing, with and without acceleration.",
    theorem="khaled2025/thm1",
    kind="identity",
    data=rounds,
    expected="confirmed",
    outside=ANY_STEPS,
)
def no_noise_no_workers(data: xr.Dataset) -> Vanishes:
    """The same run with one worker and with four."""
    what = "distance of the runs with one worker and with four, without noise"
    symbols: dict[str, Source | None] = {"sigma": 0.0, "gamma": "gamma_at_most_1"}
    return Vanishes(Measurement.of(data, "no_noise", what=what, symbols=symbols), ROUNDING)


# --- The regret of a round -------------------------------------------------------------------------------------------


@claim(
    "khaled2025/lemma6",
    "Lemma 6: in every round $sum_h <y_h - x_r$, $g_h> = (eta/2) sum_h |g_h|^2 - |y_H - x_r|^2 / (2 eta)$, whatever"
    " $eta$.",
    theorem="khaled2025/thm1",
    kind="identity",
    data=rounds,
    expected="confirmed",
    outside=ANY_STEPS,
)
def lemma6(data: xr.Dataset) -> Vanishes:
    """Both sides along every round of random runs of the shipped rules, relative to the sum of their parts' sizes."""
    return Vanishes(Measurement.of(data, "lemma6", what="residual of Lemma 6"), ROUNDING)


@claim(
    "khaled2025/eq13",
    "Eq. (13): $|x_{r+1} - x*|^2 = |x_r - x*|^2 - 2 gamma eta sum_h <y_h - x*$, $g_h> + gamma eta^2 sum_h |g_h|^2 +"
    " gamma (gamma - 1) eta^2 |G_r|^2$ in every round of every run.",
    theorem="khaled2025/thm1",
    kind="identity",
    data=rounds,
    expected="confirmed",
    outside=ANY_STEPS,
)
def eq13(data: xr.Dataset) -> Vanishes:
    """Both sides along every round of random runs of the shipped rules, outer steps below and above 1."""
    return Vanishes(Measurement.of(data, "eq13", what="residual of Eq. (13)"), ROUNDING)
