"""What a claim asserts, and how that is judged."""
