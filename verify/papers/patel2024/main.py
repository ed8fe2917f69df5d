"""Claims of patel2024: local steps do not help, the fixed point and its floor, the noise-dominated rate."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity, judge_sampled_bound, judge_upper_exponents
from tightrate.verify.papers.patel2024 import closed_form_runs, fixed_point_runs, k_does_not_help_runs, krm_sweep_runs
from tightrate.verify.verdict import Verdict

PAIR_PARAMETERS = ("cosine", "L", "B", "K", "eta", "gamma")


@claim(
    "patel2024/rank-one-closed-form",
    statement="The suboptimality on the rank-one pair is the closed form of Prop. 7, for every K up to infinity.",
    theorem="patel2024/prop7-exact",
    kind="identity",
    data=closed_form_runs.rank_one_closed_form,
    expected="confirmed",
)
def rank_one_closed_form(data: xr.Dataset) -> Verdict:
    """Step by step, and by jumping whole rounds, against the theorem's expression."""
    scale = data.L * data.B**2
    parameters = {name: data[name] for name in PAIR_PARAMETERS}
    both = xr.concat([data.gap, data.jumped_gap], dim="method")
    return judge_identity(both, data.exact, scale, what="suboptimality on the rank-one pair", witness=parameters)


@claim(
    "patel2024/k-does-not-help",
    statement=(
        "At the hard angle no inner step, outer step or number of local steps, infinity included, brings local"
        " gradient descent below L B^2 / (108 R)."
    ),
    theorem="patel2024/prop7-constant",
    kind="counterexample",
    data=k_does_not_help_runs.k_does_not_help,
    expected="consistent",
)
def k_does_not_help(data: xr.Dataset) -> Verdict:
    """The minimum over the whole grid of step sizes, for every K and R."""
    return judge_bound(
        data.best_gap,
        data.bound,
        side="lower",
        what="best suboptimality",
        witness={"eta": data.best_eta, "gamma": data.best_gamma},
    )


@claim(
    "patel2024/coordinate-pair",
    statement="The coordinate example (7)-(8) follows its closed form, and gamma = 2 with K = inf solves it at once.",
    theorem="patel2024/eq8",
    kind="identity",
    data=closed_form_runs.coordinate_closed_form,
    expected="confirmed",
)
def coordinate_pair(data: xr.Dataset) -> Verdict:
    """Distances round by round; the one-round solution enters as a comparison with zero."""
    measured = xr.concat([data.distance, data.one_round_distance.expand_dims(R=[0])], dim="R")
    exact = xr.concat([data.exact, xr.zeros_like(data.one_round_distance).expand_dims(R=[0])], dim="R")
    parameters = {name: data[name] for name in ("L", "B", "K", "eta", "gamma")}
    return judge_identity(
        measured,
        exact,
        data.B,
        what="distance in the coordinate example",
        matters=1e-4,
        absolute=1e-14,
        witness=parameters,
    )


FIXED_POINT_PARAMETERS = ("L", "mu", "tau", "tau_mean", "zeta_star", "zeta_mean", "zeta_opt", "B", "K", "eta")


@claim(
    "patel2024/round-map",
    statement="Every round moves x by exactly x_inf + (I - gamma C)(x - x_inf), with x_inf independent of gamma.",
    theorem="patel2024/prop19",
    kind="identity",
    data=fixed_point_runs.fixed_point_convergence,
    expected="confirmed",
)
def round_map(data: xr.Dataset) -> Verdict:
    """The largest distance over all rounds between the run and the predicted map, relative to the optima's norm."""
    return judge_identity(
        1 + data.map_error,
        xr.ones_like(data.map_error),
        xr.ones_like(data.map_error),
        what="the run's iterate, relative to the predicted map",
        relative=1e-11,
        witness={name: data[name] for name in FIXED_POINT_PARAMETERS},
    )


