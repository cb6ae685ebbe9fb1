"""The API server's pages that show a task's report, and the images in it, to people who may read the task's XCom.

A mounted application has no login of its own: both routes depend on Airflow's, and on the right to read the DAG's XCom. The request
names a task instance, and an image by its id. Dataset and connection come from the fields that Airflow stored when it rendered the task,
the report's name from the XCom; what is read always lies below that dataset's ``reports/`` (core/report/location.py), or is an image of
one of its rows (core/report/browser_image.py), whatever the XCom says.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import DagAccessEntity, requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse

from airflow_cv_dataops.links.report import REPORT_IMAGES, REPORT_PAGE, base_path, report_address, task_address
from airflow_cv_dataops.plugins.turns import NoRoomError, Turns

if TYPE_CHECKING:
    from airflow.models.taskinstancekey import TaskInstanceKey

    from airflow_cv_dataops.core.report.browser_image import BrowserImage
    from airflow_cv_dataops.core.store.dataset import Dataset

log = logging.getLogger(__name__)

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
# A browser puts a picture that stands alone into a page with some style of its own.
_IMAGE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_IMAGE_HEADERS = {**_HEADERS, "Content-Security-Policy": _IMAGE_POLICY}

_MAY_READ = [Depends(requires_access_dag("GET", DagAccessEntity.XCOM))]
# Each needs memory for an image, and the server has other work: two at once, and some who wait.
_IMAGES = Turns(at_once=2, waiting=14)

app = FastAPI(title="CV DataOps", docs_url=None, redoc_url=None, openapi_url=None)


@app.get(REPORT_PAGE, dependencies=_MAY_READ)
def task_report(dag_id: str, run_id: str, task_id: str, map_index: int) -> Response:
    """Return the report of a task instance."""
    from airflow_cv_dataops.core.report.location import read_report
    from airflow_cv_dataops.core.report.served import served_page

    key = _key(dag_id, run_id, task_id, map_index)
    summary, fields = _stored_summary(key), _stored_fields(key)
    with _in_words():
        page = read_report(_dataset(fields), summary["report_uri"])
    images = report_address(dag_id, run_id, task_id, map_index) + REPORT_IMAGES
    told = f"Task {task_id}{f' [{map_index}]' if map_index >= 0 else ''} in run {run_id} of {dag_id}"
    page = served_page(page, task=task_address(dag_id, run_id, task_id, map_index), told=told, images=images)
    return Response(page, media_type="text/html; charset=utf-8", headers=_HEADERS)


@app.get(REPORT_PAGE + REPORT_IMAGES + "{image_id}", dependencies=_MAY_READ)
async def report_image(dag_id: str, run_id: str, task_id: str, map_index: int, image_id: str) -> Response:
    """Return an image of the dataset of which a task instance has made a report."""
    try:
        turn = _IMAGES.take(_image, _key(dag_id, run_id, task_id, map_index), image_id)
    except NoRoomError as error:
        told = "Too many images are being shown just now: try again in a moment."
        raise HTTPException(503, told, headers={"Retry-After": "3"}) from error
    image = await asyncio.wrap_future(turn)
    return Response(image.data, media_type=image.media_type, headers=_IMAGE_HEADERS)


@app.exception_handler(HTTPException)
async def to_login(request: Request, error: HTTPException) -> Response:
    """Send people without a login to Airflow's, and from there back here; programs get the status."""
    names = request.path_params
    if error.status_code == 401 and "text/html" in request.headers.get("accept", "") and "dag_id" in names:
        back = report_address(names["dag_id"], names["run_id"], names["task_id"], names["map_index"])
        if "image_id" in names:
            back += REPORT_IMAGES + quote(names["image_id"], safe="")
        return RedirectResponse(f"{base_path()}/api/v2/auth/login?next={quote(back, safe='')}")
    return await http_exception_handler(request, error)


def _key(dag_id: str, run_id: str, task_id: str, map_index: int) -> TaskInstanceKey:
    from airflow.models.taskinstancekey import TaskInstanceKey

    return TaskInstanceKey(dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index)


def _image(key: TaskInstanceKey, image_id: str) -> BrowserImage:
    from airflow_cv_dataops.core.report.browser_image import read_image_for_browser

    summary, fields = _stored_summary(key), _stored_fields(key)
    partition_key = summary.get("partition_key")
    with _in_words():
        return read_image_for_browser(_dataset(fields), image_id, partition_key=partition_key if isinstance(partition_key, str) else None)


def _stored_summary(key: TaskInstanceKey) -> Mapping[str, Any]:
    """Return the task's summary, which names a report."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        names = {"run_id": key.run_id, "key": "return_value", "dag_ids": key.dag_id, "task_ids": key.task_id, "map_indexes": key.map_index}
        row = session.scalars(XComModel.get_many(**names, limit=1)).first()
        summary = None if row is None else XComModel.deserialize_value(row)
    if isinstance(summary, str):  # what Airflow 3.1 makes of an XCom that was edited through its API
        with contextlib.suppress(ValueError):
            summary = json.loads(summary)
    if not isinstance(summary, dict) or not isinstance(summary.get("report_uri"), str):
        raise HTTPException(404, "This task has left no report: it has not run, it writes none, or it ran with report=False.")
    return summary


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


def _dataset(fields: Mapping[str, Any]) -> Dataset:
    from airflow_cv_dataops.hooks.dataset import DatasetHook

    hook = DatasetHook(fields["cv_catalog_conn_id"], aws_conn_id=fields.get("aws_conn_id") or None)
    hook.embedded_level = logging.DEBUG  # the server's log would say it for each page and image that is opened
    return hook.dataset(fields["dataset"])


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Answer what goes wrong with a status and words; of what a store or catalog says, which may name places, with its kind alone."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_cv_dataops.core.errors import CvDataOpsError, DatasetNotFoundError, SourceError
    from airflow_cv_dataops.core.report.browser_image import ImageTooLargeError

    try:
        yield
    except AirflowNotFoundException as error:
        raise HTTPException(404, "The connection with which this task ran is no longer there, or this server cannot see it.") from error
    except DatasetNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    except ImageTooLargeError as error:
        raise HTTPException(413, str(error)) from error
    except SourceError as error:
        raise HTTPException(502, str(error)) from error
    except CvDataOpsError as error:
        raise HTTPException(502, f"The dataset of this task cannot be opened: {type(error).__name__}.") from error
    except Exception as error:  # of any catalog or storage, whose own words may name hosts and files
        log.exception("A task's report or image cannot be shown")
        raise HTTPException(502, f"The dataset of this task cannot be read: {type(error).__name__}.") from error
