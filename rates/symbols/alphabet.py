"""The alphabet: one global meaning, unit and ASCII name for every letter of every bound.

Papers use the same letter for different things (`T`, `H`, `tau`, `alpha`, `mu`).  Here each quantity has one name,
the one used on the command line, in JSON and in results; a theorem keeps its paper's letters for display only.  A paper
of one's own declares the letters that it has beside these (`tightrate.rates.statements.own_symbols`).

    >>> from tightrate.rates.symbols.alphabet import L, B, R, LETTERS
    >>> L * B**2 / R
    B**2*L/R
    >>> print(LETTERS["sigma"].unit)
    value length^-1
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sympy import Expr, Rational, Symbol

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError, unknown_name
from tightrate.common.live_mapping import LiveMapping
from tightrate.common.numbers import in_range
from tightrate.rates.symbols.units import LENGTH, PURE, VALUE, Unit

GRADIENT = VALUE / LENGTH
CURVATURE = VALUE / LENGTH**2
SQUARED_GRADIENT = GRADIENT**2
STEP = LENGTH**2 / VALUE


@dataclass(frozen=True)
class Letter:
    """One letter of the alphabet.

    `counts` marks whole numbers (`K` may also be infinite), `at_least_one` other numbers from 1 on, such as a condition
    number; `constant` marks what is of order 1; `may_vanish` marks quantities whose zero is meaningful;
    `below_one` marks fractions in (0, 1), or [0, 1) where they may vanish; `at_most_one` marks those in [0, 1].
    `at_most` names letters that are at least as large in every problem where both occur; `chosen` marks what the method
    chooses, such as a step size, rather than the problem; `unspecified` marks a constant that sources leave open;
    `defined` is what a letter stands for that is only short for a formula in others, `run` the parameter of runs that
    is meant by it.
    """

    name: str
    latex: str
    meaning: str
    unit: Unit = PURE
    counts: bool = False
    may_vanish: bool = False
    below_one: bool = False
    at_most_one: bool = False
    at_least_one: bool = False
    constant: bool = False
    at_most: tuple[str, ...] = ()
    chosen: bool = False
    unspecified: bool = False
    defined: Expr | None = None
    run: str = ""

    @property
    def is_at_least_one(self) -> bool:
        """Whether no value is below 1."""
        return self.counts or self.at_least_one

    @property
    def is_at_most_one(self) -> bool:
        """Whether no value is above 1."""
        return self.below_one or self.at_most_one

    @property
    def symbol(self) -> Symbol:
        """The sympy symbol; nonnegative when the quantity may vanish, positive otherwise."""
        return Symbol(self.name, nonnegative=True) if self.may_vanish else Symbol(self.name, positive=True)


def _alphabet(letters: Iterable[Letter]) -> Mapping[str, Letter]:
    return MappingProxyType({letter.name: letter for letter in letters})


DECLARED = "__letters__"  # where a module keeps the letters that it declares


def _declared_letters() -> Iterator[tuple[str, Letter]]:
    """The letters that papers of one's own declare, and those of the program itself (a script, a notebook)."""
    for module in (*paper_files.with_helpers(), sys.modules.get("__main__")):
        yield from vars(module).get(DECLARED, {}).items() if module is not None else ()


