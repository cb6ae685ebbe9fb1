"""COCO results, well-formed and hostile."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_tests import examples

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.labels.formats.coco_reader import CocoImage
from airflow_cv_dataops.core.predictions.coco_results import CocoReference, parse_results
from airflow_cv_dataops.core.predictions.reading import read_predictions


def result(**fields) -> dict:
    return {"image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5, **fields}


def test_results_are_named_by_their_reference(read, tmp_path):
    reference = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 7, "name": "cat"}], "annotations": []}
    (tmp_path / "reference.json").write_text(json.dumps(reference))
    found = read(json.dumps([result(), result(image_id=9, category_id=9)]), "r.json", coco_reference=str(tmp_path / "reference.json"))
    assert found.rows.column("file_name").to_pylist() == ["a.jpg", "#9"]
    assert found.rows.column("category").to_pylist() == ["cat", None]
    assert [problem.message for problem in found.problems] == [
        "Category id 9 has no name in coco_reference: 1 records are kept without category."
    ]
    assert found.rows.column("score").to_pylist() == [0.5, 0.5]
    assert found.rows.column("bbox").to_pylist()[0] == {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}


def test_names_of_categories_come_from_one_place(read, tmp_path):
    reference = {"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 7, "name": "cat"}, {"id": 7, "name": "dog"}]}
    (tmp_path / "reference.json").write_text(json.dumps(reference))
    with pytest.raises(ConfigurationError, match="`coco_reference` and `classes` both"):
        read(json.dumps([result()]), "r.json", coco_reference=str(tmp_path / "reference.json"), classes=["cat"])
    found = read(json.dumps([result(), result()]), "r.json", coco_reference=str(tmp_path / "reference.json"))
    assert found.rows.column("category").to_pylist() == [None, None]
    assert [problem.check for problem in found.problems] == ["malformed_record"]
    found = read(json.dumps([result(), result(category_id=1)]), "r.json", classes=["cat", "dog"])
    assert found.rows.column("category").to_pylist() == [None, "dog"]
    assert "Category id 7 has no name in `classes`" in found.problems[0].message


def test_a_reference_below_the_source_is_not_taken_for_results(tmp_path):
    (tmp_path / "reference.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}]}))
    (tmp_path / "results.json").write_text(json.dumps([result()]))
    found = read_predictions(str(tmp_path), model="m", coco_reference=str(tmp_path / "reference.json"))
    assert (found.files, found.problems, found.rows.column("file_name").to_pylist()) == (1, (), ["a.jpg"])


def test_results_without_reference_keep_their_ids_as_names(read):
    found = read(json.dumps([result(image_id=42)]), "r.json", classes={7: "cat"})
    assert found.rows.select(["file_name", "alternative_name", "category"]).to_pylist() == [
        {"file_name": "42", "alternative_name": "000000000042", "category": "cat"}
    ]


@pytest.mark.parametrize(
    "odd",
    [
        5,
        None,
        {},
        result(score=2),
        result(score=None),
        result(score=float("nan")),
        result(score=True),
        result(bbox=[1]),
        result(image_id=[]),
        result(image_id=[], file_name="a.jpg"),
        {"category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5},
        {"category_id": 7, "bbox": [1, 2, 3, 4], "score": 0.5, "file_name": " "},
        result(score=1.0001),
        result(score=-0.0001),
        result(score="half"),
        result(segmentation=[[1, 2, 3, 4, 5, 6], {"size": [1, 1], "counts": [1]}]),
        result(segmentation="x"),
    ],
)
def test_a_result_that_cannot_be_used_is_left_out_and_noted(read, odd):
    found = read(json.dumps([odd, result()]), "r.json")
    assert (found.rows.num_rows, found.records) == (1, 2)
    assert [problem.check for problem in found.problems] == ["malformed_record"]


def test_the_file_name_of_a_result_counts_and_a_score_may_end_an_ulp_above_1(shared_data):
    found = read_predictions(str(shared_data("field_cases") / "pred_ids_scores" / "predictions.json"), model="m")
    assert found.rows.select(["file_name", "alternative_name", "score"]).to_pylist() == [
        {"file_name": "0001.jpg", "alternative_name": None, "score": 0.9},
        {"file_name": "0002.jpg", "alternative_name": None, "score": 1.0},
        {"file_name": "42", "alternative_name": "000000000042", "score": 0.5},
        {"file_name": "frame_7", "alternative_name": None, "score": 0.4},
    ]
    assert not found.problems


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"image_id": 1}, "cam1/a.jpg"),
        ({"image_id": 1, "file_name": "a.jpg"}, "cam1/a.jpg"),
        ({"image_id": 1, "file_name": "day\\cam1\\a.jpg"}, "day\\cam1\\a.jpg"),
        ({"image_id": 9, "file_name": "b.jpg"}, "b.jpg"),
        ({"file_name": "b.jpg"}, "b.jpg"),
        ({"image_id": 9}, "#9"),
    ],
)
def test_a_file_name_and_the_reference_together_name_the_image(read, tmp_path, fields, name):
    (tmp_path / "reference.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "cam1/a.jpg"}]}))
    results = [{"category_id": 7, "score": 0.5, **fields}]
    found = read(json.dumps(results), "r.json", coco_reference=str(tmp_path / "reference.json"))
    assert (found.rows.column("file_name").to_pylist(), found.problems) == ([name], ())


@pytest.mark.parametrize("name", ["b.jpg", "cam2/a.jpg", "a.png"])
def test_a_file_name_that_contradicts_the_reference_is_noted_with_both(read, tmp_path, name):
    (tmp_path / "reference.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "cam1/a.jpg"}]}))
    found = read(json.dumps([result(file_name=name), result()]), "r.json", coco_reference=str(tmp_path / "reference.json"))
    assert (found.rows.num_rows, found.records) == (1, 2)
    assert name in found.problems[0].message
    assert "cam1/a.jpg" in found.problems[0].message


@pytest.mark.parametrize(
    ("fields", "score"),
    [({"score": "0.5"}, 0.5), ({"score": 1.0000001}, 1.0), ({"score": -1e-9}, 0.0), ({"bbox": ["1", 2, 3, "4.0"]}, 0.5)],
)
def test_numbers_of_results_are_numbers_however_they_are_written(read, fields, score):
    found = read(json.dumps([result(**fields)]), "r.json")
    assert found.rows.column("score").to_pylist() == [score]
    assert found.rows.column("bbox").to_pylist() == [{"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}]


@pytest.mark.parametrize("segmentation", [[], [[]], None])
def test_a_segmentation_that_says_nothing_leaves_a_box(read, segmentation):
    found = read(json.dumps([result(segmentation=segmentation)]), "r.json")
    assert (found.rows.column("task").to_pylist(), found.problems) == (["detection"], ())


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["", "1", "a.jpg", "\ud800", "nan"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["size", "counts", "x"]), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["image_id", "file_name", "category_id", "score", "bbox", "segmentation", "keypoints"]


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(anything | st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6), max_size=5), st.booleans())
def test_whatever_the_results_hold_each_is_taken_or_lost(results, has_reference):
    lost: list[str] = []
    reference = CocoReference({"1": CocoImage("a.jpg"), "2": CocoImage(None)}, {"1": "cat"}) if has_reference else CocoReference()
    found = parse_results(json.dumps(results).encode(), reference, lost.append)
    assert len(found.ordinal) + len(lost) == len(results)
    assert {len(values) for values in vars(found).values()} == {len(found.ordinal)}
    assert all(0 <= score <= 1 for score in found.score)
