"""Slips in the paper's proofs, each with what it does to the statements that rest on it."""

from __future__ import annotations

from tightrate.rates.statements.theorem import Erratum

DESCENT_STEP = Erratum(
    "(B.52)",
    "Smoothness gives $|grad f|^2 <= 2 L (f - f_*)$, and the distance of a worker from the mean is averaged over the"
    " workers. With that, this route to (B.53) needs $eta <= 1/(12 L)$ in place of $1/(6 L)$; orders do not change.",
    "$f = L x^2 / 2$ has $|f'|^2 = 2 L (f - f_*)$; the left side of (B.52) is an average over workers.",
    kind="misprint",
    where="(B.52)",
    printed="$(1/(2 L)) (f - f_*)$, and $|x_t^m - xbar_t|^2$ without $E_m$",
)
MINUS_SIGNS = Erratum(
    "signs",
    "The exponents have a minus sign; what follows uses them so.",
    "Freedman's inequality bounds a probability by an exponential that falls.",
    kind="misprint",
    where="(B.40), (B.45), (B.62), (B.68), (B.75), (B.81), (C.77), (C.104), (C.108)",
    printed="the exponentials without their minus signs",
)
MOMENTUM_FORGOTTEN = Erratum(
    "(C.98)",
    "The second inequality needs $beta1^K <= 1/2$, which neither Lemma C.10 nor Theorem C.1 assumes; for Theorems C.2"
    " and C.3 it follows from $K$ of the order of the logarithm and $1 - beta1 = Omega(1)$.",
    "$K = 1$ and any $beta1$ above 1/2.",
    kind="gap",
    where="(C.98)",
    printed="the second inequality, without a condition on $beta1$ and $K$",
)
DROPPED_FACTOR = Erratum(
    "factor in (C.23)",
    "The last term of (C.14) has $sqrt(beta2) - beta1$ in its denominator; (C.23) leaves it out, which is of order 1"
    " where $1 - beta1 = Omega(1)$.",
    "(C.23) is (C.14) at the choices of Theorem C.2.",
    kind="misprint",
    where="(C.23)",
    printed="the last term of (C.14) without $sqrt(beta2) - beta1$",
)
INDICES_SGDM = Erratum(
    "indices",
    "$A_(T-1,2)$ is invoked in (B.14).",
    "The event is used at the last step, $t = T - 1$.",
    kind="misprint",
    where="(B.14)",
    printed="$A_(T,2)$",
)
INDICES_ADAM = Erratum(
    "indices",
    "$u_(t-1)$ and $H_(t-1)$ in (C.85) and (C.89); $g_t^m - g_t^n$ in (C.90) and (C.91); (C.127) and (C.134) where"
    " (C.130) is cited from (C.134) on; Algorithm 1 where C.1 cites Algorithm 2.",
    "As printed (C.90) and (C.91) hold the difference of a clipped gradient with itself.",
    kind="misprint",
    where="App. C.1, (C.85), (C.89), (C.90), (C.91), from (C.134) on",
    printed="$u_t$ and $H_t$; $g_t^m - g_t^m$; (C.130); Algorithm 2",
)
INDICES_PRECONDITIONER = Erratum(
    "indices",
    "The sum for the second moment at the start of round $r + 1$ ends one round later.",
    "$v_(r+1)$ depends on all gradients up to the end of round $r$.",
    kind="misprint",
    where="(C.35)",
    printed="a sum up to $r K - 1$ for $v_(r+1)$",
)
