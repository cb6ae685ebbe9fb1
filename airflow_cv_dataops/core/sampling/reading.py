"""What sampling reads: images, labels, predictions, findings and embeddings of the partitions that it chooses from."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.errors import ConfigurationError, DatasetNotFoundError
from airflow_cv_dataops.core.metrics import AUDIT, CONTRACT
from airflow_cv_dataops.core.sampling.options import ALL_PARTITIONS, SampleOptions
from airflow_cv_dataops.core.step_lineage import DatasetUse
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.hashing import hashes_of_ids
from airflow_cv_dataops.core.store.partition_files import check_written
from airflow_cv_dataops.core.store.schema import arrow_schema
from airflow_cv_dataops.core.store.table_rows import take_rows
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from pyiceberg.expressions import BooleanExpression

log = logging.getLogger(__name__)

_AT_ONCE = 65_536
TABLES = ("images", "predictions", "annotations", "findings", "samples", "embeddings")
IMAGES = ("partition_key", "image_id", "source_uri", "storage_uri", "file_name", "width", "height")


@dataclass(frozen=True)
class Scope:
    """Which partitions are read, each table at one snapshot.

    :param keys: ``None``: all of the dataset.
    """

    dataset: Dataset
    keys: tuple[str, ...] | None
    snapshots: Mapping[str, str]

    @staticmethod
    def of(dataset: Dataset, partition_key: str, options: SampleOptions) -> Scope:
        keys = (partition_key,) if options.partitions is None else tuple(dict.fromkeys(options.partitions))
        return Scope(dataset, None if options.partitions == ALL_PARTITIONS else keys, dataset.snapshots(TABLES))

    def whole(self) -> Scope:
        """Return the scope of all partitions, at the same snapshots."""
        return Scope(self.dataset, None, self.snapshots)

    def rows(self, table: str, where: BooleanExpression | None = None) -> TableRows:
        """Return rows of a table in these partitions. :param where: a further filter."""
        return TableRows(self, table, where)

    def use(self, table: str, rows: int | None) -> DatasetUse:
        """Describe the table for lineage. :param rows: ``None``: it was not needed."""
        key = self.keys[0] if self.keys is not None and len(self.keys) == 1 else None
        return self.dataset.table_use(table, partition_key=key, snapshot_id=self.snapshots.get(table), rows=rows)


@dataclass(frozen=True)
class TableRows:
    """Rows of one table, read a few at a time whenever they are gone through."""

    scope: Scope
    table: str
    where: BooleanExpression | None = None

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
        """Yield columns, at most ``batch_rows`` at a time; the same order every time."""
        snapshot_id = self.scope.snapshots.get(self.table)
        if snapshot_id is None:
            return iter(())
        return self.scope.dataset.read_batches(
            self.table, snapshot_id=snapshot_id, columns=list(columns), where=self._filter(), batch_rows=batch_rows
        )

    def read(self, columns: Sequence[str]) -> pa.Table:
        """Return columns of all rows."""
        snapshot_id = self.scope.snapshots.get(self.table)
        if snapshot_id is None:
            return arrow_schema(self.table).empty_table().select(list(columns))
        return self.scope.dataset.read(self.table, snapshot_id=snapshot_id, columns=columns, where=self._filter())

    def _filter(self) -> Any:
        from pyiceberg.expressions import AlwaysTrue, And, In

        of_keys: Any = AlwaysTrue() if self.scope.keys is None else In("partition_key", self.scope.keys)
        return of_keys if self.where is None else And(of_keys, self.where)


@dataclass(frozen=True, eq=False)
class Labels:
    """What is labelled, and what waits to be.

    :param ids: distinct ids of images with a label, ``empty`` ones among them. :param empty: those with a statement that nothing is there.
    :param queued: ids of images that another sample holds. :param own: those that the sample has held so far.
    :param categories: how many labels there are of each category.
    """

    ids: pa.Array
    empty: pa.Array
    queued: pa.Array
    own: pa.Array
    categories: Mapping[str, int]
    annotation_rows: int
    sample_rows: int


def check_scope(scope: Scope) -> list[str]:
    """Return which of the partitions that were asked for nobody has written to.

    :raises DatasetNotFoundError: none of them has been written, or there is no such dataset.
    """
    if scope.keys is None:
        scope.dataset.check_there()
        return []
    missing = []
    for key in scope.keys:
        try:
            check_written(scope.dataset, key)
        except DatasetNotFoundError:
            if len(scope.keys) == 1:
                raise
            missing.append(key)
    if len(missing) == len(scope.keys):
        raise DatasetNotFoundError(
            f"No step has written to any of the partitions {few(missing, 10)} of {scope.dataset.name!r}: check the spelling, or run an "
            "ingest first."
        )
    return missing


def read_images(scope: Scope, columns: Sequence[str]) -> tuple[pa.Table, pa.Table]:
    """Return each image once, and image_id, source_uri and file_name of all files.

    Of byte-identical files the one with the smallest (partition_key, source_uri) stands. :param columns: beside ``IMAGES``.
    """
    files = scope.rows("images").read(tuple(dict.fromkeys((*IMAGES, *columns))))
    return unique_images(files), files.select(["image_id", "source_uri", "file_name"])


def unique_images(images: pa.Table) -> pa.Table:
    """Return each image once, in the order of ``partition_key`` (where there is one) and ``source_uri``; the first file stands for it."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    order = [(name, "ascending") for name in ("partition_key", "source_uri") if name in images.column_names]
    ordered = take_rows(images, pc.sort_indices(images, sort_keys=order))
    several = may_repeat(ordered["image_id"])
    codes = ordered["image_id"].filter(pa.array(several)).dictionary_encode().combine_chunks().indices.to_numpy(zero_copy_only=False)
    first = np.unique(codes, return_index=True)[1]
    if len(first) == len(codes):
        return ordered
    stands = ~several
    stands[np.flatnonzero(several)[first]] = True
    return ordered.filter(pa.array(stands))


