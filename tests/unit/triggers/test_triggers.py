"""Triggers: made again from what they serialise, looking without blocking, firing once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseHook
from fake_s3 import fake_s3
from processes import PATIENCE_SECONDS
from unit.core.release.release_rows import write_images
from unit.hooks.fake_connections import SECRET_KEY, AddConnection, SynchronousCallInTheEventLoop, add_aws, add_connection
from unit.triggers.trigger_events import events_of

from airflow_cv_dataops.core.release.promote import promote_dataset
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.triggers.dataset_release import DatasetReleaseTrigger
from airflow_cv_dataops.triggers.image_arrival import ImageArrivalTrigger

__all__ = ["add_connection"]


def arrival(source: str, **changed: Any) -> ImageArrivalTrigger:
    arguments = {
        "source": source,
        "min_images": 1,
        "settle_seconds": 0.0,
        "pattern": None,
        "cv_catalog_conn_id": "cv_catalog_default",
        "aws_conn_id": None,
        "poke_interval": 0.01,
    }
    return ImageArrivalTrigger(**{**arguments, **changed})


def release(**changed: Any) -> DatasetReleaseTrigger:
    arguments = {
        "dataset": "digits",
        "stage": "production",
        "after": None,
        "cv_catalog_conn_id": "cv_catalog_default",
        "aws_conn_id": None,
        "poke_interval": 0.01,
    }
    return DatasetReleaseTrigger(**{**arguments, **changed})


@pytest.fixture
def embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add_connection: AddConnection, make_dataset: Callable[..., Dataset]
) -> Dataset:
    """A dataset in the embedded catalog that the hook finds without any connection."""
    monkeypatch.setenv("AIRFLOW__CV_DATAOPS__HOME", str(tmp_path / "cv_dataops"))
    return make_dataset()


@pytest.mark.parametrize(
    "trigger", [arrival("s3://b/p", pattern="*.png", aws_conn_id="aws"), release(after="v3")], ids=["arrival", "release"]
)
def test_a_trigger_is_made_again_from_what_it_serialises(trigger: Any) -> None:
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert type(again) is type(trigger)
    assert again.serialize() == trigger.serialize()
    assert {name: getattr(again, name) for name in arguments} == arguments


def test_airflows_own_serialisation_takes_the_arguments() -> None:
    from airflow.serialization.serialized_objects import BaseSerialization

    _, arguments = arrival("/data").serialize()
    assert BaseSerialization.deserialize(BaseSerialization.serialize(arguments)) == arguments


def test_images_that_are_there_fire_at_the_first_look(tmp_path: Path, add_connection: AddConnection) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"12")
    (event,) = events_of(arrival(str(tmp_path), min_images=3))
    assert event.payload["status"] == "success"
    observed = event.payload["observed"]
    assert (observed["images"], observed["bytes"], observed["satisfied"]) == (3, 6, True)
    assert json.loads(json.dumps(event.payload)) == event.payload


def test_a_trigger_sleeps_before_it_looks(tmp_path: Path, add_connection: AddConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trigger that fires while the scheduler still takes its task for running would have that task failed."""
    (tmp_path / "1.png").write_bytes(b"x")
    done: list[object] = []
    sleep, observe = asyncio.sleep, ImageArrivalTrigger.observe

    async def sleeping(seconds: float) -> None:
        done.append(seconds)
        await sleep(0)

    async def observing(trigger: ImageArrivalTrigger) -> Any:
        done.append("looked")
        return await observe(trigger)

    monkeypatch.setattr("airflow_cv_dataops.triggers.base.asyncio.sleep", sleeping)
    monkeypatch.setattr(ImageArrivalTrigger, "observe", observing)
    (event,) = events_of(arrival(str(tmp_path), poke_interval=30.0))
    assert event.payload["status"] == "success"
    assert done == [30.0, "looked"]


def test_images_that_come_later_fire_then(tmp_path: Path, add_connection: AddConnection) -> None:
    folder = tmp_path / "landing"

    def arrive() -> None:
        folder.mkdir()
        (folder / "1.png").write_bytes(b"x")

    (event,) = events_of(arrival(str(folder)), meanwhile=arrive)
    assert event.payload["observed"]["images"] == 1


