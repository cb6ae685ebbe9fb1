"""YOLO files, well-formed and hostile."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.yolo_classes import ClassFile, UnnamedClasses, parse_classes
from airflow_cv_dataops.core.labels.formats.yolo_reader import parse_yolo, to_pixels
from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import RecordBuilder


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
        "0 0,3 0,3 0,1 0,1",
        "0 0_5 0.5 0.1 0.1",
    ],
)
def test_a_line_of_another_shape_is_counted_and_left_out(read_file, line):
    labels = read_file(f"{line}\n\n0 0.5 0.5 0.1 0.1\n", "a.txt", format="yolo", classes=["cat"])
    assert (labels.rows.num_rows, labels.records, checks(labels)) == (1, 2, ["malformed_record"])


SEEN = "0.1 0.2 1 0.3 0.4 0 0.5 0.6 1 0.6 0.6 1"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("0 10 20 60 20 60 70", "10 is more than half an image beyond the border (pixels"),
        ("0 0.1 0.2 0.5 0.2 0.5 -0.6", "-0.6 is more than half an image"),
        ("0 0.5 0.5 0.2 0.2 0.9 17", "17 is more than half an image"),
        ("0 0.5 0.5 0.2 0.2 17", "the sixth number 17, which is no confidence"),
        ("0 0.5 0.5 0.2 0.2 -0.1", "the sixth number -0.1"),
        ("0 0.5 0.5 0.2 0.2 nan", "the sixth number nan"),
        (f"0 0.5 0.5 0.4 0.4 {SEEN}", "a box and 4 keypoints with visibility, and no class file has a kpt_shape"),
        ("0 0.5 0.5 0.4 0.4 0.4 0.4 2 0 0 0", "a box and 2 keypoints with visibility"),
        ("# 0 0.5 0.5 0.2 0.2", "a comment"),
    ],
)
def test_what_is_no_polygon_and_no_confidence_is_left_out_and_told(read_file, line, says):
    labels = read_file(f"0 0.5 0.5 0.1 0.1\n{line}\n", "a.txt", format="yolo", classes=["cat"])
    assert (labels.rows.num_rows, labels.records, checks(labels)) == (1, 2, ["malformed_record"])
    assert labels.problems[0].message.startswith("Line 2 ")
    assert says in labels.problems[0].message


@pytest.mark.parametrize(
    "line",
    ["0 -0.1 0 1.2 0 1.5 1 0 1", "0 0 0 0.5 0 1 0 1 1 0.5 1 0 1", "0 0.5 0.5 0.2 0.2 1.0000001", "0 0.2 0.3 0.3 0.5 0.1 0.6 0 0.4 0 0"],
)
def test_polygons_that_touch_or_cross_the_border_are_polygons(read_file, line):
    labels = read_file(line, "a.txt", format="yolo", classes=["cat"])
    assert (labels.rows.num_rows, labels.problems) == (1, ())


def test_numbers_that_are_not_finite_stay_in_the_box(read_file, joined_rows):
    labels = read_file("0 nan 0.5 0.1 0.1\n0 0.1 0.2 inf 0.2 0.5 0.8", "a.txt", format="yolo", classes=["cat"])
    boxed, outlined = joined_rows(labels, ["a.jpg"])
    assert math.isnan(boxed["bbox"]["x"])
    assert outlined["bbox"]["width"] == math.inf
    assert outlined["segmentation"] is None


def test_a_class_without_name_is_kept_as_attribute_and_is_a_problem(read_file):
    labels = read_file("3 0.5 0.5 0.1 0.1 0.875\n", "a.txt", format="yolo", classes={0: "cat"})
    assert labels.rows.column("category").to_pylist() == [None]
    assert json.loads(labels.rows.column("attributes")[0].as_py()) == {"class_index": 3, "score": 0.875}
    assert checks(labels) == ["malformed_record"]
    assert labels.problems[0].message.startswith("Class 3 has no name in `classes`: 1 labels were kept without category")


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


def test_class_names_outside_the_source_are_pointed_at(tmp_path):
    source = tree(tmp_path, {"data.yaml": "names: [cat]", "labels/a.txt": BOX})
    for place in (f"{source}/labels", f"{source}/labels/a.txt"):
        if place.endswith(".txt"):
            (tmp_path / "data.yaml").rename(tmp_path / "labels" / "data.yaml")
        with pytest.raises(ConfigurationError, match=r"There is file://.*/data\.yaml, outside the source"):
            read_labels(place, format="yolo")


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system [true]",
        "names: 5",
        "[1",
        "names: {a: b}",
        "- a",
        "names: []",
        "names: [[a]]",
        "names: [a]\nkpt_shape: [4]",
    ],
)
def test_a_class_file_without_names_is_a_configuration_error(text):
    with pytest.raises(ConfigurationError):
        parse_classes(text.encode(), "data.yaml")


@pytest.mark.parametrize(
    ("label", "image"),
    [
        ("labels/train/a.txt", "images/train/a.jpg"),
        ("train/labels/a.txt", "train/images/a.jpg"),
        ("train_labels/a.txt", "train_images/a.jpg"),
        ("x/Labels-train/a.txt", "x/images-train/a.jpg"),
        ("x/train label/1/a.txt", "x/train images/1/a.jpg"),
    ],
)
def test_images_of_one_name_are_told_apart_by_the_layouts_folders(tmp_path, joined_rows, label, image):
    (tmp_path / label).parent.mkdir(parents=True)
    (tmp_path / label).write_text("0 0.5 0.5 0.1 0.1")
    labels = read_labels(str(tmp_path), format="yolo", classes=["cat"])
    (row,) = joined_rows(labels, [image, image.replace("train", "val")])
    assert row["source_uri"] == f"file:///source/{image}"


def tree(folder, files: dict[str, str]):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder)


BOX = "0 0.5 0.5 0.2 0.2"


def categories(labels) -> dict[str, str | None]:
    return {row["file_name"]: row["category"] for row in labels.rows.to_pylist()}


def test_the_class_file_nearest_above_a_label_counts(shared_data):
    labels = read_labels(str(shared_data("field_cases") / "yolo_two_class_files" / "labels"), format="yolo")
    assert categories(labels) == {"setA/a": "alfa", "setB/b": "beta"}
    assert not labels.problems


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"data.yaml": "names: [top]", "train/labels/a.txt": BOX}, "top"),
        ({"data.yaml": "names: [top]", "train/classes.txt": "near", "train/labels/a.txt": BOX}, "near"),
        ({"meta/data.yaml": "names: [aside]", "labels/a.txt": BOX}, "aside"),
        ({"x/data.yaml": "names: [same]", "y/classes.txt": "same", "labels/a.txt": BOX}, "same"),
        ({"config.yaml": "names: {0: any}", "labels/a.txt": BOX}, "any"),
        ({"config.yaml": "names: {0: any}", "mlflow.yml": "run: 5", "broken.yaml": "[", "labels/a.txt": BOX}, "any"),
        ({"data.yaml": "path: x", "classes.txt": "text", "labels/a.txt": BOX}, "text"),
        ({"classes.txt": "one", "obj.names": "one\n", "a.txt": BOX}, "one"),
        ({"classes.txt": "one", ".ipynb_checkpoints/classes.txt": "two", "labels/a.txt": BOX}, "one"),
    ],
)
def test_class_files_are_found_wherever_tools_put_them(tmp_path, files, expected):
    assert list(categories(read_labels(tree(tmp_path, files), format="yolo")).values()) == [expected]


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"classes.txt": "one", "obj.names": "two", "labels/a.txt": BOX}, ("classes.txt", "obj.names")),
        ({"x/classes.txt": "one", "y/classes.txt": "two", "labels/a.txt": BOX}, ("x/classes.txt", "y/classes.txt")),
        ({"data.yaml": "names: [a]", "config.yml": "names: [b]", "labels/a.txt": BOX}, ("config.yml", "data.yaml")),
        ({"x/d.yaml": "names: [a]\nkpt_shape: [1, 2]", "y/d.yaml": "names: [a]", "labels/a.txt": BOX}, ("x/d.yaml", "y/d.yaml")),
    ],
)
def test_class_files_that_disagree_are_a_configuration_error_that_names_both(tmp_path, files, named):
    with pytest.raises(ConfigurationError, match="disagree") as refused:
        read_labels(tree(tmp_path, files), format="yolo")
    assert all(name in str(refused.value) for name in named)
    labels = read_labels(str(tmp_path), format="yolo", classes="cat,dog") if "kpt_shape" not in str(files) else None
    assert labels is None or list(categories(labels).values()) == ["cat"]


def test_names_in_yaml_are_the_texts_as_they_are_written():
    text = "names: [yes, no, on, 1, 1.0, 007, null, 2024-01-01, ~, '']"
    found = parse_classes(text.encode(), "data.yaml").names
    assert list(found.values()) == ["yes", "no", "on", "1", "1.0", "007", "null", "2024-01-01", "~", ""]
    assert parse_classes(b"names: {1: no, 0: yes}", "data.yaml").names == {0: "yes", 1: "no"}


def test_a_class_file_of_aliases_within_aliases_is_refused_without_being_spelt_out():
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(ConfigurationError, match="something else"):
        parse_classes("\n".join([*lines, "names: *a11"]).encode(), "data.yaml")


def test_another_number_of_classes_than_nc_says_is_told_in_the_log(caplog):
    parse_classes(b"names: [a]\nnc: 2", "data.yaml")
    assert "says nc: 2, and names 1 classes" in caplog.text


def test_keypoints_become_pixels_as_triplets(shared_data, joined_rows):
    folder = str(shared_data("field_cases") / "yolo_pose")
    labels = read_labels(folder, format="yolo")
    (row,) = joined_rows(labels, ["a.jpg", "d.jpg"], width=100, height=80)
    assert (row["file_name"], row["task"], row["category"], row["segmentation"]) == ("labels/a", "keypoints", "person", None)
    assert row["bbox"] == pytest.approx({"x": 30, "y": 24, "width": 40, "height": 32})
    assert row["keypoints"] == pytest.approx([30, 24, 2, 70, 24, 2, 70, 56, 2, 30, 56, 2])
    (problem,) = labels.problems
    assert (problem.check, problem.source.rpartition("/")[2]) == ("malformed_record", "d.txt")
    assert "kpt_shape [4, 2]" in problem.message


POSE = "names: [person]\nkpt_shape: [2, {}]"


@pytest.mark.parametrize(
    ("values", "line", "keypoints"),
    [
        (3, f"{BOX} 0.1 0.2 1 0.3 0.4 0", [10, 16, 1, 30, 32, 0]),
        (2, f"{BOX} 0 0 0.3 0.4", [0, 0, 0, 30, 32, 2]),
        (2, f"{BOX} -0.1 0.5 0 0.4", [-10, 40, 0, 0, 32, 2]),
    ],
)
def test_visibility_is_as_stated_or_as_ultralytics_takes_it(tmp_path, joined_rows, values, line, keypoints):
    source = tree(tmp_path, {"data.yaml": POSE.format(values), "labels/classes.txt": "person", "labels/a.txt": line})
    (row,) = joined_rows(read_labels(source, format="yolo"), ["a.jpg"], width=100, height=80)
    assert row["keypoints"] == pytest.approx(keypoints)


def test_names_that_are_given_leave_the_shape_of_keypoints_to_the_source(tmp_path, joined_rows):
    source = tree(tmp_path, {"data.yaml": POSE.format(2), "labels/a.txt": f"{BOX} 0.1 0.2 0.3 0.4\n{BOX}\n"})
    labels = read_labels(source, format="yolo", classes=["rider"])
    (row,) = joined_rows(labels, ["b.jpg"])
    assert (row["category"], row["task"], row["bbox"], row["keypoints"]) == ("rider", "keypoints", None, None)
    assert json.loads(row["attributes"]) == {"normalised": [0.5, 0.5, 0.2, 0.2], "normalised_keypoints": [0.1, 0.2, 2, 0.3, 0.4, 2]}
    assert checks(labels) == ["malformed_record"]


@pytest.mark.parametrize("shape", ["[4]", "[4, 5]", "[0, 2]", "[a, 2]", "17", "{a: 1}", "[-1, 2]"])
def test_a_shape_of_keypoints_that_is_none_is_a_configuration_error(tmp_path, shape):
    with pytest.raises(ConfigurationError, match="kpt_shape"):
        read_labels(tree(tmp_path, {"data.yaml": f"names: [a]\nkpt_shape: {shape}", "a.txt": BOX}), format="yolo")


def test_an_empty_file_says_that_nothing_is_there(shared_data, joined_rows):
    folder = str(shared_data("field_cases") / "sampling_background" / "labels")
    labels = read_labels(folder, format="yolo")
    first, second = joined_rows(labels, ["a.jpg", "bg.jpg", "new.jpg"])
    assert (first["file_name"], first["task"], first["source_uri"]) == ("a", "detection", "file:///source/a.jpg")
    assert (second["file_name"], second["task"], second["source_uri"]) == ("bg", "background", "file:///source/bg.jpg")
    assert {second[name] for name in ("category", "bbox", "segmentation", "keypoints", "attributes")} == {None}
    assert (labels.records, labels.problems) == (2, ())
    unjoined = joined_rows(labels, ["new.jpg"])
    assert (unjoined[1]["task"], unjoined[1]["attributes"]) == ("background", None)


@pytest.mark.parametrize(
    ("text", "tasks"), [("", ["background"]), (" \n\t\r\n", ["background"]), ("0 0.5\n", []), ("0 0,3 0,3 0,1 0,1", [])]
)
def test_only_a_file_without_any_line_says_that_nothing_is_there(read_file, text, tasks):
    labels = read_file(text, "a.txt", format="yolo", classes=["cat"])
    assert labels.rows.column("task").to_pylist() == tasks
    assert (checks(labels) == ["malformed_record"]) is not bool(tasks)


def test_lines_as_people_have_them(shared_data, joined_rows):
    labels = read_labels(str(shared_data("field_cases") / "yolo_lines" / "labels"), format="yolo")
    rows = joined_rows(labels, ["a.jpg", "b.jpg", "empty.jpg", "none.jpg"], width=100, height=80)
    of = {name: [row for row in rows if row["file_name"] == name] for name in ("a", "b", "empty")}
    assert [row["category"] for row in of["a"]] == ["cat", None, "cat", "cat", "cat", "cat", "cat", "dog", "cat"]
    assert json.loads(of["a"][1]["attributes"]) == {"class_index": 1}
    assert (of["b"][0]["category"], [row["task"] for row in of["empty"]]) == (None, ["background"])
    assert of["b"][0]["bbox"] == pytest.approx({"x": 40, "y": 32, "width": 20, "height": 16})
    decimal_comma, unnamed = labels.problems
    assert (decimal_comma.check, "0,3" in decimal_comma.message) == ("malformed_record", True)
    assert unnamed.message.startswith("Class 1 has no name in classes.txt: 2 labels were kept without category, the first on line 3 of ")


def test_a_class_beyond_the_list_is_one_problem_however_many_labels_have_it(tmp_path):
    files = {f"{n}.txt": "0 0.5 0.5 0.1 0.1\n7 0.5 0.5 0.1 0.1\n" * 3 for n in range(50)}
    labels = read_labels(tree(tmp_path, {"classes.txt": "cat", **files}), format="yolo")
    (problem,) = labels.problems
    assert problem.message.startswith("Class 7 has no name in classes.txt: 150 labels were kept without category, the first on line 2 of ")
    assert problem.source.endswith("/0.txt")
    many = "".join(f"{n} 0.5 0.5 0.1 0.1\n" for n in range(300))
    labels = read_labels(tree(tmp_path / "many", {"classes.txt": "cat", "a.txt": many}), format="yolo")
    assert (len(labels.problems), labels.problems[-1].message[:16]) == (101, "199 more classes")


@settings(max_examples=examples(200), deadline=None)
@given(
    st.binary(max_size=60) | st.text("0123456789.,-e \n\tnaif_", max_size=120).map(str.encode),
    st.none() | st.sampled_from([(1, 2), (2, 3)]),
)
def test_whatever_the_bytes_each_line_is_a_row_or_a_problem(data, keypoints):
    records = RecordBuilder("default", "yolo")
    records.start_file("a.txt", "file:///a.txt", len(data))
    parse_yolo(data, "a.txt", ClassFile({0: "cat"}, keypoints), records, UnnamedClasses())
    labels = records.finish()
    labels.rows.validate(full=True)
    assert labels.rows.num_rows + len(labels.problems) >= 1
    assert labels.records == labels.rows.num_rows + checks(labels).count("malformed_record")
    sizes = np.full(labels.rows.num_rows, 10.0)
    for width in (sizes, sizes * np.nan):
        to_pixels(labels.rows, width, width).validate(full=True)
