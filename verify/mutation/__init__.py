"""Proof that the verifier can say no: wrong statements, methods and exponents must be rejected."""
