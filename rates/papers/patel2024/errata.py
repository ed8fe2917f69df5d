"""What we found wrong or incomplete in the published statements, with evidence."""

from __future__ import annotations

from tightrate.rates.statements.theorem import Erratum

E1 = Erratum(
    "E1",
    "Stated for any step size, but the $zeta_star$ term and the $K^(-1/3)$ term hold for plain averaging ($gamma ="
    " 1$) only; with a free outer step just $L B^2 / R$ and $sigma B / sqrt(M K R)$ remain.",
    "With $eta -> 0$ and $gamma eta K$ fixed the update is mini-batch SGD, whose upper bound has neither term.",
)
E2 = Erratum(
    "E2",
    "The proof averages over the machines while the statement takes the worst machine, and it measures the distance"
    " to the optimum by the radius $D$ of a ball about 0, which must be $D + B$.",
    "Equal Hessians, one machine with gradient $g$ at the optimum and $M - 1$ with $-g/(M - 1)$: the worst machine"
    " deviates by $sqrt(M - 1) zeta_star$.",
)
E3 = Erratum(
    "E3",
    "The proof bounds the second moment of the consensus error by the square of a bound on its mean, which needs a"
    " fourth-moment noise bound that is not assumed; it concerns the noise part of the $Q$ terms.",
    "Jensen's inequality goes the other way.",
)
E4 = Erratum(
    "E4",
    "The proof bounds every machine's optimum by $B$, which the class only gives for the common optimum; under A7"
    " the start distance must be $B + zeta_opt / L$.",
    "$mean C_m x_m*$ is bounded by $(1 - (1 - eta L)^K)$ times the mean norm of the $x_m*$.",
)
E5_MINIMA = Erratum(
    "E5",
    "In App. B.4 the sentence that removes the minima has its inequalities reversed; the conclusion stands.",
    "$h + min{a, h^(1/3) a^(2/3)} >= (h + h^(1/3) a^(2/3)) / 2$, by the two cases $a <= h$ and $a > h$.",
)
E5_CHAIN = Erratum(
    "E5",
    "In (20) the average of even and odd machines has the factor $H/4$, not $H/2$; this changes constants only.",
    "Half of the machines carry each half of the chain, each with $H/2$ in front.",
)
E6 = Erratum(
    "E6",
    "That the iterates stay in a ball is assumed for every realization; unbounded noise does not imply it, and the"
    " paper names this as its main limitation.",
    "One Gaussian gradient leaves any ball with positive probability.",
)
E7 = Erratum(
    "E7",
    "Stated for all $sigma$ and $zeta_star$, but no lower bound can exceed $L B^2 / 2$, so the statistical term"
    " needs $sigma B / sqrt(M K R) <~ L B^2$ (the paper assumes this for its table), the $K^(-1/3)$ term $sigma <~ L"
    " B R sqrt(K)$, and the heterogeneity term $zeta_star <~ L B R$.",
    "Local SGD with a step size near 0 (or an algorithm that stays at 0) keeps $F(0) - F* <= L B^2 / 2$.",
)
E9 = Erratum(
    "E9",
    "Stated for all $M$, but it needs two machines: one machine is not heterogeneous and takes $K R$ steps.",
    "On one machine local SGD has the rate $L B^2 / (K R) + sigma B / sqrt(K R)$, and accelerated gradient descent"
    " without noise $L B^2 / (K R)^2$; both are below the printed bounds for large $K$. The instances of Prop. 7 and"
    " Theorem 11 need machines of both kinds.",
)
E8_WEIGHTED = Erratum(
    "E8",
    "The exponential hides a constant in its exponent as well; the proof has $exp(-mu K R / (4L))$.",
    "One quadratic machine with eigenvalue $mu$, no noise, $eta = 1/(2L)$: the first term of the weighted average"
    " alone leaves a gap of order $(1 - mu/(4L))^(2 K R)$, and this over $exp(-mu K R / L)$ grows without bound in $K"
    " R$.",
)
E8 = Erratum(
    "E8",
    "The exponential hides a constant in its exponent as well: the proof's step size at most $1/(2L)$ contracts"
    " slower.",
    "One quadratic machine with eigenvalue $mu$, no noise, $eta = 1/(2L)$: the distance is exactly $B (1 -"
    " mu/(2L))^(K R)$, and this over $B exp(-mu K R / L)$ grows without bound in $K R$.",
)
