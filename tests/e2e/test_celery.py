"""CeleryExecutor with Redis and two workers, metadata and catalog in PostgreSQL, photos and warehouse on S3."""

from __future__ import annotations

import pytest

from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.deployment,
    pytest.mark.once(reason="it takes minutes, and how shards of lost workers are repeated is asked on every version"),
]

DAYS = [f"2026-09-{day:02}" for day in range(1, 31)]
PHOTOS = 662  # of a day, beside a second copy of one, one that every day has, and three files that are no images
DAG = "celery_ingest"


@pytest.fixture
def lake(service, monkeypatch, tmp_path):
    service("redis")  # skips, saying why, where this machine cannot have it
    from photo_lake import PhotoLake

    lake = PhotoLake.new(service)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow_home"))
    for name, value in lake.environment.items():
        monkeypatch.setenv(name, value)
    return lake


def test_a_month_of_photos_is_whole_although_one_of_two_workers_is_killed(lake, deployment, service, make_dataset):
    from celery_airflow import CeleryAirflow

    from airflow_cv_dataops.hooks.dataset import DatasetHook

    lake.land(DAYS, PHOTOS)
    whole = make_dataset("whole")
    with CeleryAirflow({**deployment.environment, **lake.environment}, service) as airflow:
        for worker in ("first", "second"):
            airflow.start_worker(worker, concurrency=2)
        airflow.backfill(DAG, DAYS[0], DAYS[-1], max_active_runs=8, dag_run_conf={"source": lake.landing})
        airflow.wait_for("a third of the days to be in", lambda: succeeded(airflow) >= 10, 600)
        killed = airflow.wait_for("the first worker to be at shards", lambda: held_amid_shards(airflow, "first"))
        airflow.kill_worker("first")
        source, options = DatasetHook("cv_catalog").storage(lake.landing)
        for day in DAYS:
            ingest_images(whole, day, f"{source}/{day}", source_options=options)
        airflow.wait_for_backfills(DAG)
        tasks = airflow.tasks(DAG, "~")

    assert len(tasks) == 30 * (1 + 2 + 1)
    assert {task["state"] for task in tasks} == {"success"}
    tries = {(task["dag_run_id"], task["map_index"]): task["try_number"] for task in tasks if task["task_id"] == "ingest.shard"}
    assert all(tries[shard] > 1 for shard in killed)

    photos = DatasetHook("cv_catalog").dataset("photos")
    for table in ("images", "rejects", "metrics"):
        assert in_order(photos, table) == in_order(whole, table), table
        assert len(photos.load_table(table).snapshots()) == 30
    assert photos.images().num_rows == 30 * (PHOTOS + 2)
    assert sorted(photos.read("rejects")["reason"].to_pylist()) == ["empty"] * 30 + ["not_an_image"] * 30 + ["truncated"] * 30
    assert_copies_are_there(photos)


def succeeded(airflow):
    return sum(run["state"] == "success" for run in airflow.runs(DAG))


def held_amid_shards(airflow, worker):
    """Hold a worker that has shards at work and nothing else, and return the run and index of each; let any other go on."""
    pids = {process.pid for process in airflow.hold_worker(worker)}
    at_work = [task for task in airflow.tasks(DAG, "~") if task["state"] == "running" and task["pid"] in pids]
    if at_work and all(task["task_id"] == "ingest.shard" for task in at_work):
        return [(task["dag_run_id"], task["map_index"]) for task in at_work]
    airflow.release_worker(worker)
    return None


def in_order(dataset, table):
    """Return a table's rows without when they were written and where the dataset keeps its copies."""
    left_out = {*TABLES[table].run_columns, "storage_uri"}
    rows = dataset.read(table)
    return sorted(map(str, rows.select([name for name in rows.column_names if name not in left_out]).to_pylist()))


def assert_copies_are_there(dataset):
    """Assert that each image that the table names is an object of its size, and that there is no other."""
    images = dataset.images()
    named = dict(zip(images["storage_uri"].to_pylist(), images["bytes"].to_pylist(), strict=True))
    stored = {file.uri: file.size for file in dataset.objects().list() if file.path.startswith("objects/")}
    assert stored == named
    assert len(named) == 30 * PHOTOS + 1
