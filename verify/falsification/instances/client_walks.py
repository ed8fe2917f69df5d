"""Clients and servers of FedAda² fed with gradients of one sign that grow or decay: how far they are carried."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.algorithms.fedada2 import DelayedAdam, DelayedPreconditioner, client_parameters
from tightrate.simulator.algorithms.fedadagrad import server_adagrad
from tightrate.simulator.algorithms.local_sgdm import sgdm
from tightrate.simulator.algorithms.sgd import SGD
from tightrate.simulator.batch.hyperparameters import per_replica
from tightrate.simulator.communication import FederatedOptimization
from tightrate.simulator.optimizer import Optimizer
from tightrate.verify.falsification.search import Array, Axis, Point, Search, over_points
from tightrate.verify.measurement import Measurement

METHOD = "the shipped client and server, step by step, no randomness"
MOST_STEPS, MOST_DELAY, WORKERS, DIMENSION = 8, 3, 2, 2
FREE = (
    *(Axis(f"gradient{k}", 1e-3, 1e3, may_vanish=True) for k in range(MOST_STEPS)),
    Axis("K", 1, MOST_STEPS, "whole"),
    Axis("eta", 1e-2, 1e2),
)
DAMPING, DELAY = Axis("lambda", 1e-3, 1e3), Axis("delay", 1, MOST_DELAY, "whole")
AVERAGING = Axis("complement", 1e-3, 0.9)  # 1 - beta2, or 1 - beta1 of momentum SGD
GEOMETRIC = (Axis("rate", 0.1, 10.0), Axis("K", 1, 30, "whole"), Axis("eta", 1e-2, 1e2))
RUN = (
    Axis("push", 1e-2, 1e6),
    Axis("growth", 1.0, 1e4),
    Axis("B", 1e-2, 10.0),
    Axis("K", 1, 4, "whole"),
    Axis("R", 1, 5, "whole"),
    Axis("eta", 1e-3, 1.0),
    Axis("gamma", 1e-3, 1.0),
    Axis("lambda", 1e-3, 1.0),
)

Client = Literal["adagrad", "adam", "momentum"]


def gradients(point: Point) -> Array:
    """The client's gradients (step, n): free ones, or powers of a rate whose largest is 10^6; none after step K."""
    step = np.arange(int(point["K"].max()))[:, None]
    if "rate" in point:
        last = np.where(point["rate"] > 1, point["K"] - 1, 0.0)
        found = 1e6 * point["rate"] ** (step - last)
    else:
        found = np.stack([point[f"gradient{k}"] for k in range(len(step))])
    return np.where(step < point["K"], found, 0.0)


def displacement_trial(_: Theorem, point: Point, *, client: Client) -> Measurement:
    """How far K local steps move the one coordinate."""
    steps = gradients(point)
    one = np.ones_like(point["K"])
    symbols = {"K": point["K"], "eta": point["eta"], "delay": point.get("delay", one), "G_inf": steps.max(axis=0)}
    symbols["lambda"] = one if client == "momentum" else point["lambda"]
    if "complement" in point:
        symbols["beta2"] = 1 - point["complement"]
        symbols["beta1"] = point["remembered"] * (np.sqrt(symbols["beta2"]) if client == "adam" else one)
    value = np.zeros_like(one)
    for delay in np.unique(symbols["delay"]):
        chosen = symbols["delay"] == delay
        mine = {name: values[chosen] for name, values in symbols.items()}
        walked = _walked(_client(client, mine, int(delay)), steps[:, chosen])
        value[chosen] = walked[mine["K"].astype(int), np.arange(len(mine["K"]))]
    rounding = 1e-13 * value
    if client == "adagrad":  # of the sum 1 + (G/lambda)^2 in the bound
        rounding = rounding + 1e-15 * symbols["eta"] * symbols["lambda"] / np.maximum(symbols["G_inf"], 1e-300)
    return over_points(value, symbols, rounding=rounding)


def _client(kind: Client, symbols: dict[str, Array], delay: int) -> Optimizer[Any]:
    if kind == "momentum":
        return sgdm(symbols["eta"], symbols["beta1"], np.inf)
    if kind == "adagrad":
        return DelayedPreconditioner(**client_parameters(symbols["eta"], symbols["lambda"], 0.0, delay, 0.0))
    shared = client_parameters(symbols["eta"], symbols["lambda"], symbols["beta1"], delay, 0.0)
    return DelayedAdam(**shared, beta2=per_replica("beta2", symbols["beta2"]))


