"""How many rows each partition of a table holds, whose, and since when: from the table's manifests, however many rows there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY
from airflow_cv_dataops.core.store.partition_files import PartitionFile, files_with_times
from airflow_cv_dataops.core.store.schema import model_of

if TYPE_CHECKING:
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

# Of a row: its partition, and its owner in a table with owners.
Place = tuple[str, str | None]


@dataclass(frozen=True)
class Part:
    """What one owner has in one partition.

    :param written_at: by when it had last been written to (:func:`~.partition_files.written_by`).
    """

    rows: int
    written_at: datetime


@dataclass(frozen=True)
class TableContents:
    """A table at its current snapshot.

    :param snapshot_id: ``None``: nobody has written to it, and it holds nothing.
    :param files: the data files of each partition, as :func:`~.partition_files.partition_files` returns them.
    """

    table: str
    snapshot_id: str | None
    parts: Mapping[Place, Part]
    files: Mapping[str, list[PartitionFile]] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts.values())

    @property
    def written_at(self) -> datetime | None:
        """By when the youngest of its rows had been written."""
        return max((part.written_at for part in self.parts.values()), default=None)

    def keys(self) -> set[str]:
        """Return the partitions that hold rows."""
        return {key for key, _ in self.parts}

    def by_key(self) -> dict[str, dict[str | None, Part]]:
        """Return for each partition what each owner has in it."""
        found: dict[str, dict[str | None, Part]] = {}
        for (key, owner), part in self.parts.items():
            found.setdefault(key, {})[owner] = part
        return found


def table_contents(dataset: Dataset, table: str, partition_key: str | None = None) -> TableContents:
    """Return what the partitions of a table hold, or what one of them does.

    Counts are those of the manifests. Data files of which another engine has deleted single rows are read, their key columns alone.

    :param table: one that is partitioned by key.
    :raises StoreError: the table is not partitioned as this package does it.
    """
    found = dataset.load_table(table)
    snapshot = None if found is None else found.current_snapshot()
    if found is None or snapshot is None:
        return TableContents(table, None, {})
    _check_partitioning(dataset, table, found)
    rows: Counter[Place] = Counter()
    written: dict[Place, datetime] = {}
    files: dict[str, list[PartitionFile]] = {}
    has_deletes = False
    for file, time in files_with_times(found, snapshot, partition_key):
        place = _place(table, file.partition)
        written[place] = max(written.get(place, time), time)
        if _holds_rows(file):
            rows[place] += file.record_count
            files.setdefault(place[0], []).append(PartitionFile(place[1], file.file_path, file.record_count))
        else:
            has_deletes = True
    if has_deletes:
        rows = _rows_left(dataset, table, found, snapshot, partition_key)
    parts = {place: Part(count, written[place]) for place, count in rows.items() if count and partition_key in (None, place[0])}
    return TableContents(table, str(snapshot.snapshot_id), parts, files)


def _check_partitioning(dataset: Dataset, table: str, found: Table) -> None:
    names = [found.schema().find_column_name(field.source_id) for field in found.spec().fields]
    if names != list(model_of(table).partitioned_by):
        raise StoreError(
            f"{dataset.identifier(table)} is partitioned by {', '.join(map(str, names)) or 'nothing'}, not by "
            f"{', '.join(model_of(table).partitioned_by)}: something else than this package has made it."
        )


def _place(table: str, partition: Any) -> Place:
    return partition[0], partition[1] if model_of(table).owner is not None else None


def _holds_rows(file: Any) -> bool:
    """Say whether a file holds rows, and does not say which of others are gone."""
    from pyiceberg.manifest import DataFileContent

    return bool(file.content == DataFileContent.DATA)


def _rows_left(dataset: Dataset, table: str, found: Table, snapshot: Snapshot, partition_key: str | None) -> Counter[Place]:
    """Count rows where some were deleted by themselves: files without such rows by their manifests, the others by reading them."""
    from pyiceberg.expressions import AlwaysTrue, EqualTo

    where = AlwaysTrue() if partition_key is None else EqualTo(PARTITION_KEY, partition_key)
    rows: Counter[Place] = Counter()
    to_read = set()
    for task in found.scan(row_filter=where, snapshot_id=snapshot.snapshot_id).plan_files():
        if task.delete_files:
            to_read.add(task.file.file_path)
        else:
            rows[_place(table, task.file.partition)] += task.file.record_count
    columns = list(model_of(table).partitioned_by)
    if not to_read:
        return rows
    for batch in dataset.read_batches(table, columns=columns, snapshot_id=snapshot.snapshot_id, partition_key=partition_key, files=to_read):
        for row in batch.group_by(columns).aggregate([([], "count_all")]).to_pylist():
            rows[_place(table, [row[name] for name in columns])] += row["count_all"]
    return rows
