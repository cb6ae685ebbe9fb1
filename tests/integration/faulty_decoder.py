"""Pictures, and workers whose decoder does what a file asks for: crashes, hangs, eats memory or lies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings

MakeDataset = Callable[..., Dataset]
PICTURES = 12

# What a worker process imports when it starts: a decoder with the faults that a file asks for.
FAULTY_DECODER = """
import ctypes, os, pathlib, signal, sys
from airflow_cv_dataops.core.imaging.ingest.workers import facts
from airflow_cv_dataops.core.imaging.sources.list_file import ListSource

begin = ListSource.begin

def begin_or_abort(self, info):
    if "abort" in info.path:
        os.abort()
    return begin(self, info)

ListSource.begin = begin_or_abort
real = facts.decode

def decode(data, **arguments):
    if data.startswith(b"segfault"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if data.startswith(b"exit"):
        os._exit(3)
    if data.startswith(b"raise"):
        raise RuntimeError("not foreseen")
    if data.startswith(b"hang"):
        ctypes.PyDLL(None).pause()  # with the interpreter's lock in hand
    if data.startswith(b"spin"):
        while True:
            pass
    if data.startswith(b"stall"):  # as often as it says, before it gets through
        times, mark = data[5:].decode().split(":", 1)
        with open(mark, "a+") as file:
            file.seek(0)
            if len(file.read()) < int(times):
                file.write("x")
                file.flush()
                signal.raise_signal(signal.SIGALRM)  # as if its time were over
    if data.startswith(b"unlucky"):
        with open(data[7:].decode(), "a+") as file:
            file.seek(0)
            times = len(file.read())
            if times < 2:
                file.write("x")
                file.flush()
                signal.raise_signal(signal.SIGKILL if times else signal.SIGALRM)
    if data.startswith(b"eat"):
        bytearray(10**10)
    if data.startswith(b"print"):
        print("x" * 100_000)
        os.write(1, b"y" * 100_000)
    if data.startswith(b"lie"):
        for descriptor in range(3, 20):
            try:
                os.write(descriptor, b"\\x00\\x00\\x00\\x02no")
            except OSError:
                pass
    if data.startswith(b"crowd"):
        mark = pathlib.Path(data[5:].decode())
        if not mark.exists():
            mark.touch()
            raise MemoryError
    if data.startswith(b"once"):
        mark = pathlib.Path(data[4:].decode())
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return real(data, **arguments)

facts.decode = decode
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, and workers whose decoder does what a file asks for."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(FAULTY_DECODER)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(PICTURES):
        Image.effect_noise((40, 30), 20 + number).save(folder / f"{number:02}.png")
    return folder


def ingest(dataset: Dataset, source: Path, *, workers: int | None = None, **settings: Any) -> dict[str, tuple[str, str]]:
    """Ingest, check that all pictures were taken, and return reason and detail of the rejects."""
    ingest_images(dataset, "a", str(source), IngestSettings(**settings), workers=workers, max_reject_ratio=1.0)
    assert dataset.read("images")["file_name"].to_pylist() == sorted(path.name for path in source.glob("[0-9]*.png"))
    return {row["file_name"]: (row["reason"], row["detail"]) for row in dataset.read("rejects").to_pylist()}
