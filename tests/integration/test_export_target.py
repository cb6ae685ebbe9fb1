"""Where exports go: the same bytes each time, only what is missing written, nobody else's files touched, no manifest over a gap."""

from __future__ import annotations

import errno
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from exporting import export, files_of, make_release, options_of, tree, written_by

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.export import writing
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.exporters import EXPORTERS
from airflow_cv_dataops.core.export.manifest import check_export
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.targets import local_target
from airflow_cv_dataops.core.export.targets.local_target import LocalTarget
from airflow_cv_dataops.core.export.transform.placement import Resize
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.objects import local_path

pytestmark = pytest.mark.integration

YOLO, COCO, LINKED = options_of("yolo"), options_of("coco"), options_of("coco", images="link")
SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A release that no test changes."""
    return make_release(tmp_path_factory.mktemp("release"))


@pytest.fixture
def own(tmp_path: Path) -> Dataset:
    """A release of the test's own."""
    return make_release(tmp_path / "release")


@pytest.mark.parametrize(
    ("kind", "resize"), [*((kind, Resize()) for kind in EXPORTERS), *((kind, Resize(24)) for kind in ("coco", "webdataset", "huggingface"))]
)
def test_equal_exports_are_equal_wherever_and_whenever_and_by_however_many_threads(
    unchanged: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, resize: Resize
) -> None:
    options = options_of(kind, resize=resize, without_labels="all")
    export(unchanged, tmp_path / "one", options)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(writing, "_WORKERS", 3)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        export(unchanged, tmp_path / "deep" / "down" / "two", options)
    finally:
        sys.setswitchinterval(before)
    assert tree(tmp_path / "one") == tree(tmp_path / "deep" / "down" / "two")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_release_is_exported_alike_before_and_after_another_was_made(own: Dataset, tmp_path: Path) -> None:
    export(own, tmp_path / "one", COCO)
    assert promote_dataset(own, splits={"train": 1.0}, split_salt="anew").failure is None
    assert own.release("production").name == "v2"
    export_release(own, "v1", tmp_path / "two", COCO)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_a_release_that_moved_on_goes_to_a_folder_of_its_own(own: Dataset, tmp_path: Path) -> None:
    export(own, tmp_path / "{release}", YOLO)
    first = tree(tmp_path / "v1")
    assert promote_dataset(own, splits={"train": 1.0}, split_salt="anew").failure is None
    export(own, tmp_path / "{release}", YOLO)
    assert tree(tmp_path / "v1") == first
    assert check_export(tmp_path / "v2").manifest["release"] == "v2"
    with pytest.raises(ConfigurationError, match=r"holds an export of digits v1 as yolo, and this is .* v2 .*another release, content_id"):
        export(own, tmp_path / "v1", YOLO)


@pytest.mark.parametrize("options", [YOLO, COCO, LINKED, options_of("webdataset"), options_of("yolo", resize=Resize(24))])
def test_a_second_run_touches_nothing(unchanged: Dataset, tmp_path: Path, options: ExportOptions) -> None:
    first = export(unchanged, tmp_path, options)
    assert written_by(first) == len(files_of(tmp_path)) == check_export(tmp_path).files
    before = stamps(tmp_path)
    second = export(unchanged, tmp_path, options)
    assert written_by(second) == 0
    assert stamps(tmp_path) == before
    counts = [one.summary.to_dict()["counts"] | {"files_written": 0} for one in (first, second)]
    assert counts[0] == counts[1]


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("options", "pattern", "damage"),
    [
        *((YOLO, "images/**/*.png", damage) for damage in ("removed", "truncated", "changed")),
        (YOLO, "labels/**/*.txt", "removed"),
        (YOLO, "data.yaml", "truncated"),
        (COCO, "annotations/*.json", "changed"),
        (options_of("huggingface"), "data/*.parquet", "truncated"),
        (options_of("yolo", resize=Resize(24)), "images/**/*.jpg", "changed"),
    ],
)
def test_a_file_that_is_not_as_it_was_is_named_and_written_anew(
    unchanged: Dataset, tmp_path: Path, options: ExportOptions, pattern: str, damage: str
) -> None:
    export(unchanged, tmp_path, options)
    whole = tree(tmp_path)
    path = sorted(tmp_path.glob(pattern))[0]
    hurt(path, damage)
    name = str(path.relative_to(tmp_path))
    found = check_export(tmp_path)
    assert (found.missing, found.changed) == (((name,), ()) if damage == "removed" else ((), (name,)))
    assert not found.is_whole
    assert check_export(tmp_path, read_files=False).is_whole is (damage == "changed")
    assert written_by(export(unchanged, tmp_path, options)) == 1
    assert tree(tmp_path) == whole


