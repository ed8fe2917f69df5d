"""A verdict: status, one sentence, the numbers behind it, and a witness when something is violated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tightrate.verify.notebook_tables import html_table, latex_table

Status = Literal["confirmed", "consistent", "violated", "inconclusive", "not-applicable", "error"]

STATUS_MEANING: Mapping[Status, str] = {
    "confirmed": "a symbolic proof with a certificate, or an identity to rounding",
    "consistent": "nothing contradicts the claim",
    "violated": "a witness contradicts the claim",
    "inconclusive": "not enough statistical power to tell",
    "not-applicable": "a condition of the theorem fails here",
    "error": "the test itself failed",
}


@dataclass(frozen=True)
class Verdict:
    """What a test found.

    `predicted` and `measured` are short texts for a table; `interval` is the confidence interval of a statistical
    measurement; `evidence` holds the numbers; `witness` the parameters with which a third party can re-run a
    violation.
    """

    status: Status
    sentence: str
    predicted: str
    measured: str
    interval: tuple[float, float] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    witness: Mapping[str, Any] | None = None

    def rows(self) -> dict[str, str]:
        """What a small table says of the verdict."""
        interval = "" if self.interval is None else "{:.4g} to {:.4g}".format(*self.interval)
        witness = ", ".join(f"{name} = {value}" for name, value in (self.witness or {}).items())
        return {
            "found": self.sentence,
            "predicted": self.predicted,
            "measured": self.measured,
            "interval": interval,
            "witness": witness,
        }

    def _repr_html_(self) -> str:
        return html_table(self.status, self.rows())

    def _repr_latex_(self) -> str:
        return latex_table(self.status, self.rows())
