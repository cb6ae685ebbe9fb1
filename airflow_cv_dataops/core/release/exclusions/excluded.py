"""What a release leaves out, taken from labels and findings wherever they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.release.image_index import ImageIndex

if TYPE_CHECKING:
    import pyarrow as pa

KEY_COLUMNS = ("partition_key", "annotation_id")


@dataclass(frozen=True)
class Excluded:
    """Images and single labels.

    :param labels: annotation ids by partition; they repeat across partitions whose label files are named alike.
    :param images: ids of the images that are left out whole.
    """

    labels: Mapping[str, pa.Array] = field(default_factory=dict)
    images: pa.ChunkedArray | None = None

    @classmethod
    def of(cls, rows: pa.Table) -> Self:
        """:param rows: image_id, partition_key and annotation_id, which is null where the whole image is left out."""
        import pyarrow.compute as pc

        is_label = pc.is_valid(rows["annotation_id"])
        labels = rows.filter(is_label)
        keys = labels["partition_key"]
        by_partition = {key: labels.filter(pc.equal(keys, key))["annotation_id"].combine_chunks() for key in keys.unique().to_pylist()}
        return cls(by_partition, rows.filter(pc.invert(is_label))["image_id"])

    @cached_property
    def index(self) -> ImageIndex:
        """Which images are left out whole."""
        import pyarrow as pa

        return ImageIndex(pa.chunked_array([], pa.string()) if self.images is None else self.images)

    def and_images(self, image_ids: pa.ChunkedArray) -> Self:
        """Return the same with more images."""
        import pyarrow as pa

        held = [] if self.images is None else self.images.chunks
        chunks = [chunk.cast(pa.large_string()) for chunk in (*held, *image_ids.chunks)]
        return replace(self, images=pa.chunked_array(chunks, pa.large_string()))

    def without(self, rows: pa.Table) -> pa.Table:
        """Return the rows that are about none of it. :param rows: ``KEY_COLUMNS``, image_id where images are left out, and any others."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(self.index):
            rows = rows.filter(pa.array(self.index.of(rows["image_id"]) < 0))
        return rows.filter(pc.invert(self.labels_among(rows))) if self.labels else rows

    def labels_among(self, rows: pa.Table) -> pa.ChunkedArray:
        """Return for each row whether it is, or is about, a label that is left out. :param rows: ``KEY_COLUMNS``."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pa.chunked_array([pa.repeat(pa.scalar(False), rows.num_rows)])
        for key in [key for key in rows["partition_key"].unique().to_pylist() if key in self.labels]:
            is_out = pc.is_in(rows["annotation_id"], value_set=self.labels[key], skip_nulls=True)
            found = pc.or_(found, pc.and_(pc.equal(rows["partition_key"], key), is_out))
        return found

    def without_all(self, batches: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Yield what is left of each of some rows."""
        return map(self.without, batches)
