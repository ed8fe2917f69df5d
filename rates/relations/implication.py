"""Links between bounds: what one becomes at special values, at its best step, or solved for the accuracy.

A link is decided, by an identity or by the order algebra, never assumed.  `tightrate.rates.relations.implications` is
the list of those that the catalogue should have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import sympy
from sympy import Add, Expr, Integer, Min, log, oo

from tightrate.common.errors import TightrateError
from tightrate.rates.formulas.display import text
from tightrate.rates.orders.certificate import Certificate, Given, Witness
from tightrate.rates.orders.domination import compare, dominated
from tightrate.rates.orders.one_sided_estimates import primitive_differences, with_exponentials
from tightrate.rates.orders.parameter_tuning import invert, irredundant, minimize_over, monomials, specialize_expression
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.symbols.alphabet import T, symbol

Relation = Literal["=", "~", "<~"]
Values = Mapping[str, Expr | int]


@dataclass(frozen=True)
class Outcome:
    """What was found: an identity, or certificates and witnesses of the order algebra."""

    verdict: Literal["proved", "fails", "undecided"]
    certificates: tuple[Certificate, ...] = ()
    witness: Witness | None = None
    reason: str = ""


@dataclass(frozen=True)
class Link:
    """What edges and derivations share: two entries, values of their letters, and how they are related there.

    The target "0" is zero.  `terms` restricts both sides to terms of these names; with `without_logarithms` every
    logarithm is set to one.
    """

    source: str
    target: str
    relation: Relation
    at: Values = field(default_factory=dict)
    target_at: Values = field(default_factory=dict)
    given: Given = ()
    terms: tuple[str, ...] = ()
    without_logarithms: bool = False
    fails_because: str = ""

    def decide(self) -> Outcome:
        """Whether the link holds."""
        try:
            return related(self.left(), self.right(), self.relation, self.given)
        except TightrateError as error:
            return Outcome("undecided", reason=str(error))

    def left(self) -> Expr:
        """What the source becomes."""
        raise NotImplementedError

    def right(self) -> Expr:
        """The target."""
        return Add(*self.named_terms(self.target, self.target_at).values())

    def named_terms(self, name: str, values: Values) -> dict[str, Expr]:
        """The terms of an entry at these values."""
        if name == "0":
            return {}
        bound = theorem(name).bound
        kept = [term for term in bound.terms if not self.terms or term.name in self.terms]
        return {term.name: at(term.expression, values, self.without_logarithms) for term in kept}

    @property
    def operation(self) -> str:
        """What happens to the source, in words."""
        return (
            ", ".join(f"{name} = {text(sympy.sympify(value, strict=True))}" for name, value in self.at.items())
            or "as it stands"
        )


@dataclass(frozen=True)
class Edge(Link):
    """`source` at these values is `factor` times `target`, of its order, or at most of its order."""

    factor: Expr | int = 1

    def left(self) -> Expr:
        """The source at the values.

        >>> Edge("woodworth2020/convex", "woodworth2020a/convex", "=", {"zeta": 0}).decide().verdict
        'proved'
        """
        return Add(*self.named_terms(self.source, self.at).values())

    def right(self) -> Expr:
        """The target with its factor."""
        return Add(*(self.factor * term for term in self.named_terms(self.target, self.target_at).values()))


@dataclass(frozen=True)
class Tuning(Link):
    """The minimum of `source` over `letter` between floor and cap is related to `target`.

    With an exponential exp(-x letter) the minimum is taken up to logarithms: see `tuned_up_to_logarithm`.
    """

    letter: str = "eta"
    cap: Expr | None = None
    floor: Expr | None = None

    def left(self) -> Expr:
        """The minimum, by all balances.

        >>> from tightrate.rates.symbols.alphabet import L
        >>> Tuning("dekel2012/fixed-step", "dekel2012/convex", "~", cap=1 / L).decide().verdict
        'proved'
        """
        terms = self.named_terms(self.source, self.at)
        decaying = {name: with_exponentials(term) for name, term in terms.items()}
        if decaying != terms and self.cap is not None:
            return tuned_up_to_logarithm(decaying, self.letter, self.cap)
        return minimize_over(powers(terms, self.given), self.letter, self.cap, self.floor, self.given).rate

    @property
    def operation(self) -> str:
        """What happens to the source, in words."""
        ends = [
            f"{word} {text(end)}" for word, end in (("at most", self.cap), ("at least", self.floor)) if end is not None
        ]
        at_values = "" if not self.at else f" at {super().operation}"
        return f"minimized over {self.letter} {' and '.join(ends)}".rstrip() + at_values


@dataclass(frozen=True)
class Solution(Link):
    """Where every term of `source` is at most `value`, solved for `letter`, is related to `target`."""

    letter: str = "eps"
    value: Expr = T

    def left(self) -> Expr:
        """The solution of the terms that depend on the letter.

        >>> from tightrate.rates.symbols.alphabet import eps
        >>> link = Solution("woodworth2020/convex", "patel2024/eq10-old", "=", letter="zeta", value=eps)
        >>> link.operation, link.decide().verdict
        ('every term at most eps, solved for zeta', 'proved')
        """
        found = powers(self.named_terms(self.source, self.at), self.given)
        dependent = {name: term for name, term in found.items() if symbol(self.letter) in term.free_symbols}
        value = invert(dependent, self.letter, self.value).value
        return at(value, {}, self.without_logarithms)

    @property
    def operation(self) -> str:
        """What happens to the source, in words."""
        at_values = "" if not self.at else f" at {super().operation}"
        return f"every term at most {text(self.value)}, solved for {self.letter}{at_values}"


# --- how links are decided -------------------------------------------------------------------------------------------


def at(expression: Expr, values: Values, without_logarithms: bool = False) -> Expr:
    """An expression at special values, its logarithms set to one where asked for.

    >>> from tightrate.rates.symbols.alphabet import K, M, R, sigma
    >>> at(sigma**2 / (M * K) * log(K * R), {"M": K}, without_logarithms=True)
    sigma**2/K**2
    """
    if without_logarithms:
        expression = expression.replace(log, lambda _: Integer(1))
    plain = {symbol(name): value for name, value in values.items() if value not in (0, oo)}
    limits = {name: value for name, value in values.items() if value in (0, oo)}
    return specialize_expression(expression.xreplace(plain), **limits)


def related(left: Expr, right: Expr, relation: Relation, given: Given = ()) -> Outcome:
    """Whether left = right, left ~ right or left <~ right."""
    if relation == "=":
        return Outcome("proved") if identical(left, right) else Outcome("fails", reason="the formulas differ")
    comparison = compare(primitive_differences(left), primitive_differences(right), given)
    results = (comparison.forward, comparison.backward) if relation == "~" else (comparison.forward,)
    if all(result.relation == "holds" for result in results):
        return Outcome("proved", tuple(result.certificate for result in results if result.certificate))
    failing = next((result for result in results if result.relation == "fails"), None)
    if failing is not None:
        return Outcome("fails", witness=failing.witness)
    return Outcome("undecided", reason="; ".join(result.reason for result in results if result.reason))


def identical(left: Expr, right: Expr) -> bool:
    """Whether two formulas are the same function of positive letters."""
    if left == right:
        return True
    difference = sympy.powdenest(left - right, force=True)
    return bool(difference == 0 or sympy.simplify(difference) == 0)


def powers(terms: Mapping[str, Expr], given: Given = ()) -> dict[str, Expr]:
    """Terms up to constants as irredundant monomials, or minima of monomials, where they are sums or maxima.

    >>> from tightrate.rates.symbols.alphabet import K, R, eta
    >>> powers({"drift": eta**2 * (R + 2) * (K + 1)})
    {'drift': K*R*eta**2}
    """
    found: dict[str, Expr] = {}
    for name, term in terms.items():
        if term == 0:
            continue
        parts = [_least(part, given) for part in Add.make_args(monomials(primitive_differences(term)))]
        kept = (
            irredundant({str(index): part for index, part in enumerate(parts)}, given) if parts[1:] else {"": parts[0]}
        )
        found |= {f"{name} {index}".rstrip() if len(kept) > 1 else name: part for index, part in kept.items()}
    return found


def _least(minimum: Expr, given: Given) -> Expr:
    """A minimum without the monomials that another one never exceeds."""
    kept = list(minimum.args) if isinstance(minimum, Min) else [minimum]
    for part in tuple(kept):
        if any(dominated(other, part, given).relation == "holds" for other in kept if other is not part):
            kept.remove(part)
    return Min(*kept)


def tuned_up_to_logarithm(terms: Mapping[str, Expr], letter: str, cap: Expr) -> Expr:
    """min over x <= cap of  A exp(-c x) + sum_i e_i x^p_i  with p_i > 0, up to logarithms.

    At x = min(cap, l/c), where l >= 1 is a logarithm that brings A exp(-l) below the other terms, the exponential is
    at most A exp(-c cap) or below the others, and these are at most l^p times their values at x = 1/c.

    >>> from tightrate.rates.symbols.alphabet import B, L, eta, mu, sigma
    >>> tuned_up_to_logarithm({"start": B**2 * sympy.exp(-mu * eta * T), "noise": eta * sigma**2 / mu}, "eta", 1 / L)
    B**2*exp(-T*mu/L) + sigma**2/(T*mu**2)
    """
    step = symbol(letter)
    rates = {
        -exponential.args[0].coeff(step)
        for term in terms.values()
        for exponential in term.atoms(sympy.exp)
        if step in exponential.free_symbols
    }
    if len(rates) != 1:
        raise TightrateError(f"one exponential in {letter} is needed, not {len(rates)}")
    (rate,) = rates
    return Add(*(term.subs(step, cap if term.has(sympy.exp) else 1 / rate) for term in terms.values()))
