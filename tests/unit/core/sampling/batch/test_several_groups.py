"""Quotas and minimums over images that are of several groups: what is open is what a plain statement says, after every image taken."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples
from unit.core.sampling.batch.test_fill import fill
from unit.core.sampling.batch.test_groups import NAMES, of_sets

from airflow_cv_dataops.core.sampling.batch.near_duplicates import NearDuplicates
from airflow_cv_dataops.core.sampling.batch.quotas import UNLIMITED, Quota, quota_of
from airflow_cv_dataops.core.sampling.batch.room import FullGroup, Room, UnmetMinimum


def quota(sets, most=None, least=None, budget=None, *, grouping="category") -> Quota:
    return quota_of(grouping, of_sets([set(own) for own in sets]), most, least, budget)


def clusters(*names) -> NearDuplicates:
    return NearDuplicates(None, None, list(names))


def test_an_image_counts_for_each_of_its_groups_and_one_that_is_full_closes_it():
    batch = fill([0.9, 0.8, 0.7, 0.6], budget=4, quotas=[quota(["ab", "ac", "bc", "c"], {"a": 1, "c": 1})])
    assert batch.rows == (0, 2), "the second has a, which is full; the last has c"
    assert batch.full == [FullGroup("category", "a", 1, 1), FullGroup("category", "c", 1, 2)][::-1]
    assert batch.kept_out == 2, "the second, of two full groups, counts once"


def test_a_minimum_is_of_images_that_hold_the_group_whatever_else_they_hold():
    scores = [0.9, 0.8, 0.2, 0.1]
    assert fill(scores, budget=3, quotas=[quota(["a", "a", "ab", "ab"], None, {"b": 2})]).rows == (2, 3, 0)
    assert fill(scores, budget=1, quotas=[quota(["a", "a", "ab", "ab"], None, 1)]).rows == (0,), "either minimum asks for it"


def test_a_share_of_a_group_that_is_everywhere_ends_the_batch_and_is_told():
    batch = fill([0.5] * 10, budget=10, quotas=[quota(["a"] * 9 + ["b"], 0.3, None, 10)])
    assert len(batch.rows) == 4
    assert (batch.kept_out, list(batch.full)) == (6, [FullGroup("category", "a", 3, 6)])


def test_nothing_is_kept_out_by_a_group_where_the_budget_is_spent_or_a_duplicate_taken():
    assert fill([0.9, 0.8], budget=1, quotas=[quota(["a", "a"], 1)]).full == []
    batch = fill([0.9, 0.8], budget=2, quotas=[quota(["a", "a"], 1)], near=clusters("x", "x"))
    assert (batch.kept_out, batch.full, batch.near_duplicates) == (0, [], 1)


def test_of_groups_with_minimums_the_one_whose_last_images_are_wanted_comes_first():
    most, least = {"c": 1}, {"a": 1, "b": 1}
    batch = fill([0.9, 0.8, 0.1], budget=3, quotas=[quota(["ac", "bc", "a"], most, least)])
    assert (batch.rows, batch.unmet) == ((1, 2), []), "the first would fill c, and close the only image of b"
    batch = fill([0.9, 0.8, 0.1], budget=3, quotas=[quota(["a", "b", "a"], None, least)], near=clusters("x", "x", "y"))
    assert (batch.rows, batch.unmet) == ((1, 2), []), "the first shows the same as the only image of b"


@dataclass
class Plain:
    """The limits as one would say them, image by image."""

    sets: list[list[set[str]]]  # by quota, by image
    most: list[dict[str, int]]
    least: list[dict[str, int]]
    costs: list[int]
    budget: int
    shows: list[str]
    taken: list[int] = field(default_factory=list)
    minimums: bool = False

    def count(self, quota: int, name: str) -> int:
        return sum(name in self.sets[quota][row] for row in self.taken)

    def within(self, row: int, *, maximums: bool = True) -> bool:
        """Whether an image may be taken."""
        if self.shows[row] in {self.shows[other] for other in self.taken} or row in self.taken:
            return False
        if sum(self.costs[other] for other in [*self.taken, row]) > self.budget:
            return False
        return not maximums or all(
            self.count(quota, name) < self.most[quota].get(name, 99) for quota, own in enumerate(self.sets) for name in own[row]
        )

    def wanted(self, quota: int, name: str) -> int:
        return self.least[quota].get(name, 0) - self.count(quota, name)

    def left(self, quota: int, name: str) -> int:
        return sum(self.within(row) for row, own in enumerate(self.sets[quota]) if name in own)

    def open(self) -> list[int]:
        rows = [row for row in range(len(self.costs)) if self.within(row)]
        asking = [(quota, name) for quota in range(len(self.sets)) for name in NAMES if self.wanted(quota, name) > 0]
        pressing = [(quota, name) for quota, name in asking if self.left(quota, name) == self.wanted(quota, name)]
        for groups in (pressing, asking) if self.minimums else ():
            if some := [row for row in rows if any(name in self.sets[quota][row] for quota, name in groups)]:
                return some
        self.minimums = False
        return rows


@settings(max_examples=examples(200), deadline=None)
@given(st.data())
def test_what_is_open_is_what_the_limits_say_after_every_image(data):
    count = data.draw(st.integers(1, 9))
    own = st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=count, max_size=count)
    amounts = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 3), max_size=3)
    quotas = data.draw(st.integers(0, 2))
    plain = Plain(
        sets=[data.draw(own) for _ in range(quotas)],
        most=[data.draw(amounts) for _ in range(quotas)],
        least=[data.draw(amounts) for _ in range(quotas)],
        costs=data.draw(st.lists(st.integers(0, 3), min_size=count, max_size=count)),
        budget=data.draw(st.integers(0, 12)),
        shows=data.draw(st.lists(st.sampled_from("pqrstuvwx"), min_size=count, max_size=count)),
    )
    limits = [quota(*of, grouping=f"number {number}") for number, of in enumerate(zip(plain.sets, plain.most, plain.least, strict=True))]
    room = Room(np.array(plain.costs), plain.budget, limits, clusters(*plain.shows))
    fitting = [{name: plain.left(number, name) for name in NAMES} for number in range(quotas)]
    minimums_from = data.draw(st.integers(0, 3))
    while True:
        if len(plain.taken) == minimums_from:
            room.minimums_first()
            plain.minimums = True
        rows = plain.open()
        assert np.flatnonzero(room.open).tolist() == rows
        if not rows:
            break
        row = data.draw(st.sampled_from(rows))
        room.take(row)
        plain.taken.append(row)

    kept_out = {row for row in range(count) if plain.within(row, maximums=False)}
    assert set(np.flatnonzero(room.kept_out).tolist()) == kept_out, "nothing is left but what a maximum keeps out"
    for number, limit in enumerate(limits):
        counts = {name: plain.count(number, name) for name in limit.groups.names}
        for name, most, least in zip(limit.groups.names, limit.most.tolist(), limit.least.tolist(), strict=True):
            assert counts[name] <= most
            there = sum(name in own for own in plain.sets[number])
            told = UnmetMinimum(limit.grouping, name, least, counts[name], there, fitting[number][name])
            assert (told in room.unmet()) == (counts[name] < least)
            out = sum(name in plain.sets[number][row] for row in kept_out)
            assert (FullGroup(limit.grouping, name, most, out) in room.full()) == (counts[name] == most < UNLIMITED and out > 0)
