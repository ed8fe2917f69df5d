"""A digest of all code that a computation can reach, and of the libraries that it runs on.

Results and pictures carry the digest of the code that made them, so that a stale one is known without running
anything: two runs with equal digests, profile and seed give equal results.  What is reached is read from the source:
every import, and every text that names a module or a package of tightrate, because that is how registries, the
catalogue and modules that load late find theirs.
"""

from __future__ import annotations

import ast
import platform
from collections.abc import Collection, Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from tightrate.common import paper_files

PACKAGE = "tightrate"
LIBRARIES = ("numpy", "scipy", "sympy", "xarray", "numba", "llvmlite")


def code_digest(*modules: str) -> str:
    """Sixteen hexadecimal digits for the code that the modules reach, and the versions it runs on.

    >>> code_digest("tightrate.verify.cache.netcdf") == code_digest("tightrate.verify.cache.netcdf")
    True
    >>> code_digest("tightrate.verify.cache.netcdf") == code_digest("tightrate.verify.verdict")
    False
    """
    digest = sha256(platform.python_version().encode())
    for library in LIBRARIES:
        digest.update(f"{library} {version_of(library)}\n".encode())
    digest.update(source_digest(*modules).encode())
    return digest.hexdigest()[:16]


def version_of(library: str) -> str:
    """The version of an installed library, "none" for one that is not installed.

    >>> version_of("no-such-library")
    'none'
    """
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


def source_digest(*modules: str, within: Collection[str] = (PACKAGE,)) -> str:
    """Sixteen hexadecimal digits for the code alone, as far as it lies in the packages `within`.

    What one paper of one's own does may depend on every other that is loaded, as they were when they were loaded.
    """
    digest = sha256()
    if any(map(paper_files.is_own, modules)):
        digest.update(paper_files.digest().encode())
    for module in sorted(reached(modules, within)):
        digest.update(f"{module}\n".encode() + source_of(module))
    return digest.hexdigest()[:16]


def reached(modules: Iterable[str], within: Collection[str] = (PACKAGE,)) -> frozenset[str]:
    """The modules of this project that the given ones reach, directly or not, themselves included.

    A paper of one's own reaches what it, or a helper module beside it, imports of the project.  Only modules of the
    packages `within` are followed: an import of anything else is taken to change nothing.

    >>> "tightrate.simulator.compiled.loops" in reached(["tightrate.simulator.compiled.kernels"])  # loaded by name
    True
    """
    found: set[str] = set()
    waiting: list[str] = []
    for module in modules:
        texts = paper_files.texts_of(module).values() if paper_files.is_own(module) else ()
        waiting += [module, *(name for text in texts for name in _named_in(text))]
    while waiting:
        module = waiting.pop()
        if module not in found and any(f"{module}.".startswith(f"{package}.") for package in within):
            found.add(module)
            waiting += [*_reached_directly(module), *_packages_around(module)]
    return frozenset(found)


def source_of(module: str) -> bytes:
    """The source of a module; nothing for what is no module."""
    path = _file(module)
    return path.read_bytes() if path is not None else b""


@cache
def _reached_directly(module: str) -> frozenset[str]:
    """What one module imports from this project, and every module of the packages that its texts name."""
    return _named_in(source_of(module)) if _file(module) else frozenset()


def _named_in(text: str | bytes) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = node.value.removesuffix(".")  # "tightrate.rates.papers." + name
            if named.startswith(f"{PACKAGE}.") and named.replace(".", "").replace("_", "").isalnum():
                names |= {named, *_modules_below(named)}
    return frozenset(name for name in names if name.split(".")[0] == PACKAGE and _file(name))


def _packages_around(module: str) -> list[str]:
    """The packages that are loaded before a module of theirs; not the whole, which names everything."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(2, len(parts))]


@cache
def _modules_below(package: str) -> frozenset[str]:
    """All modules of a package and of its subpackages; none where the name is no package."""
    folder = _file(package)
    if folder is None or folder.name != "__init__.py":
        return frozenset()
    paths = (path.relative_to(folder.parent).with_suffix("") for path in folder.parent.rglob("*.py"))
    return frozenset(".".join((package, *path.parts)).removesuffix(".__init__") for path in paths)


@cache
def _file(module: str) -> Path | None:
    """The file of a module, None if there is no such module (a name in one)."""
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None
