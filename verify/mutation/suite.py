"""Proof that the verifier can say no: a suite of wrong twins, and how many of them are rejected.

Mutants that some exact value, shipped instance or catalogued matching bound contradicts must be rejected.  Mutants
that are weaker but true, the same as the original, or that no number at hand decides are counted apart and must not be
rejected, and neither must any true statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from tightrate.verify.mutation.algorithms import by_identity
from tightrate.verify.mutation.bounds import MATCHED, Trialled, by_claim, by_exponent, by_order, by_value
from tightrate.verify.mutation.closed_forms import by_closed_form
from tightrate.verify.mutation.exponents import by_path
from tightrate.verify.session import Profile, Progress, Session, silent

REQUIRED = 0.95  # the share of the contradicted mutants that must be rejected
HUNTED = 256  # points of each search against a mutant that the searches for the true bound left undecided
QUICK_UPPER = ("dekel2012/convex", "khaled2025/eq2")
QUICK_PAIRS = tuple(pair for pair in MATCHED if pair[0] in QUICK_UPPER)
QUICK_SEARCHES = (
    "cheng2024/lemA*-sharp",
    "chezhegov2024/hutchinson",
    "chezhegov2024/id-sc",
    "chezhegov2024/lemma1-sharp-growth-*",
    "chezhegov2024/het-c-own",
    "dekel2012/explicit",
    "khaled2025/lemma7*",
    "khaled2025/thm1",
    "khaled2025/thm3-safe@kink",
    "lee2024/client-displacement",
    "lee2024/h2*",
    "patel2024/discrepancy",
    "patel2024/prop13-*",
    "patel2024/prop7-constant",
    "patel2024/thm22-explicit",
    "patel2024/thm27-step",
    "woodworth2020a/quadratic",
)


@dataclass(frozen=True)
class Family:
    """The counts of one family of mutants."""

    name: str
    contradicted: int
    rejected: int
    weaker: int
    equivalent: int
    undecidable: int

    @property
    def kill_rate(self) -> float:
        """The share of the contradicted mutants that were rejected; 1 where there are none."""
        return self.rejected / self.contradicted if self.contradicted else 1.0


@dataclass(frozen=True)
class PowerReport:
    """All twins, and what follows from them."""

    twins: tuple[Trialled, ...]
    seconds: float

    @property
    def families(self) -> tuple[Family, ...]:
        """The counts by family, in the order in which they first occur."""
        names = dict.fromkeys(twin.family for twin in self.twins if twin.truth != "true")
        return tuple(_family(name, [twin for twin in self.twins if twin.family == name]) for name in names)

    @property
    def total(self) -> Family:
        """The counts of all families together."""
        return _family("all", [twin for twin in self.twins if twin.truth != "true"])

    @property
    def true_statements(self) -> int:
        """How many true statements were judged."""
        return sum(twin.truth == "true" for twin in self.twins)

    @property
    def judged_by(self) -> tuple[Family, ...]:
        """The counts by what they were judged on, in the order in which it first occurs."""
        means = dict.fromkeys(twin.by.partition(",")[0] for twin in self.twins)
        wrong = [twin for twin in self.twins if twin.truth != "true"]
        return tuple(_family(one, [twin for twin in wrong if twin.by.partition(",")[0] == one]) for one in means)

    @property
    def survivors(self) -> tuple[Trialled, ...]:
        """Contradicted mutants that were not rejected."""
        return tuple(twin for twin in self.twins if twin.truth == "contradicted" and not twin.rejected)

    @property
    def false_alarms(self) -> tuple[Trialled, ...]:
        """True statements, and mutants that nothing contradicts, that were rejected all the same."""
        return tuple(twin for twin in self.twins if twin.truth != "contradicted" and twin.rejected)

    @property
    def passed(self) -> bool:
        """Whether enough mutants were rejected, and nothing that is true."""
        return self.total.kill_rate >= REQUIRED and not self.false_alarms and self.total.contradicted > 0


def _family(name: str, twins: Sequence[Trialled]) -> Family:
    truths = Counter(twin.truth for twin in twins)
    rejected = sum(twin.truth == "contradicted" and twin.rejected for twin in twins)
    return Family(name, truths["contradicted"], rejected, truths["weaker"], truths["equivalent"], truths["undecidable"])


def power_report(profile: Profile = "quick", progress: Progress = silent) -> PowerReport:
    """Judge the whole suite, or a part that takes less than half a minute; always the same answer.

    The full profile takes in all searches, hunts for points that are adverse to the mutants themselves, and runs the
    paths of all exponent tests once.
    """
    began = perf_counter()
    quick = profile == "quick"
    session = Session(progress=progress)  # datasets of the quick size serve both profiles
    parts: tuple[tuple[str, Iterator[Trialled]], ...] = (
        ("wrong implementations", by_identity()),
        ("wrong exponents, exact values", by_exponent()),
        ("wrong closed forms, runs", by_closed_form()),
        ("wrong bounds, shipped datasets", by_claim(session)),
        ("wrong bounds, exact values", by_value(QUICK_SEARCHES) if quick else by_value(("*",), hunt=HUNTED)),
        ("wrong bounds, order algebra", by_order(QUICK_PAIRS if quick else MATCHED)),
        ("wrong exponents, paths", iter(()) if quick else by_path(session)),
    )
    twins: list[Trialled] = []
    for done, (what, part) in enumerate(parts):
        progress(f"power: {what}", done, len(parts))
        twins += part
    progress("power", len(parts), len(parts))
    return PowerReport(tuple(twins), perf_counter() - began)


def power_as_json(report: PowerReport) -> dict[str, Any]:
    """What `verify --power --json` prints."""
    return {
        "passed": report.passed,
        "required": REQUIRED,
        "kill_rate": report.total.kill_rate,
        "families": [_as_json("family", family) for family in report.families],
        "judged_by": [_as_json("judged_by", family) for family in report.judged_by],
        "true_statements": report.true_statements,
        "false_alarms": [vars(twin) for twin in report.false_alarms],
        "survivors": [vars(twin) for twin in report.survivors],
        "seconds": round(report.seconds, 1),
    }


def _as_json(key: str, family: Family) -> dict[str, Any]:
    return {
        key: family.name,
        "contradicted": family.contradicted,
        "rejected": family.rejected,
        "kill_rate": family.kill_rate if family.contradicted else None,
        "weaker_but_true": family.weaker,
        "equivalent": family.equivalent,
        "undecidable": family.undecidable,
    }
