"""Many seeds: what is counted, and that a claim which the noise decides is noticed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from tightrate.verify.assertions.bounded import AtMost
from tightrate.verify.experiment import Experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.soak import main, soak


def drawn(session: Session) -> xr.Dataset:
    """One sampled mean of expectation 0."""
    noise = np.random.default_rng(session.seed).standard_normal((1000, 4))
    return xr.Dataset({"mean": ("x", noise.mean(axis=0)), "error": ("x", noise.std(axis=0) / np.sqrt(1000))})


def claim_that(at_most: float, name: str) -> object:
    def asserted(data: xr.Dataset) -> AtMost:
        """A mean is at most a number."""
        return AtMost(Measurement.of(data, "mean", stderr="error"), xr.full_like(data["mean"], at_most))

    run = Experiment(name, drawn)
    return replace(CLAIMS["patel2024/noise-drift"], id=f"x/{name}", asserted=asserted, data=(run,), outside="none")


def test_a_claim_that_the_noise_decides_is_counted() -> None:
    sure, decided_by_noise = claim_that(1.0, "sure"), claim_that(0.22, "lucky")  # some 5 to 8 standard errors away
    found = soak([sure, decided_by_noise], range(12))  # type: ignore[list-item]
    counts = found.unexpected()
    assert set(counts) == {"x/lucky"}
    assert 0 < counts["x/lucky"]["inconclusive"] < 12
    assert found.passed == 12 - counts["x/lucky"]["inconclusive"]
    assert found.false_violations == 0
    assert "of 12 runs pass as a whole; 0 false violations in 24 verdicts" in list(found.lines())[-2]


def test_what_takes_nothing_from_the_seed_is_run_twice() -> None:
    """The verdicts of the other seeds are those of the first two; what depends on the seed is judged on each."""
    ran: list[tuple[str, int]] = []

    def counted(name: str, depends: bool) -> object:
        def run(session: Session) -> xr.Dataset:
            ran.append((name, session.seed))
            return drawn(session if depends else Session(seed=0)).assign_attrs(seed=session.seed)

        return replace(claim_that(1.0, name), data=(Experiment(name, run),))  # type: ignore[type-var]

    found = soak([counted("fixed", False), counted("noisy", True)], range(5))  # type: ignore[list-item]
    assert [seed for name, seed in ran if name == "fixed"] == [0, 1]
    assert [seed for name, seed in ran if name == "noisy"] == [0, 1, 2, 3, 4]
    assert found.passed == 5
    assert [one.id for one in found.drawn] == ["x/noisy"]


def test_the_bound_on_the_share_of_runs_that_pass() -> None:
    """After n runs that all passed, a share of 0.05^(1/n) would have shown so with probability 5 %."""
    found = soak([claim_that(1.0, "sure")], range(59))  # type: ignore[list-item]
    assert found.passed == 59
    assert found.least_rate == pytest.approx(0.05 ** (1 / 59))
    assert 0.95 < found.least_rate < 0.951


def test_the_command_says_how_many_runs_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "cheng2024/confidence-lower-bound"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "2 of 2 runs pass as a whole; 0 false violations in 2 verdicts"
    assert second.startswith("0 of 1 claims depend on the seed")
