"""Exact worst cases of deterministic methods over classes of convex functions, by semidefinite programming."""
