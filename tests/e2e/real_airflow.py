"""A real Airflow: ``airflow standalone`` with scheduler, LocalExecutor, DAG processor, triggerer and API server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 180


class RealAirflow:
    """Starts on entering, stops (with everything it started) on leaving; talks to Airflow through its REST API.

    :param environment: settings, AIRFLOW_HOME among them.
    :param users: role by name, ``admin`` among them; ``None``: whoever comes is an administrator.
    """

    def __init__(self, environment: Mapping[str, str], users: Mapping[str, str] | None = None) -> None:
        self._passwords = Path(environment["AIRFLOW_HOME"]) / "simple_auth_manager_passwords.json.generated" if users else None
        self.port = _free_port()
        self.log = Path(environment["AIRFLOW_HOME"]) / "standalone.log"
        self._environment = {
            **environment,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")]),
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__BASE_URL": f"http://localhost:{self.port}",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{self.port}/execution/",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(not users),
            **({"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{name}:{role}" for name, role in users.items())} if users else {}),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
            "AIRFLOW__LOGGING__TRIGGERER_LOG_SERVER_PORT": str(_free_port()),
            # A task whose process was killed is to be found within seconds.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        }
        self._token: str | None = None

    def __enter__(self) -> RealAirflow:
        with self.log.open("w") as output:
            command = [sys.executable, "-m", "airflow", "standalone"]
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            self.wait_for("Airflow to be healthy", self._is_healthy)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, kind)
            except ProcessLookupError:
                break
            time.sleep(3)
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    def trigger(self, dag_id: str, *, conf: Mapping[str, Any] | None = None, logical_date: str | None = None) -> str:
        """Wait until the DAG is known, unpause and trigger it, and return the run id."""
        self.wait_for(f"{dag_id} to be parsed", lambda: self._get(f"/api/v2/dags/{dag_id}") is not None)
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        answer = self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": logical_date, "conf": dict(conf or {})})
        return answer["dag_run_id"]

    def wait_for_run(self, dag_id: str, run_id: str, patience_seconds: float = 600) -> str:
        """Return the final state of a run."""

        def finished() -> str | None:
            state = self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]
            return state if state in ("success", "failed") else None

        return self.wait_for(f"{run_id} to end", finished, patience_seconds)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return self.call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")["task_instances"]

    def wait_for(self, what: str, condition: Callable[[], Any], patience_seconds: float = PATIENCE_SECONDS) -> Any:
        """Return what the condition returns, once that is true."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"Airflow ended while waiting for {what}; see {self.log}"
            if found := condition():
                return found
            time.sleep(0.5)
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
            body = json.dumps({"username": user, "password": json.loads(self._passwords.read_text())[user]}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/auth/token", data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["access_token"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
