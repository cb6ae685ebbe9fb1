"""From a sampling task to the batch that it chose."""

from __future__ import annotations

from airflow_cv_dataops.links.report import ReportLink


class SampleReportLink(ReportLink):
    """Opens the batch as pictures, with why each image was chosen."""

    name = "Sample report"
