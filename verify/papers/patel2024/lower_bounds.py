"""Claims of patel2024 on its hard instances: the pair for any number of machines, its tau version, the chain."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.judging.trend import judge_trend
from tightrate.verify.papers.patel2024 import any_steps_runs, chain_runs
from tightrate.verify.verdict import Verdict


@claim(
    "patel2024/prop7-odd-machines",
    statement=(
        "On 3, 5 and 9 machines too no inner step, outer step or number of local steps, infinity included, brings"
        " local gradient descent below L B^2 / (108 R)."
    ),
    theorem="patel2024/prop7-any-machines",
    kind="counterexample",
    data=any_steps_runs.any_machines,
    expected="consistent",
)
def prop7_odd_machines(data: xr.Dataset) -> Verdict:
    """The minimum of the exact suboptimality over a grid of inner and outer steps, for every M, K and R."""
    steps = {"eta": data.best_eta, "gamma": data.best_gamma}
    return judge_bound(data.best_gap, data.bound, side="lower", what="best suboptimality", witness=steps)


@claim(
    "patel2024/prop7-eigenvalues",
    statement=(
        "With the share a of the machines on the first direction the average of the rank-one pair has the smaller"
        " eigenvalue (1 - sqrt(1 - 4 a (1 - a) (1 - cosine^2))) H / 2."
    ),
    theorem="patel2024/prop7-any-machines",
    kind="identity",
    data=any_steps_runs.any_machines,
    expected="confirmed",
)
def prop7_eigenvalues(data: xr.Dataset) -> Verdict:
    """The formula is solved for the angle that makes the eigenvalue H / (12 R); eigenvalues of the matrices must be
    exactly that, to rounding."""
    return judge_identity(
        data.eigenvalue,
        data.predicted,
        xr.full_like(data.predicted, data.attrs["L"]),
        what="smaller eigenvalue of the average",
        witness={"eigenvalue": data.eigenvalue},
    )


@claim(
    "patel2024/tau-lower-bound",
    statement=(
        "With Hessians that differ by at most tau and a common optimum, local gradient descent stays above"
        " tau B^2 / (108 R) for every inner step, every outer step and every K, infinity included."
    ),
    theorem="patel2024/prop7-tau",
    kind="counterexample",
    data=any_steps_runs.tau_version,
    expected="consistent",
)
def tau_lower_bound(data: xr.Dataset) -> Verdict:
    """The minimum over a grid of inner and outer steps for every tau, K and R, where the Hessians are at most tau
    apart."""
    if not bool((data.measured_tau <= data.tau * (1 + 1e-12)).all()):
        return Verdict("not-applicable", "Two Hessians differ by more than tau.", "tau", "more than tau")
    steps = {"eta": data.best_eta, "gamma": data.best_gamma}
    return judge_bound(data.best_gap, data.bound, side="lower", what="best suboptimality", witness=steps)


@claim(
    "patel2024/lemma8",
    statement=(
        "On a quadratic with eigenvalues H and mu <= H/6 no step brings R steps of gradient descent below"
        " (H B^2 / (4 kappa)) (1 - 3/kappa)^(2R)."
    ),
    theorem="patel2024/lemma8",
    kind="bound with constants",
    data=any_steps_runs.lemma8,
    expected="consistent",
)
def lemma8(data: xr.Dataset) -> Verdict:
    """The minimum over a grid of steps up to 3.5/H, for condition numbers from 6 and up to 3000 steps."""
    return judge_bound(
        data.best_gap,
        data.bound,
        side="lower",
        what="best suboptimality of gradient descent",
        rounding=1e-28 * data.attrs["L"] * data.attrs["B"] ** 2,
        witness={"eta": data.best_eta},
    )


@claim(
    "patel2024/thm11-instance",
    statement="The chain of Theorem 11 is H-smooth, has its optimum at distance B, and zeta_star = 0.",
    theorem="patel2024/thm11",
    kind="identity",
    data=chain_runs.chain,
    expected="confirmed",
)
def thm11_instance(data: xr.Dataset) -> Verdict:
    """Constants of the matrices against the prescribed ones: largest eigenvalue over all machines, norm of the
    optimum, root mean square of the machines' gradients there."""
    unit = xr.ones_like(data.smoothness)
    return judge_identity(
        xr.concat([data.smoothness / data.attrs["L"], data.distance / data.attrs["B"], data.heterogeneity], "constant"),
        xr.concat([unit, unit, 0 * unit], "constant"),
        unit,
        what="constant of the chain",
        relative=1e-12,
        absolute=1e-13,
        witness={},
    )


