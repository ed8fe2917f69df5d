"""
A sweep over K, R and M
=======================

Local SGD at the step that a theorem prescribes, where the noise dominates: do the measured exponents agree with the
predicted ones?
"""

import numpy as np

import tightrate as tr
from tightrate.verify.assertions.power_law import fit_power_law

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
# Exponents with 99 % intervals. The prescribed step's logarithm is not divided out here, so they look a little slow.
names = ("K", "R", "M")
mesh = np.meshgrid(*(result[name].values for name in names), indexing="ij")
grid = {name: values.ravel() for name, values in zip(names, mesh, strict=True)}
fit = fit_power_law(grid, result.gap_mean.values.ravel(), result.gap_stderr.values.ravel())
for exponent in fit.exponents.values():
    print(f"{exponent.name}: {exponent.estimate:.3f}  ({exponent.low:.3f} to {exponent.high:.3f})")

# %%
# And the value: nowhere above the bound.
print(f"largest measured / bound: {float((result.gap_mean / result.bound).max()):.3f}")
