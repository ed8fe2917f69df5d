"""What a claim returns: an assertion that can be checked, and the ways in which it could have been wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from tightrate.verify.assertions.flips import flips
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Status, Verdict


class Assertion(Protocol):
    """One thing that is asserted: `check` judges it.

    `measurements` are the points at which the claim's theorem must be applicable; `mutants` are wrong versions of the
    assertion by name, each of which must be rejected on the same data: the power of the judge, tested for every claim.
    """

    @property
    def measurements(self) -> tuple[Measurement, ...]: ...

    def check(self) -> Verdict: ...

    def mutants(self) -> Mapping[str, Assertion]: ...


SEVERITY: Sequence[Status] = ("violated", "error", "inconclusive", "not-applicable", "consistent", "confirmed")


@dataclass(frozen=True)
class Every:
    """All of several assertions, by name: the most serious verdict speaks for all."""

    parts: Mapping[str, Assertion]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points of all parts."""
        return tuple(one for part in self.parts.values() for one in part.measurements)

    def check(self) -> Verdict:
        """One verdict, the evidence kept by part."""
        return joined({name: part.check() for name, part in self.parts.items()})

    def mutants(self) -> Mapping[str, Assertion]:
        """Each part wrong alone."""
        return {
            f"{name}: {how}": Every({**self.parts, name: wrong})
            for name, part in self.parts.items()
            for how, wrong in part.mutants().items()
        }


@dataclass(frozen=True)
class Controlled:
    """An assertion whose violation says something only where a control, the same test on what must pass it, passes."""

    asserted: Assertion
    control: Assertion

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points of both."""
        return (*self.asserted.measurements, *self.control.measurements)

    def check(self) -> Verdict:
        """Inconclusive where the control fails, with its reason; else the verdict on what is asserted."""
        control, verdict = self.control.check(), self.asserted.check()
        evidence = {**verdict.evidence, "control": {"verdict": control.status, "measured": control.measured}}
        if control.status in ("consistent", "confirmed"):
            return replace(verdict, evidence=evidence)
        sentence = f"The control fails, too: {control.sentence}"
        return replace(verdict, status="inconclusive", sentence=sentence, evidence=evidence, witness=None)

    def mutants(self) -> Mapping[str, Assertion]:
        """Either wrong alone."""
        asserted = {how: replace(self, asserted=wrong) for how, wrong in self.asserted.mutants().items()}
        control = {f"control: {how}": replace(self, control=wrong) for how, wrong in self.control.mutants().items()}
        return {**asserted, **control}


@dataclass(frozen=True)
class Undecided:
    """Nothing can be asserted of these data, for a reason in words."""

    status: Literal["inconclusive", "not-applicable"]
    reason: str

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """No points."""
        return ()

    def check(self) -> Verdict:
        """The reason."""
        return Verdict(self.status, self.reason, "", "")

    def mutants(self) -> Mapping[str, Assertion]:
        """None: nothing is asserted that could be wrong."""
        return {}


@dataclass(frozen=True)
class Doubted:
    """An assertion about numbers of which something is known that forbids to rely on them: it can be contradicted, not
    supported."""

    asserted: Assertion
    doubt: str

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points of the assertion."""
        return self.asserted.measurements

    def check(self) -> Verdict:
        """Inconclusive for the doubt where the numbers agree with the assertion."""
        verdict = self.asserted.check()
        agrees = verdict.status in ("consistent", "confirmed")
        return replace(verdict, status="inconclusive", sentence=self.doubt) if agrees else verdict

    def mutants(self) -> Mapping[str, Assertion]:
        """The wrong assertions, as doubtful."""
        return {how: replace(self, asserted=wrong) for how, wrong in self.asserted.mutants().items()}


def joined(parts: Mapping[str, Verdict]) -> Verdict:
    """One verdict for a claim with several parts: the most serious speaks for all, the evidence is kept by part."""
    name = min(parts, key=lambda part: SEVERITY.index(parts[part].status))
    worst = parts[name]
    evidence = {part: {"verdict": v.status, "measured": v.measured, **v.evidence} for part, v in parts.items()}
    sentence = f"{name}: {worst.sentence}"
    if all(part.status == worst.status for part in parts.values()) and worst.witness is None:
        sentence = f"In all {len(parts)} parts alike; {sentence}"
    return Verdict(
        worst.status,
        sentence,
        "; ".join(dict.fromkeys(f"{part}: {v.predicted}" for part, v in parts.items())),
        "; ".join(f"{part}: {v.measured}" for part, v in parts.items()),
        worst.interval,
        evidence,
        None if worst.witness is None else {"part": name, **worst.witness},
    )


