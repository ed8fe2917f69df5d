"""A paper of your own: one Python file with a theorem, a problem and a claim, treated like the built-in ones.

The file is the user's own program and is run; the formulas inside it are text and go through the parser of bounds.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any, Literal

import numpy as np
import sympy
import xarray as xr
from sympy import Expr

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.threads import one_blas_thread
from tightrate.constructions.noise import NOISES, Noise
from tightrate.constructions.problem import PROBLEMS, Problem
from tightrate.rates.formulas.parse import parse, parse_hypothesis
from tightrate.rates.relations.bound_check import CheckedBound, check_bound
from tightrate.rates.statements.bound import Bound, Term
from tightrate.rates.statements.measures import MEASURES, Measure
from tightrate.rates.statements.theorem import Condition, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.rates.symbols.evaluation import evaluate
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.engine_choice import METHODS, Method
from tightrate.simulator.measures import OUTPUTS, Output
from tightrate.simulator.parameters import construct, parameters, spelled
from tightrate.simulator.simulate import ROWS
from tightrate.simulator.theorem_values import RunLetters, moment_order
from tightrate.verify.claim import Claim, Finding
from tightrate.verify.experiment import Experiment
from tightrate.verify.judging.by_value import judge_bound, judge_identity, judge_upper_exponents
from tightrate.verify.session import Session
from tightrate.verify.sweep.cell import Cell, Result, noise_of, run_on
from tightrate.verify.sweep.measures import SWEEP_MEASURES
from tightrate.verify.sweep.run import provenance
from tightrate.verify.sweep.specification import Tuned, Value, check_tuned, checked, noise_parameters, require_level
from tightrate.verify.verdict import Status, Verdict

STANDARD_ERRORS = 5.0  # how far a sampled mean must be on the wrong side of a bound to contradict it
DOMINATES = 3.0  # a term this much larger than all others together gives the exponents
RESOLUTION = 0.1
NOT_SMALLER = ("mu", "d_min")  # constants of a class from below; the others are from above
MOST_REPLICAS = 100_000  # with a target for the relative error


@dataclass(frozen=True)
class OwnTheorem:
    """A theorem in text: named terms, conditions as inequalities, step sizes, all in letters of the alphabet.

    `measure` is anything that a run can be measured by (`tightrate.simulator.measures.MEASURES`).  `letters` maps your
    own letters to the alphabet's ({"H": "L"}).  `steps` are the step sizes that you prescribe. Raises TightrateError
    where a formula cannot be read, a letter is unknown, or units disagree.
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
        if self.algorithm not in ALGORITHMS.names():
            raise unknown_name("algorithm", self.algorithm, ALGORITHMS.names())
        if self.measure not in SWEEP_MEASURES:
            raise unknown_name("measure that a run takes", self.measure, SWEEP_MEASURES)
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
    if name in MEASURES:
        return MEASURES[name]
    own = SWEEP_MEASURES[name]
    return Measure(name, rf"\mathrm{{{name}}}", own.unit, own.meaning)


