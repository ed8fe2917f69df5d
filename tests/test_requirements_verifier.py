"""What a referee must do: refuse powers where only a logarithm is allowed, and admit it when noise hides the answer."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from tightrate.command_line import main
from tightrate.verify import registry
from tightrate.verify.assertions.power_law import PowerLaw
from tightrate.verify.claim import judge
from tightrate.verify.measurement import Measurement
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

WORKERS = np.array([2.0, 8, 32, 128, 512, 2048])


def maxima_over_workers(power: float) -> xr.Dataset:
    """Largest squared distances that grow through a logarithm, times a power of M."""
    law = np.log(WORKERS)
    mean = law * WORKERS**power
    columns = {"mean": mean, "stderr": 0.01 * mean, "range": law}
    return xr.Dataset({name: ("M", values) for name, values in columns.items()}, coords={"M": WORKERS})


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
    """Half of the least drift, or twice the leading order of it, known to so many times itself."""
    K, eta, sigma = np.array([4.0, 16.0]), np.array([1e-4, 2e-4, 4e-4]), 2.0
    leading = eta**2 * K[:, None] ** 1.5 * sigma / np.sqrt(2 * np.pi) / 3  # curvatures L and L/2
    values = {"drift": truth * leading, "error": error * leading, "eta": np.broadcast_to(eta, leading.shape)}
    data = xr.Dataset({variable: (("K", "reach"), array) for variable, array in values.items()}, {"K": K})
    found = CLAIMS[f"patel2024/{name}"].judge(data.assign_attrs(L=1.0, sigma=sigma, gamma=1.0, M=1))
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


def test_an_excess_of_a_sixth_is_excluded_or_inconclusive() -> None:
    R = np.geomspace(1.0, 128.0, 8)
    mean = np.power(R, -1 + 1 / 4, dtype=np.float64)
    named = xr.DataArray(mean, dims="R", coords={"R": R})
    found = PowerLaw(Measurement(named, "mean", stderr=0.5 * named), {"R": -1.0}, resolution=0.5).check()
    assert found.status != "consistent"


def test_an_unexpected_verdict_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = CLAIMS["cheng2024/output-weights"]
    swapped = replace(chosen, expected="violated")
    monkeypatch.setattr(registry, "claims_of", lambda *_: (swapped,))
    monkeypatch.setattr("sys.argv", ["tightrate", "verify", chosen.id, "--json", "--jobs", "1"])
    with pytest.raises(SystemExit) as end:
        main()
    (row,) = json.loads(capsys.readouterr().out)
    assert end.value.code == 1
    assert (row["verdict"], row["expected"]) == ("confirmed", "violated")


def test_a_test_that_fails_is_an_error_and_no_verdict() -> None:
    def broken() -> Verdict:
        raise ValueError("no such number")

    found = judge(replace(CLAIMS["cheng2024/output-weights"], asserted=broken, data=()), Session())
    assert found.verdict.status == "error"
    assert not found.as_expected
