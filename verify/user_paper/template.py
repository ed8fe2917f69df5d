"""Starting a paper of your own: a small commented file that runs as it is."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tightrate.common.errors import TightrateError
from tightrate.common.files import reason, write_whole

TEMPLATE = '''"""{title}: a paper of your own.  Run:  tightrate verify --paper {file}"""

import numpy as np

from tightrate.constructions.quadratics import QuadraticMachines
from tightrate.verify.user_paper import OwnClaim, OwnTheorem

# A theorem.  Formulas are text, LaTeX or plain, in the letters that `tightrate show` uses: K local steps per round,
# R rounds, M workers, L smoothness, mu strong convexity, B start distance, sigma noise, eta inner step, ...
# Your own letters are fine if you say what they are:  letters={{"H": "L"}}.
theorem = OwnTheorem(
    title="Gradient descent on smooth convex functions",
    statement="With one machine, one local step and eta <= 1/L the gap of the last iterate is at most B^2/(2 eta R).",
    terms={{"optimization": "B^2/(2*eta*K*R)"}},
    measure="gap",  # or distance, squared-distance, squared-gradient, consensus-error, mean-gap, ...
    kind="upper",  # or lower, exact
    constants="explicit",  # or hidden: then exponents are judged, not values
    conditions=("eta*L <= 1",),
    algorithm="local-sgd",  # any of: tightrate list algorithms
)


# A problem.  Its arguments are letters or names of your own that the claim gives; it starts from 0.
def problem(L: float, M: int) -> QuadraticMachines:
    """M equal quadratic machines in two dimensions with curvatures L and L/10 and the optimum (1, 1)."""
    hessians = np.broadcast_to(np.diag([L, L / 10]), (M, 2, 2))
    return QuadraticMachines(hessians.copy(), np.ones((M, 2)))


# A claim: where the theorem is tried.  Add "sigma": ... to the parameters for Gaussian noise, noise="student" or the
# name of another law for other noise.  Letters that are not given are the problem's own constants.
claim = OwnClaim(
    statement="On two-dimensional quadratics the bound holds for K from 1 to 16 and R from 4 to 256.",
    theorem=theorem,
    problem=problem,  # or the name of a shipped one: tightrate list problems
    axes={{"K": (1, 4, 16), "R": (4, 16, 64, 256)}},
    parameters={{"L": 1.0, "M": 2, "eta": 0.5}},
    output="last",  # or average, weighted, random, auxiliary
)
'''


def new_paper(name: str, directory: Path = Path()) -> Path:
    """Write a small commented paper file NAME.py that runs as it is; an existing file is never overwritten."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise TightrateError(
            f"a paper's name is letters, digits, - and _, beginning with a letter, such as doe2026, not {name!r}"
        )
    path = directory / f"{name}.py"
    try:
        taken = os.path.lexists(path)
    except (OSError, ValueError) as error:
        raise TightrateError(f"cannot write {path}: {reason(error)}") from None
    if taken:
        raise TightrateError(f"{path} is there already; choose another name or folder")
    text = TEMPLATE.format(title=name, file=path)
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
    return path
