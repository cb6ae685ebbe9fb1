"""Checks that go by predictions say on which images they can compare, and predictions that speak of other things are refused."""

from __future__ import annotations

import json

import pytest

from airflow_cv_dataops.core.audit.check import Check
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.audit.detection.checks import overlooked_bbox, spurious_bbox
from airflow_cv_dataops.core.audit.label_errors.checks import disputed_label, suspect_label
from airflow_cv_dataops.core.audit.masks.predicted import doubtful_mask
from airflow_cv_dataops.core.audit.shared_categories import SharedCategories, check_shared, in_words, shared_categories
from airflow_cv_dataops.core.errors import ConfigurationError

BOX = {"x": 10, "y": 10, "width": 50, "height": 40}
MASK = json.dumps([[10, 10, 60, 10, 60, 50, 10, 50]])
IMAGES = [{}, {"image_id": "b" * 64, "source_uri": "s3://photos/b.jpg", "file_name": "b.jpg"}]


def box(category="cell", **more):
    return {"task": "detection", "bbox": BOX, "category": category, "score": 0.9, **more}


def probabilities(*classes, **more):
    return {"probabilities": [1 / len(classes)] * len(classes), "classes": json.dumps(classes), **more}


def compared(check, data):
    return check.compared_images(data).tolist()


def test_a_check_that_goes_by_no_predictions_compares_nothing_and_runs(audit_input):
    assert {check.id for check in BUILT_IN_CHECKS if check.compared_images(audit_input([{}])) is not None} == {
        *("suspect_label", "disputed_label", "overlooked_bbox", "badly_located_bbox", "swapped_category", "spurious_bbox"),
        *("doubtful_mask", "unusable_pixel_probabilities"),
    }


@pytest.mark.parametrize("image_id", [None, "f" * 64])
def test_predictions_of_no_image_of_the_partition_are_nothing_to_compare_with(audit_input, image_id):
    outputs = [box(image_id=image_id, segmentation=MASK), probabilities("cell", "blob", image_id=image_id)]
    labels = [{"segmentation": MASK}, {"task": "classification", "bbox": None}]
    data = audit_input(labels, predictions=outputs)
    for check in BUILT_IN_CHECKS:
        assert not any(check.compared_images(data) if check.compared_images(data) is not None else ()), check.id
    assert shared_categories(data, BUILT_IN_CHECKS) == []


def test_boxes_are_compared_on_images_that_have_both(audit_input):
    data = audit_input([{}], images=IMAGES, predictions=[box(), box(image_id="b" * 64)])
    assert compared(overlooked_bbox, data) == compared(spurious_bbox, data) == [0]
    assert compared(overlooked_bbox, audit_input([{"image_id": "b" * 64}], images=IMAGES, predictions=[box()])) == []
    crowd = audit_input([{"iscrowd": True}], predictions=[box()])
    assert (compared(overlooked_bbox, crowd), compared(spurious_bbox, crowd)) == ([0], [])


def test_box_labels_are_not_judged_by_probabilities_of_whole_images(audit_input):
    data = audit_input([{}], predictions=[probabilities("cell", "blob")])
    assert compared(suspect_label, data) == compared(disputed_label, data) == []
    data = audit_input([{"task": "classification", "bbox": None}], predictions=[probabilities("cell", "blob")])
    assert compared(suspect_label, data) == compared(disputed_label, data) == [0]


def test_masks_are_compared_where_both_are(audit_input):
    assert compared(doubtful_mask, audit_input([{"segmentation": MASK}], predictions=[box(segmentation=MASK)])) == [0]
    assert compared(doubtful_mask, audit_input([{}], predictions=[box(segmentation=MASK)])) == []


def test_a_check_of_ones_own_may_say_on_what_it_compares(audit_input):
    data = audit_input([{}], images=IMAGES, predictions=[box(image_id="b" * 64)])
    reads = ("predictions.bbox",)
    assert compared(Check("mine", "info", "", "", lambda data: None, reads=reads), data) == [1]
    said = Check("mine", "info", "", "", lambda data: None, reads=reads, compares=lambda data: data.image_row)
    assert compared(said, data) == [0]


def test_categories_are_compared_by_kind_and_model(audit_input):
    labels = [
        {},
        {"category": None},
        {"category": "rbc", "segmentation": MASK},
        {"task": "classification", "bbox": None, "category": "sharp"},
    ]
    outputs = [box("1", model="m"), box("2", model="n"), box("cell", model="n"), probabilities("sharp", "dim", model="k")]
    found = {(shared.kind, shared.model): shared for shared in shared_categories(audit_input(labels, predictions=outputs), BUILT_IN_CHECKS)}
    assert {key: shared.is_disjoint for key, shared in found.items()} == {
        ("boxes", "m"): True,
        ("boxes", "n"): False,
        ("classes", "k"): False,
    }
    assert found["boxes", "n"].to_dict() == {"model": "n", "kind": "boxes", "only_labels": ["rbc"], "only_predictions": ["2"]}
    assert found["classes", "k"].only_labels == []


@pytest.mark.parametrize(
    ("labels", "outputs"),
    [([], [box("1")]), ([{"category": None}], [box("1")]), ([{}], [box(None)]), ([{}], []), ([{}], [probabilities("1", "2")])],
)
def test_where_one_side_has_nothing_to_say_the_other_does_not_disagree(audit_input, labels, outputs):
    assert shared_categories(audit_input(labels, predictions=outputs), BUILT_IN_CHECKS) == []


def test_checks_that_are_off_compare_nothing(audit_input):
    data = audit_input([{}], predictions=[box("1")])
    assert shared_categories(data, BUILT_IN_CHECKS)[0].is_disjoint
    assert shared_categories(data, [suspect_label]) == []


MANY = SharedCategories("boxes", "m", frozenset({"RBC", "WBC"}), frozenset(f"{number:02d}" for number in range(40)))


def test_no_category_in_common_is_an_error_that_names_both_sides_and_the_remedy():
    with pytest.raises(ConfigurationError) as error:
        check_shared([MANY], None, lambda shared: shared, "cells.predictions, partition a,")
    for words in ("Model 'm'", "RBC, WBC", "00, 01", "… and 30 more", "coco_reference", "classes", "cells.predictions, partition a,"):
        assert words in str(error.value)
    assert "10, 11" not in str(error.value)


def test_a_category_in_common_in_the_taxonomy_or_elsewhere_is_enough():
    check_shared([MANY], ["RBC", "03"], lambda shared: shared, "")
    check_shared([MANY], None, lambda shared: SharedCategories("boxes", "m", frozenset({"03"}), shared.predictions), "")


def test_what_the_model_does_not_know_is_named():
    words = in_words(SharedCategories("classes", "m", frozenset({"RBC", "WBC"}), frozenset({"RBC", "x"})))
    assert "Model 'm' has no WBC among its class probabilities" in words
