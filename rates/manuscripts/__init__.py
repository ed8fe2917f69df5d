"""Manuscripts: formulas found where they stand, and what is wrong with the bounds among them."""
