"""A source that is gone, empty or wanted in no file empties no partition that holds anything, unless one says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from airflow_cv_dataops.core.errors import ConfigurationError, EmptySourceError, SourceError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
KEY = "2026-11-05"
DEFAULT = IngestSettings()
WRITTEN = ("images", "rejects", "annotations", "predictions", "findings", "metrics")


def whole(dataset: Dataset, source: Path, settings: IngestSettings = DEFAULT, **arguments: Any) -> StepResult:
    return ingest_images(dataset, KEY, source, settings, max_reject_ratio=0.5, **arguments)


def sharded(dataset: Dataset, source: Path, settings: IngestSettings = DEFAULT, **arguments: Any) -> StepResult:
    plan = plan_shards(dataset, KEY, source, settings, max_files_per_shard=2, **arguments)
    results = [ingest_shard(dataset, KEY, source, plan, index) for index in range(plan["shards"])]
    return commit_shards(dataset, KEY, plan, results, max_reject_ratio=0.5, **arguments)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three images, and one that is broken."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        Image.effect_noise((32 + number, 24), 40).save(folder / f"{number}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG no")
    return folder


def gone(source: Path) -> str:
    source.rename(source.parent / "renamed")
    return "there is no file or folder of that name"


def unmounted(source: Path) -> str:
    gone(source)
    source.mkdir()
    return "the folder is there, and no file is in it or below it"


def linked_to_nowhere(source: Path) -> str:
    gone(source)
    source.symlink_to(source.parent / "disk")
    return "it is a link to '.*/disk', where nothing is"


@pytest.mark.parametrize("run", [whole, sharded])
@pytest.mark.parametrize("lose", [gone, unmounted, linked_to_nowhere])
def test_a_source_that_is_gone_leaves_the_partition(
    make_dataset: MakeDataset, source: Path, run: Callable[..., StepResult], lose: Callable[[Path], str]
) -> None:
    dataset = make_dataset()
    run(dataset, source)
    before = dataset.snapshots(WRITTEN)
    said = lose(source)
    lost = r"3 rows of digits\.images and 1 row of digits\.rejects \(partition 2026-11-05\), so nothing was committed.*allow_empty=True"
    with pytest.raises(SourceError, match=rf"Nothing was found at {re.escape(source.as_uri())}: {said}\. That would take out {lost}"):
        run(dataset, source)
    assert dataset.snapshots(WRITTEN) == before
    result = run(dataset, source, allow_empty=True)
    assert (result.failure, result.summary.counts["images"], result.summary.counts["rejects"]) == (None, 0, 0)
    assert dataset.images(partition_key=KEY).num_rows == dataset.read("rejects", partition_key=KEY).num_rows == 0


@pytest.mark.parametrize("run", [whole, sharded])
def test_a_pattern_that_fits_no_file_leaves_the_partition_also_with_force(
    make_dataset: MakeDataset, source: Path, run: Callable[..., StepResult]
) -> None:
    dataset = make_dataset()
    run(dataset, source)
    before = dataset.snapshots(WRITTEN)
    with pytest.raises(
        SourceError, match=r"None of the 4 files at file://.*/in is wanted \(pattern='\*\.jpg', exclude=\[.*\]\)\. That would"
    ):
        run(dataset, source, IngestSettings(pattern="*.jpg", force=True))
    assert dataset.snapshots(WRITTEN) == before


@pytest.mark.parametrize("run", [whole, sharded])
def test_a_partition_that_holds_nothing_may_stay_so(make_dataset: MakeDataset, source: Path, run: Callable[..., StepResult]) -> None:
    dataset = make_dataset()
    ingest_images(dataset, "2026-11-04", source, max_reject_ratio=0.5)
    for _ in range(2):
        assert run(dataset, source.parent / "absent").summary.counts["images"] == 0
    assert dataset.images(partition_key="2026-11-04").num_rows == 3


def test_a_source_that_moved_behind_a_link_is_taken_whole(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    (source / "sub").mkdir()
    for number in range(3):
        (source / f"{number}.png").rename(source / "sub" / f"{number}.png")
    whole(dataset, source)
    before = set(dataset.images()["source_uri"].to_pylist())
    (source / "sub").rename(source.parent / "disk")
    (source / "sub").symlink_to(source.parent / "disk")
    assert whole(dataset, source).summary.counts["images"] == 3
    assert set(dataset.images()["source_uri"].to_pylist()) == before


def test_a_plan_of_nothing_does_not_empty_what_was_filled_since(make_dataset: MakeDataset, source: Path) -> None:
    dataset = make_dataset()
    plan = plan_shards(dataset, KEY, source.parent / "absent")
    whole(dataset, source)
    with pytest.raises(
        EmptySourceError, match=r"The plan found nothing to take at file://.*/absent \(0 files listed.*3 rows of digits.images"
    ):
        commit_shards(dataset, KEY, plan, [])
    assert dataset.images(partition_key=KEY).num_rows == 3
    assert commit_shards(dataset, KEY, plan, [], allow_empty=True).summary.counts["images"] == 0


def put_image(dataset: Dataset) -> None:
    row = {
        "source_uri": "file:///source/a.png",
        "image_id": "0" * 64,
        "file_name": "a.png",
        "storage_uri": "file:///store/a.png",
        "bytes": 1,
        "format": "PNG",
        "width": 64,
        "height": 48,
        "mode": "RGB",
        "frames": 1,
        "ingested_at": datetime(2026, 11, 5, tzinfo=UTC),
    }
    dataset.replace_partition("images", KEY, pa.Table.from_pylist([row]))


def labels(dataset: Dataset, source: Path, owner: str = "vendor", **arguments: Any) -> StepResult:
    return import_labels(dataset, KEY, source, format="coco", label_set=owner, **arguments)


def predictions(dataset: Dataset, source: Path, owner: str = "vendor", **arguments: Any) -> StepResult:
    return import_predictions(dataset, KEY, source, model=owner, format="coco", **arguments)


FILLED = {
    labels: {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]},
    predictions: [{"image_id": "a.png", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}],
}
EMPTY = {labels: {"images": [], "annotations": []}, predictions: []}
TABLE = {labels: "annotations", predictions: "predictions"}
OWNER = {labels: "label_set", predictions: "model"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def fill(run: Callable[..., StepResult], dataset: Dataset, files: Path) -> None:
    put_image(dataset)
    (files / "a.json").write_text(json.dumps(FILLED[run]))
    run(dataset, files)
    run(dataset, files, "other")
    assert dataset.read(TABLE[run]).num_rows == 2


def no_folder(run: Callable[..., StepResult], files: Path) -> str:
    gone(files)
    return r"There is nothing at file://.*/files \(there is no file or folder of that name\)"


def empty_folder(run: Callable[..., StepResult], files: Path) -> str:
    (files / "a.json").unlink()
    return r"There is nothing at file://.*/files \(the folder is there, and no file is in it or below it\)"


def other_files(run: Callable[..., StepResult], files: Path) -> str:
    (files / "a.json").rename(files / "a.bak")
    return r"No (label|prediction) file in .*/files: expected \.json for coco"


def files_without_rows(run: Callable[..., StepResult], files: Path) -> str:
    (files / "a.json").write_text(json.dumps(EMPTY[run]))
    return r"There is no (label|prediction) in the 1 (label|prediction) files at file://.*/files"


@pytest.mark.parametrize("run", [labels, predictions])
@pytest.mark.parametrize("lose", [no_folder, empty_folder, other_files, files_without_rows])
def test_files_that_are_gone_leave_labels_and_predictions(
    make_dataset: MakeDataset, files: Path, run: Callable[..., StepResult], lose: Callable[..., str]
) -> None:
    dataset = make_dataset()
    fill(run, dataset, files)
    before = dataset.snapshots(WRITTEN)
    said = lose(run, files)
    table, owner = TABLE[run], OWNER[run]
    instead = "(: expected a file, or a prefix with files below it)?"
    lost = rf"{instead}\. That would take out 1 row of digits\.{table} \(partition 2026-11-05, {owner} vendor\), so nothing was committed"
    with pytest.raises(SourceError, match=said + lost):
        run(dataset, files, on_findings="warn")
    assert dataset.snapshots(WRITTEN) == before
    result = run(dataset, files, allow_empty=True)
    assert (result.failure, result.summary.counts[table]) == (None, 0)
    assert dataset.read(table)[owner].to_pylist() == ["other"]


@pytest.mark.parametrize("run", [labels, predictions])
def test_a_first_import_of_nothing_says_so_as_ever(make_dataset: MakeDataset, files: Path, run: Callable[..., StepResult]) -> None:
    dataset = make_dataset()
    fill(run, dataset, files)
    with pytest.raises(
        SourceError, match=r"There is nothing at file://.*/absent \(there is no file or folder of that name\): expected a file, or a prefix"
    ):
        run(dataset, files.parent / "absent", "third")
    (files / "a.json").write_text(json.dumps(EMPTY[run]))
    assert run(dataset, files, "third").summary.counts[TABLE[run]] == 0


def test_a_text_is_no_flag(make_dataset: MakeDataset, files: Path) -> None:
    for run in (whole, labels, predictions):
        with pytest.raises(ConfigurationError, match="allow_empty='false' cannot be used: expected True or False"):
            run(make_dataset(), files, allow_empty="false")
