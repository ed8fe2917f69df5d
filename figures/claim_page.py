"""The report's page of one paper: each statement once, and beneath it the claims that test it."""

from __future__ import annotations

from tightrate.figures.html import page
from tightrate.figures.report_page import PaperPart, Report, closeness, place, procedure_of


def claim_page(part: PaperPart, report: Report) -> str:
    """The whole page."""
    return page(
        "claims.html",
        part=part,
        place=place,
        closeness=closeness,
        procedure=lambda finding: procedure_of(finding.claim),
        pictures_of=lambda finding: [one for one in report.pictures if one.spec.experiment in finding.claim.data],
        profile_option="" if report.session.profile == "quick" else f" --profile {report.session.profile}",
    )
