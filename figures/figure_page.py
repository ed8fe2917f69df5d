"""The report's page of all figures, with captions, files and the claims on the same data."""

from __future__ import annotations

from tightrate.figures.html import page
from tightrate.figures.report_page import Report


def figure_page(report: Report) -> str:
    """The whole page."""
    return page(
        "figures.html",
        pictures=report.pictures,
        claims_on=lambda spec: [one for one in report.findings if spec.experiment in one.claim.data],
    )
