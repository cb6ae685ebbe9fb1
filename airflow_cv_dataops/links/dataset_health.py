"""From a health task to the page of the partition's health."""

from __future__ import annotations

from airflow_cv_dataops.links.report import ReportLink


class DatasetHealthLink(ReportLink):
    """Opens how a partition is: five pillars, what is in breach, and its metrics over time with the releases in them."""

    name = "Dataset health"
