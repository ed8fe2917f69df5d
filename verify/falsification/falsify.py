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
from tightrate.rates.statements.catalogue import theorem, theorem_ids
from tightrate.verify.falsification.search import (
    BATCH,
    SEARCHES,
    SLACK,
    Array,
    Extreme,
    Point,
    Search,
    Trial,
    extreme_ratio,
    maximize,
    point_of,
    tried,
)
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Progress, silent
from tightrate.verify.verdict import Verdict

ROUND = 1536  # evaluations of one restart
GROWS = 0.1  # a ratio that grows by this power at every rung of a ladder is taken to grow for ever
LOOKED_TIGHT = 0.5
# Upper bounds with constants that no search can test, with the reason; without an entry, none is written.
NOT_SEARCHABLE: Mapping[str, str] = {}
NO_SEARCH = "No search is written for it; one file in verify/searches would do."


@dataclass(frozen=True)
class Falsification:
    """A search with its verdict, what it cost, and the command that runs the witness again."""

    search: Search | None
    theorem: str
    verdict: Verdict
    evaluations: int
    seconds: float
    command: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the search expects."""
        return self.search is None or self.verdict.status == self.search.expected


def searches_for(pattern: str) -> tuple[Search, ...]:
    """The searches of a theorem (all its variants), or those whose names match a pattern; maybe none."""
    found = tuple(
        search
        for name, search in SEARCHES.entries().items()
        if fnmatchcase(name, pattern) or fnmatchcase(search.theorem, pattern)
    )
    if not found and not _theorems(pattern):
        raise unknown_name("theorem", pattern, {*SEARCHES.names(), *theorem_ids()})
    return found


def _theorems(pattern: str) -> list[str]:
    return [theorem_id for theorem_id in theorem_ids() if fnmatchcase(theorem_id, pattern)]


def falsify(
    pattern: str,
    *,
    seconds: float | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[Falsification, ...]:
    """Search for violations of a theorem: within `seconds` in all, or with so many evaluations for each search.

    With a number of evaluations (and a seed) the answer is always the same; a time budget adds restarts until it is
    spent.  `progress` is told of the points tried so far, or of the seconds gone by.  A statement that no search tests
    is answered `not-applicable`, with the reason.
    """
    searches = searches_for(pattern)
    if not searches:
        return tuple(_not_searched(theorem_id) for theorem_id in _theorems(pattern))
    if evaluations is None and seconds is None:
        evaluations = ROUND
    share = None if seconds is None else seconds / len(searches)
    if seconds is None:
        tell = _counting(progress, f"points tried against {pattern}", (evaluations or ROUND) * len(searches))
    else:
        tell = _timing(progress, f"seconds against {pattern}", seconds)
    return tuple(
        run_search(search, seconds=share, evaluations=evaluations, seed=seed, tell=tell) for search in searches
    )


Tell = Callable[[int], None]


def _counting(progress: Progress, what: str, total: int) -> Tell:
    tried_so_far = 0

    def tell(points: int) -> None:
        nonlocal tried_so_far
        tried_so_far += points
        progress(what, min(tried_so_far, total), total)

    return tell


def _timing(progress: Progress, what: str, seconds: float) -> Tell:
    began, total = perf_counter(), max(1, round(seconds))
    return lambda _: progress(what, min(int(perf_counter() - began), total), total)


def _told(search: Search, tell: Tell) -> Search:
    """The same search, which says after every batch how many points it had."""

    def trial(point: Point) -> Trial:
        found = search.trial(point)
        tell(len(next(iter(point.values()))))
        return found

    return replace(search, trial=trial)


def _not_searched(theorem_id: str) -> Falsification:
    source = theorem(theorem_id)
    if source.bound.kind == "lower":
        sentence = "A lower bound says that some instance is bad: no other instance can refute it."
    elif source.bound.kind == "exact":
        sentence = "A closed form is checked by its claims, not by a search."
    elif source.bound.constants != "explicit":
        sentence = "Its constants are hidden: no instance can refute it by value, and no ladder of instances is known."
    else:
        sentence = NOT_SEARCHABLE.get(theorem_id, NO_SEARCH)
    judging = [name for name, claim in CLAIMS.entries().items() if claim.theorem_id == theorem_id]
    if judging:
        sentence = f"{sentence} Shipped experiments judge it: tightrate verify {' '.join(judging)}"
    return Falsification(None, theorem_id, Verdict("not-applicable", sentence, "", ""), 0, 0.0)


def run_search(
    search: Search,
    *,
    seconds: float | None = None,
    evaluations: int | None = None,
    seed: int = 0,
    tell: Tell | None = None,
) -> Falsification:
    """One search, by value or along its ladder; `tell` is called with the number of points of every batch."""
    watched = search if tell is None else _told(search, tell)
    began = perf_counter()
    deadline = np.inf if seconds is None else began + seconds
    budget = evaluations if evaluations is not None else ROUND
    judge = _climb if search.ladder is not None else _by_value
    restart, best = 0, judge(watched, budget, seed, deadline)
    used = best[1]
    while seconds is not None and evaluations is None and perf_counter() < deadline and best[0].status != "violated":
        restart += 1
        again = judge(watched, budget, seed + restart, deadline)
        used += again[1]
        best = max(best, again, key=lambda found: _rank(search, found[0]))
    verdict = best[0]
    command = _command(search, verdict.witness) if verdict.witness else ""
    return Falsification(search, search.theorem, verdict, used, perf_counter() - began, command)


def _rank(search: Search, verdict: Verdict) -> tuple[bool, float]:
    ratio = float(verdict.evidence.get("extreme ratio", np.nan))
    return verdict.status == "violated", -np.inf if np.isnan(ratio) else ratio if search.side == "upper" else -ratio


def _by_value(search: Search, budget: int, seed: int, deadline: float) -> tuple[Verdict, int]:
    extreme = extreme_ratio(search, evaluations=budget, seed=seed, deadline=deadline)
    return _judge(search, extreme), extreme.evaluations


def _judge(search: Search, extreme: Extreme) -> Verdict:
    if np.isnan(extreme.ratio):
        return Verdict("inconclusive", "No point was found that meets all conditions.", _predicted(search), "nothing")
    witness = {name: float(value[0]) for name, value in point_of(search, extreme.position[None]).items()}
    return judge_point(search, witness, evaluations=extreme.evaluations)


def judge_point(search: Search, witness: Mapping[str, float], *, evaluations: int = 1) -> Verdict:
    """The verdict on one point: this is what running a witness again does."""
    trial, admissible = tried(search, {name: np.array([value]) for name, value in witness.items()})
    measured, bound = float(np.ravel(trial.measured)[0]), float(np.ravel(trial.bound)[0])
    rounding = float(np.ravel(np.broadcast_to(trial.rounding, (1,)))[0])
    ratio = measured / bound if bound else np.inf if measured > rounding else 0.0
    letters = {name: float(np.ravel(np.broadcast_to(value, (1,)))[0]) for name, value in trial.letters.items()}
    evidence: dict[str, Any] = {
        "extreme ratio": ratio,
        "measured": measured,
        "bound": bound,
        "points tried": evaluations,
        "method": search.method,
        "letters": letters,
    }
    texts = (_predicted(search), f"measured / bound = {ratio:.4g}")
    if not bool(admissible[0]):
        return Verdict("not-applicable", "A condition of the theorem fails at this point.", *texts, evidence=evidence)
    over = measured > bound * (1 + SLACK) + rounding
    under = measured < bound * (1 - SLACK) - rounding
    if over if search.side == "upper" else under:
        word = "exceeds the upper bound" if search.side == "upper" else "is below the lower bound"
        sentence = f"The measured value {word}: ratio {ratio:.6g} inside all conditions that numbers can decide."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=dict(witness))
    tight = ratio >= LOOKED_TIGHT if search.side == "upper" else ratio <= 1 / LOOKED_TIGHT
    kind = "largest" if search.side == "upper" else "smallest"
    looked = "it looked tight" if tight else "it was not seen tight"
    sentence = f"No violation was found; {looked} ({kind} ratio {ratio:.4g})."
    return Verdict("consistent", sentence, *texts, evidence={**evidence, "looked tight": tight, "point": dict(witness)})


def _predicted(search: Search) -> str:
    sign = "<=" if search.side == "upper" else ">="
    return f"{search.source.bound.measure.name} {sign} bound" if search.ladder is None else "a ratio that does not grow"


def _climb(search: Search, budget: int, seed: int, deadline: float) -> tuple[Verdict, int]:
    """The largest ratio at every rung, and the power by which it grows from one rung to the next."""
    assert search.ladder is not None
    ladder = search.ladder
    ratios, used, position = [], 0, np.zeros(len(search.axes))
    each = max(budget // len(ladder.rungs), 2 * BATCH)
    known: list[Array] = []
    for rung in ladder.rungs:
        extreme = extreme_ratio(
            search, evaluations=each, seed=seed, deadline=deadline, fixed={ladder.axis: rung}, known=known
        )
        ratios.append(extreme.ratio)
        used, position = used + extreme.evaluations, extreme.position
        known.append(position)
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.diff(np.log(ratios)) / np.diff(np.log(ladder.rungs))
    grows = bool(np.all(powers >= GROWS))
    family, family_powers = _along(search, _top(search, position))
    if grows and not np.all(family_powers >= GROWS):
        position, more = _growing_family(search, known, each, seed, deadline)
        used += more
        family, family_powers = _along(search, _top(search, position))
    witness = _top(search, position)
    texts = (_predicted(search), "ratios " + ", ".join(f"{ratio:.3g}" for ratio in ratios))
    evidence = {
        "extreme ratio": ratios[-1],
        "ratios": dict(zip((f"{ladder.axis} = {rung:g}" for rung in ladder.rungs), ratios, strict=True)),
        "powers": powers,
        "ratios of the witness along the ladder": family,
        "powers of the witness": family_powers,
        "points tried": used,
        "method": search.method,
    }
    if not np.isfinite(ratios).all():
        return Verdict("inconclusive", "At some rung no point meets all conditions.", *texts, evidence=evidence), used
    path = f"{ladder.axis} from {ladder.rungs[0]:g} to {ladder.rungs[-1]:g}"
    if grows and np.all(family_powers >= GROWS):
        sentence = (
            f"measured / bound grows with {path}, at the end by the power {powers[-1]:.2f}, also with everything else"
            " held fixed: no constant makes the bound hold."
        )
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness), used
    sentence = f"The largest ratio found does not keep growing with {path} (last power {powers[-1]:.2f})."
    return Verdict("consistent", sentence, *texts, evidence={**evidence, "point": witness}), used


def _top(search: Search, position: Array) -> dict[str, float]:
    """The point of a position at the last rung of the ladder."""
    assert search.ladder is not None
    top = {search.ladder.axis: search.ladder.rungs[-1]}
    return {name: float(value[0]) for name, value in point_of(search, position[None], top).items()}


def _growing_family(
    search: Search, known: Sequence[Array], budget: int, seed: int, deadline: float
) -> tuple[Array, int]:
    """Of positions with everything but the ladder held fixed, one whose least power along the ladder is largest."""
    assert search.ladder is not None
    rungs = len(search.ladder.rungs)

    def least_power(positions: Array) -> Array:
        least = _along_all(search, point_of(search, positions))[1].min(axis=1)
        return np.where(np.isnan(least), -np.inf, least)

    generator = np.random.default_rng([seed, rungs])
    position, _, used = maximize(
        least_power, len(search.axes), evaluations=max(budget, 2 * BATCH), generator=generator, deadline=deadline,
        known=known,
    )  # fmt: skip
    return position, used * rungs


def _along(search: Search, witness: Mapping[str, float]) -> tuple[Array, Array]:
    """The ratios at the rungs of the ladder with everything else held fixed, and their powers; nan outside."""
    ratios, powers = _along_all(search, {name: np.array([value]) for name, value in witness.items()})
    return ratios[0], powers[0]


def _along_all(search: Search, points: Point) -> tuple[Array, Array]:
    """The same for many points: ratios (n, rungs) and powers (n, rungs - 1)."""
    assert search.ladder is not None
    rungs = np.array(search.ladder.rungs)
    count = len(next(iter(points.values())))
    spread = {name: np.repeat(values, len(rungs)) for name, values in points.items()}
    trial, admissible = tried(search, {**spread, search.ladder.axis: np.tile(rungs, count)})
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(admissible, trial.measured / trial.bound, np.nan).reshape(count, -1)
        powers = np.diff(np.log(ratios), axis=1) / np.diff(np.log(rungs))
    return ratios, powers


def _command(search: Search, witness: Mapping[str, float] | None) -> str:
    pairs = " ".join(f"{name}={value!r}" for name, value in (witness or {}).items())
    return f"tightrate falsify {search.name} --witness '{pairs}'"


def run_witness(name: str, witness: Mapping[str, float]) -> Falsification:
    """Measure one point of a search again; it may lie outside the search's ranges, not outside the conditions."""
    search = SEARCHES[name]
    known = [axis.name for axis in search.axes]
    for given in witness:
        if given not in known:
            raise unknown_name(f"axis of {name}", given, known)
    missing = [axis for axis in known if axis not in witness]
    if missing:
        raise TightrateError(f"missing {', '.join(missing)}; give {missing[0]}=VALUE")
    began = perf_counter()
    point = {axis: float(witness[axis]) for axis in known}
    verdict = judge_point(search, point) if search.ladder is None else _judge_ladder(search, point)
    return Falsification(search, search.theorem, verdict, 1, perf_counter() - began, _command(search, witness))


