"""What implies what: every implication of the catalogue with what was found of it, and the layers that they make."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import xarray as xr

from tightrate.rates.relations.implications import decide, implications
from tightrate.verify.experiment import experiment
from tightrate.verify.session import Session


@experiment("implication-map")
def implication_map(session: Session) -> xr.Dataset:
    """`source`, `target` (implication): the two statements; `holds` is 1 where it is proved, by an identity or by the
    order algebra, 0 where it is shown or stated to fail. That a bound is zero somewhere relates it to no other."""
    stated = [one for one in implications() if one.target != "0"]
    holds = []
    for place, one in enumerate(stated):
        holds.append(float(decide(one).verdict == "proved"))
        session.progress("implication-map", place + 1, len(stated))
    return xr.Dataset(
        {
            "source": ("implication", np.array([one.source for one in stated])),
            "target": ("implication", np.array([one.target for one in stated])),
            "holds": ("implication", np.array(holds)),
        },
        attrs={
            "implications": len(stated),
            "failing": int(len(stated) - sum(holds)),
            "statements": len({one.source for one in stated} | {one.target for one in stated}),
        },
    )


def layers(implied: Mapping[str, Collection[str]]) -> dict[str, int]:
    """The length of the longest chain of implications from each name; one that closes a circle is left out.

    >>> layers({"new": {"old", "older"}, "old": {"older"}})
    {'older': 0, 'old': 1, 'new': 2}
    """
    found: dict[str, int] = {}

    def height(name: str, above: tuple[str, ...]) -> int:
        if name not in found:
            below = [
                height(other, (*above, name)) for other in sorted(implied.get(name, ())) if other not in (*above, name)
            ]
            found[name] = 1 + max(below, default=-1)
        return found[name]

    for name in sorted(implied):
        height(name, ())
    return found
