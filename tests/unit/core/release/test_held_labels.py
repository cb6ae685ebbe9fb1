"""Labels of a release's images, read a few at a time."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, HeldLabels, read_held_labels
from airflow_cv_dataops.core.store.schema import arrow_schema

SCHEMA = pa.schema([arrow_schema("annotations").field(name) for name in LABEL_COLUMNS])
ITEMS = pa.table({"partition_key": ["q", "p", "p", "p"], "source_uri": ["a", "c", "ä", "a"]})
LABELS = [
    {"partition_key": "p", "source_uri": "a", "annotation_id": "1", "category": "cat", "iscrowd": True, "keypoints": [1.0, 2.0, 2.0]},
    {"partition_key": "p", "source_uri": "a", "annotation_id": "2", "category": "dog", "iscrowd": None},
    {"partition_key": "p", "source_uri": "b", "annotation_id": "3", "category": "dog", "iscrowd": False},  # of an image that is gone
    {"partition_key": "p", "source_uri": None, "annotation_id": "4", "category": "dog"},  # of none
    {"partition_key": "p", "source_uri": "ä", "annotation_id": "5", "category": None, "bbox": {"x": 1, "y": 2, "width": 3, "height": 4}},
    {"partition_key": "q", "source_uri": "a", "annotation_id": "1", "category": "dog", "segmentation": "[[1, 2, 3, 4, 5, 6]]"},
    {"partition_key": "r", "source_uri": "a", "annotation_id": "1", "category": "cow"},  # of a partition without items
]


def held(*batches: list[dict[str, Any]], at_fault: dict[str, list[str]] | None = None, items: pa.Table = ITEMS) -> HeldLabels:
    tables = [pa.Table.from_pylist(batch, schema=SCHEMA) for batch in batches]
    return read_held_labels(tables, items, {key: pa.array(ids) for key, ids in (at_fault or {}).items()})


def test_only_labels_of_items_are_held():
    found = held(LABELS)
    assert (found.count, found.images, dict(found.by_category)) == (4, 3, {"cat": 1, "dog": 2})


def test_an_annotation_id_is_at_fault_in_its_own_partition_alone():
    assert held(LABELS, at_fault={"q": ["1"], "p": ["5", "3"], "r": ["1"]}).wrong == 2


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_do_not_matter(size):
    whole = held(LABELS)
    assert held(*(LABELS[start : start + size] for start in range(0, len(LABELS), size))) == whole
    assert held(list(reversed(LABELS))) == whole


@pytest.mark.parametrize(
    "change", [{"iscrowd": False}, {"keypoints": [1.0, 2.0, 1.0]}, {"category": "cow"}, {"bbox": {"x": 0, "y": 0, "width": 1, "height": 1}}]
)
def test_the_digest_is_of_what_labels_say(change):
    assert held([{**LABELS[0], **change}, *LABELS[1:]]).digest != held(LABELS).digest
    assert held([*LABELS[:2], {**LABELS[2], **change}, *LABELS[3:]]).digest == held(LABELS).digest, "of what is not held, nothing counts"


def test_where_a_label_was_read_does_not_count():
    moved = pa.table({"partition_key": ["z", "p", "p", "q"], "source_uri": ["a", "c", "ä", "a"]})
    assert held([{**LABELS[0], "partition_key": "z"}, *LABELS[4:6]], items=moved).digest == held([LABELS[0], *LABELS[4:6]]).digest


def test_no_items_hold_no_labels():
    assert held(LABELS, items=ITEMS.slice(0, 0)) == held(items=ITEMS.slice(0, 0)) == held()
