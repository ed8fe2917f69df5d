"""Algorithms, problems and noise by name, built from those values of a run that are their parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.constructions.moved import moved
from tightrate.constructions.noise import NOISES, Noise
from tightrate.constructions.parameters import check_memory
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.constructions.problem_file import ProblemFile, is_problem_file
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.parameters import VECTORS, construct, parameters, takes_any_name

ROWS = "rows"  # the noise of a finite sum: every stochastic gradient is the mean over `batch` sampled rows
ARRAYS_OF_A_RUN = 32  # of a number for each worker and coordinate: the problem's, x_0, gradients, noise, the state's

Builder = str | Callable[..., Problem]
"""A problem by name, the path of a file of one's own (.npz or .toml), or a function of one's own that makes one."""


def problem_constructor(problem: Builder) -> Callable[..., Problem]:
    """What makes the problem."""
    if isinstance(problem, str):
        return ProblemFile(problem) if is_problem_file(problem) else PROBLEMS[problem]
    return problem


def problem_name(problem: Builder) -> str:
    """What the problem is called."""
    return problem if isinstance(problem, str) else getattr(problem, "__name__", "a problem of your own")


@dataclass(frozen=True, eq=False)
class Given:
    """A problem that is made already, as a function that makes it."""

    problem: Problem

    def __call__(self) -> Problem:
        """The problem."""
        return self.problem

    @property
    def __name__(self) -> str:
        """What it is called."""
        return type(self.problem).__name__


def as_builder(problem: Builder | Problem) -> Builder:
    """A problem by the name that the registry has it under, or what makes it.

    >>> as_builder(PROBLEMS["rank-one-pair"])
    'rank-one-pair'
    """
    if isinstance(problem, Problem):
        return Given(problem)
    if callable(problem) and (name := PROBLEMS.name_of(problem)) in PROBLEMS.entries():
        return name if PROBLEMS[name] is problem else problem
    return problem


def noise_names() -> tuple[str, ...]:
    """The laws by name, and the row sampling of finite sums."""
    return (*NOISES.names(), ROWS)


def noise_constructor(name: str) -> Callable[..., Noise | RowSampling]:
    """The law of that name, or row sampling."""
    if name == ROWS:
        return RowSampling
    if name not in NOISES.entries():
        raise unknown_name("noise", name, noise_names())
    return NOISES[name]


def build_algorithm(name: str, values: Mapping[str, Any]) -> Algorithm[Any]:
    """The algorithm of that name; parameters may be arrays with one entry for each replica.

    The constructor gets these shaped (replica, 1, 1), so that a rule which uses them as they are is one for each
    replica, and not for each coordinate.
    """
    rows = {
        own: value.reshape(-1, 1, 1)
        for own, value in values.items()
        if isinstance(value, np.ndarray) and value.ndim == 1 and own not in VECTORS
    }
    return construct(ALGORITHMS[name], {**values, **rows})


def build_problem(problem: Builder, values: Mapping[str, Any]) -> Problem:
    """The problem, if a run on it fits the memory."""
    constructor = problem_constructor(problem)
    own = parameters(constructor)
    sizes = {size: values.get(size, own[size].default) or 1 for size in ("M", "d", "rows") if size in own}
    given = " and ".join(f"{size} = {value:g}" for size, value in sizes.items())
    check_memory(ARRAYS_OF_A_RUN * prod(sizes.values()), f"a run on {problem_name(problem)} with {given}")
    found = construct(constructor, values)
    if not isinstance(found, Problem):
        raise TightrateError(f"the function {problem_name(problem)} must return a Problem, not {type(found).__name__}")
    return found if values.get("start") is None else moved(found, values["start"])


def build_noise(name: str, values: Mapping[str, Any]) -> Noise | RowSampling | None:
    """The noise of that name; none where its level is zero."""
    if name != ROWS and values.get("sigma", 0.0) == 0:
        return None
    return construct(noise_constructor(name), values)


Instance = tuple[object, ...]


def instance_of(problem: Builder, values: Mapping[str, Any]) -> Instance:
    """What tells one problem from another: which it is, and those of `values` that are its parameters."""
    constructor = problem_constructor(problem)
    own = sorted(values) if takes_any_name(constructor) else (*parameters(constructor), "start")
    return (problem, *((name, values[name]) for name in own if name in values))


class Problems:
    """Problems, each built once for all that share it."""

    def __init__(self, built: Mapping[Instance, Problem] | None = None) -> None:
        self._built = dict(built or {})

    def get(self, problem: Builder, values: Mapping[str, Any]) -> Problem:
        """The problem, from those of `values` that are its parameters."""
        instance = instance_of(problem, values)
        if instance not in self._built:
            self._built[instance] = build_problem(problem, values)
        return self._built[instance]

    def only(self, instances: Iterable[Instance]) -> Problems:
        """Those of the instances that are built already."""
        return Problems({one: self._built[one] for one in instances if one in self._built})
