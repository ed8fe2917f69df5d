"""A paper of one's own: the file that is written runs, wrong papers are told apart, mistakes are one clear line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

from tightrate.command_line import application, main
from tightrate.common import paper_files
from tightrate.common.errors import TightrateError
from tightrate.constructions.noise import NOISES
from tightrate.figures.own_paper_page import write_page
from tightrate.rates.formulas.parse import parse
from tightrate.rates.statements.catalogue import theorem as theorem_of
from tightrate.rates.statements.paper_notation import parse_letters
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.measures import BUILT_IN as MEASURES
from tightrate.verify.cache.result_cache import ResultStore
from tightrate.verify.claim import Claim, judge_all
from tightrate.verify.new_paper import new_paper
from tightrate.verify.own_papers import OwnFinding, claims_in, load_paper, with_formulas
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.sweep.run import read_sweep
from tightrate.verify.verdict import Verdict

EXAMPLE = Path(__file__).parents[1] / "examples" / "my_paper.py"

PAPER = """
import tightrate as tr

PAPER = tr.Paper("own", title="t")

@tr.Statements(PAPER, algorithm="local-sgd").{kind}("thm1", "t", provenance=tr.stated("here"){shared})
def theorem():
    return tr.Stated({formulas})

claim = tr.trial("holds", "c", theorem=theorem, {claim})
"""
TERMS = '{"optimization": "B^2/(2*eta*K*R)"}'
QUADRATIC = 'problem="random-quadratics"'
GRID = 'axes={"K": (1, 4), "R": (2, 8, 32)}'
VALUES = 'parameters={"M": 2, "d": 2, "L": 1.0, "mu": 0.1, "tau": 0.0, "zeta_star": 0.0, "B": 1.0, "eta": 0.5}'
USUAL = f"{QUADRATIC}, {GRID}, {VALUES}"


def paper(folder: Path, formulas: str = TERMS, claim: str = USUAL, *, kind: str = "upper", shared: str = "") -> Path:
    path = folder / "p.py"
    path.write_text(PAPER.format(formulas=formulas, claim=claim, kind=kind, shared=shared), encoding="utf-8")
    return path


def claim_of(path: Path) -> Claim:
    (name,) = claims_in(load_paper(path))
    return CLAIMS[name]


def judged(path: Path, session: Session | None = None) -> OwnFinding:
    """The finding and what the formula says."""
    session = session or Session()
    (found,) = with_formulas(judge_all([claim_of(path)], session), session)
    return found


def tried(path: Path) -> tuple[xr.Dataset, Verdict]:
    """The results and the verdict alone, without a look at the formula."""
    claim = claim_of(path)
    results = claim.data[0](Session())
    measure = results.attrs["measure"]
    names = {f"{measure}_mean": "measured", f"{measure}_stderr": "standard_error"}
    return results.rename(names), claim.judge(results)


def test_the_file_that_is_written_runs(tmp_path: Path) -> None:
    path = new_paper("doe2026", tmp_path)
    found = judged(path)
    assert found.finding.as_expected
    assert found.finding.verdict.status == "consistent"
    assert found.checked is not None
    assert found.checked.units_consistent
    assert found.checked.neighbours
    assert found.results[0].bound.sizes == {"K": 3, "R": 4}
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


def test_the_worked_example_is_consistent_and_its_mutants_are_not(tmp_path: Path) -> None:
    assert judged(EXAMPLE).finding.verdict.status == "consistent"
    text = EXAMPLE.read_text(encoding="utf-8").replace('"my_paper"', '"wrong"')
    for wrong in (
        text.replace(r"{\mu M}", r"{\mu M^2}"),
        text.replace(r"{5 \eta \mu K R}", r"{500 \eta \mu K R}"),
        re.sub(r', "statistical":.*\}"', "", text),
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
        "import numpy as np\nfrom tightrate.constructions.quadratics import QuadraticWorkers\n"
        "def Quadratics(L):\n    return QuadraticWorkers(L * np.ones((1, 1, 1)), np.ones((1, 1)))\n" + path.read_text()
    )
    results, _ = tried(path)
    steps = results.K * results.R
    assert np.allclose(results.measured, 0.5 * 2.0 * 0.5 ** (2 * steps), rtol=1e-12)
    assert np.allclose(results.bound, 1 / (0.5 * steps), rtol=1e-12)
    assert np.all(results.standard_error == 0)


def test_conditions_are_checked_in_every_cell(tmp_path: Path) -> None:
    for condition, status in (
        ("eta*L <= 1/4", "not-applicable"),
        ("eta*L <= 1/2", "consistent"),
        ("M = 3", "not-applicable"),
        ("M == 2", "consistent"),
        ("the workers are equal", "consistent"),
    ):
        verdict = tried(paper(tmp_path, f'{TERMS}, conditions=["{condition}"]'))[1]
        assert verdict.status == status, condition
    assert verdict.evidence["conditions not checked"] == ["the workers are equal (in words)"]


def test_prescribed_steps_are_taken(tmp_path: Path) -> None:
    theorem = TERMS + ', steps={"eta": "1/(2*L)"}'
    claim = f"{QUADRATIC}, {GRID}, {VALUES}".replace(', "eta": 0.5', "")
    results, _ = tried(paper(tmp_path, theorem, claim))
    assert np.all(results["eta"] == 0.5)


HIDDEN = '{{"statistical": "sigma^2/(mu*M*K^({power})*R)"}}, steps={{"eta": "20/(K*R)"}}'
NOISY = (
    'problem="random-quadratics", axes={"K": (16, 32, 64, 128), "R": (64, 128, 256)},'
    ' parameters={"M": 4, "d": 1, "L": 1.0, "mu": 1.0, "tau": 0.0, "zeta_star": 0.0, "B": 1e-6, "sigma": 1.0}'
)


@pytest.mark.parametrize(("power", "status"), [("9/10", "consistent"), ("1/2", "consistent"), ("3/2", "violated")])
def test_hidden_constants_are_judged_by_exponents(tmp_path: Path, power: str, status: str) -> None:
    _, verdict = tried(paper(tmp_path, HIDDEN.format(power=power), NOISY, shared=', constants="hidden"'))
    assert verdict.status == status, verdict
    assert "exponent" in verdict.sentence or "decay" in verdict.sentence


def test_sampled_runs_have_intervals(tmp_path: Path) -> None:
    claim = (
        'problem="asymmetric-quadratic", axes={"R": (4, 8)}, parameters={"K": 2, "M": 2, "L": 1.0, "mu": 0.5, "B": 1.0,'
        ' "eta": 0.25, "sigma": 0.5}, replicas=400'
    )
    results, verdict = tried(paper(tmp_path, '{"all": "L*B^2 + eta*sigma^2"}', claim))
    assert verdict.status == "consistent"
    assert np.all(results.standard_error > 0)
    tight = float(results.measured.max())  # a bound in the middle of an interval cannot be decided
    for factor, status in ((1, "inconclusive"), (1 / 4, "violated")):
        _, verdict = tried(paper(tmp_path, f'{{"all": "{tight * factor!r}*L*B^2"}}', claim))
        assert verdict.status == status


# Measures, noise, letters


SMALL = 'axes={"K": (1, 3), "R": (4,)}'
PLAIN = 'problem="random-quadratics", ' + SMALL + ', parameters={"M": 3, "sigma": 0.5, "eta": 0.1}, replicas=3'
ABOVE = '{"all": "10^6*L*B^2"}'
OF_UNIT = {"value": "L*B^2", "length": "B", "length^2": "B^2", "value^2 length^-2": "L^2*B^2", "pure number": "R"}


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_of_a_run_can_be_bounded(tmp_path: Path, measure: str) -> None:
    unit = str(MEASURES[measure].unit)
    formulas = f'{{"all": "10^6*{OF_UNIT[unit]}"}}'
    path = paper(tmp_path, formulas, PLAIN, shared=f', measure="{measure}"')
    if "stationarity" in measure:
        path.write_text(path.read_text().replace('"local-sgd"', '"local-adam"'))
    results, verdict = tried(path)
    assert verdict.status == "consistent", verdict
    assert results.measured.attrs["units"] == unit
    assert np.all(results.measured > 0)


def test_a_measure_that_no_bound_of_the_catalogue_is_about_has_no_neighbours(tmp_path: Path) -> None:
    session = Session()
    path = paper(tmp_path, '{"all": "10*L*B^2"}', PLAIN, shared=', measure="mean-gap"')
    found = judged(path, session)
    assert found.checked is not None
    assert found.checked.units_consistent
    assert not found.checked.neighbours
    assert MEASURES["mean-gap"].meaning in write_page(tmp_path / "out", [found], session, [path]).read_text(
        encoding="utf-8"
    )


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
    one, _ = tried(paper(tmp_path, '{"all": "10^6*(Delta/T + eta*sigma^2/M)"}', PLAIN))
    other, _ = tried(paper(tmp_path, '{"all": "10^6*(Delta/(K*R) + eta*sigma^2/M)"}', PLAIN))
    np.testing.assert_allclose(one.bound, other.bound, rtol=1e-14)
    noisy = '"order": 4.0, "sigma": 0.5, "alpha": 4.0'
    claim = PLAIN.replace('"sigma": 0.5', noisy) + ', noise="rademacher"'
    levels, _ = tried(paper(tmp_path, '{"all": "10^6*eta*sigma_inf^2*alpha"}', claim))
    np.testing.assert_allclose(levels.bound, 1e6 * 0.1 * 0.5**2 / 4 * 4, rtol=1e-13)  # sigma / sqrt d, d = 4


def test_an_exact_value_is_judged_as_an_identity(tmp_path: Path) -> None:
    claim = 'problem="coordinate-pair", axes={"K": (1, 2), "R": (1, 3)}, parameters={"L": 1.0, "B": 1.0, "eta": 0.5}'
    for factor, status in (("4", "confirmed"), ("5", "violated")):
        terms = f'{{"all": "L*B^2/{factor}*((1 + (1 - eta*L)^K)/2)^(2*R)"}}'
        found = judged(paper(tmp_path, terms, claim, kind="exact"))
        assert found.finding.verdict.status == status
        assert found.checked is not None
        assert "no region of monomial inequalities" in found.checked.unknown_regimes["all"]


def test_steps_can_be_tuned_and_replicas_sized(tmp_path: Path) -> None:
    path = paper(
        tmp_path,
        '{"all": "10*L*B^2"}',
        PLAIN.replace(', "eta": 0.1', "") + ", steps={'eta': tr.Tuned(0.01, 0.1, points=3)}",
    )
    results, _ = tried(path)
    assert results["eta"].size == 2
    assert np.all(results["eta"] > 0)
    claim = PLAIN.replace("replicas=3", 'replicas=16, relative_error=0.05, method="sample"')
    results, _ = tried(paper(tmp_path, ABOVE, claim))
    assert np.all(results.standard_error <= 0.06 * results.measured)


@pytest.mark.parametrize(
    ("formulas", "claim", "more", "message"),
    [
        (TERMS, f'{PLAIN}, noise="gausian"', {}, "line 10: unknown noise 'gausian'; did you mean 'gaussian'"),
        (TERMS, f'{PLAIN}, output="lst"', {}, "line 10: unknown output 'lst'; did you mean 'last'"),
        (TERMS, f'{PLAIN}, method="gess"', {}, "unknown method"),
        (TERMS, f'{PLAIN}, measure="gab"', {}, "unknown measure 'gab'; did you mean 'gap'"),
        (TERMS, f'{PLAIN}, algorithm="local-sdg"', {}, "unknown algorithm 'local-sdg'; did you mean 'local-sgd'"),
        (TERMS, f'{PLAIN}, expected="true"', {}, "unknown expected verdict of own/holds 'true'"),
        (TERMS, f'{PLAIN}, cost="ful"', {}, "unknown cost of own/holds 'ful'; did you mean 'full'"),
        (
            TERMS,
            f"{PLAIN}, replica=3",
            {},
            "line 10: TypeError: .*unexpected keyword argument 'replica'; did you mean 'replicas'",
        ),
        (TERMS, f"{PLAIN}, relative_error=2", {}, r"relative_error must lie in \(0,1\)"),
        (TERMS, PLAIN.replace('"sigma": 0.5', '"sigm": 0.5'), {}, "did you mean 'sigma'"),
        (TERMS, PLAIN.replace('"sigma": 0.5, ', "") + ', noise="student"', {}, "missing sigma, the level of the noise"),
        (TERMS, PLAIN.replace(', "eta": 0.1', "") + ', steps={"etta": 0.1}', {}, "unknown step of local-sgd 'etta'"),
        ('{"optimization": "L*B^/R"}', USUAL, {}, r"p\.py, line 10: term 'optimization': .*expected an exponent"),
        ('{"optimization": "L*B^2/wibble"}', USUAL, {}, r"line 10: term 'optimization'.*wibble"),
        ('{"optimization": 1j}', USUAL, {}, r"term 'optimization' must be a formula"),
        ('{"optimization": "L*B/R"}', USUAL, {}, r"p\.py, line 6: term 'optimization' has the unit"),
        (TERMS, USUAL, {"shared": ', measure="gab"'}, r"unknown measure 'gab'; did you mean 'gap'"),
        (TERMS, USUAL, {"shared": ', constants="Explicit"'}, r"line 6: unknown constants 'Explicit'.*'explicit'"),
        (TERMS, USUAL, {"shared": ', constants="hiden"'}, r"line 6: unknown constants 'hiden'; did you mean 'hidden'"),
        (
            TERMS,
            USUAL,
            {"shared": ', holds="deterministicly"'},
            r"unknown holds 'deterministicly'.*'deterministically'",
        ),
        (TERMS, USUAL, {"shared": ', messure="gap"'}, r"unknown field of a statement 'messure'.*'measure'"),
        (TERMS, USUAL, {"shared": ', algorithm="local-sdg"'}, r"unknown algorithm 'local-sdg'.*'local-sgd'"),
        (TERMS, USUAL, {"kind": "uper"}, r"line 6: AttributeError: .*'uper'; did you mean 'upper'"),
        (TERMS, USUAL, {"kind": "Upper"}, r"line 6: AttributeError: .*'Upper'; did you mean 'upper'"),
        (TERMS + ', steps={"etta": "1/L"}', USUAL, {}, r"line 6: unknown step of local-sgd 'etta'; did you mean 'eta'"),
        (TERMS + ', conditions=["eta L"]', USUAL, {}, r"condition 'eta L' is a formula without a relation"),
        (TERMS + ', conditions=["eta*L <= wib"]', USUAL, {}, r"condition 'eta\*L <= wib': .*unknown letter"),
        ("{}", USUAL, {}, r"a statement needs terms"),
        (TERMS + ', conditions=["the step is $(eta$"]', USUAL, {}, r"a condition: the formula .* no '\)'"),
        (TERMS, USUAL, {"shared": ', problem_class="of $\\\\wibble{mu}$"'}, r"problem_class: unknown command .*wibble"),
        (TERMS, USUAL, {"shared": ', problem_class="costs $5"'}, r"problem_class: .*two dollar signs"),
        (
            TERMS,
            USUAL,
            {"kind": "exact", "shared": ', constants="hidden"'},
            r"is an equality, which has explicit const",
        ),
        (TERMS, f"{QUADRATIC}, axes={{}}", {}, r"line 10: a trial needs axes"),
        (TERMS, f'{QUADRATIC}, axes={{"R": 4}}', {}, r"line 10: axis R needs a list of values"),
        (TERMS, f'{QUADRATIC}, axes={{"R": (1,)}}', {}, r"line 10: missing K"),
        (TERMS, f'{QUADRATIC}, axes={{"K": (1.5,), "R": (2,)}}', {}, r"line 10: K must be a positive integer"),
        (
            TERMS,
            f'problem="rank-one", {GRID}',
            {},
            r"line 10: unknown problem 'rank-one'; did you mean 'rank-one-pair'",
        ),
        (TERMS, f"problem=lambda depth: depth, {GRID}", {}, r"line 10: missing depth; give each as an axis"),
        (TERMS, f"{QUADRATIC}, {GRID}, undefined", {}, r"line 10: positional argument"),
    ],
)
def test_mistakes_are_one_clear_line(
    tmp_path: Path, formulas: str, claim: str, more: dict[str, str], message: str
) -> None:
    with pytest.raises(TightrateError, match=message) as caught:
        load_paper(paper(tmp_path, formulas, claim, **more))
    assert "\n" not in str(caught.value)
    assert "p.py, line" in str(caught.value)
    assert paper_files.loaded() == ()


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        ("lambda: 1 / 0", r"p\.py, line 10: ZeroDivisionError: division by zero"),
        ("lambda: 3", r"must return a Problem, not int"),
        ("lambda: pair()", r"the problem has L = 1, which is outside of the class with L = 0\.5"),
    ],
)
def test_a_problem_that_fails_is_an_error_that_says_where(tmp_path: Path, problem: str, message: str) -> None:
    path = paper(tmp_path, claim=f'problem={problem}, {GRID}, parameters={{"L": 0.5, "eta": 0.5}}')
    path.write_text(
        path.read_text() + "\nfrom tightrate.constructions.rank_one_pair import rank_one_pair\n"
        "def pair():\n    return rank_one_pair(cosine=0.5)\n"
    )
    found = judged(path).finding
    assert found.verdict.status == "error"
    assert re.search(message, found.verdict.sentence)


def test_formula_text_is_not_run(tmp_path: Path) -> None:
    target = tmp_path / "owned"
    formulas = f"""{{"optimization": "__import__('pathlib').Path('{target}').touch()"}}"""
    with pytest.raises(TightrateError, match="term 'optimization'"):
        load_paper(paper(tmp_path, formulas))
    assert not target.exists()


def test_the_page_has_what_a_claim_has_in_the_report(tmp_path: Path) -> None:
    path = paper(tmp_path)
    session = Session()
    found = [judged(path, session)]
    page = write_page(tmp_path / "out", found, session, [path])
    text = page.read_text(encoding="utf-8")
    for part in ("Claim", "Verdict.", "Theorem", "How it was tested", "Numbers", "Run it again", "How this was made"):
        assert part in text, part
    assert "consistent" in text
    assert "<svg" in text
    assert "<math" in text
    assert f"tightrate verify own/holds --paper {path}" in text
    assert json.loads((tmp_path / "out" / "verdicts.json").read_text())[0]["verdict"] == "consistent"
    write_page(tmp_path / "out", found, session, [path])  # an unchanged page is replaced
    page.write_text(text + "mine")
    with pytest.raises(TightrateError, match="was changed since"):
        write_page(tmp_path / "out", found, session, [path])
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "reproduction.md").touch()
    with pytest.raises(TightrateError, match="report of all claims"):
        write_page(tmp_path / "all", found, session, [path])
    files = {path.suffix for path in (tmp_path / "out" / "figures").iterdir()}
    assert files == {".pdf", ".png", ".svg", ".nc", ".txt", ".tex"}


def test_command_line(tmp_path: Path) -> None:
    runner = CliRunner()
    made = runner.invoke(application(), ["new-paper", "doe2026", "--out", str(tmp_path)], standalone_mode=False)
    assert made.exit_code == 0
    path = tmp_path / "doe2026.py"
    done = runner.invoke(application(), ["verify", "--paper", str(path), "--json"], standalone_mode=False)
    (document,) = json.loads(done.output)
    assert document["verdict"] == "consistent"
    assert document["bound"]["units_consistent"] is True
    assert done.return_value == 0
    path.write_text(path.read_text().replace("2*eta*K*R", "2000*eta*K*R"))
    done = runner.invoke(application(), ["verify", "--paper", str(path), "--json"], standalone_mode=False)
    assert json.loads(done.output)[0]["verdict"] == "violated"
    assert done.return_value == 1


def test_options_that_exclude_each_other_are_refused(tmp_path: Path) -> None:
    runner = CliRunner()
    for arguments in (["--power", "--paper", "x.py"], ["patel2024/*", "--power"], ["--report", str(tmp_path)]):
        refused = runner.invoke(application(), ["verify", *arguments], standalone_mode=False)
        assert isinstance(refused.exception, TightrateError)


def test_axes_are_ranges_and_arrays_and_objects_stand_where_names_are_taken(tmp_path: Path) -> None:
    names = paper(tmp_path, TERMS, f'{QUADRATIC}, axes={{"K": (1, 2), "R": (4, 16)}}, {VALUES}')
    by_name, _ = tried(names)
    objects = (
        "problem=random_quadratics, algorithm=local_sgd, measure='gap', theorem=theorem,"
        f' axes={{"K": range(1, 3), "R": np.array([4, 16])}}, {VALUES}'
    )
    text = PAPER.replace("theorem=theorem, {claim}", "{claim}").replace(
        "import tightrate as tr",
        "import numpy as np\nimport tightrate as tr\n"
        "from tightrate.constructions.random_quadratics import random_quadratics\n"
        'local_sgd = tr.ALGORITHMS["local-sgd"]',
    )
    names.write_text(text.format(formulas=TERMS, claim=objects, kind="upper", shared=""))
    by_object, _ = tried(names)
    xr.testing.assert_identical(by_name.measured, by_object.measured)


def test_finished_cells_are_kept_and_stale_when_the_paper_changes(tmp_path: Path) -> None:
    noisy = 'problem=own, axes={"K": (1, 2), "R": (2,)}, parameters={"sigma": 0.5, "eta": 0.1}, replicas=4'
    own = "\ndef own():\n    return tr.PROBLEMS['rank-one-pair'](cosine={cosine})\n"
    path = paper(tmp_path, ABOVE, noisy)
    text = path.read_text().replace("\nclaim", own + "\nclaim")
    session = Session(store=ResultStore(tmp_path / "store"))

    def cells() -> set[str]:
        return {kept.name for kept in (tmp_path / "store" / "cells").iterdir()}

    path.write_text(text.replace("{cosine}", "0.5"))
    first = claim_of(path).data[0](session)
    kept = cells()
    assert len(kept) == 2
    again = claim_of(path).data[0](session)
    xr.testing.assert_identical(first.gap_mean, again.gap_mean)
    assert cells() == kept
    path.write_text(text.replace("{cosine}", "0.25"))
    other = claim_of(path).data[0](session)
    assert len(cells()) == 4
    assert not np.allclose(first.gap_mean, other.gap_mean)


def test_a_statement_shows_its_own_names_on_the_terminal(tmp_path: Path) -> None:
    path = paper(tmp_path, '{"far": "B^2/(2000*eta*K*R)", "noise": "eta*sigma^2"}', PLAIN)
    done = CliRunner().invoke(application(), ["verify", "--paper", str(path)], standalone_mode=False)
    assert done.return_value == 1
    for shown in ("own/thm1  t", "far ", "noise ", "violated", "where ", "K = "):
        assert shown in done.output, done.output
    assert "term 1" not in done.output
    assert theorem_of("own/thm1").provenance.meaning == "stated by the author of the file"


@pytest.mark.parametrize(
    ("bound", "letters"),
    [
        ("L*B^2/(K*R) + sigma*B/sqrt(M*K*R)", ""),
        (r"F(\hat x)-F^\star \preceq \frac{HB^2}{R} + \frac{\sigma B}{\sqrt{SKR}}", "H=L,S=sampled"),
        (r"\kappa^2 B^2/(p R)", r"p=probability,\kappa=kappa"),
        ("B^2/(eta*K*R) + C_1*eta*sigma^2 + G", "C_1=constant,G=value"),
    ],
)
def test_a_paper_from_a_bound_states_it_and_runs(tmp_path: Path, bound: str, letters: str) -> None:
    path = new_paper("doe2026", tmp_path, bound=bound, letters=letters or None)
    found = judged(path)
    assert found.finding.verdict.status == "consistent", found.finding.verdict
    stated = theorem_of("doe2026/thm1").bound
    assert stated.units_consistent() == "yes"
    read = parse(bound, parse_letters(letters) if letters else None)
    assert len(stated.terms) == len(read.terms)
    symbols = [str(one).partition(":") for one in read.expression.free_symbols]
    names = {
        re.sub(r"[^A-Za-z0-9_]", "", name) + ("_own" if mark and name in "GL" else "") for name, mark, _ in symbols
    }
    assert set(stated.letters) == names


def test_a_bound_that_cannot_be_stated_is_refused_with_a_reason(tmp_path: Path) -> None:
    for bound, message in (
        ("L*B^2/R + B", "units"),
        ("L*B^2/(S*R)", "unknown letter; say what it is with --letters 'S=NAME'"),
        ("L*B^", "expected an exponent"),
    ):
        with pytest.raises(TightrateError, match=message):
            new_paper("doe2026", tmp_path, bound=bound)
    assert not list(tmp_path.iterdir())


def test_the_tutorial_typed_in_order_is_the_example_and_its_verdicts_are_as_told() -> None:
    root = Path(__file__).parents[1]
    page = (root / "docs" / "tutorials" / "add_a_paper.md").read_text(encoding="utf-8")
    typed = [block.rstrip() + "\n" for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL)]
    assert "\n\n".join(typed) == (root / "examples" / "damped_averaging.py").read_text(encoding="utf-8")
    names = claims_in(load_paper(root / "examples" / "damped_averaging.py"))
    findings = judge_all([CLAIMS[name] for name in names], Session())
    assert [one.verdict.status for one in findings] == ["consistent", "consistent"]
    assert "both are `consistent`, as expected" in page


def test_symbols_of_a_sweep_are_declared_in_its_file(tmp_path: Path) -> None:
    text = """
