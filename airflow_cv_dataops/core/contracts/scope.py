"""Which rows of a table a contract is about."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.arguments import check_flag, check_list
from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.model.table_model import PARTITION_KEY
from airflow_cv_dataops.core.store.partition_files import partition_files
from airflow_cv_dataops.core.store.partition_keys import check_partition_key
from airflow_cv_dataops.core.store.schema import model_of

if TYPE_CHECKING:
    from pyiceberg.expressions import BooleanExpression

log = logging.getLogger(__name__)

RELEASED_TABLES = ("images", "annotations", "release_items")
_JOINED: Mapping[str, tuple[str, ...]] = {
    "annotations": ("images",),
    "predictions": ("images",),
    "images": ("annotations",),
    "release_items": ("annotations",),
}


@dataclass(frozen=True)
class Scope:
    """Rows of one table: of one partition, of the whole dataset, or of a release.

    :param partition_key: the partition; ``None``: all of them.
    :param release: the release (its name, a stage, or a time), in place of a partition.
    :param release_name: what that was when it was looked up.
    :param snapshot_id: as of this snapshot of the table; ``None``: the current one.
    :param owners: of these label sets, models, audits, samples or steps alone; ``None``: of all.
    """

    table: str
    partition_key: str | None = None
    release: str | None = None
    release_name: str | None = None
    snapshot_id: str | None = None
    owners: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        table: str,
        *,
        partition_key: str | None,
        whole_dataset: bool,
        release: str | None,
        snapshot_id: str | int | None,
        owners: Sequence[str] | None,
    ) -> Scope:
        """Return the scope that arguments ask for.

        :raises ConfigurationError: they contradict one another, or the table has no such rows.
        """
        model = model_of(table)
        check_flag("whole_dataset", whole_dataset)
        if owners is not None:
            check_list("owners", owners)
        if snapshot_id is not None and not str(snapshot_id).isdecimal():
            raise ConfigurationError(f"snapshot_id={snapshot_id!r} is no id of a snapshot: expected a whole number.")
        if release is not None:
            _check_released(table, release, whole_dataset=whole_dataset, snapshot_id=snapshot_id, owners=owners)
            return cls(table, release=release)
        if owners is not None and (model.owner is None or not owners):
            why = f"rows of {table} have no owner" if model.owner is None else f"expected at least one {model.owner}"
            raise ConfigurationError(f"owners={owners!r} cannot be used: {why}.")
        if not whole_dataset and PARTITION_KEY not in model.partitioned_by:
            also = ", or a release" if table in RELEASED_TABLES else ""
            raise ConfigurationError(f"Table {table} has no partitions of its own by partition key: give whole_dataset=True{also}.")
        if not whole_dataset:
            if not partition_key:
                raise ConfigurationError(f"Which rows of {table}? Give a partition_key, whole_dataset=True, or a release.")
            check_partition_key(partition_key)
        key = None if whole_dataset else partition_key
        at = None if snapshot_id is None else str(snapshot_id)
        return cls(table, key, snapshot_id=at, owners=None if owners is None else tuple(owners))

    @property
    def is_one_partition(self) -> bool:
        """Whether it is a partition as it is."""
        return self.partition_key is not None and self.snapshot_id is None

    @property
    def in_words(self) -> str:
        """Say what it is, for messages."""
        if self.release is not None:
            stage = f" ({self.release})" if self.release_name not in (None, self.release) else ""
            return f"release {self.release_name or self.release}{stage}"
        where = "the whole dataset" if self.partition_key is None else f"partition {self.partition_key}"
        owners = f", of {', '.join(self.owners)} alone" if self.owners else ""
        return where + owners + (f", at snapshot {self.snapshot_id}" if self.snapshot_id else "")

    def rows_are(self) -> BooleanExpression | None:
        """Return the filter by owner."""
        from pyiceberg.expressions import In

        owner = model_of(self.table).owner
        return None if self.owners is None or owner is None else In(owner, set(self.owners))


def read_tables(table: str, *, of_release: bool = False) -> tuple[str, ...]:
    """Return the table that a contract is about, first, and those that may be joined to it."""
    released = ("release_items",) if of_release else ()
    return tuple(dict.fromkeys((table, *_JOINED.get(table, ()), *released)))


def snapshots_of(dataset: Dataset, scope: Scope, others: Sequence[str]) -> dict[str, str]:
    """Return by table the snapshots to read at: of the scope's table, and of those that are joined to it.

    With a snapshot given, the others are read as they were when it was written.

    :raises DatasetNotFoundError: the snapshot does not exist (any more).
    """
    if scope.snapshot_id is None:
        return dataset.snapshots((scope.table, *others))
    found = dataset.load_table(scope.table)
    snapshot = None if found is None else found.snapshot_by_id(int(scope.snapshot_id))
    if snapshot is None:
        raise DatasetNotFoundError(
            f"Table {dataset.identifier(scope.table)} has no snapshot {scope.snapshot_id}; it may have been expired."
        )
    then = {scope.table: scope.snapshot_id}
    for other in others:
        table = dataset.load_table(other)
        at = None if table is None else table.snapshot_as_of_timestamp(snapshot.timestamp_ms)
        if at is not None:
            then[other] = str(at.snapshot_id)
    return then


def check_owners(dataset: Dataset, scope: Scope, snapshot_id: str | None) -> None:
    """Warn of owners that have nothing in the partition: a day may be empty.

    :raises ConfigurationError: one has nothing in any partition, which is a slip of the pen.
    """
    if scope.owners is None:
        return
    files = partition_files(dataset, scope.table, snapshot_id)
    known = {file.owner for found in files.values() for file in found}
    if unknown := sorted(set(scope.owners) - known):
        raise ConfigurationError(
            f"No partition of {dataset.identifier(scope.table)} has anything of {', '.join(unknown)}: check the spelling of owners."
        )
    here = known if scope.partition_key is None else {file.owner for file in files.get(scope.partition_key, [])}
    if absent := sorted(set(scope.owners) - here):
        log.warning("There is nothing of %s in %s, %s", ", ".join(absent), dataset.identifier(scope.table), scope.in_words)


def _check_released(table: str, release: object, *, whole_dataset: bool, snapshot_id: object, owners: Sequence[str] | None) -> None:
    if not isinstance(release, str) or not release:
        raise ConfigurationError(f"release={release!r} cannot be used: expected a name such as 'v3', a stage, or a time.")
    if table not in RELEASED_TABLES:
        raise ConfigurationError(f"A release holds no rows of {table}: expected one of {', '.join(RELEASED_TABLES)}.")
    if whole_dataset or snapshot_id is not None or owners is not None:
        raise ConfigurationError("A release is read as it was made: it goes without whole_dataset, snapshot_id and owners.")
