"""What is measured does not follow the bound that it is judged by.

Every function behind an experiment that reads a formula of the catalogue is listed with what it takes from there; one
that starts to read formulas fails until it is listed.  The data of all these experiments are made a second time with
every bound false by a quarter of a power (`make soak`): those that change must say why they may.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pytest
import xarray as xr
from sympy import Expr, Mul, Rational

from tightrate.common.errors import TightrateError
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import K, R
from tightrate.verify.claim import check
from tightrate.verify.experiment import Experiment
from tightrate.verify.papers.cheng2024.accuracy_of_the_threshold import clipping_accuracy
from tightrate.verify.papers.cheng2024.confidence import confidence
from tightrate.verify.papers.cheng2024.rates import strongly_convex_rates
from tightrate.verify.registry import CLAIMS, claims_of
from tightrate.verify.session import Session

# --- A world whose bounds are wrong -----------------------------------------------------------------------------------


def slip(one: Theorem) -> Expr:
    """A quarter of a power of K and of R, as far as the bound has them; else a factor."""
    letters = [letter for letter in (K, R) if letter in one.bound.expression.free_symbols]
    return Mul(*letters) ** Rational(-1, 4) if letters else Rational(2, 3)


def slipped(one: Theorem) -> dict[str, Any]:
    """Bound and steps of a theorem, every term smaller by that, of a lower bound larger; a step made of the theorem's
    own terms follows them."""
    factor = 1 / slip(one) if one.bound.kind == "lower" else slip(one)
    terms = {term.expression: term.expression * factor for term in one.bound.terms if term.expression.free_symbols}
    of_terms = {old: new for old, new in terms.items() if len(old.free_symbols) > 1}
    changed = tuple(Term(term.name, terms.get(term.expression, term.expression)) for term in one.bound.terms)
    steps = {name: step.xreplace(of_terms) for name, step in one.steps.items()}
    return {"bound": replace(one.bound, terms=changed), "steps": steps}


@contextmanager
def wrong_exponents(paper: str = "") -> Iterator[None]:
    """Every bound of a paper, or of all, is wrong for as long as this lasts."""
    kept = [(one, {"bound": one.bound, "steps": one.steps}) for one in theorems() if paper in ("", one.paper.id)]
    for one, _ in kept:
        for name, value in slipped(one).items():
            object.__setattr__(one, name, value)
    try:
        yield
    finally:
        for one, own in kept:
            for name, value in own.items():
                object.__setattr__(one, name, value)


def follows_the_bounds(experiment: Experiment, paper: str = "") -> bool:
    """Whether the data change with the bounds."""
    before = experiment(Session())
    with wrong_exponents(paper):
        after = experiment(Session())
    return not before.equals(after)


def test_an_experiment_that_takes_its_step_from_the_bound_is_noticed() -> None:
    def circular(session: Session) -> xr.Dataset:  # noqa: ARG001
        """The accuracy that sets the step is that of the bound."""
        rounds = np.array([16.0, 32.0])
        bound = theorem("cheng2024/thm2").bound
        symbols = {**dict.fromkeys(bound.letters, 1.0), "K": 2.0, "R": rounds, "alpha": 4.0}
        values = bound.terms_at(symbols)
        return xr.Dataset({"eta": ("R", values["clipping"])}, coords={"R": rounds})

    assert follows_the_bounds(Experiment("circular", circular), "cheng2024")


@pytest.mark.parametrize("experiment", [confidence, clipping_accuracy], ids=lambda one: one.name)
def test_the_data_do_not_follow_the_bounds(experiment: Experiment) -> None:
    assert not follows_the_bounds(experiment, "cheng2024")


@pytest.mark.parametrize("label", ["strongly-convex-drift-exponents", "strongly-convex-statistical-exponents"])
def test_a_wrong_bound_is_refuted_at_the_step_that_it_prescribes_itself(label: str) -> None:
    """The step of Theorem 1 is a logarithm of its own rate: data and bound change, and the claim fails."""
    claim = CLAIMS[f"cheng2024/{label}"]
    with wrong_exponents("cheng2024"):
        data = strongly_convex_rates(Session())
        assert check(claim.assertion(data), claim.theorem, claim.outside).status == "violated"


# --- Who reads formulas -----------------------------------------------------------------------------------------------

OWN_ROOMS = ("tightrate.verify", "tightrate.constructions")
FORMULAS = {"bound", "steps", "step_at", "terms_at"}

SIZES = "measure, letters and class of the theorem: what is asked, not what comes out"
OTHER_SIDE = "a column of predictions beside what is measured"
TWO_FORMULAS = "one formula, evaluated, is what is compared with another"
PRESCRIBED = "the step that the theorem prescribes, which does not contain its rate"
INSTANCE = "the parameter of the hard instance"

NO_THEOREM = "an attribute of that name, of something else"

READERS: dict[str, str] = {
    "constructions.structured_noise.PerWorker.bound": NO_THEOREM,
    "verify.exact_worst_case.classes": SIZES,
    "verify.exact_worst_case.method_of": SIZES,
    "verify.exact_worst_case.output_of": SIZES,
    "verify.exact_worst_case_claims._quadratic": SIZES,
    "verify.exact_worst_case_claims.points": "sizes, and the step that is prescribed or the largest that is allowed",
    "verify.exact_worst_case_claims.worst_case_claim.<locals>.worst": SIZES,
    "verify.exact_worst_case_claims.worst_cases_of": SIZES,
    "verify.exponents.measuring.": SIZES,
    "verify.exponents.run.run_exponent_test": "where each term dominates, not what is measured there",
    "verify.papers.cheng2024.confidence.failing": NO_THEOREM,
    "verify.papers.cheng2024.rates.strongly_convex_rates": "the prescribed step, a logarithm of its own rate",
    "verify.papers.chezhegov2024.changing_scaling.changing_scaling": "how many replicas tell mean and bound apart",
    "verify.papers.chezhegov2024.frozen_scaling.frozen_scaling_instances": PRESCRIBED,
    "verify.papers.exact_minimax.exact_minimax": NO_THEOREM,
    "verify.papers.khaled2025.bounds_on_random_instances._sampled_on": "the largest step that conditions allow",
    "verify.papers.khaled2025.bounds_on_random_instances.local_gaps": "the largest step that conditions allow",
    "verify.papers.khaled2025.bounds_on_random_instances.searched": SIZES,
    "verify.papers.khaled2025.closed_forms_on_quadratics._closed_forms": TWO_FORMULAS,
    "verify.papers.khaled2025.closed_forms_on_quadratics.stability": "the range of steps, tested from both sides",
    "verify.papers.khaled2025.figure_1.stationary_loss": "the stationary variance, which runs test elsewhere",
    "verify.papers.khaled2025.inner_step_too_small.ill_tuned": "the outer step at which the condition is active",
    "verify.papers.khaled2025.outer_momentum.condition": "the condition that is tested from both sides",
    "verify.papers.khaled2025.proposition_1.best_steps": TWO_FORMULAS,
    "verify.papers.khaled2025.proposition_1.least_on_grid": TWO_FORMULAS,
    "verify.papers.khaled2025.proposition_2.proposition_2": TWO_FORMULAS,
    "verify.papers.khaled2025.tuned_rates.worst_curvature": PRESCRIBED,
    "verify.papers.lee2024.counterexample.summarised_rate": PRESCRIBED,
    "verify.papers.lee2024.heavy_tails.regrets": OTHER_SIDE,
    "verify.papers.lee2024.proved_bound.identical_clients": PRESCRIBED,
    "verify.papers.patel2024.chain.as_in_the_proof": INSTANCE,
    "verify.papers.patel2024.fixed_point.predicted_fixed_point": OTHER_SIDE,
    "verify.papers.patel2024.kink.best_steps": INSTANCE,
    "verify.papers.patel2024.local_steps_do_not_help.blocks_of_curvature_tau": INSTANCE,
    "verify.papers.patel2024.local_steps_do_not_help.odd_workers": INSTANCE,
    "verify.papers.patel2024.local_steps_do_not_help.rank_one_at_the_hard_angle": INSTANCE,
    "verify.papers.patel2024.theorem_22.start_factor": TWO_FORMULAS,
    "verify.papers.patel2024.theorem_27.step_size": TWO_FORMULAS,
    "verify.papers.patel2024.two_quadratics.averages": "the dissimilarity at which the bound is evaluated",
    "verify.papers.patel2024.two_quadratics.grid": INSTANCE,
    "verify.papers.patel2024.two_stages.floor": "the accuracy at which the second stage begins",
    "verify.sweep.": "steps of a sweep, which has no theorem but the one that its file names",
}
"""What each function, or each of a package, takes from the catalogue."""

FOLLOWERS: dict[str, str] = {
    "-exponent-": "the path, along which the term under test dominates, is another one; what is measured there is not",
    "changing-scaling": "a bound that is nearer needs more replicas",
    "cheng2024-strongly-convex-rates": "the step is a logarithm of the rate; the wrong claim is refuted, see above",
    "fixed-point-convergence": OTHER_SIDE,
    "khaled2025-best-steps": TWO_FORMULAS,
    "khaled2025-figure-1": "losses are the stationary variance of the theorem, whose consequence is judged",
    "krm-sweep": "a column of theory in the sweep",
    "lee2024-heavy-tails": OTHER_SIDE,
    "patel2024-start-factor": TWO_FORMULAS,
    "patel2024-step-size": TWO_FORMULAS,
    "patel2024-thm15": "the dissimilarity at which the bound is evaluated",
    "patel2024-two-stage": "the accuracy at which the second stage begins",
}
"""Experiments, or families of them, whose data change with the bounds, and why they may."""


def every_experiment() -> dict[str, Experiment]:
    """The experiments of the quick profile, by name."""
    return {one.name: one for claim in claims_of("quick", "*") for one in claim.data}


def all_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from all_code(constant)


def reached(found: Any, seen: set[Any]) -> Iterator[FunctionType]:
    """The functions of our own rooms that a function can call, itself included, as far as names tell."""
    if isinstance(found, type) and found.__module__.startswith(OWN_ROOMS):
        for member in vars(found).values():
            yield from reached(getattr(member, "fget", None) or getattr(member, "__func__", member), seen)
    found = getattr(found, "__wrapped__", found)
    if not isinstance(found, FunctionType) or found in seen or not found.__module__.startswith(OWN_ROOMS):
        return
    seen.add(found)
    yield found
    for cell in found.__closure__ or ():
        yield from reached(cell.cell_contents, seen)
    for code in all_code(found.__code__):
        for name in code.co_names:
            value = found.__globals__.get(name)
            if value is not None and not isinstance(value, ModuleType):
                yield from reached(value, seen)


def reads_formulas(function: FunctionType) -> bool:
    """Whether a function's code mentions a theorem, the parts of one, or what builds its formulas."""
    for code in all_code(function.__code__):
        for name in code.co_names:
            value = function.__globals__.get(name)
            built = (getattr(value, "__module__", None) or "").startswith("tightrate.rates.papers")
            if value is catalogue.theorem or built or (value is None and name in FORMULAS):
                return True
    return False


