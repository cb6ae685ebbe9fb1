"""The rows that a partition has so far, looked at a stretch of files at a time: which may stay, and what they are now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.imaging.ingest.file_columns import file_infos
from airflow_cv_dataops.core.imaging.ingest.image_rows import row_schema
from airflow_cv_dataops.core.imaging.ingest.incremental import kept_rows, split_unchanged
from airflow_cv_dataops.core.imaging.ingest.odd_sizes import with_odd_sizes
from airflow_cv_dataops.core.imaging.ingest.parameters import IngestParameters
from airflow_cv_dataops.core.imaging.measures.verdicts import judged
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

_COMPARED = ("source_uri", "bytes", "source_etag", "source_modified_at", "parameters_id")
_TABLES = {"images": _COMPARED, "rejects": (*_COMPARED, "reason")}


class PreviousRows:
    """A partition at its snapshots.

    :param snapshots: snapshot id by table; a table without one has no rows.
    :param parameters: a row that others decided is out of date, but for their thresholds: verdicts are reached anew.
    """

    def __init__(self, dataset: Dataset, partition_key: str, snapshots: Mapping[str, str], parameters: IngestParameters) -> None:
        self._dataset = dataset
        self._partition_key = partition_key
        self._snapshots = snapshots
        self._thresholds = parameters.thresholds
        self._parameters_id = parameters.id
        self._former_ids = parameters.former_ids

    @classmethod
    def now(cls, dataset: Dataset, partition_key: str, parameters: IngestParameters) -> PreviousRows | None:
        """Return the rows as they are now; ``None`` where the tables hold none at all."""
        snapshots = dataset.snapshots(tuple(_TABLES))
        return cls(dataset, partition_key, snapshots, parameters) if snapshots else None

    def changed(self, files: pa.Table) -> pa.Table:
        """Return those of a sorted stretch of a listing whose rows must be made anew."""
        images, rejects = (self._rows(table, files, columns) for table, columns in _TABLES.items())
        _, changed = split_unchanged(file_infos(files), images, rejects, self._parameters_id, *self._former_ids)
        return _among(files, [file.uri for file in changed])

    def kept(self, files: pa.Table, changed: pa.Table) -> dict[str, pa.Table]:
        """Return the rows of the unchanged files, by table, as this run would have made them.

        Which of their sizes are odd is up to what the partition will be: no row says so yet.
        """
        import pyarrow.compute as pc

        unchanged = files.filter(pc.invert(pc.is_in(files["source_uri"], value_set=changed["source_uri"].combine_chunks())))
        infos = file_infos(unchanged)
        kept = {table: self._now(kept_rows(self._rows(table, files, row_schema(table).names), infos)) for table in _TABLES}
        return {**kept, "images": with_odd_sizes(judged(kept["images"], self._thresholds), False)}

    def _now(self, rows: pa.Table) -> pa.Table:
        """Return rows under the id that their parameters have now."""
        import pyarrow as pa

        position = rows.schema.get_field_index("parameters_id")
        field = rows.schema.field(position)
        return rows.set_column(position, field, pa.repeat(pa.scalar(self._parameters_id, field.type), rows.num_rows))

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
