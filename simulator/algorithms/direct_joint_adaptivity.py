"""Direct joint adaptivity: FedAda² whose server also sends its preconditioner to the clients (lee2024 section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.algorithms.fedada2 import DelayedPreconditioner, joint_adaptivity
from tightrate.simulator.communication import FederatedOptimization, FederatedState
from tightrate.simulator.parameters import shares


@dataclass(frozen=True, eq=False)
class TransmittedPreconditioner(FederatedOptimization):
    """Clients start every round from the server's iterate and from the server's second moment v."""

    def init(self, start: Any) -> FederatedState:
        return self._transmit(super().init(start))

    def synchronize(self, state: FederatedState) -> FederatedState:
        return self._transmit(super().synchronize(state))

    def _transmit(self, state: FederatedState) -> FederatedState:
        return state._replace(client=state.client._replace(v=state.server.v))


@ALGORITHMS.add(
    "direct-joint-adaptivity",
    source="Lee et al. (2024), section 2: joint adaptivity that sends the server's preconditioner down",
)
@shares(joint_adaptivity)
def direct_joint_adaptivity(**shared: Any) -> FederatedOptimization:
    """Direct joint adaptivity: as FedAda², but 3 d numbers go to and from a client in a round instead of 2 d.

    Algorithm::

        as FedAda² with AdaGrad clients, but the server sends v~ along with x_{t-1},
        and every client starts its round from v = v~ instead of v = 0
    """
    return joint_adaptivity(DelayedPreconditioner, TransmittedPreconditioner, **shared)