@claim(
    "patel2024/thm11-one-coordinate",
    statement="On the chain no algorithm that moves along gradients only finds more than one coordinate per round.",
    theorem="patel2024/thm11",
    kind="exact value",
    data=chain_runs.chain,
    expected="consistent",
)
def thm11_one_coordinate(data: xr.Dataset) -> Verdict:
    """Local SGD with up to 20 local steps, mini-batch SGD and two accelerated forms of it, over whole grids of steps:
    the last coordinate that is not exactly zero after R rounds."""
    return judge_bound(data.revealed, data.R, side="upper", what="number of coordinates found", witness={})


@claim(
    "patel2024/thm11-minimum",
    statement="The least suboptimality on the chain over R coordinates is the closed form, whatever the dimension.",
    theorem="patel2024/thm11-exact",
    kind="identity",
    data=chain_runs.chain,
    expected="confirmed",
)
def thm11_minimum(data: xr.Dataset) -> Verdict:
    """A Schur complement of the average Hessian against the theorem's expression, links of curvature H/2."""
    return judge_identity(
        data.minimum,
        data.exact,
        data.exact,
        what="least suboptimality on R coordinates",
        relative=1e-9,
        witness={},
    )


@claim(
    "patel2024/thm11-value",
    statement="After R rounds no run on the chain is below the exact minimum of Theorem 11's instance.",
    theorem="patel2024/thm11-exact",
    kind="bound with constants",
    data=chain_runs.chain,
    expected="consistent",
)
def thm11_value(data: xr.Dataset) -> Verdict:
    """The best step of each algorithm's grid, by value; the accelerated ones come closest."""
    return judge_bound(data.best_gap, data.exact, side="lower", what="best suboptimality of each algorithm", witness={})


@claim(
    "patel2024/thm11-constant",
    statement="The exact minimum of the chain is at least H B^2 / (128 R^2).",
    theorem="patel2024/thm11-constant",
    kind="bound with constants",
    data=chain_runs.chain,
    expected="consistent",
)
def thm11_constant(data: xr.Dataset) -> Verdict:
    """The minimum by linear algebra against the simple form, for R up to 20."""
    return judge_bound(data.minimum, data.bound, side="lower", what="least suboptimality on R coordinates", witness={})


@claim(
    "patel2024/thm11-attained",
    statement="On the chain accelerated mini-batch SGD falls at least as fast as H B^2 / R^2, so Theorem 11 is tight.",
    theorem="patel2024/thm11",
    kind="scaling",
    data=chain_runs.acceleration,
    expected="consistent",
)
def thm11_attained(data: xr.Dataset) -> Verdict:
    """AC-SA at its best step on a chain made for each R: measured over the noiseless part of its rate along R."""
    return judge_trend(data["gap"], data.bound, side="upper", along=["R"], what="suboptimality of AC-SA")


@claim(
    "patel2024/eq20-as-printed",
    statement="Display (20) as printed: the average of the even and odd machines has the factor H/2.",
    theorem="patel2024/thm11",
    kind="erratum",
    data=chain_runs.chain,
    expected="violated",
)
def eq20_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E5: the average objective at random points against H/2 times the sum of all squares; it is half of
    that, because each half of the machines carries each half of the squares."""
    found = judge_identity(
        data.averaged,
        data.printed,
        data.printed,
        what="average objective",
        witness={"corrected": data.printed / 2},
    )
    if found.witness is None:
        return found
    point = data.isel(point=int(found.witness["point"]))
    return replace(found, witness={**found.witness, **data.attrs["display 20"], "x": point.x.values.tolist()})
