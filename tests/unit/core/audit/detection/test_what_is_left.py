"""What is neither labelled nor found is named, models that are wrong flood nobody, and what is named is told whole."""

from __future__ import annotations

import numpy as np
import pytest
from unit.core.audit.detection.objects_in_a_grid import (
    IMAGES,
    at_random,
    audit_input,
    found_of,
    mistakes,
    objects,
    scored,
    world,
)

from airflow_cv_dataops.core.audit.detection.checks import overlooked_bbox, overlooked_not_judged
from airflow_cv_dataops.core.errors import ConfigurationError


def findings(data, **thresholds):
    found = overlooked_bbox(data, **thresholds)
    return 0 if found is None else found.num_rows


def with_mistakes(seed, ease, *, low=1000):
    """Return complete labels and predictions: objects, mistakes of that ease, and others that score low."""
    rng = np.random.default_rng(seed)
    image, box, right = objects(rng)
    wrong, faint = mistakes(rng, len(ease), ease), mistakes(rng, low, -3 + rng.exponential(0.8, low))
    seen = tuple(np.concatenate([a, b, c]) for a, b, c in ((image, wrong[0], faint[0]), (box, wrong[1], faint[1])))
    score = np.concatenate([scored(right), wrong[2], faint[2]])
    return audit_input(image, box, seen, score, np.ones(len(image), bool))


def test_objects_that_lack_labels_because_they_score_lower_are_found_or_named():
    """Only what the model is surest of has a label: the share of labels looks like a share of right ones."""
    rng = np.random.default_rng(0)
    image, box, _ = objects(rng)
    score = rng.beta(8, 2, len(image))
    is_missing = score <= 0.85
    data = audit_input(image, box, (image, box), score, ~is_missing)
    assert is_missing.mean() == pytest.approx(0.6, abs=0.02)
    recall = found_of(data, image, box, is_missing)[1]
    assert recall * is_missing.sum() + overlooked_not_judged(data).get("cell", 0) >= 0.5 * is_missing.sum()


@pytest.mark.parametrize("ease", [1.5, 3.0], ids=["lower than the right ones", "as high as the right ones"])
def test_a_model_that_is_mostly_wrong_and_has_mistakes_of_low_score_floods_nobody_and_is_named(ease):
    data = with_mistakes(2, np.random.default_rng(7).normal(ease, 1, 7500))
    assert findings(data) <= 0.05 * 7500
    assert overlooked_not_judged(data)["cell"] > 500


def test_a_hump_of_middling_mistakes_below_the_right_ones_is_no_object():
    rng = np.random.default_rng(3)
    data = with_mistakes(3, rng.normal(0, 0.4, 600))
    assert findings(data) <= 0.02 * 600


def test_parts_of_labelled_objects_and_groups_of_them_are_no_objects():
    rng = np.random.default_rng(4)
    image, box, right = objects(rng)
    part = box * [1, 1, 0.5, 0.55]
    group = box * [1, 1, 2, 2] - [20, 20, 0, 0]
    is_part, is_group = rng.random(len(image)) < 0.5, rng.random(len(image)) < 0.2
    seen = tuple(np.concatenate([all_, some[is_part], more[is_group]]) for all_, some, more in ((image, image, image), (box, part, group)))
    score = np.concatenate([scored(right), rng.beta(8, 2, is_part.sum() + is_group.sum())])
    data = audit_input(image, box, seen, score, np.ones(len(image), bool))
    assert findings(data) <= 0.005 * len(image)
    assert overlooked_not_judged(data) == {}


def test_twenty_classes_without_a_false_box_have_their_missing_labels_found_or_named():
    rng = np.random.default_rng(5)
    image, box, right = objects(rng)
    names = np.array([f"class {number:02d}" for number in range(20)])[rng.integers(0, 20, len(image))]
    is_missing = rng.random(len(image)) < 0.4
    data = audit_input(image, box, (image, box), scored(right), ~is_missing, names=(names[~is_missing], names))
    recall = found_of(data, image, box, is_missing)[1]
    assert recall * is_missing.sum() + sum(overlooked_not_judged(data).values()) >= 0.9 * is_missing.sum()


