"""Boxes of one image that cover one another: repeats, near repeats, one object under two names."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.audit.boxes import sweep as box_sweep
from airflow_cv_dataops.core.audit.boxes.pairs import conflicting_bbox, duplicate_bbox, near_duplicate_bbox
from airflow_cv_dataops.core.audit.boxes.sweep import contradicted, pairwise_iou, repeated

GOOD = (10, 10, 50, 40)


def boxes(*given):
    return [{"bbox": box} for box in given]


def test_a_repeated_box_is_found_and_names_the_first(audit_input, flagged):
    found = duplicate_bbox(audit_input(boxes(GOOD, (300, 300, 20, 20), GOOD, (10.1, 10, 50, 40), GOOD)))
    assert flagged(found) == ["2", "3", "4"]
    assert found["message"][0].as_py() == "box at (10, 10) of 50 x 40 px is there twice; also as annotation 0"


def test_boxes_of_other_images_categories_annotators_or_label_sets_are_norepeated(audit_input):
    others = [{"source_uri": "s3://photos/b.jpg"}, {"category": "other"}, {"annotator": "ann"}, {"label_set": "round_2"}]
    assert duplicate_bbox(audit_input([{}, *others])) is None
    assert duplicate_bbox(audit_input(boxes(GOOD, (12, 10, 50, 40)))) is None, "IoU 0.92"


COORDINATE = st.sampled_from([0, 0.1, 0.2, 1, 5, 100]) | st.floats(0, 200)
# With 0 every group is cut into cells, as a crowd is.
CROWDS = st.sampled_from([0, box_sweep.CROWD])
BOX = st.tuples(st.integers(0, 1), COORDINATE, COORDINATE, st.floats(0.5, 100), st.floats(0.5, 100))


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(st.tuples(BOX, st.lists(st.floats(-0.3, 0.3), max_size=4)), max_size=10), st.sampled_from([0.5, 0.9, 0.99, 1.0]), CROWDS)
def test_without_the_duplicates_no_two_boxes_of_a_group_are_the_same(piles, iou, crowd):
    """Every repeat equals the box that it names, and those that are left over do not equal one another (by brute force)."""
    flat = [(group, x + shift, y, w, h) for (group, x, y, w, h), shifts in piles for shift in (0.0, *shifts)]
    columns = np.array(flat, dtype=float).reshape(-1, 5).T
    groups, corners = columns[0].astype(int), columns[1:]
    with patch.object(box_sweep, "CROWD", crowd):
        again, first = repeated(groups, tuple(corners), iou)
    assert (np.diff(again) > 0).all()
    assert (groups[again] == groups[first]).all()
    identical = (corners[:, again] == corners[:, first]).all(axis=0)
    assert (identical | (pairwise_iou(tuple(corners), again, first) >= iou)).all()
    left = np.setdiff1d(np.arange(len(groups)), again)
    a, b = (side.ravel() for side in np.meshgrid(left, left))
    distinct_pairs = (a < b) & (groups[a] == groups[b])
    assert not (pairwise_iou(tuple(corners), a[distinct_pairs], b[distinct_pairs]) >= iou).any()


def test_a_nearly_repeated_box_is_found_with_its_likeness(audit_input, flagged):
    data = audit_input(boxes(GOOD, (12, 10, 50, 40), (300, 300, 20, 20), (15, 10, 50, 40)))
    found = near_duplicate_bbox(data)
    assert flagged(found) == ["1"], "IoU 48/52 with the first; the last has 45/55 and 47/53 with the two"
    assert found["message"][0].as_py() == "box at (12, 10) of 50 x 40 px is nearly the same as annotation 0 (IoU 0.92)"
    assert found["score"].to_pylist() == [round(1 - 48 / 52, 6)]
    assert flagged(near_duplicate_bbox(data, iou=0.8)) == ["1", "3"]


def test_what_is_a_duplicate_is_not_a_near_duplicate_as_well(audit_input):
    assert near_duplicate_bbox(audit_input(boxes(GOOD, GOOD, (10.1, 10, 50, 40)))) is None


def test_a_near_duplicate_of_another_category_annotator_or_image_is_none(audit_input):
    others = [{"source_uri": "s3://photos/b.jpg"}, {"category": "other"}, {"annotator": "ann"}, {"label_set": "round_2"}]
    near = [{"bbox": (10 + number, 10, 50, 40), **other} for number, other in enumerate(others)]
    assert near_duplicate_bbox(audit_input([{}, *near])) is None


def test_one_object_under_two_names_is_found_on_both_labels(audit_input, flagged):
    data = audit_input([{"category": "cat"}, {"category": "dog", "bbox": (12, 10, 50, 40)}, {"category": "cat", "bbox": (300, 9, 50, 40)}])
    found = conflicting_bbox(data)
    assert flagged(found) == ["0", "1"]
    assert found["message"].to_pylist() == [
        "box at (10, 10) of 50 x 40 px labelled cat is labelled dog as annotation 1 (IoU 0.92)",
        "box at (12, 10) of 50 x 40 px labelled dog is labelled cat as annotation 0 (IoU 0.92)",
    ]
    assert found["score"].to_pylist() == [round(1 - 48 / 52, 6)] * 2


def test_repeats_of_one_category_and_boxes_of_different_annotators_do_not_conflict(audit_input):
    assert conflicting_bbox(audit_input([{}, {}, {"category": "dog", "annotator": "ann"}])) is None
    assert conflicting_bbox(audit_input([{"category": "dog", "bbox": (16, 10, 50, 40)}, {}])) is None, "IoU 0.79"


def test_a_box_without_a_category_conflicts_as_one_of_a_category_of_its_own(audit_input, flagged):
    found = conflicting_bbox(audit_input([{}, {"category": None}]))
    assert flagged(found) == ["0", "1"]
    assert "is labelled null as annotation 1" in found["message"][0].as_py()


NAMED_BOX = st.tuples(BOX, st.integers(0, 2), st.lists(st.tuples(st.floats(-0.3, 0.3), st.integers(0, 2)), max_size=4))


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(NAMED_BOX, max_size=10), st.sampled_from([0.5, 0.9, 1.0]), CROWDS)
def test_every_box_with_a_like_one_of_another_name_is_found(piles, iou, crowd):
    """The rows found are those that brute force finds, and each names one with which it does conflict."""
    flat = [(g, n, x + shift, y, w, h) for (g, x, y, w, h), name, others in piles for shift, n in ((0.0, name), *others)]
    columns = np.array(flat, dtype=float).reshape(-1, 6).T
    groups, names, corners = columns[0].astype(int), columns[1].astype(int), tuple(columns[2:])
    with patch.object(box_sweep, "CROWD", crowd):
        here, there = contradicted(groups, names, corners, iou)
    a, b = (side.ravel() for side in np.meshgrid(np.arange(len(groups)), np.arange(len(groups)), indexing="ij"))
    conflict = (groups[a] == groups[b]) & (names[a] != names[b]) & (pairwise_iou(corners, a, b) >= iou)
    assert here.tolist() == np.unique(a[conflict]).tolist()
    pairs = set(zip(a[conflict].tolist(), b[conflict].tolist(), strict=True))
    assert set(zip(here.tolist(), there.tolist(), strict=True)) <= pairs


def test_a_crowded_image_is_swept_and_no_pair_of_it_is_missed():
    """10,000 boxes of 2 categories in one image of 4,000 x 3,000 px, 200 of them planted near others; brute force agrees."""
    rng = np.random.default_rng(5)
    corners = np.stack([rng.uniform(0, 3900, 10_000), rng.uniform(0, 2900, 10_000), *rng.uniform(20, 100, (2, 10_000))])
    corners[:, :200] = corners[:, 200:400] + rng.uniform(-0.5, 0.5, (4, 200))
    groups, names = np.zeros(10_000, dtype=int), rng.integers(0, 2, 10_000)
    here, _ = contradicted(groups, names, tuple(corners), 0.9)
    again, _ = repeated(groups * 2 + names, tuple(corners), 0.9)
    expected_here, same = set(), set()
    for row in range(10_000):
        others = np.arange(row + 1, 10_000)
        like = others[pairwise_iou(tuple(corners), np.full(len(others), row), others) >= 0.9]
        conflicting = like[names[like] != names[row]]
        expected_here |= {row, *conflicting.tolist()} if len(conflicting) else set()
        same |= {(row, int(other)) for other in like[names[like] == names[row]]}
    assert set(here.tolist()) == expected_here
    repeats = set(again.tolist())
    assert all(a in repeats or b in repeats for a, b in same)
    assert len(same) + len(expected_here) / 2 > 150


def test_ten_thousand_repeats_of_one_box_are_one_pile():
    corners = tuple(np.full(10_000, value) for value in (10.0, 10.0, 50.0, 40.0))
    names = np.zeros(10_000, dtype=int)
    names[-1] = 1
    again, first = repeated(np.zeros(10_000, dtype=int), corners, 0.99)
    assert (again.tolist(), set(first.tolist())) == (list(range(1, 10_000)), {0})
    here, _ = contradicted(np.zeros(10_000, dtype=int), names, corners, 0.9)
    assert len(here) == 10_000


def test_one_object_with_a_mask_in_one_file_and_keypoints_in_another_is_there_twice(audit_input, flagged):
    """As COCO's instances.json and person_keypoints.json, imported as one label set."""
    mask = {"task": "segmentation", "bbox": (1, 1, 20, 20), "category": "person", "source": "s3://labels/instances.json"}
    points = {"task": "keypoints", "bbox": (1, 1, 20, 20), "category": "person", "source": "s3://labels/person_keypoints.json"}
    found = duplicate_bbox(audit_input([mask, points]))
    assert flagged(found) == ["1"]
    assert "also as annotation 0" in found["message"][0].as_py()
    assert flagged(near_duplicate_bbox(audit_input([mask, points | {"bbox": (1, 1, 20, 21)}]))) == ["1"]
    assert duplicate_bbox(audit_input([mask, points | {"label_set": "keypoints"}])) is None, "two label sets may say the same"
    assert duplicate_bbox(audit_input([mask, points | {"category": "face"}])) is None
    whole = {"task": "classification", "bbox": None, "category": "person"}
    assert duplicate_bbox(audit_input([mask, whole])) is None, "a class of the whole image and a box in it are two things"
