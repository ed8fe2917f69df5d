"""Quadratics in closed form: second moments along the rounds, where they settle, and when rounds contract.

A linear rule's output is its value without noise plus what every single kick of noise leaves in it.  Kicks are given
one by one to the step-by-step rules, so that nothing here relies on the engine of exact moments, which is checked too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.rates.papers.khaled2025.quadratics import round_factor, round_variance
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import R as ROUNDS
from tightrate.rates.symbols.alphabet import gamma as OUTER_STEP
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.algorithms.local_sgd_outer_acceleration import local_sgd_outer_acceleration
from tightrate.simulator.algorithms.local_sgd_outer_momentum import local_sgd_outer_momentum
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import moved_fraction
from tightrate.simulator.exact.moments import Moments, exact_moments
from tightrate.verify.assertions.assertion import Controlled, Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.khaled2025.round_identities import ANY_STEPS
from tightrate.verify.papers.khaled2025.transcript import Transcript, transcript
from tightrate.verify.session import Session

Array = NDArray[np.float64]


# --- The mean gap of all local iterates ------------------------------------------------------------------------------


def average_local_gap(
    curvature: Array, start: Array, noise: Array, *, K: Array, R: Array, M: Array, eta: Array, gamma: Array
) -> Array:
    """The mean of E f(y) - f* over all local iterates of all workers of local SGD, on diagonal quadratics.

    `curvature`, `start` (distance from the optimum) and `noise` (standard deviation of one gradient) are (..., d), the
    others (...).  The theorem khaled2025/average-gap, summed over the coordinates; no differences of close numbers, so
    that it is accurate for the smallest steps too.
    """
    K, R, M, eta, gamma = (np.asarray(value, dtype=np.float64)[..., None] for value in (K, R, M, eta, gamma))
    q = eta * curvature
    shrunk, kept = q * (2 - q), gamma * moved_fraction(q, K)  # 1 - a^2 and 1 - b
    moved = kept * (2 - kept)  # 1 - b^2
    in_round, over_rounds = (
        np.where(rate > 0, moved_fraction(rate, count) / np.where(rate > 0, count * rate, 1.0), 1.0)
        for rate, count in ((shrunk, K), (moved, R))
    )  # means of a^(2h) and b^(2r)
    variance = gamma**2 * eta**2 * noise**2 * K * in_round / M
    settled = np.where(moved > 0, (1 - over_rounds) * variance / np.where(moved > 0, moved, 1.0), 0.0)
    spread = np.where(shrunk > 0, (1 - in_round) / np.where(shrunk > 0, shrunk, 1.0), 0.0) * eta**2 * noise**2
    return np.asarray(np.sum(curvature / 2 * (in_round * (over_rounds * start**2 + settled) + spread), axis=-1))


# --- Moments by single kicks of noise, and by recursions -------------------------------------------------------------


def kicked(algorithm: Algorithm[Any], curvature: Array, start: Array, *, K: int, R: int, M: int) -> Transcript:
    """Runs in one dimension, (1 + R K M) of them for each of the n instances: without noise, then one unit kick each.

    The replica axis of the transcript is (n, 1 + R K M), flattened; `algorithm` has the parameters of the instances.
    """
    kicks = R * K * M
    sources = np.zeros((R, K, 1 + kicks, M, 1))
    for source, (r, h, m) in enumerate(np.ndindex(R, K, M), start=1):
        sources[r, h, source, m] = 1.0
    n = len(curvature)
    spread = np.repeat(curvature, 1 + kicks)[:, None, None]
    problem = DiagonalQuadratics(np.broadcast_to(spread, (len(spread), M, 1)), np.zeros((len(spread), M, 1)))
    return transcript(algorithm, problem, np.repeat(start, 1 + kicks)[:, None], np.tile(sources, (1, 1, n, 1, 1)))


def second_moment(values: Array, n: int, noise: Array) -> Array:
    """E x^2 (..., n) from the flattened runs of `kicked` (..., n (1 + kicks)) and the noise's standard deviations."""
    runs = values.reshape(*values.shape[:-1], n, -1)
    kicks = runs[..., 1:] - runs[..., :1]
    return np.asarray(runs[..., 0] ** 2 + noise**2 * np.sum(kicks**2, axis=-1))


