"""Many seeds: how often verdicts that depend on the noise come out otherwise than expected.

make soak                                            20 seeds of all quick claims
python -m tightrate.verify.soak --seeds 5 'khaled2025/*'
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tightrate.verify.claim import Claim, judge
from tightrate.verify.registry import claims_of
from tightrate.verify.session import Session
from tightrate.verify.verdict import Status

FIRST = 1000  # the first seed; those after it follow


@dataclass(frozen=True)
class Soak:
    """The verdicts of every claim over the seeds, in their order."""

    seeds: tuple[int, ...]
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    expected: dict[str, Status] = field(default_factory=dict)

    def unexpected(self) -> dict[str, Counter[Status]]:
        """The claims that came out otherwise than expected on some seed, with how often."""
        found = {
            name: Counter(status for status in statuses if status != self.expected[name])
            for name, statuses in self.statuses.items()
        }
        return {name: counts for name, counts in found.items() if counts}

    @property
    def passed(self) -> int:
        """Seeds on which every claim came out as expected: whole runs that would have passed."""
        runs = zip(*self.statuses.values(), strict=True)
        return sum(tuple(run) == tuple(self.expected.values()) for run in runs)

    @property
    def false_violations(self) -> int:
        """How often a claim that holds was called violated."""
        return sum(counts["violated"] for counts in self.unexpected().values())

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        for name, counts in self.unexpected().items():
            shown = ", ".join(f"{count} {status}" for status, count in counts.items())
            yield f"{name}: {shown} of {len(self.seeds)}, expected {self.expected[name]}"
        judged = sum(map(len, self.statuses.values()))
        yield (
            f"{self.passed} of {len(self.seeds)} runs pass as a whole; {self.false_violations} false violations in"
            f" {judged} verdicts"
        )


def soak(claims: Sequence[Claim], seeds: Sequence[int]) -> Soak:
    """Judge all claims on every seed."""
    found = Soak(tuple(seeds), {one.id: [] for one in claims}, {one.id: one.expected for one in claims})
    for seed in seeds:
        session = Session(seed=seed)
        for one in claims:
            found.statuses[one.id].append(judge(one, session).verdict.status)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where no claim that holds was called violated."""
    parser = argparse.ArgumentParser(description="judge the quick claims on many seeds")
    parser.add_argument("patterns", nargs="*", default=["*"], help="claims, shell-style patterns")
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=FIRST, help="the first one")
    given = parser.parse_args(arguments)
    claims = [one for one in claims_of("quick", *given.patterns) if one.data]
    found = soak(claims, range(given.first, given.first + given.seeds))
    print("\n".join(found.lines()))
    return int(found.false_violations > 0)


if __name__ == "__main__":
    raise SystemExit(main())
