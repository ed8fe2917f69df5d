"""The claims of patel2024: what is particular about their instances, their witnesses and their errata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr
from sympy import Rational

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.constructions.zeta_quadratic_pair import zeta_quadratic_pair
from tightrate.rates.papers.patel2024.local_steps_do_not_help import hard_cosine, hard_cosine_any_workers
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import R
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.assertions.assertion import Assertion, Controlled
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.order import Order, at_most
from tightrate.verify.assertions.power_law import PowerLaw
from tightrate.verify.assertions.trend import Scaling
from tightrate.verify.claim import Claim, judge
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.patel2024 import chain, fixed_point, kink, krm_sweep, theorem_27
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict


def claim_of(name: str) -> Claim:
    return CLAIMS[f"patel2024/{name}"]


def dataset(name: str, session: Session) -> xr.Dataset:
    return session.data(claim_of(name).data[0]).copy()


def asserted(name: str, session: Session) -> Assertion:
    return claim_of(name).assertion(*(session.data(one) for one in claim_of(name).data))


def witness_of(name: str, session: Session) -> Mapping[str, object]:
    witness = judge(claim_of(name), session).verdict.witness
    assert witness is not None
    return witness


# --- Errata could have been true -------------------------------------------------------------------------------------


def with_bound(of: str) -> Callable[[Assertion], Assertion]:
    """The same measurement against another statement."""

    def corrected(found: Assertion) -> Assertion:
        if isinstance(found, Controlled):
            found = found.asserted
        assert isinstance(found, Bounded | Scaling)
        return replace(found, theorem=theorem(of), expression=None)

    return corrected


def halved(found: Assertion) -> Assertion:
    assert isinstance(found, Equal)
    assert isinstance(found.exact, xr.DataArray)
    return replace(found, exact=found.exact / 2)


CORRECTED: Mapping[str, Callable[[Assertion], Assertion]] = {
    "eq20-as-printed": halved,
    "lemma8-main-text-as-printed": with_bound("patel2024/lemma8"),
    "prop13-as-printed": with_bound("patel2024/prop13-worst"),
    "prop25-quadratics-as-printed": with_bound("patel2024/prop25-quadratics"),
    "thm22-transient-as-printed": with_bound("patel2024/thm22-explicit"),
    "thm27-exponent-with-constant-one": with_bound("patel2024/thm27-step"),
    "thm22-exponent-with-constant-one": with_bound("patel2024/thm22-explicit"),
}


@pytest.mark.parametrize("name", CORRECTED)
def test_with_the_corrected_formula_an_erratum_would_be_accepted(name: str, session: Session) -> None:
    assert CORRECTED[name](asserted(name, session)).check().status in ("consistent", "confirmed")


OTHERWISE: Mapping[str, Callable[[xr.Dataset], xr.Dataset]] = {
    "consensus-square-without-fourth-moment": lambda d: d.sel(p=d.p[d.p >= 0.01]),
    "sufficient-outer-step-range-is-needed": lambda d: d.assign(growth=1.1 * d.growth),
    "two-quadratics-floor-any-steps": lambda d: d.assign(free_gap=d.best_gap),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_with_other_numbers_what_is_refuted_would_be_accepted(name: str, session: Session) -> None:
    assert claim_of(name).judge(OTHERWISE[name](dataset(name, session))).status in ("consistent", "confirmed")


@pytest.mark.parametrize(
    "name", [one for one in CLAIMS.match("patel2024/*") if CLAIMS[one].expected == "violated" and not CLAIMS[one].data]
)
def test_the_opposite_of_a_refuted_order_is_confirmed(name: str) -> None:
    refuted = CLAIMS[name].assertion()
    assert isinstance(refuted, Order)
    assert Order([one.opposite for one in refuted.comparisons]).check().status == "confirmed"


def test_only_statements_of_the_paper_are_errata() -> None:
    """What the paper assumes, and a floor that one instance of our own misses, are no misprints."""
    for name in ("sufficient-outer-step-range-is-needed", "two-quadratics-floor-any-steps"):
        assert claim_of(name).kind == "counterexample"
    assert claim_of("thm9-if-both-steps-are-free").kind == "conditional"  # the print has one "step size"


# --- Witnesses can be run again --------------------------------------------------------------------------------------

PARAMETERS: dict[str, set[str]] = {
    "prop13-as-printed": {"instance", "M", "d", "zeta_star", "tau", "D", "B"},
    "prop25-quadratics-as-printed": {"instance", "M", "d", "unit", "L", "mu", "K", "eta"},
    "thm22-transient-as-printed": {"instance", "M", "d", "R", "K", "eta", "gamma", "mu", "B", "zeta_opt"},
    "eq20-as-printed": {"point", "x", "L", "B", "R", "d"},
    "lemma8-main-text-as-printed": {"kappa", "R", "L", "mu", "B", "eta"},
    "consensus-square-without-fourth-moment": {"p", "M", "sigma", "eta", "K"},
    "thm27-exponent-with-constant-one": {"R", "L", "mu", "B", "K", "eta"},
    "thm22-exponent-with-constant-one": {"R", "L", "mu", "B", "K", "eta"},
    "two-quadratics-floor-any-steps": {"cell", "zeta_star", "tau", "mu", "K", "R", "eta", "gamma"},
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_witness_names_its_run_its_place_and_its_parameters(name: str, session: Session) -> None:
    witness = witness_of(name, session)
    assert PARAMETERS[name] <= set(witness)
    origin = {"experiment": claim_of(name).data[0].name, "profile": "quick", "seed": session.seed}
    assert origin.items() <= witness.items()


@dataclass(frozen=True)
class Fixed:
    """An assertion with a verdict that is known beforehand."""

    verdict: Verdict
    measurements: tuple[Measurement, ...] = ()

    def check(self) -> Verdict:
        return self.verdict

    def mutants(self) -> Mapping[str, Assertion]:
        return {}


def test_a_parameter_named_like_the_origin_of_a_witness_is_kept(session: Session) -> None:
    claim = claim_of("gaussian-noise-leaves-every-ball")

    def other(data: xr.Dataset) -> Fixed:
        assert data.D.dims == ("D",)
        return Fixed(Verdict("violated", "", "", "", witness={"seed": 7.0, "profile": "quick", "D": 1.0}))

    witness = judge(replace(claim, asserted=other), session).verdict.witness
    origin = {"experiment": claim.data[0].name, "profile": "quick", "seed": session.seed}
    assert witness == {"D": 1.0, "seed of the instance": 7.0, **origin}


def test_every_dimension_has_a_place(session: Session) -> None:
    passed = Verdict("consistent", "", "", "")

    def other(data: xr.Dataset) -> Fixed:
        np.testing.assert_array_equal(data.instance, np.arange(data.sizes["instance"]))
        return Fixed(passed)

    assert judge(replace(claim_of("prop25"), asserted=other), session).verdict == passed


def test_a_witness_is_found_again_at_its_place_in_a_run_of_its_own(session: Session) -> None:
    claim = claim_of("prop13-as-printed")
    witness = judge(claim, session).verdict.witness
    assert witness is not None
    again = Session(witness["profile"], witness["seed"])
    assert judge(claim, again).verdict.witness == witness
    place = again.data(claim.data[0]).isel(instance=int(witness["instance"]))
    assert float(place.worst) == witness["measured"]
    symbols = {name: witness[name] for name in claim.theorem.bound.letters}
    assert claim.theorem.bound.at(symbols) == pytest.approx(witness["bound"], rel=1e-15)


@pytest.mark.parametrize("name", ["prop13-as-printed", "prop25-quadratics-as-printed"])
def test_the_workers_of_a_witness_are_those_it_is_about(name: str, session: Session) -> None:
    witness = judge(claim_of(name), session).verdict.witness
    assert witness is not None
    problem = QuadraticWorkers(np.array(witness["hessians"]), np.array(witness["minimizers"]))
    assert problem.minimizers.shape == (witness["M"], witness["d"])
    assert float(problem.constants["zeta_star"]) == pytest.approx(witness["zeta_star"], rel=1e-12)
    if "movement" in dataset(name, session):
        K, eta = witness["K"], witness["eta"]
        moved = round_map(problem, K=K, eta=eta, start=problem.optimum).after(1) - problem.optimum
        assert np.linalg.norm(moved) / (K * eta) == pytest.approx(witness["measured"], rel=1e-9)


def test_the_witness_against_display_20_holds_its_point(session: Session) -> None:
    witness = judge(claim_of("eq20-as-printed"), session).verdict.witness
    assert witness is not None
    problem = chain.as_in_the_proof(int(witness["R"]), int(witness["d"]))
    assert float(problem.gap(np.array(witness["x"]))) == pytest.approx(witness["measured"], rel=1e-12)
    assert witness["measured"] == pytest.approx(witness["exact"] / 2, rel=1e-9)


def test_a_witness_of_the_free_outer_step_is_below_the_floor(session: Session) -> None:
    """One run from the witness alone, by the engine of exact moments."""
    witness = judge(claim_of("two-quadratics-floor-any-steps"), session).verdict.witness
    assert witness is not None
    pair = zeta_quadratic_pair(zeta=witness["zeta_star"], tau=witness["tau"], L=1.0, mu=witness["mu"], B=1.0)
    rule = local_sgd(eta=np.array(witness["eta"]), gamma=witness["gamma"])
    gap = exact_moments(rule, pair, K=witness["K"], R=witness["R"]).last.gap.item()
    assert gap == pytest.approx(witness["measured"], rel=1e-9)
    assert gap < witness["bound"]


# --- The instances are what their claims need ------------------------------------------------------------------------


def test_the_ends_of_the_fixed_point_are_two_points(session: Session) -> None:
    data = dataset("fixed-point-ends", session)
    assert float(data.apart.min()) > 1e-6
    for moved in (data.assign(one_step=data.one_step + data.apart), data.assign(many_steps=data.many_steps + 1e-9)):
        assert fixed_point.fixed_point_ends.judge(moved).status == "violated"


def test_the_final_distance_is_held_to_rounding_and_away_from_the_optimum(session: Session) -> None:
    data = dataset("not-the-optimum", session)
    assert fixed_point.not_the_optimum.judge(data).status == "confirmed"
    for wrong in (
        data.assign(discrepancy=data.discrepancy * (1 + 1e-9)),
        data.assign(to_optimum=1.01 * data.to_optimum),
        data.assign(to_fixed_point=data.to_fixed_point + 1e-8 * data["size"]),
        data.assign(to_optimum=0 * data.to_optimum, discrepancy=0 * data.discrepancy),
    ):
        assert fixed_point.not_the_optimum.judge(wrong).status == "violated"


def test_the_one_step_inequality_needs_its_drift_terms(session: Session) -> None:
    data = dataset("thm27-one-step", session)
    verdict = theorem_27.thm27_one_step.judge(data.assign(consensus=0 * data.consensus))
    assert verdict.status == "violated"
    assert verdict.witness is not None
    assert verdict.witness["tau"] + verdict.witness["Q"] > 0


def test_an_order_that_varies_is_not_an_order(session: Session) -> None:
    data = dataset("noise-floor-order", session)
    faster = data["K"] ** 0.5
    assert kink.noise_floor_order.judge(data.assign(drift=data.drift / faster, error=data.error / faster)).status == (
        "violated"
    )
    assert kink.noise_floor_order.judge(data.assign(error=data.drift * 0.15)).status == "inconclusive"


# --- The sweep over K, R and M ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", krm_sweep.AXES)
@pytest.mark.parametrize("excess", [1 / 6, 1 / 3, 1 / 2])
def test_a_decay_slower_than_the_bound_is_rejected(name: str, excess: float, session: Session) -> None:
    data = dataset("krm-exponents", session)

    def times(factor: xr.DataArray) -> xr.Dataset:
        return data.assign({each: data[each] * factor for each in ("gap_mean", "gap_stderr")})

    assert krm_sweep.krm_exponents.judge(times(data[name] ** excess)).status == "violated"
    # Faster than predicted is no contradiction.
    assert krm_sweep.krm_exponents.judge(times(data[name] ** -excess)).status == "consistent"


def test_without_its_logarithm_the_fit_would_reject_the_theorem(session: Session) -> None:
    found = asserted("krm-exponents", session)
    assert isinstance(found, PowerLaw)
    assert replace(found, offset=0.0).check().status == "violated"


# --- Tables and angles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [Rational(1, 6), Rational(-1, 6)])
def test_a_wrong_rate_in_the_table_is_found(power: Rational) -> None:
    upper = theorem("koloskova2020/convex").bound
    worse = replace(upper, terms=tuple(replace(t, expression=t.expression * R**power) for t in upper.terms))
    both = theorem("patel2024/prop7").bound.expression + theorem("glasgow2022/lower").bound.expression
    wrong = at_most(worse, both) if power > 0 else at_most("dekel2012/convex", worse)
    assert Order([wrong]).check().status == "violated"


@pytest.mark.parametrize("workers", [2, 4, 10])
def test_for_even_workers_it_is_the_angle_of_the_pair(workers: int) -> None:
    for rounds in (1, 5, 100):
        values = {"M": float(workers), "R": float(rounds)}
        assert at(hard_cosine_any_workers(), values) == pytest.approx(at(hard_cosine(), values), rel=1e-14)
