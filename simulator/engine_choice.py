"""Which engine can find what is asked for: closed form, one draw for each round, or every local step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from tightrate.common.errors import TightrateError
from tightrate.constructions.diagonal_quadratics import DiagonalQuadratics
from tightrate.constructions.noise import GaussianNoise, Noise
from tightrate.constructions.problem import Problem
from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.simulator.algorithm import Algorithm
from tightrate.simulator.batch.randomness import RowSampling
from tightrate.simulator.by_name import build_algorithm
from tightrate.simulator.client_sampling import check_clients
from tightrate.simulator.exact.linear_form import LinearForm
from tightrate.simulator.exact.quadratic_rounds import Spectrum, noise_variances
from tightrate.simulator.exact.stacked_rounds import NotLinearError, refuse_unfit
from tightrate.simulator.measures import MEASURES, Output, averaging_decay
from tightrate.simulator.round_algorithm import RoundAlgorithm

Method = Literal["auto", "exact", "rounds", "sample"]
Engine = Literal["exact", "rounds", "sample"]
ENGINES: tuple[Engine, ...] = ("exact", "rounds", "sample")  # the cheapest first
METHODS: tuple[Method, ...] = ("auto", *ENGINES)
EXACT_MEASURES = ("gap", "squared-distance")  # of what has an expectation in closed form
EXACT_OUTPUTS = ("last", "average", "weighted")


@dataclass(frozen=True)
class Question:
    """What is asked of an engine: some measures of an algorithm's output after R rounds of K local steps.

    Parameters of the algorithm, K and R may be arrays, with one entry for each replica or for each expectation (a
    sampled run takes one R); so may `averaging_decay`, the q of an average over all local steps, None for no average.
    `distribution` says that more than means are wanted (quantiles).
    """

    algorithm: Algorithm[Any]
    problem: Problem
    noise: Noise | RowSampling | None
    K: ArrayLike
    R: ArrayLike
    measures: Collection[str]
    output: Output = "last"
    averaging_decay: ArrayLike | None = None
    clients: int | None = None
    distribution: bool = False

    @staticmethod
    def about(
        algorithm: str,
        parameters: Mapping[str, Any],
        problem: Problem,
        noise: Noise | RowSampling | None,
        *,
        mu: float | None = None,
        output: Output = "last",
        **others: Any,
    ) -> Question:
        """The question about an algorithm by name; a weighted average has weights of its step size eta and of mu."""
        decay = averaging_decay(output, problem, parameters.get("eta", 0.0), mu)
        rule = build_algorithm(algorithm, parameters)
        return Question(rule, problem, noise, output=output, averaging_decay=decay, **others)

    @property
    def certain(self) -> bool:
        """Whether nothing is random: neither gradients nor workers, neither the output nor probes of the curvature."""
        of_its_own = isinstance(self.algorithm, RoundAlgorithm) and self.algorithm.random
        drawn = self.samples_clients or self.output == "random" or self.algorithm.uses_curvature or of_its_own
        return self.noise is None and not drawn

    @property
    def samples_clients(self) -> bool:
        """Whether some workers are left out of every round."""
        return self.clients is not None and self.clients < self.problem.workers

    def engine(self, method: Method, names: tuple[str, str] = ("the algorithm", "the problem")) -> Engine:
        """The engine to use: the one asked for, refused in one line where it cannot, or the cheapest that can."""
        check_clients(self.algorithm, self.problem, self.clients)
        obstacles = {"exact": self.exact_obstacle(*names), "rounds": self.rounds_obstacle(*names), "sample": None}
        if np.isinf(self.K).any() and not self.algorithm.solves_locally:
            obstacles["sample"] = "takes every local step and so needs finite K"
        able = [engine for engine in ENGINES if obstacles[engine] is None]
        if not able:
            raise TightrateError(
                f"K = inf exists in closed form only, and method exact {obstacles['exact']}: give a finite K"
            )
        if method == "auto":
            return able[0]
        if method not in able:
            raise TightrateError(f"method {method} {obstacles[method]}; use method auto or {able[-1]}")
        return method

    def exact_obstacle(self, algorithm: str = "the algorithm", problem: str = "the problem") -> str | None:
        """Why expectations have no closed form here; None where they have."""
        obstacle = self._not_linear(algorithm, problem)
        if obstacle is not None:
            return obstacle
        noise = self.noise
        if noise is not None and not np.isfinite(noise.variance if isinstance(noise, Noise) else np.inf):
            return f"needs additive noise of finite variance, which {_name(noise)} is not"
        if isinstance(noise, Noise) and not noise.is_isotropic:
            try:
                noise_variances(noise, self.problem, Spectrum.of(self.problem))
            except TightrateError as reason:
                return f"does not apply: {reason}"
        if self.output not in EXACT_OUTPUTS:
            return f"knows the output {', '.join(EXACT_OUTPUTS)}, not {self.output}"
        offered = (*EXACT_MEASURES, *(["distance"] if self.certain else []), "communications")
        missing = [name for name in self.measures if name not in offered]
        if missing:
            return f"knows the expectation of {' and '.join(offered)}, not of {' and '.join(missing)}"
        if self.distribution and not self.certain:
            return "knows expectations, not quantiles"
        return self._stacked_obstacle()

    def _stacked_obstacle(self) -> str | None:
        """Why the state of all workers cannot be followed where it has to be; a false claim to be linear is refused."""
        assert not isinstance(self.noise, RowSampling)
        try:
            if not LinearForm.exists(self.algorithm):
                refuse_unfit(
                    self.algorithm,
                    self.problem,
                    K=self.K,
                    noise=self.noise,
                    averaging_decay=self.averaging_decay,
                    clients=self.clients,
                )
        except NotLinearError:
            raise
        except TightrateError as reason:
            return f"does not apply: {reason}"
        return None

    def rounds_obstacle(self, algorithm: str = "the algorithm", problem: str = "the problem") -> str | None:
        """Why one Gaussian vector for each round is not equal in law to all local steps; None where it is."""
        obstacle = self._not_linear(algorithm, problem)
        if obstacle is not None:
            return obstacle
        if self.noise is not None and not isinstance(self.noise, GaussianNoise):
            return f"needs Gaussian noise, which {_name(self.noise)} is not"
        if self.samples_clients:
            return "needs all workers in every round"
        if not _alike(self.algorithm):
            return f"needs workers that keep nothing of their own, which those of {algorithm} do"
        if np.isinf(self.K).any() and any(stage.pools_gradients for stage, _ in self.algorithm.stages()):
            return "needs finite K where gradients are pooled"
        if self.noise is not None and len(self.algorithm.stages()) > 1:
            return f"needs a method of one stage, which {algorithm} is not"
        if self.output not in EXACT_OUTPUTS:
            return f"knows the output {', '.join(EXACT_OUTPUTS)}, not {self.output}"
        inside = [name for name in self.measures if MEASURES[name].record is not None]
        if inside:
            return f"looks at the ends of rounds only, not at {' and '.join(inside)}"
        return None

    def _not_linear(self, algorithm: str, problem: str) -> str | None:
        if not self.algorithm.linear:
            return f"needs linear updates only, which {algorithm} does not make"
        if not isinstance(self.problem, QuadraticWorkers | DiagonalQuadratics):
            return f"needs a quadratic problem, which {problem} is not"
        return None


def _alike(algorithm: Algorithm[Any]) -> bool:
    """Whether the law of a round follows from one worker's coefficients."""
    try:
        return LinearForm.exists(algorithm)
    except TightrateError:
        return False


def _name(noise: Noise | RowSampling) -> str:
    return "row sampling" if isinstance(noise, RowSampling) else type(noise).__name__
