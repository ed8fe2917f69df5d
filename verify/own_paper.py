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

from constructions.diagonal_quadratics import DiagonalQuadratics
from constructions.noise import GaussianNoise
from constructions.problem import PROBLEMS, Problem
from constructions.quadratics import QuadraticMachines
from rates.alphabet import LETTERS, check_value
from rates.bound import MEASURES, Bound, Constants, Kind, Term, evaluate
from rates.bound_check import CheckedBound, check_bound
from rates.errors import TightrateError, unknown_name
from rates.text import parse, parse_hypothesis
from rates.theorem import Condition, Paper, Provenance, Theorem
from simulator.algorithm import ALGORITHMS
from simulator.moments import exact_moments
from simulator.parameters import construct, parameters
from simulator.sampling import sample
from verify.claim import Claim, Finding
from verify.judges import judge_bound, judge_upper_exponents
from verify.laboratory import Laboratory
from verify.verdict import Status, Verdict

STANDARD_ERRORS = 5.0  # how far a sampled mean must be on the wrong side of a bound to contradict it
DOMINATES = 3.0  # a term this much larger than all others together gives the exponents
RESOLUTION = 0.1
MEASURED = ("gap", "squared-distance")
NOT_SMALLER = ("mu", "d_min")  # constants of a class from below; the others are from above

Output = Literal["last", "average", "weighted"]


