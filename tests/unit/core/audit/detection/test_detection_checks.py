from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.audit.detection.checks import badly_located_bbox, overlooked_bbox, spurious_bbox, swapped_category
from airflow_cv_dataops.core.audit.detection.overlap import candidate_pairs
from airflow_cv_dataops.core.audit.detection.precision import confidence_of
from airflow_cv_dataops.core.audit.detection.scores import medians

CHECKS = (overlooked_bbox, badly_located_bbox, swapped_category, spurious_bbox)
PLACES = [(x, y, 50, 40) for y in (10, 100, 200, 300) for x in (10, 150, 300, 450)]
FREE = (560, 420, 50, 40)


def given_boxes(*boxes, **more):
    return [{"bbox": box, **more} for box in boxes]


def predicted(*boxes, score=0.95, category="cell", **more):
    columns = ("x", "y", "width", "height")
    return [
        {"task": "detection", "bbox": dict(zip(columns, box, strict=True)), "score": score, "category": category, **more} for box in boxes
    ]


def moved(box, right=0, down=0):
    return (box[0] + right, box[1] + down, box[2], box[3])


NEARLY = [moved(box, 1 + number % 3, number % 2) for number, box in enumerate(PLACES)]


def suggestions(found):
    return [json.loads(text) for text in found["suggestion"].to_pylist()]


def test_labels_that_the_model_confirms_are_no_findings(audit_input):
    data = audit_input(given_boxes(*PLACES), predictions=predicted(*NEARLY))
    assert [check.id for check in CHECKS if check.run(data) is not None] == []


def test_a_confident_prediction_that_no_label_explains_is_an_overlooked_object(audit_input):
    data = audit_input(given_boxes(*PLACES), predictions=predicted(*NEARLY, FREE))
    [found] = overlooked_bbox(data).to_pylist()
    assert (found["image_id"], found["source_uri"], found["category"]) == ("a" * 64, "s3://photos/a.jpg", "cell")
    assert "annotation_id" not in found
    assert json.loads(found["suggestion"]) == {"bbox": list(FREE), "category": "cell", "score": 0.95}
    assert found["message"] == "no label marks this cell, which a model predicts with score 0.95"
    assert found["score"] < 0.1


def test_a_prediction_of_low_score_is_no_overlooked_object(audit_input):
    low = [(x, 440, 30, 20) for x in range(0, 600, 60)]
    assert overlooked_bbox(audit_input(given_boxes(*PLACES), predictions=[*predicted(*NEARLY), *predicted(*low, score=0.1)])) is None


def test_a_prediction_that_overlaps_a_label_of_any_category_is_no_overlooked_object(audit_input):
    labels = [*given_boxes(*PLACES), *given_boxes(FREE, category="other")]
    assert overlooked_bbox(audit_input(labels, predictions=predicted(*NEARLY, FREE))) is None


def test_an_object_that_several_models_or_boxes_show_is_overlooked_once(audit_input):
    twice = [*predicted(*NEARLY, FREE, moved(FREE, 3)), *predicted(*NEARLY, moved(FREE, 2), model="n", score=0.9)]
    assert len(suggestions(overlooked_bbox(audit_input(given_boxes(*PLACES), predictions=twice)))) == 1


def test_a_box_beside_its_object_is_badly_located_and_nothing_else(audit_input, flagged):
    labels = given_boxes(*PLACES[:-1], moved(PLACES[-1], 25))
    data = audit_input(labels, predictions=predicted(*NEARLY))
    found = badly_located_bbox(data)
    assert flagged(found) == ["15"]
    assert suggestions(found) == [{"bbox": list(NEARLY[-1]), "category": "cell", "score": 0.95}]
    # 25 - 1 px of 50 apart (and 1 px down): 26 x 39 px of 2 x 2,000 px² in common, an IoU of 0.34
    assert found["message"].to_pylist() == ["the predicted box overlaps this one by IoU 0.34 only"]
    assert 0.34 < found["score"][0].as_py() < 0.4
    assert [check.id for check in CHECKS if check.run(data) is not None] == ["badly_located_bbox"]


