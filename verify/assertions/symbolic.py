"""Computer algebra: differences that simplify to zero, and excesses whose sign is evident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sympy
from sympy import Expr

from tightrate.rates.formulas.display import text
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.assertions.flips import flips
from tightrate.verify.measurement import Measurement
from tightrate.verify.verdict import Status, Verdict


@dataclass(frozen=True)
class Symbolic:
    """Every pair in `equal` is one expression; every expression in `positive` is positive, and in `nonnegative` at
    least 0, for all values of its symbols.

    `simplify` brings a difference to the form in which sympy sees that it is zero.
    """

    equal: Mapping[str, tuple[Expr, Expr]] = field(default_factory=dict)
    positive: Mapping[str, Expr] = field(default_factory=dict)
    nonnegative: Mapping[str, Expr] = field(default_factory=dict)
    simplify: Callable[[Expr], Expr] = sympy.simplify

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """Nothing is measured."""
        return ()

    def check(self) -> Verdict:
        """Confirmed when all differences are 0 after simplification and all excesses have their sign."""
        differences = {name: self.simplify(left - right) for name, (left, right) in self.equal.items()}
        positive, nonnegative = (
            {name: _over_one_denominator(excess) for name, excess in excesses.items()}
            for excesses in (self.positive, self.nonnegative)
        )
        excesses = {**positive, **nonnegative}
        wrong = {name: text(left) for name, left in differences.items() if left != 0}
        wrong |= {name: text(excess) for name, excess in positive.items() if not excess.is_positive}
        wrong |= {name: text(excess) for name, excess in nonnegative.items() if not excess.is_nonnegative}
        evidence = {name: text(right) for name, (_, right) in self.equal.items()}
        evidence |= {name: text(excess) for name, excess in excesses.items()}
        expected = {"difference 0": differences, "excess positive": positive, "excess not negative": nonnegative}
        predicted = ", ".join(name for name, found in expected.items() if found)
        count = len(differences) + len(excesses)
        if not count or wrong:
            sentence = f"{len(wrong)} of {count} identities and inequalities are not evident."
            witness = dict(wrong) or None
            status: Status = "violated" if wrong else "error"
            return Verdict(status, sentence, predicted, "; ".join(wrong.values()), evidence=evidence, witness=witness)
        done = [f"simplifies the difference to 0 in all {len(differences)} identities"] if differences else []
        done += [f"finds the sign of all {len(excesses)} inequalities"] if excesses else []
        sentence = f"Computer algebra {' and '.join(done)}."
        exact = flips(change=0.0) if differences else {}  # any change of an identity is one
        return Verdict("confirmed", sentence, predicted, predicted, evidence=evidence | exact)

    def mutants(self) -> Mapping[str, Assertion]:
        """One side doubled; one sign turned around."""
        doubled = {
            f"{name}: twice the right side": Symbolic({name: (left, 2 * right)}, simplify=self.simplify)
            for name, (left, right) in self.equal.items()
            if right != 0
        }
        turned = {
            f"{name}: negative": Symbolic(positive={name: -excess})
            for name, excess in {**self.positive, **self.nonnegative}.items()
        }
        return {**doubled, **turned}


def _over_one_denominator(excess: Expr) -> Expr:
    """The factored expression where its sign is evident, else a sum of products over a product."""
    factored = sympy.factor(excess)
    if factored.is_nonnegative:
        return factored
    numerator, denominator = sympy.fraction(factored)
    return sympy.expand(numerator) / denominator
