"""What an audit asserts of labels in lineage, and what it says of checks that had nothing to look at."""

from __future__ import annotations

import pytest
from audit_rows import KEY, bbox, image, label, write
from defusedxml import ElementTree

from airflow_cv_dataops.core.audit.audit import audit_labels
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS

pytestmark = pytest.mark.integration

ABOUT_BOXES_MASKS_AND_POINTS = {check.id for check in BUILT_IN_CHECKS if check.column in ("bbox", "segmentation", "keypoints")}


@pytest.fixture
def cells(make_dataset):
    """Two boxes without area, one of them of another category, among four labels of two images."""
    dataset = make_dataset("cells")
    write(dataset, "images", [image(name) for name in ("a.jpg", "b.jpg")])
    labels = [
        label("a.jpg", 0, bbox=bbox(10, 10, 20, 20)),
        label("a.jpg", 1, bbox=bbox(5, 5, 0, 9)),
        label("b.jpg", 0, bbox=bbox(10, 10, 20, 20), category="blob"),
        label("b.jpg", 1, bbox=bbox(30, 10, 0, 20), category="blob"),
    ]
    write(dataset, "annotations", labels, owner="default")
    return dataset


def asserted(result):
    [annotations] = [use for use in result.lineage.inputs if use.table == "annotations"]
    return {found.assertion: found for found in annotations.assertions}


def test_an_assertion_says_how_severe_the_check_is_and_what_was_wanted_and_found(cells):
    found = asserted(audit_labels(cells, KEY, severities={"negative_bbox": "info"}, on_findings="warn"))
    area, negative = found["zero_area_bbox"], found["negative_bbox"]
    assert (area.success, area.column, area.severity, area.expected, area.actual) == (False, "bbox", "error", "0", "2")
    assert area.description == "A box with a side of at most 0.01 px (`side_px`)."
    assert (negative.success, negative.severity, negative.expected, negative.actual) == (True, "info", "0", "0")


@pytest.mark.parametrize(
    ("limit", "holds", "words"),
    [
        (0, False, "<= 0"),
        (1, False, "<= 1"),
        (2, True, "<= 2"),
        ("49.9%", False, "<= 49.9% of the annotations"),
        ("50 %", True, "<= 50% of the annotations"),
    ],
)
def test_an_assertion_with_a_limit_holds_exactly_where_the_audit_does(cells, limit, holds, words):
    result = audit_labels(cells, KEY, fail_on=(), limits={"zero_area_bbox": limit})
    found = asserted(result)["zero_area_bbox"]
    assert (found.success, found.expected, found.actual) == (holds, words, "2")
    assert (result.failure is None) == holds


def test_labels_of_whole_images_leave_no_assertion_about_boxes_masks_and_keypoints(make_dataset, caplog):
    caplog.set_level("INFO")
    dataset = make_dataset("pets")
    write(dataset, "images", [image(name) for name in ("a.jpg", "b.jpg")])
    labels = [label(name, 0, task="classification", category=name[0]) for name in ("a.jpg", "b.jpg")]
    write(dataset, "annotations", labels, owner="default")
    result = audit_labels(dataset, KEY)
    details = result.summary.to_dict()
    assert set(asserted(result)) == {"missing_image", "image_without_label", "unknown_category", "rare_category", "category_imbalance"}
    silent = set(details["nothing_to_check"]) | set(details["without_predictions"])
    assert silent == {check.id for check in BUILT_IN_CHECKS} - set(asserted(result))
    assert silent > ABOUT_BOXES_MASKS_AND_POINTS
    assert result.summary.counts["by_check"]["negative_bbox"] == 0, "it ran"
    [line] = [record.getMessage() for record in caplog.records if "nothing to look at" in record.getMessage()]
    assert f"nothing to look at for {len(details['nothing_to_check'])} (" in line
    assert "suspect_label" not in line


def test_a_partition_without_labels_asserts_of_its_images_alone(make_dataset):
    dataset = make_dataset("new")
    write(dataset, "images", [image("a.jpg")])
    result = audit_labels(dataset, KEY)
    [images] = result.lineage.inputs
    found = [(one.assertion, one.column, one.success) for one in images.assertions]
    assert (images.table, found) == ("images", [("image_without_label", "file_name", False)])


def test_a_summary_says_so_where_every_check_had_something_to_look_at(cells):
    only = ["zero_area_bbox", "unknown_category"]
    result = audit_labels(cells, KEY, disabled=[check.id for check in BUILT_IN_CHECKS if check.id not in only], on_findings="warn")
    assert result.summary.to_dict()["nothing_to_check"] == []
    assert sorted(asserted(result)) == sorted(only)


def test_bccds_boxes_are_looked_at_by_every_check_about_boxes(shared_data, make_dataset):
    images, labels = [], []
    for path in sorted((shared_data("bccd") / "BCCD" / "Annotations").glob("*.xml"))[:100]:
        name, objects = f"{path.stem}.jpg", ElementTree.parse(path).getroot().iter("object")
        images.append(image(name))
        for number, found in enumerate(objects):
            left, top, right, bottom = (float(found.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
            labels.append(label(name, number, category=found.findtext("name"), bbox=bbox(left, top, right - left, bottom - top)))
    dataset = make_dataset("bccd")
    write(dataset, "images", images)
    write(dataset, "annotations", labels, owner="default")
    result = audit_labels(dataset, KEY, categories=["RBC", "WBC", "Platelets"], on_findings="warn")
    assert set(result.summary.to_dict()["nothing_to_check"]) == {
        # No ids, stated sizes, copies or classes of whole images; no masks; no keypoints.
        *("duplicate_id", "size_mismatch", "conflicting_copies", "conflicting_labels"),
        *("invalid_polygon", "invalid_rle", "bbox_segmentation_mismatch"),
        *("invalid_keypoints", "keypoint_outside_image", "no_labelled_keypoint"),
    }
    found = asserted(result)
    assert not found["near_duplicate_bbox"].success
    assert int(found["near_duplicate_bbox"].actual) == result.summary.counts["by_check"]["near_duplicate_bbox"] > 0
    assert found["conflicting_bbox"].success
