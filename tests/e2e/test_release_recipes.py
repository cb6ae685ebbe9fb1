"""In a real Airflow: a release a day although days are backfilled side by side, training that starts by itself, a person who is asked."""

from __future__ import annotations

import json
import shutil
import time
from datetime import date, timedelta

import pytest
from deployment import deploy
from real_airflow import RealAirflow

pytestmark = [pytest.mark.e2e, pytest.mark.deployment]

DAYS = [(date(2026, 10, 5) + timedelta(days=day)).isoformat() for day in range(9)]
IMAGES_A_DAY = 8


@pytest.fixture(scope="module")
def running(migrated_home, tmp_path_factory, shared_data, service):
    # On SQLite `airflow backfill create` fails where the scheduler writes at the same time: docs/backfill.md.
    deployment = deploy(migrated_home, tmp_path_factory.mktemp("recipes")).on_postgres(service("postgres"))
    photos = sorted((shared_data("clothing_mini") / "images").iterdir())
    for number, day in enumerate(DAYS):
        for dag in ("days", "lean"):
            folder = deployment.home / "landing" / dag / day
            (folder / "images").mkdir(parents=True)
            chosen = photos[number * IMAGES_A_DAY : (number + 1) * IMAGES_A_DAY]
            for photo in chosen:
                shutil.copy(photo, folder / "images")
            (folder / "labels.csv").write_text("image,label\n" + "".join(f"{photo.name},shirt\n" for photo in chosen))
    with RealAirflow(deployment.environment) as airflow:
        yield airflow, deployment


def released(dataset):
    """Return how many days each release of production holds, in their order."""
    rows = dataset.read("releases").sort_by("sequence").to_pylist()
    held = {row["release"]: len(set(dataset.release(row["release"]).items()["partition_key"].to_pylist())) for row in rows}
    return [held[row["release"]] for row in rows if row["stage"] == "production"]


def test_one_run_at_a_time_makes_a_release_a_day(running):
    airflow, deployment = running
    airflow.backfill_by_command("lean_daily", DAYS[0], DAYS[2], "--max-active-runs", "1")
    assert released(deployment.dataset("lean_daily")) == [1, 2, 3]


def test_runs_side_by_side_release_what_is_there_by_then(running):
    """As few as one release for all days, and never one that takes a day back."""
    airflow, deployment = running
    before = len(released(deployment.dataset("lean_daily")))
    airflow.backfill_by_command("lean_daily", DAYS[3], DAYS[5], "--max-active-runs", "3")
    held = released(deployment.dataset("lean_daily"))
    assert held == sorted(held)
    assert (held[-1], 1 <= len(held) - before <= 3) == (6, True)


def test_days_side_by_side_are_released_one_by_one_where_each_promotion_waits_for_the_day_before(running):
    airflow, deployment = running
    airflow.backfill_by_command("release_a_day", DAYS[0], DAYS[3], "--max-active-runs", "4", "--reprocess-behavior", "failed")
    runs = {run["logical_date"][:10]: airflow.tasks("release_a_day", run["dag_run_id"]) for run in airflow.runs("release_a_day")}
    assert {task["state"] for tasks in runs.values() for task in tasks} == {"success"}
    dataset = deployment.dataset("days")
    assert released(dataset) == [1, 2, 3, 4]
    for number, day in enumerate(DAYS[:4]):
        assert set(dataset.release(f"v{number + 1}").items()["partition_key"].to_pylist()) == set(DAYS[: number + 1]), day


def test_a_day_that_fails_holds_up_those_behind_it_until_it_is_cleared_and_a_second_pass_changes_nothing(running):
    airflow, deployment = running
    late = deployment.home / "landing" / "days" / DAYS[4] / "labels.csv"
    labels = late.read_text()
    late.unlink()
    more_than_days = ("--max-active-runs", "8")
    airflow.backfill_by_command("release_a_day", DAYS[0], DAYS[6], *more_than_days, "--reprocess-behavior", "failed", wait=False)
    runs = airflow.wait_for("the runs", lambda: len(found := runs_by_day(airflow)) == 7 and found)
    airflow.wait_for("the day to fail", lambda: states(airflow, runs[DAYS[4]])["promote"] == "upstream_failed", 300)
    airflow.wait_for("the last day", lambda: states(airflow, runs[DAYS[6]])["audit"] == "success", 300)
    assert [states(airflow, runs[day])["promote"] for day in DAYS[5:7]] == [None, None]

    late.write_text(labels)
    airflow.command("tasks", "clear", "release_a_day", "-t", "labels", "-d", "-s", DAYS[4], "-e", DAYS[4], "-y")
    airflow.wait_for_backfills("release_a_day")
    assert {state for day in DAYS[:7] for state in states(airflow, runs[day]).values()} == {"success"}
    dataset = deployment.dataset("days")
    assert released(dataset) == [1, 2, 3, 4, 5, 6, 7]

    airflow.backfill_by_command("release_a_day", DAYS[0], DAYS[6], *more_than_days, "--reprocess-behavior", "completed")
    assert [states(airflow, runs[day])["promote"] for day in DAYS[:7]] == ["skipped"] * 6 + ["success"]
    assert released(dataset) == [1, 2, 3, 4, 5, 6, 7]


