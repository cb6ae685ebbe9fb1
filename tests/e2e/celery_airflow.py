"""An Airflow whose tasks run in Celery workers, with PostgreSQL for its metadata and Redis as broker."""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import psutil
from real_airflow import RealAirflow, free_port
from services import Service


class CeleryAirflow(RealAirflow):
    """API server, scheduler and DAG processor; workers come by :meth:`start_worker` and go by :meth:`kill_worker`.

    :param service: finds the servers of scripts/services.
    """

    COMMANDS = ("api-server", "scheduler", "dag-processor")  # no triggerer: nothing here defers

    def __init__(self, environment: Mapping[str, str], service: Callable[[str], Service]) -> None:
        database = service("postgres").create_database("airflow").replace("postgresql://", "postgresql+psycopg2://")
        settings = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "32",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__BROKER_URL": service("redis").url,
            "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": json.dumps({"imports": ["airflow_cv_dataops.preload"]}),
            # Short, so that the messages of a killed worker come again while their tasks' second tries are at work or through.
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "60",
            # What `airflow standalone` makes for itself: all processes must have the same.
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        }
        super().__init__({**settings, **environment})
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        subprocess.run(migrate, env=self._environment, check=True, capture_output=True, timeout=300)

    def start_worker(self, name: str, concurrency: int) -> None:
        """Start a worker for so many tasks at once, and wait until it takes some."""
        arguments = ("celery", "worker", "--celery-hostname", name, "--concurrency", str(concurrency))
        self.start(name, *arguments, AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(free_port()))
        self.wait_for(f"worker {name} to be ready", lambda: f"{name} ready" in self.log_of(name).read_text())

    def hold_worker(self, name: str) -> list[psutil.Process]:
        """Suspend a worker with all below it, and return these processes: its pool, the tasks, what they started.

        Each task has a process group of its own, so that the worker's group would not be enough.
        """
        worker = psutil.Process(self._processes[name].pid)
        worker.suspend()  # first, so that it starts nothing meanwhile
        below = worker.children(recursive=True)
        for process in below:
            _send(process, signal.SIGSTOP)
        return [worker, *below]

    def release_worker(self, name: str) -> None:
        for process in self.hold_worker(name):
            _send(process, signal.SIGCONT)

    def kill_worker(self, name: str) -> None:
        """Kill a worker and all below it, as when its machine is lost."""
        for process in self.hold_worker(name):
            _send(process, signal.SIGKILL)
        self._processes.pop(name).wait()

    def backfill(self, dag_id: str, first: str, last: str, **options: Any) -> None:
        """Start a backfill of these days. :param options: such as ``max_active_runs``."""
        self.unpause(dag_id)
        body = {"dag_id": dag_id, "from_date": f"{first}T00:00:00Z", "to_date": f"{last}T00:00:00Z", **options}
        self.call("POST", "/api/v2/backfills", body)


def _send(process: psutil.Process, kind: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(kind)
