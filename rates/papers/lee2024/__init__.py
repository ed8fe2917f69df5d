"""Lee, Sharma, Zaheer, Li (2024): FedAda² and FedAda²++, federated optimization with adaptive server and clients.

No preconditioner is sent: those of the clients start at zero in every round.  The paper writes eta for the server
step, eta_l for the client step and T for the number of rounds; here they are gamma, eta and R.  Adaptive steps are
lengths: a preconditioned gradient is a pure number.
"""

from __future__ import annotations

from tightrate.rates.statements.theorem import Paper

PAPER = Paper(
    id="lee2024",
    notation={
        "gamma": r"\eta",
        "eta": r"\eta_\ell",
        "R": "T",
        "M": "N",
        "Delta": r"(f(x_0)-f^\star)",
        "lambda": r"\varepsilon",
        "server_damping": r"\tau",
        "G_inf": "G",
        "zeta_inf": r"\zeta",
        "B": r"\|x_0-x^\star\|",
    },
    caution=(
        "The full text was not available: the orders are those of the authors' poster, conditions and numbering those"
        " quoted in public reviews; the constants of the paper are not known to us. Numbers are those of the ICLR"
        " version (Theorem 6 is Theorem 4.1 of the NeurIPS version and Theorem 2 of the poster, which names FedAda²"
        " alone). The poster subtracts $x_t$ in a client's update where the authors' code, followed here, has the"
        " round's start."
    ),
)
ORDER = ("orders", "proved_bound", "counterexample", "heavy_tails")
PROOFS = "proofs/lee2024"