def test_a_box_as_far_off_as_the_model_usually_is_is_not_badly_located(audit_input):
    sloppy = [moved(box, 4 + 2 * (number % 7)) for number, box in enumerate(PLACES)]
    assert badly_located_bbox(audit_input(given_boxes(*PLACES), predictions=predicted(*sloppy))) is None


def test_a_box_where_the_model_sees_another_category_is_swapped(audit_input, flagged):
    labels = [*given_boxes(*PLACES[:-1]), *given_boxes(PLACES[-1], category="other")]
    data = audit_input(labels, predictions=predicted(*NEARLY))
    found = swapped_category(data)
    assert flagged(found) == ["15"]
    assert suggestions(found)[0]["category"] == "cell"
    assert found["message"].to_pylist() == ["labelled other, predicted cell with score 0.95"]
    assert found["score"][0].as_py() < 0.2
    assert [check.id for check in CHECKS if check.run(data) is not None] == ["swapped_category"]


def test_a_model_that_also_sees_the_given_category_does_not_contradict_it(audit_input):
    labels = [*given_boxes(*PLACES[:8]), *given_boxes(*PLACES[8:], category="other")]
    outputs = [*predicted(*NEARLY[:9]), *predicted(*NEARLY[8:], category="other")]
    assert swapped_category(audit_input(labels, predictions=outputs)) is None


def test_two_labels_of_different_categories_on_one_place_explain_two_predictions(audit_input):
    labels = [*given_boxes(*PLACES), *given_boxes(PLACES[0], category="rider")]
    assert swapped_category(audit_input(labels, predictions=predicted(*NEARLY))) is None


def test_a_box_that_no_prediction_supports_is_spurious(audit_input, flagged):
    found = spurious_bbox(audit_input(given_boxes(*PLACES, FREE), predictions=predicted(*NEARLY)))
    assert flagged(found) == ["16"]
    assert found["score"][0].as_py() == pytest.approx(1 - (16 + 10 * 16 / 17) / 27, abs=1e-6)
    assert found["suggestion"].null_count == 1


def test_a_model_that_misses_half_of_a_category_cannot_call_its_labels_spurious(audit_input):
    assert spurious_bbox(audit_input(given_boxes(*PLACES), predictions=predicted(*NEARLY[::2]))) is None


def test_a_category_that_the_models_do_not_know_has_no_spurious_labels(audit_input):
    labels = [*given_boxes(*PLACES), *given_boxes(FREE, category="unknown to the model")]
    assert spurious_bbox(audit_input(labels, predictions=predicted(*NEARLY))) is None


def test_a_model_that_is_mostly_wrong_names_no_overlooked_objects(audit_input):
    rng = np.random.default_rng(0)
    anywhere = [(*corner, 30, 30) for corner in rng.uniform(0, 400, (400, 2)).tolist()]
    outputs = [row for box in anywhere for row in predicted(box, score=float(rng.uniform(0.5, 1)))]
    assert overlooked_bbox(audit_input(given_boxes(*PLACES), predictions=[*predicted(*NEARLY), *outputs])) is None


def test_predictions_in_a_crowd_region_are_neither_overlooked_nor_wrong(audit_input):
    crowd = {"bbox": (400, 380, 230, 90), "iscrowd": True}
    data = audit_input([*given_boxes(*PLACES), crowd], predictions=predicted(*NEARLY, FREE, moved(FREE, -60), moved(FREE, -120)))
    assert [check.id for check in CHECKS if check.run(data) is not None] == []


def test_images_without_a_label_or_without_a_prediction_are_not_judged(audit_input):
    images = [{"image_id": name * 64, "source_uri": f"s3://photos/{name}.jpg"} for name in "abc"]
    unpredicted = [{"image_id": "b" * 64, "source_uri": "s3://photos/b.jpg"}]
    unlabelled = predicted(FREE, image_id="c" * 64)
    data = audit_input([*given_boxes(*PLACES), *unpredicted], images=images, predictions=[*predicted(*NEARLY), *unlabelled])
    assert [check.id for check in CHECKS if check.run(data) is not None] == []


