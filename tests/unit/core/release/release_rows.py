"""Rows of ``images`` and ``annotations`` for tests of releases, made without any image."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.audit.inputs import input_metrics
from airflow_cv_dataops.core.findings import Findings, findings_table
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema

NOW = datetime(2026, 11, 5, tzinfo=UTC)


def image_id(name: str) -> str:
    """Return the id of the image whose bytes are ``name``."""
    return hashlib.sha256(name.encode()).hexdigest()


def source(partition_key: str, name: str) -> str:
    return f"s3://landing/{partition_key}/{name}.png"


def write_images(
    dataset: Dataset,
    partition_key: str,
    names: Iterable[str],
    *,
    contents: Mapping[str, str] | None = None,
    more: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Write the partition's images; ``contents`` says which bytes a name has, where they are not its own, ``more`` its further columns."""
    rows = [
        {
            "source_uri": source(partition_key, name),
            "image_id": image_id((contents or {}).get(name, name)),
            "file_name": f"{name}.png",
            "storage_uri": source(partition_key, name),
            "bytes": 1,
            "format": "PNG",
            "width": 10,
            "height": 10,
            "mode": "RGB",
            "frames": 1,
            "ingested_at": NOW,
            **(more or {}).get(name, {}),
        }
        for name in names
    ]
    return dataset.replace_partition("images", partition_key, _table("images", rows))


def write_annotations(
    dataset: Dataset,
    partition_key: str,
    labels: Iterable[tuple[str, str]],
    *,
    label_set: str = "default",
    contents: Mapping[str, str] | None = None,
    attributes: Mapping[str, str] | None = None,
) -> str:
    """Write the partition's annotations: name of the image and category; ``attributes`` of the labels of an image as JSON."""
    rows = [
        {
            "annotation_id": image_id(f"{label_set}/{partition_key}/{position}")[:32],
            "image_id": image_id((contents or {}).get(name, name)),
            "source_uri": source(partition_key, name),
            "file_name": f"{name}.png",
            "task": "detection",
            "category": category,
            "bbox": {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0},
            "format": "coco",
            "source": f"s3://landing/{partition_key}/labels.json",
            "attributes": (attributes or {}).get(name),
        }
        for position, (name, category) in enumerate(labels)
    ]
    return dataset.replace_partition("annotations", partition_key, _table("annotations", rows), owner=label_set)


def write_backgrounds(
    dataset: Dataset, partition_key: str, names: Iterable[str], *, label_set: str = "backgrounds", contents: Mapping[str, str] | None = None
) -> str:
    """Say of the partition's images of these names that nothing is in them."""
    rows = [
        {
            "annotation_id": annotation_id(partition_key, position, label_set),
            "image_id": image_id((contents or {}).get(name, name)),
            "source_uri": source(partition_key, name),
            "file_name": f"{name}.png",
            "task": "background",
            "format": "yolo",
            "source": f"s3://landing/{partition_key}/{name}.txt",
        }
        for position, name in enumerate(names)
    ]
    return dataset.replace_partition("annotations", partition_key, _table("annotations", rows), owner=label_set)


def write_findings(dataset: Dataset, partition_key: str, *findings: tuple[str, str, str | None], images: Sequence[str | None] = ()) -> str:
    """Write findings: check, severity, annotation id; ``images``: the names of the images that they are about."""
    parts = []
    for position, (check, severity, annotation) in enumerate(findings):
        image = images[position] if images else None
        rows = {"message": f"finding {position}", "annotation_id": annotation, "image_id": None if image is None else image_id(image)}
        parts.append(Findings(check, severity, pa.table({name: pa.array([value], pa.string()) for name, value in rows.items()})))
    return dataset.replace_partition("findings", partition_key, findings_table("label_audit", parts), owner="label_audit")


def write_audit(dataset: Dataset, partition_key: str, *checks: str, audit: str = "label_audit") -> None:
    """Say that the partition was audited as it is now, by these checks, and that they found nothing."""
    counts = [Metric("findings", 0, {"check": check, "severity": "error"}) for check in checks]
    tables = ("images", "annotations", "predictions")
    looked_at = input_metrics(dataset, partition_key, dataset.snapshots(tables), dict.fromkeys(tables))
    write_metrics(dataset, partition_key, f"audit:{audit}", [Metric("annotations", 1), *counts, *looked_at], NOW)


def annotation_id(partition_key: str, position: int, label_set: str = "default") -> str:
    return image_id(f"{label_set}/{partition_key}/{position}")[:32]


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    wanted = arrow_schema(name)
    columns = [column for column in wanted if column.name not in ("partition_key", "label_set")]
    return pa.Table.from_pylist(rows, schema=pa.schema(columns))


@pytest.fixture
def labelled(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Ten images in two partitions, all labelled and audited."""
    dataset = make_dataset()
    for key in ("2026-11-05", "2026-11-06"):
        names = [f"{key}-{number}" for number in range(5)]
        write_images(dataset, key, names)
        write_annotations(dataset, key, [(name, "cat") for name in names])
        write_audit(dataset, key)
    return dataset
