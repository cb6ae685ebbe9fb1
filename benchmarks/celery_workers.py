"""A sharded ingest from S3 by one Celery worker and by two, on the same machine, with a backfill of many days at once.

    scripts/services run postgres redis s3 -- python benchmarks/celery_workers.py --json

Each round is a backfill of so many days by one worker, then of as many others by two; each worker takes ``--concurrency`` tasks at
once, each shard has one decoding process. The clock runs from the first task's start to the last one's end. PostgreSQL (metadata and
catalog), Redis, the S3 server, scheduler and API server share the machine's cores with the workers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "tests" / "e2e")]

DAG = "celery_ingest"


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        result = compare(Path(folder), options)
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:34} {value}")


def compare(home: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return images per second of each round with one worker and with two."""
    from celery_airflow import CeleryAirflow
    from photo_lake import PhotoLake

    from airflow_cv_dataops.hooks.dataset import DatasetHook

    lake = PhotoLake.new(_service)
    environment = {**os.environ, **lake.environment, **_settings(home)}
    os.environ.update(environment)
    days = [f"2026-09-{day:02}" for day in range(1, 1 + 2 * options.rounds * options.days)]
    lake.land(days, options.photos)
    images = options.days * (options.photos + 2)
    speeds: dict[str, list[float]] = {"one": [], "two": []}
    with CeleryAirflow(environment, _service) as airflow:
        airflow.start_worker("first", options.concurrency)
        for start in range(0, len(days), 2 * options.days):
            ones, twos = days[start : start + options.days], days[start + options.days : start + 2 * options.days]
            speeds["one"].append(_images_per_second(airflow, lake.landing, ones, images))
            airflow.start_worker("second", options.concurrency)
            speeds["two"].append(_images_per_second(airflow, lake.landing, twos, images))
            airflow.kill_worker("second")
    assert DatasetHook("cv_catalog").dataset("photos").images().num_rows == 2 * options.rounds * images
    rounded = {name: [round(speed, 1) for speed in of_rounds] for name, of_rounds in speeds.items()}
    return {
        "cores": len(os.sched_getaffinity(0)),
        "images_a_backfill": images,
        "days_a_backfill": options.days,
        "tasks_at_once_a_worker": options.concurrency,
        "one_worker_images_per_second": rounded["one"],
        "two_workers_images_per_second": rounded["two"],
        "two_to_one": [round(two / one, 2) for one, two in zip(speeds["one"], speeds["two"], strict=True)],
    }


def _images_per_second(airflow: Any, source: str, days: list[str], images: int) -> float:
    airflow.backfill(DAG, days[0], days[-1], max_active_runs=8, dag_run_conf={"source": source})
    airflow.wait_for_backfills(DAG)
    tasks = [task for day in days for task in airflow.tasks(DAG, f"backfill__{day}T00:00:00+00:00")]
    assert {task["state"] for task in tasks} == {"success"}
    begin, end = min(task["start_date"] for task in tasks), max(task["end_date"] for task in tasks)
    return images / (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _settings(home: Path) -> dict[str, str]:
    (home / "dags").mkdir()
    shutil.copy(PROJECT / "tests" / "e2e" / "dags" / f"{DAG}.py", home / "dags")
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
    }


def _service(name: str) -> Any:
    from services import STATE, Service

    facts = json.loads(STATE.read_text())["services"][name]
    if "missing" in facts:
        sys.exit(facts["missing"])
    return Service(name, facts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=662, help="photos of a day")
    parser.add_argument("--days", type=int, default=7, help="days of a backfill; there are 30 for all rounds")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--concurrency", type=int, default=1, help="tasks at once of a worker")
    parser.add_argument("--scratch", type=Path, help="folder for Airflow's home; default: the system's")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


if __name__ == "__main__":
    main()
