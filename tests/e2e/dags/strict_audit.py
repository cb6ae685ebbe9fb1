"""The audit with its default policy: findings of severity error fail the task."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG, Param

from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator

with DAG("strict_audit", schedule=None, start_date=datetime(2026, 11, 1), params={"source": Param("", type="string")}) as dag:
    ingest = ImageIngestOperator(task_id="ingest", dataset="cells", source="{{ params.source }}/JPEGImages", pattern="BloodImage_003[34]*")
    labels = LabelImportOperator(
        task_id="import_labels",
        dataset="cells",
        source="{{ params.source }}/Annotations",
        pattern="BloodImage_003[34]*",
        format="voc",
    )
    audit = LabelAuditOperator(task_id="audit", dataset="cells")
    ingest >> labels >> audit
