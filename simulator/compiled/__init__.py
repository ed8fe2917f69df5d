"""The same numbers sooner: recorded updates, compiled loops, whole rounds at once."""