def momentum_moments(b: Array, v: Array, momentum: Array, start: Array, rounds: int) -> Array:
    """E x_r^2 (R+1, n) of x_{r+1} = (b + momentum) x_r - momentum x_{r-1} + noise of variance v, x_{-1} = x_0."""
    turn = np.zeros((*b.shape, 2, 2))
    turn[..., 0, 0], turn[..., 0, 1], turn[..., 1, 0] = b + momentum, -momentum, 1.0
    return _recursion(lambda _: turn, v, lambda _: np.array([1.0, 0.0]), start, rounds)


def accelerated_moments(a_K: Array, v: Array, gamma: Array, start: Array, rounds: int) -> Array:
    """E u_r^2 (R+1, n) of u_{r+1} = a^K x_r + n, z_{r+1} = z_r - gamma_r ((1 - a^K) x_r - n), Var n = v."""

    def turn(r: int) -> Array:
        tau, gamma_r = 2 / (r + 2), gamma * (r + 1) / 2
        found = np.empty((*a_K.shape, 2, 2))
        found[..., 0, 0], found[..., 0, 1] = a_K * (1 - tau), a_K * tau
        found[..., 1, 0], found[..., 1, 1] = -gamma_r * (1 - a_K) * (1 - tau), 1 - gamma_r * (1 - a_K) * tau
        return found

    return _recursion(turn, v, lambda r: np.stack([0 * gamma + 1, gamma * (r + 1) / 2], axis=-1), start, rounds)


def _recursion(
    turn: Callable[[int], Array], variance: Array, direction: Callable[[int], Array], start: Array, rounds: int
) -> Array:
    """E s_r[0]^2 of s_{r+1} = turn(r) s_r + direction(r) n_r, Var n_r = variance, s_0 = (start, start)."""
    n = len(start)
    moment = np.ones((n, 2, 2)) * start[:, None, None] ** 2
    found = [moment[:, 0, 0]]
    for r in range(rounds):
        kick = np.broadcast_to(direction(r), (n, 2))
        step = turn(r)
        moment = step @ moment @ np.swapaxes(step, -1, -2)
        moment = moment + variance[:, None, None] * kick[:, :, None] * kick[:, None, :]
        found.append(moment[:, 0, 0])
    return np.stack(found)


@experiment("khaled2025-closed-forms")
def closed_forms(session: Session) -> xr.Dataset:
    """Random parabolas: moments of local SGD, with momentum and with acceleration, along the rounds.

    `second_moment` (rule, way, $R$, instance) by single kicks, by the engine of exact moments and by recursion, and
    `mean` ($R$, instance) by the engine, both up to round `rounds` of the instance; `average_gap` over all local
    iterates by kicks and `average_gap_stable` by `average_local_gap`; `settled` is the engine's second moment after
    $10^9$ rounds. $sigma$ is the noise per coordinate, `gamma_at_most_1` the outer step of the accelerated rule."""
    n = session.choose(quick=60, full=1000)
    generator = stream(session.seed, experiment="khaled2025-closed-forms")
    parts = [_closed_forms(generator, n, K, R, M) for K, R, M in ((1, 6, 3), (3, 5, 2), (5, 4, 2), (4, 6, 1))]
    return xr.concat(parts, dim="instance", join="outer", fill_value=np.nan).assign_attrs(seed=session.seed)


