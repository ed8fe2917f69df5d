"""One page of documentation for each code of the linter, from its rule's docstring, and the list of all.

`python -m tightrate.rates.manuscripts.rule_pages docs/lint` writes all of them.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from tightrate.rates.manuscripts.rule import RULES, description
from tightrate.rates.pages.markdown import GENERATED, page, table

COMMAND = "python -m tightrate.rates.manuscripts.rule_pages docs/lint"


def rule_page(code: str) -> str:
    """The page of a code, in Markdown.

    >>> rule_page("TR201").splitlines()[2]
    '# TR201: A term of an order is dominated by the others and could be left out'
    """
    found = description(code)
    return page(
        GENERATED.format(command=COMMAND),
        f"# {code}: {found.title}",
        found.text,
        "Wrong:",
        f"```markdown\n{found.wrong}\n```",
        "Right:",
        f"```markdown\n{found.right}\n```",
    )


def index_page() -> str:
    """The list of all codes."""
    rows = [(f"[{code}]({code}.md)", description(code).title) for code in RULES.names()]
    return page(
        GENERATED.format(command=COMMAND),
        "# The codes of the linter",
        table(("code", "what is wrong"), rows),
        "```{toctree}\n:hidden:\n:glob:\n\nTR*\n```",
    )


def write_all(folder: Path) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for code in RULES.names():
        (folder / f"{code}.md").write_text(rule_page(code), encoding="utf-8")
    (folder / "README.md").write_text(index_page(), encoding="utf-8")


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write_all(parser.parse_args().folder)