def readers(run: Callable[..., Any]) -> set[str]:
    """The functions behind an experiment that read formulas."""
    found = {f"{f.__module__}.{f.__qualname__}" for f in reached(run, set()) if reads_formulas(f)}
    return {name.removeprefix("tightrate.") for name in found}


def test_every_reader_of_formulas_says_what_it_takes() -> None:
    found = set().union(*(readers(one.run) for one in every_experiment().values()))
    unknown = {name for name in found if not name.startswith(tuple(READERS))}
    assert not unknown, "say what it takes from the catalogue, and that the data do not follow"
    assert not {name for name in READERS if not any(one.startswith(name) for one in found)}


def test_a_reader_behind_others_is_found() -> None:
    def reader() -> Any:
        return theorem("cheng2024/thm2").bound

    def between() -> Any:
        return reader()

    def run(session: Session) -> Any:  # noqa: ARG001
        return between()

    for function in (reader, between, run):
        function.__module__ = "tightrate.verify.example"
    assert {name.split(".")[-1] for name in readers(run)} == {"reader"}


@pytest.mark.soak
def test_data_that_follow_the_bounds_say_why() -> None:
    reading = {name: one for name, one in every_experiment().items() if readers(one.run) and not one.gathers}
    following = {name for name, one in reading.items() if follows_the_bounds(one)}
    assert not {name for name in following if not any(known in name for known in FOLLOWERS)}


STEPS_ALONE = {"khaled2020/exponent-thm5-statistical"} | {
    f"khaled2025/exponent-{name}-statistical" for name in ("thm1", "thm2")
}
"""Tests of the noise term of a bound at a free step, which has neither K nor R, nor has the path."""


@pytest.mark.soak
def test_wrong_exponents_are_refuted_on_the_paths_that_they_choose() -> None:
    """Paths follow the bounds; so path and bound are both wrong here, and the claims must not come out."""
    stood = set()
    with wrong_exponents():
        for claim in claims_of("quick", "*/exponent-*"):
            with suppress(TightrateError):  # no term of that shape dominates any more
                data = [one(Session()) for one in claim.data]
                verdict = check(claim.assertion(*data), claim.theorem, claim.outside)
                stood |= {claim.id} if verdict.status == claim.expected else set()
    assert stood == STEPS_ALONE
