"""Claims on woodworth2020."""
