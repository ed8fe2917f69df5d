"""Implications between statements: special cases, tuned and solved rates, proved or refuted as listed; mutants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
from sympy import Expr, Integer, Rational, exp, log, oo, sqrt

from tightrate.rates.orders.certificate import check_witness
from tightrate.rates.orders.certificate_check import check_certificate
from tightrate.rates.orders.one_sided_estimates import primitive_differences
from tightrate.rates.papers.koloskova2020 import TWO_STEPS_AT_LEAST
from tightrate.rates.relations.implications import (
    at,
    decide,
    derived,
    identical,
    implications,
    powers,
    related,
    solved_rates,
    special_cases,
    stated,
    terms_at,
    tuned_rates,
    tuned_up_to_logarithm,
)
from tightrate.rates.statements.catalogue import theorem, theorem_ids
from tightrate.rates.statements.implication import Implication, SolvedBound, Specialization, TunedBound
from tightrate.rates.symbols.alphabet import B, K, L, M, R, T, eps, eta, gamma, mu, sigma, zeta_star
from tightrate.rates.symbols.evaluation import at as value_of

SIXTH = Rational(1, 6)


def name(implication: Implication) -> str:
    return f"{implication.source} {implication.operation} {implication.relation} {implication.target}"


@pytest.mark.parametrize("implication", implications(), ids=name)
def test_implication(implication: Implication) -> None:
    """Proved with certificates that their checker accepts, or refuted with a path that it accepts, as the list says."""
    outcome = decide(implication)
    assert outcome.verdict == ("fails" if implication.fails_because else "proved"), outcome
    left, right = (primitive_differences(side) for side in (derived(implication), stated(implication)))
    sides = [(left, right), (right, left)]
    for certificate, (low, high) in zip(outcome.certificates, sides, strict=False):
        assert check_certificate(certificate, low, high, implication.given)
    if implication.relation != "=" and outcome.verdict == "proved":
        assert len(outcome.certificates) == (2 if implication.relation == "~" else 1)
    if outcome.verdict == "fails":
        assert outcome.witness is not None
        assert check_witness(outcome.witness, left, right, implication.given)


def test_implications_are_between_entries_and_none_is_there_twice() -> None:
    known = set(theorem_ids())
    assert all({implication.source, implication.target} <= known | {"0"} for implication in implications())
    described = [(name(implication), str(implication.target_at), implication.terms) for implication in implications()]
    assert len(set(described)) == len(described)


@pytest.mark.parametrize(
    "value",
    [
        *(
            ("K", 1),
            ("M", 1),
            ("sigma", 0),
            ("gamma", 1),
            ("d_min", 1),
            ("beta1", 0),
            ("tau", 0),
            ("Q", 0),
            ("alpha", oo),
        ),
        *(("momentum", 0), ("zeta", 0), ("zeta_star", 0)),
    ],
    ids=str,
)
def test_every_special_value_is_taken(value: tuple[str, Expr | int]) -> None:
    letter, number = value
    assert any(implication.at.get(letter) == number for implication in special_cases() if not implication.fails_because)


def test_the_corollaries_that_are_printed_are_derived() -> None:
    derivations = {(implication.source, implication.target) for implication in (*tuned_rates(), *solved_rates())}
    assert {
        ("khaled2025/thm1", "khaled2025/eq2"),
        ("khaled2025/thm3", "khaled2025/cor1"),
        ("chezhegov2024/id-sc-euclidean", "chezhegov2024/id-sc-tuned"),
        ("cheng2024/thmB3", "cheng2024/thmB5-steps"),
        ("cheng2024/thmB3-sc", "cheng2024/thmB4-steps"),
        ("cheng2024/thmC1", "cheng2024/thmC2-steps"),
        ("cheng2024/thmB4", "cheng2024/thmB4-steps"),
        ("cheng2024/thmB5-steps", "cheng2024/thmB5"),
        ("woodworth2020/convex", "patel2024/eq10-old"),
    } <= derivations
    prescribed = {(implication.source, implication.target) for implication in special_cases()}
    assert {("lee2024/thm6", f"lee2024/{label}") for label in ("cor7a", "cor7b", "cor8")} <= prescribed


# --- mutants ----------------------------------------------------------------------------------------------------------


WRONG = [K**SIXTH, R**-SIXTH, (L * B / sigma) ** SIXTH]


@pytest.mark.parametrize(
    "factor",
    [*WRONG, *(pytest.param(one, marks=pytest.mark.soak) for one in (R**SIXTH, M**SIXTH, K**-SIXTH))],
    ids=str,
)
@pytest.mark.parametrize(
    "implication",
    [implication for implication in (*tuned_rates(), *solved_rates()) if implication.relation == "~"][:3],
    ids=name,
)
def test_a_printed_rate_with_a_wrong_exponent_is_rejected(implication: Implication, factor: Expr) -> None:
    given = implication.given
    left = derived(implication)
    assert related(left, stated(implication), "~", given).verdict == "proved"
    for index, term in enumerate(sympy.Add.make_args(stated(implication))):
        others = stated(implication) - term
        wrong = others + term * factor
        if related(wrong, stated(implication), "~", given).verdict == "proved":
            continue  # the term was dominated before and after: nothing was changed
        assert related(left, wrong, "~", given).verdict == "fails", (index, term)


@pytest.mark.parametrize(
    "implication",
    [
        Specialization("patel2024/thm15", "yuan2020/convex", "=", {"tau": 0}),
        Specialization("patel2024/thm15", "yuan2020/convex", "~", {"zeta": 0}),
        Specialization("khaled2025/thm2", "khaled2025/thm1", "=", {"momentum": 0}),
        Specialization("khaled2025/thm2", "khaled2025/thm1", "=", {"momentum": Rational(1, 2)}, factor=2),
        Specialization(
            "chezhegov2024/id-sc", "chezhegov2024/local-id-sc", "=", {"d_min": 1, "d_max": 2, "B_scaled": B}
        ),
        Specialization("cheng2024/thm2", "woodworth2020a/convex", "<~", {"alpha": 4}),
        Specialization("cheng2024/thm1", "cheng2024/thmB4", "=", without_logarithms=True),
        Specialization("lee2024/thm6", "lee2024/cor8", "~", {"gamma": 1, "eta": 1 / R}),
        Specialization("lee2024/thm6", "lee2024/cor7a", "~"),
        Specialization("patel2024/discrepancy", "0", "=", {"K": 2}),
        Specialization(
            "patel2024/thm27-explicit", "patel2024/thm27", "~", target_at={"L": 3 * L}, without_logarithms=True
        ),
        TunedBound("khaled2025/thm1", "khaled2025/eq2", "~", {"gamma": 1}, given=TWO_STEPS_AT_LEAST, cap=1 / (L * K)),
        TunedBound("dekel2012/fixed-step", "ghadimi2012/convex", "<~", cap=1 / L),
        SolvedBound("patel2024/thm15", "patel2024/eq10-old", "<~", letter="zeta", value=eps),
        SolvedBound("cheng2024/thmB5-steps", "cheng2024/thmB5", "~", without_logarithms=True),
    ],
    ids=name,
)
def test_false_implications_are_not_proved(implication: Implication) -> None:
    assert decide(implication).verdict != "proved"


# --- independent of the engine ----------------------------------------------------------------------------------------

PLAIN = [
    implication for implication in tuned_rates() if implication.letter == "eta" and "id-sc" not in implication.source
]


@pytest.mark.parametrize("implication", PLAIN, ids=name)
def test_tuned_rates_agree_with_a_search_over_the_step(implication: TunedBound) -> None:
    """The least value over a fine grid of steps, with all constants, against the printed rate at random points."""
    source = sympy.Add(*terms_at(implication, implication.source, implication.at).values())
    rate = sympy.Add(*terms_at(implication, implication.target, implication.target_at).values())
    assert implication.cap is not None
    rng = np.random.default_rng(5)
    count = 300
    letters = sorted({s.name for s in source.free_symbols | rate.free_symbols | implication.cap.free_symbols} - {"eta"})
    values = {letter: 10 ** rng.uniform(-2, 2, count) for letter in letters}
    values |= {n: np.ceil(10 ** rng.uniform(0.4, 5, count)) for n in ("K", "R", "M") if n in values}
    if "d_max" in values:
        values["d_max"] = values["d_min"] * 10 ** rng.uniform(0, 3, count)
    cap = value_of(implication.cap, values)
    grid = np.geomspace(1e-14, 1, 3000)[:, None] * cap
    found = value_of(source, {**values, "eta": grid}).min(axis=0)
    ratio = found / value_of(rate, values)
    assert ratio.max() <= 200
    assert implication.relation == "<~" or ratio.min() >= 1 / 200


def test_tuning_with_an_exponential_costs_a_logarithm_at_most() -> None:
    start, noise = B**2 * exp(-mu * eta * T), eta * sigma**2 / mu
    rate = tuned_up_to_logarithm({"start": start, "noise": noise}, "eta", 1 / L)
    rng = np.random.default_rng(2)
    count = 500
    values = {key: 10 ** rng.uniform(-2, 2, count) for key in ("B", "L", "mu", "sigma")}
    values["mu"] = values["L"] * 10 ** rng.uniform(-4, 0, count)
    values["T"] = 10 ** rng.uniform(0, 6, count)
    grid = np.geomspace(1e-12, 1, 4000)[:, None] / values["L"]
    best = value_of(start + noise, {**values, "eta": grid}).min(axis=0)
    logarithm = np.log(2 + (values["B"] * values["mu"]) ** 2 * values["T"] / values["sigma"] ** 2)
    assert (best <= 2 * logarithm * value_of(rate, values)).all()
    with pytest.raises(ValueError, match="one exponential"):
        tuned_up_to_logarithm({"noise": noise}, "eta", 1 / L)


def test_solutions_reach_the_accuracy() -> None:
    """At the solved accuracy the number of steps is of the order of T again."""
    (implication,) = (implication for implication in solved_rates() if implication.source == "cheng2024/thmB5-steps")
    accuracy = derived(implication)
    steps = sympy.Add(*terms_at(implication, implication.source, implication.at).values())
    rng = np.random.default_rng(4)
    letters = {s.name for s in accuracy.free_symbols | steps.free_symbols} - {"eps"}
    values = {key: 10 ** rng.uniform(0, 2, 200) for key in letters} | {"alpha": rng.uniform(4, 9, 200)}
    values["T"] = 10 ** rng.uniform(3, 8, 200)
    needed = value_of(steps, {**values, "eps": value_of(accuracy, values)})
    assert (needed <= 10 * values["T"]).all()
    assert (needed >= values["T"] / 10).all()


def test_helpers() -> None:
    assert at(sigma**2 * log(K * R) / M, {"sigma": 0}) == 0
    assert at(log(K * R) / M, {}, without_logarithms=True) == 1 / M
    assert identical(((1 - eta * mu) ** K) ** R, (1 - eta * mu) ** (K * R))
    assert not identical(K * R, K + R)
    assert powers({"a": (K + 1) * (R + 2) / (R + 1), "b": Integer(0)}) == {"a": K}
    assert related(sqrt(K), K, "<~").verdict == "proved"
    assert related(K, sqrt(K), "<~").verdict == "fails"
    assert related(K, sqrt(K), "=").verdict == "fails"
    assert decide(Specialization("patel2024/thm9", "0", "=")).verdict == "fails"
    undecidable = Specialization("patel2024/lemma8", "patel2024/prop7", "<~")
    assert decide(undecidable).verdict == "undecided"
    assert replace(undecidable, source="dekel2012/convex", at={"gamma": gamma}).operation == "$gamma = gamma$"
    assert zeta_star in theorem("koloskova2020/convex").bound.expression.free_symbols
