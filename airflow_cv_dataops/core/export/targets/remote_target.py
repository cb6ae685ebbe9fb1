"""A prefix in an object store to export to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from airflow_cv_dataops.core.export.targets.target import FOLDER, Target
from airflow_cv_dataops.core.store.objects import Place, open_store, without_credentials
from airflow_cv_dataops.core.store.remote import RemoteStore


class RemoteTarget(Target):
    """A prefix in an object store."""

    def __init__(self, uri: str, place: Place) -> None:
        super().__init__(without_credentials(uri))
        store = open_store(uri, place.options)
        assert isinstance(store, RemoteStore)
        self._store = store

    def size(self, path: str) -> int | None:
        return self._store.size(path)

    def holds(self, path: str, size: int, sha256: str) -> bool:
        return self._store.size(path) == size

    def read(self, path: str) -> bytes:
        return self._store.read(path)

    def put(self, path: str, data: bytes) -> None:
        self._store.write(path, data)

    def put_file(self, path: str, local_file: Path) -> None:
        self._store.write_file(path, str(local_file))
        local_file.unlink()

    def remove(self, path: str) -> None:
        self._store.delete([path])

    def paths(self) -> Iterator[str]:
        for found in self._store.list():
            if not found.is_folder and not found.path.startswith((f"{FOLDER}/", ".")) and "/." not in found.path:
                yield found.path

    def clear(self, keep: str) -> None:
        self._store.delete([found.path for found in self._store.list() if found.path != keep and not found.path.startswith(".")])
