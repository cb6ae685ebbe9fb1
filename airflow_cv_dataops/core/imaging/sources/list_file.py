"""A source that is a list: a Parquet, CSV or JSON-lines file that names one image a row."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.sources.base import ImageSource, check_not_refused, joined, refusal, too_large
from airflow_cv_dataops.core.imaging.sources.list_rows import ListRow, rows_of
from airflow_cv_dataops.core.store.objects import ObjectInfo, local_path, normalize_uri, read_uri, without_credentials
from airflow_cv_dataops.core.store.remote import RemoteObjects
from airflow_cv_dataops.core.wording import readable

LIST_SUFFIXES = (".parquet", ".csv", ".jsonl", ".ndjson")
MAX_LIST_BYTES = 2 * 1024**3

_ABSOLUTE = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://([^/]*)(?:/(.*))?", re.DOTALL)
_CONTROL = re.compile(r"[\0-\x1f\x7f]")
_LONGEST_NAME = 300
_FAMILIES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "abfs": "az", "abfss": "az", "azure": "az"}


class ListSource(ImageSource):
    """The images that a list file names: absolute URIs, or paths relative to the folder of the list.

    Local files are looked at when they are listed; remote ones are not asked about one by one, so that their size, entity tag and
    time are known only where the list has columns with them. A row without a usable URI is an entry, too: ``<list>#<row>``, whose
    path is what the row says, and which cannot be fetched. A URI that occurs again is listed once.
    """

    is_list = True

    def __init__(self, uri: str, options: Mapping[str, Any], max_bytes: int, list_column: str | None) -> None:
        self.uri = without_credentials(uri)
        self._uri = uri
        self._options = dict(options)
        self._max_bytes = max_bytes
        self._column = list_column
        self._folder = self.uri.rpartition("/")[0]
        self._roots: dict[str, RemoteObjects] = {}

    @property
    def spec(self) -> dict[str, Any]:
        return {"kind": "list", "uri": self._uri, "options": self._options, "max_bytes": self._max_bytes, "list_column": self._column}

    def list(self) -> Iterator[ObjectInfo]:
        seen: set[str] = set()
        for row in rows_of(self.uri, self._content(), self._column):
            entry = self._entry(row)
            if entry.uri not in seen:
                seen.add(entry.uri)
                yield entry

    def why_nothing(self) -> str:
        return "the list is there, and has no row"

    def fetch(self, info: ObjectInfo) -> bytes:
        return self.begin(info)[1]()

    def begin(self, info: ObjectInfo) -> tuple[int | None, Callable[[], bytes]]:
        check_not_refused(info)
        if info.size is not None and info.size > self._max_bytes:
            raise too_large(info.size, self._max_bytes)
        if info.uri.startswith("file://"):
            return info.size, partial(read_uri, info.uri)
        root, path = _root_and_path(info.uri)
        found, chunks = self._root(root).get(unquote(path) if root.startswith("http") else path)
        if found.size is not None and found.size > self._max_bytes:
            raise too_large(found.size, self._max_bytes)
        return found.size, partial(joined, chunks, self._max_bytes)

    def _content(self) -> bytes:
        try:
            if self._uri.startswith("file://"):
                if os.stat(local_path(self._uri)).st_size <= MAX_LIST_BYTES:
                    return read_uri(self._uri)
            else:
                folder, _, name = self._uri.rpartition("/")
                found, chunks = RemoteObjects(folder, self._options).get(name)
                if (found.size or 0) <= MAX_LIST_BYTES:
                    return joined(chunks, MAX_LIST_BYTES)
        except OSError as error:
            raise SourceError(f"Cannot read the list {readable(self.uri)}: {error}") from error
        raise SourceError(f"The list {readable(self.uri)} is larger than {MAX_LIST_BYTES:,} bytes: cut it into several.")

    def _entry(self, row: ListRow) -> ObjectInfo:
        try:
            target = _located(row.value, self._folder)
        except _UnusableError as error:
            path = _printable(row.value)[:_LONGEST_NAME] or f"row {row.number}"
            return ObjectInfo(path, f"{self.uri}#{row.number}", None, version=refusal(f"row {row.number} of the list {error}"))
        if target.uri.startswith("file://"):
            return _looked_at(target)
        return ObjectInfo(target.path, target.uri, row.size, row.etag, None, row.modified_at, row.modified_at)

    def _root(self, uri: str) -> RemoteObjects:
        if uri not in self._roots:
            try:
                self._roots[uri] = RemoteObjects(uri, self._options if self._are_for(uri) else {})
            except ConfigurationError as error:
                raise OSError(str(error)) from error
        return self._roots[uri]

    def _are_for(self, uri: str) -> bool:
        """Say whether the options are for that kind of store: keys must not go to a host that a list happens to name."""
        own, other = (_FAMILIES.get(scheme, scheme) for scheme in (self._uri.partition("://")[0], uri.partition("://")[0]))
        return own == other or (own == "file" and other not in ("http", "https"))


@dataclass(frozen=True)
class _Target:
    """Where an entry is. :param path: below the list's folder; elsewhere with the name of the bucket before it."""

    uri: str
    path: str


