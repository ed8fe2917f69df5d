"""Symbols and measures of one's own: read, evaluated, compared, in ranges and units, and refused where they clash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.parse import parse
from tightrate.rates.orders.domination import compare
from tightrate.rates.relations.bound_check import check_bound, compare_bounds, read_bound
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.own_symbols import read_symbol
from tightrate.rates.symbols.alphabet import LETTERS, K, L, check_value, mu
from tightrate.rates.symbols.units import LENGTH
from tightrate.simulator.measures import MEASURES
from tightrate.simulator.simulate import simulate
from tightrate.verify.own_papers import load_paper
from tightrate.verify.sweep.run import Sweep, run_sweep

Write = Callable[[str], Path]

PAPER = r"""
import numpy as np
import tightrate as tr

PAPER = tr.Paper("doe2026", title="A title", notation={"L": "H"})
THEOREM = tr.Statements(PAPER, algorithm="local-sgd", constants="hidden")

S = tr.symbol("S", meaning="clients that take part", counts=True, run="clients")
p = tr.symbol("p", meaning="probability of a communication", within="(0, 1]")
kappa = tr.symbol("kappa", latex=r"\kappa", meaning="condition number", within="[1, inf)", defined="L/mu")
G_1 = tr.symbol("G_1", latex="G_1", meaning="dissimilarity at infinity", unit="sigma", within="[0, inf)")

@tr.measure("half-distance", unit="B", latex=r"\tfrac12\|\hat x-x^\star\|", degree=1)
def half_distance(run, problem, output):
    "half the distance of the output from the optimum"
    return np.linalg.norm(output - problem.optimum, axis=-1) / 2

@tr.measure("spread", unit="B^2", of="state")
def spread(state, algorithm, problem):
    "mean squared distance of the workers from the optimum at the end"
    return ((algorithm.point(state) - problem.optimum) ** 2).sum(axis=-1).mean(axis=-1)

@THEOREM.upper("thm1", "A rate", provenance=tr.stated("Theorem 1"))
def thm1():
    "The gap with sampled clients is at most this."
    return tr.Stated(
        {"optimization": r"\kappa \frac{H B^2}{R} e^{-p R}", "noise": "G_1^2/(mu*S*K*R)"},
        conditions=("S <= M", "K == 1", "p >= 1/R", "the clients are drawn without replacement"),
        steps={"eta": "1/H"},
    )

@THEOREM.upper("thm2", "Half", measure=half_distance, constants="explicit", provenance=tr.stated("Theorem 2"))
def thm2():
    "The start is not left behind."
    return {"start": "B/2"}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(text: str, name: str = "doe.py") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return written


def test_a_bound_in_symbols_of_ones_own_is_evaluated_with_what_they_are_short_for(write: Write) -> None:
    load_paper(write(PAPER))
    found = theorem("doe2026/thm1")
    values = {"L": 2.0, "mu": 0.5, "B": 1.0, "R": 8, "p": 0.25, "S": 4, "K": 1, "M": 5, "G_1": 3.0}
    by_hand = (2.0 / 0.5) * 2.0 / 8 * np.exp(-0.25 * 8), 9.0 / (0.5 * 4 * 8)
    assert list(found.bound.terms_at(values).values()) == pytest.approx(by_hand, rel=1e-14)
    assert found.bound.at({**values, "kappa": values["L"] / values["mu"]}) == found.bound.at(values)
    with pytest.raises(TightrateError, match=r"kappa = 8\.0 is not L/mu = 4\.0; leave one of them out"):
        found.bound.at({**values, "kappa": 8.0})
    with pytest.raises(TightrateError, match="is not L/mu"):
        found.bound.at({**values, "kappa": np.array([4.0, 8.0])})
    rounds = np.array([8, 16])
    np.testing.assert_allclose(found.bound.at({**values, "R": rounds})[0], sum(by_hand), rtol=1e-14)
    assert [one.status(values) for one in found.conditions] == ["holds", "holds", "holds", "unknown"]
    assert found.conditions[1].status({"K": 2}) == "fails"
    assert found.conditions[0].status({"S": 6, "M": 5}) == "fails"
    assert str(found.bound.term("noise").expression) == "G_1**2/(K*R*S*mu)"


