"""Findings as SARIF 2.1.0, which code hosts and editors show at their places."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tightrate.rates.manuscripts.lint import LintResult
from tightrate.rates.manuscripts.rule import RULES, description


def sarif(results: Sequence[LintResult]) -> dict[str, Any]:
    """One run with the rules and all results; places are relative to the working directory where they lie in it."""
    codes = RULES.names()
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tightrate",
                        "version": version("tightrate"),
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    {
                        "ruleId": one.code,
                        "ruleIndex": codes.index(one.code),
                        "level": one.severity,
                        "message": {"text": one.message},
                        "locations": [
                            {
                                "physicalLocation": {
                                    "artifactLocation": {"uri": _uri(one.place.file)},
                                    "region": {"startLine": one.place.line, "startColumn": one.place.column},
                                }
                            }
                        ],
                    }
                    for result in results
                    for one in result.findings
                ],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    page = description(code)
    return {
        "id": code,
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.text},
        "help": {"text": f"{page.text}\n\nWrong:\n\n{page.wrong}\n\nRight:\n\n{page.right}"},
    }


def _uri(file: str) -> str:
    path = Path(os.path.normpath(file))
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
