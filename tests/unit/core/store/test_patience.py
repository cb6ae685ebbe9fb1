"""Commits that others keep coming before: tried again, quietly, up to one bound for the whole task."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.metrics import Metric, write_metrics
from airflow_cv_dataops.core.store import patience
from airflow_cv_dataops.core.store.patience import Patience

NOW = datetime(2026, 11, 5, tzinfo=UTC)


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return what lets so many of the next commits lose their race."""
    whole, left = SqlCatalog.commit_table, [0.0]

    def commit_table(*arguments: Any) -> Any:
        if left[0] > 0:
            left[0] -= 1
            raise CommitFailedException("someone else was first")
        return whole(*arguments)

    monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
    return lambda times: left.__setitem__(0, times)


def write(dataset: Dataset, key: str) -> None:
    write_metrics(dataset, key, "ingest", [Metric("images", 3)], NOW)


def test_a_lost_race_is_run_again_without_a_warning_and_without_writing_the_rows_again(
    make_dataset: Callable[..., Dataset], lose: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    dataset = make_dataset()
    write(dataset, "a")
    caplog.set_level(logging.INFO)
    lose(5)
    write(dataset, "b")
    assert dataset.read("metrics").num_rows == 2
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    table = dataset.load_table("metrics")
    assert table is not None
    location = table.location().removeprefix("file://")
    from pathlib import Path

    assert len(list(Path(location).rglob("*.parquet"))) == 2, "each row was written once"


def test_races_lost_for_too_long_end_the_task_with_an_error_that_may_be_retried(
    make_dataset: Callable[..., Dataset], lose: Callable[[float], None]
) -> None:
    dataset = make_dataset()
    write(dataset, "a")
    dataset._tables._patience = Patience(seconds=0.2)
    lose(float("inf"))
    with pytest.raises(StoreError, match=r"digits\.metrics could not be committed: others came first .* at most 0\.2 s in all"):
        write(dataset, "b")
    lose(0)
    assert dataset.read("metrics")["partition_key"].to_pylist() == ["a"]
    assert make_dataset().read("metrics").num_rows == 1


def test_all_commits_of_a_task_share_one_bound_and_the_log_says_how_much_of_it_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [1000.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(patience.time, "sleep", lambda _: None)
    monkeypatch.setattr(patience.random, "uniform", lambda low, high: low)
    caplog.set_level(logging.INFO)
    task = Patience(seconds=100)
    for attempt, table in enumerate(["images", "images", "metrics", "metrics"], start=1):
        since, now[0] = now[0], now[0] + 22
        task.wait(table, attempt, since, CommitFailedException("late"))
    assert "metrics: others came first 4 times so far; trying again for at most 12 s more" in caplog.text
    since, now[0] = now[0], now[0] + 22
    with pytest.raises(StoreError, match="others came first 5 times, and a task waits for them for at most 100 s in all"):
        task.wait("metrics", 1, since, CommitFailedException("late"))


def test_who_tries_again_and_what_was_lost_long_ago_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(patience.time, "sleep", lambda _: None)
    task, late = Patience(seconds=100), CommitFailedException("late")
    for _ in range(3):
        now[0] += 4000
        task.wait("images", 1, now[0] - 90, late)
    with pytest.raises(StoreError):
        task.wait("images", 2, now[0] - 90, late)
    task.wait("images", 1, now[0] - 90, late)


def test_a_task_that_finds_its_table_widened_by_another_meanwhile_goes_on(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    write(dataset, "a")
    table = dataset.load_table("metrics")
    assert table is not None
    with table.update_schema() as update:
        update.delete_column("dimensions")
    whole, others = SqlCatalog.commit_table, [lambda: make_dataset().ensure_table("metrics"), lambda: write(make_dataset(), "c")]

    def commit_table(*arguments: Any) -> Any:
        if others:
            others.pop(0)()  # in the midst of the widening, and then of the commit itself
        return whole(*arguments)

    monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
    write(dataset, "b")
    assert sorted(dataset.read("metrics")["partition_key"].to_pylist()) == ["a", "b", "c"]
    assert isinstance(dataset.read("metrics")["dimensions"], pa.ChunkedArray)
