"""Judging a paper of your own: everything that the built-in papers get.

Units, exponents and neighbours of the formula; every cell run as that of a sweep, with the theorem's conditions; the
assertions that built-in claims are judged by.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.common.threads import one_blas_thread
from tightrate.rates.relations.bound_check import CheckedBound, check_bound
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.theorem import Theorem
from tightrate.simulator.by_name import ROWS, Problems, build_noise
from tightrate.simulator.theorem_values import check_class
from tightrate.verify.assertions.assertion import Assertion, Every
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.assertions.equal import Equal
from tightrate.verify.assertions.power_law import PowerLaw, exponents_of
from tightrate.verify.claim import Claim, ClaimKind, Finding, check
from tightrate.verify.experiment import Experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session
from tightrate.verify.sweep.cell import Cell, Result, run_cell
from tightrate.verify.sweep.plan import Plan
from tightrate.verify.sweep.run import labelled, measurement
from tightrate.verify.user_paper.load import guarded, load_paper
from tightrate.verify.user_paper.model import OwnClaim
from tightrate.verify.verdict import Verdict

DOMINATES = 3.0  # a term this much larger than all others together gives the exponents
RESOLUTION = 0.1  # of an exponent, on either side
ROUNDING = 1e-12  # of a measured value, relative to the bound
CURVES = 1e-6  # the relative error that an exact value is fitted with: what bends by less is a power law
SHORTEST_AXIS = 3  # values from which an exponent is read off


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


def judge_paper(path: Path, session: Session) -> tuple[OwnFinding, ...]:
    """The findings of all claims of a file."""
    name, claims = load_paper(path)
    with one_blas_thread():
        return tuple(_finding(path, name, key, claim, session) for key, claim in claims.items())


def _finding(path: Path, name: str, key: str, claim: OwnClaim, session: Session) -> OwnFinding:
    began = perf_counter()
    source = replace(claim.theorem.built(name, str(path)), iterate=f"{claim.output} iterate")
    formula, unchecked = _formula(source)
    results = run_claim(path, claim, source, session)
    verdict = judge_results(source, results)
    kind: ClaimKind = "bound with constants" if source.bound.constants == "explicit" else "scaling"
    run = Experiment(f"{name}/{key}", lambda _: results)
    entry = Claim(f"{name}/{key}", claim.statement, source.id, kind, lambda _: verdict, (run,), claim.expected)
    return OwnFinding(Finding(entry, verdict, perf_counter() - began), source, formula, unchecked, results)


def _formula(source: Theorem) -> tuple[CheckedBound | None, str]:
    """What the order algebra says of the formula, or why it cannot."""
    measure = source.bound.measure.name
    known = measure in MEASURES  # else no bound of the catalogue is about it
    try:
        found = check_bound(list(source.bound.expressions), measure=measure if known else None)
    except TightrateError as reason:
        return None, str(reason)
    return (found if known else replace(found, measures=(), neighbours=())), ""


def run_claim(path: Path, claim: OwnClaim, source: Theorem, session: Session) -> xr.Dataset:
    """Every cell of the axes, as `tightrate.verify.sweep.run.run_sweep` labels them."""
    plan = guarded(path, lambda: Plan(claim.sweep(source, path.stem, session.seed)))
    results, certain = [], []
    for index, cell in enumerate(plan.cells):
        session.progress(path.stem, index, len(plan.cells))
        result, sure = guarded(path, partial(_run, cell, plan.problems, path))
        results.append(result)
        certain.append(sure)
    session.progress(path.stem, len(plan.cells), len(plan.cells))
    data = labelled(plan, results)
    error = f"{claim.theorem.measure}_stderr"
    data[error] = data[error].where(~np.reshape(certain, plan.sweep.shape), 0.0).assign_attrs(data[error].attrs)
    data.attrs |= {
        "theorem": source.id,
        "provenance": f"{source.provenance.meaning}; {source.provenance.where}",
        "measure": claim.theorem.measure,
        "seed": session.seed,
        "algorithm": claim.theorem.algorithm,
        "noise": claim.noise,
        "noisy": claim.noise == ROWS or "sigma" in claim.axes or claim.parameters.get("sigma", 0.0) != 0,
        "output": claim.output,
    }
    return data


def _run(cell: Cell, problems: Problems, path: Path) -> tuple[Result, bool]:
    """What a cell found, and whether nothing in it is random: one replica then says it all."""
    problem = problems.get(cell.problem, cell.of_the_instance)
    check_class(problem, cell.values, f"{path}: the problem")
    lowest = {name: tuned.low for name, tuned in cell.tuned.items()}
    noise = build_noise(cell.noise, cell.values)
    certain = cell.question(problem, noise, {**cell.steps, **lowest}).certain
    return run_cell(replace(cell, replicas=1, relative_error=None) if certain else cell, problems), certain


def judge_results(source: Theorem, results: xr.Dataset) -> Verdict:
    """By value where constants are explicit, by exponents where they are hidden; only where all conditions hold."""
    failing = int((results.conditions_failing > 0).sum())
    if failing:
        cells = results.conditions_failing.size
        sentence = f"A condition of the theorem fails in {failing} of {cells} cells; change steps, axes or parameters."
        return Verdict("not-applicable", sentence, "conditions hold", f"fails in {failing} cells")
    asserted = _asserted(source, results)
    if isinstance(asserted, Verdict):
        return asserted
    verdict = check(asserted, source)
    if verdict.status == "consistent" and "notes" in results.attrs:
        sentence = "The noise has no moments that bound the mean and the standard error of what was measured."
        return replace(verdict, status="inconclusive", sentence=sentence)
    return verdict


def _asserted(source: Theorem, results: xr.Dataset) -> Assertion | Verdict:
    found = replace(measurement(results), rounding=ROUNDING * abs(results.bound), what=source.bound.measure.meaning)
    explicit = source.bound.constants == "explicit"
    if explicit and source.bound.kind != "exact":
        return Bounded(source, found)
    if explicit and found.exact:
        return Equal(found, source)
    if source.bound.kind != "upper":
        sentence = "Only an upper bound, or one with explicit constants, can be contradicted by an instance."
        return Verdict("not-applicable", sentence, "", "")
    return _exponents(source, found, results)


def _exponents(source: Theorem, found: Measurement, results: xr.Dataset) -> Assertion | Verdict:
    """The exponents of the term that dominates in every cell, along all axes that are long enough together."""
    terms = {term.name: results[f"term: {term.name}"] for term in source.bound.terms}
    leaders = [name for name, value in terms.items() if bool((value >= DOMINATES * (results.bound - value)).all())]
    axes = [str(name) for name, size in found.measured.sizes.items() if size >= SHORTEST_AXIS]
    if not leaders or not axes:
        why = "no term dominates in every cell" if axes else "no axis has three values"
        return Verdict("inconclusive", f"No exponent can be read off: {why}.", "", "")
    numbers = {name: float(value) for name, value in found.symbols.items() if value.ndim == 0}
    predicted = exponents_of(source.bound.term(leaders[0]), axes, **numbers)
    error = found.stderr.where(found.stderr > CURVES * found.measured, CURVES * found.measured)
    others = [str(name) for name in found.measured.dims if name not in axes]
    lines: dict[str, Assertion] = {}
    for place in product(*(range(found.measured.sizes[name]) for name in others)):
        at = dict(zip(others, place, strict=True))
        one = replace(found, measured=found.measured.isel(at), stderr=error.isel(at))
        where = ", ".join(f"{name} = {results[name].values[index]}" for name, index in at.items())
        lines[where or f"the term {leaders[0]!r}"] = PowerLaw(one, predicted, RESOLUTION)
    return Every(lines) if others else next(iter(lines.values()))
