"""The report: well-formed, self-contained, true to its findings; and a folder that is never damaged."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
import synthetic_results

from tightrate.common.errors import TightrateError
from tightrate.figures.figure import FIGURES
from tightrate.figures.html import evidence, number, sentence
from tightrate.figures.output_folder import MARKER, check_output_folder, publish
from tightrate.figures.report import write_report
from tightrate.figures.report_page import conclusion, procedure_of
from tightrate.rates.formulas.inline import GREEK
from tightrate.rates.statements.catalogue import theorems
from tightrate.verify.claim import Finding
from tightrate.verify.registry import CLAIMS

VOID = {"meta", "img", "source", "br", "wbr", "input"}


class Page(HTMLParser):
    """Checks that tags nest, and collects ids, links, sources and words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if (name := found.get("id")) is not None:
            self.ids.append(name)
        if tag == "a" and (target := found.get("href")) is not None:
            self.links.append(target)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes the wrong element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def build(folder: Path, findings: list[Finding] | None = None, figures: Sequence[str] | None = None) -> Path:
    session = synthetic_results.session()
    found = synthetic_results.findings(session) if findings is None else findings
    specs = [FIGURES[name] for name in (synthetic_results.FIGURES if figures is None else figures)]
    started = datetime(2024, 5, 11, 12, 0, tzinfo=UTC)
    return write_report(folder, found, session, specs, command="tightrate reproduce", started=started)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def page(report: Path) -> Page:
    parsed = Page()
    parsed.feed((report / "index.html").read_text(encoding="utf-8"))
    parsed.close()
    return parsed


def test_elements_nest_and_ids_are_unique(page: Page) -> None:
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_every_link_leads_somewhere(page: Page, report: Path) -> None:
    assert len(page.links) > 20
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids, link
        else:
            assert (report / link).is_file(), link


