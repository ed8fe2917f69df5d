"""Claims by exact worst cases: a bound of the catalogue against all functions of its class, at a few sizes.

Stronger than instances: where the worst case lies below an upper bound, no function of the class breaks it at these
sizes, whatever its dimension.  Where a worst case is less than half of the bound, its constant can be improved there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from tightrate.common.errors import TightrateError
from tightrate.rates.statements.admissible_steps import largest_step, mentions
from tightrate.rates.statements.catalogue import statement
from tightrate.rates.statements.catalogue import theorem as catalogued
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.parameters import construct, parameters
from tightrate.simulator.worst_case.settings import MEASURES
from tightrate.simulator.worst_case.worst_case import worst_case
from tightrate.verify.assertions.assertion import Assertion, Undecided
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import Claim
from tightrate.verify.exact_worst_case import TRANSFORMED, classes, output_of, symbols_of
from tightrate.verify.experiment import Experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict

SIZES = {"quick": ((1, 2), (2, 2), (4, 1)), "full": ((1, 2), (2, 2), (4, 1), (1, 6), (4, 2), (2, 5), (8, 1), (4, 4))}
ZETA_STAR = 0.3  # in units of L B, where a bound speaks of it
MOMENTUM = 0.5
IMPROVABLE = 0.5
EVIDENCE = "exact worst case at these sizes"
ANY_STEP = (0.5, 1.0, 1.5)  # for lower bounds, which hold at every step: a large one makes them trivial


def expressible(theorem: Theorem) -> bool:
    """Whether a programme can be held against the theorem: a method of the registry that is linear in gradients, its
    last iterate or uniform average, explicit constants, a measure that the programme knows, and some admissible
    point."""
    bound = theorem.bound
    if bound.constants != "explicit" or bound.kind == "exact" or theorem.algorithm not in ALGORITHMS.names():
        return False
    if TRANSFORMED.get(bound.measure.name, bound.measure.name) not in MEASURES or output_of(theorem) is None:
        return False
    known = parameters(ALGORITHMS[theorem.algorithm])
    own = {name: 0.1 for name, one in known.items() if one.required}
    if not construct(ALGORITHMS[theorem.algorithm], own).linear:
        return False
    speaks_of = {symbol.name for symbol in bound.expression.free_symbols}
    return speaks_of <= KNOWN and any(True for _ in points(theorem, "quick"))


STEPS = {"eta", "gamma", "momentum"}
KNOWN = frozenset({"B", "K", "L", "M", "R", "mu", "sigma", "sigma_star", "sigma_2alpha", "zeta_star", "tau", *STEPS})


def points(theorem: Theorem, profile: str) -> Iterator[dict[str, float]]:
    """What the programme is asked at: sizes, the class, and the steps that are prescribed, or the largest allowed."""
    speaks = {symbol.name for symbol in theorem.bound.expression.free_symbols}
    speaks |= {name for one in theorem.conditions for name in one.symbols}
    identical = theorem.setting is None or theorem.setting.bounded().get("zeta") == 0
    pooled = theorem.algorithm.endswith("minibatch-sgd")
    heterogeneous = bool(speaks & {"zeta_star", "sigma_star"}) and not identical
    zeta_star = ZETA_STAR if heterogeneous else 0.0
    known = parameters(ALGORITHMS[theorem.algorithm])  # two workers stand for any number: the worst case is the same
    for K, R in SIZES[profile]:
        at = {"K": float(K), "R": float(R), "M": 1.0 if identical or pooled else 2.0, "zeta_star": zeta_star}
        at |= {"L": 1.0, "B": 1.0, "mu": 0.1 if "mu" in speaks else 0.0}
        symbols: dict[str, Any] = {**at, "sigma": 0.0, "sigma_star": zeta_star, "tau": 1.0, "T": K * R}
        steps = {"gamma": 1.0, **({"momentum": MOMENTUM} if "momentum" in known else {})}
        steps |= {name: float(theorem.step_at(name, symbols)) for name in theorem.steps if name in known}
        steps = {name: value for name, value in steps.items() if name in known}
        if "eta" in theorem.steps:
            choices = [steps]
        elif theorem.bound.kind == "upper" and mentions(theorem.conditions, "eta"):
            given = {**symbols, **steps}
            decided = [one for one in theorem.conditions if one.relation is not None and one.symbols <= {*given, "eta"}]
            arrays = {name: np.array(value) for name, value in given.items()}
            choices = [{**steps, "eta": float(largest_step(decided, arrays))}]
        else:
            choices = [{**steps, "eta": eta} for eta in ANY_STEP]
        for choice in choices:
            if not any(one.status({**symbols, **choice}) == "fails" for one in theorem.conditions):
                yield {**at, **choice}


def worst_cases_of(theorem: Theorem, profile: str) -> xr.Dataset:
    """The exact worst case at every point: `lower` and `upper` ends (point), and the symbols there."""
    measure = TRANSFORMED.get(theorem.bound.measure.name, theorem.bound.measure.name)
    rows: list[dict[str, float]] = []
    try:
        for point in points(theorem, profile):
            output: Any = output_of(theorem)
            found = worst_case(theorem.algorithm, **point, measure=measure, output=output)  # type: ignore[arg-type]
            known = found.status == "solved"
            ends = {"lower": found.lower, "upper": found.upper} if known else {"lower": np.nan, "upper": np.nan}
            if theorem.bound.measure.name in TRANSFORMED:
                ends = {name: float(np.sqrt(value)) for name, value in ends.items()}
            inside, contains = classes(theorem, found)
            rows.append({**symbols_of(found), **ends, "inside": inside, "contains": contains})
    except TightrateError as missing:
        if "pip install" not in str(missing):
            raise
        return xr.Dataset(attrs={"missing": str(missing)})
    names = ["lower", "upper", "inside", "contains", *(name for name in rows[0] if name in LETTERS)]
    return xr.Dataset({name: ("point", np.array([row[name] for row in rows], dtype=float)) for name in names})


@dataclass(frozen=True)
class NoWorse:
    """No function of the class does worse than an upper bound, some does as badly as a lower bound; no more is said
    where the theorem's class and that of the programme differ."""

    bounded: Bounded
    decides: bool
    refutes: bool

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return self.bounded.measurements

    def check(self) -> Verdict:
        """The verdict on the ends of the intervals, with what it shows of the constant."""
        verdict = self.bounded.check()
        upper = self.bounded.side == "upper"
        name = f"{'largest' if upper else 'smallest'} measured / bound"
        ratio = float(verdict.evidence.get(name, np.nan))
        improvable = ratio < IMPROVABLE if upper else ratio > 1 / IMPROVABLE
        evidence = {**verdict.evidence, "evidence": EVIDENCE, "constant improvable at these sizes": improvable}
        if verdict.status == "violated":
            witness = {**(verdict.witness or {}), "functions": self._command(verdict)}
            sentence = "Some functions of the class break the bound: the command of the witness builds them."
            verdict = replace(verdict, witness=witness, sentence=sentence)
        allowed = {"consistent": self.decides, "violated": self.refutes}.get(verdict.status, True)
        if not allowed:
            sentence = "The theorem's class is not that of the programme, so that the worst case decides nothing."
            return replace(verdict, status="inconclusive", sentence=sentence, evidence=evidence, witness=None)
        if verdict.status == "consistent":
            sentence = (
                f"No function of the class is worse than {ratio:.6g} times the bound"
                if upper
                else f"The worst function is at least {ratio:.6g} times as bad as the bound says"
            )
            verdict = replace(verdict, sentence=f"{sentence} at the {verdict.evidence['comparisons']} sizes tried.")
        return replace(verdict, evidence=evidence)

    def mutants(self) -> Mapping[str, Assertion]:
        """A constant just beyond the worst case, and one wrong by a factor 2 where the worst case is that close."""
        return {how: replace(self, bounded=mutant) for how, mutant in self._beyond().items()}

    def _beyond(self) -> dict[str, Bounded]:
        inequality = self.bounded.inequality
        if self.bounded.right is not None:
            return {}
        ratio = (self.bounded.measurement.measured / inequality.bound).where(inequality.bound > 0)
        upper = self.bounded.side == "upper"
        closest = float(ratio.max() if upper else ratio.min())
        factors = {closest * (0.99 if upper else 1.01)} | ({0.5} if upper and closest > 0.5 * 1.001 else set())
        factors |= {2.0} if not upper and closest < 2 / 1.001 else set()
        return {f"constant times {f:.4g}": replace(self.bounded, right=f * inequality.bound) for f in sorted(factors)}

    def _command(self, verdict: Verdict) -> str:
        told = verdict.witness or {}
        known = parameters(ALGORITHMS[self.bounded.theorem.algorithm])
        names = ["K", "R", "M", "mu", "zeta_star", *known]
        given = " ".join(f"{name}={told[name]:.17g}" for name in dict.fromkeys(names) if name in told)
        theorem = self.bounded.theorem
        measure = TRANSFORMED.get(theorem.bound.measure.name, theorem.bound.measure.name)
        how = f"--measure {measure} --output {output_of(theorem)} --out FILE"
        return f"tightrate worst-case {theorem.algorithm} {given} {how}"


