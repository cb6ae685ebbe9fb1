"""Object stores through obstore: a prefix as a store, listed, and single objects, streamed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError, StoreError
from airflow_cv_dataops.core.store import s3_keys
from airflow_cv_dataops.core.store.base import ObjectInfo, ObjectStore
from airflow_cv_dataops.core.store.folder_markers import FolderMarkers
from airflow_cv_dataops.core.store.uris import WEB_SCHEMES, join_uri, parts_of, told_uri, unaddressable, without_secrets

_LISTED_AT_ONCE = 1000
_IN_ARCHIVE = "InvalidObjectState"
_CHUNK_BYTES = 4 * 1024 * 1024
_LONGEST_NAME = 300
# An object's time cannot be set. One older than this is written again, well before any maintenance with a day of grace might take it.
_YOUNG = timedelta(hours=12)
# obstore's threads do not survive a fork: a child that asks it anything waits for ever.
_first_opened_in: int | None = None
_DURATION = re.compile(r" in \d+(\.\d+)?(ns|µs|ms|s)\b")


class RemoteStore(ObjectStore):
    """A prefix in an object store.

    :raises ConfigurationError: obstore cannot make a store of the URI.
    """

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        self.uri = uri
        self._options = dict(options)
        self._store = opened(uri, options)

    def list(self) -> Iterator[ObjectInfo]:
        markers = FolderMarkers()
        for page in self._pages():
            for found in markers.settled(page):
                yield self._looked_at(found) if markers.is_doubtful(found) else found
        for found in markers.rest():
            yield self._looked_at(found) if markers.is_doubtful(found) else found

    def read(self, path: str) -> bytes:
        import obstore

        _check_addressable(path)
        try:
            return bytes(obstore.get(self._store, path).bytes())
        except (obstore.exceptions.BaseError, OSError) as error:
            raise read_error(self.uri_of(path), error) from error

    def read_start(self, path: str, length: int) -> bytes:
        import obstore

        _check_addressable(path)
        try:
            return bytes(obstore.get_range(self._store, path, start=0, length=length))
        except (obstore.exceptions.BaseError, OSError) as error:
            raise read_error(self.uri_of(path), error) from error

    def write(self, path: str, data: bytes) -> str:
        return self._put(path, data)

    def write_file(self, path: str, local_file: str) -> str:
        return self._put(path, Path(local_file))

    def _put(self, path: str, content: bytes | Path) -> str:
        import obstore

        try:
            obstore.put(self._store, path, content)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise OSError(f"Cannot write {told_uri(self.uri_of(path))}: {said(error)}") from error
        return self.uri_of(path)

    def size(self, path: str) -> int | None:
        import obstore

        _check_addressable(path)
        try:
            return obstore.head(self._store, path)["size"]
        except FileNotFoundError:
            return None
        except (obstore.exceptions.BaseError, OSError) as error:
            raise StoreError(f"Cannot look for {told_uri(self.uri_of(path))}: {said(error)}") from error

    def renew(self, path: str, size: int) -> bool:
        import obstore

        _check_addressable(path)
        try:
            found = obstore.head(self._store, path)
        except FileNotFoundError:
            return False
        except (obstore.exceptions.BaseError, OSError) as error:
            raise StoreError(f"Cannot look for {told_uri(self.uri_of(path))}: {said(error)}") from error
        return bool(found["size"] == size and found["last_modified"] > datetime.now(UTC) - _YOUNG)

    def delete_if_older(self, path: str, than: datetime) -> bool:
        import obstore

        _check_addressable(path)
        try:
            if obstore.head(self._store, path)["last_modified"] >= than:
                return False
            obstore.delete(self._store, path)
        except FileNotFoundError:
            return True
        except (obstore.exceptions.BaseError, OSError) as error:
            raise StoreError(f"Cannot delete {told_uri(self.uri_of(path))}: {said(error)}") from error
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Delete files. :raises StoreError: the store refuses."""
        import obstore

        try:
            obstore.delete(self._store, paths)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise StoreError(f"Cannot delete below {told_uri(self.uri)}: {said(error)}") from error

    def uri_of(self, path: str) -> str:
        return join_uri(self.uri, path)

    def is_never_readable(self, path: str) -> bool:
        return unaddressable(path) is not None

    def why_nothing(self) -> str:
        return "no object has a key below it"

    def _pages(self) -> Iterator[Sequence[ObjectInfo]]:
        import obstore

        last = None
        try:
            for batch in obstore.list(self._store, chunk_size=_LISTED_AT_ONCE):
                page = [_info(self.uri, found) for found in batch]
                last = page[-1].path if page else last
                yield page
        except obstore.exceptions.InvalidPathError as error:
            yield from self._raw_pages(error, last)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise self._cannot_list(said(error)) from error

    def _raw_pages(self, error: Exception, last: str | None) -> Iterator[Sequence[ObjectInfo]]:
        """Go on listing behind ``last`` where obstore gave up: it refuses a whole listing for one key that it cannot address."""
        if s3_keys.are_at(self.uri):
            return s3_keys.pages(self.uri, self._options, last)
        named = str(error).encode("unicode_escape").decode()[:_LONGEST_NAME]
        raise self._cannot_list(f"it holds a key that cannot be addressed ({named}); rename or remove that object") from error

    def _cannot_list(self, why: str) -> SourceError:
        return SourceError(f"Cannot list {told_uri(self.uri)}: {why}")

    def _looked_at(self, found: ObjectInfo) -> ObjectInfo:
        try:
            return replace(found, is_folder=self.size(found.path) is None)
        except OSError:
            return found


