"""Ingest from archives and lists: the same rows as from the folder, and nothing that an archive does can hurt."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv
import pytest
from archives import overlapping_zip, tar_entry, write_tar, write_zip, zip_link
from PIL import Image

from airflow_cv_dataops.core.errors import SourceError
from airflow_cv_dataops.core.imaging.decoding.decode import Limits
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.settings import IngestSettings
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import read_uri

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
ABOUT_THE_SOURCE = ["source_uri", "source_etag", "source_version", "source_modified_at", "ingested_at", "partition_key", "parameters_id"]


def some_images(count: int = 12) -> dict[str, bytes]:
    files = {}
    for number in range(count):
        data = io.BytesIO()
        Image.effect_noise((40 + number, 30), 20 + number).save(data, "PNG")
        files[f"day/{number:02}.png"] = data.getvalue()
    return files


def in_folder(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def facts(dataset: Dataset, partition_key: str) -> list[dict[str, Any]]:
    """Return what the rows say about the images, without what they say about where these came from."""
    found = dataset.images(partition_key=partition_key)
    kept = found.drop_columns([name for name in ABOUT_THE_SOURCE if name in found.column_names])
    return sorted(kept.to_pylist(), key=lambda row: row["file_name"])


def rejects(dataset: Dataset) -> dict[str, tuple[str, str]]:
    return {row["file_name"]: (row["reason"], row["detail"]) for row in dataset.read("rejects").to_pylist()}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "csv"])
def test_an_archive_or_a_list_gives_the_rows_of_the_folder(make_dataset: MakeDataset, tmp_path: Path, kind: str) -> None:
    files = {**some_images(), "day/broken.png": b"\x89PNG\r\n\x1a\n" + bytes(50), "labels.csv": b"image,label\n"}
    folder, dataset = in_folder(tmp_path / "folder", files), make_dataset()
    path = tmp_path / "folder" / f"all.{kind}"
    if kind == "zip":
        write_zip(path, files)
    elif kind == "csv":
        path.write_text("\n".join(["path", *files]))
    else:
        write_tar(path, files, "w:" + kind.partition(".")[2])
    of_folder = ingest_images(dataset, "folder", str(folder), IngestSettings(exclude=("*.csv", "all.*")))
    of_other = ingest_images(dataset, "other", str(path))
    assert facts(dataset, "other") == facts(dataset, "folder")
    assert len(facts(dataset, "other")) == 12
    for name in ("images", "rejects", "unique_images", "rejects_by_reason", "bytes"):
        assert of_other.summary.counts[name] == of_folder.summary.counts[name], name
    assert of_other.summary.counts["rejects"] == 1
    assert of_other.lineage.inputs[0].uri == path.as_uri()
    for row in dataset.images(partition_key="other").select(["storage_uri", "file_name"]).to_pylist():
        assert read_uri(row["storage_uri"]) == files[row["file_name"]]


@pytest.mark.parametrize("name", ["day.zip", "day.tar.gz", "day.csv"])
def test_shards_of_an_archive_or_a_list_give_the_rows_of_the_whole(make_dataset: MakeDataset, tmp_path: Path, name: str) -> None:
    files = some_images()
    folder, dataset, path = in_folder(tmp_path / "in", files), make_dataset(), tmp_path / "in" / name
    if name == "day.zip":
        write_zip(path, [*files.items(), ("../climbs.png", b"x"), zip_link("link.png", "x")])
    elif name == "day.csv":
        path.write_text("\n".join(["path", *files, "gone.png", '""']))
    else:
        write_tar(path, {**files, "/absolute.png": b"x"}, "w:gz")
    whole = ingest_images(dataset, "whole", str(folder / name), max_reject_ratio=1.0)
    plan = plan_shards(dataset, "shards", str(folder / name), max_files_per_shard=3)
    results = [ingest_shard(dataset, "shards", str(folder / name), plan, index) for index in reversed(range(plan["shards"]))]
    sharded = commit_shards(dataset, "shards", plan, results, max_reject_ratio=1.0)
    assert plan["shards"] > 3
    for table in ("images", "rejects"):
        keys = ["partition_key", "ingested_at"]
        of_whole, of_shards = (
            dataset.read(table, partition_key=key).drop_columns(keys).sort_by("source_uri") for key in ("whole", "shards")
        )
        assert of_whole.equals(of_shards), table
    assert whole.summary.counts["rejects_by_reason"] == sharded.summary.counts["rejects_by_reason"]
    assert sharded.summary.counts["images"] == 12


def test_a_rerun_of_an_archive_reads_it_again_only_when_it_has_changed(make_dataset: MakeDataset, tmp_path: Path) -> None:
    files, dataset = some_images(), make_dataset()
    path = write_zip(tmp_path / "day.zip", files)
    first = ingest_images(dataset, "a", str(path))
    before = dataset.images().to_pylist()
    again = ingest_images(dataset, "a", str(path))
    assert first.summary.counts["images"] == again.summary.counts["images"] == 12
    assert [{**row, "ingested_at": None} for row in dataset.images().to_pylist()] == [{**row, "ingested_at": None} for row in before]
    write_zip(path, dict(list(files.items())[:5]))
    assert ingest_images(dataset, "a", str(path)).summary.counts["images"] == 5


def test_a_hostile_zip_costs_its_bad_members_and_nothing_else(make_dataset: MakeDataset, tmp_path: Path) -> None:
    files = some_images(4)
    path = tmp_path / "in" / "hostile.zip"
    path.parent.mkdir()
    members: list[Any] = [
        *files.items(),
        ("../../outside.png", files["day/00.png"]),
        ("/tmp/absolute.png", files["day/00.png"]),
        ("..\\..\\windows.png", files["day/00.png"]),
        zip_link("link.png", "/etc/passwd"),
        ("bomb.png", bytes(80 * 2**20)),
        ("day/00.png", files["day/01.png"]),
    ]
    write_zip(path, members)
    dataset = make_dataset()
    result = ingest_images(dataset, "a", str(path), IngestSettings(limits=Limits(max_bytes=100 * 2**20)), max_reject_ratio=1.0)
    assert result.summary.counts["images"] == 4
    assert result.summary.counts["unique_images"] == 3  # the later day/00.png is a copy of day/01.png
    found = rejects(dataset)
    assert len(found) == 6
    assert {reason for reason, _ in found.values()} == {"unreadable"}
    assert "climbs out" in found["%2E%2E%2F%2E%2E%2Foutside.png"][1]
    assert "absolute" in found["%2Ftmp/absolute.png"][1]
    assert "links are not followed" in found["link.png"][1]
    assert "bomb" in found["bomb.png"][1]
    assert os.listdir(path.parent) == ["hostile.zip"]
    assert not (tmp_path / "outside.png").exists()


def test_a_hostile_tar_costs_its_bad_members_and_nothing_else(make_dataset: MakeDataset, tmp_path: Path) -> None:
    files = some_images(3)

    def hostile(tar: tarfile.TarFile) -> None:
        tar.addfile(tar_entry("../outside.png", 3), io.BytesIO(b"abc"))
        tar.addfile(tar_entry("soft.png", type=tarfile.SYMTYPE, linkname="day/00.png"))
        tar.addfile(tar_entry("hard.png", type=tarfile.LNKTYPE, linkname="day/00.png"))
        tar.addfile(tar_entry("zero.png", type=tarfile.CHRTYPE, devmajor=1, devminor=5))

    path = write_tar(tmp_path / "a.tar.gz", files, "w:gz", also=hostile)
    dataset = make_dataset()
    result = ingest_images(dataset, "a", str(path), max_reject_ratio=1.0)
    assert (result.summary.counts["images"], result.summary.counts["rejects_by_reason"]) == (3, {"unreadable": 4})
    assert sorted(os.listdir(tmp_path)) == ["a.tar.gz", "cv_dataops"]


def test_a_zip_of_overlapping_members_gives_no_image(make_dataset: MakeDataset, tmp_path: Path) -> None:
    kernel = io.BytesIO()
    Image.new("RGB", (2000, 2000)).save(kernel, "BMP")
    path = overlapping_zip(tmp_path / "a.zip", 200, kernel.getvalue())
    dataset = make_dataset()
    result = ingest_images(dataset, "a", str(path), max_reject_ratio=1.0)
    assert (result.summary.counts["images"], result.summary.counts["rejects_by_reason"]) == (0, {"unreadable": 200})


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_an_archive_that_is_cut_short_changes_nothing(make_dataset: MakeDataset, tmp_path: Path, name: str) -> None:
    files, dataset = some_images(), make_dataset()
    path = tmp_path / name
    write_zip(path, files) if name == "a.zip" else write_tar(path, files, "w:gz" if name.endswith("gz") else "w")
    ingest_images(dataset, "a", str(path))
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(SourceError, match="archive"):
        ingest_images(dataset, "a", str(path))
    assert dataset.images().num_rows == 12


def test_rows_of_a_list_that_name_nothing_end_as_rejects(make_dataset: MakeDataset, tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "in", some_images(3))
    (folder / "list.jsonl").write_text('{"image": "day/00.png"}\n{"image": null}\nbroken\n{"image": "day/gone.png"}\n"day/01.png"\n')
    dataset = make_dataset()
    result = ingest_images(dataset, "a", str(folder / "list.jsonl"), max_reject_ratio=1.0)
    assert (result.summary.counts["images"], result.summary.counts["listed"]) == (2, 5)
    found = rejects(dataset)
    assert found["row 2"] == ("unreadable", "OSError: row 2 of the list names no place")
    assert found["row 3"] == ("unreadable", "OSError: row 3 of the list names no place")
    assert "No such file" in found["day/gone.png"][1]


def test_the_rejects_of_an_archive_are_the_same_again(make_dataset: MakeDataset, tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", [*some_images(2).items(), zip_link("link.png", "x"), ("..", b"x")])
    dataset = make_dataset()
    seen = []
    for force in (False, False, True):
        ingest_images(dataset, "a", str(path), IngestSettings(force=force), max_reject_ratio=1.0)
        seen.append(sorted(map(str, dataset.read("rejects").drop_columns(["ingested_at"]).to_pylist())))
    assert seen[0] == seen[1] == seen[2]


def test_a_csv_written_by_arrow_is_read(make_dataset: MakeDataset, tmp_path: Path) -> None:
    import pyarrow as pa

    folder = in_folder(tmp_path / "in", some_images(3))
    pacsv.write_csv(pa.table({"n": [1, 2, 3], "uri": [f"day/{number:02}.png" for number in range(3)]}), str(folder / "list.csv"))
    assert ingest_images(make_dataset(), "a", str(folder / "list.csv")).summary.counts["images"] == 3
