"""Deletions that were begun: what is to go, until the last of it is gone, so that one that was killed is finished by the next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import ObjectStore, join_uri, open_store

_FOLDER = "deletions-begun"


@dataclass(frozen=True)
class Note:
    """What is known of a deletion; once rows are gone, nobody could find it out again.

    :param request: names it.
    :param ids: the images. :param sources: where they came from.
    :param erases: whether releases are to lose them, too.
    :param releases: that held one. :param partitions: that had rows of one.
    """

    request: str
    ids: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    erases: bool = False
    releases: frozenset[str] = frozenset()
    partitions: frozenset[str] = frozenset()

    def with_all_of(self, others: Iterable[Note]) -> Note:
        """Return a note of this deletion and of others that it finishes."""
        note = self
        for other in others:
            sets = {name: getattr(note, name) | getattr(other, name) for name in ("ids", "sources", "releases", "partitions")}
            note = replace(note, **sets)
        return note

    def write(self, dataset: Dataset) -> None:
        """Write it below the dataset's root, whole or not at all; where there is none, nowhere."""
        if dataset.config.warehouse is not None:
            values = {name: sorted(value) if isinstance(value, frozenset) else value for name, value in asdict(self).items()}
            _notes(dataset).write(f"{self.request}.json", json.dumps(values).encode())

    def drop(self, dataset: Dataset) -> None:
        """Drop it: what it names is gone."""
        if dataset.config.warehouse is not None:
            _notes(dataset).delete_if_older(f"{self.request}.json", datetime.now(UTC) + timedelta(days=1))


def notes_of(dataset: Dataset) -> list[Note]:
    """Return the notes of deletions that are under way, or were killed."""
    if dataset.config.warehouse is None:
        return []
    found = [json.loads(_notes(dataset).read(info.path)) for info in _notes(dataset).list() if info.path.endswith(".json")]
    return [_note_of(values) for values in found]


def _note_of(values: Mapping[str, Any]) -> Note:
    sets = {name: frozenset(values[name]) for name in ("ids", "sources", "releases", "partitions")}
    return Note(values["request"], erases=values["erases"], **sets)


def _notes(dataset: Dataset) -> ObjectStore:
    return open_store(join_uri(dataset.root_uri, _FOLDER), dataset.config.object_options)