class RemoteObjects:
    """Objects below a root such as ``s3://bucket`` or ``https://host``.

    :raises ConfigurationError: obstore cannot make a store of the URI.
    """

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        self.uri = uri
        self._store = opened(uri, options)

    def head(self, path: str) -> ObjectInfo:
        """Return what an object is, without its bytes. :raises OSError: there is none, or the store does not say."""
        import obstore

        _check_addressable(path)
        try:
            return _info(self.uri, obstore.head(self._store, path))
        except (obstore.exceptions.BaseError, OSError) as error:
            raise read_error(join_uri(self.uri, path), error) from error

    def get(self, path: str) -> tuple[ObjectInfo, Iterator[bytes]]:
        """Ask for an object; return what it is, and its bytes in chunks as they come.

        :raises OSError: it cannot be read, also while chunks come. :raises StoreError: nothing can, for now.
        """
        import obstore

        _check_addressable(path)
        try:
            found = obstore.get(self._store, path)
            meta = found.meta
        except (obstore.exceptions.BaseError, OSError) as error:
            raise read_error(join_uri(self.uri, path), error) from error
        return _info(self.uri, meta), _chunks(found, join_uri(self.uri, path))


def read_error(uri: str, error: BaseException) -> OSError:
    """Return what it means that an object cannot be read: it is the object's own fault, or :class:`StoreError`.

    Its own are that it is gone, that its name is none, and that it lies in an archive (S3's Glacier). All else, after the retries
    of obstore, is an outage, keys that have expired or lack a right: the next object would not fare better.
    """
    import obstore

    if isinstance(error, (FileNotFoundError, obstore.exceptions.NotFoundError)):
        return FileNotFoundError(said(error))
    if isinstance(error, obstore.exceptions.InvalidPathError) or _IN_ARCHIVE in str(error):
        return OSError(said(error))
    return StoreError(f"Cannot read {told_uri(uri)}: {said(error)}")


def said(error: BaseException) -> str:
    """Return the first line of an error, the same whenever it happens again: without how long the request took."""
    return _DURATION.sub("", str(error).split("\n", 1)[0])


def opened(uri: str, options: Mapping[str, Any]) -> Any:
    """Return obstore's store at a URI.

    A key is no part of a URL: unquoted, its ``#`` or ``?`` would end the prefix, and a ``%41`` in it become an ``A``.
    """
    from obstore.store import from_url

    global _first_opened_in
    _first_opened_in = _first_opened_in or os.getpid()
    scheme, authority, path = parts_of(uri)
    is_web = scheme in WEB_SCHEMES
    if not is_web and (why := unaddressable(path)):
        raise ConfigurationError(f"Cannot open {told_uri(uri)}: {why}.")
    endpoint = uri if is_web else str(options.get("endpoint") or options.get("aws_endpoint") or "")
    client = {"client_options": {"allow_http": True}} if endpoint.startswith("http://") else {}
    try:
        url = uri if is_web or not path else f"{scheme}://{authority}/{quote(path)}"
        return from_url(url, config=dict(options) or None, **client)
    except Exception as error:  # noqa: BLE001 (raised again, without what must not be seen)
        raise ConfigurationError(f"Cannot open {told_uri(uri)}: {without_secrets(str(error), options)}") from None


def check_not_forked() -> None:
    """:raises OSError: this process was forked from one that had opened a store already, and would wait for an answer for ever."""
    if _first_opened_in not in (None, os.getpid()):
        raise OSError(
            "this process was forked from one that had opened an object store before, and cannot open one: start processes by spawning, "
            "e.g. DataLoader(…, multiprocessing_context='spawn')"
        )


def _check_addressable(path: str) -> None:
    """:raises OSError: obstore would refuse the path, or take it for another."""
    if why := unaddressable(path):
        raise OSError(f"the object cannot be read: {why}")


def _info(root: str, meta: Any) -> ObjectInfo:
    path, modified_at = meta["path"], meta["last_modified"]
    return ObjectInfo(path, join_uri(root, path), meta["size"], meta["e_tag"], meta["version"], modified_at, modified_at)


def _chunks(found: Any, uri: str) -> Iterator[bytes]:
    import obstore

    try:
        for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)
    except (obstore.exceptions.BaseError, OSError) as error:
        raise read_error(uri, error) from error
