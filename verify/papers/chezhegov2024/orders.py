"""What a scaling matrix can change in order, by the order algebra: nothing for the better with worst-case constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy
from sympy import Expr, Ge, Integer, Le, Symbol

from tightrate.rates.relations.implications import derived, stated, tuned_rates
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, B_scaled, K, R, d_max, d_min, eta
from tightrate.verify.assertions.assertion import Every
from tightrate.verify.assertions.order import Comparison, Order, at_most, not_at_most
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim
from tightrate.verify.papers.chezhegov2024.algebra import rate_of, simplified

AT_A_STEP = ("id-sc", "id-sc-euclidean", "id-c", "het-c", "het-c-own")
TUNED = ("id-sc-tuned", "id-c-tuned", "identical", "heterogeneous")
CONTRACTING = ("id-sc", "id-sc-euclidean", "id-sc-tuned")  # the start decays geometrically
NO_SCALING: Mapping[Symbol, Expr] = {d_min: Integer(1), d_max: Integer(1), B_scaled: B}
WIDER = (Ge(d_max, d_min), Ge(B_scaled**2, d_min * B**2), Le(B_scaled**2, d_max * B**2))


def without_scaling(label: str, expression: Expr) -> Expr:
    """The same formula with D = I; at a general step this is eta/d_min, and a norm of D counts sqrt(d_min) times."""
    measure = theorem(f"chezhegov2024/{label}").bound.measure.name
    unit = d_min if measure == "scaled-squared-distance" else Integer(1)
    plain = unit * expression.xreplace(dict(NO_SCALING))
    return plain.xreplace({eta: eta / d_min}) if label in AT_A_STEP else plain


def remembering(expression: Expr) -> Expr:
    """The expression with (1 - x)^{K R} and exp(-x K R) set to one."""
    return expression.replace(
        lambda part: isinstance(part, sympy.exp) or (part.is_Pow and part.exp == K * R), lambda _: Integer(1)
    )


def never_helps(label: str) -> Iterator[Comparison]:
    """No term of the theorem is of smaller order than with D = I, and not all are of the same order."""
    bound = theorem(f"chezhegov2024/{label}").bound

    def sides(expression: Expr) -> tuple[Expr, Expr]:
        return remembering(without_scaling(label, expression)), remembering(expression)

    for term in bound.terms:
        plain, scaled = sides(term.expression)
        yield at_most(plain, scaled, *WIDER, name=f"{label}: {term.name} not smaller")
    plain, scaled = sides(bound.expression)
    yield not_at_most(scaled, plain, *WIDER, name=f"{label}: not larger either")


@claim(
    "chezhegov2024/worst-case-never-helps",
    "Read with the worst-case constants $L/d_min$ and $mu/d_max$, no term of a theorem with a scaling matrix is of"
    " smaller order than with $D$ = I and the step $eta/d_min$, and each theorem has a term of larger order.",
    theorem="chezhegov2024/id-sc",
    kind="regime",
    expected="confirmed",
)
def worst_case_never_helps() -> Every:
    """Every term of nine theorems by the order algebra, given $d_min <= d_max$ and $d_min B^2 <= B_D^2 <= d_max B^2$.

    What decays geometrically is compared by its rate: exactly $d_min/d_max$ of that with $D$ = I."""
    starts = {label: theorem(f"chezhegov2024/{label}").bound.term("optimization").expression for label in CONTRACTING}
    rates = {
        label: (rate_of(start) / rate_of(without_scaling(label, start)), d_min / d_max)
        for label, start in starts.items()
    }
    comparisons = [one for label in (*AT_A_STEP, *TUNED) for one in never_helps(label)]
    return Every(
        {
            "terms": Order(comparisons, "no term of smaller order, one of larger order in every theorem"),
            "rates of contraction": Symbolic(rates, simplify=simplified),
        }
    )


def best_step(source: str, target: str, *, both: bool = False) -> Order:
    """The minimum of a bound over its step is at most a rate, and of its order if `both`, by the catalogue's tuning."""
    ids = f"chezhegov2024/{source}", f"chezhegov2024/{target}"
    tuning = next(one for one in tuned_rates() if (one.source, one.target) == ids)
    tuned, rate, given = derived(tuning), stated(tuning), tuning.given
    least = f"{tuning.source} at its best step"
    below = at_most(tuned, rate, *given, name=f"{least} <~ {tuning.target}")
    above = at_most(rate, tuned, *given, name=f"{tuning.target} <~ {least}")
    what = f"{least} {'~' if both else '<~'} {tuning.target}"
    return Order((below, above) if both else (below,), what)


@claim(
    "chezhegov2024/tuned-convex",
    "Minimizing the convex bound over the step gives the tuned rate, in order.",
    theorem="chezhegov2024/id-c-tuned",
    kind="scaling",
    expected="confirmed",
)
def tuned_convex() -> Order:
    """All balances of the terms by the order algebra, with certificates in both directions."""
    return best_step("id-c", "id-c-tuned", both=True)


@claim(
    "chezhegov2024/tuned-strongly-convex",
    "Minimizing the strongly convex bound over the step gives the tuned rate, up to logarithms.",
    theorem="chezhegov2024/id-sc-tuned",
    kind="scaling",
    expected="confirmed",
)
def tuned_strongly_convex() -> Order:
    """The step at which the exponential meets the other terms, and the order algebra in both directions."""
    return best_step("id-sc-euclidean", "id-sc-tuned", both=True)


@claim(
    "chezhegov2024/summarized-identical",
    "The tuned convex bound is at most $d_max/d_min$ times local SGD's rate for identical data.",
    theorem="chezhegov2024/identical",
    kind="scaling",
    expected="confirmed",
)
def summarized_identical() -> Order:
    """The minimum over the step with $B_D^2 = d_max B^2$, by the order algebra."""
    return best_step("id-c", "identical")


@claim(
    "chezhegov2024/summarized-heterogeneous",
    "The tuned heterogeneous bound is at most $d_max/d_min$ times local SGD's rate for heterogeneous data.",
    theorem="chezhegov2024/heterogeneous",
    kind="scaling",
    expected="confirmed",
)
def summarized_heterogeneous() -> Order:
    """The minimum over the step with $B_D^2 = d_max B^2$, by the order algebra."""
    return best_step("het-c", "heterogeneous")
