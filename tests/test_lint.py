"""The linter of manuscripts: what it finds, where, and that it is silent on what it does not understand."""

from __future__ import annotations

import json
import sys
import tomllib
from io import StringIO
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from rich.console import Console

from tightrate.command_line import main
from tightrate.common.errors import TightrateError
from tightrate.figures.manuscript_page import write_page
from tightrate.rates.formulas.display import sum_latex
from tightrate.rates.manuscripts.lint import LintResult, lint
from tightrate.rates.manuscripts.reading import read_manuscript
from tightrate.rates.manuscripts.rule import RULES, description
from tightrate.rates.statements.catalogue import statements, theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.terminal import output

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


def test_displays_in_an_authors_abbreviations_are_read(tmp_path: Path) -> None:
    text = (
        "\\newcommand{\\be}{\\begin{equation}}\\newcommand{\\ee}{\\end{equation}}\n"
        "\\def\\bs{\\begin{equation*}\\begin{split}}\\def\\es{\\end{split}\\end{equation*}}\n"
        "\\be\\label{a} F(x_R)-F^\\star \\le \\frac{B^2}{KR} \\ee\n"
        "\\bs F(x_R)-F^\\star &\\le \\frac{LB^2}{R} \\\\ &\\quad + \\frac{\\sigma^2 B}{\\sqrt{KR}} \\es\n"
    )
    assert codes(linted(tmp_path, text, "a.tex")) == [(3, "TR102"), (4, "TR101")]


def assert_is_sarif(log: dict[str, Any]) -> None:
    """What SARIF 2.1.0 demands of the objects that occur (sections 3.13, 3.14, 3.18, 3.19, 3.27 to 3.30, 3.49)."""
    assert log["version"] == "2.1.0"
    assert set(log) <= {"$schema", "version", "runs"}
    for one_run in log["runs"]:
        assert set(one_run) <= {"tool", "results", "columnKind"}
        assert one_run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
        driver = one_run["tool"]["driver"]
        assert isinstance(driver["name"], str)
        ids = [rule["id"] for rule in driver["rules"]]
        assert len(set(ids)) == len(ids)
        for rule in driver["rules"]:
            assert set(rule) <= {"id", "shortDescription", "fullDescription", "help"}
            assert all(isinstance(rule[key]["text"], str) and rule[key]["text"] for key in set(rule) - {"id"})
        for result in one_run["results"]:
            assert set(result) <= {"ruleId", "ruleIndex", "level", "message", "locations"}
            assert ids[result["ruleIndex"]] == result["ruleId"]
            assert result["level"] in ("none", "note", "warning", "error")
            assert isinstance(result["message"]["text"], str)
            for location in result["locations"]:
                physical = location["physicalLocation"]
                assert not set(physical["artifactLocation"]["uri"]) & set(' \\{}<>^`|"')
                region = physical["region"]
                assert region["startLine"] >= 1
                assert region["startColumn"] >= 1


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
    log = json.loads(sarif.read_text())
    assert_is_sarif(log)
    (written,) = log["runs"]
    assert [one["ruleId"] for one in written["results"]] == [one["code"] for one in found]
    status, out, _ = run("lint", str(EXAMPLES / "clean" / "paper.tex"), "--verbose")
    assert status == 0
    assert out.splitlines()[-1].startswith("no findings in 7 bounds")
    status, out, err = run("lint", str(tmp_path / "none.tex"))
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    with pytest.raises(TightrateError, match="no manuscript"):
        lint(tmp_path / "paper.pdf")


