"""What a statement that holds owes to an allowance: a wrong side that only noise, window, other terms, drift or a
logarithm explains.

None of these makes a statement wrong, and none of them is evidence for it: whoever reads a verdict must see them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

STANDS_BY = "stands by an allowance"
NEGLIGIBLE = 1e-4  # an excess of an exponent below this is none


def stands_by(reasons: Iterable[str]) -> dict[str, Any]:
    """Evidence that says so; nothing where there is no reason.

    >>> stands_by([])
    {}
    >>> stands_by([excess_within(0.02, 0.05, -0.01)])
    {'stands by an allowance': 'an excess of 0.02, within the noise'}
    """
    found = "; ".join(dict.fromkeys(reason for reason in reasons if reason))
    return {STANDS_BY: found} if found else {}


def excess_within(excess: float, noise: float, low: float, slack: float = 0.0) -> str:
    """What brings the excess of an exponent over the predicted one to 0; empty where there is none.

    `noise` is the half-width that the errors alone give to the interval of the whole path, `slack` what other terms of
    the bound may add, `low` the lower end of the interval in which all windows and the drift have their part.

    >>> excess_within(-0.1, 0.01, -0.2), excess_within(0.06, 0.01, 0.02)
    ('', 'an excess of 0.06, no larger than a transient leaves')
    >>> excess_within(0.06, 0.01, -0.02, slack=0.055), excess_within(0.06, 0.01, -0.02)
    ('an excess of 0.06, within what other terms of the bound leave', 'an excess of 0.06, within window and drift')
    """
    if excess <= NEGLIGIBLE:
        return ""
    if excess <= noise:
        cause = "within the noise"
    elif low > NEGLIGIBLE:
        cause = "no larger than a transient leaves"
    elif excess <= noise + slack:
        cause = "within what other terms of the bound leave"
    else:
        cause = "within window and drift"
    return f"an excess of {excess:.2g}, {cause}"
