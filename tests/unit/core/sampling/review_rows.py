"""Labels, predictions and what a review judges of them, for tests."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from airflow_cv_dataops.core.sampling.review.reading import ReviewSources
from airflow_cv_dataops.core.sampling.review.verdicts import RIGHT, UNANSWERED, UNCLEAR, WITHOUT_PREDICTION, WRONG, Verdicts, verdicts
from airflow_cv_dataops.core.store.schema import arrow_schema

NAMES = {UNANSWERED: "unanswered", UNCLEAR: "unclear", WITHOUT_PREDICTION: "without_prediction", RIGHT: "right", WRONG: "wrong"}


def said(image: str, category: str | None = None, bbox: tuple[float, ...] | None = None, **more: Any) -> dict[str, Any]:
    """Return a label; without category: that nothing is there."""
    task = "background" if category is None and bbox is None else "detection" if bbox else "classification"
    return {"image_id": image, "category": category, "bbox": box(bbox), "task": task, "label_set": "default", **_file(image)} | more


def predicted(
    image: str, category: str | None, score: float | None = 0.9, bbox: tuple[float, ...] | None = None, **more: Any
) -> dict[str, Any]:
    task = "detection" if bbox else "classification"
    return {"image_id": image, "category": category, "score": score, "bbox": box(bbox), "task": task, **_file(image)} | more


def _file(image: str) -> dict[str, str]:
    return {"partition_key": "monday", "source_uri": image}


def box(sides: tuple[float, ...] | None) -> dict[str, float] | None:
    return None if sides is None else dict(zip(("x", "y", "width", "height"), sides, strict=True))


def judged(
    images: str, labels: list[dict[str, Any]], predictions: list[dict[str, Any]], *, boxes: bool = False, **arguments: Any
) -> tuple[dict[str, str], Verdicts]:
    """Return the verdict of each image (a letter each) in words."""
    labels = [{"annotation_id": str(number)} | row for number, row in enumerate(labels)]
    predictions = [{"prediction_id": str(number)} | row for number, row in enumerate(predictions)]
    sources = ReviewSources(
        table("samples", [], ("image_id",)),
        table("samples", [], ("image_id",)),
        pa.array(sorted(images)),
        table(
            "annotations",
            labels,
            ("partition_key", "label_set", "annotation_id", "image_id", "source_uri", "annotator", "task", "category", "bbox", "iscrowd"),
        ),
        table(
            "predictions", predictions, ("partition_key", "prediction_id", "image_id", "source_uri", "task", "category", "score", "bbox")
        ),
        "m",
        not boxes,
        [],
        {},
    )
    found = verdicts(sources, **({"min_score": 0.5, "iou": 0.5} | arguments))
    return {name: NAMES[state] for name, state in zip(sorted(images), found.state.tolist(), strict=True)}, found


def table(name: str, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pa.Table:
    schema = arrow_schema(name)
    return pa.Table.from_pylist(rows, pa.schema([schema.field(column) for column in columns]))
