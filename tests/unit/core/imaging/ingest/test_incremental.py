"""Which files an incremental run reads again."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops.core.imaging.decoding.decode import Limits
from airflow_cv_dataops.core.imaging.ingest import incremental
from airflow_cv_dataops.core.imaging.ingest.incremental import READ_AGAIN, kept_rows, parameters_id, split_unchanged
from airflow_cv_dataops.core.store.objects import ObjectInfo

NOON = datetime(2026, 11, 5, 12, 0, 0, 123456, tzinfo=UTC)
PARAMETERS = "p" * 32

SCHEMA = pa.schema(
    [
        ("source_uri", pa.string()),
        ("bytes", pa.int64()),
        ("source_etag", pa.string()),
        ("source_modified_at", pa.timestamp("us", tz="UTC")),
        ("parameters_id", pa.string()),
        ("reason", pa.string()),
    ]
)


def a_file(name: str = "a.png", **changes: Any) -> ObjectInfo:
    return replace(ObjectInfo(name, f"s3://bucket/{name}", 10, '"etag"', None, NOON, NOON), **changes)


def a_row(file: ObjectInfo, *, reason: str | None = None, parameters: str | None = PARAMETERS) -> dict[str, Any]:
    return {
        "source_uri": file.uri,
        "bytes": file.size,
        "source_etag": file.etag,
        "source_modified_at": file.modified_at,
        "parameters_id": parameters,
        "reason": reason,
    }


def rows(*found: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(found), SCHEMA)


def test_a_file_whose_row_agrees_in_everything_is_unchanged() -> None:
    file = a_file()
    assert split_unchanged([file], rows(a_row(file)), rows(), PARAMETERS) == ([file], [])


@pytest.mark.parametrize(
    "changes",
    [
        {"size": 11},
        {"size": None},
        {"etag": '"other"'},
        {"etag": None},
        {"modified_at": NOON + timedelta(microseconds=1)},
        {"uri": "s3://b/a"},
    ],
)
def test_a_file_that_differs_in_anything_is_changed(changes: dict[str, Any]) -> None:
    now = a_file(**changes)
    assert split_unchanged([now], rows(a_row(a_file())), rows(), PARAMETERS) == ([], [now])


def test_other_parameters_or_none_change_every_file() -> None:
    file = a_file()
    assert split_unchanged([file], rows(a_row(file)), rows(), "q" * 32) == ([], [file])
    assert split_unchanged([file], rows(a_row(file, parameters=None)), rows(), PARAMETERS) == ([], [file])


def test_a_table_from_before_there_were_parameters_has_nothing_unchanged() -> None:
    file = a_file()
    assert split_unchanged([file], rows(a_row(file)).drop_columns(["parameters_id"]), rows(), PARAMETERS) == ([], [file])


def test_a_source_that_gives_neither_tag_nor_time_is_always_read() -> None:
    file = a_file(etag=None, modified_at=None)
    assert split_unchanged([file], rows(a_row(file)), rows(), PARAMETERS) == ([], [file])
    timed = a_file(etag=None)
    assert split_unchanged([timed], rows(a_row(timed)), rows(), PARAMETERS) == ([timed], [])


def test_a_reject_is_kept_unless_the_next_look_might_differ() -> None:
    files = [a_file(f"{reason}.png") for reason in ("truncated", "too_large", *READ_AGAIN)]
    rejected = rows(*(a_row(file, reason=file.path[:-4]) for file in files))
    unchanged, changed = split_unchanged(files, rows(), rejected, PARAMETERS)
    assert [file.path for file in unchanged] == ["truncated.png", "too_large.png"]
    assert [file.path for file in changed] == [f"{reason}.png" for reason in READ_AGAIN]


def test_a_file_that_is_both_an_image_and_a_reject_is_read_again() -> None:
    file = a_file()
    assert split_unchanged([file], rows(a_row(file)), rows(a_row(file, reason="truncated")), PARAMETERS) == ([], [file])


def test_an_empty_partition_and_an_empty_listing_are_fine() -> None:
    file = a_file()
    assert split_unchanged([file], rows(), rows(), PARAMETERS) == ([], [file])
    assert split_unchanged([], rows(a_row(file)), rows(), PARAMETERS) == ([], [])


def test_the_rows_of_unchanged_files_are_kept_as_they_are() -> None:
    files = [a_file(name) for name in ("a.png", "b.png", "gone.png")]
    old = rows(*map(a_row, files))
    unchanged, _ = split_unchanged(files[:1], old, rows(), PARAMETERS)
    assert kept_rows(old, unchanged).to_pylist() == [a_row(files[0])]
    assert kept_rows(old, []).num_rows == 0


@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["same", "size", "etag", "new", "gone"])), unique_by=lambda pair: pair[0]))
def test_every_listed_file_is_either_unchanged_or_changed(plan: list[tuple[int, str]]) -> None:
    before = {number: a_file(f"{number}.png") for number, what in plan if what != "new"}
    changes: dict[str, dict[str, Any]] = {"size": {"size": 11}, "etag": {"etag": "x"}}
    files = [a_file(f"{number}.png", **changes.get(what, {})) for number, what in plan if what != "gone"]
    unchanged, changed = split_unchanged(files, rows(*map(a_row, before.values())), rows(), PARAMETERS)
    assert [file.path for file in unchanged] == [f"{number}.png" for number, what in plan if what == "same"]
    assert sorted(file.path for file in unchanged + changed) == sorted(file.path for file in files)


@pytest.mark.timing
def test_two_hundred_thousand_files_are_split_in_seconds() -> None:
    files = [a_file(f"{number}.png", etag=str(number)) for number in range(200_000)]
    old = pa.Table.from_pydict(
        {
            "source_uri": [file.uri for file in files],
            "bytes": [10] * len(files),
            "source_etag": [file.etag if place % 2 else "old" for place, file in enumerate(files)],
            "source_modified_at": [NOON] * len(files),
            "parameters_id": [PARAMETERS] * len(files),
        },
        schema=pa.schema([field for field in SCHEMA if field.name != "reason"]),
    )
    started = time.perf_counter()
    unchanged, changed = split_unchanged(files, old, rows(), PARAMETERS)
    assert time.perf_counter() - started < 5
    assert (len(unchanged), len(changed)) == (100_000, 100_000)


def test_parameters_have_an_id_that_depends_on_their_values_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    one = parameters_id(formats=("JPEG", "PNG"), limits=Limits(), copy_images=True, sizes={3, 1, 2})
    assert one == parameters_id(copy_images=True, sizes={2, 1, 3}, limits=Limits(), formats=["JPEG", "PNG"])
    assert len(one) == 32
    assert one != parameters_id(formats=("JPEG", "PNG"), limits=Limits(max_bytes=1), copy_images=True, sizes={3, 1, 2})
    monkeypatch.setattr(incremental, "MEASURES_VERSION", incremental.MEASURES_VERSION + 1)
    assert one != parameters_id(formats=("JPEG", "PNG"), limits=Limits(), copy_images=True, sizes={3, 1, 2})


def test_dataclasses_of_two_names_with_the_same_fields_differ() -> None:
    @dataclass(frozen=True)
    class Limit:
        most: int

    @dataclass(frozen=True)
    class Threshold:
        most: int

    assert parameters_id(value=Limit(1)) != parameters_id(value=Threshold(1))


def test_a_value_without_a_stable_spelling_is_refused() -> None:
    with pytest.raises(TypeError, match="stable spelling"):
        parameters_id(value=object())
