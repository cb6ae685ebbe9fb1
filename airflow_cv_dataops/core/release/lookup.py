"""A release as people ask for it: by its name, by a stage, or by a time at which a stage was there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.release.moments import moment_of
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_STAGE = "production"

# Those that grow with categories and partitions, which few ask for: not read with every look at the releases.
_LARGE = ("measured",)

# A snapshot is what it is for good, and an Arrow table cannot be changed.
_LAST_READ: WeakKeyDictionary[Dataset, tuple[str, pa.Table]] = WeakKeyDictionary()


def read_release(dataset: Dataset, name: str | date | datetime, at: str | date | datetime | None = None) -> Release:
    """Return the release with this name, the one that the stage of this name points to, or the one at which a stage was at a time.

    :param name: of a release or a stage, or a time: where ``production`` was then. What is named so goes before what can be read as a time.
    :param at: the time at which the stage is asked for; default: now.
    :raises ConfigurationError: an argument cannot be used.
    :raises DatasetNotFoundError: there is no such dataset, release or stage, or the stage had no release yet.
    """
    head = dataset.snapshot_id("releases")
    if at is not None:
        moment = moment_of(at)
        if moment is None:
            raise ConfigurationError(f"at={at!r} is no time: expected ISO 8601, such as '2026-11-05' or '2026-11-05T12:00+01:00'.")
        return _stage_at(dataset, _stage_name(dataset, name, at, head), moment, head)
    if isinstance(name, str) and (found := release_at(dataset, name, head)) is not None:
        return found
    moment = moment_of(name)
    if moment is None:
        raise missing_release(dataset, str(name), head)
    return _stage_at(dataset, DEFAULT_STAGE, moment, head)


def missing_release(dataset: Dataset, name: str, head: str | None) -> DatasetNotFoundError:
    """Return the error that says which releases and stages there are. :raises DatasetNotFoundError: there is no such dataset."""
    dataset.check_there()
    rows = releases_at(dataset, head)
    known = sorted({row["release"] for row in rows} | {row["stage"] for row in rows})
    return DatasetNotFoundError(f"Dataset {dataset.name!r} has no release or stage {name!r}; it has {', '.join(known) or 'none'}.")


def release_at(dataset: Dataset, name: str, snapshot_id: str | None) -> Release | None:
    """Return the release or the stage's release as of a snapshot of ``releases``; ``None`` where there is none.

    A release is as it was when it was made, however often a stage was moved to it since; a stage is where it was moved to last.
    """
    return release_among(dataset, name, releases_at(dataset, snapshot_id))


def release_among(dataset: Dataset, name: str, rows: Sequence[Mapping[str, Any]]) -> Release | None:
    """Return the same from the rows of ``releases``, for who has read them already."""
    row = next((row for row in rows if row["release"] == name), None) or next((row for row in reversed(rows) if row["stage"] == name), None)
    return None if row is None else _release_of(dataset, row)


def _release_of(dataset: Dataset, row: Mapping[str, Any]) -> Release:
    """Return the release of a row of ``releases``."""
    return Release(
        name=row["release"],
        stage=row["stage"],
        parent=row["parent"],
        content_id=row["content_id"],
        items_id=row["items_id"],
        snapshots=row["snapshots"],
        gates=tuple(row["gates"]),
        images_count=row["images"],
        annotations_count=row["annotations"],
        labels_by=row["labels_by"],
        partition_keys=None if row["partition_keys"] is None else tuple(json.loads(row["partition_keys"])),
        action=row["action"] or "promotion",
        splitting=row["splitting"],
        exclusions=tuple(row["exclusions"] or ()),
        sequence=row["sequence"],
        notes=row["notes"],
        dag_id=row["dag_id"],
        run_id=row["run_id"],
        created_at=row["created_at"],
        dataset=dataset,
    )


def releases_at(dataset: Dataset, snapshot_id: str | None) -> list[dict[str, Any]]:
    """Return the rows of ``releases`` as of a snapshot, in order, with their JSON columns read, but for ``measured``."""
    rows = [] if snapshot_id is None else _table_at(dataset, snapshot_id).to_pylist()
    for row in rows:
        for name in ("snapshots", "gates", "splitting", "exclusions", "rolled_back"):
            row[name] = None if row[name] is None else json.loads(row[name])
    return rows


def _table_at(dataset: Dataset, snapshot_id: str) -> pa.Table:
    """Return ``releases`` as of a snapshot, read once: every move of a stage is a file of its own, and a promotion asks several times."""
    known, table = _LAST_READ.get(dataset, (None, None))
    if table is None or known != snapshot_id:
        columns = [name for name in TABLES["releases"].column_names if name not in _LARGE]
        table = dataset.read("releases", columns=columns, snapshot_id=snapshot_id).sort_by("sequence")
        _LAST_READ[dataset] = (snapshot_id, table)
    return table


def _stage_name(dataset: Dataset, name: str | date | datetime, at: str | date | datetime, head: str | None) -> str:
    """Return what can only be a stage's name. :raises ConfigurationError: it is a time, or that of a release."""
    rows = releases_at(dataset, head)
    if isinstance(name, str) and any(row["stage"] == name for row in rows):
        return name
    if any(row["release"] == name for row in rows):
        raise ConfigurationError(
            f"{name} is a release, which is the same at any time: at={str(at)!r} goes with a stage, such as 'staging'."
        )
    if moment_of(name) is not None:
        raise ConfigurationError(f"{str(name)!r} is a time, and so is at={str(at)!r}: at goes with a stage, such as 'staging'.")
    raise missing_release(dataset, str(name), head)


def _stage_at(dataset: Dataset, stage: str, moment: datetime, head: str | None) -> Release:
    """Return where the stage was at a moment: its last row up to then."""
    rows = [row for row in releases_at(dataset, head) if row["stage"] == stage]
    if not rows:
        raise missing_release(dataset, stage, head)
    until = [row for row in rows if row["created_at"] <= moment]
    if not until:
        raise _before_the_first(dataset, stage, moment, rows)
    return _release_of(dataset, until[-1])


def _before_the_first(dataset: Dataset, stage: str, moment: datetime, rows: Sequence[Mapping[str, Any]]) -> DatasetNotFoundError:
    first = min(rows, key=lambda row: row["created_at"])
    return DatasetNotFoundError(
        f"Stage {stage!r} of dataset {dataset.name!r} had no release at {moment.isoformat()}: its first, {first['release']}, is of "
        f"{first['created_at'].isoformat()}."
    )
