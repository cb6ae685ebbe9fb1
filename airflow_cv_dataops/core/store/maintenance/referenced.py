"""Which files a table's metadata refers to, and which snapshots releases hold."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    from pyiceberg.table import Table


@dataclass(frozen=True)
class ReferencedFiles:
    """What the kept snapshots of a table, and its metadata, refer to.

    :param names: the files' own names, metadata, manifests and data files alike. Whatever the scheme, the spelling or the encoding of a
        path, these are the same, and none is given twice.
    :param data: paths of the files with rows, as the manifests have them; those that say which rows of others are gone are among the names.
    """

    names: frozenset[str]
    data: frozenset[str]


def referenced_files(table: Table, expired: Collection[int] = ()) -> ReferencedFiles:
    """Read every manifest of every snapshot, each once.

    :param expired: snapshots that do not count.
    """
    from pyiceberg.manifest import DataFileContent
    from pyiceberg.utils.concurrent import ExecutorFactory

    metadata, io = table.metadata, table.io
    snapshots = [one for one in metadata.snapshots if one.snapshot_id not in expired]
    pool = ExecutorFactory.get_or_create()
    manifests = {one.manifest_path: one for found in pool.map(lambda snapshot: snapshot.manifests(io), snapshots) for one in found}
    entries = pool.map(lambda manifest: manifest.fetch_manifest_entry(io, discard_deleted=True), manifests.values())
    files = [entry.data_file for found in entries for entry in found]
    data = frozenset(file.file_path for file in files if file.content == DataFileContent.DATA)
    others = [
        table.metadata_location,
        *(entry.metadata_file for entry in metadata.metadata_log),
        *(one.statistics_path for one in (*metadata.statistics, *metadata.partition_statistics)),
        *(snapshot.manifest_list for snapshot in snapshots),
        *manifests,
    ]
    return ReferencedFiles(frozenset(map(name_of, (*others, *(file.file_path for file in files)))), data)


def held_by_releases(dataset: Dataset) -> Mapping[str, frozenset[int]]:
    """Return the snapshots that releases name, by table. They have tags, too; a tag can be lost to somebody's own clean-up."""
    held: dict[str, set[int]] = defaultdict(set)
    if dataset.load_table("releases") is not None:
        for snapshots in dataset.read("releases", columns=["snapshots"])["snapshots"].to_pylist():
            for table, snapshot_id in json.loads(snapshots).items():
                held[table].add(int(snapshot_id))
    return {table: frozenset(ids) for table, ids in held.items()}


def name_of(path: str) -> str:
    """Return the last part of a path or URI, decoded."""
    return unquote(path.rpartition("/")[2])