@dataclass(frozen=True)
class OwnClaim:
    """What is tried: a problem (a function, or the name of a shipped one) over axes, judged against the theorem.

    A problem function takes the letters it needs by name and returns a Problem.  Letters that neither axes nor
    parameters give are derived: the instance's own constants, M, d, T = K R, Delta, the noise's levels; constants that
    are given must hold for the instance.

    `noise` is a law by name, or "rows" for sampled rows of a finite sum; its level `sigma` and its own parameters are
    parameters or axes like any other, and so is `clients`.  `output` is the iterate, `method` the engine, and `tuned`
    says which steps are tuned in every cell.  A sampled cell has `replicas` replicas; with `relative_error` as many as
    it takes.  With hidden constants the exponents along the axes are judged.
    """

    statement: str
    theorem: OwnTheorem
    problem: Callable[..., Problem] | str
    axes: Mapping[str, tuple[Value, ...]]
    parameters: Mapping[str, Value] = field(default_factory=dict)
    output: Output = "last"
    replicas: int = 256
    expected: Status = "consistent"
    noise: str = "gaussian"
    method: Method = "auto"
    relative_error: float | None = None
    tuned: Mapping[str, Tuned] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.problem, str) and self.problem not in PROBLEMS.names():
            raise unknown_name("problem", self.problem, PROBLEMS.names())
        for what, name, choices in (
            ("noise", self.noise, (*NOISES.names(), ROWS)),
            ("output", self.output, tuple(OUTPUTS)),
            ("method", self.method, METHODS),
        ):
            if name not in choices:
                raise unknown_name(what, name, choices)
        if not self.axes:
            raise TightrateError('a claim needs axes, for example {"R": (8, 16, 32)}')
        axes, given, known = spelled(self.axes), spelled(self.parameters), self._known()
        for name, values in axes.items():
            if not isinstance(values, tuple | list) or not values:
                raise TightrateError(f"axis {name} needs a tuple of numbers, such as (8, 16, 32), not {values!r}")
        for name in (*axes, *given):
            if known is not None and name not in known and name not in LETTERS:
                raise unknown_name("parameter of problem, algorithm or noise", name, known)
        defaults = known or {}
        whole = {name: tuple(checked(name, value, defaults.get(name)) for value in axes[name]) for name in axes}
        object.__setattr__(self, "axes", whole)
        fixed = {name: checked(name, value, defaults.get(name)) for name, value in given.items()}
        object.__setattr__(self, "parameters", fixed)
        missing = [name for name in ("K", "R") if name not in whole and name not in fixed]
        if missing:
            raise TightrateError(f"missing {', '.join(missing)}; give each as an axis or a parameter")
        require_level(self.noise, {*whole, *fixed})
        for name, step in self.tuned.items():
            check_tuned(name, step, self.theorem.algorithm, {*whole, *fixed})
        least = 1 if self.relative_error is None else 2
        if not (self.replicas >= least and self.replicas == int(self.replicas)):
            raise TightrateError(f"replicas must be a whole number, at least {least}, not {self.replicas}")
        if self.relative_error is not None and not 0 < self.relative_error < 1:
            raise TightrateError(f"relative_error must lie in (0,1), not {self.relative_error:g}")

    def _known(self) -> dict[str, Any] | None:
        """Names that mean something here with their defaults; None where the problem takes any name."""
        own = inspect.signature(PROBLEMS[self.problem] if isinstance(self.problem, str) else self.problem).parameters
        if any(part.kind is part.VAR_KEYWORD for part in own.values()):
            return None
        defaults = {name: None if part.default is part.empty else part.default for name, part in own.items()}
        steps = {name: part.default for name, part in parameters(ALGORITHMS[self.theorem.algorithm]).items()}
        return {**noise_parameters(self.noise), **steps, "clients": None, **defaults}

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each axis."""
        return tuple(len(values) for values in self.axes.values())

    def cells(self) -> list[dict[str, Value]]:
        """Every combination of the axes' values with the parameters."""
        points = product(*self.axes.values())
        return [{**self.parameters, **dict(zip(self.axes, point, strict=True))} for point in points]


@dataclass(frozen=True)
class OwnFinding:
    """One claim of a paper of your own: the finding, the theorem, what its formula alone says, and the results.

    `checked` is None where the order algebra cannot decide the formula, and `unchecked` says why.
    """

    finding: Finding
    theorem: Theorem
    checked: CheckedBound | None
    unchecked: str
    results: xr.Dataset


# --- Loading ---------------------------------------------------------------------------------------------------------


def load_paper(path: Path) -> tuple[str, dict[str, OwnClaim]]:
    """The name of the paper and its claims by name; what is wrong in the file is one line with its line number."""
    if not path.is_file():
        raise TightrateError(f"there is no file {path}; start one with: tightrate new-paper NAME")
    name = path.stem
    spec = importlib.util.spec_from_file_location(f"own_paper_{re.sub(r'[^0-9a-zA-Z_]', '_', name)}", path)
    if spec is None or spec.loader is None:
        raise TightrateError(f"{path} is not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    _guarded(path, lambda: _execute(module, path))
    claims = {key: value for key, value in vars(module).items() if isinstance(value, OwnClaim)}
    if not claims:
        raise TightrateError(f"{path} has no OwnClaim; see the file that tightrate new-paper writes")
    return name, claims


def _execute(module: ModuleType, path: Path) -> None:
    # Compiled from its text: no cache file is left beside the user's program.  Its dataclasses look their module up.
    sys.modules[module.__name__] = module
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), vars(module))


