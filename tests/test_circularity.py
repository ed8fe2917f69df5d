"""What is measured does not follow the bound that it is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.symbols.alphabet import K, R
from tightrate.verify.experiment import Experiment
from tightrate.verify.papers.cheng2024.accuracy_of_the_threshold import clipping_accuracy
from tightrate.verify.papers.cheng2024.confidence import confidence
from tightrate.verify.papers.cheng2024.rates import strongly_convex_rates
from tightrate.verify.session import Session


@contextmanager
def wrong_exponents(paper: str) -> Iterator[None]:
    """Every bound of a paper falls faster by a quarter of a power in K and in R, for as long as this lasts."""
    kept = {}
    for one in theorems():
        if one.paper.id == paper:
            kept[one.id] = one, one.bound
            terms = tuple(Term(term.name, term.expression * (K * R) ** -0.25) for term in one.bound.terms)
            object.__setattr__(one, "bound", replace(one.bound, terms=terms))
    try:
        yield
    finally:
        for one, bound in kept.values():
            object.__setattr__(one, "bound", bound)


def follows_the_bounds(experiment: Experiment, paper: str) -> bool:
    """Whether the data change with the paper's bounds."""
    before = experiment(Session())
    with wrong_exponents(paper):
        after = experiment(Session())
    return not before.equals(after)


def test_an_experiment_that_takes_its_step_from_the_bound_is_noticed() -> None:
    def circular(session: Session) -> xr.Dataset:  # noqa: ARG001
        """The accuracy that sets the step is that of the bound."""
        rounds = np.array([16.0, 32.0])
        bound = theorem("cheng2024/thm2").bound
        symbols = {**dict.fromkeys(bound.letters, 1.0), "K": 2.0, "R": rounds, "alpha": 4.0}
        values = bound.terms_at(symbols)
        return xr.Dataset({"eta": ("R", values["clipping"])}, coords={"R": rounds})

    assert follows_the_bounds(Experiment("circular", circular), "cheng2024")


@pytest.mark.parametrize("experiment", [confidence, clipping_accuracy, strongly_convex_rates], ids=lambda one: one.name)
def test_the_data_do_not_follow_the_bounds(experiment: Experiment) -> None:
    assert not follows_the_bounds(experiment, "cheng2024")
