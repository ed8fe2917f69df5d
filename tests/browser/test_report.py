"""The report in a real browser: headless Chromium opens it as people do."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import synthetic_results

from browser.chromium import Chromium, find_chromium
from tightrate.figures.figure import FIGURES
from tightrate.figures.output_folder import publish
from tightrate.figures.report import write_report

pytestmark = pytest.mark.browser

DESKTOP, TABLET, PHONE = 1280, 768, 390
LOOKS = [(width, dark) for width in (DESKTOP, TABLET, PHONE) for dark in (False, True)]
PAGES = ("index.html", "claims/patel2024.html", "figures.html", "proofs/patel2024.html")


LEAST_CONTRAST = """(() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.99) return c; }
    return [255, 255, 255]; };
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) { const node = walk.currentNode, e = node.parentElement;
    if (!node.textContent.trim() || !e.getClientRects().length) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(behind(e));
    found.push([(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent.trim().slice(0, 40)]); }
  return [found.length, found.sort((p, q) => p[0] - q[0])[0]]; })()"""
TOO_WIDE = """[...document.querySelectorAll('body *')].filter(e => {
  const box = e.getBoundingClientRect();
  return box.width && box.right > document.documentElement.clientWidth + 1
    && !e.closest('.formula, .skip, thead, .scroller, .prose, :is(p, li, td, dd, summary) :is(math, span:has(math))');
}).map(e => e.outerHTML.slice(0, 80))"""
PICTURES = "[...document.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width])"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with a surprise."""
    session = synthetic_results.session()
    findings = synthetic_results.findings(session)
    findings.append(synthetic_results.unexpected(findings.pop()))
    specs = [FIGURES[name] for name in synthetic_results.FIGURES]
    return publish(
        lambda out: write_report(
            out, findings, session, specs, command="tightrate reproduce", started=datetime.now(UTC)
        ),
        tmp_path_factory.mktemp("page") / "report",
    )


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    return folder / "index.html"


