"""The images of a partition, each once, and what rows they have already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.store.dataset import Dataset
from airflow_cv_dataops.core.store.schema import arrow_schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COLUMNS = ("image_id", "source_uri", "storage_uri", "width", "height")


def unique_images(images: pa.Table) -> pa.Table:
    """Return each image once, ordered by ``image_id``; of byte-identical files the smallest ``source_uri`` stands."""
    import numpy as np
    import pyarrow.compute as pc

    order = pc.sort_indices(images, sort_keys=[("image_id", "ascending"), ("source_uri", "ascending")])
    ordered = images.take(order).combine_chunks()
    if not ordered.num_rows:
        return ordered
    ids = ordered["image_id"].combine_chunks()
    is_first = np.ones(len(ids), dtype=bool)
    is_first[1:] = np.asarray(pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)))
    return ordered.take(np.flatnonzero(is_first))


@dataclass(frozen=True, eq=False)
class Previous:
    """Rows of one embedding model in one partition, at one snapshot.

    :param snapshot_id: ``None``: there are none.
    :param same: ``image_id`` and ``source_uri`` of the rows whose numbers the same parameters decided, by the same model's URI.
    :param rows: how many there are in all.
    """

    dataset: Dataset
    partition_key: str
    embedding_model: str
    snapshot_id: str | None
    same: pa.Table
    rows: int

    @classmethod
    def of(cls, dataset: Dataset, partition_key: str, embedding_model: str, parameters_id: str, source: str) -> Previous:
        """Read which there are; their vectors are not read."""
        import pyarrow.compute as pc
        from pyiceberg.expressions import EqualTo

        snapshot_id = dataset.snapshot_id("embeddings")
        columns = ["image_id", "source_uri", "parameters_id", "source"]
        found = arrow_schema("embeddings").empty_table().select(columns)
        if snapshot_id is not None:
            owned = EqualTo("embedding_model", embedding_model)
            found = dataset.read("embeddings", partition_key=partition_key, snapshot_id=snapshot_id, columns=columns, where=owned)
        same = found.filter(pc.and_(pc.equal(found["parameters_id"], parameters_id), pc.equal(found["source"], source)))
        ids = same.select(["image_id", "source_uri"]).sort_by("image_id").combine_chunks()
        return cls(dataset, partition_key, embedding_model, snapshot_id, ids, found.num_rows)

    @property
    def image_ids(self) -> pa.Array:
        """The images that have a row that may stay, sorted."""
        return self.same["image_id"].combine_chunks()

    def is_all(self, images: pa.Table) -> bool:
        """Say whether the rows are those of all the images, and there are no others. :param images: each once, by ``image_id``."""
        is_whole = self.snapshot_id is not None and images.num_rows == self.same.num_rows == self.rows
        return is_whole and all(images[name].combine_chunks().equals(self.same[name].combine_chunks()) for name in self.same.column_names)

    def has(self, image_ids: pa.ChunkedArray) -> np.ndarray:
        """Say of each image whether there is a row that may stay."""
        import numpy as np
        import pyarrow.compute as pc

        return np.asarray(pc.is_in(image_ids, value_set=self.image_ids))

    def vectors(self, image_ids: pa.ChunkedArray) -> pa.Table:
        """Return ``image_id`` and ``embedding`` of some images, in their order: a stretch of ids, as the rows are sorted by them.

        :param image_ids: sorted; of each there is a row (:meth:`has`).
        """
        import pyarrow.compute as pc
        from pyiceberg.expressions import And, EqualTo, GreaterThanOrEqual, LessThanOrEqual

        columns = ["image_id", "embedding"]
        if not len(image_ids) or self.snapshot_id is None:
            return arrow_schema("embeddings").empty_table().select(columns)
        first, last = image_ids[0].as_py(), image_ids[len(image_ids) - 1].as_py()
        found = self.dataset.read(
            "embeddings",
            partition_key=self.partition_key,
            snapshot_id=self.snapshot_id,
            columns=columns,
            where=And(
                EqualTo("embedding_model", self.embedding_model), GreaterThanOrEqual("image_id", first), LessThanOrEqual("image_id", last)
            ),
        )
        return found.take(pc.index_in(image_ids, value_set=found["image_id"].combine_chunks()))
