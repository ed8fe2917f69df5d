"""tightrate cross-examines the convergence theory of local-update (distributed, federated) optimization.

    >>> import tightrate as tr
    >>> tr.theorem("patel2024/prop7-constant").bound.evaluate({"L": 1, "B": 1, "R": 10})
    0.000925925925925926

Names load on first use, so that importing the package is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Bound": "rates.bound",
    "Term": "rates.bound",
    "Theorem": "rates.theorem",
    "TightrateError": "rates.errors",
    "paper": "rates.catalogue",
    "theorem": "rates.catalogue",
    "theorems": "rates.catalogue",
    "parse": "rates.text",
    "compare": "rates.order",
    "dominated": "rates.order",
    "PROBLEMS": "constructions.problem",
    "QuadraticMachines": "constructions.quadratics",
    "GaussianNoise": "constructions.noise",
    "ALGORITHMS": "simulator.algorithm",
    "round_map": "simulator.local_gradient_descent",
    "sample": "simulator.sampling",
    "simulate": "simulator.simulate",
    "CLAIMS": "verify.claim",
    "EXPERIMENTS": "verify.laboratory",
    "Laboratory": "verify.laboratory",
    "CellStore": "verify.sweep",
    "Sweep": "verify.sweep",
    "Tuned": "verify.sweep",
    "Verdict": "verify.verdict",
    "judge": "verify.claim",
    "read_sweep": "verify.sweep",
    "run_sweep": "verify.sweep",
    "isolate": "verify.isolation",
    "Design": "verify.isolation",
    "ExponentTest": "verify.exponent_tests",
    "Path": "verify.exponent_tests",
    "Tuning": "verify.exponent_tests",
    "run_exponent_test": "verify.exponent_tests",
    "judge_exponents": "verify.judging_paths",
    "exact_moments": "simulator.moments",
    "falsify": "verify.falsify",
    "FIGURES": "figures.figure",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tightrate' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