def test_progress_is_shown_on_a_terminal_beside_the_findings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[tuple[int, int]] = []
    count = lint(EXAMPLES / "clean" / "paper.tex", progress=lambda *one: seen.append(one)).formulas
    assert seen == [(done, count) for done in range(1, count + 1)]
    terminal = Console(file=StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(output, "console", lambda stderr: terminal if stderr else None)
    monkeypatch.setattr(sys, "argv", ["tightrate", "lint", str(EXAMPLES / "clean" / "paper.tex")])
    with pytest.raises(SystemExit):
        main()
    shown = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "paper.tex" in shown
    assert f"{count}/{count}" in shown
    assert capsys.readouterr().out.startswith("no findings in 7 bounds")


NO_BOUNDS = [
    line
    for line in (Path(__file__).parent / "no_bounds.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def test_no_alarm_on_a_hundred_formulas_that_are_no_bounds(tmp_path: Path) -> None:
    assert len(NO_BOUNDS) >= 100
    markdown = "\n\n".join(f"$$ {formula} $$ and ${formula}$" for formula in NO_BOUNDS)
    assert not linted(tmp_path, markdown).findings
    latex = "\n\n".join(f"\\[ {formula} \\] and \\({formula}\\)" for formula in NO_BOUNDS)
    assert not linted(tmp_path, latex, "all.tex").findings
    table = "| formula |\n|---|\n" + "\n".join(f"| ${formula}$ |" for formula in NO_BOUNDS)
    assert not linted(tmp_path, table, "table.md").findings


SNIPPETS: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "manuscript_snippets.toml").read_text(encoding="utf-8")
)["snippet"]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=lambda snippet: snippet["id"])
def test_snippets_of_manuscripts(snippet: dict[str, Any], tmp_path: Path) -> None:
    found = linted(tmp_path, snippet["text"], snippet["name"])
    assert [code for _, code in codes(found)] == snippet["codes"], [one.message for one in found.findings]


LITERATURE: list[dict[str, Any]] = [
    case
    for case in tomllib.loads((Path(__file__).parent / "literature_bounds.toml").read_text(encoding="utf-8"))["bound"]
    if case.get("agree") and all(case["agree"]) and "$" not in case["latex"]
]


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.soak)])
def test_no_alarm_on_right_bounds_whose_letters_nobody_declares(every: int, tmp_path: Path) -> None:
    """Each alone in a manuscript: what a letter means in its paper is one of the meanings that are tried."""
    alarms = []
    for case in LITERATURE[::every]:
        shown = case["latex"] if case["latex"].lstrip().startswith(r"\begin") else rf"\[ {case['latex']} \]"
        found = linted(tmp_path, f"Then\n{shown}\nholds.", "a.tex").findings
        alarms += [(case["id"], one.code, one.message) for one in found]
    assert not alarms


def as_printed(entry: Theorem) -> str:
    """A statement of the catalogue as a display: its measure, a relation or an order, its terms."""
    bound = entry.bound
    signs = (r"\ge", r"\gtrsim") if bound.kind == "lower" else (r"\le", r"\lesssim")
    relation = signs[bound.constants != "explicit"]
    return rf"\[ {bound.measure.latex} {relation} {sum_latex(bound.expressions)} \]"


# By the inequality of means: eta^2 L sigma^2 K R/M <= sqrt(2nd * 4th term) of Theorem 3; (2nd)^(1/3) (4th)^(2/3) of
# Corollary 1 is M^(1/6) times its third.
REDUNDANT = {"khaled2025/thm3", "khaled2025/cor1"}


@pytest.mark.parametrize("every", [40, pytest.param(1, marks=pytest.mark.soak)])
def test_no_alarm_on_the_statements_of_the_catalogue(every: int, tmp_path: Path) -> None:
    alarms = []
    for entry in [*statements()][::every]:
        found = linted(tmp_path, as_printed(entry.theorem), "a.tex").findings
        alarms += [(entry.id, one.code, one.message) for one in found]
    assert {(name, code) for name, code, _ in alarms} <= {(name, "TR201") for name in REDUNDANT}, alarms


@pytest.mark.parametrize("name", ["thm6", "cor7a", "cor7b"])
def test_an_order_that_hides_constants_with_units_is_no_fault_and_an_inequality_without_them_is(
    name: str, tmp_path: Path
) -> None:
    """The orders of a poster hide smoothness, gradient bound and damping; without the order these are missing."""
    printed = as_printed(theorem(f"lee2024/{name}"))
    order = linted(tmp_path, printed, "a.tex")
    assert not order.findings
    assert {one.reason for one in order.not_understood} <= {"the order hides constants that have units"}
    assert linted(tmp_path, printed.replace(r"\lesssim", r"\le"), "a.tex").findings


