"""Statements of patel2024 up to constants: which bounds of its tables are at most of the order of which others."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr
from sympy import Expr, Le
from sympy.logic.boolalg import Boolean

from tightrate.rates.relations.implications import at, derived, solved_rates
from tightrate.rates.relations.upper_against_lower import checks
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Condition, Theorem
from tightrate.rates.symbols.alphabet import B, K, L, Q, R, eps, sigma, tau, zeta, zeta_star
from tightrate.verify.experiment import experiment
from tightrate.verify.judging.order import Question, decided
from tightrate.verify.session import Session

SIMILAR_MACHINES = (  # where the drift terms of Theorem 15 are below L B^2 / R
    Le(tau * zeta * R, L**2 * B),
    Le(Q * zeta**2 * R, L**3 * B),
    Le(tau**2 * sigma**2 * R**2, L**4 * B**2 * K),
    Le(Q * sigma**2 * R, L**3 * B * K),
)


@experiment("patel2024-orders")
def patel2024_orders(session: Session) -> xr.Dataset:  # noqa: ARG001
    """Every statement up to constants, decided by the order algebra."""
    return decided({**_theorem_9(), **_table_1(), **_second_order(), **_hard_quadratics()})


def _expression(name: str) -> Expr:
    return theorem(f"patel2024/{name}" if "/" not in name else name).bound.expression


def _conditions(*names: str) -> tuple[Boolean, ...]:
    """The conditions of these statements on the problem's own letters, as the order algebra reads them."""
    relations = [c.relation for name in names for c in theorem(name).conditions if c.relation is not None]
    return tuple(r for r in dict.fromkeys(relations) if {s.name for s in r.free_symbols} & {"sigma", "zeta_star"})


def without(entry: Theorem, unwanted: str) -> Theorem:
    """A statement without the condition whose text contains these words: what it claims when it is not made."""
    kept: tuple[Condition, ...] = tuple(c for c in entry.conditions if unwanted not in c.text)
    assert len(kept) == len(entry.conditions) - 1
    return replace(entry, conditions=kept)


def _against(lower: Theorem, upper: str, where: str = "") -> Question:
    """The first way in which a lower and an upper bound speak of the same thing (at `where`, if given)."""
    found = [check for check in checks(lower, theorem(upper)) if check.result is not None and where in check.where]
    return Question.of_pair(found[0])


def _theorem_9() -> dict[str, Question]:
    """Theorem 9 as printed against upper bounds, and the step of its proof that removes the minima."""
    printed = theorem("patel2024/thm9")
    small = _conditions("glasgow2022/lower")
    parts = _expression("prop7") + _expression("glasgow2022/lower")
    upper = _expression("koloskova2020/convex")
    return {
        "Theorem 9 <~ mini-batch SGD": Question(  # inside the domain of each term, which is another erratum
            printed.bound, theorem("dekel2012/convex").bound, _conditions("patel2024/thm9-vanilla")
        ),
        "Theorem 9 <~ the gap at the start": _against(printed, "patel2024/start"),
        "Prop. 7 <~ one machine": _against(
            without(theorem("patel2024/prop7"), "two machines"), "woodworth2020a/convex", "M = 1"
        ),
        "any-step part of Theorem 9 <~ mini-batch SGD": _against(
            theorem("patel2024/thm9-any-steps"), "dekel2012/convex"
        ),
        "upper bound <~ Prop. 7 + earlier lower bound": Question(upper, parts, small),
        "Prop. 7 + earlier lower bound <~ upper bound": Question(parts, upper, small),
        "upper bound <~ earlier lower bound": Question(upper, _expression("glasgow2022/lower"), small),
    }


def _table_1() -> dict[str, Question]:
    """The rows of Table 1 against each other."""
    given = _conditions("patel2024/thm11")
    local, accelerated = _expression("koloskova2020/convex"), _expression("ghadimi2012/convex")
    minibatch, thm11 = _expression("dekel2012/convex"), _expression("thm11")
    earlier = _expression("woodworth2020/lower")
    return {
        "mini-batch <~ local": Question(minibatch, local, given),
        "local <~ mini-batch": Question(local, minibatch, given),
        "accelerated <~ mini-batch": Question(accelerated, minibatch, given),
        "mini-batch <~ accelerated": Question(minibatch, accelerated, given),
        "Theorem 11 <~ accelerated": Question(thm11, accelerated, given),
        "accelerated <~ Theorem 11": Question(accelerated, thm11, given),
        "Theorem 11 <~ local": Question(thm11, local, given),
        "earlier lower bound <~ Theorem 11": Question(earlier, thm11, given),
        "Theorem 11 <~ earlier lower bound": Question(thm11, earlier, given),
    }


def _second_order() -> dict[str, Question]:
    """Theorems 15 and 27, comparison (10) and the rows of Table 2."""
    thm15, uniform, minibatch = (
        _expression("thm15"),
        _expression("woodworth2020/convex"),
        _expression("dekel2012/convex"),
    )
    similar = (Le(tau, L), Le(Q * B, L))
    old, new = _expression("eq10-old"), _expression("eq10-new")
    solved = {one.target: derived(one) for one in solved_rates() if one.target.startswith("patel2024/eq10")}
    equal = {"tau": 0, "zeta": 0}
    reduced = {name: (at(_expression(name), equal), _expression(f"yuan2020/{row}")) for name, row in (
        ("thm15", "convex"),
        ("thm27", "strongly-convex"),
    )}  # fmt: skip
    return {
        "Theorem 15 <~ mini-batch, similar machines": Question(thm15, minibatch, SIMILAR_MACHINES),
        "Theorem 15 <~ mini-batch, any machines": Question(thm15, minibatch),
        "Theorem 15 <~ first-order theory": Question(thm15, uniform, similar),
        "first-order theory <~ Theorem 15": Question(uniform, thm15, similar),
        "old tolerance <~ new tolerance, tau^2 B^2 <= L eps": Question(
            old, new, (Le(Q * B, L), Le(tau**2 * B**2, L * eps))
        ),
        "old tolerance <~ new tolerance, tau <= L": Question(old, new, similar),
        "old tolerance <~ its inversion": Question(old, solved["patel2024/eq10-old"]),
        "inversion <~ old tolerance": Question(solved["patel2024/eq10-old"], old),
        "new tolerance <~ its inversion": Question(new, solved["patel2024/eq10-new"]),
        "inversion <~ new tolerance": Question(solved["patel2024/eq10-new"], new),
        **{f"{name} <~ Table 2, equal machines": Question(*sides) for name, sides in reduced.items()},
        **{f"Table 2 <~ {name}, equal machines": Question(*reversed(sides)) for name, sides in reduced.items()},
    }


def _hard_quadratics() -> dict[str, Question]:
    """The lower bounds with second-order heterogeneity against the upper bounds of the same class."""
    floor = theorem("patel2024/two-quadratics-floor")
    drift = theorem("patel2024/thm15").bound.term("heterogeneity drift").expression
    domain = (Le(zeta * tau, L**2 * B * R), Le(tau, L))
    return {
        "tau bound <~ Theorem 15": _against(theorem("patel2024/prop7-tau"), "patel2024/thm15"),
        "floor <~ Theorem 15": _against(floor, "patel2024/thm15"),
        "floor <~ first-order theory": _against(floor, "koloskova2020/convex"),
        "drift of Theorem 15 <~ floor": Question(drift, floor.bound.expression.subs(zeta_star, zeta), domain),
        "floor without its domain <~ the gap at the start": _against(
            without(floor, "slow coordinate"), "patel2024/start"
        ),
    }
