"""The step: forget old snapshots, then delete what nothing refers to any more."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.base import ObjectInfo, ObjectStore
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.maintenance.arguments import GRACE_DAYS, KEEP_HISTORY_DAYS, check_days
from airflow_cv_dataops.core.store.maintenance.compaction import COMPACTED_TABLES, compact_table, compactable
from airflow_cv_dataops.core.store.maintenance.image_objects import (
    NAMING_TABLES,
    are_named_by_none,
    leads_into_another_dataset,
    named_objects,
    union,
)
from airflow_cv_dataops.core.store.maintenance.referenced import ReferencedFiles, held_by_releases, name_of, referenced_files
from airflow_cv_dataops.core.store.maintenance.sweeping import Sweep, Swept
from airflow_cv_dataops.core.store.objects import join_uri, open_store
from airflow_cv_dataops.core.store.schema import TABLES
from airflow_cv_dataops.core.summary import StepResult, Summary
from airflow_cv_dataops.core.wording import readable

if TYPE_CHECKING:
    import numpy as np
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

# Folders below a dataset with what only running tasks, and reruns that would be slower without, look at.
_LISTS = ("shards", "listings")
_ENDINGS = {"data": (".parquet",), "metadata": (".avro", ".metadata.json", ".puffin")}
_LIST = re.compile(r"[0-9a-f]{64}\.parquet")
_MOST_NAMED = 3


def maintain_dataset(
    dataset: Dataset,
    *,
    keep_history_days: float = KEEP_HISTORY_DAYS,
    grace_days: float = GRACE_DAYS,
    compact: bool = True,
    dry_run: bool = False,
    partition_key: str | None = None,
    now: datetime | None = None,
) -> StepResult:
    """Forget old snapshots of the dataset's tables, and delete the files that nothing refers to any more.

    What the tables were at any moment of the last ``keep_history_days`` can still be read, and so can every release, tag and branch,
    however old. Of files, those go that no remaining snapshot refers to (data, manifests, metadata), stored images that no row of any data
    file names, lists that only running tasks look at, and what killed writers have left half written. It may run beside writers and
    readers, beside another of its kind, and be killed at any time: the next run goes on.

    :param keep_history_days: for so long the past can be read; not shorter than the longest run of a DAG.
    :param grace_days: a file that was written since is never deleted, as a task that runs may be about to commit it; longer than the
        longest task, retries aside.
    :param compact: whether many small data files of one partition are written as one; those that there were stay until they are forgotten.
    :param dry_run: change nothing, and count what would be compacted, forgotten and deleted.
    :param partition_key: only recorded.
    :param now: what both are counted back from; default: now.
    :raises ConfigurationError: an argument cannot be used.
    :raises DatasetNotFoundError: there is no such dataset.
    :raises StoreError: others came first for too long, or a store does not answer.
    """
    started = time.monotonic()
    history = timedelta(days=check_days("keep_history_days", keep_history_days))
    grace = timedelta(days=check_days("grace_days", grace_days))
    dataset.check_there()
    now = now or datetime.now(UTC)
    now = now if now.tzinfo else now.replace(tzinfo=UTC)
    held = held_by_releases(dataset)
    work = _Maintenance(dataset, now - history, now - grace, dry_run)
    for table in sorted(dataset.table_names() & TABLES.keys()):
        if compact and table in COMPACTED_TABLES:
            work.compact(table)
        work.expire(table, held.get(table, frozenset()))
    with Progress("files looked at", None, log) as progress:
        work.sweep(progress)
    return work.result(partition_key, time.monotonic() - started)


@dataclass
class _Maintenance:
    """One run of it.

    :param history: when the past begins that can still be read.
    :param before: files that were written since stay.
    :param missing: by table, how many of its data files are not there; ``lost``: none of them is.
    :param foreign: tables at whose place another table has files, too.
    """

    dataset: Dataset
    history: datetime
    before: datetime
    dry_run: bool
    compacted: int = 0
    expired: dict[str, int] = field(default_factory=dict)
    forgotten: dict[str, frozenset[int]] = field(default_factory=dict)
    missing: dict[str, int] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    swept: Swept = field(default_factory=Swept)

    def compact(self, table: str) -> None:
        if not self.dry_run:
            before, after = compact_table(self.dataset, table)
        elif (found := self.dataset.load_table(table)) is not None:
            partitions = compactable(found)
            before, after = sum(map(len, partitions.values())), len(partitions)
        else:
            return
        self.compacted += before
        if before:
            would_be = "would be " * self.dry_run
            log.info("%s: %d small data files %swritten as %d", self.dataset.identifier(table), before, would_be, after)

    def expire(self, table: str, held: frozenset[int]) -> None:
        from airflow_cv_dataops.core.store.maintenance.expiry import expirable, expire

        if self.dry_run:
            found = self.dataset.load_table(table)
            self.forgotten[table] = frozenset() if found is None else expirable(found, held, self.history)
            self.expired[table] = len(self.forgotten[table])
        else:
            self.expired[table] = expire(self.dataset, table, held, self.history)
        if self.expired[table]:
            log.info("%s: %d snapshots %sforgotten", self.dataset.identifier(table), self.expired[table], "would be " * self.dry_run)

    def sweep(self, progress: Progress) -> None:
        """Tables first: an image is let go only when no data file is left that names it, committed or not."""
        sweep = Sweep(self.before, self.dry_run, self.swept, progress)
        numbers = []
        for table in sorted(self.expired):
            found = self.dataset.load_table(table)
            if found is None:
                continue
            left, referenced = self._sweep_table(sweep, table, found)
            if table in NAMING_TABLES and table not in self.missing and table not in self.foreign:
                numbers.append(_named_by(found, left, referenced))
        if self.dataset.config.warehouse is None:
            log.info("Catalog %s names no warehouse URI: there are no objects of %s.", self.dataset.config.name, self.dataset.name)
            return
        for folder in _LISTS:
            below = self._below(join_uri(self.dataset.root_uri, folder))
            sweep.over(below, below.list(), "lists", _are_lists, min(self.history, self.before))
        doubtful = [table for table in NAMING_TABLES if table in self.missing or table in self.foreign]
        if doubtful or "images" not in self.expired:
            why = f"of {' and '.join(doubtful)} not all is known" if doubtful else "there is no table of images"
            log.warning("Stored images are left as they are: %s.", why)
            return
        objects = self._below(join_uri(self.dataset.root_uri, "objects"))
        if leads_into_another_dataset(objects.uri):
            log.warning("Stored images are left as they are: %s is a link into another dataset.", readable(objects.uri))
            return
        sweep.over(objects, objects.list(), "objects", are_named_by_none(union(numbers)))

    def _sweep_table(self, sweep: Sweep, table: str, found: Table) -> tuple[list[str], ReferencedFiles]:
        """Delete a table's files; return what is left of its data files, committed or not, and what it refers to."""
        referenced = referenced_files(found, self.forgotten.get(table, frozenset()))
        stores = {kind: self._below(f"{found.location()}/{kind}") for kind in _ENDINGS}
        infos = {kind: list(store.list()) for kind, store in stores.items()}
        self._look_for_missing(table, found, referenced, infos["data"])
        if table in self.lost or self._is_shared(table, found, referenced, stores["metadata"], infos["metadata"]):
            return [], referenced
        left: list[str] = []
        for kind, endings in _ENDINGS.items():
            left += sweep.over(stores[kind], infos[kind], kind, partial(_are_unreferenced, referenced.names, endings))
        return left, referenced

    def _is_shared(self, table: str, found: Table, referenced: ReferencedFiles, store: ObjectStore, infos: Sequence[ObjectInfo]) -> bool:
        """Say whether another table has files at the place of this one: of another catalog, a clone, one that was dropped."""
        others = [info.path for info in infos if info.path.endswith(".metadata.json") and name_of(info.path) not in referenced.names]
        uuids = {_table_of(store, path) for path in others} - {None, str(found.metadata.table_uuid)}
        is_shared = bool(uuids) or found.location().rstrip("/") in self.dataset.other_locations()
        if is_shared:
            self.foreign.add(table)
            log.error("Files of another table lie at %s: none of it is deleted.", readable(found.location()))
        return is_shared

    def _look_for_missing(self, table: str, found: Table, referenced: ReferencedFiles, infos: Sequence[ObjectInfo]) -> None:
        """Count the data files that snapshots refer to and that are not there; where none of several is, the place itself is in doubt."""
        here = {path for path in referenced.data if path.startswith(f"{found.location()}/data/")}
        names = {name_of(info.path) for info in infos}
        missing = [path for path in sorted(here) if name_of(path) not in names]
        if missing and (now := self.dataset.load_table(table)) is not None:  # another maintenance may have been at work meanwhile
            still = referenced_files(now).data
            missing = [path for path in missing if path in still]
        if not missing:
            return
        self.missing[table] = len(missing)
        named = ", ".join(missing[:_MOST_NAMED])
        log.error("%s refers to %d data files that are not there: %s", self.dataset.identifier(table), len(missing), named)
        if len(missing) == len(here):
            self.lost.add(table)
            log.error("None of its files is deleted.")

    def _below(self, uri: str) -> ObjectStore:
        return open_store(uri, self.dataset.config.object_options)

    def result(self, partition_key: str | None, duration_seconds: float) -> StepResult:
        swept = self.swept
        counts = {
            "dry_run": int(self.dry_run),
            "compacted_files": self.compacted,
            "expired_snapshots": sum(self.expired.values()),
            "deleted_files": sum(swept.deleted.values()),
            "missing_files": sum(self.missing.values()),
            "failed_files": swept.failed,
            "waiting_files": sum(swept.waiting.values()),
            "deleted_files_by_kind": dict(swept.deleted),
            "kept_files_by_kind": dict(swept.kept),
        }
        metrics = {
            "deleted_bytes": sum(swept.deleted_bytes.values()),
            "kept_bytes": sum(swept.kept_bytes.values()),
            "deleted_bytes_by_kind": dict(swept.deleted_bytes),
            "kept_bytes_by_kind": dict(swept.kept_bytes),
            "expired_snapshots_by_table": {table: count for table, count in self.expired.items() if count},
        }
        summary = Summary(self.dataset.name, partition_key, None, counts, metrics, duration_seconds=duration_seconds)
        uses = tuple(self.dataset.table_use(table) for table in sorted(self.expired))
        problems = self._problems()
        return StepResult(summary, StepLineage("maintenance", inputs=uses), failure=" ".join(problems) or None)

    def _problems(self) -> list[str]:
        problems = []
        if self.missing:
            tables = ", ".join(f"{count} of {table}" for table, count in sorted(self.missing.items()))
            problems.append(
                f"Data files that snapshots of {self.dataset.name} refer to are not there: {tables}. What they held is lost to those "
                "snapshots; bring the files back, or write the partitions anew and let the snapshots expire."
            )
        if self.foreign:
            problems.append(
                f"Files of other tables lie at the place of {', '.join(sorted(self.foreign))} of {self.dataset.name}: another catalog's, a "
                "clone's, or those of a table that was dropped, which you may delete yourself. Nothing there was deleted."
            )
        if self.swept.failed:
            problems.append(f"{self.swept.failed} files could not be deleted; the log says why.")
        return problems


