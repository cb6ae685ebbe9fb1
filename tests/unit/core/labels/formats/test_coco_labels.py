"""COCO annotation files, well-formed and hostile."""

from __future__ import annotations

import json
import math

import pytest

IMAGES = [{"id": 1, "file_name": "a.jpg", "width": 640, "height": 480}]
CATEGORIES = [{"id": 7, "name": "cat"}]


def coco(*annotations, images=IMAGES, categories=CATEGORIES) -> str:
    return json.dumps({"images": images, "categories": categories, "annotations": list(annotations)})


def checks(labels) -> list[str]:
    return [problem.check for problem in labels.problems]


def test_a_box_is_read_with_its_image_and_category(read_file):
    labels = read_file(
        coco({"id": 5, "image_id": 1, "category_id": 7, "bbox": [1, 2.5, 3, 4], "area": 12, "iscrowd": 0}), "a.json", format="coco"
    )
    (row,) = labels.rows.to_pylist()
    assert row["bbox"] == {"x": 1.0, "y": 2.5, "width": 3.0, "height": 4.0}
    assert (row["file_name"], row["category"], row["task"], row["source_id"]) == ("a.jpg", "cat", "detection", "5")
    assert (row["area"], row["iscrowd"], row["stated_width"], row["stated_height"]) == (12.0, False, 640, 480)
    assert row["attributes"] is None
    assert not labels.problems


@pytest.mark.parametrize(
    ("fields", "task"),
    [
        ({"bbox": [0, 0, 1, 1], "segmentation": [[0, 0, 1, 0, 1, 1]], "keypoints": [1, 2, 2]}, "keypoints"),
        ({"bbox": [0, 0, 1, 1], "segmentation": [[0, 0, 1, 0, 1, 1]]}, "segmentation"),
        ({"segmentation": {"size": [2, 2], "counts": [0, 4]}}, "segmentation"),
        ({"segmentation": {"size": [2, 2], "counts": "04"}, "iscrowd": 1}, "segmentation"),
        ({"bbox": [0, 0, 1, 1], "segmentation": []}, "detection"),
        ({}, "classification"),
    ],
)
def test_the_task_follows_from_what_is_present(read_file, fields, task):
    labels = read_file(coco({"image_id": 1, "category_id": 7, **fields}), "a.json", format="coco")
    assert labels.rows.column("task").to_pylist() == [task]
    assert not labels.problems


def test_segmentation_numbers_are_kept_exactly(read_file):
    polygon = [[0.1, 1e-17, 123456789.123456789, 3, 4.000000000000001, 1.7976931348623157e308]]
    labels = read_file(coco({"image_id": 1, "category_id": 7, "segmentation": polygon}), "a.json", format="coco")
    assert json.loads(labels.rows.column("segmentation")[0].as_py()) == polygon


def test_an_annotation_of_an_unknown_image_is_kept_under_its_id(read_file):
    labels = read_file(coco({"image_id": 99, "category_id": 7}), "a.json", format="coco")
    assert labels.rows.column("file_name").to_pylist() == ["#99"]
    assert not labels.problems


def test_an_unknown_category_is_kept_as_attribute(read_file):
    labels = read_file(coco({"image_id": 1, "category_id": 8, "attributes": {"occluded": True}, "score": 0.5}), "a.json", format="coco")
    assert labels.rows.column("category").to_pylist() == [None]
    assert json.loads(labels.rows.column("attributes")[0].as_py()) == {"score": 0.5, "occluded": True, "category_id": 8}


def test_ids_of_different_types_are_one_id(read_file):
    labels = read_file(coco({"image_id": "1", "category_id": 7.0}), "a.json", format="coco")
    assert labels.rows.select(["file_name", "category"]).to_pylist() == [{"file_name": "a.jpg", "category": "cat"}]


def test_numbers_that_are_not_finite_stay_in_the_box(read_file):
    text = coco({"image_id": 1, "bbox": [1, 2, 3, 4]}).replace("[1, 2, 3, 4]", "[NaN, Infinity, -Infinity, 1" + "0" * 400 + "]")
    labels = read_file(text, "a.json", format="coco")
    box = labels.rows.column("bbox")[0].as_py()
    assert math.isnan(box["x"])
    assert (box["y"], box["width"], box["height"]) == (math.inf, -math.inf, math.inf)


@pytest.mark.parametrize("bbox", [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "4"], [1, 2, 3, None], {"x": 1}, "box", 5, [[1, 2, 3, 4]], True])
def test_a_box_of_another_shape_becomes_null_and_a_problem(read_file, bbox):
    labels = read_file(coco({"image_id": 1, "category_id": 7, "bbox": bbox}), "a.json", format="coco")
    assert labels.rows.column("bbox").to_pylist() == [None]
    assert labels.rows.column("task").to_pylist() == ["detection"]
    assert checks(labels) == ["malformed_record"]
    assert labels.problems[0].annotation_id == labels.rows.column("annotation_id")[0].as_py()


