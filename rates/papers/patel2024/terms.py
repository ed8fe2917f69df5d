"""Terms that several statements share."""

from __future__ import annotations

from sympy import Expr, Pow

from tightrate.rates.papers import dekel2012
from tightrate.rates.symbols.alphabet import K


def remaining_fraction(step: Expr, hessian_eigenvalue: Expr) -> Expr:
    """What K local gradient steps leave of a displacement along an eigenvector: (1 - eta a)^K."""
    return Pow(1 - step * hessian_eigenvalue, K)


def phi(q: Expr) -> Expr:
    """phi_K(q) = 1 - K q (1-q)^(K-1) / (1 - (1-q)^K), in [0, 1]; it vanishes at K = 1 and as q -> 0."""
    return 1 - K * q * Pow(1 - q, K - 1) / (1 - Pow(1 - q, K))


def minibatch_terms() -> dict[str, Expr]:
    """The rate of mini-batch SGD."""
    return {"optimization": dekel2012.optimization(), "statistical": dekel2012.statistical()}
