"""
A billion local steps, exactly
==============================

Linear updates on quadratics need no sampling: mean and covariance have closed forms, and the numbers of local steps and
of rounds enter through their logarithms.
"""

import numpy as np

import tightrate as tr
from tightrate.simulator.exact.moments import exact_moments

problem = tr.PROBLEMS["random-quadratics"](M=4, d=3, mu=0.1, L=1.0, tau=0.3, zeta_star=0.5, B=1.0, seed=1)
algorithm = tr.ALGORITHMS["local-sgd"](eta=1e-3)

for K in (1, 10**3, 10**6, 10**9):
    found = exact_moments(algorithm, problem, K=K, R=10**9, noise=tr.GaussianNoise(1.0))
    print(f"K = {K:>10,}   expected gap after a billion rounds: {float(found.last.gap[0]):.6e}")

# %%
# The same run step by step agrees within its standard error, where it can be afforded at all.
run = tr.sample(algorithm, problem, K=50, R=40, replicas=2000, noise=tr.GaussianNoise(1.0), seed=3)
gaps = problem.gap(run.last)
exact = exact_moments(algorithm, problem, K=50, R=40, noise=tr.GaussianNoise(1.0)).last.gap[0]
error = gaps.std(ddof=1) / np.sqrt(gaps.size)
print(f"sampled {gaps.mean():.5f} +- {error:.5f}, exact {float(exact):.5f}")
