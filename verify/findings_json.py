"""Findings as data: what `verify --json` prints and what the report's verdicts.json holds."""

from __future__ import annotations

from typing import Any

from tightrate.common.json_types import as_json
from tightrate.verify.claim import Finding


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """A finding in JSON's own types: infinities are the text "inf" or "-inf", undefined numbers null.

    Keys: claim, theorem, kind, statement, verdict, expected, sentence, predicted, measured, interval (low, high, or
    null), evidence, witness (null unless something was violated) and seconds (of experiments and judgement).
    """
    claim, verdict = finding.claim, finding.verdict
    return {
        "claim": claim.id,
        "theorem": claim.theorem_id,
        "kind": claim.kind,
        "statement": claim.statement,
        "verdict": verdict.status,
        "expected": claim.expected,
        "sentence": verdict.sentence,
        "predicted": verdict.predicted,
        "measured": verdict.measured,
        "interval": as_json(verdict.interval),
        "evidence": as_json(verdict.evidence),
        "witness": as_json(verdict.witness),
        "seconds": round(finding.seconds, 3),
    }
