"""The data files of which some row names an image that is to go, and the same files without those rows."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.deletion.named import NamedImages
from airflow_cv_dataops.core.progress import Progress
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.files import files_of_rows, swap
from airflow_cv_dataops.core.store.local import ASIDE
from airflow_cv_dataops.core.store.maintenance.referenced import name_of, referenced_files
from airflow_cv_dataops.core.store.objects import open_store
from airflow_cv_dataops.core.store.table_rows import BATCH_BYTES

if TYPE_CHECKING:
    import pyarrow as pa
    from pyiceberg.table import FileScanTask, Table

log = logging.getLogger(__name__)

_THREADS = 4
_BATCH_ROWS = 65_536


def naming_files(dataset: Dataset, table: str, found: Table, named: NamedImages) -> dict[str, str]:
    """Return the data files that name an image, by their own names: those of every snapshot, and those of none.

    :raises OSError: a file that a snapshot refers to cannot be read.
    """
    referenced = referenced_files(found)
    folder = f"{found.location()}/data"
    paths = {name_of(path): path for path in [*referenced.data, *(f"{folder}/{path}" for path in _listed(dataset, folder))]}

    def is_naming(path: str) -> bool:
        try:
            return next(named_rows(found, table, [path], named, []), None) is not None
        except Exception as error:  # pyarrow raises what it likes of a torn file
            if name_of(path) in referenced.names:
                raise OSError(f"Data file {path} cannot be read, and nobody knows what it names: {error}") from error
            log.warning("Data file %s, which no snapshot has, cannot be read: %s", path, error)
            return False

    with Progress(f"data files of {table}", len(paths), log) as progress, ThreadPoolExecutor(_THREADS) as pool:
        asked = progress.over(pool.map(is_naming, paths.values()))
        return {name: path for (name, path), is_one in zip(paths.items(), asked, strict=True) if is_one}


def _listed(dataset: Dataset, folder: str) -> Iterator[str]:
    """Yield the Parquet files below a table's folder, those that a clean-up has put aside among them."""
    store = open_store(folder, dataset.config.object_options)
    for info in list(store.list()):
        if info.path.endswith(ASIDE) and not store.is_behind_link(info.path):
            store.put_back(info.path)
    for info in store.list():
        if info.path.endswith(".parquet") and not store.is_never_readable(info.path):
            yield info.path


def named_rows(found: Table, table: str, paths: Iterable[str], named: NamedImages, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield columns of the rows of data files that name one of the images; a file without image ids has none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in paths:
        with found.io.new_input(path).open() as opened, pq.ParquetFile(opened) as file:
            known = file.schema_arrow.names
            if "image_id" not in known:  # it says which rows of another file are gone
                continue
            asked = [name for name in NamedImages.columns(table) if name in known]
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys([*asked, *columns]))):
                rows = pa.Table.from_batches([batch])
                rows = rows.filter(named.mask(table, rows.select(asked)))
                if rows.num_rows:
                    yield rows.select(list(columns) or ["image_id"])


@dataclass
class Rewriting:
    """Data files of one table without the rows that name an image; each is written once, whichever snapshots have it.

    :param names: of the files that name one.
    """

    table: str
    named: NamedImages
    names: Collection[str]
    _done: dict[str, list[Any]] = field(default_factory=dict)

    def of_snapshot(self, found: Table, snapshot_id: int) -> tuple[list[Any], list[Any]]:
        """Return the files of a snapshot that are to go, and those that take their place."""
        tasks = [task for task in found.scan(snapshot_id=snapshot_id).plan_files() if name_of(task.file.file_path) in self.names]
        new: list[Any] = []
        for task in tasks:
            path = task.file.file_path
            if task.delete_files:  # rows that another engine has deleted are others at each snapshot
                new += files_of_rows(found, self._rows_left(found, task))
                continue
            if path not in self._done:
                self._done[path] = files_of_rows(found, self._rows_left(found, task))
            new += self._done[path]
        return [task.file for task in tasks], new

    def _rows_left(self, found: Table, task: FileScanTask) -> Iterator[pa.Table]:
        """Yield the other rows of a file, some 64 MB at a time, with every column that the table has, others' own ones, too."""
        import pyarrow as pa
        import pyarrow.compute as pc
        from pyiceberg.expressions import AlwaysTrue
        from pyiceberg.io.pyarrow import ArrowScan

        kept: list[pa.Table] = []
        for batch in ArrowScan(found.metadata, found.io, found.schema(), AlwaysTrue()).to_record_batches([task]):
            rows = pa.Table.from_batches([batch])
            kept.append(rows.filter(pc.invert(self.named.mask(self.table, rows))))
            if sum(part.nbytes for part in kept) >= BATCH_BYTES:
                yield pa.concat_tables(kept)
                kept = []
        if sum(part.num_rows for part in kept):
            yield pa.concat_tables(kept)


def replace_files(found: Table, branch: str, old: Sequence[Any], new: Sequence[Any]) -> None:
    """Put files in the place of others, in one snapshot of a branch."""
    from airflow_cv_dataops.core.store.transactions import QuickTransaction

    with QuickTransaction(found) as changes, changes.update_snapshot(branch=branch).overwrite() as snapshot:
        swap(snapshot, old, new)


def snapshots_with(found: Table, names: Collection[str]) -> set[int]:
    """Return the snapshots that have one of the files."""
    has_one: dict[str, bool] = {}
    with_one = set()
    for snapshot in found.metadata.snapshots:
        manifests = snapshot.manifests(found.io)
        for manifest in manifests:
            if manifest.manifest_path not in has_one:
                entries = manifest.fetch_manifest_entry(found.io, discard_deleted=True)
                has_one[manifest.manifest_path] = any(name_of(entry.data_file.file_path) in names for entry in entries)
        if any(has_one[manifest.manifest_path] for manifest in manifests):
            with_one.add(snapshot.snapshot_id)
    return with_one
