"""Clients on which FedAda^2 stays at a point that is not stationary, and how large the gradient there can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.pieces import LogCosh
from tightrate.constructions.separable import SeparableMachines
from tightrate.constructions.three_clients import three_clients
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import G_inf, lam
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.fedada2 import fedada2, fedada2_adam
from tightrate.simulator.algorithms.fedada2_plus_plus import fedada2_plus_plus
from tightrate.simulator.algorithms.fedadagrad import fedadagrad
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]

BETA1, BETA2 = 0.9, 0.99
CLIP = 0.2  # below the shortest step of a client, 1/4
DAMPING = 1.0  # of clients and server
LARGEST = 1.0  # G, the largest gradient of the family
FAMILY_ROUNDS = 200
SHARE = 0.75  # amplitude over G - 2 b; above 1/2 there is a minimizer, up to 1 no gradient exceeds G


def frozen_methods(eta: Array, gamma: Array) -> Mapping[str, Algorithm[Any]]:
    """Variants of FedAda^2 with one local step, for which the clients' steps cancel."""
    steps: dict[str, Any] = {"eta": eta, "gamma": gamma, "server_damping": DAMPING}
    same_as_adagrad = DAMPING * np.sqrt(1 - BETA2)  # one Adam step is (1 - beta1) g / (sqrt(1 - beta2)|g| + lambda)
    return {
        "AdaGrad": fedada2(**steps, lam=DAMPING),
        "delay 3": fedada2(**steps, lam=DAMPING, delay=3),
        "clipped small steps": fedada2(**steps, lam=DAMPING, smallest_step=CLIP),
        "SM3-I": fedada2_plus_plus(**steps, lam=DAMPING, rule=1),
        "SM3-II": fedada2_plus_plus(**steps, lam=DAMPING, rule=2),
        "Adam": fedada2_adam(**steps, lam=same_as_adagrad, beta1=BETA1, beta2=BETA2),
    }


@experiment("lee2024-counterexample")
def counterexample(session: Session) -> xr.Dataset:
    """The runs on the three clients and on the family, side by side."""
    return xr.merge([frozen(session), damping_family(session)], combine_attrs="no_conflicts")


def frozen(session: Session) -> xr.Dataset:
    """The squared gradient on the three clients over (method, steps, R), and the `exact` one; `eta`, `gamma` (steps).

    For the figure: `sgd_clients` over (R) with SGD clients; the slope of f and the mean normalized step over x.
    """
    rounds = session.choose(quick=1000, full=20_000)
    R = np.unique(np.geomspace(1, rounds, 31).round()).astype(int)
    eta = np.array([1.0, rounds**-0.5, 1e-3, 5.0])
    gamma = np.array([1.0, 1.0, 10.0, 0.1])
    problem = three_clients()
    traces = []
    for method in frozen_methods(eta, gamma).values():
        run = sample(method, problem, K=1, R=rounds, record=("squared-gradient-norm",))
        traces.append(run.records["squared-gradient-norm"][:, R - 1])
    plain = fedadagrad(eta=rounds**-0.5, gamma=1.0, server_damping=DAMPING)
    sgd = sample(plain, problem, K=1, R=rounds, record=("squared-gradient-norm",))
    x = np.linspace(-0.6, 0.6, 121)
    slopes = problem.gradient(np.broadcast_to(x[:, None, None], (len(x), 3, 1)))[..., 0]
    exact = float(theorem("lee2024/counterexample").bound.evaluate({"lambda": DAMPING}))
    return xr.Dataset(
        {
            "squared_gradient": (("method", "steps", "R"), np.array(traces)),
            "exact": ((), exact),
            "eta": (("steps",), eta),
            "gamma": (("steps",), gamma),
            "sgd_clients": (("R",), sgd.records["squared-gradient-norm"][0, R - 1]),
            "slope": (("x",), slopes.mean(axis=1)),
            "step": (("x",), (slopes / (np.abs(slopes) + DAMPING)).mean(axis=1)),
            "client_step": (("client", "x"), (slopes / (np.abs(slopes) + DAMPING)).T),
        },
        coords={"R": R, "x": x, "method": np.arange(len(traces)), "steps": np.arange(len(eta))},
        attrs={
            "methods": list(frozen_methods(eta, gamma)),
            "lambda": DAMPING,
            "optimum": float(problem.optimum[0]),
            "rounds": rounds,
            "theorem": "lee2024/counterexample",
        },
    )


