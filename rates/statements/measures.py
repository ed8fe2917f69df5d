"""What a bound bounds: each measure with its name, its formula and its unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy

from tightrate.common import paper_files
from tightrate.common.live_mapping import LiveMapping
from tightrate.rates.symbols.alphabet import CURVATURE, GRADIENT, LETTERS, SQUARED_GRADIENT
from tightrate.rates.symbols.units import LENGTH, PURE, VALUE, Unit


@dataclass(frozen=True)
class Measure:
    """What a bound bounds: a name, its formula in LaTeX, its unit.

    A measure `of_runs` is one that no bound of the catalogue is about.
    """

    name: str
    latex: str
    unit: Unit
    meaning: str
    of_runs: bool = False


BUILT_IN: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("gap", r"F(\hat x)-F(x^\star)", VALUE, "suboptimality of the output"),
        Measure("distance", r"\|\hat x-x^\star\|", LENGTH, "distance of the output from the optimum"),
        Measure(
            "squared-distance", r"\|\hat x-x^\star\|^2", LENGTH**2, "squared distance of the output from the optimum"
        ),
        Measure(
            "distance-to-fixed-point", r"\|x_R-x_\infty\|", LENGTH, "distance of the last iterate from the fixed point"
        ),
        Measure("discrepancy", r"\|x_\infty-x^\star\|", LENGTH, "distance of the fixed point from the optimum"),
        Measure(
            "fixed-point-to-mean",
            r"\|x_\infty-\bar x^\star\|",
            LENGTH,
            "distance of the fixed point from the mean of the workers' optima",
        ),
        Measure(
            "optimum-to-mean",
            r"\|x^\star-\bar x^\star\|",
            LENGTH,
            "distance of the optimum from the mean of the workers' optima",
        ),
        Measure("fixed-point", r"x_\infty", LENGTH, "the fixed point itself"),
        Measure("contraction", "c", PURE, "a pure factor by which one round contracts"),
        Measure("squared-gradient", r"\|\nabla F\|^2", SQUARED_GRADIENT, "squared gradient norm"),
        Measure("dissimilarity", r"\|\nabla F_m-\nabla F\|", GRADIENT, "distance of a worker's gradient from the mean"),
        Measure(
            "rms-dissimilarity",
            r"(\frac1M\sum_m\|\nabla F_m-\nabla F\|^2)^{1/2}",
            GRADIENT,
            "root mean square distance of the workers' gradients from their mean",
        ),
        Measure(
            "movement",
            r"\frac1{MK\eta}\|\sum_m(x^\star-\hat x_K^m)\|",
            GRADIENT,
            "how far $K$ local steps move the average away from the optimum, per step and unit of step size",
        ),
        Measure("drift", r"\|\mathbb E\,\bar x_1-x^\star\|", LENGTH, "bias of one round started at the optimum"),
        Measure(
            "consensus-error",
            r"\frac1M\sum_m\|x_t^m-\bar x_t\|^2",
            LENGTH**2,
            "mean squared distance of the workers' iterates from their average",
        ),
        Measure("tolerance", r"\zeta", GRADIENT, "largest heterogeneity at which the accuracy is still reached"),
        Measure("rounds", "R", PURE, "communication rounds to reach the accuracy"),
        Measure("displacement", r"\|\Delta_i\|_\infty", LENGTH, "largest coordinate of a client's move in one round"),
        Measure(
            "second-order", r"\|\nabla^2F_m-\nabla^2F\|", CURVATURE, "distance of a worker's Hessian from the mean"
        ),
        Measure(
            "preconditioned-squared-gradient",
            r"\frac{\lambda}{KR}\sum_{r,k}\|\nabla F(\bar z_{r,k})\|^2_{H_r^{-1}}",
            SQUARED_GRADIENT,
            "damping times the mean squared gradient in the norm of the inverse preconditioner",
        ),
        Measure(
            "envelope-squared-gradient",
            r"\frac{\lambda}{KR}\sum_{r,k}\|\nabla F_\gamma^{H_r}(\bar z_{r,k})\|^2_{H_r^{-1}}",
            SQUARED_GRADIENT,
            "the same for the gradient of the Moreau envelope in the preconditioner's norm",
        ),
        Measure(
            "envelope-squared-gradient-of-rounds",
            r"\frac{\lambda}{R}\sum_r\|\nabla F_\gamma^{H_r}(\bar z_r)\|^2_{H_r^{-1}}",
            SQUARED_GRADIENT,
            "the same for the gradient of the Moreau envelope, at one point of every round",
        ),
        Measure("steps", "T", PURE, "steps per worker to reach the accuracy $eps$"),
        Measure("clipping-threshold", r"\rho", GRADIENT, "the clipping threshold that balances the bound"),
        Measure("clipping-bias", r"|\mathbb E\,\mathrm{clip}(X)-\mathbb EX|", GRADIENT, "bias of a clipped coordinate"),
        Measure(
            "squared-clipping-bias",
            r"\|\mathbb E\hat g-\nabla F\|^2",
            SQUARED_GRADIENT,
            "squared bias of a clipped stochastic gradient",
        ),
        Measure(
            "clipped-moment",
            r"\mathbb E|\mathrm{clip}(X)-x|^\alpha",
            GRADIENT ** LETTERS["alpha"].symbol,
            "central moment of order $alpha$ of one clipped coordinate",
        ),
        Measure(
            "fourth-moment", r"\mathbb E\|\bar X\|^4", GRADIENT**4, "fourth moment of the mean of the workers' noise"
        ),
        Measure("consensus", r"\|x^m-x^n\|", LENGTH, "distance of two workers' iterates"),
        Measure("squared-consensus", r"\|z^m-z^n\|^2", LENGTH**2, "squared distance of two workers' iterates"),
        Measure(
            "preconditioned-consensus",
            r"\|z^m-z^n\|_{H_r}^2",
            LENGTH * VALUE,
            "squared distance of two workers' iterates in the preconditioner's norm",
        ),
        Measure("variance", r"\mathrm{Var}\,x_k^m", LENGTH**2, "variance of one worker's iterate within a round"),
        Measure("preconditioner", r"[H_r]_{ii}", GRADIENT, "largest entry of the diagonal preconditioner"),
        Measure("preconditioner-ratio", r"H_r^{-1}H_t^m", PURE, "a worker's preconditioner over the round's first"),
        Measure(
            "preconditioner-gap",
            r"\|H_r((H_t^m)^{-1}-(H_t^n)^{-1})\|",
            PURE,
            "relative difference of two workers' preconditioners",
        ),
        Measure(
            "gradient-to-envelope",
            r"\|\nabla F(z)\|_{H^{-1}}/\|\nabla F_\gamma^H(z)\|_{H^{-1}}",
            PURE,
            "gradient norm over the gradient norm of the Moreau envelope",
        ),
        Measure(
            "squared-drift",
            r"\frac1M\sum_m\|x^m-\bar x\|^2",
            LENGTH**2,
            "mean squared distance of the workers from their average",
        ),
        Measure(
            "scaled-squared-distance",
            r"\|\hat x-x^\star\|_D^2",
            LENGTH**2 * Unit(scaling=1),
            "squared distance of the output from the optimum in the norm of the scaling matrix",
        ),
        Measure(
            "scaled-discrepancy",
            r"\|x_\infty-x^\star\|_D",
            LENGTH * Unit(scaling=sympy.Rational(1, 2)),
            "distance of the fixed point from the optimum in the norm of the scaling matrix",
        ),
        Measure(
            "scaling-change",
            r"\|D^t-D^{t-1}\|_\infty",
            Unit(scaling=1),
            "largest change of an entry of the scaling matrix at one update",
        ),
        Measure(
            "scaling-growth",
            r"\max_i D^t_{ii}/D^{t-1}_{ii}-1",
            PURE,
            "largest relative growth of an entry of the scaling matrix at one update",
        ),
        Measure("scaling-entry", r"D^t_{ii}", Unit(scaling=1), "largest entry of the scaling matrix"),
        Measure("hutchinson", r"|v\odot\nabla^2f\,v|_i", CURVATURE, "largest entry of a Hutchinson sample"),
        Measure(
            "mean-gap",
            r"\frac1{MKR}\sum_{m,t}F(x_t^m)-F(x^\star)",
            VALUE,
            "mean suboptimality of all local iterates of all workers",
            of_runs=True,
        ),
        Measure(
            "least-gradient-norm",
            r"\min_{r<R}\|\nabla F(x_r)\|^2",
            SQUARED_GRADIENT,
            "least squared gradient norm at the start of a round",
            of_runs=True,
        ),
        Measure(
            "stationarity",
            r"\frac1{KR}\sum_t\|\nabla F(\bar x_t)\|^2_{H_t^{-1}}",
            SQUARED_GRADIENT,
            "mean squared gradient norm over all local steps, in the algorithm's own norm",
            of_runs=True,
        ),
        Measure(
            "envelope-stationarity",
            r"\frac1{KR}\sum_t\|\nabla F_\gamma(\bar x_t)\|^2_{H_t^{-1}}",
            SQUARED_GRADIENT,
            "the same for the gradient of the Moreau envelope with parameter lambda/L in the preconditioner's norm",
            of_runs=True,
        ),
        Measure(
            "envelope-gap",
            r"F_{1/L}(x_R)-\min F",
            VALUE,
            "suboptimality of the last iterate for the Moreau envelope with parameter 1/L",
            of_runs=True,
        ),
        Measure("communications", "C", PURE, "how often the workers communicated", of_runs=True),
    )
}

OWN = "__measure__"  # what a function of one's own is marked with that measures a run


def _declared() -> Iterator[tuple[str, Measure]]:
    """The measures that papers of one's own have: by themselves, or as functions of a run."""
    for module in paper_files.loaded():
        for value in list(vars(module).values()):
            found = value if isinstance(value, Measure) else getattr(value, OWN, None)
            if isinstance(found, Measure) and BUILT_IN.get(found.name) is not found:
                yield found.name, found


MEASURES: LiveMapping[Measure] = LiveMapping("measure", BUILT_IN, _declared)
"""The measures of bounds, and those of papers of one's own."""
