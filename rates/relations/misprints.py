"""Misprints: formulas as they stand in papers, or in summaries of papers, that the unit checker must reject.

They are the checker's negative examples.  Each says which unit the checker finds; the corrected form, where there is
one, is an entry of the catalogue wherever the catalogue has it, so that no formula is written twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sympy import Expr, Min, Pow, Rational, exp, log, sqrt

from tightrate.common.errors import unknown_name
from tightrate.rates.papers import cheng2024
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.measures import MEASURES, Measure
from tightrate.rates.symbols.alphabet import (
    SQUARED_GRADIENT,
    B,
    Delta,
    G_inf,
    K,
    L,
    M,
    R,
    T,
    alpha,
    delta,
    eps,
    eta,
    mu,
    sigma,
    sigma_inf,
    tau,
    zeta_opt,
)
from tightrate.rates.symbols.units import PURE, Unit


@dataclass(frozen=True)
class Misprint:
    """A formula that cannot be right, what is meant, and what the unit checker finds in it.

    `found` is the unit that betrays the misprint: that of the whole formula or, where two parts clash or an argument
    should be a pure number, that of the offending part.  `units` are the letters' units where they differ from the
    alphabet's.  `corrected` is None where the correct form is not known.
    """

    id: str
    paper: str
    where: str
    printed: Expr
    measure: Measure
    corrected: Expr | None
    found: str
    explanation: str
    units: Mapping[str, Unit] = field(default_factory=dict)

    @property
    def printed_bound(self) -> Bound:
        """The formula as printed, as a bound on its measure; checking its units raises `UnitError`.

        >>> from tightrate.rates.symbols.units import UnitError
        >>> try:
        ...     misprint("eqD.1").printed_bound.check_units()
        ... except UnitError as error:
        ...     print(error)
        term 'as printed' has the unit value length^-2, but the steps has pure number
        """
        return Bound((Term("as printed", self.printed),), self.measure, "upper", "hidden", self.units)

    @property
    def corrected_bound(self) -> Bound | None:
        """The formula as it should read, as a bound on its measure, if known."""
        if self.corrected is None:
            return None
        return Bound((Term("corrected", self.corrected),), self.measure, "upper", "hidden", self.units)


def _term(theorem_id: str, name: str) -> Expr:
    """A term of the catalogue: the corrected form."""
    return theorem(theorem_id).bound.term(name).expression


def misprints() -> tuple[Misprint, ...]:
    """Every misprint that the unit checker rejects."""
    kappa = L / mu
    accuracy_cap = sigma_inf**2 / G_inf
    return (
        Misprint(
            "summary-sgdm-clipping",
            "cheng2024",
            "last term of the Local SGDM rate in a summary of the paper",
            sigma**2 * sqrt(L) / sqrt(mu) * K * R ** (2 * (alpha - 1) / alpha),
            MEASURES["gap"],
            _term("cheng2024/thm1", "clipping"),
            "value^2 length^-2",
            "K R belongs in the denominator inside the power, and a factor 1/mu is missing.",
        ),
        Misprint(
            "summary-adam-clipping",
            "cheng2024",
            "last term of the Local Adam rate in a summary of the paper",
            (L * Delta * sigma) ** (alpha / (alpha - 1)) * K * R ** (-2 * (alpha - 1) / (3 * alpha - 2)),
            MEASURES["preconditioned-squared-gradient"],
            _term("cheng2024/thm3", "clipping"),
            "value^(3*alpha/(alpha - 1)) length^(-3*alpha/(alpha - 1))",
            "Only sigma carries the power alpha/(alpha-1), and the outer power covers the whole quotient by K R.",
        ),
        Misprint(
            "eq4.3-prefactor",
            "cheng2024",
            "(4.3), first term",
            exp(-mu * K * R / L),
            MEASURES["gap"],
            _term("cheng2024/thm1", "optimization"),
            "pure number",
            "The prefactor mu B^2 of the exponential is left out.",
        ),
        Misprint(
            "eq4.5-prefactor",
            "cheng2024",
            "(4.5), first term of the strongly convex case",
            exp(-mu * R / L),
            MEASURES["gap"],
            _term("cheng2024/eq4.5-sc", "optimization"),
            "pure number",
            "The prefactor mu B^2 of the exponential is left out.",
        ),
        Misprint(
            "eqB.52",
            "cheng2024",
            "(B.52)",
            Delta / (2 * L),
            MEASURES["squared-gradient"],
            2 * L * Delta,
            "length^2",
            "Smoothness bounds the squared gradient by 2 L times the gap.",
        ),
        Misprint(
            "eqC.14",
            "cheng2024",
            "(C.14), second term",
            Delta / eps * sqrt(L**2 * sigma**2 * K * cheng2024.consensus_factor_adam(T) / Min(eps, accuracy_cap)),
            MEASURES["steps"],
            _term("cheng2024/thmC1", "noise drift"),
            "value length^-1",
            "The minimum compares the accuracy, a squared gradient, with sigma_inf^2/G_inf; its square is meant.",
            cheng2024.ADAM_UNITS,
        ),
        Misprint(
            "eqC.25",
            "cheng2024",
            "(C.25), also (C.19) and (C.23)",
            accuracy_cap,
            Measure("accuracy", r"\varepsilon", SQUARED_GRADIENT, "largest accuracy that the theorem covers"),
            cheng2024.SMALL_ADAM_ACCURACY.relation.rhs if cheng2024.SMALL_ADAM_ACCURACY.relation is not None else None,
            "value length^-1",
            "The accuracy is a squared gradient; Lemma C.9's condition gives the square of sigma_inf^2/G_inf.",
        ),
        Misprint(
            "eqD.1",
            "cheng2024",
            "(D.1) and (D.11)",
            sigma / delta ** (1 / alpha) * sqrt(L / eps),
            MEASURES["steps"],
            _term("cheng2024/thmD1", "confidence"),
            "value length^-2",
            "sqrt(L/eps) should be 1/sqrt(L eps): the two facts that the paper quotes give it.",
        ),
        Misprint(
            "gamma-star",
            "khaled2025",
            "outer step that balances the rate, discussion after Theorem 1, as legible in a conversion of the text",
            sqrt(L * B**2 * sigma**2 * M * K / (R * sigma**2)),
            Measure("balancing-factor", r"\gamma_\star", PURE, "gamma eta L K at which the two terms are equal"),
            sqrt(L**2 * B**2 * M * K / (R * sigma**2)),
            "value^(1/2)",
            "Minimizing the rate over gamma_* gives the square of L and no noise in the numerator.",
        ),
        Misprint(
            "prop25-quadratics",
            "patel2024",
            "App. C.1, quadratic case of Prop. 25",
            zeta_opt * (1 - Pow(1 - eta * L, K)) / (eta * K),
            MEASURES["movement"],
            _term("patel2024/prop25-quadratics", "heterogeneity"),
            "value^2 length^-3",
            "The bound carries the distance of the optima, zeta_opt/L: an L is missing in the denominator.",
        ),
        Misprint(
            "two-stage-logarithm",
            "patel2024",
            "App. E.6, rounds of the first stage",
            kappa / K * log(L * mu / (zeta_opt * tau) / B),
            MEASURES["rounds"],
            _term("patel2024/two-stage", "local stage"),
            "length^-2",
            "B exp(-K R_1 mu/L) = zeta_opt tau/(L mu) puts B into the numerator.",
        ),
        Misprint(
            "woodworth2020-strongly-convex",
            "woodworth2020",
            "strongly convex row as quoted in Patel et al. (2024), Table 2",
            L * B**2 / (L * K * R + mu * K**2 * R**2),
            MEASURES["gap"],
            _term("woodworth2020/strongly-convex", "optimization"),
            "length^2",
            "With H^2 B^2 in the numerator the term has the unit of a value and agrees with the convex row at mu = 0.",
        ),
    )


def invisible_to_units() -> tuple[Misprint, ...]:
    """Misprints in which only pure numbers are misplaced: their units are right, and only exponents tell."""
    return (
        Misprint(
            "summary-adam-drift",
            "cheng2024",
            "fourth term of the Local Adam rate in a summary of the paper",
            (L * Delta * sigma) ** Rational(2, 3) * K ** Rational(1, 3) * R ** Rational(2, 3),
            MEASURES["preconditioned-squared-gradient"],
            _term("cheng2024/thm3", "noise drift"),
            "value^2 length^-2",
            "K and R belong in the denominator; they have no unit, so that the unit is right all the same.",
        ),
    )


def misprint(misprint_id: str) -> Misprint:
    """The misprint of that id, visible to the unit checker or not."""
    known = {entry.id: entry for entry in (*misprints(), *invisible_to_units())}
    if misprint_id not in known:
        raise unknown_name("misprint", misprint_id, known)
    return known[misprint_id]
