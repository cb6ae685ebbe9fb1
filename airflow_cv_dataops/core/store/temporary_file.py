"""Temporary files and folders that go with the process that made them, at the latest when the next one is made on the machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

_PREFIX = "cv_dataops_"
_FOLDER = ".folder"
_SUFFIXES = (".archive", ".parquet", _FOLDER)
_YOUNG_SECONDS = 60.0


class TemporaryFile:
    """A file below ``TMPDIR``, locked while this process lives; those of processes that were killed are removed first.

    :param suffix: ``.archive`` or ``.parquet``: only files that are named so are ever removed.
    """

    def __init__(self, suffix: str) -> None:
        _remove_orphans()
        self._descriptor, self.path = tempfile.mkstemp(prefix=_PREFIX, suffix=suffix)
        self._pid = os.getpid()
        self._is_there = True
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def write(self, chunks: Iterable[bytes]) -> None:
        """Write all chunks. :raises OSError: the disk is full."""
        with os.fdopen(os.dup(self._descriptor), "wb") as file:
            for chunk in chunks:
                file.write(chunk)

    def remove(self) -> None:
        """Remove the file, if it is still there, but not from a fork of the process that made it."""
        if self._is_there and os.getpid() == self._pid:
            self._is_there = False
            Path(self.path).unlink(missing_ok=True)
            os.close(self._descriptor)


class TemporaryFolder:
    """A folder below ``TMPDIR``, for what a step cannot hold in memory; locked and removed as a :class:`TemporaryFile` is."""

    def __init__(self) -> None:
        _remove_orphans()
        self.path = tempfile.mkdtemp(prefix=_PREFIX, suffix=_FOLDER)
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._pid = os.getpid()
        self._is_there = True
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __enter__(self) -> TemporaryFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the folder and all in it, if it is still there, but not from a fork of the process that made it."""
        if self._is_there and os.getpid() == self._pid:
            self._is_there = False
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._descriptor)


def _remove_orphans() -> None:
    """Remove what nobody has locked. A young one may be about to be locked."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if path.suffix not in _SUFFIXES:
            continue
        with contextlib.suppress(OSError):  # another user's, locked, or just removed by someone else
            if time.time() - path.stat().st_mtime < _YOUNG_SECONDS:
                continue
            is_folder = path.suffix == _FOLDER
            descriptor = os.open(path, (os.O_RDONLY if is_folder else os.O_RDWR) | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path) if is_folder else path.unlink()
            finally:
                os.close(descriptor)
