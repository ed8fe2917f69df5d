"""SAVIC: local SGD in the norm of a diagonal scaling matrix that is renewed at communications (chezhegov2024)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.simulator.algorithm import ALGORITHMS, Algorithm, Array, worker_mean
from tightrate.simulator.batch.hyperparameters import coordinates, per_replica
from tightrate.simulator.parameters import shares

Scaling = Literal["adam", "rmsprop", "adahessian", "oasis"]
SCALINGS: tuple[Scaling, ...] = ("adam", "rmsprop", "adahessian", "oasis")


class SavicState(NamedTuple):
    """Every worker's iterate x, its last gradient, the scaling D and the communications so far."""

    x: Array
    gradient: Array
    D: Array
    D_hat: Array
    p: int


@dataclass(frozen=True, eq=False)
class SAVIC(Algorithm[SavicState]):
    """x_m <- x_m - eta g_m / D_hat, the same D_hat for K steps; then x is averaged and D_hat renewed.

    D follows rule (2), D^2 <- beta D^2 + (1 - beta) H^2, or rule (3), D <- beta D + (1 - beta) H, and
    D_hat = max(d_min, |D|) coordinate by coordinate.  H^2 = g^2 for adam and rmsprop (rule 2), with fresh stochastic
    gradients at the averaged iterate, or the workers' last local ones if not `synchronized`; H = v (Hessian v) with a
    fresh random-sign vector v at the averaged iterate for adahessian (rule 2) and oasis (rule 3).  beta = beta2, and
    (beta2 - beta2^(p+1))/(1 - beta2^(p+1)) at the p-th communication for adam, which is its bias correction.  The first
    block (p = 0) has D = H at the start, or D = d_start if given.

    All workers share one D: from the mean of their squares H^2 (`square_of_mean` False) or from the square of their
    mean H; with `client_local` every worker has its own.
    """

    eta: Array
    d_min: Array
    beta2: Array
    d_start: Array | None
    scaling: Scaling
    client_local: bool
    square_of_mean: bool
    synchronized: bool = True

    @property
    def looks_at_gradient(self) -> bool:
        """Whether the gradients of the scaling are fresh ones at the synchronized iterate."""
        return self.synchronized and not self.uses_curvature

    @property
    def uses_curvature(self) -> bool:
        """Whether communications need v (Hessian v) from every worker."""
        return self.scaling in ("adahessian", "oasis")

    @property
    def remembers_workers(self) -> bool:
        """Client-local scalings stay with their client."""
        return self.uses_curvature or self.client_local

    def init(self, start: Array) -> SavicState:
        if self.d_start is not None and self.d_start.shape[-1] not in (1, start.shape[-1]):
            raise TightrateError(f"d_start must be a number or {start.shape[-1]} of them, not {self.d_start.shape[-1]}")
        zero = np.zeros_like(start)
        return SavicState(start, zero, zero, zero, 0)

    def point(self, state: SavicState) -> Array:
        return state.x

    def local_step(self, state: SavicState, gradient: Array) -> SavicState:
        if state.p == 0 and not self.uses_curvature:
            if self.synchronized:
                raise TightrateError("the scaling from the synchronized iterate needs a look at it: use a sampled run")
            state = self._renewed(state, gradient)
        return state._replace(x=state.x - self.eta * gradient / state.D_hat, gradient=gradient)

    def synchronize(self, state: SavicState) -> SavicState:
        state = state._replace(x=worker_mean(state.x))
        return state if self.uses_curvature or self.synchronized else self._renewed(state, state.gradient)

    def observe_gradient(self, state: SavicState, gradient: Array) -> SavicState:
        """Renew the scaling with fresh stochastic gradients at the synchronized iterate."""
        return self._renewed(state, gradient)

    def observe_curvature(self, state: SavicState, H: Array) -> SavicState:
        """Renew the scaling with H = v (Hessian v) of every worker at its iterate."""
        return self._renewed(state, H)

    def _renewed(self, state: SavicState, H: Array) -> SavicState:
        p, beta = state.p, self.beta2
        if self.scaling == "adam":
            beta = (self.beta2 - self.beta2 ** (p + 1)) / (1 - self.beta2 ** (p + 1))
        H = self._shared(H)
        if p == 0:
            D = H if self.d_start is None else self.d_start + np.zeros_like(H)
        elif self.scaling == "oasis":
            D = beta * state.D + (1 - beta) * H
        else:
            D = np.sqrt(beta * state.D**2 + (1 - beta) * H**2)
        return state._replace(D=D, D_hat=np.maximum(self.d_min, np.abs(D)), p=p + 1)

    def _shared(self, H: Array) -> Array:
        """H as the rule sees it: each worker's own, or common to all of them."""
        if self.client_local:
            return H
        return worker_mean(H) if self.square_of_mean or self.scaling == "oasis" else np.sqrt(worker_mean(H**2))


