"""What everybody takes for granted in a bound and hardly anybody writes: conventions, applied in the open.

Each function changes an expression by one convention and says so in words, so that an answer that depends on it shows
it: T = K R, kappa = L/mu, logarithms of accuracies, moments of order at most 2, k + 1 for k.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy
from sympy import Add, Expr, Max, Mul, Pow, Symbol, log

from tightrate.rates.orders.moment_order import ALPHA
from tightrate.rates.orders.normal_form import substituted
from tightrate.rates.orders.special_factors import exceeds_one
from tightrate.rates.symbols.alphabet import KINDS, K, Letter, R, T, declared, kind_of, known_letter, letter, symbol

# Symbols whose common meanings differ, by key, with the other names that papers give them.
OTHER_MEANINGS: Mapping[str, tuple[str, ...]] = {
    "tau": ("K", "weak", "delay"),
    "gamma": ("eta",),
    "T": ("R",),
    "H": ("K", "L"),
    "delta": ("tau", "Delta", "number"),
    "D": ("B",),
    "B": ("number", "batch"),
    "K": ("R", "M"),
    "n": ("M", "samples"),
    "N": ("M", "clients"),
    "S": ("sampled",),
    "m": ("M", "samples"),
    "k": ("T", "R"),
    "t": ("T", "R"),
    "E": ("K",),
    "I": ("K",),
    "a": ("constant",),
    "c": ("constant", "cosine"),
    "e": ("constant",),
    "nu": ("constant",),
    "z": ("constant",),
    "alpha": ("number", "eta"),
    "lambda": ("mu", "eta", "number"),
    "rho": ("weak", "number"),
    **{f"{step}_{where}": ("eta",) for step in ("eta", "gamma") for where in "gs"},
}


def counts_elsewhere(name: str) -> bool:
    """Whether a symbol that nobody declared is a number in all of its common meanings, as n and N are.

    >>> counts_elsewhere(declared("n", "unknown")), counts_elsewhere(declared("H", "unknown"))
    (True, False)
    """
    others = OTHER_MEANINGS.get(name.rpartition(":")[0], ()) if kind_of(name) == "unknown" else ()
    return bool(others) and all(letter(declared("x", o) if o in KINDS else o).unit.is_pure for o in others)


# Read as constants where nobody says otherwise: in a bound they stand for numbers.
CONSTANTS = ("c", "C", r"\text{const}", "c'", "C'", *(f"{c}_{i}" for c in "cC" for i in range(4)))


def constants() -> dict[str, str]:
    """The letters for constants, as `--letters` would declare them."""
    return {written: declared(written, "constant") for written in CONSTANTS}


def with_total_steps(expressions: Sequence[Expr]) -> tuple[list[Expr], bool]:
    """T = K R put in where T stands beside K or R; whether it was."""
    present = {s for e in expressions for s in e.free_symbols}
    if T not in present or not present & {K, R}:
        return list(expressions), False
    return [substituted(e, {T: K * R}) for e in expressions], True


def with_condition_number(expressions: Sequence[Expr]) -> tuple[list[Expr], bool]:
    """kappa = L/mu put in where kappa stands beside L or mu; whether it was."""
    present = {s for e in expressions for s in e.free_symbols}
    kappas = {s for s in present if kind_of(s.name) == "kappa"}
    if not kappas or not present & {symbol("L"), symbol("mu")}:
        return list(expressions), False
    return [substituted(e, dict.fromkeys(kappas, symbol("L") / symbol("mu"))) for e in expressions], True


def with_conventional_logarithms(expression: Expr) -> Expr:
    """log(1/eps) for log(L B^2/eps) and the like: what stands over an accuracy to make it pure is left out.

    >>> from tightrate.rates.symbols.alphabet import B, K, L, eps
    >>> with_conventional_logarithms(log(L * B**2 / eps) + log(K / eps) + log(L * B**2))
    log(1/eps) + log(B**2*L) + log(K/eps)
    """

    def usual(logarithm: Expr) -> Expr:
        (argument,) = logarithm.args
        if symbol("eps") not in argument.free_symbols or isinstance(argument, (Add, Max)):
            return logarithm
        units = {s for s in argument.free_symbols if (k := known_letter(s.name)) is None or not k.unit.is_pure}
        return log(argument.xreplace(dict.fromkeys(units - {symbol("eps")}, sympy.S.One)))

    return expression.replace(lambda e: isinstance(e, log), usual)


def with_positive_logarithms(expression: Expr) -> Expr:
    """log X as log max(2, X): bounds never mean a logarithm that vanishes.

    >>> from tightrate.rates.symbols.alphabet import K, eps
    >>> with_positive_logarithms(log(1 / eps)), with_positive_logarithms(log(K))
    (log(Max(2, 1/eps)), log(Max(2, K)))
    """

    def floored(logarithm: Expr) -> Expr:
        (argument,) = logarithm.args
        if argument.is_number or isinstance(argument, (Max, Add)):
            return logarithm
        return log(Max(2, argument, evaluate=False))  # comparing both, as sympy would, takes time

    return expression.replace(lambda e: isinstance(e, log), floored)


def with_heavy_tails(expressions: Sequence[Expr]) -> tuple[list[Expr], str]:
    """A moment order p in (1, 2] as 1 + 4/alpha with alpha >= 4; its name, empty if none occurs.

    The order algebra knows exponents for alpha >= 4; this maps (1, 2] onto that range.
    """
    moments = {s for e in expressions for s in e.free_symbols if kind_of(s.name) == "moment"}
    if not moments:
        return list(expressions), ""
    to_alpha = dict.fromkeys(moments, 1 + 4 / symbol("alpha"))
    return [_cancelled(substituted(e, to_alpha)) for e in expressions], ", ".join(sorted(s.name for s in moments))


def alpha_at_most_two(expressions: Sequence[Expr]) -> list[Expr]:
    """The same with alpha itself in (1, 2]."""
    alpha = symbol("alpha")
    return [_cancelled(e.xreplace({alpha: 1 + 4 / alpha})) for e in expressions]


def _cancelled(expression: Expr) -> Expr:
    """The expression with its exponents as reduced fractions."""
    return expression.replace(
        lambda e: isinstance(e, Pow) and not e.exp.is_number and e.exp.free_symbols <= {ALPHA, symbol("alpha")},
        lambda e: Pow(e.base, sympy.cancel(e.exp)),
    )


def without_common_factors(first: Sequence[Expr], second: Sequence[Expr]) -> tuple[Expr, Expr, tuple[Expr, ...]]:
    """Both sums without the factors, other than powers of letters, that all terms of both have.

    >>> from tightrate.rates.symbols.alphabet import B, L, R, eta, mu, K
    >>> decay = (1 - eta * mu) ** K
    >>> without_common_factors([L * B**2 * decay], [B**2 * mu * decay, L * B**2 * decay / R])[2]
    ((-eta*mu + 1)**K,)
    """
    factors = [set(Mul.make_args(term)) for term in (*first, *second)]
    common = set.intersection(*factors) if factors else set()
    special = {f for f in common if not f.is_number and not isinstance(f.as_base_exp()[0], Symbol)}
    if not special:
        return Add(*first), Add(*second), ()

    def rest(term: Expr) -> Expr:
        return Mul(*(f for f in Mul.make_args(term) if f not in special))

    ordered = tuple(sorted(special, key=sympy.default_sort_key))
    return Add(*map(rest, first)), Add(*map(rest, second)), ordered


def distributed(terms: Sequence[Expr]) -> list[Expr]:
    """A factor before a sum in brackets multiplies each summand, which becomes a term of its own.

    >>> from tightrate.rates.symbols.alphabet import K, M, R, sigma, zeta
    >>> distributed([(sigma**2 / K + zeta**2) / M, (K + 1) ** 2 / R])
    [zeta**2/M, sigma**2/(K*M), (K + 1)**2/R]
    """
    found: list[Expr] = []
    for term in terms:
        sums = [f for f in Mul.make_args(term) if isinstance(f, Add) and _opens(f)] if isinstance(term, Mul) else []
        if not sums:
            found.append(term)
            continue
        rest = Mul(*(f for f in Mul.make_args(term) if f is not sums[0]))
        found += distributed([rest * summand for summand in sums[0].args])
    return found


def _opens(total: Expr) -> bool:
    """Whether a sum is one of terms of their own, rather than a shifted count such as K + 1 or a difference."""
    return not any(summand.could_extract_minus_sign() for summand in total.args) and leading_count(total) is None


def leading_count(total: Expr) -> Expr | None:
    """K of K + 1, K - 1 or gamma + K - 1: a count plus numbers, up to constants; None for any other sum.

    >>> from tightrate.rates.symbols.alphabet import K, R, gamma, L
    >>> leading_count(K + 1), leading_count(gamma + R - 1), leading_count(K * R + 1), leading_count(L + K)
    (K, R, K*R, None)
    >>> leading_count(symbol(declared("kappa", "kappa")) + K) is None
    True
    """
    rest = [summand for summand in total.args if not summand.is_number]
    counts = [summand for summand in rest if exceeds_one(summand) and not summand.could_extract_minus_sign()]
    counts = [c for c in counts if all(_is_whole(s) for s in c.free_symbols)]
    others = [summand for summand in rest if summand not in counts]
    shifts = all(isinstance(o, Symbol) and (k := known_letter(o.name)) is not None and _is_shift(k) for o in others)
    if len(counts) != 1 or not shifts or (len(rest) == len(total.args) and not others) or len(others) > 1:
        return None
    return counts[0].as_coeff_Mul()[1]


def _is_shift(letter: Letter) -> bool:
    """Whether a letter beside a count can be a fixed shift, such as gamma in gamma + T, rather than a quantity."""
    return letter.unit.is_pure and not letter.is_at_least_one


def _is_whole(letter: Symbol) -> bool:
    known = known_letter(letter.name)
    return known is not None and known.counts


def with_leading_counts(expression: Expr) -> tuple[Expr, tuple[str, ...]]:
    """k for k + 1, T for T - 1 and the like, with each replacement in words."""
    said: list[str] = []

    def replaced(total: Expr) -> Expr:
        leading = leading_count(total)
        if leading is None:
            return total
        said.append(f"{total} counts as {leading}, up to constants")
        return leading

    factors = [_in_base(factor, replaced) for factor in Mul.make_args(expression)]
    return Mul(*factors), tuple(dict.fromkeys(said))


def _in_base(factor: Expr, replaced: object) -> Expr:
    base, power = factor.as_base_exp()
    assert callable(replaced)
    return Pow(replaced(base), power) if isinstance(base, Add) and power.is_number else factor