def test_a_source_that_cannot_be_listed_ends_the_wait_with_what_went_wrong(tmp_path: Path, add_connection: AddConnection) -> None:
    (tmp_path / "file").touch()
    (event,) = events_of(arrival(str(tmp_path / "file")))
    assert event.payload["status"] == "error"
    assert event.payload["message"].startswith("SourceError: ")
    assert "is a file; expected a folder" in event.payload["message"]


def test_a_missing_connection_ends_the_wait_with_its_name(add_connection: AddConnection) -> None:
    (event,) = events_of(release(cv_catalog_conn_id="nowhere"))
    assert event.payload == {"status": "error", "message": "AirflowNotFoundException: The conn_id `nowhere` isn't defined"}


def test_a_stage_that_moves_later_fires_then(embedded: Dataset) -> None:
    write_images(embedded, "p", ["a", "b"])
    (event,) = events_of(release(), meanwhile=lambda: promote_dataset(embedded) and None)
    assert event.payload["status"] == "success"
    observed = event.payload["observed"]
    assert (observed["release"], observed["images"], observed["satisfied"]) == ("v1", 2, True)
    assert isinstance(observed["snapshot_id"], str)


def test_a_stage_at_the_named_release_waits_for_the_next(embedded: Dataset) -> None:
    write_images(embedded, "p", ["a"])
    promote_dataset(embedded)

    def grow() -> None:
        write_images(embedded, "q", ["b"])
        promote_dataset(embedded)

    (event,) = events_of(release(after="v1"), meanwhile=grow)
    assert event.payload["observed"]["release"] == "v2"


def test_a_trigger_makes_no_synchronous_lookup_in_the_event_loop(add_connection: AddConnection, tmp_path: Path) -> None:
    """Every connection, also the AWS one behind the catalog, is looked up asynchronously; secrets are masked off the loop."""
    add_aws(add_connection, "minio", endpoint_url="http://127.0.0.1:9")
    extra = {"warehouse": "s3://lake/w", "aws_conn_id": "minio", "properties": '{"pool_size": "3"}'}
    add_connection("c", "cv_catalog", host=f"sqlite:///{tmp_path}/c.db", login="me", password="pg-hunter2", extra=extra)
    trigger = release(cv_catalog_conn_id="c")
    assert asyncio.run(asyncio.wait_for(trigger.observe(), PATIENCE_SECONDS)).release is None
    s3 = arrival("s3://minio@bucket/landing", cv_catalog_conn_id="c")
    from airflow_cv_dataops.hooks.dataset import DatasetHook

    uri, options = asyncio.run(DatasetHook(s3.cv_catalog_conn_id).astorage(s3.source))
    assert (uri, options["secret_access_key"]) == ("s3://bucket/landing", SECRET_KEY)


def test_a_synchronous_lookup_in_the_event_loop_would_be_noticed(add_connection: AddConnection) -> None:
    add_connection("c", "cv_catalog", host="sqlite:////data/c.db", extra={"type": "sql"})

    async def look() -> None:
        BaseHook.get_connection("c")

    with pytest.raises(SynchronousCallInTheEventLoop):
        asyncio.run(look())

    async def mask() -> dict[str, Any]:
        return (await BaseHook.aget_connection("c")).extra_dejson

    with pytest.raises(SynchronousCallInTheEventLoop):
        asyncio.run(mask())


def test_the_first_look_at_s3_imports_nothing_heavy_in_the_event_loop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with fake_s3() as s3:
        s3.objects = {"in/1.png": b"image"}
        extra = {"region_name": "us-east-1", "endpoint_url": s3.endpoint}
        monkeypatch.setenv("AIRFLOW_CONN_AWS_BAY", json.dumps({"conn_type": "aws", "login": "id", "password": "secret", "extra": extra}))
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
        command = [sys.executable, str(Path(__file__).with_name("first_look.py")), "s3://aws_bay@b/in"]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.rpartition("RESULT ")[2])
    assert result["images"] == 1
    heavy = ("airflow.providers.amazon", "boto3", "botocore", "obstore", "pyarrow", "pyiceberg", "requests", "numpy")
    assert [name for name in result["imported"] if name.startswith(heavy)] == []
