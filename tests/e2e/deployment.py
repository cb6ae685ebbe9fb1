"""An Airflow home with the example DAGs: what it is set to, and its DAGs run once, in a process of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from event_receiver import Taken
from processes import PATIENCE_SECONDS
from services import Service

from airflow_cv_dataops.core.dataset import Dataset, open_dataset

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "example_dags"
DAGS = Path(__file__).parent / "dags"


@dataclass(frozen=True)
class Run:
    """What one DAG run left behind.

    :param events: of lineage.
    :param assets: the asset events of its tasks, with name, uri, task_id, map_index and extra.
    """

    state: str
    tasks: Mapping[str, str]
    xcom: Mapping[str, Any]
    events: list[dict[str, Any]]
    log: str
    assets: Sequence[Mapping[str, Any]] = ()

    def task_events(self, task_id: str, event_type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["job"]["name"].endswith(f".{task_id}") and event["eventType"] == event_type]


@dataclass(frozen=True)
class Deployment:
    """An Airflow home with its settings.

    :param settings: environment beside, or instead of, what every deployment here has.
    :param runs: the process in which DAGs run once, where that is wanted.
    """

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    runs: DagRuns | None = None

    @property
    def own_environment(self) -> dict[str, str]:
        """What the DAGs of this deployment find their data by."""
        return {"AIRFLOW__CV_DATAOPS__HOME": str(self.home / "cv_dataops"), "CV_DATAOPS_LANDING": str(self.home / "landing")}

    @property
    def environment(self) -> dict[str, str]:
        settings = {
            **self.own_environment,
            "AIRFLOW_HOME": self.home,
            "AIRFLOW__CORE__DAGS_FOLDER": self.home / "dags",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": PATIENCE_SECONDS,
            "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": PATIENCE_SECONDS,
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

    def run(self, dag_id: str, *, logical_date: str | None = "2026-11-05", conf: Mapping[str, Any] | None = None) -> Run:
        """Run a DAG once, as ``dag.test()``, in the process of all such runs."""
        assert self.runs is not None, "this deployment has no process for single runs"
        request = {
            "logical_date": f"{logical_date}T00:00:00+00:00" if logical_date else None,
            "conf": dict(conf or {}),
        }
        return self.runs.run({**request, "file": str(self.runs.dags / f"{dag_id}.py"), "environment": self.own_environment})

    def dataset(self, name: str) -> Dataset:
        if connection := self.settings.get("AIRFLOW_CONN_CV_CATALOG_DEFAULT"):
            described = json.loads(connection)
            return open_dataset(name, catalog={"uri": described["host"], **described["extra"]})
        return open_dataset(name, home=str(self.home / "cv_dataops"))


class DagRuns:
    """A process of scripts/run_dags.py, in which DAGs run one after the other: Airflow takes some ten seconds of CPU to start.

    :param deployment: Airflow's home, with a migrated database.
    :param transport: where lineage goes.
    :param taken: what has arrived there, where it is known: see ``receive_events``.
    """

    def __init__(self, deployment: Deployment, transport: Mapping[str, Any], taken: Sequence[Taken] = ()) -> None:
        self._environment = {**deployment.environment, "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)}
        self._log = deployment.home / "runs.log"
        self._process: subprocess.Popen[str] | None = None
        self.dags = deployment.home / "dags"
        self.taken = taken

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.communicate()  # closes its stdin, at which it ends

    def run(self, request: Mapping[str, Any]) -> Run:
        """Run one DAG. :param request: what scripts/run_dags.py takes."""
        process = self._running()
        assert process.stdin
        assert process.stdout
        before, already_taken = self._log.stat().st_size, len(self.taken)
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        with self._log.open() as file:
            file.seek(before)
            log = file.read()
        if not answer:
            process.wait()
            raise AssertionError(f"{request['file']} left no result; log in {self._log}:\n{log[-3000:]}")
        result = json.loads(answer)
        events = [request.event for request in self.taken[already_taken:]]
        return Run(result["state"], result["tasks"], result["xcom"], events, log, result["assets"])

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, str(PROJECT / "scripts" / "run_dags.py")]
            with self._log.open("w") as log:
                self._process = subprocess.Popen(
                    command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
                )
        return self._process


def deploy(migrated_home: Path, folder: Path, runs: DagRuns | None = None) -> Deployment:
    """Make an Airflow home in a folder, with the example DAGs and the DAGs of these tests."""
    home = folder / "airflow_home"
    home.mkdir()
    shutil.copy(migrated_home / "airflow.db", home / "airflow.db")
    (home / "dags").mkdir()
    for file in (*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.yaml"), *DAGS.glob("*.py")):
        shutil.copy(file, home / "dags" / file.name)
    return Deployment(home, runs=runs)