def _guarded(path: Path, action: Callable[[], Any]) -> Any:
    """Run something of the user's; an error becomes one line that names the place in the file."""
    try:
        return action()
    except SyntaxError as error:
        raise TightrateError(f"{path}, line {error.lineno}: {error.msg}") from None
    except UnicodeDecodeError:
        raise TightrateError(f"{path} is not a text file in UTF-8") from None
    except Exception as error:  # the user's own program may raise anything
        frames = [frame for frame in traceback.extract_tb(sys.exc_info()[2]) if frame.filename == str(path)]
        if not frames:
            raise
        kind = "" if isinstance(error, TightrateError) else f"{type(error).__name__}: "
        raise TightrateError(f"{path}, line {frames[-1].lineno}: {kind}{error}") from None


# --- Judging ---------------------------------------------------------------------------------------------------------


def judge_paper(path: Path, session: Session) -> tuple[OwnFinding, ...]:
    """Everything the built-in papers get: units, exponents, neighbours in the catalogue, conditions, runs, verdicts."""
    name, claims = load_paper(path)
    with one_blas_thread():
        return tuple(_judged(path, name, key, claim, session) for key, claim in claims.items())


def _judged(path: Path, name: str, key: str, claim: OwnClaim, session: Session) -> OwnFinding:
    began = perf_counter()
    source = replace(claim.theorem.built(name, str(path)), iterate=f"{claim.output} iterate")
    formula, unchecked = None, ""
    terms, measure = [term.expression for term in source.bound.terms], source.bound.measure.name
    try:
        formula = check_bound(terms, measure=measure if measure in MEASURES else None)
    except TightrateError as reason:
        unchecked = str(reason)
    if formula is not None and measure not in MEASURES:  # no bound of the catalogue is about it
        formula = replace(formula, measures=(), neighbours=())
    results = run_claim(path, claim, source, session)
    verdict = judge_results(claim, source, results)
    kind: Any = "bound with constants" if source.bound.constants == "explicit" else "scaling"
    run = Experiment(f"{name}/{key}", lambda _: results)
    entry = Claim(f"{name}/{key}", claim.statement, source.id, kind, lambda _: verdict, (run,), claim.expected)
    return OwnFinding(Finding(entry, verdict, perf_counter() - began), source, formula, unchecked, results)


def run_claim(path: Path, claim: OwnClaim, source: Theorem, session: Session) -> xr.Dataset:
    """Every cell of the axes: measured mean and standard error, the bound and its terms, whether conditions hold."""
    dims, shape, cells = tuple(claim.axes), claim.shape, claim.cells()
    rows = []
    for index, cell in enumerate(cells):
        session.progress(path.stem, index, len(cells))
        rows.append(_guarded(path, partial(_cell, path, claim, source, cell, session.seed)))
    session.progress(path.stem, len(cells), len(cells))
    columns = {column: np.array([row[column] for row in rows], dtype=np.float64).reshape(shape) for column in rows[0]}
    measure = source.bound.measure
    in_units = {"units": str(measure.unit)}
    described = {
        "measured": {"long_name": f"mean: {measure.meaning}", **in_units},
        "standard_error": {"long_name": "standard error of the mean", **in_units},
        "bound": {"long_name": f"{source.bound.kind} bound", "constants": source.bound.constants, **in_units},
        "settles": {"long_name": "1 where the noise has the moments that bound mean and standard error"},
        **{column: in_units for column in columns if column.startswith("term: ")},
    }
    return xr.Dataset(
        {column: (dims, values, described.get(column, {})) for column, values in columns.items()},
        coords={name: list(values) for name, values in claim.axes.items()},
        attrs={
            **provenance(),
            "theorem": source.id,
            "provenance": f"{source.provenance.meaning}; {source.provenance.where}",
            "measure": measure.name,
            "seed": session.seed,
            "algorithm": claim.theorem.algorithm,
            "noise": claim.noise,
            "noisy": claim.noise == ROWS or "sigma" in claim.axes or claim.parameters.get("sigma", 0.0) != 0,
            "output": claim.output,
            **{f"parameter {name}": value for name, value in claim.parameters.items()},
        },
    )


