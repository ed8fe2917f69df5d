"""Every threshold of a verdict, each with its reason."""

from __future__ import annotations

CERTAIN = 5.0
"""Standard errors on either side of a sampled mean: a normal mean leaves them once in 1.7 million."""

SMALLEST_EXCESS = 1 / 6
"""The smallest wrong exponent that a test must be able to see: published exponents are thirds and halves."""

TRANSIENT = SMALLEST_EXCESS / 2
"""An estimate nearer to the predicted exponent than to the nearest wrong one is the slow end of a transient."""

TREND = 0.05
"""A ratio measured / bound must keep growing with at least this exponent to contradict a bound with hidden constants:
a third of the smallest excess, and more than exact values still drift by at the ends of the shipped sweeps."""

UNBOUNDED = 0.1
"""A ratio that grows by this power at every level of a scaling sequence is taken to be unbounded: a tenth, because a
maximum over few points wobbles from level to level by half of that."""

ATTAINED = 0.5
"""A bound that some instance uses to half of its value or more is called attained within a factor of 2."""

RESOLVED = 100.0
"""A bound this many times above the rounding error is resolved; below, ratios say nothing."""

CONFIDENCE = 0.99
"""Of the interval of one fitted exponent."""

MOST_LOGARITHMS = 4.0
"""The largest power of a logarithm that a bound up to logarithms may hide; published ones have at most four."""

FURTHER_DRIFT = 2.0
"""How many times the drift from the first half of a path to the last one may still come: a geometric transient is not
done after one more."""

WEAK_FACTOR = 1e4
"""A bound that would stand if it were sharper by more than this factor was hardly tested."""

WEAK_EXPONENT = 1 / 3
"""Exponents wrong by less than this that nobody would have noticed were hardly tested: published ones are thirds."""

NOISELESS = 1e-6
"""Relative errors below this are rounding: scatter is then curvature, which sub-windows account for."""

BENT = 9.0
"""A reduced chi-square above which noise is not what widens an interval."""

SETTLED = 0.1
"""A deviation this much below the resolution may fluctuate from point to point."""

DOMINATES = 3.0
"""A term this much larger than all others together is the one that is seen."""

FAMILY = 1e-9
"""The chance that one assertion about sampled means is called violated though it holds, all of its comparisons
together: with some 400 claims in a run the family of all errs with probability below 1e-6."""

HIDDEN_CONSTANT = 10.0
"""A hidden constant of this size must not make a true bound look wrong: such a bound speaks only where it is this much
below what the start alone guarantees, and decays this much more slowly in its exponentials."""

CERTAINTY = 1 - 1e-9
"""Of the interval that must lie on the wrong side for a contradiction: some 10^3 of them are looked at in a run, so
that the family of all errs with probability below 1e-6."""