def hurt(path: Path, damage: str) -> None:
    data = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if damage == "truncated" else data[:-1] + bytes([data[-1] ^ 1]))


def test_a_list_of_files_that_was_changed_or_removed_is_named_and_written_anew(unchanged: Dataset, tmp_path: Path) -> None:
    export(unchanged, tmp_path, YOLO)
    whole = tree(tmp_path)
    one, other = sorted(tmp_path.glob("_export/parts/train*.jsonl"))[:2]
    one.unlink()
    other.write_bytes(other.read_bytes().replace(b'"bytes": ', b'"bytes": 1'))
    found = check_export(tmp_path)
    assert (found.missing, found.changed) == ((f"_export/parts/{one.name}",), (f"_export/parts/{other.name}",))
    assert written_by(export(unchanged, tmp_path, YOLO)) == 0
    assert tree(tmp_path) == whole


def test_a_foreign_file_is_unexpected_and_stays(unchanged: Dataset, tmp_path: Path) -> None:
    export(unchanged, tmp_path, YOLO)
    (tmp_path / "labels" / "train.cache").write_bytes(b"Ultralytics writes this")
    (tmp_path / "images" / "train" / "own.jpg").write_bytes(b"mine")
    (tmp_path / ".DS_Store").write_bytes(b"")
    found = check_export(tmp_path)
    assert found.unexpected == ("images/train/own.jpg", "labels/train.cache")
    assert found.is_whole
    again = export(unchanged, tmp_path, YOLO)
    assert again.summary.to_dict()["counts"]["unexpected_files"] == 2
    assert (tmp_path / "images" / "train" / "own.jpg").read_bytes() == b"mine"


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_with_files_of_others_is_refused(unchanged: Dataset, tmp_path: Path, replace: bool) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match=r"holds files that no export has written, the first: sub/thesis\.txt"):
        export(unchanged, tmp_path, YOLO, replace=replace)
    assert list(tree(tmp_path)) == ["sub", "sub/thesis.txt"]


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (COCO, "another format"),
        (options_of("yolo", resize=Resize(24)), "another resize"),
        (options_of("yolo", categories=("dog", "person"), splits=["val"]), "another categories, splits"),
    ],
)
def test_another_export_is_refused_and_replaced_where_that_is_allowed(
    unchanged: Dataset, tmp_path: Path, other: ExportOptions, difference: str
) -> None:
    export(unchanged, tmp_path / "one", YOLO)
    export(unchanged, tmp_path / "other", other)
    (tmp_path / "one" / ".hidden").mkdir()
    (tmp_path / "one" / ".hidden" / "note").touch()
    before = tree(tmp_path / "one")
    with pytest.raises(ConfigurationError, match=rf"\({difference}\).*replace=True: it removes everything that is there"):
        export(unchanged, tmp_path / "one", other)
    assert tree(tmp_path / "one") == before
    export(unchanged, tmp_path / "one", other, replace=True)
    assert (tmp_path / "one" / ".hidden" / "note").exists()  # as a folder .git; no export has written it
    shutil.rmtree(tmp_path / "one" / ".hidden")
    assert tree(tmp_path / "one") == tree(tmp_path / "other")


def test_a_part_of_an_export_may_have_moved_to_another_disk(unchanged: Dataset, tmp_path: Path) -> None:
    export(unchanged, tmp_path / "out", YOLO)
    (tmp_path / "out" / "images").rename(tmp_path / "larger")
    (tmp_path / "out" / "images").symlink_to(tmp_path / "larger")
    (tmp_path / "larger" / "back").symlink_to(tmp_path / "out")
    assert written_by(export(unchanged, tmp_path / "out", YOLO)) == 0
    assert check_export(tmp_path / "out").unexpected == ()


