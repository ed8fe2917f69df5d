"""Power: mutants are rejected, true statements are not, and a judge without power is noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy
from kept_results import kept_session

from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.matching import Matching
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.exponents.run import exponents
from tightrate.verify.mutation.algorithms import by_identity, gradients, implementations, run
from tightrate.verify.mutation.closed_forms import FORMS, by_closed_form
from tightrate.verify.mutation.exponents import (
    by_path,
    exponent_experiments,
    in_place_of_the_term,
    mutants_of_term,
)
from tightrate.verify.mutation.fitted_exponents import by_exponent, noisy_gaps, plain_slope
from tightrate.verify.mutation.mutants import JudgedMutant, check, mutants
from tightrate.verify.mutation.orders import by_order, matched_bounds, one_of_each_paper, outgrows
from tightrate.verify.mutation.suite import REQUIRED, PowerReport, power_as_json, power_report
from tightrate.verify.mutation.values import by_value, one_of_each_kind, value_searches
from tightrate.verify.verdict import Verdict


@pytest.fixture(scope="module")
def report() -> PowerReport:
    return power_report("quick", kept_session())


def test_the_quick_suite_passes(report: PowerReport) -> None:
    assert report.passed
    assert report.total.kill_rate >= REQUIRED
    assert report.false_alarms == ()
    assert report.total.contradicted >= 200
    total = report.total
    assert total.least_kill_rate == total.rejected / (total.contradicted + total.undecidable) < total.kill_rate
    assert report.true_statements >= 20


def test_every_way_of_judging_contradicts_something_and_misses_too_little_to_matter(report: PowerReport) -> None:
    ways = {way.name: way for way in report.judged_by}
    assert set(ways) == {"a run by hand", "exponents", "runs", "a shipped dataset", "exact values", "order"}
    assert all(way.contradicted and way.kill_rate >= REQUIRED for way in ways.values())


def test_every_family_is_there_and_contradicted(report: PowerReport) -> None:
    contradicted = {family.name for family in report.families if family.contradicted}
    assert contradicted >= {
        "exponent off", "K and R swapped", "M dropped", "term dropped", "upper bound too small",
        "lower bound too large", "u not synchronized", "moment reset", "clip after momentum",
        "lambda outside the root", "bias correction", "server step twice", "wrong count",
    }  # fmt: skip


def test_weaker_and_equivalent_mutants_are_there_and_are_not_called_violated(report: PowerReport) -> None:
    apart = [one for one in report.mutants if one.truth != "contradicted"]
    assert {one.truth for one in apart} == {"weaker", "equivalent", "undecidable"}
    assert not any(one.rejected for one in apart)


def test_the_report_is_the_same_every_time(report: PowerReport) -> None:
    assert tuple(by_identity()) == tuple(one for one in report.judged if one.by == "a run by hand")
    first = one_of_each_paper(matched_bounds())[0]
    assert tuple(by_order([first])) == tuple(
        one for one in report.judged if "order" in one.by and _is_of_pair(one, first)
    )


def _is_of_pair(one: JudgedMutant, pair: Matching) -> bool:
    return pair.lower in one.by or one.source == f"{pair.lower} <~ {pair.upper}"


def test_json_counts_add_up(report: PowerReport) -> None:
    document = power_as_json(report)
    parts = ("contradicted", "weaker_but_true", "equivalent", "undecidable")
    for split in ("families", "judged_by"):
        judged = sum(one[part] for one in document[split] for part in parts)
        assert judged + document["true_statements"] == len(report.judged)


# --- Judges without power are noticed --------------------------------------------------------------------------------


def always(status: Any) -> Any:
    return lambda _: Verdict(status, "", "", "")


def rated(judged: Iterable[JudgedMutant]) -> PowerReport:
    return PowerReport(tuple(judged), 0.0)


SUITES: dict[str, Callable[[Any], Iterable[JudgedMutant]]] = {
    "identity": by_identity,
    "exponent": by_exponent,
    "value": lambda judge: by_value(value_searches("dekel2012/explicit"), judge),
    "closed form": by_closed_form,
    "path": lambda judge: by_path(kept_session(), ONE_PATH, judge),
}
EXPERIMENTS = exponent_experiments()
ONE_PATH = [EXPERIMENTS["dekel2012/exponent-statistical"]]


@pytest.mark.parametrize("suite", SUITES)
def test_a_judge_that_never_rejects_has_no_power(suite: str) -> None:
    blind = rated(SUITES[suite](always("consistent")))
    assert blind.total.contradicted > 0
    assert blind.total.kill_rate == 0
    assert not blind.passed


@pytest.mark.parametrize("suite", SUITES)
def test_a_judge_that_always_rejects_raises_false_alarms(suite: str) -> None:
    grim = rated(SUITES[suite](always("violated")))
    assert grim.total.kill_rate == 1
    assert grim.false_alarms
    assert not grim.passed


def test_a_judge_with_a_generous_factor_is_noticed() -> None:
    def generous(assertion: Assertion) -> Verdict:
        assert isinstance(assertion, Bounded)
        inequality = assertion.inequality
        return replace(inequality, bound=12 * inequality.bound).check()

    searches = value_searches("dekel2012/explicit", "chezhegov2024/id-sc")
    assert rated(by_value(searches, generous)).total.kill_rate < REQUIRED
    assert rated(by_value(searches, check)).passed


# --- The mutants -----------------------------------------------------------------------------------------------------


def local_rate() -> Bound:
    terms = (Term("optimization", L * B**2 / (K * R)), Term("statistical", sigma * B / sympy.sqrt(M * K * R)))
    return Bound(terms, MEASURES["gap"], "upper", "explicit")


def test_mutants_are_what_they_say() -> None:
    found = {mutant.change: mutant.bound.expression for mutant in mutants(local_rate())}
    whole = local_rate().expression
    assert found["M = 1"] == L * B**2 / (K * R) + sigma * B / sympy.sqrt(K * R)
    assert found["without optimization"] == sigma * B / sympy.sqrt(M * K * R)
    assert found["times 1/10"].equals(whole / 10)
    assert (
        sympy.simplify(
            found["statistical: M^(1/6) less"]
            - (whole + sigma * B / sympy.sqrt(M * K * R) * (M ** sympy.Rational(-1, 6) - 1))
        )
        == 0
    )
    assert "K <-> R" not in found  # symmetric in both: not a mutant
    assert whole not in found.values()
    assert len(found) == 2 * 6 + 3 * 6 + 1 + 2 + 3


def test_a_lower_bound_gets_larger() -> None:
    whole = Bound((Term("optimization", L * B**2 / R),), MEASURES["gap"], "lower", "explicit")
    found = {mutant.change: mutant.bound.expression for mutant in mutants(whole)}
    assert found["times 10"] == 10 * L * B**2 / R
    assert found["K <-> R"] == L * B**2 / K


def test_rays_tell_growth_from_constants() -> None:
    generator = np.random.default_rng(0)
    drift, statistical = (L * sigma**2 * B**4 / (K * R**2)) ** sympy.Rational(1, 3), sigma * B / sympy.sqrt(M * K * R)
    assert outgrows(drift, statistical, (), generator)
    assert not outgrows(drift, statistical, (sympy.Ge(R * sigma**2, K * M**3 * (L * B) ** 2),), generator)
    assert not outgrows(100 * statistical, statistical, (), generator)


def test_a_bound_without_counts_gets_wrong_exponents_in_every_letter() -> None:
    bound = Bound((Term("distance", L * B**2),), MEASURES["gap"], "upper", "explicit")
    changes = {mutant.change for mutant in mutants(bound)}
    assert {"distance: B^(1/6) more", "distance: L^(1/2) less"} <= changes
    assert not any("L^" in mutant.change for mutant in mutants(local_rate()))


def test_an_exact_value_is_made_too_large() -> None:
    bound = Bound((Term("distance", B / R),), MEASURES["distance"], "exact", "explicit")
    assert {m.family for m in mutants(bound)} == {"exponent off", "K and R swapped", "exact value too large"}


# --- The parts -------------------------------------------------------------------------------------------------------


def test_shipped_algorithms_agree_with_runs_by_hand() -> None:
    gradient = gradients()
    for one in implementations():
        error = np.abs(run(one.algorithm(), gradient) - one.by_hand(gradient)).max()
        right = one.family == "true statement" or one.equivalent
        assert (error < 1e-12) == right, (one.source, one.change, error)


def test_noisy_gaps_follow_the_statistical_term() -> None:
    gaps = noisy_gaps()
    exponents = theorem("patel2024/thm27").bound.term("statistical").monomial.exponents
    for name in ("K", "R", "M"):
        assert plain_slope(gaps.measured, name) == pytest.approx(float(exponents[name]), abs=0.06)


def test_shipped_claims_reject_what_their_own_data_contradict(report: PowerReport) -> None:
    again = [one for one in report.judged if one.by == "a shipped dataset"]
    assert sum(one.truth == "true" for one in again) >= 4
    contradicted = [one for one in again if one.truth == "contradicted"]
    assert len(contradicted) >= 10
    assert all(one.rejected for one in contradicted)


def test_the_quick_suite_has_every_kind_of_instance_once() -> None:
    everything = value_searches()
    kinds = [search.where for search in one_of_each_kind(everything)]
    assert len(kinds) == len(set(kinds))
    assert set(kinds) == {search.where for search in everything}


def test_a_hunt_decides_more_and_rejects_nothing_that_is_true() -> None:
    searches = value_searches("patel2024/discrepancy-triangle")
    without, with_hunt = (rated(by_value(searches, points=128, hunt=hunt)) for hunt in (0, 256))
    assert with_hunt.total.contradicted > without.total.contradicted
    assert with_hunt.total.kill_rate == 1
    assert not with_hunt.false_alarms


def test_a_statement_known_to_be_wrong_is_no_true_statement() -> None:
    searched = {search.name for search in value_searches("patel2024/prop13*")}
    assert searched == {"patel2024/prop13-mean", "patel2024/prop13-worst"}


def test_all_searches_of_a_theorem_judge_a_mutant_once() -> None:
    found = list(by_value(value_searches("chezhegov2024/lemma1@*"), points=64))
    assert len({(one.source, one.change) for one in found}) == len(found)


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms_are_those_of_the_runs(name: str) -> None:
    runs = FORMS[name]()
    exact = theorem(name).bound.at(runs.symbols)
    assert runs.measured.values == pytest.approx(exact.values, rel=1e-9, abs=1e-12 * float(runs.measured.max()))


def test_wrong_exponents_are_rejected_along_paths() -> None:
    found = rated(by_path(kept_session(), [*ONE_PATH, EXPERIMENTS["glasgow2022/exponent-lower-optimization"]]))
    assert found.total.kill_rate == 1
    assert not found.false_alarms
    assert found.total.contradicted >= 15
    assert found.total.weaker >= 10


def test_the_mutant_of_a_path_takes_the_place_of_its_term() -> None:
    experiment = EXPERIMENTS["khaled2020/exponent-slides-heterogeneity"]
    asserted = exponents(experiment.test, kept_session().data(experiment))
    bound, term = asserted.theorem.bound, asserted.term
    (dropped,) = (mutant.bound for mutant in mutants_of_term(bound, term) if mutant.family == "term dropped")
    rest = in_place_of_the_term(asserted, dropped)
    same = in_place_of_the_term(asserted, Bound((bound.term(term),), bound.measure, bound.kind, "hidden"))
    for path in asserted.paths.values():
        others = path.at(bound.expression) - path.at(asserted.term_expression)
        assert path.at(rest.term_expression) == pytest.approx(others, rel=1e-9)
        assert path.at(same.theorem.bound.expression) == pytest.approx(path.at(bound.expression), rel=1e-12)
