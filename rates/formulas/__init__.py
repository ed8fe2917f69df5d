"""Formulas as text: how they are read, and how they are shown."""
