"""A claim: one sentence that can be true or false, the theorem it comes from, and the assertion that tests it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from tightrate.common.errors import check_one_of
from tightrate.rates.formulas.inline import as_text
from tightrate.rates.statements import catalogue
from tightrate.rates.statements.builder import Statement
from tightrate.rates.statements.theorem import Erratum, Theorem
from tightrate.verify.assertions.assertion import Assertion
from tightrate.verify.experiment import Experiment
from tightrate.verify.measurement import Measurement
from tightrate.verify.notebook_tables import html_table, latex_table, text_table
from tightrate.verify.session import Profile, Session
from tightrate.verify.verdict import Status, Verdict

ClaimKind = Literal[
    "identity",
    "exact value",
    "bound with constants",
    "scaling",
    "regime",
    "counterexample",
    "erratum",
    "side condition",
    "conditional",
]
ACCUSING: frozenset[ClaimKind] = frozenset({"erratum", "side condition", "conditional"})
Assert = Callable[..., Assertion]


@dataclass(frozen=True)
class Claim:
    """`asserted` makes the assertion of the theorem, if it has a parameter of that name, and of the datasets of `data`.

    An erratum's statement is the printed one, so its expected verdict is "violated"; `accuses` is the label of the
    theorem's erratum that says what is printed and where, what is true, and how sure we are.  A "side condition" is a
    statement read without what its source leaves unsaid; a "conditional" holds the source to a form that was not seen.
    `cost` is the smallest profile
    that runs the claim: "quick" in every profile, "full" only in the full one.  `outside` names conditions of the
    theorem (by their text) that the claim's points may break, each with the reason; one text is the reason for all of
    them (an identity, or a step of a proof, that needs none).  `stated` is the sentence, or what makes it when somebody
    asks.  `own_theorem` is the theorem where the catalogue does not have it.

    Attributes:
        id: PAPER/NAME
        theorem_id: the statement that it is about
        kind: what sort of assertion it is
        expected: the verdict that is expected

    >>> from tightrate.verify.registry import CLAIMS
    >>> CLAIMS["patel2024/k-does-not-help"].expected
    'consistent'
    """

    id: str
    stated: str | Callable[[], str]
    theorem_id: str
    kind: ClaimKind
    asserted: Assert
    data: tuple[Experiment, ...] = ()
    expected: Status = "consistent"
    cost: Profile = "quick"
    outside: Mapping[str, str] | str = field(default_factory=dict)
    accuses: str = ""
    own_theorem: Theorem | None = None

    def __post_init__(self) -> None:
        check_one_of(f"kind of claim {self.id}", self.kind, get_args(ClaimKind))
        check_one_of(f"expected verdict of {self.id}", self.expected, get_args(Status))
        check_one_of(f"cost of {self.id}", self.cost, get_args(Profile))

    @property
    def erratum(self) -> Erratum | None:
        """The erratum that the claim tests, if it is one."""
        if not self.accuses:
            return None
        for erratum in self.theorem.errata:
            if erratum.label == self.accuses:
                return erratum
        raise LookupError(f"{self.theorem_id} has no erratum {self.accuses!r}")

    @property
    def statement(self) -> str:
        """One sentence that can be true or false."""
        return self.stated if isinstance(self.stated, str) else self.stated()

    @property
    def told(self) -> str:
        """The statement as readers get it: a belief that a counterexample refutes begins with "Not true:".

        >>> from tightrate.verify.registry import CLAIMS
        >>> CLAIMS["cheng2024/local-never-worse"].told[:31]
        'Not true: Clipping aside, the l'
        """
        is_belief = self.expected == "violated" and not self.accuses
        return f"Not true: {self.statement}" if is_belief else self.statement

    @property
    def theorem(self) -> Theorem:
        """The statement that the claim is about."""
        return self.own_theorem or catalogue.theorem(self.theorem_id)

    @property
    def procedure(self) -> str:
        """How the claim is tested, in a sentence or two: the first paragraph of the docstring."""
        return " ".join((self.asserted.__doc__ or "").strip().split("\n\n")[0].split())

    @property
    def paper(self) -> str:
        """The paper whose claim this is."""
        return self.id.split("/")[0]

    @property
    def __claim_name__(self) -> str:
        """The name under which the registry of claims finds this object."""
        return self.id

    def assertion(self, *data: xr.Dataset) -> Assertion:
        """What is asserted of these datasets, one for each experiment."""
        named = {"theorem": self.theorem} if "theorem" in inspect.signature(self.asserted).parameters else {}
        return self.asserted(**named, **dict(zip(self._data_names(), map(_numbered, data), strict=True)))

    def _data_names(self) -> list[str]:
        return [name for name in inspect.signature(self.asserted).parameters if name != "theorem"]

    def judge(self, *data: xr.Dataset) -> Verdict:
        """The verdict on these datasets, the theorem's conditions included."""
        return check(self.assertion(*data), self.theorem, self.outside)


