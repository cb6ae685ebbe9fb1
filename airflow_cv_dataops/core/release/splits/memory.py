"""The splits that images and groups got in earlier releases, so that they keep them.

While every release of a salt was split by the same hash of image ids there is nothing to remember: the hash says it again. From the first
one on that was not, each release writes what is new in it to ``split_assignments``; rows of an attempt that lost the race to make a release
count for nothing, as no release has their ``items_id``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_cv_dataops.core.release.image_index import ImageIndex
from airflow_cv_dataops.core.release.splits.by_hash import assign_splits
from airflow_cv_dataops.core.release.splits.options import SplitOptions
from airflow_cv_dataops.core.store.dataset import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_COLUMNS = ("image_id", "split")


@dataclass(frozen=True)
class Remembered:
    """What earlier releases have decided.

    :param images: image_id and split, each image once. :param is_written: how many of them, the first ones, stand in the table already.
    :param groups: split by group.
    """

    images: pa.Table
    is_written: int
    groups: Mapping[str, str] = field(default_factory=dict)


def remember(dataset: Dataset, rows: Sequence[Mapping[str, Any]], options: SplitOptions) -> Remembered | None:
    """Return what is to be kept; ``None`` where the hash of an image's id says all of it.

    :param rows: of ``releases``, as they are where the new release is decided.
    """
    made = _made(rows)
    ours = [row for row in made if row["splitting"] is not None and row["splitting"]["salt"] == options.salt]
    by_hash = [row for row in ours if row["splitting"]["is_plain"]]
    former = [row for row in made if row["splitting"] is None] if not ours else []
    is_plain = len(by_hash) == len(ours) and options.is_plain
    # In the same order: the hash goes by where a split's interval lies.
    same = all(list(row["splitting"]["shares"].items()) == list(options.shares.items()) for row in by_hash)
    if is_plain and same and not (former and _differs(dataset, former[-1], options)):
        return None
    if former and options.salt:
        former = []  # whatever they were drawn by, somebody draws anew
    written, groups = _written(dataset, ours)
    # Releases by hash alone have written nothing: what they held is read once, and written with the release to come.
    unwritten = [] if any(row["splitting"]["is_remembered"] for row in ours) else [*former, *by_hash]
    return Remembered(*_with_items(dataset, written, unwritten), groups)


def _made(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the row of each release with which it was made, in their order."""
    first: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        first.setdefault(row["release"], row)
    return list(first.values())


def _differs(dataset: Dataset, row: Mapping[str, Any], options: SplitOptions) -> bool:
    """Say whether a release of a version that did not record how it split was split otherwise than the options would split it."""
    items = _items_of(dataset, row)
    return bool(assign_splits(items["image_id"].to_pylist(), options.shares, salt=options.salt) != items["split"].to_pylist())


def _written(dataset: Dataset, rows: Sequence[Mapping[str, Any]]) -> tuple[pa.Table, dict[str, str]]:
    """Return image_id and split, and the split of each group, of the rows that releases have written."""
    import pyarrow as pa
    import pyarrow.compute as pc

    stored = dataset.read("split_assignments", columns=["release", "items_id", "image_id", "group_key", "split"])
    ours = pa.array([f"{row['release']}\n{row['items_id']}" for row in rows], pa.string())
    keys = pc.binary_join_element_wise(stored["release"], stored["items_id"], "\n")
    stored = stored.filter(pc.is_in(keys, value_set=ours))
    of_groups = stored.filter(pc.is_valid(stored["group_key"]))
    groups = dict(zip(of_groups["group_key"].to_pylist(), of_groups["split"].to_pylist(), strict=True))
    return stored.filter(pc.is_valid(stored["image_id"])).select(list(_COLUMNS)), groups


def _with_items(dataset: Dataset, written: pa.Table, rows: Sequence[Mapping[str, Any]]) -> tuple[pa.Table, int]:
    """Return the images that are written, those that only the releases hold after them, and how many the former are."""
    import pyarrow as pa

    known = written
    for row in rows:  # in their order: the first release that held an image decides
        items = _items_of(dataset, row)
        new = items.filter(pa.array(ImageIndex(known["image_id"]).of(items["image_id"]) < 0))
        known = pa.concat_tables([known, new.select(list(_COLUMNS)).cast(known.schema)])
    return known, written.num_rows


def _items_of(dataset: Dataset, row: Mapping[str, Any]) -> pa.Table:
    from pyiceberg.expressions import And, EqualTo

    where = And(EqualTo("release", row["release"]), EqualTo("items_id", row["items_id"]))
    return dataset.read("release_items", columns=_COLUMNS, where=where, snapshot_id=row["snapshots"]["release_items"])
