"""Numbers that a step measured, as rows of the ``metrics`` table."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.dataset import Dataset

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


def write_metrics(dataset: Dataset, partition_key: str, step: str, metrics: Iterable[Metric], recorded_at: datetime) -> DatasetUse:
    """Replace the step's metrics of the partition; values that are not finite are left out. Return what was written, for lineage."""
    import pyarrow as pa

    kept = [metric for metric in metrics if math.isfinite(metric.value)]
    rows = pa.table(
        {
            "metric": pa.array([metric.name for metric in kept], pa.string()),
            "value": pa.array([float(metric.value) for metric in kept], pa.float64()),
            "dimensions": pa.array([_dimensions(metric) for metric in kept], pa.string()),
            "recorded_at": pa.array([recorded_at] * len(kept), pa.timestamp("us", tz="UTC")),
            "input_version": pa.array([metric.input_version for metric in kept], pa.string()),
        }
    )
    snapshot_id = dataset.replace_partition("metrics", partition_key, rows, owner=step)
    return dataset.table_use("metrics", partition_key=partition_key, owner=step, snapshot_id=snapshot_id, rows=rows.num_rows)


def _dimensions(metric: Metric) -> str | None:
    return json.dumps(dict(metric.dimensions), sort_keys=True, ensure_ascii=False) if metric.dimensions else None
