"""Pieces that every figure is made of: panels of exact size, labels on the lines, slope triangles, log axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from sympy import Expr

from tightrate.figures.style import BLACK, GREY, ORDERED_INKS, ORDERED_MARKERS, TALLEST, WIDTH, Columns, current_letters
from tightrate.rates.formulas.inline import as_mathtext
from tightrate.rates.formulas.latex import LaTeX
from tightrate.rates.formulas.typeset import Typesetter
from tightrate.rates.symbols.alphabet import LETTERS

Array = NDArray[np.float64]
CONTOUR_LABEL = 7.0  # points; such labels have no powers, which would be too small
SMALL = "small"  # text inside a panel, relative to the style
LINE_SPACING = 8.5  # points between two labels
DECADE = {"x": 26.0, "y": 13.0}  # points that a power of ten takes along an axis
HALO = withStroke(linewidth=2.2, foreground="white")  # keeps a label readable where a line passes under it


def panels(
    n: int,
    columns: Columns,
    *,
    tall: float,
    left: float = 0.52,
    right: float = 0.08,
    between: float = 0.2,
    bottom: float = 0.42,
    top: float = 0.24,
    below: float = 0.0,
) -> tuple[Figure, list[Axes]]:
    """A figure with n panels of height `tall`: side by side over two columns, one below the other in one.

    All lengths are in inches, so that labels can be placed exactly.  Panels below each other are made lower where they
    would be higher together than a column of text allows.  `below` is room under all of them, for a key.
    """
    width = WIDTH[columns]
    beside = columns == 2
    tall = tall if beside else min(tall, (TALLEST - below) / n - bottom - top)
    each = (width - left - right - between * (n - 1)) / n if beside else width - left - right
    row = tall + bottom + top
    height = below + (row if beside else row * n)
    figure = Figure(figsize=(width, height))
    corners = [
        (left + i * (each + between), below + bottom) if beside else (left, below + bottom + (n - 1 - i) * row)
        for i in range(n)
    ]
    return figure, [figure.add_axes((x / width, y / height, each / width, tall / height)) for x, y in corners]


def common_height(axes: Sequence[Axes], label: str) -> None:
    """The label of a vertical axis that all panels share, said once: at the first, or in the middle of a stack."""
    boxes = [ax.get_position() for ax in axes]
    if len({box.y0 for box in boxes}) == 1:
        axes[0].set_ylabel(label)
        for ax in axes[1:]:
            ax.tick_params(labelleft=False)
        return
    figure, size = axes[0].get_figure(root=True), axes[0].yaxis.label.get_fontsize()
    assert figure is not None
    middle = (min(box.y0 for box in boxes) + max(box.y1 for box in boxes)) / 2
    figure.text(0.02, middle, label, rotation=90, ha="left", va="center", fontsize=size)


def letter(name: str) -> str:
    """A letter as the figure writes it, in mathtext without dollars."""
    return current_letters().get(name, LETTERS[name].latex)


def formula(expression: Expr) -> str:
    """An expression on one line in the figure's letters, in mathtext without dollars."""
    return Typesetter(LaTeX(current_letters()), inline=True).part(expression).body


def words(text: str) -> str:
    r"""A text in the picture, its formulas between dollar signs in the figure's letters, as in a caption.

    >>> words("inner step $eta$ in units of $1/L$"), words("$|x_inf - x_*| <= B$")
    ('inner step $\\eta$ in units of $1/L$', '$|x_{\\infty}-x_{\\star}|\\le B$')
    """
    return as_mathtext(text, current_letters())


def count(value: float) -> str:
    r"""A number in mathtext without dollars.

    >>> count(1000.0), count(float("inf")), count(0.01)
    ('1000', '\\infty', '0.01')
    """
    return r"\infty" if np.isinf(value) else f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def paper_name(paper: str) -> str:
    """What a paper is called beside an axis.

    >>> paper_name("woodworth2020a")
    'Woodworth 2020a'
    """
    name = paper.rstrip("abcdefghijklmnopqrstuvwxyz").rstrip("0123456789")
    return f"{name.capitalize()} {paper.removeprefix(name)}"


def key(figure: Figure, looks: Mapping[str, Mapping[str, Any]], per_row: int) -> None:
    """A key under all panels: what each kind of line or marker is, `per_row` beside each other."""
    handles = [Line2D([], [], **{"color": GREY, **look}, label=words(name)) for name, look in looks.items()]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=per_row,
        frameon=False,
        fontsize=SMALL,
        handlelength=2.2,
        columnspacing=1.2,
        labelspacing=0.25,
        borderaxespad=0.2,
    )


def end_axis(ax: Axes, low: float, high: float) -> None:
    """End the horizontal axis at two of its values: the rest of the panel is room for labels.

    The axis has no ticks there, and its own label stands under the part that is drawn.  Call when the limits are final
    and the label is set.
    """
    for minor in (False, True):
        places = ax.xaxis.get_ticklocs(minor=minor)
        inside = [place for place in places if low * (1 - 1e-9) <= place <= high * (1 + 1e-9)]
        (ax.xaxis.set_minor_locator if minor else ax.xaxis.set_major_locator)(FixedLocator(inside))
    ax.spines["bottom"].set_bounds(low, high)
    ends = ax.transData.transform([(low, ax.get_ylim()[0]), (high, ax.get_ylim()[0])])
    ax.xaxis.label.set_x(float(ax.transAxes.inverted().transform(ends)[:, 0].mean()))


@dataclass(frozen=True)
class Ink:
    """Colour and marker of one member of an ordered family of lines."""

    color: str
    marker: str

    @property
    def text(self) -> str:
        """The colour for words."""
        return darker(self.color)


