"""The IAM policy in deploy/: a worker that has nothing else can do the whole flow, and needs all of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from integration.aws_server import ACCOUNT, OWNER, REGION, WORKER, AwsServer, Policy, aws_server
from PIL import Image
from project import PROJECT_ROOT

from airflow_cv_dataops.core.report.location import read_report
from airflow_cv_dataops.hooks.dataset import DatasetHook
from airflow_cv_dataops.operators.base import DatasetOperator
from airflow_cv_dataops.operators.dataset_description import DatasetDescriptionOperator
from airflow_cv_dataops.operators.dataset_diff import DatasetDiffOperator
from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator
from airflow_cv_dataops.operators.dataset_health import DatasetHealthOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.dataset_rollback import DatasetRollbackOperator
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator
from airflow_cv_dataops.operators.hard_example_sampling import HardExampleSamplingOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.operators.prediction_import import PredictionImportOperator
from airflow_cv_dataops.operators.sharded_image_ingest import ImageShardCommitOperator, ImageShardOperator, ImageShardPlanOperator
from airflow_cv_dataops.sensors.dataset_release import DatasetReleaseSensor
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor
from airflow_cv_dataops.sensors.label_freshness import LabelFreshnessSensor

pytestmark = [
    pytest.mark.integration,
    pytest.mark.servers,
    pytest.mark.once(reason="AWS is asked by PyIceberg and obstore, which are the same on every version of Airflow"),
]

POLICY = (PROJECT_ROOT / "deploy" / "iam-policy.json").read_text()
PLACES = {"SOURCE-BUCKET": "landing", "LAKE-BUCKET": "lake", "REGION": REGION, "ACCOUNT": ACCOUNT}
KEY = "2026-11-05"
CONTEXT: dict[str, Any] = {
    "ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t", xcom_push=lambda **_: None),
    "dag_run": SimpleNamespace(run_after=datetime(2026, 11, 5, tzinfo=UTC)),
}


# What docs/deployment-aws.md says that an export to a bucket of its own needs besides.
EXPORT = [
    {"Sid": "FindExported", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::training"},
    {"Sid": "Export", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::training/*"},
]
# What it says that a reader needs: a notebook, or the API server, which shows reports.
_GLUE = [f"arn:aws:glue:{REGION}:{ACCOUNT}:{kind}" for kind in ("catalog", "database/signs", "table/signs/*")]
READER = [
    {"Sid": "Find", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::lake"},
    {"Sid": "Read", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::lake/warehouse/*"},
    {"Sid": "Look", "Action": ["glue:GetDatabase", "glue:GetTable"], "Resource": _GLUE},
]


def policy(without: str = "") -> Policy:
    """Return the policy for the buckets of these tests, less one statement."""
    text = POLICY
    for placeholder, place in PLACES.items():
        text = text.replace(placeholder, place)
    return Policy([statement for statement in json.loads(text)["Statement"] if statement["Sid"] != without])


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AwsServer]:
    """An AWS with three buckets, and connections with the worker's key."""
    pytest.importorskip("moto.server", reason="the package moto is not installed")
    with aws_server(policy()) as server:
        s3 = client(server, "s3", OWNER)
        for bucket in ("landing", "lake", "training"):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        land(server)
        connection = {
            "conn_type": "aws",
            "login": WORKER,
            "password": "secret",
            "extra": {"region_name": REGION, "endpoint_url": server.endpoint},
        }
        extra = {"type": "glue", "warehouse": "s3://lake/warehouse", "aws_conn_id": "aws", "properties": {"glue.endpoint": server.endpoint}}
        monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
        monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW_CONN_GLUE", json.dumps({"conn_type": "cv_catalog", "extra": extra}))
        yield server


def client(server: AwsServer, service: str, key: str) -> Any:
    import boto3

    return boto3.client(service, region_name=REGION, endpoint_url=server.endpoint, aws_access_key_id=key, aws_secret_access_key="secret")


def land(server: AwsServer) -> None:
    """Put six images, labels for four of them and predictions for all into the landing bucket."""
    files = {}
    for number in range(6):
        picture = io.BytesIO()
        Image.effect_noise((32, 24), 30 + number).save(picture, "PNG")
        files[f"images/{number}.png"] = picture.getvalue()
    files["labels.csv"] = ("file_name,category\n" + "".join(f"{number}.png,cat\n" for number in range(4))).encode()
    files["more_labels.csv"] = b"file_name,category\n5.png,dog\n"
    files["predictions.csv"] = ("file_name,cat,dog\n" + "".join(f"{number}.png,0.6,0.4\n" for number in range(6))).encode()
    six = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 6}}
    files["contract.json"] = json.dumps({"name": "own", "expectations": [six]}).encode()
    for name, content in files.items():
        client(server, "s3", OWNER).put_object(Bucket="landing", Key=f"{KEY}/{name}", Body=content)