ALPHABET: Mapping[str, Letter] = _alphabet(
    [
        Letter("K", "K", "local steps per round", counts=True),
        Letter("R", "R", "communication rounds", counts=True),
        Letter("M", "M", "workers (workers, clients)", counts=True),
        Letter("T", "T", "total steps per worker, K R unless a theorem says otherwise", counts=True),
        Letter("d", "d", "dimension", counts=True),
        Letter("L", "L", "smoothness: Lipschitz constant of every worker's gradient", CURVATURE),
        Letter("mu", r"\mu", "strong convexity", CURVATURE, at_most=("curvature",)),
        Letter("L0", "L_0", "generalized smoothness: |Hess F| <= L0 + L1 |grad F|", CURVATURE),
        Letter("L1", "L_1", "generalized smoothness: |Hess F| <= L0 + L1 |grad F|", Unit(length=-1)),
        Letter(
            "weak",
            r"\rho_{\mathrm{w}}",
            "weak convexity: $f + (weak/2) |x|^2$ is convex",
            CURVATURE,
            may_vanish=True,
            at_most=("L",),
        ),
        Letter("curvature", "a", "an eigenvalue of a worker's Hessian", CURVATURE, at_most=("L",)),
        Letter("sigma", r"\sigma", "noise level of one stochastic gradient", GRADIENT, may_vanish=True),
        Letter(
            "sigma_star",
            r"\sigma_\star",
            "root mean square of the stochastic gradients at the optimum",
            GRADIENT,
            may_vanish=True,
        ),
        Letter("alpha", r"\alpha", "order of the bounded noise moment"),
        Letter("B", "B", "distance from the start to the optimum", LENGTH),
        Letter(
            "B_scaled",
            r"B_D",
            "distance from the start to the optimum in the norm of the scaling matrix",
            Unit(length=1, scaling=Rational(1, 2)),
        ),
        Letter("Delta", r"\Delta", "gap $f(x_0) - f_*$ at the start", VALUE),
        Letter("zeta", r"\zeta", "uniform first-order heterogeneity", GRADIENT, may_vanish=True),
        Letter(
            "zeta_star",
            r"\zeta_\star",
            "root mean square of the workers' gradients at the optimum",
            GRADIENT,
            may_vanish=True,
            at_most=("zeta", "zeta_opt"),  # a gradient at the optimum is at most L times the distance of the optima
        ),
        Letter(
            "zeta_mean",
            r"\zeta_1",
            "mean norm of the workers' gradients at the optimum",
            GRADIENT,
            may_vanish=True,
            at_most=("zeta_star",),
        ),
        Letter(
            "zeta_opt",
            r"\zeta_{\mathrm{opt}}",
            "L times the root mean square distance of the workers' optima from the optimum",
            GRADIENT,
            may_vanish=True,
        ),
        Letter(
            "tau",
            r"\tau",
            "second-order heterogeneity: largest distance of two Hessians",
            CURVATURE,
            may_vanish=True,
            at_most=("L",),  # two matrices between 0 and L I differ by at most L; the triangle inequality gives 2 L
        ),
        Letter(
            "tau_mean",
            r"\bar\tau",
            "largest distance of a Hessian from their mean",
            CURVATURE,
            may_vanish=True,
            at_most=("tau",),
        ),
        Letter(
            "Q",
            "Q",
            "third-order smoothness: Lipschitz constant of the Hessian",
            VALUE / LENGTH**3,
            may_vanish=True,
        ),
        Letter("D", "D", "radius of the ball that holds every iterate", LENGTH),
        Letter("cosine", "c", "cosine of the angle of the rank-one pair", below_one=True),
        Letter("G", "G", "bound on the gradient norm", GRADIENT),
        Letter("G_inf", r"G_\infty", "bound on every gradient coordinate", GRADIENT, at_most=("G",)),
        Letter(
            "sigma_inf",
            r"\sigma_\infty",
            "largest coordinate of the noise level",
            GRADIENT,
            may_vanish=True,
            at_most=("sigma",),
        ),
        Letter(
            "sigma_2alpha",
            r"\|\boldsymbol\sigma\|_{2\alpha}",
            "$2 alpha$-norm of the vector of the coordinates' noise levels",
            GRADIENT,
            may_vanish=True,
        ),
        Letter(
            "zeta_inf",
            r"\zeta_\infty",
            "uniform heterogeneity by coordinates: largest coordinate of a client's gradient minus the mean gradient",
            GRADIENT,
            may_vanish=True,
        ),
        Letter(
            "d_min",
            r"d_{\min}",
            "smallest entry of the scaling matrix",
            Unit(scaling=1),
            at_most=("d_max",),
            chosen=True,
        ),
        Letter("d_max", r"d_{\max}", "largest entry of the scaling matrix", Unit(scaling=1), chosen=True),
        Letter("eta", r"\eta", "inner (local) step size", STEP, chosen=True),
        Letter("gamma", r"\gamma", "outer step size", PURE, chosen=True),
        Letter("beta1", r"\beta_1", "first-moment averaging", may_vanish=True, below_one=True, chosen=True),
        Letter("beta2", r"\beta_2", "second-moment averaging", may_vanish=True, at_most_one=True, chosen=True),
        Letter(
            "momentum", r"\nu", "heavy-ball momentum of the outer step", may_vanish=True, below_one=True, chosen=True
        ),
        Letter("lambda", r"\lambda", "damping of an adaptive step", GRADIENT),
        Letter("moreau", r"\gamma_{\mathrm{M}}", "parameter of the preconditioned Moreau envelope", LENGTH),
        Letter("server_damping", r"\lambda_{\mathrm{s}}", "damping of an adaptive server step", LENGTH),
        Letter("delay", "z", "local steps between two updates of a client's preconditioner", counts=True),
        Letter("rho", r"\varrho", "clipping threshold", GRADIENT, chosen=True),
        Letter("delta", r"\delta", "failure probability", below_one=True),
        Letter("eps", r"\epsilon", "accuracy in the unit of the theorem's measure", VALUE),
        # The constant of exp(-Theta(X)).  An upper bound with a larger one implies that with 1, a lower one likewise.
        Letter(
            "decay",
            r"c_\Theta",
            "absolute constant, at most 1, that a source hides by Theta in an exponent of an upper bound",
            constant=True,
            at_most_one=True,
            unspecified=True,
        ),
        Letter(
            "decay_lower",
            r"C_\Theta",
            "absolute constant, at least 1, that a source hides by Theta in an exponent of a lower bound",
            constant=True,
            at_least_one=True,
            unspecified=True,
        ),
    ]
)


