"""Instances and paths that the tests of several papers share.

Homogeneous quadratics hide every drift, because the mean iterate does not see how often workers communicate; drift
terms are therefore walked on workers with different Hessians (exact), or on kinked ones (step by step).
"""

from __future__ import annotations

import sympy

from tightrate.rates.symbols.alphabet import B, K, L, R, eta, gamma, tau, zeta_star
from tightrate.verify.exponents.exponent_test import Path
from tightrate.verify.sweep.tuning import Tuned

SLOW = {"mu": 1e-20, "d": 50}
"""A spectrum over 20 decades, so that some eigenvalue is the hard one at every K R."""

SLOW_FOR_ROUNDS = {"mu": 1e-8, "d": 48}
"""The same where R rounds, not K R steps, are what counts."""

HARD = {"mu": 1 / (eta * gamma * K * R), "d": 2}
"""Beside L the eigenvalue that K R steps just reach, at each point."""

PAIR, KINKED = "zeta-quadratic-pair", "zeta-piecewise-pair"

BALANCED = sympy.cbrt((zeta_star * tau) ** 2 / (L * B**2 * R**2))
"""The slow curvature beside the drift that makes both cost the same at the best step."""

STEPS_TO_TUNE = {"eta": Tuned(1 / (K * R * L), 1 / L, points=61, closed="high")}

KRM = (Path("K", 1e4), Path("R", 1e4), Path("M", 64, points=7))
KR = (Path("K", 1e6), Path("R", 1e6))
WITH_LOCAL_STEPS = {"K": (8.0, 1e9)}
