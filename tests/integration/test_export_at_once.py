"""Exports to one folder at the same time: the same one twice ends whole, and no manifest stands over files that have gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from exporting import NAME, export, files_of, make_release, options_of, tree, written_by
from processes import PATIENCE_SECONDS, forkserver

from airflow_cv_dataops.core.dataset import Dataset, open_dataset
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.export import export as module
from airflow_cv_dataops.core.export.manifest import check_export
from airflow_cv_dataops.core.export.options import ExportOptions

pytestmark = pytest.mark.integration

YOLO, COCO = options_of("yolo"), options_of("coco")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    make_release(folder)
    return folder / "home"


@pytest.fixture
def dataset(home: Path) -> Dataset:
    return open_dataset(NAME, home=str(home))


def once_before(monkeypatch: pytest.MonkeyPatch, name: str, work: Callable[[], Any]) -> None:
    """Let work be done before the first call of a function that an export calls."""
    function = getattr(module, name)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(module, name, function)
        work()
        return function(*args, **kwargs)

    monkeypatch.setattr(module, name, wrapped)


@pytest.mark.parametrize("moment", ["survey_release", "begin"])
@pytest.mark.parametrize("earlier", [None, COCO], ids=["empty", "another export there"])
def test_a_run_that_finds_what_another_has_just_done_keeps_it(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, earlier: ExportOptions | None
) -> None:
    target = tmp_path / "export"
    if earlier:
        export(dataset, target, earlier)
    once_before(monkeypatch, moment, lambda: export(dataset, target, YOLO, replace=True))
    assert written_by(export(dataset, target, YOLO, replace=True)) == 0
    export(dataset, tmp_path / "alone", YOLO)
    assert tree(target) == tree(tmp_path / "alone")


def test_two_different_exports_do_not_mix(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once_before(monkeypatch, "begin", lambda: export(dataset, tmp_path / "export", COCO))
    with pytest.raises(ConfigurationError, match="another format"):
        export(dataset, tmp_path / "export", YOLO)
    export(dataset, tmp_path / "alone", COCO)
    assert tree(tmp_path / "export") == tree(tmp_path / "alone")


def test_a_run_whose_folder_was_given_to_another_export_writes_no_manifest(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "export"
    once_before(monkeypatch, "json_bytes", lambda: export(dataset, target, COCO, replace=True))
    with pytest.raises(ConfigurationError, match=r"Another export has begun at .* meanwhile"):
        export(dataset, target, YOLO)
    assert check_export(target).manifest["format"] == "coco"
    assert check_export(target).is_whole


def test_no_manifest_is_written_over_files_that_have_gone_meanwhile(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, paths = tmp_path / "export", module.UnexpectedFiles.among

    def remove_one(self: module.UnexpectedFiles, found: Any) -> list[str]:
        next((target / "images").rglob("*.png")).unlink()
        return paths(self, found)

    with monkeypatch.context() as patch:
        patch.setattr(module.UnexpectedFiles, "among", remove_one)
        with pytest.raises(OSError, match=r"1 files of the export are gone from .*: somebody has removed them meanwhile"):
            export(dataset, target, YOLO)
    with pytest.raises(DatasetNotFoundError):
        check_export(target)
    assert written_by(export(dataset, target, YOLO)) == 1


@pytest.mark.races
@pytest.mark.parametrize("options", [YOLO, COCO, options_of("webdataset"), options_of("coco", images="link")])
@pytest.mark.parametrize("processes", [2, 5])
def test_processes_that_export_the_same_side_by_side_all_end_whole(
    home: Path, dataset: Dataset, tmp_path: Path, options: ExportOptions, processes: int
) -> None:
    context = forkserver()
    barrier, results = context.Barrier(processes), context.Queue()
    children = [
        context.Process(target=export_with_others, args=(str(home), str(tmp_path / "export"), options, barrier, results))
        for _ in range(processes)
    ]
    for child in children:
        child.start()
    found = [results.get(timeout=PATIENCE_SECONDS) for _ in children]
    for child in children:
        child.join(PATIENCE_SECONDS)
    assert all(isinstance(one, int) for one in found), found
    export(dataset, tmp_path / "alone", options)
    assert tree(tmp_path / "export") == tree(tmp_path / "alone")
    assert sum(found) >= len(files_of(tmp_path / "alone"))


@pytest.mark.races
@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_replace_another_export_side_by_side_end_whole_or_say_that_they_did_not(
    home: Path, dataset: Dataset, tmp_path: Path, attempt: int
) -> None:
    target = tmp_path / "export"
    export(dataset, target, COCO)
    context = forkserver()
    barrier, results = context.Barrier(3), context.Queue()
    children = [
        context.Process(target=export_with_others, args=(str(home), str(target), YOLO, barrier, results), kwargs={"replace": True})
        for _ in range(3)
    ]
    for child in children:
        child.start()
    found = [results.get(timeout=PATIENCE_SECONDS) for _ in children]
    for child in children:
        child.join(PATIENCE_SECONDS)
    assert any(isinstance(one, int) for one in found), found
    export(dataset, target, YOLO)
    export(dataset, tmp_path / "alone", YOLO)
    assert tree(target) == tree(tmp_path / "alone")


def export_with_others(home: str, target: str, options: ExportOptions, barrier: Any, results: Any, **more: Any) -> None:
    dataset = open_dataset(NAME, home=home)
    barrier.wait(PATIENCE_SECONDS)
    try:
        results.put(written_by(export(dataset, target, options, **more)))
    except Exception as error:
        results.put(repr(error))
