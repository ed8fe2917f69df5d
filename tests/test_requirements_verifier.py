"""What a referee must do: refuse powers where only a logarithm is allowed, and admit it when noise hides the answer."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from tightrate.command_line import main
from tightrate.verify import claim as claims
from tightrate.verify.claim import judge
from tightrate.verify.judging.by_value import judge_upper_exponents
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

WORKERS = np.array([2.0, 8, 32, 128, 512, 2048])


def maxima_over_workers(power: float) -> xr.Dataset:
    """Largest squared distances that grow through a logarithm, times a power of M."""
    mean = np.log(WORKERS) * WORKERS**power
    return xr.Dataset({"mean": (("M",), mean), "stderr": (("M",), 0.01 * mean)}, coords={"M": WORKERS})


def test_growth_through_a_logarithm_is_accepted() -> None:
    assert CLAIMS["cheng2024/consensus-over-workers"].judge(maxima_over_workers(0.0)).status == "consistent"


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_a_power_of_the_workers_is_refused(power: float) -> None:
    assert CLAIMS["cheng2024/consensus-over-workers"].judge(maxima_over_workers(power)).status != "consistent"


def test_a_gap_that_noise_hides_is_inconclusive() -> None:
    M = np.array([1.0, 2, 4, 8])
    data = xr.Dataset({"gap": (("M",), 0.5 + 0 * M), "stderr": (("M",), 1.0 + 0 * M)}, {"M": M}, {"limit": 1.0})
    assert CLAIMS["cheng2024/more-workers-leave-the-drift"].judge(data).status == "inconclusive"


@pytest.mark.parametrize(("error", "status"), [(1.0, "inconclusive"), (0.001, "violated")])
@pytest.mark.parametrize(("name", "truth"), [("noise-drift", 0.5), ("noise-drift-leading-order", 2.0)])
def test_a_drift_that_noise_hides_is_inconclusive(name: str, truth: float, error: float, status: str) -> None:
    axes, one = ("K", "reach"), np.ones((2, 3))
    values = {"drift": truth * one, "error": error * one, "bound": one, "leading": one}
    data = xr.Dataset({variable: (axes, array) for variable, array in values.items()})
    found = CLAIMS[f"patel2024/{name}"].judge(data)
    assert found.status == status
    assert ("times the replicas" in found.sentence) == (status == "inconclusive")


def test_parts_of_an_expectation_that_noise_hides_ask_for_replicas() -> None:
    u = np.array([1.0, 4, 16, 64, 256])

    def judged(noise: float) -> Verdict:
        part = xr.DataArray([u**0.25], {"method": ["FedAvg"], "u": u}, ("method", "u"))
        bands = xr.Dataset({"part": part, "part_stderr": noise * part}, attrs={"copies": 100, "degrees": 1.5})
        return CLAIMS["lee2024/infinite-expected-gap"].judge(bands)

    unsettled = judged(0.5)
    assert unsettled.status == "inconclusive"
    times = re.search(r"about (\d+) times the replicas", unsettled.sentence)
    assert times is not None
    assert judged(0.5 / np.sqrt(1.01 * int(times.group(1)))).status == "consistent"


def test_a_ratio_that_grows_towards_its_bound_says_where_it_passes() -> None:
    complement = np.geomspace(0.1, 1e-4, 7)
    grid = (("power", "complement"), 0.01 * complement[None, :] ** -0.25)
    variables = {"gap": grid, "sampled": grid, "bound": (grid[0], np.ones((1, 7)))}
    data = xr.Dataset(variables, {"power": [1], "complement": complement})
    found = CLAIMS["khaled2025/momentum-condition-first-power"].judge(data)
    assert found.status == "inconclusive"
    assert "at 1 - momentum = 1.0e-08" in found.sentence  # 0.01 c^(-1/4) = 1


def test_an_excess_of_a_sixth_is_excluded_or_inconclusive() -> None:
    R = np.geomspace(1.0, 128.0, 8)
    mean = np.power(R, -1 + 1 / 4, dtype=np.float64)
    found = judge_upper_exponents({"R": R}, mean, 0.5 * mean, {"R": -1.0}, offset=np.zeros(8), resolution=0.5)
    assert found.status != "consistent"


def test_an_unexpected_verdict_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = CLAIMS["cheng2024/output-weights"]
    swapped = replace(chosen, expected="violated")
    monkeypatch.setattr(claims, "claims_of", lambda *_: (swapped,))
    monkeypatch.setattr("sys.argv", ["tightrate", "verify", chosen.id, "--json", "--jobs", "1"])
    with pytest.raises(SystemExit) as end:
        main()
    (row,) = json.loads(capsys.readouterr().out)
    assert end.value.code == 1
    assert (row["verdict"], row["expected"]) == ("confirmed", "violated")


def test_a_test_that_fails_is_an_error_and_no_verdict() -> None:
    def broken(_: xr.Dataset) -> Verdict:
        raise ValueError("no such number")

    found = judge(replace(CLAIMS["cheng2024/output-weights"], judge=broken), Session())
    assert found.verdict.status == "error"
    assert not found.as_expected
