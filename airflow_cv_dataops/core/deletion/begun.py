"""Deletions that were begun: which images, until the last of them is gone, so that one that was killed is finished by the next."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import ObjectStore, join_uri, open_store


@dataclass(frozen=True)
class Begun:
    """Deletions that were begun and not finished: which images, as their rows may be gone.

    :param erases: whether releases are to lose them, too.
    :param releases: that held one, as far as that was known.
    """

    dataset: Dataset
    ids: frozenset[str] = frozenset()
    erases: bool = False
    releases: frozenset[str] = frozenset()

    @classmethod
    def of(cls, dataset: Dataset) -> Begun:
        if dataset.config.warehouse is None:
            return cls(dataset)
        notes = [json.loads(_notes(dataset).read(info.path)) for info in _notes(dataset).list() if info.path.endswith(".json")]
        ids, releases = (frozenset(one for note in notes for one in note[name]) for name in ("ids", "releases"))
        return cls(dataset, ids, any(note["erases"] for note in notes), releases)

    def end(self) -> None:
        """Forget the notes: what they name is gone."""
        if self.dataset.config.warehouse is not None:
            for info in list(_notes(self.dataset).list()):
                _notes(self.dataset).delete_if_older(info.path, datetime.now(UTC) + timedelta(days=1))


def begin(dataset: Dataset, request: str, ids: Collection[str], *, erases: bool, releases: Collection[str] = ()) -> None:
    """Note that a deletion has begun, with what is known of it."""
    if dataset.config.warehouse is not None:
        note = {"ids": sorted(ids), "erases": erases, "releases": sorted(releases)}
        _notes(dataset).write(f"{request}.json", json.dumps(note).encode())


def _notes(dataset: Dataset) -> ObjectStore:
    return open_store(join_uri(dataset.root_uri, "deletions-begun"), dataset.config.object_options)