class _UnusableError(ValueError):
    """A row names no place that may be read; the message goes on after "row 17 of the list"."""


def _located(value: str, folder: str) -> _Target:
    if not value.strip():
        raise _UnusableError("names no place")
    if _CONTROL.search(value):
        raise _UnusableError("holds control characters")
    match = _ABSOLUTE.fullmatch(value)
    if not match and not folder.startswith("file://"):
        return _relative(value, folder)
    if not match or match[1].lower() == "file":
        return _local(value, folder, is_relative=not match)
    scheme, authority, key = match[1].lower(), match[2], match[3]
    if "@" in authority and scheme not in ("abfs", "abfss", "wasb", "wasbs"):
        raise _UnusableError("names a connection or holds credentials: give them to the source, not to its entries")
    if not authority or not key or key.endswith("/"):
        raise _UnusableError("names no file")
    if not _is_text(value):
        raise _UnusableError("is not UTF-8")
    if scheme in ("http", "https") and ("?" in key or "#" in key):
        raise _UnusableError("holds a query, which might be a signature and must not be stored")
    uri = f"{scheme}://{authority}/{key}"
    return _Target(uri, uri[len(folder) + 1 :] if uri.startswith(folder + "/") else f"{authority}/{key}")


def _relative(value: str, folder: str) -> _Target:
    """Locate a path relative to a folder in an object store; it may climb as far as the bucket."""
    root, below = _root_and_path(folder + "/")
    if value.startswith("/"):
        raise _UnusableError("names a local file, but the list is not a local one")
    if not _is_text(value):
        raise _UnusableError("is not UTF-8")
    key = posixpath.normpath(posixpath.join(below, value))
    if key in (".", "..") or key.startswith("../") or value.endswith("/"):
        raise _UnusableError("names no file of the bucket")
    uri = f"{root}/{key}"
    return _Target(uri, uri[len(folder) + 1 :] if uri.startswith(folder + "/") else key)


def _local(value: str, folder: str, *, is_relative: bool) -> _Target:
    if not folder.startswith("file://"):
        raise _UnusableError("names a local file, but the list is not a local one")
    try:
        uri = normalize_uri(os.path.join(local_path(folder), value) if is_relative else value)
    except UnicodeEncodeError as error:  # half a character, as JSON can write it
        raise _UnusableError("is not UTF-8") from error
    path = unquote(uri[len(folder) + 1 :] if uri.startswith(folder + "/") else uri[len("file:///") :], errors="backslashreplace")
    return _Target(uri, path)


def _looked_at(target: _Target) -> ObjectInfo:
    """Return what a local entry is; as a listing of its folder would say it."""
    try:
        found = os.stat(local_path(target.uri))
    except (OSError, ValueError):
        return ObjectInfo(target.path, target.uri, None)
    etag = f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    changed_at = datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), UTC)
    return ObjectInfo(target.path, target.uri, found.st_size, etag, None, modified_at, changed_at)


def _root_and_path(uri: str) -> tuple[str, str]:
    scheme, _, rest = uri.partition("://")
    authority, _, path = rest.partition("/")
    return f"{scheme}://{authority}", path


def _is_text(value: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _printable(value: str) -> str:
    text = "".join(letter if letter.isprintable() or "\ud800" <= letter <= "\udfff" else " " for letter in value)
    return text.encode("utf-8", "backslashreplace").decode().strip()
