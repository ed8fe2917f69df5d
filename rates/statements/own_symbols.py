"""Symbols of one's own: letters beside those of the alphabet, with their meaning, units and range."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import sympy
from sympy import Expr, Symbol

from tightrate.common.errors import TightrateError, unknown_name
from tightrate.rates.formulas.letter_notation import spell
from tightrate.rates.formulas.parse import parse
from tightrate.rates.symbols.alphabet import ALPHABET, DECLARED, KINDS, Letter, letter
from tightrate.rates.symbols.units import PURE, Unit, unit_of

RANGES: Mapping[str, Mapping[str, bool]] = {
    "(0, inf)": {},
    "[0, inf)": {"may_vanish": True},
    "[1, inf)": {"at_least_one": True},
    "(0, 1)": {"below_one": True},
    "[0, 1)": {"below_one": True, "may_vanish": True},
    "(0, 1]": {"at_most_one": True},
    "[0, 1]": {"at_most_one": True, "may_vanish": True},
}
"""What a symbol may range over; no symbol is negative."""

OF_RUNS = ("clients",)
"""Parameters of runs that are no letters, and that a symbol may stand for."""


def symbol(
    name: str,
    *,
    latex: str = "",
    meaning: str = "",
    unit: Unit | str = PURE,
    within: str = "(0, inf)",
    counts: bool = False,
    constant: bool = False,
    chosen: bool = False,
    at_most: tuple[str, ...] = (),
    defined: str | Expr | None = None,
    run: str = "",
) -> Symbol:
    r"""Declare a symbol of one's own, at the top of a paper's file (or of a script), and give it back for formulas.

    `name` is its name in text, in values and in results, `latex` how it is printed (the name unless given).  `unit` is
    a `Unit`, or a formula that has it ("sigma", "L*B^2").  `within` says what it ranges over: one of `RANGES`; `counts`
    makes it a positive whole number, `constant` one of order 1.  `chosen` marks what the method chooses, `at_most`
    names letters that are at least as large wherever both occur.  A symbol that is `defined` is short for a formula,
    which takes its place in comparisons, and in values where it has none itself.  A symbol for the clients that are
    drawn in a round says so, `run="clients"`: its value is that of the run, and on an axis it is the run's.

    Raises TightrateError for a name that the alphabet has, and for a unit, range or formula that cannot be read.

    Args:
        name: the ASCII name
        latex: how it is printed
        meaning: in words
        unit: a `Unit`, or a formula that has it
        within: the range
        counts: whether it is a positive whole number
        constant: whether it is of order 1
        chosen: whether the method chooses it
        at_most: letters that are at least as large
        defined: a formula that it is short for
        run: the parameter of a run that is this number, such as "clients"

    Returns:
        The sympy symbol.

    Raises:
        TightrateError: as said above.

    >>> S = symbol("S", meaning="clients that take part in a round", counts=True, run="clients")
    >>> kappa = symbol("kappa", latex=r"\kappa", meaning="condition number", within="[1, inf)", defined="L/mu")
    >>> kappa / S
    kappa/S
    """
    found = declared_letter(
        name, latex=latex, meaning=meaning, unit=unit, within=within, counts=counts, constant=constant, chosen=chosen,
        at_most=at_most, defined=defined, run=run,
    )  # fmt: skip
    module = sys._getframe(1).f_globals
    module.setdefault(DECLARED, {})[name] = found
    return found.symbol


def declared_letter(
    name: str,
    *,
    latex: str = "",
    meaning: str = "",
    unit: Unit | str = PURE,
    within: str = "(0, inf)",
    counts: bool = False,
    constant: bool = False,
    chosen: bool = False,
    at_most: tuple[str, ...] = (),
    defined: str | Expr | None = None,
    run: str = "",
) -> Letter:
    """The letter that is declared; see `symbol`."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,40}", name):
        raise TightrateError(f"a symbol's name is letters, digits and _, beginning with a letter, not {name!r}")
    if name in ALPHABET:
        raise TightrateError(f"{name} is in the alphabet ({ALPHABET[name].meaning}); give yours another name")
    written = latex or name
    taken = {spell(known).key: known for known in ALPHABET}
    if (key := _spelled(name, written)) in taken:
        raise TightrateError(f"symbol {name}: {written} means {taken[key]} in the alphabet; write it in another way")
    if within not in RANGES:
        near = get_close_matches(str(within), RANGES, n=1, cutoff=0.0)
        raise TightrateError(
            f"symbol {name} must range over one of {', '.join(RANGES)}, not {within!r}; did you mean {near[0]!r}?"
        )
    if counts and within not in ("(0, inf)", "[1, inf)"):
        raise TightrateError(f"symbol {name} counts, so it is a positive whole number, not within {within}")
    if run and run not in OF_RUNS:
        raise unknown_name(f"parameter of runs for the symbol {name}", str(run), OF_RUNS)
    if run and not counts:
        raise TightrateError(f"symbol {name} is a run's {run}, so it counts: add counts=True")
    for other in at_most:
        letter(other)
    return Letter(
        name,
        written,
        meaning or "a symbol of one's own",
        unit=unit_named(unit, f"symbol {name}"),
        counts=counts,
        constant=constant,
        chosen=chosen,
        at_most=tuple(at_most),
        defined=None if defined is None else _formula(f"symbol {name}", defined),
        run=run,
        **({} if counts else RANGES[within]),
    )


