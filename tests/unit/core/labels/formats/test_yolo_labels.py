"""YOLO files, well-formed and hostile."""

from __future__ import annotations

import json
import math

import pytest

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.yolo_reader import parse_classes
from airflow_cv_dataops.core.labels.reading import read_labels


def checks(labels) -> list[str]:
    return [problem.check for problem in labels.problems]


def test_a_box_becomes_pixels_of_its_image(read_file, joined_rows):
    labels = read_file("1 0.5 0.5 0.25 0.1\n", "a.txt", format="yolo", classes=["cat", "dog"])
    (row,) = joined_rows(labels, ["a.jpg"], width=200, height=100)
    assert row["bbox"] == pytest.approx({"x": 75.0, "y": 45.0, "width": 50.0, "height": 10.0})
    assert (row["category"], row["task"], row["image_id"]) == ("dog", "detection", "0" * 64)


def test_a_polygon_becomes_pixels_and_its_enclosing_box(read_file, joined_rows):
    labels = read_file("0 0.1 0.2 0.5 0.2 0.5 0.8\n", "a.txt", format="yolo", classes=["cat"])
    (row,) = joined_rows(labels, ["a.jpg"], width=100, height=10)
    assert json.loads(row["segmentation"]) == [pytest.approx([10, 2, 50, 2, 50, 8])]
    assert row["bbox"] == pytest.approx({"x": 10.0, "y": 2.0, "width": 40.0, "height": 6.0})
    assert row["task"] == "segmentation"


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.25 0.1", "0 0.1 0.2 0.5 0.2 0.5 0.8"])
def test_without_an_image_the_normalised_numbers_are_kept(read_file, joined_rows, line):
    labels = read_file(line, "a.txt", format="yolo", classes=["cat"])
    (row,) = joined_rows(labels, ["b.jpg"])
    assert (row["image_id"], row["bbox"], row["segmentation"]) == (None, None, None)
    assert json.loads(row["attributes"])["normalised"] == [float(token) for token in line.split()[1:]]


@pytest.mark.parametrize(
    "line",
    [
        "cat 0.5 0.5 0.1 0.1",
        "0 0.5",
        "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7",
        "-1 0 0 1 1",
        "0.5 0 0 1 1",
        "nan 0 0 1 1",
        "0,1,2,3,4",
        "1e400 0 0 1 1",
    ],
)
def test_a_line_of_another_shape_is_counted_and_left_out(read_file, line):
    labels = read_file(f"{line}\n\n0 0.5 0.5 0.1 0.1\n", "a.txt", format="yolo", classes=["cat"])
    assert (labels.rows.num_rows, labels.records, checks(labels)) == (1, 2, ["malformed_record"])


def test_numbers_that_are_not_finite_stay_in_the_box(read_file, joined_rows):
    labels = read_file("0 nan 0.5 0.1 0.1\n0 0.1 0.2 inf 0.2 0.5 0.8", "a.txt", format="yolo", classes=["cat"])
    boxed, outlined = joined_rows(labels, ["a.jpg"])
    assert math.isnan(boxed["bbox"]["x"])
    assert outlined["bbox"]["width"] == math.inf
    assert outlined["segmentation"] is None


def test_a_class_without_name_is_kept_as_attribute(read_file):
    labels = read_file("3 0.5 0.5 0.1 0.1 0.875\n", "a.txt", format="yolo", classes={0: "cat"})
    assert labels.rows.column("category").to_pylist() == [None]
    assert json.loads(labels.rows.column("attributes")[0].as_py()) == {"class_index": 3, "score": 0.875}


def test_a_file_that_is_no_text_is_a_problem_of_that_file(read_file):
    assert checks(read_file(b"\xff\xd8\xff\xe0 jpeg", "a.txt", format="yolo", classes=["cat"])) == ["unparsable_label"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "cat\ndog\n"),
        ("obj.names", "cat\r\ndog"),
        ("data.yaml", "names: [cat, dog]\nnc: 2"),
        ("data.yaml", "names:\n  0: cat\n  1: dog\n"),
    ],
)
def test_class_names_are_found_in_the_source(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.jpg\n")
    labels = read_labels(str(tmp_path), format="yolo")
    assert (labels.files, labels.rows.column("category").to_pylist()) == (1, ["dog"])


def test_class_names_are_read_from_a_uri(tmp_path, read_file):
    (tmp_path / "names.yaml").write_text("names: {0: cat}")
    labels = read_file("0 0.5 0.5 0.1 0.1", "a.txt", format="yolo", classes=str(tmp_path / "names.yaml"))
    assert labels.rows.column("category").to_pylist() == ["cat"]


def test_labels_without_class_names_anywhere_are_a_configuration_error(tmp_path):
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(ConfigurationError, match="class names"):
        read_labels(str(tmp_path), format="yolo")


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [true]", "names: 5", "[1", "names: {a: b}", "- a", "names: []"])
def test_a_class_file_without_names_is_a_configuration_error(text):
    with pytest.raises(ConfigurationError):
        parse_classes(text.encode(), "data.yaml")


@pytest.mark.parametrize(("label", "image"), [("labels/train/a.txt", "images/train/a.jpg"), ("train/labels/a.txt", "train/images/a.jpg")])
def test_images_of_one_name_are_told_apart_by_the_layouts_folders(tmp_path, joined_rows, label, image):
    (tmp_path / label).parent.mkdir(parents=True)
    (tmp_path / label).write_text("0 0.5 0.5 0.1 0.1")
    labels = read_labels(str(tmp_path), format="yolo", classes=["cat"])
    (row,) = joined_rows(labels, [image, image.replace("train", "val")])
    assert row["source_uri"] == f"file:///source/{image}"