def darker(color: str) -> str:
    """A colour for words: thin strokes need more contrast than lines."""
    red, green, blue = (0.72 * part for part in to_rgb(color))
    return to_hex((red, green, blue))


def pale(place: int, share: float) -> tuple[float, float, float]:
    """White with that share of an ink."""
    red, green, blue = (1 - share * (1 - part) for part in to_rgb(ORDERED_INKS[place]))
    return red, green, blue


def fill(place: int, share: float, hatch: str = "") -> dict[str, Any]:
    """How a region is filled: a share of an ink, and lines that tell it apart in grey print."""
    edge = pale(place, min(1.0, share + 0.25)) if hatch else pale(place, share)
    return {"facecolor": pale(place, share), "edgecolor": edge, "hatch": hatch}


def ordered_inks(n: int) -> list[Ink]:
    """n inks from dark to light, evenly spread."""
    last = len(ORDERED_INKS) - 1
    places = [min(round(i * last / max(n - 1, 1)), last) for i in range(n)]
    return [Ink(ORDERED_INKS[place], ORDERED_MARKERS[place]) for place in places]


def drawable(values: xr.DataArray) -> Array:
    """Values as a log axis can show them: what diverged, vanished or is undefined leaves a gap."""
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array) & (array > 0), array, np.nan)


def log_axis(ax: Axes, which: Literal["x", "y"], ticks: Sequence[float] | Array | None = None) -> None:
    """Decades with minor ticks between them; or, for few values, exactly those as plain numbers."""
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    if ticks is None:
        long = (ax.bbox.width if which == "x" else ax.bbox.height) * 72 / ax.figure.dpi
        axis.set_major_locator(LogLocator(numticks=max(2, int(long / DECADE[which]))))
        axis.set_minor_locator(LogLocator(subs=range(2, 10), numticks=200))
    else:
        axis.set_major_locator(FixedLocator(list(ticks)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"${count(value)}$"))
        axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


@dataclass(frozen=True)
class Label:
    """A text that belongs to the point (x, y) of a line of that colour."""

    x: float
    y: float
    text: str
    color: str


def place_labels(ax: Axes, labels: Sequence[Label], side: Literal["left", "right"], gap: float = 4.0) -> None:
    """Direct labels beside their points, moved up or down as little as keeps them apart.

    Call when the limits of the axes are final.  A label that had to move is tied to its point by a hairline;
    those that touch are aligned.
    """
    if not labels:
        return
    ordered = sorted(labels, key=lambda label: label.y)
    points = ax.transData.transform([(label.x, label.y) for label in ordered]) * 72 / ax.figure.dpi
    steps = LINE_SPACING * np.arange(len(ordered))
    heights = isotonic_regression(points[:, 1] - steps).x + steps
    sign = -1 if side == "left" else 1
    moved = np.abs(heights - points[:, 1]) > 2.5
    chains = np.cumsum(np.diff(heights, prepend=-np.inf) > 1.01 * LINE_SPACING)
    for label, at, height, tied, chain in zip(ordered, points[:, 1], heights, moved, chains, strict=True):
        ax.annotate(
            label.text,
            (label.x, label.y),
            xytext=(sign * (gap + 5.0 * moved[chains == chain].any()), height - at),
            textcoords="offset points",
            ha="right" if side == "left" else "left",
            va="center",
            fontsize=SMALL,
            color=label.color,
            path_effects=[HALO],
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": label.color, "linewidth": 0.4, "shrinkA": 0.5, "shrinkB": 1.5}
            if tied
            else None,
        )


def label_along(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    text: str,
    *,
    at: float = 0.5,
    offset: float = 4.0,
    color: str = BLACK,
    halo: bool = False,
) -> None:
    """A label along the straight line (on the page) between two points; `offset` in points, positive above it.

    Call when the limits of the axes are final.
    """
    first, last = ax.transData.transform([start, end])
    direction = (last - first) / np.linalg.norm(last - first)
    middle = ax.transData.inverted().transform(first + at * (last - first))
    ax.annotate(
        text,
        tuple(middle),
        xytext=(-offset * direction[1], offset * direction[0]),
        textcoords="offset points",
        rotation=float(np.degrees(np.arctan2(direction[1], direction[0]))),
        rotation_mode="anchor",
        ha="center",
        va="bottom" if offset > 0 else "top",
        fontsize=SMALL,
        color=color,
        path_effects=[HALO] if halo else [],
    )


def slope_triangle(ax: Axes, corner: tuple[float, float], run: float, exponent: Expr, name: str) -> None:
    """A triangle with the exact exponent of a power law, its right angle below the slope: `run` times to the right.

    `corner` is the left end of the slope.  Carries the name of the power law on the other side of the slope.
    """
    x, y = corner
    far_x, far_y = x * run, y * run ** float(exponent)
    falls = far_y < y
    foot_x, foot_y = (x, far_y) if falls else (far_x, y)
    middle = float(np.sqrt(x * far_x)), float(np.sqrt(y * far_y))
    ax.plot(
        [x, far_x, foot_x, x],
        [y, far_y, foot_y, y],
        color=GREY,
        linewidth=0.7,
        solid_joinstyle="miter",
        gid="slope-triangle",
    )
    left, right = ("right", "left") if falls else ("left", "right")
    side = -2 if falls else 2
    power = name if exponent == 1 else rf"{name}^{{{exponent}}}"
    for text, at, shift, ha, va in (
        ("$1$", (middle[0], foot_y), (0, -2), "center", "top"),
        (f"${abs(exponent)}$", (foot_x, middle[1]), (side, 0), left, "center"),
        (f"${power}$", middle, (-side, 1), right, "bottom"),
    ):
        ax.annotate(text, at, xytext=shift, textcoords="offset points", ha=ha, va=va, fontsize=SMALL, color=GREY)
