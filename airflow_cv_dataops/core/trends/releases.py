"""Where releases end: the newest partition that each holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import partition_keys_at
from airflow_cv_dataops.core.trends.dates import in_order

_COLUMNS = ("sequence", "release", "stage", "snapshots", "partition_keys", "created_at")


@dataclass(frozen=True)
class ReleaseMark:
    """One release, and where it ends.

    :param release: its name, such as ``v3``.
    :param stages: those that have ever moved to it, in the order in which they first did.
    :param sequence: of the row in ``releases`` that made it.
    :param created_at: when it was made.
    :param partition_key: the newest partition of ``images`` that it holds; ``None``: it holds none, or its snapshot is gone and nobody
        can tell.
    """

    release: str
    stages: tuple[str, ...]
    sequence: int
    created_at: datetime
    partition_key: str | None

    @property
    def in_words(self) -> str:
        return f"{self.release} ({', '.join(self.stages)})"


def release_marks(dataset: Dataset) -> list[ReleaseMark]:
    """Return every release in the order in which they were made. Manifests are read, no data file of ``images`` is."""
    rows = dataset.read("releases", columns=_COLUMNS).sort_by("sequence").to_pylist()
    made: dict[str, dict[str, Any]] = {}
    stages: dict[str, dict[str, None]] = {}
    for row in rows:
        made.setdefault(row["release"], row)
        stages.setdefault(row["release"], {})[row["stage"]] = None
    snapshots = {name: _snapshot_of_images(row) for name, row in made.items()}
    held = partition_keys_at(dataset, "images", [snapshot for snapshot in snapshots.values() if snapshot is not None])
    return [
        ReleaseMark(
            name, tuple(stages[name]), row["sequence"], row["created_at"], _newest(held.get(snapshots[name] or ""), row["partition_keys"])
        )
        for name, row in made.items()
    ]


def _snapshot_of_images(row: Mapping[str, Any]) -> str | None:
    found = json.loads(row["snapshots"]).get("images")
    return None if found is None else str(found)


def _newest(held: frozenset[str] | None, narrowed: str | None) -> str | None:
    """Return the last key in order. :param held: ``None``: unknown. :param narrowed: JSON array of the only ones that the release took."""
    if held is None:
        return None
    keys: Sequence[str] = list(held if narrowed is None else held & set(json.loads(narrowed)))
    return in_order(keys)[-1] if keys else None
