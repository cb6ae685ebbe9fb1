"""A dataset's tables as they are at fixed snapshots, whole or a few rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

# Few: each becomes Python objects while it is hashed.
BATCH_ROWS = 16_384


@dataclass(frozen=True)
class SnapshotReader:
    """Reads tables at their snapshots; a table that has none is empty.

    :param partition_keys: these partitions only; ``None``: all.
    """

    dataset: Dataset
    snapshots: Mapping[str, str]
    partition_keys: Sequence[str] | None = None

    def rows(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Return columns of the table."""
        if not self._has_rows(table):
            return self.dataset.read(table, columns=columns, limit=0)
        return self.dataset.read(table, columns=columns, snapshot_id=self.snapshots[table], where=self._where())

    def batches(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns of the table with memory for one batch."""
        if not self._has_rows(table):
            return iter(())
        return self.dataset.read_batches(
            table, columns=columns, snapshot_id=self.snapshots[table], where=self._where(), batch_rows=BATCH_ROWS
        )

    def partitions(self) -> set[str]:
        """Return the partitions that have images."""
        return set(self.rows("images", ("partition_key",))["partition_key"].unique().to_pylist())

    def _has_rows(self, table: str) -> bool:
        return table in self.snapshots and (self.partition_keys is None or len(self.partition_keys) > 0)

    def _where(self) -> BooleanExpression | None:
        from pyiceberg.expressions import In

        return None if self.partition_keys is None else In("partition_key", tuple(self.partition_keys))
