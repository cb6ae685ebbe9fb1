"""The end of an ingest: data files become the partition, table by table in a fixed order, and the step's result is made."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from airflow_cv_dataops.core.imaging.ingest.nothing_found import check_images
from airflow_cv_dataops.core.imaging.ingest.odd_rows import mark_odd_sizes
from airflow_cv_dataops.core.imaging.ingest.outcome import Outcome
from airflow_cv_dataops.core.imaging.ingest.pipeline import Taken
from airflow_cv_dataops.core.imaging.measures.quality import QualityThresholds
from airflow_cv_dataops.core.metrics import write_metrics
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.step_lineage import DatasetUse, StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.summary import StepResult, Summary

log = logging.getLogger(__name__)

STEP = "ingest"


def commit_partition(
    dataset: Dataset,
    partition_key: str,
    taken: Taken,
    thresholds: QualityThresholds,
    *,
    listed: int,
    skipped: int,
    source_uri: str,
    source_bytes: int,
    elapsed_seconds: float,
    recorded_at: datetime,
    max_reject_ratio: float,
    allow_empty: bool,
    started: float,
) -> StepResult:
    """Commit rejects, then images, then metrics, each in one snapshot, and return what the step did.

    Images come behind rejects so that a run killed in between leaves images that its rerun replaces, never images of a run
    whose rejects are lost.

    :param taken: the whole partition's. :param source_uri: without credentials.
    :param elapsed_seconds: since the run began, for its speed. :param started: ``time.monotonic()`` when the step began.
    :param allow_empty: whether images may be replaced by none.
    :raises SourceError: too many files could not be read, for now, or there is no image where the partition holds some; nothing was
        committed.
    """
    odd = taken.whole.odd_sizes(thresholds)
    outcome = Outcome.of(taken.tally, taken.whole, int(odd.sum()), listed=listed, skipped=skipped, elapsed_seconds=elapsed_seconds)
    outcome.check_was_read(max_reject_ratio)
    if not allow_empty:
        check_images(dataset, partition_key, source_uri, outcome.counts)
    images = mark_odd_sizes(dataset, partition_key, taken.images, odd)
    dataset.check_writer("metrics", partition_key, owner=STEP)  # a copy of the task whose images were there already made no other commit
    with Progress("tables committed", 3, log) as progress:
        rejects_snapshot_id = dataset.replace_partition_by_files("rejects", partition_key, taken.rejects)
        progress.advance()
        images_snapshot_id = dataset.replace_partition_by_files("images", partition_key, images)
        progress.advance()
        metrics_use = write_metrics(dataset, partition_key, STEP, outcome.stored_metrics(), recorded_at)

    counts = outcome.counts
    source_use = DatasetUse(uri=source_uri, holds="images", files=counts["listed"], bytes=source_bytes, storage_format="image")
    outputs = (
        dataset.table_use("images", partition_key=partition_key, snapshot_id=images_snapshot_id, rows=counts["images"]),
        dataset.table_use("rejects", partition_key=partition_key, snapshot_id=rejects_snapshot_id, rows=counts["rejects"]),
        metrics_use,
    )
    return StepResult(
        summary=Summary(
            dataset=dataset.name,
            partition_key=partition_key,
            snapshot_id=images_snapshot_id,
            counts=counts,
            metrics=outcome.metrics,
            duration_seconds=time.monotonic() - started,
        ),
        lineage=StepLineage(STEP, inputs=(source_use,), outputs=outputs, facts={"source": source_uri, **outcome.facts(partition_key)}),
        failure=outcome.failure(max_reject_ratio, f"table {dataset.identifier('rejects')}, partition {partition_key}"),
    )
