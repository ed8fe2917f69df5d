"""Exponents with the moment order alpha, at least 4, in them: their signs for all its values."""

from __future__ import annotations

from functools import cache, lru_cache

import sympy
from sympy import Expr, Symbol

from tightrate.rates.orders.undecidable import UndecidableError

ALPHA = Symbol("alpha", positive=True)
ALPHA_RANGE = (sympy.Integer(4), sympy.oo)


@cache
def _roots_in_range(polynomial: Expr) -> int:
    if ALPHA not in polynomial.free_symbols:
        return 0
    return int(sympy.Poly(polynomial, ALPHA).count_roots(ALPHA_RANGE[0], None))


@lru_cache(maxsize=4096)
def check_defined(exponent: Expr) -> None:
    """Refuse an exponent with a pole on alpha >= 4."""
    if _roots_in_range(sympy.fraction(sympy.cancel(exponent))[1]):
        raise UndecidableError(f"the exponent {exponent} is undefined for some alpha >= {ALPHA_RANGE[0]}")


@lru_cache(maxsize=4096)
def sign_for_all_alpha(exponent: Expr) -> int:
    """The sign of a rational function of alpha on alpha >= 4; UndecidableError where it is not the same everywhere."""
    if ALPHA in exponent.free_symbols:
        check_defined(exponent)
        if _roots_in_range(sympy.fraction(sympy.cancel(exponent))[0]):
            raise UndecidableError(f"the exponent {exponent} changes sign for some alpha >= {ALPHA_RANGE[0]}")
    return int(sympy.sign(exponent.subs(ALPHA, ALPHA_RANGE[0])))
