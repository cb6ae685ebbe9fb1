"""Files beside the source (classes, ids, a COCO reference) are opened with the connection that their own URI names."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fake_s3 import FakeS3, fake_s3

from airflow_cv_dataops.hooks.dataset import DatasetHook
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator

pytestmark = pytest.mark.integration

KEY = "2026-11-05"
CONTEXT: dict[str, Any] = {
    "ti": SimpleNamespace(dag_id="d", run_id="r", xcom_push=lambda **_: None),
    "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC)),
}


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[FakeS3, FakeS3]]:
    """Two object stores: connection ``aws_first`` leads to one, ``aws_second`` to the other."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    with fake_s3() as first, fake_s3() as second:
        for name, store in (("FIRST", first), ("SECOND", second)):
            extra = {"region_name": "us-east-1", "endpoint_url": store.endpoint}
            connection = {"conn_type": "aws", "login": "key-id", "password": "secret-key", "extra": extra}
            monkeypatch.setenv(f"AIRFLOW_CONN_AWS_{name}", json.dumps(connection))
        DatasetHook().dataset("digits").ensure_table("images")
        yield first, second


def test_yolo_classes_come_from_another_store(stores: tuple[FakeS3, FakeS3]) -> None:
    first, second = stores
    first.objects = {f"labels/{KEY}/a.txt": b"1 0.5 0.5 0.2 0.2\n"}
    second.objects = {f"classes/{KEY}.txt": b"cat\ndog\n"}
    operator = LabelImportOperator(
        task_id="labels",
        dataset="digits",
        partition_key=KEY,
        format="yolo",
        source="s3://aws_first@b/labels/{partition_key}",
        classes="s3://aws_second@b/classes/{partition_key}.txt",
        min_match_ratio=0,
    )
    operator.execute(CONTEXT)
    assert DatasetHook().dataset("digits").read("annotations")["category"].to_pylist() == ["dog"]


def test_classes_and_ids_of_probabilities_come_from_another_store(stores: tuple[FakeS3, FakeS3]) -> None:
    first, second = stores
    content = io.BytesIO()
    np.save(content, np.array([[0.1, 0.9], [0.8, 0.2]]))
    first.objects = {f"out/{KEY}.npy": content.getvalue()}
    second.objects = {f"{KEY}/classes.txt": b"cat\ndog\n", f"{KEY}/ids.txt": b"a.png\nb.png\n"}
    predictions(
        source="s3://aws_first@b/out/{partition_key}.npy",
        classes="s3://aws_second@b/{partition_key}/classes.txt",
        ids="s3://aws_second@b/{partition_key}/ids.txt",
    )
    rows = DatasetHook().dataset("digits").read("predictions").to_pylist()
    assert sorted((row["file_name"], row["category"]) for row in rows) == [("a.png", "dog"), ("b.png", "cat")]


def test_a_coco_reference_comes_from_another_store(stores: tuple[FakeS3, FakeS3]) -> None:
    first, second = stores
    first.objects = {"results.json": json.dumps([{"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4], "score": 0.5}]).encode()}
    reference = {"images": [{"id": 7, "file_name": "a.png"}], "categories": [{"id": 3, "name": "dog"}], "annotations": []}
    second.objects = {f"{KEY}.json": json.dumps(reference).encode()}
    predictions(source="s3://aws_first@b/results.json", coco_reference="s3://aws_second@b/{partition_key}.json")
    (row,) = DatasetHook().dataset("digits").read("predictions").to_pylist()
    assert (row["file_name"], row["category"]) == ("a.png", "dog")


def predictions(**arguments: Any) -> None:
    operator = PredictionImportOperator(
        task_id="predictions", dataset="digits", partition_key=KEY, model="m", min_match_ratio=0, **arguments
    )
    operator.execute(CONTEXT)
