"""Starting a paper of your own: a small commented file that runs as it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from sympy import Expr, Symbol

from tightrate.common.errors import TightrateError
from tightrate.common.files import reason, write_whole
from tightrate.rates.formulas.display import text as text_of
from tightrate.rates.formulas.parse import ParsedBound, parse
from tightrate.rates.relations.bound_check import check_display
from tightrate.rates.statements.paper_notation import parse_letters
from tightrate.rates.symbols.alphabet import ALPHABET, KIND_MARK, LETTERS, Letter, known_letter
from tightrate.rates.symbols.units import Unit

TEMPLATE = '''"""{name}: a paper of your own.  Run:  tightrate verify --paper {file}"""

import numpy as np

import tightrate as tr

# The paper.  Formulas are text, LaTeX or plain, or expressions, in the letters of `tightrate list symbols`: K local
# steps per round, R rounds, M workers, L smoothness, mu strong convexity, B start distance, sigma noise, eta step, ...
# If the paper writes H for L, say so: tr.Paper("{name}", title="...", notation={{"L": "H"}}).  Letters of your own:
# p = tr.symbol("p", meaning="probability of a communication", within="(0, 1]").
PAPER = tr.Paper("{name}", title="Gradient descent on smooth convex functions")
THEOREM = tr.Statements(PAPER, algorithm="local-sgd", problem_class="convex, $L$-smooth")


# A theorem.  measure="distance", constants="hidden" and the like go into the decorator; there are lower and exact, too.
@THEOREM.upper("thm1", "One step of at most $1/L$", constants="explicit", provenance=tr.stated("Theorem 1"))
def thm1():
    """Without noise, and with equal workers, the gap of the last iterate is at most $B^2/(2 eta K R)$."""
    return tr.Stated(
        {{"optimization": "B^2/(2*eta*K*R)"}},
        conditions=["eta*L <= 1", "the workers are equal"],
    )


# A problem.  Its arguments are letters, or names of your own, that the trial gives; runs start from 0.
def equal_workers(L, M):
    """M equal quadratic workers in two dimensions with curvatures L and L/10 and the optimum (1, 1)."""
    hessians = np.broadcast_to(np.diag([L, L / 10]), (M, 2, 2))
    return tr.QuadraticWorkers(hessians.copy(), np.ones((M, 2)))


# A trial: where the theorem is tried.  The problem may also be the name of a shipped one (`tightrate list problems`).
# Noise: give sigma among the parameters, and noise="student" or another law (`tightrate list noises`).
holds = tr.trial(
    "holds",
    "On two-dimensional quadratics the bound holds for K from 1 to 16 and R from 4 to 256.",
    theorem=thm1,
    problem=equal_workers,
    axes={{"K": [1, 4, 16], "R": [4, 16, 64, 256]}},
    parameters={{"L": 1.0, "M": 2, "eta": 0.5}},
)
'''

FROM_BOUND = '''"""{name}: a paper of your own that states one bound.  Run:  tightrate verify --paper {file}"""

import tightrate as tr

PAPER = tr.Paper("{name}", title="{name}")
THEOREM = tr.Statements(PAPER, algorithm="local-sgd")  # or another one: `tightrate list algorithms`
{symbols}

@THEOREM.upper("thm1", "The bound", measure="{measure}", constants="{constants}", provenance=tr.stated("Theorem 1"))
def thm1():
    """{words}"""
    return tr.Stated(
        {{
{terms}
        }},
        conditions=[{conditions}],  # such as "eta*L <= 1", "K == 1", or words
    )


# Where it is tried: change the problem (`tightrate list problems`), the axes and the values.
holds = tr.trial(
    "holds",
    "The bound holds on random quadratics.",
    theorem=thm1,
    problem="random-quadratics",
    axes={{{axes}}},
    parameters={{{parameters}}},
{steps})
'''
SYMBOL = '{name} = tr.symbol("{name}", latex={latex!r}, meaning="{meaning}"{more})\n'
AXES: Mapping[str, str] = {"K": "[1, 4, 16]", "R": "[4, 16, 64]", "M": "[2, 8]"}
GIVEN: Mapping[str, str] = {"K": "4", "R": "16", "M": "4", "L": "1.0", "mu": "0.1", "tau": "0.5", "B": "1.0"}
"""Of the instance, whether the bound has the letter or not."""

FOLLOWS = ("T", "d", "Delta", "gamma", "tau_mean", "zeta_mean", "sigma_inf", "sigma_2alpha")  # from the instance


def new_paper(
    name: str,
    directory: Path = Path(),
    *,
    bound: str | None = None,
    letters: str | None = None,
    measure: str | None = None,
) -> Path:
    """Write a small commented paper file NAME.py that runs as it is; an existing file is never overwritten.

    With a `bound`, as LaTeX or plain text, the file states that bound; `letters` says what the letters are that the
    alphabet does not have (see `parse_letters`), `measure` what is bounded where the text does not tell.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise TightrateError(
            f"a paper's name is letters, digits, - and _, beginning with a letter, such as doe2026, not {name!r}"
        )
    path = directory / f"{name}.py"
    if bound is None:
        text = TEMPLATE.format(name=name, file=path)
    else:
        text = _stating(name, path, bound, parse_letters(letters) if letters else {}, measure)
    try:
        taken = os.path.lexists(path)
    except (OSError, ValueError) as error:
        raise TightrateError(f"cannot write {path}: {reason(error)}") from None
    if taken:
        raise TightrateError(f"{path} is there already; choose another name or folder")
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path


