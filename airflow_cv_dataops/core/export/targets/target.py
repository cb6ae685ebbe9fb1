"""What every place offers that an export is written to: file by file, each whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from airflow_cv_dataops.core.errors import ConfigurationError

FOLDER = "_export"


class Target:
    """A local folder, or a prefix in an object store. Use :func:`~.opening.open_target`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; ``None`` where there is none."""
        raise NotImplementedError

    def holds(self, path: str, size: int, sha256: str) -> bool:
        """Say whether a file is there as it was written: by its hash where it is local, by its size in an object store."""
        raise NotImplementedError

    def sha256(self, path: str) -> str:
        """Return the hash of a file as it is now. :raises OSError: it cannot be read."""
        return hashlib.sha256(self.read(path)).hexdigest()

    def read(self, path: str) -> bytes:
        """Return the bytes of a file. :raises OSError: it cannot be read."""
        raise NotImplementedError

    def put(self, path: str, data: bytes) -> None:
        """Write a file, whole or not at all."""
        raise NotImplementedError

    def put_file(self, path: str, local_file: Path) -> None:
        """Write a file from a local one, which may be taken away by it."""
        raise NotImplementedError

    def remove(self, path: str) -> None:
        """Remove a file that is there."""
        raise NotImplementedError

    def check_link(self, storage_uri: str) -> None:
        """:raises ConfigurationError: there can be no hard link to a stored image."""
        raise ConfigurationError(f"images='link' makes hard links, and {self.uri} is no local folder: use images='copy'.")

    def link(self, path: str, storage_uri: str) -> None:
        """Put a hard link to a stored image in place. :raises ConfigurationError: there can be none."""
        self.check_link(storage_uri)

    def paths(self) -> Iterator[str]:
        """Yield what lies below, hidden files and what belongs to the export itself apart."""
        raise NotImplementedError

    def clear(self, keep: str) -> None:
        """Remove everything below but one file, and what is hidden at the top (``.git``), which no export has written."""
        raise NotImplementedError

    def close(self) -> None:
        """Remove what this run needed meanwhile."""
