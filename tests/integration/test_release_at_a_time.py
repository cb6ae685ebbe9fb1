"""A release by the time at which a stage was there, and a release's splits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from unit.core.release.release_rows import write_annotations, write_backgrounds, write_images

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError, StoreError
from airflow_cv_dataops.core.release.promote import promote_dataset

pytestmark = pytest.mark.integration


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Production at v1 on the 5th, at v3 on the 7th, back at v1 on the 9th, each at noon; staging at v2 on the 6th, at v3 on the 7th."""
    dataset = open_dataset("digits", home=tmp_path_factory.mktemp("moved"))
    moves: list[tuple[int, dict[str, Any]]] = [
        (5, {}),
        (6, {"stage": "staging"}),
        (7, {"stage": "staging"}),
        (7, {"release": "v3"}),
        (9, {"release": "v1", "allow_backwards": True}),
    ]
    for day, move in moves:
        if "release" not in move:
            write_images(dataset, f"2026-11-0{day}", [f"{day}-{number}" for number in range(20)])
        assert promote_dataset(dataset, **move, recorded_at=at(day)).failure is None
    return dataset


@pytest.fixture
def halved(make_dataset: Callable[..., Dataset]) -> Dataset:
    """60 images in two splits of their own; 20 have a label, of 20 it is said that nothing is in them."""
    dataset = make_dataset()
    for day in (5, 6, 7):
        write_images(dataset, f"2026-11-0{day}", [f"{day}-{number}" for number in range(20)])
    write_annotations(dataset, "2026-11-05", [(f"5-{number}", "cat") for number in range(20)])
    write_backgrounds(dataset, "2026-11-06", [f"6-{number}" for number in range(20)])
    promote_dataset(dataset, splits={"b": 0.5, "a": 0.5})
    return dataset


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (at(5), "v1"),  # at the very moment
        (at(6), "v1"),
        ("2026-11-07T11:59:59.999999", "v1"),
        ("2026-11-07T12:59:59+01:00", "v1"),
        ("2026-11-07T13:00+01:00", "v3"),
        (datetime(2026, 11, 7, 12), "v3"),
        (datetime(2026, 11, 7), "v1"),
        (date(2026, 11, 7), "v3"),  # the day's last
        ("2026-11-07", "v3"),
        (at(8), "v3"),
        ("2026-11-09", "v1"),  # moved back
        ("2031-01-01", "v1"),
    ],
)
def test_a_time_is_what_production_was_then(moved: Dataset, asked: Any, name: str):
    release = moved.release(asked)
    assert (release.name, release.stage) == (name, "production")
    assert moved.release("production", at=asked) == moved.release(at=asked) == release
    assert release.images().num_rows == {"v1": 20, "v3": 60}[name]


def test_another_stage_is_asked_for_with_at(moved: Dataset):
    assert moved.release("staging", at="2026-11-06").name == "v2"
    assert moved.release("staging", at=date(2026, 11, 20)).name == moved.release("staging").name == "v3"


@pytest.mark.parametrize("asked", [at(5, 11), "2026-11-04", date(2026, 11, 4)])
def test_before_its_first_release_a_stage_had_none(moved: Dataset, asked: Any):
    with pytest.raises(
        DatasetNotFoundError, match=r"'production' of dataset 'digits' had no release at .*its first, v1, is of 2026-11-05T12:00"
    ):
        moved.release(asked)


def test_a_release_or_stage_by_its_name_is_what_it_was_before_times_were_asked_for(moved: Dataset):
    assert (moved.release().name, moved.release("v2").name, moved.release("staging").name) == ("v1", "v2", "v3")


@pytest.mark.parametrize("asked", ["v99", "nightly", "2026-13-01"])
def test_what_is_neither_a_name_nor_a_time_is_told_what_there_is(moved: Dataset, asked: str):
    with pytest.raises(DatasetNotFoundError, match=f"no release or stage '{asked}'; it has production, staging, v1, v2, v3"):
        moved.release(asked)


def test_a_stage_that_never_was_has_no_release_at_any_time(moved: Dataset, make_dataset: Callable[..., Dataset]):
    with pytest.raises(DatasetNotFoundError, match="no release or stage 'nightly'"):
        moved.release("nightly", at="2026-11-06")
    other = make_dataset("other")
    write_images(other, "k", ["a"])
    with pytest.raises(DatasetNotFoundError, match="no release or stage 'production'; it has none"):
        other.release("2026-11-06")
    with pytest.raises(DatasetNotFoundError, match="'nowhere'"):
        make_dataset("nowhere").release("2026-11-06")


@pytest.mark.parametrize(
    ("name", "when", "said"),
    [
        ("v1", "2026-11-06", "v1 is a release, which is the same at any time"),
        ("2026-11-05", "2026-11-06", "is a time, and so is at='2026-11-06'"),
        (date(2026, 11, 5), date(2026, 11, 6), "is a time, and so is"),
        ("production", "yesterday", "at='yesterday' is no time"),
        ("production", 5, "5 is no time"),
        (5, None, "5 is no time"),
    ],
)
def test_arguments_that_make_no_question_are_refused(moved: Dataset, name: Any, when: Any, said: str):
    with pytest.raises(ConfigurationError, match=said):
        moved.release(name, at=when)


def test_images_and_annotations_of_one_split(halved: Dataset):
    release = halved.release()
    splits = release.splits()
    assert list(splits) == ["a", "b"]
    assert sum(splits.values()) == release.images_count == 60
    for split, count in splits.items():
        part = release.images(["image_id"], split=split)
        assert (part.num_rows, part.column_names, set(part["split"].to_pylist())) == (count, ["image_id", "split"], {split})
        labels = release.annotations(["image_id", "task"], split=split)
        assert set(labels["image_id"].to_pylist()) <= set(part["image_id"].to_pylist())
    assert sum(release.annotations(split=split).num_rows for split in splits) == release.annotations().num_rows == 40
    for read in (release.images, release.annotations, release.map_style):
        with pytest.raises(ConfigurationError, match=r"Release v1 of 'digits' has no image in a split 'trian'; it has a, b\."):
            read(split="trian")


def test_a_split_without_labels_is_one_all_the_same(make_dataset: Callable[..., Dataset]):
    dataset = make_dataset()
    write_images(dataset, "2026-11-05", [f"5-{number}" for number in range(20)])
    promote_dataset(dataset, splits={"b": 0.5, "a": 0.5})
    assert dataset.release().annotations(split="a").num_rows == 0


def test_a_split_is_not_handed_out_where_the_whole_is_not_what_was_released(moved: Dataset):
    from dataclasses import replace

    release = moved.release()
    assert release.images(split="train").num_rows
    with pytest.raises(StoreError, match="has 21 images"):
        replace(release, images_count=21).images(split="train")