def whole_flow() -> list[dict[str, Any]]:
    """Run every step once, promotion twice and validation from a bucket too, and return their summaries."""
    common: dict[str, Any] = {"dataset": "signs", "cv_catalog_conn_id": "glue"}
    day: dict[str, Any] = {**common, "partition_key": KEY}
    source = f"s3://landing/{KEY}"
    wait = ImageArrivalSensor(task_id="wait", source=f"{source}/images", min_images=6, settle_seconds=0, cv_catalog_conn_id="glue")
    assert wait.poke(CONTEXT).is_done
    ingest()
    sharded_ingest(source)
    steps: list[DatasetOperator] = [
        DatasetDescriptionOperator(task_id="describe", description="Signs.", **common),
        LabelImportOperator(task_id="labels", source=f"{source}/labels.csv", format="csv", **day),
        PredictionImportOperator(task_id="predictions", source=f"{source}/predictions.csv", model="m", **day),
        LabelAuditOperator(task_id="audit", on_findings="warn", **day),
        DatasetValidationOperator(task_id="contract", categories=["cat", "dog"], **day),
        DatasetValidationOperator(task_id="own_contract", table="images", suite=f"{source}/contract.json", contract="own", **day),
        DatasetHealthOperator(task_id="health", on_findings="warn", **day),
        HardExampleSamplingOperator(task_id="sample", budget=2, **day),
        DatasetPromotionOperator(task_id="first", gates=["images >= 6"], stage="staging", **common),
        DatasetExportOperator(task_id="export", release="staging", format="imagefolder", **common),
        LabelImportOperator(task_id="relabel", source=f"{source}/more_labels.csv", format="csv", label_set="more", **day),
        DatasetPromotionOperator(task_id="second", gates=["images >= 6"], stage="staging", **common),
        DatasetDiffOperator(task_id="diff", before="v1", after="v2", **common),
        DatasetRollbackOperator(task_id="back", stage="staging", reason="a trial", **common),
        DatasetDescriptionOperator(task_id="anew", notes="Tried.", **common),
    ]
    summaries = [step.execute(CONTEXT) for step in steps]
    labelled = LabelFreshnessSensor(task_id="labelled", min_labelled_ratio=0.5, **day)
    moved = DatasetReleaseSensor(task_id="moved", stage="staging", **common)
    assert [sensor.poke(CONTEXT).is_done for sensor in (labelled, moved)] == [True, True]
    assert DatasetHook("glue").test_connection() == (True, "The catalog answers: 1 dataset")
    return summaries


def sharded_ingest(source: str) -> None:
    """Ingest the same images by mapped tasks: plan, shards, commit."""
    arguments: dict[str, Any] = {"dataset": "signs", "source": f"{source}/images", "partition_key": KEY, "cv_catalog_conn_id": "glue"}
    pushed: dict[str, Any] = {}
    ti = SimpleNamespace(dag_id="d", run_id="r", xcom_push=lambda key, value: pushed.update({key: value}))
    shards = ImageShardPlanOperator(task_id="plan", max_files_per_shard=3, **arguments).execute({**CONTEXT, "ti": ti})
    plan = pushed["plan"]
    results = [ImageShardOperator(task_id="shard", plan=plan, index=shard, **arguments).execute(CONTEXT) for shard in shards]
    committed = ImageShardCommitOperator(task_id="commit", plan=plan, results=results, **arguments).execute(CONTEXT)
    assert (len(results), committed["counts"]["images"]) == (2, 6)


def opened_reports(summaries: list[dict[str, Any]]) -> list[str]:
    """Open every report as Airflow's page does, and return whose there were."""
    dataset = DatasetHook("glue").dataset("signs")
    uris = [summary["report_uri"] for summary in summaries if summary.get("report_uri")]
    assert all(read_report(dataset, uri).lstrip().startswith(b"<!") for uri in uris)
    return [uri.split("/reports/")[1].split("/")[0] for uri in uris]


