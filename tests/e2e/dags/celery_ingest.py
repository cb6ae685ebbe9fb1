"""The sharded ingest of a day's photos, for a backfill over many days at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_cv_dataops.operators.sharded_image_ingest import sharded_image_ingest

with DAG(
    "celery_ingest",
    schedule="@daily",
    start_date=datetime(2026, 9, 1),
    end_date=datetime(2026, 9, 30),
    catchup=False,
    max_active_tasks=32,
    params={"dataset": Param("photos", type="string"), "source": Param("", type="string")},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
) as dag:
    sharded_image_ingest(
        dataset="{{ params.dataset }}",
        source="{{ params.source }}/{partition_key}",
        max_files_per_shard=350,
        workers=1,
        cv_catalog_conn_id="cv_catalog",
    )
