"""Copies of a mapped task never replace one another's rows in silence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from PIL import Image
from unit.hooks.fake_connections import AddConnection, add_connection

from airflow_cv_dataops.core.errors import SharedPartitionError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.writers import Writer
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator

__all__ = ["add_connection"]

KEY = "2026-11-05"
WITHOUT_IMAGES = {"dataset": "digits", "format": "csv", "min_match_ratio": 0}


@pytest.fixture(autouse=True)
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection, make_dataset: Callable[..., Dataset]) -> Dataset:
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    return make_dataset(made=True)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    for vendor in ("a", "b"):
        (tmp_path / f"{vendor}.csv").write_text(f"file,label\n{vendor}.png,{vendor}\n")
    return tmp_path


def run(operator: Any, copy: int, *, run_id: str = "scheduled__1") -> Any:
    """Run one copy of a mapped task (-1: one that is not mapped)."""
    ti = SimpleNamespace(dag_id="dataops", run_id=run_id, task_id=operator.task_id, map_index=copy, xcom_push=lambda **_: None)
    return operator.execute({"ti": ti, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC))})


def importer(source: Path, **arguments: Any) -> LabelImportOperator:
    return LabelImportOperator(task_id="import_labels", **{**WITHOUT_IMAGES, "source": str(source), **arguments})


def categories(dataset: Dataset, partition_key: str = KEY) -> list[str]:
    return sorted(dataset.annotations(["category"], partition_key=partition_key)["category"].to_pylist())


def test_a_second_source_into_one_partition_and_label_set_fails_and_says_what_to_do(labels: Path, digits: Dataset) -> None:
    run(importer(labels / "a.csv"), 0)
    with pytest.raises(AirflowFailException) as failed:
        run(importer(labels / "b.csv"), 1)
    said = str(failed.value)
    assert f"Copy 1 of task dataops/scheduled__1/import_labels (source file://{labels}/b.csv) would replace" in said
    assert f"its copy 0 (source file://{labels}/a.csv) has written in the same run: partition_key 2026-11-05, " in said
    assert (
        "Give each copy a partition_key, label_set or model of its own, or let one task read them all: below a prefix that they share"
        in said
    )
    assert "where an ingest does it, from a list of the images" in said
    assert categories(digits) == ["a"]
    findings = digits.read("metrics", where="step = 'label_import:default' and metric = 'annotations'")
    assert findings["value"].to_pylist() == [1.0]


def test_retries_and_copies_that_get_another_index_when_a_run_is_begun_anew_are_no_others(labels: Path, digits: Dataset) -> None:
    first, second = importer(labels / "a.csv", partition_key="a"), importer(labels / "b.csv", partition_key="b")
    for copies in ((first, second), (first, second), (second, first)):
        for copy, operator in enumerate(copies):
            run(operator, copy)
    assert (categories(digits, "a"), categories(digits, "b")) == (["a"], ["b"])
    (labels / "a.csv").write_text("file,label\na.png,mended\n")
    run(first, 0)
    assert categories(digits, "a") == ["mended"]


@pytest.mark.parametrize("name", ["partition_key", "label_set", "dataset"])
def test_what_is_expanded_over_partitions_label_sets_or_datasets_goes_on_working(labels: Path, name: str) -> None:
    LabelImportOperator(task_id="x", dataset="other", format="csv", source="/in").hook.dataset("other").ensure_table("images")
    values = ("digits", "other") if name == "dataset" else ("one", "two")
    for copy, (value, source) in enumerate(zip(values, ("a", "b"), strict=True)):
        run(importer(labels / f"{source}.csv", **{name: value}), copy)


def test_other_tasks_other_runs_and_tasks_that_are_not_mapped_replace_as_before(labels: Path, digits: Dataset) -> None:
    run(importer(labels / "a.csv"), 0)
    run(importer(labels / "b.csv"), 1, run_id="scheduled__2")
    assert categories(digits) == ["b"]
    run(importer(labels / "a.csv"), -1, run_id="scheduled__2")
    assert categories(digits) == ["a"]


@pytest.mark.parametrize("are_there_already", [False, True])
def test_an_ingest_of_several_sources_into_one_partition_fails_also_where_the_first_found_nothing_new(
    tmp_path: Path, digits: Dataset, are_there_already: bool
) -> None:
    def ingest(folder: str) -> ImageIngestOperator:
        return ImageIngestOperator(task_id="ingest", dataset="digits", source=str(tmp_path / folder))

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        Image.effect_noise((24, 16), 20).save(tmp_path / folder / f"{folder}.png")
    if are_there_already:
        run(ingest("a"), 0, run_id="the day before")
    run(ingest("a"), 0)
    with pytest.raises(AirflowFailException, match="Copy 1 of task dataops/scheduled__1/ingest"):
        run(ingest("b"), 1)
    assert digits.images(["file_name"])["file_name"].to_pylist() == ["a.png"]


def test_of_two_copies_that_commit_at_once_the_later_one_is_refused(digits: Dataset, make_dataset: Callable[..., Dataset]) -> None:
    """What another has written meanwhile is seen within the commit, however often it is tried."""
    rows = digits.read("metrics").slice(0, 0).drop_columns(["partition_key", "step"])
    other = make_dataset()
    digits.writer, other.writer = (Writer("dag/run/task", copy, f"told {copy}", "file:///in") for copy in (0, 1))
    digits.check_writer("metrics", KEY, owner="s")
    other.check_writer("metrics", KEY, owner="s")
    digits.replace_partition("metrics", KEY, rows, owner="s")
    with pytest.raises(SharedPartitionError):
        other.replace_partition("metrics", KEY, rows, owner="s")
    other.replace_partition("metrics", KEY, rows, owner="another step")
