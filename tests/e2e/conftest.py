"""Fixtures of the tests in a real Airflow."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deployment import DagRuns, Deployment, Run, deploy
from event_receiver import receive_events
from processes import PATIENCE_SECONDS


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated metadata database, made once, by the worker that comes first, and copied for each deployment."""
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder  # that of all workers
    home = folder / "migrated"
    with (folder / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            unfinished = tmp_path_factory.mktemp("airflow")
            environment = Deployment(unfinished).environment
            subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], env=environment, check=True, capture_output=True)
            unfinished.rename(home)
    return home


@pytest.fixture(scope="session")
def dag_runs(migrated_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagRuns]:
    """The process in which the DAGs of all tests run, each on data of its own; it sends its lineage here, as docs/deployment.md says."""
    with receive_events() as (url, taken):
        transport = {"type": "http", "url": url, "timeout": PATIENCE_SECONDS}
        transport |= {"compression": "gzip", "auth": {"type": "api_key", "apiKey": "k"}}
        with DagRuns(deploy(migrated_home, tmp_path_factory.mktemp("runs")), transport, taken) as runs:
            yield runs


@pytest.fixture
def deployment(migrated_home: Path, dag_runs: DagRuns, tmp_path: Path) -> Deployment:
    """An Airflow with the example DAGs and the DAGs of these tests."""
    return deploy(migrated_home, tmp_path, dag_runs)


@pytest.fixture(scope="session")
def few_clothes(shared_data: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source for the DAG clothing_dataops, where the number of images does not matter: 20 of clothing_mini, with their labels."""
    clothing, folder = shared_data("clothing_mini"), tmp_path_factory.mktemp("few_clothes")
    (folder / "images").mkdir()
    images = {image.stem: image for image in (clothing / "images").iterdir()}
    with (clothing / "images.csv").open() as labels:
        rows = csv.DictReader(labels)
        kept = [row for row in rows if row["image"] in images][:20]
    for row in kept:
        shutil.copy(images[row["image"]], folder / "images")
    with (folder / "images.csv").open("w") as labels:
        writer = csv.DictWriter(labels, list(kept[0]))
        writer.writeheader()
        writer.writerows(kept)
    return folder


@pytest.fixture
def check_summaries() -> Callable[[Run], None]:
    """Assert that every summary of a run is strict JSON of at most 16 KB with the same top-level keys."""

    def check(run: Run) -> None:
        keys = {"dataset", "partition_key", "snapshot_id", "counts", "metrics", "report_uri", "duration_seconds"}
        summaries = {task_id: value for task_id, value in run.xcom.items() if isinstance(value, dict) and "duration_seconds" in value}
        assert summaries, "no task left a summary"
        for task_id, summary in summaries.items():
            assert keys <= set(summary), task_id
            assert len(json.dumps(summary, allow_nan=False).encode()) <= 16 * 1024, task_id

    return check
