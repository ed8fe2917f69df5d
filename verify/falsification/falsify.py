"""Falsification: an adversarial search over instance, step sizes and noise inside a theorem's conditions.

A violation is a witness that can be re-run.  The absence of one proves nothing: the verdict is `consistent`, with the
largest ratio that was found.  A lower bound that says "there is an instance" cannot be refuted by trying instances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from time import perf_counter
from typing import Any

import numpy as np

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.statements.builder import Statement
from tightrate.rates.statements.catalogue import theorem, theorem_ids
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.thresholds import ATTAINED, UNBOUNDED
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.exact_worst_case_claims import expressible, no_worse, worst_cases_of
from tightrate.verify.falsification.of_trial import LONGEST, POINTS, searches_of_trials
from tightrate.verify.falsification.optimizer import BATCH, maximize
from tightrate.verify.falsification.search import (
    SEARCHES,
    Array,
    Extreme,
    Point,
    ScalingSequence,
    Search,
    Tried,
    extreme_ratio,
)
from tightrate.verify.measurement import Measurement
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Progress, silent
from tightrate.verify.verdict import Verdict

ROUND = 1536  # evaluations of one restart
SLACK = 1e-9  # relative: what rounding may leave in a bound
NO_SEARCH = "No search is written for it; one file in verify/falsification/instances would do."


@dataclass(frozen=True)
class Falsification:
    """A search with its verdict, what it cost, and the command that runs the witness again."""

    search: Search | None
    theorem_id: str
    verdict: Verdict
    evaluations: int
    seconds: float
    command: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the search expects."""
        return self.verdict.status != "violated" if self.search is None else self.verdict.status == self.search.expected


def searches_for(pattern: str) -> tuple[Search, ...]:
    """The searches of a theorem (all its variants), or those whose names match a pattern; maybe none.

    A theorem for which none is written has those that its trials make.
    """
    found = tuple(
        search
        for name, search in SEARCHES.entries().items()
        if fnmatchcase(name, pattern) or fnmatchcase(search.theorem_id, pattern)
    )
    if found:
        return found
    named, _, trial = pattern.partition(":")
    if not _theorems(named):
        raise unknown_name("theorem", pattern, {*SEARCHES.names(), *theorem_ids()})
    made = tuple(search for one in _theorems(named) for search in searches_of_trials(theorem(one)))
    if trial and pattern not in {search.name for search in made}:
        raise unknown_name("search", pattern, [search.name for search in made])
    return tuple(search for search in made if not trial or search.name == pattern)


def _searches_of(claimed: Theorem | Statement | Search) -> tuple[Search, ...]:
    """The searches against an object: a search itself, or those of the theorem that the catalogue has by its id."""
    if isinstance(claimed, Search):
        return (claimed,)
    stated = _stated(claimed)
    found = searches_for(stated.id)
    if stated == theorem(stated.id):
        return found
    return tuple(replace(search, altered=lambda _: stated, variant="as given") for search in found)


def _stated(claimed: object) -> Theorem:
    stated = claimed.theorem if isinstance(claimed, Statement) else claimed
    if not isinstance(stated, Theorem):
        raise TightrateError(f"falsify takes a theorem, a statement, a search or a name, not {stated!r}")
    return stated


def _theorems(pattern: str) -> list[str]:
    return [theorem_id for theorem_id in theorem_ids() if fnmatchcase(theorem_id, pattern)]


