"""Every entry of the catalogue, whatever papers it holds: units, letters, conditions, provenance, references.

Each check is a function from an entry to its faults, so that the tests at the end can show that deliberately broken
entries are found.
"""

import inspect
import re
import sys
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import sympy
from sympy.core.relational import Relational

import tightrate.rates.papers
from tightrate.common.errors import TightrateError
from tightrate.rates.relations.implications import decide
from tightrate.rates.statements.bibliography import references
from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import (
    declared,
    modules_of,
    paper,
    paper_ids,
    statements,
    theorem,
    theorem_ids,
)
from tightrate.rates.statements.implication import Implication
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import PROVENANCE_MEANING, Condition, Erratum, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import LETTERS, STEP, K, L, M, R, eta, sigma, symbol
from tightrate.rates.symbols.units import LENGTH, UnitError, unit_of

DOCS = Path(__file__).parents[1] / "docs"


def generic(name: str) -> float:
    """An admissible value of a letter, from what the alphabet says of it and from its name alone.

    Whole numbers are small, fractions are fractions, what is at most another letter is smaller, and steps are short
    (eta L is far below one); the rest is between one and two, so that no two terms of a bound coincide by accident.
    """
    letter, spread = LETTERS[name], crc32(name.encode()) / 2**32
    if letter.counts:
        return 3 + int(10 * spread)
    if letter.below_one or letter.at_most_one:
        return 0.1 + 0.8 * spread
    if letter.at_most:
        return (0.5 + 0.4 * spread) * min(map(generic, letter.at_most))
    return (1 + spread) * (0.02 if letter.chosen and letter.unit == STEP else 1)


def sample(names: set[str]) -> dict[str, float]:
    """A value for each of these letters."""
    return {name: generic(name) for name in names}


def slug(heading: str) -> str:
    """The anchor that Markdown renderers give to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def headings(page: Path) -> set[str]:
    """The anchors of a page of the documentation."""
    return {slug(line.lstrip("#")) for line in page.read_text().splitlines() if re.match(r"#{1,6} ", line)}


def unit_faults(entry: Theorem) -> list[str]:
    """Units of the terms, of the two sides of every condition and of the prescribed steps.

    Where the orders of a bound hide constants that have units, those of its conditions and steps do too.
    """
    if not entry.bound.dimensional:
        return []
    faults = []
    try:
        entry.bound.check_units()
    except UnitError as error:
        faults.append(str(error))
    for condition in entry.conditions:
        relation = condition.relation
        if isinstance(relation, Relational) and not relation.has(sympy.Mod):
            try:
                sides = {unit_of(side, entry.bound.unit_of_letter) for side in (relation.lhs, relation.rhs)} - {None}
            except UnitError as error:
                faults.append(f"{condition.text}: {error}")
            else:
                if len(sides) > 1:
                    faults.append(f"{condition.text}: the sides have the units {', '.join(map(str, sides))}")
    for name, step in entry.steps.items():
        found = unit_of(step, entry.bound.unit_of_letter)
        if found is not None and found != entry.bound.unit_of_letter(name):
            faults.append(f"the step {name} has the unit {found}")
    return faults


def letter_faults(entry: Theorem) -> list[str]:
    """Letters that the alphabet does not have, or has with other assumptions."""
    expressions = [term.expression for term in entry.bound.terms] + list(entry.steps.values())
    expressions += [condition.relation for condition in entry.conditions if condition.relation is not None]
    used = set().union(*(sympy.sympify(expression).free_symbols for expression in expressions))
    faults = [f"the letter {s.name} is not in the alphabet" for s in used if s.name not in LETTERS]
    faults += [
        f"{s.name} is another symbol than the alphabet's" for s in used if s.name in LETTERS and s != symbol(s.name)
    ]
    names = set(entry.letters) | set(entry.bound.units) | set(entry.steps)
    return faults + [f"{name} is not in the alphabet" for name in names - set(LETTERS)]


def condition_faults(entry: Theorem) -> list[str]:
    """Conditions without words, that are no relations, or that cannot be decided once all letters have values."""
    faults = []
    for condition in entry.conditions:
        if not condition.text.strip():
            faults.append("a condition without words")
        if condition.relation is None:
            continue
        if not condition.relation.free_symbols:
            faults.append(f"{condition.text}: decided already, {condition.relation}")
        elif condition.status({}) != "unknown":
            faults.append(f"{condition.text}: decided without values")
        elif condition.status(sample({s.name for s in condition.relation.free_symbols})) == "unknown":
            faults.append(f"{condition.text}: not decided by numbers")
    return faults


def provenance_faults(entry: Theorem) -> list[str]:
    """Labels that do not exist, and proofs that are missing where the statement is not the paper's word."""
    provenance = entry.provenance
    faults = [] if provenance.label in PROVENANCE_MEANING else [f"unknown provenance {provenance.label!r}"]
    if not provenance.where:
        faults.append("no place in the paper")
    if not provenance.proof:
        return faults + (["no proof"] if provenance.label in ("own", "re-derived") else [])
    page, _, anchor = provenance.proof.partition("#")
    path = DOCS / f"{page}.md"
    if not path.exists():
        return [*faults, f"no page docs/{page}.md"]
    return faults + ([] if anchor.lower() in headings(path) else [f"no heading {anchor} in docs/{page}.md"])


