"""The report: well-formed, complete in its folder, true to its findings; and a folder that is never damaged."""

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
from tightrate.figures.html import evidence, number, sentence, theorem_facts
from tightrate.figures.output_folder import MARKER, check_output_folder, publish
from tightrate.figures.report import write_report
from tightrate.figures.report_page import closeness, procedure_of
from tightrate.rates.formulas.inline import GREEK
from tightrate.rates.statements.catalogue import theorems
from tightrate.verify.claim import Finding
from tightrate.verify.registry import CLAIMS

VOID = {"meta", "img", "source", "br", "wbr", "input", "hr"}


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
        if self.open and self.open[-1] not in ("style", "script"):
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


def parsed(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


@pytest.fixture(scope="module")
def pages(report: Path) -> dict[str, Page]:
    return {str(path.relative_to(report)): parsed(path) for path in sorted(report.rglob("*.html"))}


@pytest.fixture(scope="module")
def page(pages: dict[str, Page]) -> Page:
    return pages["index.html"]


@pytest.fixture(scope="module")
def claims(pages: dict[str, Page]) -> Page:
    return pages["claims/patel2024.html"]


def test_elements_nest_and_ids_are_unique(pages: dict[str, Page]) -> None:
    assert len(pages) > 5
    for page in pages.values():
        assert page.open == []
        assert len(page.ids) == len(set(page.ids))


def test_every_link_leads_somewhere(pages: dict[str, Page], report: Path) -> None:
    total = 0
    for name, page in pages.items():
        for link in page.links:
            if link.startswith("https://"):  # a paper: at its archive or by its identifier
                assert re.match(r"https://(arxiv\.org/abs/|doi\.org/|[\w./-]+$)", link), link
                continue
            file, _, place = link.partition("#")
            target = os.path.normpath(Path(name).parent / file) if file else name
            assert (report / target).is_file(), f"{name}: {link}"
            if place:
                assert place in pages[target].ids, f"{name}: {link}"
            total += 1
    assert total > 40


def test_every_proof_of_the_catalogue_is_in_the_report(pages: dict[str, Page]) -> None:
    linked = 0
    for theorem in theorems():
        if theorem.provenance.proof:
            ((_, told),) = [fact for fact in theorem_facts(theorem) if fact[0] == "proof"]
            file, _, place = re.search(r'href="([^"]+)"', told)[1].partition("#")  # type: ignore[index]
            assert place in pages[file].ids, theorem.id
            linked += 1
    assert linked > 50


def test_every_paper_has_its_address() -> None:
    missing = [theorem.paper.id for theorem in theorems() if not theorem.paper.reference.url]
    assert not missing


def test_nothing_is_loaded_from_elsewhere(pages: dict[str, Page], report: Path) -> None:
    for name, page in pages.items():
        for tag, attributes in page.tags:
            assert tag not in ("link", "iframe", "object", "embed")
            assert not any(attribute.startswith("on") for attribute in attributes)
            for attribute in ("src", "srcset", "poster", "action"):
                if (source := attributes.get(attribute)) is not None:
                    assert (report / Path(name).parent / source).is_file(), source
        assert sum(tag == "script" for tag, _ in page.tags) == (name == "index.html")
        whole = (report / name).read_text(encoding="utf-8")
        style = whole[whole.index("<style>") : whole.index("</style>")]
        assert "url(" not in style
        assert "@import" not in style


def test_pictures_have_words_and_formulas_are_mathml(pages: dict[str, Page], page: Page, claims: Page) -> None:
    pictures = [attributes for tag, attributes in pages["figures.html"].tags if tag == "img"]
    assert len(pictures) == len(synthetic_results.FIGURES)
    assert all(len(attributes["alt"] or "") > 40 for attributes in pictures)
    assert sum(tag == "math" for tag, _ in page.tags) > 10
    assert sum(tag == "mfrac" for tag, _ in claims.tags) > 5


def test_every_finding_is_told_whole(page: Page, claims: Page, report: Path) -> None:
    findings = json.loads((report / "verdicts.json").read_text())
    assert [finding["claim"] for finding in findings] == list(synthetic_results.JUDGED)
    rows = [attributes for tag, attributes in page.tags if tag == "tr" and "data-words" in attributes]
    assert len(rows) == len(findings)
    for finding in findings:
        assert f"claim-{finding['claim'].replace('/', '--')}" in claims.ids
        assert f"tightrate verify {finding['claim']}" in claims.text
        (row,) = (row for row in rows if finding["claim"] in (row["data-words"] or "").split())
        assert row["data-verdict"] == finding["verdict"]
    assert "proved by the authors of this toolkit" in claims.text
    assert "erratum E4" in claims.text
    assert "20240511" in page.text, "the seed is missing"


def test_a_statement_is_told_once_however_many_claims_it_has(claims: Page) -> None:
    tested = [CLAIMS[name].theorem for name in synthetic_results.JUDGED]
    assert len({theorem.id for theorem in tested}) < len(tested)
    for theorem in tested:
        assert claims.ids.count(theorem.label) == 1


def test_the_answer_comes_first(page: Page) -> None:
    told = page.text
    order = ["Do more local steps help? No.", "All 6 claims came out", "Where do they lead", "Do rates hold?"]
    places = [told.find(words) for words in [*order, "False in print", "Find a statement", "How this was made"]]
    assert -1 not in places
    assert places == sorted(places)


def test_the_witness_has_every_digit(claims: Page, report: Path) -> None:
    (violated,) = (f for f in json.loads((report / "verdicts.json").read_text()) if f["verdict"] == "violated")
    for name, value in violated["witness"].items():
        assert f"{name} = {json.dumps(value)}" in claims.text


def test_what_was_used_of_a_bound() -> None:
    found = {one.claim.id: closeness(one) for one in synthetic_results.findings(synthetic_results.session())}
    assert found["patel2024/k-does-not-help"] == pytest.approx(1 / 1.7)  # the data lie at 1.7 times the lower bound
    assert found["patel2024/thm22-transient-as-printed"] is None


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
    page, claims = parsed(tmp_path / "index.html"), parsed(tmp_path / "claims" / "patel2024.html")
    assert page.open == claims.open == []
    assert "Do more local steps help?" not in page.text, "the finding behind it did not come out"
    assert "1 of 6 claims did not come out as expected: patel2024/k-does-not-help" in page.text
    assert "The interval <is> too wide" in claims.text
    assert "<script>" in claims.text
    assert not any(tag == "script" for tag, _ in claims.tags)
    data = json.loads((tmp_path / "verdicts.json").read_text())[0]
    assert data["interval"] == ["-inf", 0.0]
    assert data["evidence"]["limit"] == "inf"
    assert data["evidence"]["undefined"] is None
    assert data["witness"] == {"K": "inf"}
    assert "1 verdicts NOT as expected" in (tmp_path / "reproduction.md").read_text()


def test_the_conclusion_counts(page: Page, tmp_path: Path) -> None:
    assert "All 6 claims came out as expected: 5 agree with the data and 1 shown false." in page.text
    build(tmp_path, [], figures=())
    assert "No claim was judged." in parsed(tmp_path / "index.html").text


def test_the_reproduction_page_is_a_table_of_verdicts_and_times(report: Path) -> None:
    text = (report / "reproduction.md").read_text()
    rows = [line for line in text.partition("## Weak evidence")[0].splitlines() if line.startswith("|")]
    for name in synthetic_results.JUDGED:
        (row,) = (line for line in rows if f"`{name}`" in line)
        assert len(re.split(r"(?<!\\)\|", row)) == 8
    assert "| `krm-sweep` | 14.8 |" in text


def test_no_sentence_keeps_a_formula_in_ascii() -> None:
    """Formulas of sentences stand between dollar signs and can be read; code stands in backquotes."""
    texts = [text for claim in CLAIMS.entries().values() for text in (claim.statement, *procedure_of(claim))]
    for source in theorems():
        texts += [source.title, source.statement, source.problem_class, source.iterate]
        texts += [condition.text for condition in source.conditions]
        texts += [text for erratum in source.errata for text in erratum.parts.values()]
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


def test_an_accusation_shows_what_is_printed_what_is_true_the_witness_and_how_sure(report: Path) -> None:
    (accused,) = (CLAIMS[name] for name in synthetic_results.JUDGED if CLAIMS[name].accuses)
    assert accused.erratum is not None
    page = (report / "claims" / f"{accused.paper}.html").read_text()
    (article,) = (part.split("</article>")[0] for part in page.split("<article ")[1:] if "What is accused" in part)
    assert f"tightrate verify {accused.id}" in article
    for name, words in accused.erratum.parts.items():
        assert f"<dt>{name}</dt><dd>{sentence(words)}</dd>" in article
