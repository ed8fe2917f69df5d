"""Papers of one's own: Python files, and installed packages, that are looked through like the built-in papers.

A paper is a module `tightrate_papers.NAME` in Python's own table of modules, which is all that is remembered: what a
file marks for a registry, declares or states is found there.  It comes from `--paper FILE.py`, from the files that the
environment variable TIGHTRATE_PAPERS names, or from a package installed with an entry point of the group
`tightrate.papers`.  The file is its author's program, and is run; what goes wrong in it is one line with its place.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import pickle
import pkgutil
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial, update_wrapper
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any, Generic, TypeVar

from tightrate.common.errors import TightrateError
from tightrate.common.files import is_regular, read_text

PACKAGE = "tightrate_papers"  # under which the modules of files stand
VARIABLE = "TIGHTRATE_PAPERS"  # files, separated as in PATH
GROUP = "tightrate.papers"  # of entry points, each a module or a package
HELPERS, DIGEST = "__helpers__", "__digest__"  # what a module of a file knows beside its own names
MOST_BYTES = 1 << 24  # of a file
MOST_WORDS = 500  # letters of an error's message that are shown

ONE_AT_A_TIME = RLock()
"""Held while files are run or parsed: a worker of a cluster has several threads, and Python's parser one state."""

T = TypeVar("T")


def load(path: Path | str) -> ModuleType:
    """The module of a paper's file, run once; again if the file, or a helper module beside it, has changed since.

    The file's folder goes to the end of the search path, so that modules beside it can be imported and shadow nothing.
    What it prints goes to standard error.
    """
    file = Path(path).absolute()
    name = f"{PACKAGE}.{re.sub(r'[^0-9a-zA-Z_]', '_', file.stem)}"
    known = sys.modules.get(name)
    if known is not None:
        if known.__file__ != str(file):
            raise TightrateError(f"two papers are named {file.stem}: {shown(known)} and {shown(file)}; rename one file")
        if vars(known).get(DIGEST) in ("", _digest(file)):  # it is being run, or has not changed
            return known
        forget(known)
    return _run(name, file)


def add(name: str, contents: Mapping[str, Any]) -> ModuleType:
    """A paper without a file: what a specification, such as a sweep's, declares for the rest of the program."""
    parent = sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE))
    vars(parent).setdefault("__path__", [])
    module = ModuleType(f"{PACKAGE}.{name}")
    vars(module).update(contents, **{DIGEST: sha256(repr(sorted(contents.items())).encode()).hexdigest()})
    module.__file__ = None
    sys.modules[module.__name__] = module
    setattr(parent, name, module)
    return module


def load_here(path: str, digest: str) -> None:
    """Load in another process what this digest was taken of; a file that is another one there is refused."""
    with ONE_AT_A_TIME:
        _load_here(path, digest)


def _load_here(path: str, digest: str) -> None:
    found = load(path)
    if vars(found)[DIGEST] != digest:
        forget(found)
        raise TightrateError(f"{path} is not the file that the paper was loaded from; it has changed, or differs here")


def loaded() -> tuple[ModuleType, ...]:
    """The modules of all papers of one's own: installed ones, those of the environment, those that were loaded."""
    parent = sys.modules.get(PACKAGE)
    named = os.environ.get(VARIABLE, "")
    for path in filter(None, named.split(os.pathsep)):
        if not _is_loaded(path):
            load(path)
            parent = sys.modules.get(PACKAGE)
    installed = _installed() if parent is not None or _entry_points() else ()
    return (*installed, *_of_files(parent))


def files() -> tuple[ModuleType, ...]:
    """The modules of those papers that are files."""
    return tuple(module for module in _of_files(_parent()) if module.__file__ is not None)


def with_helpers() -> Iterator[ModuleType]:
    """The modules of all papers of one's own, and the modules beside their files that they import."""
    for module in loaded():
        yield module
        yield from _helper_modules(module)


def is_own(module: str) -> bool:
    """Whether a module of that name is a paper of one's own, or a helper beside one."""
    return any(one.__name__ == module for one in with_helpers())


def texts_of(module: str) -> Mapping[str, str]:
    """The texts of a paper's module and of its helpers, or of a helper, by their paths."""
    found = sys.modules[module]
    paths = [Path(str(found.__file__)), *vars(found).get(HELPERS, {}).values()]
    return {str(path): read_text(path, MOST_BYTES) for path in paths}


def digest() -> str:
    """A digest of all papers of one's own, as they were when they were loaded."""
    parts = [f"{module.__name__} {vars(module).get(DIGEST) or _digest_of(module)}" for module in loaded()]
    return sha256("\n".join(parts).encode()).hexdigest()


def shown(place: ModuleType | Path | str) -> str:
    """The path of a file for a person: as seen from the current folder, if it lies in it."""
    path = Path(str(place.__file__)) if isinstance(place, ModuleType) else Path(place)
    try:
        return str(path.relative_to(Path.cwd())) if path.is_absolute() else str(path)
    except (ValueError, OSError):
        return str(path)


