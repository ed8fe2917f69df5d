"""cheng2024, what the bounds' expressions say: their limits as K grows, and where the momentum occurs."""

from __future__ import annotations

import sympy
from sympy import Expr, log

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import Delta, K, L, R, alpha, beta1, weak
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim

BEYOND = sympy.Symbol("beyond", nonnegative=True)  # alpha - 4


def limit_in_steps(expression: Expr) -> Expr:
    """The limit of a term as K grows, for alpha >= 4: by its power of K, or by sympy.

    >>> limit_in_steps(theorem("cheng2024/thm3").bound.term("weak convexity").expression)
    Delta*weak/R
    >>> limit_in_steps(theorem("cheng2024/thm2").bound.term("clipping").expression)
    0
    """
    parts = monomial(expression)
    if any(K in factor.free_symbols for factor in parts.factors):
        return sympy.limit(expression, K, sympy.oo)
    power = sympy.sympify(parts.exponents.get("K", 0), strict=True)
    from_4 = sympy.cancel(power.subs(alpha, 4 + BEYOND))
    if not (from_4.is_negative or from_4.is_zero or from_4.is_positive):
        raise TightrateError(f"the sign of the exponent {power} of K is not known for alpha >= 4")
    return sympy.Integer(0) if from_4.is_negative else sympy.oo if from_4.is_positive else expression


def decay_in_steps(expression: Expr) -> Expr:
    """-K d log(term)/dK for alpha >= 4: a positive term falls in K where this is positive."""
    logarithm = sympy.expand_log(log(expression), force=True)
    return sympy.cancel(sympy.simplify(-K * sympy.diff(logarithm, K)).subs(alpha, 4 + BEYOND))


def limits(expected: dict[str, tuple[Expr, Expr]]) -> Symbolic:
    """Every term, by name, has this limit as K grows; those that vanish fall in K, the others are free of it."""
    equal = {name: (limit_in_steps(expression), limit) for name, (expression, limit) in expected.items()}
    falling = {name: decay_in_steps(expression) for name, (expression, limit) in expected.items() if limit == 0}
    constant = {
        f"{name}: derivative": (sympy.diff(expression, K), sympy.Integer(0))
        for name, (expression, _) in expected.items()
        if name not in falling
    }
    return Symbolic(equal=equal | constant, positive={f"{name}: decay": decay for name, decay in falling.items()})


@claim(
    "cheng2024/large-local-steps",
    "As $K$ grows at a fixed $R$, the SGDM bounds vanish and Adam's tends to weak $Delta/R$.",
    theorem="cheng2024/thm3",
    kind="identity",
    expected="confirmed",
)
def large_local_steps() -> Symbolic:
    """The limit of every term of the three bounds, from its power of $K$ for all $alpha >= 4$ or by symbolic
    calculation, checked again by its logarithmic derivative."""
    return limits(
        {
            f"{one.name}, {label}": (
                one.expression,
                weak * Delta / R if one.name == "weak convexity" else sympy.Integer(0),
            )
            for label in ("thm1", "thm2", "thm3")
            for one in theorem(f"cheng2024/{label}").bound.terms
        }
    )


def free_of_momentum(expressions: dict[str, Expr]) -> Symbolic:
    """No expression depends on beta1: by its value at beta1 = 0, and by its derivative."""
    return Symbolic(
        equal={
            **{f"{name} at beta1 = 0": (one, one.subs(beta1, 0)) for name, one in expressions.items()},
            **{
                f"derivative of {name}": (sympy.diff(one, beta1), sympy.Integer(0)) for name, one in expressions.items()
            },
        }
    )


@claim(
    "cheng2024/momentum-only-slows-the-start",
    "The numbers of steps of Theorem B.3 depend on $beta1$ only through $L/(1-beta1)^2$ in their first term.",
    theorem="cheng2024/thmB3",
    kind="identity",
    expected="confirmed",
)
def momentum_only_slows_the_start() -> Symbolic:
    """The expressions themselves: with $L (1-beta1)^2$ in place of $L$ the first term is free of $beta1$, as the others
    are; checked again by derivatives."""
    slowed = {L: L * (1 - beta1) ** 2}
    return free_of_momentum(
        {
            f"{one.name}, {label}": one.expression.subs(slowed) if one.name == "optimization" else one.expression
            for label in ("thmB3", "thmB3-sc")
            for one in theorem(f"cheng2024/{label}").bound.terms
        }
    )
