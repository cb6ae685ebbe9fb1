"""Many small data files of one partition written as one, so that a reader opens one."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.files import PartitionWriter, data_files_of, swap
from airflow_cv_dataops.core.store.partition_files import compacted_name, files_with_times, version_of_paths
from airflow_cv_dataops.core.store.schema import TABLES, iceberg_schema
from airflow_cv_dataops.core.store.written_times import as_property, remembered

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile
    from pyiceberg.table import FileScanTask, Table

log = logging.getLogger(__name__)

# Below this many a reader gains little, and each time costs a commit.
FEWEST_FILES = 8
SMALL_BYTES = 16 * 2**20
# Tables that may have many files a partition: shards of an ingest, moves of stages. What others write is a file for each owner.
COMPACTED_TABLES = ("images", "releases")

Keys = tuple[str, ...]


def compactable(table: Table) -> dict[Keys, list[FileScanTask]]:
    """Return the partitions, by their values, of which every file is small and there are :data:`FEWEST_FILES` or more.

    Of a table that has other columns or another partitioning than this version of the package gives it, none: what is written anew would
    be without them.
    """
    model = TABLES[table.name()[-1]]
    partitioned_by = [table.schema().find_column_name(field.source_id) for field in table.spec().fields]
    if list(model.partitioned_by) != partitioned_by or not set(table.schema().column_names) <= set(arrow_columns(model.name)):
        return {}
    by_partition: dict[Keys, list[FileScanTask]] = defaultdict(list)
    for task in table.scan().plan_files():
        by_partition[tuple(str(task.file.partition[place]) for place in range(len(task.file.partition)))].append(task)
    spec_id = table.spec().spec_id
    return {
        keys: tasks
        for keys, tasks in by_partition.items()
        if len(tasks) >= FEWEST_FILES and all(_is_small(task) and task.file.spec_id == spec_id for task in tasks)
    }


def arrow_columns(table: str) -> list[str]:
    """Return the names of a table's columns, nested ones too, as the data model has them."""
    return list(iceberg_schema(table).column_names)


def _is_small(task: FileScanTask) -> bool:
    return task.file.file_size_in_bytes <= SMALL_BYTES and not task.delete_files


def compact_table(dataset: Dataset, table: str) -> tuple[int, int]:
    """Write the small files of each :func:`compactable` partition as one; return how many there were, and how many there are instead.

    The rows, and the partition's :func:`~.partition_files.version_of`, stay the same: who has looked at them has looked at what is there.

    :raises StoreError: others came first for too long.
    """
    found = dataset.load_table(table)
    before = after = 0
    for keys in sorted(compactable(found)) if found is not None else ():
        replaced, written = _compact_partition(dataset, table, keys)
        before, after = before + replaced, after + written
    return before, after


def _compact_partition(dataset: Dataset, table: str, keys: Keys) -> tuple[int, int]:
    counts = (0, 0)

    def change(found: Table) -> None:
        nonlocal counts
        counts = (0, 0)
        tasks = compactable(found).get(keys)
        if tasks is None:  # somebody has written the partition anew meanwhile
            return
        old = [task.file for task in tasks]
        new = _written_as_one(dataset, found, table, dict(zip(TABLES[table].partitioned_by, keys, strict=True)), old)
        _replace(found, old, new)
        counts = (len(old), len(new))

    dataset.change_table(table, change)
    return counts


def _written_as_one(dataset: Dataset, found: Table, table: str, keys: Mapping[str, str], old: Sequence[DataFile]) -> list[DataFile]:
    """Write the rows of files, in the order of their first rows, to files that are named after the version of the partition."""
    snapshot = found.current_snapshot()
    assert snapshot is not None
    name = partial(compacted_name, version_of_paths([file.file_path for file in old]))
    writer = PartitionWriter(table, found.location(), keys, dataset.config.object_options, name)
    try:
        for path in _in_order(dataset, table, snapshot.snapshot_id, old):
            for rows in dataset.read_batches(table, snapshot_id=snapshot.snapshot_id, files={path}):
                writer.write(rows)
        return data_files_of(found, [file.uri for file in writer.finish()])
    finally:
        writer.discard()


def _in_order(dataset: Dataset, table: str, snapshot_id: int, files: Iterable[DataFile]) -> list[str]:
    """Return the paths in the order of the files' first rows; in each file they are in the table's order. Bounds are cut to 16 letters."""
    column = TABLES[table].sort_by[0]

    def first(file: DataFile) -> tuple[Any, str]:
        batches = dataset.read_batches(table, snapshot_id=snapshot_id, columns=[column], files={file.file_path}, batch_rows=1)
        return next((rows[column][0].as_py() for rows in batches if rows.num_rows), None), file.file_path

    return [path for _, path in sorted((first(file) for file in files), key=lambda found: (found[0] is None, *found))]


def _replace(found: Table, old: Sequence[DataFile], new: Sequence[DataFile]) -> None:
    """Put files in the place of others, in one snapshot, and note that their rows are as old as they were."""
    from airflow_cv_dataops.core.store.transactions import QuickTransaction

    current = found.current_snapshot()
    assert current is not None
    paths = {file.file_path for file in old}
    newest = max(time for file, time in files_with_times(found, current) if file.file_path in paths)
    with QuickTransaction(found) as changes:
        times = {**remembered(found.metadata), found.metadata.last_sequence_number + 1: round(newest.timestamp() * 1000)}
        changes.set_properties(as_property(times))
        with changes.update_snapshot().overwrite() as snapshot:
            swap(snapshot, old, new)
