"""Which data files a release is made of and read from: those of its partitions, however many the dataset has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyiceberg.io.pyarrow import PyArrowFileIO
from unit.core.release.release_rows import write_annotations, write_audit, write_images

from airflow_cv_dataops.core.dataset import Dataset
from airflow_cv_dataops.core.release import snapshot_reader
from airflow_cv_dataops.core.release.promote import promote_dataset

pytestmark = pytest.mark.integration

KEYS = [f"2026-11-{day:02}" for day in range(1, 21)]


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    """Twenty audited partitions of three labelled images."""
    dataset = make_dataset()
    for key in KEYS:
        names = [f"{key}-{number}" for number in range(3)]
        write_images(dataset, key, names)
        write_annotations(dataset, key, [(name, "cat") for name in names])
        write_audit(dataset, key)
    return dataset


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the data files that were opened, in the order in which they were."""
    paths: list[str] = []
    real = PyArrowFileIO.new_input

    def new_input(self: PyArrowFileIO, location: str) -> Any:
        if location.endswith(".parquet"):
            paths.append(location)
        return real(self, location)

    monkeypatch.setattr(PyArrowFileIO, "new_input", new_input)
    return paths


def of_tables(paths: list[str], *tables: str) -> int:
    return len({path for path in paths if any(f"/{table}/" in path for table in tables)})


@pytest.mark.parametrize("keys", [KEYS[:1], KEYS[3:9]])
@pytest.mark.parametrize("most", [50, 0])
def test_of_other_partitions_no_file_is_opened(dataset: Dataset, opened: list[str], monkeypatch, keys: list[str], most: int) -> None:
    """``most``: how many keys PyIceberg is handed, instead of the paths of files."""
    monkeypatch.setattr(snapshot_reader, "_KEYS_TO_PLAN_BY", most)
    result = promote_dataset(dataset, partition_keys=keys, gates=["label_error_rate == 0"], card=False)
    assert (result.failure, result.summary.counts["images"]) == (None, 3 * len(keys))
    tables = ("images", "annotations", "metrics")
    assert [of_tables(opened, table) for table in tables] == [len(keys)] * 3
    opened.clear()
    release = dataset.release("production")
    assert release is not None
    assert release.annotations(["category"]).num_rows == 3 * len(keys)
    assert of_tables(opened, "annotations") == len(keys)


def test_images_of_a_release_of_one_partition_are_read_from_one_file(dataset: Dataset, opened: list[str]) -> None:
    promote_dataset(dataset, partition_keys=KEYS[4:5], card=False)
    opened.clear()
    release = dataset.release("production")
    assert release is not None
    assert sorted(release.images(["file_name"])["file_name"].to_pylist()) == [f"{KEYS[4]}-{number}.png" for number in range(3)]
    assert (of_tables(opened, "images"), of_tables(opened, "release_items")) == (1, 1)
