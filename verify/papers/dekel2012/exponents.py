"""dekel2012: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.exponents.instances import KRM, SLOW

exponent_claim = exponent_claims(__name__)

optimization = exponent_claim(
    "dekel2012/exponent-optimization",
    theorem="dekel2012/explicit",
    term="optimization",
    algorithm="minibatch-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"sigma": 0, "M": 1, "K": 4},
    paths=(Path("R", 1e6),),
)

statistical = exponent_claim(
    "dekel2012/exponent-statistical",
    theorem="dekel2012/explicit",
    term="statistical",
    algorithm="minibatch-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    matched_by="patel2024/thm11",
    margin=30,
    paths=KRM,
)
