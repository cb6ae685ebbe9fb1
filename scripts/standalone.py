"""Start a real Airflow (``airflow standalone``) in ``.airflow/`` with the example DAGs, and print address and login."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("CV_DATAOPS_AIRFLOW", PROJECT / ".airflow"))
PORT = os.environ.get("PORT", "8080")
PATIENCE_SECONDS = 180


def main() -> int:
    HOME.mkdir(parents=True, exist_ok=True)
    (HOME / "lineage").mkdir(exist_ok=True)
    log = HOME / "standalone.log"
    print(f"Starting Airflow in {HOME}; log in {log}", flush=True)
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"], env=environment(), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        if not wait_until_healthy(process):
            print(f"Airflow did not come up; see {log}", file=sys.stderr)
            return 1
        print_login()
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        process.terminate()
        process.wait()


def environment() -> dict[str, str]:
    settings = {
        "AIRFLOW_HOME": HOME,
        "AIRFLOW__API__PORT": PORT,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__BASE_URL": f"http://localhost:{PORT}",
        "AIRFLOW__CORE__DAGS_FOLDER": PROJECT / "example_dags",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://localhost:{PORT}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__CV_DATAOPS__HOME": HOME / "cv_dataops",
        "CV_DATAOPS_LANDING": HOME / "landing",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "default",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(
            {"type": "file", "log_file_path": str(HOME / "lineage" / "events.jsonl"), "append": True}
        ),
    }
    # Settings that are there already win: a transport to a real Marquez, another database, other DAGs. But not the home of
    # somebody's own Airflow. The parts of Airflow that standalone starts are found beside this Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**{name: str(value) for name, value in settings.items()}, **os.environ, "AIRFLOW_HOME": str(HOME), "PATH": path}


def wait_until_healthy(process: subprocess.Popen) -> bool:  # type: ignore[type-arg]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/v2/monitor/health", timeout=5) as answer:
                health = json.load(answer)
            if all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
                return True
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            pass
        time.sleep(1)
    return False


def print_login() -> None:
    generated = HOME / "simple_auth_manager_passwords.json.generated"
    print(f"\n  Airflow:   http://localhost:{PORT}")
    if generated.exists():  # it does not where the deployment's own settings bring another login, or none
        for user, password in json.loads(generated.read_text()).items():
            print(f"  login:     {user}\n  password:  {password}\n")
    print("Unpause digits_dataops and trigger it, or backfill it: Trigger > Backfill. Stop with Ctrl-C.", flush=True)


if __name__ == "__main__":
    sys.exit(main())
