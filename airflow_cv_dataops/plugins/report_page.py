"""The API server's page that shows a task's report to people who may read the task's XCom.

A mounted application has no login of its own: the route depends on Airflow's, and on the right to read the DAG's XCom. The request
names a task instance and nothing else. Dataset and connection come from the fields that Airflow stored when it rendered the task, the
report's name from the XCom; what is read always lies below that dataset's ``reports/`` (core/report/location.py), whatever the XCom says.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import DagAccessEntity, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse

from airflow_cv_dataops.links.report import REPORT_PAGE, base_path, report_address

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey

# The page may run its own script, and nothing of it can reach Airflow: no cookie, no storage, no request. The page's own policy,
# which names its script and style by hash, comes on top.
_POLICY = (
    "sandbox allow-scripts allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}

app = FastAPI(title="CV DataOps", docs_url=None, redoc_url=None, openapi_url=None)


@app.get(REPORT_PAGE, dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.XCOM))])
def task_report(dag_id: str, run_id: str, task_id: str, map_index: int) -> Response:
    """Return the report of a task instance."""
    from airflow.models.taskinstancekey import TaskInstanceKey

    key = TaskInstanceKey(dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index)
    return Response(_page(_stored_uri(key), _stored_fields(key)), media_type="text/html; charset=utf-8", headers=_HEADERS)


@app.exception_handler(HTTPException)
async def to_login(request: Request, error: HTTPException) -> Response:
    """Send people without a login to Airflow's, and from there back here; programs get the status."""
    names = request.path_params
    if error.status_code == 401 and "text/html" in request.headers.get("accept", "") and "dag_id" in names:
        back = report_address(names["dag_id"], names["run_id"], names["task_id"], names["map_index"])
        return RedirectResponse(f"{base_path()}/api/v2/auth/login?next={quote(back, safe='')}")
    return await http_exception_handler(request, error)


def _stored_uri(key: TaskInstanceKey) -> str:
    """Return the report that the task's summary names."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        names = {"run_id": key.run_id, "key": "return_value", "dag_ids": key.dag_id, "task_ids": key.task_id, "map_indexes": key.map_index}
        row = session.scalars(XComModel.get_many(**names, limit=1)).first()
        summary = None if row is None else XComModel.deserialize_value(row)
    if isinstance(summary, str):  # what Airflow 3.1 makes of an XCom that was edited through its API
        with contextlib.suppress(ValueError):
            summary = json.loads(summary)
    uri = summary.get("report_uri") if isinstance(summary, dict) else None
    if not isinstance(uri, str):
        raise HTTPException(404, "This task has left no report: it has not run, it writes none, or it ran with report=False.")
    return uri


def _stored_fields(key: TaskInstanceKey) -> dict[str, Any]:
    """Return the arguments with which the task ran."""
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        fields = RenderedTaskInstanceFields.get_templated_fields(key, session=session)
    if not fields or not all(isinstance(fields.get(name), str) for name in ("dataset", "cv_catalog_conn_id")):
        raise HTTPException(
            404,
            "Airflow no longer knows which dataset and connection this task used ([core] max_num_rendered_ti_fields_per_task). "
            "The report is still where the task's XCom says.",
        )
    return fields


def _page(uri: str, fields: dict[str, Any]) -> bytes:
    from airflow_cv_dataops.core.errors import CvDataOpsError, DatasetNotFoundError
    from airflow_cv_dataops.core.report.location import read_report
    from airflow_cv_dataops.hooks.dataset import DatasetHook

    try:
        hook = DatasetHook(fields["cv_catalog_conn_id"], aws_conn_id=fields.get("aws_conn_id") or None)
        return read_report(hook.dataset(fields["dataset"]), uri)
    except DatasetNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    except CvDataOpsError as error:
        raise HTTPException(502, f"The dataset of this task cannot be opened: {type(error).__name__}.") from error