def _cell(path: Path, claim: OwnClaim, source: Theorem, at: Mapping[str, Value], seed: int) -> dict[str, float]:
    problem = _instance(claim.problem, at)
    if not isinstance(problem, Problem):
        raise TightrateError(f"{path}: the problem function must return a Problem, not {type(problem).__name__}")
    _check_class(path, problem, at)
    defaults = {name: part.default for name, part in parameters(ALGORITHMS[claim.theorem.algorithm]).items()}
    cell = Cell(
        algorithm=claim.theorem.algorithm,
        problem=path.stem,
        noise=claim.noise,
        values=dict(at),
        steps={},
        tuned=claim.tuned,
        output=claim.output,
        method=claim.method,
        measures=(claim.theorem.measure,),
        replicas=claim.replicas,
        relative_error=claim.relative_error,
        most_replicas=max(MOST_REPLICAS, claim.replicas),
        seed=seed,
        stream={name: repr(at[name]) for name in claim.axes},
    )
    noise = noise_of(cell)

    def letters(found: Mapping[str, Any]) -> RunLetters:
        values = {**defaults, **found, **at}
        return RunLetters(lambda: problem, noise, values, moment_order(source, values))

    cell = replace(cell, steps=_steps(claim, source, letters({}), at))
    certain = _certain(cell, problem)
    result = run_on(problem, replace(cell, replicas=1, relative_error=None) if certain else cell)
    run = letters(result.steps)
    needed = {symbol.name for symbol in source.bound.expression.free_symbols}
    terms = {term.name: evaluate(term.expression, run.known(needed)) for term in source.bound.terms}
    statuses = [
        condition.status(run.known({symbol.name for symbol in condition.relation.free_symbols}))
        for condition in source.conditions
        if condition.relation is not None
    ]
    return {
        "measured": result.mean(claim.theorem.measure),
        "standard_error": _standard_error(result, claim.theorem.measure, certain),
        "bound": sum(terms.values()),
        "conditions": float(all(status != "fails" for status in statuses)),
        "settles": float(result.exact or not _lacks_moments(noise, claim.theorem.measure)),
        **{f"term: {name}": value for name, value in terms.items()},
        **{f"step: {name}": value for name, value in result.steps.items()},
    }


def _certain(cell: Cell, problem: Problem) -> bool:
    """Whether a run has nothing random: one replica says it all."""
    clients = cell.values.get("clients")
    algorithm = construct(ALGORITHMS[cell.algorithm], {**cell.steps, **{name: t.low for name, t in cell.tuned.items()}})
    everybody = clients is None or clients >= problem.workers
    looks = SWEEP_MEASURES[cell.measures[0]].record is None and cell.output != "random"
    return noise_of(cell) is None and everybody and looks and not algorithm.uses_curvature


def _standard_error(result: Result, measure: str, certain: bool) -> float:
    error = result.stderr(measure)
    return error if np.isfinite(error) and not certain else 0.0


def _lacks_moments(noise: object, measure: str) -> bool:
    """Whether mean or standard error of a sampled measure need not settle as replicas grow."""
    return isinstance(noise, Noise) and not np.isfinite(noise.moment(2.0 * SWEEP_MEASURES[measure].degree))


def _instance(problem: Callable[..., Problem] | str, at: Mapping[str, Value]) -> Problem:
    if isinstance(problem, str):
        required = [name for name, part in parameters(PROBLEMS[problem]).items() if part.required]
    else:
        known = inspect.signature(problem).parameters
        named = {name: part for name, part in known.items() if part.kind is not part.VAR_KEYWORD}
        required = [name for name, part in named.items() if part.default is part.empty]
    missing = [name for name in required if name not in at]
    if missing:
        raise TightrateError(f"the problem needs {', '.join(missing)}; give each as an axis or a parameter")
    if isinstance(problem, str):
        return construct(PROBLEMS[problem], at)
    return problem(**(at if len(named) < len(known) else {name: at[name] for name in named if name in at}))