@pytest.mark.parametrize(
    "segmentation",
    [[1, 2, 3, 4], [["a"]], {"counts": [1]}, {"size": [1, 2], "counts": [1.5]}, {"size": 4, "counts": "x"}, "mask", [[math.nan, 1]]],
)
def test_a_segmentation_of_another_shape_becomes_null_and_a_problem(read_file, segmentation):
    labels = read_file(coco({"image_id": 1, "category_id": 7, "segmentation": segmentation}), "a.json", format="coco")
    assert labels.rows.column("segmentation").to_pylist() == [None]
    assert checks(labels) == ["malformed_record"]


@pytest.mark.parametrize("annotation", [None, 5, "x", [], [1, 2], {"segments_info": [], "image_id": 1}])
def test_an_annotation_that_is_no_object_is_counted_and_left_out(read_file, annotation):
    labels = read_file(coco(annotation, {"image_id": 1, "category_id": 7}), "a.json", format="coco")
    assert (labels.rows.num_rows, labels.records, checks(labels)) == (1, 2, ["malformed_record"])


@pytest.mark.parametrize("odd", [None, True, 1.5, [], {}, "", "\ud800", -1, 10**300, float("inf")])
@pytest.mark.parametrize("field", ["id", "image_id", "category_id", "area", "iscrowd", "keypoints", "attributes", "annotator", "extra"])
def test_odd_values_anywhere_never_raise_and_never_lose_the_label(read_file, field, odd):
    labels = read_file(coco({"image_id": 1, "category_id": 7, field: odd}), "a.json", format="coco")
    assert labels.rows.num_rows == 1
    labels.rows.validate(full=True)


@pytest.mark.parametrize("part", ["images", "categories"])
@pytest.mark.parametrize(
    "odd", [None, 5, "x", {}, [None], [5], [{}], [{"id": []}], [{"id": 1}], [{"id": 1, "file_name": 5, "name": 5, "width": "w"}]]
)
def test_odd_images_and_categories_never_raise(read_file, part, odd):
    labels = read_file(coco({"image_id": 1, "category_id": 7}, **{part: odd}), "a.json", format="coco")
    assert labels.rows.num_rows == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe\xfa",
        b"[" * 200_000,
        b'{"annotations": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[]",
        b"5",
        b"null",
        b'{"a": 1}',
        b'{"annotations": {"a": 1}, "images": []}',
        b'{"annotations": [',
    ],
)
def test_a_file_that_is_no_coco_is_a_problem_of_that_file(read_file, data):
    labels = read_file(data, "a.json", format="coco")
    assert (labels.rows.num_rows, checks(labels)) == (0, ["unparsable_label"])


def test_a_number_of_thousands_of_digits_does_not_lose_the_file(read_file):
    text = coco({"image_id": 1, "category_id": 7, "area": 5}).replace('"area": 5', '"area": ' + "9" * 5000)
    labels = read_file(text, "a.json", format="coco")
    assert labels.rows.column("area").to_pylist() == [math.inf]


def test_a_deeply_nested_attribute_does_not_lose_the_label(read_file):
    text = coco({"image_id": 1, "category_id": 7, "deep": 5}).replace('"deep": 5', '"deep": ' + "[" * 900 + "]" * 900)
    labels = read_file(text, "a.json", format="coco")
    assert labels.rows.num_rows + len(labels.problems) == 1


def test_an_image_id_that_stands_for_two_files_settles_neither(read_file):
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]
    labels = read_file(coco({"image_id": 1, "category_id": 7}, images=images), "a.json", format="coco")
    assert labels.rows.column("file_name").to_pylist() == ["#1"]
    assert checks(labels) == ["malformed_record"]


def test_a_repeated_annotation_id_is_kept_for_the_audit_to_find(read_file):
    labels = read_file(coco({"id": 3, "image_id": 1}, {"id": 3, "image_id": 1}), "a.json", format="coco")
    assert labels.rows.num_rows == 2
    assert len(set(labels.rows.column("annotation_id").to_pylist())) == 2
    assert labels.rows.column("source_id").to_pylist() == ["3", "3"]
    assert checks(labels) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_any_unicode_encoding_is_read(read_file, encoding):
    labels = read_file(
        coco({"image_id": 1, "category_id": 7}, categories=[{"id": 7, "name": "Kätzchen 猫"}]).encode(encoding), "a.json", format="coco"
    )
    assert labels.rows.column("category").to_pylist() == ["Kätzchen 猫"]
