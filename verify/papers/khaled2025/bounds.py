"""Claims of khaled2025 that are bounds with constants, and what they say about drift and tuned rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.judging.limit import Line, also, judge_limiting_exponents
from tightrate.verify.judging.order import judge_orders
from tightrate.verify.papers.khaled2025 import bounds_runs, spread_runs, tuned_runs
from tightrate.verify.verdict import Verdict

LOCAL_GAPS, INSTANCES, OTHERS, DRIFT = (
    f"khaled2025-{name}" for name in ("local-gaps", "instances", "other-objectives", "drift")
)
SPREAD, TUNING, WORST = (f"khaled2025-{name}" for name in ("spread", "tuning", "worst-curvature"))
STANDARD_ERRORS = 5  # of a mean over replicas: no false alarm in some hundred comparisons


def _local_gaps(data: xr.Dataset, label: str) -> Verdict:
    names = [name for name in data if name != "local_gap" and not str(name).startswith("bound")]
    return judge_bound(
        data.local_gap,
        data[f"bound: {label}"],
        side="upper",
        what="mean gap of all local iterates",
        witness={str(name): data[name] for name in names},
    )


@claim(
    "khaled2025/thm1-on-quadratics",
    statement="On quadratics the mean gap of all local iterates is below Theorem 1's bound with constants 2, 2, 2.",
    theorem="khaled2025/thm1",
    kind="bound with constants",
    data=bounds_runs.local_gaps,
    expected="consistent",
)
def thm1_on_quadratics(data: xr.Dataset) -> Verdict:
    """Exact values on thousands of random quadratics with noise of its own in each coordinate, over wide ranges of
    H, R, M, curvatures, noise and outer steps, the inner step inside the condition; compared by value."""
    return _local_gaps(data, "thm1")


@claim(
    "khaled2025/thm1-safe-on-quadratics",
    statement="On quadratics the mean gap of all local iterates is below the safe version of Theorem 1's bound.",
    theorem="khaled2025/thm1-safe",
    kind="bound with constants",
    data=bounds_runs.local_gaps,
    expected="consistent",
)
def thm1_safe_on_quadratics(data: xr.Dataset) -> Verdict:
    """The same instances and the larger constants."""
    return _local_gaps(data, "thm1-safe")


@claim(
    "khaled2025/thm1-safe-off-quadratics",
    statement=(
        "On convex functions that are not quadratic the mean gap of all local iterates is below the safe version of"
        " Theorem 1's bound."
    ),
    theorem="khaled2025/thm1-safe",
    kind="bound with constants",
    data=bounds_runs.other_objectives,
    expected="consistent",
)
def thm1_safe_off_quadratics(data: xr.Dataset) -> Verdict:
    """Huber's function, kinked and soft parabolas in one and four dimensions and logistic regression, step by step with
    Gaussian and with skewed noise: the mean over the runs, with five standard errors, against the bound by value."""
    return _mean_below(data, "local_gap", data["bound: thm1-safe"], "mean gap of all local iterates")


def _searched(data: xr.Dataset, label: str) -> Verdict:
    """All searches of one statement; points that break a condition do not count."""
    names = [str(name) for name in data.search.values if str(name).partition("@")[0] == f"khaled2025/{label}"]
    chosen = data.sel(search=names).assign_coords(search=np.arange(len(names))).stack(point=("search", "instance"))
    chosen = chosen.reset_index("point").isel(point=np.flatnonzero(chosen.admissible.values))
    measures = ("measured", "bound", "rounding", "admissible")
    axes = {str(name): chosen[name] for name in chosen.data_vars if name not in measures}
    verdict = judge_bound(
        chosen.measured, chosen.bound, side="upper", what="gap", rounding=chosen.rounding, witness=axes
    )
    witness = verdict.witness
    if witness is not None:  # as `falsify --witness` takes it: the search, and the axes that it has
        values = {
            name: value for name, value in witness.items() if name not in ("search", "instance") and value == value
        }
        witness = {"search": names[int(witness["search"])], **values}
    return replace(verdict, evidence={**verdict.evidence, "instances of": names}, witness=witness)


def _mean_below(data: xr.Dataset, name: str, bound: xr.DataArray, what: str) -> Verdict:
    """A mean against a bound: violated if five standard errors below it are above, inconclusive if those above are."""
    kinds = [str(kind) for kind in data.objective.values]
    data = data.assign_coords(objective=np.arange(len(kinds)))
    bound = bound.assign_coords(objective=data.objective)
    parameters = {key: data[key] for key in ("L", "B", "eta", "gamma", "sigma")}
    margin = STANDARD_ERRORS * data[f"{name}_stderr"]
    low, high = (
        judge_bound(data[name] + sign * margin, bound, side="upper", what=what, witness=parameters) for sign in (-1, 1)
    )
    if low.status == "violated":
        return replace(low, witness={**(low.witness or {}), "objective": kinds[int((low.witness or {})["objective"])]})
    if high.status == "violated":
        sentence = f"{what} is too noisy to tell: the interval of some mean reaches beyond the bound."
        return replace(high, status="inconclusive", sentence=sentence, witness=None)
    return replace(high, evidence={**high.evidence, "objectives": kinds})


@claim(
    "khaled2025/thm1-with-a-kink",
    statement=(
        "On parabolas with two curvatures and with infinitely many workers, too, the gap of the averaged iterate is"
        " below Theorem 1's bound with constants 2, 2, 2."
    ),
    theorem="khaled2025/thm1",
    kind="bound with constants",
    data=bounds_runs.instances,
    expected="consistent",
)
def thm1_with_a_kink(data: xr.Dataset) -> Verdict:
    """Exact values on random quadratics and on random kinked parabolas, all paths of the noise summed; by value."""
    return _searched(data, "thm1")


@claim(
    "khaled2025/thm2-value",
    statement="The gap of the averaged iterate with outer momentum is below Theorem 2's bound, as re-derived.",
    theorem="khaled2025/thm2",
    kind="bound with constants",
    data=bounds_runs.instances,
    expected="consistent",
)
def thm2_value(data: xr.Dataset) -> Verdict:
    """Exact values on random quadratics and kinked parabolas, momentum up to 0.997, with (1 - momentum)^2 in the second
    condition; by value."""
    return _searched(data, "thm2")


@claim(
    "khaled2025/thm2-safe-value",
    statement="The gap of the averaged iterate with outer momentum is below the safe version of Theorem 2's bound.",
    theorem="khaled2025/thm2-safe",
    kind="bound with constants",
    data=bounds_runs.instances,
    expected="consistent",
)
def thm2_safe_value(data: xr.Dataset) -> Verdict:
    """The same kinds of instances, inside the safe version's conditions."""
    return _searched(data, "thm2-safe")


