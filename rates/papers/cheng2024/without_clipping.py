"""SGD without clipping pays a power of the confidence: Theorem D.1."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Ge, Le, Lt, log, sqrt

from tightrate.rates.papers.cheng2024 import PAPER, PROOFS, identical_workers
from tightrate.rates.statements.builder import Stated, Statements, corrected, own
from tightrate.rates.statements.family import Family
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import Condition, Erratum
from tightrate.rates.symbols.alphabet import B, L, alpha, delta, eps, eta, sigma

SGD = Statements(
    PAPER,
    measure="steps",
    algorithm="sgd",
    problem_class="one-dimensional quadratic of curvature $L$, noise moment $alpha$",
    iterate="last iterate",
    holds="with high probability",
)


def confidence_steps() -> Expr:
    """sigma / (delta^(1/alpha) sqrt(L eps)): steps that SGD without clipping needs for confidence delta."""
    return sigma / (delta ** (1 / alpha) * sqrt(L * eps))


def _needing(steps: Expr) -> Stated:
    """A number of steps that SGD without clipping needs, with the hypotheses of Theorem D.1."""
    return Stated(
        {"confidence": steps},
        conditions=(
            Condition("step at most $1/L$", Le(eta * L, 1)),
            Condition(
                "enough noise: $sigma$ at least $4 delta^(1/alpha) sqrt(2 L eps)$",
                Ge(sigma, 4 * delta ** (1 / alpha) * sqrt(2 * L * eps)),
            ),
            Condition("the start is not yet accurate: $L B^2 / 2$ above $eps$", Lt(2 * eps, L * B**2)),
        ),
        setting=identical_workers("sgd", Q=0, mu=L),
        errata=(
            Erratum(
                "(D.1)",
                "The display has $sqrt(L/eps)$ where $1/sqrt(L eps)$ follows from the two facts before it; (D.11)"
                " alike. The second '=' of (D.8) should be $>=$.",
                "$sigma delta^(-1/alpha) sqrt(L/eps)$ is not a pure number; the smallest $T$, measured without its"
                " logarithm, scales as $L^(-1/2)$.",
                kind="misprint",
                where="(D.1), (D.11)",
                printed="$sigma delta^(-1/alpha) sqrt(L/eps)$, and in (D.8) '='",
            ),
        ),
    )


@SGD.lower(
    "thmD1",
    "SGD without clipping needs a power of $1/delta$",
    constants="hidden with logs",
    provenance=corrected("Theorem D.1, (D.1); its conditions on noise and start are ours", f"{PROOFS}#thmd1"),
)
def thm_d1() -> Stated:
    """For every step size and number of steps there is noise with moment $sigma^alpha$ on $f = L x^2 / 2$ such that the
    accuracy $eps$ with probability at least $1 - delta$ needs so many steps, up to logarithms."""
    return _needing(confidence_steps())


@SGD.lower(
    "thmD1-explicit",
    "SGD without clipping needs a power of $1/delta$, with constant and logarithm",
    provenance=own("constant of Theorem D.1", f"{PROOFS}#thmd1"),
)
def thm_d1_explicit() -> Stated:
    """Theorem D.1 with its constant 1/(8 sqrt(2)) and its logarithm."""
    return _needing(confidence_steps() * log(L * B**2 / (2 * eps)) / (8 * sqrt(2)))


def misprints() -> Iterator[Misprint]:
    """The number of steps of Theorem D.1."""
    yield Misprint(
        "eqD.1",
        "cheng2024",
        "(D.1) and (D.11)",
        sigma / delta ** (1 / alpha) * sqrt(L / eps),
        MEASURES["steps"],
        confidence_steps(),
        "value length^-2",
        "$sqrt(L/eps)$ should be $1/sqrt(L eps)$: the two facts that the paper quotes give it.",
    )


def families() -> Iterator[Family]:
    """SGD on one worker: without rounds it is no distributed algorithm."""
    yield Family("sgd", "SGD on one worker, T steps")
