"""
A sweep over K, R and M
=======================

Local SGD at the step that a theorem prescribes, where the noise dominates: do the measured exponents agree with the
predicted ones?
"""

import tightrate as tr

sweep = tr.Sweep(
    name="example",
    algorithm="local-sgd",
    problem="random-quadratics",
    theorem="patel2024/thm27-equal-quadratics",
    axes={"K": (8, 16, 32), "R": (16, 32, 64), "M": (2, 4, 8)},
    parameters={"mu": 0.5, "L": 1.0, "d": 4, "tau": 0.0, "zeta_star": 1.0, "sigma": 4.0, "B": 4.0},
    output="weighted",
    replicas=64,
    seed=1,
)
sweep

# %%
# The result is an xarray dataset: the measurement, the prescribed steps and the bound on one grid.
result = tr.run_sweep(sweep)
result

# %%
# The exponents, beside those of the term of the theorem that leads in each cell. The logarithm that the prescribed step
# brings along is divided out; without it the decay would look a little slow.
found = tr.exponents(result)
found

# %%
print(found)

# %%
# And the value: nowhere above the bound.
print(f"largest measured / bound: {float((result.gap_mean / result.bound).max()):.3f}")
