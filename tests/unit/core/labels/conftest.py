"""Images rows and label files in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from airflow_cv_dataops.core.labels.join import join_labels
from airflow_cv_dataops.core.labels.reading import read_labels
from airflow_cv_dataops.core.labels.records import Labels, RecordBuilder


@pytest.fixture
def make_images() -> Callable[..., pa.Table]:
    """Return the columns of ``images`` that a join needs; image ids are the rows' numbers unless given."""
    return images_table


def images_table(names: Sequence[str], width: int = 640, height: int = 480, image_ids: Sequence[str] | None = None) -> pa.Table:
    count = len(names)
    return pa.table(
        {
            "source_uri": pa.array([f"file:///source/{name}" for name in names], pa.string()),
            "image_id": pa.array(image_ids or [f"{row:064x}" for row in range(count)], pa.string()),
            "file_name": pa.array(names, pa.string()),
            "width": pa.array([width] * count, pa.int32()),
            "height": pa.array([height] * count, pa.int32()),
        }
    )


@pytest.fixture
def builder() -> RecordBuilder:
    """Return a builder that has begun a file."""
    records = RecordBuilder("default", "coco")
    records.start_file("labels.json", "file:///labels/labels.json", 0)
    return records


@pytest.fixture
def read_file(tmp_path: Path) -> Callable[..., Labels]:
    """Return what is read from one label file with the given bytes."""

    def read(data: bytes | str, name: str, **options) -> Labels:
        file = tmp_path / "labels" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.encode() if isinstance(data, str) else data)
        return read_labels(str(file), **options)

    return read


@pytest.fixture
def joined_rows() -> Callable[..., list[dict]]:
    """Return labels joined to images of the given names, as dictionaries."""

    def rows(labels: Labels, names: Sequence[str], **size: int) -> list[dict]:
        return join_labels(labels.rows, images_table(names, **size)).rows.to_pylist()

    return rows
