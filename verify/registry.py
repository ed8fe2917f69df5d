"""The registry of claims: every claim of every paper, found because its file lies in the right folder."""

from __future__ import annotations

from tightrate.common.errors import TightrateError
from tightrate.common.registry import Registry
from tightrate.verify.claim import Claim, Finding
from tightrate.verify.claim import judge as judge_claim
from tightrate.verify.session import Profile, Session

CLAIMS: Registry[Claim] = Registry("tightrate.verify.papers", "claim")


def claims_of(profile: Profile, *patterns: str) -> tuple[Claim, ...]:
    """The claims that match any of the patterns and that the profile includes."""
    matching = [CLAIMS[name] for name in CLAIMS.match(*patterns)]
    found = tuple(claim for claim in matching if profile == "full" or claim.cost == "quick")
    if not found:
        names = ", ".join(claim.id for claim in matching)
        raise TightrateError(f"only the full profile runs {names}; add --profile full")
    return found


def judge(claim: Claim | str, session: Session | None = None) -> Finding:
    """Run a claim's experiments (or take their results from the session) and judge it; a claim may be given by its id.

    Args:
        claim: a claim or its id
        session: keeps results of experiments, and has profile and seed; a new one unless given

    Returns:
        The claim with its verdict, and the seconds that it took.

    Raises:
        TightrateError: for a claim that does not exist.

    >>> judge("patel2024/coordinate-pair").as_expected
    True
    """
    return judge_claim(CLAIMS[claim] if isinstance(claim, str) else claim, session or Session())
