"""The groups of images: one of each grouping, and of categories as many as a detector sees."""

from __future__ import annotations

from unit.core.sampling.pools import Listed, box, classified, images, pool_of

from airflow_cv_dataops.core.sampling.grouping import groups_of
from airflow_cv_dataops.core.sampling.pool import Pool
from airflow_cv_dataops.core.sampling.scores.hardest import hardest


def groups(pool: Pool, grouping: str) -> list[set[str]]:
    found = groups_of(grouping, pool, hardest(pool, "margin").categories)
    return [{found.names[code] for code in found.of(row).tolist()} for row in range(len(pool))]


def test_an_image_of_a_detector_is_of_every_category_that_it_sees():
    rows = [box("a", "RBC", 0, 0.95), box("a", "Platelets", 0, 0.6), box("a", "WBC", 0, 0.4), box("b", "RBC", 0, 0.95)]
    assert groups(pool_of("ab", rows), "category") == [{"RBC", "Platelets"}, {"RBC"}], "not of WBC, though that box is the most uncertain"


def test_where_all_boxes_are_doubtful_it_is_of_the_category_of_the_most_uncertain_one_and_without_any_of_none():
    rows = [box("a", "RBC", 0, 0.1), box("a", "Blasts", 0, 0.4), box("b", "RBC", 0, 0.9)]
    assert groups(pool_of("abc", rows), "category") == [{"Blasts"}, {"RBC"}, {""}]


def test_an_image_of_a_classifier_is_of_one_category():
    rows = [classified("a", {"cat": 0.5, "dog": 0.5}), classified("b", {"cat": 0.1, "dog": 0.9})]
    assert groups(pool_of("abc", rows), "category") == [{"cat"}, {"dog"}, {""}]


def test_a_model_of_whole_images_and_boxes_puts_an_image_into_one_category():
    """What the model says of the whole image is no box in it."""
    rows = [classified("a", {"cat": 0.6, "dog": 0.4}), box("a", "dog", 0, 0.9), box("b", "dog", 0, 0.9)]
    assert groups(pool_of("ab", rows), "category") == [{"cat"}, {"dog"}]


def test_other_groupings_are_of_what_is_known_of_the_image_itself():
    table = images("ab", captured_at=["2026-11-05T10:00:00", None], camera=["X100", None], partition_key=["mon", "tue"])
    pool = Pool(table, {"m": Listed("predictions", [])}, "m")
    assert groups(pool, "source") == [{"/data"}, {"/data"}]
    assert groups(pool, "capture_day") == [{"2026-11-05"}, {""}]
    assert groups(pool, "camera") == [{"X100"}, {""}]
    assert groups(pool, "partition") == [{"mon"}, {"tue"}]


def test_a_pool_without_images_has_groups_all_the_same():
    assert groups(Pool(images([]), {"m": Listed("predictions", [box("z", "RBC", 0, 0.9)])}, "m"), "category") == []
