"""Sensors: one look, then poke or defer, and a summary at the end."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from airflow.sdk import DAG
from unit.core.release.release_rows import write_images
from unit.hooks.fake_connections import AddConnection, add_connection

from airflow_cv_dataops.common import waiting
from airflow_cv_dataops.common.waiting import WaitingLines
from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.sources.arrival import observe_arrival
from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.sensors.dataset_release import DatasetReleaseSensor
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor
from airflow_cv_dataops.triggers.dataset_release import DatasetReleaseTrigger
from airflow_cv_dataops.triggers.image_arrival import ImageArrivalTrigger

__all__ = ["add_connection"]

KEYS = {"dataset", "partition_key", "snapshot_id", "counts", "metrics", "report_uri", "duration_seconds"}


@pytest.fixture
def context() -> dict[str, Any]:
    """An asset-triggered run: neither logical date nor data interval."""
    return {"dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, 9, tzinfo=UTC))}


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    """Three images and a label file of the partition 2026-11-05, all a minute old."""
    folder = tmp_path / "landing" / "2026-11-05"
    folder.mkdir(parents=True)
    for name in ("1.png", "2.JPG", "deep/3.webp", "labels.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"1234")
    return folder


@pytest.fixture
def embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection, make_dataset: Callable[..., Dataset]
) -> Dataset:
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    return make_dataset()


def arrival(landing: Path, **arguments: Any) -> ImageArrivalSensor:
    source = f"{landing.parent}/{{partition_key}}"
    return ImageArrivalSensor(task_id="wait", source=source, **{"settle_seconds": 0, "poke_interval": 30.0, "timeout": 600, **arguments})


@pytest.mark.parametrize(
    ("min_images", "age_seconds", "satisfied"), [(3, 61, True), (4, 61, False), (3, 59, False), (1, 60, True), (0, 61, True)]
)
def test_enough_images_that_have_settled_satisfy(landing: Path, min_images: int, age_seconds: float, satisfied: bool) -> None:
    newest = max(os.stat(path).st_ctime for path in landing.rglob("*") if path.is_file())
    now = datetime.fromtimestamp(newest, UTC) + timedelta(seconds=age_seconds)
    found = observe_arrival(str(landing), min_images=min_images, settle_seconds=60, now=now)
    assert (found.images, found.bytes, found.satisfied) == (3, 12, satisfied)
    assert found.settled_seconds == pytest.approx(age_seconds, abs=0.01)


@pytest.mark.parametrize(("pattern", "images"), [(None, 3), ("*.png", 1), ("deep/*", 1), ("*", 3), ("*.tif", 0)])
def test_a_pattern_says_which_files_count(landing: Path, pattern: str | None, images: int) -> None:
    assert observe_arrival(str(landing), pattern=pattern, settle_seconds=0).images == images


def test_no_prefix_is_not_yet_an_arrival(tmp_path: Path) -> None:
    found = observe_arrival(str(tmp_path / "later"), min_images=0)
    assert (found.images, found.settled_seconds, found.satisfied) == (0, None, False)


def test_a_poke_says_no_and_leaves_no_summary(landing: Path, context: dict[str, Any]) -> None:
    result = arrival(landing, min_images=4).poke(context)
    assert (result.is_done, result.xcom_value) == (False, None)
    assert not arrival(landing, settle_seconds=3600).poke(context).is_done


def test_pokes_say_once_a_minute_what_is_there_and_what_is_wanted(
    landing: Path, context: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = itertools.count(step=25)
    monkeypatch.setattr(waiting, "_monotonic", lambda: next(seconds))
    sensor = arrival(landing, min_images=100)
    sensor._waiting = WaitingLines(logging.getLogger("waiting"), is_first_due=True)  # Airflow's own logger keeps its lines to itself
    with caplog.at_level("INFO", "waiting"):
        for _ in range(5):
            sensor.poke(context)
    told = [message for message in caplog.messages if message.startswith("Not yet")]
    assert len(told) == 2
    assert all(" of at least 100 images below " in message for message in told)


def test_a_poke_says_yes_with_a_summary(landing: Path, context: dict[str, Any]) -> None:
    sensor = arrival(landing, min_images="3", settle_seconds="0")
    result = sensor.poke(context)
    assert result.is_done
    assert set(result.xcom_value) == KEYS
    assert (result.xcom_value["partition_key"], result.xcom_value["counts"]) == ("2026-11-05", {"images": 3, "bytes": 12})
    assert sensor.execute(context)["counts"] == {"images": 3, "bytes": 12}


def test_lineage_names_the_prefix_above_the_partition_and_the_condition(landing: Path, context: dict[str, Any]) -> None:
    sensor = arrival(landing, min_images=2, settle_seconds=0)
    sensor.poke(context)
    assert sensor.step_lineage is not None
    assert [use.uri for use in sensor.step_lineage.inputs] == [f"file://{landing.parent}"]
    assert sensor.step_lineage.inputs == sensor.planned_lineage().inputs
    assert sensor.step_lineage.facts["condition"] == "at least 2 images, settled for 0 s"
    assert sensor.step_lineage.facts["satisfied"] is True


def test_a_deferrable_sensor_looks_once_and_does_not_defer_when_all_is_there(landing: Path, context: dict[str, Any]) -> None:
    assert arrival(landing, deferrable=True).execute(context)["counts"]["images"] == 3


def test_a_deferrable_sensor_defers_with_everything_that_the_trigger_needs(landing: Path, context: dict[str, Any]) -> None:
    sensor = arrival(landing, min_images="4", pattern="*.png", exclude="old/*", deferrable=True, cv_catalog_conn_id="c", aws_conn_id="aws")
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, ImageArrivalTrigger)
    assert trigger.arguments() == {
        "source": str(landing),
        "min_images": 4,
        "settle_seconds": 0.0,
        "pattern": "*.png",
        "exclude": ["old/*"],
        "cv_catalog_conn_id": "c",
        "aws_conn_id": "aws",
        "poke_interval": 30.0,
    }
    assert deferred.value.method_name == "execute_complete"
    assert deferred.value.timeout == timedelta(seconds=600)


def test_a_sensor_of_an_hourly_dag_waits_for_the_partition_of_its_hour(landing: Path, context: dict[str, Any]) -> None:
    hourly = DAG("hourly", schedule="@hourly", start_date=datetime(2026, 11, 5, tzinfo=UTC))
    run = {**context, "dag": hourly, "logical_date": datetime(2026, 11, 5, 9, tzinfo=UTC)}
    sensor = arrival(landing, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        sensor.execute(run)
    assert deferred.value.trigger.source == str(landing.parent / "2026-11-05T09")
    event = {"status": "success", "observed": {"images": 7, "bytes": 70, "settled_seconds": 90.0, "satisfied": True}}
    assert arrival(landing, deferrable=True).execute_complete(run, event)["partition_key"] == "2026-11-05T09"


def test_a_fresh_process_takes_up_where_the_trigger_left_off(landing: Path, context: dict[str, Any]) -> None:
    sensor = arrival(landing, deferrable=True)
    observed = {"images": 7, "bytes": 70, "settled_seconds": 90.0, "satisfied": True}
    summary = sensor.execute_complete(context, {"status": "success", "observed": observed})
    assert (summary["counts"], summary["partition_key"]) == ({"images": 7, "bytes": 70}, "2026-11-05")
    assert sensor.step_lineage is not None
    assert sensor.step_lineage.facts["details"] == {"images": 7, "bytes": 70}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"status": "error", "message": "SourceError: no such bucket"}, "wait stopped waiting: SourceError: no such bucket"),
        (None, "wait stopped waiting: the trigger sent no event"),
        ({}, "wait stopped waiting: the trigger sent no event"),
    ],
)
def test_an_event_of_failure_fails_the_task_and_says_why(landing: Path, context: dict[str, Any], event: Any, message: str) -> None:
    with pytest.raises(AirflowException, match=message):
        arrival(landing, deferrable=True).execute_complete(context, event)


def test_a_source_that_cannot_be_listed_fails_the_poke(landing: Path, context: dict[str, Any]) -> None:
    sensor = ImageArrivalSensor(task_id="wait", source=str(landing / "1.png"))
    with pytest.raises(SourceError, match="is a file"):
        sensor.poke(context)


def test_a_count_that_is_no_number_is_refused_by_name(landing: Path, context: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="min_images='many' is not a number"):
        arrival(landing, min_images="many").poke(context)


def released(**arguments: Any) -> DatasetReleaseSensor:
    return DatasetReleaseSensor(task_id="wait", **{"dataset": "digits", "poke_interval": 30.0, "timeout": 600, **arguments})


def test_a_release_sensor_waits_for_the_first_release(embedded: Dataset, context: dict[str, Any]) -> None:
    assert not released().poke(context).is_done
    write_images(embedded, "p", ["a", "b"])
    promote_dataset(embedded)
    result = released().poke(context)
    assert result.is_done
    assert set(result.xcom_value) == KEYS | {"release", "stage"}
    assert (result.xcom_value["release"], result.xcom_value["counts"]) == ("v1", {"images": 2, "annotations": 0})
    assert result.xcom_value["snapshot_id"] == embedded.snapshot_id("releases")


def test_a_release_sensor_waits_for_a_release_after_the_named_one(embedded: Dataset, context: dict[str, Any]) -> None:
    write_images(embedded, "p", ["a"])
    promote_dataset(embedded)
    assert not released(after="v1").poke(context).is_done
    assert not released(stage="staging").poke(context).is_done
    write_images(embedded, "q", ["b"])
    promote_dataset(embedded)
    assert released(after="v1").poke(context).xcom_value["release"] == "v2"
    assert released(after="").poke(context).is_done


def test_a_release_sensor_defers_and_takes_up_again(embedded: Dataset, context: dict[str, Any]) -> None:
    with pytest.raises(TaskDeferred) as deferred:
        released(after="v3", deferrable=True).execute(context)
    trigger = deferred.value.trigger
    assert isinstance(trigger, DatasetReleaseTrigger)
    assert trigger.arguments() == {
        "dataset": "digits",
        "stage": "production",
        "after": "v3",
        "cv_catalog_conn_id": "cv_catalog_default",
        "aws_conn_id": None,
        "poke_interval": 30.0,
    }
    observed = {
        "dataset": "digits",
        "stage": "production",
        "release": "v4",
        "images": 5,
        "annotations": 6,
        "snapshot_id": "9",
        "satisfied": True,
    }
    sensor = released(after="v3")
    summary = sensor.execute_complete(context, {"status": "success", "observed": observed})
    assert (summary["release"], summary["counts"]["annotations"], summary["snapshot_id"]) == ("v4", 6, "9")
    assert sensor.step_lineage is not None
    assert [use.snapshot_id for use in sensor.step_lineage.inputs] == ["9"]
    assert sensor.step_lineage.facts["condition"] == "production past v3"
