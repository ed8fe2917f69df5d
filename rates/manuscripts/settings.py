"""What is settled outside the manuscript's text: `tightrate.toml` beside it, and the command line.

[letters]
H = "L"
"D_0" = "B"

[ignore]
"TR201" = true            # everywhere
"eq:sloppy" = ["TR101"]   # at a label

macros = "macros.tex"     # at the top of the file
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.files import is_regular
from tightrate.rates.formulas.macros import Macro, definitions
from tightrate.rates.manuscripts.manuscript import EVERYTHING
from tightrate.rates.statements.paper_notation import parse_letters

FILE = "tightrate.toml"
_KEYS = ("letters", "ignore", "macros")


@dataclass(frozen=True)
class Settings:
    """Letters of the settings file and, over all others, of the command line; macros; codes ignored everywhere or at a
    label."""

    letters: Mapping[str, str] = field(default_factory=dict)
    command_letters: Mapping[str, str] = field(default_factory=dict)
    macros: Mapping[str, Macro] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    ignored_at: Mapping[str, frozenset[str]] = field(default_factory=dict)


def read_settings(
    manuscript: Path, codes: tuple[str, ...], letters: Mapping[str, str], macros: Mapping[str, Macro]
) -> Settings:
    """The settings beside a manuscript, if there are any, with those of the command line."""
    path = manuscript.parent / FILE
    if not is_regular(path):
        return Settings(command_letters=letters, macros=macros)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as reason:
        raise TightrateError(f"{path}: {' '.join(str(reason).split())}") from None
    for key in found:
        if key not in _KEYS:
            raise TightrateError(f"{path}: {unknown_name('setting', key, _KEYS)}")
    ignored, ignored_at = _ignored(path, found.get("ignore", {}), codes)
    return Settings(
        _letters(path, found.get("letters", {})), letters, {**_macros(path, found), **macros}, ignored, ignored_at
    )


def _letters(path: Path, said: Any) -> dict[str, str]:
    if isinstance(said, str):
        pairs = said
    elif isinstance(said, dict) and all(isinstance(name, str) for name in said.values()):
        pairs = ", ".join(f"{source}={name}" for source, name in said.items())
    else:
        raise TightrateError(f'{path}: letters are pairs such as H = "L", or one text such as "H=L, N=M"')
    try:
        return parse_letters(pairs)
    except TightrateError as reason:
        raise TightrateError(f"{path}: {reason}") from None


def _macros(path: Path, found: Mapping[str, Any]) -> dict[str, Macro]:
    name = found.get("macros")
    if name is None:
        return {}
    if not isinstance(name, str):
        raise TightrateError(f"{path}: macros is the name of a file")
    try:
        return definitions((path.parent / name).read_text(encoding="utf-8"))[0]
    except (OSError, UnicodeDecodeError, ValueError) as reason:
        raise TightrateError(
            f"{path}: cannot read {name}: {getattr(reason, 'strerror', None) or 'not a text'}"
        ) from None


def _ignored(path: Path, said: Any, codes: tuple[str, ...]) -> tuple[frozenset[str], dict[str, frozenset[str]]]:
    if isinstance(said, list):
        said = dict.fromkeys(map(str, said), True)
    if not isinstance(said, dict):
        raise TightrateError(f'{path}: ignore is a list of codes, or pairs such as "eq:rate" = ["TR201"]')
    everywhere: set[str] = set()
    at: dict[str, frozenset[str]] = {}
    for key, value in said.items():
        if value is True and key in codes:
            everywhere.add(key)
        elif value is True:
            at[key] = EVERYTHING
        elif isinstance(value, list) and all(code in codes for code in value):
            at[key] = frozenset(value)
        else:
            wrong = [str(code) for code in value if code not in codes] if isinstance(value, list) else [str(value)]
            raise TightrateError(f"{path}: {unknown_name('code', ', '.join(wrong), codes)}")
    return frozenset(everywhere), at
