"""What a contract's frame takes from other tables: the size of an image, and how many labels it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ImageIndex:
    """Rows of ``images`` by what rows of other tables name them by.

    :param keys: of each image, unique.
    """

    by: Sequence[str]
    keys: pa.Array
    width: pa.Array
    height: pa.Array

    @classmethod
    def of(cls, images: Iterable[pa.Table], by: Sequence[str]) -> ImageIndex:
        """:param images: the ``by`` columns, width and height."""
        import pyarrow as pa

        keys, widths, heights = [pa.array([], pa.large_string())], [pa.array([], pa.int32())], [pa.array([], pa.int32())]
        for batch in images:
            keys += _key(batch, by).chunks
            widths += batch["width"].chunks
            heights += batch["height"].chunks
        return cls(by, *(pa.concat_arrays(parts) for parts in (keys, widths, heights)))

    def columns(self, rows: pa.Table) -> Mapping[str, pa.ChunkedArray]:
        """Return size in pixels, and whether there is such an image, of each row; null where there is none."""
        import pyarrow.compute as pc

        at = pc.index_in(_key(rows, self.by), value_set=self.keys, skip_nulls=True)
        return {
            "image_width": _taken(self.width, at),
            "image_height": _taken(self.height, at),
            "image_matched": pc.is_valid(at),
        }


def label_counts(annotations: Iterable[pa.Table], by: Sequence[str]) -> Callable[[pa.Table], pa.ChunkedArray]:
    """Return a function that says of rows of images how many annotations each has. :param annotations: the ``by`` columns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = [pa.table({"key": pa.array([], pa.large_string()), "count": pa.array([], pa.int64())})]
    for batch in annotations:
        counted = pa.table({"key": _key(batch, by)}).group_by("key").aggregate([([], "count_all")])
        parts.append(counted.select(["key", "count_all"]).rename_columns(["key", "count"]))
    whole = pa.concat_tables(parts).group_by("key").aggregate([("count", "sum")])
    keys, counts = whole["key"].combine_chunks(), whole["count_sum"].combine_chunks()

    def of(images: pa.Table) -> pa.ChunkedArray:
        at = pc.index_in(_key(images, by), value_set=keys, skip_nulls=True)
        return pc.fill_null(pc.take(counts, at), 0)

    return of


def _taken(values: pa.Array, at: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.take(values, at).cast(pa.float64())


def _key(rows: pa.Table, by: Sequence[str]) -> pa.ChunkedArray:
    """Return the columns as one comparable text; null where one of them is."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = [rows[name].cast(pa.large_string()) for name in by]
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, pa.scalar("\n", pa.large_string()))
