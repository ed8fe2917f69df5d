"""What we found wrong or incomplete in the published statements, with evidence."""

from __future__ import annotations

from tightrate.rates.statements.theorem import Erratum

E1 = Erratum(
    "E1",
    "For plain averaging ($gamma = 1$) all four terms hold; if 'any step size' is read as both the inner and the outer"
    " one, the $zeta_star$ term and the $K^(-1/3)$ term fail, and just $L B^2 / R$ and $sigma B / sqrt(M K R)$ remain.",
    "With $eta -> 0$ and $gamma eta K$ fixed the update is mini-batch SGD, whose upper bound has neither term.",
    kind="conditional",
    where="Theorem 9",
    printed="four terms for the last iterate of local SGD with 'any step size', in the singular",
)
E2 = Erratum(
    "E2",
    "The distance to the optimum is at most $D + B$ on a ball about 0 of radius $D$, so that $zeta_star + tau (D + B)$"
    " holds; $zeta_star$ stands for the worst worker there, as the paper defines it next to A2.",
    "One worker with Hessian 0 and $M - 1$ with $tau$, all with one optimum at distance $B$ from 0: at the far end of"
    " the ball the gradient of the first one differs from the mean by $tau (1 - 1/M) (D + B)$.",
    kind="error",
    where="Prop. 13",
    printed="$sup |grad F_m - grad F|^2 <= (zeta_star + tau D)^2$ over $m$ and the ball of radius $D$ about 0",
)
E3 = Erratum(
    "E3",
    "Lemma 36 bounds the mean of the consensus error; surely it cannot hold under unbounded noise, and the second"
    " moment that the proof needs takes a bound on the fourth moment of the noise. It concerns the noise part of the"
    " $Q$ terms.",
    "A noise that is 0 mostly and rarely large, of the same variance: the second moment of the consensus error exceeds"
    " any multiple of the square of its mean.",
    kind="gap",
    where="Lemma 36, used squared in the proofs of Theorems 15 and 27",
    printed="$Xi_t <= 3 K sigma^2 eta^2 + 6 K^2 eta^2 zeta^2$, without an expectation",
)
E3_CITATION = Erratum(
    "E3, citation",
    "Lemmas 32 and 36 need the bound on the noise, (3).",
    "Assumption 3 bounds differences of Hessians and says nothing of noise, which both lemmas bound.",
    kind="misprint",
    where="Lemmas 32 and 36",
    printed="Assumption 3",
)
E4 = Erratum(
    "E4",
    "The proof bounds every worker's optimum by $B$, which the class only gives for the common optimum; under A7"
    " the start distance must be $B + zeta_opt / L$.",
    "$mean C_m x_m*$ is bounded by $(1 - (1 - eta L)^K)$ times the mean norm of the $x_m*$.",
    kind="gap",
    where="proof of Theorem 22",
    printed="$|x_R - x_inf|$ against the start distance $B$, every worker's optimum being taken to lie within $B$",
)
E5_MINIMA = Erratum(
    "E5",
    "In App. B.4 the sentence that removes the minima has its inequalities reversed; the conclusion stands.",
    "$h + min{a, h^(1/3) a^(2/3)} >= (h + h^(1/3) a^(2/3)) / 2$, by the two cases $a <= h$ and $a > h$.",
    kind="misprint",
    where="App. B.4",
    printed="inequalities between a term and its minimum in the wrong direction",
)
E5_CHAIN = Erratum(
    "E5",
    "In (20) the average of even and odd workers has the factor $L/4$, not $L/2$; this changes constants only.",
    "Half of the workers carry each half of the chain, each with $L/2$ in front.",
    kind="side condition",
    where="(20)",
    printed="the factor $L/2$ before the sum over both halves of the chain",
)
E5_START = Erratum(
    "E5, start",
    "Lemma 24 speaks of algorithms that start at 0; its proof holds there.",
    "A start off 0 has coordinates that no gradient has shown.",
    kind="misprint",
    where="Lemma 24",
    printed="a start $x_0$ that is not 0, in the proof",
)
E5_FIXED_POINT = Erratum(
    "E5",
    "In App. E.2 $A_m$ stands inside the power; in (5) the gradient is taken at $x_(r,k)^m$; App. E.3 repeats E.2.",
    "$C_m$ is defined by the $K$ local steps, which use $A_m$ and each start where the last one ended.",
    kind="misprint",
    where="(5), App. E.2",
    printed="$C_m := I - (I - eta C_m)^K$; a gradient at another point",
)
E5_ROUND = Erratum(
    "E5",
    "In App. E.5 the matrix of a round is $C$, as before.",
    "Prop. 19 names it so; $B$ is the bound on the optimum's norm.",
    kind="misprint",
    where="App. E.5",
    printed="$gamma B / M$ and $(I - gamma B)^R$",
)
E6 = Erratum(
    "E6",
    "That the iterates stay in a ball is a hypothesis on every realization, which no bound on the variance of the"
    " noise implies; the paper names it as its main limitation.",
    "One Gaussian gradient leaves any ball with positive probability.",
    kind="remark",
    where="Theorem 15",
    printed="all local iterates are assumed to stay in $B_2(D)$",
)
E7 = Erratum(
    "E7",
    "Stated for all $sigma$ and $zeta_star$, but no lower bound can exceed $L B^2 / 2$, so the statistical term"
    " needs $sigma B / sqrt(M K R) <~ L B^2$ (the paper assumes this for its table), the $K^(-1/3)$ term $sigma <~ L"
    " B R sqrt(K)$, and the heterogeneity term $zeta_star <~ L B R$.",
    "Local SGD with a step size near 0 (or an algorithm that stays at 0) keeps $F(0) - F* <= L B^2 / 2$.",
    kind="side condition",
    where="Theorems 9 and 11",
    printed="any $sigma$ and $zeta_star$",
)
E10 = Erratum(
    "E10",
    "The proof has $(L B^2 / (4 kappa)) exp(-12 R / kappa)$, (17); the main text leaves out both constants. The"
    " condition for $Omega(L B^2 / R)$ is that $kappa$ is of the order of $R$, not of at least that order.",
    "A Hessian with the two eigenvalues $L$ and $mu$, and $eta = 1/L$: whatever the optimum within $B$ is, the gap is"
    " at most $(L B^2 / (2 kappa)) (1 - 1/kappa)^(2R)$, which is below the print for every $R >= 1$.",
    kind="misprint",
    where="Lemma 8, main text",
    printed="$F(x_R) - F* >= (L B^2 / kappa) exp(-R / kappa)$ for every $eta$, and $Omega(L B^2 / R)$ for $kappa ="
    " Omega(R)$",
)
E9 = Erratum(
    "E9",
    "Stated for all $M$, but it needs two workers: one worker is not heterogeneous and takes $K R$ steps.",
    "On one worker local SGD has the rate $L B^2 / (K R) + sigma B / sqrt(K R)$, and accelerated gradient descent"
    " without noise $L B^2 / (K R)^2$; both are below the printed bounds for large $K$. The instances of Prop. 7 and"
    " Theorem 11 need workers of both kinds.",
    kind="side condition",
    where="Prop. 7, Theorems 9 and 11",
    printed="any $M$",
)
E8_WEIGHTED = Erratum(
    "E8",
    "The exponential hides a constant in its exponent as well; the proof has $exp(-mu K R / (4L))$.",
    "One quadratic worker with eigenvalue $mu$, no noise, $eta = 1/(2L)$: the first term of the weighted average"
    " alone leaves a gap of order $(1 - mu/(4L))^(2 K R)$, and this over $exp(-mu K R / L)$ grows without bound in $K"
    " R$.",
    kind="side condition",
    where="Theorem 27, called informal in the paper",
    printed="$L B^2 exp(-mu K R / L)$ up to constants and logarithms",
)
E8 = Erratum(
    "E8",
    "The exponential hides a constant in its exponent as well: the proof's step size at most $1/(2L)$ contracts"
    " slower.",
    "One quadratic worker with eigenvalue $mu$, no noise, $eta = 1/(2L)$: the distance is exactly $B (1 -"
    " mu/(2L))^(K R)$, and this over $B exp(-mu K R / L)$ grows without bound in $K R$.",
    kind="side condition",
    where="Theorem 22",
    printed="$B exp(-K R / kappa)$ up to constants",
)
