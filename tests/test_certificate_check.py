"""The checker of certificates: it accepts what is proved, and no forged or corrupted proof."""

import ast
import inspect
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sympy
from sympy import Expr, Ge, Integer, Le, Max, Min, Piecewise, Rational, exp, log, sqrt

from tightrate.rates.orders import certificate_check
from tightrate.rates.orders.certificate import CaseProof, Certificate, ProofStep
from tightrate.rates.orders.certificate_check import (
    RefusalError,
    _form,
    _is_law,
    _nonnegative,
    check_certificate,
    refusal,
)
from tightrate.rates.orders.domination import dominated
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, Delta, K, L, M, R, alpha, beta1, decay, eps, mu, sigma
from tightrate.rates.symbols.hypothesis import Hypothesis

DRIFT, STATISTICAL = sympy.cbrt(L * sigma**2 * B**4 / (K * R**2)), sigma * B / sqrt(M * K * R)
X = mu * K * R / L


def clipping(name: str) -> tuple[Expr, Expr]:
    bound = theorem(name).bound
    return bound.term("clipping").expression, bound.term("noise drift").expression


QUESTIONS: dict[str, tuple[Any, Any, tuple[Any, ...]]] = {
    "a hypothesis": (DRIFT, STATISTICAL, (R * sigma**2 >= K * M**3 * (L * B) ** 2,)),
    "ranges of letters": (L * B**2 / (K * R), L * B**2 / R + mu * B**2, ()),
    "a minimum on the left": (Min(1 / R, 1 / M) + 1 / (M * R), 1 / sqrt(M * R), ()),
    "a maximum on the right": (1 / sqrt(M * R), Max(1 / M, 1 / R), ()),
    "alpha in exponents": (*clipping("cheng2024/thm1"), (Ge(K ** (alpha - 2) * L, mu * R**2), Ge(alpha, 4))),
    "an exponential": (exp(-X), X**-3, (Ge(X, 1),)),
    "a hidden constant": (exp(-X), exp(-decay * X), ()),
    "a logarithm": (log(Max(2, K * R)), sqrt(K * R), ()),
    "log(1 + X)": (log(1 + eps), eps, ()),
    "a difference": ((K - 1) / R, K / R, ()),
    "1 - beta": (1 / K, 1 / (K * (1 - beta1)), ()),
    "cases": (Piecewise((1 / R, R >= K), (1 / K, True)), 1 / R + 1 / K, ()),
    "alternatives": (1 / R, 1 / K, (sympy.Or(Ge(R, K), Ge(R, K * M)),)),
    "a gap at the start": (Delta, L * B**2, ()),
}
PROVED = {name: dominated(*question).certificate for name, question in QUESTIONS.items()}


@pytest.mark.parametrize("name", QUESTIONS)
def test_real_certificates_are_accepted(name: str) -> None:
    assert PROVED[name] is not None
    assert refusal(PROVED[name], *QUESTIONS[name]) == ""


# --- Every field of a certificate, corrupted -------------------------------------------------------------------------


def corrupted_steps(step: ProofStep) -> Iterator[tuple[str, ProofStep]]:
    """A step with one of its entries wrong."""
    for part in ("left", "right", "used"):
        entries = getattr(step, part)
        for place, (what, weight) in enumerate(entries):

            def put(entry: tuple[Any, Any], part: str = part, entries: Any = entries, place: int = place) -> ProofStep:
                return replace(step, **{part: (*entries[:place], entry, *entries[place + 1 :])})

            yield f"{part} {place}: weight negated", put((what, -weight))
            yield f"{part} {place}: weight doubled", put((what, 2 * weight))
            yield f"{part} {place}: weight + 1/7", put((what, weight + Rational(1, 7)))
            yield f"{part} {place}: weight - 1/7", put((what, weight - Rational(1, 7)))
            yield f"{part} {place}: left out", replace(step, **{part: (*entries[:place], *entries[place + 1 :])})
            if isinstance(what, Hypothesis):
                yield f"used {place}: another reason", put((replace(what, reason="invented"), weight))
                yield f"used {place}: turned round", put((Hypothesis(what.larger, what.smaller), weight))
                yield f"used {place}: smaller side larger", put((Hypothesis(what.smaller * K, what.larger), weight))
                yield f"used {place}: larger side smaller", put((Hypothesis(what.smaller, what.larger / K), weight))
            else:
                yield f"{part} {place}: times K", put((what * K, weight))
                yield f"{part} {place}: over sigma", put((what / sigma, weight))
    yield "no weights at all", replace(step, left=(), right=(), used=())
    yield "an own hypothesis", replace(step, used=((Hypothesis(K, Integer(1)), Integer(1)), *step.used))


