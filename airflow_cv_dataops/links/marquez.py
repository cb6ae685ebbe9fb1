"""From a task to the dataset that it wrote, in Marquez."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from airflow_cv_dataops.common import settings

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class MarquezLink(BaseOperatorLink):
    """Opens the first dataset that the task wrote (or read) in Marquez's web page, at ``[cv_dataops] marquez_url``."""

    name = "Dataset in Marquez"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; empty where no Marquez is configured or the task has not run."""
        base = settings.marquez_url()
        lineage = getattr(operator, "step_lineage", None)
        uses = (*lineage.outputs, *lineage.inputs) if lineage else ()
        if not base or not uses:
            return ""
        from airflow_cv_dataops.core.lineage.naming import dataset_name

        dataset = dataset_name(uses[0])
        return f"{base}/lineage/dataset/{quote(dataset.namespace, safe='')}/{quote(dataset.name, safe='')}"
