"""Objects that only stand for a folder: consoles and sync tools write one of no bytes for every folder that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from airflow_cv_dataops.core.store.base import ObjectInfo


class FolderMarkers:
    """Tells markers in a listing that has lost the slash at the end of their keys; it remembers one entry.

    A store lists in the order of its keys, so that a marker ``sub/`` comes right before what lies below it. One with nothing below
    it looks like an empty file ``sub``: that is doubtful, and only the store can tell.
    """

    def __init__(self) -> None:
        self._held: ObjectInfo | None = None
        self._doubtful: ObjectInfo | None = None

    def settled(self, page: Iterable[ObjectInfo]) -> Iterator[ObjectInfo]:
        """Yield the entries so far but for the last, markers marked."""
        for found in page:
            if self._held is not None:
                yield self._judged(self._held, found.path)
            self._held = found

    def rest(self) -> Iterator[ObjectInfo]:
        """Yield the last entry."""
        if self._held is not None:
            yield self._judged(self._held, "")

    def is_doubtful(self, found: ObjectInfo) -> bool:
        """Say whether the entry that was yielded last may be a marker or an empty file."""
        return found is self._doubtful

    def _judged(self, found: ObjectInfo, following: str) -> ObjectInfo:
        self._doubtful = None
        if found.size != 0 or found.is_folder or (found.path.endswith("/") and found.path):
            return found
        if not found.path or following.startswith(found.path + "/"):
            return replace(found, is_folder=True)
        self._doubtful = found
        return found
