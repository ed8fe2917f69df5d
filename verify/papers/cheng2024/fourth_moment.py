"""cheng2024, Lemma A.3: the fourth moment of the mean of independent noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.batch.randomness import stream
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session


@experiment("cheng2024-fourth-moment")
def fourth_moment(session: Session) -> xr.Dataset:
    """The fourth moment of the mean of $M$ independent copies for random signs and for random laws with three
    values, over $M$.

    That of the laws is in units of their own fourth moment, so that $sigma = 1$."""
    from scipy.stats import binom  # takes long to import, and claims are listed more often than run

    n = session.choose(quick=200, full=5000)
    M = np.array([1, 2, 3, 5, 10, 100, 1000])
    signs = [np.sum(binom.pmf(np.arange(m + 1), m, 0.5) * ((2 * np.arange(m + 1) - m) / m) ** 4) for m in M]
    generator = stream(session.seed, experiment="cheng2024-fourth-moment")
    weights = 10 ** generator.uniform(-4, 0, (n, 3))
    probability = weights / weights.sum(axis=-1, keepdims=True)
    values = generator.standard_normal((n, 3))
    values -= np.sum(probability * values, axis=-1, keepdims=True)
    second, fourth = (np.sum(probability * values**power, axis=-1)[:, None] for power in (2, 4))
    return xr.Dataset(
        {
            "signs": ("M", np.array(signs)),
            "laws": (("law", "M"), (fourth + 3 * (M - 1) * second**2) / M**3 / fourth),
        },
        coords={"M": M},
        attrs={"sigma": 1.0, "seed": session.seed},
    )


@claim(
    "cheng2024/fourth-moment-of-the-mean",
    "The mean of $M$ independent noises of fourth moment at most $sigma^4$ has at most $4 sigma^4/M^2$.",
    theorem="cheng2024/lemA3",
    kind="bound with constants",
    data=fourth_moment,
)
def fourth_moment_of_the_mean(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """Exact fourth moments for random laws with three values, in units of their own fourth moment."""
    return Bounded(theorem, Measurement.of(data, "laws", what=theorem.bound.measure.meaning))


@claim(
    "cheng2024/sharp-fourth-moment",
    "It is at most $(3 - 2/M) sigma^4/M^2$.",
    theorem="cheng2024/lemA3-sharp",
    kind="bound with constants",
    data=fourth_moment,
)
def sharp_fourth_moment(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """The same laws."""
    found = Measurement.of(data, "laws", what=theorem.bound.measure.meaning)
    return Bounded(theorem, replace(found, rounding=1e-12 * found.at(theorem.bound.expression)))


@claim(
    "cheng2024/random-signs-attain-the-fourth-moment",
    "Random signs have exactly $(3 - 2/M) sigma^4/M^2$.",
    theorem="cheng2024/lemA3-sharp",
    kind="exact value",
    data=fourth_moment,
    expected="confirmed",
)
def random_signs(theorem: Theorem, data: xr.Dataset) -> Equal:
    """The binomial sum for $M$ up to 1000."""
    return Equal(Measurement.of(data, "signs", what="fourth moment of the mean sign"), theorem)