def falsify(
    claimed: str | Theorem | Statement | Search,
    *,
    seconds: float | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Falsification, ...]:
    """Search for violations of a theorem: within `seconds` in all, or with so many evaluations for each search.

    `claimed` is a theorem, a statement or a search, or a name of one, or a pattern of names.  A theorem whose id is in
    the catalogue may be altered; its searches then hold the altered bound against their instances.  One for which no
    search is written is left to the exact worst case where that decides; else it is searched on the problems of its
    trials, if these are exact.

    Where the exact worst case of the method is a programme, that is asked first: a bound that is wrong without noise is
    refuted by the functions that attain it, and nothing is searched.  With a number of evaluations (and a seed) the
    answer is always the same; a time budget adds restarts until it is spent.  `progress` is told of the points tried so
    far, or of the seconds gone by.  A statement that no search tests is answered `not-applicable`, with the reason.

    Args:
        pattern: a theorem's id, or a shell-style pattern of ids
        seconds: how long to search in all
        evaluations: how many points each search tries, in place of a time
        seed: of the random points
        progress: hears what is done

    Returns:
        One answer for each search: verdict, points tried, and the command that shows a witness again.

    Raises:
        TightrateError: for a pattern that fits nothing.

    >>> [one.verdict.status for one in falsify("patel2024/prop1", evaluations=10)]
    ['not-applicable']
    """
    searches = searches_for(claimed) if isinstance(claimed, str) else _searches_of(claimed)
    if not any(search.name in SEARCHES for search in searches) and not isinstance(claimed, Search):
        named = [theorem(one) for one in _theorems(claimed)] if isinstance(claimed, str) else [_stated(claimed)]
        decided = tuple(by_worst_case(one) for one in named)
        if any(decided) or not searches:
            return tuple(found or _not_searched(one) for found, one in zip(decided, named, strict=True))
    pattern = claimed if isinstance(claimed, str) else searches[0].theorem_id
    if evaluations is None and seconds is None:
        written = all(search.name in SEARCHES for search in searches)
        evaluations, seconds = (ROUND, None) if written else (POINTS, LONGEST)
    share = None if seconds is None else seconds / len(searches)
    if evaluations is not None or seconds is None:
        watch = _counting(progress, f"points tried against {pattern}", (evaluations or ROUND) * len(searches))
    else:
        watch = _timing(progress, f"seconds against {pattern}", seconds)
    return tuple(
        refuted_by_worst_case(search)
        or run_search(search, seconds=share, evaluations=evaluations, seed=seed, watch=watch)
        for search in searches
    )


def refuted_by_worst_case(search: Search) -> Falsification | None:
    """The violation by the worst functions of the class at a few sizes; None where there is none, or no programme."""
    found = by_worst_case(search.theorem) if search.sequence is None else None
    return None if found is None or found.verdict.status != "violated" else replace(found, search=search)


def by_worst_case(claimed: Theorem) -> Falsification | None:
    """The verdict of the exact worst case at a few sizes on an upper bound; None where no programme decides."""
    began = perf_counter()
    if claimed.bound.kind != "upper" or not expressible(claimed):
        return None
    try:
        data = worst_cases_of(claimed, "quick")
    except TightrateError:  # what the programme cannot ask of this method
        return None
    verdict = None if "missing" in data.attrs else no_worse(claimed, data).check()
    if verdict is None or verdict.status not in ("violated", "consistent"):
        return None
    evidence = {
        **verdict.evidence,
        "extreme ratio": verdict.evidence["largest measured / bound"],
        "points tried": data.sizes["point"],
        "method": "the semidefinite programme whose value is the worst case over the class",
    }
    command = str((verdict.witness or {}).get("functions", ""))
    tried = int(data.sizes["point"])
    found = replace(verdict, evidence=evidence)
    return Falsification(None, claimed.id, found, tried, perf_counter() - began, command)


Watch = Callable[[int], None]
"""Called with the number of points of every batch."""


def _counting(progress: Progress, what: str, total: int) -> Watch:
    tried_so_far = 0

    def watch(points: int) -> None:
        nonlocal tried_so_far
        tried_so_far += points
        progress(what, min(tried_so_far, total), total)

    return watch


def _timing(progress: Progress, what: str, seconds: float) -> Watch:
    began, total = perf_counter(), max(1, round(seconds))
    return lambda _: progress(what, min(int(perf_counter() - began), total), total)


def _watched(search: Search, watch: Watch) -> Search:
    """The same search, which reports the points of every batch."""

    def trial(theorem: Theorem, point: Point) -> Measurement:
        found = search.trial(theorem, point)
        watch(found.measured.size)
        return found

    return replace(search, trial=trial)


