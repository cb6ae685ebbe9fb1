"""The frame that a contract's suite sees: a table's rows as pandas, with Arrow's strings and flat columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.contracts.frame_columns import IMAGE_COLUMNS, LABELS, flat, frame_columns, read_columns
from airflow_cv_dataops.core.contracts.joins import ImageIndex, label_counts
from airflow_cv_dataops.core.contracts.scope import Scope, check_owners, read_tables, snapshots_of
from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.release.lookup import read_release
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.partition_files import partition_files
from airflow_cv_dataops.core.store.schema import arrow_schema, model_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from airflow_cv_dataops.core.release.reader import Release

_MANY_ROWS = 200_000
_BATCH_ROWS = 2**20  # at most: with each batch Arrow makes its index of all images anew
_PLACE = ("image_id", "source_uri", "annotation_id", "category", "partition_key")


def contract_frame(
    dataset: Dataset,
    table: str,
    *,
    partition_key: str | None = None,
    whole_dataset: bool = False,
    release: str | None = None,
    snapshot_id: str | int | None = None,
    owners: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return a table's rows as the suites of contracts see them, for Great Expectations in a project of your own.

    Text is held by Arrow, not as Python objects. ``bbox`` is ``bbox_x``, ``bbox_y``, ``bbox_width`` and ``bbox_height`` (NaN where there is
    no box); a list is the number of its entries, ``<name>_count``, and ``issues`` also a text with commas. Annotations and predictions have
    ``image_width``, ``image_height`` (NaN) and ``image_matched`` of the row of ``images`` that they are of; images have ``labels``, the
    number of annotation rows of the image in the partition, of its byte-identical copies and of task ``background`` too. Whole numbers with
    nulls are floats with NaN.

    :param table: any table of the data model.
    :param partition_key: the partition; needed unless ``whole_dataset`` or ``release`` says otherwise.
    :param whole_dataset: all partitions.
    :param release: a release (``v3``), a stage or a time: its ``images``, ``annotations`` or ``release_items``, with their ``split``.
    :param snapshot_id: as of this snapshot of the table, and joined with the images or labels of then.
    :param owners: of these label sets, models, audits, samples or steps alone.
    :param columns: these alone, read for it; default: all.
    :raises ConfigurationError: arguments contradict one another, or there is no such table or column.
    :raises DatasetNotFoundError: there is no such dataset, release or snapshot.
    """
    scope = Scope.of(
        table, partition_key=partition_key, whole_dataset=whole_dataset, release=release, snapshot_id=snapshot_id, owners=owners
    )
    return ContractRows.open(dataset, scope).frame(columns)


