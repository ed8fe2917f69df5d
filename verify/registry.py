"""The registry of claims: every claim of every paper, found because its file lies in the right folder."""

from __future__ import annotations

from tightrate.common.errors import TightrateError
from tightrate.common.registry import Registry
from tightrate.verify.claim import Claim
from tightrate.verify.session import Profile

CLAIMS: Registry[Claim] = Registry("tightrate.verify.papers", "claim")


def claims_of(profile: Profile, *patterns: str) -> tuple[Claim, ...]:
    """The claims that match any of the patterns and that the profile includes."""
    matching = [CLAIMS[name] for name in CLAIMS.match(*patterns)]
    found = tuple(claim for claim in matching if profile == "full" or claim.cost == "quick")
    if not found:
        names = ", ".join(claim.id for claim in matching)
        raise TightrateError(f"only the full profile runs {names}; add --profile full")
    return found
