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
from tightrate.rates.statements.setting import HETEROGENEITY
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.alphabet import LETTERS
from tightrate.simulator.algorithm import ALGORITHMS
from tightrate.simulator.parameters import construct, parameters
from tightrate.simulator.round_algorithm import RoundAlgorithm
from tightrate.simulator.worst_case.quadratics import worst_quadratic
from tightrate.simulator.worst_case.settings import MEASURES
from tightrate.simulator.worst_case.worst_case import worst_case
from tightrate.verify.assertions.assertion import Assertion, Undecided
from tightrate.verify.assertions.bounded import Bounded
from tightrate.verify.claim import Claim
from tightrate.verify.exact_worst_case import (
    EXPRESSIBLE,
    ONE_OF_MANY,
    TRANSFORMED,
    classes,
    method_of,
    output_of,
    symbols_of,
)
from tightrate.verify.experiment import Experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.session import Session
from tightrate.verify.verdict import Verdict, of_the_bound

SIZES = {"quick": ((1, 2), (2, 2), (4, 1)), "full": ((1, 2), (2, 2), (4, 1), (1, 6), (4, 2), (2, 5), (8, 1), (4, 4))}
ZETA_STAR = 0.3  # in units of L B, where a bound speaks of it
MOMENTUM = 0.5
IMPROVABLE = 0.5
EVIDENCE = "exact worst case at these sizes"
SMALLER_TAU = 0.5  # in units of L, for a lower bound that excludes tau = L: its instances are of that class, too
ANY_STEP = (0.5, 1.0, 1.5)  # for lower bounds, which hold at every step: a large one makes them trivial


def inexpressible(theorem: Theorem) -> str:
    """Why no programme can be held against the theorem; empty where one can: explicit constants, a method of the
    registry that is linear in gradients, an iterate and a measure that the programme knows, no symbol that its class
    does not have, and some admissible point."""
    bound, method = theorem.bound, method_of(theorem)
    if bound.constants != "explicit":
        return "its constants are hidden"
    if bound.kind == "exact":
        return "it is about one instance"
    if TRANSFORMED.get(bound.measure.name, bound.measure.name) not in MEASURES:
        return f"it bounds the {bound.measure.name}"
    if method is None:
        return f"no method of the registry is {theorem.algorithm}"
    if output_of(theorem) is None:
        return f"it is about the {theorem.iterate}"
    known = parameters(ALGORITHMS[method])
    own = {
        name: 1 if type(one.default) is int or name == "switch" else 0.1 for name, one in known.items() if one.required
    }
    rule = construct(ALGORITHMS[method], own)
    if not rule.linear:
        return f"{method} is not linear in gradients"
    if isinstance(rule, RoundAlgorithm) and rule.random:
        return f"{method} draws random numbers of its own"
    if free := sorted(name for name, one in known.items() if one.required and name not in {*CHOSEN, *theorem.steps}):
        return f"no value of {', '.join(free)} is standard"
    if unknown := sorted({symbol.name for symbol in bound.expression.free_symbols} - OF_CLASS - set(known)):
        return f"it depends on {', '.join(unknown)}"
    return "" if any(True for _ in points(theorem, "quick")) else "its conditions hold at no size that is tried"


def expressible(theorem: Theorem) -> bool:
    """Whether a programme can be held against the theorem."""
    return not inexpressible(theorem)


CHOSEN = ("eta", "gamma", "momentum")  # here, where a theorem does not
OF_CLASS = frozenset({"B", "K", "L", "M", "R", "mu", "sigma", "sigma_star", "sigma_2alpha", "zeta_star", "tau"})