def _walked(client: Optimizer[Any], steps: Array) -> Array:
    """|x| before and after every step, (step + 1, n)."""
    state = client.init(np.zeros((steps.shape[1], 1, 1)))
    found = [np.zeros(steps.shape[1])]
    for gradient in steps:
        state = client.step(state, gradient[:, None, None])
        found.append(np.abs(client.point(state)[:, 0, 0]))
    return np.stack(found)


def run_trial(_: Theorem, point: Point, *, adaptive: Literal["clients", "server"]) -> Measurement:
    """The gap of L |x|^2 / 2 after R rounds in which noise pushes away from the optimum, more and more."""
    n = len(point["K"])
    server: Optimizer[Any]
    client: Optimizer[Any]
    if adaptive == "clients":
        client = DelayedPreconditioner(**client_parameters(point["eta"], point["lambda"], 0.0, 1, 0.0))
        server = SGD(per_replica("gamma", np.ones(n)))
    else:
        client, server = SGD(per_replica("eta", point["eta"])), server_adagrad(point["gamma"], 0.0, point["lambda"])
    algorithm = FederatedOptimization(client, server)
    state = algorithm.init(np.broadcast_to(point["B"][:, None, None] / np.sqrt(DIMENSION), (n, WORKERS, DIMENSION)))
    value, push = np.zeros(n), point["push"]
    for r in range(int(point["R"].max())):
        for k in range(int(point["K"].max())):
            after = algorithm.local_step(state, algorithm.point(state) - push[:, None, None])
            state = _where(k < point["K"], after, state)
            push = np.where(k < point["K"], push * point["growth"], push)
        state = algorithm.synchronize(state)
        ended = r + 1 == point["R"]
        value = np.where(ended, np.sum(algorithm.output(state)[:, 0] ** 2, axis=-1) / 2, value)
    symbols = {name: point[name] for name in ("K", "R", "eta", "gamma", "B")}
    symbols |= {"L": np.ones(n), "d": np.full(n, float(DIMENSION)), "delay": np.ones(n)}
    return over_points(value, symbols, rounding=1e-13 * value)


def _where(mask: NDArray[np.bool_], new: Any, old: Any) -> Any:
    """The new state where the mask holds, in every array of a nested state; counters follow the new one."""
    if isinstance(new, np.ndarray):
        return np.where(mask.reshape(-1, *[1] * (new.ndim - 1)), new, old)
    if isinstance(new, tuple):
        return type(new)(*(_where(mask, a, b) for a, b in zip(new, old, strict=True)))
    return new


def _search(
    theorem_id: str, where: str, axes: tuple[Axis, ...], trial: Callable[..., Measurement], name: str = "", **how: Any
) -> Search:
    return Search(
        name=f"{theorem_id}@{name}" if name else theorem_id,
        theorem_id=theorem_id,
        where=where,
        axes=axes,
        trial=partial(trial, **how),
        method=METHOD,
    )


ONE_SIGN = "gradients of one sign"
POWERS = f"{ONE_SIGN} that grow or decay geometrically"
MEMORY = (AVERAGING, Axis("remembered", 0.0, 0.999, "linear"))

adagrad = _search(
    "lee2024/client-displacement", ONE_SIGN, (*FREE, DAMPING, DELAY), displacement_trial, client="adagrad"
)
adam = _search(
    "lee2024/client-displacement-adam", POWERS, (*GEOMETRIC, Axis("lambda", 1e-8, 1.0), *MEMORY), displacement_trial,
    client="adam",
)  # fmt: skip
momentum = _search(
    "lee2024/client-displacement-blended", ONE_SIGN, (*FREE, *MEMORY), displacement_trial, name="momentum",
    client="momentum",
)  # fmt: skip
blended_adam = _search(
    "lee2024/client-displacement-blended", POWERS, (*GEOMETRIC, DAMPING, *MEMORY), displacement_trial, name="adam",
    client="adam",
)  # fmt: skip
h2 = _search("lee2024/h2", "a parabola with noise that grows", RUN, run_trial, adaptive="clients")
h2_server = _search("lee2024/h2-server", "a parabola with noise that grows", RUN, run_trial, adaptive="server")
