"""Labels of a release's images, read a few at a time."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.release.held_labels import LABEL_COLUMNS, HeldLabels, read_held_labels
from airflow_cv_dataops.core.release.image_index import HeldImages
from airflow_cv_dataops.core.store.schema import arrow_schema

SCHEMA = pa.schema([arrow_schema("annotations").field(name) for name in LABEL_COLUMNS])
A, B, C, D, GONE = (digit * 64 for digit in "0123f")
ITEMS = pa.table({"image_id": [A, B, C, D]})
LABELS = [
    {"image_id": A, "partition_key": "p", "source_uri": "a", "annotation_id": "1", "category": "cat", "keypoints": [1.0, 2.0, 2.0]},
    {"image_id": A, "partition_key": "p", "source_uri": "a", "annotation_id": "2", "category": "dog", "iscrowd": None},
    {"image_id": GONE, "partition_key": "p", "source_uri": "b", "annotation_id": "3", "category": "dog"},  # of a file that has changed
    {"image_id": None, "partition_key": "p", "source_uri": None, "annotation_id": "4", "category": "dog"},  # of none
    {"image_id": C, "partition_key": "p", "source_uri": "ä", "annotation_id": "5", "bbox": {"x": 1, "y": 2, "width": 3, "height": 4}},
    {"image_id": D, "partition_key": "q", "source_uri": "a", "annotation_id": "1", "category": "dog", "segmentation": "[[1, 2, 3, 4]]"},
]
LABELS = [{"label_set": "default", "task": "detection", **label} for label in LABELS]


def held(*batches: list[dict[str, Any]], at_fault: dict[str, list[str]] | None = None, items: pa.Table = ITEMS) -> HeldLabels:
    tables = [pa.Table.from_pylist(batch, schema=SCHEMA) for batch in batches]
    return read_held_labels(lambda: tables, HeldImages(items["image_id"]), {key: pa.array(ids) for key, ids in (at_fault or {}).items()})


def test_only_labels_of_items_are_held():
    found = held(LABELS)
    assert (found.count, found.images, dict(found.by_category)) == (4, 3, {"cat": 1, "dog": 2})
    assert (found.of_other_images, found.conflicting_copies) == (1, 0)


def test_labels_of_a_copy_are_labels_of_the_image_and_what_copies_say_alike_counts_once():
    copy = {**LABELS[0], "partition_key": "q", "source_uri": "copy"}
    alone = held(LABELS[:1])
    assert held([copy]).count == 1
    assert held([LABELS[0], copy]) == held([copy, LABELS[0]]) == held([LABELS[0]], [copy]) == alone
    assert held([LABELS[0], {**copy, "partition_key": "p"}]) == alone, "in one partition as in two"


def test_the_same_label_twice_at_one_place_stays_twice():
    again, copy = {**LABELS[0], "annotation_id": "9"}, {**LABELS[0], "partition_key": "q"}
    assert held([LABELS[0], again]).count == 2
    found = held([LABELS[0], again, copy])
    assert (found.count, found.conflicting_copies, found.by_category) == (2, 1, {"cat": 2})


def test_copies_that_are_labelled_differently_keep_all_labels_and_are_counted():
    other = {**LABELS[0], "partition_key": "q", "category": "dog"}
    found = held([LABELS[0], LABELS[1], {**LABELS[0], "partition_key": "q"}, other])
    assert (found.count, found.conflicting_copies, dict(found.by_category)) == (3, 1, {"cat": 1, "dog": 2})
    assert held([LABELS[0], {**other, "label_set": "round_2"}]).conflicting_copies == 0, "another label set says what it likes"
    assert held([LABELS[0], {**LABELS[4], "partition_key": "q"}]).conflicting_copies == 0, "as may labels of another image"


@pytest.mark.parametrize("size", [1, 2, 5])
def test_batches_do_not_matter_where_there_are_copies_either(size):
    copies = [{**label, "partition_key": "z", "source_uri": f"z{at % 2}"} for at, label in enumerate(LABELS)]
    labels = [*LABELS, *copies, {**copies[0], "category": "cow"}]
    whole = held(labels)
    assert held(*(labels[start : start + size] for start in range(0, len(labels), size))) == whole
    assert held(list(reversed(labels))) == whole


def test_an_annotation_id_is_at_fault_in_its_own_partition_alone():
    assert held(LABELS, at_fault={"q": ["1"], "p": ["5", "3"], "r": ["1"]}).wrong == 2


@pytest.mark.parametrize("size", [1, 2, 3])
def test_batches_do_not_matter(size):
    whole = held(LABELS)
    assert held(*(LABELS[start : start + size] for start in range(0, len(LABELS), size))) == whole
    assert held(list(reversed(LABELS))) == whole


@pytest.mark.parametrize(
    "change", [{"iscrowd": True}, {"keypoints": [1.0, 2.0, 1.0]}, {"category": "cow"}, {"bbox": {"x": 0, "y": 0, "width": 1, "height": 1}}]
)
def test_the_digest_is_of_what_labels_say(change):
    assert held([{**LABELS[0], **change}, *LABELS[1:]]).digest != held(LABELS).digest
    assert held([*LABELS[:2], {**LABELS[2], **change}, *LABELS[3:]]).digest == held(LABELS).digest, "of what is not held, nothing counts"


def test_where_a_label_was_read_does_not_count():
    assert held([{**LABELS[0], "partition_key": "z"}, *LABELS[4:6]]).digest == held([LABELS[0], *LABELS[4:6]]).digest


def test_no_items_hold_no_labels():
    none = held(LABELS, items=ITEMS.slice(0, 0))
    assert (none.count, none.of_other_images) == (0, 5)
    assert held(items=ITEMS.slice(0, 0)) == held()