@pytest.mark.soak
def test_a_manuscript_of_400_kB_takes_less_than_20_seconds(tmp_path: Path) -> None:
    """Theorems of the literature, proofs, prose and tables: no formula of a proof stands there twice."""
    step = (
        r"\begin{{align*}} \mathbb E\|x_{{{n}}}-x^\star\|^2 &\le (1-\eta\mu)^{{{n}}}B^2 + {n}\eta^2\sigma^2 \\ &\le B^2"
        r" + \frac{{{n}\eta\sigma^2}}{{\mu}}, \end{{align*}} where $\langle\nabla F(x_{n}),x_{n}-x^\star\rangle\ge"
        r" F(x_{n})-F^\star$, ${other}$ and $\eta={n}/L$, as the noise of clients is independent in round {n}."
        " We bound the second term by smoothness and the third by the variance, and take expectations over all"
        " that is random before; cross terms vanish because noise of different clients is independent. Summing"
        " over rounds and dividing by their number gives the claim once the step size is that of the theorem,"
        " and none of these constants depends on the dimension or on the number of clients.\n\n"
    )
    row = (
        r"Method {n} & $\frac{{{n}LB^2}}{{R}}+\frac{{\sigma B}}{{\sqrt{{MKR}}}}$"
        r" & $\sqrt{{\frac{{{n}L\Delta\sigma^2}}{{MKR}}}}$ \\"
    )
    parts: list[str] = []
    while sum(map(len, parts)) < 400_000:
        n = len(parts) + 1
        bound = LITERATURE[n % len(LITERATURE)]["latex"]
        shown = bound if bound.lstrip().startswith(r"\begin") else rf"\[ {bound} \]"
        steps = (step.format(n=20 * n + k, other=NO_BOUNDS[(7 * n + k) % len(NO_BOUNDS)]) for k in range(6))
        rows = "\n".join(row.format(n=5 * n + k) for k in range(4))
        parts.append(
            f"\\section{{Part {n}}}\n{shown}\n\n{''.join(steps)}\\begin{{tabular}}{{lll}}{rows}\\end{{tabular}}\n"
        )
    begun = process_time()
    found = linted(tmp_path, "\n".join(parts), "long.tex")
    assert process_time() - begun < 20
    assert found.bounds > 300


def test_a_message_reads_letters_so_that_most_terms_agree(tmp_path: Path) -> None:
    left = r"\mathbb{E}\|x_T-x^\star\|^2"
    text = rf"${left}\le\frac{{\sigma^2}}{{\mu^2nT}}+\frac{{\tau^2\sigma^2}}{{\mu^2T^2}}+\frac{{B}}{{T^2}}$"
    (one,) = linted(tmp_path, text).findings
    assert r"where \tau is local steps per round; with B^2" in one.message
    (one,) = linted(
        tmp_path, r"$R=\mathcal O\left(\frac{LB^2}{\epsilon}+\frac{\sigma^2B}{MK\epsilon^2}\right)$"
    ).findings
    assert r"\frac{LB^2}{\epsilon} is a pure number" in one.message


