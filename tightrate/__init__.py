"""tightrate cross-examines the convergence theory of local-update (distributed, federated) optimization.

    >>> import tightrate as tr
    >>> tr.theorem("patel2024/prop7-constant").bound.at(L=1, B=1, R=10)
    0.000925925925925926

Names load on first use, so that importing the package is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what an editor and a type checker see; the names below are loaded when they are used
    from tightrate.common.errors import TightrateError as TightrateError
    from tightrate.constructions.noise import NOISES as NOISES
    from tightrate.constructions.noise import GaussianNoise as GaussianNoise
    from tightrate.constructions.noise import Noise as Noise
    from tightrate.constructions.problem import PROBLEMS as PROBLEMS
    from tightrate.constructions.problem import Problem as Problem
    from tightrate.constructions.quadratics import QuadraticWorkers as QuadraticWorkers
    from tightrate.figures.figure import FIGURES as FIGURES
    from tightrate.figures.figure import figure as figure
    from tightrate.rates.formulas.parse import parse as parse
    from tightrate.rates.orders.domination import dominated as dominated
    from tightrate.rates.relations.questions import check_bound as check_bound
    from tightrate.rates.relations.questions import compare as compare
    from tightrate.rates.relations.questions import regimes as regimes
    from tightrate.rates.relations.questions import rounds as rounds
    from tightrate.rates.statements.bound import Bound as Bound
    from tightrate.rates.statements.bound import Term as Term
    from tightrate.rates.statements.builder import Stated as Stated
    from tightrate.rates.statements.builder import Statement as Statement
    from tightrate.rates.statements.builder import Statements as Statements
    from tightrate.rates.statements.builder import memory as memory
    from tightrate.rates.statements.builder import read as read
    from tightrate.rates.statements.builder import stated as stated
    from tightrate.rates.statements.catalogue import paper as paper
    from tightrate.rates.statements.catalogue import paper_ids as paper_ids
    from tightrate.rates.statements.catalogue import theorem as theorem
    from tightrate.rates.statements.catalogue import theorem_ids as theorem_ids
    from tightrate.rates.statements.catalogue import theorems as theorems
    from tightrate.rates.statements.own_symbols import symbol as symbol
    from tightrate.rates.statements.theorem import Condition as Condition
    from tightrate.rates.statements.theorem import Paper as Paper
    from tightrate.rates.statements.theorem import Provenance as Provenance
    from tightrate.rates.statements.theorem import Theorem as Theorem
    from tightrate.rates.symbols.alphabet import LETTERS as LETTERS
    from tightrate.rates.symbols.hypothesis import Hypothesis as Hypothesis
    from tightrate.simulator.algorithm import ALGORITHMS as ALGORITHMS
    from tightrate.simulator.algorithm import Algorithm as Algorithm
    from tightrate.simulator.algorithm import worker_mean as worker_mean
    from tightrate.simulator.batch.randomness import RowSampling as RowSampling
    from tightrate.simulator.exact.local_gradient_descent import round_map as round_map
    from tightrate.simulator.exact.moments import exact_moments as exact_moments
    from tightrate.simulator.measures import MEASURES as MEASURES
    from tightrate.simulator.measures import measure as measure
    from tightrate.simulator.round_algorithm import RoundAlgorithm as RoundAlgorithm
    from tightrate.simulator.round_algorithm import Workers as Workers
    from tightrate.simulator.sampled.sampling import sample as sample
    from tightrate.simulator.simulate import Simulation as Simulation
    from tightrate.simulator.simulate import simulate as simulate
    from tightrate.simulator.weighted_output import weighted_output as weighted_output
    from tightrate.simulator.worst_case.worst_case import WorstCase as WorstCase
    from tightrate.simulator.worst_case.worst_case import tuned_worst_case as tuned_worst_case
    from tightrate.verify.assertions.bounded import Bounded as Bounded
    from tightrate.verify.claim import Claim as Claim
    from tightrate.verify.claim import Finding as Finding
    from tightrate.verify.claim import claim as claim
    from tightrate.verify.experiment import Experiment as Experiment
    from tightrate.verify.experiment import experiment as experiment
    from tightrate.verify.exponents.design import Design as Design
    from tightrate.verify.exponents.design import isolate as isolate
    from tightrate.verify.exponents.exponent_test import ExponentTest as ExponentTest
    from tightrate.verify.exponents.exponent_test import Path as Path
    from tightrate.verify.exponents.of_sweep import SweepExponents as SweepExponents
    from tightrate.verify.exponents.of_sweep import exponents as exponents
    from tightrate.verify.exponents.run import judge_exponents as judge_exponents
    from tightrate.verify.exponents.run import run_exponent_test as run_exponent_test
    from tightrate.verify.falsification.falsify import falsify as falsify
    from tightrate.verify.measurement import Measurement as Measurement
    from tightrate.verify.own_papers import load_paper as load_paper
    from tightrate.verify.registry import CLAIMS as CLAIMS
    from tightrate.verify.registry import judge as judge
    from tightrate.verify.session import Session as Session
    from tightrate.verify.sweep.run import CellStore as CellStore
    from tightrate.verify.sweep.run import Sweep as Sweep
    from tightrate.verify.sweep.run import Tuned as Tuned
    from tightrate.verify.sweep.run import measurement as measurement
    from tightrate.verify.sweep.run import read_sweep as read_sweep
    from tightrate.verify.sweep.run import run_sweep as run_sweep
    from tightrate.verify.sweep.run import spaced as spaced
    from tightrate.verify.trial import trial as trial
    from tightrate.verify.verdict import Verdict as Verdict
    from tightrate.verify.worst_case_sweep import worst_case as worst_case

    __version__: str

_PUBLIC = {
    "Bound": "tightrate.rates.statements.bound",
    "Term": "tightrate.rates.statements.bound",
    "Theorem": "tightrate.rates.statements.theorem",
    "TightrateError": "tightrate.common.errors",
    "paper": "tightrate.rates.statements.catalogue",
    "theorem": "tightrate.rates.statements.catalogue",
    "theorems": "tightrate.rates.statements.catalogue",
    "parse": "tightrate.rates.formulas.parse",
    "dominated": "tightrate.rates.orders.domination",
    "PROBLEMS": "tightrate.constructions.problem",
    "QuadraticWorkers": "tightrate.constructions.quadratics",
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
    "judge": "tightrate.verify.registry",
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
    "memory": "tightrate.rates.statements.builder",
    "read": "tightrate.rates.statements.builder",
    "stated": "tightrate.rates.statements.builder",
    "symbol": "tightrate.rates.statements.own_symbols",
    "measure": "tightrate.simulator.measures",
    "NOISES": "tightrate.constructions.noise",
    "Algorithm": "tightrate.simulator.algorithm",
    "RoundAlgorithm": "tightrate.simulator.round_algorithm",
    "Workers": "tightrate.simulator.round_algorithm",
    "worker_mean": "tightrate.simulator.algorithm",
    "weighted_output": "tightrate.simulator.weighted_output",
    "Problem": "tightrate.constructions.problem",
    "claim": "tightrate.verify.claim",
    "trial": "tightrate.verify.trial",
    "figure": "tightrate.figures.figure",
    "FIGURES": "tightrate.figures.figure",
    "compare": "tightrate.rates.relations.questions",
    "check_bound": "tightrate.rates.relations.questions",
    "rounds": "tightrate.rates.relations.questions",
    "regimes": "tightrate.rates.relations.questions",
    "Claim": "tightrate.verify.claim",
    "Finding": "tightrate.verify.claim",
    "Simulation": "tightrate.simulator.simulate",
    "SweepExponents": "tightrate.verify.exponents.of_sweep",
    "Noise": "tightrate.constructions.noise",
    "RowSampling": "tightrate.simulator.batch.randomness",
    "Condition": "tightrate.rates.statements.theorem",
    "Provenance": "tightrate.rates.statements.theorem",
    "Statement": "tightrate.rates.statements.builder",
    "theorem_ids": "tightrate.rates.statements.catalogue",
    "paper_ids": "tightrate.rates.statements.catalogue",
    "Hypothesis": "tightrate.rates.symbols.hypothesis",
    "LETTERS": "tightrate.rates.symbols.alphabet",
    "MEASURES": "tightrate.simulator.measures",
    "spaced": "tightrate.verify.sweep.run",
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
