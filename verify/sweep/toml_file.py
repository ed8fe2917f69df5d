"""A sweep as a TOML file; every mistake in it is one line that says what would be right."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.verify.sweep.specification import Step, Sweep, Tuned, Value, spaced

TABLES = ("axes", "parameters", "steps")
TEXTS = ("name", "algorithm", "problem", "theorem", "output", "noise", "method")
LISTS = ("measures", "common")
WHOLE = ("replicas", "seed", "most_replicas")
KEYS = (*TEXTS, *LISTS, *WHOLE, "relative_error", *TABLES)
AXIS_KEYS = ("from", "to", "points", "scale")
POLICIES = ("prescribed", "tuned", "fixed")
TUNED_KEYS = {"from": "low", "to": "high", "points": "points", "replicas": "replicas", "widenings": "widenings"}


def read_sweep(path: Path) -> Sweep:
    """A sweep from a TOML file.

    Besides the keys that `Sweep` has, three tables: `[axes]`, each a list of values or
    `{from = 1, to = 1024, points = 11, scale = "log"}`; `[parameters]`, each a value; `[steps]`, each a number,
    `"prescribed"` or `{policy = "tuned", from = 0.01, to = 1.0, points = 9, replicas = 32, widenings = 12}`.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TightrateError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TightrateError(f"{path} is not a valid TOML file: {' '.join(str(error).split())}") from None
    for key in content:
        if key not in KEYS:
            raise unknown_name("key of a sweep", key, KEYS)
    for key in ("axes", "algorithm", "problem"):
        if key not in content and key not in content.get("axes", {}):
            raise TightrateError(f"{path} has no {key}; a sweep needs algorithm, problem and [axes]")
    for key in TABLES:
        if not isinstance(content.get(key, {}), dict):
            raise TightrateError(f"{key} must be a table, for example [{key}]")
    given = {"name": path.stem, "parameters": {}, **content}
    for key in TEXTS:
        if key in content and not isinstance(content[key], str):
            raise TightrateError(f"{key} must be a text, not {content[key]!r}")
    for key in WHOLE:
        if key in content:
            _whole(key, content[key])
    for key in LISTS:
        if key in content:
            given[key] = _texts(key, content[key])
    if "relative_error" in content:
        _number("relative_error", content["relative_error"])
    given["axes"] = {name: _axis(name, values) for name, values in content["axes"].items()}
    given["steps"] = {name: _step(name, policy) for name, policy in content.get("steps", {}).items()}
    return Sweep(**given)


def _axis(name: str, values: Any) -> tuple[Value, ...]:
    if isinstance(values, list):
        return tuple(values)
    if not isinstance(values, dict):
        raise TightrateError(
            f'axis {name} must be a list of numbers or {{from = 1, to = 64, points = 7, scale = "log"}}, not {values!r}'
        )
    _check_keys(f"axis {name}", values, AXIS_KEYS, required=("from", "to", "points"))
    for key in ("from", "to"):
        _number(f"{key} of axis {name}", values[key])
    _whole(f"points of axis {name}", values["points"])
    return spaced(name, values["from"], values["to"], values["points"], values.get("scale", "linear"))


def _step(name: str, policy: Any) -> Step:
    if policy == "prescribed":
        return "prescribed"
    if isinstance(policy, (int, float)) and not isinstance(policy, bool):
        return policy
    if not isinstance(policy, dict):
        raise TightrateError(
            f'step {name} must be a number, "prescribed" or {{policy = "tuned", from = 0.01, to = 1.0}}, not {policy!r}'
        )
    kind = policy.get("policy")
    if kind not in POLICIES:
        raise unknown_name(f"policy of step {name}", str(kind), POLICIES)
    rest = {key: value for key, value in policy.items() if key != "policy"}
    if kind == "prescribed":
        _check_keys(f"step {name}", rest, ())
        return "prescribed"
    if kind == "fixed":
        _check_keys(f"step {name}", rest, ("value",), required=("value",))
        _number(f"value of step {name}", rest["value"])
        return float(rest["value"])
    _check_keys(f"step {name}", rest, tuple(TUNED_KEYS), required=("from", "to"))
    for key, value in rest.items():
        (_number if key in ("from", "to") else _whole)(f"{key} of step {name}", value)
    return Tuned(**{TUNED_KEYS[key]: value for key, value in rest.items()})


def _check_keys(what: str, given: Mapping[str, Any], known: tuple[str, ...], required: tuple[str, ...] = ()) -> None:
    for key in given:
        if key not in known:
            raise unknown_name(f"key of {what}", key, known)
    missing = [key for key in required if key not in given]
    if missing:
        raise TightrateError(f"{what} has no {', '.join(missing)}; it needs {', '.join(required)}")


def _number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TightrateError(f"{name} must be a number, not {value!r}")


def _whole(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TightrateError(f"{name} must be a whole number, not {value!r}")


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not (isinstance(value, list) and all(isinstance(entry, str) for entry in value)):
        raise TightrateError(f"{name} must be a list of texts, not {value!r}")
    return tuple(value)
