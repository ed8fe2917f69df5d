"""Exponents of single terms: designed by the order algebra, measured along paths."""
