"""The alphabet: symbols with their units, and the values of expressions."""
