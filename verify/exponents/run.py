"""Running an exponent test: every path designed and measured, and what is asserted of the result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import xarray as xr

from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.verify.assertions.paths import Exponents, MeasuredPath
from tightrate.verify.exponents.exponent_test import ExponentTest
from tightrate.verify.exponents.measuring import measure_along
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict


def run_exponent_test(test: ExponentTest, session: Session | None = None) -> xr.Dataset:
    """Design every path and measure along it.

    Dimensions (path, point), shorter paths filled up with nan: `n`, `measured`, `stderr`, `margin`, every symbol by its
    name, and `interior`, 0 where a tuned step lies at an end of its grid; over (path): `replicas`, and how many were
    `needed`.

    Args:
        test: what to run
        session: keeps results, and has profile and seed; a new one unless given

    Returns:
        The dataset.

    Raises:
        TightrateError: for a path on which the algorithm cannot be measured exactly.

    >>> from tightrate.verify.exponents.exponent_test import Path
    >>> test = ExponentTest(
    ...     id="dekel2012/rounds", theorem="dekel2012/explicit", term="optimization", algorithm="minibatch-sgd",
    ...     problem="log-spaced-quadratic", instance={"mu": 1e-20, "d": 50}, output="average",
    ...     fixed={"sigma": 0, "M": 1, "K": 4}, paths=(Path("R", 1e3, points=5),),
    ... )
    >>> sorted(run_exponent_test(test).sizes)
    ['path', 'point']
    """
    session = session or Session()
    parts, designs = [], test.designs()
    for number, design in enumerate(designs):
        session.progress(test.id, number, len(designs))
        found = measure_along(test, design, session)
        measurement = found.measurement
        part = xr.Dataset(
            {
                "n": ("point", design.n),
                "measured": measurement.measured,
                "stderr": measurement.stderr,
                "margin": ("point", design.margins),
                "interior": ("point", found.interior + np.zeros(len(design.n))),
                **measurement.symbols,
            },
            coords={"point": np.arange(len(design.n))},
        )
        parts.append(part.assign(replicas=found.replicas, needed=found.needed))
    names = _distinct([design.name for design in designs])
    data = xr.concat(parts, dim=xr.DataArray(names, dims="path", name="path"), join="outer")
    return data.assign_attrs(
        test=test.id,
        theorem=test.theorem_id,
        term=test.term,
        measure=test.claimed.bound.measure.name,
        designs=json.dumps({name: design.as_dict() for name, design in zip(names, designs, strict=True)}),
    )


def exponents(test: ExponentTest, data: xr.Dataset, about: Theorem | None = None) -> Exponents:
    """That the exponents in the data of a test are those of its term; of its own theorem unless another is given."""
    found = test.claimed if about is None else about
    return Exponents(
        found,
        test.term,
        measured_paths(data),
        theorem(test.matched_by) if test.matched_by else None,
        logarithm=test.logarithm,
    )


def judge_exponents(test: ExponentTest, data: xr.Dataset) -> Verdict:
    """The verdict on the data of a test.

    Args:
        test: the test that the data were made for
        data: what `run_exponent_test` returned

    Returns:
        The verdict, with each exponent, its interval and its prediction in `evidence`.

    Raises:
        TightrateError: for data of another test.

    >>> from tightrate.verify.exponents.exponent_test import Path
    >>> test = ExponentTest(
    ...     id="dekel2012/rounds", theorem="dekel2012/explicit", term="optimization", algorithm="minibatch-sgd",
    ...     problem="log-spaced-quadratic", instance={"mu": 1e-20, "d": 50}, output="average",
    ...     fixed={"sigma": 0, "M": 1, "K": 4}, paths=(Path("R", 1e3, points=5),),
    ... )
    >>> judge_exponents(test, run_exponent_test(test)).status
    'consistent'
    """
    return exponents(test, data).check()


def measured_paths(data: xr.Dataset) -> dict[str, MeasuredPath]:
    """The paths of a dataset of `run_exponent_test`, each with its own points."""
    designs = json.loads(data.attrs["designs"])
    found = {}
    for name, design in designs.items():
        one = data.sel(path=name, drop=True)
        one = one.isel(point=np.flatnonzero(np.isfinite(one.n.values)))
        one = one.assign_coords(n=("point", one.n.values)).swap_dims(point="n").drop_vars("point")
        along = {symbol: Fraction(power) for symbol, power in design["along"].items()}
        measurement = Measurement.of(one, "measured", what=data.attrs["measure"], stderr="stderr")
        margin, replicas = float(one.margin.min()), float(one.replicas.max())
        interior = bool((one.interior > 0).all()) if "interior" in one else True
        found[name] = MeasuredPath(measurement, along, margin, replicas, design, interior)
    return found


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of paths, numbered where one occurs again."""
    return [name if names.index(name) == i else f"{name} @{i + 1}" for i, name in enumerate(names)]