@dataclass(frozen=True)
class OwnTheorem:
    """A theorem in text: named terms, conditions as inequalities, step sizes, all in letters of the alphabet.

    `letters` maps your own letters to the alphabet's ({"H": "L"}).  `steps` are the step sizes that you prescribe.
    Raises TightrateError where a formula cannot be read, a letter is unknown, or units disagree.
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
        if self.measure not in MEASURED:
            raise unknown_name("measure that an experiment takes", self.measure, MEASURED)
        if not self.terms:
            raise TightrateError('a theorem needs terms, for example {"optimization": "L*B^2/R"}')
        self.built("own").bound.check_units()

    def built(self, name: str, where: str = "") -> Theorem:
        """The symbolic theorem, of a paper with this name."""
        terms = tuple(Term(key, self._formula(text, f"term {key!r}")) for key, text in self.terms.items())
        bound = Bound(terms, MEASURES[self.measure], self.kind, self.constants)
        return Theorem(
            label="theorem",
            title=self.title,
            statement=self.statement,
            bound=bound,
            paper=Paper(name, self.title, "yourself", 0, "not published", ""),
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


@dataclass(frozen=True)
class OwnClaim:
    """What is tried: a problem (a function, or the name of a shipped one) over axes, judged against the theorem.

    A problem function takes the letters it needs by name and returns a Problem.  Letters that neither axes nor
    parameters give are the instance's own constants; constants that are given must hold for the instance.  `sigma` adds
    Gaussian noise; `output` is the iterate.  With hidden constants the exponents along the axes are judged.
    """

    statement: str
    theorem: OwnTheorem
    problem: Callable[..., Problem] | str
    axes: Mapping[str, tuple[float, ...]]
    parameters: Mapping[str, float] = field(default_factory=dict)
    output: Output = "last"
    replicas: int = 256
    expected: Status = "consistent"

    def __post_init__(self) -> None:
        if isinstance(self.problem, str) and self.problem not in PROBLEMS.names():
            raise unknown_name("problem", self.problem, PROBLEMS.names())
        if not self.axes:
            raise TightrateError('a claim needs axes, for example {"R": (8, 16, 32)}')
        for name, values in {**self.axes, **{key: (value,) for key, value in self.parameters.items()}}.items():
            if not isinstance(values, tuple | list) or not values:
                raise TightrateError(f"axis {name} needs a tuple of numbers, such as (8, 16, 32), not {values!r}")
            for value in values:
                if name in LETTERS:
                    check_value(name, value)
        missing = [name for name in ("K", "R") if name not in self.axes and name not in self.parameters]
        if missing:
            raise TightrateError(f"missing {', '.join(missing)}; give each as an axis or a parameter")


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


def judge_paper(path: Path, laboratory: Laboratory) -> tuple[OwnFinding, ...]:
    """Everything the built-in papers get: units, exponents, neighbours in the catalogue, conditions, runs, verdicts."""
    name, claims = load_paper(path)
    return tuple(_judged(path, name, key, claim, laboratory) for key, claim in claims.items())


def _judged(path: Path, name: str, key: str, claim: OwnClaim, laboratory: Laboratory) -> OwnFinding:
    began = perf_counter()
    source = replace(claim.theorem.built(name, str(path)), iterate=f"{claim.output} iterate")
    checked, unchecked = None, ""
    try:
        checked = check_bound([term.expression for term in source.bound.terms], measure=source.bound.measure.name)
    except TightrateError as reason:
        unchecked = str(reason)
    results = run_claim(path, claim, source, laboratory)
    verdict = judge_results(claim, source, results)
    kind: Any = "bound with constants" if source.bound.constants == "explicit" else "scaling"
    entry = Claim(f"{name}/{key}", claim.statement, source.id, kind, f"{name}/{key}", claim.expected, lambda _: verdict)
    return OwnFinding(Finding(entry, verdict, perf_counter() - began), source, checked, unchecked, results)


def run_claim(path: Path, claim: OwnClaim, source: Theorem, laboratory: Laboratory) -> xr.Dataset:
    """Every cell of the axes: measured mean and standard error, the bound and its terms, whether conditions hold."""
    dims, shape = tuple(claim.axes), tuple(len(values) for values in claim.axes.values())
    cells = [{**claim.parameters, **dict(zip(dims, values, strict=True))} for values in product(*claim.axes.values())]
    rows = []
    for index, cell in enumerate(cells):
        laboratory.progress(path.stem, index, len(cells))
        rows.append(_guarded(path, partial(_cell, path, claim, source, cell, laboratory.seed)))
    laboratory.progress(path.stem, len(cells), len(cells))
    columns = {
        column: (dims, np.array([row[column] for row in rows], dtype=np.float64).reshape(shape)) for column in rows[0]
    }
    attrs = {"theorem": source.id, "measure": source.bound.measure.name, "seed": laboratory.seed}
    return xr.Dataset(columns, coords={name: list(values) for name, values in claim.axes.items()}, attrs=attrs)


def _cell(path: Path, claim: OwnClaim, source: Theorem, cell: Mapping[str, float], seed: int) -> dict[str, float]:
    problem = _instance(claim.problem, cell)
    if not isinstance(problem, Problem):
        raise TightrateError(f"{path}: the problem function must return a Problem, not {type(problem).__name__}")
    letters = {**_constants(problem), **cell, "M": float(problem.workers), "d": float(problem.dimension)}
    _check_class(path, problem, cell)
    steps = _steps(claim, source, letters)
    letters |= steps
    letters.setdefault("gamma", 1.0)
    letters.setdefault("sigma", 0.0)
    mean, error = _run(claim, problem, steps, letters, seed)
    terms = {term.name: evaluate(term.expression, letters) for term in source.bound.terms}
    statuses = [condition.status(letters) for condition in source.conditions]
    return {
        "measured": mean,
        "standard_error": error,
        "bound": sum(terms.values()),
        "conditions": float(all(status != "fails" for status in statuses)),
        **{f"term: {name}": value for name, value in terms.items()},
        **{f"step: {name}": value for name, value in steps.items()},
    }


def _instance(problem: Callable[..., Problem] | str, cell: Mapping[str, float]) -> Problem:
    construct = PROBLEMS[problem] if isinstance(problem, str) else problem
    known = inspect.signature(construct).parameters
    missing = [
        name
        for name, parameter in known.items()
        if parameter.default is parameter.empty and name not in cell and parameter.kind != parameter.VAR_KEYWORD
    ]
    if missing:
        raise TightrateError(f"the problem needs {', '.join(missing)}; give each as an axis or a parameter")
    whole = {name for name, letter in LETTERS.items() if letter.counts}
    return construct(**{n: int(cell[n]) if n in whole else cell[n] for n in known if n in cell})


def _constants(problem: Problem) -> dict[str, float]:
    return {name: float(np.max(value)) for name, value in problem.constants.items()}


def _check_class(path: Path, problem: Problem, cell: Mapping[str, float]) -> None:
    for name, own in _constants(problem).items():
        if name not in cell:
            continue
        claimed = cell[name]
        outside = own < claimed * (1 - 1e-9) if name in NOT_SMALLER else own > claimed * (1 + 1e-9)
        if outside:
            raise TightrateError(f"{path}: the problem has {name} = {own:g}, but the claim says {name} = {claimed:g}")


def _steps(claim: OwnClaim, source: Theorem, letters: Mapping[str, float]) -> dict[str, float]:
    found = {}
    for letter, parameter in parameters(ALGORITHMS[claim.theorem.algorithm]).items():
        if letter in letters:
            found[letter] = float(letters[letter])
        elif letter in source.steps:
            found[letter] = evaluate(source.steps[letter], letters)
        elif parameter.required:
            raise TightrateError(f"missing {letter}; give it as an axis, a parameter or a step of the theorem")
    return found


def _run(
    claim: OwnClaim, problem: Problem, steps: Mapping[str, float], letters: Mapping[str, float], seed: int
) -> tuple[float, float]:
    """Mean and standard error of the measure; the error is 0 where moments are exact."""
    algorithm = construct(ALGORITHMS[claim.theorem.algorithm], steps)
    sigma = letters["sigma"]
    noise = GaussianNoise(sigma) if sigma > 0 else None
    rate = letters.get("mu", 0.0) * steps.get("eta", 0.0) / 2
    forgetting = {"last": None, "average": 0.0, "weighted": rate}[claim.output]
    if algorithm.linear and isinstance(problem, QuadraticMachines | DiagonalQuadratics):
        exact = exact_moments(algorithm, problem, K=letters["K"], R=letters["R"], noise=noise, forgetting=forgetting)
        moments = exact.last if exact.average is None else exact.average
        value = moments.gap if claim.theorem.measure == "gap" else moments.squared_distance
        return float(np.ravel(value)[0]), 0.0
    replicas = claim.replicas if noise is not None else 1
    run = sample(
        algorithm, problem, K=letters["K"], R=int(letters["R"]), replicas=replicas, noise=noise, seed=seed,
        stream_axes={name: repr(letters[name]) for name in claim.axes}, forgetting=forgetting,
    )  # fmt: skip
    output = run.last if run.average is None else run.average
    squared_distance = np.sum((output - problem.optimum) ** 2, axis=-1)
    values = problem.gap(output) if claim.theorem.measure == "gap" else squared_distance
    values = np.where(run.diverged, np.inf, values)
    spread = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 and np.isfinite(values).all() else 0.0
    return float(values.mean()), float(spread)


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
    if source.bound.constants == "explicit" and source.bound.kind != "exact":
        return _by_value(source, results)
    if source.bound.kind != "upper":
        sentence = "Only an upper bound, or one with explicit constants, can be contradicted by an instance."
        return Verdict("not-applicable", sentence, "", "")
    return _by_exponents(claim, source, results)


def _by_value(source: Theorem, results: xr.Dataset) -> Verdict:
    side: Literal["upper", "lower"] = "upper" if source.bound.kind == "upper" else "lower"
    sign = 1 if side == "upper" else -1
    reach = sign * STANDARD_ERRORS * results.standard_error
    what = source.bound.measure.meaning
    witness = {str(name): results[name] for name in results.data_vars if str(name).startswith("step")}
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

from constructions.quadratics import QuadraticMachines
from verify.own_paper import OwnClaim, OwnTheorem

# A theorem.  Formulas are text, LaTeX or plain, in the letters that `tightrate show` uses: K local steps per round,
# R rounds, M workers, L smoothness, mu strong convexity, B start distance, sigma noise, eta inner step, ...
# Your own letters are fine if you say what they are:  letters={{"H": "L"}}.
theorem = OwnTheorem(
    title="Gradient descent on smooth convex functions",
    statement="With one machine, one local step and eta <= 1/L the gap of the last iterate is at most B^2/(2 eta R).",
    terms={{"optimization": "B^2/(2*eta*K*R)"}},
    measure="gap",  # or squared-distance
    kind="upper",  # or lower
    constants="explicit",  # or hidden: then exponents are judged, not values
    conditions=("eta*L <= 1",),
    algorithm="local-sgd",  # any of: tightrate list algorithms
)


# A problem.  Its arguments are letters or names of your own that the claim gives; it starts from 0.
def problem(L: float, M: int) -> QuadraticMachines:
    """M equal quadratic machines in two dimensions with curvatures L and L/10 and the optimum (1, 1)."""
    hessians = np.broadcast_to(np.diag([L, L / 10]), (M, 2, 2))
    return QuadraticMachines(hessians.copy(), np.ones((M, 2)))


# A claim: where the theorem is tried.  Add sigma=... to the parameters for noise.
claim = OwnClaim(
    statement="On two-dimensional quadratics the bound holds for K from 1 to 16 and R from 4 to 256.",
    theorem=theorem,
    problem=problem,  # or the name of a shipped one: tightrate list problems
    axes={{"K": (1, 4, 16), "R": (4, 16, 64, 256)}},
    parameters={{"L": 1.0, "M": 2, "eta": 0.5}},
    output="last",  # or average, weighted
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
