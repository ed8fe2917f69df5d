"""What the command line prints for a program: one JSON document."""

from __future__ import annotations

import json
import sys
from typing import Any

from tightrate.common.json_types import as_json


def print_json(document: Any) -> None:
    """The one JSON document of a command."""
    text = json_text(document)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # JSON has escapes for what this terminal has no letters for
        text = json.dumps(json.loads(text), indent=2) + "\n"
    sys.stdout.write(text)


def json_text(document: Any) -> str:
    """A document as JSON text, with a line break at its end."""
    return json.dumps(as_json(document), ensure_ascii=False, indent=2, allow_nan=False) + "\n"
