"""A bound: named terms, what it bounds, from which side, and whether its constants are known.

One object does everything: it prints the formula, gives the reference line of a figure, yields the exponents, and
is what the tests assert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import sympy
from sympy import Expr

from tightrate.common.errors import TightrateError, check_one_of, unknown_name
from tightrate.rates.formulas import display
from tightrate.rates.statements.measures import MEASURES, OWN, Measure
from tightrate.rates.statements.reading import expression_of
from tightrate.rates.symbols.alphabet import LETTERS, decay, decay_lower, known_letter, letter
from tightrate.rates.symbols.evaluation import at
from tightrate.rates.symbols.kinds import Constants, Kind
from tightrate.rates.symbols.monomial import Monomial, monomial
from tightrate.rates.symbols.units import Unit, UnitError, unit_of


@dataclass(frozen=True)
class Term:
    """One named term of a bound; its formula may be given as text.

    Attributes:
        name: such as "statistical"
        expression: its formula, in the letters

    >>> Term("optimization", "L*B^2/R").expression
    B**2*L/R
    """

    name: str
    expression: Expr

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TightrateError(
                f"a term has a name and a formula, such as Term('optimization', ...), not {self.name!r}"
            )
        object.__setattr__(self, "expression", expression_of(self.expression, f"term {self.name!r}"))

    @property
    def monomial(self) -> Monomial:
        """The term as coefficient * powers of letters * other factors."""
        return monomial(self.expression)

    @property
    def branches(self) -> tuple[Expr, ...]:
        """The alternatives of a term that is a minimum or maximum; the term itself otherwise."""
        if isinstance(self.expression, (sympy.Min, sympy.Max)):
            return tuple(sorted(self.expression.args, key=sympy.default_sort_key))
        return (self.expression,)


def _without_hidden_constant(argument: Expr) -> Expr:
    """exp(-c X) with c = 1 where c is a hidden constant and X a positive product without it."""
    for constant in (decay, decay_lower):
        rest = sympy.cancel(-argument / constant)
        if not rest.has(constant) and rest.is_nonnegative:
            return sympy.exp(-rest)
    return sympy.exp(argument)


@dataclass(frozen=True)
class Bound:
    """An ordered sum of named terms that bounds `measure` from one side, or equals it.

    `units` overrides the alphabet's units where a theorem measures a letter (such as a step size with a scaling
    matrix) in its own.  `dimensional` is False where an order hides constants that have units.

    A constant that Theta hides in an exponent is the letter `decay`, exp(-decay X), of which only decay <= 1 is known:
    an upper bound with a larger one implies that with 1.  In a lower bound it becomes `decay_lower`, at least 1.

    `terms` may be a mapping of names to formulas, and `measure` a name.

    Attributes:
        kind: "upper", "lower" or "exact"
        constants: "explicit", "hidden" or "hidden with logs"

    >>> Bound({"optimization": "L*B^2/R"}, "gap", "upper", "hidden").letters
    ('R', 'L', 'B')
    >>> Bound({"optimization": "L*B^2/R"}, "gap", "uper", "hidden")
    Traceback (most recent call last):
        ...
    tightrate.common.errors.UnknownNameError: unknown kind 'uper'; did you mean 'upper'? (known: exact, lower, upper)
    """

    terms: tuple[Term, ...]
    measure: Measure
    kind: Kind
    constants: Constants
    units: Mapping[str, Unit] = field(default_factory=dict)
    dimensional: bool = True

    def __post_init__(self) -> None:
        check_one_of("kind", self.kind, get_args(Kind))
        check_one_of("constants", self.constants, get_args(Constants))
        given: object = self.terms
        named = [Term(*one) for one in given.items()] if isinstance(given, Mapping) else list(self.terms)
        for term in named:
            if not isinstance(term, Term):
                raise TightrateError(f"a bound is made of terms, such as Term('optimization', 'L*B^2/R'), not {term!r}")
        object.__setattr__(self, "terms", tuple(named))
        measure: object = getattr(self.measure, OWN, self.measure)  # a function of a run that is marked as one
        if not isinstance(measure, Measure):
            if not isinstance(measure, str) or measure not in MEASURES:
                raise unknown_name("measure", measure, MEASURES)
            measure = MEASURES[measure]
        object.__setattr__(self, "measure", measure)
        hidden = {decay, decay_lower} & self.expression.free_symbols
        if not hidden:
            return
        if self.kind == "exact":
            raise TightrateError("an equality cannot hide a constant in an exponent; give it as two bounds")
        own = decay if self.kind == "upper" else decay_lower
        terms = tuple(Term(t.name, t.expression.xreplace(dict.fromkeys(hidden, own))) for t in self.terms)
        for term in terms:
            if term.expression.replace(sympy.exp, _without_hidden_constant).has(own):
                raise TightrateError(f"term {term.name!r}: a hidden constant can stand in exp(-Theta(X)) only")
        object.__setattr__(self, "terms", terms)

    @property
    def unspecified(self) -> tuple[str, ...]:
        """The constants to which the source gives no value: those that it hides in exponents.

        >>> from tightrate.rates.statements.catalogue import theorem
        >>> theorem("cheng2024/thm1").bound.unspecified
        ('decay',)
        """
        return tuple(name for name in self.letters if (known := known_letter(name)) is not None and known.unspecified)

    @property
    def weakest(self) -> Bound:
        """The bound with those constants in exponents with which it says least; itself where none is hidden.

        What contradicts this one contradicts the bound whatever the constant is: exp(-Theta(X)) counts as 1 in an upper
        bound and as 0 in a lower one.  What contradicts `strongest` alone decides nothing.

        >>> from tightrate.rates.statements.catalogue import theorem
        >>> bound = theorem("cheng2024/thm1").bound
        >>> bound.weakest.terms[0].expression, bound.strongest.terms[0].expression
        (B**2*mu, B**2*mu*exp(-K*R*mu/L))
        """
        return self._with_constants({decay: sympy.S.Zero, decay_lower: sympy.oo})

    @property
    def strongest(self) -> Bound:
        """The bound with the constant 1 in those exponents; no larger one in an upper bound is ever meant."""
        return self._with_constants({decay: sympy.S.One, decay_lower: sympy.S.One})

    def _with_constants(self, values: Mapping[Expr, Expr]) -> Bound:
        return replace(self, terms=tuple(Term(t.name, t.expression.subs(values)) for t in self.terms))

    @property
    def expressions(self) -> tuple[Expr, ...]:
        """The expressions of the terms, in their order."""
        return tuple(term.expression for term in self.terms)

    @property
    def expression(self) -> Expr:
        """The sum of the terms."""
        return sympy.Add(*self.expressions)

    @property
    def letters(self) -> tuple[str, ...]:
        """The ASCII names of the letters, in the order of the alphabet."""
        names = {symbol.name for symbol in self.expression.free_symbols}
        return tuple(name for name in LETTERS if name in names) + tuple(sorted(names - set(LETTERS)))

    def term(self, name: str) -> Term:
        """The term of that name."""
        for term in self.terms:
            if term.name == name:
                return term
        raise TightrateError(f"no term {name!r}; the terms are {', '.join(term.name for term in self.terms)}")

    def unit_of_letter(self, name: str) -> Unit:
        """The unit of a letter in this bound."""
        return self.units[name] if name in self.units else letter(name).unit

    def check_units(self) -> None:
        """Raise UnitError unless every term has the unit of the measure.

        An infinite term has every unit, as zero has; a bound that is not dimensional has nothing to check.
        """
        if not self.dimensional:
            return
        for term in self.terms:
            if term.expression.is_infinite:
                continue
            found = unit_of(term.expression, self.unit_of_letter)
            if found is not None and found != self.measure.unit:
                raise UnitError(
                    f"term {term.name!r} has the unit {found}, but the {self.measure.name} has {self.measure.unit}"
                )

    def units_consistent(self) -> Literal["yes", "no", "not-checkable"]:
        """Whether every term has the unit of the measure; not checkable where the order hides units.

        >>> from tightrate.rates.statements.measures import MEASURES
        >>> from tightrate.rates.symbols.alphabet import B, L, R
        >>> Bound((Term("optimization", L * B / R),), MEASURES["gap"], "upper", "hidden").units_consistent()
        'no'
        """
        if not self.dimensional:
            return "not-checkable"
        try:
            self.check_units()
        except UnitError:
            return "no"
        return "yes"

    def __str__(self) -> str:
        """The formula on one line, with what it bounds.

        >>> from tightrate.rates.statements.catalogue import theorem
        >>> print(theorem("patel2024/prop7-constant").bound)
        gap ≥ L B²/(108 R)
        """
        hidden = self.constants != "explicit"
        relation = {"upper": "≤≲", "lower": "≥≳", "exact": "=≍"}[self.kind][hidden]
        return f"{self.measure.name} {relation} {' + '.join(map(display.unicode, self.expressions))}"

    def latex(self) -> str:
        """The formula in LaTeX."""
        return display.sum_latex(self.expressions)

    def _repr_latex_(self) -> str:
        """The formula in a notebook."""
        return f"$\\displaystyle {display.sum_latex(self.expressions)}$"

    def _repr_html_(self) -> str:
        """The formula as MathML, in a notebook or a page."""
        return display.sum_mathml(self.expressions)

    def at(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """The value at values of the symbols by their ASCII names, mappings or keywords.

        Numbers give a float, computed with 50 digits and nan where it is undefined; arrays and labelled arrays are
        broadcast.

        >>> import numpy as np
        >>> from tightrate.rates.statements.catalogue import theorem
        >>> theorem("patel2024/prop7-constant").bound.at(L=1, B=1, R=np.array([1, 10]))
        array([0.00925926, 0.00092593])
        """
        return at(self.expression, values, **more)

    def __call__(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Any:
        """The value, as in `at`."""
        return self.at(values, **more)

    def terms_at(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> dict[str, Any]:
        """The value of each term by its name, as in `at`."""
        return {term.name: at(term.expression, values, **more) for term in self.terms}
