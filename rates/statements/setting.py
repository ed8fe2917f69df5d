"""The setting of a bound: its algorithm and its problem class, in a form that a program can compare.

An instance has constants: noise, heterogeneity, smoothness of the Hessian.  A class gives the largest value that each
of them may take, so one class lies inside another where its values are no larger.  An algorithm has free steps, so one
family contains another where some choice of the steps turns the first into the second
(`tightrate.rates.statements.family`).

A lower bound over a class C for every algorithm of a family F, and an upper bound over a class C' for an algorithm a,
speak of the same thing where C is inside C' and a is in F.  Convexity, L and B are shared by all settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy
from sympy import Expr, Symbol, sqrt

from tightrate.rates.symbols.alphabet import LETTERS, B, L, d_max, symbol

# Constants of an instance that are no letters.
DISSIMILARITY_IN_BALL = "dissimilarity in the ball that holds every iterate"
SAMPLE_SMOOTHNESS = "smoothness of every stochastic gradient"
NOISE_MOMENT = "noise moment of order alpha"

HETEROGENEITY = ("zeta", "zeta_star", "zeta_mean", "zeta_opt", "tau", "tau_mean", DISSIMILARITY_IN_BALL)


@dataclass(frozen=True)
class Setting:
    """An algorithm family by its name, and the largest values of the constants that the class bounds.

    A constant that is not named is not bounded.  A theorem that holds on a class names what it assumes, by letters and
    zeros: zeta = 0 is identical workers, Q = 0 is quadratic ones.  A lower bound names all that is known of its hard
    instances; a letter for its own constant, such as D for "D", says only that there is a finite value.
    """

    algorithm: str
    constants: Mapping[str, Expr | int] = field(default_factory=dict)

    def bounded(self, one_worker: bool = False) -> dict[str, Expr]:
        """The constants with what follows from them; one worker is not heterogeneous.

        >>> from tightrate.rates.symbols.alphabet import sigma, zeta_star
        >>> Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star}).bounded()["sigma_star"]
        sigma + zeta_star
        """
        known = {name: sympy.sympify(value, strict=True) for name, value in self.constants.items()}
        if one_worker or known.get("zeta") == 0:
            known |= dict.fromkeys(HETEROGENEITY, sympy.S.Zero)
        for larger, smaller in (
            ("zeta", "zeta_star"),
            ("zeta", DISSIMILARITY_IN_BALL),
            ("zeta_opt", "zeta_star"),  # a gradient at the optimum is at most L times the distance of the optima
            ("zeta_star", "zeta_mean"),
        ):
            if larger in known:
                known.setdefault(smaller, known[larger])
        known.setdefault("tau", L)  # two matrices between 0 and L I differ by at most L
        known.setdefault("tau_mean", known["tau"])
        known.setdefault("B_scaled", sqrt(d_max) * B)
        if known.get("sigma") == 0:
            known |= {NOISE_MOMENT: sympy.S.Zero, "sigma_2alpha": sympy.S.Zero}
            known.setdefault(SAMPLE_SMOOTHNESS, L)
        if {"sigma", "zeta_star"} <= set(known):
            known.setdefault("sigma_star", known["sigma"] + known["zeta_star"])
        return known


@dataclass(frozen=True)
class Inclusion:
    """How one class lies inside another: values for letters of the larger, letters of the smaller that vanish."""

    values: Mapping[Symbol, Expr]
    vanishing: frozenset[Symbol]


UNIVERSAL = frozenset({"L", "B"})  # letters that every setting has


def inclusion(inner: Setting, outer: Setting, one_worker: bool = False) -> Inclusion | None:
    """The class of `inner` inside the class of `outer`, or None where it is not known to be.

    A constant that must vanish in the larger class vanishes in the smaller one too where its letters may be zero; if
    nothing else helps, the smaller class is taken without noise.

    >>> from tightrate.rates.symbols.alphabet import sigma, zeta, zeta_star
    >>> heterogeneous = Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star})
    >>> inclusion(heterogeneous, Setting("local-sgd", {"zeta_star": zeta_star, "sigma": 0})).vanishing
    frozenset({sigma})
    >>> inclusion(heterogeneous, Setting("local-sgd", {"zeta": zeta, "sigma": sigma})) is None
    True
    """
    found = _inclusion(inner.bounded(one_worker), outer)
    noise = symbol("sigma")
    if found is not None or inner.constants.get("sigma") != noise:
        return found
    noiseless = Setting(inner.algorithm, {**inner.constants, "sigma": 0})
    found = _inclusion(noiseless.bounded(one_worker), outer)
    return found and Inclusion(found.values, found.vanishing | {noise})


def _inclusion(known: Mapping[str, Expr], outer: Setting) -> Inclusion | None:
    values: dict[Symbol, Expr] = {}
    vanishing: set[Symbol] = set()
    for name, largest in outer.constants.items():
        if name not in known:
            return None
        value, allowed = known[name], sympy.sympify(largest, strict=True)
        if allowed == 0:
            zeros = {s for s in value.free_symbols if LETTERS[s.name].may_vanish}
            if value.subs(dict.fromkeys(zeros, 0)) != 0:
                return None
            vanishing |= zeros
        elif allowed.name in UNIVERSAL:
            if value not in (0, allowed):
                return None
        elif value not in (0, values.setdefault(allowed, value)):
            return None
    return Inclusion(values, frozenset(vanishing))
