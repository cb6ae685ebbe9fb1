"""Rows of small datasets to sample from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from airflow_cv_dataops.core.store.objects import read_uri
from airflow_cv_dataops.core.store.schema import arrow_schema

KEY = "2026-11-05"
NOW = datetime(2026, 11, 5, tzinfo=UTC)
CLASSES = json.dumps(["cat", "dog"])


def write(dataset, table: str, rows: list[dict[str, Any]], *, key: str = KEY, owner: str | None = None) -> None:
    names = {name for row in rows for name in row} or {arrow_schema(table).names[1]}
    schema = pa.schema([field for field in arrow_schema(table) if field.name in names])
    dataset.replace_partition(table, key, pa.Table.from_pylist(rows, schema), owner=owner)


def image(name: str, image_id: str | None = None, **more: Any) -> dict[str, Any]:
    uri = f"s3://photos/{name}.png"
    measured = {"bytes": 1, "format": "PNG", "width": 8, "height": 8, "mode": "L", "frames": 1, "ingested_at": NOW}
    file_name = f"{name}.png"
    return {"source_uri": uri, "image_id": image_id or name, "file_name": file_name, "storage_uri": f"{uri}?kept", **measured, **more}


def output(name: str, *, cat: float | None = None, task: str = "classification", number: int = 0, **more: Any) -> dict[str, Any]:
    made = {"prediction_id": f"{name}{number}", "image_id": name, "file_name": f"{name}.png", "task": task, "source": "s3://p.json"}
    if cat is not None:
        made |= {"probabilities": [cat, 1 - cat], "classes": CLASSES, "category": "cat" if cat >= 0.5 else "dog"}
    return made | more


def box(name: str, score: float, category: str = "cell", number: int = 0) -> dict[str, Any]:
    bbox = {"x": 1.0, "y": 1.0, "width": 4.0, "height": 4.0}
    return output(name, task="detection", score=score, category=category, number=number, bbox=bbox)


def label(name: str | None, **more: Any) -> dict[str, Any]:
    made = {
        "annotation_id": f"label of {name}",
        "file_name": f"{name}.png",
        "task": "classification",
        "format": "csv",
        "source": "s3://l.csv",
    }
    return {**made, "image_id": name, "category": "cat", **more}


def manifest_of(result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in read_uri(result.summary.details["manifest_uri"]).decode().split("\n") if line]


def chosen(result) -> list[str]:
    """Return the ids of the batch, in order of rank."""
    return [entry["image_id"] for entry in manifest_of(result)]
