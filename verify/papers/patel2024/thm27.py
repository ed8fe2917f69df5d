"""Claims of patel2024 on Theorem 27: every step of its proof by value, and what its display hides."""

from __future__ import annotations

from dataclasses import replace

import xarray as xr

from tightrate.verify.claim import claim
from tightrate.verify.judging.by_value import judge_bound
from tightrate.verify.judging.trend import judge_trend
from tightrate.verify.papers.patel2024 import thm27_steps_runs
from tightrate.verify.verdict import Verdict

LETTERS = ("mu", "tau", "Q", "zeta", "eta", "B")


@claim(
    "patel2024/thm27-one-step",
    statement=(
        "One step contracts the squared distance of the mean iterate by 1 - eta mu / 2, less eta times the gap, up to"
        " 8 tau^2 eta/mu times the consensus error and 2 Q^2 eta/mu times its square."
    ),
    theorem="patel2024/thm27-step",
    kind="bound with constants",
    data=thm27_steps_runs.thm27_steps,
    expected="consistent",
)
def thm27_one_step(data: xr.Dataset) -> Verdict:
    """Every step of noiseless runs on quadratic machines and on machines with a changing curvature; noise adds exactly
    eta^2 sigma^2 / M to both sides."""
    return judge_bound(
        data.squared_distance,
        data.one_step,
        side="upper",
        what="squared distance after a step",
        rounding=1e-13 * data.B**2,
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/lemma36",
    statement="Without noise the consensus error is at most 6 K^2 eta^2 zeta^2 at every step.",
    theorem="patel2024/lemma36",
    kind="bound with constants",
    data=thm27_steps_runs.thm27_steps,
    expected="consistent",
)
def lemma36(data: xr.Dataset) -> Verdict:
    """The same runs, every step, with the largest dissimilarity of the points visited."""
    return judge_bound(
        data.consensus,
        data.lemma36,
        side="upper",
        what="consensus error",
        rounding=1e-25 * data.B**2,
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/lemma36-noise",
    statement="With noise the mean consensus error is at most 3 K sigma^2 eta^2 + 6 K^2 eta^2 zeta^2.",
    theorem="patel2024/lemma36",
    kind="bound with constants",
    data=thm27_steps_runs.consensus,
    expected="consistent",
)
def lemma36_noise(data: xr.Dataset) -> Verdict:
    """Machines with one Hessian and different slopes, where the mean consensus error before an averaging is known
    exactly: random curvatures, steps, K and noise levels."""
    return judge_bound(
        data.consensus,
        data.bound,
        side="upper",
        what="mean consensus error",
        witness={name: data[name] for name in ("K", "eta", "sigma", "zeta")},
    )


@claim(
    "patel2024/thm27-step",
    statement="Without noise the gap of the weighted average is at most Theorem 27's bound at a fixed step.",
    theorem="patel2024/thm27-step",
    kind="bound with constants",
    data=thm27_steps_runs.thm27_steps,
    expected="consistent",
)
def thm27_step(data: xr.Dataset) -> Verdict:
    """The same runs at their end, unequal Hessians and changing curvatures included."""
    return judge_bound(
        data.weighted_gap,
        data.bound,
        side="upper",
        what="gap of the weighted average",
        witness={name: data[name] for name in LETTERS},
    )


@claim(
    "patel2024/lemma37",
    statement="At the prescribed step the fixed-step bound is at most the explicit form of Theorem 27.",
    theorem="patel2024/thm27-explicit",
    kind="bound with constants",
    data=thm27_steps_runs.step_size,
    expected="consistent",
)
def lemma37(data: xr.Dataset) -> Verdict:
    """The step-size lemma by value: both symbolic expressions at random parameters over many orders of magnitude."""
    names = ("mu", "tau", "Q", "zeta", "sigma", "B", "K", "R", "M", "eta")
    return judge_bound(
        data.at_step,
        data.explicit,
        side="upper",
        what="bound at the prescribed step",
        rounding=1e-12 * data.explicit,
        witness={name: data[name] for name in names},
    )


def _on_the_machine(found: Verdict, data: xr.Dataset) -> Verdict:
    """The verdict whose witness, if there is one, has the parameters of the one machine."""
    if found.witness is None:
        return found
    machine = {name: data.attrs[name] for name in ("L", "mu", "B", "K", "eta")}
    return replace(found, witness={**found.witness, **machine, "kappa": machine["L"] / machine["mu"]})


@claim(
    "patel2024/thm27-exponent-as-printed",
    statement="Theorem 27 as printed: the gap of the weighted average decays like exp(-mu K R / H), up to constants.",
    theorem="patel2024/thm27",
    kind="erratum",
    data=thm27_steps_runs.exponent,
    expected="violated",
)
def thm27_exponent_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E8: one quadratic machine without noise at the prescribed step 1/(2H), exactly; the ratio to the printed
    term grows along R without end."""
    found = judge_trend(data["gap"], data.printed_gap, side="upper", along=["R"], what="gap of the weighted average")
    return _on_the_machine(found, data)


@claim(
    "patel2024/thm27-exponent",
    statement="On the same machine the fixed-step form, with its exponent mu/(4H), holds.",
    theorem="patel2024/thm27-step",
    kind="bound with constants",
    data=thm27_steps_runs.exponent,
    expected="consistent",
)
def thm27_exponent(data: xr.Dataset) -> Verdict:
    """The same exact gaps, by value."""
    found = judge_bound(data["gap"], data.proved_gap, side="upper", what="gap of the weighted average", witness={})
    return _on_the_machine(found, data)


@claim(
    "patel2024/thm22-exponent-as-printed",
    statement="Theorem 22 as printed: the distance decays like exp(-mu K R / H), up to constants.",
    theorem="patel2024/thm22",
    kind="erratum",
    data=thm27_steps_runs.exponent,
    expected="violated",
)
def thm22_exponent_as_printed(data: xr.Dataset) -> Verdict:
    """Erratum E8: one quadratic machine without noise at the theorem's step 1/(2H) contracts by exactly
    1 - mu/(2H) a step; the ratio to the printed term grows along R without end."""
    found = judge_trend(data.distance, data.printed_distance, side="upper", along=["R"], what="distance")
    return _on_the_machine(found, data)


@claim(
    "patel2024/thm22-exponent",
    statement="On the same machine the transient with the factor (1 - eta mu)^(K R) holds.",
    theorem="patel2024/thm22-explicit",
    kind="bound with constants",
    data=thm27_steps_runs.exponent,
    expected="consistent",
)
def thm22_exponent(data: xr.Dataset) -> Verdict:
    """The same exact distances, by value."""
    found = judge_bound(data.distance, data.proved_distance, side="upper", what="distance", rounding=1e-13, witness={})
    return _on_the_machine(found, data)
