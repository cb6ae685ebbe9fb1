"""Small DAGs for backfills, each with a dataset of its own, by what gives a run its partition; and one that leaves nothing out."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator

DAY = os.environ["CV_DATAOPS_LANDING"] + "/lean/{partition_key}"
SCHEDULES = {
    "lean_daily": "@daily",
    "lean_strict": "@daily",  # its promotions wait, in retries, for what other runs have ingested and not yet audited
    "lean_interval": CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
}

try:
    from airflow.timetables.trigger import CronPartitionTimetable
except ImportError:  # before Airflow 3.2
    pass
else:
    SCHEDULES["lean_partitioned"] = CronPartitionTimetable("0 0 * * *", timezone="UTC", key_format="%Y-%m-%d")

for dag_id, schedule in SCHEDULES.items():
    with DAG(
        dag_id,
        schedule=schedule,
        start_date=datetime(2026, 10, 1),
        end_date=datetime(2026, 10, 31),
        catchup=False,
        default_args={"retries": 1},
    ) as dag:
        ingest = ImageIngestOperator(task_id="ingest", dataset=dag_id, source=f"{DAY}/images", workers=1)
        labels = LabelImportOperator(task_id="labels", dataset=dag_id, source=f"{DAY}/labels.csv", format="csv")
        audit = LabelAuditOperator(task_id="audit", dataset=dag_id, report=False)
        promote = DatasetPromotionOperator(
            task_id="promote",
            dataset=dag_id,
            gates=["images >= 8", "findings.error == 0"],
            **({"retries": 60, "retry_delay": timedelta(seconds=1)} if dag_id == "lean_strict" else {"leave_out_unaudited": True}),
        )
        ingest >> labels >> audit >> promote
        globals()[dag_id] = dag
