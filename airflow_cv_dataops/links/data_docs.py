"""From a validation task to the page of its result."""

from __future__ import annotations

from airflow_cv_dataops.links.report import ReportLink


class DataDocsLink(ReportLink):
    """Opens Great Expectations' page of the validation: every expectation, and what was found."""

    name = "Data Docs"
