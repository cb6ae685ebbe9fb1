"""Which texts of a YOLO source are label files."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_cv_dataops.core.errors import EmptySourceError
from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import Labels

LINE = "0 0.5 0.5 0.1 0.1"


def written(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


def read(folder: Path, files: dict[str, str]) -> Labels:
    return read_labels(written(folder, {"a.txt": LINE, **files}), format="yolo", classes=["sign"])


def checks(labels: Labels) -> list[str]:
    return [problem.check for problem in labels.problems]


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


def test_what_lies_beside_the_labels_of_a_cvat_export_is_no_label(shared_data, caplog):
    caplog.set_level("INFO")
    labels = read_labels(str(shared_data("field_cases") / "yolo_cvat_layout" / "lab"), format="yolo")
    assert [(row["file_name"], row["task"], row["category"]) for row in labels.rows.to_pylist()] == [
        ("obj_train_data/f/a", "detection", "bus"),
        ("obj_train_data/f/b", "background", None),
    ]
    assert (labels.files, labels.problems) == (2, ())
    assert "4 text files are no label files" in caplog.text


@pytest.mark.parametrize(
    ("name", "text", "rows", "problems"),
    [
        # Beside labels a text without numbers is a damaged label file.
        ("labels/b.txt", "garbage", 1, ["malformed_record"]),
        ("labels/b.txt", "cat 0.5 0.5 0.1 0.1", 1, ["malformed_record"]),
        ("b.txt", "cat 0.5 0.5 0.1 0.1", 1, ["malformed_record"]),
        ("b.txt", "0 0.5 0.5", 1, ["malformed_record"]),
        # Elsewhere it is a note, which is told.
        ("about/team.txt", "labelled by team 3", 1, ["unsupported_label"]),
        # A name that is usual for other texts settles it, if no line is a label.
        ("labels/notes.txt", "labelled by team 3", 1, []),
        ("labels/Train.txt", "000001\n000002\n", 1, []),
        ("labels/test.txt", f"{LINE}\n", 2, []),
        ("labels/notes_0001.txt", f"{LINE}\n", 2, []),
        ("labels/list.txt", "images/a.jpg\nimages/b.jpg", 1, []),
        ("labels/requirements.txt", f"{LINE}\n", 1, []),
        ("labels/license.0001.txt", f"{LINE}\n", 2, []),  # of a licence plate
    ],
)
def test_texts_that_are_no_labels_are_told_from_damaged_ones(tmp_path, name, text, rows, problems):
    labels = read_labels(written(tmp_path, {"labels/classes.txt": "cat", "labels/a.txt": LINE, name: text}), format="yolo", classes=["cat"])
    assert (labels.rows.num_rows, checks(labels)) == (rows, problems)


def test_a_file_of_comments_alone_is_told_for_what_it_is(tmp_path):
    source = written(tmp_path, {"labels/a.txt": LINE, "labels/b.txt": "# nothing here\n# checked by ann\n"})
    labels = read_labels(source, format="yolo", classes=["cat"])
    assert (labels.rows.num_rows, checks(labels)) == (1, ["malformed_record"])
    assert labels.problems[0].message.startswith("The file holds comments (#) alone")


def test_a_folder_of_texts_without_any_label_is_no_clean_import(tmp_path):
    source = written(tmp_path, {"classes.txt": "cat", "b/a.txt": "a cat", "c/b.txt": "two cats"})
    labels = read_labels(source, format="yolo")
    assert (labels.rows.num_rows, checks(labels)) == (0, ["malformed_record"] * 2)
    (tmp_path / "b" / "a.txt").rename(tmp_path / "notes.txt")
    (tmp_path / "c" / "b.txt").unlink()
    with pytest.raises(EmptySourceError):
        read_labels(source, format="yolo")
