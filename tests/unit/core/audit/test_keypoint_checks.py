from __future__ import annotations

import math

import pytest

from airflow_cv_dataops.core.audit.keypoints import invalid_keypoints, keypoint_outside_image, no_labelled_keypoint

NOSE, HIDDEN, ABSENT = [100, 50, 2], [110, 60, 1], [0, 0, 0]


def points(*given):
    return [{"task": "keypoints", "keypoints": keypoints} for keypoints in given]


@pytest.mark.parametrize(
    ("keypoints", "message"),
    [
        ([100, 50, 2, 7], "4 numbers are no triplets of x, y and visibility"),
        ([100, 50, 3], "a keypoint has a visibility other than 0, 1 and 2"),
        ([100, 50, 0.5], "a keypoint has a visibility other than 0, 1 and 2"),
        ([100, 50, math.nan], "a keypoint has a visibility other than 0, 1 and 2"),
        ([*NOSE, math.inf, 50, 2], "a keypoint has a coordinate that is absent or not finite"),
        ([None, 50, 2], "a keypoint has a coordinate that is absent or not finite"),
        ([], "a keypoints label without keypoints"),
        (None, "a keypoints label without keypoints"),
    ],
)
def test_keypoints_that_are_no_triplets_are_found(audit_input, flagged, keypoints, message):
    found = invalid_keypoints(audit_input([{}, *points([*NOSE, *HIDDEN], keypoints, ABSENT)]))
    assert flagged(found) == ["2"]
    assert found["message"].to_pylist() == [message]


def test_good_keypoints_and_labels_of_other_tasks_are_not_found(audit_input):
    data = audit_input([{}, *points([*NOSE, *HIDDEN, *ABSENT])])
    assert [check(data) for check in (invalid_keypoints, keypoint_outside_image, no_labelled_keypoint)] == [None, None, None]


def test_a_visible_keypoint_outside_of_the_image_is_found_beyond_the_tolerance(audit_input, flagged):
    data = audit_input(points([642, 50, 2, *NOSE, -9, 2, 2], [640.5, 50, 2], [900, 50, 1], [900, 50, 0], NOSE))
    found = keypoint_outside_image(data)
    assert flagged(found) == ["0"], "hidden points may lie outside, and 1 px is forgiven"
    assert found["message"][0].as_py() == "2 visible keypoints lie outside the image of 640 x 480 px"
    assert flagged(keypoint_outside_image(data, outside_px=0.1)) == ["0", "1"]


def test_nothing_is_outside_of_an_unknown_image(audit_input):
    assert keypoint_outside_image(audit_input([{"image_id": None, "keypoints": [900, 900, 2]}])) is None


def test_a_label_none_of_whose_keypoints_is_labelled_is_found(audit_input, flagged):
    data = audit_input([{}, *points([*ABSENT, *ABSENT], [*ABSENT, *HIDDEN], [1, 2])])
    assert flagged(no_labelled_keypoint(data)) == ["1"]
