"""What people see in Airflow's page: links from a task, its summary in XCom, its log, and the connection form.

With ``CV_DATAOPS_SCREENSHOTS`` set to a folder, the pictures of docs/images are written there.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from browser import keep_screenshot, log_in
from deployment import deploy
from real_airflow import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.once(reason="it is the page of one version that is looked at")]

MARQUEZ = "http://localhost:3000"
WINDOW = {"width": 1360, "height": 850}


@pytest.fixture(scope="module")
def lake():
    """A place with a short name: it is on the pictures."""
    with tempfile.TemporaryDirectory(prefix="lake-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def airflow(migrated_home, tmp_path_factory, shared_data, lake):
    """An Airflow after one run of the example on microscope images, which a gate refused to promote."""
    deployment = deploy(migrated_home, tmp_path_factory.mktemp("pages"))
    settings = {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled", "AIRFLOW__CV_DATAOPS__MARQUEZ_URL": MARQUEZ}
    settings |= {"AIRFLOW__CV_DATAOPS__HOME": str(lake), "AIRFLOW__API__DEFAULT_WRAP": "True"}
    cells = shared_data("bccd") / "BCCD"
    conf = {"dataset": "cells", "images": str(cells / "JPEGImages"), "labels": str(cells / "Annotations"), "format": "voc"}
    conf |= {"categories": "RBC,WBC,Platelets", "max_label_error_rate": 0.0001}
    with RealAirflow({**deployment.environment, **settings}, users={"admin": "admin"}) as running:
        run_id = running.trigger("detection_dataops", conf=conf, logical_date="2026-11-05T00:00:00Z")
        assert running.wait_for_run("detection_dataops", run_id) == "failed", running.log.read_text()[-3000:]
        yield running, f"http://localhost:{running.port}/dags/detection_dataops/runs/{run_id}"


@pytest.fixture
def page(chromium, airflow):
    page = chromium.new_context(viewport=WINDOW).new_page()
    page.set_default_timeout(60_000)
    log_in(page, airflow[0])
    yield page
    page.context.close()


def test_an_audits_links_open_its_report_with_its_images_and_its_dataset(page, airflow):
    _, run = airflow
    page.goto(f"{run}/tasks/audit/details")
    report = page.get_by_role("link", name="Audit report")
    marquez = page.get_by_role("link", name="Dataset in Marquez")
    namespace = r"sqlite%3A\S+%2Fcatalog\.db"
    node = rf"isFull=true&isCompact=true&tableLevelNode=dataset%3A{namespace}%3Acells\.findings"
    assert re.fullmatch(rf"{MARQUEZ}/lineage/dataset/{namespace}/cells\.findings\?{node}", marquez.get_attribute("href"))
    keep_screenshot("airflow-task-links", page.screenshot())
    report.click()
    page.get_by_role("heading", name="Label audit of cells").wait_for()
    assert "/cv_dataops/audit-report/detection_dataops/" in page.url
    page.set_viewport_size({"width": 1360, "height": 1000})
    keep_screenshot("airflow-audit-report", page.screenshot())
    named = page.locator(".card .file a", has_text="BloodImage_00338.jpg").first
    named.evaluate("link => link.closest('.card').scrollIntoView()")
    named.hover()
    keep_screenshot("airflow-report-gallery", page.screenshot())
    with page.context.expect_page() as popup:
        named.click()
    image = popup.value
    image.wait_for_load_state()
    assert image.url.startswith(f"{page.url}/images/")
    assert image.evaluate("[document.contentType, document.images[0].naturalWidth]") == ["image/jpeg", 640]
    image.close()
    page.get_by_role("link", name="Task audit in run").click()
    page.locator("a[href$='/tasks/audit/details']").first.click()
    page.get_by_role("link", name="Audit report").wait_for()


def test_the_summary_is_read_in_the_xcom_tab(page, airflow):
    _, run = airflow
    page.set_viewport_size({"width": 1360, "height": 1100})
    page.goto(f"{run}/tasks/audit/xcom")
    page.get_by_text("return_value").wait_for()
    page.get_by_role("button", name=re.compile("expand all", re.IGNORECASE)).first.click()
    shown = page.locator(".view-lines").filter(has_text="cells")
    shown.wait_for()
    text = re.sub(r"\s+", "", shown.inner_text())
    assert text.startswith('{"dataset":"cells","partition_key":"2026-11-05","snapshot_id":"')
    assert '"metrics":{"label_error_rate":0.000' in text, "what matters most is seen first"
    page.mouse.move(0, 0)
    keep_screenshot("airflow-xcom-summary", page.screenshot())


def test_logs_tell_what_was_done_what_was_found_and_which_gate_failed(page, airflow):
    _, run = airflow
    page.goto(f"{run}/tasks/audit")
    for words in ("LabelAuditOperator: dataset cells, partition 2026-11-05", "labels are wrong or suspect", "zero_area_bbox 2"):
        page.get_by_text(words).first.wait_for()
    keep_log("airflow-task-log", page)
    page.goto(f"{run}/tasks/promote")
    page.get_by_text("Task failed: label_error_rate: wanted <= 0.0001").wait_for()
    page.get_by_text("Gate failed: label_error_rate").wait_for()
    page.get_by_text("Gate holds: images").wait_for()
    assert not page.get_by_text("task_runner.py").count()
    keep_log("airflow-gate-log", page)


def keep_log(name, page):
    page.mouse.move(0, 0)
    keep_screenshot(name, page.screenshot())


def test_a_contract_and_health_open_from_their_tasks(page, airflow):
    _, run = airflow
    for task_id, link, heading in (
        ("validate", "Data Docs", "Contract annotations of cells"),
        ("health", "Dataset health", "Health of cells"),
    ):
        page.goto(f"{run}/tasks/{task_id}/details")
        page.get_by_role("link", name=link).click()
        page.get_by_role("heading", name=heading).first.wait_for()
        page.get_by_role("link", name=f"Task {task_id} in run").wait_for()


def test_a_sample_opens_from_its_task_with_the_images_that_airflow_shows(page, airflow):
    running, run = airflow
    run_id = running.trigger("digits_dataops", conf={}, logical_date="2026-11-05T00:00:00Z")
    assert running.wait_for_run("digits_dataops", run_id) == "success", running.log.read_text()[-3000:]
    page.goto(f"{run.partition('/dags/')[0]}/dags/digits_dataops/runs/{run_id}/tasks/sample/details")
    link = page.get_by_role("link", name="Sample report")
    link.wait_for()
    keep_screenshot("airflow-sample-links", page.screenshot())
    link.click()
    page.get_by_role("heading", name="Sample of digits, to be labelled").wait_for()
    assert page.locator(".card").count() == 50
    page.set_viewport_size({"width": 1360, "height": 1000})
    keep_screenshot("airflow-sample-report", page.screenshot())
    with page.context.expect_page() as popup:
        page.locator(".card .file a").first.click()
    image = popup.value
    image.wait_for_load_state()
    assert image.evaluate("[document.contentType, document.images[0].naturalWidth]") == ["image/png", 512], "enlarged pixel by pixel"
    image.close()
    page.get_by_role("link", name="Task sample in run").wait_for()


def test_the_connection_form_saves_and_tests_a_catalog(page, airflow, lake):
    running, _ = airflow
    root = f"http://localhost:{running.port}"
    page.set_viewport_size({"width": 1360, "height": 1250})
    page.goto(f"{root}/connections")
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.locator("input[name=connection_id]").fill("cv_lake")
    form.get_by_role("combobox").fill("CV DataOps")
    page.get_by_role("option", name="CV DataOps catalog").click()
    form.locator("input[name=host]").fill(f"sqlite:///{lake}/other/catalog.db")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.locator("input[name=element_warehouse]").fill(f"{lake}/other/warehouse")
    page.wait_for_timeout(1_000)  # the part unfolds
    keep_screenshot("airflow-connection-form", page.screenshot())
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")

    saved = running.call("GET", "/api/v2/connections/cv_lake")
    assert (saved["conn_type"], saved["host"]) == ("cv_catalog", f"sqlite:///{lake}/other/catalog.db")
    assert f'"warehouse": "{lake}/other/warehouse"' in saved["extra"]
    row = page.get_by_role("row").filter(has_text="cv_lake")
    row.get_by_role("button", name="Test Connection").click()
    row.get_by_role("button", name="Test Connection").locator("svg").wait_for()
    tested = running.call("POST", "/api/v2/connections/test", {**saved, "connection_id": "cv_lake"})
    assert tested == {"status": True, "message": "There is no catalog yet: the first ingest makes it"}
    nowhere = {"connection_id": "cv_none", "conn_type": "cv_catalog", "host": "postgresql+psycopg2://127.0.0.1:1/none"}
    tested = running.call("POST", "/api/v2/connections/test", nowhere)
    assert tested["status"] is False
    assert "Connection refused" in tested["message"]
