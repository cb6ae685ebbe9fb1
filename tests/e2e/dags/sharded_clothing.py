"""The sharded ingest and the plain one, of the same source into two datasets."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.sharded_image_ingest import sharded_image_ingest

with DAG(
    "sharded_clothing",
    schedule=None,
    start_date=datetime(2026, 11, 1),
    params={"source": Param("", type="string")},
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
) as dag:
    source = "{{ params.source }}"
    sharded_image_ingest("sharded", dataset="sharded", source=source, max_files_per_shard=400, workers=1, max_reject_ratio=1.0)
    ImageIngestOperator(task_id="whole", dataset="whole", source=source, max_reject_ratio=1.0)
