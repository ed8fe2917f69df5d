"""glasgow2022: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

from sympy import Rational

from tightrate.rates.symbols.alphabet import L
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.instances import KR, SLOW
from tightrate.verify.sweep.tuning import Tuned

exponent_claim = exponent_claims(__name__)

lower_optimization = exponent_claim(
    "glasgow2022/exponent-lower-optimization",
    theorem="glasgow2022/lower",
    term="optimization",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    fixed={"sigma": 0, "zeta_star": 0, "M": 2},
    tuned={"eta": Tuned(Rational(1, 100) / L, 2 / L, points=61, closed="high")},
    paths=KR,
)
