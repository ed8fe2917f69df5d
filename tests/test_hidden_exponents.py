"""Constants that a source hides in an exponent, exp(-Theta(X)): compared, evaluated, judged and printed as unknown."""

from dataclasses import replace

import numpy as np
import pytest
import sympy
import xarray as xr
from sympy import exp

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas import display
from tightrate.rates.formulas.parse import parse
from tightrate.rates.orders.domination import compare, dominated
from tightrate.rates.pages.theorem_facts import theorem_as_json
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import B, K, L, R, decay, decay_lower, mu
from tightrate.rates.symbols.kinds import Kind
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.measurement import Measurement, Named

X = mu * K * R / L
HIDDEN = ("cheng2024/thm1", "cheng2024/eq4.5-sc", "cheng2024/thmB4")  # (4.3), (4.5), (B.19) print exp(-Theta(.))


@pytest.mark.parametrize("name", HIDDEN)
def test_what_prints_theta_has_an_unspecified_constant(name: str) -> None:
    bound = theorem(name).bound
    assert bound.unspecified == ("decay",)
    for printed, sign in (
        (display.sum_text(bound.expressions), "exp(-Theta("),
        (display.sum_latex(bound.expressions), r"e^{-\Theta("),
        (display.sum_unicode(bound.expressions), "−Θ("),
        (display.sum_stacked(bound.expressions), "−Θ("),
        (display.sum_mathml(bound.expressions), "<mi>Θ</mi>"),
        (theorem_as_json(theorem(name))["terms"][0]["text"], "exp(-Theta("),
    ):
        assert sign in printed
        assert "decay" not in printed
    assert theorem_as_json(theorem(name))["unspecified_constants"] == {"decay": [0, 1]}


def test_nothing_else_in_the_catalogue_is_marked_so() -> None:
    assert theorem_as_json(theorem("patel2024/prop7"))["unspecified_constants"] == {}
    assert theorem("patel2024/thm27").bound.unspecified == ()  # printed without Theta; erratum E8


@pytest.mark.parametrize(
    "written", [r"\exp(-\Theta(\frac{\mu KR}{L}))", "exp(-Theta(mu*K*R/L))", r"e^{-\Omega(\mu KR/L)}"]
)
def test_an_order_in_an_exponent_is_read_as_an_unknown_constant(written: str) -> None:
    assert parse(written).expression == exp(-decay * X)


def test_hidden_logarithms_in_an_exponent_are_refused() -> None:
    with pytest.raises(TightrateError, match="logarithms that are hidden in an exponent"):
        parse(r"\exp(-\tilde\Omega(\mu K R/L))")


def test_no_value_is_guessed() -> None:
    bound, at = (
        theorem("cheng2024/thm1").bound,
        {"L": 1, "mu": 0.1, "K": 10, "R": 10, "B": 1, "M": 1, "sigma": 0, "alpha": 4},
    )
    for evaluate in (bound.at, bound.terms_at):
        with pytest.raises(TightrateError, match=r"hides a constant in an exponent.*decay=VALUE"):
            evaluate(at)
    with pytest.raises(TightrateError, match="hides a constant"):
        bound.at(at, K=np.array([1.0, 2.0]))
    assert bound.at(at, decay=1 / 24) == pytest.approx(0.1 * np.exp(-10 / 24))
    assert bound.weakest.at(at) == pytest.approx(0.1)
    assert bound.strongest.at(at) == pytest.approx(0.1 * np.exp(-10))


def test_orders_hold_for_every_constant_or_are_not_decided() -> None:
    hidden, known = exp(-decay * X), exp(-X)
    assert compare(hidden, hidden).relation == "A~B"
    assert dominated(known, hidden).relation == "holds"  # the constant is at most 1
    assert dominated(hidden, known).relation == "undecided"  # it may be smaller
    assert dominated(hidden, 1 / X**7, [sympy.Ge(X, 1)]).relation == "holds"
    assert dominated(1 / X**7, hidden).relation == "fails"
    assert dominated(hidden, exp(-decay * mu * R / L)).relation == "holds"
    assert dominated(exp(-decay * mu * R / L), hidden).relation == "fails"