def test_units_and_ranges_of_symbols_count(write: Write) -> None:
    load_paper(write(PAPER))
    for name, value, wrong in (("S", 3, 2.5), ("p", 1.0, 0.0), ("kappa", 1.0, 0.5), ("G_1", 0.0, -1.0)):
        assert check_value(name, value) == value
        with pytest.raises(TightrateError, match=f"^{name} must"):
            check_value(name, wrong)
    with pytest.raises(TightrateError, match=r"p must lie in \(0,1\], not 0"):
        check_value("p", 0)
    with pytest.raises(TightrateError, match=r"doe\.py, line 23: term 'noise' has the unit value\^2"):
        load_paper(write(PAPER.replace("G_1^2/(mu*S*K*R)", "G_1^2/(S*K*R)").replace("doe2026", "roe2026")))


def test_comparison_writes_out_what_is_short_for_a_formula(write: Write) -> None:
    load_paper(write(PAPER))
    kappa, S, p = (LETTERS[name].symbol for name in ("kappa", "S", "p"))
    assert compare(kappa * mu, L).relation == "A~B"
    assert compare(kappa * mu / S, L).relation == "A<=B"  # S counts
    assert compare(p * L, L).relation == "A<=B"
    assert compare(L * kappa, L).relation == "A>=B"  # mu <= L
    assert compare(kappa, K).relation == "incomparable"
    assert compare_bounds(read_bound("kappa*B^2*L/R"), read_bound("L^2*B^2/(mu*R)")).relation == "A~B"
    assert parse(r"\frac{\kappa}{S}").terms == (kappa / S,)
    checked = check_bound([p * L * LETTERS["B"].symbol ** 2], measure="gap")
    assert checked.units_consistent


def test_without_the_paper_nothing_of_it_is_known(write: Write) -> None:
    with pytest.raises(TightrateError, match="unknown letter"):
        parse("L*B^2/(S*R)")
    load_paper(write(PAPER))
    assert "S" in LETTERS
    assert str(parse("L*B^2/(S*R)").terms[0]) == "B**2*L/(R*S)"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('tr.symbol("S",', 'tr.symbol("L",', r"line 8: L is in the alphabet"),
        ('latex="G_1"', 'latex="L"', r"symbol G_1: L means L in the alphabet"),
        ('within="(0, 1]"', 'within="(0,1]"', r"did you mean '\(0, 1\]'"),
        ('unit="sigma"', 'unit="sgima"', r"symbol G_1: .*unknown letter"),
        ('defined="L/mu"', 'defined="L/"', r"symbol kappa: .*line|symbol kappa: column 3"),
        ('tr.symbol("S"', 'tr.symbol("S S"', r"a symbol's name is letters, digits and _"),
        ('run="clients"', 'run="client"', r"parameter of runs for the symbol S 'client'; did you mean 'clients'"),
        ("counts=True, ", "", r"symbol S is a run's clients, so it counts: add counts=True"),
        ('"S <= M"', '"eta <= 1"', r"condition 'eta <= 1' compares what has the unit .* with pure number"),
        ('"eta": "1/H"', '"eta": "1/H^2"', r"step 'eta' has the unit .*, but eta has value\^-1 length\^2"),
        ('"S <= M",', "3,", r"a condition is a text such as 'eta\*L <= 1', a relation or words, not 3"),
        ('"thm1"', '"thm 1"', r"a statement's label is letters, digits .*, not 'thm 1'"),
        ('"A rate"', '""', r"thm1 needs a title"),
        ('"doe2026"', '"doe/2026"', r"a paper's id is letters, digits .*, not 'doe/2026'"),
        ("counts=True", "count=True", r"line 8: TypeError: .*unexpected keyword argument 'count'"),
        ('tr.measure("half-distance"', 'tr.measure("gap"', r"there is a measure gap already"),
        ('unit="B", latex', 'unit="B+L", latex', r"line 13: .*a sum of different units"),
        ('of="state"', 'of="sate"', r"unknown argument of measure spread 'sate'; did you mean 'state'"),
    ],
)
def test_a_wrong_declaration_is_one_line(write: Write, old: str, new: str, message: str) -> None:
    assert old in PAPER
    with pytest.raises(TightrateError, match=message) as caught:
        load_paper(write(PAPER.replace(old, new)))
    assert "\n" not in str(caught.value)
    assert "doe.py, line" in str(caught.value)


