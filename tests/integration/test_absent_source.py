"""A source that is gone, empty or wanted in no file empties no partition that holds anything, unless one says so."""

from __future__ import annotations

import json
import logging
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


def whole(
    dataset: Dataset, source: Path, settings: IngestSettings = DEFAULT, *, max_reject_ratio: float = 0.5, **arguments: Any
) -> StepResult:
    return ingest_images(dataset, KEY, source, settings, max_reject_ratio=max_reject_ratio, **arguments)


def sharded(
    dataset: Dataset, source: Path, settings: IngestSettings = DEFAULT, *, max_reject_ratio: float = 0.5, **arguments: Any
) -> StepResult:
    plan = plan_shards(dataset, KEY, source, settings, max_files_per_shard=2, **arguments)
    results = [ingest_shard(dataset, KEY, source, plan, index) for index in range(plan["shards"])]
    return commit_shards(dataset, KEY, plan, results, max_reject_ratio=max_reject_ratio, **arguments)


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


def moved_away(disk: Path) -> None:
    disk.rename(disk.parent / "elsewhere")


def unmounted_behind_a_link(disk: Path) -> None:
    moved_away(disk)
    disk.mkdir()


@pytest.mark.parametrize(("run", "lose"), [(whole, gone), (whole, unmounted), (whole, linked_to_nowhere), (sharded, unmounted)])
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
        SourceError,
        match=r"None of the 4 files at file://.*/in is wanted \(pattern='\*\.jpg', exclude=\[.*\]; hidden .*\)\. That would",
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


@pytest.mark.parametrize(
    ("run", "settings", "said"),
    [
        (whole, IngestSettings(pattern="*.jpg"), r"pattern='\*\.jpg', exclude=\['\*\.txt', .*\]"),
        (sharded, IngestSettings(exclude=["*.png", "*.json"]), r"pattern=None, exclude=\['\*\.png', '\*\.json'\]"),
    ],
)
def test_globs_that_leave_out_every_file_are_an_error_on_the_first_run_too(
    make_dataset: MakeDataset, source: Path, run: Callable[..., StepResult], settings: IngestSettings, said: str
) -> None:
    dataset = make_dataset(made=True)
    (source / "labels.json").write_text("{}")
    for _ in range(2):
        wanted = rf"None of the 5 files at {re.escape(source.as_uri())} is wanted \({said}; .*, and 4 would be with neither set\..*"
        with pytest.raises(EmptySourceError, match=wanted + "allow_empty=True"):
            run(dataset, source, settings)
    assert run(dataset, source, settings, allow_empty=True).summary.counts["images"] == 0


@pytest.mark.parametrize("run", [whole, sharded])
def test_a_source_without_a_file_that_could_be_an_image_is_a_day_without_images(
    make_dataset: MakeDataset, source: Path, run: Callable[..., StepResult]
) -> None:
    for file in source.iterdir():
        file.unlink()
    for name in ("labels.json", "_SUCCESS", ".DS_Store"):
        (source / name).write_bytes(b"{}")
    result = run(make_dataset(), source, IngestSettings(pattern="*.jpg"))
    assert (result.failure, result.summary.counts["listed"], result.summary.counts["images"]) == (None, 3, 0)


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


@pytest.mark.parametrize(
    ("run", "pattern", "lose"),
    [(whole, None, moved_away), (whole, "*.png", unmounted_behind_a_link), (sharded, "*.png", moved_away)],
)
def test_images_behind_a_link_whose_disk_is_gone_stay(
    make_dataset: MakeDataset, source: Path, run: Callable[..., StepResult], lose: Callable[[Path], None], pattern: str | None
) -> None:
    """Of several such links, those that nothing was ever found behind are nobody's loss."""
    dataset, settings = make_dataset(), IngestSettings(pattern=pattern)
    disk = source.parent / "disk"
    disk.mkdir()
    for number in (0, 1):
        (source / f"{number}.png").rename(disk / f"{number}.png")
    (source / "broken.png").rename(disk / "broken.png")
    (source / "cam 1").symlink_to(disk)
    (source / "cam 12").symlink_to(source.parent / "never")
    run(dataset, source, settings, allow_empty=True)
    before = dataset.snapshots(WRITTEN)
    rows = dataset.images(partition_key=KEY).num_rows
    lose(disk)
    lost = r"2 rows of digits\.images and 1 row of digits\.rejects \(partition 2026-11-05\) that were found behind it.*allow_empty=True"
    link = rf"{re.escape(source.as_uri())}/cam%201 is a link behind which nothing is\. That would take out {lost}"
    with pytest.raises(EmptySourceError, match=link):
        run(dataset, source, settings)
    assert dataset.snapshots(WRITTEN) == before
    result = run(dataset, source, settings, max_reject_ratio=1.0, allow_empty=True)
    assert (rows, result.summary.counts["images"]) == (3, 1)
    assert run(dataset, source, settings, max_reject_ratio=1.0).summary.counts["images"] == 1  # by now nothing is lost


def only_a_stray_file(source: Path) -> str:
    for file in source.iterdir():
        file.unlink()
    (source / "upload.part").write_bytes(b"no image")
    return r"None of the 1 files taken at file://.*/in is an image \(1 .*\)"


def only_broken_files(source: Path) -> str:
    for file in source.iterdir():
        file.write_bytes(b"\x89PNG no")
    return r"None of the 4 files taken at file://.*/in is an image \(4 .*\)"


