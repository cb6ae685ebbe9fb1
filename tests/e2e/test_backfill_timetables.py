"""Backfills from the command line, on PostgreSQL: eight runs side by side, reprocessing, and every kind of partition that Airflow has."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from importlib.metadata import version

import pytest
from deployment import deploy
from real_airflow import RealAirflow
from tables import rows, snapshots

pytestmark = [pytest.mark.e2e, pytest.mark.deployment]

DAYS = [(date(2026, 10, 5) + timedelta(days=day)).isoformat() for day in range(12)]
IMAGES_A_DAY = 8
HAS_PARTITIONED_DAGS = not version("apache-airflow-core").startswith("3.1.")
WRITTEN_ONCE_A_RUN = ("images", "rejects", "annotations")


@pytest.fixture(scope="module")
def airflow(migrated_home, tmp_path_factory, shared_data, service):
    """An Airflow whose metadata and Iceberg catalog are in PostgreSQL, with twelve days of landed photographs."""
    deployment = deploy(migrated_home, tmp_path_factory.mktemp("backfill")).on_postgres(service("postgres"))
    photos = sorted((shared_data("clothing_mini") / "images").iterdir())
    for number, day in enumerate(DAYS):
        folder = deployment.home / "landing" / "lean" / day
        (folder / "images").mkdir(parents=True)
        chosen = photos[number * IMAGES_A_DAY : (number + 1) * IMAGES_A_DAY]
        for photo in chosen:
            shutil.copy(photo, folder / "images")
        (folder / "labels.csv").write_text("image,label\n" + "".join(f"{photo.name},shirt\n" for photo in chosen))
    settings = {"AIRFLOW__CORE__PARALLELISM": "8", **deployment.environment}
    with RealAirflow(settings) as running:
        yield running, deployment


def states(airflow, dag_id):
    return [(run["run_type"], run["state"]) for run in airflow.runs(dag_id)]


@pytest.mark.once(reason="how runs side by side commit does not depend on the version")
def test_twelve_partitions_by_eight_runs_at_once_are_all_there_and_released(airflow):
    """The newest eight days first: those before them, which come later, add to what is released and take nothing back."""
    running, deployment = airflow
    running.backfill_by_command("lean_daily", DAYS[4], DAYS[-1], "--max-active-runs", "8")
    dataset = deployment.dataset("lean_daily")
    newer = dataset.release("production")
    assert set(newer.items()["partition_key"].to_pylist()) == set(DAYS[4:])

    running.backfill_by_command("lean_daily", DAYS[0], DAYS[3], "--max-active-runs", "8")
    assert states(running, "lean_daily") == [("backfill", "success")] * len(DAYS)
    images = dataset.images()
    assert sorted(images["partition_key"].to_pylist()) == sorted(DAYS * IMAGES_A_DAY)
    assert len(set(images["source_uri"].to_pylist())) == len(DAYS) * IMAGES_A_DAY
    committed = snapshots(dataset)
    assert {name: committed[name] for name in WRITTEN_ONCE_A_RUN} == dict.fromkeys(WRITTEN_ONCE_A_RUN, len(DAYS))
    # The run that was audited last has released what all of them brought.
    release = dataset.release("production")
    assert set(release.items()["partition_key"].to_pylist()) == set(DAYS)
    assert int(release.name[1:]) > int(newer.name[1:])
    assert release.images_count == len(set(images["image_id"].to_pylist()))

    before, count = rows(dataset), snapshots(dataset)
    running.backfill_by_command("lean_daily", DAYS[2], DAYS[3], "--reprocess-behavior", "completed", "--max-active-runs", "2")
    assert states(running, "lean_daily") == [("backfill", "success")] * len(DAYS)
    assert rows(dataset) == before
    after = snapshots(dataset)
    # Nothing has changed at the source, so that the ingests had no images to commit.
    assert {name: after[name] - count[name] for name in WRITTEN_ONCE_A_RUN} == {"images": 0, "rejects": 2, "annotations": 2}
    assert after["releases"] == count["releases"]
    assert dataset.release("production").name == release.name


@pytest.mark.once(reason="what a promotion makes of others at work does not depend on the version")
def test_seven_days_three_at_a_time_lose_no_promotion_although_nothing_is_left_out(airflow):
    """Of a day that is ingested and not yet audited a promotion knows nothing: it is tried again, until that day is through."""
    from airflow_cv_dataops import audit_labels, import_labels, ingest_images

    running, deployment = airflow
    dataset = deployment.dataset("lean_strict")
    landed = deployment.home / "landing" / "lean" / DAYS[7]
    ingest_images(dataset, DAYS[7], landed / "images")  # of a run that takes long, so to speak
    running.backfill_by_command("lean_strict", DAYS[0], DAYS[6], "--max-active-runs", "3", wait=False)

    def tried_again():
        return [task for task in running.tasks("lean_strict", "~") if task["task_id"] == "promote" and task["try_number"] > 1]

    running.wait_for("three promotions to be tried again", lambda: len(tried_again()) == 3, 600)
    assert dataset.load_table("releases") is None
    import_labels(dataset, DAYS[7], landed / "labels.csv", format="csv")
    audit_labels(dataset, DAYS[7], report=None, on_findings="warn")
    running.wait_for_backfills("lean_strict")
    assert states(running, "lean_strict") == [("backfill", "success")] * 7
    assert set(dataset.release("production").items()["partition_key"].to_pylist()) == set(DAYS[:8])


def test_a_backfill_of_data_intervals_owns_the_days_at_which_they_start(airflow):
    running, deployment = airflow
    running.backfill_by_command("lean_interval", DAYS[0], DAYS[2], "--max-active-runs", "1", "--run-backwards")
    runs = running.runs("lean_interval")
    assert [(run["data_interval_start"][:10], run["state"]) for run in runs] == [(day, "success") for day in DAYS[:3]]
    assert all(run["data_interval_start"] != run["data_interval_end"] for run in runs)
    assert sorted(runs, key=lambda run: run["start_date"], reverse=True) == runs, "the newest day was to be first"
    dataset = deployment.dataset("lean_interval")
    assert sorted(set(dataset.images()["partition_key"].to_pylist())) == DAYS[:3]
    assert set(dataset.release("production").items()["partition_key"].to_pylist()) == set(DAYS[:3])


if HAS_PARTITIONED_DAGS:

    def test_a_backfill_of_a_partitioned_dag_makes_new_runs_and_leaves_equal_rows(airflow):
        running, deployment = airflow
        running.backfill_by_command("lean_partitioned", DAYS[0], DAYS[2], "--max-active-runs", "3")
        runs = running.runs("lean_partitioned")
        assert sorted((run["partition_key"], run["state"]) for run in runs) == [(day, "success") for day in DAYS[:3]]
        dataset = deployment.dataset("lean_partitioned")
        before, count, released = rows(dataset), snapshots(dataset), dataset.release("production").name
        assert sorted(set(dataset.images()["partition_key"].to_pylist())) == DAYS[:3]

        running.backfill_by_command("lean_partitioned", DAYS[0], DAYS[2], "--reprocess-behavior", "completed", "--max-active-runs", "3")
        runs = running.runs("lean_partitioned")
        assert sorted(run["partition_key"] for run in runs) == sorted(DAYS[:3] * 2)
        assert {run["state"] for run in runs} == {"success"}
        assert rows(dataset) == before
        after = snapshots(dataset)
        assert {name: after[name] - count[name] for name in WRITTEN_ONCE_A_RUN} == {"images": 0, "rejects": 3, "annotations": 3}
        assert after["releases"] == count["releases"]
        assert dataset.release("production").name == released
