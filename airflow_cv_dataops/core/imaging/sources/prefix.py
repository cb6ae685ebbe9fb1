"""A source that is a prefix: every file below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_cv_dataops.core.imaging.sources.base import ImageSource, too_large
from airflow_cv_dataops.core.store.objects import ObjectInfo, open_store, without_credentials


class PrefixSource(ImageSource):
    """Every file below a prefix, local or in an object store.

    :raises ConfigurationError: the URI cannot be used.
    """

    def __init__(self, uri: str, options: Mapping[str, Any], max_bytes: int) -> None:
        self._store = open_store(uri, options)
        self._options = dict(options)
        self._max_bytes = max_bytes
        self.uri = without_credentials(self._store.uri)
        self.is_local = self.uri.startswith("file://")

    @property
    def spec(self) -> dict[str, Any]:
        return {"kind": "prefix", "uri": self._store.uri, "options": self._options, "max_bytes": self._max_bytes}

    @property
    def dead_links(self) -> Sequence[str]:
        return self._store.dead_links

    def list(self) -> Iterator[ObjectInfo]:
        root = self._store.uri
        if root == self.uri:
            return self._store.list()
        return (replace(found, uri=self.uri + found.uri[len(root) :]) for found in self._store.list())

    def why_nothing(self) -> str:
        return self._store.why_nothing()

    def fetch(self, info: ObjectInfo) -> bytes:
        if info.size is not None and info.size > self._max_bytes:
            raise too_large(info.size, self._max_bytes)
        return self._store.fetch(info)
