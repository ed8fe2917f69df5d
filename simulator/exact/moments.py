"""Exact moments: mean, covariance and expected gap of linear algorithms on quadratics, without sampling.

A round is an affine map with noise on the server's coordinates, and R rounds are its R-th power.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Algorithm, Array
from tightrate.simulator.batch.replica_axis import common_batch, replicas_of, restrict
from tightrate.simulator.client_sampling import check_clients
from tightrate.simulator.exact.affine_gaussian import compose
from tightrate.simulator.exact.client_sampling import SampledRounds, every_worker
from tightrate.simulator.exact.linear_form import LinearForm, RoundForm
from tightrate.simulator.exact.local_gradient_descent import moved_fraction
from tightrate.simulator.exact.quadratic_rounds import QuadraticRounds, Spectrum, noise_variances
from tightrate.simulator.exact.stacked_rounds import (
    StackedForm,
    StackedMoments,
    instance_of,
    resting_state,
    stacked_forms,
)

ROUNDS_AT_ONCE = 4096  # of a method whose coefficients change with the round
NUMBERS_AT_ONCE = 1 << 20
EPSILON = 2.0**-52
EXACT = 1e-13  # of what has closed forms, with room


@dataclass(frozen=True)
class Moments:
    """Mean, covariance and measures of one iterate; the leading axes are (replica,), or (replica, round).

    `mean` (..., d); `gap` E F(x) - F(x*) and `squared_distance` E |x - x*|^2 (...), infinite where the method
    diverges, nan for an average over no steps.  `spread` holds the covariance in `basis`: variances (..., d) where
    all Hessians commute, a matrix (..., d, d) in the original coordinates (basis None) where they do not.  With
    sampled clients the eigenvalues' coordinates are `correlated`, and variances are not all of the covariance.
    """

    mean: Array
    gap: Array
    squared_distance: Array
    spread: Array
    basis: Array | None
    correlated: bool = False

    @cached_property
    def covariance(self) -> Array:
        """Covariance matrix, (..., d, d)."""
        if self.basis is None:
            return self.spread
        if self.correlated:
            raise TightrateError(
                "with sampled clients only the variances along the common eigenvectors are known, not the covariance"
            )
        return np.asarray((self.basis * self.spread[..., None, :]) @ np.swapaxes(self.basis, -1, -2))


@dataclass(frozen=True)
class StateMoments:
    """Mean and covariance of one array of the state after the last communication, such as a momentum.

    `mean` (..., d) and `covariance` (..., d, d), with the leading axes of `Moments`; where every worker is followed
    there is an axis of workers before d, of one worker where all share the array.
    """

    mean: Array
    covariance: Array


@dataclass(frozen=True)
class ExactRun:
    """The output after the last communication, and the (weighted) average over all local steps where asked for.

    `accuracy` bounds what rounding leaves: of means relative to the distance from the start to the fixed point, of
    variances relative to themselves; over (replica,), or (replica, round).  `communications` is their expected number.
    `state` has every array of the state by name, where asked for.
    """

    last: Moments
    average: Moments | None
    accuracy: Array
    communications: Array | None = None
    state: Mapping[str, StateMoments] = field(default_factory=dict)

    @property
    def digits(self) -> Array:
        """How many decimal digits hold."""
        return np.asarray(np.maximum(np.floor(-np.log10(self.accuracy)), 0.0))


def exact_moments(
    algorithm: Algorithm[Any],
    problem: Problem,
    *,
    K: ArrayLike,
    R: ArrayLike,
    noise: Noise | None = None,
    averaging_decay: ArrayLike | None = None,
    start: ArrayLike = 0.0,
    clients: int | None = None,
    state: bool = False,
) -> ExactRun:
    """Moments of a linear algorithm on quadratic workers with additive noise, for a whole batch of (K, R, steps).

    Arguments are those of `sample`, except that K and R may be as large as 10^9 (K = inf where it exists) and that R
    may be an array (replica, rounds), to follow a run along its rounds: results then have these two leading axes.
    The cost is O(log K + log R), and O(log K + R) where coefficients change with the round.  `noise` enters by its
    variance alone, which must be finite.  K = inf is the limit of many local steps, if they settle; a method that
    pools its gradients then has exact ones.  With `clients` of the workers drawn in every round the draw adds to the
    covariance; gaps, means and variances stay exact.

    Means and covariances are accurate to about 10^-14, relative to the distance from the start to the fixed point
    and to the covariance, for any K, R and step size, where Hessians commute; where they do not, to about
    10^-14 + 2^-52 L / min_m mu_m, mu_m being the least eigenvalue of worker m: the smallest eigenvalues of dense
    matrices are known no better.  Where coefficients change with the round, as those of an accelerated outer step, the
    products of their maps lose digits: 4 R^2 2^-52 is added.  The result says so: `ExactRun.accuracy` and `digits`.

    With `state` the moments of every array of the state after the last communication are found, too: of momenta,
    control variates and averages that a method keeps.

    What a method says of itself is tried (`linear_check`).  Where workers keep something of their own from round to
    round, toss coins or are written as whole rounds, the state of all of them is followed (`stacked_rounds`): for few
    workers, dimensions and steps.

    Args:
        algorithm: a linear method, such as `ALGORITHMS["local-sgd"](eta=0.1)`
        problem: quadratic workers
        K: local steps, a number or (replica,)
        R: rounds, a number, (replica,) or (replica, rounds)
        noise: additive noise of a finite variance; none unless given
        averaging_decay: the decay of the weights of the average, a number or (replica,)
        start: where the runs start, broadcast to (replica, dimension)
        clients: how many workers take part in a round; all unless given

    Returns:
        Moments of the `last` and of the `average` output: means (replica, dimension), covariances (replica, dimension,
        dimension) and gaps (replica,), with their `accuracy`.

    Raises:
        TightrateError: for a method that is not linear, or a problem that is not quadratic.

    >>> from tightrate.constructions.problem import PROBLEMS
    >>> from tightrate.simulator.algorithm import ALGORITHMS
    >>> pair = PROBLEMS["rank-one-pair"](cosine=0.5)
    >>> found = exact_moments(ALGORITHMS["local-sgd"](eta=1.0), pair, K=float("inf"), R=1)
    >>> found.last.gap.round(12).tolist()
    [0.046875]
    """
    _check_noise(noise)
    check_clients(algorithm, problem, clients)
    if algorithm.linear and not LinearForm.exists(algorithm):
        return _stacked(
            algorithm,
            problem,
            K=K,
            R=R,
            noise=noise,
            averaging_decay=averaging_decay,
            start=start,
            clients=clients,
            state=state,
        )
    if state and len(algorithm.stages()) > 1:
        raise TightrateError("a method of several stages has no single state: ask for its output")
    sampled = clients is not None and clients < problem.workers
    spectrum = every_worker(problem) if sampled else Spectrum.of(problem)
    steps, rounds = np.asarray(K, dtype=np.float64), np.asarray(R, dtype=np.float64)
    q = np.asarray(0.0 if averaging_decay is None else averaging_decay, dtype=np.float64)
    check_counts(steps, rounds)
    along_rounds = rounds.ndim == 2
    rounds = rounds if along_rounds else rounds[..., None]
    x0 = np.asarray(start, dtype=np.float64)
    x0 = x0[..., 0, :] if x0.ndim == 3 else x0
    shapes = (steps.shape, rounds.shape[:-1], q.shape, problem.optimum.shape[:-1], x0.shape[:-1])
    count = common_batch(*shapes, replicas_of(algorithm))
    steps, q, rounds = steps + np.zeros(count), q + np.zeros(count), rounds + np.zeros((count, 1))
    endless = np.isinf(steps)
    if averaging_decay is not None and endless.any():
        if q[endless].any() or not all(stage.pools_gradients for stage, _ in algorithm.stages()):
            raise TightrateError("an average over infinitely many local steps is not defined: use output last")
        steps = np.where(endless, 1.0, steps)  # of equal points, one in each round
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        weight = None if averaging_decay is None else total_weight(q[:, None], steps[:, None] * rounds)
        displacement = x0 - problem.optimum + np.zeros((count, problem.dimension))
        last, average, before, done = None, None, None, 0.0
        accuracy = np.full(rounds.shape, EXACT)
        for stage, length in algorithm.stages():
            exact_gradients = endless & stage.pools_gradients  # means of infinitely many
            own = np.where(exact_gradients, 1.0, steps)
            form = LinearForm.of(stage).with_steps(own, None if averaging_decay is None else q)
            variances = noise_variances(noise, problem, spectrum)
            if exact_gradients.any():
                variances = variances * ~exact_gradients[:, None, None]
            if sampled:
                server: QuadraticRounds = SampledRounds(form, spectrum, own, variances, int(clients or 0))
            else:
                server = QuadraticRounds(form, spectrum, own, variances)
            now = (server.start(displacement)[:, None], None) if before is None else _handed_over(before, server)
            coordinates = _after(server, np.clip(rounds - done, 0, length), *now)
            here = rounds > done
            accuracy = accuracy + _lost(form, spectrum, np.clip(rounds - done, 0, length))
            last = _chosen(here, _moments(server, form.output[:, None], *coordinates, problem), last)
            if weight is not None:
                sums = np.eye(form.start.shape[1])[-1] / weight[..., None]
                average = _chosen(here, _moments(server, sums, *coordinates, problem), average)
            if not (rounds > done + length).any():
                break
            before = server, *_after(server, np.full((count, 1), length), *now)
            done += length
    assert last is not None
    fields = _fields(server, coordinates, algorithm, problem, steps, rounds) if state else {}
    if not along_rounds:
        last, average, accuracy = _first_round(last), None if average is None else _first_round(average), accuracy[:, 0]
        fields = {name: StateMoments(own.mean[:, 0], own.covariance[:, 0]) for name, own in fields.items()}
    return ExactRun(last, average, accuracy, rounds if along_rounds else rounds[:, 0], fields)


def _fields(
    server: QuadraticRounds,
    coordinates: tuple[Array, Array],
    algorithm: Algorithm[Any],
    problem: Problem,
    steps: Array,
    rounds: Array,
) -> dict[str, StateMoments]:
    """Moments of every array of the state: displacements, seen from where a run that starts at the optimum is."""
    found = {}
    count = len(rounds)
    rest = [
        [
            resting_state(
                restrict(algorithm, np.array([index]), count, (1, problem.workers, problem.dimension)),
                one,
                one.optimum,
                float(steps[index]),
                int(R),
            )
            for R in rounds[index]
        ]
        for index, one in ((index, instance_of(problem, index)) for index in range(count))
    ]
    for name, row in server.form.form.buffers.items():
        combination = np.concatenate([row, np.zeros(server.form.start.shape[1] - len(row))])
        own = _moments(server, np.broadcast_to(combination, (count, 1, len(combination))), *coordinates, problem)
        origin = np.array([[at[name][0] for at in rests] for rests in rest])
        found[name] = StateMoments(own.mean - problem.optimum[..., None, :] + origin, own.covariance)
    return found


def _stacked(
    algorithm: Algorithm[Any],
    problem: Problem,
    *,
    K: ArrayLike,
    R: ArrayLike,
    noise: Noise | None,
    averaging_decay: ArrayLike | None,
    start: ArrayLike,
    clients: int | None,
    state: bool,
) -> ExactRun:
    """The moments of methods whose workers must all be followed, one replica after the other."""
    steps, rounds = np.asarray(K, dtype=np.float64), np.asarray(R, dtype=np.float64)
    check_counts(steps, rounds)
    along_rounds = rounds.ndim == 2
    rounds = rounds if along_rounds else rounds[..., None]
    x0 = np.asarray(start, dtype=np.float64)
    x0 = x0[..., 0, :] if x0.ndim == 3 else x0
    shapes = (
        steps.shape,
        rounds.shape[:-1],
        np.shape(0.0 if averaging_decay is None else averaging_decay),
        problem.optimum.shape[:-1],
        x0.shape[:-1],
    )
    count = common_batch(*shapes, replicas_of(algorithm))
    rounds, x0 = rounds + np.zeros((count, 1)), x0 + np.zeros((count, problem.dimension))
    forms = stacked_forms(
        algorithm, problem, K=K, noise=noise, averaging_decay=averaging_decay, clients=clients, count=count
    )
    found: list[list[StackedMoments]] = []
    of_state: list[Any] = []
    for index, form in enumerate(forms):
        ascending, place = np.unique(rounds[index], return_inverse=True)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            along = form.follow(x0[index], ascending.astype(np.int64).tolist())
        found.append([along[i] for i in place])
        if state:
            of_state.append([_centred(form, along[i], int(R)) for i, R in zip(place, rounds[index], strict=True)])

    def moments(average: bool) -> Moments:
        means = np.array([[one.average_mean if average else one.mean for one in row] for row in found])
        squares = np.array([[one.average_square if average else one.square for one in row] for row in found])
        with np.errstate(over="ignore", invalid="ignore"):
            hessian = np.asarray(problem.mean_hessian)  # type: ignore[attr-defined]
            gap = np.einsum("...ij,...ij->...", hessian if hessian.ndim == 2 else hessian[:, None], squares) / 2
            squared = np.trace(squares, axis1=-2, axis2=-1)
            spread = squares - means[..., :, None] * means[..., None, :]
        gap, squared = (np.where(value < 0, 0.0, value) for value in (gap, squared))  # rounding of what is 0
        undefined = np.isnan(means).all(axis=-1) & average & (rounds == 0)
        gap, squared = (np.where(np.isfinite(value) | undefined, value, np.inf) for value in (gap, squared))
        return Moments(problem.optimum[..., None, :] + means, gap, squared, spread, None)

    last = moments(False)
    average = None if averaging_decay is None else moments(True)
    accuracy = np.full(rounds.shape, EXACT) + 4 * rounds * EPSILON
    communications = np.array([[one.communications for one in row] for row in found])
    if not along_rounds:
        last, average = _first_round(last), None if average is None else _first_round(average)
        accuracy, communications = accuracy[:, 0], communications[:, 0]
        of_state = [row[0] for row in of_state]
    return ExactRun(last, average, accuracy, communications, _together(of_state))


def _centred(form: StackedForm, moments: StackedMoments, R: int) -> dict[str, StateMoments]:
    """The arrays of the state in the coordinates of the problem."""
    rest = form.resting_state(R)
    fields = form.fields(moments).items()
    return {name: StateMoments(mean + rest[name][: len(mean)], own) for name, (mean, own) in fields}


def _together(rows: Sequence[Any]) -> dict[str, StateMoments]:
    """The moments of replicas, or of replicas and rounds, as arrays with these leading axes."""
    if not rows:
        return {}
    if isinstance(rows[0], dict):
        return {
            name: StateMoments(
                np.stack([row[name].mean for row in rows]), np.stack([row[name].covariance for row in rows])
            )
            for name in rows[0]
        }
    return _together([_together(row) for row in rows])


def _lost(form: RoundForm, spectrum: Spectrum, rounds: Array) -> Array:
    """What rounding leaves beyond that of one operation; see `exact_moments`."""
    lost = 4 * rounds**2 * EPSILON if form.changes_with_the_round else np.zeros(rounds.shape)
    if spectrum.commute:
        return lost
    least, largest = (reduce(abs(spectrum.curvatures)) for reduce in (np.min, np.max))
    return lost + (EPSILON * largest / least if least > 0 else 1.0)


def _check_noise(noise: object) -> None:
    """Refuse noise that is not additive, or whose variance is infinite."""
    if noise is None:
        return
    if not isinstance(noise, Noise):
        raise TightrateError(f"exact moments need additive noise, not {type(noise).__name__}: use method sample")
    if not np.isfinite(noise.variance):
        raise TightrateError(f"exact moments need noise of finite variance, not {noise}: use method sample")


def check_counts(K: Array, R: Array) -> None:
    """Refuse what is not a number of local steps (K may be infinite) or of rounds."""
    for name, value, least in (("K", K, 1), ("R", R, 0)):
        wrong = (value < least) | (value != np.floor(value)) | (np.isinf(value) & (name == "R"))
        if wrong.any():
            raise TightrateError(f"{name} must be a whole number, at least {least}, not {value[wrong].flat[0]:g}")


def total_weight(q: Array, T: Array) -> Array:
    """The sum of (1 - q)^t over t < T."""
    return np.where(q == 0, T, moved_fraction(q, T) / np.where(q == 0, 1.0, q))


def _after(server: QuadraticRounds, R: Array, mean: Array, covariance: Array | None) -> tuple[Array, Array]:
    """Mean and covariance of the server's coordinates after the rounds R (replica, rounds); None is certainty."""
    if isinstance(server, SampledRounds):
        return server.unpacked(_followed(server, R, server.packed(mean, covariance), None)[0])
    return _followed(server, R, mean, covariance)


