"""An archive as one local file that can be read at any place, whatever it took to get it."""

from __future__ import annotations

import errno
import os
import stat
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.imaging.sources.archive_members import ArchiveLimits
from airflow_cv_dataops.core.imaging.sources.decompression import COMPRESSIONS, CorruptStreamError, decompressed
from airflow_cv_dataops.core.store.objects import ObjectInfo, local_path, without_credentials
from airflow_cv_dataops.core.store.remote import RemoteObjects
from airflow_cv_dataops.core.store.temporary_file import TemporaryFile
from airflow_cv_dataops.core.wording import readable

REPLACED = "the archive has been changed since it was listed"
_CHUNK_BYTES = 1024 * 1024
_LONGEST_MAGIC = max(map(len, COMPRESSIONS))


class ArchiveFile:
    """The archive where it is, or a temporary copy of it that this process owns.

    :param is_tar: decompress it first where its content is compressed.
    :param local_copy: what :meth:`prepared` returned in another process.
    """

    def __init__(
        self, uri: str, options: Mapping[str, Any], limits: ArchiveLimits, *, is_tar: bool, local_copy: Mapping[str, Any] | None
    ) -> None:
        self._uri = uri
        self._public_uri = without_credentials(uri)
        self._options = options
        self._limits = limits
        self._is_tar = is_tar
        self._lock = threading.Lock()
        self._path: str | None = None
        self._info: ObjectInfo | None = None
        self._opened: tuple[int, int] | None = None
        self._remove: weakref.finalize | None = None
        if local_copy is not None and os.path.exists(local_copy["path"]):
            self._path = local_copy["path"]
            self._info = ObjectInfo("", self._public_uri, None, local_copy["etag"])

    def prepare(self) -> None:
        """Make the local file, if need be."""
        self._prepare()

    def prepared(self) -> dict[str, Any] | None:
        """Return what opens the local file in another process: its path, and the archive's entity tag; ``None``: it is not made yet."""
        return None if self._path is None else {"path": self._path, "etag": self.info.etag}

    def identity(self) -> dict[str, Any] | None:
        """Return what tells this version of an archive in an object store from any other, without reading it; ``None``: nothing does."""
        if self._uri.startswith("file://"):
            return None
        root, _, name = self._uri.rpartition("/")
        try:
            found = RemoteObjects(root, self._options).head(name)
        except OSError:
            return None  # a store that answers no such question may well give the archive
        if found.etag is None:
            return None
        return {"uri": self._public_uri, "size": found.size, "etag": found.etag, "modified_at": str(found.modified_at)}

    @property
    def path(self) -> str:
        self._prepare()
        assert self._path is not None
        return self._path

    @property
    def info(self) -> ObjectInfo:
        """What the archive is, as its store lists it."""
        self._prepare()
        assert self._info is not None
        return self._info

    def open(self) -> IO[bytes]:
        """Open the local file from its beginning."""
        return open(self.path, "rb")

    def read(self, offset: int, size: int) -> bytes:
        """Return ``size`` bytes at a place; any number of threads and forked processes may read at once.

        :raises OSError: the archive ends before, is gone, or has been changed where it is read in place.
        """
        descriptor = self._descriptor()
        if self._is_in_place and _etag(os.fstat(descriptor)) != self.info.etag:
            raise OSError(errno.ESTALE, REPLACED)
        parts: list[bytes] = []
        while size:
            part = os.pread(descriptor, size, offset)
            if not part:
                raise OSError("the archive ends in the middle of the member")
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Close the file, and remove it where it is this process's own copy."""
        with self._lock:
            if self._opened is not None and self._opened[0] == os.getpid():
                os.close(self._opened[1])
            self._opened = self._path = None
        if self._remove is not None:
            self._remove()

    @property
    def _is_in_place(self) -> bool:
        return self._uri.startswith("file://") and self._path == local_path(self._uri)

    def _descriptor(self) -> int:
        path = self.path
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = (os.getpid(), os.open(path, os.O_RDONLY | os.O_CLOEXEC))
            return self._opened[1]

    def _prepare(self) -> None:
        with self._lock:
            if self._path is None:
                try:
                    self._path, self._info = self._local() if self._uri.startswith("file://") else self._downloaded()
                except CorruptStreamError as error:
                    raise SourceError(f"Cannot decompress the archive {readable(self._public_uri)}: {error}.") from error
                except OSError as error:
                    raise SourceError(f"Cannot read the archive {readable(self._public_uri)}: {error}") from error

    def _local(self) -> tuple[str, ObjectInfo]:
        path = local_path(self._uri)
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise OSError(f"{path} is not a regular file")
            info = _info_of(self._public_uri, found)
            magic = file.read(_LONGEST_MAGIC)
            if not self._is_tar or not magic.startswith(tuple(COMPRESSIONS)):
                return path, info
            file.seek(0)
            return self._copied(iter(lambda: file.read(_CHUNK_BYTES), b"")), info

    def _downloaded(self) -> tuple[str, ObjectInfo]:
        root, _, name = self._uri.rpartition("/")
        found, chunks = RemoteObjects(root, self._options).get(name)
        if (found.size or 0) > self._limits.max_temporary_bytes:
            raise self._too_large(found.size or 0)
        return self._copied(chunks), replace(found, uri=self._public_uri)

    def _bounded(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        for chunk in chunks:
            size += len(chunk)
            if size > self._limits.max_temporary_bytes:
                raise self._too_large(size)
            yield chunk

    def _too_large(self, size: int) -> OSError:
        most = self._limits.max_temporary_bytes
        return OSError(f"a temporary copy of {size:,} bytes or more would be larger than {most:,} (max_temporary_bytes)")

    def _copied(self, chunks: Iterator[bytes]) -> str:
        """Write a stream to a temporary file of this process, a compressed tar decompressed."""
        copy = TemporaryFile(".archive")
        self._remove = weakref.finalize(self, copy.remove)
        try:
            copy.write(self._bounded(decompressed(chunks, self._limits) if self._is_tar else chunks))
        except BaseException:
            self._remove()
            raise
        return copy.path


def _info_of(uri: str, found: os.stat_result) -> ObjectInfo:
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return ObjectInfo("", uri, found.st_size, _etag(found), None, modified_at, modified_at)


def _etag(found: os.stat_result) -> str:
    """Return the entity tag of a local file, as a listing of its folder gives it."""
    return f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
