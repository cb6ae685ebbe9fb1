"""The labels of the images that a release holds: counted and hashed a few at a time, as a large dataset's do not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.records import BACKGROUND
from airflow_cv_dataops.core.release.copies import CopyMerge
from airflow_cv_dataops.core.release.digest import column_hashes, combined, digest_of_parts
from airflow_cv_dataops.core.release.image_index import HeldImages, ImageIndex
from airflow_cv_dataops.core.release.label_counts import LabelCounts, LabelFacts, Said

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
    """What there is to say of them.

    :param count: labels; what byte-identical copies of an image say alike counts once. Statements that nothing is there are none.
    :param images: how many images have a label, or are said to hold nothing.
    :param backgrounds: how many images are said to hold nothing.
    :param wrong: how many labels are at fault.
    :param conflicting_copies: of how many images byte-identical copies are labelled differently, in each label set.
    :param of_other_images: labels and statements that are not held, as the image that they were joined to is not: its file has gone or
        changed since.
    :param digest: of what labels and statements say.
    :param facts: what is said of images and categories.
    :param labelled: whether each image has a label, or is said to hold nothing.
    """

    count: int
    images: int
    backgrounds: int
    by_category: Mapping[str, int]
    wrong: int
    conflicting_copies: int
    of_other_images: int
    digest: str
    facts: LabelFacts = field(compare=False)
    labelled: np.ndarray = field(compare=False)


def read_held_labels(
    read: Callable[[], Iterable[pa.Table]],
    images: HeldImages,
    at_fault: Mapping[str, pa.Array],
    *,
    look_at: Callable[[np.ndarray, pa.Table, np.ndarray], None] | None = None,
) -> HeldLabels:
    """Read the labels of a release's images, wherever copies of these lie.

    What copies of an image say is compared label by label, in a second reading, where there are labels of one image at several places.

    :param read: yields ``LABEL_COLUMNS`` of ``annotations``; called once or twice.
    :param at_fault: annotation ids by partition. They repeat across partitions whose label files are named alike.
    :param look_at: called with some labels at a time, copies included: numbers of their images, ``LABEL_COLUMNS``, hashes of what they say.
    """
    import numpy as np

    counts, places = LabelCounts(len(images)), _Places(len(images))
    is_empty = np.zeros(len(images), bool)
    of_other_images = 0
    for key, rows in _by_partition(read()):
        held, at = held_rows(rows, images.index)
        of_other_images += len(rows) - rows["image_id"].null_count - held.num_rows
        places.add(key, held["source_uri"], at)
        are_empty = is_background(held)
        is_empty[at[are_empty]] = True
        statements = statement_hashes(held, images.id_hashes[at])
        counts.add(Said(at, statements, counts.codes_of(held["category"]), _are_among(held, at_fault.get(key)) & ~are_empty, ~are_empty))
        if look_at is not None:
            look_at(at, held, statements)
    conflicts = _merge_copies(read, images, places.several, at_fault, counts) if places.several.any() else 0
    return HeldLabels(
        count=counts.count,
        images=int(places.are_known.sum()),
        backgrounds=int(is_empty.sum()),
        by_category=counts.by_category(),
        wrong=counts.wrong,
        conflicting_copies=conflicts,
        of_other_images=of_other_images,
        digest=digest_of_parts(counts.statements),
        facts=counts.facts(),
        labelled=places.are_known,
    )


def held_rows(labels: pa.Table, index: ImageIndex) -> tuple[pa.Table, np.ndarray]:
    """Return the labels whose image is among those of the index, and where it stands there."""
    import pyarrow as pa

    at = index.of(labels["image_id"])
    is_held = at >= 0
    return (labels, at) if is_held.all() else (labels.filter(pa.array(is_held)), at[is_held])


def is_background(rows: pa.Table) -> np.ndarray:
    """Return which rows of ``annotations`` are no labels, but state that nothing is in their image."""
    import pyarrow.compute as pc

    found: np.ndarray = pc.equal(rows["task"], BACKGROUND).to_numpy().astype(bool)
    return found


def statement_hashes(labels: pa.Table, id_hashes: np.ndarray | None = None) -> np.ndarray:
    """Return a hash of what each label says of its image. :param id_hashes: of its image's id, where that is known."""
    said = what_they_say(labels)
    known = {} if id_hashes is None else {"image_id": id_hashes}
    return combined([known[name] if name in known else column_hashes(said[name]) for name in said.column_names])


