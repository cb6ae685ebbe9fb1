"""An ingest in shards ends at the rows of one run, however often and in whatever order its shards ran."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.shards.shard_list import cut
from airflow_cv_dataops.core.imaging.ingest.shards.shard_plan import IngestPlan, ShardResult
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import local_path
from airflow_cv_dataops.core.store.schema import TABLES

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
FILES = 23
MakeDataset = Callable[..., Dataset]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twenty pictures, one of them twice, and two files that are none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        Image.effect_noise((40 + number, 30), 20 + number).save(folder / f"{number:02}.png")
    (folder / "twin.png").write_bytes((folder / "00.png").read_bytes())
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "empty.jpg").touch()
    return folder


def rows(dataset: Dataset, table: str) -> list[dict[str, Any]]:
    """Return the partition's rows as they lie, without the columns that say when they were written, nor the dataset's place."""
    found = dataset.read(table, partition_key=KEY).drop_columns(list(TABLES[table].run_columns)).to_pylist()
    return [{**row, "storage_uri": str(row.get("storage_uri")).rpartition("/")[2]} for row in found]


def all_rows(dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
    return {table: sorted(rows(dataset, table), key=str) for table in ("images", "rejects", "metrics")}


def take_all(dataset: Dataset, source: Path, plan: IngestPlan) -> list[ShardResult]:
    return [ingest_shard(dataset, KEY, str(source), plan, index) for index in range(plan["shards"])]


@pytest.mark.parametrize("size", [7, 100])
def test_shards_make_the_rows_of_one_run(make_dataset: MakeDataset, source: Path, size: int) -> None:
    whole, sharded = make_dataset("whole"), make_dataset("sharded")
    expected = ingest_images(whole, KEY, str(source))
    plan = plan_shards(sharded, KEY, str(source), max_files_per_shard=size)
    assert plan["shards"] == -(-FILES // size)
    result = commit_shards(sharded, KEY, plan, take_all(sharded, source, plan)[::-1])
    assert all_rows(sharded) == all_rows(whole)
    assert result.summary.counts == expected.summary.counts
    assert result.summary.counts["duplicates"] == 1
    assert result.failure is None
    assert sharded.read("images")["source_uri"].to_pylist() == sorted(row["source_uri"] for row in rows(whole, "images"))


def test_nothing_is_visible_before_the_commit_and_then_all_in_one_snapshot(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, str(source), max_files_per_shard=5)
    results = take_all(dataset, source, plan)
    assert dataset.snapshot_id("images") is None
    commit_shards(dataset, KEY, plan, results)
    table = dataset.load_table("images")
    assert table is not None
    assert [str(snapshot.snapshot_id) for snapshot in table.snapshots()] == [dataset.snapshot_id("images")]
    assert {task.file.file_path for task in table.scan().plan_files()} == {file["uri"] for result in results for file in result["images"]}


def test_a_shard_that_runs_again_writes_the_same_files(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, str(source), max_files_per_shard=10)
    results = take_all(dataset, source, plan)
    again = ingest_shard(dataset, KEY, str(source), plan, 1, workers=3)
    assert {**again, "duration_seconds": 0} == {**results[1], "duration_seconds": 0}
    commit_shards(dataset, KEY, plan, [*results, again])
    before = dataset.snapshot_id("images")
    commit_shards(dataset, KEY, plan, [*results, ingest_shard(dataset, KEY, str(source), plan, 0)])
    assert dataset.snapshot_id("images") == before
    assert len(rows(dataset, "images")) == FILES - 2


def test_a_missing_shard_is_refused_and_the_partition_stays(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, str(source), max_files_per_shard=5)
    results = take_all(dataset, source, plan)
    with pytest.raises(SourceError, match=r"1 of 5 shards are missing \(the first: \[2\]\)"):
        commit_shards(dataset, KEY, plan, [*results[:2], *results[3:]])
    assert dataset.snapshot_id("images") is None


def test_a_shard_of_another_plan_is_refused(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, str(source), max_files_per_shard=10)
    results = take_all(dataset, source, plan)
    other = plan_shards(dataset, KEY, str(source), IngestSettings(pattern="0*.png"), max_files_per_shard=10)
    with pytest.raises(SourceError, match="another plan"):
        commit_shards(dataset, KEY, other, results)


def test_a_shard_of_an_older_plan_of_the_same_files_is_refused(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    old = plan_shards(dataset, KEY, str(source), max_files_per_shard=10)
    results = take_all(dataset, source, old)
    new = plan_shards(dataset, KEY, str(source), IngestSettings(thresholds=QualityThresholds(dark_below=0.99)), max_files_per_shard=10)
    assert new["list_uri"] == old["list_uri"]
    with pytest.raises(SourceError, match=r"Shards \[0\] are of another plan than .* Run all shards of this plan"):
        commit_shards(dataset, KEY, new, [results[0], *take_all(dataset, source, new)[1:]])
    assert dataset.snapshot_id("images") is None


def test_an_empty_source_empties_the_partition_where_it_may(make_dataset: MakeDataset, source: Path, tmp_path: Path) -> None:
    dataset = make_dataset()
    ingest_images(dataset, KEY, str(source))
    plan = plan_shards(dataset, KEY, str(tmp_path / "nothing"), allow_empty=True)
    assert plan["shards"] == 0
    assert commit_shards(dataset, KEY, plan, [], allow_empty=True).summary.counts["images"] == 0
    assert rows(dataset, "images") == []


def test_plan_and_results_are_small_json_without_credentials(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, str(source), source_options={"aws_secret_access_key": "hush"}, max_files_per_shard=12)
    result = ingest_shard(dataset, KEY, str(source), plan, 0, source_options={"aws_secret_access_key": "hush"})
    for document in (plan, result):
        text = json.dumps(document)
        assert len(text) < 2_000
        assert "hush" not in text
        assert json.loads(text) == document
    assert b"hush" not in Path(local_path(plan["list_uri"])).read_bytes()


def test_unchanged_files_are_not_read_by_shards_and_a_retry_after_the_commit_changes_nothing(
    make_dataset: MakeDataset, source: Path
) -> None:
    dataset = make_dataset()
    ingest_images(dataset, KEY, str(source), recorded_at=datetime(2026, 1, 1, tzinfo=UTC))
    (source / "05.png").write_bytes((source / "06.png").read_bytes())
    plan = plan_shards(dataset, KEY, str(source), max_files_per_shard=10)
    results = take_all(dataset, source, plan)
    assert sum(result["tally"]["unchanged"] for result in results) == FILES - 1
    commit_shards(dataset, KEY, plan, results)
    found = dataset.read("images", partition_key=KEY)
    assert [name for name, at in zip(found["file_name"].to_pylist(), found["ingested_at"].to_pylist(), strict=True) if at.month != 1] == [
        "05.png"
    ]
    again = take_all(dataset, source, plan)
    assert [result["images"] for result in again] == [result["images"] for result in results]


def test_a_listing_is_cut_by_files_and_bytes() -> None:
    sizes = pa.chunked_array([[10, 10, 10, None, 100, 1, 1, 1, 1, 1]])
    assert cut(sizes, 3, 1_000, 1024) == [0, 3, 6, 9]
    assert cut(sizes, 100, 30, 1024) == [0, 4, 5]
    assert len(cut(sizes, 1, 1_000, 4)) <= 4
    assert cut(pa.chunked_array([], pa.int64()), 1, 1, 1) == []


@pytest.mark.parametrize("arguments", [{"max_files_per_shard": 0}, {"max_bytes_per_shard": -1}, {"max_shards": 1025}])
def test_unusable_sizes_are_refused(make_dataset: MakeDataset, source: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be used"):
        plan_shards(make_dataset(), KEY, str(source), **arguments)


def test_a_shard_that_the_plan_does_not_have_is_refused(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, str(source))
    with pytest.raises(ConfigurationError, match="expected 0 to 0"):
        ingest_shard(dataset, KEY, str(source), plan, 1)


def test_a_plan_of_another_partition_or_dataset_is_refused_before_anything_is_written(make_dataset: MakeDataset, source: Path) -> None:
    dataset, other = make_dataset(), make_dataset("other")
    ingest_images(dataset, "d1", str(source))
    plan = plan_shards(dataset, "d2", str(source))
    results = [ingest_shard(dataset, "d2", str(source), plan, 0)]
    before = dataset.snapshots(("images", "rejects"))
    for home, key in ((dataset, "d1"), (other, "d2")):
        with pytest.raises(ConfigurationError, match=r"The plan is one of dataset 'digits', partition 'd2', not of"):
            ingest_shard(home, key, str(source), plan, 0)
        with pytest.raises(ConfigurationError, match=r"The plan is one of dataset 'digits', partition 'd2', not of"):
            commit_shards(home, key, plan, results)
    assert dataset.snapshots(("images", "rejects")) == before
    assert commit_shards(dataset, "d2", plan, results).summary.counts["images"] == FILES - 2  # two are broken


def test_a_plan_that_an_earlier_version_made_is_taken(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, str(source))
    earlier = {name: value for name, value in plan.items() if name not in ("dataset", "partition_key")}
    results = [ingest_shard(dataset, KEY, str(source), earlier, 0)]
    assert commit_shards(dataset, KEY, earlier, results).summary.counts["images"] == FILES - 2  # two are broken


@pytest.mark.parametrize(
    ("plan", "said"), [({}, "keys archive_limits, id, .* are absent"), (None, "it is a NoneType"), ([], "it is a list")]
)
def test_what_is_no_plan_is_said_to_be_none(make_dataset: MakeDataset, source: Path, plan: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"no plan of plan_shards: {said}"):
        commit_shards(make_dataset(), KEY, plan, [])
    with pytest.raises(ConfigurationError, match=f"no plan of plan_shards: {said}"):
        ingest_shard(make_dataset(), KEY, str(source), plan, 0)
