"""Clients on which FedAda² stays at a point that is not stationary, and how large the gradient there can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.pieces import LogCosh
from tightrate.constructions.separable import SeparableWorkers
from tightrate.constructions.three_clients import three_clients
from tightrate.rates.statements.catalogue import theorem as statement
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import G_inf, lam
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.algorithms.fedada2 import fedada2, fedada2_adam
from tightrate.simulator.algorithms.fedada2_plus_plus import fedada2_plus_plus
from tightrate.simulator.algorithms.fedadagrad import fedadagrad
from tightrate.simulator.sampled.sampling import sample
from tightrate.verify.assertions.assertion import Controlled, Every
from tightrate.verify.assertions.bounded import AtLeast, AtMost, Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.power_law import PowerLaw
from tightrate.verify.assertions.symbolic import Symbolic
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.papers.lee2024.orders import published_rate
from tightrate.verify.papers.lee2024.proved_bound import EXACT_RUN, RESOLUTION
from tightrate.verify.session import Session

Array = NDArray[np.float64]

BETA1, BETA2 = 0.9, 0.99
CLIP = 0.2  # below the shortest step of a client, 1/4
DAMPING = 1.0  # of clients and server
LARGEST = 1.0  # G, the largest gradient of the family
FAMILY_ROUNDS = 200
CONTROL = "SGD clients, K = 1"
SHARE = 0.75  # amplitude over G - 2 b; above 1/2 there is a minimizer, up to 1 no gradient exceeds G


def frozen_methods(eta: Array, gamma: Array) -> Mapping[str, Algorithm[Any]]:
    """Variants of FedAda² with one local step, for which the clients' steps cancel."""
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
    """The squared gradient on the three clients over (method, steps, R); `eta`, `gamma` (steps).

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
    return xr.Dataset(
        {
            "squared_gradient": (("method", "steps", "R"), np.array(traces)),
            "eta": ("steps", eta),
            "gamma": ("steps", gamma),
            "sgd_clients": ("R", sgd.records["squared-gradient-norm"][0, R - 1]),
            "slope": ("x", slopes.mean(axis=1)),
            "step": ("x", (slopes / (np.abs(slopes) + DAMPING)).mean(axis=1)),
            "client_step": (("client", "x"), (slopes / (np.abs(slopes) + DAMPING)).T),
        },
        coords={"R": R, "x": x, "method": list(frozen_methods(eta, gamma)), "steps": np.arange(len(eta))},
        attrs={
            "K": 1,
            "M": 3,
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
        CONTROL: (fedadagrad(eta=eta, gamma=1.0, server_damping=DAMPING), 1),
    }


@experiment("lee2024-summarised-rate")
def summarised_rate(session: Session) -> xr.Dataset:
    """The least squared gradient in $R$ rounds on the three clients at the steps of Corollary 8, over (method, $R$).

    The last method, SGD clients, is a control."""
    R = np.array((25, 100, 400, 1600, 6400)[: session.choose(quick=4, full=5)])
    eta = statement("lee2024/cor8").step_at("eta", R=R)
    methods, least = summarised_methods(eta), []
    for method, K in methods.values():
        run = sample(method, three_clients(), K=K, R=int(R.max()), record=("squared-gradient-norm",))
        squared = run.records["squared-gradient-norm"]
        least.append([own[:r].min() for own, r in zip(squared, R, strict=True)])
    return xr.Dataset(
        {
            "least": (("method", "R"), np.array(least)),
            "eta": ("R", eta),
            "K": ("method", [K for _, K in methods.values()]),
        },
        coords={"R": R, "method": list(methods)},
        attrs={"gamma": 1.0, "M": 3, "lambda": DAMPING, "server_damping": DAMPING},
    )


def family(damping: Array, largest: Array) -> SeparableWorkers:
    """Clients with the derivatives G, -b + a tanh x, -b + a tanh x, b = G lambda / (G + 2 lambda), in one dimension.

    At 0 their normalized steps cancel; no gradient exceeds G, and f has a minimizer.
    """
    b = largest * damping / (largest + 2 * damping)
    excess = largest - 2 * b
    amplitude = SHARE * excess
    amplitudes = np.stack([0 * amplitude, amplitude, amplitude], axis=-1)[..., None]
    tilts = np.stack([largest, -b, -b], axis=-1)[..., None]
    root = -np.arctanh(excess / (2 * amplitude))[..., None]
    return SeparableWorkers(LogCosh(amplitudes), np.zeros(root.shape), tilts, root)


def damping_family(session: Session) -> xr.Dataset:
    """Where FedAda² stays on the family, over (ratio): damping over G, from 1e-6 to 1e2.

    `staying` is the squared gradient after many rounds of the shipped method; `family_lambda`, `family_L` and so on are
    the clients' damping and constants.
    """
    ratio = np.geomspace(1e-6, 1e2, session.choose(quick=33, full=129))
    damping = ratio * LARGEST
    problem = family(damping, np.full(ratio.shape, LARGEST))
    method = fedada2(eta=0.1 * damping, gamma=1.0, lam=damping, server_damping=DAMPING)
    run = sample(method, problem, K=1, R=FAMILY_ROUNDS, record=("squared-gradient-norm",))
    symbols = {name: problem.constants[name] for name in ("G_inf", "zeta_inf", "Delta", "L")} | {"lambda": damping}
    columns = {f"family_{name}": ("ratio", values) for name, values in symbols.items()}
    staying = run.records["squared-gradient-norm"][:, -1]
    return xr.Dataset({"staying": ("ratio", staying), **columns}, coords={"ratio": ratio})


def what_stays(data: xr.Dataset) -> Measurement:
    """The squared gradient that stays on the family, K = z = gamma = d = 1, after so many rounds that R is infinite."""
    own = data[["staying", *(name for name in data if str(name).startswith("family_"))]]
    symbols: dict[str, str | float | xr.DataArray | None] = {
        **{name: f"family_{name}" for name in ("G_inf", "zeta_inf", "Delta", "L", "lambda")},
        **dict.fromkeys(("gamma", "d", "delay"), 1.0),
        "server_damping": DAMPING,
        "R": 1e18,
    }
    return Measurement.of(own, "staying", what="squared gradient at the point where FedAda² stays", symbols=symbols)


# --- What is claimed -------------------------------------------------------------------------------------------------


@claim(
    "lee2024/counterexample",
    "On three convex smooth clients with bounded gradients FedAda² stays for ever where the squared gradient is"
    " 1/81, for all steps of client and server; so it does with a delay, a clip of small steps, SM3 and Adam.",
    kind="counterexample",
    data=counterexample,
    expected="confirmed",
)
def stays(theorem: Theorem, data: xr.Dataset) -> Equal:
    """One local step, four pairs of steps, rounds up to a thousand: the squared gradient against its exact value."""
    what = "squared gradient at the point where FedAda² stays"
    return Equal(Measurement.of(data[["squared_gradient", "eta", "gamma"]], "squared_gradient", what=what), theorem)


@claim(
    "lee2024/small-damping",
    "On the family of such clients the squared gradient that stays is $(G^2 / (3 (G + 2 lambda)))^2$, and the"
    " gradient tends to a third of the largest one as $lambda$ vanishes.",
    theorem="lee2024/counterexample-family",
    kind="exact value",
    data=counterexample,
    expected="confirmed",
)
def small_damping(theorem: Theorem, data: xr.Dataset) -> Every:
    """Runs over eight decades of damping against the closed form, whose limit, taken exactly, is compared with
    $G/3$.
    """
    found = what_stays(data)
    limit = {"squared gradient as lambda vanishes": (sympy.limit(theorem.bound.expression, lam, 0), (G_inf / 3) ** 2)}
    least = what_stays(data.isel(ratio=[0]))
    return Every(
        {
            "closed form": Equal(found, theorem, scale=found.symbols["G_inf"] ** 2),
            "limit": Symbolic(limit),
            "least damping": Equal(least, least.at((G_inf / 3) ** 2), relative=1e-5),
        }
    )


@claim(
    "lee2024/rate-as-summarised",
    "As summaries have it: under smoothness and bounded gradients alone, at the steps of the corollary, the least"
    " squared gradient of $R$ rounds decays at least like $R^(-1/2)$.",
    theorem="lee2024/cor8",
    kind="conditional",
    accuses="heterogeneity",
    data=summarised_rate,
    expected="violated",
)
def rate_as_summarised(data: xr.Dataset) -> Controlled:
    """The exponent of $R$ on three clients, for AdaGrad, delayed, SM3 and Adam clients and several local steps.

    The statement speaks of all of them, so the slowest decides. SGD clients on the same problem, of which it does not
    speak, must decay: otherwise the steps, not the statement, would be at fault, and the test is inconclusive."""
    rate, what = published_rate(), "least squared gradient"
    runs = {str(name): data.isel(method=place) for place, name in enumerate(data.method.values)}
    control = runs.pop(CONTROL)
    found = {name: Measurement.of(own, "least", what=what, stderr=EXACT_RUN * own.least) for name, own in runs.items()}
    start, end = control.isel(R=0), control.isel(R=-1)
    return Controlled(
        Every({name: PowerLaw(least, rate, RESOLUTION) for name, least in found.items()}),
        AtMost(Measurement.of(end, "least", what=f"{what}, {CONTROL}"), start.least * (end.R / start.R) ** rate["R"]),
    )


@claim(
    "lee2024/heterogeneity-floor",
    "The squared gradient that heterogeneous clients keep is at most the proved floor of order $zeta^2$.",
    theorem="lee2024/proved-tuned",
    kind="bound with constants",
    data=counterexample,
)
def heterogeneity_floor(theorem: Theorem, data: xr.Dataset) -> Bounded:
    """What stays on the family of three clients, against the proved bound for $R$ to infinity (1e18 rounds)."""
    return Bounded(theorem, what_stays(data))


@claim(
    "lee2024/floor-is-needed",
    "No bound whose floor is of smaller order than $zeta^2$ can hold for all damping: on the family the squared"
    " gradient that stays is more than $zeta^2/16$ once the damping is below a hundredth of $G$.",
    theorem="lee2024/counterexample-family",
    kind="counterexample",
    data=counterexample,
)
def floor_is_needed(data: xr.Dataset) -> AtLeast:
    """The ratio of what stays to $zeta^2$, over four decades of damping."""
    found = what_stays(data.sel(ratio=data.ratio <= 1e-2))
    return AtLeast(found, found.symbols["zeta_inf"] ** 2 / 16)
