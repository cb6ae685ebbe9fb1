"""Groups of images in columns say what a list of sets says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.sampling.batch.groups import Groups

NAMES = ["a", "b", "c", "d"]


def of_sets(sets: list[set[str]], seed: int = 0) -> Groups:
    """Return groups from the names of each image, made of pairs in an arbitrary order."""
    pairs = [(row, NAMES.index(name)) for row, own in enumerate(sets) for name in own]
    image, code = np.array(pairs, dtype=np.int64).reshape(-1, 2)[np.random.default_rng(seed).permutation(len(pairs))].T
    return Groups.of_pairs(NAMES, image, code, len(sets))


def names_of(groups: Groups, row: int) -> set[str]:
    return {groups.names[code] for code in groups.of(row).tolist()}


def test_one_group_an_image_by_its_value_and_none_is_a_group():
    groups = Groups.of_values(pa.chunked_array([["cat", None], ["cat", "dog"]]))
    assert [names_of(groups, row) for row in range(4)] == [{"cat"}, {""}, {"cat"}, {"dog"}]
    assert dict(zip(groups.names, groups.sizes().tolist(), strict=True)) == {"cat": 2, "": 1, "dog": 1}
    assert not groups.overlap


def test_named_groups_that_have_no_image_are_added_and_others_dropped():
    groups = of_sets([{"b"}, {"b", "d"}]).only_named(["x", "d"])
    assert groups.names == ["b", "d", "x"]
    assert [names_of(groups, row) for row in range(2)] == [{"b"}, {"b", "d"}]
    assert groups.sizes().tolist() == [2, 1, 0]


@given(st.lists(st.sets(st.sampled_from(NAMES), min_size=1), max_size=12), st.data())
def test_columns_say_what_sets_say(sets, data):
    groups = of_sets(sets, data.draw(st.integers(0, 99)))
    assert [names_of(groups, row) for row in range(len(groups))] == sets
    assert groups.overlap == any(len(own) > 1 for own in sets)
    some = data.draw(st.lists(st.sampled_from(range(4)), unique=True))
    wanted = [row for code in some for row, own in enumerate(sets) if NAMES[code] in own]
    assert groups.rows_of(np.array(some, dtype=np.int64)).tolist() == wanted
    rows = data.draw(st.lists(st.sampled_from(range(len(sets))))) if sets else []
    part = groups.take(np.array(rows, dtype=np.int64))
    assert [names_of(part, at) for at in range(len(rows))] == [sets[row] for row in rows]
    assert part.sizes().tolist() == [sum(name in sets[row] for row in rows) for name in NAMES]
