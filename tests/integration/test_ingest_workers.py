"""Worker processes of an ingest: they end with whoever started them, and know no secret."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration.faulty_decoder import MakeDataset, source
from processes import PATIENCE_SECONDS, wait_for

from airflow_cv_dataops.core.dataset import open_dataset
from airflow_cv_dataops.core.errors import CvDataOpsError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.workers import pool

__all__ = ["source"]

pytestmark = pytest.mark.integration


def test_workers_end_with_their_parent_even_if_they_hang(source: Path, tmp_path: Path) -> None:
    (source / "bad.jpg").write_text("hang")
    code = "import sys; from test_ingest_workers import ingest_for_ever; ingest_for_ever(*sys.argv[1:])"
    paths = [str(Path(__file__).parent), str(tmp_path / "site"), *filter(None, sys.path)]
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "home"), str(source)], env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    )
    try:
        workers = wait_for(lambda: children(parent.pid))
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not any(map(is_running, workers)))


def ingest_for_ever(home: str, source: str, timeout_seconds: float = 4) -> None:
    ingest_images(open_dataset("digits", home=home), "a", source, IngestSettings(timeout_seconds=timeout_seconds), workers=1)


def is_running(process: str) -> bool:
    """Tell whether a process is there and no zombie, which it stays where nobody waits for it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(process: int) -> list[str]:
    found = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            found += (task / "children").read_text().split()
    return found


def test_an_interrupted_run_leaves_no_workers(make_dataset: MakeDataset, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []
    start = pool.WorkerPool._start
    monkeypatch.setattr(pool.WorkerPool, "_start", lambda self: started.append(process := start(self)) or process)
    for path in source.iterdir():
        path.unlink()
    (source / "bad.jpg").write_text("hang")
    with pytest.raises(KeyboardInterrupt):
        interrupted(
            lambda: ingest_images(make_dataset(), "a", str(source), IngestSettings(timeout_seconds=PATIENCE_SECONDS)),
            once=lambda: any(process._position[0] == 0 for process in started),  # the first file is in its hand
        )
    assert all(process._process.poll() is not None for process in started)


def test_a_pool_that_is_closed_starts_no_process_any_more(source: Path) -> None:
    job = {"source": {"kind": "prefix", "uri": str(source), "options": {}, "max_bytes": 1}, "objects": None}
    workers = pool.WorkerPool({**job, "parameters": IngestParameters().to_json()}, 1)
    with workers:
        started = set(workers._started)
        workers._processes.get()
        workers._processes.put(None)  # as a thread leaves it whose process has died over a file
    with pytest.raises(CvDataOpsError, match="given up"):
        workers._verdict(["a.png", "file:///a.png", 1, None, None], pool._WorkerDiedError(0, -9, 1.0, ""))
    with pytest.raises(CvDataOpsError, match="given up"):
        workers._start()
    assert workers._started == started


def interrupted(work: Callable[[], object], *, once: Callable[[], bool]) -> None:
    """Do the work in this, the main thread, and interrupt it once a condition holds."""
    previous = signal.signal(signal.SIGUSR1, interrupt)
    here = threading.get_ident()
    threading.Thread(target=lambda: wait_for(once) and signal.pthread_kill(here, signal.SIGUSR1), daemon=True).start()
    try:
        work()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_daemonic_process_as_celery_has_them_can_ingest(source: Path, tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=ingest_for_ever, args=(str(tmp_path / "home"), str(source), PATIENCE_SECONDS), daemon=True
    )
    process.start()
    process.join(PATIENCE_SECONDS)
    assert process.exitcode == 0


def told_by_kernel(process: pool._Process, name: str) -> bytes:
    """Return a file of ``/proc``: empty from where exec closes files, on which ``Popen`` returns, until the program is laid out."""
    told: bytes = wait_for(Path(f"/proc/{process._process.pid}/{name}").read_bytes)
    return told


def test_credentials_stand_neither_in_the_command_nor_in_the_environment_of_a_worker(source: Path) -> None:
    job = {
        "source": {"kind": "prefix", "uri": "s3://bay", "options": {"secret": "hush"}},
        "objects": None,
        "parameters": IngestParameters().to_json(),
    }
    process = pool._Process(job)
    try:
        for name in ("cmdline", "environ"):
            assert b"hush" not in told_by_kernel(process, name)
    finally:
        process.dismiss(at_once=True)
        process.wait()


def test_a_worker_does_not_get_the_secrets_of_the_deployment(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRFLOW_CONN_LAKE", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD"):
        monkeypatch.setenv(name, "hush")
    job = {"source": {"kind": "prefix", "uri": source.as_uri(), "options": {}}, "objects": None, "parameters": {}}
    process = pool._Process(job)
    try:
        environment = told_by_kernel(process, "environ")
        assert b"PYTHONPATH=" in environment
        assert b"hush" not in environment
    finally:
        process.dismiss(at_once=True)
        process.wait()


def test_a_worker_imports_nothing_that_makes_its_start_slow() -> None:
    code = "import sys, airflow_cv_dataops.core.imaging.ingest.workers.worker; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"airflow", "pandas", "pyarrow", "pyiceberg", "obstore", "openlineage"} & set(loaded)
