"""The images of a release, as far as a card has to know them: 40 bytes each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airflow_cv_dataops.core.release.by_image_id import RowsById
from airflow_cv_dataops.core.release.image_index import ImageIndex

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.release.reader import Release

_USUAL = ("train", "val", "valid", "validation", "test")


@dataclass(frozen=True)
class CardItems:
    """What a card has to know of each image.

    :param image_ids: of each, sorted.
    :param splits: names, in their usual order.
    :param split: of each, its place in ``splits``, int16.
    :param partitions: those that images stand in.
    """

    image_ids: pa.ChunkedArray
    index: ImageIndex
    splits: tuple[str, ...]
    split: np.ndarray
    partitions: frozenset[str]

    @classmethod
    def of(cls, release: Release) -> Self:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        rows, partitions = RowsById(("image_id", "split"), repeating=("split",)), set[str]()
        for batch in release.item_batches():
            partitions.update(batch["partition_key"].unique().to_pylist())
            rows.add(batch)
        items, _ = rows.in_order(each_once=False)
        release.check_count("images", items.num_rows, release.images_count)
        splits = sorted(items["split"].unique().to_pylist(), key=_as_usual)
        split = pc.index_in(items["split"].cast(pa.string()), value_set=pa.array(splits, pa.string())).to_numpy().astype(np.int16)
        return cls(items["image_id"], ImageIndex(items["image_id"]), tuple(splits), split, frozenset(partitions))

    def __len__(self) -> int:
        return len(self.split)

    def by_split(self) -> dict[str, int]:
        """Return images by split."""
        import numpy as np

        return dict(zip(self.splits, np.bincount(self.split, minlength=len(self.splits)).tolist(), strict=True))

    def at(self, image_ids: pa.ChunkedArray) -> np.ndarray:
        """Return the place of each id, -1 where it is none of them. Ids repeat, mostly side by side: each is looked up once."""
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = image_ids.combine_chunks().dictionary_encode()
        places = np.append(self.index.of(pa.chunked_array([encoded.dictionary])), -1)
        found: np.ndarray = places[pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)]
        return found


def _as_usual(split: str) -> tuple[int, str]:
    """Order splits as people name them: training first, then what it is looked at with, then tests, then others by name."""
    return _USUAL.index(split) if split in _USUAL else len(_USUAL), split