@claim(
    "patel2024/not-the-optimum",
    statement="Local gradient descent converges to the fixed point, and so stays away from the optimum for ever.",
    theorem="patel2024/prop19",
    kind="counterexample",
    data=fixed_point_runs.fixed_point_convergence,
    expected="confirmed",
)
def not_the_optimum(data: xr.Dataset) -> Verdict:
    """After the last round: at the fixed point to rounding, and at its distance from the optimum."""
    at_end = data.isel(R=-1)
    reached = at_end.to_fixed_point / data["size"]
    identity = judge_identity(
        at_end.to_optimum,
        data.discrepancy,
        data["size"],
        what="final distance from the optimum, against |x_inf - x*|",
        relative=1e-10,
        witness={name: data[name] for name in FIXED_POINT_PARAMETERS},
    )
    evidence = {
        **identity.evidence,
        "largest final |x_R - x_inf| / max |x_m*|": float(reached.max()),
        "smallest |x_inf - x*| / max |x_m*|": float((data.discrepancy / data["size"]).min()),
    }
    arrived = bool((reached < 1e-9).all())
    away = bool((data.discrepancy > 1e4 * at_end.to_fixed_point).all())
    if identity.status != "confirmed" or not arrived or not away:
        return Verdict(
            "violated",
            "Some run did not end at the fixed point, or ended at the optimum.",
            identity.predicted,
            identity.measured,
            evidence=evidence,
            witness=identity.witness or {"largest final |x_R - x_inf| / max |x_m*|": float(reached.max())},
        )
    farthest = float((data.discrepancy / data["size"]).max())
    return Verdict(
        "confirmed",
        f"All {data.sizes['instance']} runs end at x_inf (to {float(reached.max()):.0e} max |x_m*|), never at x*.",
        "x_R -> x_inf, which is not x*",
        f"|x_inf - x*| up to {farthest:.2g} max |x_m*|",
        evidence=evidence,
    )


@claim(
    "patel2024/sharp-discrepancy",
    statement="|x_inf - x*| <= zeta_1 tau_bar / mu^2 phi_K(eta mu) for eta <= 1/L.",
    theorem="patel2024/discrepancy",
    kind="bound with constants",
    data=fixed_point_runs.discrepancy_instances,
    expected="consistent",
)
def sharp_discrepancy(data: xr.Dataset) -> Verdict:
    """Random instances in one to four dimensions, curvatures spread a lot or little."""
    return _on_instances(data, "discrepancy", "discrepancy")


@claim(
    "patel2024/first-order-discrepancy",
    statement="|x_inf - x*| <= zeta_1 tau_bar / mu^2 (K-1) q / (2-q), q = eta mu: at most first order in eta (K-1).",
    theorem="patel2024/discrepancy-small-step",
    kind="bound with constants",
    data=fixed_point_runs.discrepancy_instances,
    expected="consistent",
)
def first_order_discrepancy(data: xr.Dataset) -> Verdict:
    """Random instances in one to four dimensions, curvatures spread a lot or little, against the theorem's value."""
    return _on_instances(data, "discrepancy", "discrepancy-small-step")


@claim(
    "patel2024/prop21",
    statement="|x_inf - mean x_m*| is at most zeta_opt tau / (L mu) (1 - phi_K(eta mu)).",
    theorem="patel2024/prop21",
    kind="bound with constants",
    data=fixed_point_runs.discrepancy_instances,
    expected="consistent",
)
def prop21(data: xr.Dataset) -> Verdict:
    """Random instances in one to four dimensions, curvatures spread a lot or little, against the theorem's value."""
    return _on_instances(data, "fixed-point-to-mean", "prop21")


@claim(
    "patel2024/prop21-optima",
    statement="|x* - mean x_m*| is at most zeta_opt tau / (L mu).",
    theorem="patel2024/prop21-optima",
    kind="bound with constants",
    data=fixed_point_runs.discrepancy_instances,
    expected="consistent",
)
def prop21_optima(data: xr.Dataset) -> Verdict:
    """Random instances in one to four dimensions, curvatures spread a lot or little, against the theorem's value."""
    return _on_instances(data, "optimum-to-mean", "prop21-optima")


