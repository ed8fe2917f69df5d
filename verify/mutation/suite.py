"""Proof that the verifier rejects what is wrong: a suite of mutants, and how many of them are rejected.

Mutants that some exact value, shipped instance or catalogued matching bound contradicts must be rejected.  Mutants
that are weaker but true, the same as the original, or that no number at hand decides are reported separately and must
not be rejected, and neither must any true statement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from tightrate.verify.mutation.algorithms import by_identity
from tightrate.verify.mutation.claims import bounding_claims, by_claim, few_of_each_paper
from tightrate.verify.mutation.closed_forms import by_closed_form
from tightrate.verify.mutation.exponents import by_path, exponent_experiments
from tightrate.verify.mutation.fitted_exponents import by_exponent
from tightrate.verify.mutation.mutants import JudgedMutant
from tightrate.verify.mutation.orders import by_order, matched_bounds, one_of_each_paper
from tightrate.verify.mutation.values import by_value, one_of_each_kind, value_searches
from tightrate.verify.session import Profile, Session

REQUIRED = 0.95  # the share of the contradicted mutants that must be rejected
HUNTED = 256  # points of each search against a mutant that the searches for the true bound left undecided


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

    @property
    def least_kill_rate(self) -> float:
        """The same share with every undecidable mutant counted as one that should have been rejected and was not."""
        wrong = self.contradicted + self.undecidable
        return self.rejected / wrong if wrong else 1.0


@dataclass(frozen=True)
class PowerReport:
    """All judged mutants, the true statements among them, and what follows."""

    judged: tuple[JudgedMutant, ...]
    seconds: float

    @property
    def mutants(self) -> list[JudgedMutant]:
        """The mutants, without the true statements."""
        return [one for one in self.judged if one.truth != "true"]

    @property
    def families(self) -> tuple[Family, ...]:
        """The counts by family, in the order in which they first occur."""
        names = dict.fromkeys(one.family for one in self.mutants)
        return tuple(_family(name, [one for one in self.mutants if one.family == name]) for name in names)

    @property
    def total(self) -> Family:
        """The counts of all families together."""
        return _family("all", self.mutants)

    @property
    def true_statements(self) -> int:
        """How many true statements were judged."""
        return len(self.judged) - len(self.mutants)

    @property
    def judged_by(self) -> tuple[Family, ...]:
        """The counts by what they were judged on, in the order in which it first occurs."""
        means = dict.fromkeys(one.by.partition(",")[0] for one in self.judged)
        return tuple(_family(way, [one for one in self.mutants if one.by.partition(",")[0] == way]) for way in means)

    @property
    def survivors(self) -> tuple[JudgedMutant, ...]:
        """Contradicted mutants that were not rejected."""
        return tuple(one for one in self.judged if one.truth == "contradicted" and not one.rejected)

    @property
    def false_alarms(self) -> tuple[JudgedMutant, ...]:
        """True statements, and mutants that nothing contradicts, that were rejected all the same."""
        return tuple(one for one in self.judged if one.truth != "contradicted" and one.rejected)

    @property
    def passed(self) -> bool:
        """Whether enough mutants were rejected, and nothing that is true."""
        return self.total.kill_rate >= REQUIRED and not self.false_alarms and self.total.contradicted > 0


def _family(name: str, mutants: Sequence[JudgedMutant]) -> Family:
    truths = Counter(one.truth for one in mutants)
    rejected = sum(one.truth == "contradicted" and one.rejected for one in mutants)
    return Family(name, truths["contradicted"], rejected, truths["weaker"], truths["equivalent"], truths["undecidable"])


def power_report(profile: Profile = "quick", session: Session | None = None) -> PowerReport:
    """Judge the whole suite, or a part that takes less than half a minute; always the same answer.

    The full profile takes in all searches, claims and matched bounds, hunts for points that are adverse to the mutants
    themselves, and runs the paths of all exponent tests once; the quick one takes one search for each kind of
    instance, and two claims and one pair of bounds of each paper.  Datasets are those of the session, in the
    quick size, which serves both profiles.
    """
    began = perf_counter()
    given = session or Session()
    progress, data = given.progress, given if given.profile == "quick" else replace(given, profile="quick", cached={})
    searches, claims, pairs, hunted = value_searches(), bounding_claims(), list(matched_bounds()), HUNTED
    paths = list(exponent_experiments().values())
    if profile == "quick":
        searches, claims = one_of_each_kind(searches), few_of_each_paper(claims)
        pairs, hunted, paths = one_of_each_paper(pairs), 0, []
    parts: tuple[tuple[str, Iterator[JudgedMutant]], ...] = (
        ("wrong implementations", by_identity()),
        ("wrong exponents, exact values", by_exponent()),
        ("wrong closed forms, runs", by_closed_form()),
        ("wrong bounds, shipped datasets", by_claim(data, claims)),
        ("wrong bounds, exact values", by_value(searches, hunt=hunted)),
        ("wrong bounds, order algebra", by_order(pairs)),
        ("wrong exponents, paths", by_path(data, paths)),
    )
    judged: list[JudgedMutant] = []
    for done, (what, part) in enumerate(parts):
        progress(f"power: {what}", done, len(parts))
        judged += part
    progress("power", len(parts), len(parts))
    return PowerReport(tuple(judged), perf_counter() - began)


def power_as_json(report: PowerReport) -> dict[str, Any]:
    """What `verify --power --json` prints."""
    return {
        "passed": report.passed,
        "required": REQUIRED,
        "kill_rate": report.total.kill_rate,
        "kill_rate_with_undecidable": report.total.least_kill_rate,
        "families": [_as_json("family", family) for family in report.families],
        "judged_by": [_as_json("judged_by", family) for family in report.judged_by],
        "true_statements": report.true_statements,
        "false_alarms": [vars(one) for one in report.false_alarms],
        "survivors": [vars(one) for one in report.survivors],
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
