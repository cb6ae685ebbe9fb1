"""Checks say how much there is to look at; where there is nothing, that they found nothing says nothing."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.audit.audit_input import BASE_COLUMNS
from airflow_cv_dataops.core.audit.check import Check, enabled_checks
from airflow_cv_dataops.core.audit.checks import BUILT_IN_CHECKS
from airflow_cv_dataops.core.audit.finding_rows import annotation_rows
from airflow_cv_dataops.core.audit.looked_at import nothing_to_check, things_looked_at
from airflow_cv_dataops.core.findings import Findings
from airflow_cv_dataops.core.store.schema import TABLES

WITHOUT_PREDICTIONS = [check for check in BUILT_IN_CHECKS if not any(name.startswith("predictions.") for name in check.reads)]
BOXES = {check.id for check in WITHOUT_PREDICTIONS if "bbox" in check.id}
MASKS_AND_POINTS = {"invalid_polygon", "invalid_rle", "invalid_keypoints", "keypoint_outside_image", "no_labelled_keypoint"}
# Their findings are also labels that have nothing to look at, but should.
ALSO_FIND_WHAT_IS_ABSENT = {"invalid_polygon", "invalid_keypoints"}

CLASS = {"task": "classification", "bbox": None}
EMPTY = {"task": "background", "bbox": None, "category": None}
POLYGON, SLIVER = json.dumps([[10, 10, 60, 10, 60, 50]]), json.dumps([[10, 10, 60]])
RLE = json.dumps({"size": [480, 640], "counts": [100, 50, 480 * 640 - 150]})
POINT, HIDDEN, UNLABELLED = [20.0, 20.0, 2.0], [20.0, 20.0, 1.0], [0.0, 0.0, 0.0]
COPIES = [{}, {"source_uri": "s3://photos/b.jpg", "file_name": "b.jpg"}]
ON_COPY = {"source_uri": "s3://photos/b.jpg", "file_name": "b.jpg"}
UNKNOWN = {"image_id": "f" * 64, "source_uri": None}


def looked_at(name, data, **thresholds):
    [enabled] = [one for one in enabled_checks(BUILT_IN_CHECKS, thresholds={name: thresholds}) if one.check.id == name]
    return things_looked_at(enabled, data)


def without_anything(data, checks=WITHOUT_PREDICTIONS):
    """The checks that would leave no assertion."""
    enabled, none = enabled_checks(checks), pa.table({"message": pa.array([], pa.string())})
    found = [Findings(one.check.id, one.severity, none if (rows := one.run(data)) is None else rows) for one in enabled]
    return set(nothing_to_check(enabled, found, data))


def test_the_log_counts_the_checks_that_could_not_look_and_names_a_few(audit_input, caplog):
    caplog.set_level(logging.INFO, logger="airflow_cv_dataops.core.audit.looked_at")
    data = audit_input([CLASS])
    enabled, none = enabled_checks(BUILT_IN_CHECKS), pa.table({"message": pa.array([], pa.string())})
    found = [Findings(one.check.id, one.severity, none) for one in enabled if one.check in WITHOUT_PREDICTIONS]
    nothing = nothing_to_check(enabled, found, data)
    (line,) = caplog.messages
    without_predictions = len(BUILT_IN_CHECKS) - len(WITHOUT_PREDICTIONS)
    assert line.startswith(f"{len(nothing) + without_predictions} checks could not look")
    assert f"nothing to look at for {len(nothing)} ({', '.join(nothing[:4])} and {len(nothing) - 4} more), " in line
    assert line.endswith(f"no predictions to compare labels with for {without_predictions}")
    assert len(line) < 250


def test_in_an_empty_partition_there_is_nothing_to_look_at(audit_input):
    assert without_anything(audit_input([], images=[])) == {check.id for check in WITHOUT_PREDICTIONS}


def test_images_without_any_label_are_looked_at_by_one_check(audit_input):
    assert {check.id for check in WITHOUT_PREDICTIONS} - without_anything(audit_input([])) == {"image_without_label"}


def test_labels_of_whole_images_are_no_boxes_masks_or_keypoints(audit_input):
    silent = without_anything(audit_input([{**CLASS, "category": name} for name in ("cat", "dog")]))
    assert silent >= BOXES | MASKS_AND_POINTS
    assert {check.id for check in WITHOUT_PREDICTIONS} - silent == {
        *("missing_image", "image_without_label", "unknown_category", "rare_category", "category_imbalance", "conflicting_labels"),
    }


def test_boxes_are_looked_at_by_all_that_is_about_one_box(audit_input):
    silent = without_anything(audit_input([{}], categories=("cell", "blob")))
    assert silent == {
        # Nothing is said twice, there is one category, and no mask, keypoint, id or stated size.
        *("duplicate_id", "conflicting_copies", "size_mismatch", "single_category", "category_imbalance", "conflicting_bbox"),
        *("conflicting_labels", "outlying_bbox_size", "outlying_bbox_shape", "bbox_segmentation_mismatch"),
        *MASKS_AND_POINTS,
    }


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("missing_image", [{}, EMPTY], 2),
        ("image_without_label", [], 1),
        ("unknown_category", [{"category": None}, {}, EMPTY], 2),
        ("duplicate_id", [{"source_id": "7"}, {}], 1),
        ("size_mismatch", [{"stated_width": 640}, {"stated_height": 480}, {}], 2),
        ("size_mismatch", [{"stated_width": 640, "stated_height": 480, **UNKNOWN}], 0),
        ("rare_category", [{}, {"category": None}], 1),
        ("category_imbalance", [{}, {}], 0),
        ("category_imbalance", [{}, {"category": "blob"}], 2),
        ("missing_bbox", [{}, {"bbox": None}, CLASS, {"task": "segmentation"}], 2),
        ("non_finite_bbox", [{}, {"bbox": (1, 1, float("nan"), 2)}, {"bbox": None}], 2),
        ("negative_bbox", [{}, {"bbox": (1, 1, float("nan"), 2)}, {"bbox": (1, 1, -2, 2)}], 2),
        ("zero_area_bbox", [{}, {"bbox": (1, 1, 0, 2)}, {"bbox": (1, 1, -2, 2)}], 2),
        ("bbox_partly_outside", [{}, UNKNOWN, {"bbox": (1, 1, 0, 2)}], 1),
        ("bbox_outside_image", [{}, UNKNOWN], 1),
        ("tiny_bbox", [{}, UNKNOWN, {"bbox": (1, 1, 0, 2)}], 2),
        ("full_image_bbox", [UNKNOWN], 0),
        ("outlying_bbox_size", [{}] * 20 + [{"category": "blob"}], 20),
        ("outlying_bbox_size", [{}] * 19 + [{"iscrowd": True}], 0),
        ("outlying_bbox_shape", [{}] * 20, 20),
        ("outlying_bbox_shape", [{"bbox": (0, 0, 9, 9)}] * 20, 0),
        ("duplicate_bbox", [{}], 1),
        ("near_duplicate_bbox", [{}, {"bbox": None}], 1),
        ("conflicting_bbox", [{}, {"annotator": "ann"}, {"label_set": "second"}, {"task": "keypoints"}], 0),
        ("conflicting_bbox", [{}, {"bbox": (300, 300, 9, 9)}, {"bbox": (1, 1, 0, 0)}], 2),
        ("invalid_polygon", [{"segmentation": RLE}, {"segmentation": "[]"}, {}], 0),
        ("invalid_polygon", [{"segmentation": POLYGON}, {"segmentation": SLIVER}, {"segmentation": "nonsense"}], 3),
        ("invalid_rle", [{"segmentation": POLYGON}, {"segmentation": SLIVER}, {"segmentation": "[]"}, {}], 0),
        ("invalid_rle", [{"segmentation": RLE}, {"segmentation": "{broken"}, {"segmentation": POLYGON}], 2),
        ("bbox_segmentation_mismatch", [{"segmentation": POLYGON}, {"segmentation": SLIVER}, {}], 1),
        ("bbox_segmentation_mismatch", [{"segmentation": POLYGON, "bbox": None}], 0),
        ("invalid_keypoints", [{"keypoints": POINT}, {"keypoints": [1.0]}, {"keypoints": []}, {}], 2),
        ("keypoint_outside_image", [{"keypoints": POINT + POINT + HIDDEN}, {"keypoints": [1.0]}], 2),
        ("keypoint_outside_image", [{"keypoints": HIDDEN}, {"keypoints": POINT, **UNKNOWN}], 0),
        ("no_labelled_keypoint", [{"keypoints": UNLABELLED}, {"keypoints": [1.0]}, {"keypoints": []}], 1),
        ("conflicting_labels", [CLASS, {**CLASS, "category": None}, {**CLASS, **UNKNOWN}], 0),
        ("conflicting_labels", [CLASS, CLASS, {**CLASS, **UNKNOWN}], 2),
        ("conflicting_labels", [EMPTY, {}], 0),
        ("conflicting_labels", [EMPTY, {"label_set": "second"}, {"label_set": "third"}, {**EMPTY, **UNKNOWN}], 1),
    ],
)
def test_what_a_check_looks_at(audit_input, name, labels, expected):
    assert looked_at(name, audit_input(labels)) == expected


def test_copies_are_compared_where_both_are_labelled_by_one_label_set(audit_input):
    assert looked_at("conflicting_copies", audit_input([{}, ON_COPY], images=COPIES)) == 2
    assert looked_at("conflicting_copies", audit_input([{}, {**ON_COPY, "label_set": "second"}], images=COPIES)) == 0
    assert looked_at("conflicting_copies", audit_input([{}, {}], images=COPIES)) == 0


def test_unused_categories_are_those_of_a_list_and_of_labels(audit_input):
    assert looked_at("unused_category", audit_input([{}], categories=("cell", "blob"))) == 2
    assert looked_at("unused_category", audit_input([{}])) == looked_at("unused_category", audit_input([], categories=("cell",))) == 0


def test_thresholds_decide_how_many_labels_are_enough(audit_input):
    data = audit_input([{}] * 5)
    assert [looked_at("single_category", data), looked_at("single_category", data, min_labels=5)] == [0, 5]
    assert [looked_at("outlying_bbox_size", data), looked_at("outlying_bbox_size", data, min_labels_per_category=5)] == [0, 5]
    assert looked_at("outlying_bbox_shape", data, min_labels_per_category=5, border_px=10) == 0, "10 px from the border"


BOX = st.sampled_from([None, (10, 10, 50, 40), (10, 10, 50.2, 40), (0, 0, 640, 480), (1, 1, 0, 3), (1, 1, -3, 3), (700, 1, 9, 9)])
LABEL = st.fixed_dictionaries(
    {"task": st.sampled_from(["detection", "classification", "segmentation", "keypoints", "background"])},
    optional={
        "bbox": st.one_of(BOX, st.just((1, 1, float("nan"), 3))),
        "category": st.sampled_from([None, "cell", "blob"]),
        "image_id": st.sampled_from([None, "a" * 64, "f" * 64]),
        "source_uri": st.sampled_from([None, "s3://photos/b.jpg"]),
        "label_set": st.sampled_from(["default", "second"]),
        "segmentation": st.sampled_from([None, "[]", "[[]]", "nonsense", POLYGON, SLIVER, RLE, '{"size": [1, 1], "counts": []}']),
        "keypoints": st.sampled_from([None, [], [1.0], POINT, HIDDEN, UNLABELLED, [700.0, 1.0, 2.0]]),
        "source_id": st.sampled_from([None, "7"]),
        "stated_width": st.sampled_from([None, 640, 480]),
        "iscrowd": st.sampled_from([None, True]),
        "annotator": st.sampled_from([None, "ann"]),
    },
)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LABEL, max_size=24), st.sampled_from([None, ("cell",), ("cell", "blob", "bead")]))
def test_whoever_finds_something_has_looked_at_something(audit_input, labels, categories):
    data = audit_input(labels, images=COPIES, categories=categories)
    for enabled in enabled_checks(WITHOUT_PREDICTIONS):
        found = enabled.run(data)
        if found is not None and found.num_rows and enabled.check.id not in ALSO_FIND_WHAT_IS_ABSENT:
            assert things_looked_at(enabled, data), enabled.check.id
        assert things_looked_at(enabled, data) >= 0


@pytest.mark.parametrize("name", sorted(ALSO_FIND_WHAT_IS_ABSENT))
def test_a_check_with_findings_is_never_left_out(audit_input, name):
    data = audit_input([{"task": "segmentation"}, {"task": "keypoints"}])
    assert looked_at(name, data) == 0
    assert name not in without_anything(data)


def test_a_check_that_goes_by_predictions_looks_at_the_images_that_it_compares(audit_input):
    """Nothing is labelled, and yet there is much to look at for what models find in an image that is said to be empty."""
    box = {"task": "detection", "bbox": {"x": 10, "y": 10, "width": 50, "height": 40}, "category": "cell", "score": 0.9}
    data = audit_input([EMPTY], predictions=[box])
    assert looked_at("overlooked_bbox", data) == len(data.predicted_images(("predictions.bbox",))) == 1


def mine(**more):
    return Check("mine", "info", "", "", lambda data: None, **more)


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (mine(), 3),
        (mine(column="bbox"), 2),
        (mine(column="category"), 3),
        (mine(column="image_id"), 4),
        (mine(column="annotator", reads=("annotations.annotator",)), 1),
        (mine(column="annotator"), 3),
        (mine(looks_at=lambda data: data.images.num_rows), 1),
        (mine(looks_at=lambda data: 0), 0),
    ],
)
def test_a_check_of_ones_own_goes_by_its_column_unless_it_says_otherwise(audit_input, check, expected):
    data = audit_input([{"annotator": "ann"}, {"category": None}, CLASS, EMPTY])
    [enabled] = enabled_checks([check])
    assert things_looked_at(enabled, data) == expected


def test_a_check_of_ones_own_that_cannot_say_what_it_looks_at_is_named(audit_input):
    [enabled] = enabled_checks([mine(looks_at=lambda data: None)])
    with pytest.raises(TypeError) as caught:
        things_looked_at(enabled, audit_input([{}]))
    assert "check 'mine'" in caught.value.__notes__[0]


def test_a_check_of_ones_own_with_findings_is_never_left_out(audit_input):
    check = Check("mine", "info", "", "", lambda data: annotation_rows(data, np.array([0]), "?"), looks_at=lambda data: 0)
    assert without_anything(audit_input([{}]), [check]) == set()


@pytest.mark.parametrize("check", WITHOUT_PREDICTIONS, ids=lambda check: check.id)
def test_no_column_is_looked_at_that_the_check_does_not_read(audit_input, check):
    data = audit_input([{}, CLASS], categories=("cell",))
    asked = {name.partition(".")[2] for name in check.reads}
    names = [name for name in TABLES["annotations"].column_names if name in asked or name in BASE_COLUMNS["annotations"]]
    [enabled] = enabled_checks([check])
    assert things_looked_at(enabled, replace(data, annotations=data.annotations.select(names))) == things_looked_at(enabled, data)
