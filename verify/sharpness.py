"""How close every tested bound is to what was measured: one number for each claim that compares by value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from tightrate.verify.claim import Finding, judge_all
from tightrate.verify.experiment import experiment
from tightrate.verify.registry import claims_of
from tightrate.verify.session import Session

RATIOS = {"upper": "largest measured / bound", "lower": "smallest measured / bound"}
KINDS = ("bound with constants", "counterexample")  # of claims that compare by value


@experiment("sharpness", gathers=True)
def sharpness(session: Session) -> xr.Dataset:
    """`ratio` (claim): measured over bound at the closest of all compared points, of every claim that held; `upper` is
    1 for an upper bound.  The closest point of a search tells nothing of points that nobody tried."""
    every = claims_of(session.profile, "*")
    asked = [claim for claim in every if claim.kind in KINDS and claim.expected == "consistent"]
    return gathered(judge_all(asked, session))


def gathered(findings: Sequence[Finding]) -> xr.Dataset:
    """The ratios of those findings that have one, in their order."""
    held = [
        (finding.claim, side, float(finding.verdict.evidence[key]))
        for finding in findings
        if finding.verdict.status == "consistent"
        for side, key in RATIOS.items()
        if key in finding.verdict.evidence
    ]
    usable = [(claim, side, ratio) for claim, side, ratio in held if np.isfinite(ratio) and ratio > 0]
    return xr.Dataset(
        {
            "ratio": ("claim", np.array([ratio for _, _, ratio in usable], dtype=np.float64)),
            "upper": ("claim", np.array([float(side == "upper") for _, side, _ in usable])),
        },
        coords={
            "claim": [claim.id for claim, _, _ in usable],
            "paper": ("claim", [claim.theorem_id.partition("/")[0] for claim, _, _ in usable]),
        },
        attrs={"claims": len(usable), "exact_zeros": len(held) - len(usable)},
    )
