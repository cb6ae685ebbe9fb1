"""Releases for tests of comparisons, from labels in a few words, and the plain way to compare them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from unit.core.release.release_rows import image_id, source, write_images

from airflow_cv_dataops.core.release.lookup import read_release
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.release.reader import Release
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema

KEY = "2026-11-05"


def label(image: str, category: str | None = "cat", bbox: Sequence[float] | None = (10, 10, 20, 20), **more: Any) -> dict[str, Any]:
    """Return a label of an image: a box, or of the image as a whole, where it has none. ``id`` is its place in the label file."""
    return {"image": image, "category": category, "bbox": bbox, "task": "detection" if bbox else "classification", **more}


def write_labels(dataset: Dataset, labels: Iterable[Mapping[str, Any]], *, key: str = KEY, label_set: str = "default") -> None:
    """Write the labels of a partition and label set in the place of those that there are."""
    rows = []
    for place, given in enumerate(labels):
        row = {name: given[name] for name in ("category", "task", "segmentation", "iscrowd", "keypoints", "attributes") if name in given}
        bbox = given.get("bbox")
        rows.append(
            {
                **row,
                "annotation_id": hashlib.sha256(f"{label_set}/{given.get('id', place)}".encode()).hexdigest()[:32],
                "image_id": image_id(given.get("content", given["image"])),
                "source_uri": source(key, given["image"]),
                "file_name": f"{given['image']}.png",
                "bbox": None if bbox is None else dict(zip(("x", "y", "width", "height"), map(float, bbox), strict=True)),
                "format": "coco",
                "source": f"s3://landing/{key}/labels.json",
            }
        )
    columns = [column for column in arrow_schema("annotations") if column.name not in ("partition_key", "label_set")]
    dataset.replace_partition("annotations", key, pa.Table.from_pylist(rows, schema=pa.schema(columns)), owner=label_set)


def release(dataset: Dataset, **more: Any) -> Release:
    """Promote what the tables hold, and return the release."""
    result = promote_dataset(dataset, **{"splits": {"train": 1.0}, "allow_backwards": True, **more})
    assert result.failure is None, result.failure
    return read_release(dataset, more.get("stage", "production"))


def two_releases(
    dataset: Dataset, before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]], images: Sequence[str] = "abcde"
) -> None:
    """Make v1 and v2 of the same images with these labels."""
    write_images(dataset, KEY, images)
    write_labels(dataset, before)
    release(dataset)
    write_labels(dataset, after)
    release(dataset)
