"""The power suite as an experiment: how many mutants of each family the verifier rejects."""

from __future__ import annotations

import numpy as np
import xarray as xr

from tightrate.verify.experiment import experiment
from tightrate.verify.mutation.suite import REQUIRED, PowerReport, power_report
from tightrate.verify.session import Session

COUNTS = ("contradicted", "rejected", "weaker", "equivalent", "undecidable")


@experiment("power")
def power(session: Session) -> xr.Dataset:
    """The counts of `tightrate.verify.mutation.suite` over (family): contradicted mutants, those rejected of them,
    and the others."""
    return counted(power_report(session.profile, session))


def counted(report: PowerReport) -> xr.Dataset:
    """The counts of a report, in the order of its families; the attributes hold what belongs to no family."""
    families = report.families
    return xr.Dataset(
        {name: (("family",), np.array([getattr(family, name) for family in families])) for name in COUNTS},
        coords={"family": [family.name for family in families]},
        attrs={
            "required": REQUIRED,
            "true_statements": report.true_statements,
            "false_alarms": len(report.false_alarms),
            "survivors": len(report.survivors),
            "total_contradicted": report.total.contradicted,
            "total_rejected": report.total.rejected,
            "total_others": report.total.weaker + report.total.equivalent + report.total.undecidable,
        },
    )
