"""Objects without a label: at random, by rule, and where nobody can tell them from a model's mistakes.

A grid of objects in a hundred pictures; a model that scores most of them high, faint ones lower, and makes mistakes that get rarer as
scores rise. What is found is compared with what was left out.
"""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from airflow_cv_dataops.core.audit.audit_input import AuditInput
from airflow_cv_dataops.core.audit.detection.checks import overlooked_bbox, overlooked_not_judged

IMAGES, SIDE, CELLS = 100, 40, 5


def objects(rng):
    """Return image, box (x, y, width, height) and ease (a logit) of 25 objects in each of 100 pictures of 400 x 400."""
    image = np.repeat(np.arange(IMAGES), CELLS**2)
    column, row = np.tile(np.arange(CELLS), CELLS * IMAGES), np.tile(np.repeat(np.arange(CELLS), CELLS), IMAGES)
    box = np.stack([80 * column, 80 * row, np.full(len(image), SIDE), np.full(len(image), SIDE)], axis=1).astype(float)
    return image, box, rng.normal(3, 1, len(image))


def mistakes(rng, count, ease):
    """Return image, box and score of predictions between the objects."""
    box = np.stack([*(80 * rng.integers(0, CELLS - 1, count) + 42.0 for _ in range(2)), *np.full((2, count), 36.0)], axis=1)
    return rng.integers(0, IMAGES, count), box, 1 / (1 + np.exp(-ease))


def scored(ease):
    return 1 / (1 + np.exp(-ease))


def audit_input(image, box, seen, score, kept, size=400.0) -> AuditInput:
    """Return labels of the objects that are kept, and predictions: boxes (image, box) with scores. All are cells."""
    ids = pa.array([f"{number:064d}" for number in range(IMAGES)])
    files = pa.array([f"s3://photos/{number}.jpg" for number in range(IMAGES)])
    side = pa.array(np.full(IMAGES, size).astype(np.int32))

    def columns(images, boxes):
        sides = [pa.array(values) for values in boxes.T]
        place = {
            "image_id": ids.take(pa.array(images)),
            "source_uri": files.take(pa.array(images)),
            "file_name": pa.nulls(len(images), pa.string()),
        }
        bbox = pa.StructArray.from_arrays(sides, ["x", "y", "width", "height"])
        return {**place, "task": pa.repeat("detection", len(images)), "category": pa.repeat("cell", len(images)), "bbox": bbox}

    number = pa.array(np.arange(kept.sum())).cast(pa.string())
    more = {"label_set": pa.repeat("default", len(number)), "source": pa.nulls(len(number), pa.string()), "annotation_id": number}
    more["iscrowd"] = pa.repeat(False, len(number))
    given = pa.table({**columns(image[kept], box[kept]), **more})
    predicted = pa.table({**columns(*seen), "model": pa.repeat("m", len(score)), "score": pa.array(score)})
    images = pa.table({"source_uri": files, "image_id": ids, "file_name": files, "width": side, "height": side})
    return AuditInput(images, given, predicted)


def found_of(data, image, box, is_missing):
    """Return precision and recall of the suggested boxes."""
    found = overlooked_bbox(data)
    if found is None:
        return 0.0, 0.0
    suggested = [json.loads(text)["bbox"] for text in found["suggestion"].to_pylist()]
    named = {(int(name), *map(round, place)) for name, place in zip(found["image_id"].to_pylist(), suggested, strict=True)}
    missing = {(int(name), *map(round, place)) for name, place in zip(image[is_missing], box[is_missing], strict=True)}
    return len(named & missing) / len(named), len(named & missing) / len(missing)


def world(is_missing_by, *, seed=0, transform=lambda score: score, wrong=1000):
    """Return precision, recall and what could not be judged, where ``is_missing_by(rng, image, box, ease)`` says what has no label."""
    rng = np.random.default_rng(seed)
    image, box, ease = objects(rng)
    false_image, false_box, false_score = mistakes(rng, wrong, -3 + rng.exponential(0.8, wrong))
    seen = np.concatenate([image, false_image]), np.concatenate([box, false_box])
    score = transform(np.concatenate([scored(ease), false_score]))
    is_missing = is_missing_by(rng, image, box, ease)
    data = audit_input(image, box, seen, score, ~is_missing)
    return *found_of(data, image, box, is_missing), overlooked_not_judged(data)


def at_random(share):
    return lambda rng, image, box, ease: rng.random(len(image)) < share


def at_border(rng, image, box, ease):
    return (box[:, :2].min(axis=1) == 0) & (rng.random(len(image)) < 0.9)


def faint(rng, image, box, ease):
    return (ease < 2.3) & (rng.random(len(image)) < 0.9)


def at_border_or_faint(rng, image, box, ease):
    return at_border(rng, image, box, ease) | faint(rng, image, box, ease)