def points(theorem: Theorem, profile: str) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    """What the programme is asked at: sizes, the class, and the steps that are prescribed, or the largest allowed; and
    what else the theorem is told.

    Two workers stand for any number, whose worst case is the same; one is enough where workers are identical, or
    heterogeneity is not bounded by anything that a programme knows.
    """
    spoken = {symbol.name for symbol in theorem.bound.expression.free_symbols}
    spoken |= {name for one in theorem.conditions for name in one.symbols}
    setting, upper = theorem.setting, theorem.bound.kind == "upper"
    bounded = {} if setting is None else setting.bounded()
    pooled = theorem.algorithm.endswith("minibatch-sgd")
    one = (
        setting is None
        or bounded.get("zeta") == 0
        or pooled
        or (upper and not {"zeta_star"} & set(bounded) and "sigma_star" not in bounded)
    )
    zeta_star = ZETA_STAR if spoken & {"zeta_star", "sigma_star"} and bounded.get("zeta_star") != 0 else 0.0
    method = method_of(theorem)
    known = parameters(ALGORITHMS[method]) if method else {}
    defaults = {name: own.default for name, own in known.items() if type(own.default) in (int, float)}
    for K, R in SIZES[profile]:
        at = {"K": float(K), "R": float(R), "M": 1.0 if one else 2.0, "zeta_star": 0.0 if one else zeta_star}
        at |= {"L": 1.0, "B": 1.0, "mu": 0.1 if "mu" in spoken else 0.0}
        symbols: dict[str, Any] = {**defaults, **at, "sigma": 0.0, "sigma_star": at["zeta_star"], "T": K * R}
        further = {"tau": 1.0}
        if not upper and any(one.status({**symbols, **further}) == "fails" for one in theorem.conditions):
            further = {"tau": SMALLER_TAU}
        symbols |= further
        steps = {"gamma": 1.0, **({"momentum": MOMENTUM} if "momentum" in known else {})}
        steps |= {name: float(theorem.step_at(name, symbols)) for name in theorem.steps if name in known}
        steps = {name: value for name, value in steps.items() if name in known}
        if "eta" in theorem.steps:
            choices = [steps]
        elif upper and mentions(theorem.conditions, "eta"):
            given = {**symbols, **steps}
            decided = [one for one in theorem.conditions if one.relation is not None and one.symbols <= {*given, "eta"}]
            arrays = {name: np.array(value) for name, value in given.items()}
            choices = [{**steps, "eta": float(largest_step(decided, arrays))}]
        else:
            choices = [{**steps, "eta": eta} for eta in ANY_STEP]
        for choice in choices:
            if not any(one.status({**symbols, **choice}) == "fails" for one in theorem.conditions):
                yield {**at, **choice}, further


def worst_cases_of(theorem: Theorem, profile: str) -> xr.Dataset:
    """The exact worst case at every point: `lower` and `upper` ends, `attained` by a function of the theorem's own
    class (nan where none is known; `curvature` where that is a quadratic), and the symbols there."""
    measure = TRANSFORMED.get(theorem.bound.measure.name, theorem.bound.measure.name)
    method = method_of(theorem)
    rows: list[dict[str, float]] = []
    try:
        for point, further in points(theorem, profile):
            asked: dict[str, Any] = {**point, "measure": measure, "output": output_of(theorem)}
            found = worst_case(str(method), **asked)
            known = found.status == "solved"
            inside, contains = classes(theorem, found)
            ends = {"lower": found.lower, "upper": found.upper} if known else {"lower": np.nan, "upper": np.nan}
            ends |= {"attained": ends["lower"] if contains else np.nan, "curvature": np.nan}
            if not contains and _quadratic(theorem) and point["M"] == 1:
                quadratic = worst_quadratic(str(method), **asked)
                ends |= {"attained": quadratic.value, "curvature": quadratic.curvature}
            if theorem.bound.measure.name in TRANSFORMED:
                ends |= {name: float(np.sqrt(ends[name])) for name in ("lower", "upper", "attained")}
            rows.append({**symbols_of(found, further), **ends, "inside": inside, "contains": contains})
    except TightrateError as missing:
        if "pip install" not in str(missing):
            raise
        return xr.Dataset(attrs={"missing": str(missing)})
    names = [*ENDS, "inside", "contains", *(name for name in rows[0] if name in LETTERS and name not in ENDS)]
    return xr.Dataset({name: ("point", np.array([row[name] for row in rows], dtype=float)) for name in names})


ENDS = ("lower", "upper", "attained", "curvature")


def _quadratic(theorem: Theorem) -> bool:
    """Whether the theorem's class, on one worker, is that of all quadratics."""
    if theorem.setting is None or theorem.bound.kind != "upper":
        return False
    assumed = set(theorem.setting.constants) - EXPRESSIBLE - set(HETEROGENEITY)
    in_words = any(line.relation is None and "sigma" not in line.text for line in theorem.conditions)
    return assumed == {"Q"} and theorem.setting.constants["Q"] == 0 and not in_words


