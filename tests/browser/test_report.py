"""The report in a real browser: headless Chromium opens it as people do."""

from __future__ import annotations

import json
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

DESKTOP, PHONE = 1280, 390
LOOKS = [(width, dark) for width in (DESKTOP, PHONE) for dark in (False, True)]


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
  return box.width && box.right > document.documentElement.clientWidth + 1 && !e.closest('.formula, .skip, thead');
}).map(e => e.outerHTML.slice(0, 80))"""
PICTURES = "[...document.images].map(i => [i.complete, i.naturalWidth, i.getBoundingClientRect().width])"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    session = synthetic_results.session()
    findings = synthetic_results.findings(session)
    findings.append(synthetic_results.unexpected(findings.pop()))
    specs = [FIGURES[name] for name in synthetic_results.FIGURES]
    folder = publish(
        lambda out: write_report(
            out, findings, session, specs, command="tightrate reproduce", started=datetime.now(UTC)
        ),
        tmp_path_factory.mktemp("page") / "report",
    )
    return folder / "index.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    executable = find_chromium()
    if executable is None:
        pytest.fail("no Chromium found: install Debian's package chromium or set CHROMIUM to a browser", pytrace=False)
    with Chromium(executable, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def ask(chromium: Chromium, expression: str) -> Any:
    return chromium.evaluate(expression)


def open_unfolded(chromium: Chromium, page: Path, *, width: int = DESKTOP, dark: bool = False) -> None:
    """Open the page with every claim unfolded."""
    chromium.open(page, width=width, dark=dark)
    assert ask(chromium, "document.querySelectorAll('details.finding').length") > 3
    ask(chromium, "document.querySelectorAll('details').forEach(d => { d.open = true; })")


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_it_renders_without_complaint_and_fits(chromium: Chromium, page: Path, width: int, dark: bool) -> None:
    open_unfolded(chromium, page, width=width, dark=dark)
    assert chromium.complaints() == []
    assert ask(chromium, "document.querySelector('h1').getBoundingClientRect().height") > 20
    assert ask(chromium, "document.documentElement.scrollWidth") <= width
    wide = ask(chromium, TOO_WIDE)
    assert wide == []
    background = ask(chromium, "getComputedStyle(document.body).backgroundColor")
    light = sum(json.loads("[" + background[background.index("(") + 1 : -1] + "]")[:3]) > 3 * 128
    assert light is not dark


def test_every_picture_loads(chromium: Chromium, page: Path) -> None:
    chromium.open(page)
    sizes = ask(chromium, PICTURES)
    assert len(sizes) == len(synthetic_results.FIGURES)
    assert all(complete and natural > 0 and shown > 200 for complete, natural, shown in sizes)


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_formulas_are_visible(chromium: Chromium, page: Path, width: int) -> None:
    open_unfolded(chromium, page, width=width)
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


def test_links_within_the_page_lead_there(chromium: Chromium, page: Path) -> None:
    chromium.open(page)
    links = ask(chromium, "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href'))")
    assert len(links) > 10
    for link in dict.fromkeys(links):
        place, top, bottom = ask(
            chromium,
            f"""new Promise(resolve => {{
                 const link = {json.dumps(link)};
                 [...document.links].find(a => a.getAttribute('href') === link).click();
                 requestAnimationFrame(() => requestAnimationFrame(() => resolve([
                   location.hash, document.getElementById(link.slice(1)).getBoundingClientRect().top,
                   document.documentElement.scrollHeight - innerHeight - scrollY < 2]))); }})""",
        )
        assert place == link
        assert -5 <= top <= 60 or bottom, f"{link} is at {top}"


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_the_keyboard_reaches_every_link_in_order(chromium: Chromium, page: Path, width: int) -> None:
    open_unfolded(chromium, page, width=width)
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


def test_a_claim_unfolds_by_key_and_by_link(chromium: Chromium, page: Path) -> None:
    chromium.open(page)
    folded = "document.querySelectorAll('details.finding:not([open])').length"
    total = ask(chromium, folded)
    assert total == ask(chromium, "document.querySelectorAll('details.finding').length")
    ask(chromium, "document.querySelector('details.finding > summary').focus()")
    chromium.press("Enter", 13)
    assert ask(chromium, folded) == total - 1
    ask(chromium, "[...document.querySelectorAll('tr.finding a[href^=\"#claim-\"]')].at(-1).click()")
    assert ask(chromium, folded) == total - 2


def test_the_filter_needs_no_script(chromium: Chromium, page: Path) -> None:
    chromium.open(page)
    shown = "[...document.querySelectorAll('tr.finding')].filter(r => r.offsetParent).length"
    total = ask(chromium, shown)
    statuses = ask(chromium, "[...document.querySelectorAll('input[name=verdict]')].map(i => i.id)")
    counts = []
    for status in statuses:
        ask(chromium, f"document.getElementById('{status}').click()")
        counts.append(ask(chromium, shown))
    assert counts[0] == total == sum(counts[1:])
    assert all(0 < count < total for count in counts[1:])


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_words_stand_out_from_what_is_behind(chromium: Chromium, page: Path, width: int, dark: bool) -> None:
    open_unfolded(chromium, page, width=width, dark=dark)
    worst = ask(
        chromium,
        LEAST_CONTRAST,
    )
    assert worst[0] > 100
    assert worst[1][0] >= 4.5, worst


def test_it_prints_on_paper(chromium: Chromium, page: Path) -> None:
    chromium.open(page, dark=True)
    chromium.command("Emulation.setEmulatedMedia", media="print")
    assert ask(chromium, "getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert ask(chromium, "getComputedStyle(document.querySelector('nav')).display") == "none"
    flat = "filter(a => a.getBoundingClientRect().height < 50).length"
    hidden = f"[...document.querySelectorAll('details article')].{flat}"
    assert ask(chromium, hidden) == 0, "a folded claim is not printed"
    assert len(chromium.command("Page.printToPDF", printBackground=False)["data"]) > 50_000
    chromium.command("Emulation.setEmulatedMedia", media="")


def test_small_type_is_still_readable_on_a_phone(chromium: Chromium, page: Path) -> None:
    open_unfolded(chromium, page, width=PHONE)
    smallest = ask(
        chromium,
        """(() => { let least = 99; const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) { const e = walk.currentNode.parentElement;
            if (walk.currentNode.textContent.trim() && e.getClientRects().length && !e.closest('sub, sup, math'))
              least = Math.min(least, parseFloat(getComputedStyle(e).fontSize)); }
          return least; })()""",
    )
    assert smallest >= 12


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
