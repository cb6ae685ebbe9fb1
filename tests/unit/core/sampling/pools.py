"""Pools of a few images for tests, made of rows that are written down."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.store.schema import arrow_schema


class Listed:
    """Rows of a stored table, kept in memory; columns that a row leaves out are null."""

    def __init__(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        schema = pa.schema([field.with_nullable(True) for field in arrow_schema(table)])
        self._rows = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
        rows = self._rows.select(list(columns))
        for start in range(0, rows.num_rows, batch_rows):
            yield rows.slice(start, batch_rows)


class InBatches(Listed):
    """The same, at most ``size`` rows at a time, whatever is asked for."""

    def __init__(self, table: str, rows: Sequence[Mapping[str, Any]], size: int) -> None:
        super().__init__(table, rows)
        self._size = size

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
        return super().batches(columns, min(batch_rows, self._size))


def images(names: Sequence[str], **columns: Sequence[Any]) -> pa.Table:
    """Return images whose names are their ids."""
    names = list(names)
    uris = [f"/data/{name}.jpg" for name in names]
    always = {"image_id": names, "source_uri": uris, "storage_uri": uris, "file_name": [f"{name}.jpg" for name in names]}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in always.items()})
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def classified(image: str, probabilities: Mapping[str, float] | None = None, **row: Any) -> dict[str, Any]:
    """Return a prediction of a classifier; its category is the most probable one."""
    stated: dict[str, Any] = {"prediction_id": f"p-{image}", "image_id": image, "task": "classification"}
    if probabilities:
        stated["probabilities"], stated["classes"] = list(probabilities.values()), json.dumps(list(probabilities))
        stated["category"] = max(probabilities, key=lambda name: probabilities[name])
        stated["score"] = probabilities[stated["category"]]
    return {**stated, **row}


def box(image: str, category: str | None, corner: float = 0, score: float | None = None, size: float = 10, **row: Any) -> dict[str, Any]:
    """Return a label or a prediction: a square whose top-left corner is at (corner, 0)."""
    bbox = {"x": float(corner), "y": 0.0, "width": float(size), "height": float(size)}
    key = f"{image}-{category}-{corner}-{score}"
    return {"image_id": image, "prediction_id": key, "task": "detection", "category": category, "score": score, "bbox": bbox, **row}


def pool_of(names: Sequence[str], rows: Sequence[Mapping[str, Any]] = (), **arguments: Any) -> Pool:
    """Return a pool with predictions of one model, ``m``."""
    return Pool(images(names), {"m": Listed("predictions", rows)}, "m", **arguments)
