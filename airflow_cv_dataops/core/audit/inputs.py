"""What an audit has looked at, recorded beside its numbers: so that one can tell whether its findings are of what is there now."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from airflow_cv_dataops.core.metrics import INPUT_ROWS as METRIC
from airflow_cv_dataops.core.metrics import Metric
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import PartitionFile, partition_files, version_of


@dataclass(frozen=True)
class AuditInputVersion:
    """One table's part of a partition, as an audit saw it, or left it.

    :param owners: the label sets or models that it was restricted to; ``None``: all.
    :param version: :func:`~airflow_cv_dataops.core.store.partition_files.version_of` the files.
    """

    table: str
    owners: tuple[str, ...] | None
    version: str

    def is_current(self, files: Collection[PartitionFile]) -> bool:
        """Say whether the partition's files are the ones that the audit saw."""
        return version_of(files, self.owners) == self.version

    @classmethod
    def of(cls, dimensions: Mapping[str, str], version: str) -> Self:
        """Return what the row of a metric says."""
        owners = dimensions.get("owners")
        return cls(dimensions["table"], None if owners is None else tuple(json.loads(owners)), version)


def input_metrics(
    dataset: Dataset, partition_key: str, snapshots: Mapping[str, str], owners: Mapping[str, Sequence[str] | None]
) -> list[Metric]:
    """Return a metric for each table that an audit looked at, or wrote its findings to: how many rows, and in which files.

    :param snapshots: at which the audit read; a table without one was empty.
    :param owners: by table, the label sets or models that were looked at, and the audit itself; ``None``: all.
    """
    metrics = []
    for table, wanted in owners.items():
        files = partition_files(dataset, table, snapshots.get(table), partition_key).get(partition_key, [])
        dimensions = {"table": table}
        if wanted is not None:
            dimensions["owners"] = json.dumps(sorted(wanted), ensure_ascii=False)
        rows = sum(file.rows for file in files if wanted is None or file.owner in wanted)
        metrics.append(Metric(METRIC, rows, dimensions, input_version=version_of(files, wanted)))
    return metrics
