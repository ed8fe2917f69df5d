"""tightrate cross-examines the convergence theory of local-update (distributed, federated) optimization.

    >>> import tightrate as tr
    >>> tr.theorem("patel2024/prop7-constant").bound.at(L=1, B=1, R=10)
    0.000925925925925926

Names load on first use, so that importing the package is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Bound": "tightrate.rates.statements.bound",
    "Term": "tightrate.rates.statements.bound",
    "Theorem": "tightrate.rates.statements.theorem",
    "TightrateError": "tightrate.common.errors",
    "paper": "tightrate.rates.statements.catalogue",
    "theorem": "tightrate.rates.statements.catalogue",
    "theorems": "tightrate.rates.statements.catalogue",
    "parse": "tightrate.rates.formulas.parse",
    "compare": "tightrate.rates.orders.domination",
    "dominated": "tightrate.rates.orders.domination",
    "PROBLEMS": "tightrate.constructions.problem",
    "QuadraticMachines": "tightrate.constructions.quadratics",
    "GaussianNoise": "tightrate.constructions.noise",
    "ALGORITHMS": "tightrate.simulator.algorithm",
    "round_map": "tightrate.simulator.exact.local_gradient_descent",
    "sample": "tightrate.simulator.sampled.sampling",
    "simulate": "tightrate.simulator.simulate",
    "CLAIMS": "tightrate.verify.registry",
    "Experiment": "tightrate.verify.experiment",
    "experiment": "tightrate.verify.experiment",
    "Session": "tightrate.verify.session",
    "CellStore": "tightrate.verify.sweep.run",
    "Sweep": "tightrate.verify.sweep.run",
    "Tuned": "tightrate.verify.sweep.run",
    "Verdict": "tightrate.verify.verdict",
    "Measurement": "tightrate.verify.measurement",
    "measurement": "tightrate.verify.sweep.run",
    "Bounded": "tightrate.verify.assertions.bounded",
    "judge": "tightrate.verify.claim",
    "read_sweep": "tightrate.verify.sweep.run",
    "run_sweep": "tightrate.verify.sweep.run",
    "isolate": "tightrate.verify.exponents.design",
    "Design": "tightrate.verify.exponents.design",
    "ExponentTest": "tightrate.verify.exponents.exponent_test",
    "Path": "tightrate.verify.exponents.exponent_test",
    "run_exponent_test": "tightrate.verify.exponents.run",
    "judge_exponents": "tightrate.verify.exponents.run",
    "exponents": "tightrate.verify.exponents.of_sweep",
    "exact_moments": "tightrate.simulator.exact.moments",
    "worst_case": "tightrate.verify.worst_case_sweep",
    "tuned_worst_case": "tightrate.simulator.worst_case.worst_case",
    "WorstCase": "tightrate.simulator.worst_case.worst_case",
    "falsify": "tightrate.verify.falsification.falsify",
    "load_paper": "tightrate.verify.own_papers",
    "Paper": "tightrate.rates.statements.theorem",
    "Statements": "tightrate.rates.statements.builder",
    "Stated": "tightrate.rates.statements.builder",
    "read": "tightrate.rates.statements.builder",
    "stated": "tightrate.rates.statements.builder",
    "symbol": "tightrate.rates.statements.own_symbols",
    "measure": "tightrate.simulator.measures",
    "NOISES": "tightrate.constructions.noise",
    "Algorithm": "tightrate.simulator.algorithm",
    "worker_mean": "tightrate.simulator.algorithm",
    "Problem": "tightrate.constructions.problem",
    "claim": "tightrate.verify.claim",
    "figure": "tightrate.figures.figure",
    "FIGURES": "tightrate.figures.figure",
}

__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("tightrate")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'tightrate' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
