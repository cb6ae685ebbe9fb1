"""Which labels train, which images are in a training set, and how both lie in columns."""

from __future__ import annotations

import pickle
from typing import Any

import hypothesis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.training_labels import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    TrainingLabels,
    check_choices,
    of_label_sets,
    training_labels,
)
from airflow_cv_dataops.core.store.schema import arrow_schema

NAN = float("nan")


def images(*names: str, width: int = 100, height: int = 50) -> pa.Table:
    schema = pa.schema([arrow_schema("images").field(name) for name in IMAGE_COLUMNS])
    rows = [dict.fromkeys(("image_id", "partition_key", "source_uri", "storage_uri"), name) for name in names]
    return pa.Table.from_pylist([{**row, "width": width, "height": height} for row in rows], schema=schema)


def label(image: str, category: str | None = "cat", box: tuple[float, ...] | None = (10, 20, 30, 10), **more: Any) -> dict[str, Any]:
    bbox = None if box is None else dict(zip(("x", "y", "width", "height"), box, strict=True))
    return {"image_id": image, "task": "detection", "category": category, "bbox": bbox, "split": "train", **more}


def whole(image: str, category: str, **more: Any) -> dict[str, Any]:
    return label(image, category, None, task="classification", **more)


def background(image: str) -> dict[str, Any]:
    return label(image, None, None, task="background")


def made(pictures: pa.Table, *labels: dict[str, Any], without_labels: str = "stated", split: str | None = "train") -> TrainingLabels:
    schema = arrow_schema("annotations")
    fields = [schema.field(name) for name in (*LABEL_COLUMNS, "segmentation", "keypoints")]
    table = pa.Table.from_pylist(list(labels), schema=pa.schema([*fields, pa.field("split", pa.string())]))
    return training_labels(pictures, table, split=split, without_labels=without_labels)


def chosen(found: TrainingLabels) -> list[str]:
    return found.images["image_id"].to_pylist()


def test_labels_of_an_image_lie_side_by_side_in_the_order_of_the_image_ids():
    found = made(images("b", "a"), label("b", "dog", (0, 0, 1, 2)), label("a", "cat", (1, 1, 2, 2)), label("b", "cat", (3, 4, 5, 6)))
    assert chosen(found) == ["a", "b"]
    assert found.classes == ("cat", "dog")
    assert found.boxes.starts.tolist() == [0, 1, 3]
    assert found.boxes.corners.tolist() == [[1, 1, 3, 3], [0, 0, 1, 2], [3, 4, 8, 10]]
    assert found.boxes.codes.tolist() == [0, 1, 0]
    assert (found.boxes.corners.dtype, found.boxes.area.dtype) == (np.float32, np.float32)


def test_the_stated_area_counts_and_else_that_of_the_box():
    found = made(images("a"), label("a", area=123.5, iscrowd=True), label("a"), label("a", area=NAN, iscrowd=False))
    assert found.boxes.area.tolist() == [123.5, 300, 300]
    assert found.boxes.iscrowd.tolist() == [True, False, False]


def test_a_box_is_cut_off_at_the_border_of_the_image():
    found = made(images("a"), label("a", box=(-5, -5, 20, 20)), label("a", box=(90, 40, 1e300, 20)))
    assert found.boxes.corners.tolist() == [[0, 0, 15, 15], [90, 40, 100, 50]]
    assert found.left_out == {}


def test_what_trains_nothing_is_left_out_and_counted_by_the_reason():
    found = made(
        images("a"),
        label("a"),
        label("a", category=None),
        label("a", box=None),
        label("a", box=(10, 10, 0, 5)),
        label("a", box=(10, 10, 5, -5)),
        label("a", box=(NAN, 10, 5, 5)),
        label("a", box=(0, 0, float("inf"), 5)),
        label("a", box=(100, 10, 5, 5)),
        label("a", box=(10, -7, 5, 5)),
        label("a", box=(50, 10, 1e-9, 5)),  # nothing is left of it in float32
        label("gone"),
        whole("a", None),
    )
    assert found.boxes.corners.tolist() == [[10, 20, 40, 30]]
    assert found.left_out == {"of_another_image": 1, "without_category": 2, "without_box": 1, "without_area": 4, "outside_the_image": 3}


_NUMBERS = st.floats(-150, 150) | st.sampled_from([NAN, float("inf"), -float("inf"), 0.0, 1e-9, 1e300])
_LABELS = st.lists(st.tuples(st.sampled_from("abz"), st.tuples(*[_NUMBERS] * 4)), max_size=12)


@hypothesis.given(
    st.lists(st.tuples(st.sampled_from("abz"), st.tuples(*[_NUMBERS] * 4)), max_size=12), st.sampled_from(["stated", "none", "all"])
)
def test_every_label_is_a_box_with_an_area_inside_its_image_or_counted(labels, without_labels):
    found = made(images("a", "b"), *(label(image, box=box) for image, box in labels), without_labels=without_labels)
    boxes = found.boxes.corners
    assert len(boxes) + sum(found.left_out.values()) == len(labels)
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert (boxes >= 0).all()
    assert (boxes[:, 2:] <= [100, 50]).all()
    assert (found.boxes.starts[0], found.boxes.starts[-1], len(found.boxes.starts)) == (0, len(boxes), found.images.num_rows + 1)
    assert without_labels == "all" or (np.diff(found.boxes.starts) > 0).all()


