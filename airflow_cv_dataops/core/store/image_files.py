"""The bytes of images that a dataset's rows name, wherever they are kept."""

from __future__ import annotations

import hashlib

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import ObjectStore, open_store, read_object, read_uri


class ImageFiles:
    """Reads images by their rows' ``storage_uri``: copies below the dataset's root, or files where the source has them."""

    def __init__(self, dataset: Dataset) -> None:
        self._options = dataset.config.object_options
        self._root = f"{dataset.root_uri}/" if dataset.config.warehouse else None
        self._store: ObjectStore | None = None

    def read(self, storage_uri: str, *, max_bytes: int | None = None) -> bytes:
        """Return the bytes that are there now. :raises OSError: they cannot be read, or are more than ``max_bytes``."""
        if self._root and storage_uri.startswith(self._root) and not self._root.startswith("file://"):
            # Keys are taken as they are; one store for all keeps its connections.
            if self._store is None:
                self._store = open_store(self._root, self._options)
            return read_object(self._store, storage_uri.removeprefix(self._root), max_bytes=max_bytes)
        return read_uri(storage_uri, self._options, max_bytes=max_bytes)

    def read_ingested(self, storage_uri: str, image_id: str, *, max_bytes: int | None = None) -> bytes:
        """Return the bytes that were ingested, never others.

        :raises OSError: they cannot be read, are more than ``max_bytes``, or the file has other bytes by now.
        """
        data = self.read(storage_uri, max_bytes=max_bytes)
        if hashlib.sha256(data).hexdigest() != image_id:
            raise OSError("the file has changed since it was ingested")
        return data
