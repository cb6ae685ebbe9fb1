"""The contract of exporters: the one in CONTRIBUTING works as it stands, and every format says what it carries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from project import PROJECT_ROOT
from unit.core.release.release_rows import source, write_annotations, write_backgrounds, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export import exporters
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.exporter import PARTS, Exporter
from airflow_cv_dataops.core.export.exporters import EXPORTERS, exporter_of
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.release.promote import promote_dataset

PAGE = PROJECT_ROOT / "docs/operators/dataset_export.md"


def contributed() -> type[Exporter]:
    """Return the exporter that CONTRIBUTING shows."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (PROJECT_ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if "(Exporter)" in block]
    names: dict[str, object] = {}
    exec(code, names)
    found = names["JsonLinesExporter"]
    assert isinstance(found, type)
    assert issubclass(found, Exporter)
    return found


def test_the_exporter_of_contributing_writes_a_release(
    make_dataset: Callable[..., Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    names = ["a", "b", "c"]
    write_images(dataset, "2026-11-05", names)
    write_annotations(dataset, "2026-11-05", [("a", "cat"), ("a", "dog"), ("b", "cat")])
    promote_dataset(dataset, splits={"train": 1.0})
    monkeypatch.setattr(exporters, "EXPORTERS", {**EXPORTERS, "jsonl": contributed()})
    options = ExportOptions(format="jsonl", images="copy")
    monkeypatch.setattr("airflow_cv_dataops.core.store.image_files.ImageFiles.read_ingested", lambda self, uri, image_id: b"pixels")
    result = export_release(dataset, target=tmp_path / "out", options=options)
    assert result.failure is None
    lines = [json.loads(line) for line in (tmp_path / "out/labels.jsonl").read_text().splitlines()]
    assert sorted((line["image"], len(line["objects"])) for line in lines) == [("images/train/a.png", 2), ("images/train/b.png", 1)]
    assert {tuple(thing["bbox"]) for line in lines for thing in line["objects"]} == {(1.0, 2.0, 3.0, 4.0)}
    assert result.summary.counts["images_left_out"] == {"unlabelled": 1}
    assert source("2026-11-05", "a") in (tmp_path / "out/_export/parts/train-00000.jsonl").read_text()


@pytest.mark.parametrize("name", EXPORTERS)
def test_a_format_says_what_it_needs_and_carries_in_known_words_and_is_on_the_page(name: str) -> None:
    exporter = EXPORTERS[name]
    assert exporter.carries <= set(PARTS)
    assert exporter.needs <= {"category", "box", "area"}
    assert f"| `{name}` |" in PAGE.read_text()


def test_formats_that_cannot_be_are_refused_with_those_that_can() -> None:
    with pytest.raises(ConfigurationError, match="expected one of coco, yolo, yolo_seg, voc"):
        exporter_of(ExportOptions(format="tfrecord"))
    with pytest.raises(ConfigurationError, match="coco, csv, parquet can"):
        exporter_of(ExportOptions(format="yolo", images="reference"))
    with pytest.raises(ConfigurationError, match="use images='copy'"):
        exporter_of(ExportOptions(format="webdataset", images="link"))


@pytest.fixture
def small(make_dataset: Callable[..., Dataset]) -> Dataset:
    """A release with one labelled image in a split ``train``."""
    dataset = make_dataset()
    write_images(dataset, "2026-11-05", ["a", "b"])
    write_annotations(dataset, "2026-11-05", [("a", "cat")])
    promote_dataset(dataset, splits={"train": 1.0})
    return dataset


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_sets": ("default", "round_2")}, r"no label of \['round_2'\]; it has default"),
        ({"splits": ("train", "dev")}, r"splits=\['dev'\] are not in the release; it has train"),
        ({"categories": ("Cat",)}, r"no label of the release has any of them; it has cat"),
        ({"format": "YOLO-seg"}, r"did you mean 'yolo_seg'\?"),
    ],
)
def test_what_the_release_has_not_is_refused_before_anything_is_written(
    small: Dataset, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        export_release(small, target=tmp_path / "out", options=ExportOptions(**options))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("target", "message"),
    [("out/{format}", r"has \{format\}, which nothing fills in"), ("out/{release}/None/x", "has a folder None: a template")],
)
def test_a_target_of_which_a_part_was_not_filled_in_is_refused(small: Dataset, tmp_path: Path, target: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        export_release(small, target=f"{tmp_path}/{target}")
    assert not (tmp_path / "out").exists()


def test_a_category_that_no_label_has_keeps_its_number_and_is_told(
    small: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_cv_dataops.core.store.image_files.ImageFiles.read_ingested", lambda self, uri, image_id: b"pixels")
    result = export_release(small, target=tmp_path / "out", options=ExportOptions(categories=("dog", "cat")))
    assert result.summary.details["absent_categories"] == ["dog"]
    assert "No label of the release has the categories dog" in caplog.text
    document = json.loads((tmp_path / "out/annotations/instances_train.json").read_text())
    assert [label["category_id"] for label in document["annotations"]] == [2]


def test_images_alone_are_no_export_unless_they_are_asked_for(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    dataset = make_dataset()
    write_images(dataset, "2026-11-05", ["a"])
    write_backgrounds(dataset, "2026-11-05", ["a"])
    promote_dataset(dataset, splits={"train": 1.0})
    result = export_release(dataset, target=tmp_path / "out", options=ExportOptions(images="reference"))
    assert result.failure is not None
    assert "There is no label to export of v1 as coco" in result.failure
    asked_for = ExportOptions(images="reference", without_labels="all")
    assert export_release(dataset, target=tmp_path / "out", options=asked_for).failure is None
