"""A verdict: status, one sentence, the numbers behind it, and a witness when something is violated."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from tightrate.verify.notebook_tables import html_table, latex_table, text_table

Status = Literal["confirmed", "consistent", "violated", "inconclusive", "not-applicable", "error"]

STATUS_MEANING: Mapping[Status, str] = {
    "confirmed": "a symbolic proof with a certificate, or an identity to rounding",
    "consistent": "nothing contradicts the claim",
    "violated": "a witness contradicts the claim",
    "inconclusive": "not enough statistical power to tell",
    "not-applicable": "a condition of the theorem fails here",
    "error": "the test itself failed",
}


LARGEST_DENOMINATOR = 64  # of an exponent that is shown as a fraction
EXACTLY, LEAST_APART = 1e-4, 0.002  # between these the ends of an interval need more than three digits


def raised(base: str) -> str:
    """What stands before an exponent: a letter or `n(path)` as it is, any other formula in brackets.

    >>> raised("zeta_star"), raised("1/sigma"), raised("n(K = R)")
    ('zeta_star', '(1/sigma)', 'n(K = R)')
    """
    return base if re.match(r"\w+(\(|$)", base) else f"({base})"


def fitted_power(base: str, estimate: float, low: float, high: float) -> str:
    """A fitted exponent with its own interval, to three digits or as many as tell its ends apart, five at most.

    >>> fitted_power("K", -0.5, -0.51, -0.48)
    'K^-0.500 (-0.510 to -0.480)'
    >>> fitted_power("K", -0.93084, -0.930895, -0.930793)
    'K^-0.93084 (-0.93090 to -0.93079)'
    >>> fitted_power("K", 0.0, -1e-9, 1e-9)
    'K^0.000 (0.000 to 0.000)'
    """
    apart = high - low
    digits = math.ceil(-math.log10(apart)) + 1 if EXACTLY < apart < LEAST_APART else 3
    return f"{raised(base)}^{estimate:z.{digits}f} ({low:z.{digits}f} to {high:z.{digits}f})"


def predicted_power(base: str, power: float) -> str:
    """A predicted exponent: the fraction that it is, else six digits.

    >>> predicted_power("K", -1 / 3), predicted_power("R", 2.0), predicted_power("K", 0.123456789)
    ('K^-1/3', 'R^2', 'K^0.123457')
    """
    fraction = Fraction(power).limit_denominator(LARGEST_DENOMINATOR) if math.isfinite(power) else None
    exact = fraction is not None and math.isclose(float(fraction), power, rel_tol=1e-12, abs_tol=1e-12)
    return f"{raised(base)}^{fraction if exact else format(power, 'g')}"


LEAST_SHARE = 1e-4  # of a bound that is told in percent


def of_the_bound(ratio: float) -> str:
    """How much of a bound a value is, to three digits, or as many as tell it from the bound.

    >>> of_the_bound(0.6194), of_the_bound(3.2e-6), of_the_bound(1.61572), of_the_bound(0.99999)
    ('61.9 % of the bound', 'less than 0.01 % of the bound', '1.62 times the bound', '99.999 % of the bound')
    """
    if 0 <= ratio < LEAST_SHARE:
        return f"less than {100 * LEAST_SHARE:g} % of the bound" if ratio else "0 % of the bound"
    digits = 3 if not 0 < abs(ratio - 1) < 0.01 else min(3 - math.floor(math.log10(abs(ratio - 1))), 9)
    return f"{100 * ratio:.{digits}g} % of the bound" if ratio <= 1 else f"{ratio:.{digits}g} times the bound"


def weakness(evidence: Mapping[str, Any]) -> str:
    """Why evidence is weak: for the whole, or for every one of its parts."""
    if "weak evidence" in evidence:
        return str(evidence["weak evidence"])
    parts = [part for part in evidence.values() if isinstance(part, Mapping) and "verdict" in part]
    reasons = list(map(weakness, parts))
    return "; ".join(dict.fromkeys(reasons)) if reasons and all(reasons) else ""


def allowances(evidence: Mapping[str, Any]) -> Iterator[str]:
    """What evidence, or a part of it, owes to allowances."""
    if "stands by an allowance" in evidence:
        yield str(evidence["stands by an allowance"])
    for name, part in evidence.items():
        if isinstance(part, Mapping):
            yield from (f"{name} {found}" for found in allowances(part))


@dataclass(frozen=True)
class Verdict:
    """What a test found.

    `predicted` and `measured` are short texts for a table, exponents each with their interval; `interval` is that of
    the exponent that comes nearest to a contradiction; `evidence` holds the numbers; `witness` the parameters with
    which a third party can re-run a violation.

    Attributes:
        status: "confirmed", "consistent", "violated" and so on
        sentence: what was found

    >>> Verdict("consistent", "Nothing contradicts it.", "gap <= bound", "measured / bound <= 0.5").status
    'consistent'
    """

    status: Status
    sentence: str
    predicted: str
    measured: str
    interval: tuple[float, float] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    witness: Mapping[str, Any] | None = None

    @property
    def weak(self) -> str:
        """Why this is weak evidence: a much sharper statement would have stood, too; empty where none would.

        >>> part = {"verdict": "consistent", "weak evidence": "a bound 10000 times sharper would have stood"}
        >>> Verdict("consistent", "It holds.", "-", "-", evidence={"a": part, "b": part}).weak
        'a bound 10000 times sharper would have stood'
        >>> Verdict("consistent", "It holds.", "-", "-", evidence={"a": part, "b": {"verdict": "consistent"}}).weak
        ''
        """
        return "" if self.status not in ("consistent", "confirmed") else weakness(self.evidence)

    @property
    def allowances(self) -> str:
        """What the verdict owes to an allowance (noise, window, drift, a logarithm, rounding); empty where nothing.

        >>> part = {"verdict": "consistent", "stands by an allowance": "an excess of 0.02, within the noise"}
        >>> Verdict("consistent", "It holds.", "-", "-", evidence={"along K": part}).allowances
        'along K an excess of 0.02, within the noise'
        """
        return "" if self.status not in ("consistent", "confirmed") else "; ".join(allowances(self.evidence))

    def rows(self) -> dict[str, str]:
        """What a small table says of the verdict."""
        witness = ", ".join(f"{name} = {value}" for name, value in (self.witness or {}).items())
        return {
            "found": self.sentence,
            "predicted": self.predicted,
            "measured": self.measured,
            "witness": witness,
        }

    def __str__(self) -> str:
        return text_table(self.status, self.rows())

    def _repr_html_(self) -> str:
        return html_table(self.status, self.rows())

    def _repr_latex_(self) -> str:
        return latex_table(self.status, self.rows())