def claim(
    claim_id: str,
    statement: str,
    *,
    kind: ClaimKind,
    theorem: str | Statement = "",
    data: Experiment | Sequence[Experiment] = (),
    expected: Status = "consistent",
    cost: Profile = "quick",
    outside: Mapping[str, str] | str | None = None,
    accuses: str = "",
) -> Callable[[Assert], Claim]:
    """Make a claim of the function that says what is asserted.

    The theorem, by its id or as the statement itself, is that of the claim's id unless given.

    Args:
        claim_id: PAPER/NAME
        statement: one sentence that can be true or false, formulas between dollar signs
        kind: what sort of assertion it is, such as "counterexample" or "scaling"
        theorem: the statement that is claimed about, by id or as an object
        data: the experiments whose results the function takes, in this order behind the theorem
        expected: the verdict that is expected
        cost: "quick" or "full", the smallest profile that judges it
        outside: conditions of the theorem that are not met on purpose, each with the reason
        accuses: the label of the erratum whose printed version this states

    Returns:
        A decorator, which turns a function of a theorem and datasets into a `Claim`.

    Raises:
        TightrateError: for a name that is taken or malformed, or an unknown theorem.

    >>> from tightrate.verify.registry import CLAIMS
    >>> CLAIMS["patel2024/k-does-not-help"].theorem_id
    'patel2024/prop7-constant'
    """
    about = theorem.id if isinstance(theorem, Statement) else theorem or claim_id
    runs = (data,) if isinstance(data, Experiment) else tuple(data)

    def make(asserted: Assert) -> Claim:
        return Claim(claim_id, statement, about, kind, asserted, runs, expected, cost, outside or {}, accuses)

    return make


def check(assertion: Assertion, theorem: Theorem, outside: Mapping[str, str] | str | None = None) -> Verdict:
    """The verdict on an assertion about a theorem whose conditions hold at every point.

    A point that breaks a condition makes the verdict an error; conditions in words, and those that speak of symbols
    which a measurement does not have, are listed in the evidence as unchecked.
    """
    known = {condition.text for condition in theorem.conditions}
    waived = dict.fromkeys(known, outside) if isinstance(outside, str) else (outside or {})
    unknown = [text for text in waived if text not in known]
    if unknown:
        raise LookupError(f"{theorem.id} has no condition {unknown[0]!r}; it has {', '.join(sorted(known))}")
    unchecked: dict[str, str] = {}
    for measurement in assertion.measurements:
        broken = _broken(theorem, measurement, waived, unchecked)
        if broken is not None:
            return broken
    verdict = assertion.check()
    notes: dict[str, Any] = {}
    if assertion.measurements and unchecked:
        notes["conditions not checked"] = [f"{text} ({why})" for text, why in unchecked.items()]
    if waived:
        each = [f"{text}: {why}" for text, why in waived.items()]
        notes["outside of the conditions"] = [f"all: {outside}"] if isinstance(outside, str) else each
    return replace(verdict, evidence={**verdict.evidence, **notes}) if notes else verdict