LETTERS: LiveMapping[Letter] = LiveMapping("letter", ALPHABET, _declared_letters)
"""The letters of the alphabet, and those of papers of one's own."""


# What a symbol outside the alphabet may be declared as (`--letters 'C=constant'`): its unit and its range.
KINDS: Mapping[str, Letter] = _alphabet(
    [
        Letter("constant", "C", "an absolute constant", constant=True),
        Letter("kappa", r"\kappa", "condition number, L/mu", at_least_one=True),
        Letter("count", "n", "a whole number", counts=True),
        Letter("batch", "b", "batch size", counts=True),
        Letter("clients", "N", "number of all clients", counts=True),
        Letter("sampled", "S", "number of clients that take part in a round", counts=True),
        Letter("samples", "n", "number of samples", counts=True),
        Letter("probability", "p", "a probability, in (0, 1]", at_most_one=True),
        Letter("spectral_gap", "p", "spectral gap of the mixing matrix, in (0, 1]", at_most_one=True),
        Letter("compression", r"\omega", "variance of the compression, a number"),
        Letter("moment", r"\mathfrak{p}", "order of the bounded noise moment, in (1, 2]", at_least_one=True),
        Letter("number", "q", "a pure number of any size"),
        Letter("value", "V", "a value of the objective", VALUE),
        Letter("length", "D", "a distance", LENGTH),
        Letter("gradient", "G", "a gradient norm", GRADIENT),
        Letter("curvature", "L", "a curvature", CURVATURE),
        Letter("step", r"\eta", "a step size", STEP),
        Letter("unknown", "X", "not declared; its unit follows from the formula"),
    ]
)
KIND_MARK = ":"  # a declared symbol is named SYMBOL:KIND, such as C_1:constant, so that its name says what it is


def declared(latex: str, kind: str) -> str:
    r"""The name of a symbol outside the alphabet that is of this kind.

    >>> letter(declared("C_1", "constant")).meaning, letter(declared("N", "clients")).counts
    ('an absolute constant', True)
    """
    if kind not in KINDS:
        raise unknown_name("kind of symbol", kind, KINDS)
    return f"{latex}{KIND_MARK}{kind}"


def kind_of(name: str) -> str:
    """The kind of a declared symbol, empty for a letter of the alphabet."""
    return name.rpartition(KIND_MARK)[2] if KIND_MARK in name else ""


def without_kinds(message: str) -> str:
    r"""A message in which declared symbols are written as their authors write them.

    >>> without_kinds(r"R is no number (in (\kappa:kappa + 1)**R)")
    'R is no number (in (\\kappa + 1)**R)'
    """
    return re.sub(rf"{KIND_MARK}(?:{'|'.join(KINDS)})\b", "", message)


def taken(name: str) -> bool:
    """Whether a declared symbol is written like a letter of the alphabet, so that it must be shown with its kind.

    >>> taken("B:number"), taken("N:clients"), taken("B")
    (True, False, False)
    """
    written, _, kind = name.rpartition(KIND_MARK)
    is_latex = kind != "constant" and any(letter.latex == written for letter in LETTERS.values())
    return written in LETTERS or is_latex


def known_letter(name: str) -> Letter | None:
    """The letter of that name, of the alphabet or declared; None if it is neither."""
    if name in LETTERS:
        return LETTERS[name]
    latex, mark, kind = name.rpartition(KIND_MARK)
    return replace(KINDS[kind], name=name, latex=latex) if mark and kind in KINDS else None


def meaning_of(name: str) -> str:
    """A name of the alphabet, a declared name or a kind, in words."""
    known = known_letter(name)
    return known.meaning if known is not None else letter(declared(name, name)).meaning


