"""What is kept on disk: results, and the digest of the code that made them."""