def no_worse(theorem: Theorem, data: xr.Dataset) -> NoWorse:
    """The theorem beside its worst cases."""
    upper = theorem.bound.kind == "upper"
    rounding = data.upper - data.lower + 1e-7 * abs(data.upper)
    measured = data.upper if upper else data.lower
    measurement = Measurement.of(data, measured, what="the exact worst case", rounding=rounding)
    decides, refutes = (data.inside, data.contains) if upper else (data.contains, data.inside)
    return NoWorse(Bounded(theorem, measurement), bool(decides.all()), bool(refutes.all()))


@dataclass(frozen=True, eq=False)
class WorstCaseExperiment(Experiment):
    """The worst cases of one theorem's class, asked for in the module `home`."""

    home: str

    @property
    def module(self) -> str:
        """Where the claim is written."""
        return self.home


def worst_case_claim(theorem_id: str, home: str) -> Claim:
    """The claim that a bound holds against the exact worst case of its method."""

    def worst(session: Session) -> xr.Dataset:
        """The exact worst case at a few sizes, at the steps that the theorem prescribes or allows."""
        return worst_cases_of(catalogued(theorem_id), session.profile)

    def asserted(theorem: Theorem, data: xr.Dataset) -> Assertion:
        """The semidefinite programme of performance estimation, whose value is the worst case over the class, certified
        by its dual, at a few sizes and the largest admissible (or the prescribed) steps."""
        if "missing" in data.attrs:
            return Undecided("not-applicable", data.attrs["missing"])
        return no_worse(theorem, data)

    claim_id = f"{theorem_id}-exact-worst-case"
    experiment = WorstCaseExperiment(claim_id.replace("/", "-"), worst, home)
    stated = partial(_sentence, theorem_id)
    return Claim(claim_id, stated, theorem_id, "bound with constants", asserted, (experiment,))


def _sentence(theorem_id: str) -> str:
    found = statement(theorem_id)
    if found.kind == "lower":
        return f"The exact worst case is at least the bound of {found.title}."
    return f"Without noise no function of the class breaks the bound of {found.title} at the sizes tried."