def summarised_methods(eta: Array) -> Mapping[str, tuple[Algorithm[Any], int]]:
    """What the summarised rate speaks of, at its steps, with the local steps; SGD clients are the control."""
    steps: dict[str, Any] = {"eta": eta, "gamma": 1.0, "server_damping": DAMPING}
    return {
        "AdaGrad, K = 1": (fedada2(**steps, lam=DAMPING), 1),
        "AdaGrad, K = 4": (fedada2(**steps, lam=DAMPING), 4),
        "AdaGrad, K = 4, delay 2": (fedada2(**steps, lam=DAMPING, delay=2), 4),
        "SM3-II, K = 2": (fedada2_plus_plus(**steps, lam=DAMPING), 2),
        "Adam, K = 4": (fedada2_adam(**steps, lam=DAMPING, beta1=BETA1, beta2=BETA2), 4),
        "SGD clients, K = 1": (fedadagrad(eta=eta, gamma=1.0, server_damping=DAMPING), 1),
    }


@experiment("lee2024-summarised-rate")
def summarised_rate(session: Session) -> xr.Dataset:
    """The least squared gradient in R rounds on the three clients at the steps of Corollary 8, over (method, R).

    `exponent` is the largest exponent of R among the corollary's terms; the last method, SGD clients, is a control.
    """
    R = np.array((25, 100, 400, 1600, 6400)[: session.choose(quick=4, full=5)])
    entry = theorem("lee2024/cor8")
    eta = np.asarray(vectorized(entry.step("eta"))(R=R))
    least = []
    for method, K in summarised_methods(eta).values():
        run = sample(method, three_clients(), K=K, R=int(R.max()), record=("squared-gradient-norm",))
        squared = run.records["squared-gradient-norm"]
        least.append([own[:r].min() for own, r in zip(squared, R, strict=True)])
    powers = [term.monomial.exponents["R"] for term in entry.bound.terms]
    return xr.Dataset(
        {"least": (("method", "R"), np.array(least)), "eta": (("R",), eta)},
        coords={"R": R, "method": np.arange(len(least))},
        attrs={
            "methods": list(summarised_methods(eta)),
            "exponent": float(max(powers)),
            "theorem": "lee2024/cor8",
        },
    )


def family(damping: Array, largest: Array) -> SeparableMachines:
    """Clients with the derivatives G, -b + a tanh x, -b + a tanh x, b = G lambda / (G + 2 lambda), in one dimension.

    At 0 their normalized steps cancel; no gradient exceeds G, and f has a minimizer.
    """
    b = largest * damping / (largest + 2 * damping)
    excess = largest - 2 * b
    amplitude = SHARE * excess
    amplitudes = np.stack([0 * amplitude, amplitude, amplitude], axis=-1)[..., None]
    tilts = np.stack([largest, -b, -b], axis=-1)[..., None]
    root = -np.arctanh(excess / (2 * amplitude))[..., None]
    return SeparableMachines(LogCosh(amplitudes), np.zeros(root.shape), tilts, root)


def damping_family(session: Session) -> xr.Dataset:
    """Where FedAda^2 stays on the family, over (ratio): damping over G, from 1e-6 to 1e2.

    `staying` is the squared gradient after many rounds of the shipped method and `staying_exact` its closed form;
    `zeta_inf`; `floor`, the proved bound for 1e18 rounds at its own steps; `limit`, the exact value as damping
    vanishes.
    """
    ratio = np.geomspace(1e-6, 1e2, session.choose(quick=33, full=129))
    damping = ratio * LARGEST
    problem = family(damping, np.full(ratio.shape, LARGEST))
    method = fedada2(eta=0.1 * damping, gamma=1.0, lam=damping, server_damping=DAMPING)
    run = sample(method, problem, K=1, R=FAMILY_ROUNDS, record=("squared-gradient-norm",))
    constants = {name: np.asarray(problem.constants[name]) for name in ("G_inf", "zeta_inf", "Delta", "L")}
    entry = theorem("lee2024/counterexample-family")
    exact = entry.bound.function()(**{"G_inf": constants["G_inf"], "lambda": damping})
    limit = sympy.limit(entry.bound.expression.subs(G_inf, 1), lam, 0)
    proved = theorem("lee2024/proved-tuned").bound
    values = {"K": 1, "d": 1, "delay": 1, "gamma": 1.0, "server_damping": DAMPING, "lambda": damping, **constants}
    floor = proved.function()(R=1e18, **{name: values[name] for name in proved.letters if name != "R"})
    return xr.Dataset(
        {
            "staying": (("ratio",), run.records["squared-gradient-norm"][:, -1]),
            "staying_exact": (("ratio",), exact),
            "zeta_inf": (("ratio",), constants["zeta_inf"]),
            "floor": (("ratio",), floor),
        },
        coords={"ratio": ratio},
        attrs={
            "G": LARGEST,
            "limit": float(limit),
        },
    )
