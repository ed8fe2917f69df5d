"""The setting of a bound: its algorithm and its problem class, in a form that a program can compare.

An instance has constants: noise, heterogeneity, smoothness of the Hessian.  A class gives the largest value that each
of them may take, so one class lies inside another where its values are no larger.  An algorithm has free steps, so one
family contains another where some choice of the steps turns the first into the second.

A lower bound over a class C for every algorithm of a family F, and an upper bound over a class C' for an algorithm a,
speak of the same thing where C is inside C' and a is in F.  Convexity, L and B are shared by all settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import sympy
from sympy import Expr, Symbol, sqrt

from tightrate.rates.symbols.alphabet import LETTERS, B, L, d_max, symbol

Family: TypeAlias = Literal[
    "no-step",  # the limit of vanishing steps: the output is the start
    "gradient-descent",
    "minibatch-sgd",
    "local-sgd",  # plain averaging, one free inner step
    "local-sgd-any-outer-step",
    "local-sgd-outer-momentum",
    "local-sgd-outer-acceleration",
    "accelerated-minibatch-sgd",
    "fedac",
    "local-sgdm",
    "minibatch-sgdm",
    "savic",
    "sgd",
    "fedavg",
    "fedada2",
    "server-adagrad",
    "zero-respecting",
]

# Constants of an instance that are no letters.
DISSIMILARITY_IN_BALL = "dissimilarity in the ball that holds every iterate"
SAMPLE_SMOOTHNESS = "smoothness of every stochastic gradient"
NOISE_MOMENT = "noise moment of order alpha"

HETEROGENEITY = ("zeta", "zeta_star", "zeta_mean", "zeta_opt", "tau", "tau_mean", DISSIMILARITY_IN_BALL)


@dataclass(frozen=True)
class Setting:
    """An algorithm, and the largest values of the constants that the class bounds.

    A constant that is not named is not bounded.  A theorem that holds on a class names what it assumes, by letters and
    zeros: zeta = 0 is identical machines, Q = 0 is quadratic ones.  A lower bound names all that is known of its hard
    instances; a letter for its own constant, such as D for "D", says only that there is a finite value.
    """

    algorithm: Family
    constants: Mapping[str, Expr | int] = field(default_factory=dict)

    def bounded(self, one_machine: bool = False) -> dict[str, Expr]:
        """The constants with what follows from them; one machine is not heterogeneous.

        >>> from tightrate.rates.symbols.alphabet import sigma, zeta_star
        >>> Setting("local-sgd", {"sigma": sigma, "zeta_star": zeta_star}).bounded()["sigma_star"]
        sigma + zeta_star
        """
        known = {name: sympy.sympify(value, strict=True) for name, value in self.constants.items()}
        if one_machine or known.get("zeta") == 0:
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
class SpecialCase:
    """`algorithm` with these values of its letters is one of the algorithms of `family`."""

    algorithm: Family
    family: Family
    at: Mapping[Symbol, Expr]
    reason: str


def _special_cases() -> tuple[SpecialCase, ...]:
    letter, one, zero = symbol, sympy.S.One, sympy.S.Zero
    return (
        SpecialCase("no-step", "gradient-descent", {}, "steps that vanish"),
        SpecialCase("no-step", "minibatch-sgd", {}, "steps that vanish"),
        SpecialCase("no-step", "local-sgd", {}, "steps that vanish"),
        SpecialCase("minibatch-sgd", "gradient-descent", {letter("sigma"): zero}, "no noise"),
        SpecialCase(
            "minibatch-sgd",
            "local-sgd-any-outer-step",
            {},
            "eta -> 0 at a fixed gamma eta K: all gradients at one point",
        ),
        SpecialCase("local-sgd", "local-sgd-any-outer-step", {}, "gamma = 1"),
        SpecialCase("local-sgd", "minibatch-sgd", {letter("K"): one}, "one local step"),
        SpecialCase("minibatch-sgd", "local-sgd", {letter("K"): one}, "one local step"),
        SpecialCase("local-sgd-any-outer-step", "local-sgd", {letter("gamma"): one}, "gamma = 1"),
        SpecialCase("local-sgd-any-outer-step", "minibatch-sgd", {letter("K"): one}, "one local step"),
        SpecialCase("local-sgd-any-outer-step", "local-sgd-outer-momentum", {}, "momentum = 0"),
        SpecialCase("local-sgd-outer-momentum", "local-sgd-any-outer-step", {letter("momentum"): zero}, "momentum = 0"),
        SpecialCase("savic", "local-sgd", {letter("d_min"): one, letter("d_max"): one}, "D = I"),
    )


DISTRIBUTED: frozenset[Family] = frozenset(
    {
        "no-step",
        "gradient-descent",
        "minibatch-sgd",
        "local-sgd",
        "local-sgd-any-outer-step",
        "local-sgd-outer-momentum",
        "local-sgd-outer-acceleration",
        "accelerated-minibatch-sgd",
        "fedac",
        "local-sgdm",
        "minibatch-sgdm",
        "savic",
    }
)  # every coordinate they touch has been seen in a gradient
METHOD_LETTERS = frozenset({"eta", "gamma", "momentum", "beta1", "beta2", "d_min", "d_max", "rho"})


@dataclass(frozen=True)
class Membership:
    """An algorithm at these values is in a family, for these reasons."""

    at: Mapping[Symbol, Expr]
    reasons: tuple[str, ...]


def memberships(algorithm: Family, family: Family, free: frozenset[str]) -> Iterator[Membership]:
    """The ways in which an algorithm is in a family, shortest first; `free` are the letters open in its bound.

    A letter of the method can take a special value only where the bound holds for all its values: not once the
    algorithm is only one member of a larger family.

    >>> [way.reasons for way in memberships("local-sgd-any-outer-step", "minibatch-sgd", frozenset({"K", "gamma"}))]
    [('one local step',), ('gamma = 1', 'one local step')]
    """
    if family == "zero-respecting" and algorithm in DISTRIBUTED:
        yield Membership({}, ("it sees coordinates only through gradients",))
        return
    cases = _special_cases()
    queue: list[tuple[Family, tuple[SpecialCase, ...]]] = [(algorithm, ())]
    while queue:
        reached, way = queue.pop(0)
        if reached == family:
            yield Membership({s: v for case in way for s, v in case.at.items()}, tuple(case.reason for case in way))
            continue
        visited = {algorithm, *(case.family for case in way)}
        is_one_member = any(not case.at for case in way)
        for case in cases:
            method = {s.name for s in case.at} & METHOD_LETTERS
            allowed = not case.at if is_one_member else method <= free
            if case.algorithm == reached and case.family not in visited and allowed:
                queue.append((case.family, (*way, case)))


@dataclass(frozen=True)
class Inclusion:
    """How one class lies inside another: values for letters of the larger, letters of the smaller that vanish."""

    values: Mapping[Symbol, Expr]
    vanishing: frozenset[Symbol]


UNIVERSAL = frozenset({"L", "B"})  # letters that every setting has


def inclusion(inner: Setting, outer: Setting, one_machine: bool = False) -> Inclusion | None:
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
    found = _inclusion(inner.bounded(one_machine), outer)
    noise = symbol("sigma")
    if found is not None or inner.constants.get("sigma") != noise:
        return found
    noiseless = Setting(inner.algorithm, {**inner.constants, "sigma": 0})
    found = _inclusion(noiseless.bounded(one_machine), outer)
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
