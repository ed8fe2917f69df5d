"""Exponent tests: a term of a theorem, the instance that shows it, and the paths on which it is walked.

A test says what to run: the algorithm, the problem and how its parameters follow from the theorem's symbols, and the
steps (the theorem's own, or tuned over a grid at every point).  Where to run it the order algebra decides
(`tightrate.verify.exponents.design`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sympy import Expr
from sympy.logic.boolalg import Boolean

from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.measures import Output
from tightrate.verify.assertions.paths import Side
from tightrate.verify.exponents.design import UNITS, Along, Design, isolate
from tightrate.verify.session import Profile
from tightrate.verify.sweep.tuning import Tuned

WORKERS: Mapping[str, tuple[float, float]] = {"M": (1, 64)}  # that are run


@dataclass(frozen=True)
class Path:
    """A direction with its length; `fixed` symbols are fixed on this path only.

    Attributes:
        along: a symbol, or symbols with exponents
        span: the largest n
        points: how many values of n
        within: the least and largest values of symbols

    >>> Path("K", 100).points > 2
    True
    """

    along: Along
    span: float = 1e6
    points: int = 13
    fixed: Mapping[str, float] = field(default_factory=dict)
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExponentTest:
    """What is run to see one term of a theorem.

    The problem's parameters are the symbols of their own names unless `instance` says otherwise; the algorithm's are
    the theorem's symbols unless `tuned`: then the least mean over a grid that widens itself where its ends are not
    closed, and is refined once.  `theorem` is an id, or a theorem of your own; `matched_by` names a statement that
    bounds the same from the other side: then the exponents must agree on both.  `noise` is the symbol of the noise
    level.  `fixed`, `within`, `derived`, `given`, `below`, `guides` and `margin` are those of `isolate`.  `logarithm`
    is what a bound up to logarithms hides beside the term, its argument and its power.  `most_replicas` limits
    sampling (quick profile, full profile).

    Attributes:
        id: the claim's, PAPER/NAME
        term: the name of the term
        algorithm: what runs
        problem: what it runs on
        paths: the directions along which exponents are seen
        output: "last" or "average"
        cost: "quick" or "full", the smallest profile that has it

    >>> test = ExponentTest(
    ...     id="dekel2012/rounds", theorem="dekel2012/explicit", term="optimization", algorithm="minibatch-sgd",
    ...     problem="log-spaced-quadratic", instance={"mu": 1e-20, "d": 50}, output="average",
    ...     fixed={"sigma": 0, "M": 1, "K": 4}, paths=(Path("R", 1e3, points=5),),
    ... )
    >>> test.term, test.side
    ('optimization', 'upper')
    """

    id: str
    theorem: str | Theorem
    term: str
    algorithm: str
    problem: str
    paths: tuple[Path, ...]
    output: Output = "last"
    instance: Mapping[str, Expr | float | str] = field(default_factory=dict)
    tuned: Mapping[str, Tuned] = field(default_factory=dict)
    matched_by: str = ""
    noise: str = "sigma"
    fixed: Mapping[str, float] = field(default_factory=dict)
    within: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    derived: Mapping[str, Expr] = field(default_factory=dict)
    given: tuple[Boolean, ...] = ()
    below: Expr | float | None = None
    guides: Mapping[str, Expr] = field(default_factory=dict)
    margin: float = 100.0
    logarithm: Expr | None = None
    most_replicas: tuple[int, int] = (64, 1024)
    cost: Profile = "quick"

    @property
    def side(self) -> Side:
        """From which side the exponents are bounded; no formula is built to say so."""
        kind = self.theorem.bound.kind if isinstance(self.theorem, Theorem) else statement(self.theorem).kind
        return "both" if self.matched_by or kind == "exact" else kind

    @property
    def theorem_id(self) -> str:
        """The id of the theorem."""
        return self.theorem.id if isinstance(self.theorem, Theorem) else self.theorem

    @property
    def claimed(self) -> Theorem:
        """The theorem with its formulas."""
        return self.theorem if isinstance(self.theorem, Theorem) else catalogued(self.theorem)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that move along the paths."""
        names = ([path.along] if isinstance(path.along, str) else path.along for path in self.paths)
        return tuple(dict.fromkeys(name for along in names for name in along))

    def designs(self) -> tuple[Design, ...]:
        """The constants and points of every path, from the order algebra."""
        return tuple(
            isolate(
                self.theorem,
                self.term,
                path.along,
                span=path.span,
                points=path.points,
                margin=self.margin,
                fixed={**UNITS, **self.fixed, **path.fixed},
                within={**WORKERS, **self.within, **path.within},
                derived=self.derived,
                given=self.given,
                below=self.below,
                guides=self.guides,
            )
            for path in self.paths
        )
