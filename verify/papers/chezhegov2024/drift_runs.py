"""Drift under a frozen scaling matrix where it shows: a kinked coordinate beside a slow one, sampled step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import sympy
import xarray as xr
from numpy.typing import NDArray
from sympy import Expr

from tightrate.constructions.noise import GaussianNoise
from tightrate.constructions.separable import SeparableMachines
from tightrate.constructions.structured_noise import OnCoordinates
from tightrate.constructions.zeta_piecewise_pair import zeta_piecewise_pair
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import B, K, M, R, eta, mu
from tightrate.rates.symbols.evaluation import vectorized
from tightrate.simulator.algorithms.local_sgd import local_sgd
from tightrate.simulator.sampled.trajectories import drawn_noise, step_by_step, worker_average
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session

Array = NDArray[np.float64]
L, CURVATURE = 1.0, 0.25  # right and left of the kink; the slow coordinate has the left one too
D_MIN, D_MAX = 1.0, 2.0  # of the kinked coordinate, of the slow one
LABELS = ("id-sc", "id-c", "het-c")
DRIFT = {"id-sc": "noise drift", "id-c": "noise drift", "het-c": "drift"}


def in_new_variables(zeta: float, machines: int) -> SeparableMachines:
    """f(D^{-1/2} y) for the kinked pair with D = (D_MAX, D_MIN): again a kinked pair, with other constants."""
    scaled = {"L": L / D_MIN, "curvature": CURVATURE / D_MIN, "mu": CURVATURE / D_MAX, "zeta": zeta / np.sqrt(D_MIN)}
    return zeta_piecewise_pair(**scaled, B=1.0, M=machines)


@dataclass(frozen=True)
class OneStep:
    """What one step of (id-sc)'s proof bounds E|x_{t+1} - x*|^2 by, given the state:

    contraction |x_t - x*|^2 - of_gap gap + noise + of_spread V_t = (1 - eta mu) |x_t - x*|^2 - (eta/2) gap
    + eta^2 sigma^2/M + 2 eta L V_t.
    """

    contraction: float
    of_gap: float
    noise: float
    of_spread: float

    @staticmethod
    def of(letters: Mapping[str, float]) -> OneStep:
        """The coefficients that the sums over all steps, `local-id-sc` and `local-id-c`, are made of."""
        summed, convex = (theorem(f"chezhegov2024/local-{label}").bound for label in ("id-sc", "id-c"))
        largest = theorem("khaled2025/lemma7-mean").bound.expression.subs(K, K - 1).subs(1 / M, 0)
        rate = eta * mu
        parts = (
            1 - rate,
            sympy.cancel(B**2 / (K * R) / convex.term("optimization").expression),
            rate * summed.term("statistical").expression,
            sympy.cancel(rate * summed.term("noise drift").expression / largest),
        )
        return OneStep(*(_value(part, letters) for part in parts))

    def right(self, squared: Array, gap: Array, spread: Array) -> Array:
        """The right side at states with this squared distance, gap and V_t."""
        return np.asarray(self.contraction * squared - self.of_gap * gap + self.noise + self.of_spread * spread)


def _value(expression: Expr, letters: Mapping[str, float]) -> float:
    return float(vectorized(expression)(**{symbol.name: letters[symbol.name] for symbol in expression.free_symbols}))


@experiment("frozen-scaling-drift")
def frozen_scaling_drift(session: Session) -> xr.Dataset:
    """Local SGD from the optimum in the variables D^{1/2} x, where it is the method with the frozen matrix D.

    `mean`, `stderr`, `bound`, `without` (theorem): the measure over replicas, the bound, and it less its drift term;
    equal machines with noise for (id-sc) and (id-c), tilted ones without for (het-c).  Over (replica, t) of the noisy
    runs: `squared` the exact mean of |x_{t+1} - x*|^2 given the state, `one_step` its bound, with and without what it
    has of V_t; `spread` (t) the mean V_t over replicas, its standard error, and `spread_bound`, Lemma 7 in these
    variables.
    """
    replicas, machines, steps, rounds = session.choose(quick=8, full=40), 1024, 64, 16
    sigma, step = 1.0, 1 / 64
    at = {"L": L, "mu": CURVATURE, "d_min": D_MIN, "d_max": D_MAX, "B": 0.0, "B_scaled": 0.0, "M": float(machines)}
    noisy = {**at, "sigma": sigma, "K": float(steps), "R": float(rounds), "eta": step}
    local = {
        "L": L / D_MIN,
        "mu": CURVATURE / D_MAX,
        "sigma": sigma / np.sqrt(D_MIN),
        "M": float(machines),
        "eta": step,
    }
    local |= {"K": float(steps), "R": float(rounds), "B": 1.0}
    problem, coefficients = in_new_variables(0.0, machines), OneStep.of(local)
    noise = OnCoordinates(GaussianNoise(local["sigma"]), (1,))
    xi = drawn_noise(
        noise,
        steps=steps * rounds,
        shape=(replicas, machines, 2),
        seed=session.seed,
        experiment="frozen-scaling-drift",
    )
    squared, right, alone, spread = (np.empty((replicas, steps * rounds)) for _ in range(4))
    total = np.zeros((replicas, 2))
    last = total
    for seen in step_by_step(local_sgd(eta=np.array(step)), problem, noise=xi, K=steps, start=problem.optimum):
        x, mean = seen.before.x, worker_average(seen.before.x)
        away = ((mean - problem.optimum) ** 2).sum(axis=-1)
        spread[:, seen.t] = ((x - mean[:, None]) ** 2).sum(axis=-1).mean(axis=-1)
        moved = mean - step * worker_average(seen.exact) - problem.optimum
        squared[:, seen.t] = (moved**2).sum(axis=-1) + (step * local["sigma"]) ** 2 / machines
        right[:, seen.t] = coefficients.right(away, problem.gap(mean), spread[:, seen.t])
        alone[:, seen.t] = coefficients.right(away, problem.gap(mean), np.zeros(replicas))
        total += mean
        last = worker_average(seen.after.x)
    found = {
        "id-sc": ((last - problem.optimum) ** 2).sum(axis=-1),
        "id-c": problem.gap(total / (steps * rounds)),
    }
    rows = {label: (values.mean(), values.std(ddof=1) / np.sqrt(replicas), noisy) for label, values in found.items()}
    rows["het-c"] = (tilted_gap(steps, 150), 0.0, _tilted_letters(at, steps, 150))
    bounds = {label: theorem(f"chezhegov2024/{label}").bound for label in LABELS}
    h = np.arange(steps * rounds) % steps
    lemma7 = theorem("khaled2025/lemma7-mean").bound.function(**{name: local[name] for name in ("eta", "sigma", "M")})
    return xr.Dataset(
        {
            "mean": (("theorem",), [rows[label][0] for label in LABELS]),
            "stderr": (("theorem",), [rows[label][1] for label in LABELS]),
            "bound": (("theorem",), [_value(bounds[n].expression, rows[n][2]) for n in LABELS]),
            "without": (
                ("theorem",),
                [_value(bounds[n].expression - bounds[n].term(DRIFT[n]).expression, rows[n][2]) for n in LABELS],
            ),
            **{
                name: (("theorem",), [float(rows[label][2].get(name, 0.0)) for label in LABELS])
                for name in ("K", "R", "M", "eta", "sigma", "sigma_star")
            },
            "squared": (("replica", "t"), squared),
            "one_step": (("replica", "t"), right),
            "one_step_without": (("replica", "t"), alone),
            "spread": (("t",), spread.mean(axis=0)),
            "spread_stderr": (("t",), spread.std(axis=0, ddof=1) / np.sqrt(replicas)),
            "spread_bound": (("t",), lemma7(K=h.astype(np.float64))),
        },
        coords={"theorem": list(LABELS), "t": np.arange(steps * rounds)},
        attrs={"seed": session.seed, "L": L, "curvature": CURVATURE, "d_min": D_MIN, "d_max": D_MAX},
    )


TILT, COPIES = 1.0, 4096


def _tilted_letters(at: Mapping[str, float], steps: int, rounds: int) -> dict[str, float]:
    """Letters of (het-c) at its largest step, for COPIES machines."""
    step = D_MIN / (8 * L * (steps - 1))
    counts = {"K": float(steps), "R": float(rounds), "M": float(COPIES)}
    return {**at, **counts, "eta": step, "sigma": 0.0, "sigma_star": TILT}


def tilted_gap(steps: int, rounds: int) -> float:
    """The gap of the average of all iterates on machines tilted up and down: two of them, or as many copies of both."""
    problem, quiet = in_new_variables(TILT, 2), np.zeros((steps * rounds, 1, 2, 2))
    step = _tilted_letters({}, steps, rounds)["eta"]
    total = np.zeros(2)
    for seen in step_by_step(local_sgd(eta=np.array(step)), problem, noise=quiet, K=steps, start=problem.optimum):
        total += worker_average(seen.before.x)[0]
    return float(problem.gap(total / (steps * rounds)))
