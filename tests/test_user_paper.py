"""A paper of one's own: the file that is written runs, wrong papers are told apart, mistakes are one clear line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from tightrate.command_line import app
from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import NOISES
from tightrate.figures.user_paper_page import write_page
from tightrate.simulator.measures import MEASURES
from tightrate.verify.claim import check
from tightrate.verify.session import Session
from tightrate.verify.user_paper.judge import OwnFinding, asserted, judge_paper, run_claim
from tightrate.verify.user_paper.load import load_paper
from tightrate.verify.user_paper.template import new_paper
from tightrate.verify.verdict import Verdict

EXAMPLE = Path(__file__).parents[1] / "examples" / "my_paper.py"

PAPER = """
from tightrate.verify.user_paper import OwnClaim, OwnTheorem

theorem = OwnTheorem(
    title="t", statement="s", algorithm="local-sgd", {theorem}
)

claim = OwnClaim(
    statement="c", theorem=theorem, {claim}
)
"""
TERMS = 'terms={"optimization": "B^2/(2*eta*K*R)"}'
QUADRATIC = 'problem="random-quadratics"'
GRID = 'axes={"K": (1, 4), "R": (2, 8, 32)}'
VALUES = 'parameters={"M": 2, "d": 2, "L": 1.0, "mu": 0.1, "tau": 0.0, "zeta_star": 0.0, "B": 1.0, "eta": 0.5}'


def paper(tmp_path: Path, theorem: str = TERMS, claim: str = f"{QUADRATIC}, {GRID}, {VALUES}", name: str = "p") -> Path:
    path = tmp_path / f"{name}.py"
    path.write_text(PAPER.format(theorem=theorem, claim=claim), encoding="utf-8")
    return path


def judged(path: Path) -> OwnFinding:
    (found,) = judge_paper(path, Session())
    return found


def tried(path: Path) -> tuple[xr.Dataset, Verdict]:
    """The results and the verdict alone, without a look at the formula."""
    name, claims = load_paper(path)
    (claim,) = claims.values()
    source = claim.theorem.built(name)
    results = run_claim(path, claim, source, Session())
    verdict = check(asserted(source, results), source)
    names = {f"{claim.theorem.measure}_mean": "measured", f"{claim.theorem.measure}_stderr": "standard_error"}
    return results.rename(names), verdict


def test_the_file_that_is_written_runs(tmp_path: Path) -> None:
    path = new_paper("doe2026", tmp_path)
    found = judged(path)
    assert found.finding.as_expected
    assert found.finding.verdict.status == "consistent"
    assert found.checked is not None
    assert found.checked.units_consistent
    assert found.checked.neighbours
    assert found.results.bound.sizes == {"K": 3, "R": 4}
    assert not list(tmp_path.glob("__pycache__"))


def test_new_paper_refuses_bad_names_and_never_overwrites(tmp_path: Path) -> None:
    new_paper("doe2026", tmp_path)
    with pytest.raises(TightrateError, match="is there already"):
        new_paper("doe2026", tmp_path)
    for name in ("../x", "a b", "", "1a", "x" * 80):
        with pytest.raises(TightrateError, match="a paper's name is"):
            new_paper(name, tmp_path)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(TightrateError):
        new_paper("doe2026", blocked)


def test_the_worked_example_is_consistent_and_its_wrong_twins_are_not(tmp_path: Path) -> None:
    assert judged(EXAMPLE).finding.verdict.status == "consistent"
    text = EXAMPLE.read_text(encoding="utf-8")
    for wrong in (
        text.replace(r"{\mu M}", r"{\mu M^2}"),
        text.replace(r"{5 \eta \mu K R}", r"{500 \eta \mu K R}"),
        re.sub(r'        "statistical":.*\n', "", text),
    ):
        assert wrong != text
        twin = tmp_path / "wrong.py"
        twin.write_text(wrong, encoding="utf-8")
        _, verdict = tried(twin)
        assert verdict.status == "violated"
        assert verdict.witness is not None


def test_measured_values_are_those_of_the_closed_form(tmp_path: Path) -> None:
    path = paper(tmp_path, claim=f'problem=lambda L: Quadratics(L), {GRID}, parameters={{"L": 2.0, "eta": 0.25}}')
    path.write_text(
        "import numpy as np\nfrom tightrate.constructions.quadratics import QuadraticMachines\n"
        "def Quadratics(L):\n    return QuadraticMachines(L * np.ones((1, 1, 1)), np.ones((1, 1)))\n" + path.read_text()
    )
    results, _ = tried(path)
    steps = results.K * results.R
    assert np.allclose(results.measured, 0.5 * 2.0 * 0.5 ** (2 * steps), rtol=1e-12)
    assert np.allclose(results.bound, 1 / (0.5 * steps), rtol=1e-12)
    assert np.all(results.standard_error == 0)


def test_conditions_are_checked_in_every_cell(tmp_path: Path) -> None:
    theorem = TERMS + ', conditions=("eta*L <= 1/4",)'
    assert tried(paper(tmp_path, theorem))[1].status == "not-applicable"
    theorem = TERMS + ', conditions=("eta*L <= 1/2",)'
    assert tried(paper(tmp_path, theorem))[1].status == "consistent"


def test_prescribed_steps_are_taken(tmp_path: Path) -> None:
    theorem = TERMS + ', steps={"eta": "1/(2*L)"}'
    claim = f"{QUADRATIC}, {GRID}, {VALUES}".replace(', "eta": 0.5', "")
    results, _ = tried(paper(tmp_path, theorem, claim))
    assert np.all(results["eta"] == 0.5)


HIDDEN = 'terms={{"statistical": "sigma^2/(mu*M*K^({power})*R)"}}, constants="hidden", steps={{"eta": "20/(K*R)"}}'
NOISY = (
    'problem="random-quadratics", axes={"K": (16, 32, 64, 128), "R": (64, 128, 256)},'
    ' parameters={"M": 4, "d": 1, "L": 1.0, "mu": 1.0, "tau": 0.0, "zeta_star": 0.0, "B": 1e-6, "sigma": 1.0}'
)


@pytest.mark.parametrize(("power", "status"), [("9/10", "consistent"), ("1/2", "consistent"), ("3/2", "violated")])
def test_hidden_constants_are_judged_by_exponents(tmp_path: Path, power: str, status: str) -> None:
    _, verdict = tried(paper(tmp_path, HIDDEN.format(power=power), NOISY))
    assert verdict.status == status, verdict
    assert "exponent" in verdict.sentence or "decay" in verdict.sentence


def test_sampled_runs_have_intervals(tmp_path: Path) -> None:
    claim = (
        'problem="asymmetric-quadratic", axes={"R": (4, 8)}, parameters={"K": 2, "M": 2, "L": 1.0, "mu": 0.5, "B": 1.0,'
        ' "eta": 0.25, "sigma": 0.5}, replicas=400'
    )
    results, verdict = tried(paper(tmp_path, 'terms={"all": "L*B^2 + eta*sigma^2"}', claim))
    assert verdict.status == "consistent"
    assert np.all(results.standard_error > 0)
    tight = float(results.measured.max())  # a bound in the middle of an interval cannot be decided
    for factor, status in ((1, "inconclusive"), (1 / 4, "violated")):
        _, verdict = tried(paper(tmp_path, f'terms={{"all": "{tight * factor!r}*L*B^2"}}', claim))
        assert verdict.status == status


# Measures, noise, letters


SMALL = 'axes={"K": (1, 3), "R": (4,)}'
PLAIN = 'problem="random-quadratics", ' + SMALL + ', parameters={"M": 3, "sigma": 0.5, "eta": 0.1}, replicas=3'
ABOVE = 'terms={"all": "10^6*L*B^2"}'
OF_UNIT = {"value": "L*B^2", "length": "B", "length^2": "B^2", "value^2 length^-2": "L^2*B^2", "pure number": "R"}


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_of_a_run_can_be_bounded(tmp_path: Path, measure: str) -> None:
    unit = str(MEASURES[measure].unit)
    theorem = f'terms={{"all": "10^6*{OF_UNIT[unit]}"}}, measure="{measure}"'
    path = paper(tmp_path, theorem, PLAIN)
    if "stationarity" in measure:
        path.write_text(path.read_text().replace('"local-sgd"', '"local-adam"'))
    results, verdict = tried(path)
    assert verdict.status == "consistent", verdict
    assert results.measured.attrs["units"] == unit
    assert np.all(results.measured > 0)


def test_a_measure_that_no_bound_of_the_catalogue_is_about_has_no_neighbours(tmp_path: Path) -> None:
    found = judged(paper(tmp_path, 'terms={"all": "10*L*B^2"}, measure="mean-gap"', PLAIN))
    assert found.checked is not None
    assert found.checked.units_consistent
    assert not found.checked.neighbours
    assert MEASURES["mean-gap"].meaning in write_page(tmp_path / "out", [found]).read_text(encoding="utf-8")


@pytest.mark.parametrize("law", [*NOISES.names(), "rows"])
def test_every_noise_of_a_run_can_be_tried(tmp_path: Path, law: str) -> None:
    own = {"student": '"degrees": 12.0, ', "pareto": '"tail": 12.0, ', "rows": '"batch": 2, "rows": 30, '}.get(law, "")
    problem = "logistic-regression" if law == "rows" else "random-quadratics"
    claim = PLAIN.replace('"sigma"', own + '"sigma"').replace("random-quadratics", problem) + f', noise="{law}"'
    results, verdict = tried(paper(tmp_path, ABOVE, claim))
    if "notes" not in results.attrs:
        assert verdict.status == "consistent", verdict
    quiet = claim.replace('"batch": 2', '"batch": 200').replace('"sigma": 0.5', '"sigma": 0.0')
    assert np.all(tried(paper(tmp_path, ABOVE, quiet))[0].measured != results.measured)


def test_a_mean_that_need_not_settle_is_not_consistent(tmp_path: Path) -> None:
    claim = PLAIN.replace('"sigma"', '"degrees": 2.5, "sigma"') + ', noise="student", method="sample"'
    _, verdict = tried(paper(tmp_path, ABOVE, claim))
    assert verdict.status == "inconclusive"
    assert "no moments" in verdict.sentence
    exact = claim.replace('"sample"', '"exact"')  # a mean in closed form is that of the whole law
    assert tried(paper(tmp_path, ABOVE, exact))[1].status == "consistent"


def test_letters_are_derived_and_a_formula_in_them_is_the_same_formula(tmp_path: Path) -> None:
    one, _ = tried(paper(tmp_path, 'terms={"all": "10^6*(Delta/T + eta*sigma^2/M)"}', PLAIN))
    other, _ = tried(paper(tmp_path, 'terms={"all": "10^6*(Delta/(K*R) + eta*sigma^2/M)"}', PLAIN))
    np.testing.assert_allclose(one.bound, other.bound, rtol=1e-14)
    noisy = '"order": 4.0, "sigma": 0.5, "alpha": 4.0'
    claim = PLAIN.replace('"sigma": 0.5', noisy) + ', noise="rademacher"'
    levels, _ = tried(paper(tmp_path, 'terms={"all": "10^6*eta*sigma_inf^2*alpha"}', claim))
    np.testing.assert_allclose(levels.bound, 1e6 * 0.1 * 0.5**2 / 4 * 4, rtol=1e-13)  # sigma / sqrt d, d = 4


def test_an_exact_value_is_judged_as_an_identity(tmp_path: Path) -> None:
    claim = 'problem="coordinate-pair", axes={"K": (1, 2), "R": (1, 3)}, parameters={"L": 1.0, "B": 1.0, "eta": 0.5}'
    for factor, status in (("4", "confirmed"), ("5", "violated")):
        terms = f'terms={{"all": "L*B^2/{factor}*((1 + (1 - eta*L)^K)/2)^(2*R)"}}, kind="exact"'
        found = judged(paper(tmp_path, terms, claim))
        assert found.finding.verdict.status == status
        assert found.checked is not None
        assert "no region of monomial inequalities" in found.checked.unknown_regimes["term 1"]


def test_steps_can_be_tuned_and_replicas_sized(tmp_path: Path) -> None:
    path = paper(tmp_path, 'terms={"all": "10*L*B^2"}', PLAIN.replace(', "eta": 0.1', "") + ", tuned=GRID")
    path.write_text(
        "from tightrate.verify.user_paper import Tuned\nGRID = {'eta': Tuned(0.01, 0.1, points=3)}\n" + path.read_text()
    )
    results, _ = tried(path)
    assert results["eta"].size == 2
    assert np.all(results["eta"] > 0)
    claim = PLAIN.replace("replicas=3", 'replicas=16, relative_error=0.05, method="sample"')
    results, _ = tried(paper(tmp_path, ABOVE, claim))
    assert np.all(results.standard_error <= 0.06 * results.measured)


@pytest.mark.parametrize(
    ("theorem", "claim", "message"),
    [
        (TERMS, f'{PLAIN}, noise="gausian"', "line 8: unknown noise 'gausian'; did you mean 'gaussian'"),
        (TERMS, f'{PLAIN}, output="lst"', "unknown output"),
        (TERMS, f'{PLAIN}, method="gess"', "unknown method"),
        (TERMS, f"{PLAIN}, relative_error=2", r"relative_error must lie in \(0,1\)"),
        (TERMS, PLAIN.replace('"sigma": 0.5', '"sigm": 0.5'), "did you mean 'sigma'"),
        (TERMS, PLAIN.replace('"sigma": 0.5, ', "") + ', noise="student"', "missing sigma, the level of the noise"),
        (TERMS, f'{PLAIN}, tuned={{"eta": 3}}', r"eta is tuned by a Tuned\(low, high\), not by 3"),
        ('terms={"optimization": "L*B^/R"}', "", r"p\.py, line 4: term 'optimization': column 5.*expected an exponent"),
        ('terms={"optimization": "L*B^2/wibble"}', "", r"line 4: term 'optimization'.*wibble"),
        ('terms={"optimization": "L*B/R"}', "", r"p\.py, line 4: term 'optimization' has the unit"),
        (TERMS + ', measure="gab"', "", r"line 4: unknown measure.*gap"),
        (TERMS + ', conditions=("eta L",)', "", r"line 4: condition 'eta L'"),
        ("terms={}", "", r"line 4: a theorem needs terms"),
        (TERMS, f"{QUADRATIC}, axes={{}}", r"line 8: a claim needs axes"),
        (TERMS, f'{QUADRATIC}, axes={{"R": (1,)}}', r"line 8: missing K"),
        (TERMS, f'{QUADRATIC}, axes={{"K": (1.5,), "R": (2,)}}', r"line 8: K must be a positive integer"),
        (TERMS, f'problem="rank-one", {GRID}', r"line 8: unknown problem 'rank-one'; did you mean 'rank-one-pair'"),
        (TERMS, f"problem=lambda: 1 / 0, {GRID}", r"line 9: ZeroDivisionError: division by zero"),
        (TERMS, f"problem=lambda: 3, {GRID}", r"must return a Problem, not int"),
        (TERMS, f"problem=lambda depth: depth, {GRID}", r"line 8: missing depth; give each as an axis or a parameter"),
        (TERMS, f"{QUADRATIC}, {GRID}, undefined", r"line 10: positional argument"),
    ],
)
def test_mistakes_are_one_clear_line(tmp_path: Path, theorem: str, claim: str, message: str) -> None:
    path = paper(tmp_path, theorem, claim or f"{QUADRATIC}, {GRID}, {VALUES}")
    with pytest.raises(TightrateError, match=message) as caught:
        judge_paper(path, Session())
    assert "\n" not in str(caught.value)


def test_a_syntax_error_and_a_missing_file_are_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("x = 1\ny = (\n")
    with pytest.raises(TightrateError, match=r"broken\.py, line 2: '\(' was never closed"):
        judge_paper(path, Session())
    with pytest.raises(TightrateError, match="there is no file"):
        judge_paper(tmp_path / "none.py", Session())
    path.write_text("x = 1\n")
    with pytest.raises(TightrateError, match="has no OwnClaim"):
        judge_paper(path, Session())


def test_an_instance_outside_the_class_is_refused(tmp_path: Path) -> None:
    claim = f'problem=lambda: pair(), {GRID}, parameters={{"L": 0.5, "eta": 0.5}}'
    path = paper(tmp_path, claim=claim)
    path.write_text(
        "from tightrate.constructions.rank_one_pair import rank_one_pair\n"
        "def pair():\n    return rank_one_pair(cosine=0.5)\n" + path.read_text()
    )
    with pytest.raises(TightrateError, match=r"the problem has L = 1, which is outside of the class with L = 0\.5"):
        judge_paper(path, Session())


def test_formula_text_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    theorem = f"""terms={{"optimization": "__import__('pathlib').Path('{target}').touch()"}}"""
    with pytest.raises(TightrateError):
        judge_paper(paper(tmp_path, theorem), Session())
    assert not target.exists()


def test_the_page_has_what_a_claim_has_in_the_report(tmp_path: Path) -> None:
    path = paper(tmp_path)
    found = judge_paper(path, Session())
    page = write_page(tmp_path / "out", found)
    text = page.read_text(encoding="utf-8")
    for part in ("Claim", "Verdict.", "Theorem", "How it was tested", "Numbers", "Run it again", "How this was made"):
        assert part in text, part
    assert "consistent" in text
    assert "<svg" in text
    assert "<math" in text
    assert f"tightrate verify --paper {path}" in text
    assert json.loads((tmp_path / "out" / "verdicts.json").read_text())[0]["verdict"] == "consistent"
    write_page(tmp_path / "out", found)  # an unchanged page is replaced
    page.write_text(text + "mine")
    with pytest.raises(TightrateError, match="was changed since"):
        write_page(tmp_path / "out", found)
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "reproduction.md").touch()
    with pytest.raises(TightrateError, match="report of all claims"):
        write_page(tmp_path / "all", found)
    files = {path.suffix for path in (tmp_path / "out" / "figures").iterdir()}
    assert files == {".pdf", ".png", ".svg", ".nc", ".txt", ".tex"}


def test_command_line(tmp_path: Path) -> None:
    runner = CliRunner()
    made = runner.invoke(app, ["new-paper", "doe2026", "--out", str(tmp_path)], standalone_mode=False)
    assert made.exit_code == 0
    path = tmp_path / "doe2026.py"
    done = runner.invoke(app, ["verify", "--paper", str(path), "--json"], standalone_mode=False)
    (document,) = json.loads(done.output)
    assert document["verdict"] == "consistent"
    assert document["bound"]["units_consistent"] is True
    assert done.return_value == 0
    path.write_text(path.read_text().replace("2*eta*K*R", "2000*eta*K*R"))
    done = runner.invoke(app, ["verify", "--paper", str(path), "--json"], standalone_mode=False)
    assert json.loads(done.output)[0]["verdict"] == "violated"
    assert done.return_value == 1


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments in (["--power", "--paper", "x.py"], ["patel2024/*", "--power"], ["--report", str(tmp_path)]):
        refused = runner.invoke(app, ["verify", *arguments], standalone_mode=False)
        assert isinstance(refused.exception, TightrateError)
