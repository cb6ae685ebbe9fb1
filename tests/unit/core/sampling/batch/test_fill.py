"""Budgets, quotas, minimums, near duplicates and the share at random: held exactly, whatever the strategy."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.sampling.batch.budget import budget_of
from airflow_cv_dataops.core.sampling.batch.fill import Limits, fill_batch
from airflow_cv_dataops.core.sampling.batch.groups import Groups
from airflow_cv_dataops.core.sampling.batch.near_duplicates import NearDuplicates
from airflow_cv_dataops.core.sampling.batch.quotas import quota_of
from airflow_cv_dataops.core.sampling.batch.room import Room, UnmetMinimum
from airflow_cv_dataops.core.sampling.strategies.strategy import Choice, Strategy, strategy


@strategy(meaning="The highest scores.", needs=("scores",))
def best(choice):
    while choice.open.any():
        yield int(np.flatnonzero(choice.open)[np.argmax(choice.scores[choice.open])])


@strategy(meaning="Whatever comes first.")
def first(choice):
    while choice.open.any():
        yield int(np.argmax(choice.open))


def a_choice(scores):
    scores = np.asarray(scores, dtype=float)
    count = len(scores)
    return Choice(scores=scores, ties=np.arange(count, dtype=np.uint64), open=np.ones(count, bool), wanted=max(count, 1), seed=1)


def groups(values):
    return Groups.of_values(pa.array(values, pa.string()))


def fill(scores, *, costs=None, budget=3, quotas=(), near=None, explore=0.0, named=()):
    costs = np.ones(len(scores), dtype=np.int64) if costs is None else np.asarray(costs, dtype=np.int64)
    limits = Limits(costs, budget, quotas, near, explore)
    return fill_batch(a_choice(scores), best, limits, random=first, named=named)


def test_the_best_are_taken_within_the_budget():
    batch = fill([0.1, 0.9, 0.5, 0.7])
    assert (batch.rows, batch.taken_by, batch.spent) == ((1, 3, 2), ("best", "best", "best"), 3)


def test_a_dear_image_is_passed_over_for_one_that_fits():
    batch = fill([0.9, 0.8, 0.7, 0.6], costs=[2, 5, 2, 1], budget=5)
    assert (batch.rows, batch.spent) == ((0, 2, 3), 5)


def test_named_images_come_first_and_count():
    batch = fill([0.1, 0.9, 0.5], budget=2, named=(0,))
    assert (batch.rows, batch.taken_by) == ((0, 1), ("named", "best"))


def test_a_named_image_against_a_limit_is_told():
    near = NearDuplicates(pa.chunked_array([["00000000000000ff", "00000000000000fe", "ffffffff00000000"]]), 4)
    batch = fill([0.1, 0.9, 0.5], named=(0, 1), near=near)
    assert (batch.rows, batch.refused, batch.near_duplicates) == ((0, 2), (1,), 1)


def test_the_share_at_random_is_drawn_before_the_strategy():
    batch = fill([0.1, 0.2, 0.9, 0.8, 0.3], budget=4, explore=0.5)
    assert (batch.rows, batch.taken_by) == ((0, 1, 2, 3), ("random", "random", "best", "best"))


def test_minimums_come_before_what_scores_higher_and_then_quotas_hold():
    kinds = ["cat", "cat", "dog", "cat", None]
    quota = quota_of("category", groups(kinds), {"cat": 1, "*": 5}, {"dog": 1}, 3)
    assert fill([0.9, 0.8, 0.1, 0.7, 0.2], quotas=[quota]).rows == (2, 0, 4)


def test_a_minimum_that_cannot_be_met_is_told_with_what_there_is():
    quota = quota_of("source", groups(["a", "a", "b"]), {"a": 1}, {"a": 2, "b": 1}, 3)
    batch = fill([0.9, 0.8, 0.7], quotas=[quota])
    assert batch.rows == (0, 2)
    assert list(batch.unmet) == [UnmetMinimum("source", "a", 2, 1, 2, 2)]


def test_shares_are_of_the_budget_and_rounded_to_the_safe_side():
    quota = quota_of("category", groups(["a", "b"]), 0.29, 0.29, 100)
    assert (quota.most.tolist(), quota.least.tolist()) == ([29, 29], [29, 29])
    assert quota_of("category", groups(["a"]), 0.001, 0.001, 10).most.tolist() == [1], "a share is at least one image"


def test_near_duplicates_are_of_hashes_or_of_clusters():
    hashes = pa.chunked_array([["0000000000000000", "000000000000000f", "000000000000001f", None, "not a hash here"]])
    assert NearDuplicates(hashes, 4).of(0).tolist() == [0, 1]
    assert NearDuplicates(hashes, 4).of(3).tolist() == [], "an image without a hash is nobody's duplicate"
    assert NearDuplicates(hashes, 64).of(0).tolist() == [0, 1, 2]
    assert NearDuplicates(None, None, ["x", None, "x", None, "y"]).of(0).tolist() == [0, 2]
    assert NearDuplicates(None, None, ["x", None, "x", None, "y"]).of(1).tolist() == []


def test_what_may_not_be_taken_is_refused():
    room = Room(np.array([1, 3]), 2)
    assert room.open.tolist() == [True, False]
    room.take(0)
    with pytest.raises(ValueError, match="may not be taken"):
        room.take(0)


@given(st.data())
def test_all_limits_hold_exactly_and_nothing_that_fits_is_left(data):
    count = data.draw(st.integers(0, 25))
    scores = data.draw(st.lists(st.floats(0, 1), min_size=count, max_size=count))
    kinds = data.draw(st.lists(st.sampled_from(["a", "b", None]), min_size=count, max_size=count))
    days = data.draw(st.lists(st.sampled_from(["mon", "tue"]), min_size=count, max_size=count))
    hashes = data.draw(st.lists(st.sampled_from(["0" * 16, "0" * 15 + "1", "f" * 16, None]), min_size=count, max_size=count))
    unit = data.draw(st.sampled_from(["images", "boxes", "minutes"]))
    amount = data.draw(st.integers(1, 12))
    budget = budget_of(amount, unit, {"image": 0.7, "box": 0.1} if unit == "minutes" else None)
    costs = budget.costs(np.array(data.draw(st.lists(st.floats(0, 6), min_size=count, max_size=count))))
    caps = [data.draw(st.none() | st.integers(1, 6)) for _ in range(2)]
    floors = [data.draw(st.none() | st.integers(1, 3)) for _ in range(2)]
    quotas = [
        quota_of(name, groups(values), cap, floor, amount)
        for name, values, cap, floor in zip(("category", "capture_day"), (kinds, days), caps, floors, strict=True)
    ]
    bits = data.draw(st.sampled_from([None, 0, 1]))
    near = NearDuplicates(pa.chunked_array([pa.array(hashes, pa.string())]), bits)
    explore = data.draw(st.sampled_from([0.0, 0.25, 1.0]))
    named = data.draw(st.lists(st.integers(0, count - 1), unique=True, max_size=3)) if count else []
    batch = fill(scores, costs=costs, budget=budget.parts, quotas=quotas, near=near, explore=explore, named=named)

    rows = list(batch.rows)
    assert len(rows) == len(set(rows)) == len(batch.taken_by)
    assert batch.spent == sum(costs[rows]) <= amount * 1_000_000
    found = [Counter(values[row] for row in rows) for values in (kinds, days)]
    for counts, cap in zip(found, caps, strict=True):
        assert all(number <= (cap or 99) for number in counts.values())
    shows = {row: None if bits is None or hashes[row] is None else int(hashes[row], 16) for row in range(count)}

    def are_near(one, other):
        return shows[one] is not None and shows[other] is not None and (shows[one] ^ shows[other]).bit_count() <= bits

    assert not any(are_near(one, other) for at, one in enumerate(rows) for other in rows[:at])
    for row in set(range(count)) - set(rows):
        fits = batch.spent + costs[row] <= budget.parts
        has_room = all(counts[values[row]] < (cap or 99) for counts, values, cap in zip(found, (kinds, days), caps, strict=True))
        assert not (fits and has_room and not any(are_near(row, taken) for taken in rows)), "an image that would fit was left"
    random = sum(costs[row] for row, by in zip(rows, batch.taken_by, strict=True) if by == "random")
    assert random <= explore * min(budget.parts, int(costs.sum())) + 1
    if not named and bits is None and caps == [None, None] and unit == "images":
        assert batch.taken_by.count("random") == int(explore * min(amount, count)), "the share at random is exact"
    for counts, floor, values in zip(found, floors, (kinds, days), strict=True):
        for group, number in counts.items():
            told = [one for one in batch.unmet if one.group == (group or "") and one.taken < one.wanted]
            assert floor is None or number >= floor or told, "a minimum that is not met is told"
            assert values


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1)), min_size=1, max_size=20), st.integers(1, 8), st.integers(1, 4))
def test_minimums_of_one_grouping_are_met_whenever_they_can_be(images, budget, floor):
    sources = [group for group, _ in images]
    quota = quota_of("source", groups(sources), None, floor, budget)
    batch = fill([score for _, score in images], budget=budget, quotas=[quota])
    there = Counter(sources)
    wanted = sum(min(floor, number) for number in there.values())
    taken = Counter(sources[row] for row in batch.rows)
    if wanted <= budget:
        assert all(taken[group] >= min(floor, number) for group, number in there.items())
    assert {one.group for one in batch.unmet} == {group for group in there if taken[group] < floor}


ONE = Limits(np.ones(3, dtype=np.int64), 1)


@pytest.mark.parametrize("row", [np.int64(1), np.uint8(1), 1])
def test_a_strategy_may_yield_numbers_of_numpy(row: Any) -> None:
    easy = Strategy("easy", "any", lambda choice: iter([row]))
    assert fill_batch(a_choice([0, 0, 0]), easy, ONE, random=first).rows == (1,)


@pytest.mark.parametrize("row", [True, 1.0, "1", None, np.array([1, 2]), -1, 3])
def test_what_is_no_open_row_is_told_with_the_name_of_the_strategy(row: Any) -> None:
    odd = Strategy("odd", "any", lambda choice: iter([row]))
    with pytest.raises(ConfigurationError, match=r"Strategy 'odd' yielded .*expected the number of an image that is open"):
        fill_batch(a_choice([0, 0, 0]), odd, ONE, random=first)


def test_what_a_strategy_raises_says_whose_it_is() -> None:
    def fails(choice: Any) -> Any:
        yield 0
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as raised:
        fill_batch(a_choice([0, 0, 0]), Strategy("odd", "any", fails), Limits(np.ones(3, dtype=np.int64), 2), random=first)
    assert raised.value.__notes__ == ["Raised by strategy 'odd' on a choice of 3 images."]
