"""Refresh what the documentation quotes: run every `$ tightrate ...` block and paste its output.

python docs/refresh.py            rewrite the README and the tutorials
python docs/refresh.py --check    exit with 1 if a block does not show what the command prints
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```\n\$ tightrate (?P<command>[^\n]+)\n(?P<output>.*?)^```$", re.MULTILINE | re.DOTALL)

TALLY = re.compile(r"<!-- tally -->\n.*?<!-- /tally -->", re.DOTALL)


def output_of(command: str) -> str:
    """What a person sees on a terminal of 100 columns without colours."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    arguments = [sys.executable, "-m", "tightrate", *split(command)]
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):  # 1 is an unexpected verdict or a finding, which a page may want to show
        raise SystemExit(f"$ tightrate {command}\nends with status {done.returncode}: {done.stderr.strip()}")
    lines = done.stdout.rstrip().splitlines()  # signs of life on standard error depend on how busy the machine is
    return "".join(line.rstrip() + "\n" for line in lines)


def split(command: str) -> list[str]:
    """The command's words, quotes respected."""
    import shlex

    return shlex.split(command)


def tally() -> str:
    """How many claims of each paper came out how in the run whose verdicts are kept in docs/verdicts.json.

    Claims about statements that were not checked against their source stand in a table of their own.
    """
    from tightrate.rates.statements.catalogue import statement

    findings = json.loads((ROOT / "docs" / "verdicts.json").read_text(encoding="utf-8"))
    statuses = list(dict.fromkeys(sorted(finding["verdict"] for finding in findings)))
    checked = [finding for finding in findings if statement(finding["theorem"]).provenance.checked]
    others = [finding for finding in findings if finding not in checked]
    table = counted(checked, statuses)
    if others:
        table += f"\nAbout statements that could not be checked against their source:\n\n{counted(others, statuses)}"
    unexpected = sum(finding["verdict"] != finding["expected"] for finding in findings)
    return table + f"\n{unexpected} of {len(findings)} verdicts were not as expected.\n"


def counted(findings: list[dict[str, Any]], statuses: list[str]) -> str:
    """The table of one group of claims."""
    papers = sorted({finding["claim"].split("/")[0] for finding in findings})
    counts = Counter((finding["claim"].split("/")[0], finding["verdict"]) for finding in findings)
    lines = [["paper", "claims", *statuses], ["---"] * (len(statuses) + 2)]
    for paper in papers:
        own = [counts[paper, status] for status in statuses]
        lines.append([paper, str(sum(own)), *(str(count or "") for count in own)])
    lines.append(["all", str(len(findings)), *(str(sum(counts[p, s] for p in papers)) for s in statuses)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def refreshed(text: str) -> str:
    """The text with every block's output replaced by what the command prints now, and the tally by the last one."""
    if TALLY.search(text):
        text = TALLY.sub(lambda _: f"<!-- tally -->\n{tally()}<!-- /tally -->", text)
    return BLOCK.sub(lambda block: f"```\n$ tightrate {block['command']}\n{output_of(block['command'])}```", text)


def pages() -> list[Path]:
    """Every page that quotes commands."""
    quoting = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts]
    return [ROOT / "README.md", *(page for page in quoting if BLOCK.search(page.read_text(encoding="utf-8")))]


def main() -> int:
    """Refresh or check all pages."""
    stale = 0
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = refreshed(before)
        stale += before != after
        if "--check" not in sys.argv[1:]:
            page.write_text(after, encoding="utf-8")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