@dataclass(frozen=True)
class Fact:
    """A number and the range in which it must lie; one that is not a number lies in none."""

    value: float
    at_most: float = float("inf")
    at_least: float = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether the number lies in its range."""
        return self.at_least <= self.value <= self.at_most

    @property
    def wrong(self) -> Fact:
        """The same number against a range that just leaves it out."""
        step = max(abs(self.value), 1e-300) * 1e-3
        if self.at_most < float("inf"):
            return replace(self, at_most=self.value - step, at_least=float("-inf"))
        return replace(self, at_least=self.value + step, at_most=float("inf"))

    @property
    def room(self) -> float:
        """The factor by which the range would have to be narrower to leave the number out; 1 where it lies at an end.

        >>> Fact(2.0, at_most=6.0).room, Fact(0.0, at_most=0.0).room, Fact(0.0, at_most=1.0).room
        (3.0, 1.0, inf)
        """
        ends = [(self.value, self.at_most), (self.at_least, self.value)]
        ratios = [high / low if low > 0 else 1.0 if high <= low else math.inf for low, high in ends]
        return min(ratios)

    def __str__(self) -> str:
        low = f">= {self.at_least:.4g}" if self.at_least > float("-inf") else ""
        high = f"<= {self.at_most:.4g}" if self.at_most < float("inf") else ""
        return " and ".join(filter(None, (low, high)))


@dataclass(frozen=True)
class Facts:
    """Numbers that must lie in their ranges, each by a name that reads in a sentence.

    `passed` is the verdict where all do: "confirmed" only for what a proof or an identity decides.  A `main` assertion
    is judged first, and its verdict stands, with the facts as further evidence, where all of them hold.
    """

    facts: Mapping[str, Fact]
    what: str = ""
    main: Assertion | None = None
    passed: Literal["consistent", "confirmed"] = "consistent"
    also: Mapping[str, Any] = field(default_factory=dict)
    """Further evidence, not judged."""
    about: tuple[Measurement, ...] = ()

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that the facts summarize, and those of the main assertion."""
        return (*self.about, *(self.main.measurements if self.main is not None else ()))

    def check(self) -> Verdict:
        """Violated where a fact is false, with all numbers as the witness."""
        numbers = {name: fact.value for name, fact in self.facts.items()}
        if self.main is not None:
            verdict = self.main.check()
            verdict = replace(verdict, evidence={**verdict.evidence, **numbers, **self.also})
        else:
            ranges = "; ".join(f"{name} {fact}" for name, fact in self.facts.items())
            found = "; ".join(f"{name} = {value:.4g}" for name, value in numbers.items())
            sentence = f"All {len(numbers)} numbers lie where they should{f': {self.what}' if self.what else ''}."
            verdict = Verdict(self.passed, sentence, ranges, found, evidence={**numbers, **self.also})
        wrong = [f"{name} is {fact.value:.4g}, not {fact}" for name, fact in self.facts.items() if not fact.holds]
        if not wrong and verdict.status in ("consistent", "confirmed"):
            return replace(verdict, evidence=self._flips(verdict.evidence))
        if not wrong or verdict.status in ("violated", "error"):
            return verdict
        sentence = f"Not as stated: {'; '.join(wrong)}."
        return replace(verdict, status="violated", sentence=sentence, measured=wrong[0], witness=numbers)

    def _flips(self, evidence: Mapping[str, Any]) -> dict[str, Any]:
        """The evidence with the room of every range beside what would have turned the main assertion."""
        rooms = flips(ranges={name: fact.room for name, fact in self.facts.items()})
        if self.main is None:
            return {**evidence, **rooms}
        known = {**evidence.get("would be violated", {}), **rooms.get("would be violated", {})}
        return {**evidence, **({"would be violated": known} if known else {})}

    def mutants(self) -> Mapping[str, Assertion]:
        """Each range moved so that it leaves its number out, and the mutants of the main assertion."""
        moved = {
            f"{name} out of range": replace(self, facts={**self.facts, name: fact.wrong})
            for name, fact in self.facts.items()
        }
        main = (
            {} if self.main is None else {how: replace(self, main=wrong) for how, wrong in self.main.mutants().items()}
        )
        return {**moved, **main}
