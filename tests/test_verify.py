"""Claims, judges and exponent fits: the shipped claims hold, and wrong twins of all of them are rejected."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tightrate.common.errors import TightrateError
from tightrate.verify.claim import Claim, judge
from tightrate.verify.judging.by_value import judge_bound, judge_identity, judge_sampled_bound, judge_upper_exponents
from tightrate.verify.judging.limit import Line, judge_limiting_exponents
from tightrate.verify.judging.power_law import fit_power_law, replicas_needed
from tightrate.verify.papers.patel2024 import main as patel2024
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(jobs=1)


@pytest.mark.parametrize("name", [found.id for found in vars(patel2024).values() if isinstance(found, Claim)])
def test_every_claim_has_its_expected_verdict(name: str, session: Session) -> None:
    finding = judge(CLAIMS[name], session)
    assert finding.as_expected, finding.verdict.sentence
    assert finding.verdict.evidence
    assert (finding.verdict.witness is not None) == (finding.verdict.status == "violated")


def rerun(claim: str, session: Session, **changed: float) -> str:
    """The verdict on a claim after multiplying variables of its dataset: a wrong twin of theory or measurement."""
    dataset = session.data(CLAIMS[claim].data[0]).copy()
    for name, factor in changed.items():
        variable = name.replace("__", ": ")
        dataset[variable] = dataset[variable] * factor
    return CLAIMS[claim].judge(dataset).status


@pytest.mark.parametrize(
    ("claim", "changed"),
    [
        ("patel2024/rank-one-closed-form", {"exact": 1 + 1e-9}),
        ("patel2024/k-does-not-help", {"bound": 108 / 50}),  # the constant 1/50 instead of 1/108
        ("patel2024/coordinate-pair", {"exact": 1.001}),
        ("patel2024/sharp-discrepancy", {"bound__discrepancy": 0.9}),
        ("patel2024/first-order-discrepancy", {"bound__discrepancy-small-step": 0.9}),
        ("patel2024/prop21", {"bound__prop21": 0.45}),
        ("patel2024/prop21-optima", {"bound__prop21-optima": 0.45}),
        ("patel2024/thm22-transient", {"bound": 0.5}),
        ("patel2024/not-the-optimum", {"to_optimum": 1.01}),
        ("patel2024/krm-value", {"bound": 0.03}),
    ],
)
def test_a_wrong_constant_is_rejected(claim: str, changed: dict[str, float], session: Session) -> None:
    assert rerun(claim, session, **changed) == "violated"


@pytest.mark.parametrize("name", ["K", "R", "M"])
@pytest.mark.parametrize("excess", [1 / 6, 1 / 3, 1 / 2])
def test_a_decay_slower_than_the_bound_is_rejected(name: str, excess: float, session: Session) -> None:
    claim = CLAIMS["patel2024/krm-exponents"]
    dataset = session.data(claim.data[0]).copy()
    slower = dataset[name] ** excess
    for variable in ("gap_mean", "gap_stderr"):
        dataset[variable] = dataset[variable] * slower
    assert claim.judge(dataset).status == "violated"
    for variable in ("gap_mean", "gap_stderr"):
        dataset[variable] = dataset[variable] / slower**2  # faster than predicted is no contradiction
    assert claim.judge(dataset).status == "consistent"


def test_without_its_logarithm_the_fit_would_reject_the_theorem(session: Session) -> None:
    claim = CLAIMS["patel2024/krm-exponents"]
    dataset = session.data(claim.data[0]).copy()
    assert claim.judge(dataset.assign(logarithm=xr.ones_like(dataset["logarithm"]))).status == "violated"


def test_a_nan_is_never_an_identity_and_never_within_a_bound() -> None:
    good, bad = xr.DataArray([1.0, 2.0], dims="i"), xr.DataArray([1.0, np.nan], dims="i")
    assert judge_identity(bad, good, good, what="it", witness={}).status == "violated"
    assert judge_bound(bad, good, side="upper", what="it", witness={}).status == "violated"
    assert judge_bound(bad, good, side="lower", what="it", witness={}).status == "violated"


def test_the_witness_is_the_worst_place_with_its_parameters() -> None:
    measured = xr.DataArray([1.0, 5.0, 2.0], dims="i", coords={"i": [10, 20, 30]})
    verdict = judge_bound(measured, xr.ones_like(measured), side="upper", what="it", witness={"twice": 2 * measured})
    assert verdict.witness == {"twice": 10.0, "measured": 5.0, "bound": 1.0, "i": 20.0}


GRID = {
    name: values.ravel()
    for name, values in zip(("K", "R"), np.meshgrid([1.0, 2, 4, 8, 16], [1.0, 3, 9, 27], indexing="ij"), strict=True)
}


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(1e-6, 1e6))
def test_an_exact_power_law_is_recovered(a: float, b: float, constant: float) -> None:
    y = constant * GRID["K"] ** a * GRID["R"] ** b
    fit = fit_power_law(GRID, y, 1e-3 * y)
    assert fit.exponents["K"].estimate == pytest.approx(a, abs=1e-9)
    assert fit.exponents["R"].estimate == pytest.approx(b, abs=1e-9)
    assert fit.constant == pytest.approx(constant, rel=1e-8)


def test_intervals_cover_as_often_as_they_say() -> None:
    generator, hits, trials = np.random.default_rng(0), 0, 400
    truth = GRID["K"] ** -0.5 / GRID["R"]
    for _ in range(trials):
        noisy = truth * np.exp(0.05 * generator.standard_normal(truth.shape))
        fit = fit_power_law(GRID, noisy, 0.05 * noisy, confidence=0.9)
        hits += all(fit.exponents[n].low <= p <= fit.exponents[n].high for n, p in (("K", -0.5), ("R", -1.0)))
    assert hits / trials > 0.8  # two 90 % intervals at once


def test_curvature_widens_the_interval() -> None:
    straight = 1 / GRID["K"]
    widths = []
    for y in (straight, straight + 0.02):
        exponent = fit_power_law(GRID, y, 1e-4 * y).exponents["K"]
        widths.append(exponent.high - exponent.low)
    assert widths[1] > 100 * widths[0]


def test_too_few_replicas_are_inconclusive_and_the_pilot_says_how_many_are_needed() -> None:
    y = 1 / (GRID["K"] * GRID["R"])
    judged = judge_upper_exponents(GRID, y, 0.5 * y, {"K": -1, "R": -1}, offset=np.zeros_like(y), resolution=0.05)
    assert judged.status == "inconclusive"
    needed = replicas_needed(GRID, np.full_like(y, 1.0), half_width=0.05)
    again = judge_upper_exponents(
        GRID, y, y / np.sqrt(2 * needed), {"K": -1, "R": -1}, offset=np.zeros_like(y), resolution=0.05
    )
    assert again.status == "consistent"


@pytest.mark.parametrize("excess", [0.0, 0.04, 0.1, 0.15])
def test_the_replicas_that_an_unsettled_exponent_asks_for_settle_it(excess: float) -> None:
    """With noise 0.3 nothing is settled; at the number of replicas that the sentence says, everything is."""
    cells = {"K": GRID["K"]}
    y = GRID["K"] ** (-1 + excess)

    def judged(noise: float) -> Verdict:
        return judge_upper_exponents(cells, y, noise * y, {"K": -1.0}, offset=np.zeros_like(y), resolution=0.5)

    first = judged(0.5)
    assert first.status == "inconclusive"
    times = re.search(r"about (\d+) times the replicas", first.sentence)
    assert times is not None
    factor = int(times.group(1))
    assert judged(0.5 / np.sqrt(1.1 * factor)).status == ("violated" if excess > 1 / 12 else "consistent")
    assert judged(0.5 / np.sqrt(0.7 * factor)).status == "inconclusive"


def test_data_that_bend_ask_for_other_cells_not_for_replicas() -> None:
    y = np.exp(0.3 * (np.log2(GRID["K"]) - 2) ** 2) / GRID["K"]
    verdict = judge_upper_exponents(
        {"K": GRID["K"]}, y, 1e-6 * y, {"K": -1.0}, offset=np.zeros_like(y), resolution=0.05
    )
    assert verdict.status == "inconclusive"
    assert "cells nearer to the limit" in verdict.sentence


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_bound_on_noisy_means_is_judged_by_both_ends(side: Literal["upper", "lower"]) -> None:
    sign = 1 if side == "upper" else -1
    bound = xr.DataArray([1.0, 1.0], dims="i")

    def judged(room: float, error: float) -> Verdict:
        mean = bound - sign * xr.DataArray([room, 0.9], dims="i")
        return judge_sampled_bound(mean, error * xr.ones_like(bound), bound, side=side, what="it", witness={})

    assert judged(0.2, 0.03).status == "consistent"
    unsettled = judged(0.2, 0.08)
    assert unsettled.status == "inconclusive"
    assert "4 times the replicas" in unsettled.sentence
    assert judged(0.2, 0.0799 / np.sqrt(4)).status == "consistent"
    assert judged(-0.2, 0.08).status == "inconclusive"
    assert judged(-0.2, 0.03).status == "violated"
    assert judged(float("nan"), 0.03).status == "violated"
    assert "another cell" in judged(0.0, 0.03).sentence


def test_a_slope_on_its_way_says_where_it_arrives() -> None:
    x = np.ldexp(1.0, np.arange(6))
    line = Line("x", x, x * np.exp(-1 / x), 1.0)
    first = judge_limiting_exponents([line], what="y", predicted="", resolution=0.01)
    assert first.status == "inconclusive"
    end = float(first.sentence.split("near x = ")[1].rstrip("."))
    longer = np.ldexp(1.0, np.arange(int(np.ceil(np.log2(end))) + 1))
    again = judge_limiting_exponents(
        [Line("x", longer, longer * np.exp(-1 / longer), 1.0)], what="y", predicted="", resolution=0.01
    )
    assert again.status == "consistent"


def test_exponents_that_the_cells_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(TightrateError, match="independently"):
        fit_power_law({"K": GRID["K"], "T": GRID["K"] ** 2}, GRID["K"], GRID["K"])
    with pytest.raises(TightrateError, match="diverged"):
        fit_power_law(GRID, np.full_like(GRID["K"], np.inf), GRID["K"])