def _broken(
    theorem: Theorem, measurement: Measurement, waived: Mapping[str, str], unchecked: dict[str, str]
) -> Verdict | None:
    """An error where a point breaks a condition that is not waived; `unchecked` collects what could not be decided."""
    for condition in theorem.conditions:
        if condition.text in waived:
            continue
        if condition.relation is None:
            unchecked[condition.text] = "in words"
            continue
        missing = sorted(condition.symbols - set(measurement.symbols))
        if missing:
            unchecked[condition.text] = f"needs {', '.join(missing)}"
            continue
        holds = xr.DataArray(condition.holds_at(measurement.symbols))
        if bool(holds.all()):
            continue
        place = (~holds).astype(float).argmax(...) if holds.ndim else {}
        witness = measurement.witness(place)
        shown = ", ".join(f"{name} = {value}" for name, value in witness.items())
        sentence = (
            f"The claim itself is wrong: {int((~holds).sum())} of {holds.size} points break a condition of"
            f" {theorem.id}, {condition.text!r}, first at {shown}."
        )
        return Verdict("error", sentence, "conditions hold", condition.text)
    return None


@dataclass(frozen=True)
class Finding:
    """A claim with the verdict on it and the seconds that its experiments and judgement took.

    Attributes:
        claim: what was judged
        verdict: what came out
        seconds: that it took

    >>> from tightrate.verify.registry import judge
    >>> judge("patel2024/coordinate-pair").verdict.status
    'confirmed'
    """

    claim: Claim
    verdict: Verdict
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the verdict is the one that the claim states; what is confirmed is consistent, too."""
        found, expected = self.verdict.status, self.claim.expected
        return found == expected or (found, expected) == ("confirmed", "consistent")

    def __str__(self) -> str:
        return text_table(f"{self.claim.id}: {self.verdict.status}", self._rows())

    def _repr_html_(self) -> str:
        return html_table(f"{self.claim.id}: {self.verdict.status}", self._rows())

    def _repr_latex_(self) -> str:
        return latex_table(f"{self.claim.id}: {self.verdict.status}", self._rows())

    def _rows(self) -> dict[str, str]:
        expected = {} if self.as_expected else {"EXPECTED": self.claim.expected}
        return {
            **expected,
            "claim": as_text(self.claim.statement),
            "theorem": self.claim.theorem_id,
            **self.verdict.rows(),
        }


def judge(claim: Claim, session: Session) -> Finding:
    """Run the claim's experiments (or take their results from the session) and judge it.

    A witness says what runs it again, experiment, profile and seed, and where in the dataset it was found.
    """
    began = perf_counter()
    try:
        results = [session.result(experiment) for experiment in claim.data]
        ready = perf_counter()
        verdict = claim.judge(*(dataset for dataset, _ in results))
        seconds = sum(seconds for _, seconds in results) + perf_counter() - ready
        return Finding(claim, _with_origin(verdict, claim, session), seconds)
    except Exception as failure:  # one failing test must not take the other verdicts with it
        sentence = f"The test itself failed: {type(failure).__name__}: {' '.join(str(failure).split())}"
        return Finding(claim, Verdict("error", sentence, "-", "-"), perf_counter() - began)


def _numbered(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with positions as coordinates of dimensions that have none, so that a witness can name its place."""
    bare = {name: np.arange(size) for name, size in dataset.sizes.items() if name not in dataset.coords}
    return dataset.assign_coords(bare)


def _with_origin(verdict: Verdict, claim: Claim, session: Session) -> Verdict:
    """The verdict whose witness, if there is one, says from which run it is.

    `tightrate verify CLAIM --profile PROFILE --seed SEED` is that run again.  A parameter of the instance that shares
    one of these names, with another value, is renamed.
    """
    if verdict.witness is None:
        return verdict
    names = names_of(claim)
    origin = {**({"experiment": names} if names else {}), "profile": session.profile, "seed": session.seed}
    renamed = {
        f"{name} of the instance": value
        for name, value in verdict.witness.items()
        if name in origin and value != origin[name]
    }
    own = {name: value for name, value in verdict.witness.items() if name not in origin}
    return replace(verdict, witness={**own, **renamed, **origin})


def names_of(claim: Claim) -> str:
    """The names of a claim's experiments."""
    return ", ".join(experiment.name for experiment in claim.data)


def experiments_of(claims: Sequence[Claim]) -> Iterator[Experiment]:
    """The experiments of the claims."""
    for one in claims:
        yield from one.data


def judge_all(claims: Sequence[Claim], session: Session) -> tuple[Finding, ...]:
    """Run the experiments of the claims, as many at once as the session has jobs, and judge claim by claim."""
    session.prepare(list(experiments_of(claims)))
    return tuple(judge(claim, session) for claim in claims)
