"""
More local steps do not help
============================

Two groups of workers with one rank-one quadratic each share their optimum. At the hard angle local gradient descent
stays above :math:`L B^2 / (108 R)`, whatever its steps and however many of them are local.
"""

import tightrate as tr

claim = tr.CLAIMS["patel2024/k-does-not-help"]
dataset = tr.Session().data(claim.data[0])
dataset.best_gap.sel(R=[1, 10, 100]).to_pandas()

# %%
# The bound is one symbolic object. It gives the formula, the number, and the line in the figure.
proposition = tr.theorem("patel2024/prop7-constant")
proposition

# %%
proposition.bound.at(L=1, B=1, R=10)

# %%
# The figure needs nothing but the dataset.
picture = tr.FIGURES["k-does-not-help"].picture(dataset)

# %%
# A claim judges the same dataset. A grid, however fine, proves nothing: the verdict is ``consistent``.
tr.judge(claim, tr.Session())
