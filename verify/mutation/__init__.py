"""Mutants: wrong statements, methods and exponents, each of which must be rejected."""
