"""A finding at one place of a manuscript."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tightrate.rates.manuscripts.manuscript import Place

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """What is wrong at a place, on one line; `at` is where it stands in the prose, `labels` whom it concerns."""

    place: Place
    code: str
    severity: Severity
    message: str
    at: int = 0
    labels: tuple[str, ...] = ()
    number: int = -1

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
        }
