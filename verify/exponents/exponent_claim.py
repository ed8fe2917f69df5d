"""Claims about exponents: where one term of a bound dominates, what is measured scales as that term says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec

import xarray as xr

from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.paths import Exponents
from tightrate.verify.claim import Claim
from tightrate.verify.experiment import Experiment
from tightrate.verify.exponents.exponent_test import ExponentTest
from tightrate.verify.exponents.run import exponents, run_exponent_test
from tightrate.verify.session import Session

P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class ExponentExperiment(Experiment):
    """The experiment that an exponent test is, written in the module `home`."""

    test: ExponentTest
    home: str

    @property
    def module(self) -> str:
        """Where the test is written."""
        return self.home


TWO_SIDED = """The order algebra chooses constants and paths on which this one term dominates all others, and the
instance is one for which a bound from the other side has the same exponents.  Along each path the measured exponent is
fitted, with an interval over noise and choice of window: it may lie on neither side of the term's own, but for what a
hidden logarithm explains, and every excess of 1/6 or more must be excluded."""

ONE_SIDED = """The order algebra chooses constants and paths on which this one term dominates all others.  Along each
path the excess of the measured exponent over the term's own is fitted, with an interval over noise and choice of
window: it may not lie on the side that the bound forbids, but for what a hidden logarithm explains, and every such
excess of 1/6 or more must be excluded."""


def _claims_like(make: Callable[P, ExponentTest]) -> Callable[[str], Callable[P, Claim]]:
    def claims_of(module: str) -> Callable[P, Claim]:
        def exponent_claim(*parameters: P.args, **named: P.kwargs) -> Claim:
            return _claim(make(*parameters, **named), module)

        return exponent_claim

    return claims_of


exponent_claims = _claims_like(ExponentTest)
"""`exponent_claim = exponent_claims(__name__)` makes the claims of a module, from the arguments of `ExponentTest`.

A claim says that a term has the exponents which the catalogue states, and has its experiment as data; both are found in
that module, and the data are stale with it.
"""


def _claim(test: ExponentTest, module: str) -> Claim:
    def run(session: Session) -> xr.Dataset:
        """Design the paths, run the instance along them, and measure."""
        return run_exponent_test(test, session)

    def asserted(theorem: Theorem, data: xr.Dataset) -> Exponents:
        return exponents(test, data, theorem)

    asserted.__doc__ = TWO_SIDED if test.matched_by else ONE_SIDED
    experiment = ExponentExperiment(test.id.replace("/", "-"), run, test, module)  # files cannot have a slash
    return Claim(test.id, partial(sentence, test), test.theorem_id, "scaling", asserted, (experiment,), cost=test.cost)


def sentence(test: ExponentTest) -> str:
    """One sentence that can be true or false; no formula is built to say it.

    >>> from tightrate.verify.papers.dekel2012.exponents import optimization
    >>> print(optimization.statement)
    Where the term 'optimization' of `dekel2012/explicit` dominates, the gap of `minibatch-sgd` on \
`log-spaced-quadratic` is of no larger order than that term along $R$.
    """
    how = {
        "upper": "is of no larger order than that term",
        "lower": "is of no smaller order than that term",
        "both": "has the order of that term",
    }[test.side]
    tuned = " at its best step" if test.tuned else ""
    along = ", ".join(f"${name}$" for name in test.symbols)
    matched = f", as `{test.matched_by}` has it from the other side" if test.matched_by else ""
    return (
        f"Where the term '{test.term}' of `{test.theorem_id}` dominates, the {statement(test.theorem_id).measure} of"
        f" `{test.algorithm}`{tuned} on `{test.problem}` {how} along {along}{matched}."
    )
