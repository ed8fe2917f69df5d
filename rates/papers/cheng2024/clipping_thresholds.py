"""The optimal clipping thresholds: (B.21), (B.26) and (C.29)."""

from __future__ import annotations

from collections.abc import Callable

from sympy import Expr, Max, log, sqrt

from tightrate.rates.papers.cheng2024 import CONVEX, MOMENT, STRONGLY_CONVEX, WEAKLY_CONVEX
from tightrate.rates.statements.builder import Stated, Statement, Statements, read
from tightrate.rates.symbols.alphabet import B, G_inf, K, M, T, alpha, d, delta, eps, mu, sigma_2alpha, sigma_inf


def bias_threshold_strongly_convex(accuracy: Expr) -> Expr:
    """(||sigma||^(2 alpha) / (mu eps))^(1/(2 (alpha-1))): where the squared clipping bias over mu meets eps."""
    return (sigma_2alpha ** (2 * alpha) / (mu * accuracy)) ** (1 / (2 * (alpha - 1)))


def bias_threshold_convex(accuracy: Expr) -> Expr:
    """(B ||sigma||^alpha / eps)^(1/(alpha-1)): where the distance times the clipping bias meets eps."""
    return (B * sigma_2alpha**alpha / accuracy) ** (1 / (alpha - 1))


def bias_threshold_adam(accuracy: Expr) -> Expr:
    """(||sigma||^(2 alpha) / eps)^(1/(2 (alpha-1))): where the squared clipping bias meets eps."""
    return (sigma_2alpha ** (2 * alpha) / accuracy) ** (1 / (2 * (alpha - 1)))


def best_threshold(bias_threshold: Expr, steps: Expr) -> Expr:
    """(B.21), (B.26), (C.29): the order of the clipping threshold that balances the bound."""
    variance_threshold = sigma_2alpha * (K / (sqrt(d) * log(M * steps / delta))) ** (1 / alpha)
    return Max(variance_threshold, bias_threshold, sigma_inf, G_inf)


def _optimal_threshold(
    statements: Statements, number: str, about: str, bias_threshold: Callable[[Expr], Expr]
) -> Statement:
    @statements.exact(
        f"eq{number}",
        f"Order of the optimal clipping threshold, {about}",
        measure="clipping-threshold",
        constants="hidden",
        provenance=read(f"({number})"),
    )
    def threshold() -> Stated:
        """The clipping threshold that balances the bound, up to a constant, at the accuracy $eps$ and $T$ steps."""
        return Stated({"clipping threshold": best_threshold(bias_threshold(eps), T)}, conditions=(MOMENT,))

    return threshold


eq_b21 = _optimal_threshold(STRONGLY_CONVEX, "B.21", "Local SGDM, strongly convex", bias_threshold_strongly_convex)
eq_b26 = _optimal_threshold(CONVEX, "B.26", "Local SGDM, convex", bias_threshold_convex)
eq_c29 = _optimal_threshold(WEAKLY_CONVEX, "C.29", "Local Adam", bias_threshold_adam)
