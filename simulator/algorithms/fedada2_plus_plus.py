"""FedAda²++: FedAda² whose clients compress their statistics by SM3 (lee2024 section 2)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tightrate.common.errors import TightrateError
from tightrate.constructions.parameters import count
from tightrate.simulator.algorithm import ALGORITHMS, Array
from tightrate.simulator.algorithms.fedada2 import DelayedPreconditioner, joint_adaptivity
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.parameters import shares

Cover = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class SM3I(DelayedPreconditioner):
    """SM3-I: mu(b) <- mu(b) + max over the set b of g_j^2; the denominator of j is the least mu(b) of its sets.

    One number for each set of the cover of the coordinates; without a `cover` it is one set of all of them.
    """

    cover: Cover | None

    def no_statistics(self, x: Array) -> Array:
        return np.zeros((*x.shape[:-1], len(self._members(x.shape[-1]))))

    def renewed(self, v: Array, gradient: Array) -> Array:
        return v + self._largest(gradient**2)

    def denominator(self, v: Array) -> Array:
        return self._least(v)

    def _members(self, d: int) -> NDArray[np.bool_]:
        """Which coordinates are in which set, (set, coordinate)."""
        cover = self.cover or (range(d),)
        if {j for own in cover for j in own} != set(range(d)):
            raise TightrateError(
                f"the sets of an SM3 cover must contain every coordinate 0, ..., {d - 1}, and no other"
            )
        members = np.zeros((len(cover), d), dtype=bool)
        for b, own in enumerate(cover):
            members[b, list(own)] = True
        return members

    def _largest(self, values: Array) -> Array:
        """max_{j in b} values_j for every set b."""
        members = self._members(values.shape[-1])
        return np.asarray(np.where(members, values[..., None, :], -np.inf).max(axis=-1))

    def _least(self, mu: Array) -> Array:
        """min_{b containing j} mu(b) for every coordinate j."""
        members = self._members(self._dimension(mu))
        return np.asarray(np.where(members, mu[..., :, None], np.inf).min(axis=-2))

    def _dimension(self, mu: Array) -> int:  # noqa: ARG002
        if not self.cover:
            return 1
        return 1 + max(j for own in self.cover for j in own)


@dataclass(frozen=True, eq=False)
class SM3II(SM3I):
    """SM3-II: v_j <- min over the sets of j of mu(b), plus g_j^2; mu(b) <- max over b of v_j; the denominator is v."""

    def no_statistics(self, x: Array) -> Array:
        return np.zeros_like(x)

    def renewed(self, v: Array, gradient: Array) -> Array:
        members = self._members(v.shape[-1])
        mu = np.where(members, v[..., None, :], -np.inf).max(axis=-1)
        return np.asarray(np.where(members, mu[..., :, None], np.inf).min(axis=-2)) + gradient**2

    def denominator(self, v: Array) -> Array:
        return v


def rows_and_columns(rows: int, columns: int) -> Cover:
    """The cover of a matrix, stored row by row, by its rows and its columns.

    >>> rows_and_columns(2, 2)
    ((0, 1), (2, 3), (0, 2), (1, 3))
    """
    index = np.arange(rows * columns).reshape(rows, columns)
    return tuple(tuple(int(j) for j in own) for own in (*index, *index.T))


@ALGORITHMS.add(
    "fedada2-plus-plus",
    source="Lee et al. (2024), Algorithms 2, 3 (SM3-I) and 4 (SM3-II)",
    theorems=(
        "lee2024/thm6",
        "lee2024/cor7a",
        "lee2024/cor7b",
        "lee2024/cor8",
        "lee2024/proved",
        "lee2024/proved-tuned",
        "lee2024/client-displacement",
        "lee2024/counterexample",
        "lee2024/h2",
    ),
)
@shares(joint_adaptivity)
def fedada2_plus_plus(*, rule: int = 2, cover: Cover = (), **shared: Any) -> FederatedOptimization:
    """FedAda²++: FedAda² whose clients compress their statistics by SM3.

    Algorithm::

        as FedAda², but a client keeps one number mu(b) for each set b of a cover of the coordinates,
        mu = 0 in every round, and if (k - 1) mod delay == 0:
            rule 1 (SM3-I):  mu(b) <- mu(b) + max_{j in b} g_j^2
                             v_j = min_{b containing j} mu(b)
            rule 2 (SM3-II): v_j = min_{b containing j} mu(b) + g_j^2
                             mu(b) <- max_{j in b} v_j

    `cover` is a tuple of sets of coordinates, one set of all by default; `rows_and_columns` covers a matrix.
    """
    kinds = {1: SM3I, 2: SM3II}
    if rule not in kinds:
        raise TightrateError(f"rule must be 1 or 2, for SM3-I or SM3-II, not {rule}")
    return joint_adaptivity(partial(kinds[int(rule)], cover=_checked(cover)), **shared)


def _checked(cover: Cover) -> Cover:
    """The cover, if it consists of sets of coordinates, none of them empty."""
    for own in cover:
        if not isinstance(own, Collection) or isinstance(own, str) or not own:
            raise TightrateError(f"an SM3 cover consists of sets of coordinates, none of them empty, not of {own!r}")
    return tuple(tuple(count("a coordinate of an SM3 cover", j, least=0) for j in own) for own in cover)