def _closed_forms(generator: np.random.Generator, n: int, K: int, R: int, M: int) -> xr.Dataset:
    curvature, start = 10 ** generator.uniform(-2, 1, n), 10 ** generator.uniform(-1, 1, n)
    noise = curvature * start * 10 ** generator.uniform(-2, 1, n)
    eta = generator.uniform(0.02, 1.2, n) / curvature
    gamma, momentum = generator.uniform(0.1, 1.6, n), generator.uniform(0.0, 0.95, n)
    below_1 = np.minimum(gamma, 1.0)
    symbols = {"curvature": curvature, "B": start, "sigma": noise, "eta": eta, "gamma": gamma, "momentum": momentum}
    symbols |= {name: np.full(n, float(value)) for name, value in (("K", K), ("M", M))}
    factor, variance = (at(part, symbols) for part in (round_factor(), round_variance()))
    inner, inner_variance = (at(part, symbols, gamma=np.ones(n)) for part in (round_factor(), round_variance()))
    rules: dict[str, tuple[Callable[..., Algorithm[Any]], dict[str, Array], Array]] = {
        "local": (local_sgd, {"eta": eta, "gamma": gamma}, momentum_moments(factor, variance, 0 * eta, start, R)),
        "momentum": (
            local_sgd_outer_momentum,
            {"eta": eta, "gamma": gamma, "momentum": momentum},
            momentum_moments(factor, variance, momentum, start, R),
        ),
        "accelerated": (
            local_sgd_outer_acceleration,
            {"eta": eta, "gamma": below_1},
            accelerated_moments(inner, inner_variance, below_1, start, R),
        ),
    }
    problem = DiagonalQuadratics(np.broadcast_to(curvature[:, None, None], (n, M, 1)), np.zeros((n, M, 1)))
    along = np.arange(R + 1.0)

    def engine(rule: Algorithm[Any], rounds: Array, noise: GaussianNoise | None) -> Moments:
        R = np.broadcast_to(rounds, (n, len(rounds)))
        return exact_moments(rule, problem, K=K, R=R, noise=noise, start=start[:, None]).last

    def exactly(rule: Algorithm[Any], rounds: Array) -> Array:
        """E x_r^2 (rounds, n); the engine is given noise of variance 1."""
        found = engine(rule, rounds, GaussianNoise(1.0))
        return np.asarray(found.mean[..., 0] ** 2 + noise[:, None] ** 2 * found.spread[..., 0]).T

    runs = {
        name: kicked(rule(**{key: np.repeat(step, 1 + R * K * M) for key, step in steps.items()}), curvature, start,
                     K=K, R=R, M=M)
        for name, (rule, steps, _) in rules.items()
    }  # fmt: skip
    moments = [
        [second_moment(runs[name].outputs[..., 0], n, noise), exactly(rule(**steps), along), recursion]
        for name, (rule, steps, recursion) in rules.items()
    ]
    local = local_sgd(eta=eta, gamma=gamma)
    points = second_moment(runs["local"].points[:, :K, :, :, 0].swapaxes(-1, -2), n, noise)
    counts = {name: symbols[name] for name in ("K", "M")} | {"R": np.full(n, float(R))}
    columns = {
        **symbols,
        "gamma_at_most_1": below_1,
        "rounds": counts["R"],
        "scale": start**2 + eta**2 * noise**2,
        "settled": exactly(local, np.array([1e9]))[0],
        "average_gap": curvature / 2 * points.mean(axis=(0, 1, 2)),
        "average_gap_stable": average_local_gap(
            curvature[:, None], start[:, None], noise[:, None], **counts, eta=eta, gamma=gamma
        ),
    }
    return xr.Dataset(
        {
            "second_moment": (("rule", "way", "R", "instance"), np.array(moments)),
            "mean": (("R", "instance"), np.abs(engine(local, along, None).mean[..., 0]).T),
            **{name: ("instance", values) for name, values in columns.items()},
        },
        coords={"R": along, "rule": list(rules), "way": ["kicks", "engine", "recursion"]},
    )


def along_the_rounds(data: xr.Dataset) -> xr.Dataset:
    """The rounds of all instances on one axis, because runs have different lengths."""
    cells = data.stack(cell=("R", "instance")).reset_index("cell")
    return cells.isel(cell=np.flatnonzero(cells.rounds >= cells.R))


def second_moments(data: xr.Dataset, rule: str, what: str, **symbols: str) -> Equal:
    """E x_r^2 step by step and by the engine of exact moments, against the recursion."""
    cells = along_the_rounds(data.sel(rule=rule, drop=True))
    moments = cells.second_moment
    found = Measurement.of(cells, moments.sel(way=["kicks", "engine"]), what=what, symbols=symbols)
    exact = moments.sel(way="recursion", drop=True)
    return Equal(found, exact, scale=cells.scale, matters=1e-4, absolute=1e-13)