def _stating(name: str, path: Path, bound: str, letters: Mapping[str, str], measure: str | None) -> str:
    """The text of a file that states a bound."""
    read = parse(bound, letters)
    (checked,) = check_display(
        bound, letters=letters, measure=measure, neighbours=False, regimes=False, domination=False, other_readings=False
    )
    if not checked.units_consistent or not checked.measures:
        wrong = next((term.unit_error for term in checked.terms if term.unit_error), "units disagree")
        raise TightrateError(f"the bound has no measure: {wrong}; mend it, or say what is bounded with --measure NAME")
    names = sorted({one.name for term in read.terms for one in term.free_symbols})
    own = {one: _plain(one) for one in names if KIND_MARK in one}
    terms = [_text(term, own) for term in read.terms]
    axes = [letter for letter in AXES if letter in names] or ["R"]
    values = {letter: value for letter, value in GIVEN.items() if letter not in axes and letter != "M"}
    if "M" not in axes:
        values["M"] = GIVEN["M"]
    values |= {"zeta_star": "1.0" if "zeta_star" in names else "0.0"}
    values |= {own.get(one, one): _value(one) for one in names if one not in {*AXES, *values, *FOLLOWS}}
    steps = "" if "eta" in values else '    steps={"eta": tr.Tuned(0.01, 1.0)},\n'
    return FROM_BOUND.format(
        name=name,
        file=path,
        symbols="".join(_declaration(one, plain) for one, plain in own.items()),
        measure=checked.measures[0],
        constants=read.constants,
        words=_words(read, terms),
        terms="\n".join(f'            "term {number}": "{term}",' for number, term in enumerate(terms, 1)),
        conditions=", ".join(f'"{one}"' for one in _conditions(read, own)),
        axes=", ".join(f'"{letter}": {AXES[letter]}' for letter in axes),
        parameters=", ".join(f'"{letter}": {value}' for letter, value in values.items()),
        steps=steps,
    )


def _words(read: ParsedBound, terms: Iterable[str]) -> str:
    hidden = " up to constants" if read.constants != "explicit" else ""
    return f"The measure is at most ${' + '.join(terms)}${hidden}."


def _conditions(read: ParsedBound, own: Mapping[str, str]) -> list[str]:
    found = [one for condition in read.conditions for one in condition.inequalities if not one.up_to_constants]
    return [f"{_text(one.smaller, own)} <= {_text(one.larger, own)}" for one in found]


def _plain(declared: str) -> str:
    """A name in letters and digits for a declared symbol, which the alphabet does not have."""
    name = re.sub(r"[^A-Za-z0-9_]", "", declared.rpartition(KIND_MARK)[0]) or "X"
    return f"{name}_own" if name in ALPHABET else name


def _text(formula: Expr, own: Mapping[str, str]) -> str:
    """A formula as text, declared symbols by their plain names."""
    symbols = {one: Symbol(own[one.name], **one.assumptions0) for one in formula.free_symbols if one.name in own}
    return text_of(formula.xreplace(symbols))


def _declaration(declared: str, plain: str) -> str:
    known = known_letter(declared)
    assert known is not None
    more = ", counts=True" if known.counts else _range(known)
    if not known.unit.is_pure:
        more += f', unit="{_unit_text(known.unit)}"'
    latex = plain if plain.endswith("_own") else known.latex
    return SYMBOL.format(name=plain, latex=latex, meaning=known.meaning, more=more)


def _range(known: Letter) -> str:
    if known.at_most_one:
        return ', within="(0, 1]"'
    return ', within="[1, inf)"' if known.at_least_one else ", constant=True" if known.constant else ""


def _unit_text(unit: Unit) -> str:
    """A formula of the alphabet that has the unit."""
    return f"(L*B^2)^({unit.value})*B^({unit.length})"


def _value(name: str) -> str:
    """Some value in the range of a letter, to be replaced."""
    known = LETTERS.get(name) or known_letter(name)
    if known is None or known.counts:
        return "2"
    if name == "alpha":
        return "2.0"
    return "0.5" if known.is_at_most_one or name == "eta" else "1.0"