def read_symbol(name: str, told: object) -> Letter:
    """The letter that a table of symbols declares: a kind ("count"), a formula ("L/mu"), or a table of what `symbol`
    takes, with `kind` beside it.

    >>> read_symbol("p", "probability").at_most_one, read_symbol("kappa", "L/mu").defined
    (True, L/mu)
    """
    table: dict[str, Any] = dict(told) if isinstance(told, Mapping) else {"kind": told}
    kind = table.pop("kind", None)
    if kind is not None and not isinstance(kind, str):
        raise TightrateError(f"symbol {name} must be a kind such as count, a formula, or a table, not {told!r}")
    if kind is not None and kind not in KINDS:
        if kind.isidentifier() and kind not in ALPHABET:
            raise unknown_name("kind of symbol", kind, KINDS)
        table, kind = {"defined": kind, **table}, None
    if kind is not None:
        of_the_kind = KINDS[kind]
        table = {
            "meaning": of_the_kind.meaning,
            "unit": of_the_kind.unit,
            "counts": of_the_kind.counts,
            "constant": of_the_kind.constant,
            "within": "(0, inf)" if of_the_kind.counts else _range_of(of_the_kind),
            **table,
        }
    known = ("latex", "meaning", "unit", "within", "counts", "constant", "chosen", "at_most", "defined", "run")
    for key in table:
        if key not in known:
            raise unknown_name(f"key of symbol {name}", key, ("kind", *known))
    return declared_letter(name, **table)


def _range_of(known: Letter) -> str:
    flags = {flag for flag in ("may_vanish", "below_one", "at_most_one", "at_least_one") if getattr(known, flag)}
    return next(text for text, own in RANGES.items() if set(own) == flags)


def _spelled(name: str, latex: str) -> str:
    try:
        spell(name)
        return spell(latex).key
    except TightrateError as reason:
        raise TightrateError(f"symbol {name}: its name and its LaTeX must be one letter each ({reason})") from None


def unit_named(unit: Unit | str, what: str) -> Unit:
    """A unit, or that of a formula or of a kind of quantity.

    >>> print(unit_named("L*B^2", "a measure"), "|", unit_named("gradient", "a measure"))
    value | value length^-1
    """
    if isinstance(unit, Unit):
        return unit
    if unit in KINDS:
        return KINDS[unit].unit
    found = unit_of(_formula(what, unit), lambda known: letter(known).unit)
    return PURE if found is None else found


def _formula(what: str, formula: str | Expr) -> Expr:
    if isinstance(formula, Expr):
        return formula
    if not isinstance(formula, str):
        raise TightrateError(f"{what}: a formula is text such as 'L/mu', not {formula!r}")
    try:
        return sympy.sympify(parse(formula).expression, strict=True)
    except TightrateError as reason:
        raise TightrateError(f"{what}: {reason}") from None
