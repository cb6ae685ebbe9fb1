"""Numbers that a step measured, as rows of the ``metrics`` table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import newest_time, partition_files, version_of, written_by_owner

if TYPE_CHECKING:
    import pyarrow as pa

# Before the name of what owns a step's numbers, and often its findings: of the audit, the contract, the label set, the model, the sample.
AUDIT, CONTRACT, LABEL_IMPORT, PREDICTION_IMPORT, SAMPLING = "audit:", "contract:", "label_import:", "prediction_import:", "sampling:"
EMBEDDING = "embedding:"
SAMPLING_REVIEW = "sampling_review:"

INPUT_ROWS = "input_rows"
"""The metric by which a step says how many rows of a table it went by, and in which data files (``input_version``)."""


@dataclass(frozen=True)
class Metric:
    """One number.

    :param dimensions: tells several values of a metric apart (``{"category": "RBC"}``).
    :param input_version: which data files it is of, where that is recorded.
    """

    name: str
    value: float
    dimensions: Mapping[str, str] = field(default_factory=dict)
    input_version: str | None = None


def write_metrics(
    dataset: Dataset, partition_key: str, step: str, metrics: Iterable[Metric], recorded_at: datetime, *, after: str | None = None
) -> DatasetUse:
    """Replace the step's metrics of the partition; values that are not finite are left out. Return what was written, for lineage.

    Where the same numbers are there already, they stay, with the ``recorded_at`` of the run that measured them.

    :param after: name, or its beginning, of the steps that this one goes by: numbers from before theirs do not stay.
    """
    rows = _rows(metrics, recorded_at)
    is_older = after is not None and _is_older(dataset, partition_key, step, after)
    return _write(dataset, partition_key, step, rows, always=is_older)


def write_import(
    dataset: Dataset,
    partition_key: str,
    table: str,
    owner: str,
    rows: pa.Table,
    step: str,
    metrics: Sequence[Metric],
    recorded_at: datetime,
) -> tuple[DatasetUse, str]:
    """Replace an import's metrics and then its rows; return what was written of metrics, and the snapshot that holds the rows.

    Both stay where an import has brought the same before. Where no row says when it was made, the import's time stands for it: then that
    alone is written, with the version of the files that were found to hold the rows.

    :param table: of the rows, which belong to an image, and to the owner.
    """
    stays = dataset.holds(table, partition_key, rows, owner=owner) and _is_whole(dataset, partition_key, table, owner, step)
    if stays and table == "annotations" and rows["labeled_at"].null_count == rows.num_rows:
        files = partition_files(dataset, table, dataset.snapshot_id(table), partition_key).get(partition_key, [])
        version = version_of(files, [owner])
        confirmed = [replace(one, input_version=version) if one.name == table and not one.dimensions else one for one in metrics]
        use = _write(dataset, partition_key, step, _rows(confirmed, recorded_at), always=True)
    else:
        numbers = _rows(metrics, recorded_at)
        stays = stays and dataset.holds("metrics", partition_key, numbers, owner=step)
        use = _write(dataset, partition_key, step, numbers, always=not stays)
    return use, dataset.replace_partition(table, partition_key, rows, owner=owner, always=not stays)


def _write(dataset: Dataset, partition_key: str, step: str, rows: pa.Table, *, always: bool) -> DatasetUse:
    snapshot_id = dataset.replace_partition("metrics", partition_key, rows, owner=step, always=always)
    return dataset.table_use("metrics", partition_key=partition_key, owner=step, snapshot_id=snapshot_id, rows=rows.num_rows)


def _rows(metrics: Iterable[Metric], recorded_at: datetime) -> pa.Table:
    import pyarrow as pa

    kept = [metric for metric in metrics if math.isfinite(metric.value)]
    return pa.table(
        {
            "metric": pa.array([metric.name for metric in kept], pa.string()),
            "value": pa.array([float(metric.value) for metric in kept], pa.float64()),
            "dimensions": pa.array([_dimensions(metric) for metric in kept], pa.string()),
            "recorded_at": pa.array([recorded_at] * len(kept), pa.timestamp("us", tz="UTC")),
            "input_version": pa.array([metric.input_version for metric in kept], pa.string()),
        }
    )


def _is_older(dataset: Dataset, partition_key: str, step: str, others: str) -> bool:
    """Say whether the numbers of a step are older than those of others."""
    times = _recorded(dataset, partition_key)
    newest = max((time for name, time in times.items() if name.startswith(others)), default=None)
    return newest is not None and step in times and times[step] < newest


def _is_whole(dataset: Dataset, partition_key: str, table: str, owner: str, step: str) -> bool:
    """Say whether an import came to its end, which is with its rows, and after the images that there are."""
    recorded_at = _recorded(dataset, partition_key).get(step)
    if recorded_at is None:
        return False
    written = written_by_owner(dataset, table, dataset.snapshot_id(table), partition_key).get(owner)
    newest = newest_time(dataset, "images", partition_key, "ingested_at")
    # Iceberg's times have milliseconds.
    at_its_end = written is None or written >= recorded_at.replace(microsecond=recorded_at.microsecond // 1000 * 1000)
    return at_its_end and (newest is None or newest <= recorded_at)


def _recorded(dataset: Dataset, partition_key: str) -> dict[str, datetime]:
    """Return when the numbers of each step of a partition were recorded."""
    if dataset.load_table("metrics") is None:
        return {}
    rows = dataset.read("metrics", partition_key=partition_key, columns=("step", "recorded_at"))
    return dict(zip(rows["step"].to_pylist(), rows["recorded_at"].to_pylist(), strict=True))


def _dimensions(metric: Metric) -> str | None:
    return json.dumps(dict(metric.dimensions), sort_keys=True, ensure_ascii=False) if metric.dimensions else None
