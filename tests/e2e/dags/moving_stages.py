"""Promotions of every kind: with fixed names, with templates, mapped, named, unchanged, refused, and one that dies after its commit."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import DAG, Asset

from airflow_cv_dataops.operators.dataset_promotion import DatasetPromotionOperator

OTHER = Asset("file:///somewhere/else")


class DiesOnce(DatasetPromotionOperator):
    """Its process ends after the commit, before Airflow knows."""

    def note_lineage(self, done):
        super().note_lineage(done)
        if self._task_instance.try_number == 1:
            raise RuntimeError("the worker was taken away")


with DAG(
    dag_id="moving_stages",
    schedule=None,
    start_date=datetime(2026, 11, 1),
    params={"dataset": "pets", "splits": {"train": 1.0}},
    default_args={"dataset": "pets", "splits": "{{ params.splits }}"},
    render_template_as_native_obj=True,
) as dag:
    fixed = DatasetPromotionOperator(task_id="fixed", outlets=[OTHER])
    unchanged = DatasetPromotionOperator(task_id="unchanged", outlets=[OTHER])
    named = DatasetPromotionOperator(task_id="named", release="production", stage="frozen", splits=None)
    templated = DatasetPromotionOperator(task_id="templated", dataset="{{ params.dataset }}", stage="{{ 'templated' }}")
    templated_again = DatasetPromotionOperator(task_id="templated_again", dataset="{{ params.dataset }}", stage="{{ 'templated' }}")
    mapped = DatasetPromotionOperator.partial(task_id="mapped").expand(stage=["north", "south"])
    died = DiesOnce(task_id="died", stage="died", retries=1, retry_delay=timedelta(0))
    refused = DatasetPromotionOperator(task_id="refused", stage="refused", gates=["images >= 1000000"])

    fixed >> unchanged >> named >> templated >> templated_again >> mapped >> died >> refused
