"""From a promotion to the card of its release."""

from __future__ import annotations

from airflow_cv_dataops.links.report import ReportLink


class DatasetCardLink(ReportLink):
    """Opens what a release is: what is in it, how it was split, what its gates found, and pictures of it."""

    name = "Dataset card"