def guarded(action: Callable[[], T]) -> T:
    """Run something that may be written in a paper's file; an error there becomes one line that names the place."""
    try:
        return action()
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise TightrateError(f"{shown(error.filename or '')}{line}: {error.msg}") from None
    except BaseException as error:  # the author's own program may raise anything
        place = place_of(error)
        if place is None or not (isinstance(error, Exception | SystemExit) or _is_raised_there(error)):
            raise
        kind = "" if isinstance(error, TightrateError) else f"{type(error).__name__}: "
        raise TightrateError(f"{place}: {kind}{_words_of(error)}") from None


def _is_raised_there(error: BaseException) -> bool:
    """Whether a paper's own line raised it, and no signal that came meanwhile."""
    frames = traceback.extract_tb(error.__traceback__)
    return not isinstance(error, KeyboardInterrupt) and frames[-1].filename in _own_files()


def _words_of(error: BaseException) -> str:
    try:
        words = " ".join(str(error).split()) + _nearest_word(error)
    except Exception:  # it is the author's class
        return "it has no message"
    return words if isinstance(error, TightrateError) or len(words) <= MOST_WORDS else f"{words[:MOST_WORDS]}..."


def _nearest_word(error: BaseException) -> str:
    """What a name that does not exist was meant to be: an attribute, a name, a keyword of our own functions."""
    if isinstance(error, AttributeError) and error.name:
        return _meant(error.name, dir(error.obj))
    wrong = re.search(r"([\w.]+)\(\) got an unexpected keyword argument '(\w+)'", str(error))
    if not wrong or not isinstance(error, TypeError):
        return ""
    taker: Any = import_module("tightrate")
    for part in wrong[1].split("."):
        taker = getattr(taker, part, None)
    return _meant(wrong[2], inspect.signature(taker).parameters if callable(taker) else ())


def _meant(name: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name, [*known], n=1, cutoff=0.6)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _own_files() -> set[str]:
    return {str(module.__file__) for module in _own_modules()}


def place_of(error: BaseException) -> str | None:
    """Where in a paper's file an error was raised, None if nowhere."""
    own = _own_files()
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in own]
    return f"{shown(frames[-1].filename)}, line {frames[-1].lineno}" if frames else None


class OnceForPapers(Generic[T]):
    """A function without arguments whose answer is found once for each set of papers that are loaded."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._state = ""
        self._found: T | None = None
        update_wrapper(self, function)

    def __call__(self) -> T:
        if any(vars(module).get(DIGEST) == "" for module in loaded()):  # while a file is run it is not complete
            return self._function()
        state = digest()
        if self._found is None or state != self._state:
            self._state, self._found = state, self._function()
        return self._found


# --- running a file --------------------------------------------------------------------------------------------------


def _run(name: str, file: Path) -> ModuleType:
    if not is_regular(file):
        raise TightrateError(f"there is no file {shown(file)}; start one with: tightrate new-paper NAME")
    spec = importlib.util.spec_from_file_location(name, file) if file.suffix == ".py" else None
    if spec is None:
        raise TightrateError(f"{shown(file)} is not a Python file; its name must end in .py")
    text = read_text(file, MOST_BYTES)
    module = importlib.util.module_from_spec(spec)
    parent = sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE))
    vars(parent).setdefault("__path__", [])
    vars(module)[DIGEST] = ""
    sys.modules[name] = module
    setattr(parent, name.rpartition(".")[2], module)
    before = _digest(file)
    try:
        guarded(lambda: _execute(module, file, text))
    except BaseException:
        forget(module)
        raise
    vars(module)[DIGEST] = before
    return module


def _execute(module: ModuleType, file: Path, text: str) -> None:
    try:
        code = compile(text, str(file), "exec")  # from its text: no cache file is left beside the author's program
    except SyntaxError as error:
        error.filename = str(file)
        raise
    vars(module)[HELPERS] = helpers(file)
    with _helpers_found(file):
        _refuse_confused(module, file)
        exec(code, vars(module))
        _refuse_confused(module, file)


@contextmanager
def _helpers_found(file: Path) -> Iterator[None]:
    """A context in which modules beside the file are found after all libraries and before those of other papers."""
    folder, others = str(file.parent), set(map(_folder, _of_files(_parent())))
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    if folder not in sys.path:
        place = next((index for index, path in enumerate(sys.path) if path in others - {folder}), len(sys.path))
        sys.path.insert(place, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.dont_write_bytecode = before


def _refuse_confused(module: ModuleType, file: Path) -> None:
    """Refuse a helper of which another paper has one of the same name: Python has one module of each name."""
    others = {path for one in _of_files(_parent()) if one is not module for path in vars(one).get(HELPERS, {}).values()}
    for name, own in vars(module)[HELPERS].items():
        found = getattr(sys.modules.get(name), "__file__", None)
        if found is not None and Path(found) != own and Path(found) in others:
            raise TightrateError(
                f"{shown(file)} needs {shown(own)}, but {shown(found)} of another paper has the same name; rename one"
            )


def helpers(file: Path) -> dict[str, Path]:
    """The modules beside a file that it imports, directly or not, by their names."""
    found: dict[str, Path] = {}
    waiting = [file]
    while waiting:
        for name in _imported(waiting.pop(), file.parent):
            place = file.parent.joinpath(*name.split("."))
            for path in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
                if name not in found and is_regular(path) and path != file:
                    found[name] = path
                    waiting.append(path)
    return found


def _imported(file: Path, folder: Path) -> Iterator[str]:
    try:
        tree = ast.parse(read_text(file, MOST_BYTES))
    except (SyntaxError, ValueError, RecursionError):  # told when it is run
        return
    package = file.parent.relative_to(folder).parts
    for node in ast.walk(tree):
        names: Iterable[str] = ()
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            whole = ".".join((*base, *([node.module] if node.module else [])))
            names = [whole, *(f"{whole}.{alias.name}".lstrip(".") for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:depth]) for depth in range(1, len(parts) + 1) if all(parts))


def _digest(file: Path) -> str:
    found = sha256()
    for path in (file, *helpers(file).values()):
        try:
            found.update(f"{path.relative_to(file.parent)}\n".encode() + path.read_bytes())
        except OSError:
            found.update(b"missing")
    return found.hexdigest()


def _digest_of(installed: ModuleType) -> str:
    return sha256(Path(str(installed.__file__)).read_bytes()).hexdigest() if installed.__file__ else ""


def forget(module: ModuleType) -> None:
    """Take a file's module, the helpers that no other paper has, and its folder out of Python's tables."""
    others = [one for one in _of_files(_parent()) if one is not module]
    shared = {name for one in others for name in vars(one).get(HELPERS, {})}
    for name, path in vars(module).get(HELPERS, {}).items():
        if name not in shared and getattr(sys.modules.get(name), "__file__", None) == str(path):
            del sys.modules[name]
    folder = _folder(module)
    if folder in sys.path and folder not in map(_folder, others):
        sys.path.remove(folder)
    sys.modules.pop(module.__name__, None)
    vars(_parent() or module).pop(module.__name__.rpartition(".")[2], None)


def _folder(module: ModuleType) -> str:
    return str(Path(str(module.__file__)).parent)


# --- what there is ---------------------------------------------------------------------------------------------------


def _parent() -> ModuleType | None:
    return sys.modules.get(PACKAGE)


def _of_files(parent: ModuleType | None) -> tuple[ModuleType, ...]:
    return () if parent is None else tuple(one for one in vars(parent).values() if isinstance(one, ModuleType))


def _own_modules() -> Iterator[ModuleType]:
    for module in _of_files(_parent()):
        yield module
        yield from _helper_modules(module)


def _helper_modules(module: ModuleType) -> Iterator[ModuleType]:
    """The modules beside a paper's file that it imported, not the libraries that have names of such files."""
    for name, path in vars(module).get(HELPERS, {}).items():
        found = sys.modules.get(name)
        if found is not None and getattr(found, "__file__", None) == str(path):
            yield found


