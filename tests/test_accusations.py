"""Whoever accuses a paper says what is printed and where, what is true, the witness, and how sure it is."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tightrate.common.errors import TightrateError
from tightrate.rates.relations.misprints import invisible_to_units, misprints
from tightrate.rates.statements.catalogue import theorem, theorems
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import CERTAINTY_MEANING, ERRATUM_MEANING, UNCHECKED, Erratum
from tightrate.verify.claim import ACCUSING, Claim
from tightrate.verify.registry import CLAIMS

ERRATA = [(entry, erratum) for entry in theorems() for erratum in entry.errata]


def erratum_faults(erratum: Erratum) -> Iterator[str]:
    """What an accusation, or a remark, fails to say."""
    for part in ("label", "where", "printed", "text", "evidence"):
        if not getattr(erratum, part).strip():
            yield f"nothing under {part!r}"
    if erratum.kind not in ERRATUM_MEANING or erratum.certainty not in CERTAINTY_MEANING:
        yield "unknown words"


def claim_faults(claim: Claim) -> Iterator[str]:
    """What a claim that refutes a printed statement fails to say."""
    if (claim.kind in ACCUSING) != bool(claim.accuses):
        yield "accuses without an erratum, or has one and does not accuse"
    if claim.accuses and claim.erratum is None:
        yield "no such erratum"
    if claim.erratum is None:
        return
    wanted = {"erratum": ("misprint", "error", "gap"), "side condition": ("side condition",)}
    if claim.erratum.kind not in wanted.get(claim.kind, ("conditional",)):
        yield f"a {claim.kind} by an erratum of kind {claim.erratum.kind}"
    if claim.expected != "violated":
        yield "an accusation that is expected to hold"


def misprint_faults(misprint: Misprint) -> Iterator[str]:
    """What a misprint fails to say."""
    if not (misprint.where.strip() and misprint.found.strip() and misprint.explanation.strip()):
        yield "no place, witness or explanation"
    if misprint.corrected is None:
        yield "nothing true"
    if misprint.certainty not in CERTAINTY_MEANING:
        yield "unknown words"


@pytest.mark.parametrize(("entry", "erratum"), ERRATA, ids=[f"{e.id}: {x.label}" for e, x in ERRATA])
def test_every_erratum_says_all_four(entry: object, erratum: Erratum) -> None:  # noqa: ARG001
    assert not list(erratum_faults(erratum))
    assert list(erratum.parts) == ["kind", "printed", "true", "witness"]
    assert erratum.where in erratum.parts["printed"]
    assert CERTAINTY_MEANING[erratum.certainty] in erratum.parts["printed"]


def test_every_claim_that_accuses_says_whom_and_of_what() -> None:
    faults = {claim.id: found for claim in CLAIMS.entries().values() if (found := list(claim_faults(claim)))}
    assert not faults
    assert sum(bool(claim.accuses) for claim in CLAIMS.entries().values()) > 15


def test_every_misprint_says_all_four() -> None:
    assert not {one.id: found for one in (*misprints(), *invisible_to_units()) if (found := list(misprint_faults(one)))}


def test_what_was_not_seen_is_not_accused() -> None:
    """A paper of which no display was read has no errata of the unconditional kinds, but for what is legible in it."""
    with pytest.raises(TightrateError, match="at most 'conditional'"):
        Erratum("a", "b", "c", kind="error", where="d", printed="e", certainty="unseen")
    for entry, erratum in ERRATA:
        if erratum.accuses and entry.provenance.label in UNCHECKED:
            assert erratum.certainty in ("legible", "quoted", "read"), (entry.id, erratum.label)
    accused = {entry.paper.id for entry, erratum in ERRATA if erratum.accuses}
    assert "lee2024" not in accused
    assert {erratum.label for entry, erratum in ERRATA if erratum.accuses and entry.paper.id == "khaled2025"} == {
        "bounded noise"  # the assumptions and Lemma 10 are legible
    }


WITHDRAWN = {
    "cheng2024/clipping-below-first-term-as-printed",  # an order is said, no inequality
    "khaled2025/prop1-two-candidates",  # a display that was never seen
    "lee2024/strategies-as-displayed",  # a display damaged in its source
    "patel2024/thm9-any-steps-as-printed",  # the print does not say which steps
    "patel2024/ball-as-assumed",  # an assumption, which its paper calls its limitation
    "patel2024/prop19-contraction",  # a sufficient range that its paper gives
    "chezhegov2024/slides-balance",  # slides on another paper
    "chezhegov2024/slides-balance-as-printed",
}


def test_unfair_accusations_stay_withdrawn() -> None:
    accusing = {name for name, claim in CLAIMS.entries().items() if claim.kind in ACCUSING}
    assert not accusing & WITHDRAWN
    labels = {(entry.id, erratum.label) for entry, erratum in ERRATA}
    assert ("cheng2024/thm3", "number of terms") not in labels
    kinds = {label: {erratum.kind for _, erratum in ERRATA if erratum.label == label} for label in ("E7", "E8", "E9")}
    assert set().union(*kinds.values()) == {"side condition"}
    assert {erratum.kind for _, erratum in ERRATA if erratum.where == "(20)"} == {"side condition"}
    ball = {erratum.kind for entry, erratum in ERRATA if entry.id == "patel2024/thm15" and erratum.label == "E6"}
    assert ball == {"remark"}


def test_a_silent_accusation_is_noticed() -> None:
    sound = theorem("patel2024/thm9").errata[0]
    for part in ("where", "printed", "text", "evidence"):
        assert list(erratum_faults(replace(sound, **{part: " "}))) == [f"nothing under {part!r}"]
    claim = CLAIMS["patel2024/prop13-as-printed"]
    assert not list(claim_faults(claim))
    for wrong in (
        replace(claim, accuses=""),
        replace(claim, kind="side condition"),
        replace(claim, expected="consistent"),
    ):
        assert list(claim_faults(wrong))
    with pytest.raises(LookupError, match="no erratum 'E99'"):
        list(claim_faults(replace(claim, accuses="E99")))
    (misprint, *_) = misprints()
    assert list(misprint_faults(replace(misprint, corrected=None)))
    assert list(misprint_faults(replace(misprint, where="")))
