"""Days side by side, and a release for each, in their order: the recipe of docs/backfill.md."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow.sdk import DAG

from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator
from airflow_cv_dataops.operators.image_ingest import ImageIngestOperator
from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.operators.label_import import LabelImportOperator

FIRST_DAY = datetime(2026, 10, 5)
LANDING = os.environ.get("CV_DATAOPS_LANDING", "landing") + "/days/{partition_key}"


def days_until(day: str) -> list[str]:
    """Return the partition keys from the first day to this one."""
    until = datetime.fromisoformat(day)
    return [(FIRST_DAY + timedelta(days=number)).strftime("%Y-%m-%d") for number in range((until - FIRST_DAY).days + 1)]


with DAG(
    dag_id="release_a_day",
    schedule="@daily",
    start_date=FIRST_DAY,
    end_date=datetime(2026, 10, 31),
    catchup=False,
    user_defined_macros={"days_until": days_until},
    render_template_as_native_obj=True,
) as dag:
    ingest = ImageIngestOperator(task_id="ingest", dataset="days", source=LANDING + "/images", copy_images=False, workers=1)
    labels = LabelImportOperator(task_id="labels", dataset="days", source=LANDING + "/labels.csv", format="csv")
    audit = LabelAuditOperator(task_id="audit", dataset="days", report=False)
    promote = DatasetPromotionOperator(
        task_id="promote",
        dataset="days",
        gates=["findings.error == 0"],
        partition_keys="{{ days_until(ds) }}",  # this day and those before it, whatever else is there by now
        depends_on_past=True,  # after the promotion of the day before: else an early day could follow a later one
        on_backwards="skip",  # a second pass over days that production has already
    )
    ingest >> labels >> audit >> promote
