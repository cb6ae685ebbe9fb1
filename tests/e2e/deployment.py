"""An Airflow home with the example DAGs: what it is set to, and its DAGs run once, in a process of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from services import Service

from airflow_cv_dataops.core.store.dataset import Dataset, open_dataset

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "example_dags"
DAGS = Path(__file__).parent / "dags"


@dataclass(frozen=True)
class Run:
    """What one DAG run left behind."""

    state: str
    tasks: Mapping[str, str]
    xcom: Mapping[str, Any]
    events: list[dict[str, Any]]
    log: str

    def task_events(self, task_id: str, event_type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["job"]["name"].endswith(f".{task_id}") and event["eventType"] == event_type]


@dataclass(frozen=True)
class Deployment:
    """An Airflow home with its settings. :param settings: environment beside, or instead of, what every deployment here has."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            "AIRFLOW_HOME": self.home,
            "AIRFLOW__CORE__DAGS_FOLDER": self.home / "dags",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CV_DATAOPS__HOME": self.home / "cv_dataops",
            "CV_DATAOPS_LANDING": self.home / "landing",
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "e2e",
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
                {"type": "file", "log_file_path": str(self.home / "events.jsonl"), "append": True}
            ),
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CV_DATAOPS"))}
        return {**kept, **{name: str(value) for name, value in settings.items()}, **self.settings}

    def on_postgres(self, server: Service) -> Deployment:
        """Return this deployment with metadata and Iceberg catalog in PostgreSQL, each in a database of its own."""
        metadata, catalog = (
            server.create_database(name).replace("postgresql://", "postgresql+psycopg2://") for name in ("airflow", "iceberg")
        )
        connection = {"conn_type": "cv_catalog", "host": catalog, "extra": {"type": "sql", "warehouse": str(self.home / "warehouse")}}
        settings = {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata, "AIRFLOW_CONN_CV_CATALOG_DEFAULT": json.dumps(connection)}
        deployment = replace(self, settings={**self.settings, **settings})
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(command, env=deployment.environment, check=True, capture_output=True, timeout=300)
        return deployment

    def run(
        self, dag_id: str, *, logical_date: str | None = "2026-11-05", conf: Mapping[str, Any] | None = None, **environment: str
    ) -> Run:
        """Run a DAG once, as ``dag.test()`` in a process of its own."""
        events, out = self.home / "events.jsonl", self.home / "run.json"
        events.unlink(missing_ok=True)
        out.unlink(missing_ok=True)
        command = [sys.executable, str(PROJECT / "scripts" / "run_dag.py"), str(self.home / "dags" / f"{dag_id}.py"), "--out", str(out)]
        command += ["--logical-date", f"{logical_date}T00:00:00+00:00"] if logical_date else []
        command += ["--conf", json.dumps(conf)] if conf else []
        done = subprocess.run(command, env={**self.environment, **environment}, capture_output=True, text=True, timeout=600)
        log = done.stdout + done.stderr
        (self.home / f"{dag_id}.log").write_text(log)
        assert out.exists(), f"{dag_id} left no result; log in {self.home / f'{dag_id}.log'}:\n{log[-3000:]}"
        result = json.loads(out.read_text())
        lines = events.read_text().splitlines() if events.exists() else []
        return Run(result["state"], result["tasks"], result["xcom"], [json.loads(line) for line in lines], log)

    def dataset(self, name: str) -> Dataset:
        if connection := self.settings.get("AIRFLOW_CONN_CV_CATALOG_DEFAULT"):
            described = json.loads(connection)
            return open_dataset(name, catalog={"uri": described["host"], **described["extra"]})
        return open_dataset(name, home=str(self.home / "cv_dataops"))


def deploy(migrated_home: Path, folder: Path) -> Deployment:
    """Make an Airflow home in a folder, with the example DAGs and the DAGs of these tests."""
    home = folder / "airflow_home"
    home.mkdir()
    shutil.copy(migrated_home / "airflow.db", home / "airflow.db")
    (home / "dags").mkdir()
    for file in (*EXAMPLES.glob("*.py"), *DAGS.glob("*.py")):
        shutil.copy(file, home / "dags" / file.name)
    return Deployment(home)
