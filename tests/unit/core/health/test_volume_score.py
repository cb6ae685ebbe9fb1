"""The score of a count: what it knows, and when it says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from airflow_cv_dataops.core.health.season import Slot, season_of, slots_before, usually_empty
from airflow_cv_dataops.core.health.volume_score import NotEnough, VolumeScore, volume_score
from airflow_cv_dataops.core.store.partition_time import key_at, keys_before, moment_of

WEEK = (200, 210, 205, 200, 190, 60, 40)


def keys(number: int) -> list[str]:
    first = moment_of("2026-09-07")  # a Monday
    assert first is not None
    return [key_at(first + (np.timedelta64(at, "D").astype(object)), "2026-09-07") for at in range(number)]


def judge(counts: list[int], found: int, fewest: int = 14) -> VolumeScore | NotEnough:
    *before, key = keys(len(counts) + 1)
    slots = slots_before(key, dict(zip(before, counts, strict=True)), 56)
    return volume_score(slots, season_of(key), found, fewest=fewest)


def score(counts: list[int], found: int) -> float:
    judged = judge(counts, found)
    assert isinstance(judged, VolumeScore)
    return judged.score


def weeks(number: int, growth: float = 0.0, seed: int = 0) -> list[int]:
    rng = np.random.default_rng(seed)
    return [int(rng.poisson(WEEK[day % 7] * np.exp(growth * day))) for day in range(number)]


def test_a_weekend_is_no_anomaly_and_the_same_count_on_a_monday_is():
    assert abs(score(weeks(40), WEEK[40 % 7])) < 3  # a Saturday
    assert score(weeks(42), WEEK[5]) < -6  # a Monday


@pytest.mark.parametrize(("factor", "sign"), [(0.5, -1), (2, 1)])
def test_half_and_twice_as_many_are_far_off(factor: float, sign: int):
    assert sign * score(weeks(42), int(200 * factor)) > 5


def test_growth_is_no_anomaly():
    expected = WEEK[0] * np.exp(0.01 * 56)
    assert abs(score(weeks(56, growth=0.01), round(expected))) < 2
    assert score(weeks(56, growth=0.01), WEEK[0] // 2) < -5


def test_nothing_is_said_before_there_is_history():
    judged = judge(weeks(13), 1)
    assert isinstance(judged, NotEnough)
    assert "13 partitions" in judged.why
    few = judge(weeks(14), 1)
    assert isinstance(few, NotEnough)
    assert "2 Mondays" in few.why


def test_strange_days_do_not_spoil_those_after_them():
    counts = weeks(42)
    counts[35], counts[37], counts[39] = 0, 2_000, 3
    assert abs(score(counts, 200)) < 2


def test_a_level_that_stays_is_usual_after_a_few_days():
    before = weeks(42)
    after = [2 * count for count in weeks(70)[42:]]
    alarms = [abs(score(before + after[:day], after[day])) > 4 for day in range(14)]
    assert alarms[0]
    assert not any(alarms[7:])


def test_few_images_alarm_nobody_by_chance():
    rng = np.random.default_rng(5)
    assert all(abs(score(rng.poisson(8, 42).tolist(), int(count))) < 4 for count in rng.poisson(8, 50))


def test_keys_that_are_no_dates_are_compared_in_their_order():
    counts = {f"batch_{number:03}": 100 for number in range(20)}
    judged = volume_score(slots_before("batch_020", counts, 56), season_of("batch_020"), 40, fewest=14)
    assert isinstance(judged, VolumeScore)
    assert judged.score < -4


def test_days_without_data_are_slots_and_usual_where_most_of_that_weekday_are():
    *before, sunday = keys(28)
    counts = {key: 100 for key in before if season_of(key) != "Sundays"}
    slots = slots_before(sunday, counts, 56)
    assert sum(slot.count == 0 for slot in slots) == 3
    assert usually_empty(slots, "Sundays")
    assert not usually_empty(slots, "Mondays")


def test_only_dates_of_the_same_format_come_before_a_date():
    there = ["2026-11-04", "2026-11-04T12", "2026-11", "2026-11-06", "2026-11-03", "2026-02-31", "batch"]
    assert keys_before(there, "2026-11-05") == ["2026-11-03", "2026-11-04"]
    assert keys_before(there, "c") == ["2026-02-31", "batch"]
    assert isinstance(slots_before("2026-11-05", {}, 56), list)
    assert Slot("a", -1, "partitions", 1).count == 1