def of_one_annotator(rng, image, box, ease):
    return (image % 3 == 0) & (rng.random(len(image)) < 0.7)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_labels_that_are_missing_at_random_are_found(share):
    precision, recall, not_judged = world(at_random(share))
    assert precision >= 0.9
    assert recall >= 0.85
    assert not_judged == {}


@pytest.mark.parametrize("rule", [at_border, faint, at_border_or_faint, of_one_annotator], ids=lambda rule: rule.__name__)
def test_labels_that_are_missing_by_rule_are_found(rule):
    precision, recall, not_judged = world(rule)
    assert precision >= 0.9
    assert recall >= 0.85
    assert not_judged == {}


@pytest.mark.parametrize("transform", [lambda score: score * 0.4, lambda score: score**0.05], ids=["at most 0.4", "near 1"])
@pytest.mark.parametrize("rule", [at_random(0.2), at_random(0.5), at_border_or_faint], ids=["20 %", "50 %", "border or faint"])
def test_whether_a_model_is_over_or_under_confident_is_no_matter(rule, transform):
    precision, recall, _ = world(rule, transform=transform)
    assert precision >= 0.9
    assert recall >= 0.85


def test_complete_labels_have_hardly_any_finding():
    rng = np.random.default_rng(1)
    image, box, ease = objects(rng)
    false_image, false_box, false_score = mistakes(rng, 1000, -3 + rng.exponential(0.8, 1000))
    seen = np.concatenate([image, false_image]), np.concatenate([box, false_box])
    found = overlooked_bbox(audit_input(image, box, seen, np.concatenate([scored(ease), false_score]), np.ones(len(image), bool)))
    assert found is None or found.num_rows <= 0.005 * len(image)


@pytest.mark.parametrize("ease", [1.5, 3.0], ids=["somewhat lower than the right ones", "as high as the right ones"])
def test_a_model_that_is_mostly_wrong_floods_nobody_and_is_named(ease):
    """Three times as many wrong predictions as objects, all of them confident; every object has its label."""
    rng = np.random.default_rng(2)
    image, box, right = objects(rng)
    wrong = mistakes(rng, 7500, rng.normal(ease, 1, 7500))
    seen = np.concatenate([image, wrong[0]]), np.concatenate([box, wrong[1]])
    data = audit_input(image, box, seen, np.concatenate([scored(right), wrong[2]]), np.ones(len(image), bool))
    found = overlooked_bbox(data)
    assert found is None or found.num_rows <= 0.05 * 7500
    # Each place between objects counts once: 16 in each picture.
    assert 500 < overlooked_not_judged(data)["cell"] <= 16 * IMAGES


def test_a_class_that_nobody_labels_is_not_judged_but_named():
    """What looks like a model that is wrong in three of four, at any score, may be labels that lack three of four."""
    rng = np.random.default_rng(3)
    image, box, ease = objects(rng)
    kept = rng.random(len(image)) < 0.25
    data = audit_input(image, box, (image, box), scored(ease), kept)
    assert overlooked_bbox(data) is None
    assert overlooked_not_judged(data)["cell"] == pytest.approx((~kept).sum(), rel=0.05)
    assert len(overlooked_bbox.compared_images(data)) == 0, "so that the check has not run"


def test_faint_objects_below_the_least_score_that_was_written_are_named_as_not_judged():
    """Without the model's mistakes of low score nothing shows that those of middling score are none: as many are named as not judged."""
    rng = np.random.default_rng(4)
    image, box, ease = objects(rng)
    wrong = mistakes(rng, 600, rng.normal(0.5, 0.5, 600))
    seen = np.concatenate([image, wrong[0]]), np.concatenate([box, wrong[1]])
    is_missing = faint(rng, image, box, ease)
    data = audit_input(image, box, seen, np.concatenate([scored(ease), wrong[2]]), ~is_missing)
    assert overlooked_not_judged(data)["cell"] > 0.5 * is_missing.sum()


def test_a_neighbour_in_a_crowd_is_not_lost_to_a_label_that_the_model_missed():
    """Two objects that overlap by an IoU of 0.2: of one the model finds nothing, the other has no label; a third lies on the first."""
    rng = np.random.default_rng(5)
    image, box, _ = objects(rng)
    is_first = np.arange(len(image)) % 25 == 12
    near = box[is_first] + [26, 0, 0, 0]
    on_it = box[is_first] + [-14, 0, 0, 0]
    seen = np.concatenate([image[~is_first], image[is_first], image[is_first]]), np.concatenate([box[~is_first], near, on_it])
    score = scored(rng.normal(4, 0.5, len(seen[0])))
    data = audit_input(image, box, seen, score, np.ones(len(image), bool))
    found = overlooked_bbox(data)
    suggested = [json.loads(text)["bbox"] for text in found["suggestion"].to_pylist()]
    assert len(suggested) >= 0.9 * IMAGES
    assert {tuple(place[:2]) for place in suggested} == {tuple(near[0][:2])}