def test_a_step_with_the_constant_one_would_diverge() -> None:
    """At c = 1 the prescribed step exceeds 2/L, beyond which gradient descent diverges; with c <= 1/24 it does not."""
    at = {"L": 1, "B": 1, "M": 1, "mu": 0.1, "K": 10, "R": 10, "alpha": 4}
    step = theorem("cheng2024/thm1").step_at
    found = [step("eta", at, sigma=s, decay=1) for s in (1e-6, 1e-2, 1e-1, 0.3)]
    assert found == pytest.approx([2.28, 1.90, 1.01, 0.57], abs=0.005)
    assert step("eta", at, sigma=1e-6, decay=1 / 24) < 2
    # 2 c/L + 2 log(4)/(mu K R): what is left of the logarithm
    assert step("eta", at, sigma=0, decay=1 / 24) == pytest.approx(2 / 24 + 2 * np.log(4) / 10)


def one_term(kind: Kind) -> Theorem:
    bound = Bound((Term("optimization", B**2 * L * exp(-decay * X)),), MEASURES["gap"], kind, "explicit")
    return replace(theorem("cheng2024/thm1"), bound=bound)


def measured(value: float, **assumed: float) -> Measurement:
    symbols = {name: Named(v) for name, v in {"L": 1.0, "mu": 0.1, "K": 10.0, "R": 10.0, "B": 1.0, **assumed}.items()}
    return Measurement(Named(value), "the gap", symbols)


@pytest.mark.parametrize(
    ("value", "status"),
    [(0.5 * np.exp(-10), "consistent"), (0.5, "inconclusive"), (1.5, "violated")],  # L B^2 = 1, X = 10
)
def test_an_upper_bound_is_violated_only_beyond_every_constant(value: float, status: str) -> None:
    verdict = Bounded(one_term("upper"), measured(value)).check()
    assert verdict.status == status
    assert (verdict.witness is not None) == (status == "violated")


@pytest.mark.parametrize(("value", "status"), [(2 * np.exp(-10), "consistent"), (0.5 * np.exp(-10), "inconclusive")])
def test_a_lower_bound_may_fall_to_zero(value: float, status: str) -> None:
    lower = one_term("lower")
    assert lower.bound.unspecified == ("decay_lower",)
    assert Bounded(lower, measured(value)).check().status == status


def test_an_assumed_constant_is_used_as_it_is() -> None:
    assert Bounded(one_term("upper"), measured(np.exp(-1), decay=0.2)).check().status == "violated"
    assert Bounded(one_term("upper"), measured(np.exp(-1), decay=0.05)).check().status == "consistent"


def test_a_hidden_constant_stands_in_an_exponential_only() -> None:
    with pytest.raises(TightrateError, match=r"exp\(-Theta\(X\)\) only"):
        Bound((Term("a", L * B**2 / R**decay),), MEASURES["gap"], "upper", "hidden")
    with pytest.raises(TightrateError, match="equality"):
        Bound((Term("a", L * B**2 * exp(-decay * X)),), MEASURES["gap"], "exact", "hidden")
    lower = Bound((Term("a", L * B**2 * exp(-decay * X)),), MEASURES["gap"], "lower", "hidden")
    assert lower.weakest.expression == 0
    assert lower.expression.has(decay_lower)


def test_a_batch_of_points_keeps_the_rule() -> None:
    data = xr.DataArray([0.5 * np.exp(-10), 0.5], dims="R")
    symbols = {**measured(0).symbols, "R": xr.DataArray([10.0, 10.0], dims="R")}
    assert Bounded(one_term("upper"), Measurement(data, "the gap", symbols)).check().status == "inconclusive"
