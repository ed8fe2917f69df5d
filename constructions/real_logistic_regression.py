"""Logistic regression on the data sets that come with scikit-learn, split over workers evenly or by label."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.logistic_regression import LogisticRegression, logistic_workers
from tightrate.constructions.parameters import batch, count, generator_of
from tightrate.constructions.problem import PROBLEMS, Array

# The name here: scikit-learn's loader, and the classes that are labelled +1.
DATA_SETS: dict[str, tuple[str, tuple[int, ...]]] = {
    "breast-cancer": ("load_breast_cancer", (1,)),
    "digits": ("load_digits", (1, 3, 5, 7, 9)),
    "wine": ("load_wine", (0,)),
}
SPLITS = ("iid", "dirichlet")


@PROBLEMS.add("real-logistic-regression")
def real_logistic_regression(
    *,
    data: str = "breast-cancer",
    split: str = "iid",
    concentration: float = 0.5,
    M: int = 8,
    L: float = 1.0,
    mu: float = 0.01,
    seed: int = 0,
) -> LogisticRegression:
    """Logistic regression on real rows: breast cancer (569 rows), digits (1797, odd or even) or wine (178).

    `split` says who gets which row: "iid" deals a random permutation evenly; "dirichlet" gives each worker a share
    of every class drawn from a Dirichlet law with all parameters equal to `concentration`, so that small values mean
    strong label skew.  Features are standardized, an intercept is added, and rows are rescaled to smoothness L.
    Needs scikit-learn, whose data sets are part of its installation: pip install -e '.[data]' in the checkout.
    """
    if data not in DATA_SETS:
        raise unknown_name("data set", data, DATA_SETS)
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    workers = count("M", M)
    batch(concentration=concentration)
    loader, positive = DATA_SETS[data]
    features, classes = _load(loader)
    if workers > len(classes):
        raise TightrateError(f"{data} has {len(classes)} rows, too few for M = {workers} workers")
    generator = generator_of(seed)
    if split == "iid":
        owners = np.array_split(generator.permutation(len(classes)), workers)
    else:
        owners = dirichlet_split(generator, classes, workers, concentration)
    labels = np.where(np.isin(classes, positive), 1.0, -1.0)
    rows = standardized(features)
    return logistic_workers([rows[o] for o in owners], [labels[o] for o in owners], L=L, mu=mu)


def dirichlet_split(
    generator: np.random.Generator, classes: NDArray[Any], M: int, concentration: float
) -> list[NDArray[np.intp]]:
    """Row numbers by worker: class by class, random shares from a Dirichlet law; drawn again until none is empty."""
    for _ in range(100):
        parts: list[list[NDArray[np.intp]]] = [[] for _ in range(M)]
        for label in np.unique(classes):
            members = generator.permutation(np.flatnonzero(classes == label))
            shares = np.cumsum(generator.dirichlet(np.full(M, concentration)))[:-1]
            for m, part in enumerate(np.split(members, (shares * len(members)).round().astype(int))):
                parts[m].append(part)
        owners = [np.concatenate(part) for part in parts]
        if min(len(o) for o in owners) > 0:
            return owners
    raise TightrateError(
        f"concentration = {concentration:g} leaves some of M = {M} workers without rows; give a larger one or fewer M"
    )


def standardized(features: Array) -> Array:
    """Columns of mean 0 and variance 1, constant ones dropped, and a column of ones for the intercept."""
    varying = features[:, features.std(axis=0) > 0]
    columns = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    return np.column_stack([columns, np.ones(len(columns))])


def _load(loader: str) -> tuple[Array, NDArray[Any]]:
    try:
        datasets = import_module("sklearn.datasets")
    except ImportError:
        raise TightrateError("real data needs scikit-learn: pip install -e '.[data]' in the checkout") from None
    bunch = getattr(datasets, loader)()
    return np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target)
