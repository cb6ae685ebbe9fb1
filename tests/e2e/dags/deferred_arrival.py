"""A sensor that waits in the triggerer, then an ingest and a promotion."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Param

from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.sensors.image_arrival import ImageArrivalSensor

with DAG(
    "deferred_arrival",
    schedule=None,
    start_date=datetime(2026, 11, 1),
    params={"source": Param("", type="string")},
    # A busy scheduler may fail a task that has been resumed before it has heard of its deferral (apache/airflow issue 72716).
    default_args={"retries": 2, "retry_delay": timedelta(seconds=1)},
) as dag:
    wait = ImageArrivalSensor(
        task_id="wait", source="{{ params.source }}/images", min_images=20, settle_seconds=2, poke_interval=5, deferrable=True
    )
    ingest = ImageIngestOperator(task_id="ingest", dataset="clothing", source="{{ params.source }}/images")
    promote = DatasetPromotionOperator(task_id="promote", dataset="clothing", gates=["images >= 20"])
    wait >> ingest >> promote
