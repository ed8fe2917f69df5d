"""What objects show of themselves in a notebook: whole, escaped, and with nothing made up."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
import synthetic_results

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.sweep.run import Sweep
from tightrate.verify.verdict import Verdict

ODD = Verdict("violated", "a < b & c", "K^-1", "50 %", (-1.0, 0.5), witness={"eta_1": 2})


def shown() -> list[Any]:
    (first, *_) = synthetic_results.findings(synthetic_results.session())
    sweep = Sweep("small", "local-sgd", "rank-one-pair", {"K": (1, 2)}, {"R": 3, "eta": 0.1, "cosine": 0.5})
    return [ODD, first, synthetic_results.unexpected(first), sweep]


@pytest.mark.parametrize("index", range(4))
def test_html_is_well_formed_and_latex_closed(index: int) -> None:
    found = shown()[index]
    tags: list[str] = []

    class Nesting(HTMLParser):
        def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
            tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert tags.pop() == tag

    Nesting().feed(found._repr_html_())
    assert tags == []
    latex = found._repr_latex_()
    assert latex.startswith("$")
    assert latex.endswith("$")
    unescaped = latex.replace(r"\{", "").replace(r"\}", "")
    assert unescaped.count("{") == unescaped.count("}")


def test_a_verdict_tells_its_numbers_and_witness() -> None:
    page = ODD._repr_html_()
    for text in ("violated", "a &lt; b &amp; c", "K^-1", "50 %", "eta_1 = 2"):
        assert text in page
    assert r"50 \%" in ODD._repr_latex_()


def test_a_surprise_is_said() -> None:
    *_, surprising, _ = shown()
    assert "EXPECTED" in surprising._repr_html_()


@pytest.mark.parametrize("theorem_id", ["patel2024/thm27", "cheng2024/thm2", "lee2024/thm6"])
def test_formulas_in_the_sentences_of_a_theorem_are_typeset(theorem_id: str) -> None:
    found = theorem(theorem_id)
    assert any("$" in text for text in (found.statement, *(one.text for one in found.conditions)))
    assert "$" not in found._repr_html_()