@claim(
    "khaled2025/second-moments",
    "On a quadratic $E x_r^2$ follows $b^2 E x_r^2 + gamma^2 eta^2 s^2 S_K / M$ with $b = 1 - gamma + gamma a^K$,"
    " round by round.",
    theorem="khaled2025/stationary",
    kind="exact value",
    data=closed_forms,
    expected="confirmed",
)
def local_second_moments(data: xr.Dataset) -> Equal:
    """Exact second moments of the shipped rule, from its response to every single kick of noise and from the engine of
    exact moments, against the recursion, on random instances."""
    return second_moments(data, "local", "second moment of local SGD")


@claim(
    "khaled2025/momentum-second-moments",
    "With outer momentum $x_{r+1}$ = ($b$ + momentum) $x_r$ - momentum $x_{r-1}$ + noise, of the same variance.",
    theorem="khaled2025/thm2",
    kind="exact value",
    data=closed_forms,
    expected="confirmed",
    outside=ANY_STEPS,
)
def momentum_second_moments(data: xr.Dataset) -> Equal:
    """The same two ways, against the second moments of the two-term recursion."""
    return second_moments(data, "momentum", "second moment with outer momentum", L="curvature")


@claim(
    "khaled2025/accelerated-second-moments",
    "On a quadratic the accelerated loop is $u_{r+1} = a^K x_r + n$, $z_{r+1} = z_r - gamma_r ((1 - a^K) x_r - n)$,"
    " the same $n$ in both.",
    theorem="khaled2025/thm3",
    kind="exact value",
    data=closed_forms,
    expected="confirmed",
    outside=ANY_STEPS,
)
def accelerated_second_moments(data: xr.Dataset) -> Equal:
    """The same two ways, against the recursion of the covariance of $(u, z)$."""
    what = "second moment of the accelerated loop"
    return second_moments(data, "accelerated", what, L="curvature", gamma="gamma_at_most_1")


