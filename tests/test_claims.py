"""Every claim, whatever papers there are: its verdict, its words, and that wrong versions of it are rejected."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import xarray as xr

from tightrate.verify.claim import Claim, check
from tightrate.verify.registry import CLAIMS, claims_of
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

QUICK = tuple(claim.id for claim in claims_of("quick", "*"))


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


def datasets(claim: Claim, session: Session) -> Iterator[xr.Dataset]:
    for experiment in claim.data:
        yield session.data(experiment)


@pytest.mark.parametrize("name", QUICK)
def test_a_claim_comes_out_as_expected_and_its_mutants_do_not(name: str, session: Session) -> None:
    claim = CLAIMS[name]
    data = list(datasets(claim, session))
    asserted = claim.assertion(*data)
    if isinstance(asserted, Verdict):
        pytest.skip("not an assertion yet")
    verdict = check(asserted, claim.theorem, claim.outside)
    assert verdict.status == claim.expected, verdict.sentence
    assert verdict.evidence
    assert (verdict.witness is not None) == (verdict.status == "violated")
    assert claim.statement.endswith((".", "!")), "a claim is a sentence"
    assert claim.procedure.endswith((".", "!")), "the docstring says how it is tested"
    if claim.expected == "violated":
        return
    for how, mutant in asserted.mutants().items():
        assert mutant.check().status != claim.expected, how


@pytest.mark.parametrize("name", [name for name in QUICK if CLAIMS[name].data])
def test_no_claim_comes_out_as_expected_on_data_that_are_no_numbers(name: str, session: Session) -> None:
    claim = CLAIMS[name]
    hollow = []
    for dataset in datasets(claim, session):
        kept = dataset.copy()
        for variable in dataset.data_vars:
            if dataset[variable].dtype.kind == "f":
                kept[variable] = dataset[variable] * np.nan
        hollow.append(kept)
    try:
        asserted = claim.assertion(*hollow)
    except Exception:  # as good a refusal as any
        return
    if isinstance(asserted, Verdict):
        pytest.skip("not an assertion yet")
    try:
        verdict = check(asserted, claim.theorem, claim.outside)
    except Exception:
        return
    assert verdict.status != claim.expected, verdict.sentence