def test_nothing_is_loaded_from_elsewhere(page: Page, report: Path) -> None:
    whole = (report / "index.html").read_text(encoding="utf-8")
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed")
        assert not any(name.startswith("on") for name in attributes)
        sources = [attributes[name] or "" for name in ("src", "srcset", "poster", "action") if name in attributes]
        assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    style = whole[whole.index("<style>") : whole.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    # The only addresses are names of markup languages, which nobody fetches.
    assert set(re.findall(r"https?://[^\"'\s<]+", whole)) <= {"http://www.w3.org/1998/Math/MathML"}


def test_pictures_have_words_and_formulas_are_mathml(page: Page) -> None:
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == len(synthetic_results.FIGURES)
    assert all(len(attributes["alt"] or "") > 40 for attributes in pictures)
    assert sum(tag == "math" for tag, _ in page.tags) > 10
    assert sum(tag == "mfrac" for tag, _ in page.tags) > 5


def test_every_finding_is_told_whole(page: Page, report: Path) -> None:
    findings = json.loads((report / "verdicts.json").read_text())
    assert [finding["claim"] for finding in findings] == list(synthetic_results.JUDGED)
    for finding in findings:
        assert f"claim-{finding['claim'].replace('/', '--')}" in page.ids
        assert f"tightrate verify {finding['claim']}" in page.text
    rows = [attributes for tag, attributes in page.tags if tag == "tr" and "finding" in (attributes.get("class") or "")]
    assert [row["class"].split()[1] for row in rows] == [f"is-{finding['verdict']}" for finding in findings]  # type: ignore[union-attr]
    assert "proved by the authors of this toolkit" in page.text
    assert "erratum E4" in page.text
    assert "20240511" in page.text, "the seed is missing"


def test_the_witness_has_every_digit(page: Page, report: Path) -> None:
    (violated,) = (f for f in json.loads((report / "verdicts.json").read_text()) if f["verdict"] == "violated")
    for name, value in violated["witness"].items():
        assert f"{name} = {json.dumps(value)}" in page.text


def test_json_follows_the_contract(report: Path) -> None:
    keys = {"claim", "theorem", "verdict", "expected", "statement", "predicted", "measured", "interval", "evidence"}
    text = (report / "verdicts.json").read_text()
    findings = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    for finding in findings:
        assert keys <= set(finding)
    exponents = next(f for f in findings if f["claim"] == "patel2024/krm-exponents")
    assert len(exponents["interval"]) == 2


def test_a_surprise_is_said_first_and_odd_numbers_and_signs_survive(tmp_path: Path) -> None:
    session = synthetic_results.session()
    findings = synthetic_results.findings(session)
    findings[0] = synthetic_results.unexpected(findings[0])
    build(tmp_path, findings, figures=())
    page = Page()
    page.feed((tmp_path / "index.html").read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    assert "1 of 5 claims did not come out as expected: patel2024/k-does-not-help" in page.text
    assert "The interval <is> too wide" in page.text
    assert "<script>" in page.text
    assert not any(tag == "script" for tag, _ in page.tags)
    data = json.loads((tmp_path / "verdicts.json").read_text())[0]
    assert data["interval"] == ["-inf", 0.0]
    assert data["evidence"]["limit"] == "inf"
    assert data["evidence"]["undefined"] is None
    assert data["witness"] == {"K": "inf"}
    assert "1 verdicts NOT as expected" in (tmp_path / "reproduction.md").read_text()


def test_the_conclusion_counts() -> None:
    findings = synthetic_results.findings(synthetic_results.session())
    assert conclusion(findings).startswith("All 5 claims came out as expected: 4 consistent and 1 violated.")
    assert conclusion([]) == "No claim was judged."
    assert "1 of 1 claim did not" in conclusion([synthetic_results.unexpected(findings[0])])


def test_the_reproduction_page_is_a_table_of_verdicts_and_times(report: Path) -> None:
    text = (report / "reproduction.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for name in synthetic_results.JUDGED:
        (row,) = (line for line in rows if f"`{name}`" in line)
        assert len(re.split(r"(?<!\\)\|", row)) == 9
    assert "| `krm-sweep` | 14.8 |" in text


def test_no_sentence_keeps_a_formula_in_ascii() -> None:
    """Formulas of sentences stand between dollar signs and can be read; code stands in backquotes."""
    texts = [text for claim in CLAIMS.entries().values() for text in (claim.statement, *procedure_of(claim))]
    for source in theorems():
        texts += [source.title, source.statement, source.problem_class, source.iterate]
        texts += [condition.text for condition in source.conditions]
        texts += [text for erratum in source.errata for text in (erratum.text, erratum.evidence)]
    assert len(texts) > 1000
    for text in dict.fromkeys(texts):
        sentence(text)
        words = re.sub(r"`[^`]*`|\$[^$]*\$", "", text)
        left = re.search(rf"[\^_]|\b({'|'.join(GREEK)})\b(?!-[a-z]+-)", words)
        assert left is None, f"{left and left[0]} is left in: {text}"


def test_numbers_and_evidence() -> None:
    shown = [str(number(value)) for value in (0.5, -1.0, 12, False, None, (1.0, 2.0))]
    assert shown == ["0.5", "−1", "12", "no", "–", "1, 2"]
    found = evidence({"a": 1, "K": {"low": 1.0}, "R": {"low": 2.0, "high": 3.0}})
    assert [name for name, _ in found.single] == ["a"]
    assert list(found.columns) == ["", "low", "high"]
    assert [len(row) for row in found.groups] == [3, 3]


def test_a_certificate_is_folded_away_as_json() -> None:
    found = evidence({"A <= B": {"relation": "holds", "certificate": {"steps": [{"alpha": None}]}}, "paths": [[1, 2]]})
    assert [name for name, _ in found.folded] == ["paths", "A <= B: certificate"]
    assert json.loads(dict(found.folded)["A <= B: certificate"]) == {"steps": [{"alpha": None}]}
    assert list(found.columns) == ["", "relation"]


# The folder


def put(name: str, text: str) -> Callable[[Path], None]:
    def build_one(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / name).write_text(text)
        (folder / "index.html").write_text(text)

    return build_one


def everything(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_report_replaces_its_predecessor_whole(tmp_path: Path) -> None:
    out = tmp_path / "new" / "report"
    publish(put("a.txt", "first"), out)
    publish(put("b.txt", "second"), out)
    found = everything(out)
    assert set(found) == {"index.html", "deep/b.txt", MARKER}
    assert found["index.html"] == "second"
    assert [path.name for path in out.parent.iterdir()] == ["report"], "something was left behind"
    umask = os.umask(0)
    os.umask(umask)
    assert out.stat().st_mode & 0o777 == 0o777 & ~umask


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    publish(put("a.txt", "first"), tmp_path / "report")
    assert (tmp_path / "report" / "index.html").read_text() == "first"


def test_a_link_to_a_report_stays_a_link(tmp_path: Path) -> None:
    publish(put("a.txt", "first"), tmp_path / "real")
    (tmp_path / "report").symlink_to(tmp_path / "real")
    publish(put("a.txt", "second"), tmp_path / "report")
    assert (tmp_path / "report").is_symlink()
    assert (tmp_path / "real" / "index.html").read_text() == "second"


def foreign_file(out: Path) -> None:
    (out / "notes.txt").write_text("mine")


def foreign_file_below(out: Path) -> None:
    (out / "deep" / "notes.txt").write_text("mine")


def foreign_folder(out: Path) -> None:
    (out / "photos").mkdir()


def foreign_link(out: Path) -> None:
    (out / "elsewhere").symlink_to("/")


def edited(out: Path) -> None:
    (out / "index.html").write_text("first, with my corrections")


def replaced_by_a_folder(out: Path) -> None:
    (out / "index.html").unlink()
    (out / "index.html").mkdir()


def marker_removed(out: Path) -> None:
    (out / MARKER).unlink()


def marker_damaged(out: Path) -> None:
    (out / MARKER).write_text("[1, 2")


def marker_of_another_kind(out: Path) -> None:
    (out / MARKER).write_text('["index.html"]')


MEDDLING = (
    foreign_file,
    foreign_file_below,
    foreign_folder,
    foreign_link,
    edited,
    replaced_by_a_folder,
    marker_removed,
    marker_damaged,
    marker_of_another_kind,
)


@pytest.mark.parametrize("meddle", MEDDLING)
def test_what_is_not_ours_is_refused_and_untouched(meddle: Callable[[Path], None], tmp_path: Path) -> None:
    out = tmp_path / "report"
    publish(put("a.txt", "first"), out)
    meddle(out)
    before = everything(out), sorted(out.rglob("*"))
    built: list[Path] = []
    with pytest.raises(TightrateError, match="report") as caught:
        publish(built.append, out)
    assert "\n" not in str(caught.value)
    assert not built, "built before looking"
    assert (everything(out), sorted(out.rglob("*"))) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_files_that_appear_while_building_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "report"
    publish(put("a.txt", "first"), out)

    def slow(folder: Path) -> None:
        put("b.txt", "second")(folder)
        foreign_file(out)

    with pytest.raises(TightrateError, match=r"notes\.txt"):
        publish(slow, out)
    assert everything(out)["notes.txt"] == "mine"
    assert everything(out)["index.html"] == "first"


@pytest.mark.parametrize("error", [RuntimeError("no"), KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_a_failed_build_leaves_the_old_report(error: BaseException, tmp_path: Path) -> None:
    out = tmp_path / "report"
    publish(put("a.txt", "first"), out)
    before = everything(out)

    def fail(folder: Path) -> None:
        (folder / "index.html").write_text("half a rep")
        raise error

    expected = TightrateError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        publish(fail, out)
    assert everything(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_failed_swap_puts_the_old_report_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "report"
    publish(put("a.txt", "first"), out)
    before = everything(out)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(TightrateError, match="cannot write"):
        publish(put("b.txt", "second"), out)
    assert everything(out) == before


def test_places_where_nothing_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "report", Path("/proc/report")):
        with pytest.raises(TightrateError, match=r"is a file|is not a folder|cannot write"):
            publish(put("a.txt", "first"), out)
    assert (tmp_path / "file").read_text() == "mine"
    monkeypatch.chdir(tmp_path)
    for out in (Path("."), Path(".."), Path("/")):
        with pytest.raises(TightrateError, match="give a folder inside it"):
            check_output_folder(out)
