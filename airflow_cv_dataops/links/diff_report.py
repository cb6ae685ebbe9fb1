"""From a diff task to its report."""

from __future__ import annotations

from airflow_cv_dataops.links.report import ReportLink


class DiffReportLink(ReportLink):
    """Opens what changed between two releases, in numbers and as pictures."""

    name = "Diff report"
