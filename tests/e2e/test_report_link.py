"""The link from an audit task to its report, in a real Airflow: who gets in, and what cannot be read through it."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.deployment]


def get(airflow: Any, path: str, **headers: str) -> tuple[int, str, Any]:
    """Return status, body and headers of a page, following no redirect."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    request = urllib.request.Request(f"http://127.0.0.1:{airflow.port}{path}", headers=headers)
    try:
        with urllib.request.build_opener(Stay).open(request, timeout=60) as answer:
            return answer.status, answer.read().decode(errors="surrogateescape"), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


def test_the_report_opens_from_its_task_for_those_who_may_read_it(deployment, shared_data):
    from real_airflow import RealAirflow

    with RealAirflow(deployment.environment, users={"admin": "admin", "guest": ""}) as airflow:
        warehouse = deployment.home / "elsewhere" / "warehouse"
        connection = {"connection_id": "cv_catalog_default", "conn_type": "cv_catalog", "host": f"sqlite:///{warehouse.parent}/catalog.db"}
        airflow.call("POST", "/api/v2/connections", {**connection, "extra": json.dumps({"type": "sql", "warehouse": str(warehouse)})})
        run_id = airflow.trigger("strict_audit", conf={"source": str(shared_data("bccd") / "BCCD")})
        assert airflow.wait_for_run("strict_audit", run_id) == "failed", airflow.log.read_text()[-3000:]
        task = f"/api/v2/dags/strict_audit/dagRuns/{run_id}/taskInstances/audit"
        address = airflow.call("GET", f"{task}/links")["extra_links"]["Audit report"]
        assert address.startswith("/cv_dataops/audit-report/strict_audit/")

        status, body, _ = get(airflow, address)
        assert (status, json.loads(body)) == (401, {"detail": "Not authenticated"})
        status, _, headers = get(airflow, address, Accept="text/html,*/*;q=0.8")
        assert (status, headers["Location"].partition("?")[0]) == (307, "/api/v2/auth/login")
        assert get(airflow, address, Cookie="_token=forged")[0] in (401, 403)
        status, body, _ = get(airflow, address, Cookie=f"_token={airflow.token('guest')}")
        assert (status, "cells" in body) == (403, False), body

        cookie = f"_token={airflow.token('admin')}"
        status, page, headers = get(airflow, address, Cookie=cookie)
        assert status == 200, page
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "<h1>Label audit of <bdi>cells</bdi></h1>" in page
        assert "BloodImage_00338.jpg" in page
        images = re.findall(r'<body data-images="(.*?)">', page)[0]
        assert images == f"{address}/images/"
        image = images + re.findall(r'"id":"([0-9a-f]{64})"', page)[0]
        status, picture, headers = get(airflow, image, Cookie=cookie)
        assert (status, headers["Content-Type"], picture.encode(errors="surrogateescape")[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert [get(airflow, image)[0], get(airflow, image, Cookie=f"_token={airflow.token('guest')}")[0]] == [401, 403]
        for other in ("0" * 64, "..%2f..%2fairflow.cfg", "x"):
            assert get(airflow, images + other, Cookie=cookie)[0] == 404
        summary = airflow.call("GET", f"{task}/xcomEntries/return_value?deserialize=false")["value"]
        summary = json.loads(summary) if isinstance(summary, str) else summary
        report = summary["report_uri"]
        assert report.startswith((warehouse / "cells" / "reports" / "label_audit").as_uri())

        assert get(airflow, address.replace("/audit/", "/ingest/"), Cookie=cookie)[0] == 404
        for elsewhere in (
            (deployment.home / "airflow.cfg").as_uri(),
            report.replace("/cells/", "/others/"),
            report.replace("/reports/", "/reports/../../cells/reports/"),
        ):
            airflow.call("PATCH", f"{task}/xcomEntries/return_value", {"value": {**summary, "report_uri": elsewhere}})
            status, body, _ = get(airflow, address, Cookie=cookie)
            assert (status, "is no report of dataset 'cells'" in body) == (404, True), body

        airflow.call("PATCH", f"{task}/xcomEntries/return_value", {"value": {**summary, "dataset": "others"}})
        assert get(airflow, address, Cookie=cookie)[0] == 200  # the dataset is what the task ran with, not what the XCom says


@pytest.mark.parametrize(
    ("task_id", "link", "wanted"),
    [("validate", "Data Docs", "Contract annotations of digits, 2026-11-05"), ("health", "Dataset health", "Health of <bdi>digits</bdi>")],
)
def test_a_contract_and_a_partitions_health_open_from_their_tasks(digits, task_id, link, wanted):
    airflow, run_id = digits
    address = airflow.call("GET", f"/api/v2/dags/digits_dataops/dagRuns/{run_id}/taskInstances/{task_id}/links")["extra_links"][link]
    status, page, headers = get(airflow, address, Cookie=f"_token={airflow.token('admin')}")
    assert (status, headers["Content-Security-Policy"].startswith("sandbox allow-scripts")) == (200, True)
    assert wanted in page
    assert get(airflow, address)[0] == 401


@pytest.fixture(scope="module")
def digits(migrated_home, tmp_path_factory):
    from deployment import deploy
    from real_airflow import RealAirflow

    deployment = deploy(migrated_home, tmp_path_factory.mktemp("digits"))
    with RealAirflow(deployment.environment, users={"admin": "admin"}) as airflow:
        run_id = airflow.trigger("digits_dataops", logical_date="2026-11-05T00:00:00Z")
        assert airflow.wait_for_run("digits_dataops", run_id) == "success", airflow.log.read_text()[-3000:]
        yield airflow, run_id
