"""What heterogeneity costs a frozen scaling matrix: local steps at equal work, and where the method ends."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from tightrate.constructions.quadratics import QuadraticWorkers
from tightrate.rates.statements.admissible_steps import largest_step
from tightrate.rates.statements.catalogue import theorem
from tightrate.rates.statements.theorem import Theorem
from tightrate.rates.symbols.evaluation import at
from tightrate.simulator.batch.randomness import stream
from tightrate.simulator.exact.local_gradient_descent import round_map
from tightrate.verify.experiment import experiment
from tightrate.verify.papers.chezhegov2024.frozen_scaling import Instances, in_new_variables
from tightrate.verify.papers.chezhegov2024.variants import badly_scaled
from tightrate.verify.session import Session

Array = NDArray[np.float64]
MATRICES = ("none", "along", "against")
SCALES = np.geomspace(0.03, 1, 4)
TOTAL_STEPS, MOST_LOCAL_STEPS = 2.0**22, 64.0


def matrix(name: str) -> Array:
    """The diagonal of D with smallest entry 1: the identity, along the curvatures, or against them."""
    along: Array = SCALES / SCALES.min()
    diagonals: dict[str, Array] = {"none": np.ones_like(SCALES), "along": along, "against": along[::-1]}
    return diagonals[name]


@experiment("scaled-heterogeneity")
def scaled_heterogeneity(session: Session) -> xr.Dataset:
    """What heterogeneity costs a frozen matrix: at equal work for several $K$, and where the method ends without noise.

    `gap` $(K, zeta_star)$ is the exact expected gap of the average with the matrix along the curvatures, for the same
    number of all steps and one step that local SGD's theorem admits in the scaled geometry for every $K$; `term: ...`
    and `bound` are that theorem's, with the constants of that geometry, at the largest $K$. `floor` (matrix,
    $zeta_star$) is $|x_inf$ - x*|_D/sqrt(d_min) at the largest step that the worst case admits for that $K$; `worst`
    and `true` are its bounds by worst-case constants and by those of the scaled geometry."""
    workers, level = 4, 0.1
    zeta_star = np.geomspace(1e-2, 10, session.choose(quick=25, full=49))
    K = np.array([1.0, 4.0, 16.0, MOST_LOCAL_STEPS])
    generators = [stream(session.seed, experiment="scaled-heterogeneity") for _ in zeta_star]
    optimum = np.ones(len(SCALES))
    problems = [
        badly_scaled(generator, workers, SCALES, z, optimum) for generator, z in zip(generators, zeta_star, strict=True)
    ]
    hessians, minimizers = (np.stack([getattr(one, part) for one in problems]) for part in ("hessians", "minimizers"))
    problem = QuadraticWorkers(hessians, minimizers, np.broadcast_to(optimum, minimizers[:, 0].shape))
    n = len(zeta_star)
    source = theorem("chezhegov2024/het-c-own")

    def instances(name: str, k: float) -> Instances:
        D = np.broadcast_to(matrix(name), (n, len(SCALES)))
        return Instances(
            problem, D, np.zeros((n, len(SCALES))), np.full(n, level), np.full(n, k), np.full(n, TOTAL_STEPS / k)
        )

    plain, most = theorem("chezhegov2024/local-het-c-own"), instances("along", MOST_LOCAL_STEPS)
    image = in_new_variables(problem, most.D)
    letters = most.letters() | {name: image.constants[name] for name in ("L", "zeta_star", "B")}
    letters["sigma"] = most.level  # of the noise in the new variables
    letters["eta"] = largest_step(plain.conditions, letters)
    gap = np.stack([instances("along", k).measured(letters["eta"], "gap") for k in K])
    variables: dict[str, tuple[tuple[str, ...], Array]] = {"gap": (("K", "zeta_star"), gap)}
    for term in plain.bound.terms:
        variables[f"term: {term.name}"] = (("zeta_star",), at(term.expression, letters))
    variables["bound"] = (("zeta_star",), plain.bound.at(letters))
    floors: dict[str, list[Array]] = {"floor": [], "worst": [], "true": []}
    for name in MATRICES:
        for part, values in zip(floors.values(), _floor(instances(name, MOST_LOCAL_STEPS), source), strict=True):
            part.append(values)
    variables |= {part: (("matrix", "zeta_star"), np.stack(values)) for part, values in floors.items()}
    return xr.Dataset(
        variables,
        coords={"zeta_star": zeta_star, "K": K, "matrix": list(MATRICES)},
        attrs={
            "seed": session.seed,
            "theorem": plain.id,
            "M": workers,
            "d": len(SCALES),
            "total_steps": TOTAL_STEPS,
            "most_local_steps": MOST_LOCAL_STEPS,
            "L": float(problem.constants["L"][0]),
            "B": float(problem.constants["B"][0]),
            "kappa": float(np.max(problem.constants["L"] / problem.constants["mu"])),
            "ratio": float(SCALES.max() / SCALES.min()),
        },
    )


def _floor(instances: Instances, source: Theorem) -> tuple[Array, Array, Array]:
    """Where it ends, and both bounds, in units of sqrt(d_min)."""
    letters = instances.letters() | {name: instances.problem.constants[name] for name in ("tau_mean", "zeta_mean")}
    eta = letters["eta"] = largest_step(source.conditions, letters)
    image = in_new_variables(instances.problem, instances.D)
    end = round_map(image, K=instances.K, eta=eta).fixed_point
    unit = np.sqrt(letters["d_min"])
    true = {name: image.constants[name] for name in ("mu", "tau_mean", "zeta_mean")} | {"K": instances.K, "eta": eta}
    return (
        np.linalg.norm(end - image.optimum, axis=-1) / unit,
        theorem("chezhegov2024/fixed-point").bound.at(letters) / unit,
        theorem("patel2024/discrepancy").bound.at(true) / unit,
    )
