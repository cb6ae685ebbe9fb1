"""Which data files a partition has at a snapshot: what tells a partition that was written again from one that was not."""

from __future__ import annotations

import bisect
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import DatasetNotFoundError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY
from airflow_cv_dataops.core.store.schema import model_of
from airflow_cv_dataops.core.store.written_times import times_of

if TYPE_CHECKING:
    from pyiceberg.manifest import DataFile, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot

# Steps that look at a partition whether or not there is one: that they were there says nothing of it.
LOOKING_ON = ("health",)
_COMPACTED = re.compile(r"/compacted-([0-9a-f]{16})-[0-9a-f]{64}\.parquet$")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class PartitionFile:
    """One data file.

    :param owner: whose rows it has, in a table with owners.
    """

    owner: str | None
    path: str
    rows: int


def partition_files(
    dataset: Dataset, table: str, snapshot_id: str | None, partition_key: str | None = None
) -> Mapping[str, list[PartitionFile]]:
    """Return the data files of each partition, or of one; the table's manifests are read, no data file is.

    :param snapshot_id: ``None``: of a table without a snapshot, which has no files.
    """
    from pyiceberg.expressions import AlwaysTrue, EqualTo

    found = dataset.load_table(table) if snapshot_id is not None else None
    if found is None or snapshot_id is None:
        return {}
    where = AlwaysTrue() if partition_key is None else EqualTo(PARTITION_KEY, partition_key)
    files: dict[str, list[PartitionFile]] = {}
    for task in found.scan(row_filter=where, snapshot_id=int(snapshot_id)).plan_files():
        key, *owner = (task.file.partition[place] for place in range(len(model_of(table).partitioned_by)))
        files.setdefault(key, []).append(PartitionFile(owner[0] if owner else None, task.file.file_path, task.file.record_count))
    return files


def partition_keys_at(dataset: Dataset, table: str, snapshot_ids: Iterable[str]) -> dict[str, frozenset[str] | None]:
    """Return the keys of the partitions that the table had at each snapshot; ``None``: the snapshot is gone.

    Snapshots share manifests, and each is read once, however many snapshots are asked about.
    """
    from pyiceberg.manifest import ManifestContent

    found = dataset.load_table(table)
    read: dict[str, frozenset[str]] = {}
    keys: dict[str, frozenset[str] | None] = {}
    for snapshot_id in dict.fromkeys(snapshot_ids):
        snapshot = None if found is None else found.snapshot_by_id(int(snapshot_id))
        if found is None or snapshot is None:
            keys[snapshot_id] = None
            continue
        manifests = [one for one in snapshot.manifests(found.io) if one.content == ManifestContent.DATA]
        for manifest in manifests:
            if manifest.manifest_path not in read:
                entries = manifest.fetch_manifest_entry(found.io, discard_deleted=True)
                read[manifest.manifest_path] = frozenset(entry.data_file.partition[0] for entry in entries)
        keys[snapshot_id] = frozenset().union(*(read[manifest.manifest_path] for manifest in manifests))
    return keys


def check_written(dataset: Dataset, partition_key: str) -> None:
    """:raises DatasetNotFoundError: there is no such dataset, or no step has written to this partition of it: a slip of the pen."""
    dataset.check_there()
    for table in ("metrics", "images", "annotations", "predictions"):
        files = partition_files(dataset, table, dataset.snapshot_id(table), partition_key).get(partition_key, [])
        if any(table != "metrics" or file.owner not in LOOKING_ON for file in files):
            return
    raise DatasetNotFoundError(
        f"No step has written to partition {partition_key!r} of {dataset.name!r}: check the spelling, or run an ingest first."
    )


def version_of(files: Iterable[PartitionFile], owners: Collection[str] | None = None) -> str:
    """Return 16 hex digits that are others when the partition, or the part of it that some owners have, was written again.

    Data files are never overwritten, so that equal names are equal rows. Files that were written together as fewer (:func:`compacted_name`)
    keep the version that they had.
    """
    return version_of_paths([file.path for file in files if owners is None or file.owner in owners])


def version_of_paths(paths: Sequence[str]) -> str:
    """Return the same of the files' paths."""
    compacted = {match[1] for path in paths if (match := _COMPACTED.search(path))}
    if len(compacted) == 1 and all(_COMPACTED.search(path) for path in paths):
        return compacted.pop()
    return hashlib.sha256("\n".join(sorted(paths)).encode()).hexdigest()[:16]


def compacted_name(version: str, digest: str) -> str:
    """Return the name of a file with all, or a part of, the rows of a partition of that version. :param digest: of the file."""
    return f"compacted-{version}-{digest}.parquet"


