"""When a classifier was wrong, and when nobody knows."""

from __future__ import annotations

from unit.core.sampling.review_rows import judged, predicted, said


def test_a_classifier_is_wrong_where_the_label_is_another_category():
    found, _ = judged(
        "abcd", [said("a", "cat"), said("b", "cat"), said("c")], [predicted(name, "cat") for name in "abcd"] + [predicted("b", "dog", 0.95)]
    )
    assert found == {"a": "right", "b": "wrong", "c": "wrong", "d": "unanswered"}


def test_an_image_that_no_one_has_labelled_is_not_right_whatever_the_model_says():
    assert judged("ab", [], [predicted("a", "cat")])[0] == {"a": "unanswered", "b": "unanswered"}


def test_an_image_that_the_classifier_has_not_seen_is_not_judged():
    found, _ = judged("ab", [said("a", "cat"), said("b", "cat")], [predicted("b", None)])
    assert found == {"a": "without_prediction", "b": "without_prediction"}


def test_labels_that_contradict_each_other_judge_nobody():
    labels = [
        said("a", "cat"),
        said("a", "dog", label_set="second"),
        said("b", "cat"),
        said("b"),
        said("c", "cat"),
        said("c", "cat", annotator="bo"),
    ]
    found, _ = judged("abcd", [*labels, said("d", None, task="classification")], [predicted(name, "cat") for name in "abcd"])
    assert found == {"a": "unclear", "b": "unclear", "c": "right", "d": "unclear"}


def test_boxes_are_no_answer_to_a_classifier_nor_a_category_to_a_detector():
    found, _ = judged("a", [said("a", "cat", (0, 0, 9, 9))], [predicted("a", "cat")])
    assert found == {"a": "unanswered"}
    found, _ = judged("a", [said("a", "cat")], [predicted("a", "cat", 0.9, (0, 0, 9, 9))], boxes=True)
    assert found == {"a": "unanswered"}


def test_of_byte_identical_files_the_predictions_of_the_first_one_count():
    rows = [predicted("a", "dog", 0.99, source_uri="z"), predicted("a", "cat", 0.6, source_uri="b")]
    assert judged("a", [said("a", "cat")], rows)[0] == judged("a", [said("a", "cat")], rows[::-1])[0] == {"a": "right"}
