"""The unit checker against formulas that are known to be wrong."""

import re

import pytest

from tightrate.common.errors import TightrateError
from tightrate.rates.relations.misprints import invisible_to_units, misprint, misprints
from tightrate.rates.statements.catalogue import paper_ids
from tightrate.rates.symbols.units import UnitError, unit_of

IDS = [entry.id for entry in misprints()]


@pytest.mark.parametrize("misprint_id", IDS)
def test_what_is_printed_is_rejected_for_the_unit_found(misprint_id):
    entry = misprint(misprint_id)
    with pytest.raises(UnitError) as rejection:
        entry.printed_bound.check_units()
    found = re.findall(r"has (?:the unit )?([^:,]+)", str(rejection.value))
    assert entry.found in found
    try:
        whole = str(unit_of(entry.printed, entry.printed_bound.unit_of_letter))
    except UnitError:
        return  # two parts clash, or an argument is no pure number: `found` is the unit of the part
    assert whole == entry.found
    assert whole != str(entry.measure.unit)


@pytest.mark.parametrize("misprint_id", IDS)
def test_what_is_meant_passes(misprint_id):
    entry = misprint(misprint_id)
    assert entry.corrected_bound is not None
    entry.corrected_bound.check_units()
    assert entry.corrected != entry.printed


@pytest.mark.parametrize("entry", [*misprints(), *invisible_to_units()], ids=lambda entry: entry.id)
def test_every_misprint_is_explained_and_belongs_to_a_paper(entry):
    assert entry.paper in paper_ids()
    assert entry.where
    assert entry.explanation
    assert {symbol.name for symbol in entry.printed.free_symbols} >= set(entry.units) - {"eta", "eps"}


def test_misplaced_pure_numbers_are_beyond_the_unit_checker():
    """Said openly: units cannot see K and R on the wrong side of a fraction; exponents do."""
    for entry in invisible_to_units():
        entry.printed_bound.check_units()
        printed, corrected = (bound.terms[0].monomial for bound in (entry.printed_bound, entry.corrected_bound))
        assert printed.exponents["R"] > 0 > corrected.exponents["R"]
        assert printed.exponents["K"] > 0 > corrected.exponents["K"]
        pure = {"K", "R", "M"}
        with_units = {name: power for name, power in printed.exponents.items() if name not in pure}
        assert with_units == {name: power for name, power in corrected.exponents.items() if name not in pure}


def test_ids_are_unique_and_unknown_ones_are_refused():
    every = [entry.id for entry in (*misprints(), *invisible_to_units())]
    assert len(set(every)) == len(every)
    with pytest.raises(TightrateError, match=r"did you mean 'eqD\.1'"):
        misprint("eqD.2")
