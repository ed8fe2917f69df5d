"""What the best steps can do: the exact minimax gap of local gradient descent with a common optimum.

Units L = B = 1.  The worst case is over all convex L-smooth functions of any dimension with a common minimizer; it does
not depend on the number of workers once there are two.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq

from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.worst_case.worst_case import tuned_worst_case, worst_case
from tightrate.verify.assertions.assertion import Fact, Facts
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import claim
from tightrate.verify.experiment import experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session

PROPOSITION = "patel2024/prop7-any-machines"
START = {"eta": 1.0, "gamma": 1.2}
FAR, NEAR = 0.25, 0.05  # sides of the triangle that the search for the best steps begins with


@experiment("exact-minimax")
def exact_minimax(session: Session) -> xr.Dataset:
    """Over $(K, R)$: `lower` and `upper` ends of the worst case at the best inner and outer step, `best_eta` and
    `best_gamma` (1 where $K = 1$: only their product counts); `best_minibatch`, the closed form for R steps of gradient
    descent at the best step; and `gradient_descent`, the worst case of $K R$ steps of gradient descent at $1/L$ on one
    worker, $1/(4 K R + 2)$."""
    K = [1, 2, 4] if session.profile == "quick" else list(range(1, 17))
    R = [1, 2] if session.profile == "quick" else [1, 2, 3, 4]
    tolerance = 1e-2 if session.profile == "quick" else 3e-3
    shape = (len(K), len(R))
    columns = {name: np.full(shape, np.nan) for name in ("lower", "upper", "best_eta", "best_gamma")}
    steps = np.full((*shape, 2), np.nan)  # of their logarithms
    for j, rounds in enumerate(R):
        for i, count in enumerate(K):
            guess, near = _guess(steps, np.log(K), i, j)
            tune = {"eta": 1.5} if count == 1 else dict(zip(START, np.exp(guess).tolist(), strict=True))
            fixed = {"gamma": 1.0} if count == 1 else {}
            spread = NEAR if near else FAR
            best = tuned_worst_case("local-sgd", tune, tolerance=tolerance, spread=spread, K=count, R=rounds, **fixed)
            columns["lower"][i, j], columns["upper"][i, j] = best.worst.lower, best.worst.upper
            columns["best_eta"][i, j] = best.steps["eta"]
            columns["best_gamma"][i, j] = best.steps.get("gamma", 1.0)
            if count > 1:
                steps[i, j] = np.log([best.steps[name] for name in START])
    minibatch = [best_gradient_descent(rounds) for rounds in R]
    plain = 1 / (4 * np.outer(K, R) + 2)
    return xr.Dataset(
        {name: (("K", "R"), values) for name, values in columns.items()}
        | {"best_minibatch": ("R", np.array(minibatch)), "gradient_descent": (("K", "R"), plain)},
        coords={"K": K, "R": R},
        attrs={"L": 1.0, "B": 1.0, "sigma": 0.0, "zeta_star": 0.0, "M": 2, "Q": np.inf, "first": K[1]},
    )


def _guess(steps: NDArray[np.float64], log_k: NDArray[np.float64], i: int, j: int) -> tuple[NDArray[np.float64], bool]:
    """The logarithms of the steps (K, R, 2) to begin with at one place, from those of smaller K and R, and whether they
    are near the best: along K and R together where three neighbours are known, along K where two are."""
    if i > 1 and j > 0:
        return steps[i - 1, j] + steps[i, j - 1] - steps[i - 1, j - 1], True
    if i > 2:
        slope = (steps[i - 1, j] - steps[i - 2, j]) / (log_k[i - 1] - log_k[i - 2])
        return steps[i - 1, j] + slope * (log_k[i] - log_k[i - 1]), True
    if j > 0 and i > 0:
        return steps[i, j - 1], True
    return np.log(list(START.values())) - [log_k[i] - log_k[1], 0.0], False


def best_step(R: int) -> float:
    """The constant step, in units of $1/L$, at which the worst gap of R steps of gradient descent is least.

    That gap is $max(1/(2 R h + 1), (1 - h)^(2 R))/2$ at the step $h/L$ (Taylor, Hendrickx and Glineur 2017), least
    where both are equal.

    >>> round(best_step(1), 12)
    1.5
    """
    return float(brentq(lambda h: 1 / (2 * R * h + 1) - (1 - h) ** (2 * R), 1.0, 2.0, xtol=1e-13))


def best_gradient_descent(R: int) -> float:
    """The worst gap of R steps of gradient descent at the best constant step, in units of $L B^2$.

    >>> best_gradient_descent(1)
    0.125
    """
    return round(0.5 / (2 * R * best_step(R) + 1), 12)


def _measured(data: xr.Dataset) -> Measurement:
    steps = {"eta": data.best_eta, "gamma": data.best_gamma}
    return Measurement.of(data, "lower", what="the exact minimax gap", symbols=steps)


def _one_local_step(data: xr.Dataset) -> dict[str, Fact]:
    """With K = 1 the method is gradient descent on the average, whose best worst case has a closed form."""
    at_one = data.upper.isel(K=0) / data.best_minibatch
    step = data.best_eta.isel(K=0) / xr.DataArray([best_step(int(R)) for R in data.R.values], dims="R")
    return {
        "best step at K = 1 over the closed form, at least": Fact(float(step.min()), at_least=0.99),
        "best step at K = 1 over the closed form, at most": Fact(float(step.max()), at_most=1.01),
        "worst case at K = 1 over the closed form, at least": Fact(float(at_one.min()), at_least=1 - 1e-6),
        "worst case at K = 1 over the closed form, at most": Fact(float(at_one.max()), at_most=1.01),
    }


@claim(
    "patel2024/prop7-exact-minimax",
    "With the best inner and outer steps the exact worst-case gap of local gradient descent with a common optimum is"
    " at least the lower bound of Proposition 7.",
    theorem=PROPOSITION,
    kind="bound with constants",
    data=exact_minimax,
    outside="the best steps are those of the programme, wherever they lie",
)
def exact_minimax_against_proposition_7(theorem: Theorem, data: xr.Dataset) -> Facts:
    """The worst case over all functions is a semidefinite programme; Nelder and Mead's method makes it least over both
    steps.  One local step is the control: its value is known in closed form.  How far the others are from the bound is
    measured, not predicted."""
    ratio, step = data.upper * 108 * data.R, (data.best_eta * data.K).isel(K=-1)
    return Facts(
        _one_local_step(data),
        main=Bounded(theorem, _measured(data)),
        also={
            "minimax gap times 108 R at its largest K, at least": float(ratio.isel(K=-1).min()),
            "minimax gap times 108 R at its largest K, at most": float(ratio.isel(K=-1).max()),
            "best eta L K at the largest K, at least": float(step.min()),
            "best eta L K at the largest K, at most": float(step.max()),
            "best gamma at the largest K, at least": float(data.best_gamma.isel(K=-1).min()),
            "best gamma at the largest K, at most": float(data.best_gamma.isel(K=-1).max()),
        },
    )


@claim(
    "patel2024/local-steps-help-by-a-factor-of-two",
    "At $K = 1$ the best worst case with a common optimum is that of gradient descent, and more local steps never make"
    " it larger: small inner steps with a large outer one are a step of gradient descent.",
    theorem=PROPOSITION,
    kind="exact value",
    data=exact_minimax,
)
def local_steps_help_by_two(data: xr.Dataset) -> Facts:
    """The same programmes beside a closed form for one local step.  By how much local steps help is measured: by a
    factor of about two, which further ones hardly raise."""
    gain = data.upper.isel(K=0) / data.upper
    return Facts(
        {
            **_one_local_step(data),
            "least gain over K = 1": Fact(float(gain.min()), at_least=1 - 1e-6),
        },
        also={
            "largest gain over K = 1": float(gain.max()),
            "gain of the last doubling of K": float((gain.isel(K=-1) / gain.sel(K=gain.K[-1] / 2)).max()),
        },
    )


@experiment("heterogeneity-begins-to-bite")
def heterogeneity_bites(session: Session) -> xr.Dataset:
    """Over $(K, R)$, at $eta = 1/L$ and $gamma = 1$: the exact worst case `gap` with a common optimum, and its `excess`
    over that of $K R$ steps of gradient descent."""
    K = [1, 2, 3, 4] if session.profile == "quick" else [1, 2, 3, 4, 6, 8]
    R = [1, 2] if session.profile == "quick" else [1, 2, 4]
    gap = np.array([[worst_case("local-sgd", K=steps, R=rounds, M=2, eta=1.0).upper for rounds in R] for steps in K])
    plain = 1 / (4 * np.outer(K, R) + 2)
    return xr.Dataset(
        {"gap": (("K", "R"), gap), "excess": (("K", "R"), gap / plain)},
        coords={"K": K, "R": R},
        attrs={"L": 1.0, "B": 1.0, "eta": 1.0, "gamma": 1.0, "sigma": 0.0, "zeta_star": 0.0, "M": 2},
    )


@claim(
    "patel2024/heterogeneity-begins-to-bite",
    "At the step $1/L$ two local steps with different functions are exactly as good as two steps of gradient descent,"
    " if the optimum is common; with three and more they are worse.",
    theorem=PROPOSITION,
    kind="exact value",
    data=heterogeneity_bites,
)
def where_heterogeneity_bites(data: xr.Dataset) -> Facts:
    """The exact worst case at $eta = 1/L$ over $1/(4 K R + 2)$, which is that of $K R$ steps of gradient descent."""
    later = data.excess.sel(K=data.K >= 4)
    return Facts(
        {
            "largest ratio with K up to 2": Fact(float(data.excess.sel(K=[1, 2]).max()), at_most=1.00001),
            "least ratio with K from 4 on": Fact(float(later.min()), at_least=1.001),
        },
        also={"ratio with K = 3": float(data.excess.sel(K=3).max())},
    )


@experiment("outer-acceleration-exactly")
def outer_acceleration(session: Session) -> xr.Dataset:
    """Over $(K, R)$, at $eta = 1/(2 L K)$ and $gamma = 1$, with a common optimum: the exact worst cases of `plain`
    averaging and of the `accelerated` outer loop."""
    K = [1, 2] if session.profile == "quick" else [1, 2, 4]
    R = [1, 2, 4, 6, 8] if session.profile == "quick" else [1, 2, 3, 4, 5, 6, 8, 12]
    methods = {"plain": "local-sgd", "accelerated": "local-sgd-outer-acceleration"}
    columns = {
        column: np.array(
            [[worst_case(name, K=steps, R=rounds, M=2, eta=0.5 / steps).upper for rounds in R] for steps in K]
        )
        for column, name in methods.items()
    }
    return xr.Dataset(
        {name: (("K", "R"), values) for name, values in columns.items()},
        coords={"K": K, "R": R},
        attrs={"L": 1.0, "B": 1.0, "gamma": 1.0, "sigma": 0.0, "zeta_star": 0.0, "M": 2},
    )


@claim(
    "khaled2025/outer-acceleration-exactly",
    "At the inner step $1/(2 L K)$ with a common optimum plain averaging is exactly as good as $R$ steps of gradient"
    " descent at $1/(2 L)$, whatever $K$ is; the accelerated outer loop is worse over few rounds and better over many.",
    theorem="khaled2025/thm3-safe",
    kind="exact value",
    data=outer_acceleration,
)
def outer_acceleration_exactly(data: xr.Dataset) -> Facts:
    """Exact worst cases of both methods: one beside the closed form $L B^2/(2 R + 2)$ (Drori and Teboulle 2014), the
    other beside the first."""
    closed_form = data.plain * (2 * data.R + 2)
    ratio = data.accelerated / data.plain
    better = data.R.where((ratio < 1).all("K"))
    return Facts(
        {
            "plain averaging over the closed form, at least": Fact(float(closed_form.min()), at_least=1 - 1e-5),
            "plain averaging over the closed form, at most": Fact(float(closed_form.max()), at_most=1 + 1e-5),
            "accelerated over plain at the most rounds": Fact(float(ratio.isel(R=-1).max()), at_most=0.9),
            "accelerated over plain at R = 2": Fact(float(ratio.sel(R=2).min()), at_least=1.1),
        },
        also={"fewest rounds from which acceleration helps": float(better.min())},
    )
