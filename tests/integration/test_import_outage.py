"""Label and prediction files that cannot be read just now shrink no partition: the import fails before it commits, with retries."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from integration.fake_s3 import FakeS3, fake_s3

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError, StoreError
from airflow_cv_dataops.core.labels.importing import import_labels
from airflow_cv_dataops.core.predictions.importing import import_predictions
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult

pytestmark = pytest.mark.integration

MakeDataset = Callable[..., Dataset]
Import = Callable[..., StepResult]
KEY = "2026-11-05"
FILES = 10
WRITTEN = ("annotations", "predictions", "findings", "metrics")


def with_images(dataset: Dataset) -> Dataset:
    """Return the dataset, with the images that the files name."""
    if not dataset.read("images").num_rows:
        dataset.replace_partition("images", KEY, pa.Table.from_pylist([image_row(number) for number in range(FILES)]))
    return dataset


def image_row(number: int) -> dict[str, Any]:
    name, size = f"{number:02}.png", {"bytes": 1, "width": 64, "height": 48, "frames": 1}
    addresses = {"source_uri": f"file:///source/{name}", "storage_uri": f"file:///store/{name}", "image_id": f"{number:064}"}
    return {**addresses, **size, "file_name": name, "format": "PNG", "mode": "RGB", "ingested_at": datetime(2026, 11, 5, tzinfo=UTC)}


def labels(dataset: Dataset, source: str | Path, **arguments: Any) -> StepResult:
    return import_labels(with_images(dataset), KEY, source, format="coco", **arguments)


def results(dataset: Dataset, source: str | Path, **arguments: Any) -> StepResult:
    return import_predictions(with_images(dataset), KEY, source, model="cnn", format="coco", **arguments)


def pixels(dataset: Dataset, source: str | Path, **arguments: Any) -> StepResult:
    return import_predictions(with_images(dataset), KEY, source, model="cnn", format="pixel_probabilities", **arguments)


IMPORTS = [labels, results, pixels]
TABLE = {labels: "annotations", results: "predictions", pixels: "predictions"}
PROBLEM = {labels: "unparsable_label", results: "unparsable_prediction", pixels: "unparsable_prediction"}


def content(run: Import, number: int) -> tuple[str, bytes]:
    """Return the name and the bytes of a file with one label or prediction."""
    image = f"{number:02}.png"
    if run is labels:
        document: Any = {"images": [{"id": 1, "file_name": image}], "annotations": [{"image_id": 1, "bbox": [1, 2, 3, 4]}]}
        return f"{number:02}.json", json.dumps(document).encode()
    if run is results:
        return f"{number:02}.json", json.dumps([{"image_id": image, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]).encode()
    array = io.BytesIO()
    np.save(array, np.full((2, 3, 4), 0.5))
    return f"{number:02}.npy", array.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Import], Path]:
    """Links to files on a file system that can be taken away."""

    def make(run: Import) -> Path:
        (tmp_path / "mount").mkdir()
        (tmp_path / "in").mkdir()
        for name, data in (content(run, number) for number in range(FILES)):
            (tmp_path / "mount" / name).write_bytes(data)
            (tmp_path / "in" / name).symlink_to(tmp_path / "mount" / name)
        return tmp_path / "in"

    return make


@pytest.fixture
def bucket() -> Iterator[FakeS3]:
    with fake_s3() as bucket:
        yield bucket


@pytest.mark.parametrize("run", IMPORTS)
@pytest.mark.parametrize("on_findings", ["fail", "warn"])
def test_files_that_cannot_be_read_just_now_shrink_no_partition(
    make_dataset: MakeDataset, folder: Callable[[Import], Path], run: Import, on_findings: str
) -> None:
    dataset, source = make_dataset(made=True), folder(run)
    assert run(dataset, source).failure is None
    before = dataset.snapshots(WRITTEN)
    for number in range(1, FILES):
        (source.parent / "mount" / content(run, number)[0]).rename(source.parent / f"{number}.away")
    first = content(run, 1)[0]
    with pytest.raises(
        SourceError,
        match=rf"9 of 10 files could not be read, more than max_unreadable_ratio=0\.0 allows; the first: file://.*/in/{first}: "
        rf".*(No such file|is not there).*nothing was committed. Run the import again",
    ):
        run(dataset, source, on_findings=on_findings)
    assert dataset.snapshots(WRITTEN) == before
    for number in range(1, FILES):
        (source.parent / f"{number}.away").rename(source.parent / "mount" / content(run, number)[0])
    run(dataset, source, on_findings=on_findings)
    assert dataset.read(TABLE[run]).num_rows == FILES


@pytest.mark.parametrize("run", IMPORTS)
@pytest.mark.parametrize(("ratio", "is_enough"), [(0.1, False), (0.2, True), (1.0, True)])
def test_files_that_stay_unreadable_become_findings_where_one_says_so(
    make_dataset: MakeDataset, folder: Callable[[Import], Path], run: Import, ratio: float, is_enough: bool
) -> None:
    dataset, source = make_dataset(made=True), folder(run)
    for number in (3, 4):
        (source.parent / "mount" / content(run, number)[0]).unlink()
    if not is_enough:
        with pytest.raises(SourceError, match="2 of 10 files could not be read"):
            run(dataset, source, max_unreadable_ratio=ratio)
        return
    result = run(dataset, source, max_unreadable_ratio=ratio)
    assert result.summary.counts["problems"] == {PROBLEM[run]: 2}
    assert "2 findings" in (result.failure or "")
    assert dataset.read(TABLE[run]).num_rows == FILES - 2


@pytest.mark.parametrize("run", IMPORTS)
def test_a_file_that_was_read_and_cannot_be_parsed_is_a_finding(
    make_dataset: MakeDataset, folder: Callable[[Import], Path], run: Import
) -> None:
    dataset, source = make_dataset(made=True), folder(run)
    for number, data in ((3, b"{"), (4, b"")):
        (source.parent / "mount" / content(run, number)[0]).write_bytes(data)
    assert run(dataset, source).summary.counts["problems"] == {PROBLEM[run]: 2}
    assert dataset.read(TABLE[run]).num_rows == FILES - 2


@pytest.mark.parametrize("run", IMPORTS)
def test_a_named_pipe_is_a_finding_as_no_retry_would_read_it(
    make_dataset: MakeDataset, folder: Callable[[Import], Path], run: Import
) -> None:
    dataset, source = make_dataset(made=True), folder(run)
    name = content(run, FILES)[0]
    os.mkfifo(source / name)
    assert run(dataset, source).summary.counts["problems"] == {PROBLEM[run]: 1}
    assert dataset.read(TABLE[run]).num_rows == FILES


@pytest.mark.parametrize("run", IMPORTS)
@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_store_that_refuses_in_the_middle_fails_the_import_whatever_may_be_unreadable(
    make_dataset: MakeDataset, bucket: FakeS3, run: Import, ratio: float
) -> None:
    dataset = make_dataset(made=True)
    bucket.objects = {f"in/{name}": data for name, data in (content(run, number) for number in range(FILES))}
    run(dataset, "s3://bay/in", source_options=bucket.options)
    before = dataset.snapshots(WRITTEN)
    bucket.refuse = lambda key: (403, "ExpiredToken") if key > "in/05" else None
    with pytest.raises(
        StoreError, match=r"s3://bay/in/0\d\.(json|npy): .*none of the 10 files was taken and nothing was committed"
    ) as refused:
        run(dataset, "s3://bay/in", source_options=bucket.options, max_unreadable_ratio=ratio, on_findings="warn")
    assert "secret" not in str(refused.value)
    assert dataset.snapshots(WRITTEN) == before
    bucket.refuse = lambda key: None
    run(dataset, "s3://bay/in", source_options=bucket.options)
    assert dataset.read(TABLE[run]).num_rows == FILES


@pytest.mark.parametrize("run", IMPORTS)
def test_an_object_that_lies_in_an_archive_counts_and_one_without_bytes_does_not(
    make_dataset: MakeDataset, bucket: FakeS3, run: Import
) -> None:
    dataset = make_dataset(made=True)
    bucket.objects = {f"in/{name}": data for name, data in (content(run, number) for number in range(FILES))}
    archived, empty = (f"in/{content(run, number)[0]}" for number in (3, 4))
    bucket.objects[empty] = b""
    bucket.refuse = lambda key: (403, "InvalidObjectState") if key == archived else None
    arguments: dict[str, Any] = {"source_options": bucket.options}
    if run is not pixels:  # whose size is asked for first; then the store refuses as a whole
        with pytest.raises(SourceError, match=rf"1 of 10 files could not be read.*the first: s3://bay/{archived}: "):
            run(dataset, "s3://bay/in", **arguments)
        counts = run(dataset, "s3://bay/in", max_unreadable_ratio=0.1, **arguments).summary.counts
        assert counts["problems"] == {PROBLEM[run]: 2}
    bucket.refuse = lambda key: None
    assert run(dataset, "s3://bay/in", **arguments).summary.counts["problems"] == {PROBLEM[run]: 1}


def test_class_names_that_cannot_be_read_fail_the_import(make_dataset: MakeDataset, bucket: FakeS3) -> None:
    dataset = make_dataset(made=True)
    bucket.objects = {"in/a.txt": b"0 0.5 0.5 0.2 0.2\n", "in/classes.txt": b"cat\n", "names.txt": b"dog\n"}
    arguments: dict[str, Any] = {"format": "yolo", "source_options": bucket.options, "max_unreadable_ratio": 1.0}
    import_labels(dataset, KEY, "s3://bay/in", **arguments)
    before = dataset.snapshots(WRITTEN)
    bucket.refuse = lambda key: (403, "ExpiredToken") if key in ("in/classes.txt", "names.txt") else None
    for classes in (None, "s3://bay/names.txt"):
        with pytest.raises(StoreError, match=r"(classes|names)\.txt"):
            import_labels(dataset, KEY, "s3://bay/in", classes=classes, **arguments)
    assert dataset.snapshots(WRITTEN) == before


def test_a_store_that_does_not_say_whether_there_is_a_file_empties_nothing(make_dataset: MakeDataset, bucket: FakeS3) -> None:
    dataset = make_dataset(made=True)
    bucket.objects = {"in/labels.json": content(labels, 0)[1]}
    labels(dataset, "s3://bay/in/labels.json", source_options=bucket.options)
    bucket.refuse = lambda key: (403, "ExpiredToken")
    with pytest.raises(SourceError, match=r"Cannot tell whether there is a file at s3://bay/in/labels\.json: "):
        labels(dataset, "s3://bay/in/labels.json", source_options=bucket.options, allow_empty=True)
    assert dataset.annotations().num_rows == 1


@pytest.mark.parametrize("ratio", [-0.1, 1.5, "0.5", True, float("nan")])
def test_a_ratio_is_a_number_from_0_to_1(make_dataset: MakeDataset, folder: Callable[[Import], Path], ratio: Any) -> None:
    source = folder(labels)
    for run in IMPORTS:
        with pytest.raises(ConfigurationError, match=r"max_unreadable_ratio=.* cannot be used: expected a number from 0 to 1"):
            run(make_dataset(made=True), source, max_unreadable_ratio=ratio)
