"""One page of documentation for each algorithm: its box, its parameters, and the theorems that speak of it.

`python -m tightrate.simulator.algorithm_pages docs/algorithms` writes all of them.
"""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path

from tightrate.rates.formulas import display
from tightrate.rates.formulas.inline import as_markdown
from tightrate.rates.pages.markdown import GENERATED, anchor, page, table
from tightrate.rates.pages.paper_pages import Pictures, read_pictures, statement_link
from tightrate.rates.pages.theorem_facts import sign
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS, Description
from tightrate.simulator.parameter_meanings import OWN_MEANING
from tightrate.simulator.parameters import Parameter

COMMAND = "python -m tightrate.simulator.algorithm_pages docs/algorithms"


def algorithm_page(name: str, pictures: Pictures | None = None) -> str:
    """The page of an algorithm, in Markdown with LaTeX, in the letters of the alphabet.

    >>> print(algorithm_page("local-sgd").splitlines()[2])
    # local-sgd
    """
    found = ALGORITHMS.describe(name)
    return page(
        GENERATED.format(command=COMMAND),
        f"# {name}",
        as_markdown(found.summary),
        f"```text\n{found.box}\n```" if found.box else "",
        as_markdown(found.remarks),
        f"Source: {as_markdown(found.source)}.",
        "## Parameters",
        table(("parameter", "meaning", "default"), [_parameter(*entry) for entry in found.parameters.items()]),
        *_pictures(found, pictures or {}),
        "## Theorems",
        _theorems(found),
        "## Run it",
        f"`tightrate simulate {name} PROBLEM {_required(found)} K=10 R=20` (`tightrate list problems`).",
    )


def index_page() -> str:
    """The list of all pages."""
    rows = []
    for name in ALGORITHMS.names():
        found = ALGORITHMS.describe(name)
        rows.append((f"[{name}]({name}.md)", as_markdown(found.summary), as_markdown(found.source)))
    return page(
        GENERATED.format(command=COMMAND),
        "# Algorithms",
        "Each is written as in its paper: the same order of operations, the same synchronization, the same output.",
        table(("algorithm", "what it is", "source"), rows),
        "```{toctree}\n:hidden:\n:glob:\n\n*\n```",
    )


def _parameter(name: str, own: Parameter) -> tuple[str, str, str]:
    known = LETTERS.get(name)
    meaning = as_markdown(known.meaning) if known else OWN_MEANING.get(name, "")
    letter = f" (${known.latex}$)" if known else ""
    return f"`{name}`{letter}", meaning, "required" if own.required else f"`{own.default}`"


def _theorems(found: Description) -> str:
    rows = []
    for theorem_id in found.theorems:
        entry = theorem(theorem_id)
        kind = as_markdown(f"${sign(entry.bound)}$").strip("$")
        formula = f"${kind}\\,{display.sum_latex(entry.bound.expressions)}$"
        rows.append((f"{statement_link(theorem_id, '../')}: {as_markdown(entry.title)}", formula))
    return table(("statement", "bound"), rows) if rows else "The catalogue has no statement about it."


def _pictures(found: Description, pictures: Pictures) -> list[str]:
    """The figures of the theorems that speak of the algorithm: the first, and links to the others."""
    shown = {name: title for theorem_id in found.theorems for name, title in pictures.get(theorem_id, ())}
    if not shown:
        return []
    name, title = next(iter(shown.items()))
    others = ", ".join(f"[{other}](../figures.md#{anchor(other)})" for other in list(shown.values())[1:])
    return [
        "## Figures",
        f"[![{title}](../figures/{name}.png)](../figures.md#{anchor(title)})",
        f"*{title}.*" + (f" Others: {others}." if others else ""),
    ]


def _required(found: Description) -> str:
    return " ".join(f"{name}=..." for name, own in found.parameters.items() if own.required)


def write(folder: Path) -> None:
    """All pages into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = read_pictures(folder.parent)
    for name in ALGORITHMS.names():
        (folder / f"{name}.md").write_text(algorithm_page(name, pictures), encoding="utf-8")
    (folder / "README.md").write_text(index_page(), encoding="utf-8")


if __name__ == "__main__":
    parser = ArgumentParser(
        prog=COMMAND.rpartition(" ")[0], description="One page of documentation for each algorithm."
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("docs/algorithms"), help="%(default)s unless given"
    )
    write(parser.parse_args().folder)
