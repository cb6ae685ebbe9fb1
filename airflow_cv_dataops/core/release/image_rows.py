"""The rows of ``images`` that stand for a release's images, read a few at a time and put in the order of image ids."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.release.by_image_id import RowsById
from airflow_cv_dataops.core.release.sources import COLUMNS as SOURCE_COLUMNS
from airflow_cv_dataops.core.release.sources import SourceNumbers

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COLUMNS = ("image_id", *SOURCE_COLUMNS)
_PLACE = ("image_id", "partition_key", "source_uri")


@dataclass(frozen=True)
class ImageRows:
    """Images, each once, in the order of their ids.

    :param rows: image_id, partition_key (dictionary-encoded) and source_uri of the row that stands for each.
    :param source_numbers: of the source that each comes from, by ``sources``.
    :param places: how many rows there were, byte-identical copies among them.
    """

    rows: pa.Table
    source_numbers: np.ndarray
    sources: SourceNumbers
    places: int

    def __len__(self) -> int:
        return int(self.rows.num_rows)

    def where(self, mask: np.ndarray) -> Self:
        import pyarrow as pa

        return self if mask.all() else replace(self, rows=self.rows.filter(pa.array(mask)), source_numbers=self.source_numbers[mask])

    def by_source(self) -> tuple[np.ndarray, list[str]]:
        """Return the number of each image's source, int64, and the sources that any image comes from, in the order of their numbers."""
        return self.sources.held_among(self.source_numbers)

    @classmethod
    def of(cls, batches: Iterable[pa.Table]) -> Self:
        """Take rows of ``images``; of an image at several places the one with the smallest (partition_key, source_uri) stands for it.

        :param batches: ``COLUMNS``.
        """
        import numpy as np

        rows, numbers, codes = RowsById(_PLACE, repeating=("partition_key",)), SourceNumbers(), [np.empty(0, np.int32)]
        for batch in batches:
            rows.add(batch)
            codes.append(numbers.of(batch))
        whole, order = rows.in_order(each_once=True)
        places = np.concatenate(codes)
        return cls(whole, places[order], numbers, len(places))
