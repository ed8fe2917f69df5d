"""
When do local steps beat a large batch?
=======================================

Two upper bounds as they are printed, compared exactly: the answer is a certificate, or a path along which it fails.
"""

import tightrate as tr

local = tr.theorem("woodworth2020a/convex")
minibatch = tr.theorem("dekel2012/convex")
local

# %%
minibatch

# %%
# Without a hypothesis neither is smaller.
found = tr.compare(local, minibatch)
print(found.relation)

# %%
# Where is a term the largest one? The boundaries are monomials, solved for the number of local steps.
from tightrate.rates.orders.regimes import dominant_region, solved

for term in local.bound.terms:
    region = dominant_region(local.bound, term.name)
    print(f"{term.name:14}", *(solved(inequality, "K") for inequality in region.inequalities), sep="  ")
