"""The linear-algebra library: results must not depend on its threads, and say which of its kernels they are from."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> Any:
    """A setting or a context: how a matrix product is rounded depends on the number of threads that share it."""
    return _thread_pools().limit(limits=1, user_api="blas")


@cache
def blas_kernel() -> str:
    """The library and the kernel that it chose for this CPU, such as "openblas Haswell": how a product is rounded.

    Every kernel adds in an order of its own, so that the last digits of runs may differ between two.
    """
    pools = [pool for pool in _thread_pools().info() if pool["user_api"] == "blas"]
    told = {f"{pool['internal_api']} {pool.get('architecture') or ''}".strip() for pool in pools}
    return ", ".join(sorted(told)) or "unknown"


@cache
def _thread_pools() -> Any:
    import_module("numpy")  # which loads the library
    return ThreadpoolController()