def ingest(**arguments: Any) -> dict[str, int]:
    operator = ImageIngestOperator(
        task_id="ingest",
        dataset="signs",
        source=f"s3://landing/{KEY}/images",
        partition_key=KEY,
        cv_catalog_conn_id="glue",
        **arguments,
    )
    counts: dict[str, int] = operator.execute(CONTEXT)["counts"]
    return counts


def refused_ingest(server: AwsServer) -> None:
    """Ingest again, nothing but rejects; the first commit is refused as if another had come first."""
    server.refuse_once = is_commit
    assert ingest(formats=("JPEG",), max_reject_ratio=1.0, allow_empty=True)["rejects"] == 6
    assert server.refuse_once is None, "no commit was refused"


def is_commit(request: Mapping[str, Any]) -> str | None:
    return "ConcurrentModificationException" if request.get("HTTP_X_AMZ_TARGET") == "AWSGlue.UpdateTable" else None


def is_second_part(request: Mapping[str, Any]) -> str | None:
    return "InvalidPart" if "partNumber=2" in request["QUERY_STRING"] else None


@pytest.mark.usefixtures("cards")
def test_the_policy_grants_what_the_whole_flow_asks_for_and_nothing_else(aws: AwsServer) -> None:
    summaries = whole_flow()
    assert opened_reports(summaries) == [
        "label_audit",
        "contract-annotations",
        "contract-own",
        "health",
        "card",
        "card",
        "release_diff",
        "card",
    ]
    refused_ingest(aws)
    assert DatasetHook("glue").dataset("signs").release("staging").images().num_rows == 6
    aws.refuse_once = is_second_part
    with pytest.raises(OSError, match="InvalidPart"):
        DatasetHook("glue").dataset("signs").objects().write("objects/large.bin", bytes(12 * 1024 * 1024))
    assert aws.denied == []
    assert aws.policy.grants() == aws.policy.grants_for(aws.allowed)

    aws.policy = Policy(READER)
    assert len(opened_reports(summaries)) == 8
    assert DatasetHook("glue").dataset("signs").release("staging").images().num_rows == 6
    assert aws.denied == []


def test_a_worker_writes_nowhere_else_and_deletes_no_image_and_no_data(aws: AwsServer) -> None:
    ingest()
    worker = client(aws, "s3", WORKER)
    listed = client(aws, "s3", OWNER).list_objects_v2(Bucket="lake")["Contents"]
    image = next(found["Key"] for found in listed if "/objects/" in found["Key"])
    data = next(found["Key"] for found in listed if found["Key"].endswith(".parquet"))
    forbidden = [
        lambda: worker.put_object(Bucket="landing", Key="images/new.png", Body=b""),
        lambda: worker.put_object(Bucket="lake", Key="elsewhere/new.png", Body=b""),
        lambda: worker.delete_object(Bucket="landing", Key=f"{KEY}/images/0.png"),
        lambda: worker.delete_object(Bucket="lake", Key=image),
        lambda: worker.delete_object(Bucket="lake", Key=data),
        lambda: worker.list_objects_v2(Bucket="lake", Prefix="elsewhere/"),
    ]
    for call in forbidden:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_without_the_right_to_delete_a_refused_commit_leaves_litter_and_the_flow_goes_on(aws: AwsServer) -> None:
    aws.policy = policy(without="ClearAwayRefusedCommits")
    ingest()
    refused_ingest(aws)
    assert DatasetHook("glue").dataset("signs").images().num_rows == 0
    assert {call.action for call in aws.denied} == {"s3:DeleteObject"}


def test_an_export_to_another_bucket_needs_that_bucket_besides(aws: AwsServer) -> None:
    aws.policy = Policy([*policy().statements, *EXPORT])
    common: dict[str, Any] = {"dataset": "signs", "cv_catalog_conn_id": "glue"}
    ingest()
    labels = f"s3://landing/{KEY}/labels.csv"
    LabelImportOperator(task_id="labels", source=labels, format="csv", partition_key=KEY, **common).execute(CONTEXT)
    DatasetPromotionOperator(task_id="promote", gates=["images >= 6"], **common).execute(CONTEXT)
    export = DatasetExportOperator(task_id="export", format="imagefolder", target="s3://training/signs", **common)
    assert export.execute(CONTEXT)["counts"]["images"] == 4
    export.execute(CONTEXT)  # again: finds its files and writes none
    assert aws.denied == []
    assert Policy(EXPORT).grants() == Policy(EXPORT).grants_for(aws.allowed)
