"""The linear-algebra library: results must not depend on its threads, and say which of its kernels they are from."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Any

from threadpoolctl import ThreadpoolController

BROUGHT_ALONG = re.compile(r"[/\\](\w+)(?:\.libs|[/\\]\.dylibs)[/\\]")  # the package whose wheel has it


def one_blas_thread() -> Any:
    """A setting or a context: how a matrix product is rounded depends on the number of threads that share it."""
    import_module("scipy.linalg")  # which loads a library beside numpy's: later it would have threads of its own
    return ThreadpoolController().limit(limits=1, user_api="blas")


@cache
def blas_kernel() -> str:
    """The library and the kernel that it chose for this CPU, such as "openblas Haswell": how a product is rounded.

    Every kernel adds in an order of its own, so that the last digits of runs may differ between two.  It is that of
    numpy's own library, or of the system's; what other packages have loaded meanwhile takes no part in a run.
    """
    import_module("numpy")  # which loads the library
    return kernel_among(ThreadpoolController().info())


def kernel_among(pools: list[dict[str, Any]]) -> str:
    """The kernel that numpy's products are from, among the pools of all libraries that a process has loaded.

    >>> own = {"user_api": "blas", "internal_api": "openblas", "architecture": "Haswell", "filepath": "/numpy.libs/a"}
    >>> kernel_among([own, {**own, "architecture": "Zen", "filepath": "/scs.libs/b"}])
    'openblas Haswell'
    """
    own: dict[str, set[str]] = {}
    for pool in pools:
        owner = BROUGHT_ALONG.search(pool["filepath"])
        if pool["user_api"] == "blas":
            told = f"{pool['internal_api']} {pool.get('architecture') or ''}".strip()
            own.setdefault(owner[1] if owner else "system", set()).add(told)
    return ", ".join(sorted(own.get("numpy") or own.get("system") or set())) or "unknown"