def written_by(dataset: Dataset, table: str, snapshot_id: str) -> dict[str, datetime]:
    """Return a time by which each partition had last been written to.

    That is when, as long as the snapshot that did it is still there. Of one that was expired, the next younger one says until when it must
    have been.
    """
    written: dict[str, datetime] = {}
    for partition, time in _written(dataset, table, snapshot_id):
        written[partition[0]] = max(written.get(partition[0], time), time)
    return written


def written_by_owner(dataset: Dataset, table: str, snapshot_id: str | None, partition_key: str) -> dict[str | None, datetime]:
    """Return the same of one partition: for each owner (``None`` in a table without), as far as it has rows.

    An owner whose rows a later run has found to be what it would write (:func:`~airflow_cv_dataops.core.metrics.write_import`) has written
    them by then.

    :param snapshot_id: ``None``: of a table without a snapshot, to which nobody has written.
    """
    has_owner = model_of(table).owner is not None
    written: dict[str | None, datetime] = {}
    for partition, time in _written(dataset, table, snapshot_id, partition_key) if snapshot_id is not None else ():
        if partition[0] == partition_key:
            owner = partition[1] if has_owner else None
            written[owner] = max(written.get(owner, time), time)
    if has_owner and written:
        _add_confirmed(dataset, table, snapshot_id, partition_key, written)
    return written


def newest_time(dataset: Dataset, table: str, partition_key: str, column: str) -> datetime | None:
    """Return the latest time in a column of a partition, by what manifests say of its files; ``None``: it has no rows.

    Where a file says nothing of it, that is when its snapshot was made, at the latest.
    """
    from pyiceberg.conversions import from_bytes
    from pyiceberg.types import TimestamptzType

    found = dataset.load_table(table)
    snapshot = None if found is None else found.current_snapshot()
    newest: datetime | None = None
    if found is None or snapshot is None:
        return None
    field_id = found.schema().find_field(column).field_id
    for file, time in files_with_times(found, snapshot, partition_key):
        if file.partition[0] != partition_key:
            continue
        if bound := (file.upper_bounds or {}).get(field_id):
            time = _EPOCH + timedelta(microseconds=from_bytes(TimestamptzType(), bound))
        newest = time if newest is None else max(newest, time)
    return newest


def _add_confirmed(dataset: Dataset, table: str, snapshot_id: str | None, partition_key: str, written: dict[str | None, datetime]) -> None:
    """Add when steps have found the rows of owners as they are: the metric of the table's name has the version of their files then."""
    from pyiceberg.expressions import And, EqualTo, NotNull

    where = And(EqualTo("metric", table), NotNull("input_version"))
    columns = ("step", "recorded_at", "input_version")
    rows = dataset.read("metrics", partition_key=partition_key, columns=columns, where=where).to_pylist()
    files = partition_files(dataset, table, snapshot_id, partition_key).get(partition_key, []) if rows else []
    for row in rows:
        owner = row["step"].partition(":")[2]
        if owner in written and row["input_version"] == version_of(files, [owner]):
            written[owner] = max(written[owner], row["recorded_at"])


def _written(dataset: Dataset, table: str, snapshot_id: str, partition_key: str | None = None) -> Iterator[tuple[Any, datetime]]:
    """Yield partition and time of each file. :param partition_key: whose manifests are read; ``None``: all."""
    found = dataset.load_table(table)
    snapshot = found.snapshot_by_id(int(snapshot_id)) if found is not None else None
    if found is None or snapshot is None:
        return
    yield from ((file.partition, time) for file, time in files_with_times(found, snapshot, partition_key))


def files_with_times(found: Table, snapshot: Snapshot, partition_key: str | None = None) -> Iterator[tuple[DataFile, datetime]]:
    """Yield each file of a snapshot, also those that say which rows of others were deleted, and a time by which it had been written.

    :param partition_key: whose manifests are read; ``None``: all.
    """
    from pyiceberg.utils.concurrent import ExecutorFactory

    kept = sorted(times_of(found.metadata).items())
    sequences = [sequence for sequence, _ in kept]
    manifests = [one for one in snapshot.manifests(found.io) if partition_key is None or _may_hold(one, partition_key)]
    # Every commit left a manifest: from an object store they are waited for together.
    entries = ExecutorFactory.get_or_create().map(lambda one: one.fetch_manifest_entry(found.io, discard_deleted=True), manifests)
    for entry in chain.from_iterable(entries):
        at = min(bisect.bisect_left(sequences, entry.sequence_number or 0), len(kept) - 1)
        yield entry.data_file, datetime.fromtimestamp(kept[at][1] / 1000, UTC)


def _may_hold(manifest: ManifestFile, partition_key: str) -> bool:
    """Say whether a file of the partition may be in a manifest, by the least and the greatest key in it."""
    bounds = manifest.partitions[0] if manifest.partitions else None
    if bounds is None or bounds.lower_bound is None or bounds.upper_bound is None:
        return True
    return bool(bounds.lower_bound <= partition_key.encode() <= bounds.upper_bound)
