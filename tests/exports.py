"""Releases that tests export, and labels in a shape that two sides of a round trip can be compared in."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.labels.masks.coco_masks import mask_of_value, pixels_of
from airflow_cv_dataops.core.release.promote import promote_dataset

KEY = "2026-11-05"
MILLIONTH = 1e-6  # of a pixel
_COLUMNS = ("image_id", "task", "category", "bbox", "segmentation", "iscrowd", "annotator", "attributes")


@dataclass(frozen=True)
class Said:
    """One label. :param bbox: x, y, width and height in pixels."""

    category: str | None
    bbox: tuple[float, ...] | None = None
    segmentation: Any = None
    iscrowd: bool | None = None
    annotator: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


# Labels by image id; an image that is said to hold nothing has none.
Labels = dict[str, list[Said]]


def labelled(home: Path, images: Path, labels: Path, **importing: Any) -> Dataset:
    """Return a dataset of its own with these images and their labels."""
    dataset = open_dataset("data", home=str(home))
    assert ingest_images(dataset, KEY, str(images)).failure is None
    importing = {"on_findings": "skip", **importing}
    assert import_labels(dataset, KEY, str(labels), **importing).failure is None
    return dataset


def released(home: Path, images: Path, labels: Path, **importing: Any) -> Dataset:
    """Return such a dataset with a release of all of it, 60 % for training."""
    dataset = labelled(home, images, labels, **importing)
    assert promote_dataset(dataset, splits={"train": 0.6, "val": 0.2, "test": 0.2}).failure is None
    return dataset


def exported(dataset: Dataset, format: str, target: Path | None = None, **options: Any) -> tuple[Path, dict[str, Any]]:  # noqa: A002
    """Return the folder of an export, and its counts."""
    result = export_release(dataset, target=target, options=ExportOptions(format=format, **options))
    assert result.failure is None
    return Path(result.summary.details["export_uri"].removeprefix("file://")), dict(result.summary.counts)


def labels_of(dataset: Dataset, label_set: str = "default") -> Labels:
    """Return what a dataset's annotations say."""
    found: Labels = defaultdict(list)
    rows = dataset.read("annotations", columns=_COLUMNS, where=f"label_set = '{label_set}' and image_id is not null")
    for row in rows.to_pylist():
        found[row["image_id"]] += [] if row["task"] == "background" else [said(row)]
    return dict(found)


def said(row: Mapping[str, Any]) -> Said:
    """Return a row of ``annotations`` or of an export's Parquet file as a label."""
    box = row["bbox"]
    return Said(
        row["category"],
        None if box is None else tuple(box.values()),
        json.loads(row["segmentation"]) if row["segmentation"] else None,
        row["iscrowd"],
        row["annotator"],
        json.loads(row["attributes"]) if row["attributes"] else {},
    )


def images_of(dataset: Dataset) -> dict[str, tuple[int, int]]:
    """Return width and height of each image."""
    rows = dataset.read("images", columns=["image_id", "width", "height"]).to_pylist()
    return {row["image_id"]: (row["width"], row["height"]) for row in rows}


def in_order(labels: Iterable[Said]) -> list[Said]:
    return sorted(labels, key=lambda label: (label.category or "", [round(side, 3) for side in label.bbox or ()]))


def assert_same_boxes(found: Labels, expected: Labels, tolerance: float = MILLIONTH) -> None:
    """Compare image by image, category by category, box by box."""
    assert found.keys() == expected.keys()
    for image, labels in expected.items():
        ours, theirs = in_order(found[image]), in_order(labels)
        assert [label.category for label in ours] == [label.category for label in theirs]
        for one, other in zip(ours, theirs, strict=True):
            assert one.bbox == pytest.approx(other.bbox, abs=tolerance, rel=0)


def assert_same_outlines(found: Labels, expected: Labels, sizes: Mapping[str, tuple[int, int]], tolerance: float = MILLIONTH) -> int:
    """Compare polygons point by point and masks pixel by pixel. :return: how many labels have one."""
    compared = 0
    for image, labels in expected.items():
        for one, other in zip(in_order(found[image]), in_order(labels), strict=True):
            if isinstance(other.segmentation, dict):
                assert (pixels(one.segmentation, *sizes[image]) == pixels(other.segmentation, *sizes[image])).all()
            elif other.segmentation is None:
                assert one.segmentation is None
            else:
                pairs = zip(one.segmentation, other.segmentation, strict=True)
                assert all(ours == pytest.approx(theirs, abs=tolerance, rel=0) for ours, theirs in pairs)
            compared += other.segmentation is not None
    return compared


def pixels(segmentation: Any, width: int, height: int) -> Any:
    """Return the pixels of polygons or a mask as an array of height x width."""
    mask = mask_of_value(segmentation, width, height)
    assert mask is not None
    return pixels_of(mask)


def told(labels: Labels, *names: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return only these parts of labels, to compare them as they are."""
    return {image: [tuple(getattr(label, name) for name in names) for label in in_order(found)] for image, found in labels.items()}
