"""A dataset's tables as they are at fixed snapshots, whole or a few rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.reading_ahead import read_ahead
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import PartitionFile, partition_files

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

# Few: so many are read ahead, and more of them at once are hashed no faster.
BATCH_ROWS = 16_384
_KEYS_AT_ONCE = 65_536
# PyIceberg looks through all wanted keys for each data file: with 1,200 of them a promotion took seven times as long.
_KEYS_TO_PLAN_BY = 50


@dataclass(frozen=True)
class SnapshotReader:
    """Reads tables at their snapshots; a table that has none is empty.

    :param partition_keys: these partitions only; ``None``: all.
    """

    dataset: Dataset
    snapshots: Mapping[str, str]
    partition_keys: Sequence[str] | None = None
    _files: dict[str, Mapping[str, list[PartitionFile]]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def rows(self, table: str, columns: Sequence[str]) -> pa.Table:
        """Return columns of the table."""
        if not self._has_rows(table):
            return self.dataset.read(table, columns=columns, limit=0)
        read = list(dict.fromkeys([*columns, "partition_key"]))
        return self._wanted(self.dataset.read(table, columns=read, snapshot_id=self.snapshots[table], where=self._where()), columns)

    def batches(
        self, table: str, columns: Sequence[str], *, files: Collection[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.Table]:
        """Yield columns of the table with memory for two batches. :param files: paths of data files: the rows of these alone."""
        if not self._has_rows(table):
            return iter(())
        read = list(dict.fromkeys([*columns, "partition_key"]))
        if files is None and self._are_many():  # the others' are not opened
            files = {file.path for found in self.files(table).values() for file in found}
        batches = self.dataset.read_batches(
            table, columns=read, snapshot_id=self.snapshots[table], where=self._where(), batch_rows=batch_rows, files=files
        )
        return (self._wanted(batch, columns) for batch in read_ahead(batches))

    def partitions(self) -> set[str]:
        """Return the partitions that have images."""
        found: set[str] = set()
        for batch in self.batches("images", ("partition_key",), batch_rows=_KEYS_AT_ONCE):
            found.update(batch["partition_key"].unique().to_pylist())
        return found

    def files(self, table: str) -> Mapping[str, list[PartitionFile]]:
        """Return the data files of each partition; the table's manifests are read once."""
        if table not in self._files:
            self.know_files(table, partition_files(self.dataset, table, self.snapshots.get(table)))
        return self._files[table]

    def know_files(self, table: str, found: Mapping[str, list[PartitionFile]]) -> None:
        """Take the data files of each partition from who has read the table's manifests at this snapshot already."""
        wanted = found if self.partition_keys is None else found.keys() & set(self.partition_keys)
        self._files[table] = {key: found[key] for key in wanted}

    def _wanted(self, rows: pa.Table, columns: Sequence[str]) -> pa.Table:
        """Return the columns of the rows that are of the wanted partitions."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self._are_many():
            rows = rows.filter(pc.is_in(rows["partition_key"], value_set=pa.array(self.partition_keys, pa.string())))
        return rows.select(list(columns))

    def _has_rows(self, table: str) -> bool:
        return table in self.snapshots and (self.partition_keys is None or len(self.partition_keys) > 0)

    def _where(self) -> BooleanExpression | None:
        from pyiceberg.expressions import In

        if self.partition_keys is None or self._are_many():
            return None
        return In("partition_key", tuple(self.partition_keys))

    def _are_many(self) -> bool:
        return self.partition_keys is not None and len(self.partition_keys) > _KEYS_TO_PLAN_BY