def _not_searched(source: Theorem) -> Falsification:
    if source.bound.kind == "lower":
        sentence = "A lower bound says that some instance is bad: no other instance can refute it."
    elif source.bound.kind == "exact":
        sentence = "A closed form is checked by its claims, not by a search."
    elif source.bound.constants != "explicit":
        sentence = (
            "Its constants are hidden: no instance can refute it by value, and no scaling sequence of instances is"
            " known."
        )
    else:
        sentence = NO_SEARCH
    judging = [name for name, claim in CLAIMS.entries().items() if claim.theorem_id == source.id]
    if judging:
        sentence = f"{sentence} Shipped experiments judge it: tightrate verify {' '.join(judging)}"
    return Falsification(None, source.id, Verdict("not-applicable", sentence, "", ""), 0, 0.0)


def run_search(
    search: Search,
    *,
    seconds: float | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Falsification:
    """One search, by value or along its scaling sequence."""
    watched = search if watch is None else _watched(search, watch)
    began = perf_counter()
    deadline = np.inf if seconds is None else began + seconds
    budget = evaluations if evaluations is not None else ROUND
    attack = _by_value if search.sequence is None else _by_scaling
    restart, best = 0, attack(watched, budget, seed, deadline)
    used = best[1]
    while seconds is not None and evaluations is None and perf_counter() < deadline and best[0].status != "violated":
        restart += 1
        again = attack(watched, budget, seed + restart, deadline)
        used += again[1]
        best = max(best, again, key=lambda found: _rank(search, found[0]))
    verdict = best[0]
    command = _command(search, verdict.witness) if verdict.witness else ""
    return Falsification(search, search.theorem_id, verdict, used, perf_counter() - began, command)


def _rank(search: Search, verdict: Verdict) -> tuple[bool, float]:
    ratio = float(verdict.evidence.get("extreme ratio", np.nan))
    return verdict.status == "violated", -np.inf if np.isnan(ratio) else ratio if search.side == "upper" else -ratio


def _predicted(search: Search) -> str:
    sign = "<=" if search.side == "upper" else ">="
    of_value = f"{search.theorem.bound.measure.name} {sign} bound"
    return of_value if search.sequence is None else "a ratio that stays bounded"


def _plain(point: Point, place: int = 0) -> dict[str, float]:
    """One point of a batch."""
    return {name: float(values[place]) for name, values in point.items()}


def _batch(point: Mapping[str, float]) -> dict[str, Array]:
    return {name: np.array([value]) for name, value in point.items()}


# --- By value ---------------------------------------------------------------------------------------------------------


def _by_value(search: Search, budget: int, seed: int, deadline: float) -> tuple[Verdict, int]:
    extreme = extreme_ratio(search, evaluations=budget, seed=seed, deadline=deadline)
    return _judge_extreme(search, extreme), extreme.evaluations


def _judge_extreme(search: Search, extreme: Extreme) -> Verdict:
    if np.isnan(extreme.ratio):
        return Verdict("inconclusive", "No point was found that meets all conditions.", _predicted(search), "nothing")
    return judge_point(search, _plain(search.point(extreme.position[None])), evaluations=extreme.evaluations)


def judge_point(search: Search, point: Mapping[str, float], *, evaluations: int = 1) -> Verdict:
    """The verdict on one point: this is what running a witness again does."""
    found = search.tried(_batch(point))
    measured, bound, rounding = (float(part[0]) for part in (found.measured, found.bound, found.rounding))
    ratio = measured / bound if bound else np.inf if measured > rounding else 0.0
    evidence: dict[str, Any] = {
        "extreme ratio": ratio,
        "measured": measured,
        "bound": bound,
        "points tried": evaluations,
        "method": search.method,
        "symbols": {name: float(value.values[0]) for name, value in found.measurement.symbols.items()},
    }
    texts = (_predicted(search), f"measured / bound = {ratio:.4g}")
    if not bool(found.admissible[0]):
        return Verdict("not-applicable", "A condition of the theorem fails at this point.", *texts, evidence=evidence)
    verdict = Bounded(search.theorem, with_slack(found)).check()
    upper = search.side == "upper"
    if verdict.status == "violated":
        word = "exceeds the upper bound" if upper else "is below the lower bound"
        sentence = f"The measured value {word}: ratio {ratio:.6g} inside all conditions that numbers can decide."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=dict(point))
    attained = ratio >= ATTAINED if upper else ratio <= 1 / ATTAINED
    how = "attained within a factor of 2" if attained else "not attained within a factor of 2"
    sentence = f"No violation was found; the bound was {how} ({'largest' if upper else 'smallest'} ratio {ratio:.4g})."
    evidence |= {"attained within a factor of 2": attained, "point": dict(point)}
    return Verdict(verdict.status, sentence, *texts, evidence=evidence)


