"""`tightrate`, or `python -m tightrate`: the command line, deaf to no signal while it still loads."""

from __future__ import annotations

import sys

try:
    from tightrate.terminal.ending import ended, leave
except KeyboardInterrupt:  # before anything of this program could answer
    sys.stderr.write("tightrate: interrupted; nothing is left half-written\n")
    sys.exit(130)


def main() -> None:
    """Load the command line, run it and end the process."""
    leave(ended(_loaded))


def _loaded() -> int:
    from tightrate.command_line import answer

    return answer()


if __name__ == "__main__":
    main()
