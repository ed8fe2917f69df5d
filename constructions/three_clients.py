"""Three clients on which adaptive local steps cancel at a point that is not stationary."""

from __future__ import annotations

import numpy as np

from tightrate.constructions.pieces import LogCosh
from tightrate.constructions.problem import PROBLEMS
from tightrate.constructions.separable import SeparableWorkers


@PROBLEMS.add("three-clients")
def three_clients() -> SeparableWorkers:
    """f_1' = 1 + tanh(x)/2 and f_2' = f_3' = -1/3 + tanh(x), in one dimension.

    Each is convex and 1-smooth with |f_i'| <= 3/2; the average slope 1/9 + (5/6) tanh x vanishes at
    x* = -artanh(2/15).  At the start 0 the gradients are 1, -1/3, -1/3, so that one normalized step g/(|g| + 1) is
    1/2, -1/4, -1/4: the sum is zero, and client AdaGrad with one local step and damping 1 stays at 0 for ever,
    whatever the step sizes, although the average slope there is 1/9.

    >>> problem = three_clients()
    >>> problem.gradient(np.zeros((3, 1))).ravel().round(12).tolist()
    [1.0, -0.333333333333, -0.333333333333]
    """
    amplitudes = np.array([[0.5], [1.0], [1.0]])
    tilts = np.array([[1.0], [-1 / 3], [-1 / 3]])
    return SeparableWorkers(LogCosh(amplitudes), np.zeros(1), tilts, np.array([-np.arctanh(2 / 15)]))
