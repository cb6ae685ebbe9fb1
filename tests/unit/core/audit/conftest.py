"""Audit inputs in a few words: one 640 x 480 image, and labels that are right unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.store.schema import arrow_schema


def rows(table: str, defaults: dict[str, Any], given: list[dict[str, Any]]) -> pa.Table:
    """Return all columns of a table, absent ones null."""
    schema = arrow_schema(table)
    complete = [{**dict.fromkeys(schema.names), **defaults, **row} for row in given]
    return pa.Table.from_pylist(complete, pa.schema([field.with_nullable(True) for field in schema]))


@pytest.fixture
def audit_input() -> Callable[..., AuditInput]:
    """Build an input from dictionaries; a label's ``bbox`` may be a tuple, and its annotation id is its place in the list."""

    def build(
        annotations: list[dict[str, Any]],
        *,
        images: list[dict[str, Any]] | None = None,
        predictions: list[dict[str, Any]] | None = None,
        categories: tuple[str, ...] | None = None,
    ) -> AuditInput:
        image = {"image_id": "a" * 64, "source_uri": "s3://photos/a.jpg", "file_name": "a.jpg", "width": 640, "height": 480}
        label = {
            "label_set": "default",
            "image_id": "a" * 64,
            "source_uri": "s3://photos/a.jpg",
            "file_name": "a.jpg",
            "task": "detection",
            "category": "cell",
            "bbox": (10, 10, 50, 40),
            "source": "s3://labels/coco.json",
        }
        labels = [{"annotation_id": str(number), **label, **row} for number, row in enumerate(annotations)]
        for row in labels:
            if isinstance(row["bbox"], tuple):
                row["bbox"] = dict(zip(("x", "y", "width", "height"), row["bbox"], strict=True))
        outputs = [{"prediction_id": str(number), **row} for number, row in enumerate(predictions or [])]
        return AuditInput(
            rows("images", image, [{}] if images is None else images),
            rows("annotations", {}, labels),
            rows("predictions", {"model": "m", "task": "classification", "image_id": "a" * 64}, outputs),
            categories,
        )

    return build


@pytest.fixture
def flagged() -> Callable[[pa.Table | None], list[str]]:
    """Return the annotation ids of findings rows."""
    return lambda found: [] if found is None else found["annotation_id"].to_pylist()
