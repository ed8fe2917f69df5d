"""What the order algebra does not decide."""

from __future__ import annotations

from tightrate.common.errors import TightrateError


class UndecidableError(TightrateError):
    """Why a question about orders has no answer here."""