@claim(
    "khaled2025/quadratic-mean",
    "On a quadratic the mean of $x_R$ is $((1 - gamma) I + gamma (I - eta Q)^K)^R x_0$, with the exponent $R$.",
    kind="exact value",
    data=closed_forms,
    expected="confirmed",
)
def quadratic_mean(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The mean along the rounds by the engine of exact moments, against the theorem's expression."""
    cells = along_the_rounds(data)
    found = Measurement.of(cells, "mean", what="mean on a quadratic")
    return Equal(found, theorem, scale=cells.B, matters=1e-4, absolute=1e-13)


@claim(
    "khaled2025/quadratic-mean-as-legible",
    "The mean of $x_R$ is $((1 - gamma) I + gamma (I - eta Q)^K) x_0$, as legible in the available text, which"
    " has no exponent $R$.",
    theorem="khaled2025/quadratic-mean",
    kind="counterexample",
    data=closed_forms,
    expected="violated",
)
def quadratic_mean_as_legible(theorem: Theorem, data: xr.Dataset) -> Controlled:
    """The mean after every round against that after the first: with one round both readings agree, later they part.

    The conversion of the text lost raised and lowered signs elsewhere, so that this may be no slip of the paper.  The
    control is the expression with the exponent.
    """
    cells = along_the_rounds(data.sel(R=slice(1, None)))
    found = Measurement.of(cells, "mean", what="mean on a quadratic")
    legible = found.at(theorem.bound.expression.subs(ROUNDS, 1))
    return Controlled(
        *(Equal(found, exact, scale=cells.B, matters=1e-4, absolute=1e-13) for exact in (legible, theorem))
    )


@claim(
    "khaled2025/stationary",
    "On a quadratic with noise $E (x_r - x*)^2$ settles at $gamma eta^2 s^2 S_K / (M (1 - a^K)(2 - gamma (1 -"
    " a^K)))$ wherever rounds contract.",
    kind="exact value",
    data=closed_forms,
    expected="confirmed",
)
def stationary(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The second moment after $10^9$ rounds by the engine of exact moments, against the theorem's expression."""
    found = Measurement.of(data, "settled", what="stationary second moment", symbols={"R": 1e9})
    return Equal(found, theorem, scale=data.scale)


@claim(
    "khaled2025/average-gap",
    "On a quadratic the mean gap over all local iterates of all workers has the stated closed form.",
    kind="exact value",
    data=closed_forms,
    expected="confirmed",
)
def average_gap(theorem: Theorem, data: xr.Dataset) -> Equal:
    """Step by step from the response to every kick of noise, and by the form without cancellation that the other tests
    use, against the theorem's expression."""
    both = xr.concat([data.average_gap, data.average_gap_stable], dim="form")
    found = Measurement.of(data, both, what="mean gap of the local iterates", symbols={"R": "rounds"})
    return Equal(found, theorem, scale=data.curvature * data.scale, relative=1e-11)


# --- When rounds contract --------------------------------------------------------------------------------------------

SHARES = np.array([-0.02, 0.02, 0.98, 1.02])  # of gamma (1 - a^K) in (0, 2)
LATE = 1000  # rounds until growth is measured, and over which it is
GROWS = 1.05  # 1.04^2 = 1.08 is the growth 2 % outside


def moved_by_a_round(stationary: Theorem) -> sympy.Expr:
    """gamma (1 - a^K), which the condition that rounds contract keeps below 2."""
    relation = next(c.relation for c in stationary.conditions if "rounds contract" in c.text)
    assert isinstance(relation, sympy.Lt)
    return relation.lhs


@experiment("khaled2025-stability")
def stability(session: Session) -> xr.Dataset:
    """One curvature, noise, local steps that contract or not: `growth` (instance) of $E x^2$ in a round, late.

    The exact second moments after 1000 and 2000 rounds. $gamma$ is such that $gamma (1 - a^K)$, a = $1 - eta$
    curvature, is `share` of 2; below 0 where $K$ is even and a below -1."""
    n = session.choose(quick=400, full=4000)
    generator = stream(session.seed, experiment="khaled2025-stability")
    share = SHARES[np.arange(n) % len(SHARES)]
    K = generator.integers(1, 9, n).astype(np.float64)
    K = np.where(share < 0, 2 * np.ceil(K / 2), K)
    curvature = 10 ** generator.uniform(-1, 1, n)
    step = np.where(share < 0, generator.uniform(2.05, 2.6, n), 10 ** generator.uniform(-2, np.log10(1.95), n))
    odd = (share > 0) & (K % 2 == 1) & (generator.random(n) < 0.5)
    step = np.where(odd, generator.uniform(2.05, 2.6, n), step)  # local steps diverge, rounds need not
    eta = step / curvature
    moved = sympy.simplify(moved_by_a_round(statement("khaled2025/stationary")) / OUTER_STEP)
    gamma = 2 * share / at(moved, curvature=curvature, eta=eta, K=K)
    problem = QuadraticWorkers(curvature[:, None, None, None], np.zeros((n, 1, 1)))
    rule, one = local_sgd(eta=eta, gamma=gamma), GaussianNoise(1.0)
    early, late = (
        exact_moments(rule, problem, K=K, R=R, noise=one, start=np.ones((n, 1))).last.squared_distance
        for R in (LATE, 2 * LATE)
    )
    columns = {"growth": (late / early) ** (1 / LATE), "share": share, "curvature": curvature, "eta": eta}
    columns |= {"gamma": gamma, "K": K}
    return xr.Dataset(
        {name: ("instance", values) for name, values in columns.items()},
        attrs={"sigma": 1.0, "M": 1, "rounds": [LATE, 2 * LATE]},
    )


@claim(
    "khaled2025/stable-range",
    "On a quadratic with noise $E x_r^2$ stays bounded exactly where $0 < gamma (1 - a^K) < 2$.",
    theorem="khaled2025/stationary",
    kind="regime",
    data=stability,
    outside="both sides of the range are tested, with local steps that contract and that do not",
)
def stable_range(theorem: Theorem, data: xr.Dataset) -> Every:
    """Exact second moments 2 % of the range inside and outside of both ends, local steps that diverge among them: from
    1000 to 2000 rounds they stay inside and grow outside."""
    growth = Measurement.of(data, "growth")
    moved = growth.at(moved_by_a_round(theorem))
    contracts = (moved > 0) & (moved < 2)

    def where(rows: xr.DataArray, what: str) -> Measurement:
        return Measurement.of(data.isel(instance=np.flatnonzero(rows)), "growth", what=what, rounding=1e-12)

    return Every(
        {
            "inside": AtMost(where(contracts, "growth of the second moment in a round"), xr.DataArray(1.0)),
            "outside": AtLeast(where(~contracts, "growth of the second moment in a round"), xr.DataArray(GROWS)),
        }
    )
