"""Experiments run once in a run of the tests, whichever test or process asks first."""

from __future__ import annotations

from tightrate.verify.cache.result_cache import default_store
from tightrate.verify.session import Session


def kept_session() -> Session:
    """A session that takes what the same code has computed before in this run of the tests."""
    return Session(store=default_store(), reuse=True)
