"""Optimizers: update rules of one point, from which distributed algorithms are put together."""

from __future__ import annotations

from abc import abstractmethod

from tightrate.simulator.algorithm import Array, Rule, State


class Optimizer(Rule[State]):
    """An update rule: what starts it, where it asks for a gradient, what it does with one.

    A rule that is applied on every worker sees the workers' axis, one that is applied on the server sees the same
    numbers on every worker.
    """

    @abstractmethod
    def step(self, state: State, gradient: Array) -> State:
        """One update."""