@ALGORITHMS.add("savic", source="Chezhegov et al. (2024), SAVIC with the scaling rules (2)-(4)", theorems=("savic",))
def savic(
    *,
    eta: ArrayLike,
    d_min: ArrayLike = 1e-3,
    beta2: ArrayLike = 0.999,
    d_start: ArrayLike | None = None,
    scaling: Scaling = "adam",
    client_local: bool = False,
    square_of_mean: bool = False,
    synchronized: bool = True,
) -> SAVIC:
    """SAVIC: local SGD scaled by a diagonal matrix that is renewed at communications only.

    Algorithm::

        x_m = x_0; D = H, or d_start, at the first look
        for t = 0, ..., K R - 1, every worker m:
            before every K-th step, at the synchronized iterate:
                D^2 <- beta D^2 + (1 - beta) H^2                  rule (2): adam, rmsprop, adahessian
                D <- beta D + (1 - beta) H                        rule (3): oasis
                D_hat = max(d_min, |D|), coordinate by coordinate     rule (4)
            x_m <- x_m - eta g_m(x_m) / D_hat
            after every K-th step: x_m <- mean_n x_n
        return the last x; the average runs over every x_m before its step

    H^2 is the mean of the workers' squared stochastic gradients (adam, rmsprop), H = v (Hessian v) with a fresh
    random-sign vector v (adahessian, oasis); beta = beta2, and (beta2 - beta2^(p+1))/(1 - beta2^(p+1)) at the p-th
    communication for adam.  `square_of_mean` squares the workers' mean H instead; `client_local` gives every worker
    its own D, a variant without theory.

    Which gradients make H: those of H^{t_p}, fresh ones at the iterate synchronized at the time t_p, independent of
    the steps that follow; with `synchronized` false each worker's last local gradient before the communication, and at
    the start the first, which a deployed method has at hand without another pass.  AdaHessian and OASIS look at the
    synchronized iterate in any case.  d_start is a number, or one for each coordinate.
    """
    if scaling not in SCALINGS:
        raise unknown_name("scaling", str(scaling), SCALINGS)
    return SAVIC(
        per_replica("eta", eta),
        per_replica("d_min", d_min),
        per_replica("beta2", beta2),
        None if d_start is None else coordinates("d_start", d_start),
        scaling,
        bool(client_local),
        bool(square_of_mean),
        bool(synchronized),
    )


@ALGORITHMS.add("savic-rmsprop", source="Chezhegov et al. (2024), SAVIC with RMSProp's scaling", theorems=("savic",))
@shares(savic, fixed=("scaling",))
def savic_rmsprop(**shared: Any) -> SAVIC:
    """SAVIC with RMSProp scaling, the same on all clients unless `client_local`.

    Algorithm::

        x_m = x_0, D^2 = H^2 at the first look
        for t = 0, ..., K R - 1, every worker m:
            before every K-th step, at the synchronized iterate:
                D^2 <- beta2 D^2 + (1 - beta2) H^2, H^2 = mean_n g_n^2 of fresh stochastic gradients
                D_hat = max(d_min, D), coordinate by coordinate
            x_m <- x_m - eta g_m(x_m) / D_hat
            after every K-th step: x_m <- mean_n x_n
        return the last x
    """
    return savic(scaling="rmsprop", **shared)


@ALGORITHMS.add(
    "savic-adahessian",
    source="Chezhegov et al. (2024), SAVIC with AdaHessian's scaling",
    theorems=("savic",),
)
@shares(savic, fixed=("scaling",))
def savic_adahessian(**shared: Any) -> SAVIC:
    """SAVIC with AdaHessian scaling, the same on all clients unless `client_local`.

    Algorithm::

        x_m = x_0, D^2 = H^2 at x_0
        for t = 0, ..., K R - 1, every worker m:
            x_m <- x_m - eta g_m(x_m) / D_hat
            after every K-th step:
                x_m <- mean_n x_n
                D^2 <- beta2 D^2 + (1 - beta2) H^2, H^2 = mean_n [v_n (Hessian_n v_n)]^2, random signs v_n
                D_hat = max(d_min, D), coordinate by coordinate
        return the last x
    """
    return savic(scaling="adahessian", **shared)


@ALGORITHMS.add("savic-oasis", source="Chezhegov et al. (2024), SAVIC with OASIS scaling", theorems=("savic",))
@shares(savic, fixed=("scaling",))
def savic_oasis(**shared: Any) -> SAVIC:
    """SAVIC with OASIS scaling, the same on all clients unless `client_local`.

    Algorithm::

        x_m = x_0, D = H at x_0
        for t = 0, ..., K R - 1, every worker m:
            x_m <- x_m - eta g_m(x_m) / D_hat
            after every K-th step:
                x_m <- mean_n x_n
                D <- beta2 D + (1 - beta2) H, H = mean_n v_n (Hessian_n v_n), random signs v_n
                D_hat = max(d_min, |D|), coordinate by coordinate
        return the last x
    """
    return savic(scaling="oasis", **shared)
