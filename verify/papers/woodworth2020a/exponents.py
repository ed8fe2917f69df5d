"""woodworth2020a: the exponents of single terms, each on an instance that shows it."""

from __future__ import annotations

from tightrate.rates.symbols.alphabet import B, K, L, M, R, symbol
from tightrate.verify.exponents.exponent_claim import exponent_claims
from tightrate.verify.exponents.instances import KR, KRM, SLOW

exponent_claim = exponent_claims(__name__)

optimization = exponent_claim(
    "woodworth2020a/exponent-optimization",
    theorem="woodworth2020a/quadratic",
    term="optimization",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    fixed={"sigma": 0, "M": 1},
    paths=KR,
)

statistical = exponent_claim(
    "woodworth2020a/exponent-statistical",
    theorem="woodworth2020a/quadratic",
    term="statistical",
    algorithm="local-sgd",
    problem="log-spaced-quadratic",
    instance=SLOW,
    output="average",
    matched_by="woodworth2020a/lower",
    margin=30,
    given=(symbol("sigma") ** 2 * K * R >= 10**5 * (L * B) ** 2 * M**3,),  # so much above the lower bound's drift
    paths=KRM,
)
