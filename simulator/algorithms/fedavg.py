"""FedAvg: local SGD whose clients are sampled afresh in every round (lee2024 section 2)."""

from __future__ import annotations

from numpy.typing import ArrayLike

from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import FederatedOptimization


@ALGORITHMS.add(
    "fedavg",
    source="Lee et al. (2024), section 3; the clients of a round may be sampled",
    theorems=("fedavg",),
)
def fedavg(*, eta: ArrayLike, gamma: ArrayLike = 1.0) -> FederatedOptimization:
    """FedAvg: local SGD whose clients may be sampled afresh in every round.

    Algorithm::

        for t = 0, ..., R-1:
            sample the clients S_t
            every client i in S_t: y_i <- x_t
                for k = 0, ..., K-1: y_i <- y_i - eta g_i(y_i)
            x_{t+1} = x_t + gamma mean_{i in S_t} (y_i - x_t)
        return x_R; the average runs over every y_i before its step

    With all clients in every round it is local SGD.
    """
    return FederatedOptimization(SGD(per_replica("eta", eta)), SGD(per_replica("gamma", gamma)))
