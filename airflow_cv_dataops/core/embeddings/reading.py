"""Embeddings as one matrix, for whatever compares images: out of ``embeddings``, or out of ``predictions`` where they came with those."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.errors import ConfigurationError
from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.table_contents import table_contents
from airflow_cv_dataops.core.wording import few

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

log = logging.getLogger(__name__)

_BATCH_ROWS = 8192


class NoEmbeddingsError(ConfigurationError):
    """No image has an embedding, or none by the model that was named."""


def read_embeddings(
    dataset: Dataset,
    partition_key: str | Sequence[str] | None = None,
    *,
    embedding_model: str | None = None,
    snapshot_id: str | int | None = None,
) -> tuple[pa.Array, np.ndarray]:
    """Return the images that have an embedding, and their vectors, by image id; each image once.

    They are those of table ``embeddings``; where that has none (of this name), those that were imported with ``predictions``, by the name
    of their ``model``. An image of several partitions has the vector of the first by key. Vectors that are not finite are left out, and
    the log says how many. Memory holds the matrix once, and some 8,000 rows.

    :param partition_key: of this partition, or of these; ``None``: of all.
    :param embedding_model: ``None``: the only one that has any.
    :param snapshot_id: of table ``embeddings``, which is then the only one that is read; default: the current one.
    :return: ``image_id`` as an Arrow array of N strings, sorted; the vectors ``(N, D)`` float32, in the same order.
    :raises NoEmbeddingsError: there are none, or none of this name.
    :raises ConfigurationError: several models have some, and none is named; or vectors differ in
        length.
    :raises DatasetNotFoundError: there is no such dataset, or no such snapshot.
    """
    dataset.check_there()
    keys = (partition_key,) if isinstance(partition_key, str) else None if partition_key is None else tuple(partition_key)
    chosen = _choose(dataset, keys, embedding_model, snapshot_id)
    return _matrix(chosen)


def read_embeddings_of(
    image_ids: Sequence[str], dataset: Dataset, like: Sequence[str] | None, *, embedding_model: str | None
) -> tuple[pa.Array, np.ndarray]:
    """Return the embeddings of a few images, in whatever partition, as :func:`read_embeddings` does.

    :param like: from the table and by the model that ``read_embeddings`` takes for these partitions.
    """
    chosen = _choose(dataset, None if like is None else tuple(like), embedding_model, None)
    return _matrix(replace(chosen, keys=None, image_ids=tuple(image_ids)))


@dataclass(frozen=True)
class _Stored:
    """Vectors of one model in one table, at one snapshot; gone through twice, in the same order."""

    dataset: Dataset
    table: str
    owner: str
    name: str
    keys: tuple[str, ...] | None
    snapshot_id: str | int | None
    image_ids: tuple[str, ...] | None = None

    def batches(self, *columns: str) -> Iterator[pa.Table]:
        from pyiceberg.expressions import AlwaysTrue, And, EqualTo, In

        of_keys = AlwaysTrue() if self.keys is None else In("partition_key", self.keys)
        of_images = AlwaysTrue() if self.image_ids is None else In("image_id", self.image_ids)
        return self.dataset.read_batches(
            self.table,
            snapshot_id=self.snapshot_id,
            columns=columns,
            where=And(of_keys, of_images, EqualTo(self.owner, self.name)),
            batch_rows=_BATCH_ROWS,
        )


def _choose(dataset: Dataset, keys: tuple[str, ...] | None, name: str | None, snapshot_id: str | int | None) -> _Stored:
    where = "" if keys is None else f", partition{'s' if len(keys) > 1 else ''} {few(keys, 5)}"
    if snapshot_id is not None:
        names = _names_at(dataset, keys, snapshot_id)
        found = _named(names, name, f"table {dataset.identifier('embeddings')} at snapshot {snapshot_id}{where}")
        if found is not None:
            return _Stored(dataset, "embeddings", "embedding_model", found, keys, snapshot_id)
    else:
        there: dict[str, list[str]] = {}
        for table, owner in (("embeddings", "embedding_model"), ("predictions", "model")):
            contents = table_contents(dataset, table, keys[0] if keys is not None and len(keys) == 1 else None)
            stored = [
                _Stored(dataset, table, owner, one, keys, contents.snapshot_id)
                for one in sorted({str(part) for key, part in contents.parts if keys is None or key in keys})
            ]
            there[table] = [one.name for one in stored if table == "embeddings" or (name in (None, one.name) and _has_any(one))]
            found = _named(there[table], name, f"table {dataset.identifier(table)}{where}")
            if found is not None:
                return next(one for one in stored if one.name == found)
        names = there["embeddings"]
    if name is not None:
        others = f"; there are those of {', '.join(names)}" if names else ""
        raise NoEmbeddingsError(f"There are no embeddings by {name!r} in {dataset.name!r}{where}{others}.")
    raise NoEmbeddingsError(
        f"There are no embeddings in {dataset.name!r}{where}: make them by embed_images (ImageEmbeddingOperator), or import them."
    )


def _named(names: list[str], name: str | None, where: str) -> str | None:
    """Return the one that is meant; ``None`` where it is not there. :raises ConfigurationError: none is named, and there are several."""
    if name is not None:
        return name if name in names else None
    if len(names) > 1:
        raise ConfigurationError(f"There are embeddings by several models in {where}: {', '.join(names)}. Name one as embedding_model.")
    return names[0] if names else None


def _names_at(dataset: Dataset, keys: tuple[str, ...] | None, snapshot_id: str | int) -> list[str]:
    import pyarrow.compute as pc
    from pyiceberg.expressions import In

    of_keys = None if keys is None else In("partition_key", keys)
    names: set[str] = set()
    for batch in dataset.read_batches("embeddings", snapshot_id=snapshot_id, columns=["embedding_model"], where=of_keys):
        names.update(pc.unique(batch["embedding_model"]).to_pylist())
    return sorted(names)


def _has_any(stored: _Stored) -> bool:
    return any(batch["embedding"].null_count < batch.num_rows for batch in stored.batches("embedding"))


def _matrix(stored: _Stored) -> tuple[pa.Array, np.ndarray]:
    """Go through the rows twice: first for what they are of, then for the numbers, each of which goes where it belongs."""
    import numpy as np
    import pyarrow as pa

    ids, places, dimensions = _places(stored)
    matrix = np.empty((len(ids), dimensions), np.float32)
    start = 0
    for batch in stored.batches("embedding"):
        to = places[start : start + batch.num_rows]
        start += batch.num_rows
        wanted = np.flatnonzero(to >= 0)
        if len(wanted):
            lists = batch["embedding"].take(pa.array(wanted)).combine_chunks()
            matrix[to[wanted]] = np.asarray(lists.flatten().fill_null(np.nan)).reshape(-1, dimensions)
    return _finite(stored, ids, matrix)


def _places(stored: _Stored) -> tuple[pa.Array, np.ndarray, int]:
    """Return the ids, sorted; of each row its place among them, -1 where another of the same image counts; and how long vectors are."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    parts: list[pa.Table] = []
    lengths: dict[int, str] = {}
    for batch in stored.batches("image_id", "partition_key", "embedding"):
        size = pc.list_value_length(batch["embedding"])
        usable = pc.and_(pc.is_valid(batch["image_id"]), pc.greater(size.fill_null(0), 0))
        for length in pc.unique(size.filter(usable)).to_pylist():
            first = batch.filter(pc.and_(usable, pc.equal(size, length)))["image_id"][0].as_py()
            lengths.setdefault(length, first)
        parts.append(pa.table({"image_id": pc.if_else(usable, batch["image_id"], None), "partition_key": batch["partition_key"]}))
    if len(lengths) > 1:
        shown = ", ".join(f"{length:,} (image {lengths[length]})" for length in sorted(lengths))
        raise ConfigurationError(
            f"The embeddings by {stored.name!r} in table {stored.dataset.identifier(stored.table)} differ in length: {shown}. Embed the "
            "partitions again by one model, or give those of another length a name of their own."
        )
    if not lengths:
        return pa.array([], pa.string()), np.full(sum(part.num_rows for part in parts), -1), 0
    rows = pa.concat_tables(parts)
    rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    keys = [("image_id", "ascending"), ("partition_key", "ascending"), ("row", "ascending")]
    rows = rows.filter(pc.is_valid(rows["image_id"])).sort_by(keys).combine_chunks()
    ids = rows["image_id"].combine_chunks()
    is_first = np.ones(len(ids), dtype=bool)
    is_first[1:] = np.asarray(pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)))
    places = np.full(sum(part.num_rows for part in parts), -1, dtype=np.int64)
    first = np.flatnonzero(is_first)
    places[np.asarray(rows["row"])[first]] = np.arange(len(first))
    return ids.take(pa.array(first)), places, next(iter(lengths))


def _finite(stored: _Stored, ids: pa.Array, matrix: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Leave out what is no vector of numbers; a matrix without any such row is not copied."""
    import numpy as np
    import pyarrow as pa

    is_finite = np.concatenate(
        [np.isfinite(matrix[at : at + _BATCH_ROWS]).all(axis=1) for at in range(0, len(matrix), _BATCH_ROWS)] or [np.ones(0, dtype=bool)]
    )
    if is_finite.all():
        return ids, matrix
    log.warning("%s embeddings by %s are not finite, and left out", f"{int((~is_finite).sum()):,}", stored.name)
    return ids.filter(pa.array(is_finite)), matrix[is_finite]