def corrupted(certificate: Certificate) -> Iterator[tuple[str, Certificate]]:
    """A certificate with one of its fields wrong, or something left out."""

    def with_case(place: int, case: CaseProof) -> Certificate:
        return Certificate((*certificate.cases[:place], case, *certificate.cases[place + 1 :]))

    for i, case in enumerate(certificate.cases):
        for j, step in enumerate(case.steps):
            for what, wrong in corrupted_steps(step):
                steps = (*case.steps[:j], wrong, *case.steps[j + 1 :])
                yield f"case {i}, step {j}, {what}", with_case(i, replace(case, steps=steps))
        extra = replace(case, hypotheses=(*case.hypotheses, Hypothesis(K**3, Integer(1))))
        if case.steps:
            yield f"case {i}: no steps", with_case(i, replace(case, steps=()))
            yield f"case {i}: for a smaller case", with_case(i, extra)
    yield "no cases", Certificate(())


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_corrupted_certificate_is_refused(name: str) -> None:
    certificate = PROVED[name]
    assert certificate is not None
    accepted = [what for what, wrong in corrupted(certificate) if check_certificate(wrong, *QUESTIONS[name])]
    assert not accepted


def test_intervals_of_alpha_must_cover_it() -> None:
    certificate, question = PROVED["alpha in exponents"], QUESTIONS["alpha in exponents"]
    assert certificate is not None
    (case,) = certificate.cases
    for interval in ((Integer(5), sympy.oo), (Integer(4), Integer(9)), None):
        steps = tuple(replace(step, alpha=interval) for step in case.steps)
        assert not check_certificate(Certificate((replace(case, steps=steps),)), *question), interval
    wider = (question[0], question[1], (question[2][0],))
    assert check_certificate(certificate, *wider)  # alpha is at least 4 by itself


@pytest.mark.parametrize("name", [name for name, question in QUESTIONS.items() if question[2]])
def test_a_proof_without_its_hypotheses_is_none(name: str) -> None:
    left, right, given = QUESTIONS[name]
    assert not check_certificate(PROVED[name], left, right, given[1:])


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_proof_of_one_thing_proves_nothing_else(name: str) -> None:
    left, right, given = QUESTIONS[name]
    assert not check_certificate(PROVED[name], left * R, right, given)
    assert not check_certificate(PROVED[name], left, right / sigma, given)
    assert not check_certificate(PROVED[name], left + sigma**7, right, given)
    assert not check_certificate(PROVED[name], right, left * eps, given)


# --- Forged proofs of what is false ----------------------------------------------------------------------------------

FALSE = (K**5, K**-5)
ONE = Integer(1)


@pytest.mark.parametrize(
    "step",
    [
        ProofStep(((K**5, ONE),), ((K**-5, ONE),), ((Hypothesis(ONE, K), Integer(-10)),)),  # a negative weight
        ProofStep(((K**5, Integer(0)),), ((K**-5, Integer(0)),), ()),  # weights that do not sum to one
        ProofStep((), (), ()),
        ProofStep(((K**5, ONE),), ((K**-5, ONE),), ()),  # two sides that differ
        ProofStep(((K**5, ONE),), ((K**-5, ONE),), ((Hypothesis(K, ONE), Integer(10)),)),  # what is not known
        ProofStep(((K**5, ONE),), ((K**-5, ONE),), ((Hypothesis(K, ONE, "range of the letters"), Integer(10)),)),
        ProofStep(((K**5, ONE),), ((K**-5, ONE),), ((Hypothesis(K**10, ONE, "case"), ONE),)),
        ProofStep(((K**-5, ONE),), ((K**-5, ONE),), ()),  # a step about something else
        ProofStep(((K**5, ONE),), ((K**5, ONE),), ()),
        ProofStep(((K**5, -ONE), (K**-5, Integer(2))), ((K**-5, ONE),), ((Hypothesis(ONE, K), Integer(10)),)),
        ProofStep(((K**5, ONE),), ((K**-5, ONE),), ((Hypothesis(exp(K) * K**10, ONE), ONE),)),
        ProofStep(((K**5, ONE),), ((K**-5, ONE),), ((Hypothesis(exp(-K) * K**-10, exp(-K)), ONE),)),
    ],
)
@pytest.mark.parametrize("hypotheses", [(), (Hypothesis(K, ONE, "case"),), (Hypothesis(K, ONE),)])
def test_no_proof_of_a_falsehood_is_accepted(step: ProofStep, hypotheses: tuple[Hypothesis, ...]) -> None:
    forged = Certificate((CaseProof(hypotheses, (step,)),))
    assert not check_certificate(forged, *FALSE)
    assert dominated(*FALSE).relation == "fails"


