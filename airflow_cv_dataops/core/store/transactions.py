"""PyIceberg's transactions, less dear: with thousands of snapshots, a commit was little but copies of the table's metadata."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, TypeVar

from pyiceberg.manifest import ManifestContent, ManifestFile  # noqa: TID253 (only functions that commit import this module)
from pyiceberg.table import TableProperties, Transaction  # noqa: TID253
from pyiceberg.table.snapshots import Operation  # noqa: TID253
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _OverwriteFiles  # noqa: TID253

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.update import TableUpdate

T = TypeVar("T")

# A manifest with fewer files is small; so many small ones are merged, into manifests with so many files. A partition that is replaced
# reads, and writes anew, the manifest that has its files: larger ones would make that dear, smaller ones make the list of them long.
SMALL_FILES, MERGED_FILES = 100, 200
SMALL_MANIFESTS = 20

# Each version of a table's metadata is a file that lists all snapshots: 100 of them, which former versions kept, were most of a table's
# bytes. Nothing reads an older one but who was about to when it was the newest.
VERSIONS_KEPT, FORMER_VERSIONS_KEPT = "20", "100"


class QuickTransaction(Transaction):
    """Works out the table's metadata once for each change; PyIceberg's own copies all of it, every snapshot's, some 20 times in a commit.

    What was worked out holds as long as the table's metadata and the tuple of changes are the very same objects: PyIceberg changes neither
    in place, but puts others there when a change is staged, when the table is read anew, and when a commit has come through.
    """

    _worked_out: tuple[TableMetadata, tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        """The table's metadata with the changes so far; to be read only."""
        base, changes, known = self._table.metadata, self._updates, self._worked_out
        if known is None or known[0] is not base or known[1] is not changes:
            known = self._worked_out = (base, changes, super().table_metadata)  # at once: PyIceberg's threads ask too
        return known[2]


def keep_fewer_versions(changes: Transaction) -> None:
    """Have a table of a former version keep as few files of older metadata as a new one."""
    if changes.table_metadata.properties.get(TableProperties.METADATA_PREVIOUS_VERSIONS_MAX) == FORMER_VERSIONS_KEPT:
        changes.set_properties({TableProperties.METADATA_PREVIOUS_VERSIONS_MAX: VERSIONS_KEPT})


def merging_overwrite(changes: Transaction, properties: Mapping[str, str]) -> MergingOverwrite:
    """Begin a snapshot that replaces files. :param properties: of the snapshot."""
    is_first = changes.table_metadata.current_snapshot() is None
    operation = Operation.APPEND if is_first else Operation.OVERWRITE
    return MergingOverwrite(operation, changes, changes._table.io, snapshot_properties=dict(properties))


class MergingOverwrite(_OverwriteFiles):
    """Replaces files, and merges small manifests; PyIceberg's own leaves one for each commit, for good, and one where it took files out.

    Files that stay are listed as they were: with the snapshot that added them and its sequence number. Table property
    ``commit.manifest-merge.enabled=false`` switches the merging off.
    """

    _written_manifests: list[str]
    _uncommitted_manifests: list[str]

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        living = [
            one for one in manifests if one.added_snapshot_id == self.snapshot_id or one.has_added_files() or one.has_existing_files()
        ]
        properties = self._transaction.table_metadata.properties
        if properties.get(TableProperties.MANIFEST_MERGE_ENABLED, "true").lower() == "false":
            return living
        small: dict[int, list[ManifestFile]] = defaultdict(list)
        for one in living:
            if one.content == ManifestContent.DATA and _live_files(one) < SMALL_FILES:
                small[one.partition_spec_id].append(one)
        for spec_id, found in small.items():
            if len(found) >= SMALL_MANIFESTS:
                gone = {one.manifest_path for one in found}
                living = [one for one in living if one.manifest_path not in gone] + self._merged(spec_id, found)
        self._drop_all_but(living)
        return living

    def _merged(self, spec_id: int, manifests: Sequence[ManifestFile]) -> list[ManifestFile]:
        from pyiceberg.utils.concurrent import ExecutorFactory

        merge = _ManifestMergeManager(0, 0, True, self)._create_manifest
        groups = list(_groups(manifests))
        return list(ExecutorFactory.get_or_create().map(lambda group: group[0] if len(group) == 1 else merge(spec_id, group), groups))

    def _drop_all_but(self, manifests: Sequence[ManifestFile]) -> None:
        """Let PyIceberg clear away, once the commit is through, what was written for it and then merged."""
        kept = {one.manifest_path for one in manifests}
        self._uncommitted_manifests += [path for path in self._written_manifests if path not in kept]
        self._written_manifests = [path for path in self._written_manifests if path in kept]


def sharing_snapshots(metadata: TableMetadata) -> TableMetadata:
    """Return a copy of a table's metadata of which deep copies share the snapshots: nothing changes one, a commit adds another.

    Its properties are its own.
    """
    shared = {"snapshots": _Shared(metadata.snapshots), "snapshot_log": _Shared(metadata.snapshot_log)}
    return metadata.model_copy(update={**shared, "properties": dict(metadata.properties)})


class _Shared(list[T]):
    """A list that is changed by putting another in its place; a copy, however deep, holds the same things."""

    def __deepcopy__(self, memo: dict[int, Any]) -> _Shared[T]:
        return self

    def __add__(self, other: list[Any]) -> _Shared[Any]:
        return _Shared([*self, *other])


def _live_files(manifest: ManifestFile) -> int:
    return (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)


def _groups(manifests: Sequence[ManifestFile]) -> Iterator[list[ManifestFile]]:
    """Yield manifests that are to be one, each with ``MERGED_FILES`` files or a few more; the last with what is left."""
    group: list[ManifestFile] = []
    files = 0
    for one in manifests:
        group.append(one)
        files += _live_files(one)
        if files >= MERGED_FILES:
            yield group
            group, files = [], 0
    if group:
        yield group