def entry_faults(entry: Theorem) -> list[str]:
    """What a reader would stumble over: empty texts, doubled names, a measure outside the registry."""
    bound = entry.bound
    names = [term.name for term in bound.terms]
    texts = (entry.title, entry.statement, entry.algorithm, entry.problem_class, entry.iterate)
    labels = [erratum.label for erratum in entry.errata]
    return [
        message
        for message, wrong in (
            ("no terms", not names),
            ("two terms of one name", len(set(names)) < len(names)),
            ("an empty text", not all(text.strip() for text in (*texts, *names))),
            ("a measure that is not registered", MEASURES.get(bound.measure.name) != bound.measure),
            ("an unknown kind", bound.kind not in ("upper", "lower", "exact")),
            ("unknown constants", bound.constants not in ("explicit", "hidden", "hidden with logs")),
            ("two errata of one label", len(set(labels)) < len(labels)),
            ("an erratum without evidence", not all(e.text and e.evidence for e in entry.errata)),
        )
        if wrong
    ]


def paper_faults(entry: Paper, module_name: str) -> list[str]:
    """A reference that is not the paper's, or that lacks what pages show."""
    reference = entry.reference
    return [
        message
        for message, wrong in (
            (f"the id {entry.id} is not the module's name", entry.id != module_name),
            ("no year", not 1950 < reference.year < 2100),
            ("notation outside the alphabet", not set(entry.notation) <= set(LETTERS)),
            ("no title, authors or venue", not (reference.title and reference.authors and reference.venue)),
        )
        if wrong
    ]


@pytest.mark.parametrize("theorem_id", theorem_ids())
def test_entry(theorem_id):
    entry = theorem(theorem_id)
    assert entry.id == theorem_id
    checks = (unit_faults, letter_faults, condition_faults, provenance_faults, entry_faults)
    assert [fault for check in checks for fault in check(entry)] == []


