"""What a review says: rates, differences, and sentences that claim no more than is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
