"""Maintenance of real tables and objects: what goes, what stays, whoever is at work beside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from unit.core.release.release_rows import write_annotations, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store import refs
from airflow_cv_dataops.core.store.files import PartitionWriter
from airflow_cv_dataops.core.store.maintenance import expiry, maintain
from airflow_cv_dataops.core.store.maintenance.maintain import maintain_dataset
from airflow_cv_dataops.core.store.objects import local_path

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
LONG_AFTER = datetime.now(UTC) + timedelta(days=100)


def snapshot_ids(dataset: Dataset, table: str = "images") -> list[str]:
    found = dataset.load_table(table)
    assert found is not None
    return [str(one.snapshot_id) for one in found.metadata.snapshots]


def files_below(dataset: Dataset, folder: str = "") -> set[str]:
    root = Path(local_path(dataset.root_uri)) / folder
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def content_of(dataset: Dataset, *releases: str) -> list[Any]:
    """Everything that releases hold."""
    found = [dataset.release(name) for name in releases]
    return [[table.sort_by("image_id").to_pylist() for table in (one.items(), one.images(), one.annotations())] for one in found]


@pytest.fixture
def grown(make_dataset: MakeDataset) -> Dataset:
    """A dataset of two releases, of which the partition ``p`` was written five times and once more since."""
    dataset = make_dataset()
    for names in (["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "d"], ["a", "e"]):
        write_images(dataset, "p", names)
        write_annotations(dataset, "p", [(name, "cat") for name in names])
        if names in (["a", "b"], ["a", "b", "d"]):
            promote_dataset(dataset)
    return dataset


def test_old_snapshots_and_their_files_go_and_what_releases_hold_stays_to_the_byte(grown: Dataset) -> None:
    before, held = content_of(grown, "v1", "v2"), [grown.release(name).snapshots["images"] for name in ("v1", "v2")]
    known = snapshot_ids(grown)
    files = {path for path in files_below(grown, "images") if not path.endswith(".json")}
    counts = maintain_dataset(grown, now=LONG_AFTER).summary.counts
    assert snapshot_ids(grown) == [*held, known[-1]]
    assert content_of(grown, "v1", "v2") == before
    assert len(files_below(grown, "images/data")) == 3, "two releases and what is there now"
    assert counts["expired_snapshots"] >= 4, "two of images, two of annotations"
    assert counts["deleted_files"] == sum(counts["deleted_files_by_kind"].values()) > 0
    assert len(files - files_below(grown, "images")) >= 2 * 3, "of each: data file, manifest, list of manifests"
    assert (counts["waiting_files"], counts["missing_files"]) == (0, 0)
    again = maintain_dataset(grown, now=LONG_AFTER).summary.counts
    assert (again["expired_snapshots"], again["deleted_files_by_kind"].get("data", 0)) == (0, 0)
    assert grown.images()["file_name"].to_pylist() == ["a.png", "e.png"]


def test_what_was_current_within_the_history_can_still_be_read_however_old_it_is(make_dataset: MakeDataset) -> None:
    dataset = make_dataset()
    write_images(dataset, "p", ["a"])
    write_images(dataset, "p", ["b"])
    first, second = snapshot_ids(dataset)
    found = dataset.load_table("images")
    assert found is not None
    replaced_at = datetime.fromtimestamp(found.metadata.snapshot_log[1].timestamp_ms / 1000, UTC)
    maintain_dataset(dataset, keep_history_days=7, now=replaced_at + timedelta(days=7))
    assert snapshot_ids(dataset) == [first, second]
    assert dataset.images(snapshot_id=first)["file_name"].to_pylist() == ["a.png"]
    maintain_dataset(dataset, keep_history_days=7, now=replaced_at + timedelta(days=7, seconds=1))
    assert snapshot_ids(dataset) == [second]
    with pytest.raises(DatasetNotFoundError, match="may have been expired"):
        dataset.images(snapshot_id=first)


def test_files_of_the_last_days_stay_though_nothing_refers_to_them(grown: Dataset) -> None:
    files = files_below(grown)
    counts = maintain_dataset(grown, keep_history_days=0).summary.counts
    assert counts["expired_snapshots"] >= 4
    assert counts["deleted_files"] == 0
    assert counts["waiting_files"] >= 2 * 3
    assert files <= files_below(grown)


def test_a_dry_run_changes_nothing_and_counts_what_a_run_then_does(grown: Dataset) -> None:
    files, known = files_below(grown), snapshot_ids(grown)
    told = maintain_dataset(grown, dry_run=True, now=LONG_AFTER).summary
    assert (files_below(grown), snapshot_ids(grown)) == (files, known)
    done = maintain_dataset(grown, now=LONG_AFTER).summary
    assert told.counts["dry_run"] == 1
    assert told.counts["expired_snapshots"] == done.counts["expired_snapshots"]
    for kind in ("data", "temporary"):
        assert told.counts["deleted_files_by_kind"].get(kind) == done.counts["deleted_files_by_kind"].get(kind)


def test_tags_and_branches_of_others_stay(grown: Dataset) -> None:
    first = int(snapshot_ids(grown)[0])
    refs.write_refs(grown, "images", lambda at: refs.Refs(tags={"mine": first}))
    maintain_dataset(grown, now=LONG_AFTER)
    assert grown.images(snapshot_id=first)["file_name"].to_pylist() == ["a.png"]


def test_what_a_release_holds_stays_though_somebody_has_removed_its_tags(grown: Dataset) -> None:
    before = content_of(grown, "v1", "v2")
    for table in ("images", "annotations", "release_items"):
        refs.write_refs(grown, table, lambda at: refs.Refs(gone=[name for name in at if name.startswith("release-")]))
    maintain_dataset(grown, now=LONG_AFTER)
    assert content_of(grown, "v1", "v2") == before


def test_a_tag_that_comes_while_a_snapshot_is_being_forgotten_holds_it(grown: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    first = int(snapshot_ids(grown)[0])
    whole = expiry.expirable

    def and_then_somebody_tags(*given: Any) -> frozenset[int]:
        found = whole(*given)
        if first in found:
            refs.write_refs(grown, "images", lambda at: refs.Refs(tags={"mine": first}))
        return found

    monkeypatch.setattr(expiry, "expirable", and_then_somebody_tags)
    maintain_dataset(grown, now=LONG_AFTER)
    assert grown.images(snapshot_id=first)["file_name"].to_pylist() == ["a.png"]
    assert len(snapshot_ids(grown)) == 4


def test_a_run_that_was_killed_after_forgetting_is_finished_by_the_next(grown: Dataset) -> None:
    before = content_of(grown, "v1", "v2")
    for table in ("images", "annotations"):
        expiry.expire(grown, table, frozenset(), LONG_AFTER)
    assert len(files_below(grown, "images/data")) == 5
    assert maintain_dataset(grown, now=LONG_AFTER).summary.counts["deleted_files_by_kind"]["data"] == 4
    assert content_of(grown, "v1", "v2") == before


def ingest(dataset: Dataset, source: Path, *names: str) -> None:
    """Ingest pictures of these names, each of another colour, as the partition ``p``."""
    for old in source.glob("*.png"):
        old.unlink()
    for name in names:
        Image.new("RGB", (32, 32), tuple(hashlib.sha256(name.encode()).digest()[:3])).save(source / f"{name}.png")
    ingest_images(dataset, "p", str(source))


def stored(dataset: Dataset) -> set[str]:
    """Ids of the images that are kept."""
    return {Path(path).stem for path in files_below(dataset, "objects")}


def test_images_go_that_no_row_names_and_those_of_releases_stay(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, source = make_dataset(), tmp_path / "photos"
    source.mkdir()
    ingest(dataset, source, "released", "kept")
    promote_dataset(dataset)
    ingest(dataset, source, "kept", "dropped")
    ids = dict(zip(dataset.images()["file_name"].to_pylist(), dataset.images()["image_id"].to_pylist(), strict=True))
    ingest(dataset, source, "kept")
    assert len(stored(dataset)) == 3
    stray = Path(local_path(dataset.root_uri)) / "objects" / "notes.txt"
    stray.write_text("somebody's own")
    counts = maintain_dataset(dataset, now=LONG_AFTER).summary.counts
    assert counts["deleted_files_by_kind"]["objects"] == 1
    assert ids["dropped.png"] not in stored(dataset)
    assert stray.exists()
    assert set(dataset.release().images()["image_id"].to_pylist()) == stored(dataset) - {"notes"}


def test_an_image_that_comes_back_while_it_is_about_to_be_deleted_stays(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, source = make_dataset(), tmp_path / "photos"
    source.mkdir()
    ingest(dataset, source, "a", "b")
    ingest(dataset, source, "a")
    since = datetime.now(UTC)
    for path in Path(local_path(dataset.root_uri)).rglob("*.png"):
        os.utime(path, (0, 0))
    whole = maintain.are_named_by_none

    def and_then_it_comes_back(named: Any) -> Any:
        ingest(dataset, source, "b")
        return whole(named)

    monkeypatch.setattr(maintain, "are_named_by_none", and_then_it_comes_back)
    days = (datetime.now(UTC) - since) / timedelta(days=1)
    counts = maintain_dataset(dataset, keep_history_days=days, grace_days=days).summary.counts
    assert counts["deleted_files_by_kind"].get("objects") is None
    assert dataset.images()["file_name"].to_pylist() == ["b.png"]
    assert len(stored(dataset)) == 2


def test_images_of_a_shard_that_is_not_committed_yet_stay_with_its_rows(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, source = make_dataset(), tmp_path / "photos"
    source.mkdir()
    ingest(dataset, source, "a", "b")
    rows = dataset.images()
    table = dataset.load_table("images")
    assert table is not None
    writer = PartitionWriter("images", table.location(), {"partition_key": "q"}, {})
    writer.write(rows.filter([name == "b.png" for name in rows["file_name"].to_pylist()]))
    (file,) = writer.finish()
    ingest(dataset, source, "a")
    written = datetime.now(UTC) + timedelta(days=2)
    maintain_dataset(dataset, keep_history_days=0, grace_days=3, now=written)
    os.utime(local_path(file.uri), (written.timestamp(), written.timestamp()))  # renewed by a retry; the image itself is old
    maintain_dataset(dataset, keep_history_days=0, grace_days=3, now=written + timedelta(days=2))
    dataset.replace_partition_by_files("images", "q", [file])
    assert sorted(dataset.images()["file_name"].to_pylist()) == ["a.png", "b.png"]
    assert len(stored(dataset)) == 2


def test_a_file_that_a_writer_takes_for_written_is_as_young_as_if_it_had_been(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset, source = make_dataset(), tmp_path / "photos"
    source.mkdir()
    ingest(dataset, source, "a")
    store = dataset.objects()
    (path,) = (f"objects/{path}" for path in files_below(dataset, "objects"))
    size = store.size(path)
    assert size is not None
    os.utime(local_path(store.uri_of(path)), (0, 0))
    assert not store.renew(path, size + 1)
    assert store.renew(path, size)
    assert not store.delete_if_older(path, datetime.now(UTC) - timedelta(hours=1))
    assert store.size(path) == size
    assert store.delete_if_older(path, datetime.now(UTC) + timedelta(hours=1))
    assert store.size(path) is None
    assert not store.renew(path, size)


def test_what_killed_writers_have_left_half_written_goes(grown: Dataset) -> None:
    folder = Path(local_path(grown.root_uri)) / "images" / "data"
    half = folder / ".0a1b.parquet.4711.0123abcd.tmp"
    half.write_bytes(b"PAR1")
    theirs = folder / "README.txt"
    theirs.write_text("somebody's own")
    counts = maintain_dataset(grown, now=LONG_AFTER).summary.counts
    assert counts["deleted_files_by_kind"]["temporary"] == 1
    assert (half.exists(), theirs.exists()) == (False, True)


def test_data_files_that_vanished_fail_the_step_once_the_rest_is_done(grown: Dataset) -> None:
    table = grown.load_table("images")
    assert table is not None
    (task,) = table.scan().plan_files()
    os.unlink(local_path(task.file.file_path))
    result = maintain_dataset(grown, now=LONG_AFTER)
    assert result.summary.counts["missing_files"] == 1
    assert result.failure is not None
    assert "1 of images" in result.failure
    assert len(files_below(grown, "images/data")) == 2


def test_nothing_of_a_table_is_deleted_where_none_of_its_data_files_is_found(grown: Dataset) -> None:
    folder = Path(local_path(grown.root_uri)) / "images"
    (folder / "data").rename(folder / "elsewhere")
    files = files_below(grown, "images")
    result = maintain_dataset(grown, now=LONG_AFTER)
    assert result.failure is not None
    assert "3 of images" in result.failure
    assert files <= files_below(grown, "images")
    assert len(files_below(grown, "annotations/data")) == 3, "other tables are looked after"


def test_days_that_are_none_are_refused(make_dataset: MakeDataset) -> None:
    for name, value in (("keep_history_days", -1), ("grace_days", float("nan")), ("grace_days", "3"), ("grace_days", 1e6)):
        with pytest.raises(ConfigurationError, match=name):
            maintain_dataset(make_dataset(made=True), **{name: value})  # type: ignore[arg-type]
    with pytest.raises(DatasetNotFoundError):
        maintain_dataset(make_dataset("nowhere"))
