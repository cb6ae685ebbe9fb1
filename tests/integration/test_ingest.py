"""Ingest end to end: files in, rows, objects, metrics and lineage out."""

from __future__ import annotations

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from bad_images import BADLY_DESCRIBED
from older_libraries import mode_in_pillow
from PIL import Image
from processes import PATIENCE_SECONDS, forkserver

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.decoding.decode import DEFAULT_FORMATS, Limits
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.store.objects import local_path
from airflow_cv_dataops.core.store.schema import TABLES
from airflow_cv_dataops.core.summary import StepResult

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
SharedData = Callable[[str], Path]


def rows(dataset: Dataset, table: str, partition_key: str) -> list[dict[str, Any]]:
    """Return the partition's rows without the columns that say when they were written."""
    found = dataset.read(table, partition_key=partition_key).drop_columns(list(TABLES[table].run_columns))
    return sorted(found.to_pylist(), key=str)


def all_rows(dataset: Dataset, partition_key: str) -> dict[str, list[dict[str, Any]]]:
    return {table: rows(dataset, table, partition_key) for table in ("images", "rejects", "metrics")}


def some_images(folder: Path, count: int, *, seed: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.effect_noise((40, 30), 20 + seed + number).save(folder / f"{seed}_{number:03}.png")
    return folder


def check_objects(dataset: Dataset, partition_key: str) -> None:
    """Every row's copy exists, and its content is what the row says."""
    for row in dataset.images(partition_key=partition_key).select(["image_id", "storage_uri", "bytes"]).to_pylist():
        data = Path(local_path(row["storage_uri"])).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["image_id"]
        assert len(data) == row["bytes"]


def test_every_bad_image_ends_as_an_image_or_as_a_reject_with_a_reason(make_dataset: MakeDataset, shared_data: SharedData) -> None:
    folder, dataset = shared_data("bad_images"), make_dataset()
    result = ingest_images(dataset, "2026-11-05", str(folder), IngestSettings(exclude=("README.md", "LICENSE.*", "manifest.csv")))
    images = {row["file_name"]: row for row in dataset.images().to_pylist()}
    rejects = {row["file_name"]: row for row in dataset.read("rejects").to_pylist()}
    with open(folder / "manifest.csv", newline="") as file:
        manifest = {row["path"]: row for row in csv.DictReader(file)}
    assert not images.keys() & rejects.keys()
    assert images.keys() | rejects.keys() == manifest.keys()
    for path, known in manifest.items():
        if known["status"] == "ok" and known["format"] in DEFAULT_FORMATS:
            row = images[path]
            expected = (known["format"], mode_in_pillow(path, known["mode"]), known["sha256"])
            assert (row["format"], row["mode"], row["image_id"]) == expected
            assert [row["width"], row["height"]] == [int(known["width"]), int(known["height"])]
        elif path in BADLY_DESCRIBED:
            assert (images[path]["format"], images[path]["image_id"]) == ("PNG", known["sha256"])
        else:
            assert rejects[path]["reason"] in expected_reasons(known), (path, rejects[path])
    assert result.failure is not None
    assert "max_reject_ratio=0.1" in result.failure
    assert "digits.rejects, partition 2026-11-05" in result.failure


def expected_reasons(known: dict[str, str]) -> set[str]:
    if known["format"] and known["format"] not in DEFAULT_FORMATS:
        return {"unsupported_format"}
    if known["status"] == "bomb":
        return {"too_large", "unsupported_format", "truncated"}  # Pillow already warns at half its limit; other decoders are not tried
    if known["status"] == "unidentified":  # Pillow before 12 identifies some FLI files that a later one does not
        return {"not_an_image", "unreadable", "truncated"} | ({"unsupported_format"} if known["path"].endswith(".fli") else set())
    if "truncated" in known["error"].lower() or "not enough image data" in known["error"]:
        return {"truncated"}
    return {"truncated", "unreadable", "unsupported_format"}


def test_clothing_has_one_duplicate_which_is_two_rows_and_one_object(make_dataset: MakeDataset, shared_data: SharedData) -> None:
    dataset = make_dataset()
    result = ingest_images(dataset, "all", str(shared_data("clothing_mini") / "images"))
    counts = result.summary.to_dict()["counts"]
    assert (counts["listed"], counts["images"], counts["unique_images"], counts["duplicates"]) == (409, 409, 408, 1)
    assert (counts["skipped"], counts["rejects"], counts["rejects_by_reason"]) == (0, 0, {})
    assert result.failure is None
    repeated = Counter(dataset.images()["image_id"].to_pylist()).most_common(1)[0]
    assert repeated[1] == 2
    twins = [row["storage_uri"] for row in dataset.images().to_pylist() if row["image_id"] == repeated[0]]
    assert twins[0] == twins[1]
    check_objects(dataset, "all")
    objects = [path for path in Path(local_path(dataset.root_uri), "objects").rglob("*") if path.is_file()]
    assert len(objects) == 408


def test_bccd_is_taken_whole_and_its_label_files_are_skipped(make_dataset: MakeDataset, shared_data: SharedData) -> None:
    dataset = make_dataset()
    result = ingest_images(dataset, "all", str(shared_data("bccd")), IngestSettings(exclude=("*.xml", "*.txt", "*.csv", "*.md", "LICENSE")))
    counts = result.summary.counts
    assert (counts["images"], counts["rejects"]) == (364, 0)
    assert counts["listed"] == counts["skipped"] + 364
    found = dataset.images().to_pandas()
    assert set(zip(found["width"], found["height"], strict=True)) == {(640, 480)}
    assert result.summary.metrics["brightness_mean"] == pytest.approx(found["brightness"].mean())


def test_summary_lineage_and_metrics_tell_the_same_numbers(make_dataset: MakeDataset, tmp_path: Path) -> None:
    source = some_images(tmp_path / "in", 5)
    (source / "copy.png").write_bytes((source / "0_000.png").read_bytes())
    (source / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    (source / "empty.jpg").touch()
    (source / "labels.csv").write_text("image,label\n")
    dataset = make_dataset()
    result = ingest_images(dataset, "2026-11-05", str(source), max_reject_ratio=0.5)
    summary = result.summary.to_dict()
    assert summary["snapshot_id"] == dataset.snapshot_id("images")
    assert summary["counts"] == {
        "listed": 9,
        "skipped": 1,
        "unchanged": 0,
        "images": 6,
        "unique_images": 5,
        "duplicates": 1,
        "rejects": 2,
        "rejects_by_reason": {"empty": 1, "truncated": 1},
        "issues": summary["counts"]["issues"],
        "bytes": sum(path.stat().st_size for path in source.glob("*_*.png")) + (source / "copy.png").stat().st_size,
    }
    assert summary["metrics"]["reject_ratio"] == 0.25
    stored = {(row["metric"], row["dimensions"]): row["value"] for row in dataset.read("metrics").to_pylist()}
    assert stored["images", None] == 6
    assert stored["rejects_by_reason", '{"reason": "empty"}'] == 1
    assert stored["brightness_mean", None] == summary["metrics"]["brightness_mean"]
    assert all(row["step"] == "ingest" for row in dataset.read("metrics").to_pylist())
    lineage = result.lineage
    assert lineage.step == "ingest"
    assert (lineage.inputs[0].uri, lineage.inputs[0].files, lineage.inputs[0].storage_format) == (source.as_uri(), 9, "image")
    assert [(use.table, use.rows) for use in lineage.outputs] == [("images", 6), ("rejects", 2), ("metrics", len(stored))]
    assert lineage.outputs[0].snapshot_id == dataset.snapshot_id("images")
    assert lineage.outputs[1].snapshot_id == dataset.snapshot_id("rejects")
    assert lineage.facts["rejectsByReason"] == {"empty": 1, "truncated": 1}
    assert lineage.facts["partitionKey"] == "2026-11-05"


@pytest.mark.parametrize("exists", [True, False])
def test_a_source_without_files_is_a_result_and_empties_the_partition_where_it_may(
    make_dataset: MakeDataset, tmp_path: Path, exists: bool
) -> None:
    dataset, empty = make_dataset(), tmp_path / "empty"
    if exists:
        empty.mkdir()
    ingest_images(dataset, "a", str(some_images(tmp_path / "in", 3)))
    result = ingest_images(dataset, "a", str(empty), allow_empty=True)
    assert result.summary.counts["images"] == 0
    assert result.failure is None
    assert dataset.images(partition_key="a").num_rows == 0


def test_a_source_that_cannot_be_listed_is_a_source_error_and_changes_nothing(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    ingest_images(dataset, "a", str(some_images(tmp_path / "in", 3)))
    with pytest.raises(SourceError, match="expected a folder"):
        ingest_images(dataset, "a", str(tmp_path / "in" / "0_000.png"))
    assert dataset.images(partition_key="a").num_rows == 3


@pytest.mark.parametrize(
    "arguments",
    [{"max_reject_ratio": 1.5}, {"max_reject_ratio": float("nan")}, {"workers": 0}, {"partition_key": ""}],
)
def test_unusable_arguments_are_refused_before_any_work(make_dataset: MakeDataset, tmp_path: Path, arguments: dict[str, Any]) -> None:
    dataset = make_dataset()
    with pytest.raises(ConfigurationError):
        ingest_images(dataset, **{"partition_key": "a", "source": str(tmp_path), **arguments})
    assert dataset.snapshot_id("images") is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"formats": ("GIFF",)}, "GIFF"),
        ({"timeout_seconds": 0}, "expected a number above 0"),
        ({"worker_memory_bytes": 1}, "expected at least"),
        ({"exclude": "*.txt"}, r"expected a list, e\.g\. \['\*\.txt'\]"),
        ({"formats": "PNG"}, "expected a list"),
        ({"pattern": 3}, "expected str or None"),
        ({"limits": {"min_side": 3}}, "expected Limits"),
        ({"copy_images": "false"}, "expected bool"),
        ({"force": 1}, "expected bool"),
    ],
)
def test_unusable_settings_are_refused_when_they_are_made(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        IngestSettings(**settings)


def test_a_source_may_be_a_path(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    assert ingest_images(dataset, "a", some_images(tmp_path / "in", 3)).summary.counts["images"] == 3
    assert open_dataset("digits", home=tmp_path / "cv_dataops").images().num_rows == 3


def test_names_of_undecodable_bytes_and_odd_names_are_taken(make_dataset: MakeDataset, tmp_path: Path) -> None:
    source = some_images(tmp_path / "in", 1)
    data = (source / "0_000.png").read_bytes()
    for name in (b"caf\xe9.png", "漢字 mit Raum.png".encode(), b"50%25.png", b"a#b?c.png", b"line\nbreak.png"):
        Path(os.fsdecode(os.path.join(os.fsencode(source), name))).write_bytes(data)
    dataset = make_dataset()
    result = ingest_images(dataset, "a", str(source))
    assert (result.summary.counts["images"], result.summary.counts["unique_images"]) == (6, 1)
    found = dataset.images().to_pandas()
    assert found["source_uri"].is_unique
    assert "caf\\xe9.png" in set(found["file_name"])
    assert all(Path(local_path(uri)).read_bytes() == data for uri in found["source_uri"])


def test_files_that_cannot_be_read_are_rejects(make_dataset: MakeDataset, tmp_path: Path) -> None:
    source = some_images(tmp_path / "in", 1)
    (source / "dangling.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(source / "pipe.png")
    with open(source / "huge.png", "wb") as file:
        file.truncate(10**12)  # sparse: reading it would not end well
    dataset = make_dataset()
    result = ingest_images(dataset, "a", str(source), max_reject_ratio=1.0)
    reasons = {row["file_name"]: row["reason"] for row in dataset.read("rejects").to_pylist()}
    assert reasons["dangling.png"] == "unreadable"
    assert reasons["huge.png"] == "too_large"
    assert reasons["pipe.png"] in ("unreadable", "empty")
    assert (result.summary.counts["images"], result.failure) == (1, None)


def test_a_pattern_and_limits_are_obeyed(make_dataset: MakeDataset, tmp_path: Path) -> None:
    source = some_images(tmp_path / "in", 4)
    Image.new("RGB", (8, 8)).save(source / "tiny.jpg")
    dataset = make_dataset()
    result = ingest_images(dataset, "a", str(source), IngestSettings(pattern="*.jpg", limits=Limits(min_side=9)), max_reject_ratio=1.0)
    assert (result.summary.counts["skipped"], result.summary.counts["rejects_by_reason"]) == (4, {"too_small": 1})


def test_images_can_be_referenced_in_place(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    ingest_images(dataset, "a", str(some_images(tmp_path / "in", 3)), IngestSettings(copy_images=False))
    found = dataset.images().to_pandas()
    assert list(found["storage_uri"]) == list(found["source_uri"])
    assert found["source_etag"].notna().all()
    assert not Path(local_path(dataset.root_uri), "objects").exists()


def test_a_rerun_leaves_the_same_rows_whatever_the_number_of_threads(make_dataset: MakeDataset, shared_data: SharedData) -> None:
    dataset, source = make_dataset(), str(shared_data("bad_images"))
    ingest_images(dataset, "a", source, workers=1)
    before = all_rows(dataset, "a")
    ingest_images(dataset, "a", source, workers=5)
    assert all_rows(dataset, "a") == before
    assert before["images"]
    assert before["rejects"]


def test_a_rerun_follows_its_source(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, source = make_dataset(), some_images(tmp_path / "in", 4)
    ingest_images(dataset, "a", str(source))
    (source / "0_000.png").unlink()
    (source / "0_001.png").write_bytes(b"no longer an image")
    ingest_images(dataset, "a", str(source))
    assert sorted(dataset.images()["file_name"].to_pylist()) == ["0_002.png", "0_003.png"]
    assert dataset.read("rejects")["file_name"].to_pylist() == ["0_001.png"]


def test_the_order_of_partitions_does_not_matter(tmp_path: Path) -> None:
    sources = {key: some_images(tmp_path / key, 3, seed=10 * place) for place, key in enumerate("abc")}
    (sources["b"] / "twin.png").write_bytes((sources["a"] / "0_000.png").read_bytes())
    seen = []
    for number, order in enumerate(("abc", "cab")):
        dataset = open_dataset("digits", home=str(tmp_path / f"home{number}"))
        for key in order:
            ingest_images(dataset, key, str(sources[key]))
        home = (tmp_path / f"home{number}").as_uri()
        seen.append(str({key: all_rows(dataset, key) for key in "abc"}).replace(home, ""))
    assert len(set(seen)) == 1


def _run(home: str, source: str, barrier: Any) -> None:
    barrier.wait()
    ingest_images(open_dataset("digits", home=home), "a", source)


def test_two_runs_of_a_partition_at_once_leave_the_rows_of_one(make_dataset: MakeDataset, tmp_path: Path) -> None:
    source, dataset = some_images(tmp_path / "in", 30), make_dataset()
    context = forkserver()
    barrier = context.Barrier(2)
    processes = [context.Process(target=_run, args=(str(tmp_path / "cv_dataops"), str(source), barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE_SECONDS)
    assert [process.exitcode for process in processes] == [0, 0]
    twice = all_rows(dataset, "a")
    check_objects(dataset, "a")
    ingest_images(dataset, "a", str(source))
    assert all_rows(dataset, "a") == twice
    assert len(twice["images"]) == 30


def test_a_copy_that_cannot_be_written_fails_the_step_and_commits_nothing(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset()
    root = Path(local_path(dataset.root_uri))
    root.mkdir(parents=True)
    (root / "objects").write_text("in the way")
    with pytest.raises(NotADirectoryError, match="objects"):
        ingest_images(dataset, "a", str(some_images(tmp_path / "in", 40)))
    assert dataset.snapshot_id("images") is None


def test_the_result_is_what_an_operator_needs(make_dataset: MakeDataset, tmp_path: Path) -> None:
    result = ingest_images(make_dataset(), "a", str(some_images(tmp_path / "in", 1)))
    assert isinstance(result, StepResult)
    assert set(result.summary.to_dict()) == {
        "dataset",
        "partition_key",
        "snapshot_id",
        "counts",
        "metrics",
        "report_uri",
        "duration_seconds",
    }
    assert isinstance(make_dataset().images(), pa.Table)


def test_a_source_with_nothing_to_take_is_a_warning(make_dataset: MakeDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    result = ingest_images(make_dataset(), "p", str(tmp_path), IngestSettings(pattern="*.jpg"))
    assert result.summary.counts["images"] == 0
    assert "Nothing to take at" in caplog.text
    assert "1 files listed, none of them wanted" in caplog.text


def test_a_folder_that_is_not_there_is_a_warning_that_says_so(
    make_dataset: MakeDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ingest_images(make_dataset(), "p", str(tmp_path / "imges")).summary.counts["images"] == 0
    assert "/imges: there is no file or folder of that name" in caplog.text