GAP = r"F(x_R) - F^\star \le "
WRONG = rf"${GAP}\frac{{HB^2}}{{R}} + \frac{{\sigma^2 B}}{{\sqrt{{MKR}}}}$"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"% tightrate: ignore\n{WRONG}", "a.tex"),
        (f"% tightrate: H=L\n% tightrate: ignore TR101\n{WRONG}", "a.tex"),
        (f"{WRONG} % tightrate: ignore", "a.tex"),
        (f"<!-- tightrate: ignore -->\n{WRONG}", "a.md"),
        (f"<!-- tightrate: H=L --> <!-- tightrate: ignore TR101 -->\n{WRONG}", "a.md"),
        (f"```\n{WRONG}\n```\n`{WRONG}` <!-- {WRONG} -->", "a.md"),
        (f"% {WRONG}\n\\begin{{verbatim}}\n{WRONG}\n\\end{{verbatim}}\n\\newcommand{{\\x}}{{{WRONG}}}", "a.tex"),
    ],
)
def test_what_comments_take_back_and_what_is_no_text_is_not_reported(tmp_path: Path, text: str, name: str) -> None:
    assert not linted(tmp_path, text, name).findings


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"% tightrate: H=L\n{WRONG}", "a.tex"),
        (f"% tightrate: H=L\n% tightrate: ignore TR201\n{WRONG}", "a.tex"),
        (f"% tightrate: H=L\n% tightrate: ignore\n$K$\n\n{WRONG}", "a.tex"),
        (f"The function is $H$-smooth.\n\n{WRONG}", "a.md"),
        (rf"Let $\|\nabla F(x)-\nabla F(y)\| \le H\|x-y\|$. {WRONG}", "a.md"),
        (WRONG[1:-1].replace("H", "L"), "a.txt"),
        (f"rate: {WRONG[1:-1]}".replace("H", "L"), "a.txt"),
    ],
)
def test_a_wrong_bound_is_found_whoever_says_what_its_letters_are(tmp_path: Path, text: str, name: str) -> None:
    assert [code for _, code in codes(linted(tmp_path, text, name))] == ["TR101"]


def test_settings_beside_the_manuscript(tmp_path: Path) -> None:
    labelled = f"\\begin{{equation}}\\label{{eq:x}} {WRONG[1:-1]} \\end{{equation}}"
    (tmp_path / "tightrate.toml").write_text('[letters]\nH = "L"\n')
    assert codes(linted(tmp_path, labelled, "a.tex")) == [(1, "TR101")]
    (tmp_path / "tightrate.toml").write_text('letters = "H=L"\n[ignore]\n"eq:x" = ["TR101"]\n')
    assert not linted(tmp_path, labelled, "a.tex").findings
    (tmp_path / "tightrate.toml").write_text('letters = "H=L"\n[ignore]\nTR101 = true\n')
    assert not linted(tmp_path, labelled, "a.tex").findings
    for wrong in (
        'letter = "H=L"',
        "[letters]\nH = 3",
        "[ignore]\nTR999 = true2",
        '[ignore]\n"a" = ["TR9"]',
        '[letters]\nH="X9"',
    ):
        (tmp_path / "tightrate.toml").write_text(wrong)
        with pytest.raises(TightrateError, match=r"tightrate\.toml: [^\n]*$"):
            lint(tmp_path / "a.tex")
    (tmp_path / "tightrate.toml").unlink()
    with pytest.raises(TightrateError, match=r"b\.tex:2:1: [^\n]*$"):
        linted(tmp_path, "\n% tightrate: H=NoSuchLetter", "b.tex")


def test_a_symbol_keeps_its_unit_through_the_document(tmp_path: Path) -> None:
    text = rf"""Both hold: $\mathbb E\,{GAP}\frac{{LB^2}}{{R}} + \frac{{W B}}{{\sqrt{{R}}}}$.

    And $\mathbb E\,{GAP}\frac{{LB^2}}{{R}} + \frac{{W}}{{\sqrt{{R}}}}$."""
    assert codes(linted(tmp_path, text)) == [(3, "TR301")]


ONE = r"$$F(x_R) - F^\star \lesssim \frac{LB^2}{KR} + \frac{\sigma B}{\sqrt{MKR}}$$"
TWO = r"$$F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$$"


