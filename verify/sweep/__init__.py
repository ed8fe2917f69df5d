"""Sweeps: a grid of parameters, cell by cell, resumable, on processes or a cluster."""
