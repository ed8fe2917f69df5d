"""The misprints that the papers' modules declare: the unit checker must reject every one that units can reveal."""

from __future__ import annotations

from tightrate.common.errors import unknown_name
from tightrate.common.paper_files import OnceForPapers
from tightrate.rates.statements.catalogue import declared
from tightrate.rates.statements.misprint import Misprint


@OnceForPapers
def _all() -> tuple[Misprint, ...]:
    return declared("misprints", Misprint)


def misprints() -> tuple[Misprint, ...]:
    """Every misprint that the unit checker rejects, in the order of the papers.

    >>> from tightrate.rates.symbols.units import UnitError
    >>> try:
    ...     misprint("eqD.1").printed_bound.check_units()
    ... except UnitError as error:
    ...     print(error)
    term 'as printed' has the unit value length^-2, but the steps has pure number
    """
    return tuple(entry for entry in _all() if entry.visible_to_units)


def invisible_to_units() -> tuple[Misprint, ...]:
    """Misprints in which only pure numbers are misplaced: their units are right, and only exponents tell."""
    return tuple(entry for entry in _all() if not entry.visible_to_units)


def misprint(misprint_id: str) -> Misprint:
    """The misprint of that id, visible to the unit checker or not."""
    known = {entry.id: entry for entry in _all()}
    if misprint_id not in known:
        raise unknown_name("misprint", misprint_id, known)
    return known[misprint_id]
