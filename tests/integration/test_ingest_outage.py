"""A source that cannot be read just now empties no partition: the step fails, nothing is committed, and a retry may succeed."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.fake_s3 import FakeS3, fake_s3
from PIL import Image

from airflow_cv_dataops.core.errors import EmptySourceError, SourceError, StoreError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.store.dataset import Dataset

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
KEY = "2026-11-05"
FILES = 40


@pytest.fixture
def bucket() -> Iterator[FakeS3]:
    with fake_s3() as bucket:
        bucket.objects = {f"in/{number:02}.png": a_png(number) for number in range(FILES)}
        yield bucket


def a_png(seed: int) -> bytes:
    data = io.BytesIO()
    Image.effect_noise((32 + seed, 24), 40).save(data, "PNG")
    return data.getvalue()


def ingest(dataset: Dataset, bucket: FakeS3, source: str = "s3://bay/in", *, force: bool = False, **arguments: Any) -> dict[str, Any]:
    result = ingest_images(dataset, KEY, source, IngestSettings(force=force), source_options=bucket.options, **arguments)
    return dict(result.summary.counts)


@pytest.mark.parametrize("code", ["ExpiredToken", "AccessDenied"])
def test_a_store_that_refuses_in_the_middle_fails_the_step_and_leaves_the_partition(
    make_dataset: MakeDataset, bucket: FakeS3, code: str
) -> None:
    dataset = make_dataset()
    ingest(dataset, bucket)
    before = dataset.snapshots(("images", "rejects"))
    bucket.refuse = lambda key: (403, code) if key > "in/25" else None
    with pytest.raises(StoreError, match=r"Cannot read s3://bay/in/\d\d\.png: .*") as refused:
        ingest(dataset, bucket, force=True, max_reject_ratio=1.0)
    assert "secret" not in str(refused.value)
    assert dataset.snapshots(("images", "rejects")) == before
    bucket.refuse = lambda key: None
    assert ingest(dataset, bucket, force=True)["images"] == FILES


def test_an_object_that_is_gone_or_archived_is_its_own_fault(make_dataset: MakeDataset, bucket: FakeS3) -> None:
    dataset = make_dataset()
    bucket.refuse = lambda key: {"in/03.png": (404, "NoSuchKey"), "in/04.png": (403, "InvalidObjectState")}.get(key)
    assert ingest(dataset, bucket)["rejects_by_reason"] == {"unreadable": 2}
    assert dataset.read("rejects")["file_name"].to_pylist() == ["03.png", "04.png"]


def test_a_web_host_that_a_list_names_costs_its_entries_alone(make_dataset: MakeDataset, bucket: FakeS3, tmp_path: Path) -> None:
    named = [f"s3://bay/{key}" for key in bucket.objects] + [f"{bucket.endpoint}/bay/in/00.png", f"{bucket.endpoint}/bay/refused.png"]
    (tmp_path / "list.csv").write_text("\n".join(["uri", *named]))
    bucket.objects["refused.png"] = b""
    bucket.refuse = lambda key: (403, "AccessDenied") if key == "refused.png" else None
    dataset = make_dataset()
    counts = ingest(dataset, bucket, str(tmp_path / "list.csv"))
    assert (counts["images"], counts["rejects"]) == (FILES + 1, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Links to pictures on a file system that can be taken away."""
    (tmp_path / "mount").mkdir()
    (tmp_path / "in").mkdir()
    for number in range(FILES):
        (tmp_path / "mount" / f"{number:02}.png").write_bytes(a_png(number))
        (tmp_path / "in" / f"{number:02}.png").symlink_to(tmp_path / "mount" / f"{number:02}.png")
    return tmp_path / "in"


def whole(dataset: Dataset, folder: Path, **arguments: Any) -> dict[str, Any]:
    return dict(ingest_images(dataset, KEY, str(folder), **arguments).summary.counts)


def sharded(dataset: Dataset, folder: Path, **arguments: Any) -> dict[str, Any]:
    plan = plan_shards(dataset, KEY, str(folder), max_files_per_shard=15)
    results = [ingest_shard(dataset, KEY, str(folder), plan, index) for index in range(plan["shards"])]
    return dict(commit_shards(dataset, KEY, plan, results, **arguments).summary.counts)


@pytest.mark.parametrize("run", [whole, sharded])
def test_files_that_cannot_be_read_just_now_empty_no_partition(
    make_dataset: MakeDataset, folder: Path, run: Callable[..., dict[str, Any]]
) -> None:
    dataset = make_dataset()
    run(dataset, folder)
    before = dataset.snapshots(("images", "rejects"))
    mount = folder.parent / "mount"
    mount.rename(folder.parent / "elsewhere")
    with pytest.raises(
        SourceError, match=rf"{FILES} of {FILES} files could not be read.*the first: file://.*/in/00\.png.*nothing was committed"
    ):
        run(dataset, folder)
    assert dataset.snapshots(("images", "rejects")) == before
    (folder.parent / "elsewhere").rename(mount)
    assert run(dataset, folder)["images"] == FILES
    shutil.rmtree(mount)
    with pytest.raises(EmptySourceError, match=rf"None of the {FILES} files taken at .* is an image \({FILES} unreadable\)\. That would"):
        run(dataset, folder, max_reject_ratio=1.0)
    assert run(dataset, folder, max_reject_ratio=1.0, allow_empty=True)["rejects_by_reason"] == {"unreadable": FILES}


@pytest.mark.parametrize("run", [whole, sharded])
def test_a_few_that_cannot_be_read_and_many_that_are_no_images_are_rejects(
    make_dataset: MakeDataset, folder: Path, run: Callable[..., dict[str, Any]]
) -> None:
    for number in range(4):
        (folder.parent / "mount" / f"{number:02}.png").unlink()
    for number in range(10, 30):
        (folder.parent / "mount" / f"{number:02}.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    dataset = make_dataset()
    counts = run(dataset, folder)
    assert (counts["images"], counts["rejects"]) == (16, 24)
    assert dataset.read("rejects").num_rows == 24
