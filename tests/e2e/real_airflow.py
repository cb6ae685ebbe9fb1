"""A real Airflow in processes of its own, by default one: ``airflow standalone``, which has everything and LocalExecutor."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

PATIENCE_SECONDS = 180


class RealAirflow:
    """Starts on entering, stops (with everything it started) on leaving; talks to Airflow through its REST API.

    A subclass may start other commands (``COMMANDS``), each a process group with a log in AIRFLOW_HOME.

    :param environment: settings, AIRFLOW_HOME among them.
    :param users: role by name, ``admin`` among them; ``None``: whoever comes is an administrator.
    """

    COMMANDS: Sequence[str] = ("standalone",)

    def __init__(self, environment: Mapping[str, str], users: Mapping[str, str] | None = None) -> None:
        self._home = Path(environment["AIRFLOW_HOME"])
        self._passwords = self._home / "simple_auth_manager_passwords.json.generated" if users else None
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.port = free_port()
        self._environment = {
            "AIRFLOW__CORE__PARALLELISM": "4",
            **environment,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")]),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": f"http://localhost:{self.port}",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{self.port}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(not users),
            **({"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in users.items())} if users else {}),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGERER_LOG_SERVER_PORT": str(free_port()),
            # A task whose process was killed is to be found within seconds.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            # The DAGs of a test do not change: once parsed, they are not parsed again every half minute.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
        }
        self._token: str | None = None

    def __enter__(self) -> Self:
        try:
            for command in self.COMMANDS:
                self.start(command, command)
            self.wait_for("Airflow to be healthy", self._is_healthy)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            send(process, signal.SIGTERM)
        time.sleep(3)
        for process in self._processes.values():
            send(process, signal.SIGKILL)
            process.wait()

    def start(self, name: str, *arguments: str, **environment: str) -> None:
        """Start one command of Airflow's, with its output in ``<name>.log``."""
        with self.log_of(name).open("w") as output:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *arguments],
                env={**self._environment, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log_of(self, name: str) -> Path:
        return self._home / f"{name}.log"

    @property
    def log(self) -> Path:
        """The first command's log."""
        return self.log_of(self.COMMANDS[0])

    @property
    def pid(self) -> int:
        """The first command's process."""
        return self._processes[self.COMMANDS[0]].pid

    def trigger(self, dag_id: str, *, conf: Mapping[str, Any] | None = None, logical_date: str | None = None) -> str:
        """Wait until the DAG is known, unpause and trigger it, and return the run id."""
        self.unpause(dag_id)
        answer = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": logical_date, "conf": dict(conf or {})})
        return answer["dag_run_id"]

    def unpause(self, dag_id: str) -> None:
        """Wait until the DAG is known, and unpause it."""
        self.wait_for(f"{dag_id} to be parsed", lambda: self._get(f"/api/v2/dags/{dag_id}") is not None)
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def wait_for_run(self, dag_id: str, run_id: str, patience_seconds: float = 600) -> str:
        """Return the final state of a run."""

        def finished() -> str | None:
            state = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
            return state if state in ("success", "failed") else None

        return self.wait_for(f"{run_id} to end", finished, patience_seconds)

    def backfill_by_command(self, dag_id: str, first: str, last: str, *options: str, wait: bool = True) -> str:
        """Run ``airflow backfill create`` for a range of days, and return what it printed.

        :param options: such as ``--reprocess-behavior``, ``completed``. :param wait: until the backfill is done.
        """
        self.unpause(dag_id)
        printed = self.command("backfill", "create", "--dag-id", dag_id, "--from-date", first, "--to-date", last, *options)
        if wait:
            self.wait_for_backfills(dag_id)
        return printed

    def command(self, *arguments: str) -> str:
        """Run a command of Airflow's to its end, and return what it printed."""
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait_for_backfills(self, dag_id: str, patience_seconds: float = 900) -> None:
        """Wait until every backfill of a DAG is done."""

        def done() -> bool:
            backfills = self.call("GET", f"/api/v2/backfills?dag_id={dag_id}")["backfills"]
            return bool(backfills) and all(backfill["completed_at"] for backfill in backfills)

        self.wait_for(f"the backfill of {dag_id}", done, patience_seconds)

    def dags(self) -> list[dict[str, Any]]:
        return self._all("/api/v2/dags", "dags")

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        return self._all(f"/api/v2/dags/{dag_id}/dagRuns?order_by=run_after", "dag_runs")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run, or with ``~`` of all runs."""
        return self._all(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def _all(self, path: str, kind: str) -> list[dict[str, Any]]:
        """Return what a path lists, page by page: Airflow gives a hundred at most, however many are asked for."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", f"{path}{'&' if '?' in path else '?'}limit=100&offset={len(found)}")
            found += page[kind]
            if len(found) >= page["total_entries"] or not page[kind]:
                return found

    def wait_for(self, what: str, condition: Callable[[], Any], patience_seconds: float = PATIENCE_SECONDS) -> Any:
        """Return what the condition returns, once that is true."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            for name, process in self._processes.items():
                assert process.poll() is None, f"airflow {name} ended while waiting for {what}; see {self.log_of(name)}"
            if found := condition():
                return found
            time.sleep(1)
        raise AssertionError(f"waited {patience_seconds:.0f} s for {what}; see {self.log}:\n{self.log.read_text()[-3000:]}")

    def _is_healthy(self) -> bool:
        health = self._get("/api/v2/monitor/health", authorized=False)
        return health is not None and all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def _get(self, path: str, *, authorized: bool = True) -> Any:
        try:
            return self.call("GET", path, authorized=authorized)
        except OSError:
            return None

    def call(self, method: str, path: str, body: Any = None, *, authorized: bool = True) -> Any:
        """Ask the REST API as the administrator. :raises OSError: it refuses."""
        headers = {"Content-Type": "application/json"}
        if authorized:
            headers["Authorization"] = f"Bearer {self._login()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise OSError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error

    def _login(self) -> str:
        if self._token is None:
            self._token = self.token("admin")
        return self._token

    def token(self, user: str) -> str:
        """Log a user in, and return what a browser then has as its cookie ``_token``."""
        body = None
        if self._passwords:
            body = json.dumps({"username": user, "password": self.password(user)}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/auth/token", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["access_token"]

    def password(self, user: str) -> str:
        """Return what a user, one of ``users``, types into the login form."""
        assert self._passwords is not None, "this Airflow was started without users"
        password: str = json.loads(self._passwords.read_text())[user]
        return password


def send(process: subprocess.Popen[bytes], kind: signal.Signals) -> None:
    """Send a signal to a process that has a session of its own, and to all that it started there."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, kind)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
