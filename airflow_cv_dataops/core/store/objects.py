"""Files at a prefix, local or in an object store, through one small interface."""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]*)://")
_URI = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*)://(?P<authority>[^/]*)(?P<path>.*)", re.DOTALL)
_HOST = re.compile(r"(\[[^\]]*\]|[^:]*)(:\d+)?")
_CONTAINER_SCHEMES = ("abfs", "abfss", "wasb", "wasbs")
_PATH_SCHEMES = ("file", "s3", "s3a", "s3n", "gs", "gcs", "az", "azure", "adl", "hdfs", "http", "https", *_CONTAINER_SCHEMES)
_DURATION = re.compile(r" in \d+(\.\d+)?(ns|µs|ms|s)\b")
_DEFAULT_OPTIONS: Mapping[str, Any] = {}


@dataclass(frozen=True)
class ObjectInfo:
    """One file of a listing.

    :param path: path below the listed store's root, with ``/``; undecodable bytes of a local name stand as ``\\xNN``.
    :param uri: full URI; a local one is percent-encoded, an object store's key is not.
    :param size: bytes; ``None`` where the store cannot tell (a broken link).
    :param changed_at: when the file came to be as it is; unlike ``modified_at``, a copy that keeps the old time does not hide it.
    """

    path: str
    uri: str
    size: int | None
    etag: str | None = None
    version: str | None = None
    modified_at: datetime | None = None
    changed_at: datetime | None = None


class ObjectStore:
    """A prefix with files below it. Use :func:`open_store`."""

    uri: str

    def list(self) -> Iterator[ObjectInfo]:
        """Yield every file below the prefix, in no particular order.

        :raises SourceError: the prefix cannot be listed (no permission, no such bucket); an absent prefix is just empty.
        """
        raise NotImplementedError

    def read(self, path: str) -> bytes:
        """Return the bytes of one file. :raises OSError: it cannot be read."""
        raise NotImplementedError

    def read_start(self, path: str, length: int) -> bytes:
        """Return the first bytes of one file, up to ``length``. :raises OSError: it cannot be read."""
        raise NotImplementedError

    def fetch(self, info: ObjectInfo) -> bytes:
        """Return the bytes of a file that was listed. :raises OSError: it cannot be read."""
        return self.read(info.path)

    def write(self, path: str, data: bytes) -> str:
        """Write one file whole or not at all, replacing what is there, and return its URI."""
        raise NotImplementedError

    def write_file(self, path: str, local_file: str) -> str:
        """Copy a local file to the path, whole or not at all, without holding it in memory, and return its URI."""
        raise NotImplementedError

    def size(self, path: str) -> int | None:
        """Return the size in bytes of the file at the path, ``None`` where there is none. :raises OSError: the store does not say."""
        raise NotImplementedError

    def uri_of(self, path: str) -> str:
        """Return the full URI of a path below the prefix."""
        raise NotImplementedError


def open_store(uri: str, options: Mapping[str, Any] = _DEFAULT_OPTIONS) -> ObjectStore:
    """Open the prefix ``uri``: ``s3://``, ``gs://``, ``az://`` and whatever else obstore takes, ``file://``, or a local path.

    :param options: obstore's configuration for the scheme (keys, endpoint, region); ignored for local paths.
    :raises ConfigurationError: obstore cannot make a store of the URI.
    """
    uri = normalize_uri(uri)
    if uri.startswith("file://"):
        return _LocalStore(uri)
    return _RemoteStore(uri, options)


def read_uri(uri: str, options: Mapping[str, Any] = _DEFAULT_OPTIONS, *, max_bytes: int | None = None) -> bytes:
    """Return the bytes of the file at ``uri``. :raises OSError: it cannot be read, or is larger than ``max_bytes``."""
    parent, _, name = normalize_uri(uri).rpartition("/")
    if parent.startswith("file://"):
        _check_size(os.stat(local_path(uri)).st_size, max_bytes)
        return _read_regular_file(local_path(uri))
    store = open_store(parent, options)
    if max_bytes is not None:
        _check_size(store.size(name), max_bytes)
    return store.read(name)