NO_BOXES = [(math.nan, 0, 1, 1), (0, 0, math.inf, 9), (5, 5, 0, 9), (5, 5, -4, 9), None, (1e308, 0, 1e308, 1e308)]


def test_boxes_without_extent_are_left_out_on_both_sides(audit_input):
    odd = [row for box in NO_BOXES for row in ({"bbox": box},)]
    outputs = [*predicted(*NEARLY), *predicted(*(box for box in NO_BOXES if box)), *predicted(FREE, score=math.nan)]
    outputs += [
        *predicted(FREE, score=None),
        *predicted(FREE, score=3.0),
        *predicted(FREE, category=None),
        *predicted(FREE, image_id="z" * 64),
    ]
    found = [check.run(audit_input([*given_boxes(*PLACES), *odd[:5]], predictions=outputs)) for check in CHECKS]
    assert found == [None] * 4


def test_thresholds_move_what_is_found(audit_input, flagged):
    data = audit_input(given_boxes(*PLACES[:-1], moved(PLACES[-1], 14)), predictions=predicted(*NEARLY))
    assert flagged(badly_located_bbox(data)) == ["15"]
    assert badly_located_bbox.run(data, overlap=0.5) is None
    assert badly_located_bbox.run(data, precision=1.0) is None


BOX = st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(1, 8), st.integers(1, 8))
LABEL = st.tuples(BOX, st.sampled_from("ab"), st.integers(0, 2), st.booleans())
OUTPUT = st.tuples(BOX, st.sampled_from("ab"), st.integers(0, 2), st.sampled_from([0.05, 0.3, 0.9, 0.95, 1.0]), st.sampled_from("mn"))
LENIENT = {
    "overlooked_bbox": {"precision": 0.3},
    "badly_located_bbox": {"precision": 0.2, "deviations": 0.5},
    "swapped_category": {"precision": 0.1},
    "spurious_bbox": {"recall": 0.1, "support": 0.5},
}


def table_input(build, labels, outputs, factor=1.0) -> AuditInput:
    images = [
        {"image_id": name * 64, "source_uri": f"s3://photos/{name}.jpg", "width": round(100 * factor), "height": round(100 * factor)}
        for name in "xyz"
    ]

    def scaled(box):
        return tuple(side * factor for side in box)

    given = [
        {"bbox": scaled(box), "category": category, "image_id": "xyz"[image] * 64, "iscrowd": crowd, "annotation_id": f"{number:03d}"}
        for number, (box, category, image, crowd) in labels
    ]
    predictions = [
        row
        for box, category, image, score, model in outputs
        for row in predicted(scaled(box), score=score, category=category, image_id="xyz"[image] * 64, model=model)
    ]
    return build(given, images=images, predictions=predictions)


def all_findings(data: AuditInput, factor=1.0):
    rows = []
    for check in CHECKS:
        found = check.run(data, **LENIENT[check.id])
        for row in [] if found is None else found.to_pylist():
            suggestion = json.loads(row["suggestion"]) if row["suggestion"] else {"bbox": []}
            suggestion["bbox"] = [round(side / factor) for side in suggestion["bbox"]]
            place = (row["image_id"], row.get("annotation_id"), row["category"], row["score"], row["message"])
            rows.append((check.id, *map(str, place), json.dumps(suggestion)))
    return sorted(rows)


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(LABEL, max_size=12),
    st.lists(OUTPUT, max_size=25),
    st.sampled_from([0.1, 0.3, 7.0, 1000.0]),
    st.randoms(use_true_random=False),
)
def test_findings_depend_neither_on_the_size_of_images_nor_on_the_order_of_rows(audit_input, labels, outputs, factor, random):
    labels = list(enumerate(labels))
    first = all_findings(table_input(audit_input, labels, outputs))
    assert all_findings(table_input(audit_input, labels, outputs, factor), factor) == first
    random.shuffle(labels)
    random.shuffle(outputs)
    assert all_findings(table_input(audit_input, labels, outputs)) == first


