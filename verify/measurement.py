"""A measurement: what was measured, at which symbols, and how exactly it is known.

It is what runs, searches, sweeps, exponent tests and a user's own paper give to whoever judges them: arrays over named
axes that broadcast against each other, so that a theorem can be asked about its bound and its conditions at every
point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.evaluation import at

Named = xr.DataArray
Source = str | float | Named
"""A variable, coordinate or attribute of a dataset by name, a number, or an array."""


@dataclass(frozen=True)
class Measurement:
    """`measured` at every point of its named axes, and all that a judge must know about it.

    `symbols` are the theorem's symbols there by their ASCII names; `stderr` is the standard error of a sampled mean, 0
    where the value is exact, and `replicas` how many it was estimated from, infinite where that is not known;
    `rounding` the absolute error that arithmetic may have left; `instance` is what else a
    third party needs to build a point again; `what` says in words what was measured.

    >>> Measurement(xr.DataArray([0.5], dims="R"), "gap", {"R": 10.0}).what
    'gap'
    """

    measured: Named
    what: str
    symbols: Mapping[str, Named] = field(default_factory=dict)
    stderr: Named = field(default_factory=lambda: Named(0.0))
    rounding: Named = field(default_factory=lambda: Named(0.0))
    instance: Mapping[str, Named] = field(default_factory=dict)
    replicas: Named = field(default_factory=lambda: Named(np.inf))

    @staticmethod
    def of(
        data: xr.Dataset,
        measured: str | Named,
        *,
        what: str = "",
        symbols: Mapping[str, Source | None] | None = None,
        stderr: Source = 0.0,
        rounding: Source = 0.0,
        instance: Sequence[str] = (),
        replicas: Source | None = None,
    ) -> Measurement:
        """A variable of a dataset, or an array made from its variables.

        Every variable, coordinate and numeric attribute that bears the name of a symbol of the alphabet is that
        symbol, unless `symbols` says otherwise (None: not to be taken); `instance` names further variables, also arrays
        that make up one instance.  The replicas are the dataset's `replicas`, if it has them.

        >>> data = xr.Dataset({"gap": ("R", [0.5, 0.25])}, coords={"R": [1, 2]}, attrs={"L": 1.0})
        >>> sorted(Measurement.of(data, "gap", symbols={"B": 2.0}).symbols)
        ['B', 'L', 'R']
        """
        given = symbols or {}
        found = {name: values for name, values in symbols_of(data).items() if name not in given}
        found |= {name: _taken(data, source) for name, source in given.items() if source is not None}
        if replicas is None:
            replicas = "replicas" if _has(data, "replicas") else np.inf
        return Measurement(
            _taken(data, measured),
            what
            or (measured if isinstance(measured, str) else str(measured.name or "the measurement")).replace("_", " "),
            found,
            _taken(data, stderr),
            _taken(data, rounding),
            {name: _taken(data, name) for name in instance},
            _taken(data, replicas),
        )

    @property
    def exact(self) -> bool:
        """Whether nothing was sampled."""
        return not bool((self.stderr > 0).any() | self.stderr.isnull().any())

    def at(self, expression: Expr) -> Named:
        """An expression at the symbols of every point."""
        names = {symbol.name for symbol in expression.free_symbols}
        found: Any = at(expression, {name: value for name, value in self.symbols.items() if name in names})
        return found if isinstance(found, Named) else Named(found)

    def mapped(self, change: Callable[[Named], Named]) -> Measurement:
        """The same measurement with all its arrays changed alike."""

        def changed(arrays: Mapping[str, Named]) -> dict[str, Named]:
            return {name: change(array) for name, array in arrays.items()}

        return Measurement(
            change(self.measured),
            self.what,
            changed(self.symbols),
            change(self.stderr),
            change(self.rounding),
            changed(self.instance),
            change(self.replicas),
        )

    def isel(self, **places: Any) -> Measurement:
        """Some of the points, by their positions along axes."""
        return self.mapped(lambda array: array.isel(places, missing_dims="ignore"))

    def witness(self, place: Mapping[Any, Any], **beside: Named) -> dict[str, Any]:
        """All that is known at one point, `beside` what the judge adds, with the point's coordinates.

        An array of the instance, such as a matrix, is given as nested lists, without the nan that pads it.
        """
        arrays = {name: _at(place, array) for name, array in self.instance.items()}
        lists = {name: _without_padding(array).values.tolist() for name, array in arrays.items() if array.ndim}
        return {**values_at(place, {**self.instance, **self.symbols, **beside}), **lists}


def symbols_of(data: xr.Dataset) -> dict[str, Named]:
    """The variables, coordinates and numeric attributes of a dataset that bear the name of a symbol of the alphabet.

    >>> theorem_values = symbols_of(xr.Dataset(coords={"R": [1, 2]}, attrs={"L": 1.0, "seed": 7}))
    >>> {name: values.values.tolist() for name, values in theorem_values.items()}
    {'L': 1.0, 'R': [1, 2]}
    """
    return {name: _taken(data, name) for name in sorted(LETTERS) if _has(data, name)}


def _at(place: Mapping[Any, Any], array: Named) -> Named:
    """An array at one place; axes that the place does not have remain."""
    here: Named = array.isel({dim: int(position) for dim, position in place.items() if dim in array.dims})
    return here


def _without_padding(array: Named) -> Named:
    for dim in array.dims:
        array = array.dropna(dim, how="all")
    return array


def values_at(place: Mapping[Any, Any], arrays: Mapping[str, Named]) -> dict[str, Any]:
    """The values of all arrays at one place, with its coordinates, numbers or names."""
    found: dict[str, Any] = {}
    for name, array in arrays.items():
        here = _at(place, array)
        if here.size != 1:
            continue  # an array with axes of its own is no part of a point
        value = here.values.item()
        if value != value:
            continue  # points of another kind have this parameter
        found[name] = value if isinstance(value, str) else float(value)
        for dim, where in here.coords.items():
            if where.size == 1:
                coordinate = where.values.item()
                found[str(dim)] = coordinate if isinstance(coordinate, str) else float(coordinate)
    return found


def _has(data: xr.Dataset, name: str) -> bool:
    if name in data:
        return data[name].dtype.kind in "fiu"
    attribute = data.attrs.get(name)
    return isinstance(attribute, int | float | np.number) and not isinstance(attribute, bool)


def _taken(data: xr.Dataset, source: Source) -> Named:
    if isinstance(source, Named):
        return source
    if not isinstance(source, str):
        return Named(float(source))
    if source in data:
        return data[source]
    if source in data.attrs:
        return Named(float(data.attrs[source]))
    raise TightrateError(f"the dataset has no {source!r}; it has {', '.join(map(str, data.variables))}")