def _on_instances(data: xr.Dataset, measured: str, label: str) -> Verdict:
    return judge_bound(
        data[measured],
        data[f"bound: {label}"],
        side="upper",
        what=theorem(f"patel2024/{label}").bound.measure.meaning,
        rounding=1e-12 * data["size"],
        witness={name: data[name] for name in (*FIXED_POINT_PARAMETERS, "M", "d")},
    )


@claim(
    "patel2024/thm22-transient",
    statement="With gamma = 1, |x_R - x_inf| is at most the transient of Theorem 22, start distance B + zeta_opt/L.",
    theorem="patel2024/thm22-explicit",
    kind="bound with constants",
    data=fixed_point_runs.fixed_point_convergence,
    expected="consistent",
)
def thm22_transient(data: xr.Dataset) -> Verdict:
    """Every round of the runs with plain averaging."""
    return _transient(data, "bound")


@claim(
    "patel2024/thm22-transient-as-printed",
    statement="With gamma = 1, |x_R - x_inf| is at most the transient of Theorem 22, start distance B alone.",
    theorem="patel2024/thm22-explicit",
    kind="erratum",
    data=fixed_point_runs.fixed_point_convergence,
    expected="violated",
)
def thm22_transient_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E4: machines whose optima lie farther out than the common optimum break it."""
    return _transient(data, "printed")


def _transient(data: xr.Dataset, bound: str) -> Verdict:
    plain = data.where(data.gamma == 1, drop=True)
    return judge_bound(
        plain.to_fixed_point,
        plain[bound],
        side="upper",
        what="distance from the fixed point",
        rounding=1e-13 * plain["size"],
        witness={
            **{name: plain[name] for name in (*FIXED_POINT_PARAMETERS, "gamma")},
            **{name: xr.DataArray(float(data.attrs[name])) for name in ("M", "d")},
        },
    )


@claim(
    "patel2024/krm-exponents",
    statement=(
        "On quadratics with equal Hessians, noise-dominated, at the prescribed step the gap of the weighted average"
        " decays in K, R and M at least as fast as the statistical term sigma^2 / (mu M K R) times its logarithm."
    ),
    theorem="patel2024/thm27",
    kind="scaling",
    data=krm_sweep_runs.krm_sweep,
    expected="consistent",
)
def krm_exponents(data: xr.Dataset) -> Verdict:
    """Exponents from the statistical term's monomial; the prescribed step's logarithm enters as a known factor."""
    exponents = theorem("patel2024/thm27").bound.term("statistical").monomial.exponents
    axes = ("K", "R", "M")
    mesh = np.meshgrid(*(data[name].values for name in axes), indexing="ij")
    return judge_upper_exponents(
        {name: values.ravel() for name, values in zip(axes, mesh, strict=True)},
        data.gap_mean.transpose(*axes).values.ravel(),
        data.gap_stderr.transpose(*axes).values.ravel(),
        {name: float(exponents[name]) for name in axes},
        offset=np.log(data.logarithm.transpose(*axes).values).ravel(),
        resolution=0.1,
    )


@claim(
    "patel2024/krm-value",
    statement="On the same grid the measured gap stays below Theorem 27's bound with the constants of its proof.",
    theorem="patel2024/thm27-equal-quadratics",
    kind="bound with constants",
    data=krm_sweep_runs.krm_sweep,
    expected="consistent",
)
def krm_value(data: xr.Dataset) -> Verdict:
    """Both ends of every cell's interval of five standard errors: 64 cells, no chance of a false alarm."""
    return judge_sampled_bound(
        data.gap_mean,
        data.gap_stderr,
        data.bound,
        side="upper",
        what="mean gap of the weighted average",
        witness={"eta": data.eta},
    )
