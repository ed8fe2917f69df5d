"""Loading a paper of your own: the file is the user's own program, and is run.

What goes wrong in it becomes one line that names the place in the file.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from tightrate.common.errors import TightrateError
from tightrate.verify.user_paper.model import OwnClaim

T = TypeVar("T")


def load_paper(path: Path) -> tuple[str, dict[str, OwnClaim]]:
    """The name of the paper and its claims by name; what is wrong in the file is one line with its line number."""
    if not path.is_file():
        raise TightrateError(f"there is no file {path}; start one with: tightrate new-paper NAME")
    name = path.stem
    spec = importlib.util.spec_from_file_location(f"own_paper_{re.sub(r'[^0-9a-zA-Z_]', '_', name)}", path)
    if spec is None or spec.loader is None:
        raise TightrateError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    guarded(path, lambda: _execute(module, path))
    claims = {key: value for key, value in vars(module).items() if isinstance(value, OwnClaim)}
    if not claims:
        raise TightrateError(f"{path} has no OwnClaim; see the file that tightrate new-paper writes")
    return name, claims


def _execute(module: ModuleType, path: Path) -> None:
    # Compiled from its text: no cache file is left beside the user's program.  Its dataclasses look their module up.
    sys.modules[module.__name__] = module
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))


def guarded(path: Path, action: Callable[[], T]) -> T:
    """Run something of the user's; an error becomes one line that names the place in the file."""
    try:
        return action()
    except SyntaxError as error:
        raise TightrateError(f"{path}, line {error.lineno}: {error.msg}") from None
    except UnicodeDecodeError:
        raise TightrateError(f"{path} is not a text file in UTF-8") from None
    except Exception as error:  # the user's own program may raise anything
        frames = [frame for frame in traceback.extract_tb(sys.exc_info()[2]) if frame.filename == str(path)]
        if not frames:
            raise
        kind = "" if isinstance(error, TightrateError) else f"{type(error).__name__}: "
        raise TightrateError(f"{path}, line {frames[-1].lineno}: {kind}{error}") from None