def _table_of(store: ObjectStore, path: str) -> str | None:
    """Return the UUID of the table that a file of metadata is of; ``None`` where it does not say."""
    if store.is_never_readable(path):
        return None
    try:
        return str(json.loads(store.read(path))["table-uuid"])
    except (ValueError, KeyError, TypeError):
        return None


def _named_by(found: Table, left: Sequence[str], referenced: ReferencedFiles) -> np.ndarray:
    """Return the numbers of the images that the rows of a table name: of its data files, and of those that writers have not committed."""
    folder = f"{found.location()}/data"
    here = [f"{folder}/{path}" for path in left]
    elsewhere = sorted(referenced.data.difference(here))  # spelled otherwise, one is read twice
    return named_objects(found.io, [*here, *elsewhere], lambda path: name_of(path) in referenced.names)


def _are_lists(infos: Sequence[ObjectInfo]) -> list[bool]:
    """Say of each file whether it is a list that a step has left there, by its name."""
    return [_LIST.fullmatch(info.path) is not None for info in infos]


def _are_unreferenced(names: Collection[str], endings: tuple[str, ...], infos: Sequence[ObjectInfo]) -> list[bool]:
    """Say of each file whether it is one of a table's, and none that is referred to."""
    return [info.path.endswith(endings) and name_of(info.path) not in names for info in infos]
