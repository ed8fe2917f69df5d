"""ghadimi2012: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

from tightrate.rates.symbols.alphabet import L
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.exponents.instances import SLOW_FOR_ROUNDS

exponent_claim = exponent_claims(__name__)

optimization = exponent_claim(
    "ghadimi2012/exponent-optimization",
    theorem="ghadimi2012/convex",
    term="optimization",
    algorithm="accelerated-minibatch-sgd",
    problem="log-spaced-quadratic",
    instance={**SLOW_FOR_ROUNDS, "eta": 1 / (4 * L)},
    fixed={"sigma": 0, "M": 1, "K": 4},
    matched_by="patel2024/thm11",
    paths=(Path("R", 64, points=9, within={"R": (16, 1024)}),),
)
