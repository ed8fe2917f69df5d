"""Generated pages of the documentation: up to date, complete, and with links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from latex2mathml.converter import convert

from tightrate.figures.figure import FIGURES
from tightrate.rates.formulas.inline import as_markdown
from tightrate.rates.manuscripts.rule import RULES
from tightrate.rates.manuscripts.rule_pages import index_page as rule_index
from tightrate.rates.manuscripts.rule_pages import rule_page
from tightrate.rates.pages.catalogue_audit import NOT_CHECKED, findings_page, implications_page
from tightrate.rates.pages.implication_graph import edges, graph
from tightrate.rates.pages.markdown import anchor, bullets, page, table
from tightrate.rates.pages.paper_pages import (
    VERDICTS,
    index_page,
    paper_page,
    read_pictures,
    read_verdicts,
    statement_page,
)
from tightrate.rates.relations.implications import implications
from tightrate.rates.relations.misprints import invisible_to_units, misprints
from tightrate.rates.statements.catalogue import paper_ids, theorem_ids, theorems
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.algorithm_pages import algorithm_page
from tightrate.simulator.algorithm_pages import index_page as algorithm_index
from tightrate.verify.registry import CLAIMS

DOCS = Path(__file__).parents[1] / "docs"
PRINTED = all((DOCS / "papers" / f"{name}.md").exists() for name in paper_ids()) and all(
    (DOCS / "algorithms" / f"{name}.md").exists() for name in ALGORITHMS.names()
)
everything_printed = pytest.mark.skipif(not PRINTED, reason="a paper or an algorithm is new: run make docs-pages")
STATEMENTS = [f"papers/{name}.md" for name in theorem_ids()]
GENERATED = ["findings.md", "implications.md", "papers/README.md", *(f"papers/{name}.md" for name in paper_ids())]


def committed(name: str) -> str:
    if not (DOCS / name).exists():
        pytest.skip("new: run make docs-pages")
    return (DOCS / name).read_text()


@pytest.mark.parametrize("paper_id", paper_ids())
def test_paper_page_is_up_to_date(paper_id: str) -> None:
    verdicts, pictures = read_verdicts(DOCS / VERDICTS), read_pictures(DOCS)
    printed = {f"papers/{paper_id}.md": paper_page(paper_id, verdicts)}
    printed |= {f"papers/{one.id}.md": statement_page(one, verdicts, pictures) for one in theorems(f"{paper_id}/*")}
    for name, current in printed.items():
        assert committed(name) == current, "run: python -m tightrate.rates.pages.paper_pages docs/papers"


@everything_printed
def test_index_is_up_to_date() -> None:
    current = index_page(read_verdicts(DOCS / VERDICTS))
    assert committed("papers/README.md") == current, "run: python -m tightrate.rates.pages.paper_pages docs/papers"


@everything_printed
def test_findings_are_up_to_date() -> None:
    current = findings_page(read_verdicts(DOCS / VERDICTS))
    assert committed("findings.md") == current, "run: python -m tightrate.rates.pages.catalogue_audit docs"


def test_findings_about_statements_that_were_not_checked_stand_apart() -> None:
    text = committed("findings.md")
    sections = re.split(r"^##+ ", text, flags=re.MULTILINE)
    unchecked = {f"`{entry.id}`" for entry in theorems() if not entry.provenance.checked}
    seen = 0
    for section in sections:
        first, _, others = section.partition(NOT_CHECKED)
        assert not unchecked & set(re.findall(r"`[^`\n]*`", first)) or "Errata" in first or "Misprints" in first
        seen += len(unchecked & set(re.findall(r"`[^`\n]*`", others)))
    assert seen >= 50


@everything_printed
def test_implications_are_up_to_date() -> None:
    assert committed("implications.md") == implications_page(), (
        "run: python -m tightrate.rates.pages.catalogue_audit docs"
    )


@pytest.mark.parametrize("name", ALGORITHMS.names())
def test_algorithm_page_is_up_to_date(name: str) -> None:
    current = algorithm_page(name, read_pictures(DOCS))
    assert committed(f"algorithms/{name}.md") == current, (
        "run: python -m tightrate.simulator.algorithm_pages docs/algorithms"
    )
    assert "|  |" not in current, "a parameter has no meaning"


@pytest.mark.parametrize("code", RULES.names())
def test_page_of_a_code_is_up_to_date(code: str) -> None:
    assert committed(f"lint/{code}.md") == rule_page(code), (
        "run: python -m tightrate.rates.manuscripts.rule_pages docs/lint"
    )
    assert committed("lint/README.md") == rule_index()


@everything_printed
def test_index_of_algorithms_is_up_to_date() -> None:
    assert committed("algorithms/README.md") == algorithm_index(), "run: python -m tightrate.simulator.algorithm_pages"
    assert len(list((DOCS / "algorithms").iterdir())) == len(ALGORITHMS.names()) + 1


@everything_printed
def test_no_page_is_left_over() -> None:
    found = {str(path.relative_to(DOCS)) for path in (DOCS / "papers").rglob("*.md")}
    assert found == {*STATEMENTS, *(f"papers/{name}.md" for name in paper_ids()), "papers/README.md"}


@everything_printed
def test_findings_skip_nothing() -> None:
    found = committed("findings.md")
    for entry in theorems():
        for erratum in entry.errata:
            assert as_markdown(erratum.text) in found, (entry.id, erratum.label)
            assert as_markdown(erratum.evidence) in found, (entry.id, erratum.label)
    for misprint in (*misprints(), *invisible_to_units()):
        assert f"`{misprint.id}`" in found
    for implication in implications():
        assert not implication.fails_because or as_markdown(implication.fails_because) in found


@pytest.mark.parametrize("paper_id", paper_ids())
def test_paper_pages_skip_nothing(paper_id: str) -> None:
    index = committed(f"papers/{paper_id}.md")
    for entry in theorems(f"{paper_id}/*"):
        section = committed(f"papers/{entry.id}.md")
        assert f"({entry.id}.md)" in index
        assert as_markdown(entry.statement, entry.letters) in section
        assert all(f"| {term.name}" in section for term in entry.bound.terms)
        assert all(as_markdown(condition.text, entry.letters) in section for condition in entry.conditions)
        assert all(f"*Erratum {erratum.label}.*" in section for erratum in entry.errata)
        assert entry.provenance.meaning in section
        assert not entry.provenance.proof or f"(../../{entry.provenance.proof.replace('#', '.md#')})" in section


def headings(path: Path) -> set[str]:
    return {anchor(line.lstrip("#").strip()) for line in path.read_text().splitlines() if re.match("#+ ", line)}


@pytest.mark.parametrize("name", [*GENERATED, *STATEMENTS[::10]])
def test_links_lead_somewhere(name: str) -> None:
    source = DOCS / name
    targets = re.findall(r"\]\(([^)\s]+)\)", committed(name))
    assert targets or name == "findings.md"
    for target in targets:
        if target.startswith("https://"):
            continue
        file, _, heading = target.partition("#")
        path = (source.parent / file).resolve() if file else source
        assert path.exists(), target
        assert not heading or heading.lower() in headings(path), target


@pytest.mark.parametrize("name", [*GENERATED, *STATEMENTS[::10]])
def test_tables_are_rectangular_and_formulas_closed(name: str) -> None:
    text = committed(name)
    assert "None" not in re.findall(r"\| (None) \|", text)
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block.splitlines()[0]
    for line in text.split("```")[::2]:
        assert line.count("$") % 2 == 0


def test_every_formula_is_one_that_the_site_can_set() -> None:
    """The builder of the site ends at the first that is not; a tenth is set here, all are looked at for two indices."""
    formulas = set()
    for path in DOCS.rglob("*.md"):
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
        found = re.findall(r"\$\$(.+?)\$\$|(?<![\\$])\$([^$\n]+)\$", prose, flags=re.DOTALL)
        formulas |= {block or inline for block, inline in found if "_build" not in path.parts}
    assert len(formulas) > 1000
    script = r"(?:\{[^{}]*\}|\\[A-Za-z]+|[^\\{])"
    assert [one for one in formulas if re.search(rf"(?:_{script}){{2}}|(?:\^{script}){{2}}", one)] == []
    for formula in sorted(formulas)[::10]:
        convert(formula)


def test_markdown() -> None:
    assert table(("a", "b"), [("$x_{|y|}$", "1 | 2")]).splitlines()[-1] == r"| $x_{\vert y\vert}$ | 1 \| 2 |"
    assert table(("a",), [(r"$\|\sigma\|$",)]).splitlines()[-1] == r"| $\Vert\sigma\Vert$ |"
    assert page("a", "", "b\n") == "a\n\nb\n"
    assert bullets(["a", "b"]) == "- a\n- b"
    assert as_markdown("x*") == r"x\*"


@everything_printed
def test_every_figure_is_on_the_page_of_figures() -> None:
    found = committed("figures.md")
    for name in FIGURES.names():
        assert f"`tightrate figure {name}`" in found, "run: make docs-pages"
        assert (f"(figures/{name}.png)" in found) == (DOCS / "figures" / f"{name}.png").is_file()


@everything_printed
def test_the_graph_of_implications_has_every_one_and_its_boxes_lead_to_their_statements() -> None:
    drawn = committed("_static/implications.svg")
    assert drawn == graph(edges()), "run: python -m tightrate.rates.pages.catalogue_audit docs"
    root = ElementTree.fromstring(drawn)
    svg = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{svg}path")) == len(edges()) > 100
    boxes = {(float(box.attrib["x"]), float(box.attrib["y"])) for box in root.iter(f"{svg}rect")}
    assert len(boxes) == len({name for source, target, _ in edges() for name in (source, target)})
    for link in root.iter(f"{svg}a"):
        assert (DOCS / "_static" / link.attrib["href"].replace(".html", ".md")).is_file()


@pytest.mark.parametrize("paper_id", paper_ids())
def test_a_page_of_a_statement_has_problem_theory_snippet_figure_and_reference(paper_id: str) -> None:
    verdicts, pictures = read_verdicts(DOCS / VERDICTS), read_pictures(DOCS)
    for entry in theorems(f"{paper_id}/*"):
        found = statement_page(entry, verdicts, pictures)
        parts = ["Problem", "Theory", "Try it", *["Figures"] * (entry.id in pictures), "Reference"]
        places = [found.index(f"\n## {part}\n") for part in parts]
        assert places == sorted(places)
        title = found.split("\n# ")[1].splitlines()[0]
        assert entry.paper.reference.short in title
        assert all(f"({'../../figures/' + name}.png)" in found for name, _ in pictures.get(entry.id, ()))


def test_a_statement_is_found_by_its_number_and_paper() -> None:
    titles = [committed(name).split("\n# ")[1].splitlines()[0] for name in STATEMENTS]
    assert [title for title in titles if title.startswith("Theorem 9, Patel et al. (2024):")]
    numbered = [title for title in titles if re.match(r"(Theorem|Lemma|Proposition|Corollary) [\w.]+, ", title)]
    assert len(numbered) > 50


@pytest.mark.parametrize("name", [*STATEMENTS[::25], "papers/patel2024/thm27.md"])
def test_the_snippet_of_a_statement_gives_the_numbers_beside_it(name: str) -> None:
    """All but the line that judges a claim again, which runs an experiment."""
    code = re.search(r"```python\n(.*?)```", committed(name), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    for line in code[1].splitlines():
        statement, _, said = line.partition("  # ")
        if said and not line.startswith("tr.judge"):
            assert float(said) == pytest.approx(eval(statement, names), rel=1e-3)
        elif not line.startswith("tr.judge"):
            exec(statement, names)
        else:
            assert line.split('"')[1] in CLAIMS.names()