algorithm = "local-sgd"
problem = "rank-one-pair"
[axes]
R = [1, 2]
[parameters]
K = 2
eta = 0.5
cosine = 0.5
[symbols]
p = "probability"
kappa = "L/mu"
"""
    path = tmp_path / "s.toml"
    path.write_text(text)
    read_sweep(path)
    assert LETTERS["p"].at_most_one
    assert at(LETTERS["kappa"].symbol, L=1.0, mu=0.5) == 2.0
    for wrong, message in (
        ('p = "probabilty"', "unknown kind of symbol 'probabilty'; did you mean 'probability'"),
        ('L = "count"', "L is in the alphabet"),
        ("p = 3", "must be a kind such as count"),
    ):
        path.write_text(text.replace('p = "probability"', wrong))
        with pytest.raises(TightrateError, match=message):
            read_sweep(path)


def test_a_method_that_fails_in_its_own_file_is_one_line_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own_method.py"
    path.write_text(
        "import tightrate as tr\n\n\n@tr.ALGORITHMS.add('broken')\ndef broken(*, eta):\n"
        '    """Divides by zero."""\n    return eta / 0\n'
    )
    words = ["tightrate", "simulate", "broken", "random-quadratics", "eta=0.1", "K=2", "R=2", "--paper", str(path)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert re.fullmatch(r"tightrate: .*own_method\.py, line 7: .*\n", capsys.readouterr().err)
