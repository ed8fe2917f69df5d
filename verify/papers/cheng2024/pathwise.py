"""Claims of cheng2024 that hold along every run: steps of its proofs, and lemmas on the Moreau envelope."""

from __future__ import annotations

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound, judge_identity
from tightrate.verify.papers.cheng2024 import pathwise_runs
from tightrate.verify.verdict import Verdict

RUN = ("lambda", "gamma", "H", "weak", "z")


def inequality(data: xr.Dataset, name: str, what: str, drawn: tuple[str, ...] = ()) -> Verdict:
    """Left side at most right side, to rounding."""
    left, right = data[f"{name}: left"], data[f"{name}: right"]
    witness = {key: data[key] for key in drawn}
    rounding = 1e-13 * (1 + abs(left))
    return judge_bound(left, right, side="upper", what=what, rounding=rounding, witness=witness)


@claim(
    "cheng2024/pathwise-contraction",
    statement="(B.36): along every run the distance of two z within a round is paid for by the noise alone.",
    theorem="cheng2024/lemB1",
    kind="bound with constants",
    data=pathwise_runs.pathwise,
    expected="consistent",
)
def pathwise_contraction(data: xr.Dataset) -> Verdict:
    """Both sides at every step and pair of workers, up to the largest step allowed, with three momenta."""
    return inequality(data, "contraction", "left side of (B.36)")


@claim(
    "cheng2024/pathwise-descent",
    statement="(B.53), the descent of the mean z in one step, holds along every run for eta <= 1/(12L).",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise_runs.pathwise,
    expected="consistent",
)
def pathwise_descent(data: xr.Dataset) -> Verdict:
    """Both sides at every step; with momentum the steps are (1-beta1)^2 times as large."""
    return inequality(data, "descent", "left side of (B.53)")


@claim(
    "cheng2024/pathwise-descent-as-printed",
    statement="(B.53) holds along every run for eta <= 1/(6L), as printed.",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise_runs.pathwise,
    expected="consistent",
)
def pathwise_descent_as_printed(data: xr.Dataset) -> Verdict:
    """The same at twice the steps: the printed proof supports half of them, but no run contradicts it."""
    return inequality(data, "printed descent", "left side of (B.53)")


@claim(
    "cheng2024/pathwise-lag-potential",
    statement="(B.84): the potential of the momentum's lag contracts up to gradients, spread and noise.",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise_runs.pathwise,
    expected="consistent",
)
def pathwise_lag_potential(data: xr.Dataset) -> Verdict:
    """Both sides at every step, for eta <= (1-beta1)^2/(12L)."""
    return inequality(data, "lag potential", "left side of (B.84)")


@claim(
    "cheng2024/pathwise-lag",
    statement="(B.85): the squared distance of mean z and mean x is below that potential, gradients, spread and noise.",
    theorem="cheng2024/thm1",
    kind="bound with constants",
    data=pathwise_runs.pathwise,
    expected="consistent",
)
def pathwise_lag(data: xr.Dataset) -> Verdict:
    """Both sides at every step, for eta <= (1-beta1)^2/(12L)."""
    return inequality(data, "lag", "left side of (B.85)")


@claim(
    "cheng2024/envelope-gradient",
    statement="(C.42): at the proximal point y of z, H (z - y)/gamma is the gradient of f.",
    theorem="cheng2024/lemC4-ratio",
    kind="identity",
    data=pathwise_runs.moreau_envelope,
    expected="confirmed",
)
def envelope_gradient(data: xr.Dataset) -> Verdict:
    """Proximal points by bisection to the last bit, on random weakly convex functions."""
    left, right = data["stationary: left"], data["stationary: right"]
    scale = abs(data.H * data.z / data.gamma) + 1
    one = xr.ones_like(left)
    relative = 1 + (left - right) / scale
    witness = {name: data[name] for name in RUN}
    return judge_identity(relative, one, one, what="gradient at the proximal point", relative=1e-12, witness=witness)


@claim(
    "cheng2024/gradient-below-envelope",
    statement="(C.43): the gradient is at most 2 gamma L/lambda times the envelope's gradient.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=pathwise_runs.moreau_envelope,
    expected="consistent",
)
def gradient_below_envelope(data: xr.Dataset) -> Verdict:
    """Random functions, points and preconditioners in one dimension, where the norm cancels."""
    return inequality(data, "ratio", "gradient against the envelope's", RUN)


@claim(
    "cheng2024/gradient-step-near-proximal-step",
    statement="(C.44): a preconditioned gradient step up to lambda/L misses the proximal point by gamma |grad f(y)|.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=pathwise_runs.moreau_envelope,
    expected="consistent",
)
def gradient_step_near_proximal_step(data: xr.Dataset) -> Verdict:
    """The same instances, random steps between 0 and lambda/L."""
    return inequality(data, "step", "left side of (C.44)", RUN)


@claim(
    "cheng2024/envelope-gradient-below-gap",
    statement="(C.45): the envelope's squared gradient is at most 2/gamma times its gap.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=pathwise_runs.moreau_envelope,
    expected="consistent",
)
def envelope_gradient_below_gap(data: xr.Dataset) -> Verdict:
    """The same instances."""
    return inequality(data, "envelope", "left side of (C.45)", RUN)


@claim(
    "cheng2024/weakly-convex-monotonicity",
    statement="Lemma C.5: -<x-y, g(x)-g(y)> + |g(x)-g(y)|^2/L is at most 2 weak |x-y|^2.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=pathwise_runs.moreau_envelope,
    expected="consistent",
)
def weakly_convex_monotonicity(data: xr.Dataset) -> Verdict:
    """Random pairs of points, near and far."""
    return inequality(data, "monotone", "left side of Lemma C.5", RUN)


@claim(
    "cheng2024/envelope-gap",
    statement="Lemma C.6: at the parameter lambda/L the envelope's gap lies between half the gap and the gap.",
    theorem="cheng2024/lemC4-ratio",
    kind="bound with constants",
    data=pathwise_runs.moreau_envelope,
    expected="consistent",
)
def envelope_gap(data: xr.Dataset) -> Verdict:
    """The same instances: both sides at once."""
    both = xr.Dataset(
        {
            f"both: {side}": xr.concat([data[f"half: {side}"], data[f"whole: {side}"]], dim="part")
            for side in ("left", "right")
        }
    )
    return inequality(both, "both", "gap against the envelope's")
