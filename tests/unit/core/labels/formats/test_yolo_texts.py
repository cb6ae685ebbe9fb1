"""Texts of a YOLO source whose names are usual for lists, beside images that are called so."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import Labels

LINE = "0 0.5 0.5 0.1 0.1"


def read(folder: Path, files: dict[str, str]) -> Labels:
    for name, text in {"a.txt": LINE, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return read_labels(str(folder), format="yolo", classes=["sign"])


@pytest.mark.parametrize(("label", "image"), [("val.txt", "val.jpg"), ("labels/val.txt", "images/val.png"), ("b/info.txt", "b/info.JPG")])
def test_a_text_beside_an_image_of_its_name_is_that_images_label_file(tmp_path, label, image):
    rows = read(tmp_path, {label: "", image: ""}).rows.to_pylist()
    assert sorted((row["file_name"], row["task"]) for row in rows) == sorted([("a", "detection"), (label[:-4], "background")])


def test_a_damaged_label_file_beside_an_image_of_its_name_is_told(tmp_path):
    labels = read(tmp_path, {"val.txt": "0 0.5 0.5 0.1", "val.jpg": ""})
    assert [problem.check for problem in labels.problems] == ["malformed_record"]


@pytest.mark.parametrize(
    "files", [{"val.txt": "images/a.jpg\n", "val.jpg": ""}, {"val.txt": "", "vals.jpg": ""}, {"classes.txt": "", "classes.jpg": ""}]
)
def test_a_list_stays_a_list(tmp_path, files):
    labels = read(tmp_path, files)
    assert (labels.files, labels.problems) == (1, ())
