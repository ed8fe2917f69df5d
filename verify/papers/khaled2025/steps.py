"""Claims of khaled2025 on the choice of steps: ill-tuned ones, momentum, acceleration, Propositions 1, 2, Figure 1."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.judging.limit import Line, also, judge_limiting_exponents
from tightrate.verify.papers.khaled2025 import (
    acceleration_runs,
    best_steps_runs,
    figure_1_runs,
    ill_tuned_runs,
    momentum_runs,
    stability_runs,
)
from tightrate.verify.verdict import Verdict

ILL_TUNED, MOMENTUM, CONDITION, ACCELERATION, NOISE = (
    f"khaled2025-{name}"
    for name in ("ill-tuned", "momentum", "momentum-condition", "acceleration", "accelerated-noise")
)
BEST, PROPOSITION_2, FIGURE_1 = (f"khaled2025-{name}" for name in ("best-steps", "proposition-2", "figure-1"))


# --- The condition of Theorem 1 --------------------------------------------------------------------------------------


@claim(
    "khaled2025/small-steps-suffice",
    statement="Where 8 eta L <= 1, eta gamma L H <= 1/8 is enough for the condition of Theorem 1.",
    theorem="khaled2025/thm1",
    kind="regime",
    data=stability_runs.small_steps,
    expected="confirmed",
)
def small_steps_suffice(data: xr.Dataset) -> Verdict:
    """What the condition leaves of its limit, less what the two simple ones leave of theirs, by computer algebra for
    outer steps above and below 1: an expression that is evidently not negative is the proof."""
    told = {str(case): str(value) for case, value in zip(data.case.values, data.remainder.values, strict=True)}
    wrong = {case: told[case] for case, holds in zip(told, data.holds.values, strict=True) if not holds}
    texts = ("remainders >= 0", "; ".join(told.values()))
    if wrong:
        sentence = "A remainder is not evidently positive."
        return Verdict("inconclusive", sentence, *texts, evidence={"remainders": told})
    return Verdict("confirmed", "Both remainders are positive.", *texts, evidence={"remainders": told})


# --- An inner step that is too small ---------------------------------------------------------------------------------


@claim(
    "khaled2025/outer-step-repairs-a-small-inner-step",
    statement=(
        "Without noise and with the largest outer step that Theorem 1 allows, the mean gap tends to that of gradient"
        " descent with step 1/(4L) once a round as eta -> 0, at first order in eta; with gamma = 1 it tends to the gap"
        " at the start."
    ),
    theorem="khaled2025/thm1",
    kind="regime",
    data=ill_tuned_runs.ill_tuned,
    expected="consistent",
)
def outer_step_repairs(data: xr.Dataset) -> Verdict:
    """Exact mean gaps on a quadratic with curvatures of every size, inner steps over five decades: the distance to the
    limit must have slope 1 in eta with the largest outer step, and the progress slope 1 with plain averaging."""
    falling = data.sortby("eta", ascending=False)
    progress = data.attrs["start"] - falling.local_gap.sel(outer="plain")
    inverse, distance = 1 / falling.eta.values, falling.distance_from_limit.values
    lines = [
        Line("1/eta, distance from the limit with the largest outer step", inverse, distance, -1.0),
        Line("1/eta, progress with plain averaging", inverse, progress.values, -1.0),
    ]
    verdict = judge_limiting_exponents(lines, what="mean gap", predicted="exponent 1 in eta", resolution=0.02)
    at_end = falling.local_gap.isel(eta=-1)
    worse = float(at_end.sel(outer="plain") / at_end.sel(outer="largest"))
    sizes = {"gap with gamma = 1 over gap with the largest gamma, at the smallest eta": worse}
    return also(verdict, [worse > 1], sizes)


@claim(
    "khaled2025/ill-tuned-below-thm1",
    statement="For every inner step, with gamma = 1 and with the largest outer step, the gap is below Theorem 1's.",
    theorem="khaled2025/thm1",
    kind="bound with constants",
    data=ill_tuned_runs.ill_tuned,
    expected="consistent",
)
def ill_tuned_below_thm1(data: xr.Dataset) -> Verdict:
    """The same exact values against the bound, and the gap of the averaged iterate against the mean gap, by value."""
    data = data.drop_vars("outer")  # gamma tells
    return judge_bound(
        xr.concat([data.local_gap, data.gap_of_average], dim="measure"),
        xr.concat([data.bound, data.local_gap], dim="measure"),
        side="upper",
        what="mean gap",
        rounding=1e-15,
        witness={"gamma": data.gamma},
    )


# --- Momentum --------------------------------------------------------------------------------------------------------


@claim(
    "khaled2025/momentum-adjusted-outer-step",
    statement=(
        "Momentum acts through gamma / (1 - momentum): at a fixed adjusted step the gap of the average tends to the gap"
        " without momentum, with a relative difference that falls like 1/R."
    ),
    theorem="khaled2025/thm2",
    kind="regime",
    data=momentum_runs.adjusted_steps,
    expected="consistent",
)
def momentum_adjusted(data: xr.Dataset) -> Verdict:
    """Exact gaps on a quadratic with curvatures of every size, for momenta up to 0.99 and adjusted outer steps over
    three decades: the relative difference from the run without momentum must have slope -1 in R."""
    plain = data.gap.sel(momentum=0.0)
    fast = data.adjusted[data.adjusted * data.attrs["K"] * data.attrs["eta"] * data.R.min() >= 1].values
    lines = [
        Line(
            f"R at momentum {m:g}, adjusted step {g:.3g}",
            data.R.values,
            abs(data.gap / plain - 1).sel(momentum=m, adjusted=g).values,
            -1.0,
        )
        for m in data.momentum.values[1:]
        for g in fast
    ]
    return judge_limiting_exponents(
        lines, what="relative difference from no momentum", predicted="exponent -1 in R", resolution=0.15
    )


@claim(
    "khaled2025/momentum-below-thm2",
    statement="Wherever the conditions of Theorem 2 hold, the gap with outer momentum is below its bound.",
    theorem="khaled2025/thm2",
    kind="bound with constants",
    data=momentum_runs.adjusted_steps,
    expected="consistent",
)
def momentum_below_thm2(data: xr.Dataset) -> Verdict:
    """The same exact values where the conditions, with (1 - momentum)^2, hold; by value."""
    cells = data.stack(cell=("momentum", "adjusted", "R")).reset_index("cell")
    cells = cells.isel(cell=np.flatnonzero(cells.admissible.values))
    names = ("momentum", "adjusted", "R", "gamma")
    return judge_bound(
        cells.gap,
        cells.bound,
        side="upper",
        what="gap of the average",
        rounding=1e-16,
        witness={n: cells[n] for n in names},
    )


def _growth(data: xr.Dataset, power: int) -> tuple[float, float, xr.DataArray]:
    """The growth exponent of gap / bound in 1/(1 - momentum) over the last two decades, and the last ratio."""
    ratio = (data.gap / data.bound).sel(power=power)
    inverse = np.log(1 / data.complement.values)
    late = inverse >= inverse[-1] - np.log(100) - 1e-9
    slope = float(np.polyfit(inverse[late], np.log(ratio.values[late]), 1)[0])
    return slope, float(ratio[-1]), ratio


@claim(
    "khaled2025/momentum-condition-first-power",
    statement=(
        "With the second condition of Theorem 2 as far as legible, 1 - momentum to the first power, a constant times"
        " (1 - momentum) D^2 / (gamma eta R H) bounds the gap without noise."
    ),
    theorem="khaled2025/thm2",
    kind="counterexample",
    data=momentum_runs.condition,
    expected="violated",
)
def momentum_condition_first_power(data: xr.Dataset) -> Verdict:
    """A parabola with two curvatures, one machine, R = 1/(1 - momentum): gap over bound, every step taken, as momentum
    tends to 1. The statement is violated if the ratio keeps growing by a power over the last two decades and exceeds
    the re-derived constant; the printed bound itself was not seen."""
    return _condition(data, 1)


@claim(
    "khaled2025/momentum-condition-square",
    statement="With (1 - momentum)^2 in that condition the same gap stays below the bound, as momentum tends to 1.",
    theorem="khaled2025/thm2",
    kind="regime",
    data=momentum_runs.condition,
    expected="consistent",
)
def momentum_condition_square(data: xr.Dataset) -> Verdict:
    """The same runs at the largest inner step that the condition with the square allows."""
    return _condition(data, 2)


GROWS = 0.1  # a ratio that grows by this power for two decades is taken to grow for ever


def _condition(data: xr.Dataset, power: int) -> Verdict:
    slope, last, ratio = _growth(data, power)
    agreement = float(abs(data.sampled / data.gap - 1).max())
    evidence = {
        "gap / bound": dict(
            zip((f"1 - momentum = {c:.3g}" for c in data.complement.values), map(float, ratio), strict=True)
        ),
        "growth exponent over the last two decades": slope,
        "largest relative difference from the shipped algorithm": agreement,
    }
    texts = ("gap / bound does not grow", f"gap / bound ~ (1 - momentum)^{-slope:.2f}, at the end {last:.3g}")
    if not agreement < 1e-6:
        sentence = f"The loop and the shipped algorithm differ by {agreement:.1e}: no number of runs settles it."
        return Verdict("inconclusive", sentence, *texts, evidence=evidence)
    if slope >= GROWS and last > 1:
        witness = {
            "L": 1.0, "K": 1, "M": 1, "sigma": 0.0, "start": -1.0, "left curvature": 0.25, "right curvature": 1.0,
            "1 - momentum": float(data.complement[-1]), "gamma": float(data.complement[-1]),
            "eta": float(data.eta.sel(power=power)[-1]), "R": round(1 / float(data.complement[-1])),
            "gap / bound": last,
        }  # fmt: skip
        sentence = f"gap / bound grows like (1 - momentum)^{-slope:.2f} and reaches {last:.3g}: no constant helps."
        return Verdict("violated", sentence, *texts, evidence=evidence, witness=witness)
    if slope >= GROWS:
        passes = float(data.complement[-1]) * last ** (1 / slope)  # where last ((1 - momentum) / now)^-slope is 1
        sentence = (
            f"The ratio grows but has not passed 1: at its pace it does at 1 - momentum = {passes:.1e}, which takes"
            f" R = {1 / passes:.1e} rounds."
        )
        return Verdict("inconclusive", sentence, *texts, evidence=evidence)
    if not last <= 1:
        witness = {"gap / bound": last, "1 - momentum": float(data.complement[-1])}
        return Verdict("violated", "The bound is broken by value.", *texts, evidence=evidence, witness=witness)
    return Verdict("consistent", f"gap / bound stays at {last:.3g}.", *texts, evidence=evidence)


# --- Acceleration ----------------------------------------------------------------------------------------------------


@claim(
    "khaled2025/accelerated-exponents",
    statement=(
        "Without noise the accelerated loop's gap falls with exponent -2 in R and -1 in H, that of plain averaging with"
        " exponent -1 in both."
    ),
    theorem="khaled2025/thm3-safe",
    kind="scaling",
    data=acceleration_runs.acceleration,
    expected="consistent",
)
def accelerated_exponents(data: xr.Dataset) -> Verdict:
    """Exact gaps of the last iterate on a quadratic with curvatures of every size: local slopes in R at several H, and
    in H at several R, must approach the exponents."""
    lines = []
    for rule, exponent in (("accelerated", -2.0), ("plain", -1.0)):
        gap = data.gap.sel(rule=rule)
        lines += [Line(f"R, {rule}, H = {K:g}", data.R.values, gap.sel(K=K).values, exponent) for K in data.K.values]
        lines += [Line(f"H, {rule}, R = {R:g}", data.K.values, gap.sel(R=R).values, -1.0) for R in data.R.values[3:]]
    return judge_limiting_exponents(
        lines, what="gap of the last iterate", predicted="R^-2 and H^-1; plain R^-1 and H^-1", resolution=0.03
    )


@claim(
    "khaled2025/accelerated-value",
    statement="Without noise the accelerated loop's gap is at most 2 D^2 / (gamma eta H R (R + 1)).",
    theorem="khaled2025/thm3-safe",
    kind="bound with constants",
    data=acceleration_runs.acceleration,
    expected="consistent",
)
def accelerated_value(data: xr.Dataset) -> Verdict:
    """The same exact gaps against the bound, by value, for every H and R."""
    return judge_bound(
        data.gap.sel(rule="accelerated", drop=True),
        data.bound,
        side="upper",
        what="gap of the last iterate",
        witness={},
    )


@claim(
    "khaled2025/accelerated-noise-over-workers",
    statement="On quadratics the noise that reaches the accelerated loop's last iterate falls exactly like 1/M.",
    theorem="khaled2025/thm3-safe",
    kind="exact value",
    data=acceleration_runs.noise_floor,
    expected="confirmed",
)
def accelerated_noise_over_workers(data: xr.Dataset) -> Verdict:
    """Exact gaps from the optimum for up to 64 workers, against 1/M of that of one worker, for both rules."""
    data = data.assign_coords(rule=np.arange(data.sizes["rule"]))
    alone = data.gap.sel(M=1.0)
    return judge_identity(
        data.gap, alone / data.M, alone, what="gap from noise alone", relative=1e-12, witness={"bound": data.bound}
    )


@claim(
    "khaled2025/accelerated-noise-grows",
    statement=(
        "Started at the optimum, the accelerated loop's gap keeps growing with R, in the end in proportion to R as"
        " Theorem 3 allows, while that of plain averaging grows ever more slowly."
    ),
    theorem="khaled2025/thm3-safe",
    kind="scaling",
    data=acceleration_runs.noise_floor,
    expected="consistent",
)
def accelerated_noise_grows(data: xr.Dataset) -> Verdict:
    """Exact gaps with curvatures of every size: local slopes in R must come down to 1 for the accelerated loop and to 0
    for plain averaging, and the gap must stay below the bound by value."""
    alone = data.gap.sel(M=1.0)
    lines = [
        Line("R, accelerated", data.R.values, alone.sel(rule="accelerated").values, 1.0),
        Line("R, plain averaging", data.R.values, alone.sel(rule="plain").values, 0.0),
    ]
    verdict = judge_limiting_exponents(
        lines, what="gap from noise alone", predicted="R^1 accelerated, R^0 plain", resolution=0.15
    )
    above = float((data.gap.sel(rule="accelerated") / data.bound).max())
    apart = float((alone.sel(rule="plain") / alone.sel(rule="accelerated"))[-1])
    sizes = {"largest gap / bound": above, "plain over accelerated at the largest R": apart}
    return also(verdict, [above <= 1, apart < 1], sizes)


# --- Propositions 1 and 2 --------------------------------------------------------------------------------------------

STEP_LETTERS = ("K", "R", "M", "sigma", "grid_eta", "grid_gamma")
FOUND = 1e-8  # relative: the grid admits steps that break the condition by rounding


@claim(
    "khaled2025/prop1-three-candidates",
    statement=(
        "The least value of Proposition 1's rate over all admissible steps is that of plain averaging (A), of the"
        " active condition (B), or of a vanishing inner step at a fixed product (C)."
    ),
    theorem="khaled2025/prop1",
    kind="regime",
    data=best_steps_runs.proposition_1,
    expected="consistent",
)
def prop1_three_candidates(data: xr.Dataset) -> Verdict:
    """A refined grid over both steps on random instances: it must find nothing better than the best of the three, and
    come close to it."""
    best = data.value.min("candidate")
    verdict = judge_bound(
        data.grid, best, side="lower", what="least rate on a grid of steps", rounding=FOUND * best,
        witness={name: data[name] for name in STEP_LETTERS},
    )  # fmt: skip
    counts = {
        f"best: {name}": int(n)
        for name, n in zip(
            data.candidate.values, np.bincount(data.value.argmin("candidate").values, minlength=3), strict=True
        )
    }
    near = float((data.grid / best).median())
    return also(verdict, [near < 1.01], {"median of grid / best candidate": near, **counts})


@claim(
    "khaled2025/prop1-two-candidates",
    statement="The smaller of the rates of candidates A and B is the least value of Proposition 1's rate.",
    theorem="khaled2025/prop1",
    kind="erratum",
    data=best_steps_runs.proposition_1,
    expected="violated",
)
def prop1_two_candidates(data: xr.Dataset) -> Verdict:
    """The same grid against the smaller of A and, where its cubic has a positive root, B; where the noise is large it
    has none, and vanishing inner steps are better."""
    best = data.value.isel(candidate=slice(0, 2)).min("candidate")
    return judge_bound(
        data.grid, best, side="lower", what="least rate on a grid of steps", rounding=FOUND * best,
        witness={name: data[name] for name in STEP_LETTERS},
    )  # fmt: skip


@claim(
    "khaled2025/plain-averaging-only-when-clipped",
    statement="Plain averaging minimizes Proposition 1's rate only where its own inner step is clipped at 1/(4L).",
    theorem="khaled2025/prop1",
    kind="regime",
    data=best_steps_runs.proposition_1,
    expected="consistent",
)
def plain_averaging_only_when_clipped(data: xr.Dataset) -> Verdict:
    """On random instances: wherever the step of plain averaging is not clipped, the grid must find a smaller rate, with
    an outer step above 1."""
    free = data.isel(instance=np.flatnonzero(~data.clipped.values))
    return judge_bound(
        free.grid,
        free.value.isel(candidate=0, drop=True) * (1 - FOUND),
        side="upper",
        what="least rate on a grid where plain averaging is not clipped",
        witness={name: free[name] for name in STEP_LETTERS},
    )


@claim(
    "khaled2025/bound-never-wants-less-than-1",
    statement="No outer step below 1 minimizes Proposition 1's rate: at the same inner step gamma = 1 is better.",
    theorem="khaled2025/prop1",
    kind="regime",
    data=best_steps_runs.proposition_1,
    expected="confirmed",
)
def bound_never_wants_less_than_1(data: xr.Dataset) -> Verdict:
    """The rate at gamma = 1/(1 + t) less that at gamma = 1, simplified for a positive symbol t: a positive expression
    is the proof, as the pair (eta, 1) meets the same condition."""
    difference = str(data.attrs["below 1"])
    lowest = float(data.grid_gamma.min())
    evidence = {"h(eta, 1/(1 + t)) - h(eta, 1)": difference, "smallest best outer step on the grid": lowest}
    texts = ("h(eta, gamma) > h(eta, 1) for gamma < 1", f"difference {difference}")
    if data.attrs["below 1 is positive"]:
        return Verdict("confirmed", "The difference is positive for every t > 0.", *texts, evidence=evidence)
    return Verdict("inconclusive", "The sign of the difference is not evident.", *texts, evidence=evidence)


@claim(
    "khaled2025/prop2",
    statement=(
        "Proposition 2: a/x + b x + c |1 - x| is least at sqrt(a/(b + c)) if a >= b + c, at sqrt(a/(b - c)) if b >= c"
        " and a <= b - c, and at 1 otherwise."
    ),
    theorem="khaled2025/eq9",
    kind="exact value",
    data=best_steps_runs.proposition_2,
    expected="confirmed",
)
def prop2(data: xr.Dataset) -> Verdict:
    """The function is convex, so that 0 between the one-sided derivatives proves a minimum: they are computed with
    symbols in all three cases; a fine grid on random a, b, c must find nothing smaller."""
    certificate = data.attrs["certificate"]
    proved = certificate["above 1"] == ["0", "0"] and certificate["below 1"] == ["0", "0"]
    at_1 = certificate["at 1"] == ["-a + b - c", "-a + b + c"]
    grid = judge_bound(
        data.grid, data.value, side="lower", what="least value on a grid", rounding=1e-12 * data.value,
        witness={name: data[name] for name in ("a", "b", "c", "minimizer", "grid_minimizer")},
    )  # fmt: skip
    evidence = {**grid.evidence, "one-sided derivatives at the minimizer": certificate}
    texts = ("0 between the one-sided derivatives", f"grid / stated >= {float((data.grid / data.value).min()):.9f}")
    if grid.status != "consistent":
        return Verdict("violated", "A grid finds a smaller value.", *texts, evidence=evidence, witness=grid.witness)
    if not (proved and at_1):
        return Verdict(
            "inconclusive", "The derivatives at the stated minimizer are not as expected.", *texts, evidence=evidence
        )
    sentence = (
        "Off 1 the derivative vanishes at the stated point; at 1 the derivatives -a + b - c and -a + b + c have"
        " opposite signs exactly in the third case."
    )
    return Verdict("confirmed", sentence, *texts, evidence=evidence)


# --- Figure 1 --------------------------------------------------------------------------------------------------------


def _best(data: xr.Dataset) -> xr.DataArray:
    """The outer step with the least loss, over (seed, sigma)."""
    best: xr.DataArray = data.gamma[data.loss.argmin("gamma")]
    return best


@claim(
    "khaled2025/figure1-trend",
    statement=(
        "In the experiment of Figure 1, with Hessian Q, the best outer step never rises with the noise: it is at least"
        " 1 for the smallest and below 1 for the largest."
    ),
    theorem="khaled2025/stationary",
    kind="regime",
    data=figure_1_runs.figure_1,
    expected="consistent",
)
def figure1_trend(data: xr.Dataset) -> Verdict:
    """Exact expected losses over the last ten of 1000 rounds for the ten noise levels and ten outer steps of the paper,
    on many random matrices; the number of machines and the start are not given there and are ours."""
    best = _best(data)
    rises = (best.diff("sigma") > 0).any("sigma")
    first, last = best.isel(sigma=0), best.isel(sigma=-1)
    wrong = rises | (first < 1) | (last >= 1)
    evidence = {
        "matrices": int(best.sizes["seed"]),
        "smallest and largest best step, smallest noise": [float(first.min()), float(first.max())],
        "smallest and largest best step, largest noise": [float(last.min()), float(last.max())],
    }
    texts = ("best outer step falls from >= 1 to < 1", f"from {float(first.median()):g} to {float(last.median()):g}")
    if bool(wrong.any()):
        seed = int(data.seed[int(wrong.values.argmax())])
        witness = {"matrix": seed, "best outer steps": best.sel(seed=seed).values.tolist()}
        return Verdict("violated", f"Not so for seed {seed}.", *texts, evidence=evidence, witness=witness)
    return Verdict("consistent", f"So on all {best.sizes['seed']} random matrices.", *texts, evidence=evidence)


@claim(
    "khaled2025/figure1-as-legible",
    statement=(
        "With the objective of Figure 1 as legible in the available text, |Q(x - x*)|^2 / 2 with Q = A'A, and its inner"
        " step 0.001, some outer step of its list keeps the loss finite."
    ),
    theorem="khaled2025/quadratic-mean",
    kind="counterexample",
    data=figure_1_runs.figure_1,
    expected="violated",
)
def figure1_as_legible(data: xr.Dataset) -> Verdict:
    """The same runs with Hessian Q^2: whether any outer step, noise level and matrix leaves the expected loss finite,
    and the factor of one round along the steepest direction, from the theorem's expression."""
    finite = int(np.isfinite(data.literal_loss).sum())
    factor = float(data.literal_factor.min())
    evidence = {
        "runs with a finite loss": finite,
        "smallest factor of one round along the steepest direction": factor,
        "smallest eta L": float(data.attrs["literal_steepness"]),
    }
    texts = (
        "a finite loss for some outer step",
        f"{finite} of {data.literal_loss.size}, factor of a round >= {factor:.1e}",
    )
    if finite == 0 and factor > 1:
        witness = {
            "eta": data.attrs["eta"],
            "matrix": int(data.seed[0]),
            "eta L": float(data.smoothness.sel(power=2)[0]),
        }
        return Verdict(
            "violated", "Every run diverges: eta L is above 2 by far.", *texts, evidence=evidence, witness=witness
        )
    return Verdict("consistent", "Some run stays finite.", *texts, evidence=evidence)


@claim(
    "khaled2025/less-than-1-can-be-best",
    statement="On noisy quadratics outer steps below 1 can be best, although the worst-case rate never prefers them.",
    theorem="khaled2025/stationary",
    kind="counterexample",
    data=figure_1_runs.figure_1,
    expected="consistent",
)
def less_than_1_can_be_best(data: xr.Dataset) -> Verdict:
    """At the largest noise the least expected loss with gamma below 1 against that with gamma of at least 1, exactly;
    and the noise floor, which increases with gamma."""
    noisy = data.isel(sigma=-1)
    below = noisy.loss.where(data.gamma < 1).min("gamma")
    above = noisy.loss.where(data.gamma >= 1).min("gamma")
    floors = noisy.floor.sortby("gamma")
    rising = bool((floors.diff("gamma") > 0).all())
    verdict = judge_bound(below, above, side="upper", what="least loss with gamma < 1", witness={})
    return also(verdict, [rising], {"floor increases with gamma": float(rising)})