def normalize_uri(uri: str) -> str:
    """Return an absolute URI without a trailing slash: a plain path becomes a percent-encoded ``file://`` URI."""
    if not uri or not uri.strip():
        raise ConfigurationError("An empty string is not a place: expected a URI such as s3://bucket/prefix or a local path.")
    match = _SCHEME.match(uri)
    if match and match.group(1) == "file":
        return _file_uri(os.path.abspath(unquote_to_bytes(uri[len("file://") :])))
    if match:
        return uri.rstrip("/")
    return _file_uri(os.path.abspath(os.fsencode(os.path.expanduser(uri))))


def join_uri(uri: str, *parts: str) -> str:
    """Return ``uri`` with path parts below it."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


def local_path(uri: str) -> str:
    """Return the local path of a ``file://`` URI or of a path as it is."""
    return os.fsdecode(unquote_to_bytes(normalize_uri(uri)[len("file://") :]))


def without_credentials(uri: str) -> str:
    """Return the URI without credentials and query: fit for logs, XCom and lineage.

    An Azure container (``abfss://container@account``) is no credential. A local path has no query.
    """
    match = _URI.match(uri)
    if not match:
        return re.sub(r"//[^/@]*:[^/@]*@", "//", uri)
    scheme, authority, path = match["scheme"].lower(), match["authority"], match["path"]
    if scheme == "file":
        return f"file://{authority.rsplit('@', 1)[-1]}{path}"
    container, at, account = authority.partition("@")
    if scheme in _CONTAINER_SCHEMES and at and ":" not in container:
        return f"{match['scheme']}://{container}@{account}{path.split('?', 1)[0]}"
    place = authority.rsplit("@", 1)[-1] + path
    if "@" in place and (scheme not in _PATH_SCHEMES or not _HOST.fullmatch(authority.rsplit("@", 1)[-1])):
        # A database's password or an AWS secret key may hold a bare "/" or "@".
        place = place.rsplit("@", 1)[1]
    return f"{match['scheme']}://{place.split('?', 1)[0]}"


def _check_size(size: int | None, max_bytes: int | None) -> None:
    if max_bytes is not None and size is not None and size > max_bytes:
        raise OSError(f"the file has {size:,} bytes, more than the {max_bytes:,} that are read")


def _file_uri(path: bytes) -> str:
    return "file://" + quote(path, safe="/~!$&'()*+,;=:@")


def _readable(path: bytes) -> str:
    return path.decode("utf-8", errors="backslashreplace")


def _read_regular_file(path: str, length: int = -1) -> bytes:
    with open(path, "rb", opener=_open_without_blocking) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is not a regular file")
        return file.read(length)


def _open_without_blocking(path: str, flags: int) -> int:
    """Open so that a named pipe below the prefix cannot hang the task."""
    return os.open(path, flags | os.O_NONBLOCK)


