"""Tags and branches of a table: names for snapshots, for expiry and for SQL engines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class Refs:
    """What the tags and branches of a table are to be.

    :param tags: snapshot id by tag; one that somebody else has put elsewhere moves here.
    :param branches: snapshot id by branch; one that is elsewhere moves.
    :param gone: tags that are to go.
    """

    tags: Mapping[str, int] = field(default_factory=dict)
    branches: Mapping[str, int] = field(default_factory=dict)
    gone: Collection[str] = ()


def write_refs(dataset: Dataset, table: str, wanted: Callable[[Collection[str]], Refs]) -> bool:
    """Give snapshots of a table their tags and branches, in one commit; return whether each of the snapshots is still there.

    :param wanted: says what the refs are to be, given those that there are. It is asked anew at each attempt, *after* the table was
        read: where another writer, who knows more, comes between, the commit is refused, and who knew less has not the last word.
    :raises StoreError: others came first for too long.
    """
    from pyiceberg.table.update.snapshot import ManageSnapshots

    from airflow_cv_dataops.core.store.transactions import QuickTransaction

    are_there = True

    def change(found: Table) -> None:
        nonlocal are_there
        at = {name: ref.snapshot_id for name, ref in found.metadata.refs.items()}
        kept = {snapshot.snapshot_id for snapshot in found.metadata.snapshots}
        refs = wanted(at)
        are_there = {*refs.tags.values(), *refs.branches.values()} <= kept
        tags = {name: snapshot_id for name, snapshot_id in refs.tags.items() if at.get(name) != snapshot_id and snapshot_id in kept}
        branches = {name: snapshot_id for name, snapshot_id in refs.branches.items() if at.get(name) != snapshot_id and snapshot_id in kept}
        gone = [name for name in refs.gone if name in at]
        if not tags and not branches and not gone:
            return
        with ManageSnapshots(QuickTransaction(found, autocommit=True)) as changes:
            for name, snapshot_id in tags.items():
                changes.create_tag(snapshot_id, name)
            for name, snapshot_id in branches.items():
                changes.create_branch(snapshot_id, name)
            for name in gone:
                changes.remove_tag(name)

    dataset.change_table(table, change)
    return are_there
