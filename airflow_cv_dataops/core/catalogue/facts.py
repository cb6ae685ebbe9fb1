"""What is told of a dataset: one value object for each idea, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_cv_dataops.core.release.descriptions import Description

AUDITED, OUTDATED, NOT_AUDITED = "audited", "outdated", "none"


class _AsJson:
    """What can be told as JSON values."""

    def to_dict(self) -> dict[str, Any]:
        """Return its fields as JSON values; times are ISO 8601 in UTC."""
        found: dict[str, Any] = json_value(self)
        return found


@dataclass(frozen=True)
class StageMove(_AsJson):
    """A stage came to a release.

    :param action: ``promotion`` or ``rollback``.
    :param parent: the release that the stage was at before; ``None``: it had none.
    :param dag_id: the DAG that did it, and ``run_id`` its run; ``None``: nobody said, as in a notebook.
    :param notes: for people; of a rollback the reason.
    """

    stage: str
    release: str
    action: str
    parent: str | None
    created_at: datetime
    dag_id: str | None
    run_id: str | None
    notes: str | None


@dataclass(frozen=True)
class GateFacts(_AsJson):
    """What the gates of a release said. :param failed: conditions that did not hold and were only to warn."""

    asked: int
    passed: int
    failed: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseFacts(_AsJson):
    """A release, as it was made.

    :param stage: for which it was made. :param parent: the release that the stage was at before.
    :param stages: those that are at it now.
    :param images: in it; byte-identical copies count once. :param labels: of these images.
    """

    release: str
    stage: str
    parent: str | None
    created_at: datetime
    images: int
    labels: int
    stages: tuple[str, ...]
    gates: GateFacts
    dag_id: str | None
    run_id: str | None
    notes: str | None


@dataclass(frozen=True)
class PartitionFacts(_AsJson):
    """What a partition holds now, in rows.

    :param images: files that are images; a byte-identical copy counts as often as it is there.
    :param labels: rows of ``annotations``, statements that nothing is in an image among them, of all ``label_sets``.
    :param findings: by severity.
    :param written_at: by when images, rejects, labels or predictions had last been written.
    :param audit: ``audited``: an audit has looked at what is there now; ``outdated``: audits have looked at something else; ``none``.
    """

    partition_key: str
    images: int
    rejects: int
    labels: int
    predictions: int
    findings: Mapping[str, int]
    samples: int
    label_sets: tuple[str, ...]
    models: tuple[str, ...]
    written_at: datetime
    images_written_at: datetime | None
    labels_written_at: datetime | None
    audit: str


@dataclass(frozen=True)
class DatasetEntry(_AsJson):
    """A dataset among others. Counts are of rows, by the tables' own metadata.

    :param name: of the dataset.
    :param tables: those that it has, in the order of the data model.
    :param partitions_count: partitions that hold images, rejects, labels or predictions.
    :param newest_partition: the last of them by date; of keys that are no dates, by their letters.
    :param images_count: files that are images; a byte-identical copy counts as often as it is there.
    :param labels_count: rows of ``annotations``, statements that nothing is in an image among them.
    :param images_written_at: by when an image that is there had last been written; ``None``: there is none.
    :param labels_written_at: the same of labels.
    :param stages: by which move each stage came to where it is now, in the stages' order.
    :param problem: why nothing more can be told of it; ``None``: all is told.
    """

    name: str
    tables: tuple[str, ...] = ()
    partitions_count: int = 0
    newest_partition: str | None = None
    images_count: int = 0
    labels_count: int = 0
    images_written_at: datetime | None = None
    labels_written_at: datetime | None = None
    stages: tuple[StageMove, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class DatasetDetails(DatasetEntry):
    """A dataset by itself.

    :param description: what people say of it.
    :param rows: by table, of those that are partitioned by key.
    :param snapshots: table to the snapshot (a string) that was looked at.
    :param partitions: the newest first; fewer than ``partitions_count`` where they were limited.
    :param moves: of all stages, the newest first. :param moves_count: how many there are.
    :param releases: the newest first. :param releases_count: how many there are.
    """

    description: Description
    rows: Mapping[str, int]
    snapshots: Mapping[str, str]
    partitions: tuple[PartitionFacts, ...]
    moves_count: int
    moves: tuple[StageMove, ...]
    releases_count: int
    releases: tuple[ReleaseFacts, ...]


def json_value(value: Any) -> Any:
    """Return a value object, or what stands in one, as JSON values."""
    if is_dataclass(value):
        return {field.name: json_value(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(value, Mapping):
        return {key: json_value(item) for key, item in value.items()}
    return [json_value(item) for item in value] if isinstance(value, (list, tuple)) else value
