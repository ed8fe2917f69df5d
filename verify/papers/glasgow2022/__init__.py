"""Claims on glasgow2022."""
