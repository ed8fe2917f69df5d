"""The linter of manuscripts: what it finds, where, and that it is silent on what it does not understand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tightrate.command_line import main
from tightrate.common.errors import TightrateError
from tightrate.rates.manuscripts.lint import CODES, lint
from tightrate.rates.manuscripts.source import formulas

EXAMPLES = Path(__file__).parents[1] / "examples" / "manuscripts"


def test_the_faulty_manuscript_has_its_faults_and_no_others() -> None:
    found = lint(EXAMPLES / "faulty.tex")
    assert [(one.line, one.code) for one in found.findings] == [
        (7, "TR103"),
        (8, "TR101"),
        (13, "TR102"),
        (14, "TR201"),
    ]
    assert {one.code for one in found.findings} <= set(CODES)


def test_the_clean_manuscript_is_clean() -> None:
    found = lint(EXAMPLES / "clean.tex")
    assert not found.findings
    assert found.bounds == 4


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
    (tmp_path / "notes.md").write_text(text)
    assert not lint(tmp_path / "notes.md").findings


def test_formulas_have_their_places_and_comments_are_passed_over() -> None:
    text = "a % $K$\n\\begin{align}\n K &= R\n\\end{align}\n\\verb $L$"
    assert [(f.line, f.column, f.display) for f in formulas("x.tex", text)] == [(2, 1, True), (5, 8, False)]


def test_included_files_are_read_with_their_own_places(tmp_path: Path) -> None:
    (tmp_path / "main.tex").write_text("\\input{part}\n")
    (tmp_path / "part.tex").write_text("\n$F(x)-F^* \\le \\frac{B^2}{KR}$")
    (one,) = lint(tmp_path / "main.tex").findings
    assert (Path(one.file).name, one.line, one.code) == ("part.tex", 2, "TR102")
    (tmp_path / "loop.tex").write_text("\\input{loop}\n")
    assert not lint(tmp_path / "loop.tex").findings


def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["tightrate", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    status, out, _ = run("lint", str(EXAMPLES / "faulty.tex"), "--json")
    assert status == 1
    assert {"file", "line", "column", "code", "severity", "message"} == set(json.loads(out)[0])
    status, out, _ = run("lint", str(EXAMPLES / "clean.tex"), "--verbose")
    assert status == 0
    assert out.splitlines()[-1].startswith("0 findings in 4 bounds")
    status, out, err = run("lint", str(tmp_path / "none.tex"))
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    with pytest.raises(TightrateError, match="no manuscript"):
        lint(tmp_path / "paper.pdf")
