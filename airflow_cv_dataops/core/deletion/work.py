"""The work of a deletion: look for files that name an image, write them anew without, let go of what held them; until none is found."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.deletion.begun import Note
from airflow_cv_dataops.core.deletion.data_files import Rewriting, named_rows, naming_files, replace_files, snapshots_with
from airflow_cv_dataops.core.deletion.erasing import BRANCH, drop_branches, make_twin, put_twins_in_place
from airflow_cv_dataops.core.deletion.named import TABLES_OF_IMAGES, NamedImages
from airflow_cv_dataops.core.deletion.removing import Removed, remove_data_files, remove_exports, remove_objects, remove_pages
from airflow_cv_dataops.core.errors import StoreError
from airflow_cv_dataops.core.release.lookup import releases_at
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.maintenance.image_objects import NAMING_TABLES, leads_into_another_dataset
from airflow_cv_dataops.core.store.maintenance.referenced import held_by_releases, name_of, referenced_files
from airflow_cv_dataops.core.store.objects import join_uri
from airflow_cv_dataops.core.store.schema import TABLES

if TYPE_CHECKING:
    from pyiceberg.table import Table

log = logging.getLogger(__name__)

_MOST_ROUNDS = 10


@dataclass
class Deletion:
    """One run of it.

    :param naming: by table, the data files that name one of the images: their paths by their own names.
    :param seen: names of such files that have been dealt with.
    :param rows: rows that named one in the tables as they were, by table.
    """

    dataset: Dataset
    note: Note
    naming: dict[str, dict[str, str]] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    rows: Counter[str] = field(default_factory=Counter)
    erased_from: set[str] = field(default_factory=set)
    gone: Counter[str] = field(default_factory=Counter)

    @property
    def named(self) -> NamedImages:
        return NamedImages(self.note.ids, self.note.sources)

    def run(self) -> None:
        """Do it. A task that had begun before may write rows of the images once more: what has come since is looked for, too.

        :raises StoreError: others write so often that there is no end of it, or something could not be deleted.
        """
        for _ in range(_MOST_ROUNDS):
            self.look()
            fresh = {table: names for table, found in self.naming.items() if (names := found.keys() - self.seen)}
            if not fresh:
                self._remove_others()
                return
            self.note.write(self.dataset)
            self._change(fresh)
            self.seen |= {name for names in fresh.values() for name in names}
        raise StoreError(f"Other tasks have written rows of the images to {self.dataset.name!r} again and again: run it once more.")

    def look(self) -> None:
        """Find the data files that name one of the images, and the releases that hold one."""
        for table in TABLES_OF_IMAGES:
            found = self.dataset.load_table(table)
            if found is not None:
                self.naming[table] = naming_files(self.dataset, table, found, self.named)
                self._count(table, found)
        self.note = replace(self.note, releases=self.note.releases | self._releases_with_one())

    def _count(self, table: str, found: Table) -> None:
        """Count the rows of files that were not seen before and that the table has now, and note their partitions."""
        current = {name_of(task.file.file_path): task.file.file_path for task in found.scan().plan_files()}
        paths = [current[name] for name in self.naming[table].keys() - self.seen if name in current]
        keys = [name for name in ("partition_key",) if TABLES[table].partitioned_by[0] == name]
        for rows in named_rows(found, table, paths, self.named, keys):
            self.rows[table] += rows.num_rows
            if keys:
                partitions = frozenset(rows["partition_key"].unique().to_pylist())
                self.note = replace(self.note, partitions=self.note.partitions | partitions)

    def _releases_with_one(self) -> frozenset[str]:
        """Return the releases that hold one: a file of ``release_items`` is of one release."""
        found, with_one = self.dataset.load_table("release_items"), set()
        paths = self.naming.get("release_items", {}).values()
        for rows in named_rows(found, "release_items", paths, self.named, ["release", "items_id"]) if found is not None else ():
            with_one |= set(zip(rows["release"].to_pylist(), rows["items_id"].to_pylist(), strict=True))
        rows_of = releases_at(self.dataset, self.dataset.snapshot_id("releases"))
        return frozenset(row["release"] for row in rows_of if (row["release"], row["items_id"]) in with_one)

    def _change(self, fresh: Mapping[str, Collection[str]]) -> None:
        """Take the rows out of the tables, then out of what is held, forget what is not, and delete the files."""
        rewritings = {table: Rewriting(table, self.named, found.keys()) for table, found in self.naming.items()}
        for table in fresh:
            self.dataset.change_table(table, partial(_rewrite_current, rewritings[table]))
        if self.note.erases:
            self._erase(rewritings)
        else:
            put_twins_in_place(self.dataset, {}, self.named)  # who promotes has to look again
        self._forget()
        for table, names in self.naming.items():
            found = self.dataset.load_table(table)
            if found is not None:
                self.gone["data_files"] += remove_data_files(self.dataset, found, names)

    def _erase(self, rewritings: Mapping[str, Rewriting]) -> None:
        twins: dict[str, dict[int, int]] = defaultdict(dict)
        for _ in range(_MOST_ROUNDS):
            todo = [(table, one) for table in rewritings for one in self._held_with_one(table) if one not in twins[table]]
            if not todo:
                drop_branches(self.dataset, list(rewritings))
                return
            for table, snapshot_id in todo:
                twins[table][snapshot_id] = make_twin(self.dataset, rewritings[table], snapshot_id)
            self.erased_from |= put_twins_in_place(self.dataset, twins, self.named)
        raise StoreError(f"Promotions of {self.dataset.name!r} came so often that not all releases lost the images: run it once more.")

    def _held_with_one(self, table: str) -> set[int]:
        """Return the snapshots that a release, tag or branch holds and that have a file that names one of the images."""
        found = self.dataset.load_table(table)
        if found is None or not self.naming[table]:
            return set()
        refs = {ref.snapshot_id for name, ref in found.metadata.refs.items() if name != "main" and not name.startswith(BRANCH)}
        return (refs | held_by_releases(self.dataset).get(table, frozenset())) & snapshots_with(found, self.naming[table])

    def _forget(self) -> None:
        from airflow_cv_dataops.core.store.maintenance.expiry import forget

        held = held_by_releases(self.dataset)
        for table, names in self.naming.items():
            if names:
                self.gone["snapshots"] += forget(self.dataset, table, partial(_not_held, held.get(table, frozenset()), names.keys()))

    def _remove_others(self) -> None:
        """Delete stored images and pages, once no file names an image but those that a release holds. :raises StoreError: one cannot be."""
        left = self._left()
        if self.note.erases and left:
            some = ", ".join(sorted(left)[:3])
            raise StoreError(f"Data files of {self.dataset.name!r} name one of the images still, and are held: {some}. Run it once more.")
        if self.dataset.config.warehouse is None:
            log.warning("Catalog %s names no warehouse URI: stored images and pages are not looked for.", self.dataset.config.name)
            return
        still = frozenset[str]()
        for table in NAMING_TABLES:
            found = self.dataset.load_table(table)
            if found is not None:
                paths = [path for path in self.naming[table].values() if path in left]
                still |= {one for rows in named_rows(found, table, paths, self.named, ["image_id"]) for one in rows["image_id"].to_pylist()}
        removed = Removed()
        if leads_into_another_dataset(join_uri(self.dataset.root_uri, "objects")):
            removed.problems.append(f"the stored images of {self.dataset.name!r} lie in another dataset's folder, and are left there")
        else:
            remove_objects(self.dataset, self.note.ids - still, removed)
        without = self.note.releases if self.note.erases else frozenset[str]()
        remove_pages(self.dataset, self.named, {*self.note.partitions, *without}, removed)
        remove_exports(self.dataset, without, removed)
        self.gone.update(removed.files)
        if removed.problems:
            raise StoreError(f"{len(removed.problems)} files could not be deleted, or not be looked at: {'; '.join(removed.problems[:3])}")

    def _left(self) -> set[str]:
        """Return the paths of files that name one of the images and that some snapshot has."""
        left = set()
        for table, names in self.naming.items():
            found = self.dataset.load_table(table) if names else None
            referenced = referenced_files(found).names if found is not None else frozenset()
            left |= {path for name, path in names.items() if name in referenced}
        return left


def by_number(releases: Iterable[str]) -> list[str]:
    """Return names of releases in the order of their numbers."""
    return sorted(releases, key=lambda name: int(name[1:]))


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