@pytest.mark.parametrize("theorem_id", theorem_ids())
def test_two_ways_to_evaluate_agree(theorem_id):
    """At a point with 50 digits and on arrays by numpy: independent of each other."""
    bound = theorem(theorem_id).bound
    values = sample(set(bound.letters))
    exact = bound.at(values)
    assert exact == exact, "undefined at a generic point"
    arrays = {name: np.array([number]) for name, number in values.items()}
    assert bound.at(arrays) == pytest.approx(exact, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("paper_id", paper_ids())
def test_paper(paper_id):
    assert paper_faults(paper(paper_id), paper_id) == []
    assert theorem_ids(paper_id), "no statements"


def test_every_entry_of_the_bibliography_is_a_paper():
    assert set(references()) <= set(paper_ids())


@pytest.mark.parametrize("paper_id", paper_ids())
def test_statements_come_in_the_order_of_the_source_and_none_is_shadowed(paper_id):
    decorated = r'^@\w+\.(?:upper|lower|exact)\(\s*"([^"]+)"'
    sources = [inspect.getsource(module) for module in modules_of(paper_id)]
    labels = [label for source in sources for label in re.findall(decorated, source, flags=re.MULTILINE)]
    found = [theorem_id.partition("/")[2] for theorem_id in theorem_ids(paper_id)]
    assert [label for label in found if label in labels] == labels


NEW_PAPER = '''"""Doe (2026): a paper that is one file."""

from sympy import Ge

from tightrate.rates.statements.builder import Stated, Statements, read
from tightrate.rates.statements.implication import Specialization
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.misprint import Misprint
from tightrate.rates.statements.theorem import Condition, Paper
from tightrate.rates.symbols.alphabet import B, K, L, R

PAPER = Paper("doe2026", bib="@article{doe2026, title={One File}, author={Doe, J.}, journal={J.}, year={2026}}")
LOCAL_SGD = Statements(PAPER, problem_class="convex, L-smooth")


@LOCAL_SGD.upper("thm1", "A rate", provenance=read("Theorem 1"))
def thm1() -> Stated:
    """The gap is at most this."""
    return Stated({"optimization": L * B**2 / R}, conditions=(Condition("two local steps", Ge(K, 2)),))


def implications():
    """It has the order of an old rate."""
    yield Specialization("doe2026/thm1", "dekel2012/convex", "=", target_at={"sigma": 0})


def misprints():
    """The distance without its square."""
    yield Misprint("doe", "doe2026", "(1)", L * B / R, MEASURES["gap"], None, "value length^-1", "B is squared.")
'''


def test_adding_a_paper_is_adding_one_file(tmp_path, monkeypatch):
    (tmp_path / "doe2026.py").write_text(NEW_PAPER)
    monkeypatch.setattr(tightrate.rates.papers, "__path__", [*tightrate.rates.papers.__path__, str(tmp_path)])
    assert [entry.title for entry in statements("doe2026/*")] == ["A rate"]
    entry = theorem("doe2026/thm1")
    assert entry.statement == "The gap is at most this."
    checks = (unit_faults, letter_faults, condition_faults, provenance_faults, entry_faults)
    assert [fault for check in checks for fault in check(entry)] == []
    assert paper_faults(paper("doe2026"), "doe2026") == []
    (implication,) = (one for one in declared("implications", Implication) if one.source == entry.id)
    assert decide(implication).verdict == "proved"
    (misprint,) = (one for one in declared("misprints", Misprint) if one.paper == "doe2026")
    assert misprint.printed_bound.units_consistent() == "no"
    sys.modules.pop("tightrate.rates.papers.doe2026")


# ------------------------------------------------------------------------------------------ the checks have teeth


@pytest.fixture
def sound():
    entry = theorem("cheng2024/fixed-step-sc")
    assert not unit_faults(entry)
    return entry


def with_terms(entry, *terms):
    return replace(entry, bound=replace(entry.bound, terms=terms))


def test_a_misplaced_unit_is_found(sound):
    assert unit_faults(with_terms(sound, Term("optimization", L / R)))
    assert unit_faults(replace(sound, conditions=(Condition("wrong", sympy.Le(eta, 1 / L**2)),)))
    assert unit_faults(replace(sound, steps={"eta": 1 / L**2}))
    assert unit_faults(replace(sound, bound=replace(sound.bound, units={"eta": LENGTH})))


def test_a_foreign_letter_is_found(sound):
    assert letter_faults(with_terms(sound, Term("optimization", sympy.Symbol("H", positive=True))))
    assert letter_faults(with_terms(sound, Term("optimization", sympy.Symbol("L"))))
    assert letter_faults(replace(sound, notation={"H": "H"}))


def test_an_empty_condition_is_found(sound):
    assert condition_faults(replace(sound, conditions=(Condition(" "),)))
    assert condition_faults(replace(sound, conditions=(Condition("decided", sympy.true),)))


def test_a_missing_proof_is_found(sound):
    assert provenance_faults(replace(sound, provenance=Provenance("own", "somewhere")))
    assert provenance_faults(replace(sound, provenance=Provenance("own", "somewhere", "proofs/cheng2024#nowhere")))
    assert provenance_faults(replace(sound, provenance=Provenance("own", "somewhere", "proofs/nobody#nowhere")))
    assert provenance_faults(replace(sound, provenance=Provenance("read", "")))


def test_a_doubled_term_and_a_private_measure_are_found(sound):
    term = Term("statistical", eta * sigma**2 / M)
    assert entry_faults(with_terms(sound, term, term))
    measure = replace(sound.bound.measure, meaning="something else")
    assert entry_faults(replace(sound, bound=replace(sound.bound, measure=measure)))
    assert entry_faults(replace(sound, errata=(Erratum("a", "b", "", kind="error", where="c", printed="d"),)))


def test_a_wrong_reference_is_found():
    found = paper("cheng2024")
    assert paper_faults(found, "cheng2025")
    assert paper_faults(replace(found, notation={"H": "H"}), "cheng2024")
    assert paper_faults(replace(found, bib="@article{cheng2024, title={t}, year={2024}}"), "cheng2024")
    with pytest.raises(TightrateError, match="cheng2024"):
        paper_faults(replace(found, bib="@article{other, title={t}, author={A}, year={2024}}"), "cheng2024")


def test_conditions_are_decided_by_numbers():
    few_steps = Condition("few", sympy.Le(K * M, R))
    assert few_steps.status({"K": 2, "M": 3, "R": 6}) == "holds"
    assert few_steps.status({"K": 2, "M": 3, "R": 5}) == "fails"