@dataclass(frozen=True)
class ContractRows:
    """The rows of a scope, at fixed snapshots: read once as a frame, and again where single rows are to be named.

    :param snapshots: by table, those that are read.
    """

    dataset: Dataset
    scope: Scope
    snapshots: Mapping[str, str]
    release: Release | None = field(default=None, repr=False)

    @classmethod
    def open(cls, dataset: Dataset, scope: Scope) -> ContractRows:
        """:raises DatasetNotFoundError: there is no such dataset, release or snapshot."""
        if scope.release is not None:
            release = read_release(dataset, scope.release)
            return cls(dataset, replace(scope, release_name=release.name), release.snapshots, release)
        dataset.check_there()
        snapshots = snapshots_of(dataset, scope, read_tables(scope.table)[1:])
        check_owners(dataset, scope, snapshots.get(scope.table))
        return cls(dataset, scope, snapshots)

    @property
    def read_tables(self) -> tuple[str, ...]:
        """The tables that its rows are made of, and those that may be joined to them."""
        return read_tables(self.scope.table, of_release=self.release is not None)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns that there are."""
        return frame_columns(self.scope.table, of_release=self.release is not None)

    @cached_property
    def are_many(self) -> bool:
        """Whether there are so many rows that a frame of all columns is worth avoiding; of a release one frame is always made."""
        scope = self.scope
        if self.release is not None:
            return False
        files = partition_files(self.dataset, scope.table, self.snapshots.get(scope.table), scope.partition_key)
        rows = sum(file.rows for found in files.values() for file in found if scope.owners is None or file.owner in scope.owners)
        return rows > _MANY_ROWS

    def frame(self, columns: Collection[str] | None = None) -> pd.DataFrame:
        """Return the rows, in the order of the snapshot's files. :raises ConfigurationError: there is no such column."""
        if unknown := [name for name in columns or () if name not in self.names]:
            raise ConfigurationError(f"A contract on {self.scope.table} has no columns {unknown}; it has {', '.join(self.names)}.")
        wanted = self.names if columns is None else [name for name in self.names if name in set(columns)]
        return _to_pandas(self.arrow(wanted))

    def arrow(self, wanted: Sequence[str]) -> pa.Table:
        """Return the same as Arrow; of no column, how many rows there are is not known."""
        import pyarrow as pa

        read = read_columns(self.scope.table, wanted)
        join = self._join(wanted)
        read = list(dict.fromkeys([*read, *join.by]))
        parts = []
        for batch in self._batches(read):
            columns = {**flat(batch, wanted), **join.add(batch)}
            parts.append(pa.table({name: columns[name] for name in wanted}))
        return pa.concat_tables(parts)

    def places(self, positions: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Return image, source, annotation, category and partition of rows of the frame, as far as the table has them, by position."""
        import pyarrow as pa

        names = [name for name in _PLACE if name in self.names]
        wanted, begin = sorted(set(positions)), 0
        found: dict[int, dict[str, Any]] = {}
        for batch in self._batches(names):
            end = begin + batch.num_rows
            here = [position for position in wanted if begin <= position < end]
            rows = batch.select(names).take(pa.array([position - begin for position in here], pa.int64())).to_pylist()
            found.update(zip(here, rows, strict=True))
            begin = end
        return found

    def _batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yield columns of the rows, at least one (empty) table."""
        table = self.scope.table
        if self.release is not None:
            yield from _released(self.release, table, columns)
            return
        yield self._empty(columns)
        if table in self.snapshots:
            key, where = self.scope.partition_key, self.scope.rows_are()
            yield from self.dataset.read_batches(
                table, partition_key=key, snapshot_id=self.snapshots[table], columns=columns, where=where, batch_rows=_BATCH_ROWS
            )

    def _empty(self, columns: Sequence[str]) -> pa.Table:
        return arrow_schema(model_of(self.scope.table).name).empty_table().select(list(columns))

    def _join(self, wanted: Collection[str]) -> _Join:
        table = self.scope.table
        joined = [name for name in (*IMAGE_COLUMNS, LABELS) if name in wanted]
        if not joined or table not in ("annotations", "predictions", "images", "release_items"):
            return _Join((), lambda batch: {})
        of_image = self.release is not None or table == "images"
        by = (*(() if self.release is not None else ("partition_key",)), "image_id" if of_image else "source_uri")
        if table in ("annotations", "predictions"):
            images = ImageIndex.of(self._other("images", [*by, "width", "height"]), by)
            return _Join(by, lambda batch: {name: column for name, column in images.columns(batch).items() if name in wanted})
        counts = label_counts(self._other("annotations", list(by)), by)
        return _Join(by, lambda batch: {LABELS: counts(batch)})

    def _other(self, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
        if self.release is not None:
            yield from _released(self.release, table, columns)
        elif table in self.snapshots:
            yield from self.dataset.read_batches(
                table, partition_key=self.scope.partition_key, snapshot_id=self.snapshots[table], columns=columns
            )


@dataclass(frozen=True)
class _Join:
    """:param by: the columns of the table that it needs. :param add: what it makes of a batch of rows."""

    by: tuple[str, ...]
    add: Callable[[pa.Table], Mapping[str, pa.ChunkedArray]]


def _released(release: Release, table: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    if table == "release_items":
        yield release.items()
        return
    rows = release.images(columns) if table == "images" else release.annotations(columns)
    yield rows.select([*dict.fromkeys(columns), *(["split"] if "split" not in columns else [])])


def _to_pandas(rows: pa.Table) -> pd.DataFrame:
    """Convert without Python objects.

    Text has NaN for null, as ``str`` of pandas 3: with ``pd.NA`` comparisons are neither true nor false, and Great Expectations raises.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    try:
        text: Any = pd.StringDtype("pyarrow", na_value=np.nan)
    except TypeError:  # before pandas 2.3
        text = pd.StringDtype("pyarrow_numpy")
    kinds = {pa.string(): text, pa.large_string(): text}
    return rows.to_pandas(types_mapper=kinds.get, split_blocks=True, self_destruct=True)
