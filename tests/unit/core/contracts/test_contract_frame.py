"""The frame that suites see: flat columns, joined ones, no Python objects, and only what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from integration.audit_rows import KEY, bbox, image, label, write

from airflow_cv_dataops import Dataset, promote_dataset
from airflow_cv_dataops.core.contracts.frame import contract_frame
from airflow_cv_dataops.core.contracts.frame_columns import frame_columns
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.schema import TABLES

NEXT = "2026-11-06"


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    made = make_dataset("cells")
    write(made, "images", [{**image("a.jpg", 64, 48), "issues": ["dark", "blurry"]}, {**image("b.jpg"), "issues": []}, image("c.jpg")])
    strange = {"image_id": None, "source_uri": None, "category": None}
    labels = [
        label("a.jpg", 1, bbox=bbox(1, 2, 3, 4), keypoints=[1.0, 2.0, 2.0], iscrowd=True, stated_width=64),
        label("a.jpg", 2),
        {**label("b.jpg", 1, task="background"), "category": None},
        {**label("z.jpg", 1), **strange},
    ]
    write(made, "annotations", labels, owner="default")
    write(made, "annotations", [label("b.jpg", 7, bbox=bbox(0, 0, 9, 9))], owner="round_2")
    return made


def by_id(frame: pd.DataFrame) -> dict[str, Any]:
    return frame.set_index("annotation_id").to_dict("index")


def test_boxes_are_flat_and_labels_know_their_image(dataset: Dataset) -> None:
    frame = contract_frame(dataset, "annotations", partition_key=KEY)
    assert list(frame.columns) == list(frame_columns("annotations"))
    rows = by_id(frame)
    first, lost = rows["a.jpg:1"], rows["z.jpg:1"]
    assert (first["bbox_x"], first["bbox_height"], first["keypoints_count"], first["iscrowd"]) == (1, 4, 3, True)
    assert (first["image_width"], first["image_height"], first["image_matched"], first["stated_width"]) == (64, 48, True, 64)
    assert np.isnan([rows["a.jpg:2"]["bbox_x"], lost["image_width"], lost["category"]]).all()
    assert lost["image_matched"] is False
    assert frame["bbox_x"].dtype == np.float64
    assert frame["image_matched"].dtype == np.bool_


def test_text_is_held_by_arrow_and_null_is_nan(dataset: Dataset) -> None:
    frame = contract_frame(dataset, "annotations", partition_key=KEY, columns=["category", "annotation_id"])
    assert list(frame.columns) == ["annotation_id", "category"]
    assert frame["category"].dtype.storage in ("pyarrow", "pyarrow_numpy")
    assert (frame["category"] == "cell").dtype == np.bool_  # with pd.NA it would be neither true nor false


def test_a_joined_column_alone_has_every_row(dataset: Dataset) -> None:
    assert contract_frame(dataset, "annotations", partition_key=KEY, columns=["image_matched"])["image_matched"].sum() == 4
    assert contract_frame(dataset, "images", partition_key=KEY, columns=["labels"])["labels"].sum() == 4


def test_images_know_how_many_labels_they_have(dataset: Dataset) -> None:
    frame = contract_frame(dataset, "images", partition_key=KEY, columns=["file_name", "labels", "issues", "issues_count"])
    found = {row["file_name"]: row for row in frame.to_dict("records")}
    assert [found[name]["labels"] for name in ("a.jpg", "b.jpg", "c.jpg")] == [2, 2, 0]
    assert (found["a.jpg"]["issues"], found["a.jpg"]["issues_count"]) == ("dark,blurry", 2)
    assert (found["b.jpg"]["issues"], found["b.jpg"]["issues_count"]) == ("", 0)


def test_equal_sources_of_other_partitions_are_other_images(dataset: Dataset) -> None:
    write(dataset, "images", [image("a.jpg", 9, 9)], key=NEXT)
    write(dataset, "annotations", [label("a.jpg", 1), label("b.jpg", 1)], owner="default", key=NEXT)
    assert len(contract_frame(dataset, "annotations", partition_key=NEXT)) == 2
    frame = contract_frame(dataset, "annotations", whole_dataset=True)
    assert len(frame) == 7
    widths = {(row["partition_key"], row["annotation_id"]): row["image_width"] for row in frame.to_dict("records")}
    assert (widths[KEY, "a.jpg:1"], widths[NEXT, "a.jpg:1"]) == (64, 9)
    assert np.isnan(widths[NEXT, "b.jpg:1"])  # there is a b.jpg on the day before only
    counts = contract_frame(dataset, "images", whole_dataset=True)
    assert dict(zip(counts["partition_key"] + counts["file_name"], counts["labels"], strict=True))[f"{NEXT}a.jpg"] == 1


def test_owners_narrow_down_and_their_names_are_checked(dataset: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    write(dataset, "annotations", [label("a.jpg", 1)], owner="late", key=NEXT)
    assert list(contract_frame(dataset, "annotations", partition_key=KEY, owners=["round_2"])["annotation_id"]) == ["b.jpg:7"]
    with pytest.raises(ConfigurationError, match="has anything of round_3"):
        contract_frame(dataset, "annotations", partition_key=KEY, owners=["round_3"])
    assert len(contract_frame(dataset, "annotations", partition_key=KEY, owners=["late"])) == 0
    assert "There is nothing of late in cells.annotations" in caplog.text


def test_an_older_snapshot_is_joined_with_the_images_of_then(dataset: Dataset) -> None:
    then = dataset.snapshot_id("annotations")
    write(dataset, "images", [image("a.jpg", 1, 1)])
    write(dataset, "annotations", [label("a.jpg", 9)], owner="default")
    old = by_id(contract_frame(dataset, "annotations", partition_key=KEY, snapshot_id=then))
    assert (len(old), old["a.jpg:1"]["image_width"]) == (5, 64)
    assert by_id(contract_frame(dataset, "annotations", partition_key=KEY))["a.jpg:9"]["image_width"] == 1
    with pytest.raises(DatasetNotFoundError, match="has no snapshot 17"):
        contract_frame(dataset, "annotations", partition_key=KEY, snapshot_id=17)


def test_a_release_is_read_as_it_was_made(dataset: Dataset) -> None:
    promote_dataset(dataset, stage="production")
    write(dataset, "annotations", [label("c.jpg", 1)], owner="default")
    labels = contract_frame(dataset, "annotations", release="production")
    assert sorted(labels["annotation_id"]) == ["a.jpg:1", "a.jpg:2", "b.jpg:1", "b.jpg:7"]
    assert by_id(labels)["a.jpg:1"]["image_width"] == 64
    assert set(labels["split"]) <= {"train", "val", "test"}
    images = contract_frame(dataset, "images", release="v1", columns=["file_name", "labels", "split"])
    assert dict(zip(images["file_name"], images["labels"], strict=True)) == {"a.jpg": 2, "b.jpg": 2, "c.jpg": 0}
    items = contract_frame(dataset, "release_items", release="v1")
    assert list(items.columns) == ["image_id", "partition_key", "source_uri", "split", "labels"]
    assert sorted(items["labels"]) == [0, 2, 2]


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_has_a_frame_also_without_rows(make_dataset: Callable[..., Dataset], table: str) -> None:
    frame = contract_frame(make_dataset(made=True), table, whole_dataset=True)
    assert (list(frame.columns), len(frame)) == (list(frame_columns(table)), 0)


@pytest.mark.parametrize(
    ("table", "arguments", "message"),
    [
        ("annotation", {"partition_key": KEY}, "There is no table 'annotation'"),
        ("annotations", {}, "Which rows of annotations"),
        ("annotations", {"partition_key": KEY, "columns": ["colour"]}, r"has no columns \['colour'\]; it has partition_key"),
        ("releases", {"partition_key": KEY}, "no partitions of its own by partition key: give whole_dataset=True"),
        ("release_items", {"partition_key": KEY}, "or a release"),
        ("predictions", {"release": "v1"}, "A release holds no rows of predictions"),
        ("images", {"release": "v1", "whole_dataset": True}, "goes without whole_dataset"),
        ("images", {"partition_key": KEY, "owners": ["a"]}, "rows of images have no owner"),
        ("annotations", {"partition_key": KEY, "owners": "a"}, "is a string: expected a list"),
        ("annotations", {"partition_key": KEY, "snapshot_id": "last"}, "is no id of a snapshot"),
    ],
)
def test_what_cannot_be_asked_for_is_said(dataset: Dataset, table: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        contract_frame(dataset, table, **arguments)
