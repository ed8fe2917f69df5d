"""Many seeds: how often verdicts that depend on the noise come out otherwise than expected.

make soak                                            20 seeds of all quick claims
python -m tightrate.verify.soak --seeds 5 'khaled2025/*'

Experiments whose data are the same on the first two seeds, to the last bit, are not run again.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import xarray as xr

from tightrate.verify.claim import Claim, Finding, judge
from tightrate.verify.registry import claims_of
from tightrate.verify.session import Session
from tightrate.verify.verdict import Status

FIRST = 1000  # the first seed; those after it follow
LEVEL = 0.05  # of the bound on how often a run does not pass


@dataclass
class Soak:
    """The verdicts of the claims over the seeds, and which of the experiments take anything from the seed."""

    claims: tuple[Claim, ...]
    seeds: list[int] = field(default_factory=list)
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    settled: dict[str, tuple[xr.Dataset, float]] = field(default_factory=dict)
    _first: Session | None = None

    @property
    def drawn(self) -> tuple[Claim, ...]:
        """The claims that are judged on something which depends on the seed."""
        return tuple(one for one in self.claims if any(run.name not in self.settled for run in one.data))

    def run(self, seed: int) -> list[Finding]:
        """Judge all claims on a seed; those that came out otherwise than expected."""
        session = Session(seed=seed, cached=dict(self.settled))
        found = [judge(one, session) for one in self.drawn]
        statuses = {one.claim.id: one.verdict.status for one in found}
        for one in self.claims:
            before = self.statuses.setdefault(one.id, [])
            before.append(statuses[one.id] if one.id in statuses else before[-1])
        if len(self.seeds) == 1 and self._first is not None:
            self.settled |= {
                name: result
                for name, result in session.cached.items()
                if name in self._first.cached and same(result[0], self._first.cached[name][0])
            }
        self._first = session if not self.seeds else None
        self.seeds.append(seed)
        return [one for one in found if not one.as_expected]

    def unexpected(self) -> dict[str, Counter[Status]]:
        """The claims that came out otherwise than expected on some seed, with how often."""
        found = {
            one.id: Counter(status for status in self.statuses[one.id] if status != one.expected) for one in self.claims
        }
        return {name: counts for name, counts in found.items() if counts}

    @property
    def passed(self) -> int:
        """Seeds on which every claim came out as expected: whole runs that would have passed."""
        expected = tuple(one.expected for one in self.claims)
        return sum(run == expected for run in zip(*(self.statuses[one.id] for one in self.claims), strict=True))

    @property
    def false_violations(self) -> int:
        """How often a claim that holds was called violated."""
        return sum(counts["violated"] for counts in self.unexpected().values())

    @property
    def least_rate(self) -> float:
        """A lower bound, at 95 %, on the share of all seeds on which a whole run passes (Clopper and Pearson)."""
        from scipy.stats import beta

        failed = len(self.seeds) - self.passed
        return 1 - float(beta.ppf(1 - LEVEL, failed + 1, self.passed)) if self.passed else 0.0

    def lines(self) -> Iterator[str]:
        """For a terminal."""
        expected = {one.id: one.expected for one in self.claims}
        for name, counts in self.unexpected().items():
            shown = ", ".join(f"{count} {status}" for status, count in counts.items())
            yield f"{name}: {shown} of {len(self.seeds)}, expected {expected[name]}"
        judged = sum(map(len, self.statuses.values()))
        yield (
            f"{self.passed} of {len(self.seeds)} runs pass as a whole; {self.false_violations} false violations in"
            f" {judged} verdicts"
        )
        yield (
            f"{len(self.drawn)} of {len(self.claims)} claims depend on the seed; at 95 %, a run on another seed passes"
            f" with probability above {self.least_rate:.3f}"
        )


def same(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Whether two datasets hold the same values, whatever seed they say that they are from."""
    told = ({key: value for key, value in each.attrs.items() if key != "seed"} for each in (one, other))
    left, right = (each.drop_attrs().assign_attrs(attrs) for each, attrs in zip((one, other), told, strict=True))
    return left.identical(right)


def soak(claims: Sequence[Claim], seeds: Sequence[int]) -> Soak:
    """Judge all claims on every seed, and say at once what is not as expected."""
    found = Soak(tuple(claims))
    for seed in seeds:
        for one in found.run(seed):
            print(f"seed {seed}: {one.claim.id} is {one.verdict.status}: {one.verdict.sentence}", flush=True)
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