def test_confident_predictions_that_a_high_precision_leaves_out_are_named():
    image, box, seen, score, is_missing = _plain(0.2)
    data = audit_input(image, box, seen, score, ~is_missing)
    found, named = findings(data, precision=0.999), overlooked_not_judged(data, precision=0.999).get("cell", 0)
    assert found < findings(data)
    assert found + named >= 0.8 * is_missing.sum()


def test_where_every_category_is_named_and_nothing_found_the_check_has_not_run():
    image, box, seen, score, is_missing = _plain(0.75)
    data = audit_input(image, box, seen, score, ~is_missing)
    assert findings(data) == 0
    assert overlooked_not_judged(data)["cell"] > 0
    assert len(overlooked_bbox.compared_images(data)) == 0


def test_a_category_that_is_named_does_not_keep_another_one_from_being_judged():
    image, box, seen, score, is_missing = _plain(0.0)
    names = np.where(box[:, 0] < 160, "a", "b")
    is_missing = (names == "a") & (np.random.default_rng(1).random(len(names)) < 0.95)
    predicted = np.where(seen[1][:, 0] < 160, "a", "b")
    data = audit_input(image, box, seen, score, ~is_missing, names=(names[~is_missing], predicted))
    assert set(overlooked_not_judged(data)) == {"a"}
    assert len(overlooked_bbox.compared_images(data)) == IMAGES


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_class_of_which_every_prediction_matches_is_judged(share):
    image, box, right = objects(np.random.default_rng(8))
    is_seen = np.random.default_rng(9).random(len(image)) >= share
    data = audit_input(image, box, (image[is_seen], box[is_seen]), scored(right[is_seen]), np.ones(len(image), bool))
    assert findings(data) == 0
    assert overlooked_not_judged(data) == {}
    assert len(overlooked_bbox.compared_images(data)) == IMAGES


@pytest.mark.parametrize("wrong", [{"precision": 1.01}, {"overlap": 0.0}, {"overlap": 1.5}, {"overlap": float("nan")}], ids=str)
def test_thresholds_that_are_no_shares_are_refused_before_anything_is_read(wrong):
    name = next(iter(wrong))
    expected = rf"thresholds\['overlooked_bbox'\]\['{name}'\]={next(iter(wrong.values()))}.*cannot be used: expected a"
    for ask in (overlooked_bbox, overlooked_not_judged):
        with pytest.raises(ConfigurationError, match=expected):
            ask(None, **wrong)
    with pytest.raises(ConfigurationError, match=expected):
        overlooked_bbox.with_thresholds(wrong)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("where", ["far out", "thin", "huge"])
def test_predictions_whose_corners_a_float_cannot_tell_apart_are_left_out(where):
    image, box, seen, score, is_missing = _plain(0.2)
    places = {"far out": [1e150, 0, 30, 30], "thin": [100, 100, 1e-15, 1e-15], "huge": [0, 0, 1e150, 1e150]}
    extra = 50
    odd = np.concatenate([seen[0], np.arange(extra)]), np.concatenate([seen[1], np.tile(places[where], (extra, 1))])
    plain = audit_input(image, box, seen, score, ~is_missing)
    strange = audit_input(image, box, odd, np.concatenate([score, np.full(extra, 0.99)]), ~is_missing)
    if where == "huge":  # has an area, of no use to anybody
        assert findings(strange) > 0
    else:
        assert overlooked_bbox(strange).equals(overlooked_bbox(plain))


def test_a_few_more_than_half_without_a_label_by_chance_are_found():
    precision, recall, not_judged = world(at_random(0.55))
    assert precision >= 0.9
    assert recall >= 0.85
    assert not_judged == {}


def _plain(share):
    """Return image and box of objects, image and box of predictions, their scores, and which objects lack a label."""
    rng = np.random.default_rng(6)
    image, box, right = objects(rng)
    wrong = mistakes(rng, 300, -3 + rng.exponential(0.8, 300))
    seen = np.concatenate([image, wrong[0]]), np.concatenate([box, wrong[1]])
    return image, box, seen, np.concatenate([scored(right), wrong[2]]), rng.random(len(image)) < share
