"""Patel, Glasgow, Zindari, Wang, Stich, Cheng, Joshi, Srebro (COLT 2024): limits and potentials of local SGD.

Heterogeneous convex workers, K local steps and one communication per round.  The paper has three theories: first-order
assumptions (`local_steps_do_not_help`, `lower_bounds`, `movement_at_optimum`), higher-order ones (`dissimilarity`,
`theorem_15`, `theorem_27`) and the fixed point (`fixed_point`); several statements are held both as printed and as
corrected.  Statement numbers are those of the proceedings text.  The paper writes H for smoothness, beta for the outer
step and alpha for the cosine of the rank-one pair.
"""

from __future__ import annotations

from tightrate.rates.statements.theorem import Paper

PAPER = Paper(
    id="patel2024",
    notation={
        "L": "H",
        "gamma": r"\beta",
        "cosine": r"\alpha",
        "zeta_opt": r"\zeta_\star",
    },
)
ORDER = (
    "local_steps_do_not_help",
    "lower_bounds",
    "movement_at_optimum",
    "dissimilarity",
    "theorem_15",
    "theorem_27",
    "fixed_point",
    "explicit_functions",
)
PROOFS = "proofs/patel2024"
