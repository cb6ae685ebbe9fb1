"""Which snapshots of a table nobody can need any more, and the commit that forgets them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from itertools import pairwise
from typing import Literal

from pyiceberg.catalog import MetastoreCatalog  # noqa: TID253 (only a function of the step imports this module)
from pyiceberg.exceptions import CommitFailedException  # noqa: TID253
from pyiceberg.table import Table, Transaction  # noqa: TID253
from pyiceberg.table.metadata import TableMetadata  # noqa: TID253
from pyiceberg.table.update import (  # noqa: TID253
    AssertRefSnapshotId,
    TableRequirement,
    UpdatesAndRequirements,
    ValidatableTableRequirement,
)
from pyiceberg.table.update.snapshot import ExpireSnapshots  # noqa: TID253

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.transactions import QuickTransaction
from airflow_cv_dataops.core.store.written_times import as_property, remembered, times_of


def expirable(table: Table, held: Collection[int], before: datetime) -> frozenset[int]:
    """Return the snapshots that no tag or branch names, that nobody else holds, and that had ceased to be the current one before a time.

    What was the table's state at any moment since can still be read: a snapshot that was made long ago and replaced just now stays.

    :param held: snapshots that stay whatever the table's own refs say: those that releases name.
    """
    metadata = table.metadata
    kept = {metadata.current_snapshot_id, *held, *(ref.snapshot_id for ref in metadata.refs.values())}
    replaced_at = {earlier.snapshot_id: later.timestamp_ms for earlier, later in pairwise(metadata.snapshot_log)}
    limit = before.timestamp() * 1000
    return frozenset(
        one.snapshot_id
        for one in metadata.snapshots
        if one.snapshot_id not in kept and replaced_at.get(one.snapshot_id, one.timestamp_ms) < limit
    )


def expire(dataset: Dataset, table: str, held: Collection[int], before: datetime) -> int:
    """Forget a table's :func:`expirable` snapshots in one commit, and return how many there were. :raises StoreError: as :func:`forget`."""
    return forget(dataset, table, lambda found: expirable(found, held, before))


def forget(dataset: Dataset, table: str, which: Callable[[Table], Collection[int]]) -> int:
    """Forget snapshots of a table in one commit, and return how many there were.

    A tag or branch that comes to be between the look at the table and the commit makes it look again.

    :param which: says which, given the table; never one that a tag or branch names.
    :raises StoreError: others came first for too long.
    """
    forgotten: Collection[int] = ()

    def change(found: Table) -> None:
        nonlocal forgotten
        forgotten = which(found)
        if forgotten:
            with QuickTransaction(found) as changes:
                _remember_times(changes, found, forgotten)
                _Expiry(changes, found, forgotten).commit()

    dataset.change_table(table, change)
    return len(forgotten)


def _remember_times(changes: Transaction, found: Table, forgotten: Collection[int]) -> None:
    """Note when files were written that outlive the snapshots that brought them."""
    metadata = found.metadata
    staying = [one for one in metadata.snapshots if one.snapshot_id not in forgotten]
    manifests = {one.manifest_path: one for snapshot in staying for one in snapshot.manifests(found.io)}
    entries = (entry for one in manifests.values() for entry in one.fetch_manifest_entry(found.io, discard_deleted=True))
    living = {entry.sequence_number or 0 for entry in entries}
    known, times = {one.sequence_number or 0 for one in staying}, times_of(metadata)
    before = remembered(metadata)
    noted = {one: times[one] for one in living if one in times and (one not in known or one in before)}
    if noted != before:
        changes.set_properties(as_property(noted))


class _Expiry(ExpireSnapshots):
    """PyIceberg's expiry, refused where the table's tags and branches are not those that were looked at.

    PyIceberg drops the refs of a snapshot that it removes: a promotion that took hold of it a moment before would be left with nothing.
    """

    def __init__(self, changes: Transaction, table: Table, snapshot_ids: Collection[int]) -> None:
        super().__init__(changes)
        self._snapshot_ids_to_expire = set(snapshot_ids)
        at = {name: ref.snapshot_id for name, ref in table.metadata.refs.items()}
        requirements: list[TableRequirement] = [AssertRefSnapshotId(ref=name, snapshot_id=snapshot) for name, snapshot in at.items()]
        if isinstance(table.catalog, MetastoreCatalog):  # it is PyIceberg that checks; a REST server does not know this one
            requirements.append(_AssertRefs(refs=at))  # type: ignore[arg-type]
        self._requirements = tuple(requirements)

    def _commit(self) -> UpdatesAndRequirements:
        updates, _ = super()._commit()
        return updates, self._requirements


class _AssertRefs(ValidatableTableRequirement):
    """The table has these tags and branches, where they were, and no others."""

    type: Literal["assert-refs"] = "assert-refs"
    refs: dict[str, int]

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]
        found = {} if base_metadata is None else {name: ref.snapshot_id for name, ref in base_metadata.refs.items()}
        if found != self.refs:
            raise CommitFailedException("Requirement failed: a tag or branch has been made, moved or removed meanwhile")
