"""Images of a release, counted some rows at a time: each once, however many byte-identical files it has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.release.card.items import CardItems
from airflow_cv_dataops.core.release.card.sources import ImageSources
from airflow_cv_dataops.core.release.snapshot_reader import SnapshotReader

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_cv_dataops.core.release.reader import Release

MEASURES = ("brightness", "contrast", "sharpness", "colourfulness")
_COUNTED = ("format", "mode", "camera")
_COLUMNS = (
    "image_id",
    "partition_key",
    "source_uri",
    "file_name",
    "bytes",
    "width",
    "height",
    "issues",
    "has_gps",
    "captured_at",
    *_COUNTED,
    *MEASURES,
)


@dataclass
class ImageTally:
    """:param files: rows of ``images`` whose bytes are those of an image of the release.
    :param sizes: (width, height) in pixels to images. :param measured: by measure its values, float32, where it is known.
    """

    files: int = 0
    images: int = 0
    bytes: int = 0
    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    counted: dict[str, Counter[str | None]] = field(default_factory=lambda: {name: Counter() for name in _COUNTED})
    issues: Counter[str] = field(default_factory=Counter)
    issues_known: int = 0
    with_position: int = 0
    captured: tuple[str, str] | None = None
    measured: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in MEASURES})
    sources: ImageSources = field(default_factory=ImageSources)

    def values(self, measure: str) -> np.ndarray:
        import numpy as np

        return np.concatenate([np.empty(0, np.float32), *self.measured[measure]])

    def add(self, rows: pa.Table) -> None:
        """Take rows, each of another image."""
        import numpy as np
        import pyarrow.compute as pc

        self.images += rows.num_rows
        self.bytes += pc.sum(rows["bytes"]).as_py() or 0
        sides = rows["width"].to_numpy().astype(np.int64) << 32 | rows["height"].to_numpy()
        for size, count in zip(*(found.tolist() for found in np.unique(sides, return_counts=True)), strict=True):
            self.sizes[size >> 32, size & 0xFFFFFFFF] += count
        for name, counter in self.counted.items():
            counter.update(_counted(rows[name]))
        self.issues.update(_counted(pc.list_flatten(rows["issues"])))
        self.issues_known += rows.num_rows - rows["issues"].null_count
        self.with_position += pc.sum(rows["has_gps"]).as_py() or 0
        self._add_times(rows["captured_at"])
        for name, parts in self.measured.items():
            values = rows[name].drop_null().to_numpy()
            parts.append(values[np.isfinite(values)].astype(np.float32))

    def _add_times(self, times: pa.ChunkedArray) -> None:
        import pyarrow.compute as pc

        first, last = pc.min(times).as_py(), pc.max(times).as_py()  # ISO 8601: in the order of time as texts
        if first is not None:
            known = self.captured or (first, last)
            self.captured = (min(known[0], first), max(known[1], last))


def tally_images(release: Release, items: CardItems) -> ImageTally:
    """Count the images of a release. :raises StoreError: the tables do not hold what was released."""
    import numpy as np
    import pyarrow as pa

    tally, is_seen = ImageTally(), np.zeros(len(items), bool)
    for batch in SnapshotReader(release.dataset, release.snapshots, release.partition_keys).batches("images", _COLUMNS):
        at = items.at(batch["image_id"])
        held, at = batch.filter(pa.array(at >= 0)), at[at >= 0]
        tally.files += len(at)
        tally.sources.add(held)
        # Byte-identical files have the same measures: whichever comes first stands for the image.
        places, first = np.unique(at, return_index=True)
        new = first[~is_seen[places]]
        is_seen[places] = True
        tally.add(held.take(pa.array(np.sort(new))))
    release.check_count("images", tally.images, release.images_count)
    return tally


def _counted(column: Any) -> dict[Any, int]:
    import pyarrow.compute as pc

    return {entry["values"]: entry["counts"] for entry in pc.value_counts(column).to_pylist()}
