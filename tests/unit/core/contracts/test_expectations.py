"""What each custom expectation takes for met, unexpected and missing."""

from __future__ import annotations

import json
import math
from typing import Any

import great_expectations as gx
import numpy as np
import pandas as pd
import pytest
from great_expectations.data_context.types.base import ProgressBarsConfig
from hypothesis import given
from hypothesis import strategies as st

from airflow_cv_dataops import expectations as ours
from airflow_cv_dataops.core.contracts.expectations.boxes import _outside
from airflow_cv_dataops.core.contracts.expectations.images import _in_two_splits

NAN, INF = math.nan, math.inf


@pytest.fixture(scope="module")
def check() -> Any:
    """Validate one expectation on columns; return its success, and how many rows are looked at, missing and unexpected."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    definition = context.data_sources.add_pandas("p").add_dataframe_asset("a").add_batch_definition_whole_dataframe("b")

    def checked(expectation: Any, columns: Any, **wanted: Any) -> Any:
        frame = columns if isinstance(columns, pd.DataFrame) else pd.DataFrame(columns)
        batch = definition.get_batch({"dataframe": frame})
        return batch.validate(expectation, result_format={"result_format": "COMPLETE", "include_unexpected_rows": True, **wanted})

    return checked


def counts(result: Any) -> tuple[bool, int, int, list[int]]:
    assert result.exception_info["raised_exception"] is False, result.exception_info
    found = result.result
    return result.success, found["element_count"], found["missing_count"], found["unexpected_index_list"]


def boxes(*rows: tuple[float | None, ...], dtype: Any = "float64") -> pd.DataFrame:
    names = ["bbox_x", "bbox_y", "bbox_width", "bbox_height", "image_width", "image_height"]
    return pd.DataFrame(list(rows), columns=names[: len(rows[0])], dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "Float64", "double[pyarrow]", "object"])
def test_a_box_lies_inside_its_image_or_not(check, dtype):
    frame = boxes(
        (0, 0, 100, 50, 100, 50),
        (-1, 0, 102, 50, 100, 50),  # a pixel on either side is rounding
        (-1.5, 0, 10, 10, 100, 50),
        (95, 45, 7, 5, 100, 50),
        (None, None, None, None, 100, 50),
        (0, 0, 10, 10, None, 50),
        dtype=dtype,
    )
    assert counts(check(ours.ExpectBoxInsideImage(), frame)) == (False, 6, 2, [2, 3])
    assert counts(check(ours.ExpectBoxInsideImage(tolerance=2), frame)) == (True, 6, 2, [])
    assert counts(check(ours.ExpectBoxInsideImage(tolerance=0), frame)) == (False, 6, 2, [1, 2, 3])


def test_what_is_no_number_of_a_box_is_unexpected_never_met(check):
    frame = boxes(
        (NAN, 0, 1, 1, 9, 9),
        (0, 0, INF, 1, 9, 9),
        (-INF, 0, 1, 1, 9, 9),
        (0, 0, 1, NAN, 9, 9),
        (4, 4, -8, 1, 9, 9),
        (INF, 0, -INF, 1, 9, 9),
    )
    assert counts(check(ours.ExpectBoxInsideImage(), frame)) == (False, 6, 0, [0, 1, 2, 3, 4, 5])
    assert counts(check(ours.ExpectBoxHasExtent(), frame)) == (False, 6, 0, [0, 1, 2, 3, 4, 5])
    assert counts(check(ours.ExpectBoxInsideImage(), boxes((0, 0, 1, 1, 0, 0), (5, 5, -5, -5, 9, 9)))) == (True, 2, 0, [])


EDGES = st.sampled_from([NAN, INF, -INF, 0.0, -1.0, 1.0, 9.0, 10.0, 11.0, 1e308])


@given(st.lists(st.tuples(*[st.one_of(EDGES, st.floats(-20, 20))] * 4, *[st.sampled_from([10.0, 0.0, -5.0])] * 2), max_size=20))
def test_boxes_are_inside_as_one_by_one(rows):
    def inside(x, y, width, height, image_width, image_height):
        corners = [(x, image_width), (x + width, image_width), (y, image_height), (y + height, image_height)]
        return all(math.isfinite(place) and -1 <= place <= side + 1 for place, side in corners) and math.isfinite(width + height)

    found = _outside(boxes(*rows) if rows else boxes((0,) * 6).iloc[:0], 1.0)
    assert found.tolist() == [not inside(*row) for row in rows]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", None]), st.sampled_from(["train", "test", None])), max_size=12))
def test_an_image_leaks_as_one_by_one(rows):
    splits: dict[str, set[str]] = {}
    for image, split in rows:
        if image and split:
            splits.setdefault(image, set()).add(split)
    found = _in_two_splits(pd.DataFrame(rows, columns=["image_id", "split"], dtype="object"))
    assert found.tolist() == [bool(image and split and len(splits[image]) > 1) for image, split in rows]


def test_a_box_without_extent(check):
    frame = boxes((1, 1, 0, 5), (1, 1, 0.01, 5), (1, 1, 0.02, 5), (1, 1, 5, -5), (NAN, NAN, NAN, NAN))
    assert counts(check(ours.ExpectBoxHasExtent(), frame)) == (False, 5, 1, [0, 1, 3])
    assert counts(check(ours.ExpectBoxHasExtent(min_side=0), frame)) == (False, 5, 1, [0, 3])


def test_mostly_counts_what_was_looked_at(check):
    frame = boxes((1, 1, 0, 5), *[(1, 1, 5, 5)] * 3, *[(NAN, NAN, NAN, NAN)] * 96)
    assert check(ours.ExpectBoxHasExtent(mostly=0.75), frame).success
    result = check(ours.ExpectBoxHasExtent(mostly=0.76, severity="warning"), frame)
    assert not result.success
    assert result.result["unexpected_percent"] == 25
    assert result.result["partial_unexpected_list"] == [{"bbox_x": 1.0, "bbox_y": 1.0, "bbox_width": 0.0, "bbox_height": 5.0}]
    assert list(result.result["unexpected_rows"].index) == [0]
    assert result.expectation_config.severity.value == "warning"


def test_columns_have_other_names_where_one_says_so(check):
    frame = pd.DataFrame({"x": [0.0], "y": [0.0], "w": [0.0], "h": [1.0]})
    named = ours.ExpectBoxHasExtent(x_column="x", y_column="y", width_column="w", height_column="h")
    assert counts(check(named, frame)) == (False, 1, 0, [0])
    absent = check(ours.ExpectBoxHasExtent(), frame)
    assert not absent.success
    assert "bbox_x" in str(absent.exception_info)


POLYGON = "[[0, 0, 10, 0, 10, 20, 0, 20]]"
MASK = '{"size": [4, 4], "counts": [5, 2, 9]}'  # rows 1 and 2 of column 1


@pytest.mark.parametrize(
    ("segmentation", "box", "met"),
    [
        (POLYGON, (0, 0, 10, 20), True),
        (POLYGON, (1.9, -1.9, 10, 20), True),
        (POLYGON, (5, 0, 10, 20), False),
        ("[[0, 0, 5, 0, 5, 20], [5, 0, 10, 0, 10, 20]]", (0, 0, 10, 20), True),
        ("[[0,0,300,0,300,300,0,300]]", (20, 20, 280, 280), True),  # 20 px off, and an IoU of 0.87
        (MASK, (1, 1, 1, 2), True),
        (MASK, (1, 1, 9, 9), False),
        ("not JSON", (0, 0, 1, 1), False),
        ("[[1, 2]]", (0, 0, 1, 1), False),
        ('[["a", 2, 3, 4, 5, 6]]', (0, 0, 1, 1), False),
        ("[[NaN, 2, 3, 4, 5, 6]]", (0, 0, 1, 1), False),
        ("[" * 5000, (0, 0, 1, 1), False),
        ('{"size": [4, 4], "counts": [99]}', (0, 0, 4, 4), False),
        (POLYGON, (NAN, 0, 10, 20), False),
        (POLYGON, (0, 0, INF, 20), False),
        (POLYGON, (10, 20, -10, -20), False),
        (f"[[{'9' * 400}, 0, 1, 1, 2, 2]]", (0, 0, 1, 1), False),
    ],
)  # fmt: skip
def test_a_segmentation_matches_its_box_or_not(check, segmentation, box, met):
    frame = boxes(box).assign(segmentation=[segmentation])
    assert counts(check(ours.ExpectSegmentationMatchesBox(), frame)) == (met, 1, 0, [] if met else [0])


def test_a_segmentation_is_missing_where_there_is_none_or_no_box(check):
    frame = boxes((0, 0, 10, 20), (0, 0, 10, 20), (NAN,) * 4, (0, 0, 10, 20)).assign(segmentation=[None, " [ ] ", POLYGON, POLYGON])
    assert counts(check(ours.ExpectSegmentationMatchesBox(), frame)) == (True, 4, 3, [])


def test_images_are_of_the_sizes_that_are_asked_for(check):
    frame = {"width": [10, 20, NAN, 30], "height": [10, 2, 5, INF]}
    assert counts(check(ours.ExpectImageSizeBetween(min_width=11), frame)) == (False, 4, 1, [0, 3])
    assert counts(check(ours.ExpectImageSizeBetween(max_width=20, max_height=10), frame)) == (False, 4, 1, [3])
    assert counts(check(ours.ExpectImageSizeBetween(min_height=3, max_pixels=100), frame)) == (False, 4, 1, [1, 3])


def test_images_have_labels(check):
    assert counts(check(ours.ExpectImageHasLabel(), {"labels": [1, 0, 3, None]})) == (False, 4, 1, [1])
    assert counts(check(ours.ExpectImageHasLabel(min_labels=2, mostly=0.3), {"labels": [1, 0, 3, None]})) == (True, 4, 1, [0, 1])


def test_an_image_occurs_once(check):
    assert counts(check(ours.ExpectUniqueImage(), {"image_id": ["a", "b", "a", None, None]})) == (False, 5, 2, [0, 2])


def test_an_image_lies_in_one_split(check):
    frame = {
        "image_id": ["a", "a", "b", "b", "c", None, None, "d"],
        "split": ["train", "test", "val", "val", "train", "train", "test", None],
    }
    assert counts(check(ours.ExpectOneSplitPerImage(), frame)) == (False, 8, 3, [0, 1])


def test_categories_are_known(check):
    frame = {"category": ["cat", "Cat", "<b>cat</b>", None, "dog"]}
    assert counts(check(ours.ExpectKnownCategory(categories=["cat", "dog"]), frame)) == (False, 5, 1, [1, 2])
    assert counts(check(ours.ExpectKnownCategory(categories=["cat", "dog"], null_is_unexpected=True), frame)) == (False, 5, 0, [1, 2, 3])


def test_labels_join_an_image(check):
    assert counts(check(ours.ExpectLabelJoinedImage(), {"image_matched": [True, False, None]})) == (False, 3, 1, [1])
    assert counts(check(ours.ExpectLabelJoinedImage(), {"image_matched": ["False", "True"]}))[0] is False  # texts are no answer


def test_shares_of_categories(check):
    frame = {"category": ["a"] * 6 + ["b"] * 3 + ["c"] + [None] * 5}
    result = check(ours.ExpectCategoryShares(bounds={"a": (0.5, 0.7), "z": (0.01, 1)}, max_share=0.2), frame)
    assert not result.success
    assert result.result["observed_value"] == {"z": 0.0, "b": 0.3, "a": 0.6, "c": 0.1}
    assert list(result.result["details"]["problems"]) == ["z", "b"]
    assert (result.result["element_count"], result.result["missing_count"]) == (15, 5)
    assert check(ours.ExpectCategoryShares(bounds={"a": (0.6, 0.6)}, min_share=0.1), frame).success


def test_shares_of_splits(check):
    frame = {"split": ["train"] * 80 + ["val"] * 20}
    assert check(ours.ExpectSplitShares(shares={"train": 0.8, "val": 0.2}, tolerance=0), frame).success
    assert check(ours.ExpectSplitShares(shares={"train": 0.78, "val": 0.22}), frame).success
    off = check(ours.ExpectSplitShares(shares={"train": 0.7, "val": 0.2, "test": 0.1}), frame)
    assert list(off.result["details"]["problems"]) == ["train", "test"]
    assert "val" in check(ours.ExpectSplitShares(shares={"train": 1.0}, tolerance=1), frame).result["details"]["problems"]


def test_a_column_of_many_values_makes_no_large_result(check):
    result = check(ours.ExpectCategoryShares(max_share=0), {"category": [f"{'x' * 500}{n}" for n in range(5000)]})
    assert result.result["details"]["problem_count"] == 5000
    assert len(json.dumps(result.result)) < 20_000


EVERY = [
    ours.ExpectBoxInsideImage(),
    ours.ExpectBoxHasExtent(),
    ours.ExpectSegmentationMatchesBox(),
    ours.ExpectImageSizeBetween(min_width=1),
    ours.ExpectImageHasLabel(),
    ours.ExpectUniqueImage(),
    ours.ExpectOneSplitPerImage(),
    ours.ExpectKnownCategory(categories=["a"]),
    ours.ExpectLabelJoinedImage(),
    ours.ExpectCategoryShares(max_share=0.5),
    ours.ExpectSplitShares(shares={"train": 1.0}),
]
COLUMNS = [*boxes((0,) * 6).columns, "segmentation", "width", "height", "labels", "image_id", "split", "category", "image_matched"]


@pytest.mark.parametrize("expectation", EVERY, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("rows", [0, 3])
def test_where_there_is_nothing_to_look_at_everything_is_missing(check, expectation, rows):
    for dtype in ("object", "float64" if rows == 0 else "null[pyarrow]"):
        result = check(expectation, pd.DataFrame({name: pd.Series([None] * rows, dtype=dtype) for name in COLUMNS}))
        assert result.exception_info["raised_exception"] is False, result.exception_info
        assert result.result["element_count"] == result.result["missing_count"] == rows
        assert not result.result.get("unexpected_count")
        assert result.result.get("observed_value") is None


def test_a_row_condition_narrows_what_is_looked_at_and_what_is_missing(check):
    from great_expectations.expectations.row_conditions import Column

    frame = boxes((1, 1, 0, 1), (1, 1, 1, 1), (NAN,) * 4, (1, 1, 0, 1)).assign(task=["a", "a", "a", "b"])
    assert counts(check(ours.ExpectBoxHasExtent(row_condition=Column("task") == "a"), frame)) == (False, 3, 1, [0])


def test_a_hundred_thousand_rows_take_a_moment_and_no_loop(check):
    draw = np.random.default_rng(7)
    frame = pd.DataFrame(draw.uniform(1, 50, (100_000, 4)), columns=["bbox_x", "bbox_y", "bbox_width", "bbox_height"])
    result = check(ours.ExpectBoxHasExtent(min_side=25.5), frame)
    assert 0.7 < result.result["unexpected_count"] / 100_000 < 0.8
    assert len(result.result["unexpected_list"]) == 200  # Great Expectations' own limit
