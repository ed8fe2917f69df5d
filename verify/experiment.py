"""An experiment: a function from a session to one labelled dataset, which any number of claims and figures share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from tightrate.verify.cache.code_digest import code_digest

if TYPE_CHECKING:
    from tightrate.verify.session import Profile, Session

Run = Callable[["Session"], xr.Dataset]


@dataclass(frozen=True, eq=False)
class Experiment:
    """`run` makes the dataset; `name` is that of its files.  Calling an experiment runs it.

    One that `gathers` makes its dataset from what the session knows of other experiments: it runs in the session's own
    process, when it is asked for.

    >>> from tightrate.verify.registry import CLAIMS
    >>> [run.name for run in CLAIMS["patel2024/k-does-not-help"].data]
    ['k-does-not-help']
    """

    name: str
    run: Run
    gathers: bool = field(default=False, kw_only=True)

    def __call__(self, session: Session) -> xr.Dataset:
        return self.run(session)

    @property
    def module(self) -> str:
        """Where the experiment is written."""
        return str(self.run.__module__)

    @property
    def description(self) -> str:
        """What is run: the docstring."""
        return inspect.getdoc(self.run) or ""

    def origin(self, profile: Profile, seed: int) -> dict[str, str | int]:
        """What a dataset says of where it comes from: equal origins mean equal results."""
        return {"experiment": self.name, "profile": profile, "seed": seed, "code": code_digest(self.module)}

    def __reduce__(self) -> tuple[Any, ...]:
        return found_in, (self.module, self.name)  # another process finds it in its module


def experiment(name: str, *, gathers: bool = False) -> Callable[[Run], Experiment]:
    """Make an experiment of the function that runs it.

    Args:
        name: the experiment's, by which results are kept and shared
        gathers: whether it runs other experiments of the session instead of anything itself

    Returns:
        A decorator, which turns a function of a session that returns a dataset into an `Experiment`.

    Raises:
        TightrateError: for a name that is taken.

    >>> @experiment("squares")
    ... def squares(session):
    ...     "The first squares."
    ...     return xr.Dataset({"square": ("n", [0, 1, 4])})
    >>> squares.name, squares.description
    ('squares', 'The first squares.')
    """

    def make(run: Run) -> Experiment:
        return Experiment(name, run, gathers=gathers)

    return make


def found_in(module: str, name: str) -> Experiment:
    """The experiment of that name in a module, on its own or among those that the module's claims are judged on."""
    for value in vars(import_module(module)).values():
        judged_on = getattr(value, "data", ())
        for one in (value, *(judged_on if isinstance(judged_on, tuple) else ())):
            if isinstance(one, Experiment) and one.name == name:
                return one
    raise LookupError(f"{module} has no experiment {name!r}")


def labelled(*dims: str, **columns: ArrayLike) -> xr.Dataset:
    """A dataset of arrays whose axes are the first ones of `dims`; a number holds everywhere, and a column that bears
    the name of an axis gives its coordinates.

    >>> labelled("instance", "R", L=1.0, eta=np.ones(2), gap=np.ones((2, 3)), R=[1, 2, 3]).gap.sel(R=3).dims
    ('instance',)
    """
    of = {name: (name,) if name in dims else dims[: np.ndim(values)] for name, values in columns.items()}
    return xr.Dataset({name: (of[name], values) for name, values in columns.items()})


def all_instances(batches: Iterable[xr.Dataset]) -> xr.Dataset:
    """The instances of all batches, one after another; arrays of unequal sizes are padded with nan.

    >>> pairs, triples = labelled("instance", M=2, eta=np.ones(3)), labelled("instance", M=3, eta=np.ones(1))
    >>> all_instances([pairs, triples]).M.values
    array([2, 2, 2, 3])
    """
    return xr.concat(list(batches), "instance", data_vars="all", join="outer")
