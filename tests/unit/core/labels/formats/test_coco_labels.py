"""COCO annotation files, well-formed and hostile."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.labels.formats.coco_reader import parse_coco
from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import RecordBuilder

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


def test_category_ids_without_a_name_are_one_problem_an_id(read_file):
    unknown = [{"image_id": 1, "category_id": key} for key in (8, 8, "8", 9, 7, None, [])]
    labels = read_file(coco(*unknown), "a.json", format="coco")
    assert labels.rows.column("category").to_pylist() == [None, None, None, None, "cat", None, None]
    assert [problem.message for problem in labels.problems] == [
        f"Category id {key} has no name in `categories`: {count} records are kept without category."
        for key, count in (("8", 3), ("9", 1), ("[]", 1))
    ]
    many = read_file(coco(*({"image_id": 1, "category_id": key} for key in range(103)), categories=[]), "b.json", format="coco")
    assert (len(many.problems), many.problems[-1].message) == (101, "3 more category ids have no name in `categories`: 3 records.")


def test_images_of_lvis_are_named_by_their_url_and_not_said_to_be_empty(read_file):
    base = "http://images.cocodataset.org/train2017"
    images = [
        {"id": 1, "coco_url": f"{base}/1.jpg", "neg_category_ids": [3], "not_exhaustive_category_ids": []},
        {"id": 2, "coco_url": f"{base}/2.jpg", "neg_category_ids": [], "not_exhaustive_category_ids": []},
        {"id": 3, "coco_url": f"{base}/3.jpg?x=1", "file_name": ""},
    ]
    labels = read_file(coco({"image_id": 1, "category_id": 7}, images=images), "a.json", format="coco")
    assert labels.rows.select(["file_name", "task"]).to_pylist() == [
        {"file_name": "train2017/1.jpg", "task": "classification"},
        {"file_name": "train2017/3.jpg", "task": "background"},
    ]
    assert not labels.problems
    assert checks(read_file(coco(images=[{"id": 1, "coco_url": url} for url in ("http://[", 5)]), "b.json", format="coco")) == (
        ["malformed_record"] * 2
    )


def test_ids_of_different_types_are_one_id(read_file):
    labels = read_file(coco({"image_id": "1", "category_id": 7.0}), "a.json", format="coco")
    assert labels.rows.select(["file_name", "category"]).to_pylist() == [{"file_name": "a.jpg", "category": "cat"}]


def test_numbers_that_are_not_finite_stay_in_the_box(read_file):
    text = coco({"image_id": 1, "bbox": [1, 2, 3, 4]}).replace("[1, 2, 3, 4]", "[NaN, Infinity, -Infinity, 1" + "0" * 400 + "]")
    labels = read_file(text, "a.json", format="coco")
    box = labels.rows.column("bbox")[0].as_py()
    assert math.isnan(box["x"])
    assert (box["y"], box["width"], box["height"]) == (math.inf, -math.inf, math.inf)


@pytest.mark.parametrize(
    "bbox", [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "4px"], [1, 2, 3, "nan"], [1, 2, 3, None], {"x": 1}, "box", 5, [[1, 2, 3, 4]], True]
)
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


@pytest.mark.parametrize("annotation", [None, 5, "x", [], [1, 2]])
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


@pytest.mark.parametrize(
    ("size", "names", "check", "message"),
    [
        ((640, 481), ["#1", "#9"], "malformed_record", "called a.jpg and differ in size; their annotations join none"),
        ((640, 480), ["a.jpg", "a.jpg"], "ambiguous_file_name", "called a.jpg. If they are several pictures, all their annotations count"),
        (
            (None, None),
            ["a.jpg", "a.jpg"],
            "ambiguous_file_name",
            "called a.jpg. If they are several pictures, all their annotations count",
        ),
    ],
)
def test_images_of_one_name_are_told(read_file, size, names, check, message):
    images = [*IMAGES, {"id": 9, "file_name": "a.jpg", "width": size[0], "height": size[1]}, {"id": 10, "file_name": "b.jpg"}]
    labels = read_file(coco({"image_id": 1, "category_id": 7}, {"image_id": 9, "category_id": 7}, images=images), "a.json", format="coco")
    assert labels.rows["file_name"].to_pylist()[:2] == names
    (problem,) = labels.problems
    assert problem.check == check
    assert problem.message.startswith(f"Ids 1, 9: 2 images of the file are {message}")


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


def cases(shared_data, name: str):
    """Return what is read from a folder of field cases, as COCO."""
    return read_labels(str(shared_data("field_cases") / name), format="coco")


def test_a_category_id_with_two_names_names_none(shared_data):
    labels = cases(shared_data, "coco_duplicate_category_id")
    assert labels.rows.column("category").to_pylist() == [None, None]
    assert [json.loads(text) for text in labels.rows.column("attributes").to_pylist()] == [{"category_id": 1}] * 2
    assert checks(labels) == ["malformed_record"]
    assert "cat and dog" in labels.problems[0].message


@pytest.mark.parametrize(("other", "category", "problems"), [("cat", "cat", 0), ("", "cat", 1), (" ", "cat", 1), (None, "cat", 1)])
def test_a_category_that_is_named_twice_alike_or_once_blank_keeps_its_name(read_file, other, category, problems):
    categories = [*CATEGORIES, {"id": 7, "name": other}]
    labels = read_file(coco({"image_id": 1, "category_id": 7}, categories=categories), "a.json", format="coco")
    assert (labels.rows.column("category").to_pylist(), len(labels.problems)) == ([category], problems)


def test_segmentations_that_say_nothing_flat_polygons_and_mixtures(shared_data):
    labels = cases(shared_data, "coco_segm_empty_flat_mixed")
    rows = {row["source_id"]: row for row in labels.rows.to_pylist()}
    assert {rows[key]["task"] for key in ("1", "2", "4", "6", "7")} == {"detection"}
    assert {rows[key]["segmentation"] for key in ("1", "2", "4", "6", "7")} == {None}
    assert json.loads(rows["3"]["segmentation"]) == [[10, 40, 30, 40, 30, 60, 10, 60]]
    assert rows["5"]["segmentation"] == '{"size": [80, 100], "counts": [0, 8000]}'
    assert (rows["7"]["bbox"], rows["7"]["area"]) == ({"x": 12.0, "y": 50.0, "width": 10.0, "height": 10.0}, 100.0)
    assert rows["4"]["bbox"] == {"x": 40.0, "y": 40.0, "width": 20.0, "height": 20.0}
    assert checks(labels) == ["malformed_record"]
    assert labels.problems[0].annotation_id == rows["4"]["annotation_id"]


@pytest.mark.parametrize(
    ("fields", "column", "value"),
    [
        ({"iscrowd": 0.0}, "iscrowd", False),
        ({"iscrowd": "0"}, "iscrowd", False),
        ({"iscrowd": "1"}, "iscrowd", True),
        ({"iscrowd": True}, "iscrowd", True),
        ({"iscrowd": "false"}, "iscrowd", False),
        ({"area": " 1e2 "}, "area", 100.0),
        ({"keypoints": ["1", 2, "2"]}, "keypoints", [1.0, 2.0, 2.0]),
        ({"segmentation": [["1", 2, 3, 4, 5.5, "6"]]}, "segmentation", "[[1.0, 2, 3, 4, 5.5, 6.0]]"),
        ({"segmentation": [[], [1, 2, 3, 4, 5, 6]]}, "segmentation", "[[1, 2, 3, 4, 5, 6]]"),
        ({"segmentation": {"size": ["80", 100], "counts": ["0", 8000.0]}}, "segmentation", '{"size": [80, 100], "counts": [0, 8000]}'),
    ],
)
def test_numbers_are_numbers_however_they_are_written(read_file, fields, column, value):
    labels = read_file(coco({"image_id": 1, "category_id": 7, **fields}), "a.json", format="coco")
    assert labels.rows.column(column).to_pylist() == [value]
    assert not labels.problems


def test_sizes_are_numbers_however_they_are_written_and_0_is_none(read_file):
    images = [{"id": 1, "file_name": "a.jpg", "width": "640", "height": 0}]
    labels = read_file(coco({"image_id": 1, "category_id": 7}, images=images), "a.json", format="coco")
    assert labels.rows.select(["stated_width", "stated_height"]).to_pylist() == [{"stated_width": 640, "stated_height": None}]


@pytest.mark.parametrize(
    ("fields", "task"),
    [({"segmentation": [[1, 2, 3], {}]}, "segmentation"), ({"keypoints": [1, 2]}, "keypoints"), ({"bbox": [1]}, "detection")],
)
def test_what_is_stated_and_cannot_be_used_is_no_classification(read_file, fields, task):
    labels = read_file(coco({"image_id": 1, "category_id": 7, **fields}), "a.json", format="coco")
    assert (labels.rows.column("task").to_pylist(), checks(labels)) == ([task], ["malformed_record"])


def test_captions_beside_the_other_official_files_are_left_out_with_a_warning(shared_data):
    labels = cases(shared_data, "coco_official_folder")
    assert sorted(labels.rows.column("task").to_pylist()) == ["keypoints", "segmentation"]
    assert [(problem.check, problem.source.rpartition("/")[2]) for problem in labels.problems] == [
        ("unsupported_label", "captions_val2017.json")
    ]
    assert labels.records == 3


def test_panoptic_segments_are_left_out_with_one_warning(read_file):
    panoptic = {"segments_info": [], "image_id": 1}
    labels = read_file(coco(panoptic, {"image_id": 1, "category_id": 7}, panoptic), "a.json", format="coco")
    assert (labels.rows.num_rows, labels.records, checks(labels)) == (1, 3, ["unsupported_label"])
    assert labels.problems[0].message.startswith("2 annotations with `segments_info`")


def test_an_image_without_annotations_is_stated_to_show_nothing(shared_data):
    labels = read_labels(str(shared_data("field_cases") / "sampling_background" / "i.json"), format="coco")
    first, second = labels.rows.to_pylist()
    assert (first["file_name"], first["task"]) == ("a.jpg", "detection")
    assert (second["file_name"], second["task"]) == ("bg.jpg", "background")
    assert {second[name] for name in ("category", "bbox", "segmentation", "attributes", "source_id")} == {None}
    assert first["annotation_id"] != second["annotation_id"]
    assert not labels.problems


TWO_IMAGES = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]


@pytest.mark.parametrize(
    ("document", "background"),
    [
        ({"images": TWO_IMAGES, "annotations": []}, ["a.jpg", "b.jpg"]),
        ({"images": TWO_IMAGES}, []),
        ({"images": TWO_IMAGES, "annotations": [{"image_id": 1}]}, ["b.jpg"]),
        ({"images": TWO_IMAGES, "annotations": [{"image_id": 1, "bbox": "?"}]}, ["b.jpg"]),
        # It cannot be told which image these are of.
        ({"images": TWO_IMAGES, "annotations": [None]}, []),
        ({"images": TWO_IMAGES, "annotations": [{"image_id": []}]}, []),
        ({"images": TWO_IMAGES, "annotations": [{"image_id": 3}]}, []),
        ({"images": TWO_IMAGES, "annotations": [{"image_id": 1, "caption": "Two cats."}]}, []),
        # One file under two ids is one file.
        ({"images": [*TWO_IMAGES, {"id": 3, "file_name": "a.jpg"}], "annotations": [{"image_id": 3}]}, ["b.jpg"]),
        ({"images": [*TWO_IMAGES, {"id": 3, "file_name": "a.jpg"}], "annotations": []}, ["a.jpg", "b.jpg"]),
        # One id of two files is of either.
        ({"images": [*TWO_IMAGES, {"id": 1, "file_name": "c.jpg"}], "annotations": [{"image_id": 1}]}, ["b.jpg"]),
        ({"images": [{"id": 1}, {"file_name": "a.jpg"}, None], "annotations": []}, []),
    ],
)
def test_only_images_that_certainly_have_no_annotation_show_nothing(read_file, document, background):
    rows = read_file(json.dumps(document), "a.json", format="coco").rows.to_pylist()
    assert [row["file_name"] for row in rows if row["task"] == "background"] == background
    assert len({row["annotation_id"] for row in rows}) == len(rows)


KEYS = "id image_id category_id bbox segmentation keypoints area iscrowd file_name name width caption size counts".split()  # noqa: SIM905 (a list to read)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "1", "a.jpg", "\ud800", "nan"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
entries = st.lists(anything | st.dictionaries(st.sampled_from(KEYS), anything, max_size=6), max_size=4)


@settings(max_examples=examples(200), deadline=None)
@given(images=entries, categories=entries, annotations=entries)
def test_whatever_the_file_holds_each_annotation_is_a_row_or_a_problem(images, categories, annotations):
    records = RecordBuilder("default", "coco")
    records.start_file("a.json", "file:///a.json", 0)
    parse_coco(json.dumps({"images": images, "categories": categories, "annotations": annotations}).encode(), records)
    labels = records.finish()
    labels.rows.validate(full=True)
    lost = sum(1 for problem in labels.problems if problem.message.startswith("annotations[") and problem.annotation_id is None)
    left_out = sum(int(problem.message.split()[0]) for problem in labels.problems if problem.check == "unsupported_label")
    background = labels.rows.column("task").to_pylist().count("background")
    assert labels.rows.num_rows - background + lost + left_out == len(annotations)
    assert labels.records == labels.rows.num_rows + lost + left_out
    assert len(set(labels.rows.column("annotation_id").to_pylist())) == labels.rows.num_rows
