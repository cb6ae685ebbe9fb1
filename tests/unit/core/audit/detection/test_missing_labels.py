"""Objects without a label: at random, by rule, and where nobody can tell them from a model's mistakes. Compared with what was left out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from unit.core.audit.detection.objects_in_a_grid import (
    IMAGES,
    at_border,
    at_border_or_faint,
    at_random,
    audit_input,
    faint,
    mistakes,
    objects,
    of_one_annotator,
    scored,
    world,
)

from airflow_cv_dataops.core.audit.detection.checks import overlooked_bbox, overlooked_not_judged


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