def test_an_exports_own_folder_is_no_link_and_a_web_page_no_target(unchanged: Dataset, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "_export").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match=r"_export below .* is a symbolic link"):
        export_release(unchanged, target=tmp_path / "out", options=YOLO)
    with pytest.raises(ConfigurationError, match=r"https://example\.com/x cannot be written to"):
        export_release(unchanged, target="https://example.com/x", options=YOLO)


def test_replace_does_nothing_to_the_same_export(unchanged: Dataset, tmp_path: Path) -> None:
    export(unchanged, tmp_path, YOLO)
    before = stamps(tmp_path)
    assert written_by(export(unchanged, tmp_path, YOLO, replace=True)) == 0
    assert stamps(tmp_path) == before


def test_an_export_that_fails_before_it_writes_leaves_the_other_where_it_is(unchanged: Dataset, tmp_path: Path) -> None:
    export(unchanged, tmp_path, YOLO)
    before = tree(tmp_path)
    nothing = options_of("imagefolder", max_left_out_ratio=0.0)  # images with both categories have no place
    result = export_release(unchanged, target=tmp_path, options=nothing, replace=True)
    assert result.failure
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        *((options, "gone") for options in (YOLO, LINKED)),
        *((options, "changed") for options in (YOLO, options_of("webdataset"), options_of("coco", resize=Resize(24)))),
    ],
)
def test_an_image_that_cannot_be_read_as_it_was_fails_the_export(own: Dataset, tmp_path: Path, options: ExportOptions, fault: str) -> None:
    row = own.images().sort_by("file_name").to_pylist()[3]
    stored = Path(local_path(row["storage_uri"]))
    data = stored.read_bytes()
    hurt(stored, "removed" if fault == "gone" else "changed")
    with pytest.raises(OSError, match=rf"Image {row['source_uri']} of partition 2026-11-05 cannot be exported") as raised:
        export(own, tmp_path / "export", options)
    assert fault == "gone" or "has changed since it was ingested" in str(raised.value)
    with pytest.raises(DatasetNotFoundError, match="not finished: run it again"):
        check_export(tmp_path / "export")
    assert not list((tmp_path / "export" / "_export").glob(".*")), "no staging folder is left"
    stored.unlink(missing_ok=True)
    stored.write_bytes(data)
    export(own, tmp_path / "export", options)
    assert check_export(tmp_path / "export").is_whole


def test_links_are_the_datasets_own_files(unchanged: Dataset, tmp_path: Path) -> None:
    export(unchanged, tmp_path / "linked", LINKED)
    export(unchanged, tmp_path / "copied", COCO)
    stored = {Path(local_path(uri)).stat().st_ino for uri in unchanged.images()["storage_uri"].to_pylist()}
    inodes = {path.stat().st_ino for path in (tmp_path / "linked" / "images").rglob("*.*")}
    assert len(inodes) == 10
    assert inodes <= stored
    assert {path.stat().st_ino for path in (tmp_path / "copied" / "images").rglob("*.*")}.isdisjoint(stored)
    assert files_of(tmp_path / "linked") == files_of(tmp_path / "copied")


def test_a_link_that_was_replaced_leaves_the_datasets_file_alone(unchanged: Dataset, tmp_path: Path) -> None:
    """A copy that somebody put in place of a link, and broke, is replaced by a link again."""
    export(unchanged, tmp_path, LINKED)
    path = sorted((tmp_path / "images").rglob("*.png"))[0]
    data, inode = path.read_bytes(), path.stat().st_ino
    path.unlink()
    path.write_bytes(b"x" * len(data))
    assert written_by(export(unchanged, tmp_path, LINKED)) == 1
    assert (path.read_bytes(), path.stat().st_ino) == (data, inode)


@pytest.fixture
def other_device(unchanged: Dataset) -> Iterator[Path]:
    if not SHARED_MEMORY.is_dir() or SHARED_MEMORY.stat().st_dev == Path(local_path(unchanged.root_uri)).stat().st_dev:
        pytest.skip("this machine has no second file system at /dev/shm")
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        yield Path(folder, "export")