def _is_loaded(path: str) -> bool:
    file = str(Path(path).absolute())
    return any(module.__file__ == file for module in _of_files(_parent()))


@cache
def _entry_points() -> tuple[str, ...]:
    """The names of the modules that installed packages offer."""
    from importlib.metadata import distributions, entry_points

    try:
        found = list(entry_points(group=GROUP))
    except Exception:  # what some installer wrote cannot be read
        found = []
        for one in distributions():
            with _left_out(f"what the installed package {one.name} offers"):
                found += one.entry_points.select(group=GROUP)
    return tuple(sorted({one.value.partition(":")[0] for one in found}))


@cache
def _installed() -> tuple[ModuleType, ...]:
    found: list[ModuleType] = []
    for name in _entry_points():
        with _left_out(f"the installed paper {name}"), redirect_stdout(sys.stderr):
            module = import_module(name)
            inside = pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}.")
            found += [module, *[import_module(one.name) for one in inside]]
    return tuple(found)


@contextmanager
def _left_out(what: str) -> Iterator[None]:
    """A context in which somebody else's package may raise anything: nobody asked for it, so that the rest goes on."""
    from multiprocessing import parent_process

    try:
        yield
    except (Exception, SystemExit) as error:
        if parent_process() is None:  # once, not by every worker
            why = f"{type(error).__name__}: {_words_of(error)}"
            print(f"tightrate: {what} is left out, it cannot be loaded: {why}", file=sys.stderr)


# --- other processes -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Carried:
    """A call for another process, which loads the same papers first; what cannot be loaded there is refused."""

    papers: tuple[tuple[str, str], ...]
    call: bytes

    def __call__(self) -> Any:
        for path, digest_there in self.papers:
            load_here(path, digest_there)
        function, arguments = pickle.loads(self.call)
        return function(*arguments)


def carried(function: Callable[..., T], *arguments: Any) -> Callable[[], T]:
    """The call of a function as another process can make it."""
    papers = tuple((str(module.__file__), str(vars(module)[DIGEST])) for module in files())
    if not papers:
        return partial(function, *arguments)
    import cloudpickle

    return Carried(papers, cloudpickle.dumps((function, arguments)))
