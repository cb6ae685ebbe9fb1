"""What the tasks of a sharded ingest tell lineage: source, then the list of shards, then the rows of all shards, then the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage

if TYPE_CHECKING:
    from airflow_cv_dataops.core.imaging.ingest.shards.shard_plan import IngestPlan, ShardResult
    from airflow_cv_dataops.core.store.dataset import Dataset
    from airflow_cv_dataops.core.store.files import DataFile


def plan_lineage(dataset: Dataset, plan: IngestPlan) -> StepLineage:
    """Return what a plan has read and written."""
    source = DatasetUse(uri=plan["source_uri"], holds="images", files=plan["listed"], bytes=plan["source_bytes"], storage_format="image")
    facts = {"source": plan["source_uri"], "partitionKey": plan["partition_key"], "listed": plan["listed"], "shards": plan["shards"]}
    return StepLineage("ingest", inputs=(source,), outputs=(replace(shard_list_use(dataset), files=1),), facts=facts)


def shard_lineage(dataset: Dataset, plan: IngestPlan, result: ShardResult) -> StepLineage:
    """Return what a shard has read and written."""
    images, rejects = (sum(file["rows"] for file in files) for files in (result["images"], result["rejects"]))
    written = [*result["images"], *result["rejects"]]
    source = DatasetUse(uri=plan["source_uri"], holds="images", files=images + rejects, storage_format="image")
    rows = replace(shard_rows_use(dataset), files=len(written), bytes=sum(file["bytes"] for file in written))
    facts = {"partitionKey": plan["partition_key"], "shard": result["shard"], "images": images, "rejects": rejects}
    return StepLineage("ingest", inputs=(source, shard_list_use(dataset)), outputs=(rows,), facts=facts)


def commit_lineage(dataset: Dataset, lineage: StepLineage, files: Sequence[DataFile]) -> StepLineage:
    """Return the lineage of a whole ingest as that of the commit of shards, which reads their rows and not the source."""
    rows = replace(shard_rows_use(dataset), files=len(files), bytes=sum(file.bytes for file in files))
    return replace(lineage, inputs=(rows,))


def shard_list_use(dataset: Dataset) -> DatasetUse:
    return dataset.files_use("shard_list", "shards")


def shard_rows_use(dataset: Dataset) -> DatasetUse:
    """Describe the rows of all shards: data files in the folders of the tables that they will belong to."""
    return dataset.files_use("shard_rows")
