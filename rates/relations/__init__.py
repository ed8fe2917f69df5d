"""How statements relate: implications, upper against lower bounds, misprints, and the check of a new bound."""
