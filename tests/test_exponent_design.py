"""Designs isolate what they say: the term dominates, every condition holds, what cannot be designed is refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy

from tightrate.common.errors import TightrateError
from tightrate.rates.orders.certificate_check import check_certificate
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.symbols.alphabet import K, R, eta, mu
from tightrate.verify.exponents.design import Design, isolate
from tightrate.verify.exponents.linear_program import IsolationError


def symbols_at(design: Design, point: int) -> dict[str, float]:
    return {name: float(value[point]) for name, value in design.values.items()}


def check(design: Design, margin: float) -> None:
    """Everything that a design says, computed again from the catalogue with many digits."""
    statement = theorem(design.theorem)
    for point in (0, len(design.n) // 2, -1):
        values = symbols_at(design, point)
        terms = statement.bound.terms_at(values)
        own = terms.pop(design.term)
        assert own >= margin * sum(terms.values()) * (1 - 1e-9)
        assert own == pytest.approx(float(design.terms[design.term][point]), rel=1e-9)
        for condition in statement.conditions:
            if design.conditions[condition.text] == "holds" and not isinstance(condition.relation, sympy.Eq):
                assert condition.status(values) == "holds", condition.text
        for name in ("K", "R", "M"):
            assert values[name] == int(values[name]) >= 1
    assert design.margin >= margin * (1 - 1e-9)


CASES = [
    ("khaled2025/eq2", "optimization", "R"),
    ("khaled2025/eq2", "statistical", "K"),
    ("khaled2025/eq2", "noise drift", "R"),
    ("khaled2025/thm1", "statistical", {"eta": -1}),
    ("khaled2025/cor1", "noise drift", "R"),
    ("patel2024/thm15", "third-order heterogeneity", "R"),
    ("patel2024/thm27", "noise drift", "K"),
    ("patel2024/thm27-explicit", "heterogeneity drift", "R"),
    ("koloskova2020/convex", "heterogeneity drift", {"K": 2, "R": 1}),
    ("khaled2020/local-gd-slides", "heterogeneity drift", "K"),
    ("chezhegov2024/id-c-tuned", "noise drift", "R"),
]


@pytest.mark.parametrize(("name", "term", "along"), CASES)
@pytest.mark.parametrize("margin", [3.0, 30.0])
def test_a_design_isolates_its_term(name: str, term: str, along: Any, margin: float) -> None:
    zero = {"Q": 0.0} if name == "patel2024/thm27-explicit" else {}
    design = isolate(name, term, along, span=100, points=5, margin=margin, fixed={"L": 1, "B": 1, **zero})
    check(design, margin)
    for name_of, power in design.along.items():
        moved = np.log(design.values[name_of][-1] / design.values[name_of][0]) / np.log(100)
        assert moved == pytest.approx(float(power), abs=0.2 if name_of in ("K", "R") else 1e-9)  # counts are rounded


@pytest.mark.parametrize(
    ("name", "term"), [(t.id, term.name) for t in theorems("*2020*/convex") for term in t.bound.terms]
)
def test_every_term_of_the_convex_baselines_has_a_design_without_a_direction(name: str, term: str) -> None:
    check(isolate(name, term, span=10, points=4, margin=2), 2)


def test_a_term_that_never_dominates_is_refused_with_a_valid_certificate() -> None:
    with pytest.raises(IsolationError, match="never dominates") as refusal:
        isolate("lee2024/cor8", "client drift")
    bound = theorem("lee2024/cor8").bound
    others = sum(term.expression for term in bound.terms if term.name != "client drift")
    certificate = refusal.value.certificate
    assert certificate is not None
    assert check_certificate(certificate, bound.term("client drift").expression, others)


def test_the_slope_of_a_design_is_the_exponent_of_the_term() -> None:
    wide = {"K": (100.0, 1e9), "R": (100.0, 1e9), "M": (1.0, 1e6)}
    design = isolate("khaled2025/eq2", "noise drift", {"K": 1, "R": 2}, span=1e4, margin=3, within=wide)
    assert design.along == {"K": Fraction(1, 2), "R": Fraction(1)}
    assert design.slopes == pytest.approx(np.full(12, -1 / 6 - 2 / 3), abs=0.02)
    assert design.name == "K^1/2 R"


@pytest.mark.parametrize(("alpha", "power"), [(4, Fraction(-3, 2)), (4.5, Fraction(-14, 9)), (8, Fraction(-7, 4))])
def test_a_fixed_symbol_in_an_exponent_is_put_in(alpha: float, power: Fraction) -> None:
    """cheng2024's clipping term is sigma^2 (sqrt(L) / (K R sqrt(mu)))^(2 (alpha - 1) / alpha) / mu."""
    fixed = {"L": 1.0, "B": 1.0, "alpha": alpha, "decay": 1 / 24}
    design = isolate("cheng2024/thm1", "clipping", "R", span=10, points=4, margin=3, fixed=fixed)
    check(design, 3)
    assert design.slopes == pytest.approx(np.full(3, float(power)), abs=1e-9)
    assert (design.values["alpha"] == alpha).all()
    with pytest.raises(IsolationError, match="not an exact exponent"):
        isolate("cheng2024/thm1", "clipping", "R", span=10, points=4, margin=3, fixed={"decay": 1 / 24})
    with pytest.raises(TightrateError, match="hides; fix decay"):
        isolate("cheng2024/thm1", "clipping", "R", span=10, points=4, margin=3, fixed={"alpha": alpha})


