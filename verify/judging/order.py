"""Judging orders: statements  A <~ B  decided exactly, with certificates and paths that are checked a second time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import xarray as xr

from tightrate.rates.formulas.display import text
from tightrate.rates.orders.certificate import Side, check_certificate, check_witness
from tightrate.rates.orders.domination import dominated
from tightrate.rates.relations.upper_against_lower import PairCheck
from tightrate.rates.statements.bound import Bound
from tightrate.rates.symbols.hypothesis import Given
from tightrate.verify.verdict import Verdict

Answer = Literal["holds", "fails", "undecided"]
CODES: Mapping[str, int] = {"holds": 1, "fails": 0, "undecided": -1}
ANSWERS: Mapping[int, Answer] = {1: "holds", 0: "fails", -1: "undecided"}


@dataclass(frozen=True)
class Question:
    """Whether left <~ right, up to constants, wherever the hypotheses hold."""

    left: Side
    right: Side
    given: Given = ()

    @staticmethod
    def of_pair(check: PairCheck) -> Question:
        """What a lower and an upper bound of the same setting must satisfy: lower <~ upper, where both hold."""
        return Question(check.low, check.high, check.given)


def decided(questions: Mapping[str, Question]) -> xr.Dataset:
    """The dataset of answers over `question`: `answer` (1 holds, 0 fails, -1 undecided) and `checked`.

    `checked` says that the certificate or the path was verified again, by arithmetic on exponents alone.  The
    attribute `statements` holds both sides, hypotheses, and what proves or refutes each statement.
    """
    answers, checked, statements = [], [], {}
    for name, question in questions.items():
        result = dominated(question.left, question.right, question.given)
        sides = (question.left, question.right, question.given)
        proof = result.certificate is not None and check_certificate(result.certificate, *sides)
        path = result.witness is not None and check_witness(result.witness, *sides)
        answers.append(CODES[result.relation])
        checked.append(proof if result.relation == "holds" else path)
        statements[name] = {
            "left": _text(question.left),
            "right": _text(question.right),
            "given": [str(hypothesis) for hypothesis in question.given],
            **result.as_dict(),
        }
    return xr.Dataset(
        {"answer": (("question",), np.array(answers)), "checked": (("question",), np.array(checked, dtype=bool))},
        coords={"question": list(questions)},
        attrs={"statements": statements},
    )


def _text(side: Side) -> str:
    return text(side.expression if isinstance(side, Bound) else side)


def judge_orders(data: xr.Dataset, *, holds: Sequence[str] = (), fails: Sequence[str] = (), what: str) -> Verdict:
    """Confirmed where all of `holds` have certificates and all of `fails` have paths, each checked again.

    A statement of `holds` that fails is a violation, with its path as the witness; so is one of `fails` that holds.
    """
    statements: Mapping[str, Any] = data.attrs["statements"]
    wanted: dict[str, Answer] = {**dict.fromkeys(holds, "holds"), **dict.fromkeys(fails, "fails")}
    found = {name: ANSWERS[int(data.answer.sel(question=name))] for name in wanted}
    checked = {name: bool(data.checked.sel(question=name)) for name in wanted}
    predicted = what
    unsure = [name for name in wanted if not checked[name] or found[name] == "undecided"]
    wrong = [name for name in wanted if name not in unsure and found[name] != wanted[name]]
    if wrong:
        witness = _witness(wrong[0], statements[wrong[0]])
        told = f"{wrong[0]}: {witness.get('grows', found[wrong[0]])}"
        sentence = f"The statement {wrong[0]!r} {'fails' if found[wrong[0]] == 'fails' else 'holds'}: {witness['why']}."
        return Verdict("violated", sentence, predicted, told, evidence=_evidence(statements, wanted), witness=witness)
    if unsure:
        reason = str(statements[unsure[0]]["reason"]) or "its proof could not be checked"
        return Verdict(
            "inconclusive",
            f"The statement {unsure[0]!r} was neither proved nor refuted: {reason}.",
            predicted,
            "undecided",
            evidence=_evidence(statements, wanted),
        )
    parts = [
        f"{count} {kind}"
        for count, kind in ((len(holds), "proved by certificate"), (len(fails), "refuted by a path"))
        if count
    ]
    told = ", ".join(parts)
    return Verdict("confirmed", f"{told}; all checked again.", predicted, told, evidence=_evidence(statements, wanted))


def _witness(name: str, statement: Mapping[str, Any]) -> dict[str, Any]:
    """What a third party needs: both sides, hypotheses, and the path along which they part."""
    shared = {"statement": name, "left": statement["left"], "right": statement["right"], "given": statement["given"]}
    path = statement["witness"]
    if path is None:
        return {**shared, "certificate": statement["certificate"], "why": "a certificate proves it"}
    along = ", ".join(f"{letter} = n^{power}" for letter, power in path["exponents"].items())
    grows = f"ratio grows like n^{path['ratio']}" if path["ratio"] != "inf" else "ratio grows faster than any power"
    return {**shared, **path, "grows": grows, "why": f"along {along} the {grows}"}


def _evidence(statements: Mapping[str, Any], names: Mapping[str, Answer]) -> dict[str, Any]:
    return {
        name: {key: value for key, value in statements[name].items() if value not in (None, "", [])} for name in names
    }
