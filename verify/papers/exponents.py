"""Claims about exponents: where one term of a bound dominates, what is measured scales as that term says."""

from __future__ import annotations

import xarray as xr

from tightrate.rates.statements.catalogue import statement
from tightrate.verify.claim import claim
from tightrate.verify.exponents.exponent_test import ExponentTest
from tightrate.verify.judging.paths import judge_exponents
from tightrate.verify.papers.exponents_runs import EXPONENT_EXPERIMENTS, EXPONENT_TESTS
from tightrate.verify.verdict import Verdict


def judge_two_sided(data: xr.Dataset) -> Verdict:
    """The order algebra chooses constants and paths on which this one term dominates all others, and the instance is
    one for which a bound from the other side has the same exponents.  Along each path the measured exponent is fitted,
    with an interval over noise and choice of window: it may lie on neither side of the term's own, but for what a
    hidden logarithm explains, and every excess of 1/6 or more must be excluded.
    """
    return judge_exponents(data)


def judge_one_sided(data: xr.Dataset) -> Verdict:
    """The order algebra chooses constants and paths on which this one term dominates all others.  Along each path the
    excess of the measured exponent over the term's own is fitted, with an interval over noise and choice of window:
    it may not lie on the side that the bound forbids, but for what a hidden logarithm explains, and every such excess
    of 1/6 or more must be excluded.
    """
    return judge_exponents(data)


def statement_of(test: ExponentTest) -> str:
    """One sentence that can be true or false.

    >>> print(statement_of(EXPONENT_TESTS["dekel2012/exponent-optimization"]))
    Where the term 'optimization' of dekel2012/explicit dominates, the gap of minibatch-sgd on log-spaced-quadratic \
is of no larger order than that term along R.
    """
    how = {
        "upper": "is of no larger order than that term",
        "lower": "is of no smaller order than that term",
        "both": "has the order of that term",
    }[test.side]
    letters = dict.fromkeys(
        name for path in test.paths for name in ([path.along] if isinstance(path.along, str) else path.along)
    )
    tuned = " at its best step" if test.tuned else ""
    matched = f", as {test.matched_by} has it from the other side" if test.matched_by else ""
    return (
        f"Where the term {test.term!r} of {test.theorem} dominates, the {statement(test.theorem).measure} of"
        f" {test.algorithm}{tuned} on {test.problem} {how} along {', '.join(letters)}{matched}."
    )


# The registry of claims finds them here by name.
vars().update(
    {
        f"_claim_{number}": claim(
            test.id,
            statement=statement_of(test),
            theorem=test.theorem,
            kind="scaling",
            data=EXPONENT_EXPERIMENTS[test.id],
            expected="consistent",
            cost=test.cost,
        )(judge_two_sided if test.side == "both" else judge_one_sided)
        for number, test in enumerate(EXPONENT_TESTS.values())
    }
)
