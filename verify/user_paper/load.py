"""Loading a paper of your own: the file is the user's own program, and is run."""

from __future__ import annotations

from pathlib import Path

from tightrate.common import paper_files
from tightrate.common.errors import TightrateError
from tightrate.verify.user_paper.model import OwnClaim


def load_paper(path: Path) -> tuple[str, dict[str, OwnClaim]]:
    """The name of the paper and its claims by name; what is wrong in the file is one line with its line number."""
    claims = claims_in(path)
    if not claims:
        raise TightrateError(f"{path} has no OwnClaim; see the file that tightrate new-paper writes")
    return path.stem, claims


def claims_in(path: Path) -> dict[str, OwnClaim]:
    """The claims of a file, by name."""
    return {key: value for key, value in vars(paper_files.load(path)).items() if isinstance(value, OwnClaim)}
