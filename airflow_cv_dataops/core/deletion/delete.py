"""The step: images that must go, out of the tables, on demand out of older releases, and off the disk."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.deletion.arguments import (
    check_image_ids,
    check_reason,
    check_releases,
    check_selection,
    check_sources,
    check_where,
)
from airflow_cv_dataops.core.deletion.begun import Begun, begin
from airflow_cv_dataops.core.deletion.data_files import Rewriting, naming_files, replace_files, snapshots_with
from airflow_cv_dataops.core.deletion.erasing import BRANCH, drop_branches, held_snapshots, make_twin, put_twins_in_place
from airflow_cv_dataops.core.deletion.named import TABLES_OF_IMAGES, NamedImages, select_images
from airflow_cv_dataops.core.deletion.removing import ids_in, remove_data_files, remove_exports, remove_objects, remove_pages
from airflow_cv_dataops.core.errors import ConfigurationError, StoreError
from airflow_cv_dataops.core.release.lookup import releases_at
from airflow_cv_dataops.core.step_lineage import StepLineage
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.deleted_images import TABLE, deletion_digest
from airflow_cv_dataops.core.store.maintenance.image_objects import NAMING_TABLES
from airflow_cv_dataops.core.store.maintenance.referenced import name_of
from airflow_cv_dataops.core.store.schema import TABLES, arrow_schema
from airflow_cv_dataops.core.summary import StepResult, Summary

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

_MOST_ROUNDS = 10
_MOST_NAMED = 50


def delete_images(
    dataset: Dataset,
    *,
    image_ids: Sequence[str] = (),
    sources: Sequence[str] = (),
    where: str | None = None,
    reason: str,
    releases: str = "keep",
    dry_run: bool = False,
    partition_key: str | None = None,
    dag_id: str | None = None,
    run_id: str | None = None,
    deleted_at: datetime | None = None,
) -> StepResult:
    """Delete images for good: their rows in every table, their bytes, every identical copy, and keep ingests from taking them again.

    Snapshots that no release, tag or branch holds are forgotten where they name one. Releases that were made before are told, and hold the
    images still (``keep``), or lose them, too (``erase``): then no file below the dataset has their bytes or names them any more, but those
    that other tools have put there. Killed at any line, the next run with the same or with other images finishes what was begun.

    :param image_ids: sha256 of the files' bytes, in hex.
    :param sources: every image of such a ``source_uri``, or of one that begins with a URI that ends with ``/``.
    :param where: every image with a row in ``images``, now or in a snapshot that there still is, that this Iceberg filter lets through.
    :param reason: why, for people; kept with the digests of the images.
    :param releases: ``keep``: releases, tags and branches stay as they are; ``erase``: the images are taken out of them, too.
    :param dry_run: change nothing, and say what is there.
    :param partition_key: only recorded in the summary.
    :param dag_id: whose run this is; only recorded.
    :param run_id: as ``dag_id``.
    :param deleted_at: when, for the record; default: now.
    :raises ConfigurationError: an argument cannot be used, or nothing is found of what is asked for, and nothing of it was ever deleted.
    :raises DatasetNotFoundError: there is no such dataset.
    :raises StoreError: others commit so often that it cannot come through.
    """
    started = time.monotonic()
    wanted = check_image_ids(image_ids)
    check_selection(image_ids, sources, where)
    check_where(where)
    check_releases(releases)
    check_reason(reason)
    check_sources(sources)
    dataset.check_there()
    begun = Begun.of(dataset)
    if not dry_run and begun.ids and begun.erases != (releases == "erase"):
        how = "erase" if begun.erases else "keep"
        raise ConfigurationError(
            f"A deletion of {len(begun.ids)} images of {dataset.name!r} was begun with releases={how!r} and not finished: run one like "
            "that first; it finishes it."
        )
    named = select_images(dataset, wanted | begun.ids, sources, where)
    if not named.ids:
        raise ConfigurationError(
            f"No image of {dataset.name!r} is what is asked for (sources={list(sources)}, where={where!r}): nothing was deleted."
        )
    work = _Deletion(dataset, named, releases == "erase", dry_run, begun.releases)
    if not dry_run:
        work.begin(reason, dag_id, run_id, deleted_at or datetime.now(UTC))
    work.look()
    if not dry_run:
        work.change()
        begun.end()
    return work.result(partition_key, time.monotonic() - started)


@dataclass
class _Deletion:
    """One run of it.

    :param naming: by table, the data files that name one of the images: their paths by their own names.
    :param once_with_one: releases that held one when a deletion began that was killed.
    :param releases: that hold one of them.
    :param partitions: of which rows went.
    """

    dataset: Dataset
    named: NamedImages
    erases: bool
    dry_run: bool
    once_with_one: frozenset[str]
    request: str = ""
    naming: dict[str, dict[str, str]] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    partitions: set[str] = field(default_factory=set)
    releases: list[str] = field(default_factory=list)
    erased_from: list[str] = field(default_factory=list)
    gone: Counter[str] = field(default_factory=Counter)

    def begin(self, reason: str, dag_id: str | None, run_id: str | None, deleted_at: datetime) -> None:
        """Note which images are to go, and let no ingest take them again from now on."""
        import pyarrow as pa

        digests = sorted(deletion_digest(self.dataset.name, image_id) for image_id in self.named.ids)
        self.request = hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
        begin(self.dataset, self.request, self.named.ids, erases=self.erases)
        releases = "erase" if self.erases else "keep"
        told = {"reason": reason, "releases": releases, "dag_id": dag_id, "run_id": run_id, "deleted_at": deleted_at}
        rows = [{"request": self.request, "digest": digest, **told} for digest in digests]
        self.dataset.replace_rows(TABLE, {"request": self.request}, pa.Table.from_pylist(rows, schema=arrow_schema(TABLE)))

    def look(self) -> None:
        """Find the data files that name one of the images, and the releases that hold one."""
        for table in TABLES_OF_IMAGES:
            found = self.dataset.load_table(table)
            if found is not None:
                self.naming[table] = naming_files(self.dataset, table, found, self.named)
                self._count(table, found)
        self.releases = self._releases_with_one()

    def _count(self, table: str, found: Table) -> None:
        """Count the rows that name one of them now, and note their partitions."""
        import pyarrow.compute as pc

        current = found.current_snapshot()
        tasks = (
            [] if current is None else [task for task in found.scan().plan_files() if name_of(task.file.file_path) in self.naming[table]]
        )
        if not tasks:
            return
        paths = {task.file.file_path for task in tasks}
        columns = list(
            dict.fromkeys([*NamedImages.columns(table), *(name for name in ("partition_key",) if name in TABLES[table].column_names)])
        )
        for rows in self.dataset.read_batches(table, columns=columns, files=paths):
            mask = self.named.mask(table, rows)
            self.rows[table] += pc.sum(mask).as_py() or 0
            if TABLES[table].partitioned_by[0] == "partition_key":
                self.partitions |= set(rows.filter(mask)["partition_key"].unique().to_pylist())

    def _releases_with_one(self) -> list[str]:
        if not self.naming.get("release_items"):
            return []
        with_one = set()
        for rows in self.dataset.read_batches("release_items", columns=["release", "items_id", "image_id"]):
            of_one = rows.filter(self.named.mask("release_items", rows.select(["image_id"])))
            with_one |= set(zip(of_one["release"].to_pylist(), of_one["items_id"].to_pylist(), strict=True))
        held = {
            row["release"]
            for row in releases_at(self.dataset, self.dataset.snapshot_id("releases"))
            if (row["release"], row["items_id"]) in with_one
        }
        return sorted(held, key=lambda name: int(name[1:]))

    def change(self) -> None:
        """Take the rows out of the tables, then out of what is held, then delete files."""
        begin(self.dataset, self.request, self.named.ids, erases=self.erases, releases={*self.releases, *self.once_with_one})
        rewritings = {table: Rewriting(table, self.named, names) for table, names in self.naming.items()}
        for table, rewriting in rewritings.items():
            # The items of a release stay with it, at its own snapshot.
            self.dataset.change_table(table, partial(_rewrite_current, rewriting))
        if self.erases:
            self._erase(rewritings)
        elif self.naming.get("images"):
            put_twins_in_place(self.dataset, {}, self.named)
        self._forget()
        self._remove()

    def _erase(self, rewritings: Mapping[str, Rewriting]) -> None:
        twins: dict[str, dict[int, int]] = defaultdict(dict)
        for _ in range(_MOST_ROUNDS):
            todo = [(table, one) for table in rewritings for one in self._held_with_one(table) if one not in twins[table]]
            if not todo:
                drop_branches(self.dataset, list(rewritings))
                return
            for table, snapshot_id in todo:
                twins[table][snapshot_id] = make_twin(self.dataset, rewritings[table], snapshot_id)
            self.erased_from += [name for name in put_twins_in_place(self.dataset, twins, self.named) if name not in self.erased_from]
        raise StoreError(
            f"Promotions of {self.dataset.name!r} came so often that the images could not be taken out of all releases: run it again."
        )

    def _held_with_one(self, table: str) -> set[int]:
        """Return the snapshots that a release, tag or branch holds and that have a file that names one of the images."""
        found = self.dataset.load_table(table)
        if found is None or not self.naming[table]:
            return set()
        refs = {ref.snapshot_id for name, ref in found.metadata.refs.items() if name != "main" and not name.startswith(BRANCH)}
        return (refs | held_snapshots(self.dataset).get(table, set())) & snapshots_with(found, self.naming[table])

    def _forget(self) -> None:
        from airflow_cv_dataops.core.store.maintenance.expiry import forget

        held = held_snapshots(self.dataset)
        for table, names in self.naming.items():
            if names:
                kept = held.get(table, set())
                self.gone["snapshots"] += forget(self.dataset, table, partial(_not_held, kept, names))

    def _remove(self) -> None:
        still: set[str] = set()
        for table, names in self.naming.items():
            found = self.dataset.load_table(table)
            if found is not None:
                gone, left = remove_data_files(self.dataset, found, names)
                self.gone["data_files"] += gone
                if table in NAMING_TABLES:
                    still |= ids_in(found, left.values(), self.named)
        if self.dataset.config.warehouse is None:
            log.warning("Catalog %s names no warehouse URI: stored images and pages are not looked for.", self.dataset.config.name)
            return
        self.gone["objects"] = remove_objects(self.dataset, self.named.ids - still)
        without = {*self.erased_from, *self.releases, *self.once_with_one} if self.erases else set()
        self.gone["pages"] = remove_pages(self.dataset, self.named, self.partitions, without)
        self.gone["exported_files"] = remove_exports(self.dataset, without)

    def result(self, partition_key: str | None, duration_seconds: float) -> StepResult:
        left = [name for name in self.releases if name not in self.erased_from]
        if left and not self.dry_run:
            log.warning("Releases that still hold one of the images: %s", ", ".join(left[:_MOST_NAMED]))
        counts = {
            "dry_run": int(self.dry_run),
            "images": len(self.named.ids),
            "rows": sum(self.rows.values()),
            "rows_by_table": dict(self.rows),
            "releases_naming": len(left),
            "erased_releases": len(self.erased_from),
            "expired_snapshots": self.gone["snapshots"],
            **{f"deleted_{name}": self.gone[name] for name in ("data_files", "objects", "pages", "exported_files")},
        }
        details = {
            "releases_naming": left[:_MOST_NAMED],
            "erased_from": self.erased_from[:_MOST_NAMED],
            "partitions": sorted(self.partitions)[:_MOST_NAMED],
        }
        summary = Summary(self.dataset.name, partition_key, None, counts, {}, duration_seconds=duration_seconds, details=details)
        tables = [table for table in TABLES_OF_IMAGES if table in self.naming]
        reads = tuple(self.dataset.table_use(table) for table in tables)
        outputs = [table for table in ("images", "annotations") if table in tables and not self.dry_run]
        writes = tuple(self.dataset.table_use(table, snapshot_id=self.dataset.snapshot_id(table)) for table in outputs)
        return StepResult(summary, StepLineage("deletion", inputs=reads, outputs=writes))


def _rewrite_current(rewriting: Rewriting, found: Table) -> None:
    current = found.current_snapshot()
    if current is None:
        return
    old, new = rewriting.of_snapshot(found, current.snapshot_id)
    if old:
        replace_files(found, "main", old, new)


def _not_held(kept: Collection[int], names: Collection[str], found: Table) -> set[int]:
    refs = {ref.snapshot_id for ref in found.metadata.refs.values()}
    return snapshots_with(found, names) - refs - set(kept) - {found.metadata.current_snapshot_id or 0}