def _check_class(path: Path, problem: Problem, at: Mapping[str, Value]) -> None:
    for name, values in problem.constants.items():
        if name not in at:
            continue
        own, claimed = float(np.max(values)), float(at[name])
        outside = own < claimed * (1 - 1e-9) if name in NOT_SMALLER else own > claimed * (1 + 1e-9)
        if outside:
            raise TightrateError(f"{path}: the problem has {name} = {own:g}, but the claim says {name} = {claimed:g}")


def _steps(claim: OwnClaim, source: Theorem, letters: RunLetters, at: Mapping[str, Value]) -> dict[str, Value]:
    """The algorithm's parameters in a cell: as given, as the theorem prescribes, or left to their defaults."""
    found: dict[str, Value] = {}
    for name, parameter in parameters(ALGORITHMS[claim.theorem.algorithm]).items():
        if name in claim.tuned:
            continue
        if name in at:
            found[name] = at[name]
        elif name in source.steps:
            needed = {symbol.name for symbol in source.steps[name].free_symbols}
            found[name] = evaluate(source.steps[name], letters.known(needed))
        elif parameter.required:
            raise TightrateError(f"missing {name}; give it as an axis, a parameter or a step of the theorem")
    return found


def judge_results(claim: OwnClaim, source: Theorem, results: xr.Dataset) -> Verdict:
    """By value where constants are explicit, by exponents where they are hidden; only where all conditions hold."""
    inside = results.conditions > 0
    if not bool(inside.all()):
        failing = int((~inside).sum())
        return Verdict(
            "not-applicable",
            f"A condition of the theorem fails in {failing} of {inside.size} cells; change steps, axes or parameters.",
            "conditions hold",
            f"fails in {failing} cells",
        )
    verdict = _judged_by_kind(claim, source, results)
    if verdict.status == "consistent" and not bool((results.settles > 0).all()):
        sentence = "The noise has no moments that bound the mean and the standard error of what was measured."
        return replace(verdict, status="inconclusive", sentence=sentence)
    return verdict


def _judged_by_kind(claim: OwnClaim, source: Theorem, results: xr.Dataset) -> Verdict:
    if source.bound.constants == "explicit" and source.bound.kind != "exact":
        return _by_value(source, results)
    if source.bound.constants == "explicit" and not bool((results.standard_error > 0).any()):
        what, scale = source.bound.measure.meaning, abs(results.bound)
        return judge_identity(results.measured, results.bound, scale, what=what, witness=_steps_of(results))
    if source.bound.kind != "upper":
        sentence = "Only an upper bound, or one with explicit constants, can be contradicted by an instance."
        return Verdict("not-applicable", sentence, "", "")
    return _by_exponents(claim, source, results)


def _by_value(source: Theorem, results: xr.Dataset) -> Verdict:
    side: Literal["upper", "lower"] = "upper" if source.bound.kind == "upper" else "lower"
    sign = 1 if side == "upper" else -1
    reach = sign * STANDARD_ERRORS * results.standard_error
    what = source.bound.measure.meaning
    witness = _steps_of(results)
    rounding = 1e-12 * abs(results.bound)

    def judged(measured: xr.DataArray) -> Verdict:
        return judge_bound(measured, results.bound, side=side, what=what, rounding=rounding, witness=witness)

    surely = judged(results.measured - reach)
    if surely.status == "violated":
        return surely
    safely = judged(results.measured + reach)
    if safely.status == "violated":
        sentence = f"Some interval of {STANDARD_ERRORS:g} standard errors holds the bound: more replicas are needed."
        return replace(safely, status="inconclusive", sentence=sentence, witness=None)
    return safely


def _steps_of(results: xr.Dataset) -> dict[str, xr.DataArray]:
    return {str(name): results[name] for name in results.data_vars if str(name).startswith("step")}


