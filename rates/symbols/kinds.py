"""From which side a bound bounds, and how much of its constants is known."""

from __future__ import annotations

from typing import Literal

Kind = Literal["upper", "lower", "exact"]
Constants = Literal["explicit", "hidden", "hidden with logs"]
