"""A sensor that waits in the triggerer for labels, then an audit that tells of what it finds."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseNotifier, Param

from airflow_cv_dataops.operators.label_audit import LabelAuditOperator
from airflow_cv_dataops.sensors.label_freshness import LabelFreshnessSensor


class FileNotifier(BaseNotifier):
    """Tells a file."""

    template_fields = ("file", "text")

    def __init__(self, file: str, text: str) -> None:
        super().__init__()
        self.file = file
        self.text = text

    def notify(self, context: Any) -> None:
        Path(self.file).write_text(self.text)


def out_of_order(context: Any) -> None:
    raise ConnectionError("the channel does not answer")


found = "{{ ti.xcom_pull(task_ids='audit')['counts']['by_check']['unknown_category'] }}"

with DAG(
    "awaited_labels",
    schedule=None,
    start_date=datetime(2026, 11, 1),
    params={"told": Param("", type="string")},
    # A busy scheduler may fail a task that has been resumed before it has heard of its deferral (apache/airflow issue 72716).
    default_args={"partition_key": "2026-11-05", "dataset": "clothing", "retries": 2, "retry_delay": timedelta(seconds=1)},
) as dag:
    wait = LabelFreshnessSensor(task_id="wait", max_age_hours=24, poke_interval=2, deferrable=True)
    audit = LabelAuditOperator(
        task_id="audit",
        categories=["Nothing of the kind"],
        notifiers=[out_of_order, FileNotifier("{{ params.told }}", f"{{{{ breach.outcome }}}} with {found}: {{{{ breach.message }}}}")],
    )
    wait >> audit
