"""Labels that are left out say whether their image is empty without them, and count once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from unit.core.export.export_rows import KEY, box, png, put_images, put_labels, release

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.export.export import export_release
from airflow_cv_dataops.core.export.options import ExportOptions
from airflow_cv_dataops.core.export.transform.placement import Resize

MakeDataset = Callable[..., Dataset]


def labelled(make_dataset: MakeDataset, tmp_path: Path, *labels: dict[str, Any], **options: Any) -> Dataset:
    """Return a release with an image for each label."""
    dataset = make_dataset("left_out")
    ids = put_images(dataset, tmp_path, {f"{number}.png": png(number) for number in range(len(labels))})
    put_labels(dataset, [{"image_id": image, "category": "cat", "bbox": box(), **label} for image, label in zip(ids, labels, strict=True)])
    release(dataset, **options)
    return dataset


def counts_of(dataset: Dataset, target: Path, **options: Any) -> dict[str, Any]:
    result = export_release(dataset, target=target, options=ExportOptions(**{"max_left_out_ratio": 1.0, **options}))
    assert result.failure is None, result.failure
    counts: dict[str, Any] = result.summary.to_dict()["counts"]
    return counts


def test_what_is_barely_visible_makes_no_empty_image(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = labelled(make_dataset, tmp_path, {"bbox": box(0, 0, 20, 20)}, {"bbox": box(12, 0, 10, 10)}, {"bbox": box(0, 0, 5, 5)})
    found = counts_of(dataset, tmp_path / "out", resize=Resize(crop=(0.25, 0, 1, 1), min_visible=0.9))
    assert (found["images"], found["labels"], found["images_background"]) == (2, 1, 1)  # the third was cut off whole
    assert found["labels_left_out"] == {"barely_visible": 1, "cropped_out": 1}
    assert found["images_left_out"] == {"labels_left_out": 1}


def test_categories_have_the_same_numbers_in_each_split(make_dataset: MakeDataset, tmp_path: Path) -> None:
    labels = [{"category": f"kind {number % 7}"} for number in range(40)]
    dataset = labelled(make_dataset, tmp_path, *labels, splits={"train": 0.8, "val": 0.2})
    for split in ("train", "val"):
        counts_of(dataset, tmp_path / split, format="yolo", splits=(split,))
    assert len({(tmp_path / split / "data.yaml").read_text().partition("nc:")[2] for split in ("train", "val")}) == 1
    assert "6: kind 6" in (tmp_path / "val" / "data.yaml").read_text()


def test_splits_that_differ_in_case_alone_are_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = labelled(make_dataset, tmp_path, *({} for _ in range(20)), splits={"train": 0.5, "Train": 0.5})
    with pytest.raises(ConfigurationError, match="differ in upper and lower case alone"):
        counts_of(dataset, tmp_path / "out")


def test_a_label_of_other_bytes_is_of_no_image_in_releases_as_they_were_at_first(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset("first")
    ids = put_images(dataset, tmp_path, {"0.png": png(0), "1.png": png(1)})
    put_labels(dataset, [{"image_id": image, "category": "cat", "bbox": box()} for image in ids])
    put_images(dataset, tmp_path, {"0.png": png(0), "1.png": png(2)})  # other bytes under a name that has a label
    release(dataset)
    first = replace(dataset.release(), labels_by=None, annotations_count=2)
    monkeypatch.setattr("airflow_cv_dataops.core.export.export.read_release", lambda *_: first)
    found = counts_of(dataset, tmp_path / "out")
    assert (found["images"], found["labels"], found["labels_left_out"]) == (1, 1, {"of_another_image": 1})
    assert found["images_left_out"] == {"unlabelled": 1}


def test_no_credentials_of_an_address_are_written(make_dataset: MakeDataset, tmp_path: Path) -> None:
    dataset = make_dataset("secret")
    (image,) = put_images(dataset, tmp_path, {"0.png": png(0)})
    rows = dataset.read("images")
    address = pa.array(["https://user:hunter2@example.com/0.png?X-Amz-Signature=hunter3"])
    rows = rows.set_column(rows.column_names.index("source_uri"), "source_uri", address)
    dataset.replace_partition("images", KEY, rows.drop_columns(["partition_key"]))
    put_labels(dataset, [{"image_id": image, "category": "cat", "bbox": box()}])
    release(dataset)
    for layout in ("parquet", "coco"):
        counts_of(dataset, tmp_path / layout, format=layout)
        files = [path for path in (tmp_path / layout).rglob("*") if path.is_file()]
        assert len(files) > 3
        assert [path for path in files if b"hunter" in path.read_bytes()] == []
