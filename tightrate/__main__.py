"""`tightrate`, or `python -m tightrate`: the command line, deaf to no signal while it still loads."""

from __future__ import annotations

import sys
from typing import NoReturn

from tightrate.terminal.ending import ended


def main() -> NoReturn:
    """Load the command line and run it."""
    sys.exit(ended(_loaded))


def _loaded() -> int:
    from tightrate.command_line import main as run

    run()


if __name__ == "__main__":
    main()
