"""The API server's routes, without a server: who gets in, and which words people get where there is nothing to show."""

from __future__ import annotations

import hashlib
import io
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image
from unit.core.report.conftest import KEY, encoded, photo, report_of, store_images

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.report import browser_image
from airflow_cv_dataops.core.store.objects import local_path

__all__ = ["report_of", "store_images"]

RUN = "scheduled__2026-11-05T00:00:00+00:00"
TASK = f"/audit-report/cells/{quote(RUN, safe='')}/audit/-1"
CONTENT = encoded(photo(640, 480))
IMAGE_ID = hashlib.sha256(CONTENT).hexdigest()
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
MAY, MAY_NOT = {"Cookie": "_token=reader"}, {"Cookie": "_token=guest"}


class AuthManager:
    """Airflow's, as far as the routes ask it: a token is a user's name, and only ``reader`` may read."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []

    async def get_user_from_token(self, token: str) -> SimpleNamespace:
        return SimpleNamespace(name=token)

    def is_authorized_dag(self, *, method: str, access_entity: Any, details: Any, user: SimpleNamespace) -> bool:
        self.asked.append((method, access_entity.name, details.id))
        return user.name == "reader"


@pytest.fixture
def manager(monkeypatch):
    from airflow.api_fastapi.core_api import security

    manager = AuthManager()
    monkeypatch.setattr(security, "get_auth_manager", lambda: manager)
    monkeypatch.setattr(security, "DagModel", SimpleNamespace(get_team_name=lambda _: None), raising=False)
    return manager


@pytest.fixture
def task(monkeypatch, make_dataset, store_images, report_of):
    """A task that has left a report of dataset ``cells``: what Airflow stored of it, to be changed by the test."""
    from airflow_cv_dataops.hooks.dataset import DatasetHook
    from airflow_cv_dataops.plugins import report_page

    dataset = make_dataset("cells")
    store_images(dataset, {"a.png": CONTENT}, (640, 480))
    report = report_of(dataset, {"error:wrong": [{"source_uri": "s3://photos/a.png"}]})
    task = SimpleNamespace(
        dataset=dataset,
        summary={"report_uri": report.uri, "partition_key": KEY},
        fields={"dataset": "cells", "cv_catalog_conn_id": "cv_catalog_default"},
    )
    monkeypatch.setattr(report_page, "_stored_summary", lambda key: task.summary if key.run_id == RUN else pytest.fail(str(key)))
    monkeypatch.setattr(report_page, "_stored_fields", lambda key: task.fields)
    monkeypatch.setattr(DatasetHook, "catalog_config", lambda self: dataset.config)
    return task


@pytest.fixture
def get(manager, task):
    from fastapi.testclient import TestClient

    from airflow_cv_dataops.plugins.report_page import app

    client = TestClient(app, base_url="http://testserver", follow_redirects=False)

    def ask(path: str = f"{TASK}/images/{IMAGE_ID}", headers: dict[str, str] = MAY) -> Any:
        return client.get(path, headers=headers)

    return ask


def test_the_report_names_its_task_and_where_its_images_are(get):
    page = get(TASK)
    assert page.status_code == 200
    assert f'<body data-images="/cv_dataops{TASK}/images/">' in page.text
    run = quote(RUN, safe="")
    assert f'<a href="/dags/cells/runs/{run}/tasks/audit">‹ Task audit in run {RUN} of cells</a>' in page.text
    assert f'"id":"{IMAGE_ID}"' in page.text


def test_a_mapped_task_has_a_page_of_its_own(get):
    page = get(TASK.replace("/-1", "/3")).text
    assert "/tasks/audit/mapped/3" in page
    assert "‹ Task audit [3] in run" in page


def test_addresses_lie_below_the_path_of_the_server(get, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://host.example/airflow/")
    page = get(TASK).text
    assert '<body data-images="/airflow/cv_dataops/audit-report/' in page
    assert '<a href="/airflow/dags/cells/runs/' in page


def test_an_image_is_a_picture_and_nothing_else(get, manager):
    found = get()
    assert (found.status_code, found.headers["content-type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(found.content)).size == (640, 480)
    policy = found.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["x-frame-options"] == "DENY"
    assert found.headers["cache-control"] == "private, no-store"
    assert found.headers["cross-origin-resource-policy"] == "same-origin"
    assert manager.asked == [("GET", "XCOM", "cells")]


@pytest.mark.parametrize("path", [TASK, f"{TASK}/images/{IMAGE_ID}", f"{TASK}/images/nonsense"])
def test_without_login_or_right_nobody_learns_anything(get, monkeypatch, path):
    from airflow_cv_dataops.plugins import report_page

    for name in ("_stored_summary", "_stored_fields"):
        monkeypatch.setattr(report_page, name, lambda key: pytest.fail("was looked up"))
    assert (get(path, {}).status_code, get(path, {}).json()) == (401, {"detail": "Not authenticated"})
    assert get(path, MAY_NOT).status_code == 403
    sent = get(path, BROWSER)
    assert (sent.status_code, sent.headers["location"]) == (307, f"/api/v2/auth/login?next={quote(f'/cv_dataops{path}', safe='')}")


@pytest.mark.parametrize(
    "image_id",
    [
        "0" * 64,
        "nonsense",
        "..%2f..%2fairflow.cfg",
        "%2e%2e",
        IMAGE_ID.upper(),
        IMAGE_ID[:-1],
        IMAGE_ID + "%00",
        "file:%2f%2f%2fetc%2fpasswd",
    ],
)
def test_what_is_no_image_of_the_dataset_is_not_found(get, image_id):
    found = get(f"{TASK}/images/{image_id}")
    assert found.status_code == 404
    assert found.headers["content-type"] == "application/json"


def test_the_request_and_the_xcom_choose_no_dataset(get, task, make_dataset, store_images):
    other = encoded(photo(640, 480, seed=1))
    store_images(make_dataset("others"), {"b.png": other}, (640, 480))
    task.summary |= {"dataset": "others", "partition_key": ["2026"]}
    found = get(f"{TASK}/images/{hashlib.sha256(other).hexdigest()}?dataset=others&cv_catalog_conn_id=x")
    assert (found.status_code, found.json()["detail"][:27]) == (404, "Dataset 'cells' has no imag")
    assert get().status_code == 200


def test_an_image_whose_object_is_gone_is_said_to_be(get, task):
    Path(local_path(task.dataset.objects().uri_of(f"objects/{IMAGE_ID[:2]}/{IMAGE_ID}"))).unlink()
    found = get()
    assert (found.status_code, found.json()) == (404, {"detail": "Image s3://photos/a.png cannot be read: FileNotFoundError."})


def test_too_large_undecodable_and_unreachable_are_three_things(get, monkeypatch):
    from airflow_cv_dataops.core.imaging.decoding.decode import Limits, Reject
    from airflow_cv_dataops.hooks.dataset import DatasetHook

    with monkeypatch.context() as patched:
        patched.setattr(browser_image, "VIEWING_LIMITS", Limits(max_pixels=1000))
        found = get()
        assert (found.status_code, "is too large to be shown: 640 x 480 pixels" in found.json()["detail"]) == (413, True)
    with monkeypatch.context() as patched:
        patched.setattr(browser_image, "decode_for_viewing", lambda *_, **__: Reject("unsupported_format", "HEIF is not here"))
        found = get()
        assert (found.status_code, found.json()["detail"]) == (502, "Image s3://photos/a.png cannot be decoded here: HEIF is not here")

    def broken(self: Any) -> Any:
        raise ConfigurationError("postgresql://user:secret@host")

    monkeypatch.setattr(DatasetHook, "catalog_config", broken)
    found = get()
    assert (found.status_code, "secret" in found.text, "cannot be opened: ConfigurationError" in found.text) == (502, False, True)


@pytest.mark.parametrize("path", [TASK, f"{TASK}/images/{IMAGE_ID}"])
def test_a_connection_that_is_gone_and_a_catalog_that_fails_are_said_in_words(get, monkeypatch, path):
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_cv_dataops.hooks.dataset import DatasetHook

    def raises(error: Exception) -> Any:
        def fails(self: Any) -> Any:
            raise error

        return fails

    monkeypatch.setattr(DatasetHook, "catalog_config", raises(AirflowNotFoundException("The conn_id `lake` isn't defined")))
    found = get(path)
    assert (found.status_code, "connection" in found.json()["detail"]) == (404, True)
    monkeypatch.setattr(DatasetHook, "catalog_config", raises(OSError("no route to postgresql://user:secret@host")))
    found = get(path)
    assert (found.status_code, found.json()["detail"]) == (502, "The dataset of this task cannot be read: OSError.")


def test_where_too_many_ask_at_once_the_rest_is_told_to_come_back(get, monkeypatch):
    from airflow_cv_dataops.plugins import report_page
    from airflow_cv_dataops.plugins.turns import Turns

    turns, go = Turns(at_once=1, waiting=1), threading.Event()
    monkeypatch.setattr(report_page, "_IMAGES", turns)
    begun = [turns.take(go.wait, 60) for _ in range(2)]
    found = get()
    assert (found.status_code, found.headers["retry-after"]) == (503, "3")
    assert "Too many images" in found.json()["detail"]
    go.set()
    assert all(turn.result(60) for turn in begun)
    assert get().status_code == 200


def test_work_that_fails_leaves_its_room():
    from airflow_cv_dataops.plugins.turns import NoRoomError, Turns

    def fails() -> None:
        raise ValueError("no")

    turns = Turns(at_once=1, waiting=0)
    for _ in range(3):
        turn = turns.take(fails)
        assert isinstance(turn.exception(60), ValueError)
        _wait_for_room(turns)
    go = threading.Event()
    busy = turns.take(go.wait, 60)
    with pytest.raises(NoRoomError):
        turns.take(fails)
    go.set()
    assert busy.result(60)


def _wait_for_room(turns: Any) -> None:
    """Callbacks come after the result."""
    assert turns._room.acquire(timeout=60)
    turns._room.release()
