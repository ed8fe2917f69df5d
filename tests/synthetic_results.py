"""Small datasets shaped like the experiments' own, made from the theorems' expressions, and findings on them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import xarray as xr

from tightrate.rates.papers.patel2024.local_steps_do_not_help import hard_cosine
from tightrate.rates.papers.patel2024.theorem_27 import thm27_logarithm
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.evaluation import at
from tightrate.verify.claim import Finding, judge
from tightrate.verify.experiment import labelled
from tightrate.verify.papers.patel2024.krm_sweep import sweep
from tightrate.verify.registry import CLAIMS
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict


def k_does_not_help() -> xr.Dataset:
    """Every K at 1.7 times the lower bound; the slow run comes down to it at a speed that K sets."""
    K = np.array([1.0, 10.0, 100.0, 1000.0, np.inf])
    R = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0])
    bound = theorem("patel2024/prop7-constant").bound.at(L=1.0, B=1.0, R=R)
    slow = 0.25 * np.exp(-0.02 * np.minimum(K, 1e4)[:, None] * R) + 2 * bound
    return xr.Dataset(
        {
            "best_gap": (("K", "R"), np.broadcast_to(1.7 * bound, slow.shape).copy()),
            "eta": (("K", "R"), np.ones(slow.shape)),
            "gamma": (("K", "R"), np.ones(slow.shape)),
            "slow_gap": (("K", "R"), slow),
            "cosine": ("R", at(hard_cosine(), R=R)),
        },
        coords={"K": K, "R": R},
        attrs={"L": 1.0, "B": 1.0, "M": 2, "small_step": 0.01},
    )


def fixed_point_floor() -> xr.Dataset:
    """A floor at four fifths of its sharp bound, which saturates."""
    constants = {"L": 1.0, "mu": 0.1, "tau": 0.3, "tau_mean": 0.15, "zeta_mean": 1.0, "B": 1.0}
    K, eta = np.array([1.0, 2.0, 10.0, 100.0]), np.geomspace(1e-3, 1, 7)
    sharp = theorem("patel2024/discrepancy").bound.at(constants, K=K[:, None], eta=eta)
    floor = 0.8 * sharp / (1 + sharp)
    simulated = np.where(np.arange(len(eta)) % 3 == 0, floor, np.nan)
    found = labelled("K", "eta", floor=floor, simulated=simulated).assign_coords(K=K, eta=eta)
    return found.assign_attrs(**constants, M=2, d=2)


def krm_sweep(**exponents: float) -> xr.Dataset:
    """Gaps that follow a power law times the theorem's logarithm, -1 in K, R and M unless told otherwise."""
    axes = {"K": [8.0, 16.0, 32.0, 64.0], "R": [16.0, 32.0, 64.0, 128.0], "M": [2.0, 4.0, 8.0, 16.0]}
    parameters = {"mu": 0.5, "L": 1.0, "d": 4, "tau": 0.0, "zeta_star": 1.0, "sigma": 4.0, "B": 4.0}
    mesh = dict(zip(axes, np.meshgrid(*axes.values(), indexing="ij"), strict=True))
    logarithm = at(thm27_logarithm(), parameters, **mesh)
    eta = theorem("patel2024/thm27").step_at("eta", parameters, **mesh)
    gap = 5.0 * logarithm * np.prod([mesh[name] ** exponents.get(name, -1.0) for name in mesh], axis=0)
    wobble = 1 + 0.01 * np.random.Generator(np.random.SFC64(7)).standard_normal(gap.shape)
    found = labelled(*axes, gap_mean=gap * wobble, gap_stderr=0.01 * gap, bound=11 * gap, eta=eta)
    asked = json.dumps(sweep(replicas=64, seed=0).as_json())
    return found.assign_coords(axes).assign_attrs(sweep=asked, replicas=64, replicas_needed=64)


def fixed_point_convergence() -> xr.Dataset:
    """Two runs that start farther out than B: the printed transient fails, the corrected one holds."""
    R = np.arange(3)
    symbols = {"L": 1.0, "mu": 0.5, "eta": 0.5, "K": 2.0, "B": 1.0, "gamma": 1.0}
    transient = theorem("patel2024/thm22-explicit").bound.at(symbols, zeta_opt=3.0, R=R)
    distance = np.array([[0.8], [0.7]]) * transient  # the start distance B alone gives a quarter
    found = labelled("instance", "R", to_fixed_point=distance, size=np.ones(2), zeta_opt=3.0, **symbols)
    return found.assign_coords(R=R).assign_attrs(M=2, d=1)


def session() -> Session:
    """A session whose cached is full: no experiment runs."""
    cached = {
        "k-does-not-help": (k_does_not_help(), 0.4),
        "fixed-point-floor": (fixed_point_floor(), 2.1),
        "krm-sweep": (krm_sweep(), 14.8),
        "fixed-point-convergence": (fixed_point_convergence(), 3.0),
    }
    return Session(cached=cached)


FIGURES = ("fixed-point-floor", "k-does-not-help", "krm-sweep")
JUDGED = (
    "patel2024/k-does-not-help",
    "patel2024/sharp-discrepancy",
    "patel2024/krm-exponents",
    "patel2024/krm-value",
    "patel2024/thm22-transient",
    "patel2024/thm22-transient-as-printed",
)


def findings(shelved: Session) -> list[Finding]:
    """Real claims judged on the synthetic datasets."""
    return [judge(CLAIMS[name], shelved) for name in JUDGED]


def unexpected(finding: Finding) -> Finding:
    """The same finding with a verdict that nobody expected, and numbers that are hard to print."""
    evidence = {"limit": np.inf, "undefined": np.nan, "<script>": "a & b", "exponent of K": {"low": -2.0, "high": 1e-9}}
    verdict = Verdict(
        "inconclusive", "the interval <is> too wide", "K^-1", "K^-0.9", (-np.inf, 0.0), evidence, {"K": np.inf}
    )
    return replace(finding, verdict=verdict)
