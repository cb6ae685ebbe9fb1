"""Classification labels with a taxonomy, as a user would write it: all paths as params."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, Param

from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator

with DAG(
    "clothing_dataops",
    schedule=None,
    start_date=datetime(2026, 11, 1),
    params={"source": Param("", type="string"), "categories": Param("", type="string"), "gate": Param("images >= 1", type="string")},
) as dag:
    ingest = ImageIngestOperator(task_id="ingest", dataset="clothing", source="{{ params.source }}/images")
    labels = LabelImportOperator(task_id="import_labels", dataset="clothing", source="{{ params.source }}/images.csv", format="csv")
    audit = LabelAuditOperator(task_id="audit", dataset="clothing", categories="{{ params.categories }}", on_findings="warn")
    promote = DatasetPromotionOperator(task_id="promote", dataset="clothing", gates=["{{ params.gate }}", "reject_ratio <= 0.5"])
    ingest >> labels >> audit >> promote
