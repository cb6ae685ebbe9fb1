"""Which labels a release leaves out although it has their image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.reader import Release

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

LEFT_OUT_COLUMNS = ("partition_key", "annotation_id")


class LeftOutLabels:
    """Read from ``exclusions`` once; nothing is read where no rule has left out a label."""

    def __init__(self, release: Release) -> None:
        import pyarrow as pa
        from pyiceberg.expressions import And, EqualTo

        self._labels = pa.array([], pa.string())
        if any(rule.get("labels") for rule in release.exclusions):
            where = And(EqualTo("release", release.name), EqualTo("items_id", release.items_id))
            held = release.snapshots.get("exclusions")
            rows = release.dataset.read("exclusions", columns=LEFT_OUT_COLUMNS, where=where, snapshot_id=held)
            self._labels = _joined(rows).drop_null().combine_chunks()

    def __bool__(self) -> bool:
        return len(self._labels) > 0

    def among(self, rows: pa.Table) -> np.ndarray:
        """Return which rows are of such a label. :param rows: partition_key and annotation_id."""
        import numpy as np
        import pyarrow.compute as pc

        if not self:
            return np.zeros(rows.num_rows, bool)
        found: np.ndarray = pc.is_in(_joined(rows), value_set=self._labels, skip_nulls=True).to_numpy().astype(bool)
        return found


def _joined(rows: pa.Table) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return pc.binary_join_element_wise(*(rows[name] for name in LEFT_OUT_COLUMNS), "\n")
