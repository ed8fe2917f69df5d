"""The claims of patel2024 beyond the first ones: the shipped verdicts, and wrong twins of every family rejected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Literal

import numpy as np
import pytest
import xarray as xr
from sympy import Rational

from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.constructions.zeta_quadratic_pair import zeta_quadratic_pair
from tightrate.rates.papers.patel2024.k_does_not_help import hard_cosine, hard_cosine_any_machines
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, K, L, R
from tightrate.rates.symbols.evaluation import evaluate
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.claim import Claim, judge
from tightrate.verify.judging.order import Question, decided, judge_orders
from tightrate.verify.judging.trend import judge_trend
from tightrate.verify.papers.patel2024.chain_runs import as_in_the_proof
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

MODULES = ("orders", "lower_bounds", "assumptions", "thm27", "outer_steps", "drift")
MINE = sorted(
    claim.id
    for module in MODULES
    for claim in vars(import_module(f"tightrate.verify.claims.patel2024_{module}")).values()
    if isinstance(claim, Claim)
)


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(jobs=1)


def dataset(name: str, session: Session) -> xr.Dataset:
    return session.data(CLAIMS[name].data[0]).copy()


@pytest.mark.parametrize("name", MINE)
def test_every_claim_has_its_expected_verdict_and_says_why(name: str, session: Session) -> None:
    claim = CLAIMS[name]
    verdict = claim.judge(dataset(name, session))
    assert verdict.status == claim.expected, verdict.sentence
    assert verdict.evidence
    assert (verdict.witness is not None) == (verdict.status == "violated")
    assert theorem(claim.theorem).id == claim.theorem
    assert claim.procedure.endswith(".")


WRONG: list[tuple[str, dict[str, float]]] = [
    ("patel2024/prop7-odd-machines", {"bound": 108 / 50}),
    ("patel2024/prop7-eigenvalues", {"predicted": 1 + 1e-6}),
    ("patel2024/tau-lower-bound", {"bound": 108 / 50}),
    ("patel2024/lemma8", {"bound": 1.01}),
    ("patel2024/thm11-instance", {"smoothness": 1.001}),
    ("patel2024/thm11-one-coordinate", {"revealed": 1.5}),
    ("patel2024/thm11-minimum", {"exact": 1.0001}),
    ("patel2024/thm11-value", {"exact": 2.0}),
    ("patel2024/thm11-constant", {"bound": 128 / 50}),
    ("patel2024/prop1", {"tau_mean": 1.001}),
    ("patel2024/prop13-mean", {"mean_bound": 0.9}),
    ("patel2024/prop13-worst", {"worst_bound": 0.9}),
    ("patel2024/prop25", {"prop25": 0.1}),
    ("patel2024/prop25-convex", {"prop25-convex": 0.4}),
    ("patel2024/prop25-quadratics", {"prop25-quadratics": 0.4}),
    ("patel2024/consensus-mean-of-jumps", {"mean_bound": 0.1}),
    ("patel2024/covariate-shift", {"bound": 0.9}),
    ("patel2024/lemma36", {"lemma36": 0.1}),
    ("patel2024/lemma36-noise", {"bound": 0.2}),
    ("patel2024/thm27-step", {"bound": 0.2}),
    ("patel2024/lemma37", {"explicit": 0.9}),
    ("patel2024/thm27-exponent", {"proved_gap": 0.2}),
    ("patel2024/thm22-exponent", {"proved_distance": 0.3}),
    ("patel2024/thm22-outer-step", {"transient": 0.9}),
    ("patel2024/thm22-constant", {"total": 0.8}),
    ("patel2024/round-contraction", {"contraction_bound": 0.99}),
    ("patel2024/thm22-start-factor", {"factor": 1.01}),
    ("patel2024/fixed-point-limits", {"from_mean": 1e6}),
    ("patel2024/two-stage-corrected", {"unit_rounds": np.nan}),
    ("patel2024/two-quadratics-position", {"exact_position": 1.0001}),
    ("patel2024/two-quadratics-gap", {"exact_gap": 1.0001}),
    ("patel2024/two-quadratics-discrepancy", {"discrepancy": 1.1}),
    ("patel2024/two-quadratics-floor", {"bound": 5000 / 40}),
    ("patel2024/piecewise-drift", {"instance exact_drift": 1.0001}),
    ("patel2024/noise-drift", {"bound": 1.2}),
    ("patel2024/noise-drift-leading-order", {"leading": 0.8}),
    ("patel2024/noise-drift-leading-order", {"leading": 1.3}),
]


@pytest.mark.parametrize(("name", "changed"), WRONG)
def test_a_wrong_constant_is_rejected(name: str, changed: dict[str, float], session: Session) -> None:
    data = dataset(name, session)
    for variable, factor in changed.items():
        data[variable] = data[variable] * factor
    assert CLAIMS[name].judge(data).status == "violated"


SLOWER: list[tuple[str, str, str]] = [
    ("patel2024/thm11-attained", "gap", "R"),
    ("patel2024/two-stage-rounds", "rounds", "kappa"),
    ("patel2024/two-stage-rounds", "rounds", "accuracy"),
    ("patel2024/thm15-scaling", "gap", "R"),
    ("patel2024/fixed-point-limits", "from_optimum", "share"),
    ("patel2024/thm15-scaling", "gap", "K"),
]


@pytest.mark.parametrize(("name", "variable", "axis"), SLOWER)
def test_a_wrong_exponent_is_rejected(name: str, variable: str, axis: str, session: Session) -> None:
    data = dataset(name, session)
    data[variable] = data[variable] * data[axis] ** 0.5
    assert CLAIMS[name].judge(data).status == "violated"


def test_a_floor_that_falls_faster_is_rejected(session: Session) -> None:
    data = dataset("patel2024/piecewise-floor", session)
    data["best_gap"] = data.best_gap * data.R ** (-1 / 6)
    assert CLAIMS["patel2024/piecewise-floor"].judge(data).status == "violated"


@pytest.mark.parametrize("name", [name for name in MINE if CLAIMS[name].expected == "violated"])
def test_an_erratum_could_have_been_true(name: str, session: Session) -> None:
    """With the corrected formula in the place of the printed one the same judge accepts."""
    corrected: dict[str, Callable[[xr.Dataset], xr.Dataset]] = {
        "patel2024/eq20-as-printed": lambda d: d.assign(printed=d.printed / 2),
        "patel2024/prop13-as-printed": lambda d: d.assign(printed=d.worst_bound),
        "patel2024/prop25-quadratics-as-printed": lambda d: d.assign(printed=d["prop25-quadratics"]),
        "patel2024/consensus-square-as-printed": lambda d: d.sel(p=d.p[d.p >= 0.01]),
        "patel2024/ball-as-assumed": lambda d: d.assign(probability=0 * d.probability),
        "patel2024/thm27-exponent-as-printed": lambda d: d.assign(printed_gap=d.proved_gap),
        "patel2024/thm22-exponent-as-printed": lambda d: d.assign(printed_distance=d.proved_distance),
        "patel2024/outer-step-range-as-needed": lambda d: d.assign(growth=1.1 * d.growth),
        "patel2024/two-stage-as-printed": lambda d: d.assign(unit_printed=d.unit_corrected),
        "patel2024/two-quadratics-floor-any-steps": lambda d: d.assign(free_gap=d.best_gap),
    }
    if name not in corrected:
        assert CLAIMS[name].data[0].name == "patel2024-orders"  # its twins are below
        return
    assert CLAIMS[name].judge(corrected[name](dataset(name, session))).status in ("consistent", "confirmed")


# Witnesses can be run again

PARAMETERS: dict[str, set[str]] = {
    "prop13-as-printed": {"instance", "M", "d", "zeta_star", "tau", "D", "B"},
    "prop25-quadratics-as-printed": {"instance", "M", "d", "unit", "L", "mu", "K", "eta"},
    "thm22-transient-as-printed": {"instance", "M", "d", "R", "K", "eta", "gamma", "mu", "B", "zeta_opt"},
    "eq20-as-printed": {"point", "x", "L", "B", "R", "d"},
    "ball-as-assumed": {"D", "L", "B", "sigma", "eta", "K"},
    "consensus-square-as-printed": {"p", "M", "sigma", "eta", "K"},
    "thm27-exponent-as-printed": {"R", "kappa", "L", "mu", "B", "K", "eta"},
    "thm22-exponent-as-printed": {"R", "kappa", "L", "mu", "B", "K", "eta"},
    "two-quadratics-floor-any-steps": {"cell", "zeta_star", "tau", "K", "R", "eta", "gamma"},
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_witness_names_its_run_its_place_and_its_parameters(name: str, session: Session) -> None:
    witness = judge(CLAIMS[f"patel2024/{name}"], session).verdict.witness
    assert witness is not None
    assert PARAMETERS[name] <= set(witness)
    origin = {"experiment": CLAIMS[f"patel2024/{name}"].data[0].name, "profile": "quick", "seed": session.seed}
    assert origin.items() <= witness.items()


def test_a_parameter_named_like_the_origin_of_a_witness_is_kept(session: Session) -> None:
    claim = CLAIMS["patel2024/ball-as-assumed"]

    def judged(data: xr.Dataset) -> Verdict:
        assert data.D.dims == ("D",)
        return Verdict("violated", "", "", "", witness={"seed": 7.0, "profile": "quick", "D": 1.0})

    witness = judge(replace(claim, judge=judged), session).verdict.witness
    origin = {"experiment": claim.data[0].name, "profile": "quick", "seed": session.seed}
    assert witness == {"D": 1.0, "seed of the instance": 7.0, **origin}


def test_every_dimension_has_a_place(session: Session) -> None:
    claim = CLAIMS["patel2024/prop25"]

    def judged(data: xr.Dataset) -> Verdict:
        np.testing.assert_array_equal(data.instance, np.arange(data.sizes["instance"]))
        return Verdict("consistent", "", "", "")

    assert judge(replace(claim, judge=judged), session).verdict == Verdict("consistent", "", "", "")


def test_a_witness_is_found_again_at_its_place_in_a_run_of_its_own(session: Session) -> None:
    claim = CLAIMS["patel2024/prop13-as-printed"]
    witness = judge(claim, session).verdict.witness
    assert witness is not None
    again = Session(witness["profile"], witness["seed"])
    assert judge(claim, again).verdict.witness == witness
    place = again.result(witness["experiment"])[0].isel(instance=int(witness["instance"]))
    assert float(place.worst) == witness["measured"]
    assert float(place.printed) == witness["bound"]


@pytest.mark.parametrize("name", ["prop13-as-printed", "prop25-quadratics-as-printed"])
def test_the_machines_of_a_witness_are_those_it_speaks_of(name: str, session: Session) -> None:
    witness = judge(CLAIMS[f"patel2024/{name}"], session).verdict.witness
    assert witness is not None
    problem = QuadraticMachines(np.array(witness["hessians"]), np.array(witness["minimizers"]))
    assert problem.minimizers.shape == (witness["M"], witness["d"])
    assert float(problem.constants["zeta_star"]) == pytest.approx(witness["zeta_star"], rel=1e-12)
    if "movement" in dataset(f"patel2024/{name}", session):
        K, eta = witness["K"], witness["eta"]
        moved = round_map(problem, K=K, eta=eta, start=problem.optimum).after(1) - problem.optimum
        assert np.linalg.norm(moved) / (K * eta) == pytest.approx(witness["measured"], rel=1e-9)


def test_the_witness_against_display_20_holds_its_point(session: Session) -> None:
    witness = judge(CLAIMS["patel2024/eq20-as-printed"], session).verdict.witness
    assert witness is not None
    problem = as_in_the_proof(witness["R"], witness["d"])
    assert float(problem.gap(np.array(witness["x"]))) == pytest.approx(witness["measured"], rel=1e-12)
    assert witness["measured"] == pytest.approx(witness["corrected"], rel=1e-9)


def test_a_witness_of_the_free_outer_step_is_below_the_floor(session: Session) -> None:
    """One run from the witness alone, by the engine of exact moments."""
    witness = judge(CLAIMS["patel2024/two-quadratics-floor-any-steps"], session).verdict.witness
    assert witness is not None
    pair = zeta_quadratic_pair(zeta=witness["zeta_star"], tau=witness["tau"], L=1.0, mu=witness["slow"], B=1.0)
    rule = local_sgd(eta=np.array(witness["eta"]), gamma=witness["gamma"])
    gap = exact_moments(rule, pair, K=witness["K"], R=witness["R"]).last.gap.item()
    assert gap == pytest.approx(witness["measured"], rel=1e-9)
    assert gap < witness["bound"]


def test_only_statements_of_the_paper_are_errata() -> None:
    """What the paper assumes, and a floor that one instance of our own misses, are no misprints."""
    for name in ("ball-as-assumed", "two-quadratics-floor-any-steps"):
        assert CLAIMS[f"patel2024/{name}"].kind == "counterexample"
    assert CLAIMS["patel2024/thm9-any-steps-as-printed"].kind == "erratum"


def test_the_ends_of_the_fixed_point_are_two_points(session: Session) -> None:
    claim = CLAIMS["patel2024/fixed-point-ends"]
    data = dataset("patel2024/fixed-point-ends", session)
    assert float(data.apart.min()) > 1e-6
    assert claim.judge(data.assign(one_step=data.one_step + data.apart)).status == "violated"
    assert claim.judge(data.assign(many_steps=data.many_steps + 1e-9)).status == "violated"


def test_the_final_distance_is_held_to_rounding(session: Session) -> None:
    claim = CLAIMS["patel2024/not-the-optimum"]
    data = dataset("patel2024/not-the-optimum", session)
    assert claim.judge(data).status == "confirmed"
    assert claim.judge(data.assign(discrepancy=data.discrepancy * (1 + 1e-9))).status == "violated"


# One step of Theorem 27 needs each of its terms


def test_the_one_step_inequality_needs_its_drift_terms(session: Session) -> None:
    claim = CLAIMS["patel2024/thm27-one-step"]
    data = dataset("patel2024/thm27-one-step", session)
    drift = data.eta * (8 * data.tau**2 / data.mu * data.consensus + 2 * data.Q**2 / data.mu * data.consensus**2)
    data["one_step"] = data.one_step - drift
    verdict = claim.judge(data)
    assert verdict.status == "violated"
    assert verdict.witness is not None
    assert verdict.witness["tau"] + verdict.witness["Q"] > 0


def test_an_order_that_varies_is_not_an_order(session: Session) -> None:
    claim = CLAIMS["patel2024/noise-floor-order"]
    data = dataset("patel2024/noise-floor-order", session)
    assert claim.judge(data.assign(shape=data["shape"] * data.K**0.5)).status == "violated"
    assert claim.judge(data.assign(error=data["mean"] * 0.15)).status == "inconclusive"


# The order algebra's answers


def ask(**questions: Question) -> xr.Dataset:
    return decided(questions)


def test_orders_are_confirmed_refuted_or_left_open() -> None:
    data = ask(
        true=Question(L * B**2 / (K * R), L * B**2 / R),
        false=Question(L * B**2 / R, L * B**2 / (K * R)),
    )
    assert judge_orders(data, holds=["true"], fails=["false"], what="it").status == "confirmed"
    refuted = judge_orders(data, holds=["false"], what="it")
    assert refuted.status == "violated"
    assert refuted.witness is not None
    assert refuted.witness["exponents"] == {"K": "1"}
    assert judge_orders(data, fails=["true"], what="it").status == "violated"


def test_an_unchecked_or_undecided_answer_never_passes() -> None:
    data = ask(true=Question(L / R, L))
    assert judge_orders(data.assign(checked=~data.checked), holds=["true"], what="it").status == "inconclusive"
    assert judge_orders(data.assign(answer=data.answer - 2), holds=["true"], what="it").status == "inconclusive"


@pytest.mark.parametrize("power", [Rational(1, 6), Rational(-1, 6)])
def test_a_wrong_rate_in_the_table_is_found(power: Rational) -> None:
    upper = theorem("koloskova2020/convex").bound
    worse = replace(upper, terms=tuple(replace(t, expression=t.expression * R**power) for t in upper.terms))
    data = ask(
        below=Question(theorem("dekel2012/convex").bound, worse),
        above=Question(
            worse, theorem("patel2024/prop7").bound.expression + theorem("glasgow2022/lower").bound.expression
        ),
    )
    wrong = "above" if power > 0 else "below"
    assert judge_orders(data, holds=[wrong], what="it").status == "violated"


# Trends


def test_a_trend_has_a_side_and_no_excuse() -> None:
    x = np.geomspace(1, 1e4, 9)
    grid = xr.DataArray(x, dims="R", coords={"R": x})
    flat = xr.ones_like(grid)
    sides: tuple[tuple[Literal["upper", "lower"], int], ...] = (("upper", 1), ("lower", -1))
    for side, sign in sides:
        assert judge_trend(grid ** (sign * 0.1), flat, side=side, along=["R"], what="it").status == "violated"
        assert judge_trend(grid ** (-sign * 0.5), flat, side=side, along=["R"], what="it").status == "consistent"
        assert judge_trend(grid ** (sign * 0.01), flat, side=side, along=["R"], what="it").status == "consistent"
    gap = (1 / grid).where(grid < 5000)
    assert judge_trend(gap, flat, side="upper", along=["R"], what="it").status == "violated"


# The angle for any number of machines


@pytest.mark.parametrize("machines", [2, 4, 10])
def test_for_even_machines_it_is_the_angle_of_the_pair(machines: int) -> None:
    for rounds in (1, 5, 100):
        at = {"M": float(machines), "R": float(rounds)}
        assert evaluate(hard_cosine_any_machines(), at) == pytest.approx(evaluate(hard_cosine(), at), rel=1e-14)
