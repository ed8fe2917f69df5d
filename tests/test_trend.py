"""Trends: the exponent at the end of an axis, against exact powers; lines, sides and witnesses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.assertions.thresholds import TREND
from tightrate.verify.assertions.trend import Scaling, end_slopes, judge_trend
from tightrate.verify.measurement import Measurement

R = xr.DataArray([2.0, 6.0, 18.0, 54.0, 100.0], dims="R", coords={"R": [2.0, 6.0, 18.0, 54.0, 100.0]})
K = xr.DataArray([1.0, 2.0, 8.0, 32.0], dims="K", coords={"K": [1.0, 2.0, 8.0, 32.0]})


@pytest.mark.parametrize("power", [-1.5, -0.04, 0.0, 0.3])
def test_the_slope_of_a_power_is_its_exponent(power: float) -> None:
    assert float(end_slopes(3 * R**power, "R")) == pytest.approx(power, abs=1e-12)


def test_only_the_last_half_counts() -> None:
    """Of five values the last three, by least squares: 0, log 3, then log(100/18) with heights 0, 1, 0."""
    y = xr.where(R < 10, 1e9, 1.0).where(R != 54, np.e)
    x = np.log([18.0, 54.0, 100.0])
    assert float(end_slopes(y, "R")) == pytest.approx(np.polyfit(x, [0.0, 1.0, 0.0], 1)[0], rel=1e-12)
    four = R[:4]
    assert float(end_slopes(xr.where(four < 10, 1e9, four**2.0), "R")) == pytest.approx(2, rel=1e-12)


def test_two_values_are_no_half() -> None:
    assert float(end_slopes(R[:3], "R")) == pytest.approx(1)
    with pytest.raises(TightrateError, match="at least four values"):
        end_slopes(R[:1], "R")


@pytest.mark.parametrize(("side", "sign"), [("upper", 1), ("lower", -1)])
def test_the_verdict_turns_at_the_resolution(side: Any, sign: int) -> None:
    for size, status in ((-1.0, "consistent"), (0.99 * TREND, "consistent"), (1.01 * TREND, "violated")):
        verdict = judge_trend(R ** (sign * size), side, along=["R"], what="it")
        assert verdict.status == status
        assert verdict.predicted == ("it <~ bound" if side == "upper" else "it >~ bound")
        word = {("upper", "violated"): "grows", ("lower", "violated"): "falls", ("upper", "consistent"): "grow"}
        assert word.get((side, status), "fall") in verdict.sentence
        assert verdict.evidence["steepest exponent of measured / bound in R"] == pytest.approx(sign * size)
        if status == "consistent":
            turned = verdict.evidence["would be violated"]["if sharper by an exponent of"]["R"]
            assert turned == pytest.approx(TREND - size, abs=1e-5)


def test_a_ratio_that_is_not_positive_is_an_error() -> None:
    for bad in (0.0, -1.0, np.nan):
        assert judge_trend(xr.where(R == 54, bad, 1.0), "upper", along=["R"], what="it").status == "error"


def test_the_witness_is_the_worst_line_with_all_its_symbols() -> None:
    """L B^2/R measured as R^-1 at small K, and R^-1/2 at K = 8 alone."""
    gap = xr.where(K == 8, R**-0.5, R**-1.0)
    one = Measurement(gap, "the gap", {"L": xr.DataArray(1.0), "B": xr.DataArray(1.0), "R": R, "K": K})
    found = Scaling(theorem("khaled2025/eq2"), one, ["R"], term="optimization").check()
    assert found.status == "violated"
    assert found.witness is not None
    assert (found.witness["K"], found.witness["along"]) == (8.0, "R")
    assert found.witness["R"] == R.values.tolist()
    assert found.witness["exponent"] == pytest.approx(0.5)


def test_mutants_are_half_a_power_off_and_die() -> None:
    one = Measurement(R**-1.0, "the gap", {"R": R})
    for side, power in (("upper", -0.5), ("lower", 0.5)):
        honest = Scaling(theorem("khaled2025/eq2"), one, ["R"], right=R**-1.0, side=side)  # type: ignore[arg-type]
        assert honest.check().status == "consistent"
        ((name, mutant),) = honest.mutants().items()
        assert name == f"bound times R^{power:g}"
        np.testing.assert_allclose(mutant.bound, R ** (power - 1), rtol=1e-12)  # type: ignore[attr-defined]
        assert mutant.check().status == "violated"