@claim(
    "khaled2025/thm3-safe-value",
    statement="The gap of the accelerated loop's last iterate is below the complete version of Theorem 3's bound.",
    theorem="khaled2025/thm3-safe",
    kind="bound with constants",
    data=bounds_runs.instances,
    expected="consistent",
)
def thm3_safe_value(data: xr.Dataset) -> Verdict:
    """Exact values on random quadratics and kinked parabolas; by value."""
    return _searched(data, "thm3-safe")


@claim(
    "khaled2025/eq2-value",
    statement="At the prescribed inner step plain averaging attains eq. (2) with the constants 8, 4, 4.",
    theorem="khaled2025/eq2-explicit",
    kind="bound with constants",
    data=bounds_runs.instances,
    expected="consistent",
)
def eq2_value(data: xr.Dataset) -> Verdict:
    """Exact values on random quadratics at the step of the theorem; by value."""
    return _searched(data, "eq2-explicit")


@claim(
    "khaled2025/cor1-safe-value",
    statement="At the prescribed inner step the accelerated loop attains the complete version of Corollary 1.",
    theorem="khaled2025/cor1-safe",
    kind="bound with constants",
    data=bounds_runs.instances,
    expected="consistent",
)
def cor1_safe_value(data: xr.Dataset) -> Verdict:
    """Exact values on random quadratics at the step of the theorem; by value."""
    return _searched(data, "cor1-safe")


@claim(
    "khaled2025/ill-tuned-value",
    statement=(
        "With an inner step of order 1/(R L) and the balancing product of the steps, the gap is at most minibatch SGD's"
        " rate and a remainder that falls like 1/R^2."
    ),
    theorem="khaled2025/ill-tuned",
    kind="bound with constants",
    data=bounds_runs.instances,
    expected="consistent",
)
def ill_tuned_value(data: xr.Dataset) -> Verdict:
    """Exact values on random quadratics at the prescribed steps; by value."""
    return _searched(data, "ill-tuned")


# --- Drift -----------------------------------------------------------------------------------------------------------


