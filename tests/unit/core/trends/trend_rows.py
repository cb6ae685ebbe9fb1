"""Partitions, numbers and releases in a few words, without any image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema

NOW = datetime(2026, 11, 5, 12, 30, tzinfo=UTC)


def write_images(dataset: Dataset, partition_key: str) -> str:
    """Write one image; return the snapshot id."""
    image = {"source_uri": f"s3://a/{partition_key}.png", "image_id": "a" * 64, "file_name": "a.png", "storage_uri": "s3://a/a.png"}
    facts = {"bytes": 1, "format": "PNG", "width": 1, "height": 1, "mode": "RGB", "frames": 1, "ingested_at": NOW}
    schema = pa.schema([field for field in arrow_schema("images") if field.name in {*image, *facts}])
    return dataset.replace_partition("images", partition_key, pa.Table.from_pylist([{**image, **facts}], schema))


def write_numbers(dataset: Dataset, partition_key: str, step: str, recorded_at: datetime = NOW, **numbers: float) -> None:
    write_metrics(dataset, partition_key, step, [Metric(name, value) for name, value in numbers.items()], recorded_at)


def write_releases(dataset: Dataset, *rows: Mapping[str, object]) -> None:
    """Append rows of ``releases``: release, stage, images (a snapshot id) and, where it was narrowed down, partition_keys."""
    required = {"content_id": "c", "items_id": "i", "gates": "[]", "metrics": "{}", "images": 1, "annotations": 0, "created_at": NOW}
    whole = [
        {
            **required,
            "sequence": number,
            "release": row["release"],
            "stage": row["stage"],
            "snapshots": json.dumps({"images": row["images"]} if row["images"] else {}),
            "partition_keys": _json(row.get("partition_keys")),
        }
        for number, row in enumerate(rows, start=1)
    ]
    assert dataset.append_if_unchanged("releases", pa.Table.from_pylist(whole, arrow_schema("releases")), None)


def _json(keys: object) -> str | None:
    return None if not isinstance(keys, Sequence) else json.dumps(keys)
