"""Counting what a partition holds, and refusing to take it all out for nothing."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_cv_dataops.core.errors import EmptySourceError, SourceError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_rows import check_may_empty, count_rows

KEY = "2026-11-05"


def labels(count: int) -> pa.Table:
    return pa.table(
        {
            "annotation_id": [f"{number:032x}" for number in range(count)],
            "file_name": ["a.png"] * count,
            "task": ["classification"] * count,
            "format": ["csv"] * count,
            "source": ["file:///labels.csv"] * count,
        }
    )


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    dataset = make_dataset()
    for key, owner, count in ((KEY, "a", 3), (KEY, "b", 5), ("2026-11-06", "a", 7)):
        dataset.replace_partition("annotations", key, labels(count), owner=owner)
    return dataset


def test_rows_are_counted_of_one_owner_without_reading_a_data_file(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a data file was opened")

    monkeypatch.setattr(pq, "ParquetFile", refuse)
    monkeypatch.setattr("pyiceberg.io.pyarrow.ArrowScan.to_table", refuse)
    assert [count_rows(dataset, "annotations", KEY, owner=owner) for owner in ("a", "b", "c")] == [3, 5, 0]
    assert count_rows(dataset, "annotations", "2026-11-06", owner="a") == 7


def test_a_table_that_does_not_exist_holds_nothing(make_dataset: Callable[..., Dataset]) -> None:
    assert count_rows(make_dataset(), "images", KEY) == 0
    check_may_empty(make_dataset(), KEY, ("images", "rejects"), "Nothing was found")


def test_what_would_be_lost_is_said(dataset: Dataset) -> None:
    with pytest.raises(
        EmptySourceError,
        match=rf"^Nothing was found\. That would take out 5 rows of digits\.annotations \(partition {KEY}, label_set b\), so nothing was "
        r"committed\. .* allow_empty=True empties the partition\.$",
    ) as refused:
        check_may_empty(dataset, KEY, ("annotations",), "Nothing was found", owner="b")
    assert isinstance(refused.value, SourceError)


def test_an_owner_without_rows_may_stay_so(dataset: Dataset) -> None:
    check_may_empty(dataset, KEY, ("annotations",), "Nothing was found", owner="c")
