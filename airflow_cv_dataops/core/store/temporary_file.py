"""A temporary file that goes with the process that made it, at the latest when the next one is made on the machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

_PREFIX = "cv_dataops_"
_SUFFIXES = (".archive", ".parquet")
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


def _remove_orphans() -> None:
    """Remove files that nobody has locked. A young one may be about to be locked."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if path.suffix not in _SUFFIXES:
            continue
        with contextlib.suppress(OSError):  # another user's, locked, or just removed by someone else
            if time.time() - path.stat().st_mtime < _YOUNG_SECONDS:
                continue
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)
