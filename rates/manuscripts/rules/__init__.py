"""The codes of the linter, one module each, whose docstring is the page of the code."""
