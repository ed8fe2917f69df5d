"""A sweep as a TOML file; every mistake in it is one line that says what would be right."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.files import read_text
from tightrate.common.numbers import number
from tightrate.rates.statements.own_symbols import read_symbol
from tightrate.rates.symbols.alphabet import DECLARED, LETTERS
from tightrate.verify.sweep.specification import Step, Sweep, Value, spaced
from tightrate.verify.sweep.tuning import Tuned

LONGEST = 300  # characters of what a parser says
MOST_BYTES = 1 << 20  # of a specification; a list of a hundred thousand values takes less
KEYS = (*(field.name for field in fields(Sweep)), "symbols")
TABLES = ("axes", "parameters", "steps", "symbols")
AXIS_KEYS = ("from", "to", "points", "scale")
POLICIES = ("prescribed", "tuned", "fixed")
TUNED_KEYS = {
    "from": "low",
    "to": "high",
    "points": "points",
    "replicas": "replicas",
    "widenings": "widenings",
    "closed": "closed",
}


def read_sweep(path: Path, *, problem: str | None = None) -> Sweep:
    """A sweep from a TOML file; `problem` stands in for its own, or for the one that it leaves out.

    Besides the keys that `Sweep` has, three tables: `[axes]`, each a list of values or
    `{from = 1, to = 1024, points = 11, scale = "log"}`; `[parameters]`, each a value; `[steps]`, each a number,
    `"prescribed"`, a formula in the letters such as `"1/(L*K)"`, or `{policy = "tuned", from = 0.01, to = 1.0, points =
    9, replicas = 32, widenings = 12}`, whose ends may be formulas, too.  A fourth
    table, `[symbols]`, declares symbols that the alphabet does not have, each as a kind ("count"), a formula ("L/mu")
    or a table of what `tightrate.rates.statements.own_symbols.symbol` takes; they are known from then on.

    Args:
        path: the file
        problem: stands in for the file's problem

    Returns:
        The sweep, checked, for `run_sweep`.

    Raises:
        TightrateError: with the key in the file that is wrong.

    >>> read_sweep(Path("examples/krm_sweep.toml")).algorithm
    'local-sgd'
    """
    content = _parsed(path)
    _check_keys("a sweep", content, KEYS)
    if problem is not None:
        content["problem"] = problem
    for key in TABLES:
        if not isinstance(content.get(key, {}), dict):
            raise TightrateError(f"{key} must be a table, for example [{key}]")
    _declare(path.stem, content.pop("symbols", {}))
    for key in ("axes", "algorithm", "problem"):
        if key not in content and key not in content.get("axes", {}):
            raise TightrateError(f"{path} has no {key}; a sweep needs algorithm, problem and [axes]")
    axes = {name: _axis(name, values) for name, values in content["axes"].items()}
    steps = {name: _step(name, policy) for name, policy in content.get("steps", {}).items()}
    return Sweep(**{"name": path.stem, **content, "axes": axes, "steps": steps})


def _declare(name: str, symbols: Mapping[str, Any]) -> None:
    """Make the symbols known; names that are taken are refused."""
    if not symbols:
        return
    module = paper_files.add(f"symbols_of_{name}", {DECLARED: {own: read_symbol(own, symbols[own]) for own in symbols}})
    try:
        len(LETTERS)
    except TightrateError:
        paper_files.forget(module)
        raise


def _parsed(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(path, MOST_BYTES))
    except RecursionError:
        raise TightrateError(f"{path} is not a specification: its tables or lists are nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise TightrateError(f"{path} is not a valid TOML file: {' '.join(str(error).split())[:LONGEST]}") from None
    except ValueError as error:  # an integer of thousands of digits
        raise error if isinstance(error, TightrateError) else TightrateError(f"{path} has a number too large") from None


def _axis(name: str, values: Any) -> tuple[Value, ...]:
    if isinstance(values, list):
        return tuple(values)
    if not isinstance(values, dict):
        raise TightrateError(
            f'axis {name} must be a list of numbers or {{from = 1, to = 64, points = 7, scale = "log"}}, not {values!r}'
        )
    _check_keys(f"axis {name}", values, AXIS_KEYS, required=("from", "to", "points"))
    return spaced(name, values["from"], values["to"], values["points"], values.get("scale", "linear"))


def _step(name: str, policy: Any) -> Step:
    if isinstance(policy, str):
        return policy
    if isinstance(policy, list):
        raise TightrateError(
            f'step {name} must be a number, "prescribed", a formula such as "1/(L*K)" or'
            f' {{policy = "tuned", from = 0.01, to = 1.0}}, not {policy!r}'
        )
    if not isinstance(policy, dict):
        return number(f"step {name}", policy)
    kind = policy.get("policy")
    if kind not in POLICIES:
        raise unknown_name(f"policy of step {name}", str(kind), POLICIES)
    rest = {key: value for key, value in policy.items() if key != "policy"}
    if kind == "prescribed":
        _check_keys(f"step {name}", rest, ())
        return "prescribed"
    if kind == "fixed":
        _check_keys(f"step {name}", rest, ("value",), required=("value",))
        return number(f"value of step {name}", rest["value"])
    _check_keys(f"step {name}", rest, TUNED_KEYS, required=("from", "to"))
    return Tuned(**{TUNED_KEYS[key]: value for key, value in rest.items()})


def _check_keys(what: str, given: Mapping[str, Any], known: Collection[str], required: Collection[str] = ()) -> None:
    for key in given:
        if key not in known:
            raise unknown_name(f"key of {what}", key, known)
    missing = [key for key in required if key not in given]
    if missing:
        raise TightrateError(f"{what} has no {', '.join(missing)}; it needs {', '.join(required)}")