def test_what_cannot_be_read_is_refused() -> None:
    for strange in (sympy.sin(K), K - R, log(K - 2), -K, sympy.I * K, K**alpha - 1):
        assert not check_certificate(PROVED["a difference"], strange, strange)


def test_laws_that_do_not_hold_are_not_known() -> None:
    wrong = {
        "decay too fast": Hypothesis(exp(-X) * exp(X / 2), exp(-X)),
        "a logarithm below one": Hypothesis(log(Max(2, K)), ONE),
        "K at most 1": Hypothesis(K, ONE),
        "L at most mu": Hypothesis(L, mu),
        "eps at least 1": Hypothesis(ONE, eps),
        "exp below a power where X may be small": Hypothesis(exp(-X) * X**4, ONE),
    }
    for name, hypothesis in wrong.items():
        step = ProofStep(((hypothesis.smaller, ONE),), ((hypothesis.larger, ONE),), ((hypothesis, ONE),))
        forged = Certificate((CaseProof((), (step,)),))
        assert not check_certificate(forged, hypothesis.smaller, hypothesis.larger), name


@pytest.mark.parametrize("weight", [K, -K, sympy.I, sympy.nan, sympy.oo, sympy.zoo, alpha, None, "1", Rational(-1, 99)])
def test_weights_are_nonnegative_numbers(weight: Any) -> None:
    """A power that grows with a letter would make a hidden constant grow, too."""
    used = ((Hypothesis(ONE, K, "range of the letters"), ONE), (Hypothesis(R, R, "difference"), weight))
    step = ProofStep(((1 / K, ONE),), ((ONE, ONE),), used)
    right = ProofStep(((1 / K, ONE),), ((ONE, ONE),), used[:1])
    assert check_certificate(Certificate((CaseProof((), (right,)),)), 1 / K, ONE)
    assert not check_certificate(Certificate((CaseProof((), (step,)),)), 1 / K, ONE)


def rational_functions(count: int) -> Iterator[tuple[Expr, tuple[Expr, Expr], bool]]:
    """Functions of alpha with zeros and poles at multiples of 1/2, an interval, and whether they are defined and
    nonnegative on it: values between the multiples tell."""
    source = random.Random(0)
    for _ in range(count):
        places = [Rational(source.randint(6, 20), 2) for _ in range(4)]
        powers = [source.choice((-2, -1, 1, 2)) for _ in places]
        function = source.choice((-1, 1)) * Rational(1, source.choice((1, 1000)))
        for place, power in zip(places[: source.randint(1, 4)], powers, strict=False):
            function *= (alpha - place) ** power
        start, stop = sorted(Rational(source.randint(8, 18), 2) for _ in range(2))
        stop = source.choice((stop, sympy.oo))
        if start == stop:
            continue
        last = 30 if stop == sympy.oo else stop
        inside = [start + Rational(1, 4) + Rational(k, 2) for k in range(int(2 * (last - start)))]
        ends = [start + Rational(k, 2) for k in range(int(2 * (last - start)) + 1)]
        poles = {place for place in ends if function.as_numer_denom()[1].subs(alpha, place) == 0}
        yield function, (start, stop), not poles and all(function.subs(alpha, x) >= 0 for x in inside)


def test_the_sign_of_a_weight_is_decided_exactly() -> None:
    found = [(_nonnegative(*case[:2]), case) for case in rational_functions(80)]
    assert not [case for verdict, case in found if verdict is not case[2]]
    assert 8 < sum(case[2] for _, case in found) < 72


