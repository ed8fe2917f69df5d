"""Claims on local SGD with scaling: they hold, and wrong twins of every family of them are rejected."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
import xarray as xr
from sympy import Expr

from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.rates.orders.domination import dominated
from tightrate.rates.papers.chezhegov2024 import Rule
from tightrate.rates.symbols.alphabet import d_max, d_min
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.claim import Claim, judge
from tightrate.verify.papers.chezhegov2024 import algebra_runs as algebra
from tightrate.verify.papers.chezhegov2024 import changing_runs as changing
from tightrate.verify.papers.chezhegov2024 import changing_runs as chezhegov2024_changing
from tightrate.verify.papers.chezhegov2024 import drift_runs as drift
from tightrate.verify.papers.chezhegov2024 import frozen_runs as chezhegov2024_frozen
from tightrate.verify.papers.chezhegov2024 import frozen_runs as frozen
from tightrate.verify.papers.chezhegov2024 import main as claims
from tightrate.verify.papers.chezhegov2024 import variants_runs as variants
from tightrate.verify.papers.patel2024.fixed_point_runs import random_machines
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session

NAMES = [name for name in CLAIMS.names() if CLAIMS[name].judge.__module__ == claims.__name__]


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


def data_of(claim: Claim, session: Session) -> xr.Dataset:
    return session.data(claim.data[0]).copy(deep=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_has_its_expected_verdict(name: str, session: Session) -> None:
    finding = judge(CLAIMS[name], session)
    assert finding.as_expected, finding.verdict.sentence
    assert finding.verdict.evidence
    assert (finding.verdict.witness is not None) == (finding.verdict.status == "violated")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_but_a_proof_or_an_identity_is_confirmed(name: str) -> None:
    claim = CLAIMS[name]
    if claim.kind == "bound with constants":
        assert claim.expected == "consistent"


# What is multiplied to make a wrong twin of each bound or closed form: a constant that is too small, a wrong value.
WRONG = {
    "lemma1-entries": {"bound: lemma1": 0.9},
    "lemma1-change-rule2": {"bound: change": 0.9},
    "lemma1-change-rule3": {"bound: change": 0.9},
    "lemma1-growth-rule2": {"bound: growth": 0.9},
    "lemma1-growth-rule3": {"bound: growth": 0.45},
    "sharp-growth-rule2": {"bound: sharp-growth": 0.99},
    "sharp-growth-rule3": {"bound: sharp-growth": 0.99},
    "adam-is-bias-corrected": {"corrected": 1 + 1e-8},
    "hutchinson": {"bound": 0.99},
    "gradients-as-entries": {"entry": 1.01},
    "id-sc": {"bound": 0.9},
    "id-sc-euclidean": {"bound": 0.8},
    "id-quadratic": {"bound": 0.9},
    "id-c": {"bound": 0.1},
    "id-c-tuned": {"bound": 0.1},
    "het-c": {"bound": 0.05},
    "het-c-own": {"bound": 0.15},
    "factor-attained": {"contraction": 1 + 1e-7},
    "contraction": {"contraction: id-quadratic": 0.99},
    "floor-without-factor": {"floor: id-quadratic": 0.85},
    "along-the-curvatures": {"condition": 1.001},
    "changing-rule2": {"bound": 0.5},
    "changing-rule3": {"bound": 0.5},
    "changing-block-rule2": {"bound": 0.5},
    "changing-block-rule3": {"bound": 0.5},
    "changing-c-rule2": {"bound": 0.04},
    "changing-c-rule3": {"bound": 0.04},
    "changing-het-c-rule2": {"bound": 0.08},
    "changing-het-c-rule3": {"bound": 0.08},
    "fixed-point": {"bound: fixed-point": 0.5},
    "fixed-point-small-step": {"bound: fixed-point-small-step": 0.5},
    "fixed-point-true-constants": {"bound: true": 0.6},
    "drift-remains": {"remaining": 1.001},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_constant_is_violated_with_a_witness_of_numbers(name: str, session: Session) -> None:
    claim = CLAIMS[f"chezhegov2024/{name}"]
    data = data_of(claim, session)
    for variable, factor in WRONG[name].items():
        data[variable] = data[variable] * factor
    verdict = claim.judge(data)
    assert verdict.status == "violated"
    assert verdict.witness
    assert all(isinstance(value, float) for value in verdict.witness.values())


def test_every_numerical_claim_has_a_wrong_twin() -> None:
    exact = {"frozen-is-local-sgd", "fixed-point-formula"}  # twins below
    numerical = {name.split("/")[1] for name in NAMES if CLAIMS[name].data[0].name != "scaling-algebra"}
    assert numerical == set(WRONG) | exact


# --- The change of variables -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("power", [0.0, 0.25, 1.0])
def test_other_powers_of_the_matrix_are_no_change_of_variables(power: float, session: Session) -> None:
    claim = CLAIMS["chezhegov2024/frozen-is-local-sgd"]
    data = data_of(claim, session)
    error, _ = frozen.quadratic_error(stream(1, test="twin"), 20, power)
    twin = data.isel(instance=slice(20)).assign(error=("instance", error))
    assert claim.judge(twin).status == "violated"
    assert frozen.logistic_error(stream(2, test="twin"), 0, power)[0] > 1e-3
    assert frozen.logistic_error(stream(2, test="twin"), 0)[0] < 1e-13


def test_the_matrices_of_the_trajectories_are_not_multiples_of_the_identity(session: Session) -> None:
    data = session.result(chezhegov2024_frozen.frozen_scaling_trajectories)[0]
    assert float(data.spread.median()) > 1.5
    assert set(data.kind.values) == {"quadratic", "logistic"}


def test_a_fixed_point_without_the_matrix_is_another_one(session: Session) -> None:
    claim = CLAIMS["chezhegov2024/fixed-point-formula"]
    data = data_of(claim, session)
    assert claim.judge(data.assign(reached=data.reached + 1e-6 * data.discrepancy)).status == "violated"
    assert float(data.left.max()) < 1e-12  # the runs were long enough


def test_random_machines_in_new_variables_keep_gap_and_optimum() -> None:
    generator = stream(5, test="variables")
    problem = random_machines(generator, 4, 3, 2)
    D, x = 10 ** generator.uniform(-1, 1, (4, 2)), generator.standard_normal((4, 2))
    image = frozen.in_new_variables(problem, D)
    np.testing.assert_allclose(image.gap(x * np.sqrt(D)), problem.gap(x), rtol=1e-12)
    pull = image.gradient(np.broadcast_to(image.optimum[:, None], (4, 3, 2))).mean(axis=1)
    np.testing.assert_allclose(pull, 0, atol=1e-13)


# --- Algebra ---------------------------------------------------------------------------------------------------------

ALGEBRA = [name for name in NAMES if CLAIMS[name].data[0].name == "scaling-algebra"]


@pytest.mark.parametrize("name", ALGEBRA)
def test_an_identity_or_an_order_that_fails_is_not_confirmed(name: str, session: Session) -> None:
    claim = CLAIMS[name]
    data = data_of(claim, session)
    broken = data.assign(difference=xr.full_like(data.difference, "x"), answer=xr.zeros_like(data.answer))
    assert claim.judge(broken).status == "violated"


def test_an_undecided_order_is_inconclusive(session: Session) -> None:
    claim = CLAIMS["chezhegov2024/tuned-convex"]
    data = data_of(claim, session)
    assert claim.judge(data.assign(answer=xr.full_like(data.answer, -1))).status == "inconclusive"


@pytest.mark.parametrize(
    "name",
    ["tuned-convex", "tuned-strongly-convex", "summarized-identical", "slides-balance", "worst-case-never-helps"],
)
def test_an_order_whose_certificate_does_not_check_is_inconclusive(name: str, session: Session) -> None:
    claim = CLAIMS[f"chezhegov2024/{name}"]
    data = data_of(claim, session)
    assert claim.judge(data.assign(checked=xr.zeros_like(data.checked))).status == "inconclusive"


@pytest.mark.parametrize("name", ["averaging-must-be-slow", "adam-starts-too-fast"])
def test_a_number_in_a_statement_is_an_inequality_that_can_fail(name: str, session: Session) -> None:
    claim = CLAIMS[f"chezhegov2024/{name}"]
    data = data_of(claim, session)
    assert claim.judge(data.assign(holds=xr.zeros_like(data.holds))).status == "violated"


def test_smaller_condition_numbers_and_larger_limits_are_not_evident(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(one.holds for one in algebra.inequalities())
    monkeypatch.setattr(algebra, "BEYOND", {"rule2": sympy.Integer(249), "rule3": sympy.Integer(62)})
    beyond = [one for one in algebra.inequalities() if "0.999" in one.name]
    assert len(beyond) == 2
    assert not any(one.holds for one in beyond)
    right = algebra.largest_complement
    monkeypatch.setattr(algebra, "largest_complement", lambda rule: 5 * right(rule))
    at_most = {one.name: one.holds for one in algebra.inequalities()}
    assert not at_most["adam: rule2 allows at most 1/4"]


def test_the_witness_of_the_printed_balance_is_the_path(session: Session) -> None:
    witness = judge(CLAIMS["chezhegov2024/slides-balance-as-printed"], session).verdict.witness
    assert witness is not None
    assert witness["statement"] == "balance: printed: noise below drift"
    assert {"left", "right", "exponents", "ratio", "experiment", "profile", "seed"} <= set(witness)


def test_a_theorem_in_which_scaling_helped_would_be_noticed() -> None:
    question = algebra.orders()["worst case: identical: optimization"]
    assert isinstance(question.right, Expr)
    assert dominated(question.left, question.right, question.given).relation == "holds"
    helped = question.right * (d_min / d_max) ** 2
    assert dominated(question.left, helped, question.given).relation == "fails"


@pytest.mark.parametrize(
    ("identity", "claim"),
    [
        ("cor1-rule2: growth at the slowest averaging", "cor1-rule2"),
        ("beta2: rule3", "averaging-must-be-slow"),
    ],
)
def test_a_wrong_formula_leaves_a_difference(
    identity: str, claim: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = algebra.largest_complement

    def twice(rule: Rule) -> Expr:
        return 2 * right(rule)

    monkeypatch.setattr(algebra, "largest_complement", twice)
    wrong = {one.name: one for one in algebra.identities()}[identity]
    assert (wrong.left - wrong.right).simplify() != 0
    chosen = CLAIMS[f"chezhegov2024/{claim}"]
    data = data_of(chosen, session)
    data.difference.loc[{"identity": identity}] = "x"
    assert chosen.judge(data).status == "violated"


# --- Sampled runs ----------------------------------------------------------------------------------------------------


def test_wide_intervals_are_inconclusive(session: Session) -> None:
    claim = CLAIMS["chezhegov2024/changing-rule3"]
    data = data_of(claim, session)
    assert claim.judge(data.assign(stderr=data["mean"])).status == "inconclusive"
    assert claim.judge(data.assign(stderr=data["mean"] * np.nan)).status == "violated"


def test_the_averaging_is_as_fast_as_the_theorem_admits(session: Session) -> None:
    data = session.result(chezhegov2024_changing.changing_scaling)[0]
    at = data.sel(case="changing-rule3 oasis")
    limit = at.eta * at.mu * at.d_min / (4 * at.d_max**2)
    np.testing.assert_allclose(1 - at.beta2, limit, rtol=1e-6)
    assert bool((4 * at.eta * at.L <= at.d_min).all())


def test_replicas_are_sized_by_the_room_below_the_bound() -> None:
    pilot = np.array([[[1.0], [3.0], [1.0], [3.0]]])
    needed = changing.replicas_for(pilot, np.array([[2.5]]))
    assert needed == int(np.ceil((changing.STANDARD_ERRORS * pilot.std(ddof=1) / 0.5) ** 2))
    assert changing.replicas_for(pilot, np.array([[1.0]])) == 0  # above its bound: no number helps


# --- Experiments of the figures --------------------------------------------------------------------------------------


def test_without_scikit_learn_the_data_are_synthetic_and_the_results_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "find_spec", lambda _: None)
    contest = variants.real_data(1)
    assert "synthetic" in contest.description
    assert contest.problem.workers == 8
    assert float(contest.problem.constants["L"]) < 10


def test_badly_scaled_machines_have_the_heterogeneity_asked_for() -> None:
    problem = variants.badly_scaled(stream(3, test="scales"), 4, np.geomspace(1e-3, 1, 6), 0.7, np.ones(6))
    assert float(problem.constants["zeta_star"]) == pytest.approx(0.7, rel=1e-9)
    slope = problem.gradient(np.ones((4, 6))).mean(axis=0)
    np.testing.assert_allclose(slope, 0, atol=1e-12)


# --- Drift on functions with a kink ----------------------------------------------------------------------------------

DRIFTING = [name for name in CLAIMS.match("chezhegov2024/*") if CLAIMS[name].data[0].name == "frozen-scaling-drift"]


def test_the_drift_claims_have_their_expected_verdicts(session: Session) -> None:
    assert len(DRIFTING) == 6
    for name in DRIFTING:
        finding = judge(CLAIMS[name], session)
        assert finding.as_expected, f"{name}: {finding.verdict.sentence}"
        assert (finding.verdict.witness is not None) == (finding.verdict.status == "violated")


@pytest.mark.parametrize(
    ("name", "variable", "factor"),
    [
        ("bounds-with-a-kink", "bound", 5e-3),
        ("one-step", "one_step", 0.999),
        ("spread-of-the-workers", "spread_bound", 0.9),
    ],
)
def test_a_wrong_drift_bound_is_violated(name: str, variable: str, factor: float, session: Session) -> None:
    claim = CLAIMS[f"chezhegov2024/{name}"]
    data = data_of(claim, session)
    assert claim.judge(data.assign({variable: factor * data[variable]})).status == "violated"


def test_a_step_needs_its_spread(session: Session) -> None:
    claim = CLAIMS["chezhegov2024/one-step"]
    data = data_of(claim, session)
    assert claim.judge(data.assign(one_step=data.one_step_without)).status == "violated"


@pytest.mark.parametrize("label", drift.LABELS)
def test_with_the_drift_term_back_nothing_is_violated(label: str, session: Session) -> None:
    claim = CLAIMS[f"chezhegov2024/{label}-without-drift"]
    data = data_of(claim, session)
    assert claim.judge(data).status == "violated"
    assert claim.judge(data.assign(without=data.bound)).status == "consistent"
    assert claim.judge(data.assign(stderr=data["mean"])).status == "consistent"  # too noisy to accuse


def test_the_coefficients_of_one_step_are_those_of_the_proof() -> None:
    letters = {"L": 3.0, "mu": 0.5, "sigma": 2.0, "M": 4.0, "eta": 0.01, "K": 7.0, "R": 5.0, "B": 1.5}
    found = drift.OneStep.of(letters)
    expected = (1 - 0.01 * 0.5, 0.01 / 2, 0.01**2 * 2.0**2 / 4, 2 * 0.01 * 3.0)
    assert (found.contraction, found.of_gap, found.noise, found.of_spread) == pytest.approx(expected, rel=1e-14)


def test_the_kinked_pair_in_new_variables_is_the_pair_in_the_old_ones() -> None:
    """Gradients transform with D^{-1/2}, D being (d_max, d_min) on the slow and on the kinked coordinate."""
    root = np.sqrt([drift.D_MAX, drift.D_MIN])
    old = zeta_piecewise_pair(zeta=0.3, L=drift.L, curvature=drift.CURVATURE, mu=drift.CURVATURE, B=1 / root[0], M=2)
    new = drift.in_new_variables(0.3, 2)
    x = stream(8, test="kink").standard_normal((50, 2, 2))
    np.testing.assert_allclose(new.gradient(x * root), old.gradient(x) / root, rtol=1e-13)
