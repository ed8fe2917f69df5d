"""The linter of manuscripts: what it finds, where, and that it is silent on what it does not understand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tightrate.command_line import main
from tightrate.common.errors import TightrateError
from tightrate.rates.manuscripts.lint import LintResult, lint
from tightrate.rates.manuscripts.reading import read_manuscript
from tightrate.rates.manuscripts.rule import RULES, description

EXAMPLES = Path(__file__).parents[1] / "examples" / "manuscripts"


def linted(folder: Path, text: str, name: str = "notes.md") -> LintResult:
    (folder / name).write_text(text, encoding="utf-8")
    return lint(folder / name)


def codes(found: LintResult) -> list[tuple[int, str]]:
    return [(one.place.line, one.code) for one in found.findings]


@pytest.mark.parametrize("code", RULES.names())
def test_the_examples_of_a_code_show_it(code: str, tmp_path: Path) -> None:
    page = description(code)
    assert {found for _, found in codes(linted(tmp_path, page.wrong))} == {code}
    assert not linted(tmp_path, page.right).findings
    assert page.title
    assert page.text


PLANTED = {
    "paper.tex": [
        ("paper.tex", 15, "TR103"),  # a step size without unit
        ("paper.tex", 21, "TR104"),  # D_0^3 for D_0^4 in a balance
        ("paper.tex", 25, "TR101"),  # sigma^2 for sigma
        ("paper.tex", 28, "TR102"),  # L is missing
        ("paper.tex", 32, "TR501"),  # improves on
        ("paper.tex", 33, "TR402"),  # H^2 for H
        ("paper.tex", 39, "TR401"),  # HR for R
        ("paper.tex", 44, "TR201"),  # a second optimization term
        ("paper.tex", 45, "TR101"),  # Delta is missing
        ("assumptions.tex", 3, "TR301"),  # sigma for sigma^2
    ],
    "notes.md": [
        ("notes.md", 10, "TR104"),  # R^(3/4) beside thirds
        ("notes.md", 16, "TR302"),  # tau
        ("notes.md", 16, "TR501"),  # matches
        ("notes.md", 21, "TR401"),  # K is missing
        ("notes.md", 23, "TR101"),  # mu for mu^2
        ("notes.md", 24, "TR103"),  # the square root of H
    ],
}


@pytest.mark.parametrize("name", PLANTED)
def test_every_planted_fault_is_found_at_its_line_and_nothing_else(name: str) -> None:
    found = lint(EXAMPLES / "faulty" / name).findings
    assert [(Path(one.place.file).name, one.place.line, one.code) for one in found] == PLANTED[name]


@pytest.mark.parametrize(("name", "bounds"), [("paper.tex", 7), ("notes.md", 3)])
def test_the_clean_manuscripts_are_clean(name: str, bounds: int) -> None:
    found = lint(EXAMPLES / "clean" / name)
    assert not found.findings
    assert found.bounds == bounds


@pytest.mark.parametrize(
    "text",
    [
        r"$\|x\| \le R$",
        r"$f(y) \le f(x) + \langle \nabla f(x), y-x\rangle + \frac{L}{2}\|x-y\|^2$",
        r"$x_{t+1} = x_t - \eta g_t$",
        r"$\mathbb E f(x_{t+1}) \le f(x_t) - \eta\|\nabla f(x_t)\|^2 + L\eta^2\sigma^2$",
        r"$K = \{1, \dots, n\}$",
        r"It costs $5 and then $6.",
        r"`$F(x)-F^* \le \frac{B^2}{KR}$`",
        r"$\mathcal{O}(n \log n)$ time",
        r"$\|\nabla F_m(x)-\nabla F(x)\| \le \zeta$",
        r"$\eta = 0.1$ and $T = 1000$",
    ],
)
def test_no_alarm_on_what_is_no_wrong_bound(tmp_path: Path, text: str) -> None:
    assert not linted(tmp_path, text).findings


def test_formulas_have_their_places_and_comments_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.tex").write_text("a % $K$\n\\begin{align}\n K &= R\n\\end{align}\n\\verb|$M$| $L$")
    found = read_manuscript(tmp_path / "x.tex").formulas
    assert [(f.place.line, f.place.column, f.display, f.latex[-1]) for f in found] == [
        (2, 1, True, "}"),
        (5, 13, False, "L"),
    ]


def test_included_files_are_read_with_their_own_places(tmp_path: Path) -> None:
    (tmp_path / "part.tex").write_text("\n$F(x)-F^* \\le \\frac{B^2}{KR}$")
    (one,) = linted(tmp_path, "\\input{part}\n", "main.tex").findings
    assert (Path(one.place.file).name, one.place.line, one.code) == ("part.tex", 2, "TR102")
    assert not linted(tmp_path, "\\input{loop}\n", "loop.tex").findings


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["tightrate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    sarif = tmp_path / "found.sarif"
    status, out, _ = run("lint", str(EXAMPLES / "faulty" / "paper.tex"), "--json", "--sarif", str(sarif))
    assert status == 1
    found = json.loads(out)
    assert {"file", "line", "column", "code", "severity", "message"} == set(found[0])
    (written,) = json.loads(sarif.read_text())["runs"]
    assert [one["ruleId"] for one in written["results"]] == [one["code"] for one in found]
    status, out, _ = run("lint", str(EXAMPLES / "clean" / "paper.tex"), "--verbose")
    assert status == 0
    assert out.splitlines()[-1].startswith("no findings in 7 bounds")
    status, out, err = run("lint", str(tmp_path / "none.tex"))
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    with pytest.raises(TightrateError, match="no manuscript"):
        lint(tmp_path / "paper.pdf")
