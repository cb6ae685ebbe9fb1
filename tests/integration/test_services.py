"""scripts/services: PostgreSQL, Redis and S3 come up, answer, survive a second start, and go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from project import PROJECT_ROOT

pytestmark = [pytest.mark.integration, pytest.mark.servers]

NAMES = ("postgres", "redis", "s3")


@pytest.fixture
def services(tmp_path, service):
    """Run scripts/services with a state folder of the test's own; whatever it started is gone afterwards."""
    for name in NAMES:
        service(name)  # skips, saying why, where this machine cannot have it
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MARQUEZ")}
    environment = {**kept, "CV_DATAOPS_SERVICES": str(tmp_path / "services")}

    def call(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(PROJECT_ROOT / "scripts" / "services"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, **options)

    yield call
    call("stop")


def state(folder: Path) -> dict:
    return json.loads((folder / "services" / "services.json").read_text())


def has_process(pid: int) -> bool:
    """Return whether a process runs; one that has ended and that nobody has asked for is none."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_second_start_changes_nothing_and_a_dead_server_comes_back(services, tmp_path):
    assert services("start", *NAMES).returncode == 0
    first = state(tmp_path)["services"]
    assert services("start", *NAMES).returncode == 0
    assert state(tmp_path)["services"] == first

    os.killpg(first["redis"]["pid"], signal.SIGKILL)
    assert services("status").returncode == 1
    assert services("start", *NAMES).returncode == 0
    second = state(tmp_path)["services"]
    assert second["redis"]["pid"] != first["redis"]["pid"]
    assert second["postgres"] == first["postgres"]

    assert services("stop").returncode == 0
    for name in NAMES:
        assert not has_process(second[name]["pid"]), name
    assert not Path(second["postgres"]["data"]).exists()
    assert (tmp_path / "services" / "postgres.log").stat().st_size > 0


def test_run_hands_on_the_exit_code_and_stops_what_nobody_else_uses(services, tmp_path):
    look = "import json, os, sys; sys.exit(len(json.load(open(os.environ['CV_DATAOPS_SERVICES'] + '/services.json'))['services']))"
    assert services("run", "redis", "s3", "--", sys.executable, "-c", look).returncode == 2
    assert state(tmp_path) == {"holders": [], "services": {}}


def test_what_cannot_be_had_is_told_and_no_failure_unless_it_was_asked_for(services):
    everything = services("start")
    assert everything.returncode == 0
    assert "marquez:  this machine lacks Marquez" in everything.stdout
    assert services("start", "marquez").returncode == 1


def test_a_command_that_is_not_there_is_told_and_leaves_no_server_behind(services, tmp_path):
    done = services("run", "redis", "--", "no-such-command")
    assert (done.returncode, done.stderr.strip()) == (127, "cannot run no-such-command: No such file or directory")
    assert state(tmp_path) == {"holders": [], "services": {}}


def test_who_stops_servers_under_a_run_is_told(services, tmp_path):
    assert services("status").stdout == "no server was started\n"
    assert services("stop").stdout == "nothing was running\n"
    script = f"{sys.executable} {PROJECT_ROOT / 'scripts' / 'services'} stop"
    done = services("run", "redis", "--", "sh", "-c", script)
    assert done.returncode == 0
    assert "stopped: redis\n" in done.stdout
    assert "warning: runs still used them: process " in done.stderr


def test_the_first_of_two_runs_leaves_the_servers_to_the_second(services, tmp_path):
    environment = {**os.environ, "CV_DATAOPS_SERVICES": str(tmp_path / "services")}
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / "services"), "run", "redis", "--", "sh", "-c", "read _"]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as long:
        deadline = time.monotonic() + 60
        while not (tmp_path / "services" / "services.json").exists() or "redis" not in state(tmp_path)["services"]:
            assert time.monotonic() < deadline, "redis did not start"
            time.sleep(0.05)
        redis = state(tmp_path)["services"]["redis"]
        assert services("run", "redis", "--", "true").returncode == 0
        assert state(tmp_path)["services"]["redis"] == redis
        assert has_process(redis["pid"])
        long.communicate("\n", timeout=60)
    assert state(tmp_path) == {"holders": [], "services": {}}


def test_a_server_that_hangs_is_replaced(services, tmp_path):
    assert services("start", "redis").returncode == 0
    hanging = state(tmp_path)["services"]["redis"]
    os.killpg(hanging["pid"], signal.SIGSTOP)
    assert services("start", "redis").returncode == 0
    assert state(tmp_path)["services"]["redis"]["pid"] != hanging["pid"]
    assert not has_process(hanging["pid"])


def test_a_server_that_is_slow_for_a_moment_is_left_to_those_who_work_with_it(services, tmp_path):
    assert services("start", "redis").returncode == 0
    slow = state(tmp_path)["services"]["redis"]
    os.killpg(slow["pid"], signal.SIGSTOP)
    goes_on = threading.Timer(4, os.killpg, (slow["pid"], signal.SIGCONT))
    goes_on.start()
    assert services("start", "redis").returncode == 0
    goes_on.join()
    assert state(tmp_path)["services"]["redis"] == slow


def test_a_run_that_is_told_to_end_leaves_no_server_behind_that_it_was_starting(services, tmp_path):
    program, pid_file = tmp_path / "redis-server", tmp_path / "pid"
    program.write_text(f"#!/bin/sh\necho $$ >{pid_file}\nexec sleep 600\n")
    program.chmod(0o755)
    environment = {**os.environ, "CV_DATAOPS_SERVICES": str(tmp_path / "services"), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / "services"), "run", "redis", "--", "true"]
    with subprocess.Popen(command, env=environment) as run:
        deadline = time.monotonic() + 60
        while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        run.terminate()
        assert run.wait(60) == 128 + signal.SIGTERM
    assert not has_process(int(pid_file.read_text()))


def test_a_run_that_is_told_to_end_stops_its_servers(services, tmp_path):
    environment = {**os.environ, "CV_DATAOPS_SERVICES": str(tmp_path / "services")}
    command = [sys.executable, str(PROJECT_ROOT / "scripts" / "services"), "run", "redis", "--", "sh", "-c", "echo up; exec sleep 600"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert any(line == "up\n" for line in run.stdout), "it ended before its command ran"
        redis = state(tmp_path)["services"]["redis"]
        run.terminate()
        assert run.wait(60) == 128 + signal.SIGTERM
    assert not has_process(redis["pid"])
    assert state(tmp_path) == {"holders": [], "services": {}}


def test_another_process_that_has_a_servers_number_by_now_is_left_alone(services, tmp_path):
    """As after a reboot, with the state of before."""
    assert services("start", "redis").returncode == 0
    known = state(tmp_path)
    assert services("stop").returncode == 0
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
        known["services"]["redis"]["pid"] = other.pid
        (tmp_path / "services" / "services.json").write_text(json.dumps(known))
        assert services("status").returncode == 1
        assert services("start", "redis").returncode == 0
        assert state(tmp_path)["services"]["redis"]["pid"] != other.pid
        assert services("stop").returncode == 0
        assert other.poll() is None
        other.kill()


def test_postgres_takes_connections_with_its_password_alone(service):
    import psycopg2

    server = service("postgres")
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(host=server.facts["host"], port=server.facts["port"], user=server.facts["user"], dbname="postgres")
    connection = psycopg2.connect(server.create_database("mine"))
    cursor = connection.cursor()
    cursor.execute("SELECT current_database()")
    assert cursor.fetchone()[0].startswith("mine_")
    connection.close()


def test_redis_wants_its_password(service):
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    server = service("redis")
    assert redis.from_url(server.url).ping()
    once = Retry(NoBackoff(), 0)  # by default the client asks again, for many seconds
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(server.facts["host"], server.facts["port"], retry=once).ping()
