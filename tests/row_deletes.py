"""Single rows deleted as another engine does it: by a file that says which rows of a data file are gone (Iceberg's position deletes)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.expressions import EqualTo
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat, ManifestContent, ManifestEntry, ManifestEntryStatus, ManifestWriterV2
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _FastAppendFiles

from airflow_cv_dataops.core.store.dataset import Dataset


class _DeleteManifest(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


class _WithDeletes(_FastAppendFiles):
    """A snapshot that has one manifest more."""

    deleting: Any = None

    def _existing_manifests(self) -> list[Any]:
        return [*super()._existing_manifests(), self.deleting]


def delete_rows(dataset: Dataset, table: str, partition_key: str, positions: Sequence[int]) -> None:
    """Delete the rows at these positions of the partition's first data file, in one commit."""
    found = dataset.load_table(table)
    assert found is not None
    file = next(iter(found.scan(row_filter=EqualTo("partition_key", partition_key)).plan_files())).file
    path = f"{found.location()}/data/deletes-{partition_key}-{len(found.snapshots())}.parquet"
    rows = pa.table({"file_path": [file.file_path] * len(positions), "pos": pa.array(positions, pa.int64())})
    with found.io.new_output(path).create() as out:
        pq.write_table(rows, out)
    deletes = DataFile.from_args(
        content=DataFileContent.POSITION_DELETES,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=file.partition,
        record_count=len(positions),
        file_size_in_bytes=len(found.io.new_input(path)),
    )
    deletes.spec_id = found.spec().spec_id
    with found.transaction() as changes:
        snapshot = _WithDeletes(operation=Operation.APPEND, transaction=changes, io=found.io)
        output = found.io.new_output(f"{found.location()}/metadata/deletes-{snapshot.snapshot_id}.avro")
        with _DeleteManifest(found.spec(), found.schema(), output, snapshot.snapshot_id, "deflate") as writer:
            entry = ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot.snapshot_id, data_file=deletes)
            writer.add_entry(entry)
        snapshot.deleting = writer.to_manifest_file()
        snapshot.commit()