def test_a_bound_above_what_holds_anyway_is_avoided() -> None:
    design = isolate("khaled2025/eq2", "statistical", "K", span=100, margin=10)
    assert (design.terms["statistical"] <= 1 + 1e-9).all()  # L B^2 = 1
    vacuous = isolate("khaled2025/eq2", "statistical", "K", span=1e6, margin=100, below=sympy.oo)
    assert (vacuous.terms["statistical"] > 1).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("khaled2025/eq2", "bias"), "no term 'bias'"),
        (("khaled2025/eq2", "statistical", "tau"), "unknown letter"),
        (("khaled2025/eq2", "statistical", "L"), "cannot move"),
        (("khaled2025/eq2", "statistical", "eta"), "follows from other letters"),
        (("khaled2025/eq2", "statistical", {}), "needs a letter that moves"),
        (("khaled2025/eq2-explicit", "statistical", "M"), "ask for less"),
        (("patel2024/thm27", "optimization", "K"), "decays exponentially"),
    ],
)
def test_what_cannot_be_designed_is_refused_in_one_line(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(TightrateError, match=message) as refusal:
        isolate(*arguments, span=1e9)
    assert "\n" not in str(refusal.value)


def test_bad_sizes_are_refused() -> None:
    for wrong in ({"margin": 0.5}, {"span": 1.0}, {"points": 2}):
        with pytest.raises(TightrateError, match="margin >= 1"):
            isolate("khaled2025/eq2", "statistical", "K", **wrong)
    with pytest.raises(TightrateError, match="defined by each other"):
        isolate("khaled2025/thm1", "statistical", "M", derived={"eta": 1 / mu, "mu": 1 / eta})


def test_further_inequalities_are_obeyed() -> None:
    design = isolate("khaled2025/eq2", "statistical", "R", span=100, margin=3, given=[K >= 50, R >= K**2])
    assert (design.values["K"] >= 50).all()
    assert (design.values["R"] >= design.values["K"] ** 2).all()


def test_text_is_never_evaluated() -> None:
    for options in ({"below": "__import__('os').getcwd()"}, {"derived": {"sigma": "__import__('os').getcwd()"}}):
        with pytest.raises(TightrateError, match="must be a number or an expression"):
            isolate("khaled2025/eq2", "statistical", "K", span=100, points=3, **options)  # type: ignore[arg-type]