def _judge_ladder(search: Search, witness: Mapping[str, float]) -> Verdict:
    assert search.ladder is not None
    ratios, powers = _along(search, witness)
    texts = (_predicted(search), "ratios " + ", ".join(f"{ratio:.3g}" for ratio in ratios))
    rungs = (f"{search.ladder.axis} = {rung:g}" for rung in search.ladder.rungs)
    evidence = {
        "extreme ratio": float(ratios[-1]),
        "ratios": dict(zip(rungs, ratios.tolist(), strict=True)),
        "powers": powers,
        "method": search.method,
    }
    if np.isnan(ratios).any():
        return Verdict("not-applicable", "At some rung a condition of the theorem fails.", *texts, evidence=evidence)
    if np.all(powers >= GROWS):
        sentence = f"measured / bound grows along the ladder, at the end by the power {powers[-1]:.2f}."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=dict(witness))
    sentence = f"measured / bound does not keep growing along the ladder (last power {powers[-1]:.2f})."
    return Verdict("consistent", sentence, *texts, evidence=evidence)


def falsification_as_json(found: Falsification) -> dict[str, Any]:
    """One result for `falsify --json`."""
    search, verdict = found.search, found.verdict
    return {
        "theorem": found.theorem,
        "search": search.name if search else None,
        "statement": search.statement if search else theorem(found.theorem).statement,
        "verdict": verdict.status,
        "expected": search.expected if search else "not-applicable",
        "sentence": verdict.sentence,
        "ratio": verdict.evidence.get("extreme ratio"),
        "evidence": verdict.evidence,
        "witness": verdict.witness,
        "command": found.command or None,
        "evaluations": found.evaluations,
        "seconds": round(found.seconds, 3),
    }