def what_they_say(labels: pa.Table) -> pa.Table:
    """Return what labels say of their images, without where it was read from, in columns whose hash does not depend on their neighbours."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: labels[name] for name in ("image_id", "label_set", "task", "category", "segmentation", "attributes")}
    columns["iscrowd"] = labels["iscrowd"].cast(pa.string())
    columns |= {f"bbox.{part}": pc.struct_field(labels["bbox"], part) for part in ("x", "y", "width", "height")}
    keypoints = labels["keypoints"]
    if keypoints.null_count == len(keypoints):
        columns["keypoints"] = pa.nulls(len(keypoints), pa.string())
    else:
        texts = [None if points is None else json.dumps(points) for points in keypoints.to_pylist()]
        columns["keypoints"] = pa.array(texts, pa.string())
    return pa.table(columns)


class _Places:
    """Of each image where its labels are, by a hash of the place: 10 bytes.

    :ivar are_known: whether there is a label of it. :ivar several: whether there are some at more than one place.
    """

    def __init__(self, images: int) -> None:
        import numpy as np

        self._first = np.zeros(images, np.uint64)
        self.are_known = np.zeros(images, bool)
        self.several = np.zeros(images, bool)

    def add(self, partition_key: str, source_uris: pa.ChunkedArray, at: np.ndarray) -> None:
        """Take labels of a partition."""
        import numpy as np
        import pyarrow as pa

        places = combined([np.broadcast_to(column_hashes(pa.array([partition_key])), len(at)), column_hashes(source_uris)])
        new = ~self.are_known[at]
        self._first[at[new]] = places[new]
        self.are_known[at] = True
        self.several[at[self._first[at] != places]] = True


def _merge_copies(
    read: Callable[[], Iterable[pa.Table]],
    images: HeldImages,
    several: np.ndarray,
    at_fault: Mapping[str, pa.Array],
    counts: LabelCounts,
) -> int:
    """Take from the counts what copies of an image say again; return of how many subjects they contradict one another."""
    import numpy as np
    import pyarrow as pa

    merge, parts = CopyMerge(), []
    for key, rows in _by_partition(read()):
        at = images.index.of(rows["image_id"])
        wanted = (at >= 0) & several[at]
        if wanted.any():
            labels, at = rows.filter(pa.array(wanted)), at[wanted]
            statements, are_labels = statement_hashes(labels, images.id_hashes[at]), ~is_background(labels)
            merge.add(labels, statements)
            codes = counts.codes_of(labels["category"])
            parts.append(Said(at, statements, codes, _are_among(labels, at_fault.get(key)) & are_labels, are_labels))
    said = Said.joined(parts)
    kept, conflicts = merge.kept()
    again = said.where(~kept)
    # A label that stays is at fault as well where one that says the same is.
    late = said.where(kept & ~said.wrong & said.are_labels & np.isin(said.statements, again.statements[again.wrong]))
    counts.remove(again)
    counts.condemn(late)
    return conflicts


def _are_among(labels: pa.Table, ids: pa.Array | None) -> np.ndarray:
    import numpy as np
    import pyarrow.compute as pc

    if ids is None:
        return np.zeros(labels.num_rows, bool)
    found: np.ndarray = pc.is_in(labels["annotation_id"], value_set=ids).to_numpy().astype(bool)
    return found


def _by_partition(batches: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Yield partition key and rows. A data file has one partition's rows, so that a batch is hardly ever cut."""
    import pyarrow.compute as pc

    for batch in batches:
        keys = batch["partition_key"].unique().to_pylist()
        for key in keys:
            yield key, batch if len(keys) == 1 else batch.filter(pc.equal(batch["partition_key"], key))
