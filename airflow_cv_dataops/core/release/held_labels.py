"""The labels of the images that a release holds: counted and hashed a few at a time, as a large dataset's do not fit into memory."""

from __future__ import annotations

import bisect
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.release.digest import digest_of, row_hashes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

LABEL_COLUMNS = (
    "partition_key",
    "source_uri",
    "image_id",
    "annotation_id",
    "label_set",
    "task",
    "category",
    "bbox",
    "segmentation",
    "iscrowd",
    "keypoints",
    "attributes",
)


@dataclass(frozen=True)
class HeldLabels:
    """:param images: how many images have a label. :param wrong: how many labels are at fault. :param digest: of what the labels say."""

    count: int
    images: int
    by_category: Mapping[str, int]
    wrong: int
    digest: str


def read_held_labels(batches: Iterable[pa.Table], items: pa.Table, at_fault: Mapping[str, pa.Array]) -> HeldLabels:
    """Read the labels that lie on items.

    :param batches: ``LABEL_COLUMNS`` of ``annotations``.
    :param items: partition_key and source_uri of the rows that stand for an image.
    :param at_fault: annotation ids by partition. They repeat across partitions whose label files are named alike.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    places = _Places(items)
    count = wrong = 0
    by_category: Counter[str] = Counter()
    hashes: list[np.ndarray] = []
    for key, rows in _by_partition(batches):
        held = rows.filter(places.hold(key, rows["source_uri"]))
        count += held.num_rows
        by_category.update({entry["values"].as_py(): entry["counts"].as_py() for entry in pc.value_counts(held["category"].drop_null())})
        wrong += pc.sum(pc.is_in(held["annotation_id"], value_set=at_fault.get(key, pa.array([], pa.string())))).as_py() or 0
        hashes.append(row_hashes(_what_they_say(held)))
    return HeldLabels(count, places.labelled_images, by_category, wrong, digest_of(hashes))


class _Places:
    """The items by partition and source, and which of them have been found to have a label."""

    def __init__(self, items: pa.Table) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        ordered = items.select(["partition_key", "source_uri"]).sort_by([("partition_key", "ascending"), ("source_uri", "ascending")])
        self._sources = ordered["source_uri"].cast(pa.large_string()).combine_chunks()
        self._ranges: dict[str, range] = {}
        start = 0
        for entry in pc.value_counts(ordered["partition_key"]):  # in the order of their first rows
            self._ranges[entry["values"].as_py()] = range(start, start := start + entry["counts"].as_py())
        self._has_label = np.zeros(items.num_rows, bool)

    @property
    def labelled_images(self) -> int:
        return int(self._has_label.sum())

    def hold(self, key: str, sources: pa.ChunkedArray) -> pa.ChunkedArray:
        """Say of each source of a partition's labels whether it is an item's; those that are count as labelled."""
        import pyarrow as pa
        import pyarrow.compute as pc

        # Labels come more or less in the order of their images: only items between their first and last can be meant.
        ends = pc.min_max(sources).as_py()
        within = self._ranges.get(key, range(0)) if ends["min"] is not None else range(0)
        first = bisect.bisect_left(within, ends["min"], key=self._source)
        last = bisect.bisect_right(within, ends["max"], key=self._source)
        within = within[first:last]
        found = pc.index_in(sources.cast(pa.large_string()), value_set=self._sources.slice(within.start, len(within)))
        self._has_label[within.start + found.drop_null().to_numpy()] = True
        return pc.is_valid(found)

    def _source(self, at: int) -> str:
        source: str = self._sources[at].as_py()
        return source


def _by_partition(batches: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Yield partition key and rows. A data file has one partition's rows, so that a batch is hardly ever cut."""
    import pyarrow.compute as pc

    for batch in batches:
        keys = batch["partition_key"].unique().to_pylist()
        for key in keys:
            yield key, batch if len(keys) == 1 else batch.filter(pc.equal(batch["partition_key"], key))


def _what_they_say(labels: pa.Table) -> pa.Table:
    """Return what labels say, without where it was read from, in columns whose hash does not depend on their neighbours."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: labels[name] for name in ("image_id", "label_set", "task", "category", "segmentation", "attributes")}
    columns["iscrowd"] = labels["iscrowd"].cast(pa.string())
    columns |= {f"bbox.{part}": pc.struct_field(labels["bbox"], part) for part in ("x", "y", "width", "height")}
    columns["keypoints"] = pa.array(
        [None if points is None else json.dumps(points) for points in labels["keypoints"].to_pylist()], pa.string()
    )
    return pa.table(columns)
