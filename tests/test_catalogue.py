"""Every entry of the catalogue, whatever papers it holds: units, letters, conditions, provenance, references.

Each check is a function from an entry to its faults, so that the tests at the end can show that deliberately broken
entries are found.
"""

import inspect
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import sympy
from sympy.core.relational import Relational

from tightrate.rates.statements.bound import Term
from tightrate.rates.statements.catalogue import paper, paper_ids, theorem, theorem_ids
from tightrate.rates.statements.measures import MEASURES
from tightrate.rates.statements.theorem import PROVENANCE_MEANING, Condition, Erratum, Paper, Provenance, Theorem
from tightrate.rates.symbols.alphabet import LETTERS, K, L, M, R, eta, sigma, symbol
from tightrate.rates.symbols.evaluation import evaluate
from tightrate.rates.symbols.units import LENGTH, UnitError, unit_of

DOCS = Path(__file__).parents[1] / "docs"

# One admissible value for each letter, generic enough that no two terms of a bound coincide by accident.
SAMPLE = {
    "K": 7,
    "R": 11,
    "M": 4,
    "T": 77,
    "d": 5,
    "L": 2.3,
    "mu": 0.17,
    "weak": 0.4,
    "curvature": 1.1,
    "sigma": 0.9,
    "alpha": 4.5,
    "B": 1.7,
    "Delta": 3.1,
    "eta": 0.013,
    "gamma": 0.8,
    "rho": 13.0,
    "lambda": 0.6,
    "moreau": 0.3,
    "delta": 0.03,
    "eps": 0.01,
    "cosine": 0.9,
    "momentum": 0.3,
    "beta1": 0.2,
    "beta2": 0.97,
    "d_min": 0.7,
    "d_max": 1.9,
}


def sample(names: set[str]) -> dict[str, float]:
    """A value for each of these letters."""
    return {name: SAMPLE.get(name, 0.5 + 0.037 * len(name)) for name in names}


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


def paper_faults(reference: Paper, module_name: str) -> list[str]:
    """BibTeX whose key, year or braces do not fit."""
    keys = re.findall(r"@\w+\{([^,\s]+),", reference.bibtex)
    years = re.findall(r"year\s*=\s*\{(\d+)\}", reference.bibtex)
    return [
        message
        for message, wrong in (
            (f"the id {reference.id} is not the module's name", reference.id != module_name),
            (f"BibTeX key {keys}", keys != [reference.id]),
            (f"BibTeX year {years}", years != [str(reference.year)]),
            ("unbalanced braces", reference.bibtex.count("{") != reference.bibtex.count("}")),
            ("notation outside the alphabet", not set(reference.notation) <= set(LETTERS)),
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
    """Scalar evaluation with 50 digits and the vectorized function are independent of each other."""
    bound = theorem(theorem_id).bound
    values = sample(set(bound.letters))
    exact = bound.evaluate(values)
    assert exact == exact, "undefined at a generic point"
    assert float(bound.function()(**values)) == pytest.approx(exact, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("paper_id", paper_ids())
def test_paper(paper_id):
    assert paper_faults(paper(paper_id), paper_id) == []
    source = inspect.getsource(import_module(f"tightrate.rates.papers.{paper_id}"))
    labels = re.findall(r'^@statement\("([^"]+)"\)', source, flags=re.MULTILINE)
    assert len(set(labels)) == len(labels), "a label is used twice"
    assert [f"{paper_id}/{label}" for label in labels] == list(theorem_ids(paper_id)), "a statement is shadowed"


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
    assert entry_faults(replace(sound, errata=(Erratum("a", "b", ""),)))


def test_a_wrong_bibtex_key_is_found():
    reference = paper("cheng2024")
    assert paper_faults(replace(reference, bibtex=reference.bibtex.replace("cheng2024", "cheng")), "cheng2024")
    assert paper_faults(replace(reference, year=1999), "cheng2024")
    assert paper_faults(replace(reference, bibtex=reference.bibtex + "}"), "cheng2024")


def test_conditions_are_decided_by_numbers():
    few_steps = Condition("few", sympy.Le(K * M, R))
    assert few_steps.status({"K": 2, "M": 3, "R": 6}) == "holds"
    assert few_steps.status({"K": 2, "M": 3, "R": 5}) == "fails"
    assert evaluate(K * M, {"K": 2, "M": 3}) == 6.0
