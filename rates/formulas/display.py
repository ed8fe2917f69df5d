r"""Formulas as people see them: LaTeX, unicode for terminals, MathML for pages, and plain text that reads back.

>>> import sympy
>>> from tightrate.rates.symbols.alphabet import B, K, L, M, R, sigma
>>> statistical = sigma * B / sympy.sqrt(M * K * R)
>>> print(latex(L * B**2 / R, {"L": "H"}), latex(statistical))
\frac{HB^2}{R} \frac{\sigma B}{\sqrt{MKR}}
>>> print(text(statistical), unicode(statistical), sep="   ")
sigma*B/sqrt(M*K*R)   σ B/√(M K R)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sympy import Expr

from tightrate.rates.formulas.latex import LaTeX
from tightrate.rates.formulas.mathml import MathML, math_element
from tightrate.rates.formulas.plain_text import PlainText
from tightrate.rates.formulas.style import Letters, Style
from tightrate.rates.formulas.terminal import Stacked, Unicode
from tightrate.rates.formulas.typeset import Typesetter

T = TypeVar("T")


def latex(expression: Expr, letters: Letters | None = None) -> str:
    r"""An expression in LaTeX, in the alphabet's letters or in those given (our name to LaTeX).

    >>> from tightrate.rates.symbols.alphabet import K, R, alpha, mu, L, sigma
    >>> print(latex(sigma**2 / mu * (L / (mu * K * R)) ** ((alpha - 1) / alpha)))
    \frac{\sigma^2}{\mu}\left(\frac{L}{\mu KR}\right)^{(\alpha - 1)/\alpha}
    """
    return Typesetter(LaTeX(letters or {})).part(expression).body


def text(expression: Expr) -> str:
    """An expression in plain text, which `tightrate.rates.formulas.parse.parse` reads back to an equal one.

    >>> import sympy
    >>> from tightrate.rates.symbols.alphabet import B, K, L, R, sigma
    >>> text((L * sigma**2 * B**4 / (K * R**2)) ** sympy.Rational(1, 3))
    '(L*sigma^2*B^4)^(1/3)/(K^(1/3)*R^(2/3))'
    """
    return Typesetter(PlainText()).part(expression).body


def unicode(expression: Expr, letters: Letters | None = None) -> str:
    """An expression on one line of a terminal.

    >>> from tightrate.rates.symbols.alphabet import L, zeta_star
    >>> unicode(zeta_star**2 / L)
    'ζ⋆²/L'
    """
    return Typesetter(Unicode(letters or {})).part(expression).body


def stacked(expression: Expr, letters: Letters | None = None) -> str:
    """An expression on several lines of a terminal, fractions stacked.

    >>> from tightrate.rates.symbols.alphabet import L, zeta_star
    >>> print(stacked(zeta_star**2 / L))
    ζ⋆²
    ───
     L
    """
    return str(Typesetter(Stacked(letters or {})).part(expression).body)


def mathml(expression: Expr, letters: Letters | None = None, block: bool = False) -> str:
    """An expression as a `math` element of presentation MathML, which browsers show without help.

    >>> from tightrate.rates.symbols.alphabet import L, R
    >>> mathml(L / R)
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><mfrac><mi>L</mi><mi>R</mi></mfrac></math>'
    """
    return math_element(Typesetter(MathML(letters or {})).part(expression).body, block)


def sum_latex(terms: Sequence[Expr], letters: Letters | None = None) -> str:
    """A sum of terms in their order, in LaTeX."""
    return _joined(LaTeX(letters or {}), terms)


def sum_text(terms: Sequence[Expr]) -> str:
    """A sum of terms in their order, in plain text."""
    return _joined(PlainText(), terms)


def sum_unicode(terms: Sequence[Expr], letters: Letters | None = None) -> str:
    """A sum of terms in their order, on one line of a terminal."""
    return _joined(Unicode(letters or {}), terms)


def sum_stacked(terms: Sequence[Expr], letters: Letters | None = None) -> str:
    """A sum of terms in their order, on several lines of a terminal, fractions stacked."""
    return str(_joined(Stacked(letters or {}), terms))


def sum_mathml(terms: Sequence[Expr], letters: Letters | None = None, block: bool = True) -> str:
    """A sum of terms in their order, as a `math` element."""
    return math_element(_joined(MathML(letters or {}), terms), block)


def _joined(style: Style[T], terms: Sequence[Expr]) -> T:
    typesetter = Typesetter(style)
    return style.sum([typesetter.signed(term) for term in terms])
