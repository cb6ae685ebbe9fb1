"""Rows of images and labels for audits, written as they are, without files behind them."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from airflow_cv_dataops.core.store.schema import arrow_schema

KEY = "2026-11-05"
NOW = datetime(2026, 11, 5, tzinfo=UTC)


def write(dataset, table: str, rows: list[dict[str, Any]], *, owner: str | None = None, key: str = KEY) -> None:
    names = {name for row in rows for name in row}
    schema = pa.schema([field for field in arrow_schema(table) if field.name in names])
    dataset.replace_partition(table, key, pa.Table.from_pylist(rows, schema), owner=owner)


def image(name: str, width: int = 640, height: int = 480) -> dict[str, Any]:
    uri, kept_at = f"s3://photos/{name}", f"file:///photos/{name}"  # where nothing is: a report finds that out at once
    measured = {"bytes": 1, "format": "JPEG", "width": width, "height": height, "mode": "RGB", "frames": 1, "ingested_at": NOW}
    image_id = hashlib.sha256(name.encode()).hexdigest()
    return {"source_uri": uri, "image_id": image_id, "file_name": name, "storage_uri": kept_at, **measured}


def label(name: str, number: int, **more: Any) -> dict[str, Any]:
    joined = {"image_id": hashlib.sha256(name.encode()).hexdigest(), "source_uri": f"s3://photos/{name}", "file_name": name}
    made = {"annotation_id": f"{name}:{number}", "task": "detection", "format": "voc", "source": f"s3://labels/{name}.xml"}
    return {**made, **joined, "category": "cell", "bbox": None, **more}


def bbox(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x": x, "y": y, "width": width, "height": height}
