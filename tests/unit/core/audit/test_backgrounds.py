"""Rows that state that nothing is in an image: no labels, but the image is not unlabelled either."""

from __future__ import annotations

import json

import pytest

from airflow_cv_dataops.core.audit.check import enabled_checks
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.audit.detection.checks import badly_located_bbox, overlooked_bbox, spurious_bbox, swapped_category
from airflow_cv_dataops.core.audit.label_errors.checks import conflicting_labels
from airflow_cv_dataops.core.audit.statistics import audit_metrics, count_findings
from airflow_cv_dataops.core.audit.structure import image_without_label, missing_image
from airflow_cv_dataops.core.findings import Findings

EMPTY, UNLABELLED = "b" * 64, "c" * 64
IMAGES = [
    {},
    {"image_id": EMPTY, "source_uri": "s3://photos/empty.jpg", "file_name": "empty.jpg"},
    {"image_id": EMPTY, "source_uri": "s3://photos/empty_too.jpg", "file_name": "empty_too.jpg"},
    {"image_id": UNLABELLED, "source_uri": "s3://photos/new.jpg", "file_name": "new.jpg"},
]
PLACES = [(x, y, 50, 40) for y in (10, 100, 200, 300) for x in (10, 150, 300, 450)]


def background(image_id=EMPTY, name="empty.jpg", **more):
    place = f"s3://photos/{name}" if image_id else None
    return {"image_id": image_id, "source_uri": place, "file_name": name, "task": "background", "category": None, "bbox": None, **more}


def predicted(*boxes, score=0.95, **more):
    sides = ("x", "y", "width", "height")
    return [{"task": "detection", "bbox": dict(zip(sides, box, strict=True)), "score": score, "category": "cell", **more} for box in boxes]


def everything(data):
    """Return the findings of all checks, by check, as the statistics take them."""
    found = []
    for enabled in enabled_checks(BUILT_IN_CHECKS):
        if (rows := enabled.run(data)) is not None:
            found.append(Findings(enabled.check.id, enabled.severity, rows))
    return found


def test_an_image_in_which_nothing_is_is_not_an_image_without_label(audit_input):
    found = image_without_label(audit_input([{}, background()], images=IMAGES))
    assert found["image_id"].to_pylist() == [UNLABELLED]


def test_a_statement_is_no_label_to_any_check(audit_input):
    """It has no category and no box; two of one image are no pair; and where there is nothing else, there is nothing to audit."""
    said = [background(), background(label_set="round_2"), background(EMPTY, "empty_too.jpg")]
    assert everything(audit_input(said, images=IMAGES[1:3])) == []
    without = everything(audit_input([{}, {"category": "blob", "bbox": (200, 200, 30, 30)}], images=IMAGES[:3]))
    beside = everything(audit_input([{}, {"category": "blob", "bbox": (200, 200, 30, 30)}, *said], images=IMAGES[:3]))
    assert [found.check for found in without] == ["image_without_label", "rare_category"]
    assert [found.check for found in beside] == ["rare_category"]


@pytest.mark.parametrize(
    ("image_id", "message"), [(None, "no image of the partition is the empty"), ("d" * 64, "no longer in the partition")]
)
def test_a_statement_about_an_image_that_is_not_there_is_reported_as_a_label_would_be(audit_input, image_id, message):
    [found] = missing_image(audit_input([{}, background(image_id, "gone.jpg")])).to_pylist()
    assert message in found["message"]
    assert "gone.jpg" in found["message"]
    assert (found["annotation_id"], found["category"], found["image_id"]) == ("1", None, image_id)


def test_statements_are_counted_apart_and_by_image(audit_input):
    said = [
        background(),
        background(EMPTY, "empty_too.jpg"),
        background(None, "gone.jpg"),
        background("a" * 64, "a.jpg", label_set="other"),
    ]
    data = audit_input([{}, {"bbox": (200, 200, 30, 30)}, *said], images=IMAGES)
    counted = count_findings(data, [], [Findings("missing_image", "error", missing_image(data))])
    assert (counted.images, counted.labelled_images, counted.annotations, counted.backgrounds) == (3, 2, 2, 2)
    assert (counted.by_check, counted.annotations_with_findings, counted.label_error_rate) == ({"missing_image": 1}, 0, 0)
    assert counted.counts()["backgrounds"] == 2
    assert {metric.name: metric.value for metric in audit_metrics(counted) if not metric.dimensions}["backgrounds"] == 2
    unlabelled = image_without_label(data)
    assert counted.images - counted.labelled_images == unlabelled.num_rows