@dataclass(frozen=True)
class NoWorse:
    """No function of the class does worse than an upper bound, some does as badly as a lower bound; no more is said
    where the theorem's class and that of the programme differ.

    `attained` is the same bound beside what functions of the theorem's own class attain, None where none is known to be
    of it: by them an upper bound is refuted.
    """

    bounded: Bounded
    decides: bool
    attained: Bounded | None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """The points that are judged."""
        return self.bounded.measurements

    @property
    def is_about_these(self) -> bool:
        """Whether a lower bound is about this method, these steps and workers as different as the programme's.

        One of all methods or of all steps can be sharp for others than were tried.
        """
        theorem, symbols = self.bounded.theorem, self.bounded.measurement.symbols
        alike = "tau" in symbols and bool((symbols["tau"] < symbols["L"]).any())
        steps = {"eta", "gamma"} & set(parameters(ALGORITHMS[str(method_of(theorem))]))
        free = steps - set(theorem.steps) - {symbol.name for symbol in theorem.bound.expression.free_symbols}
        return theorem.algorithm not in ONE_OF_MANY and not free and not alike

    def check(self) -> Verdict:
        """The verdict on the ends of the intervals, with what it shows of the constant."""
        refuted = None if self.attained is None else self.attained.check()
        if refuted is not None and refuted.status == "violated":
            witness = {**(refuted.witness or {}), "functions": self._command(refuted)}
            sentence = (
                "Some functions of the class break the bound: the command of the witness builds them."
                if self.bounded.side == "upper"
                else "No function of the class does as badly as the bound says: the command of the witness proves it."
            )
            evidence = {**refuted.evidence, "evidence": EVIDENCE}
            return replace(refuted, witness=witness, sentence=sentence, evidence=evidence)
        verdict = self.bounded.check()
        upper = self.bounded.side == "upper"
        ratio = float(verdict.evidence.get(f"{'largest' if upper else 'smallest'} measured / bound", np.nan))
        improvable = ratio < IMPROVABLE if upper else ratio > 1 / IMPROVABLE and self.is_about_these
        evidence = {**verdict.evidence, "evidence": EVIDENCE, "constant improvable at these sizes": improvable}
        if verdict.status == "violated" or (verdict.status == "consistent" and not self.decides):
            sentence = "The theorem's class is not that of the programme, so that the worst case decides nothing."
            return replace(verdict, status="inconclusive", sentence=sentence, evidence=evidence, witness=None)
        if verdict.status == "consistent":
            sentence = (
                f"No function of the class is worse than {of_the_bound(ratio)}"
                if upper
                else f"The worst function is at least {ratio:.6g} times as bad as the bound says"
            )
            verdict = replace(verdict, sentence=f"{sentence} at the {verdict.evidence['comparisons']} sizes tried.")
        return replace(verdict, evidence=evidence)

    def mutants(self) -> Mapping[str, Assertion]:
        """A constant just beyond what is attained, and one wrong by a factor 2 where that is as close."""
        if self.attained is None:
            return {}
        inequality = self.attained.inequality
        ratio = (self.attained.measurement.measured / inequality.bound).where(inequality.bound > 0)
        upper = self.bounded.side == "upper"
        closest = float(ratio.max() if upper else ratio.min())
        factors = {closest * (0.99 if upper else 1.01)} | ({0.5} if upper and closest > 0.5 * 1.001 else set())
        factors |= {2.0} if not upper and closest < 2 / 1.001 else set()
        return {f"constant times {f:.4g}": self._times(f) for f in sorted(factors)}

    def _times(self, factor: float) -> NoWorse:
        bounded, attained = (
            None if one is None else replace(one, right=factor * one.inequality.bound)
            for one in (self.bounded, self.attained)
        )
        assert bounded is not None
        return replace(self, bounded=bounded, attained=attained)

    def _command(self, verdict: Verdict) -> str:
        told, theorem = verdict.witness or {}, self.bounded.theorem
        method = str(method_of(theorem))
        steps = [name for name in parameters(ALGORITHMS[method]) if name in told]
        curvature = told.get("curvature", np.nan)
        if np.isfinite(curvature):
            given = {
                **{name: told[name] for name in ("K", "R", *steps)},
                "M": 1,
                "d": 1,
                "tau": 0,
                "zeta_star": 0,
                "B": 1,
            }
            given |= {"mu": curvature, "L": curvature}
            values = " ".join(f"{name}={value:.17g}" for name, value in given.items())
            return f"tightrate simulate {method} random-quadratics {values} --output {output_of(theorem)}"
        names = ["K", "R", "M", "mu", "zeta_star", *steps]
        values = " ".join(f"{name}={told[name]:.17g}" for name in dict.fromkeys(names) if name in told)
        measure = TRANSFORMED.get(theorem.bound.measure.name, theorem.bound.measure.name)
        how = f"--measure {measure} --output {output_of(theorem)} --out FILE"
        return f"tightrate worst-case {method} {values} {how}"


def no_worse(theorem: Theorem, data: xr.Dataset) -> NoWorse:
    """The theorem beside its worst cases."""
    upper = theorem.bound.kind == "upper"
    rounding = data.upper - data.lower + 1e-7 * abs(data.upper)
    measured = data.upper if upper else data.lower
    measurement = Measurement.of(data, measured, what="the exact worst case", rounding=rounding)
    bounded = Bounded(theorem, measurement)
    if not upper:  # refuted where no function of a class that holds the theorem's does as badly
        return NoWorse(bounded, bool(data.contains.all()), bounded if bool(data.inside.all()) else None)
    known = bool(data.attained.notnull().all())
    own = Measurement.of(data, data.attained, what="what functions of the class attain", rounding=1e-7 * data.attained)
    return NoWorse(bounded, bool(data.inside.all()), Bounded(theorem, own) if known else None)


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
