"""From an audit task to its report."""

from __future__ import annotations

from airflow_cv_dataops.links.report import ReportLink


class AuditReportLink(ReportLink):
    """Opens the findings of an audit as pictures."""

    name = "Audit report"
