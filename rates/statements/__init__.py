"""What is stated: measures, bounds, theorems, and the catalogue of all of them."""
