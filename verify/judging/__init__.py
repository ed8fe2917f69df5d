"""Judges of datasets that know no theorem; each goes when its claims return assertions."""
