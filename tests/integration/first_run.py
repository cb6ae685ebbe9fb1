"""A DAG for an Airflow that has nothing but this package: pictures and labels in, audited, checked against a contract, released, exported.

Run by test_constraints_run.py with the Python of an environment of its own, as `airflow dags test`.
"""

from datetime import datetime
from itertools import pairwise
from pathlib import Path

from airflow.sdk import DAG

from airflow_cv_dataops.operators.dataset_export import DatasetExportOperator
from airflow_cv_dataops.operators.dataset_health import DatasetHealthOperator
from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.dataset_validation import DatasetValidationOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor

HOME = Path(__file__).resolve().parents[1]
LANDED = f"{HOME}/landing/{{partition_key}}"
ARGUMENTS = {"dataset": "signs"}

with DAG("first_run", schedule="@daily", start_date=datetime(2026, 11, 1), catchup=False):
    steps = [
        ImageArrivalSensor(task_id="wait", source=f"{LANDED}/images", min_images=3, settle_seconds=0),
        ImageIngestOperator(task_id="ingest", source=f"{LANDED}/images", **ARGUMENTS),
        LabelImportOperator(task_id="labels", source=f"{LANDED}/labels.csv", format="csv", **ARGUMENTS),
        LabelAuditOperator(task_id="audit", on_findings="warn", **ARGUMENTS),
        DatasetValidationOperator(task_id="contract", categories=["stop", "yield"], **ARGUMENTS),
        DatasetHealthOperator(task_id="health", on_findings="warn", **ARGUMENTS),
        DatasetPromotionOperator(task_id="promote", gates=["images >= 3", "findings.error == 0"], **ARGUMENTS),
        DatasetExportOperator(task_id="export", release="production", format="imagefolder", **ARGUMENTS),
    ]
    for earlier, later in pairwise(steps):
        earlier >> later