class _LocalStore(ObjectStore):
    """Local files. obstore refuses a whole listing for one odd file name, so listing and reading are the standard library's."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._root = os.fsencode(local_path(uri))
        self._names: dict[str, bytes] = {}

    def list(self) -> Iterator[ObjectInfo]:
        def refuse(error: OSError) -> None:
            if error.filename and os.fsencode(error.filename) == self._root and isinstance(error, FileNotFoundError):
                return
            raise SourceError(f"Cannot list {self.uri}: {error}")

        if os.path.isfile(self._root):
            raise SourceError(f"{self.uri} is a file; expected a folder with files below it.")
        for folder, folders, names in os.walk(self._root, onerror=refuse):
            folders.sort()
            for name in sorted(names):
                yield self._info(os.path.join(folder, name))

    def _info(self, full: bytes) -> ObjectInfo:
        relative = os.path.relpath(full, self._root)
        path = _readable(relative)
        if path.encode() != relative:
            self._names[path] = relative
        try:
            found = os.stat(full)
        except OSError:
            return ObjectInfo(path, _file_uri(full), None)
        etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
        changed_at = datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), UTC)
        return ObjectInfo(path, _file_uri(full), found.st_size, etag, None, modified_at, changed_at)

    def _full(self, path: str) -> bytes:
        return os.path.join(self._root, self._names.get(path, path.encode()))

    def read(self, path: str) -> bytes:
        return _read_regular_file(os.fsdecode(self._full(path)))

    def read_start(self, path: str, length: int) -> bytes:
        return _read_regular_file(os.fsdecode(self._full(path)), length)

    def fetch(self, info: ObjectInfo) -> bytes:
        # By URI: the readable path of a name with undecodable bytes may also be another file's very name.
        return _read_regular_file(local_path(info.uri))

    def write(self, path: str, data: bytes) -> str:
        return self._put(path, lambda staged: staged.write_bytes(data))

    def write_file(self, path: str, local_file: str) -> str:
        return self._put(path, lambda staged: shutil.copyfile(local_file, staged))

    def _put(self, path: str, fill: Callable[[Path], object]) -> str:
        target = Path(os.fsdecode(self._full(path)))
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_name(f".{target.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            fill(staged)
            os.replace(staged, target)
        finally:
            staged.unlink(missing_ok=True)
        return self.uri_of(path)

    def size(self, path: str) -> int | None:
        try:
            found = os.stat(self._full(path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def uri_of(self, path: str) -> str:
        return _file_uri(self._full(path))


class _RemoteStore(ObjectStore):
    """An object store through obstore."""

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        from obstore.store import from_url

        self.uri = uri
        try:
            self._store = from_url(uri, config=dict(options) or None, **client_options(options))
        except Exception as error:
            raise ConfigurationError(f"Cannot open {without_credentials(uri)}: {error}") from error

    def list(self) -> Iterator[ObjectInfo]:
        import obstore

        try:
            for batch in obstore.list(self._store, chunk_size=1000):
                for found in batch:
                    path = found["path"]
                    modified_at = found["last_modified"]
                    yield ObjectInfo(path, self.uri_of(path), found["size"], found["e_tag"], found["version"], modified_at, modified_at)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise SourceError(f"Cannot list {without_credentials(self.uri)}: {said(error)}") from error

    def read(self, path: str) -> bytes:
        import obstore

        try:
            return bytes(obstore.get(self._store, path).bytes())
        except obstore.exceptions.BaseError as error:
            raise OSError(said(error)) from error

    def read_start(self, path: str, length: int) -> bytes:
        import obstore

        try:
            return bytes(obstore.get_range(self._store, path, start=0, length=length))
        except obstore.exceptions.BaseError as error:
            raise OSError(said(error)) from error

    def write(self, path: str, data: bytes) -> str:
        return self._put(path, data)

    def write_file(self, path: str, local_file: str) -> str:
        return self._put(path, Path(local_file))

    def _put(self, path: str, content: bytes | Path) -> str:
        import obstore

        try:
            obstore.put(self._store, path, content)
        except obstore.exceptions.BaseError as error:
            raise OSError(f"Cannot write {without_credentials(self.uri_of(path))}: {said(error)}") from error
        return self.uri_of(path)

    def size(self, path: str) -> int | None:
        import obstore

        try:
            return obstore.head(self._store, path)["size"]
        except FileNotFoundError:
            return None
        except obstore.exceptions.BaseError as error:
            raise OSError(f"Cannot look for {without_credentials(self.uri_of(path))}: {said(error)}") from error

    def uri_of(self, path: str) -> str:
        return join_uri(self.uri, path)


def client_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what obstore has to be told of the connection itself: a plain ``http://`` endpoint is allowed if it is asked for."""
    endpoint = str(options.get("endpoint") or options.get("aws_endpoint") or "")
    return {"client_options": {"allow_http": True}} if endpoint.startswith("http://") else {}


def said(error: BaseException) -> str:
    """Return the first line of an error, the same whenever it happens again: without how long the request took."""
    return _DURATION.sub("", str(error).split("\n", 1)[0])
