"""Temporary files of processes that were killed go when the next one is made; those in use stay."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from airflow_cv_dataops.core.store.temporary_file import TemporaryFile

KILLED = """
import os, signal
import pyarrow as pa
from airflow_cv_dataops.core.store.files import _Staged

rows = pa.table({"number": [1, 2, 3]})
staged = _Staged(rows.schema)
staged.write(rows)
print(staged.path, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def age(path: str | Path) -> None:
    os.utime(path, (1, 1))


def test_rows_that_a_killed_task_had_staged_are_removed_by_the_next(scratch: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True)
    left = done.stdout.strip()
    assert os.path.exists(left), done.stderr
    mine, other = TemporaryFile(".parquet"), scratch / "cv_dataops_young.parquet"
    foreign = scratch / "cv_dataops_catalog.db"
    foreign.touch()
    age(foreign)
    other.touch()
    age(left)
    age(mine.path)
    assert os.path.exists(left)
    second = TemporaryFile(".archive")
    assert not os.path.exists(left)
    assert os.path.exists(mine.path)
    assert other.exists()
    for file in (mine, second, second):
        file.remove()
    assert sorted(os.listdir(scratch)) == [foreign.name, other.name]
