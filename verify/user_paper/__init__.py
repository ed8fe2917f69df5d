"""A paper of your own: one Python file with a theorem, a problem and a claim, treated like the built-in ones."""

from tightrate.verify.sweep.tuning import Tuned
from tightrate.verify.user_paper.model import OwnClaim, OwnTheorem

__all__ = ["OwnClaim", "OwnTheorem", "Tuned"]
