"""Splits: a function of the image id alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.release.release_rows import image_id

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.splits.by_hash import assign_splits
from airflow_cv_dataops.core.release.splits.options import DEFAULT_SPLITS

IDS = [image_id(str(number)) for number in range(20_000)]


def test_shares_are_as_wanted_within_four_standard_deviations() -> None:
    counted = Counter(assign_splits(IDS))
    for name, share in DEFAULT_SPLITS.items():
        spread = 4 * (len(IDS) * share * (1 - share)) ** 0.5
        assert abs(counted[name] - share * len(IDS)) < spread, (name, counted)
    assert counted.total() == 20_000


def test_the_split_of_known_ids_never_changes() -> None:
    expected = "test test test test test test train train test train"
    assert assign_splits([image_id(name) for name in "abcdefghij"], {"train": 0.5, "test": 0.5}) == expected.split()


def test_an_image_stays_in_its_split_as_the_dataset_grows() -> None:
    early = dict(zip(IDS[:100], assign_splits(IDS[:100]), strict=True))
    late = dict(zip(reversed(IDS), assign_splits(list(reversed(IDS))), strict=True))
    assert early == {one: late[one] for one in IDS[:100]}


def test_a_salt_draws_other_splits_of_the_same_shares() -> None:
    plain, salted = assign_splits(IDS[:2_000]), assign_splits(IDS[:2_000], salt="again")
    assert 0.2 < sum(a != b for a, b in zip(plain, salted, strict=True)) / 2_000 < 0.5
    assert salted == assign_splits(IDS[:2_000], salt="again")


def test_one_split_takes_everything() -> None:
    assert set(assign_splits(IDS[:500], {"all": 1.0})) == {"all"}


def test_a_split_between_two_others_that_grows_moves_no_image_of_the_first() -> None:
    before = assign_splits(IDS, {"train": 0.8, "val": 0.1, "test": 0.1})
    after = assign_splits(IDS, {"train": 0.8, "val": 0.15, "test": 0.05})
    assert [split == "train" for split in before] == [split == "train" for split in after]


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=8).map(lambda parts: {f"s{n}": part / sum(parts) for n, part in enumerate(parts)}),
    st.lists(st.text(max_size=64), max_size=20),
)
def test_every_id_is_in_exactly_one_of_the_wanted_splits(splits: Mapping[str, float], ids: list[str]) -> None:
    found = assign_splits(ids, splits)
    assert len(found) == len(ids)
    assert set(found) <= set(splits)
    assert found == assign_splits(ids, splits)


@pytest.mark.parametrize(
    "splits",
    [
        {},
        {"train": 0.8, "test": 0.1},
        {"train": 0.8, "test": 0.3},
        {"train": 1.2, "test": -0.2},
        {"train": 1.0, "test": 0.0},
        {"train": float("nan")},
        {"train": float("inf")},
    ],
)
def test_shares_that_are_not_positive_or_do_not_sum_to_one_are_refused(splits: Mapping[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="splits"):
        assign_splits(IDS[:1], splits)
