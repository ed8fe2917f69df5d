"""What a sweep can measure: what a single simulation can, one number for each replica."""

from __future__ import annotations

from tightrate.simulator.measures import MEASURES as SWEEP_MEASURES

__all__ = ["SWEEP_MEASURES"]