def test_two_papers_may_share_a_symbol_and_not_its_name(write: Write) -> None:
    load_paper(write(PAPER))
    other = 'import tightrate as tr\nS = tr.symbol("S", meaning={!r}, counts=True, run="clients")\n'
    load_paper(write(other.format("clients that take part"), "same.py"))
    with pytest.raises(TightrateError, match="there is a letter S already; give yours another name"):
        load_paper(write(other.format("something else"), "other.py"))
    assert LETTERS["S"].meaning == "clients that take part"


def test_measures_of_ones_own_are_measured(write: Write) -> None:
    load_paper(write(PAPER))
    assert MEASURES["half-distance"].unit == LENGTH
    assert theorem("doe2026/thm2").bound.measure.name == "half-distance"
    values = {"cosine": 0.5, "eta": 0.5, "K": 2, "R": 3}
    measures = ("distance", "half-distance", "squared-distance", "spread")
    found = simulate("local-sgd", "rank-one-pair", values, method="sample", measures=measures).measures
    assert found["half-distance"].mean == pytest.approx(found["distance"].mean / 2, rel=1e-14)
    assert found["spread"].mean == pytest.approx(found["squared-distance"].mean, rel=1e-14)  # synchronized
    automatic = simulate("local-sgd", "rank-one-pair", values, measures=["spread"])
    assert automatic.method == "sample"


def test_a_symbol_for_the_clients_of_a_round_is_that_of_the_run(write: Write) -> None:
    """Given on either side, both have it; a bound is never compared at another number than ran."""
    load_paper(write(PAPER))
    values = {"M": 4, "d": 2, "mu": 0.2, "eta": 0.5, "K": 1, "R": 8, "p": 1, "G_1": 1, "tau": 0.5, "zeta_star": 1}
    rule, problem = "local-sgd", "random-quadratics"
    bounds, gaps = {}, {}
    for given in ({"clients": 2}, {"S": 2}, {"S": 4}, {}):
        found = simulate(rule, problem, {**values, **given}, theorem="doe2026/thm1")
        bounds[str(given)], gaps[str(given)] = found.bound, found.measures["gap"].mean
    assert bounds["{'clients': 2}"] == bounds["{'S': 2}"]
    assert gaps["{'clients': 2}"] == gaps["{'S': 2}"]
    assert bounds["{}"] == bounds["{'S': 4}"]
    assert gaps["{}"] == gaps["{'S': 4}"] != gaps["{'S': 2}"]
    with pytest.raises(TightrateError, match="S is clients, so S = 2 and clients = 3 clash"):
        simulate(rule, problem, {**values, "S": 2, "clients": 3}, theorem="doe2026/thm1")
    swept = run_sweep(Sweep("s", rule, problem, {"S": (2, 4)}, values, theorem="doe2026/thm1", method="exact"))
    assert swept.gap_mean.values.tolist() == [gaps["{'S': 2}"], gaps["{'S': 4}"]]
    assert swept.bound.values.tolist() == [bounds["{'S': 2}"], bounds["{}"]]


def test_symbols_of_a_table() -> None:
    assert read_symbol("S", "count").counts
    assert read_symbol("p", "probability").is_at_most_one
    assert read_symbol("kappa", "L/mu").defined == L / mu
    assert read_symbol("G_1", {"kind": "gradient", "within": "[0, inf)"}).may_vanish
    with pytest.raises(TightrateError, match="unknown kind of symbol 'cuont'; did you mean 'count'"):
        read_symbol("S", "cuont")
    with pytest.raises(TightrateError, match="unknown key of symbol S 'menaing'; did you mean 'meaning'"):
        read_symbol("S", {"kind": "count", "menaing": "x"})
