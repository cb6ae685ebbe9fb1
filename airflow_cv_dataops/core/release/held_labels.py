"""The labels of the images that a release holds: counted and hashed a few at a time, as a large dataset's do not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_cv_dataops.core.labels.records import BACKGROUND
from airflow_cv_dataops.core.release.copies import CopyMerge
from airflow_cv_dataops.core.release.digest import digest_of, row_hashes
from airflow_cv_dataops.core.release.image_index import ImageIndex

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
    :param facts: what is said of each label that is held.
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


@dataclass(frozen=True)
class LabelFacts:
    """One entry a label that is held, statements that nothing is there not among them: 9 bytes.

    :param at: number of its image among the items. :param categories: number of its category; -1: it has none.
    :param wrong: whether it is at fault. :param names: of the categories.
    """

    at: np.ndarray
    categories: np.ndarray
    wrong: np.ndarray
    names: Sequence[str]

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Return images and the categories that each has, every pair once, both int64."""
        import numpy as np

        named = self.categories >= 0
        pairs = np.unique(self.at[named].astype(np.int64) * max(len(self.names), 1) + self.categories[named])
        return pairs // max(len(self.names), 1), pairs % max(len(self.names), 1)


def read_held_labels(
    batches: Iterable[pa.Table],
    items: pa.Table,
    at_fault: Mapping[str, pa.Array],
    *,
    look_at: Callable[[np.ndarray, pa.Table, np.ndarray], None] | None = None,
) -> HeldLabels:
    """Read the labels of a release's images, wherever copies of these lie.

    :param batches: ``LABEL_COLUMNS`` of ``annotations``.
    :param items: image_id of each image, sorted.
    :param at_fault: annotation ids by partition. They repeat across partitions whose label files are named alike.
    :param look_at: called with some labels at a time, copies included: numbers of their images, ``LABEL_COLUMNS``, hashes of what they say.
    """
    import numpy as np

    index, merge, counts = ImageIndex(items["image_id"]), CopyMerge(), _Counts()
    has_label, is_empty = np.zeros(items.num_rows, bool), np.zeros(items.num_rows, bool)
    of_other_images = 0
    for key, rows in _by_partition(batches):
        held, at = held_rows(rows, index)
        of_other_images += len(rows) - rows["image_id"].null_count - held.num_rows
        has_label[at] = True
        is_empty[at[is_background(held)]] = True
        statements = row_hashes(what_they_say(held))
        merge.add(held, statements)
        counts.add(held, at, statements, at_fault.get(key))
        if look_at is not None:
            look_at(at, held, statements)
    kept, conflicts = merge.kept()
    return HeldLabels(
        count=counts.labels(kept),
        images=int(has_label.sum()),
        backgrounds=int(is_empty.sum()),
        by_category=counts.by_category(kept),
        wrong=counts.wrong(kept),
        conflicting_copies=conflicts,
        of_other_images=of_other_images,
        digest=digest_of([counts.statements(kept)]),
        facts=counts.facts(kept),
        labelled=has_label,
    )


def held_rows(labels: pa.Table, index: ImageIndex) -> tuple[pa.Table, np.ndarray]:
    """Return the labels whose image is among those of the index, and where it stands there."""
    import pyarrow as pa

    at = index.of(labels["image_id"])
    return labels.filter(pa.array(at >= 0)), at[at >= 0]


def is_background(rows: pa.Table) -> np.ndarray:
    """Return which rows of ``annotations`` are no labels, but state that nothing is in their image."""
    import pyarrow.compute as pc

    found: np.ndarray = pc.equal(rows["task"], BACKGROUND).to_numpy().astype(bool)
    return found


class _Counts:
    """Image, statement, category and fault of each label, and whether it is one: 18 bytes."""

    def __init__(self) -> None:
        self._at: list[np.ndarray] = []
        self._are_labels: list[np.ndarray] = []
        self._statements: list[np.ndarray] = []
        self._categories: list[np.ndarray] = []
        self._faults: list[np.ndarray] = []
        self._names: dict[str, int] = {}

    def add(self, labels: pa.Table, at: np.ndarray, statements: np.ndarray, at_fault: pa.Array | None) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = labels["category"].combine_chunks().dictionary_encode()
        codes = np.array([self._names.setdefault(name, len(self._names)) for name in encoded.dictionary.to_pylist()], np.int32)
        places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
        self._at.append(at.astype(np.int32))
        self._categories.append(np.where(places < 0, -1, codes[places] if len(codes) else -1).astype(np.int32))
        ids = pa.array([], pa.string()) if at_fault is None else at_fault
        are_labels = ~is_background(labels)
        self._are_labels.append(are_labels)
        self._faults.append(pc.is_in(labels["annotation_id"], value_set=ids).to_numpy() & are_labels)
        self._statements.append(statements)

    def labels(self, kept: np.ndarray) -> int:
        return int(self._of(self._are_labels, kept).sum())

    def statements(self, kept: np.ndarray) -> np.ndarray:
        return self._of(self._statements, kept)

    def facts(self, kept: np.ndarray) -> LabelFacts:
        import numpy as np

        are_labels = self._of(self._are_labels, kept).astype(bool)
        at, categories = (self._of(parts, kept)[are_labels].astype(np.int32) for parts in (self._at, self._categories))
        return LabelFacts(at, categories, self._wrong(kept)[are_labels], list(self._names))

    def wrong(self, kept: np.ndarray) -> int:
        return int(self._wrong(kept).sum())

    def _wrong(self, kept: np.ndarray) -> np.ndarray:
        """Return which of them are at fault, themselves or in what a copy that is not kept says alike."""
        import numpy as np

        faults, statements = self._of(self._faults, kept).astype(bool), self._of(self._statements, kept)
        if not kept.all():
            faults |= np.isin(statements, self._of(self._statements, ~kept)[self._of(self._faults, ~kept)])
        return faults

    def by_category(self, kept: np.ndarray) -> dict[str, int]:
        import numpy as np

        codes = self._of(self._categories, kept)
        counted = np.bincount(codes[codes >= 0].astype(np.int64), minlength=len(self._names))
        return {name: int(counted[code]) for name, code in self._names.items() if counted[code]}

    @staticmethod
    def _of(parts: list[np.ndarray], kept: np.ndarray) -> np.ndarray:
        import numpy as np

        whole: np.ndarray = np.concatenate(parts)[kept] if parts else np.empty(0, np.uint64)
        return whole  # a copy: a mask was applied


def _by_partition(batches: Iterable[pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Yield partition key and rows. A data file has one partition's rows, so that a batch is hardly ever cut."""
    import pyarrow.compute as pc

    for batch in batches:
        keys = batch["partition_key"].unique().to_pylist()
        for key in keys:
            yield key, batch if len(keys) == 1 else batch.filter(pc.equal(batch["partition_key"], key))


def what_they_say(labels: pa.Table) -> pa.Table:
    """Return what labels say of their images, without where it was read from, in columns whose hash does not depend on their neighbours."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {name: labels[name] for name in ("image_id", "label_set", "task", "category", "segmentation", "attributes")}
    columns["iscrowd"] = labels["iscrowd"].cast(pa.string())
    columns |= {f"bbox.{part}": pc.struct_field(labels["bbox"], part) for part in ("x", "y", "width", "height")}
    columns["keypoints"] = pa.array(
        [None if points is None else json.dumps(points) for points in labels["keypoints"].to_pylist()], pa.string()
    )
    return pa.table(columns)