def may_repeat(image_ids: pa.ChunkedArray) -> np.ndarray:
    """Return which ids are there more than once, by a hash of each: all of those, and hardly any other."""
    import numpy as np

    parts = (hashes_of_ids(image_ids.slice(start, _AT_ONCE)) for start in range(0, len(image_ids), _AT_ONCE))
    hashes = np.concatenate([np.empty(0, np.uint64), *parts])
    order = np.argsort(hashes)
    is_as_next = hashes[order[:-1]] == hashes[order[1:]]
    found = np.zeros(len(hashes), bool)
    found[order[:-1][is_as_next]] = found[order[1:][is_as_next]] = True
    return found


def read_labels(scope: Scope, own: tuple[str, str], labelled_in: str) -> Labels:
    """Return what is labelled or queued; annotations are read batch by batch.

    :param own: partition key and id of the sample that is made: what it holds itself is not queued.
    :param labelled_in: ``partition``: in the scope; ``dataset``: anywhere.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    scope = scope.whole() if labelled_in == "dataset" else scope
    rows, ids, empty = 0, [pa.array([], pa.string())], [pa.array([], pa.string())]
    categories: dict[str, int] = {}
    for batch in scope.rows("annotations").batches(("image_id", "task", "category"), 65_536):
        rows += batch.num_rows
        batch = batch.filter(batch["image_id"].is_valid())
        ids.append(pc.unique(batch["image_id"]))
        empty.append(pc.unique(batch.filter(pc.equal(batch["task"], "background"))["image_id"]))
        for found in pc.value_counts(batch["category"].drop_null()).to_pylist():
            categories[found["values"]] = categories.get(found["values"], 0) + found["counts"]
    samples = _others_samples(scope, own)
    return Labels(
        ids=pc.unique(pa.chunked_array(ids)),
        empty=pc.unique(pa.chunked_array(empty)),
        queued=pc.unique(samples["image_id"]),
        own=pc.unique(_own_sample(scope, own)["image_id"]),
        categories=dict(sorted(categories.items())),
        annotation_rows=rows,
        sample_rows=samples.num_rows,
    )


def _own_sample(scope: Scope, own: tuple[str, str]) -> pa.Table:
    from pyiceberg.expressions import And, EqualTo

    return scope.whole().rows("samples", And(EqualTo("partition_key", own[0]), EqualTo("sample_id", own[1]))).read(["image_id"])


def _others_samples(scope: Scope, own: tuple[str, str]) -> pa.Table:
    """Return the images of other samples: those that a run of one of the partitions has made, and those that hold images of them."""
    from pyiceberg.expressions import And, EqualTo, In, Not, Or

    key, sample_id = own
    others = Not(And(EqualTo("partition_key", key), EqualTo("sample_id", sample_id)))
    found = scope.dataset.load_table("samples") if "samples" in scope.snapshots else None
    # Before there was the column, a batch was of its own partition.
    if scope.keys is not None and found is not None and "image_partition" in found.schema().column_names:
        others = And(others, Or(In("partition_key", scope.keys), In("image_partition", scope.keys)))
        return scope.whole().rows("samples", others).read(["image_id"])
    return scope.rows("samples", others).read(["image_id"])


def unaudited(scope: Scope, keys: Sequence[str]) -> list[str]:
    """Return which partitions no audit and no contract has looked at, whatever was written since.

    :param keys: sorted; those of the images that are chosen from.
    """
    import pyarrow.compute as pc
    from pyiceberg.expressions import And, In, Or, StartsWith

    looking = And(In("partition_key", tuple(keys)), Or(StartsWith("step", AUDIT), StartsWith("step", CONTRACT)))
    looked_at = set(pc.unique(scope.dataset.read("metrics", columns=["partition_key"], where=looking)["partition_key"]).to_pylist())
    return [key for key in keys if key not in looked_at]


def models_of(scope: Scope) -> dict[str, int]:
    """Return how many predictions there are of each model, by name, in the order of the names."""
    import pyarrow.compute as pc

    counts: dict[str, int] = {}
    for batch in scope.rows("predictions").batches(["model"], 65_536):
        for found in pc.value_counts(batch["model"]).to_pylist():
            counts[found["values"]] = counts.get(found["values"], 0) + found["counts"]
    return dict(sorted(counts.items()))


def model_among(present: Sequence[str], model: str | None, where: str) -> str:
    """Return the model whose predictions count.

    :raises ConfigurationError: several models and none named, or the named one is not among those there.
    """
    if model is None and len(present) > 1:
        raise ConfigurationError(f"There are predictions of several models in {where}: {', '.join(present)}. Name one as model.")
    if model is not None and model not in present:
        raise ConfigurationError(f"Model {model!r} has no predictions in {where}; there are predictions of {', '.join(present)}.")
    return model or present[0]