def runs_by_day(airflow):
    return {run["logical_date"][:10]: run["dag_run_id"] for run in airflow.runs("release_a_day")}


def states(airflow, run_id):
    return {task["task_id"]: task["state"] for task in airflow.tasks("release_a_day", run_id)}


@pytest.mark.parametrize("answer", ["Reject", "Approve"])
def test_production_moves_where_a_person_says_yes(running, answer):
    airflow, deployment = running
    dataset = deployment.dataset("digits")
    if dataset.load_table("images") is None:
        airflow.wait_for_run("digits_dataops", airflow.trigger("digits_dataops", logical_date="2026-11-05T00:00:00Z"))
    before = dataset.release("production").name
    run_id = airflow.trigger("digits_approval")
    task = f"/api/v2/dags/digits_approval/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails"
    asked = airflow.wait_for("the question", lambda: airflow._get(task), 300)
    shown = dataset.release("staging")  # of one day or two: Airflow's own run of the newest day may be there, too
    assert asked["subject"] == f"May {shown.name} of digits go to production?"
    assert f"- images: {shown.images_count}\n" in asked["body"]
    assert "- holds: `findings.error == 0.0`, found 0\n" in asked["body"]
    # Airflow 3.3 fails a task that is answered before its scheduler has heard that it waits, which takes a second: no person is so quick.
    time.sleep(5)
    airflow.call("PATCH", task, {"chosen_options": [answer]})
    assert airflow.wait_for_run("digits_approval", run_id) == "success"
    states = {one["task_id"]: one["state"] for one in airflow.tasks("digits_approval", run_id)}
    assert states["promote"] == {"Reject": "skipped", "Approve": "success"}[answer]
    assert dataset.release("production").name == {"Reject": before, "Approve": shown.name}[answer]


def test_a_moved_stage_starts_the_training_with_its_release(running):
    """Of three days: Airflow's own run of the newest brings the images of one of them, so that one of the three may move nothing."""
    airflow, deployment = running
    airflow.unpause("digits_training")
    runs = {day: airflow.trigger("digits_dataops", logical_date=f"2026-11-{day}T00:00:00Z") for day in ("08", "09", "10")}
    assert {airflow.wait_for_run("digits_dataops", run_id) for run_id in runs.values()} == {"success"}
    wanted = deployment.dataset("digits").release("production").name
    trained = airflow.wait_for("the training", lambda: [run for run in trainings(airflow) if run["release"] == wanted], 300)
    assert [run["run_type"] for run in trained] == ["asset_triggered"]
    assert trained[0]["accuracy"] > 0.6

    # A day that is done again with the same files moves nothing, and nothing is trained.
    before = len(trainings(airflow))
    again = {"dag_run_id": runs["10"], "dry_run": False, "only_failed": False}
    airflow.call("POST", "/api/v2/dags/digits_dataops/clearTaskInstances", again)
    assert airflow.wait_for_run("digits_dataops", runs["10"]) == "success"
    assert len(trainings(airflow)) == before


def trainings(airflow):
    """Return what the runs of the training that have ended say, and how they came to be."""
    found = []
    for run in airflow.runs("digits_training"):
        if run["state"] in ("success", "failed"):
            path = f"/api/v2/dags/digits_training/dagRuns/{run['dag_run_id']}/taskInstances/train/xcomEntries/return_value"
            told = airflow.call("GET", path)["value"]
            found.append({"run_type": run["run_type"], **(json.loads(told) if isinstance(told, str) else told)})
    return found
