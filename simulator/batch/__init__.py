"""The replica axis: hyperparameters, random streams and gradient oracles of a whole batch."""
