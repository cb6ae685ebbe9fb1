"""Misses, false positives and confusions of a detector, one to one, and an oracle that goes from box to box."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.sampling.review_rows import judged, predicted, said

BOX, NEAR, FAR = (0, 0, 10, 10), (1, 0, 10, 10), (50, 50, 10, 10)


def errors_of(labels, predictions, **arguments):
    _, found = judged("a", labels, predictions, boxes=True, **arguments)
    return [int(getattr(found.errors, kind)[0]) for kind in ("misses", "false_positives", "confusions")]


@pytest.mark.parametrize(
    ("labels", "predictions", "errors"),
    [
        ([said("a", "cat", BOX)], [predicted("a", "cat", 0.9, NEAR)], [0, 0, 0]),
        ([said("a", "cat", BOX)], [predicted("a", "dog", 0.9, NEAR)], [0, 0, 1]),
        ([said("a", "cat", BOX)], [predicted("a", "cat", 0.9, FAR)], [1, 1, 0]),
        ([said("a", "cat", BOX)], [predicted("a", "cat", 0.49, NEAR)], [1, 0, 0]),
        ([said("a", "cat", BOX)], [predicted("a", "cat", 0.9, NEAR), predicted("a", "cat", 0.8, BOX)], [0, 1, 0]),
        ([said("a", "cat", BOX)], [], [1, 0, 0]),
        ([said("a")], [], [0, 0, 0]),
        ([said("a")], [predicted("a", "cat", 0.9, BOX)], [0, 1, 0]),
        # The pair of one category comes first, although the other prediction is more confident.
        ([said("a", "cat", BOX)], [predicted("a", "dog", 0.99, BOX), predicted("a", "cat", 0.6, NEAR)], [0, 1, 0]),
        ([said("a", "cat", BOX, iscrowd=True)], [], [0, 0, 0]),
        ([said("a", "cat", (0, 0, 100, 100), iscrowd=True)], [predicted("a", "cat", 0.9, BOX)], [0, 0, 0]),
        ([said("a", "cat", BOX), said("a", "cat", NEAR)], [predicted("a", "cat", 0.9, BOX), predicted("a", "cat", 0.8, BOX)], [0, 0, 0]),
    ],
)
def test_errors_are_counted_as_a_person_would(labels, predictions, errors):
    assert errors_of(labels, predictions) == errors


def test_the_overlap_and_the_confidence_that_are_asked_for_decide():
    labels, predictions = [said("a", "cat", (0, 0, 10, 10))], [predicted("a", "cat", 0.3, (0, 0, 10, 6))]
    assert errors_of(labels, predictions, min_score=0.3, iou=0.6) == [0, 0, 0]
    assert errors_of(labels, predictions, min_score=0.3, iou=0.61) == [1, 1, 0]


def test_an_image_is_wrong_with_one_error_and_right_without():
    labels = [said("a", "cat", BOX), said("b", "cat", BOX), said("c")]
    found, _ = judged("abcd", labels, [predicted("a", "cat", 0.9, BOX)], boxes=True)
    assert found == {"a": "right", "b": "wrong", "c": "right", "d": "unanswered"}


def test_labels_that_cannot_be_compared_judge_nobody():
    found, _ = judged(
        "abcdef",
        [
            said("a", "cat", BOX), said("a"),  # nothing there, and yet something
            said("b", None, BOX),  # no category
            said("c", "cat", (0, 0, 0, 10)),  # no area
            said("d", "cat", BOX, annotator="al"), said("d", "cat", FAR, annotator="bo"),  # do they share the work?
            said("e", "cat", BOX), said("e", "cat", FAR, label_set="second"),  # right by one, wrong by the other
            said("f", "cat", BOX), said("f", "cat", BOX, label_set="second"),
        ],
        [predicted(name, "cat", 0.9, BOX) for name in "abcdef"],
        boxes=True,
    )  # fmt: skip
    assert found == dict.fromkeys("abcde", "unclear") | {"f": "right"}


SIDE = st.integers(0, 3)
BOXES = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["cat", "dog"]), SIDE, SIDE, st.integers(1, 3), st.integers(1, 3)), max_size=7
)


@given(labels=BOXES, predictions=BOXES, order=st.randoms(use_true_random=False))
def test_the_counts_are_those_of_going_from_box_to_box(labels, predictions, order):
    given_rows = [said(image, category, tuple(sides)) | {"annotation_id": str(n)} for n, (image, category, *sides) in enumerate(labels)]
    outputs = [
        predicted(image, category, 0.9 - n / 20, tuple(sides)) | {"prediction_id": str(n)}
        for n, (image, category, *sides) in enumerate(predictions)
    ]
    rows = [order.sample(side, len(side)) for side in (given_rows, outputs)]
    _, found = judged("ab", *rows, boxes=True)
    for place, image in enumerate("ab"):
        mine = [row for row in given_rows if row["image_id"] == image]
        theirs = [row for row in outputs if row["image_id"] == image]
        expected = oracle(mine, theirs) if mine else (0, 0, 0)
        assert (found.errors.misses[place], found.errors.false_positives[place], found.errors.confusions[place]) == expected


def oracle(labels, predictions):
    """Greedy by hand: first one category, then any."""
    free, left, confusions = list(labels), list(predictions), 0
    for same in (True, False):
        for output in list(left):
            close = [
                (-overlap(label, output), label["category"], *label["bbox"].values(), label["annotation_id"], label)
                for label in free
                if overlap(label, output) >= 0.5 and (not same or label["category"] == output["category"])
            ]
            if close:
                free.remove(min(close, key=lambda entry: entry[:-1])[-1])
                left.remove(output)
                confusions += not same
    return len(free), len(left), confusions


def overlap(label, output):
    cells = [set(product(range(b["x"], b["x"] + b["width"]), range(b["y"], b["y"] + b["height"]))) for b in (label["bbox"], output["bbox"])]
    return len(cells[0] & cells[1]) / len(cells[0] | cells[1])


def test_a_file_in_two_partitions_is_labelled_and_predicted_once_in_each():
    """Boxes of both would match one to one and be doubled: each partition is an opinion, and the first one's predictions count."""
    labels = [said("a", "cat", BOX, partition_key=key) for key in ("monday", "tuesday")]
    predictions = [predicted("a", "cat", 0.9, BOX, partition_key=key) for key in ("monday", "tuesday")]
    for seen in (predictions, predictions[:1], predictions[1:]):
        states, found = judged("a", labels, seen, boxes=True)
        assert (states, found.errors.total.tolist()) == ({"a": "right"}, [0])
    states, _ = judged("a", labels[:1], predictions, boxes=True)
    assert states == {"a": "right"}