def test_links_to_another_file_system_are_refused(unchanged: Dataset, other_device: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot link .* both must lie on one file system .* use images='copy'"):
        export(unchanged, other_device, LINKED)
    assert tree(other_device) == {}
    export(unchanged, other_device, COCO)
    assert check_export(other_device).is_whole


def test_referenced_originals_that_changed_are_not_linked(tmp_path: Path) -> None:
    dataset = make_release(tmp_path / "release", copy_images=False)
    export(dataset, tmp_path / "before", LINKED)
    original = tmp_path / "release" / "photos" / "03.png"
    data = original.read_bytes()
    original.unlink()
    original.write_bytes(data[:-1] + b"!")
    assert check_export(tmp_path / "before").is_whole, "a link is to the file that was there"
    with pytest.raises(OSError, match=r"photos/03\.png .* has changed since it was ingested"):
        export(dataset, tmp_path / "after", LINKED)


def test_a_target_that_is_a_file_is_refused(unchanged: Dataset, tmp_path: Path) -> None:
    (tmp_path / "export").write_text("something")
    with pytest.raises(ConfigurationError, match="is a file: an export needs a folder"):
        export(unchanged, tmp_path / "export", YOLO)
    with pytest.raises(OSError, match="export"):
        export(unchanged, tmp_path / "export" / "below", YOLO)


def test_a_target_that_may_not_be_written_to_is_an_error_that_names_it(
    unchanged: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: LocalTarget, folder: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", folder)

    monkeypatch.setattr(LocalTarget, "_make", refuse)  # who runs tests as root may write anywhere
    with pytest.raises(PermissionError, match=f"Permission denied: '{tmp_path}/export"):
        export(unchanged, tmp_path / "export", YOLO)


@pytest.mark.parametrize("options", [YOLO, options_of("yolo", resize=Resize(24))])
@pytest.mark.parametrize("nth", [1, 4, 15])
def test_a_disk_that_is_full_ends_the_run_and_the_next_goes_on(
    unchanged: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: ExportOptions, nth: int
) -> None:
    calls, write = iter(range(1, 1_000_000)), local_target._write

    def until_full(path: str, data: bytes) -> None:
        if next(calls) >= nth:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", path)
        write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(local_target, "_write", until_full)
        with pytest.raises(OSError, match=r"No space left on device: '.*/export/_export/"):
            export(unchanged, tmp_path / "export", options)
    left = files_of(tmp_path / "export")
    assert not list(tmp_path.glob("export/_export/.*"))
    with pytest.raises(DatasetNotFoundError):
        check_export(tmp_path / "export")
    again = export(unchanged, tmp_path / "export", options)
    assert written_by(again) == len(files_of(tmp_path / "export")) - len(left)
    assert check_export(tmp_path / "export").is_whole


def test_a_list_of_files_that_was_cut_off_is_written_anew(unchanged: Dataset, tmp_path: Path) -> None:
    target = tmp_path / "out"
    options = options_of("coco")
    export(unchanged, target, options)
    before = tree(target)
    part = next((target / "_export/parts").glob("train-*.jsonl"))
    part.write_bytes(part.read_bytes()[:-20] + b"\0" * 20)
    export(unchanged, target, options)
    assert tree(target) == before


def test_a_manifest_that_is_none_is_said_to_be_none(unchanged: Dataset, tmp_path: Path) -> None:
    target = tmp_path / "out"
    export(unchanged, target, options_of("coco"))
    (target / "_export/manifest.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="was not written by an export"):
        check_export(target)


def test_what_symbolic_links_of_a_source_point_to_is_linked(tmp_path: Path) -> None:
    dataset = make_release(tmp_path / "own", copy_images=False)
    photos = tmp_path / "own" / "photos"
    photos.rename(tmp_path / "elsewhere")
    photos.mkdir()
    for photo in (tmp_path / "elsewhere").iterdir():
        (photos / photo.name).symlink_to(f"../../elsewhere/{photo.name}")
    export(dataset, tmp_path / "out", options_of("coco", images="link"))
    linked = [path for path in (tmp_path / "out/images").rglob("*") if path.is_file()]
    assert linked
    assert not any(path.is_symlink() for path in linked)