def with_slack(found: Tried) -> Measurement:
    """The measurement, its rounding with that of the bound beside it."""
    slack = found.measurement.rounding + SLACK * np.abs(found.bound)
    return replace(found.measurement, rounding=slack)


# --- Along a scaling sequence -----------------------------------------------------------------------------------------


def _by_scaling(search: Search, budget: int, seed: int, deadline: float) -> tuple[Verdict, int]:
    """The largest ratio at every level, and the power by which it grows from one level to the next."""
    sequence = _sequence(search)
    each = max(budget // len(sequence.levels), 2 * BATCH)
    ratios: list[float] = []
    known: list[Array] = []
    used = 0
    for level in sequence.levels:
        extreme = extreme_ratio(
            search, evaluations=each, seed=seed, deadline=deadline, held={sequence.axis: level}, known=known
        )
        ratios.append(extreme.ratio)
        known.append(extreme.position)
        used += extreme.evaluations
    powers = _powers(np.array(ratios), sequence)
    grows = bool(np.all(powers >= UNBOUNDED))
    witness = _at_last_level(search, known[-1])
    alone = judge_sequence(search, witness)
    if grows and alone.status != "violated":
        position, more = _growing_family(search, known, each, seed, deadline)
        used += more
        witness = _at_last_level(search, position)
        alone = judge_sequence(search, witness)
    texts = (_predicted(search), _listed(ratios))
    evidence = {
        "extreme ratio": ratios[-1],
        "ratios": _by_level(sequence, ratios),
        "powers": powers,
        "ratios of the witness along the sequence": np.array(list(alone.evidence["ratios"].values())),
        "powers of the witness": alone.evidence["powers"],
        "points tried": used,
        "method": search.method,
    }
    if not np.isfinite(ratios).all():
        return Verdict("inconclusive", "At some level no point meets all conditions.", *texts, evidence=evidence), used
    along = f"{sequence.axis} from {sequence.levels[0]:g} to {sequence.levels[-1]:g}"
    if grows and alone.status == "violated":
        sentence = (
            f"measured / bound grows with {along}, at the end by the power {powers[-1]:.2f}, also with everything else"
            " held fixed: no constant makes the bound hold."
        )
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness), used
    sentence = f"The largest ratio found does not keep growing with {along} (last power {powers[-1]:.2f})."
    return Verdict("consistent", sentence, *texts, evidence={**evidence, "point": witness}), used


def judge_sequence(search: Search, point: Mapping[str, float]) -> Verdict:
    """The verdict on one point along the scaling sequence, everything else held fixed: what runs a witness again.

    A ratio counts as unbounded only where it grows at every level, not at the end alone.
    """
    sequence = _sequence(search)
    found, ratios = _along(search, _batch(point))
    powers = _powers(ratios[0], sequence)
    evidence = {
        "extreme ratio": float(ratios[0, -1]),
        "ratios": _by_level(sequence, ratios[0].tolist()),
        "powers": powers,
        "method": search.method,
    }
    texts = (_predicted(search), _listed(ratios[0].tolist()))
    if not found.admissible.all():
        return Verdict("not-applicable", "At some level a condition of the theorem fails.", *texts, evidence=evidence)
    coordinates = {sequence.axis: np.array(sequence.levels)}
    levels = found.measurement.mapped(
        lambda array: array.rename(point=sequence.axis).assign_coords(coordinates) if array.dims else array
    )
    verdict = Scaling(search.theorem, levels, along=[sequence.axis], resolution=UNBOUNDED).check()
    if verdict.status == "violated" and bool(np.all(powers >= UNBOUNDED)):
        sentence = f"measured / bound grows along the sequence, at the end by the power {powers[-1]:.2f}."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=dict(point))
    if verdict.status == "error":
        return replace(verdict, evidence=evidence)
    sentence = f"measured / bound does not keep growing along the sequence (last power {powers[-1]:.2f})."
    return Verdict("consistent", sentence, *texts, evidence=evidence)


