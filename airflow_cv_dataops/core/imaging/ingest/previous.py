"""The rows that a partition has so far, looked at a stretch of files at a time: which may stay, and what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.imaging.ingest.file_columns import file_infos
from airflow_cv_dataops.core.imaging.ingest.image_rows import row_schema
from airflow_cv_dataops.core.imaging.ingest.incremental import kept_rows, split_unchanged
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

_COMPARED = ("source_uri", "bytes", "source_etag", "source_modified_at", "parameters_id")
_TABLES = {"images": _COMPARED, "rejects": (*_COMPARED, "reason")}


class PreviousRows:
    """A partition at its snapshots.

    :param snapshots: snapshot id by table; a table without one has no rows.
    :param parameters_id: a row that other parameters decided is out of date.
    """

    def __init__(self, dataset: Dataset, partition_key: str, snapshots: Mapping[str, str], parameters_id: str) -> None:
        self._dataset = dataset
        self._partition_key = partition_key
        self._snapshots = snapshots
        self._parameters_id = parameters_id

    @classmethod
    def now(cls, dataset: Dataset, partition_key: str, parameters_id: str) -> PreviousRows | None:
        """Return the rows as they are now; ``None`` where the tables hold none at all."""
        snapshots = dataset.snapshots(tuple(_TABLES))
        return cls(dataset, partition_key, snapshots, parameters_id) if snapshots else None

    def changed(self, files: pa.Table) -> pa.Table:
        """Return those of a sorted stretch of a listing whose rows must be made anew."""
        images, rejects = (self._rows(table, files, columns) for table, columns in _TABLES.items())
        _, changed = split_unchanged(file_infos(files), images, rejects, self._parameters_id)
        return _among(files, [file.uri for file in changed])

    def kept(self, files: pa.Table, changed: pa.Table) -> dict[str, pa.Table]:
        """Return the rows of the unchanged files, by table."""
        import pyarrow.compute as pc

        unchanged = files.filter(pc.invert(pc.is_in(files["source_uri"], value_set=changed["source_uri"].combine_chunks())))
        infos = file_infos(unchanged)
        return {table: kept_rows(self._rows(table, files, row_schema(table).names), infos) for table in _TABLES}

    def _rows(self, table: str, files: pa.Table, columns: tuple[str, ...] | list[str]) -> pa.Table:
        """Return the rows of the files' stretch of URIs: the files of a partition are sorted, so that little else is read."""
        from pyiceberg.expressions import And, GreaterThanOrEqual, LessThanOrEqual

        from airflow_cv_dataops.core.store.schema import arrow_schema

        if table not in self._snapshots:
            model = arrow_schema(table)
            return model.empty_table().select(list(columns))
        uris = files["source_uri"]
        stretch = And(GreaterThanOrEqual("source_uri", uris[0].as_py()), LessThanOrEqual("source_uri", uris[-1].as_py()))
        return self._dataset.read(
            table, partition_key=self._partition_key, snapshot_id=self._snapshots[table], columns=columns, where=stretch
        )


def _among(files: pa.Table, uris: list[str]) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    return files.filter(pc.is_in(files["source_uri"], value_set=pa.array(uris, pa.string())))
