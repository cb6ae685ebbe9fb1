"""Single objects of an object store, read within a limit or streamed, and listings that do not block an event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.store.objects import ObjectInfo, client_options, join_uri, read_error, said, without_credentials

_LISTED_AT_ONCE = 1000
_CHUNK_BYTES = 4 * 1024 * 1024


class RemoteObjects:
    """Objects below a root such as ``s3://bucket`` or ``https://host``.

    :raises ConfigurationError: obstore cannot make a store of the URI.
    """

    def __init__(self, uri: str, options: Mapping[str, Any]) -> None:
        from obstore.store import from_url

        self.uri = uri
        client = {"client_options": {"allow_http": True}} if uri.startswith("http://") else client_options(options)
        try:
            self._store = from_url(uri, config=dict(options) or None, **client)
        except Exception as error:
            raise ConfigurationError(f"Cannot open {without_credentials(uri)}: {error}") from error

    def get(self, path: str) -> tuple[ObjectInfo, Iterator[bytes]]:
        """Ask for an object; return what it is, and its bytes in chunks as they come.

        :raises OSError: it cannot be read, also while chunks come. :raises StoreError: nothing can, for now.
        """
        import obstore

        try:
            found = obstore.get(self._store, path)
            meta = found.meta
        except (obstore.exceptions.BaseError, OSError) as error:
            raise read_error(join_uri(self.uri, path), error) from error
        return self._info(meta), _chunks(found, join_uri(self.uri, path))

    async def alist(self) -> AsyncIterator[list[ObjectInfo]]:
        """Yield every object below the root, at most a thousand at a time; the event loop is free in between.

        :raises SourceError: the root cannot be listed.
        """
        import obstore

        try:
            async for batch in obstore.list(self._store, chunk_size=_LISTED_AT_ONCE):
                yield [self._info(found) for found in batch]
        except (obstore.exceptions.BaseError, OSError) as error:
            raise SourceError(f"Cannot list {without_credentials(self.uri)}: {said(error)}") from error

    def _info(self, meta: Any) -> ObjectInfo:
        path, modified_at = meta["path"], meta["last_modified"]
        return ObjectInfo(path, join_uri(self.uri, path), meta["size"], meta["e_tag"], meta["version"], modified_at, modified_at)


def _chunks(found: Any, uri: str) -> Iterator[bytes]:
    import obstore

    try:
        for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)
    except (obstore.exceptions.BaseError, OSError) as error:
        raise read_error(uri, error) from error
