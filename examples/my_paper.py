"""A paper of one's own, worked out.  Run:  tightrate verify --paper examples/my_paper.py

Local SGD on strongly convex quadratic workers whose Hessians differ but whose optima agree: nothing is lost by taking
many local steps, because every worker contracts towards the same point.
"""

import numpy as np

import tightrate as tr

# This paper writes H for the smoothness.
PAPER = tr.Paper("my_paper", title="Local SGD with a common optimum", notation={"L": "H"})
THEOREM = tr.Statements(
    PAPER,
    algorithm="local-sgd",
    measure="squared-distance",
    problem_class="strongly convex quadratic workers with a common optimum",
)


# Every local step multiplies the distance from the common optimum by at most 1 - eta mu, and averaging does not
# increase it: after n = K R steps its square has the factor (1 - eta mu)^(2n) <= exp(-2 n eta mu) <= 1/(5 n eta mu).
# The noise of a step has variance eta^2 sigma^2, is divided by M when the workers average, and contracts from then on:
# summed over all steps, at most eta^2 sigma^2 / (M (1 - (1 - eta mu)^2)) <= eta sigma^2 / (mu M).
@THEOREM.upper("thm1", "Local SGD with a common optimum", constants="explicit", provenance=tr.stated("Theorem 1"))
def thm1():
    """With plain averaging and $eta <= 1/L$, $K$ local steps count as $K$ steps, whatever the Hessians."""
    return tr.Stated(
        {"optimization": r"\frac{B^2}{5 \eta \mu K R}", "statistical": r"\frac{\eta \sigma^2}{\mu M}"},
        conditions=["eta*H <= 1", "gamma == 1", "the workers have one optimum"],
    )


def common_optimum(L: float, mu: float, M: int) -> tr.QuadraticWorkers:
    """Workers with curvatures from mu to L along axes of their own, all with the optimum (1, 1, 1)."""
    generator = np.random.default_rng(2)
    hessians = []
    for _ in range(M):
        axes = np.linalg.qr(generator.standard_normal((3, 3)))[0]
        hessian = axes @ np.diag([mu, np.sqrt(mu * L), L]) @ axes.T
        hessians.append((hessian + hessian.T) / 2)
    return tr.QuadraticWorkers(np.array(hessians), np.ones((M, 3)))


holds = tr.trial(
    "holds",
    "The bound holds on rotated quadratics for K from 1 to 64, R from 1 to 512 and M from 1 to 16.",
    theorem=thm1,
    problem=common_optimum,
    axes={"K": [1, 4, 16, 64], "R": [1, 8, 64, 512], "M": [1, 4, 16]},
    parameters={"L": 1.0, "mu": 0.05, "eta": 0.5, "gamma": 1.0, "sigma": 0.2},
)
