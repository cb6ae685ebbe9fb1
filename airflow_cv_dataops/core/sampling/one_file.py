"""Rows about images of which there are several files: what is said of a picture that is stored twice is said once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from airflow_cv_dataops.core.sampling.pool import Rows

_FILE = ("partition_key", "source_uri")
_KEY = ("image_id", *_FILE)


@dataclass(frozen=True)
class OneFileRows:
    """Rows of a table, of each image those of one of its files: the first by partition key and source URI that has any.

    A file that has no row stands for no other: a model may have seen only the second of two byte-identical files.

    :param rows: all of them. :param repeated: ids of the images that have several files; others are not looked at.
    """

    rows: Rows
    repeated: pa.Array

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.Table]:
        """Yield columns, at most ``batch_rows`` at a time; the same order every time."""
        for batch in self.rows.batches(tuple(dict.fromkeys((*columns, *_KEY))), batch_rows):
            yield self._of_one_file(batch).select(list(columns))

    def _of_one_file(self, batch: pa.Table) -> pa.Table:
        import pyarrow.compute as pc

        place = pc.index_in(batch["image_id"], value_set=self._standing["image_id"].combine_chunks())
        stands = pc.and_kleene(
            *(pc.equal(pc.fill_null(batch[name], ""), self._standing[name].combine_chunks().take(place)) for name in _FILE)
        )
        return batch.filter(pc.fill_null(stands, True))  # null: the only file of its image

    @cached_property
    def _standing(self) -> pa.Table:
        """The file of each repeated image, found by one pass over the names of the rows' files."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        found = [pa.table({name: pa.array([], pa.string()) for name in _KEY})]
        for batch in self.rows.batches(_KEY, 65_536):
            named = batch.filter(pc.is_in(batch["image_id"], value_set=self.repeated))
            found.append(named.group_by(list(_KEY)).aggregate([]).select(list(_KEY)).cast(found[0].schema))
        files = pa.concat_tables(found)
        files = files.set_column(2, "source_uri", pc.fill_null(files["source_uri"], ""))
        files = files.sort_by([(name, "ascending") for name in _KEY])
        codes = files["image_id"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
        return files.take(np.sort(np.unique(codes, return_index=True)[1]))