def test_the_sign_of_a_weight_at_the_ends() -> None:
    four, disguised = Integer(4), (alpha - 1) ** 2 - alpha**2 + 2 * alpha - 1
    assert _nonnegative(disguised, (four, sympy.oo))
    assert _nonnegative(alpha - 4, (four, four))
    assert not _nonnegative(alpha - 5, (four, four))
    assert not _nonnegative(alpha - Rational(9, 2), (four, four))
    assert not _nonnegative(1 / (alpha - 4), (four, four))
    assert not _nonnegative(alpha, None)
    assert not _nonnegative(1 / (alpha - 4), (four, sympy.oo))
    assert not _nonnegative(1 / (5 - alpha), (four, Integer(5)))
    assert not _nonnegative(-1 / alpha, (four, sympy.oo))
    assert _nonnegative(1 / alpha, (four, sympy.oo))
    assert not _nonnegative(alpha * K, (four, sympy.oo))


LAWS = {  # smaller, larger, and what else is known; with the same sides turned, or changed as said, they are none
    "decay": (exp(-X), ONE, ()),
    "decay at two speeds": (exp(-X), exp(-decay * X), ()),
    "decay of a larger argument": (exp(-K * R), exp(-R), ()),
    "decay below a power": (exp(-X), X**-2, ((ONE, X),)),
    "a logarithm of at least 2": (ONE, log(Max(2, X)), ()),
    "a logarithm below a power": (log(Max(2, X)), X, ((ONE, X),)),
    "a logarithm of counts": (log(Max(2, K * R)), sqrt(K * R), ()),
    "a difference": (K - Rational(1, 2), K, ()),
}
NO_LAWS = {
    "growth": (ONE, exp(-X), ()),
    "half a decay": (ONE, sqrt(exp(-X)), ()),
    "a root of a faster decay": (exp(-K * R / 4), exp(-R / 2), ()),
    "a slower decay": (exp(-R), exp(-K * R), ()),
    "other decays": (exp(-X), exp(-R), ()),
    "decay twice as fast": (exp(-2 * X) * K, exp(-X), ()),
    "two decays with a letter": (exp(-K * R) * L, exp(-R), ()),
    "decay below a growing power": (exp(-X), X**2 / X**3, ()),
    "decay below a power that may be small": (exp(-X), X**-2, ()),
    "decay below a power of something else": (exp(-X), R**-2, ((ONE, X),)),
    "a logarithm of at least K": (K, log(Max(2, X)), ()),
    "a logarithm below a power that may be small": (log(Max(2, X)), X, ()),
    "a logarithm below a falling power": (log(Max(2, X)), 1 / X, ((ONE, X),)),
    "a logarithm below another power": (log(Max(2, X)), R, ((ONE, X),)),
    "two logarithms": (log(Max(2, X)) * log(Max(2, R)), X, ((ONE, X),)),
    "three factors that are no letters": (log(Max(2, K)) * exp(-R), log(Max(2, R)), ()),
    "a decay against a logarithm": (log(Max(2, R)), exp(-X), ()),
}


@pytest.mark.parametrize("name", [*LAWS, *NO_LAWS])
def test_laws(name: str) -> None:
    smaller, larger, known = {**LAWS, **NO_LAWS}[name]
    fact = (_form(smaller), _form(larger))
    assert _is_law(fact, {(_form(a), _form(b)) for a, b in known}) is (name in LAWS)


@pytest.mark.parametrize("expression", [Max(K, R), Min(K, R), K + R, Integer(0), Max(K, R) + L])
def test_what_is_no_monomial_is_refused(expression: Expr) -> None:
    with pytest.raises(RefusalError):
        _form(expression)


def test_the_checker_shares_no_code_with_the_prover() -> None:
    tree = ast.parse(inspect.getsource(certificate_check))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert {name for name in modules if name.startswith("tightrate")} == {"tightrate.rates.symbols.alphabet"}


def test_le_and_ge_are_read_alike() -> None:
    certificate = dominated(1 / R, 1 / K, (Le(K, R),)).certificate
    assert check_certificate(certificate, 1 / R, 1 / K, (Ge(R, K),))
