"""Expectations in closed form: moments of linear algorithms on quadratics."""