@pytest.fixture(scope="module")
def claims(folder: Path) -> Path:
    return folder / "claims" / "patel2024.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    executable = find_chromium()
    if executable is None:
        pytest.fail("no Chromium found: install Debian's package chromium or set CHROMIUM to a browser", pytrace=False)
    with Chromium(executable, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def ask(chromium: Chromium, expression: str) -> Any:
    return chromium.evaluate(expression)


def pages_on_paper(chromium: Chromium) -> int:
    """How many pages of A4 the page takes."""
    size = {"paperWidth": 8.27, "paperHeight": 11.69}
    pdf = chromium.command("Page.printToPDF", printBackground=False, preferCSSPageSize=True, **size)["data"]
    return len(re.findall(rb"/Type\s*/Page\b", b64decode(pdf)))


def open_unfolded(chromium: Chromium, page: Path, *, width: int = DESKTOP, dark: bool = False) -> None:
    """Open the page with everything unfolded."""
    chromium.open(page, width=width, dark=dark)
    assert "claims" not in page.parts or ask(chromium, "document.querySelectorAll('details.finding').length") > 3
    ask(chromium, "document.querySelectorAll('details').forEach(d => { d.open = true; })")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_it_renders_without_complaint_and_fits(
    chromium: Chromium, folder: Path, name: str, width: int, dark: bool
) -> None:
    open_unfolded(chromium, folder / name, width=width, dark=dark)
    assert chromium.complaints() == []
    assert ask(chromium, "document.querySelector('h1, h2').getBoundingClientRect().height") > 20
    assert ask(chromium, "document.documentElement.scrollWidth") <= width
    wide = ask(chromium, TOO_WIDE)
    assert wide == []
    background = ask(chromium, "getComputedStyle(document.body).backgroundColor")
    light = sum(json.loads("[" + background[background.index("(") + 1 : -1] + "]")[:3]) > 3 * 128
    assert light is not dark


@pytest.mark.parametrize("name", ["index.html", "figures.html"])
def test_every_picture_loads(chromium: Chromium, folder: Path, name: str) -> None:
    chromium.open(folder / name)
    ask(chromium, "[...document.images].forEach(i => { i.loading = 'eager'; })")
    ask(chromium, "Promise.all([...document.images].map(i => i.decode()))")
    sizes = ask(chromium, PICTURES)
    assert len(sizes) >= len(synthetic_results.FIGURES)
    assert all(complete and natural > 0 and shown > 200 for complete, natural, shown in sizes)


@pytest.mark.parametrize("name", PAGES[:2])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_formulas_are_visible(chromium: Chromium, folder: Path, name: str, width: int) -> None:
    open_unfolded(chromium, folder / name, width=width)
    boxes = ask(
        chromium,
        """[...document.querySelectorAll('math')].map(m => {
             const box = m.getBoundingClientRect(); return [box.width, box.height, m.textContent]; })""",
    )
    assert len(boxes) > 10
    assert all(w > 4 and h > 6 for w, h, _ in boxes)
    tall = ask(
        chromium,
        """[...document.querySelectorAll('mfrac')].filter(f => {
             const [above, below] = [...f.children].map(c => c.getBoundingClientRect());
             return above.bottom > below.top + 2; }).length""",
    )
    assert tall == 0, "fractions are not stacked"
    overflowing = ask(
        chromium,
        "[...document.querySelectorAll('.formula')].filter(f => f.scrollWidth > f.clientWidth + 1).length",
    )
    assert overflowing == 0 or width == PHONE  # on a phone a long formula may scroll by itself


def test_a_link_to_a_claim_unfolds_it(chromium: Chromium, page: Path, claims: Path) -> None:
    chromium.open(page)
    links = ask(chromium, "[...document.querySelectorAll('a[href*=\"#claim-\"]')].map(a => a.getAttribute('href'))")
    assert len(links) > 5
    chromium.open(claims)
    for link in dict.fromkeys(links):
        assert link.startswith("claims/patel2024.html#")
        shown, top = ask(
            chromium,
            f"""new Promise(resolve => {{ location.hash = {json.dumps(link.partition("#")[2])};
                 requestAnimationFrame(() => requestAnimationFrame(() => {{
                 const box = document.getElementById(location.hash.slice(1)).getBoundingClientRect();
                 resolve([box.height, box.top]); }})) }})""",
        )
        assert shown > 50, f"{link} is folded"
        assert -5 <= top < 900, f"{link} is at {top}"


def test_counts_and_skip_link_lead_to_the_statements(chromium: Chromium, page: Path) -> None:
    chromium.open(page)
    shown = "[...document.querySelectorAll('tr.finding')].filter(r => r.offsetParent).length"
    total = ask(chromium, shown)
    for number, link in enumerate(
        ask(chromium, "[...document.querySelectorAll('.counts strong')].map(s => +s.textContent)")
    ):
        ask(chromium, f"document.querySelectorAll('.counts a')[{number}].click()")
        assert ask(chromium, shown) == link
        assert ask(chromium, "location.hash") == "#find"
    ask(chromium, "document.querySelector('.counts a').click()")
    assert ask(chromium, shown) == total


@pytest.mark.parametrize("name", PAGES[:2])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_keyboard_reaches_every_link_in_order(chromium: Chromium, folder: Path, name: str, width: int) -> None:
    open_unfolded(chromium, folder / name, width=width)
    expected = ask(chromium, "document.links.length")
    reached: list[str] = []
    for _ in range(2 * expected):
        chromium.press("Tab", 9)
        state = ask(
            chromium,
            """(() => { const e = document.activeElement; const style = getComputedStyle(e);
                 return [e.tagName, [...document.links].indexOf(e), style.outlineStyle, style.outlineWidth]; })()""",
        )
        if state[0] == "A":
            reached.append(state[1])
            assert state[2] != "none", "no visible focus"
            assert float(state[3].removesuffix("px")) >= 2
    assert list(dict.fromkeys(reached)) == list(range(expected))


def test_a_claim_unfolds_by_key(chromium: Chromium, claims: Path) -> None:
    chromium.open(claims)
    folded = "document.querySelectorAll('details.finding:not([open])').length"
    total = ask(chromium, folded)
    assert total == ask(chromium, "document.querySelectorAll('details.finding').length")
    ask(chromium, "document.querySelector('details.finding > summary').focus()")
    chromium.press("Enter", 13)
    assert ask(chromium, folded) == total - 1


@pytest.mark.parametrize(
    ("typed", "claims_shown"),
    [
        ("", 6),
        ("theorem 27", 2),
        ("Thm 22 unexpected", 1),
        ("patel2024/krm-value", 1),
        ("no such words", 0),
        ("zeta_opt", 2),
    ],
)
def test_typing_narrows_the_table(chromium: Chromium, page: Path, typed: str, claims_shown: int) -> None:
    chromium.open(page)
    ask(
        chromium,
        f"""(() => {{ const box = document.querySelector('.search input'); box.value = {json.dumps(typed)};
             box.dispatchEvent(new Event('input', {{bubbles: true}})); }})()""",
    )
    shown = ask(chromium, "[...document.querySelectorAll('tr.finding')].filter(r => r.offsetParent).length")
    assert ask(chromium, "document.querySelector('.search output').textContent") == f"{shown} of 6"
    assert shown == claims_shown


def test_without_script_everything_can_be_read(chromium: Chromium, page: Path) -> None:
    chromium.command("Emulation.setScriptExecutionDisabled", value=True)
    try:
        chromium.open(page)
        document = chromium.command("DOM.getDocument", depth=-1)["root"]["nodeId"]
        rows = chromium.command("DOM.querySelectorAll", nodeId=document, selector="tr.finding")["nodeIds"]
        form = chromium.command("DOM.querySelector", nodeId=document, selector="form.search")["nodeId"]
        assert all(chromium.command("DOM.getBoxModel", nodeId=row)["model"]["height"] > 10 for row in rows)
        assert "hidden" in chromium.command("DOM.getAttributes", nodeId=form)["attributes"]
    finally:
        chromium.command("Emulation.setScriptExecutionDisabled", value=False)


@pytest.mark.parametrize("name", PAGES[:2])
@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_words_stand_out_from_what_is_behind(
    chromium: Chromium, folder: Path, name: str, width: int, dark: bool
) -> None:
    open_unfolded(chromium, folder / name, width=width, dark=dark)
    worst = ask(
        chromium,
        LEAST_CONTRAST,
    )
    assert worst[0] > 100
    assert worst[1][0] >= 4.5, worst


def test_it_prints_on_paper(chromium: Chromium, page: Path, claims: Path) -> None:
    chromium.open(claims, dark=True)
    chromium.command("Emulation.setEmulatedMedia", media="print")
    assert ask(chromium, "getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    flat = "filter(a => a.getBoundingClientRect().height < 50).length"
    hidden = f"[...document.querySelectorAll('details article')].{flat}"
    assert ask(chromium, hidden) == 0, "a folded claim is not printed"
    chromium.open(page)
    chromium.command("Emulation.setEmulatedMedia", media="print")
    assert ask(chromium, "getComputedStyle(document.querySelector('.search')).display") == "none"
    chromium.command("Emulation.setEmulatedMedia", media="")
    # As many rows as a whole report has.
    ask(
        chromium,
        """(() => { const body = document.querySelector('.group tbody'), rows = [...body.children];
             for (let i = 0; i < 66; i++) body.append(...rows.map(row => row.cloneNode(true))); })()""",
    )
    assert ask(chromium, "document.querySelectorAll('tr.finding').length") == 402
    assert 5 < pages_on_paper(chromium) < 40


@pytest.mark.parametrize("name", PAGES)
def test_small_type_is_still_readable_on_a_phone(chromium: Chromium, folder: Path, name: str) -> None:
    open_unfolded(chromium, folder / name, width=PHONE)
    smallest = ask(
        chromium,
        """(() => { let least = 99; const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) { const e = walk.currentNode.parentElement;
            if (walk.currentNode.textContent.trim() && e.getClientRects().length && !e.closest('sub, sup, math'))
              least = Math.min(least, parseFloat(getComputedStyle(e).fontSize)); }
          return least; })()""",
    )
    assert smallest >= 12


WHOLE = Path(__file__).parents[2] / "report"
made = pytest.mark.skipif(not (WHOLE / "index.html").is_file(), reason="no report is made: make reproduce")


@made
@pytest.mark.parametrize("width", [DESKTOP, TABLET, PHONE])
def test_every_page_of_the_whole_report_fits(chromium: Chromium, width: int) -> None:
    for page in [WHOLE / "index.html", WHOLE / "figures.html", *sorted(WHOLE.glob("*/*.html"))]:
        chromium.open(page, width=width)
        ask(chromium, "document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert chromium.complaints() == [], page.name
        assert ask(chromium, "document.documentElement.scrollWidth") <= width, page.name
        assert ask(chromium, TOO_WIDE) == [], page.name


@made
def test_the_whole_report_is_light_and_prints_on_few_pages(chromium: Chromium) -> None:
    assert (WHOLE / "index.html").stat().st_size < 1.5e6
    chromium.open(WHOLE / "index.html")
    assert 5 < pages_on_paper(chromium) < 40


def test_these_checks_see_a_page_that_is_wrong(chromium: Chromium, page: Path) -> None:
    chromium.open(page, width=PHONE)
    ask(
        chromium,
        """(() => { document.querySelector('h1').style.color = '#aaa';
             document.querySelector('h2').style.width = '500px';
             const picture = new Image(); picture.src = 'missing.png'; document.body.append(picture);
             console.error('no'); return new Promise(resolve => { picture.onerror = () => resolve(1); }); })()""",
    )
    assert ask(chromium, LEAST_CONTRAST)[1][0] < 4.5
    assert ask(chromium, TOO_WIDE)
    assert ask(chromium, PICTURES)[-1][1] == 0
    assert len(chromium.complaints()) >= 2
