"""A theorem and a claim of your own; formulas are text and go through the parser of bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import sympy
from sympy import Expr

from tightrate.common.errors import TightrateError
from tightrate.constructions.problem import PROBLEMS
from tightrate.rates.formulas.parse import parse, parse_hypothesis
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.measures import MEASURES as OF_BOUNDS
from tightrate.rates.statements.measures import Measure
from tightrate.rates.statements.theorem import Condition, Paper, Provenance, Theorem
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.simulator.by_name import Builder, problem_constructor
from tightrate.simulator.engine_choice import Method
from tightrate.simulator.measures import MEASURES, Output
from tightrate.simulator.parameters import parameters
from tightrate.simulator.validation import DEFAULT_NOISE, check_choice
from tightrate.verify.sweep.specification import Sweep, Value
from tightrate.verify.sweep.tuning import Tuned
from tightrate.verify.verdict import Status

MOST_REPLICAS = 100_000  # with a target for the relative error


@dataclass(frozen=True)
class OwnTheorem:
    """A theorem in text: named terms, conditions as inequalities, step sizes, all in symbols of the alphabet.

    `measure` is anything that a run can be measured by (`tightrate.simulator.measures.MEASURES`).  `letters` maps your
    own letters to the alphabet's symbols ({"H": "L"}).  `steps` are the step sizes that you prescribe.  Raises
    TightrateError where a formula cannot be read, a symbol is unknown, or units disagree.
    """

    title: str
    statement: str
    terms: Mapping[str, str]
    algorithm: str
    measure: str = "gap"
    kind: Kind = "upper"
    constants: Constants = "explicit"
    conditions: tuple[str, ...] = ()
    steps: Mapping[str, str] = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=dict)
    problem_class: str = "your own"

    def __post_init__(self) -> None:
        check_choice("algorithm", self.algorithm)
        check_choice("measure", self.measure)
        if not self.terms:
            raise TightrateError('a theorem needs terms, for example {"optimization": "L*B^2/R"}')
        self.built("own").bound.check_units()

    def built(self, name: str, where: str = "") -> Theorem:
        """The symbolic theorem, of a paper with this name."""
        terms = tuple(Term(key, self._formula(text, f"term {key!r}")) for key, text in self.terms.items())
        bound = Bound(terms, _measure(self.measure), self.kind, self.constants)
        return Theorem(
            label="theorem",
            title=self.title,
            statement=self.statement,
            bound=bound,
            paper=Paper(name, bib=f"@misc{{{name}, title={{{self.title}}}, year={{{date.today().year}}}}}"),
            provenance=Provenance("read", where or name),
            algorithm=self.algorithm,
            problem_class=self.problem_class,
            iterate="",
            holds="in expectation",
            conditions=tuple(self._condition(text) for text in self.conditions),
            steps={key: self._formula(text, f"step {key!r}") for key, text in self.steps.items()},
        )

    def _formula(self, text: str, what: str) -> Expr:
        try:
            return sympy.Add(*parse(text, self.letters or None).terms)
        except TightrateError as reason:
            raise TightrateError(f"{what}: {reason}") from None

    def _condition(self, text: str) -> Condition:
        try:
            found = parse_hypothesis(text, self.letters or None)
        except TightrateError as reason:
            raise TightrateError(f"condition {text!r}: {reason}") from None
        return Condition(text, sympy.Le(found.smaller, found.larger, evaluate=False))


def _measure(name: str) -> Measure:
    """The measure of bounds of that name, or one that only runs know."""
    if name in OF_BOUNDS:
        return OF_BOUNDS[name]
    own = MEASURES[name]
    return Measure(name, rf"\mathrm{{{name}}}", own.unit, own.meaning)


@dataclass(frozen=True)
class OwnClaim:
    """What is tried: a problem (a function, or the name of a shipped one) over axes, judged against the theorem.

    A problem function takes the symbols it needs by name and returns a Problem.  Symbols that neither axes nor
    parameters give are derived: the instance's own constants, M, d, T = K R, Delta, the noise's levels; constants that
    are given must hold for the instance.

    `noise` is a law by name, or "rows" for sampled rows of a finite sum; its level `sigma` and its own parameters are
    parameters or axes like any other, and so is `clients`.  `output` is the iterate, `method` the engine, and `tuned`
    says which steps are tuned in every cell.  A sampled cell has `replicas` replicas; with `relative_error` as many as
    it takes.  With hidden constants the exponents along the axes are judged.
    """

    statement: str
    theorem: OwnTheorem
    problem: Builder
    axes: Mapping[str, tuple[Value, ...]]
    parameters: Mapping[str, Value] = field(default_factory=dict)
    output: Output = "last"
    replicas: int = 256
    expected: Status = "consistent"
    noise: str = DEFAULT_NOISE
    method: Method = "auto"
    relative_error: float | None = None
    tuned: Mapping[str, Tuned] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.axes:
            raise TightrateError('a claim needs axes, for example {"R": (8, 16, 32)}')
        for name, step in self.tuned.items():
            if not isinstance(step, Tuned):
                raise TightrateError(f"{name} is tuned by a Tuned(low, high), not by {step!r}")
        self.sweep(self.theorem.built("own"), "own")

    def sweep(self, theorem: Theorem, name: str, seed: int = 0) -> Sweep:
        """The sweep that tries the theorem; a random instance is that of its own seed, whatever noise is drawn."""
        return Sweep(
            name=name,
            algorithm=self.theorem.algorithm,
            problem=self.problem,
            axes=self.axes,
            parameters={**self._seed_of_the_instance(), **self.parameters},
            theorem=theorem,
            output=self.output,
            replicas=self.replicas,
            seed=seed,
            noise=self.noise,
            steps=self.tuned,
            measures=(self.theorem.measure,),
            method=self.method,
            relative_error=self.relative_error,
            most_replicas=max(MOST_REPLICAS, self.replicas),
        )

    def _seed_of_the_instance(self) -> dict[str, Value]:
        if "seed" in self.axes or (isinstance(self.problem, str) and self.problem not in PROBLEMS.names()):
            return {}
        own = parameters(problem_constructor(self.problem)).get("seed")
        return {} if own is None or own.default is None else {"seed": own.default}