@claim(
    "khaled2025/lemma7",
    statement="Lemma 7: after h local steps the squared distance, over all pairs, is at most 2 eta^2 sigma^2 h.",
    theorem="khaled2025/lemma7",
    kind="bound with constants",
    data=bounds_runs.other_objectives,
    expected="consistent",
)
def lemma7(data: xr.Dataset) -> Verdict:
    """Measured after every local step on functions that are not quadratic, averaged over runs and rounds, with five
    standard errors, against the bound by value."""
    return _mean_below(data, "drift", data["bound: lemma7"], "squared distance of two workers")


@claim(
    "khaled2025/lemma7-equality",
    statement="Where the gradient is constant the drift from the mean equals (1 - 1/M) eta^2 sigma^2 h.",
    theorem="khaled2025/lemma7-mean",
    kind="exact value",
    data=bounds_runs.drift,
    expected="confirmed",
)
def lemma7_equality(data: xr.Dataset) -> Verdict:
    """The variance of one worker less that of the mean of M, both by the engine of exact moments, at curvature 0."""
    flat = data.isel(instance=np.flatnonzero(data.curvature.values == 0))
    return judge_identity(
        flat.drift,
        flat["bound: lemma7-mean"],
        flat.scale,
        what="drift at constant gradient",
        relative=1e-11,
        witness={name: flat[name] for name in ("eta", "sigma", "K", "M")},
    )


@claim(
    "khaled2025/lemma7-on-quadratics",
    statement="On quadratics the drift from the mean is at most (1 - 1/M) eta^2 sigma^2 h, so half of Lemma 7's bound.",
    theorem="khaled2025/lemma7-mean",
    kind="bound with constants",
    data=bounds_runs.drift,
    expected="consistent",
)
def lemma7_on_quadratics(data: xr.Dataset) -> Verdict:
    """The same difference of variances on random curvatures, up to thousands of local steps; by value."""
    return judge_bound(
        xr.concat([data.drift, 2 * data.drift], dim="form"),
        xr.concat([data["bound: lemma7-mean"], data["bound: lemma7"]], dim="form"),
        side="upper",
        what="drift",
        rounding=1e-12 * data.scale,
        witness={name: data[name] for name in ("curvature", "eta", "sigma", "K", "M")},
    )


@claim(
    "khaled2025/drift-term-is-needed",
    statement=(
        "However many workers there are, plain averaging settles at a gap of the order L eta^2 sigma^2 H on a function"
        " with a kink: Theorem 1's drift term cannot fall faster in eta or in H, and on a parabola it is not seen."
    ),
    theorem="khaled2025/thm1",
    kind="scaling",
    data=spread_runs.spread,
    expected="consistent",
)
def drift_term_is_needed(data: xr.Dataset) -> Verdict:
    """The resting point of a round with infinitely many workers, found backwards on a grid and checked by following
    every path of the noise: the gap over L eta^2 sigma^2 H must become constant as eta falls and as H grows, stay
    below Theorem 1's bound, and vanish on a parabola."""
    falling = data.sortby("eta", ascending=False)
    lines = [
        Line(f"1/eta at H = {K:g}", 1 / falling.eta.values, falling.gap.sel(K=K).values, 0.0) for K in data.K.values
    ]
    lines.append(Line("H at the smallest eta", data.K.values, falling.gap.isel(eta=-1).values, 0.0))
    verdict = judge_limiting_exponents(
        lines, what="gap over L eta^2 sigma^2 H", predicted="exponent 0 in eta and in H", resolution=0.1
    )
    sizes = {
        "largest gap / Theorem 1's bound": float((data.gap / data.bound).max()),
        "largest relative difference from all paths": float(abs(data.by_paths / data.gap - 1).max()),
        "largest on a parabola": float(data.on_a_parabola.max()),
    }
    smallest = {f"at H = {K:g} and the smallest eta": float(falling.gap.sel(K=K)[-1]) for K in data.K.values}
    return also(
        verdict,
        [value <= most for value, most in zip(sizes.values(), (1.0, 1e-3, 1e-12), strict=True)],
        {**sizes, **smallest},
    )


# --- Tuned rates -----------------------------------------------------------------------------------------------------


