"""Reading NAME=VALUE from the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tightrate.common import files, paper_files
from tightrate.common.errors import TightrateError
from tightrate.common.files import read_text
from tightrate.common.numbers import read_number
from tightrate.rates.formulas.macros import Macro, definitions
from tightrate.simulator.parameters import VECTORS

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
FLAGS = {"true": True, "false": False, "1": True, "0": False}


def read_values(arguments: Sequence[str]) -> dict[str, float]:
    """NAME=VALUE pairs; a value is a number, a fraction such as 1/3, or inf.

    >>> read_values(["K=inf", "R=1e3", "cosine=1/2"])
    {'K': inf, 'R': 1000.0, 'cosine': 0.5}
    >>> read_values(["K"])
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: 'K' is not NAME=VALUE, for example K=10
    """
    return {name: read_number(name, text) for name, text in read_pairs(arguments).items()}


def read_pairs(arguments: Sequence[str]) -> dict[str, str]:
    """NAME=VALUE pairs, each name once; the values as they stand."""
    pairs: dict[str, str] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        if not equals or not name:
            raise TightrateError(f"{argument!r} is not NAME=VALUE, for example K=10")
        if name in pairs:
            raise TightrateError(f"{name} is given twice")
        pairs[name] = text
    return pairs


def read_settings(pairs: Mapping[str, str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Each value read as what its default is; one without a default is left as it stands, for others to refuse.

    A name where the default is a text; true or false; a list with commas between its parts, or a list of lists with
    semicolons between them, where it is a tuple, of numbers unless the default holds names; a number otherwise.

    >>> defaults = {"split": "iid", "correct": False, "strategies": ("sgd",), "cover": (), "K": None}
    >>> read_settings({"split": "dirichlet", "correct": "true", "K": "1/2"}, defaults)
    {'split': 'dirichlet', 'correct': True, 'K': 0.5}
    >>> read_settings({"strategies": "sgd,adam", "cover": "0,1;2"}, defaults)
    {'strategies': ('sgd', 'adam'), 'cover': ((0.0, 1.0), (2.0,))}
    """
    return {name: _read_as(defaults[name], name, text) if name in defaults else text for name, text in pairs.items()}


def read_lists(pairs: Mapping[str, str], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """As `read_settings`, where a number may also be a list of numbers with commas between them.

    >>> read_lists({"eta": "0.5,1", "K": "4"}, {"eta": None, "K": None})
    {'eta': [0.5, 1.0], 'K': 4.0}
    """
    several = {
        name: [read_number(name, part) for part in text.split(",")]
        for name, text in pairs.items()
        if "," in text and name in defaults and not isinstance(defaults[name], (bool, str, tuple))
    }
    return {name: several.get(name) or read_settings({name: text}, defaults)[name] for name, text in pairs.items()}


def _read_as(default: Any, name: str, text: str) -> Any:
    if isinstance(default, bool):
        if text.strip().lower() not in FLAGS:
            raise TightrateError(f"{name} must be true or false, not {text!r}")
        return FLAGS[text.strip().lower()]
    if default == "":  # free text, such as the name of a file
        return text
    if isinstance(default, str):
        return read_name(name, text)
    if name in VECTORS and "," in text:
        return tuple(read_number(name, part) for part in text.split(","))
    if not isinstance(default, tuple):
        return read_number(name, text)
    if ";" in text:
        return tuple(_read_as((), name, part) for part in text.split(";"))
    read = read_name if any(isinstance(part, str) for part in default) else read_number
    return tuple(read(name, part) for part in text.split(","))


def read_name(name: str, text: str) -> str:
    """A name of letters, digits, dots, dashes and underscores that starts with a letter; anything else is refused."""
    if not NAME.fullmatch(text.strip()):
        raise TightrateError(f"{name} must be a name, not {text!r}")
    return text.strip()


def read_names(text: str) -> tuple[str, ...]:
    """Names separated by commas; none in an empty text.

    >>> read_names("gap, distance"), read_names("")
    (('gap', 'distance'), ())
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def check_output(path: Path, *inputs: object) -> None:
    """Refuse a place that cannot be written, or that the command reads: one of its inputs, or a paper of one's own."""
    papers = {str(module.__file__) for module in paper_files.with_helpers() if module.__file__ is not None}
    files.check_output(path, [Path(str(one)) for one in (*inputs, *papers) if one is not None and one != ""])


def own_problem(file: Path) -> str:
    """The path of a problem's file as the name of the problem."""
    from tightrate.constructions.problem_file import is_problem_file  # needs numpy, which few commands do

    if not is_problem_file(str(file)):
        raise TightrateError(f"--problem takes a file of arrays (.npz) or of lists (.toml), not {file}")
    return str(file)


def read_limit(text: str) -> float:
    """Hours, the limit of the work that is started."""
    hours = read_number("limit", text)
    if not hours > 0:
        raise TightrateError(f"limit must be a positive number of hours, not {hours:g}")
    return hours


def read_macros(file: Path | None) -> dict[str, Macro]:
    """The LaTeX definitions of a file."""
    return {} if file is None else definitions(read_text(file))[0]
