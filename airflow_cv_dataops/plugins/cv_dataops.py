"""The Airflow plugin: registers what the provider info cannot."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from airflow_cv_dataops.links.audit_report import AuditReportLink
from airflow_cv_dataops.links.data_docs import DataDocsLink
from airflow_cv_dataops.links.dataset_card import DatasetCardLink
from airflow_cv_dataops.links.dataset_health import DatasetHealthLink
from airflow_cv_dataops.links.diff_report import DiffReportLink
from airflow_cv_dataops.links.marquez import MarquezLink
from airflow_cv_dataops.links.report import REPORT_PREFIX
from airflow_cv_dataops.links.sample_report import SampleReportLink
from airflow_cv_dataops.links.sampling_review import SamplingReviewLink


class _ReportApp:
    """The application behind :data:`REPORT_PREFIX`, imported with its first request: every part of Airflow loads plugins, and only the
    API server has FastAPI and its security at hand."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        from airflow_cv_dataops.plugins.report_page import app

        await app(scope, receive, send)


class CvDataOpsPlugin(AirflowPlugin):
    """Makes the operator links known to the API server, also for DAGs that were parsed elsewhere, and mounts the page for reports."""

    name = "cv_dataops"
    operator_extra_links = [
        AuditReportLink(),
        SampleReportLink(),
        DataDocsLink(),
        DatasetCardLink(),
        DatasetHealthLink(),
        DiffReportLink(),
        MarquezLink(),
        SamplingReviewLink(),
    ]
    fastapi_apps = [{"app": _ReportApp(), "url_prefix": REPORT_PREFIX, "name": "CV DataOps reports"}]
