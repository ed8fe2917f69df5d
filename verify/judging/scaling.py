"""Judging exponents of terms over labelled grids, and joining the verdicts of several parts of one claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import sympy
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.bound import Term
from tightrate.rates.symbols.monomial import monomial
from tightrate.verify.judging.by_value import judge_upper_exponents
from tightrate.verify.verdict import Status, Verdict

SEVERITY: Sequence[Status] = ("violated", "error", "inconclusive", "not-applicable", "consistent", "confirmed")


def exponents_of(term: Term | sympy.Expr, letters: Sequence[str], **values: float) -> dict[str, float]:
    """The exponents of these letters in a term; `values` are those of letters in the exponents (alpha).

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> drift = theorem("cheng2024/thm2").bound.term("noise drift")
    >>> exponents_of(drift, ["sigma", "M"])
    {'sigma': 0.6666666666666666, 'M': 0.0}
    """
    found = dict(monomial(term.expression if isinstance(term, Term) else term).exponents)
    numbers = {name: sympy.sympify(found.get(name, 0), strict=True) for name in letters}
    given = {symbol: values[symbol.name] for power in numbers.values() for symbol in power.free_symbols}
    return {name: float(power.subs(given)) for name, power in numbers.items()}


def exponents_of_balance(left: Term, right: Term, letter: str, letters: Sequence[str]) -> dict[str, float]:
    """The exponents of these letters in the value of `letter` at which two terms are equal.

    >>> from tightrate.rates.statements.catalogue import theorem
    >>> drift, other = theorem("cheng2024/thm2").bound.term("noise drift"), theorem("cheng2024/eq4.5").bound
    >>> exponents_of_balance(drift, other.term("optimization"), "K", ["sigma", "R"])
    {'sigma': 2.0, 'R': 1.0}
    """
    found = dict(monomial(left.expression / right.expression).exponents)
    return {name: float(-found.get(name, sympy.Integer(0)) / found[letter]) for name in letters}


def judge_scaling(
    mean: xr.DataArray,
    standard_error: xr.DataArray | float,
    predicted: Mapping[str, float],
    *,
    offset: xr.DataArray | float = 0.0,
    resolution: float,
    side: Literal["at most", "equal"] = "at most",
) -> Verdict:
    """Exponents over the grid's own axes, one-sided (see `judge_upper_exponents`), or with side "equal" from both.

    Every key of `predicted` is an axis of `mean`; cells with a nan are left out.  `standard_error` is that of the
    mean, `offset` a known logarithm in the logarithm of the bound.  From below an exponent is judged as that of the
    reciprocal from above.
    """
    if side == "equal":
        above = judge_scaling(mean, standard_error, predicted, offset=offset, resolution=resolution)
        negated = {name: -power for name, power in predicted.items()}
        below = judge_scaling(1 / mean, standard_error / mean**2, negated, offset=-offset, resolution=resolution)
        return joined({"no slower": above, "no faster, reciprocal": below})
    axes = tuple(predicted)
    if set(mean.dims) != set(axes):
        raise TightrateError(f"the axes {', '.join(map(str, mean.dims))} are not those predicted: {', '.join(axes)}")
    mean, error, shift = xr.broadcast(mean, xr.DataArray(standard_error), xr.DataArray(offset))
    mesh = np.meshgrid(*(mean[name].values for name in axes), indexing="ij")
    values = mean.transpose(*axes).values.ravel()
    keep = np.isfinite(values)
    return judge_upper_exponents(
        {name: grid.ravel().astype(np.float64)[keep] for name, grid in zip(axes, mesh, strict=True)},
        values[keep],
        error.transpose(*axes).values.ravel()[keep],
        predicted,
        offset=shift.transpose(*axes).values.ravel()[keep],
        resolution=resolution,
    )


def joined(parts: Mapping[str, Verdict]) -> Verdict:
    """One verdict for a claim with several parts: the most serious speaks for all, the evidence is kept by part."""
    name = min(parts, key=lambda part: SEVERITY.index(parts[part].status))
    worst = parts[name]
    evidence = {part: {"verdict": v.status, "measured": v.measured, **v.evidence} for part, v in parts.items()}
    sentence = f"{name}: {worst.sentence}"
    if all(part.status == worst.status for part in parts.values()) and worst.witness is None:
        sentence = f"In all {len(parts)} parts alike; {sentence}"
    return Verdict(
        worst.status,
        sentence,
        "; ".join(dict.fromkeys(f"{part}: {v.predicted}" for part, v in parts.items())),
        "; ".join(f"{part}: {v.measured}" for part, v in parts.items()),
        worst.interval,
        evidence,
        None if worst.witness is None else {"part": name, **worst.witness},
    )