def _followed(server: QuadraticRounds, R: Array, mean: Array, covariance: Array | None) -> tuple[Array, Array]:
    """What the maps of the rounds make of a mean and a covariance."""
    if not server.form.changes_with_the_round:
        return server.maps(None).power(R[..., None]).moments(mean, covariance)
    mean = mean + np.zeros((len(R), 1, 1, 1))
    now = mean, np.zeros((*mean.shape, mean.shape[-1])) + (0.0 if covariance is None else covariance)
    found = tuple(np.repeat(part, R.shape[1], axis=1) for part in now)
    chunk = int(np.clip(NUMBERS_AT_ONCE // now[1].size, 1, ROUNDS_AT_ONCE))
    done = 0
    for end in np.unique(R).astype(np.int64):
        while done < end:
            ahead = np.arange(done, min(done + chunk, end))
            now = compose(server.maps(ahead)).moments(*now)
            done += len(ahead)
        for whole, part in zip(found, now, strict=True):
            np.copyto(whole, part, where=(end == R).reshape(*R.shape, *[1] * (whole.ndim - 2)))
    return found[0], found[1]


def _handed_over(before: tuple[QuadraticRounds, Array, Array], server: QuadraticRounds) -> tuple[Array, Array]:
    """The coordinates of a stage that starts from the output of the one before, and keeps adding to its sums."""
    first, mean, covariance = before
    matrix = server.form.start[:, :, None] * first.form.output[:, None, :]
    if server.form.sums:
        matrix[:, -1, -1] = 1.0
    matrix = server.lift(matrix[:, None])
    return (matrix @ mean[..., None])[..., 0], matrix @ covariance @ np.swapaxes(matrix, -1, -2)


def _chosen(here: NDArray[np.bool_], new: Moments, old: Moments | None) -> Moments:
    """The new moments at the rounds `here`, the old ones at the others."""
    if old is None:
        return new

    def choose(a: Array, b: Array) -> Array:
        return np.where(here.reshape(*here.shape, *[1] * (a.ndim - 2)), a, b)

    return Moments(
        choose(new.mean, old.mean),
        choose(new.gap, old.gap),
        choose(new.squared_distance, old.squared_distance),
        choose(new.spread, old.spread),
        new.basis,
        new.correlated,
    )


def _moments(server: QuadraticRounds, row: Array, mean: Array, covariance: Array, problem: Problem) -> Moments:
    """Moments of a combination (replica, rounds, p) of the server's coordinates that is an iterate."""
    undefined = ~np.isfinite(row).all(axis=-1)  # an average over no steps
    row, spectrum = server.lift(row[..., None, :]), server.spectrum
    at, spread = (row @ mean[..., None])[..., 0], row @ covariance @ np.swapaxes(row, -1, -2)
    if spectrum.commute:
        at, spread = at[..., 0], spread[..., 0, 0]
        square = at**2 + spread
        gap = (spectrum.curvatures.mean(axis=1)[:, None] * square).sum(axis=-1) / 2
        squared = square.sum(axis=-1)
    else:
        assert isinstance(problem, QuadraticWorkers)
        at, spread = at[..., 0, :], spread[..., 0, :, :]
        square = at[..., :, None] * at[..., None, :] + spread
        gap = np.einsum("...ij,...ij->...", problem.mean_hessian[..., None, :, :], square) / 2
        squared = np.trace(square, axis1=-2, axis2=-1)
    gap, squared = (np.where(np.isfinite(value) | undefined, value, np.inf) for value in (gap, squared))
    basis = spectrum.basis[:, None] if spectrum.commute else None
    correlated = isinstance(server, SampledRounds) and spectrum.commute
    return Moments(problem.optimum[..., None, :] + spectrum.from_modes(at), gap, squared, spread, basis, correlated)


def _first_round(moments: Moments) -> Moments:
    """The moments at the first of the rounds that were looked at, without the axis of rounds."""
    basis = None if moments.basis is None else moments.basis[:, 0]
    mean, gap, squared, spread = (
        part[:, 0] for part in (moments.mean, moments.gap, moments.squared_distance, moments.spread)
    )
    return Moments(mean, gap, squared, spread, basis, moments.correlated)
