"""Sources and files may be given as paths, too: at once, to copies of a mapped task, and by an XCom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import DAG, ObjectStoragePath
from airflow.sdk.definitions.xcom_arg import PlainXComArg
from unit.hooks.fake_connections import AddConnection, add_connection

from airflow_cv_dataops import (
    ConfigurationError,
    Dataset,
    IngestSettings,
    import_labels,
    import_predictions,
    ingest_images,
    observe_arrival,
    plan_shards,
)
from airflow_cv_dataops.common.places import path_text
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator
from airflow_cv_dataops.operators.sharded_image_ingest import ImageShardPlanOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor

__all__ = ["add_connection"]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Path("/data/{partition_key}/a b"), "/data/{partition_key}/a b"),
        (Path("classes.lst"), "./classes.lst"),
        (ObjectStoragePath("s3://my_conn@bucket/in/{partition_key}"), "s3://my_conn@bucket/in/{partition_key}"),
        (ObjectStoragePath("s3://bucket/in", conn_id="my_conn") / "day", "s3://my_conn@bucket/in/day"),
        (ObjectStoragePath("file:///data/a b%20c"), "/data/a b%20c"),
        (ObjectStoragePath("/data/a"), "/data/a"),
        ("s3://b/{partition_key}", "s3://b/{partition_key}"),
        (None, None),
        (["cat", "dog"], ["cat", "dog"]),
    ],
    ids=str,
)
def test_the_text_of_a_path(given: Any, text: Any) -> None:
    assert path_text(given) == text


def test_operators_and_sensors_take_paths_and_leave_what_is_still_to_come() -> None:
    path, there = Path("/in/x"), ObjectStoragePath("s3://c@bucket/in")
    assert ImageIngestOperator(task_id="a", dataset="d", source=path).source == "/in/x"
    assert ImageArrivalSensor(task_id="a", source=there).source == "s3://c@bucket/in"
    labels = LabelImportOperator(task_id="a", dataset="d", format="yolo", source=there, classes=Path("names"))
    assert (labels.source, labels.classes) == ("s3://c@bucket/in", "./names")
    found = PredictionImportOperator(task_id="a", dataset="d", model="m", source=path, coco_reference=there, classes=path, ids=path)
    assert (found.source, found.coco_reference, found.classes, found.ids) == ("/in/x", "s3://c@bucket/in", "/in/x", "/in/x")
    with DAG("paths"):
        before = ImageIngestOperator(task_id="a", dataset="d", source="/in")
        after = ImageIngestOperator(task_id="b", dataset="d", source=before.output)
        assert isinstance(after.source, PlainXComArg)
        ImageIngestOperator.partial(task_id="c", source=path).expand(dataset=["one", "two"])
        mapped = ImageIngestOperator.partial(task_id="e", dataset="d").expand(source=[path, there])
    assert [mapped.unmap({**mapped.partial_kwargs, "source": value}).source for value in (path, there)] == ["/in/x", "s3://c@bucket/in"]


def test_a_path_that_an_xcom_brings_is_a_text_when_the_templates_are_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection
) -> None:
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path))
    sensor = ImageArrivalSensor(task_id="a", source="/in")
    sensor.source = tmp_path  # type: ignore[assignment]
    sensor.render_template_fields({"dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC))})  # type: ignore[typeddict-item]
    assert sensor.source == str(tmp_path)


def test_python_takes_paths_to_everything(tmp_path: Path, make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(made=True)
    (tmp_path / "names.lst").write_text("cat\ndog\n")
    (tmp_path / "a.txt").write_text("1 0.5 0.5 0.1 0.1\n")
    import_labels(dataset, "k", tmp_path / "a.txt", format="yolo", classes=tmp_path / "names.lst")
    assert dataset.annotations(["category"])["category"].to_pylist() == ["dog"]
    (tmp_path / "ref.json").write_text('{"images": [{"id": 7, "file_name": "x.jpg"}], "categories": [{"id": 1, "name": "cat"}]}')
    (tmp_path / "p.json").write_text('[{"image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]')
    import_predictions(dataset, "k", tmp_path / "p.json", model="m", coco_reference=tmp_path / "ref.json")
    assert dataset.read("predictions", columns=["file_name", "category"]).to_pylist() == [{"file_name": "x.jpg", "category": "cat"}]


OF_FILES: dict[type, dict[str, Any]] = {
    ImageIngestOperator: {"dataset": "d"},
    ImageShardPlanOperator: {"dataset": "d"},
    LabelImportOperator: {"dataset": "d", "format": "coco"},
    PredictionImportOperator: {"dataset": "d", "model": "m"},
    ImageArrivalSensor: {},
}


def run(kind: type, **arguments: Any) -> None:
    task = kind(task_id="t", partition_key="k", **{**OF_FILES[kind], **arguments})
    context: Any = {"ti": SimpleNamespace(), "params": {"empty": "", "null": None}}
    task.render_template_fields(context)
    task.execute(context)


@pytest.mark.parametrize("kind", OF_FILES)
@pytest.mark.parametrize("source", [None, "", " ", "{{ params.empty }}", "{{ params.null }}", [None], ["/in"], 7, b"/in"], ids=str)
def test_a_source_that_is_none_is_refused(kind: type, source: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"source=.* is not a place: .*expected a URI"):
        run(kind, source=source)


@pytest.mark.parametrize("kind", OF_FILES)
@pytest.mark.parametrize("pattern", [["*.jpg", "*.png"], [], 3], ids=str)
def test_a_pattern_is_one_glob(kind: type, pattern: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"pattern=.* cannot be used: expected one glob, a string such as '\*\.jpg'; exclude"):
        run(kind, source=str(tmp_path), pattern=pattern)


@pytest.mark.parametrize("source", [None, "", " ", [None], 7, b"/in"], ids=str)
def test_python_refuses_a_source_that_is_none(source: Any, make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(made=True)
    calls: list[Callable[[], Any]] = [
        lambda: ingest_images(dataset, "k", source),
        lambda: plan_shards(dataset, "k", source),
        lambda: observe_arrival(source),
        lambda: import_labels(dataset, "k", source, format="coco"),
        lambda: import_predictions(dataset, "k", source, model="m"),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match=r"source=.* is not a place: expected a URI"):
            call()


@pytest.mark.parametrize("pattern", [["*.jpg"], [], 3], ids=str)
def test_python_refuses_a_pattern_that_is_no_glob(pattern: Any, tmp_path: Path, make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(made=True)
    calls: list[Callable[[], Any]] = [
        lambda: observe_arrival(tmp_path, pattern=pattern),
        lambda: import_labels(dataset, "k", tmp_path, format="coco", pattern=pattern),
        lambda: import_predictions(dataset, "k", tmp_path, model="m", pattern=pattern),
        lambda: IngestSettings(pattern=pattern),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match=r"pattern=.* cannot be used: expected"):
            call()


@pytest.mark.parametrize("source", ["s3:/landing/{partition_key}", Path("s3://landing/{partition_key}"), "https:/example.com/a.zip"])
def test_a_uri_that_has_lost_a_slash_is_refused_and_is_no_local_folder(source: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"source is not a place: it begins with '.*:/', expected (s3|https)://"):
        ImageIngestOperator(task_id="ingest", dataset="digits", source=source)


@pytest.mark.parametrize("source", ["s3/landing", "/data/s3:/landing", "file:/data/landing", "gs:landing"])
def test_a_path_may_look_a_little_like_a_uri(source: str) -> None:
    assert ImageIngestOperator(task_id="ingest", dataset="digits", source=source).source == source
