"""Claims on khaled2020."""
