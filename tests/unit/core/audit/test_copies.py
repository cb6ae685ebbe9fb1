from __future__ import annotations

import pytest

from airflow_cv_dataops.core.audit.copies import conflicting_copies

COPY = {"source_uri": "s3://photos/copy.jpg", "file_name": "copy.jpg"}
IMAGES = [{}, COPY]


def test_copies_with_different_boxes_are_found_once_a_file(audit_input):
    third = {"source_uri": "s3://photos/third.jpg", "file_name": "third.jpg"}
    labels = [{}, {"bbox": (1, 1, 5, 5)}, {**COPY, "bbox": (2, 2, 5, 5)}, {**third, "bbox": (1, 1, 5, 5)}, third]
    found = conflicting_copies(audit_input(labels, images=[*IMAGES, third]))
    assert found.to_pylist() == [
        {
            "message": "byte-identical to a.jpg, which is labelled differently",
            "image_id": "a" * 64,
            "source_uri": "s3://photos/copy.jpg",
            "score": None,
            "suggestion": None,
        }
    ]


def test_copies_that_are_labelled_alike_or_not_at_all_are_in_no_conflict(audit_input):
    alike = [{}, {"bbox": (1, 1, 5, 5)}, {**COPY, "bbox": (1, 1, 5, 5)}, COPY]
    assert conflicting_copies(audit_input(alike, images=IMAGES)) is None
    assert conflicting_copies(audit_input([{}, {"bbox": (1, 1, 5, 5)}], images=IMAGES)) is None
    assert conflicting_copies(audit_input([], images=IMAGES)) is None


def test_two_label_sets_may_differ_and_classes_are_another_checks(audit_input):
    assert conflicting_copies(audit_input([{}, {**COPY, "label_set": "round_2", "bbox": (1, 1, 5, 5)}], images=IMAGES)) is None
    classes = [{"task": "classification", "category": "cat"}, {**COPY, "task": "classification", "category": "dog"}]
    assert conflicting_copies(audit_input(classes, images=IMAGES)) is None


@pytest.mark.parametrize(
    "other",
    [{"category": "other"}, {"segmentation": "[[1, 2, 3, 4, 5, 6]]"}, {"keypoints": [1.0, 2.0, 2.0]}, {"iscrowd": True}, {"bbox": None}],
    ids=lambda other: next(iter(other)),
)
def test_whatever_is_drawn_counts(audit_input, other):
    found = conflicting_copies(audit_input([{}, {**COPY, **other}], images=IMAGES))
    assert found is not None
    assert found["source_uri"].to_pylist() == ["s3://photos/copy.jpg"]


def test_a_label_more_on_one_copy_counts(audit_input):
    assert conflicting_copies(audit_input([{}, {}, COPY], images=IMAGES)).num_rows == 1