@claim(
    "khaled2025/eq2-from-thm1",
    statement="Theorem 1 at gamma = 1 and the best inner step is, up to constants, eq. (2) and nothing smaller.",
    theorem="khaled2025/eq2",
    kind="regime",
    data=tuned_runs.tuning,
    expected="confirmed",
)
def eq2_from_thm1(data: xr.Dataset) -> Verdict:
    """The bound minimized over the inner step by the algebra of tuning, compared with eq. (2) both ways by certificates
    of the order algebra."""
    return judge_orders(data, holds=["prop1 tuned <~ eq2", "eq2 <~ prop1 tuned"], what="tuned Theorem 1 ~ eq. (2)")


@claim(
    "khaled2025/cor1-from-thm3",
    statement="Theorem 3 at gamma = 1 and the best inner step is, up to constants, Corollary 1, in both versions.",
    theorem="khaled2025/cor1",
    kind="regime",
    data=tuned_runs.tuning,
    expected="confirmed",
)
def cor1_from_thm3(data: xr.Dataset) -> Verdict:
    """The same for the probable printed shape, both ways, and from the complete bound to the complete corollary."""
    return judge_orders(
        data,
        holds=["thm3 tuned <~ cor1", "cor1 <~ thm3 tuned", "thm3-safe tuned <~ cor1-safe"],
        what="tuned Theorem 3 ~ Corollary 1",
    )


@claim(
    "khaled2025/first-drift-term-never-dominates",
    statement=(
        "In the probable printed shape of Theorem 3 and Corollary 1, with M under the first drift term, that term is"
        " never the largest; without M, as the complete bound has it, it can be."
    ),
    theorem="khaled2025/cor1",
    kind="regime",
    data=tuned_runs.tuning,
    expected="confirmed",
)
def first_drift_term_never_dominates(data: xr.Dataset) -> Verdict:
    """The term against the sum of the others in the order algebra: certificates for the shape with M, a path along
    which the term outgrows the others without it."""
    return judge_orders(
        data,
        holds=["thm3: averaged noise drift <~ the other terms", "cor1: spread <~ the other terms"],
        fails=["cor1-safe: spread <~ the other terms"],
        what="first drift term <~ the others",
    )


def _exponents(data: xr.Dataset, regimes: list[str], what: str) -> Verdict:
    """The ratio gap / term along every axis must become constant."""
    lines = []
    for regime in regimes:
        cells = data.sel(regime=regime)
        table = xr.Dataset(
            {"ratio": ("cell", (cells.gap / cells.term).values)},
            coords={n: ("cell", cells[n].values) for n in ("K", "R", "M")},
        )
        grid = table.set_index(cell=("K", "R", "M")).unstack("cell").ratio
        for axis in ("K", "R", "M"):
            others = [name for name in ("K", "R", "M") if name != axis]
            line = grid.isel(dict.fromkeys(others, -1))
            lines.append(Line(f"{axis}, {regime}", line[axis].values, line.values, 0.0))
    verdict = judge_limiting_exponents(
        lines, what=what, predicted="gap / term has exponent 0 in H, R and M", resolution=0.05
    )
    chosen = data.sel(regime=regimes)
    above = float((chosen.gap / chosen.bound).max())
    sizes = {"largest gap / bound": above, "smallest share of the term in the bound": float(chosen.share.min())}
    return also(verdict, [above <= 1], sizes)


@claim(
    "khaled2025/eq2-exponents",
    statement=(
        "At the prescribed step and on the worst curvature the gap of plain averaging falls in H, R and M with the"
        " exact exponents of eq. (2)'s optimization and statistical terms."
    ),
    theorem="khaled2025/eq2-explicit",
    kind="scaling",
    data=tuned_runs.worst_curvature,
    expected="consistent",
)
def eq2_exponents(data: xr.Dataset) -> Verdict:
    """Exact gaps, maximized over curvatures, on grids of H, R and M where one term is largest: gap over term must
    become constant along every axis, and stay below the bound with its constants."""
    return _exponents(data, ["eq2, optimization", "eq2, statistical"], "gap of plain averaging")


@claim(
    "khaled2025/cor1-exponents",
    statement=(
        "At the prescribed step and on the worst curvature the gap of the accelerated loop falls in H, R and M with the"
        " exact exponents of Corollary 1's optimization and statistical terms."
    ),
    theorem="khaled2025/cor1-safe",
    kind="scaling",
    data=tuned_runs.worst_curvature,
    expected="consistent",
)
def cor1_exponents(data: xr.Dataset) -> Verdict:
    """The same for the last iterate of the accelerated loop."""
    return _exponents(data, ["cor1, optimization", "cor1, statistical"], "gap of the accelerated loop")
