"""From a task to the dataset that it wrote, in Marquez."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink

from airflow_cv_dataops.common import settings

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


def marquez_links() -> tuple[BaseOperatorLink, ...]:
    """Return the links of every task: none where no Marquez is configured, as Airflow keeps an XCom of each link, of an empty one too."""
    return (MarquezLink(),) if settings.marquez_url() else ()


class MarquezLink(BaseOperatorLink):
    """Opens the graph around the first dataset that the task writes (or reads) in Marquez's web page, at ``[cv_dataops] marquez_url``."""

    name = "Dataset in Marquez"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; empty where the task knows no dataset: its arguments cannot be used."""
        base = settings.marquez_url()
        # What it meant to write comes first: also of a refused promotion, `releases` is what one wants to look at.
        told = [found for name in ("lineage_plan", "step_lineage") if (found := getattr(operator, name, None))]
        uses = [use for lineage in told for use in (*lineage.outputs, *lineage.inputs)]
        if not base or not uses:
            return ""
        from airflow_cv_dataops.core.lineage.naming import dataset_name

        name = dataset_name(uses[0], location_first=settings.lineage_options().location_first)
        node = f"dataset:{name.namespace}:{name.name}"
        shown = urlencode({"isFull": "true", "isCompact": "true", "tableLevelNode": node}, quote_via=quote, safe="")
        return f"{base}/lineage/dataset/{quote(name.namespace, safe='')}/{quote(name.name, safe='')}?{shown}"
