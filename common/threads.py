"""Threads of the linear-algebra library: results must not depend on how many there are."""

from __future__ import annotations

from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> Any:
    """A setting or a context: how a matrix product is rounded depends on the number of threads that share it."""
    return _thread_pools().limit(limits=1, user_api="blas")


@cache
def _thread_pools() -> Any:
    return ThreadpoolController()
