"""Claims on koloskova2020."""