def test_unlabelled_images_are_no_background():
    pictures = images("empty", "labelled", "nobody looked")
    rows = (label("labelled"), background("empty"))
    assert chosen(made(pictures, *rows)) == ["empty", "labelled"]
    assert chosen(made(pictures, *rows, without_labels="none")) == ["labelled"]
    assert chosen(made(pictures, *rows, without_labels="all")) == ["empty", "labelled", "nobody looked"]


def test_an_image_whose_labels_all_train_nothing_is_no_background_either():
    pictures = images("a", "b")
    rows = (label("a", box=(10, 10, 0, 0)), background("a"), label("b"))
    found = made(pictures, *rows)
    assert chosen(found) == ["b"]
    assert found.left_out == {"without_area": 1}
    assert found.boxes.starts.tolist() == [0, 1]
    assert made(pictures, *rows, without_labels="all").boxes.starts.tolist() == [0, 0, 1]


def test_statements_that_nothing_is_there_are_no_labels_that_are_left_out():
    found = made(images("a", "b"), background("a"), background("b"))
    assert chosen(found) == ["a", "b"]
    assert found.left_out == {}
    assert found.boxes.corners.shape == (0, 4)
    assert found.whole is None


def test_classes_and_kinds_are_those_of_the_release_whatever_the_split():
    rows = (label("a", "zebra"), label("z", "ant", split="test", segmentation="[[1,2,3,4,5,6]]"), whole("z", "bee", split="test"))
    found = made(images("a"), *rows)
    assert found.classes == ("ant", "bee", "zebra")
    assert found.boxes.codes.tolist() == [2]
    assert found.boxes.also["segmentation"].to_pylist() == [None]
    assert "keypoints" not in found.boxes.also
    assert found.whole.codes.tolist() == []
    assert found.left_out == {}  # labels of another split are none of an image that is gone
    everything = made(images("a", "z"), *rows, split=None)
    assert (everything.boxes.codes.tolist(), everything.whole.codes.tolist(), everything.whole.starts.tolist()) == ([2, 0], [1], [0, 0, 1])


def test_a_release_of_labels_of_images_as_a_whole_has_no_boxes():
    found = made(images("a", "b", "c"), whole("a", "x"), whole("b", "y"), whole("a", "y"))
    assert chosen(found) == ["a", "b"]
    assert found.boxes is None
    assert (found.whole.starts.tolist(), found.whole.codes.tolist()) == ([0, 2, 3], [0, 1, 1])


def test_a_release_without_labels_or_images():
    assert chosen(made(images("a"))) == []
    assert chosen(made(images("a"), without_labels="all")) == ["a"]
    assert made(images()).classes == ()
    assert chosen(made(images(), label("gone"))) == []


@pytest.mark.parametrize(
    ("without_labels", "also", "said"),
    [("some", (), "expected stated, none, all"), ("all", ("bbox",), r"not \['bbox'\]"), ("all", "keypoints", "is a string")],
)
def test_choices_that_there_are_not_are_refused(without_labels, also, said):
    with pytest.raises(ConfigurationError, match=said):
        check_choices(without_labels, also)


def test_labels_are_held_in_columns_and_not_as_objects():
    """Which is what worker processes are sent: some 30 bytes a box."""
    count = 50_000
    rng = np.random.default_rng(0)
    boxes = {side: pa.array(rng.uniform(1, 20, count)) for side in ("x", "y", "width", "height")}
    names = np.array([f"{number:064}" for number in range(100)])
    kind = arrow_schema("annotations").field("bbox").type
    table = pa.table(
        {
            "image_id": pa.array(names[rng.integers(0, 100, count)]),
            "task": pa.array(["detection"] * count),
            "category": pa.array(np.array(["a", "b", "c"])[rng.integers(0, 3, count)]),
            "bbox": pa.StructArray.from_arrays(list(boxes.values()), fields=list(kind)),
            "area": pa.nulls(count, pa.float64()),
            "iscrowd": pa.nulls(count, pa.bool_()),
            "split": pa.array(["train"] * count),
        }
    )
    found = training_labels(images(*names), table, split="train", without_labels="stated")
    assert found.boxes.starts[-1] == count
    assert np.diff(found.boxes.starts).tolist() == np.unique(table["image_id"].to_numpy(), return_counts=True)[1].tolist()
    held = len(pickle.dumps(found))
    assert held < 35 * count


def test_labels_of_some_imports_alone_and_no_import_that_there_is_not():
    table = pa.table({"label_set": ["a", "b", "a"], "category": ["cat", "dog", "owl"]})
    assert of_label_sets(table, None) is table
    assert of_label_sets(table, ["a"])["category"].to_pylist() == ["cat", "owl"]
    with pytest.raises(ConfigurationError, match=r"no label of \['c'\]; it has a, b"):
        of_label_sets(table, ["a", "c"])
    with pytest.raises(ConfigurationError, match="label_sets is empty"):
        of_label_sets(table, [])