def test_what_a_model_finds_where_nothing_is_said_to_be_is_overlooked(audit_input):
    outputs = [*predicted(*PLACES), *predicted((20, 20, 60, 60), image_id=EMPTY), *predicted((20, 20, 60, 60), image_id=UNLABELLED)]
    labels = [{"bbox": box} for box in PLACES]
    [found] = overlooked_bbox(audit_input([*labels, background()], images=IMAGES, predictions=outputs)).to_pylist()
    assert (found["image_id"], found["source_uri"]) == (EMPTY, "s3://photos/empty.jpg")
    assert json.loads(found["suggestion"])["bbox"] == [20, 20, 60, 60]
    assert overlooked_bbox(audit_input(labels, images=IMAGES, predictions=outputs)) is None, "nobody has looked at the other two"


def test_where_nothing_but_statements_is_only_overlooked_objects_can_be_judged(audit_input):
    data = audit_input([background()], images=IMAGES, predictions=predicted((20, 20, 60, 60), image_id=EMPTY))
    assert overlooked_bbox.compared_images(data).tolist() == [1]
    assert [found["image_id"] for found in overlooked_bbox(data).to_pylist()] == [EMPTY]
    for check in (badly_located_bbox, swapped_category, spurious_bbox):
        assert check.compared_images(data).tolist() == []
        assert check(data) is None


def test_labels_of_an_image_that_another_label_set_calls_empty_are_judged_as_before(audit_input):
    outputs = predicted(*PLACES, (560, 420, 50, 40))
    labels = [{"bbox": box} for box in PLACES]
    said = background("a" * 64, "a.jpg", label_set="other")
    assert overlooked_bbox(audit_input([*labels, said], predictions=outputs)).equals(
        overlooked_bbox(audit_input(labels, predictions=outputs))
    )


def test_a_statement_that_another_label_set_contradicts_is_a_conflict(audit_input):
    said = [background("a" * 64, "a.jpg", label_set="vendor"), background("a" * 64, "copy.jpg", label_set="vendor"), background()]
    [found] = conflicting_labels(audit_input([{}, *said], images=IMAGES)).to_pylist()
    assert found["message"] == "label set vendor says that nothing is in the image, which has labels of default"
    assert (found["image_id"], found["annotation_id"], found["category"], found["suggestion"]) == ("a" * 64, "1", None, None)


@pytest.mark.parametrize(
    ("labels", "is_conflict"),
    [
        ([{"label_set": "vendor", "image_id": UNLABELLED, "category": "cell"}], True),
        ([{"label_set": "vendor", "image_id": UNLABELLED, "category": "face"}], False),
        ([{"label_set": "vendor", "image_id": UNLABELLED, "category": "face"}, {"category": "face"}], True),
    ],
    ids=["both know cells", "one is about faces", "one of the labels is a face"],
)
def test_a_label_set_about_other_things_is_not_contradicted(audit_input, labels, is_conflict):
    said = background("a" * 64, "a.jpg", label_set="vendor")
    found = conflicting_labels(audit_input([{"category": "cell"}, *labels, said], images=IMAGES))
    assert (found is not None) == is_conflict


def test_a_label_set_does_not_contradict_itself_and_a_conflict_is_no_label_error(audit_input):
    assert conflicting_labels(audit_input([{}, background("a" * 64, "a.jpg")], images=IMAGES)) is None
    data = audit_input([{}, background("a" * 64, "a.jpg", label_set="vendor")], images=IMAGES)
    counted = count_findings(data, [], [Findings("conflicting_labels", "warning", conflicting_labels(data))])
    assert (counted.by_check, counted.annotations_with_findings, counted.label_error_rate) == ({"conflicting_labels": 1}, 0, 0)