@pytest.mark.parametrize(
    ("claim", "refuted"),
    [
        ("[A](#one) improves on [B](#two).", False),
        ("[B](#two) improves on [A](#one).", True),
        ("[A](#one) is worse than [B](#two).", True),
        ("[B](#two) is never better, [B](#two) is worse than [A](#one).", False),
        ("[A](#one) matches [B](#two).", True),
        ("[A](#one) matches [B](#two) for $K = 1$.", False),
        ("[A](#one) recovers [B](#two) when $K = 1$.", False),
        ("[A](#one) dominates [B](#two).", False),
        ("[B](#two) is dominated by [A](#one).", False),
        ("[A](#one) is dominated by [B](#two).", True),
        ("[A](#one) was improved by [B](#two).", True),
        ("[A](#one) has been improved upon by [B](#two).", True),
        ("[B](#two) was later improved by [A](#one).", False),
        ("[A](#one) is matched by [B](#two).", True),
        ("[A](#one) was not improved by [B](#two).", False),
        ("[B](#two) does not improve on [A](#one).", False),
        ("[B](#two) may improve on [A](#one), and sometimes improves on [A](#one).", False),
        ("[B](#two) improves on [A](#one) in the dependence on $M$.", False),
        ("[B](#two) improves on [A](#one) under strong assumptions.", False),
    ],
)
def test_claims_between_bounds(tmp_path: Path, claim: str, refuted: bool) -> None:
    found = linted(tmp_path, f"# One {{#one}}\n\n{ONE}\n\n# Two {{#two}}\n\n{TWO}\n\n# Discussion\n\n{claim}\n")
    assert [code for _, code in codes(found)] == ["TR501"] * refuted


RIGHT = {path.name: path for path in sorted((Path(__file__).parent / "right_manuscripts").iterdir())}


@pytest.mark.parametrize("name", RIGHT)
def test_no_alarm_on_right_manuscripts_of_many_fields(name: str) -> None:
    found = lint(RIGHT[name])
    assert not codes(found)
    assert found.document.statements


def test_both_ends_of_a_chain_have_one_unit(tmp_path: Path) -> None:
    text = r"$\mathbb{E}[F(x_R)-F^\star] \le \frac{B^2}{KR} \le \frac{LB^2}{R}$"
    assert codes(linted(tmp_path, text)) == [(1, "TR102")]
    right = text.replace(r"\frac{B^2}{KR}", r"\frac{LB^2}{KR}")
    assert not codes(linted(tmp_path, right))


def test_own_paper_is_read_rightly() -> None:
    path = Path(__file__).parents[1] / "docs" / "own_paper.md"
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if r"\frac{B^2}{5" in text)
    found = lint(path)
    assert not found.findings
    (bound,) = [one for one in found.document.statements if one.kind == "bound"]
    assert (bound.place.line, len(bound.checked.terms), bound.checked.conditions) == (line, 2, (r"\eta\le1/L",))


@pytest.mark.parametrize(
    "text",
    [
        "$" * 100_001,
        r"\[" * 50_000,
        r"\begin{verbatim}" * 20_000,
        r"\begin{equation}" * 20_000,
        "{" * 100_000 + "$x$",
        r"\newcommand{\a}{\a\a}" + r"$\a \le \frac{LB^2}{R}$",
        f"${GAP}" + "+".join([r"\frac{LB^2}{R}"] * 3000) + "$",
        "| a " * 50_000,
        r"\input{a}" * 10_000,
        "$`" * 50_000,
        "<!--" * 50_000,
    ],
    ids=range(11),
)
@pytest.mark.parametrize("name", ["a.tex", "a.md", "a.txt"])
def test_hostile_texts_end(tmp_path: Path, text: str, name: str) -> None:
    begun = process_time()
    linted(tmp_path, text, name)
    assert process_time() - begun < 10


def test_the_page_shows_bounds_and_findings_and_lets_nothing_through(tmp_path: Path) -> None:
    hostile = rf"<script>alert(1)</script> ${GAP}\frac{{LB^2}}{{R}} + \frac{{\sigma B}}{{R}}\text{{<script>}}$"
    found = linted(tmp_path, f"{hostile} {WRONG.replace('H', 'L')}")
    page = write_page(tmp_path / "out", [found]).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "TR101" in page
    assert "<math" in page
    page = write_page(tmp_path / "two", [linted(tmp_path, TWO)]).read_text(encoding="utf-8")
    assert "neighbours in the catalogue" in page
