"""The label or prediction files of a source: one file, or every file with the right extension below a prefix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.store.objects import ObjectStore, Place, normalize_uri, open_store, read_uri, without_credentials

_READERS = 16
_FILES_PER_BATCH = 512
_NO_OPTIONS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    :param path: below the source prefix, with ``/``; a single file's own name.
    :param uri: without credentials: for rows, findings and lineage.
    """

    path: str
    uri: str


class Source:
    """The files of a source URI. Use :func:`open_source`."""

    def __init__(self, store: ObjectStore, paths: Sequence[str], *, is_file: bool) -> None:
        self._store = store
        self.is_file = is_file
        self.paths = paths

    def file(self, path: str) -> SourceFile:
        return SourceFile(path, without_credentials(self._store.uri_of(path)))

    def select(self, extensions: Sequence[str]) -> list[SourceFile]:
        """Return the files with one of the extensions, by path; a single file whatever its extension."""
        return [self.file(path) for path in self.paths if self.is_file or path.lower().endswith(tuple(extensions))]

    def start(self, file: SourceFile, length: int) -> bytes:
        """Return the first bytes of a file. :raises OSError: it cannot be read."""
        return self._store.read_start(file.path, length)

    def size(self, file: SourceFile) -> int:
        """Return the size of a file in bytes. :raises OSError: it is not there (any more)."""
        size = self._store.size(file.path)
        if size is None:
            raise OSError(f"{file.uri} is not there")
        return size

    def read(self, files: Sequence[SourceFile]) -> Iterator[tuple[SourceFile, bytes | OSError]]:
        """Yield each file, in order, with its bytes or with why it cannot be read; several are read at once."""

        def read_one(file: SourceFile) -> bytes | OSError:
            try:
                return self._store.read(file.path)
            except OSError as error:
                return error

        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(files), _FILES_PER_BATCH):
                batch = files[start : start + _FILES_PER_BATCH]
                yield from zip(batch, pool.map(read_one, batch), strict=True)


def open_source(uri: str, options: Mapping[str, Any] = _NO_OPTIONS) -> Source:
    """Find the files at ``uri``: a file, or a prefix with files below it.

    :raises SourceError: there is nothing, or it cannot be listed.
    """
    uri = normalize_uri(uri)
    parent, _, name = uri.rpartition("/")
    if name and not parent.endswith(":/") and _is_file(parent, name, options):
        return Source(open_store(parent, options), [_own_name(name, parent)], is_file=True)
    store = open_store(uri, options)
    paths = sorted(found.path for found in store.list() if not found.is_folder)
    if not paths:
        raise SourceError(f"There is nothing at {without_credentials(uri)}: expected a file, or a prefix with files below it.")
    return Source(store, paths, is_file=False)


def read_file(place: Place) -> bytes:
    """Return the bytes of one file that an argument names. :raises SourceError: it cannot be read."""
    try:
        return read_uri(place.uri, place.options)
    except OSError as error:
        raise SourceError(f"Cannot read {without_credentials(place.uri)}: {error}") from error


def _is_file(parent: str, name: str, options: Mapping[str, Any]) -> bool:
    """Say whether the URI is a file; where the store refuses to tell, listing it as a prefix says why."""
    from obstore.exceptions import BaseError

    try:
        return open_store(parent, options).size(_own_name(name, parent)) is not None
    except (OSError, BaseError, ConfigurationError):
        return False


def _own_name(name: str, parent: str) -> str:
    """Return a file's name as its store knows it: local URIs are percent-encoded."""
    return unquote(name) if parent.startswith("file://") else name
