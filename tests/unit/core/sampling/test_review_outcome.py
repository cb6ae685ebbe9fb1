"""What a review says: rates, differences, and sentences that claim no more than is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.sampling.review.box_errors import BoxErrors
from airflow_cv_dataops.core.sampling.review.outcome import Comparison, Group, comparisons, groups_of, metrics_of
from airflow_cv_dataops.core.sampling.review.verdicts import RIGHT, UNANSWERED, WRONG, Verdicts


def group(name: str, wrong: int, judged: int, unanswered: int = 0, min_answered: int = 20) -> Group:
    return Group(name, judged + unanswered, unanswered, 0, 0, judged - wrong, wrong, min_answered)


def test_a_sample_that_found_more_says_so_with_its_interval():
    found = Comparison(group("entropy", 42, 90), group("random", 8, 50))
    assert found.in_words() == (
        "entropy: the model was wrong on 42 of 90 judged images (47%, 37 to 57%); "
        "random: the model was wrong on 8 of 50 judged images (16%, 8 to 29%); "
        "difference +31 points (+15 to +43): entropy found the model wrong more often than chance did."
    )
    assert found.outcome == "more"
    assert found.ratio == pytest.approx(42 / 90 * 50 / 8)


@pytest.mark.parametrize(
    ("wrong", "outcome", "words"),
    [
        (6, "no_difference", "no difference shown."),
        (0, "fewer", "less often than chance did."),
        (40, "more", "more often than chance did."),
    ],
)
def test_the_interval_decides_the_verdict(wrong, outcome, words):
    found = Comparison(group("entropy", wrong, 60), group("random", 6, 50))
    assert (found.outcome, found.in_words().endswith(words)) == (outcome, True)


def test_without_random_images_there_is_no_difference():
    found = Comparison(group("entropy", 42, 90), None)
    assert (found.outcome, found.difference.is_known, math.isnan(found.ratio)) == ("not_judged", False, True)
    assert found.in_words().endswith("nobody can say: there are no images drawn at random.")


def test_too_few_judged_images_have_no_rate_and_no_difference():
    found = Comparison(group("entropy", 42, 90), group("random", 5, 19))
    assert not found.difference.is_known
    assert found.in_words().endswith("not judged: random has fewer than 20 judged images.")
    names = {
        (metric.name, metric.dimensions["strategy"]) for metric in metrics_of(groups_of([found]), [found]) if math.isfinite(metric.value)
    }
    assert ("wrong_rate", "entropy") in names
    assert ("wrong", "random") in names
    assert ("wrong_rate", "random") not in names
    assert ("wrong_rate_difference", "entropy") not in names


def test_many_unanswered_images_are_a_caution():
    found = Comparison(group("entropy", 42, 90, unanswered=60), group("random", 8, 50))
    assert "60 unanswered" in found.in_words()
    assert found.in_words().endswith("Many images of entropy have no answer yet; those that were answered first may be the easier ones.")


def test_a_model_that_was_never_wrong_at_random_has_no_ratio():
    found = Comparison(group("entropy", 42, 90), group("random", 0, 50))
    assert math.isnan(found.ratio)
    assert found.outcome == "more"


def detected(chosen: np.ndarray, random: np.ndarray, least: int = 20) -> Comparison:
    """Return what a review says of a detector with so many misses on each image."""
    misses = np.concatenate([chosen, random]).astype(float)
    state = np.where(misses > 0, WRONG, RIGHT).astype(np.int8)
    names = ["entropy"] * len(chosen) + ["random"] * len(random)
    nothing = np.zeros(len(misses))
    return comparisons(names, np.arange(len(misses)), None, "", Verdicts(state, BoxErrors(misses, nothing, nothing)), min_answered=least)[0]


def test_a_dense_detector_that_is_wrong_everywhere_is_judged_by_its_errors_per_image():
    """Twenty boxes an image: wrong on all images, chosen or not, with three times as many errors on the chosen ones."""
    found = detected(np.tile([4, 6, 8], 20), np.tile([1, 2, 3], 10))
    assert (found.group.wrong_rate.expected, found.baseline.wrong_rate.expected) == (1, 1)
    assert found.difference.low < 0 < found.difference.high
    assert found.outcome == "more"
    assert found.errors_difference.expected == 4
    assert found.errors_ratio == 3
    assert found.in_words() == (
        "entropy: the model was wrong on 60 of 60 judged images (100%, 94 to 100%) and made 6.00 errors an image (5.40 to 6.67); "
        "random: the model was wrong on 30 of 30 judged images (100%, 89 to 100%) and made 2.00 errors an image (1.54 to 2.60); "
        "difference +4.00 errors an image (+3.15 to +4.81), of the share of wrong images 0 points (−6 to +11): "
        "entropy found more errors of the model than chance did."
    )


def test_a_dense_detector_with_equal_errors_shows_no_difference():
    found = detected(np.tile([4, 6, 8], 20), np.tile([4, 6, 8], 10))
    assert (found.outcome, found.errors_difference.expected) == ("no_difference", 0)
    assert found.in_words().endswith("no difference shown in errors an image.")


def test_a_detector_with_fewer_errors_says_so():
    found = detected(np.tile([1, 2, 3], 10), np.tile([4, 6, 8], 20))
    assert found.outcome == "fewer"
    assert found.in_words().endswith("entropy found fewer errors of the model than chance did.")


def test_one_image_with_very_many_errors_shows_no_difference():
    assert detected(np.array([60] + [1] * 29), np.ones(30)).outcome == "no_difference"


def test_random_images_without_any_error_are_still_not_certain():
    """Twenty images without an error may be drawn where one in ten has one: two errors on as many chosen ones show nothing."""
    found = detected(np.array([1, 1] + [0] * 18), np.zeros(20))
    assert found.outcome == "no_difference"
    assert math.isnan(found.errors_ratio)
    assert detected(np.zeros(20), np.zeros(20)).errors_difference.low < 0
    assert detected(np.full(20, 3), np.zeros(20)).outcome == "more"


def test_of_a_single_image_a_detector_is_not_judged():
    found = detected(np.array([9]), np.zeros(20), least=1)
    assert found.outcome == "not_judged"
    assert found.in_words().endswith("not judged: entropy has fewer than 2 judged images.")


def test_a_classifier_has_no_errors_per_image():
    found = Comparison(group("entropy", 42, 90), group("random", 8, 50))
    assert not found.is_of_detector
    assert not any(math.isfinite(metric.value) for metric in metrics_of(groups_of([found]), [found]) if "errors_per_image" in metric.name)


def test_the_metrics_of_a_detector_have_the_difference_with_its_interval():
    found = detected(np.tile([4, 6, 8], 20), np.tile([1, 2, 3], 10))
    values = {(metric.name, metric.dimensions["strategy"]): metric.value for metric in metrics_of(groups_of([found]), [found])}
    low, high = (values[f"errors_per_image_difference_{end}", "entropy"] for end in ("low", "high"))
    assert low < values["errors_per_image_difference", "entropy"] == 4 < high
    assert values["errors_per_image_low", "random"] < values["errors_per_image", "random"] == 2 < values["errors_per_image_high", "random"]
    assert values["errors_per_image_ratio", "entropy"] == 3


@given(
    st.lists(st.tuples(st.sampled_from(["random", "entropy", "margin"]), st.sampled_from([UNANSWERED, RIGHT, WRONG])), max_size=80),
    st.integers(1, 30),
)
def test_every_image_is_counted_once_and_nothing_unanswered_as_right(rows, least):
    state = np.array([state for _, state in rows], dtype=np.int8)
    names = [name for name, _ in rows]
    found = comparisons(names, np.arange(len(rows)), None, "", Verdicts(state), min_answered=least)
    assert [comparison.group.name for comparison in found] == sorted(set(names) - {"random"})
    for one in groups_of(found):
        assert one.images == names.count(one.name) == one.unanswered + one.right + one.wrong
        assert one.unanswered == rows.count((one.name, UNANSWERED))
        assert one.wrong_rate.is_known == (one.judged >= least)
