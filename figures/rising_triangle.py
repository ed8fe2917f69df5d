"""Slope triangles of growing power laws: the right angle lies below the slope."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from sympy import Expr

from figures.drawing import SMALL
from figures.style import GREY


def rising_triangle(ax: Axes, corner: tuple[float, float], run: float, exponent: Expr, name: str) -> None:
    """A triangle with the exact exponent of a growing power law: from the lower left `corner`, `run` times right.

    Carries the name of the power law, left of its slope.
    """
    x, y = corner
    far_x, far_y = x * run, y * run ** float(exponent)
    ax.plot(
        [x, far_x, far_x, x], [y, far_y, y, y], color=GREY, linewidth=0.7, solid_joinstyle="miter", gid="slope-triangle"
    )
    middle = float(np.sqrt(x * far_x)), float(np.sqrt(y * far_y))
    power = name if exponent == 1 else rf"{name}^{{{exponent}}}"
    for text, at, shift, ha, va in (
        ("$1$", (middle[0], y), (0, -2), "center", "top"),
        (f"${exponent}$", (far_x, middle[1]), (2, 0), "left", "center"),
        (f"${power}$", middle, (-2, 1), "right", "bottom"),
    ):
        ax.annotate(text, at, xytext=shift, textcoords="offset points", ha=ha, va=va, fontsize=SMALL, color=GREY)