def _sequence(search: Search) -> ScalingSequence:
    if search.sequence is None or search.side != "upper":
        raise TightrateError(f"{search.name} has no scaling sequence against an upper bound")
    return search.sequence


def _growing_family(
    search: Search, known: Sequence[Array], budget: int, seed: int, deadline: float
) -> tuple[Array, int]:
    """Of positions with everything but the sequence held fixed, one whose least power along it is largest."""
    sequence = _sequence(search)
    levels = len(sequence.levels)

    def least_power(positions: Array) -> Array:
        least = _powers(_along(search, search.point(positions))[1], sequence).min(axis=1)
        return np.where(np.isnan(least), -np.inf, least)

    generator = np.random.default_rng([seed, levels])
    position, _, used = maximize(
        least_power, len(search.axes), evaluations=max(budget, 2 * BATCH), generator=generator, deadline=deadline,
        known=known,
    )  # fmt: skip
    return position, used * levels


def _along(search: Search, points: Point) -> tuple[Tried, Array]:
    """The points (n) at every level of the sequence, level by level, and their ratios (n, levels); nan outside."""
    sequence = _sequence(search)
    count = len(next(iter(points.values())))
    spread = {name: np.repeat(values, len(sequence.levels)) for name, values in points.items()}
    found = search.tried({**spread, sequence.axis: np.tile(sequence.levels, count)})
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(found.admissible, found.measured / found.bound, np.nan)
    return found, ratios.reshape(count, -1)


def _powers(ratios: Array, sequence: ScalingSequence) -> Array:
    """The powers of the level by which ratios (..., levels) grow from one level to the next."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.diff(np.log(ratios), axis=-1) / np.diff(np.log(sequence.levels)))


def _at_last_level(search: Search, position: Array) -> dict[str, float]:
    sequence = _sequence(search)
    return _plain(search.point(position[None], {sequence.axis: sequence.levels[-1]}))


def _by_level(sequence: ScalingSequence, ratios: Sequence[float]) -> dict[str, float]:
    return {f"{sequence.axis} = {level:g}": ratio for level, ratio in zip(sequence.levels, ratios, strict=True)}


def _listed(ratios: Sequence[float]) -> str:
    return "ratios " + ", ".join(f"{ratio:.3g}" for ratio in ratios)


# --- Witnesses and JSON -----------------------------------------------------------------------------------------------


def _command(search: Search, witness: Mapping[str, float] | None) -> str:
    pairs = " ".join(f"{name}={value!r}" for name, value in (witness or {}).items())
    paper = f" --paper {search.file}" if search.file else ""
    return f"tightrate falsify {search.name} --witness '{pairs}'{paper}"


def run_witness(name: str, witness: Mapping[str, float]) -> Falsification:
    """Measure one point of a search again; it may lie outside the search's ranges, not outside the conditions."""
    search = SEARCHES[name] if name in SEARCHES or ":" not in name else searches_for(name)[0]
    known = [axis.name for axis in search.axes]
    for given in witness:
        if given not in known:
            raise unknown_name(f"axis of {name}", given, known)
    missing = [axis for axis in known if axis not in witness]
    if missing:
        raise TightrateError(f"missing {', '.join(missing)}; give {missing[0]}=VALUE")
    began = perf_counter()
    point = {axis: float(witness[axis]) for axis in known}
    verdict = judge_point(search, point) if search.sequence is None else judge_sequence(search, point)
    return Falsification(search, search.theorem_id, verdict, 1, perf_counter() - began, _command(search, witness))


def falsification_as_json(found: Falsification) -> dict[str, Any]:
    """One result for `falsify --json`."""
    search, verdict = found.search, found.verdict
    return {
        "theorem": found.theorem_id,
        "search": search.name if search else None,
        "statement": search.statement if search else theorem(found.theorem_id).statement,
        "verdict": verdict.status,
        "expected": search.expected
        if search
        else "consistent"
        if verdict.status != "not-applicable"
        else verdict.status,
        "sentence": verdict.sentence,
        "ratio": verdict.evidence.get("extreme ratio"),
        "evidence": verdict.evidence,
        "witness": verdict.witness,
        "command": found.command or None,
        "evaluations": found.evaluations,
        "seconds": round(found.seconds, 3),
    }
