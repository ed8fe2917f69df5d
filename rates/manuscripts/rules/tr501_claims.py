r"""A claim between two labelled bounds is refuted by the order algebra.

"improves on", "is never worse than" and "recovers" say that the first bound is at most the second up to constants,
"is worse than" that it is at least the second, "matches" and "reduces to" that they are of one order, "dominates"
that they can be ordered at all. Conditions that are formulas (`when $K \ge M$`, `for $\sigma = 0$`) are used. A claim
that is negated, hedged, or made under a condition in words is not judged; `--verbose` lists it, and the claims that
are confirmed.

Wrong:

    # One {#one}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{KR} + \frac{\sigma B}{\sqrt{KR}}$$

    # Two {#two}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$$

    The bound of [section one](#one) improves on that of [section two](#two).

Right:

    # One {#one}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{KR} + \frac{\sigma B}{\sqrt{KR}}$$

    # Two {#two}

    $$F(x_R) - F^\star \lesssim \frac{LB^2}{R} + \frac{\sigma B}{\sqrt{MKR}}$$

    The bound of [section one](#one) improves on that of [section two](#two) when $M = 1$.
"""

from __future__ import annotations

from collections.abc import Iterator

from tightrate.rates.manuscripts.claims import claims
from tightrate.rates.manuscripts.comparison import WORDS
from tightrate.rates.manuscripts.document import Document
from tightrate.rates.manuscripts.finding import Finding
from tightrate.rates.manuscripts.rule import RULES


@RULES.add("TR501")
def refuted_claims(document: Document) -> Iterator[Finding]:
    """Claims between two labelled bounds that do not hold."""
    for one in claims(document):
        if one.verdict == "refuted":
            message = f"'{one.labels[0]} {one.verb} {one.labels[1]}' does not hold: {one.labels[0]} is "
            message += f"{WORDS[one.relation]} {one.labels[1]}, up to constants"
            yield Finding(one.place, "TR501", "error", message, one.at, one.labels)
