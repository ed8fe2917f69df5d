"""The documentation in a real browser, where `make docs` has built it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from browser.chromium import Chromium, find_chromium

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
SVG = "{http://www.w3.org/2000/svg}"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (SITE / "searchindex.js").is_file(), reason="the site is not built: make docs"),
]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    executable = find_chromium()
    if executable is None:
        pytest.fail("no Chromium found: install Debian's package chromium or set CHROMIUM to a browser", pytrace=False)
    with Chromium(executable, tmp_path_factory.mktemp("profile")) as browser:
        yield browser


def found(chromium: Chromium, words: str) -> list[str]:
    """The titles that the site's search finds, best first."""
    chromium.open(SITE / "search.html", query=f"q={words.replace(' ', '+')}")
    for _ in range(100):
        if "finished" in chromium.evaluate("document.querySelector('#search-results').innerText"):
            break
        time.sleep(0.1)
    return list(chromium.evaluate("[...document.querySelectorAll('#search-results li > a')].map(a => a.textContent)"))


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("Theorem 9", "Theorem 9, Patel et al. (2024)"),
        ("thm 27", "Theorem 27, Patel et al. (2024)"),
        ("Theorem 2 Cheng 2024", "Theorem 2, Cheng and Glasgow (2024)"),
        ("Lemma B.1", "Lemma B.1, Cheng and Glasgow (2024)"),
        ("local-sgd", "local-sgd"),
    ],
)
def test_search_finds_a_statement_by_its_number(chromium: Chromium, words: str, first: str) -> None:
    assert found(chromium, words)[0].startswith(first)


def test_a_box_of_the_graph_leads_to_its_statement(chromium: Chromium) -> None:
    boxes = list(ElementTree.parse(SITE / "_static" / "implications.svg").getroot().iter(f"{SVG}a"))
    for link in boxes[:: len(boxes) // 5]:
        box = link.find(f"{SVG}rect")
        assert box is not None
        x, y = (float(box.attrib[at]) + float(box.attrib[size]) / 2 for at, size in (("x", "width"), ("y", "height")))
        chromium.open(SITE / "implications.html")
        left, top = chromium.evaluate(
            f"""(() => {{ const graph = document.querySelector("object");
                 graph.parentElement.scrollLeft = {x - 200};
                 scrollTo(0, graph.getBoundingClientRect().top + {y - 300});
                 const place = graph.getBoundingClientRect(); return [place.left, place.top]; }})()"""
        )
        time.sleep(0.5)  # until what was scrolled into view is drawn
        chromium.click(left + x, top + y)
        target = link.attrib["href"].removeprefix("../")
        for _ in range(50):
            if chromium.evaluate("location.pathname").endswith(target):
                break
            time.sleep(0.1)
        assert chromium.evaluate("location.pathname").endswith(target)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["index.html", "papers/patel2024/thm9.html", "algorithms/local-sgd.html"])
def test_a_page_fits_and_its_pictures_load(chromium: Chromium, name: str, width: int) -> None:
    chromium.open(SITE / name, width=width)
    assert chromium.complaints() == []
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert chromium.evaluate("[...document.images].every(i => i.loading === 'lazy' || i.naturalWidth > 0)")
