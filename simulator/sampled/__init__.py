"""Runs that draw their noise: step by step, or round by round."""
