"""One file for each family of statements that can be searched for a violation."""
