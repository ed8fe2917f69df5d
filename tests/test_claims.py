"""Every claim, whatever papers there are: its verdict, its words, and that wrong versions of it are rejected."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest
import xarray as xr

from tightrate.rates.statements.catalogue import theorem
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import Claim, check
from tightrate.verify.measurement import Measurement
from tightrate.verify.registry import CLAIMS, claims_of
from tightrate.verify.session import Session

QUICK = tuple(claim.id for claim in claims_of("quick", "*"))


SIGNS_ALONE = {"khaled2025/bound-never-wants-less-than-1", "khaled2025/small-steps-suffice"}
"""Claims about signs of expressions alone: no constant of theirs is judged."""


def told(evidence: object, key: str) -> bool:
    """Whether evidence says it, of the whole or of a part."""
    parts = evidence.values() if isinstance(evidence, Mapping) else ()
    return isinstance(evidence, Mapping) and (key in evidence or any(told(part, key) for part in parts))


def datasets(claim: Claim, session: Session) -> Iterator[xr.Dataset]:
    for experiment in claim.data:
        yield session.data(experiment)


@pytest.mark.parametrize("name", QUICK)
def test_a_claim_comes_out_as_expected_and_its_mutants_do_not(name: str, session: Session) -> None:
    claim = CLAIMS[name]
    data = list(datasets(claim, session))
    asserted = claim.assertion(*data)
    verdict = check(asserted, claim.theorem, claim.outside)
    assert verdict.status == claim.expected, verdict.sentence
    assert verdict.evidence
    assert (verdict.witness is not None) == (verdict.status == "violated")
    assert claim.statement.endswith((".", "!")), "a claim is a sentence"
    assert claim.procedure.endswith((".", "!")), "the docstring says how it is tested"
    if claim.expected == "violated":
        return
    if verdict.status in ("consistent", "confirmed"):
        assert told(verdict.evidence, "would be violated") or name in SIGNS_ALONE, "what would have turned it"
    for how, mutant in asserted.mutants().items():
        assert mutant.check().status != claim.expected, how


def no_numbers(data: xr.Dataset) -> xr.Dataset:
    """The same dataset with nan for every number in it."""
    return data.assign({name: data[name] * np.nan for name in data.data_vars if data[name].dtype.kind in "fiu"})


def any_numbers(data: xr.Dataset) -> xr.Dataset:
    """The same dataset with random positive numbers over some decades, which mean nothing."""
    generator = np.random.default_rng(0)
    return data.assign(
        {
            name: data[name].copy(data=np.exp(3 * generator.standard_normal(data[name].shape)))
            for name in data.data_vars
            if data[name].dtype.kind == "f"
        }
    )


def nothing(data: xr.Dataset) -> xr.Dataset:
    """The same dataset with no points."""
    return data.isel({name: slice(0) for name in data.dims})


HOLLOW = (no_numbers, any_numbers, nothing)


@pytest.mark.parametrize("hollow", HOLLOW, ids=lambda made: made.__name__)
@pytest.mark.parametrize("name", [name for name in QUICK if CLAIMS[name].data])
def test_no_claim_comes_out_as_expected_on_data_that_mean_nothing(
    name: str, hollow: Callable[[xr.Dataset], xr.Dataset], session: Session
) -> None:
    claim = CLAIMS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such data may overflow
        try:
            asserted = claim.assertion(*map(hollow, datasets(claim, session)))
            verdict = check(asserted, claim.theorem, claim.outside)
        except AssertionError:
            raise
        except Exception:  # as good a refusal as any
            return
    assert verdict.status != claim.expected, verdict.sentence


def test_a_point_that_breaks_a_condition_is_an_error_unless_the_claim_says_why() -> None:
    clipping, broken = theorem("cheng2024/lemA2-bias"), "threshold at least three noise levels"
    symbols = {name: xr.DataArray(value) for name, value in {"sigma": 1.0, "alpha": 3.0, "rho": 2.0}.items()}
    bias = Bounded(clipping, Measurement(xr.DataArray(0.1), "bias", symbols))
    verdict = check(bias, clipping)
    assert verdict.status == "error"
    assert broken in verdict.sentence
    verdict = check(bias, clipping, {broken: "on purpose"})
    assert verdict.status == "consistent"
    assert verdict.evidence["outside of the conditions"] == [f"{broken}: on purpose"]
    assert verdict.evidence["conditions not checked"] == [
        "mean at most half the threshold ($G_inf$ bounds it) (needs G_inf)"
    ]
    assert check(bias, clipping, "none is needed").evidence["outside of the conditions"] == ["all: none is needed"]
    with pytest.raises(LookupError, match="has no condition 'another'"):
        check(bias, clipping, {"another": "on purpose"})
