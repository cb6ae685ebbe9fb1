"""A backfill started and read in Airflow's page, in a real browser, as a person does it; then again over what is done already.

With ``CV_DATAOPS_SCREENSHOTS`` set to a folder, the pictures of docs/images are written there.
"""

from __future__ import annotations

import time

import pyarrow.compute as pc
import pytest
from backfill_page import fill_backfill_form
from browser import keep_screenshot, log_in
from real_airflow import RealAirflow
from tables import rows, snapshots

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.browser,
    pytest.mark.once(reason="it is the page of one version that is driven; what a backfill does is asked on each"),
]

DAYS = ["2026-11-05", "2026-11-06", "2026-11-07"]


def test_three_days_are_backfilled_from_the_page_and_once_more_without_a_change(deployment, chromium, service):
    """On PostgreSQL: where Airflow's own data is in SQLite, the page's unpausing locks the backfill out now and then (HTTP 503)."""
    deployment = deployment.on_postgres(service("postgres"))
    with RealAirflow(deployment.environment, users={"admin": "admin"}) as airflow:
        page = chromium.new_context(viewport={"width": 1360, "height": 850}).new_page()
        page.set_default_timeout(60_000)
        log_in(page, airflow)
        airflow.wait_for("digits_dataops to be parsed", lambda: any(dag["dag_id"] == "digits_dataops" for dag in airflow.dags()))

        backfill(page, airflow, screenshots=True)
        read_results(page, airflow)
        dataset = deployment.dataset("digits")
        before, count = days_of(dataset), snapshots(dataset)
        images = dataset.images()
        ingested = {day: set(images.filter(pc.equal(images["partition_key"], day))["image_id"].to_pylist()) for day in DAYS}
        assert [len(of_day) for of_day in ingested.values()] == [599] * 3
        release = dataset.release("production")
        # Not by day: Airflow's own run of the newest day brings the images of one of the three, and may be released before it.
        assert set(release.items()["image_id"].to_pylist()) == set().union(*ingested.values())

        backfill(page, airflow, reprocess="completed")
        read_results(page, airflow)

    assert days_of(dataset) == before
    after = snapshots(dataset)
    # Nothing has changed at the source, so that the ingests had no images to commit.
    again = {"images": 0, "rejects": 3, "annotations": 3, "predictions": 3, "samples": 3}
    assert {name: after[name] - count[name] for name in again} == again
    assert after["releases"] == count["releases"]
    assert dataset.release("production").name == release.name


def backfill(page, airflow, *, screenshots=False, **options):
    """Fill the form in, press the button, and wait until Airflow calls the backfill done."""
    page.set_viewport_size({"width": 1360, "height": 1040})
    start = fill_backfill_form(page, "digits_dataops", DAYS[0], DAYS[-1], max_active_runs=3, **options)
    page.get_by_text("3 runs will be triggered").wait_for()
    if screenshots:
        keep_screenshot("backfill-form", page.screenshot())
    press(start, airflow)
    page.goto(f"http://localhost:{airflow.port}/dags/digits_dataops")
    page.set_viewport_size({"width": 1360, "height": 850})
    if screenshots:
        page.get_by_text("Backfill in progress").wait_for()
        airflow.wait_for("the first audit", lambda: task_states(airflow).count(("import_labels", "success")) >= 1, 300)
        page.mouse.move(0, 0)
        page.wait_for_timeout(4_000)  # the page looks every few seconds
        keep_screenshot("backfill-running", page.screenshot())
    page.goto("about:blank")  # an open grid asks and draws every few seconds
    airflow.wait_for_backfills("digits_dataops")
    airflow.wait_for("all runs to end", lambda: all(run["state"] != "running" for run in airflow.runs("digits_dataops")), 300)


def press(start, airflow):
    """Press the button until there is one backfill more: where the page is busy, a press may be lost."""

    def backfills():
        return len(airflow.call("GET", "/api/v2/backfills?dag_id=digits_dataops")["backfills"])

    before = backfills()
    for _ in range(5):
        start.click()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if backfills() > before:
                return
            time.sleep(0.5)
    raise AssertionError("the button started no backfill")


def task_states(airflow):
    runs = [run["dag_run_id"] for run in airflow.runs("digits_dataops") if run["run_type"] == "backfill"]
    return [(task["task_id"], task["state"]) for run_id in runs for task in airflow.tasks("digits_dataops", run_id)]


def read_results(page, airflow):
    """Read in the page that every run of the backfill, and every one of its tasks, succeeded."""
    root = f"http://localhost:{airflow.port}/dags/digits_dataops"
    page.goto(f"{root}/runs")
    for day in DAYS:
        row = (
            page.get_by_role("row")
            .filter(has_text=f"{day} 00:00:00")
            .filter(has=page.get_by_label("backfill", exact=False).or_(page.get_by_text("backfill")))
        )
        row.get_by_text("Success").first.wait_for()
    page.goto(root)
    page.get_by_role("link", name="audit", exact=True).wait_for()
    page.set_viewport_size({"width": 1600, "height": 850})  # wide enough for the whole grid
    page.mouse.move(0, 0)
    page.wait_for_timeout(2_000)
    keep_screenshot("backfill-done", page.screenshot())
    page.set_viewport_size({"width": 1360, "height": 850})
    for day in DAYS:
        run_id = next(run["dag_run_id"] for run in airflow.runs("digits_dataops") if run["logical_date"].startswith(day))
        states = {task["task_id"]: task["state"] for task in airflow.tasks("digits_dataops", run_id)}
        assert set(states.values()) == {"success"}, states


def days_of(dataset):
    """Return the rows of the three days; Airflow's own run of the newest day may come and go.

    What health says of a day is left out: it looks at the day beside those that are there by then.
    """
    return {
        table: [
            row for row in found if any(day in row for day in DAYS) and not any(f"'{said}': 'health'" in row for said in ("step", "audit"))
        ]
        for table, found in rows(dataset).items()
        if not table.startswith("release")
    }