@given(st.lists(st.integers(0, 5), max_size=20), st.lists(st.integers(0, 5), max_size=20), st.integers(1, 50))
def test_every_pair_of_one_image_is_compared_exactly_once(label_images, prediction_images, at_a_time):
    label_images, prediction_images = (np.array(sorted(images), dtype=int) for images in (label_images, prediction_images))
    chunks = list(candidate_pairs(label_images, prediction_images, at_a_time))
    pairs = [pair for label, prediction in chunks for pair in zip(prediction.tolist(), label.tolist(), strict=True)]
    assert pairs == [
        (prediction, label)
        for prediction, image in enumerate(prediction_images)
        for label, other in enumerate(label_images)
        if image == other
    ]
    assert all(len(label) <= max(at_a_time, np.bincount(label_images).max()) for label, _ in chunks if len(label))


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-5, 5)), min_size=1, max_size=30))
def test_medians_by_group_are_numpys(rows):
    group, value = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    found = medians(group, value)
    for number in np.unique(group):
        assert found[number] == pytest.approx(np.median(value[group == number]))


def test_confidence_recovers_the_share_of_right_predictions_at_a_score():
    """Scores s of which a share s is right, with a tenth of the labels missing: the confidence is s, not 0.9 s."""
    rng = np.random.default_rng(3)
    score = rng.random(40_000)
    is_right = (rng.random(len(score)) < score) & (rng.random(len(score)) < 0.9)
    category = rng.integers(0, 2, len(score))
    nobody = np.zeros(len(score), dtype=int)
    found = confidence_of(score, is_right, np.ones(len(score), dtype=bool), nobody, category)
    middle = (score > 0.2) & (score < 0.8)
    assert np.abs(found - score)[middle].max() < 0.12
    by_score = found[category == 0][np.argsort(score[category == 0])]
    assert (np.diff(by_score) >= -1e-9).all(), "it rises with the score"


def test_a_rare_category_borrows_from_all_and_a_bad_one_is_not_believed():
    score = np.concatenate([np.linspace(0, 1, 2000), [0.95], np.linspace(0, 1, 400)])
    is_right = np.concatenate([np.linspace(0, 1, 2000) > 0.5, [False], np.arange(400) % 4 == 0])
    category = np.repeat([0, 1, 2], [2000, 1, 400])
    counts, model = np.ones(len(score), dtype=bool), np.zeros(len(score), dtype=int)
    found = confidence_of(score, is_right, counts, model, category)
    assert found[:2000][score[:2000] > 0.6].min() > 0.9
    assert found[2000] > 0.8, "one wrong prediction of a category says little"
    assert found[2001:].max() < 0.6, "a quarter of them is right, at any score"


@pytest.mark.timing
def test_a_crowded_image_takes_seconds_and_little_memory(audit_input):
    """2,000 labels and 5,000 predictions of one image; in the worst case all of them on one place."""
    import resource
    import time

    rng = np.random.default_rng(0)
    anywhere = [np.hstack([rng.uniform(0, 3000, (n, 2)), rng.uniform(20, 80, (n, 2))]) for n in (2000, 5000)]
    on_one_place = [np.tile([9.0, 9, 40, 40], (n, 1)) for n in (2000, 5000)]
    for labels, predictions in (anywhere, on_one_place):
        outputs = [row for box in predictions.tolist() for row in predicted(box, score=float(rng.random()))]
        data = audit_input(given_boxes(*map(tuple, labels.tolist())), predictions=outputs)
        before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        for check in CHECKS:
            check.run(data)
        assert time.process_time() - started < 20
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_500_000, "kB"
