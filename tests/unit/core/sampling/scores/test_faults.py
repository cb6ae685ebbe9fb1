"""Labelled images that may be labelled wrongly: by what a model says, and by what audits found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from unit.core.sampling.pools import InBatches, Listed, box, classified, images, pool_of

from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.faults import errors_against_labels, label_issues

NAN = math.nan


def near(values):
    return pytest.approx(values, nan_ok=True, abs=1e-7)


def labelled(names, labels, predictions):
    return pool_of(names, predictions, annotations=Listed("annotations", labels))


def label(image, category, annotator=None, task="classification"):
    return {"image_id": image, "category": category, "annotator": annotator, "task": task, "label_set": "default"}


def errors(names, labels, predictions):
    return errors_against_labels(labelled(names, labels, predictions)).tolist()


def test_what_is_found_for_certain_is_no_error_and_what_is_not_found_is_one():
    labels = [box("a", "RBC", 0), box("b", "RBC", 0), box("c", "RBC", 0)]
    predictions = [box("a", "RBC", 2, 1.0), box("c", "RBC", 6, 1.0), box("d", "RBC", 0, 1.0)]
    # a: IoU 8 / 12. b: nothing found. c: IoU 4 / 16, a miss and a box without a label. d: nobody labelled.
    assert errors("abcd", labels, predictions) == near([0, 1, 1, NAN])


def test_misses_confusions_and_boxes_without_a_label_count_by_confidence():
    labels = [box("a", "RBC", 0), box("a", "RBC", 20), box("a", "RBC", 40)]
    predictions = [box("a", "RBC", 0, 0.9), box("a", "WBC", 20, 0.8), box("a", "WBC", 60, 0.6)]
    # 0.1 of the first label, the second is taken for something else, the third missed, and 0.6 too many: by 3 labels and 0.6.
    pool = labelled("a", labels, predictions)
    assert errors_against_labels(pool).tolist() == near([(0.1 + 1 + 1 + 0.6) / 3.6])
    words = "the model misses 1 labelled box (RBC), takes 1 RBC for WBC, draws 1 box (WBC) without a label"
    assert errors_against_labels.in_words(pool, 0, 0.75) == words


def test_several_misses_are_counted_by_category():
    pool = labelled("a", [box("a", "RBC", 0), box("a", "RBC", 20), box("a", "WBC", 40)], [box("b", "RBC", 0, 0.9)])
    assert errors_against_labels.in_words(pool, 0, 1.0) == "the model misses 3 labelled boxes (2 RBC, 1 WBC)"


def test_doubt_alone_is_named_as_such():
    pool = labelled("a", [box("a", "RBC", 0)], [box("a", "RBC", 0, 0.7)])
    assert errors_against_labels.in_words(pool, 0, 0.3) == "the model and the labels differ only in how sure it is (agreement 70%)"
    assert errors_against_labels.in_words(pool, 0, 0.0) == "the model finds what is labelled and nothing else"


def test_a_label_is_found_once_by_the_most_confident_box():
    # Both boxes fit; the one that fits less is surer, and the other is one too many.
    assert errors("a", [box("a", "RBC", 0)], [box("a", "RBC", 0, 0.6), box("a", "RBC", 1, 0.9)]) == near([(0.1 + 0.6) / 1.6])


def test_a_right_box_goes_before_a_confused_one():
    assert errors("a", [box("a", "RBC", 0)], [box("a", "WBC", 0, 0.9), box("a", "RBC", 0, 0.5)]) == near([(0.5 + 0.9) / 1.9])


def test_a_box_in_an_image_where_nothing_is_counts_by_its_confidence():
    labels = [label("a", None, task="background"), label("b", None, task="background"), label("c", None, task="background")]
    predictions = [box("a", "RBC", 0, 0.2), box("b", "RBC", 0, 0.9), box("b", "RBC", 20, 0.9)]
    assert errors("abc", labels, predictions) == near([0.2, 1, 0])


def test_what_lies_in_a_crowd_is_no_error_and_a_crowd_need_not_be_found():
    labels = [box("a", "RBC", 0, size=100, iscrowd=True), box("a", "RBC", 200), box("b", "RBC", 0, size=100, iscrowd=True)]
    assert errors("ab", labels, [box("a", "RBC", 5, 0.9), box("a", "RBC", 30, 0.9), box("a", "RBC", 200, 1.0)]) == near([0, 0])


def test_a_second_annotator_is_a_second_opinion_and_no_missed_object():
    labels = [box("a", "RBC", 0, annotator="ann"), box("a", "RBC", 0, annotator="bob"), box("a", "WBC", 50, annotator="bob")]
    # 0 by ann's labels, half by bob's.
    pool = labelled("a", labels, [box("a", "RBC", 0, 1.0)])
    assert errors_against_labels(pool).tolist() == near([0.25])
    assert errors_against_labels.in_words(pool, 0, 0.25) == "the model misses 1 labelled box (WBC)"


def test_an_image_with_a_mask_that_has_no_box_is_not_told():
    mask = {"bbox": None, "task": "segmentation"}
    labels = [box("a", "RBC", 0), box("b", "RBC", 0, **mask), box("b", "RBC", 20), box("c", "RBC", 0)]
    assert errors("abc", labels, [box("a", "RBC", 0, 0.9, **mask), box("c", "RBC", 0, 1.0)]) == near([NAN, NAN, 0])


def test_labels_that_are_no_boxes_are_not_compared_with_boxes():
    assert errors("a", [label("a", "cat")], [box("a", "RBC", 0, 0.9)]) == near([NAN])


@pytest.mark.parametrize("size", [1, 7])
def test_neither_batches_nor_the_order_of_rows_matter(size):
    random = np.random.default_rng(3)

    def rows(scores):
        columns = random.choice(list("abc"), 50), random.choice(["RBC", "WBC"], 50), random.integers(0, 60, 50), scores
        return [box(name, category, int(corner), score) for name, category, corner, score in zip(*columns, strict=True)]

    labels, predictions = rows([None] * 50), rows(np.round(random.random(50), 1).tolist())
    expected = errors("abc", labels, predictions)
    assert all(0 < value < 1 for value in expected)
    shuffled = [[rows[at] for at in random.permutation(50)] for rows in (labels, predictions)]
    kept = InBatches("annotations", shuffled[0], size)
    assert (
        errors_against_labels(Pool(images("cba"), {"m": InBatches("predictions", shuffled[1], size)}, "m", kept))[::-1].tolist() == expected
    )


def test_a_classified_image_is_wrong_by_what_its_label_lacks_of_the_probability():
    predictions = [classified(name, {"cat": 0.75, "dog": 0.25}) for name in "abcd"]
    labels = [label("a", "cat"), label("b", "dog"), label("c", "cow"), label("e", "cat")]
    pool = labelled("abcde", labels, predictions)
    assert errors_against_labels(pool).tolist() == near([0.25, 0.75, 1, NAN, NAN])
    assert errors_against_labels.in_words(pool, 1, 0.75) == "labelled dog, but the model says cat (75%)"
    assert errors_against_labels.in_words(pool, 0, 0.25) == "labelled cat, and the model agrees (75%)"


def test_several_labels_of_a_classified_image_are_averaged():
    assert errors("a", [label("a", "cat", "ann"), label("a", "dog", "bob")], [classified("a", {"cat": 0.75, "dog": 0.25})]) == near([0.5])


def test_without_probabilities_a_category_is_right_or_wrong():
    predictions = [classified(name, category="cat", score=0.6) for name in "ab"]
    assert errors("ab", [label("a", "cat"), label("b", "dog")], predictions) == near([0, 1])


def test_probabilities_that_cannot_be_used_say_nothing():
    assert errors("a", [label("a", "cat")], [classified("a", {"cat": -1.0, "dog": 2.0})]) == near([NAN])


def test_without_a_model_or_its_predictions_nothing_can_be_told():
    annotations = Listed("annotations", [label("a", "cat"), box("a", "RBC", 0)])
    assert errors_against_labels(Pool(images("a"), annotations=annotations)).tolist() == near([NAN])
    assert errors_against_labels(pool_of("a", annotations=annotations)).tolist() == near([NAN])


def finding(image, check, severity, score=None):
    return {"image_id": image, "check": check, "severity": severity, "score": score}


def test_findings_count_by_severity_and_score():
    findings = [
        *(finding("a", "zero_area_bbox", "error"), finding("b", "suspect_label", "warning", 0.25), finding("c", "rare_category", "info")),
        *(
            finding("d", "suspect_label", "warning", 1.0),
            finding("f", "image_without_label", "error"),
            finding(None, "single_category", "error"),
        ),
        *(finding("g", "tiny_bbox", "warning"), finding("g", "tiny_bbox", "warning"), finding("g", "suspect_label", "error", math.nan)),
    ]
    pool = Pool(images("abcdefg"), findings=Listed("findings", findings))
    assert label_issues(pool).tolist() == near([0.9, 0.45, 0.2, 0, 0, 0, 1 - 0.4 * 0.4 * 0.1])
    assert label_issues.in_words(pool, 6, 0.984) == "audits found: suspect label, tiny bbox (2 times)"
    assert label_issues.in_words(pool, 4, 0.0) == "audits found nothing"


def test_a_pool_without_findings_has_no_issues():
    assert label_issues(Pool(images("ab"))).tolist() == [0, 0]
