"""Rows say of an image that its size is odd among the partition's, in one run as in shards, and also when the partition changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from airflow_cv_dataops.core.imaging.ingest import pipeline
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
from airflow_cv_dataops.core.store import files
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
Run = Callable[..., dict[str, Any]]
KEY = "2026-11-05"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twenty pictures of one size and one that is much larger, dark and in the middle."""
    (tmp_path / "in").mkdir()
    for number in range(20):
        Image.effect_noise((40, 30), 20 + number).save(tmp_path / "in" / f"{number:02}.png")
    Image.new("RGB", (400, 300)).save(tmp_path / "in" / "07_huge.png")
    return tmp_path / "in"


def whole(dataset: Dataset, source: Path, **settings: Any) -> dict[str, Any]:
    return dict(ingest_images(dataset, KEY, str(source), IngestSettings(**settings)).summary.counts)


def sharded(dataset: Dataset, source: Path, **settings: Any) -> dict[str, Any]:
    plan = plan_shards(dataset, KEY, str(source), IngestSettings(**settings), max_files_per_shard=6)
    results = [ingest_shard(dataset, KEY, str(source), plan, index) for index in range(plan["shards"])]
    return dict(commit_shards(dataset, KEY, plan, results).summary.counts)


def odd(dataset: Dataset) -> list[str]:
    """Return the names of the files whose rows have the issue."""
    return [row["file_name"] for row in dataset.images(partition_key=KEY).to_pylist() if "odd_size" in row["issues"]]


def data_files(dataset: Dataset) -> set[str]:
    table = dataset.load_table("images")
    assert table is not None
    return {task.file.file_path for task in table.scan().plan_files()}


@pytest.mark.parametrize("run", [whole, sharded])
def test_a_row_says_that_its_size_is_odd(make_dataset: MakeDataset, source: Path, run: Run) -> None:
    dataset = make_dataset()
    assert run(dataset, source)["issues"]["odd_size"] == 1
    rows = {row["file_name"]: row for row in dataset.images().to_pylist()}
    assert odd(dataset) == ["07_huge.png"]
    assert rows["07_huge.png"]["issues"][0] == "dark"
    assert len(rows) == 21


def test_the_rows_of_shards_equal_those_of_one_run_and_only_one_shard_is_copied(make_dataset: MakeDataset, source: Path) -> None:
    one, many = make_dataset("one"), make_dataset("many")
    whole(one, source)
    plan = plan_shards(many, KEY, str(source), max_files_per_shard=6)
    results = [ingest_shard(many, KEY, str(source), plan, index) for index in range(plan["shards"])]
    commit_shards(many, KEY, plan, results)
    left_out = [*TABLES["images"].run_columns, "storage_uri"]
    assert many.images().drop_columns(left_out).sort_by("source_uri").equals(one.images().drop_columns(left_out).sort_by("source_uri"))
    written = {file["uri"] for result in results for file in result["images"]}
    assert (len(written), len(written & data_files(many))) == (4, 3)
    before = many.snapshot_id("images")
    commit_shards(many, KEY, plan, results)
    assert many.snapshot_id("images") == before


@pytest.mark.parametrize("run", [whole, sharded])
def test_unchanged_rows_follow_a_partition_that_changes(make_dataset: MakeDataset, source: Path, run: Run) -> None:
    dataset = make_dataset()
    run(dataset, source)
    before = dataset.snapshot_id("images")
    assert run(dataset, source)["unchanged"] == 21
    assert (dataset.snapshot_id("images"), odd(dataset)) == (before, ["07_huge.png"])
    for number in range(30):
        Image.effect_noise((400, 300), 20 + number).save(source / f"big_{number:02}.png")
    for number in range(5, 20):
        (source / f"{number:02}.png").unlink()
    assert run(dataset, source)["unchanged"] == 6
    assert odd(dataset) == [f"{number:02}.png" for number in range(5)]
    for path in source.glob("big_*.png"):
        path.unlink()
    assert run(dataset, source)["issues"].get("odd_size") is None
    assert odd(dataset) == []


@pytest.mark.parametrize("run", [whole, sharded])
def test_thresholds_decide_of_rows_that_are_kept_too(make_dataset: MakeDataset, source: Path, run: Run) -> None:
    dataset = make_dataset()
    run(dataset, source)
    assert run(dataset, source, thresholds=QualityThresholds(odd_size_ratio_above=101))["unchanged"] == 21
    assert odd(dataset) == []
    run(dataset, source, thresholds=QualityThresholds(odd_size_ratio_above=99))
    assert odd(dataset) == ["07_huge.png"]


def test_every_row_of_several_files_with_several_row_groups_gets_its_own_mark(
    make_dataset: MakeDataset, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_FILES_IN_A_STRETCH", 3)
    monkeypatch.setattr(files, "ROWS_PER_FILE", 6)
    for name in ("00_huge.png", "19_huge.png", "20_huge.png"):
        (source / name).write_bytes((source / "07_huge.png").read_bytes())
    dataset = make_dataset()
    whole(dataset, source)
    assert len(data_files(dataset)) == 4
    assert odd(dataset) == ["00_huge.png", "07_huge.png", "19_huge.png", "20_huge.png"]
    assert dataset.images().num_rows == 24
