"""Orders up to constants, decided exactly: domination, regimes, tuning, rounds."""