def ordered_letters(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """The pairs of these letters of which the first is at most the second, without what follows from others.

    >>> list(ordered_letters({"mu", "L", "tau_mean", "tau"}))
    [('mu', 'L'), ('tau', 'L'), ('tau_mean', 'tau')]
    """

    def next_larger(name: str) -> Iterator[str]:
        for larger in LETTERS[name].at_most:
            yield from (larger,) if larger in names else next_larger(larger)

    return ((name, larger) for name in LETTERS if name in names for larger in next_larger(name))


def letter(name: str) -> Letter:
    """The letter of that ASCII name; an unknown one is refused with the nearest match."""
    found = known_letter(name)
    if found is None:
        raise unknown_name("letter", name, LETTERS)
    return found


def with_definitions(expression: Expr, given: Collection[str] = ()) -> Expr:
    """The expression with the formulas of its letters that are short for one and are not among those `given`.

    An expression without such letters is itself.
    """
    while short := {
        one: found.defined
        for one in expression.free_symbols
        if one.name not in ALPHABET
        and one.name not in given
        and (found := known_letter(one.name)) is not None
        and found.defined is not None
    }:
        expression = expression.xreplace(short)
    return expression


def symbol(name: str) -> Symbol:
    """The sympy symbol of that ASCII name.

    >>> symbol("zeta_star").is_nonnegative
    True
    """
    return letter(name).symbol


def check_value(name: str, value: float) -> float:
    """`value` if the letter can have it; otherwise one line that says what would be right.

    >>> check_value("K", float("inf"))
    inf
    >>> check_value("R", 2.5)
    Traceback (most recent call last):
        ...
    tightrate.common.errors.TightrateError: R must be a positive integer, not 2.5
    """
    known = letter(name)
    in_range(name, value)
    if known.counts:
        infinite = name == "K" and value == float("inf")
        if not infinite and not (value >= 1 and value == int(value) if abs(value) != float("inf") else False):
            allowed = "a positive integer or inf" if name == "K" else "a positive integer"
            raise TightrateError(f"{name} must be {allowed}, not {value:g}")
    elif known.below_one:
        low_ok = value >= 0 if known.may_vanish else value > 0
        if not (low_ok and value < 1):
            raise TightrateError(f"{name} must lie in {'[' if known.may_vanish else '('}0,1), not {value:g}")
    elif known.at_most_one:
        may_vanish = known.may_vanish or known.unspecified
        if not (0 <= value <= 1 and (may_vanish or value > 0)):
            raise TightrateError(f"{name} must lie in {'[' if may_vanish else '('}0,1], not {value:g}")
    elif known.at_least_one:
        if not 1 <= value < float("inf"):
            raise TightrateError(f"{name} must be at least 1 and finite, not {value:g}")
    elif not (abs(value) != float("inf") and (value >= 0 if known.may_vanish else value > 0)):
        sign = "nonnegative" if known.may_vanish else "positive"
        raise TightrateError(f"{name} must be {sign} and finite, not {value:g}")
    return value


K, R, M, T, d = (symbol(name) for name in ("K", "R", "M", "T", "d"))
L, mu, weak, curvature = (symbol(name) for name in ("L", "mu", "weak", "curvature"))
sigma, alpha, sigma_inf = (symbol(name) for name in ("sigma", "alpha", "sigma_inf"))
sigma_2alpha, moreau = symbol("sigma_2alpha"), symbol("moreau")
B, Delta, D, G, G_inf = (symbol(name) for name in ("B", "Delta", "D", "G", "G_inf"))
zeta, zeta_star, zeta_mean, zeta_opt = (symbol(name) for name in ("zeta", "zeta_star", "zeta_mean", "zeta_opt"))
tau, tau_mean, Q, cosine = (symbol(name) for name in ("tau", "tau_mean", "Q", "cosine"))
d_min, d_max = (symbol(name) for name in ("d_min", "d_max"))
eta, gamma, beta1, beta2, momentum = (symbol(name) for name in ("eta", "gamma", "beta1", "beta2", "momentum"))
lam, rho, delta, eps = (symbol(name) for name in ("lambda", "rho", "delta", "eps"))
zeta_inf, server_damping, delay = (symbol(name) for name in ("zeta_inf", "server_damping", "delay"))
sigma_star, B_scaled = symbol("sigma_star"), symbol("B_scaled")
decay, decay_lower = symbol("decay"), symbol("decay_lower")