@pytest.mark.parametrize(
    ("run", "ratio", "lose"),
    [(whole, 0.5, only_broken_files), (whole, 1.0, only_a_stray_file), (whole, 1.0, only_broken_files), (sharded, 1.0, only_broken_files)],
)
def test_files_of_which_none_is_an_image_leave_the_partition(
    make_dataset: MakeDataset, source: Path, run: Callable[..., StepResult], lose: Callable[[Path], str], ratio: float
) -> None:
    dataset = make_dataset()
    run(dataset, source)
    before = dataset.snapshots(WRITTEN)
    said = lose(source)
    with pytest.raises(EmptySourceError, match=rf"{said}\. That would take out 3 rows of digits\.images \(partition 2026-11-05\), so"):
        run(dataset, source, max_reject_ratio=ratio)
    assert dataset.snapshots(WRITTEN) == before
    result = run(dataset, source, max_reject_ratio=ratio, allow_empty=True)
    assert (result.failure is None, result.summary.counts["images"]) == (ratio == 1.0, 0)
    again = run(dataset, source, max_reject_ratio=ratio)  # where the partition holds no image, rejects alone are a result
    assert again.summary.counts["rejects"] == result.summary.counts["rejects"]


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
@pytest.mark.parametrize("lose", [moved_away, unmounted_behind_a_link])
def test_files_behind_a_link_whose_disk_is_gone_stay(
    make_dataset: MakeDataset, files: Path, run: Callable[..., StepResult], lose: Callable[[Path], None]
) -> None:
    dataset = make_dataset()
    disk = files.parent / "disk"
    disk.mkdir()
    (disk / "b.json").write_text(json.dumps(FILLED[run]))
    run_once = dataset_with_a_link(run, dataset, files, disk)
    before = dataset.snapshots(WRITTEN)
    lose(disk)
    table, owner = TABLE[run], OWNER[run]
    lost = rf"1 row of digits\.{table} \(partition 2026-11-05, {owner} vendor\) that were found behind it"
    with pytest.raises(EmptySourceError, match=rf"{files.as_uri()}/cam1 is a link behind which nothing is\. That would take out {lost}"):
        run_once()
    assert dataset.snapshots(WRITTEN) == before
    assert run_once(allow_empty=True).summary.counts[table] == 1
    assert sorted(dataset.read(table)[owner].to_pylist()) == ["other", "vendor"]
    assert run_once().summary.counts[table] == 1


def dataset_with_a_link(run: Callable[..., StepResult], dataset: Dataset, files: Path, disk: Path) -> Callable[..., StepResult]:
    fill(run, dataset, files)
    (files / "cam1").symlink_to(disk)
    assert run(dataset, files).summary.counts[TABLE[run]] == 2
    return lambda **arguments: run(dataset, files, **arguments)


@pytest.mark.parametrize("run", [labels, predictions])
def test_a_link_to_a_file_of_the_source_doubles_nothing(
    make_dataset: MakeDataset, files: Path, run: Callable[..., StepResult], caplog: pytest.LogCaptureFixture
) -> None:
    dataset = make_dataset()
    put_image(dataset)
    (files / "v2.json").write_text(json.dumps(FILLED[run]))
    (files / "latest.json").symlink_to("v2.json")
    with caplog.at_level(logging.INFO):
        assert run(dataset, files).summary.counts[TABLE[run]] == 1
    assert dataset.read(TABLE[run])["source"].to_pylist() == [(files / "v2.json").as_uri()]
    assert "1 links lead to files of the source that are read anyway, and are left out; the first: " in caplog.text
    (files / "v2.json").rename(files.parent / "v2.json")
    (files / "latest.json").unlink()
    (files / "latest.json").symlink_to("../v2.json")
    assert run(dataset, files).summary.counts[TABLE[run]] == 1
    assert dataset.read(TABLE[run])["source"].to_pylist() == [(files / "latest.json").as_uri()]


def test_a_link_of_another_name_is_another_images_label_where_the_name_says_the_image(make_dataset: MakeDataset, files: Path) -> None:
    dataset = make_dataset()
    put_image(dataset)
    (files / "classes.txt").write_text("cat\n")
    (files / "sub").mkdir()
    (files / "a.txt").write_text("0 0.5 0.5 0.25 0.25\n")
    (files / "b.txt").symlink_to("a.txt")
    (files / "sub" / "a.txt").symlink_to("../a.txt")
    import_labels(dataset, KEY, files, format="yolo")
    assert sorted(dataset.read("annotations")["source"].to_pylist()) == [(files / name).as_uri() for name in ("a.txt", "b.txt")]


@pytest.mark.parametrize("run", [labels, predictions])
def test_files_of_which_none_can_be_read_leave_the_partition(
    make_dataset: MakeDataset, files: Path, run: Callable[..., StepResult]
) -> None:
    dataset = make_dataset()
    fill(run, dataset, files)
    before = dataset.snapshots(WRITTEN)
    (files / "a.json").unlink()
    (files / "a.json").symlink_to(files.parent / "nowhere")
    with pytest.raises(SourceError, match="can be used"):
        run(dataset, files, max_unreadable_ratio=1.0, on_findings="warn")
    assert dataset.snapshots(WRITTEN) == before


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
