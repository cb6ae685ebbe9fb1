"""From a task to the report that it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

REPORT_PREFIX = "/cv_dataops"
# Of any report: that of an audit was the first, and links to it are kept in XComs.
REPORT_PAGE = "/audit-report/{dag_id}/{run_id}/{task_id}/{map_index}"

REPORT_IMAGES = "/images/"  # below a report's page; an image's id follows


class ReportLink(BaseOperatorLink):
    """Opens the report that the task wrote, through the API server's page for it (plugins/report_page.py).

    A browser opens neither ``s3://`` nor another machine's files; and the page asks for Airflow's login. A subclass gives the name that
    people see; Airflow knows a link by its class, so each is listed in ``get_provider_info`` and the plugin.
    """

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the page's path on the API server; empty where the task wrote no report."""
        lineage = getattr(operator, "step_lineage", None)
        if lineage is None or not lineage.facts.get("reportUri"):
            return ""
        return report_address(ti_key.dag_id, ti_key.run_id, ti_key.task_id, ti_key.map_index)


def report_address(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the path of a task instance's report on the API server, below the path of ``[api] base_url``.

    Without scheme and host: workers may know the server by another name than browsers do.
    """
    return base_path() + REPORT_PREFIX + REPORT_PAGE.format(**_quoted(dag_id, run_id, task_id), map_index=map_index)


def task_address(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the path of Airflow's own page of a task instance."""
    mapped = f"/mapped/{map_index}" if map_index >= 0 else ""
    return base_path() + "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}".format(**_quoted(dag_id, run_id, task_id)) + mapped


def _quoted(dag_id: str, run_id: str, task_id: str) -> dict[str, str]:
    return {"dag_id": quote(dag_id, safe=""), "run_id": quote(run_id, safe=""), "task_id": quote(task_id, safe="")}


def base_path() -> str:
    """Return the path of ``[api] base_url``, below which a proxy may serve Airflow."""
    from airflow.providers.common.compat.sdk import conf

    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
