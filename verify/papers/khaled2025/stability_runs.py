"""When rounds contract on a quadratic, and when small steps obey the condition of Theorem 1."""

from __future__ import annotations

import numpy as np
import sympy
import xarray as xr
from sympy import Expr, Max, Rational, Symbol

from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import K, L, eta, gamma
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.moments import exact_moments
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

SHARES = np.array([-0.02, 0.02, 0.98, 1.02])  # of gamma (1 - a^K) in (0, 2)
ROUNDS = 1000


def condition_of(label: str, words: str) -> sympy.Rel:
    """The condition of a statement of this paper whose text has these words."""
    found = next(c.relation for c in theorem(f"khaled2025/{label}").conditions if words in c.text)
    assert isinstance(found, sympy.Rel)
    return found


@experiment("khaled2025-stability")
def stability(session: Session) -> xr.Dataset:
    """One curvature, noise, local steps that contract or not: `growth` (instance) of E x^2 in a round, late.

    The exact second moments after 1000 and 2000 rounds.  gamma is such that gamma (1 - a^K), a = 1 - eta curvature, is
    `share` of 2; below 0 where K is even and a below -1.
    """
    n = session.choose(quick=400, full=4000)
    generator = stream(session.seed, experiment="khaled2025-stability")
    share = SHARES[np.arange(n) % len(SHARES)]
    K_ = generator.integers(1, 9, n).astype(np.float64)
    K_ = np.where(share < 0, 2 * np.ceil(K_ / 2), K_)
    curvature = 10 ** generator.uniform(-1, 1, n)
    step = np.where(share < 0, generator.uniform(2.05, 2.6, n), 10 ** generator.uniform(-2, np.log10(1.95), n))
    odd = (share > 0) & (K_ % 2 == 1) & (generator.random(n) < 0.5)
    step = np.where(odd, generator.uniform(2.05, 2.6, n), step)  # local steps diverge, rounds need not
    inner = step / curvature
    moved = condition_of("stationary", "rounds contract").lhs / gamma
    fraction = vectorized(sympy.simplify(moved))(curvature=curvature, eta=inner, K=K_)
    outer = 2 * share / fraction
    problem = QuadraticMachines(curvature[:, None, None, None], np.zeros((n, 1, 1)))
    moments = [
        exact_moments(
            local_sgd(eta=inner, gamma=outer), problem, K=K_, R=R, noise=GaussianNoise(1.0), start=np.ones((n, 1))
        ).last.squared_distance
        for R in (ROUNDS, 2 * ROUNDS)
    ]
    values = {
        "growth": (moments[1] / moments[0]) ** (1 / ROUNDS),
        "share": share,
        "inside": ((share > 0) & (share < 1)).astype(np.float64),
        "curvature": curvature,
        "eta": inner,
        "gamma": outer,
        "K": K_,
        "eta curvature": step,
    }
    return xr.Dataset(
        {name: (("instance",), np.asarray(value, dtype=np.float64)) for name, value in values.items()},
        attrs={"sigma": 1.0, "M": 1, "rounds": [ROUNDS, 2 * ROUNDS]},
    )


EIGHTH = Rational(1, 8)


def remainders(below: Rational = EIGHTH, product: Rational = EIGHTH) -> dict[str, Expr]:
    """What Theorem 1's condition leaves of its limit beyond what the two simple conditions leave of theirs.

    The simple conditions are eta L <= `below` and eta gamma L K <= `product`; the remainders, one for outer steps
    above 1 and one for those below, must not be negative.
    """
    relation = condition_of("thm1", "at most 1/4")
    more, part = Symbol("more", positive=True), Symbol("part", positive=True)
    slack = relation.rhs - relation.lhs
    first, second = below - eta * L, product - eta * gamma * L * K
    at = {"gamma = 1 + more": 1 + more, "gamma = 1/(1 + part)": 1 / (1 + part)}
    left = {
        "gamma = 1 + more": slack - first - second,
        "gamma = 1/(1 + part)": slack - first,
    }
    return {name: sympy.expand(sympy.simplify(_positive_part(left[name].subs(gamma, at[name])))) for name in at}


def _positive_part(expression: Expr) -> Expr:
    """The expression with every maximum of 0 and something of known sign resolved."""
    return expression.replace(
        lambda part: isinstance(part, Max),
        lambda part: Max(*(sympy.factor(sympy.together(one)) for one in part.args)),
    )


@experiment("khaled2025-small-steps")
def small_steps(session: Session) -> xr.Dataset:  # noqa: ARG001
    """`remainder` (case) of the condition by computer algebra, and `holds`, whether it is evidently not negative."""
    found = remainders()
    return xr.Dataset(
        {
            "remainder": (("case",), [str(value) for value in found.values()]),
            "holds": (("case",), [bool(value.is_nonnegative) for value in found.values()]),
        },
        coords={"case": list(found)},
    )