def _by_exponents(claim: OwnClaim, source: Theorem, results: xr.Dataset) -> Verdict:
    """The exponents of the term that dominates in every cell, along the axes with at least three values."""
    terms = {term.name: results[f"term: {term.name}"] for term in source.bound.terms}
    leaders = [name for name, value in terms.items() if bool((value >= DOMINATES * (results.bound - value)).all())]
    axes = [name for name, values in claim.axes.items() if len(values) >= 3]
    if not leaders or not axes:
        why = "no term dominates in every cell" if axes else "no axis has three values"
        return Verdict("inconclusive", f"No exponent can be read off: {why}.", "", "")
    exponents = source.bound.term(leaders[0]).monomial.exponents
    mesh = np.meshgrid(*(results[name].values for name in claim.axes), indexing="ij")
    grid = {name: values.ravel() for name, values in zip(claim.axes, mesh, strict=True) if name in axes}
    measured = results.measured.values.ravel()
    error = np.maximum(results.standard_error.values.ravel(), 1e-6 * measured)
    predicted = {name: float(exponents.get(name, 0)) for name in axes}
    verdict = judge_upper_exponents(
        grid, measured, error, predicted, offset=np.zeros_like(measured), resolution=RESOLUTION
    )
    return replace(verdict, evidence={"dominating term": leaders[0], **verdict.evidence})


# --- Starting a file -------------------------------------------------------------------------------------------------

TEMPLATE = '''"""{title}: a paper of your own.  Run:  tightrate verify --paper {file}"""

import numpy as np

from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.verify.user_paper import OwnClaim, OwnTheorem

# A theorem.  Formulas are text, LaTeX or plain, in the letters that `tightrate show` uses: K local steps per round,
# R rounds, M workers, L smoothness, mu strong convexity, B start distance, sigma noise, eta inner step, ...
# Your own letters are fine if you say what they are:  letters={{"H": "L"}}.
theorem = OwnTheorem(
    title="Gradient descent on smooth convex functions",
    statement="With one machine, one local step and eta <= 1/L the gap of the last iterate is at most B^2/(2 eta R).",
    terms={{"optimization": "B^2/(2*eta*K*R)"}},
    measure="gap",  # or distance, squared-distance, squared-gradient, consensus-error, mean-gap, ...
    kind="upper",  # or lower, exact
    constants="explicit",  # or hidden: then exponents are judged, not values
    conditions=("eta*L <= 1",),
    algorithm="local-sgd",  # any of: tightrate list algorithms
)


# A problem.  Its arguments are letters or names of your own that the claim gives; it starts from 0.
def problem(L: float, M: int) -> QuadraticMachines:
    """M equal quadratic machines in two dimensions with curvatures L and L/10 and the optimum (1, 1)."""
    hessians = np.broadcast_to(np.diag([L, L / 10]), (M, 2, 2))
    return QuadraticMachines(hessians.copy(), np.ones((M, 2)))


# A claim: where the theorem is tried.  Add "sigma": ... to the parameters for Gaussian noise, noise="student" or the
# name of another law for other noise.  Letters that are not given are the problem's own constants.
claim = OwnClaim(
    statement="On two-dimensional quadratics the bound holds for K from 1 to 16 and R from 4 to 256.",
    theorem=theorem,
    problem=problem,  # or the name of a shipped one: tightrate list problems
    axes={{"K": (1, 4, 16), "R": (4, 16, 64, 256)}},
    parameters={{"L": 1.0, "M": 2, "eta": 0.5}},
    output="last",  # or average, weighted, random, auxiliary
)
'''


def new_paper(name: str, directory: Path = Path()) -> Path:
    """Write a small commented paper file NAME.py that runs as it is; an existing file is never overwritten."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise TightrateError(
            f"a paper's name is letters, digits, - and _, beginning with a letter, such as doe2026, not {name!r}"
        )
    path = directory / f"{name}.py"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE.format(title=name, file=path))
    except FileExistsError:
        raise TightrateError(f"{path} is there already; choose another name or folder") from None
    except OSError as error:
        raise TightrateError(f"cannot write {path}: {error.strerror}") from None
    return path
