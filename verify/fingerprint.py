"""The fingerprint of a computation: a digest of all code that it can reach, and of the libraries that it runs on.

Results and pictures carry the fingerprint of the code that made them, so that a stale one is known without running
anything: two runs with equal fingerprints, profile and seed give equal results.
"""

from __future__ import annotations

import ast
import platform
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("rates", "constructions", "simulator", "verify", "figures")
LIBRARIES = ("numpy", "scipy", "sympy", "xarray")
# Modules that find others by name, which no import tells: theorems, problems and noise, algorithms.
FOUND_BY_NAME = {
    "rates.catalogue": "rates.papers",
    "constructions.problem": "constructions",
    "constructions.noise": "constructions",
    "simulator.algorithm": "simulator.algorithms",
}


def fingerprint(*modules: str) -> str:
    """Sixteen hexadecimal digits for the code that the modules reach by imports, and the versions it runs on.

    >>> fingerprint("verify.storage") == fingerprint("verify.storage")
    True
    >>> fingerprint("verify.storage") == fingerprint("verify.verdict")
    False
    """
    digest = sha256(platform.python_version().encode())
    for library in LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    for module in sorted(reached(modules)):
        digest.update(f"{module}\n".encode() + _source(module))
    return digest.hexdigest()[:16]


def reached(modules: Iterable[str]) -> frozenset[str]:
    """The modules of this project that the given ones import, directly or not, themselves included."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imports(module)
    return frozenset(found)


@cache
def _imports(module: str) -> tuple[str, ...]:
    """What one module imports from this project, and what it finds by name."""
    names = _modules_in(FOUND_BY_NAME[module]) if module in FOUND_BY_NAME else []
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names] + [node.module]
    return tuple(sorted({name for name in names if name.split(".")[0] in PACKAGES and _file(name)}))


def _modules_in(package: str) -> list[str]:
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return [f"{package}.{path.stem}" for place in places for path in Path(place).glob("*.py")]


@cache
def _file(module: str) -> Path | None:
    """The file of a module, None if there is no such module (a name in one, or a package)."""
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


@cache
def _source(module: str) -> bytes:
    path = _file(module)
    return path.read_bytes() if path is not None else b""
